"""What a change of the workspace is made of: its files, its commits, who wrote each line, and who approved what, as git records them.

A trailer is what its commit says, no more: anybody who can write a commit can write `Approved-by:`. Who may put commits on main is for
the forge to guard; what is checked here is that everything on the way there says what it must.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from engine.ratebook.history import CommitRecord, History, HistoryError, PathChange

APPROVED, WITH = "Approved-by", "Co-authored-by"


@dataclass(frozen=True, slots=True)
class Signature:
    """Somebody as git records them."""

    name: str
    email: str

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit of the change: who wrote it, what it says of approvals, and the files it changes (a merge: against all its parents).

    `speaks_for` are the commits its approvals hold for: itself, what a merge brings in, and for a commit without files all before it.
    """

    id: str
    subject: str
    authors: tuple[Signature, ...]
    approved_by: tuple[str, ...]
    paths: frozenset[str]
    speaks_for: frozenset[str]


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """The change from `base` to a commit or to the files as they are. `writers_of` says who wrote each line of a file in the change, or nobody.

    `files` are those that differ in the end; `uncommitted` those that are in no commit as they are.
    """

    base: str
    commits: tuple[Commit, ...]
    files: tuple[PathChange, ...]
    uncommitted: frozenset[str]
    writers_of: Callable[[str], Sequence[tuple[Signature, ...]]]

    @property
    def paths(self) -> frozenset[str]:
        """All names that changed files have or had."""
        return frozenset(path for each in self.files for path in (each.before, each.after) if path is not None)


def change_set(history: History, base: str | None, head: str | None = None) -> ChangeSet | None:
    """What has changed since the merge base with `base` (by default with main); None if nothing has, or there is nothing to compare with.

    `head` names a commit; by default the files as they are count, with what is in no commit yet.
    """
    tip = history.resolve(head or "HEAD")
    start = history.merge_base(base, tip) if base is not None else history.base(tip)
    uncommitted = frozenset(history.uncommitted()) if head is None and not history.bare else frozenset[str]()
    if start == tip and not uncommitted:
        return None
    records = history.records(history.commits_between(start, tip))
    if history.is_shallow() and any(not record.parents for record in records):
        raise HistoryError(
            f"{history.folder}: this clone is shallow, and some commits since {start[:12]} are not in it.\n"
            f"`git fetch --unshallow` brings them; in a GitHub workflow, give actions/checkout `fetch-depth: 0`."
        )
    commits = {record.id: _commit(record, history, records) for record in records}
    files = _with_uncommitted(history.files_between(start, tip), uncommitted)
    return ChangeSet(start, tuple(commits.values()), files, uncommitted, _Writers(history, commits, uncommitted, head and tip))


class _Writers:
    """Who wrote the lines of files, each file asked about once."""

    def __init__(self, history: History, commits: Mapping[str, Commit], uncommitted: frozenset[str], tip: str | None) -> None:
        self._history, self._commits, self._uncommitted, self._tip = history, commits, uncommitted, tip
        self._known: dict[str, Sequence[tuple[Signature, ...]]] = {}

    def __call__(self, path: str) -> Sequence[tuple[Signature, ...]]:
        if path not in self._known:
            ids = self._history.commits_of_lines(self._tip, path)
            name, email = self._history.user() if path in self._uncommitted else ("", "")
            own = (Signature(name, email),) if name else ()
            self._known[path] = [own if not each.strip("0") else self._authors(each) for each in ids]
        return self._known[path]

    def _authors(self, commit: str) -> tuple[Signature, ...]:
        return self._commits[commit].authors if commit in self._commits else ()


def _commit(record: CommitRecord, history: History, records: Sequence[CommitRecord]) -> Commit:
    paths = frozenset(history.paths_of(record.id))
    written = [Signature(record.author, record.author_email), *map(_signature, record.says(WITH))]
    speaks_for = {record.id}
    if len(record.parents) > 1:
        speaks_for |= _behind(record.parents[1:], records) - _behind(record.parents[:1], records)
    elif not paths:
        speaks_for |= _behind(record.parents, records)
    return Commit(record.id, record.subject, tuple(dict.fromkeys(written)), record.says(APPROVED), paths, frozenset(speaks_for))


def _behind(tips: Iterable[str], records: Sequence[CommitRecord]) -> set[str]:
    """The commits of the change that some commits have in their history, they themselves included."""
    parents = {record.id: record.parents for record in records}
    found: set[str] = set()
    waiting = list(tips)
    while waiting:
        commit = waiting.pop()
        if commit in parents and commit not in found:
            found.add(commit)
            waiting += parents[commit]
    return found


def _signature(text: str) -> Signature:
    """The somebody of a trailer, `Name <address>`."""
    name, _, email = text.partition("<")
    return Signature(name.strip(), email.rstrip("> "))


def _with_uncommitted(files: Sequence[PathChange], uncommitted: frozenset[str]) -> tuple[PathChange, ...]:
    """Files that differ in commits, and those that differ in none: of a renamed one that was edited since, both names count."""
    known = {path for each in files for path in (each.before, each.after)}
    more = [PathChange(path, path) for path in sorted(uncommitted - known)]
    edited = [PathChange(each.before, None) for each in files if each.is_rename and each.after in uncommitted]
    return (*files, *more, *edited)
