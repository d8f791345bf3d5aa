"""A workspace in a real git repository, and what a review of its changes finds."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from engine.problems import Problem
from engine.ratebook.approvals import approvals_in
from engine.ratebook.build import build, problems_in
from engine.ratebook.changeset import change_set
from engine.ratebook.files import read_workspace_files
from engine.ratebook.history import History
from engine.ratebook.review import Moved, Past, Reviewed, review
from tests.sample_book import sample_texts

APPROVALS = """\
format: 1
kind: approvals
people:
  - { id: d.ortiz, name: Dana Ortiz, emails: [dana@larkspur.example] }
  - { id: m.lee, name: Mina Lee, emails: [mina@larkspur.example] }
  - { id: t.brandt, name: Tessa Brandt, emails: [tessa@larkspur.example] }
groups: { finance-leads: [d.ortiz, m.lee] }
owners:
  - { files: "**", owner: [d.ortiz, m.lee, t.brandt], approvals: 0 }
  - { files: rates/**, owner: [finance-leads] }
  - { files: rules/**, owner: [finance-leads], approvals: 2 }
"""
TESSA, DANA, MINA, STRANGER = (
    "Tessa Brandt <tessa@larkspur.example>",
    "Dana Ortiz <dana@larkspur.example>",
    "Mina Lee <mina@larkspur.example>",
    "Sam Gray <sam@elsewhere.example>",
)
GEO = "rates/geo-base.yaml"
TODAY = date(2026, 11, 24)


@dataclass(frozen=True)
class Repository:
    """A workspace under git; `folder` is the workspace, which may lie inside the repository."""

    folder: Path

    def git(self, *words: str, who: str = TESSA) -> str:
        name, _, email = who.partition(" <")
        around = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        names = {
            f"GIT_{role}_{what}": said
            for role in ("AUTHOR", "COMMITTER")
            for what, said in (("NAME", name), ("EMAIL", email[:-1]))
        }
        settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        done = subprocess.run(
            ["git", "-C", str(self.folder), *words],
            capture_output=True,
            text=True,
            check=False,
            env={**around, **names, **settings},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def write(self, path: str, text: str) -> None:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text, encoding="utf-8")

    def edit(self, path: str, old: str, new: str) -> None:
        text = (self.folder / path).read_text("utf-8")
        assert old in text, text
        self.write(path, text.replace(old, new, 1))

    def commit(self, subject: str = "A change", *trailers: str, who: str = TESSA) -> str:
        self.git("add", "-A")
        words = ["-m", "\n".join(trailers)] if trailers else []
        self.git("commit", "-q", "--allow-empty", "-m", subject, *words, who=who)
        return self.git("rev-parse", "HEAD")

    def branch(self, name: str = "change") -> None:
        self.git("checkout", "-q", "-b", name)


def repository(folder: Path, *, approvals: str | None = APPROVALS, inside: str = "") -> Repository:
    """The sample book on main, with approvals unless there shall be none."""
    made = Repository(folder / inside)
    made.folder.mkdir(parents=True, exist_ok=True)
    for path, text in sample_texts().items():
        made.write(path, text)
    if approvals is not None:
        made.write("rules/approvals.yaml", approvals)
    made.write("inforce.toml", '[workspace]\nname = "Sample Staffing"\n')
    Repository(folder).git("init", "-q", "-b", "main", "--template=")
    made.commit("Opening book")
    return made


def findings(made: Repository, base: str | None = None, head: str | None = None, *, past: Past | None = None) -> list[Problem]:
    """What a review of the change finds."""
    history = History.open(made.folder)
    change = change_set(history, base, head)
    if change is None:
        return []
    files = read_workspace_files(made.folder) if head is None else history.files_at(head)
    before = history.files_at(change.base)
    book, _ = problems_in(before)
    approvals = (approvals_in(before), approvals_in(files))
    return review(Reviewed(book, build(files), files, change, *approvals, past, TODAY))


def found(
    made: Repository,
    *codes: str,
    base: str | None = None,
    head: str | None = None,
    billed: date | None = None,
    moved: Sequence[Moved] = (),
) -> list[str]:
    """The findings with some codes, as texts; `billed`: until when invoices are issued, of which `moved` are moved."""
    past = Past(billed, lambda: moved) if billed is not None else None
    every = findings(made, base, head, past=past)
    return [str(replace(each, related=())) for each in every if each.code in codes or not codes]
