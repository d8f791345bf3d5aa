"""Units multiply, cancel, and print as they are written."""

import pytest

from engine.formulas.units import UnitError, parse_unit


@pytest.mark.parametrize(
    "text", ["USD per hour", "hour", "number", "USD", "number per hour", "USD * hour", "USD per hour per mile"]
)
def test_a_unit_prints_as_it_is_written(text: str) -> None:
    assert str(parse_unit(text)) == text


def test_percent_has_no_dimension() -> None:
    assert parse_unit("percent") == parse_unit("number")


@pytest.mark.parametrize(
    ("left", "right", "product"),
    [
        ("USD per hour", "hour", "USD"),
        ("USD per hour", "percent", "USD per hour"),
        ("hour", "hour", "hour * hour"),
        ("USD per hour", "number per hour", "USD per hour per hour"),
    ],
)
def test_units_multiply(left: str, right: str, product: str) -> None:
    assert str(parse_unit(left) * parse_unit(right)) == product
    assert parse_unit(product) == parse_unit(right) * parse_unit(left)


@pytest.mark.parametrize("text", ["", "USD per", "per hour", "USD/hour", "USD per hour ", "2 hours", "USD  per hour", "€"])
def test_what_is_not_a_unit_is_refused(text: str) -> None:
    with pytest.raises(UnitError, match="is not a unit"):
        parse_unit(text)
