"""Charges as columns, and all that led to them: what rating hands on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.activity import Activity, Coded, FateName
from engine.arrays import Codes, Ints, check_border
from engine.bulk.pricing import PriceBook, Recipe
from engine.bulk.programs import Programs
from engine.bulk.signatures import Facts
from engine.bulk.timeline import Timelines
from engine.bulk.worked import Parts, Stretch
from engine.ratebook.book import Basis, TermValue
from engine.ratebook.resolver import Decision

ROW_SLOTS = ("billable", "item", "minimum")


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
