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


@dataclass(frozen=True, slots=True)
class Marks:
    """Instants as (flat cell, seconds into the cell); `into` None: each is the first instant of its cell."""

    cell: Ints
    into: Ints | None

    def take(self, rows: Ints) -> Marks:
        """Some of them."""
        return Marks(self.cell[rows], None if self.into is None else self.into[rows])


@dataclass(slots=True)
class Timelines:
    """The timelines of several zones over the same days, one after the other in flat arrays.

    `masks[code]` is the window bit mask of a state code; `state`, `day` and `offset` give state code, local day and seconds ahead of UTC
    of each cell.
    """

    zones: tuple[ZoneTable, ...]
    windows: tuple[str, ...]
    masks: tuple[int, ...]
    start: int
    width: int
    cells: int
    state: Codes
    day: Codes
    offset: Codes
    jump: Ints
    everything: frozenset[int]
    _whole: dict[int, bool] = field(default_factory=dict)
    _prefix: dict[tuple[frozenset[int], bool], tuple[Ints, Bools]] = field(default_factory=dict)

    def cell(self, zone: Codes, utc: Ints) -> Ints:
        """The flat cell index of instants, each in its own zone."""
        return zone.astype(np.int64) * self.cells + (utc - self.start) // self.width

    def marks(self, zone: Codes, utc: Ints) -> Marks:
        """Instants, each in its own zone, as marks."""
        cell = utc - self.start
        whole = cell // self.width
        into = cell - whole * self.width
        whole += zone * np.int64(self.cells)
        return Marks(whole, into if bool(into.any()) else None)

    def passed(self, states: frozenset[int], marks: Marks, wall: bool = False) -> Ints:
        """Seconds up to each mark, from the beginning of all timelines, spent in the given state codes; only differences have a meaning."""
        prefix, inside = self._prefix_of(states, wall)
        found: Ints = prefix[marks.cell]
        return found if marks.into is None else found + np.where(inside[marks.cell], marks.into, 0)

    def between(self, states: frozenset[int], start: Marks, end: Marks, wall: bool = False) -> Ints:
        """Seconds of each stretch between two marks spent in the given state codes; `wall` counts local clock differences."""
        return ints(self.passed(states, end, wall) - self.passed(states, start, wall))

    def seconds(self, states: frozenset[int], zone: Codes, start: Ints, end: Ints, wall: bool = False) -> Ints:
        """Seconds of each stretch `start`..`end` spent in the given state codes; `wall` counts local clock differences."""
        return self.between(states, self.marks(zone, start), self.marks(zone, end), wall)

    def reached(self, states: frozenset[int], zone: Codes, start: Ints, needed: Ints) -> Ints:
        """The first instant at which so many (elapsed) seconds in some states have passed since `start`."""
        prefix, _ = self._prefix_of(states, False)
        target = ints(self.passed(states, self.marks(zone, start))) + needed
        cell = np.searchsorted(prefix, target, side="left") - 1
        found: Ints = self.start + (cell - zone * np.int64(self.cells)) * self.width + (target - prefix[cell])
        return found

    def ahead_by_whole(self, step: int) -> bool:
        """Whether every clock is always a whole number of steps ahead of UTC."""
        if step not in self._whole:
            self._whole[step] = not bool((self.offset % step).any())
        return self._whole[step]

    def windows_of(self, begins: Sequence[int]) -> Codes:
        """For each cell of one zone, the number of the window it lies in, where windows begin at these instants; -1 before the first."""
        utc = self.start + np.arange(self.cells, dtype=np.int64) * self.width
        return codes(np.searchsorted(ints(begins), utc, side="right") - 1)

    def with_window(self, window: str) -> frozenset[int]:
        """The state codes that lie in a window."""
        bit = 1 << self.windows.index(window)
        return frozenset(code for code, mask in enumerate(self.masks) if mask & bit)

    def offset_at(self, zone: Codes, utc: Ints) -> Ints:
        """Seconds local clocks are ahead of UTC at instants, each in its own zone."""
        return self.offset[self.cell(zone, utc)].astype(np.int64)

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
            narrow = np.int32 if int(np.abs(ends).max()) < 2**30 else np.int64  # half the size is half the time to look it up
            self._prefix[key] = (np.r_[0, ends[:-1]].astype(narrow), inside)
        return self._prefix[key]


def timelines(
    zones: Sequence[str],
    first_day: int,
    last_day: int,
    windows: Mapping[str, Window],
    holidays: Mapping[str, HolidaySet],
    edges: Iterable[int] = (),
) -> Timelines:
    """Timelines of `zones` that cover all instants whose local day is in `first_day`..`last_day`, with a margin of two days.

    `edges` are further instants and steps (seconds) at which cells must begin.
    """
    tables = tuple(zone_table(zone, first_day - 2, last_day + 2) for zone in zones)
    start, stop = (first_day - 2) * DAY_SECONDS, (last_day + 3) * DAY_SECONDS
    width = gcd(_cell_width(tables, windows.values()), *edges)
    cells = (stop - start) // width
    utc = start + np.arange(cells, dtype=np.int64) * width
    masks_by_zone, days, offsets, jumps = [], [], [], []
    for table in tables:
        offset = table.offset_at(utc)
        local = utc + offset
        mask = np.zeros(cells, dtype=np.int64)
        for bit, window in enumerate(windows.values()):
            mask |= _inside(window, local, holidays).astype(np.int64) << bit
        masks_by_zone.append(mask)
        days.append(local // DAY_SECONDS)
        offsets.append(offset)
        jumps.append(np.r_[np.diff(offset), 0])
    flat = np.concatenate(masks_by_zone)
    masks, state = np.unique(flat, return_inverse=True)
    return Timelines(
        tables, tuple(windows), tuple(int(mask) for mask in masks), start, width, cells,
        codes(state), codes(np.concatenate(days)), codes(np.concatenate(offsets)), ints(np.concatenate(jumps)), frozenset(range(len(masks))),
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
