"""Conditions of rules to typed values: which columns a policy can read, what they hold, and the text of each predicate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import get_args

from engine.dates import DateError, duration_text, parse_duration
from engine.money import Decimals, NumberError, parse_decimal
from engine.problems import Source
from engine.ratebook.book import (
    Accumulator,
    ActivityColumn,
    ActivityKind,
    ColumnType,
    Condition,
    Item,
    Operator,
    Premium,
    TermDeclaration,
    TermsEntry,
    TermType,
    Window,
)  # fmt: skip
from engine.ratebook.build_rules import AS_WORKED
from engine.ratebook.forms import Findings, Node, named

SLOTS = ("billable", "item", "minimum", "counts", "premiums", "combine")  # in the order in which they are decided
ROW_SLOTS = ("billable", "item", "minimum")  # decided once for a row, so they cannot see one piece of its time
COLLECTING = ("counts", "premiums")  # every rule that applies gives an answer
NEIGHBOURS = ("since-last", "until-next")  # of rows that are billed as worked, so they are known after `billable`
LENGTHS = ("notice", "scheduled-length", "worked-length", *NEIGHBOURS)
WINDOW_COLUMNS = ("in", "starts-in", "touches")
PIECE_COLUMNS = ("in", "over")  # differ from piece to piece of one row
PLACES = ("account", "site", "item")
FIXED_ANSWERS: Mapping[str, tuple[str, ...]] = {
    "billable": ("worked", "scheduled", "fixed", "none"),
    "minimum": ("applies", "none", "at-least"),
    "combine": ("add", "largest", "multiply"),
}
_UNREAD = ("id", "source", "worker", "revision", "break_minutes", "closeout")  # who and which, not what: no rule depends on them
_COLUMN_TYPES: Mapping[str, ColumnType] = {
    "id": "text",
    "text": "text",
    "choice": "text",
    "yes-no": "yes-no",
    "whole": "number",
    "minutes": "number",
}
_TERM_TYPES: Mapping[TermType, ColumnType] = {
    "choice": "text",
    "yes-no": "yes-no",
    "duration": "duration",
    "number": "number",
}
_OPERATORS: Mapping[str, Operator] = {operator: operator for operator in get_args(Operator)}


@dataclass(frozen=True, slots=True)
class Names:
    """What policies can name; `decided` are the questions that some file decides, `entries` all dated terms of the book."""

    kinds: Mapping[str, ActivityKind]
    items: Mapping[str, Item]
    terms: Mapping[str, TermDeclaration]
    windows: Mapping[str, Window]
    premiums: Mapping[str, Premium]
    accounts: Mapping[str, object]
    sites: Mapping[str, object]
    decided: frozenset[str]
    entries: tuple[TermsEntry, ...]
    accumulators: Mapping[str, Accumulator]
    lengths_known: bool = True

    @property
    def bands(self) -> list[str]:
        """The bands of all accumulators."""
        return [band.band for accumulator in self.accumulators.values() for band in accumulator.bands]

    @property
    def lengths(self) -> list[str]:
        """The lengths that policies can read."""
        return (
            [] if not self.lengths_known else [*LENGTHS, *(each.length for kind in self.kinds.values() for each in kind.lengths)]
        )

    def columns(self, name: str) -> list[ActivityColumn]:
        """The declarations of a column, one for each kind of activity that has it."""
        return [each for kind in self.kinds.values() for each in kind.columns if each.column == name]


# --- columns ------------------------------------------------------------------------------------------------------------


def column_type(column: str, decides: str, names: Names) -> ColumnType | None:
    """The type of a column that a policy can read; None if it cannot."""
    if column in PIECE_COLUMNS and decides in ROW_SLOTS:
        return None
    if column in (*WINDOW_COLUMNS, "over"):
        return "window" if names.lengths_known else None
    if column in NEIGHBOURS and decides == "billable":
        return None
    if column in names.lengths:
        return "duration"
    if column in PLACES:
        return "text"
    word, _, name = column.partition(" ")
    if word == "answer-of":
        return "answer" if name in names.decided and name in _before(decides) else None
    if word == "term":
        return _TERM_TYPES.get(names.terms[name].type) if name in names.terms else None
    types = {_COLUMN_TYPES.get(each.type) for each in names.columns(column)}
    everywhere = len(names.columns(column)) == len(names.kinds)
    return next(iter(types)) if len(types) == 1 and everywhere and column not in _UNREAD else None


def _before(decides: str) -> tuple[str, ...]:
    """The questions whose answers a question can read; what counts where is no fact of its own."""
    return tuple(slot for slot in SLOTS[: SLOTS.index(decides)] if slot != "counts")


def known_columns(decides: str, names: Names) -> list[str]:
    """The columns that a policy can read, terms and earlier answers included."""
    declared = [each.column for kind in names.kinds.values() for each in kind.columns]
    inner = [f"term {name}" for name in names.terms] + [f"answer-of {slot}" for slot in SLOTS]
    every = dict.fromkeys([*declared, *PLACES, *names.lengths, *WINDOW_COLUMNS, "over", *inner])
    return [each for each in every if column_type(each, decides, names) is not None]


def refuse_column(column: str, at: Source, decides: str, names: Names, found: Findings) -> None:
    """Says why a policy cannot read a column."""
    word, _, name = column.partition(" ")
    known = known_columns(decides, names)
    why = ""
    if column in PIECE_COLUMNS:
        why = f"`{decides}` is decided once for a whole row, and `{column}` differs from piece to piece"
    elif column in NEIGHBOURS:
        why = f"`{column}` looks at rows that are billed as worked, and `billable` says which those are"
    elif word == "answer-of" and name in SLOTS:
        before = ", ".join(_before(decides)) or "nothing"
        why = f"no file decides `{name}`" if name not in names.decided else f"before `{decides}` only {before} is decided"
    elif word == "term" and name in names.terms:
        why = f"the term `{name}` is a {names.terms[name].type}, which no rule compares"
    elif column in _UNREAD and names.columns(column):
        why = f"rules do not read `{column}`"
    elif names.columns(column) and len(names.columns(column)) < len(names.kinds):
        why = f"not every kind of activity has the column `{column}`"
    elif names.columns(column):
        why = f"the column `{column}` is a {names.columns(column)[0].type}, which rules do not compare"
    if why:
        shown = ", ".join(each for each in known if " " not in each)
        found.add("R053", at, why, f"It can read {shown}, terms and the answers before it", width=len(name or column))
    elif word == "term":
        found.unknown(named(name, at), "term", names.terms, kind="terms")
    elif word == "answer-of":
        found.unknown(named(name, at), "question", SLOTS)
    else:
        found.unknown(named(column, at), "column", [each for each in known if " " not in each], kind="activity")


# --- conditions ---------------------------------------------------------------------------------------------------------


def read_conditions(when: Node, decides: str, names: Names, found: Findings) -> list[Condition]:
    """The conditions of a rule, each one predicate."""
    conditions: list[Condition] = []
    for column, node, at in columns_of(when):
        kind = column_type(column, decides, names)
        if kind is None:
            refuse_column(column, at, decides, names, found)
            continue
        for word, inner in node.items() if node.is_map else [("is", node)]:
            operator = _OPERATORS[word]
            if operator in ("is", "not"):
                conditions.append(_is(column, kind, operator, inner, names, found))
            elif kind in ("duration", "number"):
                conditions.append(_bound(column, kind, operator, inner, names, found))
            else:
                said = f"`{column}` has no order, so it cannot be {word.replace('-', ' ')} anything"
                found.add("R053", inner, said, "Use a value, a list, or `not`")
    return conditions


def columns_of(given: Node) -> Iterable[tuple[str, Node, Source]]:
    """The columns a `when` or `given` speaks of: name, what it says, place. Terms are `term <name>`, answers `answer-of <question>`."""
    for key, node in given.items():
        if key in ("term", "answer-of"):
            for name, inner in node.items():
                yield f"{key} {name}", inner, node.key(name)
        else:
            yield key, node, given.key(key)


def _is(column: str, kind: ColumnType, operator: Operator, node: Node, names: Names, found: Findings) -> Condition:
    nodes = node.entries() if node.is_list else (node,)
    values = tuple(read_value(column, kind, each, names, found) for each in nodes)
    said = " or ".join(_said(value, kind) for value in sorted(values, key=str))
    text = f"{column} {'is not' if operator == 'not' else 'is'} {said}"
    return Condition(column, kind, operator, values, None, text, node.source)


def _bound(column: str, kind: ColumnType, operator: Operator, node: Node, names: Names, found: Findings) -> Condition:
    words = operator.replace("-", " ")
    if not node.is_map:
        value = read_value(column, kind, node, names, found)
        return Condition(column, kind, operator, (value,), None, f"{column} {words} {_said(value, kind)}", node.source)
    term = node["term"]
    declared = names.terms.get(term.text)
    if declared is None:
        found.unknown(term, "term", names.terms, kind="terms")
    elif declared.type != kind:
        said = f"the term `{declared.name}` is a {declared.type}, `{column}` is a {kind}"
        found.add("R037", term, said, "Compare with a term of the same type", related=((declared.source, "declared here"),))
    elif kind == "number" and not column.startswith("term "):
        _refuse_fractions(column, term, names, found)
    return Condition(column, kind, operator, (), term.text, f"{column} {words} term {term.text}", node.source)


def _refuse_fractions(column: str, term: Node, names: Names, found: Findings) -> None:
    """A column of whole numbers is compared with whole numbers."""
    for entry in names.entries:
        value = entry.values.get(term.text)
        if isinstance(value, Decimals) and value.units % 10**value.digits:
            said = f"{value} is compared with the whole numbers of `{column}`"
            found.add("R037", entry.places[term.text], said, "Write a whole number", related=((term.source, "compared here"),))


def read_value(column: str, kind: ColumnType, node: Node, names: Names, found: Findings) -> str | int | bool | Decimals:
    """The typed value that a condition or an example gives for a column; unknown names are reported."""
    if kind == "yes-no":
        if node.text not in ("yes", "no"):
            found.add("R006", node, f"`{node.text}` is not yes or no", "Write yes or no")
        return node.text == "yes"
    if kind in ("duration", "number"):
        try:
            value: int | Decimals = parse_duration(node.text) if kind == "duration" else parse_decimal(node.text)
        except (DateError, NumberError) as error:
            said, _, remedy = str(error).partition("; ")
            found.add("R007", node, f"`{column}` is a {kind}, and {said}", remedy[:1].upper() + remedy[1:] or "Correct the value")
            return 0
        if isinstance(value, Decimals) and value.units % 10**value.digits and not column.startswith("term "):
            found.add("R007", node, f"`{column}` holds whole numbers, {value} is none", "Write a whole number")
        return value
    _check_name(column, node, names, found)
    return node.text


def _check_name(column: str, node: Node, names: Names, found: Findings) -> None:
    """A text that must be one of known names is."""
    word, _, name = column.partition(" ")
    known: Iterable[str] | None = None
    kind = ""
    if column in WINDOW_COLUMNS:
        word, known, kind = "window", names.windows, "segments"
    elif column == "over":
        word, known, kind = "band", names.bands, "accumulators"
    elif column in PLACES:
        known = {"item": names.items, "account": names.accounts, "site": names.sites}[column]
        kind = "items" if column == "item" else "account"
    elif word == "term":
        word, known = f"choice of the term `{name}`", names.terms[name].choices
    elif word == "answer-of":
        word, known, kind = f"answer of `{name}`", answers_of(name, names), "items" if name == "item" else "premiums"
    else:
        choices = dict.fromkeys(choice for each in names.columns(column) for choice in each.choices)
        word, known = f"choice of the column `{column}`", choices or None
    if known is not None and node.text not in known:
        found.unknown(node, word, known, kind=kind)


def answers_of(decides: str, names: Names) -> tuple[str, ...]:
    """Every answer that a question can have."""
    if decides == "premiums":
        return tuple(names.premiums)
    if decides == "counts":
        return tuple(names.accumulators)
    return (
        (AS_WORKED, *(item.item for item in names.items.values() if item.table)) if decides == "item" else FIXED_ANSWERS[decides]
    )


def _said(value: object, kind: ColumnType) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return duration_text(value) if kind == "duration" and isinstance(value, int) else str(value)
