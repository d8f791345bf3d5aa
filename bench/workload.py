"""The reference workload W: two years of seeded shifts at 400 sites, their geo prices and agreed overrides, as Parquet.

Minutes and days count from Monday 2024-01-01 00:00; prices are whole cents per hour. The *stream* of random numbers is part of the
workload: every draw below has its place, and moving one changes every digest. `python -m bench.workload 1e5` writes out/bench/100000.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).parent.parent
CACHE = ROOT / "out" / "bench"

FIRST_DAY = date(2024, 1, 1)
DAYS = 731  # through 2025-12-31; the last shifts end on 2026-01-01
SITES, GEOS, ITEMS, VERSIONS = 400, 60, 8, 12
SEED = 7
ROW_GROUP = 250_000

MONTH_DAYS_OFF = ((1, 1), (1, 15), (2, 19), (5, 27), (6, 19), (7, 4), (9, 2), (10, 14), (11, 11), (11, 28), (12, 25))
START_HOURS = (6, 7, 7, 7, 8, 12, 15, 18, 19, 19, 19, 23)
LENGTHS = (240, 480, 480, 600, 720, 720, 720)

SHIFTS = pa.schema(
    [
        ("shift_id", pa.int64()),
        ("site", pa.int32()),
        ("worker", pa.int32()),
        ("item", pa.int8()),
        ("start_min", pa.int32()),
        ("end_min", pa.int32()),
        ("cancel_min", pa.int32()),  # empty: the shift was worked
    ]
)


@dataclass(frozen=True, slots=True)
class Workload:
    """The files of the workload of one size."""

    shifts: int
    folder: Path

    def file(self, name: str) -> Path:
        """The Parquet file of a table: shifts, hospitals, geo_rates or overrides."""
        return self.folder / f"{name}.parquet"


def day_of(number: int) -> date:
    """The day with a number."""
    return FIRST_DAY + timedelta(days=number)


def is_holiday(day: date) -> bool:
    """Whether a day is one of the eleven holidays of its year."""
    return (day.month, day.day) in MONTH_DAYS_OFF


def month_of(day: date) -> int:
    """Months since January 2024."""
    return (day.year - FIRST_DAY.year) * 12 + day.month - 1


def prepare(shifts: int, cache: Path = CACHE) -> Workload:
    """The workload of a size, from the cache or written now."""
    made = Workload(shifts, cache / str(shifts))
    if not made.file("shifts").exists():
        made.folder.mkdir(parents=True, exist_ok=True)
        _write(made)
    return made


def _write(made: Workload) -> None:
    draw = np.random.default_rng(SEED)
    geo_of_site = draw.integers(0, GEOS, SITES, dtype=np.int32)
    hospitals = pl.DataFrame({"site": np.arange(SITES, dtype=np.int32), "geo": geo_of_site})
    hospitals.write_parquet(made.file("hospitals"))
    _table(_geo_prices(draw), ("geo", "item", "day", "cents")).write_parquet(made.file("geo_rates"))
    _table(_override_prices(draw), ("site", "item", "day", "cents")).write_parquet(made.file("overrides"))
    part = made.folder / "shifts.part"
    with pq.ParquetWriter(part, SHIFTS, compression="zstd") as writer:
        for table in _grouped(_shifts(draw, made.shifts)):
            writer.write_table(table, row_group_size=ROW_GROUP)
    part.rename(made.file("shifts"))  # last: an interrupted run leaves no half file behind


def _table(rows: Iterator[tuple[int, int, int, int | None]], columns: tuple[str, ...]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=dict.fromkeys(columns, pl.Int64), orient="row")


def _geo_prices(draw: np.random.Generator) -> Iterator[tuple[int, int, int, int]]:
    """Twelve prices for every geo and item, the first from day 0; most of them rise."""
    for geo in range(GEOS):
        for item in range(ITEMS):
            later = 1 + draw.choice(DAYS - 1, VERSIONS - 1, replace=False)
            cents = int(draw.integers(3_500, 14_000))
            for day in (0, *sorted(later.tolist())):
                yield geo, item, day, cents
                cents = max(1_500, cents + int(draw.integers(-150, 400)))


def _override_prices(draw: np.random.Generator) -> Iterator[tuple[int, int, int, int | None]]:
    """Four dated entries for every item of three sites in ten; one after the first may end the override (an empty price)."""
    for site in sorted(draw.choice(SITES, SITES * 3 // 10, replace=False).tolist()):
        for item in range(ITEMS):
            days = sorted((1 + draw.choice(DAYS - 1, 4, replace=False)).tolist())
            ending = int(draw.integers(1, 5))  # 4 ends nothing
            for place, day in enumerate(days):
                yield site, item, day, None if place == ending else int(draw.integers(3_500, 15_000))


def _shifts(draw: np.random.Generator, total: int) -> Iterator[pa.RecordBatch]:
    """The shifts day by day, in order of their start; the last day takes what is left."""
    each_day, workers, first_id = max(1, total // DAYS), max(20, total // 420), 0
    starts, lengths = np.array(START_HOURS) * 60, np.array(LENGTHS)
    for day in range(DAYS):
        count = each_day if day < DAYS - 1 else total - first_id
        midnight = day * 1440
        begin = midnight + starts[draw.integers(0, len(starts), count)] + draw.integers(-14, 15, count)
        begin = np.sort(np.clip(begin, midnight, midnight + 1439))
        length = lengths[draw.integers(0, len(lengths), count)] + draw.integers(-20, 45, count)
        cancelled = draw.random(count) < 0.05
        notice = draw.integers(5, 600, count)
        site = draw.integers(0, SITES, count, dtype=np.int32)
        worker = draw.integers(0, workers, count, dtype=np.int32)
        item = draw.integers(0, ITEMS, count)
        columns = [
            pa.array(np.arange(first_id, first_id + count)),
            pa.array(site),
            pa.array(worker),
            pa.array(item.astype(np.int8)),
            pa.array(begin.astype(np.int32)),
            pa.array((begin + length).astype(np.int32)),
            pa.array((begin - notice).astype(np.int32), mask=~cancelled),
        ]
        yield pa.record_batch(columns, schema=SHIFTS)
        first_id += count


def _grouped(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(each.num_rows for each in held) >= ROW_GROUP:
            yield pa.Table.from_batches(held)
            held = []
    if held:
        yield pa.Table.from_batches(held)


if __name__ == "__main__":
    for size in sys.argv[1:]:
        print(prepare(round(float(size))).folder)
