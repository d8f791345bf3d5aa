"""Does a file have the form its schema asks for? A small JSON Schema validator that works on nodes, so every finding has a place.

It knows the keywords our schemas use and refuses a schema with any other. Tests have `jsonschema` check the schemas themselves, and
hold the two to the same verdicts. Scalars are text here, so schemas type them as strings with patterns.

A schema is compiled to two functions: `fits` answers fast, and `explain` finds the words where something does not fit.
The words come from the schema: `description` (or `x-expected`) is a noun phrase, "a price"; the first of `examples` is shown.
`x-when` on a branch of `oneOf`/`anyOf` names the field that shows which branch was meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, TypeAlias

from engine.canonical import Json
from engine.problems import InforceError, InvariantError, Problem, Source
from engine.ratebook import load

Schema: TypeAlias = Mapping[str, Any] | bool  # Any: JSON
Fits: TypeAlias = Callable[[load.Node], bool]
Explain: TypeAlias = Callable[[load.Node, list[Problem]], None]

_OBJECT = frozenset(
    {"properties", "patternProperties", "propertyNames", "additionalProperties", "required", "minProperties", "maxProperties"}
)
_ARRAY = frozenset({"items", "minItems", "maxItems", "uniqueItems"})
_TEXT = frozenset({"enum", "const", "pattern", "format", "minLength", "maxLength"})
_WORDS = frozenset({"$schema", "$id", "$comment", "$defs", "title", "description", "examples", "default", "deprecated"})
KEYWORDS = _OBJECT | _ARRAY | _TEXT | _WORDS | {"type", "$ref", "oneOf", "anyOf", "allOf"}

_CLASSES: Mapping[str, type] = {"string": load.Text, "array": load.Sequence, "object": load.Mapping}
_NAMES: Mapping[type, str] = {load.Mapping: "a map", load.Sequence: "a list", load.Text: "a single value"}
_SHOWN_MAX = 12  # more names than this are not listed in a message
_FIGURE = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_CACHE_MAX = 256
_TEXTS_MAX = 10_000


class SchemaError(InforceError):
    """A schema of ours is wrong, or uses what this validator does not know."""


def check(node: load.Node, schema: Schema) -> list[Problem]:
    """Everything in which the node differs from the schema, by place."""
    rule = _compiled(schema)
    if rule.fits(node):
        return []
    problems: list[Problem] = []
    rule.explain(node, problems)
    if not problems:
        raise InvariantError(f"{node.source}: the file does not fit its schema, and nothing says why. Report this.")
    return sorted(problems, key=lambda problem: problem.source)


def plain(node: load.Node) -> Json:
    """The node as plain data, every scalar text: what `jsonschema` is asked about."""
    if isinstance(node, load.Text):
        return node.value
    if isinstance(node, load.Sequence):
        return [plain(item) for item in node.items]
    return {key: plain(value) for key, value in node.entries.items()}


@lru_cache(maxsize=4096)
def is_date(text: str) -> bool:
    """Whether a text is a day that exists, written like 2026-10-03."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


# --- compiling --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Rule:
    """One or several keywords of a schema, compiled. `explain` is asked only about a node that does not fit."""

    fits: Fits
    explain: Explain


_COMPILED: dict[int, tuple[Schema, _Rule]] = {}  # with the schema, so that its id is not given to another


def _compiled(schema: Schema) -> _Rule:
    if id(schema) not in _COMPILED:
        if len(_COMPILED) == _CACHE_MAX:
            _COMPILED.clear()
        _COMPILED[id(schema)] = (schema, _Compiler(schema).rule(schema))
    return _COMPILED[id(schema)][1]


class _Compiler:
    def __init__(self, root: Schema) -> None:
        self._root = root
        self._refs: dict[str, _Rule] = {}

    def rule(self, schema: Schema) -> _Rule:
        """One rule for a (sub)schema."""
        if isinstance(schema, bool):
            return _Rule(lambda node: schema, _say_nothing_fits)
        unknown = sorted(name for name in set(schema) - KEYWORDS if not name.startswith("x-"))
        if unknown:
            raise SchemaError(
                f"the schema uses {', '.join(unknown)}, which this validator does not know.\nTeach it, or write it otherwise."
            )
        rules: list[_Rule] = []
        if "type" in schema:
            rules.append(_type(schema))
        if "$ref" in schema:
            rules.append(self._named(schema))
        rules += [self.rule(each) for each in schema.get("allOf", ())]
        for word in ("anyOf", "oneOf"):
            if word in schema:
                rules.append(self._branches(schema, word))
        rules += [make(schema) for word, make in _TEXT_RULES.items() if word in schema]
        if _OBJECT & set(schema):
            rules.append(self._object(schema))
        if _ARRAY & set(schema):
            rules.append(self._array(schema))
        return _remembering(_all(rules)) if len(rules) > 1 and schema.get("type", "string") == "string" else _all(rules)

    def _named(self, schema: Mapping[str, Any]) -> _Rule:
        """The rule of a reference, explained in the words of the place that refers, where it has any."""
        rule = self._ref(schema["$ref"])
        words = {name: schema[name] for name in ("x-expected", "examples") if name in schema}
        target = self._target(schema["$ref"])
        if not words or isinstance(target, bool):
            return rule
        return _Rule(rule.fits, lambda node, found: self.rule({**target, **words}).explain(node, found))

    def _ref(self, ref: str) -> _Rule:
        if ref not in self._refs:
            later: list[_Rule] = []  # a schema may refer to itself
            self._refs[ref] = _Rule(lambda node: later[0].fits(node), lambda node, found: later[0].explain(node, found))
            later.append(self.rule(self._target(ref)))
            self._refs[ref] = later[0]
        return self._refs[ref]

    def _target(self, ref: str) -> Schema:
        if ref != "#" and not ref.startswith("#/"):
            raise SchemaError(f"the schema refers to {ref}; it can only refer to its own parts.\nWrite #/$defs/<name>.")
        target: Any = self._root  # Any: JSON
        for part in ref.split("/")[1:]:
            if not isinstance(target, Mapping) or part not in target:
                raise SchemaError(f"the schema refers to {ref}, which is not in it.\nCorrect the reference.")
            target = target[part]
        schema: Schema = target
        return schema

    def _whole(self, schema: Schema) -> Mapping[str, Any]:  # Any: JSON
        """A schema with what it refers to, for its words."""
        if isinstance(schema, bool):
            return {}
        return {**self._whole(self._target(schema["$ref"])), **schema, "$ref": ""} if schema.get("$ref") else schema

    # --- several forms

    def _branches(self, schema: Mapping[str, Any], word: str) -> _Rule:
        rules = [self.rule(each) for each in schema[word]]
        tests = [rule.fits for rule in rules]
        branches = [(self._whole(each), rule) for each, rule in zip(schema[word], rules, strict=True)]

        def any_fits(node: load.Node) -> bool:
            for test in tests:  # noqa: SIM110 - runs for every value; a generator costs more
                if test(node):
                    return True
            return False

        def one_fits(node: load.Node) -> bool:
            return sum(test(node) for test in tests) == 1

        def explain(node: load.Node, found: list[Problem]) -> None:
            if any_fits(node):
                found.append(_problem("R009", node, f"{_shown(node)} fits two forms at once", _like(schema)))
                return
            meant = [(form, rule) for form, rule in branches if self._takes(form, type(node))]
            if not meant:
                kinds = [kind for kind in _CLASSES.values() if any(self._takes(form, kind) for form, _ in branches)]
                wanted = _expected(schema) or " or ".join(_NAMES[kind] for kind in kinds) or "something else"
                found.append(_problem("R008", node, f"{wanted} is needed here, not {_NAMES[type(node)]}", _like(schema)))
            elif isinstance(node, load.Text) and len(branches) > 1:
                _explain_text(node, schema, [form for form, _ in meant], found)
            elif len(meant) == 1:
                meant[0][1].explain(node, found)
            else:
                found.extend(_best(node, meant))

        return _Rule(one_fits if word == "oneOf" else any_fits, explain)

    def _takes(self, form: Mapping[str, Any], kind: type) -> bool:
        if "type" in form:
            return _CLASSES[form["type"]] is kind
        if "const" in form or "enum" in form:
            return kind is load.Text
        inner = [self._whole(each) for word in ("oneOf", "anyOf") for each in form.get(word, ())]
        return not inner or any(self._takes(each, kind) for each in inner)

    # --- maps

    def _object(self, schema: Mapping[str, Any]) -> _Rule:
        known = {name: self.rule(each) for name, each in schema.get("properties", {}).items()}
        patterns = [(_search(text), self.rule(each)) for text, each in schema.get("patternProperties", {}).items()]
        other = self.rule(schema.get("additionalProperties", True))
        other_fits = other.fits
        names = _Remembering(self.rule(schema["propertyNames"])) if "propertyNames" in schema else None
        required = dict.fromkeys(schema.get("required", ()))
        least, most = schema.get("minProperties", 0), schema.get("maxProperties")
        form = _Object(schema, self._whole, tuple(known), tuple(required))
        tests = {name: rule.fits for name, rule in known.items()}
        needed, fine_names = required.keys(), names.fine if names is not None else frozenset()

        def rules_of(name: str) -> list[_Rule]:
            rules = [known[name]] if name in known else []
            rules += [rule for matches, rule in patterns if matches(name)]
            return rules or [other]

        def fits(node: load.Node) -> bool:
            if type(node) is not load.Mapping:
                return True
            entries = node.entries
            if not needed <= entries.keys() or len(entries) < least or (most is not None and len(entries) > most):
                return False
            for name, value in entries.items():
                if names is not None and name not in fine_names and not names(name):
                    return False
                if patterns:
                    if not all(rule.fits(value) for rule in rules_of(name)):
                        return False
                elif not tests.get(name, other_fits)(value):
                    return False
            return True

        def explain(node: load.Node, found: list[Problem]) -> None:
            if not isinstance(node, load.Mapping):
                return
            unknown = [name for name in node.entries if schema.get("additionalProperties") is False and rules_of(name) == [other]]
            form.explain_fields(node, unknown, found)
            if len(node.entries) < least or (most is not None and len(node.entries) > most):
                found.append(_count(node, len(node.entries), least, most, schema))
            for name, value in node.entries.items():
                if names is not None and not names(name):
                    names.rule.explain(load.Text(name, node.places[name]), found)
                if name not in unknown:
                    for rule in rules_of(name):
                        if not rule.fits(value):
                            before = len(found)
                            rule.explain(value, found)
                            found[before:] = [_of_field(name, value, problem) for problem in found[before:]]
                            break

        return _Rule(fits, explain)

    # --- lists

    def _array(self, schema: Mapping[str, Any]) -> _Rule:
        item_rule = self.rule(schema.get("items", True))
        item_fits, least, most = item_rule.fits, schema.get("minItems", 0), schema.get("maxItems")
        unique = schema.get("uniqueItems", False)

        def fits(node: load.Node) -> bool:
            if type(node) is not load.Sequence:
                return True
            items = node.items
            if len(items) < least or (most is not None and len(items) > most):
                return False
            if unique and len({_frozen(item) for item in items}) != len(items):
                return False
            for item in items:  # noqa: SIM110 - as above
                if not item_fits(item):
                    return False
            return True

        def explain(node: load.Node, found: list[Problem]) -> None:
            if not isinstance(node, load.Sequence):
                return
            if len(node.items) < least or (most is not None and len(node.items) > most):
                found.append(_count(node, len(node.items), least, most, schema))
            if unique:
                _explain_twice(node, found)
            for item in node.items:
                if not item_fits(item):
                    item_rule.explain(item, found)

        return _Rule(fits, explain)


def _all(rules: list[_Rule]) -> _Rule:
    if len(rules) == 1:
        return rules[0]
    tests = [rule.fits for rule in rules]

    def fits(node: load.Node) -> bool:
        for test in tests:  # noqa: SIM110 - runs for every value; a generator costs more
            if not test(node):
                return False
        return True

    def explain(node: load.Node, found: list[Problem]) -> None:
        for rule in rules:
            if not rule.fits(node):
                rule.explain(node, found)
                return  # the first finding of a value is the telling one

    return _Rule(fits, explain)


class _Remembering:
    """Whether a text fits a rule; the first few thousand that do are remembered, for days, prices and ids come again and again."""

    def __init__(self, rule: _Rule) -> None:
        self.rule = rule
        self.fine: set[str] = set()

    def __call__(self, text: str) -> bool:
        if text in self.fine:
            return True
        if not self.rule.fits(load.Text(text, Source(""))):
            return False
        if len(self.fine) < _TEXTS_MAX:
            self.fine.add(text)
        return True


def _remembering(rule: _Rule) -> _Rule:
    """The rule, which now remembers texts."""
    known, right = _Remembering(rule), rule.fits
    fine = known.fine

    def fits(node: load.Node) -> bool:
        if type(node) is load.Text:
            return node.value in fine or known(node.value)
        return right(node)

    return _Rule(fits, rule.explain)


# --- the keywords of texts --------------------------------------------------------------------------------------------


def _type(schema: Mapping[str, Any]) -> _Rule:
    if schema["type"] not in _CLASSES:
        raise SchemaError(f"the schema asks for the type {schema['type']}; scalars are text.\nWrite string, array or object.")
    wanted = _CLASSES[schema["type"]]

    def explain(node: load.Node, found: list[Problem]) -> None:
        needed = _expected(schema) or _NAMES[wanted]
        if wanted is not load.Text and _NAMES[wanted] not in needed:
            needed = _NAMES[wanted]
        remedy = _like(schema) if wanted is not load.Sequence or "examples" in schema else "Begin each entry with `- `"
        found.append(_problem("R008", node, f"{needed} is needed here, not {_NAMES[type(node)]}", remedy))

    return _Rule(lambda node: type(node) is wanted, explain)


def _choice(schema: Mapping[str, Any]) -> _Rule:
    """The rule of enum and const. A list or a map is none of the choices, which are texts."""
    choices = _choices(schema)
    if "enum" in schema and "const" in schema:
        choices = [each for each in schema["enum"] if each == schema["const"]]
    if not all(isinstance(each, str) for each in choices):
        raise SchemaError(f"the schema offers {choices}; scalars are text.\nWrite them in quotes.")
    allowed = frozenset(choices)

    def explain(node: load.Node, found: list[Problem]) -> None:
        if isinstance(node, load.Text):
            found.append(_not_a_choice(node, choices, schema))
        else:
            found.append(_problem("R008", node, f"a single value is needed here, not {_NAMES[type(node)]}", _one_of(choices)))

    return _Rule(lambda node: type(node) is load.Text and node.value in allowed, explain)


def _pattern(schema: Mapping[str, Any]) -> _Rule:
    matches = _search(schema["pattern"])
    return _text_rule(lambda text: matches(text) is not None, schema)


def _format(schema: Mapping[str, Any]) -> _Rule:
    if schema["format"] != "date":
        raise SchemaError(f"the schema uses the format {schema['format']}, which this validator does not know.\nUse a pattern.")

    def explain(node: load.Node, found: list[Problem]) -> None:
        value = node.value if isinstance(node, load.Text) else ""
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            said = f"`{value}` is not a day that exists"
        else:
            said = f"`{value}` is not {_expected(schema) or 'a day'}"
        found.append(_problem("R007", node, said, _like({"examples": ["2026-10-03"], **schema})))

    return _Rule(lambda node: type(node) is not load.Text or is_date(node.value), explain)


def _length(schema: Mapping[str, Any]) -> _Rule:
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    return _text_rule(lambda text: least <= len(text) and (most is None or len(text) <= most), schema)


def _text_rule(right: Callable[[str], bool], schema: Mapping[str, Any]) -> _Rule:
    def explain(node: load.Node, found: list[Problem]) -> None:
        said = f"{_shown(node)} is not {_expected(schema) or 'in the right form'}"
        found.append(_problem("R007", node, said, _like(schema, node.value if isinstance(node, load.Text) else "")))

    return _Rule(lambda node: type(node) is not load.Text or right(node.value), explain)


_TEXT_RULES: Mapping[str, Callable[[Mapping[str, Any]], _Rule]] = {
    "enum": _choice, "const": _choice, "pattern": _pattern, "format": _format, "minLength": _length, "maxLength": _length,
}  # fmt: skip


def _search(pattern: str) -> Callable[[str], re.Match[str] | None]:
    """The search of a pattern as JSON Schema means it: `$` is the very end, where Python allows a line end after it; `\\d` is 0-9."""
    parts = re.sub(r"\\.|\[(?:\\.|[^\]\\])*\]|\$", lambda match: r"\Z" if match[0] == "$" else match[0], pattern, flags=re.DOTALL)
    return re.compile(parts, re.ASCII).search


# --- words ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Object:
    """The fields of a map, as its schema declares them."""

    schema: Mapping[str, Any]
    whole: Callable[[Schema], Mapping[str, Any]]
    known: tuple[str, ...]
    required: tuple[str, ...]

    def explain_fields(self, node: load.Mapping, unknown: Collection[str], found: list[Problem]) -> None:
        """Unknown fields and missing ones; a missing field that was only misspelt is said once."""
        open_names = [name for name in self.known if name not in node.entries]
        meant = {name: _close(name, open_names) for name in unknown}
        for name in unknown:
            if meant[name]:
                remedy = f"Did you mean `{meant[name]}`?"
            elif 0 < len(self.known) <= _SHOWN_MAX:
                remedy = f"Remove it; known here are {', '.join(self.known)}"
            else:
                remedy = "Remove it, or move it to where it belongs"
            found.append(Problem("R004", node.keys[name], f"unknown field `{name}`", remedy, width=len(name)))
        for name in self.required:
            if name not in node.entries and name not in meant.values():
                form = self.whole(self.schema.get("properties", {}).get(name, True))
                choices = _choices(form)
                example = choices[0] if len(choices) == 1 else next(iter(form.get("examples", ())), "")
                line = f"Add `{name}: {example}`" if len(choices) == 1 else f"Add `{name}:`"
                like = f", written like {example}" if example and len(choices) != 1 else ""
                if 1 < len(choices) <= _SHOWN_MAX:
                    like = f", one of {', '.join(choices)}"
                found.append(Problem("R005", node.source, f"field `{name}` is missing", line + like))


def _of_field(name: str, value: load.Node, problem: Problem) -> Problem:
    """A finding about a value names its field first; a field that is missing or unknown is named already."""
    about_value = problem.source == value.source and problem.code not in ("R004", "R005")
    return replace(problem, message=f"`{name}`: {problem.message}") if about_value else problem


def _explain_text(node: load.Text, schema: Mapping[str, Any], forms: list[Mapping[str, Any]], found: list[Problem]) -> None:
    """A text that is none of several forms of text."""
    choices = [each for form in forms for each in _choices(form)]
    if _close(node.value, choices):
        found.append(_not_a_choice(node, choices, schema))
        return
    wanted = [_expected(form) or " or ".join(f"`{each}`" for each in _choices(form)) or "in another form" for form in forms]
    said = _expected(schema) or " or ".join(wanted)
    like = next((form for form in (schema, *forms) if form.get("examples")), schema)
    found.append(_problem("R007", node, f"`{node.value}` is not {said}", _like(like, node.value)))


def _best(node: load.Node, meant: list[tuple[Mapping[str, Any], _Rule]]) -> list[Problem]:
    """The findings of the form that was most probably meant."""
    entries = node.entries if isinstance(node, load.Mapping) else {}
    told: list[tuple[tuple[bool, int, int, int], list[Problem]]] = []
    for form, rule in meant:
        problems: list[Problem] = []
        rule.explain(node, problems)
        fields = form.get("properties", {})
        constants = sum(
            isinstance(value, load.Text) and value.value in _choices(fields.get(name, {})) for name, value in entries.items()
        )
        told.append(((form.get("x-when") in entries, constants, len(fields.keys() & entries.keys()), -len(problems)), problems))
    return max(told, key=lambda each: each[0])[1]


def _explain_twice(node: load.Sequence, found: list[Problem]) -> None:
    seen: dict[Hashable, load.Node] = {}
    for item in node.items:
        first = seen.setdefault(_frozen(item), item)
        if first is not item:
            related = ((first.source, "the first"),)
            said = f"{_shown(item)} stands twice in the list"
            found.append(Problem("R009", item.source, said, "Remove one of them", width=_width(item), related=related))


def _frozen(node: load.Node) -> Hashable:
    if isinstance(node, load.Text):
        return node.value
    if isinstance(node, load.Sequence):
        return tuple(_frozen(item) for item in node.items)
    return frozenset((name, _frozen(value)) for name, value in node.entries.items())


def _say_nothing_fits(node: load.Node, found: list[Problem]) -> None:
    found.append(_problem("R009", node, f"{_shown(node)} has no place here", "Remove it"))


def _count(node: load.Node, count: int, least: int, most: int | None, schema: Mapping[str, Any]) -> Problem:
    what = "list" if isinstance(node, load.Sequence) else "map"
    bound = f"at least {least} needed" if count < least else f"at most {most} allowed"
    has = f"has {count} {'entry' if count == 1 else 'entries'}" if count else "is empty"
    return _problem("R009", node, f"the {what} {has}, {bound}", _like(schema))


def _not_a_choice(node: load.Text, choices: list[str], schema: Mapping[str, Any]) -> Problem:
    close = _close(node.value, choices)
    remedy = f"Did you mean `{close}`?" if close else _one_of(choices)
    if len(choices) == 1:
        said = f"`{node.value}` is not `{choices[0]}`"
    elif len(choices) <= _SHOWN_MAX:
        said = f"`{node.value}` is not one of {', '.join(choices)}"
        remedy = remedy if close else "Write one of these"
    else:
        said = f"`{node.value}` is not {_expected(schema) or 'known here'}"
    return _problem("R006", node, said, remedy)


def _close(name: str, choices: Collection[str]) -> str:
    """The choice that was probably meant, whatever its capitals; or nothing."""
    folded = {each.casefold(): each for each in choices}
    close = get_close_matches(name.casefold(), folded, n=1)
    return folded[close[0]] if close else ""


def _one_of(choices: list[str]) -> str:
    some = ", ".join(choices[:_SHOWN_MAX]) + (", ..." if len(choices) > _SHOWN_MAX else "")
    return f"Write {some}" if len(choices) == 1 else f"Write one of {some}"


def _choices(form: Mapping[str, Any]) -> list[Any]:
    return [form["const"]] if "const" in form else list(form.get("enum", ()))


def _expected(schema: Mapping[str, Any]) -> str:
    words = str(schema.get("x-expected") or schema.get("description") or "")
    return words.rstrip(".")


def _like(schema: Mapping[str, Any], text: str = "") -> str:
    examples = schema.get("examples")
    meant = _meant(text) if examples and _FIGURE.fullmatch(str(examples[0])) else ""
    if meant:
        return f"Write {meant}"
    return f"Write it like {examples[0]}" if examples else "See docs/rule-book.md for the form"


def _meant(text: str) -> str:
    """The figure that a text with a sign of money, a percent sign or commas is; nothing if it could be two."""
    bare = text.strip("$€£% ")
    whole, comma, cents = bare.rpartition(",")
    if "." in cents:
        bare = bare.replace(",", "")
    elif comma and len(cents) != 3:  # 1,089 may be a thousand or one
        bare = f"{whole.replace('.', '')}.{cents}"
    return bare if bare != text and _FIGURE.fullmatch(bare) else ""


def _problem(code: str, node: load.Node, message: str, remedy: str) -> Problem:
    return Problem(code, node.source, message, remedy, width=_width(node))


def _shown(node: load.Node) -> str:
    return f"`{node.value}`" if isinstance(node, load.Text) else "this list" if isinstance(node, load.Sequence) else "this map"


def _width(node: load.Node) -> int:
    return max(len(node.value.split("\n")[0]), 1) if isinstance(node, load.Text) else 1
