"""Rate: activity in, charges out. One charge for each billable piece of time with one price, and the decision behind it.

Columnar over the whole set: decisions are made once for each distinct signature, prices once for each distinct (price row, recipe),
and everything done for each row is arithmetic on whole numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.activity import Activity, Coded, FateName
from engine.arrays import NONE, Bools, Codes, Ints, codes, group_sums, ints, rounded_down, share_out
from engine.bulk.pricing import PriceBook, Recipe, price_book
from engine.bulk.programs import PieceKind, Programs, programs
from engine.bulk.signatures import Facts, cells, merged_bits, row_groupings
from engine.bulk.timeline import Timelines, refuse_uncovered, timelines
from engine.bulk.worked import Parts, Stretch, by_term, cut, place_breaks, round_times
from engine.dates import DAY_SECONDS, day_of
from engine.problems import InforceError, InvariantError
from engine.ratebook.basis import parse_basis
from engine.ratebook.book import Basis, BreakTerms, PunchRounding, RuleBook, TermValue, Window
from engine.ratebook.policies import Decider
from engine.ratebook.resolver import Decision
from engine.ratebook.slots import CompiledSlot, compile_slot

ROW_SLOTS = ("billable", "item", "minimum")
_HOUR = 3600


class RatingError(InforceError):
    """Activity cannot be rated by this rule book; nothing was written."""


@dataclass(frozen=True, slots=True)
class Charges:
    """Charges as columns, in order of (row, segment, component label). `row` numbers the rated activity.

    `quantity` has `quantity_digits` decimals, `price` the digits in `price_digits`. `basis`: 0 worked, 1 fill, 2 fixed, 3 scheduled, 4 own-line.
    `recipe` and `price_row` say how the price was made; `shown` are the numbers of the premiums named in the description, in `names`.
    """

    row: Ints
    segment: Ints
    basis: Codes
    component: Coded
    item: Codes
    quantity: Ints
    quantity_digits: int
    price: Ints
    price_digits: Ints
    day: Ints
    start: Ints
    end: Ints
    recipe: Codes
    price_row: Ints
    shown: Coded

    def __len__(self) -> int:
        return len(self.row)


BASES = ("worked", "fill", "fixed", "scheduled", "own-line")


@dataclass(frozen=True, slots=True)
class Rated:
    """The charges of some activity, and what decided them.

    `decisions[slot]` holds the distinct decisions of a row slot, `decided[slot]` which one each row got (-1: not asked).
    `stopped` gives, by row, the fate and rule that keep it from being billed.
    """

    activity: Activity
    charges: Charges
    items: tuple[str, ...]
    recipes: tuple[Recipe, ...]
    prices: PriceBook
    timelines: Timelines
    zone: Codes
    stretch: Stretch
    parts: Parts
    pieces: Mapping[str, Ints]
    programs: Programs | None
    terms: tuple[Mapping[str, TermValue], ...]
    term: Codes
    decisions: Mapping[str, tuple[Decision, ...]]
    decided: Mapping[str, Codes]
    basis: tuple[Basis, ...]
    seconds: Ints
    facts: Facts
    stopped: Mapping[int, tuple[FateName, str]]


def slots_of(book: RuleBook) -> dict[str, CompiledSlot]:
    """Every policy of the book compiled to a slot."""
    return {name: compile_slot(policy) for name, policy in book.policies.items()}


class Rater:
    """A rule book made ready for rating; one for each process and rule book."""

    def __init__(self, book: RuleBook) -> None:
        self.book = book
        self.slots = slots_of(book)
        self.decider = Decider([slot.slot for slot in self.slots.values()])

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
        charges, recipes = self._charges(billed, form, fixed, fill, seconds, item, pair, prices, parts, pieces, found)
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
        return table[activity.site.codes * count + (activity.day - first)], tuple(distinct)

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
                except InforceError as error:
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
                length = self._planned_length(rows)
                up, down = each.share
                step = each.round_up or 1
                # ceil(length x share / step) x step, in whole numbers; without a step the share is floored to the second
                scaled = -(-(length * up) // (down * step)) * step if each.round_up else length * up // down
                seconds[rows] = np.where(
                    self.activity.times["scheduled_start"][rows] == NONE, 0, np.maximum(scaled, each.at_least)
                )
        return seconds

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
        self, billed: Bools, form: Ints, fixed: Ints, fill: Ints, seconds: Ints, item: Codes, pair: Codes, prices: PriceBook,
        parts: Parts, pieces: Mapping[str, Ints], found: Programs | None,
    ) -> tuple[Charges, tuple[Recipe, ...]]:  # fmt: skip
        """Stages 8 and 9: quantities shared over the pieces, charges by component, and their prices."""
        digits, half = self.book.rounding.quantity[self.kind.unit]
        kinds = found.kinds if found is not None else ()
        labels = sorted({kind.label for kind in kinds})
        rank = ints([labels.index(kind.label) for kind in kinds] or [0])
        fill_rows, flat_rows = np.flatnonzero(fill > 0), np.flatnonzero(billed & (form >= 2) & (fixed > 0))
        piece_row = parts.row[pieces["part"]]
        row = np.concatenate([piece_row, fill_rows, flat_rows])
        last_segment = np.zeros(len(billed), dtype=np.int64)
        np.maximum.at(last_segment, parts.row, parts.segment + 1)
        segment = np.concatenate(
            [parts.segment[pieces["part"]], last_segment[fill_rows], np.zeros(len(flat_rows), dtype=np.int64)]
        )
        length = np.concatenate([pieces["seconds"], fill[fill_rows], fixed[flat_rows]])
        order_rank = np.concatenate([rank[pieces["kind"]], np.zeros(len(fill_rows) + len(flat_rows), dtype=np.int64)])
        order = np.lexsort((order_rank, segment, row))
        quantity = np.zeros(len(row), dtype=np.int64)
        total = rounded_down(np.where(form >= 2, fixed, seconds + fill) * 10**digits, _HOUR, half)
        total = np.where(billed, total, 0)
        quantity[order] = share_out(row[order], length[order] * 10**digits, _HOUR, total)
        for nothing in np.flatnonzero(billed & (total == 0)).tolist():
            self.stopped.setdefault(nothing, ("not billed", "rounds-to-nothing"))
        count = len(piece_row)
        recipes: dict[Recipe, int] = {Recipe(): 0}
        out = _Columns()
        piece_quantity = quantity[:count]
        self._time_charges(out, recipes, kinds, parts, pieces, piece_quantity, prices, pair)
        where = slice(count, count + len(fill_rows))
        out.add(
            fill_rows,
            segment[where],
            1,
            "fill",
            0,
            quantity[where],
            prices.row(pair[fill_rows], self.activity.day[fill_rows]),
            self.activity.day[fill_rows],
        )
        at = count + len(fill_rows)
        for code, name in ((2, "fixed"), (3, "scheduled")):
            some = np.flatnonzero(form[flat_rows] == code)
            rows = flat_rows[some]
            times = (
                (self.activity.times["scheduled_start"][rows], self.activity.times["scheduled_end"][rows]) if code == 3 else None
            )
            out.add(
                rows,
                np.zeros(len(rows), dtype=np.int64),
                code,
                name,
                0,
                quantity[at + some],
                prices.row(pair[rows], self.activity.day[rows]),
                self.activity.day[rows],
                times,
            )
        return out.charges(self.book, item, tuple(recipes), prices, digits), tuple(recipes)

    def _time_charges(
        self, out: _Columns, recipes: dict[Recipe, int], kinds: Sequence[PieceKind], parts: Parts, pieces: Mapping[str, Ints],
        quantity: Ints, prices: PriceBook, pair: Codes,
    ) -> None:  # fmt: skip
        """Charges of worked time: pieces of one segment with one component are one charge; each own-line premium is one more."""
        components: dict[tuple[Recipe, str, int], list[int]] = {}
        for number, kind in enumerate(kinds):
            components.setdefault((kind.recipe, kind.component, 0), []).append(number)
            for own in kind.own:
                components.setdefault((own, f"own:{own.own}", 4), []).append(number)
        part_row = prices.row(pair[parts.row], parts.day)
        for (recipe, name, basis), members in components.items():
            some = np.flatnonzero(np.isin(pieces["kind"], members))
            if len(members) > 1:
                part, place = np.unique(pieces["part"][some], return_inverse=True)
                amount = ints(group_sums(ints(place), quantity[some], len(part)))
            else:
                part, amount = pieces["part"][some], quantity[some]
            code = recipes.setdefault(recipe, len(recipes))
            out.add(
                parts.row[part],
                parts.segment[part],
                basis,
                name,
                code,
                amount,
                part_row[part],
                parts.day[part],
                (parts.start[part], parts.end[part]),
            )

    def _name(self, row: int) -> str:
        activity = self.activity
        return f"{activity.kind} {activity.id[row]} at {activity.site.text(row)} on {day_of(int(activity.day[row]))}"


_ORDINAL = day_of(0).toordinal()


class _Columns:
    """Charge columns as they are made, block by block."""

    def __init__(self) -> None:
        self.blocks: list[tuple[Ints, Ints, int, str, int, Ints, Ints, Ints, Ints, Ints]] = []

    def add(
        self, row: Ints, segment: Ints, basis: int, component: str, recipe: int, quantity: Ints, price_row: Ints, day: Ints,
        times: tuple[Ints, Ints] | None = None,
    ) -> None:  # fmt: skip
        """One block of charges with one component and recipe; charges of no quantity are left out."""
        some = np.flatnonzero(quantity)
        if len(some):
            empty = np.full(len(row), NONE, dtype=np.int64)
            start, end = times or (empty, empty)
            self.blocks.append(
                (
                    row[some],
                    segment[some],
                    basis,
                    component,
                    recipe,
                    quantity[some],
                    price_row[some],
                    day[some],
                    start[some],
                    end[some],
                )
            )

    def charges(self, book: RuleBook, item: Codes, recipes: Sequence[Recipe], prices: PriceBook, digits: int) -> Charges:
        """All blocks with their prices, in order of (row, segment, component)."""
        names = sorted({block[3] for block in self.blocks})
        shown: list[str] = [""]
        columns: list[list[Ints]] = [[] for _ in range(12)]
        for row, segment, basis, component, recipe, quantity, price_row, day, start, end in self.blocks:
            if bool((price_row < 0).any()):
                raise InvariantError("a charge has no price row; this is a fault of the engine, nothing was written")
            used = np.zeros(len(prices.rows), dtype=np.bool_)
            used[price_row] = True
            distinct = np.flatnonzero(used)
            place = np.zeros(len(prices.rows), dtype=np.int64)
            place[distinct] = np.arange(len(distinct))
            made = prices.make(recipes[recipe], distinct)
            label = _shown(shown, recipes[recipe], made.winner)
            at = place[price_row]
            same = lambda value: np.full(len(row), value, dtype=np.int64)  # noqa: B023, E731  # used in this pass alone
            for column, values in zip(
                columns,
                (
                    row,
                    segment,
                    same(basis),
                    same(names.index(component)),
                    quantity,
                    made.units[at],
                    made.digits[at],
                    day,
                    start,
                    end,
                    price_row,
                    label[at] + same(recipe) * 0,
                ),
                strict=True,
            ):
                column.append(values)
        recipe_column = np.concatenate([ints([]), *(np.full(len(block[0]), block[4], dtype=np.int64) for block in self.blocks)])
        flat = [np.concatenate([ints([]), *column]) for column in columns]
        order = np.lexsort((flat[3], flat[1], flat[0]))
        row, segment, basis_column, component_column, quantity, price, price_digits, day, start, end, price_row, label_column = (
            column[order] for column in flat
        )
        return Charges(
            row, segment, codes(basis_column), Coded(tuple(names), codes(component_column)), item[row], quantity, digits, price, price_digits, day,
            start, end, codes(recipe_column[order]), price_row, Coded(tuple(shown), codes(label_column)),
        )  # fmt: skip


def _shown(shown: list[str], recipe: Recipe, winner: Ints) -> Ints:
    """The number of the premiums that a description names (ids joined by `+`), for each made price; new ones are added to `shown`."""

    def number(text: str) -> int:
        if text not in shown:
            shown.append(text)
        return shown.index(text)

    if recipe.own:
        return np.full(len(winner), number(recipe.own), dtype=np.int64)
    if recipe.combine == "largest":
        return ints([number(premium) for premium in recipe.premiums])[winner]
    return np.full(len(winner), number("+".join(recipe.premiums)), dtype=np.int64)


def _facts_of(facts: Facts, rows: Ints) -> Facts:
    touches = facts.touches
    return Facts(
        {name: text.take(rows) for name, text in facts.texts.items()}, {name: length[rows] for name, length in facts.lengths.items()}, facts.day[rows],
        facts.term[rows], facts.terms, facts.timelines, facts.start_state[rows], lambda window: touches(window)[rows],
    )  # fmt: skip


def _with_texts(facts: Facts, texts: Mapping[str, Coded]) -> Facts:
    return Facts(texts, facts.lengths, facts.day, facts.term, facts.terms, facts.timelines, facts.start_state, facts.touches)


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
