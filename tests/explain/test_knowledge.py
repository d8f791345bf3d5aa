"""A document is explained with the knowledge it was made with, which is proved first; what is missing of it is said."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine.canonical import sha256
from tests.explain.histories import commit, edit, explain, git, make, rewrite, run
from tests.workspaces import completed, reseal

LINE = "DRAFT-acme-2026-10#1"
ROWS = [completed("a", "2026-10-06T07:00", "2026-10-06T15:00"), completed("b", "2026-10-07T07:00", "2026-10-07T15:00")]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make(tmp_path_factory.mktemp("then"), ROWS)
    run(folder, "replay", "2026-10", "--issue")
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "w"))


def test_it_is_the_sealed_commit_and_sequence_that_explain(folder: Path) -> None:
    """The book changes, gets a fault, and the activity is gone: what was issued is explained as it was made."""
    before = explain(folder, LINE)
    assert before["amount"] == "1050.00"  # 2 x 7.50 x 70.00
    edit(folder, "rates/geo-base.yaml", "2024-01-01: 70.00", "2024-01-01: 71.00")
    commit(folder, "Another price")
    run(folder, "replay", "2026-10")  # a newer draft
    edit(folder, "rates/geo-base.yaml", "2024-01-01: 71.00", "2024-01-01: seventy")
    rewrite(folder, ROWS[:1])
    after = explain(folder, LINE)
    assert after == before
    assert after["made_with"]["status"] == "issued"
    assert after["made_with"]["missing"] == []
    assert after["prices"][0]["base"]["commit"] == git(folder, "rev-list", "--max-parents=0", "HEAD")


def test_without_an_issued_run_the_newest_counts(tmp_path: Path) -> None:
    folder = make(tmp_path / "w", ROWS)
    run(folder, "replay", "2026-10")
    edit(folder, "rates/geo-base.yaml", "2024-01-01: 70.00", "2024-01-01: 71.00")
    newest = commit(folder, "Another price")
    run(folder, "replay", "2026-10")
    told = explain(folder, LINE)
    assert (told["amount"], told["made_with"]["commit"], told["made_with"]["run"]) == ("1065.00", newest, 2)


def test_an_uncommitted_rule_book_is_said_and_the_present_files_stand_in_only_if_they_make_the_same_body(tmp_path: Path) -> None:
    folder = make(tmp_path / "w", ROWS)
    edit(folder, "rates/geo-base.yaml", "2024-01-01: 70.00", "2024-01-01: 71.00")
    run(folder, "replay", "2026-10")
    told = explain(folder, LINE)
    assert told["made_with"]["missing"] == ["the rule book had changes that are in no commit when run 1 of 2026-10 was made"]
    base = told["prices"][0]["base"]
    assert (base["commit"], base["approval"]) == (None, "not recorded")  # of the line that is in no commit
    assert "missing      the rule book had changes" in run(folder, "explain", LINE)
    edit(folder, "rates/geo-base.yaml", "2024-01-01: 71.00", "2024-01-01: 72.00")
    said = run(folder, "explain", LINE, code=1)
    assert "With the present files instead the document has body" in said
    assert "so they cannot explain it" in said


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        ("commit", "of the rule book is gone"),
        ("sequence", "the activity of sequence 1 is gone"),
        ("object", "the activity of sequence 1 is gone"),
    ],
)
def test_what_is_gone_is_named(folder: Path, lost: str, words: str) -> None:
    if lost == "commit":
        git(folder, "commit", "-q", "--amend", "-m", "Another history")
        git(folder, "reflog", "expire", "--expire=now", "--all")
        git(folder, "gc", "-q", "--prune=now")
    elif lost == "sequence":
        (folder / "archive" / "activity" / "1.json").unlink()
    else:
        data = (folder / "activity" / "shifts.csv").read_bytes()
        [kept] = [path for path in (folder / "archive" / "objects").iterdir() if path.read_bytes() == data]
        kept.write_bytes(data + b"\n")
    told = explain(folder, LINE)  # the present files give the same body
    [missing] = told["made_with"]["missing"]
    assert words in missing
    rewrite(folder, ROWS[:1])
    edit(folder, "rates/geo-base.yaml", "2024-01-01: 70.00", "2024-01-01: 71.00")
    assert words in run(folder, "explain", LINE, code=1)


def test_a_body_that_is_not_made_again_is_not_explained(folder: Path) -> None:
    """All knowledge is there, and the archive has another body, as an engine with a fault would have made it: nothing is told."""
    manifest = folder / "archive" / "runs" / "2026-10" / "1.json"
    objects = folder / "archive" / "objects"
    body = manifest.read_text().split('"body":"')[1][:64]
    other = (objects / body).read_bytes().replace(b'"quantity":"15.00"', b'"quantity":"15.50"')
    (objects / sha256(other)).write_bytes(other)
    reseal(manifest, body, sha256(other))
    said = run(folder, "explain", LINE, code=1)
    assert f"has body {body[:12]}, not {sha256(other)[:12]}" in said
    assert "this is a fault of the engine" in said


def test_a_document_without_a_line_lists_its_lines_and_an_unknown_one_the_nearest(folder: Path) -> None:
    listed = run(folder, "explain", "DRAFT-acme-2026-10")
    assert "has 1 lines" in listed or "lines; explain one" in listed
    assert "1050.00" in listed
    said = run(folder, "explain", "DRAFT-akme-2026-10#1", code=1)
    assert "The nearest are DRAFT-acme-2026-10" in said
