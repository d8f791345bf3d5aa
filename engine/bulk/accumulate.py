"""Accumulators over runs: what has gone before in the window, and the cuts where a band is reached (law 5).

For each view of windows the time of all rows in scope is put in order and summed; sums are carried from chunk to chunk for windows
that are still open. Nothing else is remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from engine.arrays import Bools, Codes, Ints, codes, ints
from engine.bulk.charges import Sums
from engine.bulk.recurrences import LATE, NEVER, SCOPES, Windows
from engine.bulk.running import NOTHING, Carried, in_order, sums_before
from engine.bulk.runs import Runs
from engine.bulk.timeline import Timelines
from engine.dates import DAY_SECONDS, day_of
from engine.problems import InforceError

_SITE, _ACCOUNT, _AGENCY = range(len(SCOPES))
States = frozenset[int]
StatesOf = Callable[[str, Runs], tuple[Codes, Sequence[States]]]


@dataclass(frozen=True, slots=True)
class RowKeys:
    """What rows are summed and ordered by. `account` and `item` are numbers of the book; `wall` rows count by the wall clock."""

    worker: Codes
    site: Codes
    account: Codes
    item: Codes
    zone: Codes
    wall: Bools
    at: Ints
    closeout: Ints
    sizes: Mapping[str, int]  # how many sites, accounts and items there are
    charged: Bools
    workers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """The runs that are asked with one view of windows and workdays (-1: none are needed), one scope and one order."""

    view: int
    workday: int
    scope: int
    late: int
    asked: Ints


class IncompleteError(InforceError):
    """A window begins before the day from which on activity is complete."""

    def __init__(self, accumulator: str, row: int, day: int) -> None:
        super().__init__(f"the window of {accumulator} that begins on {day_of(day)} begins before activity is complete")
        self.accumulator, self.row, self.day = accumulator, row, day


@dataclass(slots=True)
class Accumulating:
    """One accumulator over the chunks of a rating: its windows on the cells of the timelines, and the sums of open windows."""

    windows: Windows
    lines: Timelines
    at_start: bool
    bits: tuple[int, ...]
    complete_from: int | None
    carries: bool = False  # from chunk to chunk
    told: list[Sums] | None = None  # the sums are kept there, if they are asked for
    _cells: list[Codes] = field(default_factory=list)
    _alike: tuple[int, int, int, int] | None = None  # view, workdays, scope and order of all runs, if they have but one
    _carried: dict[tuple[int, int, int, int, str], Carried] = field(default_factory=dict)

    def __post_init__(self) -> None:
        windows = self.windows
        self._cells = [self.lines.windows_of(view.begins) for view in windows.views]
        constant = len(windows.view) == 1 and len(set(windows.scope.tolist())) == 1 and len(set(windows.late.tolist())) == 1
        if constant and all(bool((limits < NEVER).any()) and len(set(limits.tolist())) == 1 for limits in windows.limits):
            self._alike = (int(windows.view[0]), int(windows.workday[0]), int(windows.scope[0]), int(windows.late[0]))

    @property
    def name(self) -> str:
        """The accumulator's name."""
        return self.windows.accumulator.accumulator

    def banded(self, runs: Runs, keys: RowKeys, states_of: StatesOf) -> Runs:
        """The runs cut where windows and bands begin, with the bits of the bands that are reached."""
        if not len(runs):
            return runs
        runs = self._cut_at_windows(runs, keys)
        window = self._window_of(runs, keys)
        count = len(self.bits)
        reached = [np.full(len(runs), NEVER, dtype=np.int64) for _ in range(count)]
        for group in self._groups(runs, keys, window):
            self._refuse_incomplete(group, runs, keys, window)
            before, own = self._before(group, runs, keys, states_of)
            if self.told is not None:
                self.told.append(self._sums(group, runs, keys, window, before, own))
            if self._alike is not None and len(group.asked) == len(runs):
                for number, limits in enumerate(self.windows.limits):
                    reached[number] = self._reached(group, runs, keys, states_of, before, own, limits[:1])
                continue
            place = self.windows.first[self.windows.site_class[keys.site[runs.row[group.asked]]]] + window[group.asked]
            for number, limits in enumerate(self.windows.limits):
                reached[number][group.asked] = self._reached(group, runs, keys, states_of, before, own, limits[place])
        return self._cut_at_bands(runs, reached)

    def _sums(self, group: Group, runs: Runs, keys: RowKeys, window: Codes, before: Ints, own: Ints) -> Sums:
        row = runs.row[group.asked]
        place = self.windows.first[self.windows.site_class[keys.site[row]]] + window[group.asked]
        limits = tuple(limits[place] for limits in self.windows.limits)
        return Sums(self.name, row, runs.start[group.asked], runs.end[group.asked], before, own, self.windows.day[place], limits)

    # --- windows

    def _refuse_incomplete(self, group: Group, runs: Runs, keys: RowKeys, window: Codes) -> None:
        """Refuses to price in a window that begins before activity is complete."""
        if self.complete_from is None or not bool((self.windows.day < self.complete_from).any()):
            return
        mine = group.asked[keys.charged[runs.row[group.asked]]]
        place = self.windows.first[self.windows.site_class[keys.site[runs.row[mine]]]] + window[mine]
        early = np.flatnonzero(self.windows.day[place] < self.complete_from)
        if len(early):
            raise IncompleteError(self.name, int(runs.row[mine[early[0]]]), int(self.windows.day[place[early[0]]]))

    def _view_of(self, row: Ints, keys: RowKeys, which: Codes) -> Codes:
        return which[self.windows.site_class[keys.site[row]]]

    def _cells_of(self, view: Codes | int, utc: Ints) -> Codes:
        """The window number of instants, each in its view."""
        if not len(utc):  # maybe no site either, and so no cells
            return codes([])
        cell = (utc - self.lines.start) // self.lines.width
        if isinstance(view, int):
            return codes(self._cells[view][cell])
        if len(self._cells) == 1:
            return codes(self._cells[0][cell])
        return codes(np.concatenate(self._cells)[view * np.int64(self.lines.cells) + cell])

    def _window_of(self, runs: Runs, keys: RowKeys) -> Codes:
        instants = keys.at[runs.row] if self.at_start else runs.start
        return self._cells_of(self._view_of(runs.row, keys, self.windows.view), instants)

    def _cut_at_windows(self, runs: Runs, keys: RowKeys) -> Runs:
        if not self.at_start:
            runs, _ = self._cut_at(runs, self._view_of(runs.row, keys, self.windows.view))
        if self.windows.accumulator.measure == "days":
            runs, _ = self._cut_at(runs, self._view_of(runs.row, keys, self.windows.workday))
        return runs

    def _cut_at(self, runs: Runs, view: Codes | int) -> tuple[Runs, Ints]:
        """The runs cut where a window of their view begins."""
        first, last = self._cells_of(view, runs.start), self._cells_of(view, runs.end - 1)
        crossing = np.flatnonzero(last > first)
        if not len(crossing):
            return runs, np.arange(len(runs))
        times = (last - first)[crossing]
        run = np.repeat(crossing, times)
        step = np.arange(len(run)) - np.repeat(np.cumsum(times) - times, times)
        of = np.full(len(run), view) if isinstance(view, int) else view[run]
        offsets = np.cumsum([0, *(len(each.begins) for each in self.windows.views)])
        begins = ints([instant for each in self.windows.views for instant in each.begins])
        return runs.cut(run, begins[offsets[of] + first[run] + 1 + step])

    # --- sums

    def windows_at(self, row: Ints, keys: RowKeys, instants: Ints) -> Codes:
        """The window of rows at instants, each as its own site sees it."""
        return self._cells_of(self._view_of(row, keys, self.windows.view), instants)

    def groups(self, row: Ints, keys: RowKeys, window: Codes, scope: Codes) -> Ints:
        """A number for each (view, scope, key, window) of rows, as their own sites see them."""
        view = self._view_of(row, keys, self.windows.view)
        found = np.zeros(len(row), dtype=np.int64)
        for each in range(len(SCOPES)):
            some = np.flatnonzero(scope == each)
            found[some] = self._group_of(view[some], each, row[some], window[some], keys)
        return found

    def _group_of(self, view: Codes | int, scope: int, row: Ints, window: Codes, keys: RowKeys) -> Ints:
        key = self._key(scope, row, keys) * len(SCOPES) + scope
        longest = max((len(each.begins) for each in self.windows.views), default=0)
        return (key * len(self.windows.views) + view) * longest + np.maximum(window, 0)

    def totals(self, groups: Ints, runs: Runs, keys: RowKeys, states_of: StatesOf) -> Ints:
        """What counts in whole groups (in increasing order), wherever it was worked."""
        found = np.zeros(len(groups), dtype=np.int64)
        if not len(groups):
            return found
        runs = runs.take(np.flatnonzero(keys.worker[runs.row] >= 0))
        for view in range(len(self.windows.views)):
            mine = runs if self.at_start else self._cut_at(runs, view)[0]
            window = self._cells_of(view, keys.at[mine.row] if self.at_start else mine.start)
            counted = self._counted(mine, keys, states_of) * (window >= 0)
            for scope in range(len(SCOPES)):
                group = self._group_of(view, scope, mine.row, window, keys)
                at = np.minimum(np.searchsorted(groups, group), len(groups) - 1)
                inside = np.flatnonzero(groups[at] == group)
                np.add.at(found, at[inside], counted[inside])
        return found

    def _groups(self, runs: Runs, keys: RowKeys, window: Codes) -> Iterator[Group]:
        """The runs for which some band has a limit, by view, scope and order."""
        windows = self.windows
        if self._alike is not None and int(window.min()) >= 0 and int(keys.worker.min()) >= 0:
            yield Group(*self._alike, np.arange(len(runs)))
            return
        of_class = windows.site_class[keys.site[runs.row]]
        place = np.maximum(windows.first[of_class] + window, 0)
        limited = np.logical_or.reduce([limits < NEVER for limits in windows.limits])
        asked = limited[place] & (window >= 0) & (keys.worker[runs.row] >= 0)
        days = len(windows.views) + 1
        code = (windows.view[of_class] * days + windows.workday[of_class] + 1) * len(SCOPES) + windows.scope[place]
        code = code * len(LATE) + windows.late[place]
        occurring = np.bincount(code[asked]) if not self.carries else np.bincount(self._codes())
        for each in np.flatnonzero(occurring).tolist():
            rest, late = divmod(each, len(LATE))
            rest, scope = divmod(rest, len(SCOPES))
            view, workday = divmod(rest, days)
            yield Group(view, workday - 1, scope, late, np.flatnonzero(asked & (code == each)))

    def _codes(self) -> Ints:
        """The codes of all groups that there can be: rows of a later chunk may look back at what is not asked for now."""
        windows, days = self.windows, len(self.windows.views) + 1
        of_class = np.repeat(np.arange(len(windows.view)), np.diff(np.r_[windows.first, len(windows.day)]))
        code = (windows.view[of_class] * days + windows.workday[of_class] + 1) * len(SCOPES) + windows.scope
        return ints(code * len(LATE) + windows.late)

    def _before(self, group: Group, runs: Runs, keys: RowKeys, states_of: StatesOf) -> tuple[Ints, Ints]:
        """For each run that is asked: the measure before it in its window, and its own."""
        some = self._feeding(group, runs, keys)
        feeding, view = runs.take(some), self.windows.views[group.view]
        old = np.arange(len(feeding))
        if group.scope != _SITE:  # as the priced site sees them
            if not self.at_start:
                feeding, old = self._cut_at(feeding, group.view)
            if group.workday >= 0:
                feeding, older = self._cut_at(feeding, group.workday)
                old = old[older]
        instants = keys.at[feeding.row] if self.at_start else feeding.start
        window = self._cells_of(group.view, instants)
        key = self._key(group.scope, feeding.row, keys) * len(view.begins) + np.maximum(window, 0)
        place = None
        if LATE[group.late] == "append":
            late = np.where(keys.closeout[feeding.row] > 0, keys.closeout[feeding.row], NEVER)
            place = np.empty(len(feeding), dtype=np.int64)
            place[np.argsort(late, kind="stable")] = np.arange(len(feeding))
        counted = self._counted(feeding, keys, states_of) * (window >= 0)
        own = counted
        if self.windows.accumulator.measure == "days":
            own = self._first_of_days(group, feeding, keys, key, counted, place)
        name = (group.view, group.workday, group.scope, group.late, "sums")
        before, groups, totals = sums_before(key, own, self._carried.get(name, NOTHING), place)
        self._carry(name, groups, totals, len(view.begins), keys)
        if len(some) == len(group.asked) and len(old) == len(some):
            return before, own
        first_piece = np.flatnonzero(np.r_[True, old[1:] != old[:-1]]) if len(old) else old
        of_run = np.zeros(len(runs), dtype=np.int64)
        of_run[some[old[first_piece]]] = first_piece
        wanted = of_run[group.asked]
        return before[wanted], own[wanted]

    def _feeding(self, group: Group, runs: Runs, keys: RowKeys) -> Ints:
        """The runs that can stand before those that are asked."""
        if group.scope == _SITE:
            return group.asked
        if len(group.asked) == len(runs):
            return group.asked
        if self.carries:
            return np.flatnonzero(keys.worker[runs.row] >= 0)
        workers = np.zeros(int(keys.worker.max()) + 2, dtype=np.bool_)
        workers[keys.worker[runs.row[group.asked]]] = True
        wanted = workers[keys.worker[runs.row]]
        if group.scope == _ACCOUNT:
            accounts = np.zeros(keys.sizes["account"], dtype=np.bool_)
            accounts[keys.account[runs.row[group.asked]]] = True
            wanted &= accounts[keys.account[runs.row]]
        return np.flatnonzero(wanted)

    def _key(self, scope: int, row: Ints, keys: RowKeys) -> Ints:
        key = ints(keys.worker[row])
        if scope != _AGENCY:
            name, column = ("site", keys.site) if scope == _SITE else ("account", keys.account)
            key = key * keys.sizes[name] + column[row]
        if "item" in self.windows.accumulator.key:
            key = key * keys.sizes["item"] + keys.item[row]
        return key

    def _first_of_days(self, group: Group, feeding: Runs, keys: RowKeys, key: Ints, counted: Ints, place: Ints | None) -> Ints:
        """1 for the first counting run of each workday in a window, 0 for the others."""
        length = len(self.windows.views[group.workday].begins)
        day = key * length + np.maximum(self._cells_of(group.workday, feeding.start), 0)
        counting = np.flatnonzero(counted > 0)
        at = counting[in_order(day[counting], None if place is None else place[counting])]
        first = np.r_[True, day[at[1:]] != day[at[:-1]]] if len(at) else np.zeros(0, dtype=np.bool_)
        name = (group.view, group.workday, group.scope, group.late, "days")
        carried = self._carried.get(name, NOTHING)
        days_now = day[at[first]]
        new = carried.of(days_now) == 0
        found = np.zeros(len(feeding), dtype=np.int64)
        found[at[first][new]] = 1
        self._carry(name, days_now, np.ones(len(days_now), dtype=np.int64), length, keys, group.workday)
        return found

    def _carry(
        self,
        name: tuple[int, int, int, int, str],
        groups: Ints,
        totals: Ints,
        length: int,
        keys: RowKeys,
        view: int | None = None,
    ) -> None:
        carried = self._carried.get(name, NOTHING)
        now = ints([keys.at[-1] - DAY_SECONDS]) if len(keys.at) else ints([self.lines.start])
        still = int(self._cells_of(name[0] if view is None else int(view), np.maximum(now, self.lines.start))[0])
        self._carried[name] = carried.with_totals(groups, totals, carried.group % length >= still)

    def _counted(self, runs: Runs, keys: RowKeys, states_of: StatesOf) -> Ints:
        """The seconds of each run that count."""
        of_run, sets = states_of(self.name, runs)
        counted = np.zeros(len(runs), dtype=np.int64)
        for number, states in enumerate(sets):
            if not states:
                continue
            some = np.flatnonzero(of_run == number)
            wall = keys.wall[runs.row[some]]
            for by_wall in (False, True):
                mine = some[wall == by_wall] if bool(wall.any()) else (some if not by_wall else some[:0])
                if len(mine):
                    counted[mine] = self._seconds(runs.take(mine), keys, states, by_wall)
        return counted

    def _seconds(self, runs: Runs, keys: RowKeys, states: States, wall: bool) -> Ints:
        if states == self.lines.everything and not wall:
            return runs.end - runs.start
        return self.lines.seconds(states, keys.zone[runs.row], runs.start, runs.end, wall)

    # --- bands

    def _reached(
        self, group: Group, runs: Runs, keys: RowKeys, states_of: StatesOf, before: Ints, own: Ints, limit: Ints
    ) -> Ints:
        """The instant from which each asked run is in a band."""
        start = runs.start[group.asked]
        if self.windows.accumulator.measure == "days":
            return np.where(before + own > limit, start, NEVER)
        needed = limit - before
        at = np.where(needed <= 0, start, NEVER)
        inside = np.flatnonzero((needed > 0) & (needed <= own))
        if len(inside):
            at[inside] = self._instants(runs.take(group.asked[inside]), keys, states_of, needed[inside])
        return at

    def _instants(self, runs: Runs, keys: RowKeys, states_of: StatesOf, needed: Ints) -> Ints:
        """The first instant of each run at which so many of its seconds have counted."""
        of_run, sets = states_of(self.name, runs)
        zone = keys.zone[runs.row]
        found = runs.start + needed
        for number, states in enumerate(sets):
            if states != self.lines.everything:
                some = np.flatnonzero(of_run == number)
                found[some] = self.lines.reached(states, zone[some], runs.start[some], needed[some])
        wall = np.flatnonzero(keys.wall[runs.row])
        if len(wall):
            moved = self.lines.offset_at(zone[wall], runs.start[wall]) != self.lines.offset_at(zone[wall], runs.end[wall])
            for run in wall[moved].tolist():
                found[run] = self._by_the_wall(
                    sets[of_run[run]], int(zone[run]), int(runs.start[run]), int(runs.end[run]), int(needed[run])
                )
        return found

    def _by_the_wall(self, states: States, zone: int, start: int, end: int, needed: int) -> int:
        """The same for a run with a clock change in it, cell by cell."""
        width, lines = self.lines.width, self.lines
        passed = 0
        at = start
        while at < end:
            stop = min(end, at - (at - lines.start) % width + width)
            cell = zone * lines.cells + (at - lines.start) // width
            if int(lines.state[cell]) in states:
                if passed + (stop - at) >= needed:
                    return at + needed - passed
                whole = (stop - lines.start) % width == 0
                passed += stop - at + (int(lines.jump[cell]) if whole else 0)
                if passed >= needed:
                    return stop
            at = stop
        return end

    def _cut_at_bands(self, runs: Runs, reached: Sequence[Ints]) -> Runs:
        """The runs cut where they come into a band, with their bits."""
        cuts = [np.flatnonzero((at > runs.start) & (at < runs.end)) for at in reached]
        run = np.concatenate(cuts)
        if len(run):
            at = np.concatenate([at[some] for at, some in zip(reached, cuts, strict=True)])
            if len(cuts) > 1:
                order = np.lexsort((at, run))
                run, at = run[order], at[order]
                once = np.r_[True, (run[1:] != run[:-1]) | (at[1:] != at[:-1])]
                run, at = run[once], at[once]
            runs, old = runs.cut(run, at)
            reached = [at[old] for at in reached]
        bits = runs.band
        for at, bit in zip(reached, self.bits, strict=True):
            bits = bits | (at <= runs.start) * np.int32(bit)
        return Runs(runs.part, runs.row, runs.start, runs.end, bits)
