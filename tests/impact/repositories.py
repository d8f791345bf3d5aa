"""A repository as a runner has it: main with an issued month in an archive elsewhere, and a branch that edits a rate."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.workspaces import completed, inforce, make_workspace

GEO = "rates/geo-base.yaml"
RAISED = "prices: { 2024-01-01: 70.00, 2026-10-15: 72.55, 2026-10-20: { price: 75.00, reason: raised, retroactive: { reason: agreed late } } }"
_IDENTITY = {
    "GIT_AUTHOR_NAME": "D. Ortiz", "GIT_AUTHOR_EMAIL": "d@agency.example", "GIT_COMMITTER_NAME": "D. Ortiz",
    "GIT_COMMITTER_EMAIL": "d@agency.example", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Repository:
    """Where finance works, and where the archive is."""

    folder: Path
    archive: Path

    def edit(self, old: str, new: str, path: str = GEO) -> None:
        """Replaces a text in a file, and commits that."""
        text = (self.folder / path).read_text("utf-8")
        assert old in text
        (self.folder / path).write_text(text.replace(old, new), "utf-8")
        self.git("commit", "-q", "-a", "-m", f"{new}\n\nApproved-by: M. Lee")

    def git(self, *words: str | Path) -> str:
        """What git says."""
        return git(self.folder, *words)

    def archive_hash(self) -> str:
        """The hash of all that the archive holds: names, modes and contents."""
        whole = hashlib.sha256()
        for path in sorted(self.archive.rglob("*")):
            whole.update(f"{path.relative_to(self.archive)} {path.stat().st_mode}\n".encode())
            whole.update(path.read_bytes() if path.is_file() else b"")
        return whole.hexdigest()


def git(folder: Path, *words: str | Path) -> str:
    """What git says in a folder."""
    done = subprocess.run(
        ["git", "-C", str(folder), *map(str, words)],
        check=False,
        capture_output=True,
        text=True,
        env={**_IDENTITY, "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def make_repository(folder: Path) -> Repository:
    """Main with October issued and November open; the archive is beside the workspace, as if it were mounted."""
    rows = [completed(f"a{day}", f"2026-10-{day:02}T07:00", f"2026-10-{day:02}T19:00") for day in range(1, 31, 3)]
    rows += [completed(f"b{day}", f"2026-11-{day:02}T07:00", f"2026-11-{day:02}T15:00") for day in range(1, 5)]
    rows += [completed("c1", "2026-10-21T07:00", "2026-10-21T15:00", site="beta-clinic")]
    workspace = make_workspace(folder / "agency", rows)
    (workspace / ".gitignore").write_text("/activity/\n/archive/\n", "utf-8")
    git(workspace, "init", "-q", "-b", "main")
    git(workspace, "add", ".")
    git(workspace, "commit", "-q", "-m", "The rule book")
    done = inforce("replay", "2026-10", "-w", workspace, "--issue")
    assert done.returncode == 0, done.stdout + done.stderr
    done = inforce("replay", "2026-11", "-w", workspace)
    assert done.returncode == 0, done.stdout + done.stderr
    archive = (workspace / "archive").rename(folder / "archive")
    git(workspace, "checkout", "-q", "-b", "rates-2027")
    return Repository(workspace, archive)
