"""The backup rows behind an invoice as one canonical text: what is hashed, and what a machine reads."""

from __future__ import annotations

import re
from collections.abc import Iterable

from engine.invoice import BACKUP_COLUMNS, BackupRow

_QUOTED = re.compile('[,"\r\n]')


def canonical_backup(rows: Iterable[BackupRow]) -> bytes:
    r"""The rows as UTF-8 CSV: a header, RFC 4180 quotes only where they are needed, \n line ends, texts as they are."""
    return csv_text([BACKUP_COLUMNS, *(row.canonical() for row in rows)])


def csv_text(rows: Iterable[Iterable[str]]) -> bytes:
    """Rows of cells as CSV. Our own, because which cells Python's csv module quotes has changed between its versions."""
    return "".join(",".join(map(_cell, row)) + "\n" for row in rows).encode()


def _cell(text: str) -> str:
    if not _QUOTED.search(text):
        return text
    return '"' + text.replace('"', '""') + '"'
