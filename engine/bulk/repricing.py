"""Charges priced again with another rule book: what was measured and decided of them stays, only prices are looked up anew."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence

import numpy as np
import polars as pl

from engine.arrays import Bools, Codes, Ints, codes
from engine.bulk.charges import Rated
from engine.bulk.entries import SCHEMA
from engine.bulk.pricing import PriceBook, Recipe, price_book
from engine.canonical import Json, canonical_json
from engine.money import Decimals
from engine.ratebook.book import RuleBook
from engine.ratebook.changes import Reach

RECIPE = "recipe"
"""The column that says how the price of a charge was made: a recipe as JSON; empty where it was made otherwise."""


def with_recipes(entries: pl.DataFrame, timed: Sequence[Rated]) -> pl.DataFrame:
    """Charges as in `engine.bulk.entries`, each with its recipe; those of `timed` are the first."""
    told = [np.array([*(_text(recipe) for recipe in rated.recipes), ""], dtype=object)[rated.charges.recipe] for rated in timed]
    known = np.concatenate([np.array([], dtype=object), *told])
    charge = entries["charge"].to_numpy()
    found = np.full(len(charge), "", dtype=object)
    mine = charge < len(known)
    found[mine] = known[charge[mine]]
    return entries.with_columns(pl.Series(RECIPE, found.tolist(), dtype=pl.String))


def stored(entries: pl.DataFrame) -> bytes:
    """Charges with their recipes, to be kept."""
    target = io.BytesIO()
    entries.write_parquet(target, compression="zstd", statistics=True)
    return target.getvalue()


def read_stored(data: bytes) -> pl.DataFrame | None:
    """Charges that were kept; None if they are not of the form that this engine keeps."""
    entries = pl.read_parquet(io.BytesIO(data))
    wanted = {**{name: kind() for name, kind in SCHEMA.items()}, "charge": pl.Int64(), RECIPE: pl.String()}
    return entries if dict(entries.schema) == wanted else None


def reached(entries: pl.DataFrame, reaches: Sequence[Reach]) -> Bools:
    """The charges that some of the changes can move. Reaches count days from the dating moment, and a charge is on that day or later."""
    found = np.zeros(len(entries), dtype=np.bool_)
    for reach in reaches:
        mine = np.ones(len(entries), dtype=np.bool_)
        for column, names in (("account", reach.accounts), ("section", reach.sites), ("item", reach.items)):
            if names is not None:
                mine &= entries[column].is_in(sorted(names)).to_numpy()
        for day, before in ((reach.start, False), (reach.end, True)):
            if day is not None:
                days = entries["service_day"].to_numpy()
                mine &= np.asarray(days < day.isoformat() if before else days >= day.isoformat())
        found |= mine
    return found


def repriced(before: RuleBook, after: RuleBook, entries: pl.DataFrame, reaches: Sequence[Reach]) -> pl.DataFrame | None:
    """The charges with the prices of another book, where changes reach them that move nothing but prices.

    None where a price was not made by a recipe, or means something else in the other book: then the activity must be rated again.
    """
    mine = reached(entries, reaches)
    if not bool(mine.any()):
        return entries
    rows = np.flatnonzero(mine)
    some = entries[rows]
    if (some[RECIPE] == "").any() or not set(some["section"].unique()) <= after.sites.keys():
        return None
    days = some["service_day"].str.to_date().to_physical().to_numpy().astype(np.int64)
    pairs = some.select("section", "item").unique().sort("section", "item").rows()
    known = pl.DataFrame(pairs, schema=["section", "item"], orient="row").with_row_index("pair")
    number = codes(some.join(known, on=["section", "item"], how="left", maintain_order="left")["pair"].to_numpy())
    old, new = (price_book(book, pairs, int(days.min()), int(days.max())) for book in (before, after))
    if old.epochs != new.epochs:
        return None
    made = priced_anew(old, new, _recipes(some[RECIPE]), number, days)
    if made is None:
        return None
    price, digits = (entries[name].to_numpy().astype(np.int64).copy() for name in ("price", "price_digits"))
    price[rows], digits[rows] = made
    return entries.with_columns(pl.Series("price", price), pl.Series("price_digits", digits))


def priced_anew(
    old: PriceBook, new: PriceBook, recipes: tuple[tuple[Recipe, ...], Codes], pair: Codes, day: Ints
) -> tuple[Ints, Ints] | None:
    """Units and digits of the prices that the new book makes of some charges, by recipe, pair and day; None where another premium wins."""
    told, which = recipes
    units, digits = np.zeros(len(day), dtype=np.int64), np.zeros(len(day), dtype=np.int64)
    was, now = old.row(pair, day), new.row(pair, day)
    for number, recipe in enumerate(told):
        mine = np.flatnonzero(which == number)
        before, after = old.made(recipe, was[mine]), new.made(recipe, now[mine])
        if bool((before.winner[was[mine]] != after.winner[now[mine]]).any()):
            return None
        units[mine], digits[mine] = after.units[now[mine]], after.digits[now[mine]]
    return units, digits


def _recipes(column: pl.Series) -> tuple[tuple[Recipe, ...], Codes]:
    known = column.unique().sort()
    which = column.replace_strict(known, pl.Series(np.arange(len(known), dtype=np.int32)), return_dtype=pl.Int32).to_numpy()
    return tuple(_recipe(text) for text in known.to_list()), codes(which)


def _text(recipe: Recipe) -> str:
    terms: list[Json] = [[name, value.units, value.digits] for name, value in recipe.terms]
    return canonical_json([list(recipe.premiums), recipe.combine, recipe.own, recipe.epoch, terms]).decode()


def _recipe(text: str) -> Recipe:
    premiums, combine, own, epoch, terms = json.loads(text)
    return Recipe(tuple(premiums), combine, own, epoch, tuple((name, Decimals(units, digits)) for name, units, digits in terms))
