"""The law of corrections: whatever was issued and whatever became known, all issued lines together are the replay at the latest knowledge."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.causes import causes_of
from engine.pipeline import Preview
from engine.ratebook.difference import difference
from tests.corrections.billing import Books, replayed, standing, sums, totals
from tests.corrections.books import (
    METERED_ROWS,
    METERED_SETTINGS,
    SHIFT_ROWS,
    SHIFT_SETTINGS,
    WEEKS_ROWS,
    WEEKS_SETTINGS,
    metered,
    metered_book,
    shift_book,
    shifts,
    weeks,
    weeks_book,
)

Bill = Callable[[Mapping[str, str], Mapping[str, tuple[str, ...]]], Preview]


def converges(
    bill: Bill, first: Mapping[str, str], known: Mapping[str, tuple[str, ...]], edits: list[list[tuple[str, str]]]
) -> int:
    """Issues, then corrects after each group of edits; returns how many corrections there were."""
    said, rows, books = dict(first), dict(known), Books()
    books.issue(bill(said, rows))
    count = 0
    for group in edits:
        for name, value in group:
            if name in said:
                said[name] = value
            elif rows.get(name, ("",))[-1] != value:
                rows[name] = (*rows.get(name, ()), value)
        now = bill(said, rows)
        count += len(books.correct(now))
        assert standing(books.issued) == {account: lines for account, lines in replayed(now).items() if lines} | {
            account: lines for account, lines in standing(books.issued).items() if not lines
        }
        assert sums([each.assembled for each in books.issued], totals) == sums(now.assembled, totals)
        assert books.correct(now) == ()
    return count


def edits(
    settings_: Mapping[str, tuple[str, ...]], rows: Mapping[str, tuple[str, ...]]
) -> st.SearchStrategy[list[list[tuple[str, str]]]]:
    """One to four groups of changes of the rule book and of activity."""
    one = st.sampled_from([*settings_, *rows]).flatmap(
        lambda name: st.tuples(st.just(name), st.sampled_from([*settings_.get(name, ()), *rows.get(name, ())]))
    )
    return st.lists(st.lists(one, min_size=1, max_size=3), min_size=1, max_size=4)


BOOKS = {
    "shifts": (shifts, SHIFT_SETTINGS, SHIFT_ROWS),
    "metered": (metered, METERED_SETTINGS, METERED_ROWS),
    "weeks": (weeks, WEEKS_SETTINGS, WEEKS_ROWS),
}
RULES = {"shifts": shift_book, "metered": metered_book, "weeks": weeks_book}
# Nothing comes late in the rows as they were issued.
NEEDS_OTHERS = {("late", "append")}


@pytest.mark.parametrize("examples", [12, pytest.param(400, marks=pytest.mark.long)])
@pytest.mark.parametrize("name", BOOKS)
def test_after_each_correction_the_issued_lines_are_the_replay(name: str, examples: int) -> None:
    bill, said, rows = BOOKS[name]
    known = {row: (values[0],) for row, values in rows.items() if values[0]}
    first = {setting: values[0] for setting, values in said.items()}
    corrections: list[int] = []

    @settings(max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=examples < 100)
    @given(edits(said, rows))
    def holds(changes: list[list[tuple[str, str]]]) -> None:
        corrections.append(converges(bill, first, known, changes))

    holds()
    assert sum(corrections) > len(corrections)


@pytest.mark.parametrize("name", BOOKS)
def test_each_change_alone_moves_lines_that_it_reaches_and_back_again(name: str) -> None:
    """Nothing in the property is decoration. The cause is what differs between the books, also of fees, coupons and minimums."""
    bill, said, rows = BOOKS[name]
    known = {row: (values[0],) for row, values in rows.items() if values[0]}
    first = {setting: values[0] for setting, values in said.items()}
    issued = bill(first, known)
    for each, value in [(each, value) for each, values in [*said.items(), *rows.items()] for value in values[1:]]:
        if (each, value) in NEEDS_OTHERS:
            continue
        books = Books()
        books.issue(issued)
        now = bill({**first, each: value}, known) if each in said else bill(first, {**known, each: (*known.get(each, ()), value)})
        changes = difference(RULES[name](first), RULES[name]({**first, each: value})).changes if each in said else ()
        made = books.correct(now, causes_of(changes, (), lambda _: None, sums=False))
        assert made, (each, value)
        assert standing(books.issued) == {account: lines for account, lines in replayed(now).items() if lines}
        if each in said:
            told = {(cause.kind, cause.id) for correction in made for part in correction.corrected for cause in part.causes}
            assert told <= {(change.what, change.id) for change in changes}, (each, value)
        assert books.correct(issued), (each, value)
        assert standing(books.issued) == replayed(issued)
