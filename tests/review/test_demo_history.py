"""The example agency keeps its own rules: each commit of its history passes the review against the one before."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from connectors.demo import write_workspace
from engine.ratebook.history import History
from tests.review.repository import Repository, findings


@pytest.fixture(scope="module")
def agency(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    folder = tmp_path_factory.mktemp("agency")
    write_workspace(folder)
    return Repository(folder)


def test_each_commit_of_the_history_is_approved_and_changes_nothing_past(agency: Repository) -> None:
    commits = History.open(agency.folder).records(agency.git("rev-list", "--reverse", "HEAD").split())
    for before, after in pairwise(commits):
        assert [str(each) for each in findings(agency, before.id, after.id)] == [], after.subject
        assert after.says("Approved-by")


def test_without_its_approvals_a_commit_would_not_pass(agency: Repository, tmp_path: Path) -> None:
    """The floor of 3.50 is a rule, and two people must approve a rule."""
    agency.git("clone", "-q", str(agency.folder), str(tmp_path / "clone"))
    clone = Repository(tmp_path / "clone")
    clone.git("checkout", "-q", "HEAD^^")
    assert "floor of 3.50" in clone.git("log", "-1", "--format=%s")
    for trailer, lacking in (
        ("Approved-by: D. Ortiz", ["1 of 2 approvals"]),
        ("Seen-by: D. Ortiz", ["0 of 2 approvals", "no approval of fin"]),
    ):
        clone.git("commit", "-q", "--amend", "-m", "Rates of 2026", "-m", trailer)
        found = [each.message.partition(" and has ")[2] for each in findings(clone, "HEAD^", "HEAD") if each.code == "R106"]
        assert sorted(each[: len(words)] for each, words in zip(sorted(found), lacking, strict=True)) == lacking
