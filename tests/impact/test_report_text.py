"""The report for a terminal, and the figures that all forms share."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest

from engine.gate import gate
from engine.impact import Impact, Section
from engine.ratebook.changes import rise_text
from renderers.impact import render_impact
from renderers.impact_view import NOTHING, Sum, headline, is_silent, periods_text
from tests.impact.reports import MONTHS, document, price, report, sample, section, told


def shown(impact: Impact) -> str:
    return render_impact(impact, "human", (), told())


def line_of(text: str, begin: str) -> str:
    """The first line that begins so, with single spaces."""
    return next(" ".join(line.split()) for line in text.splitlines() if line.strip().startswith(begin))


def test_the_headline_has_the_three_sums_apart() -> None:
    assert headline(sample(), told()) == (
        "+30.01 USD a month forward · +10.00 USD on 1 issued invoice · +4.00 USD in the open period · 2 of 12 accounts"
    )
    assert shown(sample()).splitlines()[0] == headline(sample(), told())


def test_the_sums_are_those_of_the_documents_in_reach() -> None:
    text = shown(sample())

    assert line_of(text, "Issued invoices").endswith(
        "1,500.00 1,510.00 +10.00 (+0.7%) USD 2026-10: 1 of 2 documents in reach differ, 4 out of reach"
    )
    assert line_of(text, "Open period").endswith("400.00 404.00 +4.00 (+1.0%) USD 2026-11: 1 of 1 document in reach differ")


def test_the_estimate_is_the_mean_of_a_month_rounded_half_up() -> None:
    """bayview: 10.01, 10.01 and 10.00 are 10.00666 a month; sunset: 20.00 a month."""
    text = shown(sample())

    assert line_of(text, "Forward, a month").startswith("Forward, a month 1,900.00 1,930.01 +30.01 (+1.6%) USD mean of 3 months")
    assert line_of(text[text.index("Forward, a month, by account") :], "bayview").startswith(
        "bayview 1,000.00 1,010.01 +10.01 (+1.0%) USD"
    )


@pytest.mark.parametrize(
    ("minor", "months", "words"),
    [(5, 2, "0.03"), (-5, 2, "-0.03"), (1, 3, "0.00"), (2, 3, "0.01"), (100_000_005, 10, "100,000.01")],
)
def test_a_mean_is_exact_and_a_half_goes_away_from_zero(minor: int, months: int, words: str) -> None:
    assert Sum("USD", 0, minor, months).text(minor) == words


def test_currencies_have_their_own_digits_and_are_never_added_up() -> None:
    impact = report(
        section("issued", document("acme", "2026-10", 100, 150), document("tokyo", "2026-10", 100, 150, currency="JPY"))
    )

    assert headline(impact, told()).startswith("no estimate forward · +50 JPY and +0.50 USD on 2 issued invoices")


def test_because_names_the_edited_line_and_what_follows_from_it() -> None:
    text = shown(sample())

    forward = text[text.index("Forward, a month, by account") :]
    assert line_of(forward, "sunset").endswith("rates/geo-base.yaml:13 +30.00; fees, coupons and limits that follow -10.00")


def test_why_not_names_the_override_that_shields_an_account() -> None:
    assert (
        line_of(shown(sample()), "mercy") == "mercy - - 0.00 own override 66.00 wins at mercy-north (rates/accounts/mercy.yaml:5)"
    )


def test_why_not_says_that_an_account_in_reach_has_nothing_that_differs() -> None:
    assert line_of(shown(sample()), "sunset") == "sunset 500.00 500.00 0.00 USD within reach, and no line of it differs"


def test_a_shield_that_ended_before_a_section_shields_nothing_there() -> None:
    (shield,) = price().shields
    ended = price(shields=(replace(shield, end=date(2026, 11, 1)),))
    text = shown(report(*sample().sections, changes=(ended,)))

    assert "mercy" in text[: text.index("Open period, by account")]
    assert "mercy" not in text[text.index("Open period, by account") :]


def test_an_override_that_shields_from_two_changes_is_named_once() -> None:
    (shield,) = price().shields
    other = price("geo-base:NYC/ICU", shields=(replace(shield, sites=("mercy-south",), start=date(2026, 1, 1)),))
    text = shown(report(*sample().sections, changes=(price(), other)))

    assert line_of(text, "mercy").endswith("own override 66.00 wins at mercy-north, mercy-south (rates/accounts/mercy.yaml:5)")


def test_two_changes_that_move_a_row_together_are_named_together() -> None:
    other = price("geo-base:NYC/all", after=price().before)
    both = f"{price().id} + {other.id}"
    impact = report(section("issued", document("bayview", "2026-10", 0, 5, {both: 5})), changes=(price(), other))

    assert line_of(shown(impact), "bayview").endswith("rates/geo-base.yaml:13 + rates/geo-base.yaml:9")


def test_a_document_that_only_one_book_makes_is_shown() -> None:
    impact = report(section("issued", document("bayview", "2026-10", None, 0, {})))

    assert headline(impact, told()).startswith("no estimate forward · 0.00 USD on 1 issued invoice · 1 of 12 accounts")


def test_what_nothing_changes_is_one_line() -> None:
    impact = report(
        section("issued", document("bayview", "2026-10", 100, 100)), section("forward", note="rules in force on 2026-11-01")
    )

    assert shown(impact) == NOTHING
    assert "\n" not in NOTHING


def test_an_estimate_that_could_not_be_made_is_no_silence() -> None:
    impact = report(
        Section("forward", MONTHS, (), note="no estimate as of 2027-01-01: rates/geo-base.yaml: no rate", failed=True)
    )

    assert not is_silent(impact)
    assert "no estimate as of 2027-01-01" in shown(impact)


def test_unsound_comes_first_with_the_reason_for_each_document() -> None:
    why = "the base side does not make DRAFT-bayview-2026-10 as issued (with 91c02be)"
    bad = document("bayview", "2026-10", 100, 110, unsound=why)
    first, second, third, *_ = shown(report(section("issued", bad), checked=1, unsound=(bad,))).splitlines()

    assert first == "UNSOUND: 1 of 1 issued document is not made again as issued"
    assert second == f"  DRAFT-bayview-2026-10: {why}"
    assert third == "The figures below cannot be relied on."


def test_an_unsound_report_is_told_even_if_nothing_moves() -> None:
    bad = document("bayview", "2026-10", 100, 100, unsound="it differs")

    assert shown(report(section("issued", bad), checked=1, unsound=(bad,))).startswith("UNSOUND")


def test_verdicts_are_shown() -> None:
    impact = sample()

    assert "gate: issued: +10.00 USD (+0.7%) over $5" in render_impact(impact, "human", gate("$5").judge(impact), told())


def test_a_terminal_obeys_nothing_in_a_name() -> None:
    impact = report(section("issued", document("bay\x1b[2Jview\nmercy", "2026-10", 0, 5)))

    assert "\x1b" not in shown(impact)
    assert "bay\N{REPLACEMENT CHARACTER}[2Jview mercy" in shown(impact)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ((), ""),
        (("2026-10",), "2026-10"),
        (("2026-11", "2026-12", "2027-01"), "2026-11..2027-01"),
        (("2026-09", "2026-11", "2026-12"), "2026-09, 2026-11, 2026-12"),
    ],
)
def test_months_that_follow_each_other_are_a_span(names: tuple[str, ...], words: str) -> None:
    assert periods_text(names) == words


def test_a_percentage_of_what_was_below_zero_rises_with_the_figure() -> None:
    assert rise_text(Fraction(-10), Fraction(-5)) == "+50.0%"
