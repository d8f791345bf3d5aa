"""Periods computed from the rules in force: compared with what was made before, or kept in the archive and written into files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands.cores import cores
from commands.opened import Opened, previews
from commands.output import compared_with, require_output, summary_json, write_output
from commands.rendered import rendered
from commands.sealed import note, sealed
from commands.terminal import progress, say

if TYPE_CHECKING:
    from engine.invoice import Document, Seal
    from engine.pipeline import Preview


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a replay is asked for."""

    period: str
    formats: tuple[str, ...]
    files: tuple[Path, ...] = ()
    accounts: tuple[str, ...] = ()
    out: Path | None = None
    issue: bool = False
    verify: bool = False
    against: Path | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What remains of a replayed period when its rows are let go."""

    summary: dict[str, Any]  # Any: plain JSON
    text: str
    differences: tuple[str, ...]
    needs_person: bool


def replayed(opened: Opened, wanted: Wanted, jobs: int | None = None) -> tuple[Told, ...]:
    """Each of the periods, one after the other; rated and rendered in `jobs` processes, or one for each core."""
    return tuple(_told(*each) for each in _periods(opened, wanted, jobs or cores()))


def _told(preview: Preview, made: tuple[Document, ...], differences: tuple[str, ...]) -> Told:
    from renderers.summary_text import render_summary

    needs = bool(preview.count("rejected") + preview.count("held"))
    return Told(summary_json(preview, made), render_summary(preview, made), differences, needs)


def _periods(opened: Opened, wanted: Wanted, jobs: int) -> Iterator[tuple[Preview, tuple[Document, ...], tuple[str, ...]]]:
    from connectors.workspace import read_parties
    from engine.dates import parse_periods
    from engine.replay import documents

    periods = parse_periods(wanted.period)
    parties = read_parties(opened.space.folder)
    with progress("replaying", len(periods)) as advance:
        for preview in previews(opened, periods, wanted.files, wanted.accounts, jobs=jobs):
            made = documents(preview, parties)
            folder = wanted.out / preview.period.name if wanted.out is not None and len(periods) > 1 else wanted.out
            against = wanted.against / preview.period.name if wanted.against is not None and len(periods) > 1 else wanted.against
            yield preview, made, _kept(opened, replace(wanted, out=folder, against=against), preview, made, jobs)
            advance()


def _kept(opened: Opened, wanted: Wanted, preview: Preview, made: tuple[Document, ...], jobs: int) -> tuple[str, ...]:
    """Compares a replayed period, or keeps it in the archive and writes its files; what differs, in words."""
    found: list[str] = []
    if wanted.against is not None:
        require_output(wanted.against)
    if wanted.out is not None:  # before anything is kept, for it may be a place that cannot be written
        wanted.out.mkdir(parents=True, exist_ok=True)
    if wanted.verify:
        found += _verified(opened, wanted, preview, made)
    kept = None if wanted.against is not None else opened.space.archive / "rendered"
    files = rendered(made, wanted.formats, jobs, kept) if wanted.out is not None or wanted.against is not None else {}
    if wanted.against is not None:
        found += compared_with(wanted.against, files, preview, made)
    if wanted.verify:
        return tuple(found)
    seal = _archived(opened, wanted, preview, made)
    if wanted.out is not None:
        write_output(wanted.out, files, preview, made, seal.canonical())
    return tuple(found)


def _verified(opened: Opened, wanted: Wanted, preview: Preview, made: tuple[Document, ...]) -> list[str]:
    from engine.replay import verify

    number, differences = verify(opened.archive, preview.period, made, wanted.accounts, opened.known.commit)
    differing = {difference.number for difference in differences}
    same = sum(document.envelope.number not in differing for document in made)
    say(f"{preview.period.name}: {same} of {len(made)} documents are identical with run {number}")
    return [f"{difference.number}: {difference.what}" for difference in differences]


def _archived(opened: Opened, wanted: Wanted, preview: Preview, made: tuple[Document, ...]) -> Seal:
    """Keeps a run in the archive, and what was known when it was made; a question about another day is answered and not kept."""
    from engine.issued import check_issue
    from engine.replay import archive_run

    archive, period = opened.archive, preview.period
    seal = sealed(opened, preview, wanted.files, pdf=wanted.out is not None and "pdf" in wanted.formats)
    if opened.known.day is not None:
        return seal
    if wanted.issue and not check_issue(archive, period.name, period.start, period.end, made, seal):
        say(f"{period.name}: these documents are issued already; nothing was written")
        return seal
    run = archive_run(archive, preview, made, seal, wanted.accounts, issue=wanted.issue)
    if not wanted.files:
        note(opened, seal)
    dirty = " (the rule book has uncommitted changes)" if opened.state.dirty else ""
    say(f"{period.name}: run {run} is in the archive{', issued' if wanted.issue else ''}{dirty}")
    return seal
