"""The workflow of docs/ci, run step by step on a real repository, with an archive that must not change and a double of the forge."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from renderers.impact_markdown import MARKER
from tests.impact.repositories import GEO, RAISED, Repository, git, make_repository
from tests.workspaces import ROOT

WORKFLOW = ROOT / "docs" / "ci" / "inforce.yml"
PRICE = "prices: { 2024-01-01: 70.00, 2026-10-15: 72.55 }"


def workflow() -> dict[Any, Any]:  # Any: YAML
    return yaml.safe_load(WORKFLOW.read_text("utf-8"))  # type: ignore[no-any-return]  # a map


def job() -> dict[str, Any]:  # Any: YAML
    (found,) = workflow()["jobs"].values()
    return found  # type: ignore[no-any-return]  # a map


# --- what it says -----------------------------------------------------------------------------------------------------------------


def test_it_never_runs_for_forks() -> None:
    assert job()["if"] == "github.event.pull_request.head.repo.full_name == github.repository"
    assert set(workflow()[True]) == {"pull_request"}  # YAML 1.1 reads `on` so


def test_it_may_read_the_code_and_write_comments_and_nothing_else() -> None:
    assert workflow()["permissions"] == {}
    assert job()["permissions"] == {"contents": "read", "pull-requests": "write"}


def test_the_archive_is_mounted_to_be_read() -> None:
    (volume,) = job()["container"]["volumes"]

    assert volume.endswith(f":{job()['env']['ARCHIVE']}:ro")


def test_the_merge_base_is_fetched_and_no_token_is_left_behind() -> None:
    (checkout,) = [step for step in job()["steps"] if str(step.get("uses", "")).startswith("actions/checkout@")]

    assert checkout["with"] == {"fetch-depth": 0, "persist-credentials": False}


def test_no_text_of_a_stranger_becomes_part_of_a_script() -> None:
    scripts = [step["run"] for step in job()["steps"] if "run" in step]

    assert len(scripts) == 4
    assert not [script for script in scripts if "${{" in script]


# --- what it does -----------------------------------------------------------------------------------------------------------------


@dataclass
class Runner:
    """Runs the workflow as a forge does, on what would be merged."""

    repository: Repository
    folder: Path
    number: int = 0
    summary: str = ""
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def forge(self) -> Path:
        return self.folder / "forge.json"

    def comments(self) -> list[str]:
        """What the workflow has said, and has not taken back."""
        return [
            each["body"]
            for each in json.loads(self.forge.read_text("utf-8"))["comments"]
            if each["user"]["login"].endswith("[bot]")
        ]

    def calls(self) -> list[str]:
        """What was asked of the forge since the last time."""
        held = json.loads(self.forge.read_text("utf-8"))
        self.forge.write_text(json.dumps({**held, "calls": []}), "utf-8")
        return [each.split()[0] for each in held["calls"]]

    def push(self) -> tuple[str, str]:
        """Pushes the branch and runs every step; "passed" or "failed", and all that was printed."""
        self.repository.git("push", "-q", "--force", self.folder / "origin.git", "rates-2027")
        self.number += 1
        there = self.folder / f"run-{self.number}"
        git(self.folder, "clone", "-q", self.folder / "origin.git", there)
        git(there, "checkout", "-q", "--detach", "origin/main")
        git(there, "merge", "-q", "--no-ff", "-m", "Merge", "origin/rates-2027")
        known = {
            "github.workspace": str(there), "github.event.pull_request.number": "7", "github.token": "token", "steps.impact.outputs.status": "",
        }  # fmt: skip
        env = self._env(there) | {name: filled(str(text), known) for name, text in job()["env"].items()} | self.settings
        env["ARCHIVE"] = str(self.repository.archive)
        known["env.REPORTS"] = env["REPORTS"]
        failed, printed = False, ""
        for step in job()["steps"]:
            if not self._wanted(step, failed, known):
                continue
            if "run" in step:
                more = {name: filled(str(text), known) for name, text in step.get("env", {}).items()}
                done = self.ran(step["run"], there, env | more)
                printed += done.stdout + done.stderr
                failed = failed or done.returncode != 0
                if step.get("id") == "impact":
                    said = dict(line.split("=", 1) for line in (there / "output").read_text("utf-8").splitlines())
                    known["steps.impact.outputs.status"] = said.get("status", "")
            elif step["uses"].startswith("actions/upload-artifact"):
                paths = filled(step["with"]["path"], known).split()
                self.artifacts = {Path(path).name: Path(path).read_text("utf-8") for path in paths if Path(path).exists()}
        self.summary = (there / "summary").read_text("utf-8")
        return "failed" if failed else "passed", printed

    def _env(self, there: Path) -> dict[str, str]:
        (there / "output").touch()
        (there / "summary").touch()
        return {
            "PATH": f"{self.folder / 'bin'}:/usr/bin:/bin", "HOME": str(self.folder), "GITHUB_BASE_REF": "main", "GITHUB_HEAD_REF": "rates-2027",
            "GITHUB_REPOSITORY": "agency/rates", "GITHUB_OUTPUT": str(there / "output"), "GITHUB_STEP_SUMMARY": str(there / "summary"),
            "GH_DOUBLE": str(self.forge), "INFORCE_CACHE": str(self.folder / "cache"), "INFORCE_NOW": "2026-11-05T09:00:00Z",
        }  # fmt: skip

    def _wanted(self, step: dict[str, Any], failed: bool, known: dict[str, str]) -> bool:  # Any: YAML
        said = step.get("if")
        if said is None:
            return not failed
        conditions = said.removeprefix("${{ ").removesuffix(" }}").split(" && ")
        assert set(conditions) <= {"!cancelled()", "steps.impact.outputs.status != ''"}
        return len(conditions) == 1 or known["steps.impact.outputs.status"] != ""

    def ran(self, script: str, there: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
        file = self.folder / "script"
        file.write_text(script, "utf-8")
        assert job()["defaults"]["run"]["shell"] == "bash -e {0}"
        return subprocess.run(
            [*bound(), "bash", "-e", str(file)], cwd=there, env=env, capture_output=True, text=True, check=False
        )


def bound() -> list[str]:
    """What makes modes of files hold for root, too; for others, and where there is no such command, nothing."""
    powers = "-dac_override,-dac_read_search,-fowner"
    command = ["setpriv", f"--inh-caps={powers}", f"--bounding-set={powers}"]
    found = (
        os.geteuid() == 0
        and shutil.which("setpriv")
        and subprocess.run([*command, "true"], check=False, capture_output=True).returncode == 0
    )
    return command if found else []


def filled(text: str, known: dict[str, str]) -> str:
    """A text with its expressions replaced by what is known; one that is not known fails."""
    return re.sub(r"\$\{\{ (\S+) \}\}", lambda found: known[found[1]], text)


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    """A forge with 120 comments of others that begin like ours, and an archive that nobody may write to."""
    yield _set_up(tmp_path)
    _set_modes(tmp_path / "archive", 0o755, 0o644)


def _set_up(folder: Path) -> Runner:
    repository = make_repository(folder)
    git(folder, "clone", "-q", "--bare", repository.folder, folder / "origin.git")
    (folder / "bin").mkdir()
    for name, command in (("inforce", ROOT / "cli.py"), ("gh", ROOT / "tests" / "impact" / "gh_double.py")):
        (folder / "bin" / name).write_text(f'#!/bin/sh\nexec {sys.executable} {command} "$@"\n', "utf-8")
        (folder / "bin" / name).chmod(0o755)
    others = [{"id": number, "user": {"login": "dana"}, "body": f"{MARKER} is what it begins with"} for number in range(1, 121)]
    (folder / "forge.json").write_text(json.dumps({"comments": others, "calls": []}), "utf-8")
    _set_modes(repository.archive, 0o555, 0o444)
    return Runner(repository, folder)


def _set_modes(folder: Path, of_folder: int, of_file: int) -> None:
    for each in [folder, *folder.rglob("*")]:
        each.chmod(of_folder if each.is_dir() else of_file)


@pytest.mark.slow
def test_one_comment_is_replaced_at_each_push_and_taken_back_with_the_change(runner: Runner) -> None:
    """A raise; another one, redacted; one beyond the gate; a file that is broken; and everything as it was."""
    before = runner.repository.archive_hash()
    if bound() or os.geteuid() != 0:
        assert runner.ran(f"touch {runner.repository.archive}/x", runner.folder, {"PATH": "/usr/bin:/bin"}).returncode == 1
    runner.repository.edit(PRICE, RAISED)
    verdict, printed = runner.push()

    assert verdict == "passed", printed
    assert "::warning file=rates/geo-base.yaml,line=10" in printed
    (first,) = runner.comments()
    assert first.startswith(f"{MARKER}\n### +290.15 USD a month forward · +87.29 USD on 1 issued invoice")
    assert "| acme |" in first
    assert "1 of 1 are what was issued, byte for byte" in first
    assert runner.calls() == ["GET", "POST"]
    assert runner.summary == first
    assert runner.artifacts["impact.html"].startswith("<!DOCTYPE html>")
    assert ",DRAFT-acme-2026-10,acme,USD,8444.75,8532.04,87.29," in runner.artifacts["impact.csv"]

    runner.repository.edit("price: 75.00", "price: 75.50")
    runner.settings = {"REDACT": "yes"}
    verdict, printed = runner.push()

    assert verdict == "passed", printed
    (second,) = runner.comments()
    assert "| A1 |" in second
    assert not [text for text in (second, *runner.artifacts.values()) if "acme" in text or "Ortiz" in text]
    assert runner.calls() == ["GET", "PATCH"]

    runner.repository.edit("price: 75.50", "price: 95.00")
    runner.settings = {"FAIL_OVER": "$100"}
    verdict, printed = runner.push()

    assert verdict == "failed"
    (third,) = runner.comments()
    assert r"gate **failed**: issued: \+800.29 USD \(\+9.5%\) over \$100" in third
    assert third.splitlines()[1] in printed
    assert runner.calls() == ["GET", "PATCH"]

    runner.repository.edit("price: 95.00", "prise: 95.00")
    runner.settings = {}
    verdict, printed = runner.push()

    assert verdict == "failed"
    assert "unknown field" in printed
    assert runner.comments() == [f"{MARKER}\n### The impact could not be computed\n\nThe log of this check says why.\n"]

    runner.repository.git("checkout", "-q", "main", "--", GEO)
    runner.repository.git("commit", "-q", "-m", "As it was")
    runner.calls()
    verdict, printed = runner.push()

    assert verdict == "passed", printed
    assert runner.comments() == []
    assert runner.calls() == ["GET", "DELETE"]
    assert runner.summary == ""
    assert len(json.loads(runner.forge.read_text("utf-8"))["comments"]) == 120
    assert runner.repository.archive_hash() == before
