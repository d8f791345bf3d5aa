"""`inforce correct` as a user runs it: issue, change a rate and a row, look, issue the corrections, look again."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from engine.causes import Origin
from engine.correcting import origin_since
from engine.origins import Origins
from engine.ratebook.build import build
from engine.ratebook.difference import difference
from engine.ratebook.history import History
from tests.workspaces import completed, inforce, make_workspace, write_rows

GIT = {
    "GIT_AUTHOR_NAME": "D. Ortiz", "GIT_AUTHOR_EMAIL": "d@agency.example", "GIT_COMMITTER_NAME": "D. Ortiz",
    "GIT_COMMITTER_EMAIL": "d@agency.example", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "HOME": "/nonexistent",
}  # fmt: skip
ROWS = [
    completed("S1", "2026-10-06T07:00", "2026-10-06T19:00"),
    completed("S2", "2026-10-07T07:00", "2026-10-07T15:00", site="beta-clinic"),
]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """October issued with the commit `one`; then the NYC rate rose (commit `two`), and a shift of acme came late."""
    folder = make_workspace(tmp_path_factory.mktemp("correct"), ROWS)
    _git(folder, "init", "-q", "-b", "main")
    _commit(folder, "one")
    assert inforce("replay", "2026-10", "-w", folder, "--issue").returncode == 0
    path = folder / "rates/geo-base.yaml"
    new = "{ price: 71.00, reason: review, retroactive: { reason: agreed with Acme } }"
    path.write_text(path.read_text("utf-8").replace("2024-01-01: 70.00", f"2024-01-01: {new}"), encoding="utf-8")
    _commit(folder, "two\n\nApproved-by: P. Nair")
    write_rows(folder / "activity" / "late.csv", [completed("S3", "2026-10-08T07:00", "2026-10-08T19:00")])
    return folder


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", *words], cwd=folder, check=True, capture_output=True, text=True, env={**GIT, "PATH": "/usr/bin:/bin"}
    )
    return done.stdout.strip()


def _commit(folder: Path, message: str) -> None:
    _git(folder, "add", "rates", "rules", "inforce.toml")
    _git(folder, "commit", "-q", "-m", message)


def test_the_month_is_corrected_once(workspace: Path) -> None:
    """11.5 h at 70.00 were 805.00; 23 h at 71.00 are 1,633.00. Beta's month stays as it is."""
    commit = _git(workspace, "rev-parse", "HEAD")
    looked = inforce("correct", "2026-10", "-w", workspace)
    assert looked.returncode == 0, looked.stderr
    assert looked.stdout.splitlines()[2:5] == [
        "DRAFT-acme-2026-10-C1",
        "  line   issued                                                       was            is    difference  cause",
        "  1-2    #1        acme-east, Registered nurse                     805.00      1,633.00       +828.00  [1] [2]",
    ]
    assert f"agreed with Acme; rates/geo-base.yaml:10:15, commit {commit[:12]} by D. Ortiz; approval: P. Nair" in " ".join(
        looked.stdout.split()
    )
    assert "[2]   shift S3 came; activity/late.csv:2" in looked.stdout
    assert looked.stdout.splitlines()[-1].split() == ["acme", "+828.00", "USD"]

    out = workspace / "out"
    done = inforce("correct", "2026-10", "-w", workspace, "--issue", "--json", "-o", out, "-f", "json", "-f", "txt", "-f", "csv")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["schema"], told["accounts"]) == (
        "inforce.corrections/1",
        [{"account": "acme", "currency": "USD", "total": 82800}],
    )
    (document,) = told["documents"]
    (part,) = document["corrected"]
    assert part["corrects"] == [{"invoice": "DRAFT-acme-2026-10", "line": 1}]
    assert [(cause["kind"], cause["id"], cause["commits"], cause["approved"]) for cause in part["causes"]] == [
        ("price", "geo-base:NYC/RN", [commit], "P. Nair"),
        ("shift", "S3", [], ""),
    ]
    assert json.loads((out / "DRAFT-acme-2026-10-C1.json").read_bytes())["body_sha256"] == document["body_sha256"]
    assert "Takes back DRAFT-acme-2026-10, line 1" in (out / "DRAFT-acme-2026-10-C1.txt").read_text("utf-8")

    again = inforce("correct", "2026-10", "-w", workspace, "--issue")
    assert again.returncode == 0
    assert again.stdout.startswith("2026-10: nothing to correct.")
    assert sorted(path.name for path in (workspace / "archive/runs/2026-10").iterdir()) == ["1.json", "2.json"]

    manifest = json.loads((workspace / "archive/runs/2026-10/2.json").read_bytes())
    assert (manifest["status"], manifest["corrects"]) == ("issued", True)
    assert [each["document"] for each in manifest["corrected"]] == ["DRAFT-acme-2026-10-C1"]

    back = inforce("correct", "2026-10", "-w", workspace, "--rules-at", "HEAD~1", "--activity-at", "1")
    assert back.returncode == 0, back.stderr
    assert "C1#2" in back.stdout
    assert "-828.00 USD" in back.stdout


def test_only_what_is_issued_is_corrected(workspace: Path) -> None:
    done = inforce("correct", "2026-09", "-w", workspace)
    assert (done.returncode, done.stdout) == (1, "")
    assert "2026-09: no invoice is issued, so there is nothing to correct." in done.stderr
    other = inforce("correct", "2026-10", "-w", workspace, "--account", "beta")
    assert (other.returncode, other.stdout.split(".")[0]) == (0, "2026-10: nothing to correct")


def test_corrections_are_issued_from_a_commit(tmp_path: Path) -> None:
    folder = make_workspace(tmp_path, ROWS)
    _git(folder, "init", "-q", "-b", "main")
    _commit(folder, "one")
    assert inforce("replay", "2026-10", "-w", folder, "--issue", "--account", "acme").returncode == 0
    path = folder / "rates/geo-base.yaml"
    path.write_text(path.read_text("utf-8").replace("70.00", "71.00").replace("66.00", "67.00"), encoding="utf-8")
    done = inforce("correct", "2026-10", "-w", folder, "--issue", "-o", folder / "out")
    assert done.returncode == 1
    assert "the rule book has changes that are in no commit" in done.stderr
    assert not (folder / "out").exists()
    looked = inforce("correct", "2026-10", "-w", folder)
    assert "DRAFT-acme-2026-10-C1" in looked.stdout
    assert "beta" not in looked.stdout  # its month is not issued


def test_the_commits_of_a_cause_are_those_that_changed_the_entry(tmp_path: Path) -> None:
    """Three commits to one file: one to the entry of acme-west's terms, one elsewhere, one that takes the override away."""
    folder = make_workspace(tmp_path, [])
    _git(folder, "init", "-q", "-b", "main")
    _commit(folder, "one")
    before = _git(folder, "rev-parse", "HEAD")
    path = folder / "rates/accounts/acme.yaml"
    commits = {}
    for old, new in (
        ("min-hours: 4h", "min-hours: 5h"),
        ("price: 96.00", "price: 97.00"),
        ("reason: surge contract C-88", "reason: C-89"),
    ):
        path.write_text(path.read_text("utf-8").replace(old, new), encoding="utf-8")
        _commit(folder, f"{new}\n\nApproved-by: {new[:5]}")
        commits[new] = _git(folder, "rev-parse", "HEAD")
    history = History.open(folder)
    files = {name: history.files_at(commit) for name, commit in (("before", before), ("now", "HEAD"))}
    now = Origins(history, commits["reason: C-89"], files["now"])
    changes = difference(build(files["before"]), build(files["now"])).changes
    origins = {change.what: origin_since(now, before, change) for change in changes}
    assert origins["term"] == Origin((commits["min-hours: 5h"],), "D. Ortiz", "min-h")
    assert origins["override"] == Origin((commits["price: 97.00"], commits["reason: C-89"]), "D. Ortiz", "price, reaso")
    assert origin_since(Origins(history, before, files["before"]), commits["reason: C-89"], changes[0]) is None
