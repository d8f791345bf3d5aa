"""Replay: a period's documents from activity and rule book, put in the archive, or compared with what the archive holds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from engine.canonical import Json, canonical_json
from engine.dates import Period
from engine.invoice import Document, Envelope, Invoice, Party, Seal
from engine.pipeline import Preview
from engine.ports import Archive
from engine.problems import InforceError


class NoRunError(InforceError):
    """The archive has no run to compare with."""


@dataclass(frozen=True, slots=True)
class Parties:
    """Who sells, who buys, and how sites are called: printed, never part of a body."""

    seller: Party
    buyers: Mapping[str, Party]
    sites: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """A document that is not what it was: which, and what differs in words."""

    number: str
    what: str


def draft_number(invoice: Invoice, period: Period) -> str:
    """The number of a document before it has one: DRAFT-<account>-<period>[-<split>]."""
    return "-".join(part for part in ("DRAFT", invoice.account, period.name, invoice.split or "") if part)


def documents(preview: Preview, parties: Parties) -> tuple[Document, ...]:
    """The documents of a preview, with draft envelopes."""
    names = worker_names(preview)
    return tuple(
        each.document(draft_envelope(draft_number(each.invoice, preview.period), each.invoice, parties), names)
        for each in preview.assembled
    )


def seal(
    preview: Preview,
    meaning: str,
    semantics: int,
    commit: str | None,
    tree: str | None,
    dirty: bool,
    versions: Iterable[tuple[str, str]],
    sequence: int | None = None,
    day: date | None = None,
) -> Seal:
    """With which knowledge and versions a preview was made."""
    return Seal(
        commit, tree, dirty, meaning, preview.snapshot, preview.context, semantics, tuple(sorted(versions)), sequence, day
    )


def archive_run(
    archive: Archive, preview: Preview, made: Sequence[Document], sealed: Seal, accounts: Sequence[str], *, issue: bool = False,
    corrected: Sequence[Json] = (),
) -> int:  # fmt: skip
    """Keeps bodies, backup rows, snapshot and manifest of a run; returns the run's number in its period.

    `issue` marks the run's documents as issued until the ledger decides; whether they may be is for `engine.issued` to say.
    `corrected` is what corrections change and why; with it, the documents are corrections of what was issued before.
    """
    kept: list[Json] = []
    for assembled, document in zip(preview.assembled, made, strict=True):
        backup = archive.put(assembled.canonical_backup())
        body = archive.put(canonical_json(document.invoice.canonical()))
        kept.append(
            {
                "account": document.invoice.account,
                "number": document.envelope.number,
                "body": body,
                "backup": backup,
                "total": document.invoice.total,
            }
        )
    for text in preview.texts:
        archive.put(text)
    manifest: dict[str, Json] = {
        "schema": "inforce.run/1",
        "status": "issued" if issue else "draft",
        "period": {"name": preview.period.name, "from": preview.period.start.isoformat(), "to": preview.period.end.isoformat()},
        "accounts": list(accounts),
        "seal": sealed.canonical(),
        "documents": kept,
        "counts": counts(preview),
        **({"corrects": True, "corrected": corrected} if corrected else {}),
    }
    return archive.record(preview.period.name, manifest)


def counts(preview: Preview) -> dict[str, Json]:
    """How many rows were read, and what became of them."""
    names = {"rejected": "rejected", "elsewhere": "other_periods", "not billed": "not_billed", "held": "held", "billed": "billed"}
    return {"read": preview.read, **{said: preview.count(name) for name, said in names.items()}}


def verify(
    archive: Archive, period: Period, made: Sequence[Document], accounts: Sequence[str], commit: str | None = None
) -> tuple[int, tuple[Difference, ...]]:
    """An archived run of a period compared with documents made now: its number, and every difference in words.

    It is the last run that was made with the commit, if one is named and there is one, else the last of all.
    """
    runs = [(number, manifest) for number, manifest in archive.runs(period.name) if not manifest.get("corrects")]
    if not runs:
        raise NoRunError(f"the archive has no run of {period.name} to compare with.\nRun `inforce replay {period.name}` first.")
    same = [run for run in runs if commit is not None and run[1]["seal"]["commit"] == commit and not run[1]["seal"]["dirty"]]
    number, manifest = (same or runs)[-1]
    before = {each["number"]: each for each in manifest["documents"] if not accounts or each["account"] in accounts}
    after = {document.envelope.number: document for document in made}
    found = []
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            found.append(Difference(name, "was made then and is not now"))
        elif name not in before:
            found.append(Difference(name, "is made now and was not then"))
        elif before[name]["body"] != after[name].invoice.body_sha256():
            found.append(Difference(name, _in_words(json.loads(archive.get(before[name]["body"])), after[name].invoice)))
    return number, tuple(found)


def _in_words(before: dict[str, Any], now: Invoice) -> str:
    """The first lines that differ, with both figures."""

    def listed(lines: Iterable[Mapping[str, Any]]) -> dict[tuple[str, ...], tuple[str, int]]:
        return {(line["section"], line["description"], line["price"]): (line["quantity"], line["amount"]) for line in lines}

    old = listed(before["lines"])
    new = listed(line.canonical() for line in now.lines)
    changed = [key for key in sorted(old.keys() | new.keys(), key=str) if old.get(key) != new.get(key)]
    said = []
    for section, description, price in changed[:3]:
        was, made = (_figure(side.get((section, description, price)), price, now) for side in (old, new))
        said.append(f"{section}, {description}: was {was}, is {made}")
    more = f"; and {len(changed) - 3} more lines" if len(changed) > 3 else ""
    total = f"total was {now.money(int(before['total']))}, is {now.money(now.total)}"
    return "; ".join([total, *said]) + more


def _figure(line: tuple[str, int] | None, price: str, invoice: Invoice) -> str:
    return f"{line[0]} x {price} = {invoice.money(line[1])}" if line else "nothing"


def draft_envelope(number: str, invoice: Invoice, parties: Parties) -> Envelope:
    """Parties and names for a document that the ledger has not numbered yet."""
    sections = {line.section: parties.sites.get(line.section, line.section) for line in invoice.lines}
    buyer = parties.buyers.get(invoice.account, Party(invoice.account))
    return Envelope(number, parties.seller, buyer, sections)


def worker_names(preview: Preview) -> dict[str, str]:
    """Worker ids to names, as the activity gives them; rendered, never hashed."""
    if not preview.timed or "worker_name" not in preview.rated.activity.columns:
        return {}
    activity = preview.rated.activity
    frame = pl.DataFrame({"id": activity.worker.series(), "name": activity.columns["worker_name"].series()}).filter(
        pl.col("name") != ""
    )
    return dict(frame.unique().sort("id", "name").iter_rows())
