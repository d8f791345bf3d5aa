"""Columns of numbers and instants as canonical text, without a loop over rows."""

from __future__ import annotations

import numpy as np
import polars as pl

from engine.arrays import NONE, Exact, Ints


def decimal_texts(units: Exact, digits: Ints) -> pl.Series:
    """Canonical decimal text of `units` of 10**-`digits`, row by row: the columnar twin of `engine.money.decimal_text`."""
    if units.dtype == object:
        from engine.money import decimal_text

        return pl.Series(
            [decimal_text(int(unit), int(digit)) for unit, digit in zip(units, digits, strict=True)], dtype=pl.String
        )
    size = np.abs(units)
    scale = 10 ** digits.astype(np.int64)
    frame = pl.DataFrame({"sign": units < 0, "whole": size // scale, "part": size % scale, "digits": digits})
    part = pl.col("part").cast(pl.String).str.pad_start(18, "0").str.slice(18 - pl.col("digits"))
    text = pl.col("whole").cast(pl.String) + pl.when(pl.col("digits") > 0).then(pl.lit(".") + part).otherwise(pl.lit(""))
    return frame.select(pl.when("sign").then(pl.lit("-") + text).otherwise(text).alias("text"))["text"]


def local_texts(utc: Ints, offset: Ints) -> pl.Series:
    """Local ISO times with offset, such as 2026-10-03T19:00-07:00 (seconds only where there are any); empty where `utc` is NONE."""
    there = utc != NONE
    local = np.where(there, utc + offset, 0)
    frame = pl.DataFrame({"local": local, "there": there, "east": offset >= 0, "off": np.abs(offset)})
    moment = pl.from_epoch(pl.col("local"), time_unit="s")
    clock = (
        pl.when(pl.col("local") % 60 == 0)
        .then(moment.dt.strftime("%Y-%m-%dT%H:%M"))
        .otherwise(moment.dt.strftime("%Y-%m-%dT%H:%M:%S"))
    )
    hours = (pl.col("off") // 3600).cast(pl.String).str.pad_start(2, "0")
    minutes = (pl.col("off") % 3600 // 60).cast(pl.String).str.pad_start(2, "0")
    sign = pl.when("east").then(pl.lit("+")).otherwise(pl.lit("-"))
    return frame.select(pl.when("there").then(clock + sign + hours + pl.lit(":") + minutes).otherwise(pl.lit("")).alias("text"))[
        "text"
    ]


def day_texts(days: Ints) -> pl.Series:
    """ISO days."""
    return pl.Series(days.astype(np.int32)).cast(pl.Date).dt.strftime("%Y-%m-%d")
