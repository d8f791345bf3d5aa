"""blame and explain say the same from two sides: which rows of which lines an entry of the rule book has touched."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.blame import touched
from engine.blame_entries import Key, NoEntryError, entries_named, entries_of, wanted
from engine.ratebook.book import RuleBook
from tests.explain.histories import commit, edit, make, run
from tests.explain.previews import Month, agency, example, explained
from tests.workspaces import completed, inforce, make_workspace, reseal

Hits = dict[Key, dict[tuple[str, int], set[int]]]  # for each entry the places of the rows it touched, by line


def told_by_explain(name: str, book: RuleBook) -> Hits:
    """What explanations name, row by row, for rules; line by line for prices that are alike on the whole line."""
    known, found = entries_of(book), Hits()
    own_line = {each.premium for each in book.premiums.values() if each.shown == "own-line"}
    for line in explained(name):
        place = (line["document"], line["line"])
        for at, row in enumerate(line["rows"]):
            decisions = list(row.get("decisions", ()))
            component = row.get("component", "")
            for piece in row.get("pieces", ()):
                decisions += piece["decisions"] if made_of(component, piece["premiums"], own_line) else []
            for decision in decisions:
                for rule in decision["applied"]:
                    if not rule["overridden"]:
                        found.setdefault(("rule", f"{decision['decides']}/{rule['rule']}"), {}).setdefault(place, set()).add(at)
    return {key: places for key, places in found.items() if key in known}


def told_by_blame(month: Month, key: Key) -> dict[tuple[str, int], int]:
    documents = {
        f"DRAFT-{each.invoice.account}-2026-10" + (f"-{each.invoice.split}" if each.invoice.split else "")
        for each in month.preview.assembled
    }
    return {(each.document, each.line): each.rows for each in touched(month.book, month.preview, frozenset([key]), documents)}


@pytest.mark.parametrize("name", ["agency", "saas"])
def test_rules_touch_the_rows_whose_explanations_name_them(name: str) -> None:
    month = agency() if name == "agency" else example(name)
    hits = told_by_explain(name, month.book)
    per_row = {account.account for account in month.book.accounts.values() if account.per_row}
    assert hits
    for key in (key for key in entries_of(month.book) if key[0] == "rule"):
        wide = {place: len(rows) for place, rows in hits.get(key, {}).items() if not whole(place, per_row)}
        found = {place: rows for place, rows in told_by_blame(month, key).items() if not whole(place, per_row)}
        assert found == wide, key


def whole(place: tuple[str, int], per_row: set[str]) -> bool:
    """Whether the rows of a line stand for several charges each, whose explanations show the first."""
    return any(place[0].startswith(f"DRAFT-{account}-") for account in per_row)


@pytest.mark.parametrize("name", ["agency", "saas", "telecom"])
def test_prices_and_premiums_touch_the_lines_whose_explanations_name_them(name: str) -> None:
    month = agency() if name == "agency" else example(name)
    named: dict[Key, set[tuple[str, int]]] = {}
    for line in explained(name):
        place = (line["document"], line["line"])
        for price in line["prices"]:
            bases = [] if price.get("own_line") and not reads_base(month.book, price["own_line"]) else [price["base"]]
            for premium in price.get("premiums", ()):
                named.setdefault(("premium", premium["premium"]), set()).add(place)
                named.setdefault(("formula", premium["formula"]["version"]), set()).add(place)
                bases += [each for each in premium["inputs"].values() if "rate" in each]
            for rate in [*bases, *price.get("factors", ())]:
                named.setdefault(("price", rate["rate"]), set()).add(place)
                named.setdefault(("override", rate["rate"]), set()).add(place)
    touching = {
        key: set(told_by_blame(month, key))
        for key in entries_of(month.book)
        if key[0] in ("price", "override", "premium", "formula")
    }
    assert sum(map(len, touching.values())) > 40
    for key, places in touching.items():
        assert places == named.get(key, set()), key


def test_accumulators_touch_what_reached_their_bands_and_what_fills_their_windows() -> None:
    """Time over a band, by the piece that a charge is made of; guaranteed hours; the ceiling's line."""
    book = agency().book
    of_band = {band.band: each.accumulator for each in book.accumulators.values() for band in each.bands}
    own_line = {each.premium for each in book.premiums.values() if each.shown == "own-line"}
    named: dict[str, set[tuple[str, int]]] = {}
    for line in explained("agency"):
        place = (line["document"], line["line"])
        for row in line["rows"]:
            if row["component"].startswith("window:"):
                named.setdefault(row["component"].removeprefix("window:"), set()).add(place)
            for piece in row.get("pieces", ()):
                if made_of(row["component"], piece["premiums"], own_line):
                    for band in piece["over"]:
                        named.setdefault(of_band[band], set()).add(place)
    for name in book.accumulators:
        found = {place for place in told_by_blame(agency(), ("accumulator", name)) if not place[0].startswith("DRAFT-northgate-")}
        assert found == {place for place in named.get(name, set()) if not place[0].startswith("DRAFT-northgate-")}, name
    assert {"week", "day", "guarantee", "ceiling"} <= named.keys()


def made_of(component: str, premiums: list[str], own_line: set[str]) -> bool:
    """Whether a charge is made of time with some premiums."""
    if component.startswith("own:"):
        return component.removeprefix("own:") in premiums
    return set(premiums) - own_line == set(component.split("+")) - {"base"}


def test_terms_touch_the_lines_whose_explanations_name_them() -> None:
    """Limits of bands, and what rules of premiums read, are named in a whole segment, and touch the charges that reached or met them."""
    book = agency().book
    wide = {band.over.term for each in book.accumulators.values() for band in each.bands}
    rules = [rule for slot in ("premiums", "combine") for rule in book.policies[slot].rules]
    wide |= {name for rule in rules for each in rule.when for name in (each.term, each.column.removeprefix("term "))}
    named: dict[str, set[tuple[str, int]]] = {}
    for line in explained("agency"):
        for source in term_places(line):
            named.setdefault(source, set()).add((line["document"], line["line"]))
    keys = {key: str(source) for key, source in entries_of(book).items() if key[0] == "term"}
    assert sum(source in named for source in keys.values()) > 15
    for key, source in keys.items():
        places = {each for each in told_by_blame(agency(), key) if not each[0].startswith("DRAFT-northgate-")}
        among = {each for each in named.get(source, set()) if not each[0].startswith("DRAFT-northgate-")}
        assert places <= among if key[1].rpartition("@")[0].rpartition("/")[2] in wide else places == among, key


def term_places(told: Any) -> Iterator[str]:
    """Where the terms stand that an explanation names; those of a fee are the account's, and touch its line by its own name."""
    if isinstance(told, dict):
        if "term" in told and told.get("source"):
            yield told["source"]
        for name, each in told.items():
            yield from term_places(each) if not (name == "terms" and told.get("basis") == "made") else ()
    elif isinstance(told, list):
        for each in told:
            yield from term_places(each)


def reads_base(book: RuleBook, premium: str) -> bool:
    return any(given.form == "base" for given in book.premiums[premium].given.values())


def test_an_entry_is_found_by_every_name_it_goes_by() -> None:
    book = agency().book
    [dated] = wanted(book, "geo-base:SF-BAY/RN-MED@2026-01-01")
    assert dated in wanted(book, "geo-base:SF-BAY/RN-MED")
    assert wanted(book, "percent-of-base@2") == wanted(book, "percent-of-base/2") == {("formula", "percent-of-base@2")}
    assert wanted(book, "cancelled-late") == wanted(book, "billable/cancelled-late") == {("rule", "billable/cancelled-late")}
    assert ("premium", "night") in wanted(book, "night")
    with pytest.raises(NoEntryError, match=r"The nearest are .*cancelled-late"):
        entries_named("canceled-late", [book])


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [completed(f"d{day}", f"2026-10-{day}T07:00", f"2026-10-{day}T15:00") for day in ("06", "07", "08")]
    folder = make_workspace(tmp_path_factory.mktemp("blame"), rows)
    assert inforce("replay", "2026-10", "-w", folder).returncode == 0
    return folder


def test_the_command_adds_up_what_was_touched(workspace: Path) -> None:
    """
    NYC RN: 70.00 until 15 October, 72.55 from then on. Three shifts of 8 hours less half an hour's break, all before.
    """
    told = json.loads(inforce("blame", "geo-base:NYC/RN", "-w", workspace, "--json").stdout)
    assert [each["amount"] for each in told["lines"]] == ["1575.00"]  # 3 x 7.50 x 70.00
    assert told["totals"] == [{"currency": "USD", "lines": 1, "amount": "1575.00", "billed": "1575.00", "share": "100.00%"}]
    assert {each["id"] for each in told["entries"]} == {"geo-base:NYC/RN@2024-01-01", "geo-base:NYC/RN@2026-10-15"}
    text = inforce("blame", "geo-base:NYC/RN@2024-01-01", "-w", workspace).stdout
    assert "1,575.00 USD on 1 line: 100.00% of 1,575.00 USD billed" in text
    assert inforce("blame", "geo-base:NYC/RN@2026-10-15", "-w", workspace).stdout.endswith("touched no line of any document\n")
    table = inforce("blame", "completed", "-w", workspace, "--csv").stdout.splitlines()
    assert table[0].startswith("document,line,period,account")
    assert table[1].startswith("DRAFT-acme-2026-10,1,2026-10,acme")


def test_what_cannot_be_asked_is_said_kindly(workspace: Path) -> None:
    done = inforce("blame", "geo-base:NYC/RM", "-w", workspace)
    assert done.returncode == 1
    assert "is called 'geo-base:NYC/RM'" in done.stderr
    assert "The nearest are geo-base:NYC/RN" in done.stderr
    done = inforce("blame", "completed", "-w", workspace, "--period", "2020-01")
    assert done.returncode == 2
    assert "the archive has no documents of these periods" in done.stderr


def test_each_document_is_looked_at_with_its_own_knowledge(tmp_path: Path) -> None:
    """
    October is issued at 70.00; November is billed at 71.00, after a commit that names the price otherwise. December was billed from a book
    in no commit that is there no more, so its document is left out, and said to be.
    """
    rows = [completed(day, f"2026-{day}T07:00", f"2026-{day}T15:00") for day in ("10-06", "11-10", "12-08")]
    folder = make(tmp_path / "w", rows)
    edit(folder, "rates/geo-base.yaml", "2026-10-15: 72.55", "2027-10-15: 72.55")
    commit(folder, "Later")
    run(folder, "replay", "2026-10", "--issue")
    edit(folder, "rates/geo-base.yaml", "2024-01-01: 70.00", "2024-01-01: 71.00")
    commit(folder, "Another price")
    run(folder, "replay", "2026-11")
    edit(folder, "rates/geo-base.yaml", "2024-01-01: 71.00", "2024-01-01: 99.00")
    run(folder, "replay", "2026-12")
    edit(folder, "rates/geo-base.yaml", "2024-01-01: 99.00", "2024-01-01: 71.00")
    done = inforce("blame", "geo-base:NYC/RN@2024-01-01", "-w", folder, "--json")
    assert done.returncode == 3
    assert "not looked at: DRAFT-acme-2026-12: the rule book had changes that are in no commit" in done.stderr
    told = json.loads(done.stdout)
    amounts = [(each["document"], each["quantity"], each["amount"]) for each in told["lines"]]
    assert amounts == [("DRAFT-acme-2026-10", "7.50", "525.00"), ("DRAFT-acme-2026-11", "7.50", "532.50")]
    assert [each["amount"] for each in told["totals"]] == ["1057.50"]
    november = json.loads(inforce("blame", "geo-base:NYC/RN", "-w", folder, "--period", "2026-11", "--json").stdout)
    assert ([each["amount"] for each in november["lines"]], november["left_out"]) == (["532.50"], [])


def test_a_correction_takes_back_and_bills_anew_what_its_entries_made(tmp_path: Path) -> None:
    """
    Two shifts of 7.50 hours, before and after 20 October. October is issued at 70.00 and 72.55 (from the 15th). Then a price of 80.00 from
    20 October is added, and later made 81.00; each time October is corrected.
        2024-01-01   525.00
        2026-10-15   544.13 - 544.13
        2026-10-20            600.00 - 600.00 + 607.50
    """
    folder = make(tmp_path / "w", [completed(day, f"2026-10-{day}T07:00", f"2026-10-{day}T15:00") for day in ("06", "21")])
    run(folder, "replay", "2026-10", "--issue")
    edit(folder, "rates/geo-base.yaml", "2026-10-15: 72.55", "2026-10-15: 72.55, 2026-10-20: 80.00")
    commit(folder, "A price is added")
    run(folder, "correct", "2026-10", "--issue")
    edit(folder, "rates/geo-base.yaml", "2026-10-20: 80.00", "2026-10-20: 81.00")
    commit(folder, "The price is mended")
    run(folder, "correct", "2026-10", "--issue", now="2026-11-21T09:00:00Z")
    number = "DRAFT-acme-2026-10"

    def lines(entry: str) -> list[tuple[str, int, str, str, str]]:
        told = json.loads(run(folder, "blame", entry, "--json"))
        assert [each["billed"] for each in told["totals"]] == ["1132.50"]  # 525.00 + 607.50
        return [(each["document"], each["line"], each["origin"], each["quantity"], each["amount"]) for each in told["lines"]]

    assert lines("geo-base:NYC/RN@2024-01-01") == [(number, 1, "rated", "7.50", "525.00")]
    assert lines("geo-base:NYC/RN@2026-10-15") == [
        (number, 2, "rated", "7.50", "544.13"),
        (f"{number}-C1", 1, "reversal", "-7.50", "-544.13"),
    ]
    assert lines("geo-base:NYC/RN@2026-10-20") == [
        (f"{number}-C1", 2, "rebill", "7.50", "600.00"),
        (f"{number}-C2", 1, "reversal", "-7.50", "-600.00"),
        (f"{number}-C2", 2, "rebill", "7.50", "607.50"),
    ]
    text = run(folder, "blame", "geo-base:NYC/RN")
    for words in (
        f"correction: takes back {number}#2",
        f"correction: instead of {number}#2",
        f"correction: takes back {number}-C1#2",
        "1,132.50 USD on 6 lines: 100.00% of 1,132.50 USD billed",
    ):
        assert words in text
    table = run(folder, "blame", "geo-base:NYC/RN@2026-10-15", "--csv").splitlines()
    assert (table[1].split(",")[-2:], table[2].split(",")[-2:]) == (["rated", ""], ["reversal", f"{number}#2"])


def test_a_correction_that_cannot_be_made_again_is_left_out(tmp_path: Path) -> None:
    """What a correction says of its causes is part of its body; the archive of another engine may say it otherwise."""
    folder = make(tmp_path / "w", [completed("a", "2026-10-06T07:00", "2026-10-06T15:00")])
    run(folder, "replay", "2026-10", "--issue")
    edit(folder, "rates/geo-base.yaml", "2024-01-01: 70.00", "2024-01-01: 71.00")
    commit(folder, "Another price")
    run(folder, "correct", "2026-10", "--issue")
    [manifest] = [each for each in (folder / "archive" / "runs" / "2026-10").iterdir() if "-C1" in each.read_text()]
    reseal(manifest, '"sequence":1', '"sequence":99')
    (folder / "activity" / "shifts.csv").write_text((folder / "activity" / "shifts.csv").read_text().replace("T15:00", "T16:00"))
    done = inforce("blame", "geo-base:NYC/RN@2024-01-01", "-w", folder, "--json")
    assert done.returncode == 3
    assert "not looked at: DRAFT-acme-2026-10-C1: the activity of sequence 99 is gone" in done.stderr
    assert [each["amount"] for each in json.loads(done.stdout)["lines"]] == ["525.00"]
