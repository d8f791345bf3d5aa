"""Mistakes in accumulators and what reads them: where each is found, and in which words."""

from __future__ import annotations

import pytest

from engine.problems import Problem
from engine.ratebook.build import build, problems_in
from engine.steps.rate import RatingError
from tests.accumulators.books import APPLY, COUNTS, OVERTIME, WEEK, House, billed, shift, texts

GUARANTEE = """
    format: 1
    kind: accumulators
    accumulators:
      - accumulator: week
        measure: time
        key: [worker]
        window: { each: week, starts: sunday 00:00 }
        scope: site
        line: { fills-to: 36h, description: "{name}, guaranteed" }
"""
CEILING = """
    format: 1
    kind: accumulators
    accumulators:
      - accumulator: week
        measure: amount
        key: [account]
        window: { since: { term: contract-start } }
        scope: account
        line: { ceiling: 1000.00, item: ORIENT, description: "Beyond {limit}" }
"""
CONTRACT = {"contract-start": ("{ type: day }", "2026-09-01")}
NOTHING = "\n    format: 1\n    kind: policy\n    decides: premiums\n    answers: [overtime]\n    if-nothing-matches: none\n    if-several-match: collect\n    rules: []\n    examples: [{ name: None, given: { status: completed }, gives: none }]\n"


def found(
    accumulators: str = WEEK, counts: str = COUNTS, apply: str = APPLY, declared: dict[str, tuple[str, str]] | None = None
) -> list[Problem]:
    files = texts([House("mercy", "66.00")], accumulators, counts, apply, (OVERTIME,), declared, "", None)
    return problems_in({path: text.encode() for path, text in files.items()})[1]


@pytest.mark.parametrize(
    ("base", "old", "new", "code", "words"),
    [
        (WEEK, "over: 40h", "over: forty", "R004|R006|R007", "forty"),
        (WEEK, "{ term: overtime-scope }", "hospital", "R006", "there is no scope `hospital`"),
        (WEEK, "{ term: late }", "ignore", "R006", "there is no late `ignore`"),
        (WEEK, "{ term: week-start }", "{ term: late }", "R037", "`late` is a choice, a week-clock is needed"),
        (WEEK, "{ term: week-start }", "someday 07:00", "R007", "not a moment of a week"),
        (WEEK, "{ term: week-start }", "{ term: weeks-start }", "R023", "Did you mean 'week-start'?"),
        (WEEK, "key: [worker]", "key: [item]", "R058", "begins with `worker`"),
        (WEEK, "key: [worker]", "key: [nurse]", "R006", "nurse"),
        (WEEK, "each: week, starts: { term: week-start }", "each: weeks", "R058", "need `count`"),
        (WEEK, "each: week,", "each: week, count: 2,", "R058", "`count` has no meaning beside this `each`"),
        (WEEK, "each: week, starts: { term: week-start }", "since: { term: late }", "R037", "a day is needed"),
        (WEEK, "bands: [{ band: week-40, over: 40h }]", "bands: [{ band: week-40, over: 40h }, { band: week-40, over: 50h }]", "R022", "band week-40 stands twice"),
        (WEEK, "        bands: [{ band: week-40, over: 40h }]\n", "", "R058", "either bands or a line"),
        (WEEK, "measure: time", "measure: days", "R007", "`40h` is not a number of days"),
        (GUARANTEE, "measure: time", "measure: days", "R058", "hours are guaranteed, so time is measured"),
        (GUARANTEE, "fills-to: 36h", "fills-to: 36h, item: RN", "R058", "the item is that of the first row"),
        (GUARANTEE, "{name}, guaranteed", "{nurse}, guaranteed", "R042", "`nurse` is not a placeholder"),
        (GUARANTEE, "fills-to: 36h", "fills-to: 36h, ceiling: 5.00", "R058", "either `fills-to` or `ceiling`"),
        (CEILING, "item: ORIENT, ", "", "R058", "needs an `item`"),
        (CEILING, "item: ORIENT", "item: ORIENTS", "R023", "Did you mean 'ORIENT'?"),
        (CEILING, "measure: amount", "measure: time", "R058|R007", ""),
        (CEILING, "since: { term: contract-start }", "each: week", "R058", "a ceiling holds since a day"),
    ],
)  # fmt: skip
def test_a_mistake_in_an_accumulator_is_found(base: str, old: str, new: str, code: str, words: str) -> None:
    assert old in base, "the book has changed"
    apply = APPLY if base is WEEK else NOTHING
    assert not found(base, apply=apply, declared=CONTRACT)

    problems = found(
        base.replace(old, new), apply=apply if base is not WEEK or "bands" not in old or new else NOTHING, declared=CONTRACT
    )

    mine = [each for each in problems if each.source.path == "rules/accumulators.yaml"]
    assert mine, problems
    assert any(each.code in code.split("|") and words in f"{each.message}. {each.remedy}" for each in mine), mine
    assert all(each.source.line > 3 and each.remedy for each in mine)


@pytest.mark.parametrize(
    ("counts", "apply", "path", "code", "words"),
    [
        (COUNTS.replace("answers: [week]", "answers: [month]").replace("then: week", "then: month").replace("gives: week", "gives: month"), APPLY, "counts", "R023", "month"),
        (COUNTS.replace("status: completed }, then", "over: week-40 }, then"), APPLY, "counts", "R057", "week -> week"),
        (COUNTS.replace("collect", "overrides"), APPLY, "counts", "R051", "`counts` collects answers"),
        (COUNTS, APPLY.replace("when: { over: week-40 }", "when: { over: week-44 }"), "premiums", "R023", "Did you mean 'week-40'?"),
    ],
)  # fmt: skip
def test_a_mistake_in_what_reads_an_accumulator_is_found(counts: str, apply: str, path: str, code: str, words: str) -> None:
    mine = [each for each in found(WEEK, counts, apply) if path in each.source.path]

    assert [each.code for each in mine][:1] == [code], mine
    assert words in f"{mine[0].message}. {mine[0].remedy}"


def test_a_policy_of_whole_rows_cannot_read_a_band() -> None:
    minimum = "format: 1\nkind: policy\ndecides: minimum\nanswers: [applies, none]\nif-nothing-matches: applies\nif-several-match: overrides\nrules:\n  - { id: x, when: { over: week-40 }, then: none }\nexamples:\n  - { name: A, given: { status: completed }, gives: applies }\n"
    files = texts([House("mercy", "66.00")], WEEK, COUNTS, APPLY, (OVERTIME,), None, "", {"rules/minimum.yaml": minimum})
    (problem,) = problems_in({path: text.encode() for path, text in files.items()})[1]

    assert problem.code == "R053"
    assert "`minimum` is decided once for a whole row, and `over` differs from piece to piece" in problem.message


def test_accumulators_need_the_day_from_which_activity_is_complete() -> None:
    files = texts([House("mercy", "66.00")], WEEK, COUNTS, APPLY, (OVERTIME,), None, "", None)
    files["rules/calendar.yaml"] = files["rules/calendar.yaml"].replace("activity-from: 2024-01-01\n", "")
    (problem,) = problems_in({path: text.encode() for path, text in files.items()})[1]

    assert (problem.code, problem.source.path) == ("R059", "rules/calendar.yaml")


def test_a_week_that_began_before_activity_is_complete_is_refused_with_the_day() -> None:
    files = texts([House("mercy", "66.00")], WEEK, COUNTS, APPLY, (OVERTIME,), None, "", None)
    files["rules/calendar.yaml"] = files["rules/calendar.yaml"].replace("activity-from: 2024-01-01", "activity-from: 2024-02-01")
    rules = build({path: text.encode() for path, text in files.items()})

    with pytest.raises(
        RatingError,
        match=r"(?s)shift a at mercy on 2024-02-02.*'week' that begins on 2024-01-28.*complete from 2024-02-01.*Give the activity from 2024-01-28",
    ):
        billed(rules, [shift("a", "mercy", "2024-02-02T07:00", "2024-02-02T19:00")], "2024-02")
    assert billed(rules, [shift("a", "mercy", "2024-02-05T07:00", "2024-02-05T19:00")], "2024-02").billed == 1
