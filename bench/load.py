"""`python -m bench.load [--rounds 5]`: how long a rule book of 50,000 rate rows takes to build and to check, and to read when it was kept.

Two books, of rows in one line and of rows in five lines, each as one file and as 50 files, with 200 sites and an override for each. Every
figure is of a fresh process. Building counts once its modules are imported: reading the files is in it, starting Python is not. Checking is
the command as a user runs it, from the first byte of Python. The least of the rounds is shown.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "out" / "bench" / "load"
GEOS, ITEMS, SITES = 100, 500, 200
HEAD = "format: 1\nkind: rate-table\ntable: geo-base\nunit: hour\ncurrency: USD\nkey: [geo, item]\nreason: price list\nrates:\n"
FLOW = "  - {{ geo: {geo}, item: {item}, prices: {{ 2024-01-01: {old}, 2026-01-01: {new} }} }}\n"
LINES = "  - geo: {geo}\n    item: {item}\n    prices:\n      2024-01-01: {old}\n      2026-01-01: {new}\n"


@dataclass(frozen=True, slots=True)
class Case:
    """A book: the form of its rows, and over how many files they are spread."""

    rows: str
    files: int

    @property
    def folder(self) -> Path:
        return FOLDER / f"{self.rows}-{self.files}"


CASES = [Case(rows, files) for rows in ("flow", "lines") for files in (1, 50)]


def write(case: Case) -> None:
    """Writes the book of a case: a hundred geos, five hundred items, a price for each of both; rules and accounts of the workload."""
    from bench.rulebook import RULES

    shutil.rmtree(case.folder, ignore_errors=True)
    rows = list(_rows(FLOW if case.rows == "flow" else LINES))
    each = len(rows) // case.files
    tables = {f"rates/geo/{n:02d}.yaml": HEAD + "".join(rows[n * each : (n + 1) * each]) for n in range(case.files)}
    items = "".join(f"  - {{ item: S{n}, name: Specialty {n}, price: geo-base, tax-class: exempt }}\n" for n in range(ITEMS))
    made = {
        "rules/items.yaml": f"format: 1\nkind: items\nitems:\n{items}",
        "rules/holidays.yaml": "format: 1\nkind: holidays\nholidays: bench\nfrom: 2024-01-01\nto: 2027-01-01\n"
        "days:\n  - { holiday: new-year, actual: 2026-01-01, observed: 2026-01-01 }\n",
        "rates/accounts/acme.yaml": _account(),
        "inforce.toml": '[workspace]\nname = "Bench"\n',
    }
    for path, text in {**RULES, **tables, **made}.items():
        target = case.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(dedent(text).lstrip("\n"), encoding="utf-8")


def _account() -> str:
    """An account whose sites move from one geo to another, each with one agreed price."""
    sites = "".join(
        f"  - {{ site: s{n}, zone: UTC, geo: {{ 2024-01-01: G{n % GEOS:02d}, 2025-06-01: G{n * 7 % GEOS:02d} }} }}\n"
        for n in range(SITES)
    )
    agreed = "".join(
        f"  - {{ override: o{n}, instead-of: geo-base, item: S{n % ITEMS}, site: s{n}, from: 2025-01-01, price: 31.{n % 100:02d}, unit: hour }}\n"
        for n in range(SITES)
    )
    return f"format: 1\nkind: account\naccount: acme\ncurrency: USD\nsites:\n{sites}overrides:\n{agreed}"


def _rows(form: str) -> Iterator[str]:
    for geo in range(GEOS):
        for item in range(ITEMS):
            cents = 3000 + (geo * 37 + item * 11) % 9000
            old, new = (f"{each // 100}.{each % 100:02d}" for each in (cents, cents + 150))
            yield form.format(geo=f"G{geo:02d}", item=f"S{item}", old=old, new=new)


def load(folder: Path, kept: Path | None) -> dict[str, Any]:
    """Loads a book in this process and says how long it took."""
    import engine.ratebook.build  # noqa: F401 - not to be counted
    from engine.ratebook.cache import build_or_read
    from engine.ratebook.files import read_workspace_files

    cpu, wall = time.process_time(), time.perf_counter()
    book, _ = build_or_read(read_workspace_files(folder), kept)
    return {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall, "meaning": book.meaning}


def measure(case: Case, *words: str) -> dict[str, Any]:
    """Loads the book of a case in a process of its own."""
    command = [sys.executable, "-m", "bench.load", "--folder", str(case.folder), *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def check(case: Case, kept: Path) -> dict[str, Any]:
    """Runs `inforce check` on the book of a case."""
    before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "cli", "check", str(case.folder), "--format", "json"]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "INFORCE_CACHE": str(kept)}, capture_output=True, text=True, check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu": cpu, "wall": time.perf_counter() - wall, "found": done.stdout}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.load")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--kept", type=Path, help=argparse.SUPPRESS)
    words = parser.parse_args()
    if words.folder:
        print(json.dumps(load(words.folder, words.kept)))
        return
    kept = FOLDER / "kept"
    shutil.rmtree(kept, ignore_errors=True)
    print("rows   files   built: cpu    wall   kept: cpu    wall   checked: cpu    wall   kept: cpu    wall")
    for case in CASES:
        write(case)
        built, read, checked, again = [], [], [], []
        measure(case, "--kept", str(kept))
        for _ in range(words.rounds):
            built.append(measure(case))
            read.append(measure(case, "--kept", str(kept)))
            empty = FOLDER / "kept-checks"
            shutil.rmtree(empty, ignore_errors=True)
            checked.append(check(case, empty))
            again.append(check(case, empty))
        if len({each["meaning"] for each in built + read}) != 1:
            raise SystemExit(f"{case}: the books differ")
        if len({each["found"] for each in checked + again}) != 1:
            raise SystemExit(f"{case}: the findings differ")
        figures = [min(each[clock] for each in runs) for runs in (built, read, checked, again) for clock in ("cpu", "wall")]
        form = "{:<5} {:>6} {:>13.2f} {:>7.2f} {:>11.3f} {:>7.3f} {:>14.2f} {:>7.2f} {:>11.2f} {:>7.2f}"
        print(form.format(case.rows, case.files, *figures), flush=True)


if __name__ == "__main__":
    main()
