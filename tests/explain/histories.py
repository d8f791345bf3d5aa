"""A workspace in git whose book, activity and archive change, step by step, as people change them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.workspaces import Row, inforce, make_workspace, write_rows

NAMES = {"GIT_AUTHOR_EMAIL": "a@example", "GIT_COMMITTER_NAME": "Bot", "GIT_COMMITTER_EMAIL": "bot@example"}


def git(folder: Path, *words: str, author: str = "Dana Ortiz") -> str:
    env = {**os.environ, **NAMES, "GIT_AUTHOR_NAME": author, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    return subprocess.run(["git", "-C", folder, *words], check=True, capture_output=True, text=True, env=env).stdout.strip()


def make(folder: Path, rows: Sequence[Row]) -> Path:
    """A workspace whose book is in one commit, approved by two."""
    make_workspace(folder, rows)
    (folder / ".gitignore").write_text("/activity/\n/archive/\n/out/\n")
    git(folder, "init", "-q", "-b", "main", "--template=")
    commit(folder, "Opening book", "Approved-by: M. Lee", "Approved-by: P. Nair")
    return folder


def commit(folder: Path, subject: str, *trailers: str, author: str = "Dana Ortiz") -> str:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", subject, *(["-m", "\n".join(trailers)] if trailers else []), author=author)
    return git(folder, "rev-parse", "HEAD")


def edit(folder: Path, path: str, old: str, new: str) -> None:
    file = folder / path
    text = file.read_text()
    assert text.count(old) == 1, (path, old)
    file.write_text(text.replace(old, new))


def rewrite(folder: Path, rows: Sequence[Row]) -> None:
    write_rows(folder / "activity" / "shifts.csv", rows)


def run(folder: Path, *words: str, now: str = "2026-11-05T09:00:00Z", code: int = 0) -> str:
    done = inforce(*words, "-w", folder, env={"INFORCE_NOW": now})
    assert done.returncode == code, done.stderr
    return done.stdout if code in (0, 3) else done.stderr


def explain(folder: Path, line: str, *words: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(run(folder, "explain", line, *words, "--json"))
    return told
