"""What an impact keeps to be quicker belongs to one rule book, one state of activity and one engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands import impacted
from connectors.workspace import find_workspace
from engine.ratebook.cache import engine_hash
from tests.clocks.repositories import more_rows, repository
from tests.workspaces import completed


def test_another_engine_or_other_activity_finds_nothing_that_was_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = repository(tmp_path / "work")

    def present() -> str:
        return impacted.asked_of(find_workspace(folder), None, "2026-10", None, full=False)[2].present

    first = present()
    assert present() == first
    monkeypatch.setattr(impacted, "engine_hash", lambda: "another engine")
    assert present() != first
    monkeypatch.undo()
    more_rows(folder, completed("s3", "2026-10-25T07:00", "2026-10-25T19:00"))
    assert present() != first


def test_an_engine_is_another_one_when_a_line_of_it_is(tmp_path: Path) -> None:
    (tmp_path / "rate.py").write_text("half = 'up'\n", encoding="utf-8")
    first = engine_hash(tmp_path)
    (tmp_path / "rate.py").write_text("half = 'even'\n", encoding="utf-8")
    assert engine_hash(tmp_path) != first
