"""Check: the worked examples, the trial of durable-rules, ties between rules, and what a predicate means in the plainest way."""

from datetime import date
from pathlib import Path

import pytest

from engine.money import Decimals
from engine.problems import Problem, Source
from engine.ratebook import crosscheck
from engine.ratebook.book import ColumnType, Condition, Operator
from engine.ratebook.build import build
from engine.ratebook.crosscheck import check
from engine.ratebook.examples import run_examples
from engine.ratebook.files import read_workspace_files
from engine.ratebook.resolver import Slot, SlotError
from engine.ratebook.slots import Always, DatedFrom, DatedTo, compile_slot, holds
from engine.ratebook.ties import ties
from tests.sample_book import sample_files, sample_texts

ROOT = Path(__file__).parent.parent.parent
DAY = date(2026, 10, 1)
HERE = Source("rules/x.yaml", 1, 1)


def minimum(rules: str, mode: str = "overrides", examples: str = "") -> str:
    """A policy file for the question `minimum` with these rules."""
    lines = "\n".join(f"  - {line.strip()}" for line in rules.strip().splitlines())
    return (
        f"format: 1\nkind: policy\ndecides: minimum\nanswers: [applies, none]\nif-nothing-matches: applies\nif-several-match: {mode}\n"
        f"rules:\n{lines}\nexamples:\n{examples or '  - { name: Any, given: { status: no-show, charge_nurse: yes }, gives: applies }'}\n"
    )


# --- the whole --------------------------------------------------------------------------------------------------------


def test_the_sample_and_the_example_agency_have_no_findings() -> None:
    assert check(sample_files()) == []
    assert check(read_workspace_files(ROOT)) == []


def test_nothing_is_compiled_while_the_files_have_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crosscheck, "trial_compile", lambda slots: pytest.fail("compiled"))
    wrong = sample_texts()["rules/item.yaml"].replace("then: ORIENT", "then: NONE")

    assert [problem.code for problem in check(sample_files(**{"rules/item.yaml": wrong}))] == ["R052"]


def test_a_policy_that_durable_rules_cannot_compile_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(slots: list[Slot]) -> None:
        raise SlotError("minimum", "durable-rules cannot compile it: it did not finish in 20 seconds", "Split the policy")

    monkeypatch.setattr(crosscheck, "trial_compile", hang)
    [problem] = check(sample_files())

    assert (problem.code, problem.source.path) == ("R054", "rules/minimum.yaml")
    assert "did not finish in 20 seconds" in problem.message


def test_a_policy_with_more_predicates_than_a_signature_holds_is_refused() -> None:
    rules = "\n".join(f"{{ id: r{n}, when: {{ notice: {{ less-than: {n}h }} }}, then: applies }}" for n in range(1, 70))
    [problem] = check(sample_files(**{"rules/minimum.yaml": minimum(rules)}))

    assert (problem.code, problem.source.path) == ("R054", "rules/minimum.yaml")
    assert "69 predicates, at most 60" in problem.message


# --- examples ---------------------------------------------------------------------------------------------------------


def test_every_example_is_run_by_both_deciders() -> None:
    assert run_examples(build(sample_files())) == []


def example(given: str, gives: str, rules: str = "{ id: one, when: { mark_billable: no }, then: none }") -> list[Problem]:
    text = minimum(rules, examples=f"  - {{ name: It, given: {{ {given} }}, gives: {gives} }}")
    return run_examples(build(sample_files(**{"rules/minimum.yaml": text})))


def test_a_column_that_an_example_leaves_out_has_its_default() -> None:
    """As in a file of activity that leaves the cell empty: `mark_billable` is `no` then."""
    assert example("status: completed", "none") == []
    assert example("status: completed, mark_billable: yes", "applies") == []


def test_a_column_without_default_is_empty_and_meets_no_condition() -> None:
    assert example("account: acme", "applies", "{ id: one, when: { status: { not: completed } }, then: none }") == []
    assert example("status: cancelled", "none", "{ id: one, when: { status: { not: completed } }, then: none }") == []


def test_a_failing_example_shows_both_answers_and_the_rules() -> None:
    [problem] = example("mark_billable: no", "applies")

    assert problem.code == "R063"
    assert problem.message == "`It` gives none, not applies (by one)"


def test_an_example_may_read_what_was_answered_before() -> None:
    rules = "{ id: one, when: { answer-of: { billable: fixed } }, then: none }"

    assert example("answer-of: { billable: fixed }", "none", rules) == []
    assert example("answer-of: { billable: worked }", "applies", rules) == []


def test_a_premium_policy_gives_its_premiums_in_any_order() -> None:
    text = sample_texts()["rules/premiums-that-apply.yaml"].replace("gives: [night, weekend]", "gives: [weekend, night]")

    assert check(sample_files(**{"rules/premiums-that-apply.yaml": text})) == []


# --- ties -------------------------------------------------------------------------------------------------------------


def tied(rules: str, mode: str = "overrides") -> list[str]:
    """The pairs of rules that are told to meet and disagree."""
    policy = build(sample_files(**{"rules/minimum.yaml": minimum(rules, mode)})).policies["minimum"]
    return [problem.message.split(" can both")[0].removeprefix("rules ") for problem in ties(policy)]


def pair(one: str, two: str, more: str = "") -> list[str]:
    return tied(f"{{ id: a, when: {{ {one} }}, then: applies }}\n{{ id: b, when: {{ {two} }}, then: none }}\n{more}")


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("status: completed", "charge_nurse: yes"),
        ("status: [completed, cancelled]", "status: [cancelled, no-show]"),
        ("status: { not: completed }", "status: { not: cancelled }"),
        ("notice: { less-than: 4h }", "notice: { less-than: 2h }"),
        ("notice: { at-most: 4h }", "notice: { at-least: 4h }"),
        ("notice: 3h", "notice: { at-most: 4h }"),
        ("notice: { less-than: { term: cancel-notice } }", "notice: { at-least: { term: min-hours } }"),
        ("notice: { less-than: { term: cancel-notice } }", "notice: { more-than: 4h }"),
        ("touches: night", "touches: weekend"),
        ("touches: [night, holiday]", "touches: { not: night }"),
        ("term: { combine: add }", "term: { hours: wall }"),
    ],
)
def test_rules_that_can_meet_and_disagree_are_told(one: str, two: str) -> None:
    assert pair(one, two) == ["a (applies) and b (none)"]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("status: completed", "status: cancelled"),
        ("status: completed", "status: { not: [completed, no-show] }"),
        ("charge_nurse: yes", "charge_nurse: no"),
        ("charge_nurse: yes", "charge_nurse: { not: yes }"),
        ("notice: { less-than: 2h }", "notice: { at-least: 2h }"),
        ("notice: { at-most: 2h }", "notice: { more-than: 2h }"),
        ("notice: 5h", "notice: { at-most: 4h }"),
        ("notice: { less-than: { term: cancel-notice } }", "notice: { at-least: { term: cancel-notice } }"),
        ("touches: night", "touches: { not: night }"),
        ("touches: [night, weekend]", "touches: { not: [weekend, night] }"),
        ("term: { combine: add }", "term: { combine: largest }"),
        ("answer-of: { billable: worked }", "answer-of: { billable: [fixed, scheduled] }"),
    ],
)
def test_rules_that_never_meet_are_not_told(one: str, two: str) -> None:
    assert pair(one, two) == []


def test_rules_of_different_days_never_meet() -> None:
    before = "{ id: a, when: { status: completed }, then: applies, to: 2025-01-01 }"
    after = "{ id: b, when: { status: completed }, then: none, from: 2025-01-01 }"

    assert tied(f"{before}\n{after}") == []
    assert tied(f"{before}\n{after.replace('2025', '2024')}") == ["a (applies) and b (none)"]


def test_a_third_rule_settles_a_tie_where_it_always_holds() -> None:
    third = "{ id: c, when: { status: completed, charge_nurse: yes }, then: none, overrides: [a] }"

    assert pair("status: completed", "charge_nurse: yes", third) == []
    assert pair("status: completed", "charge_nurse: yes", third.replace("status: completed", "site: acme-east")) == [
        "a (applies) and b (none)"
    ]


def test_overriding_over_steps_is_no_tie() -> None:
    rules = """
        { id: a, then: applies }
        { id: b, when: { status: completed }, then: none, overrides: [a] }
        { id: c, when: { charge_nurse: yes }, then: none, overrides: [b] }
    """
    assert tied(rules) == []


def test_rules_that_must_agree_are_told_too() -> None:
    assert tied("{ id: a, when: { status: completed }, then: applies }\n{ id: b, then: none }", "must-agree") == [
        "a (applies) and b (none)"
    ]


# --- slots ------------------------------------------------------------------------------------------------------------


def test_a_policy_becomes_distinct_predicates() -> None:
    rules = """
        { id: always, then: applies }
        { id: two, when: { status: completed, charge_nurse: yes }, then: none, from: 2025-01-01, to: 2026-01-01, overrides: [always] }
        { id: three, when: { charge_nurse: yes }, then: none, overrides: [always] }
    """
    policy = build(sample_files(**{"rules/minimum.yaml": minimum(rules)})).policies["minimum"]
    compiled = compile_slot(policy)

    assert compiled.slot.atoms == (
        "always",
        "status is completed",
        "charge_nurse is yes",
        "dated on or after 2025-01-01",
        "dated before 2026-01-01",
    )
    assert compiled.atoms[0] == Always()
    assert compiled.atoms[3:] == (DatedFrom(date(2025, 1, 1)), DatedTo(date(2026, 1, 1)))
    assert [rule.atoms for rule in compiled.slot.rules] == [(0,), (1, 2, 3, 4), (2,)]


def condition(
    column: str, kind: ColumnType, operator: Operator, *values: str | int | bool | Decimals, term: str | None = None
) -> Condition:
    return Condition(column, kind, operator, values, term, "", HERE)


@pytest.mark.parametrize(
    ("atom", "facts", "expected"),
    [
        (Always(), {}, True),
        (DatedFrom(DAY), {}, True),
        (DatedTo(DAY), {}, False),
        (condition("status", "text", "is", "a", "b"), {"status": "b"}, True),
        (condition("status", "text", "is", "a"), {"status": "a b"}, False),  # a text is compared whole
        (condition("status", "text", "not", "a", "b"), {"status": "c"}, True),
        (condition("status", "text", "not", "a"), {}, False),  # an empty value meets no condition
        (condition("status", "text", "not", "a"), {"status": ""}, False),
        (condition("marked", "yes-no", "is", True), {"marked": "yes"}, True),
        (condition("marked", "yes-no", "is", True), {"marked": False}, False),
        (condition("notice", "duration", "less-than", 3600), {"notice": 3599}, True),
        (condition("notice", "duration", "less-than", 3600), {"notice": 3600}, False),
        (condition("notice", "duration", "at-most", 3600), {"notice": 3600}, True),
        (condition("notice", "duration", "at-least", 3600), {"notice": 3600}, True),
        (condition("notice", "duration", "more-than", 3600), {"notice": 3600}, False),
        (condition("notice", "duration", "less-than", 3600), {"notice": -60}, True),
        (condition("notice", "duration", "less-than", 3600), {}, False),
        (condition("notice", "duration", "less-than", term="agreed"), {"notice": 7199}, True),
        (condition("notice", "duration", "less-than", term="agreed"), {"notice": 7200}, False),
        (condition("term agreed", "duration", "is", 7200), {}, True),
        (condition("term other", "duration", "is", 7200), {}, False),
        (condition("count", "number", "is", Decimals(30, 1)), {"count": 3}, True),
        (condition("count", "number", "at-least", Decimals(3, 0)), {"count": Decimals(30, 1)}, True),
        (condition("in", "window", "is", "night", "weekend"), {"in": {"weekend"}}, True),
        (condition("in", "window", "is", "night"), {"in": ()}, False),
        (condition("in", "window", "not", "night"), {"in": ()}, True),  # in no window is not empty: it is outside all of them
        (condition("in", "window", "not", "night"), {"in": {"night", "weekend"}}, False),
        (condition("answer-of billable", "answer", "is", "fixed"), {"answer-of billable": "fixed 7200s"}, True),
        (condition("answer-of billable", "answer", "not", "fixed"), {"answer-of billable": "worked"}, True),
        (condition("answer-of premiums", "answer", "is", "night"), {"answer-of premiums": ("night", "weekend")}, True),
    ],
)
def test_a_predicate_on_one_case(
    atom: Condition | DatedFrom | DatedTo | Always, facts: dict[str, object], expected: bool
) -> None:
    assert holds(atom, facts, {"agreed": 7200}, DAY) is expected
