"""Accumulators to values: windows, scopes, bands and window lines, in the order in which one reads the bands of another."""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from engine.dates import parse_clock, parse_duration, parse_week_clock
from engine.money import parse_decimal
from engine.problems import Source
from engine.ratebook.book import Accumulator, Band, Item, Policy, Recurrence, Setting, TermDeclaration, TermType, WindowLine
from engine.ratebook.forms import Findings, Node, read_as

SCOPES = ("site", "account", "agency")
LATE = ("reorder", "append")
_PLACEHOLDERS = ("name", "item", "site", "worker", "from", "to", "counted", "limit")
_MEASURED_BY: Mapping[str, tuple[TermType, ...]] = {
    "time": ("limit", "duration"),
    "days": ("number",),
    "amount": ("amount", "number"),
}


def build_accumulators(
    form: Node | None, terms: Mapping[str, TermDeclaration], items: Mapping[str, Item], found: Findings
) -> dict[str, Accumulator]:
    """Accumulators by name, in order of the file."""
    accumulators: dict[str, Accumulator] = {}
    bands: dict[str, Band] = {}
    for node in form.list("accumulators") if form is not None else ():
        accumulator = _Reader(node, terms, items, found).accumulator()
        if accumulator.accumulator in accumulators:
            first = accumulators[accumulator.accumulator].source
            found.twice(node["accumulator"], f"accumulator {accumulator.accumulator}", first)
        for band in accumulator.bands:
            if band.band in bands:
                found.twice(band.source, f"band {band.band}", bands[band.band].source, "A band has one name in the whole book")
            bands[band.band] = band
        accumulators[accumulator.accumulator] = accumulator
    return accumulators


def in_order(accumulators: Mapping[str, Accumulator], policies: Mapping[str, Policy], found: Findings) -> dict[str, Accumulator]:
    """The accumulators, each after those whose bands decide what counts for it; a circle is refused and told."""
    owner = {band.band: name for name, each in accumulators.items() for band in each.bands}
    graph: dict[str, set[str]] = {name: set() for name in accumulators}
    counts = policies.get("counts")
    rules = counts.rules if counts is not None else ()
    for rule in rules:
        read = [str(value) for condition in rule.when if condition.column == "over" for value in condition.values]
        answers, reached = {rule.answer}, {rule.id}
        while more := {each for other in rules if other.id in reached for each in other.overrides} - reached:
            reached |= more
        answers |= {other.answer for other in rules if other.id in reached}
        for answer in answers & graph.keys():
            graph[answer] |= {owner[band] for band in read if band in owner}
    sorter = TopologicalSorter(graph)
    try:
        return {name: accumulators[name] for name in sorter.static_order()}
    except CycleError as error:
        circle = " -> ".join(reversed(error.args[1]))
        at = counts.source if counts is not None else Source("rules")
        said = f"what counts for an accumulator depends on its own bands: {circle}"
        found.add("R057", at, said, "Let a rule of `counts` read only bands of accumulators that do not depend on its answer")
        return dict(accumulators)


class _Reader:
    """Reads one accumulator."""

    def __init__(self, node: Node, terms: Mapping[str, TermDeclaration], items: Mapping[str, Item], found: Findings) -> None:
        self.node, self.terms, self.items, self.found = node, terms, items, found
        self.measure = node["measure"].word

    def accumulator(self) -> Accumulator:
        """The accumulator."""
        node = self.node
        bands = tuple(Band(each["band"].text, self._limit(each["over"]), each.source) for each in node.list("bands"))
        line = self._line(node["line"]) if "line" in node else None
        key = tuple(each.text for each in node.list("key"))
        self._check_form(bands, line, key)
        return Accumulator(
            node["accumulator"].text, self.measure, key, self._window(node["window"]), self._setting(node, "workday", ("clock",), parse_clock, 0),
            self._choice("scope", SCOPES, "site"), self._choice("late", LATE, "reorder"), bands, line, node.source,
        )  # fmt: skip

    def _check_form(self, bands: Sequence[Band], line: WindowLine | None, key: Sequence[str]) -> None:
        node = self.node
        if bool(bands) == (line is not None):
            self.found.add("R058", node, "an accumulator has either bands or a line", "Write one of them")
        if self.measure == "amount" and "since" not in node["window"]:
            self.found.add(
                "R058", node["window"], "a ceiling holds since a day", "Write `window: { since: { term: contract-start } }`"
            )
        if self.measure == "amount" and (bands or (line is not None and line.form != "ceiling")):
            self.found.add(
                "R058", node["measure"], "an amount has no bands and fills to nothing", "Give it a line with a `ceiling`"
            )
        if line is not None and line.form == "fills-to" and self.measure != "time":
            self.found.add("R058", node["measure"], "hours are guaranteed, so time is measured", "Write `measure: time`")
        if line is not None and line.form == "ceiling" and self.measure != "amount":
            self.found.add("R058", node["measure"], f"a ceiling is an amount, not {self.measure}", "Write `measure: amount`")
        wanted = "account" if self.measure == "amount" else "worker"
        if wanted not in key or (self.measure == "amount" and len(key) > 1):
            said = f"the key of a sum of {self.measure} " + ("is `account`" if wanted == "account" else "begins with `worker`")
            self.found.add("R058", node["key"], said, f"Write `key: [{wanted}]`")

    # --- parts

    def _window(self, node: Node) -> Recurrence:
        if "since" in node:
            self._refuse_beside("since", node, ("each", "starts", "count", "from"))
            return Recurrence("since", Setting(term=self._term(node["since"]["term"], ("day",))))
        each = node.says("each", "day")
        if "each" not in node:
            self.found.add("R058", node, "the window says neither `each` nor `since`", "Write `each: week`")
        if each == "weeks":
            for name in ("count", "from"):
                if name not in node:
                    self.found.add(
                        "R058",
                        node,
                        f"windows of several weeks need `{name}`",
                        "Write `{ each: weeks, count: 4, from: 2024-09-01 }`",
                    )
            start = node.day_or_none("from")
            return Recurrence("weeks", Setting(0), int(node.says("count", "1")), start)
        self._refuse_beside("each", node, ("count", "from"))
        kind, how = ("clock", parse_clock) if each == "day" else ("week-clock", parse_week_clock)
        return Recurrence("day" if each == "day" else "week", self._setting(node, "starts", (kind,), how, 0))  # type: ignore[arg-type]  # kind is a TermType

    def _refuse_beside(self, word: str, node: Node, others: Sequence[str]) -> None:
        for other in others:
            if other in node:
                self.found.add(
                    "R058", node.key(other), f"`{other}` has no meaning beside this `{word}`", "Remove it", width=len(other)
                )

    def _line(self, node: Node) -> WindowLine:
        forms = [form for form in ("fills-to", "ceiling") if form in node]
        if len(forms) != 1:
            self.found.add("R058", node, "a window line has either `fills-to` or `ceiling`", "Write one of them")
            return WindowLine("fills-to", Setting(0), "", "", node.source)
        self._check_template(node["description"])
        form = "ceiling" if forms[0] == "ceiling" else "fills-to"
        item = node.says("item")
        if (form == "ceiling") != ("item" in node):
            said = (
                "the line of a ceiling needs an `item`"
                if form == "ceiling"
                else "the item is that of the first row in the window"
            )
            self.found.add("R058", node, said, "Add `item:`" if form == "ceiling" else "Remove `item`")
        elif item and item not in self.items:
            self.found.unknown(node["item"], "item", self.items, kind="items")
        return WindowLine(form, self._limit(node[form]), node["description"].text, item, node.source)  # type: ignore[arg-type]  # one of the two

    def _check_template(self, node: Node) -> None:
        try:
            used = [part for part in string.Formatter().parse(node.text) if part[1] is not None]
        except ValueError:
            self.found.add("R042", node, "the braces are not in pairs", "Known are " + ", ".join(_PLACEHOLDERS))
            return
        for _, field, form, conversion in used:
            if field not in _PLACEHOLDERS or form or conversion:
                known = ", ".join(f"{{{name}}}" for name in _PLACEHOLDERS)
                self.found.add("R042", node, f"`{field}` is not a placeholder of a window line", f"Known are {known}")

    def _limit(self, node: Node) -> Setting:
        if node.is_map:
            return Setting(term=self._term(node["term"], _MEASURED_BY[self.measure]))
        if self.measure == "time":
            return Setting(read_as(self.found, node, parse_duration, 0))
        if self.measure == "days" and not node.text.isdecimal():
            self.found.add("R007", node, f"`{node.text}` is not a number of days", "Write a whole number")
            return Setting(0)
        if self.measure == "days":
            return Setting(int(node.text))
        return Setting(str(read_as(self.found, node, parse_decimal, parse_decimal("0"))))

    def _setting(self, node: Node, name: str, kinds: Sequence[TermType], how: Callable[[str], int], otherwise: int) -> Setting:
        inside = node.get(name)
        if inside is None:
            return Setting(otherwise)
        if inside.is_map:
            return Setting(term=self._term(inside["term"], kinds))
        return Setting(read_as(self.found, inside, how, otherwise))

    def _choice(self, name: str, known: Sequence[str], otherwise: str) -> Setting:
        inside = self.node.get(name)
        if inside is None:
            return Setting(otherwise)
        if not inside.is_map:
            if inside.text not in known:
                self.found.unknown(inside, name, known, code="R006")
            return Setting(inside.text)
        term = inside["term"]
        declared = self.terms.get(self._term(term, ("choice",)))
        if declared is not None and not set(declared.choices) <= set(known):
            said = f"the term `{declared.name}` can be {', '.join(declared.choices)}, a {name} is one of {', '.join(known)}"
            self.found.add("R037", term, said, "Correct the choices of the term", related=((declared.source, "declared here"),))
        return Setting(term=term.text)

    def _term(self, node: Node, kinds: Sequence[TermType]) -> str:
        declared = self.terms.get(node.text)
        if declared is None:
            self.found.unknown(node, "term", self.terms, kind="terms")
        elif declared.type not in kinds:
            said = f"the term `{declared.name}` is a {declared.type}, a {' or '.join(kinds)} is needed"
            self.found.add("R037", node, said, f"Name a term of type {kinds[0]}", related=((declared.source, "declared here"),))
        return node.text
