"""Workspaces for tests: the sample rule book in a folder, activity rows as CSV, and the commands run as a user runs them."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from engine.store.archive import sealed_manifest
from tests.sample_book import sample_files

ROOT = Path(__file__).resolve().parent.parent
Row = Mapping[str, str]


def completed(id_: str, start: str, end: str, **more: str) -> dict[str, str]:
    """An approved, worked shift of a registered nurse at acme-east."""
    return {
        "id": id_,
        "site": "acme-east",
        "worker": f"w-{id_}",
        "item": "RN",
        "status": "completed",
        "start": start,
        "end": end,
        "approved_by": "L. Wu",
        **more,
    }


def cancelled(id_: str, start: str, end: str, at: str, **more: str) -> dict[str, str]:
    """A cancelled shift."""
    row = {"id": id_, "site": "acme-east", "worker": f"w-{id_}", "item": "RN", "status": "cancelled", "approved_by": "L. Wu"}
    return {**row, "scheduled_start": start, "scheduled_end": end, "cancelled_at": at, **more}


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Rows as a CSV file with the columns that occur in them."""
    titles = list(dict.fromkeys(title for row in rows for title in row))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, titles, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def make_workspace(folder: Path, rows: Sequence[Row], changes: Mapping[str, str] | None = None) -> Path:
    """A workspace with the sample book (some files replaced) and one activity file."""
    for name, data in sample_files(**(changes or {})).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (folder / "inforce.toml").write_text('[workspace]\nname = "Sample Staffing"\n', encoding="utf-8")
    (folder / "activity").mkdir(exist_ok=True)
    if rows:
        write_rows(folder / "activity" / "shifts.csv", rows)
    return folder


def inforce(
    *words: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """The command, run as a user runs it."""
    command = [sys.executable, str(ROOT / "cli.py"), *map(str, words)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **(env or {})}, cwd=cwd or ROOT
    )


def reseal(manifest: Path, old: str, new: str) -> None:
    """Another word in a manifest of the archive, which carries its hash all the same: a forger's, or an engine's with a fault."""
    text = manifest.read_text(encoding="utf-8")
    assert old in text
    told = json.loads(text.replace(old, new))
    manifest.write_bytes(sealed_manifest({name: each for name, each in told.items() if name != "sha256"}))
