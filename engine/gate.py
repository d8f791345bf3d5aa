"""The gate: how much a change may move before a merge is stopped."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from engine.impact import Impact, Section
from engine.money import CURRENCY_DIGITS, Decimals, decimal_text, parse_decimal, rounded
from engine.problems import InforceError
from engine.ratebook.changes import rise_text

_FORM = re.compile(
    r"(?:(?P<percent>[0-9]+(?:\.[0-9]+)?)%|(?:\$|(?P<currency>[A-Z]{3}) ?)?(?P<amount>[0-9]+(?:\.[0-9]+)?))", re.ASCII
)


class GateError(InforceError):
    """A limit is neither a percentage nor an amount."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether what a sum moves in one currency is within the limit, and both in words."""

    section: str
    words: str
    passed: bool

    def text(self) -> str:
        """The verdict in words."""
        return f"{self.section}: {self.words}"


@dataclass(frozen=True, slots=True)
class Gate:
    """The most that may move in each of the three sums: a fraction of the amounts in reach, or an amount of money.

    What rises and what falls are judged each by itself, so that one does not hide the other. An amount holds in each currency, or in
    the one that is named: then nothing may move in another. The estimate is that of one month.
    """

    text: str
    share: Fraction | None = None
    amount: Decimals | None = None
    currency: str | None = None

    def judge(self, impact: Impact) -> tuple[Verdict, ...]:
        """A verdict for each sum and currency. What could not be estimated does not pass."""
        found = [
            self._verdict(section, currency, before, impact.months if section.state == "forward" else 1)
            for section in impact.sections
            for currency, (before, _) in section.totals().items()
        ]
        if lacks_estimate(impact):
            found.append(Verdict("forward", f"{impact.forward.note}; so it cannot be within {self.text}", passed=False))
        return tuple(found)

    def _verdict(self, section: Section, currency: str, before: int, months: int) -> Verdict:
        changes = [each.change for each in section.documents if each.currency == currency]
        rises, falls = sum(each for each in changes if each > 0), sum(each for each in changes if each < 0)
        most = max(rises, -falls)
        if self.share is not None:
            passed = most <= self.share * abs(before)
        else:
            limit = self.amount.fraction() * 10 ** CURRENCY_DIGITS[currency] if self.amount is not None else Fraction(0)
            passed = Fraction(most, months) <= limit if self.currency in (None, currency) else not most
        moved = " and ".join(_told(each, before, currency, months) for each in (rises, falls) if each) or _told(
            0, before, currency, months
        )
        return Verdict(
            section.state, f"{moved}{' a month' if months > 1 else ''} {'within' if passed else 'over'} {self.text}", passed
        )


def lacks_estimate(impact: Impact) -> bool:
    """Whether there are changes, and what they move in months to come could not be estimated."""
    return bool(impact.difference.changes) and impact.forward.failed


def gate(text: str) -> Gate:
    """The gate written as 5%, $1000 or EUR 1000."""
    found = _FORM.fullmatch(text.strip())
    if found is None or found["currency"] not in (None, *CURRENCY_DIGITS):
        raise GateError(f"{text!r} is no limit.\nWrite a percentage like 5%, or an amount like $1000 or EUR 1000.")
    if found["percent"] is not None:
        return Gate(text.strip(), share=parse_decimal(found["percent"]).fraction() / 100)
    return Gate(text.strip(), amount=parse_decimal(found["amount"]), currency=found["currency"])


def _told(moved: int, before: int, currency: str, months: int) -> str:
    mean = decimal_text(rounded(Fraction(moved, months)), CURRENCY_DIGITS[currency], grouped=True)
    percent = rise_text(Fraction(before), Fraction(before + moved)) if moved else None
    return f"{'+' if moved > 0 else ''}{mean} {currency}{f' ({percent})' if percent else ''}"
