"""The rule book as it is in force on one day: what held then holds always, what did not never."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, TypeVar

from engine.ratebook.book import Account, FormulaRule, Policy, RateRow, RateTable, RuleBook, Site, TermsEntry
from engine.ratebook.meaning import meaning
from engine.ratebook.models import Coupon, Fee, Taxes

ALWAYS = date(1970, 1, 1)
"""The day from which on everything holds that is in force."""

T = TypeVar("T")


def in_force_on(book: RuleBook, day: date) -> RuleBook:
    """The book with the prices, terms, rules, versions and agreements of one day, for activity of any day.

    Calendars are no rules in force: holidays, anchors of cycles, and what happens once (a fee, a coupon) keep their own days.
    """
    accounts = {name: _account(account, day) for name, account in book.accounts.items()}
    shares = tuple(replace(each, start=ALWAYS, end=None) for each in _holding(book.assembly.shares, day))
    found = replace(
        book,
        tables={name: _table(table, day) for name, table in book.tables.items()},
        accounts=accounts,
        sites={site.site: site for account in accounts.values() for site in account.sites},
        default_terms=_terms(book.default_terms, day),
        policies={name: _policy(policy, day) for name, policy in book.policies.items()},
        formulas={name: _formula(formula, day) for name, formula in book.formulas.items()},
        assembly=replace(book.assembly, shares=shares),
        taxes=_taxes(book.taxes, day) if book.taxes is not None else None,
    )
    return replace(found, meaning=meaning(found))


def _holding(entries: Sequence[T], day: date) -> list[T]:
    """The entries whose `start` and `end` hold a day."""
    return [each for each in entries if _holds(each, day)]


def _holds(entry: Any, day: date) -> bool:  # noqa: ANN401 - anything with a start and an end
    return (entry.start is None or entry.start <= day) and (entry.end is None or day < entry.end)


def _last(entries: Sequence[tuple[date, T]], day: date) -> tuple[tuple[date, T], ...]:
    """The entry of a dated list that is in force on a day, if there is one."""
    known = [value for start, value in entries if start <= day]
    return ((ALWAYS, known[-1]),) if known else ()


def _table(table: RateTable, day: date) -> RateTable:
    rows: Mapping[tuple[str, ...], RateRow] = {
        key: replace(
            row,
            prices=tuple(replace(price, start=ALWAYS) for _, price in _last([(each.start, each) for each in row.prices], day)),
        )
        for key, row in table.rows.items()
    }
    return replace(table, rows={key: row for key, row in rows.items() if row.prices})


def _account(account: Account, day: date) -> Account:
    return replace(
        account,
        sites=tuple(_site(site, day) for site in account.sites),
        overrides=tuple(replace(each, start=ALWAYS, end=None) for each in _holding(account.overrides, day)),
        terms=_terms(account.terms, day),
        fees=tuple(made for each in account.fees for made in _fee(each, day)),
        coupons=tuple(made for each in account.coupons for made in _coupon(each, day)),
        exemption=replace(account.exemption, start=ALWAYS, end=None)
        if account.exemption is not None and _holds(account.exemption, day)
        else None,
    )


def _site(site: Site, day: date) -> Site:
    return replace(site, geo=_last(site.geo, day), terms=_terms(site.terms, day))


def _terms(entries: Sequence[TermsEntry], day: date) -> tuple[TermsEntry, ...]:
    known = [entry for entry in entries if entry.start <= day]
    if not known:
        return ()
    values = {name: value for entry in known for name, value in entry.values.items()}
    places = {name: place for entry in known for name, place in entry.places.items()}
    return (replace(known[-1], start=ALWAYS, values=values, places=places),)


def _fee(fee: Fee, day: date) -> tuple[Fee, ...]:
    if fee.each == "once":
        return (fee,)
    return (
        (replace(fee, start=ALWAYS, end=None, anchor=fee.anchor or fee.start, quantity=_last(fee.quantity, day)),)
        if _holds(fee, day)
        else ()
    )


def _coupon(coupon: Coupon, day: date) -> tuple[Coupon, ...]:
    if coupon.once:
        return (coupon,)
    return (replace(coupon, start=ALWAYS, end=None),) if _holds(coupon, day) else ()


def _policy(policy: Policy, day: date) -> Policy:
    rules = _holding(policy.rules, day)
    known = {rule.id for rule in rules}
    return replace(
        policy,
        rules=tuple(
            replace(rule, start=None, end=None, overrides=tuple(each for each in rule.overrides if each in known))
            for rule in rules
        ),
    )


def _formula(formula: FormulaRule, day: date) -> FormulaRule:
    return replace(formula, versions=tuple(replace(each, start=ALWAYS, end=None) for each in _holding(formula.versions, day)))


def _taxes(taxes: Taxes, day: date) -> Taxes:
    classes = {
        name: replace(each, taxes=tuple(replace(tax, rates=_last(tax.rates, day)) for tax in each.taxes))
        for name, each in taxes.classes.items()
    }
    return replace(taxes, classes=classes)
