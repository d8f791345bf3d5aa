"""Overage: what each account has included, uses, and uses beyond, over several periods; for account management."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from engine.bulk.measured_rating import MeasuredRated, window_start
from engine.canonical import Json
from engine.dates import day_of
from engine.money import Decimals, decimal_text
from engine.pipeline import Preview
from engine.ratebook.book import RuleBook


@dataclass(frozen=True, slots=True)
class Use:
    """What an account used of an item in a period, in units of 10**-`digits`; `allowance` is what was included."""

    period: str
    allowance: int
    included: int
    over: int


@dataclass(frozen=True, slots=True)
class Overage:
    """An account's use of an item, period by period."""

    account: str
    item: str
    unit: str
    digits: int
    uses: tuple[Use, ...]

    @property
    def times_over(self) -> int:
        """In how many periods more was used than was included."""
        return sum(use.over > 0 for use in self.uses)

    def canonical(self) -> dict[str, Json]:
        """The figures as JSON members."""
        uses: list[Json] = [
            {
                "period": use.period, "allowance": self.text(use.allowance), "used": self.text(use.included + use.over),
                "over": self.text(use.over),
            }
            for use in self.uses
        ]  # fmt: skip
        return {"account": self.account, "item": self.item, "unit": self.unit, "periods_over": self.times_over, "periods": uses}

    def text(self, units: int) -> str:
        """A quantity of it."""
        return decimal_text(units, self.digits)


def overage(book: RuleBook, previews: Sequence[Preview]) -> tuple[Overage, ...]:
    """The use of everything that has an allowance, in order of account and item; periods without use count as none."""
    found: dict[tuple[str, str, str, int], dict[str, Use]] = {}
    for preview in previews:
        for _, rated in preview.measured:
            for (account, item, unit, digits), use in _uses(book, rated, preview.period.name).items():
                found.setdefault((account, item, unit, digits), {})[preview.period.name] = use
    names = [preview.period.name for preview in previews]
    return tuple(
        Overage(*key, tuple(uses.get(name, Use(name, _latest(uses).allowance, 0, 0)) for name in names))
        for key, uses in sorted(found.items())
    )


def _latest(uses: dict[str, Use]) -> Use:
    return uses[max(uses)]


def _uses(book: RuleBook, rated: MeasuredRated, period: str) -> dict[tuple[str, str, str, int], Use]:
    """The use of one kind in a period: an allowance is the first part of a price, what goes beyond it the second."""
    told: dict[tuple[str, str, str, int], Use] = {}
    points = [number for number, point in enumerate(rated.points) if point.scheme.allowance is not None]
    charges = rated.charges.filter(pl.col("point").is_in(points))
    owner = {site.site: site.account for site in book.sites.values()}
    sites = rated.measured.frame["site"].gather(charges["row"])
    accounts = charges.with_columns(account=sites.replace_strict(list(owner), list(owner.values()), return_dtype=pl.String))
    keys = ["account", "item", "unit", "quantity_digits", "component"]
    sums = accounts.group_by(keys, maintain_order=True).agg(
        pl.col("quantity").sum(), pl.col("point").last(), pl.col("day").last()
    )
    for row in sums.iter_rows(named=True):
        key = (row["account"], row["item"], row["unit"], row["quantity_digits"])
        point = rated.points[row["point"]]
        allowance = point.scheme.allowance
        if isinstance(allowance, str):
            said = book.terms_on(point.site, window_start(day_of(row["day"]), point.table.over)).get(allowance)
            allowance = said if isinstance(said, Decimals) else Decimals(0, 0)
        units = int((allowance or Decimals(0, 0)).fraction() * 10 ** row["quantity_digits"])
        before = told.get(key, Use(period, units, 0, 0))
        first = row["component"] == "tier-1"
        told[key] = Use(period, units, before.included + row["quantity"] * first, before.over + row["quantity"] * (not first))
    return told
