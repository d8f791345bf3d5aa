"""The schemas of rule files: closed, described, and the same for editors, which read numbers where the engine reads text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any  # JSON

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from engine.problems import Problem, Source
from engine.ratebook import load, shape
from engine.ratebook.editor import editor_files, editor_schema
from engine.ratebook.files import read_workspace_files
from engine.ratebook.forms import KINDS, schema
from tests.sample_book import sample_files

ROOT = Path(__file__).parent.parent.parent
FORMATS = FormatChecker(["date"])
FORMATS.checks("date")(lambda value: not isinstance(value, str) or shape.is_date(value))
FILES = {**{f"sample {path}": data for path, data in sample_files().items()}, **read_workspace_files(ROOT)}


def parts(node: Any, at: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema in a schema, with its path."""
    if not isinstance(node, dict):
        return
    yield at, node
    for word in ("properties", "$defs"):
        for name, inner in node.get(word, {}).items():
            yield from parts(inner, f"{at}/{word}/{name}")
    for word in ("additionalProperties", "items", "propertyNames"):
        yield from parts(node.get(word), f"{at}/{word}")
    for number, inner in enumerate(node.get("anyOf", ())):
        yield from parts(inner, f"{at}/anyOf/{number}")


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_is_closed_and_described(kind: str) -> None:
    own = schema(kind)
    Draft202012Validator.check_schema(own)

    for at, part in parts(own):
        if part.get("type") == "object":
            assert "additionalProperties" in part, at
            assert part["additionalProperties"] is not True, at
        if at.rpartition("/")[0].endswith("properties"):
            assert "description" in part or "$ref" in part, at
        if part.get("type") == "string" and "const" not in part:
            assert part.keys() & {"pattern", "format", "enum"}, at
    assert own["title"]
    assert own["additionalProperties"] is False


@pytest.mark.parametrize("kind", KINDS)
def test_a_description_is_a_sentence_and_an_expectation_is_not(kind: str) -> None:
    for at, part in parts(schema(kind)):
        assert re.search(r"[.)]$|^$", part.get("description", "")), at
        assert not part.get("x-expected", "").endswith("."), at


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_schema_shows_as_an_example_fits_it(kind: str) -> None:
    own = schema(kind)
    for at, part in parts(own):
        for example in part.get("examples", ()):
            node = load.read("x", example.encode())
            if isinstance(node, list):  # a text with characters of YAML
                node = load.Text(example, Source("x"))
            assert shape.check(node, {**part, "$defs": own["$defs"]}) == [], at


@pytest.mark.parametrize("kind", KINDS)
def test_the_copy_for_editors_is_the_generated_one(kind: str) -> None:
    """If this fails: `python -m engine.ratebook.editor`, and commit rules/schema/."""
    assert (ROOT / "rules/schema" / f"{kind}.json").read_text("utf-8") == editor_files()[f"{kind}.json"]


def test_there_is_no_other_copy() -> None:
    assert {path.name for path in (ROOT / "rules/schema").iterdir()} == set(editor_files())


def kind_of(node: load.Node | list[Problem]) -> str:
    assert isinstance(node, load.Mapping)
    kind = node.entries["kind"]
    assert isinstance(kind, load.Text)
    return kind.value


def as_an_editor_reads(node: load.Node, *, old: bool) -> Any:
    """The plain data of an editor: scalars typed as YAML 1.2 does, or as 1.1 does with its yes and no."""
    if isinstance(node, load.Mapping):
        return {key: as_an_editor_reads(value, old=old) for key, value in node.entries.items()}
    if isinstance(node, load.Sequence):
        return [as_an_editor_reads(item, old=old) for item in node.items]
    if re.fullmatch(r"-?[0-9]+", node.value):
        return int(node.value)
    if re.fullmatch(r"-?[0-9]+\.[0-9]+", node.value):
        return float(node.value)
    words = {"true": True, "false": False, **({"yes": True, "no": False} if old else {})}
    return words.get(node.value, node.value)


@pytest.mark.parametrize("old", [False, True], ids=["YAML 1.2", "YAML 1.1"])
@pytest.mark.parametrize("path", sorted(FILES))
def test_an_editor_shows_no_red_in_a_good_file(path: str, old: bool) -> None:
    node = load.read(path, FILES[path])
    assert isinstance(node, load.Mapping)
    data = as_an_editor_reads(node, old=old)

    found = list(Draft202012Validator(editor_schema(kind_of(node)), format_checker=FORMATS).iter_errors(data))

    assert [(error.json_path, error.message) for error in found] == []


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        ("rate-table", '"currency"', '"curency"'),
        ("rate-table", '"2024-01-01"', '"2024-13-01"'),
        ("rate-table", "2.75", '"2,75"'),
        ("policy", '"if-several-match": "overrides"', '"if-several-match": "override"'),
        ("segments", '"each": "day"', '"each": "daily"'),
        ("account", '"acme-east"', '"Acme East"'),
    ],
)
def test_an_editor_shows_mistakes(kind: str, old: str, new: str) -> None:
    node = next(
        node
        for path, data in sorted(sample_files().items())
        if isinstance(node := load.read(path, data), load.Mapping) and kind_of(node) == kind
    )
    text = json.dumps(as_an_editor_reads(node, old=False))
    assert old in text

    validator = Draft202012Validator(editor_schema(kind), format_checker=FORMATS)
    assert not validator.is_valid(json.loads(text.replace(old, new, 1)))


def test_a_rule_file_points_its_editor_at_the_copy_of_its_kind() -> None:
    for path, data in read_workspace_files(ROOT).items():
        first, *_ = data.decode().split("\n")
        kind = kind_of(load.read(path, data))
        up = "../" * path.count("/")
        assert first == f"# yaml-language-server: $schema={up}rules/schema/{kind}.json", path
