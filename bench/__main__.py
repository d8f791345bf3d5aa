"""`python -m bench [--sizes 1e5 1e6] [--rounds 3]`: the engine beside the rival and the floor, each in a process of its own.

CPU seconds are user + system of the whole process, peak memory is its largest resident set. Programs take turns within a round, so
that a busy machine slows all of them. Every digest is checked; one that differs ends the run with status 1.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parent.parent  # no import of the bench here: a child inherits the peak memory of its parent
PROGRAMS = ("engine", "rival", "floor")


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of one program."""

    cpu: float
    peak: int  # MiB
    said: Mapping[str, Any]


# Bytecode is kept, whatever the caller's environment says: nobody compiles the libraries at every start.
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
    "PYTHONPYCACHEPREFIX": str(ROOT / "out" / "bench" / "pycache"),
}
WARM_UP = "import bench.engine_run, bench.rival, bench.floor; from durable import engine"


def measure(arguments: Sequence[str]) -> Measured:
    """Runs `python -m` with some arguments and waits for it."""
    command = [sys.executable, "-m", *arguments]
    with subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as child:
        said = child.stdout.read() if child.stdout else ""
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{' '.join(command)} failed with status {child.returncode}")
    return Measured(used.ru_utime + used.ru_stime, used.ru_maxrss // 1024, json.loads(said.splitlines()[-1]))


def prepare(size: int) -> Path:
    """The folder of the workload with its rule book, both made by children."""
    for arguments in (["-m", "bench.workload", str(size)], ["-m", "bench.rulebook", f"out/bench/{size}"], ["-c", WARM_UP]):
        subprocess.run([sys.executable, *arguments], cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.DEVNULL, check=True)
    return Path("out/bench") / str(size)


def rounds_of(size: int, rounds: int) -> dict[str, list[Measured]]:
    """Every program as often as asked, taking turns."""
    folder = prepare(size)
    commands = {
        "engine": ["bench.engine_run", str(folder), str(folder / "engine.parquet")],
        "rival": ["bench.rival", str(folder), str(folder / "rival.parquet")],
        "floor": ["bench.floor", str(folder), str(folder / "rival.parquet"), str(folder / "floor.parquet")],
    }
    measured: dict[str, list[Measured]] = {name: [] for name in PROGRAMS}
    for number in range(rounds):
        order = [PROGRAMS[(place + number) % len(PROGRAMS)] for place in range(len(PROGRAMS))]
        for name in order if number else ("rival", "engine", "floor"):  # the floor copies the lines of the rival
            print(f"{size:,} shifts, round {number + 1} of {rounds}: {name} ...", end=" ", file=sys.stderr, flush=True)
            measured[name].append(measure(commands[name]))
            last = measured[name][-1]
            print(f"{last.cpu:.2f} s CPU, {last.peak:,} MiB", file=sys.stderr, flush=True)
    return measured


def differences(size: int, measured: Mapping[str, Sequence[Measured]]) -> list[str]:
    """What differs from the published lines of the size; of an unpublished size, from the first lines of the rival."""
    lines = json.loads(_expected(size)) or {key: measured["rival"][0].said[key] for key in ("rows", "cents", "digest")}
    found = []
    for name, runs in measured.items():
        for run in runs:
            got = {key: run.said[key] for key in lines}
            if got != lines:
                found.append(f"{size:,} shifts: the {name} gives {got}, expected {lines}")
    return sorted(set(found))


def _expected(size: int) -> str:
    code = f"import json; from bench.lines import WITHOUT_OVERTIME as known; x = known.get({size}); print(json.dumps(x and x._asdict()))"
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True).stdout


def report(results: Mapping[int, Mapping[str, Sequence[Measured]]]) -> None:
    """One table; medians of all rounds."""
    print(
        f"{'shifts':>10}  {'program':<8}{'CPU s':>8}{'least':>8}{'most':>8}{'of rival':>10}{'ns/shift':>10}{'peak MiB':>10}  {'lines':>9}  digest"
    )
    for size, measured in results.items():
        rival = median(run.cpu for run in measured["rival"])
        for name in PROGRAMS:
            cpu = [run.cpu for run in measured[name]]
            peak, said = median(run.peak for run in measured[name]), measured[name][0].said
            middle = median(cpu)
            figures = f"{middle:>8.2f}{min(cpu):>8.2f}{max(cpu):>8.2f}{middle / rival:>10.2f}{middle / size * 1e9:>10,.0f}{peak:>10,.0f}"
            print(f"{size:>10,}  {name:<8}{figures}  {said['rows']:>9,}  {said['digest']}")
    sizes = sorted(results)
    for small, large in pairwise(sizes):
        each = {n: median(r.cpu for r in results[large][n]) - median(r.cpu for r in results[small][n]) for n in PROGRAMS}
        more = ", ".join(f"{name} {each[name] / (large - small) * 1e9:,.0f}" for name in PROGRAMS)
        print(
            f"\nMarginal ns of CPU per shift, {small:,} to {large:,}: {more}; engine / rival {each['engine'] / each['rival']:.2f}"
        )
    print("\nInside the engine, CPU s (median), and ns per shift of rating alone:")
    for size, measured in results.items():
        runs = [run.said for run in measured["engine"]]
        stages = {stage: median(run["seconds"][stage] for run in runs) for stage in runs[0]["seconds"]}
        print(f"{size:>10,}  " + ", ".join(f"{stage} {seconds:.2f}" for stage, seconds in stages.items()))
        first = runs[0]
        print(f"{'':>10}  rate {stages['rate'] / size * 1e9:,.0f} ns/shift; {first['charges']:,} charges, ", end="")
        print(f"{first['price_rows']:,} price rows, {first['asked']} decisions by durable-rules")


def main() -> int:
    """Measures, reports, checks."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Engine, rival and I/O floor.")
    parser.add_argument("--sizes", nargs="+", default=["1e5", "1e6"], metavar="N")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    results = {size: rounds_of(size, options.rounds) for size in (round(float(text)) for text in options.sizes)}
    report(results)
    wrong = [line for size, measured in results.items() for line in differences(size, measured)]
    print("\n" + ("\n".join(wrong) or "Every digest is as expected."))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
