"""The cases of a policy: those that are looked for among related rules are all there are."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.ratebook import policy_changes
from engine.ratebook.build import build
from engine.ratebook.changes import Change
from engine.ratebook.difference import difference
from tests.difference.edits import edited
from tests.difference.mutants import books, renewed
from tests.properties.strategies import Case, cases

PREMIUMS = "rules/premiums-that-apply.yaml"
SEEN: Counter[str] = Counter()


@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(cases(), st.integers(0, 10**9))
def _agree(case: Case, seed: int) -> None:
    before = build(case.files)
    after = edited(case.files, Random(seed), 2, only=PREMIUMS)
    if after is None or after.meaning == before.meaning:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(policy_changes, "_CASES_MAX", 10**6)
        related = difference(before, after).changes
        patch.setattr(policy_changes._Comparison, "_related", _every_rule)
        whole = difference(before, after).changes
    if not any("too many" in note for each in whole for note in each.notes):
        SEEN["compared"] += 1
        assert _with_cases(related) == _with_cases(whole)


def _with_cases(changes: tuple[Change, ...]) -> dict[str, bool]:
    """Which changes have a case."""
    return {each.id: bool(each.cases) for each in changes}


def _every_rule(comparison: policy_changes._Comparison) -> frozenset[str]:
    both = (comparison.before.policies[comparison.slot], comparison.after.policies[comparison.slot])
    return frozenset(rule.id for policy in both for rule in policy.rules)


@pytest.mark.slow
def test_related_rules_find_a_case_where_all_rules_find_one() -> None:
    SEEN.clear()
    _agree()
    assert SEEN["compared"] > 10


def test_each_rule_of_a_large_policy_has_a_case() -> None:
    """The agency's premiums have a million and a half combinations; each of their rules depends on few of the others."""
    before = books()["agency"]
    policy = before.policies["premiums"]
    without: list[str] = []
    for place, rule in enumerate(policy.rules):
        answer = next(each.answer for each in policy.rules if each.answer != rule.answer)
        rules = (*policy.rules[:place], replace(rule, answer=answer), *policy.rules[place + 1 :])
        after = renewed(replace(before, policies={**before.policies, "premiums": replace(policy, rules=rules)}))
        [change] = difference(before, after).changes
        without += [] if change.cases else [rule.id]

    assert without == []
