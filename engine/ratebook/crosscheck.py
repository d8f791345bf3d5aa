"""Check: everything that can be said about a rule book without activity, worked examples included."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from fractions import Fraction

from engine.formulas.exact import evaluate
from engine.formulas.language import BoundsError, parse
from engine.money import Decimals, parse_decimal, rounded
from engine.problems import InforceError, Problem
from engine.ratebook.book import Condition, Example, FormulaRule, FormulaVersion, Policy, RuleBook
from engine.ratebook.build import problems_in
from engine.ratebook.build_rules import declared_inputs
from engine.ratebook.policies import Decider, trial_compile
from engine.ratebook.resolver import SlotError, UndecidedError
from engine.ratebook.slots import Always, CompiledSlot, DatedFrom, compile_slot, holds


def check(files: Mapping[str, bytes]) -> list[Problem]:
    """All problems of the files; if there are no errors, also those of the worked examples."""
    book, problems = problems_in(files)
    if book is None:
        return problems
    slots = {name: compile_slot(policy) for name, policy in book.policies.items()}
    try:
        trial_compile([slot.slot for slot in slots.values()])
    except SlotError as error:
        first = next(iter(book.policies.values()))
        return [*problems, Problem("R054", first.source, str(error).split("\n")[0], str(error).split("\n")[-1].rstrip("."))]
    return [*problems, *run_examples(book, slots)]


def run_examples(book: RuleBook, slots: Mapping[str, CompiledSlot]) -> list[Problem]:
    """The worked examples that do not come out as they say."""
    decider = Decider([slot.slot for slot in slots.values()])
    found: list[Problem] = []
    for name, policy in book.policies.items():
        for example in policy.examples:
            found += _run(policy, example, slots[name], decider)
    for formula in book.formulas.values():
        for version in formula.versions:
            for example in version.examples:
                found += _compute(formula, version, example)
    return found


def _run(policy: Policy, example: Example, slot: CompiledSlot, decider: Decider) -> list[Problem]:
    day = example.given.get("on")
    terms = {column[5:]: value for column, value in example.given.items() if column.startswith("term ")}
    for atom in slot.atoms:
        if isinstance(atom, Condition) and atom.term is not None and atom.term not in terms and atom.column in example.given:
            return [
                Problem(
                    "R060",
                    example.source,
                    f"the example does not give the term `{atom.term}`",
                    f"Add `term: {{ {atom.term}: ... }}` to `given`",
                )
            ]
    bits = 0
    for number, atom in enumerate(slot.atoms):
        if not isinstance(atom, (Condition, Always)) and not isinstance(day, date):
            said = f"a rule {'starts' if isinstance(atom, DatedFrom) else 'ends'} on {atom.day}"
            return [
                Problem("R060", example.source, f"the example has no day, and {said}", "Add `on:`, the day on which it plays")
            ]
        bits |= holds(atom, example.given, terms, day if isinstance(day, date) else date.min) << number
    try:
        decision = decider.decide(policy.decides, bits)
    except UndecidedError as error:
        return [Problem("R061", example.source, f"`{example.name}`: {str(error).splitlines()[0]}", "Add or narrow a rule")]
    except InforceError as error:
        return [Problem("R062", example.source, f"`{example.name}`: {error}", "Report this")]
    if set(decision.answers) == set(example.gives):
        return []
    fired = ", ".join(decision.fired) or "no rule"
    said = f"`{example.name}` gives {', '.join(decision.answers) or 'none'}, not {', '.join(example.gives) or 'none'}"
    return [Problem("R063", example.source, f"{said} (applied: {fired})", "Correct the example, or the rules")]


def _compute(formula: FormulaRule, version: FormulaVersion, example: Example) -> list[Problem]:
    inputs = declared_inputs(formula.inputs)
    missing = [name for name in inputs if name not in example.given]
    if missing:
        return [Problem("R060", example.source, f"the example does not give `{missing[0]}`", f"Add `{missing[0]}` to `given`")]
    given: dict[str, Fraction] = {name: value.fraction() for name, value in example.given.items() if isinstance(value, Decimals)}
    try:
        exact = evaluate(parse(version.text, inputs), given)
    except BoundsError as error:
        return [Problem("R060", example.source, str(error).splitlines()[0], "Correct the example, or the bounds of the input")]
    value = Decimals(rounded(exact * 10**version.digits, version.half), version.digits)
    if value.fraction() == parse_decimal(example.gives[0]).fraction():
        return []
    return [
        Problem(
            "R063",
            example.source,
            f"version {version.version} gives {value}, not {example.gives[0]}",
            "Correct the example, or the formula",
        )
    ]
