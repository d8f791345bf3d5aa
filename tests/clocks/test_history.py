"""Rule books of any commit, from git's objects alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.problems import ProblemsFound
from engine.ratebook.files import NoRuleBookError, read_workspace_files
from engine.ratebook.history import History, HistoryError
from tests.clocks.repositories import PRICE, committed, git, repository, repriced


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return repository(tmp_path / "work")


def test_a_commit_holds_what_was_committed(folder: Path) -> None:
    first = git(folder, "rev-parse", "HEAD")
    before = read_workspace_files(folder)
    second = repriced(folder, "71.00")
    history = History.open(folder)
    assert history.files_at(first) == before
    assert history.files_at("main") == history.files_at(second) == read_workspace_files(folder)
    assert history.files_at("HEAD~1")["rates/geo-base.yaml"] != history.files_at("HEAD")["rates/geo-base.yaml"]


def test_what_lies_in_the_folder_is_no_part_of_a_commit(folder: Path) -> None:
    history = History.open(folder)
    assert history.state().dirty is False
    path = folder / "rates" / "geo-base.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("70.00", "99.00"), encoding="utf-8")
    (folder / "rates" / "new.yaml").write_text("format: 1\n", encoding="utf-8")
    assert history.state().dirty is True
    assert PRICE.encode() in history.files_at("HEAD")["rates/geo-base.yaml"]
    assert "rates/new.yaml" not in history.files_at("HEAD")


def test_a_folder_inside_a_repository_is_a_workspace_of_its_own(tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init", "-q", "-b", "main", "--template=")
    inner = repository(outer / "books" / "acme")
    (inner / ".git").rename(tmp_path / "gone")
    commit = committed(outer, "Books")
    assert History.open(inner).files_at(commit) == read_workspace_files(inner)


def test_a_bare_repository_has_the_same_books(folder: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--bare", str(folder), "bare.git")
    bare = History.open(tmp_path / "bare.git")
    assert bare.bare
    assert bare.files_at("main") == read_workspace_files(folder)
    assert bare.state().dirty is False


def test_a_shallow_clone_says_what_it_lacks(folder: Path, tmp_path: Path) -> None:
    first = git(folder, "rev-parse", "HEAD")
    repriced(folder, "71.00")
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{folder}", "shallow")
    history = History.open(tmp_path / "shallow")
    assert history.is_shallow()
    assert history.files_at("HEAD") == read_workspace_files(folder)
    with pytest.raises(HistoryError, match=r"has no commit '[0-9a-f]{40}'.\nThis clone is shallow.*git fetch --unshallow"):
        history.files_at(first)


@pytest.mark.parametrize(
    ("said", "is_like_a_time"), [("yesterday", True), ("05/11/2026", True), ("2026-11", True), ("mian", False)]
)
def test_what_looks_like_a_time_is_told_how_times_are_written(folder: Path, said: str, is_like_a_time: bool) -> None:
    with pytest.raises(HistoryError, match="has no commit") as refused:
        History.open(folder).files_at(said)

    assert ("A time is written like 2026-11-05 or 2026-11-05T09:14Z." in str(refused.value)) is is_like_a_time


def test_a_commit_that_was_rewritten_away_is_refused(folder: Path) -> None:
    lost = repriced(folder, "71.00")
    git(folder, "reset", "-q", "--hard", "HEAD~1")
    git(folder, "reflog", "expire", "--expire=now", "--all")
    git(folder, "gc", "-q", "--prune=now")
    with pytest.raises(HistoryError, match="Its history was rewritten, or the commit was never pushed here"):
        History.open(folder).files_at(lost)


def test_a_name_that_nothing_has_gets_the_nearest(folder: Path) -> None:
    with pytest.raises(HistoryError, match=r"no commit 'mian'.\nDid you mean 'main'\?"):
        History.open(folder).resolve("mian")


@pytest.mark.parametrize("ref", ["main@{yesterday}", "main@{2026-01-01}", "@{1 week ago}"])
def test_what_was_when_is_not_asked_of_git(folder: Path, ref: str) -> None:
    with pytest.raises(HistoryError, match="dates in git can be set to anything"):
        History.open(folder).resolve(ref)


@pytest.mark.parametrize("ref", ["", "-h", "--all", "main:rates", "HEAD:rates/geo-base.yaml"])
def test_what_is_no_commit_is_refused(folder: Path, ref: str) -> None:
    with pytest.raises(HistoryError):
        History.open(folder).resolve(ref)


def test_a_replaced_commit_stays_what_it_was(folder: Path) -> None:
    """`git replace` puts another commit in the place of a recorded one; we read what was recorded."""
    first = git(folder, "rev-parse", "HEAD")
    before = History.open(folder).files_at(first)
    second = repriced(folder, "71.00")
    git(folder, "replace", first, second)
    assert "71.00" in git(folder, "show", f"{first}:rates/geo-base.yaml")
    assert History.open(folder).files_at(first) == before


def test_a_hook_around_us_does_not_lead_elsewhere(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = repository(tmp_path / "other")
    repriced(other, "99.00")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    assert PRICE.encode() in History.open(folder).files_at("HEAD")["rates/geo-base.yaml"]


def test_links_submodules_pointers_and_misnamed_files_are_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "rates" / "link.yaml").symlink_to("geo-base.yaml")
    (folder / "rates" / "big.yaml").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", encoding="utf-8"
    )
    (folder / "rates" / "old.yml").write_text("format: 1\n", encoding="utf-8")
    other = repository(tmp_path / "other")
    git(folder, "submodule", "-q", "add", str(other), "rules/shared")
    commit = committed(folder, "Trouble")
    with pytest.raises(ProblemsFound) as found:
        History.open(folder).files_at(commit)
    said = {problem.source.path: problem.message for problem in found.value.problems}
    assert said == {
        "rates/link.yaml": "in a commit, a link is only a text",
        "rates/big.yaml": "the commit holds a pointer of Git LFS, not the file",
        "rates/old.yml": "the file would not be read: its name does not end in .yaml",
        "rules/shared": "a submodule is not followed",
    }


def test_a_commit_without_a_book_says_so(folder: Path) -> None:
    git(folder, "checkout", "-q", "--orphan", "empty")
    git(folder, "rm", "-rfq", ".")
    (folder / "note.txt").write_text("nothing\n", encoding="utf-8")
    with pytest.raises(NoRuleBookError, match="holds no rule book"):
        History.open(folder).files_at(committed(folder, "Nothing"))


def test_a_folder_without_history_says_so(tmp_path: Path) -> None:
    assert History.find(tmp_path) is None
    with pytest.raises(HistoryError, match="is not in a git repository"):
        History.open(tmp_path)


def test_what_a_commit_says_of_itself(folder: Path) -> None:
    commit = repriced(
        folder, "71.00", "Ünïcode: a price", "Approved-by: M. Lee", "approved-BY: D. Ortiz <d@example.com>", "Ref: FIN-7"
    )
    told = History.open(folder).commit(commit)
    assert (told.id, told.author, told.author_email, told.subject) == (commit, "Ann", "ann@example.com", "Ünïcode: a price")
    assert told.says("Approved-by") == ("M. Lee", "D. Ortiz <d@example.com>")
    assert told.says("Ref") == ("FIN-7",)
    assert told.parents == (git(folder, "rev-parse", "HEAD~1"),)


def test_the_base_of_work_is_what_a_branch_has_in_common_with_main(folder: Path) -> None:
    history = History.open(folder)
    first = git(folder, "rev-parse", "HEAD")
    assert history.base() == first
    git(folder, "checkout", "-q", "-b", "rates")
    repriced(folder, "71.00")
    assert history.base() == first
    assert history.commits_between(first, "HEAD") == [git(folder, "rev-parse", "HEAD")]
    assert history.commits_between(first, "HEAD", "rules") == []
    assert history.is_ancestor(first, "HEAD")
    assert not history.is_ancestor("HEAD", first)


def test_histories_without_a_common_commit_say_so(folder: Path) -> None:
    git(folder, "checkout", "-q", "--orphan", "island")
    committed(folder, "Another beginning")
    with pytest.raises(HistoryError, match="have no commit in common"):
        History.open(folder).merge_base("main", "island")


def test_each_line_has_the_commit_that_changed_it(folder: Path) -> None:
    first = git(folder, "rev-parse", "HEAD")
    second = repriced(folder, "71.00")
    history = History.open(folder)
    told = history.commits_of_lines("HEAD", "rates/geo-base.yaml")
    lines = (folder / "rates" / "geo-base.yaml").read_text(encoding="utf-8").splitlines()
    assert len(told) == len(lines)
    assert [commit for commit, line in zip(told, lines, strict=True) if "71.00" in line] == [second]
    assert set(told) == {first, second}


def test_a_repository_that_git_does_not_trust_is_no_folder_without_history(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mounted repository belongs to somebody else; without a word its invoices would have no commit."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    with pytest.raises(HistoryError, match=r"(?s)git refuses the repository.*safe\.directory"):
        History.find(folder)
