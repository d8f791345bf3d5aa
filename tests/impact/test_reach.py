"""What an impact recomputes is all that a change can reach: it equals the full recomputation, document by document and row by row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.dates import parse_period
from engine.impact import Asked, Impact, impact
from engine.pipeline import Activity
from engine.problems import InforceError
from engine.ratebook.book import RuleBook
from tests.corrections.books import (
    METERED_ROWS,
    METERED_SETTINGS,
    SHIFT_ROWS,
    SHIFT_SETTINGS,
    metered_book,
    metered_rows,
    shift_book,
    shift_rows,
)
from tests.difference.mutants import books, mutants
from tests.workspaces import completed

PERIODS = tuple(parse_period(name) for name in ("2026-09", "2026-10", "2026-11"))
Said = Mapping[str, str]


def moved(before: RuleBook, after: RuleBook, rows: Activity, *, full: bool, past: int) -> Impact:
    def refuse(_: object) -> None:
        raise AssertionError("nothing is issued here")

    return impact(before, after, Asked((), PERIODS, PERIODS[:past], lambda _book, _sequence: rows, refuse, full=full))  # type: ignore[arg-type]


def documents(found: Impact) -> dict[tuple[str, str, str], tuple[int | None, int | None, tuple[tuple[str, int], ...]]]:
    """Every document that would differ, with what moves it."""
    return {
        (section.state, each.period, each.number): (each.before, each.after, tuple(each.by.items()))
        for section in found.sections
        for each in section.moved
    }


def agrees(before: RuleBook, after: RuleBook, rows: Activity, past: int = 0) -> Impact | None:
    """The impact, if the books can bill the rows at all; the quick way and the full one must say the same."""
    try:
        whole = moved(before, after, rows, full=True, past=past)
    except (
        InforceError,
        LookupError,
        ValueError,
        TypeError,
        pl.exceptions.PolarsError,
    ):  # what no files could say, or no book could bill
        return None
    quick = moved(before, after, rows, full=False, past=past)
    assert documents(quick) == documents(whole)
    assert {name for section in quick.sections for each in section.documents for name in each.by if each.change} == {
        name for section in whole.sections for each in section.documents for name in each.by if each.change
    }
    for section in quick.sections:
        for each in section.documents:
            assert sum(each.by.values()) == each.change
    return quick


@cache
def activity(name: str) -> Activity:
    """All rows that the settings' books know, each as it is known first or later."""
    every = SHIFT_ROWS if name == "shift" else METERED_ROWS
    known = {row: (next(value for value in values if value),) for row, values in every.items()}
    return {"shift": shift_rows(known)} if name == "shift" else {"usage": metered_rows(known)}


BOOKS: Mapping[str, tuple[Callable[[Said], RuleBook], Mapping[str, tuple[str, ...]], str]] = {
    "shifts": (shift_book, SHIFT_SETTINGS, "shift"),
    "metered": (metered_book, METERED_SETTINGS, "usage"),
}


def said(every: Mapping[str, tuple[str, ...]]) -> st.SearchStrategy[Said]:
    return st.fixed_dictionaries({name: st.sampled_from(values) for name, values in every.items()})


@pytest.mark.parametrize("name", BOOKS)
def test_what_is_out_of_reach_does_not_move(name: str) -> None:
    """A book as some settings say, and one to three settings changed."""
    make, every, kind = BOOKS[name]
    seen = {"billed": 0, "repriced": 0, "rated": 0, "moved": 0}

    @settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
    @given(said(every), st.lists(st.sampled_from(sorted(every)), min_size=1, max_size=3), said(every))
    def holds(one: Said, names: list[str], other: Said) -> None:
        found = agrees(make(one), make({**one, **{each: other[each] for each in names}}), activity(kind))
        if found is not None:
            seen["billed"] += 1
            seen["repriced"] += found.repriced
            seen["rated"] += found.rated
            seen["moved"] += not found.moves_nothing

    holds()
    print(seen)
    assert seen["billed"] > 8
    assert seen["moved"] > 4
    assert seen["rated"] > 4


@pytest.mark.parametrize("name", ["price", "override"])
def test_other_prices_are_looked_up_and_nothing_is_rated_again(name: str) -> None:
    first = {each: values[0] for each, values in SHIFT_SETTINGS.items()}
    found = agrees(shift_book(first), shift_book({**first, name: SHIFT_SETTINGS[name][1]}), activity("shift"), past=3)
    assert found is not None
    assert found.issued.documents == ()
    assert found.open.moved
    assert (found.rated, found.repriced > 0) == (0, True)


def shifts() -> Activity:
    """Shifts of three months at all sites of the sample book, nights, weekends and holidays among them."""
    sites = {"acme-east": "RN", "acme-west": "ICU", "beta-clinic": "RN"}
    rows = [
        completed(f"{site}-{month}-{day}-{hour}", f"2026-{month:02}-{day:02}T{hour:02}:00", f"2026-{month:02}-{day + (hour > 12):02}T{(hour + 10) % 24:02}:20", site=site, item=item, worker=f"w-{site}-{day}")
        for site, item in sites.items()
        for month in (9, 10, 11)
        for day in (1, 3, 12, 14, 15, 20, 26, 29)
        for hour in ((7, 19) if day % 2 else (19,))
    ]  # fmt: skip
    titles = sorted({title for row in rows for title in row})
    frame = pl.DataFrame({title: [row.get(title, "") for row in rows] for title in titles})
    return {"shift": frame.with_columns(file=pl.lit("shifts.csv"), row=pl.int_range(2, len(rows) + 2, dtype=pl.Int64))}


def each_field(every: int) -> None:
    """Each field of each value of the sample book changed once (or every so many of them)."""
    before = books()["sample"]
    rows, billed = shifts(), 0
    for number, (place, after) in enumerate(mutants(before, Counter())):
        if number % every == 0:
            try:
                billed += agrees(before, after, rows) is not None
            except AssertionError as error:
                raise AssertionError(f"{place}: {error}") from error
    assert billed > 100 // every


def test_changes_of_some_fields_reach_what_they_move() -> None:
    each_field(11)


@pytest.mark.long
def test_changes_of_all_fields_reach_what_they_move() -> None:
    each_field(1)
