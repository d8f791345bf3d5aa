"""Which archived run a proof is of, and whether a pack says of it what the archive says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine.canonical import Json
from engine.ports import Archive
from engine.proof.arithmetic import ProofError


@dataclass(frozen=True, slots=True)
class ProvedRun:
    """The run that made a document: its period and number, whom its document is for, the hash of the body, and its seal."""

    period: str
    run: int
    account: str
    body: str
    seal: Mapping[str, Any]  # Any: plain JSON

    def canonical(self) -> dict[str, Json]:
        """What a manifest says of the run."""
        return {"period": self.period, "run": self.run, "body_sha256": self.body, "seal": dict(self.seal)}


def run_of(archive: Archive, number: str, run: int | None = None) -> ProvedRun:
    """The run that issued a document, or else the newest that made it, or the one asked for; refuses what cannot be proved."""
    found = [each for each in _runs(archive, number) if run is None or each[1]["run"] == run]
    if not found:
        of_run = f" in run {run}" if run is not None else ""
        raise ProofError(
            f"the archive has no document {number!r}{of_run}.\nReplay its period first; `inforce replay PERIOD` lists the documents."
        )
    period, manifest, entry = next((each for each in found if each[1]["status"] == "issued"), found[-1])
    seal = manifest["seal"]
    if manifest.get("corrects"):
        raise ProofError(
            f"{number} is a correction: it is made of two documents, not of activity.\nProve the documents that it corrects."
        )
    if seal["commit"] is None or seal["dirty"]:
        why = "the rule book was in no commit" if seal["commit"] is None else "the rule book had changes that were in no commit"
        raise ProofError(
            f"{number}: when run {manifest['run']} of {period} was made, {why}, so nothing ties its rates to a commit.\n"
            f"Commit the rule book, replay the period and prove that run."
        )
    return ProvedRun(period, manifest["run"], entry["account"], entry["body"], seal)


def against_archive(archive: Archive, files: Mapping[str, bytes]) -> int:
    """How many rows of activity of a pack are in the archive's snapshot; refuses a pack that says otherwise than the archive."""
    manifest = json.loads(files["manifest.json"])
    number = manifest["number"]
    run = run_of(archive, number, manifest["run"])
    for what, said, kept in (("body", manifest["body_sha256"], run.body), ("seal", manifest["seal"], dict(run.seal))):
        if said != kept:
            raise ProofError(f"{number}: the {what} of the pack is {said}, the archive's run {run.run} has {kept}.")
    activity = json.loads(files["activity.json"])
    known: dict[str, set[str]] = {}
    for kind, told in activity["kinds"].items():
        texts = (archive.get(told[name]).decode() for name in ("snapshot", "context"))
        known[kind] = {line for text in texts for line in text.split("\n")}
    for row in activity["rows"]:
        if row not in known[row.split("|")[0]]:
            raise ProofError(f"{number}: the snapshot of run {run.run} has no row {row!r}.")
    return len(activity["rows"])


def _runs(archive: Archive, number: str) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """The runs that made a document, oldest first."""
    for period in archive.periods():
        for _, manifest in archive.runs(period):
            for entry in manifest["documents"]:
                if entry["number"] == number:
                    yield period, manifest, entry
