"""What differs between two rule books by meaning: which entries say something else, on which days, and what follows from it.

Empty if and only if the books mean the same: how they are written, and in which order, is no difference.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TypeAlias

from engine.problems import Source
from engine.ratebook.book import UNKNOWN_PROVENANCE, Provenance, RuleBook
from engine.ratebook.changes import EVERYTHING, Case, Change, Difference, Reach, Shield, Stretch
from engine.ratebook.entries import GROUPING, ORDER, Edit, Entries, Entry, entries
from engine.ratebook.formula_changes import with_figures
from engine.ratebook.lines import line_of, on, said_otherwise, stretches
from engine.ratebook.policy_changes import with_cases
from engine.ratebook.price_changes import with_charged, with_shields
from engine.ratebook.reach import Books, reach_of

__all__ = ["Case", "Change", "Difference", "Reach", "Shield", "Stretch", "changed", "difference", "difference_on"]

_RANK = (
    "price", "override", "table", "term", "term-type", "geo", "site", "account", "rule", "policy", "formula", "premium", "item", "fee",
    "coupon", "exemption", "share", "limit", "percentage-fee", "assembly", "tax", "tax-class", "taxes",
)  # fmt: skip
_SAME_EFFECT = "it says the same on every day, in other entries than before"
Place: TypeAlias = "tuple[Source, Provenance] | None"


def difference(before: RuleBook, after: RuleBook, *, charged: bool = False) -> Difference:
    """All changes from one rule book to another, each with its days, its reach, and cases that are decided otherwise.

    With `charged` also the base price that each site is charged, before and after, by whichever entry.
    """
    books = Books(before, after)
    found = with_figures(with_shields(changed(books), books), before, after)
    found = with_cases(found, before, after)
    return Difference(tuple(with_charged(found, books) if charged else found))


def changed(books: Books) -> list[Change]:
    """The entries that say something else, with their days and reach; none if and only if the books mean the same."""
    before, after = books.both
    if before.meaning == after.meaning:
        return []
    found = []
    for edit in _edits(entries(before, after), entries(after, before)):
        differing = stretches(line_of(edit.before), line_of(edit.after))
        places = (_place(edit.before, edit.after), _place(edit.after, edit.before))
        found.append(_change(edit, differing, reach_of(edit, differing, books), places))
    if not found:  # the meaning differs in a way that no entry tells
        found = [Change("book", "book", (), None, None, UNKNOWN_PROVENANCE, EVERYTHING, notes=(_SAME_EFFECT,))]
    return found


def difference_on(before: RuleBook, day_before: date, after: RuleBook, day_after: date) -> Difference:
    """What is in force in one book on one day and otherwise in another (or the same) on another; what has no days is compared, too."""
    found = []
    for edit in _edits(entries(before), entries(after), everything=True):
        first, last = on(line_of(edit.before), day_before), on(line_of(edit.after), day_after)
        said = said_otherwise(first[1], last[1])
        if said is not None:
            places = (_place_on(edit.before, day_before), _place_on(edit.after, day_after))
            found.append(_change(edit, (Stretch(last[0], last[2], *said),), EVERYTHING, places))
    days = (day_before, day_after)
    return Difference(tuple(with_cases(with_figures(found, before, after, days), before, after, days)))


# --- entries compared -------------------------------------------------------------------------------------------------


def _edits(before: Entries, after: Entries, *, everything: bool = False) -> Iterator[Edit]:
    """The entries that say something else (or every one), in order of what they are and their id."""
    rank = {what: number for number, what in enumerate(_RANK)}
    keys = sorted(before.keys() | after.keys(), key=lambda key: (rank.get(key[0], len(rank)), key))
    levels: set[str] = set()  # whose terms differ
    for what, id_ in keys:
        edit = Edit(what, id_, before.get((what, id_)), after.get((what, id_)))
        if what in (ORDER, GROUPING) and (edit.before is None or edit.after is None):
            continue
        if what == GROUPING and everything:
            continue
        if not everything and not _differ(edit):
            continue
        if what == "term":
            levels.add(id_.rpartition("/")[0])
        if (what == GROUPING and id_ in levels) or (what == ORDER and _same_order(edit)):
            continue
        yield edit


def _differ(edit: Edit) -> bool:
    return edit.before is None or edit.after is None or not edit.before.says_the_same(edit.after)


def _same_order(edit: Edit) -> bool:
    """Whether what both books have stands in the same order in both."""
    first, last = ([str(name) for name in listed] for listed in edit.values if isinstance(listed, tuple))
    return [name for name in first if name in last] == [name for name in last if name in first]


def _change(edit: Edit, differing: tuple[Stretch, ...], reach: Reach, places: tuple[Place, Place]) -> Change:
    first, last = places
    return Change(
        what="terms" if edit.what == GROUPING else edit.what,
        id=edit.id,
        stretches=differing,
        before=None if first is None else first[0],
        after=None if last is None else last[0],
        provenance=(last or first or (None, UNKNOWN_PROVENANCE))[1],
        reach=reach,
        notes=() if differing else (_SAME_EFFECT,),
    )


def _place(entry: Entry | None, other: Entry | None) -> Place:
    """Where an entry says what the other does not."""
    if entry is None:
        return None
    known = {point.told for point in other.points} if other is not None else set()
    new = next((point for point in entry.points if point.told not in known), None)
    return (entry.source, entry.provenance) if new is None else (new.source, new.provenance)


def _place_on(entry: Entry | None, day: date) -> Place:
    """Where an entry says what is in force on a day."""
    if entry is None:
        return None
    held = [point for point in entry.points if point.start <= day]
    return (held[-1].source, held[-1].provenance) if held else (entry.source, entry.provenance)
