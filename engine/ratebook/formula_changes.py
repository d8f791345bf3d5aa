"""Where two versions of a formula differ in value: concrete figures, from the prices of the book where there are any."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction
from itertools import islice, product

from engine.dates import FOREVER
from engine.formulas.exact import evaluate
from engine.formulas.language import Formula, parse
from engine.money import Decimals, rounded
from engine.ratebook.book import FormulaInput, FormulaRule, FormulaVersion, Premium, RuleBook
from engine.ratebook.build_formulas import declared_inputs
from engine.ratebook.changes import Case, Change

_TRIED_MAX = 4096
_VALUES_MAX = 24  # of one input

Days = tuple[date, date]


def with_figures(changes: Sequence[Change], before: RuleBook, after: RuleBook, days: Days | None = None) -> list[Change]:
    """The changes of formulas, each with the first figures at which it gives another result."""
    return [_with_figures(each, before, after, days) if each.what == "formula" else each for each in changes]


def _with_figures(change: Change, before: RuleBook, after: RuleBook, days: Days | None) -> Change:
    name = change.id.partition("/")[0]
    rules = (before.formulas.get(name), after.formulas.get(name))
    if rules[0] is None or rules[1] is None:
        return change
    starts = [each.start for each in change.stretches] if "/" in change.id else _starts(rules[0], rules[1])
    tried = 0
    for start in starts:
        on = days or (start or date.min, start or date.min)
        pair = (_version(rules[0], on[0]), _version(rules[1], on[1]))
        if pair[0] is None or pair[1] is None:
            continue
        found, count = _first_case((rules[0], rules[1]), (pair[0], pair[1]), (before, after), start)
        if found is not None:
            return replace(change, cases=(found,))
        tried += count
    note = f"no difference in value: {tried} sets of figures within the declared bounds give the same result"
    return replace(change, notes=(*change.notes, note)) if tried else change


def _starts(one: FormulaRule, two: FormulaRule) -> Sequence[date | None]:
    return sorted({each.start for rule in (one, two) for each in rule.versions})


def _version(rule: FormulaRule, day: date) -> FormulaVersion | None:
    return next((each for each in rule.versions if each.start <= day < (each.end or FOREVER)), None)


def _first_case(
    rules: tuple[FormulaRule, FormulaRule],
    versions: tuple[FormulaVersion, FormulaVersion],
    books: tuple[RuleBook, RuleBook],
    on: date | None,
) -> tuple[Case | None, int]:
    formulas = [parse(version.text, declared_inputs(rule.inputs)) for rule, version in zip(rules, versions, strict=True)]
    tried = 0
    for given in islice(_figures(rules, books), _TRIED_MAX):
        results = [
            _result(formula, version, given, rule) for formula, version, rule in zip(formulas, versions, rules, strict=True)
        ]
        tried += 1
        if results[0] != results[1]:
            told = tuple((name, str(value)) for name, value in sorted(given.items()))
            names = [(f"version {version.version}",) for version in versions]
            return Case(told, on, results[0], results[1], names[0], names[1]), tried
    return None, tried


def _result(formula: Formula, version: FormulaVersion, given: Mapping[str, Decimals], rule: FormulaRule) -> str:
    """The result in words, rounded as the version declares; where an input is beyond its bounds that is the result."""
    for each in rule.inputs:
        if not _within(given[each.name], each):
            return f"refused: {each.name} {given[each.name]} is out of bounds"
    values = {each.name: given[each.name].fraction() for each in rule.inputs}
    return str(Decimals(rounded(evaluate(formula, values) * 10**version.digits, version.half), version.digits))


def _within(value: Decimals, declared: FormulaInput) -> bool:
    return bool(declared.at_least.fraction() <= value.fraction() <= declared.at_most.fraction())


# --- figures to try ---------------------------------------------------------------------------------------------------


def _figures(rules: Sequence[FormulaRule], books: Sequence[RuleBook]) -> Iterator[dict[str, Decimals]]:
    """Sets of inputs: those that premiums read in the books, then the bounds and what lies between."""
    declared: dict[str, list[FormulaInput]] = {}
    for rule in rules:
        for each in rule.inputs:
            declared.setdefault(each.name, []).append(each)
    names = sorted(declared)
    using: dict[str, list[tuple[RuleBook, Premium]]] = {}
    for book in books:
        for premium in book.premiums.values():
            if premium.formula == rules[0].formula:
                using.setdefault(premium.premium, []).append((book, premium))
    for _, read in sorted(using.items()):
        values = {name: _some(value for book, premium in read for value in _read(book, premium, name)) for name in names}
        yield from _products(names, {name: values[name] or _bounds(declared[name]) for name in names})
    yield from _products(names, {name: _bounds(declared[name]) for name in names})


def _products(names: Sequence[str], values: Mapping[str, Sequence[Decimals]]) -> Iterator[dict[str, Decimals]]:
    for each in product(*(values[name] for name in names)):
        yield dict(zip(names, each, strict=True))


def _read(book: RuleBook, premium: Premium, name: str) -> list[Decimals]:
    """The figures that a premium reads as an input."""
    given = premium.given.get(name)
    if given is None:
        return []
    if given.form == "number":
        return [given.number] if given.number is not None else []
    if given.form == "term":
        return _some(value for entry in book.terms_entries() if isinstance(value := entry.values.get(given.name), Decimals))
    if given.form == "rate":
        rows = [
            row for row in book.tables[given.name].rows.values() if row.key.get("premium", premium.premium) == premium.premium
        ]
    else:
        tables = {item.table for item in book.items.values() if item.table}
        rows = [row for name in sorted(tables) if book.tables[name].unit == "hour" for row in book.tables[name].rows.values()]
    return _some(price.value for row in rows for price in row.prices if price.value is not None)


def _some(values: Iterable[Decimals]) -> list[Decimals]:
    """A few distinct values, the smallest and the largest among them."""
    ordered = sorted(dict.fromkeys(values), key=lambda value: (value.fraction(), value.digits))
    if len(ordered) <= _VALUES_MAX:
        return ordered
    places = {number * (len(ordered) - 1) // (_VALUES_MAX - 1) for number in range(_VALUES_MAX)}
    return [ordered[place] for place in sorted(places)]


def _bounds(declared: Sequence[FormulaInput]) -> list[Decimals]:
    """The bounds of an input, a unit inside them, and sixteen steps between."""
    digits = max(each.digits for each in declared)
    low = min(each.at_least.fraction() for each in declared)
    high = max(each.at_most.fraction() for each in declared)
    first, last = (int(bound * 10**digits) for bound in (low, high))
    steps = [first, first + 1, *(first + int(Fraction(last - first, 16) * step) for step in range(1, 16)), last - 1, last]
    return [Decimals(units, digits) for units in sorted({unit for unit in steps if first <= unit <= last})]
