"""What an explanation says of the rule book: rates, rules, terms and steps of arithmetic, each with its place, reason and approval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from fractions import Fraction

from engine.bulk.pricing import Rate
from engine.canonical import Json
from engine.money import Half, decimal_text
from engine.ratebook.book import UNKNOWN_PROVENANCE, Provenance, RuleBook, TermValue
from engine.ratebook.resolver import Decision
from engine.ratebook.words import term_words

NOT_RECORDED = "not recorded"


def step(
    name: str,
    formula: str,
    value: str,
    *,
    digits: int | None = None,
    half: Half | str = "",
    given: Mapping[str, str] | None = None,
) -> dict[str, Json]:
    """One step of arithmetic that anybody can repeat: `formula` with the values `given`, rounded to `digits` (none: exact), is `value`.

    Beside the words of the formula language a formula may say `up(x)`, the whole number not below x, and `share(total, n, a, b, ...)`,
    the n-th part (from 1) of a total that is divided by largest remainder as a, b, ... are, in units of `digits`.
    """
    rounding: dict[str, Json] = {"digits": digits, "half": half} if digits is not None else {}
    return {"step": name, "formula": formula, "given": dict(given or {}), "rounding": rounding, "value": value}


def decision_told(book: RuleBook, slot: str, decision: Decision, place: Place | None = None) -> dict[str, Json]:
    """A decision: the answers, the rules that applied and those that nearly did, and the terms they compared with."""
    rules = {rule.id: rule for rule in book.policies[slot].rules}
    standing = [rules[fired] for fired in decision.fired if fired not in decision.beaten]
    terms = sorted({name for rule in standing for each in rule.when for name in _terms_of(each.column, each.term)})
    told: dict[str, Json] = {
        "decides": slot,
        "answers": list(decision.answers),
        "applied": [
            {
                "rule": name,
                "source": str(rules[name].source),
                "overridden": name in decision.beaten,
                **why(rules[name].provenance),
            }
            for name in decision.fired
        ],
        "not_applied": [
            {"rule": name, "source": str(rules[name].source), "because_not": list(atoms)} for name, atoms in decision.not_fired
        ],
    }
    if place is not None and terms:
        told["terms"] = [term_told(book, place, name) for name in terms]
    return told


def _terms_of(column: str, term: str | None) -> Iterable[str]:
    if column.startswith("term "):
        yield column.removeprefix("term ")
    if term is not None:
        yield term


Place = tuple[str, date]  # a site, and the local day that dates the activity


def term_told(book: RuleBook, place: Place, name: str) -> dict[str, Json]:
    """A term as it is in force at a site on a day: its value, and the entry that says it."""
    site, day = place
    value: TermValue = None
    source, provenance = "", UNKNOWN_PROVENANCE
    for level in (book.default_terms, book.accounts[book.sites[site].account].terms, book.sites[site].terms):
        for entry in level:
            if entry.start <= day and name in entry.values:
                value, source, provenance = entry.values[name], str(entry.places.get(name, entry.source)), entry.provenance
    return {"term": name, "value": term_words(value, book.terms.get(name)), "source": source, **why(provenance)}


def rate_told(rate: Rate) -> dict[str, Json]:
    """A rate in force, and the one that it replaces."""
    told: dict[str, Json] = {"rate": rate.id, "value": str(rate.value), "source": str(rate.source), **why(rate.provenance)}
    if rate.instead_of is not None:
        told["instead_of"] = rate_told(rate.instead_of)
    return told


def why(provenance: Provenance) -> dict[str, Json]:
    """The reason and the approval that an entry gives for itself."""
    return {"reason": provenance.reason, "approved": provenance.approved or NOT_RECORDED}


def number_text(value: Fraction, digits: int) -> str:
    """A number that has at most so many digits."""
    return decimal_text(int(value * 10**digits), digits)


def sum_text(values: Sequence[str]) -> str:
    """Numbers added up, as a formula."""
    return " + ".join(f"({value})" if value.startswith("-") else value for value in values) or "0"
