"""Built rule books and what check found in them, kept on disk by the content of the files: what did not change is not read again.

The name of an entry is a hash of the paths and contents of all rule files, of the whole engine and of what it reads YAML with; so
nothing is ever out of date. An entry holds values, no code, and its own hash; one that is damaged is built again. The hash does not
keep a forger out, the folder does: it must be the user's own and closed to all others, never a part of a workspace, which may be
somebody else's. Where the system cannot say whose a file is, nothing is kept.

A book with warnings is not kept, so that they are said each time. What check found is kept whole, but for what activity adds to it.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from engine.canonical import sha256
from engine.problems import Problem, ProblemsFound
from engine.ratebook.book import RuleBook
from engine.ratebook.nodes import no_collection
from engine.ratebook.transcript import read_transcript, transcript

if TYPE_CHECKING:
    from engine.ratebook.crosscheck import Checked

KEPT_MAX = 64  # a replay of years may need the book of each month's commit
_ENGINE = Path(__file__).parent.parent
_BOOK, _CHECK, _PART = "book-", "check-", "part-"


def build_or_read(files: Mapping[str, bytes], folder: Path | None, engine: Path = _ENGINE) -> tuple[RuleBook, list[Problem]]:
    """The rule book in `files` and the warnings about it, from the folder if it is there; raises ProblemsFound if there are errors."""
    with no_collection():
        name = f"{_BOOK}{_hash_of(files, engine)}"
        kept = _read(folder / name) if folder is not None else None
        if kept is not None:
            return read_transcript(kept), []
        from engine.ratebook.build import problems_in  # here, for it is not needed when a book is kept

        book, problems = problems_in(files)
        if book is None:
            raise ProblemsFound(problems)
        unchanged = name == f"{_BOOK}{_hash_of(files, engine)}"  # an engine that is edited meanwhile is another one
        if folder is not None and not problems and unchanged:
            _keep(folder, name, transcript(book))
        return book, problems


def check_or_read(files: Mapping[str, bytes], folder: Path | None, engine: Path = _ENGINE) -> Checked:
    """What check finds in `files` by themselves, from the folder if it is there."""
    from engine.ratebook import kept_check

    name = f"{_CHECK}{_hash_of(files, engine)}"
    kept = _read(folder / name) if folder is not None else None
    if kept is not None:
        return kept_check.read(kept)
    from engine.ratebook.crosscheck import Checked, checked_book

    try:
        found = checked_book(files, *build_or_read(files, folder, engine))
    except ProblemsFound as error:
        found = Checked(error.problems)
    if folder is not None and name == f"{_CHECK}{_hash_of(files, engine)}":
        _keep(folder, name, kept_check.told(found))
    return found


def engine_hash(engine: Path = _ENGINE) -> str:
    """The hash of the engine as it is, for whatever is kept of what it makes: a version is the same while it is worked on."""
    return _hash_of({}, engine)


def _hash_of(files: Mapping[str, bytes], engine: Path) -> str:
    """The hash of everything that a built book depends on."""
    digest = hashlib.sha256(f"{sys.version} {version('pyyaml')} {version('tzdata')} {version('durable-rules')}".encode())
    code = {
        path.relative_to(engine).as_posix(): path.read_bytes() for path in engine.rglob("*") if path.suffix in (".py", ".json")
    }
    for parts in (code, files):
        for path in sorted(parts):
            data = parts[path]
            digest.update(f"\n{len(path)} {path} {len(data)}\n".encode())
            digest.update(data)
        digest.update(b"\n")
    return digest.hexdigest()


def _read(path: Path) -> bytes | None:
    """What an entry holds; None if there is none that can be trusted."""
    try:
        if not _is_private(path.parent.lstat()):
            return None
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return None
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or not _is_private(status):
            return None
        head, data = file.readline(), file.read()
    return data if head == f"{path.name} {sha256(data)}\n".encode() else None


def _keep(folder: Path, name: str, data: bytes) -> None:
    """Writes an entry whole or not at all, and removes the oldest ones. What cannot be written is not kept: that costs time only."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_private(folder.lstat()):
            return
        handle, part = tempfile.mkstemp(dir=folder, prefix=_PART)
        with os.fdopen(handle, "wb") as file:
            file.write(f"{name} {sha256(data)}\n".encode() + data)
        Path(part).replace(folder / name)
        for prefix in (_BOOK, _CHECK, _PART):
            entries = sorted(folder.glob(f"{prefix}*"), key=lambda path: path.stat().st_mtime_ns)
            for path in entries[:-KEPT_MAX]:
                path.unlink(missing_ok=True)
    except OSError:
        return


def _is_private(status: os.stat_result) -> bool:
    """Whether a file or folder is the user's own and closed to all others."""
    return hasattr(os, "geteuid") and status.st_uid == os.geteuid() and not status.st_mode & 0o077
