"""A formula evaluated for one set of values in fractions: slow and obvious, the yardstick for `columns`."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from fractions import Fraction

from engine.formulas.language import Formula
from engine.formulas.terms import Arithmetic, Choice, Comparative, Comparison, Condition, Constant, Junction, Reading, Term

_COMPARE: dict[Comparative, Callable[[Fraction, Fraction], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


def evaluate(formula: Formula, values: Mapping[str, Fraction]) -> Fraction:
    """The exact value of the formula, not rounded; refuses a value outside the bounds of its input."""
    for declared in formula.inputs:
        declared.require(values[declared.name])
    return _value(formula.root, values)


def _value(term: Term, values: Mapping[str, Fraction]) -> Fraction:
    if isinstance(term, Constant):
        return term.value
    if isinstance(term, Reading):
        return values[term.name]
    if isinstance(term, Choice):
        return _value(term.then if _holds(term.condition, values) else term.otherwise, values)
    return _calculated(term.operator, [_value(part, values) for part in term.parts])


def _calculated(sign: Arithmetic, parts: list[Fraction]) -> Fraction:
    match sign:
        case "+":
            return parts[0] + parts[1]
        case "-":
            return parts[0] - parts[1]
        case "*":
            return parts[0] * parts[1]
        case "min":
            return min(parts)
        case "max":
            return max(parts)


def _holds(condition: Condition, values: Mapping[str, Fraction]) -> bool:
    if isinstance(condition, Comparison):
        return _COMPARE[condition.operator](_value(condition.left, values), _value(condition.right, values))
    return _joined(condition, [_holds(part, values) for part in condition.parts])


def _joined(condition: Junction, parts: list[bool]) -> bool:
    match condition.operator:
        case "and":
            return all(parts)
        case "or":
            return any(parts)
        case "not":
            return not parts[0]
