"""Columns give the same amounts as fractions, one by one: any formula, any bounds, any half."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.formulas.columns import ColumnError, compute, compute_rational, round_column
from engine.formulas.exact import evaluate
from engine.formulas.language import BoundsError, Formula, Input, parse
from engine.money import HALVES, Half, decimal_text, rounded

INT64 = np.iinfo(np.int64)


def ints(*values: int) -> npt.NDArray[np.int64]:
    return np.array(values, dtype=np.int64)


# --- random formulas --------------------------------------------------------------------------------------------------

Row = dict[str, Fraction]


@dataclass(frozen=True)
class Sample:
    """A formula's text and, written a second time without the engine, what it means."""

    text: str
    meaning: Callable[[Row], Any]


def leaf_constants() -> st.SearchStrategy[Sample]:
    digits = st.sampled_from([0, 0, 1, 2, 6])
    return st.builds(
        lambda units, digits: Sample(decimal_text(units, digits), lambda row: Fraction(units, 10**digits)),
        st.integers(0, 2000) | st.integers(0, 10**11),
        digits,
    )


def leaf_inputs(names: list[str]) -> st.SearchStrategy[Sample]:
    return st.sampled_from(names).map(lambda name: Sample(name, lambda row: row[name]))


def conditions(parts: st.SearchStrategy[Sample]) -> st.SearchStrategy[Sample]:
    compare: dict[str, Callable[[Any, Any], bool]] = {
        "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b,
        ">=": lambda a, b: a >= b, "==": lambda a, b: a == b, "!=": lambda a, b: a != b,
    }  # fmt: skip
    single = st.builds(
        lambda sign, a, b: Sample(f"({a.text}) {sign} ({b.text})", lambda row: compare[sign](a.meaning(row), b.meaning(row))),
        st.sampled_from(list(compare)), parts, parts,
    )  # fmt: skip
    denied = single.map(lambda a: Sample(f"not ({a.text})", lambda row: not a.meaning(row)))
    both = st.builds(lambda a, b: Sample(f"{a.text} and {b.text}", lambda row: a.meaning(row) and b.meaning(row)), single, denied)
    either = st.builds(lambda a, b: Sample(f"{a.text} or {b.text}", lambda row: a.meaning(row) or b.meaning(row)), single, both)
    return single | denied | both | either


def grown(parts: st.SearchStrategy[Sample]) -> st.SearchStrategy[Sample]:
    return st.one_of(
        st.builds(lambda a, b: Sample(f"({a.text}) + ({b.text})", lambda row: a.meaning(row) + b.meaning(row)), parts, parts),
        st.builds(lambda a, b: Sample(f"({a.text}) - ({b.text})", lambda row: a.meaning(row) - b.meaning(row)), parts, parts),
        st.builds(lambda a, b: Sample(f"({a.text}) * ({b.text})", lambda row: a.meaning(row) * b.meaning(row)), parts, parts),
        st.builds(lambda a, n: Sample(f"({a.text}) / {n}", lambda row: a.meaning(row) / n), parts, st.integers(1, 60)),
        st.builds(lambda a: Sample(f"-({a.text})", lambda row: -a.meaning(row)), parts),
        st.lists(parts, min_size=2, max_size=4).map(
            lambda all_: Sample(f"min({', '.join(a.text for a in all_)})", lambda row: min(a.meaning(row) for a in all_))
        ),
        st.lists(parts, min_size=2, max_size=4).map(
            lambda all_: Sample(f"max({', '.join(a.text for a in all_)})", lambda row: max(a.meaning(row) for a in all_))
        ),
        st.builds(
            lambda a, c, b: Sample(
                f"({a.text}) if {c.text} else ({b.text})", lambda row: a.meaning(row) if c.meaning(row) else b.meaning(row)
            ),
            parts, conditions(parts), parts,
        ),
    )  # fmt: skip


LEAVES = leaf_inputs(["a", "b", "c"]) | leaf_inputs(["a", "b", "c"]) | leaf_constants()
SHALLOW = grown(LEAVES)
SAMPLES = SHALLOW | grown(SHALLOW | LEAVES) | grown(grown(SHALLOW) | LEAVES)  # not st.recursive: that gives mostly leaves


@st.composite
def cases(draw: st.DrawFn) -> tuple[Sample, Formula, dict[str, Any]]:
    """A formula over three inputs of random bounds and digits, with a column of values for each."""
    inputs, columns = {}, {}
    rows = draw(st.integers(0, 5))
    for name in ("a", "b", "c"):
        digits = draw(st.sampled_from([0, 1, 2, 2, 4]))
        reach = draw(st.sampled_from([5, 1000, 10**6, 10**12]))
        low = draw(st.sampled_from([0, -reach]))
        inputs[name] = Input(name, "number", Fraction(reach), Fraction(low), digits=digits)
        ends = low * 10**digits, reach * 10**digits
        units = st.integers(*ends) | st.integers(max(low, -5), 5) | st.sampled_from(ends)
        columns[name] = np.array(draw(st.lists(units, min_size=rows, max_size=rows)), dtype=np.int64)
    sample = draw(SAMPLES)
    assume(len(sample.text) <= 500)
    return sample, parse(sample.text, inputs), columns


def each_row(formula: Formula, columns: dict[str, Any]) -> list[Row]:
    scale = {each.name: 10**each.digits for each in formula.inputs}
    count = len(columns["a"])
    return [{name: Fraction(int(column[row]), scale[name]) for name, column in columns.items()} for row in range(count)]


@settings(max_examples=200, deadline=None)
@given(cases(), st.integers(0, 8), st.sampled_from(HALVES))
def test_columns_equal_fractions(case: tuple[Sample, Formula, dict[str, Any]], digits: int, half: Half) -> None:
    sample, formula, columns = case
    values = [evaluate(formula, row) for row in each_row(formula, columns)]
    expected = [rounded(value * 10**digits, half) for value in values]

    assert values == [sample.meaning(row) for row in each_row(formula, columns)]
    assert all(formula.low <= value <= formula.high for value in values)
    numerators, denominator = compute_rational(formula, columns)
    assert [Fraction(int(numerator), denominator) for numerator in numerators] == values
    if all(abs(units) <= INT64.max for units in expected):
        assert compute(formula, columns, digits, half).tolist() == expected
        assert compute(formula, columns, digits, half).dtype == np.int64
    else:
        with pytest.raises(ColumnError, match="does not fit in 64 bits"):
            compute(formula, columns, digits, half)


@settings(max_examples=100, deadline=None)
@given(cases())
def test_machine_integers_equal_python_integers(case: tuple[Sample, Formula, dict[str, Any]]) -> None:
    """The int64 path, held against the same formula with bounds so wide that it takes Python's integers."""
    _, formula, columns = case
    numerators, _ = compute_rational(formula, columns)
    assert numerators.dtype == (np.int64 if formula.root.proof.largest <= INT64.max else object)
    far = Fraction(10**40)
    wide = {each.name: Input(each.name, "number", far, -far, digits=each.digits) for each in formula.inputs}
    objects, _ = compute_rational(parse(formula.text, wide), columns)
    assert objects.tolist() == numerators.tolist()


@settings(deadline=None)
@given(
    st.lists(st.integers(-40, 40) | st.integers(int(INT64.min), int(INT64.max)), max_size=6),
    st.integers(1, 40) | st.integers(1, 10**20),
    st.integers(0, 4),
    st.sampled_from(HALVES),
)
def test_rounding_a_column_equals_rounding_each(values: list[int], denominator: int, digits: int, half: Half) -> None:
    expected = [rounded(Fraction(value, denominator) * 10**digits, half) for value in values]
    assume(all(abs(units) <= 2**62 for units in expected))

    assert round_column(np.array(values, dtype=np.int64), denominator, digits, half).tolist() == expected
    assert round_column(np.array(values, dtype=object), denominator, digits, half).tolist() == expected


# --- named cases ------------------------------------------------------------------------------------------------------

PRICE = {
    "base": Input("base", "USD per hour", Fraction(1000), Fraction(-1000), digits=2),
    "percent": Input("percent", "percent", Fraction(200), digits=2),
}


@pytest.mark.parametrize(
    ("half", "expected"),
    [("up", [1, -1, 2, -2, 3, -3, 0]), ("even", [0, 0, 2, -2, 2, -2, 0]), ("down", [0, 0, 1, -1, 2, -2, 0])],
)
def test_a_half_goes_where_the_version_says(half: Half, expected: list[int]) -> None:
    columns = {"base": ints(1, -1, 3, -3, 5, -5, 0), "percent": ints(*[5000] * 7)}

    assert compute(parse("base * percent / 100", PRICE), columns, 2, half).tolist() == expected


def test_the_night_premium_of_the_notes() -> None:
    formula = parse("max(base * percent / 100, 3.50)", PRICE)
    columns = {"base": ints(7250, 1000), "percent": ints(1500, 1500)}

    assert compute(formula, columns, 4, "up").tolist() == [108750, 35000]
    assert compute(formula, columns, 2, "up").tolist() == [1088, 350]


def test_rationals_are_not_rounded() -> None:
    numerators, denominator = compute_rational(parse("base / 3", PRICE), {"base": ints(100), "percent": ints(0)})

    assert Fraction(int(numerators[0]), denominator) == Fraction(1, 3)


def test_small_bounds_use_machine_integers_and_large_ones_python_integers() -> None:
    columns = {"base": ints(99999), "percent": ints(1)}

    assert compute_rational(parse("base * percent / 100", PRICE), columns)[0].dtype == np.int64
    assert compute_rational(parse("base * base * base * base * base", PRICE), columns)[0].dtype == object
    assert compute(parse("base * base * base * base * base", PRICE), columns, 0, "up").tolist() == [999950000999990]


@pytest.mark.parametrize(
    ("text", "units", "expected"),
    [
        ("1 if a * a * a > 0 else 2", 10**7, "1"),  # only the condition is too large
        ("1 if a > 0.000000000001 else 2", 10**7, "1"),  # only after bringing it to the other side's denominator
        ("1 if not (a * a * a > 0) or a < 0 else 2", 10**7, "2"),
        ("min(a, 0.000000000001)", 10**7, "0.000000000001"),  # the result is small, its part over the common denominator is not
        ("min(a, 0.000000000001) * 2", 10**7, "0.000000000002"),  # one level further down
        ("min(a * a * a, 1) + 1", 10**7, "2"),
        ("a * a * a if a < 0 else 0", -(10**7), "-1000000000000000000000"),
        ("-max(-a * a * a, a)", 10**7, "-10000000"),
        ("min(a, 0) * a * a", -(10**7), "-1000000000000000000000"),
        ("max(a, 0 - 0.000000000001)", -(10**7), "-0.000000000001"),
        ("a - a - a / 900000000000 / 900000000000", 10**7, "-1/81000000000000000"),  # a denominator alone
    ],
)
def test_nothing_on_the_way_overflows(text: str, units: int, expected: str) -> None:
    """Each result would be wrong in machine integers: 10**19 and 10**21 wrap around."""
    for low, high in ((-(10**7), 10**7), (min(units, 0), max(units, 0))):
        formula = parse(text, {"a": Input("a", "number", Fraction(high), Fraction(low), digits=0)})
        numerators, denominator = compute_rational(formula, {"a": ints(units)})

        assert numerators.dtype == object
        assert Fraction(numerators[0], denominator) == Fraction(expected) == evaluate(formula, {"a": Fraction(units)})


@pytest.mark.parametrize("half", HALVES)
def test_rounding_itself_does_not_overflow(half: Half) -> None:
    for units in (1, 2**62 - 1, 2**62, 2**62 + 5, 2**63 - 1, -(2**62) - 5, -(2**63)):
        for denominator, digits in ((2**63 - 1, 0), (2**62 + 1, 0), (2**64, 0), (10**18, 0), (10**18, 9), (3 * 10**17, 12)):
            expected = rounded(Fraction(units, denominator) * 10**digits, half)
            assert round_column(ints(units), denominator, digits, half).tolist() == [expected]


def test_constant_choices_stay_exact_among_python_integers() -> None:
    formula = parse("(3 if 1 < 2 else 4) * 900000000000000000 * 900000000000000000 + base", {"base": PRICE["base"]})

    numerators, denominator = compute_rational(formula, {"base": ints(0, 100)})

    assert [Fraction(int(each), denominator) for each in numerators] == [3 * 81 * 10**34, 3 * 81 * 10**34 + 1]


def test_a_result_is_as_long_as_its_columns() -> None:
    assert compute(parse("3.505", PRICE), {"base": ints(1, 2, 3), "percent": ints(1, 2, 3)}, 2, "even").tolist() == [350] * 3
    assert compute(parse("3.505", PRICE), {"base": ints(), "percent": ints()}, 2, "up").tolist() == []
    assert compute(parse("3.505", {}), {}, 2, "up").tolist() == [351]


def test_the_result_is_not_a_view_of_the_input() -> None:
    base = ints(100)
    numerators, _ = compute_rational(parse("base", {"base": PRICE["base"]}), {"base": base})
    numerators[0] = 7

    assert base.tolist() == [100]


def test_a_value_outside_its_bounds_names_input_value_bound_and_row() -> None:
    words = "input 'percent' is 200.01 in row 1, above its declared at-most of 200.00"
    with pytest.raises(BoundsError, match=re.escape(words)) as caught:
        compute(parse("base * percent", PRICE), {"base": ints(1, 2), "percent": ints(0, 20001)}, 2, "up")
    assert (caught.value.name, caught.value.row, caught.value.bound) == ("percent", 1, Fraction(200))

    words = "input 'base' is -1000.01 in row 0, below its declared at-least of -1000.00"
    with pytest.raises(BoundsError, match=re.escape(words)):
        compute(parse("base", PRICE), {"base": ints(-100001), "percent": ints(0)}, 2, "up")


def test_the_ends_of_a_column_of_64_bits_are_compared_exactly() -> None:
    wide = {"a": Input("a", "number", Fraction(2**63 - 1), -Fraction(2**63), digits=0)}
    ends = ints(int(INT64.min), int(INT64.max))

    assert compute(parse("a / 2", wide), {"a": ends}, 0, "down").tolist() == [-(2**62), 2**62 - 1]
    with pytest.raises(ColumnError, match="does not fit in 64 bits"):
        compute(parse("a * 2", wide), {"a": ends}, 0, "up")


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"base": ints(1)}, "there is no column for input 'percent'"),
        ({"base": ints(1), "percent": ints(1, 2)}, "differ in length: base 1, percent 2"),
        ({"base": ints(1), "percent": np.array([1.5])}, "'percent' holds float64"),
        ({"base": ints(1), "percent": np.array([1], dtype=object)}, "'percent' holds object"),
    ],
)
def test_columns_that_do_not_fit_the_formula_are_refused(columns: dict[str, Any], words: str) -> None:
    with pytest.raises(ColumnError, match=words):
        compute(parse("base * percent", PRICE), columns, 2, "up")
