"""Invoices computed by hand: nights, clock changes, rounding of punches, breaks and rate changes. The arithmetic stands in each docstring.

Wherever a docstring does not say otherwise, the work is a registered nurse's at acme-east in New York: 70.00, from 15 October 2026 72.55;
night (19:00 to 07:00) 15 %, weekend (Friday 19:00 to Monday 07:30) 10 %, added to the base price; punches to 15 minutes each.
"""

from __future__ import annotations

import pytest

from tests.golden.bills import BY_START, BY_WALL, NO_ROUNDING, Edit, bill
from tests.workspaces import completed

PER_INTERVAL: Edit = ("rates/terms-default.yaml", "per: punch", "per: interval")
NO_DEDUCTION: Edit = (
    "rates/terms-default.yaml",
    "break: { after: 6h, length: 30min, unplaced: middle }",
    "break: none",
)
BREAKS_AS_PUNCHED: Edit = ("rates/terms-default.yaml", "half: up, per:", "half: up, breaks: no, per:")


def unplaced(where: str) -> Edit:
    return ("rates/terms-default.yaml", "unplaced: middle", f"unplaced: {where}")


def night_until(clock: str) -> Edit:
    return ("rules/segments.yaml", "each: day, from: 19:00, to: 07:00", f"each: day, from: 19:00, to: {clock}")


# --- nights


def test_an_overnight_shift_has_a_day_part_and_a_night_part() -> None:
    """
    Tuesday 6 October 18:52 is nearer to 18:45 (7 min) than to 19:00 (8 min); Wednesday 07:08 is nearer to 07:15 (7 min).
    18:45 to 07:15 = 12 h 30, more than 6 h: 30 min off. The middle is 6 h 15 in, at 01:00: the break is 00:45 to 01:15.
      day    18:45-19:00 and 07:00-07:15                0.50 h x 70.00 =  35.00
      night  19:00-07:00 = 12 h less 0:30              11.50 h x 80.50 = 925.75    80.50 = 70.00 + 15 % (10.50)
                                                       12.00 h           960.75
    """
    found = bill(completed("a", "2026-10-06T18:52", "2026-10-07T07:08"))

    assert found.lines == [
        ("acme-east", "Registered nurse", "0.50", "70.00", "35.00"),
        ("acme-east", "Registered nurse, night", "11.50", "80.50", "925.75"),
    ]
    assert found.total == "960.75"
    assert found.backup == [
        ("a", 0, "base", "0.50", "70.00", "35.0000", "35.00"),
        ("a", 0, "night", "11.50", "80.50", "925.7500", "925.75"),
    ]


def test_the_weekend_ends_on_monday_at_half_past_seven() -> None:
    """
    Sunday 4 October 23:00 to Monday 08:00 = 9 h; the middle is 03:30, the break 03:15 to 03:45.
      night, weekend  23:00-07:00 = 8 h less 0:30     7.50 h x 87.50 = 656.25     70.00 + 10.50 + 7.00
      weekend         07:00-07:30                     0.50 h x 77.00 =  38.50     70.00 + 7.00
      neither         07:30-08:00                     0.50 h x 70.00 =  35.00
                                                      8.50 h           729.75
    """
    found = bill(completed("a", "2026-10-04T23:00", "2026-10-05T08:00"))

    assert found.lines == [
        ("acme-east", "Registered nurse", "0.50", "70.00", "35.00"),
        ("acme-east", "Registered nurse, night, weekend", "7.50", "87.50", "656.25"),
        ("acme-east", "Registered nurse, weekend", "0.50", "77.00", "38.50"),
    ]
    assert found.total == "729.75"


# --- clock changes


@pytest.mark.parametrize(
    ("edits", "quantity", "amount"), [((), "11.00", "962.50"), ((BY_WALL,), "12.00", "1050.00")], ids=["elapsed", "wall"]
)
def test_the_night_the_clock_is_set_forward(edits: tuple[Edit, ...], quantity: str, amount: str) -> None:
    """
    Saturday 7 March 2026 19:00 (-05:00) to Sunday 07:00 (-04:00), no break: all of it night and weekend, 70.00 + 10.50 + 7.00 = 87.50.
    At 02:00 the clock goes to 03:00.
      elapsed  19:00-02:00 = 7 h, 03:00-07:00 = 4 h    11.00 h x 87.50 =   962.50
      wall     19:00-07:00 on the clock                12.00 h x 87.50 = 1,050.00
    """
    found = bill(completed("a", "2026-03-07T19:00", "2026-03-08T07:00", break_minutes="0"), period="2026-03", edits=edits)

    assert found.lines == [("acme-east", "Registered nurse, night, weekend", quantity, "87.50", amount)]
    assert found.total.replace(",", "") == amount


@pytest.mark.parametrize(
    ("edits", "quantity", "amount"), [((), "13.00", "1178.97"), ((BY_WALL,), "12.00", "1088.28")], ids=["elapsed", "wall"]
)
def test_the_night_the_clock_is_set_back(edits: tuple[Edit, ...], quantity: str, amount: str) -> None:
    """
    Saturday 31 October 2026 19:00 (-04:00) to Sunday 07:00 (-05:00), no break: all night and weekend, in October because it starts there.
      night    15 % of 72.55 = 10.8825 -> 10.88
      weekend  10 % of 72.55 =  7.255  ->  7.26            72.55 + 10.88 + 7.26 = 90.69
      elapsed  19:00-02:00 = 7 h, 01:00-07:00 = 6 h    13.00 h x 90.69 = 1,178.97
      wall     19:00-07:00 on the clock                12.00 h x 90.69 = 1,088.28
    """
    found = bill(completed("a", "2026-10-31T19:00", "2026-11-01T07:00", break_minutes="0"), edits=edits)

    assert found.lines == [("acme-east", "Registered nurse, night, weekend", quantity, "90.69", amount)]
    assert found.total.replace(",", "") == amount


@pytest.mark.parametrize(
    ("edits", "night", "amount", "total"),
    [((), "5.00", "437.50", "591.50"), ((BY_WALL,), "6.00", "525.00", "679.00")],
    ids=["elapsed", "wall"],
)
def test_by_the_wall_the_clock_change_falls_into_the_piece_that_contains_it(
    edits: tuple[Edit, ...], night: str, amount: str, total: str
) -> None:
    """
    Sunday 8 March 2026 01:00 to 09:00, no break; the clock goes from 02:00 to 03:00, within the night.
      night, weekend  01:00-07:00   elapsed 5.00 h x 87.50 = 437.50    wall 6.00 h x 87.50 = 525.00
      weekend         07:00-09:00           2.00 h x 77.00 = 154.00         2.00 h x 77.00 = 154.00
                                            7.00 h           591.50         8.00 h           679.00
    """
    found = bill(completed("a", "2026-03-08T01:00", "2026-03-08T09:00", break_minutes="0"), period="2026-03", edits=edits)

    assert found.lines == [
        ("acme-east", "Registered nurse, night, weekend", night, "87.50", amount),
        ("acme-east", "Registered nurse, weekend", "2.00", "77.00", "154.00"),
    ]
    assert found.total == total


@pytest.mark.parametrize(
    ("edits", "night", "amount", "total"),
    [((), "3.00", "262.50", "570.50"), ((BY_WALL,), "4.00", "350.00", "658.00")],
    ids=["elapsed", "wall"],
)
def test_by_the_wall_the_clock_change_falls_into_the_piece_that_ends_at_it(
    edits: tuple[Edit, ...], night: str, amount: str, total: str
) -> None:
    """
    Night until 03:00 here. Saturday 7 March 2026 23:00 to Sunday 07:00, no break. The instant after 01:59 reads 03:00: no longer night.
      night, weekend  23:00-(02:00 = 03:00)   elapsed 3.00 h x 87.50 = 262.50    wall 4.00 h x 87.50 = 350.00
      weekend         03:00-07:00                     4.00 h x 77.00 = 308.00         4.00 h x 77.00 = 308.00
                                                      7.00 h           570.50         8.00 h           658.00
    """
    row = completed("a", "2026-03-07T23:00", "2026-03-08T07:00", break_minutes="0")
    found = bill(row, period="2026-03", edits=(*edits, night_until("03:00")))

    assert found.lines == [
        ("acme-east", "Registered nurse, night, weekend", night, "87.50", amount),
        ("acme-east", "Registered nurse, weekend", "4.00", "77.00", "308.00"),
    ]
    assert found.total == total


@pytest.mark.parametrize(
    ("edits", "weekend", "amount", "total"),
    [((), "6.00", "478.86", "1,113.69"), ((BY_WALL,), "5.00", "399.05", "1,033.88")],
    ids=["elapsed", "wall"],
)
def test_a_window_is_what_the_clock_reads_so_it_holds_twice_where_the_clock_is_set_back(
    edits: tuple[Edit, ...], weekend: str, amount: str, total: str
) -> None:
    """
    Night until 01:30 here. Saturday 31 October 2026 19:00 to Sunday 07:00, no break.
      night    19:00-01:30 (-04:00) = 6:30, 01:00-01:30 (-05:00) = 0:30     7.00 h x 90.69 = 634.83    both ways of counting
      weekend  01:30-02:00 (-04:00) = 0:30, 01:30-07:00 (-05:00) = 5:30     6.00 h x 79.81 = 478.86    elapsed
               the half hour that ends at the change is 01:00 less 01:30 = -0:30 by the wall: 5:30 - 0:30
                                                                            5.00 h x 79.81 = 399.05    wall
      72.55 + 7.26 = 79.81;  634.83 + 478.86 = 1,113.69;  634.83 + 399.05 = 1,033.88
    """
    row = completed("a", "2026-10-31T19:00", "2026-11-01T07:00", break_minutes="0")
    found = bill(row, edits=(*edits, night_until("01:30")))

    assert found.lines == [
        ("acme-east", "Registered nurse, night, weekend", "7.00", "90.69", "634.83"),
        ("acme-east", "Registered nurse, weekend", weekend, "79.81", amount),
    ]
    assert found.total == total


@pytest.mark.parametrize("edits", [(), (BY_WALL,)], ids=["elapsed", "wall"])
def test_a_clock_change_in_the_break_is_nobodys(edits: tuple[Edit, ...]) -> None:
    """
    Saturday 31 October 2026 19:00 to Sunday 07:00, meal from 01:30 (-04:00) to 01:15 (-05:00): 45 minutes that pass.
      19:00-01:30 = 6:30, 01:15-07:00 = 5:45, with and without the wall clock: 12.25 h x 90.69 = 1,110.9525 -> 1,110.95
    """
    meal = {"break_start": "2026-11-01T01:30-04:00", "break_end": "2026-11-01T01:15-05:00"}
    found = bill(completed("a", "2026-10-31T19:00", "2026-11-01T07:00", **meal), edits=edits)

    assert found.lines == [("acme-east", "Registered nurse, night, weekend", "12.25", "90.69", "1110.95")]
    assert found.backup == [("a", 0, "night+weekend", "12.25", "90.69", "1110.9525", "1110.95")]


# --- rounding of punches


@pytest.mark.parametrize(
    ("edits", "whole", "with_meal", "total"),
    [
        ((), ("8.50", "595.00"), ("7.75", "542.50"), "1,137.50"),
        ((PER_INTERVAL,), ("8.25", "577.50"), ("7.75", "542.50"), "1,120.00"),
        ((BREAKS_AS_PUNCHED,), ("8.50", "595.00"), ("7.97", "557.90"), "1,152.90"),
        ((PER_INTERVAL, BREAKS_AS_PUNCHED), ("8.25", "577.50"), ("7.72", "540.40"), "1,117.90"),
    ],
    ids=["punch", "interval", "punch, breaks as punched", "interval, breaks as punched"],
)
def test_rounding_each_punch_and_rounding_the_interval(
    edits: tuple[Edit, ...], whole: tuple[str, str], with_meal: tuple[str, str], total: str
) -> None:
    """
    Tuesday 6 October 08:07 to 16:25, once without a break, once (Wednesday) with a meal from 12:21 to 12:53 (32 min).
      per punch     08:07 -> 08:00, 16:25 -> 16:30: 8:30           meal 12:21 -> 12:15, 12:53 -> 13:00: 0:45
      per interval  8:18 = 498 min = 33.2 steps -> 33: 8:15        meal 32 min = 2.13 steps -> 2: 0:30
    without a meal   punch 8.50 h x 70.00 = 595.00                 interval 8.25 h x 70.00 = 577.50
    with the meal    punch 8:30 - 0:45 = 7.75 h = 542.50           interval 8:15 - 0:30 = 7.75 h = 542.50
    breaks: no       punch 8:30 - 0:32 = 7:58 = 7.9667 -> 7.97 h = 557.90
                     interval 8:15 - 0:32 = 7:43 = 7.7167 -> 7.72 h = 540.40
    """
    day = completed("a", "2026-10-06T08:07", "2026-10-06T16:25", break_minutes="0")
    meal = {"break_start": "2026-10-07T12:21", "break_end": "2026-10-07T12:53"}
    found = bill(day, completed("b", "2026-10-07T08:07", "2026-10-07T16:25", **meal), edits=edits)

    assert [(row[0], row[3], row[6]) for row in found.backup] == [("a", *whole), ("b", *with_meal)]
    assert [line[:2] for line in found.lines] == [("acme-east", "Registered nurse")]
    assert found.total == total


@pytest.mark.parametrize(
    ("edits", "price", "amount"), [((), "83.43", "333.72"), ((BY_START,), "80.50", "322.00")], ids=["segment", "start"]
)
def test_a_start_rounded_into_the_next_day_is_priced_there_or_on_the_day_written(
    edits: tuple[Edit, ...], price: str, amount: str
) -> None:
    """
    Wednesday 14 October 23:53 to Thursday 04:07: billed 00:00 to 04:00, 4 h, no break. RN costs 72.55 from the 15th.
      price-at segment  all of its time lies on the 15th: 72.55 + 10.88 = 83.43;  4.00 h x 83.43 = 333.72
      price-at start    the start as written is on the 14th: 70.00 + 10.50 = 80.50;  4.00 h x 80.50 = 322.00
    """
    found = bill(completed("a", "2026-10-14T23:53", "2026-10-15T04:07"), edits=edits)

    assert found.lines == [("acme-east", "Registered nurse, night", "4.00", price, amount)]


def test_the_start_as_written_picks_the_period() -> None:
    """
    Wednesday 30 September 23:53 to Thursday 04:07, billed 00:00 to 04:00 on 1 October, is September's:
      4.00 h x 80.50 = 322.00
    """
    row = completed("a", "2026-09-30T23:53", "2026-10-01T04:07")

    assert bill(row).found.assembled == ()
    assert bill(row, period="2026-09").lines == [("acme-east", "Registered nurse, night", "4.00", "80.50", "322.00")]


@pytest.mark.parametrize(
    ("half", "punch", "interval", "total"),
    [
        ("up", ("8.50", "595.00"), ("8.50", "595.00"), "1,190.00"),
        ("down", ("8.50", "595.00"), ("8.00", "560.00"), "1,155.00"),
        ("even", ("9.00", "630.00"), ("8.00", "560.00"), "1,190.00"),
    ],
)
def test_a_punch_half_way_between_two_steps_goes_as_declared(
    half: str, punch: tuple[str, str], interval: tuple[str, str], total: str
) -> None:
    """
    To 30 minutes, no breaks.
    a  acme-east, each punch, Tuesday 08:15-16:45
         up 08:30-17:00 = 8.50 h   down 08:00-16:30 = 8.50 h   even 08:00 (step 16, not 17) to 17:00 (step 34, not 33) = 9.00 h
    b  acme-west, the interval, Tuesday 08:00-16:15 = 8:15 = 16.5 steps
         up 17 = 8.50 h            down 16 = 8.00 h            even 16 = 8.00 h
    RN costs 70.00 at acme-east; acme-west is priced as NYC here: 70.00 too.
    """
    rounding = f"{{ to: 30min, half: {half}, per: "
    default = ("rates/terms-default.yaml", "{ to: 15min, half: up, per: punch }", rounding + "punch }")
    west = ("rates/accounts/acme.yaml", "min-hours: 4h,", f"min-hours: 4h, punch-rounding: {rounding}interval }},")
    geo = ("rates/accounts/acme.yaml", "2024-01-01: NYC, 2025-07-01: LA", "2024-01-01: NYC")
    found = bill(
        completed("a", "2026-10-06T08:15", "2026-10-06T16:45", break_minutes="0"),
        completed("b", "2026-10-06T08:00", "2026-10-06T16:15", break_minutes="0", site="acme-west"),
        edits=(default, west, geo),
    )

    assert found.lines == [
        ("acme-east", "Registered nurse", punch[0], "70.00", punch[1]),
        ("acme-west", "Registered nurse", interval[0], "70.00", interval[1]),
    ]
    assert found.total == total


# --- meal breaks


def test_a_punched_break_is_cut_out_where_it_was_punched_also_where_no_break_is_deducted() -> None:
    """
    `break: none` deducts nothing of itself; law 3.2: a punched break is cut out.
    Tuesday 6 October 08:00-12:00, meal 09:00-10:00: 3.00 h x 70.00 = 210.00
    """
    meal = {"break_start": "2026-10-06T09:00", "break_end": "2026-10-06T10:00"}
    found = bill(completed("a", "2026-10-06T08:00", "2026-10-06T12:00", **meal), edits=(NO_DEDUCTION,))

    assert found.lines == [("acme-east", "Registered nurse", "3.00", "70.00", "210.00")]


def test_a_punched_break_takes_the_place_of_the_deduction_and_falls_where_it_was() -> None:
    """
    Tuesday 6 October 13:00 to Wednesday 01:00, meal 20:00-21:00: the hour comes off the night, and nothing else does.
      day    13:00-19:00             6.00 h x 70.00 = 420.00
      night  19:00-01:00 less 1:00   5.00 h x 80.50 = 402.50
                                                      822.50
    """
    meal = {"break_start": "2026-10-06T20:00", "break_end": "2026-10-06T21:00"}
    found = bill(completed("a", "2026-10-06T13:00", "2026-10-07T01:00", **meal))

    assert found.lines == [
        ("acme-east", "Registered nurse", "6.00", "70.00", "420.00"),
        ("acme-east", "Registered nurse, night", "5.00", "80.50", "402.50"),
    ]
    assert found.total == "822.50"


@pytest.mark.parametrize(
    ("where", "day", "night", "total"),
    [
        ("middle", ("5.75", "402.50"), ("5.75", "462.88"), "865.38"),
        ("end", ("6.00", "420.00"), ("5.50", "442.75"), "862.75"),
        ("longest-segment", ("5.50", "385.00"), ("6.00", "483.00"), "868.00"),
    ],
)
def test_an_unplaced_break_is_placed_as_the_terms_say(
    where: str, day: tuple[str, str], night: tuple[str, str], total: str
) -> None:
    """
    Tuesday 6 October 13:00 to Wednesday 01:00: 12 h, 6 of them day and 6 night; 30 min off.
      middle           13:00 + 6 h - 0:15 = 18:45 to 19:15    day 5.75 h x 70.00 = 402.50   night 5.75 h x 80.50 = 462.875 -> 462.88
      end              00:30 to 01:00                         day 6.00 h x 70.00 = 420.00   night 5.50 h x 80.50 = 442.75
      longest-segment  13:00-24:00 (11 h) beats 00:00-01:00; its middle is 18:30: 18:15 to 18:45
                                                              day 5.50 h x 70.00 = 385.00   night 6.00 h x 80.50 = 483.00
    """
    found = bill(completed("a", "2026-10-06T13:00", "2026-10-07T01:00"), edits=(unplaced(where),))

    assert found.lines == [
        ("acme-east", "Registered nurse", day[0], "70.00", day[1]),
        ("acme-east", "Registered nurse, night", night[0], "80.50", night[1]),
    ]
    assert found.total == total


def test_of_two_equal_parts_of_a_shift_the_earlier_has_the_break() -> None:
    """
    Wednesday 14 October 20:00 to Thursday 04:00 with longest-segment: both parts have 4 h, the break is 21:45 to 22:15.
      20:00-24:00 less 0:30   3.50 h x 80.50 = 281.75
      00:00-04:00             4.00 h x 83.43 = 333.72
                                               615.47
    """
    found = bill(completed("a", "2026-10-14T20:00", "2026-10-15T04:00"), edits=(unplaced("longest-segment"),))

    assert found.lines == [
        ("acme-east", "Registered nurse, night", "3.50", "80.50", "281.75"),
        ("acme-east", "Registered nurse, night", "4.00", "83.43", "333.72"),
    ]
    assert found.total == "615.47"


def test_a_part_shorter_than_the_break_leaves_it_to_the_middle_of_the_shift() -> None:
    """
    Wednesday 14 October 22:00 to Thursday 02:00, 150 min of break, longest-segment: both parts have only 120 min.
    The middle of the shift is 00:00, the break 22:45 to 01:15.
      22:00-22:45   0.75 h x 80.50 = 60.375  -> 60.38
      01:15-02:00   0.75 h x 83.43 = 62.5725 -> 62.57
                                               122.95
    """
    row = completed("a", "2026-10-14T22:00", "2026-10-15T02:00", break_minutes="150")
    found = bill(row, edits=(unplaced("longest-segment"),))

    assert found.lines == [
        ("acme-east", "Registered nurse, night", "0.75", "80.50", "60.38"),
        ("acme-east", "Registered nurse, night", "0.75", "83.43", "62.57"),
    ]
    assert found.total == "122.95"
    assert found.backup == [
        ("a", 0, "night", "0.75", "80.50", "60.3750", "60.38"),
        ("a", 1, "night", "0.75", "83.43", "62.5725", "62.57"),
    ]


def test_reported_minutes_replace_the_deduction_and_are_placed_on_the_grid() -> None:
    """
    Tuesday 6 October 16:00 to 24:00 with 45 reported minutes: middle 20:00 less 22:30 = 217.5 min in, floored to 217: 19:37 to 20:22.
      day    16:00-19:00             3.00 h x 70.00 = 210.00
      night  19:00-24:00 less 0:45   4.25 h x 80.50 = 342.125 -> 342.13
                                                      552.13
    """
    found = bill(completed("a", "2026-10-06T16:00", "2026-10-07T00:00", break_minutes="45"))

    assert found.lines == [
        ("acme-east", "Registered nurse", "3.00", "70.00", "210.00"),
        ("acme-east", "Registered nurse, night", "4.25", "80.50", "342.13"),
    ]
    assert found.total == "552.13"


def test_the_middle_of_an_odd_number_of_minutes_is_floored() -> None:
    """
    Punches as they are. Tuesday 6 October 15:30 to 22:31 = 421 min; middle 210.5 less 15 = 195.5, floored to 195: 18:45 to 19:15.
      day    15:30-18:45 = 195 min = 3.25 h exactly
      night  19:15-22:31 = 196 min = 3.2667 h
      all    391 min = 6.5167 -> 6.52; floors 3.25 + 3.26, the hundredth left goes to the night: 3.27
      3.25 h x 70.00 = 227.50;  3.27 h x 80.50 = 263.235 -> 263.24;  together 490.74
    """
    found = bill(completed("a", "2026-10-06T15:30", "2026-10-06T22:31"), edits=(NO_ROUNDING,))

    assert found.lines == [
        ("acme-east", "Registered nurse", "3.25", "70.00", "227.50"),
        ("acme-east", "Registered nurse, night", "3.27", "80.50", "263.24"),
    ]
    assert found.total == "490.74"


def test_six_hours_have_no_break_and_a_break_as_long_as_the_shift_leaves_nothing() -> None:
    """
    Tuesday 6 October. 08:00-14:00 is not longer than 6 h: 6.00 h.  08:00-14:15 is: 6.25 - 0.50 = 5.75 h.
    A meal punched 07:30-08:30 counts from the shift's start at 08:00: 08:00-12:00 is 3.50 h.
    60 minutes of break in 08:00-09:00: nothing to bill.
      6.00 + 5.75 + 3.50 = 15.25 h x 70.00 = 1,067.50
    """
    found = bill(
        completed("a", "2026-10-06T08:00", "2026-10-06T14:00"),
        completed("b", "2026-10-06T08:00", "2026-10-06T14:15"),
        completed("c", "2026-10-06T08:00", "2026-10-06T12:00", break_start="2026-10-06T07:30", break_end="2026-10-06T08:30"),
        completed("d", "2026-10-06T08:00", "2026-10-06T09:00", break_minutes="60"),
    )

    assert found.lines == [("acme-east", "Registered nurse", "15.25", "70.00", "1067.50")]
    assert [(row[0], row[3], row[6]) for row in found.backup] == [
        ("a", "6.00", "420.00"),
        ("b", "5.75", "402.50"),
        ("c", "3.50", "245.00"),
    ]
    assert found.fates == {"d": ("not billed", "rounds-to-nothing")}


# --- prices that change


def test_a_rate_that_changes_at_midnight_cuts_the_shift() -> None:
    """
    Wednesday 14 October 22:00 to Thursday 06:00: 8 h, break 01:45 to 02:15. RN costs 72.55 from the 15th.
      segment 0  22:00-24:00             2.00 h x 80.50 = 161.00      70.00 + 10.50
      segment 1  00:00-06:00 less 0:30   5.50 h x 83.43 = 458.865     72.55 + 10.88 (10.8825)
                                                       -> 458.87      together 619.87
    """
    found = bill(completed("a", "2026-10-14T22:00", "2026-10-15T06:00"))

    assert found.lines == [
        ("acme-east", "Registered nurse, night", "2.00", "80.50", "161.00"),
        ("acme-east", "Registered nurse, night", "5.50", "83.43", "458.87"),
    ]
    assert found.total == "619.87"
    assert found.backup == [
        ("a", 0, "night", "2.00", "80.50", "161.0000", "161.00"),
        ("a", 1, "night", "5.50", "83.43", "458.8650", "458.87"),
    ]


def test_with_price_at_start_the_day_of_the_start_prices_all_of_it() -> None:
    """
    The same shift, not cut: 7.50 h x 80.50 = 603.75
    """
    found = bill(completed("a", "2026-10-14T22:00", "2026-10-15T06:00"), edits=(BY_START,))

    assert found.lines == [("acme-east", "Registered nurse, night", "7.50", "80.50", "603.75")]
    assert found.total == "603.75"
    assert found.backup == [("a", 0, "night", "7.50", "80.50", "603.7500", "603.75")]


def test_an_override_ends_in_the_middle_of_the_period() -> None:
    """
    ICU at acme-east costs 96.00 until 15 October; from the 16th the table's 88.00.
      a  Thursday 15th 07:00-15:00, break 10:45: 7.50 h x 96.00  = 720.00
      b  Friday 16th 07:00-15:00:                7.50 h x 88.00  = 660.00
      c  Thursday 19:00 to Friday 07:00, break 00:45 to 01:15
           19:00-24:00                           5.00 h x 110.40 = 552.00     96.00 + 14.40
           00:00-07:00 less 0:30                 6.50 h x 101.20 = 657.80     88.00 + 13.20
                                                                 2,589.80
    """
    found = bill(
        completed("a", "2026-10-15T07:00", "2026-10-15T15:00", item="ICU"),
        completed("b", "2026-10-16T07:00", "2026-10-16T15:00", item="ICU"),
        completed("c", "2026-10-15T19:00", "2026-10-16T07:00", item="ICU"),
    )

    assert found.lines == [
        ("acme-east", "Registered nurse, intensive care", "7.50", "88.00", "660.00"),
        ("acme-east", "Registered nurse, intensive care", "7.50", "96.00", "720.00"),
        ("acme-east", "Registered nurse, intensive care, night", "6.50", "101.20", "657.80"),
        ("acme-east", "Registered nurse, intensive care, night", "5.00", "110.40", "552.00"),
    ]
    assert found.total == "2,589.80"


def test_a_site_changes_its_geo_inside_the_period() -> None:
    """
    acme-west is priced as NYC (RN 70.00) until 30 June 2025 and as LA (66.00) from 1 July. Monday and Tuesday, period 20 June to 10 July.
      a  Monday 08:00-12:00                                    4.00 h x 70.00 = 280.00
      b  Tuesday 08:00-12:00                                   4.00 h x 66.00 = 264.00
      c  Monday 22:00 to Tuesday 06:00, break 01:45 to 02:15
           22:00-24:00                                         2.00 h x 80.50 = 161.00     70.00 + 10.50
           00:00-06:00 less 0:30                               5.50 h x 75.90 = 417.45     66.00 + 9.90
                                                                              1,122.45
    """
    found = bill(
        completed("a", "2025-06-30T08:00", "2025-06-30T12:00", site="acme-west"),
        completed("b", "2025-07-01T08:00", "2025-07-01T12:00", site="acme-west"),
        completed("c", "2025-06-30T22:00", "2025-07-01T06:00", site="acme-west"),
        period="2025-06-20..2025-07-11",
    )

    assert found.lines == [
        ("acme-west", "Registered nurse", "4.00", "66.00", "264.00"),
        ("acme-west", "Registered nurse", "4.00", "70.00", "280.00"),
        ("acme-west", "Registered nurse, night", "5.50", "75.90", "417.45"),
        ("acme-west", "Registered nurse, night", "2.00", "80.50", "161.00"),
    ]
    assert found.total == "1,122.45"


def test_a_rate_that_changes_cuts_the_shift_even_where_nobody_is_paid_it() -> None:
    """
    The weekend's 10 % become 12 % on Wednesday 7 October. Tuesday 22:00 to Wednesday 06:00, a night and no weekend, break 01:45 to 02:15:
      segment 0  22:00-24:00             2.00 h x 80.50 = 161.00
      segment 1  00:00-06:00 less 0:30   5.50 h x 80.50 = 442.75
                                         7.50 h x 80.50 = 603.75, one line
    """
    weekend = (
        "rates/differentials.yaml",
        "weekend, prices: { 2024-01-01: 10 }",
        "weekend, prices: { 2024-01-01: 10, 2026-10-07: 12 }",
    )
    found = bill(completed("a", "2026-10-06T22:00", "2026-10-07T06:00"), edits=(weekend,))

    assert found.lines == [("acme-east", "Registered nurse, night", "7.50", "80.50", "603.75")]
    assert found.backup == [
        ("a", 0, "night", "2.00", "80.50", "161.0000", "161.00"),
        ("a", 1, "night", "5.50", "80.50", "442.7500", "442.75"),
    ]


def test_a_site_beats_an_account_and_an_item_beats_none() -> None:
    """
    Overrides of acme, beside the surge price of ICU at acme-east (96.00): account-wide 50.00, account-wide for RN 60.00,
    acme-east 80.00. Four hours each on Tuesday 6 October:
      acme-east  RN   the site without an item beats the account with one   4.00 h x 80.00 = 320.00
      acme-east  ICU  the site with the item                                4.00 h x 96.00 = 384.00
      acme-west  RN   the account with the item                             4.00 h x 60.00 = 240.00
      acme-west  ICU  the account                                           4.00 h x 50.00 = 200.00
                                                                                           1,144.00
    """
    more = (
        "overrides:\n"
        "  - { override: all, instead-of: geo-base, from: 2026-01-01, price: 50.00, unit: hour }\n"
        "  - { override: nurses, instead-of: geo-base, item: RN, from: 2026-01-01, price: 60.00, unit: hour }\n"
        "  - { override: east, instead-of: geo-base, site: acme-east, from: 2026-01-01, price: 80.00, unit: hour }\n"
    )
    rows = [
        completed(f"{site}-{item}", "2026-10-06T08:00", "2026-10-06T12:00", site=site, item=item)
        for site in ("acme-east", "acme-west")
        for item in ("ICU", "RN")
    ]
    found = bill(*rows, edits=(("rates/accounts/acme.yaml", "overrides:\n", more),))

    assert found.lines == [
        ("acme-east", "Registered nurse", "4.00", "80.00", "320.00"),
        ("acme-east", "Registered nurse, intensive care", "4.00", "96.00", "384.00"),
        ("acme-west", "Registered nurse", "4.00", "60.00", "240.00"),
        ("acme-west", "Registered nurse, intensive care", "4.00", "50.00", "200.00"),
    ]
    assert found.total == "1,144.00"
