"""The meaning of a rule book as one hash: all that can move an amount or a text, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date

from engine.canonical import Json, canonical_json, sha256
from engine.problems import Source
from engine.ratebook.book import Provenance, RuleBook

_SILENT = {"source", "places", "provenance", "examples", "meaning", "answers"}
_ORDERED = {"items", "premiums"}  # their order is the order of lines, and in which premiums build on one another


def meaning(book: RuleBook) -> str:
    """The SHA-256 of everything in the book that matters to an invoice, however it is written down."""
    return sha256(
        canonical_json(
            {
                each.name: _value(getattr(book, each.name), ordered=each.name in _ORDERED)
                for each in fields(book)
                if each.name not in _SILENT
            }
        )
    )


def _value(value: object, *, ordered: bool = False) -> Json:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (Source, Provenance)):
        return None
    if is_dataclass(value) and not isinstance(value, type):
        return {
            each.name: _value(getattr(value, each.name))
            for each in fields(value)
            if each.name not in _SILENT and each.name not in _SETS
        } | {each.name: _set(getattr(value, each.name)) for each in fields(value) if each.name in _SETS}
    if isinstance(value, Mapping):
        pairs: list[Json] = [[_key(key), _value(part)] for key, part in value.items()]
        return pairs if ordered else sorted(pairs, key=canonical_json)
    if isinstance(value, Sequence):
        return [_value(part) for part in value]
    raise TypeError(f"{type(value).__name__} has no meaning")


# Tuples whose order says nothing: rows may be moved in a file.
_SETS = {"sites", "overrides", "columns", "choices", "values", "when", "days"}


def _set(value: object) -> Json:
    if not isinstance(value, Sequence) or isinstance(value, str):
        return _value(value)
    return sorted((_value(part) for part in value), key=canonical_json)


def _key(key: object) -> Json:
    return list(key) if isinstance(key, tuple) else str(key)
