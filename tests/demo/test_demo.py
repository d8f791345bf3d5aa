"""The example workspace: the same bytes each time, a history that finance could have written, a month with everything in it."""

from __future__ import annotations

import csv
import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import pytest

from connectors.demo import COLUMNS, DemoSummary, as_of, example_folder, october, write_workspace
from connectors.files import named_files, read_activity
from engine.dates import Period
from engine.ratebook.book import RuleBook
from engine.ratebook.build import build
from engine.ratebook.crosscheck import check
from engine.ratebook.files import read_workspace_files
from engine.steps.collect import collect

OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1), "2026-10")
INITIALS = {"d.ortiz": "D. Ortiz", "m.lee": "M. Lee"}


@cache
def book() -> RuleBook:
    return build(read_workspace_files(example_folder()))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    write_workspace(folder)
    return folder


def git(folder: Path, *words: str) -> str:
    around = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True, env=around).stdout


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(folder).parts
    }


# --- the book ---------------------------------------------------------------------------------------------------------------


def test_the_book_checks_clean_and_its_examples_pass() -> None:
    assert check(read_workspace_files(example_folder())) == []


def test_each_policy_has_three_worked_examples_or_more_and_each_rule_its_reason() -> None:
    for policy in book().policies.values():
        assert len(policy.examples) >= 3, policy.decides
        assert [rule.id for rule in policy.rules if not rule.provenance.reason] == []


def test_every_price_and_override_has_its_reason_and_was_approved_before_its_day() -> None:
    """A review of 2026 does not stand under the approval of the opening sheet."""
    rows = [row for table in book().tables.values() for row in table.rows.values()]
    entries = [(row.id, price.start, price.provenance) for row in rows for price in row.prices]
    entries += [(one.id, one.start, one.provenance) for account in book().accounts.values() for one in account.overrides]
    for name, start, provenance in entries:
        assert provenance.reason, name
        assert start - timedelta(days=270) < date.fromisoformat(provenance.on) < start, f"{name} {start}"


def test_holidays_fall_on_the_days_the_law_names() -> None:
    """
    new-year, independence-day, christmas: 1 January, 4 July, 25 December; observed on the Friday before or the Monday after
    martin-luther-king-day: third Monday of January      presidents-day: third Monday of February
    memorial-day: last Monday of May    labor-day: first Monday of September    thanksgiving: fourth Thursday of November
    """
    for calendar in book().holidays.values():
        names = {holiday.holiday for holiday in calendar.days}
        expected = {(name, *days) for year in range(2024, 2027) for name, days in federal(year).items() if name in names}
        known = {(holiday.holiday, holiday.actual, holiday.observed) for holiday in calendar.days}
        assert known == {entry for entry in expected if calendar.start <= entry[1] < calendar.end}


def federal(year: int) -> dict[str, tuple[date, date]]:
    """The eight holidays of a year: actual and observed day."""

    def nth(month: int, weekday: int, n: int) -> date:
        first = date(year, month, 1)
        return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (n - 1))

    fixed = {"new-year": date(year, 1, 1), "independence-day": date(year, 7, 4), "christmas": date(year, 12, 25)}
    moving = {
        "martin-luther-king-day": nth(1, 0, 3), "presidents-day": nth(2, 0, 3), "memorial-day": nth(6, 0, 1) - timedelta(days=7),
        "labor-day": nth(9, 0, 1), "thanksgiving": nth(11, 3, 4),
    }  # fmt: skip
    moved = {5: -1, 6: 1}  # Saturday, Sunday
    observed = {name: (day, day + timedelta(days=moved.get(day.weekday(), 0))) for name, day in fixed.items()}
    return observed | {name: (day, day) for name, day in moving.items()}


# --- the history ------------------------------------------------------------------------------------------------------------


def test_a_workspace_is_the_same_bytes_and_the_same_commits_each_time(made: Path, tmp_path: Path) -> None:
    summary = write_workspace(tmp_path / "again")
    assert files_in(tmp_path / "again") == files_in(made)
    assert git(tmp_path / "again", "rev-parse", "HEAD") == git(made, "rev-parse", "HEAD")
    assert summary.commits == len(git(made, "rev-list", "HEAD").split())


def test_the_history_ends_in_the_whole_book_and_nothing_is_left_uncommitted(made: Path) -> None:
    assert read_workspace_files(made) == read_workspace_files(example_folder())
    assert git(made, "status", "--porcelain") == ""
    assert git(made, "ls-files", "activity", "archive", "out") == ""
    assert {line.split(":")[0] for line in git(made, "check-ignore", "activity", "archive/x", "out/x").splitlines()} == {
        "activity",
        "archive/x",
        "out/x",
    }


def test_every_commit_is_a_valid_book_and_knows_its_entries_before_they_apply(made: Path, tmp_path: Path) -> None:
    """Approved, then committed, then in force; by those whom the commit names."""
    before: set[tuple[str, date]] = set()
    for commit in git(made, "rev-list", "--reverse", "HEAD").split():
        day = date.fromisoformat(git(made, "show", "-s", "--format=%as", commit).strip())
        named = set(git(made, "show", "-s", "--format=%(trailers:key=Approved-by,valueonly)", commit).split("\n")) - {""}
        folder = tmp_path / commit
        folder.mkdir()
        git(made, "--work-tree", str(folder), "checkout", "-q", commit, "--", ".")
        files = read_workspace_files(folder)
        found = check(files)
        assert {problem.code for problem in found} <= {"R088"}, f"{day}: {found}"  # a term may be declared before a rule reads it
        entries = set(dated(build(files)))
        assert min(start for _, start in entries - before) > day
        before |= entries
        added = re.findall(
            r"^\+.*approved: \{ by: ([\w.]+), on: ([\d-]+)", git(made, "show", "-U0", commit, "--", "rates", "rules"), re.M
        )
        assert {INITIALS[by] for by, _ in added} == named
        assert max(date.fromisoformat(on) for _, on in added) <= day
    git(made, "checkout", "-q", "HEAD", "--", ".")
    assert len(git(made, "shortlog", "-sn", "HEAD").splitlines()) >= 3


def dated(book: RuleBook) -> Iterator[tuple[str, date]]:
    """Everything in the book that starts on a day."""
    for table in book.tables.values():
        yield from ((row.id, price.start) for row in table.rows.values() for price in row.prices)
    for account in book.accounts.values():
        yield from ((override.id, override.start) for override in account.overrides)
        yield from ((account.account, entry.start) for entry in account.terms)
    for site in book.sites.values():
        yield from ((site.site, entry.start) for entry in site.terms)
        yield from ((f"{site.site} {geo}", start) for start, geo in site.geo)
    for policy in book.policies.values():
        yield from ((rule.id, rule.start) for rule in policy.rules if rule.start)
    for formula in book.formulas.values():
        yield from ((formula.formula, version.start) for version in formula.versions)


def test_the_example_is_never_committed_to_a_repository_around_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A git hook sets GIT_DIR; templates and settings of the machine could bring hooks of their own."""
    theirs, template, home = tmp_path / "theirs", tmp_path / "template", tmp_path / "home"
    for folder in (theirs, template / "hooks", home):
        folder.mkdir(parents=True)
    (template / "hooks" / "pre-commit").write_text("#!/bin/sh\nexit 1\n")
    (template / "hooks" / "pre-commit").chmod(0o755)
    (home / ".gitconfig").write_text(
        f"[commit]\n\tgpgsign = true\n[core]\n\thooksPath = {template / 'hooks'}\n[user]\n\tuseConfigOnly = true\n"
    )
    git(theirs, "init", "-q")
    for name, value in {
        "GIT_DIR": theirs / ".git", "GIT_WORK_TREE": theirs, "GIT_INDEX_FILE": theirs / ".git" / "index", "GIT_TEMPLATE_DIR": template, "HOME": home,
        "GIT_AUTHOR_DATE": "2001-01-01T00:00:00Z", "GIT_DEFAULT_HASH": "sha256",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, str(value))
    assert write_workspace(tmp_path / "demo").commits == 7
    assert git(theirs, "rev-list", "--all") == ""
    assert git(tmp_path / "demo", "log", "-1", "--format=%an %ad", "--date=short") == "Tessa Brandt 2026-08-21\n"


def test_without_git_the_whole_book_is_written_and_no_commit_is_claimed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    summary = write_workspace(tmp_path / "demo")
    assert summary == DemoSummary(rows=summary.rows, commits=0)
    assert read_workspace_files(tmp_path / "demo") == read_workspace_files(example_folder())


def test_a_file_as_of_a_day_has_nothing_that_starts_later() -> None:
    whole = """\
rates:
  - geo: NYC
    prices:
      2024-09-01: 80.25
      2025-07-01: { price: 82.20, approved: { by: d.ortiz, on: 2025-06-09 } }
overrides:
  - override: surge
    from: 2026-09-01
    price: 121.50
terms:
  - from: 2024-09-01
    combine: add
  - { from: 2025-07-01, combine: largest }
"""
    early = """\
rates:
  - geo: NYC
    prices:
      2024-09-01: 80.25
terms:
  - from: 2024-09-01
    combine: add
"""
    assert as_of(whole, date(2025, 7, 1)) == early
    assert as_of(whole, date(9999, 1, 1)) == whole


# --- the month --------------------------------------------------------------------------------------------------------------


def test_the_month_has_over_two_thousand_shifts_at_every_site_and_for_every_role() -> None:
    rows = october(book())
    assert len({row["id"] for row in rows}) > 2_400
    assert {row["site"] for row in rows} >= set(book().sites)
    assert {row["item"] for row in rows} >= set(book().items) - {"ORIENT", "ONCALL", "CEILING", "MSP"}
    assert {row["status"] for row in rows} == {"completed", "cancelled", "no-show", "orientation", "on-call", "call-back"}
    assert rows == october(book())
    assert {name for row in rows for name in row} <= set(COLUMNS)


def test_a_night_of_twelve_hours_on_the_clock_over_the_clock_change_is_thirteen_hours_but_in_phoenix(made: Path) -> None:
    nights = [row for row in october(book()) if row["worker"].startswith("W-90") and row["start"] == "2026-10-31T19:00"]
    assert {row["site"] for row in nights} == {"mercy-north", "st-mary-main", "county-general", "lakeside", "redrock"}
    collected = collect(
        book(),
        book().kinds["shift"],
        read_activity(named_files([made / "activity" / "2026-10.csv"], made), book().kinds["shift"]),
        OCTOBER,
    )
    at = {name: place for place, name in enumerate(collected.activity.id.to_list())}
    begin, end = collected.activity.times["start"], collected.activity.times["end"]
    hours = {row["site"]: int(end[at[row["id"]]] - begin[at[row["id"]]]) // 3_600 for row in nights}
    assert hours == {"mercy-north": 13, "st-mary-main": 13, "county-general": 13, "lakeside": 13, "redrock": 12}


def test_only_the_rows_that_are_meant_to_be_are_rejected(made: Path) -> None:
    """
    S-90003 ends at its start    S-90004 site mercy-nort    S-90005 role RN-ICUU    S-90006 half a minute    S-90007 10/03/2026
    S-90008 01:30 on the night when the clock shows it twice    S-90009 twice, with two workers    S-90010 marked by nobody
    """
    path = made / "activity" / "2026-10.csv"
    with path.open(encoding="utf-8", newline="") as file:
        ids = [row["id"] for row in csv.DictReader(file)]
    collected = collect(book(), book().kinds["shift"], read_activity(named_files([path], made), book().kinds["shift"]), OCTOBER)
    rejected = Counter(ids[reject.row - 2] for reject in collected.rejects)
    assert set(rejected) == {f"S-9{n:04}" for n in range(3, 11)}
    assert len({(reject.file, reject.row) for reject in collected.rejects}) == 9
    assert 200 < collected.elsewhere < 400  # the last days of September, which only feed sums
    assert not collected.charged.all()
    rules = {fate.rule for fate in collected.fates}
    assert rules >= {"withdrawn", "superseded", "repeated", "mark_excluded", "mark_held", "overlap", "longer-than-maximum"}
