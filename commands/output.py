"""The folder of files that a replayed period becomes: written, or compared with an earlier one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands.rendered import write_files
from commands.terminal import refuse, say

if TYPE_CHECKING:
    from engine.canonical import Json
    from engine.invoice import Document
    from engine.pipeline import Preview


def write_output(
    out: Path, rendered: Mapping[str, bytes], preview: Preview, made: Sequence[Document], seal: dict[str, Json]
) -> None:
    """Writes documents, lists, summary and seal."""
    from engine.canonical import canonical_json

    write_files(out, {**rendered, **_beside(preview, made), "seal.json": canonical_json(seal) + b"\n"})


def require_output(folder: Path) -> None:
    """Refuses a folder that holds no earlier output."""
    if not (folder / "summary.json").is_file():
        refuse(f"{folder} holds no earlier output (there is no summary.json in it)")


def compared_with(folder: Path, rendered: Mapping[str, bytes], preview: Preview, made: Sequence[Document]) -> list[str]:
    """How the files of an earlier output folder differ from those rendered now."""
    import renderers

    now = {**rendered, **_beside(preview, made)}
    suffixes = tuple(f".{each}" for each in renderers.formats())
    before = {path.name for path in folder.iterdir() if path.name.startswith("DRAFT-") and path.name.endswith(suffixes)}
    wanted = {document.envelope.number for document in made}
    found = [f"{folder / name}: there is no such document now" for name in sorted(before) if name.split(".")[0] not in wanted]
    for name, data in sorted(now.items()):
        path = folder / name
        if not path.is_file():
            found.append(f"{path}: is not there")
        elif path.read_bytes() != data:
            found.append(f"{path}: differs from what is rendered now ({path.stat().st_size:,} and {len(data):,} bytes)")
    say(
        f"{len(now) - len([each for each in found if 'no such document' not in each])} of {len(now)} files are identical with {folder}"
    )
    return found


def _beside(preview: Preview, made: Sequence[Document]) -> dict[str, bytes]:
    """The summary, and the three lists of rows that are not billed, as CSV a spreadsheet can open safely."""
    from engine.canonical import canonical_json
    from renderers.lists_csv import fates_csv, rejects_csv

    return {
        "rejected.csv": rejects_csv(preview.rejects),
        "held.csv": fates_csv(fate for fate in preview.fates if fate.fate == "held"),
        "not-billed.csv": fates_csv(fate for fate in preview.fates if fate.fate == "not billed"),
        "summary.json": canonical_json(summary_json(preview, made)) + b"\n",
    }


def summary_json(preview: Preview, made: Sequence[Document]) -> dict[str, Any]:  # Any: plain JSON
    """What became of a period's rows, and its documents with their totals."""
    from engine.replay import counts

    listed = [
        {
            "account": document.invoice.account, "number": document.envelope.number, "currency": document.invoice.currency,
            "lines": len(document.invoice.lines), "backup_rows": document.invoice.backup.rows, "total": document.invoice.total,
            "body_sha256": document.invoice.body_sha256(),
        }
        for document in made
    ]  # fmt: skip
    period = {"name": preview.period.name, "from": preview.period.start.isoformat(), "to": preview.period.end.isoformat()}
    return {
        "schema": "inforce.summary/1",
        "period": period,
        "rows": counts(preview),
        "snapshot": preview.snapshot,
        "documents": listed,
    }
