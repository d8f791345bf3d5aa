"""Gaps: days on which a site would ask for a price that the book does not have.

The days of sites in their geos are laid over the days of rows and overrides, once for all sites that have a geo for the same days. A gap
is told by the table, the place and the item, once; activity that lies in one is a run that stops, so then it is an error.

Some gaps are as they should be, and only told if activity lies in them: a price that somebody ended, an item that was sold nowhere
before, and an item that most places do not have.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from engine.dates import FOREVER
from engine.problems import Problem
from engine.ratebook.book import RateRow, RateTable, RuleBook, Site
from engine.ratebook.stretches import DAY_WIDTH, Span, Stretches, days_text, first_day, holes, merged, priced, tables_read

if TYPE_CHECKING:
    import polars as pl

_PLACES = ("account", "site", "geo")
EVERY = ("*",)
_SHOWN_MAX = 3
_Subject = tuple[str, str]  # item, premium; empty where the table's key has none


@dataclass(frozen=True, slots=True)
class Gap:
    """Days without a price of some items (or `EVERY` one) at some sites; of no items, where a premium lacks its rate, for rows do not tell premiums.

    A gap that `is_silent` is told only if activity lies in it.
    """

    items: tuple[str, ...]
    sites: tuple[tuple[str, date, date], ...]
    problem: Problem
    is_silent: bool


def gaps(book: RuleBook) -> list[Gap]:
    """Every gap of the book."""
    stretches = Stretches(book)
    read = tables_read(book)
    found = [*_without_geo(book, read), *_before_geo(book)]
    for name, readers in sorted(read.items()):
        found += _Table(stretches, book.tables[name], readers).gaps()
    return found


def told(found: Iterable[Gap], activity: pl.DataFrame | None) -> list[Problem]:
    """What is said of gaps: errors where activity (site, item, day, id, file, row) lies in them, else at most a warning."""
    hit = _hits(found, activity) if activity is not None else {}
    problems = []
    for number, gap in enumerate(found):
        if number in hit:
            count, shown = hit[number]
            rows = "1 row of activity lies" if count == 1 else f"{count:,} rows of activity lie"
            said = f"{gap.problem.message}; {rows} there: {shown}"
            problems.append(replace(gap.problem, message=said, severity="error"))
        elif not gap.is_silent:
            problems.append(gap.problem)
    return problems


def _hits(found: Iterable[Gap], activity: pl.DataFrame) -> dict[int, tuple[int, str]]:
    """How much activity lies in each gap, and the first of it in words."""
    import polars as pl  # here, for most books have no gap

    asked = [
        (number, site, item, start, end)
        for number, gap in enumerate(found)
        for item in gap.items
        for site, start, end in gap.sites
    ]
    names = ("gap", "site", "item", "start", "end")
    kinds = (pl.Int64, pl.String, pl.String, pl.Date, pl.Date)
    spans = pl.DataFrame(asked, schema=dict(zip(names, kinds, strict=True)), orient="row")
    every = pl.col("item") == EVERY[0]
    met = [
        activity.join(spans.filter(~every), on=("site", "item")),
        activity.join(spans.filter(every).drop("item"), on="site").select(*activity.columns, "gap", "start", "end"),
    ]
    inside = pl.concat(met).filter(pl.col("day").is_between("start", "end", closed="left"))
    hits: dict[int, tuple[int, str]] = {}
    for (number,), rows in inside.sort("day", "file", "row").group_by("gap", maintain_order=True):
        first = rows.head(_SHOWN_MAX).iter_rows(named=True)
        shown = "; ".join(
            f"{row['id']} ({row['file']} row {row['row']}: {row['item']} at {row['site']} on {row['day']})" for row in first
        )
        hits[int(number)] = (len(rows), shown)
    return hits


def _without_geo(book: RuleBook, tables: Iterable[str]) -> Iterator[Gap]:
    """Sites without any geo, where something is priced by geo; all of it may be agreed."""
    by_geo = [name for name in sorted(tables) if "geo" in book.tables[name].key]
    for site in (each for each in book.sites.values() if by_geo and not each.geo):
        said = f"{site.site} has no geo, and `{by_geo[0]}` has prices by geo"
        problem = Problem("R081", site.source, said, "Give it a geo, or an override for each item", "warning", 1)
        overrides = book.accounts[site.account].overrides
        yield Gap(EVERY, ((site.site, date.min, FOREVER),), problem, is_silent=bool(overrides))


def _before_geo(book: RuleBook) -> Iterator[Gap]:
    """Sites that have terms before their first geo, or activity. Before the first day of the book nobody has a price."""
    opened = first_day(book)
    for site in (each for each in book.sites.values() if each.geo and each.geo[0][0] > opened):
        begins = site.geo[0][0]
        early = [entry for entry in site.terms if entry.start < begins]
        where = early[0].source if early else site.source
        said = f"site {site.site} has its first geo on {begins}, {site.geo[0][1]}, and none before"
        if early:
            said = f"site {site.site} has terms from {early[0].start} and its first geo only on {begins}, so nothing has a price before"
        remedy = (
            f"Let `geo` of the site begin on or before {early[0].start}"
            if early
            else "Let `geo` of the site begin earlier, or correct the activity"
        )
        related = ((site.source, "the site"),) if early else ()
        problem = Problem("R081", where, said, remedy, "warning", 1, related)
        yield Gap(EVERY, ((site.site, date.min, begins),), problem, is_silent=not early)


class _Table:
    """The gaps of one table."""

    def __init__(self, stretches: Stretches, table: RateTable, readers: Iterable[str]) -> None:
        self.stretches, self.table, self.book = stretches, table, stretches.book
        self.places = tuple(column for column in _PLACES if column in table.key)
        self.rows: dict[tuple[str, ...], dict[_Subject, list[RateRow]]] = defaultdict(lambda: defaultdict(list))
        for row in table.rows.values():
            place = tuple(row.key[column] for column in self.places)
            self.rows[place][row.key.get("item", ""), row.key.get("premium", "")].append(row)
        self.sites: dict[tuple[tuple[str, ...], date, date], list[Site]] = defaultdict(list)
        for site in self.book.sites.values():
            if table.currency not in (None, self.book.accounts[site.account].currency):
                continue  # nothing is converted, so its items are not for this site
            for geo, start, end in stretches.geos(table, site):
                names = {"account": site.account, "site": site.site, "geo": geo}
                self.sites[tuple(names[column] for column in self.places), start, end].append(site)
        self.sold = tuple(item.item for item in self.book.items.values() if table.table in (item.table, *item.times))
        self.subjects = list(dict.fromkeys(self._subjects(set(readers))))

    def _subjects(self, readers: set[str]) -> Iterator[_Subject]:
        """What is asked for: each item of the table, or what its premiums read."""
        named = sorted({item for of_place in self.rows.values() for item, _ in of_place})
        for premium in sorted(readers):
            items: Iterable[str] = named if premium else self.sold
            for item in items if "item" in self.table.key else [""]:
                yield item, premium if "premium" in self.table.key else ""

    def gaps(self) -> Iterator[Gap]:
        """The gaps, each told once for a place and a subject."""
        used = {place for place, _, _ in self.sites}
        empty: dict[tuple[str, ...], list[tuple[str, date, date]]] = {place: [] for place in sorted(used - self.rows.keys())}
        for (place, start, end), sites in self.sites.items():
            if place in empty:
                empty[place] += [(site.site, start, end) for site in sites if not self._has_overrides(site)]
        for place, spans in empty.items():
            if spans:
                yield self._gap(place, ("", ""), [], spans, is_silent=2 * len(empty) > len(used))
        used -= empty.keys()
        for subject in self.subjects:
            having = [place for place in used if subject in self.rows.get(place, {})]
            starts = [
                row.prices[0].start
                for place in self.rows
                if subject in self.rows[place]
                for row in self.rows[place][subject]
                if row.prices
            ]
            first = min(starts, default=FOREVER)
            is_usual = (2 * len(having) >= len(used) and bool(having)) or (first == FOREVER and self._is_lost(subject[1]))
            by_place: dict[tuple[str, ...], list[tuple[Span, list[Site]]]] = defaultdict(list)
            for (place, start, end), sites in self.sites.items():
                if place in empty:  # a place where all is agreed: of what is not, only activity tells whether anybody asks
                    sites = [each for each in sites if self._has_overrides(each)]
                taken = priced(self.rows[place][subject]) if place in self.rows and subject in self.rows[place] else []
                by_place[place] += [(hole, sites) for hole in holes((start, end), taken)]
            for place, found in by_place.items():
                yield from self._of_place(place, subject, first, found, is_usual=is_usual and place not in empty)

    def _of_place(
        self, place: tuple[str, ...], subject: _Subject, first: date, found: list[tuple[Span, list[Site]]], *, is_usual: bool
    ) -> Iterator[Gap]:
        """Holes of one place: of a row inside, before or behind its prices; or of no row at all."""
        rows = self.rows[place][subject] if place in self.rows and subject in self.rows[place] else []
        spans = priced(rows)
        by_hole: dict[Span, list[tuple[str, date, date]]] = defaultdict(list)
        for hole, sites in found:
            for site in sites:
                for start, end in self._without_overrides(hole, site, subject):
                    by_hole[self._whole(hole, spans)].append((site.site, start, end))
        for hole, at in sorted(by_hole.items()):
            if not spans:
                is_silent = not is_usual
            elif hole[0] >= spans[-1][1]:
                is_silent = True  # somebody ended it
            else:
                is_silent = hole[1] <= first  # nobody sold it before
            yield self._gap(place, subject, rows, at, is_silent=is_silent)

    @staticmethod
    def _whole(hole: Span, spans: list[Span]) -> Span:
        """The hole in the row that a hole of some sites is a part of, so that it is told once."""
        return next((each for each in holes((date.min, FOREVER), spans) if each[0] <= hole[0] < each[1]), hole)

    def _without_overrides(self, hole: Span, site: Site, subject: _Subject) -> list[Span]:
        item, premium = subject
        agreed = [each for each in self.stretches.agreed(self.table.table, site, item, premium) if item or each.item is None]
        return holes(hole, merged((each.start, each.end or FOREVER) for each in agreed)) if agreed else [hole]

    def _gap(
        self, place: tuple[str, ...], subject: _Subject, rows: list[RateRow], at: list[tuple[str, date, date]], *, is_silent: bool
    ) -> Gap:
        item, premium = subject
        start, end = min(each[1] for each in at), max(each[2] for each in at)
        named = ", ".join(part for part in (*place, item, premium) if part)
        table = self.table.table
        others = f" and {len(at) - 1} more" if len(at) > 1 else ""
        what = (
            f"`{table}` has no price of {named}"
            if rows or not place
            else f"`{table}` has no row for {named}, as other places have"
        )
        said = f"{what} {days_text(start, end)}, while {at[0][0]}{others} could ask for it"
        if rows:
            source = next(
                (price.source for row in rows for price in row.prices if price.value is None and price.start == start),
                rows[0].source,
            )
            remedy = f"Add a price that starts on {start}, or an override for the sites"
            width = DAY_WIDTH if source != rows[0].source else 1
        else:
            source, remedy, width = self.table.source, "Add the row, or an override for the sites", 1
        site = self.book.sites[at[0][0]]
        problem = Problem("R080", source, said, remedy, "warning", width, ((site.source, f"site {site.site}"),))
        items = (item,) if item else self.sold
        return Gap(() if premium else items, tuple(at), problem, is_silent)

    def _is_lost(self, premium: str) -> bool:
        """Whether a premium without a row anywhere is agreed with nobody either: rows of activity do not tell premiums, so it is told here."""
        agreed = {each.premium for account in self.book.accounts.values() for each in account.overrides}
        return bool(premium) and premium not in agreed

    def _has_overrides(self, site: Site) -> bool:
        return any(each.table == self.table.table for each in self.book.accounts[site.account].overrides)
