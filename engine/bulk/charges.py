"""Charges as columns, and all that led to them: what rating hands on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.activity import Activity, Coded, FateName
from engine.arrays import NONE, Bools, Codes, Ints, check_border, codes, ints
from engine.bulk.pricing import PriceBook, Recipe
from engine.bulk.programs import Component, Programs
from engine.bulk.timeline import Timelines
from engine.bulk.worked import Parts, Stretch
from engine.ratebook.book import Basis, TermValue
from engine.ratebook.resolver import Decision

ROW_SLOTS = ("billable", "item", "minimum")
BASES = ("worked", "fill", "fixed", "scheduled", "own-line", "window")


@dataclass(frozen=True, slots=True)
class Charges:
    """Charges as columns, in order of (row, segment, component label). `row` numbers the rated activity.

    `quantity` has `quantity_digits` decimals, `price` the digits in `price_digits`. `basis` is a place in `BASES`.
    `recipe` and `price_row` say how the price was made; `shown` holds the premiums named in the description (ids joined by `+`), or of a
    window line the description itself. `start` and `end` are those of the segment, or of the window.
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

    def check(self) -> None:
        """Refuses charges that are not whole numbers or not in strictly increasing order of their key."""
        names = (
            "row",
            "segment",
            "basis",
            "item",
            "quantity",
            "price",
            "price_digits",
            "day",
            "start",
            "end",
            "recipe",
            "price_row",
        )
        columns = {name: getattr(self, name) for name in names} | {"component": self.component.codes, "shown": self.shown.codes}
        check_border("charges", columns, ("row", "segment", "component"))


@dataclass(frozen=True, slots=True)
class Block:
    """Charges of one component, as they are made: in order of row and segment, charge i of segment `at[i]` of `parts` (None: all of them).

    `winner` says which premium a price shows, where the recipe takes the largest.
    """

    component: Component
    number: int
    parts: Parts
    at: Ints | None
    quantity: Ints
    price_row: Ints
    price: Ints
    price_digits: Ints
    winner: Ints | None
    texts: tuple[str, ...] | None = None  # of window lines: the description of each

    def __len__(self) -> int:
        return len(self.quantity)

    def column(self, name: str) -> Ints:
        """A column: one of its own, or one of its segments (row, segment, day, start, end)."""
        if name in ("quantity", "price_row", "price", "price_digits"):
            own: Ints = getattr(self, name)
            return own
        whole: Ints = getattr(self.parts, name)
        return whole if self.at is None else whole[self.at]

    def shown(self) -> tuple[tuple[str, ...], Codes]:
        """The premiums that descriptions name, and which of them each charge does."""
        recipe = self.component.recipe
        if self.texts is not None:
            return self.texts, codes(np.arange(len(self)))
        if self.winner is not None:
            return recipe.premiums, codes(self.winner)
        return (recipe.own or "+".join(recipe.premiums),), np.zeros(len(self), dtype=np.int32)


@dataclass(frozen=True, slots=True)
class Streamed:
    """The charges of one chunk of activity, by component, and the case of each of its rows."""

    activity: Activity
    blocks: Sequence[Block]
    case: Codes


@dataclass(frozen=True, slots=True)
class Sums:
    """What accumulators had reached, for those who ask why: run i of row `row[i]`, from `start[i]` to `end[i]`, has `before[i]` of the
    measure before it in the window that begins on local day `day[i]`, and `counted[i]` of its own. `limits` are those of the bands.
    """

    accumulator: str
    row: Ints
    start: Ints
    end: Ints
    before: Ints
    counted: Ints
    day: Ints
    limits: tuple[Ints, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """Windows that end in a period, of a worker each: the first row in it, the window's bounds and days, and what was counted in it."""

    row: Ints
    start: Ints
    end: Ints
    first_day: Ints
    last_day: Ints
    counted: Ints
    limit: Ints


@dataclass(frozen=True, slots=True)
class Inside:
    """The steps behind charges, for those who ask why: times, segments, runs and pieces of the rows, and what decided them.

    `pieces`: for each part, set of bands and piece kind the seconds, and where such time begins and ends. `decisions[slot]` holds the
    distinct decisions of a row slot, `decided[slot]` which one each row got (-1: not asked). `case` is each row's case in `programs`.
    `sums` are what accumulators had reached before each run, `ended` the windows that end in the period, by accumulator.
    """

    stretch: Stretch
    parts: Parts
    pieces: Mapping[str, Ints]
    programs: Programs
    case: Codes
    terms: tuple[Mapping[str, TermValue], ...]
    term: Codes
    decisions: Mapping[str, tuple[Decision, ...]]
    decided: Mapping[str, Codes]
    basis: tuple[Basis, ...]
    lengths: Mapping[str, Ints]
    sums: tuple[Sums, ...]
    ended: Mapping[str, Ended]


@dataclass(frozen=True, slots=True)
class Rated:
    """The charges of some activity. `charged` are the rows that may have charges: the others are context and only feed sums.

    `seconds` is the billable time of each row; `stopped` gives, by row, the fate and rule that keep it from being billed.
    """

    activity: Activity
    charged: Bools
    charges: Charges
    items: tuple[str, ...]
    recipes: tuple[Recipe, ...]
    prices: PriceBook
    timelines: Timelines
    zone: Codes
    seconds: Ints
    stopped: Mapping[int, tuple[FateName, str]]
    inside: Inside | None


def charges_of(blocks: Sequence[Block], item: Codes, digits: int) -> Charges:
    """The charges of all blocks in canonical order; `item` is the item of each row. Components of one name and key must not meet."""
    names = sorted({block.component.name for block in blocks})
    count = sum(len(block) for block in blocks)

    def column(name: str) -> Ints:
        return np.concatenate([ints([]), *(block.column(name) for block in blocks)])

    def each(values: Sequence[int]) -> Codes:
        return codes(np.repeat(codes(values), [len(block) for block in blocks]) if blocks else [])

    row, segment = column("row"), column("segment")
    name = each([names.index(block.component.name) for block in blocks])
    order = key_order(row, segment, name, count)
    shown: dict[str, int] = {"": 0}
    told = [
        codes([shown.setdefault(text, len(shown)) for text in texts])[code] for texts, code in (block.shown() for block in blocks)
    ]
    return Charges(
        row=row[order],
        segment=segment[order],
        basis=each([BASES.index(block.component.basis) for block in blocks])[order],
        component=Coded(tuple(names), name[order]),
        item=item[row[order]],
        quantity=column("quantity")[order],
        quantity_digits=digits,
        price=column("price")[order],
        price_digits=column("price_digits")[order],
        day=column("day")[order],
        start=column("start")[order],
        end=column("end")[order],
        recipe=each([block.number for block in blocks])[order],
        price_row=column("price_row")[order],
        shown=Coded(tuple(shown), codes(np.concatenate([codes([]), *told])[order])),
    )


def key_order(row: Ints, segment: Ints, name: Codes, count: int) -> Ints:
    """The order of (row, segment, name): one sort of packed numbers where they fit."""
    if not count:
        return ints([])
    widths = [int(column.max()).bit_length() for column in (row, segment, name)] + [count.bit_length()]
    if sum(widths) > 62:
        return ints(np.lexsort((name, segment, row)))
    packed = ((((row << widths[1]) | segment) << widths[2] | name) << widths[3]) | np.arange(count)
    packed.sort()
    return ints(packed & ((1 << widths[3]) - 1))


def empty_span(count: int) -> tuple[Ints, Ints]:
    """No start and no end."""
    nothing = np.full(count, NONE, dtype=np.int64)
    return nothing, nothing
