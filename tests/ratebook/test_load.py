"""The YAML reader: every scalar as text with its place, what is refused in which words, and no way to bring it down."""

import json
import random
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from engine.problems import Problem, Source
from engine.ratebook import load, shape
from engine.ratebook.load import Mapping, Node, Sequence, Text, read

ROOT = Path(__file__).parent.parent.parent
RATES = b"""\
format: 1
kind: rate-table
rates:
  - geo: NYC
    item: RN-MED
    prices: # each holds until the next
      2023-01-01: 71.50
      2024-07-01: {price: 74.25, why: 'it''s agreed'}
  - {geo: SF, item: RN-ICU, prices: {2023-01-01: "82.00"}}
texts:
  - |
    two
    lines
  - plain
    over two
"""


def problems(data: bytes) -> list[Problem]:
    found = read("rates/x.yaml", data)
    assert isinstance(found, list)
    assert found
    return found


def node(data: bytes | str) -> Node:
    found = read("rates/x.yaml", data.encode() if isinstance(data, str) else data)
    assert not isinstance(found, list), found
    return found


def test_every_scalar_is_text() -> None:
    data = "[19:30, 007, 72.10, 1_000, NO, 1e3, 0x1F, 2024-02-30, .inf, on, '', 'null']"

    assert shape.plain(node(data)) == [
        "19:30", "007", "72.10", "1_000", "NO", "1e3", "0x1F", "2024-02-30", ".inf", "on", "", "null",
    ]  # fmt: skip


def test_every_key_is_text() -> None:
    """YAML would take some of these for one and the same key."""
    found = node("{1: a, 1.0: b, true: c, yes: d, 0x1: e, 01: f, 2026-10-03: g}")

    assert isinstance(found, Mapping)
    assert list(found.entries) == ["1", "1.0", "true", "yes", "0x1", "01", "2026-10-03"]


@pytest.mark.parametrize(
    ("data", "remedy"),
    [
        (b"a:\nb: 1\n", "Write a value, or leave the key out"),
        (b"a: {geo:NYC}\n", "Put a blank after the colon"),
        (b"p: {2026-10-15: 72,55}\n", "Write numbers with a point and without commas, such as 1072.55"),
    ],
)
def test_a_key_without_a_value_says_what_was_probably_meant(data: bytes, remedy: str) -> None:
    assert [problem.remedy for problem in problems(data)] == [remedy]


def test_every_value_and_key_keeps_its_place() -> None:
    places: dict[str, tuple[str, str]] = {}

    def walk(at: Node, path: str) -> None:
        if isinstance(at, Mapping):
            for key, value in at.entries.items():
                places[f"{path}/{key}"] = (str(at.keys[key]), str(value.source))
                walk(value, f"{path}/{key}")
        elif isinstance(at, Sequence):
            for number, item in enumerate(at.items):
                places[f"{path}/{number}"] = ("", str(item.source))
                walk(item, f"{path}/{number}")

    walk(node(RATES), "")

    def at(key: str, value: str) -> tuple[str, str]:
        return (f"rates/x.yaml:{key}" if key else "", f"rates/x.yaml:{value}")

    assert places["/format"] == at("1:1", "1:9")
    assert places["/rates"] == at("3:1", "4:3")
    assert places["/rates/0"] == at("", "4:5")
    assert places["/rates/0/prices"] == at("6:5", "7:7")
    assert places["/rates/0/prices/2023-01-01"] == at("7:7", "7:19")
    assert places["/rates/0/prices/2024-07-01"] == at("8:7", "8:19")
    assert places["/rates/0/prices/2024-07-01/why"] == at("8:34", "8:39")
    assert places["/rates/1"] == at("", "9:5")
    assert places["/rates/1/prices"] == at("9:29", "9:37")
    assert places["/rates/1/prices/2023-01-01"] == at("9:38", "9:50")
    assert places["/texts/0"] == at("", "11:5")
    assert places["/texts/1"] == at("", "14:5")


def test_a_column_counts_letters_and_a_windows_line_end_is_one() -> None:
    found = node("é: {b: 'ü', c: x}\r\nd: 5\r\n")

    assert isinstance(found, Mapping)
    inner = found.entries["é"]
    assert isinstance(inner, Mapping)
    assert inner.keys["c"] == Source("rates/x.yaml", 1, 13)
    assert found.entries["d"] == Text("5", Source("elsewhere"))
    assert found.entries["d"].source == Source("rates/x.yaml", 2, 4)
    assert dict(found.keys) == {"é": Source("rates/x.yaml", 1, 1), "d": Source("rates/x.yaml", 2, 1)}


@pytest.mark.parametrize("data", ["a: 'x\ty' # a\tcomment\n", "# a\tcomment\n'b': \"\t\"\n", "a: [1, 2] #\t\n", "a: '#' #\t\n"])
def test_tabs_may_stand_in_quotes_and_comments(data: str) -> None:
    assert isinstance(node(data), Mapping)


BROKEN: list[tuple[bytes, str, str]] = [
    (b"", "", "R017 the file is empty"),
    (b"# nothing\n", "", "R017 the file is empty"),
    (b"---\n", "", "R017 the file is empty"),
    (b"a: 1\nb: 2\na: 3\n", "3:1", "R022 the key `a` stands twice, on line 1 and on line 3"),
    (b"r: {a: 1, 'a': 2}\n", "1:11", "R022 the key `a` stands twice, on line 1 and on line 1"),
    (b"1: x\n'1': y\n", "2:1", "R022 the key `1` stands twice"),
    (b"a: &x 1\n", "1:4", "R018 an anchor `&x`"),
    (b"a: &x [1]\n", "1:4", "R018 an anchor `&x`"),
    (b"&k a: 1\n", "1:1", "R018 an anchor `&k`"),
    (b"a: *x\n", "1:4", "R018 an alias `*x`"),
    (b"*x : 1\n", "1:1", "R021 a key that is not a plain text"),
    (b"a:\n  <<: {b: 1}\n", "2:3", "R018 a merge key `<<`"),
    (b"a: !!float 1\n", "1:4", "R019 a tag"),
    (b"a: !x {b: 1}\n", "1:4", "R019 a tag `!x`"),
    (b"a:\t1\n", "1:3", "R013 a tab"),
    (b"a:\n\tb: 1\n", "2:1", "R013 a tab"),
    (b"a: x\ty\n", "1:5", "R013 a tab"),
    (b"a: |\n  x\t# y\n", "2:4", "R013 a tab"),
    (b"a: 'it' \tb\n", "1:9", "R013 a tab"),
    (b"a: 1\n---\nb: 1\n", "2:1", "R016 a second document"),
    (b"a: 1\n...\n---\nb: 1\n", "3:1", "R016 a second document"),
    (b"a: " + b"x" * load.SIZE_MAX, "", "R010 the file has 5,000,003 bytes; at most 5,000,000"),
    (b"\xef\xbb\xbfa: 1\n", "1:1", "R011 byte-order mark"),
    ("a: 1\n".encode("utf-16"), "1:1", "R011 UTF-16"),
    ("a: 1\n".encode("utf-16-be"), "1:1", "R011 UTF-16"),
    ("ok: ü\na: caf".encode() + b"\xe9\n", "2:7", "R011 the byte 0xe9 is not UTF-8"),
    (b"a: some longer text \x00\n", "1:21", "R012 a hidden character, U+0000"),
    (b"a: \x1b[31m\n", "1:4", "R012 a hidden character, U+001B"),
    (b"a: x\ry: 1\n", "1:5", "R012 a hidden character, U+000D"),
    ("a: x\u202ey\n".encode(), "1:5", "R012 U+202E (right-to-left override)"),
    ("a: x\u2066y\n".encode(), "1:5", "R012 U+2066"),
    ("a: x\u200by\n".encode(), "1:5", "R012 U+200B (zero width space)"),
    ("a: x\u200fy\n".encode(), "1:5", "R012 U+200F"),
    ("a: x\ufeffy\n".encode(), "1:5", "R012 U+FEFF"),
    ("a: x\u2028y\n".encode(), "1:5", "R012 U+2028"),
    (b'a: "x\\u202Ey"\n', "1:4", "R012 U+202E"),
    (b'"x\\0": 1\n', "1:1", "R012 U+0000"),
    ("a: cafe\u0301\n".encode(), "1:7", "R012 separate accent (not NFC)"),
    (b'a: "e\\u0301"\n', "1:4", "R012 separate accent (not NFC)"),
    (b"a:\nb: 1\n", "1:1", "R020 `a` has no value"),
    (b"a: ~\n", "1:1", "R020 `a` is ~"),
    (b"a: {b: null}\n", "1:5", "R020 `b` is null"),
    (b"a: [x, ~]\n", "1:8", "R020 an entry of the list is ~"),
    (b"- x\n-\n", "2:2", "R020 an entry of the list has no value"),
    (b"a: {geo:NYC}\n", "1:5", "R020 `geo:NYC` has no value"),
    (b"p: {2026-10-15: 72,55}\n", "1:20", "R020 `55` has no value"),
    (b"p: {2026-10-15: 1,072.55}\n", "1:19", "R020 `072.55` has no value"),
    (b"? [a]\n: 1\n", "1:3", "R021 a key that is not a plain text"),
    (b"? {a: b}\n: 1\n", "1:3", "R021 a key that is not a plain text"),
    (b"? |\n  a\n: 1\n", "1:3", "R021 a key that is not a plain text"),
    (b"? \n: 1\n", "1:2", "R021 a key that is not a plain text"),
    (b"[" * 41, "1:41", "R014 nested deeper than 40"),
    (b"- " * 41 + b"x", "1:81", "R014 nested deeper than 40"),
    (b"a: 'b\nc: 1\n", "1:4", "R015 a quote is not closed"),
    (b"a: [1, 2\nb: 3\n", "2:2", "R015 the list is not closed"),
    (b"a: {b: 1\nc: 3\n", "2:2", "R015 the map is not closed"),
    (b"a: b: c\n", "1:5", "R015 a colon where no value can begin"),
    (b"a: 1\n  b: 2\n", "2:4", "R015 a colon where no value can begin"),
    (b"a: 'it's'\n", "1:8", "R015 this does not continue what is before it"),
    (b"- 1\nb: 2\n", "2:1", "R015 this line does not continue the list above it"),
    (b"a: @x\n", "1:4", "R015 a text cannot begin with this character"),
    (b"a: 1\nb\nc: 3\n", "3:1", "R015 a key without a colon"),
    (b'a: "\\q"\n', "1:5", "R015 an unknown escape"),
]


@pytest.mark.parametrize(("data", "place", "words"), BROKEN, ids=lambda value: str(value)[:40])
def test_a_broken_file_is_refused_in_words(data: bytes, place: str, words: str) -> None:
    found = problems(data)
    code, said = words.split(" ", 1)

    assert any(
        problem.code == code and said in problem.message and str(problem.source) == f"rates/x.yaml:{place}".rstrip(":")
        for problem in found
    ), found
    assert all(problem.remedy and not problem.message.endswith(".") and "\n" not in problem.message for problem in found)


def test_all_that_is_wrong_is_said_at_once_in_order() -> None:
    found = problems(b"a: &x 1\nb: ~\na: *x\nc: {<<: {}}\nd: !t 1\n'e'\t: 1\n")

    assert [(problem.code, problem.source.line) for problem in found] == [
        ("R018", 1), ("R020", 2), ("R022", 3), ("R018", 3), ("R018", 4), ("R019", 5), ("R013", 6),
    ]  # fmt: skip
    assert found[2].related == ((Source("rates/x.yaml", 1, 1), "the first"),)


def test_endless_problems_are_cut_off_and_it_is_said() -> None:
    found = problems(b"a: ~\n" * 100_000)

    assert len(found) == load.PROBLEMS_MAX + 1
    assert "more than 200 problems" in found[0].message


HEAVY = {
    "brackets": b"[" * 4_000_000,
    "brackets hidden behind comments": b"[ # ]\n" * 700_000,
    "braces": b"{a: " * 1_000_000,
    "braces as keys": b"{? " * 1_000_000,
    "dashes": b"- " * 2_000_000,
    "question marks": b"? " * 2_000_000,
    "anchors": b"&a " * 1_000_000,
    "indentation": b"".join(b" " * depth + b"a:\n" for depth in range(2_500)),
    "a quote never closed": b"'" + b"a\n" * 2_000_000,
    "escapes": b'"' + b"\\x41" * 1_000_000 + b'"',
    "tabs": b"\t" * 4_000_000,
    "tabs after quotes": b"['a\t'," * 500_000,
    "tabs in one comment": b"a: 1 # " + b"\t #" * 1_000_000,
    "NULs": b"a: 1\n" + b"\0" * 400_000 + b" " * 4_000_000,
    "aliases": b"a: [" + b"*a," * 1_000_000 + b"]",
    "commas": b"[" + b"a," * 1_500_000 + b"]",
    "one key many times": b"a: 1\n" * 900_000,
    "accents": ("e\u0301" * 1_000_000).encode(),
    "colons": b"a" + b":" * 4_000_000,
    "percent": b"%" * 4_000_000,
    "a long key": b"a" * 4_000_000 + b": 1\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HEAVY)
def test_a_malicious_file_ends_quickly_and_without_a_crash(name: str, tmp_path: Path) -> None:
    path = tmp_path / "heavy.yaml"
    path.write_bytes(HEAVY[name])
    script = f"""
        import pathlib, resource, sys
        from engine.ratebook.load import read
        resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
        found = read("heavy.yaml", pathlib.Path({str(path)!r}).read_bytes())
        print(len(found) if isinstance(found, list) else "read")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_two_thousand_mutated_files_give_nodes_or_problems() -> None:
    chance = random.Random(20261123)
    pieces = [
        b"[", b"]", b"{", b"}", b": ", b"- ", b"? ", b"&a ", b"*a", b"<<: ", b"!!str ", b"'", b'"', b"\t", b"\n", b"\r", b"#", b"|", b">",
        b"%", b"@", b"`", b",", b"---\n", b"...\n", b"~", b"\\x00", b"\\u202e", b"\xff", b"\xc3", b"\xe2\x80\xae", b"\xef\xbb\xbf", b"\0",
        b"e\xcc\x81", b"  ", b"\xf0\x9f\x92\xb6", b"[" * 50,
    ]  # fmt: skip
    schema = json.loads((ROOT / "engine/ratebook/schema/1/rate-table.json").read_text("utf-8"))
    both = {list: 0, Mapping: 0}
    for _ in range(2_000):
        data = bytearray(RATES)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(data) + 1)
            match chance.randrange(5):
                case 0:
                    data[at:at] = chance.choice(pieces)
                case 1:
                    del data[at : at + chance.randint(1, 12)]
                case 2:
                    data[at : at + 1] = bytes([chance.randrange(256)])
                case 3:
                    other = chance.randrange(len(data) + 1)
                    data[at:at] = data[other : other + chance.randint(1, 60)]
                case _:
                    del data[at:]
        found = read("x.yaml", bytes(data))
        if isinstance(found, list):
            assert found
            assert all(isinstance(problem, Problem) for problem in found)
        else:
            shape.check(found, schema)
        both[type(found)] = both.get(type(found), 0) + 1
    assert min(both[list], both[Mapping]) > 100
