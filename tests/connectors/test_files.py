"""Activity files: a file that is cut, mixed up or unreadable is refused whole, with the row and the cure."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from pathlib import Path

import polars as pl
import pytest

from connectors.files import ActivityFileError, named_files, read_activity
from engine.ratebook.book import ActivityKind
from engine.ratebook.build import build
from tests.sample_book import sample_files

HEADER = b"id,site,worker,item,status,start,end\n"
ROW = b"a,acme-east,w,RN,completed,2026-10-05T07:00,2026-10-05T15:00\n"


@cache
def kind() -> ActivityKind:
    return build(sample_files()).kinds["shift"]


def read(path: Path) -> pl.DataFrame:
    return read_activity(named_files([path], path.parent), kind())


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (HEADER + ROW + ROW[:30], "row 3: 6 cells where the header has 7"),
        (HEADER + ROW[:-1], "row 2: the last line has no line end, so the file may be cut"),
        (HEADER + ROW + b'b,"acme-east,w,RN,completed,,\n', "row 3: a quoted cell is never closed"),
        (HEADER + ROW[:-1] + b",more\n", "row 2: 8 cells where the header has 7"),
        ((HEADER + ROW).decode().encode("utf-16"), "the file is UTF-16"),
        (HEADER + ROW.replace(b"w", b"\xe9"), "row 2: byte 0xe9 is not UTF-8"),
        (HEADER + ROW.replace(b"w", b"\0"), "NUL"),
        (HEADER.replace(b",", b";"), "not separated by commas"),
        (HEADER.replace(b"worker", b"site"), "column 'site' stands twice"),
        (HEADER.replace(b"worker", b"werker"), "column 'werker' is not declared for shift.\nDid you mean 'worker'?"),
        (b"id,site,item,status\n", "column 'worker' is missing"),
        (b"", "column 'id' is missing"),
        (HEADER + b'a,"' + b"x" * 200_000 + b'",w,RN,completed,,\n', "field larger than field limit"),
    ],
)  # fmt: skip
def test_a_broken_csv_file_is_refused_whole(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "shifts.csv"
    path.write_bytes(data)
    with pytest.raises(ActivityFileError) as refused:
        read(path)
    assert words in str(refused.value)
    assert str(refused.value).startswith("shifts.csv")


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    path = tmp_path / "shifts.csv"
    path.write_bytes(b"\xef\xbb\xbf" + (HEADER + ROW).replace(b"\n", b"\r\n"))
    assert read(path).select("id", "site", "row").rows() == [("a", "acme-east", 2)]


def test_parquet_gives_the_same_cells_as_csv(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "id": ["a", "b"], "site": ["acme-east", "acme-west"], "worker": ["w", "v"], "item": ["RN", "ICU"], "status": ["completed", "no-show"],
            "start": [datetime(2026, 10, 5, 7), None], "end": [datetime(2026, 10, 5, 15, 30, 5), None], "revision": [1, 2], "charge_nurse": [True, None],
        }
    )  # fmt: skip
    frame.write_parquet(tmp_path / "a.parquet")
    read_back = read(tmp_path / "a.parquet")
    assert read_back.select("start", "end", "revision", "charge_nurse").rows() == [
        ("2026-10-05T07:00", "2026-10-05T15:30:05", "1", "yes"),
        ("", "", "2", ""),
    ]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"start": pl.Series([datetime(2026, 10, 5, 7)], dtype=pl.Datetime("us", "UTC"))}, "holds times in UTC"),
        ({"start": pl.Series([datetime(2026, 10, 5, 7, 0, 0, 500)])}, "fractions of seconds"),
        ({"revision": pl.Series([1.5])}, "holds Float64 values"),
        ({"reason": pl.Series([["a"]])}, "holds List"),
    ],
)  # fmt: skip
def test_parquet_columns_that_mean_something_else_are_refused(tmp_path: Path, columns: dict[str, pl.Series], words: str) -> None:
    plain = {"id": ["a"], "site": ["acme-east"], "worker": ["w"], "item": ["RN"], "status": ["completed"]}
    pl.DataFrame({**plain, **columns}).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(ActivityFileError) as refused:
        read(tmp_path / "a.parquet")
    assert words in str(refused.value)


def test_a_cut_parquet_file_is_refused(tmp_path: Path) -> None:
    pl.DataFrame({"id": ["a"] * 100}).write_parquet(tmp_path / "a.parquet")
    data = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(data[: len(data) // 2])
    with pytest.raises(ActivityFileError, match="not a whole Parquet file"):
        read(tmp_path / "a.parquet")
