"""The engine on the workload: rule book from its files, shifts from Parquet, charges folded to the bench's line table.

`python -m bench.engine_run FOLDER LINES` prints a line of JSON: the result, seconds by stage, decisions asked of durable-rules.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from bench import lines, rulebook
from bench.lines import Result
from bench.workload import DAYS, ITEMS, SITES, Workload, day_of, month_of
from engine.activity import Activity, Coded, empty_times
from engine.arrays import NONE, Ints, codes, ints
from engine.bulk.charges import Rated
from engine.dates import DAY_SECONDS, day_number
from engine.ratebook.book import RuleBook
from engine.ratebook.build import build
from engine.steps.rate import Rater

FIRST = day_number(day_of(0))
MONTHS = month_of(day_of(DAYS - 1)) + 1
COMPONENT = {"base": "base", "own:night": "night", "own:weekend": "weekend", "own:holiday": "holiday", "scheduled": "cancel"}


def load(folder: Path) -> RuleBook:
    """The rule book of the workload from its files."""
    return build(rulebook.read(folder))


def activity(made: Workload) -> Activity:
    """The shifts as the engine wants them; what a snapshot would hold, made in place from the numbers of the workload."""
    table = pl.read_parquet(made.file("shifts"))
    count = len(table)
    start, end = (_seconds(table[name].to_numpy()) for name in ("start_min", "end_min"))
    cancelled = table["cancel_min"].is_not_null().to_numpy()
    notified = _seconds(table["cancel_min"].fill_null(0).to_numpy())
    times = empty_times(count)
    times |= {
        "start": np.where(cancelled, NONE, start),
        "end": np.where(cancelled, NONE, end),
        "scheduled_start": np.where(cancelled, start, NONE),
        "scheduled_end": np.where(cancelled, end, NONE),
        "cancelled_at": np.where(cancelled, notified, NONE),
    }
    digits = len(str(count))
    workers = int(table["worker"].cast(pl.Int64).max() or 0) + 1  # type: ignore[arg-type]  # a whole number
    return Activity(
        kind="shift",
        source=pl.Series([""], dtype=pl.String).new_from_index(0, count),
        id=table["shift_id"].cast(pl.String).str.zfill(digits),
        revision=np.ones(count, dtype=np.int64),
        site=_coded([rulebook.site_id(n) for n in range(SITES)], table["site"].to_numpy()),
        item=_coded([rulebook.item_id(n) for n in range(ITEMS)], table["item"].to_numpy()),
        worker=_coded([f"w{n:08d}" for n in range(workers)], table["worker"].to_numpy()),
        at=start,
        day=start // DAY_SECONDS,
        times=times,
        break_length=np.full(count, NONE, dtype=np.int64),
        columns={"status": _coded(["cancelled", "completed"], ~cancelled), "withdrawn": _coded(["no"], np.zeros(count))},
        numbers={},
    )


def _seconds(minutes: npt.NDArray[Any]) -> Ints:
    return ints(minutes) * 60 + FIRST * DAY_SECONDS


def _coded(values: list[str], numbers: npt.NDArray[Any]) -> Coded:
    return Coded(tuple(values), codes(numbers))


def fold(rated: Rated) -> pl.DataFrame:
    """The charges as lines: each rounded to cents by itself, added up by site, month of start, item, component and base rate."""
    charges = rated.charges
    if len(charges) == 0:
        raise SystemExit("the engine charges nothing")
    exact = charges.quantity * charges.price
    scale = 10 ** (charges.quantity_digits + charges.price_digits - 2)
    cents = (2 * exact + scale) // (2 * scale)  # halves up; nothing is below zero
    quarters, odd = np.divmod(charges.quantity * 4, 10**charges.quantity_digits)
    if odd.any():
        raise SystemExit("a charge is not a whole number of quarter-hours")
    components, rows = len(lines.COMPONENTS), rated.prices.rows
    component = codes([lines.COMPONENTS.index(COMPONENT[name]) for name in charges.component.values])
    month = codes([month_of(day_of(day)) for day in range(DAYS)])[rated.activity.day[charges.row] - FIRST]
    packed = (charges.price_row * MONTHS + month) * components + component[charges.component.codes]
    used = np.zeros(len(rows) * MONTHS * components, dtype=np.bool_)
    used[packed] = True
    found = np.flatnonzero(used)
    place = np.zeros(len(used), dtype=np.int32)
    place[found] = np.arange(len(found))
    line = place[packed]
    sums = {name: np.zeros(len(found), dtype=np.int64) for name in lines.SUMS}
    for name, values in (("n", 1), ("quarters", quarters), ("cents", cents)):
        np.add.at(sums[name], line, values)
    price_row, rest = np.divmod(found, MONTHS * components)
    named = [(int(row.site[1:]), int(row.item[1:]), row.base.value.units if row.base else 0) for row in rows]
    keys = dict(zip(("site", "item", "rate"), ints(named)[price_row].T, strict=True))
    folded = pl.DataFrame({**keys, "month": rest // components, "component": rest % components, **sums})
    return folded.group_by(lines.KEY).agg(pl.col(lines.SUMS).sum())  # price rows of one rate are one line


class Run(NamedTuple):
    """A result with what it took."""

    result: Result
    seconds: dict[str, float]
    charges: int
    price_rows: int
    asked: int


def run(made: Workload, book: Path, target: Path) -> Run:
    """Bills the workload and stores its lines."""
    clock = [time.process_time()]

    def lap() -> None:
        clock.append(time.process_time())

    loaded = load(book)
    lap()
    rater = Rater(loaded)
    lap()
    shifts = activity(made)
    lap()
    rated = rater.rate(shifts)
    lap()
    found = lines.write(fold(rated), target)
    lap()
    names = ("load book", "make rater", "read shifts", "rate", "fold and write")
    seconds = {"start python": clock[0]} | {name: b - a for name, a, b in zip(names, clock, clock[1:], strict=False)}
    return Run(found, seconds, len(rated.charges), len(rated.prices.rows), rater.decider.asked)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    done = run(Workload(int(folder.name), folder), folder / "book", Path(sys.argv[2]))
    print(json.dumps({**done.result._asdict(), **done._asdict(), "result": None}))
