"""A pack that proves a document: made from what the archive has of it, or read and held against that."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from commands.opened import AsOf, open_workspace, place_of, previews
from commands.terminal import refuse
from engine.canonical import sha256

if TYPE_CHECKING:
    from engine.canonical import Json
    from engine.proof.run import ProvedRun


@dataclass(frozen=True, slots=True)
class Proved:
    """A pack, where it is, and what it proves, in words."""

    number: str
    path: Path
    data: bytes
    proved: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """The hash of the pack."""
        return sha256(self.data)

    def canonical(self) -> dict[str, Json]:
        """It as plain JSON."""
        return {
            "number": self.number,
            "path": str(self.path),
            "bytes": len(self.data),
            "sha256": self.sha256,
            "proved": list(self.proved),
        }


def proved(folder: Path, number: str, run: int | None, out: Path | None) -> Proved:
    """The pack of a document, verified and then written."""
    from engine.proof.run import run_of
    from renderers.proof import verified

    place = place_of(folder)
    found = run_of(place.archive, number, run)
    beside = place.space.folder / "out" / found.period
    path = out or (beside if beside.is_dir() else Path()) / f"{number}.proof.zip"
    data = _pack(folder, number, found, beside / f"{number}.pdf")
    said = verified(data, beside)
    path.write_bytes(data)
    return Proved(number, path, data, tuple(said))


def checked_pack(folder: Path, number: str | None, path: Path) -> Proved:
    """A pack that somebody has, of a document if one is named, verified and compared with the archive."""
    from engine.proof.run import against_archive
    from renderers.proof import read_pack, verified

    archive = place_of(folder).archive
    if not path.is_file():
        refuse(f"there is no file {path}")
    data = path.read_bytes()
    said = verified(data, path.parent)
    pack = read_pack(data)
    if number is not None and pack.number != number:
        refuse(f"{path} is the proof of {pack.number}, not of {number}")
    rows = against_archive(archive, pack.files)
    return Proved(pack.number, path, data, (*said, f"{rows} rows of activity, the seal and the body are those of the archive"))


def _pack(folder: Path, number: str, found: ProvedRun, pdf: Path) -> bytes:
    """The pack that proves a document, which is made once more and must be what the archive has."""
    from connectors.workspace import read_parties
    from engine.dates import period_named
    from engine.proof.arithmetic import ProofError
    from engine.proof.files import Rules, prove
    from engine.replay import documents
    from renderers.proof import pack

    commit = found.seal["commit"]
    opened = open_workspace(folder, AsOf(rules_at=commit, activity_at=found.seal["sequence"]))
    history = opened.history
    if history is None:
        refuse(f"{opened.space.folder} is not in a git repository, so commit {commit} cannot be read")
    (preview,) = previews(opened, [period_named(found.period)], (), (found.account,), inside=True)
    made = {each.envelope.number: each for each in documents(preview, read_parties(opened.space.folder))}
    if number not in made or made[number].invoice.body_sha256() != found.body:
        what = "is not made" if number not in made else f"has body {made[number].invoice.body_sha256()}, not {found.body}"
        raise ProofError(
            f"{number}: made once more from what run {found.run} of {found.period} is sealed with, the document {what}.\n"
            f"`inforce replay {found.period} --known-at {commit} --verify` says what differs."
        )
    rules = Rules(opened.book, history.files_at(commit), commit, history.prefix, lambda paths: history.chain(commit, paths))
    beside = {"name": pdf.name, "sha256": sha256(pdf.read_bytes())} if pdf.is_file() else None
    return pack(prove(rules, preview, made[number], found.seal), {**found.canonical(), "number": number, "pdf": beside})
