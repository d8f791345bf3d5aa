"""Assemble: charges in, one invoice body for each account and split out, with the backup rows that add up to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np
import polars as pl

from engine.arrays import Exact, Ints, group_sums, ints, narrow, product, rounded_down, scaled_up, share_out
from engine.bulk.assembled import Assembled, canonical_text, line_key
from engine.bulk.entries import LISTED
from engine.bulk.measured_rating import references
from engine.bulk.texts import decimal_texts
from engine.canonical import sha256
from engine.dates import Period
from engine.invoice import BACKUP_COLUMNS, BackupHash, Invoice, LineItem, reading_order
from engine.money import CURRENCY_DIGITS, Decimals, decimal_text
from engine.problems import InvariantError, shortened
from engine.ratebook.book import RuleBook

_KEYS = ("account", "split", "section", "item", "text", "unit", "digits", "price", "price_digits", "origin", "refs", "tax")
_LISTED_MAX = 40  # values named in a description; more are counted


def assemble(book: RuleBook, entries: pl.DataFrame, period: Period) -> tuple[Assembled, ...]:
    """The invoice bodies of a period, in order of account and split; accounts without charges have none.

    `entries` are charges as in `engine.bulk.entries`, with `charge`, which says what they are shares of; claims number the entries.
    """
    if not len(entries):
        return ()
    entries = _per_row(book, _with_tax_rates(book, entries).with_row_index("claim").with_columns(pl.col("claim").cast(pl.Int64)))
    lines, group = _lines(book, entries)
    quantity, price = (entries[name].to_numpy().astype(np.int64) for name in ("quantity", "price"))
    exact = product(quantity, price)
    totals, power = _amounts(book, lines)
    exact_digits = (entries["digits"] + entries["price_digits"]).to_numpy().astype(np.int64)
    frame = entries.with_columns(
        line=pl.Series(lines.number[group]), group=pl.Series(group), entry=pl.Series(np.arange(len(entries))),
        quantity=decimal_texts(quantity, entries["digits"].to_numpy().astype(np.int64)),
        price=decimal_texts(price, entries["price_digits"].to_numpy().astype(np.int64)), exact=decimal_texts(exact, exact_digits),
    ).sort("account", "split", "line", "service_day", "worker", "kind", "source", "id", "segment", "component")  # fmt: skip
    order = ints(frame["entry"].to_numpy())
    frame = frame.with_columns(amount=pl.Series(_shared(exact, power, totals, group, order)))
    found = []
    for (account, split), mine in frame.group_by(["account", "split"], maintain_order=True):
        numbers = mine["group"].unique(maintain_order=True).to_list()
        body = _invoice(book, str(account), str(split), period, numbers, lines, totals, mine)
        claims = ints(mine["claim"].explode().to_numpy())
        found.append(Assembled(body, mine.select(BACKUP_COLUMNS), _first(mine), claims))
    return tuple(found)


def _with_tax_rates(book: RuleBook, entries: pl.DataFrame) -> pl.DataFrame:
    """The charges with the tax rates of their day: a line has one rate."""
    if book.taxes is None:
        return entries.with_columns(tax=pl.lit(""))
    days = entries.select("item", "service_day").unique()
    classes = book.taxes.classes
    told = []
    for item, day in days.iter_rows():
        taxes = classes[book.items[item].tax_class].taxes if book.items[item].tax_class in classes else ()
        held = [str(sum(start.isoformat() <= day for start, _ in tax.rates)) for tax in taxes]
        told.append({"item": item, "service_day": day, "tax": ",".join(held)})
    rates = pl.DataFrame(told, schema={"item": pl.String, "service_day": pl.String, "tax": pl.String})
    return entries.join(rates, on=["item", "service_day"], how="left", maintain_order="left")


def _first(mine: pl.DataFrame) -> Ints:
    """The charge that each backup row stands for, or the first of several."""
    return ints(mine["charge"].to_numpy())


def _per_row(book: RuleBook, entries: pl.DataFrame) -> pl.DataFrame:
    """For accounts whose amounts are per row: the charges of each row as one of quantity 1 and its rounded amount as price."""
    entries = entries.with_columns(claim=pl.concat_list("claim"))
    chosen = [account.account for account in book.accounts.values() if account.per_row]
    mine = entries["account"].is_in(chosen)
    if not mine.any():
        return entries
    some = entries.filter(mine)
    keys = ["account", "split", "section", "kind", "source", "id", "item", "text", "unit", "digits", "origin", "refs", "tax"]
    made = []
    for group in some.partition_by(keys, maintain_order=True):
        first = group.row(0, named=True)
        currency = CURRENCY_DIGITS[book.accounts[first["account"]].currency]
        exact = product(group["quantity"].to_numpy().astype(np.int64), group["price"].to_numpy().astype(np.int64))
        wide = max(group["price_digits"].to_list())
        scaled = sum(
            int(value) * 10 ** (wide - digits) for value, digits in zip(exact, group["price_digits"].to_list(), strict=True)
        )
        power = first["digits"] + wide - currency
        amount = int(
            rounded_down(np.array([scaled * 10 ** max(-power, 0)], dtype=object), 10 ** max(power, 0), book.rounding.amount)[0]
        )
        text = book.texts.per_row.format_map(
            {
                "description": first["text"],
                "quantity": decimal_text(int(group["quantity"].sum()), first["digits"]),
                "unit": first["unit"],
            }
        )
        made.append(
            {
                **first, "segment": 0, "component": "row", "quantity": -1 if amount < 0 else 1, "digits": 0, "price": abs(amount),
                "price_digits": currency, "unit": first["kind"], "text": text, "fill": 0, "claim": group["claim"].explode().to_list(),
            }
        )  # fmt: skip
    return pl.concat([entries.filter(~mine), pl.DataFrame(made, schema=entries.schema)])


@dataclass(frozen=True, slots=True)
class _Lines:
    """Line groups as columns: what their charges have in common, the sums of their quantities, and their number on the invoice."""

    frame: pl.DataFrame
    quantity: Ints
    number: Ints
    descriptions: tuple[str, ...]


def _lines(book: RuleBook, entries: pl.DataFrame) -> tuple[_Lines, Ints]:
    keyed = entries.select(_KEYS)
    first = keyed.unique(maintain_order=True).with_row_index("group")
    group = ints(keyed.join(first, on=list(_KEYS), how="left", nulls_equal=True, maintain_order="left")["group"].to_numpy())
    count = len(first)
    quantity = _wide_sums(group, entries["quantity"].to_numpy().astype(np.int64), count)
    fill = _wide_sums(group, entries["fill"].to_numpy().astype(np.int64), count)
    listed = _listed(entries, group)
    descriptions = []
    for number, row in enumerate(first.iter_rows(named=True)):
        text = row["text"].replace(LISTED, listed.get(number, ""))
        if fill[number]:
            worked = decimal_text(int(quantity[number] - fill[number]), row["digits"])
            told = {"description": text, "worked": worked, "fill": decimal_text(int(fill[number]), row["digits"])}
            text = book.texts.with_fill.format_map(told)
        descriptions.append(text)
    return _Lines(first, quantity, _numbers(book, first, descriptions), tuple(descriptions)), group


def _wide_sums(group: Ints, values: Ints, count: int) -> Ints:
    largest = int(np.abs(values).max()) if len(values) else 0
    wide: Exact = values if largest * max(len(values), 1) < 2**62 else values.astype(object)
    return narrow(group_sums(group, wide, count), "the quantity of a line")


def _listed(entries: pl.DataFrame, group: Ints) -> Mapping[int, str]:
    """The values that descriptions list, by line group."""
    told = entries.with_columns(group=pl.Series(group)).filter(
        (pl.col("listed") != "") & pl.col("text").str.contains(LISTED, literal=True)
    )
    found = {}
    for row in told.group_by("group").agg(pl.col("listed").unique().sort()).iter_rows(named=True):
        found[int(row["group"])] = shortened(row["listed"], _LISTED_MAX)
    return found


def _numbers(book: RuleBook, lines: pl.DataFrame, descriptions: list[str]) -> Ints:
    """The line number of each group within its invoice, from 1: by section, item, description, price."""
    items = {item: place for place, item in enumerate(book.items)}

    def place(row: tuple[int, Mapping[str, object]]) -> tuple[object, ...]:
        at, line = row
        price = int(str(line["price"])) * 10 ** (12 - int(str(line["price_digits"])))
        return (
            line["account"], line["split"], line["section"], items[str(line["item"])], reading_order(descriptions[at]),
            descriptions[at], price, line["price_digits"],
            line["origin"], line["unit"], line["digits"], line["refs"],
        )  # fmt: skip

    ordered = sorted(enumerate(lines.iter_rows(named=True)), key=place)
    number, last, count = np.zeros(len(ordered), dtype=np.int64), ("", ""), 0
    for at, line in ordered:
        invoice = (line["account"], line["split"])
        count = count + 1 if invoice == last else 1
        number[at], last = count, invoice
    return number


def _amounts(book: RuleBook, lines: _Lines) -> tuple[Ints, Ints]:
    """For each line its amount in minor units, and the power of ten between those and its exact amount (below zero: they are finer)."""
    frame = lines.frame
    total = product(lines.quantity, frame["price"].to_numpy().astype(np.int64))
    minor = {name: CURRENCY_DIGITS[account.currency] for name, account in book.accounts.items()}
    currency = frame["account"].replace_strict(list(minor), list(minor.values()), return_dtype=pl.Int64)
    power = ints((frame["digits"] + frame["price_digits"] - currency).to_numpy())
    amounts: Exact = np.zeros(len(total), dtype=object)
    for each in np.unique(power).tolist():
        some = power == each
        amounts[some] = rounded_down(scaled_up(total[some], 10 ** max(-each, 0)), 10 ** max(each, 0), book.rounding.amount)
    return narrow(amounts, "a line"), power


def _shared(exact: Exact, power: Ints, totals: Ints, group: Ints, order: Ints) -> Ints:
    """The amount of each backup row, in backup order: its line's amount shared over the exact values."""
    amounts = np.zeros(len(order), dtype=np.int64)
    groups = group[order]
    for each in np.unique(power).tolist():
        rows = np.flatnonzero(power[groups] == each)
        numbers, place = np.unique(groups[rows], return_inverse=True)
        by_line = np.argsort(place, kind="stable")
        wide = scaled_up(exact[order[rows[by_line]]], 10 ** max(-each, 0))
        amounts[rows[by_line]] = share_out(ints(place[by_line]), wide, 10 ** max(each, 0), totals[numbers])
    return amounts


def _invoice(
    book: RuleBook, account: str, split: str, period: Period, groups: list[int], lines: _Lines, totals: Ints, backup: pl.DataFrame
) -> Invoice:
    spans = backup.group_by("line", maintain_order=True).agg(
        pl.len().alias("rows"), pl.col("service_day").min().alias("first"), pl.col("last_day").max().alias("last")
    )  # fmt: skip
    days = dict(zip(spans["line"].to_list(), spans.iter_rows(named=True), strict=True))
    hashes = _hashes(backup)
    found = []
    for number, group in enumerate(groups, start=1):
        row = lines.frame.row(group, named=True)
        if lines.number[group] != number:
            raise InvariantError(f"{account}: lines are out of order; this is a fault of the engine, nothing was written")
        item, span, refs = book.items[row["item"]], days[number], references(row["refs"])
        found.append(
            LineItem(
                line=number, key=line_key(account, split, row["section"], item.item, row["text"], row["unit"], item.tax_class, refs, row["origin"]),
                origin=row["origin"], section=row["section"], item=item.item, description=lines.descriptions[group], unit=row["unit"],
                quantity=Decimals(int(lines.quantity[group]), row["digits"]), price=Decimals(row["price"], row["price_digits"]),
                amount=int(totals[group]), tax_class=item.tax_class, service_from=date.fromisoformat(span["first"]),
                service_to=date.fromisoformat(span["last"]), backup=BackupHash(span["rows"], hashes[number]), refs=refs,
            )
        )  # fmt: skip
    whole = BackupHash(len(backup), sha256(canonical_text(backup.select(BACKUP_COLUMNS))))
    currency = book.accounts[account].currency
    return Invoice(account, currency, period.start, period.end, book.texts.subject, tuple(found), whole, split=split or None)


def _hashes(backup: pl.DataFrame) -> dict[int, str]:
    """The hash of the canonical text of each line's rows."""
    header, *rows = canonical_text(backup.select(BACKUP_COLUMNS)).splitlines(keepends=True)
    starts = [0, *(np.flatnonzero(np.diff(backup["line"].to_numpy())) + 1).tolist(), len(rows)]
    numbers = backup["line"].to_numpy()
    return {int(numbers[a]): sha256(header + b"".join(rows[a:b])) for a, b in pairwise(starts)}
