"""`inforce diff` as a user runs it: commits, the files as they are, days, both clocks, and each form of output."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from engine.ratebook.changes import Change, Difference
from engine.ratebook.difference import difference
from renderers.difference_markdown import render_difference_markdown
from renderers.difference_text import render_difference, summary
from tests.difference.test_changes import BILLABLE, GEO, book
from tests.workspaces import inforce, make_workspace

GIT = {
    "GIT_AUTHOR_NAME": "D. Ortiz", "GIT_AUTHOR_EMAIL": "d@agency.example", "GIT_COMMITTER_NAME": "D. Ortiz",
    "GIT_COMMITTER_EMAIL": "d@agency.example", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "HOME": "/nonexistent",
}  # fmt: skip


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rule book in two commits (tags one and two), and an edit that is in none."""
    folder = make_workspace(tmp_path_factory.mktemp("diff"), [])
    _git(folder, "init", "-q", "-b", "main")
    _commit(folder, "one")
    _replace(folder / GEO, {"price: 82.00": "price: 85.00"})
    _commit(folder, "two")
    _replace(
        folder / BILLABLE, {"when: { status: no-show }\n    then: none": "when: { status: no-show }\n    then: { fixed: 1h }"}
    )
    return folder


def _git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, env={**GIT, "PATH": "/usr/bin:/bin"})


def _commit(folder: Path, tag: str) -> None:
    _git(folder, "add", "rates", "rules", "inforce.toml")
    _git(folder, "commit", "-q", "-m", tag)
    _git(folder, "tag", tag)


def _replace(path: Path, texts: Mapping[str, str]) -> None:
    text = path.read_text("utf-8")
    for old, new in texts.items():
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, "utf-8")


def _ids(workspace: Path, *words: str) -> list[str]:
    told = inforce("diff", "-w", workspace, "--json", *words)
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout)
    assert found["schema"] == "inforce.diff/1"
    return [each["id"] for each in found["changes"]]


def test_two_commits_one_commit_and_none(workspace: Path) -> None:
    assert _ids(workspace, "one", "two") == ["geo-base:LA/ICU"]
    assert _ids(workspace, "one") == ["geo-base:LA/ICU", "billable/no-show"]
    assert _ids(workspace) == ["billable/no-show"]


def test_two_days_of_the_files_or_of_a_commit_and_both_clocks(workspace: Path) -> None:
    days = ("--at", "2026-10-01", "--at", "2026-10-20")

    assert _ids(workspace, *days) == _ids(workspace, "one", *days) == ["geo-base:LA/ICU", "geo-base:NYC/RN", "acme:icu-surge"]
    assert _ids(workspace, "one", "two", "--at", "2026-10-01") == []
    assert _ids(workspace, "one", "two", "--at", "2026-10-20") == ["geo-base:LA/ICU"]


def test_only_what_is_asked_for(workspace: Path) -> None:
    assert _ids(workspace, "one", "--only", "rules/") == ["billable/no-show"]
    assert _ids(workspace, "one", "--only", "geo-base:LA", "--only", "nothing") == ["geo-base:LA/ICU"]


def test_it_ends_with_1_if_that_is_asked_and_there_are_differences(workspace: Path) -> None:
    assert inforce("diff", "-w", workspace, "one", "two").returncode == 0
    assert inforce("diff", "-w", workspace, "one", "two", "--exit-code").returncode == 1
    assert inforce("diff", "-w", workspace, "two", "two", "--exit-code").returncode == 0


def test_an_unknown_commit_and_too_many_words_are_refused(workspace: Path) -> None:
    unknown, many = inforce("diff", "-w", workspace, "three"), inforce("diff", "-w", workspace, "one", "two", "two")

    assert (unknown.returncode, many.returncode) == (1, 2)
    assert "no commit 'three'" in unknown.stderr
    assert "at most two commits" in many.stderr


# --- forms


@pytest.fixture(scope="module")
def found() -> Difference:
    """A price and a rule."""
    return difference(book(), book((GEO, "price: 82.00", "price: 85.00"), (BILLABLE, "status: no-show }\n    then: none", "status: no-show }\n    then: { fixed: 1h }")))  # fmt: skip


def test_the_text_reads_line_by_line(found: Difference) -> None:
    assert render_difference(found).splitlines() == [
        "price  geo-base:LA/ICU   82.00 -> 85.00  (+3.7%)   from 2026-10-20   m.lee 2026-09-30 FIN-1   rates/geo-base.yaml:24:7",
        "rule   billable/no-show  none -> fixed 1h   rules/billable.yaml:11:5",
        "    case: status no-show on 2024-07-01: none -> fixed 1h  (by no-show)",
        f"    {_note(found.changes[1])}",
        "",
        "2 changes: 1 price, 1 rule",
    ]


def _note(change: Change) -> str:
    [note] = change.notes
    assert note.endswith("signatures of billable are decided otherwise")
    return note


def test_markdown_has_a_row_for_each_change_and_the_cases_below(found: Difference) -> None:
    lines = render_difference_markdown(found).splitlines()

    assert lines[0] == "### 2 changes: 1 price, 1 rule"
    assert (
        "| price | **geo-base:LA/ICU** | 82.00 | 85.00 | +3.7% | from 2026-10-20 | m.lee 2026-09-30 FIN-1 | `rates/geo-base.yaml:24:7` |"
        in lines
    )
    assert any(line.startswith("- status no-show on 2024-07-01: none -\\> fixed 1h") for line in lines)


def test_no_difference_is_said_in_a_sentence() -> None:
    assert render_difference(Difference(())) == "no difference: the rule books mean the same"


def test_markdown_cannot_be_written_by_a_rule_book() -> None:
    found = difference(book(), book(("rules/items.yaml", "name: Orientation", 'name: "<b>|x|</b>\\n# y"')))

    row = next(line for line in render_difference_markdown(found).splitlines() if "ORIENT" in line)
    assert "\\<b\\>\\|x\\|\\</b\\> \\# y" in row


def test_charged_prices_are_counted_in_words(found: Difference) -> None:
    [price] = (each for each in found.changes if each.what == "price")
    charged = replace(price, what="charged")

    assert summary(Difference((charged,))) == "1 change: 1 charged price"
    assert summary(Difference((charged, charged))) == "2 changes: 2 charged prices"
