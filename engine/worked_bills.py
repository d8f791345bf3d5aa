"""Worked bills, run: each example of kind `examples` is billed by the same computation as every invoice, and compared line by line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from engine.dates import parse_period
from engine.invoice import LineItem
from engine.money import CURRENCY_DIGITS, Decimals
from engine.pipeline import preview
from engine.problems import InforceError, Problem
from engine.ratebook.book import RuleBook
from engine.ratebook.models import WorkedBill, WorkedLine
from engine.steps.rate import Rater

_SHOWN = 3  # differences that a message names


def run_worked_bills(book: RuleBook) -> list[Problem]:
    """The worked bills that do not come out as they say."""
    rater = Rater(book) if book.examples else None
    return [problem for bill in book.examples if rater is not None for problem in _run(rater, bill)]


def _run(rater: Rater, bill: WorkedBill) -> list[Problem]:
    frames = {kind: _frame(rater.book, bill, kind) for kind in bill.activity}
    try:
        found = preview(rater, frames, parse_period(bill.period), [bill.account])
    except InforceError as error:
        said, _, remedy = str(error).partition("\n")
        text = f"`{bill.name}` cannot be billed: {said.rstrip('.')}"
        return [Problem("R061", bill.source, text, remedy.rstrip(".") or "Correct the example")]
    if found.rejects:
        first = found.rejects[0]
        said = f"`{bill.name}`: row {first.row} cannot be read, {first.column} = `{first.value}`: {first.message}"
        return [Problem("R060", bill.source, said, first.cure)]
    bodies = [each.invoice for each in found.assembled if each.invoice.account == bill.account]
    digits = CURRENCY_DIGITS[rater.book.accounts[bill.account].currency]
    differences = _differences(bill.lines, [_Line.of(line, digits) for body in bodies for line in body.lines])
    for name, sum_ in bill.sums.items():
        made = Decimals(sum(getattr(body, name) for body in bodies), digits)
        if made.fraction() != sum_.fraction():
            differences.append(f"its {name} is {made}, not {sum_}")
    if not differences:
        return []
    more = f", and {len(differences) - _SHOWN} more" if len(differences) > _SHOWN else ""
    said = f"`{bill.name}`: {'; '.join(differences[:_SHOWN])}{more}"
    return [Problem("R063", bill.source, said, "Correct the example, or the rules")]


def _frame(book: RuleBook, bill: WorkedBill, kind: str) -> pl.DataFrame:
    """The rows of a kind as cells; those without an id get one."""
    columns = book.kinds[kind].columns
    rows = [
        {
            "file": bill.source.path, "row": number,
            **{column.column: row.get(column.header, f"row-{number}" if column.column == "id" else None) for column in columns},
        }
        for number, row in enumerate(bill.activity[kind], start=1)
    ]  # fmt: skip
    schema = {"file": pl.String, "row": pl.Int64} | {column.column: pl.String for column in columns}
    return pl.DataFrame(rows, schema=schema)


@dataclass(frozen=True, slots=True)
class _Line:
    """A line as it was billed."""

    item: str
    quantity: Decimals
    price: Decimals
    amount: Decimals

    @classmethod
    def of(cls, line: LineItem, digits: int) -> _Line:
        """The figures of a line."""
        return cls(line.item, line.quantity, line.price, Decimals(line.amount, digits))

    def __str__(self) -> str:
        return f"{self.item}, {self.quantity} x {self.price} = {self.amount}"

    def fits(self, worked: WorkedLine) -> bool:
        """Whether it is the line that was worked out."""
        pairs = ((worked.quantity, self.quantity), (worked.price, self.price), (worked.amount, self.amount))
        return self.item == worked.item and all(said is None or said.fraction() == made.fraction() for said, made in pairs)


def _differences(worked: Sequence[WorkedLine], made: Sequence[_Line]) -> list[str]:
    left = list(made)
    found = []
    for line in worked:
        match = next((each for each in left if each.fits(line)), None)
        if match is not None:
            left.remove(match)
            continue
        quantity, price = (f"{figure}" if figure is not None else "?" for figure in (line.quantity, line.price))
        found.append(f"there is no line {line.item}, {quantity} x {price} = {line.amount}")
    return [*found, *(f"there is a line {line}" for line in left)]
