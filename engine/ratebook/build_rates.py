"""`rates/` to values: tables, accounts with their sites and overrides, and terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from engine.dates import FOREVER, day_number, day_of, parse_day, parse_duration
from engine.money import Decimals
from engine.problems import Source
from engine.ratebook.book import (
    ENGINE_TERMS,
    Account,
    BreakTerms,
    Override,
    Price,
    PunchRounding,
    RateRow,
    RateTable,
    Site,
    TermDeclaration,
    TermsEntry,
    TermValue,
)  # fmt: skip
from engine.ratebook.forms import Findings, Node, duration, named, number, read_as

_CHOICES = {"hours": ("elapsed", "wall"), "approval": ("required", "not-needed")}


def build_tables(forms: Sequence[Node], found: Findings) -> dict[str, RateTable]:
    """The rate tables by name; a table may be spread over several files."""
    tables: dict[str, RateTable] = {}
    for form in forms:
        table = _table(form, found)
        known = tables.get(table.table)
        if known is None:
            tables[table.table] = table
            continue
        if (known.unit, known.currency, known.digits, known.key) != (table.unit, table.currency, table.digits, table.key):
            said = "unit, currency, digits or key differ from those of the same table elsewhere"
            found.add("R031", form["table"], said, "Make them equal", related=((known.source, "the same table"),))
        for key in table.rows.keys() & known.rows.keys():
            _twice(found, table.rows[key].source, f"row {table.rows[key].id}", known.rows[key].source)
        tables[table.table] = RateTable(
            known.table, known.unit, known.currency, known.digits, known.key, {**known.rows, **table.rows}, known.source
        )
    return tables


def _table(form: Node, found: Findings) -> RateTable:
    name, unit = form["table"].text, form["unit"].text
    currency = form.says("currency") or None
    if (unit == "hour") != (currency is not None):
        message = "a price per hour needs a currency" if unit == "hour" else "percentages have no currency"
        found.add("R032", form["unit"], message, "Add `currency: USD`" if unit == "hour" else "Remove `currency`")
    digits, key = int(form.says("digits", "2")), form["key"].entries()
    columns = tuple(each.text for each in key)
    rows: dict[tuple[str, ...], RateRow] = {}
    for row in form.list("rates"):
        for column in ("account", "site", "geo", "item", "premium"):
            if (column in row) != (column in columns):
                where = row.key(column) if column in row else row.source
                found.add(
                    "R033",
                    where,
                    f"the key of table `{name}` is {', '.join(columns)}",
                    f"Give exactly these ({column} is {'too much' if column in row else 'missing'})",
                )
        values = {column: row.says(column) for column in columns}
        entry = RateRow(f"{name}:{'/'.join(values.values())}", values, _prices(row, unit, digits, found), row.source)
        if tuple(values.values()) in rows:
            _twice(found, row.source, f"row {entry.id}", rows[tuple(values.values())].source)
        rows[tuple(values.values())] = entry
    return RateTable(name, unit, currency, digits, columns, rows, form.source)


def _prices(row: Node, unit: str, digits: int, found: Findings) -> tuple[Price, ...]:
    prices = []
    inherited = row.provenance()
    for day, node in row["prices"].items():
        said = node["price"] if node.is_map else node
        if node.says("status") == "expected":
            continue
        value = None if said.text == "ended" else price(said, unit, digits, found)
        prices.append(Price(parse_day(day), value, row["prices"].key(day), node.provenance(inherited)))
    return tuple(sorted(prices, key=lambda each: each.start))


def price(at: Node, unit: str, digits: int, found: Findings) -> Decimals:
    """A price with cents and no more digits than declared, filled up to the declared digits."""
    value = number(found, at)
    if unit == "hour" and value.digits < 2:
        found.add(
            "R034",
            at,
            f"`{at.text}` has no cents",
            f"Write it like {value.units}.00" if not value.digits else f"Write it like {at.text}0",
        )
    if value.digits > digits:
        found.add(
            "R035",
            at,
            f"`{at.text}` has {value.digits} digits after the point, the table declares {digits}",
            "Round it, or declare more `digits`",
        )
        return value
    return Decimals(value.units * 10 ** (digits - value.digits), digits)


def build_terms(forms: Sequence[Node], found: Findings) -> tuple[dict[str, TermDeclaration], tuple[TermsEntry, ...]]:
    """The declared terms, and their default values."""
    if len(forms) != 1:
        place = forms[1].source if forms else Source("rates/terms-default.yaml")
        found.add(
            "R036", place, f"there are {len(forms)} files of kind terms", "Exactly one declares the terms and their defaults"
        )
        if not forms:
            return {}, ()
    form = forms[0]
    declared: dict[str, TermDeclaration] = {}
    for name, node in form["declares"].items():
        kind, choices = node["type"].word, tuple(each.text for each in node.list("of"))
        if (kind == "choice") != bool(choices):
            found.add(
                "R037",
                node,
                "a choice, and only a choice, lists what it can be",
                "Write `of: [a, b]` for a choice, and for nothing else",
            )
        if name in ENGINE_TERMS and (kind != ENGINE_TERMS[name] or set(choices) != set(_CHOICES.get(name, ()))):
            of = f" of {', '.join(_CHOICES[name])}" if name in _CHOICES else ""
            found.add("R037", node, f"the engine knows `{name}` as {ENGINE_TERMS[name]}{of}", "Declare it so")
        declared[name] = TermDeclaration(name, kind, choices, form["declares"].key(name))
    for name in ENGINE_TERMS:
        if name not in declared:
            found.add(
                "R037", form["declares"], f"the term `{name}` is not declared", f"Add `{name}: {{ type: {ENGINE_TERMS[name]} }}`"
            )
    entries = terms_entries(form.list("terms"), declared, found)
    if entries:
        for name in declared:
            if name not in entries[0].values:
                found.add(
                    "R038", entries[0].source, f"the first default terms say nothing of `{name}`", f"Give `{name}` a value here"
                )
    return declared, entries


def terms_entries(nodes: Sequence[Node], declared: Mapping[str, TermDeclaration], found: Findings) -> tuple[TermsEntry, ...]:
    """Dated terms of one level, in order of their days."""
    entries: dict[date, TermsEntry] = {}
    for node in nodes:
        start, values, places = node.day("from"), {}, {}
        for name, value in node.items():
            if name in ("from", "reason", "approved"):
                continue
            if name not in declared:
                hint = Findings()
                hint.unknown("R023", named(name, node.key(name)), "term", declared)
                found.problems += hint.problems
                continue
            values[name], places[name] = _term(value, declared[name], found), node.key(name)
        if start in entries:
            _twice(found, node.source, f"terms from {start}", entries[start].source)
        entries[start] = TermsEntry(start, values, node.source, places)
    return tuple(entries[day] for day in sorted(entries))


def _term(node: Node, declared: TermDeclaration, found: Findings) -> TermValue:
    kind = declared.type
    if kind == "punch-rounding":
        if not node.is_map:
            return None
        step = duration(found, node["to"])
        if step <= 0 or 86_400 % max(step, 1):
            found.add(
                "R039",
                node["to"],
                f"a day is not a whole number of {node['to'].text}",
                "Use a step such as 15min that divides a day",
            )
            step = 60
        half, per = node["half"].word, node["per"].word
        return PunchRounding(step, half, per, node.yes("breaks", "yes"), node.yes("scheduled"))
    if kind == "break":
        if not node.is_map:
            return None
        return BreakTerms(
            duration(found, node["after"]), duration(found, node["length"]), node["unplaced"].word, node.yes("planned")
        )
    if kind == "duration":
        return read_as(found, node, parse_duration, 0)
    if kind == "number":
        return number(found, node)
    known = declared.choices if kind == "choice" else ("yes", "no")
    if node.text not in known:
        found.add(
            "R006", node, f"`{node.text}` is not one of {', '.join(known)}", f"`{declared.name}` is declared at {declared.source}"
        )
    return node.text if kind == "choice" else node.text == "yes"


def build_accounts(
    forms: Sequence[Node],
    tables: Mapping[str, RateTable],
    terms: Mapping[str, TermDeclaration],
    known: Mapping[str, Mapping[str, object]],
    found: Findings,
) -> dict[str, Account]:
    """The accounts by id; `known` holds the items and premiums that overrides may name."""
    accounts: dict[str, Account] = {}
    sites: dict[str, Source] = {}
    geos = {row.key["geo"] for table in tables.values() for row in table.rows.values() if "geo" in row.key}
    for form in forms:
        account = form["account"].text
        if account in accounts:
            _twice(found, form["account"].source, f"account {account}", accounts[account].source)
        mine = tuple(_site(node, account, terms, geos, found) for node in form.list("sites"))
        for site in mine:
            if site.site in sites:
                _twice(found, site.source, f"site {site.site}", sites[site.site])
            sites[site.site] = site.source
        overrides = tuple(
            override for node in form.list("overrides") if (override := _override(node, form, mine, tables, known, found))
        )
        _refuse_overlaps(overrides, found)
        currency = form["currency"].text
        accounts[account] = Account(
            account, currency, mine, overrides, terms_entries(form.list("terms"), terms, found), form.source
        )
    return accounts


def _site(node: Node, account: str, terms: Mapping[str, TermDeclaration], geos: set[str], found: Findings) -> Site:
    zone = node["zone"].text
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        found.add("R024", node["zone"], f"there is no time zone `{zone}`", "Write it like America/New_York")
        zone = "UTC"
    geo = []
    for day, name in node["geo"].items():
        if geos and name.text not in geos:
            found.unknown("R023", name, "geo", tuple(sorted(geos)))
        geo.append((parse_day(day), name.text))
    return Site(
        node["site"].text, account, zone, tuple(sorted(geo)), terms_entries(node.list("terms"), terms, found), node.source
    )


def _override(
    node: Node,
    form: Node,
    sites: Sequence[Site],
    tables: Mapping[str, RateTable],
    known: Mapping[str, Mapping[str, object]],
    found: Findings,
) -> Override | None:
    table = tables.get(node["instead-of"].text)
    if table is None:
        found.unknown("R023", node["instead-of"], "rate table", tables)
        return None
    for word in ("item", "premium"):
        if word in node and node[word].text not in known[word]:
            found.unknown("R023", node[word], word, known[word])
        if word in node and word not in table.key and not (word == "item" and table.unit == "percent"):
            found.add("R033", node.key(word), f"table `{table.table}` has no {word} in its key", f"Remove `{word}`")
    if "site" in node and node["site"].text not in {site.site for site in sites}:
        found.unknown("R023", node["site"], "site of this account", tuple(site.site for site in sites))
    if node["unit"].text != table.unit:
        found.add(
            "R032",
            node["unit"],
            f"the unit of table `{table.table}` is {table.unit}",
            f"Write `unit: {table.unit}`",
            related=((table.source, "the table"),),
        )
    if table.currency is not None and table.currency != form["currency"].text:
        said = f"table `{table.table}` is in {table.currency}, the account in {form['currency'].text}"
        found.add(
            "R032",
            node["instead-of"],
            said,
            "One account has one currency; nothing is converted",
            related=((table.source, "the table"),),
        )
    start, end = node.day("from"), node.day_or_none("to")
    if end is not None and end <= start:
        found.add(
            "R040",
            node["to"],
            f"the override ends on {end}, before it holds for a day (from {start})",
            "`to` is the first day on which it no longer holds",
        )
    value = price(node["price"], table.unit, table.digits, found)
    account = form["account"].text
    name = f"{account}:{node['override'].text}"
    return Override(name, table.table, account, node.says("site") or None, node.says("item") or None, node.says("premium") or None, start, end, value, node.source, node.provenance())  # fmt: skip


def _refuse_overlaps(overrides: Sequence[Override], found: Findings) -> None:
    """Two overrides of one rank must never hold on one day."""
    names: dict[str, Override] = {}
    for number_, one in enumerate(overrides):
        if one.id in names:
            _twice(found, one.source, f"override {one.id}", names[one.id].source)
        names[one.id] = one
        for other in overrides[:number_]:
            alike = (one.table, one.site, one.item, one.premium) == (other.table, other.site, other.item, other.premium)
            crossed = _crossed(one, other)
            start, end = max(one.start, other.start), min(one.end or FOREVER, other.end or FOREVER)
            if (alike or crossed) and start < end:
                last = "on" if end == FOREVER else f"to {day_of(day_number(end) - 1)}"
                found.add(
                    "R041", one.source, f"overrides {other.id} and {one.id} both hold from {start} {last}",
                    "End one of them before the other starts, or name site or item more closely", related=((other.source, "the other one"),),
                )  # fmt: skip


def _crossed(one: Override, other: Override) -> bool:
    """Whether neither is closer than the other though both can apply: one names the item, the other the premium, at one site level."""
    if one.table != other.table or one.site != other.site:
        return False
    meet = all(a is None or b is None or a == b for a, b in ((one.item, other.item), (one.premium, other.premium)))
    ranks = [(each.item is None, each.premium is None) for each in (one, other)]
    return meet and ranks[0] != ranks[1] and sorted(ranks) == [(False, True), (True, False)]


def _twice(found: Findings, at: Source, what: str, first: Source) -> None:
    found.add("R022", at, f"{what} stands twice", "Keep one of them", related=((first, "first here"),))
