"""Rows of text cells, read one by one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from engine.ratebook.book import ActivityColumn, ActivityKind, RuleBook

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # a clock reading, without a zone
TIME_COLUMNS = ("start", "end", "scheduled_start", "scheduled_end", "cancelled_at", "break_start", "break_end")
PAIRS = (("start", "end"), ("scheduled_start", "scheduled_end"), ("break_start", "break_end"))
MARKS = ("mark_billable", "mark_held", "mark_excluded")
_TIME = re.compile(r"(\d{4}-\d{2}-\d{2})[T ]([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?(Z|[+-](?:0\d|1[0-4]):[0-5]\d)?", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}", re.ASCII)
_HIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


class UnreadableError(Exception):
    """A cell or row cannot be read."""


@dataclass(slots=True)
class Row:
    """A row as read: cells as text, times as UTC seconds, and its fate once it is known."""

    number: int
    cells: dict[str, str]
    source: str
    id: str
    revision: int | None
    times: dict[str, int | None]
    at: int = 0
    day: date = date.min
    fate: tuple[str, str] | None = None

    def yes(self, column: str) -> bool:
        """Whether a yes-no cell says yes."""
        return self.cells.get(column, "").lower() in ("yes", "true", "1")


@lru_cache(maxsize=1 << 18)
def local_clock(zone: str, utc: int) -> datetime:
    """What the clock on the wall reads at an instant."""
    return datetime.fromtimestamp(utc, UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def offset(zone: str, utc: int) -> int:
    """Seconds the wall clock is ahead of UTC."""
    return int((local_clock(zone, utc) - EPOCH) / timedelta(seconds=1)) - utc


def read_rows(book: RuleBook, kind: ActivityKind, rows: Sequence[Mapping[str, str]]) -> list[Row]:
    """All rows, each with its fate if it is rejected, superseded or repeated."""
    found = [_row(book, kind, number, cells) for number, cells in enumerate(rows)]
    by_key: dict[tuple[str, str, int], list[Row]] = {}
    for row in found:
        if row.revision is not None and row.id:
            by_key.setdefault((row.source, row.id, row.revision), []).append(row)
    for same in by_key.values():
        if len({tuple(sorted(row.cells.items())) for row in same}) > 1:
            for row in same:
                row.fate = ("rejected", "id")
    by_id: dict[tuple[str, str], list[Row]] = {}
    for row in found:
        by_id.setdefault((row.source, row.id), []).append(row)
    for revisions in by_id.values():
        good = [row for row in revisions if row.fate is None]
        bad = [row.revision for row in revisions if row.fate is not None and row.revision is not None]
        top = max((row.revision or 0 for row in good), default=0)
        seen = False
        for row in good:
            if row.revision != top:
                row.fate = ("not billed", "superseded")
            elif seen:
                row.fate = ("not billed", "repeated")
            else:
                seen = True
                if bad and max(bad) > top:
                    row.fate = ("doubt", "revision-rejected")
    return found


def _row(book: RuleBook, kind: ActivityKind, number: int, raw: Mapping[str, str]) -> Row:
    cells = {"revision": "1", "withdrawn": "no", **dict.fromkeys(MARKS, "no"), "source": ""}
    for column in kind.columns:
        text = raw.get(column.column, "").strip()
        cells[column.column] = text or column.default or cells.get(column.column, "")
    revision = int(cells["revision"]) if re.fullmatch(r"[0-9]{1,9}", cells["revision"], re.ASCII) else None
    row = Row(number, cells, cells["source"], cells["id"], revision, dict.fromkeys(TIME_COLUMNS))
    try:
        _check_cells(book, kind, row)
        _date(book, kind, row)
    except UnreadableError as error:
        row.fate = ("rejected", str(error))
    return row


def _check_cells(book: RuleBook, kind: ActivityKind, row: Row) -> None:
    for column in kind.columns:
        text = row.cells[column.column]
        if column.required and not text:
            raise UnreadableError(column.column)
        if text and not _fits(column, text):
            raise UnreadableError(column.column)
    if row.revision is None:
        raise UnreadableError("revision")
    if row.cells["site"] not in book.sites:
        raise UnreadableError("site")
    if row.cells["item"] not in book.items:
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
        return bool(re.fullmatch(r"[0-9]{1,9}", text, re.ASCII))
    return bool(_TIME.fullmatch(text))


def _date(book: RuleBook, kind: ActivityKind, row: Row) -> None:
    zone = book.sites[row.cells["site"]].zone
    for column in TIME_COLUMNS:
        if row.cells.get(column):
            row.times[column] = _instant(row.cells[column], zone, kind.grid, column)
    for first, last in PAIRS:
        start, end = row.times[first], row.times[last]
        if (start is None) != (end is None):
            raise UnreadableError(first if start is None else last)
        if start is not None and end is not None and end <= start:
            raise UnreadableError(last)
    at = row.times["start"] if row.times["start"] is not None else row.times["scheduled_start"]
    if at is None:
        raise UnreadableError("start")
    if any(row.yes(mark) for mark in MARKS) and not (row.cells.get("marked_by") and row.cells.get("reason")):
        raise UnreadableError("marked_by")
    row.at, row.day = at, local_clock(zone, at).date()


def _instant(text: str, zone: str, grid: int, column: str) -> int:
    """The instant at which the wall clock of a zone reads a text."""
    match = _TIME.fullmatch(text)
    try:
        day = date.fromisoformat(match[1]) if match else None
    except ValueError:
        day = None
    if match is None or day is None:
        raise UnreadableError(column)
    reading = datetime(day.year, day.month, day.day, int(match[2]), int(match[3]), int(match[4] or 0))  # noqa: DTZ001  # a clock reading
    seconds = int((reading - EPOCH) / timedelta(seconds=1))
    if seconds % grid:
        raise UnreadableError(column)
    offsets = {offset(zone, seconds + shift) for shift in range(-93_600, 93_601, 10_800)}
    instants = sorted(seconds - each for each in offsets if local_clock(zone, seconds - each) == reading)
    if match[5]:
        said = 0 if match[5] == "Z" else int(match[5][1:3]) * 3600 + int(match[5][4:6]) * 60
        wanted = seconds - (-said if match[5][0] == "-" else said)
        instants = [instant for instant in instants if instant == wanted]
    if len(instants) != 1:
        raise UnreadableError(column)
    return instants[0]
