"""Demands: which approvals the files of a change need, and whether its commits carry them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from engine.problems import Problem, Source
from engine.ratebook.approvals import Approvals, Ownership
from engine.ratebook.changeset import ChangeSet, Commit, Signature
from engine.ratebook.files import belongs
from engine.ratebook.history import PathChange

_SHOWN_MAX = 5


def demand_findings(change: ChangeSet, before: Approvals | None, after: Approvals | None) -> Iterator[Problem]:
    """What the commits of a change lack, judged by the approvals it began from; by its own if there were none."""
    approvals = before or after
    if approvals is None:
        return
    changed = [each for each in change.files if _counts(each, approvals)]
    owned = {path: approvals.owner_of(path) for each in changed for path in (each.before, each.after) if path is not None}
    yield from _unowned(changed, owned, approvals)
    severity = approvals.severities["unapproved-change"]
    for line in dict.fromkeys(each for each in owned.values() if each is not None and each.approvals):
        paths = {path for path, owner in owned.items() if owner == line}
        related = ((line.source, "who owns it"),) if after is not None and line in after.owners else ()
        for commit in change.commits:
            mine = sorted(paths & commit.paths)
            if not mine:
                continue
            yield from _unknown_approvers(commit, mine, approvals)
            said = _lacking(commit, change.commits, line, approvals)
            if said and severity is not None:
                message = f"{_called(commit)} changes {_some(mine)} and {said}"
                yield Problem("R106", Source(mine[0]), message, _remedy(line, commit, approvals), severity, related=related)
        waiting = sorted(paths & change.uncommitted)
        if waiting:
            message = f"{_some(waiting)} {'has' if len(waiting) == 1 else 'have'} changes that are in no commit, so nobody can have approved them"
            remedy = f"Commit them, with the approval of {_owners(line, approvals)}"
            yield Problem("R107", Source(waiting[0]), message, remedy, "warning", related=related)


def alike(said: str, who: Signature, approvals: Approvals | None) -> bool:
    """Whether a name stands for somebody of a commit: one person by the names that are declared, or the same name or address."""
    if approvals is not None and (person := approvals.person(said)) is not None:
        return person in _persons([who], approvals)
    return said.casefold() in (who.name.casefold(), who.email.casefold(), who.email.partition("@")[0].casefold())


def _counts(file: PathChange, approvals: Approvals) -> bool:
    """Whether a file is changed: one that has only another name is not, as long as its owner stays the same."""
    if not file.is_rename or file.before is None or file.after is None:
        return True
    return approvals.owner_of(file.before) != approvals.owner_of(file.after)


def _lacking(commit: Commit, commits: Sequence[Commit], line: Ownership, approvals: Approvals) -> str:
    """What a commit lacks of the approvals that an ownership asks for, in words; nothing if it has them."""
    said = [text for each in commits if commit.id in each.speaks_for for text in each.approved_by]
    approvers = {person for text in said if (person := approvals.person(text)) is not None}
    authors = _persons(commit.authors, approvals)
    owners = approvers & set(line.owners)
    given = owners - authors if line.not_by_author else owners
    if len(given) >= line.approvals:
        return ""
    has = f"has {len(given)} of {line.approvals} approvals" if line.approvals > 1 else "has no approval"
    words = f"{has} of {_owners(line, approvals)}"
    if owners - given:
        own = ", ".join(sorted(map(approvals.called, owners - given)))
        words += f"; that of {own}, who wrote it, does not count"
    elif approvers - owners:
        other = ", ".join(sorted(map(approvals.called, approvers - owners)))
        words += f"; that of {other}, who does not own it, does not count"
    return words


def _remedy(line: Ownership, commit: Commit, approvals: Approvals) -> str:
    authors = _persons(commit.authors, approvals) if line.not_by_author else set()
    may = [approvals.called(person) for person in line.owners if person not in authors]
    if not may:
        return "Nobody who owns it may approve it, since they wrote it; name another owner"
    return f"Let {_either(may)} approve it: `Approved-by: {may[0]}` at the end of its message, or of that of the merge"


def _unknown_approvers(commit: Commit, paths: Sequence[str], approvals: Approvals) -> Iterator[Problem]:
    for text in commit.approved_by:
        if approvals.person(text) is None:
            said = f"{_called(commit)} was approved by `{text}`, who is not among the people"
            yield Problem("R105", Source(paths[0]), said, approvals.hint(text), "warning")


def _unowned(changed: Iterable[PathChange], owned: dict[str, Ownership | None], approvals: Approvals) -> Iterator[Problem]:
    for each in changed:
        path = each.after or each.before or ""
        if owned[path] is None and belongs(path) and any(line.files for line in approvals.owners):
            yield Problem(
                "R108", Source(path), "nobody owns this file, so nobody needs to approve its change",
                f"Give it an owner in {approvals.source.path}", "warning",
            )  # fmt: skip


def _persons(who: Iterable[Signature], approvals: Approvals) -> set[str]:
    return {person for each in who if (person := approvals.person(str(each))) is not None}


def _owners(line: Ownership, approvals: Approvals) -> str:
    """Owners as they are written, with the people of groups."""
    people = ", ".join(map(approvals.called, line.owners))
    named = " or ".join(line.named)
    return f"{named} ({people})" if line.named != line.owners else people.replace(", ", " or ")


def _called(commit: Commit) -> str:
    return f"commit {commit.id[:12]} ({commit.authors[0].name}: {commit.subject})"


def _some(paths: Sequence[str]) -> str:
    shown = ", ".join(paths[:_SHOWN_MAX])
    return f"{shown} and {len(paths) - _SHOWN_MAX} more files" if len(paths) > _SHOWN_MAX else shown


def _either(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else names[0]
