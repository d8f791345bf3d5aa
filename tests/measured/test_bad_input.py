"""What must not become a wrong invoice: each mistake has a place and a cure."""

from __future__ import annotations

from fractions import Fraction
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.bulk.prepared import RatingError
from engine.bulk.pricing import NoRateError
from engine.problems import ProblemsFound
from engine.ratebook import crosscheck
from engine.ratebook.build import problems_in
from engine.ratebook.worked_prices import cost
from tests.measured import books
from tests.measured.books import bill, book, files, rows, usage

TIERS = "- { from: 0, to: 100, price: 1.00, fee: 5.00 }\n                  - { from: 100, price: 0.80, fee: 9.00 }"


def changed(path: str, before: str, after: str) -> list[tuple[str, int, str, str]]:
    """What is found in the book with one text changed: code, line, message, remedy."""
    text = dedent(books._FILES[path])
    before = before.replace("\n                  ", "\n          ")
    after = after.replace("\n                  ", "\n          ")
    assert before in text, text
    _, problems = problems_in(files({path: text.replace(before, after)}))
    return [(each.code, each.source.line, each.message, each.remedy) for each in problems]


@pytest.mark.parametrize(
    ("path", "before", "after", "code", "said", "cure"),
    [
        ("rates/tiered.yaml", "{ from: 100, price", "{ from: 90, price", "R072", "begins at 90, inside the one before it, which ends at 100", "Write `from: 100`"),
        ("rates/tiered.yaml", "{ from: 100, price", "{ from: 110, price", "R072", "what the quantities from 100 to 110 cost", "add a tier"),
        ("rates/tiered.yaml", "{ from: 0, to: 100", "{ from: 0, to: 0", "R072", "ends at 0, not above 0", "Bounds must increase"),
        ("rates/tiered.yaml", "{ from: 100, price", "{ from: 100, to: 500, price", "R072", "the quantities from 500 on cost", "Leave `to` out"),
        ("rates/tiered.yaml", "model: graduated", "model: per-unit", "R071", "`tiers` has no meaning", "It can have"),
        ("rates/card.yaml", "percent: 2.9%", "percent: 0.2", "R070", "could be 0.2% or, as a fraction, 20%", "0.2% or 20%"),
        ("rates/card.yaml", "percent: 2.9%", "percent: 20", "R070", "could be 20% or, as a fraction, 2000%", "20% or 2000%"),
        ("rates/card.yaml", "at-least: 0.50", "at-least: 50.00", "R071", "at least 50.00 is more than at most 20.00", "Correct"),
        ("rates/store.yaml", "allowance: 10 GB", "allowance: 10 MB", "R073", "`10 MB` is in MB, the table in GB", "Write it in GB"),
        ("rates/store.yaml", "allowance: 10 GB", "allowance: { term: included }", "R023", "there is no term `included`", "Add the term"),
        ("rates/store.yaml", "allowance: 10 GB", "allowance: 10", "R073", "does not say its unit", "Write 10 GB"),
        ("rates/cost.yaml", "model: pass-through", "model: pass-through\nover: month", "R071", "is of one row of activity", "Leave out `over`"),
        ("rates/store.yaml", "allowance: 10 GB", "allowance: 10 GB, at-least: 5.00", "R071", "`at-least` holds for one row of activity", "Write a limit"),
        ("rates/store.yaml", "over: month\n", "", "R071", "an allowance counts over a window", "over: month"),
        ("rates/accounts/acme.yaml", "currency: USD", "currency: EUR", "R032", "billed in EUR", "correct the currency"),
        ("rules/activity/usage.yaml", "moment: at", "moment: when", "R023", "there is no column `when`", "Known are"),
        ("rules/activity/usage.yaml", "quantity: quantity", "quantity: po", "R025", "the quantity column `po` is a text", "type: decimal"),
        ("rules/activity/usage.yaml", "references: [po]", "details: [poo]", "R023", "column that the backup lacks `poo`", "'po'"),
        ("rules/activity/storage.yaml", "roll-up: day", "roll-up: day\ndetails: [quantity]", "R025", "rows that are summed have no details", "Leave out"),
        ("rules/activity/usage.yaml", "unit: unit", "unit: parsec", "R045", "rounding of quantities in parsec", "kind rounding"),
        ("rates/talk.yaml", "window: night", "window: nigth", "R023", "there is no window `nigth`", "'night'"),
        ("rates/plans.yaml", "item: PLAN,", "item: PLANE,", "R023", "there is no item `PLANE`", "'PLAN'"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_file_has_a_place_and_a_cure(path: str, before: str, after: str, code: str, said: str, cure: str) -> None:
    found = changed(path, before, after)
    assert any(each[0] == code and said in each[2] and cure in each[3] and each[1] > 0 for each in found), found


def test_a_quantity_below_zero_is_rejected_unless_the_kind_may_have_it() -> None:
    found = bill(book(), usage=rows(usage("a", "FLAT", "2026-10-05T10:00", "-5")))
    (reject,) = found.rejects
    assert (reject.code, reject.row, reject.column, reject.value) == ("A115", 2, "quantity", "-5")
    assert found.assembled == ()
    allowed = dedent(books._FILES["rules/activity/usage.yaml"]).replace("unit: unit\n", "unit: unit\nnegative: yes\n")
    taken = bill(book({"rules/activity/usage.yaml": allowed}), usage=rows(usage("a", "PACKS", "2026-10-05T10:00", "-5")))
    assert taken.rejects == ()
    call = {"id": "a", "account": "acme", "item": "CALL", "start": "2026-10-05T10:00", "seconds": "-61"}
    (reject,) = bill(book(), call=rows(call)).rejects
    assert (reject.code, reject.column, reject.message) == ("A115", "seconds", "the quantity is below zero")


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("account", "acmee", "A103"), ("item", "FLATT", "A104"), ("at", "5 October", "A105"), ("at", "2026-03-08T02:30", "A107"),
        ("at", "2026-11-01T01:30", "A108"), ("at", "2026-10-05T10:00+09:00", "A109"), ("quantity", "1,000", "A102"), ("quantity", "", "A101"),
        ("quantity", "1e3", "A102"), ("quantity", "0.1234567", "A102"), ("id", "a b", "A102"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_read_is_listed_with_its_cure(column: str, value: str, code: str) -> None:
    good = usage("b", "FLAT", "2026-10-05T10:00", "8000")
    found = bill(book(), usage=rows({**usage("a", "FLAT", "2026-10-05T10:00", "1"), column: value}, good))
    (reject,) = found.rejects
    assert (reject.code, reject.row, reject.column) == (code, 2, column)
    assert reject.cure
    assert found.count("rejected") == 1
    assert found.count("billed") == 1


def test_a_repeated_row_counts_once_a_revision_replaces_and_a_contradiction_is_refused() -> None:
    row = usage("a", "PACKS", "2026-10-05T10:00", "100")
    assert bill(book(), usage=rows(row, row)).count("not billed") == 1
    later = bill(book(), usage=rows(row, {**row, "revision": "2", "quantity": "300"}))
    assert later.assembled[0].invoice.net == 1200
    gone = bill(book(), usage=rows(row, {**row, "revision": "2", "withdrawn": "yes"}))
    assert (gone.assembled, gone.count("not billed")) == ((), 2)
    assert {reject.code for reject in bill(book(), usage=rows(row, {**row, "quantity": "300"})).rejects} == {"A114"}


def test_ids_that_come_twice_are_settled_before_rows_are_summed() -> None:
    row = {"id": "a", "account": "acme", "item": "STORE", "day": "2026-10-05", "quantity": "12"}
    found = bill(book(), storage=rows(row, row, {**row, "id": "b", "quantity": "2"}))
    assert found.assembled[0].invoice.net == 100
    assert (found.count("billed"), found.count("not billed")) == (2, 1)
    assert {reject.code for reject in bill(book(), storage=rows(row, {**row, "quantity": "3"})).rejects} == {"A114"}


def test_a_day_without_a_price_refuses_the_run() -> None:
    with pytest.raises(
        NoRateError,
        match=r"no price for 'FLAT' is in force at acme on 2025-10-05.*\n.*flat:FLAT from 2026-01-01 at rates/prices.yaml:9",
    ):
        bill(book(), "2025-10", usage=rows(usage("a", "FLAT", "2025-10-05T10:00", "1")))


def test_an_item_priced_in_another_unit_refuses_the_run() -> None:
    with pytest.raises(RatingError, match=r"STORE is priced by `store` .* per GB, and usage is in unit"):
        bill(book(), usage=rows(usage("a", "STORE", "2026-10-05T10:00", "1")))
    with pytest.raises(RatingError, match="needs an amount of money, and usage is rated by quantity"):
        bill(book(), usage=rows(usage("a", "CARD", "2026-10-05T10:00", "1")))


def test_windows_that_share_time_are_refused_unless_they_are_ranked() -> None:
    text = dedent(books._FILES["rates/talk.yaml"]).replace("first-of: [weekend, night]\n", "")
    call = {"id": "a", "account": "acme", "item": "TALK", "start": "2026-10-09T21:30", "seconds": "60"}
    with pytest.raises(RatingError, match="Rank them with `first-of`"):
        bill(book({"rates/talk.yaml": text}), call=rows(call))


def test_shares_that_do_not_make_the_whole_are_refused() -> None:
    text = (
        "format: 1\nkind: assembly\nshares:\n  - { share: s, site: acme, from: 2026-01-01, accounts: { acme: 60%, beta: 30% } }\n"
    )
    with pytest.raises(ProblemsFound, match=r"R071.*the shares make 90"):
        book({"rules/assembly.yaml": text})


def test_every_price_has_worked_examples_and_one_that_is_wrong_is_found() -> None:
    assert crosscheck.check(files()) == []
    text = dedent(books._FILES["rates/tiered.yaml"]).replace("gives: 146.00", "gives: 132.00")
    (problem,) = crosscheck.check(files({"rates/tiered.yaml": text}))
    assert (problem.code, problem.message) == ("R063", "`140 with both fees` costs 146.00, not 132.00")


@given(st.integers(0, 400), st.sampled_from(("TIERED", "VOLUME", "PACKS", "OUT")))
@settings(max_examples=40, deadline=None)
def test_the_evaluator_of_examples_is_that_of_invoices(quantity: int, item: str) -> None:
    rules = book()
    table = rules.tables[rules.items[item].table]
    found = bill(rules, usage=rows(usage("a", item, "2026-10-05T10:00", str(quantity))))
    (row,) = table.rows.values()
    assert sum(each.invoice.net for each in found.assembled) == cost(table, row.prices[0], Fraction(quantity)) * 100
