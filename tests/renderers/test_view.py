from datetime import date

import pytest

from engine.invoice import Document
from renderers.view import counted, period_text, view
from tests.renderers.builder import build


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        (date(2026, 10, 1), date(2026, 11, 1), "1-31 October 2026"),
        (date(2026, 10, 5), date(2026, 10, 6), "5 October 2026"),
        (date(2026, 10, 16), date(2026, 11, 16), "16 October - 15 November 2026"),
        (date(2026, 12, 16), date(2027, 1, 16), "16 December 2026 - 15 January 2027"),
    ],
)
def test_a_period_in_words(start: date, end: date, text: str) -> None:
    assert period_text(start, end).replace("\N{EN DASH}", "-") == text


def test_counted() -> None:
    assert counted(1, "row") == "1 row"
    assert counted(1184, "backup row") == "1,184 backup rows"


def times(start: str, end: str) -> str:
    document: Document = build(1, first_row={"start": start, "end": end})
    return view(document).backing[0].rows[0].when.replace("\N{EN DASH}", "-")


def test_clock_times_of_a_charge() -> None:
    assert times("2026-10-02T19:00:00-07:00", "2026-10-03T07:00:00-07:00").endswith(" 19:00-07:00")
    assert times("2026-11-01T00:30:00-07:00", "2026-11-01T05:00:00-08:00").endswith(" 00:30 (-07:00) - 05:00 (-08:00)")
    assert times("", "") == "2026-10-02"


def test_lines_without_backup_rows_are_counted_apart() -> None:
    document = build(2, rows_per_line=1)
    assert view(document).backup_statement.startswith("2 backup rows add up to exactly")

    part = build(1, rows_per_line=1)
    assert view(part).backup_statement.startswith("1 backup row adds up to exactly")

    assert view(build(2, rows_per_line=0)).backup_statement == ""
