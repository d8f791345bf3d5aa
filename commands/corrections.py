"""What puts right issued documents, by what is known."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from commands.opened import Opened, book_of
from engine.knowledge import Knowledge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.archived import ArchivedDocument
    from engine.correcting import Rows, Standing
    from engine.corrections import Correction
    from engine.invoice import Invoice
    from engine.pipeline import Preview
    from engine.ratebook.book import RuleBook


def made_again(opened: Opened, preview: Preview, documents: Sequence[ArchivedDocument]) -> dict[str, Invoice]:
    """The corrections of a run once more, by their numbers: what puts right documents that stood as issued before it."""
    from engine.correcting import standing_before

    first = documents[0]
    there = standing_before(opened.archive, first.period, first.run, {each.account for each in documents})
    return {each.number: each.invoice for each in corrections_since(opened, there, preview)}


def corrections_since(opened: Opened, there: Standing, preview: Preview) -> tuple[Correction, ...]:
    """What puts right documents that stand as issued, by what is known."""
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
