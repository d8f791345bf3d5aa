"""A built rule book as text and back, so that it can be kept on disk. The text holds values alone: to read it runs no code.

The first line is the book without the rows of its tables, the second one what stands in it again and again. Then follow the rows of
each table: a line for each column of the key, and a line for each row. A row of a table is read when it is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import astuple, fields, is_dataclass, replace
from datetime import date
from typing import Any, TypeAlias

from engine import money, problems
from engine.problems import InvariantError, Source
from engine.ratebook import book as values
from engine.ratebook import models
from engine.ratebook.book import Provenance, RateRow, RateTable, RuleBook

_Told: TypeAlias = Any  # Any: JSON
_Again: TypeAlias = tuple[str | Provenance, ...]
_DAY, _TUPLE, _MAP, _AGAIN, _PLACE, _PLAIN = (
    -1,
    -2,
    -3,
    -4,
    -5,
    -6,
)  # what a list is that does not begin with the number of its class
_APART = "\x1f"  # between names; no file of the book can hold it
_CLASSES: list[Any] = sorted(  # Any: classes of every kind
    {
        kind
        for module in (values, models, money, problems)
        for kind in vars(module).values()
        if isinstance(kind, type) and is_dataclass(kind)
    },
    key=lambda kind: kind.__name__,
)
_FIELDS = {kind: (number, [each.name for each in fields(kind)]) for number, kind in enumerate(_CLASSES)}


def transcript(book: RuleBook) -> bytes:
    """The book as text."""
    teller = _Teller()
    bare = {name: replace(table, rows={}) for name, table in book.tables.items()}
    lines = []
    for table in book.tables.values():
        lines.append(str(len(table.rows)))
        lines += [_APART.join(key[number] for key in table.rows) for number in range(len(table.key))]
        lines += [_line(teller.told(row)) for row in table.rows.values()]
    first = _line(teller.told(replace(book, tables=bare)))
    again = _line([value if isinstance(value, str) else astuple(value) for value in teller.again])
    return "\n".join([first, again, *lines]).encode()


def read_transcript(text: bytes) -> RuleBook:
    """The book that a text was made of."""
    lines = text.split(b"\n")
    again = tuple(told if isinstance(told, str) else Provenance(*told) for told in json.loads(lines[1]))
    book: RuleBook = _value(json.loads(lines[0]), again)
    tables: dict[str, RateTable] = {}
    at = 2
    for name, table in book.tables.items():
        first = at + 1 + len(table.key)
        keys = zip(*(line.decode().split(_APART) for line in lines[at + 1 : first]), strict=True)
        end = first + int(lines[at])
        tables[name] = replace(table, rows=_Rows(dict(zip(keys, lines[first:end], strict=True)), again))
        at = end
    return replace(book, tables=tables)


class _Rows(Mapping[tuple[str, ...], RateRow]):
    """The rows of a table, each read when it is asked for."""

    __slots__ = ("_again", "_rows")

    def __init__(self, rows: dict[tuple[str, ...], bytes | RateRow], again: _Again) -> None:
        self._rows = rows
        self._again = again

    def __getitem__(self, key: tuple[str, ...]) -> RateRow:
        row = self._rows[key]
        if isinstance(row, bytes):
            row = self._rows[key] = _value(json.loads(row), self._again)
        return row

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


class _Teller:
    """Writes values as JSON; paths and provenances, of which many entries share one, are written once."""

    def __init__(self) -> None:
        self.again: dict[str | Provenance, int] = {}

    def told(self, value: object) -> _Told:
        """The value as JSON."""
        if value is None or isinstance(value, bool | int | str):
            return value
        if isinstance(value, Source):
            return [_PLACE, self._number(value.path), value.line, value.column]
        if isinstance(value, Provenance):
            return [_AGAIN, self._number(value)]
        if value is models.PLAIN:
            return [_PLAIN]
        if isinstance(value, date):
            return [_DAY, value.toordinal()]
        if isinstance(value, tuple):
            return [_TUPLE, *map(self.told, value)]
        if isinstance(value, Mapping):
            return [_MAP, *(self.told(part) for pair in value.items() for part in pair)]
        if type(value) not in _FIELDS:
            raise InvariantError(f"{type(value).__name__} cannot be kept; this is a fault of the engine")
        number, names = _FIELDS[type(value)]
        return [number, *(self.told(getattr(value, name)) for name in names)]

    def _number(self, value: str | Provenance) -> int:
        return self.again.setdefault(value, len(self.again))


def _line(told: _Told) -> str:
    return json.dumps(told, separators=(",", ":"))


def _value(told: _Told, again: _Again) -> Any:  # noqa: ANN401 - whatever was written
    if type(told) is not list:
        return told
    kind, *parts = told
    if kind == _DAY:
        return date.fromordinal(parts[0])
    if kind == _AGAIN:
        return again[parts[0]]
    if kind == _PLAIN:
        return models.PLAIN
    if kind == _PLACE:
        return Source(str(again[parts[0]]), *parts[1:])
    parts = [_value(part, again) for part in parts]
    if kind == _TUPLE:
        return tuple(parts)
    if kind == _MAP:
        return dict(zip(parts[::2], parts[1::2], strict=True))
    return _CLASSES[kind](*parts)
