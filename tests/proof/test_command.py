"""`inforce prove` as a user runs it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from shutil import copytree
from tempfile import mkdtemp

import pytest

from engine.canonical import sha256
from tests.clocks.repositories import committed, git, repository, repriced
from tests.workspaces import inforce, reseal

NUMBER = "DRAFT-acme-2026-10"


@cache
def made() -> Path:
    """A workspace whose October is replayed."""
    folder = repository(Path(mkdtemp()) / "sample")
    done = inforce("replay", "-w", folder, "2026-10", "--out", folder / "out" / "2026-10", "--format", "json")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return copytree(made(), tmp_path / "sample", symlinks=True)


def test_a_proof_is_written_beside_the_documents_and_says_what_it_proves(workspace: Path) -> None:
    (workspace / "out" / "2026-10" / f"{NUMBER}.pdf").write_bytes(b"%PDF-")

    done = inforce("prove", NUMBER, "-w", workspace)

    path = workspace / "out" / "2026-10" / f"{NUMBER}.proof.zip"
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].startswith(f"{path}  ")
    assert done.stdout.splitlines()[1] == f"sha256 {sha256(path.read_bytes())}"
    assert git(workspace, "rev-parse", "HEAD") in done.stdout

    (path.parent / f"{NUMBER}.pdf").write_bytes(b"%PDF+")
    checked = inforce("prove", NUMBER, "-w", workspace, "--check", path)
    assert checked.returncode == 1
    assert f"{NUMBER}.pdf: is" in checked.stderr


def test_a_proof_is_checked_against_the_archive(workspace: Path, tmp_path: Path) -> None:
    pack = tmp_path / "mine.zip"
    told = inforce("prove", NUMBER, "-w", workspace, "--out", pack, "--json")
    checked = inforce("prove", NUMBER, "-w", workspace, "--check", pack)

    assert json.loads(told.stdout)["sha256"] == sha256(pack.read_bytes())
    assert json.loads(told.stdout)["schema"] == "inforce.proved/1"
    assert checked.returncode == 0, checked.stderr
    assert "2 rows of activity, the seal and the body are those of the archive" in checked.stdout

    for manifest in (workspace / "archive" / "runs" / "2026-10").iterdir():
        reseal(manifest, '"semantics":1', '"semantics":2')
    other = inforce("prove", NUMBER, "-w", workspace, "--check", pack)
    assert other.returncode == 1
    assert "the seal of the pack is" in other.stderr


def test_the_sealed_rule_book_is_proved_whatever_came_after(workspace: Path) -> None:
    """The archive knows two runs; the issued one is taken, or the one that is asked for."""
    first = git(workspace, "rev-parse", "HEAD")
    assert inforce("replay", "-w", workspace, "2026-10", "--issue").returncode == 0
    second = repriced(workspace, "71.00")
    assert inforce("replay", "-w", workspace, "2026-10").returncode == 0
    (workspace / "rates" / "geo-base.yaml").write_text("not even YAML: [")

    issued, newest = inforce("prove", NUMBER, "-w", workspace), inforce("prove", NUMBER, "-w", workspace, "--run", "3")

    assert first in issued.stdout, issued.stderr
    assert second in newest.stdout, newest.stderr


def test_what_cannot_be_proved_is_refused_with_the_reason(workspace: Path) -> None:
    absent = inforce("prove", "DRAFT-nobody-2026-10", "-w", workspace)
    assert absent.returncode == 1
    assert "the archive has no document 'DRAFT-nobody-2026-10'" in absent.stderr
    assert "in run 9" in inforce("prove", NUMBER, "-w", workspace, "--run", "9").stderr

    path = workspace / "rates" / "geo-base.yaml"
    path.write_text(path.read_text().replace("70.00", "70.50"))
    assert inforce("replay", "-w", workspace, "2026-10").returncode == 0
    dirty = inforce("prove", NUMBER, "-w", workspace)
    assert dirty.returncode == 1
    assert "the rule book had changes that were in no commit" in dirty.stderr

    committed(workspace, "A price")
    assert "the rule book had changes" in inforce("prove", NUMBER, "-w", workspace).stderr
    assert inforce("prove", NUMBER, "-w", workspace, "--run", "1").returncode == 0


def test_a_correction_is_refused_and_what_it_corrects_is_proved(workspace: Path) -> None:
    assert inforce("replay", "-w", workspace, "2026-10", "--issue").returncode == 0
    repriced(workspace, "71.00")
    assert inforce("correct", "-w", workspace, "2026-10", "--issue").returncode == 0

    correction = inforce("prove", f"{NUMBER}-C1", "-w", workspace)

    assert correction.returncode == 1
    assert "is a correction: it is made of two documents" in correction.stderr
    assert inforce("prove", NUMBER, "-w", workspace).returncode == 0


def test_activity_that_is_lost_or_changed_is_refused(workspace: Path) -> None:
    taken = json.loads((workspace / "archive" / "activity" / "1.json").read_text())["files"][0]["sha256"]
    kept = workspace / "archive" / "objects" / taken
    kept.write_bytes(kept.read_bytes() + b"\n")

    done = inforce("prove", NUMBER, "-w", workspace)

    assert done.returncode == 1
    assert "its content has hash" in done.stderr


def test_a_file_that_is_no_pack_is_refused(workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "no.zip").write_bytes(b"nothing")

    assert inforce("prove", NUMBER, "-w", workspace, "--check", tmp_path / "absent.zip").returncode == 2
    done = inforce("prove", NUMBER, "-w", workspace, "--check", tmp_path / "no.zip")
    assert done.returncode == 1
    assert "this is not the proof of a document" in done.stderr
