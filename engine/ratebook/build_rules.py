"""What `rules/` says of calendar, rounding, items, texts and kinds of activity, as values."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from typing import Literal

from engine.dates import DAY_SECONDS
from engine.problems import Source
from engine.ratebook.book import ActivityColumn, ActivityKind, Calendar, DeclaredLength, Item, LineTexts, RateTable, Rounding
from engine.ratebook.forms import Findings, Node, duration

NO_PRICE = "none"  # of an item that only window lines are charged as
AS_WORKED = "as-worked"  # the answer of an item policy that leaves the item as it is

_PLACEHOLDERS = {
    "worked": ("name", "item", "site"),
    "worked-with-premiums": ("name", "item", "site", "premiums"),
    "with-fill": ("description", "worked", "fill"),
    "fixed": ("name", "item", "site"),
    "scheduled": ("name", "item", "site"),
    "own-line": ("name", "item", "site", "premium"),
}

_NAMED = ("name", "item", "site")
_BOUNDS = (*_NAMED, "from", "to", "unit")
_MORE_PLACEHOLDERS = {
    **dict.fromkeys(("included", "overage", "connect", "minimum", "maximum", "markup"), _NAMED),
    **dict.fromkeys(("tier", "last-tier", "fee"), _BOUNDS),
    "in-window": (*_NAMED, "window"),
    "per-row": ("description", "quantity", "unit"),
}

# The columns that have a meaning for the engine, and the types it can read them with.
_TIMES = ("start", "end", "scheduled_start", "scheduled_end", "cancelled_at", "break_start", "break_end")
_WORDS = ("text", "id", "choice")
ENGINE_COLUMNS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("id", "source", "account", "site", "worker", "item"), ("id",)),
    **dict.fromkeys(("withdrawn", "mark_billable", "mark_held", "mark_excluded"), ("yes-no",)),
    **dict.fromkeys(_TIMES, ("local-time",)),
    **dict.fromkeys(("marked_by", "reason", "approved_by"), _WORDS),
    "revision": ("whole",),
    "closeout": ("whole",),
    "break_minutes": ("minutes",),
    "status": _WORDS,
}
_NEEDED = ("id", "site", "worker", "item")
_MEASURED_TYPES = {"moment": ("local-time", "day"), "quantity": ("decimal", "whole"), "amount": ("decimal",)}
# What conditions read beside the columns of a kind; a column of such a name could not be reached.
RESERVED = (
    "account", "notice", "scheduled-length", "worked-length", "since-last", "until-next", "in", "over", "starts-in", "touches", "term",
)  # fmt: skip
_DEFAULTS = {"whole": r"[0-9]{1,9}", "minutes": r"[0-9]{1,9}", "yes-no": r"yes|no", "id": r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}"}


def the_one(forms: Sequence[Node], kind: str, found: Findings) -> Node | None:
    """The only file of a kind."""
    if len(forms) > 1:
        found.twice(forms[1]["kind"], f"the kind {kind}", forms[0]["kind"].source, "Put both into one file")
    if not forms:
        found.missing(kind, Source("rules"), f"there is no file of kind {kind}", f"Add one, beginning with `kind: {kind}`")
    return forms[0] if forms else None


def build_calendar(form: Node) -> Calendar:
    """Which moment picks which price."""
    window_at: Literal["segment", "start"] = form["window-at"].word if "window-at" in form else "segment"
    return Calendar(int(form["semantics"].text), form["price-at"].word, window_at, form.day_or_none("activity-from"), form.source)


def build_rounding(form: Node) -> Rounding:
    """Rounding of quantities and amounts."""
    quantity = {unit: (int(node["digits"].text), node["half"].word) for unit, node in form["quantity"].items()}
    return Rounding(quantity, form["amount"]["half"].word, form.source)


def build_items(form: Node, tables: Mapping[str, RateTable], found: Findings) -> dict[str, Item]:
    """Items in order of the book."""
    items: dict[str, Item] = {}
    for node in form.list("items"):
        item, table = node["item"].text, node["price"].text
        if table == NO_PRICE:
            table = ""
        elif table not in tables:
            found.unknown(node["price"], "rate table", tables, kind="rate-table")
        elif not tables[table].is_money or "premium" in tables[table].key:
            related = ((tables[table].source, "the table"),)
            said, remedy = (
                f"table `{table}` does not hold prices of items",
                "Name a table of prices, without `premium` in its key",
            )
            found.add("R032", node["price"], said, remedy, related=related)
        for each in node.list("times"):
            if each.text not in tables:
                found.unknown(each, "rate table", tables, kind="rate-table")
            elif tables[each.text].unit != "factor" or "premium" in tables[each.text].key:
                said = f"table `{each.text}` does not hold factors of items"
                found.add("R032", each, said, "Name a table of unit `factor`", related=((tables[each.text].source, "the table"),))
        if item in items:
            found.twice(node["item"], f"item {item}", items[item].source)
        if item == AS_WORKED:
            found.add("R052", node["item"], f"`{item}` is the answer that leaves an item as it is", "Give the item another id")
        items[item] = Item(
            item, node["name"].text, table, node["tax-class"].text, node.source, tuple(each.text for each in node.list("times")),
            node.says("description"), node.says("lists"),
        )  # fmt: skip
    return items


def build_texts(form: Node, found: Findings, *, by_time: bool = True) -> LineTexts:
    """The templates of descriptions; those of time are needed only by books that rate times."""
    templates = form["descriptions"]
    for name, allowed in {**_PLACEHOLDERS, **_MORE_PLACEHOLDERS}.items():
        if name in templates:
            check_template(templates[name], name, allowed, found)
        elif by_time and name in _PLACEHOLDERS:
            found.add("R005", templates, f"`{name}` is missing", f"Add `{name}:` with its text")
    texts = {name: templates.says(name, "{name}") for name in _PLACEHOLDERS}
    more = {name.replace("-", "_"): templates[name].text for name in _MORE_PLACEHOLDERS if name in templates}
    return LineTexts(
        form["subject"].text, texts["worked"], texts["worked-with-premiums"], texts["with-fill"], texts["fixed"], texts["scheduled"],
        texts["own-line"], form.source, **more,
    )  # fmt: skip


def check_template(node: Node, name: str, allowed: Sequence[str], found: Findings) -> None:
    """Refuses a text with placeholders that are not known there."""
    known = ", ".join(f"{{{each}}}" for each in allowed)
    try:
        used = [part[1:] for part in string.Formatter().parse(node.text) if part[1] is not None]
    except ValueError:
        found.add("R042", node, f"the braces of `{name}` are not in pairs", f"Known are {known}")
        return
    for field, form, conversion in used:
        if field not in allowed or form or conversion:
            said = "{" + (field or "") + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "") + "}"
            found.add("R042", node, f"`{said}` is not a placeholder of `{name}`", f"Known are {known}")


def build_kinds(forms: Sequence[Node], rounding: Rounding | None, found: Findings) -> dict[str, ActivityKind]:
    """Activity kinds by name."""
    kinds: dict[str, ActivityKind] = {}
    for form in forms:
        kind = _kind(form, rounding, found)
        if kind.kind in kinds:
            found.twice(form["activity"], f"activity {kind.kind}", kinds[kind.kind].source)
        kinds[kind.kind] = kind
    if not kinds:
        found.missing(
            "activity", Source("rules"), "there is no file of kind activity", "Add one, beginning with `kind: activity`"
        )
    return kinds


def _kind(form: Node, rounding: Rounding | None, found: Findings) -> ActivityKind:
    columns: dict[str, ActivityColumn] = {}
    headers: dict[str, ActivityColumn] = {}
    for node in form.list("columns"):
        column = _column(node, found)
        if column.column in columns:
            found.twice(node["column"], f"column {column.column}", columns[column.column].source)
        elif column.header in headers:
            found.twice(node.get("reads") or node["column"], f"the title {column.header}", headers[column.header].source)
        columns[column.column] = headers[column.header] = column
    rated_by: Literal["time", "quantity", "amount", "line"] = form["rated-by"].word if "rated-by" in form else "time"
    if rated_by != "time":
        return _measured(form, rated_by, columns, rounding, found)
    for name in ("unit", "grid", "maximum", "overlap"):
        if name not in form:
            found.add("R005", form, f"`{name}` is missing", f"Add `{name}:`; a kind that is rated by time needs it")
            return ActivityKind(form["activity"].text, "hour", 60, DAY_SECONDS, "hold", tuple(columns.values()), (), form.source)
    for name in _NEEDED:
        if name not in columns:
            remedy = f"Add `- {{ column: {name}, type: id, required: yes }}`"
            found.add("R044", form["columns"], f"the column `{name}` is not declared", remedy)
    if form["unit"].text != "hour":
        found.add("R006", form["unit"], "time is rated by the hour", "Write `unit: hour`")
    unit, grid = form["unit"].text, duration(found, form["grid"])
    if rounding is not None and unit not in rounding.quantity:
        found.add(
            "R045", form["unit"], f"the rounding of quantities in {unit} is not declared", "Add it to the file of kind rounding",
            related=((rounding.source, "here"),),
        )  # fmt: skip
    if grid <= 0 or DAY_SECONDS % grid:
        found.add("R039", form["grid"], f"a day is not a whole number of {form['grid'].text}", "Use a step such as 1min")
    maximum, overlap = duration(found, form["maximum"]), form["overlap"].word
    lengths = _lengths(form, columns, found)
    return ActivityKind(
        form["activity"].text, unit, grid, maximum, overlap, tuple(columns.values()), lengths, form.source,
        references=_references(form, columns, found),
    )  # fmt: skip


def _measured(
    form: Node, rated_by: Literal["time", "quantity", "amount", "line"], columns: Mapping[str, ActivityColumn], rounding: Rounding | None,
    found: Findings,
) -> ActivityKind:  # fmt: skip
    """A kind that says how much there was, or what it cost."""
    for name in ("id", "item"):
        if name not in columns:
            remedy = f"Add `- {{ column: {name}, type: id, required: yes }}`"
            found.add("R044", form["columns"], f"the column `{name}` is not declared", remedy)
    if not {"account", "site"} & columns.keys():
        remedy = "Add `- { column: account, type: id, required: yes }`"
        found.add("R044", form["columns"], "neither `account` nor `site` is declared, so nobody would pay", remedy)
    needed = {"quantity": ("moment", "quantity"), "amount": ("moment", "amount"), "line": ("moment", "amount")}[rated_by]
    said = {name: form.says(name) for name in ("moment", "quantity", "amount")}
    for name in needed:
        if name not in form:
            found.add("R044", form, f"a kind rated by {rated_by} says which column is its {name}", f"Add `{name}: <column>`")
    for name, types in _MEASURED_TYPES.items():
        if name in form and said[name] not in columns:
            found.unknown(form[name], "column", columns)
        elif name in form and columns[said[name]].type not in types:
            remedy = f"Declare it with `type: {types[0]}`"
            found.add("R025", form[name], f"the {name} column `{said[name]}` is a {columns[said[name]].type}", remedy)
    unit = form.says("unit", "each")
    if rounding is not None and unit not in rounding.quantity and unit != "each":
        found.add(
            "R045", form.get("unit") or form, f"the rounding of quantities in {unit} is not declared", "Add it to the file of kind rounding",
            related=((rounding.source, "here"),),
        )  # fmt: skip
    return ActivityKind(
        form["activity"].text, unit, 1, 0, "accept", tuple(columns.values()), (), form.source, rated_by, said["moment"], said["quantity"],
        said["amount"], "roll-up" in form, form.yes("negative"), _references(form, columns, found),
        _details(form, columns, found),
    )  # fmt: skip


def _references(form: Node, columns: Mapping[str, ActivityColumn], found: Findings) -> tuple[str, ...]:
    """The columns of texts that stand on the line."""
    texts = {name: column for name, column in columns.items() if column.type in _WORDS}
    for node in form.list("references"):
        if node.text not in texts:
            found.unknown(node, "column of texts", texts)
    return tuple(each.text for each in form.list("references"))


def _details(form: Node, columns: Mapping[str, ActivityColumn], found: Findings) -> tuple[str, ...]:
    """The columns that stand in the backup; of rows that are summed nothing is left to tell."""
    stand = {*ENGINE_COLUMNS, form.says("moment"), form.says("amount"), *(each.text for each in form.list("references"))}
    free = [name for name in columns if name not in stand]
    for node in form.list("details"):
        if node.text not in free:
            found.unknown(node, "column that the backup lacks", free)
        elif "roll-up" in form:
            found.add("R025", node, "rows that are summed have no details", "Leave out `details` or `roll-up`")
    return tuple(each.text for each in form.list("details"))


def _lengths(form: Node, columns: Mapping[str, ActivityColumn], found: Findings) -> tuple[DeclaredLength, ...]:
    """The declared lengths: each between two time columns, and named like nothing else."""
    lengths: dict[str, DeclaredLength] = {}
    times = [name for name, column in columns.items() if column.type == "local-time"]
    for node in form.list("lengths"):
        name = node["length"].text
        if name in (*columns, *RESERVED, *lengths):
            found.add("R025", node["length"], f"`{name}` means something else already", "Give the length another name")
        for side in ("from", "to"):
            if node[side].text not in times:
                found.unknown(node[side], "column of type local-time", times)
        lengths[name] = DeclaredLength(name, node["from"].text, node["to"].text)
    return tuple(lengths.values())


def _column(node: Node, found: Findings) -> ActivityColumn:
    name, kind, choices = node["column"].text, node["type"].word, tuple(each.text for each in node.list("of"))
    if name in RESERVED and name != "account":
        found.add("R025", node["column"], f"`{name}` has a meaning of its own in conditions", "Give the column another name")
    if name in ENGINE_COLUMNS and kind not in ENGINE_COLUMNS[name]:
        said = f"the engine reads the column `{name}` as {' or '.join(ENGINE_COLUMNS[name])}, not as {kind}"
        found.add("R025", node["type"], said, f"Write `type: {ENGINE_COLUMNS[name][0]}`")
    check_choices(node, kind, found)
    default = node.get("default")
    if default is not None:
        if choices and default.text not in choices:
            found.unknown(default, "choice", choices, code="R006")
        if kind in ("local-time", "day"):
            found.add("R007", default, "a time has no default", "Remove `default`")
        elif kind in _DEFAULTS and not re.fullmatch(_DEFAULTS[kind], default.text, re.ASCII):
            found.add("R007", default, f"`{default.text}` is not a value of type {kind}", "Correct the value, or the type")
    return ActivityColumn(
        name, kind, node.yes("required"), node.says("default") or None, choices, node.says("reads", name), node.source
    )


def check_choices(node: Node, kind: str, found: Findings) -> None:
    """A choice, and only a choice, lists what it can be."""
    if (kind == "choice") != ("of" in node):
        said = "a choice lists what it can be" if kind == "choice" else f"a {kind} does not list what it can be"
        found.add("R037", node["type"], said, "Add `of: [a, b]`" if kind == "choice" else "Remove `of`")
