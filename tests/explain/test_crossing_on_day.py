"""Of what differs where one day's words hold for ever, what bears on a line: by its days, its prices, and where its workers worked."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import polars as pl
import pytest

from engine.causes import Concern
from engine.crossing_on_day import bearing
from engine.problems import Source
from engine.ratebook.book import UNKNOWN_PROVENANCE
from engine.ratebook.changes import EVERYTHING, Change, Stretch
from engine.ratebook.in_force import ALWAYS
from engine.ratebook.reach import Books
from tests.explain.previews import agency

ROWS = {
    "shift": pl.DataFrame(
        {"worker": ["W-1", "W-2"], "site": ["mercy-north", "county-general"], "start": ["2026-10-05T07:00"] * 2}
    )
}
LINES = [
    {
        "prices": [
            {
                "base": {"rate": "geo-base:SF-BAY/RN-MED@2026-01-01"},
                "premiums": [
                    {
                        "formula": {"version": "percent-of-base@2"},
                        "inputs": {"percent": {"rate": "differentials:night@2025-09-01"}},
                    }
                ],
            }
        ]
    }
]
CONCERN = Concern(
    "mercy", "mercy-north", "RN-MED", date(2026, 10, 5), date(2026, 10, 20), date(2026, 10, 1), date(2026, 11, 1), made=False,
    before=frozenset(), after=frozenset(), workers=frozenset(["W-1"]),
)  # fmt: skip


def kept(what: str, id_: str, start: date = ALWAYS, end: date | None = None, concern: Concern = CONCERN) -> list[Change]:
    place = Source("rates/x.yaml", 1, 1)
    change = Change(what, id_, (Stretch(start, end, "1", "2"),), place, place, UNKNOWN_PROVENANCE, EVERYTHING)
    return bearing([change], Books(agency().book, agency().book), concern, LINES, (ROWS, ROWS))


@pytest.mark.parametrize(
    ("what", "id_", "bears"),
    [
        ("price", "geo-base:SF-BAY/RN-MED", True),
        ("price", "differentials:night", True),
        ("price", "differentials:holiday", False),
        ("override", "mercy:surge-c88", False),
        ("formula", "percent-of-base/2", True),
        ("formula", "percent-of-base/1", False),
        ("term", "default/break", True),
        ("term", "mercy/combine", True),
        ("term", "mercy-north/break", True),
        ("term", "mercy-valley/break", False),
        ("term", "county/ceiling", False),
        ("rule", "billable/completed", True),
    ],
)
def test_prices_bear_that_are_named_and_terms_of_places_where_the_workers_worked(what: str, id_: str, *, bears: bool) -> None:
    assert bool(kept(what, id_)) == bears


def test_another_worker_and_a_line_made_of_others_look_further() -> None:
    assert kept("term", "county/ceiling", concern=replace(CONCERN, workers=frozenset(["W-1", "W-2"])))
    assert kept("term", "county/ceiling", concern=replace(CONCERN, workers=frozenset()))
    assert kept("price", "differentials:holiday", concern=replace(CONCERN, made=True))


def test_days_bear_that_the_line_or_its_sums_hold() -> None:
    """The sums of the example look back at most nine weeks; lines made of amounts as far as there is activity."""
    assert not kept("rule", "billable/completed", end=date(2026, 1, 1))
    assert kept("rule", "billable/completed", end=date(2026, 10, 1))
    assert not kept("rule", "billable/completed", start=date(2026, 10, 21))
    made = replace(CONCERN, made=True)
    assert not kept("rule", "billable/completed", end=date(2026, 10, 5), concern=made)
    assert kept("rule", "billable/completed", end=date(2026, 10, 6), concern=made)
    [change] = kept("rule", "billable/completed")
    assert change.stretches[0].start is None  # ever since, not since a day that only stands for it
