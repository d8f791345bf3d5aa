"""What the clock on the wall reads at an instant, and which windows a reading lies in (law 2.2, 3.1, 3.3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from engine.ratebook.book import RuleBook, Window

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # a clock reading, without a zone
SECOND = timedelta(seconds=1)
MINUTE = 60
DAY = 86_400


@lru_cache(maxsize=1 << 18)
def local_clock(zone: str, utc: int) -> datetime:
    """What the clock on the wall reads at an instant."""
    return datetime.fromtimestamp(utc, UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def reading(zone: str, utc: int) -> int:
    """The same in seconds since a clock on the wall read 1970-01-01T00:00."""
    return (local_clock(zone, utc) - EPOCH) // SECOND


def offset(zone: str, utc: int) -> int:
    """Seconds the clock on the wall is ahead of UTC."""
    return reading(zone, utc) - utc


def local_day(zone: str, utc: int) -> date:
    """The day the clock on the wall shows."""
    return local_clock(zone, utc).date()


def instants(zone: str, clock: datetime) -> list[int]:
    """Every instant at which the clock on the wall reads this: none, one or two."""
    seconds = (clock - EPOCH) // SECOND
    offsets = {offset(zone, seconds + hours * 3600) for hours in range(-27, 28, 3)}
    return sorted(seconds - each for each in offsets if local_clock(zone, seconds - each) == clock)


@lru_cache(maxsize=1 << 16)
def first_instant(zone: str, day: date, seconds: int) -> int:
    """The first instant at which the clock reads so many seconds after midnight of a day, or else the first one after that (law 5.4)."""
    clock = datetime.combine(day, time()) + seconds * SECOND
    while not (found := instants(zone, clock)):
        clock += MINUTE * SECOND
    return found[0]


def inside(book: RuleBook, window: Window, clock: datetime) -> bool:
    """Whether a clock reading lies in a window."""
    midnight = datetime.combine(clock.date(), time())
    if window.each == "holiday":
        days = book.holidays[window.holidays or ""].days
        return any(
            window.start <= (clock - datetime.combine(day, time())) // SECOND < window.end
            for day in (holiday.actual if window.day == "actual" else holiday.observed for holiday in days)
        )
    since = (clock - midnight) // SECOND + (clock.weekday() * DAY if window.each == "week" else 0)
    if window.start < window.end:
        return window.start <= since < window.end
    return since >= window.start or since < window.end


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows of a book, asked instant by instant; edges are whole minutes, so a minute is asked once."""

    book: RuleBook
    _known: dict[int, frozenset[str]] = field(default_factory=dict)

    def at(self, zone: str, utc: int) -> frozenset[str]:
        """The windows an instant lies in, by what the clock reads."""
        minute = reading(zone, utc) // MINUTE
        if minute not in self._known:
            clock = EPOCH + minute * MINUTE * SECOND
            self._known[minute] = frozenset(
                name for name, window in self.book.windows.items() if inside(self.book, window, clock)
            )
        return self._known[minute]
