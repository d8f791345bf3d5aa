"""What the formula language takes, what it refuses and in which words, and what it proves."""

from __future__ import annotations

import inspect
import re
import sys
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.formulas.exact import evaluate
from engine.formulas.language import BoundsError, Formula, FormulaError, Input, InputError, parse
from engine.formulas.units import UnitError
from engine.problems import InforceError

INPUTS = {
    "base": Input("base", "USD per hour", Fraction(1000), digits=2),
    "percent": Input("percent", "percent", Fraction(200), digits=2),
    "hours": Input("hours", "hour", Fraction(24), at_least=Fraction(-24), digits=6),
    "count": Input("count", "number", Fraction(9), digits=0),
}


def read(text: str) -> Formula:
    return parse(text, INPUTS)


def value(text: str, **values: str) -> Fraction:
    """The value of a formula; inputs that are not given are 0."""
    return evaluate(read(text), {name: Fraction(values.get(name, "0")) for name in INPUTS})


# --- what it takes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("base * percent / 100", "10.875"),
        ("max(base * percent / 100, 3.50)", "10.875"),
        ("max(base * percent / 100, 30.50)", "30.5"),
        ("-base + 2 * (base - 1.5)", "69.5"),
        ("- -base", "72.5"),
        ("base if hours > 8 else 0", "72.5"),
        ("base if hours > 8 and not count == 0 else 2", "2"),
        ("base if count != 0 or hours >= 12 and percent < 16 else 2", "72.5"),
        ("min(base, 80, 70.25)", "70.25"),
        ("base / (3 / 2)", "145/3"),
        ("base / max(2, 4 - 1)", "145/6"),
        ("base\n  + 1\n", "73.5"),
        ("(1 if hours <= 12 else 2) * base", "72.5"),
        ("(3 if 1 < 2 else 4) * count", "0"),
    ],
)
def test_a_formula_has_the_value_an_accountant_expects(text: str, expected: str) -> None:
    assert value(text, base="72.50", percent="15", hours="12") == Fraction(expected)


def test_constants_are_exact() -> None:
    assert value("3.50") == Fraction(7, 2)
    assert value("0.1 + 0.2") == Fraction(3, 10)
    assert value("1 if 0.1 + 0.2 == 0.3 else 0") == 1
    assert value("123456789012345678.000000000001") == Fraction(123456789012345678) + Fraction(1, 10**12)
    assert value("9007199254740993 * 1") == 2**53 + 1


def test_a_formula_knows_its_names_bounds_and_denominator() -> None:
    premium = read("max(base * percent / 100, 3.50)")
    assert premium.used == {"base", "percent"}
    assert [premium.low, premium.high] == [Fraction(7, 2), Fraction(2000)]
    assert read("base * percent / 100").root.proof.denominator == 1_000_000


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("hours * hours", -576, 576),
        ("base - base", -1000, 1000),
        ("base + -base", -1000, 1000),
        ("min(base, 300)", 0, 300),
        ("max(hours, 3, -30)", 3, 24),
        ("hours if count > 2 else 30", -24, 30),
        ("-percent / 2", -100, 0),
    ],
)
def test_bounds_are_those_of_interval_arithmetic(text: str, low: int, high: int) -> None:
    assert [read(text).low, read(text).high] == [Fraction(low), Fraction(high)]


# --- units ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("base * percent / 100", "USD per hour"),
        ("base * hours", "USD"),
        ("max(base * hours, 3.50)", "USD"),
        ("base + 1", "USD per hour"),
        ("3.50", "USD per hour"),
        ("3.50", "hour"),
        ("percent / 100 + count", "number"),
        ("2 if hours > 8 else base", "USD per hour"),
    ],
)
def test_the_unit_of_the_result_is_known(text: str, unit: str) -> None:
    read(text).check(unit)


def test_a_result_in_another_unit_is_refused() -> None:
    with pytest.raises(FormulaError, match="the result is in USD, declared is USD per hour") as caught:
        read("base * hours").check("USD per hour")
    assert caught.value.column == 1

    with pytest.raises(UnitError):
        read("base").check("USD/hour")


# --- what it refuses --------------------------------------------------------------------------------------------------

REFUSALS = [
    ("", 1, "the formula is empty"),
    (" \n ", 1, "the formula is empty"),
    ("bas * 2", 1, "'bas' is not an input of this formula (did you mean 'base'?)"),
    ("2 * zzz", 5, "(known are base, count, hours, percent)"),
    ("base + hours", 8, "'+' needs equal units: 'base' is in USD per hour, 'hours' in hour"),
    ("min(1, base, (hours))", 15, "'min' needs equal units"),
    ("1 if base > hours else 2", 13, "'>' needs equal units"),
    ("base if count > 1 else percent", 24, "'if' needs equal units"),
    ("base / 0", 8, "'0' is not a positive constant"),
    ("base / (1 - 1)", 9, "'1 - 1' is not a positive constant"),
    ("base / -2", 8, "'-2' is not a positive constant"),
    ("base / count", 8, "'count' is not a positive constant"),
    ("0 < count < 3", 1, "is a condition, not a number"),
    ("1 if 0 < count < 3 else 2", 10, "comparisons cannot be chained"),
    ("1 if count else 2", 6, "'count' is not a condition"),
    ("1 if count > 0 and 1 else 2", 20, "'1' is not a condition"),
    ("1 + (count > 0)", 6, "'count > 0' is a condition, not a number"),
    ("not count", 1, "is a condition, not a number"),
    ("+base", 1, "'+base' is not in the formula language"),
    ("min(base)", 1, "min takes two values or more"),
    ("max()", 1, "max takes two values or more"),
    ("2 * min", 5, "'min' is a function"),
    ("round(base, 2)", 1, "'round' is not a function of formulas"),
    ("min(base, 1)(2)", 1, "'min(base, 1)' is not a function"),
    ("base(2)", 1, "'base' is not a function"),
    ("min(*base, 2)", 5, "'*base' is not in the formula language"),
    ("base, 2", 1, "'base, 2' is not in the formula language"),
    ("()", 1, "not in the formula language"),
    ("base * * 2", 8, "cannot be understood here"),
    ("base +", 6, "cannot be understood here"),
    ("base if count > 1", 1, "cannot be understood here"),
    ("(base + 1", 1, "'(' is not closed"),
    ("base) + (1", 5, "')' closes nothing"),
    ("base ** 2", 6, "'**' is not a sign of formulas"),
    ("base // 2", 6, "'//' is not a sign of formulas"),
    ("base % 2", 6, "'%' is not a sign of formulas"),
    ("base = 2", 6, "Write '=='"),
    ("base × 2", 6, "Write '*'"),  # noqa: RUF001
    ("base # twice", 6, "'#' is not a sign of formulas"),
    ("base \\\n + 1", 6, "is not a sign of formulas"),
    ("base; 1", 5, "';' is not a sign of formulas"),
    ("base\t+ 1", 5, "is not a sign of formulas"),
    ("1e3", 1, "'1e3' is not a plain number"),
    ("2 + 1_000", 5, "'1_000' is not a plain number"),
    ("0x10", 1, "'0x10' is not a plain number"),
    ("3.", 1, "'3.' is not a plain number"),
    (".5", 1, "'.' is not a sign of formulas"),
    ("007", 1, "'007' is not a plain number"),
    ("3j", 1, "'3j' is not a plain number"),
    ("1if count > 1else 2", 1, "'1if' is not a plain number"),
    ("1.0000000000001", 1, "is not a plain number"),
    ("True", 1, "'True' is not a word of formulas"),
    ("None", 1, "'None' is not a word of formulas"),
    ("1 if count in (1, 2) else 2", 12, "'in' is not a word of formulas"),
    ("1 if count is 2 else 2", 12, "'is' is not a word of formulas"),
    ("bäse", 2, "'ä' is not a sign of formulas"),
    ("＿_import__", 1, "is not a sign of formulas"),  # noqa: RUF001
]

PYTHON = [
    ("__import__('os')", 12, "is not a sign"),
    ("__import__(base)", 1, "'__import__' is not a function"),
    ("base.real", 5, "'.' is not a sign"),
    ("3.5.real", 1, "'3.5.real' is not a plain number"),
    ("base[0]", 5, "'[' is not a sign"),
    ("[base]", 1, "'[' is not a sign"),
    ("{base}", 1, "'{' is not a sign"),
    ("lambda: base", 1, "'lambda' is not a word"),
    ("(x := 2)", 4, "':=' is not a sign"),
    ("f'{base}'", 2, "is not a sign"),
    ("'base'", 1, "is not a sign"),
    ("min(x for x in base)", 7, "'for' is not a word"),
    ("[x for x in base]", 1, "'[' is not a sign"),
    ("yield base", 1, "'yield' is not a word"),
    ("await base", 1, "'await' is not a word"),
    ("min(base, 2, key=base)", 17, "'=' is not a sign"),
    ("base @ base", 6, "'@' is not a sign"),
    ("base | 1", 6, "'|' is not a sign"),
    ("~base", 1, "'~' is not a sign"),
    ("...", 1, "'.' is not a sign"),
    ("import os", 1, "'import' is not a word"),
    ("eval(base)", 1, "'eval' is not a function"),
    ("base\x00", 5, "is not a sign"),
]


@pytest.mark.parametrize(("text", "column", "words"), REFUSALS + PYTHON)
def test_what_is_not_in_the_language_is_refused_with_its_column(text: str, column: int, words: str) -> None:
    with pytest.raises(FormulaError, match=re.escape(words)) as caught:
        read(text)

    assert caught.value.column == column
    assert caught.value.remedy
    assert str(caught.value).startswith(f"column {column}: {caught.value.message}.")


@pytest.mark.parametrize(
    "text",
    [
        "(" * 200 + "base" + ")" * 200,
        "(" * 500,
        "min(" * 120,
        "-" * 490 + "base",
        "- " * 240 + "base",
        "1 if " + "not " * 115 + "count > 1 else 2",
        "1 if 1 if 1 if 1 else 2 else 3 else 4",
        "1 if count > 1 else " * 24 + "0" + " + count" * 2 + " * (count" * 2,
        "+".join(["count"] * 80),
        "count<" * 80 + "2",
        "1" * 500,
        "(" * 100_000,
    ],
)
def test_a_deep_or_long_formula_is_refused_and_does_not_crash(text: str) -> None:
    with pytest.raises(FormulaError):
        read(text)


def test_the_limits_themselves_are_allowed() -> None:
    assert value("(" * 30 + "base" + ")" * 30) == 0
    assert value("+".join(["count"] * 30), count="2") == 60
    assert value("base" + " " * 496) == 0
    assert value("1 if count > 1 else " * 24 + "2", count="1") == 2
    for text in ("(" * 31 + "base" + ")" * 31, "+".join(["count"] * 31), "base" + " " * 497):
        with pytest.raises(FormulaError, match="more than"):
            read(text)


def test_a_formula_is_read_near_the_recursion_limit_of_a_caller() -> None:
    def below(frames: int) -> Fraction:
        return value("+".join(["count"] * 30), count="1") if not frames else below(frames - 1)

    assert below(sys.getrecursionlimit() - len(inspect.stack()) - 200) == 30


@given(st.text(alphabet="base counthrs01289.+-*/(),<>=!minaxorfels%'[]{}:\\\n\x00é", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read(text)
    except FormulaError as error:
        refused = error.column
    else:
        refused = 1
    assert 1 <= refused <= max(1, len(text))


# --- inputs -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["min", "if", "night-rate", "1st", "", "ä", "None"])
def test_an_input_needs_a_name_the_language_can_say(name: str) -> None:
    with pytest.raises(InputError, match="cannot name an input"):
        Input(name, "USD", Fraction(1), digits=0)


def test_an_input_declares_bounds_digits_and_unit_that_make_sense() -> None:
    with pytest.raises(InputError, match="at-least 2 is above at-most 1"):
        Input("base", "USD", Fraction(1), Fraction(2), digits=0)
    with pytest.raises(InputError, match="has 13 digits"):
        Input("base", "USD", Fraction(1), digits=13)
    with pytest.raises(UnitError):
        Input("base", "USD/hour", Fraction(1), digits=0)
    with pytest.raises(InputError, match="'base' is declared as 'basis'"):
        parse("basis", {"basis": INPUTS["base"]})


def test_a_value_outside_its_bounds_is_refused_by_name() -> None:
    with pytest.raises(BoundsError, match=re.escape("input 'base' is 1000.01, above its declared at-most of 1000.00")) as caught:
        value("base", base="1000.01")
    assert (caught.value.name, caught.value.value, caught.value.bound) == ("base", Fraction(100001, 100), Fraction(1000))

    with pytest.raises(InforceError, match=re.escape("input 'percent' is -1/3, below its declared at-least of 0.00")):
        value("base", percent="-1/3")
