"""The activity of the example: six months of usage, storage, payments, hours and support cases, the same bytes each time.

    python examples/saas/make_activity.py
    python examples/saas/make_activity.py --events 10000000     # out/usage-10000000.parquet as well

What people check by hand is written out below, October above all; the rest is drawn from a fixed seed.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

FOLDER = Path(__file__).parent
SEED = 20260701
MONTHS = (7, 8, 9, 10, 11, 12)
OCTOBER = 10
Row = Mapping[str, str | int]

# Requests in each of the six months, beside those of BOUNDARY.
USAGE = {
    ("alder-freight", "API"): (1_140_000, 1_312_500, 1_704_000, 2_242_000, 2_310_000, 1_985_000),
    ("quarry-games", "API"): (9_400_000, 10_900_000, 11_250_000, 14_200_000, 16_800_000, 21_300_000),
    ("quarry-games", "QUERY"): (31_000, 44_500, 50_000, 62_000, 58_400, 71_900),
    ("quarry-games", "EXPORT"): (2_100, 4_000, 5_050, 7_300, 6_999, 12_001),
    ("open-hand", "API"): (52_000, 61_300, 118_000, 84_000, 95_700, 204_000),
    ("lumen-presse", "API"): (1_100_000, 980_000, 1_750_000, 2_400_000, 2_610_000, 3_020_000),
}
# Recorded in UTC: the evening of 30 September in Chicago is October already, and that of 31 October is November.
BOUNDARY = (
    ("alder-freight", "API", "2026-10-01T04:30:00Z", 5_000),
    ("alder-freight", "API", "2026-11-01T03:00:00Z", 8_000),
)
# GB at midnight on each day of the month.
STORED = {
    ("alder-freight", "orders"): ("148.25", "155.5", "166.75", "180.5", "188.25", "193.4"),
    ("open-hand", "letters"): ("31", "34", "38", "40", "44.5", "61"),
    ("quarry-games", "assets"): ("820", "870.5", "940", "1000", "1105.25", "1240"),
    ("quarry-games", "replays"): ("160", "190", "215.5", "240", "260", "310"),
}
PAYMENTS = (
    ("alder-freight", "2026-10-05", "640.00"),
    ("alder-freight", "2026-10-12", "96.40"),
    ("alder-freight", "2026-10-19", "8.00"),  # the smallest fee
    ("alder-freight", "2026-10-27", "2500.00"),  # the largest
    ("lumen-presse", "2026-10-08", "120.00"),
    ("lumen-presse", "2026-10-22", "49.90"),
)
PAYMENTS_A_MONTH = {"alder-freight": 6, "lumen-presse": 4}
# account, item, day, worker, owner, project, hours
HOURS = (
    ("quarry-games", "CONSULT", "2026-10-06", "n.osei", "r.vance", "MIGRATION", "6"),
    ("quarry-games", "CONSULT", "2026-10-07", "n.osei", "r.vance", "MIGRATION", "4"),
    ("quarry-games", "CONSULT", "2026-10-20", "n.osei", "p.lund", "AUDIT", "2.5"),
    ("quarry-games", "ENGINEER", "2026-10-08", "t.ruiz", "r.vance", "MIGRATION", "7.5"),
    ("quarry-games", "ENGINEER", "2026-10-09", "t.ruiz", "r.vance", "MIGRATION", "8"),
    ("quarry-games", "ENGINEER", "2026-10-13", "a.beck", "r.vance", "MIGRATION", "7.25"),
    ("alder-freight", "ENGINEER", "2026-10-16", "a.beck", "s.moor", "UPGRADE", "3.25"),
)
TEAM = (("CONSULT", "n.osei"), ("ENGINEER", "t.ruiz"), ("ENGINEER", "a.beck"))
# case, account, day, worker, category, owner, hours
SUPPORT = (
    ("C-2101", "alder-freight", "2026-10-05", "k.ito", "outage", "platform", "1.5"),  # our fault
    ("C-2102", "alder-freight", "2026-10-08", "k.ito", "how-to", "customer", "0.75"),
    ("C-2103", "alder-freight", "2026-10-14", "j.falk", "outage", "customer", "2"),  # theirs
    ("C-2104", "alder-freight", "2026-10-21", "j.falk", "training", "customer", "1"),  # free until September
    ("C-2105", "quarry-games", "2026-10-12", "k.ito", "how-to", "customer", "1.25"),  # premier
    ("C-2106", "quarry-games", "2026-10-15", "j.falk", "change", "customer", "3"),
    ("C-2107", "open-hand", "2026-10-05", "k.ito", "defect", "platform", "0.5"),
    ("C-2108", "open-hand", "2026-10-23", "k.ito", "how-to", "customer", "0.5"),
)
CASES = (("defect", "platform"), ("how-to", "customer"), ("change", "customer"), ("training", "customer"), ("outage", "customer"))
CASES_A_MONTH = {"alder-freight": 3, "quarry-games": 3, "open-hand": 1}
# account, day, project, receipt, amount
EXPENSES = (
    ("quarry-games", "2026-08-18", "MIGRATION", "R-4410", "318.20"),
    ("quarry-games", "2026-10-09", "MIGRATION", "R-4471", "412.60"),
    ("alder-freight", "2026-12-03", "UPGRADE", "R-4533", "96.00"),
)
# account, day, description, amount, external
LINES = (
    ("open-hand", "2026-10-14", "Credit for a double order", "-40.00", "SHOP-7713"),
    ("quarry-games", "2026-10-28", "Share of the stand at the autumn fair", "350.00", "FAIR-88"),
    ("alder-freight", "2026-11-10", "Printed manuals", "57.50", "SHOP-7790"),
)


@dataclass(slots=True)
class Draw:
    """Numbers that look drawn by chance and are the same in every version of Python."""

    state: int

    def below(self, limit: int) -> int:
        """Return the next number from 0 up to `limit`, which is out."""
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % limit

    def day(self, month: int) -> date:
        """Return a day of a month."""
        return date(2026, month, 1 + self.below(days_in(month)))

    def parts(self, whole: int, count: int) -> list[int]:
        """Return `count` parts that make `whole`."""
        weights = [1 + self.below(1_000) for _ in range(count)]
        parts = [whole * weight // sum(weights) for weight in weights]
        return [*parts[:-1], whole - sum(parts[:-1])]


def days_in(month: int) -> int:
    """Return how many days a month of 2026 has."""
    return ((date(2026, month, 1) + timedelta(days=31)).replace(day=1) - date(2026, month, 1)).days


def activity_files() -> dict[str, bytes]:
    """Return the content of each file of activity by its name."""
    draw = Draw(SEED)
    rows = sorted(usage(draw), key=lambda row: (row["at"], row["account"], row["item"]))
    files = {f"usage-2026-{month:02}.csv": as_csv(numbered("u", of_month(rows, "at", month))) for month in MONTHS}
    for quarter in (3, 4):
        kept = [row for row in stored() if (int(str(row["day"])[5:7]) + 2) // 3 == quarter]
        files[f"storage-2026-q{quarter}.ndjson"] = as_ndjson(numbered("s", kept))
    payments = sorted(paid(draw), key=lambda row: (row["day"], row["account"]))
    files |= {f"payment-2026-{month:02}.csv": as_csv(numbered("p", of_month(payments, "day", month))) for month in MONTHS}
    files["hours-2026.csv"] = as_csv(numbered("h", by_day(worked(draw))))
    files["support-2026.ndjson"] = as_ndjson(numbered("c", by_day(supported(draw))))
    named = ("account", "day", "project", "receipt", "amount")
    files["expense-2026.csv"] = as_csv(numbered("x", (dict(zip(named, row, strict=True)) for row in EXPENSES)))
    named = ("account", "day", "description", "amount", "external")
    files["line-2026.csv"] = as_csv(numbered("l", (dict(zip(named, row, strict=True)) for row in LINES)))
    return files


# --- what each kind holds ---------------------------------------------------------------------------------------------


def usage(draw: Draw) -> Iterator[Row]:
    """Yield the requests of all months, each month cut into some rows."""
    for (account, item), totals in USAGE.items():
        for month, total in zip(MONTHS, totals, strict=True):
            for part in draw.parts(total, 12):
                at = f"{draw.day(month)}T{12 + draw.below(10)}:{draw.below(60):02}:{draw.below(60):02}Z"
                yield {"account": account, "item": item, "at": at, "quantity": part}
    for account, item, at, quantity in BOUNDARY:
        yield {"account": account, "item": item, "at": at, "quantity": quantity}


def stored() -> Iterator[Row]:
    """Yield what lies in each bucket on each day."""
    for month in MONTHS:
        for day in range(1, days_in(month) + 1):
            for (account, bucket), sizes in STORED.items():
                size = sizes[MONTHS.index(month)]
                yield {"account": account, "day": f"2026-{month:02}-{day:02}", "bucket": bucket, "stored": size}


def paid(draw: Draw) -> Iterator[Row]:
    """Yield the payments; those of October are written out above."""
    for month in MONTHS:
        for account, count in PAYMENTS_A_MONTH.items():
            for _ in range(count if month != OCTOBER else 0):
                amount = 400 + draw.below(30_000) * (1 + draw.below(4))
                yield {"account": account, "day": f"{draw.day(month)}", "amount": f"{amount // 100}.{amount % 100:02}"}
    for account, day, text in PAYMENTS:
        yield {"account": account, "day": day, "amount": text}


def worked(draw: Draw) -> Iterator[Row]:
    """Yield the hours of the projects; those of October are written out above."""
    for month in MONTHS:
        for _ in range(5 if month != OCTOBER else 0):
            item, worker = TEAM[draw.below(len(TEAM))]
            hours = f"{1 + draw.below(7)}.{25 * draw.below(4):02}"
            yield {
                "account": "quarry-games", "item": item, "day": f"{draw.day(month)}", "worker": worker, "owner": "r.vance",
                "project": "MIGRATION", "hours": hours,
            }  # fmt: skip
    for account, item, day, worker, owner, project, hours in HOURS:
        yield {
            "account": account, "item": item, "day": day, "worker": worker, "owner": owner, "project": project, "hours": hours,
        }  # fmt: skip


def supported(draw: Draw) -> Iterator[Row]:
    """Yield the support cases; those of October are written out above."""
    number = 1_900
    for month in MONTHS:
        for account, count in CASES_A_MONTH.items():
            for _ in range(count if month != OCTOBER else 0):
                number += 1
                category, owner = CASES[draw.below(len(CASES))]
                hours = f"{draw.below(3)}.{25 * (1 + draw.below(3))}"
                yield {
                    "case": f"C-{number}", "account": account, "day": f"{draw.day(month)}", "worker": "k.ito", "category": category,
                    "owner": owner, "hours": hours,
                }  # fmt: skip
    for case, account, day, worker, category, owner, hours in SUPPORT:
        yield {
            "case": case, "account": account, "day": day, "worker": worker, "category": category, "owner": owner, "hours": hours,
        }  # fmt: skip


# --- files ------------------------------------------------------------------------------------------------------------


def of_month(rows: Iterable[Row], column: str, month: int) -> Iterator[Row]:
    """Yield the rows of a month."""
    return (row for row in rows if str(row[column]).startswith(f"2026-{month:02}"))


def by_day(rows: Iterable[Row]) -> list[Row]:
    """Return rows in order of their days."""
    return sorted(rows, key=lambda row: (row["day"], row["account"], row["hours"]))


def numbered(letter: str, rows: Iterable[Row]) -> list[Row]:
    """Return rows with ids; the day makes those of several files differ."""
    made: list[Row] = []
    for number, row in enumerate(rows, start=1):
        day = str(row["at"] if "at" in row else row["day"])[:10].replace("-", "")
        made.append({"id": f"{letter}{day}-{number:03}", **row})
    return made


def as_csv(rows: Sequence[Row]) -> bytes:
    """Return rows as a CSV file."""
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()


def as_ndjson(rows: Iterable[Row]) -> bytes:
    """Return rows as JSON, one a line."""
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def write_events(count: int, path: Path) -> None:
    """Write a Parquet file with events of one request each, spread over October 2026.

    Of ten events one is of Open Hand Relief, two are of Lumen Presse, three of Alder Freight and four of Quarry Games.
    """
    import polars as pl

    first, seconds = 1_790_841_600, 2_642_400  # from 1 October 08:00 UTC until 31 October 22:00 UTC
    owners = ("open-hand", *["lumen-presse"] * 2, *["alder-freight"] * 3, *["quarry-games"] * 4)
    number = pl.int_range(0, count, dtype=pl.Int64)
    events = pl.select(
        id=pl.concat_str(pl.lit("e"), number.cast(pl.String)),
        account=(number % 10).replace_strict(list(range(10)), list(owners), return_dtype=pl.String),
        item=pl.lit("API"),
        at=(pl.lit(first) + number * 48_271 % seconds).cast(pl.Int64).mul(1_000_000).cast(pl.Datetime("us", "UTC")),
        quantity=pl.lit(1, dtype=pl.Int64),
    )
    path.parent.mkdir(exist_ok=True)
    events.write_parquet(path)


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, metavar="N", help="write a Parquet file of N events into out/ as well")
    asked = parser.parse_args()
    for name, content in activity_files().items():
        (FOLDER / "activity" / name).write_bytes(content)
    if asked.events:
        write_events(asked.events, FOLDER / "out" / f"usage-{asked.events}.parquet")


if __name__ == "__main__":
    main()
