"""A workspace with what is known of it: the rule book of a commit or of the folder, the activity, and invoices computed from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from commands.cores import processes
from commands.terminal import FOUND, EndedError, findings_text, refuse, say, working
from connectors.workspace import Workspace, cache_folder, find_workspace
from engine.knowledge import Knowledge, commit_at, knowledge
from engine.problems import ProblemsFound, nearest
from engine.ratebook.cache import build_or_read
from engine.ratebook.files import read_workspace_files
from engine.ratebook.history import History, State
from engine.ratebook.in_force import in_force_on
from engine.store.archive import FolderArchive

if TYPE_CHECKING:
    from connectors.files import ActivityFile
    from engine.dates import Period
    from engine.pipeline import Preview
    from engine.ratebook.book import RuleBook

_ROWS_FOR_PROCESSES = 200_000  # fewer are rated sooner than a process starts


@dataclass(frozen=True, slots=True)
class AsOf:
    """Which knowledge is asked for, as the options of the commands say it; nothing said: what is known now."""

    known_at: str | None = None
    rules_at: str | None = None
    activity_at: int | None = None
    day: str | None = None


NOW = AsOf()


@dataclass(frozen=True, slots=True)
class Place:
    """A workspace with its history and its archive, whatever is known."""

    space: Workspace
    history: History | None
    archive: FolderArchive


@dataclass(frozen=True, slots=True)
class Opened:
    """A workspace with the knowledge that a command was asked for, and the rule book as it is known then."""

    space: Workspace
    history: History | None
    archive: FolderArchive
    known: Knowledge
    state: State
    book: RuleBook

    def files(self, named: Sequence[Path] = ()) -> tuple[ActivityFile, ...]:
        """The files of activity: those that are named, those of the sequence that is known, or those of the workspace."""
        from connectors.files import ActivityFile, named_files

        for path in named:
            if not path.is_file():
                refuse(f"there is no file {path}")
        if named:
            return named_files(named, self.space.folder)
        if self.known.sequence is not None:
            return tuple(
                ActivityFile(each.name, self.archive.path_of(each.sha256)) for each in self.archive.taken(self.known.sequence)
            )
        return named_files(self.space.activity_files(), self.space.folder)


def open_workspace(folder: Path, asked: AsOf = NOW) -> Opened:
    """The workspace that a folder lies in, with the knowledge that is asked for."""
    place = place_of(folder)
    history, rules_at = place.history, asked.rules_at
    if history is not None and history.bare and asked.known_at is None:
        rules_at = rules_at or "HEAD"
    known = knowledge(
        place.archive, history, known_at=asked.known_at, rules_at=rules_at, activity_at=asked.activity_at, day=asked.day
    )
    return open_place(place, known)


def place_of(folder: Path) -> Place:
    """The workspace that a folder lies in."""
    space = find_workspace(folder)
    return Place(space, History.find(space.folder), FolderArchive(space.archive))


def open_place(place: Place, known: Knowledge) -> Opened:
    """A workspace with some knowledge."""
    history = place.history
    state = history.state() if history is not None else State(None, None, False)
    if known.commit is not None and history is not None:
        state = State(known.commit, history.commit(known.commit).tree, False)
    with working("reading the rule book"):
        book = book_of(place.space, history, known)
    return Opened(place.space, history, place.archive, known, state, book)


def book_of(space: Workspace, history: History | None, known: Knowledge) -> RuleBook:
    """The rule book of a commit, or that of the folder; on one effective day, if that is asked."""
    files = rule_files(space, history, known.commit)
    try:
        book, warnings = build_or_read(files, cache_folder())
    except ProblemsFound as error:
        said = findings_text(files, error.problems).rstrip("\n")
        if history is not None and known.commit is not None:
            said += (
                f"\nerror: the rule book of commit {known.commit[:12]} cannot be used; this engine finds what stands above in it"
            )
        raise EndedError(said, FOUND) from error
    if warnings:
        say(findings_text(files, warnings))
    return in_force_on(book, known.day) if known.day is not None else book


def rule_files(space: Workspace, history: History | None, commit: str | None) -> dict[str, bytes]:
    """The files of the rule book at a commit, or as they are in the folder."""
    return history.files_at(commit) if history is not None and commit is not None else read_workspace_files(space.folder)


def two_books(folder: Path, refs: Sequence[str], *, one: bool) -> tuple[RuleBook, RuleBook]:
    """The rule books of two commits or times; of one and the files as they are; or, for two days of `one` book, the same twice."""
    place = place_of(folder)
    history = place.history
    wanted: list[str | None] = [*refs, *([None] if len(refs) < 2 else [])]
    if not refs and not one:
        wanted = ["HEAD", None]
    elif one and len(refs) < 2:
        wanted = wanted[:1]
    books = []
    for ref in wanted:
        word = ref or ("HEAD" if history is not None and history.bare else None)
        commit = commit_at(place.archive, history, word) if word is not None else None
        with working("reading the rule book"):
            books.append(book_of(place.space, history, Knowledge(commit)))
    return books[0], books[-1]


def previews(
    opened: Opened,
    periods: Sequence[Period],
    files: Sequence[Path] = (),
    accounts: Sequence[str] = (),
    *,
    inside: bool = False,
    jobs: int = 1,
) -> Iterator[Preview]:
    """What the accounts (none named: all) are billed for each period."""
    from connectors.files import activity_by_kind
    from engine.pipeline import previews as computed
    from engine.steps.rate import Rater

    book = opened.book
    for account in accounts:
        if account not in book.accounts:
            refuse(f"there is no account {account!r}; {nearest(account, book.accounts)}")
    there = opened.files(files)
    if not there and not any(each.fees for each in book.accounts.values()):
        refuse(f"there is no activity: {opened.space.folder / opened.space.activity} matches no file; name files with --activity")
    rows = activity_by_kind(there, book.kinds)
    many = max((len(each) for each in rows.values() if not callable(each)), default=0)
    if inside or jobs == 1 or many < _ROWS_FOR_PROCESSES:
        yield from computed(Rater(book), rows, periods, accounts, inside=inside)
        return
    with processes(jobs) as pool:
        yield from computed(Rater(book), rows, periods, accounts, partitions=jobs, over=pool.map)
