"""`inforce check` on a change, as finance runs it: what it compares with, and the money of days that are billed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.review.repository import DANA, GEO, Repository, repository
from tests.workspaces import completed, inforce, write_rows

CURRENT = "{ 2024-01-01: 70.00, 2026-10-15: 72.55 }"
LATE = "{ 2024-01-01: 70.00, 2026-10-05: 71.00, 2026-10-15: 72.55 }"
ENV = {"INFORCE_NOW": "2026-11-24T09:00:00Z"}


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """October is issued: 8 hours of a nurse at 70.00, and 8 at 72.55."""
    made = repository(tmp_path_factory.mktemp("issued"), approvals=None)
    made.write(".gitignore", "/activity/\n/archive/\n")
    made.commit("Ignore what is no rule")
    (made.folder / "activity").mkdir()
    write_rows(
        made.folder / "activity" / "shifts.csv",
        [completed("S-1", "2026-10-07T08:00", "2026-10-07T16:30"), completed("S-2", "2026-10-21T08:00", "2026-10-21T16:30")],
    )
    assert inforce("replay", "2026-10", "-w", made.folder, "--issue", env=ENV).returncode == 0
    made.branch()
    return made


def test_the_money_is_that_of_the_impact(issued: Repository) -> None:
    issued.edit(GEO, CURRENT, LATE)
    done = inforce("check", issued.folder, env=ENV)
    issued.edit(GEO, LATE, CURRENT)

    assert done.returncode == 1, done.stderr
    assert (
        "error[R030]: this change reaches 1 issued invoice (2026-10, +8.00 USD)\n  --> rates/geo-base.yaml:10:34" in done.stdout
    )
    assert "= help: Let it start on 2026-11-01 or later, or ask for corrections: `retroactive: { reason: ... }`" in done.stdout


def test_nothing_that_was_there_before_is_told_again(issued: Repository) -> None:
    done = inforce("check", issued.folder, env=ENV)

    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"checked 21 files, .*: 0 errors, 0 warnings\n", done.stdout)


def test_a_change_is_judged_against_its_base_or_another_commit(tmp_path: Path) -> None:
    made = repository(tmp_path)
    first = made.git("rev-parse", "HEAD")
    made.edit(GEO, "2026-10-15: 72.55", "2026-12-01: 72.55")
    second = made.commit("On main already, and never approved", who=DANA)
    assert inforce("check", made.folder, env=ENV).returncode == 0

    against = inforce("check", made.folder, "--base", first, "--format", "json", env=ENV)
    found = [each for each in json.loads(against.stdout)["problems"] if each["severity"] == "error"]
    assert against.returncode == 1
    assert [(each["code"], each["path"]) for each in found] == [("R106", GEO)]
    assert f"commit {second[:12]} (Dana Ortiz: On main already" in found[0]["message"]

    made.edit(GEO, "2026-12-01: 72.55", "2026-12-01: 72.5x")
    assert "error[R007]" in inforce("check", made.folder, env=ENV).stdout
    at_commit = inforce("check", made.folder, "--rules-at", second, "--base", first, env=ENV)
    assert (at_commit.stdout.count("error["), at_commit.stdout.count("error[R106]")) == (1, 1)


def test_a_broken_base_is_told_and_its_repair_can_be_approved(tmp_path: Path) -> None:
    made = repository(tmp_path)
    made.edit(GEO, "2026-10-15: 72.55", "2026-10-15: 72.5x")
    made.commit("Broken")
    made.branch()
    made.edit(GEO, "2026-10-15: 72.5x", "2026-10-15: 72.55")
    made.commit("Repaired", "Approved-by: M. Lee")
    done = inforce("check", made.folder, env=ENV)

    assert done.returncode == 0, done.stdout
    assert "warning[R109]" in done.stdout
    assert "which the change began from, has errors: error[R007] rates/geo-base.yaml:10" in done.stdout
    assert done.stdout.count("warning[R094]") == 2  # of the line that is repaired, not of all the file


def test_the_first_rule_book_has_no_base(tmp_path: Path) -> None:
    made = repository(tmp_path, approvals=None)
    made.git("update-ref", "-d", "HEAD")
    assert inforce("check", made.folder, env=ENV).returncode == 0

    made.git("rm", "-q", "-r", "--cached", ".")
    made.write("README.md", "to come\n")
    made.git("add", "README.md")
    made.git("commit", "-q", "-m", "Begin")
    assert inforce("check", made.folder, env=ENV).returncode == 0


def test_outside_git_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    made = repository(tmp_path / "away", approvals=None)
    (made.folder / ".git").rename(tmp_path / "git")
    assert inforce("check", made.folder, env=ENV).returncode == 0

    refused = inforce("check", made.folder, "--base", "main", env=ENV)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "has no history in git, so there is no commit 'main'" in refused.stderr


def test_a_clone_of_one_commit_is_refused_in_words(tmp_path: Path) -> None:
    made = repository(tmp_path / "origin")
    made.branch()
    made.commit("Nothing yet")
    made.git("clone", "-q", "--depth", "1", f"file://{made.folder}", str(tmp_path / "ci"))
    done = inforce("check", tmp_path / "ci", env=ENV)

    assert (done.returncode, done.stdout) == (1, "")
    assert "this clone is shallow" in done.stderr
    assert "give actions/checkout `fetch-depth: 0`" in done.stderr
