"""An invoice body with its backup rows as columns: what assembling hands on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from engine.arrays import Ints, ints
from engine.canonical import Json, canonical_json, sha256
from engine.invoice import BACKUP_COLUMNS, BackupHash, BackupRow, Document, Envelope, Invoice, LineItem, Origin
from engine.money import Decimals, decimal_text, parse_decimal


@dataclass(frozen=True, slots=True)
class Assembled:
    """An invoice body and its backup rows: text columns in canonical order.

    `charge` is the charge each row stands for (the first of several; -1: none); `claims` are all charges it stands for.
    """

    invoice: Invoice
    backup: pl.DataFrame
    charge: Ints
    claims: Ints

    def document(self, envelope: Envelope, worker_names: Mapping[str, str]) -> Document:
        """The document a renderer takes."""
        rows = tuple(_row(cells) for cells in self.backup.iter_rows(named=True))
        return Document(self.invoice, envelope, rows, worker_names)

    def canonical_backup(self) -> bytes:
        """The backup rows as the canonical text that is hashed and archived."""
        return canonical_text(self.backup)


MADE = ("fee:", "coupon:", "window:")  # how components of lines begin that are made of others or of a window


@dataclass(frozen=True, slots=True)
class MadeLine:
    """A line that is made of other lines or of a window: `rows` are its backup rows as (id, note, quantity, price, amount)."""

    origin: Origin
    section: str
    item: str
    tax_class: str
    plain: str
    description: str
    unit: str
    quantity: Decimals
    price: Decimals
    amount: int
    first: date
    last: date
    kind: str
    component: str
    note: str
    rows: tuple[tuple[str, Decimals, int], ...]


def with_line(assembled: Assembled, made: MadeLine) -> Assembled:
    """The invoice with one more line at its end, and the rows behind it: each with an id, a quantity and an amount."""
    invoice = assembled.invoice
    number = len(invoice.lines) + 1
    rows = [
        {
            "line": number, "kind": made.kind, "source": "", "id": name, "segment": 0, "component": made.component, "service_day": str(made.last),
            "section": made.section, "worker": "", "start": "", "end": "", "item": made.item, "note": made.note, "quantity": str(quantity),
            "unit": made.unit, "price": str(made.price),
            "exact": decimal_text(quantity.units * made.price.units, quantity.digits + made.price.digits), "amount": amount,
        }
        for name, quantity, amount in made.rows
    ]  # fmt: skip
    more = pl.DataFrame(rows).select(pl.col(name).cast(kind) for name, kind in assembled.backup.schema.items())
    key = line_key(
        invoice.account, invoice.split or "", made.section, made.item, made.plain, made.unit, made.tax_class, (), made.origin
    )
    line = LineItem(
        line=number, key=key, origin=made.origin, section=made.section, item=made.item, description=made.description, unit=made.unit,
        quantity=made.quantity, price=made.price, amount=made.amount, tax_class=made.tax_class, service_from=made.first, service_to=made.last,
        backup=BackupHash(len(more), sha256(canonical_text(more))),
    )  # fmt: skip
    backup = pl.concat([assembled.backup, more])
    whole = BackupHash(len(backup), sha256(canonical_text(backup.select(BACKUP_COLUMNS))))
    body = replace(invoice, lines=(*invoice.lines, line), backup=whole)
    nothing = np.full(len(more), -1, dtype=np.int64)
    return replace(assembled, invoice=body, backup=backup, charge=ints(np.r_[assembled.charge, nothing]))


def taxed_on(line: LineItem) -> date:
    """The day whose tax rate a line has: its first service day; of a line that is made of others or of a window its last."""
    return line.service_from if line.origin in ("rated", "external") else line.service_to


def without_zero_lines(assembled: Assembled) -> Assembled:
    """The invoice without lines that say nothing: of amount 0, and nothing of it or at no price. Their charges stay claimed.

    Where no other line stands on the invoice they stay: what was billed is on an invoice.
    """
    invoice = assembled.invoice
    kept = [line for line in invoice.lines if line.amount or (line.quantity.units and line.price.units)]
    if not kept or len(kept) == len(invoice.lines):
        return assembled
    numbers = {line.line: number for number, line in enumerate(kept, start=1)}
    there = assembled.backup["line"].is_in(list(numbers))
    backup = assembled.backup.filter(there).with_columns(
        pl.col("line").replace_strict(list(numbers), list(numbers.values()), return_dtype=pl.Int64)
    )
    hashes = {number: canonical_text(mine) for (number,), mine in backup.group_by(["line"], maintain_order=True)}
    lines = tuple(
        replace(line, line=numbers[line.line], backup=BackupHash(line.backup.rows, sha256(hashes[numbers[line.line]])))
        for line in kept
    )
    whole = BackupHash(len(backup), sha256(canonical_text(backup)))
    return replace(
        assembled, invoice=replace(invoice, lines=lines, backup=whole), backup=backup, charge=assembled.charge[there.to_numpy()]
    )


def nothing_yet(invoice: Invoice) -> Assembled:
    """An invoice without lines."""
    schema = dict.fromkeys(BACKUP_COLUMNS, pl.String) | dict.fromkeys(("line", "segment", "amount"), pl.Int64)
    empty = pl.DataFrame(schema={name: schema[name] for name in BACKUP_COLUMNS})
    body = replace(invoice, backup=BackupHash(0, sha256(canonical_text(empty))))
    return Assembled(body, empty, ints([]), ints([]))


def line_key(
    account: str,
    split: str,
    section: str,
    item: str,
    plain: str,
    unit: str,
    tax_class: str,
    refs: Sequence[tuple[str, str]],
    origin: str,
) -> str:
    """What identifies a line over reruns and corrections (law 7.1); the price is not in it."""
    identity: list[Json] = [account, split or None, section, item, plain, unit, tax_class, dict(refs), origin]
    return sha256(canonical_json(identity))[:16]


def canonical_text(backup: pl.DataFrame) -> bytes:
    """Backup rows as the canonical text that is hashed; the columnar twin of `engine.backup.canonical_backup`."""
    # an empty text is no cell at all, as in `engine.backup.canonical_backup`
    bare = backup.with_columns(pl.col(pl.String).replace("", None))
    return bare.write_csv(quote_style="necessary", line_terminator="\n").encode()


def _row(cells: Mapping[str, Any]) -> BackupRow:  # Any: cells of several types
    return BackupRow(
        **{
            **cells,
            "service_day": date.fromisoformat(cells["service_day"]),
            "quantity": parse_decimal(cells["quantity"]),
            "price": parse_decimal(cells["price"]),
        }
    )
