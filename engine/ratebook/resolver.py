"""The reference resolver: which rules of a slot apply to a signature, and what they answer, in plain Python.

A *slot* is one policy compiled to predicate bits; a *signature* is one whole number whose bit i says that atom i holds.
durable-rules decides the same in `policies.py` and the two must agree. This module is for reading, not for speed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from engine.problems import InforceError, nearest

Mode = Literal["overrides", "must-agree", "collect"]


@dataclass(frozen=True, slots=True)
class SlotRule:
    """One rule: it fires when all its atoms hold. `overrides` are the ids of the rules of its slot that it beats."""

    id: str
    atoms: tuple[int, ...]
    answer: str
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Slot:
    """One policy; `atoms` are the texts of its predicates.

    `otherwise` answers when nothing matches; without it that is refused, except that `collect` then collects nothing.
    """

    name: str
    mode: Mode
    atoms: tuple[str, ...]
    rules: tuple[SlotRule, ...]
    otherwise: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What a slot answers to one signature, and why.

    `answers` is exactly one, except that `collect` gives the distinct ones in rank order, or none. `fired` is in ascending rank;
    `not_fired` pairs a rule with the texts of its atoms that do not hold; `beaten` fired, but were overridden.
    """

    slot: str
    bits: int
    answers: tuple[str, ...]
    fired: tuple[str, ...]
    not_fired: tuple[tuple[str, tuple[str, ...]], ...]
    beaten: tuple[str, ...]


class SlotError(InforceError):
    """A slot cannot be compiled or asked."""

    def __init__(self, slot: str, what: str, remedy: str) -> None:
        super().__init__(f"policy {slot!r}: {what}.\n{remedy.removesuffix('?')}{'?' if remedy.endswith('?') else '.'}")


class UndecidedError(InforceError):
    """No rule matches and the slot has no other answer, or the rules that stand disagree."""

    def __init__(self, slot: Slot, decision: Decision) -> None:
        self.decision = decision
        answer = {rule.id: rule.answer for rule in slot.rules}
        said = ", ".join(f"{rule} ({answer[rule]})" for rule in decision.fired if rule not in decision.beaten)
        if not decision.fired:
            what, remedy = "no rule matches", "Add a rule for this case, or an answer under 'if-nothing-matches'"
        elif slot.mode == "must-agree":
            what, remedy = f"rules that must agree do not: {said}", "Correct one of them, or narrow its 'when'"
        else:
            what = f"rules apply with different answers and none overrides the other: {said}"
            remedy = "Let one of them name the other under 'overrides', or narrow its 'when'"
        super().__init__(f"policy {slot.name!r}: {what}.\nThe case: {readable(slot, decision.bits)}.\n{remedy}.")


def resolve(slot: Slot, bits: int) -> Decision:
    """Return what a slot answers to a signature; raise UndecidedError when that is not one answer."""
    if bits >> len(slot.atoms):
        raise SlotError(slot.name, f"signature {bits:#b} does not fit {len(slot.atoms)} predicates", "Compile the columns again")
    ranked = rank(slot)
    missing = {rule.id: tuple(slot.atoms[atom] for atom in rule.atoms if not bits >> atom & 1) for rule in ranked}
    fired = [rule for rule in ranked if not missing[rule.id]]
    rules = {rule.id: rule for rule in ranked}
    overridden = {loser for rule in fired for loser in _overridden_by(rule, rules)}
    answers = dict.fromkeys(rule.answer for rule in fired if rule.id not in overridden)
    if not fired and slot.otherwise is not None:
        answers = {slot.otherwise: None}
    return settled(
        slot,
        Decision(
            slot=slot.name,
            bits=bits,
            answers=tuple(answers),
            fired=tuple(rule.id for rule in fired),
            not_fired=tuple((rule, atoms) for rule, atoms in missing.items() if atoms),
            beaten=tuple(rule.id for rule in fired if rule.id in overridden),
        ),
    )


def settled(slot: Slot, decision: Decision) -> Decision:
    """Return the decision if its number of answers fits the mode of its slot."""
    if slot.mode != "collect" and len(decision.answers) != 1:
        raise UndecidedError(slot, decision)
    return decision


@lru_cache(maxsize=1024)
def rank(slot: Slot) -> tuple[SlotRule, ...]:
    """Return the rules in the order they fire: the overridden before the overriding, else as in the file; refuse a loop."""
    _check_rules(slot)
    waiting, ranked, done = list(slot.rules), [], set[str]()
    while waiting:
        ready = next((rule for rule in waiting if done.issuperset(rule.overrides)), None)
        if ready is None:
            loop = " overrides ".join(_loop(waiting))
            raise SlotError(slot.name, f"rules override each other in a loop: {loop}", "Remove one of these 'overrides'")
        waiting.remove(ready)
        ranked.append(ready)
        done.add(ready.id)
    return tuple(ranked)


def readable(slot: Slot, bits: int) -> str:
    """Return a signature in words: the predicates that hold, then those that do not."""
    holds = [text for i, text in enumerate(slot.atoms) if bits >> i & 1]
    fails = [text for i, text in enumerate(slot.atoms) if not bits >> i & 1]
    return "; ".join([*holds, *(f"not: {text}" for text in fails)]) or "no predicates"


def _overridden_by(rule: SlotRule, rules: Mapping[str, SlotRule]) -> set[str]:
    """The rules that a rule overrides, directly or through any other rule of the slot, fired or not."""
    found: set[str] = set()
    open_ids = list(rule.overrides)
    while open_ids:
        one = open_ids.pop()
        if one not in found:
            found.add(one)
            open_ids.extend(rules[one].overrides)
    return found


def _check_rules(slot: Slot) -> None:
    ids = [rule.id for rule in slot.rules]
    for rule in slot.rules:
        unknown = [other for other in rule.overrides if other not in ids]
        if ids.count(rule.id) > 1:
            raise SlotError(slot.name, f"rule {rule.id!r} stands twice", "Give each rule its own id")
        if not rule.atoms:
            raise SlotError(
                slot.name, f"rule {rule.id!r} has no predicate", "Give it a 'when', or the predicate that always holds"
            )
        if not all(0 <= atom < len(slot.atoms) for atom in rule.atoms):
            raise SlotError(slot.name, f"rule {rule.id!r} names a predicate that is not there", "Compile the policy again")
        if unknown:
            what = f"rule {rule.id!r} overrides {unknown[0]!r}, which is not a rule here"
            raise SlotError(slot.name, what, f"Correct or remove it; {nearest(unknown[0], ids)}".rstrip("; "))
        if rule.overrides and slot.mode == "must-agree":
            what = f"rule {rule.id!r} overrides another, but all must agree"
            raise SlotError(slot.name, what, "Use 'if-several-match: overrides', or remove 'overrides'")


def _loop(waiting: Iterable[SlotRule]) -> list[str]:
    """Some loop among rules that each override another one of them; the first id stands again at the end."""
    above = {rule.id: rule.overrides for rule in waiting}
    path = [next(iter(above))]
    while path[-1] not in path[:-1]:
        path.append(next(other for other in above[path[-1]] if other in above))
    return path[path.index(path[-1]) :]
