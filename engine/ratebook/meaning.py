"""The meaning of a rule book as one hash: all that can move an amount or a text, and nothing else.

Left out: places, reasons, approvals, examples, the list of possible answers, and the order of rows, keys and files. Kept: digits,
and order where it says something (of items, of premiums, of the rules of a policy, of dated entries).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date
from functools import cache

from engine.canonical import Json, canonical_json, sha256
from engine.problems import InvariantError
from engine.ratebook.book import RuleBook

_SILENT = {"source", "places", "provenance", "examples", "answers", "meaning"}
_TWICE = {"sites"}  # of the book: they stand in its accounts
_ORDERED = {"items", "premiums"}  # their order is the order of lines, and in which premiums build on one another
# Sequences whose order says nothing: rows may be moved in a file.
_SETS = {"sites", "overrides", "columns", "choices", "values", "when", "days"}


def meaning(book: RuleBook) -> str:
    """The SHA-256 of everything in the book that matters to an invoice, however it is written down."""
    told: dict[str, Json] = {}
    for name in _names(RuleBook):
        if name not in _TWICE:
            part = getattr(book, name)
            told[name] = _pairs(part) if name in _ORDERED else _value(part)
    return sha256(canonical_json(told))


def _value(value: object) -> Json:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return sorted(_pairs(value), key=lambda pair: pair[0])
    if isinstance(value, Sequence):
        return [_value(part) for part in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {name: _field(name, getattr(value, name)) for name in _names(type(value))}
    raise InvariantError(f"{type(value).__name__} has no meaning; this is a fault of the engine")


def _field(name: str, value: object) -> Json:
    if name in _SETS and isinstance(value, Sequence):
        return sorted((_value(part) for part in value), key=canonical_json)
    return _value(value)


def _pairs(value: Mapping[object, object]) -> list[tuple[str, Json]]:
    """Keys and values in the order of the book; a key of several parts is one text, for ids hold no blanks."""
    return [(" ".join(key) if isinstance(key, tuple) else str(key), _value(part)) for key, part in value.items()]


@cache
def _names(kind: type) -> tuple[str, ...]:
    """The fields of a kind of value that have a meaning."""
    every: Iterable[str] = (each.name for each in fields(kind))
    return tuple(name for name in every if name not in _SILENT)
