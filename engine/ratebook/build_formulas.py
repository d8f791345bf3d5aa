"""Formulas and the premiums that use them, as values: units, bounds, versions and where each input comes from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from engine.formulas.language import FormulaError, Input, InputError, parse
from engine.formulas.units import UnitError
from engine.money import Decimals
from engine.problems import Source
from engine.ratebook.book import Example, FormulaInput, FormulaRule, FormulaVersion, Given, Premium, RateTable, TermDeclaration
from engine.ratebook.forms import Findings, Node, number

NOTHING = "none"  # the answer of a premium policy for which nothing applies


def build_formulas(forms: Sequence[Node], found: Findings) -> dict[str, FormulaRule]:
    """Formulas by name; versions must follow one another without gap or overlap."""
    formulas: dict[str, FormulaRule] = {}
    for form in forms:
        name = form["formula"].text
        if name in formulas:
            found.twice(form["formula"], f"formula {name}", formulas[name].source)
        inputs = tuple(_input(key, node, form["inputs"].key(key), found) for key, node in sorted(form["inputs"].items()))
        made = [_version(node, inputs, form, found) for node in form.list("versions")]
        corrected = _corrected(made, found)
        versions = tuple(sorted((each for each in made if each not in corrected), key=lambda each: (each.start, each.version)))
        _refuse_gaps(versions, found)
        formulas[name] = FormulaRule(name, form["unit"].text, inputs, versions, form.source, corrected)
    return formulas


def declared_inputs(inputs: Iterable[FormulaInput]) -> dict[str, Input]:
    """The inputs as the formula language wants them."""
    return {
        each.name: Input(each.name, each.unit, each.at_most.fraction(), each.at_least.fraction(), digits=each.digits)
        for each in inputs
    }


def _input(name: str, node: Node, at: Source, found: Findings) -> FormulaInput:
    least = number(found, node["at-least"]) if "at-least" in node else Decimals(0, 0)
    declared = FormulaInput(name, node["unit"].text, least, number(found, node["at-most"]), int(node.says("digits", "2")))
    try:
        declared_inputs([declared])
    except (InputError, UnitError) as error:
        said, _, remedy = str(error).partition("\n")
        found.add("R046", at, said.rstrip("."), remedy.rstrip(".") or "Correct the declaration", width=len(name))
    return declared


def _version(node: Node, inputs: Sequence[FormulaInput], form: Node, found: Findings) -> FormulaVersion:
    text = node["formula"]
    try:
        formula = parse(text.text, declared_inputs(inputs))
        formula.check(form["unit"].text)
        for each in inputs:
            if each.name not in formula.used:
                found.add("R047", text, f"the input `{each.name}` is declared and not used", "Use it, or remove it", warning=True)
    except FormulaError as error:
        at = Source(text.source.path, text.source.line, text.source.column + max(error.column - 1, 0))
        found.add("R048", at, error.message, error.remedy)
    except (InputError, UnitError):
        pass  # reported where the input is declared
    start, end = node.day("from"), node.day_or_none("to")
    if end is not None and end <= start:
        said = f"the version ends on {end}, before it holds for a day"
        found.add("R040", node["to"], said, "`to` is the first day on which it no longer holds")
    examples = tuple(_example(each, place, inputs, found) for place, each in enumerate(node.list("examples"), 1))
    return FormulaVersion(
        int(node["version"].text), start, end, text.text, int(node["round"]["digits"].text), node["round"]["half"].word, examples, text.source,
        node.provenance(form.provenance()), int(node["corrects"].text) if "corrects" in node else None,
    )  # fmt: skip


def _example(node: Node, place: int, inputs: Sequence[FormulaInput], found: Findings) -> Example:
    known = [each.name for each in inputs]
    for name in (name for name, _ in node["given"].items() if name not in known):
        said = f"the formula has no input `{name}`"
        found.add("R046", node["given"].key(name), said, f"Its inputs are {', '.join(known)}", width=len(name))
    given = {name: number(found, value) for name, value in node["given"].items()}
    gives = node["gives"]
    number(found, gives)
    return Example(f"example {place}", given, (gives.text,), gives.source)


def _corrected(versions: Sequence[FormulaVersion], found: Findings) -> tuple[FormulaVersion, ...]:
    """The versions that later ones correct: these stand in the file as they were, and are in force on no day."""
    numbers: dict[int, FormulaVersion] = {}
    for each in versions:
        if each.version in numbers:
            found.twice(each.source, f"version {each.version}", numbers[each.version].source, "Number the versions 1, 2, 3")
        numbers[each.version] = each
    corrected: dict[int, FormulaVersion] = {}
    for each in versions:
        if each.corrects is None:
            continue
        old = numbers.get(each.corrects)
        if old is None or old.version >= each.version:
            known = ", ".join(str(number) for number in sorted(numbers) if number < each.version) or "none"
            said = f"version {each.version} corrects version {each.corrects}, and there is no such version before it"
            found.add("R049", each.source, said, f"Versions before it: {known}")
        elif (old.start, old.end) != (each.start, each.end):
            said = f"version {each.version} corrects version {old.version}, and holds on other days"
            remedy = f"Write `from: {old.start}`{f' and `to: {old.end}`' if old.end is not None else ' without `to`'}"
            found.add("R049", each.source, said, remedy, related=((old.source, f"version {old.version}"),))
        elif old.version in corrected:
            found.twice(
                each.source, f"a correction of version {old.version}", corrected[old.version].source, "Correct the correction"
            )
        corrected[each.corrects] = each
    return tuple(each for each in versions if each.version in corrected)


def _refuse_gaps(versions: Sequence[FormulaVersion], found: Findings) -> None:
    """Each version begins on the day the one before it ends."""
    for one, two in pairwise(versions):
        if one.end == two.start:
            continue
        said = f"versions {one.version} and {two.version} are both in force from {two.start}"
        if one.end is not None and one.end < two.start:
            said = f"versions {one.version} and {two.version} leave a gap from {one.end} to {two.start}"
        related = ((one.source, f"version {one.version}"),)
        found.add("R049", two.source, said, f"Write `to: {two.start}` in version {one.version}", related=related)


# --- premiums -----------------------------------------------------------------------------------------------------------


def build_premiums(
    form: Node | None,
    formulas: Mapping[str, FormulaRule],
    tables: Mapping[str, RateTable],
    terms: Mapping[str, TermDeclaration],
    found: Findings,
) -> dict[str, Premium]:
    """Premiums in order of the book."""
    premiums: dict[str, Premium] = {}
    inherited = form.provenance() if form is not None else None
    for node in form.list("premiums") if form is not None else ():
        name = node["premium"].text
        if name in premiums:
            found.twice(node["premium"], f"premium {name}", premiums[name].source)
        if name == NOTHING:
            found.add("R052", node["premium"], f"`{name}` is the answer that no premium applies", "Give the premium another id")
        formula = formulas.get(node["formula"].text)
        given = {key: _given(value, tables, terms, found) for key, value in node["given"].items()}
        if formula is None:
            found.unknown(node["formula"], "formula", formulas, kind="formula")
        else:
            _check_names(node, formula, given, found)
            for each in formula.inputs:
                if each.name in given:
                    _check_input(node["given"][each.name], name, each, given[each.name], formula, tables, found)
        premiums[name] = Premium(
            name, node["name"].text, node["shown"].word, node["formula"].text, given, node.source, node.provenance(inherited)
        )
    return premiums


def _given(node: Node, tables: Mapping[str, RateTable], terms: Mapping[str, TermDeclaration], found: Findings) -> Given:
    if "rate" in node:
        if node["rate"].text not in tables:
            found.unknown(node["rate"], "rate table", tables, kind="rate-table")
        return Given("rate", node["rate"].text)
    if "term" in node:
        declared = terms.get(node["term"].text)
        if declared is None:
            found.unknown(node["term"], "term", terms, kind="terms")
        elif declared.type != "number":
            said = f"the term `{declared.name}` is a {declared.type}, a formula needs a number"
            found.add("R037", node["term"], said, "Declare it as `type: number`", related=((declared.source, "declared here"),))
        return Given("term", node["term"].text)
    return Given("base") if node.text == "base" else Given("number", "", number(found, node))


def _check_names(node: Node, formula: FormulaRule, given: Mapping[str, Given], found: Findings) -> None:
    declared = [each.name for each in formula.inputs]
    related = ((formula.source, "the formula"),)
    for name in given:
        if name not in declared:
            said = f"formula `{formula.formula}` has no input `{name}`"
            remedy = f"Its inputs are {', '.join(declared)}"
            found.add("R046", node["given"].key(name), said, remedy, width=len(name), related=related)
    for name in declared:
        if name not in given:
            said = f"the input `{name}` of formula `{formula.formula}` is not given"
            found.add("R046", node["given"], said, f"Add `{name}: base`, a number, a rate or a term", related=related)


def _check_input(
    node: Node,
    premium: str,
    declared: FormulaInput,
    given: Given,
    formula: FormulaRule,
    tables: Mapping[str, RateTable],
    found: Findings,
) -> None:
    """What a premium gives must have the unit, the digits and the bounds of the input."""
    related = ((formula.source, "the formula"),)
    if given.form == "base" and not declared.unit.endswith(" per hour"):
        found.add("R032", node, f"a base price is per hour, the input is in {declared.unit}", "Give a number", related=related)
    if given.number is not None and not fits(given.number, declared):
        said = f"{given.number} is not between {declared.at_least} and {declared.at_most} with {declared.digits} digits"
        found.add("R046", node, said, "Correct the number, or the declaration", related=related)
    table = tables.get(given.name) if given.form == "rate" else None
    if table is None:
        return
    unit = "percent" if table.unit == "percent" else f"{table.currency} per hour"
    if table.unit == "hour" and table.currency is None:
        return  # reported at the table
    if unit != declared.unit and not (unit == "percent" and declared.unit == "number"):
        said = f"table `{table.table}` is in {unit}, the input `{declared.name}` in {declared.unit}"
        found.add("R032", node, said, "Name a table of that unit", related=((table.source, "the table"), *related))
    elif table.digits > declared.digits:
        said = f"table `{table.table}` has {table.digits} digits, the input `{declared.name}` {declared.digits}"
        found.add("R035", node, said, f"Declare `digits: {table.digits}` for the input", related=related)
    else:
        _check_rates(table, premium, declared, found)


def _check_rates(table: RateTable, premium: str, declared: FormulaInput, found: Findings) -> None:
    for row in table.rows.values():
        if row.key.get("premium", premium) == premium:
            for price in row.prices:
                if price.value is not None:
                    check_bounds(price.value, declared, price.source, found)


def check_bounds(value: Decimals, declared: FormulaInput, at: Source, found: Findings) -> None:
    """A rate that a formula reads must be within the declared bounds; else the first run that needs it stops."""
    if _within(value, declared) or not _up_to(declared.at_least, declared.at_most):
        return
    side = f"below {declared.at_least}" if _up_to(value, declared.at_least) else f"above {declared.at_most}"
    said = f"{value} is {side}, the bound of the formula input `{declared.name}` that reads it"
    found.add("R046", at, said, "Correct the rate, or the bound in the formula")


def fits(value: Decimals, declared: FormulaInput) -> bool:
    """Whether a number is within the bounds of an input and has no more digits than it."""
    return value.digits <= declared.digits and _within(value, declared)


def _within(value: Decimals, declared: FormulaInput) -> bool:
    return _up_to(declared.at_least, value) and _up_to(value, declared.at_most)


def _up_to(one: Decimals, other: Decimals) -> bool:
    """Whether one number is at most another."""
    return bool(one.units * 10**other.digits <= other.units * 10**one.digits)
