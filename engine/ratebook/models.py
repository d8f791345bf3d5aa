"""Pricing models, fees, coupons, limits, shares and taxes as values: what a rule book says beside prices per hour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from engine.money import Decimals, Half
from engine.problems import Source

Model = Literal["per-unit", "graduated", "volume", "package", "percentage", "pass-through"]
Over = Literal["activity", "month", "quarter", "year"]
COUNTING: tuple[Model, ...] = ("graduated", "volume", "package")


@dataclass(frozen=True, slots=True)
class Tier:
    """The quantities `start` (in) to `end` (out; None: no end) at one price; `fee` is charged once when a window reaches it."""

    start: Decimals
    end: Decimals | None
    price: Decimals
    fee: Decimals | None


@dataclass(frozen=True, slots=True)
class Scheme:
    """What a price says beside its figure. Quantities are in the table's unit, money in its currency, percentages are fractions.

    `allowance` is a quantity or the name of a term. `first` and `then`: the least that is charged, and the steps after it (of a table of
    time in whole seconds).
    `at_least`, `at_most` and `connect` are of one row of activity.
    """

    tiers: tuple[Tier, ...] = ()
    package: Decimals | None = None
    allowance: Decimals | str | None = None
    percent: Decimals | None = None
    at_least: Decimals | None = None
    at_most: Decimals | None = None
    connect: Decimals | None = None
    first: Decimals | None = None
    then: Decimals | None = None


PLAIN = Scheme()


@dataclass(frozen=True, slots=True)
class Fee:
    """A fee that recurs every `every` units of `each` from `start` until `end` (None: open), counted from `anchor`.

    `quantity` holds how many from a day on; `prorate` charges parts of a cycle by day. `id` is `<account>:<fee id>`.
    """

    id: str
    fee: str
    account: str
    site: str
    item: str
    each: Literal["once", "day", "week", "month", "year"]
    every: int
    anchor: date | None
    prorate: bool
    quantity: tuple[tuple[date, Decimals], ...]
    start: date
    end: date | None
    of: str
    refs: Mapping[str, str]
    source: Source


@dataclass(frozen=True, slots=True)
class Coupon:
    """A percentage (a fraction) or an amount that invoices with their last day in `start`..`end` are lowered by; `of` () is every item.

    `once`: only the invoice that holds `start`.
    """

    id: str
    coupon: str
    item: str
    percent: Decimals | None
    amount: Decimals | None
    once: bool
    of: tuple[str, ...]
    start: date
    end: date | None
    source: Source


@dataclass(frozen=True, slots=True)
class Exemption:
    """Why an account is not taxed from `start` until `end`."""

    reason: str
    start: date
    end: date | None
    source: Source


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of the book, or the term that gives it."""

    number: Decimals | None = None
    term: str | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """The least or most that items of an account (() is every item) cost in a window, made up or taken off by a line."""

    limit: str
    over: Over
    of: tuple[str, ...]
    at_least: Figure | None
    at_most: Figure | None
    item: str
    description: str
    source: Source


@dataclass(frozen=True, slots=True)
class PercentFee:
    """A line that is a percentage (a fraction) of other lines."""

    fee: str
    item: str
    percent: Figure
    direction: Literal["add", "deduct"]
    base: Literal["invoice", "account-period"]
    of: tuple[str, ...]
    description: str
    source: Source


@dataclass(frozen=True, slots=True)
class Share:
    """What each of several accounts pays of the activity at a site, in hundredths of a percent or finer; together 1."""

    share: str
    site: str
    start: date
    end: date | None
    accounts: tuple[tuple[str, Decimals], ...]
    source: Source


@dataclass(frozen=True, slots=True)
class Assembly:
    """What is done with the lines of invoices, in this order: limits, coupons (of the accounts), fees."""

    zero_lines: Literal["show", "hide"] = "show"
    limits: tuple[Limit, ...] = ()
    fees: tuple[PercentFee, ...] = ()
    shares: tuple[Share, ...] = ()


NOTHING_MORE = Assembly()


@dataclass(frozen=True, slots=True)
class WorkedLine:
    """A line of a worked bill; None where it does not say a figure."""

    item: str
    quantity: Decimals | None
    price: Decimals | None
    amount: Decimals


@dataclass(frozen=True, slots=True)
class WorkedBill:
    """An invoice worked out by hand: whose, of which period (a text), from which rows by kind, and all its lines; sums by name."""

    name: str
    account: str
    period: str
    activity: Mapping[str, tuple[Mapping[str, str], ...]]
    lines: tuple[WorkedLine, ...]
    sums: Mapping[str, Decimals]
    source: Source


@dataclass(frozen=True, slots=True)
class Tax:
    """A tax with its rates (fractions), each from its day on."""

    tax: str
    rates: tuple[tuple[date, Decimals], ...]
    source: Source


@dataclass(frozen=True, slots=True)
class TaxClass:
    """The taxes of a class of items; `exempt` says why there are none. `inclusive`: prices hold the tax."""

    tax_class: str
    inclusive: bool
    exempt: str
    taxes: tuple[Tax, ...]
    source: Source


@dataclass(frozen=True, slots=True)
class Taxes:
    """How tax is computed: of net amounts that are rounded already, rounded per line or per category."""

    per: Literal["line", "category"]
    half: Half
    classes: Mapping[str, TaxClass]
    source: Source
