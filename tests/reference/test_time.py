"""The slow evaluator against arithmetic by hand: nights, clock changes, punches, breaks, midnights. The figures stand in each docstring.

Wherever a docstring does not say otherwise, the work is a registered nurse's at acme-east in New York: 70.00, from 15 October 2026 72.55;
night (19:00 to 07:00) 15 %, weekend (Friday 19:00 to Monday 07:30) 10 %, added to the base price; punches to 15 minutes each; half an
hour off a shift longer than six hours, from its middle.
"""

from __future__ import annotations

import pytest

from tests.reference.bills import BY_START, BY_WALL, NO_ROUNDING, PER_INTERVAL, TERMS, Edit, bill, charges, lines, shift, total


def zone(name: str) -> Edit:
    return ("rates/accounts/acme.yaml", "America/New_York", name)


# --- nights and clock changes


def test_an_overnight_shift() -> None:
    """
    Tuesday 6 October 18:30 to Wednesday 07:30 = 13 h; the break 00:45 to 01:15.
      neither  18:30-19:00, 07:00-07:30       1.00 h x 70.00 =  70.00
      night    19:00-07:00 less 0:30         11.50 h x 80.50 = 925.75      70.00 + 10.50
    """
    found = bill(shift("a", "2026-10-06T18:30", "2026-10-07T07:30"))

    assert lines(found) == [
        ("Registered nurse", "1.00", "70.00", "70.00"),
        ("Registered nurse, night", "11.50", "80.50", "925.75"),
    ]
    assert charges(found) == [("a", 0, "base", "1.00", "70.00"), ("a", 0, "night", "11.50", "80.50")]
    assert total(found) == "995.75"


@pytest.mark.parametrize(("edits", "hours", "amount"), [((), "11.00", "962.50"), ((BY_WALL,), "12.00", "1050.00")])
def test_the_night_the_clock_is_set_forward(edits: tuple[Edit, ...], hours: str, amount: str) -> None:
    """
    Saturday 7 March 2026 19:00 to Sunday 07:00, no break; 02:00 becomes 03:00. 70.00 + 10.50 + 7.00 = 87.50.
      elapsed  7 h + 4 h = 11.00 h x 87.50 = 962.50        wall  12.00 h x 87.50 = 1,050.00
    """
    found = bill(shift("a", "2026-03-07T19:00", "2026-03-08T07:00", break_minutes="0"), month=(2026, 3), edits=edits)

    assert lines(found) == [("Registered nurse, night, weekend", hours, "87.50", amount)]


@pytest.mark.parametrize(("edits", "hours", "amount"), [((), "13.00", "1178.97"), ((BY_WALL,), "12.00", "1088.28")])
def test_the_night_the_clock_is_set_back(edits: tuple[Edit, ...], hours: str, amount: str) -> None:
    """
    Saturday 31 October 2026 19:00 to Sunday 07:00, no break; 02:00 becomes 01:00. 72.55 + 10.88 (10.8825) + 7.26 (7.255) = 90.69.
      elapsed  7 h + 6 h = 13.00 h x 90.69 = 1,178.97      wall  12.00 h x 90.69 = 1,088.28
    """
    found = bill(shift("a", "2026-10-31T19:00", "2026-11-01T07:00", break_minutes="0"), edits=edits)

    assert lines(found) == [("Registered nurse, night, weekend", hours, "90.69", amount)]


@pytest.mark.parametrize(("edits", "hours", "amount"), [((), "12.50", "1093.75"), ((BY_WALL,), "12.00", "1050.00")])
def test_a_clock_that_moves_by_half_an_hour(edits: tuple[Edit, ...], hours: str, amount: str) -> None:
    """
    Lord Howe, Saturday 4 April 2026 19:00 to Sunday 07:00, no break; 02:00 becomes 01:30. 87.50 as above.
      elapsed  12.50 h x 87.50 = 1,093.75                  wall  12.00 h x 87.50 = 1,050.00
    """
    row = shift("a", "2026-04-04T19:00", "2026-04-05T07:00", break_minutes="0")
    found = bill(row, month=(2026, 4), edits=(*edits, zone("Australia/Lord_Howe")))

    assert lines(found) == [("Registered nurse, night, weekend", hours, "87.50", amount)]


def test_a_day_that_begins_at_one_o_clock_is_cut_where_it_begins() -> None:
    """
    Beirut, Saturday 28 March 2026 22:00 to Sunday 06:00, no break; midnight becomes 01:00. RN costs 72.55 from 29 March here.
      segment 0  22:00-24:00 = 2 h      2.00 h x 87.50 = 175.00
      segment 1  01:00-06:00 = 5 h      5.00 h x 90.69 = 453.45
    """
    price = ("rates/geo-base.yaml", "2026-10-15: 72.55", "2026-03-29: 72.55")
    row = shift("a", "2026-03-28T22:00", "2026-03-29T06:00", break_minutes="0")
    found = bill(row, month=(2026, 3), edits=(zone("Asia/Beirut"), price))

    assert charges(found) == [("a", 0, "night+weekend", "2.00", "87.50"), ("a", 1, "night+weekend", "5.00", "90.69")]
    assert total(found) == "628.45"


def test_by_the_wall_a_piece_of_less_than_no_time_is_refused() -> None:
    """
    Night from 02:00 here, New York, Sunday 1 November 2026 01:30 (-04:00) to 01:15 (-05:00): 45 minutes that pass, -0:15 on the clock.
    """
    row = shift("a", "2026-11-01T01:30-04:00", "2026-11-01T01:15-05:00")

    with pytest.raises(Exception, match="a at acme-east, RN, 2026-11-01: by the wall clock a piece of it has less than no time"):
        bill(row, month=(2026, 11), edits=(BY_WALL,))
    assert charges(bill(row, month=(2026, 11))) == [("a", 0, "night+weekend", "0.75", "90.69")]


# --- punches


@pytest.mark.parametrize(("edits", "hours", "amount"), [((), "8.50", "595.00"), ((PER_INTERVAL,), "8.25", "577.50")])
def test_each_punch_or_the_interval(edits: tuple[Edit, ...], hours: str, amount: str) -> None:
    """
    Tuesday 6 October 08:07 to 16:25, no break.
      per punch     08:07 -> 08:00 (7 min against 8), 16:25 -> 16:30      8.50 h x 70.00 = 595.00
      per interval  8:18 = 33.2 steps of 15 min -> 33 = 8:15              8.25 h x 70.00 = 577.50
    """
    found = bill(shift("a", "2026-10-06T08:07", "2026-10-06T16:25", break_minutes="0"), edits=edits)

    assert lines(found) == [("Registered nurse", hours, "70.00", amount)]


def test_quantity_is_rounded_once_and_shared_over_the_pieces() -> None:
    """
    Tuesday 6 October 18:40 to 19:20, unrounded: 40 min = 0.6667 -> 0.67 h; 20 min = 33.33 hundredths by day, as many at night.
    Floors 33 + 33, one is left: to the earlier of equals, the piece without premiums. 0.34 x 70.00 = 23.80; 0.33 x 80.50 = 26.565 -> 26.57.
    """
    found = bill(shift("a", "2026-10-06T18:40", "2026-10-06T19:20"), edits=(NO_ROUNDING,))

    assert lines(found) == [("Registered nurse", "0.34", "70.00", "23.80"), ("Registered nurse, night", "0.33", "80.50", "26.57")]


# --- where breaks fall

PUNCHED = {"break_start": "2026-10-06T14:07", "break_end": "2026-10-06T14:38"}


def terms(old: str, new: str) -> tuple[Edit, ...]:
    return ((TERMS, old, new),)


@pytest.mark.parametrize(
    ("edits", "more", "day", "night"),
    [
        ((), {}, "5.25", "5.25"),
        (terms("unplaced: middle", "unplaced: end"), {}, "5.50", "5.00"),
        (terms("unplaced: middle", "unplaced: longest-segment"), {}, "5.00", "5.50"),
        ((), PUNCHED, "4.75", "5.50"),
        (terms("half: up, per:", "half: up, breaks: no, per:"), PUNCHED, "4.98", "5.50"),
        ((), {"break_minutes": "15"}, "5.37", "5.38"),
        ((), {"break_minutes": "0"}, "5.50", "5.50"),
        (terms("{ after: 6h, length: 30min, unplaced: middle }", "none"), {}, "5.50", "5.50"),
        (terms("{ after: 6h, length: 30min, unplaced: middle }", "none"), PUNCHED, "4.75", "5.50"),
        (terms("{ after: 6h, length: 30min, unplaced: middle }", "paid"), PUNCHED, "5.50", "5.50"),
        (terms("after: 6h", "after: 11h"), {}, "5.50", "5.50"),
    ],
    ids=["middle", "end", "longest", "punched", "as punched", "reported", "none reported", "none", "none, punched", "paid", "not longer"],
)  # fmt: skip
def test_where_a_break_falls(edits: tuple[Edit, ...], more: dict[str, str], day: str, night: str) -> None:
    """
    Tuesday 6 October 13:30 to Wednesday 00:30 = 11 h: 5.50 by day, 5.50 at night; the parts at midnight are 10.5 h and 0.5 h.
      middle     (11:00 - 0:30) / 2 = 5:15 in: 18:45-19:15                     5.25, 5.25
      end        00:00-00:30                                                   5.50, 5.00
      longest    (10:30 - 0:30) / 2 = 5:00 in: 18:30-19:00                     5.00, 5.50
      punched    14:07 -> 14:00, 14:38 -> 14:45: 0:45 by day                   4.75, 5.50
      as punched 14:07-14:38 = 31 min: 4:59 = 4.9833 -> 4.98                   4.98, 5.50   (10.4833 h -> 10.48)
      reported   15 min: (11:00 - 0:15) / 2 = 5:22.5, floored to the minute: 18:52-19:07
                 5:22 = 536.67 and 5:23 = 538.33 hundredths of 10.75 h: 536 + 538, one left: to 536.67   5.37, 5.38
    """
    found = bill(shift("a", "2026-10-06T13:30", "2026-10-07T00:30", **more), edits=edits)

    assert [(row[2], row[3]) for row in charges(found)] == [("base", day), ("night", night)]


def test_a_break_as_long_as_the_shift_leaves_no_time() -> None:
    """Tuesday 09:00 to 10:00 with 60 minutes reported: nothing to bill, and no minimum hours at acme-east."""
    found = bill(shift("a", "2026-10-06T09:00", "2026-10-06T10:00", break_minutes="60"))

    assert found.fates == {0: ("not billed", "rounds-to-nothing")}


# --- midnights


@pytest.mark.parametrize(
    ("edits", "expected", "amount"),
    [
        ((), [("a", 0, "night", "2.00", "80.50"), ("a", 1, "night", "2.00", "83.43")], "327.86"),
        ((BY_START,), [("a", 0, "night", "4.00", "80.50")], "322.00"),
    ],
    ids=["segment", "start"],
)
def test_a_price_that_changes_at_midnight(
    edits: tuple[Edit, ...], expected: list[tuple[str, int, str, str, str]], amount: str
) -> None:
    """
    Wednesday 14 October 22:00 to Thursday 02:00; RN costs 72.55 from the 15th, at night 72.55 + 10.88 = 83.43.
      segment  2.00 h x 80.50 = 161.00, 2.00 h x 83.43 = 166.86            start  4.00 h x 80.50 = 322.00
    """
    found = bill(shift("a", "2026-10-14T22:00", "2026-10-15T02:00"), edits=edits)

    assert charges(found) == expected
    assert total(found) == amount


def test_what_an_override_shields_cuts_nothing() -> None:
    """
    ICU at acme-east is 96.00 until 16 October; the table's price behind it changes on Saturday the 10th.
    Friday 9 October 22:00 to Saturday 02:00: one segment, 96.00 + 14.40 + 9.60 = 120.00;  4.00 h x 120.00 = 480.00
    """
    table = ("rates/geo-base.yaml", "{ 2024-01-01: 88.00 }", "{ 2024-01-01: 88.00, 2026-10-10: 90.00 }")
    found = bill(shift("a", "2026-10-09T22:00", "2026-10-10T02:00", item="ICU"), edits=(table,))

    assert charges(found) == [("a", 0, "night+weekend", "4.00", "120.00")]
    assert total(found) == "480.00"


def test_a_segment_that_a_break_leaves_empty_keeps_its_number() -> None:
    """
    Wednesday 14 October 22:00 to Thursday 02:00, reported break of 30 min at the end, punched from midnight on: segment 1 has no time.
    acme-west fills to 4 h: 2.00 h at night (66.00 + 9.90 = 75.90), then 2.00 h of fill at 66.00, as segment 2.
    """
    prices = ("rates/geo-base.yaml", "{ 2024-01-01: 66.00 }", "{ 2024-01-01: 66.00, 2026-10-15: 67.00 }")
    meal = {"break_start": "2026-10-15T00:00", "break_end": "2026-10-15T02:00"}
    found = bill(shift("a", "2026-10-14T22:00", "2026-10-15T02:00", site="acme-west", **meal), edits=(prices,))

    assert charges(found) == [("a", 0, "night", "2.00", "75.90"), ("a", 2, "fill", "2.00", "66.00")]
