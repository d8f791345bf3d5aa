"""The worked example of the law: a week over the end of a month at two hospitals, and a shift that arrives after the close."""

from __future__ import annotations

import pytest

from tests.accumulators.books import House, amounts, billed, book, lines, shift

BEFORE = [
    shift("S1", "mercy", "2026-09-27T07:00", "2026-09-27T19:00", closeout="1"),
    shift("S2", "mercy", "2026-09-29T07:00", "2026-09-29T19:00", closeout="1"),
    shift("S3", "bayview", "2026-09-30T19:00", "2026-10-01T07:00", closeout="1"),
    shift("S4", "mercy", "2026-10-02T07:00", "2026-10-02T19:00"),
]
LATE = shift("S5", "mercy", "2026-09-28T07:00", "2026-09-28T15:00")


@pytest.mark.parametrize(
    ("scope", "late", "rows", "september", "october"),
    [
        ("site", "reorder", BEFORE, {"S1": "792.00", "S2": "792.00", "S3": "720.00"}, {"S4": "792.00"}),
        ("agency", "reorder", BEFORE, {"S1": "792.00", "S2": "792.00", "S3": "720.00"}, {"S4": "1056.00"}),
        ("site", "reorder", [*BEFORE, LATE], {"S1": "792.00", "S2": "792.00", "S3": "720.00"}, {"S4": "924.00", "S5": "528.00"}),
        (
            "agency",
            "reorder",
            [*BEFORE, LATE],
            {"S1": "792.00", "S2": "792.00", "S3": "840.00"},
            {"S4": "1188.00", "S5": "528.00"},
        ),
        (
            "agency",
            "append",
            [*BEFORE, LATE],
            {"S1": "792.00", "S2": "792.00", "S3": "720.00"},
            {"S4": "1188.00", "S5": "660.00"},
        ),
    ],
)
def test_the_five_rows(
    scope: str, late: str, rows: list[dict[str, str]], september: dict[str, str], october: dict[str, str]
) -> None:
    """
    week from Sunday, over 40 h x 1.5; Mercy 66.00, Bayview 60.00
    """
    terms = f"overtime-scope: {scope}, late: {late}"
    rules = book([House("mercy", "66.00", terms=terms), House("bayview", "60.00", terms=terms)])

    assert amounts(billed(rules, rows, "2026-09")) == september
    assert amounts(billed(rules, rows, "2026-10")) == october


def test_the_overtime_is_a_line_of_its_own_price() -> None:
    rules = book(
        [House("mercy", "66.00", terms="overtime-scope: agency"), House("bayview", "60.00", terms="overtime-scope: agency")]
    )
    assert lines(billed(rules, BEFORE, "2026-10")) == ["mercy: 4.00 x 66.00 = 264.00", "mercy: 8.00 x 99.00 = 792.00"]


def test_one_account_alone_has_the_same_body() -> None:
    terms = "overtime-scope: agency"
    rules = book([House("mercy", "66.00", terms=terms), House("bayview", "60.00", terms=terms)])
    whole, alone = billed(rules, [*BEFORE, LATE], "2026-09"), billed(rules, [*BEFORE, LATE], "2026-09", ["bayview"])
    bodies = {each.invoice.account: each.invoice.body_sha256() for each in whole.assembled}
    assert {each.invoice.account: each.invoice.body_sha256() for each in alone.assembled} == {"bayview": bodies["bayview"]}
