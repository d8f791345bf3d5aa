"""What must hold across files: names in the keys of rates, currencies of accounts, bounds of formulas, premiums that meet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from engine.money import Decimals
from engine.problems import nearest
from engine.ratebook.book import (
    Account,
    ActivityKind,
    FormulaInput,
    Item,
    Premium,
    RateTable,
    RuleBook,
    Site,
    Window,
)  # fmt: skip
from engine.ratebook.build_formulas import check_bounds, fits
from engine.ratebook.forms import Findings, Node

OTHERWISE = "otherwise"  # the window of the time that is in none of the others


@dataclass(frozen=True, slots=True)
class Keys:
    """What the key of a rate can name."""

    items: Mapping[str, Item]
    premiums: Mapping[str, Premium]
    accounts: Mapping[str, Account]
    sites: Mapping[str, Site]
    windows: Mapping[str, Window]


def check_keys(forms: Sequence[Node], keys: Keys, found: Findings) -> None:
    """Every item, premium, account, site and window in the key of a rate exists; a geo is whatever some rate has."""
    accounts, sites = keys.accounts, keys.sites
    known: Mapping[str, tuple[Iterable[str], str]] = {
        "item": (keys.items, "items"),
        "premium": (keys.premiums, "premiums"),
        "account": (accounts, "account"),
        "site": (sites, "account"),
        "window": ((*keys.windows, OTHERWISE), "segments"),
    }
    for row in (row for form in forms for row in form.list("rates")):
        for column, (names, kind) in known.items():
            if column in row and row[column].text not in names:
                found.unknown(row[column], column, names, kind=kind)
        if "account" in row and row.says("account") in accounts and row.says("site") in sites:
            _check_site(row, sites, found)


def _check_site(row: Node, sites: Mapping[str, Site], found: Findings) -> None:
    """A row for a site of another account would never be a price."""
    account, site = row["account"].text, row["site"]
    if sites[site.text].account != account:
        found.unknown(site, f"site of account {account}", [each.site for each in sites.values() if each.account == account])


def check_facets(tables: Mapping[str, RateTable], kinds: Mapping[str, ActivityKind], found: Findings) -> None:
    """A column in the key of a table is `window`, or a column of texts of some kind of activity that is not rated by time."""
    columns = {
        column.column for kind in kinds.values() if kind.rated_by != "time" for column in kind.columns if column.type in ("id", "text", "choice")
    }  # fmt: skip
    for table in tables.values():
        for facet in table.facets:
            if facet not in (*columns, "window") and not found.may_have("activity"):
                said = f"no kind of activity that is not rated by time has a column `{facet}` of texts, which is in the key of `{table.table}`"
                hint = nearest(facet, sorted(columns))
                found.add("R023", table.source, said, hint[0].upper() + hint[1:] if hint else "Declare it, or correct the key")


def check_crossings(book: RuleBook, found: Findings) -> None:
    """What can only be said of a whole book."""
    for account in book.accounts.values():
        _check_currency(book, account, found)
    bases: set[tuple[str, str]] = set()  # looked at once, for many premiums read the base price by one formula
    for premium in book.premiums.values():
        for declared in book.formulas[premium.formula].inputs:
            reads = (premium.formula, declared.name)
            is_base = premium.given[declared.name].form == "base"
            if not is_base or reads not in bases:
                _check_given(book, premium, declared, found)
            if is_base:
                bases.add(reads)
    _check_combine(book, found)
    _check_activity_from(book, found)
    _check_rounded(book, found)


def _check_rounded(book: RuleBook, found: Findings) -> None:
    """A table that counts in other units than activity comes in makes quantities of its own: minutes of seconds, parts of a month."""
    made_elsewhere = {"each", *(kind.unit for kind in book.kinds.values()), *book.rounding.quantity}
    for table in (book.tables[name] for name in sorted({item.table for item in book.items.values() if item.table})):
        if table.currency is not None and table.unit not in made_elsewhere:
            said = (
                f"`{table.table}` is priced by the {table.unit}, and the rounding of quantities in {table.unit} is not declared"
            )
            found.add("R045", table.source, said, "Add it to the file of kind rounding")


def _check_currency(book: RuleBook, account: Account, found: Findings) -> None:
    """The rates that price an account's sites are in its currency: nothing is converted."""
    at_site = {
        "account": {account.account},
        "site": {site.site for site in account.sites},
        "geo": {geo for site in account.sites for _, geo in site.geo},
    }
    read = {item.table for item in book.items.values() if item.table}
    read |= {given.name for premium in book.premiums.values() for given in premium.given.values() if given.form == "rate"}
    rows = [
        (book.tables[name], row)
        for name in sorted(read)
        if book.tables[name].currency not in (None, account.currency)
        for row in book.tables[name].rows.values()
        if all(value in at_site.get(column, {value}) for column, value in row.key.items())
    ]
    if rows:
        table, row = rows[0]
        said = f"account {account.account} is billed in {account.currency}, and row {row.id} would price it in {table.currency}"
        remedy = "Give the account's sites a geo of their own, or correct the currency"
        found.add("R032", account.source, said, remedy, related=((row.source, "the row"),))


def _check_given(book: RuleBook, premium: Premium, declared: FormulaInput, found: Findings) -> None:
    """What a premium reads stays within the bounds of its formula wherever it stands in the book."""
    given = premium.given[declared.name]
    if given.form == "base":
        tables = {item.table: book.tables[item.table] for item in book.items.values() if item.table}
        tables = {
            name: table
            for name, table in tables.items()
            if table.unit == "hour" and table.model == "per-unit" and not table.facets
        }
        for table in (each for each in tables.values() if declared.unit == f"{each.currency} per hour"):
            for price in (price for row in table.rows.values() for price in row.prices):
                if price.value is not None:
                    check_bounds(price.value, declared, price.source, found)
            _check_overrides(book, table.table, None, declared, found)
    elif given.form == "rate":
        _check_overrides(book, given.name, premium.premium, declared, found)
    elif given.form == "term":
        for entry in book.terms_entries():
            value = entry.values.get(given.name)
            if isinstance(value, Decimals) and not fits(value, declared):
                said = f"{value} is not between {declared.at_least} and {declared.at_most} with {declared.digits} digits"
                related = ((premium.source, f"read by premium {premium.premium}"),)
                remedy = "Correct the term, or the input of the formula"
                found.add("R046", entry.places[given.name], said, remedy, related=related)


def _check_overrides(book: RuleBook, table: str, premium: str | None, declared: FormulaInput, found: Findings) -> None:
    for override in book.overrides():
        if override.table == table and (premium is None or override.premium in (None, premium)):
            check_bounds(override.value, declared, override.source, found)


def _check_combine(book: RuleBook, found: Findings) -> None:
    """Where two premiums can be in one price, a policy should say how they combine."""
    if "premiums" not in book.policies or "combine" in book.policies:
        return
    answers = dict.fromkeys(rule.answer for rule in book.policies["premiums"].rules)
    in_price = [name for name in answers if book.premiums[name].shown == "in-price"]
    if len(in_price) > 1:
        said = f"premiums {', '.join(in_price)} are in the price, and no policy says how they combine where they meet"
        found.add("R036", book.policies["premiums"].source, said, "Add a policy that decides `combine`", warning=True)


def _check_activity_from(book: RuleBook, found: Findings) -> None:
    """Sums over windows need to know since when nothing is missing."""
    if book.accumulators and book.calendar.activity_from is None:
        said = "accumulators look back, and the calendar does not say from which day on activity is complete"
        found.add("R059", book.calendar.source, said, "Add `activity-from:` with that day")
