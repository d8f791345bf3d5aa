"""How prices were made, in steps that can be taken again: a printed rate, its factors, and formulas over printed figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from engine.bulk.measured_rating import Point
from engine.bulk.pricing import PriceRow, Rate, Recipe
from engine.canonical import Json
from engine.money import Decimals, Half, rounded
from engine.problems import InvariantError, Source
from engine.proof.citations import Citations
from engine.ratebook.book import FormulaVersion, Premium, RuleBook
from engine.ratebook.models import Scheme


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure as it stands in a rule file, whether factors multiply it, and what it is."""

    value: Decimals
    factored: bool
    what: str


def figure_json(value: Decimals, place: str) -> dict[str, Json]:
    """A figure and the place where it is written."""
    return {"value": str(value), "at": place}


def cited_rate(rate: Rate, citations: Citations) -> dict[str, Json]:
    """A rate in force, and where it is written."""
    return figure_json(rate.value, citations.place(rate.source, rate.id, rate.provenance))


class TimePrices:
    """Tells the prices of one recipe and price row each."""

    def __init__(self, book: RuleBook, citations: Citations) -> None:
        self.book, self.citations = book, citations

    def steps(
        self, row: PriceRow, recipe: Recipe, versions: Mapping[str, FormulaVersion], terms: Mapping[str, Source], digits: int
    ) -> dict[str, Json]:
        """The steps to a price: the base price, and what each premium adds to it. `terms` says where the terms are written."""
        if row.base is None:
            raise InvariantError(f"{row.site}, {row.item}: a price has no base; this is a fault of the engine")
        base = cited_rate(row.base, self.citations)

        def premium(name: str, on: dict[str, Json]) -> dict[str, Json]:
            return self._premium(self.book.premiums[name], row, recipe, versions[name], terms, on)

        if recipe.own:
            return premium(recipe.own, base)
        if recipe.combine == "multiply":
            for name in recipe.premiums:
                base = _formula("price + more", {"price": base, "more": premium(name, base)}, digits, "up")
            return base
        more = {f"more{place}": premium(name, base) for place, name in enumerate(recipe.premiums, start=1)}
        if not more:
            return base
        sums = f"max({', '.join(more)})" if recipe.combine == "largest" and len(more) > 1 else " + ".join(more)
        return _formula(f"base + {sums}", {"base": base, **more}, digits, "up")

    def _premium(
        self,
        rule: Premium,
        row: PriceRow,
        recipe: Recipe,
        version: FormulaVersion,
        terms: Mapping[str, Source],
        base: dict[str, Json],
    ) -> dict[str, Json]:
        inputs: dict[str, Json] = {}
        source = self.citations.place(rule.source, f"premium {rule.premium}", rule.provenance, entry=True)
        for name, given in rule.given.items():
            if given.form == "base":
                inputs[name] = base
            elif given.form == "rate" and (rate := row.premiums[(given.name, rule.premium)]) is not None:
                inputs[name] = cited_rate(rate, self.citations)
            elif given.form == "term":
                value = dict(recipe.terms)[given.name]
                inputs[name] = figure_json(value, self.citations.place(terms[given.name], f"term {given.name}"))
            elif given.number is not None:
                inputs[name] = figure_json(given.number, source)
        place = self.citations.place(
            version.source, f"formula {rule.formula}, version {version.version}", version.provenance, entry=True
        )
        return {
            **_formula(version.text, inputs, version.digits, version.half),
            "at": place,
            "premium": rule.premium,
            "rule": source,
        }


def _formula(text: str, inputs: Mapping[str, Json], digits: int, half: Half) -> dict[str, Json]:
    return {"formula": text, "inputs": dict(inputs), "digits": digits, "half": half}


def point_price(
    point: Point, component: str, note: str, price: Decimals, half: Half, citations: Citations
) -> dict[str, Json] | None:
    """The steps to a price of measured activity; None if it is none of the figures that its rate says."""
    for figure in _figures(point.rate.scheme, point.rate.value, component, note):
        factors = point.factors if figure.factored else ()
        exact = figure.value.fraction()
        for factor in factors:
            exact *= factor.value.fraction()
        digits = figure.value.digits
        if Fraction(rounded(exact * 10**digits, half), 10**digits) == price.fraction():
            told = figure_json(
                figure.value, citations.place(point.rate.source, f"{point.rate.id}, {figure.what}", point.rate.provenance)
            )
            by = {f"factor{place}": cited_rate(factor, citations) for place, factor in enumerate(factors, start=1)}
            return _formula(" * ".join(["price", *by]), {"price": told, **by}, digits, half) if by else told
    return None


def _figures(scheme: Scheme, value: Decimals, component: str, note: str) -> Sequence[Figure]:
    """The figures of a rate that the price of a charge can be."""
    named = {
        "minimum": (scheme.at_least, "the least of a row"), "maximum": (scheme.at_most, "the most of a row"),
        "connection": (scheme.connect, "for each row"), "markup": (scheme.percent, "percentage"),
    }  # fmt: skip
    if note in named:
        found, what = named[note]
        return [Figure(found, False, what)] if found is not None else []
    if component.startswith("fee-"):
        return [Figure(tier.fee, False, "fee of a tier") for tier in scheme.tiers if tier.fee is not None]
    tiers = [Figure(tier.price, True, f"tier from {tier.start}") for tier in scheme.tiers]
    if component.startswith("tier-") and tiers:
        return [tiers[int(component.removeprefix("tier-")) - 1]]
    if scheme.percent is not None:
        return [Figure(scheme.percent, False, "percentage")]
    return tiers or [Figure(value, True, "price")]
