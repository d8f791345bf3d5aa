"""`python -m bench.rollup [--events 1e7]`: usage events to invoices, beside a hand-written Polars program that gives the same totals.

Both read one Parquet file, refuse ids that come twice, sum the events of an account, item and day, and price the sums by graduated tiers
over the month. CPU seconds are user + system of a process; peak memory is its largest resident set. Runs take turns.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).parent.parent
ACCOUNTS, ITEMS = 1_000, 5
BOUNDS, PRICES = (0, 100_000, 1_000_000), (200, 150, 100)  # tiers: from, price in millionths


def rule_book() -> dict[str, bytes]:
    """The rule book: one metered kind, five items, tiers over a month."""
    tiers = ", ".join(
        f"{{ from: {low}, {f'to: {high}, ' if high else ''}price: 0.{price:06} }}"
        for low, high, price in zip(BOUNDS, (*BOUNDS[1:], 0), PRICES, strict=True)
    )
    items = "".join(f"  - {{ item: I{n}, name: Item {n}, price: tiers, tax-class: none }}\n" for n in range(ITEMS))
    rows = "".join(f"  - {{ item: I{n}, prices: {{ 2026-01-01: {{ tiers: [{tiers}] }} }} }}\n" for n in range(ITEMS))
    files = {
        "rules/calendar.yaml": "format: 1\nkind: calendar\nsemantics: 1\nrules-at: start\nprice-at: start\n",
        "rules/rounding.yaml": "format: 1\nkind: rounding\nquantity: { unit: { digits: 0, half: up } }\namount: { half: up }\n",
        "rules/lines.yaml": "format: 1\nkind: lines\nsubject: Usage\ndescriptions: {}\n".replace(
            "{}", '{ tier: "{name}, {from} to {to}" }'
        ),
        "rules/items.yaml": f"format: 1\nkind: items\nitems:\n{items}",
        "rules/activity/usage.yaml": dedent("""
            format: 1
            kind: activity
            activity: usage
            rated-by: quantity
            unit: unit
            moment: at
            quantity: quantity
            roll-up: day
            columns:
              - { column: id, type: id, required: yes }
              - { column: account, type: id, required: yes }
              - { column: item, type: id, required: yes }
              - { column: at, type: local-time, required: yes }
              - { column: quantity, type: whole, required: yes }
        """).lstrip(),
        "rates/tiers.yaml": (
            "format: 1\nkind: rate-table\ntable: tiers\nunit: unit\ncurrency: USD\ndigits: 6\nmodel: graduated\nover: month\nkey: [item]\n"
            f"rates:\n{rows}"
        ),
    }
    for n in range(ACCOUNTS):
        files[f"rates/accounts/a{n}.yaml"] = f"format: 1\nkind: account\naccount: a{n}\ncurrency: USD\nzone: America/New_York\n"
    return {path: text.encode() for path, text in files.items()}


def write_events(path: Path, count: int) -> None:
    """Events of October 2026, the same each time: ids, accounts, items, UTC times, quantities."""
    import numpy as np
    import polars as pl

    chance = np.random.default_rng(20261001)
    start = np.datetime64("2026-10-01T04:00:00", "us")
    account = chance.integers(0, ACCOUNTS, count)
    item = chance.integers(0, ITEMS, count)
    frame = pl.DataFrame(
        {
            "id": pl.Series("id", np.arange(count)).cast(pl.String).str.pad_start(10, "0"),
            "account": pl.Series("a", account).cast(pl.String),
            "item": pl.Series("i", item).cast(pl.String),
            "at": start + chance.integers(0, 31 * 86_400, count).astype("timedelta64[s]"),
            "quantity": chance.integers(1, 2_000, count),
        }
    ).with_columns(account="a" + pl.col("account"), item="I" + pl.col("item"), at=pl.col("at").dt.replace_time_zone("UTC"))
    frame.write_parquet(path, row_group_size=1_000_000)


def engine(path: Path) -> dict[str, int]:
    """The total of each account by the engine: events to charges, and their lines summed."""
    import numpy as np
    import polars as pl

    from connectors.files import activity_by_kind, named_files
    from engine.bulk.measured import read_measured
    from engine.dates import parse_period
    from engine.ratebook.build import build
    from engine.steps.rate import Rater

    book = build(rule_book())
    chunks = activity_by_kind(named_files([path], path.parent), book.kinds)["usage"]
    if isinstance(chunks, pl.DataFrame):
        raise SystemExit("the events do not come in chunks")
    period = parse_period("2026-10")
    measured = read_measured(book, book.kinds["usage"], chunks).of(period).measured
    charges = Rater(book).rate_measured(measured, np.ones(len(measured.frame), dtype=np.bool_), period).charges
    lines = charges.with_columns(account=measured.frame["site"].gather(charges["row"])).group_by(
        "account", "item", "component", "price"
    )
    cents = (pl.col("quantity") * pl.col("price") + 5_000) // 10_000
    totals = lines.agg(pl.col("quantity").sum()).with_columns(cents.alias("cents")).group_by("account").agg(pl.col("cents").sum())
    return dict(totals.sort("account").iter_rows())


def rival(path: Path) -> dict[str, int]:
    """The same by a hand-written program."""
    import polars as pl

    frame = pl.read_parquet(path)
    if frame["id"].n_unique() != len(frame):
        raise SystemExit("an id comes twice")
    day = pl.col("at").dt.convert_time_zone("America/New_York").dt.date()
    sums = frame.group_by("account", "item", day.alias("day")).agg(pl.col("quantity").sum()).sort("account", "item", "day")
    after = pl.col("quantity").cum_sum().over("account", "item")
    sums = sums.with_columns(after=after, before=after - pl.col("quantity"))
    highs = (*BOUNDS[1:], 2**62)
    parts = [
        (pl.col("after").clip(low, high) - pl.col("before").clip(low, high)).alias(f"t{n}")
        for n, (low, high) in enumerate(zip(BOUNDS, highs, strict=True))
    ]
    lines = sums.with_columns(parts).group_by("account", "item").agg(pl.col(f"t{n}").sum() for n in range(len(BOUNDS)))
    cents = [(pl.col(f"t{n}") * price + 5_000) // 10_000 for n, price in enumerate(PRICES)]
    totals = lines.with_columns(pl.sum_horizontal(cents).alias("cents")).group_by("account").agg(pl.col("cents").sum())
    return dict(totals.sort("account").iter_rows())


def _measured(program: str, path: Path) -> dict[str, float | int | str]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.rollup", "--run", program, str(path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    said: dict[str, float | int | str] = json.loads(done.stdout)
    return said


def run_one(program: str, path: Path) -> None:
    """Runs one program and prints its cost and the digest of its totals."""
    from engine.canonical import canonical_json, sha256

    began = time.monotonic()
    totals = {"engine": engine, "rival": rival}[program](path)
    used = resource.getrusage(resource.RUSAGE_SELF)
    told = {
        "cpu": used.ru_utime + used.ru_stime,
        "wall": time.monotonic() - began,
        "peak": used.ru_maxrss // 1024,
        "accounts": len(totals),
        "digest": sha256(canonical_json(dict(sorted(totals.items()))))[:12],
    }
    print(json.dumps(told))


def main() -> int:
    """Makes the events, runs both programs in turns, and says how they compare; 1 if totals differ or the engine is over 1.5x."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=float, default=1e7)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--run", nargs=2)
    given = parser.parse_args()
    if given.run:
        run_one(given.run[0], Path(given.run[1]))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "usage.parquet"
        write_events(path, int(given.events))
        found = {program: [_measured(program, path) for _ in range(given.rounds)] for program in ("rival", "engine")}
    best = {program: min(float(each["cpu"]) for each in runs) for program, runs in found.items()}
    for program, runs in found.items():
        peak = max(int(each["peak"]) for each in runs)
        print(
            f"{program:<8} {best[program]:8.2f} CPU s   {peak:6} MiB   {runs[0]['accounts']} accounts, digest {runs[0]['digest']}"
        )
    ratio = best["engine"] / best["rival"]
    same = {each["digest"] for runs in found.values() for each in runs}
    print(f"engine / rival: {ratio:.2f}x (at most 1.5x); totals {'agree' if len(same) == 1 else 'DIFFER'}")
    return 0 if len(same) == 1 and ratio <= 1.5 else 1


if __name__ == "__main__":
    sys.exit(main())
