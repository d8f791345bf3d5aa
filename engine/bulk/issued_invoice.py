"""An issued document read back from the bytes the archive keeps: body and backup rows as they were made."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from engine.arrays import ints
from engine.bulk.assembled import Assembled, canonical_text
from engine.canonical import canonical_json, sha256
from engine.invoice import SCHEMA, BackupHash, Invoice, LineItem, TaxTotal
from engine.money import parse_decimal
from engine.problems import InforceError

_NUMBERS = ("line", "segment", "amount")


class IssuedInvoiceError(InforceError):
    """The bytes kept for a document are not what was issued."""


@dataclass(frozen=True, slots=True)
class IssuedInvoice:
    """A document that was promised: its number, and body and backup rows as they were issued."""

    number: str
    assembled: Assembled

    @property
    def invoice(self) -> Invoice:
        """The body."""
        return self.assembled.invoice


def read_issued(number: str, body: bytes, backup: bytes) -> IssuedInvoice:
    """The document of a canonical body and its canonical backup rows; refuses bytes that do not say exactly what is read from them."""
    told = json.loads(body)
    if told.get("schema") != SCHEMA:
        raise IssuedInvoiceError(f"{number}: its body is of schema {told.get('schema')!r}; this engine reads {SCHEMA!r}.")
    invoice, rows = _invoice(told), _rows(backup)
    if canonical_json(invoice.canonical()) != body or canonical_text(rows) != backup:
        raise IssuedInvoiceError(f"{number}: what is kept of it is not canonical.\nRestore the archive from a backup.")
    if invoice.backup != BackupHash(len(rows), sha256(backup)):
        raise IssuedInvoiceError(
            f"{number}: its backup rows are not those that its body was made with.\nRestore the archive from a backup."
        )
    return IssuedInvoice(number, Assembled(invoice, rows, ints(np.full(len(rows), -1)), ints([])))


def _rows(backup: bytes) -> pl.DataFrame:
    titles, *rows = csv.reader(io.StringIO(backup.decode(), newline=""), strict=True)
    frame = pl.DataFrame(rows, schema=dict.fromkeys(titles, pl.String), orient="row")
    return frame.with_columns(pl.col(name).cast(pl.Int64) for name in _NUMBERS)


def _invoice(told: Mapping[str, Any]) -> Invoice:  # Any: parsed JSON
    return Invoice(
        account=told["account"],
        currency=told["currency"],
        start=date.fromisoformat(told["period"]["from"]),
        end=date.fromisoformat(told["period"]["to"]),
        subject=told["subject"],
        lines=tuple(map(_line, told["lines"])),
        backup=BackupHash(**told["backup"]),
        kind=told["kind"],
        split=told["split"],
        sequence=told["sequence"],
        taxes=tuple(map(_tax, told["taxes"])),
    )


def _line(told: Mapping[str, Any]) -> LineItem:  # Any: parsed JSON
    corrects = told["corrects"]
    read = {
        "quantity": parse_decimal(told["quantity"]),
        "price": parse_decimal(told["price"]),
        "service_from": date.fromisoformat(told["service_from"]),
        "service_to": date.fromisoformat(told["service_to"]),
        "refs": tuple(told["refs"].items()),
        "corrects": (corrects["invoice"], corrects["line"]) if corrects else None,
        "backup": BackupHash(**told["backup"]),
    }
    return LineItem(**{**told, **read})


def _tax(told: Mapping[str, Any]) -> TaxTotal:  # Any: parsed JSON
    named = {name: value for name, value in told.items() if name != "class"}
    return TaxTotal(tax_class=told["class"], **named)
