"""The entries of the rule book that can touch an invoice line: their names and places, and which of them a word stands for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from engine.bulk.pricing import Rate
from engine.dates import day_of
from engine.problems import InforceError, Source
from engine.ratebook.book import RuleBook, TermsEntry

Key = tuple[str, str]  # what an entry is, and its id
_NEAR = 5


class NoEntryError(InforceError):
    """The rule book has no such entry."""


def entries_of(book: RuleBook) -> dict[Key, Source]:
    """Everything in the book that can touch a line, with its place."""
    return dict(_entries(book))


def _entries(book: RuleBook) -> Iterator[tuple[Key, Source]]:
    for table in book.tables.values():
        for row in table.rows.values():
            yield from ((("price", f"{row.id}@{price.start}"), price.source) for price in row.prices if price.value is not None)
    for account in book.accounts.values():
        yield from ((("override", f"{each.id}@{each.start}"), each.source) for each in account.overrides)
        yield from ((("fee", each.id), each.source) for each in account.fees)
        yield from ((("coupon", f"{account.account}:{each.coupon}"), each.source) for each in account.coupons)
    for policy in book.policies.values():
        yield from ((("rule", f"{policy.slot}/{rule.id}"), rule.source) for rule in policy.rules)
    for formula in book.formulas.values():
        yield from ((("formula", f"{formula.formula}@{each.version}"), each.source) for each in formula.versions)
    yield from ((("premium", name), each.source) for name, each in book.premiums.items())
    yield from ((("accumulator", name), each.source) for name, each in book.accumulators.items())
    yield from ((("percentage-fee", each.fee), each.source) for each in book.assembly.fees)
    yield from ((("limit", each.limit), each.source) for each in book.assembly.limits)
    for level, entry in _levels(book):
        yield from ((("term", f"{level}/{name}@{entry.start}"), entry.places.get(name, entry.source)) for name in entry.values)


def _levels(book: RuleBook) -> Iterator[tuple[str, TermsEntry]]:
    yield from (("default", each) for each in book.default_terms)
    for account in book.accounts.values():
        yield from ((account.account, each) for each in account.terms)
        yield from ((f"{account.account}/{site.site}", each) for site in account.sites for each in site.terms)


def wanted(book: RuleBook, asked: str) -> frozenset[Key]:
    """The entries of a book that a name stands for; without a day or a version it is that of all of them."""
    return frozenset(key for key in entries_of(book) if asked in _names(key))


def _names(key: Key) -> Iterator[str]:
    """All names of an entry: as explanations and differences write them, with what it is before it, and short."""
    what, name = key
    for each in (name, name.rpartition("@")[0]):
        if each:
            yield from (each, f"{what} {each}", f"{what}/{each}")
            if what == "formula":
                yield each.replace("@", "/")
            if what == "rule":
                yield each.rpartition("/")[2]
            if what in ("accumulator", "percentage-fee", "limit"):
                yield f"{'fee' if what == 'percentage-fee' else 'window'}:{each}"


def entries_named(asked: str, books: Sequence[RuleBook]) -> frozenset[Key]:
    """The entries of any of some books that a name stands for; refuses one that is in none of them, with the nearest."""
    found = frozenset(key for book in books for key in wanted(book, asked))
    if found:
        return found
    every = {key[1] for book in books for key in entries_of(book)}
    names = sorted({name for each in every for name in (each, each.rpartition("@")[0], each.rpartition("/")[2]) if name})
    near = [name for name in names if asked in name][:_NEAR] or get_close_matches(asked, names, _NEAR, 0)
    raise NoEntryError(
        f"no rate, override, rule, formula, premium or term is called {asked!r}.\nThe nearest are {', '.join(near)}.\n"
        f"Write it as `inforce explain` does, or as a place such as rates/geo/nyc.yaml:14."
    )


def rate_keys(rate: Rate | None) -> Iterator[Key]:
    """A rate in force is a price of a table or an override; its id says which."""
    if rate is not None:
        yield ("price", rate.id)
        yield ("override", rate.id)


def in_force(book: RuleBook, site: str, day: int, name: str) -> tuple[str, str] | None:
    """The level and the first day of the entry that says a term at a site on a day."""
    account = book.sites[site].account
    found = None
    levels = (
        ("default", book.default_terms),
        (account, book.accounts[account].terms),
        (f"{account}/{site}", book.sites[site].terms),
    )
    for level, said in levels:
        for entry in said:
            if entry.start <= day_of(day) and name in entry.values:
                found = (level, str(entry.start))
    return found
