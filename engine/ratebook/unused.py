"""What stands in a book without doing anything: overrides that change nothing, rows nobody reads, names nothing refers to.

Each is a warning. It bills nothing wrong, but somebody believed that it would bill something.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from engine.dates import FOREVER
from engine.problems import Problem, Source, shortened
from engine.ratebook.book import ENGINE_TERMS, Override, RateRow, RateTable, RuleBook, Site
from engine.ratebook.models import Figure
from engine.ratebook.stretches import Stretches, days_text, holes, merged, tables_read

_SHOWN_MAX = 3


def unused(book: RuleBook) -> Iterator[Problem]:
    """Everything that could be taken out of the book without moving an amount."""
    stretches, read = Stretches(book), tables_read(book)
    for override in book.overrides():
        problem = _override(stretches, override, read)
        if problem is not None:
            yield problem
    yield from _rows(book, read)
    yield from _names(book, read)


# --- overrides ----------------------------------------------------------------------------------------------------------


def _override(stretches: Stretches, override: Override, read: Mapping[str, set[str]]) -> Problem | None:
    """Why an override never changes a price, if it never does."""
    book, end = stretches.book, override.end or FOREVER
    account, table = book.accounts[override.account], book.tables[override.table]
    if override.table not in read:
        return None  # told of the table
    is_of_items = "" in read[override.table]
    if override.item is not None and is_of_items and override.table not in _tables_of(book, override.item):
        other = book.items[override.item].table
        said = (
            f"override {override.id} is never read: {override.item} takes its price from `{other}`, not from `{override.table}`"
        )
        return _useless(
            "R086", override, said, f"Write `instead-of: {other}`, or remove the override", book.items[override.item].source
        )
    if override.premium is not None and override.premium not in read[override.table]:
        said = f"override {override.id} is never read: the premium {override.premium} does not read `{override.table}`"
        return _useless(
            "R086",
            override,
            said,
            "Name the table that the premium reads, or remove the override",
            book.premiums[override.premium].source,
        )
    sites = [site for site in account.sites if override.site in (None, site.site)]
    alive = [site for site in sites if stretches.begins(site) < end]
    if not alive:
        first = min(sites, key=stretches.begins)
        said = f"override {override.id} ends on {override.end}, before its site {first.site} begins on {stretches.begins(first)}"
        return _useless("R086", override, said, "Correct the days, or remove the override", first.source)
    closer = [_closer(stretches, override, site) for site in alive]
    if all(closer):
        said = f"override {override.id} is never used: closer overrides such as {closer[0][0].id} hold on all of its days"
        return _useless("R086", override, said, "Remove it, or let the closer one end", closer[0][0].source)
    if _is_equal(stretches, override, alive, read):
        said = f"override {override.id} agrees {override.value}, which is what `{table.table}` says {days_text(override.start, end)} as well"
        row = next(iter(stretches.of_table(table, alive[0], _items(book, override, read)[0], _premiums(override, read)[0])))
        place = row.price.source if row.price is not None else table.source
        return _useless("R085", override, said, "Remove it, or correct the price", place)
    return None


def _useless(code: str, override: Override, said: str, remedy: str, other: Source) -> Problem:
    return Problem(code, override.source, said, remedy, "warning", 1, ((other, "see here"),))


def _closer(stretches: Stretches, override: Override, site: Site) -> list[Override]:
    """The overrides at a site that stand before one on each of its days; none if it has a day of its own."""
    mine = [
        each for each in stretches.agreed(override.table, site, override.item or "", override.premium or "")
        if _rank(each) < _rank(override)
    ]  # fmt: skip
    taken = merged((each.start, each.end or FOREVER) for each in mine)
    return [] if holes((override.start, override.end or FOREVER), taken) else mine


def _rank(override: Override) -> tuple[bool, bool, bool]:
    return override.site is None, override.item is None, override.premium is None


def _is_equal(stretches: Stretches, override: Override, sites: Iterable[Site], read: Mapping[str, set[str]]) -> bool:
    """Whether the table says the same on every day of an override, wherever it holds."""
    book, table, end = stretches.book, stretches.book.tables[override.table], override.end or FOREVER
    if table.facets or table.model != "per-unit":
        return False
    for site in sites:
        for item in _items(book, override, read):
            for premium in _premiums(override, read):
                for each in stretches.of_table(table, site, item, premium):
                    inside = each.start < end and override.start < each.end
                    if inside and (each.price is None or each.price.value != override.value):
                        return False
    return True


def _items(book: RuleBook, override: Override, read: Mapping[str, set[str]]) -> list[str]:
    if override.item is not None:
        return [override.item]
    return [name for name in book.items if override.table in _tables_of(book, name)] if "" in read[override.table] else [""]


def _premiums(override: Override, read: Mapping[str, set[str]]) -> list[str]:
    return [override.premium] if override.premium is not None else sorted(read[override.table])


def _tables_of(book: RuleBook, item: str) -> tuple[str, ...]:
    return (book.items[item].table, *book.items[item].times)


# --- rows ---------------------------------------------------------------------------------------------------------------


def _rows(book: RuleBook, read: Mapping[str, set[str]]) -> Iterator[Problem]:
    """Rows of geos that no site ever has, and of items and premiums that do not read their table; once for each table."""
    geos = {geo for site in book.sites.values() for _, geo in site.geo}
    for name, readers in sorted(read.items()):
        table = book.tables[name]
        items = {item for item in book.items if name in _tables_of(book, item)} if "" in readers else set(book.items)
        known = {"geo": geos, "item": items, "premium": readers}
        for column, names in known.items():
            if column in table.key:
                yield from _unread(table, column, names)


def _unread(table: RateTable, column: str, names: set[str]) -> Iterator[Problem]:
    rows: dict[str, list[RateRow]] = defaultdict(list)
    for row in table.rows.values():
        if row.key[column] not in names:
            rows[row.key[column]].append(row)
    if not rows:
        return
    count = sum(len(each) for each in rows.values())
    shown = shortened(sorted(rows), _SHOWN_MAX)
    why = {
        "geo": f"no site ever has the geo {shown}",
        "item": f"{shown} takes its price from another table",
        "premium": f"the premium {shown} reads another table",
    }
    first = min((row for each in rows.values() for row in each), key=lambda row: row.source)
    said = f"{why[column]}, so {'a row' if count == 1 else f'{count:,} rows'} of `{table.table}` {'is' if count == 1 else 'are'} never read"
    yield Problem("R087", first.source, said, "Correct the name, or remove what nobody needs", "warning")


# --- names --------------------------------------------------------------------------------------------------------------


def _names(book: RuleBook, read: Mapping[str, set[str]]) -> Iterator[Problem]:
    """Tables, premiums, formulas, windows, holidays, terms, accumulators and items that nothing refers to."""
    conditions = [condition for policy in book.policies.values() for rule in policy.rules for condition in rule.when]
    answers = {word for policy in book.policies.values() for rule in policy.rules for word in rule.answer.split()}
    answers |= {word for policy in book.policies.values() for word in (policy.otherwise or "").split()}
    values = {(condition.column, str(value)) for condition in conditions for value in condition.values}
    keyed = {row.key["window"] for table in book.tables.values() if "window" in table.key for row in table.rows.values()}
    windows = keyed | {name for column, name in values if column in ("in", "starts-in", "touches")}
    bands = {name for column, name in values if column == "over"}
    formulas = {premium.formula for premium in book.premiums.values()}
    holidays = {window.holidays for window in book.windows.values()}
    known = {
        "table": ((name, table.source) for name, table in book.tables.items() if name not in read),
        "premium": ((name, each.source) for name, each in book.premiums.items() if name not in answers),
        "formula": ((name, each.source) for name, each in book.formulas.items() if name not in formulas),
        "window": ((name, each.source) for name, each in book.windows.items() if name not in windows),
        "holiday list": ((name, each.source) for name, each in book.holidays.items() if name not in holidays),
        "term": ((name, each.source) for name, each in book.terms.items() if name not in _terms_read(book, answers)),
        "accumulator": (
            (name, each.source)
            for name, each in book.accumulators.items()
            if each.line is None and not any(band.band in bands for band in each.bands)
        ),
        "item": ((name, each.source) for name, each in book.items.items() if not each.table and name not in _items_charged(book)),
    }
    yield from _never_priced(book)
    for word, found in known.items():
        for name, source in found:
            yield Problem("R088", source, f"{_REFERS[word].format(name=name)}", "Remove it, or refer to it", "warning", 1)


def _never_priced(book: RuleBook) -> Iterator[Problem]:
    """Items whose table has no row of theirs, nor anybody an override."""
    rows = {(name, row.key["item"]) for name, table in book.tables.items() if "item" in table.key for row in table.rows.values()}
    agreed = {(each.table, each.item) for each in book.overrides()}
    for item in book.items.values():
        known = {(item.table, item.item), (item.table, None)} & agreed or (item.table, item.item) in rows
        if item.table and "item" in book.tables[item.table].key and not known:
            said = f"the item `{item.item}` takes its price from `{item.table}`, which has no row of it, and no account has agreed one"
            remedy = "Add its prices, or remove the item"
            yield Problem("R088", item.source, said, remedy, "warning", related=((book.tables[item.table].source, "the table"),))


_REFERS = {
    "table": "no item and no premium reads the table `{name}`",
    "premium": "no rule answers with the premium `{name}`",
    "formula": "no premium uses the formula `{name}`",
    "window": "no rule and no rate asks for the window `{name}`",
    "holiday list": "no window uses the holiday list `{name}`",
    "term": "nothing reads the term `{name}`",
    "accumulator": "no rule asks for a band of the accumulator `{name}`, and it has no line",
    "item": "the item `{name}` has no price, and no line is charged as it",
}


def _terms_read(book: RuleBook, answers: set[str]) -> set[str]:
    """The names of terms that anything reads; answers name theirs in words."""
    conditions = [condition for policy in book.policies.values() for rule in policy.rules for condition in rule.when]
    found = {*ENGINE_TERMS} | answers
    found |= {condition.column[5:] for condition in conditions if condition.column.startswith("term ")}
    found |= {condition.term for condition in conditions if condition.term is not None}
    found |= {given.name for premium in book.premiums.values() for given in premium.given.values() if given.form == "term"}
    for each in book.accumulators.values():
        settings = [each.window.starts, each.workday, each.scope, each.late, *(band.over for band in each.bands)]
        settings += [each.line.limit] if each.line is not None else []
        found |= {setting.term for setting in settings if setting.term is not None}
    figures = [figure for limit in book.assembly.limits for figure in (limit.at_least, limit.at_most)]
    figures += [fee.percent for fee in book.assembly.fees]
    found |= {figure.term for figure in figures if isinstance(figure, Figure) and figure.term is not None}
    schemes = (price.scheme for table in book.tables.values() for row in table.rows.values() for price in row.prices)
    return found | {scheme.allowance for scheme in schemes if isinstance(scheme.allowance, str)}


def _items_charged(book: RuleBook) -> set[str]:
    """The items that lines beside activity are charged as; activity that is made elsewhere names any."""
    if any(kind.rated_by == "line" for kind in book.kinds.values()):
        return set(book.items)
    found = {each.line.item for each in book.accumulators.values() if each.line is not None}
    found |= {limit.item for limit in book.assembly.limits} | {fee.item for fee in book.assembly.fees}
    for account in book.accounts.values():
        found |= {fee.item for fee in account.fees} | {coupon.item for coupon in account.coupons}
    return found
