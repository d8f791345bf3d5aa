"""The engine on the workload V: the example agency's own rule book over two years of shifts, folded to lines with exact amounts.

`python -m bench.agency_run FOLDER LINES [--charges FILE] [--processes 2] [--partitions 20]` prints a line of JSON. Where rules look at
neighbouring shifts, all shifts of a worker are rated together: partitions of whole workers, each put aside on one reading of the file.
Else they are rated in chunks. Lines, and their digest, do not depend on any of this.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from bench.agency import Readable, Shifts, book, readable, span
from engine.activity import Activity
from engine.arrays import Ints, ints
from engine.bulk.charges import Block, Streamed, key_order
from engine.bulk.prepared import Prepared
from engine.canonical import sha256
from engine.dates import day_of
from engine.ratebook.book import RuleBook
from engine.steps.rate import Rater

CHUNK = 131_072
PARTITION = 131_072  # shifts, about
KEY = ("site", "month", "item", "component", "price", "price_digits")
SUMS = ("n", "quantity")
CHARGES = pa.schema(
    [
        ("shift", pa.int32()), ("segment", pa.uint8()), ("component", pa.uint16()), ("price_row", pa.int32()), ("case", pa.uint16()),
        ("quantity", pa.int32()),
    ]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """How the shifts are rated. `partitions` 0: as the rules ask for and memory allows; `chunk`: shifts read at a time."""

    processes: int = 1
    partitions: int = 0
    chunk: int = CHUNK
    charges: Path | None = None


class Share(NamedTuple):
    """What one process has rated."""

    lines: pl.DataFrame
    seconds: dict[str, float]
    charges: int
    price_rows: int
    cases: int
    asked: int
    kept_bytes: int


class Result(NamedTuple):
    """What the lines amount to."""

    rows: int
    cents: int
    digest: str


class Run(NamedTuple):
    """A result with what it took."""

    result: Result
    partitions: int
    shares: list[Share]

    def said(self) -> dict[str, object]:
        """As it is printed."""
        stages = dict.fromkeys(chain.from_iterable(share.seconds for share in self.shares))
        return {
            **self.result._asdict(),
            "partitions": self.partitions,
            "seconds": {stage: sum(share.seconds.get(stage, 0.0) for share in self.shares) for stage in stages},
            **{name: sum(getattr(share, name) for share in self.shares) for name in ("charges", "kept_bytes")},
            **{name: max(getattr(share, name) for share in self.shares) for name in ("price_rows", "cases", "asked")},
        }


def run(made: Shifts, target: Path, plan: Plan = Plan()) -> Run:
    """Bills the workload and stores its lines."""
    laps = Laps()
    known = book(made.book)
    laps.lap("load book")
    partitions = plan.partitions or (0 if streams(known) else -(-made.count // PARTITION))
    if partitions:
        partitions = max(partitions, plan.processes)
    others = range(1, plan.processes)
    with ExitStack() as stack:
        started = []
        if others:
            context = multiprocessing.get_context("spawn")
            pool = stack.enter_context(ProcessPoolExecutor(len(others), mp_context=context))
            started = [pool.submit(_share, made, plan, partitions, number) for number in others]
        shares = [_share(made, plan, partitions, 0, known, laps), *(each.result() for each in started)]
    laps.lap("wait")
    found = write(pl.concat([share.lines for share in shares]), target, known.rounding.quantity["hour"][0])
    laps.lap("write")
    return Run(found, partitions, shares)


def streams(known: RuleBook) -> bool:
    """Whether shifts may be rated in chunks: no rule looks at the neighbours of a shift."""
    read = {condition.column for policy in known.policies.values() for rule in policy.rules for condition in rule.when}
    return not read & {"since-last", "until-next"}


def _share(
    made: Shifts, plan: Plan, partitions: int, number: int, known: RuleBook | None = None, laps: Laps | None = None
) -> Share:
    """Rates the workers of one process; a process of its own loads the book by itself."""
    laps = laps or Laps()
    if known is None:
        known = book(made.book)
        laps.lap("load book")
    rater, reads = Rater(known), readable(known, made)
    ready = rater.prepare("shift", span(known, reads.agency.sites, reads.agency.items))
    laps.lap("prepare")
    fold = Fold(ready)
    kept = None
    if plan.charges is not None:
        kept = Kept(plan.charges if plan.processes == 1 else plan.charges.with_suffix(f".{number}.parquet"))
    rate = _whole if partitions else _chunked
    for streamed in rate(made, plan, partitions, number, rater, ready, reads, laps):
        laps.lap("rate")
        fold.add(streamed)
        laps.lap("fold")
        if kept is not None:
            kept.add(streamed)
            laps.lap("keep charges")
    size = kept.close() if kept is not None else 0
    lines = fold.table()
    laps.lap("fold")
    return Share(lines, laps.seconds, fold.charges, len(ready.prices), len(ready.programs.cases), rater.decider.asked, size)


@dataclass(slots=True)
class Laps:
    """CPU seconds by stage."""

    seconds: dict[str, float] = field(default_factory=lambda: {"start python": time.process_time()})
    last: float = field(default_factory=time.process_time)

    def lap(self, stage: str) -> None:
        """Books the time since the last lap to a stage."""
        now = time.process_time()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self.last
        self.last = now


def _chunked(
    made: Shifts, plan: Plan, partitions: int, number: int, rater: Rater, ready: Prepared, reads: Readable, laps: Laps
) -> Iterator[Streamed]:
    def chunks() -> Iterator[Activity]:
        for table in _tables(made, plan.chunk):
            mine = table.filter(ints(table.column("worker")) % plan.processes == number) if plan.processes > 1 else table
            activity = reads.activity(mine, every=plan.processes, share=number)
            laps.lap("read shifts")
            yield activity

    return rater.stream(ready, chunks())


def _whole(
    made: Shifts, plan: Plan, partitions: int, number: int, rater: Rater, ready: Prepared, reads: Readable, laps: Laps
) -> Iterator[Streamed]:
    """Puts the shifts of each partition aside on one reading, and rates one partition after another."""
    mine = list(range(number, partitions, plan.processes))
    with TemporaryDirectory(dir=made.folder) as folder:
        paths = [Path(folder) / f"{share}.arrow" for share in mine]
        if partitions > 1:
            _put_aside(made, plan.chunk, partitions, mine, paths)
            laps.lap("put aside")
        for share, path in zip(mine, paths, strict=True):
            if partitions > 1:
                with pa.ipc.open_stream(pa.memory_map(str(path))) as reader:
                    table = reader.read_all()
            else:
                table = pa.concat_tables(_tables(made, plan.chunk))
            activity = reads.activity(table, every=partitions, share=share)
            laps.lap("read shifts")
            yield rater.partition(ready, activity)


def _put_aside(made: Shifts, chunk: int, partitions: int, mine: list[int], paths: list[Path]) -> None:
    with ExitStack() as stack:
        writers = None
        for table in _tables(made, chunk):
            if writers is None:
                writers = [stack.enter_context(pa.ipc.new_stream(str(path), table.schema)) for path in paths]
            which = (ints(table.column("worker")) % partitions).astype(np.uint16)
            order = np.argsort(which, kind="stable")
            sorted_by_share, ends = _taken(table, order), np.r_[0, np.cumsum(np.bincount(which, minlength=partitions))]
            for share, writer in zip(mine, writers, strict=True):
                writer.write_batch(sorted_by_share.slice(ends[share], ends[share + 1] - ends[share]))


def _taken(table: pa.Table, order: Ints) -> pa.RecordBatch:
    """Some rows of a table without empty cells."""
    return pa.RecordBatch.from_arrays([pa.array(column.to_numpy()[order]) for column in table.columns], schema=table.schema)


def _tables(made: Shifts, chunk: int) -> Iterator[pa.Table]:
    with pq.ParquetFile(made.file) as file:
        for batch in file.iter_batches(batch_size=chunk, use_threads=False):
            yield pa.Table.from_batches([batch])


class Fold:
    """Counts and quantities of charges by component, price row and month of the dating day; amounts follow from the prices."""

    def __init__(self, ready: Prepared) -> None:
        self.ready = ready
        prices = ready.prices
        days = [day_of(day) for day in range(prices.first_day, prices.first_day + prices.days)]
        self.month = ints([day.year * 12 + day.month - 1 for day in days])
        starts = ints(prices.start) - prices.first_day
        follows = np.r_[prices.pair[1:] == prices.pair[:-1], False]
        ends = np.where(follows, np.r_[starts[1:], 0], prices.days)
        first = self.month[np.maximum(starts - 1, 0)]  # a shift may begin the day before
        months = self.month[ends - 1] - first + 1
        self.first_slot = np.cumsum(months) - months - first  # plus the month: the slot of a price row in a month
        self.slots = int(months.sum())
        self.price_row = np.repeat(np.arange(len(prices)), months)
        self.slot_month = np.arange(self.slots) - self.first_slot[self.price_row]
        self.sums: dict[int, Ints] = {}
        self.charges = 0

    def add(self, streamed: Streamed) -> None:
        """Adds the charges of some shifts."""
        month = self.month[streamed.activity.day - self.ready.prices.first_day]
        for block in streamed.blocks:
            slot = self.first_slot[block.price_row] + month[block.column("row")]
            counts, quantities = self.sums.setdefault(block.number, np.zeros((2, self.slots), dtype=np.int64))
            counts += np.bincount(slot, minlength=self.slots)
            np.add.at(quantities, slot, block.quantity)
            self.charges += len(block)

    def table(self) -> pl.DataFrame:
        """The lines."""
        found = [self._lines(number, counts, quantities) for number, (counts, quantities) in self.sums.items()]
        return pl.concat(found).group_by(KEY).agg(pl.col(SUMS).sum())  # price rows of one price are one line

    def _lines(self, number: int, counts: Ints, quantities: Ints) -> pl.DataFrame:
        slot = np.flatnonzero(counts)
        row = self.price_row[slot]
        component = self.ready.programs.components[number]
        made = self.ready.prices.made(component.recipe, row)
        pairs = [self.ready.prices.pairs[pair] for pair in self.ready.prices.pair[row].tolist()]
        return pl.DataFrame(
            {
                "site": [site for site, _ in pairs], "month": self.slot_month[slot], "item": [item for _, item in pairs],
                "component": pl.Series([component.name], dtype=pl.String).new_from_index(0, len(slot)),
                "price": made.units[row], "price_digits": made.digits[row], "n": counts[slot], "quantity": quantities[slot],
            }
        )  # fmt: skip


def write(lines: pl.DataFrame, path: Path, digits: int) -> Result:
    """Stores lines in their order with exact amounts, and sums them up.

    The amount is in units of 10**-(digits of the quantity + digits of the price); the digest is over the text of all columns.
    """
    table = lines.group_by(KEY).agg(pl.col(SUMS).sum()).sort(KEY).with_columns(amount=pl.col("price") * pl.col("quantity"))
    path.parent.mkdir(parents=True, exist_ok=True)
    table.write_parquet(path)
    amounts = table.group_by("price_digits").agg(pl.col("amount").sum()).sort("price_digits").rows()
    exact = sum(amount * 10 ** (8 - its) for its, amount in amounts)  # a price has at most eight digits
    return Result(len(table), exact // 10 ** (6 + digits), sha256(table.write_csv().encode()).removeprefix("sha256:")[:16])


class Kept:
    """Charges as rows in a Parquet file, in order of shift, segment and component within what is rated together.

    The numbers explain a charge: price row and component give its price, the case the rules that were decided.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self.writer = pq.ParquetWriter(path, CHARGES, compression="zstd", use_dictionary=["component", "case", "price_row"])

    def add(self, streamed: Streamed) -> None:
        """Adds the charges of some shifts."""
        blocks: list[Block] = list(streamed.blocks)
        row, segment, price_row, quantity = (
            np.concatenate([block.column(name) for block in blocks]) for name in ("row", "segment", "price_row", "quantity")
        )
        component = np.repeat(np.array([block.number for block in blocks], dtype=np.int32), [len(block) for block in blocks])
        order = key_order(row, segment, component, len(row))
        columns = {
            "shift": streamed.activity.id.to_numpy()[row], "segment": segment, "component": component, "price_row": price_row,
            "case": streamed.case[row], "quantity": quantity,
        }  # fmt: skip
        arrays = [pa.array(columns[each.name][order].astype(each.type.to_pandas_dtype())) for each in CHARGES]
        self.writer.write_table(pa.Table.from_arrays(arrays, schema=CHARGES), row_group_size=CHUNK * 4)

    def close(self) -> int:
        """Ends the file; returns its size in bytes."""
        self.writer.close()
        return self.path.stat().st_size


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.agency_run")
    parser.add_argument("folder", type=Path)
    parser.add_argument("lines", type=Path)
    parser.add_argument("--charges", type=Path)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--partitions", type=int, default=0)
    parser.add_argument("--chunk", type=int, default=CHUNK)
    options = parser.parse_args()
    shifts = Shifts(int(options.folder.name.partition("-")[0]), options.folder)
    plan = Plan(options.processes, options.partitions, options.chunk, options.charges)
    print(json.dumps(run(shifts, options.lines, plan).said()))
