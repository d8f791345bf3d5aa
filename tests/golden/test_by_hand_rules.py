"""Invoices computed by hand: premiums and how they combine, cancellations, minimum hours, orientation, formula versions.

Wherever a docstring does not say otherwise, the work is a registered nurse's: at acme-east (New York) for 70.00, premiums added;
at acme-west (Los Angeles) for 66.00, the largest premium alone, at least 4 hours; at beta-clinic (Los Angeles) for 66.00,
premiums multiplied, hours by the wall clock. Night 15 % (beta 12.5 %), weekend 10 %, holiday 50 %.
"""

from __future__ import annotations

from tests.golden.bills import BY_WALL, NO_ROUNDING, Bill, Edit, bill
from tests.workspaces import cancelled, completed

LADDER: tuple[Edit, ...] = (
    (
        "rates/terms-default.yaml",
        "  cancel-hours: { type: duration }\n",
        "  cancel-hours: { type: duration }\n  short-notice: { type: duration }\n  short-hours: { type: duration }\n",
    ),
    ("rates/terms-default.yaml", "    cancel-hours: 2h\n", "    cancel-hours: 2h\n    short-notice: 2h\n    short-hours: 4h\n"),
    ("rules/billable.yaml", "overrides: [cancelled-late]", "overrides: [cancelled-late, cancelled-short]"),
    (
        "rules/billable.yaml",
        "    overrides: [cancelled-default]\n",
        "    overrides: [cancelled-default]\n"
        "  - id: cancelled-short\n"
        "    when: { status: cancelled, notice: { less-than: { term: short-notice } } }\n"
        "    then: { fixed: { term: short-hours } }\n"
        "    from: 2024-07-01\n"
        "    overrides: [cancelled-late]\n",
    ),
)
PLANNED_BREAK: Edit = ("rates/terms-default.yaml", "unplaced: middle", "unplaced: middle, planned: yes")
WEEKEND_LIKE_NIGHT: Edit = (
    "rates/differentials.yaml",
    "weekend, prices: { 2024-01-01: 10 }",
    "weekend, prices: { 2024-01-01: 15 }",
)
SMALL_NIGHT: Edit = ("rates/differentials.yaml", "night, prices: { 2024-01-01: 15 }", "night, prices: { 2024-01-01: 10 }")
EIGHT_HOURS_AT_LEAST: Edit = ("rates/accounts/acme.yaml", "min-hours: 4h", "min-hours: 8h")
IN_CHARGE_ON_WEEKENDS: Edit = (
    "rules/premiums-that-apply.yaml",
    "in-charge, when: { charge_nurse: yes, status: completed }",
    "in-charge, when: { charge_nurse: yes, status: completed, in: weekend }",
)
MARKED = {"mark_billable": "yes", "marked_by": "m.lee", "reason": "agreed by telephone"}


def columbus_day(site: str) -> Bill:
    return bill(completed("a", "2026-10-12T15:00", "2026-10-12T23:00", site=site))


# --- premiums


def test_holiday_and_night_are_added() -> None:
    """
    Columbus day, Monday 12 October, 15:00-23:00 = 8 h, break 18:45 to 19:15. The weekend ended at 07:30.
      holiday         15:00-18:45   3.75 h x 105.00 = 393.75               70.00 + 35.00
      night, holiday  19:15-23:00   3.75 h x 115.50 = 433.125 -> 433.13    70.00 + 10.50 + 35.00
                                                                 826.88
    """
    found = columbus_day("acme-east")

    assert found.lines == [
        ("acme-east", "Registered nurse, holiday", "3.75", "105.00", "393.75"),
        ("acme-east", "Registered nurse, night, holiday", "3.75", "115.50", "433.13"),
    ]
    assert found.total == "826.88"
    assert found.backup == [
        ("a", 0, "holiday", "3.75", "105.00", "393.7500", "393.75"),
        ("a", 0, "night+holiday", "3.75", "115.50", "433.1250", "433.13"),
    ]


def test_the_larger_of_holiday_and_night_counts_alone() -> None:
    """
    The same hours at acme-west: holiday 33.00 beats night 9.90, so both pieces cost 99.00 and name the holiday: one line of two charges.
      7.50 h x 99.00 = 742.50;  each half 3.75 h x 99.00 = 371.25
    """
    found = columbus_day("acme-west")

    assert found.lines == [("acme-west", "Registered nurse, holiday", "7.50", "99.00", "742.50")]
    assert found.total == "742.50"
    assert found.backup == [
        ("a", 0, "holiday", "3.75", "99.00", "371.2500", "371.25"),
        ("a", 0, "night+holiday", "3.75", "99.00", "371.2500", "371.25"),
    ]


def test_holiday_is_multiplied_on_the_price_with_night() -> None:
    """
    The same hours at beta-clinic, night 12.5 %, in the order of the book: night, then holiday.
      holiday         66.00 + 33.00 = 99.00                                             3.75 h x  99.00 = 371.25
      night, holiday  66.00 + 8.25 = 74.25; 50 % = 37.125 -> 37.13; 74.25 + 37.13 =     3.75 h x 111.38 = 417.675 -> 417.68
                                                                                                          together 788.93
    """
    found = columbus_day("beta-clinic")

    assert found.lines == [
        ("beta-clinic", "Registered nurse, holiday", "3.75", "99.00", "371.25"),
        ("beta-clinic", "Registered nurse, night, holiday", "3.75", "111.38", "417.68"),
    ]
    assert found.total == "788.93"


def test_a_holiday_is_its_actual_or_its_observed_day_as_the_window_says() -> None:
    """
    4 July 2026 is a Saturday, observed on Friday the 3rd; the window goes from 19:00 the day before to 07:00 the day after.
    Saturday 4 July 05:00-09:00, a weekend, night until 07:00: 70.00 + 10.50 + 7.00 + 35.00 = 122.50.
      05:00-07:00  in both windows                     2.00 h x 122.50 = 245.00
      07:00-09:00  actual: holiday until Sunday 07:00  2.00 h x 112.00 = 224.00    together 469.00
                   observed: ended at 07:00            2.00 h x  77.00 = 154.00    together 399.00
    """
    row = completed("a", "2026-07-04T05:00", "2026-07-04T09:00")
    observed: Edit = ("rules/segments.yaml", "day: actual", "day: observed")
    both = ("acme-east", "Registered nurse, night, weekend, holiday", "2.00", "122.50", "245.00")

    actual = bill(row, period="2026-07")
    assert actual.lines == [both, ("acme-east", "Registered nurse, weekend, holiday", "2.00", "112.00", "224.00")]
    assert actual.total == "469.00"
    on_friday = bill(row, period="2026-07", edits=(observed,))
    assert on_friday.lines == [both, ("acme-east", "Registered nurse, weekend", "2.00", "77.00", "154.00")]
    assert on_friday.total == "399.00"


def test_beta_counts_the_wall_clock_on_the_night_it_is_set_back() -> None:
    """
    Saturday 31 October 19:00 (-07:00) to Sunday 07:00 (-08:00) at beta-clinic, no break: 12 h by the wall.
      night 66.00 + 8.25 = 74.25; weekend 7.425 -> 7.43; 81.68;  12.00 h x 81.68 = 980.16
    """
    row = completed("a", "2026-10-31T19:00", "2026-11-01T07:00", site="beta-clinic", break_minutes="0")
    found = bill(row)

    assert found.lines == [("beta-clinic", "Registered nurse, night, weekend", "12.00", "81.68", "980.16")]


def test_of_two_premiums_of_one_size_the_earlier_in_the_book_counts() -> None:
    """
    Weekend 15 % too. Saturday 10 October 19:00-23:00 at acme-west: both 9.90; night stands first.
      4.00 h x 75.90 = 303.60
    """
    found = bill(completed("a", "2026-10-10T19:00", "2026-10-10T23:00", site="acme-west"), edits=(WEEKEND_LIKE_NIGHT,))

    assert found.lines == [("acme-west", "Registered nurse, night", "4.00", "75.90", "303.60")]
    assert found.backup == [("a", 0, "night+weekend", "4.00", "75.90", "303.6000", "303.60")]


def test_a_premium_on_its_own_line_stands_beside_the_base_and_the_night() -> None:
    """
    Tuesday 6 October 14:00-23:00 in charge: 9 h, break 18:15 to 18:45.
      base          14:00-19:00 less 0:30   4.50 h x 70.00 = 315.00
      night         19:00-23:00             4.00 h x 80.50 = 322.00
      charge nurse  4.50 + 4.00             8.50 h x  2.50 =  21.25
                                                             658.25
    """
    found = bill(completed("a", "2026-10-06T14:00", "2026-10-06T23:00", charge_nurse="yes"))

    assert found.lines == [
        ("acme-east", "Registered nurse", "4.50", "70.00", "315.00"),
        ("acme-east", "Registered nurse, charge nurse", "8.50", "2.50", "21.25"),
        ("acme-east", "Registered nurse, night", "4.00", "80.50", "322.00"),
    ]
    assert found.total == "658.25"
    assert [row[2] for row in found.backup] == ["base", "own:charge", "night"]


def test_the_quantity_of_an_own_line_premium_is_the_sum_of_its_pieces() -> None:
    """
    Punches as they are; the charge premium on weekends alone. Monday 5 October 06:40-07:50, meal 07:05-07:15: 60 min = 1.00 h.
      06:40-07:00           20 min  night, weekend, in charge   33.33
      07:00-07:30 less 10   20 min  weekend, in charge          33.33
      07:30-07:50           20 min  neither                     33.33
    Floors 33 + 33 + 33; the hundredth left, all remainders equal, goes to the first set as text: the empty one.
      base            0.34 h x 70.00 = 23.80
      charge nurse    0.33 + 0.33 = 0.66 h (not 40 min = 0.67) x 2.50 = 1.65
      night, weekend  0.33 h x 87.50 = 28.875 -> 28.88
      weekend         0.33 h x 77.00 = 25.41
                                       79.74
    """
    meal = {"break_start": "2026-10-05T07:05", "break_end": "2026-10-05T07:15"}
    row = completed("a", "2026-10-05T06:40", "2026-10-05T07:50", charge_nurse="yes", **meal)
    found = bill(row, edits=(NO_ROUNDING, IN_CHARGE_ON_WEEKENDS))

    assert found.lines == [
        ("acme-east", "Registered nurse", "0.34", "70.00", "23.80"),
        ("acme-east", "Registered nurse, charge nurse", "0.66", "2.50", "1.65"),
        ("acme-east", "Registered nurse, night, weekend", "0.33", "87.50", "28.88"),
        ("acme-east", "Registered nurse, weekend", "0.33", "77.00", "25.41"),
    ]
    assert found.total == "79.74"
    assert found.backup == [
        ("a", 0, "base", "0.34", "70.00", "23.8000", "23.80"),
        ("a", 0, "own:charge", "0.66", "2.50", "1.6500", "1.65"),
        ("a", 0, "night+weekend", "0.33", "87.50", "28.8750", "28.88"),
        ("a", 0, "weekend", "0.33", "77.00", "25.4100", "25.41"),
    ]


# --- cancellations


def test_a_day_of_notice_to_the_second_is_free_and_a_minute_less_is_not() -> None:
    """
    Scheduled Thursday 8 October 07:00-19:00.
      a  cancelled Wednesday 07:00: 24:00:00, not less than 24 h: nothing
      b  cancelled Wednesday 07:01: 23:59:00: 2.00 h x 70.00 = 140.00
    """
    found = bill(
        cancelled("a", "2026-10-08T07:00", "2026-10-08T19:00", "2026-10-07T07:00"),
        cancelled("b", "2026-10-08T07:00", "2026-10-08T19:00", "2026-10-07T07:01"),
    )

    assert found.fates == {"a": ("not billed", "cancelled-default")}
    assert found.lines == [("acme-east", "Registered nurse, late cancellation", "2.00", "70.00", "140.00")]
    assert found.total == "140.00"
    assert found.backup == [("b", 0, "fixed", "2.00", "70.00", "140.0000", "140.00")]


def test_notice_is_time_that_passes_also_over_a_clock_change() -> None:
    """
    Scheduled Sunday 8 March 2026 07:00 (-04:00).
      a  cancelled Saturday 06:00 (-05:00): 24:00:00 pass, though the clock says 25 h: nothing
      b  cancelled Saturday 06:30: 23:30:00 pass, though the clock says 24:30: 2.00 h x 70.00 = 140.00
    The wall clock of the terms does not change that.
    """
    rows = (
        cancelled("a", "2026-03-08T07:00", "2026-03-08T15:00", "2026-03-07T06:00"),
        cancelled("b", "2026-03-08T07:00", "2026-03-08T15:00", "2026-03-07T06:30"),
    )
    for edits in ((), (BY_WALL,)):
        found = bill(*rows, period="2026-03", edits=edits)
        assert found.fates == {"a": ("not billed", "cancelled-default")}
        assert found.lines == [("acme-east", "Registered nurse, late cancellation", "2.00", "70.00", "140.00")]


def test_a_ladder_of_notice_has_its_second_step_at_two_hours() -> None:
    """
    Less than 24 h: 2 h are billed; less than 2 h: 4 h. Scheduled Thursday 8 October 19:00, a night; prices have no premium.
      a  cancelled 17:00: 2:00:00, not less than 2 h   2.00 h x 70.00 = 140.00
      b  cancelled 17:01: 1:59:00                      4.00 h x 70.00 = 280.00
      c  cancelled Wednesday 19:00: 24:00:00           nothing
                                                       6.00 h x 70.00 = 420.00
    """
    found = bill(
        cancelled("a", "2026-10-08T19:00", "2026-10-09T07:00", "2026-10-08T17:00"),
        cancelled("b", "2026-10-08T19:00", "2026-10-09T07:00", "2026-10-08T17:01"),
        cancelled("c", "2026-10-08T19:00", "2026-10-09T07:00", "2026-10-07T19:00"),
        edits=LADDER,
    )

    assert found.fates == {"c": ("not billed", "cancelled-default")}
    assert found.lines == [("acme-east", "Registered nurse, late cancellation", "6.00", "70.00", "420.00")]
    assert found.total == "420.00"
    assert found.backup == [
        ("a", 0, "fixed", "2.00", "70.00", "140.0000", "140.00"),
        ("b", 0, "fixed", "4.00", "70.00", "280.0000", "280.00"),
    ]


def test_a_marked_cancellation_is_billed_as_scheduled() -> None:
    """
    Half the scheduled time, at least 2 h, rounded up to 15 min, at the price of the dating day; cancelled the evening before.
      a  Thursday 8 October 07:00-15:20 = 500 min; half 250 = 4:10 -> 4:15              4.25 h x 70.00 = 297.50
      b  Thursday 8 October 07:00-10:00 = 180 min; half 90 -> at least 120              2.00 h x 70.00 = 140.00
      c  Wednesday 14 October 19:00 to Thursday 07:00; half 6:00; the 15th costs more, the 14th counts; no night, no weekend
                                                                                        6.00 h x 70.00 = 420.00
                                                                                       12.25 h x 70.00 = 857.50
    """
    found = bill(
        cancelled("a", "2026-10-08T07:00", "2026-10-08T15:20", "2026-10-07T20:00", **MARKED),
        cancelled("b", "2026-10-08T07:00", "2026-10-08T10:00", "2026-10-07T20:00", **MARKED),
        cancelled("c", "2026-10-14T19:00", "2026-10-15T07:00", "2026-10-14T12:00", **MARKED),
    )

    assert found.lines == [("acme-east", "Registered nurse, cancelled, billed as scheduled", "12.25", "70.00", "857.50")]
    assert found.total == "857.50"
    assert found.backup == [
        ("a", 0, "scheduled", "4.25", "70.00", "297.5000", "297.50"),
        ("b", 0, "scheduled", "2.00", "70.00", "140.0000", "140.00"),
        ("c", 0, "scheduled", "6.00", "70.00", "420.0000", "420.00"),
    ]


def test_a_planned_break_comes_off_the_scheduled_time_before_the_share() -> None:
    """
    07:00-15:20 = 500 min, longer than 6 h: less 30 = 470; half 235 = 3:55 -> 4:00:  4.00 h x 70.00 = 280.00
    """
    row = cancelled("a", "2026-10-08T07:00", "2026-10-08T15:20", "2026-10-07T20:00", **MARKED)
    found = bill(row, edits=(PLANNED_BREAK,))

    assert found.lines == [("acme-east", "Registered nurse, cancelled, billed as scheduled", "4.00", "70.00", "280.00")]


def test_at_least_is_taken_before_rounding_up() -> None:
    """
    Law 4.2: the share, at least `at-least`, then rounded up. At least 100 min and up to 30 min here; 07:00-10:00 = 180 min.
      half = 90 min -> at least 100 -> up to 120:  2.00 h x 70.00 = 140.00
    """
    at_least: Edit = ("rules/billable.yaml", "at-least: 2h, round-up: 15min", "at-least: 100min, round-up: 30min")
    found = bill(cancelled("a", "2026-10-08T07:00", "2026-10-08T10:00", "2026-10-07T20:00", **MARKED), edits=(at_least,))

    assert found.lines == [("acme-east", "Registered nurse, cancelled, billed as scheduled", "2.00", "70.00", "140.00")]


def test_a_cancellation_has_no_premium_and_no_minimum() -> None:
    """
    Columbus day at acme-west, a night, at least 4 h of work: cancelled an hour ahead all the same 2.00 h x 66.00 = 132.00
    """
    found = bill(cancelled("a", "2026-10-12T19:00", "2026-10-13T07:00", "2026-10-12T18:00", site="acme-west"))

    assert found.lines == [("acme-west", "Registered nurse, late cancellation", "2.00", "66.00", "132.00")]


# --- minimum hours


def test_missing_hours_are_filled_on_the_line_of_the_base_price() -> None:
    """
    At least 4 h at acme-west, Tuesday 6 October 18:00-20:30: 2.50 h, 1.50 h short.
      base   18:00-19:00   1.00 h x 66.00 =  66.00 }
      fill                 1.50 h x 66.00 =  99.00 }  2.50 h x 66.00 = 165.00
      night  19:00-20:30   1.50 h x 75.90 = 113.85
                                            278.85
    """
    found = bill(completed("a", "2026-10-06T18:00", "2026-10-06T20:30", site="acme-west"))

    assert found.lines == [
        ("acme-west", "Registered nurse (1.00 h worked, 1.50 h to the agreed minimum)", "2.50", "66.00", "165.00"),
        ("acme-west", "Registered nurse, night", "1.50", "75.90", "113.85"),
    ]
    assert found.total == "278.85"
    assert found.backup == [
        ("a", 0, "base", "1.00", "66.00", "66.0000", "66.00"),
        ("a", 1, "fill", "1.50", "66.00", "99.0000", "99.00"),
        ("a", 0, "night", "1.50", "75.90", "113.8500", "113.85"),
    ]


def test_the_minimum_itself_is_not_filled() -> None:
    """
    Tuesday 6 October 08:00-12:00 (4.00 h) and 13:00-16:45 (3.75 h + 0.25 h fill): 7.75 worked, 8.00 h x 66.00 = 528.00
    """
    found = bill(
        completed("a", "2026-10-06T08:00", "2026-10-06T12:00", site="acme-west"),
        completed("b", "2026-10-06T13:00", "2026-10-06T16:45", site="acme-west"),
    )

    assert found.lines == [
        ("acme-west", "Registered nurse (7.75 h worked, 0.25 h to the agreed minimum)", "8.00", "66.00", "528.00")
    ]
    assert [(row[0], row[1], row[2], row[3]) for row in found.backup] == [
        ("a", 0, "base", "4.00"),
        ("b", 0, "base", "3.75"),
        ("b", 1, "fill", "0.25"),
    ]


def test_fill_comes_after_all_segments_at_the_base_price_of_the_dating_day() -> None:
    """
    ICU at acme-west, at least 8 h here: 80.00, from Tuesday 20 October 82.00. Monday 18:00 to Tuesday 00:30: 6.5 h, break 21:00 to 21:30.
      segment 0  18:00-19:00             1.00 h x 80.00 =  80.00 }
      segment 2  fill 8.00 - 6.00        2.00 h x 80.00 = 160.00 }  3.00 h x 80.00 = 240.00
      segment 0  19:00-24:00 less 0:30   4.50 h x 92.00 = 414.00     80.00 + 12.00
      segment 1  00:00-00:30             0.50 h x 94.30 =  47.15     82.00 + 12.30
                                                          701.15
    """
    row = completed("a", "2026-10-19T18:00", "2026-10-20T00:30", site="acme-west", item="ICU")
    found = bill(row, edits=(EIGHT_HOURS_AT_LEAST,))

    name = "Registered nurse, intensive care"
    assert found.lines == [
        ("acme-west", f"{name} (1.00 h worked, 2.00 h to the agreed minimum)", "3.00", "80.00", "240.00"),
        ("acme-west", f"{name}, night", "4.50", "92.00", "414.00"),
        ("acme-west", f"{name}, night", "0.50", "94.30", "47.15"),
    ]
    assert found.total == "701.15"
    assert found.backup == [
        ("a", 0, "base", "1.00", "80.00", "80.0000", "80.00"),
        ("a", 2, "fill", "2.00", "80.00", "160.0000", "160.00"),
        ("a", 0, "night", "4.50", "92.00", "414.0000", "414.00"),
        ("a", 1, "night", "0.50", "94.30", "47.1500", "47.15"),
    ]


def test_fill_is_priced_on_the_dating_day_even_where_no_work_is() -> None:
    """
    At least 5 h everywhere here. Wednesday 14 October 23:53 to Thursday 04:07 is billed 00:00 to 04:00, on the 15th; it is dated on the 14th.
      night  4.00 h x 83.43 = 333.72     72.55 + 10.88, the price of the 15th
      fill   1.00 h x 70.00 =  70.00     the price of the 14th; on its line nobody worked
                              403.72
    """
    five: Edit = ("rates/terms-default.yaml", "min-hours: 0h", "min-hours: 5h")
    found = bill(completed("a", "2026-10-14T23:53", "2026-10-15T04:07"), edits=(five,))

    assert found.lines == [
        ("acme-east", "Registered nurse (0.00 h worked, 1.00 h to the agreed minimum)", "1.00", "70.00", "70.00"),
        ("acme-east", "Registered nurse, night", "4.00", "83.43", "333.72"),
    ]
    assert found.total == "403.72"
    assert found.backup == [
        ("a", 1, "fill", "1.00", "70.00", "70.0000", "70.00"),
        ("a", 0, "night", "4.00", "83.43", "333.7200", "333.72"),
    ]


# --- orientation


def test_orientation_is_its_own_item_with_no_minimum_and_no_charge_premium() -> None:
    """
    Tuesday 6 October at acme-west. Items stand in the order of the book: RN before ORIENT, though "O" comes before "R".
      a  08:00-10:30 orientation, in charge   2.50 h x 33.00 =  82.50     no fill to 4 h, no charge premium
      b  08:00-12:00 completed                4.00 h x 66.00 = 264.00
                                                               346.50
    """
    found = bill(
        completed("a", "2026-10-06T08:00", "2026-10-06T10:30", site="acme-west", status="orientation", charge_nurse="yes"),
        completed("b", "2026-10-06T08:00", "2026-10-06T12:00", site="acme-west"),
    )

    assert found.lines == [
        ("acme-west", "Registered nurse", "4.00", "66.00", "264.00"),
        ("acme-west", "Orientation", "2.50", "33.00", "82.50"),
    ]
    assert [line.item for line in found.only.invoice.lines] == ["RN", "ORIENT"]
    assert found.total == "346.50"


# --- formula versions


def test_the_same_shift_is_priced_by_the_formula_version_of_its_day() -> None:
    """
    Orientation on a Saturday 08:00-12:00 at acme-west: 33.00 and the weekend's 10 % = 3.30. From 2026 a premium is at least 3.50.
      6 December 2025   4.00 h x 36.30 = 145.20
      3 January 2026    4.00 h x 36.50 = 146.00
    """
    december = completed("a", "2025-12-06T08:00", "2025-12-06T12:00", site="acme-west", status="orientation")
    january = completed("b", "2026-01-03T08:00", "2026-01-03T12:00", site="acme-west", status="orientation")

    assert bill(december, january, period="2025-12").lines == [
        ("acme-west", "Orientation, weekend", "4.00", "36.30", "145.20"),
    ]
    assert bill(december, january, period="2026-01").lines == [
        ("acme-west", "Orientation, weekend", "4.00", "36.50", "146.00"),
    ]


def test_a_shift_over_new_year_keeps_the_formula_version_of_its_start() -> None:
    """
    Night 10 % here. Orientation at acme-west, Wednesday 31 December 2025 22:00 to Thursday 06:00, break 01:45 to 02:15:
      7.50 h x 36.30 = 272.25 (33.00 + 3.30, before and after midnight; no price changes, so it is not cut)
    """
    row = completed("a", "2025-12-31T22:00", "2026-01-01T06:00", site="acme-west", status="orientation")
    found = bill(row, period="2025-12", edits=(SMALL_NIGHT,))

    assert found.lines == [("acme-west", "Orientation, night", "7.50", "36.30", "272.25")]
    assert found.backup == [("a", 0, "night", "7.50", "36.30", "272.2500", "272.25")]
