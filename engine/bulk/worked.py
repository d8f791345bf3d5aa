"""Worked time: punches rounded, breaks placed, shifts cut where a price changes; all over whole columns of UTC seconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from engine.arrays import NONE, Codes, Ints, check_border, ints
from engine.bulk.pricing import PriceBook
from engine.bulk.timeline import Timelines
from engine.money import Half
from engine.problems import InvariantError
from engine.ratebook.book import BreakTerms, PunchRounding, TermValue


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rounded times of each row: `start`..`end` less the break `off`..`on` (equal where there is none); NONE where not recorded."""

    start: Ints
    end: Ints
    off: Ints
    on: Ints


@dataclass(frozen=True, slots=True)
class Parts:
    """Hard segments: part i is `segment[i]` of row `row[i]`, priced on local day `day[i]`; in order of row and time."""

    row: Ints
    segment: Ints
    start: Ints
    end: Ints
    off: Ints
    on: Ints
    day: Ints

    def check(self) -> None:
        """Refuses segments that are not whole numbers or not in strictly increasing order of (row, segment)."""
        names = ("row", "segment", "start", "end", "off", "on", "day")
        check_border("segments", {name: getattr(self, name) for name in names}, ("row", "segment"))


def nearest(values: Ints, step: int, half: Half) -> Ints:
    """Each value to the nearest multiple of `step`; a half goes later (up), earlier (down) or to the even multiple."""
    if half == "up" and step % 2 == 0:
        return ints((values + step // 2) // step * step)
    whole, rest = np.divmod(values, step)
    more = 2 * rest > step
    if half == "up":
        more = 2 * rest >= step
    elif half == "even":
        more = more | ((2 * rest == step) & (whole % 2 == 1))
    return ints((whole + more) * step)


def by_term(term: Codes, terms: Sequence[TermValue]) -> Iterator[tuple[TermValue, Ints | None]]:
    """The distinct values of a term with the rows that have it (None: all); `terms[t]` is the value in the terms numbered t."""
    groups: dict[TermValue, list[int]] = {}
    for number, value in enumerate(terms):
        groups.setdefault(value, []).append(number)
    for value, numbers in groups.items():
        mine = np.zeros(len(terms), dtype=np.bool_)
        mine[numbers] = True
        rows = ints([]) if len(groups) == 1 else np.flatnonzero(mine[term])
        if len(groups) == 1 or len(rows) == len(term):
            yield value, None
        elif len(rows):
            yield value, rows


def round_times(lines: Timelines, zone: Codes, start: Ints, end: Ints, rounding: PunchRounding | None) -> tuple[Ints, Ints]:
    """Recorded intervals as billed, by one rounding; rows without times stay NONE."""
    if rounding is None or not len(start):
        return start, end
    missing = np.flatnonzero(start == NONE)
    if len(missing) == len(start):
        return start, end
    if rounding.per == "interval":
        new_start, new_end = start.copy(), start + nearest(end - start, rounding.step, rounding.half)
    else:
        new_start, new_end = (_by_the_clock(lines, zone, times, rounding) for times in (start, end))
    np.maximum(new_end, new_start, out=new_end)
    new_start[missing] = new_end[missing] = NONE
    return new_start, new_end


def _by_the_clock(lines: Timelines, zone: Codes, times: Ints, rounding: PunchRounding) -> Ints:
    """Times to the nearest step of the local clock; where every zone is whole steps from UTC, that is the nearest step of UTC."""
    if lines.ahead_by_whole(rounding.step):
        return nearest(times, rounding.step, rounding.half)
    offset = lines.offset_at(zone, np.where(times == NONE, lines.start, times))
    return nearest(times + offset, rounding.step, rounding.half) - offset


def place_breaks(
    lines: Timelines,
    zone: Codes,
    start: Ints,
    end: Ints,
    punched: tuple[Ints, Ints],
    reported: Ints,
    grid: int,
    terms: BreakTerms | None,
) -> tuple[Ints, Ints]:
    """Where the break of each (rounded) shift lies, by one set of break terms; an empty stretch at the start where there is none."""
    off, on = start.copy(), start.copy()
    if terms is None or (terms.length == 0 and bool((punched[0] == NONE).all()) and bool((reported == NONE).all())):
        return off, on
    there = start != NONE
    length = end - start
    has_punched = there & (punched[0] != NONE)
    off = np.where(has_punched, np.clip(punched[0], start, end), off)
    on = np.where(has_punched, np.clip(punched[1], start, end), on)
    due = np.where(reported != NONE, reported, np.where(length > terms.after, terms.length, 0))
    rows = np.flatnonzero(there & ~has_punched & (due > 0))
    if not len(rows):
        return off, on
    due = due[rows]
    first, last = start[rows], end[rows]
    if terms.unplaced == "end":
        at = np.maximum(last - due, first)
    else:
        inside = (first, last) if terms.unplaced == "middle" else _longest_part(lines, zone[rows], first, last)
        fits = inside[1] - inside[0] >= due
        low, high = np.where(fits, inside[0], first), np.where(fits, inside[1], last)
        at = low + np.maximum((high - low - due) // 2, 0) // grid * grid
    off[rows] = at
    on[rows] = np.minimum(at + due, last)
    return off, on


def _longest_part(lines: Timelines, zone: Codes, start: Ints, end: Ints) -> tuple[Ints, Ints]:
    """The longest part of each shift between local midnights, the earlier of equals."""
    day, last = lines.day[lines.cell(zone, start)].astype(np.int64), lines.day[lines.cell(zone, end - 1)]
    best_start, best_end, from_ = start.copy(), start.copy(), start.copy()
    while True:
        to = np.where(day < last, lines.midnight(zone, day + 1), end)
        longer = to - from_ > best_end - best_start
        best_start, best_end = np.where(longer, from_, best_start), np.where(longer, to, best_end)
        if not bool((day < last).any()):
            return best_start, best_end
        from_, day = to, np.minimum(day + 1, last)


def cut(
    lines: Timelines, zone: Codes, prices: PriceBook, pair: Codes, worked: Stretch, day: Ints, price_at: str, number: Ints
) -> Parts:
    """The hard segments of rows with some numbers: cut at the local midnights on which a row's price changes."""
    count = len(worked.start)
    if price_at == "start":
        return Parts(number, np.zeros(count, dtype=np.int64), worked.start, worked.end, worked.off, worked.on, day)
    first_day = lines.day[lines.cell(zone, worked.start)].astype(np.int64)
    cut_rows: list[Ints] = []
    cut_at: list[Ints] = []
    cut_day: list[Ints] = []
    last_day = lines.day[lines.cell(zone, np.maximum(worked.end - 1, worked.start))].astype(np.int64)
    rows, step = np.flatnonzero(last_day > first_day), 1
    while len(rows):
        later = first_day[rows] + step
        changed = prices.changes(pair[rows], later)
        at = rows[changed]
        cut_rows.append(at)
        cut_day.append(later[changed])
        cut_at.append(lines.midnight(zone[at], later[changed]))
        step += 1
        rows = rows[last_day[rows] >= first_day[rows] + step]
    cuts = np.concatenate([ints([]), *cut_rows])
    pieces = 1 + np.bincount(cuts, minlength=count).astype(np.int64)
    row = np.repeat(np.arange(count), pieces)
    firsts = np.cumsum(pieces) - pieces
    segment = np.arange(len(row)) - firsts[row]
    start, part_day = worked.start[row], first_day[row]
    done = np.ones(count, dtype=np.int64)
    for rows, at, days in zip(cut_rows, cut_at, cut_day, strict=True):
        where = firsts[rows] + done[rows]
        start[where], part_day[where] = at, days
        done[rows] += 1
    end = worked.end[row]
    follows = np.flatnonzero(segment > 0)
    end[follows - 1] = start[follows]
    if bool((end < start).any()):
        raise InvariantError("a shift was cut outside its own times; this is a fault of the engine, nothing was written")
    off = np.clip(worked.off[row], start, end)
    on = np.clip(worked.on[row], start, end)
    return Parts(number[row], segment, start, end, off, on, part_day)
