"""What can be wrong: problems in somebody's file (values, collected) and operations that cannot go on (errors, raised)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """Where a value stands: a path relative to the workspace, a line and a column, both counted from 1 (0: the whole file)."""

    path: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return ":".join([self.path, *(str(n) for n in (self.line, self.column) if n)])


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a file: where, what, and what to do now.

    `code` is R0xx for rule files and A1xx for activity; `width` is how many characters the caret underlines.
    `related` names other places that belong to the finding, each with a few words.
    """

    code: str
    source: Source
    message: str
    remedy: str
    severity: Severity = "error"
    width: int = 1
    related: tuple[tuple[Source, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.severity}[{self.code}] {self.source}: {self.message}. {self.remedy}."


class InforceError(Exception):
    """An operation cannot go on; the message says where, what and what to do now."""

    @property
    def first_line(self) -> str:
        """What is wrong, without what to do about it."""
        return str(self).partition("\n")[0]


class ProblemsFound(InforceError):
    """Files have problems; all of them are listed."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class InvariantError(InforceError):
    """A figure that must agree with another one does not; nothing was written."""


def shortened(names: Sequence[str], most: int) -> str:
    """The first `most` of some names, and how many more there are: acme, beta and 3 more."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that `name` was probably meant to be, as a question; or the known names; or nothing."""
    known = sorted(known)
    close = get_close_matches(name, known, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known are {', '.join(known)}" if 0 < len(known) <= 12 else ""
