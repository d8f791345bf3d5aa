"""The floor: read the columns of the workload, touch each value once, write a line table of the size. Nothing can be faster.

`python -m bench.floor FOLDER LINES_TO_COPY LINES`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import polars as pl
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench import lines
from bench.lines import Result
from bench.workload import ROW_GROUP, Workload

COLUMNS = ("site", "worker", "item", "start_min", "end_min", "cancel_min")


def run(made: Workload, copied: Path, target: Path) -> Result:
    """Touches all there is to read and to write."""
    touched = 0
    for batch in pq.ParquetFile(made.file("shifts")).iter_batches(batch_size=ROW_GROUP, columns=list(COLUMNS)):
        touched += sum(pc.sum(column).as_py() or 0 for column in batch.columns)
    if not touched:
        raise SystemExit("the workload is empty")
    return lines.write(pl.read_parquet(copied), target)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    print(json.dumps(run(Workload(int(folder.name), folder), Path(sys.argv[2]), Path(sys.argv[3]))._asdict()))
