"""Numbers of money: scaled integers with declared digits, named rounding, and shares that add up."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from engine.problems import InforceError

Half = Literal["up", "even", "down"]
HALVES: tuple[Half, ...] = ("up", "even", "down")
CURRENCY_DIGITS = {"USD": 2, "EUR": 2, "GBP": 2, "CHF": 2, "CAD": 2, "AUD": 2, "JPY": 0, "KWD": 3}

_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,12})?", re.ASCII)


class NumberError(InforceError):
    """A text is not a plain decimal number, or has more digits than are declared for it."""


@dataclass(frozen=True, slots=True)
class Decimals:
    """A finite decimal: `units` of 10**-`digits`. `Decimals(8250, 2)` is 82.50."""

    units: int
    digits: int

    def __str__(self) -> str:
        return decimal_text(self.units, self.digits)

    def fraction(self) -> Fraction:
        """The exact value."""
        return Fraction(self.units, 10**self.digits)


def parse_decimal(text: str) -> Decimals:
    """The number written in `text`, with the digits it was written with; refuses signs other than '-', exponents and blanks."""
    if not _DECIMAL.fullmatch(text):
        raise NumberError(f"{text!r} is not a plain decimal number such as 82.50")
    whole, _, part = text.partition(".")
    return Decimals(int(whole + part), len(part))


def scaled(text: str, digits: int) -> int:
    """The number in `text` as units of 10**-`digits`; more digits than that are refused, never rounded."""
    number = parse_decimal(text)
    if number.digits > digits:
        raise NumberError(f"{text} has {number.digits} digits after the point; at most {digits} are declared")
    return int(number.units * 10 ** (digits - number.digits))


def decimal_text(units: int, digits: int, *, grouped: bool = False) -> str:
    """Canonical text of `units` of 10**-`digits`, always with all declared digits; `grouped` adds thousands commas."""
    sign = "-" if units < 0 else ""
    whole, part = divmod(abs(units), 10**digits)
    text = f"{whole:,}" if grouped else str(whole)
    return f"{sign}{text}.{part:0{digits}d}" if digits else f"{sign}{text}"


def percent_text(fraction: Decimals) -> str:
    """A fraction as a percentage, without zeros at its end: 0.035 is 3.5%."""
    digits = max(fraction.digits - 2, 0)
    text = str(Decimals(fraction.units * 10 ** (digits - fraction.digits + 2), digits))
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text}%"


def rounded(value: Fraction, half: Half = "up") -> int:
    """The whole number nearest to `value`; a half goes away from zero (up), towards it (down) or to the even neighbour."""
    size = abs(value)
    whole, rest = divmod(size.numerator, size.denominator)
    double = 2 * rest - size.denominator
    if double > 0 or (double == 0 and (half == "up" or (half == "even" and whole % 2 == 1))):
        whole += 1
    return whole if value >= 0 else -whole


def shares(total: int, parts: Sequence[Fraction]) -> list[int]:
    """`total` shared in whole units over `parts` (exact shares that sum to about `total`), by largest remainder.

    Each part gets its floor; what is left goes to the largest remainders, the earlier part first where they are equal.
    A total of the other sign is shared in mirror image, so that a reversal mirrors its charge.
    """
    if total < 0 or (total == 0 and sum(parts) < 0):
        return [-share for share in shares(-total, [-part for part in parts])]
    floors = [part.numerator // part.denominator for part in parts]
    left = total - sum(floors)
    order = sorted(range(len(parts)), key=lambda i: (floors[i] - parts[i], i))
    for step in range(abs(left)):
        index = order[step % len(order)] if left > 0 else order[-1 - step % len(order)]
        floors[index] += 1 if left > 0 else -1
    return floors
