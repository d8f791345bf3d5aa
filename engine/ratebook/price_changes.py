"""What keeps a changed price from being charged: the overrides that stand instead of it, where and for how long."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from engine.dates import FOREVER
from engine.ratebook.book import Override, Provenance, RuleBook, Site
from engine.ratebook.changes import Change, Shield
from engine.ratebook.reach import Books
from engine.ratebook.words import figure_words, price_words


def with_shields(changes: Sequence[Change], books: Books) -> list[Change]:
    """The changes of prices with the overrides that stand instead of them in both books."""
    return [replace(each, shields=shields(each, books)) if each.what == "price" else each for each in changes]


def shields(change: Change, books: Books) -> tuple[Shield, ...]:
    """The overrides that stand instead of a changed price on some of its days, in the book before and after."""
    table = change.id.partition(":")[0]
    kept = {(each.id, each.start, each.end) for each in _overrides(books.both[0])}
    key = _key(change.id, table, books.both)
    geo_sites = books.sites_of_geo(key["geo"]) if "geo" in key else books.sites
    found = []
    for each in _overrides(books.both[1]):
        if each.table != table or (each.id, each.start, each.end) not in kept:
            continue
        if any(
            key.get(column, name) != name for column, name in (("item", each.item), ("premium", each.premium)) if name is not None
        ):
            continue
        sites = geo_sites & (books.sites_of(each.account) if each.site is None else {each.site})
        days = _meeting(each, change)
        if sites and days is not None:
            found.append(Shield(each.id, tuple(sorted(sites)), *days, each.source))
    return tuple(sorted(found, key=lambda shield: (shield.by, shield.start or date.min)))


def _overrides(book: RuleBook) -> Iterable[Override]:
    return (override for account in book.accounts.values() for override in account.overrides)


def _key(id_: str, table: str, both: Iterable[RuleBook]) -> Mapping[str, str]:
    for book in both:
        names = tuple(id_.partition(":")[2].split("/"))
        row = book.tables[table].rows.get(names) if table in book.tables else None
        if row is not None:
            return row.key
    return {}


def _meeting(override: Override, change: Change) -> tuple[date | None, date | None] | None:
    """The days of an override on which the price differs."""
    met = [
        (max(override.start, stretch.start or date.min), min(override.end or FOREVER, stretch.end or FOREVER))
        for stretch in change.stretches
    ]
    held = [(start, end) for start, end in met if start < end]
    if not held:
        return None
    start, end = min(start for start, _ in held), max(end for _, end in held)
    return start, None if end == FOREVER else end


# --- what is charged --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Charged:
    """The base price in force for an item at a site: in words, and the entry that it is from."""

    price: str
    by: str
    provenance: Provenance


def effective(book: RuleBook, day: date) -> dict[tuple[str, str], Charged]:
    """The base price that is charged on a day for each site and item that has one whose key is item and place alone."""
    found = {}
    for site in book.sites.values():
        for item in book.items.values():
            charged = _charged(book, site, item.item, item.table, day) if item.table else None
            if charged is not None:
                found[site.site, item.item] = charged
    return found


def _charged(book: RuleBook, site: Site, item: str, name: str, day: date) -> Charged | None:
    """Site override, else account override (each with item first), else the row of the site's geo."""
    table = book.tables[name]
    mine = [
        each
        for each in book.accounts[site.account].overrides
        if each.table == name and each.site in (None, site.site) and each.item in (None, item) and each.premium is None
        and each.start <= day < (each.end or FOREVER)
    ]  # fmt: skip
    if mine:
        nearest = min(mine, key=lambda each: (each.site is None, each.item is None))
        return Charged(figure_words(nearest.value, table), nearest.id, nearest.provenance)
    geo = next((geo for start, geo in reversed(site.geo) if start <= day), "")
    says = {"account": site.account, "site": site.site, "geo": geo, "item": item}
    if not says.keys() >= set(table.key):
        return None
    row = table.rows.get(tuple(says[column] for column in table.key))
    price = next((each for each in reversed(row.prices) if each.start <= day), None) if row is not None else None
    text = price_words(price, table) if price is not None else None
    return Charged(text, row.id, price.provenance) if row is not None and price is not None and text is not None else None
