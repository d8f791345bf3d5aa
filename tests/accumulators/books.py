"""The sample rule book with accumulators, and weeks of shifts billed by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import dedent

import polars as pl

from engine.dates import parse_period
from engine.money import decimal_text
from engine.pipeline import Preview, preview
from engine.ratebook.book import RuleBook
from engine.ratebook.build import build
from engine.steps.rate import Rater
from tests.sample_book import sample_texts

PRICES = """
    format: 1
    kind: rate-table
    table: house
    unit: hour
    currency: USD
    key: [geo, item]
    rates:
    {rows}
"""
WEEK = """
    format: 1
    kind: accumulators
    accumulators:
      - accumulator: week
        measure: time
        key: [worker]
        window: { each: week, starts: { term: week-start } }
        scope: { term: overtime-scope }
        late: { term: late }
        bands: [{ band: week-40, over: 40h }]
"""
COUNTS = """
    format: 1
    kind: policy
    decides: counts
    answers: [week]
    if-nothing-matches: none
    if-several-match: collect
    rules:
      - { id: worked-hours, when: { status: completed }, then: week }
    examples:
      - { name: Worked, given: { status: completed }, gives: week }
"""
APPLY = """
    format: 1
    kind: policy
    decides: premiums
    answers: [overtime]
    if-nothing-matches: none
    if-several-match: collect
    rules:
      - { id: over-forty, when: { over: week-40 }, then: overtime }
    examples:
      - { name: The forty-first hour, given: { over: week-40 }, gives: overtime }
      - { name: The fortieth, given: { over: none }, gives: none }
"""
OVERTIME = "{ premium: overtime, name: overtime, shown: in-price, formula: percent-of-base, given: { base: base, percent: 50 } }"
DOUBLE = "{ premium: double, name: double time, shown: in-price, formula: percent-of-base, given: { base: base, percent: 100 } }"
DECLARED = {
    "week-start": ("{ type: week-clock }", "sunday 00:00"),
    "overtime-scope": ("{ type: choice, of: [site, account, agency] }", "site"),
    "late": ("{ type: choice, of: [reorder, append] }", "reorder"),
}


@dataclass(frozen=True, slots=True)
class House:
    """A site and its account, with the zone, the price and the terms."""

    site: str
    price: str
    zone: str = "America/New_York"
    terms: str = ""
    account: str = ""


def book(
    houses: Sequence[House], *, accumulators: str = WEEK, counts: str = COUNTS, apply: str = APPLY, premiums: Sequence[str] = (OVERTIME,),
    declared: Mapping[str, tuple[str, str]] | None = None, calendar: str = "", more: Mapping[str, str] | None = None,
) -> RuleBook:  # fmt: skip
    """The sample book with these houses instead of its accounts, and one price for registered nurses at each."""
    return build(
        {
            path: text.encode()
            for path, text in texts(houses, accumulators, counts, apply, premiums, declared, calendar, more).items()
        }
    )


def texts(
    houses: Sequence[House], accumulators: str, counts: str, apply: str, premiums: Sequence[str],
    declared: Mapping[str, tuple[str, str]] | None, calendar: str, more: Mapping[str, str] | None,
) -> dict[str, str]:  # fmt: skip
    """The files of such a book."""
    files = {
        path: text
        for path, text in sample_texts().items()
        if not path.startswith(("rates/accounts/", "rates/")) or "terms" in path
    }
    terms = {**DECLARED, **(declared or {})}
    names, values = (
        "".join(f"  {name}: {said[at]}\n" if at == 0 else f"    {name}: {said[at]}\n" for name, said in terms.items())
        for at in (0, 1)
    )
    default = files["rates/terms-default.yaml"].replace("declares:\n", "declares:\n" + names)
    head, _, tail = default.partition("terms:\n")
    first, _, rest = tail.partition("\n")
    default = f"{head}terms:\n{first}\n{values}{rest}"
    default = default.replace("approval: required", "approval: not-needed")
    default = default.replace("break: { after: 6h, length: 30min, unplaced: middle }", "break: none")
    files["rates/terms-default.yaml"] = default
    files["rules/calendar.yaml"] += f"activity-from: 2024-01-01\n{calendar}"
    columns = "columns:\n  - { column: closeout, type: whole }\n"
    files["rules/activity/shift.yaml"] = files["rules/activity/shift.yaml"].replace("columns:\n", columns)
    files["rules/items.yaml"] = files["rules/items.yaml"].replace("geo-base", "house")
    accounts: dict[str, list[House]] = {}
    for house in houses:
        accounts.setdefault(house.account or house.site, []).append(house)
    rows = "".join(
        f"  - {{ geo: {house.site}, item: {item}, prices: {{ 2024-01-01: {house.price} }} }}\n"
        for house in houses
        for item in ("RN", "ICU", "ORIENT")
    )
    files["rates/house.yaml"] = dedent(PRICES).lstrip("\n").replace("{rows}", rows.rstrip("\n"))
    for account, mine in accounts.items():
        sites = "\n".join(
            f"  - site: {house.site}\n    zone: {house.zone}\n    geo: {{ 2024-01-01: {house.site} }}"
            + (f"\n    terms:\n      - {{ from: 2024-01-01, {house.terms} }}" if house.terms else "")
            for house in mine
        )
        files[f"rates/accounts/{account}.yaml"] = (
            f"format: 1\nkind: account\naccount: {account}\ncurrency: USD\nsites:\n{sites}\n"
        )
    files["rules/accumulators.yaml"] = dedent(accumulators).lstrip("\n")
    policies = [path for path, text in files.items() if "decides: premiums" in text or "decides: combine" in text]
    for path in [*policies, "rules/premiums.yaml"]:
        files.pop(path, None)
    files["rules/counts.yaml"] = dedent(counts).lstrip("\n")
    files["rules/premiums-that-apply.yaml"] = dedent(apply).lstrip("\n")
    files["rules/premiums.yaml"] = "format: 1\nkind: premiums\npremiums:\n" + "".join(f"  - {each}\n" for each in premiums)
    return {**files, **{path: dedent(text).lstrip("\n") for path, text in (more or {}).items()}}


def shift(id_: str, site: str, start: str, end: str, **more: str) -> dict[str, str]:
    """A worked shift of one nurse."""
    return {"id": id_, "site": site, "worker": "nurse", "item": "RN", "status": "completed", "start": start, "end": end, **more}


def billed(
    rules: RuleBook, rows: Sequence[Mapping[str, str]], period: str, accounts: Sequence[str] = (), kind: str = "shift"
) -> Preview:
    """The period billed by these rules."""
    names = [column.column for column in rules.kinds[kind].columns]
    cells = {name: [row.get(name, "") for row in rows] for name in names}
    raw = pl.DataFrame(
        {**cells, "file": ["x.csv"] * len(rows), "row": list(range(2, len(rows) + 2))}, schema_overrides={"row": pl.Int64}
    )
    return preview(Rater(rules), {kind: raw}, parse_period(period), accounts)


def lines(found: Preview) -> list[str]:
    """What stands on the invoices: site, quantity x price = amount."""
    return [
        f"{line.section}: {line.quantity} x {line.price} = {decimal_text(line.amount, 2)}"
        for each in found.assembled
        for line in each.invoice.lines
    ]


def amounts(found: Preview) -> dict[str, str]:
    """The amount of each shift."""
    sums: dict[str, int] = {}
    for each in found.assembled:
        for row in each.backup.iter_rows(named=True):
            sums[row["id"]] = sums.get(row["id"], 0) + row["amount"]
    return {name: decimal_text(amount, 2) for name, amount in sorted(sums.items())}
