"""The regular form is read as libyaml reads it: the same nodes and places, or not at all."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from engine.ratebook import load
from engine.ratebook.load import Mapping, Node, Sequence, Text
from engine.ratebook.nodes import DEPTH_MAX
from engine.ratebook.regular import regular_document
from tests.sample_book import sample_texts

ROOT = Path(__file__).parent.parent.parent
BOOK = {path.as_posix(): path.read_text("utf-8") for top in ("rates", "rules") for path in sorted((ROOT / top).rglob("*.yaml"))}
TEXTS = [*sample_texts().values(), *BOOK.values()]
PARTS = ["\n", "\n\n", "  ", " ", "- ", "-", ":", ": ", ", ", ",", "{", "}", "[", "]", "#", " # x, y", "'", '"', "null", "~", "a", "a: b", "é", "|", ">", "*a", "&a ", "!t ", "? ", "---\n", "...", "%", "\r\n", "\t", "\\", "{ a: b }", "[]", "{}"]  # fmt: skip


def by_libyaml(text: str) -> Node | None:
    """The nodes as libyaml's events give them; None if anything is refused."""
    reader = load._Reader("x.yaml")
    data = text.encode()
    try:
        node = reader.document(data, reader.text(data))
    except load._Stop:
        return None
    return None if reader.problems else node


def regular(text: str) -> Node | None:
    """As `load.read` asks for it: of a text in which nothing needs to be looked at."""
    reader = load._Reader("x.yaml")
    try:
        reader.text(text.encode())
    except load._Stop:
        return None
    return regular_document("x.yaml", text) if reader.is_clean else None


def told(node: Node) -> object:
    """A node with all its places, in order."""
    if isinstance(node, Text):
        return (node.value, str(node.source))
    if isinstance(node, Sequence):
        return (str(node.source), [told(item) for item in node.items])
    return (str(node.source), [(key, str(node.keys[key]), told(value)) for key, value in node.entries.items()], list(node.keys))


def assert_the_same(text: str) -> bool:
    found = regular(text)
    if found is None:
        return False
    wanted = by_libyaml(text)
    assert wanted is not None, text
    assert told(found) == told(wanted), text
    return True


@pytest.mark.parametrize("text", TEXTS)
def test_files_of_a_book_are_read_alike(text: str) -> None:
    assert_the_same(text)
    assert_the_same(text.replace("\n", "\r\n"))


def test_most_files_and_all_large_ones_are_regular() -> None:
    prices = [text for text in TEXTS if "kind: rate-table" in text]

    assert all(regular(text) is not None for text in prices)
    assert sum(regular(text) is not None for text in TEXTS) > len(TEXTS) * 3 / 4


@pytest.mark.parametrize("seed", range(8))
def test_spoilt_files_are_read_alike_or_left_to_libyaml(seed: int) -> None:
    chance = random.Random(seed)
    alike = 0
    for _ in range(400):
        text = chance.choice(TEXTS)
        lines = text.split("\n")
        start = chance.randrange(len(lines))
        text = "\n".join(lines[start : start + chance.randint(1, 12)])
        for _ in range(chance.randint(0, 3)):
            at = chance.choice([match.start() for match in re.finditer(r"\b|\W|$", text)])
            text = text[:at] + chance.choice(PARTS) + text[at + chance.choice((0, 0, 1, 2)) :]
        alike += assert_the_same(text)
    assert alike > 40


@pytest.mark.parametrize("seed", range(4))
def test_any_heap_of_marks_is_read_alike_or_left_to_libyaml(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(3000):
        assert_the_same("".join(chance.choice(PARTS) for _ in range(chance.randint(1, 14))))


@pytest.mark.parametrize(
    "text",
    [
        "a: b\nc:\n- d\n- e: f\n  g: [h, i j , {k: l}]\nm: {}  # n, o\n",
        "a:\n  b:\n    c: d\n  e: f\n\n# g\nh: [1,2]\n",
        "- a\n- b: c\n  d:\n  - e\n-   f: g\n    h: i\n",
        "  a: b\n  c: d\n",
        'a: it\'s 5 % more, (see "C-88") & [that] is {all}* - or\nb: Zoë  \n',
        "a: {b: {c: [d, [e], {f: g}]}, h: i}",
    ],
)
def test_forms_that_are_regular(text: str) -> None:
    assert assert_the_same(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "a", "a:\n", "a: null\n", "- \n", "a: b\n  c\n", "a: b\n c: d\n", "a: b\na: c\n", "a: {b: c, b: d}", "a: [b\n  ]", "a: [b: c]",
        "a: {b, c: d}", "a: [b,, c]", "a: [b, ]", "a: {b: c]", "a: [b] c", "a: [b]#c", "a: 'b'", "a: b: c", "a: b #c\n d: e", "a:\n- b\n c: d\n",
        "- a\nb: c\n", "a: b\n- c\n", "- - a\n", "a: b\n---\nc: d\n", "a: |\n  b\n", "? a\n: b\n", "a: {geo:NYC}", "a: {b: 72,55}",
    ],
)  # fmt: skip
def test_what_is_left_to_libyaml(text: str) -> None:
    assert regular_document("x.yaml", text) is None


@pytest.mark.parametrize(
    "text",
    ["".join(f"{' ' * n}a:\n" for n in range(DEPTH_MAX)) + " " * DEPTH_MAX + "a: b", "a: " + "[" * DEPTH_MAX + "]" * DEPTH_MAX],
)
def test_too_deep_a_file_is_left_to_libyaml(text: str) -> None:
    assert regular_document("x.yaml", text) is None
    assert isinstance(load.read("x.yaml", text.encode()), list)


def test_a_map_is_a_map_with_places_in_both() -> None:
    found = regular("a: b\n")

    assert isinstance(found, Mapping)
    assert str(found.keys["a"]) == "x.yaml:1:1"
