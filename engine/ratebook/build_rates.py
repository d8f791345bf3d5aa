"""Rate tables and terms to values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from operator import attrgetter

from engine.dates import DAY_SECONDS, day_number, parse_clock, parse_day, parse_week_clock
from engine.money import Decimals, parse_decimal
from engine.problems import Source
from engine.ratebook.book import (
    ENGINE_TERMS,
    KEY_COLUMNS,
    NO_DEDUCTION,
    BreakTerms,
    Example,
    Price,
    Provenance,
    PunchRounding,
    RateRow,
    RateTable,
    TermDeclaration,
    TermsEntry,
    TermValue,
)  # fmt: skip
from engine.ratebook.build_models import SchemeReader, needs_map, percentage
from engine.ratebook.build_rules import check_choices
from engine.ratebook.forms import PROVENANCE, Findings, Node, duration, named, number, read_as
from engine.ratebook.models import PLAIN, Model, Over

_CHOICES = {"hours": ("elapsed", "wall"), "approval": ("required", "not-needed")}
_KEY_COLUMNS = frozenset((*KEY_COLUMNS, "window"))
_START = attrgetter("start")
_ENGINE_ONLY = ("punch-rounding", "break")  # types that only the engine's term of that name can have
_NO_TERM = frozenset(("from", *PROVENANCE))
_OR_NONE = ("limit", "amount", "day")  # `none` is a value of theirs
_READERS: Mapping[str, Callable[[Findings, Node], TermValue]] = {
    "limit": duration,
    "amount": number,
    "clock": lambda found, node: read_as(found, node, parse_clock, 0),
    "week-clock": lambda found, node: read_as(found, node, parse_week_clock, 0),
    "day": lambda found, node: read_as(found, node, lambda text: day_number(parse_day(text)), 0),
}


def build_tables(forms: Sequence[Node], terms: Mapping[str, TermDeclaration], found: Findings) -> dict[str, RateTable]:
    """The rate tables by name; a table may be spread over several files. `terms` are those that an allowance can be."""
    tables: dict[str, RateTable] = {}
    rows: dict[str, dict[tuple[str, ...], RateRow]] = {}
    examples: dict[str, list[Example]] = {}
    for form in forms:
        table = _table(form, terms, found)
        known = tables.setdefault(table.table, table)
        for word, mine, other in (
            ("unit", table.unit, known.unit),
            ("currency", table.currency, known.currency),
            ("digits", table.digits, known.digits),
            ("model", table.model, known.model),
            ("over", table.over, known.over),
            ("key", ", ".join(table.key), ", ".join(known.key)),
        ):
            if mine != other:
                said = f"the {word} of table `{table.table}` is {mine} here and {other} in another file"
                remedy = f"Give the same {word} in all files of the table"
                found.add("R031", form.get(word) or form["table"], said, remedy, related=((known.source, "the same table"),))
        examples.setdefault(table.table, []).extend(table.examples)
        so_far = rows.setdefault(table.table, {})
        for key in sorted(table.rows.keys() & so_far.keys()):
            found.twice(table.rows[key].source, f"row {table.rows[key].id}", so_far[key].source)
        so_far.update(table.rows)
    return {name: replace(table, rows=rows[name], examples=tuple(examples[name])) for name, table in tables.items()}


def _table(form: Node, terms: Mapping[str, TermDeclaration], found: Findings) -> RateTable:
    name, unit = form["table"].text, form["unit"].text
    currency = form.says("currency") or None
    plain = unit in ("percent", "factor")
    if not plain and currency is None:
        found.add("R032", form["unit"], f"a price per {unit} needs a currency", "Add `currency: USD`")
    if plain and currency is not None:
        found.add(
            "R032", form["currency"], f"{'percentages' if unit == 'percent' else 'factors'} have no currency", "Remove `currency`"
        )
    digits = int(form.says("digits", "2"))
    model: Model = form["model"].word if "model" in form else "per-unit"
    over: Over = form["over"].word if "over" in form else "activity"
    if plain and model != "per-unit":
        found.add("R071", form["model"], f"a table of {unit} has no pricing model", "Remove `model`")
    said = [each.text for each in form.list("key")]
    facets = tuple(sorted(column for column in said if column not in KEY_COLUMNS))
    columns = (*(column for column in KEY_COLUMNS if column in said), *facets)  # their order in the file says nothing
    inherited, prices = form.provenance(), _Prices(SchemeReader(model, over, unit, digits, terms, found), digits, found)
    rows: dict[tuple[str, ...], RateRow] = {}
    for node in form.list("rates"):
        _check_key(node, name, columns, found)
        inner = node.get("columns")
        values = {
            column: inner.says(column) if inner is not None and column in inner else node.says(column) for column in columns
        }
        key = tuple(values.values())
        row = RateRow(f"{name}:{'/'.join(key)}", values, prices.of(node, node.provenance(inherited)), node.source)
        if key in rows:
            found.twice(row.source, f"row {row.id}", rows[key].source)
        rows[key] = row
    payout = form.says("direction") == "payout"
    first_of = tuple(each.text for each in form.list("first-of"))
    for each in form.list("first-of"):
        if all(row.key.get("window") != each.text for row in rows.values()):
            found.unknown(each, f"window of table {name}", sorted({row.key.get("window", "") for row in rows.values()}))
    return RateTable(
        name, unit, currency, digits, columns, rows, form.source, model, over, payout, first_of, _examples(form, found)
    )


def _examples(form: Node, found: Findings) -> tuple[Example, ...]:
    """The worked examples of a table, their days and figures well formed."""
    examples = []
    for node in form.list("examples"):
        given: dict[str, object] = {}
        for name, value in node["given"].items():
            given[name] = value.text
            if name == "on":
                read_as(found, value, parse_day, date.min)
            elif name in ("quantity", "amount"):
                read_as(found, named(value.text.partition(" ")[0], value.source), parse_decimal, Decimals(0, 0))
        examples.append(Example(node["name"].text, given, (node["gives"].text,), node.source))
    return tuple(examples)


def _check_key(row: Node, table: str, columns: Sequence[str], found: Findings) -> None:
    inner = row.get("columns")
    if inner is None and row.keys() & _KEY_COLUMNS == set(columns):
        return
    remedy = f"The key of table `{table}` is {', '.join(columns)}"
    said = dict.fromkeys(row.keys() & _KEY_COLUMNS, row) | {column: inner for column in (inner.keys() if inner else ()) if inner}
    for column, where in sorted(said.items()):
        if column not in columns:
            found.add("R033", where.key(column), f"`{column}` is not in the key of the table", remedy, width=len(column))
    for column in columns:
        if column not in said:
            found.add("R033", row, f"the row does not say its {column}", remedy)


class _Prices:
    """Reads the prices of a table. Days and prices come again and again; each that is right is taken apart once."""

    def __init__(self, schemes: SchemeReader, digits: int, found: Findings) -> None:
        self._schemes, self._unit, self._digits, self._found = schemes, schemes.unit, digits, found
        self._days: dict[str, date] = {}
        self._values: dict[str, Decimals] = {}

    def of(self, row: Node, inherited: Provenance) -> tuple[Price, ...]:
        """The prices of a row in order of their days; expected ones are looked at and left out."""
        prices = []
        dated, days = row["prices"], self._days
        for day, node in dated.items():
            at, provenance, scheme = node, inherited, PLAIN
            if node.is_map:
                at, provenance = node.get("price") or node, node.provenance(inherited)
                if at is node or at.text != "ended":
                    scheme = self._schemes.scheme(node)
            elif at.text != "ended" and needs_map(self._schemes.model):
                said = f"`{at.text}` alone says too little for the model {self._schemes.model}"
                self._found.add("R071", at, said, "Write a map, as docs/pricing.md shows")
            value = Decimals(0, self._digits) if at.is_map else self._value(at)
            if at is node or node.says("status") != "expected":
                if day not in days:
                    days[day] = parse_day(day)
                prices.append(Price(days[day], value, dated.key(day), provenance, scheme))
        return tuple(sorted(prices, key=_START))

    def _value(self, at: Node) -> Decimals | None:
        text = at.text
        if text in self._values or text == "ended":
            return self._values.get(text)
        count = len(self._found.problems)
        value = price(at, self._unit, self._digits, self._found)
        if len(self._found.problems) == count:
            self._values[text] = value
        return value


def price(at: Node, unit: str, digits: int, found: Findings) -> Decimals:
    """A price with cents and no more digits than declared, filled up to the declared digits."""
    value = number(found, at)
    if unit not in ("percent", "factor") and value.digits < 2:
        full = f"{at.text}0" if value.digits else f"{at.text}.00"
        found.add("R034", at, f"`{at.text}` has {'one digit of' if value.digits else 'no'} cents", f"Write it like {full}")
    if value.digits > digits:
        said = f"`{at.text}` has {value.digits} digits after the point, the table declares {digits}"
        found.add("R035", at, said, "Round it, or declare more `digits`")
        return value
    return Decimals(value.units * 10 ** (digits - value.digits), digits)


# --- terms --------------------------------------------------------------------------------------------------------------


def build_terms(
    forms: Sequence[Node], found: Findings, *, by_time: bool = True
) -> tuple[dict[str, TermDeclaration], tuple[TermsEntry, ...]]:
    """The declared terms, and their default values; only books that rate times (`by_time`) need those that the engine knows."""
    if len(forms) > 1:
        found.twice(forms[1]["kind"], "the kind terms", forms[0]["kind"].source, "Put both into one file")
    if not forms and not by_time:
        return {}, ()
    if not forms:
        place = Source("rates/terms-default.yaml")
        found.missing("terms", place, "there is no file of kind terms", "Add one: it declares the terms and their defaults")
        return {}, ()
    declares = forms[0]["declares"]
    declared = {name: _declaration(name, node, declares.key(name), found) for name, node in declares.items()}
    for name in ENGINE_TERMS:
        if name not in declared and by_time:
            of = f", of: [{', '.join(_CHOICES[name])}]" if name in _CHOICES else ""
            remedy = f"Add `{name}: {{ type: {ENGINE_TERMS[name]}{of} }}`"
            found.add("R037", declares, f"the term `{name}` is not declared, and the engine needs it", remedy)
            declared[name] = TermDeclaration(name, ENGINE_TERMS[name], _CHOICES.get(name, ()), declares.source)
    entries = terms_entries(forms[0].list("terms"), declared, found, forms[0].provenance())
    for name in declared:
        if entries and name not in entries[0].values:
            said = f"the first default terms, from {entries[0].start}, say nothing of `{name}`"
            related = ((declared[name].source, "declared here"),)
            found.add("R038", entries[0].source, said, f"Give `{name}` a value here", related=related)
    return declared, entries


def _declaration(name: str, node: Node, at: Source, found: Findings) -> TermDeclaration:
    kind, choices = node["type"].word, tuple(each.text for each in node.list("of"))
    check_choices(node, kind, found)
    if name in ENGINE_TERMS and (kind != ENGINE_TERMS[name] or set(choices) != set(_CHOICES.get(name, choices))):
        of = f" of {', '.join(_CHOICES[name])}" if name in _CHOICES else ""
        found.add("R037", node["type"], f"the engine knows `{name}` as a {ENGINE_TERMS[name]}{of}", "Declare it so")
    if kind in _ENGINE_ONLY and name != kind:
        remedy = f"Name the term `{kind}`, or give it another type"
        found.add("R037", node["type"], f"only the term `{kind}` can be a {kind}", remedy)
    known = ENGINE_TERMS.get(name, kind)  # read as it should be declared, so that its values are not reported as well
    return TermDeclaration(name, known, _CHOICES.get(name, choices), at)


def terms_entries(
    nodes: Sequence[Node], declared: Mapping[str, TermDeclaration], found: Findings, inherited: Provenance
) -> tuple[TermsEntry, ...]:
    """Dated terms of one level, in order of their days."""
    entries: dict[date, TermsEntry] = {}
    for node in nodes:
        start = node.day("from")
        values: dict[str, TermValue] = {}
        places: dict[str, Source] = {}
        for name, value in node.items():
            if name in _NO_TERM:
                continue
            if name not in declared:
                found.unknown(named(name, node.key(name)), "term", declared, kind="terms")
                continue
            values[name], places[name] = _term(value, declared[name], found), node.key(name)
        if start in entries:
            found.twice(node["from"], f"terms from {start}", entries[start].source)
        entries[start] = TermsEntry(start, values, node.source, places, node.provenance(inherited))
    return tuple(entries[day] for day in sorted(entries))


def _term(node: Node, declared: TermDeclaration, found: Findings) -> TermValue:
    """The value of a term, of the type it is declared with."""
    kind = declared.type
    if kind in _ENGINE_ONLY:
        if not node.is_map and node.text == "none" and kind == "break":
            return NO_DEDUCTION
        if not node.is_map or declared.name != kind:  # `none` or `paid`; or a declaration that has been refused
            return None
        return _punch_rounding(node, found) if kind == "punch-rounding" else _break(node, found)
    if kind == "duration":
        return duration(found, node)
    if kind == "number":
        return number(found, node)
    if kind == "percent":
        return percentage(node, found)
    if kind in _READERS:
        return None if node.text == "none" and kind in _OR_NONE else _READERS[kind](found, node)
    known = declared.choices if kind == "choice" else ("yes", "no")
    if node.text not in known:
        related = ((declared.source, "declared here"),)
        found.add("R006", node, f"`{node.text}` is not one of {', '.join(known)}", "Write one of these", related=related)
    return node.text if kind == "choice" else node.text == "yes"


def _punch_rounding(node: Node, found: Findings) -> PunchRounding:
    step = duration(found, node["to"])
    if step <= 0 or DAY_SECONDS % step:
        said = f"a day is not a whole number of {node['to'].text}"
        found.add("R039", node["to"], said, "Use a step such as 15min that divides a day, or `none`")
    return PunchRounding(step, node["half"].word, node["per"].word, node.yes("breaks", "yes"), node.yes("scheduled"))


def _break(node: Node, found: Findings) -> BreakTerms:
    after, length = duration(found, node["after"]), duration(found, node["length"])
    return BreakTerms(after, length, node["unplaced"].word, node.yes("planned"))
