"""Windows of rate tables: time that two of them price and none is ranked before, and time that none of them prices.

Time is that of one week. A window of holidays can lie on any weekday, so it shares time with whatever has the same hours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from engine.dates import DAY_SECONDS, WEEKDAYS
from engine.problems import Problem
from engine.ratebook.book import RateRow, RateTable, RuleBook, Window
from engine.ratebook.crossings import OTHERWISE

_WEEK = 7 * DAY_SECONDS
_Times = list[tuple[int, int]]


def window_findings(book: RuleBook) -> Iterator[Problem]:
    """What is wrong with the windows of each rate table that has some."""
    for table in book.tables.values():
        if "window" in table.key:
            yield from _shared(book, table)
            yield from _unpriced(book, table)


def _shared(book: RuleBook, table: RateTable) -> Iterator[Problem]:
    """Pairs of windows without a rank that share time."""
    named = sorted({row.key["window"] for row in table.rows.values()} - {OTHERWISE, *table.first_of})
    for one, two in combinations(named, 2):
        common = _common(_times(book.windows[one]), _times(book.windows[two]))
        if common is not None:
            row = next(row for row in table.rows.values() if row.key["window"] == two)
            said = f"the windows {one} and {two} of `{table.table}` both price {_moment(common)}, and neither is ranked before the other"
            remedy = f"Add `first-of: [{one}, {two}]` to the table, in the order that was agreed"
            related = ((book.windows[one].source, one), (book.windows[two].source, two))
            yield Problem("R074", row.source, said, remedy, related=related)


def _unpriced(book: RuleBook, table: RateTable) -> Iterator[Problem]:
    """The first key of a table that has no price at some time of the week."""
    groups: dict[tuple[str, ...], list[RateRow]] = {}
    for row in table.rows.values():
        groups.setdefault(tuple(name for column, name in row.key.items() if column != "window"), []).append(row)
    for key, rows in groups.items():
        windows = [row.key["window"] for row in rows]
        regular = [book.windows[name] for name in windows if name != OTHERWISE and book.windows[name].each != "holiday"]
        free = _free([span for window in regular for span in _times(window)])
        if OTHERWISE not in windows and free is not None:
            said = f"`{table.table}` has no price of {', '.join(key)} on {_moment(free)}, which is in no window of its rows"
            yield Problem("R074", rows[0].source, said, f"Add a row with `window: {OTHERWISE}`", "warning")
            return


def _times(window: Window) -> _Times:
    """The seconds of a week, from Monday midnight on, that a window holds or, of holidays, can hold."""
    if window.each == "week":
        starts, length = [window.start], (window.end - window.start) % _WEEK or _WEEK
    elif window.each == "day":
        starts, length = [window.start + day * DAY_SECONDS for day in range(7)], (window.end - window.start) % DAY_SECONDS
    else:
        starts, length = [window.start + day * DAY_SECONDS for day in range(7)], window.end - window.start
    found: _Times = []
    for start in (each % _WEEK for each in starts):
        found += [(start, min(start + length, _WEEK)), *([(0, start + length - _WEEK)] if start + length > _WEEK else [])]
    return sorted(found)


def _common(one: Sequence[tuple[int, int]], two: Sequence[tuple[int, int]]) -> int | None:
    """The first second that two lists of times share."""
    return min((max(a, c) for a, b in one for c, d in two if max(a, c) < min(b, d)), default=None)


def _free(times: _Times) -> int | None:
    """The first second of the week that is in none of some times."""
    at = 0
    for start, end in sorted(times):
        if start > at:
            break
        at = max(at, end)
    return at if at < _WEEK else None


def _moment(second: int) -> str:
    day, rest = divmod(second, DAY_SECONDS)
    return f"{WEEKDAYS[day].capitalize()} {rest // 3600:02d}:{rest % 3600 // 60:02d}"
