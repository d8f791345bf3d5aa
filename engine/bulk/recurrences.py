"""Windows of accumulators: when they begin at each site, and what holds in each of them.

Sites with the same zone and the same terms share a *class*; classes whose windows begin at the same instants share a *view*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from engine.arrays import Codes, Ints, codes, ints
from engine.bulk.zones import ZoneTable, zone_table
from engine.dates import DAY_SECONDS, EPOCH, day_number
from engine.money import Decimals
from engine.problems import InvariantError
from engine.ratebook.book import Accumulator, Recurrence, RuleBook, Setting, TermValue

NEVER = 2**60  # a limit that no sum reaches
SCOPES = ("site", "account", "agency")
LATE = ("reorder", "append")


@dataclass(frozen=True, slots=True)
class View:
    """The first instants of windows in order (UTC seconds), and the local days they begin on, by clocks of one zone."""

    zone: str
    begins: tuple[int, ...]
    days: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows of one accumulator at some sites.

    Site s is of class `site_class[s]`; its windows are those of `views[view[class]]`, its workdays those of `views[workday[class]]`.
    What holds in window w of a class stands at place `first[class]` + w: its first local `day`, `scope`, `late`, and the limit of each
    band or of the line.
    """

    accumulator: Accumulator
    site_class: Codes
    view: Codes
    workday: Codes
    views: tuple[View, ...]
    first: Ints
    day: Ints
    scope: Codes
    late: Codes
    limits: tuple[Ints, ...]

    def begins(self) -> list[int]:
        """Every instant at which a window or workday of it begins."""
        return sorted({instant for view in self.views for instant in view.begins})


def windows_at(book: RuleBook, accumulator: Accumulator, sites: Sequence[str], first_day: int, last_day: int) -> Windows:
    """The windows of an accumulator at `sites` that hold any instant of the days `first_day`..`last_day`."""
    limits = [band.over for band in accumulator.bands] + ([accumulator.line.limit] if accumulator.line is not None else [])
    settings = [accumulator.window.starts, accumulator.workday, accumulator.scope, accumulator.late, *limits]
    classes: dict[tuple[object, ...], int] = {}
    views: dict[View, int] = {}
    site_class, view, workday, first = (list[int]() for _ in range(4))
    first_days, scope, late = list[int](), list[int](), list[int]()
    found: list[list[int]] = [[] for _ in limits]
    for site in sites:
        zone, history = book.sites[site].zone, _history(book, site, settings)
        key = (zone, tuple(history))
        if key not in classes:
            classes[key] = len(classes)
            mine = _view(zone, accumulator.window, history, first_day, last_day)
            view.append(views.setdefault(mine, len(views)))
            days = _view(
                zone, Recurrence("day", Setting(0)), [(day, (values[1],)) for day, values in history], first_day, last_day
            )
            workday.append(views.setdefault(days, len(views)) if accumulator.measure == "days" else -1)
            first.append(len(scope))
            for day in mine.days:
                values = [values for start, values in history if start <= day][-1]
                first_days.append(day)
                scope.append(SCOPES.index(str(values[2])))
                late.append(LATE.index(str(values[3])))
                for column, value in zip(found, values[4:], strict=True):
                    column.append(_limit(value))
        site_class.append(classes[key])
    return Windows(
        accumulator, codes(site_class), codes(view), codes(workday), tuple(views), ints(first), ints(first_days), codes(scope), codes(late),
        tuple(ints(column) for column in found),
    )  # fmt: skip


_History = Sequence[tuple[int, tuple[TermValue, ...]]]  # from which day on, the values of the settings


def _history(book: RuleBook, site: str, settings: Sequence[Setting]) -> list[tuple[int, tuple[TermValue, ...]]]:
    where = book.sites[site]
    levels = (book.default_terms, book.accounts[where.account].terms, where.terms)
    if all(setting.term is None for setting in settings):
        return [(day_number(date.min), tuple(setting.value for setting in settings))]
    found: list[tuple[int, tuple[TermValue, ...]]] = []
    for day in sorted({entry.start for level in levels for entry in level}):
        terms = book.terms_on(site, day)
        if all(setting.term is None or setting.term in terms for setting in settings):
            values = tuple(setting.of(terms) for setting in settings)
            if not found or found[-1][1] != values:
                found.append((day_number(day), values))
    return found


def _view(zone: str, window: Recurrence, history: _History, first_day: int, last_day: int) -> View:
    """When windows begin, from the last one before `first_day` on."""
    longest = {"day": 3, "week": 16, "weeks": 14 * window.count + 2, "since": 0}[window.each]
    low = first_day - longest
    if window.each == "since":
        low = min([low, *(int(values[0]) for _, values in history if isinstance(values[0], int))])
    table = zone_table(zone, low - 2, last_day + 3)
    begins: dict[int, int] = {}
    spans = [*(start for start, _ in history[1:]), last_day + 2]
    for (start, values), end in zip(history, spans, strict=True):
        days = np.arange(max(start, low), min(end, last_day + 2), dtype=np.int64)
        local = _local_begins(window, days, values[0])
        for instant, day in zip(first_instants(table, local).tolist(), (local // DAY_SECONDS).tolist(), strict=True):
            begins.setdefault(instant, day)
    ordered = sorted(begins)
    needed = [instant for instant in ordered if instant > (first_day - 1) * DAY_SECONDS]
    earlier = [instant for instant in ordered if instant <= (first_day - 1) * DAY_SECONDS][-1:]
    kept = [*earlier, *needed]
    return View(zone, tuple(kept), tuple(begins[instant] for instant in kept))


def _local_begins(window: Recurrence, days: Ints, starts: TermValue) -> Ints:
    """The clock readings in `days` at which windows begin."""
    if window.each == "since":
        return ints(days[days == starts] * DAY_SECONDS) if isinstance(starts, int) else ints([])
    if not isinstance(starts, int):
        raise InvariantError(f"a window begins at {starts!r}; this is a fault of the engine, check should have refused it")
    if window.each == "day":
        return days * DAY_SECONDS + starts
    if window.each == "week":
        weekday = (days + EPOCH.weekday()) % 7
        return ints(days[weekday == starts // DAY_SECONDS] * DAY_SECONDS + starts % DAY_SECONDS)
    if window.start is None:
        raise InvariantError("windows of several weeks have no first day; this is a fault of the engine")
    since = days - day_number(window.start)
    return ints(days[(since >= 0) & (since % (7 * window.count) == 0)] * DAY_SECONDS)


def first_instants(table: ZoneTable, local: Ints) -> Ints:
    """The first instant at which the clock reads each local time or later."""
    found = np.full(len(local), np.iinfo(np.int64).max, dtype=np.int64)
    ends = [*table.instants[1:].tolist(), np.iinfo(np.int64).max]
    for start, end, offset in zip(table.instants.tolist(), ends, table.offsets.tolist(), strict=True):
        candidate = np.maximum(local - offset, start)
        found = np.where((candidate < end) & (candidate < found), candidate, found)
    return found


def _limit(value: TermValue) -> int:
    if value is None:
        return NEVER
    if isinstance(value, Decimals):
        return int(value.fraction())
    return int(value) if isinstance(value, int) else NEVER
