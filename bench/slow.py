"""The slow evaluator on some shifts of a workload, beside the engine on the same: what it costs for each shift, and that they agree.

`python -m bench.slow out/bench/100000` (W) or `python -m bench.slow out/bench/agency/100000-KEY` (V) prints a line of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench import agency, engine_run
from bench.workload import Workload
from engine.activity import Activity
from engine.arrays import NONE
from engine.dates import day_of
from engine.ratebook.book import RuleBook
from engine.reference.evaluate import evaluate
from engine.steps.rate import Rater

SHIFTS, WORKERS = 300, 2  # the first shifts of some workers, so that their sums are theirs


class Slow(NamedTuple):
    """What the slow evaluator took, and whether it says what the engine says."""

    shifts: int
    cpu: float
    charges: int
    agrees: bool


def run(folder: Path, shifts: int = SHIFTS) -> Slow:
    """Evaluates the first shifts of a workload."""
    known, activity = sample(folder, shifts)
    rows = list(cells(known, activity))
    began = time.process_time()
    outcome = evaluate(known, rows, day_of(int(activity.day.min())), day_of(int(activity.day.max()) + 1))
    cpu = time.process_time() - began
    slow = Counter(
        (each.id, each.segment, each.component, each.item, each.quantity, each.price, each.price_digits)
        for each in outcome.charges
        if each.row >= 0
    )
    return Slow(len(rows), cpu, slow.total(), slow == _fast(known, activity))


def sample(folder: Path, shifts: int) -> tuple[RuleBook, Activity]:
    """A book, and some shifts of the workload made for it."""
    if (folder / "codes.json").exists():
        made = agency.Shifts(int(folder.name.partition("-")[0]), folder)
        known = agency.book(made.book)
        return known, agency.readable(known, made).activity(_first(made.file, shifts))
    workload = Workload(int(folder.name), folder)
    table = _first(workload.file("shifts"), shifts)
    workers = tuple(f"w{number:08d}" for number in range(WORKERS))
    return engine_run.load(folder / "book"), engine_run.activity(engine_run.pl.DataFrame(table), workers)


def _first(path: Path, shifts: int) -> pa.Table:
    table = pq.read_table(path)
    return table.filter(pc.less(table.column("worker"), WORKERS)).slice(0, shifts)


def cells(known: RuleBook, activity: Activity) -> Iterator[Mapping[str, str]]:
    """The shifts as rows of text, as a file has them."""
    ids, minutes = activity.id.to_list(), activity.break_length // 60
    for row in range(len(activity)):
        zone = ZoneInfo(known.sites[activity.site.text(row)].zone)
        times = {name: int(column[row]) for name, column in activity.times.items() if column[row] != NONE}
        yield {
            **{name: column.text(row) for name, column in activity.columns.items()},
            **{name: datetime.fromtimestamp(second, zone).isoformat(timespec="minutes") for name, second in times.items()},
            **({"break_minutes": str(minutes[row])} if activity.break_length[row] != NONE else {}),
            "id": str(ids[row]), "site": activity.site.text(row), "item": activity.item.text(row), "worker": activity.worker.text(row),
        }  # fmt: skip


def _fast(known: RuleBook, activity: Activity) -> Counter[tuple[object, ...]]:
    rated = Rater(known).rate(activity)
    charges, ids = rated.charges, activity.id.to_list()
    columns = (charges.quantity, charges.price, charges.price_digits)
    return Counter(
        (str(ids[row]), segment, charges.component.text(at), rated.items[item], *figures)
        for at, (row, segment, item, *figures) in enumerate(
            np.stack([charges.row, charges.segment, charges.item, *columns], axis=1).tolist()
        )
    )


if __name__ == "__main__":
    print(json.dumps(run(Path(sys.argv[1]))._asdict()))
