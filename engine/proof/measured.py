"""What stands behind charges of measured activity and of fees: the figure of a rate that is their price, and what the row says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from engine.bulk.measured_rating import MeasuredRated
from engine.canonical import Json
from engine.money import CURRENCY_DIGITS, Decimals
from engine.problems import Source
from engine.proof.behind import Behind
from engine.proof.citations import Citations
from engine.proof.prices import point_price
from engine.ratebook.book import RuleBook


class MeasuredCharges:
    """The charges of one kind of measured activity, or of `fees` of the rule book; `start` is the number of its first charge."""

    def __init__(self, book: RuleBook, rated: MeasuredRated, start: int, citations: Citations, *, fees: bool = False) -> None:
        self.book, self.rated, self.start, self.citations, self.fees = book, rated, start, citations, fees
        self.charges = rated.charges.sort("row", "segment", "component")

    def __len__(self) -> int:
        return len(self.charges)

    def behind(self, charge: int) -> Behind:
        """What stands behind a charge."""
        told = self.charges.row(charge - self.start, named=True)
        kind, row = self.rated.measured.kind.kind, told["row"]
        source, id_ = (str(self.rated.measured.frame[name][row]) for name in ("source", "id"))
        decisions = tuple(found[int(numbers[row])] for numbers, found in self.rated.decided.values())
        of_row = told["component"] == "line" or told["note"] == "external cost"
        price = None
        if told["point"] >= 0 and not of_row:
            made, half = Decimals(told["price"], told["price_digits"]), self.book.rounding.amount
            point = self.rated.points[told["point"]]
            price = point_price(point, told["component"], told["note"], made, half, self.citations)
        given = "" if of_row else self._given(told["component"], priced=price is not None)
        if self.fees:
            path, line, column = str(self.rated.measured.frame["file"][row]).rsplit(":", 2)
            self.citations.place(Source(path, int(line), int(column)), f"fee {id_}", entry=True)
        return Behind(None if self.fees else (kind, source, id_), price, decisions, given)

    def _given(self, component: str, *, priced: bool) -> str:
        if not priced:
            return "what an allowance includes, at no price" if component.startswith("tier-") else "a price of no single rate"
        if self.fees:
            return "how many of a fee there are in a cycle"
        return "where the running sum of an account crosses a tier" if component.startswith("tier-") else ""

    def sums(self, charges: Sequence[int], there: Mapping[int, int]) -> list[dict[str, Json]]:
        """Which cells of its row the charges of one row add up to: quantities, or whole amounts. Steps, packages and bounds leave none."""
        found: dict[tuple[str, str], list[int]] = {}
        for charge in charges:
            told = self.charges.row(charge - self.start, named=True)
            if told["component"] == "line" or told["note"] == "external cost":
                found.setdefault(("amount", "exact"), []).append(charge)
            elif told["component"] == "base" or told["component"].startswith("tier-"):
                cell = "amount" if self.rated.measured.kind.rated_by == "amount" else "quantity"
                found.setdefault((cell, "quantity"), []).append(charge)
        return [
            {"cell": cell, "digits": digits, "sum": what, "charges": [there[each] for each in mine]}
            for (cell, what), mine in found.items()
            for digits in self._agreeing(cell, what, mine)
        ]

    def _agreeing(self, cell: str, what: str, charges: Sequence[int]) -> list[int]:
        """The digits of a cell, if the charges add up to it."""
        rows = [self.charges.row(charge - self.start, named=True) for charge in charges]
        row = rows[0]["row"]
        site = self.book.sites[self.rated.measured.frame["site"][row]]
        currency = CURRENCY_DIGITS[self.book.accounts[site.account].currency]
        digits = currency if cell == "amount" else self.rated.measured.digits
        total = Fraction(0)
        for each in rows:
            figure = Fraction(each["quantity"], 10 ** each["quantity_digits"])
            total += figure * Fraction(each["price"], 10 ** each["price_digits"]) if what == "exact" else figure
        said = self.rated.measured.frame[cell][row]
        return [digits] if said is not None and abs(total) == abs(Fraction(int(said), 10**digits)) else []
