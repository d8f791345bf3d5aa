"""Why a line is corrected: the changes of the rule book that reach it, and the activity that came, went or changed. Never guessed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import polars as pl

from engine.canonical import Json
from engine.ratebook.changes import Change, Reach, Stretch

RowId = tuple[str, str, str]  # kind, source, id
Cells = Mapping[str, str]
_SHOWN = 4
_SAYS_MAX = 100
_OF_MADE_LINES = ("coupon", "limit", "percentage-fee")  # move no line that is not made of others
_PLACE = ("file", "row", "closeout")  # where and when a row was taken is not what it says


@dataclass(frozen=True, slots=True)
class Cause:
    """One change that can have moved a line: of the rule book (`kind` is its word there) or of activity.

    `says` is the change in words, `reason` why it was made, `approved` by whom; empty where the book or the row does not say.
    """

    kind: str
    id: str
    says: str
    source: str = ""
    reason: str = ""
    approved: str = ""
    commits: tuple[str, ...] = ()
    author: str = ""

    def text(self) -> str:
        """The cause for a document: by id and day, never by file, commit or person."""
        return " ".join(f"{self.kind} {self.id} {self.says}".split()) + (f" ({self.reason})" if self.reason else "")

    def canonical(self) -> dict[str, Json]:
        """The cause as canonical JSON members."""
        return {
            "kind": self.kind, "id": self.id, "says": self.says, "source": self.source, "reason": self.reason,
            "approved": self.approved, "commits": list(self.commits), "author": self.author,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Concern:
    """What is asked about: lines of one key, as issued and as they should be.

    `first` and `last` are the days on which the activity behind them can be dated. A line that is `made` of others or of a window, or whose
    share of a tax alone differs, is moved by whatever moves the account in the period `start` to `end`.
    """

    account: str
    section: str
    item: str
    first: date
    last: date
    start: date
    end: date
    made: bool
    before: frozenset[RowId]
    after: frozenset[RowId]
    workers: frozenset[str]


def first_dated(served: date, rows: Iterable[pl.DataFrame]) -> date:
    """The first day on which activity can be dated that was served from a day on; a later piece can lie on the day after that."""
    return served - timedelta(days=int(any((each["segment"] > 0).any() for each in rows)))


def row_ids(rows: Iterable[pl.DataFrame]) -> frozenset[RowId]:
    """The rows of activity that backup rows are of."""
    return frozenset(row for each in rows for row in each.select("kind", "source", "id").iter_rows())


@dataclass(frozen=True, slots=True)
class Origin:
    """The commits that made a change, who wrote them, and who approved them by their trailers."""

    commits: tuple[str, ...]
    author: str
    approved: str


Causes = Callable[[Concern], tuple[Cause, ...]]


@dataclass(frozen=True, slots=True)
class Moved:
    """A row of activity that is not what it was: it came, went, or says something else."""

    what: Literal["came", "went", "changed"]
    row: RowId
    account: str
    item: str
    worker: str
    says: str
    source: str = ""
    reason: str = ""
    approved: str = ""

    def cause(self) -> Cause:
        """The row as a cause."""
        kind, source, name = self.row
        return Cause(kind, f"{source} {name}".strip(), self.says, self.source, self.reason, self.approved)


def causes_of(
    changes: Sequence[Change], moved: Sequence[Moved], origin_of: Callable[[Change], Origin | None], *, sums: bool
) -> Causes:
    """What can be the cause of a correction: every change that reaches its lines, and every row that moved and bears on them.

    `sums`: the book has sums over activity, so that a row can move what others of its worker, or of its account and item, are charged.
    Where nothing is known to have changed, the rows behind the lines are compared.
    """
    told = [(change.reach, _rule_cause(change, origin_of)) for change in changes]

    def causes(concern: Concern) -> tuple[Cause, ...]:
        reaching = [cause for reach, cause in told if reaches(reach, concern)]
        found = [cause for cause in reaching if concern.made or cause.kind not in _OF_MADE_LINES]
        found += [each.cause() for each in moved if bears_on(each, concern, sums=sums)]
        return tuple(found) or rows_compared(concern)

    return causes


def rows_compared(concern: Concern) -> tuple[Cause, ...]:
    """What the rows behind lines tell by themselves: which came, which went, which are charged otherwise."""
    if concern.made:
        return (Cause("activity", "", "behind the lines that this one is made of changed"),)
    found = [Cause(kind, f"{source} {name}".strip(), "came") for kind, source, name in sorted(concern.after - concern.before)]
    found += [Cause(kind, f"{source} {name}".strip(), "went") for kind, source, name in sorted(concern.before - concern.after)]
    both = sorted(concern.before & concern.after)
    return tuple(found or [Cause(kind, f"{source} {name}".strip(), "is charged otherwise") for kind, source, name in both])


def words(causes: Iterable[Cause]) -> str:
    """The causes in one sentence, for a document; of many the first."""
    told = list(dict.fromkeys(cause.text() for cause in causes))
    more = f"; and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
    return "; ".join(told[:_SHOWN]) + more


def moved_rows(
    before: Mapping[str, pl.DataFrame], after: Mapping[str, pl.DataFrame], accounts: Mapping[str, str]
) -> tuple[Moved, ...]:
    """The rows of activity that differ, from cells of text by kind as they were known then and are known now; `accounts` are those of sites.

    Of each row the highest revision counts; a row that is withdrawn went.
    """
    found = []
    for kind in sorted(before.keys() | after.keys()):
        then, now = (_live(kind, rows) for rows in _differing(before.get(kind), after.get(kind)))
        for row in sorted(then.keys() | now.keys()):
            found += _moved(row, then.get(row), now.get(row), accounts)
    return tuple(found)


def _differing(before: pl.DataFrame | None, after: pl.DataFrame | None) -> tuple[pl.DataFrame | None, pl.DataFrame | None]:
    """All revisions of those rows of which some revision is in one of two frames only."""
    if before is None or after is None:
        return before, after
    said = [name for name in before.columns if name in after.columns and name not in _PLACE]
    key = [name for name in ("source", "id") if name in said]
    only = [
        one.join(other, on=said, how="anti", nulls_equal=True).select(key) for one, other in ((before, after), (after, before))
    ]
    ids = pl.concat(only).unique()
    then, now = (each.join(ids, on=key, how="semi", nulls_equal=True) for each in (before, after))
    return then, now


def _live(kind: str, frame: pl.DataFrame | None) -> dict[RowId, dict[str, str]]:
    """The rows by their id, each in its highest revision: cells that say something."""
    found: dict[RowId, dict[str, str]] = {}
    for cells in frame.iter_rows(named=True) if frame is not None else ():
        said = {name: str(value) for name, value in cells.items() if value not in (None, "")}
        row = (kind, said.get("source", ""), said.get("id", ""))
        if row not in found or _revision(said) > _revision(found[row]):
            found[row] = said
    return found


def _moved(row: RowId, old: Cells | None, new: Cells | None, accounts: Mapping[str, str]) -> list[Moved]:
    """What became of a row; of one that went from an account to another, a value for each."""
    was, is_ = (side if side is not None and not _is_withdrawn(side) else None for side in (old, new))
    if _said(was) == _said(is_):
        return []
    cells = is_ or was or {}
    newest = new or cells
    what: Literal["came", "went", "changed"] = "came" if was is None else "went" if is_ is None else "changed"
    says: str = what
    if was is not None and is_ is not None:
        names = sorted(name for name in was.keys() | is_.keys() if _said(was).get(name) != _said(is_).get(name))
        says = f"says another {', '.join(name for name in names if name != 'revision')} in revision {_revision(is_)}"
    elif is_ is None and new is not None:
        says = f"was withdrawn in revision {_revision(new)}"
    place = f"{newest['file']}:{newest['row']}" if "file" in newest and "row" in newest else ""
    payers = dict.fromkeys(each.get("site") or each.get("account", "") for each in (was, is_) if each is not None)
    return [
        Moved(
            what, row, accounts.get(payer, payer), cells.get("item", ""), cells.get("worker", ""), says, place,
            newest.get("reason", ""), newest.get("marked_by", ""),
        )
        for payer in payers
    ]  # fmt: skip


def _said(cells: Cells | None) -> Cells:
    return {name: value for name, value in (cells or {}).items() if name not in _PLACE}


def _is_withdrawn(cells: Cells) -> bool:
    return cells.get("withdrawn") in ("yes", "true")


def _revision(cells: Cells) -> int:
    text = cells.get("revision", "1")
    return int(text) if text.isdecimal() else 0


def reaches(reach: Reach, concern: Concern) -> bool:
    """Whether a change of some reach can have moved what is asked about."""
    if concern.made:
        mine = reach.accounts is None or concern.account in reach.accounts
        return mine and not reach.is_empty and _meet(reach, concern.start, concern.end)
    named = ((concern.account, reach.accounts), (concern.section, reach.sites), (concern.item, reach.items))
    if any(names is not None and name not in names for name, names in named):
        return False
    return _meet(reach, concern.first, concern.last + timedelta(days=1))


def _meet(reach: Reach, start: date, end: date) -> bool:
    return (reach.start is None or reach.start < end) and (reach.end is None or start < reach.end)


def bears_on(moved: Moved, concern: Concern, *, sums: bool) -> bool:
    """Whether a row that moved can have moved what is asked about."""
    if concern.made:
        return moved.account == concern.account
    if moved.row in concern.before or moved.row in concern.after:
        return True
    alike = moved.worker in concern.workers if moved.worker else (moved.account, moved.item) == (concern.account, concern.item)
    return sums and alike


def _rule_cause(change: Change, origin_of: Callable[[Change], Origin | None]) -> Cause:
    source, why, origin = change.after or change.before, change.provenance, origin_of(change)
    approved = ", ".join(part for part in (why.by, why.on, why.ref) if part) or (origin.approved if origin else "")
    return Cause(
        change.what, change.id, _says(change), str(source) if source is not None else "", why.retroactive or why.reason, approved,
        origin.commits if origin else (), origin.author if origin else "",
    )  # fmt: skip


def _says(change: Change) -> str:
    """What is in force otherwise, and from when; of many stretches, and where the words are long, only that it changed."""
    if change.before is None:
        return "was added"
    if change.after is None:
        return "was removed"
    told = "; ".join(map(_stretch, change.stretches))
    return told if len(change.stretches) in (1, 2) and len(told) <= _SAYS_MAX else "changed"


def _stretch(stretch: Stretch) -> str:
    start = f" from {stretch.start}" if stretch.start else ""
    end = f" to {stretch.end - timedelta(days=1)}" if stretch.end else ""
    return f"{stretch.before or 'nothing'} becomes {stretch.after or 'nothing'}{start}{end}"
