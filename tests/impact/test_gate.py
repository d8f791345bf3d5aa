"""The gate: what passes, exactly at the limit and beyond it, in each sum and each currency."""

from __future__ import annotations

import pytest

from engine.gate import GateError, gate
from engine.impact import Impact, Section, State
from tests.impact.reports import MONTHS, document, report, section


def moved(before: int, after: int, state: State = "issued") -> Impact:
    return report(section(state, document("acme", "2026-10", before, after)), months=1)


def passes(text: str, impact: Impact) -> bool:
    return all(each.passed for each in gate(text).judge(impact))


@pytest.mark.parametrize(
    ("text", "before", "after", "passed"),
    [
        ("5%", 1_000_00, 1_050_00, True),
        ("5%", 1_000_00, 1_050_01, False),
        ("5%", 1_000_00, 950_00, True),
        ("5%", 1_000_00, 949_99, False),
        ("5%", -1_000_00, -1_050_00, True),
        ("5%", -1_000_00, -1_050_01, False),
        ("0.1%", 3_00, 3_00, True),
        ("0.1%", 9_99, 10_00, False),
        ("0%", 1_000_00, 1_000_01, False),
        ("0%", 1_000_00, 1_000_00, True),
        ("5%", 0, 1, False),
        ("5%", 0, 0, True),
        ("$10", 1_000_00, 1_010_00, True),
        ("$10", 1_000_00, 1_010_01, False),
        ("10", 1_000_00, 990_00, True),
        ("$10", 1_000_00, 989_99, False),
        ("$0.005", 0, 1, False),
        ("USD 10", 0, 10_00, True),
        ("USD10.00", 0, 10_01, False),
    ],
)
def test_exactly_the_limit_passes_and_a_cent_more_does_not(text: str, before: int, after: int, passed: bool) -> None:
    assert passes(text, moved(before, after)) is passed
    assert passes(text, moved(before, after, "open")) is passed


def test_each_sum_is_judged_by_itself() -> None:
    impact = report(
        section("issued", document("acme", "2026-10", 100_00, 101_00)),
        section("open", document("acme", "2026-11", 100_00, 110_00)),
        section("forward", document("acme", "2026-10", 100_00, 100_00)),
        months=1,
    )

    assert [(each.section, each.passed) for each in gate("5%").judge(impact)] == [
        ("issued", True),
        ("open", False),
        ("forward", True),
    ]


def test_the_estimate_is_judged_by_the_month() -> None:
    """Three months move 30.00 and 30.01: 10.00 a month passes 10, and a third of a cent more does not, though it shows as 10.00."""
    for last, passed in ((10_00, True), (10_01, False)):
        moves = [10_00, 10_00, last]
        documents = [document("acme", month, 100_00, 100_00 + each) for month, each in zip(MONTHS, moves, strict=True)]
        impact = report(section("forward", *documents), months=3)

        assert [(each.passed, each.text()) for each in gate("$10").judge(impact)] == [
            (passed, f"forward: +10.00 USD (+10.0%) a month {'within' if passed else 'over'} $10")
        ]


def test_currencies_are_judged_apart_with_their_own_digits() -> None:
    impact = report(
        section(
            "issued", document("acme", "2026-10", 0, 10_00), document("tokyo", "2026-10", 0, 11, currency="JPY"),
            document("kuwait", "2026-10", 0, 10_001, currency="KWD"),
        )
    )  # fmt: skip

    assert [(each.text(), each.passed) for each in gate("$10").judge(impact)] == [
        ("issued: +11 JPY over $10", False),
        ("issued: +10.001 KWD over $10", False),
        ("issued: +10.00 USD within $10", True),
    ]


def test_a_limit_in_one_currency_lets_nothing_move_in_another() -> None:
    both = report(section("issued", document("acme", "2026-10", 0, 10_00), document("tokyo", "2026-10", 50, 51, currency="JPY")))
    still = report(section("issued", document("acme", "2026-10", 0, 10_00), document("tokyo", "2026-10", 50, 50, currency="JPY")))

    assert not passes("USD 10", both)
    assert passes("USD 10", still)


def test_what_falls_does_not_hide_what_rises() -> None:
    """One account pays 500.00 more and another 499.50 less: the sum moves by 0.50, and both accounts will call."""
    impact = report(
        section("issued", document("acme", "2026-10", 1_000_00, 1_500_00), document("beta", "2026-10", 1_000_00, 500_50))
    )
    (verdict,) = gate("5%").judge(impact)

    assert not verdict.passed
    assert verdict.text() == "issued: +500.00 USD (+25.0%) and -499.50 USD (-25.0%) over 5%"


def test_what_could_not_be_estimated_does_not_pass() -> None:
    impact = report(Section("forward", MONTHS, (), note="no estimate as of 2027-01-01: there is no rate", failed=True))
    (verdict,) = gate("5%").judge(impact)

    assert not verdict.passed
    assert verdict.text() == "forward: no estimate as of 2027-01-01: there is no rate; so it cannot be within 5%"


def test_nothing_in_reach_passes() -> None:
    assert gate("0%").judge(report()) == ()


@pytest.mark.parametrize(
    "text", ["", "%", "5 %%", "-5%", "5,5%", "$", "1e3", "five", "$-1", "5%%", "GBX 5", "EUR", ".5%", "\u0665%", "$1,000"]
)
def test_what_is_no_limit_is_refused(text: str) -> None:
    with pytest.raises(GateError, match="is no limit"):
        gate(text)
