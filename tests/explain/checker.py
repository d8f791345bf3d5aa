"""Repeats every step that `inforce explain --json` prints, with the standard library alone, and says where a figure is another one."""

import re
from fractions import Fraction
from typing import Any


def fit(value: Fraction, digits: int, half: str) -> Fraction:
    scale: int = 10**digits
    whole, rest = divmod(abs(value) * scale, 1)
    up = rest > Fraction(1, 2) or (rest == Fraction(1, 2) and (half == "up" or (half == "even" and whole % 2 == 1)))
    return Fraction(whole + up, scale) * (1 if value >= 0 else -1)


def share(digits: int, total: Fraction, place: int | Fraction, *parts: Fraction) -> Fraction:
    if total < 0 or (total == 0 and sum(parts) < 0):
        return -share(digits, -total, place, *(-each for each in parts))
    scale: int = 10**digits
    floors = [each * scale // 1 for each in parts]
    rests = [floor - part * scale for floor, part in zip(floors, parts, strict=True)]
    first = sorted(range(len(parts)), key=rests.__getitem__)  # the largest remainder, of equal ones the earlier
    return Fraction(floors[int(place) - 1] + (first.index(int(place) - 1) < total * scale - sum(floors)), scale)


def repeat(step: dict[str, Any]) -> tuple[str, Fraction]:
    text = re.sub(r"(?<![\w.])[0-9]+(\.[0-9]+)?", r"F('\g<0>')", step["formula"])
    names = {"F": Fraction, "up": lambda x: -(-x // 1), "share": lambda *given: share(step["rounding"]["digits"], *given)}
    value = eval(text, names | {name: Fraction(given) for name, given in step["given"].items()})
    assert (fit(value, **step["rounding"]) if step["rounding"] else value) == Fraction(step["value"]), step
    return step["step"], Fraction(step["value"])


def check(told: dict[str, Any]) -> Fraction:
    prices = {dict(map(repeat, price["steps"]))["price"] for price in told["prices"]}
    exact = [Fraction(row["exact"]) for row in told["rows"]]
    for row, product in zip(told["rows"], exact, strict=True):
        made, quantity, price = dict(map(repeat, row["steps"])), Fraction(row["quantity"]), Fraction(row["price"])
        assert (made["quantity"], quantity * price) == (quantity, product), row
        assert price in ({made["price"]} if "price" in made else prices), row
    digits, half, amount = told["rounding"]["digits"], told["rounding"]["half"], Fraction(told["amount"])
    assert (sum(exact), fit(Fraction(sum(exact)), digits, half)) == (Fraction(told["exact"]), amount), told["exact"]
    shares = [share(digits, amount, at, *exact) for at in range(1, len(exact) + 1)]
    assert shares == [Fraction(row["amount"]) for row in told["rows"]], shares
    return amount
