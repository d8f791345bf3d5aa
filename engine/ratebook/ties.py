"""Ties: two rules of a policy that can meet in one case with different answers, though neither overrides the other.

Such a case stops the run that first has it, so it is told when the book is checked. Rules meet when their conditions can hold
together; that is decided column by column. A third rule that overrides one of them wherever they meet settles the matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from fractions import Fraction
from itertools import combinations, product

from engine.dates import FOREVER
from engine.money import Decimals
from engine.problems import Problem
from engine.ratebook.book import Condition, Operator, Policy, Rule
from engine.ratebook.slots import WINDOW_LIKE

_OPPOSITE: Mapping[Operator, Operator] = {
    "is": "not",
    "not": "is",
    "less-than": "at-least",
    "at-least": "less-than",
    "at-most": "more-than",
    "more-than": "at-most",
}
_EQUAL: tuple[Operator, Operator] = ("at-most", "at-least")


def ties(policy: Policy, example_of: Callable[[Rule, Rule], str] | None = None) -> Iterator[Problem]:
    """Every pair of rules that can meet and disagree, as a warning at the later one; with a case of theirs, if somebody knows one."""
    if policy.mode == "collect":
        return
    beaten = beaten_by(policy.rules)
    for one, two in combinations(policy.rules, 2):
        ranked = one.id in beaten[two.id] or two.id in beaten[one.id]
        if one.answer == two.answer or ranked or not can_meet(one, two):
            continue
        if not any(_settles(third, one, two, beaten) for third in policy.rules):
            yield _tie(policy, one, two, f", as in {example_of(one, two)}" if example_of is not None else "")


def _tie(policy: Policy, one: Rule, two: Rule, example: str) -> Problem:
    case = "; ".join(dict.fromkeys(condition.text for condition in (*one.when, *two.when))) or "any"
    both = f"rules {one.id} ({one.answer}) and {two.id} ({two.answer})"
    said = f"{both} can both apply, and neither overrides the other; the case: {case}{example}"
    remedy = f"Write `overrides: [{one.id}]` in {two.id}, or the other way round, or narrow one"
    if policy.mode == "must-agree":
        remedy = "Narrow one of them"
    return Problem("R055", two.source, said, remedy, "warning", related=((one.source, one.id),))


def beaten_by(rules: Sequence[Rule]) -> dict[str, set[str]]:
    """For each rule the rules it overrides, over any number of steps."""
    direct = {rule.id: rule.overrides for rule in rules}
    found: dict[str, set[str]] = {}
    for rule in rules:
        open_ids, below = list(rule.overrides), set[str]()
        while open_ids:
            other = open_ids.pop()
            if other not in below:
                below.add(other)
                open_ids += direct[other]
        found[rule.id] = below
    return found


def _settles(third: Rule, one: Rule, two: Rule, beaten: Mapping[str, set[str]]) -> bool:
    """Whether a third rule holds wherever two meet, and overrides one of them."""
    if not {one.id, two.id} & beaten[third.id]:
        return False
    return holds_wherever(third, (one, two))


def holds_wherever(rule: Rule, others: Sequence[Rule]) -> bool:
    """Whether a rule holds wherever some others all do."""
    start, end = _days(others)
    covers = (rule.start or date.min) <= start and end <= (rule.end or FOREVER)
    given = [condition for each in others for condition in each.when]
    return covers and all(_follows(condition, given) for condition in rule.when)


def _follows(condition: Condition, given: Iterable[Condition]) -> bool:
    """Whether a condition holds whenever the given ones do."""
    column = [each for each in given if each.column == condition.column]
    opposite = Condition(
        condition.column, condition.type, _OPPOSITE[condition.operator], condition.values, condition.term, "", condition.source
    )
    return bool(column) and not _possible([*column, opposite])


def can_apply(rule: Rule) -> bool:
    """Whether the conditions of a rule do not contradict each other."""
    return can_meet(rule, rule)


def can_meet(one: Rule, two: Rule) -> bool:
    """Whether two rules can apply to one case; `in` and `over` are of one piece of time."""
    start, end = _days((one, two))
    columns: dict[str, list[Condition]] = {}
    for condition in (*one.when, *two.when):
        columns.setdefault(condition.column, []).append(condition)
    return start < end and all(_possible(conditions) for conditions in columns.values())


def _days(rules: Sequence[Rule]) -> tuple[date, date]:
    return max(rule.start or date.min for rule in rules), min(rule.end or FOREVER for rule in rules)


def _possible(conditions: Sequence[Condition]) -> bool:
    """Whether one column can have a value that meets all of these."""
    kept, refused = ([each for each in conditions if each.operator == word] for word in ("is", "not"))
    banned = {_plain(value) for each in refused for value in each.values}
    if conditions[0].column in WINDOW_LIKE:  # several windows at once
        return all({_plain(value) for value in each.values} - banned for each in kept)
    if conditions[0].type == "yes-no":
        kept = [*kept, _either(conditions[0])]
    if kept:
        values = set.intersection(*({_plain(value) for value in each.values} for each in kept)) - banned
        return any(_leaves_room([*conditions, *_exactly(value, kept[0])]) for value in values)
    return _leaves_room(conditions)


def _either(condition: Condition) -> Condition:
    return Condition(condition.column, condition.type, "is", (True, False), None, "", condition.source)


def _plain(value: str | int | bool | Decimals) -> str | bool | Fraction:
    if isinstance(value, Decimals):
        return value.fraction()
    return value if isinstance(value, str | bool) else Fraction(value)


def _leaves_room(conditions: Sequence[Condition]) -> bool:
    """Whether something lies between all lower and all upper bounds; two different terms, or a term and a number, may be anywhere."""
    uppers = [each for each in conditions if each.operator in ("at-most", "less-than")]
    lowers = [each for each in conditions if each.operator in ("at-least", "more-than")]
    for upper, lower in product(uppers, lowers):
        most, least = _bound(upper), _bound(lower)
        if isinstance(most, Fraction) and isinstance(least, Fraction) and most < least:
            return False
        if most == least and (upper.operator, lower.operator) != _EQUAL:
            return False
    return True


def _bound(condition: Condition) -> str | bool | Fraction:
    """A number, or the name of a term."""
    return condition.term if condition.term is not None else _plain(condition.values[0])


def _exactly(value: str | bool | Fraction, like: Condition) -> list[Condition]:
    """A number as two bounds, to be compared with others."""
    if not isinstance(value, Fraction):
        return []
    kept = next(each for each in like.values if _plain(each) == value)
    return [Condition(like.column, like.type, word, (kept,), None, "", like.source) for word in _EQUAL]
