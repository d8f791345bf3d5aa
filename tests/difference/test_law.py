"""The law: there is no difference if and only if two rule books mean the same; and the way back is the mirror of the way there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.ratebook.book import RuleBook
from engine.ratebook.build import build
from engine.ratebook.changes import Change, Difference
from engine.ratebook.difference import changed, difference
from engine.ratebook.meaning import form_of
from engine.ratebook.reach import Books
from tests.difference.edits import edited
from tests.difference.mutants import Place, Trail, books, classes, mutants
from tests.sample_book import sample_files, sample_texts

NOT_BY_ORDER = ("tables", "accounts", "kinds", "terms", "holidays", "windows", "policies", "formulas")


def test_every_field_with_a_meaning_makes_a_change() -> None:
    """Each field of each value of five rule books is changed in two places; those of classes and fields added later, too."""
    seen: Counter[Trail] = Counter()
    told: Counter[Place] = Counter()
    silent: list[str] = []
    for name, book in books().items():
        for path, other in mutants(book, seen):
            found = changed(Books(book, other))
            same = other.meaning == book.meaning
            if same != (not found) or any(each.what == "book" for each in found):
                silent.append(f"{name}: {path[0][0].__name__}.{path[0][1]}: {[(each.what, each.id) for each in found]}")
            told.update(path if not same else ())
    missing = [f"{kind.__name__}.{field}" for kind in classes() for field in _with_meaning(kind) if not told[kind, field]]

    assert silent == []
    assert missing == []


def _with_meaning(kind: type) -> tuple[str, ...]:
    form = form_of(kind)
    return form.names if form is not None else ()


@pytest.mark.parametrize("name", ["sample", "agency", "saas", "telecom"])
def test_an_order_that_says_nothing_makes_no_change(name: str) -> None:
    """Everything that stands in a map by name is turned round; the meaning is made unequal, so that each entry is looked at."""
    book = books()[name]
    turned: dict[str, Any] = {each: dict(reversed(getattr(book, each).items())) for each in NOT_BY_ORDER}
    accounts = {each: replace(account, overrides=account.overrides[::-1]) for each, account in turned["accounts"].items()}
    tables = {each: replace(table, rows=dict(reversed(table.rows.items()))) for each, table in turned["tables"].items()}
    turned |= {"accounts": accounts, "tables": tables, "meaning": "another"}
    other = replace(book, **turned)

    assert [each.what for each in changed(Books(book, other))] == ["book"]


def test_comments_blanks_and_the_order_of_rows_and_files_make_no_change() -> None:
    texts = sample_texts()
    night, weekend = (
        f"  - {{ premium: {name}, prices: {{ 2024-01-01: {rate} }} }}\n" for name, rate in (("night", 15), ("weekend", 10))
    )
    texts["rates/differentials.yaml"] = texts["rates/differentials.yaml"].replace(
        night + weekend, f"{weekend}  # as before\n\n{night}"
    )
    moved = dict(reversed(texts.items()))
    moved["rates/deeper/geo.yaml"] = moved.pop("rates/geo-base.yaml")

    assert night + weekend not in texts["rates/differentials.yaml"]
    assert difference(build(sample_files()), _book(moved)) == Difference(())


@settings(max_examples=40)
@given(st.integers(0, 10**9))
def test_there_is_a_change_if_and_only_if_the_meaning_differs(seed: int) -> None:
    before, after = _edited(seed)
    found = difference(before, after)

    assert (found.changes == ()) == (before.meaning == after.meaning)
    assert "book" not in {each.what for each in found.changes}


@settings(max_examples=40)
@given(st.integers(0, 10**9))
def test_the_way_back_is_the_mirror_of_the_way_there(seed: int) -> None:
    before, after = _edited(seed)
    there, back = difference(before, after), difference(after, before)

    assert [_mirror(each) for each in there.changes] == [_plain(each) for each in back.changes]


def _edited(seed: int) -> tuple[RuleBook, RuleBook]:
    """The sample book, and what some edits make of it (or the book itself, if that is none)."""
    files, random = sample_files(), Random(seed)
    before = build(files)
    return before, edited(files, random, random.choice((1, 2, 3))) or before


def _mirror(change: Change) -> Mapping[str, Any]:
    back = replace(
        change,
        stretches=tuple(each.mirrored() for each in change.stretches),
        before=change.after,
        after=change.before,
        cases=tuple(each.mirrored() for each in change.cases),
    )
    return _plain(back)


def _plain(change: Change) -> Mapping[str, Any]:
    """A change but for the approval, which is that of the newer entry; cases in one order."""
    said = dict(change.canonical())
    said.pop("provenance")
    cases: Any = said["cases"]
    return {**said, "cases": sorted(cases, key=str), "shields": [_days(each) for each in change.shields]}


def _days(shield: Any) -> Any:  # Any: as JSON
    return (shield.by, shield.sites, shield.start, shield.end)


def _book(texts: Mapping[str, str]) -> RuleBook:
    return build({path: text.encode() for path, text in texts.items()})
