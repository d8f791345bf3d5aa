"""Invoices computed by hand: half cents, reversals, and what is shared by largest remainder.

The work is a registered nurse's at acme-east by day, without premiums, unless a docstring says otherwise.
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from engine.arrays import ints
from engine.bulk.assembled import Assembled
from engine.bulk.charges import Rated
from engine.bulk.entries import entries_of_rated, numbered
from engine.dates import parse_period
from engine.ratebook.book import RuleBook
from engine.steps.assemble import assemble
from tests.golden.bills import NO_ROUNDING, Bill, Edit, backup, bill, lines
from tests.workspaces import completed

AT_58_33: Edit = ("rates/geo-base.yaml", "{ 2024-01-01: 70.00, 2026-10-15: 72.55 }", "{ 2024-01-01: 58.33 }")
AT_58_3325: Edit = ("rates/geo-base.yaml", "{ 2024-01-01: 70.00, 2026-10-15: 72.55 }", "{ 2024-01-01: 58.3325 }")
FOUR_DIGITS: Edit = ("rates/geo-base.yaml", "currency: USD\n", "currency: USD\ndigits: 4\n")
HOLIDAY_BY_THE_DAY: Edit = (
    "rules/segments.yaml",
    "from: day-before 19:00, to: day-after 07:00",
    "from: day 00:00, to: day-after 00:00",
)


def entries(book: RuleBook, rated: Rated) -> pl.DataFrame:
    """Charges as they are assembled."""
    return numbered(entries_of_rated(book, rated))


def mirrored(found: Bill) -> Assembled:
    """The same charges with every quantity below zero: the reversal."""
    charges = replace(found.found.rated.charges, quantity=-found.found.rated.charges.quantity)
    (one,) = assemble(found.book, entries(found.book, replace(found.found.rated, charges=charges)), parse_period("2026-10"))
    return one


def test_half_a_cent_goes_away_from_zero_and_a_reversal_mirrors_it() -> None:
    """
    Tuesday 6 October 08:00-08:30 for 58.33:   0.50 h x 58.33 =  29.165 ->  29.17
    reversed:                                 -0.50 h x 58.33 = -29.165 -> -29.17
    """
    found = bill(completed("a", "2026-10-06T08:00", "2026-10-06T08:30"), edits=(AT_58_33,))

    assert found.lines == [("acme-east", "Registered nurse", "0.50", "58.33", "29.17")]
    assert found.total == "29.17"
    assert found.backup == [("a", 0, "base", "0.50", "58.33", "29.1650", "29.17")]

    reversal = mirrored(found)
    assert lines(reversal) == [("acme-east", "Registered nurse", "-0.50", "58.33", "-29.17")]
    assert reversal.invoice.money(reversal.invoice.total) == "-29.17"
    assert backup(reversal) == [("a", 0, "base", "-0.50", "58.33", "-29.1650", "-29.17")]


@pytest.mark.parametrize(("half", "amount"), [("up", "29.17"), ("even", "29.16"), ("down", "29.16")])
def test_the_amount_is_rounded_as_declared(half: str, amount: str) -> None:
    """
    0.50 h x 58.33 = 2,916.5 cents: up 2,917; even 2,916; down 2,916. A reversal mirrors each.
    """
    edits = (AT_58_33, ("rules/rounding.yaml", "amount: { half: up }", f"amount: {{ half: {half} }}"))
    found = bill(completed("a", "2026-10-06T08:00", "2026-10-06T08:30"), edits=edits)

    assert found.lines == [("acme-east", "Registered nurse", "0.50", "58.33", amount)]
    assert lines(mirrored(found)) == [("acme-east", "Registered nurse", "-0.50", "58.33", f"-{amount}")]


@pytest.mark.parametrize(
    ("half", "hours", "amount"), [("up", "8.3", "581.00"), ("even", "8.2", "574.00"), ("down", "8.2", "574.00")]
)
def test_the_quantity_is_rounded_as_declared(half: str, hours: str, amount: str) -> None:
    """
    Tenths of an hour here. Tuesday 6 October 08:00-16:15, no break: 8.25 h -> up 8.3 x 70.00 = 581.00; even and down 8.2 x 70.00 = 574.00
    """
    rounding = ("rules/rounding.yaml", "{ digits: 2, half: up }", f"{{ digits: 1, half: {half} }}")
    found = bill(completed("a", "2026-10-06T08:00", "2026-10-06T16:15", break_minutes="0"), edits=(rounding,))

    assert found.lines == [("acme-east", "Registered nurse", hours, "70.00", amount)]


def test_a_line_of_no_amount_and_no_quantity_stands_with_the_rows_behind_it() -> None:
    """
    Tuesday and Wednesday 08:00-12:00 at 70.00, Tuesday's reversed: -280.00 + 280.00; Wednesday night 19:00-22:00 stays:
      0.00 h x 70.00 =   0.00
      3.00 h x 80.50 = 241.50
    """
    found = bill(
        completed("a", "2026-10-06T08:00", "2026-10-06T12:00"),
        completed("b", "2026-10-07T08:00", "2026-10-07T12:00"),
        completed("c", "2026-10-07T19:00", "2026-10-07T22:00"),
    )
    charges = found.found.rated.charges
    signs = ints([-1 if found.found.rated.activity.id[row] == "a" else 1 for row in charges.row.tolist()])
    rated = replace(found.found.rated, charges=replace(charges, quantity=charges.quantity * signs))
    (one,) = assemble(found.book, entries(found.book, rated), parse_period("2026-10"))

    assert lines(one) == [
        ("acme-east", "Registered nurse", "0.00", "70.00", "0.00"),
        ("acme-east", "Registered nurse, night", "3.00", "80.50", "241.50"),
    ]


def test_a_lines_amount_is_shared_over_its_rows_and_equal_remainders_favour_the_earlier() -> None:
    """
    Three half hours on 6, 7 and 8 October at 58.33: 1.50 h x 58.33 = 87.495 -> 87.50, not 3 x 29.17 = 87.51.
    Each row is exactly 29.165: floors 3 x 29.16 = 87.48; two cents left go to the first two rows: 29.17 + 29.17 + 29.16 = 87.50.
    """
    found = bill(
        *(completed(f"s{day}", f"2026-10-0{day}T08:00", f"2026-10-0{day}T08:30") for day in (8, 6, 7)), edits=(AT_58_33,)
    )

    assert found.lines == [("acme-east", "Registered nurse", "1.50", "58.33", "87.50")]
    assert found.total == "87.50"
    assert found.backup == [
        ("s6", 0, "base", "0.50", "58.33", "29.1650", "29.17"),
        ("s7", 0, "base", "0.50", "58.33", "29.1650", "29.17"),
        ("s8", 0, "base", "0.50", "58.33", "29.1650", "29.16"),
    ]

    reversal = mirrored(found)
    assert lines(reversal) == [("acme-east", "Registered nurse", "-1.50", "58.33", "-87.50")]
    assert backup(reversal) == [
        ("s6", 0, "base", "-0.50", "58.33", "-29.1650", "-29.17"),
        ("s7", 0, "base", "-0.50", "58.33", "-29.1650", "-29.17"),
        ("s8", 0, "base", "-0.50", "58.33", "-29.1650", "-29.16"),
    ]


def test_the_cent_that_is_left_goes_to_the_largest_remainder_wherever_it_stands() -> None:
    """
    0.25 h, 0.25 h and 0.50 h at 58.33: 1.00 h x 58.33 = 58.33 to the cent.
    Exactly 14.5825, 14.5825, 29.1650: floors 14.58 + 14.58 + 29.16 = 58.32; remainders 0.25, 0.25, 0.50 of a cent: the last row has it.
    """
    found = bill(
        completed("a", "2026-10-06T08:00", "2026-10-06T08:15"),
        completed("b", "2026-10-07T08:00", "2026-10-07T08:15"),
        completed("c", "2026-10-08T08:00", "2026-10-08T08:30"),
        edits=(AT_58_33,),
    )

    assert found.lines == [("acme-east", "Registered nurse", "1.00", "58.33", "58.33")]
    assert found.backup == [
        ("a", 0, "base", "0.25", "58.33", "14.5825", "14.58"),
        ("b", 0, "base", "0.25", "58.33", "14.5825", "14.58"),
        ("c", 0, "base", "0.50", "58.33", "29.1650", "29.17"),
    ]


def test_hours_are_shared_over_the_pieces_and_add_up_to_the_rounded_total() -> None:
    """
    Punches as they are. Wednesday 14 October 18:50 to Thursday 07:20 = 12:30, break 00:50 to 01:20: 12.00 h; RN 72.55 from the 15th.
      segment 0  base   18:50-19:00               16.67 hundredths  16 + 1   0.17 h x 70.00 =  11.90
      segment 0  night  19:00-24:00              500.00                      5.00 h x 80.50 = 402.50
      segment 1  base   07:00-07:20               33.33             33       0.33 h x 72.55 =  23.9415 ->  23.94
      segment 1  night  00:00-07:00 less 0:30    650.00                      6.50 h x 83.43 = 542.295  -> 542.30
                                                                            12.00 h           980.64
    Floors 16 + 500 + 33 + 650 = 1,199 of 1,200: the one left goes to the remainder 0.67.
    """
    found = bill(completed("a", "2026-10-14T18:50", "2026-10-15T07:20"), edits=(NO_ROUNDING,))

    assert found.lines == [
        ("acme-east", "Registered nurse", "0.17", "70.00", "11.90"),
        ("acme-east", "Registered nurse", "0.33", "72.55", "23.94"),
        ("acme-east", "Registered nurse, night", "5.00", "80.50", "402.50"),
        ("acme-east", "Registered nurse, night", "6.50", "83.43", "542.30"),
    ]
    assert found.total == "980.64"
    assert found.backup == [
        ("a", 0, "base", "0.17", "70.00", "11.9000", "11.90"),
        ("a", 1, "base", "0.33", "72.55", "23.9415", "23.94"),
        ("a", 0, "night", "5.00", "80.50", "402.5000", "402.50"),
        ("a", 1, "night", "6.50", "83.43", "542.2950", "542.30"),
    ]


def test_three_equal_thirds_of_an_hour_make_an_hour() -> None:
    """
    Punches as they are. Monday 5 October 06:40-07:50, meal 07:05-07:15: 20 + 20 + 20 min = 1.00 h, each 33.33 hundredths.
    The hundredth left goes to the first by premium set as text: the empty set.
      base            07:30-07:50              0.34 h x 70.00 = 23.80
      night, weekend  06:40-07:00              0.33 h x 87.50 = 28.875 -> 28.88
      weekend         07:00-07:30 less 10      0.33 h x 77.00 = 25.41
                                               1.00 h           78.09
    """
    meal = {"break_start": "2026-10-05T07:05", "break_end": "2026-10-05T07:15"}
    found = bill(completed("a", "2026-10-05T06:40", "2026-10-05T07:50", **meal), edits=(NO_ROUNDING,))

    assert found.lines == [
        ("acme-east", "Registered nurse", "0.34", "70.00", "23.80"),
        ("acme-east", "Registered nurse, night, weekend", "0.33", "87.50", "28.88"),
        ("acme-east", "Registered nurse, weekend", "0.33", "77.00", "25.41"),
    ]
    assert found.total == "78.09"


def test_equal_remainders_are_settled_by_the_premium_set_as_sorted_text() -> None:
    """
    Punches as they are; the holiday ends at midnight. Columbus day, Monday 12 October 23:40 to Tuesday 00:20: 40 min = 0.6667 -> 0.67 h.
    Two pieces of 20 min = 33.33 hundredths each; "holiday..night" comes before "night" as text, so it has the hundredth left.
      night, holiday  23:40-24:00   0.34 h x 115.50 = 39.27
      night           00:00-00:20   0.33 h x  80.50 = 26.565 -> 26.57
                                    0.67 h            65.84
    """
    found = bill(completed("a", "2026-10-12T23:40", "2026-10-13T00:20"), edits=(NO_ROUNDING, HOLIDAY_BY_THE_DAY))

    assert found.lines == [
        ("acme-east", "Registered nurse, night", "0.33", "80.50", "26.57"),
        ("acme-east", "Registered nurse, night, holiday", "0.34", "115.50", "39.27"),
    ]
    assert found.total == "65.84"


def test_fill_has_its_share_of_the_rounded_hours_after_the_work() -> None:
    """
    Punches as they are, at least 4 h at acme-west. Tuesday 6 October 18:40-19:20: two pieces of 20 min, and 3:20 to fill: 4.00 h.
    33.33 + 33.33 + 333.33 hundredths: floors 399; the one left, remainders equal, goes to the first piece of segment 0, the base.
      base   18:40-19:00   0.34 h x 66.00 =  22.44 }
      fill                 3.33 h x 66.00 = 219.78 }  3.67 h x 66.00 = 242.22
      night  19:00-19:20   0.33 h x 75.90 =  25.047 -> 25.05
                           4.00 h                      267.27
    """
    found = bill(completed("a", "2026-10-06T18:40", "2026-10-06T19:20", site="acme-west"), edits=(NO_ROUNDING,))

    assert found.lines == [
        ("acme-west", "Registered nurse (0.34 h worked, 3.33 h to the agreed minimum)", "3.67", "66.00", "242.22"),
        ("acme-west", "Registered nurse, night", "0.33", "75.90", "25.05"),
    ]
    assert found.total == "267.27"


def test_a_price_has_the_most_digits_of_its_parts() -> None:
    """
    RN costs 58.3325 here. Tuesday 6 October 18:30-19:30.
      base   0.50 h x 58.3325 = 29.16625 -> 29.17
      night  15 % of 58.3325 = 8.749875 -> 8.75; 58.3325 + 8.75 = 67.0825;  0.50 h x 67.0825 = 33.54125 -> 33.54
                                                                                               together 62.71
    """
    found = bill(completed("a", "2026-10-06T18:30", "2026-10-06T19:30"), edits=(AT_58_3325, FOUR_DIGITS))

    assert found.lines == [
        ("acme-east", "Registered nurse", "0.50", "58.3325", "29.17"),
        ("acme-east", "Registered nurse, night", "0.50", "67.0825", "33.54"),
    ]
    assert found.total == "62.71"
    assert found.backup == [
        ("a", 0, "base", "0.50", "58.3325", "29.166250", "29.17"),
        ("a", 0, "night", "0.50", "67.0825", "33.541250", "33.54"),
    ]


def test_a_shift_that_rounds_to_nothing_is_not_billed_and_a_charge_of_nothing_is_dropped() -> None:
    """
    Tuesday 6 October. a: 08:01-08:06 -> 08:00-08:00, nothing. b: 08:06-08:09 -> 08:00-08:15 (08:06 is 6 from 08:00, 08:09 is 6 from 08:15):
      0.25 h x 70.00 = 17.50
    """
    found = bill(
        completed("a", "2026-10-06T08:01", "2026-10-06T08:06"),
        completed("b", "2026-10-06T08:06", "2026-10-06T08:09"),
    )

    assert found.fates == {"a": ("not billed", "rounds-to-nothing")}
    assert found.lines == [("acme-east", "Registered nurse", "0.25", "70.00", "17.50")]
