"""Policies to values: rules with their conditions and days, answers in canonical text, worked examples."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from engine.problems import Source
from engine.ratebook import resolver
from engine.ratebook.basis import basis_text
from engine.ratebook.book import Basis, Condition, Example, Policy, Rule
from engine.ratebook.build_formulas import NOTHING
from engine.ratebook.conditions import (
    COLLECTING,
    SLOTS,
    Names,
    answers_of,
    column_type,
    columns_of,
    read_conditions,
    read_value,
    refuse_column,
)  # fmt: skip
from engine.ratebook.forms import Findings, Node, duration
from engine.ratebook.resolver import SlotError
from engine.ratebook.slots import compile_slot

_OF_MEASURED = ("billable", "item")
_LIST_COLUMNS = ("in", "over", "starts-in", "touches", "answer-of premiums")  # hold several values at once


def build_policies(forms: Sequence[Node], names: Names, found: Findings) -> dict[str, Policy]:
    """Policies by the question they decide, in the order in which they are asked."""
    policies: dict[str, Policy] = {}
    for form in forms:
        before = len(found.problems)
        policy = _Reader(form, _asked_of(form, names, found), found).policy()
        if policy.slot in policies:
            first = policies[policy.slot].source
            found.twice(form["decides"], f"the question {policy.slot}", first, "Put the rules together into one file")
        policies[policy.slot] = policy
        if len(found.problems) == before:
            _refuse_disorder(policy, form, found)
    if "billable" not in policies and any(kind.rated_by == "time" for kind in names.kinds.values()):
        found.missing(
            "policy", Source("rules"), "no policy decides `billable`", "Add a file of kind policy with `decides: billable`"
        )
    kept = [name for name in SLOTS if name in policies]
    return {name: policies[name] for name in (*kept, *sorted(policies.keys() - set(SLOTS)))}


def _asked_of(form: Node, names: Names, found: Findings) -> Names:
    """The names with the kinds of activity that a policy is asked of."""
    if "activity" not in form:
        by_time = {name: kind for name, kind in names.kinds.items() if kind.rated_by == "time"}
        return replace(names, kinds=by_time)
    kind = names.kinds.get(form["activity"].text)
    if kind is None:
        found.unknown(form["activity"], "kind of activity", names.kinds, kind="activity")
        return names
    if kind.rated_by == "time":
        found.add(
            "R051", form["activity"], f"`{kind.kind}` is rated by time", "Remove `activity`: policies without it are asked of it"
        )
    if form["decides"].text not in _OF_MEASURED:
        known = " and ".join(f"`{each}`" for each in _OF_MEASURED)
        found.add("R051", form["decides"], f"of `{kind.kind}` only {known} are decided", "Remove the policy")
    return replace(names, kinds={kind.kind: kind}, lengths_known=False, decided=frozenset())


def _refuse_disorder(policy: Policy, form: Node, found: Findings) -> None:
    """The rules must have an order, in which the overridden come before the overriding."""
    try:
        resolver.rank(compile_slot(policy).slot)
    except SlotError as error:
        what, _, remedy = str(error).partition("\n")
        named = [node for node in form.list("rules") if re.search(rf"(?<![\w-]){re.escape(node['id'].text)}(?![\w-])", what)]
        at = (named[0].get("overrides") or named[0]) if named else form["rules"]
        found.add("R050", at, what.rstrip("."), remedy.rstrip("."))


class _Reader:
    """Reads one policy file."""

    def __init__(self, form: Node, names: Names, found: Findings) -> None:
        self.form, self.names, self.found = form, names, found
        self.decides = form["decides"].text
        self.collects = self.decides in COLLECTING
        self.answers = tuple(node.text for node in form.list("answers"))

    def policy(self) -> Policy:
        """The policy."""
        self._check_answers()
        otherwise = self._otherwise()
        rules: dict[str, Rule] = {}
        for node in self.form.list("rules"):
            rule = self._rule(node)
            if rule.id in rules:
                self.found.twice(node["id"], f"rule {rule.id}", rules[rule.id].source)
            rules[rule.id] = rule
        for other in (other for node in self.form.list("rules") for other in node.list("overrides")):
            if other.text not in rules:
                self.found.unknown(other, "rule of this policy", rules)
        examples = tuple(self._example(node) for node in self.form.list("examples"))
        mode = self.form["if-several-match"].word
        activity = self.form.says("activity")
        return Policy(self.decides, self.answers, mode, otherwise, tuple(rules.values()), examples, self.form.source, activity)

    def _check_answers(self) -> None:
        known = answers_of(self.decides, self.names)
        kind = {"premiums": "premiums", "item": "items", "counts": "accumulators"}.get(self.decides, "")
        for node in self.form.list("answers"):
            if node.text not in known:
                self.found.unknown(node, f"answer of `{self.decides}`", known, kind=kind)
        several, collects = self.form["if-several-match"], self.collects
        if (several.text == "collect") != collects:
            said = f"`{self.decides}` {'collects answers' if collects else 'has one answer'}"
            self.found.add("R051", several, said, f"Write `{'collect' if collects else 'overrides'}`")

    def _otherwise(self) -> str | None:
        """The answer where nothing matches; None refuses, and collects nothing."""
        nothing = self.form["if-nothing-matches"]
        if self.collects:
            if nothing.text != NOTHING:
                said = f"the answers of `{self.decides}` are collected; where no rule applies, none is"
                self.found.add("R051", nothing, said, "Write `none`")
            return None
        return None if nothing.text == "error" else self._answer(nothing)

    def _rule(self, node: Node) -> Rule:
        start, end = node.day_or_none("from"), node.day_or_none("to")
        if start is not None and end is not None and end <= start:
            said = f"the rule ends on {end}, before it holds for a day (from {start})"
            self.found.add("R040", node["to"], said, "`to` is the first day on which it no longer holds")
        when: Sequence[Condition] = ()
        if "when" in node:
            when = read_conditions(node["when"], self.decides, self.names, self.found)
        answer = self._answer(node["then"])
        overrides = tuple(each.text for each in node.list("overrides"))
        return Rule(
            node["id"].text, tuple(when), answer, start, end, overrides, node.source, node.provenance(self.form.provenance())
        )

    # --- answers

    def _answer(self, node: Node) -> str:
        """The canonical text of an answer."""
        word = next((key for key, _ in node.items()), node.text)
        if word not in self.answers:
            remedy = f"They are {', '.join(self.answers)}"
            self.found.add("R052", node, f"`{word}` is not among the answers of this policy", remedy)
            return word
        if "activity" in self.form and word in ("scheduled", "fixed"):
            self.found.add("R052", node, f"`{word}` is an answer about time", "Answer `worked` (it is billed) or `none`")
            return word
        if self.decides == "minimum" and word == "at-least":
            return self._at_least(node)
        if self.decides != "billable":
            if node.is_map:
                self.found.add("R052", node, f"an answer of `{self.decides}` is a word", f"Write {word}")
            return word
        if node.is_map:
            return basis_text(self._fixed(node["fixed"]) if word == "fixed" else self._scheduled(node["scheduled"]))
        if word in ("fixed", "scheduled"):
            example = "{ fixed: 2h }" if word == "fixed" else "{ scheduled: { share: 1/1 } }"
            self.found.add("R052", node, f"`{word}` alone does not say how much", f"Write it like {example}")
            return word
        return basis_text(Basis(node.word))

    def _at_least(self, node: Node) -> str:
        if not node.is_map:
            self.found.add("R052", node, "`at-least` alone does not say how much", "Write it like { at-least: 4h }")
            return "at-least"
        least = self._fixed(node["at-least"])
        return f"at-least term {least.term}" if least.term is not None else f"at-least {least.seconds}s"

    def _fixed(self, node: Node) -> Basis:
        if not node.is_map:
            return Basis("fixed", seconds=duration(self.found, node))
        term = node["term"]
        declared = self.names.terms.get(term.text)
        if declared is None:
            self.found.unknown(term, "term", self.names.terms, kind="terms")
        elif declared.type != "duration":
            said = f"the term `{declared.name}` is a {declared.type}, a duration is needed"
            self.found.add("R037", term, said, "Name a term of type duration", related=((declared.source, "declared here"),))
        return Basis("fixed", term=term.text)

    def _scheduled(self, node: Node) -> Basis:
        up, down = (int(part) for part in node["share"].text.split("/"))
        least, step = (duration(self.found, node[key]) if key in node else 0 for key in ("at-least", "round-up"))
        return Basis("scheduled", share=(up, down), at_least=least, round_up=step)

    # --- examples

    def _example(self, node: Node) -> Example:
        given: dict[str, object] = {}
        for column, value, at in columns_of(node["given"]):
            kind = column_type(column, self.decides, self.names)
            if kind is None:
                refuse_column(column, at, self.decides, self.names, self.found)
            elif column in _LIST_COLUMNS:
                values = value.entries() if value.is_list else (value,)
                some = [each for each in values if each.text != NOTHING]
                given[column] = tuple(str(read_value(column, kind, each, self.names, self.found)) for each in some)
            elif value.is_list:
                self.found.add("R008", value, f"a case has one value for `{column}`", "Write one value, or one example for each")
            else:
                given[column] = read_value(column, kind, value, self.names, self.found)
        if "on" in node:
            given["on"] = node.day("on")
        gives = node["gives"]
        answers = gives.entries() if gives.is_list else (gives,)
        if gives.is_list and not self.collects:
            self.found.add("R008", gives, f"`{self.decides}` has one answer", "Write it without brackets")
        expected = [self._answer(each) for each in answers if not (self.collects and each.text == NOTHING)]
        return Example(node["name"].text, given, tuple(expected), node.source)
