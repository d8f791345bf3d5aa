"""Rows of activity: every bad one is rejected with file, row, column, value and cure; every other one has exactly one fate."""

from __future__ import annotations

from functools import cache

import polars as pl
import pytest

from engine.dates import parse_period
from engine.pipeline import Preview, preview
from engine.ratebook.book import RuleBook
from engine.ratebook.build import build
from engine.steps.rate import Rater
from tests.sample_book import sample_files
from tests.workspaces import cancelled, completed

OCTOBER = parse_period("2026-10")
START, END = "2026-10-06T07:00", "2026-10-06T15:00"


@cache
def book() -> RuleBook:
    return build(sample_files())


def october(*rows: dict[str, str], accounts: tuple[str, ...] = ()) -> Preview:
    names = [column.column for column in book().kinds["shift"].columns]
    cells = {name: [row.get(name, "") for row in rows] for name in names}
    raw = pl.DataFrame(
        {**cells, "file": ["shifts.csv"] * len(rows), "row": list(range(2, len(rows) + 2))}, schema_overrides={"row": pl.Int64}
    )
    return preview(Rater(book()), {"shift": raw}, OCTOBER, accounts)


def fates(found: Preview) -> dict[tuple[str, int], tuple[str, str]]:
    return {(fate.id, fate.revision): (fate.fate, fate.rule) for fate in found.fates}


@pytest.mark.parametrize(
    ("changes", "code", "column", "words", "cure"),
    [
        ({"end": "2026-10-06T06:00"}, "A111", "end", "does not come after start", "the date of the next day"),
        ({"end": START}, "A111", "end", "does not come after start", "next day"),
        ({"site": "acme-eas"}, "A103", "site", "'acme-eas' is not in the rule book", "Did you mean 'acme-east'?"),
        ({"item": "RNN"}, "A104", "item", "'RNN' is not in the rule book", "Did you mean 'RN'?"),
        ({"site": ""}, "A101", "site", "the cell is empty", "needs a value"),
        ({"status": "done"}, "A102", "status", "must be one of completed", "Known are"),
        ({"start": "2026-03-08T02:30", "end": "2026-03-08T10:00"}, "A107", "start", "does not exist", "the clock showed"),
        ({"start": "2026-10-31T19:00", "end": "2026-11-01T01:30"}, "A108", "end", "happens twice", "2026-11-01T01:30-04:00"),
        ({"start": "2026-10-31T19:00", "end": "2026-11-01T01:30-07:00"}, "A109", "end", "does not have this offset", "Correct the offset"),
        ({"start": "2026-10-06T07:00:30"}, "A106", "start", "finer than the declared grid", "Round it"),
        ({"start": "5.10.2026 07:00"}, "A105", "start", "not a local time", "2026-10-03T19:00"),
        ({"start": "2026-02-30T07:00"}, "A105", "start", "not a local time", "2026-10-03T19:00"),
        ({"start": "2026-10-06T24:00"}, "A105", "start", "not a local time", "2026-10-03T19:00"),
        ({"end": ""}, "A110", "end", "start is given and this is not", "both or neither"),
        ({"start": "", "end": ""}, "A112", "start", "neither a recorded nor a scheduled start", "Give one"),
        ({"break_minutes": "half"}, "A102", "break_minutes", "whole number", "digits only"),
        ({"break_minutes": "-30"}, "A102", "break_minutes", "whole number", "digits only"),
        ({"charge_nurse": "maybe"}, "A102", "charge_nurse", "yes or no", "yes or no"),
        ({"mark_held": "yes", "reason": "x"}, "A113", "marked_by", "who and why", "marked_by and reason"),
        ({"mark_held": "yes", "marked_by": "x"}, "A113", "reason", "who and why", "marked_by and reason"),
        ({"id": "../../etc"}, "A102", "id", "letters, digits", "Export the id"),
        ({"worker": "=cmd|' /C calc'!A0"}, "A102", "worker", "letters, digits", "Export the id"),
        ({"worker_name": "a\u202eb"}, "A102", "worker_name", "invisible", "without them"),
        ({"revision": "1.5"}, "A102", "revision", "whole number", "digits only"),
    ],
)  # fmt: skip
def test_a_bad_row_is_rejected_with_its_place_and_cure(
    changes: dict[str, str], code: str, column: str, words: str, cure: str
) -> None:
    found = october(completed("good", START, END), completed("bad", START, END) | changes)
    (reject,) = found.collected.rejects
    assert (reject.code, reject.file, reject.row, reject.column) == (code, "shifts.csv", 3, column)
    assert reject.value == {**completed("bad", START, END), **changes}.get(column, "")
    assert words in reject.message
    assert cure in reject.cure
    assert found.billed == 1


def test_one_id_with_two_contents_rejects_both_whatever_their_order() -> None:
    rows = (completed("x", START, END), completed("x", START, "2026-10-06T16:00"), completed("y", START, END))
    for mine in (rows, rows[::-1]):
        found = october(*mine)
        assert {(reject.code, reject.row) for reject in found.collected.rejects} == {
            ("A114", n) for n, row in enumerate(mine, 2) if row["id"] == "x"
        }
        assert found.billed == 1


def test_the_same_row_again_is_a_no_op_and_a_higher_revision_replaces() -> None:
    first = completed("x", START, END)
    found = october(first, first, first | {"revision": "2", "end": "2026-10-06T16:00"})
    assert found.billed == 1
    assert fates(found) == {("x", 1): ("not billed", "superseded")}
    assert found.assembled[0].invoice.lines[0].quantity.units == 850


def test_an_older_revision_is_held_when_the_newer_one_is_rejected() -> None:
    found = october(completed("x", START, END), completed("x", START, "nonsense", revision="2"))
    assert fates(found) == {("x", 1): ("held", "revision-rejected")}


@pytest.mark.parametrize(
    ("changes", "fate"),
    [
        ({"revision": "2", "withdrawn": "yes"}, ("not billed", "withdrawn")),
        ({"revision": "2", "mark_excluded": "yes", "marked_by": "a", "reason": "b"}, ("not billed", "mark_excluded")),
        ({"revision": "2", "mark_held": "yes", "marked_by": "a", "reason": "b"}, ("held", "mark_held")),
        ({"revision": "2", "end": "2026-10-07T07:01"}, ("held", "longer-than-maximum")),
        ({"revision": "2", "approved_by": ""}, ("held", "approval")),
        ({"revision": "2", "status": "no-show"}, ("not billed", "no-show")),
        ({"revision": "2", "end": "2026-10-06T07:05"}, ("not billed", "rounds-to-nothing")),
        ({"revision": "2", "start": "", "end": "", "scheduled_start": START, "scheduled_end": END}, ("held", "no-recorded-time")),
    ],
)  # fmt: skip
def test_a_row_that_is_not_billed_says_why(changes: dict[str, str], fate: tuple[str, str]) -> None:
    found = october(completed("x", START, END), completed("x", START, END) | changes)
    assert fates(found) == {("x", 1): ("not billed", "superseded"), ("x", 2): fate}
    assert found.billed == 0


def test_overlapping_shifts_of_one_worker_are_held_across_accounts_and_touching_ones_are_not() -> None:
    rows = (
        completed("a", START, END, worker="w"),
        completed("b", "2026-10-06T11:00", "2026-10-06T11:30", worker="w", site="beta-clinic"),  # 14:00 in New York
        completed("c", END, "2026-10-06T20:00", worker="w"),
        completed("d", START, END, worker="other"),
        cancelled("e", START, END, "2026-10-05T20:00", worker="w"),
    )
    found = october(*rows)
    assert fates(found) == {("a", 1): ("held", "overlap"), ("b", 1): ("held", "overlap")}
    alone = october(*rows, accounts=("acme",))
    assert fates(alone) == {("a", 1): ("held", "overlap")}
    assert [line.canonical() for line in alone.assembled[0].invoice.lines] == [
        line.canonical() for line in found.assembled[0].invoice.lines
    ]


def test_a_period_holds_what_starts_in_it_by_the_clock_of_the_site() -> None:
    """Just after midnight of 1 October in New York, which is still September in Los Angeles; over the end of the month whole."""
    found = october(
        completed("east", "2026-10-01T00:00", "2026-10-01T08:00"),
        completed("west", "2026-09-30T23:45", "2026-10-01T08:00", site="acme-west"),
        completed("over", "2026-10-31T20:00", "2026-11-01T04:00"),
        completed("later", "2026-11-01T06:00", "2026-11-01T14:00"),
    )
    assert (found.billed, found.count("elsewhere")) == (2, 2)
    assert {row["id"] for each in found.assembled for row in each.backup.iter_rows(named=True)} == {"east", "over"}


def test_formula_text_in_a_name_is_data() -> None:
    found = october(completed("x", START, END, worker_name='=HYPERLINK("http://203.0.113.9")'))
    assert found.billed == 1


def test_the_fates_of_all_rows_add_up() -> None:
    found = october(
        completed("a", START, END),
        completed("b", START, "bad"),
        completed("c", START, END, approved_by=""),
        completed("d", "2026-09-05T07:00", "2026-09-05T15:00"),
        cancelled("e", START, END, "2026-10-01T07:00"),
    )
    counted = {name: found.count(name) for name in ("billed", "rejected", "held", "elsewhere", "not billed")}
    assert counted == {"billed": 1, "rejected": 1, "held": 1, "elsewhere": 1, "not billed": 1}
    assert sum(counted.values()) == found.collected.read
