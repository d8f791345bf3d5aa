"""What a command says on the terminal while it works, and how it ends."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from engine.problems import Problem

DONE, FOUND, WRONG_USE, PERSON_NEEDED = 0, 1, 2, 3


class EndedError(Exception):
    """A command ends here, with what it says and its exit code; no InforceError, since nobody on the way may answer it and go on."""

    def __init__(self, said: str, status: int) -> None:
        self.said, self.status = said, status
        super().__init__(said)


def refuse(text: str) -> NoReturn:
    """Ends a command that was used in a wrong way."""
    raise EndedError(f"error: {text}", WRONG_USE)


def show(text: str) -> None:
    """Writes what was asked for to stdout."""
    sys.stdout.write(text.rstrip("\n") + "\n")


def show_json(value: object, *, in_ascii: bool = False) -> None:
    """Writes what was asked for to stdout, as JSON."""
    import json

    show(json.dumps(value, indent=2, ensure_ascii=in_ascii))


def say(text: str) -> None:
    """Writes all that is not asked for to stderr."""
    sys.stderr.write(text.rstrip("\n") + "\n")


def findings_text(where: Path | Mapping[str, bytes], problems: Sequence[Problem]) -> str:
    """Findings with excerpts of their files, which lie in a folder or are at hand."""
    from engine.findings import render

    def read_text(path: str) -> str | None:
        try:
            data = (where / path).read_bytes() if isinstance(where, Path) else where.get(path)
        except OSError:
            return None
        return data.decode("utf-8", "replace") if data is not None else None

    return render(problems, read_text)


@contextmanager
def working(what: str) -> Iterator[None]:
    """A spinner on a terminal while something takes its time."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(what):
        yield


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    """A progress bar on a terminal; the value is called after each step."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)
