"""One row of prices changed over two years of the workload W: what is to be computed again beside a full replay.

`python -m bench.impact 1e7` makes the workload and runs three programs, each in a process of its own: `base` replays W and keeps its
charges without prices (the table an impact finds), `impact` prices what the change reaches again, `replay` replays W with the changed
book. The lines of `impact` must be those of `replay`, digest for digest. CPU seconds are user + system.
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from bench import lines
from engine.arrays import Ints

ROW = ("G07", "S2")  # the geo and item whose prices change
COLUMNS = ("pair", "day", "month", "component", "quantity")


def changed(folder: Path) -> Path:
    """The workload's book with each price of one row a tenth higher, written beside it."""
    from bench import rulebook

    files = rulebook.read(folder / "book")
    head, mark, rest = files["rates/geo-base.yaml"].decode().partition(f"  - geo: {ROW[0]}\n    item: {ROW[1]}\n")
    mine, following, others = rest.partition("  - geo:")
    dearer = re.sub(r": (\d+)\.(\d\d)", lambda found: _dearer(int(found[1] + found[2])), mine)
    files["rates/geo-base.yaml"] = (head + mark + dearer + following + others).encode()
    target = folder / "book-row"
    for path, data in files.items():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_bytes(data)
    return target


def _dearer(cents: int) -> str:
    more = cents * 11 // 10
    return f": {more // 100}.{more % 100:02}"


def base(folder: Path) -> dict[str, Any]:
    """Replays W and keeps its lines, and its charges without prices."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from bench import engine_run
    from bench.workload import ITEMS, Workload
    from engine.steps.rate import Rater

    book = engine_run.load(folder / "book")
    rater = Rater(book)
    ready = rater.prepare("shift", engine_run.span())
    fold = engine_run.Fold(ready, book.rounding.quantity["hour"][0])
    pair_of = np.array([int(site[1:]) * ITEMS + int(item[1:]) for site, item in ready.prices.pairs], dtype=np.int16)
    schema = pa.schema(
        [("pair", pa.int16()), ("day", pa.int32()), ("month", pa.int8()), ("component", pa.int8()), ("quantity", pa.int32())]
    )
    with pq.ParquetWriter(
        folder / "rated.parquet", schema, compression="zstd", use_dictionary=["pair", "component", "month"]
    ) as writer:
        for streamed in rater.stream(ready, engine_run.chunks(Workload(int(folder.name), folder))):
            for block in streamed.blocks:
                fold.add(block, streamed.activity.day)
            blocks = streamed.blocks
            row = np.concatenate([block.column("row") for block in blocks])
            columns = {
                "pair": pair_of[ready.prices.pair[np.concatenate([block.price_row for block in blocks])]],
                "day": np.concatenate([block.column("day") for block in blocks]),
                "month": fold.month[streamed.activity.day[row] - ready.prices.first_day],
                "component": np.repeat([block.number for block in blocks], [len(block) for block in blocks]),
                "quantity": np.concatenate([block.quantity for block in blocks]),
            }
            order = np.argsort(columns["pair"], kind="stable")
            arrays = [pa.array(columns[field.name][order].astype(field.type.to_pandas_dtype())) for field in schema]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema), row_group_size=len(order))
    told = [
        [list(each.recipe.premiums), each.recipe.combine, each.recipe.own, each.recipe.epoch]
        for each in ready.programs.components
    ]
    names = [each.name for each in ready.programs.components]
    (folder / "recipes.json").write_text(json.dumps({"names": names, "recipes": told}))
    return lines.write(fold.table(), folder / "base.parquet")._asdict()


def impact(folder: Path) -> dict[str, Any]:
    """Prices what the change reaches again, from the kept charges."""
    from bench import engine_run
    from bench.workload import ITEMS
    from engine.arrays import codes, ints
    from engine.bulk.pricing import Recipe, price_book
    from engine.bulk.repricing import priced_anew
    from engine.ratebook.difference import difference

    started = time.process_time()
    before, after = (engine_run.load(folder / name) for name in ("book", "book-row"))
    books = time.process_time()
    (change,) = difference(before, after).changes
    reach = change.reach
    if not reach.price_only or reach.sites is None or reach.items is None:
        raise SystemExit(f"the reach of {change.id} is wider than prices of some sites")
    pairs = [(site, item) for site in sorted(reach.sites) for item in sorted(reach.items)]
    numbers = [int(site[1:]) * ITEMS + int(item[1:]) for site, item in pairs]
    compared = time.process_time()
    mine = pl.scan_parquet(folder / "rated.parquet").filter(pl.col("pair").is_in(numbers)).collect()
    read = time.process_time()
    told = json.loads((folder / "recipes.json").read_text())
    recipes = tuple(Recipe(tuple(premiums), combine, own, epoch) for premiums, combine, own, epoch in told["recipes"])
    place = np.full(max(numbers) + 1, -1, dtype=np.int64)
    place[numbers] = np.arange(len(numbers))
    pair, day = codes(place[mine["pair"].to_numpy()]), ints(mine["day"].to_numpy())
    span = engine_run.span()
    old, new = (price_book(book, pairs, span.first_day, span.last_day) for book in (before, after))
    digits = before.rounding.quantity["hour"][0]
    made = recipes, codes(mine["component"].to_numpy())
    folded = []
    for prices in (old, new):
        anew = priced_anew(old, prices, made, pair, day)
        if anew is None:
            raise SystemExit("the charges must be rated again")
        rate = ints([each.value.units for each in prices.rates])[prices.base[prices.row(pair, day)]]
        scale = 10 ** (digits + anew[1] - 2)
        cents = (2 * mine["quantity"].to_numpy().astype(np.int64) * anew[0] + scale) // (2 * scale)
        folded.append(_folded(mine, rate, cents, digits, told["names"]))
    kept = pl.scan_parquet(folder / "base.parquet").filter((pl.col("site") * ITEMS + pl.col("item")).is_in(numbers)).collect()
    if not kept.equals(folded[0]):
        raise SystemExit("the kept charges do not make the base's own lines")
    folded[1].write_parquet(folder / "moved.parquet")
    seconds = {
        "start": started, "books": books - started, "difference": compared - books, "read": read - compared,
        "price and fold": time.process_time() - read,
    }  # fmt: skip
    moved = int(folded[1]["cents"].sum()) - int(folded[0]["cents"].sum())
    return {"seconds": seconds, "charges": len(mine), "moved": moved, "pairs": numbers}


def whole(folder: Path, pairs: list[int]) -> lines.Result:
    """All lines as the impact leaves them."""
    from bench.workload import ITEMS

    kept = pl.read_parquet(folder / "base.parquet").filter(~(pl.col("site") * ITEMS + pl.col("item")).is_in(pairs))
    return lines.result(pl.concat([kept, pl.read_parquet(folder / "moved.parquet")]).sort(lines.KEY))


def _folded(mine: pl.DataFrame, rate: Ints, cents: Ints, digits: int, names: list[str]) -> pl.DataFrame:
    """The lines of some charges, as the workload folds them."""
    from bench.engine_run import COMPONENT
    from bench.workload import ITEMS

    component = np.array([lines.COMPONENTS.index(COMPONENT[name]) if name in COMPONENT else -1 for name in names])
    pair = mine["pair"].cast(pl.Int64)
    frame = mine.select(pl.col("month").cast(pl.Int64), pl.col("quantity").cast(pl.Int64)).with_columns(
        site=pair // ITEMS, item=pair % ITEMS, component=pl.Series(component[mine["component"].to_numpy()]),
        rate=pl.Series(rate), cents=pl.Series(cents),
    )  # fmt: skip
    quarters = pl.col("quantity").sum() * 4 // 10**digits
    sums = frame.group_by(lines.KEY).agg(n=pl.len().cast(pl.Int64), quarters=quarters, cents=pl.col("cents").sum())
    return sums.select(*lines.KEY, *lines.SUMS).cast(pl.Int64).sort(lines.KEY)


def main(size: int) -> None:
    """Runs the programs and says what they took."""
    from bench.__main__ import measure, told

    told(["-m", "bench.workload", str(size)])
    folder = Path("out/bench") / str(size)
    told(["-m", "bench.rulebook", str(folder)])
    changed(folder)
    runs = {}
    for name, command in {
        "base": ["bench.impact", "base", str(folder)],
        "impact, first": ["bench.impact", "impact", str(folder)],
        "impact": ["bench.impact", "impact", str(folder)],
        "replay": ["bench.engine_run", str(folder), f"{folder}/row.parquet", "--book", "book-row"],
    }.items():
        print(f"{size:,} shifts: {name} ...", end=" ", file=sys.stderr, flush=True)
        runs[name] = measure(command)
        print(f"{runs[name].cpu:.2f} s CPU, {runs[name].wall:.2f} s, {runs[name].peak:,} MiB", file=sys.stderr, flush=True)
    quick, replayed = runs["impact"].said, runs["replay"].said
    found = whole(folder, quick["pairs"])
    if (found.digest, found.cents) != (replayed["digest"], replayed["cents"]):
        raise SystemExit(f"the impact makes {found.digest}, the replay {replayed['digest']}")
    beyond = runs["impact"].cpu - quick["seconds"]["start"]
    moved = f"{quick['moved'] / 100:,.2f} USD moved"
    print(f"{quick['charges']:,} charges priced again; all lines {found.digest} as the replay's; {moved}")
    print("seconds of the impact: " + ", ".join(f"{name} {value:.2f}" for name, value in quick["seconds"].items()))
    share = beyond / runs["replay"].cpu
    print(f"replay {runs['replay'].cpu:.2f} s CPU; impact {runs['impact'].cpu:.2f} s, {beyond:.2f} s of them beyond start-up")
    print(f"impact beyond start-up is {share:.3f}x of a replay (at most 0.1x)")


if __name__ == "__main__":
    if sys.argv[1] in ("base", "impact"):
        print(json.dumps({"base": base, "impact": impact}[sys.argv[1]](Path(sys.argv[2]))))
    else:
        main(int(float(sys.argv[1])))
