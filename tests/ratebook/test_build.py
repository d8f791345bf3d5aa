"""Files to values: what the sample book says is what the typed book holds, and what may be written otherwise is the same."""

import copy
import json
import os
from datetime import date
from pathlib import Path
from typing import Any  # JSON

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.money import Decimals
from engine.problems import ProblemsFound, Source
from engine.ratebook import load, shape
from engine.ratebook.basis import basis_text, parse_basis
from engine.ratebook.book import ENGINE_TERMS, NO_DEDUCTION, Basis, BreakTerms, Given, Provenance, PunchRounding, RuleBook
from engine.ratebook.build import build, problems_in
from engine.ratebook.catalogue import CATALOGUE
from engine.ratebook.files import NoRuleBookError, read_workspace_files
from tests.sample_book import sample_files, sample_texts

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def book() -> RuleBook:
    return build(sample_files())


# --- rates/ -----------------------------------------------------------------------------------------------------------


def test_prices_have_the_declared_digits_their_day_and_place(book: RuleBook) -> None:
    row = book.tables["geo-base"].rows["NYC", "RN"]

    assert [(price.start, str(price.value)) for price in row.prices] == [
        (date(2024, 1, 1), "70.00"),
        (date(2026, 10, 15), "72.55"),
    ]
    assert row.prices[1].source == Source("rates/geo-base.yaml", 10, 34)
    assert row.id == "geo-base:NYC/RN"


def test_an_expected_price_is_never_billed(book: RuleBook) -> None:
    prices = book.tables["geo-base"].rows["LA", "ICU"].prices

    assert [str(price.value) for price in prices] == ["80.00", "82.00"]
    assert prices[1].provenance == Provenance("autumn review", "m.lee", "2026-09-30", "FIN-1")


def test_an_ended_price_is_none() -> None:
    text = sample_texts()["rates/geo-base.yaml"].replace("2026-10-15: 72.55", "2026-10-15: ended")
    prices = build(sample_files(**{"rates/geo-base.yaml": text})).tables["geo-base"].rows["NYC", "RN"].prices

    assert [price.value for price in prices] == [Decimals(7000, 2), None]


def test_percentages_are_filled_up_to_the_digits_of_their_table(book: RuleBook) -> None:
    assert book.tables["differentials"].rows["night",].prices[0].value == Decimals(1500, 2)
    assert book.accounts["beta"].overrides[0].value == Decimals(1250, 2)


def test_the_order_of_a_key_says_nothing(book: RuleBook) -> None:
    assert book.tables["adders"].key == ("geo", "premium")  # written [premium, geo]
    assert list(book.tables["adders"].rows) == [("NYC", "charge"), ("LA", "charge")]


def test_an_account_has_its_sites_with_their_geos(book: RuleBook) -> None:
    assert book.sites["acme-west"].geo == ((date(2024, 1, 1), "NYC"), (date(2025, 7, 1), "LA"))
    assert book.sites["acme-west"].zone == "America/Los_Angeles"
    assert [site.site for site in book.accounts["acme"].sites] == ["acme-east", "acme-west"]


def test_an_override_holds_from_its_first_day_until_the_first_day_out(book: RuleBook) -> None:
    [override] = book.accounts["acme"].overrides

    assert (override.id, override.site, override.item, override.premium) == ("acme:icu-surge", "acme-east", "ICU", None)
    assert (override.start, override.end, str(override.value)) == (date(2026, 10, 1), date(2026, 10, 16), "96.00")
    assert override.provenance.ref == "FIN-287"


def test_terms_are_typed(book: RuleBook) -> None:
    terms = book.terms_on("acme-east", date(2026, 1, 1))

    assert terms["punch-rounding"] == PunchRounding(900, "up", "punch", breaks=True, scheduled=False)
    assert terms["break"] == BreakTerms(6 * 3600, 1800, "middle", planned=False)
    assert terms["cancel-notice"] == 24 * 3600
    assert terms["hours"] == "elapsed"
    assert set(ENGINE_TERMS) <= set(terms)


def test_a_site_beats_its_account_beats_the_defaults(book: RuleBook) -> None:
    day = date(2026, 1, 1)

    assert [book.terms_on(site, day)["combine"] for site in ("acme-east", "acme-west", "beta-clinic")] == [
        "add",
        "largest",
        "multiply",
    ]
    assert book.terms_on("acme-west", day)["min-hours"] == 4 * 3600


def test_a_later_entry_replaces_only_what_it_names() -> None:
    text = sample_texts()["rates/accounts/beta.yaml"].replace(
        "terms:\n", "terms:\n  - { from: 2026-06-01, hours: elapsed, break: none, punch-rounding: none }\n"
    )
    book = build(sample_files(**{"rates/accounts/beta.yaml": text}))
    before, after = (book.terms_on("beta-clinic", day) for day in (date(2026, 5, 31), date(2026, 6, 1)))

    assert (before["hours"], after["hours"]) == ("wall", "elapsed")
    assert (after["break"], after["punch-rounding"], after["combine"]) == (NO_DEDUCTION, None, "multiply")


def test_breaks_that_are_paid_are_none_and_no_deduction_is_a_deduction_of_nothing() -> None:
    texts = sample_texts()["rates/accounts/beta.yaml"]
    paid, unpaid = (
        build(sample_files(**{"rates/accounts/beta.yaml": texts.replace("hours: wall", f"hours: wall\n    break: {word}")}))
        for word in ("paid", "none")
    )
    day = date(2026, 1, 1)

    assert paid.terms_on("beta-clinic", day)["break"] is None
    assert unpaid.terms_on("beta-clinic", day)["break"] == NO_DEDUCTION
    assert paid.meaning != unpaid.meaning


# --- rules/ -----------------------------------------------------------------------------------------------------------


def test_windows_count_seconds_of_the_local_clock(book: RuleBook) -> None:
    windows = {name: (window.each, window.start, window.end) for name, window in book.windows.items()}

    assert windows == {
        "night": ("day", 19 * 3600, 7 * 3600),
        "weekend": ("week", 4 * 86_400 + 19 * 3600, 7 * 3600 + 1800),
        "holiday": ("holiday", -5 * 3600, 86_400 + 7 * 3600),
    }


def test_conditions_have_types_and_texts(book: RuleBook) -> None:
    rules = {rule.id: rule for rule in book.policies["billable"].rules}
    late = rules["cancelled-late"]

    assert [condition.text for condition in late.when] == ["status is cancelled", "notice less than term cancel-notice"]
    assert (late.answer, late.start, late.overrides) == ("fixed term cancel-hours", date(2024, 7, 1), ("cancelled-default",))
    assert [condition.text for condition in rules["completed"].when] == ["status is completed or orientation"]
    assert rules["cancelled-marked"].when[1].values == (True,)
    assert rules["cancelled-marked"].answer == "scheduled 1/2 at least 7200s round up 900s"


@pytest.mark.parametrize(
    ("when", "text"),
    [
        ("{ status: { not: [cancelled, no-show] } }", "status is not cancelled or no-show"),
        ("{ scheduled-length: { at-least: 4h, less-than: 12h30min } }", "scheduled-length at least 4h & scheduled-length less than 12h30min"),
        ("{ account: [beta, acme] }", "account is acme or beta"),
        ("{ mark_billable: no }", "mark_billable is no"),
        ("{ term: { min-hours: { more-than: 0h } } }", "term min-hours more than 0h"),
        ("{ answer-of: { billable: [worked, fixed] } }", "answer-of billable is fixed or worked"),
        ("{ touches: { not: holiday } }", "touches is not holiday"),
        ("{ item: ICU, worked-length: { at-most: { term: min-hours } } }", "item is ICU & worked-length at most term min-hours"),
    ],
)  # fmt: skip
def test_a_condition_can_be_read_aloud(when: str, text: str) -> None:
    policy = sample_texts()["rules/minimum.yaml"].replace("when: { status: orientation }", f"when: {when}")
    [rule] = build(sample_files(**{"rules/minimum.yaml": policy})).policies["minimum"].rules

    assert " & ".join(condition.text for condition in rule.when) == text


def test_policies_are_in_the_order_they_are_asked(book: RuleBook) -> None:
    assert list(book.policies) == ["billable", "item", "minimum", "premiums", "combine"]
    assert [policy.otherwise for policy in book.policies.values()] == [None, "as-worked", "applies", None, None]


@pytest.mark.parametrize(
    ("basis", "text"),
    [
        (Basis("worked"), "worked"),
        (Basis("none"), "none"),
        (Basis("fixed", seconds=7200), "fixed 7200s"),
        (Basis("fixed", term="cancel-hours"), "fixed term cancel-hours"),
        (Basis("scheduled", share=(1, 2), at_least=7200, round_up=900), "scheduled 1/2 at least 7200s round up 900s"),
        (Basis("scheduled"), "scheduled 1/1 at least 0s round up 0s"),
    ],
)
def test_a_basis_and_its_text_are_one(basis: Basis, text: str) -> None:
    assert basis_text(basis) == text
    assert parse_basis(text) == basis


def test_premiums_keep_the_order_of_the_book_and_know_their_inputs(book: RuleBook) -> None:
    assert list(book.premiums) == ["night", "weekend", "holiday", "charge"]
    assert book.premiums["night"].given == {"base": Given("base"), "percent": Given("rate", "differentials")}
    assert list(book.items) == ["RN", "ICU", "ORIENT"]


def test_versions_of_a_formula_are_in_order_of_their_days(book: RuleBook) -> None:
    versions = book.formulas["percent-of-base"].versions

    assert [(version.version, version.start, version.end) for version in versions] == [
        (1, date(2024, 1, 1), date(2026, 1, 1)),
        (2, date(2026, 1, 1), None),
    ]


# --- a book as a whole ------------------------------------------------------------------------------------------------


def test_rows_and_versions_may_stand_in_any_order() -> None:
    texts = sample_texts()
    reordered = texts["rates/geo-base.yaml"].replace(
        "2024-01-01: 70.00, 2026-10-15: 72.55", "2026-10-15: 72.55, 2024-01-01: 70.00"
    )
    prices = build(sample_files(**{"rates/geo-base.yaml": reordered})).tables["geo-base"].rows["NYC", "RN"].prices

    assert [str(price.value) for price in prices] == ["70.00", "72.55"]


def test_build_raises_all_problems() -> None:
    texts = sample_texts()
    wrong = {
        "rates/geo-base.yaml": texts["rates/geo-base.yaml"].replace("70.00", "70"),
        "rules/item.yaml": texts["rules/item.yaml"].replace("then: ORIENT", "then: OTHER"),
    }
    with pytest.raises(ProblemsFound, match="has no cents") as raised:
        build(sample_files(**wrong))

    assert [problem.code for problem in raised.value.problems] == ["R034", "R052"]
    assert problems_in(sample_files(**wrong))[0] is None


def test_a_warning_does_not_stop_a_book() -> None:
    flat = sample_texts()["rules/formulas/flat.yaml"].replace(
        "inputs: { amount", "inputs: { more: { unit: percent, at-most: 1 }, amount"
    )
    premiums = sample_texts()["rules/premiums.yaml"].replace("given: { amount:", "given: { more: 1, amount:")
    found, problems = problems_in(sample_files(**{"rules/formulas/flat.yaml": flat, "rules/premiums.yaml": premiums}))

    assert found is not None
    assert [(problem.code, problem.severity) for problem in problems] == [("R047", "warning")]


def _places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(place for key, value in inner for place in _places(value, (*path, key)))]


PLAIN = {
    path: shape.plain(_node) for path, data in sample_files().items() if not isinstance(_node := load.read(path, data), list)
}
PLACES = [(path, place) for path, node in PLAIN.items() for place in _places(node) if place]
JUNK = [
    "none",
    "x",
    "",
    "0",
    "-1",
    "2024-01-01",
    "19:00",
    "1/2",
    "99999h",
    "USD",
    "RN",
    "base",
    "error",
    "{x}",
    [],
    {},
    ["x"],
    {"term": "x"},
]


@settings(max_examples=100)
@given(st.sampled_from(PLACES), st.sampled_from([None, *JUNK]), st.sampled_from(PLACES))
def test_whatever_is_left_out_or_mistyped_is_a_finding_and_never_a_crash(
    at: tuple[str, tuple[Any, ...]], junk: object, other: tuple[str, tuple[Any, ...]]
) -> None:
    path, place = at
    document: Any = copy.deepcopy(PLAIN[path])
    parent = document
    for key in place[:-1]:
        parent = parent[key]
    if junk is None:
        del parent[place[-1]]
    elif junk == "x":  # something that stands elsewhere in the book
        value: Any = PLAIN[other[0]]
        for key in other[1]:
            value = value[key]
        parent[place[-1]] = value
    else:
        parent[place[-1]] = junk

    found, problems = problems_in({**sample_files(), path: json.dumps(document).encode()})

    assert (found is None) == any(problem.severity == "error" for problem in problems)
    assert {problem.code for problem in problems} <= set(CATALOGUE)


def test_every_code_in_the_source_is_explained_and_used() -> None:
    paths = [path for folder in ("engine", "connectors") for path in (ROOT / folder).rglob("*.py")]
    source = "".join(path.read_text("utf-8") for path in paths if path.stem != "catalogue")
    used = {f"R{number:03}" for number in range(200) if f'"R{number:03}"' in source}

    assert used == set(CATALOGUE)


# --- files ------------------------------------------------------------------------------------------------------------


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"format: 1\n")


def test_only_yaml_below_rates_and_rules_is_read(tmp_path: Path) -> None:
    write(tmp_path, "rates/b.yaml", "rates/deep/a.yaml", "rules/c.yaml", "rules/schema/policy.json", "rules/schema/x.yaml")
    write(
        tmp_path,
        "activity/d.yaml",
        "e.yaml",
        "rates/README.md",
        "rates/.hidden.yaml",
        "rules/.git/f.yaml",
        "rules/deep/schema/g.yaml",
    )

    assert sorted(read_workspace_files(tmp_path)) == [
        "rates/b.yaml",
        "rates/deep/a.yaml",
        "rules/c.yaml",
        "rules/deep/schema/g.yaml",
    ]


@pytest.mark.parametrize("name", ["geo.yml", "geo.YAML", "geo.yaml.txt", "geo.yaml.orig", "geo.yaml~"])
def test_a_name_that_would_be_overlooked_is_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path, "rates/a.yaml", f"rates/{name}")

    with pytest.raises(ProblemsFound, match="Rename it to"):
        read_workspace_files(tmp_path)


@pytest.mark.parametrize("target", ["../outside.yaml", "nowhere.yaml", "link.yaml", "../folder", "."])
def test_links_that_lead_elsewhere_are_refused(tmp_path: Path, target: str) -> None:
    folder = tmp_path / "book"
    write(folder, "rates/a.yaml", "../outside.yaml", "folder/b.yaml")
    (folder / "rates/link.yaml").symlink_to(target)

    with pytest.raises(ProblemsFound, match=r"error\[R001\] rates/link.yaml: "):
        read_workspace_files(folder)


def test_a_link_inside_the_workspace_is_read(tmp_path: Path) -> None:
    write(tmp_path, "rates/a.yaml", "shared/b.yaml")
    (tmp_path / "rates/b.yaml").symlink_to("../shared/b.yaml")

    assert sorted(read_workspace_files(tmp_path)) == ["rates/a.yaml", "rates/b.yaml"]


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "rates/a.yaml")
    os.mkfifo(tmp_path / "rates/pipe.yaml")

    with pytest.raises(ProblemsFound, match="this is not a file"):
        read_workspace_files(tmp_path)


def test_a_folder_without_rules_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoRuleBookError, match=r"there are no \.yaml files"):
        read_workspace_files(tmp_path)


def test_an_entry_inherits_reason_and_approval_of_its_row_and_file() -> None:
    files = sample_files()
    path = "rates/geo-base.yaml"
    files[path] = files[path].replace(
        b"table: geo-base\n", b"table: geo-base\nreason: opening sheet\napproved: { by: d.ortiz, on: 2023-12-01, ref: FIN-200 }\n"
    )
    row = build(files).tables["geo-base"].rows[("LA", "ICU")]

    assert [(price.provenance.reason, price.provenance.by) for price in row.prices] == [
        ("opening sheet", "d.ortiz"),
        ("autumn review", "m.lee"),
    ]


def test_retroactive_stands_beside_reason_and_approval() -> None:
    """An entry that only says `retroactive` keeps the reason and approval that it inherits."""
    texts = sample_texts()
    acme, rates = texts["rates/accounts/acme.yaml"], texts["rates/geo-base.yaml"]
    late = "retroactive: { reason: agreed late }"
    texts["rates/accounts/acme.yaml"] = acme.replace("reason: surge contract C-88", f"reason: surge contract C-88\n    {late}")
    texts["rates/geo-base.yaml"] = rates.replace(
        "prices: { 2024-01-01: 88.00 }", f"reason: opening sheet\n    prices: {{ 2024-01-01: {{ price: 88.00, {late} }} }}"
    )
    book = build({path: text.encode() for path, text in texts.items()})

    [override] = book.accounts["acme"].overrides
    [price] = book.tables["geo-base"].rows["NYC", "ICU"].prices
    assert override.provenance == Provenance("surge contract C-88", "m.lee", "2026-09-20", "FIN-287", "agreed late")
    assert price.provenance == Provenance("opening sheet", retroactive="agreed late")
    assert book.meaning == build({path: text.encode() for path, text in sample_texts().items()}).meaning
