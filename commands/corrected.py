"""Issued invoices compared with what is known now, and the lines that put them right."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from commands.cores import cores
from commands.opened import Opened, book_of, previews
from commands.rendered import rendered, write_files
from commands.sealed import note, sealed
from commands.terminal import say, working
from engine.knowledge import Knowledge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.correcting import Rows, Standing
    from engine.corrections import Correction
    from engine.dates import Period
    from engine.pipeline import Preview
    from engine.ratebook.book import RuleBook


def corrected(
    opened: Opened, period: str, accounts: Sequence[str], *, issue: bool, out: Path | None, formats: Sequence[str]
) -> tuple[tuple[Correction, ...], Period]:
    """The corrections of issued invoices, and their period; kept in the archive and written into files if that is asked."""
    from connectors.workspace import read_parties
    from engine.correcting import record, standing
    from engine.corrections import documents
    from engine.dates import parse_period

    days = parse_period(period)
    there = standing(opened.archive, days, tuple(accounts))
    asked = tuple(sorted((there.accounts or frozenset()) & opened.book.accounts.keys()))
    with working("comparing what was issued with what is known now"):
        (preview,) = previews(opened, [days], (), asked)
        made = _corrections(opened, there, preview)
    drafts = documents(made, preview, read_parties(opened.space.folder))
    if issue and made:
        seal = sealed(opened, preview, (), pdf=out is not None)
        run = record(opened.archive, preview, made, drafts, seal, asked)
        note(opened, seal)
        say(f"{days.name}: run {run} is in the archive, issued")
    if out is not None and made:
        write_files(out, rendered(drafts, formats, cores(), opened.space.archive / "rendered"))
    return made, days


def _corrections(opened: Opened, there: Standing, preview: Preview) -> tuple[Correction, ...]:
    from connectors.files import activity_by_kind
    from engine.correcting import Now, causes_since, correct

    book = opened.book

    def book_at(commit: str) -> RuleBook:
        return book_of(opened.space, opened.history, Knowledge(commit))

    def rows_at(sequence: int) -> Rows:
        return activity_by_kind(replace(opened, known=Knowledge(sequence=sequence)).files(), book.kinds)

    now = Now(
        book, None if opened.state.dirty else opened.state.commit, opened.history, activity_by_kind(opened.files(), book.kinds)
    )
    return correct(there, preview.assembled, preview.period, book, causes_since(now, book_at, rows_at))
