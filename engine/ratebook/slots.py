"""Policies compiled to slots: their distinct predicates (atoms), and rules over them, as the deciders read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

from engine.ratebook.book import Condition, Policy, TermValue
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
    return CompiledSlot(Slot(policy.decides, policy.mode, tuple(atoms), tuple(rules), policy.otherwise), tuple(atoms.values()))
