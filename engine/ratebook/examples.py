"""The worked examples of a rule book, run: policies through durable-rules and the plain resolver, formulas in exact fractions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from fractions import Fraction

from engine.formulas.exact import evaluate
from engine.formulas.language import BoundsError, parse
from engine.money import Decimals, parse_decimal, rounded
from engine.problems import InforceError, Problem
from engine.ratebook.book import Condition, Example, FormulaRule, FormulaVersion, Policy, RuleBook
from engine.ratebook.build_formulas import declared_inputs
from engine.ratebook.policies import Decider
from engine.ratebook.resolver import Decision, UndecidedError
from engine.ratebook.slots import Always, CompiledSlot, DatedFrom, compile_slot, holds
from engine.ratebook.worked_prices import run_price_examples

_MARKS = ("withdrawn", "mark_billable", "mark_held", "mark_excluded")  # `no` where a file does not say


def run_examples(book: RuleBook) -> list[Problem]:
    """The worked examples that do not come out as they say."""
    slots = {name: compile_slot(policy) for name, policy in book.policies.items()}
    decider = Decider([slot.slot for slot in slots.values()])
    defaults = defaults_of(book)
    found: list[Problem] = []
    for name, policy in book.policies.items():
        for example in policy.examples:
            found += _decide(policy, example, slots[name], decider, defaults)
    for formula in book.formulas.values():
        for version in formula.versions:
            for example in version.examples:
                found += _compute(formula, version, example)
    return [*found, *(problem for table in book.tables.values() for problem in run_price_examples(table))]


def defaults_of(book: RuleBook) -> dict[str, object]:
    """What a column holds that a case does not speak of: as in a file that leaves its cell empty."""
    facts: dict[str, object] = dict.fromkeys(_MARKS, False)
    for column in (column for kind in book.kinds.values() for column in kind.columns):
        if column.default is not None:
            value: object = column.default
            if column.type == "yes-no":
                value = column.default == "yes"
            elif column.type in ("whole", "minutes"):
                value = int(column.default)
            facts[column.column] = value
    return facts


# --- policies -----------------------------------------------------------------------------------------------------------


def _decide(
    policy: Policy, example: Example, slot: CompiledSlot, decider: Decider, defaults: Mapping[str, object]
) -> list[Problem]:
    facts = {**defaults, **example.given}
    terms = {column[5:]: value for column, value in example.given.items() if column.startswith("term ")}
    missing = _missing(example, slot, facts, terms)
    if missing is not None:
        return [missing]
    on = facts.get("on")
    day = on if isinstance(on, date) else date.min
    bits = sum(holds(atom, facts, terms, day) << number for number, atom in enumerate(slot.atoms))
    wanted = ", ".join(example.gives) or "none"
    try:
        decision = decider.decide(policy.slot, bits)
    except UndecidedError as error:
        what, *_, remedy = str(error).splitlines()
        said = f"`{example.name}` should give {wanted}: {what.partition(': ')[2].rstrip('.')}"
        return [Problem("R061", example.source, said, f"{remedy.rstrip('.')}; or correct the example")]
    except InforceError as error:
        return [Problem("R062", example.source, f"`{example.name}`: {str(error).rstrip('.')}", "Report this text")]
    if set(decision.answers) == set(example.gives):
        return []
    said = f"`{example.name}` gives {', '.join(decision.answers) or 'none'}, not {wanted}"
    return [Problem("R063", example.source, f"{said} ({_because(decision)})", "Correct the example, or the rules")]


def _missing(example: Example, slot: CompiledSlot, facts: Mapping[str, object], terms: Mapping[str, object]) -> Problem | None:
    """What an example leaves out though its rules need it."""
    for atom in slot.atoms:
        if isinstance(atom, Condition):
            given = terms.get(atom.column[5:]) if atom.column.startswith("term ") else facts.get(atom.column)
            if atom.term is not None and atom.term not in terms and given is not None:
                said = f"`{example.name}` does not give the term `{atom.term}`, and `{atom.column}` is compared with it"
                return Problem("R060", example.source, said, f"Add `term: {{ {atom.term}: ... }}` to `given`")
        elif not isinstance(atom, Always) and "on" not in facts:
            verb = "starts" if isinstance(atom, DatedFrom) else "ends"
            said = f"`{example.name}` has no day, and a rule {verb} on {atom.day}"
            return Problem("R060", example.source, said, "Add `on:`, the day on which it plays")
    return None


def _because(decision: Decision) -> str:
    if not decision.fired:
        return "no rule applies"
    beaten = f"; overridden: {', '.join(decision.beaten)}" if decision.beaten else ""
    standing = [rule for rule in decision.fired if rule not in decision.beaten]
    return f"by {', '.join(standing)}{beaten}"


# --- formulas -----------------------------------------------------------------------------------------------------------


def _compute(formula: FormulaRule, version: FormulaVersion, example: Example) -> list[Problem]:
    inputs = declared_inputs(formula.inputs)
    missing = [name for name in inputs if name not in example.given]
    if missing:
        return [Problem("R060", example.source, f"{example.name} does not give `{missing[0]}`", f"Add `{missing[0]}` to `given`")]
    given: dict[str, Fraction] = {name: value.fraction() for name, value in example.given.items() if isinstance(value, Decimals)}
    try:
        exact = evaluate(parse(version.text, inputs), given)
    except BoundsError as error:
        said, _, _ = str(error).partition("\n")
        return [Problem("R060", example.source, said.rstrip("."), "Correct the example, or the bounds of the input")]
    value = Decimals(rounded(exact * 10**version.digits, version.half), version.digits)
    if value.fraction() == parse_decimal(example.gives[0]).fraction():
        return []
    said = f"version {version.version} of {formula.formula} gives {value}, not {example.gives[0]}"
    return [Problem("R063", example.source, said, "Correct the example, or add a version of the formula")]
