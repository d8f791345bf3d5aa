"""With which knowledge and versions something was made, as the archive keeps it beside what was made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from commands.clock import SystemClock

if TYPE_CHECKING:
    from commands.opened import Opened
    from engine.invoice import Seal
    from engine.pipeline import Preview


def sealed(opened: Opened, preview: Preview, files: Sequence[Path], *, pdf: bool) -> Seal:
    """With which knowledge a preview was made; the archive takes the activity in."""
    from engine.replay import seal

    known, state = opened.known, opened.state
    opened.archive.log()  # read before anything is kept: `note` adds to it when all is, and a damaged one would stop it there
    sequence = known.sequence
    if sequence is None and known.day is None:
        sequence = opened.archive.take_in([(file.name, file.path) for file in opened.files(files)])
    return seal(
        preview, opened.book.meaning, opened.book.calendar.semantics, state.commit, state.tree, state.dirty, versions(pdf=pdf),
        sequence, known.day,
    )  # fmt: skip


def note(opened: Opened, seal: Seal) -> None:
    """Adds to the archive's log what is known now; nothing, where a command asked for what was known before."""
    if opened.known.commit is None:
        commit = None if opened.state.dirty else opened.state.commit
        opened.archive.note(SystemClock().now(), commit, seal.sequence or 0)


def versions(*, pdf: bool) -> list[tuple[str, str]]:
    """What the amounts and the rendered bytes depend on beside the rule book and the activity."""
    from importlib.metadata import version

    import renderers
    from engine import __version__

    found = [("engine", __version__), *((name, version(name)) for name in ("durable-rules", "numpy", "polars", "tzdata"))]
    return [*found, *renderers.versions(pdf=pdf)]
