"""Measured activity by the plain reading of the law: one row at a time, in fractions, unit by unit of a window's sum where tiers count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Literal

from engine.money import CURRENCY_DIGITS, Decimals
from engine.ratebook.book import ActivityKind, Price, RateTable, RuleBook
from engine.ratebook.models import Scheme
from engine.reference.clock import Windows, instants, local_day
from engine.reference.numbers import share, to_whole

_SECONDS = {"second": 1, "minute": 60, "hour": 3600}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True, slots=True)
class Bit:
    """A charge: whose, for what, and the words that keep it from sharing a line with others; and the row that it is of."""

    account: str
    item: str
    words: str
    unit: str
    quantity: Fraction
    price: Fraction
    row: Row
    origin: Literal["rated", "window", "external"] = "rated"


@dataclass(frozen=True, slots=True)
class Billed:
    """A line: item, unit, quantity, price and amount in minor units."""

    item: str
    unit: str
    quantity: Fraction
    price: Fraction
    amount: int


@dataclass(frozen=True, slots=True)
class Row:
    """A row of activity; `last` is the last day that it is for."""

    id: str
    account: str
    item: str
    cells: Mapping[str, str]
    at: int
    day: date
    last: date
    quantity: Fraction


def evaluate_measured(
    book: RuleBook, kind: ActivityKind, rows: Sequence[Mapping[str, str]], start: date, end: date
) -> dict[str, list[Billed]]:
    """The lines of each account, for the days `start`..`end`; rows of earlier days feed the sums of windows."""
    bits = charges(book, kind, read(book, kind, rows), start, end)
    lines: dict[str, list[Billed]] = {}
    groups: dict[tuple[object, ...], list[Bit]] = {}
    for bit in bits:
        groups.setdefault((bit.account, bit.item, bit.words, bit.unit, bit.price), []).append(bit)
    for mine in groups.values():
        first = mine[0]
        quantity = sum((bit.quantity for bit in mine), Fraction(0))
        minor = 10 ** CURRENCY_DIGITS[book.accounts[first.account].currency]
        amount = to_whole(quantity * first.price * minor, book.rounding.amount)
        lines.setdefault(first.account, []).append(Billed(first.item, first.unit, quantity, first.price, amount))
    return lines


def charges(book: RuleBook, kind: ActivityKind, rows: Sequence[Row], start: date, end: date) -> list[Bit]:
    """The charges of the days `start`..`end`, in order of their rows."""
    ordered = sorted(rows, key=lambda row: (row.at, row.id))
    bits: list[Bit] = []
    for place, row in enumerate(ordered):
        if row.day < end:
            bits += _Charging(book, kind, ordered, place, start, end).bits()
    return bits


def read(book: RuleBook, kind: ActivityKind, rows: Sequence[Mapping[str, str]]) -> list[Row]:
    """The rows of a kind, none of which is wrong; of a kind that is rolled up those of a day that differ in nothing else are one."""
    found = sorted((_read(book, kind, cells) for cells in rows), key=lambda row: (row.at, row.id))
    if not kind.roll_up:
        return found
    own = {"id", "revision", kind.moment, kind.quantity, kind.amount}
    days: dict[tuple[object, ...], Row] = {}
    for row in found:
        key = (row.day, *(value for name, value in sorted(row.cells.items()) if name not in own))
        days[key] = replace(days[key], quantity=days[key].quantity + row.quantity) if key in days else row
    return list(days.values())


def _read(book: RuleBook, kind: ActivityKind, cells: Mapping[str, str]) -> Row:
    account = cells["account"]
    zone = book.accounts[account].sites[0].zone
    text = cells[kind.moment]
    moment = datetime.fromisoformat(text)
    if len(text) == 10:
        at, day = instants(zone, moment)[0], moment.date()
    else:
        at = instants(zone, moment)[0]
        day = local_day(zone, at)
    measure = Fraction(cells[kind.quantity or kind.amount])
    if kind.rated_by == "quantity":
        digits, half = book.rounding.quantity[kind.unit]
        measure = Fraction(to_whole(measure * 10**digits, half), 10**digits)
    return Row(cells["id"], account, cells["item"], cells, at, day, day, measure)


@dataclass(frozen=True, slots=True)
class _Charging:
    """The charges of one row among others."""

    book: RuleBook
    kind: ActivityKind
    rows: Sequence[Row]
    place: int
    start: date
    end: date

    @property
    def row(self) -> Row:
        """The row."""
        return self.rows[self.place]

    @property
    def table(self) -> RateTable:
        """The table that prices it."""
        return self.book.tables[self.book.items[self.row.item].table]

    @property
    def is_here(self) -> bool:
        """Whether it is dated in the period."""
        return self.start <= self.row.day

    def bits(self) -> list[Bit]:
        """Its charges; those of payouts turned."""
        found = self._charged()
        return [replace(bit, quantity=-bit.quantity) for bit in found] if self.table.payout else found

    def _charged(self) -> list[Bit]:
        """Its charges; of volume prices those of the whole window, with its last row."""
        table = self.table
        if table.model == "volume":
            return self._volume() if self._is_last() and self._ends_here() else []
        found: list[Bit] = []
        if table.model == "graduated" and self._is_last() and self._ends_here():
            found += self._fees()
        if not self.is_here:
            return found
        if table.model == "pass-through":
            return self._pass_through()
        if table.model == "percentage":
            price = self._price()
            percent = _number(price.scheme.percent)
            found += self._bounded(price.scheme, self.row.quantity, self._of_currency(), percent, "")
        elif table.model in ("graduated", "package") or table.over != "activity":
            found += self._counted()
        elif "window" in table.key:
            found += self._in_windows()
        else:
            found += self._bounded(self._price().scheme, self._billed(), table.unit, self._factored(self._price()), "")
        connect = self._price(self._first_window()).scheme.connect
        if connect is not None and self.row.quantity != 0:
            found.append(self._bit("connection", "each", Fraction(self._sign()), connect.fraction()))
        return found

    # --- prices

    def _price(self, window: str = "") -> Price:
        """The entry in force on the row's day."""
        return self._entry(self.table, window)

    def _entry(self, table: RateTable, window: str = "") -> Price:
        site = self.book.accounts[self.row.account].sites[0]
        geo = next((name for since, name in reversed(site.geo) if since <= self.row.day), "")
        says = {
            "account": self.row.account,
            "site": site.site,
            "geo": geo,
            "item": self.row.item,
            "window": window,
            **self.row.cells,
        }
        says |= {"account": self.row.account, "window": window}
        return [each for each in table.rows[tuple(says[column] for column in table.key)].prices if each.start <= self.row.day][-1]

    def _factored(self, price: Price) -> Fraction:
        exact = _number(price.value)
        factors = self.book.items[self.row.item].times
        for name in factors:
            exact *= _number(self._entry(self.book.tables[name]).value)
        digits = self.table.digits
        return Fraction(to_whole(exact * 10**digits, self.book.rounding.amount), 10**digits) if factors else exact

    # --- quantities

    def _sign(self) -> int:
        return -1 if self.row.quantity < 0 else 1

    def _seconds(self, scheme: Scheme) -> Fraction:
        """What is charged of a length, in seconds."""
        seconds = self.row.quantity * _SECONDS[self.kind.unit]
        return _stepped(seconds, scheme)

    def _billed(self) -> Fraction:
        """What is charged, in the unit of the table."""
        scheme, unit = self._price(self._first_window()).scheme, self.table.unit
        if self.kind.unit in _SECONDS and unit in _SECONDS:
            return self._in_unit(self._seconds(scheme))
        return _stepped(self.row.quantity, scheme)

    def _in_unit(self, seconds: Fraction) -> Fraction:
        digits, half = self.book.rounding.quantity[self.table.unit]
        return Fraction(to_whole(seconds / _SECONDS[self.table.unit] * 10**digits, half), 10**digits)

    # --- models

    def _bit(self, words: str, unit: str, quantity: Fraction, price: Fraction) -> Bit:
        return Bit(self.row.account, self.row.item, words, unit, quantity, price, self.row)

    def _bounded(self, scheme: Scheme, quantity: Fraction, unit: str, price: Fraction, words: str) -> list[Bit]:
        size = abs(quantity * price)
        sign = Fraction(-1 if quantity < 0 else 1)
        if scheme.at_least is not None and quantity != 0 and size < scheme.at_least.fraction():
            return [self._bit("minimum", "each", sign, scheme.at_least.fraction())]
        if scheme.at_most is not None and size > scheme.at_most.fraction():
            return [self._bit("maximum", "each", sign, scheme.at_most.fraction())]
        return [self._bit(words, unit, quantity, price)]

    def _of_currency(self) -> str:
        return f"of {self.book.accounts[self.row.account].currency}"

    def _pass_through(self) -> list[Bit]:
        cost = self.row.quantity
        refs = "|".join(self.row.cells.get(name, "") for name in self.kind.references)
        found = [self._bit(refs, "each", Fraction(-1 if cost < 0 else 1), abs(cost))]
        percent = _number(self._price().scheme.percent)
        return [*found, self._bit(f"{refs} markup", self._of_currency(), cost, percent)] if percent else found

    def _first_window(self) -> str:
        return self._window_at(self.row.at) if "window" in self.table.key else ""

    def _window_at(self, at: int) -> str:
        zone = self.book.accounts[self.row.account].sites[0].zone
        there = Windows(self.book).at(zone, at)
        named = [*self.table.first_of, *sorted({row.key["window"] for row in self.table.rows.values()})]
        return next((name for name in named if name in there), "otherwise")

    def _in_windows(self) -> list[Bit]:
        """Second by second: how long the row lies in which window."""
        seconds = int(self._seconds(self._price(self._first_window()).scheme))
        runs: list[tuple[str, int]] = []
        step = 60 - self.row.at % 60  # windows begin on whole minutes
        at = self.row.at
        while at < self.row.at + seconds:
            length = min(step, self.row.at + seconds - at)
            window = self._window_at(at)
            if runs and runs[-1][0] == window:
                runs[-1] = (window, runs[-1][1] + length)
            else:
                runs.append((window, length))
            at, step = at + length, 60
        if not runs:
            runs = [(self._first_window(), 0)]
        digits, _ = self.book.rounding.quantity[self.table.unit]
        whole = int(self._billed() * 10**digits)
        sign = -1 if whole < 0 else 1
        parts = share(abs(whole), [Fraction(abs(whole) * length, max(seconds, 1)) for _, length in runs])
        return [
            self._bit(window, self.table.unit, Fraction(sign * part, 10**digits), self._factored(self._price(window)))
            for (window, _), part in zip(runs, parts, strict=True)
        ]

    # --- windows of sums

    def _window(self, day: date) -> int:
        return (day.year * 12 + day.month - 1) // _MONTHS[self.table.over]

    def _mates(self) -> list[Row]:
        """The rows of the account's item in the window, before the end of the period."""
        row = self.row
        return [
            each
            for each in self.rows
            if (each.account, each.item) == (row.account, row.item)
            and self._window(each.day) == self._window(row.day)
            and each.day < self.end
        ]

    def _is_last(self) -> bool:
        return self._mates()[-1] is self.row

    def _ends_here(self) -> bool:
        month = (self._window(self.row.day) + 1) * _MONTHS[self.table.over]
        last = date(month // 12, month % 12 + 1, 1) - timedelta(days=1)
        return self.start <= last < self.end

    def _sum(self, before: Sequence[Row]) -> Fraction:
        """What some rows are charged for, in the table's unit."""
        each = (replace(self, place=[mine is row for mine in self.rows].index(True)) for row in before)
        return sum((charging._billed() for charging in each), Fraction(0))

    def _before(self) -> Fraction:
        if self.table.over == "activity":
            return Fraction(0)
        mates = self._mates()
        return self._sum(mates[: [each is self.row for each in mates].index(True)])

    def _counted(self) -> list[Bit]:
        price, unit = self._price(), self.table.unit
        scheme = price.scheme
        before = self._before()
        after = before + self._sum([self.row])
        if self.table.model == "package":
            size = _number(scheme.package)
            started = _up(max(after, Fraction(0)) / size) - _up(max(before, Fraction(0)) / size)
            return [self._bit("package", "package", Fraction(started), _number(price.value))]
        if scheme.tiers:
            bounds = [
                (
                    f"tier {tier.start} {tier.end}",
                    tier.start.fraction(),
                    tier.end.fraction() if tier.end else None,
                    tier.price.fraction(),
                )
                for tier in scheme.tiers
            ]
        elif scheme.allowance is None:
            return [self._bit("", unit, after - before, self._factored(price))]
        else:
            allowance = scheme.allowance
            if isinstance(allowance, str):
                month = self._window(self.row.day) * _MONTHS[self.table.over]
                site = self.book.accounts[self.row.account].sites[0].site
                said = self.book.terms_on(site, date(month // 12, month % 12 + 1, 1))[allowance]
                allowance = said if isinstance(said, Decimals) else Decimals(0, 0)
            edge = allowance.fraction()
            bounds = [("included", Fraction(-(10**18)), edge, Fraction(0)), ("overage", edge, None, self._factored(price))]
        found = [
            self._bit(words, unit, _clip(after, low, high) - _clip(before, low, high), cost) for words, low, high, cost in bounds
        ]
        return [bit for bit in found if bit.quantity] or found[:1]

    def _fees(self) -> list[Bit]:
        total = self._sum(self._mates())
        return [
            self._fee(tier.start, tier.fee)
            for tier in self._price().scheme.tiers
            if tier.fee is not None and (tier.start.units == 0 or total > tier.start.fraction())
        ]

    def _fee(self, start: Decimals, fee: Decimals) -> Bit:
        return replace(self._bit(f"fee {start}", "each", Fraction(1), fee.fraction()), origin="window")

    def _volume(self) -> list[Bit]:
        """Every row of the window at the price of the tier that the whole reaches."""
        total = self._sum(self._mates())
        reached = [tier for tier in self._price().scheme.tiers if total >= tier.start.fraction()]
        tier = reached[-1] if reached else self._price().scheme.tiers[0]
        found = [
            Bit(
                row.account,
                row.item,
                f"tier {tier.start} {tier.end}",
                self.table.unit,
                self._sum([row]),
                tier.price.fraction(),
                row,
            )
            for row in self._mates()
        ]
        return [*found, self._fee(tier.start, tier.fee)] if tier.fee else found


def _number(value: Decimals | None) -> Fraction:
    return value.fraction() if value is not None else Fraction(0)


def _clip(value: Fraction, low: Fraction, high: Fraction | None) -> Fraction:
    return min(max(value, low), high) if high is not None else max(value, low)


def _up(value: Fraction) -> int:
    return -((-value.numerator) // value.denominator)


def _stepped(quantity: Fraction, scheme: Scheme) -> Fraction:
    """At least the first, then whole steps; nothing of nothing."""
    if scheme.then is None or quantity == 0:
        return quantity
    first, then = _number(scheme.first), scheme.then.fraction()
    size = abs(quantity)
    billed = first + _up(max(size - first, Fraction(0)) / then) * then
    return billed if quantity > 0 else -billed
