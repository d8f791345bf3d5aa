"""What is charged when a price changes: the overrides that stand instead of it, and the base price of each site and item over time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from engine.dates import FOREVER
from engine.problems import Source
from engine.ratebook.book import UNKNOWN_PROVENANCE, Override, Provenance, RateRow, RateTable, RuleBook, Site
from engine.ratebook.changes import Change, Shield
from engine.ratebook.entries import Line, Part
from engine.ratebook.lines import stretches
from engine.ratebook.reach import Books, Days
from engine.ratebook.words import figure_words, price_words


def with_shields(changes: Sequence[Change], books: Books) -> list[Change]:
    """The changes of prices with the overrides that stand instead of them in both books."""
    return [replace(each, shields=shields(each, books)) if each.what == "price" else each for each in changes]


def shields(change: Change, books: Books) -> tuple[Shield, ...]:
    """The overrides that stand instead of a changed price on some of its days, in the book before and after."""
    table = change.id.partition(":")[0]
    kept = {(each.id, each.start, each.end) for each in books.both[0].overrides()}
    key = _key(change.id, table, books.both)
    geo_sites = books.sites_of_geo(key["geo"]) if "geo" in key else books.sites
    found = []
    for each in books.both[1].overrides():
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
    source: Source
    provenance: Provenance


def with_charged(changes: Sequence[Change], books: Books) -> list[Change]:
    """The changes, and for each site and item whose base price they can move what is charged before and after, override or not."""
    moving = [each for each in changes if each.what in ("price", "override", "geo") and not each.reach.is_empty]
    pairs = {pair for each in moving for pair in _pairs(each, books)}
    return [*changes, *(found for pair in sorted(pairs) if (found := _moved(*pair, books)) is not None)]


def _pairs(change: Change, books: Books) -> Iterator[tuple[str, str]]:
    """The sites and items that a change reaches, where both books have them."""
    one, two = books.both
    for site in change.reach.sites if change.reach.sites is not None else books.sites:
        for item in change.reach.items if change.reach.items is not None else one.items.keys() | two.items.keys():
            if all(site in book.sites and item in book.items and book.items[item].table for book in books.both):
                yield site, item


def _moved(site: str, item: str, books: Books) -> Change | None:
    one, two = books.both
    differing = stretches(_line(one, site, item), _line(two, site, item))
    if not differing:
        return None
    start, end = differing[0].start, differing[-1].end
    first, last = (charged_on(book, site, item, start or date.min) for book in books.both)
    reach = books.priced(frozenset({site}), books.recorded({item}), Days(start, end), price_only=False)
    return Change(
        what="charged",
        id=f"{site}/{item}",
        stretches=differing,
        before=first.source if first is not None else None,
        after=last.source if last is not None else None,
        provenance=last.provenance if last is not None else UNKNOWN_PROVENANCE,
        reach=reach,
        notes=(f"by {last.by}",) if last is not None else (),
    )


def _line(book: RuleBook, site: str, item: str) -> Line:
    """What is charged over time."""
    where, table = book.sites[site], book.tables[book.items[item].table]
    days = {day for day, _ in where.geo}
    days |= {day for each in _agreed(book, where, item) for day in (each.start, each.end) if day is not None}
    days |= {
        price.start for geo in {geo for _, geo in where.geo} for row in _rows(table, where, geo, item) for price in row.prices
    }
    said = [(day, charged_on(book, site, item, day)) for day in sorted(days)]
    return ((None, None), *((day, None if each is None else {"": Part(each.price, each.price)}) for day, each in said))


def charged_on(book: RuleBook, site: str, item: str, day: date) -> Charged | None:
    """What is charged on a day: site override, else account override (each with item first), else the row of the site's geo."""
    where, table = book.sites[site], book.tables[book.items[item].table]
    mine = [each for each in _agreed(book, where, item) if each.start <= day < (each.end or FOREVER)]
    if mine:
        nearest = min(mine, key=lambda each: (each.site is None, each.item is None))
        return Charged(figure_words(nearest.value, table), nearest.id, nearest.source, nearest.provenance)
    geo = next((geo for start, geo in reversed(where.geo) if start <= day), "")
    for row in _rows(table, where, geo, item):
        price = next((each for each in reversed(row.prices) if each.start <= day), None)
        text = price_words(price, table) if price is not None else None
        if price is not None and text is not None:
            return Charged(text, row.id, price.source, price.provenance)
    return None


def _agreed(book: RuleBook, site: Site, item: str) -> list[Override]:
    """The overrides of a base price at a site."""
    table = book.items[item].table
    return [
        each
        for each in book.accounts[site.account].overrides
        if each.table == table and each.premium is None and each.site in (None, site.site) and each.item in (None, item)
    ]


def _rows(table: RateTable, site: Site, geo: str, item: str) -> Iterator[RateRow]:
    """The row of a table for a place and an item, if its key has nothing else."""
    says = {"account": site.account, "site": site.site, "geo": geo, "item": item}
    row = table.rows.get(tuple(says.get(column, "") for column in table.key))
    if row is not None and says.keys() >= set(table.key):
        yield row
