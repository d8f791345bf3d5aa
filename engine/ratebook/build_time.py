"""Windows and holiday lists to values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.dates import DAY_SECONDS, WEEKDAYS, parse_clock
from engine.ratebook.book import Holiday, HolidaySet, Window
from engine.ratebook.forms import Findings, Node

# The words that may stand before the time of a window's edge, and the day each of them means.
_EDGE_DAYS: Mapping[str, Mapping[str, int]] = {
    "day": {"": 0},
    "week": {name: number for number, name in enumerate(WEEKDAYS)},
    "holiday": {"day-before": -1, "day": 0, "day-after": 1},
}
_OBSERVED_DAYS = 7  # a holiday is observed no further from its day; further away a year or a month is probably mistyped
_EDGE_EXAMPLES = {"day": "19:00", "week": "friday 19:00", "holiday": "day-before 19:00"}


def build_holidays(forms: Sequence[Node], found: Findings) -> dict[str, HolidaySet]:
    """Holiday lists by name."""
    sets: dict[str, HolidaySet] = {}
    for form in forms:
        holidays = _holidays(form, found)
        if holidays.name in sets:
            found.twice(form["holidays"], f"holiday list {holidays.name}", sets[holidays.name].source)
        sets[holidays.name] = holidays
    return sets


def _holidays(form: Node, found: Findings) -> HolidaySet:
    start, end = form.day("from"), form.day("to")
    if end <= start:
        found.add("R040", form["to"], "the list ends before it begins", "`to` is the first day it no longer covers")
    days: dict[Holiday, Node] = {}
    for node in form.list("days"):
        holiday = Holiday(node["holiday"].text, node.day("actual"), node.day("observed"))
        if start < end and not any(start <= day < end for day in (holiday.actual, holiday.observed)):
            said = f"{holiday.actual} is not in {start} .. {end}, which the list covers"
            found.add("R040", node["actual"], said, "Widen `from`/`to`, or correct the day")
        away = abs((holiday.observed - holiday.actual).days)
        if away > _OBSERVED_DAYS:
            said = f"{holiday.holiday} on {holiday.actual} is observed {away} days away, on {holiday.observed}"
            found.add("R056", node["observed"], said, "Correct one of the days", warning=True)
        for other, first in days.items():
            if (other.holiday, other.actual) == (holiday.holiday, holiday.actual):
                found.twice(node["holiday"], f"{holiday.holiday} {holiday.actual}", first.source)
        days[holiday] = node
    ordered = tuple(sorted(days, key=lambda each: (each.actual, each.holiday, each.observed)))
    return HolidaySet(form["holidays"].text, start, end, ordered, form.source)


def build_windows(forms: Sequence[Node], holidays: Mapping[str, HolidaySet], found: Findings) -> dict[str, Window]:
    """Windows by name."""
    windows: dict[str, Window] = {}
    for node in (node for form in forms for node in form.list("windows")):
        window = _window(node, holidays, found)
        if window.window in windows:
            found.twice(node["window"], f"window {window.window}", windows[window.window].source)
        windows[window.window] = window
    return dict(sorted(windows.items()))


def _window(node: Node, holidays: Mapping[str, HolidaySet], found: Findings) -> Window:
    each = node["each"].word
    for word in ("holidays", "day"):
        if word in node and each != "holiday":
            found.add("R043", node.key(word), f"a window of each {each} has no `{word}`", f"Remove `{word}`", width=len(word))
        if word not in node and each == "holiday":
            found.add("R043", node["each"], f"a window of each holiday needs `{word}`", f"Add `{word}`")
    if "holidays" in node and node["holidays"].text not in holidays:
        found.unknown(node["holidays"], "holiday list", holidays, kind="holidays")
    start, end = _edge(node["from"], each, found), _edge(node["to"], each, found)
    if start is not None and end is not None and (start == end or (each == "holiday" and end < start)):
        found.add("R040", node["to"], "the window is empty", "Let `to` come after `from`")
    return Window(
        node["window"].text, each, start or 0, end or 0, node.says("holidays") or None, node.says("day") or None, node.source  # type: ignore[arg-type]  # the schema lists the words
    )  # fmt: skip


def _edge(node: Node, each: str, found: Findings) -> int | None:
    """Seconds after the midnight that a window of each day, week or holiday counts from; None if they are refused."""
    word, _, time = node.text.rpartition(" ")
    days = _EDGE_DAYS[each]
    if word not in days:
        said = f"`{node.text}` is not an edge of a window of each {each}"
        found.add("R043", node, said, f"Write it like {_EDGE_EXAMPLES[each]}")
        return None
    return days[word] * DAY_SECONDS + parse_clock(time)
