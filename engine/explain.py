"""Explain: every step of an invoice line, from the timesheet to the amount, as data that can be recomputed by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from engine.arrays import Ints
from engine.bulk.assembled import Assembled
from engine.canonical import Json
from engine.explain_made import MadeTelling
from engine.explain_measured import MeasuredTelling
from engine.explain_rules import step, sum_text
from engine.explain_time import TimeTelling
from engine.money import decimal_text
from engine.pipeline import Preview
from engine.problems import InforceError
from engine.ratebook.book import RuleBook
from engine.replay import draft_number

SCHEMA = "inforce.explanation/2"


class NotFoundError(InforceError):
    """There is no such document or line."""


class Explainer:
    """Explains the lines of one preview that was made with its steps kept."""

    def __init__(self, book: RuleBook, preview: Preview) -> None:
        self.book, self.preview = book, preview
        self.documents = {draft_number(each.invoice, preview.period): each for each in preview.assembled}
        self._tellings = list(self._sources())
        self._bodies = {number: each.invoice.body_sha256() for number, each in self.documents.items()}
        self._backup = {number: each.backup.partition_by("line", as_dict=True) for number, each in self.documents.items()}

    def lines(self, number: str) -> Iterator[dict[str, Json]]:
        """The derivations of all lines of a document."""
        for line in self.documents[number].invoice.lines:
            yield self.line(number, line.line)

    def line(self, number: str, line: int) -> dict[str, Json]:
        """The derivation of one line."""
        assembled = self.documents.get(number)
        if assembled is None:
            raise NotFoundError(
                f"{number} is not made by this rule book and activity.\nReplay its period to see which documents are."
            )
        invoice, book = assembled.invoice, self.book
        found = next((each for each in invoice.lines if each.line == line), None)
        if found is None:
            raise NotFoundError(f"{number} has lines 1 to {len(invoice.lines)}, not {line}.")
        there = np.flatnonzero(assembled.backup["line"].to_numpy() == line)
        charges = assembled.charge[there]
        rows = [
            self._row(assembled, int(charge), cells)
            for charge, cells in zip(charges, self._backup[number][(line,)].iter_rows(named=True), strict=True)
        ]
        return {
            "schema": SCHEMA,
            "document": number,
            "body_sha256": self._bodies[number],
            "line": found.line,
            "key": found.key,
            "account": invoice.account,
            "site": found.section,
            "item": found.item,
            "description": found.description,
            "currency": invoice.currency,
            "quantity": str(found.quantity),
            "unit": found.unit,
            "price": str(found.price),
            "exact": decimal_text(found.quantity.units * found.price.units, found.quantity.digits + found.price.digits),
            "rounding": {
                "half": book.rounding.amount, "per": "line", "digits": invoice.digits, "source": str(book.rounding.source),
            },
            "amount": decimal_text(found.amount, invoice.digits),
            "prices": self._prices(assembled, charges[charges >= 0]),
            "rows": list(rows),
        }  # fmt: skip

    def _sources(self) -> Iterator[tuple[int, TimeTelling | MeasuredTelling]]:
        """Who tells which charges, with the number of the first: those of time stand first, then those of measured kinds, then fees."""
        start = 0
        for collected, rated in self.preview.timed:
            yield start, TimeTelling(self.book, collected, rated, start)
            start += len(rated.charges)
        every = [*((rated, False) for _, rated in self.preview.measured), *((rated, True) for rated in self.preview.fees)]
        for measured, fees in every:
            yield start, MeasuredTelling(self.book, measured, start, fees=fees)
            start += len(measured.charges)

    def _telling(self, charge: int) -> TimeTelling | MeasuredTelling:
        return next(telling for start, telling in reversed(self._tellings) if start <= charge)

    def _prices(self, assembled: Assembled, charges: Ints) -> list[Json]:
        """How the prices behind some charges were made; of rows whose amounts are rounded one by one, those of all their parts."""
        if not len(charges):
            return []
        if self.book.accounts[assembled.invoice.account].per_row:
            charges = np.unique(np.concatenate([self._behind(int(each))["charge"].to_numpy() for each in charges]))
        bounds = [start for start, _ in self._tellings]
        which = np.searchsorted(bounds, charges, side="right")
        return [told for at in np.unique(which).tolist() for told in self._tellings[at - 1][1].prices(charges[which == at])]

    def _row(self, assembled: Assembled, charge: int, cells: Mapping[str, Any]) -> dict[str, Json]:
        if charge < 0:
            mine = [(name, each) for name, each in self.documents.items() if each.invoice.account == assembled.invoice.account]
            return MadeTelling(self.book, mine).row(assembled, cells)
        told = self._telling(charge).row(charge, cells, assembled.invoice.digits)
        if cells["component"] == "row":
            return told | self._per_row(assembled, charge, cells)
        if "@" in cells["component"]:
            return told | self._share(charge, cells, told)
        return told

    def _behind(self, charge: int) -> pl.DataFrame:
        """The charges of one row of activity that were made one amount together with a charge."""
        first = self.preview.entries.filter(pl.col("charge") == charge)
        keys = ["account", "split", "section", "kind", "source", "id", "item", "text", "unit", "digits", "origin", "refs"]
        return self.preview.entries.join(first.select(keys), on=keys, how="semi", nulls_equal=True).sort("charge")

    def _per_row(self, assembled: Assembled, charge: int, cells: Mapping[str, Any]) -> dict[str, Json]:
        """A row whose amount is rounded by itself: quantity 1, and its amount as price."""
        parts: list[Json] = []
        steps: list[Json] = []
        exact = []
        for entry in self._behind(charge).iter_rows(named=True):
            quantity = decimal_text(entry["quantity"], entry["digits"])
            price = decimal_text(entry["price"], entry["price_digits"])
            parts.append({"component": entry["component"], "quantity": quantity, "price": price})
            made = self._telling(entry["charge"]).steps(entry["charge"])
            named = [
                {**each, "step": f"{each['step']} of {entry['component']}"} if each["step"] == "quantity" else each
                for each in made
            ]
            steps += [each for each in named if each["step"] != "price" and each not in steps]
            exact.append(f"{quantity} * {price}")
        amount = decimal_text(int(cells["amount"]), assembled.invoice.digits)
        half = self.book.rounding.amount
        steps += [
            step("amount of the row", sum_text(exact), amount, digits=assembled.invoice.digits, half=half),
            step("quantity", cells["quantity"], cells["quantity"]),
            step("price", amount.removeprefix("-"), cells["price"]),
        ]
        return {"parts": parts, "steps": steps}

    def _share(self, charge: int, cells: Mapping[str, Any], told: Mapping[str, Json]) -> dict[str, Json]:
        """A row of a shared site: what of its quantity this account pays."""
        account = cells["component"].rpartition("@")[2]
        share = next(
            each
            for each in self.book.assembly.shares
            if each.site == cells["section"] and account in dict(each.accounts) and str(each.start) <= cells["service_day"]
            and (each.end is None or cells["service_day"] < str(each.end))
        )  # fmt: skip
        steps = told["steps"]
        before: list[Json] = list(steps) if isinstance(steps, Sequence) else []
        at = next(
            place for place, each in reversed(list(enumerate(before))) if isinstance(each, dict) and each["step"] == "quantity"
        )
        last = before[at]
        whole = str(last["value"]) if isinstance(last, dict) else ""
        if isinstance(last, dict):
            before[at] = {**last, "step": "quantity of all who share"}
        parts = ", ".join(f"{whole} * {part}" for _, part in share.accounts)
        place = 1 + list(dict(share.accounts)).index(account)
        digits = len(cells["quantity"].partition(".")[2])
        mine = step("quantity", f"share({whole}, {place}, {parts})", cells["quantity"], digits=digits, half="up")
        return {"share": {"share": share.share, "source": str(share.source)}, "steps": [*before, mine]}
