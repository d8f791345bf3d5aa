"""How far a change reaches: what is rated outside of it is equal under both books, on generated rule books and months of shifts."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.dates import parse_day
from engine.problems import InforceError
from engine.ratebook.book import RuleBook
from engine.ratebook.build import build
from engine.ratebook.changes import Change
from engine.ratebook.difference import changed
from engine.ratebook.reach import Books
from tests.difference.edits import edited
from tests.properties.strategies import Case, cases
from tests.properties.test_reference import engine

SEEN: Counter[str] = Counter()


def check_reach(case: Case, seed: int) -> None:
    """Charges, quantities and documents that differ lie within the reach of some change."""
    before = build(case.files)
    random = Random(seed)
    after = edited(case.files, random, random.choice((1, 1, 2)))
    if after is None or after.meaning == before.meaning:
        return
    found = changed(Books(before, after))
    try:
        one, two = _rated(before, case), _rated(after, case)
    except InforceError:
        SEEN["refused"] += 1
        return
    SEEN["compared"] += 1
    SEEN.update({change.what for change in found})
    for id_ in sorted(one.charges.keys() | two.charges.keys()):
        mine = (one.charges.get(id_, []), two.charges.get(id_, []))
        if mine[0] == mine[1]:
            continue
        SEEN["rows that differ"] += 1
        reaching = [change for change in found if _reaches(change, before, one.rows.get(id_) or two.rows[id_])]
        assert reaching, f"{id_} {one.rows.get(id_)}: {mine}, changes {[c.canonical() for c in found]}"
        if [_piece(each) for each in mine[0]] != [_piece(each) for each in mine[1]]:
            assert any(not change.reach.price_only for change in reaching), f"{id_}: {mine}, {[c.canonical() for c in found]}"
        else:
            SEEN["only prices differ"] += 1
    for account in one.totals.keys() | two.totals.keys():
        if one.totals.get(account) != two.totals.get(account):
            assert any(change.reach.accounts is None or account in change.reach.accounts for change in found), account


class _Rated:
    """What a book makes of a case: the charges of each row, the rows, and the totals."""

    def __init__(self, charges: dict[str, list[Any]], rows: dict[str, dict[str, str]], totals: dict[str, int]) -> None:
        self.charges, self.rows, self.totals = charges, rows, totals


def _rated(book: RuleBook, case: Case) -> _Rated:
    found = engine(book, case)
    names = (
        "account",
        "section",
        "segment",
        "component",
        "item",
        "quantity",
        "digits",
        "service_day",
        "price",
        "price_digits",
        "text",
    )
    charges: dict[str, list[Any]] = {}
    for row in found.entries.iter_rows(named=True):
        charges.setdefault(row["id"], []).append(tuple(row[name] for name in names))
    for each in found.fates:
        charges.setdefault(case.rows[each.row].get("id", ""), []).append((each.fate, each.rule))
    lines = [row for row in found.entries.iter_rows(named=True) if row["origin"] == "window"]
    rows = {row["id"]: {"site": row["section"], "start": row["service_day"], "item": row["item"]} for row in lines}
    rows |= {row.get("id", ""): row for row in case.rows}
    return _Rated(charges, rows, {each.invoice.account: each.invoice.total for each in found.assembled})


def _piece(charge: tuple[Any, ...]) -> tuple[Any, ...]:
    """A charge without its price, and without the description that names the premium which is the largest."""
    return charge[:-3]


def _reaches(change: Change, book: RuleBook, row: dict[str, str]) -> bool:
    said = row.get("start") or row.get("scheduled_start") or ""
    site = row.get("site", "")
    account = book.sites[site].account if site in book.sites else ""
    return change.reach.holds(account, site, row.get("item", ""), parse_day(said[:10]))


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(cases(), st.integers(0, 10**9))
def _plain(case: Case, seed: int) -> None:
    for more in range(3):
        check_reach(case, seed + more)


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(cases(adding_up=True), st.integers(0, 10**9))
def _adding_up(case: Case, seed: int) -> None:
    for more in range(3):
        check_reach(case, seed + more)


@pytest.mark.slow
def test_nothing_differs_out_of_reach() -> None:
    SEEN.clear()
    _plain()
    _adding_up()
    wanted = ("price", "override", "term", "rule", "rows that differ", "only prices differ")
    assert {name for name in wanted if not SEEN[name]} == set()
