"""Derive: lines that are made of other lines: what is missing to or beyond a limit, coupons, percentage fees (law 5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from engine.bulk.assembled import Assembled, MadeLine, nothing_yet, taxed_on, with_line
from engine.canonical import sha256
from engine.dates import Period
from engine.invoice import BackupHash, Invoice, LineItem
from engine.money import CURRENCY_DIGITS, Decimals, decimal_text, parse_decimal, percent_text, rounded, shares
from engine.ratebook.book import RuleBook, TermValue
from engine.ratebook.models import Coupon, Figure, Limit, PercentFee

_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_BASES = ("rated", "window", "derived")  # lines from elsewhere and corrections are the base of nothing
Earlier = Callable[[date, date], Sequence[LineItem]]
_Left = dict[int, int]  # what coupons have left of a line, by its number


@dataclass(frozen=True, slots=True)
class _Account:
    book: RuleBook
    account: str
    period: Period

    @property
    def digits(self) -> int:
        return CURRENCY_DIGITS[self.book.accounts[self.account].currency]

    @property
    def currency(self) -> str:
        return self.book.accounts[self.account].currency

    @property
    def last(self) -> date:
        """The last day of the period: its terms and coupons are those of the invoice."""
        return self.period.end - timedelta(days=1)

    def figure(self, figure: Figure | None) -> Decimals | None:
        """The number, or that of the term for the account; None where it is `none`."""
        if figure is None or figure.term is None:
            return figure.number if figure is not None else None
        sites = self.book.accounts[self.account].sites
        said: TermValue = self.book.terms_on(sites[0].site, self.last).get(figure.term) if sites else None
        if isinstance(said, str):
            said = parse_decimal(said)
        return said if isinstance(said, Decimals) else None


def derive(book: RuleBook, account: str, invoices: Sequence[Assembled], period: Period, earlier: Earlier) -> list[Assembled]:
    """An account's invoices with their limits, coupons and percentage fees. `earlier` gives lines of the days before the period."""
    where = _Account(book, account, period)
    made = list(invoices)
    for limit in book.assembly.limits:
        made = _limited(where, made, limit, earlier)
    left: list[_Left] = [{line.line: line.amount for line in _base(each.invoice, ())} for each in made]
    for coupon in book.accounts[account].coupons:
        made = _lowered(where, made, coupon, left)
    for fee in book.assembly.fees:
        made = _charged(where, made, fee)
    return made


def looks_back(book: RuleBook, period: Period) -> bool:
    """Whether limits look at invoices of days before a period."""
    return any(
        start < period.start for limit in book.assembly.limits for start, _ in _windows_ending(period, _MONTHS[limit.over])
    )


def _base(invoice: Invoice, of: Sequence[str]) -> list[LineItem]:
    """The lines that a derived line is a part of."""
    return [line for line in invoice.lines if line.origin in _BASES and (not of or line.item in of)]


def _site(where: _Account, invoice: Invoice) -> str:
    sites = where.book.accounts[where.account].sites
    return invoice.lines[0].section if invoice.lines else sites[0].site if sites else ""


# --- limits ---------------------------------------------------------------------------------------------------------------


def _limited(where: _Account, invoices: list[Assembled], limit: Limit, earlier: Earlier) -> list[Assembled]:
    least, most = where.figure(limit.at_least), where.figure(limit.at_most)
    if least is None and most is None:
        return invoices
    for start, _ in _windows_ending(where.period, _MONTHS[limit.over]):
        before = earlier(start, where.period.start) if start < where.period.start else ()
        lines = [*before, *(line for each in invoices for line in each.invoice.lines if line.service_to >= start)]
        counted = sum(
            line.amount for line in lines if line.origin in ("rated", "window") and (not limit.of or line.item in limit.of)
        )
        for bound, sign in ((least, 1), (most, -1)):
            if bound is None:
                continue
            edge = int(bound.fraction() * 10**where.digits)
            difference = max((edge - counted) * sign, 0)
            if difference:
                invoices = _with_limit(where, invoices, limit, difference, sign, counted, edge, start)
    return invoices


def _with_limit(
    where: _Account, invoices: list[Assembled], limit: Limit, difference: int, sign: int, counted: int, edge: int, start: date
) -> list[Assembled]:
    book, digits = where.book, where.digits
    first, *rest = invoices or [nothing_yet(_bare(where))]
    item = book.items[limit.item]
    words = {
        "name": item.name,
        "counted": decimal_text(counted, digits, grouped=True),
        "limit": decimal_text(edge, digits, grouped=True),
    }
    one, price = Decimals(sign, 0), Decimals(difference, digits)
    made = MadeLine(
        "window", _site(where, first.invoice), item.item, item.tax_class, limit.description, limit.description.format_map(words), "each", one,
        price, sign * difference, max(start, where.period.start), where.last, "window", f"window:{limit.limit}", "window",
        ((f"{limit.limit}:{start}:{where.account}", one, sign * difference),),
    )  # fmt: skip
    return [with_line(first, made), *rest]


def _bare(where: _Account) -> Invoice:
    period = where.period
    return Invoice(
        where.account, where.currency, period.start, period.end, where.book.texts.subject, (), BackupHash(0, sha256(b""))
    )


def _windows_ending(period: Period, months: int) -> list[tuple[date, date]]:
    """The windows of calendar months that end in a period."""
    number = (period.start.year * 12 + period.start.month - 1) // months
    found = []
    while (end := _first_of((number + 1) * months)) <= period.end:
        if end > period.start:
            found.append((_first_of(number * months), end))
        number += 1
    return found


def _first_of(month: int) -> date:
    return date(month // 12, month % 12 + 1, 1)


# --- coupons --------------------------------------------------------------------------------------------------------------


def _lowered(where: _Account, invoices: list[Assembled], coupon: Coupon, left: Sequence[_Left]) -> list[Assembled]:
    """The invoices with a coupon; `left` is what earlier coupons have left of the lines of each, and is lowered, too."""
    if not coupon.start <= where.last or (coupon.end is not None and where.last >= coupon.end):
        return invoices
    if coupon.once and not where.period.holds(coupon.start):
        return invoices
    rest = int(coupon.amount.fraction() * 10**where.digits) if coupon.amount is not None else 0
    found = []
    for each, mine in zip(invoices, left, strict=True):
        base = [line for line in _base(each.invoice, coupon.of) if line.line in mine]
        total = sum(mine[line.line] for line in base)
        if total <= 0:
            found.append(each)
        elif coupon.percent is not None:
            found.append(_percent_off(where, each, base, coupon, coupon.percent, mine))
        else:
            taken = min(rest, total)
            rest -= taken
            found.append(_amount_off(where, each, base, coupon, taken, mine) if taken else each)
    return found


def _coupon_name(where: _Account, coupon: Coupon) -> str:
    return f"{where.book.items[coupon.item].name} {coupon.coupon}"


def _taxed_alike(where: _Account, base: Sequence[LineItem]) -> list[tuple[LineItem, list[LineItem]]]:
    """Lines by how they are taxed, each group with its latest line: what is taken off has the tax of what it is taken from."""
    groups: dict[tuple[object, ...], list[LineItem]] = {}
    for line in base:
        known = where.book.taxes.classes.get(line.tax_class) if where.book.taxes is not None else None
        held = tuple(sum(start <= taxed_on(line) for start, _ in tax.rates) for tax in known.taxes) if known is not None else ()
        groups.setdefault((line.tax_class, held), []).append(line)
    return [(max(group, key=taxed_on), group) for group in groups.values()]


def _percent_off(
    where: _Account, invoice: Assembled, base: Sequence[LineItem], coupon: Coupon, percent: Decimals, left: _Left
) -> Assembled:
    for latest, group in _taxed_alike(where, base):
        name = f"coupon:{coupon.coupon}"
        last = taxed_on(latest) if where.book.taxes is not None else where.last
        amounts = {line.line: left[line.line] for line in group}
        invoice, parts = _part_of(
            where, invoice, amounts, percent, -1, coupon.item, latest.tax_class, _coupon_name(where, coupon), name, last
        )
        for line, part in parts.items():
            left[line] += part
    return invoice


def _amount_off(
    where: _Account, invoice: Assembled, base: Sequence[LineItem], coupon: Coupon, taken: int, left: _Left
) -> Assembled:
    """An amount off, shared over what it is taken from by how that is taxed."""
    groups = _taxed_alike(where, base)
    sums = [max(sum(left[line.line] for line in group), 0) for _, group in groups]
    whole = sum(sums)
    parts = shares(taken, [Fraction(taken * part, whole) for part in sums])
    for (latest, group), total, part in zip(groups, sums, parts, strict=True):
        if not part:
            continue
        lowered = shares(part, [Fraction(part * left[line.line], total) for line in group])
        for line, less in zip(group, lowered, strict=True):
            left[line.line] -= less
        one = Decimals(-1, 0)
        name = _coupon_name(where, coupon)
        last = taxed_on(latest) if where.book.taxes is not None else where.last
        row = (f"{coupon.coupon}:{where.period.name}:{latest.tax_class}:{last}", one, -part)
        made = MadeLine(
            "derived", _site(where, invoice.invoice), coupon.item, latest.tax_class, name, name, "each", one, Decimals(part, where.digits),
            -part, min(where.period.start, last), last, "coupon", f"coupon:{coupon.coupon}", "coupon", (row,),
        )  # fmt: skip
        invoice = with_line(invoice, made)
    return invoice


def _part_of(
    where: _Account, invoice: Assembled, base: Mapping[int, int], percent: Decimals, sign: int, item: str, tax_class: str, text: str,
    name: str, last: date,
) -> tuple[Assembled, Mapping[int, int]]:  # fmt: skip
    """A line that is a percentage of amounts of others: their sum is its quantity, they are its backup; and its part for each of them."""
    digits = where.digits
    total = sum(base.values())
    if not total or not percent.units:
        return invoice, {}
    scale = percent.fraction()
    amount = sign * rounded(total * scale, where.book.rounding.amount)
    parts = shares(amount, [sign * each * scale for each in base.values()])
    rows = tuple(
        (f"line {line}", Decimals(sign * each, digits), part) for (line, each), part in zip(base.items(), parts, strict=True)
    )
    made = MadeLine(
        "derived", _site(where, invoice.invoice), item, tax_class, text, text, f"of {where.currency}", Decimals(sign * total, digits), percent,
        amount, min(where.period.start, last), last, "line", name, name.partition(":")[0], rows,
    )  # fmt: skip
    return with_line(invoice, made), dict(zip(base, parts, strict=True))


# --- percentage fees ------------------------------------------------------------------------------------------------------


def _charged(where: _Account, invoices: list[Assembled], fee: PercentFee) -> list[Assembled]:
    percent = where.figure(fee.percent)
    if percent is None or not percent.units:
        return invoices
    item = where.book.items[fee.item]
    sign = -1 if fee.direction == "deduct" else 1
    text = fee.description.format_map({"name": item.name, "percent": percent_text(percent)})
    if fee.base == "invoice" or len(invoices) == 1:
        return [
            _part_of(
                where, each, {line.line: line.amount for line in _base(each.invoice, fee.of)}, percent, sign, item.item, item.tax_class, text,
                f"fee:{fee.fee}", where.last,
            )[0]
            for each in invoices
        ]  # fmt: skip
    return _over_splits(where, invoices, fee, percent, sign, text)


def _over_splits(
    where: _Account, invoices: list[Assembled], fee: PercentFee, percent: Decimals, sign: int, text: str
) -> list[Assembled]:
    """One fee on all invoices of the period, shared over them by largest remainder: quantity 1, price its share."""
    item = where.book.items[fee.item]
    totals = [sum(line.amount for line in _base(each.invoice, fee.of)) for each in invoices]
    scale = percent.fraction()
    whole = sign * rounded(sum(totals) * scale, where.book.rounding.amount)
    parts = shares(whole, [sign * total * scale for total in totals])
    found = []
    for each, part, total in zip(invoices, parts, totals, strict=True):
        if not part:
            found.append(each)
            continue
        one = Decimals(-1 if part < 0 else 1, 0)
        row = (f"{decimal_text(total, where.digits)} of {decimal_text(sum(totals), where.digits)}", one, part)
        made = MadeLine(
            "derived", _site(where, each.invoice), item.item, item.tax_class, text, text, "each", one, Decimals(abs(part), where.digits), part,
            where.period.start, where.last, "line", f"fee:{fee.fee}", "fee", (row,),
        )  # fmt: skip
        found.append(with_line(each, made))
    return found
