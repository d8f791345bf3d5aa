"""Rate: activity in, charges out. One charge for each billable piece of time with one price, and the decision behind it.

Columnar over the whole set: decisions are made once for each distinct signature, prices once for each distinct (price row, recipe),
and everything done for each row is arithmetic on whole numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.activity import Activity, Coded, FateName
from engine.arrays import NONE, Bools, Codes, Ints, codes, group_sums, ints, rounded_down, share_out
from engine.bulk.charges import BASES, Charges, Rated
from engine.bulk.pricing import Made, PriceBook, Recipe, price_book
from engine.bulk.programs import PieceKind, Programs, programs
from engine.bulk.signatures import Facts, cells, merged_bits, row_groupings
from engine.bulk.timeline import refuse_uncovered, timelines
from engine.bulk.worked import Parts, Stretch, by_term, cut, place_breaks, round_times
from engine.dates import DAY_SECONDS, day_of
from engine.problems import InforceError, InvariantError
from engine.ratebook.basis import parse_basis
from engine.ratebook.book import Basis, BreakTerms, PunchRounding, RuleBook, TermValue, Window
from engine.ratebook.policies import Decider
from engine.ratebook.resolver import Decision, Slot, UndecidedError, resolve
from engine.ratebook.slots import CompiledSlot, compile_slot

_HOUR = 3600


class RatingError(InforceError):
    """Activity cannot be rated by this rule book; nothing was written."""


def slots_of(book: RuleBook) -> dict[str, CompiledSlot]:
    """Every policy of the book compiled to a slot."""
    return {name: compile_slot(policy) for name, policy in book.policies.items()}


class Rater:
    """A rule book made ready for rating; one for each process and rule book."""

    def __init__(self, book: RuleBook, *, reference: Callable[[Slot, int], Decision] = resolve) -> None:
        self.book = book
        self.slots = slots_of(book)
        self.decider = Decider([slot.slot for slot in self.slots.values()], reference=reference)

    def rate(self, activity: Activity) -> Rated:
        """The charges of the activity. Every row ends billed or in `stopped`; a missing price refuses the whole run."""
        activity.check_order()
        return _Run(self, activity).rated()


class _Run:
    """One rating of one set of activity; its methods are the stages, in order."""

    def __init__(self, rater: Rater, activity: Activity) -> None:
        self.book, self.slots, self.decider, self.activity = rater.book, rater.slots, rater.decider, activity
        self.kind = self.book.kinds[activity.kind]
        self.stopped: dict[int, tuple[FateName, str]] = {}
        self.decided: dict[str, Codes] = {}
        self.decisions: dict[str, tuple[Decision, ...]] = {}
        sites = [self.book.sites[site] for site in activity.site.values]
        zones = sorted({site.zone for site in sites}) or ["UTC"]
        self.first_day = int(activity.day.min()) - 1 if len(activity) else 0
        self.last_day = self._last_day()
        self.lines = timelines(zones, self.first_day, self.last_day, self.book.windows, self.book.holidays)
        self.zone = codes([zones.index(site.zone) for site in sites] or [0])[activity.site.codes]
        self.term, self.terms = self._terms()
        self.items = tuple(self.book.items)

    def rated(self) -> Rated:
        """All stages."""
        self.stretch = self._worked_time()
        self.facts = self._facts()
        basis_of, basis = self._billable()
        billed = self._billed(basis_of, basis)
        item = self._item(billed)
        form = np.array([("worked", "none", "fixed", "scheduled").index(each.form) for each in basis], dtype=np.int64)[basis_of]
        fixed = self._fixed_seconds(basis_of, basis)
        worked = billed & (form == 0)
        pair, prices = self._prices(billed, item)
        seconds, fill, parts, pieces, found = self._pieces(worked, pair, prices)
        kinds = found.kinds if found is not None else ()
        parts.check()
        charges, recipes = self._charges(billed, form, fixed, seconds, fill, item, pair, prices, parts, pieces, kinds)
        charges.check()
        total = np.where(worked, seconds + fill, fixed)
        return Rated(
            self.activity, charges, self.items, recipes, prices, self.lines, self.zone, self.stretch, parts, pieces, found, self.terms,
            self.term, self.decisions, self.decided, basis, total, self.facts, self.stopped,
        )  # fmt: skip

    # --- what holds for each row

    def _last_day(self) -> int:
        latest = [int(times.max()) for times in self.activity.times.values() if len(times)]
        return max([self.first_day, *(second // DAY_SECONDS for second in latest)]) + 2

    def _terms(self) -> tuple[Codes, tuple[Mapping[str, TermValue], ...]]:
        """The number of each row's terms, and the distinct terms."""
        activity = self.activity
        known: dict[tuple[tuple[str, str], ...], int] = {}
        distinct: list[Mapping[str, TermValue]] = []
        first, count = self.first_day, self.last_day - self.first_day + 1
        table = np.zeros(max(len(activity.site.values), 1) * count, dtype=np.int32)
        for number, name in enumerate(activity.site.values):
            site = self.book.sites[name]
            entries = (*self.book.default_terms, *self.book.accounts[site.account].terms, *site.terms)
            days = sorted(
                {
                    entry.start.toordinal() - _ORDINAL
                    for entry in entries
                    if first < entry.start.toordinal() - _ORDINAL < first + count
                }
            )
            for start, end in zip([first, *days], [*days, first + count], strict=True):
                terms = self.book.terms_on(name, day_of(start))
                key = tuple(sorted((k, repr(v)) for k, v in terms.items()))
                if key not in known:
                    known[key] = len(distinct)
                    distinct.append(terms)
                table[number * count + start - first : number * count + end - first] = known[key]
        number = table[activity.site.codes * count + (activity.day - first)]
        used = np.unique(number)
        for which in used.tolist():
            missing = [name for name in self.book.terms if name not in distinct[which]]
            if missing:
                row = int(np.flatnonzero(number == which)[0])
                raise RatingError(
                    f"{self._name(row)}: the term {missing[0]!r} has no value on that day.\n"
                    f"Let the default terms ({self.book.default_terms[0].source if self.book.default_terms else 'rates/'}) start earlier, "
                    f"or correct the date of the activity."
                )
        return codes(np.searchsorted(used, number)), tuple(distinct[which] for which in used.tolist())

    def _worked_time(self) -> Stretch:
        """Stages 2 and 3: recorded times rounded, breaks placed."""
        times = self.activity.times
        start, end = times["start"].copy(), times["end"].copy()
        break_start, break_end = times["break_start"].copy(), times["break_end"].copy()
        self.scheduled = [times["scheduled_start"].copy(), times["scheduled_end"].copy()]
        for rounding, rows in by_term(self.term, [terms["punch-rounding"] for terms in self.terms]):
            if not isinstance(rounding, PunchRounding):
                continue
            start[rows], end[rows] = round_times(self.lines, self.zone[rows], start[rows], end[rows], rounding)
            if rounding.breaks:
                break_start[rows], break_end[rows] = round_times(
                    self.lines, self.zone[rows], break_start[rows], break_end[rows], rounding
                )
            if rounding.scheduled:
                for both in [self.scheduled]:
                    both[0][rows], both[1][rows] = round_times(
                        self.lines, self.zone[rows], both[0][rows], both[1][rows], rounding
                    )
        off, on = start.copy(), start.copy()
        for terms, rows in by_term(self.term, [terms["break"] for terms in self.terms]):
            punched = (break_start[rows], break_end[rows])
            reported = self.activity.break_length[rows]
            found = place_breaks(
                self.lines,
                self.zone[rows],
                start[rows],
                end[rows],
                punched,
                reported,
                self.kind.grid,
                terms if isinstance(terms, BreakTerms) else None,
            )
            off[rows], on[rows] = found
        self.wall = np.array([terms["hours"] == "wall" for terms in self.terms] or [False], dtype=np.bool_)[self.term]
        return Stretch(start, end, off, on)

    def _facts(self) -> Facts:
        """What policies can ask about the rows."""
        activity, stretch = self.activity, self.stretch
        there = stretch.start != NONE
        scheduled_there = activity.times["scheduled_start"] != NONE
        cancelled = (activity.times["cancelled_at"] != NONE) & scheduled_there
        worked = self._elapsed(
            np.where(there, stretch.start, 0),
            np.where(there, stretch.end, 0),
            np.where(there, stretch.off, 0),
            np.where(there, stretch.on, 0),
        )
        account = Coded(tuple(self.book.sites[site].account for site in activity.site.values), activity.site.codes)
        planned = np.where(there, stretch.start, np.where(scheduled_there, self.scheduled[0], activity.at))
        lengths = {
            "notice": np.where(cancelled, activity.times["scheduled_start"] - activity.times["cancelled_at"], NONE),
            "scheduled-length": np.where(scheduled_there, self.scheduled[1] - self.scheduled[0], NONE),
            "worked-length": np.where(there, worked, NONE),
            **activity.numbers,
        }
        texts = {**activity.columns, "site": activity.site, "item": activity.item, "account": account}
        lines = self.lines

        def touches(window: str) -> Bools:
            start, end = np.where(there, stretch.start, lines.start), np.where(there, stretch.end, lines.start)
            return lines.seconds(lines.with_window(window), self.zone, start, end) > 0

        start_state = lines.state[lines.cell(self.zone, planned)]
        return Facts(texts, lengths, activity.day, self.term, self.terms, lines, start_state, touches)

    def _elapsed(self, start: Ints, end: Ints, off: Ints, on: Ints) -> Ints:
        """Seconds of rows less their breaks, elapsed or by the wall clock as each row's terms say."""
        seconds = (end - start) - (on - off)
        if bool(self.wall.any()):
            rows = np.flatnonzero(self.wall & (start > 0))
            zone = self.zone[rows]
            jump = self.lines.offset_at(zone, end[rows]) - self.lines.offset_at(zone, start[rows])
            jump -= self.lines.offset_at(zone, on[rows]) - self.lines.offset_at(zone, off[rows])
            seconds[rows] += jump
        return ints(seconds)

    # --- slots

    def _ask(self, slot: str, asked: Bools) -> None:
        """Decides a row slot for some rows."""
        rows = np.flatnonzero(asked)
        decided = np.full(len(asked), -1, dtype=np.int32)
        found: list[Decision] = []
        if len(rows):
            compiled = self.slots[slot]
            facts = self.facts if len(rows) == len(asked) else _facts_of(self.facts, rows)
            groupings = row_groupings(compiled, facts)
            case = cells(groupings, len(rows))
            place: dict[Decision, int] = {}
            of_cell = []
            for number, buckets in enumerate(case.buckets):
                try:
                    decision = self.decider.decide(slot, merged_bits(groupings, buckets))
                except UndecidedError as error:
                    row = int(rows[int(np.flatnonzero(case.cell == number)[0])])
                    raise RatingError(f"{self._name(row)}: {error}") from error
                of_cell.append(place.setdefault(decision, len(place)))
            found = list(place)
            decided[rows] = codes(of_cell)[case.cell]
        self.decided[slot], self.decisions[slot] = decided, tuple(found)
        texts = dict(self.facts.texts)
        texts[f"answer-of {slot}"] = Coded(tuple(decision.answers[0] for decision in found), decided)
        self.facts = _with_texts(self.facts, texts)

    def _billable(self) -> tuple[Codes, tuple[Basis, ...]]:
        if "billable" not in self.slots:
            raise RatingError("the rule book has no policy that decides `billable`; add one under rules/")
        self._ask("billable", np.ones(len(self.activity), dtype=np.bool_))
        answers = [decision.answers[0] for decision in self.decisions["billable"]]
        basis = tuple(parse_basis(answer) for answer in answers) or (Basis("none"),)
        return np.maximum(self.decided["billable"], 0), basis

    def _billed(self, basis_of: Codes, basis: Sequence[Basis]) -> Bools:
        """The rows that are billed; the others are stopped with a reason."""
        activity = self.activity
        none = np.array([each.form == "none" for each in basis], dtype=np.bool_)[basis_of]
        for row in np.flatnonzero(none).tolist():
            decision = self.decisions["billable"][int(basis_of[row])]
            standing = [rule for rule in decision.fired if rule not in decision.beaten]
            self.stopped[row] = ("not billed", standing[-1] if standing else "billable")
        approval = np.array([terms["approval"] == "required" for terms in self.terms] or [False], dtype=np.bool_)[self.term]
        approver = activity.columns.get("approved_by")
        missing = approval & (approver.codes < 0 if approver is not None else True)
        self._hold(~none & missing, "approval")
        for form, column, rule in (
            ("worked", "start", "no-recorded-time"),
            ("scheduled", "scheduled_start", "no-scheduled-time"),
        ):
            mine = np.array([each.form == form for each in basis], dtype=np.bool_)[basis_of]
            self._hold(mine & (activity.times[column] == NONE), rule)
        billed = ~none
        billed[list(self.stopped)] = False
        return billed

    def _hold(self, rows: Bools, rule: str) -> None:
        for row in np.flatnonzero(rows).tolist():
            self.stopped.setdefault(row, ("held", rule))

    def _item(self, billed: Bools) -> Codes:
        """The item each row is charged as."""
        place = {item: number for number, item in enumerate(self.items)}
        item = codes([place[name] for name in self.activity.item.values] or [0])[self.activity.item.codes]
        if "item" not in self.slots:
            return item
        self._ask("item", billed)
        answers = [decision.answers[0] for decision in self.decisions["item"]]
        other = codes([-1 if answer == "as-worked" else place[answer] for answer in answers] or [-1])[self.decided["item"]]
        return np.where((self.decided["item"] >= 0) & (other >= 0), other, item).astype(np.int32)

    def _fixed_seconds(self, basis_of: Codes, basis: Sequence[Basis]) -> Ints:
        """The billed seconds of rows with a fixed or scheduled basis."""
        seconds = np.zeros(len(self.activity), dtype=np.int64)
        for number, each in enumerate(basis):
            rows = np.flatnonzero(basis_of == number)
            if each.form == "fixed" and each.term is not None:
                seconds[rows] = ints([terms[each.term] for terms in self.terms])[self.term[rows]]
            elif each.form == "fixed":
                seconds[rows] = each.seconds
            elif each.form == "scheduled":
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
        for terms, some in by_term(self.term[rows], [terms["break"] for terms in self.terms]):
            if isinstance(terms, BreakTerms) and terms.planned:
                length[some] -= np.where(length[some] > terms.after, np.minimum(terms.length, length[some]), 0)
        return ints(length)

    # --- prices and pieces

    def _prices(self, billed: Bools, item: Codes) -> tuple[Codes, PriceBook]:
        sites = self.activity.site.values
        packed = self.activity.site.codes.astype(np.int64) * len(self.items) + item
        used = np.zeros(max(len(sites), 1) * len(self.items), dtype=np.bool_)
        used[packed[billed]] = True
        occurring = np.flatnonzero(used)
        number = np.zeros(len(used), dtype=np.int32)
        number[occurring] = np.arange(len(occurring))
        pairs = [(sites[int(pair) // len(self.items)], self.items[int(pair) % len(self.items)]) for pair in occurring]
        return number[packed], price_book(self.book, pairs, self.first_day, self.last_day)

    def _pieces(
        self, worked: Bools, pair: Codes, prices: PriceBook
    ) -> tuple[Ints, Ints, Parts, dict[str, Ints], Programs | None]:
        """Stages 4 to 7 for worked rows: segments, and the seconds of each segment in each piece kind."""
        rows = np.flatnonzero(worked)
        seconds, fill = (np.zeros(len(worked), dtype=np.int64) for _ in range(2))
        stretch = Stretch(*(getattr(self.stretch, name)[rows] for name in ("start", "end", "off", "on")))
        if len(rows):
            first = self.lines.day[self.lines.cell(self.zone[rows], stretch.start)]
            last = self.lines.day[self.lines.cell(self.zone[rows], stretch.end)]
            refuse_uncovered(_used_windows(self.book), self.book.holidays, int(first.min()), int(last.max()))
        seconds[rows] = self._elapsed(*(self.stretch_zeroed(name, worked) for name in ("start", "end", "off", "on")))[rows]
        if bool((seconds < 0).any()):
            raise RatingError(
                f"{self._name(int(np.flatnonzero(seconds < 0)[0]))}: by the wall clock this shift has less than no time; use elapsed hours"
            )
        if "minimum" in self.slots and len(rows):
            self._ask("minimum", worked)
            applies = np.array(
                [decision.answers[0] == "applies" for decision in self.decisions["minimum"]] or [False], dtype=np.bool_
            )
            asked = self.decided["minimum"]
            least = ints([terms["min-hours"] for terms in self.terms] or [0])[self.term]
            fill = np.where(worked & (asked >= 0) & applies[asked], np.maximum(least - seconds, 0), 0)
        parts = cut(
            self.lines, self.zone[rows], prices, pair[rows], stretch, self.activity.day[rows], self.book.calendar.price_at
        )
        if not len(rows):
            return seconds, fill, parts, {name: ints([]) for name in ("part", "kind", "seconds")}, None
        found = programs(
            self.book, self.slots, self.decider, _facts_of(self.facts, rows), codes(prices.epoch(self.activity.day[rows]))
        )
        wall = self.wall[rows][parts.row]
        piece_part, piece_kind, piece_seconds = [], [], []
        program = found.program[parts.row]
        for number, pieces in enumerate(found.programs):
            some = np.flatnonzero(program == number)
            if not len(some):
                continue
            for by_wall in (False, True):
                mine = some[wall[some] == by_wall]
                for kind, states in pieces if len(mine) else ():
                    length = self._seconds_in(states, rows, parts, mine, by_wall, alone=len(pieces) == 1)
                    there = np.flatnonzero(length)
                    if len(there) and found.kinds[kind].refusal:
                        raise RatingError(f"{self._name(int(rows[parts.row[mine[there[0]]]]))}: {found.kinds[kind].refusal}")
                    piece_part.append(mine[there])
                    piece_kind.append(np.full(len(there), kind, dtype=np.int64))
                    piece_seconds.append(length[there])
        pieces_found = {
            "part": np.concatenate(piece_part),
            "kind": np.concatenate(piece_kind),
            "seconds": np.concatenate(piece_seconds),
        }
        if bool((pieces_found["seconds"] < 0).any()):
            part = int(pieces_found["part"][np.flatnonzero(pieces_found["seconds"] < 0)[0]])
            raise RatingError(
                f"{self._name(int(rows[parts.row[part]]))}: by the wall clock a piece of this shift has less than no time; use elapsed hours"
            )
        if not np.array_equal(group_sums(rows[parts.row[pieces_found["part"]]], pieces_found["seconds"], len(worked)), seconds):
            raise InvariantError(
                "the pieces of a shift do not add up to its time; this is a fault of the engine, nothing was written"
            )
        absolute = Parts(rows[parts.row], parts.segment, parts.start, parts.end, parts.off, parts.on, parts.day)
        return seconds, fill, absolute, pieces_found, found

    def stretch_zeroed(self, name: str, rows: Bools) -> Ints:
        """A column of the worked stretch with 0 where a row has none."""
        column: Ints = getattr(self.stretch, name)
        return np.where(rows & (column != NONE), column, 0)

    def _seconds_in(self, states: frozenset[int], rows: Ints, parts: Parts, some: Ints, wall: bool, *, alone: bool) -> Ints:
        start, end, off, on = parts.start[some], parts.end[some], parts.off[some], parts.on[some]
        if alone and not wall:
            return (end - start) - (on - off)
        zone = self.zone[rows[parts.row[some]]]
        length = self.lines.seconds(states, zone, start, end, wall)
        broken = np.flatnonzero(on > off)
        length[broken] -= self.lines.seconds(states, zone[broken], off[broken], on[broken], wall)
        return length

    # --- charges

    def _charges(
        self,
        billed: Bools,
        form: Ints,
        fixed: Ints,
        seconds: Ints,
        fill: Ints,
        item: Codes,
        pair: Codes,
        prices: PriceBook,
        parts: Parts,
        pieces: Mapping[str, Ints],
        kinds: Sequence[PieceKind],
    ) -> tuple[Charges, tuple[Recipe, ...]]:
        """Stages 8 and 9: the time of each row as a quantity, shared over its pieces; charges by component, with their prices."""
        digits, half = self.book.rounding.quantity[self.kind.unit]
        day = self.activity.day
        fill_rows, flat_rows = np.flatnonzero(fill > 0), np.flatnonzero(billed & (form >= 2) & (fixed > 0))
        segments = np.zeros(len(billed), dtype=np.int64)
        np.maximum.at(segments, parts.row, parts.segment + 1)
        labels = sorted({kind.label for kind in kinds})
        rank = ints([labels.index(kind.label) for kind in kinds] or [0])
        none = np.zeros(len(flat_rows), dtype=np.int64)
        row = np.concatenate([parts.row[pieces["part"]], fill_rows, flat_rows])
        segment = np.concatenate([parts.segment[pieces["part"]], segments[fill_rows], none])
        length = np.concatenate([pieces["seconds"], fill[fill_rows], fixed[flat_rows]])
        place = np.concatenate([rank[pieces["kind"]], np.zeros(len(fill_rows), dtype=np.int64), none])
        total = rounded_down(np.where(form >= 2, fixed, seconds + fill) * 10**digits, _HOUR, half) * billed
        quantity = np.zeros(len(row), dtype=np.int64)
        order = np.lexsort((place, segment, row))
        quantity[order] = share_out(row[order], length[order] * 10**digits, _HOUR, total)
        for nothing in np.flatnonzero(billed & (total == 0)).tolist():
            self.stopped.setdefault(nothing, ("not billed", "rounds-to-nothing"))
        blocks = _Blocks()
        worked, filled, flat = np.split(quantity, [len(pieces["part"]), len(pieces["part"]) + len(fill_rows)])
        self._time_charges(blocks, kinds, parts, pieces, worked, prices.row(pair[parts.row], parts.day))
        blocks.add(
            "fill",
            "fill",
            Recipe(),
            fill_rows,
            segments[fill_rows],
            filled,
            prices.row(pair[fill_rows], day[fill_rows]),
            day[fill_rows],
        )
        times = self.activity.times
        for code, name in ((2, "fixed"), (3, "scheduled")):
            some = np.flatnonzero(form[flat_rows] == code)
            rows = flat_rows[some]
            span = (times["scheduled_start"][rows], times["scheduled_end"][rows]) if name == "scheduled" else None
            blocks.add(name, name, Recipe(), rows, none[some], flat[some], prices.row(pair[rows], day[rows]), day[rows], span)
        return blocks.charges(item, prices, digits)

    def _time_charges(
        self,
        blocks: _Blocks,
        kinds: Sequence[PieceKind],
        parts: Parts,
        pieces: Mapping[str, Ints],
        quantity: Ints,
        part_row: Ints,
    ) -> None:
        """Charges of worked time: pieces of one segment with one component are one charge; each own-line premium is one more."""
        components: dict[tuple[Recipe, str, str], list[int]] = {}
        for number, kind in enumerate(kinds):
            components.setdefault((kind.recipe, kind.component, "worked"), []).append(number)
            for own in kind.own:
                components.setdefault((own, f"own:{own.own}", "own-line"), []).append(number)
        for (recipe, name, basis), members in components.items():
            some = np.flatnonzero(np.isin(pieces["kind"], members))
            part, amount = pieces["part"][some], quantity[some]
            if len(members) > 1:
                part, place = np.unique(part, return_inverse=True)
                amount = ints(group_sums(ints(place), amount, len(part)))
            span = (parts.start[part], parts.end[part])
            blocks.add(basis, name, recipe, parts.row[part], parts.segment[part], amount, part_row[part], parts.day[part], span)

    def _name(self, row: int) -> str:
        activity = self.activity
        return f"{activity.kind} {activity.id[row]} at {activity.site.text(row)} on {day_of(int(activity.day[row]))}"


_ORDINAL = day_of(0).toordinal()


@dataclass(frozen=True, slots=True)
class _Block:
    """Charges with one component and one recipe, as they are made."""

    basis: str
    component: str
    recipe: int
    row: Ints
    segment: Ints
    quantity: Ints
    price_row: Ints
    day: Ints
    start: Ints
    end: Ints


class _Blocks:
    """Charges as they are made, block by block."""

    def __init__(self) -> None:
        self._blocks: list[_Block] = []
        self._recipes: dict[Recipe, int] = {}

    def add(
        self,
        basis: str,
        component: str,
        recipe: Recipe,
        row: Ints,
        segment: Ints,
        quantity: Ints,
        price_row: Ints,
        day: Ints,
        times: tuple[Ints, Ints] | None = None,
    ) -> None:
        """One more block; charges of no quantity are left out."""
        some = np.flatnonzero(quantity)
        if not len(some):
            return
        empty = np.full(len(row), NONE, dtype=np.int64)
        number = self._recipes.setdefault(recipe, len(self._recipes))
        columns = (row, segment, quantity, price_row, day, *(times or (empty, empty)))
        self._blocks.append(_Block(basis, component, number, *(column[some] for column in columns)))

    def charges(self, item: Codes, prices: PriceBook, digits: int) -> tuple[Charges, tuple[Recipe, ...]]:
        """All blocks with their prices, in order of (row, segment, component); and the recipes by number."""
        recipes = tuple(self._recipes)
        components = sorted({block.component for block in self._blocks})
        shown: dict[str, int] = {"": 0}
        price, price_digits, label = ([ints([])] for _ in range(3))
        for block in self._blocks:
            made, at = _prices_of(prices, recipes[block.recipe], block.price_row)
            price.append(made.units[at])
            price_digits.append(made.digits[at])
            label.append(_shown(shown, recipes[block.recipe], made.winner)[at])

        def each(value: Callable[[_Block], int]) -> Ints:
            return np.concatenate([ints([]), *(np.full(len(block.row), value(block), dtype=np.int64) for block in self._blocks)])

        def column(name: str) -> Ints:
            return np.concatenate([ints([]), *(getattr(block, name) for block in self._blocks)])

        row, segment, component = column("row"), column("segment"), each(lambda block: components.index(block.component))
        order = np.lexsort((component, segment, row))
        charges = Charges(
            row=row[order],
            segment=segment[order],
            basis=codes(each(lambda block: BASES.index(block.basis))[order]),
            component=Coded(tuple(components), codes(component[order])),
            item=item[row[order]],
            quantity=column("quantity")[order],
            quantity_digits=digits,
            price=np.concatenate(price)[order],
            price_digits=np.concatenate(price_digits)[order],
            day=column("day")[order],
            start=column("start")[order],
            end=column("end")[order],
            recipe=codes(each(lambda block: block.recipe)[order]),
            price_row=column("price_row")[order],
            shown=Coded(tuple(shown), codes(np.concatenate(label)[order])),
        )
        return charges, recipes


def _prices_of(prices: PriceBook, recipe: Recipe, price_row: Ints) -> tuple[Made, Ints]:
    """What a recipe makes of the distinct price rows, and which of them each charge has."""
    if bool((price_row < 0).any()):
        raise InvariantError("a charge has no price row; this is a fault of the engine, nothing was written")
    used = np.zeros(len(prices.rows), dtype=np.bool_)
    used[price_row] = True
    distinct = np.flatnonzero(used)
    place = np.zeros(len(prices.rows), dtype=np.int64)
    place[distinct] = np.arange(len(distinct))
    return prices.make(recipe, distinct), place[price_row]


def _shown(shown: dict[str, int], recipe: Recipe, winner: Ints) -> Ints:
    """The number of the premiums that a description names (ids joined by `+`), for each made price; new ones are added to `shown`."""
    if recipe.own:
        return np.full(len(winner), shown.setdefault(recipe.own, len(shown)), dtype=np.int64)
    if recipe.combine == "largest":
        return ints([shown.setdefault(premium, len(shown)) for premium in recipe.premiums])[winner]
    return np.full(len(winner), shown.setdefault("+".join(recipe.premiums), len(shown)), dtype=np.int64)


def _facts_of(facts: Facts, rows: Ints) -> Facts:
    touches = facts.touches
    return Facts(
        texts={name: text.take(rows) for name, text in facts.texts.items()},
        lengths={name: length[rows] for name, length in facts.lengths.items()},
        day=facts.day[rows],
        term=facts.term[rows],
        terms=facts.terms,
        timelines=facts.timelines,
        start_state=facts.start_state[rows],
        touches=lambda window: touches(window)[rows],
    )


def _with_texts(facts: Facts, texts: Mapping[str, Coded]) -> Facts:
    return replace(facts, texts=texts)


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
