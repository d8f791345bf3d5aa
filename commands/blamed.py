"""The invoice lines that an entry of the rule book has touched, found by making the documents again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from commands.corrections import made_again
from commands.opened import Opened, Place, open_place, open_workspace, place_of, previews, rule_files
from commands.sealed import versions
from commands.terminal import progress, refuse

if TYPE_CHECKING:
    from engine.archived import ArchivedDocument
    from engine.blame import Blame, Touched
    from engine.blame_entries import Key
    from engine.invoice import Invoice
    from engine.knowledge import Knowledge
    from engine.pipeline import Preview
    from engine.ratebook.book import RuleBook


@dataclass(frozen=True, slots=True)
class _Made:
    """Documents that one run's knowledge makes of a period: those of a correction are of one run, the others of any."""

    period: str
    known: Knowledge
    missing: tuple[str, ...]
    corrects: int | None
    documents: list[ArchivedDocument] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Looked:
    """What was found: the documents that were looked at, the touched lines, what was billed by currency, and what could not be made again."""

    numbers: set[str] = field(default_factory=set)
    touched: list[Touched] = field(default_factory=list)
    billed: dict[tuple[str, int], int] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def add(self, number: str, made: Invoice) -> None:
        """Counts a document."""
        self.numbers.add(number)
        key = (made.currency, made.digits)
        self.billed[key] = self.billed.get(key, 0) + made.net


def blamed(folder: Path, entry: str, periods: Sequence[str]) -> tuple[Blame, list[str]]:
    """What an entry has touched in some periods (none named: all that the archive has), and the documents that were left out."""
    from engine.archived import issued_corrections, standing_documents
    from engine.blame import blamed as summed
    from engine.blame_entries import entries_of

    place = place_of(folder)
    names = [each.replace("..", "-to-") for each in periods] or list(place.archive.periods())
    documents = [
        each for name in names for find in (standing_documents, issued_corrections) for each in find(place.archive, name)
    ]
    if not documents:
        refuse("the archive has no documents of these periods; `inforce replay PERIOD` makes them")
    groups = _groups(place, documents)
    opened = {known: open_place(place, known) for known in dict.fromkeys(each.known for each in groups)}
    books = [each.book for each in opened.values()]
    keys, books = _asked(folder, entry, books)
    looked = _Looked()
    with progress("looking at what was billed", len(groups)) as advance:
        for each in groups:
            _look(each, opened[each.known], keys & entries_of(opened[each.known].book).keys(), looked)
            advance()
    found = sorted(looked.touched, key=lambda each: (each.period, each.account))  # corrections after what they correct
    return summed(entry, keys, books, found, looked.billed), looked.left_out


def _asked(folder: Path, entry: str, books: list[RuleBook]) -> tuple[frozenset[Key], list[RuleBook]]:
    """The entries that are asked for, by a name in one of the books or a place in the files as they are, and the books that have them."""
    from engine.blame_entries import entries_named
    from engine.blame_places import entries_at, place_asked

    line = place_asked(entry)
    if line is None:
        return entries_named(entry, books), books
    now = open_workspace(folder)
    return entries_at(now.book, rule_files(now.space, now.history, now.known.commit), line), [*books, now.book]


def _groups(place: Place, documents: Iterable[ArchivedDocument]) -> list[_Made]:
    """The documents by what makes them again, all of one run's knowledge and period at once; corrections in the order of their runs."""
    from engine.archived import knowledge_of

    groups: dict[object, _Made] = {}
    for each in documents:
        known, missing = knowledge_of(each, place.archive, place.history)
        run = each.run if each.corrects else None
        made = groups.setdefault((each.period, known, missing, run), _Made(each.period, known, missing, run))
        made.documents.append(each)
    return list(groups.values())


def _look(group: _Made, opened: Opened, keys: frozenset[Key], looked: _Looked) -> None:
    """Makes documents again and looks at their charges."""
    from engine.dates import period_named

    accounts = sorted({each.account for each in group.documents} & opened.book.accounts.keys())
    (preview,) = previews(opened, [period_named(group.period)], (), accounts, inside=True)
    if group.corrects is None:
        _look_at_invoices(group, opened.book, preview, keys, looked)
    else:
        _look_at_corrections(group, opened, preview, keys, looked)


def _look_at_invoices(group: _Made, book: RuleBook, preview: Preview, keys: frozenset[Key], looked: _Looked) -> None:
    from engine.archived import bodies
    from engine.blame import touched
    from engine.replay import draft_number

    proved = _proved(group, bodies(preview), looked)
    looked.touched.extend(touched(book, preview, keys, proved))
    for each in preview.assembled:
        number = draft_number(each.invoice, preview.period)
        if number in proved:
            looked.add(number, each.invoice)


def _look_at_corrections(group: _Made, opened: Opened, preview: Preview, keys: frozenset[Key], looked: _Looked) -> None:
    """What a correction takes back was touched by what made it, and what it bills anew by what made the rows of its own replay."""
    from engine.blame import corrected, touched
    from engine.problems import InforceError
    from engine.replay import draft_number

    try:
        made = made_again(opened, preview, group.documents)
    except InforceError as error:
        looked.left_out.extend(f"{each.number}: {str(error).splitlines()[0]}" for each in group.documents)
        return
    proved = _proved(group, {number: each.body_sha256() for number, each in made.items()}, looked)
    lines = {
        (draft_number(each.invoice, preview.period), line.line): line for each in preview.assembled for line in each.invoice.lines
    }
    found = touched(opened.book, preview, keys, {number for number, _ in lines})
    anew = [(lines[each.document, each.line], each) for each in found]
    before = {(each.document, each.line): each for each in looked.touched}
    for number in proved:
        others = {line.corrects[0] for line in made[number].lines if line.corrects is not None} - looked.numbers
        if others:
            looked.left_out.append(f"{number}: it corrects {', '.join(sorted(others))}, which is not looked at")
            continue
        looked.touched.extend(corrected(number, made[number].lines, before, anew))
        looked.add(number, made[number])


def _proved(group: _Made, made: Mapping[str, str], looked: _Looked) -> list[str]:
    """The numbers of those documents that were made again with the body that the archive has."""
    from engine.archived import NotReproducedError, prove

    here = dict(versions(pdf=False))
    proved = []
    for each in group.documents:
        try:
            prove(each, made, group.missing, here)
            proved.append(each.number)
        except NotReproducedError as error:
            looked.left_out.append(str(error).splitlines()[0])
    return proved
