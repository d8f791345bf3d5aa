"""The one strict YAML reader: every scalar is text, every value keeps its place, and what YAML would guess or hide is refused."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

import yaml

from engine.problems import Problem, Source

SIZE_MAX = 5_000_000
DEPTH_MAX = 40


@dataclass(frozen=True, slots=True)
class Text:
    """A scalar, as text."""

    value: str
    source: Source


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: tuple[Node, ...]
    source: Source


@dataclass(frozen=True, slots=True)
class Mapping:
    """A map of text keys; `keys` says where each key stands."""

    entries: dict[str, Node]
    keys: dict[str, Source]
    source: Source


Node: TypeAlias = "Text | Sequence | Mapping"

_BAD_CHARACTERS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


class _Stop(Exception):
    """The file cannot be read any further."""


def read(path: str, data: bytes) -> Node | list[Problem]:
    """The file as nodes, or everything that is wrong with its text. `path` is shown in messages."""
    reader = _Reader(path)
    try:
        return reader.document(reader.text(data))
    except _Stop:
        return reader.problems


class _Reader:
    """Reads one file; problems are collected, and any of them makes the file unreadable."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.problems: list[Problem] = []

    def refuse(self, code: str, line: int, column: int, message: str, remedy: str, width: int = 1) -> None:
        """Notes a problem."""
        self.problems.append(Problem(code, Source(self.path, line, column), message, remedy, width=width))

    def text(self, data: bytes) -> str:
        """The file's bytes as text without traps."""
        if len(data) > SIZE_MAX:
            self._stop(
                "R010", 0, 0, f"the file has {len(data):,} bytes, at most {SIZE_MAX:,} are read", "Split it into several files"
            )
        if data.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
            self._stop("R011", 1, 1, "the file begins with a byte-order mark", "Save it as plain UTF-8")
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            line = data[: error.start].count(b"\n") + 1
            column = error.start - data.rfind(b"\n", 0, error.start)
            self._stop("R011", line, column, f"byte {data[error.start]:#04x} is not UTF-8", "Save it as UTF-8")
        for match in _BAD_CHARACTERS.finditer(text):
            self.refuse("R012", *_place(text, match.start()), f"invisible character U+{ord(match[0]):04X}", "Delete it")
        for match in re.finditer("\t", text):
            self.refuse("R013", *_place(text, match.start()), "a tab", "Use blanks")
        if not text.isascii() and unicodedata.normalize("NFC", text) != text:
            line = next(n for n, each in enumerate(text.splitlines(), 1) if unicodedata.normalize("NFC", each) != each)
            self.refuse("R012", line, 1, "letters with separate accents (not NFC)", "Type the accented letters anew")
        depth = 0
        for match in re.finditer(r"[\[{}\]]", text):  # before libyaml sees it: very deep nesting crashes its parser
            depth += 1 if match[0] in "[{" else -1
            if depth > 10 * DEPTH_MAX:
                self._stop(
                    "R014",
                    *_place(text, match.start()),
                    f"brackets nested deeper than {DEPTH_MAX}",
                    "Rule files are flat; remove the nesting",
                )
        if self.problems:
            raise _Stop
        return text

    def document(self, text: str) -> Node:
        """The one document of the file."""
        try:
            events = yaml.parse(text, Loader=yaml.CBaseLoader)
            node = self._document(events)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
            self._stop(
                "R015", line, column, f"this is not YAML: {error.problem}", "Check the indentation, the quotes and the colons"
            )
        except yaml.YAMLError as error:
            self._stop("R015", 0, 0, f"this is not YAML: {str(error).splitlines()[0]}", "Check the file in an editor")
        if self.problems:
            raise _Stop
        return node

    def _document(self, events: Iterator[Any]) -> Node:
        node: Node | None = None
        for event in events:
            if isinstance(event, (yaml.StreamStartEvent, yaml.DocumentEndEvent, yaml.StreamEndEvent)):
                continue
            if isinstance(event, yaml.DocumentStartEvent):
                if node is not None:
                    self._stop(
                        "R016",
                        event.start_mark.line + 1,
                        1,
                        "a second document in one file",
                        "Give each document a file of its own",
                    )
                continue
            node = self._node(event, events, 0)
        if node is None:
            self._stop("R017", 0, 0, "the file is empty", "Delete it, or fill it in")
        return node

    def _node(self, event: Any, events: Iterator[Any], depth: int) -> Node:
        # Any: yaml's stubs do not say which events have a tag or a mark
        mark = event.start_mark
        source = Source(self.path, mark.line + 1, mark.column + 1)
        if depth > DEPTH_MAX:
            self._stop(
                "R014", source.line, source.column, f"nested deeper than {DEPTH_MAX}", "Rule files are flat; remove the nesting"
            )
        if isinstance(event, yaml.AliasEvent):
            self.refuse("R018", source.line, source.column, f"an alias (*{event.anchor})", "Write the value out")
            return Text("", source)
        if event.anchor:
            self.refuse(
                "R018", source.line, source.column, f"an anchor (&{event.anchor})", "Write each value out where it is used"
            )
        if event.tag:
            self.refuse("R019", source.line, source.column, f"a tag ({event.tag})", "Remove it; the schema knows the type")
        if isinstance(event, yaml.ScalarEvent):
            if event.value == "" and not event.style:
                self.refuse("R020", source.line, source.column, "a key without a value", "Write the value, or leave the key out")
            return Text(event.value, source)
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not isinstance(event := next(events), yaml.SequenceEndEvent):
                items.append(self._node(event, events, depth + 1))
            return Sequence(tuple(items), source)
        return self._mapping(source, events, depth)

    def _mapping(self, source: Source, events: Iterator[Any], depth: int) -> Mapping:
        entries: dict[str, Node] = {}
        keys: dict[str, Source] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            at = Source(self.path, event.start_mark.line + 1, event.start_mark.column + 1)
            key = self._node(event, events, depth + 1)
            value = self._node(next(events), events, depth + 1)
            if not isinstance(key, Text):
                self.refuse("R021", at.line, at.column, "a key that is not a plain text", "Use a word as key")
            elif key.value == "<<":
                self.refuse("R018", at.line, at.column, "a merge key (<<)", "Write the entries out", width=2)
            elif key.value in entries:
                self.refuse(
                    "R022", at.line, at.column, f"the key `{key.value}` stands twice, first on line {keys[key.value].line}",
                    "Keep one of them", width=len(key.value),
                )  # fmt: skip
            else:
                entries[key.value], keys[key.value] = value, at
        return Mapping(entries, keys, source)

    def _stop(self, code: str, line: int, column: int, message: str, remedy: str) -> NoReturn:
        self.refuse(code, line, column, message, remedy)
        raise _Stop


def _place(text: str, at: int) -> tuple[int, int]:
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
