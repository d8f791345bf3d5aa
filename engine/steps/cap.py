"""Cap: what an account is charged beyond the ceiling of its contract, taken off again by one line (law 5.10)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from engine.bulk.assembled import Assembled, MadeLine, with_line
from engine.dates import Period, day_of
from engine.money import CURRENCY_DIGITS, Decimals, decimal_text, parse_decimal
from engine.problems import InforceError
from engine.ratebook.book import Accumulator, RuleBook


class CeilingError(InforceError):
    """A ceiling cannot be applied to a period; nothing was written."""


@dataclass(frozen=True, slots=True)
class Ceiling:
    """A ceiling on what an account is charged from the day `start` on, in minor units."""

    accumulator: Accumulator
    account: str
    start: date
    limit: int


def ceilings(book: RuleBook, account: str, period: Period) -> list[Ceiling]:
    """The ceilings in force for an account on the last day of a period."""
    sites = book.accounts[account].sites
    terms = book.terms_on(sites[0].site, period.end - timedelta(days=1)) if sites else {}
    found = []
    for each in book.accumulators.values():
        if each.line is None or each.line.form != "ceiling":
            continue
        limit, start = each.line.limit.of(terms), each.window.starts.of(terms)
        if isinstance(limit, str):
            limit = parse_decimal(limit)
        if not isinstance(limit, Decimals) or not isinstance(start, int) or day_of(start) >= period.end:
            continue
        begins = day_of(start)
        if begins > period.start:
            raise CeilingError(
                f"{account}: the ceiling of {each.accumulator!r} holds from {begins}, inside {period.name} ({each.source}).\n"
                f"Bill the days before it as a period of their own, or let it begin with a period."
            )
        if book.calendar.activity_from is not None and begins < book.calendar.activity_from:
            raise CeilingError(
                f"{account}: the ceiling of {each.accumulator!r} holds from {begins}, and activity is complete from {book.calendar.activity_from} "
                f"on ({book.calendar.source}).\nGive the activity from {begins} on and set `activity-from` to that day."
            )
        minor = limit.fraction() * 10 ** CURRENCY_DIGITS[book.accounts[account].currency]
        found.append(Ceiling(each, account, begins, int(minor)))
    return found


def capped(book: RuleBook, assembled: Assembled, ceiling: Ceiling, before: int, period: Period) -> Assembled:
    """The invoice with a line that takes off what goes beyond the ceiling, `before` having been charged in earlier periods."""
    invoice = assembled.invoice
    over = max(before + invoice.net - ceiling.limit, 0) - max(before - ceiling.limit, 0)
    line = ceiling.accumulator.line
    if over <= 0 or line is None or not invoice.lines:
        return assembled
    digits = CURRENCY_DIGITS[invoice.currency]
    first, name, last = invoice.lines[0], ceiling.accumulator.accumulator, period.end - timedelta(days=1)
    text = line.description.format_map(
        {
            "name": book.items[line.item].name, "item": line.item, "site": first.section, "worker": "", "from": str(ceiling.start), "to": str(last),
            "counted": decimal_text(before + invoice.net, digits), "limit": decimal_text(ceiling.limit, digits),
        }
    )  # fmt: skip
    price, one = Decimals(over, digits), Decimals(-1, 0)
    made = MadeLine(
        "window", first.section, line.item, book.items[line.item].tax_class, line.description, text, "each", one, price, -over, period.start, last,
        "window", f"window:{name}", "window", ((f"{name}:{ceiling.start}:{invoice.account}", one, -over),),
    )  # fmt: skip
    return with_line(assembled, made)


def months_between(start: date, end: date) -> Sequence[Period]:
    """The calendar months of the days `start`..`end`, the first and the last one cut to them."""
    found = []
    while start < end:
        following = date(start.year + start.month // 12, start.month % 12 + 1, 1)
        stop = min(following, end)
        found.append(Period(start, stop, f"{start}-to-{stop}"))
        start = stop
    return found
