"""The arithmetic of an invoice: every figure with what it is made of, so that it can be made again by somebody who has only this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias

import polars as pl

from engine.bulk.assembled import Assembled, taxed_on
from engine.canonical import Json, canonical_json
from engine.invoice import LineItem
from engine.money import decimal_text, percent_text
from engine.pipeline import Preview
from engine.problems import InforceError, Source
from engine.proof.behind import Key
from engine.proof.citations import Citations
from engine.proof.measured import MeasuredCharges
from engine.proof.timed import TimedCharges
from engine.ratebook.book import RuleBook
from engine.ratebook.models import Exemption, Figure, TaxClass
from engine.ratebook.resolver import Decision

Row: TypeAlias = Mapping[str, Any]  # Any: cells of several types


class ProofError(InforceError):
    """A document cannot be proved; nothing was written."""


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """What an invoice's figures are made of, and the rows of activity behind them."""

    told: dict[str, Json]
    activity: tuple[Key, ...]


def arithmetic(book: RuleBook, preview: Preview, assembled: Assembled, citations: Citations) -> Arithmetic:
    """The arithmetic of one invoice of a preview that was made with its steps kept."""
    telling = _Telling(book, preview, assembled, citations)
    charges = telling.charges()
    rounding = citations.place(book.rounding.source, "rounding")
    told: dict[str, Json] = {
        "schema": "inforce.arithmetic/1",
        "rounding": {"half": book.rounding.amount, "digits": assembled.invoice.digits, "at": rounding},
        "prices": telling.prices, "decisions": telling.decisions, "charges": charges, "quantities": telling.quantities(),
        "taxes": _taxes(book, assembled, citations),
    }  # fmt: skip
    return Arithmetic(told, tuple(telling.keys))


class _Telling:
    """Tells the charges of one invoice."""

    def __init__(self, book: RuleBook, preview: Preview, assembled: Assembled, citations: Citations) -> None:
        self.book, self.assembled, self.citations = book, assembled, citations
        self.entries = preview.entries.filter(pl.col("account") == assembled.invoice.account)
        self.sources: list[TimedCharges | MeasuredCharges] = []
        for _, rated in preview.timed:
            self.sources.append(TimedCharges(book, rated, self._next(), citations))
        for _, measured in preview.measured:
            self.sources.append(MeasuredCharges(book, measured, self._next(), citations))
        for fees in preview.fees:
            self.sources.append(MeasuredCharges(book, fees, self._next(), citations, fees=True))
        self.keys: dict[Key, int] = {}
        self.prices: list[Json] = []
        self.decisions: list[Json] = []
        self._numbers: dict[bytes, int] = {}
        self._decided: dict[Decision, int] = {}
        self._there: dict[int, int] = {}
        self._whole: dict[Key, list[int]] = {}

    def _next(self) -> int:
        return self.sources[-1].start + len(self.sources[-1]) if self.sources else 0

    def _source(self, charge: int) -> TimedCharges | MeasuredCharges:
        return next(each for each in reversed(self.sources) if each.start <= charge)

    def charges(self) -> list[Json]:
        """All charges of the invoice, in the order of the backup rows they are on."""
        found: list[Json] = []
        lines = {line.line: line for line in self.assembled.invoice.lines}
        by_charge = {int(entry["charge"]): entry for entry in self.entries.iter_rows(named=True)}
        grouped = _grouped(self.book, self.entries, self.assembled)
        for place, (charge, row) in enumerate(
            zip(self.assembled.charge.tolist(), self.assembled.backup.iter_rows(named=True), strict=True)
        ):
            if charge < 0:
                found.append({"row": place, **self._derived(lines[row["line"]])})
                continue
            for number in grouped[charge] if grouped is not None else [charge]:
                self._there[number] = len(found)
                found.append({"row": place, **self._charge(number, by_charge[number])})
        return found

    def quantities(self) -> list[Json]:
        """How the quantities of rows fell to their charges; none of rows that several accounts share."""
        found: list[Json] = []
        rounding = self.citations.place(self.book.rounding.source, "rounding")
        each = not self.book.accounts[self.assembled.invoice.account].per_row
        for key, charges in self._whole.items():
            source = self._source(charges[0])
            if isinstance(source, TimedCharges):
                found.append({"activity": self.keys[key], "at": rounding, **source.quantity(charges[0], self._there, each=each)})
            else:
                found += [{"activity": self.keys[key], **each} for each in source.sums(charges, self._there)]
        return found

    def _charge(self, charge: int, entry: Row) -> dict[str, Json]:
        behind = self._source(charge).behind(charge)
        told: dict[str, Json] = {
            "quantity": decimal_text(entry["quantity"], entry["digits"]), "price": decimal_text(entry["price"], entry["price_digits"]),
        }  # fmt: skip
        if behind.key is not None:
            told["activity"] = self.keys.setdefault(behind.key, len(self.keys))
        if behind.price is not None:
            told["how"] = self._numbered(self.prices, behind.price)
        told["given"] = [behind.given] if behind.given else []
        if self._is_shared(entry):
            told["given"] = ["which part of what a shared site costs is whose"]
        elif behind.key is not None:
            self._whole.setdefault(behind.key, []).append(charge)
        if behind.decisions:
            told["decided"] = list(dict.fromkeys(map(self._decision, behind.decisions)))
        return told

    def _is_shared(self, entry: Row) -> bool:
        """Whether a charge is a part of what a site shared by several accounts costs."""
        at_site = any(share.site == entry["section"] for share in self.book.assembly.shares)
        return at_site and str(entry["component"]).endswith(f"@{entry['account']}")

    def _decision(self, decision: Decision) -> int:
        """The number of a decision among those told."""
        if decision not in self._decided:
            self._decided[decision] = self._numbered(self.decisions, self._told(decision))
        return self._decided[decision]

    def _told(self, decision: Decision) -> dict[str, Json]:
        policy = self.book.policies[decision.slot]
        rules = {rule.id: rule for rule in policy.rules}
        applied: list[Json] = [
            self.citations.place(rules[name].source, f"rule {name}", rules[name].provenance, entry=True)
            for name in decision.fired
            if name not in decision.beaten
        ]
        return {"decides": decision.slot, "answers": list(decision.answers), "rules": applied}

    def _numbered(self, listed: list[Json], value: dict[str, Json]) -> int:
        key = canonical_json(value)
        if key not in self._numbers:
            self._numbers[key] = len(listed)
            listed.append(value)
        return self._numbers[key]

    def _derived(self, line: LineItem) -> dict[str, Json]:
        """A row of a line that is made of other lines or of a window."""
        rows = self.assembled.backup.filter(pl.col("line") == line.line)
        form, _, name = rows["component"][0].partition(":")
        told: dict[str, Json] = {"quantity": str(line.quantity), "price": str(line.price)} if len(rows) == 1 else {}
        percent = self._percent(form, name)
        if rows["kind"][0] == "line" and percent is not None and line.unit.startswith("of "):
            value, place = percent
            return {**told, "how": self._numbered(self.prices, {"value": value, "at": place}), "given": []}
        self._cite(form, name)
        what = f"what a window is short of or beyond ({name})" if form == "window" else f"the amount of a {form}"
        return {**told, "given": [what]}

    def _cite(self, form: str, name: str) -> None:
        """Cites what made a line of other lines or of a window."""
        account = self.book.accounts[self.assembled.invoice.account]
        made_by = {
            **{f"window:{each.accumulator}": each.source for each in self.book.accumulators.values()},
            **{f"window:{each.limit}": each.source for each in self.book.assembly.limits},
            **{f"coupon:{each.coupon}": each.source for each in account.coupons},
            **{f"fee:{each.fee}": each.source for each in self.book.assembly.fees},
        }
        if f"{form}:{name}" in made_by:
            self.citations.place(made_by[f"{form}:{name}"], f"{form} {name}", entry=True)

    def _percent(self, form: str, name: str) -> tuple[str, str] | None:
        """The percentage of a fee or coupon, and where it is written."""
        account = self.book.accounts[self.assembled.invoice.account]
        for fee in self.book.assembly.fees if form == "fee" else ():
            if fee.fee == name:
                return self._figure(fee.percent, self.citations.place(fee.source, f"fee {name}", entry=True))
        for coupon in account.coupons if form == "coupon" else ():
            if coupon.coupon == name and coupon.percent is not None:
                return str(coupon.percent), self.citations.place(coupon.source, f"coupon {name}", entry=True)
        return None

    def _figure(self, figure: Figure, place: str) -> tuple[str, str] | None:
        """A figure of an account's contract on the last day of the period: that of the book, or of the term in force."""
        if figure.term is None:
            return (str(figure.number), place) if figure.number is not None else None
        account = self.book.accounts[self.assembled.invoice.account]
        found = None
        for level in (self.book.default_terms, account.terms, account.sites[0].terms if account.sites else ()):
            for entry in level:
                if entry.start < self.assembled.invoice.end and figure.term in entry.values:
                    where = self.citations.place(entry.places[figure.term], f"term {figure.term}", entry.provenance)
                    found = (str(entry.values[figure.term]), where)
        return found


def _grouped(book: RuleBook, entries: pl.DataFrame, assembled: Assembled) -> dict[int, list[int]] | None:
    """The charges of each backup row by the first of them, where the account's amounts are per row; None: one each."""
    if not book.accounts[assembled.invoice.account].per_row:
        return None
    keys = ["split", "section", "kind", "source", "id", "item", "text", "unit", "digits", "origin", "refs"]
    groups = [group["charge"].to_list() for group in entries.partition_by(keys, maintain_order=True)]
    found: dict[int, list[int]] = {charges[0]: charges for charges in groups}
    if not all(charge in found for charge in assembled.charge.tolist() if charge >= 0):
        raise ProofError(
            f"{assembled.invoice.account}: a tax rate changes within a row whose amount is rounded as one, so the charges behind it cannot be "
            f"told apart.\nBill the days before the change as a period of their own."
        )
    return found


def _taxes(book: RuleBook, assembled: Assembled, citations: Citations) -> Json:
    """For each tax of the invoice the lines that have it, each with the place where its rate or the reason for none is written."""
    if book.taxes is None:
        return None
    invoice = assembled.invoice
    of: dict[tuple[str, str, str, str], list[Json]] = {
        (tax.tax_class, tax.name, tax.rate, tax.reason): [] for tax in invoice.taxes
    }
    for number, line in enumerate(invoice.lines):
        known = book.taxes.classes[line.tax_class]
        exempt = _exempt(book.accounts[invoice.account].exemption, known, line)
        if exempt is not None:
            reason, source = exempt
            of[line.tax_class, "", "0%", reason].append([number, citations.place(source, "no tax", entry=True)])
        for tax in known.taxes if exempt is None else ():
            rate = percent_text([rate for start, rate in tax.rates if start <= taxed_on(line)][-1])
            of[line.tax_class, tax.tax, rate, ""].append([number, citations.place(tax.source, f"tax {tax.tax}", entry=True)])
    return {"per": book.taxes.per, "half": book.taxes.half, "of": list(of.values())}


def _exempt(exemption: Exemption | None, known: TaxClass, line: LineItem) -> tuple[str, Source] | None:
    """Why a line is not taxed, and where that is written; None if it is."""
    if exemption is not None and exemption.start <= line.service_to < (exemption.end or date.max):
        return exemption.reason, exemption.source
    return (known.exempt, known.source) if known.exempt else None
