"""Policies to values: conditions typed by the columns they read, answers in canonical text, worked examples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from engine.dates import DateError, duration_text, parse_duration
from engine.money import Decimals, NumberError, parse_decimal
from engine.problems import Source
from engine.ratebook import resolver
from engine.ratebook.basis import basis_text
from engine.ratebook.book import (
    ActivityKind,
    Basis,
    ColumnType,
    Condition,
    Example,
    Item,
    Operator,
    Policy,
    Premium,
    Rule,
    TermDeclaration,
    Window,
)  # fmt: skip
from engine.ratebook.forms import Findings, Node, duration, named
from engine.ratebook.resolver import SlotError
from engine.ratebook.slots import compile_slot

ORDER = ("billable", "item", "minimum", "premiums", "combine")
ROW_SLOTS = ("billable", "item", "minimum")
LENGTHS = ("notice", "scheduled-length", "worked-length")
WINDOW_COLUMNS = ("in", "starts-in", "touches")
_MODES = {"premiums": ("collect",)}
_FIXED_ANSWERS = {
    "billable": ("worked", "scheduled", "fixed", "none"),
    "minimum": ("applies", "none"),
    "combine": ("add", "largest", "multiply"),
}
_BOUNDS: tuple[Operator, ...] = ("less-than", "at-most", "at-least", "more-than")
_COLUMN_TYPES: Mapping[str, ColumnType] = {
    "id": "text",
    "text": "text",
    "choice": "text",
    "yes-no": "yes-no",
    "whole": "number",
    "minutes": "number",
}


@dataclass(frozen=True, slots=True)
class Names:
    """What policies can name."""

    kinds: Mapping[str, ActivityKind]
    items: Mapping[str, Item]
    terms: Mapping[str, TermDeclaration]
    windows: Mapping[str, Window]
    premiums: Mapping[str, Premium]
    accounts: Mapping[str, object]
    sites: Mapping[str, object]


def build_policies(forms: list[Node], names: Names, found: Findings) -> dict[str, Policy]:
    """Policies by what they decide."""
    policies: dict[str, Policy] = {}
    for form in forms:
        decides = form["decides"].text
        if decides in policies:
            found.add(
                "R022",
                form["decides"],
                f"{decides} is decided twice",
                "One file decides one question",
                related=((policies[decides].source, "first here"),),
            )
        before = len(found.problems)
        policy = _policy(form, names, found)
        policies[decides] = policy
        if len(found.problems) == before:
            try:
                resolver.rank(compile_slot(policy).slot)
            except SlotError as error:
                found.add("R050", form["rules"], str(error).split("\n")[0], str(error).split("\n")[-1].rstrip("."))
    return {name: policies[name] for name in ORDER if name in policies}


def _policy(form: Node, names: Names, found: Findings) -> Policy:
    decides, mode = form["decides"].text, form["if-several-match"].word
    if (mode == "collect") != (decides == "premiums"):
        found.add(
            "R051",
            form["if-several-match"],
            f"`{decides}` {'collects' if decides == 'premiums' else 'has one answer'}",
            f"Write `{'collect' if decides == 'premiums' else 'overrides'}`",
        )
    answers = _answers(form, decides, names, found)
    nothing = form["if-nothing-matches"]
    otherwise = None if nothing.text == "error" else _answer(nothing, decides, answers, names, found)
    if decides == "premiums" and otherwise is not None and nothing.text != "none":
        found.add("R051", nothing, "premiums that apply are collected", "Write `none`: no premium")
    rules: dict[str, Rule] = {}
    for node in form.list("rules"):
        rule = _rule(node, decides, answers, names, found)
        if rule.id in rules:
            found.add(
                "R022",
                node["id"],
                f"rule {rule.id} stands twice",
                "Keep one of them",
                related=((rules[rule.id].source, "first here"),),
            )
        rules[rule.id] = rule
    for node in form.list("rules"):
        for other in node.list("overrides"):
            if other.text not in rules:
                found.unknown("R023", other, "rule of this policy", rules)
    examples = tuple(_example(node, decides, answers, names, found) for node in form.list("examples"))
    return Policy(
        decides, answers, mode, None if decides == "premiums" else otherwise, tuple(rules.values()), examples, form.source
    )


def _answers(form: Node, decides: str, names: Names, found: Findings) -> tuple[str, ...]:
    known = {
        **dict.fromkeys(_FIXED_ANSWERS.get(decides, ())),
        **(names.premiums if decides == "premiums" else {}),
        **({"as-worked": None, **names.items} if decides == "item" else {}),
    }
    for node in form.list("answers"):
        if node.text not in known:
            found.unknown("R023", node, f"answer of `{decides}`", known)
    return tuple(node.text for node in form.list("answers"))


def _answer(node: Node, decides: str, answers: tuple[str, ...], names: Names, found: Findings) -> str:
    """The canonical text of an answer."""
    word = next(iter(dict(node.items())), "") if node.is_map else node.text
    if word not in answers and not (decides == "premiums" and word == "none"):
        found.add("R052", node, f"`{word}` is not among the answers of this policy", f"They are {', '.join(answers)}")
        return word
    if decides != "billable":
        return word
    if not node.is_map:
        if word in ("fixed", "scheduled"):
            example = "{ fixed: 2h }" if word == "fixed" else "{ scheduled: { share: 1/1 } }"
            found.add("R052", node, f"`{word}` needs more", f"Write it like {example}")
            return word
        return basis_text(Basis(node.word))
    inner = node[word]
    if word == "fixed":
        if "term" in inner:
            declared = names.terms.get(inner["term"].text)
            if declared is None:
                found.unknown("R023", inner["term"], "term", names.terms)
            elif declared.type != "duration":
                found.add(
                    "R037",
                    inner["term"],
                    f"the term `{declared.name}` is a {declared.type}, a length is needed",
                    "Name a duration",
                )
            return basis_text(Basis("fixed", term=inner["term"].text))
        return basis_text(Basis("fixed", seconds=duration(found, inner)))
    up, down = (int(part) for part in inner["share"].text.split("/"))
    least = duration(found, inner["at-least"]) if "at-least" in inner else 0
    step = duration(found, inner["round-up"]) if "round-up" in inner else 0
    return basis_text(Basis("scheduled", share=(up, down), at_least=least, round_up=step))


def _rule(node: Node, decides: str, answers: tuple[str, ...], names: Names, found: Findings) -> Rule:
    start, end = node.day_or_none("from"), node.day_or_none("to")
    if start is not None and end is not None and end <= start:
        found.add(
            "R040",
            node["to"],
            f"the rule ends on {end}, before it holds for a day",
            "`to` is the first day on which it no longer holds",
        )
    when = tuple(_conditions(node["when"], decides, names, found)) if "when" in node else ()
    overrides = tuple(each.text for each in node.list("overrides"))
    return Rule(
        node["id"].text,
        when,
        _answer(node["then"], decides, answers, names, found),
        start,
        end,
        overrides,
        node.source,
        node.provenance(),
    )


def _conditions(when: Node, decides: str, names: Names, found: Findings) -> list[Condition]:
    conditions: list[Condition] = []
    for key, node in when.items():
        if key in ("term", "answer-of"):
            for name, inner in node.items():
                conditions += _column(f"{key} {name}", inner, node.key(name), decides, names, found)
        else:
            conditions += _column(key, node, when.key(key), decides, names, found)
    return conditions


def _column(column: str, node: Node, at: Source, decides: str, names: Names, found: Findings) -> list[Condition]:
    kind = column_type(column, decides, names)
    if kind is None:
        known = known_columns(decides, names)
        name = column.rpartition(" ")[2]
        hint = f" (a {decides} policy cannot read it)" if column in WINDOW_COLUMNS or column.startswith("answer-of") else ""
        place = named(name, at)
        if hint:
            found.add("R053", place, f"column `{column}`{hint}", f"It can read {', '.join(known)}")
        else:
            found.unknown(
                "R023",
                place,
                "column" if " " not in column else column.partition(" ")[0],
                {**dict.fromkeys(known), **(names.terms if column.startswith("term ") else {})},
            )
        return []
    if not node.is_map:
        return [_is(column, kind, "is", node, names, found)]
    conditions = []
    for word, inner in node.items():
        if word == "not":
            conditions.append(_is(column, kind, "not", inner, names, found))
            continue
        if kind not in ("duration", "number"):
            found.add("R053", inner, f"`{column}` has no order to compare", "Use a value, a list, or `not`")
            continue
        conditions.append(_bound(column, kind, word, inner, names, found))
    return conditions


def column_type(column: str, decides: str, names: Names) -> ColumnType | None:
    """The type of a column that a policy may read; None if it may not."""
    if column in WINDOW_COLUMNS:
        return None if column == "in" and decides in ROW_SLOTS else "window"
    if column in LENGTHS:
        return "duration"
    if column in ("account", "site", "item"):
        return "text"
    word, _, name = column.partition(" ")
    if word == "answer-of":
        return "answer" if name in ORDER[: ORDER.index(decides)] else None
    if word == "term":
        declared = names.terms.get(name)
        types: Mapping[str, ColumnType] = {"choice": "text", "yes-no": "yes-no", "duration": "duration", "number": "number"}
        return types.get(declared.type) if declared else None
    for kind in names.kinds.values():
        for each in kind.columns:
            if each.column == column:
                return _COLUMN_TYPES.get(each.type)
    return None


def known_columns(decides: str, names: Names) -> tuple[str, ...]:
    """The columns a policy may read."""
    declared = [each.column for kind in names.kinds.values() for each in kind.columns if each.type in _COLUMN_TYPES]
    every = (*declared, "account", "site", "item", *LENGTHS, *WINDOW_COLUMNS)
    return tuple(dict.fromkeys(each for each in every if column_type(each, decides, names) is not None))


def _is(column: str, kind: ColumnType, operator: Operator, node: Node, names: Names, found: Findings) -> Condition:
    nodes = node.entries() if node.is_list else (node,)
    values = tuple(_value(column, kind, each, names, found) for each in nodes)
    said = " or ".join(_said(value, kind) for value in sorted(values, key=str))
    return Condition(
        column, kind, operator, values, None, f"{column} {'is not' if operator == 'not' else 'is'} {said}", node.source
    )


def _bound(column: str, kind: ColumnType, operator: Operator, node: Node, names: Names, found: Findings) -> Condition:
    words = operator.replace("-", " ")
    if "term" in node:
        declared = names.terms.get(node["term"].text)
        if declared is None:
            found.unknown("R023", node["term"], "term", names.terms)
        elif declared.type != kind:
            found.add(
                "R037",
                node["term"],
                f"the term `{declared.name}` is a {declared.type}, `{column}` a {kind}",
                "Compare with a term of the same type",
            )
        return Condition(column, kind, operator, (), node["term"].text, f"{column} {words} term {node['term'].text}", node.source)
    value = _value(column, kind, node, names, found)
    return Condition(column, kind, operator, (value,), None, f"{column} {words} {_said(value, kind)}", node.source)


def _value(column: str, kind: ColumnType, node: Node, names: Names, found: Findings) -> str | int | bool | Decimals:
    """The typed value a condition compares with; unknown names are reported."""
    if kind == "yes-no":
        if node.text not in ("yes", "no"):
            found.add("R006", node, f"`{node.text}` is not yes or no", "Write yes or no")
        return node.text == "yes"
    if kind in ("duration", "number"):
        read: Callable[[str], int | Decimals] = parse_duration if kind == "duration" else parse_decimal
        try:
            return read(node.text)
        except (DateError, NumberError) as error:
            found.add("R007", node, str(error), "Correct the value")
            return 0
    known = _known_values(column, names)
    if known is not None and node.text not in known:
        found.unknown("R023", node, column.replace("answer-of ", "answer of "), known)
    return node.text


def _known_values(column: str, names: Names) -> Mapping[str, object] | tuple[str, ...] | None:
    if column in WINDOW_COLUMNS:
        return names.windows
    if column in ("item", "account", "site"):
        return {"item": names.items, "account": names.accounts, "site": names.sites}[column]
    if column.startswith("term "):
        return names.terms[column[5:]].choices
    if column.startswith("answer-of "):
        slot = column[10:]
        return _FIXED_ANSWERS.get(slot) or (names.premiums if slot == "premiums" else {"as-worked": None, **names.items})
    for kind in names.kinds.values():
        for each in kind.columns:
            if each.column == column and each.choices:
                return each.choices
    return None


def _said(value: object, kind: ColumnType) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return duration_text(value) if kind == "duration" and isinstance(value, int) else str(value)


def _example(node: Node, decides: str, answers: tuple[str, ...], names: Names, found: Findings) -> Example:
    given: dict[str, object] = {}
    for key, value in node["given"].items():
        if key in ("term", "answer-of"):
            for name, inner in value.items():
                _give(given, f"{key} {name}", inner, value.key(name), decides, names, found)
        else:
            _give(given, key, value, node["given"].key(key), decides, names, found)
    if "on" in node:
        given["on"] = node.day("on")
    gives = node["gives"]
    listed = gives.entries() if gives.is_list else (gives,)
    expected = [_answer(each, decides, answers, names, found) for each in listed]
    return Example(
        node["name"].text, given, tuple(each for each in expected if not (decides == "premiums" and each == "none")), node.source
    )


def _give(given: dict[str, object], column: str, node: Node, at: Source, decides: str, names: Names, found: Findings) -> None:
    kind = column_type(column, decides, names)
    if kind is None:
        found.unknown("R023", named(column, at), "column", known_columns(decides, names))
        return
    if kind == "window" or (kind == "answer" and column == "answer-of premiums"):
        nodes = node.entries() if node.is_list else (node,)
        given[column] = tuple(str(_value(column, kind, each, names, found)) for each in nodes if each.text != "none")
    else:
        given[column] = _value(column, kind, node, names, found)
