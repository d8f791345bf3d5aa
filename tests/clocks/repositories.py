"""Real git repositories for tests: the sample workspace with a history."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.workspaces import Row, completed, make_workspace, write_rows

SHIFTS = (completed("s1", "2026-10-05T07:00", "2026-10-05T19:00"), completed("s2", "2026-10-20T07:00", "2026-10-20T15:00"))
PRICE = "prices: { 2024-01-01: 70.00, 2026-10-15: 72.55 }"


def git(folder: Path, *words: str, env: Mapping[str, str] | None = None) -> str:
    """What git says in a folder, with settings of nobody."""
    around = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "GIT_AUTHOR_DATE": "2001-01-01T00:00:00Z"}
    names = {
        f"GIT_{who}_{what}": said
        for who in ("AUTHOR", "COMMITTER")
        for what, said in (("NAME", "Ann"), ("EMAIL", "ann@example.com"))
    }
    command = ["git", "-C", str(folder), "-c", "protocol.file.allow=always", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**around, **settings, **names, **(env or {})})
    return done.stdout.strip()


def committed(folder: Path, subject: str, *trailers: str) -> str:
    """Commits everything that lies in a folder; the commit's id."""
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", subject, *(["-m", "\n".join(trailers)] if trailers else []))
    return git(folder, "rev-parse", "HEAD")


def repository(folder: Path, rows: Sequence[Row] = SHIFTS) -> Path:
    """The sample workspace in a repository of its own, with one commit."""
    folder.mkdir(parents=True, exist_ok=True)
    make_workspace(folder, rows)
    (folder / ".gitignore").write_text("/activity/\n/archive/\n/out/\n", encoding="utf-8")
    git(folder, "init", "-q", "-b", "main", "--template=")
    committed(folder, "Opening book", "Approved-by: M. Lee")
    return folder


def repriced(folder: Path, price: str, subject: str = "A price", *trailers: str) -> str:
    """Commits another price of a nurse in New York; the commit's id."""
    path = folder / "rates" / "geo-base.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(PRICE, PRICE.replace("70.00", price), 1), encoding="utf-8")
    return committed(folder, subject, *trailers)


def more_rows(folder: Path, *rows: Row) -> None:
    """More activity in the workspace."""
    write_rows(folder / "activity" / "shifts.csv", [*SHIFTS, *rows])
