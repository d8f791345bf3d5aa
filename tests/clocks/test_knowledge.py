"""What was known: commits, sequences and times, told apart and never guessed."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from engine.knowledge import Knowledge, KnowledgeError, commit_at, knowledge
from engine.ratebook.history import History, HistoryError
from engine.store.archive import ArchiveError, FolderArchive
from tests.clocks.repositories import git, repository, repriced


class Known:
    """A history of three commits; the archive knew the first with sequence 1, the second with 1 and then 2."""

    def __init__(self, folder: Path) -> None:
        self.folder = repository(folder)
        self.commits = [git(self.folder, "rev-parse", "HEAD"), repriced(self.folder, "71.00"), ""]
        self.archive = FolderArchive(self.folder / "archive")
        path = self.folder / "activity" / "shifts.csv"
        for time, commit, more in (
            ("2026-10-05T09:00:00Z", 0, ""),
            ("2026-10-12T09:00:00Z", 1, ""),
            ("2026-11-05T09:00:00Z", 1, "\n"),
        ):
            path.write_text(path.read_text(encoding="utf-8") + more, encoding="utf-8")
            sequence = self.archive.take_in([("activity/shifts.csv", path)])
            self.archive.note(time, self.commits[commit], sequence)
        self.history = History.open(self.folder)

    def at(self, **options: object) -> Knowledge:
        return knowledge(self.archive, self.history, **options)  # type: ignore[arg-type]


@pytest.fixture
def known(tmp_path: Path) -> Known:
    return Known(tmp_path / "work")


@pytest.mark.parametrize(
    ("time", "commit", "sequence"),
    [
        ("2026-10-05T09:00:00Z", 0, 1),
        ("2026-10-05", 0, 1),
        ("2026-10-12T08:59:59Z", 0, 1),
        ("2026-10-12T04:00:00-05:00", 1, 1),
        ("2026-10-12 09:00", 1, 1),
        ("2026-11-04", 1, 1),
        ("2026-11-05", 1, 2),
        ("2027-01-01T00:00Z", 1, 2),
    ],
)
def test_a_time_is_looked_up_in_the_log(known: Known, time: str, commit: int, sequence: int) -> None:
    assert known.at(known_at=time) == Knowledge(known.commits[commit], sequence)


def test_before_its_first_entry_the_log_is_silent(known: Known) -> None:
    with pytest.raises(KnowledgeError, match="the archive's log begins at 2026-10-05T09:00:00Z"):
        known.at(known_at="2026-10-04")
    with pytest.raises(KnowledgeError, match="is empty"):
        knowledge(FolderArchive(known.folder / "nowhere"), known.history, known_at="2026-10-04")


@pytest.mark.parametrize("time", ["2026-13-01", "2026-10-05T25:00"])
def test_a_time_that_there_is_not_is_refused(known: Known, time: str) -> None:
    with pytest.raises(Exception, match=r"is not a (time|day)"):
        known.at(known_at=time)


def test_a_commit_comes_with_the_last_activity_that_was_known_with_it(known: Known) -> None:
    assert known.at(known_at=known.commits[0]) == Knowledge(known.commits[0], 1)
    assert known.at(known_at="main") == Knowledge(known.commits[1], 2)


def test_a_commit_newer_than_the_log_comes_with_the_activity_as_it_is(known: Known) -> None:
    newer = repriced(known.folder, "71.00", "No change")
    assert known.at(known_at="HEAD") == Knowledge(newer, None)


def test_a_commit_beside_the_log_needs_its_activity_said(known: Known) -> None:
    git(known.folder, "checkout", "-q", "-b", "side", known.commits[0])
    side = repriced(known.folder, "69.00")
    with pytest.raises(KnowledgeError, match="`--rules-at side --activity-at SEQUENCE`"):
        known.at(known_at="side")
    assert known.at(rules_at="side", activity_at=1) == Knowledge(side, 1)


def test_parts_of_what_was_known_can_be_replaced(known: Known) -> None:
    assert known.at() == Knowledge()
    assert known.at(rules_at="HEAD~1") == Knowledge(known.commits[0], None)
    assert known.at(known_at="2026-10-05", activity_at=2) == Knowledge(known.commits[0], 2)
    assert known.at(known_at="2026-10-05", rules_at="main", day="2026-10-31") == Knowledge(
        known.commits[1], 1, date(2026, 10, 31)
    )


def test_what_is_not_there_is_refused(known: Known) -> None:
    with pytest.raises(ArchiveError, match="it has 1 to 2"):
        known.at(activity_at=3)
    with pytest.raises(HistoryError, match="no commit 'nonsense'"):
        known.at(rules_at="nonsense")
    with pytest.raises(KnowledgeError, match="not in a git repository"):
        knowledge(known.archive, None, rules_at="main")


def test_dates_of_commits_are_never_believed(known: Known) -> None:
    """All commits claim to be of 2001, and of any year their author likes."""
    git(
        known.folder,
        "commit",
        "-q",
        "--amend",
        "--no-edit",
        "--date=2030-01-01",
        env={"GIT_COMMITTER_DATE": "2030-01-01T00:00:00Z"},
    )
    with pytest.raises(KnowledgeError, match="begins at 2026-10-05"):
        known.at(known_at="2002-01-01")


def test_a_book_that_was_in_no_commit_cannot_be_known_again(known: Known) -> None:
    known.archive.note("2026-11-20T00:00:00Z", None, 2)
    with pytest.raises(KnowledgeError, match="at 2026-11-20T00:00:00Z the rule book was in no commit"):
        known.at(known_at="2026-11-21")


def test_a_commit_is_named_by_a_ref_or_by_a_time_at_which_it_was_in_use(known: Known) -> None:
    for word, commit in (("main", 1), ("HEAD~1", 0), ("2026-10-11", 0), ("2026-10-12T09:00Z", 1), ("2030-01-01", 1)):
        assert commit_at(known.archive, known.history, word) == known.commits[commit]
    with pytest.raises(KnowledgeError, match="begins at"):
        commit_at(known.archive, known.history, "2026-01-01")
