"""The formula language: reads a text such as `max(base * percent / 100, 3.50)` and proves units and bounds.

Python's parser gives the syntax tree; nothing is evaluated by Python. Before it sees the text, every character has been found
to belong to the language, and numbers have been read from the text itself, never from the parser's floats.
"""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from engine.formulas import terms
from engine.formulas.terms import Arithmetic, Comparative, Condition, Constant, Term
from engine.formulas.units import Unit, parse_unit
from engine.money import NumberError, decimal_text, parse_decimal
from engine.problems import InforceError, nearest

LENGTH_MAX = 500
DEPTH_MAX = 30
FUNCTIONS = ("max", "min")

_ARITHMETIC: dict[type[ast.operator], Arithmetic] = {ast.Add: "+", ast.Sub: "-"}
_COMPARISONS: dict[type[ast.cmpop], Comparative] = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
}  # fmt: skip
_INPUT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_TOKEN = re.compile(
    r"(?P<blank>[ \n]+)|(?P<number>[0-9][0-9A-Za-z_.]*)|(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<sign>\*\*|//|[<>=!:]=|.)",
    re.ASCII | re.DOTALL,
)
_SIGNS = {"+", "-", "*", "/", "(", ")", ",", *_COMPARISONS.values()}
_WORDS = {"and", "or", "not", "if", "else"}
_GRAMMAR = "Use inputs, numbers, + - * /, min, max, a comparison, and, or, not, or 'a if c else b'"
_REMEDIES = {
    "**": "Write the product out",
    "//": "Write '/'; the result is rounded once, as the version declares",
    "%": "Write '/ 100' for a percentage",
    "=": "Write '==' to compare",
    "×": "Write '*'",  # noqa: RUF001
    "÷": "Write '/'",
    "−": "Write '-'",  # noqa: RUF001  a word processor's minus
    "–": "Write '-'",  # noqa: RUF001  and its dash
    "≤": "Write '<='",
    "≥": "Write '>='",
}


class FormulaError(InforceError):
    """A formula's text is not in the language, or its units do not agree; `column` counts from 1."""

    def __init__(self, message: str, column: int, remedy: str) -> None:
        self.message, self.column, self.remedy = message, column, remedy
        super().__init__(f"column {column}: {message}.\n{remedy}.")


class InputError(InforceError):
    """The declaration of an input contradicts itself."""


class BoundsError(InforceError):
    """The value of an input is outside its declared bounds; `row` is its place in the column, from 0."""

    def __init__(self, source: Input, value: Fraction, bound: Fraction, row: int | None) -> None:
        self.name, self.value, self.bound, self.row = source.name, value, bound, row
        side, said = ("below", "at-least") if value < bound else ("above", "at-most")
        place = "" if row is None else f" in row {row}"
        super().__init__(
            f"input {source.name!r} is {source.text(value)}{place}, {side} its declared {said} of {source.text(bound)}.\n"
            f"Correct the value, or declare another {said} in a new version of the formula."
        )


@dataclass(frozen=True, slots=True)
class Input:
    """A declared input: its unit, its bounds, and the decimals that its column of whole numbers carries."""

    name: str
    unit: str
    at_most: Fraction
    at_least: Fraction = Fraction(0)
    digits: int = field(kw_only=True)

    def __post_init__(self) -> None:
        if not _INPUT_NAME.fullmatch(self.name) or keyword.iskeyword(self.name) or self.name in FUNCTIONS:
            raise InputError(f"{self.name!r} cannot name an input.\nUse letters, digits and '_', and no word of the language.")
        if not 0 <= self.digits <= 12:
            raise InputError(f"input {self.name!r} has {self.digits} digits.\nDeclare 0 to 12.")
        if self.at_least > self.at_most:
            raise InputError(f"input {self.name!r}: at-least {self.at_least} is above at-most {self.at_most}.\nSwap them.")
        parse_unit(self.unit)

    def text(self, value: Fraction) -> str:
        """A value of this input in words: a decimal where it is one with the declared digits."""
        units = value * 10**self.digits
        return decimal_text(units.numerator, self.digits) if units.denominator == 1 else str(value)

    def require(self, value: Fraction, row: int | None = None) -> None:
        """Refuses a value outside the declared bounds."""
        if not self.at_least <= value <= self.at_most:
            raise BoundsError(self, value, self.at_least if value < self.at_least else self.at_most, row)


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula that has been read: its text, its declared inputs, and its tree with what is proved of it."""

    text: str
    inputs: tuple[Input, ...]
    root: Term

    @property
    def unit(self) -> Unit | None:
        """The unit of the result; None for constants alone, which fit every unit."""
        return self.root.proof.unit

    @property
    def low(self) -> Fraction:
        """No result is below this."""
        return self.root.proof.low

    @property
    def high(self) -> Fraction:
        """No result is above this."""
        return self.root.proof.high

    @property
    def used(self) -> frozenset[str]:
        """The names of the inputs that stand in the text."""
        return frozenset(token["word"] for token in _TOKEN.finditer(self.text)) & {each.name for each in self.inputs}

    def check(self, unit: str) -> None:
        """Refuses the formula when its result is not in `unit`."""
        if parse_unit(unit) != self.unit and self.unit is not None:
            raise FormulaError(f"the result is in {self.unit}, declared is {unit}", 1, "Correct the formula or its unit")


def parse(text: str, inputs: Mapping[str, Input]) -> Formula:
    """The formula written in `text` over `inputs`; refuses whatever is not in the language, with the column and a remedy."""
    for name, declared in inputs.items():
        if name != declared.name:
            raise InputError(f"input {declared.name!r} is declared as {name!r}.\nGive both the same name.")
    reader = _Reader(text, inputs, numbers=_scan(text))
    return Formula(text, tuple(inputs.values()), reader.term(_syntax(text), 1))


def _scan(text: str) -> dict[int, Fraction]:
    """The numbers of the text by column; refuses every character and word that no formula has, and deep parentheses."""
    if not text.strip(" \n"):
        raise FormulaError("the formula is empty", 1, "Write an expression, or remove the version")
    if len(text) > LENGTH_MAX:
        raise FormulaError(f"the formula has {len(text)} characters, more than {LENGTH_MAX}", LENGTH_MAX + 1, "Split it")
    numbers: dict[int, Fraction] = {}
    opened: list[int] = []
    for token in _TOKEN.finditer(text):
        column, said = token.start() + 1, token.group()
        match token.lastgroup:
            case "number":
                numbers[column] = _number(said, column)
            case "word" if keyword.iskeyword(said) and said not in _WORDS:
                raise FormulaError(f"{said!r} is not a word of formulas", column, _GRAMMAR)
            case "sign" if said not in _SIGNS:
                raise FormulaError(f"{said!r} is not a sign of formulas", column, _REMEDIES.get(said, _GRAMMAR))
        if said == "(":
            opened.append(column)
        if len(opened) > DEPTH_MAX:
            raise FormulaError(f"parentheses are more than {DEPTH_MAX} deep", column, "Split the formula")
        if said == ")" and not opened:
            raise FormulaError("')' closes nothing", column, "Remove it, or open a parenthesis before")
        if said == ")":
            opened.pop()
    if opened:
        raise FormulaError("'(' is not closed", opened[-1], "Add ')'")
    return numbers


def _number(said: str, column: int) -> Fraction:
    try:
        return parse_decimal(said).fraction()
    except NumberError:
        raise FormulaError(f"{said!r} is not a plain number", column, "Write a number such as 3.50 or 1000") from None


def _syntax(text: str) -> ast.expr:
    """Python's syntax tree of a scanned text. In parentheses, so that `col_offset` is the column in the text, from 1."""
    try:
        return ast.parse("(" + text.replace("\n", " ") + ")", mode="eval").body
    except SyntaxError as error:
        column = min(max((error.offset or 2) - 1, 1), len(text))
        raise FormulaError("the formula cannot be understood here", column, _GRAMMAR) from None


@dataclass(frozen=True, slots=True)
class _Reader:
    """Turns Python's syntax tree of a text into terms."""

    text: str
    inputs: Mapping[str, Input]
    numbers: Mapping[int, Fraction]

    def term(self, node: ast.expr, depth: int) -> Term:
        self._limit(node, depth)
        deeper = depth + 1
        match node:
            case ast.Constant():
                return terms.constant(self.numbers[node.col_offset])
            case ast.Name():
                return self._reading(node)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._product(terms.constant(Fraction(-1)), self.term(operand, deeper))
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                return self._product(self.term(left, deeper), self.term(right, deeper))
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return self._product(self.term(left, deeper), self._inverse(right, deeper))
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as sign, right=right):
                return self._operation(_ARITHMETIC[type(sign)], [left, right], deeper)
            case ast.Call(func=ast.Name(id="min" | "max" as name), args=[_, _, *_] as args):
                return self._operation("min" if name == "min" else "max", args, deeper)
            case ast.Call(func=ast.Name(id="min" | "max" as name)):
                raise self._refusal(node, f"{name} takes two values or more", f"Write {name}(a, b)")
            case ast.Call(func=func):
                raise self._refusal(func, f"{self._said(func)!r} is not a function of formulas", "Use min(a, b) or max(a, b)")
            case ast.IfExp(test=test, body=body, orelse=orelse):
                condition = self.condition(test, deeper)
                then, otherwise = self.term(body, deeper), self.term(orelse, deeper)
                return terms.choice(condition, then, otherwise, self._common("if", [(body, then), (orelse, otherwise)]))
            case ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
                raise self._refusal(node, f"{self._said(node)!r} is a condition, not a number", "Write 'a if c else b'")
        raise self._refusal(node, f"{self._said(node)!r} is not in the formula language", _GRAMMAR)

    def condition(self, node: ast.expr, depth: int) -> Condition:
        self._limit(node, depth)
        deeper = depth + 1
        match node:
            case ast.BoolOp(op=op, values=values):
                parts = tuple(self.condition(value, deeper) for value in values)
                return terms.junction("and" if isinstance(op, ast.And) else "or", parts)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return terms.junction("not", (self.condition(operand, deeper),))
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                operator, compared = _COMPARISONS[type(op)], [(part, self.term(part, deeper)) for part in (left, right)]
                self._common(operator, compared)
                return terms.comparison(operator, compared[0][1], compared[1][1])
            case ast.Compare(comparators=[middle, *_]):
                raise self._refusal(middle, "comparisons cannot be chained", "Write 'a < b and b < c'")
        raise self._refusal(node, f"{self._said(node)!r} is not a condition", "Compare two values, as in 'a > 0'")

    def _reading(self, node: ast.Name) -> Term:
        if node.id in FUNCTIONS:
            raise self._refusal(node, f"{node.id!r} is a function", f"Write {node.id}(a, b)")
        if node.id not in self.inputs:
            hint = nearest(node.id, self.inputs)
            message = f"{node.id!r} is not an input of this formula" + (f" ({hint})" if hint else "")
            raise self._refusal(node, message, "Correct the name, or declare it under inputs")
        found = self.inputs[node.id]
        return terms.reading(found.name, parse_unit(found.unit), found.at_least, found.at_most, found.digits)

    def _product(self, left: Term, right: Term) -> Term:
        units = [term.proof.unit for term in (left, right) if term.proof.unit is not None]
        unit = units[0] * units[1] if len(units) == 2 else units[0] if units else None
        return terms.operation("*", (left, right), unit)

    def _inverse(self, node: ast.expr, depth: int) -> Term:
        """One over a divisor, which must be a positive constant: so nothing divides by zero, and denominators are constant."""
        divisor = self.term(node, depth)
        if not isinstance(divisor, Constant) or divisor.value <= 0:
            raise self._refusal(node, f"{self._said(node)!r} is not a positive constant", "Divide by a number above 0")
        return terms.constant(1 / divisor.value)

    def _operation(self, operator: Arithmetic, nodes: list[ast.expr], depth: int) -> Term:
        parts = [(node, self.term(node, depth)) for node in nodes]
        return terms.operation(operator, tuple(part for _, part in parts), self._common(operator, parts))

    def _common(self, operator: str, parts: list[tuple[ast.expr, Term]]) -> Unit | None:
        """The one unit of parts that must agree; constants agree with all."""
        first: tuple[ast.expr, Unit] | None = None
        for node, part in parts:
            unit = part.proof.unit
            if unit is None:
                continue
            if first is None:
                first = node, unit
            elif unit != first[1]:
                said = f"{self._said(first[0])!r} is in {first[1]}, {self._said(node)!r} in {unit}"
                remedy = "Convert one of them, or correct the unit of an input"
                raise self._refusal(node, f"{operator!r} needs equal units: {said}", remedy)
        return first[1] if first else None

    def _limit(self, node: ast.expr, depth: int) -> None:
        if depth > DEPTH_MAX:
            raise self._refusal(node, f"operations are more than {DEPTH_MAX} deep", "Split the formula")

    def _said(self, node: ast.expr) -> str:
        return self.text[max(node.col_offset - 1, 0) : (node.end_col_offset or 0) - 1]

    def _refusal(self, node: ast.expr, message: str, remedy: str) -> FormulaError:
        return FormulaError(message, max(node.col_offset, 1), remedy)
