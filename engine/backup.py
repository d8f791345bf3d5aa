"""The backup rows behind an invoice as one canonical text: what is hashed, and what a machine reads."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from engine.invoice import BACKUP_COLUMNS, BackupRow


def canonical_backup(rows: Iterable[BackupRow]) -> bytes:
    r"""The rows as UTF-8 CSV: a header, RFC 4180 quotes only where they are needed, \n line ends, texts as they are."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(BACKUP_COLUMNS)
    writer.writerows(row.canonical() for row in rows)
    return text.getvalue().encode()
