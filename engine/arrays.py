"""Arrays of whole numbers: their types, the mark for an empty cell, and arithmetic that refuses to wrap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from engine.money import Half
from engine.problems import InvariantError

Ints: TypeAlias = npt.NDArray[np.int64]
Codes: TypeAlias = npt.NDArray[np.int32]
Bools: TypeAlias = npt.NDArray[np.bool_]
Exact: TypeAlias = npt.NDArray[Any]  # int64 where it provably fits, else objects (Python ints)

NONE = -(2**62)  # an empty cell of a time or length; no instant or length comes near it
_SAFE = 2**62


def codes(values: object) -> Codes:
    """The values as int32 codes."""
    return np.asarray(values, dtype=np.int32)


def ints(values: object) -> Ints:
    """The values as int64."""
    return np.asarray(values, dtype=np.int64)


def product(left: Exact, right: Exact) -> Exact:
    """left x right, in int64 if the largest magnitudes prove that products *and their sum* fit, else in Python ints."""
    largest = _size(left) * _size(right) * max(len(left), 1)
    if largest < _SAFE:
        return np.asarray(left * right)
    return np.asarray(left.astype(object) * right.astype(object))


def scaled_up(values: Exact, factor: int) -> Exact:
    """values x factor without wrapping."""
    wide: Exact = values if _size(values) * factor * max(len(values), 1) < _SAFE else values.astype(object)
    return np.asarray(wide * factor)


def rounded_down(values: Exact, divisor: int, half: Half) -> Exact:
    """values / divisor to the nearest whole number, halves by `half`; the columnar twin of `engine.money.rounded`."""
    size = np.abs(values)
    whole, rest = size // divisor, size % divisor
    twice = 2 * rest
    up = twice > divisor
    if half == "up":
        up = twice >= divisor
    elif half == "even":
        up = up | ((twice == divisor) & (whole % 2 == 1))
    whole = whole + up
    return np.where(values < 0, -whole, whole)


def _size(values: Exact) -> int:
    return int(max(abs(int(values.max())), abs(int(values.min())))) if len(values) else 0


def group_sums(groups: Ints, values: Exact, count: int) -> Exact:
    """The sum of `values` for each of `count` groups, exact."""
    sums: Exact = np.zeros(count, dtype=values.dtype)
    np.add.at(sums, groups, values)
    return sums


def narrow(values: Exact, what: str) -> Ints:
    """The values as int64; refuses what does not fit."""
    if values.dtype == object and any(abs(value) >= _SAFE for value in values):
        raise InvariantError(f"{what} is beyond what an invoice can hold (2**62); check the prices and quantities")
    return values.astype(np.int64)


def share_out(groups: Ints, exact: Exact, divisor: int, totals: Exact) -> Ints:
    """Whole-number shares of `totals` (one per group) over parts of exact size `exact`/`divisor`, by largest remainder.

    `groups` is non-decreasing; within a group the earlier part wins a tie. Mirrors for totals below zero.
    The columnar twin of `engine.money.shares`.
    """
    below = (totals < 0) | ((totals == 0) & (group_sums(groups, exact, len(totals)) < 0))
    sign = np.where(below, -1, 1)
    size = exact * sign[groups]
    floors = size // divisor
    left = totals * sign - group_sums(groups, floors, len(totals))
    if not np.any(left):
        return narrow(floors * sign[groups], "a share")
    counts = np.bincount(groups, minlength=len(totals))
    if np.any(left < 0) or np.any(left > counts):
        raise InvariantError(
            "the parts of a quantity or an amount do not add up to it; this is a fault of the engine, nothing was written"
        )
    at = np.flatnonzero(left[groups] > 0)
    rest = (size - floors * divisor)[at]
    order = (
        np.lexsort((-rest, groups[at]))
        if rest.dtype != object
        else np.array(sorted(range(len(at)), key=lambda i: (groups[at[i]], -rest[i])), dtype=np.int64)
    )
    group = groups[at][order]
    first = np.flatnonzero(np.r_[True, group[1:] != group[:-1]]) if len(group) else ints([])
    place = np.arange(len(group)) - np.repeat(first, np.diff(np.r_[first, len(group)]))
    wins = at[order[place < left[group]]]
    floors = floors.copy()
    floors[wins] += 1
    return narrow(floors * sign[groups], "a share")


def check_border(what: str, columns: Mapping[str, npt.NDArray[Any]], key: Sequence[str]) -> None:
    """Refuses columns between two stages that are not whole numbers or true/false, or whose key is not strictly increasing."""
    for name, column in columns.items():
        if column.dtype.kind not in "iub":
            raise InvariantError(f"{what}: column {name!r} is {column.dtype}, not whole numbers; nothing was written")
    later = np.zeros(max(len(columns[key[0]]) - 1, 0), dtype=np.bool_)
    equal = np.ones_like(later)
    for name in key:
        column = columns[name]
        later |= equal & (column[1:] > column[:-1])
        equal &= column[1:] == column[:-1]
    if not bool(later.all()):
        raise InvariantError(
            f"{what}: the key ({', '.join(key)}) is not strictly increasing; this is a fault of the engine, nothing was written"
        )
