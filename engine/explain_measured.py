"""Explanations of measured activity and of fees: how a recorded quantity became a charged one, and which price of the model it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

import polars as pl

from engine.arrays import Ints
from engine.bulk.measured import quantity_digits
from engine.bulk.measured_rating import MeasuredRated, Point
from engine.bulk.recurring import cycle_with
from engine.canonical import Json
from engine.dates import day_of
from engine.explain_rules import decision_told, number_text, rate_told, step, term_told
from engine.money import CURRENCY_DIGITS, Decimals, Half, decimal_text, rounded
from engine.ratebook.book import RuleBook
from engine.ratebook.models import Scheme
from engine.ratebook.words import scheme_words

_SECONDS = {"second": 1, "minute": 60, "hour": 3600}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


class MeasuredTelling:
    """Tells the steps behind charges of measured activity; `start` is the number of its first charge; `fees`: nobody's rows."""

    def __init__(self, book: RuleBook, rated: MeasuredRated, start: int, *, fees: bool) -> None:
        self.book, self.rated, self.start, self.fees = book, rated, start, fees
        self.charges = rated.charges.sort("row", "segment", "component")
        self._running: dict[tuple[int, int], Mapping[str, int]] | None = None
        self._totals: dict[tuple[str, int], int] = {}

    def prices(self, charges: Ints) -> list[Json]:
        """How each distinct price of some charges was made."""
        numbers = self.charges["point"].gather(charges - self.start).unique().sort().to_list()
        found: dict[str, Json] = {}
        for point in (self.rated.points[number] for number in numbers if number >= 0):
            told = _price(self.book, point)
            found.setdefault(str(told), told)
        return list(found.values())

    def row(self, charge: int, cells: Mapping[str, Any], digits: int) -> dict[str, Json]:
        """One backup row with the activity behind it."""
        made = self.charges.row(charge - self.start, named=True)
        activity = self.rated.measured.frame.row(made["row"], named=True)
        where = activity["file"] if not activity["row"] else f"{activity['file']}:{activity['row']}"
        decisions: list[Json] = []
        for slot, (numbers, found) in self.rated.decided.items():
            place = (activity["site"], day_of(activity["day"]))
            decisions.append(decision_told(self.book, slot, found[int(numbers[made["row"]])], place))
        return {
            "basis": "measured", "id": activity["id"], "source": where if self.fees else activity["source"], "revision": activity["revision"],
            "file": where, "worker": activity["worker"], "component": cells["component"], "segment": cells["segment"],
            "start": cells["start"], "end": cells["end"], "dated": str(day_of(activity["day"])), "service_day": cells["service_day"],
            "note": cells["note"], "events": activity["events"], **self._measure(activity), "decisions": decisions,
            "terms": self._terms(made), "quantity": cells["quantity"], "price": cells["price"], "exact": cells["exact"],
            "steps": self.steps(charge), "amount": decimal_text(int(cells["amount"]), digits),
        }  # fmt: skip

    def steps(self, charge: int) -> list[dict[str, Json]]:
        """From what a row says to the quantity and the price of one of its charges."""
        made = self.charges.row(charge - self.start, named=True)
        return _Steps(self, made, self.rated.measured.frame.row(made["row"], named=True)).told()

    def _measure(self, activity: Mapping[str, Any]) -> dict[str, Json]:
        """What a row says: its quantity, or its amount."""
        measured = self.rated.measured
        if measured.kind.rated_by != "quantity" and activity["amount"] is not None:
            currency = self.book.accounts[self.book.sites[activity["site"]].account].currency
            return {"measured": decimal_text(int(activity["amount"]), CURRENCY_DIGITS[currency]), "unit": currency}
        return {"measured": decimal_text(int(activity["quantity"]), measured.digits), "unit": measured.kind.unit}

    def _terms(self, made: Mapping[str, Any]) -> list[Json]:
        """The term that gives an allowance."""
        point = self.rated.points[made["point"]] if made["point"] >= 0 else None
        if point is None or not isinstance(point.scheme.allowance, str):
            return []
        return [term_told(self.book, (point.site, self.window_start(point, made)), point.scheme.allowance)]

    def window_start(self, point: Point, made: Mapping[str, Any]) -> date:
        """The first day of the window that a charge counts in."""
        day, months = day_of(made["day"]), _MONTHS.get(point.table.over)
        return day if months is None else date(day.year, (day.month - 1) // months * months + 1, 1)

    def running(self, row: int, segment: int) -> Mapping[str, int]:
        """What had been used in the window before a row or piece (`before`), what is its own, and what the whole window has (`total`)."""
        if self._running is None:
            frame = self.rated.running if self.rated.running is not None else pl.DataFrame()
            self._running = {(each["row"], each["segment"]): each for each in frame.iter_rows(named=True)}
            for each in self._running.values():
                key = (str(each["item"]), each["group"])
                self._totals[key] = self._totals.get(key, 0) + each["quantity"]
        found = self._running[row, segment]
        return {**found, "total": self._totals[str(found["item"]), found["group"]]}


@dataclass(frozen=True, slots=True)
class _Steps:
    """The arithmetic behind one charge."""

    telling: MeasuredTelling
    made: Mapping[str, Any]
    activity: Mapping[str, Any]

    def told(self) -> list[dict[str, Json]]:
        """The steps; the last ones are called quantity and, where it is not simply the price of the rate, price."""
        component, note = self.made["component"], self.made["note"]
        if self.made["point"] < 0:
            return [self._sign(), self._price_is(self._price)]
        scheme, model = self._point.scheme, self._point.table.model
        if component == "connect":
            return [self._sign(), self._price_is(str(scheme.connect))]
        if component.startswith("fee-"):
            return [self._sign(), self._price_is(self._price)]
        if component == "markup" or (model == "percentage" and note not in ("minimum", "maximum")):
            return [step("quantity", self._amount, self._quantity), self._price_is(str(scheme.percent))]
        if model == "pass-through":
            return [self._sign(), self._price_is(self._amount.removeprefix("-"))]
        if note in ("minimum", "maximum") and component == "base":
            return self._bounded(note)
        if model == "package":
            return self._package()
        if model == "volume":
            return self._volume()
        if component.startswith("tier-"):
            return self._tier(int(component.removeprefix("tier-")))
        return self._plain()

    @property
    def _point(self) -> Point:
        return self.telling.rated.points[int(self.made["point"])]

    @property
    def _quantity(self) -> str:
        return decimal_text(int(self.made["quantity"]), int(self.made["quantity_digits"]))

    @property
    def _price(self) -> str:
        return decimal_text(int(self.made["price"]), int(self.made["price_digits"]))

    @property
    def _amount(self) -> str:
        return str(self.telling._measure(self.activity)["measured"])

    def _sign(self) -> dict[str, Json]:
        return step("quantity", self._quantity, self._quantity)

    def _price_is(self, formula: str) -> dict[str, Json]:
        return step("price", formula, self._price)

    # --- quantities

    def _plain(self) -> list[dict[str, Json]]:
        """The recorded quantity: in steps, in the unit of the table, shared over windows."""
        steps = self._charged()
        if not steps:
            return [step("quantity", str(self._measured), self._quantity)]
        last: dict[str, Json] = {**steps[-1], "step": "quantity"}
        return [*steps[:-1], last]

    @property
    def _measured(self) -> str:
        return str(self.telling._measure(self.activity)["measured"])

    def _charged(self) -> list[dict[str, Json]]:
        """From the recorded quantity to the one that the price model takes."""
        book, kind, table, scheme = self.telling.book, self.telling.rated.measured.kind, self._point.table, self._point.scheme
        if self.telling.fees:
            return self._of_cycle()
        digits, value, steps = self.telling.rated.measured.digits, self._measured, list[dict[str, Json]]()
        timed = kind.unit in _SECONDS and table.unit in _SECONDS
        if scheme.then is not None and Fraction(value):
            first, scale = str(scheme.first or 0), _SECONDS[kind.unit] if timed else 1
            size, sign = value.removeprefix("-"), "-" if value.startswith("-") else ""
            stepped = f"{first} + up(max({size} * {scale} - {first}, 0) / {scheme.then}) * {scheme.then}"
            made = _stepped(Fraction(size), scheme, scale)
            value = sign + number_text(made, digits)
            steps.append(step("in steps", f"{sign}({stepped}) / {scale}", value))
        if kind.unit != table.unit:
            made_digits, half = book.rounding.quantity[table.unit]
            exact = Fraction(value) * _SECONDS[kind.unit] / _SECONDS[table.unit]
            unit = _rounded(exact, made_digits, half)
            formula = f"{value} * {_SECONDS[kind.unit]} / {_SECONDS[table.unit]}"
            steps.append(step(f"in units of {table.unit}", formula, str(unit), digits=made_digits, half=half))
            value = str(unit)
        pieces = self._pieces()
        if len(pieces) > 1:
            place = next(
                at
                for at, each in enumerate(pieces, start=1)
                if each == (self.made["segment"], self.made["start"], self.made["end"])
            )
            lengths = [end - start for _, start, end in pieces]
            parts = ", ".join(f"{value} * {length} / {sum(lengths)}" for length in lengths)
            unit_digits = quantity_digits(book, table.unit)
            mine = self._quantity_before_sign()
            steps.append(step("in this window", f"share({value}, {place}, {parts})", mine, digits=unit_digits, half="up"))
            value = mine
        if table.payout:
            steps.append(step("paid out", f"0 - ({value})", _negative(value)))
        return steps

    def _quantity_before_sign(self) -> str:
        return _negative(self._quantity) if self._point.table.payout else self._quantity

    def _pieces(self) -> list[tuple[int, int, int]]:
        """The pieces of the row in windows: segment, start, end."""
        mine = self.telling.charges.filter(
            (pl.col("row") == self.made["row"]) & (pl.col("start") >= 0) & (pl.col("component") != "connect")
        )
        return sorted(set(mine.select("segment", "start", "end").iter_rows())) if "window" in self._point.table.facets else []

    def _of_cycle(self) -> list[dict[str, Json]]:
        """The quantity of a fee: that of its part of the cycle."""
        book = self.telling.book
        account, name, day = str(self.activity["id"]).split("/")
        fee = next(each for each in book.accounts[account].fees if each.fee == name)
        found = cycle_with(book, fee, date.fromisoformat(day))
        if found is None:
            return []
        cycle, place = found
        digits = quantity_digits(book, self._point.table.unit)
        known = book.rounding.quantity.get(self._point.table.unit)
        half: Half = known[1] if known is not None else "up"
        parts = [
            f"{_plain_text(held)} * {(end - start).days} / {cycle.days}" if fee.prorate else _plain_text(held)
            for start, end, held in cycle.parts
        ]
        if len(parts) == 1:
            return [step("in this cycle", parts[0], self._measured, digits=digits, half=half)]
        whole = str(_rounded(sum(cycle.exact, Fraction(0)), digits, half))
        return [
            step("in this cycle", " + ".join(parts), whole, digits=digits, half=half),
            step(
                "in this part of it", f"share({whole}, {place + 1}, {', '.join(parts)})", self._measured, digits=digits, half=half
            ),
        ]

    # --- models that count

    def _used(self) -> tuple[str, str]:
        """What had been used in the window before this row, and after it."""
        sums = self.telling.running(self.made["row"], self.made["segment"])
        digits = quantity_digits(self.telling.book, self._point.table.unit)
        return decimal_text(sums["before"], digits), decimal_text(sums["before"] + sums["quantity"], digits)

    def _tier(self, number: int) -> list[dict[str, Json]]:
        """The part of a row between two bounds of the running sum."""
        before, after = self._used()
        low, high, price = self._bounds()[number - 1]

        def within(value: str) -> str:
            inner = f"max({value}, {low})" if low is not None else value
            return f"min({inner}, {high})" if high is not None else inner

        used = step("used in the window, with this", f"{before} + {_sum_back(before, after)}", after)
        return [
            *self._charged(),
            used,
            step("quantity", f"{within(after)} - {within(before)}", self._quantity),
            self._price_is(price),
        ]

    def _bounds(self) -> list[tuple[str | None, str | None, str]]:
        """From, to and price of each tier; an allowance is a first one at no price."""
        point = self._point
        if point.scheme.tiers:
            return [
                (str(each.start), None if each.end is None else str(each.end), str(each.price)) for each in point.scheme.tiers
            ]
        allowance = point.scheme.allowance
        if allowance is None:
            return [(None, None, str(point.price))]
        if isinstance(allowance, str):
            said = self.telling.book.terms_on(point.site, self.telling.window_start(point, self.made))[allowance]
            allowance = said if isinstance(said, Decimals) else Decimals(0, 0)
        return [(None, str(allowance), str(Decimals(0, point.price.digits))), (str(allowance), None, str(point.price))]

    def _package(self) -> list[dict[str, Json]]:
        before, after = self._used()
        size = self._point.scheme.package
        started = f"up(max({after}, 0) / {size}) - up(max({before}, 0) / {size})"
        used = step("used in the window, with this", f"{before} + {_sum_back(before, after)}", after)
        return [*self._charged(), used, step("quantity", started, self._quantity)]

    def _volume(self) -> list[dict[str, Json]]:
        """All of a window at the price that its total reaches."""
        sums = self.telling.running(self.made["row"], self.made["segment"])
        total = decimal_text(sums["total"], quantity_digits(self.telling.book, self._point.table.unit))
        tiers = self._point.scheme.tiers
        formula = str(tiers[0].price)
        for tier in tiers[1:]:
            formula = f"{tier.price} if {total} >= {tier.start} else {formula}"
        return [*self._plain(), step("used in the whole window", total, total), self._price_is(formula)]

    def _bounded(self, note: str) -> list[dict[str, Json]]:
        """At least, or at most, what a price says of one row."""
        scheme, model = self._point.scheme, self._point.table.model
        steps = self._charged() if model != "percentage" else []
        quantity = str(steps[-1]["value"]) if steps else self._measured
        price = str(scheme.percent) if model == "percentage" else str(self._point.price)
        product = f"{quantity.removeprefix('-')} * {price}"
        bound, word = (scheme.at_least, "max") if note == "minimum" else (scheme.at_most, "min")
        return [*steps, self._sign(), self._price_is(f"{word}({product}, {bound})")]


def _price(book: RuleBook, point: Point) -> dict[str, Json]:
    """How the price of a point was made: its rate, what multiplies it, and what its model says beside it."""
    table = point.table
    factors = [rate_told(factor) for factor in point.factors]
    times = "".join(f" * {factor.value}" for factor in point.factors)
    half = book.rounding.amount
    steps = [step("price", f"{point.rate.value}{times}", str(point.price), digits=point.price.digits, half=half)]
    for before, after in zip(point.rate.scheme.tiers, point.scheme.tiers, strict=True):
        name = f"price from {after.start}"
        steps.append(step(name, f"{before.price}{times}", str(after.price), digits=after.price.digits, half=half))
    return {
        "model": table.model if table.over == "activity" else f"{table.model}, over a {table.over} of the account",
        "base": rate_told(point.rate), "factors": list(factors), "scheme": scheme_words(point.scheme, table.unit), "window": point.window,
        "steps": list(steps), "price": str(point.price),
    }  # fmt: skip


def _stepped(size: Fraction, scheme: Scheme, scale: int) -> Fraction:
    first, then = (scheme.first or Decimals(0, 0)).fraction(), (scheme.then or Decimals(1, 0)).fraction()
    if not size:
        return size
    return (first + -(-max(size * scale - first, Fraction(0)) // then) * then) / scale


def _rounded(value: Fraction, digits: int, half: Half) -> Decimals:
    return Decimals(rounded(value * 10**digits, half), digits)


def _plain_text(value: Fraction) -> str:
    return str(value) if value.denominator == 1 else f"{value.numerator} / {value.denominator}"


def _negative(value: str) -> str:
    return value.removeprefix("-") if value.startswith("-") else (f"-{value}" if Fraction(value) else value)


def _sum_back(before: str, after: str) -> str:
    digits = len(after.partition(".")[2])
    return f"({number_text(Fraction(after) - Fraction(before), digits)})"
