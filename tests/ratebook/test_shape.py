"""The form of rule files: misfits in words where they stand, and the verdicts of jsonschema on every schema of ours."""

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError

from engine.canonical import Json
from engine.problems import Source
from engine.ratebook import forms, shape
from engine.ratebook.load import Mapping, Node, Sequence, Text, read
from tests.sample_book import sample_files, sample_texts

ROOT = Path(__file__).parent.parent.parent
FORMATS = FormatChecker(formats=["date"])


def node(data: str) -> Node:
    found = read("rates/x.yaml", data.encode())
    assert not isinstance(found, list), found
    return found


def built(value: Json) -> Node:
    here = Source("x.yaml", 1, 1)
    if isinstance(value, list):
        return Sequence(tuple(built(item) for item in value), here)
    if isinstance(value, dict):
        return Mapping({key: built(item) for key, item in value.items()}, dict.fromkeys(value, here), here)
    return Text(str(value), here)


# --- words ------------------------------------------------------------------------------------------------------------

PRICE = {"type": "string", "pattern": r"^[0-9]+\.[0-9]{2}$", "description": "a price", "examples": ["82.50"]}
DAY = {"type": "string", "format": "date", "description": "a day", "examples": ["2026-10-03"]}
ROW = {
    "type": "object",
    "additionalProperties": False,
    "required": ["geo", "prices"],
    "properties": {
        "geo": {"enum": ["NYC", "SF-BAY"]},
        "prices": {
            "type": "object",
            "minProperties": 1,
            "propertyNames": DAY,
            "additionalProperties": {
                "oneOf": [
                    PRICE,
                    {"const": "ended"},
                    {"type": "object", "additionalProperties": False, "required": ["price"], "properties": {"price": PRICE}},
                    {"type": "object", "x-when": "share", "required": ["share", "of"], "properties": {"share": PRICE, "of": DAY}},
                ]
            },
        },
    },
}
TABLE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["format"],
    "properties": {
        "format": {"const": "1"},
        "rates": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/row"}},
        "key": {"type": "array", "uniqueItems": True, "maxItems": 3},
        "note": {"type": "string", "pattern": r"\S", "x-expected": "a short text", "maxLength": 9},
    },
    "$defs": {"row": ROW},
}

MISFITS = [
    ("rates: []\nformat: 1", "1:8", "R009 `rates`: the list is empty, at least 1 needed", ""),
    ("rates: 5\nformat: 1", "1:8", "R008 a list is needed here, not a single value", ""),
    ("key: [a, b, a]\nformat: 1", "1:13", "R009 `a` stands twice in the list", "Remove one"),
    ("key: [{a: 1}, {a: 1}]\nformat: 1", "1:15", "R009 this map stands twice in the list", "Remove one"),
    ("key: [a, b, c, d]\nformat: 1", "1:6", "R009 the list has 4 entries, at most 3 allowed", ""),
    ("key: [a]", "1:1", "R005 field `format` is missing", "Add `format: 1`"),
    ("format: 2", "1:9", "R006 `2` is not `1`", "Write 1"),
    ("fromat: 1", "1:1", "R004 unknown field `fromat`", "Did you mean `format`?"),
    ("format: 1\nzzz: 1", "2:1", "R004 unknown field `zzz`", "known here are format, rates, key, note"),
    ("format: 1\nnote: far too long", "2:7", "R007 `far too long` is not a short text", ""),
    ("format: 1\nnote: [x]", "2:7", "R008 a short text is needed here, not a list", ""),
    ("format: 1\nrates:\n- {geo: NYV, prices: {2026-01-01: ended}}", "3:9", "R006 `NYV` is not one of NYC", "Did you mean `NYC`?"),
    ("format: 1\nrates:\n- geo: NYC", "3:3", "R005 field `prices` is missing", "Add `prices:`"),
    ("format: 1\nrates:\n- {geo: [x], prices: {2026-01-01: ended}}", "3:9", "R008 a single value is needed", "Write one of NYC"),
    ("format: 1\nrates:\n- {geo: NYC, prices: {2026-01-01: '82,50'}}", "3:35", "R007 `82,50` is not a price or `ended`", "Write 82.50"),
    ("format: 1\nrates:\n- {geo: NYC, prices: {2026-01-01: endd}}", "3:35", "R006 `2026-01-01`: `endd` is not `ended`", "Did you mean `ended`?"),
    ("format: 1\nrates:\n- {geo: NYC, prices: {2026-02-30: ended}}", "3:23", "R007 `2026-02-30` is not a day that exists", ""),
    ("format: 1\nrates:\n- {geo: NYC, prices: {2026-2-3: ended}}", "3:23", "R007 `2026-2-3` is not a day", "like 2026-10-03"),
    ("format: 1\nrates:\n- {geo: NYC, prices: {2026-01-01: {prce: 1.00}}}", "3:36", "R004 unknown field `prce`", "`price`"),
    ("format: 1\nrates:\n- {geo: NYC, prices: {2026-01-01: {price: 1}}}", "3:43", "R007 `1` is not a price", "like 82.50"),
    ("format: 1\nrates:\n- {geo: NYC, prices: {2026-01-01: {share: 1.00}}}", "3:35", "R005 field `of` is missing", "Add `of:`"),
    ("format: 1\nrates:\n- {geo: NYC, prices: {2026-01-01: [x]}}", "3:35", "R008 a single value or a map is needed here, not a list", ""),
]  # fmt: skip


@pytest.mark.parametrize(("data", "place", "words", "remedy"), MISFITS)
def test_a_misfit_is_named_where_it_stands(data: str, place: str, words: str, remedy: str) -> None:
    [problem] = shape.check(node(data), TABLE)

    assert (problem.code, str(problem.source)) == (words.split(" ")[0], f"rates/x.yaml:{place}")
    assert words.split(" ", 1)[1] in problem.message
    assert remedy in problem.remedy


# One edit of the sample book each, where several forms are possible: the words tell which one was probably meant.
GEO, ACME, BETA, BILLABLE = "rates/geo-base.yaml", "rates/accounts/acme.yaml", "rates/accounts/beta.yaml", "rules/billable.yaml"
PREMIUMS = "rules/premiums.yaml"
NOTICE, FIXED = "notice: { less-than: { term: cancel-notice } }", "then: { fixed: { term: cancel-hours } }"
CHOSEN = [
    (GEO, "{ price: 99.00, status", "{ prise: 99.00, status", "R004 unknown field `prise`", "Did you mean `price`?"),
    (GEO, "{ price: 99.00, status", "{ price: x, status", "R007 `price`: `x` is not a price such as 82.50, or `ended`", "like 82.50"),
    (GEO, "price: 99.00", "price: '99,00'", "R007 `price`: `99,00` is not a price such as 82.50, or `ended`", "Write 99.00"),
    (GEO, "price: 99.00", "price: $99.00", "R007 `price`: `$99.00` is not a price such as 82.50, or `ended`", "Write 99.00"),
    (GEO, "price: 99.00", "price: 25%", "R007 `price`: `25%` is not a price such as 82.50, or `ended`", "Write 25"),
    (GEO, "price: 99.00", "price: '1,099.00'", "R007 `price`: `1,099.00` is not a price such as 82.50, or `ended`", "Write 1099.00"),
    (GEO, "price: 99.00", "price: '1.099,00'", "R007 `price`: `1.099,00` is not a price such as 82.50, or `ended`", "Write 1099.00"),
    (GEO, "price: 99.00", "price: '1,099'", "R007 `price`: `1,099` is not a price such as 82.50, or `ended`", "Write it like 82.50"),
    (GEO, "{ price: 99.00, status: expected }", "[99.00]", "R008 `2027-01-01`: a price such as 82.50, `ended`, or a map", "like 82.50"),
    (GEO, "status: expected", "status: expcted", "R006 `status`: `expcted` is not one of in-force, expected", "mean `expected`?"),
    (GEO, "{ by: m.lee, on: 2026-09-30, ref: FIN-1 }", "m.lee", "R008 `approved`: a map is needed here", "like { by: m.lee, on:"),
    (GEO, "currency: USD", "currency: usd", "R006 `currency`: `usd` is not one of USD", "Did you mean `USD`?"),
    (GEO, "key: [geo, item]", "key: geo", "R008 `key`: a list is needed here, not a single value", "Write it like [geo, item]"),
    (BETA, "{ to: 15min, half: up, per: interval }", "15min", "`15min` is not a punch rounding, or `none`", "{ to: 15min, half: up, per:"),
    (BETA, "{ to: 15min, half: up, per: interval }", "non", "R006 `punch-rounding`: `non` is not `none`", "Did you mean `none`?"),
    (BETA, ", per: interval", "", "R005 field `per` is missing", "Add `per:`, one of punch, interval"),
    (BETA, "to: 15min", "to: 15 min", "R007 `to`: `15 min` is not a duration", "Write it like 15min"),
    (ACME, "combine: largest", "break: 30min", "R007 `break`: `30min` is not break terms, `none` or `paid`", "{ after: 6h, length: 30min,"),
    (BILLABLE, NOTICE, "notice: { lessthan: 24h }", "R004 unknown field `lessthan`", "Did you mean `less-than`?"),
    (BILLABLE, NOTICE, "notice: { less-than: [24h] }", "R008 `less-than`: a bound is needed here, not a list", "{ term: cancel-notice }"),
    (BILLABLE, NOTICE, "notice: {}", "R009 `notice`: the map is empty, at least 1 needed", "Write it like { less-than: 24h }"),
    (BILLABLE, "when: { status: no-show }", "when: no-show", "R008 `when`: a map is needed here", "Write it like { status: cancelled }"),
    (BILLABLE, "when: { status: no-show }", "when: { status: [] }", "R009 `status`: the list is empty", "like [completed, no-show]"),
    (BILLABLE, FIXED, "then: { fixd: 2h }", "R004 unknown field `fixd`", "Did you mean `fixed`?"),
    (BILLABLE, FIXED, "then: { fixed: 2 }", "R007 `fixed`: `2` is not a duration or `{ term: name }`", "Write it like 2h"),
    (BILLABLE, FIXED, "then: { fixed: { trm: hours } }", "R004 unknown field `trm`", "Did you mean `term`?"),
    (BILLABLE, FIXED, "then: [fixed]", "R008 `then`: an answer is needed here, not a list", "Write it like worked"),
    (BILLABLE, "share: 1/2", "share: 50%", "R007 `share`: `50%` is not a share such as 1/2", "Write it like 1/2"),
    (PREMIUMS, "percent: { rate: diff", "percent: { rat: diff", "R004 unknown field `rat`", "Did you mean `rate`?"),
    (PREMIUMS, "{ rate: adders }", "adders", "R007 `amount`: `adders` is not `base`, a number, `{ rate: table }`", "{ rate: differentials }"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "old", "new", "words", "remedy"), CHOSEN)
def test_where_several_forms_are_possible_the_one_meant_is_told(path: str, old: str, new: str, words: str, remedy: str) -> None:
    text = sample_texts()[path]
    assert old in text, "the sample has changed"
    wrong = node(text.replace(old, new, 1))
    assert isinstance(wrong, Mapping)

    problem, *_ = shape.check(wrong, forms.schema(str(shape.plain(wrong.entries["kind"]))))

    assert words in f"{problem.code} {problem.message}"
    assert remedy in problem.remedy


def test_what_fits_is_not_mentioned() -> None:
    data = "format: 1\nrates: [{geo: NYC, prices: {2026-01-01: 82.50, 2026-02-01: {price: 83.00}, 2026-03-01: ended}}]"

    assert shape.check(node(data), TABLE) == []


def test_a_line_end_does_not_slip_through_a_pattern() -> None:
    assert [problem.code for problem in shape.check(node('"1.00\\n"'), PRICE)] == ["R007"]


def test_digits_are_the_ten_that_everybody_reads() -> None:
    assert shape.check(node("'٣'"), {"type": "string", "pattern": r"^\d$"})


def test_both_forms_at_once_is_a_problem_for_one_of() -> None:
    both = {"oneOf": [{"type": "string"}, {"pattern": "a"}]}

    assert [problem.message for problem in shape.check(node("a"), both)] == ["`a` fits two forms at once"]


@pytest.mark.parametrize(
    "schema",
    [
        {"not": {}},
        {"type": "integer"},
        {"enum": [1]},
        {"format": "email"},
        {"$ref": "#/$defs/none"},
        {"$ref": "elsewhere.json"},
        {"type": 5},
    ],
)
def test_a_wrong_schema_of_ours_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(shape.SchemaError):
        shape.check(node("a: 1"), schema)


@pytest.mark.parametrize("path", sorted((ROOT / "engine/ratebook/schema").rglob("*.json")), ids=lambda path: path.stem)
def test_each_schema_of_the_book_is_known_in_full(path: Path) -> None:
    assert shape.check(node("[]"), json.loads(path.read_text("utf-8")))


# --- verdicts ---------------------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["a", "b", "ab", "2026-10-03", "2026-02-30", "82.50"])
VALUES = st.recursive(NAMES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8)
LEAVES = st.one_of(
    st.just({"type": "string"}),
    st.just({"$ref": "#/$defs/shared"}),
    st.just({"format": "date"}),
    st.builds(lambda value: {"const": value}, NAMES),
    st.builds(lambda values: {"enum": values}, st.lists(NAMES, min_size=1, max_size=3, unique=True)),
    st.builds(lambda text: {"pattern": text}, st.sampled_from(["a", "^a", "b$", r"^\d+\.\d{2}$", "^[ab]+$"])),
    st.builds(lambda least, most: {"minLength": least, "maxLength": most}, st.integers(0, 3), st.integers(0, 11)),
    st.sampled_from([True, False]),
)


def bigger(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    objects = st.fixed_dictionaries(
        {},
        optional={
            "type": st.just("object"),
            "properties": st.dictionaries(NAMES, inner, max_size=3),
            "patternProperties": st.dictionaries(st.sampled_from(["^a", "b$", r"^\d"]), inner, max_size=2),
            "propertyNames": inner,
            "additionalProperties": inner,
            "required": st.lists(NAMES, max_size=2, unique=True),
            "minProperties": st.integers(0, 2),
            "maxProperties": st.integers(0, 3),
        },
    )
    arrays = st.fixed_dictionaries(
        {},
        optional={
            "type": st.just("array"),
            "items": inner,
            "minItems": st.integers(0, 2),
            "maxItems": st.integers(0, 3),
            "uniqueItems": st.booleans(),
        },
    )
    choices = st.builds(
        lambda word, each, more: {word: each, **more},
        st.sampled_from(["oneOf", "anyOf", "allOf"]),
        st.lists(inner, min_size=1, max_size=3),
        objects | arrays | st.just({}),
    )
    return objects | arrays | choices


SCHEMAS = st.builds(
    lambda top, shared: {**(top if isinstance(top, dict) else {"allOf": [top]}), "$defs": {"shared": shared}},
    st.recursive(LEAVES, bigger, max_leaves=8),
    st.sampled_from([PRICE, {"type": "array", "items": {"$ref": "#/$defs/shared"}}, {"type": "object", "additionalProperties": {"$ref": "#"}}]),
)  # fmt: skip


@settings(max_examples=1500, deadline=None)
@given(value=VALUES, schema=SCHEMAS)
def test_the_verdict_is_that_of_jsonschema(value: Json, schema: dict[str, Any]) -> None:
    ours = shape.check(built(value), schema)
    theirs = Draft202012Validator(schema, format_checker=FORMATS).is_valid(value)

    assert (not ours) == theirs, ours
    assert shape.plain(built(value)) == value


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_the_verdict_on_near_misses_of_a_rate_table_is_that_of_jsonschema(data: st.DataObject) -> None:
    words = st.sampled_from(["NYC", "SF-BAY", "82.50", "82,50", "ended", "2026-10-03", "2026-02-30", "1"])
    price = words | st.fixed_dictionaries({}, optional={"price": words, "share": words, "of": words})
    row = st.fixed_dictionaries({}, optional={"geo": words, "prices": st.dictionaries(words, price, max_size=2), "x": words})
    table = st.fixed_dictionaries({"format": st.sampled_from(["1", "1", "2"])}, optional={"rates": st.lists(row, max_size=3)})
    value: Any = data.draw(table)

    assert (not shape.check(built(value), TABLE)) == Draft202012Validator(TABLE, format_checker=FORMATS).is_valid(value)


# --- the schemas of the book ------------------------------------------------------------------------------------------


def documents() -> Iterator[tuple[str, Json]]:
    """Every file of the sample, of the example agency and of the other examples as plain data, with its kind."""
    tops = [folder / top for folder in (ROOT, *sorted((ROOT / "examples").iterdir())) for top in ("rates", "rules")]
    real = {str(path): path.read_bytes() for top in tops for path in sorted(top.rglob("*.yaml"))}
    for path, data in {**sample_files(), **real}.items():
        found = read(path, data)
        assert isinstance(found, Mapping), path
        yield found.entries["kind"].value, shape.plain(found)  # type: ignore[union-attr]


DOCUMENTS = list(documents())
JUNK = (
    "", "x", "no", "none", "error", "ended", "base", "0", "1", "1.5", "0.123456789", "-1", "72,50", "2026-02-30", "2026-2-3", "0000-01-01",
    "9999-12-31", "24:00", "19:00", "7:00", "friday 19:00", "4h", "h", "1/2", "1/0", "USD", "usd", "USD per hour", "Ünïcode", "a b", "x" * 50,
)  # fmt: skip


def insides(value: Json) -> Iterator[Json]:
    """All lists and maps in a value, itself first."""
    if isinstance(value, (list, dict)):
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from insides(inner)


def spoil(document: Json, others: Json, chance: random.Random) -> None:
    """One random edit: something left out, renamed, replaced, put in, moved or doubled."""
    spare = list(insides(others))
    full = [inside for inside in insides(document) if inside]
    inside = chance.choice(full)
    donor = chance.choice(spare)
    inner = list(donor.values() if isinstance(donor, dict) else donor if isinstance(donor, list) else ())
    words: list[Json] = [*inner, chance.choice(JUNK), donor]
    value = copy.deepcopy(chance.choice(words))
    names = [name for each in spare if isinstance(each, dict) for name in each] + list(JUNK)
    if isinstance(inside, list):
        at = chance.randrange(len(inside))
        match chance.randrange(4):
            case 0:
                del inside[at]
            case 1:
                inside[at] = value
            case 2:
                inside.insert(at, copy.deepcopy(chance.choice(inside)))
            case _:
                inside.append(value)
    elif isinstance(inside, dict):
        name = chance.choice(list(inside))
        match chance.randrange(4):
            case 0:
                del inside[name]
            case 1:
                inside[name] = value
            case 2:
                inside[chance.choice(names)] = inside.pop(name)
            case _:
                inside[chance.choice(names)] = value


@pytest.mark.slow
@pytest.mark.parametrize("kind", forms.KINDS)
def test_the_verdict_on_spoilt_files_is_that_of_jsonschema(kind: str) -> None:
    """And the finding stands where jsonschema sees one, or at a key there; it is a sentence and has a remedy."""
    chance = random.Random(kind)
    mine = [document for its_kind, document in DOCUMENTS if its_kind == kind]
    theirs = Draft202012Validator(forms.schema(kind), format_checker=FORMATS)
    verdicts = {True: 0, False: 0}
    for _ in range(250):
        document = copy.deepcopy(chance.choice(mine))
        for _ in range(chance.choice([1, 1, 2])):
            spoil(document, chance.choice(DOCUMENTS)[1] if chance.random() < 0.5 else document, chance)
        placed, paths = numbered(document)
        ours = shape.check(placed, forms.schema(kind))
        fits = theirs.is_valid(document)

        assert (not ours) == fits, (document, ours)
        if ours:
            seen = {tuple(error.absolute_path) for error in theirs.iter_errors(document) for error in with_context(error)}
            for problem in ours:
                path = paths[problem.source.line]
                assert path in seen or path[:-1] in seen, (document, problem, seen)
                assert problem.message[-1] not in ".:,", problem
                assert problem.remedy, problem
        verdicts[fits] += 1
    assert all(verdicts.values()), verdicts


def with_context(error: ValidationError) -> Iterator[ValidationError]:
    """An error and those of the forms it lists, of which none fits."""
    yield error
    for inner in error.context or ():
        yield from with_context(inner)


def numbered(value: Json) -> tuple[Node, dict[int, tuple[str | int, ...]]]:
    """The nodes of a value, each on a line of its own, as its keys are; and the path that each line is about."""
    paths: dict[int, tuple[str | int, ...]] = {}

    def line(path: tuple[str | int, ...]) -> Source:
        paths[len(paths) + 1] = path
        return Source("x.yaml", len(paths), 1)

    def walk(value: Json, path: tuple[str | int, ...]) -> Node:
        here = line(path)
        if isinstance(value, list):
            return Sequence(tuple(walk(item, (*path, number)) for number, item in enumerate(value)), here)
        if isinstance(value, dict):
            keys = {key: line((*path, key)) for key in value}
            return Mapping({key: walk(item, (*path, key)) for key, item in value.items()}, keys, here)
        return Text(str(value), here)

    return walk(value, ()), paths


@pytest.mark.slow
def test_fifty_thousand_rows_are_checked_to_the_last() -> None:
    rows = "".join(f"  - {{geo: NYC, prices: {{2023-01-01: {n}.50}}}}\n" for n in range(49_999))
    last = "  - {geo: NYC, prices: {2023-01-01: 7.5}}\n"

    [problem] = shape.check(node(f"format: 1\nrates:\n{rows}{last}"), TABLE)

    assert str(problem.source) == "rates/x.yaml:50002:37"
