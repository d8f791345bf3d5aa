"""Pieces: how much of each segment falls under each component, and what quantity that makes.

Time whose every edge is a whole unit of the quantity needs no sharing, so it is measured by component at once. All other time is
measured by piece kind, and the rounded quantity of a row is shared over its pieces (law 4.4).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from engine.arrays import Bools, Codes, Ints, codes, ints, share_out
from engine.bulk.prepared import Prepared, used
from engine.bulk.runs import Runs
from engine.bulk.timeline import Marks
from engine.bulk.worked import Parts
from engine.problems import InforceError, InvariantError

HOUR = 3600
States = frozenset[int]


class UndecidedTimeError(InforceError):
    """Time for which a policy gives no answer, or less than none of it; `run` is where."""

    def __init__(self, message: str, run: int) -> None:
        super().__init__(message)
        self.run = run


@dataclass(frozen=True, slots=True)
class Measured:
    """Some programs' runs with the marks of their edges, ready to be measured for any window states."""

    ready: Prepared
    runs: Runs
    start: Marks
    end: Marks
    wall: Bools | None  # None: no run counts by the wall clock

    def seconds(self, states: States) -> Ints:
        """The seconds of each run in some window states."""
        lines = self.ready.lines
        if self.wall is None:
            if states == lines.everything:
                return self.runs.end - self.runs.start
            return lines.between(states, self.start, self.end)
        elapsed = lines.between(states, self.start, self.end)
        return np.where(self.wall, lines.between(states, self.start, self.end, wall=True), elapsed)

    def take(self, some: Ints) -> Measured:
        """Some of the runs."""
        if len(some) == len(self.runs):
            return self
        wall = None if self.wall is None else self.wall[some]
        return Measured(self.ready, self.runs.take(some), self.start.take(some), self.end.take(some), wall)


def measured(ready: Prepared, runs: Runs, zone: Codes, wall: Bools) -> Measured:
    """Runs with their marks; `zone` and `wall` are those of each run."""
    lines = ready.lines
    return Measured(ready, runs, lines.marks(zone, runs.start), lines.marks(zone, runs.end), wall if bool(wall.any()) else None)


def programs_of(ready: Prepared, case: Codes, band: Codes) -> Codes:
    """The program of each run, by its row's case and its bands."""
    radix = 1 << len(ready.programs.bands)
    code = case * np.int64(radix) + band
    occurring = used(code, max(len(ready.programs.cases), 1) * radix)
    table = np.zeros(int(occurring[-1]) + 1 if len(occurring) else 1, dtype=np.int32)
    for each in occurring.tolist():
        table[each] = ready.programs.program(each // radix, each % radix)
    return codes(table[code])


def by_component(it: Measured, program: Codes, parts: int) -> dict[int, Ints]:
    """The seconds of each part under each component number."""
    found: dict[int, Ints] = {}
    single = bool((it.runs.part[1:] > it.runs.part[:-1]).all())
    for number, mine in _by_program(it, program):
        for component, states in it.ready.programs.programs[number].components:
            seconds = mine.seconds(states)
            if component not in found:
                found[component] = np.zeros(parts, dtype=np.int64)
            if single:
                found[component][mine.runs.part] = seconds
            else:
                np.add.at(found[component], mine.runs.part, seconds)
    return found


def by_kind(it: Measured, program: Codes, run: Ints) -> tuple[Ints, Ints, Ints]:
    """Every piece of the runs: (place of the run, piece kind, seconds); `run` numbers the runs for messages."""
    run_of, kind_of, seconds_of = ([ints([])] for _ in range(3))
    places = np.arange(len(it.runs))
    for number in used(program, len(it.ready.programs.programs)).tolist():
        some = np.flatnonzero(program == number)
        mine = it.take(some)
        for kind, states in it.ready.programs.programs[number].kinds:
            seconds = mine.seconds(states)
            there = np.flatnonzero(seconds)
            if len(there) and it.ready.programs.kinds[kind].refusal:
                raise UndecidedTimeError(it.ready.programs.kinds[kind].refusal, int(run[some[there[0]]]))
            run_of.append(places[some[there]])
            kind_of.append(np.full(len(there), kind, dtype=np.int64))
            seconds_of.append(seconds[there])
    return np.concatenate(run_of), np.concatenate(kind_of), np.concatenate(seconds_of)


def _by_program(it: Measured, program: Codes) -> Iterator[tuple[int, Measured]]:
    occurring = used(program, len(it.ready.programs.programs)).tolist()
    for number in occurring:
        yield number, it if len(occurring) == 1 else it.take(np.flatnonzero(program == number))


def refused_kinds(ready: Prepared) -> Bools:
    """For each program, whether some time of it could have no answer."""
    kinds = ready.programs.kinds
    return np.array(
        [any(kinds[kind].refusal for kind, _ in each.kinds) for each in ready.programs.programs] or [False], dtype=np.bool_
    )


def even_rows(parts: Parts, runs: Runs, fill: Ints, unit: int | None, width: int) -> Bools:
    """The rows whose every edge, and fill, is a whole number of units of the quantity (`unit` seconds; None: there are none)."""
    if unit is None or width % unit:
        return np.zeros(len(fill), dtype=np.bool_)
    odd = fill > 0
    rough = np.flatnonzero((runs.start % unit) | (runs.end % unit))
    odd[runs.row[rough]] = True
    return ~odd


@dataclass(frozen=True, slots=True)
class Shared:
    """Quantities of pieces, by (part, component number), and of fill, by row."""

    part: Ints
    component: Ints
    quantity: Ints
    fill: Mapping[str, Ints]


def shared_out(
    ready: Prepared,
    parts: Parts,
    pieces: tuple[Ints, Ints, Ints],
    runs: Runs,
    fill: Ints,
    fill_segment: Ints,
    total: Ints,
    digits: int,
) -> Shared:
    """The rounded quantity of each row shared over its pieces and its fill, by largest remainder."""
    place, kind, seconds = pieces
    kinds = ready.programs.kinds
    orders = sorted({each.order for each in kinds})
    rank = ints([orders.index(each.order) for each in kinds] or [0])
    part, kind, seconds = _merged(runs.part[place], kind, seconds, len(kinds))
    if bool((seconds < 0).any()):
        raise UndecidedTimeError(
            "by the wall clock a piece of it has less than no time; use elapsed hours",
            int(np.searchsorted(runs.part, part[np.flatnonzero(seconds < 0)[0]])),
        )
    fill_rows = np.flatnonzero(fill > 0)
    row = np.r_[parts.row[part], fill_rows]
    segment = np.r_[parts.segment[part], fill_segment[fill_rows]]
    order = np.lexsort((np.r_[rank[kind], np.zeros(len(fill_rows), dtype=np.int64)], segment, row))
    quantity = np.zeros(len(row), dtype=np.int64)
    dense = np.cumsum(np.r_[0, np.diff(row[order]) != 0]) if len(order) else ints([])
    totals = total[row[order][np.r_[True, np.diff(row[order]) != 0]]] if len(order) else ints([])
    length = np.r_[seconds, fill[fill_rows]]
    quantity[order] = share_out(ints(dense), length[order] * 10**digits, HOUR, totals)
    of_pieces, of_fill = quantity[: len(part)], quantity[len(part) :]
    part_of, component_of, quantity_of = ([ints([])] for _ in range(3))
    for number in used(kind, len(kinds)).tolist():
        some = np.flatnonzero(kind == number)
        for component in kinds[number].components():
            part_of.append(part[some])
            component_of.append(np.full(len(some), ready.programs.component(component), dtype=np.int64))
            quantity_of.append(of_pieces[some])
    return Shared(
        np.concatenate(part_of),
        np.concatenate(component_of),
        np.concatenate(quantity_of),
        {"row": fill_rows, "quantity": of_fill},
    )


def _merged(part: Ints, kind: Ints, seconds: Ints, kinds: int) -> tuple[Ints, Ints, Ints]:
    """Pieces of one part and kind as one."""
    if not len(part):
        return part, kind, seconds
    key = part * max(kinds, 1) + kind
    distinct, place = np.unique(key, return_inverse=True)
    sums = np.zeros(len(distinct), dtype=np.int64)
    np.add.at(sums, place, seconds)
    return distinct // max(kinds, 1), distinct % max(kinds, 1), sums


def quantity_unit(digits: int) -> int | None:
    """The seconds of the smallest quantity of hours, where that is a whole number."""
    return HOUR // 10**digits if HOUR % 10**digits == 0 else None


def check_sums(total: Ints, found: Ints, rows: Ints) -> None:
    """Refuses rows whose pieces are not all of their time."""
    if not np.array_equal(total[rows], found[rows]):
        raise InvariantError(
            "the pieces of a shift do not add up to its time; this is a fault of the engine, nothing was written"
        )
