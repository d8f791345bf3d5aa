"""`python -m bench.stages FOLDER`: where rating W or V spends its time, by stage of the engine; the profiler slows small calls most."""

from __future__ import annotations

import cProfile
import pstats
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import agency_run, engine_run
from bench.agency import Shifts
from bench.workload import Workload

CALLERS = ("__init__", "blocks", "_runs", "_charges")  # of engine/bulk/rating.py: what they call are the stages


def profile(run: Callable[[], object]) -> dict[tuple[str, str], tuple[float, int]]:
    """CPU seconds and calls of every function that a method of Rating in `CALLERS` calls, by caller and name."""
    profiler = cProfile.Profile()
    profiler.runcall(run)
    stats: Any = pstats.Stats(profiler)  # Any: its tables are not typed
    found: dict[tuple[str, str], tuple[float, int]] = {}
    for (_, _, name), (*_, callers) in stats.stats.items():
        for (path, _, caller), (_, calls, _, seconds) in callers.items():
            if path.endswith("bulk/rating.py") and caller in CALLERS:
                found[(caller, name)] = (seconds, calls)
    for (path, _, name), (_, calls, _, seconds, _) in stats.stats.items():
        if (path.rpartition("/")[2], name) in {("policies.py", "decide"), ("programs.py", "program"), ("timeline.py", "between")}:
            found[("within", f"{path.rpartition('/')[2]} {name}")] = (seconds, calls)
    return found


def main() -> None:
    """Prints the stages, the dearest first within each caller."""
    folder = Path(sys.argv[1])
    if (folder / "codes.json").exists():
        count = int(folder.name.partition("-")[0])
        found = profile(lambda: agency_run.run(Shifts(count, folder), folder / "stages.parquet"))
    else:
        count = int(folder.name)
        found = profile(lambda: engine_run.run(Workload(count, folder), folder / "book", folder / "stages.parquet"))
    for caller in ("blocks", *(each for each in CALLERS if each != "blocks"), "within"):
        print(caller)
        mine = sorted(((seconds, name, calls) for (who, name), (seconds, calls) in found.items() if who == caller), reverse=True)
        for seconds, name, calls in mine[:14]:
            print(f"  {seconds:>8.2f} s {seconds / count * 1e9:>8,.0f} ns/shift {calls:>9,} calls  {name}")


if __name__ == "__main__":
    main()
