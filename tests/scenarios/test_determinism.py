"""The same activity and rules give the same documents, whatever the order, the files, the machine's settings and the number of workers."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.sample_book import sample_texts
from tests.workspaces import cancelled, completed, inforce, make_workspace, write_rows

FILES = ("json", "csv", "backup.csv", "html", "txt", "pdf")


def month() -> list[dict[str, str]]:
    """Forty shifts of October 2026 at three sites in two zones, with clock change, cancellations, holds and a rejected row."""
    rows = []
    for day in range(1, 31):
        site = ("acme-east", "acme-west", "beta-clinic")[day % 3]
        item = ("RN", "ICU")[day % 2]
        start, end = (f"2026-10-{day:02}T{hour}" for hour in ("06:53", "19:20"))
        rows.append(
            completed(
                f"d{day}", start, end, site=site, item=item, worker=f"w{day % 7}", charge_nurse="yes" if day % 5 == 0 else ""
            )
        )
    rows += [
        completed("night", "2026-10-31T19:00", "2026-11-01T07:00", site="acme-west"),
        completed("eve", "2026-10-11T19:00", "2026-10-12T07:00", site="beta-clinic", item="ICU"),
        completed("held", "2026-10-05T07:00", "2026-10-05T15:00", approved_by=""),
        completed("short", "2026-10-06T07:00", "2026-10-06T08:10", site="acme-west", worker_name="=1+1"),
        completed("bad", "2026-10-07T07:00", "2026-10-07T06:00"),
        cancelled("late", "2026-10-08T07:00", "2026-10-08T19:00", "2026-10-07T20:00"),
        cancelled("early", "2026-10-09T07:00", "2026-10-09T19:00", "2026-10-08T07:00"),
    ]
    return rows


def files_of(out: Path) -> dict[str, bytes]:
    """What an output folder holds, but for the seal (which names the run's knowledge) and lists of rows (which name files)."""
    return {
        path.name: path.read_bytes()
        for path in out.iterdir()
        if path.name not in ("seal.json", "rejected.csv", "held.csv", "not-billed.csv")
    }


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The documents of the month, made in the plainest way."""
    folder = make_workspace(tmp_path_factory.mktemp("plain"), month())
    done = inforce("replay", "2026-10", "-w", folder, "-o", folder / "out", "--jobs", "1")
    assert done.returncode == 3, done.stderr
    documents = files_of(folder / "out")
    assert {name.partition(".")[2] for name in documents if name.startswith("DRAFT")} == set(FILES)
    return documents


def replayed(folder: Path, *words: str, **env: str) -> dict[str, bytes]:
    """The documents of a workspace."""
    done = inforce("replay", "2026-10", "-w", folder, "-o", folder / "out", *words, env=env)
    assert done.returncode == 3, done.stderr
    return files_of(folder / "out")


@pytest.mark.slow
def test_shuffled_rows_in_seven_files_give_the_same_bytes(tmp_path: Path, expected: dict[str, bytes]) -> None:
    """Rows in another order, in seven files, one of them Parquet, with columns in another order."""
    rows = month()
    random.Random(5).shuffle(rows)
    folder = make_workspace(tmp_path, [])
    for part in range(7):
        mine = [dict(reversed(row.items())) for row in rows[part::7]]
        write_rows(folder / "activity" / f"part-{part}.csv", mine)
    as_parquet(folder / "activity" / "part-3.csv")
    assert replayed(folder) == expected


def as_parquet(path: Path) -> None:
    """The same rows as Parquet."""
    import polars as pl

    pl.read_csv(path, infer_schema=False).write_parquet(path.with_suffix(".parquet"))
    path.unlink()


@pytest.mark.slow
def test_hash_seed_zone_locale_and_workers_change_nothing(tmp_path: Path, expected: dict[str, bytes]) -> None:
    """Another hash seed, time zone and locale, and two rendering processes."""
    folder = make_workspace(tmp_path, month())
    assert (
        replayed(folder, "--jobs", "2", PYTHONHASHSEED="4242", TZ="Pacific/Kiritimati", LC_ALL="de_DE.UTF-8", LANG="C")
        == expected
    )


@pytest.mark.slow
def test_reordered_rule_rows_give_the_same_bytes(tmp_path: Path, expected: dict[str, bytes]) -> None:
    """Rate rows, sites, overrides, windows and keys in another order, and comments."""
    texts = sample_texts()
    geo = texts["rates/geo-base.yaml"]
    head, *rows = geo.split("  - geo: ")
    changed = {
        "rates/geo-base.yaml": "# sorted otherwise\n" + head + "".join(f"  - geo: {row}" for row in reversed(rows)),
        "rates/differentials.yaml": "\n".join(
            [*texts["rates/differentials.yaml"].splitlines()[:6], *reversed(texts["rates/differentials.yaml"].splitlines()[6:])]
        )
        + "\n",
        "rules/segments.yaml": "\n".join(
            [*texts["rules/segments.yaml"].splitlines()[:3], *reversed(texts["rules/segments.yaml"].splitlines()[3:])]
        )
        + "\n",
    }
    assert all(changed[name] != texts[name] for name in changed)
    folder = make_workspace(tmp_path, month(), changed)
    assert replayed(folder) == expected


def test_verify_and_against_find_every_changed_byte(tmp_path: Path) -> None:
    """A verify of an unchanged month is silent; a changed price, and a changed byte in an output folder, are named."""
    folder = make_workspace(tmp_path, month())
    first = inforce("replay", "2026-10", "-w", folder, "-o", folder / "out", "-f", "json", "-f", "csv")
    assert first.returncode == 3
    runs = sorted((folder / "archive" / "runs" / "2026-10").iterdir())
    verified = inforce("replay", "2026-10", "-w", folder, "--verify", "--against", folder / "out", "-f", "json", "-f", "csv")
    assert (verified.returncode, verified.stdout.count("differs")) == (3, 0)
    assert "2 of 2 documents are identical with run 1" in verified.stderr
    assert sorted((folder / "archive" / "runs" / "2026-10").iterdir()) == runs

    csv = folder / "out" / "DRAFT-beta-2026-10.csv"
    csv.write_bytes(csv.read_bytes().replace(b"82.00", b"82.01", 1))
    found = inforce("replay", "2026-10", "-w", folder, "--verify", "--against", folder / "out", "-f", "csv")
    assert found.returncode == 1
    assert "DRAFT-beta-2026-10.csv: differs from what is rendered now" in found.stdout

    geo = folder / "rates" / "geo-base.yaml"
    geo.write_text(geo.read_text().replace("2026-10-15: 72.55", "2026-10-15: 73.55"))
    moved = inforce("replay", "2026-10", "-w", folder, "--verify")
    assert moved.returncode == 1
    assert "DRAFT-acme-2026-10: total was" in moved.stdout
    assert "73.55" in moved.stdout
    assert "DRAFT-beta" not in moved.stdout.split("rows read")[1]


def test_one_account_alone_gets_the_body_of_the_full_run(tmp_path: Path) -> None:
    """`--account` limits what is billed, never what is judged."""
    folder = make_workspace(tmp_path, month())
    inforce("replay", "2026-10", "-w", folder, "-o", folder / "all", "-f", "json")
    inforce("replay", "2026-10", "-w", folder, "-o", folder / "one", "-f", "json", "--account", "beta")
    assert [path.name for path in (folder / "one").glob("DRAFT-*")] == ["DRAFT-beta-2026-10.json"]
    assert (folder / "one" / "DRAFT-beta-2026-10.json").read_bytes() == (folder / "all" / "DRAFT-beta-2026-10.json").read_bytes()
