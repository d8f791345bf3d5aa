"""What bears on a line when the rule book is taken as in force on one day: of all that differs then, what differs for that line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import polars as pl

from engine.causes import Concern
from engine.ratebook.changes import Change, Stretch
from engine.ratebook.in_force import ALWAYS
from engine.ratebook.reach import Books

Told = Mapping[str, Any]  # Any: the JSON of engine.explain
Rows = Mapping[str, "pl.DataFrame | Callable[[], Iterable[pl.DataFrame]]"]


def bearing(
    changes: Sequence[Change], books: Books, concern: Concern, lines: Sequence[Told], rows: tuple[Rows, Rows]
) -> list[Change]:
    """Of changes that reach a line those that bear on it; `lines` are its explanations on both sides.

    Such a book says one day's words for ever, so that it differs on many days that the line has nothing to do with. What is left are
    stretches that hold a day of the line, or of the sums that lead up to it; prices and formulas that its prices are made of; and
    terms of its own site or account, or of one where its workers worked.
    """
    first, last = (concern.start, concern.end - timedelta(days=1)) if concern.made else (concern.first, concern.last)
    since = _since(first, books, concern, rows)
    named, levels = set(_named(lines)), _levels(books, concern, rows)
    found = []
    for change in changes:
        there = tuple(_as_said(each) for each in change.stretches if _holds(each, since, last))
        if there and (concern.made or _is_near(change, named, levels)):
            found.append(replace(change, stretches=there))
    return found


def _since(first: date, books: Books, concern: Concern, rows: tuple[Rows, Rows]) -> date | None:
    """The first day on which what is in force can bear on a line; None: there is no limit."""
    of_amounts = concern.made and any(each.measure == "amount" for book in books.both for each in book.accumulators.values())
    if of_amounts or books.sum_days is None:  # as far back as there is anything to sum
        return _earliest(rows)
    return first - timedelta(days=books.sum_days + books.shift_days)


def _earliest(rows: tuple[Rows, Rows]) -> date | None:
    """No row of activity says an earlier day; None: that is not known."""
    days = []
    for frame in (each for side in rows for each in side.values()):
        if not isinstance(frame, pl.DataFrame):
            return None
        said = frame.select(pl.col(pl.String).str.extract(r"^([0-9]{4}-[0-9]{2}-[0-9]{2})").min())
        days += [day for day in said.row(0) if day is not None] if said.width else []
    return min(map(date.fromisoformat, days), default=None)


def _holds(stretch: Stretch, since: date | None, last: date) -> bool:
    """Whether any of some days are in a stretch."""
    begins = stretch.start is None or stretch.start <= last
    return begins and (stretch.end is None or since is None or since < stretch.end)


def _as_said(stretch: Stretch) -> Stretch:
    return replace(stretch, start=None) if stretch.start == ALWAYS else stretch


def _is_near(change: Change, named: set[str], levels: set[str]) -> bool:
    if change.what in ("price", "override", "formula"):
        return change.id in named
    return change.what != "term" or change.id.rpartition("/")[0] in levels


def _named(told: object) -> Iterator[str]:
    """The rates and the versions of formulas that explanations name, as changes name them: rates without their day."""
    if isinstance(told, Mapping):
        if isinstance(told.get("rate"), str):
            yield told["rate"].rpartition("@")[0]
        if isinstance(told.get("version"), str):
            yield told["version"].replace("@", "/")
        for each in told.values():
            yield from _named(each)
    elif isinstance(told, Sequence) and not isinstance(told, str):
        for each in told:
            yield from _named(each)


def _levels(books: Books, concern: Concern, rows: tuple[Rows, Rows]) -> set[str]:
    """The levels whose terms can bear on a line: its own, and those of sites where its workers worked; of a line without workers all."""
    sites = {site.site: site.account for book in books.both for site in book.sites.values()}
    if not concern.workers:
        return {"default", *sites, *sites.values()}
    worked = {concern.section}
    for frame in (each for side in rows for each in side.values()):
        if isinstance(frame, pl.DataFrame) and {"worker", "site"} <= set(frame.columns):
            worked.update(frame.filter(pl.col("worker").is_in(list(concern.workers)))["site"].drop_nulls())
    return {"default", concern.account, *worked, *(sites[each] for each in worked if each in sites)}
