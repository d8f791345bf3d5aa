"""Policies compiled to slots: their distinct predicates (atoms), and rules over them, as the deciders read them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import TypeAlias

from engine.money import Decimals
from engine.problems import InvariantError
from engine.ratebook.book import Condition, Policy
from engine.ratebook.resolver import Slot, SlotRule


@dataclass(frozen=True, slots=True)
class Always:
    """The predicate of a rule without conditions: it always holds."""


@dataclass(frozen=True, slots=True)
class DatedFrom:
    """Holds for activity dated on `day` or later."""

    day: date


@dataclass(frozen=True, slots=True)
class DatedTo:
    """Holds for activity dated before `day`."""

    day: date


Atom: TypeAlias = "Condition | DatedFrom | DatedTo | Always"


@dataclass(frozen=True, slots=True)
class CompiledSlot:
    """A slot, and what each of its predicate numbers means."""

    slot: Slot
    atoms: tuple[Atom, ...]


def compile_slot(policy: Policy) -> CompiledSlot:
    """The policy as predicates and rules over predicate numbers; equal predicates are one."""
    atoms: dict[str, Atom] = {}
    rules = []
    for rule in policy.rules:
        mine: list[tuple[str, Atom]] = [(condition.text, condition) for condition in rule.when]
        if rule.start is not None:
            mine.append((f"dated on or after {rule.start}", DatedFrom(rule.start)))
        if rule.end is not None:
            mine.append((f"dated before {rule.end}", DatedTo(rule.end)))
        for text, atom in mine or [("always", Always())]:
            atoms.setdefault(text, atom)
        numbers = tuple(list(atoms).index(text) for text, _ in mine or [("always", Always())])
        rules.append(SlotRule(rule.id, numbers, rule.answer, rule.overrides))
    return CompiledSlot(Slot(policy.slot, policy.mode, tuple(atoms), tuple(rules), policy.otherwise), tuple(atoms.values()))


def holds(atom: Atom, facts: Mapping[str, object], terms: Mapping[str, object], day: date) -> bool:
    """Whether one predicate holds in one case, in the plainest way; `facts` is by column, window columns hold the windows' names."""
    if isinstance(atom, Always):
        return True
    if isinstance(atom, DatedFrom):
        return day >= atom.day
    if isinstance(atom, DatedTo):
        return day < atom.day
    value = terms.get(atom.column[5:]) if atom.column.startswith("term ") else facts.get(atom.column)
    if atom.column in WINDOW_LIKE:
        named = any(each in atom.values for each in value) if isinstance(value, Collection) else False
        return named == (atom.operator == "is")
    if value is None or value == "":
        return False
    if atom.operator in ("is", "not"):
        if atom.type == "answer" and isinstance(value, str):
            value = value.split(" ")[0]  # `fixed` is met by every fixed answer, whatever its hours
        return any(_equal(value, each) for each in atom.values) == (atom.operator == "is")
    left = _number(value)
    right = _number(terms[atom.term] if atom.term is not None else atom.values[0])
    return {"less-than": left < right, "at-most": left <= right, "at-least": left >= right, "more-than": left > right}[
        atom.operator
    ]


WINDOW_LIKE = ("in", "over", "starts-in", "touches", "answer-of premiums")


def _equal(value: object, wanted: object) -> bool:
    if isinstance(wanted, bool) and isinstance(value, str):
        return value == ("yes" if wanted else "no")
    if isinstance(value, Decimals) or isinstance(wanted, Decimals):
        return _number(value) == _number(wanted)
    return value == wanted


def _number(value: object) -> Fraction:
    if isinstance(value, Decimals):
        return value.fraction()
    if isinstance(value, int):
        return Fraction(value)
    raise InvariantError(f"{value!r} is not a number or duration; this is a fault of the engine, check should have refused it")
