"""An invoice in the words and figures people read: what the text, the HTML page and the PDF have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby

from engine.invoice import BackupRow, Document, Envelope, Invoice, LineItem, TaxTotal
from engine.money import Decimals, NumberError, decimal_text, parse_decimal
from engine.problems import InvariantError

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_SHORT_ROWS = 8
_SHORT_NOTES = 400
DASH = "\N{EN DASH}"


@dataclass(frozen=True, slots=True)
class Figure:
    """A number to stand right-aligned in a column: `digits` digits after the point, `missing` fewer than the column's widest."""

    text: str
    digits: int
    missing: int


@dataclass(frozen=True, slots=True)
class Row:
    """One line."""

    number: str
    description: str
    notes: tuple[str, ...]
    quantity: Figure
    unit: str
    price: Figure
    tax: str
    amount: str


@dataclass(frozen=True, slots=True)
class Group:
    """The lines of one section and their sum."""

    name: str
    rows: tuple[Row, ...]
    subtotal: str

    @property
    def is_short(self) -> bool:
        """Whether it can stand on one page without leaving the one before empty."""
        return len(self.rows) <= _SHORT_ROWS and sum(len(note) for row in self.rows for note in row.notes) <= _SHORT_NOTES


@dataclass(frozen=True, slots=True)
class BackingRow:
    """One charge behind a line."""

    when: str
    worker: str
    reference: str
    detail: str
    quantity: Figure
    exact: Figure
    amount: str


@dataclass(frozen=True, slots=True)
class Backing:
    """The charges behind one line."""

    title: str
    section: str
    factors: str
    rows: tuple[BackingRow, ...]
    count: str
    amount: str


@dataclass(frozen=True, slots=True)
class View:
    """The whole invoice. `facts` and `balance` hold only what is known; `headline` is what the reader wants to see first."""

    title: str
    is_draft: bool
    number: str
    facts: tuple[tuple[str, str], ...]
    headline: tuple[str, str]
    groups: tuple[Group, ...]
    totals: tuple[tuple[str, str], ...]
    total: str
    taxes: tuple[tuple[str, str, str], ...]
    balance: tuple[tuple[str, str], ...]
    due: str
    backing: tuple[Backing, ...]
    backup_rows: int
    backup_statement: str
    body_sha256: str

    @property
    def names_workers(self) -> bool:
        """Whether the backup has a column of workers: not where nobody worked."""
        return any(row.worker for backing in self.backing for row in backing.rows)


def view(document: Document) -> View:
    """The document for people; refuses one whose backup rows do not add up to its lines."""
    invoice, envelope = document.invoice, document.envelope
    backing = _behind_lines(document)
    is_draft = envelope.number.startswith("DRAFT-") and envelope.issued_on is None
    due = _money(invoice, envelope.due)
    return View(
        title=_title(invoice),
        is_draft=is_draft,
        number=envelope.number,
        facts=_facts(invoice, envelope),
        headline=("Amount due", due) if due else ("Total", invoice.money(invoice.total)),
        groups=tuple(_groups(document)),
        totals=(("Net", invoice.money(invoice.net)), ("Tax", invoice.money(invoice.tax))) if invoice.taxes else (),
        total=invoice.money(invoice.total),
        taxes=tuple(_taxes(invoice)),
        balance=_balance(invoice, envelope),
        due=due,
        backing=backing,
        backup_rows=len(document.backup),
        backup_statement=_backup_statement(document),
        body_sha256=invoice.body_sha256(),
    )


def _title(invoice: Invoice) -> str:
    if invoice.kind == "credit-note":
        return "Credit note"
    return "Correction" if _corrects_only(invoice) else "Invoice"


def _corrects_only(invoice: Invoice) -> bool:
    """Whether every line takes back or puts right what was issued before."""
    return bool(invoice.lines) and all(line.origin in ("reversal", "rebill") for line in invoice.lines)


def day_text(day: date) -> str:
    """A day such as 31 October 2026, in any locale."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def period_text(start: date, end: date) -> str:
    """The days from `start` up to the last day before `end`, in few words: of a whole month, its first and last day."""
    last = end - timedelta(days=1)
    if last <= start:
        return day_text(start)
    if (start.year, start.month) == (last.year, last.month):
        return f"{start.day}{DASH}{day_text(last)}"
    if start.year == last.year:
        return f"{start.day} {MONTHS[start.month - 1]} {DASH} {day_text(last)}"
    return f"{day_text(start)} {DASH} {day_text(last)}"


def counted(count: int, noun: str) -> str:
    """`count` things: 1 backup row, 1,184 backup rows."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _facts(invoice: Invoice, envelope: Envelope) -> tuple[tuple[str, str], ...]:
    facts = [
        ("Number", envelope.number),
        ("Period", period_text(invoice.start, invoice.end)),
        ("Account", invoice.account),
        ("Part", invoice.split or ""),
        ("Correction" if _corrects_only(invoice) else "Version", str(invoice.sequence) if invoice.sequence > 1 else ""),
        ("Reference", envelope.buyer.reference),
        ("Issued", day_text(envelope.issued_on) if envelope.issued_on else ""),
        ("Due", day_text(envelope.due_on) if envelope.due_on else ""),
    ]
    return tuple((name, text) for name, text in facts if text)


def _balance(invoice: Invoice, envelope: Envelope) -> tuple[tuple[str, str], ...]:
    """What leads from the last invoice to the amount due; nothing while the ledger has not said."""
    if envelope.brought_forward is None and envelope.payments is None and envelope.due is None:
        return ()
    steps = [
        ("Balance brought forward", _money(invoice, envelope.brought_forward)),
        ("Payments", _money(invoice, envelope.payments)),
        ("This credit note" if invoice.kind == "credit-note" else "This invoice", invoice.money(invoice.total)),
    ]
    return tuple((name, text) for name, text in steps if text)


def _taxes(invoice: Invoice) -> Iterable[tuple[str, str, str]]:
    """The breakdown by the name of the tax: categories that read the same are one."""
    for name in dict.fromkeys(map(_tax_name, invoice.taxes)):
        mine = [tax for tax in invoice.taxes if _tax_name(tax) == name]
        yield name, invoice.money(sum(tax.base for tax in mine)), invoice.money(sum(tax.tax for tax in mine))


def _tax_name(tax: TaxTotal) -> str:
    """A tax category in words: VAT 20%, included; no tax: reverse charge."""
    if tax.reason:
        return f"No tax ({tax.reason})"
    return f"{tax.name or 'Tax'} {tax.rate}{', included,' if tax.included else ''}"


def _money(invoice: Invoice, minor: int | None) -> str:
    return "" if minor is None else invoice.money(minor)


def _groups(document: Document) -> Iterable[Group]:
    invoice = document.invoice
    quantity_digits = _most_digits(line.quantity for line in invoice.lines)
    price_digits = _most_digits(line.price for line in invoice.lines)
    for section, group in groupby(invoice.lines, key=lambda line: line.section):
        lines = tuple(group)
        yield Group(
            name=_section_name(document, section),
            rows=tuple(_row(invoice, line, quantity_digits, price_digits) for line in lines),
            subtotal=invoice.money(sum(line.amount for line in lines)),
        )


def _section_name(document: Document, section: str) -> str:
    return document.envelope.sections.get(section, section) or "Whole account"


def _row(invoice: Invoice, line: LineItem, quantity_digits: int, price_digits: int) -> Row:
    return Row(
        number=str(line.line),
        description=line.description or line.item,
        notes=tuple(_notes(invoice, line)),
        quantity=_figure(line.quantity, quantity_digits),
        unit=line.unit,
        price=_figure(line.price, price_digits),
        tax=line.tax_rate or "",
        amount=invoice.money(line.amount),
    )


def _notes(invoice: Invoice, line: LineItem) -> Iterable[str]:
    """What stands small below a description: references, what the line corrects and why, days outside the period."""
    if line.service_from < invoice.start or line.service_to >= invoice.end:
        yield f"Service {period_text(line.service_from, line.service_to + timedelta(days=1))}"
    if line.tax and _is_own(line):
        yield f"Tax {line.tax_rate}: {invoice.money(line.tax)}"
    if line.refs:
        yield " · ".join(f"{name} {value}" for name, value in line.refs)
    told = next((each.line for each in invoice.lines if line.reason and each.reason == line.reason), line.line)
    if line.corrects:
        again = f" · why: as line {told}" if told != line.line else ""
        yield f"{_TAKES.get(line.origin, 'Corrects')} {line.corrects[0]}, line {line.corrects[1]}{again}"
    if line.reason and (told == line.line or not line.corrects):
        yield f"Why: {line.reason}" if line.origin in _TAKES else line.reason


_TAKES = {"reversal": "Takes back", "rebill": "Bills anew"}  # how a line relates to the one that it corrects


def _is_own(line: LineItem) -> bool:
    """Whether the tax of a line is that of its own amount: of a tax that is rounded per category a line has a share."""
    rate = (line.tax_rate or "").removesuffix("%")
    try:
        percent = parse_decimal(rate).fraction()
    except NumberError:
        return False
    return abs(line.amount * percent / 100 - (line.tax or 0)) * 2 <= 1


def _behind_lines(document: Document) -> tuple[Backing, ...]:
    """The backup line by line, checked against the lines."""
    behind: dict[int, list[BackupRow]] = {}
    for row in document.backup:
        behind.setdefault(row.line, []).append(row)
    lines = {line.line: line for line in document.invoice.lines}
    if unknown := sorted(behind.keys() - lines.keys()):
        raise InvariantError(f"{document.envelope.number}: backup rows belong to line {unknown[0]}, which is not on the invoice")
    for line in document.invoice.lines:
        _check_backing(document, line, behind.get(line.line, ()))
    digits = _most_digits(row.quantity for row in document.backup)
    exact_digits = max((_exact_digits(row) for row in document.backup), default=0)
    return tuple(
        _backing(document, line, behind[line.line], digits, exact_digits)
        for line in document.invoice.lines
        if line.line in behind
    )


def _check_backing(document: Document, line: LineItem, rows: Sequence[BackupRow]) -> None:
    money = document.invoice.money
    if len(rows) != line.backup.rows:
        raise InvariantError(
            f"{document.envelope.number} line {line.line}: {line.backup.rows} backup rows are declared, {len(rows)} are here"
        )
    total = sum(row.amount for row in rows)
    if rows and total != line.amount:
        raise InvariantError(
            f"{document.envelope.number} line {line.line}: the line says {money(line.amount)}, its backup rows add up to {money(total)}"
        )


def _backing(document: Document, line: LineItem, rows: Sequence[BackupRow], digits: int, exact_digits: int) -> Backing:
    return Backing(
        title=f"{line.line} · {line.description or line.item}",
        section=_section_name(document, line.section),
        factors=f"{_grouped(line.quantity)} {line.unit} at {_grouped(line.price)}",
        rows=tuple(_backing_row(document, line, row, digits, exact_digits) for row in rows),
        count=counted(len(rows), "row"),
        amount=document.invoice.money(line.amount),
    )


def _backing_row(document: Document, line: LineItem, row: BackupRow, digits: int, exact_digits: int) -> BackingRow:
    name = document.worker_names.get(row.worker, "")
    details = (
        "" if row.component == "base" else row.component,
        "" if row.price == line.price else f"at {_grouped(row.price)}",
        row.note,
    )
    return BackingRow(
        when=f"{row.service_day.isoformat()} · {_clock_text(row.start, row.end)}".rstrip(" ·"),
        worker=name or row.worker,
        reference=" ".join(part for part in (row.source, row.id) if part),
        detail=" · ".join(detail for detail in details if detail),
        quantity=_figure(row.quantity, digits),
        exact=Figure(row.exact, _exact_digits(row), exact_digits - _exact_digits(row)),
        amount=document.invoice.money(row.amount),
    )


def _clock_text(start: str, end: str) -> str:
    """Clock times of a charge, with their offsets if the clock was changed in between."""
    if not start or not end:
        return ""
    try:
        first, last = datetime.fromisoformat(start), datetime.fromisoformat(end)
    except ValueError:
        return f"{start} {DASH} {end}"
    if first.utcoffset() == last.utcoffset():
        return f"{first:%H:%M}{DASH}{last:%H:%M}"
    return f"{first:%H:%M} ({first.isoformat()[-6:]}) {DASH} {last:%H:%M} ({last.isoformat()[-6:]})"


def _backup_statement(document: Document) -> str:
    """How many rows stand behind how much of the invoice."""
    if not document.backup:
        return ""
    invoice = document.invoice
    backed = [line.amount for line in invoice.lines if line.backup.rows]
    verb = "adds" if len(document.backup) == 1 else "add"
    statement = (
        f"{counted(len(document.backup), 'backup row')} {verb} up to exactly {invoice.money(sum(backed))} {invoice.currency}"
    )
    if len(backed) == len(invoice.lines):
        return f"{statement}."
    rest = [line.amount for line in invoice.lines if not line.backup.rows]
    return f"{statement}; {counted(len(rest), 'line')} of {invoice.money(sum(rest))} {invoice.currency} without backup rows."


def _figure(number: Decimals, digits: int) -> Figure:
    return Figure(_grouped(number), number.digits, digits - number.digits)


def _grouped(number: Decimals) -> str:
    return decimal_text(number.units, number.digits, grouped=True)


def _most_digits(numbers: Iterable[Decimals]) -> int:
    return max((number.digits for number in numbers), default=0)


def _exact_digits(row: BackupRow) -> int:
    return len(row.exact.partition(".")[2])
