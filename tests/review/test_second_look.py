"""Approvals that a new price only carries on, and prices that leap: what a change says by mistake more often than by intent."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.review.repository import APPROVALS, GEO, Repository, found, repository

NIGHT = "rates/differentials.yaml"
OLD = "approved: { by: d.ortiz, on: 2023-12-01, ref: FIN-200 }"
OWN = "approved: { by: m.lee, on: 2026-11-20, ref: FIN-400 }"


@pytest.fixture
def made(tmp_path: Path) -> Repository:
    """The sample book, whose row of NYC/RN has one approval for all of its prices."""
    made = repository(tmp_path)
    made.edit(GEO, "2026-10-15: 72.55 }", "2026-10-15: 72.55 }\n    reason: opening sheet\n    " + OLD)
    made.commit("An approval for the row")
    made.branch()
    return made


def test_a_new_price_does_not_carry_on_the_approval_of_its_row(made: Repository) -> None:
    made.edit(GEO, "2026-10-15: 72.55 }", "2026-10-15: 72.55, 2027-01-01: 74.00 }")

    assert found(made, "R112") == [
        f"warning[R112] {GEO}:10:53: the price geo-base:NYC/RN from 2027-01-01 carries on an approval from before this change (d.ortiz, "
        "2023-12-01, FIN-200). Give it its own: `reason:` and `approved: { by, on, ref }`."
    ]


def test_with_its_own_approval_nothing_is_told(made: Repository) -> None:
    made.edit(GEO, "2026-10-15: 72.55 }", f"2026-10-15: 72.55, 2027-01-01: {{ price: 74.00, reason: review, {OWN} }} }}")

    assert found(made, "R112") == []


def test_what_is_approved_anew_for_the_whole_row_carries_nothing_on(made: Repository) -> None:
    made.edit(GEO, "2026-10-15: 72.55 }", "2026-10-15: 72.55, 2027-01-01: 74.00 }")
    made.edit(GEO, OLD, OWN)

    assert found(made, "R112") == []


def test_an_entry_without_approval_lacks_one_and_carries_none_on(made: Repository) -> None:
    made.edit(
        GEO,
        "    item: ORIENT\n    prices: { 2024-01-01: 35.00 }",
        "    item: ORIENT\n    prices: { 2024-01-01: 35.00, 2027-01-01: 36.00 }",
    )

    assert found(made, "R112") == []
    assert len(found(made, "R094")) == 1


def test_whoever_asks_for_no_approvals_of_entries_is_not_told(made: Repository) -> None:
    made.write("rules/approvals.yaml", APPROVALS + "severity: { missing-approval: off }\n")
    made.git("checkout", "-q", "main")
    made.commit("No approvals of entries")
    made.branch("second")
    made.edit(GEO, "2026-10-15: 72.55 }", "2026-10-15: 72.55, 2027-01-01: 74.00 }")

    assert found(made, "R112") == []


@pytest.mark.parametrize(
    ("price", "says"),
    [
        ("725.50", "becomes 725.50 from 2027-01-01 where it was 72.55, 10 times as much"),
        ("7.25", "becomes 7.25 from 2027-01-01 where it was 72.55, 10 times less"),
        ("362.75", "becomes 362.75 from 2027-01-01 where it was 72.55, 5 times as much"),
    ],
)
def test_a_price_that_leaps_is_told_with_both_figures(made: Repository, price: str, says: str) -> None:
    made.edit(GEO, "2026-10-15: 72.55 }", f"2026-10-15: 72.55, 2027-01-01: {price} }}")

    [said] = found(made, "R110")
    assert said.startswith(f"warning[R110] {GEO}:10:53: price geo-base:NYC/RN {says}")


def test_an_edited_price_that_leaps_is_told(made: Repository) -> None:
    made.edit(GEO, "2026-10-15: 72.55", "2026-10-15: 725.50")

    [said] = found(made, "R110")
    assert "where it was 72.55, 10 times as much" in said


@pytest.mark.parametrize("price", ["362.70", "14.52", "0.00", "ended"])
def test_what_moves_less_or_ends_or_is_free_is_no_leap(made: Repository, price: str) -> None:
    made.edit(GEO, "2026-10-15: 72.55 }", f"2026-10-15: 72.55, 2027-01-01: {price} }}")

    assert found(made, "R110") == []


def test_a_fraction_in_a_table_of_percentages_is_told_how_percentages_are_written(made: Repository) -> None:
    text = (made.folder / NIGHT).read_text("utf-8")
    old = next(line for line in text.splitlines() if "2024-01-01: 15" in line)
    made.edit(NIGHT, old, old.replace("2024-01-01: 15", "2024-01-01: 15, 2027-01-01: 0.18"))

    [said] = found(made, "R110")
    assert "becomes 0.18% from 2027-01-01 where it was 15.00%, 83 times less" in said
    assert said.endswith("Percentages are written like 20, not like 0.2. If it is meant, nothing is to be done.")
