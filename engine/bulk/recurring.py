"""Recurring fees: the activity that they generate, one row for each stretch of a cycle in which nothing changes."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

import numpy as np
import polars as pl

from engine.bulk.measured import Measured, quantity_digits
from engine.bulk.pricing import RateFinder
from engine.bulk.zones import zone_table
from engine.dates import DAY_SECONDS, FOREVER, Period, day_number, day_of
from engine.money import Half, rounded, shares
from engine.problems import InvariantError, Source
from engine.ratebook.book import ActivityColumn, ActivityKind, RuleBook
from engine.ratebook.models import Fee

KIND = "fee"  # the kind of the rows, and the name of their source
SOURCE = "fees"
_MONTHS = {"month": 1, "year": 12}
_DAYS = {"day": 1, "week": 7}
_MONDAY = date(2024, 1, 1)


def fee_activity(book: RuleBook, period: Period) -> list[Measured]:
    """The rows of all fees that begin in a period, or in the windows before it that their prices look back at; by unit."""
    rows: dict[str, list[dict[str, object]]] = {}
    finder = RateFinder(book, (), (), day_number(period.start) - 800, day_number(period.end) + 800)
    for account in book.accounts.values():
        for fee in account.fees:
            table = book.tables[book.items[fee.item].table]
            since = period.start if table.over == "activity" else date(period.start.year, 1, 1)
            rows.setdefault(table.unit, []).extend(_rows(book, fee, since, period.end, finder))
    return [_measured(book, unit, mine, period) for unit, mine in sorted(rows.items()) if mine]


def cycles(fee: Fee, since: date, until: date) -> Iterator[tuple[date, date]]:
    """The cycles of a fee that overlap the days `since`..`until`: first day, and first day of the next one.

    A cycle that is anchored to a day that a month does not have begins on the month's last day.
    """
    if fee.each == "once":
        if since <= fee.start < until:
            yield fee.start, fee.start + timedelta(days=1)
        return
    number = 0
    if fee.each in _DAYS:
        length = _DAYS[fee.each] * fee.every
        anchor = fee.anchor or (_MONDAY if fee.each == "week" else fee.start)
        number = (since - anchor).days // length
        while (begin := anchor + timedelta(days=number * length)) < until:
            yield begin, begin + timedelta(days=length)
            number += 1
        return
    months = _MONTHS[fee.each] * fee.every
    anchor = fee.anchor or date(fee.start.year, 1 if fee.each == "year" else fee.start.month, 1)
    number = ((since.year - anchor.year) * 12 + since.month - anchor.month) // months - 1
    while (begin := _months_after(anchor, number * months)) < until:
        following = _months_after(anchor, (number + 1) * months)
        if following > since:
            yield begin, following
        number += 1


def _months_after(anchor: date, months: int) -> date:
    month = anchor.year * 12 + anchor.month - 1 + months
    year, of_year = month // 12, month % 12 + 1
    return date(year, of_year, min(anchor.day, monthrange(year, of_year)[1]))


@dataclass(frozen=True, slots=True)
class Cycle:
    """A cycle of a fee that is charged, in parts in which nothing changes: from which day to which (out), how many are held, days of the cycle.

    `exact` is the quantity of each part before it is rounded.
    """

    parts: tuple[tuple[date, date, Fraction], ...]
    days: int
    exact: tuple[Fraction, ...]


def cycle_with(book: RuleBook, fee: Fee, day: date) -> tuple[Cycle, int] | None:
    """The cycle with a part that begins on a day, and the place of that part."""
    number = day_number(day)
    finder = RateFinder(book, (), (), number - 800, number + 800)
    for cycle in _cycles(book, fee, day, day + timedelta(days=1), finder):
        for place, (start, _, _) in enumerate(cycle.parts):
            if start == day:
                return cycle, place
    return None


def _cycles(book: RuleBook, fee: Fee, since: date, until: date, finder: RateFinder) -> Iterator[Cycle]:
    table = book.tables[book.items[fee.item].table]
    facets = dict.fromkeys(table.facets, "")
    changes = {day_of(day) for day, _ in finder.found(table.table, fee.site, fee.item, facets)} | {day for day, _ in fee.quantity}
    end = fee.end or FOREVER
    for begin, following in cycles(fee, since, until):
        first, stop = max(begin, fee.start), min(following, end)
        if first >= stop:
            continue
        whole = (following - begin).days
        days = (
            [first, *sorted(day for day in changes if first < day < stop), stop]
            if fee.prorate and fee.each != "once"
            else [first, stop]
        )
        parts = tuple((one, two, _held(fee, one)) for one, two in pairwise(days))
        exact = (Fraction((two - one).days, whole) * held if fee.prorate else held for one, two, held in parts)
        yield Cycle(parts, whole, tuple(exact))


def _rows(book: RuleBook, fee: Fee, since: date, until: date, finder: RateFinder) -> Iterator[dict[str, object]]:
    unit = book.tables[book.items[fee.item].table].unit
    digits = quantity_digits(book, unit)
    for cycle in _cycles(book, fee, since, until, finder):
        scaled = [part * 10**digits for part in cycle.exact]
        made = shares(rounded(sum(scaled, Fraction(0)), _half(book, unit)), scaled)
        for (one, two, held), units in zip(cycle.parts, made, strict=True):
            if since <= one < until and held:
                note = "" if (two - one).days == cycle.days else f"{(two - one).days} of {cycle.days} days"
                yield {"fee": fee, "day": one, "quantity": units, "note": note, "to": two}


def _half(book: RuleBook, unit: str) -> Half:
    return book.rounding.quantity[unit][1] if unit in book.rounding.quantity else "up"


def _held(fee: Fee, day: date) -> Fraction:
    said = [number for start, number in fee.quantity if start <= day]
    return said[-1].fraction() if said else Fraction(0)


def _measured(book: RuleBook, unit: str, rows: list[dict[str, object]], period: Period) -> Measured:
    texts = ("of", "note")
    columns = tuple(ActivityColumn(name, "text", False, None, (), name, Source("engine")) for name in texts)
    references = tuple(sorted({name for row in rows for name in _fee(row).refs}))
    kind = ActivityKind(
        KIND, unit, 1, 0, "accept", columns, (), Source("engine"), "quantity", "day", "quantity", references=references
    )
    told = [_told(book, row) for row in rows]
    schema = {
        "source": pl.String, "id": pl.String, "revision": pl.Int64, "withdrawn": pl.String, "at": pl.Int64, "day": pl.Int64,
        "site": pl.String, "item": pl.String, "worker": pl.String, "quantity": pl.Int64, "amount": pl.Int64, "events": pl.Int64,
        "refs": pl.String, "of": pl.String, "note": pl.String, "last_day": pl.Int64, "file": pl.String, "row": pl.Int64,
    }  # fmt: skip
    frame = pl.DataFrame(told, schema=schema).sort("at", "source", "id")
    inside = (frame["day"] >= day_number(period.start)) & (frame["day"] < day_number(period.end))
    return Measured(kind, frame, np.asarray(inside.to_numpy()), quantity_digits(book, unit))


def _fee(row: dict[str, object]) -> Fee:
    fee = row["fee"]
    if not isinstance(fee, Fee):
        raise InvariantError("a row of fees has no fee; this is a fault of the engine")
    return fee


def _told(book: RuleBook, row: dict[str, object]) -> dict[str, object]:
    fee, day, last = _fee(row), row["day"], row["to"]
    if not isinstance(day, date) or not isinstance(last, date):
        raise InvariantError("a row of fees has no day; this is a fault of the engine")
    number = day_number(day)
    table = zone_table(book.sites[fee.site].zone, number, number)
    midnight = number * DAY_SECONDS
    at = midnight - int(table.offset_at(np.array([midnight], dtype=np.int64))[0])
    refs = "|".join(f"{name}={value}" for name, value in sorted(fee.refs.items()))
    return {
        "source": SOURCE, "id": f"{fee.account}/{fee.fee}/{day}", "revision": 1, "withdrawn": "no", "at": at, "day": number, "site": fee.site,
        "item": fee.item, "worker": "", "quantity": row["quantity"], "amount": None, "events": 1, "refs": refs, "of": fee.of,
        "note": row["note"], "last_day": day_number(last) - 1, "file": str(fee.source), "row": 0,
    }  # fmt: skip
