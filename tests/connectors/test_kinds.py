"""Files of several kinds: which kind a file is of, NDJSON, and typed files in chunks."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from connectors import files as reading
from connectors.files import ActivityFileError, activity_by_kind, named_files, read_activity
from tests.measured.books import bill, book

CSV = "id,account,item,at,quantity,po\na,acme,PACKS,2026-10-05T10:00,250,P1\nb,acme,FLAT,2026-10-05T10:00,8000,\n"
NDJSON = (
    '{"id": "a", "account": "acme", "item": "PACKS", "at": "2026-10-05T10:00", "quantity": 250, "po": "P1"}\n'
    '{"id": "b", "account": "acme", "item": "FLAT", "at": "2026-10-05T10:00", "quantity": 8000, "po": null}\n'
)


def test_ndjson_reads_like_csv(tmp_path: Path) -> None:
    frames = []
    for name, text in (("usage.csv", CSV), ("usage.ndjson", NDJSON)):
        path = tmp_path / name
        path.write_text(text)
        frames.append(read_activity(named_files([path], tmp_path), book().kinds["usage"]).drop("file", "row"))
    assert frames[0].equals(frames[1])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"id": "a"', "this line is not JSON"), ('["a"]', "not a JSON object"), ('{"id": "a", "id": "b"}', "a name stands twice"),
        ('{"idd": "a"}', "column 'idd' is not declared"), ('{"id": {"a": 1}}', "'id' holds a list or an object"),
    ],
)  # fmt: skip
def test_a_line_that_is_not_what_it_should_be_refuses_the_file(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "usage.ndjson"
    path.write_text(line + "\n")
    with pytest.raises(ActivityFileError, match=said):
        read_activity(named_files([path], tmp_path), book().kinds["usage"])


def test_a_file_that_is_cut_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "usage.ndjson"
    path.write_text(NDJSON.rstrip("\n"))
    with pytest.raises(ActivityFileError, match="may be cut"):
        read_activity(named_files([path], tmp_path), book().kinds["usage"])


def test_the_name_of_a_file_or_its_folder_says_its_kind(tmp_path: Path) -> None:
    (tmp_path / "payment").mkdir()
    named, folder, strange = tmp_path / "usage-2026-10.csv", tmp_path / "payment" / "october.csv", tmp_path / "october.csv"
    named.write_text(CSV)
    folder.write_text("id,account,item,at,amount\n")
    strange.write_text(CSV)
    assert sorted(activity_by_kind(named_files([named, folder], tmp_path), book().kinds)) == ["payment", "usage"]
    with pytest.raises(ActivityFileError, match="does not say which kind of activity it holds"):
        activity_by_kind(named_files([strange], tmp_path), book().kinds)


def test_a_typed_file_is_rolled_up_in_chunks_with_the_same_bill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "storage.parquet"
    frame = pl.DataFrame(
        {
            "id": [f"s{n}" for n in range(50)],
            "account": ["acme"] * 50,
            "item": ["STORE"] * 50,
            "day": ["2026-10-05"] * 50,
            "quantity": [1] * 50,
        }
    )
    frame.write_parquet(path)
    whole = bill(book(), **activity_by_kind(named_files([path], tmp_path), book().kinds))
    monkeypatch.setattr(reading, "_CHUNK_ROWS", 7)
    chunked = bill(book(), **activity_by_kind(named_files([path], tmp_path), book().kinds))
    assert whole.assembled[0].invoice.net == 1000
    assert chunked.assembled[0].invoice.body_sha256() == whole.assembled[0].invoice.body_sha256()


def test_instants_in_utc_are_dated_by_the_clock_of_the_site(tmp_path: Path) -> None:
    """3:30 in London on 1 October is 22:30 on 30 September in New York."""
    path = tmp_path / "usage.parquet"
    at = [datetime(2026, 10, 1, 2, 30, tzinfo=UTC), datetime(2026, 10, 1, 4, 0, tzinfo=UTC)]
    pl.DataFrame(
        {"id": ["a", "b"], "account": ["acme"] * 2, "item": ["PACKS"] * 2, "at": at, "quantity": [100, 200]}
    ).with_columns(pl.col("at").dt.strftime("%Y-%m-%dT%H:%M:%SZ")).write_parquet(path)
    found = bill(book(), **activity_by_kind(named_files([path], tmp_path), book().kinds))
    assert (found.count("elsewhere"), found.assembled[0].invoice.net) == (1, 800)
