"""The lines of an invoice as CSV for a spreadsheet: one row for each line, no totals."""

from __future__ import annotations

from engine.backup import csv_text
from engine.invoice import Document, LineItem
from engine.money import decimal_text
from renderers.characters import spreadsheet_text

COLUMNS = (
    "line", "section", "section_name", "item", "description", "unit",
    "quantity", "price", "amount", "service_from", "service_to", "currency", "tax_rate", "tax",
    "corrects_invoice", "corrects_line", "reason",
)  # fmt: skip


def render(document: Document) -> bytes:
    """The lines as UTF-8 CSV; amounts with the currency's digits, texts guarded against spreadsheet formulas."""
    return csv_text([COLUMNS, *(_cells(document, line) for line in document.invoice.lines)])


def _cells(document: Document, line: LineItem) -> tuple[str, ...]:
    name = document.envelope.sections.get(line.section, line.section)
    return (
        str(line.line),
        *(spreadsheet_text(text) for text in (line.section, name, line.item, line.description, line.unit)),
        str(line.quantity),
        str(line.price),
        decimal_text(line.amount, document.invoice.digits),
        line.service_from.isoformat(),
        line.service_to.isoformat(),
        document.invoice.currency,
        line.tax_rate or "",
        "" if line.tax is None else decimal_text(line.tax, document.invoice.digits),
        spreadsheet_text(line.corrects[0]) if line.corrects else "",
        str(line.corrects[1]) if line.corrects else "",
        spreadsheet_text(line.reason or ""),
    )
