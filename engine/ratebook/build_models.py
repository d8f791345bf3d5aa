"""Pricing models of rate tables to values: tiers without gap or overlap, packages, allowances, percentages, increments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.money import Decimals, NumberError, parse_decimal
from engine.ratebook.book import TermDeclaration
from engine.ratebook.forms import PROVENANCE, Findings, Node, number
from engine.ratebook.models import COUNTING, PLAIN, Model, Over, Scheme, Tier

_FIELDS: dict[Model, frozenset[str]] = {
    "per-unit": frozenset({"price", "allowance", "at-least", "at-most", "connect", "first", "then"}),
    "graduated": frozenset({"tiers"}),
    "volume": frozenset({"tiers"}),
    "package": frozenset({"price", "package"}),
    "percentage": frozenset({"percent", "connect", "at-least", "at-most"}),
    "pass-through": frozenset({"percent"}),
}
_NEEDED: dict[Model, str] = {
    "per-unit": "price",
    "graduated": "tiers",
    "volume": "tiers",
    "package": "package",
    "percentage": "percent",
    "pass-through": "percent",
}
_ALWAYS = frozenset({"status", *PROVENANCE})
SECONDS = {"second": 1, "minute": 60, "hour": 3600}


def percentage(node: Node, found: Findings) -> Decimals:
    """A percentage with its sign as a fraction: 2.9% is 0.029."""
    if not node.text.endswith("%"):
        text = node.text
        said = f"`{text}` could be {text}% or, as a fraction, {_hundredfold(text)}%"
        found.add("R070", node, said, f"Write it with its sign: {text}% or {_hundredfold(text)}%")
        return Decimals(0, 0)
    value = parse_decimal(node.text[:-1])
    return Decimals(value.units, value.digits + 2)


def _hundredfold(text: str) -> str:
    try:
        value = parse_decimal(text)
    except NumberError:
        return text
    exact = value.fraction() * 100
    return str(exact.numerator) if exact.denominator == 1 else str(Decimals(value.units, max(value.digits - 2, 0)))


def term_of(node: Node, terms: Mapping[str, TermDeclaration], kind: str, found: Findings) -> str:
    """The term that a map `{ term: NAME }` stands for, which must be declared and of a type."""
    term = node["term"]
    if term.text not in terms:
        found.unknown(term, "term", terms, kind="terms")
    elif terms[term.text].type != kind:
        said, related = f"the term `{term.text}` is a {terms[term.text].type}", ((terms[term.text].source, "declared here"),)
        found.add("R037", term, said, f"Name a term of type {kind}", related=related)
    return term.text


class SchemeReader:
    """Reads what the prices of one table say beside a figure."""

    def __init__(
        self, model: Model, over: Over, unit: str, digits: int, terms: Mapping[str, TermDeclaration], found: Findings
    ) -> None:
        self.model, self.over, self.unit, self.digits, self.terms, self.found = model, over, unit, digits, terms, found

    def scheme(self, node: Node) -> Scheme:
        """The scheme in a price that is a map."""
        for key in node.keys() - _FIELDS[self.model] - _ALWAYS:
            fields = ", ".join(sorted(_FIELDS[self.model]))
            said = f"`{key}` has no meaning in a price of the model {self.model}"
            self.found.add("R071", node.key(key), said, f"It can have {fields}", width=len(key))
        needed = _NEEDED[self.model]
        if needed not in node:
            remedy = f"Add `{needed}:`"
            self.found.add("R071", node, f"a price of the model {self.model} needs `{needed}`", remedy)
            return PLAIN
        scheme = Scheme(
            tiers=self._tiers(node.list("tiers")) if self.model in ("graduated", "volume") else (),
            package=self._positive(node.get("package")),
            allowance=self._allowance(node.get("allowance")),
            percent=percentage(node["percent"], self.found) if "percent" in node and self.model in ("percentage", "pass-through") else None,
            at_least=self._money(node.get("at-least")),
            at_most=self._money(node.get("at-most")),
            connect=self._money(node.get("connect")),
            first=self._quantity(node.get("first"), times=True),
            then=self._positive(node.get("then"), times=True),
        )  # fmt: skip
        self._check(node, scheme)
        return scheme

    def _check(self, node: Node, scheme: Scheme) -> None:
        if scheme.allowance is not None and self.over == "activity":
            self.found.add("R071", node["allowance"], "an allowance counts over a window", "Add `over: month` to the table")
        if self.model in ("percentage", "pass-through") and self.over != "activity":
            said = f"a price of the model {self.model} is of one row of activity, and the table counts over a {self.over}"
            self.found.add("R071", node, said, "Leave out `over`")
        for key in ("at-least", "at-most"):
            if key in node and self.over != "activity":
                said = f"`{key}` holds for one row of activity, and the table counts over a {self.over}"
                remedy = f"Write a limit in a file of kind assembly for what a {self.over} costs, or leave out `over`"
                self.found.add("R071", node.key(key), said, remedy, width=len(key))
        if scheme.first is not None and scheme.then is None:
            self.found.add("R071", node["first"], "after the first quantity come steps", "Add `then:` with the step")
        if scheme.at_least and scheme.at_most and scheme.at_least.fraction() > scheme.at_most.fraction():
            said = f"at least {scheme.at_least} is more than at most {scheme.at_most}"
            self.found.add("R071", node["at-least"], said, "Correct one of them")

    def _tiers(self, nodes: Sequence[Node]) -> tuple[Tier, ...]:
        tiers: list[Tier] = []
        end: Decimals | None = Decimals(0, 0)
        for at, node in enumerate(nodes):
            start = self._quantity(node["from"]) or Decimals(0, 0)
            stop = self._quantity(node.get("to"))
            before = "0" if not tiers else f"{end}"
            if end is None:
                self.found.add("R072", node["from"], "a tier follows one that has no end", "Give the tier before it a `to`")
            elif start.fraction() < end.fraction():
                said = f"this tier begins at {start}, inside the one before it, which ends at {before}"
                self.found.add("R072", node["from"], said, f"Write `from: {before}`: `to` is the first quantity that is out")
            elif start.fraction() > end.fraction():
                said = f"nothing says what the quantities from {before} to {start} cost"
                self.found.add("R072", node["from"], said, f"Write `from: {before}`, or add a tier")
            if stop is not None and stop.fraction() <= start.fraction():
                said = f"the tier ends at {stop}, not above {start} where it begins"
                self.found.add("R072", node["to"], said, "Bounds must increase")
            if at == len(nodes) - 1 and stop is not None:
                said = f"nothing says what the quantities from {stop} on cost"
                self.found.add("R072", node["to"], said, "Leave `to` out of the last tier")
            tiers.append(Tier(start, stop, self._price(node["price"]), self._money(node.get("fee"))))
            end = stop
        return tuple(tiers)

    def _price(self, node: Node) -> Decimals:
        value = number(self.found, node)
        if value.digits > self.digits:
            said = f"`{node.text}` has {value.digits} digits after the point, the table declares {self.digits}"
            self.found.add("R035", node, said, "Round it, or declare more `digits`")
            return value
        return Decimals(value.units * 10 ** (self.digits - value.digits), self.digits)

    def _money(self, node: Node | None) -> Decimals | None:
        return None if node is None else self._price(node)

    def _allowance(self, node: Node | None) -> Decimals | str | None:
        if node is not None and node.is_map:
            return term_of(node, self.terms, "number", self.found)
        if node is not None and " " not in node.text:
            said = f"the allowance `{node.text}` does not say its unit"
            self.found.add("R073", node, said, f"Write {node.text} {self.unit}")
            return None
        return self._quantity(node)

    def _positive(self, node: Node | None, *, times: bool = False) -> Decimals | None:
        value = self._quantity(node, times=times)
        if node is not None and value is not None and value.units == 0:
            self.found.add("R071", node, "a step or package of nothing", "Write a quantity above 0")
        return value

    def _quantity(self, node: Node | None, *, times: bool = False) -> Decimals | None:
        """A quantity in the table's unit; with `times` and a table of time, in whole seconds."""
        if node is None:
            return None
        figure, _, unit = node.text.partition(" ")
        value = parse_decimal(figure)
        if times and self.unit in SECONDS and (unit or self.unit) in SECONDS:
            exact = value.fraction() * SECONDS[unit or self.unit]
            if exact.denominator != 1:
                self.found.add("R071", node, f"`{node.text}` is not a whole number of seconds", "Write whole seconds")
            return Decimals(int(exact), 0)
        if not unit or unit == self.unit:
            return value
        said = f"`{node.text}` is in {unit}, the table in {self.unit}"
        self.found.add("R073", node, said, f"Write it in {self.unit}")
        return value


def needs_map(model: Model) -> bool:
    """Whether a bare figure says too little."""
    return model in COUNTING or model in ("percentage", "pass-through")
