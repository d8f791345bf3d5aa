"""Times as they count: punches rounded, the break placed, worked time in stretches of at most a minute (law 3.1, 3.2, 3.5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from engine.ratebook.book import BreakTerms, PunchRounding, TermValue
from engine.reference.clock import MINUTE, local_day, reading
from engine.reference.numbers import to_multiple
from engine.reference.reading import Row

Span = tuple[int, int]
"""Two instants; equal where there is no time between them."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A stretch of at most a minute, in which no window begins or ends, no day and no offset changes; `over` are the bands reached."""

    start: int
    elapsed: int
    wall: int
    worked: bool
    over: frozenset[str] = frozenset()

    @property
    def end(self) -> int:
        """The first instant after it."""
        return self.start + self.elapsed

    def cut(self, zone: str, at: Iterable[int]) -> list[Tick]:
        """The same in parts, cut at the instants that lie inside; the part that ends with it keeps the hour of a clock change."""
        edges = [self.start, *sorted({each for each in at if self.start < each < self.end}), self.end]
        return [
            Tick(start, end - start, reading(zone, end) - reading(zone, start), self.worked) for start, end in pairwise(edges)
        ]


@dataclass(frozen=True, slots=True)
class Times:
    """The times of a row as they count. `recorded` and `scheduled` are rounded; `pause` lies within `recorded`."""

    zone: str
    recorded: Span | None
    scheduled: Span | None
    pause: Span

    def ticks(self) -> Iterator[Tick]:
        """All of the recorded time, minute after minute; those of the break are not worked."""
        if self.recorded is None:
            return
        first, last = self.recorded
        whole_minutes = range(first - first % MINUTE + MINUTE, last, MINUTE)
        edges = sorted({first, last, *self.pause, *whole_minutes})
        for start, end in pairwise(edges):
            worked = not self.pause[0] <= start < self.pause[1]
            yield Tick(start, end - start, reading(self.zone, end) - reading(self.zone, start), worked)


def times_of(row: Row, zone: str, terms: Mapping[str, TermValue], grid: int) -> Times:
    """The times of a row under its terms."""
    rounding = terms["punch-rounding"] if isinstance(terms["punch-rounding"], PunchRounding) else None
    recorded = _span(row, "start", "end")
    if recorded is not None and rounding is not None:
        recorded = rounded(recorded, zone, rounding)
    scheduled = _span(row, "scheduled_start", "scheduled_end")
    if scheduled is not None and rounding is not None and rounding.scheduled:
        scheduled = rounded(scheduled, zone, rounding)
    pause = (0, 0) if recorded is None else _pause(row, recorded, zone, terms["break"], rounding, grid)
    return Times(zone, recorded, scheduled, pause)


def _span(row: Row, first: str, last: str) -> Span | None:
    start, end = row.times[first], row.times[last]
    return None if start is None or end is None else (start, end)


def rounded(span: Span, zone: str, rounding: PunchRounding) -> Span:
    """A recorded interval by its rounding: each punch on the local clock, or the length of the interval."""
    start, end = span
    if rounding.per == "interval":
        return start, start + to_multiple(end - start, rounding.step, rounding.half)
    first, last = (
        to_multiple(reading(zone, punch), rounding.step, rounding.half) - (reading(zone, punch) - punch) for punch in span
    )
    return first, max(first, last)


def _pause(row: Row, shift: Span, zone: str, terms: TermValue, rounding: PunchRounding | None, grid: int) -> Span:
    """The break, clipped to the shift; an empty one at its start where there is none."""
    start, end = shift
    if not isinstance(terms, BreakTerms):  # paid: nothing comes off, whatever was punched
        return start, start
    punched = _span(row, "break_start", "break_end")
    if punched is not None:
        off, on = rounded(punched, zone, rounding) if rounding is not None and rounding.breaks else punched
        return min(max(off, start), end), min(max(on, start), end)
    reported = row.cell("break_minutes")
    if reported:
        return _placed(int(reported) * 60, shift, zone, terms.unplaced, grid)
    return _placed(terms.length if end - start > terms.after else 0, shift, zone, terms.unplaced, grid)


def _placed(length: int, shift: Span, zone: str, unplaced: str, grid: int) -> Span:
    """Where a break of this length lies that has no times of its own."""
    start, end = shift
    if length == 0:
        return start, start
    if length >= end - start:
        return start, end
    if unplaced == "end":
        return end - length, end
    low, high = _longest_part(shift, zone) if unplaced == "longest-segment" else shift
    if high - low < length:
        low, high = shift
    before = (high - low - length) // 2
    off = low + before // grid * grid
    return off, off + length


def _longest_part(shift: Span, zone: str) -> Span:
    """The longest part of a shift between local midnights, the earlier of equals."""
    start, end = shift
    midnights = [
        minute
        for minute in range(start - start % MINUTE + MINUTE, end, MINUTE)
        if local_day(zone, minute) != local_day(zone, minute - 1)
    ]
    edges = [start, *midnights, end]
    parts = list(pairwise(edges))
    return max(parts, key=lambda part: part[1] - part[0])
