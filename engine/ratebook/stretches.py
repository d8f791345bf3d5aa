"""Prices over time: what a table and the overrides say at one site, as stretches of days without a hole or an overlap."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from engine.dates import FOREVER
from engine.ratebook.book import Override, Price, RateRow, RateTable, RuleBook, Site

DAY_WIDTH = len("2026-10-03")  # a price stands at its day

Span = tuple[date, date]
"""Some days: the first one in, the last one out."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The days on which one price holds at a site (`price`, an `override` of it, or neither: there is none)."""

    start: date
    end: date
    price: Price | None
    override: Override | None = None


class Stretches:
    """The prices of a book, found by table, site, item and premium."""

    def __init__(self, book: RuleBook) -> None:
        self.book = book
        self.first_day = first_day(book)
        self._agreed: dict[tuple[str, str, str | None, str | None], list[Override]] = defaultdict(list)
        for override in book.overrides():
            self._agreed[override.account, override.table, override.site, override.item].append(override)

    def begins(self, site: Site) -> date:
        """The first day of a site: that of its first geo, or the book's."""
        return site.geo[0][0] if site.geo else self.first_day

    def geos(self, table: RateTable, site: Site) -> list[tuple[str, date, date]]:
        """The geos of a site, each with its days; of a table without geos one stretch without a name."""
        if "geo" not in table.key:
            return [("", self.begins(site), FOREVER)]
        ends = [*(day for day, _ in site.geo), FOREVER][1:]
        return [(geo, day, end) for (day, geo), end in zip(site.geo, ends, strict=True)]

    def agreed(self, table: str, site: Site, item: str, premium: str) -> list[Override]:
        """The overrides that can hold at a site for an item and a premium, the closest first."""
        closest = [(where, which) for where in (site.site, None) for which in ((item, None) if item else (None,))]
        mine = [
            each
            for where, which in closest
            for each in self._agreed.get((site.account, table, where, which), ())
            if each.premium in (None, premium or None)
        ]
        return sorted(mine, key=lambda each: (each.site is None, each.item is None, each.premium is None, each.start))

    def of_table(self, table: RateTable, site: Site, item: str, premium: str = "") -> list[Stretch]:
        """What the rows of a table (without columns of activity) say at a site, from its first day on."""
        found = []
        for geo, start, end in self.geos(table, site):
            names = {"account": site.account, "site": site.site, "geo": geo, "item": item, "premium": premium}
            row = table.rows.get(tuple(names[column] for column in table.key))
            found += list(_clipped(row, start, end))
        return found

    def in_force(self, table: RateTable, site: Site, item: str, premium: str = "") -> list[Stretch]:
        """What holds at a site, from its first day on: the closest override, else the table."""
        listed = self.of_table(table, site, item, premium)
        mine = self.agreed(table.table, site, item, premium)
        if not mine or not listed:
            return listed
        cuts = {day for each in mine for day in (each.start, each.end or FOREVER)}
        days = [*sorted({each.start for each in listed} | {day for day in cuts if listed[0].start < day < FOREVER}), FOREVER]
        found, place = [], 0
        for start, end in pairwise(days):
            while listed[place].end <= start:
                place += 1
            override = next((each for each in mine if each.start <= start < (each.end or FOREVER)), None)
            found.append(Stretch(start, end, listed[place].price, override))
        return found


def first_day(book: RuleBook) -> date:
    """The first day of a book: that of its first default terms, or of its first price."""
    if book.default_terms:
        return book.default_terms[0].start
    starts = (row.prices[0].start for table in book.tables.values() for row in table.rows.values() if row.prices)
    return min(starts, default=date.min)


def _clipped(row: RateRow | None, start: date, end: date) -> Iterator[Stretch]:
    """The prices of a row within some days, and what lies before the first one."""
    at, price = start, None
    for each in row.prices if row is not None else ():
        if each.start >= end:
            break
        if each.start > at:
            yield Stretch(at, each.start, price)
            at = each.start
        price = each if each.value is not None else None
    yield Stretch(at, end, price)


def priced(rows: Iterable[RateRow]) -> list[Span]:
    """The days on which any of some rows has a price, in order."""
    spans = []
    for row in rows:
        ends = [each.start for each in row.prices[1:]] + [FOREVER]
        spans += [
            (each.start, end) for each, end in zip(row.prices, ends, strict=True) if each.value is not None and each.start < end
        ]
    return merged(spans)


def merged(spans: Iterable[Span]) -> list[Span]:
    """Spans in order, those that touch as one."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def holes(span: Span, taken: Sequence[Span]) -> list[Span]:
    """What is left of a span without others, which are in order and do not touch."""
    found, at = [], span[0]
    for start, end in taken:
        if start >= span[1]:
            break
        if start > at:
            found.append((at, start))
        at = max(at, end)
    if at < span[1]:
        found.append((at, span[1]))
    return found


def days_text(start: date, end: date) -> str:
    """Some days in words."""
    return f"from {start} on" if end == FOREVER else f"from {start} until {end}"


def tables_read(book: RuleBook) -> Mapping[str, set[str]]:
    """The tables that something reads, each with the premiums that do (an empty name: items do)."""
    found: dict[str, set[str]] = defaultdict(set)
    for item in book.items.values():
        for table in (item.table, *item.times):
            if table:
                found[table].add("")
    for premium in book.premiums.values():
        for given in premium.given.values():
            if given.form == "rate":
                found[given.name].add(premium.premium)
    return found
