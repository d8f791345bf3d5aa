"""Prepared: all that is the same for every row of one rating, made once from the rule book: terms, time, prices, windows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from engine.activity import Activity
from engine.arrays import Codes, Ints, codes
from engine.bulk.accumulate import Accumulating
from engine.bulk.pricing import PriceBook, price_book
from engine.bulk.programs import Programs
from engine.bulk.recurrences import Windows, windows_at
from engine.bulk.timeline import Timelines, timelines
from engine.dates import day_number, day_of
from engine.problems import InforceError
from engine.ratebook.book import Accumulator, ActivityKind, PunchRounding, RuleBook, TermValue
from engine.ratebook.policies import Decider
from engine.ratebook.slots import CompiledSlot

_SPAN_DAYS = 60 * 366  # more is a mistyped year, and tables of instants would grow without need


class RatingError(InforceError):
    """Activity cannot be rated by this rule book; nothing was written."""


@dataclass(frozen=True, slots=True)
class Span:
    """What a rating is about: the sites and items as its activity numbers them, pairs of both that may be priced, and its days."""

    sites: tuple[str, ...]
    items: tuple[str, ...]
    pairs: tuple[int, ...]
    first_day: int
    last_day: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """Tables by number of site, day and pair.

    `missing` names a term that has no value yet, by number of the terms. `pair` gives the number of (site, item of the book) in `prices`,
    -1 where not prepared.
    """

    book: RuleBook
    kind: ActivityKind
    slots: Mapping[str, CompiledSlot]
    decider: Decider
    sites: tuple[str, ...]
    items: tuple[str, ...]
    item_of: Codes
    account_of: Codes
    zone_of: Codes
    first_day: int
    last_day: int
    lines: Timelines
    term_at: Codes
    terms: tuple[Mapping[str, TermValue], ...]
    missing: Mapping[int, str]
    pair: Codes
    prices: PriceBook
    windows: tuple[Windows, ...]
    programs: Programs

    def term(self, site: Codes, day: Ints) -> Codes:
        """The number of the terms that hold at sites on days."""
        if len(self.terms) == 1:
            return np.zeros(len(site), dtype=np.int32)
        days = self.last_day - self.first_day + 1
        return codes(self.term_at[site * np.int64(days) + (day - self.first_day)])

    def accumulating(self, *, carries: bool = False) -> list[Accumulating]:
        """The accumulators whose bands some policy reads, with nothing summed yet."""
        bands = self.programs.bands
        return [
            Accumulating(
                windows, self.lines, self.book.calendar.window_at == "start",
                tuple(1 << bands.index(band.band) for band in windows.accumulator.bands),
                day_number(self.book.calendar.activity_from) if self.book.calendar.activity_from else None,
                carries,
            )
            for windows in self.windows
            if windows.accumulator.bands
        ]  # fmt: skip

    def days(self) -> str:
        """The days it is made for, in words."""
        return f"{day_of(self.first_day)} to {day_of(self.last_day)}"


def span_of(book: RuleBook, activity: Activity, last_day: int | None = None) -> Span:
    """What a rating of some activity is about: every pair of a site with an item that stands at it, or that a policy may answer."""
    latest = [int(times.max()) // 86_400 for times in activity.times.values() if len(times)]
    first = int(activity.day.min()) - 1 if len(activity) else 0
    last = max([first, *latest, *([last_day] if last_day is not None else [])]) + 2
    items = list(book.items)
    answered = (
        [items.index(rule.answer) for rule in book.policies["item"].rules if rule.answer in book.items]
        if "item" in book.policies
        else []
    )
    size = len(items)
    place = codes([items.index(item) for item in activity.item.values] or [0])
    packed = activity.site.codes.astype(np.int64) * size + place[activity.item.codes]
    used = np.zeros(max(len(activity.site.values), 1) * size, dtype=np.bool_)
    used[packed] = True
    for item in dict.fromkeys(answered):
        used[item::size] = True
    if not len(activity):
        used[:] = False
    return Span(activity.site.values, activity.item.values, tuple(np.flatnonzero(used).tolist()), first, last)


def prepare(book: RuleBook, kind: str, slots: Mapping[str, CompiledSlot], decider: Decider, span: Span) -> Prepared:
    """Everything that a rating needs beside the rows."""
    if span.last_day - span.first_day > _SPAN_DAYS:
        raise RatingError(
            f"the activity spans {day_of(span.first_day)} to {day_of(span.last_day)}, more than 60 years.\nCorrect the mistyped date."
        )
    first, last = span.first_day, span.last_day
    zones = sorted({book.sites[site].zone for site in span.sites}) or ["UTC"]
    accounts = sorted(book.accounts)
    term_at, distinct = _terms(book, span)
    missing = {number: name for number, each in enumerate(distinct) for name in reversed(list(book.terms)) if name not in each}
    complete = {name: value for entry in book.default_terms for name, value in entry.values.items()}
    terms = tuple({**complete, **each} for each in distinct)  # rows with missing terms are refused before anything reads them
    windows = tuple(windows_at(book, each, span.sites, first, last) for each in _read(book))
    earliest = min([first, *(day for each in windows for view in each.views for day in view.days)])
    origin = (earliest - 2) * 86_400
    edges = [instant - origin for each in windows for instant in each.begins() if instant > origin]
    steps = [rounding.step for each in terms if isinstance(rounding := each.get("punch-rounding"), PunchRounding)]
    lines = timelines(zones, earliest, last, book.windows, book.holidays, [*edges, *steps])
    items = tuple(book.items)
    pair = np.full(max(len(span.sites), 1) * len(items), -1, dtype=np.int32)
    pair[list(span.pairs)] = np.arange(len(span.pairs))
    pairs = [(span.sites[number // len(items)], items[number % len(items)]) for number in span.pairs]
    return Prepared(
        book, book.kinds[kind], slots, decider, span.sites, items, codes([items.index(item) for item in span.items] or [0]),
        codes([accounts.index(book.sites[site].account) for site in span.sites] or [0]),
        codes([zones.index(book.sites[site].zone) for site in span.sites] or [0]), first, last, lines, term_at, terms, missing, pair,
        price_book(book, pairs, first, last), windows, Programs(book, slots, decider, lines),
    )  # fmt: skip


def _read(book: RuleBook) -> list[Accumulator]:
    """The accumulators of time and days that matter: a policy reads one of their bands, or they have a line."""
    read = {
        str(value)
        for policy in book.policies.values()
        for rule in policy.rules
        for condition in rule.when
        if condition.column == "over"
        for value in condition.values
    }
    every = [each for each in book.accumulators.values() if each.measure != "amount"]
    return [each for each in every if each.line is not None or any(band.band in read for band in each.bands)]


def _terms(book: RuleBook, span: Span) -> tuple[Codes, tuple[Mapping[str, TermValue], ...]]:
    """For each site and day the number of its terms, and the distinct terms."""
    known: dict[tuple[tuple[str, str], ...], int] = {}
    distinct: list[Mapping[str, TermValue]] = []
    first, count = span.first_day, span.last_day - span.first_day + 1
    table = np.zeros(max(len(span.sites), 1) * count, dtype=np.int32)
    alike: dict[tuple[int, ...], int] = {}
    for number, name in enumerate(span.sites):
        site = book.sites[name]
        entries = (*book.default_terms, *book.accounts[site.account].terms, *site.terms)
        key = tuple(id(entry) for entry in entries)
        mine = slice(number * count, (number + 1) * count)
        if key in alike:
            table[mine] = table[alike[key] * count : (alike[key] + 1) * count]
            continue
        alike[key] = number
        starts = {day_number(entry.start) for entry in entries}
        days = [first, *sorted(day for day in starts if first < day < first + count)]
        for start, end in zip(days, [*days[1:], first + count], strict=True):
            terms = book.terms_on(name, day_of(start))
            said = tuple(sorted((term, repr(value)) for term, value in terms.items()))
            if said not in known:
                known[said] = len(distinct)
                distinct.append(terms)
            table[number * count + start - first : number * count + end - first] = known[said]
    return table, tuple(distinct) or ({},)


def used(numbers: Codes | Ints, size: int) -> Ints:
    """The distinct numbers, of 0 to `size`, that occur."""
    occurs = np.zeros(size, dtype=np.bool_)
    occurs[numbers] = True
    return np.flatnonzero(occurs)
