"""What the hours of some workers of the example month add up to, by hand; the terms stand in each docstring."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache

from connectors.demo import example_folder, october
from engine.pipeline import Preview
from engine.ratebook.book import RuleBook
from engine.ratebook.build import build
from engine.ratebook.files import read_workspace_files
from tests.accumulators.books import billed


@cache
def book() -> RuleBook:
    return build(read_workspace_files(example_folder()))


@cache
def month() -> Preview:
    """October of the workers whose hours add up to something, and of the county, whose contract has a ceiling."""
    rows = [row for row in october(book()) if row["worker"].startswith("W-80") or row["site"] == "county-general"]
    return billed(book(), rows, "2026-10")


def charged(worker: str) -> list[str]:
    """What is charged for a worker: day, what, hours x price, in order of time."""
    found = [
        (row["service_day"], row["id"], row["component"], f"{row['quantity']} x {row['price']}")
        for each in month().assembled
        for row in each.backup.iter_rows(named=True)
        if row["worker"] == worker
    ]
    return [f"{day[5:]} {component} {price}" for day, _, component, price in sorted(found)]


def test_the_seventh_day_of_a_week_that_began_in_september() -> None:
    """
    sunset: California, week from Sunday; RN-MED 86.55, x 1.5 = 129.83, x 2 = 173.10; the largest premium is paid
    27 September to 2 October 8.50 h each, 3 October 12.50 h. Eight hours of each day count for the week: 40 after 1 October.
    """
    assert charged("W-8001") == [
        "10-01 base 8.00 x 86.55",
        "10-01 overtime 0.50 x 129.83",
        "10-02 overtime 8.50 x 129.83",  # eight of the week, half an hour of the day
        "10-03 night+weekend+doubletime 1.00 x 173.10",
        "10-03 weekend+doubletime 3.50 x 173.10",
        "10-03 weekend+overtime 8.00 x 129.83",
    ]


def test_a_long_day_in_california() -> None:
    """sunset: 13.50 h on a Tuesday are eight, four at once and a half and one and a half at twice the price."""
    assert charged("W-8007") == [
        "10-20 base 7.00 x 86.55",
        "10-20 doubletime 0.50 x 173.10",
        "10-20 night 1.00 x 97.37",
        "10-20 night+doubletime 1.00 x 173.10",
        "10-20 overtime 4.00 x 129.83",
    ]


def test_only_the_hospital_that_asks_everywhere_sees_the_hours_of_another() -> None:
    """
    bayview: agency, week from Monday 07:00: 34.50 h before its second shift, so six hours of that are over 40
    mercy: account: its two houses see 34.50 h of the first worker, and 46 h of the second
    """
    assert [row for row in charged("W-8002") if "overtime" in row] == ["10-15 overtime 6.00 x 148.50"]
    assert [row for row in charged("W-8006") if "overtime" in row] == ["10-22 overtime 6.00 x 141.68"]


def test_a_contract_with_overtime_after_48_hours() -> None:
    """summit: five shifts of 11.50 h are 57.50 h."""
    assert [row for row in charged("W-8010") if "overtime" in row] == ["10-15 overtime 9.50 x 104.25"]


def test_nights_on_call_cost_more_after_48_hours_in_four_weeks() -> None:
    """harbor: 4.75, and 1.75 more from the fifth night on; four weeks from 27 September, and the next four from 25 October."""
    assert charged("W-8003") == [
        "10-02 base 12.00 x 4.75",
        "10-06 base 12.00 x 4.75",
        "10-10 base 12.00 x 4.75",
        "10-14 on-call-extra 12.00 x 6.50",
        "10-18 on-call-extra 12.00 x 6.50",
        "10-22 on-call-extra 12.00 x 6.50",
        "10-26 base 12.00 x 4.75",
    ]


def test_a_call_back_is_four_hours_unless_it_joins_a_shift() -> None:
    """
    lakeside: at least 4 h, unless less than 30 min lie between it and a shift
    7 October 02:00-03:00 alone; 8 October 15:15 after a shift to 15:00; 9 October 05:45-06:45 before one from 07:00
    """
    assert [row for row in charged("W-8004") if "own" not in row] == [
        "10-07 base 1.00 x 86.85",
        "10-07 fill 3.00 x 86.85",
        "10-08 base 7.50 x 86.85",
        "10-08 base 1.00 x 86.85",
        "10-09 base 1.00 x 86.85",
        "10-09 base 7.50 x 86.85",
    ]


def test_guaranteed_weeks_are_filled_in_the_month_in_which_they_end() -> None:
    """
    pinecrest-rehab: 24 h a week from Sunday
    28 September 12 h, 13 October 8 h, 20 October called off in good time
    """
    assert charged("W-8005") == [
        "10-03 window:guarantee 12.00 x 31.00",
        "10-13 base 8.00 x 31.00",
        "10-17 window:guarantee 16.00 x 31.00",
        "10-24 window:guarantee 24.00 x 31.00",
    ]


def test_a_late_timesheet_stands_in_its_place_or_behind() -> None:
    """
    27, 28, 29, 30 September and 1 October, 11.50 h each; the sheet of the 28th came after the closeout of September
    harbor: reorder, so the late hours are the second day's, and all of 1 October is over 40
    st-mary: append, so they stand behind those that the closeout took: 34.50 h, then 5.50 and 6.00
    """
    assert charged("W-8008") == ["09-28 base 11.00 x 84.50", "09-28 weekend 0.50 x 87.25", "10-01 overtime 11.50 x 126.75"]
    assert charged("W-8009") == [
        "09-28 base 5.00 x 84.50",
        "09-28 overtime 6.00 x 126.75",
        "09-28 weekend 0.50 x 87.25",
        "10-01 overtime 11.50 x 126.75",
    ]


def test_the_county_pays_no_more_than_its_contract_says() -> None:
    """county: 90,000.00 since 1 October; the last line takes off what goes beyond."""
    (county,) = (each.invoice for each in month().assembled if each.invoice.account == "county")
    last = county.lines[-1]
    assert county.net == 90_000_00
    assert (last.item, str(last.quantity)) == ("CEILING", "-1")
    assert last.amount == 90_000_00 - sum(line.amount for line in county.lines[:-1]) < 0


def test_a_request_less_than_two_days_ahead_is_short_notice() -> None:
    """county: short notice is less than 48 h before the scheduled start; the demo asks 10, 20, 36, 47, 60 and 90 hours ahead."""
    lead = {
        row["id"]: datetime.fromisoformat(row["scheduled_start"][:16]) - datetime.fromisoformat(row["requested_at"])
        for row in october(book())
        if row["site"] == "county-general" and "requested_at" in row
    }
    (backup,) = (each.backup for each in month().assembled if each.invoice.account == "county")
    worked = [
        row
        for row in backup.iter_rows(named=True)
        if row["id"] in lead and row["item"] != "ORIENT" and row["component"] != "fill"
    ]
    hurried = {row["id"] for row in worked if "emergency" in row["component"]}
    assert hurried == {row["id"] for row in worked if lead[row["id"]] < timedelta(hours=48)} < {row["id"] for row in worked}
