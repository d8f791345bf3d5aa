"""The tree of a formula; every part of it carries what is proved of its value before any value is known."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, lcm
from typing import Literal

from engine.formulas.units import Unit

Arithmetic = Literal["+", "-", "*", "min", "max"]
Comparative = Literal["<", "<=", ">", ">=", "==", "!="]
Logic = Literal["and", "or", "not"]


@dataclass(frozen=True, slots=True)
class Proof:
    """What holds for every value of a term, whatever the inputs are within their declared bounds.

    The value is a whole number over `denominator`, at least `low` and at most `high`. `largest` is the largest whole number
    that is needed on the way to it: if that fits in a machine word, nothing below can overflow. Terms made of constants
    alone have no unit (None): they take the unit of what they meet.
    """

    unit: Unit | None
    low: Fraction
    high: Fraction
    denominator: int
    largest: int

    @property
    def size(self) -> Fraction:
        """The largest distance from zero."""
        return max(abs(self.low), abs(self.high))


@dataclass(frozen=True, slots=True)
class Constant:
    """A number in the text, or what constants alone give."""

    value: Fraction
    proof: Proof


@dataclass(frozen=True, slots=True)
class Reading:
    """The value of an input."""

    name: str
    proof: Proof


@dataclass(frozen=True, slots=True)
class Operation:
    """Arithmetic on two terms; `min` and `max` take more. Division and minus are products with a constant."""

    operator: Arithmetic
    parts: tuple[Term, ...]
    proof: Proof


@dataclass(frozen=True, slots=True)
class Choice:
    """`then` where the condition holds, `otherwise` where it does not."""

    condition: Condition
    then: Term
    otherwise: Term
    proof: Proof


@dataclass(frozen=True, slots=True)
class Comparison:
    """Whether two terms compare as the operator says; `largest` as in `Proof`."""

    operator: Comparative
    left: Term
    right: Term
    largest: int


@dataclass(frozen=True, slots=True)
class Junction:
    """Conditions joined by `and` or `or`, or one condition denied by `not`."""

    operator: Logic
    parts: tuple[Condition, ...]
    largest: int


Term = Constant | Reading | Operation | Choice
Condition = Comparison | Junction


def constant(value: Fraction) -> Constant:
    """The term of a number."""
    largest = max(abs(value.numerator), value.denominator)
    return Constant(value, Proof(None, value, value, value.denominator, largest))


def reading(name: str, unit: Unit, low: Fraction, high: Fraction, digits: int) -> Reading:
    """The term of an input whose column holds units of 10**-`digits`."""
    return Reading(name, Proof(unit, low, high, 10**digits, _largest(10**digits, [low, high])))


def operation(operator: Arithmetic, parts: tuple[Term, ...], unit: Unit | None) -> Term:
    """The term of an operation, with its bounds by interval arithmetic; of constants alone it is a constant again."""
    proofs = [part.proof for part in parts]
    low, high = _bounds(operator, proofs)
    if all(isinstance(part, Constant) for part in parts):
        return constant(low)
    if operator == "*":
        left, right = proofs
        denominator = left.denominator * right.denominator
        largest = _largest(denominator, [low, high], left.largest, right.largest)
    else:
        denominator = lcm(*(proof.denominator for proof in proofs))
        largest = _largest_in_common(denominator, proofs, [low, high])
    return Operation(operator, parts, Proof(unit, low, high, denominator, largest))


def choice(condition: Condition, then: Term, otherwise: Term, unit: Unit | None) -> Choice:
    """The term of `then if condition else otherwise`; its bounds enclose both."""
    proofs = [then.proof, otherwise.proof]
    denominator = lcm(*(proof.denominator for proof in proofs))
    low, high = min(proof.low for proof in proofs), max(proof.high for proof in proofs)
    largest = max(condition.largest, _largest_in_common(denominator, proofs, []))
    return Choice(condition, then, otherwise, Proof(unit, low, high, denominator, largest))


def comparison(operator: Comparative, left: Term, right: Term) -> Comparison:
    """The condition that compares two terms."""
    denominator = lcm(left.proof.denominator, right.proof.denominator)
    return Comparison(operator, left, right, _largest_in_common(denominator, [left.proof, right.proof], []))


def junction(operator: Logic, parts: tuple[Condition, ...]) -> Junction:
    """The condition that joins conditions."""
    return Junction(operator, parts, max(part.largest for part in parts))


def _bounds(operator: Arithmetic, proofs: list[Proof]) -> tuple[Fraction, Fraction]:
    lows, highs = [proof.low for proof in proofs], [proof.high for proof in proofs]
    match operator:
        case "+":
            return lows[0] + lows[1], highs[0] + highs[1]
        case "-":
            return lows[0] - highs[1], highs[0] - lows[1]
        case "*":
            corners = [left * right for left in (lows[0], highs[0]) for right in (lows[1], highs[1])]
            return min(corners), max(corners)
        case "min":
            return min(lows), min(highs)
        case "max":
            return max(lows), max(highs)


def _largest_in_common(denominator: int, proofs: list[Proof], values: list[Fraction]) -> int:
    """The largest whole number needed to bring terms to a common denominator and to hold `values` over it."""
    return _largest(denominator, [*(proof.size for proof in proofs), *values], *(proof.largest for proof in proofs))


def _largest(denominator: int, values: list[Fraction], *below: int) -> int:
    return max(denominator, *(ceil(abs(value) * denominator) for value in values), *below)
