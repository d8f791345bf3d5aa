"""The commands as a user runs them: what they print, where, and how they exit."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.test_determinism import month
from tests.workspaces import ROOT, completed, inforce, make_workspace


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with October 2026 replayed."""
    folder = make_workspace(tmp_path_factory.mktemp("workspace"), month())
    assert inforce("replay", "2026-10", "-w", folder, "-o", folder / "out", "-f", "json").returncode == 3
    return folder


def test_help_is_quick_and_loads_nothing_heavy() -> None:
    """No library of rating or rendering is imported for help; the best of five runs stays under 0.3 s of CPU."""
    seen = subprocess.run(
        [sys.executable, "-X", "importtime", str(ROOT / "cli.py"), "--help"], capture_output=True, text=True, check=True
    ).stderr
    assert not [
        name
        for name in ("polars", "numpy", "weasyprint", "jinja2", "yaml", "durable", "rich.console")
        if re.search(rf"\| +{name}\b", seen)
    ]
    assert min(_cpu_of_help() for _ in range(5)) < 0.3


def _cpu_of_help() -> float:
    import resource

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, str(ROOT / "cli.py"), "--help"], capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_replay_prints_documents_and_what_became_of_every_row(workspace: Path) -> None:
    done = inforce("replay", "2026-10", "-w", workspace)
    assert done.returncode == 3
    assert "DRAFT-acme-2026-10" in done.stdout
    assert "37 rows read: 34 billed, 1 not billed, 1 held, 1 rejected" in done.stdout
    assert "A111 activity/shifts.csv row 36, end = '2026-10-07T06:00': the end does not come after start." in done.stdout
    summary = json.loads(inforce("replay", "2026-10", "-w", workspace, "--json").stdout)
    assert summary["rows"] == {"read": 37, "billed": 34, "not_billed": 1, "held": 1, "rejected": 1, "other_periods": 0}
    assert [each["number"] for each in summary["documents"]] == ["DRAFT-acme-2026-10", "DRAFT-beta-2026-10"]


def test_an_unchanged_replay_renders_nothing(tmp_path: Path) -> None:
    """What is not rendered again is not even loaded."""
    folder = make_workspace(tmp_path / "w", month())
    words = ("replay", "2026-10", "-w", folder, "-f", "html", "-f", "txt", "-j", "1")
    traced = {"PYTHONPROFILEIMPORTTIME": "1"}
    seen = [inforce(*words, "-o", tmp_path / str(number), env=traced).stderr for number in range(2)]

    assert ["renderers.view" in each for each in seen] == [True, False]
    first, second = ({path.name: path.read_bytes() for path in (tmp_path / str(n)).rglob("*.html")} for n in range(2))
    assert first == second
    assert first


def test_a_clean_month_exits_with_0(tmp_path: Path) -> None:
    folder = make_workspace(tmp_path, [completed("a", "2026-10-06T07:00", "2026-10-06T15:00")])
    assert inforce("replay", "2026-10", "-w", folder).returncode == 0


def test_a_month_without_activity_says_so_in_place_of_an_empty_table(tmp_path: Path) -> None:
    folder = make_workspace(tmp_path, [completed("s1", "2026-10-05T07:00", "2026-10-05T19:00")])
    done = inforce("replay", "2026-09", "-w", folder)

    assert done.stdout.startswith("no document: no row of activity is billed in this period\n\n1 row")


def test_a_range_of_days_is_half_open_and_names_its_documents(tmp_path: Path) -> None:
    rows = [completed(f"d{day}", f"2026-10-{day}T07:00", f"2026-10-{day}T15:00") for day in (14, 15, 16)]
    folder = make_workspace(tmp_path, rows)
    done = inforce("replay", "2026-10-01..2026-10-16", "-w", folder, "-o", folder / "out", "-f", "txt")
    assert (folder / "out" / "DRAFT-acme-2026-10-01-to-2026-10-16.txt").is_file()
    assert "3 rows read: 2 billed, 0 not billed, 0 held, 0 rejected, 1 of other periods" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("replay", "2026-13"), "is not a period"),
        (("replay", "2026-10-16..2026-10-01"), "is empty"),
        (("replay", "2026-10", "--account", "akme"), "there is no account 'akme'; did you mean 'acme'?"),
        (("replay", "2026-10", "--activity", "nowhere.csv"), "there is no file nowhere.csv"),
        (("replay", "2024-02", "--verify"), "has no run of 2024-02"),
        (("explain", "DRAFT-acme-2026-10#one"), "write it like"),
        (("explain", "DRAFT-acme-2026-10#999"), "has lines 1 to"),
        (("explain", "DRAFT-nobody-2026-10#1"), "no archived run has a document"),
        (("replay", "Oct"), "'Oct' is not a period"),
        (("replay", "2026-10", "--at", "2026"), "is not a day"),
        (("replay", "2026-10", "--against", "tests"), "tests holds no earlier output"),
        (("replay", "2026-10", "-o", "/proc/nowhere"), "/proc/nowhere: No such file or directory"),
        (("prove",), "name a document"),
    ],
)
def test_wrong_use_is_said_kindly(workspace: Path, words: tuple[str, ...], said: str) -> None:
    done = inforce(*words, "-w", workspace)
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_place_that_cannot_be_written_stops_before_anything_is_kept(tmp_path: Path) -> None:
    folder = make_workspace(tmp_path, [completed("a", "2026-10-06T07:00", "2026-10-06T15:00")])
    assert inforce("replay", "2026-10", "-w", folder, "-o", "/proc/nowhere", "-f", "csv").returncode == 1
    assert not (folder / "archive" / "runs").exists()


def test_check_names_buyers_that_the_rule_book_lacks(tmp_path: Path) -> None:
    folder = make_workspace(tmp_path, [])
    parties = "seller: { name: Sample Staffing }\nbuyers:\n  acmee: { name: Acme }\n  beta: { name: Beta }\nsites: { beta-clinc: Clinic }\n"
    (folder / "parties.yaml").write_text(parties, encoding="utf-8")
    done = inforce("check", folder)
    assert done.returncode == 0
    for said in ("account acme has no buyer", "no account `acmee`", "Did you mean 'acme'?", "no site `beta-clinc`"):
        assert said in done.stdout
    (folder / "parties.yaml").write_text("sellr: { name: Sample }\n", encoding="utf-8")
    done = inforce("check", folder)
    assert (done.returncode, "Did you mean 'seller'?" in done.stdout) == (1, True)


def test_the_example_is_not_made_over_a_workspace_of_somebody(tmp_path: Path) -> None:
    folder = make_workspace(tmp_path, [])
    done = inforce("demo", folder)
    assert (done.returncode, "is not the example workspace" in done.stderr) == (2, True)


def test_a_day_before_all_terms_stops_the_run_and_writes_nothing(tmp_path: Path) -> None:
    rows = [
        completed("a", "2023-12-31T07:00", "2023-12-31T15:00"),
        completed("b", "2023-12-31T07:00", "2023-12-31T15:00", site="acme-west"),
    ]
    folder = make_workspace(tmp_path, rows)
    done = inforce("replay", "2023-12", "-w", folder)
    assert done.returncode == 1
    assert not (folder / "archive").exists()
    assert "shift a at acme-east on 2023-12-31: the term " in done.stderr
    assert "rates/terms-default.yaml" in done.stderr


def test_an_ended_price_names_the_gap(tmp_path: Path) -> None:
    from tests.sample_book import sample_texts

    geo = sample_texts()["rates/geo-base.yaml"].replace("2026-10-15: 72.55", "2026-10-15: ended")
    folder = make_workspace(tmp_path, [completed("a", "2026-10-20T07:00", "2026-10-20T15:00")], {"rates/geo-base.yaml": geo})
    done = inforce("replay", "2026-10", "-w", folder)
    assert done.returncode == 1
    for words in (
        "no price for 'RN' is in force at acme-east",
        "from 2026-10-15",
        "geo-base:NYC/RN (70.00 from 2024-01-01, ended from 2026-10-15) at rates/geo-base.yaml:",
    ):
        assert words in done.stderr


def test_every_line_explains_itself_and_the_steps_multiply_out(workspace: Path) -> None:
    """For every line of every document: the price's steps, each row's quantity x price, and their sums, from the JSON alone."""
    from connectors.files import named_files, read_activity
    from connectors.workspace import find_workspace
    from engine.dates import parse_period
    from engine.explain import Explainer
    from engine.pipeline import preview
    from engine.ratebook.build import build
    from engine.ratebook.files import read_workspace_files
    from engine.steps.rate import Rater

    space, book = find_workspace(workspace), build(read_workspace_files(workspace))
    raw = read_activity(named_files(space.activity_files(), workspace), book.kinds["shift"])
    found = preview(Rater(book), {"shift": raw}, parse_period("2026-10"), inside=True)
    explainer = Explainer(book, found)
    for path in sorted((workspace / "out").glob("DRAFT-*.json")):
        document = json.loads(path.read_bytes())
        for line in document["body"]["lines"]:
            told: Any = json.loads(json.dumps(explainer.line(document["envelope"]["number"], line["line"])))
            assert told["body_sha256"] == document["body_sha256"]
            assert Fraction(told["amount"]) * 100 == line["amount"]
            assert sum(Fraction(row["quantity"]) for row in told["rows"]) * Fraction(told["price"]) == Fraction(told["exact"])
            assert sum(Fraction(row["amount"]) for row in told["rows"]) == Fraction(told["amount"])
            assert all(Fraction(row["quantity"]) * Fraction(row["price"]) == Fraction(row["exact"]) for row in told["rows"])
            assert {made_by_hand(price) for price in told["prices"]} == {Fraction(told["price"])}
    as_json = json.loads(inforce("explain", "DRAFT-beta-2026-10#1", "-w", workspace, "--json").stdout)
    for name, value in json.loads(json.dumps(explainer.line("DRAFT-beta-2026-10", 1))).items():
        if name not in ("prices", "rows", "rounding"):  # there, commits stand beside places
            assert as_json[name] == value


def made_by_hand(price: dict[str, Any]) -> Fraction:
    """A price from its steps."""
    base, adds = Fraction(price["base"]["value"]), {step["premium"]: Fraction(step["adds"]) for step in price["premiums"]}
    if price["own_line"]:
        return adds[price["own_line"]]
    return base + (adds[price["counts"]] if price["counts"] else sum(adds.values()))


def test_an_explanation_reads_from_timesheet_to_amount(workspace: Path) -> None:
    done = inforce("explain", "DRAFT-beta-2026-10#1", "-w", workspace, "--rows", "1")
    assert done.returncode == 0
    for words in (
        "base price",
        "rates/geo-base.yaml:",
        "applied      completed",
        "not applied  no-show   not: status is no-show",
        "rounding   half up",
        "less break",
    ):
        assert words in done.stdout


def test_explain_refuses_a_rule_book_that_is_not_the_documents(tmp_path: Path) -> None:
    folder = make_workspace(tmp_path, [completed("a", "2026-10-06T07:00", "2026-10-06T15:00")])
    inforce("replay", "2026-10", "-w", folder)
    geo = folder / "rates" / "geo-base.yaml"
    geo.write_text(geo.read_text() + "# a comment changes nothing\n")
    assert inforce("explain", "DRAFT-acme-2026-10#1", "-w", folder).returncode == 0
    geo.write_text(geo.read_text().replace("70.00", "70.01"))
    done = inforce("explain", "DRAFT-acme-2026-10#1", "-w", folder)
    assert done.returncode == 1
    assert "the rule book was in no commit when run 1 of 2026-10 was made" in done.stderr
    assert "so they cannot explain it" in done.stderr


def test_check_finds_and_points(tmp_path: Path) -> None:
    folder = make_workspace(tmp_path, [])
    assert inforce("check", folder).stdout == "checked 21 files, 15 prices, 11 examples: 0 errors, 0 warnings\n"
    item = folder / "rules" / "items.yaml"
    item.write_text(item.read_text().replace("tax-class: exempt }", "tax-clas: exempt }", 1))
    done = inforce("check", folder)
    assert done.returncode == 1
    assert "error[R004]: unknown field `tax-clas`" in done.stdout
    assert "rules/items.yaml:4:" in done.stdout
    assert "did you mean" in done.stdout.lower()
    as_json = json.loads(inforce("check", folder, "--format", "json").stdout)
    assert {problem["code"] for problem in as_json["problems"]} >= {"R004"}


@pytest.mark.slow
def test_the_demo_bills_a_month_and_ends_with_what_to_try_next(tmp_path: Path) -> None:
    """A git history of valid books, over 2,000 shifts, held and rejected rows, every document in every form; and the commands it names work."""
    began = time.monotonic()
    folder = tmp_path / "demo"
    done = inforce("demo", folder)
    assert done.returncode == 0, done.stderr
    read = int(re.search(r"([\d,]+) rows read", done.stdout)[1].replace(",", ""))  # type: ignore[index]  # it is there
    assert read > 2_000
    assert "14 documents" in done.stdout
    assert "held: " in done.stdout
    assert "rejected: " in done.stdout
    assert len(list((folder / "out" / "2026-10").glob("*.pdf"))) == 14
    for commit in git(folder, "log", "--format=%h").split():
        git(folder, "checkout", "-q", commit)
        assert inforce("check", folder).returncode == 0
    git(folder, "checkout", "-q", "main")
    assert git(folder, "status", "--porcelain") == ""
    assert inforce("replay", "-w", folder, "2026-10", "--verify").returncode == 3
    assert inforce("explain", "-w", folder, re.search(r"explain -w \S+ (\S+)", done.stdout)[1]).returncode == 0  # type: ignore[index]  # it is there
    assert time.monotonic() - began < 600


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True).stdout
