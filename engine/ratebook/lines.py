"""What two entries say over time, compared: the days on which they differ, in the words of both."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from engine.ratebook.changes import Stretch
from engine.ratebook.entries import Entry, Line, Parts

NOTHING_SAID: Line = ((None, None),)


def line_of(entry: Entry | None) -> Line:
    """What an entry says over time; one that a book lacks says nothing."""
    return NOTHING_SAID if entry is None else entry.lay()


def stretches(before: Line, after: Line) -> tuple[Stretch, ...]:
    """The days on which two lines say different things."""
    days = sorted({day or date.min for line in (before, after) for day, _ in line})
    found: list[Stretch] = []
    ends: Sequence[date | None] = [*days[1:], None]
    for day, end in zip(days, ends, strict=True):
        said = said_otherwise(on(before, day)[1], on(after, day)[1])
        if said is None:
            continue
        start = None if day == date.min else day
        if found and found[-1].end == day and (found[-1].before, found[-1].after) == said:
            found[-1] = replace(found[-1], end=end)
        else:
            found.append(Stretch(start, end, *said))
    return tuple(found)


def on(line: Line, day: date) -> tuple[date | None, Parts | None, date | None]:
    """What a line says on a day, and from which day to which."""
    starts = [start or date.min for start, _ in line]
    place = bisect_right(starts, day) - 1
    end = line[place + 1][0] if place + 1 < len(line) else None
    return line[place][0], line[place][1], end


def said_otherwise(before: Parts | None, after: Parts | None) -> tuple[str | None, str | None] | None:
    """What differs in words before and after; None if nothing does."""
    if before is None or after is None:
        return None if before is after else (_whole(before), _whole(after))
    names = sorted(name for name in before.keys() | after.keys() if _part(before, name) != _part(after, name))
    return (_named(before, names), _named(after, names)) if names else None


def _part(parts: Parts, name: str) -> str | None:
    return parts[name].told if name in parts else None


def _whole(parts: Parts | None) -> str | None:
    return None if parts is None else _named(parts, [name for name, part in parts.items() if not part.tacit])


def _named(parts: Parts, names: Sequence[str]) -> str:
    said = [f"{name} {parts[name].words if name in parts else 'none'}".strip() for name in names]
    return ", ".join(said)
