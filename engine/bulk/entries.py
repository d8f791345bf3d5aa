"""Charges of every kind as one frame: what assembling groups to lines, and shares over accounts."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import numpy as np
import polars as pl

from engine.arrays import NONE, Ints, ints
from engine.bulk.charges import BASES, Charges, Rated
from engine.bulk.measured import Measured
from engine.bulk.measured_rating import MeasuredRated
from engine.bulk.texts import day_texts, decimal_texts, local_texts
from engine.bulk.zones import zone_table
from engine.dates import day_number, day_of
from engine.money import shares
from engine.ratebook.book import RuleBook
from engine.ratebook.models import Share

# `text` is the description, with `{listed}` where the values in `listed` belong; `fill` is the part of the quantity that fills up to a minimum.
SCHEMA: Mapping[str, type[pl.DataType]] = {
    "account": pl.String, "split": pl.String, "section": pl.String, "kind": pl.String, "source": pl.String, "id": pl.String,
    "segment": pl.Int64, "component": pl.String, "service_day": pl.String, "last_day": pl.String, "worker": pl.String,
    "start": pl.String, "end": pl.String,
    "item": pl.String, "note": pl.String, "quantity": pl.Int64, "digits": pl.Int64, "unit": pl.String, "price": pl.Int64,
    "price_digits": pl.Int64, "text": pl.String, "listed": pl.String, "fill": pl.Int64, "origin": pl.String, "refs": pl.String,
}  # fmt: skip
LISTED = "{listed}"


def entries_of_rated(book: RuleBook, rated: Rated) -> pl.DataFrame:
    """The charges of time, in their order."""
    charges, activity = rated.charges, rated.activity
    count = len(charges)
    if not count:
        return pl.DataFrame(schema=SCHEMA)
    zone = rated.zone[charges.row]

    def local(instants: Ints) -> pl.Series:
        return local_texts(instants, rated.timelines.offset_at(zone, np.where(instants == NONE, rated.timelines.start, instants)))

    accounts = pl.Series([book.sites[name].account for name in activity.site.values], dtype=pl.String)
    site = activity.site.codes[charges.row]
    account = accounts.gather(site)
    windows = charges.basis == BASES.index("window")
    frame = pl.DataFrame(
        {
            "account": account, "section": pl.Series(activity.site.values).gather(site),
            "kind": _same(activity.kind, count), "source": activity.source.gather(charges.row), "id": activity.id.gather(charges.row),
            "segment": charges.segment, "component": charges.component.series(), "service_day": day_texts(charges.day),
            "last_day": day_texts(charges.day),
            "worker": activity.worker.take(charges.row).series(), "start": local(charges.start), "end": local(charges.end),
            "item": pl.Series(rated.items).gather(charges.item), "note": pl.Series(BASES).gather(charges.basis), "quantity": charges.quantity,
            "digits": np.full(count, charges.quantity_digits, dtype=np.int64), "unit": _same(book.kinds[activity.kind].unit, count),
            "price": charges.price, "price_digits": charges.price_digits, "text": _texts(book, rated, charges, site.astype(np.int64)),
            "listed": _same("", count), "fill": np.where(charges.basis == BASES.index("fill"), charges.quantity, 0),
            "origin": pl.Series(["rated", "window"]).gather(windows.astype(np.int64)), "refs": _references(book, rated, count),
        }
    )  # fmt: skip
    frame = frame.with_columns(
        split=_splits(
            book,
            frame["account"],
            {name: c.take(charges.row).series() for name, c in activity.columns.items() if _is_split(book, name)},
        )
    )
    if windows.any():
        name = pl.concat_str(
            pl.col("component").str.strip_prefix("window:"), pl.col("start").str.slice(0, 10), "section", "worker", separator=":"
        )
        own = {"kind": pl.lit("window"), "source": pl.lit(""), "id": name, "start": pl.lit(""), "end": pl.lit("")}
        there = pl.Series(windows)
        frame = frame.with_columns(
            pl.when(there).then(value).otherwise(pl.col(column)).alias(column) for column, value in own.items()
        )
    return frame.select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())


def entries_of_measured(book: RuleBook, rated: MeasuredRated) -> pl.DataFrame:
    """The charges of measured activity, in order of row, segment and component."""
    charges, activity = rated.charges.sort("row", "segment", "component"), rated.measured.frame
    if not len(charges):
        return pl.DataFrame(schema=SCHEMA)
    count, row = len(charges), charges["row"]
    account = {site.site: site.account for site in book.sites.values()}
    mine = activity.select("site", "source", "id", "worker", "refs", "events").with_columns(
        account=activity["site"].replace_strict(list(account), list(account.values()), return_dtype=pl.String)
    )[row]
    lists = {item.item: item.lists for item in book.items.values() if item.lists in activity.columns}
    listed = _same("", count)
    for item, column in lists.items():
        listed = pl.select(
            pl.when(charges["item"] == item).then(activity[column].gather(row)).otherwise(listed).alias("listed")
        ).to_series()
    note = pl.select(
        pl.when((charges["note"] == "") & (mine["events"] > 1))
        .then(mine["events"].cast(pl.String) + " rows")
        .otherwise(charges["note"])
    ).to_series()
    if "note" in activity.columns:
        own = activity["note"].gather(row)
        note = pl.select(pl.when(note == "").then(own).otherwise(note)).to_series()
    note = _detailed(book, rated, charges, mine["account"], note)
    frame = pl.DataFrame(
        {
            "account": mine["account"], "section": mine["site"], "kind": _same(rated.measured.kind.kind, count), "source": mine["source"],
            "id": mine["id"], "segment": charges["segment"], "component": charges["component"],
            "service_day": day_texts(charges["day"].to_numpy().astype(np.int64)), "last_day": _last_days(charges, activity), "worker": mine["worker"],
            "start": _clock(book, mine["site"], charges, "start"), "end": _clock(book, mine["site"], charges, "end"), "item": charges["item"],
            "note": note, "quantity": charges["quantity"], "digits": charges["quantity_digits"], "unit": charges["unit"],
            "price": charges["price"], "price_digits": charges["price_digits"], "text": charges["text"], "listed": listed,
            "fill": np.zeros(count, dtype=np.int64), "origin": charges["origin"], "refs": mine["refs"],
        }
    )  # fmt: skip
    columns = {name: activity[name].gather(row) for name in activity.columns if _is_split(book, name)}
    pairs = {
        name: mine["refs"].str.extract(rf"(?:^|\|){name}=([^|]*)", 1).fill_null("")
        for name in rated.measured.kind.references
        if _is_split(book, name)
    }
    frame = frame.with_columns(split=_splits(book, frame["account"], {**columns, **pairs}))
    return frame.select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())


def _detailed(book: RuleBook, rated: MeasuredRated, charges: pl.DataFrame, account: pl.Series, note: pl.Series) -> pl.Series:
    """The notes with the details of accounts that have them, as `called 4420794, seconds 61`."""
    measured = rated.measured
    spans = [(name, start, end) for name, each in book.accounts.items() for start, end in each.details]
    if not measured.kind.details or not spans:
        return note
    told = []
    for name in measured.kind.details:
        values = measured.frame[name] if name != measured.kind.quantity else _quantities(measured)
        told.append(
            pl.select(pl.when(values != "").then(pl.lit(f"{name} ") + values)).to_series().gather(charges["row"]).alias(name)
        )
    days = charges["day"].to_numpy()
    wanted = np.zeros(len(charges), dtype=np.bool_)
    for who, start, end in spans:
        wanted |= (account == who).to_numpy() & (days >= day_number(start)) & (days < day_number(end))
    said = pl.select(pl.when(note != "").then(note)).to_series().alias("")
    whole = pl.DataFrame([said, *told]).select(pl.concat_str(pl.all(), separator=", ", ignore_nulls=True)).to_series()
    return pl.select(pl.when(pl.Series(wanted)).then(whole).otherwise(note)).to_series()


def _quantities(measured: Measured) -> pl.Series:
    """The quantities of the rows as they were recorded."""
    quantity = measured.frame["quantity"].to_numpy().astype(np.int64)
    return decimal_texts(quantity, np.full(len(quantity), measured.digits, dtype=np.int64))


def numbered(entries: pl.DataFrame) -> pl.DataFrame:
    """The charges with their numbers."""
    return entries.with_row_index("charge").with_columns(pl.col("charge").cast(pl.Int64))


def shared(book: RuleBook, entries: pl.DataFrame) -> pl.DataFrame:
    """The charges with those at shared sites divided over the accounts that pay them: quantities by largest remainder."""
    parts = []
    left = entries
    for share in book.assembly.shares:
        last = day_of(day_number(share.end) - 1).isoformat() if share.end else "9999-12-31"
        mine = (left["section"] == share.site) & (left["service_day"] >= share.start.isoformat()) & (left["service_day"] <= last)
        if mine.any():
            parts += _divided(left.filter(mine), share)
            left = left.filter(~mine)
    return pl.concat([left, *parts]) if parts else entries


def _divided(entries: pl.DataFrame, share: Share) -> list[pl.DataFrame]:
    fractions: list[Fraction] = [part.fraction() for _, part in share.accounts]
    rows = [shares(quantity, [quantity * part for part in fractions]) for quantity in entries["quantity"].to_list()]
    return [
        entries.with_columns(
            account=pl.lit(account), split=pl.lit(""), quantity=pl.Series([row[place] for row in rows], dtype=pl.Int64),
            component=pl.col("component") + f"@{account}", note=pl.lit(f"share {part.fraction() * 100}%"),
        )
        for place, (account, part) in enumerate(share.accounts)
    ]  # fmt: skip


def _references(book: RuleBook, rated: Rated, count: int) -> pl.Series:
    """What stands on the line beside its description, as `po=17|case=9`."""
    names = sorted(book.kinds[rated.activity.kind].references)
    if not names:
        return _same("", count)
    values = {name: rated.activity.columns[name].take(rated.charges.row).series() for name in names}
    told = [pl.when(pl.col(name) != "").then(pl.lit(f"{name}=") + pl.col(name)).otherwise(None) for name in names]
    return pl.DataFrame(values).select(pl.concat_str(told, separator="|", ignore_nulls=True).alias("refs"))["refs"]


def _last_days(charges: pl.DataFrame, activity: pl.DataFrame) -> pl.Series:
    """The last day of what is charged: that of the part of a cycle, for fees; else the day itself."""
    last = activity["last_day"].gather(charges["row"]) if "last_day" in activity.columns else charges["day"]
    return day_texts(last.to_numpy().astype(np.int64))


def _same(text: str, count: int) -> pl.Series:
    return pl.Series([text], dtype=pl.String).new_from_index(0, count)


def _is_split(book: RuleBook, column: str) -> bool:
    return any(column in account.split for account in book.accounts.values())


def _splits(book: RuleBook, account: pl.Series, columns: Mapping[str, pl.Series]) -> pl.Series:
    """The part of its account's bill that each charge belongs to: the values of the account's split columns."""
    found = _same("", len(account))
    for each in book.accounts.values():
        if each.split:
            empty = _same("", len(account))
            values = [columns.get(name, empty).alias(name) for name in each.split]
            name = pl.DataFrame(values).select(pl.concat_str(pl.all(), separator="-").str.strip_chars("-").alias("split"))[
                "split"
            ]
            found = pl.select(pl.when(account == each.account).then(name).otherwise(found).alias("split")).to_series()
    return found


def _clock(book: RuleBook, site: pl.Series, charges: pl.DataFrame, column: str) -> pl.Series:
    """Local times of pieces that have a length; empty for the others."""
    instants = charges[column].to_numpy().astype(np.int64)
    there = (charges["start"] >= 0).to_numpy()
    offset = np.zeros(len(instants), dtype=np.int64)
    for name in site.unique().sort().to_list() if bool(there.any()) else []:
        rows = np.flatnonzero((site == name).to_numpy() & there)
        if len(rows):
            days = instants[rows] // 86_400
            offset[rows] = zone_table(book.sites[name].zone, int(days.min()), int(days.max())).offset_at(instants[rows])
    return local_texts(ints(np.where(there, instants, NONE)), offset)


def _texts(book: RuleBook, rated: Rated, charges: Charges, site: Ints) -> pl.Series:
    """The description of each charge of time, made once for each distinct case; fill reads like the time it completes."""
    basis = np.where(charges.basis == BASES.index("fill"), 0, charges.basis).astype(np.int64)
    packed = ((site * len(rated.items) + charges.item) * len(BASES) + basis) * len(charges.shown.values) + charges.shown.codes
    _, first, case = np.unique(packed, return_index=True, return_inverse=True)
    texts = [
        _text(
            book,
            rated.items[int(charges.item[at])],
            BASES[int(basis[at])],
            charges.shown.text(at),
            rated.activity.site.values[int(site[at])],
        )
        for at in first.tolist()
    ]
    return pl.Series(texts, dtype=pl.String).gather(case)


def _text(book: RuleBook, item: str, basis: str, shown: str, site: str) -> str:
    texts = book.texts
    if basis == "window":
        return shown  # its template is filled in where it is charged
    ids = [premium for premium in shown.split("+") if premium]
    named = ", ".join(book.premiums[premium].name for premium in ids) if all(each in book.premiums for each in ids) else shown
    names = {"name": book.items[item].name, "item": item, "site": site, "premiums": named, "premium": named}
    template = {"fixed": texts.fixed, "scheduled": texts.scheduled, "own-line": texts.own_line}.get(basis)
    if template is None:
        template = texts.worked_with_premiums if shown else texts.worked
    return template.format_map(names)
