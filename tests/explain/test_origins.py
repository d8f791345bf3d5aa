"""Where a line of a rule file comes from: its commit, the merges that brought it in, and whose approval those record."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.origins import Origins
from engine.ratebook.history import History
from tests.explain.histories import commit, edit, git

FILE = "rules/policy.yaml"
TEXT = """format: 1
rules:
  - id: first
    when: { status: done }
    then: worked
    reason: opening
    approved: { by: m.lee, on: 2024-08-15, ref: FIN-1 }
  - id: second
    then: none
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "-b", "main", "--template=")
    (tmp_path / "rules").mkdir()
    (tmp_path / FILE).write_text(TEXT)
    commit(tmp_path, "Opening", "Approved-by: M. Lee")
    return tmp_path


def origins(folder: Path) -> Origins:
    history = History.open(folder)
    head = history.resolve("HEAD")
    return Origins(history, head, history.files_at(head))


def branch(folder: Path, name: str) -> None:
    git(folder, "checkout", "-q", "-b", name)


def merge(folder: Path, into: str, other: str, subject: str, *trailers: str) -> str:
    git(folder, "checkout", "-q", into)
    git(folder, "merge", "-q", "--no-ff", other, "-m", subject, *(["-m", "\n".join(trailers)] if trailers else []))
    return git(folder, "rev-parse", "HEAD")


def test_a_commit_on_the_main_line_stands_for_itself(folder: Path) -> None:
    first = git(folder, "rev-parse", "HEAD")
    edit(folder, FILE, "then: none", "then: scheduled")
    second = commit(folder, "Second", author="R. Chen")
    found = origins(folder)
    assert found.of(f"{FILE}:3:5") == {"commit": first, "approval": "M. Lee"}
    assert found.of(f"{FILE}:9:5") == {"commit": second, "approval": "not recorded"}
    assert found.commit_told(second) == {"author": "R. Chen", "subject": "Second", "approved_by": []}


def test_a_line_inside_an_entry_that_changed_later_is_told_beside_it(folder: Path) -> None:
    first = git(folder, "rev-parse", "HEAD")
    edit(folder, FILE, "then: worked", "then: none # was worked")
    second = commit(folder, "Inside")
    assert origins(folder).of(f"{FILE}:3:5") == {"commit": first, "approval": "M. Lee", "entry_changed_in": [second]}


def test_the_merges_that_brought_a_commit_in_count_from_the_outside_in(folder: Path) -> None:
    """feature goes into develop, and develop into main; commits before, between and after do not matter."""
    branch(folder, "develop")
    branch(folder, "feature")
    edit(folder, FILE, "then: none", "then: scheduled")
    change = commit(folder, "The change", "Approved-by: A. One")
    (folder / "after.txt").write_text("after")
    commit(folder, "After it", "Approved-by: N. Obody")
    git(folder, "checkout", "-q", "develop")
    (folder / "other.txt").write_text("other")
    commit(folder, "Beside it", "Approved-by: N. Obody")
    inner = merge(folder, "develop", "feature", "Merge feature", "Approved-by: B. Two")
    git(folder, "checkout", "-q", "main")
    for number in range(5):
        (folder / f"{number}.txt").write_text("more")
        commit(folder, f"More {number}", "Approved-by: N. Obody")
    outer = merge(folder, "main", "develop", "Merge develop", "Approved-by: C. Three", "Approved-by: A. One")
    (folder / "last.txt").write_text("last")
    commit(folder, "Last", "Approved-by: N. Obody")
    found = origins(folder)
    assert found.of(f"{FILE}:9:5") == {"commit": change, "approval": "A. One, C. Three, B. Two"}
    merges = found.commit_told(change)["merged_in"]
    assert isinstance(merges, list)
    assert [each["commit"] for each in merges] == [outer, inner]


def test_what_no_commit_holds_has_no_approval(folder: Path) -> None:
    history = History.open(folder)
    edit(folder, FILE, "then: none", "then: scheduled")
    found = Origins(history, None, {FILE: (folder / FILE).read_bytes()})
    assert found.of(f"{FILE}:9:5") == {"commit": None, "approval": "not recorded"}
    assert found.of(f"{FILE}:99:5") == {"commit": None, "approval": "not recorded"}
    assert found.of("activity/2026-10.csv:12") == {}
    assert Origins(None, None, {}).of(f"{FILE}:3:5") == {}


def test_a_shallow_clone_says_that_a_line_may_be_older(folder: Path, tmp_path: Path) -> None:
    edit(folder, FILE, "then: none", "then: scheduled")
    commit(folder, "Second")
    edit(folder, FILE, "then: worked", "then: none # now")
    commit(folder, "Third")
    clone = tmp_path / "clone"
    git(folder, "clone", "-q", "--depth", "1", f"file://{folder}", str(clone))
    found = origins(clone)
    commit_id = str(found.of(f"{FILE}:3:5")["commit"])
    assert "may be older" in str(found.commit_told(commit_id)["note"])


def test_an_entry_says_its_own_reason_where_the_book_does_not_carry_it(folder: Path) -> None:
    told = origins(folder).with_origins(
        {"rows": [{"source": f"{FILE}:3:5"}, {"source": f"{FILE}:8:5", "approved": "by the book"}]}
    )
    first, second = told["rows"]
    assert (first["reason"], first["approved"]) == ("opening", "m.lee 2024-08-15 FIN-1")
    assert second["approved"] == "by the book"
    assert set(told["commits"]) == {first["commit"]}
