"""A rule book taken apart into its entries: each with what it says on which days, and the text of its meaning.

Together the entries hold all of the book's meaning: a field that nothing here knows by name is an entry, or part of one, all the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import Field, dataclass, fields, is_dataclass
from datetime import date
from functools import partial
from typing import Any, TypeAlias

from engine.dates import FOREVER, duration_text
from engine.money import Decimals, percent_text
from engine.problems import Source
from engine.ratebook.book import (
    UNKNOWN_PROVENANCE,
    Account,
    FormulaRule,
    FormulaVersion,
    HolidaySet,
    Item,
    Override,
    Policy,
    Premium,
    Provenance,
    RateRow,
    RateTable,
    Rule,
    RuleBook,
    Site,
    TermsEntry,
)  # fmt: skip
from engine.ratebook.meaning import fields_told, form_of, row_text, told
from engine.ratebook.models import Assembly, Coupon, Exemption, Fee, Share, Taxes
from engine.ratebook.words import field_name, field_words, figure_words, price_words, term_words, words


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that an entry says: in words, and as the text of its meaning. `tacit`: a file that leaves it out says the same."""

    words: str
    told: str
    tacit: bool = False


Parts: TypeAlias = "Mapping[str, Part]"  # by name; what an entry is about has the empty name
Line: TypeAlias = (
    "tuple[tuple[date | None, Parts | None], ...]"  # from each day on (None: ever since) what is said, None: nothing
)


@dataclass(frozen=True, slots=True)
class Point:
    """A statement inside an entry that has a place and an approval of its own, such as one price of a row."""

    start: date
    told: str
    source: Source
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the book. `lay` gives what it says over time, `point` its dated parts, `value` is what it was read into.

    `tell` gives the text of its meaning. All three are functions, since most entries of two books are equal and are asked for none.
    """

    what: str
    id: str
    tell: Callable[[], str]
    lay: Callable[[], Line]
    source: Source
    provenance: Provenance
    value: object
    point: Callable[[], tuple[Point, ...]] = tuple

    def says_the_same(self, other: Entry) -> bool:
        """Whether another entry has the same meaning; equal values have, and are soonest compared."""
        return self.value == other.value or self.tell() == other.tell()

    @property
    def points(self) -> tuple[Point, ...]:
        """The dated parts."""
        return self.point()


@dataclass(frozen=True, slots=True)
class Edit:
    """An entry of one book beside that of another; one of them may be missing."""

    what: str
    id: str
    before: Entry | None
    after: Entry | None

    @property
    def values(self) -> tuple[object, ...]:
        """What the entry was read into, in each book that has it."""
        return tuple(each.value for each in (self.before, self.after) if each is not None)


Entries: TypeAlias = "dict[tuple[str, str], Entry]"

ORDER = "order"
GROUPING = "grouping"  # of terms into dated entries, which says nothing if each term says the same


def entries(book: RuleBook, beside: RuleBook | None = None) -> Entries:
    """All entries of a book by what they are and their id; but not the rows and accounts that a book beside it has just so."""
    found: Entries = {}
    for entry in _all(book, beside):
        key, number = (entry.what, entry.id), 1
        while key in found:
            number += 1
            key = (entry.what, f"{entry.id}#{number}")
        found[key] = entry
    return found


def _all(book: RuleBook, beside: RuleBook | None) -> Iterator[Entry]:
    apart: Mapping[str, Callable[[RuleBook], Iterator[Entry]]] = {
        "tables": partial(_tables, beside), "accounts": partial(_accounts, beside), "default_terms": _default_terms,
        "policies": _policies, "premiums": _premiums, "items": _items, "formulas": _formulas, "assembly": _assembly, "taxes": _taxes,
        "texts": _texts, "holidays": _holidays, "windows": _windows,
    }  # fmt: skip
    form = form_of(RuleBook)
    for name in form.names if form is not None else ():
        yield from apart[name](book) if name in apart else _plain(name, getattr(book, name))


def _plain(name: str, value: object) -> Iterator[Entry]:
    """A field of the book that is told as it stands: a map of things by name, or one thing."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield _undated(_ONE_OF.get(name, field_name(name)), words(key), each)
    else:
        yield _undated(field_name(name), field_name(name), value)


_ONE_OF = {"kinds": "kind", "accumulators": "accumulator", "terms": "term-type"}


# --- parts ------------------------------------------------------------------------------------------------------------


def flat(value: object, apart: Iterable[str] = (), before: str = "") -> dict[str, Part]:
    """The fields of a value as parts, those of the values in it too; fields `apart` are left out."""
    found: dict[str, Part] = {}
    defaults = {each.name: each.default for each in _fields(value)}
    for name, text in fields_told(value).items():
        part = getattr(value, name)
        shown = before + field_name(name)
        if name in apart:
            continue
        if isinstance(part, tuple) and part and all(map(is_dataclass, part)):
            for key, each in _named(part).items():
                found[f"{shown.removesuffix('s')} {key}"] = Part(words(each), told(each))
        elif isinstance(part, Mapping):
            for key, each in part.items():
                found[f"{shown} {words(key)}"] = Part(words(each), told(each))
        else:
            tacit = part is None or part in ("", ()) or part == defaults[name]
            found[shown] = Part(field_words(name, part), text, tacit)
    return found


def _named(values: tuple[object, ...]) -> dict[str, object]:
    """Values by their first field, where that tells them apart; else by first and second, or by number."""
    for count in (1, 2):
        names = [" ".join(words(getattr(each, name.name)) for name in _fields(each)[:count]) for each in values]
        if len(set(names)) == len(names):
            return dict(zip(names, values, strict=True))
    return {str(number): each for number, each in enumerate(values, 1)}


def _fields(value: object) -> tuple[Field[Any], ...]:  # Any: each has its own type
    return fields(value) if is_dataclass(value) else ()


def _undated(what: str, id_: str, value: object, apart: Iterable[str] = ()) -> Entry:
    """An entry without days; what stands in `apart` has entries of its own."""
    if not is_dataclass(value):
        whole = told(value)
        return _entry(what, id_, value, lambda: whole, lambda: ((None, {"": Part(words(value), whole)}),))

    def tell() -> str:
        return told({name: text for name, text in fields_told(value).items() if name not in apart})

    return _entry(what, id_, value, tell, lambda: ((None, flat(value, apart)),))


def _dated(what: str, id_: str, value: object, start: date | None, end: date | None, parts: Callable[[], Parts]) -> Entry:
    """An entry that holds from one day to another."""
    return _entry(what, id_, value, partial(told, value), lambda: _span(start, end, parts()))


def _entry(
    what: str,
    id_: str,
    value: object,
    tell: Callable[[], str],
    lay: Callable[[], Line],
    point: Callable[[], tuple[Point, ...]] = tuple,
) -> Entry:
    source, provenance = getattr(value, "source", Source("")), getattr(value, "provenance", UNKNOWN_PROVENANCE)
    return Entry(what, id_, tell, lay, source, provenance, value, point)


def _span(start: date | None, end: date | None, parts: Parts) -> Line:
    before: Line = () if start in (None, date.min) else ((None, None),)
    after: Line = () if end in (None, FOREVER) else ((end, None),)
    return (*before, (None if start == date.min else start, parts), *after)


def _steps(points: Iterable[tuple[date, Parts | None]]) -> Line:
    return ((None, None), *points)


def _as_it_is(line: Line) -> Line:
    return line


def _order(id_: str, names: Iterable[str], source: Source) -> Entry:
    listed = tuple(names)
    return Entry(
        ORDER,
        id_,
        partial(told, listed),
        lambda: ((None, {"": Part(", ".join(listed), told(listed))}),),
        source,
        UNKNOWN_PROVENANCE,
        listed,
    )


# --- prices -----------------------------------------------------------------------------------------------------------


def _tables(beside: RuleBook | None, book: RuleBook) -> Iterator[Entry]:
    for table in book.tables.values():
        other = beside.tables.get(table.table) if beside is not None else None
        known: Mapping[tuple[str, ...], RateRow] = other.rows if other is not None else {}
        yield _undated("table", table.table, table, ("rows",))
        for key, row in table.rows.items():
            if known.get(key) != row:
                yield _row(table, row)


def _row(table: RateTable, row: RateRow) -> Entry:
    def lay() -> Line:
        said = ((price.start, price_words(price, table), price) for price in row.prices)
        return _steps(
            (start, None if text is None else {"": Part(text, told([price.value, price.scheme]))}) for start, text, price in said
        )

    def point() -> tuple[Point, ...]:
        return tuple(Point(each.start, told(each), each.source, each.provenance) for each in row.prices)

    return _entry("price", row.id, row, partial(row_text, row), lay, point)


def _override(book: RuleBook, override: Override) -> Entry:
    def parts() -> Parts:
        figure = figure_words(override.value, book.tables[override.table])
        own = flat(override, ("id", "start", "end", "value", "account"))
        return {"": Part(figure, told(override.value)), **own}

    return _dated("override", override.id, override, override.start, override.end, parts)


# --- accounts and terms -----------------------------------------------------------------------------------------------


def _accounts(beside: RuleBook | None, book: RuleBook) -> Iterator[Entry]:
    for account in book.accounts.values():
        if beside is not None and beside.accounts.get(account.account) == account:
            continue
        yield _undated("account", account.account, account, ("sites", "overrides", "terms", "fees", "coupons", "exemption"))
        yield from _account_parts(book, account)


def _account_parts(book: RuleBook, account: Account) -> Iterator[Entry]:
    name = account.account
    for site in account.sites:
        yield _undated("site", site.site, site, ("geo", "terms"))
        yield _geo(site)
        yield from _terms(book, f"{name}/{site.site}" if name == site.site else site.site, site.terms, site.source)
    yield from (_override(book, each) for each in account.overrides)
    yield from _terms(book, name, account.terms, account.source)
    yield from map(_fee, account.fees)
    yield _order(f"{name}/fees", (each.id for each in account.fees), account.source)
    yield from map(_coupon, account.coupons)
    yield _order(f"{name}/coupons", (each.id for each in account.coupons), account.source)
    if account.exemption is not None:
        yield _exemption(name, account.exemption)


def _geo(site: Site) -> Entry:
    def lay() -> Line:
        return _steps((day, {"": Part(geo, told(geo))}) for day, geo in site.geo)

    return _entry("geo", site.site, site, partial(told, site.geo), lay)


def _fee(fee: Fee) -> Entry:
    def lay() -> Line:
        own = flat(fee, ("id", "fee", "account", "start", "end", "quantity"))
        line: list[tuple[date | None, Parts | None]] = [(None, None)]
        for day, count in fee.quantity or ((fee.start, Decimals(1, 0)),):
            line.append((max(day, fee.start), {"quantity": Part(str(count), told(count)), **own}))
        return (*line, (fee.end, None)) if fee.end is not None else tuple(line)

    return _entry("fee", fee.id, fee, partial(told, fee), lay)


def _coupon(coupon: Coupon) -> Entry:
    def parts() -> Parts:
        percent = {"percent": Part(percent_text(coupon.percent), told(coupon.percent))} if coupon.percent is not None else {}
        return {**percent, **flat(coupon, ("id", "coupon", "start", "end", *percent))}

    return _dated("coupon", coupon.id, coupon, coupon.start, coupon.end, parts)


def _exemption(account: str, exemption: Exemption) -> Entry:
    return _dated("exemption", account, exemption, exemption.start, exemption.end, lambda: flat(exemption, ("start", "end")))


def _default_terms(book: RuleBook) -> Iterator[Entry]:
    return _terms(book, "default", book.default_terms, Source("rates/terms-default.yaml"))


def _terms(book: RuleBook, level: str, said: tuple[TermsEntry, ...], source: Source) -> Iterator[Entry]:
    """Each term of a level by itself, and how they stand together in entries."""
    for name in dict.fromkeys(name for each in said for name in each.values):
        yield _term(book, level, name, [each for each in said if name in each.values])

    def grouping() -> str:
        more = [{key: text for key, text in fields_told(each).items() if key != "values"} for each in said]
        return told([[*rest.values(), sorted(each.values)] for each, rest in zip(said, more, strict=True)])

    place = said[0].source if said else source
    yield Entry(GROUPING, level, grouping, lambda: ((None, {}),), place, UNKNOWN_PROVENANCE, said)


def _term(book: RuleBook, level: str, name: str, said: list[TermsEntry]) -> Entry:
    def values() -> list[tuple[date, str]]:
        return [(each.start, told(each.values[name])) for each in said]

    def lay() -> Line:
        texts = (term_words(each.values[name], book.terms.get(name)) for each in said)
        return _steps((day, {"": Part(shown, text)}) for (day, text), shown in zip(values(), texts, strict=True))

    def point() -> tuple[Point, ...]:
        return tuple(
            Point(day, told([day, text]), each.places.get(name, each.source), each.provenance)
            for (day, text), each in zip(values(), said, strict=True)
        )

    source = said[0].places.get(name, said[0].source)
    return Entry("term", f"{level}/{name}", lambda: told(values()), lay, source, said[0].provenance, said, point)


# --- rules ------------------------------------------------------------------------------------------------------------


def _policies(book: RuleBook) -> Iterator[Entry]:
    for policy in book.policies.values():
        yield _undated("policy", policy.slot, policy, ("rules",))
        yield from (_rule(policy, rule) for rule in policy.rules)
        yield _order(policy.slot, (rule.id for rule in policy.rules), policy.source)


def _rule(policy: Policy, rule: Rule) -> Entry:
    def parts() -> Parts:
        text = fields_told(rule)
        when = "; ".join(each.text for each in rule.when) or "always"
        more = flat(rule, ("id", "start", "end", "answer", "when", "overrides"))
        overrides = Part(words(rule.overrides), text["overrides"], not rule.overrides)
        return {
            "": Part(answer_words(rule.answer), text["answer"]),
            "when": Part(when, text["when"]),
            "overrides": overrides,
            **more,
        }

    return _dated("rule", f"{policy.slot}/{rule.id}", rule, rule.start, rule.end, parts)


def answer_words(answer: str) -> str:
    """An answer with its seconds as durations."""
    return re.sub(r"\b([0-9]+)s\b", lambda match: duration_text(int(match[1])), answer)


def _premiums(book: RuleBook) -> Iterator[Entry]:
    premiums: Iterable[Premium] = book.premiums.values()
    yield from (_undated("premium", each.premium, each) for each in premiums)
    yield _order("premiums", book.premiums, next((each.source for each in premiums), Source("rules")))


def _items(book: RuleBook) -> Iterator[Entry]:
    items: Iterable[Item] = book.items.values()
    yield from (_undated("item", each.item, each) for each in items)
    yield _order("items", book.items, next((each.source for each in items), Source("rules")))


def _formulas(book: RuleBook) -> Iterator[Entry]:
    for formula in book.formulas.values():
        yield _undated("formula", formula.formula, formula, ("versions",))
        yield from (_version(formula, each) for each in formula.versions)


def _version(formula: FormulaRule, version: FormulaVersion) -> Entry:
    def parts() -> Parts:
        more = flat(version, ("version", "start", "end", "text"))
        return {"": Part(version.text, told(version.text)), **more}

    return _dated("formula", f"{formula.formula}/{version.version}", version, version.start, version.end, parts)


def _texts(book: RuleBook) -> Iterator[Entry]:
    for name, text in fields_told(book.texts).items():
        said = getattr(book.texts, name)
        line: Line = ((None, {"": Part(said or "none", text)}),)
        lay = partial(_as_it_is, line)
        yield Entry("text", field_name(name), partial(str, text), lay, book.texts.source, UNKNOWN_PROVENANCE, said)


def _windows(book: RuleBook) -> Iterator[Entry]:
    for each in book.windows.values():
        line: Line = ((None, {"": Part(words(each), told(each))}),)
        yield _entry("window", each.window, each, partial(told, each), partial(_as_it_is, line))


def _holidays(book: RuleBook) -> Iterator[Entry]:
    for each in book.holidays.values():
        yield _holiday_set(each)


def _holiday_set(known: HolidaySet) -> Entry:
    def lay() -> Line:
        days = {
            f"{each.holiday} {each.actual.year}": Part(_observed(each.actual, each.observed), told(each)) for each in known.days
        }
        return ((None, {**flat(known, ("name", "days")), **days}),)

    return _entry("holidays", known.name, known, partial(told, known), lay)


def _observed(actual: date, observed: date) -> str:
    return str(actual) if actual == observed else f"{actual}, observed {observed}"


# --- from charges to the total ----------------------------------------------------------------------------------------


def _assembly(book: RuleBook) -> Iterator[Entry]:
    assembly: Assembly = book.assembly
    yield _undated("assembly", "assembly", assembly, ("limits", "fees", "shares"))
    yield from (_undated("limit", each.limit, each) for each in assembly.limits)
    yield from (_undated("percentage-fee", each.fee, each) for each in assembly.fees)
    yield from map(_share, assembly.shares)
    for name, ids, values in (
        ("limits", [each.limit for each in assembly.limits], assembly.limits),
        ("percentage-fees", [each.fee for each in assembly.fees], assembly.fees),
        ("shares", [each.share for each in assembly.shares], assembly.shares),
    ):
        yield _order(name, ids, values[0].source if values else Source("rules"))


def _share(share: Share) -> Entry:
    def parts() -> Parts:
        accounts = {name: Part(percent_text(part), told(part)) for name, part in share.accounts}
        return {**accounts, **flat(share, ("share", "start", "end", "accounts"))}

    return _dated("share", share.share, share, share.start, share.end, parts)


def _taxes(book: RuleBook) -> Iterator[Entry]:
    taxes: Taxes | None = book.taxes
    if taxes is None:
        return
    yield _undated("taxes", "taxes", taxes, ("classes",))
    for each in taxes.classes.values():
        yield _undated("tax-class", each.tax_class, each, ("taxes",))
        for tax in each.taxes:
            line = _steps((day, {"": Part(percent_text(rate), told(rate))}) for day, rate in tax.rates)
            yield _entry("tax", f"{each.tax_class}/{tax.tax}", tax, partial(told, tax), partial(_as_it_is, line))
        yield _order(f"{each.tax_class}/taxes", (tax.tax for tax in each.taxes), each.source)
