"""What people read, as plain text: `make golden` rewrites it, and the diff is reviewed like code. Hashes are left out."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.scenarios.test_determinism import month
from tests.workspaces import inforce, make_workspace

FOLDER = Path(__file__).parent / "rendered"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_workspace(tmp_path_factory.mktemp("golden"), month())
    formats = [word for name in ("txt", "csv", "backup.csv", "json") for word in ("-f", name)]
    assert inforce("replay", "2026-10", "-w", folder, "-o", folder / "out", *formats).returncode == 3
    return folder


def agrees(name: str, text: str) -> None:
    """The text is the golden one; or becomes it."""
    text = re.sub(r"\b[0-9a-f]{12,64}\b", "<hash>", text)
    path = FOLDER / name
    if os.environ.get("INFORCE_GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name",
    [
        "DRAFT-acme-2026-10.txt",
        "DRAFT-acme-2026-10.csv",
        "DRAFT-acme-2026-10.backup.csv",
        "DRAFT-beta-2026-10.json",
        "rejected.csv",
        "held.csv",
        "not-billed.csv",
        "summary.json",
    ],
)
def test_a_rendered_file_is_the_golden_one(workspace: Path, name: str) -> None:
    agrees(name, (workspace / "out" / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("line", ["DRAFT-acme-2026-10#1", "DRAFT-beta-2026-10#1"])
def test_an_explanation_is_the_golden_one(workspace: Path, line: str) -> None:
    agrees(f"explain-{line.replace('#', '-')}.txt", inforce("explain", line, "-w", workspace).stdout)


def test_the_summary_is_the_golden_one(workspace: Path) -> None:
    agrees("replay.txt", inforce("replay", "2026-10", "-w", workspace).stdout)
