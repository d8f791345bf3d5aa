"""Impact: the money that a change of the rule book moves, by replaying real activity under the book before and the book after.

Three sums that are never added up: issued documents that would differ, open periods, and an estimate of months to come. Only documents
that a change can reach are replayed, and the base side of an issued one must be that document, byte for byte, or the report is unsound.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import polars as pl

from engine.bulk.assembled import MADE, Assembled
from engine.bulk.issued_invoice import IssuedInvoice
from engine.bulk.repricing import read_stored, repriced, stored, with_recipes
from engine.canonical import Json, canonical_json, sha256
from engine.corrections import corrections
from engine.dates import Period, parse_period
from engine.issued import IssuedDocument
from engine.pipeline import Activity, Rows, invoices, preview_rows, read_rows
from engine.ports import Keeping
from engine.problems import InforceError, InvariantError, shortened
from engine.ratebook.book import RuleBook
from engine.ratebook.changes import Change, Difference
from engine.ratebook.difference import difference
from engine.ratebook.in_force import in_force_on
from engine.replay import draft_number
from engine.steps.cap import ceilings
from engine.steps.derive import looks_back
from engine.steps.rate import Rater

State = Literal["issued", "open", "forward"]
FOLLOWS = "fees, coupons and limits that follow"
TAX = "tax"
SEVERAL = " + "  # between the changes that moved an amount together
_PAST_MONTHS = 3


@dataclass(frozen=True, slots=True)
class MovedDocument:
    """A document that was replayed under both books; totals in minor units, None where a book does not make it.

    `by` says which changes moved how much of it, and adds up to the difference. `unsound` says why the base side is not what was issued.
    """

    number: str
    account: str
    period: str
    currency: str
    before: int | None
    after: int | None
    by: Mapping[str, int]
    unsound: str = ""

    @property
    def change(self) -> int:
        """What the change moves, in minor units."""
        return (self.after or 0) - (self.before or 0)

    def canonical(self) -> dict[str, Json]:
        """The document as canonical JSON members."""
        return {
            "number": self.number, "account": self.account, "period": self.period, "currency": self.currency, "before": self.before,
            "after": self.after, "change": self.change, "by": dict(sorted(self.by.items())), "unsound": self.unsound,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Section:
    """One of the three sums: its periods and the documents in reach of a change. `note` says how it was made, or why it is not: `failed`."""

    state: State
    periods: tuple[str, ...]
    documents: tuple[MovedDocument, ...]
    out_of_reach: int = 0
    note: str = ""
    failed: bool = False

    @property
    def moved(self) -> tuple[MovedDocument, ...]:
        """The documents that would differ."""
        return tuple(each for each in self.documents if each.change or any(each.by.values()) or None in (each.before, each.after))

    def totals(self) -> dict[str, tuple[int, int]]:
        """Before and after by currency, of the documents in reach."""
        found: dict[str, tuple[int, int]] = {}
        for each in self.documents:
            before, after = found.get(each.currency, (0, 0))
            found[each.currency] = (before + (each.before or 0), after + (each.after or 0))
        return dict(sorted(found.items()))

    def canonical(self) -> dict[str, Json]:
        """The section as canonical JSON members."""
        return {
            "state": self.state, "periods": list(self.periods), "out_of_reach": self.out_of_reach, "note": self.note,
            "totals": {name: {"before": before, "after": after, "change": after - before} for name, (before, after) in self.totals().items()},
            "documents": [each.canonical() for each in self.documents],
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Impact:
    """What a change of the rule book moves. `checked` issued documents were made again by the base side, `unsound` of them are others.

    `repriced` documents had only their prices looked up anew, `rated` ones were rated again.
    """

    difference: Difference
    issued: Section
    open: Section
    forward: Section
    months: int
    checked: int
    unsound: tuple[MovedDocument, ...]
    repriced: int
    rated: int

    @property
    def sections(self) -> tuple[Section, Section, Section]:
        """The three sums."""
        return (self.issued, self.open, self.forward)

    @property
    def moves_nothing(self) -> bool:
        """Whether no document differs."""
        return not any(section.moved for section in self.sections)

    def by_change(self, section: Section) -> dict[str, dict[str, int]]:
        """What each change moves in a section, by currency."""
        found: dict[str, Counter[str]] = {}
        for each in section.documents:
            for name, amount in each.by.items():
                found.setdefault(name, Counter())[each.currency] += amount
        return {name: dict(amounts) for name, amounts in sorted(found.items())}

    def because(self, account: str) -> tuple[Change, ...]:
        """The changes that reach an account."""
        return tuple(each for each in self.difference.changes if each.reach.accounts is None or account in each.reach.accounts)

    def canonical(self) -> dict[str, Json]:
        """The report as canonical JSON."""
        return {
            "schema": "inforce.impact/1", "changes": [each.canonical() for each in self.difference.changes],
            **{each.state: each.canonical() for each in self.sections}, "forward_months": self.months,
            "sound": not self.unsound, "checked": self.checked, "repriced": self.repriced, "rated": self.rated,
            "unsound": [each.canonical() for each in self.unsound],
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """What an impact is asked over: issued documents, periods that are open, and past periods for the estimate.

    `activity` gives the rows of a sequence (None: the present ones) by the kinds of a book, `issued_invoice` reads an issued document.
    `present` names the present rows and the engine for what is kept. `full` replays everything and looks at no reach, `day` is the
    effective date of the estimate.
    """

    issued: tuple[IssuedDocument, ...]
    open: tuple[Period, ...]
    past: tuple[Period, ...]
    activity: Callable[[RuleBook, int | None], Activity]
    issued_invoice: Callable[[IssuedDocument], IssuedInvoice]
    present: str = ""
    kept: Keeping | None = None
    day: date | None = None
    full: bool = False
    advance: Callable[[], None] = lambda: None


def impact(before: RuleBook, after: RuleBook, asked: Asked) -> Impact:
    """What the change from one book to the other moves."""
    found = difference(before, after)
    sides = _Sides(before, after, found, asked)
    issued = _issued(sides, asked)
    opened = _section("open", sides, asked.open, asked, {})
    forward, months, others = _forward(before, after, found, asked)
    unsound = tuple(each for each in issued.documents if each.unsound)
    both = [sides, *others]
    return Impact(
        found, issued, opened, forward, months, len(issued.documents), unsound, sum(each.repriced for each in both),
        sum(each.rated for each in both),
    )  # fmt: skip


def spans(
    archived: Collection[str], issued: Sequence[IssuedDocument], named: Sequence[Period] | None
) -> tuple[tuple[Period, ...], tuple[Period, ...]]:
    """The open months, and the last three months with invoices, of those that an archive knows or that are named."""
    known = named if named is not None else [parse_period(name) for name in archived if len(name) == len("2026-10")]
    promised = {each.period for each in issued}
    waiting = [each for each in known if each.name not in promised]
    if named is None and issued:
        waiting = [each for each in waiting if each.start > max(document.start for document in issued)]
    elif named is None:
        waiting = waiting[-1:]
    past = [each for each in known if each.name in promised] or list(known)
    return tuple(waiting), tuple(past[-_PAST_MONTHS:])


def effective_day(found: Difference, latest: date) -> date:
    """The first day on which all changes are in force, or `latest` if that is later."""
    return max(
        [latest, *(stretch.start for change in found.changes for stretch in change.stretches if stretch.start is not None)]
    )


# --- the three sums -------------------------------------------------------------------------------------------------------------


def _issued(sides: _Sides, asked: Asked) -> Section:
    """Issued documents, by period; each is compared with what the base side makes."""
    periods: dict[str, tuple[Period, list[IssuedDocument]]] = {}
    for each in asked.issued:
        periods.setdefault(each.period, (Period(each.start, each.end, each.period), []))[1].append(each)
    by_period = {name: documents for name, (_, documents) in periods.items()}
    return _section("issued", sides, [period for period, _ in periods.values()], asked, by_period)


def _section(
    state: State, sides: _Sides, periods: Iterable[Period], asked: Asked, issued: Mapping[str, list[IssuedDocument]]
) -> Section:
    names, documents, out = [], list[MovedDocument](), 0
    for period in periods:
        promised = issued.get(period.name, [])
        among = {each.account for each in promised} if state == "issued" else None
        accounts = sides.in_reach(period, among)
        names.append(period.name)
        out += len({each.number for each in promised if each.account not in accounts and not each.corrects})
        if accounts:
            documents += _moved(sides, period, accounts, promised, asked)
        asked.advance()
    return Section(state, tuple(names), tuple(sorted(documents, key=lambda each: (each.period, each.number))), out)


def _forward(before: RuleBook, after: RuleBook, found: Difference, asked: Asked) -> tuple[Section, int, list[_Sides]]:
    """Past months under the rules that will be in force when all changes are, as they are without them and with them."""
    months = len(asked.past)
    if not months:
        return Section("forward", (), (), note="no past month has activity"), 0, []
    day = asked.day or effective_day(found, asked.past[-1].end)
    try:
        one, two = (in_force_on(book, day) for book in (before, after))
        sides = _Sides(one, two, difference(one, two), asked)
        section = _section("forward", sides, asked.past, asked, {})
    except InforceError as error:  # a rule book of one day cannot bill every month there was
        note = f"no estimate as of {day}: {error.first_line}"
        return Section("forward", tuple(each.name for each in asked.past), (), note=note, failed=True), months, []
    return Section("forward", section.periods, section.documents, note=f"rules in force on {day}"), months, [sides]


# --- one period -----------------------------------------------------------------------------------------------------------------


class _Sides:
    """Two rule books made ready, and what was read for them."""

    def __init__(self, before: RuleBook, after: RuleBook, found: Difference, asked: Asked) -> None:
        self.books, self.changes, self.asked = (before, after), found.changes, asked
        self.raters = (Rater(before), Rater(after))
        self.repriced = self.rated = 0
        self._rows: dict[tuple[int, int | None], Rows] = {}

    def in_reach(self, period: Period, among: Collection[str] | None) -> list[str]:
        """The accounts whose documents of a period a change can move, of those named."""
        known = set(self.books[0].accounts) | set(self.books[1].accounts)
        if not self.asked.full:
            reaches = [each.reach for each in self.changes if not each.reach.is_empty and _meets(each, period)]
            if all(reach.accounts is not None for reach in reaches):
                known &= {name for reach in reaches for name in reach.accounts or ()}
        return sorted(known if among is None else known & set(among))

    def rows(self, side: int, sequence: int | None) -> Rows:
        """The rows of a sequence, read by the book of a side."""
        if (side, sequence) not in self._rows:
            self._rows = {
                key: rows for key, rows in self._rows.items() if key[0] != side
            }  # one reading at a time is large enough
            self._rows[(side, sequence)] = read_rows(self.books[side], self.asked.activity(self.books[side], sequence))
        return self._rows[(side, sequence)]

    def made(self, side: int, period: Period, accounts: Sequence[str], sequence: int | None) -> tuple[Assembled, ...]:
        """The invoices of some accounts, rated."""
        mine = [name for name in accounts if name in self.books[side].accounts]
        return preview_rows(self.raters[side], self.rows(side, sequence), period, mine).assembled if mine else ()

    def charges(self, period: Period, accounts: Sequence[str]) -> pl.DataFrame:
        """The charges of some accounts on the base side, which are kept: they depend on the base and on the activity alone."""
        asked, mine = self.asked, [name for name in accounts if name in self.books[0].accounts]
        said: list[Json] = [self.books[0].meaning, asked.present, period.name, mine]
        key = sha256(canonical_json(said))
        data = asked.kept.kept(key) if asked.kept is not None else None
        entries = read_stored(data) if data is not None else None
        if entries is None:
            made = preview_rows(self.raters[0], self.rows(0, None), period, mine)
            entries = with_recipes(made.entries, [rated for _, rated in made.timed])
            if asked.kept is not None:
                asked.kept.keep(key, stored(entries))
        return entries


def _meets(change: Change, period: Period) -> bool:
    start, end = change.reach.start, change.reach.end
    return (start is None or start < period.end) and (end is None or period.start < end)


def _moved(
    sides: _Sides, period: Period, accounts: list[str], promised: Sequence[IssuedDocument], asked: Asked
) -> Iterator[MovedDocument]:
    """The documents of some accounts under both books. Those that can have other prices alone are not rated again."""
    reaching = [each for each in sides.changes if not each.reach.is_empty and _meets(each, period)]
    quick = [name for name in accounts if not asked.full and _only_priced(sides, name, period, reaching)]
    pair = _repriced(sides, period, quick, reaching) if quick else ((), ())
    rest = [name for name in accounts if name not in quick] if pair is not None else accounts
    done = [] if pair is None or not quick else [(quick, pair)]
    if pair is not None:
        sides.repriced += len(pair[1])
    if rest:
        both = (sides.made(0, period, rest, None), sides.made(1, period, rest, None))
        sides.rated += len(both[1])
        done.append((rest, both))
    for names, (one, two) in done:
        yield from _compared(sides, period, names, one, two, promised, asked)


def _only_priced(sides: _Sides, account: str, period: Period, reaching: Sequence[Change]) -> bool:
    """Whether changes move nothing of an account but prices, and its documents look back at none of other periods."""
    mine = [each for each in reaching if each.reach.accounts is None or account in each.reach.accounts]
    if not all(each.reach.price_only for each in mine) or not all(account in book.accounts for book in sides.books):
        return False
    return not any(ceilings(book, account, period) or looks_back(book, period) for book in sides.books)


def _repriced(
    sides: _Sides, period: Period, accounts: Sequence[str], reaching: Sequence[Change]
) -> tuple[tuple[Assembled, ...], tuple[Assembled, ...]] | None:
    """The invoices of both sides from the charges of the base; None if they must be rated again."""
    charges = sides.charges(period, accounts)
    prices = repriced(*sides.books, charges, [each.reach for each in reaching])
    if prices is None:
        return None
    one, two = (
        invoices(book, entries.drop("recipe"), period, accounts)
        for book, entries in zip(sides.books, (charges, prices), strict=True)
    )
    return one, two


def _compared(
    sides: _Sides, period: Period, accounts: Sequence[str], one: Sequence[Assembled], two: Sequence[Assembled],
    promised: Sequence[IssuedDocument], asked: Asked,
) -> Iterator[MovedDocument]:  # fmt: skip
    """The documents of both sides by number, and whether the base side is what was issued."""
    for account in accounts:
        mine = [each for each in promised if each.account == account]
        pair = [[each for each in side if each.invoice.account == account] for side in (one, two)]
        why = _unsound(mine, pair[0], period, asked, sides.books[0].meaning) if mine else ""
        if why and mine[-1].sequence is not None:  # the activity of that time may still make it
            then = [list(sides.made(side, period, [account], mine[-1].sequence)) for side in (0, 1)]
            if not _unsound(mine, then[0], period, asked, sides.books[0].meaning):
                pair, why = then, ""
        by_number = [{draft_number(each.invoice, period): each for each in side} for side in pair]
        for number in sorted(by_number[0].keys() | by_number[1].keys()):
            yield _document(number, period, by_number[0].get(number), by_number[1].get(number), sides.changes, why)


def _unsound(issued: Sequence[IssuedDocument], made: Sequence[Assembled], period: Period, asked: Asked, meaning: str) -> str:
    """Why what the base side makes is not what was issued; nothing if it is."""
    bodies = {draft_number(each.invoice, period): each.invoice.body_sha256() for each in made}
    corrected = any(each.corrects for each in issued)
    if corrected:
        standing = [asked.issued_invoice(each) for each in issued]
        other = [each.number for each in issued if not each.corrects] if corrections(standing, made, period, lambda _: ()) else []
    else:
        other = [each.number for each in issued if bodies.get(each.number) != each.body]
        other += sorted(bodies.keys() - {each.number for each in issued})
    if not other:
        return ""
    last = issued[-1]
    why = (
        f"the rule book before the change is not the one of commit {(last.commit or 'none')[:12]}, with which it was last issued"
        if last.meaning != meaning
        else f"it has the same rule book as commit {(last.commit or 'none')[:12]}; the activity or the engine is another one"
    )
    return f"the base side does not make {shortened(other, 3)} as issued{', corrections included' if corrected else ''}: {why}"


# --- one document ---------------------------------------------------------------------------------------------------------------

_ROW = ("kind", "source", "id", "segment", "component", "section", "item", "service_day")


def _document(
    number: str, period: Period, before: Assembled | None, after: Assembled | None, changes: Sequence[Change], why: str
) -> MovedDocument:
    there = before or after
    if there is None:
        raise InvariantError(f"{number}: neither book makes it; this is a fault of the engine")
    invoice = there.invoice
    totals = [None if side is None else side.invoice.total for side in (before, after)]
    by = _by_change(before, after, changes) if before is None or after is None or before.invoice != after.invoice else {}
    return MovedDocument(number, invoice.account, period.name, invoice.currency, totals[0], totals[1], by, why)


def _by_change(before: Assembled | None, after: Assembled | None, changes: Sequence[Change]) -> dict[str, int]:
    """The difference of two versions of a document by the changes that reach its rows; it adds up to the difference of their totals."""
    signed = [
        side.backup.select(*_ROW, pl.col("amount") * sign)
        for side, sign in ((before, -1), (after, 1))
        if side is not None and len(side.backup)
    ]
    found: Counter[str] = Counter()
    there = before or after
    if signed and there is not None:
        account = there.invoice.account
        moved = pl.concat(signed).group_by(_ROW).agg(pl.col("amount").sum()).filter(pl.col("amount") != 0)
        rows = moved.group_by("component", "section", "item", "service_day").agg(pl.col("amount").sum())
        for component, section, item, day, amount in rows.iter_rows():
            reaching = () if component.startswith(MADE) else changes
            names = [each.id for each in reaching if each.reach.holds(account, section, item, date.fromisoformat(day))]
            found[SEVERAL.join(sorted(names)) or FOLLOWS] += amount
    nets = [
        0 if side is None else side.invoice.total - sum(line.amount for line in side.invoice.lines) for side in (before, after)
    ]
    if nets[0] != nets[1]:
        found[TAX] += nets[1] - nets[0]
    return {name: amount for name, amount in sorted(found.items()) if amount}
