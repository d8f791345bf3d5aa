"""Approvals that a change needs, and the commits that carry them or do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.ratebook.history import HistoryError
from tests.review.repository import APPROVALS, DANA, GEO, MINA, STRANGER, TESSA, Repository, found, repository

PRICE, HIGHER = "2026-10-15: 72.55 }", "2026-10-15: 72.55, 2027-02-01: 74.00 }"


@pytest.fixture
def made(tmp_path: Path) -> Repository:
    made = repository(tmp_path)
    made.branch()
    made.edit(GEO, PRICE, HIGHER)
    return made


def demands(made: Repository, base: str | None = None) -> list[str]:
    return found(made, "R105", "R106", "R107", "R108", base=base)


def test_an_approved_change_needs_nothing_more(made: Repository) -> None:
    made.commit("Raise", "Approved-by: D. Ortiz")

    assert demands(made) == []


def test_a_change_without_approval_names_commit_file_and_who_may(made: Repository) -> None:
    commit = made.commit("Raise")
    [said] = demands(made)

    assert said == (
        f"error[R106] {GEO}: commit {commit[:12]} (Tessa Brandt: Raise) changes {GEO} and has no approval of finance-leads "
        f"(Dana Ortiz, Mina Lee). Let Dana Ortiz or Mina Lee approve it: `Approved-by: Dana Ortiz` at the end of its message, or of that of "
        f"the merge."
    )


def test_the_author_s_own_approval_does_not_count(made: Repository) -> None:
    made.commit("Raise", "Approved-by: dana@larkspur.example", who=DANA)
    [said] = demands(made)

    assert "; that of Dana Ortiz, who wrote it, does not count" in said
    assert "Let Mina Lee approve it" in said


def test_a_co_author_is_an_author(made: Repository) -> None:
    made.commit("Raise", f"Co-authored-by: {MINA}", "Approved-by: Mina Lee")

    assert "; that of Mina Lee, who wrote it, does not count" in demands(made)[0]


def test_an_approval_of_somebody_else_does_not_count(made: Repository) -> None:
    made.commit("Raise", "Approved-by: Tessa Brandt", who=STRANGER)

    assert "; that of Tessa Brandt, who does not own it, does not count" in demands(made)[0]


def test_two_approvals_are_two_people(made: Repository) -> None:
    made.git("checkout", "-q", GEO)
    made.edit("rules/items.yaml", "name: Orientation", "name: Orientation shift")
    made.commit("Name", "Approved-by: D. Ortiz", "Approved-by: dana@larkspur.example")
    [said] = demands(made)
    assert "has 1 of 2 approvals of finance-leads" in said

    made.commit("Seen by both", "Approved-by: Mina Lee", "Approved-by: d.ortiz")
    assert demands(made) == []


def test_an_unknown_approver_is_named_with_the_nearest(made: Repository) -> None:
    made.commit("Raise", "Approved-by: D. Ortez")
    unknown, lacking = demands(made)

    assert unknown.startswith(f"warning[R105] {GEO}: commit ")
    assert "was approved by `D. Ortez`, who is not among the people. Did you mean 'Dana Ortiz'?" in unknown
    assert "has no approval" in lacking


def test_what_is_not_committed_cannot_be_verified(made: Repository) -> None:
    [said] = demands(made)

    assert said == (
        f"warning[R107] {GEO}: {GEO} has changes that are in no commit, so nobody can have approved them. "
        f"Commit them, with the approval of finance-leads (Dana Ortiz, Mina Lee)."
    )


def test_a_dirty_main_is_a_change_too(made: Repository) -> None:
    made.git("checkout", "-q", "main")

    assert [each[:13] for each in demands(made)] == ["warning[R107]"]


def test_nothing_changed_is_nothing_to_approve(made: Repository) -> None:
    made.git("checkout", "-q", GEO)

    assert found(made) == []


def test_each_commit_needs_its_approval_unless_a_later_one_speaks_for_it(made: Repository) -> None:
    made.commit("Raise")
    made.edit(GEO, "74.00", "75.00")
    made.commit("Raise more", "Approved-by: D. Ortiz")
    assert [each.partition(": Raise)")[1] for each in demands(made)] == [": Raise)"]

    made.commit("All of it, seen", "Approved-by: M. Lee")
    assert demands(made) == []


def test_what_is_taken_back_needs_no_approval(made: Repository) -> None:
    made.commit("Raise")
    made.edit(GEO, HIGHER, PRICE)
    made.commit("Not yet")

    assert demands(made) == []


def test_a_merge_speaks_for_what_it_brings_in(made: Repository) -> None:
    made.commit("Raise")
    made.git("checkout", "-q", "main")
    made.git("merge", "-q", "--no-ff", "change", "-m", "Merge the raise\n\nApproved-by: M. Lee", who=DANA)
    assert demands(made, base="HEAD^1") == []

    made.git("commit", "-q", "--amend", "-m", "Merge the raise", who=DANA)
    assert [each[:11] for each in demands(made, base="HEAD^1")] == ["error[R106]"]


def test_a_merge_that_changes_a_file_itself_needs_approval(made: Repository) -> None:
    made.commit("Raise", "Approved-by: M. Lee")
    made.git("checkout", "-q", "main")
    made.git("merge", "-q", "--no-ff", "--no-commit", "change")
    made.edit(GEO, "74.00", "99.00")
    merge = made.commit("Merge the raise")
    [said] = demands(made, base="HEAD^1")

    assert f"commit {merge[:12]} (Tessa Brandt: Merge the raise) changes {GEO} and has no approval" in said


def test_main_merged_into_the_branch_is_not_judged_again(made: Repository) -> None:
    made.commit("Raise", "Approved-by: M. Lee")
    made.git("checkout", "-q", "main")
    made.edit("rates/adders.yaml", "2.50", "2.60")
    made.commit("Somebody pushed this")
    made.git("checkout", "-q", "change")
    made.git("merge", "-q", "--no-ff", "main", "-m", "Bring main in")

    assert demands(made) == []


def test_a_squash_merge_carries_the_trailers_in_its_message(made: Repository) -> None:
    made.commit("Raise")
    made.git("checkout", "-q", "main")
    made.git("merge", "-q", "--squash", "change")
    made.commit("Raise (#12)", f"Co-authored-by: {DANA}", "Approved-by: D. Ortiz")
    assert "; that of Dana Ortiz, who wrote it, does not count" in demands(made, base="HEAD^")[0]

    made.git("commit", "-q", "--amend", "-m", "Raise (#12)", "-m", f"Co-authored-by: {DANA}\nApproved-by: M. Lee")
    assert demands(made, base="HEAD^") == []


def test_a_file_with_another_name_needs_no_approval_as_long_as_its_owner_stays(made: Repository) -> None:
    made.git("checkout", "-q", GEO)
    made.git("mv", GEO, "rates/geo.yaml")
    made.commit("Rename")
    assert found(made) == []

    made.git("mv", "rates/geo.yaml", "rules/geo.yaml")
    made.commit("To the rules")
    assert sorted(each.partition(" and has")[2][:30] for each in demands(made)) == [
        " 0 of 2 approvals of finance-l",
        " no approval of finance-leads ",
    ]


def test_nobody_frees_a_change_by_the_change_itself(made: Repository) -> None:
    """Who owns what is read from the base; a change of it needs the approvals it needed so far."""
    looser = APPROVALS.replace("owner: [finance-leads]", "owner: [t.brandt], not-by-author: no").replace(
        "approvals: 2", "approvals: 1"
    )
    made.write("rules/approvals.yaml", looser)
    made.commit("I approve", "Approved-by: Tessa Brandt")

    assert [each.split(" and has ")[1][:20] for each in demands(made)] == ["no approval of finan", "0 of 2 approvals of "]


def test_the_first_file_of_approvals_holds_for_its_own_change(tmp_path: Path) -> None:
    made = repository(tmp_path, approvals=None)
    made.branch()
    made.write("rules/approvals.yaml", APPROVALS)
    made.commit("Approvals from now on", "Approved-by: D. Ortiz")

    assert "has 1 of 2 approvals" in demands(made)[0]


def test_a_rule_file_that_nobody_owns_is_told(tmp_path: Path) -> None:
    made = repository(
        tmp_path,
        approvals=APPROVALS.replace('  - { files: "**", owner: [d.ortiz, m.lee, t.brandt], approvals: 0 }\n', "").replace(
            "rates/**", "rates/accounts/*"
        ),
    )
    made.branch()
    made.edit(GEO, PRICE, HIGHER)
    made.commit("Raise")

    assert demands(made) == [
        f"warning[R108] {GEO}: nobody owns this file, so nobody needs to approve its change. Give it an owner in rules/approvals.yaml."
    ]


def test_a_workspace_inside_a_repository_knows_its_own_files(tmp_path: Path) -> None:
    made = repository(tmp_path, inside="billing/agency")
    made.branch()
    made.edit(GEO, PRICE, HIGHER)
    Repository(tmp_path).write("README.md", "elsewhere\n")
    made.git("add", "-A", ":/")
    made.commit("Raise")
    made.edit("rates/adders.yaml", "2.50", "2.60")

    assert [each.split(":")[0] for each in demands(made)] == [f"error[R106] {GEO}", "warning[R107] rates/adders.yaml"]


# --- clones ----------------------------------------------------------------------------------------------------------------


def test_a_shallow_clone_is_refused_with_the_cure(made: Repository, tmp_path: Path) -> None:
    """As a forge checks a pull request out: one commit, and no branch main."""
    made.commit("Raise", "Approved-by: D. Ortiz")
    made.git("clone", "-q", "--depth", "1", f"file://{made.folder}", str(tmp_path / "ci"))
    clone = Repository(tmp_path / "ci")
    with pytest.raises(HistoryError, match=r"shallow and has no branch main(.|\n)*fetch-depth: 0"):
        found(clone)

    clone.git("fetch", "-q", "--unshallow", "origin")
    clone.git("fetch", "-q", "origin", "main:refs/remotes/origin/main")
    assert found(clone, "R106") == []


def test_a_clone_that_lacks_commits_of_the_change_is_refused(made: Repository, tmp_path: Path) -> None:
    made.commit("Raise")
    made.edit(GEO, "74.00", "75.00")
    made.commit("Raise more", "Approved-by: D. Ortiz")
    made.git("clone", "-q", "--depth", "1", "--no-single-branch", f"file://{made.folder}", str(tmp_path / "ci"))

    with pytest.raises(HistoryError, match="shallow"):
        found(Repository(tmp_path / "ci"))


def test_a_shallow_clone_of_main_itself_has_nothing_to_review(made: Repository, tmp_path: Path) -> None:
    made.git("checkout", "-q", "-f", "main")
    made.git("clone", "-q", "--depth", "1", "--branch", "main", f"file://{made.folder}", str(tmp_path / "ci"))

    assert found(Repository(tmp_path / "ci")) == []


def test_a_detached_pull_request_merge_is_reviewed_by_its_commits(made: Repository, tmp_path: Path) -> None:
    """A forge merges the pull request for its check; that merge says nothing, and the commits in it count."""
    made.commit("Raise", "Approved-by: D. Ortiz")
    made.git("checkout", "-q", "--detach", "main")
    made.git("merge", "-q", "--no-ff", "change", "-m", "Merge into main", who=STRANGER)
    assert found(made, "R106") == []

    made.edit(GEO, "74.00", "75.00")
    made.commit("One more", who=TESSA)
    assert len(found(made, "R106")) == 1
