"""What is agreed about whole invoices to values: fees and coupons of accounts, limits, percentage fees, shares, taxes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date

from engine.dates import FOREVER, parse_day
from engine.money import Decimals, parse_decimal
from engine.ratebook.book import Item, TermDeclaration
from engine.ratebook.build_models import percentage, term_of
from engine.ratebook.build_rules import check_template
from engine.ratebook.forms import Findings, Node
from engine.ratebook.models import (
    Assembly,
    Coupon,
    Exemption,
    Fee,
    Figure,
    Limit,
    PercentFee,
    Share,
    Tax,
    TaxClass,
    Taxes,
)  # fmt: skip


def _refuse_reversed(node: Node, found: Findings) -> None:
    if "to" in node and node.day("to") <= node.day("from"):
        said = f"it ends on {node['to'].text}, before it holds for a day (from {node['from'].text})"
        found.add("R040", node["to"], said, "`to` is the first day on which it no longer holds")


def _known_item(node: Node, items: Mapping[str, Item], found: Findings, *, priced: bool) -> str:
    item = node.text
    if item not in items:
        found.unknown(node, "item", items, kind="items")
    elif priced and not items[item].table:
        found.add(
            "R032", node, f"item `{item}` has no price", "Give it a rate table", related=((items[item].source, "the item"),)
        )
    return item


# --- of an account --------------------------------------------------------------------------------------------------------


def build_fees(form: Node, sites: Sequence[str], items: Mapping[str, Item], found: Findings) -> tuple[Fee, ...]:
    """The recurring and one-off fees of an account."""
    account = form["account"].text
    fees: dict[str, Fee] = {}
    for node in form.list("fees"):
        name = node["fee"].text
        if name in fees:
            found.twice(node["fee"], f"fee {name}", fees[name].source)
        _refuse_reversed(node, found)
        site = node.says("site")
        if site and site not in sites:
            found.unknown(node["site"], f"site of account {account}", sites)
        elif not site and account not in sites:
            site = sites[0] if len(sites) == 1 else ""
            if not site:
                found.add("R071", node, f"account {account} has several sites", "Add `site:` to the fee")
        start = node.day("from")
        fees[name] = Fee(
            f"{account}:{name}", name, account, site or account, _known_item(node["item"], items, found, priced=True), node["each"].word,
            int(node.says("every", "1")), node.day_or_none("anchor"), node.says("prorate", "day") == "day", _quantities(node, start),
            start, node.day_or_none("to"), node.says("of"), {key: value.text for key, value in node["refs"].items()} if "refs" in node else {},
            node.source,
        )  # fmt: skip
    return tuple(fees.values())


def _quantities(node: Node, start: date) -> tuple[tuple[date, Decimals], ...]:
    said = node.get("quantity")
    if said is None:
        return ((start, Decimals(1, 0)),)
    if not said.is_map:
        return ((start, parse_decimal(said.text)),)
    return tuple(sorted((parse_day(day), parse_decimal(value.text)) for day, value in said.items()))


def build_coupons(form: Node, items: Mapping[str, Item], found: Findings) -> tuple[Coupon, ...]:
    """The coupons of an account, in the order in which they are applied."""
    account = form["account"].text
    coupons: dict[str, Coupon] = {}
    for node in form.list("coupons"):
        name = node["coupon"].text
        if name in coupons:
            found.twice(node["coupon"], f"coupon {name}", coupons[name].source)
        if ("percent" in node) == ("amount" in node):
            found.add("R071", node, "a coupon is a percentage or an amount", "Give one of `percent` and `amount`")
        _refuse_reversed(node, found)
        percent = percentage(node["percent"], found) if "percent" in node else None
        if percent is not None and percent.fraction() > 1:
            found.add("R071", node["percent"], f"a coupon of {node['percent'].text} is more than everything", "Correct it")
        coupons[name] = Coupon(
            f"{account}:{name}", name, _known_item(node["item"], items, found, priced=False), percent,
            parse_decimal(node["amount"].text) if "amount" in node else None, node.yes("once"),
            tuple(_known_item(each, items, found, priced=False) for each in node.list("of")), node.day("from"), node.day_or_none("to"),
            node.source,
        )  # fmt: skip
    return tuple(coupons.values())


def build_exemption(form: Node) -> Exemption | None:
    """Why an account is not taxed, if it is not."""
    node = form.get("tax")
    if node is None:
        return None
    return Exemption(node["exempt"].text, node.day_or_none("from") or date.min, node.day_or_none("to"), node.source)


def build_details(form: Node, found: Findings) -> tuple[tuple[date, date], ...]:
    """The service days whose backup has details: first in, last out."""
    for node in form.list("details"):
        _refuse_reversed(node, found)
    return tuple((node.day("from"), node.day_or_none("to") or FOREVER) for node in form.list("details"))


# --- of the book ----------------------------------------------------------------------------------------------------------


def build_assembly(
    form: Node | None, items: Mapping[str, Item], terms: Mapping[str, TermDeclaration], accounts: Collection[str], sites: Collection[str],
    found: Findings,
) -> Assembly:  # fmt: skip
    """Limits, percentage fees and shares; nothing of it where there is no file."""
    if form is None:
        return Assembly()
    limits = tuple(_limit(node, items, terms, found) for node in form.list("limits"))
    fees = tuple(_percent_fee(node, items, terms, found) for node in form.list("fees"))
    shares = tuple(_share(node, accounts, sites, found) for node in form.list("shares"))
    for word, known in (("limit", limits), ("fee", fees), ("share", shares)):
        names = [getattr(each, word) for each in known]
        for at, node in enumerate(form.list(f"{word}s")):
            if names[at] in names[:at]:
                found.twice(node[word], f"{word} {names[at]}", known[names.index(names[at])].source)
    return Assembly(form["zero-lines"].word if "zero-lines" in form else "show", limits, fees, shares)


def _figure(node: Node, terms: Mapping[str, TermDeclaration], kind: str, found: Findings) -> Figure:
    if not node.is_map:
        return Figure(percentage(node, found) if kind == "percent" else parse_decimal(node.text))
    return Figure(term=term_of(node, terms, kind, found))


def _limit(node: Node, items: Mapping[str, Item], terms: Mapping[str, TermDeclaration], found: Findings) -> Limit:
    bounds = [_figure(node[key], terms, "amount", found) if key in node else None for key in ("at-least", "at-most")]
    if bounds == [None, None]:
        found.add("R071", node, "the limit says neither `at-least` nor `at-most`", "Add one of them")
    check_template(node["description"], "description", ("name", "counted", "limit"), found)
    return Limit(
        node["limit"].text, node["over"].word, tuple(_known_item(each, items, found, priced=False) for each in node.list("of")), bounds[0],
        bounds[1], _known_item(node["item"], items, found, priced=False), node["description"].text, node.source,
    )  # fmt: skip


def _percent_fee(node: Node, items: Mapping[str, Item], terms: Mapping[str, TermDeclaration], found: Findings) -> PercentFee:
    check_template(node["description"], "description", ("name", "percent"), found)
    return PercentFee(
        node["fee"].text, _known_item(node["item"], items, found, priced=False), _figure(node["percent"], terms, "percent", found),
        node["direction"].word if "direction" in node else "add", node["base"].word if "base" in node else "invoice",
        tuple(_known_item(each, items, found, priced=False) for each in node.list("of")), node["description"].text, node.source,
    )  # fmt: skip


def _share(node: Node, accounts: Collection[str], sites: Collection[str], found: Findings) -> Share:
    _refuse_reversed(node, found)
    if node["site"].text not in sites:
        found.unknown(node["site"], "site", sites, kind="account")
    parts = []
    for name, value in node["accounts"].items():
        if name not in accounts:
            found.unknown(value, f"account of `{name}`", accounts, kind="account")
        parts.append((name, percentage(value, found)))
    if sum(part.fraction() for _, part in parts) != 1:
        whole = Decimals(sum(int(part.fraction() * 10**8) for _, part in parts), 6)
        found.add("R071", node["accounts"], f"the shares make {whole}%", "Together they must be 100%")
    return Share(node["share"].text, node["site"].text, node.day("from"), node.day_or_none("to"), tuple(parts), node.source)


def build_taxes(form: Node | None, items: Mapping[str, Item], found: Findings) -> Taxes | None:
    """The taxes by class; None where there is no file, and then nothing is taxed."""
    if form is None:
        return None
    classes: dict[str, TaxClass] = {}
    for node in form.list("classes"):
        name = node["tax-class"].text
        if name in classes:
            found.twice(node["tax-class"], f"tax class {name}", classes[name].source)
        if ("taxes" in node) == ("exempt" in node):
            found.add(
                "R071", node, f"tax class {name} has neither taxes nor a reason for none, or both", "Give `taxes` or `exempt`"
            )
        taxes = tuple(
            Tax(
                each["tax"].text,
                tuple(sorted((parse_day(day), percentage(rate, found)) for day, rate in each["rates"].items())),
                each.source,
            )
            for each in node.list("taxes")
        )
        classes[name] = TaxClass(name, node.yes("inclusive"), node.says("exempt"), taxes, node.source)
    for item in items.values():
        if item.tax_class not in classes:
            found.add(
                "R023",
                item.source,
                f"item {item.item} has the tax class `{item.tax_class}`, which is not among the taxes",
                "Add it",
            )
    rounding = form["rounding"]
    return Taxes(rounding["per"].word, rounding["half"].word, classes, form.source)
