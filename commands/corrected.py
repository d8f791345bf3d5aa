"""Issued invoices compared with what is known now, and the lines that put them right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from commands.cores import cores
from commands.corrections import corrections_since
from commands.opened import Opened, previews
from commands.rendered import rendered, write_files
from commands.sealed import note, sealed
from commands.terminal import say, working

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.corrections import Correction
    from engine.dates import Period


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
        made = corrections_since(opened, there, preview)
    drafts = documents(made, preview, read_parties(opened.space.folder))
    if issue and made:
        seal = sealed(opened, preview, (), pdf=out is not None)
        run = record(opened.archive, preview, made, drafts, seal, asked)
        note(opened, seal)
        say(f"{days.name}: run {run} is in the archive, issued")
    if out is not None and made:
        write_files(out, rendered(drafts, formats, cores(), opened.space.archive / "rendered"))
    return made, days
