"""The rival: the workload billed by a Polars program written for it alone, every rule of it hard-coded.

It is what somebody would write who knows Polars well and needs no other customer: times in quarter-hours, windows in closed form,
one dense table of prices by site, item and day, one streaming pass. `python -m bench.rival FOLDER LINES [--overtime]`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from bench import lines
from bench.lines import Result
from bench.workload import DAYS, GEOS, ITEMS, SITES, Workload, day_of, is_holiday, month_of

# What is billed in hundredths of the base rate, by component; `worked` ones are for worked shifts alone.
PERCENT = {"base": 100, "night": 15, "weekend": 10, "holiday": 50, "overtime": 50, "cancel": 100}

DAY, WEEK = 96, 672  # quarter-hours
WEEK_LIMIT = 160  # quarter-hours of one worker in one week, then overtime
NOTICE_MINUTES = 120


def bill(made: Workload, *, overtime: bool) -> pl.DataFrame:
    """The lines of the workload."""
    whole = pl.Int64
    start, end, cancelled_at = pl.col("start_min"), pl.col("end_min"), pl.col("cancel_min")
    shifts = (
        pl.scan_parquet(made.file("shifts"))
        .filter(cancelled_at.is_null() | (start - cancelled_at < NOTICE_MINUTES))
        .select(
            "site",
            "item",
            *(["worker"] if overtime else []),
            start,
            cancelled=cancelled_at.is_not_null(),
            day=start // 1440,
            a=((start + 7) // 15).cast(whole),
            b=((end + 7) // 15).cast(whole),
        )
    )
    prices = pl.Series(_dense_prices(made))
    place = (pl.col("site").cast(whole) * ITEMS + pl.col("item").cast(whole)) * DAYS + pl.col("day").cast(whole)
    months = pl.Series([month_of(day_of(day)) for day in range(DAYS)], dtype=pl.Int32)
    shifts = shifts.with_columns(
        rate=_gather(prices, place).cast(whole), month=_gather(months, pl.col("day")), length=pl.col("b") - pl.col("a")
    )
    worked = {"base": pl.col("length"), "night": _between(_night), "weekend": _between(_weekend), "holiday": _between(_holiday)}
    if overtime:
        mine = pl.when("cancelled").then(0).otherwise("length")
        shifts = shifts.with_columns(so_far=mine.cum_sum().over("worker", start // 10_080))
        before = pl.col("so_far") - pl.col("length")
        worked["overtime"] = _at_least_0(pl.col("so_far") - WEEK_LIMIT) - _at_least_0(before - WEEK_LIMIT)
    quarters = {name: pl.when("cancelled").then(0).otherwise(length) for name, length in worked.items()}
    half = pl.max_horizontal((pl.col("length") + 1) // 2, pl.lit(8, whole))
    quarters["cancel"] = pl.when("cancelled").then(half).otherwise(0)
    shifts = shifts.select("site", "month", "item", "rate", **quarters)
    sums = []
    for name in quarters:
        # rate x quarters / 4 x percent / 100, halves up
        cents = (pl.col("rate") * pl.col(name) * (2 * PERCENT[name]) + 400) // 800
        count = (pl.col(name) > 0).sum().cast(whole)
        sums += [count.alias(f"n {name}"), pl.col(name).sum().alias(f"quarters {name}"), cents.sum().alias(f"cents {name}")]
    folded = shifts.group_by("site", "month", "item", "rate").agg(sums).collect(engine="streaming")
    return pl.concat(
        folded.filter(pl.col(f"n {name}") > 0).select(
            "site",
            "month",
            "item",
            "rate",
            pl.lit(lines.COMPONENTS.index(name), pl.Int32).alias("component"),
            *(pl.col(f"{each} {name}").alias(each) for each in lines.SUMS),
        )
        for name in quarters
    )


def _dense_prices(made: Workload) -> npt.NDArray[np.int32]:
    """The rate of every site, item and day, in this order."""

    def spread(name: str, keys: int) -> npt.NDArray[np.int32]:
        table = np.zeros((keys, ITEMS, DAYS), dtype=np.int32)  # 0: none
        rows = pl.read_parquet(made.file(name)).fill_null(0)
        for key, item, day, cents in rows.sort(rows.columns[:3]).iter_rows():
            table[key, item, day:] = cents
        return table

    geo = pl.read_parquet(made.file("hospitals")).sort("site")["geo"].to_numpy()
    agreed = spread("overrides", SITES)
    return np.where(agreed > 0, agreed, spread("geo_rates", GEOS)[geo]).ravel()


def _gather(series: pl.Series, place: pl.Expr) -> pl.Expr:
    return place.map_batches(lambda at: series.gather(at), return_dtype=series.dtype, is_elementwise=True)


def _between(until: object) -> pl.Expr:
    expression: pl.Expr = until(pl.col("b")) - until(pl.col("a"))  # type: ignore[operator]  # one of the three below
    return expression


def _night(time: pl.Expr) -> pl.Expr:
    """Night quarters before a time: 19:00 to 07:00, 48 a day."""
    clock = time % DAY
    return time // DAY * 48 + pl.min_horizontal(clock, pl.lit(28, pl.Int64)) + _at_least_0(clock - 76)


def _weekend(time: pl.Expr) -> pl.Expr:
    """Weekend quarters before a time; weeks begin on Monday."""
    return time // WEEK * 192 + _at_least_0(time % WEEK - 480)


def _holiday(time: pl.Expr) -> pl.Expr:
    """Holiday quarters before a time."""
    days = np.array([is_holiday(day_of(day)) for day in range(DAYS + 2)], dtype=np.int64)
    before = pl.Series(np.cumsum(days) - days)
    today = time // DAY
    return _gather(before, today) * DAY + _gather(pl.Series(days), today) * (time % DAY)


def _at_least_0(value: pl.Expr) -> pl.Expr:
    return pl.max_horizontal(value, pl.lit(0, pl.Int64))


def run(made: Workload, target: Path, *, overtime: bool) -> Result:
    """Bills the workload and stores its lines."""
    return lines.write(bill(made, overtime=overtime), target)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    print(json.dumps(run(Workload(int(folder.name), folder), Path(sys.argv[2]), overtime="--overtime" in sys.argv)._asdict()))
