"""The example workspace, with its first month billed."""

from __future__ import annotations

from pathlib import Path

from commands.opened import open_workspace
from commands.replayed import Told, Wanted, replayed
from commands.terminal import refuse, say, working
from renderers import formats


def example(folder: Path, out: Path) -> Told:
    """October 2026 of the example workspace, which is made in a folder if it is not there yet."""
    from connectors.demo import example_folder, write_workspace

    if folder.exists() and any(folder.iterdir()):
        mark = folder / "inforce.toml"
        if not mark.is_file() or mark.read_bytes() != (example_folder() / mark.name).read_bytes():
            refuse(f"{folder} is not empty and is not the example workspace; name another folder")
        say(f"{folder} is already there; billing it as it is (remove the folder to begin again)")
    else:
        with working("making the example workspace"):
            write_workspace(folder)
    (told,) = replayed(open_workspace(folder), Wanted("2026-10", tuple(formats()), out=out))
    return told
