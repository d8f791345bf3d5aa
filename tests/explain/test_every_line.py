"""Every line can be multiplied out from what its explanation prints, by somebody who has nothing else."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from renderers.explanation_text import render_explanation
from tests.explain.checker import check
from tests.explain.previews import agency, example, explained


@pytest.mark.parametrize(("name", "documents", "lines"), [("agency", 14, 931), ("saas", 4, 46), ("telecom", 4, 48)])
def test_the_printed_steps_of_every_line_land_on_its_amount(name: str, documents: int, lines: int) -> None:
    month = agency() if name == "agency" else example(name)
    told = explained(name)
    assert (len(month.preview.assembled), len(told)) == (documents, lines)
    amounts = {(each["document"], each["line"]): check(each) for each in told}
    for number, assembled in zip(dict.fromkeys(each["document"] for each in told), month.preview.assembled, strict=True):
        digits = assembled.invoice.digits
        assert [amounts[number, line.line] * 10**digits for line in assembled.invoice.lines] == [
            line.amount for line in assembled.invoice.lines
        ]


@pytest.mark.parametrize("name", ["agency", "saas", "telecom"])
def test_every_explanation_reads_as_text(name: str) -> None:
    for told in explained(name):
        text = render_explanation(told, 1)
        assert f"  amount     {told['amount']} {told['currency']}" in text
        assert all(step["value"] in text for step in told["rows"][0]["steps"])


def test_rules_that_did_not_apply_for_the_same_reason_are_told_once() -> None:
    told = next(each for each in explained("agency") if len(each["rows"]) > 2 and "premiums" not in each["description"])
    said = [each.strip() for each in render_explanation(told, 0).splitlines() if "not applied" in each]
    rules = [each for each in said if "as above" not in each]

    assert len(rules) == len(set(rules))
    decisions = [
        d for row in told["rows"] for d in (*row["decisions"], *(d for piece in row["pieces"] for d in piece["decisions"]))
    ]
    above = sum(int(each.split()[2].rstrip(",")) for each in said if "as above" in each)
    assert len(rules) + above == sum(len(each["not_applied"]) for each in decisions)


def test_a_price_per_hour_is_one_on_a_line_that_counts_shifts() -> None:
    shifts = [each for each in explained("agency") if each["unit"] == "shift" and each["prices"]]
    assert shifts
    for told in shifts:
        text = render_explanation(told, 1)
        assert f"{told['prices'][0]['base']['value']} per hour" in text
        assert "per shift" not in text


def test_no_figure_can_be_another_one_unseen() -> None:
    """Each figure of a line with premiums, and of one with tiers, moved by its last digit."""
    lines = [next(each for each in explained("agency") if "weekend" in each["description"] and len(each["rows"]) < 12), tier()]
    for line in lines:
        check(line)
        tried = 0
        for path in figures(line):
            place: Any = line
            for key in path[:-1]:
                place = place[key]
            right = place[path[-1]]
            place[path[-1]] = moved(right)
            with pytest.raises(AssertionError):
                check(line)
            place[path[-1]] = right
            tried += 1
        assert tried > 10


def tier() -> dict[str, Any]:
    return next(
        each
        for each in explained("saas")
        if any("used in the window" in step["step"] for row in each["rows"] for step in row["steps"])
    )


def figures(line: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Where the figures of a line stand that its amount is made of."""
    found: list[tuple[Any, ...]] = [("amount",), ("exact",)]
    for at, row in enumerate(line["rows"]):
        found += [("rows", at, name) for name in ("quantity", "price", "exact", "amount")]
        found += [("rows", at, "steps", place, "value") for place in range(len(row["steps"]))]
    for at, price in enumerate(line["prices"]):
        found += [("prices", at, "steps", place, "value") for place in range(len(price["steps"]))]
    return found


def moved(figure: str) -> str:
    digits = len(figure.partition(".")[2])
    units = int(Fraction(figure) * 10**digits) + 1
    return f"{'-' if units < 0 else ''}{abs(units) // 10**digits}" + (f".{abs(units) % 10**digits:0{digits}d}" if digits else "")


def test_the_sum_before_a_piece_is_shown_for_the_bands_it_reaches() -> None:
    """A nurse's week of 9-hour days: the band begins where the sum before reaches its limit."""
    rows = [row for each in explained("agency") for row in each["rows"] if row.get("worker") == "W-8001" and "sums" in row]
    reached = [(row, piece) for row in rows for piece in row["pieces"] if "week-limit" in piece["over"]]
    assert reached
    for row, piece in reached:
        sums = [each for each in row["sums"] if each["accumulator"] == "week"]
        assert sums
        assert all(each["limits"] == {"week-limit": "40h"} for each in sums)
        first = next(each for each in sums if each["to"] >= piece["from"])
        assert hours(first["before"]) + hours(first["counts"]) >= 40


def hours(text: str) -> Fraction:
    whole, _, rest = text.partition("h")
    return Fraction(whole) + Fraction(rest.removesuffix("min") or "0") / 60
