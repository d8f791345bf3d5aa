"""The slow evaluator against arithmetic by hand: notice, minimum hours, premiums, fates and refusals.

The book is the sample's: RN costs 70.00 at acme-east (New York) and 66.00 at acme-west (Los Angeles) in early October 2026.
"""

from __future__ import annotations

from fractions import Fraction

import pytest

from engine.problems import InforceError
from engine.reference.numbers import share, to_multiple, to_whole
from tests.reference.bills import BY_SECOND, TERMS, Edit, bill, cancelled, charges, lines, shift, total

MARKED = {"mark_billable": "yes", "marked_by": "m.lee", "reason": "agreed"}


# --- cancellations


@pytest.mark.parametrize(
    ("at", "fate"), [("2026-10-06T07:00:00", ("not billed", "cancelled-default")), ("2026-10-06T07:00:01", ("billed", ""))]
)
def test_a_day_of_notice_is_free_to_the_second(at: str, fate: tuple[str, str]) -> None:
    """
    For Wednesday 7 October 07:00. Cancelled 24:00:00 before: not less than 24 h. 23:59:59 before: two hours, 2.00 h x 70.00 = 140.00.
    """
    found = bill(cancelled("a", "2026-10-07T07:00", "2026-10-07T19:00", at), edits=(BY_SECOND,))

    assert found.fates == {0: fate}
    if fate == ("billed", ""):
        assert lines(found) == [("Registered nurse, late cancellation", "2.00", "70.00", "140.00")]
        assert charges(found) == [("a", 0, "fixed", "2.00", "70.00")]


def test_notice_is_time_that_passes() -> None:
    """Saturday 7 March 07:00 to Sunday 8 March 07:00 is a day on the clock and 23 hours: late. 2.00 h x 70.00 = 140.00"""
    found = bill(cancelled("a", "2026-03-08T07:00", "2026-03-08T19:00", "2026-03-07T07:00"), month=(2026, 3))

    assert total(found) == "140.00"


@pytest.mark.parametrize(
    ("end", "edits", "hours", "amount"),
    [
        ("19:10", (), "6.25", "437.50"),
        ("09:00", (), "2.00", "140.00"),
        ("19:10", ((TERMS, "unplaced: middle }", "unplaced: middle, planned: yes }"),), "6.00", "420.00"),
        ("19:10", (("rules/billable.yaml", ", round-up: 15min", ""),), "6.08", "425.60"),
    ],
    ids=["half, rounded up", "at least two hours", "less the planned break", "not rounded up"],
)
def test_a_marked_cancellation_is_billed_as_scheduled(end: str, edits: tuple[Edit, ...], hours: str, amount: str) -> None:
    """
    Half of the scheduled time, at least 2 h, up to a multiple of 15 min.
      07:00-19:10 = 12:10, half 6:05 -> 6:15 = 6.25 h x 70.00 = 437.50
      07:00-09:00 =  2:00, half 1:00 -> 2:00 = 2.00 h x 70.00 = 140.00
      less 0:30     11:40, half 5:50 -> 6:00 = 6.00 h x 70.00 = 420.00
      6:05 as it is = 6.0833 -> 6.08 h x 70.00 = 425.60
    """
    found = bill(cancelled("a", "2026-10-07T07:00", f"2026-10-07T{end}", "2026-10-01T07:00", **MARKED), edits=edits)

    assert lines(found) == [("Registered nurse, cancelled, billed as scheduled", hours, "70.00", amount)]


# --- minimum hours


def test_missing_hours_are_filled_on_the_base_line() -> None:
    """
    acme-west, at least 4 h: Tuesday 09:00-11:30 = 2.50 h, filled by 1.50 h;  4.00 h x 66.00 = 264.00.
    """
    found = bill(shift("a", "2026-10-06T09:00", "2026-10-06T11:30", site="acme-west"))

    assert charges(found) == [("a", 0, "base", "2.50", "66.00"), ("a", 1, "fill", "1.50", "66.00")]
    assert lines(found) == [("Registered nurse (2.50 h worked, 1.50 h to the agreed minimum)", "4.00", "66.00", "264.00")]


# --- premiums


@pytest.mark.parametrize(
    ("combine", "price", "names", "amount"),
    [("add", "87.50", "night, weekend", "350.00"), ("largest", "80.50", "night", "322.00"), ("multiply", "88.55", "night, weekend", "354.20")],
)  # fmt: skip
def test_two_premiums_in_one_price(combine: str, price: str, names: str, amount: str) -> None:
    """
    Saturday 10 October 20:00-24:00, 4 h: night 15 %, weekend 10 %.
      add       70.00 + 10.50 + 7.00                                87.50 x 4 = 350.00
      largest   70.00 + 10.50                                       80.50 x 4 = 322.00
      multiply  70.00 + 10.50 = 80.50, + 8.05 (10 % of 80.50)       88.55 x 4 = 354.20
    """
    found = bill(shift("a", "2026-10-10T20:00", "2026-10-11T00:00"), edits=((TERMS, "combine: add", f"combine: {combine}"),))

    assert charges(found) == [("a", 0, "night+weekend", "4.00", price)]
    assert lines(found) == [(f"Registered nurse, {names}", "4.00", price, amount)]


def test_of_two_largest_premiums_the_earlier_in_the_book_is_named() -> None:
    """Weekend 15 % here, as much as night: 70.00 + 10.50 = 80.50, and the description names night."""
    weekend = (
        "rates/differentials.yaml",
        "premium: weekend, prices: { 2024-01-01: 10 }",
        "premium: weekend, prices: { 2024-01-01: 15 }",
    )
    found = bill(shift("a", "2026-10-10T20:00", "2026-10-11T00:00"), edits=((TERMS, "combine: add", "combine: largest"), weekend))

    assert lines(found) == [("Registered nurse, night", "4.00", "80.50", "322.00")]


def test_a_premium_on_its_own_line_stands_beside_the_others() -> None:
    """
    Tuesday 6 October 15:00-21:00, 6 h, no break, in charge (2.50 in NYC).
      4.00 h x 70.00 = 280.00      2.00 h at night x 80.50 = 161.00      6.00 h in charge x 2.50 = 15.00
    """
    found = bill(shift("a", "2026-10-06T15:00", "2026-10-06T21:00", charge_nurse="yes"))

    assert charges(found) == [
        ("a", 0, "base", "4.00", "70.00"),
        ("a", 0, "night", "2.00", "80.50"),
        ("a", 0, "own:charge", "6.00", "2.50"),
    ]
    assert lines(found) == [
        ("Registered nurse", "4.00", "70.00", "280.00"),
        ("Registered nurse, charge nurse", "6.00", "2.50", "15.00"),
        ("Registered nurse, night", "2.00", "80.50", "161.00"),
    ]


def test_premiums_of_one_name_share_a_line_of_one_price() -> None:
    """
    Law 6.1: the key has names. Weekend is called night here and is 15 % too. Saturday 10 October 18:00-20:00:
      18:00-19:00 weekend, 19:00-20:00 night and weekend (largest): both 80.50, both called night;  2.00 h x 80.50 = 161.00
    """
    weekend = (
        "rates/differentials.yaml",
        "premium: weekend, prices: { 2024-01-01: 10 }",
        "premium: weekend, prices: { 2024-01-01: 15 }",
    )
    name = ("rules/premiums.yaml", "premium: weekend, name: weekend", "premium: weekend, name: night")
    largest = (TERMS, "combine: add", "combine: largest")
    found = bill(shift("a", "2026-10-10T18:00", "2026-10-10T20:00"), edits=(weekend, name, largest))

    assert lines(found) == [("Registered nurse, night", "2.00", "80.50", "161.00")]


# --- fates


def test_every_row_has_its_fate() -> None:
    plain = shift("a", "2026-10-06T08:00", "2026-10-06T12:00")
    rows = [
        plain,
        plain,  # the same again
        {**plain, "id": "b", "worker": "wb"},
        {**plain, "id": "b", "worker": "wb", "revision": "2", "withdrawn": "yes"},
        {**plain, "id": "c", "worker": "wc", "mark_excluded": "yes", "marked_by": "x", "reason": "y"},
        {**plain, "id": "d", "worker": "wd"},
        {**plain, "id": "d", "worker": "wd", "revision": "2", "end": "nonsense"},
        {**plain, "id": "e", "worker": "we", "mark_held": "yes", "marked_by": "x", "reason": "y"},
        shift("f", "2026-10-06T08:00", "2026-10-07T08:01"),
        shift("g", "2026-10-06T08:00", "2026-10-06T12:00", worker="twice"),
        shift("h", "2026-10-06T11:59", "2026-10-06T13:00", worker="twice"),
        shift("i", "2026-10-06T13:00", "2026-10-06T14:00", worker="twice"),
        shift("j", "2026-10-06T08:00", "2026-10-06T12:00", approved_by=""),
        {**plain, "id": "k", "worker": "wk", "start": "", "end": "", "scheduled_start": "2026-10-06T08:00", "scheduled_end": "2026-10-06T12:00"},
        shift("l", "2026-11-06T08:00", "2026-11-06T12:00"),
        {**plain, "id": "m", "worker": "wm"},
        {**plain, "id": "m", "worker": "wm", "charge_nurse": "yes"},
        shift("n", "2026-10-06T08:00", "2026-10-06T12:00", mark_held="yes"),
        shift("o", "2026-10-06T08:00", "2026-10-06T08:07"),
        cancelled("p", "2026-10-07T07:00", "2026-10-07T19:00", "2026-10-01T07:00"),
    ]  # fmt: skip
    found = bill(*rows)

    assert [found.fates[number] for number in range(len(rows))] == [
        ("billed", ""),
        ("not billed", "repeated"),
        ("not billed", "superseded"),
        ("not billed", "withdrawn"),
        ("not billed", "mark_excluded"),
        ("held", "revision-rejected"),
        ("rejected", "end"),
        ("held", "mark_held"),
        ("held", "longer-than-maximum"),
        ("held", "overlap"),
        ("held", "overlap"),
        ("billed", ""),
        ("held", "approval"),
        ("held", "no-recorded-time"),
        ("elsewhere", ""),
        ("rejected", "id"),
        ("rejected", "id"),
        ("rejected", "marked_by"),
        ("not billed", "rounds-to-nothing"),
        ("not billed", "cancelled-default"),
    ]
    assert found.fate_of("", "b", 2) == ("not billed", "withdrawn")


@pytest.mark.parametrize(
    ("start", "end", "fate"),
    [
        ("2026-11-01T01:30", "2026-11-01T09:00", ("rejected", "start")),
        ("2026-11-01T01:30-05:00", "2026-11-01T09:00", ("billed", "")),
        ("2026-11-01T01:30-06:00", "2026-11-01T09:00", ("rejected", "start")),
        ("2026-11-08T01:30-04:00", "2026-11-08T09:00", ("rejected", "start")),
        ("2026-11-08T01:30Z", "2026-11-08T09:00", ("rejected", "start")),
        ("2026-11-31T01:30", "2026-12-01T09:00", ("rejected", "start")),
        ("2026-11-08T01:30:30", "2026-11-08T09:00", ("rejected", "start")),
    ],
    ids=["twice", "twice, with its offset", "an offset of neither", "summer's offset", "an offset of nowhere here", "no such day", "off the grid"],
)  # fmt: skip
def test_a_clock_reading_is_one_instant_or_rejected(start: str, end: str, fate: tuple[str, str]) -> None:
    assert bill(shift("a", start, end), month=(2026, 11)).fates == {0: fate}


def test_a_reading_that_the_clock_never_had_is_rejected() -> None:
    assert bill(shift("a", "2026-03-08T02:30", "2026-03-08T09:00"), month=(2026, 3)).fates == {0: ("rejected", "start")}


# --- refusals


def test_a_missing_price_names_site_item_and_day() -> None:
    ended = ("rates/geo-base.yaml", "2026-10-15: 72.55", "2026-10-15: ended")

    with pytest.raises(InforceError, match="acme-east, RN, 2026-10-16: no price in geo-base"):
        bill(shift("a", "2026-10-16T08:00", "2026-10-16T12:00"), edits=(ended,))


def test_a_day_outside_the_holiday_list_is_refused_and_the_last_inside_is_not() -> None:
    """The list covers days before 20 October here: Monday 19th until midnight is billed, 00:15 on the 20th refuses."""
    short = ("rules/holidays.yaml", "to: 2028-01-01", "to: 2026-10-20")

    assert bill(shift("a", "2026-10-19T20:00", "2026-10-20T00:00"), edits=(short,)).fates == {0: ("billed", "")}
    with pytest.raises(InforceError, match="needs holidays us"):
        bill(shift("a", "2026-10-19T20:00", "2026-10-20T00:15"), edits=(short,))


def test_two_ways_to_combine_within_one_charge_are_refused() -> None:
    """Largest on weekends, else add: Friday 9 October 18:00-20:00, night all day here and in charge in the price: one component, two prices."""
    combine = ("rules/combine.yaml", "- { id: add, when: { term: { combine: add } }, then: add }", "- { id: add, when: { in: weekend }, then: largest }\n  - { id: rest, when: { in: { not: weekend } }, then: add }")  # fmt: skip
    edits = (
        combine,
        ("rules/segments.yaml", "each: day, from: 19:00, to: 07:00", "each: day, from: 12:00, to: 07:00"),
        (
            "rules/premiums.yaml",
            "premium: charge, name: charge nurse, shown: own-line",
            "premium: charge, name: charge nurse, shown: in-price",
        ),
        ("rules/premiums-that-apply.yaml", "when: { in: weekend }", "when: { in: holiday }"),
    )

    with pytest.raises(InforceError, match="combine in two ways"):
        bill(shift("a", "2026-10-09T18:00", "2026-10-09T20:00", charge_nurse="yes"), edits=edits)


# --- numbers


@pytest.mark.parametrize(("half", "expected"), [("up", [3, -3, 2]), ("even", [2, -2, 2]), ("down", [2, -2, 1])])
def test_a_half_goes_as_its_name_says(half: str, expected: list[int]) -> None:
    assert [to_whole(value, half) for value in (Fraction(5, 2), Fraction(-5, 2), Fraction(3, 2))] == expected
    assert [to_multiple(value, 10, half) for value in (4, 6)] == [0, 10]


def test_what_is_left_goes_to_the_largest_remainders_and_the_earlier_of_equals() -> None:
    """10 over 3.4, 3.3, 3.3: floors 9, one left, to 3.4. 2 over three times 2/3: floors 0, two left, to the first two."""
    assert share(10, [Fraction(34, 10), Fraction(33, 10), Fraction(33, 10)]) == [4, 3, 3]
    assert share(2, [Fraction(2, 3)] * 3) == [1, 1, 0]
