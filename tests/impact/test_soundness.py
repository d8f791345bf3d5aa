"""The base side of an impact is what was issued, or the report says that it is not, and why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.clocks.repositories import PRICE, git, more_rows, repository, repriced
from tests.workspaces import completed, inforce

LATE = completed("s3", "2026-10-25T07:00", "2026-10-25T19:00")


def impact(folder: Path, *words: str) -> tuple[int, dict[str, object]]:
    done = inforce("impact", "-w", folder, "--json", *words)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """October is issued; then a row comes late."""
    folder = repository(tmp_path_factory.mktemp("sound") / "work")
    assert inforce("replay", "-w", folder, "2026-10", "--issue").returncode == 0
    more_rows(folder, LATE)
    repriced(folder, "71.00")
    return folder


def test_a_row_that_came_late_leaves_the_base_as_it_was_issued(folder: Path) -> None:
    """The document is made with the activity of its own sequence, so only the rate moves: 11 hours at 1.00 and the weekend's share."""
    code, told = impact(folder, "HEAD~1..HEAD")
    assert (code, told["sound"], told["checked"]) == (0, True, 1)
    assert told["issued"]["totals"] == {"USD": {"before": 135263, "after": 136418, "change": 1155}}  # type: ignore[index]
    assert told["issued"]["documents"][0]["by"] == {"geo-base:NYC/RN": 1155}  # type: ignore[index]


def test_a_base_that_is_not_what_was_issued_is_unsound_and_says_why(folder: Path) -> None:
    path = folder / "rates" / "geo-base.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(PRICE.replace("70.00", "71.00"), PRICE.replace("70.00", "72.00")), encoding="utf-8")
    issued = git(folder, "rev-parse", "HEAD~1")
    code, told = impact(folder, "HEAD")
    assert (code, told["sound"]) == (1, False)
    why = told["unsound"][0]["unsound"]  # type: ignore[index]
    assert why.startswith(
        "the base side does not make DRAFT-acme-2026-10 as issued: the rule book before the change is not the one of"
    )
    assert issued[:12] in why
    path.write_text(text, encoding="utf-8")


def test_what_was_corrected_is_the_base_with_its_corrections(folder: Path) -> None:
    assert inforce("correct", "-w", folder, "2026-10", "--issue").returncode == 0
    git(folder, "checkout", "-q", "-b", "next")
    path = folder / "rates" / "geo-base.yaml"
    path.write_text(
        path.read_text(encoding="utf-8").replace("71.00, 2026-10-15: 72.55", "72.00, 2026-10-15: 72.55"), encoding="utf-8"
    )
    code, told = impact(folder)
    assert (code, told["sound"]) == (0, True)
    assert told["issued"]["totals"]["USD"]["change"] == 1155  # type: ignore[index]
