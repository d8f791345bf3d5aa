"""The outcome of a period by the plain reading of the law: fates, charges and lines, one row at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from engine.ratebook.book import ActivityKind, RuleBook
from engine.reference.charges import Charge, Fate, Line, Outcome
from engine.reference.clock import Windows
from engine.reference.lines import lines_of
from engine.reference.prices import CannotPriceError
from engine.reference.reading import Row, read_rows
from engine.reference.shift import Shift

__all__ = ["CannotPriceError", "Charge", "Line", "Outcome", "evaluate"]


def evaluate(book: RuleBook, rows: Sequence[Mapping[str, str]], start: date, end: date, kind: str = "shift") -> Outcome:
    """The outcome for the days `start`..`end` of rows of text cells by column; raises CannotPriceError where nothing can be said."""
    declared = book.kinds[kind]
    read = read_rows(book, declared, rows)
    windows = Windows(book)
    charges: list[Charge] = []
    for row in read:
        row.fate = row.fate or fate_before_policies(declared, row, read, start, end)
    for row in read:
        if row.fate is None:
            mine, row.fate = Shift(book, declared, row, windows).rated()
            charges += mine
    charges.sort(key=lambda charge: charge.key)
    lines = {account: lines_of(book, account, charges) for account in sorted({charge.account for charge in charges})}
    totals = {account: sum(line.amount for line in mine) for account, mine in lines.items()}
    return Outcome({row.number: row.fate or ("", "") for row in read}, tuple(charges), lines, totals, tuple(read))


def fate_before_policies(kind: ActivityKind, row: Row, rows: Sequence[Row], start: date, end: date) -> Fate | None:
    """The fate of a readable row before any policy is asked, in the order of law 2.5; None if it goes on to them."""
    if not start <= row.day < end:
        return "elsewhere", ""
    if row.passed_over:
        return "not billed", row.passed_over
    if row.yes("withdrawn"):
        return "not billed", "withdrawn"
    if row.yes("mark_excluded"):
        return "not billed", "mark_excluded"
    if row.doubt:
        return "held", "revision-rejected"
    if row.yes("mark_held"):
        return "held", "mark_held"
    if max(row.length("start", "end"), row.length("scheduled_start", "scheduled_end")) > kind.maximum:
        return "held", "longer-than-maximum"
    if kind.overlap == "hold" and any(other is not row and _overlap(row, other) for other in rows):
        return "held", "overlap"
    return None


def _overlap(one: Row, other: Row) -> bool:
    """Whether two rows that count are one worker's, and their recorded intervals share time."""
    if not (_counts(one) and _counts(other)) or one.cell("worker") != other.cell("worker") or not one.cell("worker"):
        return False
    a, b, c, d = one.times["start"], one.times["end"], other.times["start"], other.times["end"]
    return a is not None and b is not None and c is not None and d is not None and max(a, c) < min(b, d)


def _counts(row: Row) -> bool:
    rejected = row.fate is not None and row.fate[0] == "rejected"
    return not (rejected or row.passed_over or row.yes("withdrawn") or row.yes("mark_excluded"))
