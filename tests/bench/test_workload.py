"""The bench stands on its digests: the generator draws the published stream, and rival and engine bill it to the cent."""

import polars as pl
import pytest

from bench import engine_run, rival, rulebook
from bench.lines import KEY, WITH_OVERTIME, WITHOUT_OVERTIME, Result, result
from bench.workload import Workload, is_holiday, prepare
from engine.dates import parse_day

SIZE = 10_000


@pytest.fixture(scope="module")
def workload(tmp_path_factory: pytest.TempPathFactory) -> Workload:
    return prepare(SIZE, tmp_path_factory.mktemp("bench"))


def test_the_rival_reaches_the_published_lines(workload: Workload) -> None:
    assert rival.run(workload, workload.folder / "all.parquet", overtime=True) == WITH_OVERTIME[SIZE]
    assert rival.run(workload, workload.folder / "some.parquet", overtime=False) == WITHOUT_OVERTIME[SIZE]


@pytest.mark.slow
def test_the_engine_bills_what_the_rival_bills(workload: Workload) -> None:
    rival.run(workload, workload.folder / "rival.parquet", overtime=False)

    done = engine_run.run(workload, rulebook.store(workload), workload.folder / "engine.parquet")

    theirs, ours = (pl.read_parquet(workload.folder / f"{name}.parquet") for name in ("rival", "engine"))
    assert ours.join(theirs, on=ours.columns, how="anti").rows() == []
    assert done.result == WITHOUT_OVERTIME[SIZE]
    assert done.asked < 20


def test_the_overrides_of_a_site_never_cross(workload: Workload) -> None:
    book = rulebook.files(workload)

    assert len(book) == 400 + 13
    surge = book["rates/accounts/h000.yaml"] if b"overrides" in book["rates/accounts/h000.yaml"] else _first_agreed(book)
    assert surge.count(b"instead-of: geo-base") >= 8 * 3
    assert surge.count(b", to: ") >= 8 * 2


def test_a_line_table_that_differs_in_one_cent_has_another_digest() -> None:
    line = pl.DataFrame({name: [1, 2] for name in (*KEY, "n", "quarters", "cents")})

    assert result(line) != result(line.with_columns(cents=pl.Series([1, 3])))
    assert result(line) == Result(2, 3, result(line).digest)


def test_eleven_days_a_year_are_holidays() -> None:
    assert is_holiday(parse_day("2025-12-25"))
    assert not is_holiday(parse_day("2025-12-26"))


def _first_agreed(book: dict[str, bytes]) -> bytes:
    return next(text for path, text in sorted(book.items()) if path.startswith("rates/accounts/") and b"overrides" in text)
