"""Rows of text cells, read one by one (law 2.1, 2.2, 2.3, 2.6)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from engine.ratebook.book import ActivityColumn, ActivityKind, RuleBook
from engine.reference.clock import EPOCH, SECOND, instants, local_day

TIME_COLUMNS = ("start", "end", "scheduled_start", "scheduled_end", "cancelled_at", "break_start", "break_end")
PAIRS = (("start", "end"), ("scheduled_start", "scheduled_end"), ("break_start", "break_end"))
MARKS = ("mark_billable", "mark_held", "mark_excluded")
_TIME = re.compile(r"(\d{4}-\d{2}-\d{2})[T ]([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?(Z|[+-](?:0\d|1[0-4]):[0-5]\d)?", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}", re.ASCII)
_WHOLE = re.compile(r"[0-9]{1,9}", re.ASCII)
_HIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


class UnreadableError(Exception):
    """A cell or row cannot be read; the text is the column."""


@dataclass(slots=True)
class Row:
    """A row as read: cells as text, times as UTC seconds, and its fate once it is known.

    `passed_over` says that another row counts in its place (superseded, repeated), `doubt` that a higher revision was rejected.
    """

    number: int
    cells: dict[str, str]
    source: str
    id: str
    revision: int | None
    times: dict[str, int | None]
    at: int = 0
    day: date = date.min
    fate: tuple[str, str] | None = None
    passed_over: str = ""
    doubt: bool = False

    def cell(self, column: str) -> str:
        """The text of a cell; empty where the kind has no such column."""
        return self.cells.get(column, "")

    def yes(self, column: str) -> bool:
        """Whether a yes-no cell says yes."""
        return self.cell(column).lower() in ("yes", "true", "1")

    def length(self, first: str, last: str) -> int:
        """The elapsed seconds between two times as written; 0 where they are not there."""
        return self.length_or_none(first, last) or 0

    def length_or_none(self, first: str, last: str) -> int | None:
        """The elapsed seconds between two times as written; None where one is not there."""
        start, end = self.times.get(first), self.times.get(last)
        return end - start if start is not None and end is not None else None

    @property
    def closeout(self) -> int:
        """The closeout that took the row; 0 if none did."""
        return int(self.cell("closeout") or 0)

    @property
    def rank(self) -> tuple[int, str, str]:
        """Where the row stands in the order of time (law 5.3)."""
        return self.at, self.source, self.id


def read_rows(book: RuleBook, kind: ActivityKind, rows: Sequence[Mapping[str, str]]) -> list[Row]:
    """All rows, each with its fate if it is rejected; those that do not count are passed over."""
    found = [_read(book, kind, number, cells) for number, cells in enumerate(rows)]
    for row in found:
        if row.id and any(_contradict(row, other) for other in found):
            row.fate = ("rejected", "id") if row.fate is None else row.fate
    good = [row for row in found if row.fate is None]
    for row in good:
        mine = [other for other in found if (other.source, other.id) == (row.source, row.id)]
        highest = max(other.revision or 0 for other in mine if other in good)
        rejected = [other.revision for other in mine if other not in good and other.revision is not None]
        if row.revision != highest:
            row.passed_over = "superseded"
        elif any(other.number < row.number and other.revision == highest for other in mine):
            row.passed_over = "repeated"
        else:
            row.doubt = any(revision > highest for revision in rejected)
    return found


def _contradict(one: Row, other: Row) -> bool:
    """Whether two rows have one id and revision, and other content."""
    same = (one.source, one.id, one.revision) == (other.source, other.id, other.revision)
    return same and one.revision is not None and one.cells != other.cells


def _read(book: RuleBook, kind: ActivityKind, number: int, raw: Mapping[str, str]) -> Row:
    cells = {"revision": "1", "withdrawn": "no", **dict.fromkeys(MARKS, "no")}
    for column in kind.columns:
        cells[column.column] = raw.get(column.column, "").strip() or column.default or cells.get(column.column, "")
    revision = int(cells["revision"]) if _WHOLE.fullmatch(cells["revision"]) else None
    row = Row(number, cells, cells.get("source", ""), cells.get("id", ""), revision, dict.fromkeys(TIME_COLUMNS))
    try:
        _check_cells(book, kind, row)
        _place_in_time(book, kind, row)
    except UnreadableError as error:
        row.fate = ("rejected", str(error))
    return row


def _check_cells(book: RuleBook, kind: ActivityKind, row: Row) -> None:
    for column in kind.columns:
        text = row.cell(column.column)
        if (column.required and not text) or (text and not _fits(column, text)):
            raise UnreadableError(column.column)
    if row.revision is None:
        raise UnreadableError("revision")
    if row.cell("site") not in book.sites:
        raise UnreadableError("site")
    if row.cell("item") not in book.items:
        raise UnreadableError("item")


def _fits(column: ActivityColumn, text: str) -> bool:
    if column.type == "id":
        return bool(_ID.fullmatch(text))
    if column.type == "text":
        return not _HIDDEN.search(text)
    if column.type == "choice":
        return text in column.choices
    if column.type == "yes-no":
        return text.lower() in ("yes", "no", "true", "false", "1", "0")
    if column.type in ("whole", "minutes"):
        return bool(_WHOLE.fullmatch(text))
    return bool(_TIME.fullmatch(text))


def _place_in_time(book: RuleBook, kind: ActivityKind, row: Row) -> None:
    zone = book.sites[row.cell("site")].zone
    timed = [column.column for column in kind.columns if column.type == "local-time"]
    for column in timed:
        if row.cell(column):
            row.times[column] = _instant(row.cell(column), zone, kind.grid, column)
    for first, last in PAIRS:
        start, end = row.times[first], row.times[last]
        if (start is None) != (end is None):
            raise UnreadableError(first if start is None else last)
        if start is not None and end is not None and end <= start:
            raise UnreadableError(last)
    at = row.times["start"] if row.times["start"] is not None else row.times["scheduled_start"]
    if at is None:
        raise UnreadableError("start")
    if any(row.yes(mark) for mark in MARKS) and not (row.cell("marked_by") and row.cell("reason")):
        raise UnreadableError("marked_by")
    row.at, row.day = at, local_day(zone, at)


def _instant(text: str, zone: str, grid: int, column: str) -> int:
    """The one instant at which the clock of a zone reads a text; with an offset, that one, if the zone has it then."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise UnreadableError(column)
    day, hour, minute, second, given = match.groups()
    try:
        clock = datetime.fromisoformat(f"{day}T{hour}:{minute}:{second or '00'}")
    except ValueError:  # a day that does not exist
        raise UnreadableError(column) from None
    if (clock - EPOCH) // SECOND % grid:
        raise UnreadableError(column)
    try:
        found = instants(zone, clock)
    except (ValueError, OverflowError):  # beyond the first or last day that the zone database has
        raise UnreadableError(column) from None
    if given:
        ahead = 0 if given == "Z" else (int(given[1:3]) * 3600 + int(given[4:6]) * 60) * (-1 if given[0] == "-" else 1)
        found = [instant for instant in found if instant == (clock - EPOCH) // SECOND - ahead]
    if len(found) != 1:
        raise UnreadableError(column)
    return found[0]
