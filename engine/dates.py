"""Days, clock times, durations and periods. Ranges are half open: the first day is in, the last day is out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

from engine.problems import InforceError

EPOCH = date(1970, 1, 1)
DAY_SECONDS = 86_400
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
FOREVER = date(9999, 12, 31)

_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_DURATION = re.compile(r"(?:([0-9]{1,5})h)?(?:([0-9]{1,5})min)?(?:([0-9]{1,6})s)?", re.ASCII)


class DateError(InforceError):
    """A text is not the day, time, duration or period it should be."""


def parse_day(text: str) -> date:
    """The day written as 2026-10-03; anything else, and days that do not exist, are refused."""
    if _DAY.fullmatch(text):
        try:
            return date.fromisoformat(text)
        except ValueError:
            pass
    raise DateError(f"{text!r} is not a day; write it like 2026-10-03")


def parse_clock(text: str) -> int:
    """The clock time written as 19:00, in seconds after midnight."""
    match = _CLOCK.fullmatch(text)
    if not match:
        raise DateError(f"{text!r} is not a clock time; write it like 07:00 or 19:30")
    return int(match[1]) * 3600 + int(match[2]) * 60


def parse_week_clock(text: str) -> int:
    """The moment of a week written as sunday 07:00, or sunday for its midnight, in seconds after Monday midnight."""
    weekday, _, clock = text.partition(" ")
    if weekday not in WEEKDAYS:
        raise DateError(f"{text!r} is not a moment of a week; write it like sunday 00:00")
    return WEEKDAYS.index(weekday) * DAY_SECONDS + parse_clock(clock or "00:00")


def parse_duration(text: str) -> int:
    """The duration written as 4h, 90min, 4h30min or 45s, in seconds."""
    match = _DURATION.fullmatch(text)
    if not text or not match:
        raise DateError(f"{text!r} is not a duration; write it like 4h, 90min or 4h30min")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def duration_text(seconds: int) -> str:
    """The shortest text that `parse_duration` reads back: 4h, 4h30min, 45s, 0h."""
    hours, rest = divmod(abs(seconds), 3600)
    minutes, rest = divmod(rest, 60)
    text = (f"{hours}h" if hours else "") + (f"{minutes}min" if minutes else "") + (f"{rest}s" if rest else "")
    return ("-" if seconds < 0 else "") + (text or "0h")


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH).days


def day_of(number: int) -> date:
    """The day with that number since 1970-01-01."""
    return EPOCH + timedelta(days=number)


@dataclass(frozen=True, slots=True)
class Period:
    """A run of days, `start` in and `end` out; `name` is what the user wrote, made safe for file names."""

    start: date
    end: date
    name: str

    def holds(self, day: date) -> bool:
        """Whether `day` lies in the period."""
        return self.start <= day < self.end


def parse_period(text: str) -> Period:
    """A calendar month (2026-10) or a half-open range of days (2026-10-01..2026-10-16)."""
    if _MONTH.fullmatch(text):
        try:
            start = parse_day(f"{text}-01")
        except DateError:
            raise DateError(f"{text!r} is not a period: there is no such month; write it like 2026-10") from None
        end = date(start.year + start.month // 12, start.month % 12 + 1, 1)
        return Period(start, end, text)
    first, dots, last = text.partition("..")
    if not dots:
        raise DateError(f"{text!r} is not a period; write a month like 2026-10 or days like 2026-10-01..2026-10-16")
    start, end = parse_day(first), parse_day(last)
    if end <= start:
        raise DateError(f"the period {text} is empty: its end is the first day that is out, so it must come after {start}")
    return Period(start, end, f"{start}-to-{end}")


def period_named(name: str) -> Period:
    """The period that has this name."""
    return parse_period(name.replace("-to-", ".."))


def parse_periods(text: str) -> tuple[Period, ...]:
    """One period, or the months of a range that names months (2024-10..2026-09, both in)."""
    first, dots, last = text.partition("..")
    if not dots or not (_MONTH.fullmatch(first) and _MONTH.fullmatch(last)):
        return (parse_period(text),)
    start, end = parse_period(first), parse_period(last)
    if end.start < start.start:
        raise DateError(f"{text!r} is no range of months: it ends before it begins")
    months = range(start.start.year * 12 + start.start.month - 1, end.start.year * 12 + end.start.month)
    return tuple(parse_period(f"{month // 12}-{month % 12 + 1:02}") for month in months)
