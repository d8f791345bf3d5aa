"""What accounts have included and what they use, over three periods."""

from __future__ import annotations

from engine.overage import overage
from renderers.overage_text import render_overage
from tests.measured.books import bill, book, rows


def test_use_is_told_against_the_allowance_of_three_periods() -> None:
    """10 GB are included: 4 in August, none in September, 12.5 in October."""
    cells = [
        {"id": "a", "account": "acme", "item": "STORE", "day": "2026-08-05", "quantity": "4"},
        {"id": "b", "account": "acme", "item": "STORE", "day": "2026-10-05", "quantity": "12.5"},
        {"id": "c", "account": "beta", "item": "STORE", "day": "2026-10-05", "quantity": "10"},
    ]
    rules = book()
    found = overage(rules, [bill(rules, month, storage=rows(*cells)) for month in ("2026-08", "2026-09", "2026-10")])
    acme, beta = found
    assert [(use.allowance, use.included, use.over) for use in acme.uses] == [
        (10_000, 4_000, 0),
        (10_000, 0, 0),
        (10_000, 10_000, 2_500),
    ]
    assert (acme.times_over, beta.times_over) == (1, 0)
    assert render_overage(found).splitlines()[1].split() == [
        "acme", "STORE", "GB", "4.000", "of", "10.000", "0.000", "of", "10.000", "12.500", "of", "10.000", "1", "of", "3",
    ]  # fmt: skip
