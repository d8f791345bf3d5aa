"""Which entries of the rule book a line of one of its files is part of."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from engine.blame_entries import Key, NoEntryError, entries_of
from engine.ratebook.book import RuleBook

_PLACE = re.compile(r"(.+\.ya?ml):([0-9]+)(?::[0-9]+)?")
_ITEM = re.compile(r" *- +")


@dataclass(frozen=True, slots=True)
class RulePlace:
    """A line of a file of the rule book."""

    path: str
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


def place_asked(asked: str) -> RulePlace | None:
    """The place that a word names, as `path:line` or `path:line:column`, if it does."""
    found = _PLACE.fullmatch(asked)
    return RulePlace(found[1].removeprefix("./"), int(found[2])) if found is not None else None


def entries_at(book: RuleBook, files: Mapping[str, bytes], place: RulePlace) -> frozenset[Key]:
    """The entries that a line is part of; a line that several share, such as the key or the reason of prices, stands for all of them.

    Refuses a file that is not there, and a line that is part of none, with those around it.
    """
    if place.path not in files:
        near = get_close_matches(place.path, files, 1, 0)
        raise NoEntryError(
            f"{place.path}: there is no such file in the rule book.\n{f'The nearest is {near[0]}.' if near else 'It has no files.'}"
        )
    lines = files[place.path].decode().splitlines()
    here = {key: source.line for key, source in entries_of(book).items() if source.path == place.path}
    around = _items(lines)
    if place.line in around:
        for item in reversed(around[place.line]):
            mine = {key: line for key, line in here.items() if around[line][-1:] == (item,)}
            if mine:
                return _among(mine, lines, place.line)
    raise NoEntryError(_in_none(here, len(lines), place))


def _among(mine: Mapping[Key, int], lines: Sequence[str], line: int) -> frozenset[Key]:
    """Of the entries of one item of a list those that begin on a line or above it and go on there; else all of them."""
    first = max((each for each in mine.values() if each <= line), default=0)
    goes_on = first and all(_indent(each) > _indent(lines[first - 1]) for each in lines[first:line] if not _says_nothing(each))
    return frozenset(key for key, each in mine.items() if each == first or not goes_on)


def _items(lines: Sequence[str]) -> dict[int, tuple[int, ...]]:
    """The items of lists that each line is in, outermost first each as its first line; lines that say nothing are left out."""
    found = {}
    open_: list[tuple[int, int]] = []  # where the text of an item begins, and its first line
    for number, line in enumerate(lines, start=1):
        if _says_nothing(line):
            continue
        dash = _ITEM.match(line)
        indent = len(line) - len(line.lstrip(" "))
        open_ = [each for each in open_ if each[0] <= indent]
        if dash is not None:
            open_.append((dash.end(), number))
        found[number] = tuple(each for _, each in open_)
    return found


def _says_nothing(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _indent(line: str) -> int:
    """Where the text of a line begins, after the dash of a list."""
    dash = _ITEM.match(line)
    return dash.end() if dash is not None else len(line) - len(line.lstrip(" "))


def _in_none(here: Mapping[Key, int], lines: int, place: RulePlace) -> str:
    if not here:
        return f"{place.path} has no entry that can touch a line of an invoice.\nName a file of rates, accounts, policies or formulas."
    before = [(line, name) for (_, name), line in here.items() if line < place.line]
    after = [(line, name) for (_, name), line in here.items() if line > place.line]
    if place.line > lines:
        return (
            f"{place.path} has {lines} lines, so it has no line {place.line}.\n{_named('Its last entry is', before, max(before))}"
        )
    said = [_named("Before it stands", before, max(before))] if before else []
    said += [_named("After it stands", after, min(after))] if after else []
    return f"line {place.line} of {place.path} is in no entry.\n" + " ".join(said)


def _named(words: str, among: Collection[tuple[int, str]], place: tuple[int, str]) -> str:
    return f"{words} {next(name for line, name in among if line == place[0])} (line {place[0]})."
