"""Explanations of lines that are made of other lines or of a window: limits, coupons, percentage fees, ceilings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Any

import polars as pl

from engine.bulk.assembled import Assembled
from engine.canonical import Json
from engine.explain_rules import number_text, step, sum_text, term_told
from engine.invoice import Invoice, LineItem
from engine.money import Decimals, decimal_text, rounded
from engine.problems import InvariantError, Source
from engine.ratebook.book import RuleBook
from engine.ratebook.models import Coupon, Figure, Limit, PercentFee

_BASES = ("rated", "window", "derived")
_OF_LINE = re.compile(r"line ([0-9]+)")


@dataclass(frozen=True, slots=True)
class MadeTelling:
    """Tells the rows of lines that stand for no activity. `invoices` are all those of the account and period, `number` names each."""

    book: RuleBook
    invoices: Sequence[tuple[str, Assembled]]

    def row(self, assembled: Assembled, cells: Mapping[str, Any]) -> dict[str, Json]:
        """One backup row, with the steps to its quantity and its price."""
        invoice = assembled.invoice
        line = invoice.lines[int(cells["line"]) - 1]
        form, _, name = cells["component"].partition(":")
        names = ("id", "component", "quantity", "price", "exact", "service_day")
        told: dict[str, Json] = {each: cells[each] for each in names}
        source, figure, steps = self._made(assembled, line, form, name, cells)
        terms: list[Json] = []
        if figure is not None and figure.term is not None:
            site = self.book.accounts[invoice.account].sites[0].site
            terms.append(term_told(self.book, (site, invoice.end - timedelta(days=1)), figure.term))
        return told | {
            "basis": "made", "made_by": form, "of": name, "source": str(source), "terms": terms, "steps": list(steps),
            "amount": decimal_text(int(cells["amount"]), invoice.digits),
        }  # fmt: skip

    def _made(
        self, assembled: Assembled, line: LineItem, form: str, name: str, cells: Mapping[str, Any]
    ) -> tuple[Source, Figure | None, Iterator[Json]]:
        """Where what makes a line is declared, the figure it takes, and the steps."""
        invoice = assembled.invoice
        if form == "fee":
            fee = next(each for each in self.book.assembly.fees if each.fee == name)
            of_line = _OF_LINE.fullmatch(cells["id"])
            return fee.source, fee.percent, self._part(invoice, line, cells) if of_line else self._over_splits(line, fee, cells)
        if form == "coupon":
            coupon = next(each for each in self.book.accounts[invoice.account].coupons if each.coupon == name)
            if coupon.percent is not None:
                return coupon.source, None, self._part(invoice, line, cells)
            return coupon.source, None, self._taken_off(invoice, line, coupon)
        for limit in self.book.assembly.limits:
            if limit.limit == name:
                return (
                    limit.source,
                    limit.at_least if line.quantity.units > 0 else limit.at_most,
                    self._limited(invoice, line, limit, cells),
                )
        accumulator = self.book.accumulators[name]
        figure = Figure(term=accumulator.line.limit.term) if accumulator.line is not None else None
        return accumulator.source, figure, self._capped(invoice, line, figure)

    def _part(self, invoice: Invoice, line: LineItem, cells: Mapping[str, Any]) -> Iterator[Json]:
        """A percentage of another line: what is left of its amount, and the percentage."""
        found = _OF_LINE.fullmatch(cells["id"])
        if found is None:
            raise InvariantError(f"{cells['id']!r} names no line; this is a fault of the engine")
        amount = Decimals(invoice.lines[int(found[1]) - 1].amount, invoice.digits)
        quantity = Fraction(cells["quantity"])
        sign = "0 - " if line.quantity.units < 0 else ""
        lowered = amount.fraction() - abs(quantity) * (-1 if amount.units < 0 else 1)
        less = f" - {number_text(lowered, invoice.digits)}" if lowered else ""  # by earlier coupons
        said = f"({amount}{less})" if sign and (less or amount.units < 0) else f"{amount}{less}"
        yield step("quantity", f"{sign}{said}", cells["quantity"])
        yield step("price", str(line.price), cells["price"])

    def _over_splits(self, line: LineItem, fee: PercentFee, cells: Mapping[str, Any]) -> Iterator[Json]:
        """A fee on all invoices of the account, and the share of this one."""
        rows = [_fee_row(each, fee.fee) for _, each in self.invoices]
        totals = [row["id"].partition(" of ")[0] if row is not None else "0" for row in rows]
        percent = self._figure(fee.percent)
        digits, half = self.invoices[0][1].invoice.digits, self.book.rounding.amount
        whole = rounded(sum(map(Fraction, totals), Fraction(0)) * percent.fraction() * 10**digits, half)
        parts = [f"{total} * {percent}" for total in totals]
        place = 1 + next(at for at, row in enumerate(rows) if row is not None and row["id"] == cells["id"])
        text = decimal_text(whole, digits)
        yield step("fee on all invoices", f"({sum_text(totals)}) * {percent}", text, digits=digits, half=half)
        yield step("quantity", str(line.quantity), str(line.quantity))
        yield step("price", f"share({text}, {place}, {', '.join(parts)})", str(line.price), digits=digits, half=half)

    def _taken_off(self, invoice: Invoice, line: LineItem, coupon: Coupon) -> Iterator[Json]:
        """An amount off: at most what there is. What is taken from lines that other coupons or taxes divide is given as it is."""
        amount = coupon.amount or Decimals(0, 0)
        before = [each for each in invoice.lines if each.line < line.line]
        base = [each.amount for each in before if each.origin in _BASES and (not coupon.of or each.item in coupon.of)]
        said = [decimal_text(each, invoice.digits) for each in base]
        alone = len(self.invoices) == 1 and not any(each.unit == "each" and each.amount < 0 for each in before)
        whole = min(amount.fraction(), sum(map(Fraction, said), Fraction(0))) == line.price.fraction()
        yield step("quantity", str(line.quantity), str(line.quantity))
        yield step("price", f"min({amount}, {sum_text(said)})" if alone and whole else str(line.price), str(line.price))

    def _limited(self, invoice: Invoice, line: LineItem, limit: Limit, cells: Mapping[str, Any]) -> Iterator[Json]:
        """What is missing to the least of a window, or beyond the most."""
        digits, up = invoice.digits, line.quantity.units > 0
        figure = self._figure((limit.at_least if up else limit.at_most) or Figure())
        edge = figure.fraction()
        counted = edge - line.price.fraction() if up else edge + line.price.fraction()
        mine = [
            each.amount
            for _, other in self.invoices
            for each in other.invoice.lines
            if each.origin in ("rated", "window") and each.key != line.key and (not limit.of or each.item in limit.of)
        ]
        here = Fraction(sum(mine), 10**digits)
        if counted != here and cells["id"].split(":")[1] >= str(invoice.start):
            raise InvariantError(f"{line.description}: its lines come to {here}, not {counted}; this is a fault of the engine")
        amounts = [decimal_text(amount, digits) for amount in mine]
        earlier = [number_text(counted - here, digits)] if counted != here else []
        said = number_text(counted, digits)
        yield step("counted", sum_text([*amounts, *earlier]), said)
        yield step("quantity", str(line.quantity), str(line.quantity))
        yield step("price", f"{figure} - {said}" if up else f"{said} - {figure}", str(line.price))

    def _capped(self, invoice: Invoice, line: LineItem, figure: Figure | None) -> Iterator[Json]:
        """What goes beyond a ceiling: all of it, or what is beyond it together with what was charged before."""
        limit, over, digits = self._figure(figure or Figure()).fraction(), line.price.fraction(), invoice.digits
        amounts = [decimal_text(each.amount, digits) for each in invoice.lines if each.line < line.line]
        net = sum(map(Fraction, amounts), Fraction(0))
        said = number_text(net, digits)
        yield step("charged before this line", sum_text(amounts), said)
        yield step("quantity", str(line.quantity), str(line.quantity))
        reached = (
            f"{number_text(over + limit - net, digits)} + {said} - {number_text(limit, digits)}"  # in earlier periods, and here
        )
        yield step("price", said if over == net else reached, str(line.price))

    def _figure(self, figure: Figure) -> Decimals:
        """The number, or that of the term on the last day of the period."""
        if figure.term is None:
            return figure.number or Decimals(0, 0)
        invoice = self.invoices[0][1].invoice
        site = self.book.accounts[invoice.account].sites[0].site
        said = self.book.terms_on(site, invoice.end - timedelta(days=1)).get(figure.term)
        return said if isinstance(said, Decimals) else Decimals(0, 0)


def _fee_row(assembled: Assembled, fee: str) -> Mapping[str, Any] | None:
    rows = assembled.backup.filter((pl.col("component") == f"fee:{fee}") & pl.col("id").str.contains(" of "))
    return rows.row(0, named=True) if len(rows) else None
