"""The invoice lines that an entry of the rule book has touched, found by making the documents again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from commands.opened import Place, open_place, place_of, previews
from commands.sealed import versions
from commands.terminal import progress, refuse

if TYPE_CHECKING:
    from engine.archived import ArchivedDocument
    from engine.blame import Blame, Touched
    from engine.knowledge import Knowledge
    from engine.ratebook.book import RuleBook


@dataclass(frozen=True, slots=True)
class _Looked:
    """What was found: the rule books, the lines, what was billed by currency, and the documents that could not be made again."""

    books: list[RuleBook]
    touched: list[Touched]
    billed: dict[tuple[str, int], int]
    left_out: list[str]


def blamed(folder: Path, entry: str, periods: Sequence[str]) -> tuple[Blame, list[str]]:
    """What an entry has touched in some periods (none named: all that the archive has), and the documents that were left out."""
    from engine.archived import standing_documents
    from engine.blame import blamed as summed

    place = place_of(folder)
    names = [each.replace("..", "-to-") for each in periods] or list(place.archive.periods())
    documents = [each for name in names for each in standing_documents(place.archive, name)]
    if not documents:
        refuse("the archive has no documents of these periods; `inforce replay PERIOD` makes them")
    looked = _looked(place, entry, documents)
    return summed(entry, looked.books, looked.touched, looked.billed), looked.left_out


def _looked(place: Place, entry: str, documents: Sequence[ArchivedDocument]) -> _Looked:
    """Makes the documents again, all of one run's knowledge and period at once, and looks at their charges."""
    from engine.archived import NotReproducedError, knowledge_of, prove
    from engine.blame import touched
    from engine.blame_entries import check_known, wanted
    from engine.dates import parse_period
    from engine.replay import draft_number

    groups: dict[tuple[str, Knowledge, tuple[str, ...]], list[ArchivedDocument]] = {}
    for each in documents:
        known, missing = knowledge_of(each, place.archive, place.history)
        groups.setdefault((each.period_text, known, missing), []).append(each)
    opened = {known: open_place(place, known) for known in dict.fromkeys(known for _, known, _ in groups)}
    books = [each.book for each in opened.values()]
    check_known(entry, books)
    looked = _Looked(books, [], {}, [])
    here = dict(versions(pdf=False))
    with progress("looking at what was billed", len(groups)) as advance:
        for (period, known, missing), mine in groups.items():
            accounts = sorted({each.account for each in mine} & opened[known].book.accounts.keys())
            (preview,) = previews(opened[known], [parse_period(period)], (), accounts, inside=True)
            proved = []
            for each in mine:
                try:
                    prove(each, preview, missing, here)
                    proved.append(each.number)
                except NotReproducedError as error:
                    looked.left_out.append(str(error).splitlines()[0])
            book = opened[known].book
            looked.touched.extend(touched(book, preview, wanted(book, entry), proved))
            for made in (each.invoice for each in preview.assembled if draft_number(each.invoice, preview.period) in proved):
                key = (made.currency, made.digits)
                looked.billed[key] = looked.billed.get(key, 0) + made.net
            advance()
    return looked
