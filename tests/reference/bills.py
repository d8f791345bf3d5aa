"""Bills by the slow evaluator: the sample book with small replacements, a few rows, and what is said of them as plain texts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import lru_cache

import polars as pl
import pytest

from engine.dates import Period
from engine.money import Decimals, decimal_text
from engine.pipeline import Preview, preview
from engine.problems import InforceError
from engine.ratebook.book import RuleBook
from engine.ratebook.build import build
from engine.reference.evaluate import CannotPriceError, Outcome, evaluate
from engine.steps.rate import Rater
from tests.properties.test_reference import expected_lines, lines_of
from tests.sample_book import sample_files, sample_texts

Edit = tuple[
    str, str, str
]  # a file of the sample, the words that stand there once ("": the whole file), and the words to stand there instead

TERMS = "rates/terms-default.yaml"
BY_WALL: Edit = (TERMS, "hours: elapsed", "hours: wall")
BY_START: Edit = ("rules/calendar.yaml", "price-at: segment", "price-at: start")
PER_INTERVAL: Edit = (TERMS, "per: punch", "per: interval")
NO_ROUNDING: Edit = (TERMS, "{ to: 15min, half: up, per: punch }", "none")
NO_BREAK: Edit = (TERMS, "{ after: 6h, length: 30min, unplaced: middle }", "none")
BY_SECOND: Edit = ("rules/activity/shift.yaml", "grid: 1min", "grid: 1s")


def shift(id_: str, start: str, end: str, **more: str) -> dict[str, str]:
    """An approved, worked shift of a registered nurse at acme-east."""
    return {**_row(id_, "completed"), "start": start, "end": end, **more}


def cancelled(id_: str, start: str, end: str, at: str, **more: str) -> dict[str, str]:
    """An approved cancellation of a registered nurse's shift at acme-east."""
    return {**_row(id_, "cancelled"), "scheduled_start": start, "scheduled_end": end, "cancelled_at": at, **more}


def _row(id_: str, status: str) -> dict[str, str]:
    return {"id": id_, "site": "acme-east", "worker": f"w-{id_}", "item": "RN", "status": status, "approved_by": "L. Wu"}


def bill(
    *rows: dict[str, str], month: tuple[int, int] = (2026, 10), edits: tuple[Edit, ...] = (), accounts: tuple[str, ...] = ()
) -> Outcome:
    """What a month of rows makes under the sample book with `edits`, by the slow evaluator; the fast engine must say the same."""
    year, number = month
    start, end = date(year, number, 1), date(year + number // 12, number % 12 + 1, 1)
    rules = book(edits)
    try:
        outcome = evaluate(rules, rows, start, end, accounts=accounts)
    except CannotPriceError:
        with pytest.raises(InforceError):
            fast(rules, rows, start, end, accounts)
        raise
    found = fast(rules, rows, start, end, accounts)
    assert lines_of(found) == expected_lines(outcome)
    return outcome


def fast(rules: RuleBook, rows: Sequence[dict[str, str]], start: date, end: date, accounts: tuple[str, ...]) -> Preview:
    """The same by the engine."""
    names = [column.column for column in rules.kinds["shift"].columns]
    cells = {name: [row.get(name, "") for row in rows] for name in names}
    raw = pl.DataFrame({**cells, "file": ["rows"] * len(rows), "row": list(range(len(rows)))}, schema_overrides={"row": pl.Int64})
    return preview(Rater(rules), {"shift": raw}, Period(start, end, "by hand"), accounts)


def lines(outcome: Outcome, account: str = "acme") -> list[tuple[str, str, str, str]]:
    """Description, quantity, price and amount of each line of an account."""
    return [
        (line.description, str(line.quantity), str(line.price), decimal_text(line.amount, 2)) for line in outcome.lines[account]
    ]


def charges(outcome: Outcome) -> list[tuple[str, int, str, str, str]]:
    """Id, segment, component, quantity and price of each charge."""
    return [
        (
            each.id,
            each.segment,
            each.component,
            str(Decimals(each.quantity, each.quantity_digits)),
            str(Decimals(each.price, each.price_digits)),
        )
        for each in outcome.charges
    ]


def adding_up(
    accumulators: str, counts: dict[str, str], premiums: dict[str, str], *more: Edit, terms: str = "", known: str = "2026-01-01"
) -> tuple[Edit, ...]:
    """The sample book without breaks and with accumulators.

    `accumulators` are lines of their file, `counts` and `premiums` conditions of rules by answer; premiums are overtime (50 %) and double (100 %).
    `terms` are declarations and values of more terms: `name: type = value; ...`.
    """
    declared = [each.split(" = ") for each in terms.split("; ") if each]
    paid = "".join(
        f"  - {{ premium: {name}, name: {name}, shown: in-price, formula: percent-of-base, given: {{ base: base, percent: {percent} }} }}\n"
        for name, percent in (("overtime", 50), ("double", 100))
    )
    edits = (
        NO_BREAK,
        ("rules/calendar.yaml", "price-at: segment", f"price-at: segment\nactivity-from: {known}"),
        ("rules/accumulators.yaml", "", f"format: 1\nkind: accumulators\naccumulators:\n{accumulators}"),
        ("rules/counts.yaml", "", _collecting("counts", counts)),
        ("rules/premiums.yaml", "", f"format: 1\nkind: premiums\npremiums:\n{paid}"),
        ("rules/premiums-that-apply.yaml", "", _collecting("premiums", premiums)),
        ("rates/adders.yaml", "premium: charge, geo: NYC", "premium: overtime, geo: NYC"),
        ("rates/adders.yaml", "premium: charge, geo: LA", "premium: overtime, geo: LA"),
        ("rates/differentials.yaml", "premium: night", "premium: overtime"),
        ("rates/differentials.yaml", "  - { premium: weekend, prices: { 2024-01-01: 10 } }\n  - { premium: holiday, prices: { 2024-01-01: 50 } }\n", ""),
        ("rates/accounts/beta.yaml", "premium: night, from", "premium: overtime, from"),
        *((TERMS, "declares:\n", "declares:\n" + "".join(f"  {said}\n" for said, _ in declared)) for _ in declared[:1]),
        *((TERMS, "    min-hours: 0h\n", "    min-hours: 0h\n" + "".join(f"    {said.split(':')[0]}: {value}\n" for said, value in declared)) for _ in declared[:1]),
    )  # fmt: skip
    return (*edits, *more)


def _collecting(decides: str, rules: dict[str, str]) -> str:
    """A policy that collects: conditions by answer; an answer may be followed by ` 2` and the like, where it has more rules than one."""
    answers = ", ".join(dict.fromkeys(answer.split(" ")[0] for answer in rules))
    said = "".join(
        f"  - {{ id: {answer.replace(' ', '-')}, when: {{ {when} }}, then: {answer.split(' ')[0]} }}\n"
        for answer, when in rules.items()
    )
    example = "examples:\n  - { name: nothing here, given: { status: no-show }, gives: none }\n"
    head = f"format: 1\nkind: policy\ndecides: {decides}\nanswers: [{answers}]\nif-nothing-matches: none\nif-several-match: collect\n"
    return f"{head}rules:\n{said}{example}"


def total(outcome: Outcome, account: str = "acme") -> str:
    """The total of an account."""
    return decimal_text(outcome.totals[account], 2)


@lru_cache(maxsize=64)
def book(edits: tuple[Edit, ...] = ()) -> RuleBook:
    """The sample book with `edits`."""
    texts = sample_texts()
    for path, old, new in edits:
        if not old:
            texts[path] = new
            continue
        assert texts[path].count(old) == 1, f"{path}: {old!r} stands there {texts[path].count(old)} times"
        texts[path] = texts[path].replace(old, new)
    return build(sample_files(**texts))
