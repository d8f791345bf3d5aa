"""The worked examples of rate tables: what one row of activity costs, alone in its window, in exact fractions."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

from engine.money import Decimals, parse_decimal
from engine.problems import Problem
from engine.ratebook.book import Example, Price, RateTable
from engine.ratebook.build_models import SECONDS
from engine.ratebook.models import Scheme

_MEASURES = ("quantity", "amount")


def run_price_examples(table: RateTable) -> list[Problem]:
    """The examples of a table that do not come out as they say."""
    found = [_run(table, example) for example in table.examples]
    return [problem for problem in found if problem is not None]


def _run(table: RateTable, example: Example) -> Problem | None:
    given = {name: str(value) for name, value in example.given.items()}
    missing = [name for name in (*table.key, "on") if name not in given]
    measure = next((name for name in _MEASURES if name in given), "")
    if missing or not measure:
        said = f"`{example.name}` does not give `{missing[0] if missing else 'quantity'}`"
        return Problem(
            "R060", example.source, said, "A price needs the key of the table, the day (`on`) and a quantity or an amount"
        )
    row = table.rows.get(tuple(given[column] for column in table.key))
    day = date.fromisoformat(given["on"])
    price = next((each for each in reversed(row.prices) if each.start <= day), None) if row is not None else None
    if price is None or price.value is None:
        return Problem(
            "R061", example.source, f"`{example.name}`: no price is in force on {day}", "Correct the example, or the prices"
        )
    exact = cost(table, price, _quantity(table, given[measure]))
    if exact == parse_decimal(example.gives[0]).fraction():
        return None
    return Problem(
        "R063",
        example.source,
        f"`{example.name}` costs {_text(exact)}, not {example.gives[0]}",
        "Correct the example, or the prices",
    )


def _quantity(table: RateTable, text: str) -> Fraction:
    figure, _, unit = text.partition(" ")
    value = parse_decimal(figure).fraction()
    return value * SECONDS[unit] / SECONDS[table.unit] if unit in SECONDS and table.unit in SECONDS else value


def _text(exact: Fraction) -> str:
    for digits in range(2, 13):
        if (exact * 10**digits).denominator == 1:
            return str(Decimals(int(exact * 10**digits), digits))
    return str(exact)


def cost(table: RateTable, price: Price, quantity: Fraction) -> Fraction:
    """What a quantity (or an amount) costs that is alone in its window, before rounding; payouts are below zero."""
    scheme = price.scheme
    figure = price.value.fraction() if price.value is not None else Fraction(0)
    sign = -1 if table.payout else 1
    if table.model == "percentage":
        amount = _bounded(scheme, quantity * _fraction(scheme.percent))
    elif table.model == "pass-through":
        amount = quantity * (1 + _fraction(scheme.percent))
    elif table.model == "package":
        amount = figure * -(-quantity // _fraction(scheme.package))
    elif table.model == "graduated":
        amount = sum((_within(quantity, tier.start, tier.end) * tier.price.fraction() for tier in scheme.tiers), Fraction(0))
        amount += sum(
            (_fraction(tier.fee) for tier in scheme.tiers if quantity > tier.start.fraction() or tier.start.units == 0),
            Fraction(0),
        )
    elif table.model == "volume":
        tier = [each for each in scheme.tiers if quantity >= each.start.fraction()][-1]
        amount = quantity * tier.price.fraction() + _fraction(tier.fee)
    else:
        charged = _stepped(table, scheme, quantity)
        included = scheme.allowance.fraction() if isinstance(scheme.allowance, Decimals) else Fraction(0)
        amount = _bounded(scheme, max(charged - included, Fraction(0)) * figure)
    return sign * (amount + (_fraction(scheme.connect) if quantity else 0))


def _fraction(value: Decimals | None) -> Fraction:
    return value.fraction() if value is not None else Fraction(0)


def _within(quantity: Fraction, start: Decimals, end: Decimals | None) -> Fraction:
    top = min(quantity, end.fraction()) if end is not None else quantity
    return max(top - start.fraction(), Fraction(0))


def _bounded(scheme: Scheme, amount: Fraction) -> Fraction:
    if scheme.at_least is not None and amount:
        amount = max(amount, scheme.at_least.fraction())
    return min(amount, scheme.at_most.fraction()) if scheme.at_most is not None else amount


def _stepped(table: RateTable, scheme: Scheme, quantity: Fraction) -> Fraction:
    """At least the first quantity, then whole steps; those of a table of time are in seconds."""
    if scheme.then is None or not quantity:
        return quantity
    unit = SECONDS.get(table.unit, 1)
    first, then = _fraction(scheme.first) / unit, scheme.then.fraction() / unit
    return first + -(-max(quantity - first, Fraction(0)) // then) * then
