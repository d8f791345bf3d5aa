"""The workload V: two years of seeded shifts at all sites of the example agency, as Parquet of numbers in order of (start, id).

Times are UTC seconds (-1: empty), everything else is a code; what the codes mean stands beside them in `codes.json`. What the agency's book declares
decides what is drawn: its sites and zones, priced items and statuses. `python -m bench.agency 1e5` writes out/bench/agency/100000-KEY.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from engine.activity import TIMES, Activity, Coded
from engine.arrays import NONE, Codes, Ints, codes, ints
from engine.bulk.prepared import Span
from engine.bulk.zones import ZoneTable, zone_table
from engine.canonical import sha256
from engine.dates import DAY_SECONDS, day_number
from engine.ratebook.book import ActivityColumn, RuleBook
from engine.ratebook.build import build
from engine.ratebook.files import read_workspace_files
from engine.steps.rate import Rater

ROOT = Path(__file__).parent.parent
CACHE = ROOT / "out" / "bench" / "agency"

FIRST_DAY, LAST_DAY = date(2024, 10, 1), date(2026, 9, 30)
SEED = 11
STREAM = 2  # another number whenever what is drawn changes
ROW_GROUP = 131_072
NIGHT_SHARE = 400  # one shift in so many on each of four clock-change nights
WORKER_SHARE = 280  # one worker for so many shifts

# Weights by name; what the book does not know is not drawn, and what it knows beside these is not either.
STATUSES = {
    "completed": 0,
    "cancelled": 55,
    "no-show": 10,
    "orientation": 15,
    "on-call": 20,
    "call-back": 10,
}  # per mille; the rest: completed
ROLES = {"RN-MED": 4, "RN-ICU": 1, "RN-ER": 1, "RN-LD": 1, "RN-OR": 1, "LPN": 1, "CNA": 2, "RT": 1}
SLOTS = (
    (7, 12),
    (7, 12),
    (7, 12),
    (19, 12),
    (19, 12),
    (15, 8),
    (23, 8),
    (7, 8),
)  # start and hours; the last turns about with 13:00
TURNING = len(SLOTS) - 1
NOTICES = (30, 75, 120, 300, 660, 1_080, 1_440, 2_160, 4_320)
PEOPLE = ("L. Wu", "R. Adams", "K. Stone")
NOTHING = -1  # an empty time or number

MOMENTS = ("start", "end", "scheduled_start", "scheduled_end", "cancelled_at", "break_start", "break_end", "requested_at")
NUMBERS = ("site", "item", "worker", "status", "day", "break_minutes", "charge_nurse", "mark_billable", "approved_by")
OWN = ("id", "source", "site", "item", "worker")  # columns that have a place of their own
SPARSE = ("start", "end", "cancelled_at", "break_start", "break_end", "break_minutes")  # the others always hold something
SMALL = {"worker": pa.int32(), "day": pa.int32()}
SCHEMA = pa.schema(
    [("shift", pa.int64()), *((name, SMALL.get(name, pa.int16())) for name in NUMBERS), *((name, pa.int32()) for name in MOMENTS)]
)

Drawn = dict[str, npt.NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Agency:
    """What a book says about its shifts, as far as it decides what is drawn; codes are places in these."""

    sites: tuple[str, ...]
    zones: tuple[str, ...]
    items: tuple[str, ...]
    statuses: tuple[str, ...]
    unpriced: tuple[tuple[str, str], ...]  # sites and items without a price on some day


@dataclass(frozen=True, slots=True)
class Shifts:
    """The files of the workload of one size."""

    count: int
    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "shifts.parquet"

    @property
    def book(self) -> Path:
        """The rule book, as it was when the workload was prepared."""
        return self.folder / "book"

    @property
    def workers(self) -> int:
        """How many workers there are."""
        return max(40, self.count // WORKER_SHARE)

    def agency(self) -> Agency:
        """What the codes mean."""
        said: Any = json.loads((self.folder / "codes.json").read_text())  # Any: JSON
        columns: dict[str, Any] = {
            name: tuple(tuple(each) if isinstance(each, list) else each for each in said[name]) for name in said
        }
        return Agency(**columns)


def book(folder: Path = ROOT) -> RuleBook:
    """The example agency's rule book as it stands in the repository, or as it was put beside a workload."""
    return build(read_workspace_files(folder))


def agency_of(known: RuleBook) -> Agency:
    """What the book says about its shifts."""
    sites = tuple(sorted(known.sites))
    items = tuple(each for each in known.items if each in ROLES) or tuple(known.items)
    prices = Rater(known).prepare("shift", span(known, sites, items)).prices
    missing = np.unique(prices.pair[prices.base < 0])
    choices = next(column.choices for column in known.kinds["shift"].columns if column.column == "status")
    return Agency(
        sites,
        tuple(known.sites[site].zone for site in sites),
        items,
        tuple(each for each in STATUSES if each in choices),
        tuple(prices.pairs[pair] for pair in missing.tolist()),
    )


def span(known: RuleBook, sites: tuple[str, ...], items: tuple[str, ...]) -> Span:
    """Every day of the workload, and every pair of a site with an item of the book that has a price."""
    size = len(known.items)
    priced = [number for number, each in enumerate(known.items.values()) if each.table]
    pairs = tuple(place * size + number for place in range(len(sites)) for number in priced)
    return Span(sites, items, pairs, day_number(FIRST_DAY) - 1, day_number(LAST_DAY) + 3)


def prepare(count: int, cache_folder: Path = CACHE) -> Shifts:
    """The workload of a size, from the cache or written now, with the rule book as it stands in the repository put beside it."""
    files = read_workspace_files(ROOT)
    agency = agency_of(build(files))
    said = json.dumps(asdict(agency), indent=1)
    key = sha256(f"{STREAM} {said}".encode()).removeprefix("sha256:")[:8]
    made = Shifts(count, cache_folder / f"{count}-{key}")
    if not made.file.exists():
        made.folder.mkdir(parents=True, exist_ok=True)
        (made.folder / "codes.json").write_text(said)
        part = made.folder / "shifts.part"
        _write(part, agency, made)
        part.rename(made.file)  # last: an interrupted run leaves no half file behind
    shutil.rmtree(made.book, ignore_errors=True)
    for path, content in files.items():
        (made.book / path).parent.mkdir(parents=True, exist_ok=True)
        (made.book / path).write_bytes(content)
    return made


# --- drawing


def _write(path: Path, agency: Agency, made: Shifts) -> None:
    draw = _Draw(agency, made)
    first = 0
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        held: list[pa.Table] = []
        for drawn in draw.days():
            count = len(drawn["day"])
            held.append(_table(drawn, first))
            first += count
            if sum(len(each) for each in held) >= ROW_GROUP:
                writer.write_table(pa.concat_tables(held), row_group_size=ROW_GROUP)
                held = []
        if held:
            writer.write_table(pa.concat_tables(held), row_group_size=ROW_GROUP)
    if first != made.count:
        raise SystemExit(f"{first} shifts were drawn, not {made.count}")


def _table(drawn: Drawn, first: int) -> pa.Table:
    """The shifts of one day in order, numbered on."""
    at = np.where(drawn["start"] == NOTHING, drawn["scheduled_start"], drawn["start"])
    order = np.argsort(at, kind="stable")
    columns = [pa.array(np.arange(first, first + len(order)))]
    columns += [pa.array(drawn[field.name][order]).cast(field.type) for field in list(SCHEMA)[1:]]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


class _Draw:
    """The shifts day by day. The stream of random numbers is part of the workload: every draw has its place.

    A worker stays in one time zone and begins about the same time each day, so that eight hours lie between two shifts.
    """

    def __init__(self, agency: Agency, made: Shifts) -> None:
        self.agency, self.count, self.workers = agency, made.count, made.workers
        self.random = np.random.default_rng(SEED)
        first, last = day_number(FIRST_DAY), day_number(LAST_DAY)
        self.first, self.days_count = first, last - first + 1
        self.zones: list[ZoneTable] = [zone_table(zone, first - 8, last + 3) for zone in agency.zones]
        self.nights = {day_number(day) - first for day in _nights_before_changes(agency.zones)}
        random, workers = self.random, self.workers
        alike = [ints([at for at, zone in enumerate(agency.zones) if zone == mine]) for mine in agency.zones]
        home = random.integers(0, len(agency.sites), workers)
        others = random.random((workers, 2))
        near = [
            ints([alike[site][int(part * len(alike[site]))] for site, part in zip(home.tolist(), column.tolist(), strict=True)])
            for column in others.T
        ]
        self.places = np.stack([home, *near])
        self.reach = random.integers(1, 4, workers)  # at how many of the three places
        weights = np.array([ROLES.get(item, 1) for item in agency.items], dtype=float)
        self.role = random.choice(len(agency.items), workers, p=weights / weights.sum())
        self.slot = random.integers(0, len(SLOTS), workers)
        known = set(agency.unpriced)
        substitute = [next(at for at, item in enumerate(agency.items) if (site, item) not in known) for site in agency.sites]
        self.sold = ints(
            [
                [at if (site, item) not in known else substitute[place] for at, item in enumerate(agency.items)]
                for place, site in enumerate(agency.sites)
            ]
        )  # fmt: skip
        shares = [STATUSES[each] for each in agency.statuses]
        shares[agency.statuses.index("completed")] = 1000 - sum(shares)
        self.until = np.cumsum(shares)

    def days(self) -> Iterator[Drawn]:
        """Every day's shifts; the nights on which a clock changes have more, and the days after them fewer."""
        tired = ints([])
        extra = self.count // NIGHT_SHARE
        common = self.count - extra * len(self.nights)
        made = 0
        for day in range(self.days_count):
            share = common * (day + 1) // self.days_count - made
            rested = np.ones(self.workers, dtype=np.bool_)
            rested[tired] = False
            free = self.random.permutation(np.flatnonzero(rested))
            last = day == self.days_count - 1
            share = share if last else min(share, len(free) - extra * (day in self.nights))
            made += share
            chosen = free[:share]
            at_night = free[share : share + extra] if day in self.nights else ints([])
            tired = at_night
            who = np.concatenate([chosen, at_night])
            start, hours = self._plan(who, day)
            start[len(chosen) :], hours[len(chosen) :] = 19, 12
            yield self._shifts(who, day, start, hours)

    def _plan(self, who: Ints, day: int) -> tuple[Ints, Ints]:
        """Hour of start and hours of workers on a day."""
        slot = self.slot[who]
        start, hours = (ints([each[at] for each in SLOTS])[slot] for at in (0, 1))
        start[(slot == TURNING) & ((who + day) % 2 == 1)] = 13
        return start, hours

    def _shifts(self, who: Ints, day: int, hour: Ints, hours: Ints) -> Drawn:
        random, count = self.random, len(who)
        place = (random.random(count) * self.reach[who]).astype(np.int64)
        site = self.places[place, who]
        item = self.sold[site, self.role[who]]
        status = np.searchsorted(self.until, random.integers(0, 1000, count), side="right")
        is_a = {name: status == at for at, name in enumerate(self.agency.statuses)}
        never = np.zeros(count, dtype=np.bool_)
        called = is_a.get("call-back", never)
        midnight = (self.first + day) * DAY_SECONDS
        hours = np.where(called, random.integers(1, 5, count), hours)
        planned = midnight + hour * 3600
        begin, finish = self._utc(site, planned), self._utc(site, planned + hours * 3600)
        start = begin + random.integers(-12, 10, count) * 60
        end = finish + random.integers(-9, 26, count) * 60
        early, stayed = random.random(count) < 0.03, random.integers(70, 231, count)
        end = np.where(early, start + stayed * 60, end)
        away = is_a["cancelled"] | is_a.get("no-show", never)
        notice = np.array(NOTICES)[random.integers(0, len(NOTICES), count)]
        asked = random.integers(-60, 14 * 1440, count)  # minutes ahead
        kind, meal, length = random.random(count), random.integers(220, 331, count), random.integers(26, 42, count)
        long = (end - start > 7 * 3600) & ~away & ~is_a.get("on-call", never)
        punched, reported = long & (kind < 0.45), long & (kind >= 0.45) & (kind < 0.6)
        minutes = np.array((30, 30, 45, 60))[random.integers(0, 4, count)]
        nurse = np.array([name.startswith("RN") for name in self.agency.items])[item]
        leads, paid = random.random(count) < 0.07, random.random(count) < 0.2
        at = np.where(away, begin, start)

        def some(rows: npt.NDArray[np.bool_], values: Ints) -> Ints:
            return np.where(rows, values, NOTHING)

        return {
            "site": site, "item": item, "worker": who, "status": status, "day": self._local(site, at) // DAY_SECONDS,
            "break_minutes": some(reported, minutes), "charge_nurse": ints(leads & nurse & ~away),
            "mark_billable": ints(paid & is_a["cancelled"]), "approved_by": random.integers(0, len(PEOPLE), count),
            "start": some(~away, start), "end": some(~away, end), "scheduled_start": begin, "scheduled_end": finish,
            "cancelled_at": some(is_a["cancelled"], begin - notice * 60), "requested_at": begin - asked * 60,
            "break_start": some(punched, start + meal * 60), "break_end": some(punched, start + (meal + length) * 60),
        }  # fmt: skip

    def _utc(self, site: Ints, local: Ints) -> Ints:
        return self._by_zone(site, local, lambda table, times: table.to_utc(times, np.full(len(times), NONE))[0])

    def _local(self, site: Ints, utc: Ints) -> Ints:
        return self._by_zone(site, utc, lambda table, times: times + table.offset_at(times))

    def _by_zone(self, site: Ints, times: Ints, convert: object) -> Ints:
        found = np.zeros(len(times), dtype=np.int64)
        for zone in dict.fromkeys(self.agency.zones):
            first = self.agency.zones.index(zone)
            rows = np.flatnonzero(ints([ints(each == zone) for each in self.agency.zones])[site])
            found[rows] = convert(self.zones[first], times[rows])  # type: ignore[operator]  # one of the two above
        return found


def _nights_before_changes(zones: Sequence[str]) -> Iterator[date]:
    """The days in whose nights some clock changes."""
    days = [FIRST_DAY + timedelta(days=number) for number in range((LAST_DAY - FIRST_DAY).days)]
    for day in days:
        noon, next_noon = (datetime(each.year, each.month, each.day, 12) for each in (day, day + timedelta(days=1)))  # noqa: DTZ001  # a clock reading
        if any(
            noon.replace(tzinfo=ZoneInfo(zone)).utcoffset() != next_noon.replace(tzinfo=ZoneInfo(zone)).utcoffset()
            for zone in set(zones)
        ):
            yield day


# --- as activity


@dataclass(frozen=True, slots=True)
class Readable:
    """How the numbers of the workload become activity of the book's kind of shift."""

    columns: tuple[ActivityColumn, ...]
    agency: Agency
    workers: tuple[str, ...]

    def activity(self, table: pa.Table, *, every: int = 1, share: int = 0) -> Activity:
        """Some shifts; with `every`, all of them are of the workers whose number leaves `share`."""
        count = len(table)
        nothing = np.full(count, NONE, dtype=np.int64)
        own = {each.column for each in self.columns if each.type == "local-time"}
        times = {name: _numbers(table, name) if name in MOMENTS else nothing for name in (*TIMES, *sorted(own - set(TIMES)))}
        minutes, worker = _numbers(table, "break_minutes"), _codes(table, "worker")
        numbers = {each.column for each in self.columns if each.type in ("whole", "minutes")} - {"revision", "break_minutes"}
        return Activity(
            kind="shift",
            source=pl.Series([""], dtype=pl.String).new_from_index(0, count),
            id=pl.Series(table.column("shift").to_numpy()),
            revision=np.ones(count, dtype=np.int64),
            site=Coded(self.agency.sites, _codes(table, "site")),
            item=Coded(self.agency.items, _codes(table, "item")),
            worker=Coded(self.workers[share::every], worker // every) if every > 1 else Coded(self.workers, worker),
            at=np.where(times["start"] != NONE, times["start"], times["scheduled_start"]),
            day=_numbers(table, "day"),
            times=times,
            break_length=np.where(minutes == NONE, NONE, minutes * 60),
            columns=self._texts(table, count),
            numbers=dict.fromkeys(sorted(numbers | {"closeout"}), nothing),
        )

    def _texts(self, table: pa.Table, count: int) -> Mapping[str, Coded]:
        """Every text, choice and yes-no column of the kind: as drawn, else its default."""
        answers, marked = ("no", "yes"), _codes(table, "mark_billable")
        drawn = {
            "status": Coded(self.agency.statuses, _codes(table, "status")),
            "approved_by": Coded(PEOPLE, _codes(table, "approved_by")),
            "marked_by": Coded(("j.kim",), marked - np.int32(1)),
            "reason": Coded(("the ward asked for the nurse",), marked - np.int32(1)),
            "mark_billable": Coded(answers, marked),
            "charge_nurse": Coded(answers, _codes(table, "charge_nurse")),
        }
        found = {}
        for each in self.columns:
            if each.type in ("text", "choice", "yes-no") and each.column in drawn:
                found[each.column] = drawn[each.column]
            elif each.type == "yes-no":
                found[each.column] = Coded(answers, np.full(count, each.default == "yes", dtype=np.int32))
            elif each.type in ("text", "choice") or (each.type == "id" and each.column not in OWN):
                values = () if each.default is None else (each.default,)
                found[each.column] = Coded(values, np.full(count, len(values) - 1, dtype=np.int32))
        return found


def readable(known: RuleBook, made: Shifts) -> Readable:
    """How the workload is read for a book."""
    return Readable(known.kinds["shift"].columns, made.agency(), _workers(made.workers))


@cache
def _workers(count: int) -> tuple[str, ...]:
    return tuple(f"w{number:07d}" for number in range(count))


def _numbers(table: pa.Table, name: str) -> Ints:
    """A column as int64, NONE where it is empty."""
    found = ints(table.column(name).to_numpy())
    if name in SPARSE:
        found[found == NOTHING] = NONE
    return found


def _codes(table: pa.Table, name: str) -> Codes:
    return codes(table.column(name).to_numpy())


if __name__ == "__main__":
    for size in sys.argv[1:]:
        print(prepare(round(float(size))).folder)
