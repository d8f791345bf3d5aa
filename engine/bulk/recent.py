"""Recent activity as check asks about it: who could have been charged what, where and when, in the rows of the last months.

Rows are read as they stand in files, not rated. What `billable` and `item` decide by the columns of a row counts: what is not billed asks
for no price. A condition on a length, such as the notice of a cancellation, is taken as not met.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta

import polars as pl

from engine.ratebook.book import ActivityKind, Condition, Policy, RuleBook
from engine.ratebook.build_rules import AS_WORKED
from engine.ratebook.resolver import UndecidedError, resolve
from engine.ratebook.slots import CompiledSlot, compile_slot, holds

_DAYS = 92
_SCHEMA = {"site": pl.String, "item": pl.String, "day": pl.Date, "id": pl.String, "file": pl.String, "row": pl.Int64}
Rows = pl.DataFrame | Callable[[], Iterator[pl.DataFrame]]


def recent(book: RuleBook, by_kind: Mapping[str, Rows]) -> pl.DataFrame:
    """The rows of the last three months before the newest one: site, item as charged, day, id, file and row."""
    frames = [pl.DataFrame(schema=_SCHEMA)]
    for name, rows in by_kind.items():
        chunks = rows() if callable(rows) else [rows]
        frames += (_charged(book, book.kinds[name], _plain(book.kinds[name], chunk)) for chunk in chunks)
    every = pl.concat(frames)
    newest = every["day"].max()
    return every.filter(pl.col("day") > newest - timedelta(_DAYS)) if isinstance(newest, date) else every


def _plain(kind: ActivityKind, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows that count, with site and day: the highest revision of each, unless it is withdrawn."""
    rows = rows.with_columns(pl.all().exclude("row").cast(pl.String))
    names = {"id", "source", "revision", "withdrawn", "site", "account", "item"} - set(rows.columns)
    rows = rows.with_columns(pl.lit("").alias(name) for name in sorted(names))
    moments = [name for name in (kind.moment, "start", "scheduled_start") if name and name in rows.columns]
    moment = pl.coalesce(pl.when(pl.col(name) != "").then(pl.col(name)) for name in moments)
    dated = rows.with_columns(
        moment.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False).alias("day"),
        pl.when(pl.col("site") == "").then(pl.col("account")).otherwise(pl.col("site")).alias("site"),
        pl.col("revision").cast(pl.Int64, strict=False).fill_null(1).alias("_revision"),
    )
    latest = dated.filter(pl.col("_revision") == pl.col("_revision").max().over("source", "id"))
    return latest.filter(pl.col("day").is_not_null() & ~pl.col("withdrawn").is_in(["yes", "true", "1"]))


def _charged(book: RuleBook, kind: ActivityKind, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with the items that they are charged as, without those that are not billed; decided once for each distinct case."""
    suffix = f" of {kind.kind}" if kind.rated_by != "time" else ""
    policies = [book.policies[f"{slot}{suffix}"] for slot in ("billable", "item") if f"{slot}{suffix}" in book.policies]
    asked = {each.column for policy in policies for rule in policy.rules for each in rule.when if each.column in rows.columns}
    reads_terms = any(each.column.startswith("term ") for policy in policies for rule in policy.rules for each in rule.when)
    columns = sorted(asked | {"item"} | ({"site"} if reads_terms else set()))
    newest = rows["day"].max()
    day = newest if isinstance(newest, date) else date.min
    cases = rows.select(columns).unique(maintain_order=True)
    slots = {policy.decides: (policy, compile_slot(policy)) for policy in policies}
    items = [_item(book, slots, case, day) for case in cases.iter_rows(named=True)]
    decided = cases.with_columns(pl.Series("_charged", items, dtype=pl.String))
    kept = rows.join(decided, on=columns, nulls_equal=True).filter(pl.col("_charged").is_not_null())
    return kept.select(pl.col("_charged" if name == "item" else name).cast(kind).alias(name) for name, kind in _SCHEMA.items())


def _item(book: RuleBook, slots: Mapping[str, tuple[Policy, CompiledSlot]], case: Mapping[str, object], day: date) -> str | None:
    """The item that a case is charged as; None if it is not billed, or nobody can say."""
    facts = {
        name: True if value in ("yes", "true", "1") else False if value in ("no", "false", "0") else value
        for name, value in case.items()
    }
    site = case.get("site")
    terms: Mapping[str, object] = book.terms_on(site, day) if isinstance(site, str) and site in book.sites else {}
    said = {decides: _decided(slot, facts, terms, day) for decides, (_, slot) in slots.items()}
    if said.get("billable", "worked") in (None, "none"):
        return None
    item = said.get("item", AS_WORKED)
    return str(case["item"]) if item == AS_WORKED else item


def _decided(slot: CompiledSlot, facts: Mapping[str, object], terms: Mapping[str, object], day: date) -> str | None:
    bits = 0
    for number, atom in enumerate(slot.atoms):
        term = isinstance(atom, Condition) and atom.term is not None and atom.term not in terms
        bits |= (0 if term else holds(atom, facts, terms, day)) << number
    try:
        return next(iter(resolve(slot.slot, bits).answers), None)
    except UndecidedError:
        return None
