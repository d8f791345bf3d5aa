"""Issued documents: what was promised to a client. Until the ledger keeps them, the archive's runs say which documents are issued."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from engine.invoice import Document, Seal
from engine.ports import Archive
from engine.problems import InforceError, shortened

_SHOWN = 5  # accounts or periods in a message


class IssueError(InforceError):
    """A run cannot be marked as issued."""


@dataclass(frozen=True, slots=True)
class IssuedDocument:
    """An issued document as the archive knows it. `body` and `backup` are the hashes of their contents, `total` is in minor units.

    `commit`, `sequence` and `meaning` are the knowledge it was made with; `run` is the number of its run in the period.
    """

    number: str
    account: str
    period: str
    start: date
    end: date
    body: str
    backup: str
    total: int
    run: int
    commit: str | None
    sequence: int | None
    meaning: str
    corrects: bool


def issued(archive: Archive, period: str) -> tuple[IssuedDocument, ...]:
    """The issued documents of a period, corrections of it included, in the order in which they were issued."""
    found = []
    for run, manifest in archive.runs(period):
        if manifest["status"] != "issued":
            continue
        seal, span = manifest["seal"], manifest["period"]
        found += [
            IssuedDocument(
                each["number"], each["account"], period, date.fromisoformat(span["from"]), date.fromisoformat(span["to"]), each["body"],
                each["backup"], each["total"], run, seal["commit"], seal["sequence"], seal["meaning"], bool(manifest.get("corrects")),
            )
            for each in manifest["documents"]
        ]  # fmt: skip
    return tuple(found)


def all_issued(archive: Archive) -> tuple[IssuedDocument, ...]:
    """The issued documents of all periods, by period."""
    return tuple(each for period in archive.periods() for each in issued(archive, period))


def check_issue(archive: Archive, period: str, start: date, end: date, made: Sequence[Document], sealed: Seal) -> bool:
    """Whether there is anything new to issue; refuses what was not made from a commit, or bills days of an account a second time."""
    check_sealed(sealed)
    bodies = {document.envelope.number: document.invoice.body_sha256() for document in made}
    before = [each for each in all_issued(archive) if not each.corrects and each.start < end and start < each.end]
    mine = {each.account for each in before} & {document.invoice.account for document in made}
    if not mine:
        return True
    there = {each.number: each.body for each in before if each.period == period}
    again = {document.envelope.number for document in made if document.invoice.account in mine}
    already = f"{period} is already issued for {shortened(sorted(mine), _SHOWN)}"
    if all(there.get(number) == bodies[number] for number in again):
        others = {document.invoice.account for document in made} - mine
        if not others:
            return False
        raise IssueError(f"{already}.\nIssue it for the others: {' '.join(f'--account {each}' for each in sorted(others))}.")
    theirs = [each for each in before if each.account in mine]
    raise IssueError(
        f"{already} (run {max(each.run for each in theirs)} of {shortened(sorted({each.period for each in theirs}), _SHOWN)}), "
        f"and the documents differ now.\n"
        f"An issued invoice is never changed: `inforce correct {period}` makes the lines that put it right."
    )


def check_sealed(sealed: Seal) -> None:
    """Refuses to issue what was not made from a commit."""
    if sealed.commit is None or sealed.dirty:
        why = "the rule book is in no commit" if sealed.commit is None else "the rule book has changes that are in no commit"
        raise IssueError(f"{why}, so an invoice made with it could not be made again.\nCommit it (`git commit`), then issue.")


def issued_accounts(archive: Archive, period: str) -> frozenset[str] | None:
    """The accounts whose invoices of a period are issued, also those that had none; None: all accounts."""
    found: set[str] = set()
    for _, manifest in archive.runs(period):
        if manifest["status"] == "issued" and not manifest.get("corrects"):
            if not manifest["accounts"]:
                return None
            found |= set(manifest["accounts"])
    return frozenset(found)
