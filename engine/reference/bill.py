"""Whole invoices of measured activity by the plain reading of the law (9): shares, splits, lines, what is made of lines, and tax."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from fractions import Fraction

from engine.money import CURRENCY_DIGITS, Decimals, parse_decimal
from engine.ratebook.book import ActivityKind, RuleBook
from engine.ratebook.models import Coupon, Figure, Limit, PercentFee
from engine.reference.measured import Bit, Row, charges, read
from engine.reference.numbers import share, to_whole
from engine.reference.recurring import fee_rows

_MONTHS = {"month": 1, "quarter": 3, "year": 12}
Activity = Mapping[str, Sequence[Mapping[str, str]]]


@dataclass(frozen=True, slots=True)
class Line:
    """A line: what it is of, its first and last day, and its amount in minor units; `words` keep it from being another one."""

    item: str
    words: str
    unit: str
    quantity: Fraction
    price: Fraction
    amount: int
    tax_class: str
    origin: str
    first: date
    last: date

    @property
    def taxed_on(self) -> date:
        """The day whose tax rate it has."""
        return self.first if self.origin in ("rated") else self.last


@dataclass(frozen=True, slots=True)
class Bill:
    """The invoice of an account and split: lines, and by (class, tax, rate, reason) what is taxed and the tax; net of what is included."""

    lines: tuple[Line, ...]
    taxes: Mapping[tuple[str, str, Fraction, str], tuple[int, int]]
    included: int

    @property
    def net(self) -> int:
        """The sum of the lines without the tax in them."""
        return sum(line.amount for line in self.lines) - self.included


def bills(book: RuleBook, activity: Activity, start: date, end: date) -> dict[tuple[str, str], Bill]:
    """The invoices of the days `start`..`end` by account and split; all rows are good, and each account is its own site."""
    plain = _plain(book, activity, start, end)
    found = {}
    for account in book.accounts:
        mine = {split: lines for (whose, split), lines in sorted(plain.items()) if whose == account}
        for split, lines in _Account(book, account, activity, start, end).made(mine).items():
            if lines:
                found[account, split] = _taxed(book, account, lines)
    return found


# --- charges to lines -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Charge:
    account: str
    split: str
    kind: str
    references: tuple[tuple[str, str], ...]
    bit: Bit


def _plain(book: RuleBook, activity: Activity, start: date, end: date) -> dict[tuple[str, str], list[Line]]:
    """The lines of charges alone."""
    found: list[_Charge] = []
    for name, cells in activity.items():
        kind = book.kinds[name]
        rows = read(book, kind, cells)
        if kind.rated_by == "line":
            found += [_charge(book, kind, _elsewhere(row)) for row in rows if start <= row.day < end]
        else:
            found += [_charge(book, kind, bit) for bit in charges(book, kind, rows, start, end)]
    by_unit: dict[str, list[Row]] = {}
    for row in fee_rows(book, start, end):
        by_unit.setdefault(book.tables[book.items[row.item].table].unit, []).append(row)
    for unit, rows in by_unit.items():
        names = tuple(sorted({name for row in rows for name in row.cells if name != "of"}))
        kind = replace(next(iter(book.kinds.values())), kind="fee", unit=unit, rated_by="quantity", references=names)
        found += [_charge(book, kind, bit) for bit in charges(book, kind, rows, start, end)]
    found = [part for charge in found for part in _shares(book, charge)]
    return _lines(book, _per_row(book, found))


def _elsewhere(row: Row) -> Bit:
    words = row.cells.get("description", "")
    return Bit(row.account, row.item, words, "each", Fraction(-1 if row.quantity < 0 else 1), abs(row.quantity), row, "external")


def _charge(book: RuleBook, kind: ActivityKind, bit: Bit) -> _Charge:
    cells = bit.row.cells
    values = [cells.get(column, "") for column in book.accounts[bit.account].split]
    told = tuple((name, cells[name]) for name in sorted(kind.references) if cells.get(name))
    return _Charge(bit.account, "-".join(values).strip("-"), kind.kind, told, bit)


def _shares(book: RuleBook, charge: _Charge) -> list[_Charge]:
    """The parts of a charge that each account pays."""
    day, bit = charge.bit.row.day, charge.bit
    for each in book.assembly.shares:
        if each.site == charge.account and each.start <= day and (each.end is None or day < each.end):
            scale = 10 ** _digits(book, bit)
            units, sign = abs(bit.quantity) * scale, -1 if bit.quantity < 0 else 1
            parts = share(int(units), [units * part.fraction() for _, part in each.accounts])
            return [
                replace(charge, account=account, split="", bit=replace(bit, quantity=Fraction(sign * part, scale)))
                for (account, _), part in zip(each.accounts, parts, strict=True)
            ]
    return [charge]


def _digits(book: RuleBook, bit: Bit) -> int:
    """The digits of the quantity of a charge."""
    if bit.unit.startswith("of "):
        return CURRENCY_DIGITS[bit.unit.removeprefix("of ")]
    return book.rounding.quantity[bit.unit][0] if bit.unit in book.rounding.quantity else 0


def _held(book: RuleBook, item: str, day: date) -> tuple[int, ...]:
    """Which rates of the item's taxes hold on a day."""
    known = book.taxes.classes.get(book.items[item].tax_class) if book.taxes is not None else None
    return tuple(sum(since <= day for since, _ in tax.rates) for tax in known.taxes) if known is not None else ()


def _minor(book: RuleBook, account: str) -> int:
    scale: int = 10 ** CURRENCY_DIGITS[book.accounts[account].currency]
    return scale


def _per_row(book: RuleBook, found: Sequence[_Charge]) -> list[_Charge]:
    """Of accounts that round each row: its charges as one of quantity 1."""
    kept = [charge for charge in found if not book.accounts[charge.account].per_row]
    groups: dict[tuple[object, ...], list[_Charge]] = {}
    for charge in found:
        if book.accounts[charge.account].per_row:
            bit = charge.bit
            key = (
                charge.account,
                charge.split,
                charge.kind,
                bit.row.id,
                bit.item,
                bit.words,
                bit.unit,
                _digits(book, bit),
                charge.bit.origin,
            )
            groups.setdefault(key, []).append(charge)
    for group in groups.values():
        first, minor = group[0], _minor(book, group[0].account)
        exact = sum((each.bit.quantity * each.bit.price for each in group), Fraction(0))
        amount = to_whole(exact * minor, book.rounding.amount)
        quantity = sum((each.bit.quantity for each in group), Fraction(0))
        words = f"{first.bit.words} ({quantity} {first.bit.unit})"
        one, price = Fraction(-1 if amount < 0 else 1), Fraction(abs(amount), minor)
        kept.append(replace(first, bit=replace(first.bit, words=words, unit=first.kind, quantity=one, price=price)))
    return kept


def _lines(book: RuleBook, found: Sequence[_Charge]) -> dict[tuple[str, str], list[Line]]:
    groups: dict[tuple[object, ...], list[_Charge]] = {}
    for charge in found:
        bit = charge.bit
        tax = _held(book, bit.item, bit.row.day)
        key = (
            charge.account,
            charge.split,
            bit.account,
            bit.item,
            bit.words,
            bit.unit,
            bit.price,
            charge.bit.origin,
            charge.references,
            tax,
        )
        groups.setdefault(key, []).append(charge)
    lines: dict[tuple[str, str], list[Line]] = {}
    for group in groups.values():
        first, bit = group[0], group[0].bit
        quantity = sum((each.bit.quantity for each in group), Fraction(0))
        amount = to_whole(quantity * bit.price * _minor(book, first.account), book.rounding.amount)
        days = [each.bit.row for each in group]
        made = Line(
            bit.item, bit.words, bit.unit, quantity, bit.price, amount, book.items[bit.item].tax_class, first.bit.origin,
            min(row.day for row in days), max(row.last for row in days),
        )  # fmt: skip
        lines.setdefault((first.account, first.split), []).append(made)
    return lines


# --- lines made of lines --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Account:
    book: RuleBook
    account: str
    activity: Activity
    start: date
    end: date

    @property
    def last(self) -> date:
        """The last day of the period."""
        return self.end - timedelta(days=1)

    def made(self, plain: Mapping[str, list[Line]]) -> dict[str, list[Line]]:
        """The lines of each split with limits, coupons and percentage fees."""
        lines = {split: list(each) for split, each in plain.items()}
        for limit in self.book.assembly.limits:
            self._limit(lines, limit)
        left = {split: [line.amount for line in each] for split, each in lines.items()}
        for coupon in self.book.accounts[self.account].coupons:
            is_over = coupon.end is not None and self.last >= coupon.end
            is_done = coupon.once and not self.start <= coupon.start < self.end
            if coupon.start <= self.last and not is_over and not is_done:
                self._coupon(lines, left, coupon)
        for fee in self.book.assembly.fees:
            self._fee(lines, fee)
        if self.book.assembly.zero_lines == "hide":
            lines = {
                split: [line for line in each if line.amount or (line.quantity and line.price)] or each
                for split, each in lines.items()
            }
        return lines

    def _figure(self, figure: Figure | None) -> Fraction | None:
        if figure is None:
            return None
        said: object = figure.number
        if figure.term is not None:
            said = self.book.terms_on(self.book.accounts[self.account].sites[0].site, self.last).get(figure.term)
        if isinstance(said, str):
            said = parse_decimal(said)
        return said.fraction() if isinstance(said, Decimals) else None

    def _limit(self, lines: dict[str, list[Line]], limit: Limit) -> None:
        bounds = [(self._figure(limit.at_least), 1), (self._figure(limit.at_most), -1)]
        minor = _minor(self.book, self.account)
        for begin in self._windows(_MONTHS[limit.over]):
            before = _plain(self.book, self.activity, begin, self.start) if begin < self.start else {}
            counted = [line for (whose, _), each in before.items() if whose == self.account for line in each]
            counted += [line for each in lines.values() for line in each if line.last >= begin]
            total = sum(
                line.amount for line in counted if line.origin in ("rated", "window") and (not limit.of or line.item in limit.of)
            )
            for bound, sign in bounds:
                if bound is not None and (missing := sign * (int(bound * minor) - total)) > 0:
                    first = next(iter(lines), "")
                    tax_class = self.book.items[limit.item].tax_class
                    price = Fraction(missing, minor)
                    made = Line(
                        limit.item, "limit", "each", Fraction(sign), price, sign * missing, tax_class, "window", max(begin, self.start),
                        self.last,
                    )  # fmt: skip
                    lines.setdefault(first, []).append(made)

    def _windows(self, months: int) -> list[date]:
        """The first days of the windows whose last day lies in the period."""
        found = []
        day = self.start
        while day < self.end:
            following = day + timedelta(days=1)
            if following.day == 1 and (following.month - 1) % months == 0:
                month = day.year * 12 + day.month - months
                found.append(date(month // 12, month % 12 + 1, 1))
            day = following
        return found

    def _coupon(self, lines: dict[str, list[Line]], left: dict[str, list[int]], coupon: Coupon) -> None:
        minor = _minor(self.book, self.account)
        rest = int(coupon.amount.fraction() * minor) if coupon.amount is not None else 0
        for split, mine in lines.items():
            amounts = left[split]
            base = [
                at
                for at in range(len(amounts))
                if mine[at].origin in ("rated", "window") and (not coupon.of or mine[at].item in coupon.of)
            ]
            total = sum(amounts[at] for at in base)
            if total <= 0:
                continue
            groups: dict[tuple[object, ...], list[int]] = {}
            for at in base:
                line = mine[at]
                groups.setdefault((line.tax_class, _held(self.book, line.item, line.taxed_on)), []).append(at)
            sums = [sum(amounts[at] for at in group) for group in groups.values()]
            if coupon.percent is None:
                taken = min(rest, total)
                rest -= taken
                positive = [max(each, 0) for each in sums]
                parts = share(taken, [Fraction(taken * each, sum(positive)) for each in positive])
            else:
                parts = [to_whole(each * coupon.percent.fraction(), self.book.rounding.amount) for each in sums]
            for group, whole, part in zip(groups.values(), sums, parts, strict=True):
                self._take(mine, amounts, coupon, group, whole, part)

    def _take(
        self, lines: list[Line], amounts: list[int], coupon: Coupon, group: Sequence[int], whole: int, part: int
    ) -> None:  # fmt: skip
        """One line of a coupon, and what it leaves of those it is taken off."""
        if not whole or (coupon.percent is None and not part):
            return
        latest = max((lines[at] for at in group), key=lambda line: line.taxed_on)
        scale = coupon.percent.fraction() if coupon.percent is not None else Fraction(part, whole)
        mirror = -1 if part < 0 or (part == 0 and whole < 0) else 1
        for at, less in zip(group, share(mirror * part, [mirror * amounts[at] * scale for at in group]), strict=True):
            amounts[at] -= mirror * less
        last = latest.taxed_on if self.book.taxes is not None else self.last
        minor = _minor(self.book, self.account)
        quantity, price, unit = Fraction(-1), Fraction(part, minor), "each"
        if coupon.percent is not None:
            quantity, price, unit = Fraction(-whole, minor), scale, f"of {self.book.accounts[self.account].currency}"
        first = min(self.start, last)
        lines.append(Line(coupon.item, coupon.coupon, unit, quantity, price, -part, latest.tax_class, "derived", first, last))

    def _fee(self, lines: dict[str, list[Line]], fee: PercentFee) -> None:
        percent = self._figure(fee.percent)
        if not percent:
            return
        sign = -1 if fee.direction == "deduct" else 1
        minor, item = _minor(self.book, self.account), self.book.items[fee.item]
        totals = {
            split: sum(line.amount for line in each if line.origin != "external" and (not fee.of or line.item in fee.of))
            for split, each in lines.items()
        }
        if fee.base == "invoice" or len(lines) == 1:
            for split, total in totals.items():
                if total:
                    amount = sign * to_whole(total * percent, self.book.rounding.amount)
                    quantity, unit = Fraction(sign * total, minor), f"of {self.book.accounts[self.account].currency}"
                    lines[split].append(self._part(item.item, fee.fee, unit, quantity, percent, amount))
            return
        whole = sign * to_whole(sum(totals.values()) * percent, self.book.rounding.amount)
        exact = [sign * total * percent for total in totals.values()]
        mirror = -1 if whole < 0 or (whole == 0 and sum(exact) < 0) else 1
        for split, part in zip(totals, share(mirror * whole, [mirror * each for each in exact]), strict=True):
            if part:
                amount = mirror * part
                one = Fraction(-1 if amount < 0 else 1)
                lines[split].append(self._part(item.item, fee.fee, "each", one, Fraction(abs(amount), minor), amount))

    def _part(self, item: str, words: str, unit: str, quantity: Fraction, price: Fraction, amount: int) -> Line:
        tax_class = self.book.items[item].tax_class
        return Line(item, words, unit, quantity, price, amount, tax_class, "derived", self.start, self.last)


# --- tax ------------------------------------------------------------------------------------------------------------------


def _taxed(book: RuleBook, account: str, lines: Sequence[Line]) -> Bill:
    if book.taxes is None:
        return Bill(tuple(lines), {}, 0)
    exemption, half = book.accounts[account].exemption, book.taxes.half
    exact: dict[tuple[str, str, Fraction, str], list[tuple[int, Fraction]]] = {}
    for line in lines:
        known = book.taxes.classes[line.tax_class]
        free = exemption is not None and exemption.start <= line.last and (exemption.end is None or line.last < exemption.end)
        reason = exemption.reason if free and exemption is not None else known.exempt
        if reason:
            exact.setdefault((line.tax_class, "", Fraction(0), reason), []).append((line.amount, Fraction(0)))
            continue
        rates = {tax.tax: [rate for since, rate in tax.rates if since <= line.taxed_on][-1].fraction() for tax in known.taxes}
        for name, rate in rates.items():
            tax = line.amount * rate / (1 + sum(rates.values())) if known.inclusive else line.amount * rate
            exact.setdefault((line.tax_class, name, rate, ""), []).append((line.amount, tax))
    taxes: dict[tuple[str, str, Fraction, str], tuple[int, int]] = {}
    included = 0
    for key, parts in exact.items():
        if book.taxes.per == "category":
            due = to_whole(sum((each for _, each in parts), Fraction(0)), half)
        else:
            due = sum(to_whole(each, half) for _, each in parts)
        taxes[key] = (sum(amount for amount, _ in parts), due)
        included += due if book.taxes.classes[key[0]].inclusive and not key[3] else 0
    return Bill(tuple(lines), taxes, included)
