"""Gaps in prices: laid over sites, overrides and what activity asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl
import pytest

from engine.problems import Problem
from engine.ratebook.crosscheck import check, checked
from engine.ratebook.files import read_workspace_files
from engine.ratebook.kept_check import read, told
from tests.sample_book import sample_texts
from tests.workspaces import ROOT

GEO, ACME, DIFFERENTIALS = "rates/geo-base.yaml", "rates/accounts/acme.yaml", "rates/differentials.yaml"
ENDED = (GEO, "2024-01-01: 66.00", "2024-01-01: 66.00, 2026-10-01: ended")
Row = tuple[str, str, date, str]


def files(*edits: tuple[str, str, str]) -> dict[str, bytes]:
    texts = sample_texts()
    for path, old, new in edits:
        assert old in texts[path], "the sample has changed"
        texts[path] = texts[path].replace(old, new, 1)
    return {path: text.encode() for path, text in texts.items()}


def activity(*rows: Row) -> pl.DataFrame:
    """Rows of (site, item, day, id), as they stand in one file."""
    names = ("site", "item", "day", "id")
    frame = pl.DataFrame(list(rows), schema=dict.fromkeys(names, pl.String) | {"day": pl.Date}, orient="row")
    numbers = pl.int_range(2, len(rows) + 2, dtype=pl.Int64, eager=True).alias("row")
    return frame.with_columns(pl.lit("activity/shift.csv").alias("file"), numbers)


def found(edits: Sequence[tuple[str, str, str]], *rows: Row) -> list[Problem]:
    return check(files(*edits), lambda: activity(*rows))


def test_an_ended_price_is_told_only_by_the_shifts_that_ask_for_it() -> None:
    assert found([ENDED]) == []
    assert found([ENDED], ("beta-clinic", "RN", date(2026, 9, 30), "S-1"), ("beta-clinic", "ICU", date(2026, 10, 1), "S-2")) == []

    [problem] = found(
        [ENDED],
        ("beta-clinic", "RN", date(2026, 10, 3), "S-3"),
        ("acme-west", "RN", date(2026, 10, 1), "S-4"),
        ("acme-east", "RN", date(2026, 10, 1), "S-5"),  # in another geo
    )

    assert (problem.code, problem.severity) == ("R080", "error")
    assert "`geo-base` has no price of LA, RN from 2026-10-01 on" in problem.message
    assert (
        "2 rows of activity lie there: S-4 (activity/shift.csv row 3: RN at acme-west on 2026-10-01); "
        "S-3 (activity/shift.csv row 2: RN at beta-clinic on 2026-10-03)" in problem.message
    )


def test_only_the_first_shifts_are_named_and_all_are_counted() -> None:
    [problem] = found([ENDED], *(("beta-clinic", "RN", date(2026, 10, day), f"S-{day}") for day in range(1, 21)))

    assert "20 rows of activity lie there: S-1 (" in problem.message
    assert "S-3 (" in problem.message
    assert "S-4 (" not in problem.message


def test_an_override_closes_a_gap() -> None:
    edit = ("rates/accounts/beta.yaml", "overrides:", "overrides:\n  - { override: own, instead-of: geo-base, item: RN, from: 2026-10-01, to: 2026-10-05, price: 60.00, unit: hour }")  # fmt: skip

    assert found([ENDED, edit], ("beta-clinic", "RN", date(2026, 10, 4), "S-1")) == []
    [problem] = found([ENDED, edit], ("beta-clinic", "RN", date(2026, 10, 5), "S-1"))
    assert "S-1" in problem.message


def test_an_item_that_is_sold_nowhere_before_is_no_gap_and_one_that_is_sold_elsewhere_is() -> None:
    later = (GEO, "item: RN\n    prices: { 2024-01-01: 66.00 }", "item: RN\n    prices: { 2024-03-01: 66.00 }")
    too = (GEO, "prices: { 2024-01-01: 70.00, 2026-10-15: 72.55 }", "prices: { 2024-03-01: 70.00, 2026-10-15: 72.55 }")

    assert [problem.code for problem in found([later])] == ["R080"]
    assert found([later, too]) == []


def test_a_premium_that_has_no_rate_anywhere_is_told_without_activity() -> None:
    """Rows of activity do not tell premiums, and the run would stop on the first weekend."""
    [weekend] = [line for line in sample_texts()[DIFFERENTIALS].splitlines() if "premium: weekend" in line]
    [problem] = [each for each in found([(DIFFERENTIALS, f"{weekend}\n", "")]) if each.code == "R080"]
    assert problem.severity == "warning"
    assert "`differentials` has no price of weekend" in problem.message


def test_one_agreed_price_does_not_hide_that_a_geo_has_no_rows() -> None:
    """Acme has an agreed price of intensive care in New York, and all rows of New York are lost."""
    text = sample_texts()[GEO]
    lost = (GEO, text[text.index("  - geo: NYC") : text.index("  - geo: LA")], "")
    other = text.replace("table: geo-base", "table: other")
    shifts = (("acme-east", "ICU", date(2026, 10, 3), "S-1"), ("acme-east", "RN", date(2026, 10, 3), "S-2"))
    book = {**files(lost), "rates/other.yaml": other.encode()}  # another table knows the geo

    told_ = [each for each in check(book, lambda: activity(*shifts)) if each.code == "R080" and "acme-east" in each.message]

    assert [each.severity for each in told_] == ["error"]
    assert "`geo-base` has no row for NYC, RN" in told_[0].message
    assert "1 row of activity lies there: S-2" in told_[0].message


@pytest.mark.parametrize(("workspace", "path", "line", "code", "words"), [
    ("saas", "rates/accounts/open-hand.yaml", "geo: { 2026-07-01: US }", "R081", "open-hand has no geo, and `api` has prices by geo"),
    ("telecom", "rules/rounding.yaml", "  minute: { digits: 4, half: up }", "R045", "the rounding of quantities in minute is not declared"),
    ("telecom", "rules/rounding.yaml", "  month:", "R045", "`monthly` is priced by the month"),
])  # fmt: skip
def test_a_lost_line_of_an_example_is_found(workspace: str, path: str, line: str, code: str, words: str) -> None:
    book = read_workspace_files(ROOT / "examples" / workspace)
    kept = [each for each in book[path].decode().splitlines() if not each.startswith(line)]
    assert len(kept) == len(book[path].splitlines()) - 1
    problems = check({**book, path: "\n".join(kept).encode()})
    assert any(each.code == code and words in each.message for each in problems), problems


def test_a_site_before_its_geo_is_told_by_its_shifts() -> None:
    edit = (ACME, "geo: { 2024-01-01: NYC }", "geo: { 2026-01-01: NYC }")

    assert found([edit]) == []
    [problem] = found([edit], ("acme-east", "RN", date(2025, 12, 31), "S-1"), ("acme-east", "RN", date(2026, 1, 1), "S-2"))
    assert (problem.code, problem.severity) == ("R081", "error")
    assert "1 row of activity lies there: S-1" in problem.message


def test_a_book_without_gaps_never_asks_for_activity() -> None:
    def never() -> pl.DataFrame:
        raise AssertionError

    assert check(files(), never) == []


def test_what_was_found_is_read_as_it_was_kept() -> None:
    whole = checked(
        files(ENDED, ("rules/segments.yaml", "windows:", "windows:\n  - { window: noon, each: day, from: 11:00, to: 13:00 }"))
    )

    assert whole.gaps
    assert whole.problems
    assert read(told(whole)) == whole
