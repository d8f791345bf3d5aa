"""What becomes of a row before any policy is asked, and which rows a period bills (law 2.3 to 2.5, 5.8, 5.9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from engine.ratebook.book import ActivityKind, RuleBook
from engine.reference.charges import Fate
from engine.reference.reading import Row


@dataclass(frozen=True, slots=True)
class Asked:
    """What is billed: the days `start`..`end`, and which accounts (none: all). `billed_on` says which rows are billed on another day."""

    book: RuleBook
    start: date
    end: date
    billed_on: Mapping[int, date]
    accounts: frozenset[str]

    def holds(self, row: Row) -> bool:
        """Whether a row is billed with these days."""
        return self.holds_account(row.cell("site")) and self.start <= self.billed_on.get(row.number, row.day) < self.end

    def holds_account(self, site: str) -> bool:
        """Whether the account of a site is billed."""
        return not self.accounts or self.book.sites[site].account in self.accounts


def billed_on(book: RuleBook, rows: Sequence[Row]) -> dict[int, date]:
    """The first day of the month with which a row is billed, for rows that are not billed with their own month (law 5.9)."""
    readable = [row for row in rows if not _rejected(row)]
    months: dict[tuple[str, int], date] = {}
    for row in readable:
        if row.closeout and not row.passed_over:
            key = (book.sites[row.cell("site")].account, row.closeout)
            months[key] = max(months.get(key, date.min), row.day.replace(day=1))
    closed = {(account, month) for (account, _), month in months.items()}
    found = {}
    for row in readable:
        account, own = book.sites[row.cell("site")].account, row.day.replace(day=1)
        month = months.get((account, row.closeout), own)
        while not row.closeout and (account, month) in closed:
            month = date(month.year + month.month // 12, month.month % 12 + 1, 1)
        if month != own:
            found[row.number] = month
    return found


def fate_before_policies(kind: ActivityKind, row: Row, rows: Sequence[Row]) -> Fate | None:
    """The fate of a row before any policy is asked, in the order of law 2.5, wherever it is dated; None if it goes on to them."""
    if row.fate is not None:
        return row.fate
    if row.passed_over:
        return "not billed", row.passed_over
    if row.yes("withdrawn"):
        return "not billed", "withdrawn"
    if row.yes("mark_excluded"):
        return "not billed", "mark_excluded"
    if row.doubt:
        return "held", "revision-rejected"
    if row.yes("mark_held"):
        return "held", "mark_held"
    if max(row.length("start", "end"), row.length("scheduled_start", "scheduled_end")) > kind.maximum:
        return "held", "longer-than-maximum"
    if kind.overlap == "hold" and any(other is not row and _overlap(row, other) for other in rows):
        return "held", "overlap"
    return None


def _overlap(one: Row, other: Row) -> bool:
    """Whether two rows that count are one worker's, and their recorded intervals share time."""
    if one.cell("worker") != other.cell("worker") or not one.cell("worker") or not (_counts(one) and _counts(other)):
        return False
    a, b, c, d = one.times["start"], one.times["end"], other.times["start"], other.times["end"]
    return a is not None and b is not None and c is not None and d is not None and max(a, c) < min(b, d)


def _counts(row: Row) -> bool:
    return not (_rejected(row) or row.passed_over or row.yes("withdrawn") or row.yes("mark_excluded"))


def _rejected(row: Row) -> bool:
    return row.fate is not None and row.fate[0] == "rejected"
