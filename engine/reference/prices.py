"""The price of an hour: which rate is in force, and what premiums make of it (law 3.4, 4.5, 4.6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import lru_cache

from engine.formulas.exact import evaluate as evaluate_formula
from engine.formulas.language import Formula, Input, parse
from engine.money import Decimals
from engine.problems import InforceError
from engine.ratebook.book import FormulaVersion, Override, RuleBook, Site, TermValue
from engine.reference.numbers import to_whole


class CannotPriceError(InforceError):
    """There is no price, or no answer, for a row that must be billed."""


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices of one activity: an item at a site, under terms, with the formula versions of its dating day."""

    book: RuleBook
    site: Site
    item: str
    terms: Mapping[str, TermValue]
    dated: date

    # --- rates

    def rate(self, table: str, day: date, premium: str = "") -> tuple[str, Decimals] | None:
        """The entry in force on a day, and its number: site override, account override, table row of the geo of that day."""
        overrides = [
            each for each in self._overrides(table, premium) if each.start <= day and (each.end is None or day < each.end)
        ]
        if overrides:
            closest = min(overrides, key=lambda each: (each.site is None, each.item is None, each.premium is None))
            return f"override {closest.id}", closest.value
        return self._listed(table, day, premium)

    def _overrides(self, table: str, premium: str) -> list[Override]:
        return [
            override
            for override in self.book.accounts[self.site.account].overrides
            if override.table == table
            and override.site in (None, self.site.site)
            and override.item in (None, self.item)
            and override.premium in (None, premium)
        ]

    def _listed(self, table: str, day: date, premium: str) -> tuple[str, Decimals] | None:
        geo = next((name for since, name in reversed(self.site.geo) if since <= day), "")
        says = {"account": self.site.account, "site": self.site.site, "geo": geo, "item": self.item, "premium": premium}
        rates = self.book.tables[table]
        row = rates.rows.get(tuple(says[column] for column in rates.key))
        price = next((each for each in reversed(row.prices) if each.start <= day), None) if row is not None else None
        if row is None or price is None or price.value is None:
            return None
        return f"row {row.id} from {price.start}", price.value

    def in_force(self, day: date) -> tuple[str, ...]:
        """Which entries are in force on a day: the base price's, and those of every rate that any premium of the book reads."""
        reads = sorted(
            {
                (given.name, name)
                for name, premium in self.book.premiums.items()
                for given in premium.given.values()
                if given.form == "rate"
            }
        )
        found = [self.rate(self._table, day), *(self.rate(table, day, premium) for table, premium in reads)]
        return tuple(rate[0] if rate is not None else "none" for rate in found)

    @property
    def _table(self) -> str:
        return self.book.items[self.item].table

    # --- prices

    def base(self, day: date) -> Decimals:
        """The base price of a day."""
        rate = self.rate(self._table, day)
        if rate is None:
            raise self._refusal(day, f"no price in {self._table}")
        return rate[1]

    def price(self, premiums: Sequence[str], combine: str, day: date) -> tuple[Decimals, tuple[str, ...]]:
        """The price with premiums in it, and the premiums that made it."""
        base = self.base(day)
        price, digits, named = base.fraction(), base.digits, tuple(premiums)
        if combine == "multiply":
            for premium in premiums:
                more = self.increment(premium, day, price)
                price, digits = price + more.fraction(), max(digits, more.digits)
        elif premiums:
            increments = [self.increment(premium, day, price) for premium in premiums]
            digits = max([digits, *(more.digits for more in increments)])
            if combine == "largest":
                winner = max(range(len(premiums)), key=lambda place: (increments[place].fraction(), -place))
                price, named = price + increments[winner].fraction(), (premiums[winner],)
            else:
                price += sum(more.fraction() for more in increments)
        return Decimals(int(price * 10**digits), digits), self._not_negative(price, named, day)

    def own_line(self, premium: str, day: date) -> tuple[Decimals, tuple[str, ...]]:
        """The price of a premium on a line of its own: its formula on the base price."""
        price = self.increment(premium, day, self.base(day).fraction())
        return price, self._not_negative(price.fraction(), (premium,), day)

    def _not_negative(self, price: Fraction, named: tuple[str, ...], day: date) -> tuple[str, ...]:
        if price < 0:
            raise self._refusal(day, f"a price below zero with {', '.join(named)}")
        return named

    def increment(self, premium: str, day: date, base: Fraction) -> Decimals:
        """What a premium makes of a price, rounded as its formula version says."""
        rule = self.book.premiums[premium]
        formula, version = self.book.formulas[rule.formula], self._version(rule.formula)
        values: dict[str, Fraction] = {}
        for name, given in rule.given.items():
            if given.form == "base":
                values[name] = base
            elif given.form == "rate":
                rate = self.rate(given.name, day, premium)
                if rate is None:
                    raise self._refusal(day, f"no rate in {given.name} for premium {premium}")
                values[name] = rate[1].fraction()
            else:
                number = self.terms[given.name] if given.form == "term" else given.number
                if not isinstance(number, Decimals):
                    raise self._refusal(day, f"no number for {name} of premium {premium}")
                values[name] = number.fraction()
        # 12 digits: a price so far may have more than the input declares
        inputs = tuple(
            Input(each.name, each.unit, each.at_most.fraction(), each.at_least.fraction(), digits=12) for each in formula.inputs
        )
        exact = evaluate_formula(_read(version.text, inputs), values)
        return Decimals(to_whole(exact * 10**version.digits, version.half), version.digits)

    def _version(self, formula: str) -> FormulaVersion:
        for version in self.book.formulas[formula].versions:
            if version.start <= self.dated and (version.end is None or self.dated < version.end):
                return version
        raise self._refusal(self.dated, f"no version of formula {formula}")

    def _refusal(self, day: date, what: str) -> CannotPriceError:
        return CannotPriceError(f"{self.site.site}, {self.item}, {day}: {what}")


@lru_cache(maxsize=1024)
def _read(text: str, inputs: tuple[Input, ...]) -> Formula:
    return parse(text, {each.name: each for each in inputs})
