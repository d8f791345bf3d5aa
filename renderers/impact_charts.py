"""The charts of an impact as places of bars: whole numbers of a drawing that a template draws as SVG.

Issued, open and forward stand apart: each its own group, never one on top of another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from engine.impact import Impact, Section
from engine.money import CURRENCY_DIGITS, decimal_text, rounded
from renderers.characters import columns
from renderers.impact_view import NAMES, SHOWN, Rows, Sum, by_period, months_of

WIDTH, PLOT = 820, 180
_LEFT, _GAP, _TOP = 92, 36, 46
_BAR_MAX, _LABEL, _GROUP_MIN = 56, 62, 150
_ROW, _NAME, _VALUE = 28, 180, 120


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: where it is, its kind of sum, what it is of and its amount (both may be left out for want of room), and their places."""

    x: int
    y: int
    width: int
    height: int
    kind: str
    name: str
    value: str
    name_x: int
    name_y: int
    value_x: int
    value_y: int
    falls: bool


@dataclass(frozen=True, slots=True)
class Group:
    """Bars that belong together, under one title, and the line that they stand on."""

    title: str
    kind: str
    x: int
    width: int
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the scale with its amount."""

    y: int
    value: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing: its size, the groups from left to right or the rows from top to bottom, and the scale."""

    title: str
    told: str
    width: int
    height: int
    groups: tuple[Group, ...]
    ticks: tuple[Tick, ...] = ()
    zero: int = 0


# --- month by month -------------------------------------------------------------------------------------------------------------


def months_chart(impact: Impact, currency: str) -> Chart | None:
    """The change of each month in one currency; the months of the estimate are the past ones under the rules to come."""
    told = [(section, _amounts(section, currency)) for section in impact.sections]
    told = [(section, amounts) for section, amounts in told if amounts]
    values = [amount for _, amounts in told for _, amount in amounts]
    if not any(values):
        return None
    low, high, step = _scale(min(0, *values), max(0, *values))
    each_bar = min(_BAR_MAX * 2, (WIDTH - _LEFT - _GAP * len(told)) // len(values))

    def at(value: int) -> int:
        return _TOP + rounded(Fraction((high - value) * PLOT, high - low))

    groups, x = [], _LEFT + _GAP // 2
    for section, amounts in told:
        width = max(each_bar * len(amounts), _GROUP_MIN, _LABEL * min(len(amounts), 3))
        pitch = width // len(amounts)
        named = -(-_LABEL // pitch)
        bars = tuple(
            _month_bar(
                section, name if number % named == 0 else "", _signed(amount, currency) if named == 1 else "", x + pitch * number + pitch // 2,
                min(_BAR_MAX, pitch * 6 // 10), at(0), at(amount),
            )
            for number, (name, amount) in enumerate(amounts)
        )  # fmt: skip
        groups.append(Group(_TITLES[section.state], section.state, x, width, bars))
        x += width + _GAP
    ticks = tuple(
        Tick(at(value), decimal_text(value, CURRENCY_DIGITS[currency], grouped=True)) for value in range(low, high + 1, step)
    )
    said = f"Change of each month in {currency}: " + "; ".join(
        f"{NAMES[section.state]}: " + ", ".join(f"{name} {_signed(amount, currency)}" for name, amount in amounts)
        for section, amounts in told
    )
    return Chart(f"Change per month, {currency}", said, max(WIDTH, x), _TOP + PLOT + 46, tuple(groups), ticks, at(0))


_TITLES = {"issued": "Issued", "open": "Open", "forward": "Forward (estimate)"}


def _amounts(section: Section, currency: str) -> list[tuple[str, int]]:
    return [(name, each.change) for name, sums in by_period(section) for each in sums if each.currency == currency]


def _month_bar(section: Section, name: str, value: str, middle: int, thick: int, zero: int, end: int) -> Bar:
    falls = end > zero
    return Bar(
        middle - thick // 2, min(zero, end), max(thick, 2), max(abs(end - zero), 1), section.state, name, value,
        middle, _TOP + PLOT + 34, middle, end + 14 if falls else end - 6, falls,
    )  # fmt: skip


def _scale(low: int, high: int) -> tuple[int, int, int]:
    """A scale in round steps (1, 2 or 5 and zeros) around all values."""
    span, power = max(high - low, 1), 1
    while True:
        for digit in (1, 2, 5):
            step = digit * power
            if span <= 5 * step:
                return low // step * step, -(-high // step) * step, step
        power *= 10


# --- account by account ---------------------------------------------------------------------------------------------------------


def accounts_chart(impact: Impact, section: Section, rows: Rows, currency: str) -> Chart | None:
    """The ten accounts of a section that are moved most in one currency, and all others as one bar."""
    sums = [(row.account, row.sum) for row in rows.moved if row.sum is not None and row.sum.currency == currency]
    if not sums:
        return None
    shown = sums[:SHOWN]
    rest = [each for _, each in sums[SHOWN:]]
    if rest:
        total = Sum(currency, sum(each.before for each in rest), sum(each.after for each in rest), months_of(impact, section))
        shown.append((f"{len(rest):,} more", total))
    low, high = (pick(0, *(each.change for _, each in shown)) for pick in (min, max))
    left, right = (_NAME + (_VALUE if low < 0 else 0), WIDTH - (_VALUE if high > 0 else 10))
    span = max(high - low, 1)

    def at(value: int) -> int:
        return left + rounded(Fraction((value - low) * (right - left), span))

    bars = tuple(_account_bar(section, name, each, number, at(0), at(each.change)) for number, (name, each) in enumerate(shown))
    said = f"{NAMES[section.state]} by account in {currency}: " + ", ".join(f"{name} {each.moved}" for name, each in shown)
    height = _ROW * len(bars) + 8
    return Chart(
        f"{NAMES[section.state]}, {currency}", said, WIDTH, height, (Group("", section.state, 0, WIDTH, bars),), (), at(0)
    )


def _account_bar(section: Section, name: str, total: Sum, number: int, zero: int, end: int) -> Bar:
    y = 4 + _ROW * number
    text = total.text(total.change, signed=True)
    return Bar(
        min(zero, end), y + 5, max(abs(end - zero), 1), _ROW - 10, section.state, clipped(name), text, 0, y + 20,
        end - 8 if total.change < 0 else end + 8, y + 20, total.change < 0,
    )  # fmt: skip


def clipped(name: str, longest: int = 24) -> str:
    """A name that fits beside its bar, with its beginning and its end, which tell similar names apart."""
    if columns(name) <= longest:
        return name
    half = (longest - 1) // 2
    return f"{_first(name, half)}…{_first(name[::-1], half)[::-1]}"


def _first(name: str, longest: int) -> str:
    while columns(name) > longest:
        name = name[: max(longest, len(name) // 2)] if len(name) > 2 * longest else name[:-1]
    return name


def currencies(impact: Impact) -> Sequence[str]:
    """All currencies of a report."""
    return sorted({each.currency for section in impact.sections for each in section.documents})


def _signed(minor: int, currency: str) -> str:
    return Sum(currency, 0, minor).text(minor, signed=True)
