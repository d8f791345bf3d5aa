"""Documents as files, rendered in several processes and kept from one time to the next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from commands.cores import processes
from commands.terminal import progress, say

if TYPE_CHECKING:
    from engine.invoice import Document


def rendered(made: Sequence[Document], formats: Sequence[str], jobs: int, kept: Path | None) -> dict[str, bytes]:
    """The bytes of each file by name; those not kept from before (None: all) are rendered in `jobs` processes, how many makes no difference."""
    from renderers import safe_file_name
    from renderers.rendered import RenderedFiles, key_of

    files = RenderedFiles(kept) if kept is not None else None
    work = [(document, suffix) for document in made for suffix in formats]
    names = [f"{safe_file_name(document.envelope.number)}.{suffix}" for document, suffix in work]
    keys = [key_of(document, suffix) if files is not None else "" for document, suffix in work]
    done = {
        name: data for name, key in zip(names, keys, strict=True) if files is not None and (data := files.get(key)) is not None
    }
    missing = [number for number, name in enumerate(names) if name not in done]
    with progress("rendering", len(missing)) as advance:
        for number, data in zip(missing, _in_order([work[number] for number in missing], jobs), strict=True):
            done[names[number]] = data
            if files is not None:
                files.put(keys[number], data)
            advance()
    return {name: done[name] for name in names}


def _in_order(work: Sequence[tuple[Document, str]], jobs: int) -> Iterator[bytes]:
    """The files in order, rendered here or, where there are enough of them, in several processes."""
    if jobs == 1 or len(work) < 4:
        yield from map(_render_one, work)
        return
    with processes(jobs) as pool:
        yield from pool.map(_render_one, work)


def _render_one(work: tuple[Document, str]) -> bytes:
    from renderers import formats

    document, suffix = work
    return formats()[suffix](document)


def write_files(out: Path, files: Mapping[str, bytes]) -> None:
    """Writes files into a folder, each whole or not at all."""
    out.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        part = out / f".{name}.part"
        part.write_bytes(data)
        part.replace(out / name)
    say(f"{len(files)} files are in {out}")
