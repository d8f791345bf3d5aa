"""Corrections: what issued documents and the replay at newer knowledge differ in, as lines that reverse and lines that bill again (law 10)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import polars as pl

from engine.arrays import ints
from engine.bulk.assembled import MADE, Assembled, canonical_text
from engine.bulk.issued_invoice import IssuedInvoice
from engine.canonical import sha256
from engine.causes import Cause, Causes, Concern, RowId, first_dated, row_ids, words
from engine.dates import Period
from engine.invoice import BackupHash, Document, Invoice, LineItem, TaxTotal
from engine.money import HALVES, parse_decimal, shares
from engine.pipeline import Preview
from engine.problems import InforceError, InvariantError
from engine.replay import Parties, draft_envelope, worker_names
from engine.steps.check import check_document

_BASE_LINE = re.compile(r"line [0-9]+")  # how backup rows of lines that are made of others name those
Place = tuple[str, int]  # number of a document, line


class CorrectionError(InforceError):
    """Issued documents cannot be corrected; nothing was written."""


@dataclass(frozen=True, slots=True)
class Corrected:
    """What a correction changes for one thing that is billed: its lines on the document, what they were and are in minor units, and why.

    `tax` is how much more tax there is on it.
    """

    lines: tuple[int, ...]
    corrects: tuple[Place, ...]
    section: str
    description: str
    was: int
    now: int
    tax: int
    causes: tuple[Cause, ...]


@dataclass(frozen=True, slots=True)
class Correction:
    """A correction as a document: its number, its body with backup rows, and what it changes."""

    number: str
    assembled: Assembled
    corrected: tuple[Corrected, ...]

    @property
    def invoice(self) -> Invoice:
        """The body."""
        return self.assembled.invoice


def corrections(
    issued: Sequence[IssuedInvoice], replayed: Sequence[Assembled], period: Period, causes: Causes, credit_notes: Collection[str] = ()
) -> tuple[Correction, ...]:  # fmt: skip
    """The documents that bring what was issued of a period to its replay, in order of account and split; none where they agree.

    `issued` holds all documents of these accounts and this period, earlier corrections too. Accounts in `credit_notes` get a correction
    below zero as a credit note.
    """
    _check_alike([*(each.invoice for each in issued), *(each.invoice for each in replayed)], period)
    taken = {each.number for each in issued}
    found: list[Correction] = []
    for account in sorted({each.invoice.account for each in issued} | {each.invoice.account for each in replayed}):
        mine = [each for each in issued if each.invoice.account == account]
        wanted = [each for each in replayed if each.invoice.account == account]
        made = []
        compared = _compared(mine, wanted)
        for split in sorted({group.split for group in compared.groups}):
            made.append(_document(account, split, period, compared, taken, causes, account in credit_notes))
            taken.add(made[-1].number)
        check_convergence(mine, made, wanted)
        found += made
    return tuple(found)


def standing_lines(issued: Sequence[IssuedInvoice]) -> dict[Place, LineItem]:
    """The issued lines that no correction among these documents has reversed, by document and line."""
    return {line.place: line.item for line in _live(issued)}


def documents(made: Sequence[Correction], preview: Preview, parties: Parties) -> tuple[Document, ...]:
    """Corrections as documents, with draft envelopes and the names of workers that the replay knows."""
    names = worker_names(preview)
    return tuple(each.assembled.document(draft_envelope(each.number, each.invoice, parties), names) for each in made)


def _check_alike(invoices: Iterable[Invoice], period: Period) -> None:
    currencies: dict[str, str] = {}
    for invoice in invoices:
        if (invoice.start, invoice.end) != (period.start, period.end):
            raise InvariantError(f"{invoice.account}: a document of {invoice.start} to {invoice.end} is not of {period.name}")
        before = currencies.setdefault(invoice.account, invoice.currency)
        if before != invoice.currency:
            raise CorrectionError(
                f"{invoice.account}, {period.name}: was billed in {before} and is in {invoice.currency} now; nothing is converted.\n"
                f"Give the account its currency back, and make another account for the other one."
            )


# --- what differs -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)  # each is itself; frames have no equality
class _Line:
    """A line with its document (empty: the replay's) and the rows behind it."""

    split: str
    number: str
    item: LineItem
    rows: pl.DataFrame

    @property
    def place(self) -> Place:
        return self.number, self.item.line


@dataclass(frozen=True, slots=True)
class _Group:
    """The lines of one key that have no equal: issued ones to reverse, replayed ones to bill."""

    split: str
    reversed: tuple[_Line, ...]
    billed: tuple[_Line, ...]

    @property
    def order(self) -> tuple[object, ...]:
        """Where the group stands: as on the replayed invoice, or as on the issued one."""
        first = (self.billed or self.reversed)[0].item
        return first.section, first.line, not self.billed, first.key


@dataclass(frozen=True, slots=True)
class _Compared:
    """The documents of an account, and the groups that differ.

    `standing`: the place of each replayed line, by split and line, among the documents; `taken_back`: the first line taken back that has
    a row of activity behind it.
    """

    issued: Sequence[IssuedInvoice]
    replayed: Sequence[Assembled]
    groups: tuple[_Group, ...]
    standing: dict[tuple[str, int], Place]
    taken_back: Mapping[RowId, Place]

    def invoices(self, split: str) -> tuple[list[Invoice], list[Invoice]]:
        """The issued and the replayed bodies of a split."""
        issued = [each.invoice for each in self.issued if (each.invoice.split or "") == split]
        return issued, [each.invoice for each in self.replayed if (each.invoice.split or "") == split]


def _compared(issued: Sequence[IssuedInvoice], replayed: Sequence[Assembled]) -> _Compared:
    """The multiset difference of the issued lines that still stand and the replayed ones, by key."""
    sides: dict[tuple[str, str], tuple[list[_Line], list[_Line]]] = {}
    for side, lines in enumerate((_live(issued), [line for each in replayed for line in _lines("", each)])):
        for line in lines:
            sides.setdefault((line.split, line.item.key), ([], []))[side].append(line)
    groups, standing = [], {}
    for (split, _), (live, wanted) in sides.items():
        billed = []
        for line in wanted:
            equal = next((each for each in live if _figures(each.item) == _figures(line.item)), None)
            if equal is None:
                billed.append(line)
            else:
                live.remove(equal)
                standing[split, line.item.line] = equal.place
        if live or billed:
            groups.append(_Group(split, tuple(live), tuple(billed)))
    groups.sort(key=lambda group: (group.split, *group.order))
    taken_back: dict[RowId, Place] = {}
    for line in (line for group in groups for line in group.reversed):
        for row in _row_ids([line]):
            taken_back.setdefault(row, line.place)
    return _Compared(issued, replayed, tuple(groups), standing, taken_back)


def _lines(number: str, assembled: Assembled) -> Iterable[_Line]:
    """The lines of a document that take part; what people added by hand stands outside."""
    parts = assembled.backup.partition_by("line", as_dict=True)
    for item in assembled.invoice.lines:
        if item.origin != "manual":
            yield _Line(assembled.invoice.split or "", number, item, parts.get((item.line,), assembled.backup.clear()))


def _live(issued: Sequence[IssuedInvoice]) -> list[_Line]:
    """The issued lines that bill something and that no correction has reversed."""
    lines = [line for each in issued for line in _lines(each.number, each.assembled)]
    bill = {line.place: line for line in lines if line.item.origin != "reversal"}
    for line in lines:
        if line.item.origin == "reversal" and bill.pop(line.item.corrects or ("", 0), None) is None:
            raise CorrectionError(
                f"{line.number}, line {line.item.line}: reverses {line.item.corrects}, which was not issued or is reversed already.\n"
                f"Restore the archive from a backup."
            )
    return list(bill.values())


def _figures(line: LineItem) -> tuple[Hashable, ...]:
    """What two lines of one key must agree in to be equal; 8 hours and 8.00 hours do."""
    return line.quantity.fraction(), line.price.fraction(), line.amount, line.tax_rate, line.tax


# --- the document -----------------------------------------------------------------------------------------------------------


def _document(
    account: str, split: str, period: Period, compared: _Compared, taken: Collection[str], causes: Causes, credit: bool
) -> Correction:
    """The correction of an account, split and period."""
    stem = "-".join(part for part in ("DRAFT", account, period.name, split) if part)
    sequence = next(n for n in range(1, len(taken) + 2) if f"{stem}-C{n}" not in taken)
    groups = [group for group in compared.groups if group.split == split]
    number = f"{stem}-C{sequence}"
    _number(groups, number, compared)
    items: list[LineItem] = []
    rows: list[pl.DataFrame] = []
    told: list[Corrected] = []
    for group in groups:
        why = causes(_concern(group, account, period))
        first = len(items) + 1
        for line in group.reversed:
            rows.append(_mirrored(line, len(items) + 1))
            items.append(_reversal(line, len(items) + 1, words(why), rows[-1]))
        for line in group.billed:
            rows.append(_as_is(line, len(items) + 1, compared))
            items.append(_rebill(line, len(items) + 1, _replaced(group, line, compared), words(why), rows[-1]))
        told.append(_told(group, tuple(range(first, len(items) + 1)), why))
    backup = pl.concat(rows)
    issued, replayed = compared.invoices(split)
    body = Invoice(
        account, (issued or replayed)[0].currency, period.start, period.end, _subject(split, period, compared, items), tuple(items),
        BackupHash(len(backup), sha256(canonical_text(backup))), split=split or None, sequence=sequence,
        taxes=_difference(_breakdown(replayed), _breakdown(issued)),
    )  # fmt: skip
    if credit and body.total < 0:
        body = replace(body, kind="credit-note")
    assembled = Assembled(body, backup, ints(np.full(len(backup), -1)), ints([]))
    check_document(assembled, HALVES)
    return Correction(number, assembled, tuple(told))


def _subject(split: str, period: Period, compared: _Compared, items: Sequence[LineItem]) -> str:
    """What is corrected: the invoice of the split, else the first that a line of it stands on, else the period."""
    numbers = [each.number for each in compared.issued if (each.invoice.split or "") == split]
    numbers += [item.corrects[0] for item in items if item.corrects]
    return f"Corrections of {numbers[0] if numbers else period.name}"


def _number(groups: Sequence[_Group], number: str, compared: _Compared) -> None:
    """Notes where the replayed lines that are billed anew will stand."""
    count = 0
    for group in groups:
        count += len(group.reversed)
        for line in group.billed:
            count += 1
            compared.standing[group.split, line.item.line] = number, count


def _reversal(line: _Line, number: int, reason: str, behind: pl.DataFrame) -> LineItem:
    item = line.item
    return replace(
        item, line=number, origin="reversal", quantity=replace(item.quantity, units=-item.quantity.units), amount=-item.amount,
        tax=None if item.tax is None else -item.tax, corrects=line.place, reason=reason, backup=_hash(behind),
    )  # fmt: skip


def _rebill(line: _Line, number: int, corrects: Place | None, reason: str, behind: pl.DataFrame) -> LineItem:
    return replace(line.item, line=number, origin="rebill", corrects=corrects, reason=reason, backup=_hash(behind))


def _hash(rows: pl.DataFrame) -> BackupHash:
    return BackupHash(len(rows), sha256(canonical_text(rows)))


def _replaced(group: _Group, line: _Line, compared: _Compared) -> Place | None:
    """The line that a billed line stands instead of: that of its key (of several the first), else one that has a row in common with it."""
    if group.reversed:
        return group.reversed[0].place
    return next((compared.taken_back[row] for row in sorted(_row_ids([line])) if row in compared.taken_back), None)


def _mirrored(line: _Line, number: int) -> pl.DataFrame:
    """The rows of an issued line with the other sign; a line that they name is one of their document."""

    def minus(name: str) -> pl.Expr:
        text = pl.col(name)
        signed = pl.when(text.str.contains("[1-9]")).then(pl.lit("-") + text).otherwise(text)
        return pl.when(text.str.starts_with("-")).then(text.str.slice(1)).otherwise(signed).alias(name)

    names_line = pl.col("id").str.contains(f"^{_BASE_LINE.pattern}$") & (pl.col("source") == "")
    return line.rows.with_columns(
        minus("quantity"), minus("exact"), pl.lit(number, dtype=pl.Int64).alias("line"), -pl.col("amount"),
        source=pl.when(names_line).then(pl.lit(line.number)).otherwise("source"),
    )  # fmt: skip


def _as_is(line: _Line, number: int, compared: _Compared) -> pl.DataFrame:
    """The rows of a replayed line; lines that they name are named where those stand among the documents."""
    rows = line.rows.with_columns(line=pl.lit(number, dtype=pl.Int64))
    if rows.is_empty() or not all(map(_BASE_LINE.fullmatch, rows["id"])):
        return rows
    named = [compared.standing[line.split, int(name.split()[1])] for name in rows["id"]]
    documents, places = ([each[at] for each in named] for at in (0, 1))
    return rows.with_columns(source=pl.Series(documents), id=pl.Series([f"line {place}" for place in places]))


def _row_ids(lines: Iterable[_Line]) -> frozenset[RowId]:
    return row_ids(line.rows for line in lines)


def _concern(group: _Group, account: str, period: Period) -> Concern:
    every = [*group.reversed, *group.billed]
    first = every[0].item
    served = min(line.item.service_from for line in every)
    return Concern(
        account, first.section, first.item, first_dated(served, [line.rows for line in every]),
        max(line.item.service_to for line in every), period.start, period.end, _is_made(group),
        _row_ids(group.reversed), _row_ids(group.billed), frozenset(name for line in every for name in line.rows["worker"] if name),
    )  # fmt: skip


def _is_made(group: _Group) -> bool:
    """Whether lines follow from others: made of them, or given another share of a tax that is rounded for all of them."""
    sides = (Counter(_figures(line.item)[:3] for line in side) for side in (group.reversed, group.billed))
    components = {name for line in (*group.reversed, *group.billed) for name in line.rows["component"]}
    return any(name.startswith(MADE) for name in components) or next(sides) == next(sides)


def _told(group: _Group, lines: tuple[int, ...], why: tuple[Cause, ...]) -> Corrected:
    first = (group.billed or group.reversed)[0].item
    was, now = (sum(line.item.amount for line in side) for side in (group.reversed, group.billed))
    taxes = [sum(line.item.tax or 0 for line in side) for side in (group.reversed, group.billed)]
    corrects = tuple(line.place for line in group.reversed)
    return Corrected(lines, corrects, first.section, first.description, was, now, taxes[1] - taxes[0], why)


# --- taxes ------------------------------------------------------------------------------------------------------------------

_Breakdown = dict[TaxTotal, tuple[int, int]]  # category without figures: base and tax


def _breakdown(invoices: Iterable[Invoice]) -> _Breakdown:
    """The taxes of some invoices by category, without what lines made by hand have in them."""
    found: _Breakdown = {}
    for invoice in invoices:
        by_hand = [part for line in invoice.lines if line.origin == "manual" for part in _parts(line, invoice.taxes)]
        for sign, taxes in ((1, invoice.taxes), (-1, by_hand)):
            for tax in taxes:
                category = replace(tax, base=0, tax=0)
                base, sum_ = found.get(category, (0, 0))
                found[category] = base + sign * tax.base, sum_ + sign * tax.tax
    return {category: figures for category, figures in found.items() if figures != (0, 0)}


def _difference(now: _Breakdown, before: _Breakdown) -> tuple[TaxTotal, ...]:
    """What each category has now and did not have before."""
    moved = []
    for category in now.keys() | before.keys():
        base, tax = (now.get(category, (0, 0))[at] - before.get(category, (0, 0))[at] for at in (0, 1))
        if base or tax:
            moved.append(replace(category, base=base, tax=tax))
    return tuple(sorted(moved, key=lambda each: (each.tax_class, each.name, each.rate, each.reason, each.included)))


def _parts(line: LineItem, taxes: Sequence[TaxTotal]) -> list[TaxTotal]:
    """The part of a line in each category that its rates name, its tax shared by them."""
    rates = (line.tax_rate or "").split(" + ")
    mine = [tax for tax in taxes if tax.tax_class == line.tax_class and tax.rate in rates]
    percents = [parse_decimal(tax.rate.removesuffix("%")).fraction() for tax in mine]
    whole = sum(percents, Fraction(0)) or Fraction(1)
    parts = shares(line.tax or 0, [each * (line.tax or 0) / whole for each in percents])
    return [replace(tax, base=line.amount, tax=part) for tax, part in zip(mine, parts, strict=True)]


# --- the law ----------------------------------------------------------------------------------------------------------------


def check_convergence(issued: Sequence[IssuedInvoice], made: Sequence[Correction], replayed: Sequence[Assembled]) -> None:
    """Refuses corrections after which the issued lines and taxes of an account are not exactly those of its replay."""
    documents = [*((each.number, each.invoice) for each in issued), *((each.number, each.invoice) for each in made)]
    lines = {(number, line.line): line for number, invoice in documents for line in invoice.lines if line.origin != "manual"}
    left: Counter[Hashable] = Counter()
    for (number, place), line in lines.items():
        if line.origin != "reversal":
            left[_identity(line)] += 1
            continue
        other = lines.get(line.corrects) if line.corrects else None
        if other is None or _identity(other) != _identity(line, -1):
            raise InvariantError(f"{number}, line {place}: does not mirror the line it reverses; nothing was written")
        left[_identity(other)] -= 1
    account = documents[0][1].account if documents else ""
    if {key: count for key, count in left.items() if count} != Counter(
        _identity(line) for each in replayed for line in each.invoice.lines
    ):
        raise InvariantError(
            f"{account}: after its corrections the issued lines are not those of the replay; nothing was written"
        )
    if made and _breakdown(invoice for _, invoice in documents) != _breakdown(each.invoice for each in replayed):
        raise InvariantError(
            f"{account}: after its corrections the issued taxes are not those of the replay; nothing was written"
        )


def _identity(line: LineItem, sign: int = 1) -> Hashable:
    """Key and figures of a line; of a reversal with `sign` -1 those of the line that it mirrors."""
    tax = None if line.tax is None else sign * line.tax
    return line.key, sign * line.quantity.fraction(), line.price.fraction(), sign * line.amount, line.tax_rate, tax
