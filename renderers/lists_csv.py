"""The lists of rows that are not billed, as CSV: rejected with cure, held and not billed with the deciding rule."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine.activity import Fate, Reject
from engine.backup import csv_text
from renderers.characters import spreadsheet_text


def rejects_csv(rejects: Iterable[Reject]) -> bytes:
    """Rejected rows: where, which value, what is wrong, and the cure."""
    header = ("code", "file", "row", "column", "value", "message", "cure")
    return _csv(header, ((r.code, r.file, str(r.row), r.column, r.value, r.message, r.cure) for r in rejects))


def fates_csv(fates: Iterable[Fate]) -> bytes:
    """Held or not billed rows: which, and the rule that decided."""
    header = ("rule", "account", "file", "row", "source", "id", "revision")
    return _csv(header, ((f.rule, f.account, f.file, str(f.row), f.source, f.id, str(f.revision)) for f in fates))


def _csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    return csv_text([header, *([spreadsheet_text(cell) for cell in row] for row in rows)])
