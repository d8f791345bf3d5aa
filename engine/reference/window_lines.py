"""Charges for whole windows: hours missing to a guarantee, and amounts beyond a ceiling (law 5.10)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from fractions import Fraction

from engine.money import CURRENCY_DIGITS, Decimals, parse_decimal
from engine.ratebook.book import Accumulator
from engine.reference.charges import Charge, Fate
from engine.reference.fates import Asked
from engine.reference.lines import lines_of
from engine.reference.numbers import to_whole
from engine.reference.prices import CannotPriceError, Prices
from engine.reference.shift import HOUR, Shift
from engine.reference.sums import Sums

Billed = Callable[[Sums, Asked], tuple[list[Charge], dict[int, Fate]]]
WINDOW = "window"


@dataclass(frozen=True, slots=True)
class Whole:
    """A window of a key, seen from the site of its first row; `to` is its last day."""

    accumulator: Accumulator
    first: Shift
    begin: int
    start: date
    to: date


# --- guarantees


def guarantees(sums: Sums, asked: Asked) -> list[Charge]:
    """The hours missing in the windows that end in the days asked for."""
    charges: list[Charge] = []
    for accumulator in sums.book.accumulators.values():
        if accumulator.line is None or accumulator.line.form != "fills-to":
            continue
        if accumulator.measure != "time":
            raise CannotPriceError(f"{accumulator.accumulator}: a sum of {accumulator.measure} fills to no hours")
        for window in _whole_windows(sums, asked, accumulator):
            charges += _missing(sums, asked, window)
    return charges


def _whole_windows(sums: Sums, asked: Asked, accumulator: Accumulator) -> Iterator[Whole]:
    """Each window of a key that ends in the days asked for and has a row in it, with the first of its rows."""
    seen: set[tuple[object, ...]] = set()
    for row in sorted(sums.rows, key=lambda row: row.rank):
        if sums.fate_before_policies(row) is not None:
            continue  # rejected, held, or void: superseded, withdrawn, excluded
        site, beginnings = row.cell("site"), sums.beginnings
        begin = beginnings.at(accumulator, site, row.at)
        after = beginnings.after(accumulator, site, begin) if begin is not None else None
        if begin is None or after is None:
            continue
        to = beginnings.day(site, after - 1)
        if not asked.start <= to < asked.end:
            continue
        shift = sums.shift(row)
        if shift.is_held():
            continue
        key = (begin, *_key(sums, accumulator, shift, begin))
        if key not in seen:
            seen.add(key)
            yield Whole(accumulator, shift, begin, beginnings.day(site, begin), to)


def _key(sums: Sums, accumulator: Accumulator, shift: Shift, begin: int) -> tuple[str, ...]:
    """Whose window it is: the worker, the item and the account if the key names them, and the unit of the scope."""
    scope = accumulator.scope.of(sums.beginnings.terms(shift.site.site, begin))
    unit = {"site": shift.site.site, "account": shift.site.account}.get(str(scope), "")
    item = shift.charged_item if "item" in accumulator.key else ""
    return shift.row.cell("worker"), item, shift.site.account if "account" in accumulator.key else "", str(scope), unit


def _missing(sums: Sums, asked: Asked, window: Whole) -> list[Charge]:
    """The charge for the hours missing to the limit, if any are and the account is asked for."""
    accumulator, shift, book = window.accumulator, window.first, sums.book
    site, line, item = shift.site, accumulator.line, book.items[shift.charged_item]
    if line is None or not asked.holds_account(site.site):
        return []
    sums.refuse_unknown(accumulator, site.site, window.begin)
    limit = line.limit.of(sums.beginnings.terms(site.site, window.begin))
    if not isinstance(limit, int):  # none
        return []
    value = sums.total(accumulator, site.site, window.begin, sums.alike(accumulator, shift, window.begin)).seconds
    quantity = _hours(sums, max(limit - value, 0))
    if quantity.units == 0:
        return []
    worker, price = shift.row.cell("worker"), Prices(book, site, item.item, shift.terms, window.to).base(window.to)
    said = {"name": item.name, "item": item.item, "site": site.site, "worker": worker, "from": window.start, "to": window.to}
    text = line.description.format_map({**said, "counted": _hours(sums, value), "limit": _hours(sums, limit)})
    return [
        Charge(
            -1, WINDOW, "", f"{accumulator.accumulator}:{window.start}:{site.site}:{worker}", 0, f"window:{accumulator.accumulator}",
            WINDOW, site.account, site.site,
            worker, item.item, (), (WINDOW, text), sums.kind.unit, book.accounts[site.account].currency, item.tax_class,
            quantity.units, quantity.digits, price.units, price.digits, window.to,
        )
    ]  # fmt: skip


def _hours(sums: Sums, seconds: int) -> Decimals:
    """Seconds as a quantity, rounded as any."""
    digits, half = sums.book.rounding.quantity[sums.kind.unit]
    return Decimals(to_whole(Fraction(seconds * 10**digits, HOUR), half), digits)


# --- ceilings


def ceilings(sums: Sums, asked: Asked, charges: Sequence[Charge], billed: Billed) -> list[Charge]:
    """What the days asked for bill beyond the ceilings of their windows, taken off again; `billed` says what other days bill."""
    return [
        charge
        for accumulator in sums.book.accumulators.values()
        if accumulator.line is not None and accumulator.line.form == "ceiling"
        for account in sorted({charge.account for charge in charges})
        for charge in _taken_off(sums, asked, accumulator, account, charges, billed)
    ]


def _taken_off(
    sums: Sums, asked: Asked, accumulator: Accumulator, account: str, charges: Sequence[Charge], billed: Billed
) -> Iterator[Charge]:
    """What an account is billed beyond the ceiling, for each window that its charges are dated in."""
    for start, now in sorted(_by_window(sums, accumulator, account, charges).items()):
        sums.refuse_unknown(accumulator, now.site, now.begin)
        limit = _ceiling(sums, accumulator, now, sums.book.accounts[account].currency)
        if limit is None:
            continue
        before = 0
        for month in _months(start, asked):
            then = _by_window(sums, accumulator, account, billed(sums, month)[0]).get(start)
            before += then.amount if then is not None else 0
        excess = max(before + now.amount - limit, 0) - max(before - limit, 0)
        if excess > 0:
            first = lines_of(sums.book, account, charges)[0].charges[0][0]
            yield _excess_charge(sums, asked, accumulator, first, now, (before + now.amount, limit, excess))


@dataclass(frozen=True, slots=True)
class Amount:
    """What is billed in a window, in minor units; the window is seen from a site."""

    amount: int
    site: str
    begin: int


def _by_window(sums: Sums, accumulator: Accumulator, account: str, charges: Sequence[Charge]) -> dict[date, Amount]:
    """The amounts on an account's lines, by the first day of the window that holds their service day."""
    found: dict[date, Amount] = {}
    for line in lines_of(sums.book, account, charges):
        for charge, amount in line.charges:
            begin = sums.beginnings.of_day(accumulator, charge.site, charge.service_day)
            if begin is not None:
                sofar = found.setdefault(sums.beginnings.day(charge.site, begin), Amount(0, charge.site, begin))
                found[sums.beginnings.day(charge.site, begin)] = replace(sofar, amount=sofar.amount + amount)
    return found


def _ceiling(sums: Sums, accumulator: Accumulator, window: Amount, currency: str) -> int | None:
    """The ceiling of a window in minor units; None where there is none."""
    limit = accumulator.line.limit.of(sums.beginnings.terms(window.site, window.begin)) if accumulator.line is not None else None
    if limit is None:
        return None
    exact = (limit if isinstance(limit, Decimals) else parse_decimal(str(limit))).fraction()
    return to_whole(exact * 10 ** CURRENCY_DIGITS[currency], "up")


def _excess_charge(
    sums: Sums, asked: Asked, accumulator: Accumulator, first: Charge, window: Amount, amounts: tuple[int, int, int]
) -> Charge:
    """The charge of -1 at the price of the excess, on the site of the account's first line; `amounts`: counted, limit, excess."""
    after = sums.beginnings.after(accumulator, window.site, window.begin)
    start, to = sums.beginnings.day(window.site, window.begin), asked.end - timedelta(days=1)
    if after is not None:
        to = min(to, sums.beginnings.day(window.site, after - 1))
    digits = CURRENCY_DIGITS[first.currency]
    counted, limit, excess = (Decimals(amount, digits) for amount in amounts)
    item = sums.book.items[accumulator.line.item if accumulator.line is not None else first.item]
    said = {"name": item.name, "item": item.item, "site": first.site, "worker": "", "from": start, "to": to}
    template = accumulator.line.description if accumulator.line is not None else ""
    text = template.format_map({**said, "counted": counted, "limit": limit})
    return replace(
        first, row=-1, kind=WINDOW, source="", id=f"{accumulator.accumulator}:{start}:{first.account}", segment=0, item=item.item, unit="each",
        tax_class=item.tax_class,
        component=f"window:{accumulator.accumulator}", basis=WINDOW, worker="", premiums=(), description_key=(WINDOW, text),
        quantity=-1, quantity_digits=0, price=excess.units, price_digits=excess.digits, service_day=to,
    )  # fmt: skip


def _months(start: date, asked: Asked) -> Iterator[Asked]:
    """The months from that of a day until the days asked for begin; what is late for these is not billed with its month."""
    first = start.replace(day=1)
    while first < asked.start:
        following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
        yield replace(asked, start=first, end=min(following, asked.start))
        first = following
