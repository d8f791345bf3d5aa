"""An invoice body with its backup rows as columns: what assembling hands on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from engine.arrays import Ints
from engine.invoice import BackupRow, Document, Envelope, Invoice
from engine.money import parse_decimal


@dataclass(frozen=True, slots=True)
class Assembled:
    """An invoice body and its backup rows: text columns in canonical order, and for each row the charge it stands for."""

    invoice: Invoice
    backup: pl.DataFrame
    charge: Ints

    def document(self, envelope: Envelope, worker_names: Mapping[str, str]) -> Document:
        """The document a renderer takes."""
        rows = tuple(_row(cells) for cells in self.backup.iter_rows(named=True))
        return Document(self.invoice, envelope, rows, worker_names)

    def canonical_backup(self) -> bytes:
        """The backup rows as the canonical text that is hashed and archived."""
        return canonical_text(self.backup)


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
