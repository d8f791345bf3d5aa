"""What puts right issued documents, by what is known."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from commands.opened import Opened, book_of
from engine.knowledge import Knowledge

if TYPE_CHECKING:
    from engine.correcting import Rows, Standing
    from engine.corrections import Correction
    from engine.pipeline import Preview
    from engine.ratebook.book import RuleBook


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
