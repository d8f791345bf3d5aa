"""Overtime by counting minutes: a program of its own, which knows nothing of the engine, for one worker's shifts.

It walks through every minute of every shift, in the order in which a site sees them, with one counter for each day and each week. A day
and a week are labels that the site's clock gives to minutes. What it says can be checked with a pencil.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

QUARTER = 15
"""Clocks move, and days and weeks begin, at whole quarters of an hour, by UTC, too."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MONDAY = datetime(2024, 1, 1)  # a clock reading, without a zone
WEEK = timedelta(days=7)
MINUTE = timedelta(minutes=1)

Bands = frozenset[str]


@dataclass(frozen=True)
class Site:
    """A site: its clock, when its days and weeks begin (after midnight, after Monday midnight), and what it counts, in which order."""

    name: str
    account: str
    zone: str
    day_starts: timedelta
    week_starts: timedelta
    scope: str
    late: str


@dataclass(frozen=True)
class Worked:
    """A shift: from one minute since 1970 (UTC) to another, and the closeout that took it, if one did."""

    id: str
    site: str
    start: int
    end: int
    closeout: int | None

    def minutes(self) -> Iterable[int]:
        """Each minute."""
        return range(self.start, self.end)


@dataclass(frozen=True)
class Limits:
    """After how many minutes of a day, and of a week, overtime begins; and on which day of a week everything is."""

    day: int
    long_day: int
    week: int
    days: int


def bands(sites: Mapping[str, Site], shifts: Sequence[Worked], limits: Limits) -> dict[tuple[str, Bands], int]:
    """How many minutes each shift has of each set of bands (`d8`, `d12`, `d7`, `w40`); those with none are of the empty set.

    Minutes in `d8` or on the seventh day do not count for the week.
    """
    daily = {key: found for site in sites.values() for key, found in _daily(site, sites, shifts, limits).items()}
    weekly = {key for site in sites.values() for key in _over_the_week(site, sites, shifts, limits, daily)}
    said: Counter[tuple[str, Bands]] = Counter()
    for shift in shifts:
        for minute in shift.minutes():
            key = (shift.id, minute)
            said[shift.id, daily[key] | ({"w40"} if key in weekly else set())] += 1
    return dict(said)


def _daily(site: Site, sites: Mapping[str, Site], shifts: Sequence[Worked], limits: Limits) -> dict[tuple[str, int], Bands]:
    """The bands of the day, and the seventh day, of each minute worked at a site."""
    minutes_of: Counter[date] = Counter()
    days_of: defaultdict[int, set[date]] = defaultdict(set)
    found: dict[tuple[str, int], Bands] = {}
    for shift in _seen_from(site, sites, shifts):
        for minute in shift.minutes():
            day, week = _labels(site, minute)
            days_of[week].add(day)
            reached = {
                "d8": minutes_of[day] >= limits.day,
                "d12": minutes_of[day] >= limits.long_day,
                "d7": len(days_of[week]) > limits.days,
            }
            minutes_of[day] += 1
            if shift.site == site.name:
                found[shift.id, minute] = frozenset(name for name, is_reached in reached.items() if is_reached)
    return found


def _over_the_week(
    site: Site,
    sites: Mapping[str, Site],
    shifts: Sequence[Worked],
    limits: Limits,
    daily: Mapping[tuple[str, int], Bands],
) -> Iterable[tuple[str, int]]:
    """The minutes worked at a site after so many of the week that count."""
    minutes_of: Counter[int] = Counter()
    for shift in _seen_from(site, sites, shifts):
        for minute in shift.minutes():
            _, week = _labels(site, minute)
            if shift.site == site.name and minutes_of[week] >= limits.week:
                yield shift.id, minute
            if not daily[shift.id, minute] & {"d8", "d7"}:
                minutes_of[week] += 1


def _seen_from(site: Site, sites: Mapping[str, Site], shifts: Sequence[Worked]) -> list[Worked]:
    """The shifts that a site counts, in its order."""
    mine = [
        shift
        for shift in shifts
        if site.scope == "agency"
        or (site.scope == "account" and sites[shift.site].account == site.account)
        or shift.site == site.name
    ]
    mine.sort(key=lambda shift: (shift.start, shift.id))
    if site.late == "append":
        mine.sort(key=lambda shift: 10**9 if shift.closeout is None else shift.closeout)
    return mine


# --- days and weeks


FIFTY_DAYS = 50 * 24 * 60


def _labels(site: Site, minute: int) -> tuple[date, int]:
    """The day and the week of a minute, as the site's clock has it."""
    return _calendar(site, minute // FIFTY_DAYS)[minute // QUARTER]


@lru_cache(maxsize=64)
def _calendar(site: Site, number: int) -> Mapping[int, tuple[date, int]]:
    """The labels of the quarters of an hour of fifty days. A clock that goes back does not bring yesterday back: a label never falls."""
    found: dict[int, tuple[date, int]] = {}
    day, week = date.min, -(10**9)
    for quarter in range((number * FIFTY_DAYS - 24 * 60) // QUARTER, (number + 1) * FIFTY_DAYS // QUARTER):
        clock = (EPOCH + quarter * QUARTER * MINUTE).astimezone(ZoneInfo(site.zone)).replace(tzinfo=None)
        day = max(day, (clock - site.day_starts).date())
        week = max(week, (clock - site.week_starts - MONDAY) // WEEK)
        found[quarter] = (day, week)
    return found


def utc(text: str) -> int:
    """The minute since 1970 that is written like 2026-10-05T07:00."""
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - EPOCH) // MINUTE
