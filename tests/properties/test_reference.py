"""The fast engine and the slow evaluator say the same to the cent, on generated rule books and months of shifts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings

from engine.dates import Period
from engine.formulas.language import BoundsError
from engine.pipeline import Preview, preview
from engine.problems import InforceError
from engine.ratebook.book import RuleBook
from engine.ratebook.build import build
from engine.reference.evaluate import CannotPriceError, Outcome, evaluate
from engine.steps.rate import Rater
from tests.properties.strategies import FEATURES, FEATURES_ADDING_UP, Case, cases, features

FAST_ADDS_UP = True
"""Whether the fast engine can do what law 5 says; until then its accumulators are rated by the slow evaluator alone."""

SEEN: Counter[str] = Counter()


def engine(book: RuleBook, case: Case) -> Preview:
    """The fast engine's preview."""
    names = [column.column for column in book.kinds["shift"].columns]
    cells = {name: [row.get(name, "") for row in case.rows] for name in names}
    raw = pl.DataFrame({**cells, "file": ["rows"] * len(case.rows), "row": list(range(len(case.rows)))})
    return preview(Rater(book), {"shift": raw}, Period(case.start, case.end, "generated"))


def lines_of(found: Preview) -> dict[str, list[Any]]:
    """What the fast engine bills, as plain values."""
    said = {}
    for each in found.assembled:
        amounts: dict[int, list[tuple[str, int, str, str, str, int]]] = {}
        for row in each.backup.iter_rows(named=True):
            charge = (row["id"], row["segment"], row["component"], row["service_day"], row["quantity"], row["amount"])
            amounts.setdefault(row["line"], []).append(charge)
        said[each.invoice.account] = [
            (line.section, line.item, line.description, str(line.quantity), str(line.price), line.amount, amounts[line.line])
            for line in each.invoice.lines
        ]
    return said


def expected_lines(outcome: Outcome) -> dict[str, list[Any]]:
    """What the slow evaluator bills, as plain values."""
    said = {}
    for account, lines in outcome.lines.items():
        said[account] = [
            (
                line.site, line.item, line.description, str(line.quantity), str(line.price), line.amount,
                [(c.id, c.segment, c.component, c.service_day.isoformat(), _quantity(c.quantity, c.quantity_digits), a) for c, a in line.charges],
            )
            for line in lines
        ]  # fmt: skip
    return said


def _quantity(units: int, digits: int) -> str:
    return f"{units / 10**digits:.{digits}f}" if digits else str(units)


def fates_of(found: Preview, rows: int) -> dict[int, tuple[str, str]]:
    """The fate of each row by its number; elsewhere and billed are told apart by what was rated."""
    said = {fate.row: (fate.fate, fate.rule) for fate in found.fates} | {
        reject.row: ("rejected", "") for reject in found.collected.rejects
    }
    rated = {int(found.collected.places["row"][n]) for n in range(len(found.rated.activity)) if found.rated.charged[n]}
    return {row: said.get(row, ("billed", "") if row in rated else ("elsewhere", "")) for row in range(rows)}


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(cases())
def agree(case: Case) -> None:
    """The property: same fates, same lines with their backup rows, same totals; or both refuse."""
    compare(case, is_compared=True)


@settings(max_examples=150 if FAST_ADDS_UP else 40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(cases(adding_up=True))
def agree_adding_up(case: Case) -> None:
    """The same for books with accumulators."""
    compare(case, is_compared=FAST_ADDS_UP)


def compare(case: Case, *, is_compared: bool) -> None:
    """Rates a case slowly and, if that can be compared, fast; notes its features."""
    book = build(case.files)
    try:
        outcome = evaluate(book, case.rows, case.start, case.end)
    except (CannotPriceError, BoundsError):
        if is_compared:
            with pytest.raises(InforceError):
                engine(book, case)
        SEEN["refused"] += 1
        return
    if is_compared:
        found = engine(book, case)
        assert fates_of(found, len(case.rows)) == {
            row: (fate, "" if fate == "rejected" else rule) for row, (fate, rule) in outcome.fates.items()
        }
        assert lines_of(found) == expected_lines(outcome)
        assert {each.invoice.account: each.invoice.total for each in found.assembled} == outcome.totals
    SEEN["cases"] += 1
    if has := features(case, outcome):
        SEEN["something billed"] += 1
        SEEN.update(has)


@pytest.mark.slow
def test_the_two_evaluators_agree_to_the_cent_on_hard_cases(capsys: pytest.CaptureFixture[str]) -> None:
    """The property, and that at least a tenth of its cases has each of the features that hurt."""
    SEEN.clear()
    agree()
    _tell(capsys, FEATURES)


@pytest.mark.slow
def test_the_two_evaluators_agree_to_the_cent_on_sums(capsys: pytest.CaptureFixture[str]) -> None:
    """The same for accumulators. (While `FAST_ADDS_UP` says no, only that the slow evaluator can say something, and that they are hard.)"""
    SEEN.clear()
    agree_adding_up()
    _tell(capsys, FEATURES_ADDING_UP)


def _tell(capsys: pytest.CaptureFixture[str], wanted: Sequence[str]) -> None:
    """Prints how often each feature was seen, and asserts that each one wanted was in a tenth of what bills something."""
    billed = SEEN["something billed"]
    others = {name: count for name, count in sorted(SEEN.items()) if not name.startswith("fate") and name not in ("cases", "something billed")}  # fmt: skip
    with capsys.disabled():
        told = ", ".join(f"{name}: {count / max(billed, 1):.0%}" for name, count in others.items())
        print(f"\n{told} of {billed} cases that bill something; {SEEN['cases']} in all")
    for feature in wanted:
        assert SEEN[feature] * 10 >= billed > 0, feature
