"""The slow evaluator against arithmetic by hand: accumulators, their windows, scopes, bands and order (law 5).

The book is the sample's without breaks, and with the premiums overtime (50 %) and double (100 %) alone: RN costs 70.00 (overtime 105.00) at
acme-east (New York) and 66.00 (99.00) at acme-west (Los Angeles) before 15 October 2026; from then on 72.55 (108.83) at acme-east.
"""

from __future__ import annotations

import pytest

from engine.problems import ProblemsFound
from engine.reference.evaluate import CannotPriceError
from tests.reference.bills import BY_WALL, TERMS, Edit, adding_up, bill, charges, shift

COUNTING = {"status": "completed"}
DAY = "  - { accumulator: day, measure: time, key: [worker], window: { each: day }, scope: site, bands: [{ band: day-8, over: 8h }] }\n"
WEEK = "  - {{ accumulator: week, measure: time, key: [worker], window: {{ each: week, starts: {} }}, scope: {}, bands: [{{ band: week-40, over: {} }}] }}\n"
DAYS = "  - { accumulator: run, measure: days, key: [worker], window: { each: week, starts: sunday 00:00 }, scope: site, bands: [{ band: day-seven, over: 6 }] }\n"
OVERNIGHT = ("19:00", "07:00")


def week(starts: str = "sunday 00:00", scope: str = "site", over: str = "40h", *, more: tuple[Edit, ...] = (), terms: str = "", known: str = "2026-01-01") -> tuple[Edit, ...]:  # fmt: skip
    """The book with forty hours a week."""
    accumulators = WEEK.format(starts, scope, over)
    return adding_up(accumulators, {"week": "status: completed"}, {"overtime": "over: week-40"}, *more, terms=terms, known=known)


def worked(id_: str, day: str, hours: int, *, start: str = "07:00", **more: str) -> dict[str, str]:
    """So many hours of worker w on an October day, within the day."""
    first = int(start[:2])
    return shift(id_, f"2026-10-{day}T{start}", f"2026-10-{day}T{first + hours:02}{start[2:]}", worker="w", **more)


# --- days


def test_a_night_over_midnight_has_two_days_of_overtime() -> None:
    """
    Over 8 h of a calendar day: overtime. Tuesday 6 October 14:00 to Wednesday 12:00, then Wednesday 20:00-23:00.
      a  Tuesday 10 h = 8 + 2, Wednesday 12 h = 8 + 4:     16.00 x 70.00, 6.00 x 105.00, one segment
      b  Wednesday has 12 h already:                        3.00 x 105.00
    """
    edits = adding_up(DAY, {"day": "status: completed"}, {"overtime": "over: day-8"})
    rows = (
        shift("a", "2026-10-06T14:00", "2026-10-07T12:00", worker="w"),
        shift("b", "2026-10-07T20:00", "2026-10-07T23:00", worker="w"),
    )

    assert charges(bill(*rows, edits=edits)) == [
        ("a", 0, "base", "16.00", "70.00"),
        ("a", 0, "overtime", "6.00", "105.00"),
        ("b", 0, "overtime", "3.00", "105.00"),
    ]


def test_a_workday_that_begins_at_six_holds_the_night_before_it() -> None:
    """
    Workdays begin at 06:00. Tuesday 6 October 22:00 to Wednesday 08:00: until 06:00 8 h of Tuesday's, then 2 h of Wednesday's: none over 8 h.
    With a Tuesday of 10:00-14:00 before: 4 + 8 = 12, 4 h of overtime from 02:00 to 06:00, and 2 h without.
    """
    edits = adding_up(
        DAY.replace("each: day", "each: day, starts: 06:00"), {"day": "status: completed"}, {"overtime": "over: day-8"}
    )
    night = shift("b", "2026-10-06T22:00", "2026-10-07T08:00", worker="w")

    assert charges(bill(night, edits=edits)) == [("b", 0, "base", "10.00", "70.00")]
    assert charges(bill(worked("a", "06", 4, start="10:00"), night, edits=edits)) == [
        ("a", 0, "base", "4.00", "70.00"),
        ("b", 0, "base", "6.00", "70.00"),
        ("b", 0, "overtime", "4.00", "105.00"),
    ]


def test_windows_at_the_start_take_the_whole_row() -> None:
    """
    Overtime over 8 h of a calendar day, `window-at: start`: all of Tuesday 14:00 to Wednesday 12:00 is Tuesday's, 22 h = 8 + 14.
    Wednesday 20:00-23:00 is the first of Wednesday's.
    """
    at_start = ("rules/calendar.yaml", "activity-from", "window-at: start\nactivity-from")
    edits = adding_up(DAY, {"day": "status: completed"}, {"overtime": "over: day-8"}, at_start)
    rows = (
        shift("a", "2026-10-06T14:00", "2026-10-07T12:00", worker="w"),
        shift("b", "2026-10-07T20:00", "2026-10-07T23:00", worker="w"),
    )

    assert charges(bill(*rows, edits=edits)) == [
        ("a", 0, "base", "8.00", "70.00"),
        ("a", 0, "overtime", "14.00", "105.00"),
        ("b", 0, "base", "3.00", "70.00"),
    ]


def test_a_midnight_that_the_day_lacks_is_its_first_instant() -> None:
    """
    In Beirut 29 March 2026 begins at 01:00. Saturday 28 March 16:00 to Sunday 10:00 by the clock is 17 h: Saturday 8 h, Sunday 9 h = 8 + 1.
    NYC costs 70.00, too, in March.
    """
    beirut = ("rates/accounts/acme.yaml", "America/New_York", "Asia/Beirut")
    edits = adding_up(DAY, {"day": "status: completed"}, {"overtime": "over: day-8"}, beirut)

    found = bill(shift("a", "2026-03-28T16:00", "2026-03-29T10:00"), month=(2026, 3), edits=edits)

    assert charges(found) == [("a", 0, "base", "16.00", "70.00"), ("a", 0, "overtime", "1.00", "105.00")]


# --- clock changes within a week


FORTY = [("26", 12), ("27", 12), ("28", 12)]


@pytest.mark.parametrize(
    ("edits", "hours", "overtime"), [((), "4.00", "9.00"), ((BY_WALL,), "4.00", "8.00")], ids=["elapsed", "wall"]
)
def test_the_night_of_a_clock_change_in_a_week_of_forty_hours(edits: tuple[Edit, ...], hours: str, overtime: str) -> None:
    """
    Workweeks from Monday; 12 h on Monday 26, Tuesday and Wednesday, then Saturday 31 October 20:00 to Sunday 08:00, clocks go back at 02:00.
    40 h are reached at midnight.   elapsed: 9 h after it     wall: 8 h after it
    """
    rows = [*(worked(day, day, hours) for day, hours in FORTY), shift("z", "2026-10-31T20:00", "2026-11-01T08:00", worker="w")]

    found = charges(bill(*rows, edits=week("monday", more=edits)))

    assert found[3:] == [("z", 0, "base", hours, "72.55"), ("z", 0, "overtime", overtime, "108.83")]


def test_by_the_wall_clock_the_cut_is_at_the_earliest_instant() -> None:
    """
    The same week by the wall clock with half an hour more, and Saturday 22:00 to Sunday 08:00 = 10 h by the wall: 40 h are reached
    at 01:30 for the first time, after 3.50 h; from there it is 6.50 h by the clock, the hour that comes twice is in it.
    """
    rows = [*(worked(day, day, hours) for day, hours in FORTY)]
    rows += [shift("y", "2026-10-29T07:00", "2026-10-29T07:30", worker="w")]
    rows += [shift("z", "2026-10-31T22:00", "2026-11-01T08:00", worker="w")]

    found = charges(bill(*rows, edits=week("monday", more=(BY_WALL,))))

    assert found[4:] == [("z", 0, "base", "3.50", "72.55"), ("z", 0, "overtime", "6.50", "108.83")]


# --- seventh days


def seven(first: int) -> list[dict[str, str]]:
    return [worked(f"s{day:02}", f"{day:02}", 8) for day in range(first, first + 7)]


def test_the_seventh_day_of_a_week_is_double() -> None:
    """
    Sunday 4 to Saturday 10 October, 8 h each: six days at 70.00, Saturday 8.00 x 140.00.
    """
    edits = adding_up(DAYS, {"run": "status: completed"}, {"double": "over: day-seven"})

    found = charges(bill(*seven(4), edits=edits))

    assert found == [
        *((f"s{day:02}", 0, "base", "8.00", "70.00") for day in range(4, 10)),
        ("s10", 0, "double", "8.00", "140.00"),
    ]


def test_seven_days_over_the_end_of_a_week_have_no_seventh() -> None:
    """Monday 5 to Sunday 11 October: six days of one week, one of the next; all at 70.00."""
    edits = adding_up(DAYS, {"run": "status: completed"}, {"double": "over: day-seven"})

    assert charges(bill(*seven(5), edits=edits)) == [(f"s{day:02}", 0, "base", "8.00", "70.00") for day in range(5, 12)]


def test_an_hour_after_midnight_is_a_day() -> None:
    """
    Sunday to Thursday 8 h each, Friday 9 October 20:00 to Saturday 04:00: 4 h of a sixth day, 4 h of a seventh.
    With workdays from 06:00 Saturday's hours are Friday's: no seventh.
    """
    rows = [*seven(4)[:5], shift("z", "2026-10-09T20:00", "2026-10-10T04:00", worker="w")]
    edits = adding_up(DAYS, {"run": "status: completed"}, {"double": "over: day-seven"})
    six = adding_up(
        DAYS.replace("scope", "workday: 06:00, scope").replace("00:00", "06:00"), {"run": "status: completed"}, {"double": "over: day-seven"}
    )  # fmt: skip

    assert charges(bill(*rows, edits=edits))[5:] == [("z", 0, "base", "4.00", "70.00"), ("z", 0, "double", "4.00", "140.00")]
    assert charges(bill(*rows, edits=six))[5:] == [("z", 0, "base", "8.00", "70.00")]


def test_time_that_does_not_count_is_in_the_band_once_the_day_is() -> None:
    """
    Orientation counts for nothing here. Seven days; on Saturday orientation 06:00-07:00 before any counting time (six days so far), and
    20:00-21:00 after it (seven): the second alone is double, 70.00 for an item of 35.00.
    """
    edits = adding_up(DAYS, {"run": "status: completed"}, {"double": "over: day-seven"})
    rows = [
        *seven(4),
        worked("x", "10", 1, start="06:00", status="orientation"),
        worked("y", "10", 1, start="20:00", status="orientation"),
    ]

    found = charges(bill(*rows, edits=edits))

    assert found[6:] == [
        ("s10", 0, "double", "8.00", "140.00"),
        ("x", 0, "base", "1.00", "35.00"),
        ("y", 0, "double", "1.00", "70.00"),
    ]


# --- day before week


BOTH = (
    "  - { accumulator: day, measure: time, key: [worker], window: { each: day }, scope: site, bands: [{ band: day-8, over: 8h }, { band: day-12, over: 12h }] }\n"
    + WEEK.format("sunday 00:00", "site", "40h")
)


def test_daily_overtime_does_not_count_for_the_week() -> None:
    """
    Over 8 h of a day 50 %, over 12 h 100 %; hours over 8 do not count for the week's 40.
      Sunday to Tuesday 12 h each:  24 regular, 12 overtime (36 h in all)
      Wednesday 14 h:               8 regular (32), 4 overtime, 2 double
      Thursday 10 h:                8 regular (40), 2 overtime
      Friday 3 h:                   3 overtime by the week
    """
    premiums = {"overtime": "over: [day-8, week-40], in: { not: holiday }", "double": "over: day-12"}
    combine = (
        "rules/combine.yaml",
        "- { id: add, when: { term: { combine: add } }, then: add }",
        "- { id: add, when: { status: completed }, then: largest }",
    )
    edits = adding_up(BOTH, {"day": "status: completed", "week": "over: { not: [day-8, day-12] }"}, premiums, combine)  # fmt: skip
    rows = [worked(f"s{day}", f"{day:02}", 12) for day in (4, 5, 6)]
    rows += [worked("s7", "07", 14), worked("s8", "08", 10), worked("s9", "09", 3)]

    found = charges(bill(*rows, edits=edits))

    day = [("base", "8.00", "70.00"), ("overtime", "4.00", "105.00")]
    assert [each[2:] for each in found] == [
        *day, *day, *day,
        ("base", "8.00", "70.00"), ("overtime", "4.00", "105.00"), ("overtime+double", "2.00", "140.00"),
        ("base", "8.00", "70.00"), ("overtime", "2.00", "105.00"),
        ("overtime", "3.00", "105.00"),
    ]  # fmt: skip


def test_what_counts_cannot_depend_on_itself_through_an_override() -> None:
    """A rule that counts for the day and reads the week's band overrides the one that counts for the week: a circle."""
    edits = adding_up(BOTH, {"week": "status: completed", "day": "over: week-40"}, {"overtime": "over: week-40"})
    circle = ("rules/counts.yaml", "then: day }", "then: day, overrides: [week] }")

    with pytest.raises(ProblemsFound, match=r"R057.*depends on its own bands: week -> (day -> )?week"):
        bill(worked("a", "05", 8), edits=(*edits, circle))


# --- scopes and windows


def two_sites(scope: str) -> tuple[Edit, ...]:
    at_west = (
        "rates/accounts/acme.yaml",
        "min-hours: 4h, combine: largest",
        "min-hours: 4h, combine: largest, week-start: monday 00:00",
    )
    return week("{ term: week-start }", scope, more=(at_west,), terms="week-start: { type: week-clock } = sunday 00:00")


@pytest.mark.parametrize(
    ("scope", "overtime"), [("site", []), ("account", ["s8", "s9"]), ("agency", ["s8", "s9"])], ids=["site", "account", "agency"]
)
def test_each_site_has_its_own_week(scope: str, overtime: list[str]) -> None:
    """
    12 h a day, east and west by turns: east's week begins on Sunday, west's on Monday.
      before each   Sun e  Mon w  Tue e  Wed w  Thu e  Fri w
      east's week      0            24            48
      west's week             0            24            48       (Sunday is the week before)
    Both count the other's hours unless the scope is the site: then east has 36 h, west 36 h.
    """
    rows = [worked(f"s{day}", f"{day:02}", 12, site="acme-east" if day % 2 == 0 else "acme-west") for day in range(4, 10)]

    found = charges(bill(*rows, edits=two_sites(scope)))

    assert [(each[0], each[3]) for each in found if each[2] == "overtime"] == [(id_, "12.00") for id_ in overtime]
    assert len(found) == len(rows)


def test_scope_account_stops_at_the_account() -> None:
    """36 h at beta, then 12 h at acme: over 40 h for the agency (4 + 8), not for the account."""
    rows = [worked(f"s{day}", f"{day:02}", 12, site="beta-clinic") for day in (5, 6, 7)] + [worked("z", "08", 12)]

    assert charges(bill(*rows, edits=week(scope="account")))[3:] == [("z", 0, "base", "12.00", "70.00")]
    assert charges(bill(*rows, edits=week(scope="agency")))[3:] == [
        ("z", 0, "base", "4.00", "70.00"),
        ("z", 0, "overtime", "8.00", "105.00"),
    ]


def test_the_key_may_name_the_item() -> None:
    """
    By worker alone 3 x 12 RN and 12 ICU are 48 h: 8 over. By worker and item none is over. (ICU: 96.00 by agreement.)
    """
    rows = [*(worked(f"s{day}", f"{day:02}", 12) for day in (5, 6, 7)), worked("z", "08", 12, item="ICU")]
    by_item = ("rules/accumulators.yaml", "key: [worker]", "key: [worker, item]")

    assert charges(bill(*rows, edits=week()))[3:] == [("z", 0, "base", "4.00", "96.00"), ("z", 0, "overtime", "8.00", "144.00")]
    assert charges(bill(*rows, edits=(*week(), by_item)))[3:] == [("z", 0, "base", "12.00", "96.00")]


def test_a_week_is_shorter_where_its_start_changes() -> None:
    """
    Weeks begin on Sundays, by terms from Wednesday 7 October on Wednesdays. 10 h from Sunday 4th to Thursday 8th.
      Sunday to Tuesday 30 h (week of the 4th), Wednesday and Thursday 20 h (week of the 7th): none over 40.
      Without the change Thursday is over.
    """
    changed = (TERMS, "            combine: add\n".lstrip(), "combine: add\n  - { from: 2026-10-07, week-start: wednesday }\n")
    plain = week("{ term: week-start }", terms="week-start: { type: week-clock } = sunday 00:00")
    rows = [worked(f"s{day}", f"{day:02}", 10) for day in range(4, 9)]

    assert [each[2] for each in charges(bill(*rows, edits=(*plain, changed)))] == ["base"] * 5
    assert [each[2] for each in charges(bill(*rows, edits=plain))] == ["base"] * 4 + ["overtime"]


@pytest.mark.parametrize(("over", "component"), [("none", "base"), ("0h", "overtime")])
def test_no_limit_is_never_reached_and_zero_at_once(over: str, component: str) -> None:
    edits = week(over="{ term: weekly }", terms=f"weekly: {{ type: limit }} = {over}")

    assert [each[2] for each in charges(bill(worked("a", "05", 8), edits=edits))] == [component]


def test_a_limit_is_that_of_the_first_day_of_the_window() -> None:
    """The limit falls from 40 h to 20 h on Wednesday 7 October: the week of Sunday 4th keeps 40 h, that of the 11th has 20 h."""
    edits = week(over="{ term: weekly }", terms="weekly: { type: limit } = 40h")
    changed = (TERMS, "combine: add\n", "combine: add\n  - { from: 2026-10-07, weekly: 20h }\n")
    rows = [worked(f"s{day}", f"{day:02}", 12) for day in (6, 7, 8, 12, 13)]

    found = charges(bill(*rows, edits=(*edits, changed)))

    assert [each[0] for each in found if each[2] == "overtime"] == ["s13"]
    assert [each[3] for each in found if each[0] == "s13"] == ["8.00", "4.00"]


def test_a_window_since_a_day_begins_there() -> None:
    """
    Overtime over 20 h since the contract begins on 6 October. 12 h on the 5th (in no window), the 6th and the 7th: 4 h over.
    """
    since = "  - { accumulator: deal, measure: time, key: [worker], window: { since: { term: contract } }, scope: site, bands: [{ band: deal-20, over: 20h }] }\n"
    edits = adding_up(
        since, {"deal": "status: completed"}, {"overtime": "over: deal-20"}, terms="contract: { type: day } = 2026-10-06"
    )

    found = charges(bill(*(worked(f"s{day}", f"{day:02}", 12) for day in (5, 6, 7)), edits=edits))

    assert [each[2:4] for each in found] == [("base", "12.00"), ("base", "12.00"), ("base", "8.00"), ("overtime", "4.00")]


def test_what_is_on_call_beyond_a_hundred_hours_in_four_weeks_is_paid_otherwise() -> None:
    """
    On call is orientation here, 35.00. Four weeks from Sunday 4 October; over 100 h of it 50 % more. RN shifts do not count.
      5 x 20 h from Monday 5th: 100 h; 8 h of RN; 20 h on the 19th: all over (52.50). The next four weeks begin on 1 November: 20 h at 35.00.
    """
    four = "  - { accumulator: on-call, measure: time, key: [worker], window: { each: weeks, count: 4, from: 2026-10-04 }, scope: account, bands: [{ band: capped, over: 100h }] }\n"
    edits = adding_up(four, {"on-call": "status: orientation"}, {"overtime": "over: capped, item: ORIENT, status: orientation"})
    rows = [worked(f"s{day}", f"{day:02}", 20, start="00:00", status="orientation", item="ORIENT") for day in (5, 6, 7, 8, 9, 19)]
    rows += [worked("rn", "12", 8)]
    later = shift("z", "2026-11-02T00:00", "2026-11-02T20:00", worker="w", status="orientation", item="ORIENT")

    found = charges(bill(*rows, later, edits=edits))

    assert [(each[0], each[2], each[4]) for each in found] == [
        ("rn", "base", "70.00"),
        ("s19", "overtime", "52.50"),
        *((f"s{day}", "base", "35.00") for day in (5, 6, 7, 8, 9)),
    ]
    assert charges(bill(*rows, later, month=(2026, 11), edits=edits)) == [("z", 0, "base", "20.00", "35.00")]


# --- context, order and late rows


def test_rows_before_the_period_feed_and_give_no_charge() -> None:
    """
    Sunday 27 to Wednesday 30 September 10 h each, Thursday 1 October 10 h: in October all of Thursday is overtime, and nothing else is billed.
    """
    rows = [shift(f"s{day}", f"2026-09-{day}T07:00", f"2026-09-{day}T17:00", worker="w") for day in (27, 28, 29, 30)]

    found = bill(*rows, worked("z", "01", 10), edits=week())

    assert charges(found) == [("z", 0, "overtime", "10.00", "105.00")]
    assert [found.fates[number] for number in range(5)] == [("elsewhere", "")] * 4 + [("billed", "")]


def test_rows_of_other_accounts_feed_and_give_no_charge() -> None:
    """40 h at beta, 8 h at acme; acme alone is asked for: 8.00 x 105.00."""
    rows = [worked(f"s{day}", f"{day:02}", 10, site="beta-clinic") for day in (5, 6, 7, 8)] + [worked("z", "09", 8)]

    found = bill(*rows, edits=week(scope="agency"), accounts=("acme",))

    assert charges(found) == [("z", 0, "overtime", "8.00", "105.00")]
    assert list(found.lines) == ["acme"]


@pytest.mark.parametrize(("known", "refused"), [("2026-09-27", False), ("2026-09-28", True)])
def test_a_window_that_begins_before_activity_is_known_is_refused(known: str, refused: bool) -> None:
    """The week of Thursday 1 October began on Sunday 27 September."""
    if not refused:
        assert charges(bill(worked("z", "01", 8), edits=week(known=known))) == [("z", 0, "base", "8.00", "70.00")]
        return
    with pytest.raises(CannotPriceError, match=f"the window from 2026-09-27 begins before {known}"):
        bill(worked("z", "01", 8), edits=week(known=known))


def test_what_is_held_rejected_or_fixed_feeds_nothing() -> None:
    """
    40 h of which 10 are not approved, 10 are excluded, and 10 do not end: Friday's 10 h are regular.
    """
    rows = [worked(f"s{day}", f"{day:02}", 10) for day in (5, 6, 7, 8, 9)]
    rows[0]["approved_by"] = ""
    rows[1] |= {"mark_excluded": "yes", "marked_by": "x", "reason": "y"}
    rows[2]["end"] = ""

    assert charges(bill(*rows, edits=week())) == [
        ("s8", 0, "base", "10.00", "70.00"),
        ("s9", 0, "base", "10.00", "70.00"),
    ]


def test_of_an_overlapping_pair_the_whole_earlier_row_comes_first() -> None:
    """
    Overlaps are accepted here. 30 h, then Thursday 07:00-15:00 and 09:00-13:00: 30 + 8 = 38, the second has 2 h below 40 and 2 h above.
    """
    accept = ("rules/activity/shift.yaml", "overlap: hold", "overlap: accept")
    rows = [worked(f"s{day}", f"{day:02}", 10) for day in (5, 6, 7)]
    rows += [worked("y", "08", 8), worked("z", "08", 4, start="09:00")]

    found = charges(bill(*rows, edits=(*week(), accept)))

    assert found[3:] == [
        ("y", 0, "base", "8.00", "70.00"),
        ("z", 0, "base", "2.00", "70.00"),
        ("z", 0, "overtime", "2.00", "105.00"),
    ]


MERCY = "format: 1\nkind: account\naccount: acme\ncurrency: USD\nsites:\n  - { site: mercy, zone: America/New_York, geo: { 2024-01-01: LA } }\n"
BAYVIEW = "format: 1\nkind: account\naccount: beta\ncurrency: USD\nsites:\n  - { site: bayview, zone: America/New_York, geo: { 2024-01-01: NYC } }\n"
CLOSED = {"closeout": "1", "worker": "w"}
S1 = shift("S1", "2026-09-27T07:00", "2026-09-27T19:00", site="mercy", **CLOSED)
S2 = shift("S2", "2026-09-29T07:00", "2026-09-29T19:00", site="mercy", **CLOSED)
S3 = shift("S3", "2026-09-30T19:00", "2026-10-01T07:00", site="bayview", **CLOSED)
S4 = shift("S4", "2026-10-02T07:00", "2026-10-02T19:00", site="mercy", worker="w")
S5 = shift("S5", "2026-09-28T07:00", "2026-09-28T15:00", site="mercy", worker="w")
ISSUED = [("12.00", "66.00"), ("12.00", "66.00")]


@pytest.mark.parametrize(
    ("scope", "late", "rows", "mercy", "bayview", "october", "fifth"),
    [
        ("site", "reorder", [S1, S2, S3, S4], ISSUED, [("12.00", "60.00")], [("12.00", "66.00")], []),
        ("agency", "reorder", [S1, S2, S3, S4], ISSUED, [("12.00", "60.00")], [("4.00", "66.00"), ("8.00", "99.00")], []),
        ("site", "reorder", [S1, S2, S3, S4, S5], ISSUED, [("12.00", "60.00")], [("8.00", "66.00"), ("4.00", "99.00")], [("8.00", "66.00")]),
        ("agency", "reorder", [S1, S2, S3, S4, S5], ISSUED, [("8.00", "60.00"), ("4.00", "90.00")], [("12.00", "99.00")], [("8.00", "66.00")]),
        ("agency", "append", [S1, S2, S3, S4, S5], ISSUED, [("12.00", "60.00")], [("12.00", "99.00")], [("4.00", "66.00"), ("4.00", "99.00")]),
    ],
    ids=["site before", "agency before", "site, reorder", "agency, reorder", "agency, append"],
)  # fmt: skip
def test_the_worked_example_of_a_late_row(
    scope: str, late: str, rows: list[dict[str, str]], mercy: list[tuple[str, str]], bayview: list[tuple[str, str]],
    october: list[tuple[str, str]], fifth: list[tuple[str, str]],
) -> None:  # fmt: skip
    """
    Weeks from Sunday, 40 h x 1.5, Mercy 66.00, Bayview 60.00. September's S1, S2, S3 are closed, then S5 of 28 September arrives.
                              S1+S2 (Sep)  S3 Bayview (Sep)   S4 (Oct)          S5 (Oct)
      site, before S5         24 x 66      12 x 60            12 x 66           -
      agency, before S5       24 x 66      12 x 60            4 x 66 + 8 x 99   -
      site, reorder           24 x 66      12 x 60            8 x 66 + 4 x 99   8 x 66
      agency, reorder         24 x 66      8 x 60 + 4 x 90    12 x 99           8 x 66
      agency, append          24 x 66      12 x 60            12 x 99           4 x 66 + 4 x 99
    """
    closeout = (
        "rules/activity/shift.yaml",
        "  - { column: withdrawn,",
        "  - { column: closeout, type: whole }\n  - { column: withdrawn,",
    )
    appended = ("rules/accumulators.yaml", f"scope: {scope}", f"scope: {scope}, late: {late}")
    sixty = ("rates/geo-base.yaml", "{ 2024-01-01: 70.00, 2026-10-15: 72.55 }", "{ 2024-01-01: 60.00 }")
    accounts = (("rates/accounts/acme.yaml", "", MERCY), ("rates/accounts/beta.yaml", "", BAYVIEW))
    plain = [edit for edit in week(scope=scope) if not edit[0].startswith("rates/accounts")]
    edits = (*plain, *accounts, sixty, closeout, appended)

    september, following = (charges(bill(*rows, month=(2026, month), edits=edits)) for month in (9, 10))

    def of(found: list[tuple[str, int, str, str, str]], *ids: str) -> list[tuple[str, str]]:
        return [each[3:] for each in found if each[0] in ids]

    assert (of(september, "S1", "S2"), of(september, "S3")) == (mercy, bayview)
    assert (of(following, "S4"), of(following, "S5")) == (october, fifth)
    assert {each[0] for each in following} == ({"S4", "S5"} if fifth else {"S4"})


# --- neighbours and minimum


MINIMUM = """format: 1
kind: policy
decides: minimum
answers: [at-least, none]
if-nothing-matches: none
if-several-match: overrides
rules:
  - { id: call-back, when: { charge_nurse: yes }, then: { at-least: 2h } }
  - { id: joined, when: { charge_nurse: yes, since-last: { less-than: 30min } }, then: none, overrides: [call-back] }
  - { id: joins, when: { charge_nurse: yes, until-next: { less-than: 30min } }, then: none, overrides: [call-back, joined] }
examples:
  - { name: A shift, given: { charge_nurse: no }, gives: none }
"""


@pytest.mark.parametrize(
    ("start", "end", "filled"),
    [
        ("15:30", "16:30", "1.00"),
        ("15:15", "16:15", None),
        ("17:45", "18:45", None),
        ("17:30", "18:30", "1.00"),
        ("16:00", "18:00", None),
    ],
    ids=["30 min after", "15 min after", "15 min before", "30 min before", "two hours"],
)
def test_a_call_back_that_joins_a_shift_has_no_minimum(start: str, end: str, filled: str | None) -> None:
    """
    A call-back (in charge, here) is billed at least two hours, unless it joins a shift with less than 30 min between: 07:00-15:00 or 19:00-23:00.
    A cancelled shift and one elsewhere are no neighbours.
    """
    rows = [
        worked("a", "06", 8),
        shift("b", f"2026-10-06T{start}", f"2026-10-06T{end}", worker="w", charge_nurse="yes"),
        worked("c", "06", 4, start="19:00"),
        {**worked("d", "06", 1, start="16:00"), "mark_excluded": "yes", "marked_by": "x", "reason": "y"},
    ]

    found = charges(bill(*rows, edits=(("rules/minimum.yaml", "", MINIMUM),)))

    assert [each[3] for each in found if each[2] == "fill"] == ([filled] if filled else [])


def test_neighbours_are_those_of_the_site_and_within_two_days() -> None:
    """At another site, or more than 48 h before, is no neighbour: `since-last` is empty, so a rule for 49 h or less does not apply."""
    minimum = MINIMUM.replace(
        "less-than: 30min } }, then: none, overrides: [call-back] }", "less-than: 49h } }, then: none, overrides: [call-back] }"
    )
    edits = (("rules/minimum.yaml", "", minimum),)  # fmt: skip
    back = shift("b", "2026-10-08T15:00", "2026-10-08T16:00", worker="w", charge_nurse="yes")

    def filled(*rows: dict[str, str]) -> bool:
        return any(each[2] == "fill" for each in charges(bill(*rows, back, edits=edits)))

    assert not filled(worked("a", "06", 8))
    assert filled(shift("a", "2026-10-06T07:00", "2026-10-06T14:45", worker="w"))
    assert filled(worked("a", "08", 4, site="acme-west"))
    assert filled(worked("a", "06", 8) | {"worker": "other"})


def test_a_declared_length_is_elapsed_time_between_two_columns() -> None:
    """A request less than 4 h before the scheduled start is overtime: 3:59 is, 4:00 is not."""
    column = (
        "rules/activity/shift.yaml",
        "  - { column: withdrawn,",
        "  - { column: requested_at, type: local-time }\n  - { column: withdrawn,",
    )
    lengths = (
        "rules/activity/shift.yaml",
        "overlap: hold\n",
        "overlap: hold\nlengths:\n  - { length: lead, from: requested_at, to: scheduled_start }\n",
    )
    edits = (*adding_up(DAY, {"day": "status: completed"}, {"overtime": "lead: { less-than: 4h }"}), column, lengths)  # fmt: skip
    planned = {"scheduled_start": "2026-10-06T08:00", "scheduled_end": "2026-10-06T12:00"}
    rows = [
        shift("a", "2026-10-06T08:00", "2026-10-06T12:00", requested_at="2026-10-06T04:01", **planned),
        shift("b", "2026-10-06T08:00", "2026-10-06T12:00", requested_at="2026-10-06T04:00", **planned),
        shift("c", "2026-10-06T08:00", "2026-10-06T12:00", **planned),
    ]

    assert [each[2] for each in charges(bill(*rows, edits=edits))] == ["overtime", "base", "base"]


# --- lines of whole windows


GUARANTEE = '  - { accumulator: guarantee, measure: time, key: [worker], window: { each: week, starts: sunday 00:00 }, scope: site, line: { fills-to: { term: guaranteed }, description: "{name}, {worker}, {from} to {to}: {counted} of {limit} h" } }\n'


def guaranteed(over: str = "36h") -> tuple[Edit, ...]:
    return adding_up(
        GUARANTEE,
        {"guarantee": "status: completed"},
        {"overtime": "in: holiday"},
        terms=f"guaranteed: {{ type: limit }} = {over}",
    )


def test_hours_missing_to_a_guarantee_are_charged_on_the_last_day_of_the_week() -> None:
    """
    36 h are guaranteed for a week from Sunday. Week of 4 October: 2 x 12 = 24 h, 12 missing, at 70.00.
    Week of 11 October: cancelled with notice, not billed, 36 missing; Saturday the 17th is at 72.55.
    Week of 18 October: 36 h, none missing. Week of 25 October ends on the 31st: one row is held, one withdrawn, so there is none.
    """
    rows = [worked("a", "05", 12), worked("b", "06", 12)]
    rows += [{"id": "c", "site": "acme-east", "worker": "w", "item": "RN", "status": "cancelled", "scheduled_start": "2026-10-12T07:00",
              "scheduled_end": "2026-10-12T19:00", "cancelled_at": "2026-10-01T07:00"}]  # fmt: skip
    rows += [worked(f"s{day}", f"{day:02}", 12) for day in (18, 19, 20)]
    rows += [worked("h", "26", 12) | {"approved_by": ""}, worked("v", "27", 12) | {"withdrawn": "yes"}]

    found = bill(*rows, edits=guaranteed())

    assert [each for each in charges(found) if each[2] == "window:guarantee"] == [
        ("guarantee:2026-10-04:acme-east:w", 0, "window:guarantee", "12.00", "70.00"),
        ("guarantee:2026-10-11:acme-east:w", 0, "window:guarantee", "36.00", "72.55"),
    ]
    assert [(line.description, str(line.quantity), line.amount) for line in found.lines["acme"] if "guarantee" in line.charges[0][0].id] == [
        ("Registered nurse, w, 2026-10-04 to 2026-10-10: 24.00 of 36.00 h", "12.00", 84_000),
        ("Registered nurse, w, 2026-10-11 to 2026-10-17: 0.00 of 36.00 h", "36.00", 261_180),
    ]  # fmt: skip
    assert found.charges[-1].kind == "window"
    assert found.charges[-1].service_day.isoformat() == "2026-10-17"


def test_a_guarantee_stands_on_the_invoice_that_holds_the_end_of_the_window() -> None:
    """The week of Sunday 27 September ends on 3 October: its 12 h of September are October's, 24 h missing; without a guarantee none."""
    row = shift("a", "2026-09-28T07:00", "2026-09-28T19:00", worker="w")

    assert [each[2] for each in charges(bill(row, month=(2026, 9), edits=guaranteed()))] == ["base"]
    assert charges(bill(row, edits=guaranteed())) == [
        ("guarantee:2026-09-27:acme-east:w", 0, "window:guarantee", "24.00", "70.00")
    ]
    assert charges(bill(row, edits=guaranteed("none"))) == []


def test_what_goes_beyond_a_ceiling_is_taken_off_again() -> None:
    """
    At most 2,000.00 since 1 September. September: 12 h x 70.00 = 840.00 twice = 1,680.00. October: 840.00, 520.00 beyond: 320.00 stay.
    November: 12 h x 72.55 = 870.60, all beyond.
    """
    ceiling = '  - { accumulator: cap, measure: amount, key: [account], window: { since: { term: contract } }, scope: account, line: { ceiling: 2000.00, item: ORIENT, description: "Beyond {limit}" } }\n'
    edits = adding_up(
        ceiling, {"cap": "status: completed"}, {"overtime": "in: holiday"}, terms="contract: { type: day } = 2026-09-01"
    )
    rows = [shift(f"s{month}{day}", f"2026-{month}-{day}T07:00", f"2026-{month}-{day}T19:00") for month, day in (("09", "07"), ("09", "08"), ("10", "05"), ("11", "02"))]  # fmt: skip

    september, october, november = (bill(*rows, month=(2026, month), edits=edits) for month in (9, 10, 11))

    assert [each.totals["acme"] for each in (september, october, november)] == [168_000, 32_000, 0]
    assert [(line.description, str(line.quantity), str(line.price), line.amount) for line in october.lines["acme"]] == [
        ("Registered nurse", "12.00", "70.00", 84_000),
        ("Beyond 2000.00", "-1", "520.00", -52_000),
    ]
