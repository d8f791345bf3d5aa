"""Caps to values: the most that may be charged, as a figure or as a percentage of a published one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.dates import parse_day
from engine.money import Decimals
from engine.problems import Source
from engine.ratebook.book import Cap, CapAmount, CapLimit, Provenance, RateTable
from engine.ratebook.build_models import percentage
from engine.ratebook.crossings import Keys
from engine.ratebook.forms import Findings, Node, number

_WHERE = ("geo", "account", "site", "item")


def build_caps(forms: Sequence[Node], keys: Keys, tables: Mapping[str, RateTable], found: Findings) -> tuple[Cap, ...]:
    """The caps of all files, by name."""
    geos = {row.key["geo"] for table in tables.values() if "geo" in table.key for row in table.rows.values()}
    known = {
        "geo": (geos, "rate-table"),
        "account": (keys.accounts, "account"),
        "site": (keys.sites, "account"),
        "item": (keys.items, "items"),
    }
    caps: dict[str, Cap] = {}
    for form in forms:
        for node in form.list("caps"):
            cap = _cap(node, node.provenance(form.provenance()), keys, found)
            for limit in node.list("limits"):
                for column, (names, kind) in known.items():
                    if column in limit and limit[column].text not in names:
                        found.unknown(limit[column], column, names, kind=kind)
            if cap.cap in caps:
                found.twice(node["cap"], f"cap {cap.cap}", caps[cap.cap].source)
            caps[cap.cap] = cap
    return tuple(caps[name] for name in sorted(caps))


def _cap(node: Node, inherited: Provenance, keys: Keys, found: Findings) -> Cap:
    limits: dict[tuple[tuple[str, str], ...], CapLimit] = {}
    for each in node.list("limits"):
        where = {column: each[column].text for column in _WHERE if column in each}
        said = tuple(where.items())
        if said in limits:
            found.twice(each, "a limit for the same places and items", limits[said].source)
        dated = each["at-most"]
        amounts = sorted(
            (_amount(day, amount, dated.key(day), found) for day, amount in dated.items()), key=lambda amount: amount.start
        )
        limits[said] = CapLimit(where, tuple(amounts), each.source, each.provenance(inherited))
    counted = node.get("premiums")
    premiums: tuple[str, ...] | None = None
    if counted is not None and counted.text != "all":
        premiums = counted.texts() if counted.is_list else ()
        for name in counted.entries():
            if name.text not in keys.premiums:
                found.unknown(name, "premium", keys.premiums, kind="premiums")
    return Cap(node["cap"].text, node["currency"].text, premiums, node.yes("fees", "yes"), tuple(limits.values()), node.source)


def _amount(day: str, node: Node, at: Source, found: Findings) -> CapAmount:
    if node.is_map:
        share, figure = percentage(node["percent"], found), number(found, node["of"])
        value = Decimals(share.units * figure.units, share.digits + figure.digits)
        return CapAmount(parse_day(day), value, f"{node['percent'].text} of {figure}", at)
    return CapAmount(parse_day(day), None if node.text == "ended" else number(found, node), "", at)
