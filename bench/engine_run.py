"""The engine on the workload: rule book built from YAML, shifts rated in chunks, charges folded to the lines of the workload.

`python -m bench.engine_run FOLDER LINES [--charges FILE] [--book NAME]` prints a line of JSON: the result, seconds by stage, decisions.
With `--charges` every charge is kept as a row with the numbers that explain it.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from bench import lines, rulebook
from bench.lines import Result
from bench.workload import DAYS, ITEMS, SITES, Workload, day_of, month_of
from engine.activity import Activity, Coded, empty_times
from engine.arrays import NONE, Ints, codes, ints
from engine.bulk.charges import Block, Streamed
from engine.bulk.prepared import Prepared, Span
from engine.dates import DAY_SECONDS, day_number
from engine.ratebook.book import RuleBook
from engine.ratebook.cache import build_or_read
from engine.steps.rate import Rater

FIRST = day_number(day_of(0))
CHUNK = 131_072
MONTHS = month_of(day_of(DAYS - 1)) + 1
COMPONENT = {
    "base": "base", "own:night": "night", "own:weekend": "weekend", "own:holiday": "holiday", "own:overtime": "overtime",
    "scheduled": "cancel",
}  # fmt: skip
SITE_IDS = tuple(rulebook.site_id(n) for n in range(SITES))
ITEM_IDS = tuple(rulebook.item_id(n) for n in range(ITEMS))
CHARGES = pa.schema(
    [
        ("shift", pa.int32()), ("segment", pa.uint8()), ("component", pa.uint8()), ("price_row", pa.int32()), ("case", pa.uint16()),
        ("quantity", pa.int32()), ("cents", pa.int32()),
    ]
)  # fmt: skip


def load(folder: Path) -> RuleBook:
    """The rule book of the workload from its files, or as it is kept by their content."""
    return build_or_read(rulebook.read(folder), folder.parent / "kept")[0]


def chunks(made: Workload, size: int = CHUNK) -> Iterator[Activity]:
    """The shifts as the engine wants them, some at a time; what a snapshot would hold, made in place from the numbers of the workload."""
    file = pq.ParquetFile(made.file("shifts"))
    place = file.schema_arrow.get_field_index("worker")
    groups = [file.metadata.row_group(number).column(place).statistics.max for number in range(file.metadata.num_row_groups)]
    workers = tuple(f"w{number:08d}" for number in range(max(groups) + 1))
    for batch in file.iter_batches(batch_size=size):
        yield activity(pl.DataFrame(pl.from_arrow(batch)), workers)


def activity(table: pl.DataFrame, workers: tuple[str, ...]) -> Activity:
    """Some shifts of the workload."""
    count = len(table)
    start, end = (_seconds(table[name].to_numpy()) for name in ("start_min", "end_min"))
    worked = table["cancel_min"].is_null().to_numpy()
    rows = np.flatnonzero(~worked)
    nothing = np.full(count, NONE, dtype=np.int64)
    times = dict.fromkeys(empty_times(0), nothing)
    notified = _seconds(table["cancel_min"].gather(rows).to_numpy())
    for name, column, values in (("start", "scheduled_start", start), ("end", "scheduled_end", end)):
        times[name], times[column] = values.copy(), nothing.copy()
        times[name][rows], times[column][rows] = NONE, values[rows]
    times["cancelled_at"] = nothing.copy()
    times["cancelled_at"][rows] = notified
    return Activity(
        kind="shift",
        source=pl.Series([""], dtype=pl.String).new_from_index(0, count),
        id=table["shift_id"],
        revision=np.ones(count, dtype=np.int64),
        site=Coded(SITE_IDS, codes(table["site"].to_numpy())),
        item=Coded(ITEM_IDS, codes(table["item"].to_numpy())),
        worker=Coded(workers, codes(table["worker"].to_numpy())),
        at=start,
        day=start // DAY_SECONDS,
        times=times,
        break_length=nothing,
        columns={"status": Coded(("cancelled", "completed"), codes(worked))},
        numbers={},
    )


def _seconds(minutes: npt.NDArray[Any]) -> Ints:
    return ints(minutes) * 60 + FIRST * DAY_SECONDS


def span() -> Span:
    """Every site, item and day of the workload."""
    return Span(SITE_IDS, ITEM_IDS, tuple(range(SITES * ITEMS)), FIRST - 1, FIRST + DAYS + 1)


class Fold:
    """Sums of charges by price row, month of the shift's start, and component; each charge is rounded to cents by itself."""

    def __init__(self, ready: Prepared, digits: int) -> None:
        self.ready, self.digits = ready, digits
        prices = ready.prices
        month = np.array(
            [
                month_of(day_of(max(day - FIRST, 0))) if day - FIRST < DAYS else MONTHS
                for day in range(prices.first_day, prices.first_day + prices.days)
            ]
        )
        self.month = ints(month)
        starts = ints(prices.start) - prices.first_day
        follows = np.r_[prices.pair[1:] == prices.pair[:-1], False]
        ends = np.where(follows, np.r_[starts[1:], 0], prices.days)
        months = self.month[ends - 1] - self.month[starts] + 1
        self.first_slot = np.cumsum(months) - months - self.month[starts]  # plus the month: the slot of a price row in a month
        self.slots = int(months.sum())
        self.price_row = np.repeat(np.arange(len(prices)), months)
        self.slot_month = np.arange(self.slots) - self.first_slot[self.price_row]
        self.sums = np.zeros((len(lines.COMPONENTS), len(lines.SUMS), self.slots), dtype=np.int64)

    def add(self, block: Block, day: Ints) -> Ints:
        """Adds a block; `day` is each row's day of start. Returns the cents of each charge."""
        cents = cents_of(block, self.digits)
        slot = self.first_slot[block.price_row] + self.month[day - self.ready.prices.first_day][block.column("row")]
        counts, quantity_sums, cent_sums = self.sums[lines.COMPONENTS.index(COMPONENT[block.component.name])]
        counts += np.bincount(slot, minlength=self.slots)
        np.add.at(quantity_sums, slot, block.quantity)
        np.add.at(cent_sums, slot, cents)
        return cents

    def table(self) -> pl.DataFrame:
        """The lines."""
        component, slot = np.nonzero(self.sums[:, 0])
        quarters, odd = np.divmod(self.sums[:, 1] * 4, 10**self.digits)
        if odd.any():
            raise SystemExit("a line is not a whole number of quarter-hours")
        self.sums[:, 1] = quarters
        row = self.price_row[slot]
        pair = np.array([(int(site[1:]), int(item[1:])) for site, item in self.ready.prices.pairs])[self.ready.prices.pair[row]]
        rate = ints([each.value.units for each in self.ready.prices.rates])[self.ready.prices.base[row]]
        keys = {"site": pair[:, 0], "item": pair[:, 1], "rate": rate, "month": self.slot_month[slot], "component": component}
        sums = {name: self.sums[component, at, slot] for at, name in enumerate(lines.SUMS)}
        folded = pl.DataFrame({**keys, **sums})
        return folded.group_by(lines.KEY).agg(pl.col(lines.SUMS).sum())  # price rows of one rate are one line


def cents_of(block: Block, digits: int) -> Ints:
    """The amount of each charge in cents, halves up; nothing is below zero."""
    exact = block.quantity * block.price
    most, least = (int(block.price_digits.max()), int(block.price_digits.min())) if len(block) else (2, 2)
    scale: Any = 10 ** (digits + most - 2) if most == least else 10 ** (digits + block.price_digits - 2)
    return ints((2 * exact + scale) // (2 * scale))


class Kept:
    """Charges as rows in a Parquet file, in order of shift, segment and component."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self.writer = pq.ParquetWriter(path, CHARGES, compression="zstd", use_dictionary=["component", "case"])

    def add(self, streamed: Streamed, cents: list[Ints]) -> None:
        """Adds the charges of a chunk."""
        blocks = streamed.blocks
        row = np.concatenate([block.column("row") for block in blocks])
        component = np.repeat([block.number for block in blocks], [len(block) for block in blocks])
        segment = np.concatenate([block.column("segment") for block in blocks])
        packed = (((row << 12 | segment) << 8 | component) << 24) | np.arange(len(row))
        packed.sort()
        order = packed & ((1 << 24) - 1)
        columns = {
            "shift": streamed.activity.id.to_numpy()[row], "segment": segment, "component": component,
            "price_row": np.concatenate([block.price_row for block in blocks]), "case": streamed.case[row],
            "quantity": np.concatenate([block.quantity for block in blocks]), "cents": np.concatenate(cents),
        }  # fmt: skip
        arrays = [pa.array(columns[field.name][order].astype(field.type.to_pandas_dtype())) for field in CHARGES]
        self.writer.write_table(pa.Table.from_arrays(arrays, schema=CHARGES), row_group_size=len(order))

    def close(self) -> int:
        """Ends the file; returns its size in bytes."""
        self.writer.close()
        return self.path.stat().st_size


class Run(NamedTuple):
    """A result with what it took."""

    result: Result
    seconds: dict[str, float]
    charges: int
    price_rows: int
    asked: int
    kept_bytes: int


def run(made: Workload, book: Path, target: Path, charges: Path | None = None) -> Run:
    """Bills the workload and stores its lines."""
    seconds: dict[str, float] = {"start python": time.process_time()}
    last = time.process_time()

    def lap(stage: str) -> None:
        nonlocal last
        now = time.process_time()
        seconds[stage] = seconds.get(stage, 0.0) + now - last
        last = now

    loaded = load(book)
    lap("load book")
    rater = Rater(loaded)
    ready = rater.prepare("shift", span())
    lap("prepare")
    fold = Fold(ready, loaded.rounding.quantity["hour"][0])
    kept = Kept(charges) if charges is not None else None
    count = 0

    def read() -> Iterator[Activity]:
        for chunk in chunks(made):
            lap("read shifts")
            yield chunk

    for streamed in rater.stream(ready, read()):
        lap("rate")
        cents = [fold.add(block, streamed.activity.day) for block in streamed.blocks]
        count += sum(len(block) for block in streamed.blocks)
        lap("fold")
        if kept is not None:
            kept.add(streamed, cents)
            lap("keep charges")
    size = kept.close() if kept is not None else 0
    found = lines.write(fold.table(), target)
    lap("write")
    return Run(found, seconds, count, len(ready.prices), rater.decider.asked, size)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("lines", type=Path)
    parser.add_argument("--charges", type=Path)
    parser.add_argument("--book", default="book", help="a folder in FOLDER")
    options = parser.parse_args()
    done = run(Workload(int(options.folder.name), options.folder), options.folder / options.book, options.lines, options.charges)
    print(json.dumps({**done.result._asdict(), **done._asdict(), "result": None}))
