"""A place of the rule book stands for the entries that are written there, and for nothing where none is."""

from __future__ import annotations

import pytest

from connectors.workspace import find_workspace
from engine.blame_entries import NoEntryError, entries_of
from engine.blame_places import RulePlace, entries_at, place_asked
from engine.ratebook.files import read_workspace_files
from tests.explain.previews import agency
from tests.workspaces import ROOT

TABLE = "rates/geo/sf-bay.yaml"


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return read_workspace_files(find_workspace(ROOT).folder)


def line_of(files: dict[str, bytes], path: str, text: str) -> int:
    """The line of the first place in a file that has a text."""
    return next(number for number, line in enumerate(files[path].decode().splitlines(), start=1) if text in line)


def names(files: dict[str, bytes], path: str, line: int) -> set[str]:
    return {name for _, name in entries_at(agency().book, files, RulePlace(path, line))}


def test_every_entry_is_found_where_it_stands(files: dict[str, bytes]) -> None:
    for key, source in entries_of(agency().book).items():
        assert key in entries_at(agency().book, files, RulePlace(source.path, source.line)), key


def test_a_price_is_its_own_line_and_the_rest_of_its_row_is_all_of_its_prices(files: dict[str, bytes]) -> None:
    every = {f"geo-base:SF-BAY/RN-MED@{day}" for day in ("2024-09-01", "2025-07-01", "2026-01-01")}
    first = line_of(files, TABLE, "2024-09-01:")
    assert names(files, TABLE, first + 2) == {"geo-base:SF-BAY/RN-MED@2026-01-01"}
    assert names(files, TABLE, first - 1) == names(files, TABLE, first - 3) == every  # prices:, and the geo
    assert names(files, TABLE, first + 3) == every  # the reason of the row
    assert names(files, TABLE, first + 5) == {each.replace("MED", "ICU") for each in every}


def test_a_rule_is_all_of_its_lines(files: dict[str, bytes]) -> None:
    path = "rules/policies/billable.yaml"
    first = line_of(files, path, "id: cancelled-late")
    for line in (first, first + 1, first + 2):
        assert names(files, path, line) == {"billable/cancelled-late"}


def test_a_line_in_no_entry_is_refused_with_the_entries_around_it(files: dict[str, bytes]) -> None:
    last = len(files[TABLE].decode().splitlines())
    for line, words in (
        (2, rf"line 2 of {TABLE} is in no entry.\nAfter it stands geo-base:SF-BAY/RN-MED@2024-09-01 \(line 12\)."),
        (
            9999,
            rf"{TABLE} has {last} lines, so it has no line 9999.\nIts last entry is geo-base:SF-BAY/ONCALL@2024-09-01 \(line ",
        ),
        (0, f"line 0 of {TABLE} is in no entry."),
    ):
        with pytest.raises(NoEntryError, match=words):
            names(files, TABLE, line)


@pytest.mark.parametrize("path", ["rates/accounts/mercy.yaml", TABLE])
def test_keys_of_the_file_itself_hold_everything_in_it_and_stand_for_nothing(files: dict[str, bytes], path: str) -> None:
    top = [number for number, line in enumerate(files[path].decode().splitlines(), start=1) if line[:1].isalpha()]
    assert top
    for number in top:
        with pytest.raises(NoEntryError):
            names(files, path, number)


def test_a_file_that_is_not_there_is_refused_with_the_nearest(files: dict[str, bytes]) -> None:
    with pytest.raises(NoEntryError, match=rf"there is no such file in the rule book.\nThe nearest is {TABLE}."):
        names(files, "rates/geo/sf-bai.yaml", 3)
    with pytest.raises(NoEntryError, match="has no entry that can touch a line of an invoice"):
        names(files, "rules/calendar.yaml", 1)


def test_a_comment_and_an_empty_line_are_in_no_entry(files: dict[str, bytes]) -> None:
    text = files[TABLE].decode().splitlines()
    there = {**files, TABLE: "\n".join([*text, "", "# the end"]).encode()}
    for line in (len(text) + 1, len(text) + 2):
        with pytest.raises(NoEntryError, match=r"is in no entry\.\nBefore it stands geo-base:SF-BAY/ONCALL"):
            names(there, TABLE, line)


def test_places_are_read_as_they_are_printed() -> None:
    assert place_asked("rates/geo.yaml:14:7") == place_asked("./rates/geo.yaml:14") == RulePlace("rates/geo.yaml", 14)
    assert place_asked("geo-base:NYC/RN@2024-01-01") is None
