"""What a change says by mistake more often than by intent: approvals that are older than what they approve, and prices that leap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from engine.money import NumberError, parse_decimal
from engine.problems import Problem, Source
from engine.ratebook.approvals_due import Entry
from engine.ratebook.book import Provenance, RuleBook
from engine.ratebook.changes import Change, Stretch

LEAP = 5  # a price that rises or falls by this factor was more likely mistyped than agreed
_RELATED_MAX = 5


def carried_approvals(changed: Iterable[Entry], before: Sequence[Entry], changes: Iterable[Change]) -> Iterator[Problem]:
    """Approvals that stood in the same row or list before the change, and that a new entry only inherits: nobody gave them for it."""
    prices = {each.after for each in changes if each.what == "price"}
    known = {(each.name, each.start) for each in before}
    given: dict[str, set[Provenance]] = {}
    for each in before:
        given.setdefault(each.name, set()).add(_approval(each))
    found: dict[tuple[str, Provenance], list[Entry]] = {}
    for each in changed:
        is_new = (each.name, each.start) not in known or each.source in prices
        if is_new and each.provenance.by and _approval(each) in given.get(each.name, ()):
            found.setdefault((each.source.path, _approval(each)), []).append(each)
    for (_, approval), entries in found.items():
        first, *others = sorted(entries, key=lambda each: each.source)
        since = f" from {first.start}" if first.start is not None and str(first.start) not in first.name else ""
        also = f" and {len(others)} more {'entry' if len(others) == 1 else 'entries'} here" if others else ""
        whose = ", ".join(filter(None, (approval.by, approval.on, approval.ref)))
        verb = "carry" if others else "carries"
        said = f"{first.name}{since}{also} {verb} on an approval from before this change ({whose})"
        remedy = f"Give {'each' if others else 'it'} its own: `reason:` and `approved: {{ by, on, ref }}`"
        related = tuple((each.source, "and this one") for each in others[:_RELATED_MAX])
        yield Problem("R112", first.source, said, remedy, "warning", related=related)


def leaps(book: RuleBook, changes: Iterable[Change]) -> Iterator[Problem]:
    """Prices that become many times what they were, or a small part of it."""
    for change in changes:
        if change.what != "price" or change.after is None:
            continue
        leap = next((each for each in change.stretches if _factor(each) >= LEAP), None)
        if leap is None:
            continue
        rises = _figure(leap.after) > _figure(leap.before)
        times = f"{int(_factor(leap))} times {'as much' if rises else 'less'}"
        said = f"price {change.id} becomes {leap.after} from {leap.start} where it was {leap.before}, {times}"
        remedy = "Look at its point. If it is meant, nothing is to be done"
        table = book.tables.get(change.id.partition(":")[0])
        if table is not None and table.unit == "percent" and _figure(leap.after) < 1:
            remedy = "Percentages are written like 20, not like 0.2. If it is meant, nothing is to be done"
        yield Problem("R110", _place(book, change, leap), said, remedy, "warning")


def _place(book: RuleBook, change: Change, leap: Stretch) -> Source:
    """The price that begins with the leap, if one does; a change names the first of its row alone."""
    rows = (row for table in book.tables.values() for row in table.rows.values() if row.id == change.id)
    begins = (price.source for row in rows for price in row.prices if price.start == leap.start)
    return next(begins, change.after or Source("rates"))


def _factor(stretch: Stretch) -> Fraction:
    """How many times the greater figure is the smaller one; 0 if one of them is none, or nothing."""
    figures = _figure(stretch.before), _figure(stretch.after)
    return max(figures) / min(figures) if min(figures) > 0 else Fraction(0)


def _figure(said: str | None) -> Fraction:
    try:
        return parse_decimal(said.removesuffix("%")).fraction() if said is not None else Fraction(0)
    except NumberError:  # words, such as the tiers of a price
        return Fraction(0)


def _approval(entry: Entry) -> Provenance:
    return replace(entry.provenance, retroactive="")
