"""Windows as timelines: for each zone, which windows each instant lies in, and how long a stretch spends in a set of states.

UTC time is divided into cells of equal width, so narrow that the windows and the local day are constant in each. A *state* is
the set of windows an instant lies in, as a bit mask; few occur. Time in any set of states is a difference of two prefix sums:
no row is cut for a window.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import gcd

import numpy as np

from engine.arrays import Bools, Codes, Ints, codes, ints
from engine.bulk.zones import ZoneTable, zone_table
from engine.dates import DAY_SECONDS, EPOCH, day_number, day_of
from engine.problems import InforceError
from engine.ratebook.book import HolidaySet, Window


class NoHolidaysError(InforceError):
    """A holiday list does not cover a day on which time was worked."""


@dataclass(slots=True)
class Timelines:
    """The timelines of several zones over the same days, one after the other in flat arrays.

    `masks[code]` is the window bit mask of a state code; `state` and `day` give state code and local day of each cell.
    """

    zones: tuple[ZoneTable, ...]
    windows: tuple[str, ...]
    masks: tuple[int, ...]
    start: int
    width: int
    cells: int
    state: Codes
    day: Codes
    jump: Ints
    _prefix: dict[tuple[frozenset[int], bool], tuple[Ints, Bools]] = field(default_factory=dict)

    def cell(self, zone: Codes, utc: Ints) -> Ints:
        """The flat cell index of instants, each in its own zone."""
        return zone.astype(np.int64) * self.cells + (utc - self.start) // self.width

    def seconds(self, states: frozenset[int], zone: Codes, start: Ints, end: Ints, wall: bool = False) -> Ints:
        """Seconds of each stretch `start`..`end` spent in the given state codes; `wall` counts local clock differences."""
        prefix, inside = self._prefix_of(states, wall)
        return _upto(self, prefix, inside, zone, end) - _upto(self, prefix, inside, zone, start)

    def with_window(self, window: str) -> frozenset[int]:
        """The state codes that lie in a window."""
        bit = 1 << self.windows.index(window)
        return frozenset(code for code, mask in enumerate(self.masks) if mask & bit)

    def offset_at(self, zone: Codes, utc: Ints) -> Ints:
        """Seconds local clocks are ahead of UTC at instants, each in its own zone."""
        offsets = np.zeros(len(utc), dtype=np.int64)
        for number, table in enumerate(self.zones):
            rows = np.flatnonzero(zone == number)
            offsets[rows] = table.offset_at(utc[rows])
        return offsets

    def midnight(self, zone: Codes, day: Ints) -> Ints:
        """The first instant of local days: UTC seconds where the local clock first reads that day."""
        firsts = np.zeros(len(day), dtype=np.int64)
        for number in range(len(self.zones)):
            rows = np.flatnonzero(zone == number)
            days = self.day[number * self.cells : (number + 1) * self.cells]
            firsts[rows] = self.start + np.searchsorted(days, day[rows], side="left") * self.width
        return firsts

    def _prefix_of(self, states: frozenset[int], wall: bool) -> tuple[Ints, Bools]:
        key = (states, wall)
        if key not in self._prefix:
            inside = np.isin(self.state, list(states))
            length = inside * self.width + (inside * self.jump if wall else 0)
            ends = np.cumsum(length, dtype=np.int64)
            self._prefix[key] = (np.r_[0, ends[:-1]].astype(np.int64), inside)
        return self._prefix[key]


def _upto(lines: Timelines, prefix: Ints, inside: Bools, zone: Codes, utc: Ints) -> Ints:
    cell = lines.cell(zone, utc)
    return prefix[cell] + inside[cell] * ((utc - lines.start) % lines.width)


def timelines(
    zones: Sequence[str], first_day: int, last_day: int, windows: Mapping[str, Window], holidays: Mapping[str, HolidaySet]
) -> Timelines:
    """Timelines of `zones` that cover all instants whose local day is in `first_day`..`last_day`, with a margin of two days."""
    tables = tuple(zone_table(zone, first_day - 2, last_day + 2) for zone in zones)
    start, stop = (first_day - 2) * DAY_SECONDS, (last_day + 3) * DAY_SECONDS
    width = _cell_width(tables, windows.values())
    cells = (stop - start) // width
    utc = start + np.arange(cells, dtype=np.int64) * width
    masks_by_zone, days, jumps = [], [], []
    for table in tables:
        offset = table.offset_at(utc)
        local = utc + offset
        mask = np.zeros(cells, dtype=np.int64)
        for bit, window in enumerate(windows.values()):
            mask |= _inside(window, local, holidays).astype(np.int64) << bit
        masks_by_zone.append(mask)
        days.append(local // DAY_SECONDS)
        jumps.append(np.r_[np.diff(offset), 0])
    flat = np.concatenate(masks_by_zone)
    masks, state = np.unique(flat, return_inverse=True)
    return Timelines(
        tables, tuple(windows), tuple(int(mask) for mask in masks), start, width, cells,
        codes(state), codes(np.concatenate(days)), ints(np.concatenate(jumps)),
    )  # fmt: skip


def refuse_uncovered(windows: Iterable[Window], holidays: Mapping[str, HolidaySet], first_day: int, last_day: int) -> None:
    """Refuses days outside a holiday list that the windows need; a list that ends too early must never bill a plain day."""
    for window in windows:
        if window.holidays is None:
            continue
        listed = holidays[window.holidays]
        if first_day < day_number(listed.start) or last_day >= day_number(listed.end):
            raise NoHolidaysError(
                f"{listed.source}: the holiday list {listed.name!r} covers {listed.start} to {listed.end}, but work from "
                f"{day_of(first_day)} to {day_of(last_day)} needs it (window {window.window!r}).\n"
                f"Add the missing holidays and widen `from`/`to` of the list."
            )


def _inside(window: Window, local: Ints, holidays: Mapping[str, HolidaySet]) -> Bools:
    if window.each == "holiday":
        inside = np.zeros(len(local), dtype=np.bool_)
        for holiday in holidays[window.holidays or ""].days:
            midnight = day_number(holiday.actual if window.day == "actual" else holiday.observed) * DAY_SECONDS
            inside |= (local >= midnight + window.start) & (local < midnight + window.end)
        return inside
    span = DAY_SECONDS if window.each == "day" else 7 * DAY_SECONDS
    shift = EPOCH.weekday() * DAY_SECONDS if window.each == "week" else 0  # 1970-01-01 was a Thursday
    clock = (local + shift) % span
    if window.start < window.end:
        return (clock >= window.start) & (clock < window.end)
    return (clock >= window.start) | (clock < window.end)


def _cell_width(tables: Sequence[ZoneTable], windows: Iterable[Window]) -> int:
    width = 3600
    for window in windows:
        width = gcd(width, gcd(window.start, window.end))
    for table in tables:
        for number in [*table.offsets.tolist(), *table.instants[1:].tolist()]:
            width = gcd(width, int(number))
    return width
