"""Does a file have the form its schema asks for? A small JSON Schema validator that works on nodes, so every finding has a place.

It knows the keywords our schemas use and no others; `jsonschema` gives the same verdicts (tests hold the two together).
Scalars are text here, so the schemas type them as strings with patterns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache
from typing import Any

from engine.problems import Problem, nearest
from engine.ratebook import load

Schema = Mapping[str, Any]  # Any: JSON
Check = Callable[[load.Node, list[Problem]], None]

KEYWORDS = frozenset(
    ["$schema", "$id", "$defs", "$ref", "title", "description", "examples", "type", "properties", "patternProperties", "propertyNames", "additionalProperties", "required", "items", "enum", "const", "pattern", "format", "oneOf", "anyOf", "minItems", "minProperties", "maxItems", "uniqueItems", "default"]
)


def check(node: load.Node, schema: Schema) -> list[Problem]:
    """Everything in which the node differs from the schema."""
    problems: list[Problem] = []
    compiled(schema)(node, problems)
    return problems


_COMPILED: dict[int, tuple[Schema, Check]] = {}


def compiled(schema: Schema) -> Check:
    """The schema as one function; compiled once for each schema object."""
    if id(schema) not in _COMPILED:
        _COMPILED[id(schema)] = (schema, _Compiler(schema).check(schema))
    return _COMPILED[id(schema)][1]


def plain(node: load.Node) -> Any:  # Any: what JSON calls a value
    """The node as plain data, every scalar text: what `jsonschema` is asked about."""
    if isinstance(node, load.Text):
        return node.value
    if isinstance(node, load.Sequence):
        return [plain(item) for item in node.items]
    return {key: plain(value) for key, value in node.entries.items()}


@lru_cache(maxsize=4096)
def is_date(text: str) -> bool:
    """Whether a text is a day that exists, written like 2026-10-03."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text, re.ASCII):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


class _Compiler:
    def __init__(self, root: Schema) -> None:
        self._root = root
        self._refs: dict[str, Check] = {}

    def check(self, schema: Schema) -> Check:
        """One function for a (sub)schema."""
        unknown = set(schema) - KEYWORDS
        if unknown:
            raise ValueError(f"the schema uses {sorted(unknown)}, which this validator does not know")
        if "$ref" in schema:
            return self._ref(schema["$ref"])
        checks: list[Check] = []
        if "type" in schema:
            checks.append(_type(schema["type"], schema))
        if "oneOf" in schema or "anyOf" in schema:
            checks.append(self._branches(schema.get("oneOf") or schema["anyOf"], exactly_one="oneOf" in schema, schema=schema))
        for keyword, make in (("enum", _enum), ("const", _const), ("pattern", _pattern), ("format", _format)):
            if keyword in schema:
                checks.append(make(schema[keyword], schema))
        if any(
            word in schema
            for word in ("properties", "patternProperties", "propertyNames", "additionalProperties", "required", "minProperties")
        ):
            checks.append(self._object(schema))
        if any(word in schema for word in ("items", "minItems", "maxItems", "uniqueItems")):
            checks.append(self._array(schema))

        def run(node: load.Node, found: list[Problem]) -> None:
            before = len(found)
            for each in checks:
                each(node, found)
                if len(found) > before:  # the first finding of a value is the telling one
                    return

        return run if len(checks) != 1 else checks[0]

    def _ref(self, ref: str) -> Check:
        if ref not in self._refs:
            self._refs[ref] = lambda node, found: self._refs[ref](node, found)  # a schema may refer to itself
            target: Any = self._root  # Any: JSON
            for part in ref.removeprefix("#/").split("/"):
                target = target[part]
            self._refs[ref] = self.check(target)
        return lambda node, found: self._refs[ref](node, found)

    def _branches(self, schemas: list[Schema], *, exactly_one: bool, schema: Schema) -> Check:
        branches = [self.check(each) for each in schemas]

        def run(node: load.Node, found: list[Problem]) -> None:
            results: list[list[Problem]] = []
            for branch in branches:
                mine: list[Problem] = []
                branch(node, mine)
                results.append(mine)
            fits = sum(not mine for mine in results)
            if fits == 1 or (fits and not exactly_one):
                return
            if fits:
                found.append(Problem("R009", node.source, "the value fits two forms at once", _expected(schema)))
                return
            deepest = max(
                results,
                key=lambda mine: (
                    max((p.source.line, p.source.column) for p in mine) > (node.source.line, node.source.column),
                    -len(mine),
                ),
            )
            shallow = all(
                (p.source.line, p.source.column) == (node.source.line, node.source.column) for mine in results for p in mine
            )
            if shallow and "description" in schema:
                found.append(
                    Problem(
                        "R007",
                        node.source,
                        f"{_shown(node)} is not {schema['description']}",
                        _expected(schema),
                        width=_width(node),
                    )
                )
            else:
                found.extend(deepest)

        return run

    def _object(self, schema: Schema) -> Check:
        known = {name: self.check(each) for name, each in schema.get("properties", {}).items()}
        patterns = [(re.compile(text), self.check(each)) for text, each in schema.get("patternProperties", {}).items()]
        extra = schema.get("additionalProperties", True)
        other = self.check(extra) if isinstance(extra, Mapping) else None
        names = self.check(schema["propertyNames"]) if "propertyNames" in schema else None
        required, least = schema.get("required", []), schema.get("minProperties", 0)

        def run(node: load.Node, found: list[Problem]) -> None:
            if not isinstance(node, load.Mapping):
                return
            for name in required:
                if name not in node.entries:
                    found.append(
                        Problem(
                            "R005",
                            node.source,
                            f"field `{name}` is missing",
                            _expected(schema.get("properties", {}).get(name, {}), "Add it"),
                        )
                    )
            if len(node.entries) < least:
                found.append(Problem("R009", node.source, "at least one entry is needed here", _expected(schema)))
            for name, value in node.entries.items():
                place = node.keys[name]
                if names is not None:
                    names(load.Text(name, place), found)
                matched = False
                if name in known:
                    matched = True
                    known[name](value, found)
                for pattern, branch in patterns:
                    if pattern.search(name):
                        matched = True
                        branch(value, found)
                if matched:
                    continue
                if other is not None:
                    other(value, found)
                elif extra is False:
                    hint = nearest(name, known) if known else ""
                    if patterns and not known:
                        hint = _expected(schema)
                    found.append(
                        Problem(
                            "R004",
                            place,
                            f"unknown field `{name}`",
                            (hint or "remove it").capitalize() if not hint.startswith("did") else "D" + hint[1:],
                            width=len(name),
                        )
                    )

        return run

    def _array(self, schema: Schema) -> Check:
        each = self.check(schema["items"]) if "items" in schema else None
        least, most = schema.get("minItems", 0), schema.get("maxItems")

        def run(node: load.Node, found: list[Problem]) -> None:
            if not isinstance(node, load.Sequence):
                return
            if len(node.items) < least or (most is not None and len(node.items) > most):
                found.append(
                    Problem(
                        "R009",
                        node.source,
                        f"the list has {len(node.items)} entries",
                        _expected(schema, f"At least {least} are needed"),
                    )
                )
            if schema.get("uniqueItems"):
                seen: list[Any] = []  # Any: plain data
                for item in node.items:
                    if plain(item) in seen:
                        found.append(Problem("R009", item.source, f"{_shown(item)} stands twice in the list", "Remove one"))
                    seen.append(plain(item))
            if each is not None:
                for item in node.items:
                    each(item, found)

        return run


_WORDS = {"object": "a map of fields", "array": "a list", "string": "a single value"}
_CLASSES: Mapping[str, type] = {"object": load.Mapping, "array": load.Sequence, "string": load.Text}


def _type(wanted: str, schema: Schema) -> Check:
    wanted_class = _CLASSES[wanted]

    def run(node: load.Node, found: list[Problem]) -> None:
        if not isinstance(node, wanted_class):
            is_now = next(_WORDS[name] for name, each in _CLASSES.items() if isinstance(node, each))
            found.append(
                Problem(
                    "R008", node.source, f"{_WORDS[wanted]} is needed here, not {is_now}", _expected(schema), width=_width(node)
                )
            )

    return run


def _enum(values: list[str], schema: Schema) -> Check:
    def run(node: load.Node, found: list[Problem]) -> None:
        if isinstance(node, load.Text) and node.value not in values:
            hint = nearest(node.value, values) or f"known are {', '.join(values)}"
            found.append(
                Problem(
                    "R006",
                    node.source,
                    f"`{node.value}` is not one of {', '.join(values)}",
                    hint[0].upper() + hint[1:],
                    width=_width(node),
                )
            )

    return run


def _const(value: str, schema: Schema) -> Check:
    return _enum([value], schema)


def _pattern(text: str, schema: Schema) -> Check:
    match = re.compile(text, re.ASCII).search

    def run(node: load.Node, found: list[Problem]) -> None:
        if isinstance(node, load.Text) and not match(node.value):
            what = schema.get("description", "in the right form")
            found.append(Problem("R007", node.source, f"`{node.value}` is not {what}", _expected(schema), width=_width(node)))

    return run


def _format(name: str, schema: Schema) -> Check:
    if name != "date":
        raise ValueError(f"the schema uses format {name!r}, which this validator does not know")

    def run(node: load.Node, found: list[Problem]) -> None:
        if isinstance(node, load.Text) and not is_date(node.value):
            found.append(
                Problem(
                    "R007",
                    node.source,
                    f"`{node.value}` is not a day that exists",
                    "Write days like 2026-10-03",
                    width=_width(node),
                )
            )

    return run


def _expected(schema: Schema, otherwise: str = "See docs/rule-book.md for the form") -> str:
    examples = schema.get("examples")
    return f"Write it like {examples[0]}" if examples else otherwise


def _shown(node: load.Node) -> str:
    return f"`{node.value}`" if isinstance(node, load.Text) else "this list" if isinstance(node, load.Sequence) else "this map"


def _width(node: load.Node) -> int:
    return max(len(node.value), 1) if isinstance(node, load.Text) else 1
