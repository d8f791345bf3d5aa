"""The fast evaluator against the slow one, over every pricing model; and what must not make a difference."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cache

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.dates import parse_period
from engine.pipeline import Preview
from engine.ratebook.book import RuleBook
from engine.reference.measured import evaluate_measured
from tests.measured import books
from tests.measured.books import acme, bill, book, rows

Cells = Mapping[str, str]
USAGE = ("FLAT", "TIERED", "VOLUME", "PACKS", "FACTORED", "OUT")


_ITEM = "format: 1\nkind: rate-table\nkey: [item]\n"
OTHERWISE = {
    "rates/prices.yaml": _ITEM + """
table: flat
unit: unit
currency: USD
digits: 4
rates:
  - { item: FLAT, prices: { 2026-01-01: { price: 0.0525, at-least: 2.00, at-most: 40.00, first: 10, then: 3, connect: 0.07 }, 2026-10-16: 0.05 } }
""",
    "rates/tiered.yaml": _ITEM + """
table: tiered
unit: unit
currency: USD
model: graduated
over: quarter
direction: payout
rates:
  - item: TIERED
    prices:
      2026-01-01: { tiers: [{ from: 0, to: 10, price: 0.33 }, { from: 10, to: 150, price: 0.21, fee: 2.00 }, { from: 150, price: 0.10 }] }
      2026-10-10: { tiers: [{ from: 0, to: 60, price: 0.30, fee: 1.00 }, { from: 60, price: 0.20, fee: 4.00 }] }
""",
    "rates/volume.yaml": _ITEM + """
table: volume
unit: unit
currency: USD
model: volume
over: year
rates:
  - { item: VOLUME, prices: { 2026-01-01: { tiers: [{ from: 0, to: 100, price: 1.00 }, { from: 100, price: 0.80, fee: 3.00 }] } } }
""",
    "rates/packs.yaml": _ITEM + """
table: packs
unit: unit
currency: USD
model: package
rates:
  - { item: PACKS, prices: { 2026-01-01: { package: 50, price: 4.00 } } }
""",
    "rates/out.yaml": _ITEM + """
table: out
unit: unit
currency: USD
over: month
direction: payout
rates:
  - { item: OUT, prices: { 2026-01-01: { price: 2.00, allowance: 60 unit } } }
""",
    "rates/store.yaml": _ITEM + """
table: store
unit: GB
currency: USD
over: quarter
rates:
  - { item: STORE, prices: { 2026-01-01: { price: 0.25, allowance: { term: included } } } }
""",
    "rates/card.yaml": _ITEM + """
table: card
unit: each
currency: USD
model: percentage
direction: payout
rates:
  - { item: CARD, prices: { 2026-01-01: { percent: 2.9%, connect: 0.30 }, 2026-10-05: { percent: 1.75%, at-least: 0.10 } } }
""",
    "rates/call.yaml": _ITEM + """
table: call
unit: minute
currency: USD
digits: 4
over: month
rates:
  - item: CALL
    prices:
      2026-01-01: { price: 0.12, connect: 0.05, first: 60 second, then: 6 second, allowance: 12 minute }
      2026-10-07: { price: 0.10, connect: 0.05, first: 30 second, then: 1 second, allowance: 12 minute }
""",
    "rates/terms-default.yaml": """
format: 1
kind: terms
declares:
  included: { type: number }
terms:
  - { from: 2026-01-01, included: 12 }
""",
    **acme("terms:\n  - { from: 2026-07-01, included: 3.5 }\n  - { from: 2026-10-01, included: 7 }\n"),
}  # fmt: skip


@cache
def rules(*, otherwise: bool = False) -> RuleBook:
    """The book; or one with other windows, bounds, directions, and an allowance that is a term."""
    return book(OTHERWISE if otherwise else None)


def _moments(first: str, last: str) -> st.SearchStrategy[str]:
    days = st.dates(date.fromisoformat(first), date.fromisoformat(last))
    clocks = st.builds("{:02}:{:02}:{:02}".format, st.integers(3, 23), st.integers(0, 59), st.integers(0, 59))
    return st.builds("{}T{}".format, days, clocks)


def _numbered(cells: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{"id": f"r{number:03}", **each} for number, each in enumerate(cells)]


ACCOUNTS = st.sampled_from(("acme", "beta"))
USED = st.lists(
    st.fixed_dictionaries(
        {
            "account": ACCOUNTS, "item": st.sampled_from(USAGE), "at": _moments("2026-09-20", "2026-10-31"),
            "quantity": st.sampled_from(["0", "1", "7", "50", "99", "100", "101", "12345"]),
        }
    ),
    max_size=14,
).map(_numbered)  # fmt: skip
STORED = st.lists(
    st.fixed_dictionaries(
        {
            "account": ACCOUNTS, "item": st.just("STORE"), "day": st.dates(date(2026, 9, 25), date(2026, 10, 31)).map(str),
            "quantity": st.sampled_from(["0", "0.0004", "1.5", "2.125", "9.999", "10", "11.3"]),
        }
    ),
    max_size=14,
).map(_numbered)  # fmt: skip
PAID = st.lists(
    st.fixed_dictionaries(
        {
            "account": ACCOUNTS, "item": st.sampled_from(("CARD", "COST")), "at": st.dates(date(2026, 9, 25), date(2026, 10, 31)).map(str),
            "amount": st.sampled_from(["0.00", "0.01", "5.00", "17.25", "33.33", "689.66", "1000.00"]),
        }
    ),
    max_size=14,
).map(_numbered)  # fmt: skip
CALLED = st.lists(
    st.fixed_dictionaries(
        {
            "account": ACCOUNTS, "item": st.sampled_from(("CALL", "TALK")), "start": _moments("2026-09-25", "2026-10-31"),
            "seconds": st.sampled_from(["0", "1", "59", "60", "61", "125", "3600", "30000", "90000"]),
        }
    ),
    max_size=8,
).map(_numbered)  # fmt: skip
BY_KIND = st.one_of(
    *(
        st.tuples(st.just(kind), cells)
        for kind, cells in (("usage", USED), ("storage", STORED), ("payment", PAID), ("call", CALLED))
    )
)


def fast(found: Preview) -> dict[str, list[tuple[str, str, Fraction, Fraction, int]]]:
    """The lines of each account, in an order of their own."""
    return {
        each.invoice.account: sorted(
            (line.item, line.unit, line.quantity.fraction(), line.price.fraction(), line.amount) for line in each.invoice.lines
        )
        for each in found.assembled
    }


def billed(kind: str, cells: list[dict[str, str]], period: str = "2026-10", *, otherwise: bool = False) -> Preview:
    frame = rows(*cells) if cells else pl.DataFrame(schema={"file": pl.String, "row": pl.Int64})
    return bill(rules(otherwise=otherwise), period, **{kind: frame})


@settings(max_examples=250, deadline=None)
@given(BY_KIND, st.booleans(), st.sampled_from(("2026-10", "2026-10", "2026-09", "2026-09-01..2026-10-08")))
def test_the_slow_evaluator_agrees_to_the_cent(case: tuple[str, list[dict[str, str]]], otherwise: bool, months: str) -> None:
    kind, cells = case
    mine, period = rules(otherwise=otherwise), parse_period(months)
    slow = evaluate_measured(mine, mine.kinds[kind], cells, period.start, period.end)
    told = {
        account: sorted((line.item, line.unit, line.quantity, line.price, line.amount) for line in lines)
        for account, lines in slow.items()
    }
    assert fast(billed(kind, cells, months, otherwise=otherwise)) == told


@settings(max_examples=40, deadline=None)
@given(BY_KIND, st.randoms(use_true_random=False))
def test_order_and_files_make_no_difference(case: tuple[str, list[dict[str, str]]], chance: object) -> None:
    kind, cells = case
    mixed = list(cells)
    chance.shuffle(mixed)  # type: ignore[attr-defined]  # a Random
    half = len(mixed) // 2
    whole = billed(kind, cells)
    assert [each.invoice.body_sha256() for each in billed(kind, mixed).assembled] == [
        each.invoice.body_sha256() for each in whole.assembled
    ]
    if mixed:
        parts = [part for part in (mixed[:half], mixed[half:]) if part]
        split = bill(rules(), **{kind: lambda: [rows(*part) for part in parts]})
        assert [each.invoice.body_sha256() for each in split.assembled] == [
            each.invoice.body_sha256() for each in whole.assembled
        ]
        assert split.snapshot == whole.snapshot


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 400), min_size=1, max_size=8))
def test_graduated_prices_of_a_sum_are_the_sum_of_its_tiers(quantities: list[int]) -> None:
    """Whatever the steps in which it comes."""
    cells = [
        {"id": f"r{n}", "account": "acme", "item": "TIERED", "at": f"2026-10-{n + 1:02}T12:00", "quantity": str(quantity)}
        for n, quantity in enumerate(quantities)
    ]
    total = sum(quantities)
    fees = 500 + (900 if total > 100 else 0)
    assert (
        sum(each.invoice.net for each in billed("usage", cells).assembled)
        == min(total, 100) * 100 + max(total - 100, 0) * 80 + fees
    )


MONEY = ("prices", "tiered", "volume", "packs", "out", "store", "card", "call", "talk")


@cache
def twice() -> RuleBook:
    """The book with every amount of money in its prices doubled; percentages are no amounts."""

    def doubled(match: re.Match[str]) -> str:
        return f"{match[1]}{Decimal(match[2]) * 2}"

    def text(name: str) -> str:
        kept = books._FILES[f"rates/{name}.yaml"].partition("        examples:")[0]
        return re.sub(r"((?:price|fee|connect|at-least|at-most|\d\d): ?)(\d+\.\d+)(?!%)", doubled, kept)

    return book({f"rates/{name}.yaml": text(name) for name in MONEY})


@settings(max_examples=80, deadline=None)
@given(BY_KIND)
def test_twice_the_prices_are_twice_the_exact_amounts(case: tuple[str, list[dict[str, str]]]) -> None:
    """Of every model; a product of tables is rounded as a price, and a part of an amount has no price of its own."""
    kind, cells = case
    cells = [cell for cell in cells if cell["item"] not in ("FACTORED", "CARD", "COST")]
    once, more = billed(kind, cells), bill(twice(), **{kind: rows(*cells) if cells else rows()})

    def exact(found: Preview) -> dict[tuple[str, str, int, str, str], Fraction]:
        return {
            (row["account"], row["id"], row["segment"], row["component"], row["item"]): Fraction(
                row["quantity"] * row["price"], 10 ** (row["digits"] + row["price_digits"])
            )
            for row in found.entries.iter_rows(named=True)
        }

    assert exact(more) == {key: 2 * value for key, value in exact(once).items()}


FLAT_FEES = """
fees:
  - { fee: plan, item: PLAN, each: month, from: 2026-10-16 }
  - { fee: number, item: NUMBER, each: month, from: 2026-01-01, of: "1" }
"""


@cache
def with_fees() -> RuleBook:
    return book(acme(FLAT_FEES))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(("acme", "beta")), st.lists(st.sampled_from(USAGE), max_size=6), st.sampled_from(("TALK", "CALL", "")))
def test_an_account_that_used_nothing_is_charged_what_the_rules_say_about_flat_fees(
    account: str, items: list[str], called: str
) -> None:
    """The fee of a first tier that begins at 0, the fee of a volume's tier from 0 (there is none), the account's own fees: nothing else."""
    used = [
        {"id": f"r{n}", "account": account, "item": item, "at": "2026-10-05T12:00", "quantity": "0"}
        for n, item in enumerate(items)
    ]
    calls = [{"id": "c", "account": account, "item": called, "start": "2026-10-05T12:00", "seconds": "0"}] if called else []
    found = bill(with_fees(), usage=rows(*used), call=rows(*calls))
    own = [1600, 310] if account == "acme" else []
    tiers = [500] if "TIERED" in items else []
    amounts = {
        each.invoice.account: sorted(line.amount for line in each.invoice.lines if line.amount) for each in found.assembled
    }
    assert amounts.get(account, []) == sorted(own + tiers)
    assert amounts.get("acme", []) == ([310, 1600] if account != "acme" else sorted(own + tiers))
