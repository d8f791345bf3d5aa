"""Every document of the example months is proved by the verifier that lies in its pack."""

from __future__ import annotations

import ast
import json
import sys
from fractions import Fraction
from functools import cache
from pathlib import Path
from shutil import copytree
from tempfile import mkdtemp

import pytest

from connectors.demo import write_workspace
from engine.canonical import canonical_json
from engine.money import HALVES, rounded, shares
from renderers.proof import read_pack, verified, verifier
from tests.clocks.repositories import SHIFTS, committed, git, repository
from tests.proof.packs import VERIFY, example, packs, resealed
from tests.workspaces import completed, make_workspace


@cache
def month(name: str) -> dict[str, bytes]:
    folder = Path(mkdtemp()) / name
    if name == "agency":
        write_workspace(folder)
    else:
        example(folder, name)
    return dict(packs(folder, "2026-10"))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "count"), [("agency", 14), ("saas", 4), ("telecom", 4)])
def test_every_document_of_a_month_is_proved(name: str, count: int, tmp_path: Path) -> None:
    proved = {number: verified(data, tmp_path) for number, data in month(name).items()}

    assert len(proved) == count
    for number, said in proved.items():
        assert said[0].split(" entries are quoted from ")[1], number
        assert "backup rows add up to" in said[1]


@pytest.mark.slow
def test_what_cannot_be_made_again_is_said_and_counted() -> None:
    said = "\n".join(line for data in month("saas").values() for line in verified(data, Path()))

    assert "taken as given: where the running sum of an account crosses a tier" in said
    assert "taken as given: what an allowance includes, at no price" in said
    assert "taken as given: how many of a fee there are in a cycle" in said
    assert "taken as given: the amount of a coupon" in said


@pytest.mark.slow
@pytest.mark.parametrize("name", ["agency", "saas", "telecom"])
def test_every_price_of_the_examples_is_a_figure_or_a_formula_of_the_rule_files(name: str) -> None:
    for data in month(name).values():
        told = json.loads(read_pack(data).files["arithmetic.json"])
        given = {reason for charge in told["charges"] for reason in charge["given"]}
        assert "a price of no single rate" not in given


@pytest.mark.slow
@pytest.mark.parametrize("name", ["saas", "telecom"])
def test_a_tax_that_is_changed_with_all_that_follows_from_it_is_found(name: str) -> None:
    changed = 0
    for data in month(name).values():
        whole = dict(read_pack(data).files)
        told = json.loads(whole["document.json"])
        body = told["body"]
        taxed = next((each for each in body["taxes"] if each["tax"]), None)
        if taxed is not None:
            taxed["tax"], body["tax"], body["total"] = taxed["tax"] + 1, body["tax"] + 1, body["total"] + 1
            with pytest.raises(ValueError, match=r"^tax .*: is "):
                VERIFY.verify(resealed({**whole, "document.json": canonical_json(told) + b"\n"}))
            changed += 1
    assert changed >= 3


@pytest.mark.slow
def test_a_pack_holds_rows_of_its_own_account_only() -> None:
    mercy, bayview = (read_pack(month("agency")[f"DRAFT-{name}-2026-10"]).files["activity.json"] for name in ("mercy", "bayview"))

    assert b"mercy-north" in mercy
    assert b"mercy-" not in bayview
    assert b"bayview" not in mercy


def test_the_same_document_gives_the_same_bytes(tmp_path: Path) -> None:
    first = repository(tmp_path / "one")
    second = copytree(first, tmp_path / "elsewhere" / "two", symlinks=True)

    one, two = (dict(packs(folder, "2026-10")) for folder in (first, second))

    assert list(one) == ["DRAFT-acme-2026-10"]
    assert one == two


def test_a_pack_is_read_in_a_repository_of_sha256(tmp_path: Path) -> None:
    make_workspace(tmp_path, SHIFTS)
    git(tmp_path, "init", "-q", "-b", "main", "--template=", "--object-format=sha256")
    commit = committed(tmp_path, "Opening book")

    [(_, data)] = packs(tmp_path, "2026-10")

    assert len(commit) == 64
    assert verified(data, tmp_path)[0].endswith(commit)


def test_a_workspace_may_lie_deep_in_a_repository(tmp_path: Path) -> None:
    folder = tmp_path / "billing" / "east"
    folder.mkdir(parents=True)
    make_workspace(folder, SHIFTS)
    git(tmp_path, "init", "-q", "-b", "main", "--template=")
    commit = committed(tmp_path, "Opening book")

    [(_, data)] = packs(folder, "2026-10")

    assert verified(data, tmp_path)[0].endswith(commit)


def test_odd_minutes_are_rounded_once_and_shared(tmp_path: Path) -> None:
    rows = [completed(f"o{n}", f"2026-10-0{n}T18:0{n}", f"2026-10-0{n + 1}T07:0{n + 1}") for n in range(1, 8)]
    [(_, data)] = packs(repository(tmp_path, rows), "2026-10")

    assert "the quantities of 7 rows of activity are made again" in verified(data, tmp_path)[2]


@pytest.mark.slow
def test_taxes_within_prices_and_shared_sites_are_proved(tmp_path: Path) -> None:
    folder = example(tmp_path / "telecom", "telecom")
    taxes = folder / "rates" / "taxes.yaml"
    taxes.write_text(taxes.read_text().replace("tax-class: standard\n", "tax-class: standard\n    inclusive: yes\n"))
    share = "{ share: line, site: harrow-print, from: 2026-01-01, accounts: { harrow-print: 62.5%, oakfield-school: 37.5% } }"
    (folder / "rules" / "assembly.yaml").write_text(f"format: 1\nkind: assembly\nshares: [{share}]\n")
    committed(folder, "Taxes in the price, and a shared line")

    made = dict(packs(folder, "2026-10"))
    said = verified(made["DRAFT-oakfield-school-2026-10"], tmp_path)

    assert b'"included":true' in b"".join(read_pack(data).files["document.json"] for data in made.values())
    assert any("which part of what a shared site costs is whose" in line for line in said)
    for data in made.values():
        verified(data, tmp_path)


# --- the verifier ----------------------------------------------------------------------------------------------------------


def test_the_verifier_is_one_short_file_of_the_standard_library() -> None:
    source = verifier().decode()
    tree = ast.parse(source, feature_version=(3, 9))
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    assert len(source.splitlines()) < 150
    assert imported <= sys.stdlib_module_names


@pytest.mark.parametrize(
    ("formula", "given", "result"),
    [
        ("max(base * percent / 100, 3.50)", {"base": "26.00", "percent": "12.5"}, "3.5"),
        ("base * 2 if base >= 10 and not base == 12 else 0", {"base": "11"}, "22"),
        ("-a + min(a, b, 0.1)", {"a": "0.3", "b": "1"}, "-0.2"),
        ("a / 3", {"a": "1"}, "1/3"),
        ("rate2 * 2", {"rate2": "1.5"}, "3"),
    ],
)
def test_the_verifier_evaluates_formulas_exactly(formula: str, given: dict[str, str], result: str) -> None:
    values = {name: Fraction(value) for name, value in given.items()}

    assert VERIFY.value(formula, values) == Fraction(result)


@pytest.mark.parametrize(
    "formula", ["__import__('os')", "a ** 2", "a // 2", "a.numerator", "[a]", "a = 1", "lambda: a", "1e9", "b", "a; a"]
)
def test_the_verifier_evaluates_nothing_but_formulas(formula: str) -> None:
    with pytest.raises(ValueError, match="is a formula"):
        VERIFY.value(formula, {"a": Fraction(1)})


def test_the_verifier_shares_and_rounds_as_the_engine_does() -> None:
    for numerator in range(-40, 41):
        value = Fraction(numerator, 8)
        for half in HALVES:
            assert VERIFY.rounded(value, half) == rounded(value, half)
        parts = [Fraction(numerator * weight, 7) for weight in (1, 3, 1, 2)]
        assert VERIFY.shares(rounded(sum(parts, Fraction(0))), parts) == shares(rounded(sum(parts, Fraction(0))), parts)
