"""The two clocks as a user turns them: replays at what was known, months in one run, issued runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.clocks.repositories import git, more_rows, repository, repriced
from tests.workspaces import completed, inforce

LATE = completed("s3", "2026-10-25T07:00", "2026-10-25T19:00")
CSV = ("--format", "csv", "--format", "json")


def replay(folder: Path, *words: str, now: str = "2026-11-05T09:00:00Z") -> tuple[int, str, str]:
    done = inforce("replay", "-w", folder, *words, env={"INFORCE_NOW": now})
    return done.returncode, done.stdout, done.stderr


def total(folder: Path, *words: str) -> int:
    said = replay(folder, *words, "--json", now="2026-11-20T09:00:00Z")[1]
    return int(json.loads(said)["documents"][0]["total"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return repository(tmp_path / "work")


def test_a_month_is_restated_as_it_was_known(folder: Path) -> None:
    """A rate and a row come after the month was billed; both clocks turn back together or one by one."""
    sealed = git(folder, "rev-parse", "HEAD")
    assert replay(folder, "2026-10", "--out", str(folder / "out"), *CSV)[0] == 0
    first = json.loads((folder / "out" / "summary.json").read_text(encoding="utf-8"))["documents"][0]["total"]
    repriced(folder, "75.00")
    more_rows(folder, LATE)
    now = total(folder, "2026-10")
    old_rules, old_rows = total(folder, "2026-10", "--rules-at", sealed), total(folder, "2026-10", "--activity-at", "1")
    assert len({first, now, old_rules, old_rows}) == 4
    assert total(folder, "2026-10", "--known-at", sealed) == total(folder, "2026-10", "--known-at", "2026-11-05") == first
    assert now - old_rows == old_rules - first + (now - old_rules) - (old_rows - first)

    code, _, said = replay(folder, "2026-10", "--known-at", sealed, "--verify", "--against", str(folder / "out"), *CSV)
    assert "1 of 1 documents are identical with run" in said
    assert "files are identical with" in said
    assert code == 0


def test_the_sealed_commit_verifies_whatever_was_run_since(folder: Path) -> None:
    sealed = git(folder, "rev-parse", "HEAD")
    replay(folder, "2026-10")
    newer = repriced(folder, "75.00")
    replay(folder, "2026-10")
    assert replay(folder, "2026-10", "--known-at", sealed, "--verify")[0] == 0
    assert replay(folder, "2026-10", "--known-at", newer, "--verify")[0] == 0
    git(folder, "checkout", "-q", sealed)
    code, out, said = replay(folder, "2026-10", "--verify")
    assert (code, "0 of 1 documents are identical with run 2" in said) == (1, True)
    assert "70.00 = " in out


def test_months_are_replayed_in_one_run(folder: Path) -> None:
    more_rows(folder, completed("s4", "2026-11-03T07:00", "2026-11-03T19:00"))
    code, out, said = replay(folder, "2026-09..2026-11", "--out", str(folder / "out"), *CSV)
    lines = out.splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["2026-09", "2026-10", "2026-11"]
    assert lines[4].startswith("3 periods")
    assert code == 0
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["2026-09", "2026-10", "2026-11"]
    assert said.count("is in the archive") == 3
    told = json.loads(replay(folder, "2026-10..2026-11", "--verify", "--json")[1])
    assert [each["period"]["name"] for each in told["periods"]] == ["2026-10", "2026-11"]
    assert replay(folder, "2026-11..2026-10")[2].startswith("error: '2026-11..2026-10' is no range of months")


def test_what_is_issued_stays_as_it_is(folder: Path) -> None:
    assert replay(folder, "2026-10", "--issue")[2].startswith("2026-10: run 1 is in the archive, issued")
    assert "are issued already; nothing was written" in replay(folder, "2026-10", "--issue")[2]
    repriced(folder, "75.00")
    code, _, said = replay(folder, "2026-10", "--issue")
    assert code == 1
    assert "2026-10 is already issued for acme" in said
    assert "`inforce correct 2026-10`" in said
    code, _, said = replay(folder, "2026-10-01..2026-10-16", "--issue")
    assert (code, "already issued for acme" in said) == (1, True)


def test_only_what_is_committed_is_issued(folder: Path) -> None:
    path = folder / "rates" / "geo-base.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("70.00", "75.00"), encoding="utf-8")
    code, _, said = replay(folder, "2026-10", "--issue")
    assert (code, "changes that are in no commit" in said) == (1, True)
    assert not (folder / "archive" / "runs").exists()


def test_rules_of_one_day_apply_to_the_whole_month_and_leave_no_run(folder: Path) -> None:
    """The price rises in mid-month: as of a day before it, and of a day after it, all shifts have one price."""
    before, after, plain = (total(folder, "2026-10", *words) for words in (("--at", "2026-10-14"), ("--at", "2026-10-15"), ()))
    assert before < plain < after
    assert len(list((folder / "archive" / "runs" / "2026-10").iterdir())) == 1
    assert replay(folder, "2026-10", "--at", "2026-10-14", "--issue")[0] == 2


def test_a_bare_repository_bills_activity_that_is_named(folder: Path, tmp_path: Path) -> None:
    (folder / "inforce.toml").write_text('[workspace]\nname = "Sample"\n', encoding="utf-8")
    git(tmp_path, "clone", "-q", "--bare", str(folder), "bare.git")
    bare = tmp_path / "bare.git"
    code, out, _ = replay(bare, "2026-10", "--activity", str(folder / "activity" / "shifts.csv"))
    assert (code, "DRAFT-acme-2026-10" in out) == (0, True)


def test_what_cannot_be_known_is_said_with_the_cure(folder: Path) -> None:
    replay(folder, "2026-10")
    for words, said in {
        ("--known-at", "2026-11-04"): "the archive's log begins at 2026-11-05T09:00:00Z",
        ("--known-at", "main@{yesterday}"): "dates in git can be set to anything",
        ("--rules-at", "mian"): "Did you mean 'main'?",
        ("--activity-at", "9"): "it has 1 to 1",
    }.items():
        code, _, err = replay(folder, "2026-10", *words)
        assert (code, said in err) == (1, True), err


def test_a_clock_that_was_set_back_keeps_the_order(folder: Path) -> None:
    replay(folder, "2026-10")
    repriced(folder, "75.00")
    replay(folder, "2026-10", now="2026-11-01T00:00:00Z")
    log = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((folder / "archive" / "log").iterdir())]
    assert [(each["number"], each["time"][:10]) for each in log] == [(1, "2026-11-05"), (2, "2026-11-01")]


def test_with_a_damaged_log_nothing_is_issued(folder: Path) -> None:
    """What is known is noted when all is kept; a log that cannot be read is found before."""
    replay(folder, "2026-10")
    log = folder / "archive" / "log" / "1.json"
    log.write_bytes(log.read_bytes().replace(b'"sequence"', b'"sequense"'))
    code, _, said = replay(folder, "2026-10", "--issue")
    assert (code, "log/1.json: its content is not what its own hash" in said) == (1, True), said
    assert len(list((folder / "archive" / "runs" / "2026-10").iterdir())) == 1
