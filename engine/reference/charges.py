"""What the evaluator hands out: charges, lines and the outcome of a period."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

from engine.money import Decimals
from engine.reference.reading import Row

Fate = tuple[str, str]
"""What became of a row (rejected, elsewhere, not billed, held, billed), and why: the law's word, a rule, or for rejected the column."""


@dataclass(frozen=True, slots=True)
class Charge:
    """A charge; `quantity` and `price` are scaled by their digits. `row` is the number of the activity's row, -1 for a window's.

    `basis` is worked, fill, fixed, scheduled, own-line or window; `premiums` are the ids whose names the description gives (with `largest`
    the one that won), `description_key` is what charges of one line have in common (law 6.1).
    """

    row: int
    kind: str
    source: str
    id: str
    segment: int
    component: str
    basis: str
    account: str
    site: str
    worker: str
    item: str
    premiums: tuple[str, ...]
    description_key: tuple[str, ...]
    unit: str
    currency: str
    tax_class: str
    quantity: int
    quantity_digits: int
    price: int
    price_digits: int
    service_day: date

    @property
    def key(self) -> tuple[str, str, str, int, str]:
        """What makes a charge the one it is (law 4.7)."""
        return self.kind, self.source, self.id, self.segment, self.component

    @property
    def exact(self) -> Fraction:
        """Quantity x price."""
        return Fraction(self.quantity, 10**self.quantity_digits) * Fraction(self.price, 10**self.price_digits)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an account's invoice, with the amounts of its charges in backup order."""

    account: str
    site: str
    item: str
    description: str
    unit: str
    quantity: Decimals
    price: Decimals
    amount: int
    charges: tuple[tuple[Charge, int], ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything the evaluator says: fates by row number, charges by key, lines by account, totals in minor units.

    `rows` are the rows as read, in the order given.
    """

    fates: Mapping[int, Fate]
    charges: tuple[Charge, ...]
    lines: Mapping[str, tuple[Line, ...]]
    totals: Mapping[str, int]
    rows: tuple[Row, ...] = field(repr=False)

    def fate_of(self, source: str, id: str, revision: int = 1) -> Fate:  # noqa: A002  # the column's name
        """The fate of the first row with this source, id and revision."""
        return next(self.fates[row.number] for row in self.rows if (row.source, row.id, row.revision) == (source, id, revision))
