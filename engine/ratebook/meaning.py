"""The meaning of a rule book as one hash: all that can move an amount or a text, and nothing else.

Left out: places, reasons, approvals, notice periods, caps, examples, the list of possible answers, and the order of rows, keys and
files. Kept: digits, and order where it says something (of items, of premiums, of the rules of a policy, of dated entries).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from functools import lru_cache
from json.encoder import encode_basestring
from operator import attrgetter, itemgetter
from typing import Any

from engine.canonical import canonical_json, sha256
from engine.money import Decimals
from engine.problems import InvariantError
from engine.ratebook.book import RateRow, RuleBook
from engine.ratebook.models import PLAIN

_SILENT = {"source", "places", "provenance", "examples", "answers", "meaning", "caps", "notice_days", "corrects", "corrected"}
_TWICE = {"sites"}  # of the book: they stand in its accounts
_ORDERED = {"items", "premiums"}  # their order is the order of lines, and in which premiums build on one another
# Sequences whose order says nothing: rows may be moved in a file.
_SETS = {"sites", "overrides", "columns", "choices", "values", "when", "days", "references"}
_FIRST = itemgetter(0)


def meaning(book: RuleBook) -> str:
    """The SHA-256 of everything in the book that matters to an invoice, however it is written down."""
    return sha256(_text(book).encode())


def told(value: object) -> str:
    """What a part of a book says, as canonical JSON: equal if and only if its meaning is."""
    return _text(value)


def fields_told(value: object) -> dict[str, str]:
    """The fields of a part of a book that have a meaning, each as canonical JSON."""
    form = _form_of(type(value))
    if form is None:
        raise InvariantError(f"{type(value).__name__} has no fields; this is a fault of the engine")
    parts = zip(form.names, form.writers, form.parts(value), strict=False)
    return {name: write(part) for name, write, part in parts}


def _text(value: Any) -> str:  # noqa: ANN401 - every kind of value of the book
    """A part of the book as canonical JSON. It is written at once: to make values of JSON first takes several times as long."""
    if isinstance(value, str):
        return encode_basestring(value) if value.isascii() else canonical_json(value).decode()
    if value is None:
        return "null"
    kind: type[Any] = type(value)
    if kind is int:
        return str(value)
    if kind is bool:
        return "true" if value else "false"
    if kind is Decimals or kind is date:
        return _number_or_day(value)
    if kind is tuple:
        return _list(map(_text, value))
    if kind is RateRow:
        return row_text(value)
    form = _form_of(kind)
    if form is not None:
        return form.text(value)
    if kind is dict or isinstance(value, Mapping):
        return _list(pair for _, pair in sorted(_pairs(value), key=_FIRST))
    if isinstance(value, Sequence):
        return _list(map(_text, value))
    raise InvariantError(f"{kind.__name__} has no meaning; this is a fault of the engine")


def row_text(row: RateRow) -> str:
    """A row as `_text` would write it. Nearly all of a large book are rows, and this takes half the time; a test holds the two together."""
    key = [f"[{_text(column)},{_text(name)}]" for column, name in sorted(row.key.items())]
    prices = [
        f'{{"scheme":{_PLAIN if each.scheme is PLAIN else _text(each.scheme)},"start":{_number_or_day(each.start)},'
        f'"value":{"null" if each.value is None else _number_or_day(each.value)}}}'
        for each in row.prices
    ]
    return f'{{"id":{_text(row.id)},"key":{_list(key)},"prices":{_list(prices)}}}'


@lru_cache(maxsize=10_000)
def _number_or_day(value: Decimals | date) -> str:
    """What comes again and again."""
    return f'"{value.isoformat()}"' if isinstance(value, date) else f'{{"digits":{value.digits},"units":{value.units}}}'


def _list(parts: Iterable[str]) -> str:
    return f"[{','.join(parts)}]"


def _set(value: object) -> str:
    return _list(sorted(map(_text, value))) if isinstance(value, Sequence) else _text(value)


def _in_order(value: Mapping[Any, object]) -> str:
    return _list(pair for _, pair in _pairs(value))


def _pairs(value: Mapping[Any, object]) -> list[tuple[str, str]]:  # Any: a text or a tuple of texts
    """Keys, each with its pair of key and value; a key of several parts is one text, for ids hold no blanks."""
    told = [(" ".join(key) if isinstance(key, tuple) else str(key), part) for key, part in value.items()]
    return [(key, f"[{_text(key)},{_text(part)}]") for key, part in told]


def _form_of(kind: type[Any]) -> Form | None:  # Any: of every class
    if kind not in _FORMS:
        _FORMS[kind] = form_of(kind)
    return _FORMS[kind]


@dataclass(frozen=True, slots=True)
class Form:
    """How values of a class are written, in the order of canonical JSON: fields, and their parts (and one thing more, so that they are a tuple)."""

    names: tuple[str, ...]
    template: str
    parts: Callable[[object], tuple[object, ...]]
    writers: tuple[Callable[[Any], str], ...]  # Any: each has its own

    def text(self, value: object) -> str:
        """A value as canonical JSON."""
        return self.template % tuple([write(part) for write, part in zip(self.writers, self.parts(value), strict=False)])


def form_of(kind: type) -> Form | None:
    """The fields of a class that have a meaning; None if it has no fields."""
    if not is_dataclass(kind):
        return None
    names = sorted(
        each.name for each in fields(kind) if each.name not in _SILENT and not (kind is RuleBook and each.name in _TWICE)
    )
    template = ",".join(f'"{name}":%s' for name in names)
    ordered = _ORDERED if kind is RuleBook else ()
    writers = (_in_order if name in ordered else _set if name in _SETS else _text for name in names)
    return Form(tuple(names), f"{{{template}}}", attrgetter(*names, "__class__"), tuple(writers))


_FORMS: dict[type[Any], Form | None] = {}  # of the classes that have been met
_PLAIN = _text(PLAIN)
