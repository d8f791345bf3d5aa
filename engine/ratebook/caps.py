"""Caps: the highest charge an hour can have, compared with the most that a law or a contract allows.

The highest charge of a site, an item and a day is the base price or its override, with the premiums that can meet in one hour (those in
the price as they combine there, then those on lines of their own), and the percentage fees on top. What depends on a shift is taken at its
worst; what is known of the site - its terms, its account, the item - is held against the rules, so that only real combinations count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from engine.dates import FOREVER
from engine.formulas.exact import evaluate
from engine.formulas.language import BoundsError, Formula, parse
from engine.money import Decimals, decimal_text, rounded
from engine.problems import Problem, Source
from engine.ratebook.book import (
    UNKNOWN_PROVENANCE,
    Cap,
    CapAmount,
    CapLimit,
    FormulaVersion,
    Premium,
    Rule,
    RuleBook,
    Site,
    TermValue,
)
from engine.ratebook.build_formulas import declared_inputs
from engine.ratebook.build_rules import AS_WORKED
from engine.ratebook.slots import holds
from engine.ratebook.stretches import DAY_WIDTH, Stretch, Stretches
from engine.ratebook.ties import can_meet

_TOGETHER_MAX = 12  # of more premiums, all are taken to meet
_EVERYTHING = Cap("", "", None, True, (), Source("rules"))
_ANYWHERE = CapLimit({}, (), Source("rules"), UNKNOWN_PROVENANCE)


@dataclass(frozen=True, slots=True)
class Charge:
    """The highest charge of an hour, and the parts it is made of in words."""

    total: Fraction
    told: str
    at: Source
    width: int


@dataclass(frozen=True, slots=True)
class Setting:
    """What the highest charge depends on beside the base price: rates of premiums, rules that may apply, ways to combine, fees, terms."""

    rates: Mapping[tuple[str, str], Decimals]
    applying: frozenset[str]
    ways: tuple[str, ...]
    fees: tuple[tuple[str, Fraction], ...]
    numbers: Mapping[str, Decimals]
    versions: Mapping[str, FormulaVersion | None]

    def known_by(self) -> object:
        """What equal settings have in common."""
        versions = tuple(each.version if each is not None else 0 for each in self.versions.values())
        return tuple(self.rates.items()), self.applying, self.ways, self.fees, tuple(self.numbers.items()), versions


@dataclass(frozen=True, slots=True)
class _Excess:
    site: str
    day: date
    charge: Charge


def cap_findings(book: RuleBook) -> Iterator[Problem]:
    """Charges that can be above a cap: one finding for each maximum, item and price that breaks it."""
    if book.caps:
        charges = Charges(book)
        for cap in book.caps:
            for limit in cap.limits:
                yield from _broken(charges, cap, limit)


def building_findings(book: RuleBook) -> Iterator[Problem]:
    """Premiums that build on one another beyond what a formula can take: the dearest hour of each site, tried on each of its days."""
    policy = book.policies.get("combine")
    if policy is None or "multiply" not in {policy.otherwise, *(rule.answer for rule in policy.rules)}:
        return
    charges = Charges(book)
    told = set[str]()
    for site in book.sites.values():
        dearest = charges.dearest(site)
        if dearest is None:
            continue
        item, start = dearest
        for day in sorted({start, *(day for day in charges.changes(site, "") if day > start)}):
            charges.highest(_EVERYTHING, site, item, day)
        for premium in sorted(charges.stopped.keys() - told):
            yield _beyond(book, site, item, premium, charges.stopped[premium])
        told |= charges.stopped.keys()


def _beyond(book: RuleBook, site: Site, item: str, premium: str, error: BoundsError) -> Problem:
    formula = book.formulas[book.premiums[premium].formula]
    said = (
        f"where premiums build on one another, an hour of {item} at {site.site} reaches {money(error.value)} before premium {premium}, "
        f"beyond {money(error.bound)}, the bound of the input `{error.name}` of formula {formula.formula}"
    )
    remedy = "Raise the bound of the input, or narrow the premiums that can meet"
    return Problem("R089", book.premiums[premium].source, said, remedy, "warning", related=((formula.source, "the formula"),))


def _broken(charges: Charges, cap: Cap, limit: CapLimit) -> Iterator[Problem]:
    found: dict[tuple[str, CapAmount], list[_Excess]] = {}
    for site in charges.sites(cap, limit):
        for item in charges.items(limit):
            for amount, day in charges.moments(limit, site, item):
                charge = charges.highest(cap, site, item, day)
                if charge is not None and amount.value is not None and charge.total > amount.value.fraction():
                    found.setdefault((item, amount), []).append(_Excess(site.site, day, charge))
    for (item, amount), excesses in found.items():
        yield _above(cap, amount, item, excesses)


def _above(cap: Cap, amount: CapAmount, item: str, excesses: Sequence[_Excess]) -> Problem:
    worst = max(excesses, key=lambda each: (each.charge.total, each.site))
    value = amount.value or Decimals(0, 2)
    sites = {each.site for each in excesses}
    more = f"; so too at {len(sites) - 1} more" if len(sites) > 1 else ""
    of = f" ({amount.told})" if amount.told else ""
    over = money(worst.charge.total - value.fraction())
    said = (
        f"an hour of {item} at {worst.site} can cost {money(worst.charge.total)} {cap.currency} from {worst.day} on ({worst.charge.told}), "
        f"{over} above the cap {cap.cap} of {money(value.fraction())}{of}{more}"
    )
    remedy = "Lower the price, narrow a premium, or correct the cap"
    return Problem("R090", worst.charge.at, said, remedy, width=worst.charge.width, related=((amount.source, f"cap {cap.cap}"),))


class Charges:
    """The highest charges of a book."""

    def __init__(self, book: RuleBook) -> None:
        self.book, self.stretches = book, Stretches(book)
        policy = book.policies.get("premiums")
        self.rules: tuple[Rule, ...] = policy.rules if policy is not None else ()
        item_policy = book.policies.get("item")
        self.renamed = {rule.answer for rule in item_policy.rules} - {AS_WORKED} if item_policy is not None else set()
        self.reads = [
            (premium.premium, given.name)
            for premium in book.premiums.values()
            for given in premium.given.values()
            if given.form == "rate"
        ]
        self.named = self.renamed | self._items_named()
        self.stopped: dict[str, BoundsError] = {}
        self._formulas: dict[str, Formula] = {}
        self._made: dict[tuple[Decimals, int], tuple[Fraction, str]] = {}
        self._settings: dict[tuple[tuple[str, ...] | None, bool, str, str, date], tuple[Setting, int]] = {}
        self._numbers: dict[object, int] = {}
        self._days: dict[tuple[str, str], set[date]] = {}
        self._laid: dict[tuple[str, str, str, str], list[Stretch]] = {}
        self._sets: dict[frozenset[str], list[tuple[Premium, ...]]] = {}

    # --- where and when

    def sites(self, cap: Cap, limit: CapLimit) -> Iterator[Site]:
        """The sites that a limit is for, of those that are alike only the first."""
        seen = set[object]()
        for site in self.book.sites.values():
            account = self.book.accounts[site.account]
            wanted = {"account": site.account, "site": site.site}
            if account.currency != cap.currency or any(limit.where.get(name, value) != value for name, value in wanted.items()):
                continue
            if "geo" in limit.where and limit.where["geo"] not in {geo for _, geo in site.geo}:
                continue
            own = bool(account.overrides or account.terms or site.terms or self._names_places)
            like = site.site if own else site.geo
            if like not in seen:
                seen.add(like)
                yield site

    @property
    def _names_places(self) -> bool:
        """Whether prices or rules depend on more of a site than its geo."""
        keyed = any({"site", "account"} & set(table.key) for table in self.book.tables.values())
        return keyed or any(condition.column in ("site", "account") for rule in self.rules for condition in rule.when)

    def items(self, limit: CapLimit) -> list[str]:
        """The items charged per hour that a limit is for."""
        tables = self.book.tables
        hourly = [
            item.item
            for item in self.book.items.values()
            if item.table
            and tables[item.table].unit == "hour"
            and tables[item.table].model == "per-unit"
            and not tables[item.table].facets
        ]
        return [item for item in hourly if limit.where.get("item", item) == item]

    def dearest(self, site: Site) -> tuple[str, date] | None:
        """The item with the highest base price at a site, and the day from which on it has it."""
        found: tuple[Fraction, str, date] | None = None
        for item in self.items(_ANYWHERE):
            for each in self.laid(self.book.items[item].table, site, item, ""):
                value = each.override.value if each.override is not None else each.price.value if each.price is not None else None
                if value is not None and (found is None or value.fraction() > found[0]):
                    found = value.fraction(), item, each.start
        return found[1:] if found is not None else None

    def moments(self, limit: CapLimit, site: Site, item: str) -> Iterator[tuple[CapAmount, date]]:
        """The days on which the cap or anything that a charge is made of begins, each with the maximum in force."""
        days = {each.start for each in self.laid(self.book.items[item].table, site, item, "")} | self.changes(
            site, self._like(item)
        )
        days |= {amount.start for amount in limit.amounts}
        begins = self.stretches.begins(site)
        for day in sorted(days):
            in_force = [amount for amount in limit.amounts if amount.start <= day]
            geo = next((name for start, name in reversed(site.geo) if start <= day), "")
            if day >= begins and in_force and in_force[-1].value is not None and limit.where.get("geo", geo) == geo:
                yield in_force[-1], day

    def changes(self, site: Site, item: str) -> set[date]:
        """The days on which anything but the base price changes at a site."""
        key = (site.site, item)
        if key not in self._days:
            levels = (self.book.default_terms, self.book.accounts[site.account].terms, site.terms)
            days = {each.start for premium, table in self.reads for each in self.laid(table, site, item, premium)}
            days |= {entry.start for level in levels for entry in level} | {day for day, _ in site.geo}
            days |= {day for rule in self.rules for day in (rule.start, rule.end) if day is not None}
            days |= {version.start for formula in self.book.formulas.values() for version in formula.versions}
            self._days[key] = days
        return self._days[key]

    def _items_named(self) -> set[str]:
        """The items that more than their base price depends on; all others are alike."""
        tables = {table for _, table in self.reads}
        rows = (row for name in tables if "item" in self.book.tables[name].key for row in self.book.tables[name].rows.values())
        found = {row.key["item"] for row in rows}
        found |= {each.item for each in self.book.overrides() if each.table in tables and each.item is not None}
        found |= {str(value) for rule in self.rules for each in rule.when if each.column == "item" for value in each.values}
        return found | {item for fee in self.book.assembly.fees for item in fee.of}

    def _like(self, item: str) -> str:
        """An item that something depends on, or nothing for all others."""
        return item if item in self.named else ""

    def laid(self, table: str, site: Site, item: str, premium: str) -> list[Stretch]:
        """What holds at a site over the days."""
        key = (table, site.site, item, premium)
        if key not in self._laid:
            self._laid[key] = self.stretches.in_force(self.book.tables[table], site, item, premium)
        return self._laid[key]

    def _value(self, table: str, site: Site, item: str, premium: str, day: date) -> tuple[Decimals, Source, int] | None:
        """A rate on a day, where it stands, and how wide its day is there."""
        for each in self.laid(table, site, item, premium):
            if each.start <= day < each.end:
                if each.override is not None:
                    return each.override.value, each.override.source, 1
                price = each.price
                return (price.value, price.source, DAY_WIDTH) if price is not None and price.value is not None else None
        return None

    # --- how much

    def highest(self, cap: Cap, site: Site, item: str, day: date) -> Charge | None:
        """The highest charge of an hour; None where there is no price."""
        base = self._value(self.book.items[item].table, site, item, "", day)
        if base is None:
            return None
        key = (cap.premiums, cap.fees, site.site, self._like(item), day)
        if key not in self._settings:
            setting = self._setting(cap, site, item, day)
            self._settings[key] = setting, self._numbers.setdefault(setting.known_by(), len(self._numbers))
        setting, number = self._settings[key]
        if (base[0], number) not in self._made:
            self._made[base[0], number] = self._made_of(base[0].fraction(), setting)
        return Charge(*self._made[base[0], number], base[1], base[2])

    def _setting(self, cap: Cap, site: Site, item: str, day: date) -> Setting:
        """What holds at a site on a day, beside the base price."""
        like, terms = self._like(item), self.book.terms_on(site.site, day)
        rates = {
            (premium, table): found[0]
            for premium, table in self.reads
            if (found := self._value(table, site, like, premium, day)) is not None
        }
        is_known = item not in self.renamed  # else any item may be charged as it, and rules look at the one that was worked
        applying = frozenset(
            rule.id
            for rule in self.rules
            if _may_apply(rule, site, item, terms, day, item_is_known=is_known)
            and (cap.premiums is None or rule.answer in cap.premiums)
        )
        fees = tuple(fee for fee in (self._fees(item, terms) if cap.fees else ()) if fee[1])
        versions = {name: self._version(name, day) for name in sorted(self.book.formulas)}
        numbers = {name: value for name, value in terms.items() if isinstance(value, Decimals)}
        return Setting(rates, applying, self._ways(site, terms, day), fees, numbers, versions)

    def _made_of(self, base: Fraction, setting: Setting) -> tuple[Fraction, str]:
        """The highest total over the premiums that can meet and the ways in which they can combine."""
        best, told = base, [("base", base)]
        for together in self._together(setting.applying):
            for way in setting.ways:
                parts = self._parts(base, together, way, setting)
                total = base + sum(amount for _, amount in parts)
                if total > best:
                    best, told = total, [("base", base), *parts]
        words = " + ".join(f"{name} {money(amount)}" for name, amount in told)
        for name, share in setting.fees:
            words += f", and {decimal_text(rounded(share * 10_000, 'up'), 2)}% {name}"
            best += best * share
        return best, words

    def _parts(self, base: Fraction, together: Sequence[Premium], way: str, setting: Setting) -> list[tuple[str, Fraction]]:
        """What premiums that meet add to a base price: those in the price as they combine, then those on their own lines."""
        inside: list[tuple[str, Fraction]] = []
        so_far = base
        for premium in (each for each in together if each.shown == "in-price"):
            more = self._increment(premium, so_far if way == "multiply" else base, setting)
            if more > 0:
                inside.append((premium.premium, more))
                so_far += more
        if way == "largest" and inside:
            inside = [max(inside, key=lambda part: part[1])]
        own = [(each.premium, self._increment(each, base, setting)) for each in together if each.shown == "own-line"]
        return [*inside, *(part for part in own if part[1] > 0)]

    def _increment(self, premium: Premium, base: Fraction, setting: Setting) -> Fraction:
        """What a premium adds, rounded as its formula says; nothing where its rate is missing, which is another finding."""
        version, rule = setting.versions[premium.formula], self.book.formulas[premium.formula]
        given: dict[str, Fraction] = {}
        for name, source in premium.given.items():
            number = source.number
            if source.form == "rate":
                number = setting.rates.get((premium.premium, source.name))
            elif source.form == "term":
                number = setting.numbers.get(source.name)
            if source.form == "base":
                given[name] = base
            elif number is not None:
                given[name] = number.fraction()
        if version is None or len(given) < len(rule.inputs):
            return Fraction(0)
        text = f"{premium.formula} {version.text}"
        if text not in self._formulas:
            self._formulas[text] = parse(version.text, declared_inputs(rule.inputs))
        try:
            exact = evaluate(self._formulas[text], given)
        except BoundsError as error:
            self.stopped.setdefault(premium.premium, error)  # a run would stop there, and charge nothing
            return Fraction(0)
        return Fraction(rounded(exact * 10**version.digits, version.half), 10**version.digits)

    def _version(self, formula: str, day: date) -> FormulaVersion | None:
        versions = self.book.formulas[formula].versions
        return next((each for each in versions if each.start <= day < (each.end or FOREVER)), None)

    # --- what can meet

    def _together(self, applying: frozenset[str]) -> list[tuple[Premium, ...]]:
        """The largest sets of premiums that can meet in one hour, in order of the book."""
        if applying not in self._sets:
            rules: dict[str, list[Rule]] = {}
            for rule in self.rules:
                if rule.id in applying:
                    rules.setdefault(rule.answer, []).append(rule)
            names = [name for name in self.book.premiums if name in rules]
            meets = {
                one: {two for two in names if two != one and any(can_meet(a, b) for a in rules[one] for b in rules[two])}
                for one in names
            }
            sets = _cliques(meets) if len(names) <= _TOGETHER_MAX else [set(names)]
            self._sets[applying] = [tuple(self.book.premiums[name] for name in names if name in each) for each in sets]
        return self._sets[applying]

    def _ways(self, site: Site, terms: Mapping[str, TermValue], day: date) -> tuple[str, ...]:
        """How premiums in the price can combine at a site."""
        policy = self.book.policies.get("combine")
        if policy is None:
            return ("add",)
        answers = [rule.answer for rule in policy.rules if _may_apply(rule, site, "", terms, day, item_is_known=False)]
        return tuple(sorted({*answers, *([policy.otherwise] if policy.otherwise is not None else [])})) or ("add",)

    def _fees(self, item: str, terms: Mapping[str, TermValue]) -> Iterator[tuple[str, Fraction]]:
        """The percentage fees that are added to what an item costs."""
        for fee in self.book.assembly.fees:
            value = fee.percent.number if fee.percent.term is None else terms.get(fee.percent.term)
            if fee.direction == "add" and (not fee.of or item in fee.of) and isinstance(value, Decimals):
                yield fee.fee, value.fraction()


def _may_apply(rule: Rule, site: Site, item: str, terms: Mapping[str, TermValue], day: date, *, item_is_known: bool) -> bool:
    """Whether some shift of an item at a site could meet a rule; what depends on the shift itself is taken to be met."""
    if not (rule.start or date.min) <= day < (rule.end or FOREVER):
        return False
    facts = {"site": site.site, "account": site.account} | ({"item": item} if item_is_known else {})
    known = (each for each in rule.when if each.column in facts or each.column.startswith("term "))
    return all(holds(each, facts, terms, day) for each in known)


def _cliques(meets: Mapping[str, set[str]]) -> list[set[str]]:
    """The largest sets whose members all meet one another."""
    found: list[set[str]] = []

    def grow(some: set[str], open_: set[str], done: set[str]) -> None:
        if not open_ and not done:
            found.append(some)
        for name in sorted(open_):
            grow(some | {name}, open_ & meets[name], done & meets[name])
            open_ = open_ - {name}
            done = done | {name}

    grow(set(), set(meets), set())
    return found


def money(amount: Fraction) -> str:
    """An amount in words: exact where it has at most four digits, else rounded up."""
    for digits in (2, 3, 4):
        if (amount * 10**digits).denominator == 1:
            return decimal_text(int(amount * 10**digits), digits)
    return decimal_text(-(-amount * 100 // 1).__int__(), 2)
