"""Prices: which base price and premium rates hold for a site, an item and a day, and what a recipe of premiums makes of them.

A *price row* is a stretch of days of one site and item on which the base price and every rate its premiums read stay the same.
A *recipe* says how a price is made: which premiums in the price, how they combine, or which premium on its own line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache

import numpy as np

from engine.arrays import Bools, Codes, Ints, codes, ints
from engine.dates import FOREVER, day_number, day_of
from engine.formulas.columns import compute
from engine.formulas.language import Formula, Input, parse
from engine.money import Decimals
from engine.problems import InforceError, InvariantError, Source
from engine.ratebook.book import FormulaRule, FormulaVersion, Price, Provenance, RateRow, RateTable, RuleBook


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

    Rows with one number in `same` follow one another with the same rates in force (only what an override replaces differs).
    """

    book: RuleBook
    rows: tuple[PriceRow, ...]
    same: Codes
    first_day: int
    days: int
    at: Codes
    epochs: tuple[date, ...]
    _columns: dict[str, tuple[Ints, Ints, Bools]] = field(default_factory=dict)

    def row(self, pair: Codes | Ints, day: Ints) -> Ints:
        """The price row of each pair on each day."""
        found: Ints = self.at[pair.astype(np.int64) * self.days + (day - self.first_day)].astype(np.int64)
        return found

    def changes(self, pair: Codes | Ints, day: Ints) -> Bools:
        """Whether a rate in force changes from the day before to each day."""
        return np.asarray(self.same[self.row(pair, day)] != self.same[self.row(pair, day - 1)])

    def epoch(self, day: Ints) -> Ints:
        """The formula epoch of each day."""
        return ints(np.searchsorted(ints([day_number(each) for each in self.epochs]), day, side="right"))

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

    def make(self, recipe: Recipe, rows: Ints) -> Made:
        """The price a recipe makes of each of the price rows `rows`."""
        base, digits, there = self._column("")
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
            row = self.rows[int(rows[np.flatnonzero(units < 0)[0]])]
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
                units, its, there = self._column(f"{given.name}|{premium}")
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

    def _column(self, key: str) -> tuple[Ints, Ints, Bools]:
        """Units, digits and presence of one rate over all price rows: the base price ('') or `table|premium`."""
        if key not in self._columns:
            table, _, premium = key.partition("|")
            rates = [row.base if not key else row.premiums[(table, premium)] for row in self.rows]
            self._columns[key] = (
                ints([rate.value.units if rate else 0 for rate in rates]),
                ints([rate.value.digits if rate else 0 for rate in rates]),
                np.array([rate is not None for rate in rates], dtype=np.bool_),
            )
        return self._columns[key]

    def _refuse(self, number: int, table: str = "", premium: str = "") -> None:
        row = self.rows[number]
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
    reads = sorted(
        {
            (given.name, premium.premium)
            for premium in book.premiums.values()
            for given in premium.given.values()
            if given.form == "rate"
        }
    )
    rows: list[PriceRow] = []
    same: list[int] = []
    days = last_day - first_day + 1
    at = np.full(max(len(pairs), 1) * days, -1, dtype=np.int32)
    for number, (site, item) in enumerate(pairs):
        sources = [_Timeline(book, book.items[item].table, site, item, "")]
        sources += [_Timeline(book, table, site, item, premium) for table, premium in reads]
        before: list[str] = []
        changes = sorted({first_day, *(day for source in sources for day in source.changes if first_day < day <= last_day)})
        for start, end in zip(changes, [*changes[1:], last_day + 1], strict=True):
            found = [source.on(start) for source in sources]
            at[number * days + start - first_day : number * days + end - first_day] = len(rows)
            ids = [rate.id if rate else "" for rate in found]
            same.append(same[-1] if start > first_day and ids == before else len(rows))
            before = ids
            rows.append(PriceRow(site, item, start, end, found[0], dict(zip(reads, found[1:], strict=True))))
    epochs = sorted(
        {day for formula in book.formulas.values() for version in formula.versions for day in (version.start, version.end) if day}
    )
    return PriceBook(book, tuple(rows), codes(same), first_day, days, codes(at), tuple(epochs))


class _Timeline:
    """All that can be the rate of one table for one site, item and premium: overrides by rank, then the table's row by geo."""

    def __init__(self, book: RuleBook, table: str, site: str, item: str, premium: str) -> None:
        self._book, self._table, self._site, self._item, self._premium = book, book.tables[table], book.sites[site], item, premium
        account = book.accounts[self._site.account]
        mine = [
            override
            for override in account.overrides
            if override.table == table
            and override.site in (None, site)
            and override.item in (None, item)
            and override.premium in (None, premium or None)
        ]
        self._overrides = sorted(mine, key=lambda o: (o.site is None, o.item is None, o.premium is None, o.start))
        self._by_geo = "geo" in self._table.key
        geos = self._site.geo if self._by_geo else ((date.min, ""),)
        rows = [row for _, geo in geos if (row := self._row(geo))]
        days = [day_number(day) for day, _ in geos if day != date.min]
        days += [day_number(price.start) for row in rows for price in row.prices]
        days += [day_number(day) for override in self._overrides for day in (override.start, override.end) if day]
        self.changes = sorted(set(days))

    def on(self, number: int) -> Rate | None:
        """The rate in force on a day."""
        day = day_of(number)
        for override in self._overrides:
            if override.start <= day and (override.end is None or day < override.end):
                return Rate(
                    f"{override.id}@{override.start}", override.value, override.source, override.provenance, self._listed(day)
                )
        return self._listed(day)

    def _listed(self, day: date) -> Rate | None:
        geo = next((name for start, name in reversed(self._site.geo) if start <= day), "") if self._by_geo else ""
        row = self._row(geo)
        price = next((price for price in reversed(row.prices) if price.start <= day), None) if row else None
        if row is None or price is None or price.value is None:
            return None
        return Rate(f"{row.id}@{price.start}", price.value, price.source, price.provenance)

    def _row(self, geo: str) -> RateRow | None:
        names = {"account": self._site.account, "site": self._site.site, "geo": geo, "item": self._item, "premium": self._premium}
        return self._table.rows.get(tuple(names[column] for column in self._table.key))


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
