"""Documents as the archive knows them: which run made each, with which knowledge, and what of that knowledge is still there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from engine.knowledge import Knowledge
from engine.pipeline import Preview
from engine.ports import Archive
from engine.problems import InforceError
from engine.ratebook.history import History, HistoryError
from engine.replay import draft_number

_NEAR = 5


class NotArchivedError(InforceError):
    """The archive has no such document."""


class NotReproducedError(InforceError):
    """A document cannot be made again, so nothing is said of how it was made."""


@dataclass(frozen=True, slots=True)
class ArchivedDocument:
    """A document with the run that made it. `body` is the hash of its body; `seal` is that of the run.

    `corrects`: it is a correction, made of documents, not of activity.
    """

    number: str
    account: str
    period: str
    run: int
    status: str
    body: str
    backup: str
    seal: Mapping[str, Any]  # Any: plain JSON
    corrects: bool

    @property
    def commit(self) -> str | None:
        """The commit whose rule book it was made with; None if the rule book was in none."""
        commit: str | None = None if self.seal["dirty"] else self.seal["commit"]
        return commit

    @property
    def sequence(self) -> int | None:
        """The sequence of the activity that it was made of, if the run knows one."""
        sequence: int | None = self.seal.get("sequence")
        return sequence


def find_document(archive: Archive, number: str) -> ArchivedDocument:
    """The issued document of a number, or that of the newest run; refuses a number that no run has, with the nearest ones."""
    every = [each for period in archive.periods() for each in _documents(archive, period)]
    found = [each for each in every if each.number == number]
    if not found:
        known = sorted({each.number for each in every})
        near = get_close_matches(number, known, _NEAR, 0) if known else []
        said = f"The nearest are {', '.join(near)}." if near else "The archive has no documents yet."
        raise NotArchivedError(
            f"no archived run has a document {number!r}.\n{said}\nReplay its period first; `inforce replay PERIOD` lists the documents."
        )
    return next((each for each in found if each.status == "issued"), found[-1])


def standing_documents(archive: Archive, period: str) -> tuple[ArchivedDocument, ...]:
    """What stands of a period: of each account what is issued, else what the newest run that billed it made; no corrections."""
    found: dict[str, ArchivedDocument] = {}
    billed: set[str] = set()
    everybody = False
    issued = {each.number: each for each in _documents(archive, period) if each.status == "issued" and not each.corrects}
    accounts = {each.account for each in issued.values()}
    for _, manifest in reversed(archive.runs(period)):
        if manifest.get("corrects") or manifest["status"] == "issued" or everybody:
            continue
        for each in _of_run(period, manifest):
            if each.account not in billed | accounts:
                found.setdefault(each.number, each)
        billed.update(manifest["accounts"])
        everybody = not manifest["accounts"]
    return tuple(sorted([*issued.values(), *found.values()], key=lambda each: each.number))


def issued_corrections(archive: Archive, period: str) -> tuple[ArchivedDocument, ...]:
    """The issued corrections of a period, in the order in which they were issued."""
    return tuple(each for each in _documents(archive, period) if each.status == "issued" and each.corrects)


def _documents(archive: Archive, period: str) -> Iterator[ArchivedDocument]:
    for _, manifest in archive.runs(period):
        yield from _of_run(period, manifest)


def _of_run(period: str, manifest: Mapping[str, Any]) -> Iterator[ArchivedDocument]:
    for each in manifest["documents"]:
        yield ArchivedDocument(
            each["number"], each["account"], period, manifest["run"], manifest["status"], each["body"], each["backup"], manifest["seal"],
            bool(manifest.get("corrects")),
        )  # fmt: skip


def knowledge_of(document: ArchivedDocument, archive: Archive, history: History | None) -> tuple[Knowledge, tuple[str, ...]]:
    """The knowledge that a document was made with, as far as it is still there, and what is missing, in words."""
    missing: list[str] = []
    commit, sequence = document.commit, document.sequence
    if commit is None:
        why = "was in no commit" if document.seal["commit"] is None else "had changes that are in no commit"
        missing.append(f"the rule book {why} when run {document.run} of {document.period} was made")
    else:
        try:
            if history is None:
                raise HistoryError("the workspace is not in a git repository")
            history.resolve(commit)
        except HistoryError as error:
            missing.append(f"commit {commit[:12]} of the rule book is gone: {error.first_line.rstrip('.')}")
            commit = None
    if sequence is None:
        missing.append(f"run {document.run} of {document.period} does not know which activity it was made of")
    else:
        try:
            for each in archive.taken(sequence):
                archive.path_of(each.sha256)
        except InforceError as error:  # gone, or damaged
            missing.append(f"the activity of sequence {sequence} is gone: {error.first_line.rstrip('.')}")
            sequence = None
    return Knowledge(commit, sequence), tuple(missing)


def bodies(preview: Preview) -> dict[str, str]:
    """The hashes of the bodies of a preview, by the number of their document."""
    return {draft_number(each.invoice, preview.period): each.invoice.body_sha256() for each in preview.assembled}


def prove(document: ArchivedDocument, made: Mapping[str, str], missing: tuple[str, ...], versions: Mapping[str, str]) -> None:
    """Refuses documents made again, by the hashes of their bodies, if one does not have the body that the archive has."""
    now = made.get(document.number)
    if now == document.body:
        return
    what = f"has body {now[:12]}, not {document.body[:12]}" if now is not None else "is not made"
    if missing:
        raise NotReproducedError(
            f"{document.number}: {'; '.join(missing)}.\nWith the present files instead the document {what}, so they cannot explain it.\n"
            f"Restore what is missing, or replay {document.period} with the present rule book and explain that."
        )
    then = document.seal["versions"]
    other = [
        f"{name} {then[name]} (now {versions[name]})" for name in sorted(then) if versions.get(name, then[name]) != then[name]
    ]
    raise NotReproducedError(
        f"{document.number}: made again from commit {str(document.commit)[:12]} and activity {document.sequence}, the document {what}.\n"
        f"It was made with {', '.join(other) or 'the same versions of everything, so this is a fault of the engine'}."
    )


def kept_line(archive: Archive, document: ArchivedDocument, line: int) -> dict[str, Any]:
    """A line of a document as the archive has it."""
    lines = json.loads(archive.get(document.body))["lines"]
    if not 0 < line <= len(lines):
        raise NotArchivedError(f"{document.number} has lines 1 to {len(lines)}, not {line}.")
    found: dict[str, Any] = lines[line - 1]
    return found


def billed_anew(document: ArchivedDocument, kept: Mapping[str, Any], preview: Preview) -> tuple[str, int]:
    """The line of a preview that a correction bills anew: its document and number."""
    for each in preview.assembled:
        for line in each.invoice.lines:
            figures = (line.key, str(line.quantity), str(line.price), line.amount)
            if figures == (kept["key"], kept["quantity"], kept["price"], kept["amount"]):
                return draft_number(each.invoice, preview.period), line.line
    raise NotReproducedError(
        f"{document.number} line {kept['line']}: replayed with the knowledge that the correction was made with, there is no such line.\n"
        f"Explain what it corrects: {kept['corrects']['invoice'] if kept['corrects'] else 'nothing'}."
    )
