"""One row at a time, one minute at a time: charges, lines and fates by the plain reading of the law."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction

from engine.formulas.exact import evaluate as evaluate_formula
from engine.formulas.language import Input, parse
from engine.money import CURRENCY_DIGITS, Decimals
from engine.problems import InforceError
from engine.ratebook.basis import parse_basis
from engine.ratebook.book import ActivityKind, BreakTerms, Override, Price, PunchRounding, RuleBook, TermValue, Window
from engine.ratebook.resolver import resolve
from engine.ratebook.slots import compile_slot, holds
from engine.reference.reading import Row, local_clock, offset, read_rows


class CannotPriceError(InforceError):
    """There is no price, or no answer, for a row that must be billed."""


@dataclass(frozen=True, slots=True)
class Charge:
    """A charge; `quantity` and `price` are scaled by their digits."""

    row: int
    segment: int
    component: str
    basis: str
    account: str
    site: str
    item: str
    shown: tuple[str, ...]
    quantity: int
    quantity_digits: int
    price: int
    price_digits: int
    service_day: date

    @property
    def exact(self) -> Fraction:
        """Quantity x price."""
        return Fraction(self.quantity, 10**self.quantity_digits) * Fraction(self.price, 10**self.price_digits)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an account's invoice, with the amounts of its charges in backup order."""

    account: str
    site: str
    item: str
    description: str
    quantity: Decimals
    price: Decimals
    amount: int
    charges: tuple[tuple[Charge, int], ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything the evaluator says: fates by row number, charges, lines by account, totals in minor units."""

    fates: dict[int, tuple[str, str]]
    charges: tuple[Charge, ...]
    lines: dict[str, tuple[Line, ...]]
    totals: dict[str, int]
    rows: tuple[Row, ...] = field(repr=False)


def evaluate(book: RuleBook, rows: Sequence[Mapping[str, str]], start: date, end: date, kind: str = "shift") -> Outcome:
    """The outcome for the period `start`..`end` of rows of text cells."""
    declared = book.kinds[kind]
    read = read_rows(book, declared, rows)
    _screen(declared, read, start, end)
    charges: list[Charge] = []
    for row in read:
        if row.fate is None:
            charges += _Shift(book, declared, row).charges()
            if row.fate is None:
                row.fate = ("billed", "")
    lines = {
        account: _lines(book, declared, account, read, charges) for account in sorted({charge.account for charge in charges})
    }
    totals = {account: sum(line.amount for line in mine) for account, mine in lines.items()}
    return Outcome({row.number: row.fate or ("", "") for row in read}, tuple(charges), lines, totals, tuple(read))


def _screen(kind: ActivityKind, rows: Sequence[Row], start: date, end: date) -> None:
    """The tests before any policy is asked."""
    working = [
        row
        for row in rows
        if row.fate in (None, ("doubt", "revision-rejected"))
        and row.times["start"] is not None
        and not row.yes("withdrawn")
        and not row.yes("mark_excluded")
    ]
    overlapping = {
        id(one)
        for one in working
        for two in working
        if one is not two and one.cells["worker"] == two.cells["worker"] and _share_time(one, two)
    }  # fmt: skip
    for row in rows:
        if row.fate is not None and row.fate[0] == "rejected":
            continue
        if not start <= row.day < end:
            row.fate = ("elsewhere", "")
        elif row.fate is not None and row.fate[0] == "not billed":
            continue
        elif row.yes("withdrawn"):
            row.fate = ("not billed", "withdrawn")
        elif row.yes("mark_excluded"):
            row.fate = ("not billed", "mark_excluded")
        elif row.fate is not None:
            row.fate = ("held", "revision-rejected")
        elif row.yes("mark_held"):
            row.fate = ("held", "mark_held")
        elif any(
            length > kind.maximum for length in (_length(row, "start", "end"), _length(row, "scheduled_start", "scheduled_end"))
        ):
            row.fate = ("held", "longer-than-maximum")
        elif kind.overlap == "hold" and id(row) in overlapping:
            row.fate = ("held", "overlap")


def _length(row: Row, first: str, last: str) -> int:
    start, end = row.times[first], row.times[last]
    return end - start if start is not None and end is not None else 0


def _share_time(one: Row, two: Row) -> bool:
    a, b, c, d = one.times["start"], one.times["end"], two.times["start"], two.times["end"]
    return a is not None and b is not None and c is not None and d is not None and max(a, c) < min(b, d)


def nearest(value: int, step: int, half: str) -> int:
    """`value` to the nearest multiple of `step`."""
    low = value // step * step
    double = 2 * (value - low) - step
    if double > 0 or (double == 0 and (half == "up" or (half == "even" and low // step % 2 == 1))):
        return low + step
    return low


def to_whole(value: Fraction, half: str) -> int:
    """A number to the nearest whole one; `up` is away from zero."""
    if value < 0:
        return -to_whole(-value, half)
    return nearest(value.numerator * 2, value.denominator * 2, half) // (value.denominator * 2)


def share(total: int, parts: Sequence[Fraction]) -> list[int]:
    """`total` shared over parts: floors, then one more for the largest remainders, the earlier first."""
    given = [part.numerator // part.denominator for part in parts]
    while sum(given) < total:
        remainders = [(part - have, -place) for place, (part, have) in enumerate(zip(parts, given, strict=True))]
        given[-max(remainders)[1]] += 1
    return given


class _Shift:
    """One row on its way to charges."""

    def __init__(self, book: RuleBook, kind: ActivityKind, row: Row) -> None:
        self.book, self.kind, self.row = book, kind, row
        self.site = book.sites[row.cells["site"]]
        self.zone = self.site.zone
        self.item = row.cells["item"]
        self.terms: dict[str, TermValue] = {}
        for level in (book.default_terms, book.accounts[self.site.account].terms, self.site.terms):
            for entry in level:
                if entry.start <= row.day:
                    self.terms.update(entry.values)
        self.start, self.end = self._rounded("start", "end")
        self.scheduled = self._rounded("scheduled_start", "scheduled_end", scheduled=True)
        self.off, self.on = self._break()
        self.facts = self._facts()

    def charges(self) -> list[Charge]:
        """The charges; none if the row ends with another fate."""
        row = self.row
        decision = self._decide("billable", self.facts)
        basis = parse_basis(decision[0])
        if basis.form == "none":
            row.fate = ("not billed", decision[1])
            return []
        if self.terms["approval"] == "required" and not row.cells.get("approved_by"):
            row.fate = ("held", "approval")
            return []
        if basis.form == "worked" and row.times["start"] is None:
            row.fate = ("held", "no-recorded-time")
            return []
        if basis.form == "scheduled" and row.times["scheduled_start"] is None:
            row.fate = ("held", "no-scheduled-time")
            return []
        if "item" in self.book.policies:
            answer = self._decide("item", self.facts)[0]
            self.item = self.item if answer == "as-worked" else answer
        if basis.form == "worked":
            found = self._worked()
        else:
            seconds = basis.seconds
            if basis.form == "fixed" and basis.term is not None:
                seconds = int(self.terms[basis.term])  # type: ignore[arg-type]  # a duration
            if basis.form == "scheduled":
                length = max(Fraction(self._planned()) * Fraction(*basis.share), Fraction(basis.at_least))
                seconds = length.numerator // length.denominator
                if basis.round_up:
                    steps = length / basis.round_up
                    seconds = -(-steps.numerator // steps.denominator) * basis.round_up
            found = [self._flat(basis.form, seconds)]
        charges = [charge for charge in found if charge.quantity]
        if not charges:
            row.fate = ("not billed", "rounds-to-nothing")
        return charges

    # --- times

    def _rounded(self, first: str, last: str, *, scheduled: bool = False) -> tuple[int, int]:
        start, end = self.row.times.get(first), self.row.times.get(last)
        rounding = self.terms["punch-rounding"]
        if start is None or end is None:
            return 0, 0
        if not isinstance(rounding, PunchRounding) or (scheduled and not rounding.scheduled):
            return start, end
        return self._round(start, end, rounding)

    def _round(self, start: int, end: int, rounding: PunchRounding) -> tuple[int, int]:
        if rounding.per == "interval":
            return start, start + nearest(end - start, rounding.step, rounding.half)
        begin, finish = (
            nearest(instant + offset(self.zone, instant), rounding.step, rounding.half) - offset(self.zone, instant) for instant in (start, end)
        )  # fmt: skip
        return begin, max(begin, finish)

    def _break(self) -> tuple[int, int]:
        terms, rounding = self.terms["break"], self.terms["punch-rounding"]
        start, end = self.start, self.end
        if not isinstance(terms, BreakTerms) or self.row.times["start"] is None:
            return start, start
        off, on = self.row.times["break_start"], self.row.times["break_end"]
        if off is not None and on is not None:
            if isinstance(rounding, PunchRounding) and rounding.breaks:
                off, on = self._round(off, on, rounding)
            return min(max(off, start), end), min(max(on, start), end)
        reported = self.row.cells.get("break_minutes")
        length = int(reported) * 60 if reported else terms.length if end - start > terms.after else 0
        if length == 0:
            return start, start
        if terms.unplaced == "end":
            at = max(end - length, start)
            return at, min(at + length, end)
        low, high = (start, end) if terms.unplaced == "middle" else self._longest_day(start, end)
        if high - low < length:
            low, high = start, end
        middle = max((high - low - length) // 2, 0)
        at = low + middle - middle % self.kind.grid
        return at, min(at + length, end)

    def _longest_day(self, start: int, end: int) -> tuple[int, int]:
        """The longest part between local midnights, the earlier of equals."""
        turns = [
            t
            for t in range(start + 1, end)
            if t % 900 == 0 and local_clock(self.zone, t).date() != local_clock(self.zone, t - 1).date()
        ]
        edges = [start, *turns, end]
        parts = [(edges[n], edges[n + 1]) for n in range(len(edges) - 1)]
        return max(parts, key=lambda part: (part[1] - part[0], -part[0]))

    def _planned(self) -> int:
        start, end = self.scheduled
        terms = self.terms["break"]
        length = max(end - start, 0)
        if isinstance(terms, BreakTerms) and terms.planned and length > terms.after:
            length -= min(terms.length, length)
        return length

    def _ticks(self) -> list[tuple[int, int, int]]:
        """The worked time in steps so fine that nothing changes inside one: (instant, elapsed seconds, wall seconds)."""
        step = 60 if not any(instant % 60 for instant in (self.start, self.end, self.off, self.on)) else 1
        ticks = []
        for instant in range(self.start, self.end, step):
            if not self.off <= instant < self.on:
                jump = offset(self.zone, instant + step) - offset(self.zone, instant)
                ticks.append((instant, step, step + jump))
        return ticks

    # --- decisions

    def _facts(self) -> dict[str, object]:
        row = self.row
        facts: dict[str, object] = {}
        for column in self.kind.columns:
            text = row.cells.get(column.column, "")
            if column.type == "yes-no":
                facts[column.column] = ("yes" if row.yes(column.column) else "no") if text else None
            elif column.type in ("whole", "minutes"):
                facts[column.column] = int(text) if text else None
            else:
                facts[column.column] = text or None
        facts |= {"site": self.site.site, "account": self.site.account, "item": row.cells["item"]}
        begun, cancelled = row.times["scheduled_start"], row.times["cancelled_at"]
        facts["notice"] = begun - cancelled if begun is not None and cancelled is not None else None
        facts["scheduled-length"] = self.scheduled[1] - self.scheduled[0] if begun is not None else None
        facts["worked-length"] = sum(tick[self._clock()] for tick in self._ticks()) if row.times["start"] is not None else None
        first = self.start if row.times["start"] is not None else self.scheduled[0]
        facts["starts-in"] = self._windows(first)
        touched: set[str] = set()
        for instant in range(self.start, self.end, 60 if self.start % 60 == 0 and self.end % 60 == 0 else 1):
            touched |= set(self._windows(instant))
        facts["touches"] = tuple(touched)
        return facts

    def _clock(self) -> int:
        return 2 if self.terms["hours"] == "wall" else 1

    def _windows(self, instant: int) -> tuple[str, ...]:
        reading = local_clock(self.zone, instant)
        return tuple(name for name, window in self.book.windows.items() if _inside(self.book, window, reading))

    def _decide(self, name: str, facts: Mapping[str, object]) -> tuple[str, str]:
        """The answer of a slot that has one, and the rule whose answer stands."""
        slot = compile_slot(self.book.policies[name])
        bits = sum(holds(atom, facts, self.terms, self.row.day) << number for number, atom in enumerate(slot.atoms))
        decision = resolve(slot.slot, bits)
        standing = [rule for rule in decision.fired if rule not in decision.beaten]
        self.facts[f"answer-of {name}"] = decision.answers[0]
        return decision.answers[0], standing[-1] if standing else name

    def _premiums(self, windows: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
        """The premiums of a piece of time in the order of the book, and how those in the price combine."""
        if "premiums" not in self.book.policies:
            return (), ""
        slot = compile_slot(self.book.policies["premiums"])
        facts = {**self.facts, "in": windows}
        bits = sum(holds(atom, facts, self.terms, self.row.day) << number for number, atom in enumerate(slot.atoms))
        answers = resolve(slot.slot, bits).answers
        applied = tuple(name for name in self.book.premiums if name in answers)
        if sum(self.book.premiums[name].shown == "in-price" for name in applied) < 2:
            return applied, ""
        return applied, self._decide("combine", {**facts, "answer-of premiums": applied})[0]

    # --- charges

    def _flat(self, form: str, seconds: int) -> Charge:
        digits, half = self.book.rounding.quantity[self.kind.unit]
        quantity = to_whole(Fraction(seconds * 10**digits, 3600), half)
        price = self._base(self.row.day)
        return self._charge(0, form, form, (), quantity, (price.units, price.digits), self.row.day)

    def _worked(self) -> list[Charge]:
        digits, half = self.book.rounding.quantity[self.kind.unit]
        answers: dict[tuple[str, ...], tuple[tuple[str, ...], str]] = {}
        pieces: dict[tuple[int, tuple[str, ...], str], int] = {}
        spans: dict[int, date] = {}
        segment, before = -1, None
        for instant, elapsed, wall in self._all_ticks():
            day = local_clock(self.zone, instant).date() if self.book.calendar.price_at == "segment" else self.row.day
            identity = self._identity(day) if before is None or day != before[0] else before[1]
            if before is None or identity != before[1]:
                segment += 1
                spans[segment] = day
            before = (day, identity)
            if self.off <= instant < self.on:
                continue
            windows = self._windows(instant)
            if windows not in answers:
                answers[windows] = self._premiums(windows)
            key = (segment, *answers[windows])
            pieces[key] = pieces.get(key, 0) + (wall if self._clock() == 2 else elapsed)
        if any(seconds < 0 for seconds in pieces.values()):
            raise CannotPriceError("a piece of wall time is negative")
        worked = sum(pieces.values())
        fill = self._fill(worked)
        keys = sorted(pieces, key=lambda key: (key[0], "+".join(sorted(key[1]))))
        lengths = [pieces[key] for key in keys] + [fill]
        total = to_whole(Fraction(sum(lengths) * 10**digits, 3600), half)
        quantities = share(total, [Fraction(length * 10**digits, 3600) for length in lengths])
        by_component: dict[tuple[int, str], tuple[list[int], tuple[str, ...], str]] = {}
        for key, quantity in zip(keys, quantities, strict=False):
            in_price = tuple(name for name in key[1] if self.book.premiums[name].shown == "in-price")
            by_component.setdefault((key[0], "+".join(in_price) or "base"), ([], in_price, key[2]))[0].append(quantity)
            for name in key[1]:
                if name not in in_price:
                    by_component.setdefault((key[0], f"own:{name}"), ([], (name,), "own"))[0].append(quantity)
        charges = []
        for (number, component), (parts, premiums, combine) in by_component.items():
            price, shown = self._price(spans[number], premiums, combine)
            basis = "own-line" if combine == "own" else "worked"
            charges.append(self._charge(number, component, basis, shown, sum(parts), price, spans[number]))
        if fill:
            base = self._base(self.row.day)
            charges.append(
                self._charge(max(segment, 0) + 1, "fill", "fill", (), quantities[-1], (base.units, base.digits), self.row.day)
            )
        return charges

    def _all_ticks(self) -> list[tuple[int, int, int]]:
        """Every tick of the shift, those of its break too."""
        whole = _Shift.__new__(_Shift)
        whole.start, whole.end, whole.off, whole.on, whole.zone = self.start, self.end, self.start, self.start, self.zone
        if any(instant % 60 for instant in (self.off, self.on)):
            return [(t, 1, 1 + offset(self.zone, t + 1) - offset(self.zone, t)) for t in range(self.start, self.end)]
        return whole._ticks()

    def _fill(self, worked: int) -> int:
        if "minimum" not in self.book.policies or self._decide("minimum", self.facts)[0] != "applies":
            return 0
        least = self.terms["min-hours"]
        return max(int(least) - worked, 0) if isinstance(least, int) else 0

    def _charge(
        self, segment: int, component: str, basis: str, shown: tuple[str, ...], quantity: int, price: tuple[int, int], day: date
    ) -> Charge:
        digits = self.book.rounding.quantity[self.kind.unit][0]
        return Charge(
            self.row.number,
            segment,
            component,
            basis,
            self.site.account,
            self.site.site,
            self.item,
            shown,
            quantity,
            digits,
            *price,
            day,
        )

    # --- prices

    def _rate(self, table: str, day: date, premium: str = "") -> tuple[str, Decimals] | None:
        """The entry in force: the closest override, else the table's row."""
        found: list[tuple[int, Override]] = []
        for override in self.book.accounts[self.site.account].overrides:
            fits = override.table == table and override.site in (None, self.site.site) and override.item in (None, self.item)
            fits = fits and override.premium in (None, premium or None)
            if fits and override.start <= day and (override.end is None or day < override.end):
                rank = 4 * (override.site is not None) + 2 * (override.item is not None) + (override.premium is not None)
                found.append((rank, override))
        if found:
            best = max(found, key=lambda each: each[0])[1]
            return best.id, best.value
        geo = ""
        for since, name in self.site.geo:
            if since <= day:
                geo = name
        names = {"account": self.site.account, "site": self.site.site, "geo": geo, "item": self.item, "premium": premium}
        listed = self.book.tables[table]
        row = listed.rows.get(tuple(names[column] for column in listed.key))
        current: Price | None = None
        for price in row.prices if row else ():
            if price.start <= day:
                current = price
        if row is None or current is None or current.value is None:
            return None
        return f"{row.id}@{current.start}", current.value

    def _base(self, day: date) -> Decimals:
        rate = self._rate(self.book.items[self.item].table, day)
        if rate is None:
            raise CannotPriceError(f"no price at {self.site.site} for {self.item} on {day}")
        return rate[1]

    def _identity(self, day: date) -> tuple[object, ...]:
        """Which entries would price this day: the base and every rate that any premium reads."""
        reads = sorted(
            {
                (given.name, name)
                for name, premium in self.book.premiums.items()
                for given in premium.given.values()
                if given.form == "rate"
            }
        )
        return (self._rate(self.book.items[self.item].table, day), *(self._rate(table, day, name) for table, name in reads))

    def _price(self, day: date, premiums: tuple[str, ...], combine: str) -> tuple[tuple[int, int], tuple[str, ...]]:
        base = self._base(day)
        if not premiums:
            return (base.units, base.digits), ()
        value, digits = base.fraction(), base.digits
        shown = premiums
        if combine == "own":
            value, digits = self._increment(premiums[0], day, value)
        elif combine == "multiply":
            for name in premiums:
                more, made = self._increment(name, day, value)
                value, digits = value + more, max(digits, made)
        else:
            increments = [self._increment(name, day, value) for name in premiums]
            digits = max(digits, *(made for _, made in increments))
            if combine == "largest":
                best = max(more for more, _ in increments)
                shown = (premiums[[more for more, _ in increments].index(best)],)
                value += best
            else:
                value += sum(more for more, _ in increments)
        if value < 0:
            raise CannotPriceError("a price below zero")
        return (int(value * 10**digits), digits), shown

    def _increment(self, premium: str, day: date, base: Fraction) -> tuple[Fraction, int]:
        rule = self.book.premiums[premium]
        formula = self.book.formulas[rule.formula]
        version = next(
            (each for each in formula.versions if each.start <= self.row.day and (each.end is None or self.row.day < each.end)),
            None,
        )
        if version is None:
            raise CannotPriceError(f"no version of {formula.formula} on {self.row.day}")
        inputs = {
            each.name: Input(each.name, each.unit, each.at_most.fraction(), each.at_least.fraction(), digits=12)
            for each in formula.inputs
        }
        values: dict[str, Fraction] = {}
        for name, given in rule.given.items():
            if given.form == "base":
                values[name] = base
            elif given.form == "rate":
                rate = self._rate(given.name, day, premium)
                if rate is None:
                    raise CannotPriceError(f"no rate in {given.name} for {premium} on {day}")
                values[name] = rate[1].fraction()
            elif given.form == "term":
                values[name] = self.terms[given.name].fraction()  # type: ignore[union-attr]  # a number term
            else:
                values[name] = given.number.fraction() if given.number else Fraction(0)
        exact = evaluate_formula(parse(version.text, inputs), values)
        return Fraction(to_whole(exact * 10**version.digits, version.half), 10**version.digits), version.digits


def _inside(book: RuleBook, window: Window, reading: datetime) -> bool:
    """Whether a clock reading lies in a window."""
    if window.each == "holiday":
        for holiday in book.holidays[window.holidays or ""].days:
            midnight = datetime.combine(holiday.actual if window.day == "actual" else holiday.observed, datetime.min.time())
            if midnight + timedelta(seconds=window.start) <= reading < midnight + timedelta(seconds=window.end):
                return True
        return False
    monday = datetime.combine(reading.date() - timedelta(days=reading.weekday()), datetime.min.time())
    since = (reading - (monday if window.each == "week" else datetime.combine(reading.date(), datetime.min.time()))) / timedelta(
        seconds=1
    )
    return window.start <= since < window.end if window.start < window.end else since >= window.start or since < window.end


def _lines(book: RuleBook, kind: ActivityKind, account: str, rows: Sequence[Row], charges: Sequence[Charge]) -> tuple[Line, ...]:
    """Charges grouped into lines, with amounts shared over the charges."""
    groups: dict[tuple[object, ...], list[Charge]] = {}
    for charge in charges:
        if charge.account == account:
            basis = "worked" if charge.basis == "fill" else charge.basis
            groups.setdefault((charge.site, charge.item, basis, charge.shown, charge.price, charge.price_digits), []).append(
                charge
            )
    minor = 10 ** CURRENCY_DIGITS[book.accounts[account].currency]
    order = list(book.items)
    lines = []
    for mine in groups.values():
        first = mine[0]
        backup = sorted(
            mine,
            key=lambda c: (
                c.service_day,
                rows[c.row].cells["worker"],
                rows[c.row].source,
                rows[c.row].id,
                c.segment,
                c.component,
            ),
        )
        quantity = Decimals(sum(charge.quantity for charge in mine), first.quantity_digits)
        price = Decimals(first.price, first.price_digits)
        amount = to_whole(quantity.fraction() * price.fraction() * minor, book.rounding.amount)
        amounts = share(amount, [charge.exact * minor for charge in backup])
        lines.append(
            Line(
                account,
                first.site,
                first.item,
                _description(book, mine),
                quantity,
                price,
                amount,
                tuple(zip(backup, amounts, strict=True)),
            )
        )
    return tuple(
        sorted(
            lines,
            key=lambda line: (line.site, order.index(line.item), line.description, line.price.fraction(), line.price.digits),
        )
    )


def _description(book: RuleBook, charges: Sequence[Charge]) -> str:
    first, texts = charges[0], book.texts
    basis = next((charge.basis for charge in charges if charge.basis != "fill"), "worked")
    names = ", ".join(book.premiums[name].name for name in first.shown)
    template = {"fixed": texts.fixed, "scheduled": texts.scheduled, "own-line": texts.own_line}.get(
        basis, texts.worked_with_premiums if first.shown else texts.worked
    )
    text = template.format(name=book.items[first.item].name, item=first.item, site=first.site, premiums=names, premium=names)
    fill = sum(charge.quantity for charge in charges if charge.basis == "fill")
    if fill:
        worked = sum(charge.quantity for charge in charges) - fill
        digits = first.quantity_digits
        text = texts.with_fill.format(description=text, worked=Decimals(worked, digits), fill=Decimals(fill, digits))
    return text
