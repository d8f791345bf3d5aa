"""Recent activity, as check asks for it: the rows of the last months that would have asked for a price."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from engine.bulk.recent import recent
from engine.ratebook.build import build
from tests.sample_book import sample_files
from tests.workspaces import completed, inforce, make_workspace

BOOK = build(sample_files())


def rows(*cells: dict[str, str]) -> pl.DataFrame:
    kind = BOOK.kinds["shift"]
    names = [column.column for column in kind.columns]
    data = {name: [row.get(name, "") for row in cells] for name in names}
    frame = pl.DataFrame(data, schema=dict.fromkeys(names, pl.String))
    numbers = pl.int_range(2, len(cells) + 2, dtype=pl.Int64, eager=True).alias("row")
    return frame.with_columns(pl.lit("a.csv").alias("file"), numbers)


def cells(**said: str) -> dict[str, str]:
    return {"id": "S-1", "site": "acme-east", "item": "RN", "status": "completed", "start": "2026-10-03T07:00", **said}


def asked(*said: dict[str, str]) -> list[tuple[str, str, str]]:
    found = recent(BOOK, {"shift": rows(*said)})
    return [(row["id"], row["item"], str(row["day"])) for row in found.iter_rows(named=True)]


def test_a_shift_asks_for_its_item_on_its_day() -> None:
    assert asked(cells()) == [("S-1", "RN", "2026-10-03")]


def test_what_is_not_billed_asks_for_nothing() -> None:
    assert asked(cells(status="no-show"), cells(id="S-2", status="cancelled", start="", scheduled_start="2026-10-03T07:00")) == []


def test_a_shift_asks_for_the_item_that_it_is_charged_as() -> None:
    assert asked(cells(status="orientation")) == [("S-1", "ORIENT", "2026-10-03")]


def test_only_the_last_revision_counts_unless_it_is_withdrawn() -> None:
    moved = cells(revision="2", start="2026-10-04T07:00")

    assert asked(cells(revision="1"), moved) == [("S-1", "RN", "2026-10-04")]
    assert asked(cells(revision="1"), {**moved, "withdrawn": "yes"}) == []


def test_rows_more_than_three_months_before_the_newest_are_left_out() -> None:
    old, older = cells(id="S-2", start="2026-07-05T07:00"), cells(id="S-3", start="2026-07-03T07:00")

    assert [each[0] for each in asked(cells(), old, older)] == ["S-1", "S-2"]


def test_a_scheduled_time_dates_what_has_no_other() -> None:
    billed = cells(status="cancelled", start="", scheduled_start="2026-10-05T07:00", mark_billable="yes")

    assert asked(billed) == [("S-1", "RN", "2026-10-05")]


def test_check_names_the_shifts_of_a_workspace_that_a_gap_hits(tmp_path: Path) -> None:
    folder = make_workspace(tmp_path, [completed("S-7", "2026-10-05T07:00", "2026-10-05T15:00", site="beta-clinic")])
    path = folder / "rates" / "geo-base.yaml"
    path.write_text(path.read_text().replace("2024-01-01: 66.00", "2024-01-01: 66.00, 2026-10-01: ended"))

    for _ in range(2):  # what check found is kept, what activity adds to it is not
        done = inforce("check", folder)
        assert done.returncode == 1
        assert "error[R080]" in done.stdout
        assert "S-7" in done.stdout
