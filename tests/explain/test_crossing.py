"""A line under two knowledges: why then, why now, what changed between, and what corrected it."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.archived import find_document
from engine.store.archive import FolderArchive
from tests.explain.checker import check
from tests.explain.histories import commit, edit, explain, git, make, rewrite, run
from tests.workspaces import completed, reseal

LINE = "DRAFT-acme-2026-10#1"
ROWS = [
    completed("a", "2026-10-06T07:00", "2026-10-06T15:00"),
    completed("b", "2026-10-07T07:00", "2026-10-07T15:00"),
    completed("c", "2026-10-08T07:00", "2026-10-08T15:00", site="beta-clinic"),
]


@pytest.fixture(scope="module")
def crossed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    October is issued at 70.00 (2 x 7.50 h = 1,050.00). A branch, approved by M. Lee and merged with P. Nair's approval, makes it 71.00;
    R. Chen changes Los Angeles without approval; shift b is revised to end two hours later. Then October is corrected.
    """
    folder = make(tmp_path_factory.mktemp("crossed"), ROWS)
    run(folder, "replay", "2026-10", "--issue")
    git(folder, "checkout", "-q", "-b", "review")
    edit(folder, "rates/geo-base.yaml", "2024-01-01: 70.00", "2024-01-01: 71.00")
    commit(folder, "Review of New York", "Approved-by: M. Lee")
    git(folder, "checkout", "-q", "main")
    edit(folder, "rates/geo-base.yaml", "2024-01-01: 66.00", "2024-01-01: 67.00")
    commit(folder, "Los Angeles", author="R. Chen")
    git(folder, "merge", "-q", "--no-ff", "review", "-m", "Merge pull request 58", "-m", "Approved-by: P. Nair")
    rewrite(folder, [*ROWS, completed("b", "2026-10-07T07:00", "2026-10-07T17:00", revision="2", reason="the ward asked for it")])
    run(folder, "correct", "2026-10", "--issue", now="2026-11-20T09:00:00Z")
    return folder


def test_what_changed_between_is_told_with_commit_and_approval(crossed: Path) -> None:
    told = explain(crossed, LINE, "--known-at", "now")
    across = told["across"]
    assert (told["amount"], across["amount"], across["difference"]) == ("1050.00", "1207.00", "157.00")  # 17.00 h x 71.00
    assert told["prices"][0]["base"]["value"] == "70.00"
    assert [line["prices"][0]["base"]["value"] for line in across["lines"]] == ["71.00"]
    check(told)
    check(across["lines"][0])
    [change] = across["changes"]  # Los Angeles does not reach the line
    assert change["id"] == "geo-base:NYC/RN"
    assert [(each["before"], each["after"]) for each in change["stretches"]] == [("70.00", "71.00")]
    assert change["origin"]["subject"] == "Review of New York"
    assert change["origin"]["approved_by"] == ["M. Lee", "P. Nair"]
    assert [each["subject"] for each in change["origin"]["merged_in"]] == ["Merge pull request 58"]
    [row] = across["activity"]
    assert (row["id"], row["what"], row["reason"]) == ("b", "changed", "the ward asked for it")


def test_what_corrected_the_line_is_named_and_the_books_agree(crossed: Path) -> None:
    across = explain(crossed, LINE, "--known-at", "now")["across"]
    assert [(each["origin"], each["amount"]) for each in across["corrected_by"]] == [
        ("reversal", "-1050.00"),
        ("rebill", "1207.00"),
    ]
    assert (across["corrected"], across["agrees"]) == ("157.00", True)
    text = run(crossed, "explain", LINE, "--known-at", "now")
    for words in (
        "difference +157.00",
        "70.00 -> 71.00",
        "approval: M. Lee, P. Nair",
        "corrected by DRAFT-acme-2026-10-C1#",
        "the books agree",
    ):
        assert words in text


def test_a_change_without_approval_is_said_to_have_none(crossed: Path) -> None:
    [change] = explain(crossed, "DRAFT-beta-2026-10#1", "--known-at", "now")["across"]["changes"]
    assert change["origin"]["author"] == "R. Chen"
    assert change["origin"]["approved_by"] == []
    assert (
        "approval: not recorded"
        in run(crossed, "explain", "DRAFT-beta-2026-10#1", "--known-at", "now").split("changed between")[1]
    )


def test_one_clock_can_be_moved_alone(crossed: Path) -> None:
    """7.50 h and 9.50 h at 70.00; 15.00 h at 71.00; the book of 20 October for all days (72.55)."""
    head = git(crossed, "rev-parse", "HEAD")
    opening = git(crossed, "rev-list", "--max-parents=0", "HEAD")
    activity = explain(crossed, LINE, "--rules-at", opening)["across"]
    assert (activity["amount"], activity["changes"], len(activity["activity"])) == ("1190.00", [], 1)
    rules = explain(crossed, LINE, "--rules-at", head, "--activity-at", "1")["across"]
    assert (rules["amount"], len(rules["changes"]), rules["activity"]) == ("1065.00", 1, [])
    day = explain(crossed, LINE, "--rules-at", opening, "--activity-at", "1", "--at", "2026-10-20")["across"]
    assert (day["amount"], day["at"]) == ("1088.25", "2026-10-20")
    then = explain(crossed, LINE, "--known-at", "2026-11-06")["across"]
    assert (then["difference"], then["changes"], then["activity"]) == ("0.00", [], [])


def test_lines_of_a_correction_explain_themselves(crossed: Path) -> None:
    """The reversal is the line it takes back; what is billed anew is explained with the knowledge of the correction."""
    reversal, rebill = (explain(crossed, f"DRAFT-acme-2026-10-C1#{line}") for line in (1, 2))
    assert (reversal["document"], reversal["line"], reversal["amount"]) == ("DRAFT-acme-2026-10", 1, "1050.00")
    assert reversal["reversed_by"]["document"] == "DRAFT-acme-2026-10-C1"
    assert (rebill["document"], rebill["origin"], rebill["corrects"]) == (
        "DRAFT-acme-2026-10-C1", "rebill", {"invoice": "DRAFT-acme-2026-10", "line": 1},
    )  # fmt: skip
    assert check(rebill) * 100 == 120700
    assert rebill["body_sha256"] == find_document(FolderArchive(crossed / "archive"), "DRAFT-acme-2026-10-C1").body


def test_lines_of_one_text_and_two_prices_are_told_together(tmp_path: Path) -> None:
    """A month with two prices has two lines of one key: what stays equal is left out, what moves is summed on both sides."""
    folder = make(tmp_path, [ROWS[0], completed("d", "2026-10-20T07:00", "2026-10-20T15:00")])
    run(folder, "replay", "2026-10", "--issue")
    edit(folder, "rates/geo-base.yaml", "2024-01-01: 70.00", "2024-01-01: 71.00")
    commit(folder, "Review of New York")
    run(folder, "correct", "2026-10", "--issue")
    one, other = (explain(folder, f"DRAFT-acme-2026-10#{line}", "--known-at", "now")["across"] for line in (1, 2))
    assert (one["difference"], one["together"], one["corrected"], one["agrees"]) == ("7.50", [], "7.50", True)
    assert (other["difference"], other["corrected_by"], other["agrees"]) == ("0.00", [], True)

    edit(folder, "rates/geo-base.yaml", "2024-01-01: 71.00, 2026-10-15: 72.55", "2024-01-01: 71.00, 2026-10-15: 73.55")
    commit(folder, "Review of New York, again")
    run(folder, "correct", "2026-10", "--issue", now="2026-11-21T09:00:00Z")
    across = explain(folder, "DRAFT-acme-2026-10#1", "--known-at", "now")["across"]
    assert [each["line"] for each in across["together"]] == [2]
    assert (across["difference"], across["corrected"], across["agrees"]) == ("15.00", "15.00", True)


def test_a_line_of_a_correction_is_told_with_what_stood_beside_it(tmp_path: Path) -> None:
    """C1 bills the first price anew, beside the second of the invoice; then one price becomes of both, and C2 takes back both lines."""
    folder = make(tmp_path, [ROWS[0], completed("d", "2026-10-20T07:00", "2026-10-20T15:00")])
    run(folder, "replay", "2026-10", "--issue")
    edit(folder, "rates/geo-base.yaml", "2024-01-01: 70.00", "2024-01-01: 71.00")
    commit(folder, "Review of New York")
    run(folder, "correct", "2026-10", "--issue")
    edit(folder, "rates/geo-base.yaml", "2024-01-01: 71.00, 2026-10-15: 72.55", "2024-01-01: 75.00")
    commit(folder, "One price")
    run(folder, "correct", "2026-10", "--issue", now="2026-11-21T09:00:00Z")

    across = explain(folder, "DRAFT-acme-2026-10-C1#2", "--known-at", "now")["across"]

    assert [(each["document"], each["line"]) for each in across["together"]] == [("DRAFT-acme-2026-10", 2)]
    assert (across["amount"], across["agrees"]) == ("1125.00", True)
    assert across["difference"] == across["corrected"]
    same = explain(folder, "DRAFT-acme-2026-10-C2#3", "--known-at", "now")["across"]
    assert (same["difference"], same["together"], same["agrees"]) == ("0.00", [], True)


def test_a_line_that_would_not_be_made_shows_where_its_rows_are(tmp_path: Path) -> None:
    """Another name for nurses is another line; nothing has corrected it yet."""
    folder = make(tmp_path / "w", ROWS)
    run(folder, "replay", "2026-10", "--issue")
    edit(folder, "rules/items.yaml", "name: Registered nurse", "name: Nurse")
    across = explain(folder, LINE, "--known-at", "now")["across"]
    assert (across["lines"], across["amount"], across["difference"]) == ([], "0.00", "-1050.00")
    assert [(each["description"], each["amount"]) for each in across["rows_now_on"]] == [("Nurse", "1050.00")]
    assert (across["corrected_by"], across["agrees"]) == ([], False)
    text = run(folder, "explain", LINE, "--known-at", "now")
    assert "the line is not made" in text
    assert "not corrected by any issued document" in text


def test_an_account_that_the_other_knowledge_lacks_has_no_lines_there(tmp_path: Path) -> None:
    folder = make(tmp_path / "w", ROWS)
    run(folder, "replay", "2026-10", "--issue")
    (folder / "rates" / "accounts" / "acme.yaml").unlink()
    rewrite(folder, ROWS[2:])
    assert explain(folder, LINE, "--known-at", "now")["across"]["lines"] == []


def test_on_a_day_only_what_bears_on_the_line_is_otherwise(crossed: Path) -> None:
    """The line is of 70.00, before 15 October: on the 20th 72.55 is in force instead, on the 1st nothing else."""
    head = git(crossed, "rev-parse", "HEAD")
    there = ("--rules-at", head, "--activity-at", "1")
    across = explain(crossed, LINE, *there, "--at", "2026-10-20")["across"]
    assert across["lines"][0]["prices"][0]["base"]["rate"] == "geo-base:NYC/RN"  # of no day: it holds on all of them
    [change] = across["changes"]
    assert (change["id"], [(each["start"], each["before"], each["after"]) for each in change["stretches"]]) == (
        "geo-base:NYC/RN", [("2024-01-01", "70.00", "72.55")],
    )  # fmt: skip
    text = run(crossed, "explain", LINE, *there, "--at", "2026-10-20")
    assert "what is otherwise:\n    price geo-base:NYC/RN " in text
    assert "in force on 2026-10-20: 72.55 instead of 70.00\n" in text
    assert "1970" not in text
    opening = git(crossed, "rev-list", "--max-parents=0", "HEAD")
    same = ("--rules-at", opening, "--activity-at", "1", "--at", "2026-10-01")
    assert explain(crossed, LINE, *same)["across"]["changes"] == []
    assert "nothing that bears on this line is otherwise on 2026-10-01" in run(crossed, "explain", LINE, *same)


def test_a_correction_that_is_not_made_again_is_not_explained(tmp_path: Path) -> None:
    """The rebill is of another book than the manifest says, so nothing that is told of it could be relied on."""
    folder = make(tmp_path / "w", ROWS)
    run(folder, "replay", "2026-10", "--issue")
    edit(folder, "rates/geo-base.yaml", "2024-01-01: 70.00", "2024-01-01: 71.00")
    commit(folder, "Review of New York")
    run(folder, "correct", "2026-10", "--issue")
    run(folder, "explain", "DRAFT-acme-2026-10-C1#2")
    for manifest in (folder / "archive" / "runs" / "2026-10").iterdir():
        if "-C1" in manifest.read_text():
            reseal(manifest, git(folder, "rev-parse", "HEAD"), git(folder, "rev-list", "--max-parents=0", "HEAD"))
    said = run(folder, "explain", "DRAFT-acme-2026-10-C1#2", code=1)
    assert "made again from commit" in said
    assert "the document is not made" in said
