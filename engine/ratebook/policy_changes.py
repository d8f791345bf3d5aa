"""Which cases two versions of a policy decide otherwise: every combination of what their rules can tell apart, decided by both.

A column is reduced to one value for each of its ranges between the cut points of all rules of both sides; bounds that are terms have the
values that sites of the books really have. Combinations with equal predicates are one signature and are decided once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from fractions import Fraction
from itertools import combinations, product
from math import prod

from engine.dates import duration_text
from engine.money import Decimals
from engine.ratebook.book import Condition, RuleBook, TermValue
from engine.ratebook.changes import Case, Change
from engine.ratebook.entries import answer_words
from engine.ratebook.meaning import told
from engine.ratebook.resolver import Decision, UndecidedError, resolve
from engine.ratebook.slots import WINDOW_LIKE, Always, Atom, CompiledSlot, DatedFrom, DatedTo, compile_slot, holds
from engine.ratebook.words import term_words, words

_CELLS_MAX = 200_000
_TERMS_MAX = 64
_CASES_MAX = 12
_EARLIEST = date(2000, 1, 1)  # a day before every rule, as people read it

Days = tuple[date, date]
Values = tuple[object, str]  # a value of a column, and its words


def with_cases(changes: Sequence[Change], before: RuleBook, after: RuleBook, days: Days | None = None) -> list[Change]:
    """The changes of rules and policies, each with the cases that are decided otherwise."""
    slots = sorted({slot for slot in map(_slot, changes) if slot in before.policies and slot in after.policies})
    found = {slot: _Comparison(slot, before, after, days).told() for slot in slots}
    return [_with_cases(each, changes, found) for each in changes]


def _slot(change: Change) -> str:
    """The policy that a change belongs to; of others an empty text."""
    if change.what == "rule":
        return change.id.partition("/")[0]
    return change.id if change.what in ("policy", "order") else ""


def _with_cases(change: Change, changes: Sequence[Change], found: Mapping[str, tuple[tuple[Case, ...], str]]) -> Change:
    """The cases in which the rule applies; those in which no changed rule does go to the first change of the policy."""
    slot = _slot(change)
    if slot not in found:
        return change
    cases, note = found[slot]
    mine = [each for each in changes if _slot(each) == slot]
    rules = {each.id.partition("/")[2] for each in mine if each.what == "rule"}
    rule = change.id.partition("/")[2] if change.what == "rule" else ""
    told_here = tuple(
        case
        for case in cases
        if rule in (named := {*case.rules_before, *case.rules_after}) or (change is mine[0] and not named & rules)
    )
    return replace(change, cases=told_here, notes=(*change.notes, note) if note else change.notes)


@dataclass(slots=True)
class _Comparison:
    """Two versions of a policy, and the cases that both are asked."""

    slot: str
    before: RuleBook
    after: RuleBook
    days: Days | None
    sides: tuple[CompiledSlot, CompiledSlot] = field(init=False)
    _decided: tuple[dict[int, tuple[str, tuple[str, ...]]], dict[int, tuple[str, tuple[str, ...]]]] = field(init=False)

    def __post_init__(self) -> None:
        self.sides = (compile_slot(self.before.policies[self.slot]), compile_slot(self.after.policies[self.slot]))
        self._decided = ({}, {})

    def told(self) -> tuple[tuple[Case, ...], str]:
        """Cases that are decided otherwise, one for each pair of answers and rules, and what is to be said of the search."""
        everything, columns = self._columns(None), self._columns(self._related())
        names = sorted(everything)
        terms = self._terms(everything, columns)
        signatures: set[tuple[int, int]] = set()
        cases: dict[tuple[object, ...], Case] = {}
        for values in terms:
            choices = [
                self._values(name, columns[name], values) if name in columns else self._values(name, everything[name], values)[:1]
                for name in names
            ]
            size = prod(len(each) for each in choices)
            if size * len(terms) > _CELLS_MAX:
                return (), f"{size * len(terms):,} combinations are too many to try; compare the rules themselves"
            for case, bits in self._otherwise(names, choices, values):
                if bits not in signatures:
                    signatures.add(bits)
                    cases.setdefault((case.before, case.after, case.rules_before, case.rules_after), case)
        ordered = sorted(cases.values(), key=lambda case: (len(case.given), case.given, case.on or date.min))
        if not ordered:
            return (), "no case that the books allow is decided otherwise"
        more = f", {len(ordered) - _CASES_MAX} more kinds of case" if len(ordered) > _CASES_MAX else ""
        return tuple(ordered[:_CASES_MAX]), f"{len(signatures)} signatures of {self.slot} are decided otherwise{more}"

    # --- what is asked

    def _related(self) -> frozenset[str]:
        """The rules on which a difference can depend. What others answer is the same on both sides, if all answers are collected."""
        both = [book.policies[self.slot] for book in (self.before, self.after)]
        rules = [rule for policy in both for rule in policy.rules]
        every = frozenset(rule.id for rule in rules)
        if any(policy.mode != "collect" for policy in both):
            return every
        found: set[str] = set()
        new = {
            name
            for name in every
            if len({told(rule) for rule in rules if rule.id == name}) == 2 or sum(r.id == name for r in rules) == 1
        }
        if self.days is not None:
            new = set(every)
        while new:
            found |= new
            answers = {rule.answer for rule in rules if rule.id in found}
            overriding = {rule.id for rule in rules if found & set(rule.overrides)}
            overridden = {name for rule in rules if rule.id in found for name in rule.overrides}
            new = (overriding | overridden | {rule.id for rule in rules if rule.answer in answers}) - found
        return frozenset(found)

    def _columns(self, rules: frozenset[str] | None) -> dict[str, list[Atom]]:
        """The predicates of both sides by column; only those of some rules, if they are named."""
        found: dict[str, list[Atom]] = {}
        for side in self.sides:
            read = {atom for rule in side.slot.rules if rules is None or rule.id in rules for atom in rule.atoms}
            for number, atom in enumerate(side.atoms):
                if number in read and not isinstance(atom, Always):
                    found.setdefault(atom.column if isinstance(atom, Condition) else "", []).append(atom)
        return found

    def _terms(
        self, everything: Mapping[str, Sequence[Atom]], columns: Mapping[str, Sequence[Atom]]
    ) -> list[dict[str, TermValue]]:
        """The distinct values that sites of both books have, on some day, of the terms that related rules read; and some of the others."""
        read, related = _terms_of(everything), _terms_of(columns)
        found: dict[str, dict[str, TermValue]] = {}
        for book in (self.before, self.after) if read else ():
            for site in sorted(book.sites):
                for day in _changes_of_terms(book, site, read):
                    on = book.terms_on(site, day)
                    mine = {name: on[name] for name in sorted(read) if name in on}
                    if len(mine) == len(read):
                        key = told({name: mine[name] for name in related})
                        found[key] = min(found.get(key, mine), mine, key=told)
        kept = [found[key] for key in sorted(found)][:_TERMS_MAX]
        return kept or [{}]

    def _values(self, name: str, atoms: Sequence[Atom], terms: Mapping[str, TermValue]) -> list[Values]:
        """One value of a column for each of its ranges."""
        if name == "":
            return self._days_to_ask(atoms)
        conditions = [atom for atom in atoms if isinstance(atom, Condition)]
        if name.startswith("term "):
            value = terms.get(name[5:])
            return [(value, term_words(value, self.after.terms.get(name[5:]) or self.before.terms.get(name[5:])))]
        if name in WINDOW_LIKE:
            return _windows(conditions)
        if conditions[0].type in ("duration", "number"):
            return _ranges(conditions, terms)
        if conditions[0].type == "yes-no":
            return [(False, "no"), (True, "yes")]
        return self._texts(name, conditions)

    def _days_to_ask(self, atoms: Sequence[Atom]) -> list[Values]:
        if self.days is not None:
            return [(self.days, f"{self.days[0]} and {self.days[1]}")]
        cuts = sorted({atom.day for atom in atoms if isinstance(atom, DatedFrom | DatedTo)})
        first = min(_EARLIEST, cuts[0] - timedelta(days=1))
        return [((day, day), str(day)) for day in (*reversed(cuts), first)]

    def _texts(self, name: str, conditions: Sequence[Condition]) -> list[Values]:
        """The texts that rules name, one that none names, and none at all."""
        named = sorted({str(value) for each in conditions for value in each.values})
        known = {
            "item": {*self.before.items, *self.after.items},
            "account": {*self.before.accounts, *self.after.accounts},
            "site": {*self.before.sites, *self.after.sites},
        }.get(name) or self._choices(name)
        others = sorted(set(known) - set(named))[:1] if known else ["(another)"]
        if name.startswith("answer-of "):
            others = ["(another)"]
        empty: list[Values] = (
            []
            if name in ("item", "account", "site") or name.startswith("answer-of ") or self._required(name)
            else [(None, "none")]
        )
        return [*empty, *((text, text) for text in (*others, *named))]

    def _choices(self, name: str) -> set[str]:
        columns = [each for book in (self.before, self.after) for kind in book.kinds.values() for each in kind.columns]
        return {choice for each in columns if each.column == name for choice in each.choices}

    def _required(self, name: str) -> bool:
        columns = [each for book in (self.before, self.after) for kind in book.kinds.values() for each in kind.columns]
        mine = [each for each in columns if each.column == name]
        return bool(mine) and all(each.required or each.default for each in mine)

    # --- what is answered

    def _otherwise(
        self, names: Sequence[str], choices: Sequence[Sequence[Values]], terms: Mapping[str, TermValue]
    ) -> Iterator[tuple[Case, tuple[int, int]]]:
        """The combinations that both sides answer otherwise."""
        masks = [[self._bits(name, value, terms) for value, _ in values] for name, values in zip(names, choices, strict=True)]
        always = tuple(sum(1 << n for n, atom in enumerate(side.atoms) if isinstance(atom, Always)) for side in self.sides)
        seen: set[tuple[int, int]] = set()
        for places in product(*(range(len(values)) for values in choices)):
            one, two = always
            for column, place in zip(masks, places, strict=True):
                one |= column[place][0]
                two |= column[place][1]
            if (one, two) in seen:
                continue
            seen.add((one, two))
            first, last = self._answer(0, one), self._answer(1, two)
            if first[0] != last[0]:
                picked = [values[place] for values, place in zip(choices, places, strict=True)]
                yield self._case(names, picked, terms, first, last), (one, two)

    def _bits(self, name: str, value: object, terms: Mapping[str, TermValue]) -> tuple[int, int]:
        """The predicates on a column that a value meets, on both sides."""
        found = []
        for number, side in enumerate(self.sides):
            day = value[number] if name == "" and isinstance(value, tuple) else date.min
            met = 0
            for place, atom in enumerate(side.atoms):
                dated = isinstance(atom, DatedFrom | DatedTo)
                mine = dated if name == "" else isinstance(atom, Condition) and atom.column == name
                if mine and holds(atom, {name: value}, terms, day):
                    met |= 1 << place
            found.append(met)
        return found[0], found[1]

    def _answer(self, side: int, bits: int) -> tuple[str, tuple[str, ...]]:
        """What a side answers to a signature, and by which rules."""
        if bits not in self._decided[side]:
            try:
                decision = resolve(self.sides[side].slot, bits)
                answer = ", ".join(map(answer_words, decision.answers)) or "none"
            except UndecidedError as error:
                decision = error.decision
                answer = "refused: no rule applies" if not decision.fired else "refused: rules disagree"
            self._decided[side][bits] = (answer, _standing(decision))
        return self._decided[side][bits]

    def _case(
        self,
        names: Sequence[str],
        picked: Sequence[Values],
        terms: Mapping[str, TermValue],
        before: tuple[str, tuple[str, ...]],
        after: tuple[str, tuple[str, ...]],
    ) -> Case:
        given = {
            name: shown
            for name, (_, shown) in zip(names, picked, strict=True)
            if name and shown not in ("none", "no") and not name.startswith("term ")
        }
        day = next((value for name, (value, _) in zip(names, picked, strict=True) if name == ""), None)
        on = day[1] if isinstance(day, tuple) and self.days is None else None
        for name in self._terms_read({*before[1], *after[1]}):
            declared = self.after.terms.get(name) or self.before.terms.get(name)
            given[f"term {name}"] = term_words(terms.get(name), declared)
        return Case(tuple(sorted(given.items())), on, before[0], after[0], before[1], after[1])

    def _terms_read(self, rules: Collection[str]) -> list[str]:
        """The terms that some rules read."""
        found: set[str] = set()
        for book in (self.before, self.after):
            for rule in book.policies[self.slot].rules:
                if rule.id in rules:
                    found |= {each.term for each in rule.when if each.term is not None}
                    found |= {each.column[5:] for each in rule.when if each.column.startswith("term ")}
        return sorted(found)


def _terms_of(columns: Mapping[str, Sequence[Atom]]) -> set[str]:
    """The terms that predicates read, as a column or as a bound."""
    read = {name[5:] for name in columns if name.startswith("term ")}
    return read | {
        atom.term for atoms in columns.values() for atom in atoms if isinstance(atom, Condition) and atom.term is not None
    }


def _standing(decision: Decision) -> tuple[str, ...]:
    return tuple(rule for rule in decision.fired if rule not in decision.beaten)


def _changes_of_terms(book: RuleBook, site: str, names: Iterable[str]) -> list[date]:
    where = book.sites[site]
    wanted = set(names)
    levels = (book.default_terms, book.accounts[where.account].terms, where.terms)
    return sorted({each.start for level in levels for each in level if wanted & each.values.keys()})


def _windows(conditions: Sequence[Condition]) -> list[Values]:
    """Every set of the windows (or bands, or premiums) that rules name; of many at most two at once."""
    named = sorted({str(value) for each in conditions for value in each.values})
    most = len(named) if len(named) <= 4 else 2
    sets = [each for count in range(most + 1) for each in combinations(named, count)]
    return [(each, ", ".join(each) or "none") for each in sets]


def _ranges(conditions: Sequence[Condition], terms: Mapping[str, TermValue]) -> list[Values]:
    """A number or duration below, at and above each bound, and none at all."""
    is_duration = conditions[0].type == "duration"
    bounds: set[Fraction] = set()
    for each in conditions:
        said = [terms.get(each.term)] if each.term is not None else list(each.values)
        bounds |= {_number(value) for value in said if isinstance(value, Decimals | int)}
    ordered = sorted(bounds)
    step = Fraction(3600 if is_duration else 1)
    picked: set[Fraction] = set(ordered)
    for low, high in zip([None, *ordered], [*ordered, None], strict=True):
        if low is None and high is not None:
            picked.add(high - min(step, high) if high > 0 else high - step)
        elif high is None and low is not None:
            picked.add(low + step)
        elif low is not None and high is not None:
            picked.add(low + min(step, Fraction(int((high - low) / 2) or 1)) if high - low > 1 else low)
    numbers = sorted(int(value) for value in picked)
    shown = [(value, duration_text(value) if is_duration else words(value)) for value in dict.fromkeys(numbers)]
    return [(None, "none"), *shown]


def _number(value: Decimals | int) -> Fraction:
    return value.fraction() if isinstance(value, Decimals) else Fraction(value)
