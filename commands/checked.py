"""A rule book checked: by itself, against recent activity, by its worked bills, and as a change of the one on main."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from commands.clock import SystemClock
from commands.impacted import asked_of
from commands.terminal import refuse, say, working
from connectors.workspace import Workspace, cache_folder, find_workspace, parties_problems
from engine.problems import InforceError, Problem, nearest
from engine.ratebook.cache import build_or_read, check_or_read
from engine.ratebook.files import read_workspace_files
from engine.ratebook.history import History

if TYPE_CHECKING:
    from polars import DataFrame

    from engine.impact import MovedDocument


@dataclass(frozen=True, slots=True)
class Checked:
    """What is wrong with a rule book, where its files are (in a folder or at hand), and how much was looked at."""

    problems: tuple[Problem, ...]
    where: Path | Mapping[str, bytes]
    looked_at: dict[str, int]

    @property
    def errors(self) -> int:
        """How many of the problems are errors."""
        return sum(problem.severity == "error" for problem in self.problems)


def checked(folder: Path, archive: Path | None, base: str | None, rules_at: str | None) -> Checked:
    """The rule book of a commit or of the folder, and what changed in it since another commit or since main."""
    workspace = find_workspace(folder, archive)
    history = History.find(workspace.folder)
    if history is not None and history.bare:
        rules_at = rules_at or "HEAD"
    with working("checking the rule book"):
        files = History.open(workspace.folder).files_at(rules_at) if rules_at else read_workspace_files(workspace.folder)
        found = check_or_read(files, cache_folder())
        problems = [*found.all_problems(lambda: _recent(workspace, files)), *_review(workspace, history, files, base, rules_at)]
    if any(problem.severity == "error" for problem in problems):
        problems = [each for each in problems if each.code != "R107"]  # that nobody has approved it yet matters once it is right
    else:
        problems += _worked_bills(files)
        problems += _parties(workspace, files)
    looked_at = {"files": len(files), "prices": found.prices, "examples": found.examples}
    return Checked(tuple(problems), files if rules_at is not None else workspace.folder, looked_at)


def _parties(space: Workspace, files: Mapping[str, bytes]) -> list[Problem]:
    """What is wrong with the names and addresses that invoices print."""
    if not (space.folder / "parties.yaml").is_file():
        return []
    book, _ = build_or_read(files, cache_folder())
    return parties_problems(space.folder, book.accounts, book.sites)


def _worked_bills(files: Mapping[str, bytes]) -> list[Problem]:
    """The worked bills that do not come out as they say; what bills them is loaded only where there are any."""
    import re

    if not any(re.search(rb"^kind: *[\"']?examples\b", data, re.MULTILINE) for data in files.values()):
        return []
    from engine.worked_bills import run_worked_bills

    return run_worked_bills(build_or_read(files, cache_folder())[0])


def _review(
    space: Workspace, history: History | None, files: Mapping[str, bytes], base: str | None, head: str | None
) -> list[Problem]:
    """What is wrong with the change of the rule book since main, or since another commit."""
    if history is None or history.state().commit is None:
        if base is not None:
            refuse(f"{space.folder} has no history in git, so there is no commit {base!r} to compare with")
        return []
    from engine.ratebook.changeset import change_set

    change = change_set(history, base, head)
    if change is None:
        return []
    from engine.dates import parse_day
    from engine.issued import all_issued
    from engine.reviewing import review_work
    from engine.store.archive import FolderArchive

    def moved_since(commit: str) -> Sequence[MovedDocument]:
        from engine.impact import impact

        before, after, asked = asked_of(space, f"{commit}..{head or ''}", None, None, full=False)
        return impact(before, after, replace(asked, open=(), past=())).issued.moved

    issued, today = all_issued(FolderArchive(space.archive)), parse_day(SystemClock().now()[:10])
    return review_work(history, change, files, lambda them: build_or_read(them, cache_folder())[0], issued, moved_since, today)


def _recent(space: Workspace, files: Mapping[str, bytes]) -> DataFrame | None:
    """The workspace's activity of the last months, for gaps in prices to be held against; None if it cannot be read."""
    there = space.activity_files()
    if not there:
        return None
    from connectors.files import activity_by_kind, named_files
    from engine.bulk.recent import recent

    book, _ = build_or_read(files, cache_folder())
    try:
        return recent(book, activity_by_kind(named_files(there, space.folder), book.kinds))
    except InforceError as error:
        say(f"note: activity was not looked at: {error}")
        return None


def lesson(code: str) -> str:
    """What there is to learn about a code of a finding."""
    from engine.ratebook.lessons import lesson_text, lessons

    known, code = lessons(), code.upper()
    if code not in known:
        hint = nearest(code, known)
        refuse(f"there is no code {code}; {hint or f'they go from {min(known)} to {max(known)}'}")
    return lesson_text(known[code])
