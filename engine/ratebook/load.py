"""The one strict YAML reader: every scalar is text, every value keeps its place, and what YAML would guess or hide is refused.

Most files are of a regular form, which `regular` reads fast. For all others, and for every mistake, it builds nodes from libyaml's
events. Only composing nodes inside libyaml is recursive (200 KB of brackets end the process), so events are pulled one at a time
and reading stops at the first that stands too deep.
"""

from __future__ import annotations

import io
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, NoReturn, TypeAlias

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from engine.problems import Problem, Source
from engine.ratebook.nodes import DEPTH_MAX, Mapping, Mark, Node, Place, Sequence, Text, no_collection, source_of
from engine.ratebook.regular import regular_document

__all__ = ["Mapping", "Node", "Sequence", "Text", "hidden", "read"]
SIZE_MAX = 5_000_000
PROBLEMS_MAX = 200

_Event: TypeAlias = Any  # Any: the stubs of yaml do not say which events have a mark, a tag, an anchor
_SCALAR: Any = ScalarEvent  # Any: for the same reason an event is not narrowed to these
_DOCUMENT: Any = DocumentStartEvent


def read(path: str, data: bytes) -> Node | list[Problem]:
    """The file as nodes, or everything that is wrong with its text. `path` is shown in messages."""
    reader = _Reader(path)
    node: Node | None = None
    with no_collection(), suppress(_Stop):
        text = reader.text(data)
        node = regular_document(path, text) if reader.is_clean else None
        if node is None:
            node = reader.document(data, text)
    if reader.problems or node is None:
        return sorted(reader.problems, key=lambda problem: problem.source)
    return node


def hidden(text: str) -> Iterator[re.Match[str]]:
    """The characters of a text that nobody sees or that turn the reading direction."""
    return _HIDDEN.finditer(text)


# Controls (a lone carriage return too, and the line ends that only Unicode knows), soft hyphen, zero-width and bidirectional
# characters, the replacement character that a garbled file is left with, and tags.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff\U000e0000-\U000e007f]"
    "|\r(?!\n)"
)
_PLAIN = bytes([*range(0x20, 0x7F), *b"\n\t"])  # what can always be seen; to look for anything else takes longer
_NOTHING = frozenset({"", "~", "null", "Null", "NULL"})

_QUOTE = ("a quote is not closed", "Add the closing quote")

# What libyaml says, and what we say instead.
_SYNTAX = {
    "mapping values are not allowed in this context": (
        "a colon where no value can begin",
        "Put quotes around a text that contains a colon; or check the indentation of this line and the one above",
    ),
    "did not find expected ',' or ']'": ("the list is not closed", "Add the missing `,` or `]`"),
    "did not find expected ',' or '}'": ("the map is not closed", "Add the missing `,` or `}`"),
    "did not find expected node content": ("a value is missing between the brackets", "Write it, or remove the comma"),
    "did not find expected key": ("this does not continue what is before it", "Check the quotes and the indentation"),
    "did not find expected '-' indicator": ("this line does not continue the list above it", "Begin it with `- `, or indent it"),
    "could not find expected ':'": ("a key without a colon", "Write it as `key: value`"),
    "found unexpected end of stream": _QUOTE,
    "found unexpected document indicator": _QUOTE,
    "found character that cannot start any token": ("a text cannot begin with this character", "Put quotes around the text"),
    "found unknown escape character": ("an unknown escape", "Use single quotes, in which a backslash is a backslash"),
    "block sequence entries are not allowed in this context": (
        "a dash where no list can begin",
        "Begin the list on a line of its own",
    ),
    "did not find expected <document start>": ("something stands after the end of the content", "Check the indentation"),
}


class _Stop(Exception):
    """The file cannot be read any further."""


class _Named(io.BytesIO):
    """The bytes of a file with its path, which libyaml then repeats in every mark."""

    def __init__(self, path: str, data: bytes) -> None:
        super().__init__(data)
        self.name = path


class _Reader:
    """Reads one file; problems are collected, and any of them makes the file unreadable."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.problems: list[Problem] = []
        self._get: Callable[[], _Event] = lambda: None  # the next event of libyaml's parser
        self._wary = False  # there are escapes or tabs, so values are looked at one by one
        self._quoted: list[tuple[int, int]] = []  # where quoted texts stand; noted in wary files only
        self._blocks: list[tuple[int, int]] = []  # the same for block texts

    @property
    def is_clean(self) -> bool:
        """Whether nothing in the text asks to be looked at."""
        return not self.problems and not self._wary

    def refuse(
        self, code: str, place: Place, message: str, remedy: str, *, width: int = 1, related: tuple[tuple[Source, str], ...] = ()
    ) -> None:
        """Notes a problem."""
        if len(self.problems) == PROBLEMS_MAX:
            more = f"there are more than {PROBLEMS_MAX} problems; the others are not listed"
            self.problems.append(Problem("R010", Source(self.path), more, "Correct these first"))
            raise _Stop
        self.problems.append(Problem(code, source_of(place), message, remedy, width=max(width, 1), related=related))

    def text(self, data: bytes) -> str:
        """The file's bytes as text; what cannot be seen in it is noted."""
        whole = Source(self.path)
        if len(data) > SIZE_MAX:
            many = f"the file has {len(data):,} bytes; at most {SIZE_MAX:,} are read"
            self._stop("R010", whole, many, "Split it into several files")
        begin = Source(self.path, 1, 1)
        if data.startswith((b"\xff\xfe", b"\xfe\xff")) or data.count(0) > len(data) // 8:
            self._stop("R011", begin, "the file looks like UTF-16", "Save it as UTF-8")
        if data.startswith(b"\xef\xbb\xbf"):
            self._stop("R011", begin, "the file begins with a byte-order mark", "Save it as UTF-8 without a mark (BOM)")
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            before = data[data.rfind(b"\n", 0, error.start) + 1 : error.start].decode()
            place = Source(self.path, line, len(before) + 1)
            self._stop("R011", place, f"the byte {data[error.start]:#04x} is not UTF-8", "Save the file as UTF-8")
        self._wary = "\\" in text or "\t" in text
        if not data.translate(None, _PLAIN):
            return text
        for match in hidden(text):
            self.refuse("R012", self._at(text, match.start()), *_hidden(match[0]))
        if not unicodedata.is_normalized("NFC", text):
            self._accents(text)
        return text

    def document(self, data: bytes, text: str) -> Node:
        """The one document of the file."""
        loader = yaml.CBaseLoader(_Named(self.path, data))
        self._get = loader.get_event
        try:
            node = self._document()
        except yaml.YAMLError as error:
            mark: Mark | None = getattr(error, "problem_mark", None)
            self._tabs(text, mark.line + 1 if mark else 0)
            if not any(problem.code in ("R012", "R013") for problem in self.problems):  # else they are the likely cause
                self._syntax(error)
            raise _Stop from None
        self._tabs(text)
        return node

    # --- events to nodes

    def _document(self) -> Node:
        self._get()  # the stream starts
        event = self._get()
        if isinstance(event, StreamEndEvent):
            self._stop("R017", Source(self.path), "the file is empty", "Fill it in, or delete it")
        event = self._get()
        if type(event) is _SCALAR and event.value == "" and not event.style:
            self._stop("R017", Source(self.path), "the file is empty", "Fill it in, or delete it")
        node = self._node(event, 1)
        self._get()  # the document ends
        event = self._get()
        if type(event) is _DOCUMENT:
            self.refuse("R016", event.start_mark, "a second document in one file", "Give it a file of its own", width=3)
        return node

    def _node(self, event: _Event, depth: int) -> Node:
        kind = type(event)
        if kind is _SCALAR:
            return Text(self._text(event), event.start_mark)
        if kind is AliasEvent:
            width = len(event.anchor) + 1
            self.refuse("R018", event.start_mark, f"an alias `*{event.anchor}`", "Write the value out", width=width)
            return Text("", event.start_mark)
        self._bare(event)
        if depth > DEPTH_MAX:
            deep = f"lists and maps are nested deeper than {DEPTH_MAX}"
            self._stop("R014", event.start_mark, deep, "No rule file needs that; remove the nesting")
        if kind is MappingStartEvent:
            return self._mapping(event.start_mark, depth)
        return self._sequence(event.start_mark, depth)

    def _sequence(self, place: Place, depth: int) -> Sequence:
        items = []
        get = self._get
        while type(event := get()) is not SequenceEndEvent:
            if type(event) is _SCALAR and event.value in _NOTHING and not event.style:
                said = f"an entry of the list is {event.value}" if event.value else "an entry of the list has no value"
                self.refuse("R020", event.start_mark, said, "Write a value, or remove the entry", width=len(event.value))
            items.append(self._node(event, depth + 1))
        return Sequence(tuple(items), place)

    def _mapping(self, place: Place, depth: int) -> Mapping:
        entries: dict[str, Node] = {}
        places: dict[str, Place] = {}
        get = self._get
        while type(event := get()) is not MappingEndEvent:
            at = event.start_mark
            name = self._key(event, depth)
            value = get()
            if type(value) is _SCALAR:
                if value.value in _NOTHING and not value.style:
                    self._no_value(name, at, value)
                node: Node = Text(self._text(value), value.start_mark)
            else:
                node = self._node(value, depth + 1)
            if name is None:
                continue
            if name in entries:
                first = source_of(places[name])
                self.refuse(
                    "R022", at, f"the key `{name}` stands twice, on line {first.line} and on line {at.line + 1}",
                    "Keep one of them", width=len(name), related=((first, "the first"),),
                )  # fmt: skip
                continue
            entries[name] = node
            places[name] = at
        return Mapping(entries, places, place)

    def _key(self, event: _Event, depth: int) -> str | None:
        """The text of a key; None if it is refused."""
        if type(event) is not _SCALAR or event.style in ("|", ">") or (event.value == "" and not event.style):
            self.refuse("R021", event.start_mark, "a key that is not a plain text", "Use a word as the key")
            self._node(event, depth + 1)
            return None
        if event.value == "<<" and not event.style:
            self.refuse("R018", event.start_mark, "a merge key `<<`", "Write the entries out", width=2)
            return None
        return self._text(event)

    def _text(self, event: _Event) -> str:
        if event.anchor is not None or event.tag is not None:
            self._bare(event)
        if self._wary:
            self._look_at(event)
        value: str = event.value
        return value

    # --- what is refused

    def _bare(self, event: _Event) -> None:
        """Refuses an anchor and a tag."""
        if event.anchor is not None:
            name = f"&{event.anchor}"
            self.refuse("R018", event.start_mark, f"an anchor `{name}`", "Write each value out where it is used", width=len(name))
        if event.tag is not None:
            self.refuse("R019", event.start_mark, f"a tag `{event.tag}`", "Remove it; a field knows its type")

    def _no_value(self, name: str | None, at: Mark, value: _Event) -> None:
        name = name or ""
        said = f"`{name}` is {value.value}" if value.value else f"`{name}` has no value"
        remedy = "Write a value, or leave the key out"
        if ":" in name and not value.value:
            remedy = "Put a blank after the colon"
        elif re.fullmatch(r"[0-9]+(\.[0-9]+)?", name) and not value.value:  # 72,55 in a map on one line
            remedy = "Write numbers with a point and without commas, such as 1072.55"
        self.refuse("R020", at, said, remedy, width=len(name))

    def _look_at(self, event: _Event) -> None:
        """Notes where quoted and block texts stand, and what escapes bring in."""
        span = (event.start_mark.index, event.end_mark.index)
        if event.style in ("|", ">"):
            self._blocks.append(span)
        elif event.style:
            self._quoted.append(span)
        if event.style != '"':
            return
        for match in hidden(event.value):
            self.refuse("R012", event.start_mark, *_hidden(match[0]))
        if not unicodedata.is_normalized("NFC", event.value):
            self.refuse("R012", event.start_mark, "a letter with a separate accent (not NFC)", "Type the accented letter as one")

    def _tabs(self, text: str, last_line: int = 0) -> None:
        """Refuses the first tab of each line outside quoted texts and comments; up to a line, if only that much was understood."""
        if "\t" not in text:
            return
        start = 0
        for number, line in enumerate(text.split("\n"), 1):
            if last_line and number > last_line:
                return
            column = self._tab(line, start) if "\t" in line else 0
            if column:
                self.refuse("R013", Source(self.path, number, column), "a tab", "Write spaces instead")
            start += len(line) + 1

    def _tab(self, line: str, start: int) -> int:
        """The column of the tab that is refused, or 0; the line begins at `start` in the file."""
        hashes = (start + match.start() for match in re.finditer(r"(?<!\S)#", line))
        spans = (self._quoted, self._blocks)
        comment = next((at - start for at in hashes if not any(_within(each, at) for each in spans)), len(line))
        tabs = (match.start() for match in re.finditer("\t", line[:comment]))
        return next((at + 1 for at in tabs if not _within(self._quoted, start + at)), 0)

    def _accents(self, text: str) -> None:
        for number, line in enumerate(text.split("\n"), 1):
            composed = unicodedata.normalize("NFC", line)
            if composed != line:
                same = next((i for i, (a, b) in enumerate(zip(line, composed, strict=False)) if a != b), len(composed))
                place = Source(self.path, number, same + 1)
                self.refuse("R012", place, "a letter with a separate accent (not NFC)", "Type the accented letter as one")

    def _syntax(self, error: yaml.YAMLError) -> None:
        if not isinstance(error, yaml.MarkedYAMLError):
            self._stop("R015", Source(self.path), f"this is not YAML: {str(error).splitlines()[0]}", "Open the file in an editor")
        message, remedy = _SYNTAX.get(
            error.problem or "", (f"this is not YAML: {error.problem}", "Check the indentation, the quotes and the colons")
        )
        end, start = error.problem_mark, error.context_mark
        if message == _QUOTE[0]:
            end = start or end  # not the end of the file
        related = ((source_of(start), "it begins here"),) if start and end and start.line != end.line else ()
        self.refuse("R015", end or start or Source(self.path), message, remedy, related=related)

    def _stop(self, code: str, place: Place, message: str, remedy: str) -> NoReturn:
        self.refuse(code, place, message, remedy)
        raise _Stop

    def _at(self, text: str, at: int) -> Source:
        return Source(self.path, text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))


def _hidden(character: str) -> tuple[str, str]:
    name = unicodedata.name(character, "a control character").lower()
    return f"a hidden character, U+{ord(character):04X} ({name})", "Delete it"


def _within(spans: list[tuple[int, int]], at: int) -> bool:
    """Whether a character stands in one of some spans, which are in order."""
    nearest = bisect_right(spans, at, key=lambda span: span[0]) - 1
    return nearest >= 0 and at < spans[nearest][1]
