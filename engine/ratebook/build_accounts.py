"""Accounts to values: sites with their zones and geos, agreed prices, terms."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from engine.dates import FOREVER, parse_day
from engine.problems import Source
from engine.ratebook.book import Account, Item, Override, Premium, Provenance, RateTable, Site, TermDeclaration
from engine.ratebook.build_assembly import build_coupons, build_details, build_exemption, build_fees
from engine.ratebook.build_rates import price, terms_entries
from engine.ratebook.forms import Findings, Node


@dataclass(frozen=True, slots=True)
class Agreeable:
    """What accounts can name."""

    tables: Mapping[str, RateTable]
    terms: Mapping[str, TermDeclaration]
    items: Mapping[str, Item]
    premiums: Mapping[str, Premium]

    @property
    def geos(self) -> Collection[str]:
        """Every geo that some rate table has a row for."""
        return sorted({row.key["geo"] for table in self.tables.values() for row in table.rows.values() if "geo" in row.key})


def build_accounts(forms: Sequence[Node], names: Agreeable, found: Findings) -> dict[str, Account]:
    """The accounts by id."""
    accounts: dict[str, Account] = {}
    sites: dict[str, Source] = {}
    geos = names.geos
    for form in forms:
        account = form["account"].text
        if account in accounts:
            found.twice(form["account"], f"account {account}", accounts[account].source)
        mine: list[Site] = []
        if "zone" in form:
            mine.append(_own_site(form, account, geos, found))
            if account in sites:
                found.twice(form["account"], f"site {account}", sites[account], "Site ids are unique in the whole book")
            sites[account] = form["account"].source
        elif "sites" not in form:
            found.add("R005", form, f"account {account} has neither sites nor a zone", "Add `zone:`, or `sites:`")
        for node in form.list("sites"):
            site = _site(node, account, names.terms, geos, form.provenance(), found)
            if site.site in sites:
                found.twice(node["site"], f"site {site.site}", sites[site.site], "Site ids are unique in the whole book")
            sites[site.site] = node["site"].source
            mine.append(site)
        overrides = _overrides(form, [site.site for site in mine], names, found)
        terms = terms_entries(form.list("terms"), names.terms, found, form.provenance())
        places = [site.site for site in mine]
        accounts[account] = Account(
            account, form["currency"].text, tuple(mine), overrides, terms, form.source, build_fees(form, places, names.items, found),
            build_coupons(form, names.items, found), build_exemption(form), tuple(each.text for each in form.list("split")),
            form.says("amount") == "per-row", build_details(form, found), int(form.says("notice", "0d").removesuffix("d")),
            form.says("corrections") == "credit-note",
        )  # fmt: skip
    if not accounts:
        found.missing("account", Source("rates"), "there is no file of kind account", "Add one for each account")
    return accounts


def _own_site(form: Node, account: str, geos: Collection[str], found: Findings) -> Site:
    """The site of an account without places of work: it has the account's name, zone and geo."""
    zone = form["zone"].text
    if not _zone_is_known(zone):
        found.add("R024", form["zone"], f"there is no time zone `{zone}`", "Write it like America/New_York")
    geo = _geo(form["geo"], geos, found) if "geo" in form else ()
    return Site(account, account, zone, geo, (), form["account"].source)


def _geo(node: Node, geos: Collection[str], found: Findings) -> tuple[tuple[date, str], ...]:
    named = dict(node.items())
    for name in named.values():
        if name.text not in geos:
            found.unknown(name, "geo", geos, kind="rate-table")
    return tuple(sorted((parse_day(day), name.text) for day, name in named.items()))


def _site(
    node: Node, account: str, terms: Mapping[str, TermDeclaration], geos: Collection[str], of_account: Provenance, found: Findings
) -> Site:
    zone = node["zone"].text
    if not _zone_is_known(zone):
        found.add("R024", node["zone"], f"there is no time zone `{zone}`", "Write it like America/New_York")
    entries = terms_entries(node.list("terms"), terms, found, node.provenance(of_account))
    return Site(node["site"].text, account, zone, _geo(node["geo"], geos, found), entries, node.source)


def _zone_is_known(zone: str) -> bool:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


# --- overrides ----------------------------------------------------------------------------------------------------------


def _overrides(form: Node, sites: Sequence[str], names: Agreeable, found: Findings) -> tuple[Override, ...]:
    known: dict[str, Override] = {}
    for node in form.list("overrides"):
        override = _override(node, form, sites, names, found)
        if override is None:
            continue
        if override.id in known:
            found.twice(node["override"], f"override {override.id}", known[override.id].source)
        known[override.id] = override
    _refuse_overlaps(tuple(known.values()), found)
    return tuple(known.values())


def _override(node: Node, form: Node, sites: Sequence[str], names: Agreeable, found: Findings) -> Override | None:
    account = form["account"].text
    if "site" in node and node["site"].text not in sites:
        found.unknown(node["site"], f"site of account {account}", sites)
    for word, known, kind in (("item", names.items, "items"), ("premium", names.premiums, "premiums")):
        if word in node and node[word].text not in known:
            found.unknown(node[word], word, known, kind=kind)
    start, end = node.day("from"), node.day_or_none("to")
    if end is not None and end <= start:
        said = f"the override ends on {end}, before it holds for a day (from {start})"
        found.add("R040", node["to"], said, "`to` is the first day on which it no longer holds")
    table = names.tables.get(node["instead-of"].text)
    if table is None:
        found.unknown(node["instead-of"], "rate table", names.tables, kind="rate-table")
        return None
    _check_table(node, form, table, found)
    value = price(node["price"], table.unit, table.digits, found)
    return Override(
        f"{account}:{node['override'].text}", table.table, account, node.says("site") or None, node.says("item") or None,
        node.says("premium") or None, start, end, value, node.source, node.provenance(form.provenance()),
    )  # fmt: skip


def _check_table(node: Node, form: Node, table: RateTable, found: Findings) -> None:
    """An override must be of the kind of price that it replaces."""
    related = ((table.source, "the table"),)
    for word in ("item", "premium"):
        # a percentage may be agreed for one item, though the table has one for all
        if word in node and word not in table.key and not (word == "item" and table.unit == "percent"):
            said = f"table `{table.table}` has no {word} in its key"
            found.add("R033", node.key(word), said, f"Remove `{word}`", width=len(word), related=related)
    if node["unit"].text != table.unit:
        said = f"the override is per {node['unit'].text}, table `{table.table}` per {table.unit}"
        if "percent" in (node["unit"].text, table.unit):
            said = f"the override is in {node['unit'].text}, table `{table.table}` in {table.unit}"
        found.add("R032", node["unit"], said, f"Write `unit: {table.unit}`", related=related)
    currency = form["currency"].text
    if table.currency is not None and table.currency != currency:
        said = f"table `{table.table}` is in {table.currency}, the account in {currency}"
        found.add("R032", node["instead-of"], said, "One account has one currency; nothing is converted", related=related)


def _refuse_overlaps(overrides: Sequence[Override], found: Findings) -> None:
    """Two overrides of one rank must never hold on one day: which of them counts would be chance.

    Of one table and site, an override that names the item is closer than one for all items.
    """
    groups: dict[tuple[str, str | None], dict[str | None, list[int]]] = {}
    for number, override in enumerate(overrides):
        groups.setdefault((override.table, override.site), {}).setdefault(override.item, []).append(number)
    for of_site in groups.values():
        for first, second in sorted(pair for group in of_site.values() for pair in _overlapping(overrides, group)):
            _refuse_overlap(overrides[first], overrides[second], found)


def _overlapping(overrides: Sequence[Override], group: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The pairs in a group of one item (or of all) that hold on one day, for one premium."""
    holding: list[int] = []
    for number in sorted(group, key=lambda each: overrides[each].start):
        new = overrides[number]
        if new.end is not None and new.end <= new.start:
            continue  # reported at its end
        holding = [each for each in holding if new.start < (overrides[each].end or FOREVER)]
        for each in holding:
            if None in (premiums := (overrides[each].premium, new.premium)) or premiums[0] == premiums[1]:
                yield min(each, number), max(each, number)
        holding.append(number)


def _refuse_overlap(one: Override, other: Override, found: Findings) -> None:
    start, end = max(one.start, other.start), min(one.end or FOREVER, other.end or FOREVER)
    days = f"from {start} on" if end == FOREVER else f"from {start} until {end}"
    lines = f"lines {one.source.line} and {other.source.line}"
    found.add(
        "R041", other.source, f"overrides {one.id} and {other.id} ({lines}) both hold {days}",
        "Let one end before the other starts, or name the item or site in one of them", related=((one.source, "the other one"),),
    )  # fmt: skip
