"""A month in which nobody worked."""

from __future__ import annotations

from engine.dates import parse_period
from engine.pipeline import preview
from engine.steps.rate import Rater
from tests.agency.sample import agency


def test_a_month_without_rows_has_no_documents_and_no_sums() -> None:
    """The agency's accumulators have no site to look at."""
    made = preview(Rater(agency()), {}, parse_period("2026-08"), inside=True)
    assert (made.read, made.billed, made.assembled) == (0, 0, ())
