"""What differs between two rule books, as values: changes, the days and words of each, and which activity each can move."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from engine.canonical import Json
from engine.money import Decimals, NumberError, parse_decimal, rounded
from engine.problems import Source
from engine.ratebook.book import Provenance

SCHEMA = "inforce.diff/1"


@dataclass(frozen=True, slots=True)
class Stretch:
    """The days `start` (in; None: ever since) to `end` (out; None: for good), and what holds on them before and after the change.

    Figures and words are as people read them; None: nothing is in force.
    """

    start: date | None
    end: date | None
    before: str | None
    after: str | None

    @property
    def percent(self) -> str | None:
        """By how much a figure rises or falls, as +3.8%: exact, rounded to a tenth (or to its first digit, if that comes later)."""
        before, after = _figure(self.before), _figure(self.after)
        return None if before is None or after is None else rise_text(before, after)

    def canonical(self) -> dict[str, Json]:
        """The stretch as canonical JSON."""
        return {
            "start": _day(self.start),
            "end": _day(self.end),
            "before": self.before,
            "after": self.after,
            "percent": self.percent,
        }

    def mirrored(self) -> Stretch:
        """The stretch of the change back."""
        return Stretch(self.start, self.end, self.after, self.before)


@dataclass(frozen=True, slots=True)
class Reach:
    """Which activity and documents a change can move; None means any, or no limit.

    Outside it all is equal under both books: the charges of activity dated outside, at other sites or of other items (as recorded and
    as charged), and the documents of other accounts and of periods that share no day with `start` (in) to `end` (out).
    `price_only`: the pieces of time, their quantities and what was decided of them are equal too; only prices can differ, and what
    follows from prices (which premium is the largest, amounts, lines).
    """

    accounts: frozenset[str] | None = None
    sites: frozenset[str] | None = None
    items: frozenset[str] | None = None
    start: date | None = None
    end: date | None = None
    price_only: bool = False

    def holds(self, account: str, site: str, item: str, day: date) -> bool:
        """Whether activity of an account at a site, of an item and dated on a day, can be moved."""
        among = all(
            names is None or name in names for name, names in ((account, self.accounts), (site, self.sites), (item, self.items))
        )
        return among and (self.start is None or self.start <= day) and (self.end is None or day < self.end)

    @property
    def is_empty(self) -> bool:
        """Whether nothing can be moved."""
        nobody = frozenset() in (self.accounts, self.sites, self.items)
        return nobody or (self.start is not None and self.end is not None and self.start >= self.end)

    def canonical(self) -> dict[str, Json]:
        """The reach as canonical JSON; null means any."""
        return {
            "accounts": _names(self.accounts),
            "sites": _names(self.sites),
            "items": _names(self.items),
            "start": _day(self.start),
            "end": _day(self.end),
            "price_only": self.price_only,
        }


EVERYTHING = Reach()
NOTHING = Reach(frozenset(), frozenset(), frozenset(), None, None, price_only=True)


@dataclass(frozen=True, slots=True)
class Case:
    """One case that is answered otherwise: what is given (column or input, value), the day it plays on, and both answers.

    `rules` are those that decided before and after; a formula names its versions.
    """

    given: tuple[tuple[str, str], ...]
    on: date | None
    before: str
    after: str
    rules_before: tuple[str, ...] = ()
    rules_after: tuple[str, ...] = ()

    def canonical(self) -> dict[str, Json]:
        """The case as canonical JSON."""
        return {
            "given": dict(self.given),
            "on": _day(self.on),
            "before": self.before,
            "after": self.after,
            "rules_before": self.rules_before,
            "rules_after": self.rules_after,
        }

    def mirrored(self) -> Case:
        """The case of the change back."""
        return Case(self.given, self.on, self.after, self.before, self.rules_after, self.rules_before)


@dataclass(frozen=True, slots=True)
class Shield:
    """What keeps a changed price or term from being in force: an override or a nearer entry, where, and for which days."""

    by: str
    sites: tuple[str, ...]
    start: date | None
    end: date | None
    source: Source

    def canonical(self) -> dict[str, Json]:
        """The shield as canonical JSON."""
        return {
            "by": self.by,
            "sites": self.sites,
            "start": _day(self.start),
            "end": _day(self.end),
            "source": str(self.source),
        }


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the book that says something else: what it is in one word of the trade, its id, and where it stands in each book.

    `provenance` is of the new entry (of a removed one, the old). `cases` are of policies and formulas, `shields` of prices.
    `notes` are sentences that the stretches do not tell.
    """

    what: str
    id: str
    stretches: tuple[Stretch, ...]
    before: Source | None
    after: Source | None
    provenance: Provenance
    reach: Reach
    cases: tuple[Case, ...] = ()
    shields: tuple[Shield, ...] = ()
    notes: tuple[str, ...] = ()

    def names(self) -> tuple[str, ...]:
        """What one can ask for it by: its id, and the files it stands in."""
        return (self.id, *(str(source) for source in (self.before, self.after) if source is not None))

    def canonical(self) -> dict[str, Json]:
        """The change as canonical JSON."""
        said: Mapping[str, str] = {
            "reason": self.provenance.reason,
            "by": self.provenance.by,
            "on": self.provenance.on,
            "ref": self.provenance.ref,
            "retroactive": self.provenance.retroactive,
        }
        return {
            "what": self.what,
            "id": self.id,
            "stretches": [each.canonical() for each in self.stretches],
            "before": None if self.before is None else str(self.before),
            "after": None if self.after is None else str(self.after),
            "provenance": {key: text for key, text in said.items() if text},
            "reach": self.reach.canonical(),
            "cases": [each.canonical() for each in self.cases],
            "shields": [each.canonical() for each in self.shields],
            "notes": self.notes,
        }


@dataclass(frozen=True, slots=True)
class Difference:
    """All changes from one rule book to another, in order of kind and id."""

    changes: tuple[Change, ...]

    def only(self, beginnings: Collection[str]) -> Difference:
        """The changes whose id, or whose file in one of the books, begins with one of some texts; all of them if there are none."""
        if not beginnings:
            return self
        wanted = tuple(beginnings)
        return Difference(tuple(each for each in self.changes if any(text.startswith(wanted) for text in each.names())))

    def canonical(self) -> dict[str, Json]:
        """The difference as canonical JSON."""
        return {"schema": SCHEMA, "changes": [each.canonical() for each in self.changes]}


def rise_text(before: Fraction, after: Fraction) -> str | None:
    """By how much a figure rises or falls, as +3.8%: exact, rounded to a tenth (or to its first digit, if that comes later); None from 0."""
    if not before:
        return None
    percent = (after - before) * 100 / abs(before)
    digits = next((count for count in range(1, 9) if rounded(percent * 10**count)), 1)
    return f"{'+' if percent > 0 else ''}{Decimals(rounded(percent * 10**digits), digits)}%"


def _figure(said: str | None) -> Fraction | None:
    """The number that words are, if they are one."""
    try:
        return parse_decimal(said).fraction() if said is not None else None
    except NumberError:
        return None


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _names(names: frozenset[str] | None) -> list[str] | None:
    return None if names is None else sorted(names)
