"""Zone tables against zoneinfo itself, second by second around the clock changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.arrays import NONE, ints
from engine.bulk.zones import zone_table

EPOCH = datetime(1970, 1, 1)
ZONES = (
    "America/New_York",
    "America/Los_Angeles",
    "Europe/Berlin",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "UTC",
    "America/Havana",
)
FIRST, LAST = 19_700, 20_800  # 2023-12-09 .. 2026-12-13


def seconds(moment: datetime) -> int:
    return int((moment - EPOCH) / timedelta(seconds=1))


@given(st.sampled_from(ZONES), st.integers(FIRST * 86_400, LAST * 86_400))
def test_the_offset_of_any_instant_is_zoneinfos(zone: str, utc: int) -> None:
    """Any second of three years."""
    expected = datetime.fromtimestamp(utc, UTC).astimezone(ZoneInfo(zone)).utcoffset() or timedelta()
    assert int(zone_table(zone, FIRST, LAST).offset_at(ints([utc]))[0]) == expected / timedelta(seconds=1)


@given(st.sampled_from(ZONES), st.integers(FIRST * 86_400, LAST * 86_400), st.booleans())
def test_a_local_time_is_found_missing_or_ambiguous_exactly_when_it_is(zone: str, local: int, near: bool) -> None:
    """By definition: the instants whose local reading it is, found by trying every offset the zone has."""
    table = zone_table(zone, FIRST, LAST)
    if near and len(table.instants) > 1:
        local = int(table.instants[1 + local % (len(table.instants) - 1)] + table.offsets[0]) + local % 14_400 - 7_200
    instants = {local - int(offset) for offset in table.offsets}
    instants = {utc for utc in instants if utc + int(table.offset_at(ints([utc]))[0]) == local}
    utc, gap, twice, wrong = (column[0] for column in table.to_utc(ints([local]), ints([NONE])))
    assert (gap, twice, wrong) == (len(instants) == 0, len(instants) == 2, False)
    if len(instants) == 1:
        assert {int(utc)} == instants
    for instant in instants:
        offset = local - instant
        assert [column[0] for column in table.to_utc(ints([local]), ints([offset]))] == [instant, False, False, False]


@pytest.mark.parametrize(
    ("text", "offset", "finding"),
    [
        ("2026-03-08T02:30", None, "gap"),
        ("2026-03-08T03:00", None, "fine"),
        ("2026-11-01T01:30", None, "twice"),
        ("2026-11-01T01:30", -4, "fine"),
        ("2026-11-01T01:30", -5, "fine"),
        ("2026-11-01T01:30", -6, "wrong"),
        ("2026-11-01T02:00", -5, "fine"),
        ("2026-11-01T02:00", -4, "wrong"),
    ],
)
def test_new_yorks_clock_changes_of_2026(text: str, offset: int | None, finding: str) -> None:
    """Spring 8 March 02:00 -> 03:00, autumn 1 November 02:00 -> 01:00."""
    local = ints([seconds(datetime.fromisoformat(text))])
    given = ints([NONE if offset is None else offset * 3600])
    _, gap, twice, wrong = zone_table("America/New_York", FIRST, LAST).to_utc(local, given)
    assert {"gap": gap, "twice": twice, "wrong": wrong}.get(finding, np.array([True]))[0]
    assert bool(gap[0] | twice[0] | wrong[0]) == (finding != "fine")
