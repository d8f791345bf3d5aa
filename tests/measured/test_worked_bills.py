"""Worked bills: examples of whole invoices, which `check` bills."""

from __future__ import annotations

import pytest

from engine.problems import Problem
from engine.ratebook.build import problems_in
from engine.worked_bills import run_worked_bills
from tests.measured.books import acme, book, files

FEES = """
fees:
  - { fee: plan, item: PLAN, each: month, from: 2026-10-16 }
coupons:
  - { coupon: TEN, item: LESS, percent: 10%, from: 2026-10-01 }
"""
EXAMPLE = """
format: 1
kind: examples
examples:
  - name: a plan, packs and ten percent
    account: acme
    period: 2026-10
    activity: { usage: [{ item: PACKS, account: acme, at: 2026-10-05T10:00, quantity: 250 }] }
    gives:
      lines:
        - { item: LESS, quantity: -28.00, price: 0.10, amount: -2.80 }
        - { item: PLAN, quantity: 0.516129, price: 31.00, amount: 16.00 }
        - { item: PACKS, amount: 12.00 }
      net: 25.20
"""


def found(text: str) -> list[Problem]:
    return run_worked_bills(book({"rules/examples.yaml": text, **acme(FEES)}))


def test_a_worked_bill_holds_fees_coupons_and_activity() -> None:
    assert found(EXAMPLE) == []


def test_a_book_means_the_same_with_worked_bills_and_without() -> None:
    assert book({"rules/examples.yaml": EXAMPLE, **acme(FEES)}).meaning == book(acme(FEES)).meaning


@pytest.mark.parametrize(
    ("before", "after", "code", "said"),
    [
        ("amount: 12.00", "amount: 8.00", "R063", "there is no line PACKS, ? x ? = 8.00; there is a line PACKS, 3 x 4.00 = 12.00"),
        ("quantity: 0.516129", "quantity: 0.516130", "R063", "there is no line PLAN, 0.516130 x 31.00 = 16.00; there is a line PLAN"),
        ("net: 25.20", "net: 25.00", "R063", "its net is 25.20, not 25.00"),
        ("        - { item: PACKS, amount: 12.00 }\n", "", "R063", "there is a line PACKS, 3 x 4.00 = 12.00"),
        ("quantity: 250", "quantity: -250", "R060", "row 1 cannot be read, quantity = `-250`: the quantity is below zero"),
        ("at: 2026-10-05T10:00", "at: 2025-10-05T10:00", "R063", "there is no line PACKS"),
    ],
)  # fmt: skip
def test_a_bill_that_comes_out_otherwise_is_found(before: str, after: str, code: str, said: str) -> None:
    assert before in EXAMPLE
    (problem,) = found(EXAMPLE.replace(before, after))
    assert (problem.code, problem.source.path, problem.source.line) == (code, "rules/examples.yaml", 4)
    assert said in problem.message


def test_a_bill_for_a_day_without_a_price_is_found() -> None:
    text = EXAMPLE.replace("period: 2026-10", "period: 2025-10").replace("at: 2026-10", "at: 2025-10")
    (problem,) = found(text)
    assert (problem.code, problem.source.line) == ("R061", 4)
    assert "no price for 'PACKS' is in force at acme on 2025-10-05" in problem.message


@pytest.mark.parametrize(
    ("before", "after", "code", "said", "cure"),
    [
        ("account: acme\n    period", "account: acmee\n    period", "R023", "there is no account `acmee`", "Did you mean 'acme'?"),
        ("item: PLAN,", "item: PLANE,", "R023", "there is no item `PLANE`", "Did you mean 'PLAN'?"),
        ("usage: [{ item", "usag: [{ item", "R023", "kind of activity of `usag`", "Known are"),
        ("at: 2026", "att: 2026", "R023", "column of usage", "Known are"),
        ("period: 2026-10", "period: 2026-13", "R007", "2026-13", "Write it like 2026-10"),
    ],
)  # fmt: skip
def test_a_name_that_the_book_lacks_has_a_place_and_a_cure(before: str, after: str, code: str, said: str, cure: str) -> None:
    _, problems = problems_in(files({"rules/examples.yaml": EXAMPLE.replace(before, after, 1), **acme(FEES)}))
    assert [(each.code, said in each.message, cure in each.remedy) for each in problems] == [(code, True, True)], problems
