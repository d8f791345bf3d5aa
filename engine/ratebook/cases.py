"""Cases: what the rules of a policy meet in practice, enumerated, and what can be said of the rules because of it.

Each column is cut at the values its conditions name, so that all values between two cuts are one cell. Columns that are compared with
terms are cut together with them, at the values the terms have in the book. A search over the cells, which leaves out what some rule
covers already, finds a case that no rule covers or proves that there is none; so too for a rule that others always override. Where
there are too many cells, rules are compared in pairs, and nothing is said of cases that no rule covers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import chain, combinations, product
from math import prod

from engine.dates import duration_text
from engine.money import Decimals
from engine.problems import Problem
from engine.ratebook.book import ActivityColumn, ActivityKind, Condition, Policy, Rule, RuleBook
from engine.ratebook.conditions import LENGTHS, PLACES
from engine.ratebook.examples import defaults_of
from engine.ratebook.slots import WINDOW_LIKE, compile_slot, holds
from engine.ratebook.stretches import first_day
from engine.ratebook.ties import beaten_by, can_apply, holds_wherever, ties

_WINDOWS_MAX = 10  # all sets of more windows are not tried
_CELLS_MAX = 5_000  # of columns that are compared with each other
_STEPS_MAX = 100_000
_MINUTE = 60
_OTHER = "other"  # stands for all texts that no rule names
_MARK = "on"  # the name of a case's day, as in examples

Facts = Mapping[str, object]


def rule_findings(book: RuleBook) -> Iterator[Problem]:
    """Rules that never apply, are always overridden or disagree, and cases that no rule covers."""
    for policy in book.policies.values():
        try:
            cases = Cases(book, policy)
            found = [*ties(policy, cases.example), *cases.useless(), *cases.uncovered()]
        except TooManyCasesError:
            found = [*ties(policy), *_in_pairs(policy)]
        yield from found


@dataclass(frozen=True, slots=True)
class Cell:
    """Values that all conditions on some columns see alike; `holds` are the numbers of the predicates that hold there."""

    facts: tuple[tuple[str, object], ...]
    holds: frozenset[int]


@dataclass(frozen=True, slots=True)
class Group:
    """The cells of some columns, and the numbers of all predicates on them."""

    spoken: frozenset[int]
    cells: tuple[Cell, ...]


class TooManyCasesError(Exception):
    """There are more cases than are looked at."""


class Cases:
    """The cases of one policy."""

    def __init__(self, book: RuleBook, policy: Policy) -> None:
        self.book, self.policy = book, policy
        slot = compile_slot(policy)
        self.texts, self.atoms = slot.slot.atoms, slot.atoms
        self.needs = {rule.id: frozenset(rule.atoms) for rule in slot.slot.rules}
        self.kinds: list[ActivityKind] = [
            kind
            for name, kind in book.kinds.items()
            if (kind.rated_by == "time" if not policy.activity else name == policy.activity)
        ]
        self.empty = frozenset(defaults_of(book))  # columns that are never empty, beside those that are required
        groups = [*map(self._group, self._columns_together()), self._days()]
        self.groups = sorted(groups, key=self._spoken_of, reverse=True)  # so that a case is told by little
        self._steps, self._wanted = 0, frozenset[int]()

    # --- what is said

    def useless(self) -> Iterator[Problem]:
        """Rules that never apply, and rules that never decide."""
        beaten = beaten_by(self.policy.rules)
        for rule in self.policy.rules:
            why = self._impossible(rule)
            if why is not None:
                yield _never(rule, why)
                continue
            over = [each for each in self.policy.rules if rule.id in beaten[each.id]]
            if over and self.without(over, [rule]) is None:
                case = self.without((), [rule]) or {}
                yield _always_overridden(rule, over, f", as in {_shown(case)}")

    def uncovered(self) -> Iterator[Problem]:
        """A case that no rule covers, if that stops the run."""
        policy = self.policy
        if policy.mode == "collect" or policy.otherwise is not None:
            return
        case = self.without(policy.rules)
        if case is not None:
            said = f"no rule of `{policy.slot}` covers {_shown(case)}, and a run that meets it stops"
            remedy = "Add a rule for it, or say under `if-nothing-matches` what is answered"
            yield Problem("R084", policy.source, said, remedy, "warning")

    def example(self, one: Rule, two: Rule) -> str:
        """A case of two rules, as it could stand in an example."""
        return _shown(self.without((), [one, two]))

    def without(self, rules: Iterable[Rule], within: Iterable[Rule] = ()) -> Facts | None:
        """A case in which all of `within` apply and none of `rules` does; None if there is none."""
        wanted = frozenset[int]().union(*(self.needs[rule.id] for rule in within))
        groups = []
        for group in self.groups:
            kept = tuple(cell for cell in group.cells if wanted & group.spoken <= cell.holds)
            if not kept:
                return None
            groups.append(Group(group.spoken, kept))
        self._steps, self._wanted = 0, wanted
        always = frozenset(number for number, text in enumerate(self.texts) if text == "always")
        found = self._search(groups, 0, [self.needs[rule.id] - always for rule in rules])
        return dict(chain.from_iterable(cell.facts for cell in found)) if found is not None else None

    def _impossible(self, rule: Rule) -> str | None:
        """Those of a rule's own conditions that cannot hold together; None if the rule can apply."""
        for group in self.groups:
            asked = self.needs[rule.id] & group.spoken
            if asked and not any(asked <= cell.holds for cell in group.cells):
                return " and ".join(self.texts[number] for number in sorted(asked))
        return None

    def _search(self, groups: Sequence[Group], place: int, rules: list[frozenset[int]]) -> list[Cell] | None:
        """Cells of all groups from `place` on in which none of the rules applies; each rule is what it still needs."""
        self._steps += 1
        if self._steps > _STEPS_MAX:
            raise TooManyCasesError
        if any(not needs for needs in rules):
            return None
        if place == len(groups) or not rules:
            return [group.cells[0] for group in groups[place:] if group.spoken & self._wanted]
        spoken = groups[place].spoken
        for cell in groups[place].cells:
            left = [needs - spoken for needs in rules if needs & spoken <= cell.holds]
            rest = self._search(groups, place + 1, left)
            if rest is not None:
                return [cell, *rest]
        return None

    def _spoken_of(self, group: Group) -> int:
        """How many rules have a condition on a group."""
        return sum(bool(needs & group.spoken) for needs in self.needs.values())

    # --- cells

    def _columns_together(self) -> list[tuple[str, ...]]:
        """The columns, those that are compared with one another together."""
        together: dict[str, frozenset[str]] = {}
        for atom in self.atoms:
            if isinstance(atom, Condition):
                names = {atom.column} | ({f"term {atom.term}"} if atom.term is not None else set())
                whole = frozenset(names).union(*(together[name] for name in names if name in together))
                together.update(dict.fromkeys(whole, whole))
        return list(dict.fromkeys(tuple(sorted(names)) for names in together.values()))

    def _group(self, columns: Sequence[str]) -> Group:
        """The cells of some columns, the plainest value of each first."""
        mine = {number: atom for number, atom in enumerate(self.atoms) if isinstance(atom, Condition) and atom.column in columns}
        domains = [self._values(column, [atom for atom in mine.values() if atom.column == column]) for column in columns]
        if prod(map(len, domains)) > _CELLS_MAX:
            raise TooManyCasesError
        found: dict[frozenset[int], Cell] = {}
        for values in product(*domains):
            facts = dict(zip(columns, values, strict=True))
            terms = {name[5:]: value for name, value in facts.items() if name.startswith("term ")}
            true = frozenset(number for number, atom in mine.items() if holds(atom, facts, terms, date.min))
            found.setdefault(true, Cell(tuple(facts.items()), true))
        return Group(frozenset(mine), tuple(found.values()))

    def _days(self) -> Group:
        """The first day of the book, and the days from which or until which a rule holds."""
        first = first_day(self.book)
        cuts = {day for rule in self.policy.rules for day in (rule.start, rule.end) if day is not None and day > first}
        mine = {number: atom for number, atom in enumerate(self.atoms) if not isinstance(atom, Condition)}
        cells = [
            Cell(((_MARK, day),), frozenset(number for number, atom in mine.items() if holds(atom, {}, {}, day)))
            for day in [first, *sorted(cuts)]
        ]
        dated = any(text != "always" for text in (self.texts[number] for number in mine))
        return Group(frozenset(mine), tuple(cells) if dated else (Cell((), cells[0].holds),))

    def _values(self, column: str, conditions: Sequence[Condition]) -> list[object]:
        """Values of a column, those that a reader would expect first and an empty one last."""
        if column in WINDOW_LIKE:
            names = sorted({str(value) for each in conditions for value in each.values})
            if len(names) > _WINDOWS_MAX:
                raise TooManyCasesError
            return [some for count in range(len(names) + 1) for some in combinations(names, count)]
        if column.startswith("term "):
            return self._term_values(column[5:])
        empty: list[object] = [None] if self._can_be_empty(column) else []
        kind = conditions[0].type
        if kind == "yes-no":
            return [False, True, *empty]
        if kind in ("duration", "number"):
            return [*self._numbers(conditions, _MINUTE if kind == "duration" else 1), *empty]
        return [*self._words(column, conditions), *empty]

    def _words(self, column: str, conditions: Sequence[Condition]) -> list[str]:
        """The texts that conditions name, and one that they do not, if there can be one."""
        named = list(dict.fromkeys(str(value) for each in conditions for value in each.values))
        if column in PLACES:
            places: Mapping[str, Iterable[str]] = {
                "item": self.book.items,
                "account": self.book.accounts,
                "site": self.book.sites,
            }
            known = list(places[column])
        elif column.startswith("answer-of "):
            policy = self.book.policies[column[10:]]
            answers = [*(rule.answer for rule in policy.rules), *([policy.otherwise] if policy.otherwise is not None else [])]
            known = [answer.split()[0] for answer in answers]
        else:
            known = [choice for each in self._declared(column) for choice in each.choices] or [*named, _OTHER]
        return [*(name for name in named if name in known), *[name for name in dict.fromkeys(known) if name not in named][:1]]

    def _numbers(self, conditions: Sequence[Condition], step: int) -> list[object]:
        """The bounds themselves and a value to each side of them, those below zero last."""
        bounds = {_fraction(value) for each in conditions for value in each.values}
        bounds |= {_fraction(value) for each in conditions if each.term is not None for value in self._term_values(each.term)}
        values = {bound + more for bound in bounds for more in (-step, 0, step)}
        ordered = sorted(values, key=lambda value: (value < 0, value))
        return [int(value) if step == _MINUTE and value.denominator == 1 else _decimals(value) for value in ordered]

    def _term_values(self, name: str) -> list[object]:
        """What a term can be: its choices, or the values that some entry of the book gives it."""
        declared = self.book.terms[name]
        if declared.type == "choice":
            return list(declared.choices)
        if declared.type == "yes-no":
            return [False, True]
        return list(dict.fromkeys(entry.values[name] for entry in self.book.terms_entries() if name in entry.values))

    def _can_be_empty(self, column: str) -> bool:
        """Whether a row can have nothing in a column."""
        if column in PLACES or column.startswith("answer-of ") or column in self.empty:
            return False
        return column in LENGTHS or not self._declared(column) or not all(each.required for each in self._declared(column))

    def _declared(self, column: str) -> list[ActivityColumn]:
        return [each for kind in self.kinds for each in kind.columns if each.column == column]


def _in_pairs(policy: Policy) -> Iterator[Problem]:
    """What two rules alone show: one that contradicts itself, or is overridden by another one wherever it applies."""
    beaten = beaten_by(policy.rules)
    for rule in policy.rules:
        if not can_apply(rule):
            yield _never(rule, "its conditions")
            continue
        over = [each for each in policy.rules if rule.id in beaten[each.id] and holds_wherever(each, [rule])]
        if over:
            yield _always_overridden(rule, over, "")


def _never(rule: Rule, why: str) -> Problem:
    said = f"rule {rule.id} can never apply: there is no case with {why}"
    return Problem("R082", rule.source, said, "Correct its conditions or its days, or remove it", "warning")


def _always_overridden(rule: Rule, over: Sequence[Rule], example: str) -> Problem:
    who = ", ".join(each.id for each in over)
    said = f"rule {rule.id} never decides: wherever it applies, it is overridden by {who}{example}"
    related = tuple((each.source, each.id) for each in over)
    return Problem("R083", rule.source, said, "Narrow what overrides it, or remove it", "warning", 1, related)


# --- words ----------------------------------------------------------------------------------------------------------------


def _shown(case: Facts | None) -> str:
    """A case as it could stand in an example."""
    said: dict[str, list[str]] = {"": [], "term": [], "answer-of": []}
    for column, value in sorted((case or {}).items(), key=lambda pair: str(pair[0])):
        word, _, name = column.partition(" ")
        if column == _MARK or value is None or value == ():
            continue
        head, key = (word, name) if word in ("term", "answer-of") and name else ("", column)
        said[head].append(f"{key}: {_written(value)}")
    parts = said[""] + [f"{head}: {{ {', '.join(said[head])} }}" for head in ("term", "answer-of") if said[head]]
    day = (case or {}).get(_MARK)
    return f"given: {{ {', '.join(parts)} }}".replace("{  }", "{}") + (f", on: {day}" if day is not None else "")


def _written(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return str(value[0]) if len(value) == 1 else f"[{', '.join(map(str, value))}]"
    return duration_text(value) if isinstance(value, int) else str(value)


def _fraction(value: object) -> Fraction:
    if isinstance(value, Decimals):
        return value.fraction()
    return Fraction(value) if isinstance(value, int) else Fraction(0)


def _decimals(value: Fraction) -> Decimals:
    """A number as conditions compare it; all are finite decimals."""
    digits = 0
    while (value * 10**digits).denominator != 1:
        digits += 1
    return Decimals(int(value * 10**digits), digits)
