"""The bench stands on its digests: the generator draws the published stream, and rival and engine bill it to the cent."""

from pathlib import Path

import polars as pl
import pytest

from bench import agency, agency_run, engine_run, rival, rulebook
from bench.agency_run import Plan
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
    rival.run(workload, workload.folder / "rival.parquet", overtime=True)

    done = engine_run.run(
        workload, rulebook.store(workload), workload.folder / "engine.parquet", workload.folder / "charges.parquet"
    )

    theirs, ours = (pl.read_parquet(workload.folder / f"{name}.parquet") for name in ("rival", "engine"))
    assert ours.join(theirs, on=ours.columns, how="anti").rows() == []
    assert done.result == WITH_OVERTIME[SIZE]
    assert done.asked < 20
    assert pl.read_parquet(workload.folder / "charges.parquet").height == done.charges
    assert done.kept_bytes <= 40 * SIZE  # at a small size the file's own overhead counts; the bench holds 25


@pytest.mark.slow
def test_the_agency_has_one_digest_however_it_is_cut(tmp_path: Path) -> None:
    """1, 4 and 8 partitions, 1 and 2 processes, and chunks of another size."""
    made = agency.prepare(SIZE, tmp_path)
    plans = [Plan(partitions=1), Plan(partitions=4), Plan(partitions=8, chunk=1_000), Plan(processes=2, partitions=4)]
    results = [agency_run.run(made, tmp_path / f"{number}.parquet", plan).result for number, plan in enumerate(plans)]

    assert len(set(results)) == 1
    assert results[0].rows > 1_000


def test_the_overrides_of_a_site_never_cross(workload: Workload) -> None:
    book = rulebook.files(workload)

    assert len(book) == 400 + 15
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
