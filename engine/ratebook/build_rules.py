"""`rules/` to values: calendar, rounding, items, texts, windows, holidays, activity kinds, premiums and formulas."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from datetime import date

from engine.dates import DAY_SECONDS, FOREVER, WEEKDAYS, parse_clock
from engine.formulas.language import FormulaError, Input, InputError, parse
from engine.formulas.units import UnitError
from engine.money import Decimals
from engine.problems import Source
from engine.ratebook.book import (
    ActivityColumn,
    ActivityKind,
    Calendar,
    Example,
    FormulaInput,
    FormulaRule,
    FormulaVersion,
    Given,
    Holiday,
    HolidaySet,
    Item,
    LineTexts,
    Premium,
    RateTable,
    Rounding,
    TermDeclaration,
    Window,
)  # fmt: skip
from engine.ratebook.forms import Findings, Node, duration, number

_PLACEHOLDERS = {
    "worked": ("name", "item", "site"),
    "worked-with-premiums": ("name", "item", "site", "premiums"),
    "with-fill": ("description", "worked", "fill"),
    "fixed": ("name", "item", "site"),
    "scheduled": ("name", "item", "site"),
    "own-line": ("name", "item", "site", "premium"),
}
_NEEDED = ("id", "site", "worker", "item")


def the_one(forms: Sequence[Node], kind: str, found: Findings) -> Node | None:
    """The only file of a kind."""
    if len(forms) != 1:
        place = forms[1].source if forms else Source("rules")
        found.add("R036", place, f"there are {len(forms)} files of kind {kind}", "Exactly one is needed")
    return forms[0] if forms else None


def build_calendar(form: Node) -> Calendar:
    """Which moment picks which price."""
    return Calendar(int(form["semantics"].text), form["price-at"].word, form.source)


def build_rounding(form: Node) -> Rounding:
    """Rounding of quantities and amounts."""
    quantity = {unit: (int(node["digits"].text), node["half"].word) for unit, node in form["quantity"].items()}
    return Rounding(quantity, form["amount"]["half"].word, form.source)


def build_items(form: Node, tables: Mapping[str, RateTable], found: Findings) -> dict[str, Item]:
    """Items in order of the book."""
    items: dict[str, Item] = {}
    for node in form.list("items"):
        item, table = node["item"].text, node["price"].text
        if table not in tables:
            found.unknown("R023", node["price"], "rate table", tables)
        elif tables[table].unit != "hour" or "premium" in tables[table].key:
            found.add("R032", node["price"], f"table `{table}` does not hold prices of items", "Name a table of prices per hour")
        if item in items:
            found.add(
                "R022",
                node["item"],
                f"item {item} stands twice",
                "Keep one of them",
                related=((items[item].source, "first here"),),
            )
        items[item] = Item(item, node["name"].text, table, node["tax-class"].text, node.source)
    return items


def build_texts(form: Node, found: Findings) -> LineTexts:
    """The templates of descriptions."""
    texts = {}
    for name, allowed in _PLACEHOLDERS.items():
        node = form["descriptions"][name]
        texts[name] = node.text
        try:
            used = [part[1:] for part in string.Formatter().parse(node.text) if part[1] is not None]
        except ValueError:
            used = [("?", "", None)]
        for field, form_, conversion in used:
            if field not in allowed or form_ or conversion:
                found.add(
                    "R042",
                    node,
                    f"`{{{field}}}` is not a placeholder of `{name}`",
                    "Known are " + ", ".join(f"{{{each}}}" for each in allowed),
                )
                texts[name] = ""
    return LineTexts(
        form["subject"].text, texts["worked"], texts["worked-with-premiums"], texts["with-fill"], texts["fixed"], texts["scheduled"],
        texts["own-line"], form.source,
    )  # fmt: skip


def build_holidays(forms: Sequence[Node], found: Findings) -> dict[str, HolidaySet]:
    """Holiday lists by name."""
    sets: dict[str, HolidaySet] = {}
    for form in forms:
        name, start, end = form["holidays"].text, form.day("from"), form.day("to")
        if end <= start:
            found.add("R040", form["to"], "the list ends before it begins", "`to` is the first day it no longer covers")
        if name in sets:
            found.add(
                "R022",
                form["holidays"],
                f"holiday list {name} stands twice",
                "Keep one of them",
                related=((sets[name].source, "first here"),),
            )
        days = []
        for node in form.list("days"):
            holiday = Holiday(node["holiday"].text, node.day("actual"), node.day("observed"))
            if not start <= holiday.actual < end:
                found.add(
                    "R040",
                    node["actual"],
                    f"{holiday.actual} is not in {start} .. {end}, which the list covers",
                    "Widen `from`/`to`, or correct the day",
                )
            days.append(holiday)
        sets[name] = HolidaySet(name, start, end, tuple(sorted(days, key=lambda each: (each.actual, each.holiday))), form.source)
    return sets


def build_windows(forms: Sequence[Node], holidays: Mapping[str, HolidaySet], found: Findings) -> dict[str, Window]:
    """Windows by name."""
    windows: dict[str, Window] = {}
    for form in forms:
        for node in form.list("windows"):
            name, each = node["window"].text, node["each"].word
            if name in windows:
                found.add(
                    "R022",
                    node["window"],
                    f"window {name} stands twice",
                    "Keep one of them",
                    related=((windows[name].source, "first here"),),
                )
            for word in ("holidays", "day"):
                if (word in node) != (each == "holiday"):
                    said = f"a window of each {each} {'has no' if word in node else 'needs'} `{word}`"
                    found.add(
                        "R043",
                        node.key(word) if word in node else node.source,
                        said,
                        f"{'Remove' if word in node else 'Add'} `{word}`",
                    )
            if "holidays" in node and node["holidays"].text not in holidays:
                found.unknown("R023", node["holidays"], "holiday list", holidays)
            start, end = (_edge(node[word], each, found) for word in ("from", "to"))
            if start == end or (each == "holiday" and end < start):
                found.add("R040", node["to"], "the window is empty", "Let `to` come after `from`")
            windows[name] = Window(
                name, each, start, end, node.says("holidays") or None, node["day"].word if "day" in node else None, node.source
            )
    return dict(sorted(windows.items()))


def _edge(node: Node, each: str, found: Findings) -> int:
    word, _, time = node.text.rpartition(" ")
    days = {
        "day": {"": 0},
        "week": {name: i for i, name in enumerate(WEEKDAYS)},
        "holiday": {"day-before": -1, "day": 0, "day-after": 1},
    }[each]
    if word not in days:
        example = {"day": "19:00", "week": "friday 19:00", "holiday": "day-before 19:00"}[each]
        found.add("R043", node, f"`{node.text}` is not an edge of a window of each {each}", f"Write it like {example}")
        return 0
    return days[word] * DAY_SECONDS + parse_clock(time)


def build_kinds(forms: Sequence[Node], rounding: Rounding | None, found: Findings) -> dict[str, ActivityKind]:
    """Activity kinds by name."""
    kinds: dict[str, ActivityKind] = {}
    for form in forms:
        columns: dict[str, ActivityColumn] = {}
        for node in form.list("columns"):
            name, kind, choices = node["column"].text, node["type"].word, tuple(each.text for each in node.list("of"))
            if name in columns:
                found.add(
                    "R022",
                    node["column"],
                    f"column {name} stands twice",
                    "Keep one of them",
                    related=((columns[name].source, "first here"),),
                )
            if (kind == "choice") != bool(choices):
                found.add(
                    "R037",
                    node,
                    "a choice, and only a choice, lists what it can be",
                    "Write `of: [a, b]` for a choice, and for nothing else",
                )
            if "default" in node and choices and node["default"].text not in choices:
                found.unknown("R006", node["default"], "choice", choices)
            columns[name] = ActivityColumn(
                name, kind, node.yes("required"), node.says("default") or None, choices, node.says("reads", name), node.source
            )
        for name in _NEEDED:
            if name not in columns:
                found.add(
                    "R044",
                    form["columns"],
                    f"the column `{name}` is not declared",
                    f"Add `- {{ column: {name}, type: id, required: yes }}`",
                )
        unit, grid = form["unit"].text, duration(found, form["grid"])
        if rounding is not None and unit not in rounding.quantity:
            found.add(
                "R045",
                form["unit"],
                f"the rounding of quantities in {unit} is not declared",
                "Add it to the file of kind rounding",
                related=((rounding.source, "here"),),
            )
        if grid <= 0 or DAY_SECONDS % max(grid, 1):
            found.add("R039", form["grid"], "a day is not a whole number of grid steps", "Use a step such as 1min")
            grid = 60
        name = form["activity"].text
        kinds[name] = ActivityKind(
            name, unit, grid, duration(found, form["maximum"]), form["overlap"].word, tuple(columns.values()), form.source
        )
    return kinds


def build_formulas(forms: Sequence[Node], found: Findings) -> dict[str, FormulaRule]:
    """Formulas by name; versions must follow one another without gap or overlap."""
    formulas: dict[str, FormulaRule] = {}
    for form in forms:
        name = form["formula"].text
        if name in formulas:
            found.add(
                "R022",
                form["formula"],
                f"formula {name} stands twice",
                "Keep one of them",
                related=((formulas[name].source, "first here"),),
            )
        inputs = tuple(_input(key, node, form["inputs"].key(key), found) for key, node in form["inputs"].items())
        versions = tuple(
            sorted((_version(node, inputs, form["unit"], found) for node in form.list("versions")), key=lambda v: v.start)
        )
        _refuse_gaps(versions, found)
        formulas[name] = FormulaRule(name, form["unit"].text, inputs, versions, form.source)
    return formulas


def declared_inputs(inputs: Sequence[FormulaInput]) -> dict[str, Input]:
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
        found.add("R046", at, str(error).replace("\n", " "), "Correct the declaration")
    return declared


def _version(node: Node, inputs: Sequence[FormulaInput], unit: Node, found: Findings) -> FormulaVersion:
    text = node["formula"]
    try:
        formula = parse(text.text, declared_inputs(inputs))
        formula.check(unit.text)
        for each in inputs:
            if each.name not in formula.used:
                found.add("R047", text, f"the input `{each.name}` is declared and not used", "Use it, or remove it", warning=True)
    except FormulaError as error:
        at = Source(text.source.path, text.source.line, text.source.column + max(error.column - 1, 0))
        found.add("R048", at, error.message, error.remedy)
    except (InputError, UnitError):
        pass  # reported where the input or unit is declared
    start, end = node.day("from"), node.day_or_none("to")
    if end is not None and end <= start:
        found.add(
            "R040",
            node["to"],
            f"the version ends on {end}, before it holds for a day",
            "`to` is the first day on which it no longer holds",
        )
    examples = tuple(
        Example(
            f"example {i}", {k: number(found, v) for k, v in each["given"].items()}, (each["gives"].text,), each["gives"].source
        )
        for i, each in enumerate(node.list("examples"), 1)
    )
    rounding = node["round"]
    return FormulaVersion(
        int(node["version"].text), start, end, text.text, int(rounding["digits"].text), rounding["half"].word, examples, text.source, node.provenance()
    )  # fmt: skip


def _refuse_gaps(versions: Sequence[FormulaVersion], found: Findings) -> None:
    for one, two in zip(versions, versions[1:], strict=False):
        if one.version == two.version:
            found.add(
                "R022",
                two.source,
                f"version {one.version} stands twice",
                "Number the versions 1, 2, 3",
                related=((one.source, "first here"),),
            )
        if one.end != two.start:
            end: date = one.end or FOREVER
            said = "have a gap between them" if end < two.start else "are both in force"
            shown = "open-ended" if one.end is None else f"until {one.end}"
            found.add(
                "R049", two.source, f"versions {one.version} ({shown}) and {two.version} (from {two.start}) {said}",
                f"Write `to: {two.start}` in version {one.version}", related=((one.source, f"version {one.version}"),),
            )  # fmt: skip


def build_premiums(
    form: Node | None,
    formulas: Mapping[str, FormulaRule],
    tables: Mapping[str, RateTable],
    terms: Mapping[str, TermDeclaration],
    found: Findings,
) -> dict[str, Premium]:
    """Premiums in order of the book."""
    premiums: dict[str, Premium] = {}
    for node in form.list("premiums") if form is not None else ():
        name = node["premium"].text
        if name in premiums:
            found.add(
                "R022",
                node["premium"],
                f"premium {name} stands twice",
                "Keep one of them",
                related=((premiums[name].source, "first here"),),
            )
        formula = formulas.get(node["formula"].text)
        given = {key: _given(value, tables, terms, found) for key, value in node["given"].items()}
        if formula is None:
            found.unknown("R023", node["formula"], "formula", formulas)
        else:
            _check_inputs(node, formula, given, tables, found)
        premiums[name] = Premium(name, node["name"].text, node["shown"].word, node["formula"].text, given, node.source)
    return premiums


def _given(node: Node, tables: Mapping[str, RateTable], terms: Mapping[str, TermDeclaration], found: Findings) -> Given:
    if "rate" in node:
        if node["rate"].text not in tables:
            found.unknown("R023", node["rate"], "rate table", tables)
        return Given("rate", node["rate"].text)
    if "term" in node:
        declared = terms.get(node["term"].text)
        if declared is None:
            found.unknown("R023", node["term"], "term", terms)
        elif declared.type != "number":
            found.add(
                "R037",
                node["term"],
                f"the term `{declared.name}` is a {declared.type}, a formula needs a number",
                "Declare it as `type: number`",
            )
        return Given("term", node["term"].text)
    return Given("base") if node.text == "base" else Given("number", "", number(found, node))


def _check_inputs(
    node: Node, formula: FormulaRule, given: Mapping[str, Given], tables: Mapping[str, RateTable], found: Findings
) -> None:
    declared = {each.name: each for each in formula.inputs}
    for name in given:
        if name not in declared:
            found.add(
                "R046",
                node["given"].key(name),
                f"formula `{formula.formula}` has no input `{name}`",
                f"Its inputs are {', '.join(declared)}",
                width=len(name),
            )
    for name, each in declared.items():
        if name not in given:
            found.add(
                "R046",
                node["given"],
                f"the input `{name}` of formula `{formula.formula}` is not given",
                f"Add `{name}: base`, a number, a rate or a term",
            )
            continue
        where, value = node["given"][name], given[name]
        unit = tables[value.name].unit if value.form == "rate" and value.name in tables else ""
        if unit and (unit == "percent") != (each.unit in ("percent", "number")):
            found.add(
                "R032",
                where,
                f"table `{value.name}` holds {'percentages' if unit == 'percent' else 'prices'}, the input is in {each.unit}",
                "Name a table of that unit",
            )
        if value.form == "rate" and value.name in tables and tables[value.name].digits > each.digits:
            said = f"table `{value.name}` has {tables[value.name].digits} digits, the input {each.digits}"
            found.add(
                "R035",
                where,
                said,
                f"Declare `digits: {tables[value.name].digits}` for the input",
                related=((formula.source, "the formula"),),
            )
        if value.number is not None and (
            value.number.digits > each.digits
            or not each.at_least.fraction() <= value.number.fraction() <= each.at_most.fraction()
        ):
            found.add(
                "R046",
                where,
                f"{value.number} is not between {each.at_least} and {each.at_most} with {each.digits} digits",
                "Correct the number, or the declaration",
            )
