"""Citations: the places of rule files that an amount was made from, with their text, ready to be found again by somebody else."""

from __future__ import annotations

from collections.abc import Mapping

from engine.canonical import Json
from engine.explain_rules import why
from engine.problems import InvariantError, Source
from engine.ratebook.book import UNKNOWN_PROVENANCE, Provenance


class Citations:
    """Collects places of rule files; each is named `path:line`."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files
        self._lines: dict[str, list[str]] = {}
        self._texts: dict[str, str] = {}
        self._says: dict[str, dict[str, Json]] = {}

    def place(self, source: Source, of: str, provenance: Provenance = UNKNOWN_PROVENANCE, *, entry: bool = False) -> str:
        """The name of a place that says `of`; with `entry`, of the whole entry of a list that the place is in."""
        lines = self._read(source.path)
        first = _entry_of(lines, source.line) if entry else source.line
        name = f"{source.path}:{first}"
        if name not in self._texts:
            last = len(lines) if source.column == 1 else _last_of(lines, first)
            self._texts[name] = "\n".join(lines[first - 1 : last])
        self._says.setdefault(name, {})[of] = why(provenance)
        return name

    def canonical(self) -> dict[str, Json]:
        """The places by name: their text, and what they say with its reason and approval."""
        return {name: {"text": text, "says": self._says[name]} for name, text in self._texts.items()}

    def files(self) -> dict[str, bytes]:
        """The files that are cited, whole."""
        return {path: self._files[path] for path in self._lines}

    def _read(self, path: str) -> list[str]:
        if path not in self._lines:
            if path not in self._files:
                raise InvariantError(f"{path} is cited and is not in the rule book; this is a fault of the engine")
            self._lines[path] = self._files[path].decode().split("\n")
        return self._lines[path]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _last_of(lines: list[str], first: int) -> int:
    """The last line of what begins on a line: all that follows and is indented deeper."""
    last = first
    for number in range(first + 1, len(lines) + 1):
        if lines[number - 1].strip():
            if _indent(lines[number - 1]) <= _indent(lines[first - 1]):
                break
            last = number
    return last


def _entry_of(lines: list[str], line: int) -> int:
    """The line on which the entry of a list begins that a line belongs to."""
    inside = _indent(lines[line - 1])
    for number in range(line, 0, -1):
        text = lines[number - 1]
        if text.lstrip(" ").startswith("- ") and _indent(text) <= inside:
            return number
    return line
