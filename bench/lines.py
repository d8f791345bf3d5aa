"""Line tables, and what is expected of them: (site, month, item, component, base rate) with count, quarter-hours and cents."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

import polars as pl

COMPONENTS = ("base", "night", "weekend", "holiday", "overtime", "cancel")  # the place is the component's code
KEY = ("site", "month", "item", "component", "rate")
SUMS = ("n", "quarters", "cents")


class Result(NamedTuple):
    """What a line table amounts to."""

    rows: int
    cents: int
    digest: str


# The published results of the workload by its size; `WITHOUT_OVERTIME` leaves component 4 out.
WITH_OVERTIME = {
    10_000: Result(22_205, 1_041_858_375, "be134ade493a42ad"),
    100_000: Result(160_994, 10_215_404_027, "42a142f19f60b088"),
    1_000_000: Result(419_311, 102_451_218_475, "6a6ec21ab4602414"),
    10_000_000: Result(544_709, 1_024_718_731_134, "9207d61deb412314"),
}
WITHOUT_OVERTIME = {
    10_000: Result(19_911, 957_415_993, "6d17c34f2922f13a"),
    100_000: Result(141_937, 9_488_477_563, "ef9f73c732425459"),
    1_000_000: Result(335_453, 95_066_478_969, "43c54f202660ad53"),
}


def write(lines: pl.DataFrame, path: Path) -> Result:
    """Stores a line table in its order, and sums it up."""
    table = lines.select(*KEY, *SUMS).cast(pl.Int64).sort(KEY)
    path.parent.mkdir(parents=True, exist_ok=True)
    table.write_parquet(path)
    return result(table)


def result(table: pl.DataFrame) -> Result:
    """Rows, cents and digest of a sorted line table: the first 16 hex digits of SHA-256 over its columns as little-endian int64."""
    digest = hashlib.sha256()
    for name in (*KEY, *SUMS):
        digest.update(table[name].cast(pl.Int64).to_numpy().astype("<i8").tobytes())
    return Result(len(table), int(table["cents"].sum()), digest.hexdigest()[:16])
