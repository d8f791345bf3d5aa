"""A formula computed over whole columns of scaled integers: exact, with one division, the final rounding.

Every term is a column of whole numerators over a denominator that is constant for the term. Where the proved bounds show that
each of them fits in 64 bits the columns are machine integers; else they hold Python's integers, slower and just as exact.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from fractions import Fraction
from functools import reduce
from math import gcd, lcm
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.formulas.language import Formula, Input
from engine.formulas.terms import Choice, Comparison, Condition, Constant, Reading, Term
from engine.money import Half
from engine.problems import InforceError

Column = npt.NDArray[np.int64]
Numerators = npt.NDArray[Any]  # Any: int64, or Python's integers as objects; never anything else
Truths = npt.NDArray[np.bool_]

_INT64_MAX = 2**63 - 1
_CALCULATE = {"+": np.add, "-": np.subtract, "*": np.multiply, "min": np.minimum, "max": np.maximum}
_COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne}


class ColumnError(InforceError):
    """The columns given to a formula are not what it needs, or its result does not fit in one."""


def compute(formula: Formula, columns: Mapping[str, Column], digits: int, half: Half) -> Column:
    """The formula's value in each row as units of 10**-`digits`, rounded once by `half`."""
    numerators, denominator = compute_rational(formula, columns)
    return round_column(numerators, denominator, digits, half)


def compute_rational(formula: Formula, columns: Mapping[str, Column]) -> tuple[Numerators, int]:
    """The formula's exact value in each row: numerators (int64, or objects where that is too small) over one denominator.

    `columns` holds each declared input in units of 10**-digits; others are ignored. A formula without inputs gives one row.
    """
    given = {declared.name: _checked(declared, columns) for declared in formula.inputs}
    lengths = {len(column) for column in given.values()} or {1}
    if len(lengths) > 1:
        sizes = ", ".join(f"{name} {len(column)}" for name, column in given.items())
        raise ColumnError(f"the columns of a formula differ in length: {sizes}.\nGive one value for each row in every column.")
    dtype: type = np.int64 if formula.root.proof.largest <= _INT64_MAX else object
    values: dict[str, Numerators] = {name: column.astype(dtype, copy=False) for name, column in given.items()}
    numerators = _numerators(formula.root, values, dtype)
    return np.broadcast_to(numerators, (lengths.pop(),)).copy(), formula.root.proof.denominator


def round_column(numerators: Numerators, denominator: int, digits: int, half: Half) -> Column:
    """`numerators` over `denominator` as units of 10**-`digits`, rounded once; `up` is half away from zero."""
    if not len(numerators):
        return np.empty(0, dtype=np.int64)
    common = gcd(10**digits, denominator)
    factor, divisor = 10**digits // common, denominator // common
    largest = max(abs(int(numerators.min())), abs(int(numerators.max()))) * factor
    if 2 * max(largest, factor, divisor) > _INT64_MAX:
        numerators = numerators.astype(object)
    size = np.abs(numerators) * factor
    whole = size // divisor
    double = 2 * (size - whole * divisor) - divisor
    more = double >= 0 if half == "up" else double > 0
    if half == "even":
        more = more | ((double == 0) & (whole % 2 == 1))
    whole = np.where(more, whole + 1, whole)
    if largest // divisor >= _INT64_MAX:
        raise ColumnError(f"a result of {largest // divisor} units of {digits} digits does not fit in 64 bits.\nLower at-most.")
    result: Column = np.where(numerators < 0, -whole, whole).astype(np.int64)
    return result


def _checked(declared: Input, columns: Mapping[str, Column]) -> Column:
    """The column of an input, once its type is right and all of its values are within the declared bounds."""
    if declared.name not in columns:
        raise ColumnError(f"there is no column for input {declared.name!r}.\nGive one beside {', '.join(columns) or 'none'}.")
    column = columns[declared.name]
    if column.dtype != np.int64 or column.ndim != 1:
        raise ColumnError(f"the column {declared.name!r} holds {column.dtype}.\nGive whole numbers of 64 bits, one for each row.")
    if len(column):
        for row in (int(column.argmin()), int(column.argmax())):
            declared.require(Fraction(int(column[row]), 10**declared.digits), row)
    return column


def _numerators(term: Term, values: Mapping[str, Numerators], dtype: type) -> Numerators:
    """Numerators of a term over its own denominator."""
    if isinstance(term, Reading):
        return values[term.name]
    if isinstance(term, Constant):
        return np.full(1, term.value.numerator, dtype)
    denominator = term.proof.denominator
    if isinstance(term, Choice):
        then, otherwise = (_over(denominator, part, values, dtype) for part in (term.then, term.otherwise))
        return np.where(_truths(term.condition, values, dtype), then, otherwise)
    if term.operator == "*":
        parts = [_numerators(part, values, dtype) for part in term.parts]
    else:
        parts = [_over(denominator, part, values, dtype) for part in term.parts]
    result: Numerators = reduce(_CALCULATE[term.operator], parts)
    return result


def _over(denominator: int, term: Term, values: Mapping[str, Numerators], dtype: type) -> Numerators:
    """Numerators of a term over a multiple of its denominator."""
    factor = denominator // term.proof.denominator
    numerators = _numerators(term, values, dtype)
    return numerators if factor == 1 else numerators * factor


def _truths(condition: Condition, values: Mapping[str, Numerators], dtype: type) -> Truths:
    if isinstance(condition, Comparison):
        denominator = lcm(condition.left.proof.denominator, condition.right.proof.denominator)
        left, right = (_over(denominator, part, values, dtype) for part in (condition.left, condition.right))
        return np.asarray(_COMPARE[condition.operator](left, right), dtype=np.bool_)
    parts = [_truths(part, values, dtype) for part in condition.parts]
    if condition.operator == "not":
        return ~parts[0]
    return reduce(np.logical_and if condition.operator == "and" else np.logical_or, parts)
