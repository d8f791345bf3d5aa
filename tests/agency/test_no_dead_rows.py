"""Nothing in the example agency's book is decoration: without any one rule, term, premium, window or version, some amount changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from functools import cache
from typing import Any

import numpy as np
import pytest

from engine.bulk.charges import Rated
from engine.dates import Period
from engine.money import Decimals
from engine.problems import InforceError
from engine.ratebook.book import BreakTerms, FormulaVersion, PunchRounding, RuleBook, Setting, TermsEntry, TermValue
from engine.steps.collect import collect
from engine.steps.rate import Rater
from tests.agency.sample import agency, sample

WHOLE = Period(date(2024, 9, 1), date(2026, 11, 1), "2024-09-01-to-2026-11-01")
CEILINGS = {"contract-start", "ceiling", "msp-percent"}  # these move an invoice, and are not rated; `tests/demo` holds them
pytestmark = pytest.mark.slow


@cache
def book() -> RuleBook:
    """The agency's book, built once."""
    return agency()


@cache
def activity() -> Any:  # Any: Activity; cached
    """The sample, collected once."""
    collected = collect(book(), book().kinds["shift"], sample(book()), WHOLE)
    assert not collected.rejects
    return collected.activity


def figures(rated: Rated) -> tuple[bytes, ...]:
    """Everything that is money: which row is charged what, at which price."""
    charges = rated.charges
    return tuple(
        np.ascontiguousarray(column).tobytes()
        for column in (charges.row, charges.item, charges.quantity, charges.price, charges.price_digits)
    )


def moves(changed: RuleBook) -> bool:
    """Whether the changed book bills the sample otherwise, or refuses it."""
    try:
        return figures(rated(changed)) != figures(baseline())
    except InforceError:
        return True


@cache
def baseline() -> Rated:
    """The sample rated by the book as it is."""
    return rated(book())


def rated(changed: RuleBook) -> Rated:
    """The sample rated by a book, with the windows that end in it."""
    rater = Rater(changed) if changed.policies is not book().policies else decided()
    rater.book, rater._ready = changed, None  # what the policies decide is asked once for all books that have them
    return rater.rate(activity(), period=WHOLE)


@cache
def decided() -> Rater:
    """A rater whose decisions are kept from book to book."""
    return Rater(book())


def without_rules() -> Iterator[tuple[str, RuleBook]]:
    """The book without each of its rules."""
    for name, policy in book().policies.items():
        for rule in policy.rules:
            left = tuple(
                replace(other, overrides=tuple(o for o in other.overrides if o != rule.id))
                for other in policy.rules
                if other is not rule
            )
            yield f"rule {rule.id}", replace(book(), policies={**book().policies, name: replace(policy, rules=left)})
            if rule.start is not None:
                undated = tuple(replace(other, start=None) if other is rule else other for other in policy.rules)
                yield (
                    f"rule {rule.id} without its date",
                    replace(book(), policies={**book().policies, name: replace(policy, rules=undated)}),
                )


def without_premiums() -> Iterator[tuple[str, RuleBook]]:
    """The book with each premium moved to the other place, and with each formula version altered."""
    for name, premium in book().premiums.items():
        other = replace(premium, shown="own-line" if premium.shown == "in-price" else "in-price")
        yield f"premium {name} shown otherwise", replace(book(), premiums={**book().premiums, name: other})
    for name, formula in book().formulas.items():
        for at, version in enumerate(formula.versions):
            altered = replace(version, text=f"({version.text}) + 0.01")
            yield f"formula {name} version {version.version}", _with_version(name, at, altered)


def _with_version(name: str, at: int, version: FormulaVersion) -> RuleBook:
    versions = list(book().formulas[name].versions)
    versions[at] = version
    return replace(book(), formulas={**book().formulas, name: replace(book().formulas[name], versions=tuple(versions))})


def without_windows() -> Iterator[tuple[str, RuleBook]]:
    """The book with each window a quarter of an hour longer, and each holiday on no day of work."""
    for name, window in book().windows.items():
        yield f"window {name}", replace(book(), windows={**book().windows, name: replace(window, start=window.start - 7_200)})


def without_terms() -> Iterator[tuple[str, RuleBook]]:
    """The book without each term that an account or site says, and with each default altered."""
    for account in book().accounts.values():
        for at, entry in enumerate(account.terms):
            for term in entry.values.keys() - CEILINGS:
                less = (*account.terms[:at], _less(entry, term), *account.terms[at + 1 :])
                yield (
                    f"{account.account} {entry.start} {term}",
                    replace(book(), accounts={**book().accounts, account.account: replace(account, terms=less)}),
                )
        for site in account.sites:
            for at, entry in enumerate(site.terms):
                for term in entry.values:
                    less = (*site.terms[:at], _less(entry, term), *site.terms[at + 1 :])
                    yield (
                        f"{site.site} {entry.start} {term}",
                        replace(book(), sites={**book().sites, site.site: replace(site, terms=less)}),
                    )
    first = book().default_terms[0]
    for term, value in first.values.items():
        # without approval, what is billed does not change, only what is held; double time is only paid where the law has it
        if term not in {"approval", "day-double", *CEILINGS}:
            changed = replace(first, values={**first.values, term: _altered(term, value)})
            yield f"default {term}", replace(book(), default_terms=(changed, *book().default_terms[1:]))


def without_bands() -> Iterator[tuple[str, RuleBook]]:
    """The book without each band, and with each window line's limit as good as none."""
    for name, accumulator in book().accumulators.items():
        for at, band in enumerate(accumulator.bands):
            bands = (*accumulator.bands[:at], replace(band, over=Setting(10**9)), *accumulator.bands[at + 1 :])
            yield (
                f"band {band.band}",
                replace(book(), accumulators={**book().accumulators, name: replace(accumulator, bands=bands)}),
            )
        if accumulator.line is not None and accumulator.line.form == "fills-to":
            line = replace(accumulator.line, limit=Setting(0))
            yield f"line of {name}", replace(book(), accumulators={**book().accumulators, name: replace(accumulator, line=line)})


def _less(entry: TermsEntry, term: str) -> TermsEntry:
    return replace(entry, values={name: value for name, value in entry.values.items() if name != term})


def _altered(term: str, value: TermValue) -> TermValue:
    if value is None:
        return 8 * 3_600
    if isinstance(value, PunchRounding):
        return replace(value, step=360)
    if isinstance(value, BreakTerms):
        return replace(value, length=value.length + 900)
    if isinstance(value, str):
        return next(choice for choice in book().terms[term].choices if choice != value)
    assert isinstance(value, int)
    return value + 3_600


def without_overrides() -> Iterator[tuple[str, RuleBook]]:
    """The book without each override, and with each end of an override left open."""
    for account in book().accounts.values():
        for override in account.overrides:
            left = tuple(other for other in account.overrides if other is not override)
            yield override.id, replace(book(), accounts={**book().accounts, account.account: replace(account, overrides=left)})
            if override.end is not None:
                open_ = tuple(replace(other, end=None) if other is override else other for other in account.overrides)
                yield (
                    f"{override.id} without its end",
                    replace(book(), accounts={**book().accounts, account.account: replace(account, overrides=open_)}),
                )


MUTANTS: Mapping[str, Any] = {  # Any: a function that yields mutants
    "rules": without_rules,
    "premiums and formulas": without_premiums,
    "windows": without_windows,
    "terms": without_terms,
    "overrides": without_overrides,
    "bands": without_bands,
}


@pytest.mark.parametrize("what", sorted(MUTANTS))
def test_without_any_one_of_them_an_amount_changes(what: str) -> None:
    """Each mutant is rated over the whole sample."""
    silent = [name for name, changed in MUTANTS[what]() if not moves(changed)]
    assert silent == []


def test_every_price_of_every_table_and_override_prices_a_shift() -> None:
    """By the ids of the rates behind the charges; a price that says `ended` is used when an override stands in for it."""
    rated = baseline()
    used: set[str] = set()
    for number, recipe_number in {(int(a), int(b)) for a, b in zip(rated.charges.price_row, rated.charges.recipe, strict=True)}:
        row, recipe = rated.prices.price_row(number), rated.recipes[recipe_number]
        assert row.base is not None
        used.add(row.base.id)
        for premium in (*recipe.premiums, recipe.own):
            used |= {rate.id for (_, name), rate in row.premiums.items() if name == premium and rate is not None}
    every = {
        f"{row.id}@{price.start}"
        for table in book().tables.values()
        for row in table.rows.values()
        for price in row.prices
        if price.value is not None
    }
    every |= {f"{override.id}@{override.start}" for account in book().accounts.values() for override in account.overrides}
    assert every - used == set()


def test_a_formula_has_two_versions_in_different_years_and_each_is_used_where_it_belongs() -> None:
    """The floor of 3.50 came with version 2: a nursing assistant's night hour gets it in 2026 and did not in 2025."""
    rated = baseline()
    seen: dict[int, set[Decimals]] = {2025: set(), 2026: set()}
    days = np.array(rated.charges.day)
    for at in range(len(rated.charges)):
        recipe = rated.recipes[int(rated.charges.recipe[at])]
        item = rated.items[int(rated.charges.item[at])]
        row = rated.prices.price_row(int(rated.charges.price_row[at]))
        year = date.fromordinal(int(days[at]) + date(1970, 1, 1).toordinal()).year
        if recipe.premiums == ("night",) and item == "CNA" and row.base is not None and year in seen:
            seen[year].add(Decimals(int(rated.charges.price[at]) - row.base.value.units, 2))
    assert any(added.units < 350 for added in seen[2025])
    assert min(added.units for added in seen[2026]) == 350
