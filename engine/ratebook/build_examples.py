"""Worked bills: the names in them are those of the book. What they come to is billed by `engine.worked_bills`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from engine.dates import DateError, parse_period
from engine.money import parse_decimal
from engine.ratebook.book import ActivityKind
from engine.ratebook.forms import Findings, Node
from engine.ratebook.models import WorkedBill, WorkedLine

_SUMS = ("net", "tax", "total")


def build_examples(
    forms: Sequence[Node], accounts: Collection[str], items: Collection[str], kinds: Mapping[str, ActivityKind], found: Findings
) -> tuple[WorkedBill, ...]:
    """The worked bills of all files."""
    return tuple(bill for form in forms for node in form.list("examples") for bill in _bill(node, accounts, items, kinds, found))


def _bill(
    node: Node, accounts: Collection[str], items: Collection[str], kinds: Mapping[str, ActivityKind], found: Findings
) -> Iterator[WorkedBill]:
    if node["account"].text not in accounts:
        found.unknown(node["account"], "account", accounts, kind="account")
    try:
        parse_period(node["period"].text)
    except DateError as error:
        found.add("R007", node["period"], str(error).partition("\n")[0].rstrip("."), "Write it like 2026-10")
        return
    activity = {}
    for name, rows in node["activity"].items() if "activity" in node else ():
        if name not in kinds:
            found.unknown(Node(rows.node), f"kind of activity of `{name}`", kinds, kind="activity")
            continue
        headers = [column.header for column in kinds[name].columns]
        for row in rows.entries():
            for column, value in row.items():
                if column not in headers:
                    found.unknown(value, f"column of {name}", headers, kind="activity")
        activity[name] = tuple({column: value.text for column, value in row.items()} for row in rows.entries())
    for line in node["gives"].list("lines"):
        if line["item"].text not in items:
            found.unknown(line["item"], "item", items, kind="items")
    lines = tuple(
        WorkedLine(
            line["item"].text,
            parse_decimal(line["quantity"].text) if "quantity" in line else None,
            parse_decimal(line["price"].text) if "price" in line else None,
            parse_decimal(line["amount"].text),
        )
        for line in node["gives"].list("lines")
    )
    sums = {name: parse_decimal(node["gives"][name].text) for name in _SUMS if name in node["gives"]}
    yield WorkedBill(node["name"].text, node["account"].text, node["period"].text, activity, lines, sums, node.source)
