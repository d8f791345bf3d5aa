"""Every field of every value of a rule book changed once: what a difference must not overlook."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from engine.money import Decimals
from engine.problems import Source
from engine.ratebook.book import Provenance, RuleBook
from engine.ratebook.build import build
from engine.ratebook.files import read_workspace_files
from engine.ratebook.meaning import form_of, meaning
from tests.sample_book import sample_files, sample_texts

ROOT = Path(__file__).resolve().parent.parent.parent
TWICE = 2  # a field is changed in so many places
Value = Any  # Any: whatever stands in a book
Place = tuple[type, str]  # a class and a field
Trail = tuple[Place, ...]  # the field that is changed, then those around it
# Fields that name something else in the book, which a built book always has.
NAMES: Mapping[tuple[str, str], str] = {
    ("Override", "table"): "tables",
    ("Site", "account"): "accounts",
    ("Premium", "formula"): "formulas",
}


SHARED = """format: 1
kind: assembly
limits:
  - { limit: least, over: month, of: [RN], at-least: 100.00, item: ORIENT, description: "{name}" }
fees:
  - { fee: msp, item: ORIENT, percent: 3%, direction: deduct, base: invoice, description: "{name}" }
shares:
  - { share: campus, site: acme-east, from: 2026-01-01, to: 2027-01-01, accounts: { acme: 60%, beta: 40% } }
"""
FEE = """tax: { exempt: charity, from: 2026-01-01, to: 2027-01-01 }
fees:
  - { fee: desk, item: ORIENT, each: month, site: acme-east, from: 2026-01-01, refs: { po: PO-1 } }
"""


@cache
def books() -> Mapping[str, RuleBook]:
    """The sample book, the example agency, and both example workspaces."""
    folders = {"agency": ROOT, "saas": ROOT / "examples" / "saas", "telecom": ROOT / "examples" / "telecom"}
    shared = {"rules/assembly.yaml": SHARED, "rates/accounts/acme.yaml": sample_texts()["rates/accounts/acme.yaml"] + FEE}
    return {
        "sample": build(sample_files()),
        "shared": build(sample_files(**shared)),
        **{name: build(read_workspace_files(folder)) for name, folder in folders.items()},
    }


def classes() -> list[type]:
    """Every class whose values matter to a book, those that are added later too."""
    found: dict[type, None] = {}
    waiting: list[Value] = [RuleBook]
    while waiting:
        hint = waiting.pop()
        waiting += get_args(hint)
        form = form_of(hint) if isinstance(hint, type) and hint not in (Decimals, *found) else None
        if form is not None:
            found[hint] = None
            waiting += [_hints(hint)[name] for name in form.names]
    return sorted(found.keys() - {RuleBook}, key=lambda each: each.__name__)


def mutants(book: RuleBook, seen: Counter[Trail]) -> Iterator[tuple[Trail, RuleBook]]:
    """Books that differ from one in a field; `seen` counts how often each has been changed."""
    form = form_of(RuleBook)
    for name in form.names if form is not None else ():
        for path, value in _mutants(getattr(book, name), seen, book):
            yield path, renewed(replace(book, **{name: value}))


def renewed(book: RuleBook) -> RuleBook:
    """A book whose meaning and sites are those of its parts."""
    sites = {site.site: site for account in book.accounts.values() for site in account.sites}
    found = replace(book, sites=sites)
    return replace(found, meaning=meaning(found))


def _mutants(value: Value, seen: Counter[Trail], book: RuleBook, around: Trail = ()) -> Iterator[tuple[Trail, Value]]:
    if isinstance(value, Mapping):
        for key, part in value.items():
            for path, other in _mutants(part, seen, book, around):
                yield path, {**value, key: other}
    elif isinstance(value, tuple):
        for number, part in enumerate(value):
            for path, other in _mutants(part, seen, book, around):
                yield path, (*value[:number], other, *value[number + 1 :])
    elif is_dataclass(value) and not isinstance(value, Source | Provenance | Decimals | type):
        yield from _of_fields(value, seen, book, around)


def _of_fields(value: Value, seen: Counter[Trail], book: RuleBook, around: Trail = ()) -> Iterator[tuple[Trail, Value]]:
    kind: Value = type(value)
    hints = _hints(kind)
    for name in (each.name for each in fields(value)):
        place, part = (type(value), name), getattr(value, name)
        named = getattr(book, NAMES[type(value).__name__, name]) if (type(value).__name__, name) in NAMES else None
        others = [each for each in named if each != part] if named is not None else _others(part, hints[name])
        for other in others[:2] if seen[place, *around] < TWICE else ():
            seen[place, *around] += 1
            yield (place,), replace(value, **{name: other})
        for path, other in _mutants(part, seen, book, (place,)):
            yield (*path, place), replace(value, **{name: other})


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _others(value: Value, hint: Value) -> list[Value]:
    """Some other value for a field."""
    words = [word for part in (hint, *get_args(hint)) if get_origin(part) is Literal for word in get_args(part)]
    if value is None or words:
        return [word for word in words if word != value][:1] or [each for part in get_args(hint) for each in _some(part)][:1]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 60]
    if isinstance(value, str):
        return [f"{value}-x"]
    if isinstance(value, date):
        return [value + timedelta(days=1)] if value < date(9999, 1, 1) else [date(2030, 1, 1)]
    if isinstance(value, Decimals):
        return [Decimals(value.units + 1, value.digits), Decimals(value.units * 10, value.digits + 1)]
    if isinstance(value, tuple):
        return [value[:-1]] if value else [each for part in get_args(hint) for each in [(some,) for some in _some(part)]][:1]
    if isinstance(value, Mapping):
        return [dict(list(value.items())[:-1])] if value else []
    return []


def _some(hint: Value) -> list[Value]:
    """A value of a type, if it is a plain one."""
    origin: Value = get_origin(hint)
    if origin is tuple:
        parts = [_some(part) for part in get_args(hint) if part is not Ellipsis]
        return [tuple(each[0] for each in parts)] if all(parts) else []
    if is_dataclass(hint) and isinstance(hint, type) and all(each.default is not MISSING for each in fields(hint)):
        return [hint()]
    plain: dict[Value, list[Value]] = {str: ["x"], int: [3600], date: [date(2030, 1, 1)], Decimals: [Decimals(5, 1)]}
    return plain.get(hint, [])
