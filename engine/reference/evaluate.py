"""The outcome of a period by the plain reading of the law: fates, charges and lines, one row at a time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date

from engine.ratebook.book import RuleBook
from engine.reference.charges import Charge, Fate, Line, Outcome
from engine.reference.fates import Asked, billed_on
from engine.reference.lines import lines_of
from engine.reference.prices import CannotPriceError
from engine.reference.reading import read_rows
from engine.reference.sums import Sums
from engine.reference.window_lines import ceilings, guarantees

__all__ = ["CannotPriceError", "Charge", "Line", "Outcome", "evaluate"]


def evaluate(
    book: RuleBook,
    rows: Sequence[Mapping[str, str]],
    start: date,
    end: date,
    kind: str = "shift",
    accounts: Collection[str] = (),
) -> Outcome:
    """The outcome for the days `start`..`end` of rows of text cells by column; raises CannotPriceError where nothing can be said.

    All rows feed the sums, wherever they are dated. `accounts` (none: all) limits what is charged.
    """
    read = read_rows(book, book.kinds[kind], rows)
    sums = Sums(book, book.kinds[kind], read)
    asked = Asked(book, start, end, billed_on(book, read), frozenset(accounts))
    charges, fates = billed(sums, asked)
    charges += ceilings(sums, asked, charges, billed)
    charges.sort(key=lambda charge: charge.key)
    lines = {account: lines_of(book, account, charges) for account in sorted({charge.account for charge in charges})}
    totals = {account: sum(line.amount for line in mine) for account, mine in lines.items()}
    return Outcome(fates, tuple(charges), lines, totals, tuple(read))


def billed(sums: Sums, asked: Asked) -> tuple[list[Charge], dict[int, Fate]]:
    """The charges of what is asked, all but those that a ceiling takes off again, and the fate of every row."""
    charges: list[Charge] = []
    fates: dict[int, Fate] = {}
    for row in sums.rows:
        fate = row.fate
        if fate is None and not asked.holds(row):
            fate = ("elsewhere", "")
        fate = fate or sums.fate_before_policies(row)
        if fate is None:
            mine, fate = sums.shift(row).rated()
            charges += mine
        fates[row.number] = fate
    return charges + guarantees(sums, asked), fates
