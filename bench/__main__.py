"""`python -m bench [--sizes 1e5 1e6 1e7] [--rounds 1]`: the engine on W and V beside the rival and the floor, each in a process of its own.

W is the reference workload with overtime: lines only, and with every charge kept. V is the example agency's whole rule book. CPU seconds
are user + system of a process and its children, peak memory is the largest resident set of one of them. Programs take turns within a
round, so that a busy machine slows all of them. Every digest is checked; one that differs ends the run with status 1.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parent.parent  # no import of the bench here: a child inherits the peak memory of its parent
ENGINE = ("W", "W+charges", "V", "V two")  # `V two` is V in two processes, at the largest size
PROGRAMS = ("rival", "W", "W+charges", "V", "V two", "floor")  # the floor copies the lines of the rival
ADDITIONS = {"windows": 12, "rules": 16}
ADDED_AT = 1_000_000  # a smaller workload would drown additions in noise


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of one program."""

    cpu: float
    wall: float
    peak: int  # MiB
    said: Mapping[str, Any]  # Any: JSON, as each program prints it


@dataclass(frozen=True, slots=True)
class Target:
    """A figure that is asked for: at most so much, and what would be better still."""

    what: str
    figure: float
    most: float
    stretch: float | None = None
    unit: str = "x"

    def __str__(self) -> str:
        reached = self.figure <= self.most
        word = "reached" if reached else "MISSED"
        if reached and self.stretch is not None and self.figure <= self.stretch:
            word = "stretch"
        asked = f"at most {self.most:g}{self.unit}" + (
            f", stretch {self.stretch:g}{self.unit}" if self.stretch is not None else ""
        )
        return f"  {word:<8} {self.figure:>8.2f}{self.unit:<3} {self.what} ({asked})"


# Bytecode is kept, whatever the caller's environment says: nobody compiles the libraries at every start.
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
    "PYTHONPYCACHEPREFIX": str(ROOT / "out" / "bench" / "pycache"),
}
WARM_UP = "import bench.engine_run, bench.agency_run, bench.rival, bench.floor; from durable import engine"

Runs = Mapping[str, Sequence[Measured]]


def measure(arguments: Sequence[str]) -> Measured:
    """Runs `python -m` with some arguments and waits for it."""
    command = [sys.executable, "-m", *arguments]
    began = time.perf_counter()
    with subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as child:
        said = child.stdout.read() if child.stdout else ""
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    if child.returncode:
        raise SystemExit(f"{' '.join(command)} failed with status {child.returncode}")
    return Measured(used.ru_utime + used.ru_stime, wall, used.ru_maxrss // 1024, json.loads(said.splitlines()[-1]))


def told(arguments: Sequence[str]) -> str:
    """What a helper says, run in a process of its own."""
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, check=True, text=True)
    return done.stdout.strip()


@dataclass(frozen=True, slots=True)
class Place:
    """The folders of both workloads of one size, with their rule books, made by children."""

    size: int
    reference: Path
    agency: Path

    def command(self, program: str) -> list[str]:
        """How a program is run."""
        w, v = (str(folder) for folder in (self.reference, self.agency))
        return {
            "rival": ["bench.rival", w, f"{w}/rival.parquet", "--overtime"],
            "floor": ["bench.floor", w, f"{w}/rival.parquet", f"{w}/floor.parquet"],
            "W": ["bench.engine_run", w, f"{w}/engine.parquet"],
            "W+charges": ["bench.engine_run", w, f"{w}/engine.parquet", "--charges", f"{w}/charges.parquet"],
            "V": ["bench.agency_run", v, f"{v}/lines.parquet"],
            "V+charges": ["bench.agency_run", v, f"{v}/lines.parquet", "--charges", f"{v}/charges.parquet"],
            "V two": ["bench.agency_run", v, f"{v}/lines.parquet", "--processes", "2"],
        }[program]


def prepare(size: int) -> Place:
    """Both workloads of a size, from the cache or drawn now."""
    reference = Path("out/bench") / str(size)
    told(["-m", "bench.workload", str(size)])
    told(["-m", "bench.rulebook", str(reference), *(ADDITIONS if size == ADDED_AT else ())])
    return Place(size, reference, Path(told(["-m", "bench.agency", str(size)])))


def rounds_of(place: Place, programs: Sequence[str], rounds: int) -> dict[str, list[Measured]]:
    """Every program as often as asked, taking turns."""
    measured: dict[str, list[Measured]] = {name: [] for name in programs}
    for number in range(rounds):
        turn = number % len(programs)
        for name in (*programs[turn:], *programs[:turn]):
            measured[name].append(_shown(f"{place.size:,} shifts, round {number + 1} of {rounds}: {name}", place.command(name)))
    return measured


def additions_to(place: Place, rounds: int) -> dict[str, list[Measured]]:
    """W by its own book and by the books with additions, taking turns."""
    measured: dict[str, list[Measured]] = {name: [] for name in ("", *ADDITIONS)}
    for number in range(rounds):
        for name in measured:
            folder = ["--book", f"book-{name}"] if name else []
            label = f"{place.size:,} shifts, W with {f'more {name}' if name else 'its own book'}, {number + 1} of {rounds}"
            measured[name].append(_shown(label, [*place.command("W"), *folder]))
    return measured


def _shown(label: str, command: Sequence[str]) -> Measured:
    print(f"{label} ...", end=" ", file=sys.stderr, flush=True)
    found = measure(command)
    print(f"{found.cpu:.2f} s CPU, {found.wall:.2f} s, {found.peak:,} MiB", file=sys.stderr, flush=True)
    return found


# --- checks


def differences(size: int, measured: Runs) -> Iterator[str]:
    """What differs from the published lines of W, of an unpublished size from those of the rival; and the runs of V from one another."""
    published = json.loads(
        told(["-c", f"import json; from bench.lines import WITH_OVERTIME as known; print(json.dumps(known.get({size})))"])
    )
    names = ("rows", "cents", "digest")
    for family in (("rival", "W", "W+charges", "floor"), ("V", "V+charges", "V two")):
        expected = dict(zip(names, published, strict=True)) if published and family[0] == "rival" else None
        for name in family:
            for run in measured.get(name, ()):
                got = {key: run.said[key] for key in names}
                expected = expected or got
                if got != expected:
                    yield f"{size:,} shifts: {name} gives {got}, expected {expected}"


# --- figures


def middle(runs: Sequence[Measured], what: Callable[[Measured], float] = lambda run: run.cpu) -> float:
    """The median of a figure over the rounds: the CPU seconds, if nothing else is asked for."""
    return median(what(run) for run in runs)


def report(results: Mapping[int, Runs]) -> None:
    """Tables: each program at each size, what one more shift costs, and the stages of the engine."""
    head = f"{'CPU s':>8}{'wall s':>8}{'of rival':>10}{'ns/shift':>10}{'peak MiB':>10}"
    print(f"{'shifts':>10}  {'program':<10}{head}  {'lines':>9}  {'B/shift':>8}  digest")
    for size, measured in results.items():
        for name, runs in measured.items():
            cpu, said = middle(runs), runs[0].said
            ratio = f"{cpu / middle(measured['rival']):.2f}" if "rival" in measured else ""
            kept = f"{said['kept_bytes'] / size:.1f}" if said.get("kept_bytes") else ""
            figures = f"{cpu:>8.2f}{middle(runs, lambda run: run.wall):>8.2f}{ratio:>10}{cpu / size * 1e9:>10,.0f}"
            figures += f"{middle(runs, lambda run: run.peak):>10,.0f}"
            print(f"{size:>10,}  {name:<10}{figures}  {said['rows']:>9,}  {kept:>8}  {said['digest']}")
    for small, large in pairwise(sorted(results)):
        both = [name for name in results[small] if name in results[large]]
        each = {name: middle(results[large][name]) - middle(results[small][name]) for name in both}
        more = ", ".join(f"{name} {each[name] / (large - small) * 1e9:,.0f}" for name in both)
        print(f"\nns of CPU for one more shift, {small:,} to {large:,}: {more}")
    for name in ENGINE:
        if any(name in measured for measured in results.values()):
            print(f"\nInside {name}, CPU s; ns per shift of rating alone; decisions by durable-rules:")
        for size, measured in results.items():
            if name in measured:
                said = [run.said for run in measured[name]]
                stages = {stage: median(each["seconds"].get(stage, 0) for each in said) for stage in said[0]["seconds"]}
                print(f"{size:>10,}  " + ", ".join(f"{stage} {seconds:.2f}" for stage, seconds in stages.items()))
                figures = (
                    f"{stages['rate'] / size * 1e9:,.0f} ns, {said[0]['charges']:,} charges, {said[0]['price_rows']:,} price rows"
                )
                print(f"{'':>10}  {figures}, {said[0]['asked']:,} decisions")


def targets(results: Mapping[int, Runs], added: Runs) -> Iterator[Target]:
    """What is asked for, of what was measured."""
    sizes = sorted(results)
    large, measured = sizes[-1], results[sizes[-1]]

    def both(*names: str) -> bool:
        return all(name in measured for name in names)

    for name, most, stretch in (("W", 0.8, 0.45), ("W+charges", 1.5, 1.0), ("V", 2.0, 1.2)):
        if both("rival", name):
            yield Target(
                f"CPU of {name} against the rival at {large:,}", middle(measured[name]) / middle(measured["rival"]), most, stretch
            )
    for name in ENGINE:
        if len(sizes) > 1 and name in measured and name in results[sizes[-2]]:
            large_peak, small_peak = (middle(results[size][name], lambda run: run.peak) for size in (large, sizes[-2]))
            yield Target(f"peak memory of {name}, {large:,} / {sizes[-2]:,}", large_peak / small_peak, 1.3)
    for name in ("W+charges", "V+charges"):
        if name in measured:
            yield Target(f"charges kept by {name}, for each shift", measured[name][0].said["kept_bytes"] / large, 25, None, " B")
    if both("V", "V two"):
        one, two = (middle(measured[name], lambda run: run.wall) for name in ("V", "V two"))
        yield Target(f"wall of V in two processes at {large:,}", two / one, 0.65)
    for name in ("W", "V"):
        if len(sizes) > 1 and name in measured and name in results[sizes[-2]]:
            asked = [results[size][name][0].said["asked"] for size in (large, sizes[-2])]
            yield Target(
                f"decisions of {name}, {large:,} / {sizes[-2]:,} ({asked[0]:,} and {asked[1]:,})", asked[0] / asked[1], 1
            )
    for name, count in ADDITIONS.items():
        if added:
            for what, seconds in (("rating", lambda run: run.said["seconds"]["rate"]), ("the whole run", lambda run: run.cpu)):
                more = middle(added[name], seconds) - middle(added[""], seconds)
                yield Target(
                    f"{what} with one more of {count} {name}, for each shift", more / count / ADDED_AT * 1e9, 30, None, " ns"
                )


def main() -> int:
    """Measures, reports, checks."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="The engine on W and V, the rival, the I/O floor.")
    parser.add_argument("--sizes", nargs="+", default=["1e5", "1e6", "1e7"], metavar="N")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--programs", nargs="+", default=list(PROGRAMS), choices=[*PROGRAMS, "V+charges"], metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="leave out additions to the rule book and the slow evaluator")
    options = parser.parse_args()
    sizes = sorted({round(float(text)) for text in options.sizes})
    told(["-c", WARM_UP])
    results: dict[int, dict[str, list[Measured]]] = {}
    places = {size: prepare(size) for size in sizes}
    for size, place in places.items():
        programs = [name for name in options.programs if name != "V two" or size == sizes[-1]]
        results[size] = rounds_of(place, programs, options.rounds)
    added: dict[str, list[Measured]] = {}
    slow: dict[str, Measured] = {}
    if not options.quick:
        if ADDED_AT in places:
            added = additions_to(places[ADDED_AT], max(3, options.rounds))
        first = places[sizes[0]]
        slow = {
            name: _shown(f"the slow evaluator on {name}", ["bench.slow", str(at)])
            for name, at in (("W", first.reference), ("V", first.agency))
        }
    report(results)
    for name, run in slow.items():
        each, agreed = run.said["cpu"] / run.said["shifts"], "agrees" if run.said["agrees"] else "DIFFERS"
        print(
            f"\nThe slow evaluator on {run.said['shifts']} shifts of {name}: {each * 1e3:,.1f} ms of CPU for each; {agreed} with the engine."
        )
    print("\nTargets:")
    for target in targets(results, added):
        print(target)
    wrong = [line for size, measured in results.items() for line in dict.fromkeys(differences(size, measured))]
    wrong += [line for runs in added.values() for line in differences(ADDED_AT, {"W": runs})]
    wrong += [f"the slow evaluator differs from the engine on {name}" for name, run in slow.items() if not run.said["agrees"]]
    print("\n" + ("\n".join(wrong) or "Every digest is as expected."))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
