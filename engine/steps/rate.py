"""Rate: activity in, charges out. One charge for each billable piece of time with one price, and the decision behind it.

Rows may be rated whole, in partitions of whole workers, or in chunks; the charges are the same. Sums of open windows are carried between
chunks, and nothing else is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from engine.activity import Activity, FateName
from engine.arrays import Bools, Codes, Ints
from engine.bulk.charges import Block, Inside, Rated, Streamed, charges_of
from engine.bulk.measured import Measured
from engine.bulk.measured_rating import MeasuredRated, MeasuredRating
from engine.bulk.prepared import Prepared, RatingError, Span, prepare, span_of
from engine.bulk.rating import Rating
from engine.dates import Period, day_number
from engine.problems import InvariantError
from engine.ratebook.book import RuleBook
from engine.ratebook.policies import Decider
from engine.ratebook.resolver import Decision, Slot, resolve
from engine.ratebook.slots import CompiledSlot, compile_slot

__all__ = ["Over", "Part", "Rater", "RatingError", "rate_part", "slots_of"]


def slots_of(book: RuleBook) -> dict[str, CompiledSlot]:
    """Every policy of the book compiled to a slot."""
    return {name: compile_slot(policy) for name, policy in book.policies.items()}


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of some workers, to be rated by themselves, maybe in another process; `rows` numbers them in the whole."""

    book: RuleBook
    span: Span
    activity: Activity
    rows: Ints
    charged: Bools
    mine: Bools
    period: Period | None
    inside: bool = False


@dataclass(frozen=True, slots=True)
class RatedPart:
    """What a part comes to; blocks number the rows of the part."""

    rows: Ints
    blocks: Sequence[Block]
    item: Codes
    total: Ints
    stopped: Mapping[int, tuple[FateName, str]]
    inside: Inside | None


Over = Callable[[Callable[[Part], RatedPart], Iterable[Part]], Iterable[RatedPart]]


class Rater:
    """A rule book made ready for rating; one for each process and rule book."""

    def __init__(self, book: RuleBook, *, reference: Callable[[Slot, int], Decision] = resolve) -> None:
        self.book = book
        every = slots_of(book)
        self.slots = {name: slot for name, slot in every.items() if not book.policies[name].activity}
        self.decider = Decider([slot.slot for slot in every.values()], reference=reference)
        self._measuring = MeasuredRating(book, every, self.decider)
        self._ready: tuple[tuple[str, Span], Prepared] | None = None

    def prepare(self, kind: str, span: Span) -> Prepared:
        """The tables for some sites, items and days."""
        if self._ready is None or self._ready[0] != (kind, span):
            self._ready = ((kind, span), prepare(self.book, kind, self.slots, self.decider, span))
        return self._ready[1]

    def rate(
        self, activity: Activity, charged: Bools | None = None, *, period: Period | None = None, mine: Bools | None = None,
        inside: bool = False, partitions: int = 1, over: Over | None = None,
    ) -> Rated:  # fmt: skip
        """The charges of the activity; rows that are not `charged` are context. A missing price refuses the whole run.

        Every charged row ends billed or in `stopped`. With a `period`, whole windows that end in it are charged, too, for the rows that are
        `mine` (None: all). `inside` keeps the steps in between (of one partition). `over` applies a function to parts, as `map` does.
        """
        activity.check_order()
        everything = np.ones(len(activity), dtype=np.bool_)
        charged, mine = (everything if each is None else each for each in (charged, mine))
        span = span_of(self.book, activity, day_number(period.end) if period is not None else None)
        ready = self.prepare(activity.kind, span)
        which = activity.worker.codes % partitions
        rows = [np.flatnonzero(which == number) for number in range(partitions)] if partitions > 1 else [np.arange(len(activity))]
        parts = (
            Part(
                self.book,
                span,
                activity if partitions == 1 else activity.take(some),
                some,
                charged[some],
                mine[some],
                period,
                inside,
            )
            for some in rows
        )
        rated = list(over(rate_part, parts) if over is not None else map(self.rate_part, parts))
        item, total = np.zeros(len(activity), dtype=np.int32), np.zeros(len(activity), dtype=np.int64)
        for part in rated:
            item[part.rows], total[part.rows] = part.item, part.total
        blocks = [_renumbered(block, part.rows, ready) for part in rated for block in part.blocks]
        stopped = {int(part.rows[row]): fate for part in rated for row, fate in part.stopped.items()}
        digits, _ = self.book.rounding.quantity[self.book.kinds[activity.kind].unit]
        charges = charges_of(blocks, item, digits)
        charges.check()
        return Rated(
            activity, charged, charges, ready.items, tuple(each.recipe for each in ready.programs.components), ready.prices, ready.lines,
            ready.zone_of[activity.site.codes], total, stopped, rated[0].inside,
        )  # fmt: skip

    def rate_measured(self, measured: Measured, mine: Bools, period: Period, *, inside: bool = False) -> MeasuredRated:
        """The charges of measured activity; rows that are not `mine` have none. `inside` keeps the sums that prices count over."""
        return self._measuring.rate(measured, mine, period, inside=inside)

    def rate_part(self, part: Part) -> RatedPart:
        """What a part comes to."""
        ready = self.prepare(part.activity.kind, part.span)
        run = Rating(ready, ready.accumulating(), part.activity, part.charged, inside=part.inside)
        blocks = run.blocks()
        if part.period is not None:
            blocks += run.window_blocks(part.period, part.mine)
        return RatedPart(part.rows, blocks, run.item, run.total, run.stopped(), run.inside() if part.inside else None)

    def partition(self, ready: Prepared, activity: Activity) -> Streamed:
        """The blocks of charges of all rows of some workers, in canonical order."""
        activity.check_order()
        run = Rating(ready, ready.accumulating(), activity, np.ones(len(activity), dtype=np.bool_))
        blocks = run.blocks()
        return Streamed(activity, blocks, run.case)

    def stream(self, ready: Prepared, chunks: Iterable[Activity]) -> Iterator[Streamed]:
        """The blocks of charges of activity that comes in chunks, in canonical order over all of them; sums are carried on."""
        read = {condition.column for policy in self.book.policies.values() for rule in policy.rules for condition in rule.when}
        sums = ready.accumulating(carries=True)
        latest = -(2**62)
        for activity in chunks:
            activity.check_order()
            if len(activity) and int(activity.at[0]) < latest:
                raise InvariantError("chunks of activity are not in order of their dating moments; nothing was written")
            if read & {"since-last", "until-next"} or bool((activity.numbers.get("closeout", np.zeros(1)) > 0).any()):
                raise RatingError(
                    "rules that read neighbours, and rows that came late, need all rows of a worker at once; rate partitions."
                )
            latest = int(activity.at[-1]) if len(activity) else latest
            run = Rating(ready, sums, activity, np.ones(len(activity), dtype=np.bool_))
            blocks = run.blocks()
            yield Streamed(activity, blocks, run.case)


def rate_part(part: Part) -> RatedPart:
    """What a part comes to, in whatever process this is; the rule book is made ready once in each."""
    return _rater(part.book).rate_part(part)


@lru_cache(maxsize=1)
def _rater_of(meaning: str) -> list[Rater]:
    return []


def _rater(book: RuleBook) -> Rater:
    known = _rater_of(book.meaning)
    if not known:
        known.append(Rater(book))
    return known[0]


def _renumbered(block: Block, rows: Ints, ready: Prepared) -> Block:
    """A block of a part with the numbers of the whole."""
    number = ready.programs.component(block.component)
    return replace(block, number=number, parts=replace(block.parts, row=rows[block.parts.row]))
