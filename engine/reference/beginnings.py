"""When the windows and workdays of an accumulator begin, by the clock and the terms of a site (law 5.4, 5.6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from engine.dates import DAY_SECONDS, day_number, day_of
from engine.ratebook.book import Accumulator, RuleBook, TermValue
from engine.reference.clock import MINUTE, first_instant, local_day

ONE_DAY = timedelta(days=1)
LONGEST = 800
"""So many days back a window begins at the latest: 99 weeks, and some. (`since` looks at the days that its term names.)"""


@dataclass(frozen=True, slots=True)
class Beginnings:
    """The beginnings of a book's windows; they are at whole minutes, so a minute is asked once."""

    book: RuleBook
    _days: dict[tuple[str, str, date], int | None] = field(default_factory=dict)
    _minutes: dict[tuple[str, str, int], int | None] = field(default_factory=dict)
    _workdays: dict[tuple[str, str, int, int], date] = field(default_factory=dict)
    _terms: dict[tuple[str, date], Mapping[str, TermValue]] = field(default_factory=dict)

    def at(self, accumulator: Accumulator, site: str, utc: int) -> int | None:
        """The first instant of the window that holds an instant; None before the first window."""
        key = (accumulator.accumulator, site, utc // MINUTE)
        if key not in self._minutes:
            found = (self._on(accumulator, site, day) for day in self._back_from(accumulator, site, self.day(site, utc)))
            self._minutes[key] = next((begin for begin in found if begin is not None and begin <= utc), None)
        return self._minutes[key]

    def of_day(self, accumulator: Accumulator, site: str, day: date) -> int | None:
        """The first instant of the last window that begins on a local day or before."""
        begins = (self._on(accumulator, site, each) for each in self._back_from(accumulator, site, day))
        return next((begin for begin in begins if begin is not None and self.day(site, begin) <= day), None)

    def after(self, accumulator: Accumulator, site: str, begin: int) -> int | None:
        """The first instant of the next window; None if there is none."""
        today = self.day(site, begin)
        days = sorted(self._named(accumulator, site)) if accumulator.window.each == "since" else self._ahead(today)
        found = (self._on(accumulator, site, day) for day in days)
        return next((each for each in found if each is not None and each > begin), None)

    def workday(self, accumulator: Accumulator, site: str, begin: int, utc: int) -> date:
        """The workday that holds an instant of a window, by the day on which it begins."""
        key = (accumulator.accumulator, site, begin, utc // MINUTE)
        if key not in self._workdays:
            clock = accumulator.workday.of(self.terms(site, begin))
            seconds, zone, day = clock if isinstance(clock, int) else 0, self._zone(site), self.day(site, utc) + ONE_DAY
            while first_instant(zone, day, seconds) > utc:
                day -= ONE_DAY
            self._workdays[key] = day
        return self._workdays[key]

    def terms(self, site: str, begin: int) -> Mapping[str, TermValue]:
        """The terms in force at a site on the local day of a window's first instant."""
        return self._terms_on(site, self.day(site, begin))

    def day(self, site: str, utc: int) -> date:
        """The local day of an instant."""
        return local_day(self._zone(site), utc)

    # --- parts

    def _on(self, accumulator: Accumulator, site: str, day: date) -> int | None:
        """The instant at which a window begins on a local day, if the terms in force on that day say so."""
        key = (accumulator.accumulator, site, day)
        if key not in self._days:
            seconds = self._clock_on(accumulator, site, day)
            self._days[key] = None if seconds is None else first_instant(self._zone(site), day, seconds)
        return self._days[key]

    def _clock_on(self, accumulator: Accumulator, site: str, day: date) -> int | None:
        """The clock time, in seconds after midnight, at which a window begins on a day."""
        window, terms = accumulator.window, self._terms_on(site, day)
        if window.each == "weeks":
            first = window.start or date.max
            return 0 if day >= first and (day - first).days % (7 * window.count) == 0 else None
        starts = terms.get(window.starts.term) if window.starts.term is not None else window.starts.value
        if not isinstance(starts, int):
            return None
        if window.each == "since":
            return 0 if starts == day_number(day) else None
        if window.each == "day":
            return starts
        return starts % DAY_SECONDS if starts // DAY_SECONDS == day.weekday() else None

    def _back_from(self, accumulator: Accumulator, site: str, day: date) -> Iterator[date]:
        """The days to look at for the last beginning; the next day, too, where clocks go back over midnight."""
        if accumulator.window.each == "since":
            yield from sorted(self._named(accumulator, site), reverse=True)
        else:
            yield from (day + ONE_DAY - number * ONE_DAY for number in range(LONGEST))

    def _ahead(self, day: date) -> Iterator[date]:
        return (day + number * ONE_DAY for number in range(LONGEST))

    def _named(self, accumulator: Accumulator, site: str) -> set[date]:
        """The days that the term of a `since` window ever names at a site."""
        where = self.book.sites[site]
        levels = (self.book.default_terms, self.book.accounts[where.account].terms, where.terms)
        values = {entry.values.get(accumulator.window.starts.term or "") for level in levels for entry in level}
        return {day_of(value) for value in values if isinstance(value, int)}

    def _terms_on(self, site: str, day: date) -> Mapping[str, TermValue]:
        if (site, day) not in self._terms:
            self._terms[site, day] = self.book.terms_on(site, day)
        return self._terms[site, day]

    def _zone(self, site: str) -> str:
        return self.book.sites[site].zone
