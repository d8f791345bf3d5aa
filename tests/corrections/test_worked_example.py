"""The worked example of the law, corrected: September is issued, then a late shift moves what another hospital owes."""

from __future__ import annotations

import pytest

from engine.corrections import Correction
from engine.money import decimal_text
from tests.accumulators.books import House, billed, book
from tests.accumulators.test_worked_example import BEFORE, LATE
from tests.corrections.billing import Books, replayed, standing


def september(scope: str, late: str) -> tuple[Books, tuple[Correction, ...]]:
    """September as issued before the late shift came, and what it corrects."""
    terms = f"overtime-scope: {scope}, late: {late}"
    rules = book([House("mercy", "66.00", terms=terms), House("bayview", "60.00", terms=terms)])
    books = Books()
    books.issue(billed(rules, BEFORE, "2026-09"))
    now = billed(rules, [*BEFORE, LATE], "2026-09")
    made = books.correct(now)
    assert standing(books.issued) == replayed(now)
    assert books.correct(now) == ()
    return books, made


def test_a_late_shift_of_another_hospital_is_reversed_and_billed_again() -> None:
    """S5 at Mercy makes 4 of Bayview's 12 hours overtime: -720.00, 8 x 60.00, 4 x 90.00."""
    _, (correction,) = september("agency", "reorder")
    assert correction.number == "DRAFT-bayview-2026-09-C1"
    assert [
        (line.origin, str(line.quantity), str(line.price), decimal_text(line.amount, 2), line.corrects)
        for line in correction.invoice.lines
    ] == [
        ("reversal", "-12.00", "60.00", "-720.00", ("DRAFT-bayview-2026-09", 1)),
        ("rebill", "8.00", "60.00", "480.00", ("DRAFT-bayview-2026-09", 1)),
        ("rebill", "4.00", "90.00", "360.00", ("DRAFT-bayview-2026-09", 1)),
    ]
    assert correction.invoice.money(correction.invoice.total) == "120.00"
    assert correction.invoice.subject == "Corrections of DRAFT-bayview-2026-09"


@pytest.mark.parametrize(("scope", "late"), [("site", "reorder"), ("agency", "append")])
def test_otherwise_september_stays_as_it_was_issued(scope: str, late: str) -> None:
    assert september(scope, late)[1] == ()
