"""The report of an impact as CSV for a spreadsheet: a row for each document and each change that moves some of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.backup import csv_text
from engine.gate import Verdict
from engine.impact import Impact, MovedDocument, Section
from engine.money import CURRENCY_DIGITS, decimal_text
from renderers.characters import spreadsheet_text
from renderers.impact_view import Context, cause_of, changes_by_id, place_of

COLUMNS = (
    "section", "period", "document", "account", "currency", "document_before", "document_after", "document_change",
    "by", "where", "change", "unsound",
)  # fmt: skip


def render(impact: Impact, _verdicts: Sequence[Verdict], _context: Context) -> str:
    """The rows; amounts in full, so those of the estimate are of its past months. `change` may be added up, the others stand repeated."""
    rows = (row for section in impact.sections for document in section.documents for row in _rows(impact, section, document))
    return csv_text([COLUMNS, *rows]).decode()


def _rows(impact: Impact, section: Section, document: MovedDocument) -> Iterator[tuple[str, ...]]:
    digits, known = CURRENCY_DIGITS[document.currency], changes_by_id(impact)
    amounts = [
        "" if minor is None else decimal_text(minor, digits) for minor in (document.before, document.after, document.change)
    ]
    names = tuple(map(spreadsheet_text, (section.state, document.period, document.number, document.account, document.currency)))
    for by, amount in document.by.items() or [("", 0)]:
        where = " + ".join(place_of(each) for each in cause_of(by, amount, known).changes)
        moved = decimal_text(amount, digits)
        yield (*names, *amounts, spreadsheet_text(by), spreadsheet_text(where), moved, spreadsheet_text(document.unsound))
