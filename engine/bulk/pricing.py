"""Prices: which base price and premium rates hold for a site, an item and a day, and what a recipe of premiums makes of them.

A *price row* is a stretch of days of one site and item on which the base price and every rate its premiums read stay the same.
A *recipe* says how a price is made: which premiums in the price, how they combine, or which premium on its own line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache
from typing import TypeAlias

import numpy as np

from engine.arrays import Bools, Codes, Ints, codes, ints
from engine.dates import FOREVER, day_number, day_of
from engine.formulas.columns import compute
from engine.formulas.language import Formula, Input, parse
from engine.money import Decimals
from engine.problems import InforceError, InvariantError, Source
from engine.ratebook.book import FormulaRule, FormulaVersion, Override, Price, Provenance, RateTable, RuleBook, Site
from engine.ratebook.models import PLAIN, Scheme


class NoRateError(InforceError):
    """No price is in force for a site, an item and a day."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A price in force: `id` names the entry and its first day; `instead_of` is the rate of the table that it replaces, if any."""

    id: str
    value: Decimals
    source: Source
    provenance: Provenance
    instead_of: Rate | None = None
    scheme: Scheme = PLAIN


@dataclass(frozen=True, slots=True)
class PriceRow:
    """The rates of one site and item on the days `start`..`end`; `premiums` holds the rate of each (table, premium), if any."""

    site: str
    item: str
    start: int
    end: int
    base: Rate | None
    premiums: Mapping[tuple[str, str], Rate | None]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a price is made. `own` is the premium of an own-line price; else `premiums` are in the price, combined by `combine`.

    `epoch` says which version of each formula is in force; `terms` are the number terms that the premiums read.
    """

    premiums: tuple[str, ...] = ()
    combine: str = ""
    own: str = ""
    epoch: int = 0
    terms: tuple[tuple[str, Decimals], ...] = ()


@dataclass(frozen=True, slots=True)
class Made:
    """The prices a recipe makes of some price rows: `units` of 10**-`digits`; with `largest` the place of the premium that won."""

    units: Ints
    digits: Ints
    winner: Ints


@dataclass(slots=True)
class PriceBook:
    """The price rows of the pairs of site and item that occur, found by pair and day without searching.

    Price row i belongs to pair `pair[i]` and begins on day `start[i]`; `base[i]` and `sets[premiums[i]]` number its rates in `rates` (-1:
    none). Rows with one number in `same` follow one another with the same rates in force (only what an override replaces differs).
    """

    book: RuleBook
    pairs: tuple[tuple[str, str], ...]
    reads: tuple[tuple[str, str], ...]
    rates: tuple[Rate, ...]
    sets: tuple[tuple[int, ...], ...]
    pair: Codes
    start: Codes
    base: Codes
    premiums: Codes
    same: Codes
    first_day: int
    days: int
    at: Codes
    epochs: tuple[date, ...]
    _columns: dict[tuple[str, str] | None, tuple[Ints, Ints, Bools]] = field(default_factory=dict)
    _made: dict[Recipe, tuple[Made, Bools]] = field(default_factory=dict)
    _complete: set[Recipe] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self.base)

    def price_row(self, number: int) -> PriceRow:
        """A price row with its rates."""
        site, item = self.pairs[int(self.pair[number])]
        follows = number + 1 < len(self) and self.pair[number + 1] == self.pair[number]
        end = int(self.start[number + 1]) if follows else self.first_day + self.days
        found = [self.rates[rate] if rate >= 0 else None for rate in (int(self.base[number]), *self.sets[self.premiums[number]])]
        return PriceRow(site, item, int(self.start[number]), end, found[0], dict(zip(self.reads, found[1:], strict=True)))

    def row(self, pair: Codes | Ints, day: Ints) -> Ints:
        """The price row of each pair on each day."""
        found: Ints = self.at[pair.astype(np.int64) * self.days + (day - self.first_day)].astype(np.int64)
        return found

    def changes(self, pair: Codes | Ints, day: Ints) -> Bools:
        """Whether a rate in force changes from the day before to each day."""
        return np.asarray(self.same[self.row(pair, day)] != self.same[self.row(pair, day - 1)])

    def epoch(self, day: Ints) -> Codes:
        """The formula epoch of each day."""
        if not self.epochs:
            return np.zeros(len(day), dtype=np.int32)
        first = int(day.min()) if len(day) else 0
        span = np.arange(first, (int(day.max()) if len(day) else 0) + 1)
        table = codes(np.searchsorted(ints([day_number(each) for each in self.epochs]), span, side="right"))
        return table[day - first]

    def version(self, formula: str, epoch: int) -> FormulaVersion:
        """The version of a formula in force in an epoch."""
        day = self.epochs[epoch - 1] if epoch else date.min
        for version in self.book.formulas[formula].versions:
            if version.start <= day < (version.end or FOREVER):
                return version
        first = self.book.formulas[formula].versions[0]
        raise NoRateError(
            f"{self.book.formulas[formula].source}: formula {formula!r} has no version in force before {first.start}.\n"
            f"Add a version that starts earlier, or correct the date of the activity."
        )

    def made(self, recipe: Recipe, rows: Ints) -> Made:
        """The prices a recipe makes, by price row; those of `rows` are there."""
        count = len(self)
        if recipe not in self._made:
            empty = Made(*(np.zeros(count, dtype=np.int64) for _ in range(3)))
            self._made[recipe] = (empty, np.zeros(count, dtype=np.bool_))
        made, known = self._made[recipe]
        if recipe not in self._complete and not bool(known[rows].all()):
            wanted = np.zeros(count, dtype=np.bool_)
            wanted[rows] = True
            wanted &= ~known
            new = np.flatnonzero(wanted)
            fresh = self.make(recipe, new)
            made.units[new], made.digits[new], made.winner[new] = fresh.units, fresh.digits, fresh.winner
            known[new] = True
            if bool(known.all()):
                self._complete.add(recipe)
        return made

    def make(self, recipe: Recipe, rows: Ints) -> Made:
        """The price a recipe makes of each of the price rows `rows`."""
        base, digits, there = self._column(None)
        if not bool(there[rows].all()):
            self._refuse(int(rows[np.flatnonzero(~there[rows])[0]]))
        units, digits = base[rows], digits[rows]
        winner = np.full(len(rows), -1, dtype=np.int64)
        if recipe.own:
            units, made = self._increment(recipe, recipe.own, rows, units, digits)
            return Made(units, np.full(len(rows), made, dtype=np.int64), winner)
        if not recipe.premiums:
            return Made(units, digits, winner)
        if recipe.combine == "multiply":
            for premium in recipe.premiums:
                more, made = self._increment(recipe, premium, rows, units, digits)
                units, digits = _add(units, digits, more, made)
        else:
            parts = [self._increment(recipe, premium, rows, units, digits) for premium in recipe.premiums]
            made = max(part[1] for part in parts)
            increments = np.stack([more * 10 ** (made - its) for more, its in parts])
            if recipe.combine == "largest":
                winner = ints(np.argmax(increments, axis=0))
                total = increments.max(axis=0)
            else:
                total = increments.sum(axis=0)
            units, digits = _add(units, digits, ints(total), made)
        if bool((units < 0).any()):
            row = self.price_row(int(rows[np.flatnonzero(units < 0)[0]]))
            raise NoRateError(
                f"{row.site}, {row.item}, {day_of(row.start)}: premiums {', '.join(recipe.premiums)} make a price below zero.\n"
                f"Correct the formula or its rates; a price is never negative."
            )
        return Made(units, digits, winner)

    def _increment(self, recipe: Recipe, premium: str, rows: Ints, base: Ints, digits: Ints) -> tuple[Ints, int]:
        """What one premium adds to the base price, rounded by its formula version, and the digits it has."""
        rule = self.book.premiums[premium]
        version = self.version(rule.formula, recipe.epoch)
        wide = int(digits.max()) if len(digits) else 0
        bases = frozenset(name for name, given in rule.given.items() if given.form == "base")
        formula = _formula(self.book.formulas[rule.formula], version, bases, wide)
        terms = dict(recipe.terms)
        columns: dict[str, Ints] = {}
        for declared in formula.inputs:
            given = rule.given[declared.name]
            if given.form == "base":
                columns[declared.name] = base * 10 ** (declared.digits - digits)
            elif given.form == "rate":
                units, its, there = self._column((given.name, premium))
                if not bool(there[rows].all()):
                    self._refuse(int(rows[np.flatnonzero(~there[rows])[0]]), given.name, premium)
                columns[declared.name] = _rescaled(units[rows], its[rows], declared, f"the rate of {premium!r} in {given.name!r}")
            else:
                number = terms[given.name] if given.form == "term" else given.number
                if number is None:
                    raise InvariantError(
                        f"premium {premium!r}: input {declared.name!r} has no value; this is a fault of the engine"
                    )
                size = np.full(len(rows), number.units, dtype=np.int64)
                columns[declared.name] = _rescaled(
                    size, np.full(len(rows), number.digits), declared, f"{declared.name!r} of {premium!r}"
                )
        made = compute(formula, columns, version.digits, version.half)
        return np.broadcast_to(made, (len(rows),)).astype(np.int64), version.digits

    def _column(self, read: tuple[str, str] | None) -> tuple[Ints, Ints, Bools]:
        """Units, digits and presence of one rate over all price rows: the base price (None) or that of a (table, premium)."""
        if read not in self._columns:
            place = None if read is None else self.reads.index(read)
            number = self.base if place is None else codes([each[place] for each in self.sets])[self.premiums]
            units = ints([*(rate.value.units for rate in self.rates), 0])
            digits = ints([*(rate.value.digits for rate in self.rates), 0])
            self._columns[read] = (units[number], digits[number], number >= 0)
        return self._columns[read]

    def _refuse(self, number: int, table: str = "", premium: str = "") -> None:
        row = self.price_row(number)
        where = self.book.tables[table or self.book.items[row.item].table]
        what = f"rate for premium {premium!r}" if premium else f"price for {row.item!r}"
        days = f"on {day_of(row.start)}" if row.end - row.start == 1 else f"from {day_of(row.start)} to {day_of(row.end - 1)}"
        near = _nearest_rows(self.book, where, row.site, row.item, premium, day_of(row.start))
        raise NoRateError(
            f"{where.source}: no {what} is in force at {row.site} ({', '.join(where.key)}) {days}.\n"
            f"The nearest rows are: {near}.\n"
            f"Add a price that starts on or before {day_of(row.start)}, or an override for the account, or correct the activity."
        )


def price_book(book: RuleBook, pairs: Sequence[tuple[str, str]], first_day: int, last_day: int) -> PriceBook:
    """The price rows of pairs of (site, item) for the days `first_day`..`last_day`, both in."""
    reads = tuple(
        sorted(
            {
                (given.name, premium.premium)
                for premium in book.premiums.values()
                for given in premium.given.values()
                if given.form == "rate"
            }
        )
    )
    return RateFinder(book, tuple(pairs), reads, first_day, last_day).compiled()


_NO_FACETS: Mapping[str, str] = {}
_Steps: TypeAlias = "list[tuple[int, int, int]]"  # (from this day on, the rate, what it replaces); rates by number, -1 for none


class RateFinder:
    """Lays the rates of every pair over the days, each source of rates read once."""

    def __init__(
        self,
        book: RuleBook,
        pairs: tuple[tuple[str, str], ...],
        reads: tuple[tuple[str, str], ...],
        first_day: int,
        last_day: int,
    ) -> None:
        self.book, self.pairs, self.reads, self.first, self.last = book, pairs, reads, first_day, last_day
        self.rates: list[Rate] = []
        self._listed: dict[tuple[str, tuple[str, ...]], _Steps] = {}
        self._replaced: dict[tuple[int, int], int] = {}
        self._sets: dict[tuple[int, ...], int] = {}
        # by the identity of the sources, which are kept so that no other gets their identity
        self._together: dict[tuple[int, ...], tuple[list[_Steps], list[tuple[int, tuple[int, ...], int]]]] = {}
        self._overrides = {
            account.account: [(each, self._rate(_agreed(each))) for each in account.overrides]
            for account in book.accounts.values()
        }

    def compiled(self) -> PriceBook:
        """The price book."""
        pair, start, base, premiums, same = (list[int]() for _ in range(5))
        for number, (site, item) in enumerate(self.pairs):
            prices, more = self._steps(self.book.items[item].table, site, item, ""), self._premiums(site, item)
            days = [each[0] for each in prices] if len(more) == 1 else sorted({each[0] for each in [*prices, *more]})
            along = beside = 0
            before: tuple[int, tuple[int, ...]] | None = None
            for day in days:
                while along + 1 < len(prices) and prices[along + 1][0] <= day:
                    along += 1
                while beside + 1 < len(more) and more[beside + 1][0] <= day:
                    beside += 1
                ids = (prices[along][1], more[beside][1])
                same.append(same[-1] if ids == before else len(base))
                before = ids
                pair.append(number)
                start.append(day)
                base.append(prices[along][1] if prices[along][2] < 0 else self._with_replaced(prices[along][1], prices[along][2]))
                premiums.append(more[beside][2])
        sets = self._sets
        first_of_pair = np.r_[True, np.diff(codes(pair)) != 0] if pair else np.zeros(0, dtype=np.bool_)
        ends = np.r_[codes(start)[1:], 0]
        ends[np.r_[first_of_pair[1:], True]] = self.last + 1
        at = np.repeat(np.arange(len(pair), dtype=np.int32), ends - codes(start)) if pair else codes([])
        epochs = sorted(
            {
                day
                for formula in self.book.formulas.values()
                for version in formula.versions
                for day in (version.start, version.end)
                if day
            }
        )
        return PriceBook(
            self.book, self.pairs, self.reads, tuple(self.rates), tuple(sets), codes(pair), codes(start), codes(base), codes(premiums),
            codes(same), self.first, self.last - self.first + 1, at, tuple(epochs),
        )  # fmt: skip

    def _premiums(self, site: str, item: str) -> list[tuple[int, tuple[int, ...], int]]:
        """The rates that premiums read: from which day on, which, and their number with what they replace. Most sites share them."""
        sources = [self._steps(table, site, item, premium) for table, premium in self.reads]
        key = tuple(id(source) for source in sources)
        if key not in self._together:
            found = []
            for day in sorted({self.first, *(each[0] for source in sources for each in source)}):
                steps = [[each for each in source if each[0] <= day][-1] for source in sources]
                told = tuple(self._with_replaced(rate, instead) for _, rate, instead in steps)
                found.append((day, tuple(rate for _, rate, _ in steps), self._sets.setdefault(told, len(self._sets))))
            self._together[key] = (sources, found)
        return self._together[key][1]

    def _rate(self, rate: Rate) -> int:
        self.rates.append(rate)
        return len(self.rates) - 1

    def _with_replaced(self, rate: int, instead: int) -> int:
        """The number of an override that knows what it replaces."""
        if instead < 0:
            return rate
        if (rate, instead) not in self._replaced:
            self._replaced[(rate, instead)] = self._rate(replace(self.rates[rate], instead_of=self.rates[instead]))
        return self._replaced[(rate, instead)]

    def found(self, table: str, site: str, item: str, facets: Mapping[str, str]) -> list[tuple[int, Rate | None]]:
        """The rates of a table for a site, an item and the other columns of its key: from which day on which, or none."""
        steps = self._steps(table, site, item, "", facets)
        return [(day, self.rates[self._with_replaced(rate, instead)] if rate >= 0 else None) for day, rate, instead in steps]

    def _steps(self, table: str, site: str, item: str, premium: str, facets: Mapping[str, str] = _NO_FACETS) -> _Steps:
        """Rates of one table for a site, item and premium: overrides by rank, then the table's row by geo."""
        where = self.book.sites[site]
        mine = [
            (override, rate)
            for override, rate in self._overrides[where.account]
            if override.table == table
            and override.site in (None, site)
            and override.item in (None, item)
            and override.premium in (None, premium or None)
        ]
        listed = self._of_site(table, where, item, premium, facets)
        if not mine:
            return listed
        mine.sort(key=lambda each: (each[0].site is None, each[0].item is None, each[0].premium is None, each[0].start))
        spans = [(day_number(o.start), day_number(o.end) if o.end else self.last + 1, rate) for o, rate in mine]
        days = {day for start, end, _ in spans for day in (start, end) if self.first < day <= self.last}
        found: _Steps = []
        place = 0
        for day in sorted(days | {each[0] for each in listed}):
            while place + 1 < len(listed) and listed[place + 1][0] <= day:
                place += 1
            rate = next((rate for start, end, rate in spans if start <= day < end), -1)
            found.append((day, rate, listed[place][1]) if rate >= 0 else (day, listed[place][1], -1))
        return found

    def _of_site(self, table: str, site: Site, item: str, premium: str, facets: Mapping[str, str]) -> _Steps:
        """The table's own rates at a site: the rows of its geos, each as long as the site has that geo."""
        if "geo" not in self.book.tables[table].key:
            return self._row(table, site, "", item, premium, facets)
        if len(site.geo) == 1 and day_number(site.geo[0][0]) <= self.first:
            return self._row(table, site, site.geo[0][1], item, premium, facets)
        found: _Steps = [(self.first, -1, -1)]
        for day, geo in site.geo:
            start = max(day_number(day), self.first)
            if start <= self.last:
                steps = self._row(table, site, geo, item, premium, facets)
                held = [each for each in steps if each[0] <= start][-1]
                later = [each for each in steps if each[0] > start]
                found = [*(each for each in found if each[0] < start), (start, *held[1:]), *later]
        return found

    def _row(self, table: str, site: Site, geo: str, item: str, premium: str, facets: Mapping[str, str]) -> _Steps:
        names = {"account": site.account, "site": site.site, "geo": geo, "item": item, "premium": premium, **facets}
        key = tuple(names[column] for column in self.book.tables[table].key)
        if (table, key) not in self._listed:
            row = self.book.tables[table].rows.get(key)
            found: _Steps = [(self.first, -1, -1)]
            for price in row.prices if row is not None else ():
                day = max(day_number(price.start), self.first)
                if day > self.last:
                    break
                name = f"{row.id if row is not None else ''}@{price.start}"
                rate = (
                    -1
                    if price.value is None
                    else self._rate(Rate(name, price.value, price.source, price.provenance, None, price.scheme))
                )
                step = (day, rate, -1)
                found = [*found[:-1], step] if found[-1][0] == day else [*found, step]
            self._listed[(table, key)] = found
        return self._listed[(table, key)]


def _agreed(override: Override) -> Rate:
    return Rate(f"{override.id}@{override.start}", override.value, override.source, override.provenance)


@lru_cache(maxsize=4096)
def _read_formula(text: str, inputs: tuple[Input, ...]) -> Formula:
    return parse(text, {each.name: each for each in inputs})


def _formula(rule: FormulaRule, version: FormulaVersion, bases: frozenset[str], wide: int) -> Formula:
    """The formula with its base inputs wide enough for a price with more digits than declared (a price so far has them)."""
    inputs = tuple(
        Input(
            each.name,
            each.unit,
            each.at_most.fraction(),
            each.at_least.fraction(),
            digits=max(each.digits, wide) if each.name in bases else each.digits,
        )
        for each in rule.inputs
    )
    return _read_formula(version.text, inputs)


def _rescaled(units: Ints, digits: Ints, declared: Input, what: str) -> Ints:
    if bool((digits > declared.digits).any()):
        raise InvariantError(
            f"{what} has more digits than its formula input declares ({declared.digits}); raise `digits` of the input"
        )
    return ints(units * 10 ** (declared.digits - digits))


def _add(units: Ints, digits: Ints, more: Ints, made: int) -> tuple[Ints, Ints]:
    wide = np.maximum(digits, made)
    return ints(units * 10 ** (wide - digits) + more * 10 ** (wide - made)), ints(wide)


def _nearest_rows(book: RuleBook, table: RateTable, site: str, item: str, premium: str, day: date) -> str:
    """The entries of a table that come closest to a missing one: the same item, or the same geo."""
    geo = next((name for start, name in reversed(book.sites[site].geo) if start <= day), "none")

    def nearness(row_key: Mapping[str, str]) -> int:
        wanted = {"geo": geo, "item": item, "premium": premium, "site": site, "account": book.sites[site].account}
        return -sum(row_key[column] == wanted[column] for column in row_key)

    rows = sorted(table.rows.values(), key=lambda row: (nearness(row.key), row.id))[:3]
    return "; ".join(f"{row.id} ({_spans(row.prices)}) at {row.source}" for row in rows) or "none, the table is empty"


def _spans(prices: Iterable[Price]) -> str:
    return ", ".join(f"{price.value or 'ended'} from {price.start}" for price in prices)
