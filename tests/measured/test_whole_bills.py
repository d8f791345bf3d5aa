"""Whole invoices against the slow evaluator: fees that recur, shares, splits, limits, coupons, percentage fees, amounts per row, taxes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.dates import parse_period
from engine.pipeline import Preview
from engine.ratebook.book import RuleBook
from engine.reference.bill import bills
from tests.measured.books import acme, bill, book, rows
from tests.measured.test_assembly import TERMS, taxes

Cells = list[dict[str, str]]
FEES = """
fees:
  - { fee: plan, item: PLAN, each: month, from: 2026-08-31, anchor: 2026-08-31, to: 2026-12-20 }
  - { fee: seats, item: PLAN, each: month, from: 2026-09-10, quantity: { 2026-09-10: 3, 2026-10-16: 0, 2026-10-20: 5.5 } }
  - { fee: weeks, item: NUMBER, each: week, every: 2, from: 2026-10-07, of: "2" }
  - { fee: days, item: NUMBER, each: day, every: 10, from: 2026-09-25, of: "1", prorate: no }
  - { fee: daily, item: NUMBER, each: day, from: 2026-10-30, to: 2026-12-03, of: "3" }
  - { fee: years, item: PLAN, each: year, from: 2026-10-15, anchor: 2024-02-29, refs: { po: P1 } }
  - { fee: quarters, item: PLAN, each: month, every: 3, from: 2026-10-01, anchor: 2026-11-30, prorate: no }
  - { fee: setup, item: PLAN, each: once, from: 2026-10-31, quantity: 2 }
"""
COUPONS = """
coupons:
  - { coupon: ONE, item: LESS, percent: 12.5%, of: [PACKS, PLAN, FLAT], from: 2026-10-01, to: 2027-01-01 }
  - { coupon: TWO, item: LESS, amount: 25.55, from: 2026-10-01 }
  - { coupon: THREE, item: LESS, percent: 33%, of: [TIERED, PACKS, COST], from: 2026-10-20, once: yes }
"""
AGREED = "terms:\n  - { from: 2026-01-01, least: 250.00, fee: 3.5% }\n"
LIMITS = """
limits:
  - { limit: least, over: month, at-least: { term: least }, item: UP, description: "{name} {counted} {limit}" }
  - { limit: most, over: quarter, of: [PACKS, TIERED, VOLUME], at-most: 400.00, item: UP, description: "{name}, most" }
"""
PERCENT = """
fees:
  - { fee: service, item: SHARE, percent: { term: fee }, direction: deduct, base: BASE, description: "{name} of {percent}" }
  - { fee: more, item: SHARE, percent: 1.25%, of: [FLAT, PACKS, CARD], description: "{name}" }
"""
SHARES = """
shares:
  - { share: both, site: acme, from: 2026-10-10, accounts: { acme: 62.5%, beta: 37.5% } }
"""
BETA = """
    format: 1
    kind: account
    account: beta
    currency: USD
    zone: Europe/London
    geo: { 2026-01-01: EU }
    amount: per-row
    tax: { exempt: reverse charge, from: 2026-10-20 }
"""
PER_ROW = {"rates/accounts/beta.yaml": BETA}


def _file(*parts: str) -> dict[str, str]:
    return {"rules/assembly.yaml": "format: 1\nkind: assembly\n" + "".join(parts), "rates/terms-default.yaml": TERMS}


BOOKS: Mapping[str, Mapping[str, str]] = {
    "fees": acme(FEES),
    "limits": _file(LIMITS, "zero-lines: hide\n") | acme(AGREED),
    "coupons": _file(PERCENT.replace("BASE", "invoice"))
    | acme(FEES + COUPONS + AGREED)
    | {"rates/taxes.yaml": taxes("category")},
    "shares": _file(SHARES) | acme(FEES) | PER_ROW | {"rates/taxes.yaml": taxes("line")},
    "splits": _file(LIMITS, PERCENT.replace("BASE", "account-period"))
    | acme("split: [po]\n" + FEES + COUPONS + AGREED)
    | PER_ROW
    | {"rates/taxes.yaml": taxes("line", "yes")},
    "included": _file() | acme("amount: per-row\n" + COUPONS) | {"rates/taxes.yaml": taxes("category", "yes")},
}


@cache
def rules(name: str) -> RuleBook:
    return book(BOOKS[name])


ACCOUNTS = st.sampled_from(("acme", "acme", "beta"))
DAYS = st.dates(date(2026, 10, 1), date(2026, 12, 31)).map(str)
ITEMS = ("FLAT", "TIERED", "VOLUME", "PACKS", "FACTORED", "OUT")
USED = st.fixed_dictionaries(
    {
        "account": ACCOUNTS, "item": st.sampled_from(ITEMS), "at": DAYS.map(lambda day: f"{day}T12:00"),
        "quantity": st.sampled_from(["0", "1", "7", "50", "333", "1040", "12345"]), "po": st.sampled_from(["", "P1", "P2"]),
    }
)  # fmt: skip
STORED = st.fixed_dictionaries(
    {"account": ACCOUNTS, "item": st.just("STORE"), "day": DAYS, "quantity": st.sampled_from(["0.0004", "2.125", "11.3"])}
)
PAID = st.fixed_dictionaries(
    {
        "account": ACCOUNTS, "item": st.sampled_from(("CARD", "COST")), "at": DAYS, "amount": st.sampled_from(["0.01", "17.25", "689.66"]),
        "receipt": st.sampled_from(["", "R1"]),
    }
)  # fmt: skip
TOLD = st.fixed_dictionaries(
    {
        "account": ACCOUNTS, "item": st.just("OWN"), "day": DAYS, "amount": st.sampled_from(["12.34", "-3.00"]),
        "description": st.sampled_from(["", "Made elsewhere"]), "external": st.sampled_from(["", "E-1"]),
    }
)  # fmt: skip


def _some(row: st.SearchStrategy[dict[str, str]], most: int) -> st.SearchStrategy[Cells]:
    return st.lists(row, max_size=most).map(lambda cells: [{"id": f"r{n:03}", **each} for n, each in enumerate(cells)])


ACTIVITY = st.fixed_dictionaries(
    {"usage": _some(USED, 8), "storage": _some(STORED, 3), "payment": _some(PAID, 4), "line": _some(TOLD, 3)}
)
PERIODS = st.sampled_from(("2026-10", "2026-10", "2026-11", "2026-12", "2026-10-12..2026-11-01", "2026-10-20..2026-12-11"))


def fast(found: Preview) -> dict[tuple[str, str], tuple[object, ...]]:
    """What is compared of each invoice: its lines in an order of their own, its taxes by category, its net."""
    told: dict[tuple[str, str], tuple[object, ...]] = {}
    for each in found.assembled:
        body = each.invoice
        lines = sorted(
            (line.item, line.unit, line.quantity.fraction(), line.price.fraction(), line.amount, line.origin)
            for line in body.lines
        )
        categories = {
            (tax.tax_class, tax.name, Fraction(tax.rate.rstrip("%")) / 100, tax.reason): (tax.base, tax.tax) for tax in body.taxes
        }
        told[body.account, body.split or ""] = (lines, categories, body.net)
    return told


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(sorted(BOOKS)), ACTIVITY, PERIODS)
def test_the_slow_evaluator_makes_the_same_invoices(name: str, activity: dict[str, Cells], months: str) -> None:
    period = parse_period(months)
    frames = {kind: rows(*cells) for kind, cells in activity.items() if cells}
    slow = {
        whose: (
            sorted((line.item, line.unit, line.quantity, line.price, line.amount, line.origin) for line in each.lines),
            dict(each.taxes), each.net,
        )
        for whose, each in bills(rules(name), activity, period.start, period.end).items()
    }  # fmt: skip
    assert fast(bill(rules(name), months, **frames)) == slow
