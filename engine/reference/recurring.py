"""Fees of accounts by the plain reading of the law (8.13): day by day, which cycle a day lies in and what it costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from fractions import Fraction
from itertools import groupby, pairwise

from engine.ratebook.book import RuleBook
from engine.ratebook.models import Fee
from engine.reference.clock import first_instant
from engine.reference.measured import Row
from engine.reference.numbers import share, to_whole

_DAY = timedelta(days=1)
_LOOK = 40  # cycles before and after an anchor that are looked at, and more for short ones


def fee_rows(book: RuleBook, start: date, end: date) -> list[Row]:
    """The rows that the fees of all accounts make in the days `start`..`end`."""
    return [
        row for account in book.accounts.values() for fee in account.fees for row in _rows(book, fee) if start <= row.day < end
    ]


def _rows(book: RuleBook, fee: Fee) -> Iterator[Row]:
    table = book.tables[book.items[fee.item].table]
    digits, half = book.rounding.quantity.get(table.unit, (0, "up"))
    for first, following in _cycles(fee):
        whole = (following - first).days
        days = [first + number * _DAY for number in range(whole)]
        mine = [day for day in days if fee.start <= day and (fee.end is None or day < fee.end)]
        if not mine:
            continue
        parts = [list(part) for _, part in groupby(mine, lambda day: _in_force(book, fee, day))] if fee.prorate else [mine]
        exact = [Fraction(len(part), whole) * _held(fee, part[0]) if fee.prorate else _held(fee, part[0]) for part in parts]
        total = to_whole(sum(exact, Fraction(0)) * 10**digits, half)
        for part, units in zip(parts, share(total, [each * 10**digits for each in exact]), strict=True):
            if _held(fee, part[0]):
                at = first_instant(book.sites[fee.site].zone, part[0], 0)
                cells = {"of": fee.of, **fee.refs}
                name = f"{fee.account}/{fee.fee}/{part[0]}"
                yield Row(name, fee.account, fee.item, cells, at, part[0], part[-1], Fraction(units, 10**digits))


def _in_force(book: RuleBook, fee: Fee, day: date) -> tuple[int, int]:
    """Which price and which quantity hold on a day."""
    table = book.tables[book.items[fee.item].table]
    says = {"account": fee.account, "site": fee.site, "item": fee.item}
    prices = table.rows[tuple(says[column] for column in table.key)].prices
    return sum(each.start <= day for each in prices), sum(since <= day for since, _ in fee.quantity)


def _held(fee: Fee, day: date) -> Fraction:
    return next((number.fraction() for since, number in reversed(fee.quantity) if since <= day), Fraction(0))


def _cycles(fee: Fee) -> Sequence[tuple[date, date]]:
    """First days of cycles, each with that of the next one."""
    if fee.each == "once":
        return [(fee.start, fee.start + _DAY)]
    if fee.each in ("day", "week"):
        length = fee.every * (7 if fee.each == "week" else 1)
        monday = fee.start - fee.start.weekday() * _DAY
        # weeks of several weeks without an anchor are counted from the first Monday of 2024
        anchor = fee.anchor or (fee.start if fee.each == "day" else monday - ((monday - date(2024, 1, 1)).days % length) * _DAY)
        return list(pairwise(anchor + number * length * _DAY for number in range(-_LOOK, 800)))
    anchor = fee.anchor or date(fee.start.year, 1 if fee.each == "year" else fee.start.month, 1)
    months = fee.every * (12 if fee.each == "year" else 1)
    return list(pairwise(_in_month(anchor, number * months) for number in range(-_LOOK, _LOOK)))


def _in_month(anchor: date, later: int) -> date:
    """The anchor's day so many months later, or the last day of a month that lacks it."""
    month = anchor.month - 1 + later
    first = date(anchor.year + month // 12, month % 12 + 1, 1)
    days = [first + number * _DAY for number in range(anchor.day)]
    return [day for day in days if day.month == first.month][-1]
