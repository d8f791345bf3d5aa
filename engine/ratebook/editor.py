"""The schemas as editors need them: they read `71.50` as a number and may read `yes` as true, where the engine reads text.

`python -m engine.ratebook.editor` writes them to rules/schema/, where the modelines of rule files point; a test holds them equal.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from engine.ratebook.forms import KINDS, schema

FOLDER = Path("rules/schema")
_SCALAR = ["string", "number", "boolean"]
_READ_AS: Mapping[str, Any] = {"yes": True, "no": False}  # Any: JSON


def editor_schema(kind: str) -> dict[str, Any]:  # Any: JSON
    """The engine's schema of a kind with every scalar widened; patterns stay, and apply to what an editor reads as text."""
    widened: dict[str, Any] = _widened(schema(kind))  # Any: JSON
    return widened


def editor_files() -> dict[str, str]:
    """The texts of all editor schemas by file name."""
    return {f"{kind}.json": json.dumps(editor_schema(kind), indent=2, ensure_ascii=False) + "\n" for kind in KINDS}


def _widened(schema_: Any) -> Any:  # noqa: ANN401 - JSON: a schema is a map or a truth value
    if not isinstance(schema_, dict):
        return schema_
    found = {key: _INSIDE.get(key, _same)(value) for key, value in schema_.items() if not key.startswith("x-")}
    if found.get("type") == "string":
        found["type"] = _SCALAR
        words = [found.pop("const")] if "const" in found else found.get("enum", [])
        if words:
            found["enum"] = [*words, *(value for word in words for value in _also(word))]
    return found


def _same(value: Any) -> Any:  # noqa: ANN401 - JSON
    return value


def _widened_map(schemas: Any) -> Any:  # noqa: ANN401 - JSON
    return {name: _widened(each) for name, each in schemas.items()}


def _widened_list(schemas: Any) -> Any:  # noqa: ANN401 - JSON
    return [_widened(each) for each in schemas]


# The keywords that hold schemas of values. Those of keys (`propertyNames`) stay: a key is text in every editor.
_INSIDE: Mapping[str, Callable[[Any], Any]] = {
    "properties": _widened_map,
    "$defs": _widened_map,
    "additionalProperties": _widened,
    "items": _widened,
    "anyOf": _widened_list,
}


def _also(text: str) -> list[Any]:  # Any: JSON
    """What else an editor may read for a word of ours."""
    if text in _READ_AS:
        return [_READ_AS[text]]
    return [int(text)] if text.isdecimal() else []


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in editor_files().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
