"""Redaction: a report without the names of accounts and sites, for readers who may see what moves and not whose it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import TypeVar, cast

from engine.problems import Source
from engine.ratebook.book import UNKNOWN_PROVENANCE, Provenance, RuleBook

T = TypeVar("T")
_Veil = Callable[[str], str]


def veil_of(*books: RuleBook) -> Mapping[str, str]:
    """What stands for each account (A1, A2, ...) and each site (S1, S2, ...) of some books."""
    accounts = sorted({name for book in books for name in book.accounts})
    sites = sorted({name for book in books for name in book.sites} - set(accounts))
    return {
        **{name: f"A{number}" for number, name in enumerate(accounts, start=1)},
        **{name: f"S{number}" for number, name in enumerate(sites, start=1)},
    }


def redacted(value: T, veil: Mapping[str, str]) -> T:
    """A value of dataclasses, maps and sequences with every text veiled. Reasons and approvals are left out: people write names in them."""
    if not veil:
        return value
    names = re.compile(
        "(?<![A-Za-z0-9])(" + "|".join(re.escape(name) for name in sorted(veil, key=len, reverse=True)) + ")(?![A-Za-z0-9])"
    )
    return cast("T", _veiled(value, lambda text: names.sub(lambda found: veil[found[1]], text)))


def _veiled(value: object, veil: _Veil) -> object:
    if isinstance(value, str):
        return veil(value)
    if isinstance(value, Provenance):
        return UNKNOWN_PROVENANCE
    if isinstance(value, Source):
        return Source(veil(value.path), value.line, value.column)
    if isinstance(value, Mapping):
        return {_veiled(key, veil): _veiled(part, veil) for key, part in value.items()}
    if isinstance(value, (tuple, frozenset)):
        return type(value)(_veiled(part, veil) for part in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{each.name: _veiled(getattr(value, each.name), veil) for each in fields(value)})
    return value
