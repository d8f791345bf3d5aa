"""The money that a change of the rule book moves, and what a report tells beside it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from commands.opened import Opened, two_books
from commands.terminal import progress, refuse
from connectors.workspace import Workspace, find_workspace, read_parties
from engine.knowledge import Knowledge, commit_at
from engine.ratebook.cache import engine_hash
from engine.ratebook.history import History
from engine.store.archive import FolderArchive, hash_of

if TYPE_CHECKING:
    from engine.impact import Asked, Impact
    from engine.pipeline import Activity
    from engine.ratebook.book import RuleBook
    from renderers.impact_view import Context


def impacted(
    folder: Path, archive: Path | None, refs: str | None, periods: str | None, at: str | None, *, full: bool, redact: bool
) -> tuple[Impact, Context]:
    """What a change moves on issued invoices, in the open period and in months to come; naming nobody, if that is asked."""
    from engine.impact import impact
    from engine.redaction import redacted, veil_of

    space = find_workspace(folder, archive)
    before, after, asked = asked_of(space, refs, periods, at, full=full)
    with progress("replaying", len({each.period for each in asked.issued}) + len(asked.open) + len(asked.past)) as advance:
        found = impact(before, after, replace(asked, advance=advance))
    context = _context(space, refs, before, after, found, asked)
    if not redact:
        return found, context
    parties = read_parties(space.folder)
    called = {name: party.name for name, party in parties.buyers.items()} | {**parties.sites}
    veil = veil_of(before, after, called=called)
    return redacted(found, veil), context.redacted(veil.id)


def asked_of(
    space: Workspace, refs: str | None, periods: str | None, at: str | None, *, full: bool
) -> tuple[RuleBook, RuleBook, Asked]:
    """The two books of an impact, and what it is asked over: what the archive says is issued and open, or the periods that are named."""
    from connectors.files import activity_by_kind
    from engine.bulk.issued_invoice import read_issued
    from engine.canonical import canonical_json, sha256
    from engine.dates import parse_day, parse_periods
    from engine.impact import Asked, spans
    from engine.issued import all_issued

    archive = FolderArchive(space.archive)
    history = History.open(space.folder)
    one, dots, two = (refs or history.base()).partition("..")
    before, after = two_books(space.folder, [one, *([two] if dots and two else [])], one=False)
    opened = Opened(space, history, archive, Knowledge(), history.state(), after)
    issued = all_issued(archive)
    named = parse_periods(periods) if periods is not None else None
    with_documents = [name for name in archive.periods() if (last := archive.last(name)) is not None and last[1]["documents"]]
    open_, past = spans(with_documents, issued, named)
    if named is not None:
        issued = tuple(each for each in issued if each.period in {period.name for period in named})
    if not issued and not open_:
        refuse("the archive knows no period; name some: --periods 2026-08..2026-10")
    files = opened.files()
    if not files and (taken := [each.sequence for each in archive.log()]):  # a clone has none: what the archive took in last
        files = replace(opened, known=replace(opened.known, sequence=taken[-1])).files()

    def activity(book: RuleBook, sequence: int | None) -> Activity:
        there = files if sequence is None else replace(opened, known=replace(opened.known, sequence=sequence)).files()
        return activity_by_kind(there, book.kinds)

    present = sha256(canonical_json([engine_hash(), *([file.name, hash_of(file.path)] for file in files)]))
    return before, after, Asked(
        issued, open_, past, activity, lambda each: read_issued(each.number, archive.get(each.body), archive.get(each.backup)), present,
        archive if space.elsewhere is None else _Unchanged(archive), parse_day(at) if at is not None else None, full,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Unchanged:
    """What was kept in an archive that is not the workspace's own, and is only read."""

    archive: FolderArchive

    def kept(self, key: str) -> bytes | None:
        """What was kept under a key."""
        return self.archive.kept(key)

    def keep(self, key: str, data: bytes) -> None:
        """Keeps nothing."""


def _context(space: Workspace, refs: str | None, before: RuleBook, after: RuleBook, found: Impact, asked: Asked) -> Context:
    """What a report tells beside the figures: the two sides, the edited lines as they stand, who edited them, and agreed prices."""
    from engine.impact import effective_day
    from renderers.impact_view import SHOWN, Context, place_of

    history, archive = History.open(space.folder), FolderArchive(space.archive)
    one, dots, two = (refs or history.base()).partition("..")
    first, last = (commit_at(archive, history, word) for word in (one, two if dots and two else "HEAD"))
    dirty = not (dots and two) and history.state().dirty
    more = " and what is in no commit yet" if dirty else ""
    paths = sorted({source.path for change in found.difference.changes for source in (change.before, change.after) if source})
    commits = history.records(history.commits_between(first, last, *paths)) if paths else []
    lines = {}
    for change in found.difference.changes[:SHOWN]:
        source = change.after or change.before
        if source is not None and source.line:
            there = first if change.after is None else last
            data = (
                (space.folder / source.path).read_bytes()
                if dirty and change.after
                else history.read_at(there, source.path) or b""
            )
            lines[place_of(change)] = (data.decode("utf-8", "replace").splitlines() + [""] * source.line)[source.line - 1]
    return Context(
        before=_named_commit(one, first),
        after=f"{_named_commit(two or 'HEAD', last)}{more}",
        commits=(first[:7], f"{last[:7]}{more}"),
        accounts=len(after.accounts),
        day=asked.day or (effective_day(found.difference, asked.past[-1].end) if asked.past else None),
        lines=lines,
        authors=tuple(sorted({each.author for each in commits})),
        prices={each.id: str(each.value) for book in (before, after) for each in book.overrides()},
    )


def _named_commit(name: str, commit: str) -> str:
    return commit[:7] if commit.startswith(name) else f"{name} ({commit[:7]})"
