"""Rounding and sharing, written again from the law (1.2 to 1.4, 3.1, 4.4) in fractions."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction


def to_multiple(value: int, step: int, half: str) -> int:
    """`value`, not negative, at the nearest multiple of `step`; a half goes up, down or to the even multiple."""
    below = value // step
    over = value - below * step
    if 2 * over > step or (2 * over == step and (half == "up" or (half == "even" and below % 2 == 1))):
        return (below + 1) * step
    return below * step


def to_whole(value: Fraction, half: str) -> int:
    """The whole number nearest to `value`; a half goes away from zero (up), towards it (down) or to the even neighbour."""
    if value < 0:
        return -to_whole(-value, half)
    return to_multiple(value.numerator * 2, value.denominator * 2, half) // (value.denominator * 2)


def share(total: int, parts: Sequence[Fraction]) -> list[int]:
    """`total` in whole units over exact parts: each its floor, then one more for the largest remainders, the earlier first."""
    given = [part.numerator // part.denominator for part in parts]
    remainders = [part - floor for part, floor in zip(parts, given, strict=True)]
    waiting = list(range(len(parts)))
    while sum(given) < total:
        best = max(waiting, key=lambda place: (remainders[place], -place))
        waiting.remove(best)
        given[best] += 1
    return given
