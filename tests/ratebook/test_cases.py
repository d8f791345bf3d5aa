"""Cases of rules: what no rule covers is told by an example that a run would refuse, and never where there is none."""

from __future__ import annotations

import random
import re
from itertools import product

import pytest

from engine.ratebook.approvals_due import entries_of, lack
from engine.ratebook.book import RuleBook
from engine.ratebook.build import build
from engine.ratebook.cases import rule_findings
from engine.ratebook.crosscheck import check
from tests.sample_book import sample_texts

MINIMUM = "rules/minimum.yaml"
HEAD = """\
format: 1
kind: policy
decides: minimum
answers: [applies, none]
if-nothing-matches: {otherwise}
if-several-match: overrides
rules:
{rules}
examples:
  - {{ name: one, given: {{ status: completed }}, gives: applies, on: 2024-01-01 }}
"""
STATUS = ("completed", "cancelled", "no-show", "orientation")


def book(rules: str, otherwise: str = "error") -> RuleBook:
    texts = {**sample_texts(), MINIMUM: HEAD.format(rules=rules, otherwise=otherwise)}
    return build({path: text.encode() for path, text in texts.items()})


def said(rules: str, otherwise: str = "error") -> list[tuple[str, str]]:
    return [(each.code, each.message) for each in rule_findings(book(rules, otherwise)) if each.source.path == MINIMUM]


def rule(number: int, when: dict[str, str], then: str, overrides: list[int]) -> str:
    more = f", overrides: [{', '.join(f'r{each}' for each in overrides)}]" if overrides else ""
    return f"  - {{ id: r{number}, when: {{ {', '.join(f'{column}: {value}' for column, value in when.items())} }}, then: {then}{more} }}"


@pytest.mark.parametrize("seed", range(60))
def test_findings_agree_with_all_cases_tried_one_by_one(seed: int) -> None:
    """Rules over status (4 values), charge_nurse and mark_billable: 16 cases, each decided here by hand."""
    chance = random.Random(seed)
    rules: list[tuple[dict[str, str], str, list[int]]] = []
    for number in range(chance.randint(1, 5)):
        when = {"status": f"[{', '.join(chance.sample(STATUS, chance.randint(1, 3)))}]"} if chance.random() < 0.8 else {}
        when |= {column: chance.choice(["yes", "no"]) for column in ("charge_nurse", "mark_billable") if chance.random() < 0.4}
        rules.append((when or {"mark_billable": "yes"}, "applies", [each for each in range(number) if chance.random() < 0.5]))
    cases = [
        dict(zip(("status", "charge_nurse", "mark_billable"), case, strict=True))
        for case in product(STATUS, ("yes", "no"), ("yes", "no"))
    ]
    applying = [
        [all(case[column] in value.strip("[]").split(", ") for column, value in when.items()) for case in cases]
        for when, _, _ in rules
    ]
    beats = [set(overrides).union(*(set(rules[each][2]) for each in overrides)) for _, _, overrides in rules]
    for _ in rules:  # over any number of steps
        beats = [mine.union(*(beats[each] for each in mine)) for mine in beats]
    masked = [
        number
        for number, where in enumerate(applying)
        if all(
            any(other[at] and number in beats[who] for who, other in enumerate(applying)) for at, here in enumerate(where) if here
        )
    ]
    uncovered = [case for at, case in enumerate(cases) if not any(where[at] for where in applying)]

    found = said("\n".join(rule(number, *each) for number, each in enumerate(rules)))

    assert [message.split()[1] for code, message in found if code == "R083"] == [f"r{number}" for number in masked]
    told = [message for code, message in found if code == "R084"]
    assert len(told) == bool(uncovered)
    for message in told:
        given = dict(re.findall(r"([a-z_]+): ([a-z-]+)", message.split("{")[1].split("}")[0]))
        assert any(given.items() <= case.items() for case in uncovered)
        assert not any(given.items() <= case.items() for case in cases if case not in uncovered)


@pytest.mark.parametrize(
    ("rules", "given"),
    [
        ("  - { id: a, when: { notice: { at-least: 24h } }, then: none }\n  - { id: b, when: { notice: { less-than: 23h } }, then: none }", "given: { notice: 23h }"),
        ("  - { id: a, when: { notice: { less-than: { term: cancel-notice } } }, then: none }", "given: { notice: 24h, term: { cancel-notice: 24h } }"),
        ("  - { id: a, when: { item: { not: [RN, ICU] } }, then: none }", "given: { item: RN }"),
        ("  - { id: a, when: { touches: [night, weekend] }, then: none }", "covers given: {}"),
        ("  - { id: a, when: { answer-of: { billable: [worked, none, fixed] } }, then: none }", "given: { answer-of: { billable: scheduled } }"),
        ("  - { id: a, then: none, from: 2025-03-01 }", "given: {}, on: 2024-01-01"),
        ("  - { id: a, then: none, to: 2025-03-01 }", "given: {}, on: 2025-03-01"),
    ],
)  # fmt: skip
def test_a_case_between_the_bounds_of_rules(rules: str, given: str) -> None:
    [(code, message)] = said(rules)

    assert code == "R084"
    assert given in message


def test_a_policy_with_an_answer_for_the_rest_has_no_open_case() -> None:
    assert said("  - { id: a, when: { status: completed }, then: none }", "applies") == []


def test_more_windows_than_can_be_tried_are_compared_in_pairs() -> None:
    windows = "".join(f"  - {{ window: w{n}, each: day, from: {n:02d}:00, to: {n + 1:02d}:00 }}\n" for n in range(12))
    rules = "".join(f"  - {{ id: at-{n}, when: {{ touches: w{n} }}, then: none }}\n" for n in range(12))
    rules += "  - { id: all-over, when: { status: completed, touches: w3 }, then: applies, overrides: [at-3] }\n"
    rules += "  - { id: again, when: { touches: w3 }, then: applies, overrides: [all-over, at-3] }\n"
    rules += "  - { id: never, when: { touches: { is: w5, not: w5 } }, then: none }"
    texts = sample_texts()
    texts["rules/segments.yaml"] += windows
    texts[MINIMUM] = HEAD.format(rules=rules, otherwise="applies")

    found = [(each.code, each.message.split(":")[0]) for each in check({path: text.encode() for path, text in texts.items()})]

    assert ("R083", "rule all-over never decides") in found
    assert ("R083", "rule at-3 never decides") in found
    assert ("R082", "rule never can never apply") in found
    assert len([code for code, _ in found if code == "R083"]) == 2


def test_entries_without_reason_or_approver_are_listed_when_they_are_asked_for() -> None:
    book = build({path: text.encode() for path, text in sample_texts().items()})
    found = [lacking.message for entry in entries_of(book) if (lacking := lack(entry)) is not None]

    assert "the price geo-base:NYC/RN has no reason and no approver" in found
    assert "rule completed of `billable` has no reason and no approver" in found
    assert "the terms of account beta from 2024-01-01 has no reason and no approver" in found
    assert sum("geo-base:LA/ICU" in message for message in found) == 1  # of two prices, one says both
