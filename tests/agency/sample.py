"""Twenty-six months of shifts at every site, for every item and every price of the example agency."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from connectors.demo import COLUMNS
from engine.ratebook.book import RuleBook
from engine.ratebook.build import build
from engine.ratebook.files import read_workspace_files

ROOT = Path(__file__).resolve().parents[2]
MONTHS = [(2024 + (8 + n) // 12, (8 + n) % 12 + 1) for n in range(26)]
# Day of the month, start, hours: by day, by night, over midnight, short, on weekends and weekdays as the month has them.
_TIMES = (
    (2, 7, 12),
    (3, 19, 12),
    (5, 15, 8),
    (6, 23, 8),
    (8, 7, 3),
    (9, 18, 12),
    (11, 5, 8),
    (13, 19, 12),
    (17, 6, 12),
    (18, 20, 12),
    (21, 7, 12),
    (25, 4, 12),
    (28, 17, 12),
)
_HOLIDAYS = (
    (2024, 11, 28),
    (2025, 1, 1),
    (2025, 1, 20),
    (2025, 5, 26),
    (2025, 7, 4),
    (2025, 9, 1),
    (2025, 12, 25),
    (2026, 2, 16),
    (2026, 5, 25),
    (2026, 7, 3),
    (2026, 7, 4),
    (2026, 9, 7),
)


def agency() -> RuleBook:
    """The example agency's rule book, as it stands in the repository."""
    return build(read_workspace_files(ROOT))


def sample(book: RuleBook) -> pl.DataFrame:
    """Text rows as an activity file has them; one shift a worker, so that none overlap."""
    rows: list[dict[str, str]] = []
    number = count()
    for site in sorted(book.sites):
        zone = ZoneInfo(book.sites[site].zone)
        for item in (name for name, item in book.items.items() if item.table):
            for year, month in MONTHS:
                n = next(number)
                day, hour, hours = _TIMES[n % len(_TIMES)]
                _add(rows, site, item, datetime(year, month, day, hour), hours, n, zone)
            for day in (14, 16, 30):  # prices and geos that change inside October 2026
                _add(rows, site, item, datetime(2026, 10, day, 19), 12, next(number), zone)
        for year, month, day in _HOLIDAYS:
            for begin in (7, 19):
                _add(
                    rows, site, "RN-MED", datetime(year, month, day, begin) - timedelta(days=begin == 19), 12, next(number), zone
                )
            eve = datetime(year, month, day) - timedelta(days=1)
            _add(rows, site, "RN-ER", eve + timedelta(hours=11), 12, next(number), zone)  # ends an hour before the holiday
        for year, month, day in ((2024, 11, 2), (2025, 3, 8), (2025, 11, 1), (2026, 10, 31)):
            _add(
                rows, site, "RN-MED", datetime(year, month, day, 19), 12, next(number), zone
            )  # the clock changes in these nights
        for n, minutes in enumerate((30, 90, 119, 120, 300, 719, 720, 1_439, 1_440, 3_000)):
            for year, month in ((2024, 10), (2025, 2), (2025, 6), (2026, 4)):
                _cancel(rows, site, datetime(year, month, 4 + n, 7), minutes, next(number), marked=False)
        _cancel(rows, site, datetime(2026, 5, 20, 7), 4_000, next(number), marked=True)
        _cancel(rows, site, datetime(2026, 5, 21, 7), 600, next(number), marked=True)
        for n, (begin, hours) in enumerate(((7, 12), (7, 1), (19, 12))):
            _add(rows, site, "RN-ER", datetime(2026, 3, 10 + n, begin), hours, next(number), zone, status="orientation")
        rows.append(
            _row(site, "LPN", next(number))
            | {"status": "no-show", "scheduled_start": "2026-04-01T07:00", "scheduled_end": "2026-04-01T15:00"}
        )
    for year, month in ((2024, 10), (2026, 3)):
        rows += list(_sums(datetime(year, month, 1)))
    text = {name: [row.get(name, "") for row in rows] for name in COLUMNS}
    return pl.DataFrame({**text, "file": ["sample.csv"] * len(rows), "row": list(range(2, len(rows) + 2))})


def _sums(first: datetime) -> Iterator[dict[str, str]]:
    """A month of workers whose hours add up: weeks over every limit, long days, seventh days, on call, called back, late, asked for late."""
    sunday = first + timedelta(days=(6 - first.weekday()) % 7 + 7)
    number = count(first.month * 1_000)

    def worked(
        worker: str, site: str, day: float, begin: float, hours: float, status: str = "completed", **more: str
    ) -> dict[str, str]:
        start = sunday + timedelta(days=day, hours=begin)
        row = _row(site, "RN-MED", 0) | {
            "id": f"A{first:%y}{next(number):05}",
            "worker": f"{worker}-{first:%y}",
            "status": status,
        }
        return row | {"start": f"{start:%Y-%m-%dT%H:%M}", "end": f"{start + timedelta(hours=hours):%Y-%m-%dT%H:%M}", **more}

    for day in range(5):
        yield worked("weekly", "harbor", day, 7, 12)
        yield worked("contract", "summit-peak", day, 7, 12)
        yield worked("on-call", "harbor", day, 19, 12, "on-call")
        yield worked("two-houses", ("st-mary-main", "st-mary-east")[day % 2], day, 7, 12)
        yield worked("one-account", ("mercy-north", "mercy-valley")[day % 2], day + 1, 7, 12)
        yield worked("agency", ("bayview", "mercy-north")[day % 2], day, 6, 12)
        yield worked("short", "pinecrest-rehab", day * 7, 8, 4)
    yield worked("on-call-briefly", "harbor", 1, 19, 1, "on-call")
    for day in range(6):
        yield worked("six-days", "sunset-medical", day, 9, 8)
    for day in range(7):
        yield worked("seven-days", "sunset-medical", day, 8, 10)
        yield worked("seventh-federal", "harbor", day, 8, 10)
        yield worked("seventh-short", "sunset-childrens", day, 8, 5)
        yield worked("nights", "sunset-childrens", day, 17, 14)
    for site in ("harbor", "lakeside", "northgate"):
        for at, gap in enumerate((0.25, 0.75, 1.5, 6)):
            yield worked(f"called-{site}", site, 2 * at, 7, 6)
            yield worked(f"called-{site}", site, 2 * at, 13 + gap, 1, "call-back")
            yield worked(f"called-{site}-before", site, 2 * at, 7, 6)
            yield worked(f"called-{site}-before", site, 2 * at, 6 - gap, 1, "call-back")
    for site in ("harbor", "redrock"):
        for day, lead in enumerate((20, 24.5, 30, 47, 48.5, 60)):
            begin = sunday + timedelta(days=day, hours=7)
            asked = {
                "scheduled_start": f"{begin:%Y-%m-%dT%H:%M}",
                "scheduled_end": f"{begin + timedelta(hours=6):%Y-%m-%dT%H:%M}",
            }
            asked["requested_at"] = f"{begin - timedelta(hours=lead):%Y-%m-%dT%H:%M}"
            yield worked(f"asked-{site}-{day}", site, day, 7, 6, **asked)
    for site in ("harbor", "st-mary-main"):
        for day in range(5):
            yield worked(f"late-{site}", site, day, 7, 12, **({} if day == 1 else {"closeout": str(first.month)}))


def _row(site: str, item: str, number: int) -> dict[str, str]:
    return {
        "id": f"M{number:06}",
        "site": site,
        "worker": f"W{number:06}",
        "item": item,
        "approved_by": "" if site == "harbor" else "L. Wu",
    }


def _add(
    rows: list[dict[str, str]],
    site: str,
    item: str,
    begin: datetime,
    hours: int,
    number: int,
    zone: ZoneInfo,
    status: str = "completed",
) -> None:
    """A worked shift: some minutes off the quarter hour, with every sort of break in turn, now and then in charge."""
    start, end = begin + timedelta(minutes=number % 14 - 6), begin + timedelta(hours=hours, minutes=(number * 5) % 17 - 8)
    row = _row(site, item, number) | {"status": status, "start": _text(start, zone), "end": _text(end, zone)}
    if number % 3 == 0 and hours > 6:
        meal = start + timedelta(hours=4, minutes=number % 11)
        row |= {"break_start": _text(meal, zone), "break_end": _text(meal + timedelta(minutes=32), zone)}
    elif number % 7 == 0 and hours > 6:
        row["break_minutes"] = "45"
    if number % 4 == 0:
        row["charge_nurse"] = "yes"
    rows.append(row)


def _cancel(rows: list[dict[str, str]], site: str, begin: datetime, minutes: int, number: int, *, marked: bool) -> None:
    row = _row(site, "RN-MED", number) | {
        "status": "cancelled",
        "cancelled_at": f"{begin - timedelta(minutes=minutes):%Y-%m-%dT%H:%M}",
    }
    row |= {"scheduled_start": f"{begin:%Y-%m-%dT%H:%M}", "scheduled_end": f"{begin + timedelta(hours=12):%Y-%m-%dT%H:%M}"}
    if marked:
        row |= {"mark_billable": "yes", "marked_by": "j.kim", "reason": "closed ward"}
    rows.append(row)


def _text(moment: datetime, zone: ZoneInfo) -> str:
    """A local time, with its offset where the clock shows it twice, moved on an hour where the clock never shows it."""
    there = moment.replace(tzinfo=zone)
    offsets = [moment.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1)]
    if offsets[0] == offsets[1]:
        return f"{moment:%Y-%m-%dT%H:%M}"
    if (offsets[0] or timedelta()) > (offsets[1] or timedelta()):
        return there.isoformat(timespec="minutes")
    return f"{moment + timedelta(hours=1):%Y-%m-%dT%H:%M}"
