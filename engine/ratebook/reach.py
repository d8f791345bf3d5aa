"""Which activity a change can move: as narrow as can be proved, and without limit where there is doubt.

Three things make a change reach further than the days it is about. A shift is dated on the day it starts and priced on later days,
too. Sums over windows (overtime, tiers over a month, limits, ceilings) carry it to other rows. And a rate that begins on another day
cuts shifts at another midnight, so that their quantities are shared otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from engine.dates import DAY_SECONDS, FOREVER
from engine.ratebook.book import (
    Account,
    HolidaySet,
    Item,
    Override,
    RateRow,
    RateTable,
    Rule,
    RuleBook,
    Setting,
    Site,
    TermDeclaration,
    TermsEntry,
)  # fmt: skip
from engine.ratebook.changes import EVERYTHING, NOTHING, Reach, Stretch
from engine.ratebook.entries import Edit
from engine.ratebook.meaning import fields_told, told
from engine.ratebook.models import PLAIN, Fee, Over, Scheme, Share

Names = frozenset[str] | None  # None: any

_MONTHS: Mapping[Over, int] = {"month": 1, "quarter": 3, "year": 12}
_CYCLE_DAYS = {"once": 1, "day": 1, "week": 7, "month": 31, "year": 366}
_OWN_OF_ACCOUNT = {
    "account",
    "currency",
    "split",
    "per_row",
    "details",
    "credit_notes",
}  # what moves an account's own documents alone


def reach_of(edit: Edit, stretches: Sequence[Stretch], books: Books) -> Reach:
    """Which activity an edited entry can move."""
    find = _REACHES.get(edit.what)
    days = _NO_DAYS if edit.what == "price" and not stretches else _days(stretches)
    return find(edit, days, books) if find is not None else EVERYTHING


@dataclass(frozen=True, slots=True)
class Days:
    """Days from `start` (in) to `end` (out); None: no limit."""

    start: date | None
    end: date | None

    def around(self, before: int | None, after: int | None = 0) -> Days:
        """More days on both sides; None: all of them."""
        start = None if before is None or self.start is None else _moved(self.start, -before)
        return Days(start, None if after is None or self.end is None else _moved(self.end, after))

    def with_day(self, day: date) -> Days:
        """These days, and one more with all between."""
        start = None if self.start is None else min(self.start, day)
        return Days(start, None if self.end is None else max(self.end, _moved(day, 1)))

    def whole(self, over: Over) -> Days:
        """The windows of calendar months that hold any of the days."""
        if over not in _MONTHS:
            return self
        start = None if self.start is None else _window(self.start, _MONTHS[over])[0]
        return Days(start, None if self.end is None else _window(_moved(self.end, -1), _MONTHS[over])[1])


_NO_DAYS = Days(FOREVER, date.min)  # of a price that is said anew; the days on which it is are added


class Books:
    """Two rule books, and what is asked of both again and again."""

    def __init__(self, before: RuleBook, after: RuleBook) -> None:
        self.both = (before, after)
        sites = [site for book in self.both for site in book.sites.values()]
        shares = [share for book in self.both for share in book.assembly.shares]
        self.sites = frozenset(site.site for site in sites)
        self._sites_of_geo: dict[str, set[str]] = {}
        self._payers: dict[str, set[str]] = {}
        for site in sites:
            self._payers.setdefault(site.site, set()).add(site.account)
            for _, geo in site.geo:
                self._sites_of_geo.setdefault(geo, set()).add(site.site)
        for share in shares:
            self._payers.setdefault(share.site, set()).update(name for name, _ in share.accounts)
        self.premium_tables = {
            given.name
            for book in self.both
            for each in book.premiums.values()
            for given in each.given.values()
            if given.form == "rate"
        }
        self.shift_days = max(_shift_days(book) for book in self.both)
        self.capped = _capped(self.both)
        self.sum_days = _sum_days(self.both)
        self.scopes = _scopes(self.both)
        self.fills = any(
            each.line is not None and each.line.form == "fills-to" for book in self.both for each in book.accumulators.values()
        )
        self.limits: set[Over] = {each.over for book in self.both for each in book.assembly.limits}
        self.counted: set[Over] = {table.over for book in self.both for table in book.tables.values()} - {"activity"}
        self.has_fees = any(account.fees for book in self.both for account in book.accounts.values())
        self.by_start = all(book.calendar.price_at == "start" for book in self.both)

    def payers(self, sites: Names) -> Names:
        """The accounts that pay for activity at some sites."""
        return None if sites is None else frozenset(name for site in sites for name in self._payers.get(site, ()))

    def sites_of_geo(self, geo: str) -> frozenset[str]:
        """The sites that have a geo on some day."""
        return frozenset(self._sites_of_geo.get(geo, ()))

    def sites_of(self, account: str) -> frozenset[str]:
        """The sites of an account."""
        return frozenset(site.site for book in self.both for site in book.sites.values() if site.account == account)

    def items_of(self, table: str, item: str | None = None) -> Names:
        """The items whose price a table makes (or that one, if it is among them); None if premiums read it."""
        if table in self.premium_tables:
            return None
        using = {each.item for book in self.both for each in book.items.values() if table == each.table or table in each.times}
        return self.recorded(using if item is None else using & {item})

    def recorded(self, items: Collection[str]) -> Names:
        """Items as charged, if nothing recorded otherwise is charged as one of them, and no line is made of others with one; else None."""
        answers = {
            rule.answer
            for book in self.both
            for policy in book.policies.values()
            if policy.decides == "item"
            for rule in policy.rules
        }
        others = {policy.otherwise for book in self.both for policy in book.policies.values() if policy.decides == "item"}
        made = {
            *(each.item for book in self.both for each in book.assembly.limits),
            *(each.item for book in self.both for each in book.assembly.fees),
            *(each.item for book in self.both for account in book.accounts.values() for each in account.coupons),
            *(each.line.item for book in self.both for each in book.accumulators.values() if each.line is not None),
        }
        return None if (answers | others | made) & set(items) else frozenset(items)

    # --- how far it carries

    def priced(self, sites: Names, items: Names, days: Days, tables: Iterable[RateTable] = (), *, price_only: bool) -> Reach:
        """What prices reach that differ on some days: shifts that began before, and whatever looks at amounts later."""
        before = 0 if self.by_start else self.shift_days
        if not price_only and self.has_fees:  # a cycle is cut, and its parts are shared anew
            longest = max(cycle_days(fee) for book in self.both for account in book.accounts.values() for fee in account.fees)
            before, days = before + longest, days.around(0, longest)
        days = days.around((None if self.sum_days is None else before + self.sum_days) if self.fills else before)
        for over in {table.over for table in tables}:
            days = days.whole(over)
        return self.documents(Reach(self.payers(sites), sites, items, days.start, days.end, price_only))

    def decided(self, sites: Names, days: Days) -> Reach:
        """What it reaches if activity at some sites and dated on some days is decided or measured otherwise: sums and neighbours, too."""
        near = 3 + self.shift_days
        days = days.around(near, near)
        if self.scopes:
            days = days.around(self.sum_days, self.sum_days)
            if "agency" in self.scopes:
                sites = None
            elif "account" in self.scopes and sites is not None:
                owners = {site.account for book in self.both for site in book.sites.values() if site.site in sites}
                sites = frozenset(site for owner in owners for site in self.sites_of(owner))
        for over in self.counted:
            days = days.whole(over)
        return self.documents(Reach(self.payers(sites), self._counted_together(sites), None, days.start, days.end))

    def _counted_together(self, sites: Names) -> Names:
        """Tiers over a window sum the activity of an account, at whichever site it was."""
        if sites is None or not self.counted:
            return sites
        payers = self.payers(sites) or frozenset()
        return frozenset(site for site in self.sites if self._payers.get(site, set()) & payers)

    def documents(self, reach: Reach) -> Reach:
        """The reach with the later documents whose limits and ceilings look back at these amounts."""
        end = reach.end
        for over in self.limits:
            end = Days(None, end).whole(over).end
        if self.capped and (reach.accounts is None or reach.accounts & self.capped):
            end = None
        return replace(reach, end=end)

    def shielded(self, sites: frozenset[str], items: Names, row: RateRow, table: str, days: Days) -> frozenset[str]:
        """The sites at which overrides of both books stand instead of a row for every item on all of the days."""
        named = items if items is not None else frozenset(item for book in self.both for item in book.items)
        return frozenset(
            site
            for site in sites
            if all(site in book.sites for book in self.both)
            and all(_is_covered(book, site, item, row, table, days) for book in self.both for item in named)
        )


# --- prices -----------------------------------------------------------------------------------------------------------


def _price(edit: Edit, days: Days, books: Books) -> Reach:
    rows = [each for each in edit.values if isinstance(each, RateRow)]
    name = rows[0].id.partition(":")[0]
    tables = [book.tables[name] for book in books.both if name in book.tables]
    key = rows[0].key
    items = books.items_of(name, key.get("item"))
    sites = _sites_of_key(key, books)
    starts = [{(price.start, price.value is None) for price in row.prices} for row in rows]
    same_days = len(rows) == 2 and [(p.start, p.value is None) for p in rows[0].prices] == [
        (p.start, p.value is None) for p in rows[1].prices
    ]
    plain = all(price.scheme == PLAIN for row in rows for price in row.prices)
    if days == _NO_DAYS and not plain:  # words of tiers and percentages leave out digits
        days = Days(None, None)
    for day, _ in starts[0] ^ starts[1] if len(rows) == 2 else set[tuple[date, bool]]():
        days = days.with_day(day)
    if days == _NO_DAYS:
        days = Days(None, None)
    if sites is not None:
        sites -= books.shielded(sites, items, rows[0], name, days)
    cuts_nothing = same_days or (books.by_start and not books.has_fees)
    price_only = len(rows) == 2 and cuts_nothing and _same_shapes(rows[0], rows[1])
    return books.priced(sites, items, days, tables, price_only=price_only)


def _sites_of_key(key: Mapping[str, str], books: Books) -> Names:
    found: Names = None
    for column, sites in (("geo", books.sites_of_geo), ("account", books.sites_of), ("site", lambda name: frozenset({name}))):
        if column in key:
            found = sites(key[column]) if found is None else found & sites(key[column])
    return found


def _same_shapes(one: RateRow, two: RateRow) -> bool:
    """Whether no more than prices of pieces can differ: no tier, step or package, and nothing that replaces a quantity."""
    if all(price.scheme == PLAIN for row in (one, two) for price in row.prices):
        return True
    if any(price.scheme.at_least or price.scheme.at_most for row in (one, two) for price in row.prices):
        return False
    return [_shape(price.scheme) for price in one.prices] == [_shape(price.scheme) for price in two.prices]


def _shape(scheme: Scheme) -> str:
    tiers = tuple(
        (tier.start, tier.end, bool(tier.price.units), tier.fee is not None and bool(tier.fee.units)) for tier in scheme.tiers
    )
    bare = replace(scheme, tiers=(), percent=None, connect=None)
    return told([bare, tiers, scheme.percent is None, bool(scheme.connect and scheme.connect.units)])


def _override(edit: Edit, days: Days, books: Books) -> Reach:
    agreed = [each for each in edit.values if isinstance(each, Override)]
    sites: frozenset[str] = frozenset()
    items: Names = frozenset()
    for each in agreed:
        sites |= books.sites_of(each.account) if each.site is None else {each.site}
        mine = books.items_of(each.table, each.item)
        items = None if items is None or mine is None else items | mine
    tables = [book.tables[each.table] for book in books.both for each in agreed if each.table in book.tables]
    plain = all(price.scheme == PLAIN for table in tables for row in table.rows.values() for price in row.prices)
    same_key = len(agreed) == 2 and _without_value(agreed[0]) == _without_value(agreed[1])
    price_only = same_key or (plain and books.by_start and not books.has_fees)
    return books.priced(sites, items, days, tables, price_only=price_only)


def _without_value(override: Override) -> dict[str, str]:
    return {name: text for name, text in fields_told(override).items() if name != "value"}


def _table(edit: Edit, _: Days, books: Books) -> Reach:
    return books.documents(Reach(items=books.items_of(edit.id)))


def _geo(edit: Edit, days: Days, books: Books) -> Reach:
    tables = [table for book in books.both for table in book.tables.values()]
    return books.priced(frozenset({edit.id}), None, days, tables, price_only=False)


def _formula(edit: Edit, days: Days, books: Books) -> Reach:
    """Versions go by the dating day, and make prices of premiums, nothing else."""
    if "/" not in edit.id:
        return EVERYTHING
    return books.documents(Reach(None, None, None, days.start, days.end, price_only=True))


# --- accounts, sites and terms ----------------------------------------------------------------------------------------


def _account(edit: Edit, _: Days, books: Books) -> Reach:
    fields = [fields_told(each) for each in edit.values if isinstance(each, Account)]
    apart = {"sites", "overrides", "terms", "fees", "coupons", "exemption"}
    moved = {name for name in fields[0].keys() - apart if fields[0].get(name) != fields[-1].get(name)}
    if len(fields) > 1 and moved == {"credit_notes"}:  # says what corrections are called, which no replay makes
        return NOTHING
    known = moved <= _OWN_OF_ACCOUNT
    return books.documents(Reach(accounts=frozenset({edit.id}))) if known else EVERYTHING


def _site(edit: Edit, _: Days, books: Books) -> Reach:
    return books.decided(frozenset({edit.id}), Days(None, None))


def _term(edit: Edit, _: Days, books: Books) -> Reach:
    """The sites where the term is another one on some day, after what is said nearer to the site."""
    level, _slash, name = edit.id.rpartition("/")
    among = books.sites if level == "default" else books.sites_of(level) | {level.rpartition("/")[2]} & books.sites
    moved: set[str] = set()
    days: Days | None = None
    for site in among:
        found = _moved_days(site, name, books)
        if found is not None:
            moved.add(site)
            days = found if days is None else _together(days, found)
    return books.decided(frozenset(moved), days) if days is not None else NOTHING


def _moved_days(site: str, name: str, books: Books) -> Days | None:
    """The days on which a term is another one at a site."""
    if not all(site in book.sites for book in books.both):
        return Days(None, None)
    cuts = sorted({each.start for book in books.both for level in _levels(book, site) for each in level if name in each.values})
    ends: list[date | None] = [*cuts[1:], None]
    differ = [
        (start, end)
        for start, end in zip(cuts, ends, strict=True)
        if len({_term_on(book, site, name, start) for book in books.both}) == 2
    ]
    return Days(differ[0][0], differ[-1][1]) if differ else None


def _levels(book: RuleBook, site: str) -> tuple[tuple[TermsEntry, ...], ...]:
    where = book.sites[site]
    return (book.default_terms, book.accounts[where.account].terms, where.terms)


def _term_on(book: RuleBook, site: str, name: str, day: date) -> str:
    found = ""
    for level in _levels(book, site):
        for each in level:
            if each.start <= day and name in each.values:
                found = told(each.values[name])
    return found


def _term_type(edit: Edit, _: Days, books: Books) -> Reach:
    """A declaration alone moves nothing; what is said of the term is a change of its own."""
    types = {each.type for each in edit.values if isinstance(each, TermDeclaration)}
    return NOTHING if len(types) == 1 else EVERYTHING


def _nothing(_edit: Edit, _days: Days, _books: Books) -> Reach:
    return NOTHING


# --- fees, coupons, shares, taxes -------------------------------------------------------------------------------------


def _fee(edit: Edit, days: Days, books: Books) -> Reach:
    fees = [each for each in edit.values if isinstance(each, Fee)]
    sites = frozenset(fee.site for fee in fees)
    longest = max(map(cycle_days, fees))
    days = days.around(longest, longest)
    for over in books.counted:
        days = days.whole(over)
    items = books.recorded({fee.item for fee in fees})
    return books.documents(Reach(books.payers(sites), sites, items, days.start, days.end))


def cycle_days(fee: Fee) -> int:
    """No cycle of a fee is longer."""
    return _CYCLE_DAYS[fee.each] * fee.every


def _coupon(edit: Edit, days: Days, books: Books) -> Reach:
    """It lowers documents whose period ends on one of its days."""
    return books.documents(Reach(frozenset({edit.id.partition(":")[0]}), None, None, days.start, days.end))


def _exemption(edit: Edit, days: Days, books: Books) -> Reach:
    days = days.around(books.shift_days)
    return Reach(frozenset({edit.id}), None, None, days.start, days.end)


def _share(edit: Edit, days: Days, books: Books) -> Reach:
    sites = frozenset(each.site for each in edit.values if isinstance(each, Share))
    days = days.around(books.shift_days)
    for over in books.counted:
        days = days.whole(over)
    return books.documents(Reach(books.payers(sites), sites, None, days.start, days.end))


def _tax(edit: Edit, days: Days, books: Books) -> Reach:
    name = edit.id.partition("/")[0]
    items = books.recorded({each.item for book in books.both for each in book.items.values() if each.tax_class == name})
    days = days.around(books.shift_days)
    return books.documents(Reach(None, None, items, days.start, days.end))


# --- rules, items, days -----------------------------------------------------------------------------------------------


def _rule(edit: Edit, days: Days, books: Books) -> Reach:
    rules = [each for each in edit.values if isinstance(each, Rule)]
    slot = edit.id.partition("/")[0]
    sites: Names = frozenset()
    for rule in rules:
        mine = _sites_of_rule(rule, books)
        sites = None if sites is None or mine is None else sites | mine
    if len({rule.overrides for rule in rules}) > 1:  # a rule that overrides this one beats what it overrides, also elsewhere
        sites = None
    if slot in ("premiums", "combine"):  # nothing is summed or measured by them
        return books.documents(Reach(books.payers(sites), sites, None, days.start, days.end))
    return books.decided(sites, days)


def _sites_of_rule(rule: Rule, books: Books) -> Names:
    """The sites at which a rule can apply."""
    found: Names = None
    for condition in rule.when:
        if condition.operator != "is" or condition.column not in ("site", "account"):
            continue
        names = [str(value) for value in condition.values]
        mine = (
            frozenset(names) if condition.column == "site" else frozenset(site for name in names for site in books.sites_of(name))
        )
        found = mine if found is None else found & mine
    return found


def _item(edit: Edit, _: Days, books: Books) -> Reach:
    items = [each.item for each in edit.values if isinstance(each, Item)]
    return books.documents(Reach(items=books.recorded(items)))


def _order(edit: Edit, _: Days, books: Books) -> Reach:
    owner, _slash, what = edit.id.rpartition("/")
    known = any(owner in book.accounts for book in books.both)
    return books.documents(Reach(accounts=frozenset({owner}))) if known and what in ("fees", "coupons") else EVERYTHING


def _holidays(edit: Edit, _: Days, books: Books) -> Reach:
    """Days near the holidays that differ, unless the list is complete for other days than before."""
    sets = [each for each in edit.values if isinstance(each, HolidaySet)]
    if len(sets) < 2 or (sets[0].start, sets[0].end) != (sets[1].start, sets[1].end):
        return EVERYTHING
    other = set(sets[0].days) ^ set(sets[1].days)
    near = 1 + max(
        (
            abs(seconds) // DAY_SECONDS + 1
            for book in books.both
            for window in book.windows.values()
            for seconds in (window.start, window.end)
            if window.each == "holiday"
        ),
        default=0,
    )
    moments = [day for each in other for day in (each.actual, each.observed)]
    if not moments:
        return EVERYTHING
    days = Days(min(moments), _moved(max(moments), 1)).around(near + books.shift_days, near)
    return books.decided(None, days)


_REACHES: Mapping[str, Callable[[Edit, Days, Books], Reach]] = {
    "price": _price,
    "override": _override,
    "table": _table,
    "geo": _geo,
    "formula": _formula,
    "account": _account,
    "site": _site,
    "term": _term,
    "term-type": _term_type,
    "grouping": _nothing,
    "fee": _fee,
    "coupon": _coupon,
    "exemption": _exemption,
    "share": _share,
    "tax": _tax,
    "tax-class": lambda edit, _, books: _tax(edit, Days(None, None), books),
    "rule": _rule,
    "item": _item,
    "order": _order,
    "holidays": _holidays,
}


# --- facts of a book --------------------------------------------------------------------------------------------------


def _days(stretches: Sequence[Stretch]) -> Days:
    starts = [each.start for each in stretches if each.start is not None]
    ends = [each.end for each in stretches if each.end is not None]
    whole = len(stretches)
    return Days(
        min(starts) if whole and len(starts) == whole else None,
        max(ends) if whole and len(ends) == whole else None,
    )


def _together(one: Days, two: Days) -> Days:
    start = None if one.start is None or two.start is None else min(one.start, two.start)
    return Days(start, None if one.end is None or two.end is None else max(one.end, two.end))


def _moved(day: date, days: int) -> date:
    number = day.toordinal() + days
    return date.min if number < 1 else FOREVER if number > FOREVER.toordinal() else date.fromordinal(number)


def _window(day: date, months: int) -> tuple[date, date]:
    """The first day of the calendar window that holds a day, and the first day of the next."""
    first = (day.month - 1) // months * months + 1
    last = first + months
    return date(day.year, first, 1), FOREVER if day.year == FOREVER.year else date(day.year + (last > 12), (last - 1) % 12 + 1, 1)


def _shift_days(book: RuleBook) -> int:
    """A shift has time on the day it is dated, and on no more than so many days after it."""
    longest = [kind.maximum for kind in book.kinds.values() if kind.rated_by == "time"]
    return max(longest) // DAY_SECONDS + 3 if longest else 0


def _capped(books: Iterable[RuleBook]) -> frozenset[str]:
    """The accounts with a ceiling on some day."""
    found: set[str] = set()
    for book in books:
        for each in book.accumulators.values():
            if each.line is None or each.line.form != "ceiling":
                continue
            limit = each.line.limit
            found |= {name for name, account in book.accounts.items() if _says(book, account, limit)}
    return frozenset(found)


def _says(book: RuleBook, account: Account, setting: Setting) -> bool:
    """Whether a setting that a term gives is anything but none for an account on some day."""
    if setting.term is None:
        return setting.value is not None
    levels = (book.default_terms, account.terms, *(site.terms for site in account.sites))
    return any(each.values.get(setting.term) is not None for level in levels for each in level)


def _sum_days(books: Iterable[RuleBook]) -> int | None:
    """No window of a sum of time is longer, also where its beginning is moved; None: there is no limit."""
    found = 0
    for book in books:
        for each in book.accumulators.values():
            if each.measure == "amount":
                continue
            if each.window.each == "since":
                return None
            length = {"day": 1, "week": 7, "weeks": 7 * each.window.count}[each.window.each]
            found = max(found, 2 * length + 1)
    return found


def _scopes(books: Iterable[RuleBook]) -> frozenset[str]:
    """How far sums of time look, on some day at some site."""
    found: set[str] = set()
    for book in books:
        for each in book.accumulators.values():
            if each.measure == "amount":
                continue
            term = each.scope.term
            said = (
                [each.scope.value]
                if term is None
                else [entry.values[term] for entry in book.terms_entries() if term in entry.values]
            )
            found |= {str(value) for value in said}
    return frozenset(found)


def _is_covered(book: RuleBook, site: str, item: str, row: RateRow, table: str, days: Days) -> bool:
    """Whether overrides stand instead of a row on all of some days."""
    where: Site = book.sites[site]
    premium = row.key.get("premium")
    spans = sorted(
        (each.start, each.end or FOREVER)
        for each in book.accounts[where.account].overrides
        if each.table == table and each.site in (None, site) and each.item in (None, item) and each.premium in (None, premium)
    )
    reached = days.start or date.min
    for start, end in spans:
        if start > reached:
            return False
        reached = max(reached, end)
    return reached >= (days.end or FOREVER)
