"""Values of the rule book in the words in which finance writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import is_dataclass
from datetime import date
from typing import Any

from engine.dates import DAY_SECONDS, FOREVER, WEEKDAYS, day_of, duration_text
from engine.money import Decimals, percent_text
from engine.ratebook.book import (
    NO_DEDUCTION,
    Band,
    BreakTerms,
    Condition,
    Given,
    Price,
    PunchRounding,
    RateTable,
    Recurrence,
    Setting,
    TermDeclaration,
    TermValue,
    Window,
)  # fmt: skip
from engine.ratebook.meaning import fields_told
from engine.ratebook.models import PLAIN, Figure, Scheme, Tier

_DURATIONS = {"step", "after", "length", "maximum", "grid"}  # fields that are seconds


def words(value: object) -> str:
    """Any value of the book in words."""
    write = _WRITERS.get(type(value))
    if write is not None:
        return write(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{_key(key)} {words(part)}" for key, part in sorted(value.items(), key=lambda each: _key(each[0])))
    if is_dataclass(value):
        return ", ".join(f"{field_name(name)} {field_words(name, getattr(value, name))}" for name in fields_told(value))
    return ", ".join(map(words, value)) or "none" if isinstance(value, Iterable) else str(value)


def field_words(name: str, value: object) -> str:
    """The value of a field in words."""
    return duration_text(value) if name in _DURATIONS and isinstance(value, int) else words(value)


def field_name(name: str) -> str:
    """The name of a field as it stands in files."""
    return name.replace("_", "-")


def clock_text(seconds: int) -> str:
    """Seconds after midnight as a clock time."""
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}"


def week_clock_text(seconds: int) -> str:
    """Seconds after Monday midnight as a moment of the week."""
    return f"{WEEKDAYS[seconds // DAY_SECONDS % 7]} {clock_text(seconds % DAY_SECONDS)}"


def day_text(day: date | None) -> str:
    """A day; what has no beginning or no end is said in a word."""
    return "always" if day in (None, date.min, FOREVER) else str(day)


# --- prices -----------------------------------------------------------------------------------------------------------


def price_words(price: Price, table: RateTable) -> str | None:
    """A price with all that its model says; None: it has ended."""
    return None if price.value is None else figure_words(price.value, table, price.scheme)


def figure_words(value: Decimals, table: RateTable, scheme: Scheme = PLAIN) -> str:
    """A figure of a table, with all that its model says."""
    plain = {"percent": f"{value}%", "factor": f"x {value}"}.get(table.unit, str(value))
    if scheme == PLAIN:
        return plain
    said = scheme_words(scheme, table.unit)
    return said if value.units == 0 and (scheme.tiers or scheme.percent is not None) else f"{plain}, {said}"


def scheme_words(scheme: Scheme, unit: str) -> str:
    """What a price says beside its figure."""
    said = [_tier(tier, unit) for tier in scheme.tiers]
    if scheme.package is not None:
        said.append(f"for each package of {scheme.package} {unit}")
    if scheme.allowance is not None:
        of_term = isinstance(scheme.allowance, str)
        said.append(f"{f'as many as the term {scheme.allowance}' if of_term else f'{scheme.allowance} {unit}'} included")
    if scheme.percent is not None:
        said.append(percent_text(scheme.percent))
    named = (("at least", scheme.at_least), ("at most", scheme.at_most), ("connection", scheme.connect), ("first", scheme.first))
    said += [f"{name} {value}" for name, value in named if value is not None]
    if scheme.then is not None:
        said.append(f"then steps of {scheme.then}")
    return "; ".join(said)


def _tier(tier: Tier, unit: str) -> str:
    upto = f"to {tier.end}" if tier.end is not None else "on"
    fee = f", fee {tier.fee}" if tier.fee is not None else ""
    return f"{tier.start} {upto} {unit} at {tier.price}{fee}"


# --- terms ------------------------------------------------------------------------------------------------------------


def term_words(value: TermValue, declared: TermDeclaration | None) -> str:
    """The value of a term as its type is written."""
    kind = declared.type if declared is not None else ""
    if value is None:
        return "paid" if kind == "break" else "none"
    if kind in ("duration", "limit") and isinstance(value, int):
        return duration_text(value)
    if kind == "clock" and isinstance(value, int):
        return clock_text(value)
    if kind == "week-clock" and isinstance(value, int):
        return week_clock_text(value)
    if kind == "day" and isinstance(value, int):
        return str(day_of(value))
    if kind == "percent" and isinstance(value, Decimals):
        return percent_text(value)
    return words(value)


def _punches(value: PunchRounding) -> str:
    more = ("" if value.breaks else ", not breaks") + (", scheduled times too" if value.scheduled else "")
    return f"to {duration_text(value.step)}, half {value.half}, per {value.per}{more}"


def _break(value: BreakTerms) -> str:
    if value == NO_DEDUCTION:
        return "none"
    planned = ", planned too" if value.planned else ""
    return f"{duration_text(value.length)} after {duration_text(value.after)}, placed {value.unplaced}{planned}"


# --- the rest ---------------------------------------------------------------------------------------------------------


def _window(window: Window) -> str:
    if window.each == "holiday":
        start, end = (f"{_sign(each)} {clock_text(abs(each))}" for each in (window.start, window.end))
        return f"each holiday of {window.holidays} ({window.day}), from {start} to {end} of its midnight"
    write = clock_text if window.each == "day" else week_clock_text
    return f"each {window.each} from {write(window.start)} to {write(window.end)}"


def _sign(seconds: int) -> str:
    return "-" if seconds < 0 else "+"


def _setting(setting: Setting) -> str:
    if setting.term is not None:
        return f"term {setting.term}"
    return duration_text(setting.value) if isinstance(setting.value, int) else words(setting.value)


def _recurrence(window: Recurrence) -> str:
    if window.each == "weeks":
        return f"every {window.count} weeks from {window.start}"
    starts = window.starts.value
    if not isinstance(starts, int):
        return f"each {window.each} at {words(window.starts)}" if window.each != "since" else f"since {words(window.starts)}"
    return f"each {window.each} at {(clock_text if window.each == 'day' else week_clock_text)(starts)}"


def _given(given: Given) -> str:
    return {"base": "the base price", "rate": f"rate {given.name}", "term": f"term {given.name}", "number": str(given.number)}[
        given.form
    ]


_WRITERS: Mapping[type, Callable[[Any], str]] = {  # Any: each has its own
    bool: lambda value: "yes" if value else "no",
    str: lambda value: value or "none",
    int: str,
    type(None): lambda _: "none",
    Decimals: str,
    date: day_text,
    PunchRounding: _punches,
    BreakTerms: _break,
    Window: _window,
    Setting: _setting,
    Recurrence: _recurrence,
    Given: _given,
    Figure: lambda value: f"term {value.term}" if value.term is not None else str(value.number),
    Condition: lambda value: value.text,
    Band: lambda value: f"{value.band} over {words(value.over)}",
}


def _key(key: object) -> str:
    return " ".join(map(str, key)) if isinstance(key, tuple) else str(key)
