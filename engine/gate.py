"""The gate: how much a change may move before a merge is stopped."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from engine.impact import Impact, Section
from engine.money import CURRENCY_DIGITS, Decimals, decimal_text, parse_decimal
from engine.problems import InforceError

_FORM = re.compile(r"(?:(?P<percent>[0-9]+(?:\.[0-9]+)?)%|(?:\$|[A-Z]{3} ?)?(?P<amount>[0-9]+(?:\.[0-9]+)?))", re.ASCII)


class GateError(InforceError):
    """A limit is neither a percentage nor an amount."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a sum moves (in minor units) beside what it may; a percentage is of the documents in reach."""

    section: str
    currency: str
    moved: int
    allowed: str
    passed: bool

    def text(self) -> str:
        """The verdict in words."""
        said = decimal_text(self.moved, CURRENCY_DIGITS[self.currency], grouped=True)
        return f"{self.section}: |{said} {self.currency}| is {'within' if self.passed else 'over'} {self.allowed}"


@dataclass(frozen=True, slots=True)
class Gate:
    """The most that may move, up or down, in each of the three sums: a fraction of the amounts in reach, or an amount of money."""

    text: str
    share: Fraction | None
    amount: Decimals | None

    def judge(self, impact: Impact) -> tuple[Verdict, ...]:
        """A verdict for each sum and currency. The estimate is that of one month."""
        return tuple(
            self._verdict(section, currency, before, after - before, impact.months if section.state == "forward" else 1)
            for section in impact.sections
            for currency, (before, after) in section.totals().items()
        )

    def _verdict(self, section: Section, currency: str, before: int, change: int, months: int) -> Verdict:
        if self.share is not None:
            passed = abs(change) <= self.share * abs(before)
        else:
            limit = self.amount.fraction() * 10 ** CURRENCY_DIGITS[currency] if self.amount is not None else Fraction(0)
            passed = abs(Fraction(change, max(months, 1))) <= limit
        return Verdict(section.state, currency, change, self.text, passed)


def gate(text: str) -> Gate:
    """The gate written as 5% or $1000."""
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise GateError(f"{text!r} is no limit.\nWrite a percentage like 5%, or an amount like $1000.")
    if found["percent"] is not None:
        return Gate(text, parse_decimal(found["percent"]).fraction() / 100, None)
    return Gate(text, None, parse_decimal(found["amount"]))
