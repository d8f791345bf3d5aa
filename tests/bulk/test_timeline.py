"""Timelines against a walk minute by minute over the local clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from engine.arrays import codes, ints
from engine.bulk.timeline import timelines
from engine.problems import Source
from engine.ratebook.book import Holiday, HolidaySet, Window

HERE = Source("rules/segments.yaml", 1)
FOURTH = HolidaySet("us", date(2026, 1, 1), date(2027, 1, 1), (Holiday("fourth", date(2026, 3, 8), date(2026, 3, 9)),), HERE)
WINDOWS = {
    "night": Window("night", "day", 19 * 3600, 7 * 3600, None, None, HERE),
    "day": Window("day", "day", 7 * 3600, 19 * 3600, None, None, HERE),
    "weekend": Window("weekend", "week", 4 * 86_400 + 19 * 3600, 7 * 3600 + 1800, None, None, HERE),
    "eve": Window("eve", "holiday", -5 * 3600, 86_400 + 7 * 3600, "us", "actual", HERE),
    "observed": Window("observed", "holiday", 0, 86_400, "us", "observed", HERE),
}
ZONES = ("America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe")
FIRST = (date(2026, 3, 1) - date(1970, 1, 1)).days


def inside(local: datetime, window: str) -> bool:
    """Whether a local clock reading lies in a window, in the words of the law."""
    clock = local.hour * 60 + local.minute
    if window == "night":
        return clock >= 19 * 60 or clock < 7 * 60
    if window == "day":
        return 7 * 60 <= clock < 19 * 60
    if window == "weekend":
        week = local.weekday() * 1440 + clock
        return week >= 4 * 1440 + 19 * 60 or week < 7 * 60 + 30
    if window == "eve":
        return datetime(2026, 3, 7, 19) <= local < datetime(2026, 3, 9, 7)
    return local.date() == date(2026, 3, 9)


@given(st.integers(0, 2), st.integers(0, 40 * 1440), st.integers(1, 1800), st.sampled_from(sorted(WINDOWS)))
def test_time_in_a_window_is_the_minutes_that_read_so(zone: int, begin: int, length: int, window: str) -> None:
    """Forty days around the clock changes of March and April 2026, in three zones."""
    lines = timelines(ZONES, FIRST, FIRST + 45, WINDOWS, {"us": FOURTH})
    start = FIRST * 86_400 + begin * 60
    info = ZoneInfo(ZONES[zone])
    readings = [
        (datetime.fromtimestamp(start + minute * 60, UTC).astimezone(info)).replace(tzinfo=None) for minute in range(length)
    ]
    expected = sum(inside(reading, window) for reading in readings) * 60
    found = lines.seconds(lines.with_window(window), codes([zone]), ints([start]), ints([start + length * 60]))
    assert int(found[0]) == expected


@given(st.integers(0, 2), st.integers(0, 40 * 1440), st.integers(1, 3000))
def test_wall_time_is_the_difference_of_the_local_clocks(zone: int, begin: int, length: int) -> None:
    """Over all states together; elapsed time is the difference of the instants."""
    lines = timelines(ZONES, FIRST, FIRST + 45, WINDOWS, {"us": FOURTH})
    every = frozenset(range(len(lines.masks)))
    start, end = FIRST * 86_400 + begin * 60, FIRST * 86_400 + (begin + length) * 60
    local = [datetime.fromtimestamp(each, UTC).astimezone(ZoneInfo(ZONES[zone])).replace(tzinfo=None) for each in (start, end)]
    where = codes([zone]), ints([start]), ints([end])
    assert int(lines.seconds(every, *where)[0]) == end - start
    assert int(lines.seconds(every, *where, wall=True)[0]) == (local[1] - local[0]) / timedelta(seconds=1)


@given(st.integers(0, 2), st.integers(0, 40))
def test_midnight_is_the_first_instant_of_a_local_day(zone: int, day: int) -> None:
    """The instant reads the day, the second before does not."""
    lines = timelines(ZONES, FIRST, FIRST + 45, WINDOWS, {"us": FOURTH})
    first = int(lines.midnight(codes([zone]), ints([FIRST + day]))[0])
    read = [datetime.fromtimestamp(first + shift, UTC).astimezone(ZoneInfo(ZONES[zone])).date() for shift in (0, -1)]
    assert read == [date(1970, 1, 1) + timedelta(days=FIRST + day), date(1970, 1, 1) + timedelta(days=FIRST + day - 1)]
