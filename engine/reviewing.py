"""The review of a workspace's change: what it began from, what is issued, and the money that an impact finds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

from engine.problems import Problem, ProblemsFound, Source
from engine.ratebook.approvals import approvals_in
from engine.ratebook.book import RuleBook
from engine.ratebook.changeset import ChangeSet
from engine.ratebook.demands import demand_findings
from engine.ratebook.files import NoRuleBookError
from engine.ratebook.history import History
from engine.ratebook.review import Moved, Past, Reviewed, review

if TYPE_CHECKING:  # an impact brings polars, and most changes need none
    from engine.impact import MovedDocument
    from engine.issued import IssuedDocument

Build = Callable[[Mapping[str, bytes]], RuleBook]


def review_work(
    history: History,
    change: ChangeSet,
    files: Mapping[str, bytes],
    build: Build,
    issued: Sequence[IssuedDocument],
    moved_since: Callable[[str], Sequence[MovedDocument]],
    today: date,
) -> list[Problem]:
    """What is wrong with a change that ends in some files.

    `moved_since` gives the issued documents that the change from a commit would move; it is asked only if days are reached that are billed.
    """
    found: list[Problem] = []
    before = _files_at(history, change, found)
    approvals = (approvals_in(before), approvals_in(files))
    try:
        after = build(files)
    except ProblemsFound:  # told already; who must approve it can be said all the same
        return [*found, *demand_findings(change, *approvals)]
    book = _built(before, build, change, found)
    past = None
    if issued:
        open_day = max(each.end for each in issued)
        past = Past(open_day, lambda: [_moved(each) for each in moved_since(change.base)])
    return [*found, *review(Reviewed(book, after, files, change, *approvals, past, today))]


def _files_at(history: History, change: ChangeSet, found: list[Problem]) -> dict[str, bytes]:
    """The files of the base; none if it had no rule book yet."""
    try:
        return history.files_at(change.base)
    except NoRuleBookError:
        return {}
    except ProblemsFound as error:
        found.append(_unreadable(change, error))
        return {}


def _built(files: Mapping[str, bytes], build: Build, change: ChangeSet, found: list[Problem]) -> RuleBook | None:
    """The book of the base; none if there was none, or it is none by the rules of this engine."""
    try:
        return build(files) if files else None
    except ProblemsFound as error:
        found.append(_unreadable(change, error))
        return None


def _unreadable(change: ChangeSet, error: ProblemsFound) -> Problem:
    said = f"the rule book of commit {change.base[:12]}, which the change began from, has errors: {error.problems[0]}"
    return Problem(
        "R109", Source("rules"), said, f"Look at them with `inforce check --rules-at {change.base[:12]}`; what is past is not compared", "warning"
    )  # fmt: skip


def _moved(document: MovedDocument) -> Moved:
    return Moved(
        document.number, document.account, document.period, document.currency, document.change, document.by, not document.unsound
    )
