"""One rating of some activity: its stages in order, from recorded times to charges by component.

Each stage hands columns to the next; what differs from row to row is never looked at one row at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TypeVar

import numpy as np

from engine.activity import Activity, Coded, FateName
from engine.arrays import NONE, Bools, Codes, Ints, codes, ints, rounded_down
from engine.bulk.accumulate import Accumulating, IncompleteError, RowKeys
from engine.bulk.charges import Block, Ended, Inside, Sums, empty_span
from engine.bulk.pieces import (
    HOUR,
    UndecidedTimeError,
    by_component,
    by_kind,
    check_sums,
    even_rows,
    measured,
    programs_of,
    quantity_unit,
    refused_kinds,
    shared_out,
)
from engine.bulk.prepared import Prepared, RatingError
from engine.bulk.pricing import Recipe
from engine.bulk.programs import Component
from engine.bulk.running import in_order
from engine.bulk.runs import Runs, runs_of
from engine.bulk.signatures import Facts, cells, merged_bits, row_groupings
from engine.bulk.timeline import refuse_uncovered
from engine.bulk.window_lines import missing_hours
from engine.bulk.worked import Parts, Stretch, by_term, cut, place_breaks, round_times
from engine.dates import DAY_SECONDS, Period, day_of
from engine.problems import InvariantError
from engine.ratebook.basis import parse_basis
from engine.ratebook.book import Basis, BreakTerms, PunchRounding, RuleBook, Window
from engine.ratebook.resolver import Decision, UndecidedError

T = TypeVar("T")
_NEAR = 48 * 3600  # neighbours further away are none
_FORMS = ("worked", "none", "fixed", "scheduled")
_FILL = Component("fill", "fill", Recipe())
_FLAT = {form: Component(form, form, Recipe()) for form in ("fixed", "scheduled")}


class Rating:
    """One rating of activity, whole or a chunk of it; its methods are the stages, in order."""

    def __init__(
        self, ready: Prepared, sums: Sequence[Accumulating], activity: Activity, charged: Bools, *, inside: bool = False
    ) -> None:
        self.ready, self.sums, self.activity, self.charged, self.keep = ready, sums, activity, charged, inside
        self.book, self.lines, self.kind = ready.book, ready.lines, ready.kind
        self.digits, self.half = self.book.rounding.quantity[self.kind.unit]
        self.site = activity.site.codes
        self.zone = codes(ready.zone_of[self.site])
        self.account = codes(ready.account_of[self.site])
        self.term, self.terms = self._terms(), ready.terms
        self.wall = self._per_terms([terms.get("hours") == "wall" for terms in self.terms], np.bool_)
        self.decided: dict[str, Codes] = {}
        self.decisions: dict[str, tuple[Decision, ...]] = {}
        self.stop = np.zeros(len(activity), dtype=np.int32)  # a place in `reasons`; 0 goes on
        self.reasons: dict[tuple[FateName, str], int] = {("billed", ""): 0}
        self.stretch = self._worked_time()
        self.facts = self._facts()
        self.pieces: dict[str, Ints] = {}
        self.told: list[Sums] = []
        self.ended: dict[str, Ended] = {}

    def blocks(self) -> list[Block]:
        """All stages: the charges, by component."""
        basis_of, self.basis = self._billable()
        self.form = codes([_FORMS.index(each.form) for each in self.basis])[basis_of]
        self.billed = self._billed(basis_of)
        self.item = self._item()
        fixed = self._fixed_seconds(basis_of)
        self.pair = codes(self.ready.pair[self.site * np.int64(len(self.ready.items)) + self.item])
        self.worked = self.billed & (self.form == 0)
        seconds, fill = self._lengths_worked()
        parts, runs = self._runs()
        if not self.keep:
            del self.facts  # they hold on to this object, which holds on to every column
        charged = self.billed & self.charged
        self.total = np.where(charged, np.where(self.form >= 2, fixed, seconds + fill), 0)
        self.quantity = self._hours(self.total)
        self._stop(charged & (self.quantity == 0), ("not billed", "rounds-to-nothing"))
        return self._charges(charged, fill, parts, runs)

    def _hours(self, seconds: Ints) -> Ints:
        """Seconds as a rounded quantity of hours."""
        unit = quantity_unit(self.digits)
        if unit is not None:
            whole = seconds // unit
            if np.array_equal(whole * unit, seconds):
                return whole
        return ints(rounded_down(seconds * 10**self.digits, HOUR, self.half))

    def stopped(self) -> dict[int, tuple[FateName, str]]:
        """The rows that are not billed, with their fates."""
        reasons = list(self.reasons)
        return {row: reasons[self.stop[row]] for row in np.flatnonzero(self.stop * self.charged).tolist()}

    def inside(self) -> Inside:
        """The steps in between."""
        lengths = {name: make() for name, make in self.facts.lengths.items()}
        return Inside(
            self.stretch, self.parts, self.pieces, self.ready.programs, self.case, self.terms, self.term, self.decisions, self.decided,
            self.basis, lengths, tuple(self.told), self.ended,
        )  # fmt: skip

    # --- what holds for each row

    def _terms(self) -> Codes:
        """The number of each row's terms."""
        ready, activity = self.ready, self.activity
        if len(activity) and not ready.first_day <= int(activity.day.min()) <= int(activity.day.max()) <= ready.last_day:
            raise InvariantError(f"activity outside the days that were prepared ({ready.days()}); this is a fault of the engine")
        number = ready.term(self.site, activity.day)
        for which, missing in ready.missing.items():
            rows = np.flatnonzero(number == which)
            if len(rows):
                raise RatingError(
                    f"{self._name(int(rows[0]))}: the term {missing!r} has no value on that day.\n"
                    f"Let the default terms ({self.book.default_terms[0].source if self.book.default_terms else 'rates/'}) start earlier, "
                    f"or correct the date of the activity."
                )
        return number

    def _per_terms(self, values: Sequence[object], dtype: type) -> Bools:
        alike = len(set(values)) == 1
        found: Bools = np.full(len(self.term), values[0], dtype=dtype) if alike else np.array(values, dtype=dtype)[self.term]
        return found

    def _worked_time(self) -> Stretch:
        """Stages 2 and 3: recorded times rounded, breaks placed."""
        times, lines = self.activity.times, self.lines
        pairs = (("start", "end"), ("break_start", "break_end"), ("scheduled_start", "scheduled_end"))
        recorded, breaks, planned = ([times[first], times[last]] for first, last in pairs)
        for rounding, rows in by_term(self.term, [terms.get("punch-rounding") for terms in self.terms]):
            if not isinstance(rounding, PunchRounding):
                continue
            for both, wanted in ((recorded, True), (breaks, rounding.breaks), (planned, rounding.scheduled)):
                if wanted and rows is None:
                    both[:] = round_times(lines, self.zone, both[0], both[1], rounding)
                elif wanted and rows is not None:
                    rounded = round_times(lines, self.zone[rows], both[0][rows], both[1][rows], rounding)
                    both[:] = [_replaced(old, rows, new) for old, new in zip(both, rounded, strict=True)]
        self.scheduled = planned
        start, end = recorded
        off, on = start, start
        for terms, rows in by_term(self.term, [terms.get("break") for terms in self.terms]):
            if not isinstance(terms, BreakTerms):
                continue
            some = slice(None) if rows is None else rows
            zone, reported = self.zone[some], self.activity.break_length[some]
            found = place_breaks(
                lines, zone, start[some], end[some], (breaks[0][some], breaks[1][some]), reported, self.kind.grid, terms
            )
            off, on = found if rows is None else (_replaced(off, rows, found[0]), _replaced(on, rows, found[1]))
        return Stretch(start, end, off, on)

    def _facts(self) -> Facts:
        """What policies can ask about the rows."""
        activity, stretch, lines, times = self.activity, self.stretch, self.lines, self.activity.times
        there = stretch.start != NONE

        def between(start: Ints, end: Ints) -> Ints:
            return np.where((start != NONE) & (end != NONE), end - start, NONE)

        def planned() -> Codes:
            scheduled = np.where(times["scheduled_start"] != NONE, self.scheduled[0], activity.at)
            return codes(lines.state[lines.cell(self.zone, np.where(there, stretch.start, scheduled))])

        def touches(window: str) -> Bools:
            start, end = np.where(there, stretch.start, lines.start), np.where(there, stretch.end, lines.start)
            return lines.seconds(lines.with_window(window), self.zone, start, end) > 0

        accounts = sorted(self.book.accounts)
        account = Coded(tuple(accounts), self.account)
        lengths: dict[str, Callable[[], Ints]] = {
            "notice": cache(lambda: between(times["cancelled_at"], times["scheduled_start"])),
            "scheduled-length": cache(lambda: between(*self.scheduled)),
            "worked-length": cache(lambda: np.where(there, self._elapsed(), NONE)),
            "since-last": cache(lambda: self._neighbours()[0]),
            "until-next": cache(lambda: self._neighbours()[1]),
        }
        for name, column in activity.numbers.items():
            lengths[name] = _always(column)
        for each in self.kind.lengths:
            lengths[each.length] = _always(between(times[each.start], times[each.end]))
        texts = {**activity.columns, "site": activity.site, "item": activity.item, "account": account}
        return Facts(texts, lengths, activity.day, self.term, self.terms, lines, cache(planned), touches)

    def _elapsed(self) -> Ints:
        """Seconds of rows less their breaks, elapsed or by the wall clock as each row's terms say; 0 where no time is recorded."""
        start, end, off, on = self.stretch.start, self.stretch.end, self.stretch.off, self.stretch.on
        there = start != NONE
        seconds = np.where(there, (end - start) - (on - off), 0)
        rows = np.flatnonzero(self.wall & there)
        if len(rows):
            zone = self.zone[rows]
            jump = self.lines.offset_at(zone, end[rows]) - self.lines.offset_at(zone, start[rows])
            jump -= self.lines.offset_at(zone, on[rows]) - self.lines.offset_at(zone, off[rows])
            seconds[rows] += jump
        return ints(seconds)

    def _neighbours(self) -> tuple[Ints, Ints]:
        """Elapsed time since the worker's last time at the site, and until the next, for rows that are billed as worked."""
        since, until = (np.full(len(self.activity), NONE, dtype=np.int64) for _ in range(2))
        rows = np.flatnonzero(self.worked & (self.activity.worker.codes >= 0))
        group = self.activity.worker.codes[rows] * np.int64(len(self.ready.sites)) + self.site[rows]
        at = in_order(group)
        rows, group = rows[at], group[at]
        gap = self.stretch.start[rows[1:]] - self.stretch.end[rows[:-1]]
        near = np.flatnonzero((group[1:] == group[:-1]) & (gap <= _NEAR))
        since[rows[near + 1]] = gap[near]
        until[rows[near]] = gap[near]
        return since, until

    # --- slots

    def _ask(self, slot: str, asked: Bools | None = None) -> None:
        """Decides a row slot for some rows (None: all)."""
        count = len(self.activity)
        rows = None if asked is None else np.flatnonzero(asked)
        groupings = row_groupings(self.ready.slots[slot], self.facts)
        case = cells(groupings, count, rows)
        place: dict[Decision, int] = {}
        of_cell = []
        for number, buckets in enumerate(case.buckets):
            try:
                decision = self.ready.decider.decide(slot, merged_bits(groupings, buckets))
            except UndecidedError as error:
                first = int(np.flatnonzero(case.cell == number)[0])
                raise RatingError(f"{self._name(first if rows is None else int(rows[first]))}: {error}") from error
            of_cell.append(place.setdefault(decision, len(place)))
        found = codes(of_cell)[case.cell] if of_cell else codes([])
        if rows is None:
            decided = codes(found)
        else:
            decided = np.full(count, -1, dtype=np.int32)
            decided[rows] = found
        self.decided[slot], self.decisions[slot] = decided, tuple(place)
        texts = {**self.facts.texts, f"answer-of {slot}": Coded(tuple(decision.answers[0] for decision in place), decided)}
        facts = self.facts
        self.facts = Facts(
            texts, facts.lengths, facts.day, facts.term, facts.terms, facts.timelines, facts.start_state, facts.touches
        )

    def _billable(self) -> tuple[Codes, tuple[Basis, ...]]:
        if "billable" not in self.ready.slots:
            raise RatingError("the rule book has no policy that decides `billable`; add one under rules/")
        self._ask("billable")
        answers = [decision.answers[0] for decision in self.decisions["billable"]]
        return self.decided["billable"], tuple(parse_basis(answer) for answer in answers) or (Basis("none"),)

    def _billed(self, basis_of: Codes) -> Bools:
        """The rows that are billed, or feed as context; the others are stopped with a reason."""
        activity = self.activity
        for number, decision in enumerate(self.decisions["billable"]):
            if self.basis[number].form == "none":
                standing = [rule for rule in decision.fired if rule not in decision.beaten]
                self._stop(basis_of == number, ("not billed", standing[-1] if standing else "billable"))
        approval = self._per_terms([terms.get("approval") == "required" for terms in self.terms], np.bool_)
        if bool(approval.any()):
            approver = activity.columns.get("approved_by")
            self._stop(approval & (approver.codes < 0 if approver is not None else True), ("held", "approval"))
        for form, column, rule in (
            ("worked", "start", "no-recorded-time"),
            ("scheduled", "scheduled_start", "no-scheduled-time"),
        ):
            self._stop((self.form == _FORMS.index(form)) & (activity.times[column] == NONE), ("held", rule))
        return np.asarray(self.stop == 0)

    def _stop(self, rows: Bools, reason: tuple[FateName, str]) -> None:
        """Stops rows that have not been stopped before."""
        number = self.reasons.setdefault(reason, len(self.reasons))
        self.stop[rows & (self.stop == 0)] = number

    def _item(self) -> Codes:
        """The item each row is charged as, by its place in the book."""
        item = codes(self.ready.item_of[self.activity.item.codes])
        if "item" not in self.ready.slots:
            return item
        self.worked = self.billed & (self.form == 0)
        self._ask("item", self.billed)
        answers = [decision.answers[0] for decision in self.decisions["item"]]
        place = [self.ready.items.index(answer) if answer in self.ready.items else -1 for answer in answers]
        other = codes([*place, -1])[self.decided["item"]]
        return codes(np.where(other >= 0, other, item))

    def _fixed_seconds(self, basis_of: Codes) -> Ints:
        """The billed seconds of rows with a fixed or scheduled basis."""
        seconds = np.zeros(len(self.activity), dtype=np.int64)
        for number, each in enumerate(self.basis):
            if each.form in ("worked", "none"):
                continue
            rows = np.flatnonzero(basis_of == number)
            if each.form == "fixed" and each.term is not None:
                seconds[rows] = ints([terms.get(each.term, 0) for terms in self.terms])[self.term[rows]]
            elif each.form == "fixed":
                seconds[rows] = each.seconds
            else:
                seconds[rows] = self._scheduled_seconds(rows, each)
        return seconds

    def _scheduled_seconds(self, rows: Ints, basis: Basis) -> Ints:
        """The share of the scheduled time, at least what is agreed, then rounded up; without a step, whole seconds are taken."""
        up, down = basis.share
        length = np.maximum(self._planned_length(rows) * up, basis.at_least * down)  # in parts of a second: `down` of them
        step = basis.round_up
        seconds = -(-length // (down * step)) * step if step else length // down
        return np.where(self.activity.times["scheduled_start"][rows] == NONE, 0, seconds)

    def _planned_length(self, rows: Ints) -> Ints:
        length = np.maximum(self.scheduled[1][rows] - self.scheduled[0][rows], 0)
        for terms, some in by_term(self.term[rows], [terms.get("break") for terms in self.terms]):
            if isinstance(terms, BreakTerms) and terms.planned:
                some = np.arange(len(length)) if some is None else some
                length[some] -= np.where(length[some] > terms.after, np.minimum(terms.length, length[some]), 0)
        return ints(length)

    # --- worked time

    def _lengths_worked(self) -> tuple[Ints, Ints]:
        """The worked seconds of rows that are billed as worked, and what is missing to their minimum."""
        seconds = np.where(self.worked, self._elapsed(), 0)
        if bool((seconds < 0).any()):
            raise RatingError(
                f"{self._name(int(np.flatnonzero(seconds < 0)[0]))}: by the wall clock this shift has less than no time; use elapsed hours"
            )
        fill = np.zeros(len(seconds), dtype=np.int64)
        if "minimum" in self.ready.slots:
            self._ask("minimum", self.worked)
            for number, decision in enumerate(self.decisions["minimum"]):
                least = _least(decision.answers[0], self.terms)
                if any(least):
                    rows = np.flatnonzero(self.decided["minimum"] == number)
                    fill[rows] = np.maximum(ints(least)[self.term[rows]] - seconds[rows], 0)
        return seconds, fill

    def _runs(self) -> tuple[Parts, Runs]:
        """Stages 4 and 6: segments cut where prices change, and their time cut where bands begin."""
        activity, zone, stretch, rows = self.activity, self.zone, self.stretch, np.arange(len(self.worked))
        idle = np.flatnonzero(~self.worked)
        if len(idle):  # rows without worked time have an empty segment at their dating moment
            empty = activity.at[idle]
            stretch = Stretch(*(_replaced(getattr(stretch, name), idle, empty) for name in ("start", "end", "off", "on")))
        if len(rows) > len(idle):
            start, end = (times[self.worked] if len(idle) else times for times in (stretch.start, stretch.end))
            where = zone[self.worked] if len(idle) else zone
            first = self._day_of(where, start, np.min)
            last = self._day_of(where, np.maximum(end - 1, start), np.max)
            refuse_uncovered(_used_windows(self.book), self.book.holidays, first, last)
        self.parts = cut(self.lines, zone, self.ready.prices, self.pair, stretch, activity.day, self.book.calendar.price_at, rows)
        runs = runs_of(self.parts)
        self.case = self.ready.programs.case_of(self.facts, self.ready.prices.epoch(activity.day))
        keys = RowKeys(
            activity.worker.codes, self.site, self.account, self.item, self.zone, self.wall, activity.at,
            np.maximum(activity.numbers["closeout"], 0) if "closeout" in activity.numbers else np.zeros(len(activity), dtype=np.int64),
            {"site": len(self.ready.sites), "account": len(self.book.accounts), "item": len(self.ready.items)}, self.charged,
            activity.worker.values,
        )  # fmt: skip
        self.keys = keys
        for each in self.sums:
            each.told = self.told if self.keep else None
            try:
                runs = each.banded(runs, keys, self._states_of)
            except IncompleteError as error:
                raise self._incomplete(error) from error
        self.every_run = runs
        if not bool(self.charged.all()):
            runs = runs.take(np.flatnonzero(self.charged[runs.row]))
        runs.check()
        return self.parts, runs

    def _day_of(self, zone: Codes, times: Ints, edge: Callable[[Ints], np.int64]) -> int:
        """The first or last local day of some instants."""
        near = np.flatnonzero(np.abs(times - edge(times)) <= 2 * DAY_SECONDS)
        return int(edge(self.lines.day[self.lines.cell(zone[near], times[near])].astype(np.int64)))

    def _incomplete(self, error: IncompleteError) -> RatingError:
        calendar = self.book.calendar
        return RatingError(
            f"{self._name(error.row)}: it lies in the window of {error.accumulator!r} that begins on {day_of(error.day)}, and activity is "
            f"complete from {calendar.activity_from} on ({calendar.source}).\n"
            f"Give the activity from {day_of(error.day)} on (one row for each worker with the hours will do), and set `activity-from` to that day."
        )

    def window_blocks(self, period: Period, mine: Bools) -> list[Block]:
        """The charges of whole windows that end in the period; called-off work makes a window, rejected and held rows do not."""
        held = [number for (fate, _), number in self.reasons.items() if fate == "held"]
        rows = mine & ~np.isin(self.stop, held)
        found = []
        for windows in self.ready.windows:
            if windows.accumulator.line is not None and windows.accumulator.line.form == "fills-to":
                try:
                    block, ended = missing_hours(
                        self.ready, windows, rows, self.every_run, self.keys, self._states_of, period, self.pair
                    )
                    found.append(block)
                    self.ended[windows.accumulator.accumulator] = ended
                except IncompleteError as error:
                    raise self._incomplete(error) from error
        return [block for block in found if len(block)]

    def _states_of(self, accumulator: str, runs: Runs) -> tuple[Codes, list[frozenset[int]]]:
        """The window states whose time counts for an accumulator: a number for each run, and the sets."""
        programs = self.ready.programs
        radix = 1 << len(programs.bands)
        code = self.case[runs.row] * np.int64(radix) + runs.band
        occurs = np.zeros(max(len(programs.cases), 1) * radix, dtype=np.int32)
        occurs[code] = 1
        known: dict[frozenset[int], int] = {}
        for each in np.flatnonzero(occurs).tolist():
            states = programs.counting(accumulator, each // radix, each % radix)
            occurs[each] = known.setdefault(states, len(known))
        return occurs[code], list(known)

    # --- charges

    def _charges(self, charged: Bools, fill: Ints, parts: Parts, runs: Runs) -> list[Block]:
        """Stages 7 to 9: time as quantities by component, with their prices."""
        parts.check()
        ready = self.ready
        program = programs_of(ready, self.case[runs.row], runs.band)
        even = even_rows(parts, runs, fill * charged, quantity_unit(self.digits), self.lines.width) & ~self.wall
        may_refuse = refused_kinds(ready)
        if bool(may_refuse.any()):
            even[runs.row[may_refuse[program]]] = False
        if self.keep:
            place, kind, seconds = by_kind(
                measured(ready, runs, self.zone[runs.row], self.wall[runs.row]), program, np.arange(len(runs))
            )
            self.pieces = _told(runs, place, kind, seconds)
        smooth = even[runs.row]
        quantities: dict[int, Ints] = {}
        all_smooth = bool(smooth.all())
        if all_smooth or bool(smooth.any()):
            some, which = (runs, program) if all_smooth else (runs.take(np.flatnonzero(smooth)), program[smooth])
            it = measured(ready, some, self.zone[some.row], np.zeros(1, dtype=np.bool_))
            unit = quantity_unit(self.digits) or 1
            quantities = {number: seconds // unit for number, seconds in by_component(it, which, len(parts.row)).items()}
        fill_segment = np.zeros(len(fill), dtype=np.int64)
        fill_given = np.zeros(len(fill), dtype=np.int64)
        if not bool(even.all()):
            np.maximum.at(fill_segment, parts.row, parts.segment + 1)
            self._share(
                quantities,
                fill_given,
                parts,
                runs.take(np.flatnonzero(~smooth)),
                program[~smooth],
                fill * charged * ~even,
                fill_segment,
            )
        rows = np.flatnonzero(fill_given)
        flat = [self._row_block(_FILL, rows, fill_segment[rows], fill_given[rows])]
        for form in ("fixed", "scheduled"):
            rows = np.flatnonzero(charged & (self.form == _FORMS.index(form)) & (self.quantity != 0))
            flat.append(self._row_block(_FLAT[form], rows, np.zeros(len(rows), dtype=np.int64), self.quantity[rows]))
        self._check_quantities(flat, quantities, parts, charged)
        blocks = [*self._time_blocks(quantities, parts), *flat]
        return [block for block in blocks if len(block)]

    def _share(
        self,
        quantities: dict[int, Ints],
        fill_given: Ints,
        parts: Parts,
        runs: Runs,
        program: Codes,
        fill: Ints,
        fill_segment: Ints,
    ) -> None:
        """Adds the quantities of rows that need sharing, by component and part, and those of their fill by row."""
        try:
            pieces = by_kind(measured(self.ready, runs, self.zone[runs.row], self.wall[runs.row]), program, np.arange(len(runs)))
            shared = shared_out(self.ready, parts, pieces, runs, fill, fill_segment, self.quantity, self.digits)
        except UndecidedTimeError as error:
            raise RatingError(f"{self._name(int(runs.row[error.run]))}: {error}") from error
        for number in np.unique(shared.component).tolist():
            mine = shared.component == number
            column = quantities.setdefault(number, np.zeros(len(parts.row), dtype=np.int64))
            np.add.at(column, shared.part[mine], shared.quantity[mine])
        fill_given[shared.fill["row"]] = shared.fill["quantity"]

    def _time_blocks(self, quantities: Mapping[int, Ints], parts: Parts) -> list[Block]:
        price_row = self._price_row(parts)
        found = []
        for number, quantity in quantities.items():
            some = np.flatnonzero(quantity)
            at = None if len(some) == len(quantity) else some
            mine = (quantity, price_row) if at is None else (quantity[some], price_row[some])
            found.append(self._block(self.ready.programs.components[number], number, parts, at, *mine))
        return found

    def _row_block(self, component: Component, rows: Ints, segment: Ints, quantity: Ints) -> Block:
        """Charges of whole rows at the price of their dating days."""
        day, times = self.activity.day[rows], self.activity.times
        start, end = empty_span(len(rows))
        if component.basis == "scheduled":
            start, end = times["scheduled_start"][rows], times["scheduled_end"][rows]
        parts = Parts(rows, segment, start, end, start, start, day)
        number = self.ready.programs.component(component)
        return self._block(component, number, parts, None, quantity, self._price_row(parts))

    def _price_row(self, parts: Parts) -> Ints:
        found = self.ready.prices.row(self.pair[parts.row], parts.day)
        if len(found) and int(found.min()) < 0:
            raise InvariantError("a charge has no price row; this is a fault of the engine, nothing was written")
        return found

    def _block(self, component: Component, number: int, parts: Parts, at: Ints | None, quantity: Ints, price_row: Ints) -> Block:
        made = self.ready.prices.made(component.recipe, price_row)
        winner = made.winner[price_row] if component.recipe.combine == "largest" else None
        return Block(component, number, parts, at, quantity, price_row, made.units[price_row], made.digits[price_row], winner)

    def _check_quantities(self, blocks: Sequence[Block], quantities: Mapping[int, Ints], parts: Parts, charged: Bools) -> None:
        """The time charges of a row, fill and flat ones included, have its whole quantity."""
        found = np.zeros(len(self.activity), dtype=np.int64)
        of_part = np.zeros(len(parts.row), dtype=np.int64)
        for number, quantity in quantities.items():
            if self.ready.programs.components[number].basis == "worked":
                of_part += quantity
        np.add.at(found, parts.row, of_part)
        for block in blocks:
            np.add.at(found, block.column("row"), block.quantity)
        check_sums(self.quantity, found, np.flatnonzero(charged))

    def _name(self, row: int) -> str:
        activity = self.activity
        return f"{activity.kind} {activity.id[row]} at {activity.site.text(row)} on {day_of(int(activity.day[row]))}"


def _told(runs: Runs, place: Ints, kind: Ints, seconds: Ints) -> dict[str, Ints]:
    """Pieces for those who ask why: one for each part, kind and set of bands, with where its runs begin and end."""
    keys = list(zip(runs.part[place].tolist(), runs.band[place].tolist(), kind.tolist(), strict=True))
    found: dict[tuple[int, int, int], list[int]] = {}
    for key, run, length in sorted(zip(keys, place.tolist(), seconds.tolist(), strict=True)):
        start, end = int(runs.start[run]), int(runs.end[run])
        if key in found:
            found[key] = [found[key][0] + length, min(found[key][1], start), max(found[key][2], end)]
        else:
            found[key] = [length, start, end]
    columns = {name: ints([key[at] for key in found]) for at, name in enumerate(("part", "band", "kind"))}
    return columns | {
        name: ints([values[at] for values in found.values()]) for at, name in enumerate(("seconds", "start", "end"))
    }


def _least(answer: str, terms: Sequence[Mapping[str, object]]) -> list[int]:
    """The least seconds that an answer of `minimum` asks for, under each terms."""
    if answer == "none":
        return [0 for _ in terms]
    word, _, much = answer.partition(" ")
    if word == "at-least" and not much.startswith("term "):
        return [int(much.removesuffix("s")) for _ in terms]
    name = much.removeprefix("term ") if word == "at-least" else "min-hours"
    return [value if isinstance(value := each.get(name), int) else 0 for each in terms]


def _replaced(old: Ints, rows: Ints, new: Ints) -> Ints:
    """A column with new values in some rows."""
    found = old.copy()
    found[rows] = new
    return found


def _always(column: Ints) -> Callable[[], Ints]:
    return lambda: column


def _used_windows(book: RuleBook) -> list[Window]:
    named = {
        str(value)
        for policy in book.policies.values()
        for rule in policy.rules
        for condition in rule.when
        if condition.column in ("in", "starts-in", "touches")
        for value in condition.values
    }
    return [window for name, window in book.windows.items() if name in named]
