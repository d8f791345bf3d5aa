"""The backup rows of an invoice as CSV for people: the canonical rows with workers' names, safe to open in a spreadsheet.

The hashed text, without names and guards, is `engine.backup.canonical_backup`.
"""

from __future__ import annotations

from engine.backup import csv_text
from engine.invoice import BACKUP_COLUMNS, BackupRow, Document
from engine.money import decimal_text
from renderers.characters import spreadsheet_number, spreadsheet_text

_AFTER_WORKER = BACKUP_COLUMNS.index("worker") + 1
COLUMNS = (*BACKUP_COLUMNS[:_AFTER_WORKER], "worker_name", *BACKUP_COLUMNS[_AFTER_WORKER:])
_NUMBERS = frozenset({"line", "segment", "quantity", "price", "exact", "amount"})


def render(document: Document) -> bytes:
    """The backup rows as UTF-8 CSV; amounts with the currency's digits, texts guarded against spreadsheet formulas."""
    return csv_text([COLUMNS, *(_cells(document, row) for row in document.backup)])


def _cells(document: Document, row: BackupRow) -> list[str]:
    cells = dict(zip(BACKUP_COLUMNS, row.canonical(), strict=True))
    cells["amount"] = decimal_text(row.amount, document.invoice.digits)
    cells["worker_name"] = document.worker_names.get(row.worker, "")
    return [spreadsheet_number(cells[name]) if name in _NUMBERS else spreadsheet_text(cells[name]) for name in COLUMNS]
