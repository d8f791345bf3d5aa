"""The regular form of a rule file, read line by line: the nodes that libyaml's events would give, in less than half the time.

Regular is what nearly every file is made of: block maps and lists, maps and lists in brackets that end on their line, plain words,
comments. Whatever else stands in a file (quotes, texts of several lines, any mistake) makes it irregular as a whole: it is left to
libyaml, which alone judges and explains. Tests hold the two to the same nodes and places.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeAlias

from engine.ratebook.nodes import DEPTH_MAX, Mapping, Node, Place, Sequence, Text

_KEY = r"[A-Za-z0-9][\w.-]{0,99}"
_WORDS = r"[A-Za-z0-9][\w.+/%-]*(?: [\w.+/%(][\w.+/%()-]*)*"
_SENTENCE = r"[A-Za-z0-9](?:[^:#]*[^:# ])?"  # in brackets a comma is more than a comma
_LINE = re.compile(rf"(- +)?(?:({_KEY}):(?= |$) *)?(?:({_SENTENCE})?(?: *| +#.*)|([\[{{].*))", re.ASCII)
_ENTRY = re.compile(rf" *(?:({_KEY}): +)?(?:([\[{{])|({_WORDS})|([\]}}])) *(?:(,) *)?", re.ASCII)
_NOTHING = frozenset({"null", "Null", "NULL"})

# A line without its indentation: whether it has a dash, its key, words, brackets, and where key and value begin.
_Line: TypeAlias = "tuple[bool, str | None, str | None, str | None, int, int]"
# An entry in brackets: key, opening bracket, words or closing bracket, a comma, and where key and value begin.
_Entry: TypeAlias = "tuple[str | None, str | None, str | None, str | None, str | None, int, int]"


def regular_document(path: str, text: str) -> Node | None:
    """The document, if it is of the regular form. The text has no tab, no backslash and nothing hidden."""
    try:
        return _Document(path).read(text.replace("\r\n", "\n").split("\n"))
    except _Irregular:
        return None


class _Irregular(Exception):
    """The file is not of the regular form."""


class _Document:
    """Reads the lines of one document. Lines and entries of a long file come again and again, so each is taken apart once."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lines: dict[str, _Line | None] = {}
        self._pieces: dict[str, tuple[list[_Entry], int]] = {}

    def read(self, lines: Iterable[str]) -> Node:
        """The document. Of the map or list that a line continues, `column` is where its keys or dashes stand; `outer` has those around it."""
        path, known = self._path, self._lines
        entries: dict[str, Node] = {}  # of a map, with their places
        places: dict[str, Place] = {}
        items: list[Node] | None = None  # of a list
        column, document = -1, entries
        outer: list[tuple[int, dict[str, Node], dict[str, Place], list[Node] | None]] = []
        lists: list[tuple[dict[str, Node], str, list[Node], Place]] = []  # with the entry that each will be
        waits: str | None = ""  # the key of the last line, if its value has yet to come
        node: Node
        for number, line in enumerate(lines, 1):
            body = line.lstrip(" ")
            found = known[body] if body in known else self._line(body)
            if found is None:
                continue
            has_dash, key, words, brackets, key_at, value_at = found
            indent = len(line) - len(body)
            if waits is not None:
                if indent < column or (indent == column and not has_dash):
                    raise _Irregular
                outer.append((column, entries, places, items))
                column, place = indent, (path, number, indent + 1)
                if has_dash:
                    items = []
                    lists.append((entries, waits, items, place))
                    entries[waits] = Sequence((), place)  # until all its items are there
                else:
                    entries[waits], entries, places = _map(place)
                waits = None
            else:
                while indent < column or (indent == column and items is not None and not has_dash):
                    column, entries, places, items = outer.pop()
                if indent != column or has_dash != (items is not None):
                    raise _Irregular
            if items is not None and key is not None:
                outer.append((column, entries, places, items))
                column = indent + key_at
                node, entries, places = _map((path, number, column + 1))
                items.append(node)
                items = None
            if len(outer) > DEPTH_MAX or (key is not None and key in entries):
                raise _Irregular
            if key is not None:
                places[key] = (path, number, indent + key_at + 1)
            if words is not None:
                node = Text(words, (path, number, indent + value_at + 1))
            elif brackets is not None:
                node = self._bracketed(line, indent + value_at, number, len(outer))
            else:
                waits = key
                continue
            if items is not None:
                items.append(node)
            elif key is not None:
                entries[key] = node
        if waits is not None:
            raise _Irregular
        for entries, name, each, begin in lists:
            entries[name] = Sequence(tuple(each), begin)
        return document[""]

    def _line(self, body: str) -> _Line | None:
        """The parts of a line; None of one that is empty or a comment."""
        found: _Line | None = None
        if body and body[0] != "#":
            match = _LINE.fullmatch(body)
            if match is None:
                raise _Irregular
            dash, key, words, brackets = match.groups()
            if words in _NOTHING or (key is None and (dash is None or (words is None and brackets is None))):
                raise _Irregular
            found = (dash is not None, key, words, brackets, match.start(2), match.start(3 if brackets is None else 4))
            if brackets is not None:
                return found
        self._lines[body] = found
        return found

    def _bracketed(self, line: str, at: int, number: int, depth: int) -> Node:
        """The map or list in brackets that begins at a place of a line and must end on it."""
        path, known = self._path, self._pieces
        entries: dict[str, Node] = {}
        places: dict[str, Place] = {}
        items: list[Node] | None = None
        place: Place = (path, number, at + 1)
        outer: list[tuple[dict[str, Node], dict[str, Place], list[Node] | None, Place, str | None, Place]] = []
        node: Node
        may_end, may_go_on = False, True
        for piece in line[at:].split(", "):
            parts, end = known[piece] if piece in known else self._piece(piece)
            for key, opening, words, closing, comma, key_at, value_at in parts:
                if closing is not None:
                    if not may_end or (closing == "]") != (items is not None):
                        raise _Irregular
                    node = Mapping(entries, places, place) if items is None else Sequence(tuple(items), place)
                    entries, places, items, place, key, key_place = outer.pop()
                    if not outer:
                        is_last = not comma and parts[-1][6] == value_at
                        if is_last and (at + end == len(line) or line.startswith(" #", at + end - 1)):
                            return node
                        raise _Irregular
                elif not may_go_on:
                    raise _Irregular
                else:
                    key_place = (path, number, at + key_at + 1)
                    if opening is not None:
                        outer.append((entries, places, items, place, key, key_place))
                        if comma or len(outer) + depth > DEPTH_MAX:
                            raise _Irregular
                        entries, places, items = {}, {}, [] if opening == "[" else None
                        place = (path, number, at + value_at + 1)
                        may_end = may_go_on = True
                        continue
                    if words is None or words in _NOTHING:
                        raise _Irregular
                    node = Text(words, (path, number, at + value_at + 1))
                if items is not None and key is None:
                    items.append(node)
                elif items is None and key is not None and key not in entries:
                    entries[key], places[key] = node, key_place
                else:
                    raise _Irregular
                may_end, may_go_on = comma is None, comma is not None
            if may_go_on or end != len(piece):
                raise _Irregular
            may_end, may_go_on = False, True
            at += len(piece) + 2
        raise _Irregular

    def _piece(self, piece: str) -> tuple[list[_Entry], int]:
        """What stands between two commas of brackets, and where that is no longer understood."""
        parts: list[_Entry] = []
        end = 0
        while (match := _ENTRY.match(piece, end)) is not None:
            key, opening, words, closing, comma = match.groups()
            if closing is not None and key is not None:
                raise _Irregular
            value_at = max(match.start(group) for group in (2, 3, 4))
            parts.append((key, opening, words, closing, comma, match.start(1), value_at))
            end = match.end()
        self._pieces[piece] = (parts, end)
        return parts, end


def _map(place: Place) -> tuple[Mapping, dict[str, Node], dict[str, Place]]:
    """An empty map, its entries and their places."""
    entries: dict[str, Node] = {}
    places: dict[str, Place] = {}
    return Mapping(entries, places, place), entries, places
