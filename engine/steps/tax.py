"""Tax: what is due on lines whose net is rounded already, rounded per line or per category, with its breakdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction

from engine.bulk.assembled import Assembled, taxed_on
from engine.invoice import LineItem, TaxTotal
from engine.money import Decimals, percent_text, rounded, shares
from engine.problems import InforceError
from engine.ratebook.book import RuleBook
from engine.ratebook.models import TaxClass, Taxes


class TaxError(InforceError):
    """A line cannot be taxed; nothing was written."""


def taxed(book: RuleBook, assembled: Assembled) -> Assembled:
    """The invoice with its taxes; without a file of taxes nothing is taxed."""
    if book.taxes is None:
        return assembled
    invoice = assembled.invoice
    exemption = book.accounts[invoice.account].exemption
    parts: list[_Part] = []
    for place, line in enumerate(invoice.lines):
        exempt = ""
        if (
            exemption is not None
            and exemption.start <= line.service_to
            and (exemption.end is None or line.service_to < exemption.end)
        ):
            exempt = exemption.reason
        parts += _parts(book.taxes, line, place, exempt)
    totals, taxes = _totals(book.taxes, parts)
    lines = [
        _with_tax(line, [(part, tax) for part, tax in zip(parts, taxes, strict=True) if part.place == place])
        for place, line in enumerate(invoice.lines)
    ]
    return replace(assembled, invoice=replace(invoice, lines=tuple(lines), taxes=totals))


class _Part:
    """A tax of a line: its category, and what is taxed."""

    __slots__ = ("amount", "category", "exact", "included", "place", "rate")

    def __init__(
        self, place: int, category: tuple[str, str, str, str], amount: int, rate: Fraction, whole: Fraction, included: bool
    ) -> None:
        self.place, self.category, self.amount, self.rate, self.included = place, category, amount, rate, included
        self.exact = amount * rate / (1 + whole) if included else amount * rate


def _parts(taxes: Taxes, line: LineItem, place: int, exempt: str) -> list[_Part]:
    known: TaxClass | None = taxes.classes.get(line.tax_class)
    if known is None:
        raise TaxError(
            f"line {line.line}: the tax class {line.tax_class!r} is not among the taxes ({taxes.source}).\nAdd it there."
        )
    reason = exempt or known.exempt
    if reason:
        return [_Part(place, (line.tax_class, "", "0%", reason), line.amount, Fraction(0), Fraction(0), False)]
    rates = [(tax.tax, _on(tax.rates, line, tax.tax)) for tax in known.taxes]
    whole = sum((rate.fraction() for _, rate in rates), Fraction(0))
    return [
        _Part(place, (line.tax_class, name, percent_text(rate), ""), line.amount, rate.fraction(), whole, known.inclusive)
        for name, rate in rates
    ]  # fmt: skip


def _on(rates: Sequence[tuple[date, Decimals]], line: LineItem, tax: str) -> Decimals:
    said = [rate for start, rate in rates if start <= taxed_on(line)]
    if not said:
        raise TaxError(
            f"line {line.line}: {tax} has no rate on {taxed_on(line)}; the first is from {rates[0][0]}.\nAdd an earlier rate."
        )
    return said[-1]


def _totals(taxes: Taxes, parts: list[_Part]) -> tuple[tuple[TaxTotal, ...], list[int]]:
    """The categories with their sums, and the tax of each part."""
    categories = dict.fromkeys(part.category for part in parts)
    made = [rounded(part.exact, taxes.half) for part in parts]
    found = []
    for category in categories:
        mine = [at for at, part in enumerate(parts) if part.category == category]
        exact = [parts[at].exact for at in mine]
        if taxes.per == "category":
            for at, share in zip(mine, shares(rounded(sum(exact, Fraction(0)), taxes.half), exact), strict=True):
                made[at] = share
        tax_class, name, rate, reason = category
        base = sum(parts[at].amount for at in mine)
        tax = sum(made[at] for at in mine)
        found.append(TaxTotal(tax_class, rate, base, tax, name, reason, parts[mine[0]].included))
    return tuple(sorted(found, key=lambda each: (each.tax_class, each.name, each.rate, each.reason))), made


def _with_tax(line: LineItem, parts: list[tuple[_Part, int]]) -> LineItem:
    rate = " + ".join(part.category[2] for part, _ in parts)
    return replace(line, tax_rate=rate, tax=sum(tax for _, tax in parts))
