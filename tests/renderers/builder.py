"""Invoices to render: as many lines, sections and backup rows as a test wants, always adding up."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

from engine.backup import canonical_backup
from engine.canonical import sha256
from engine.invoice import BackupHash, BackupRow, Document, Envelope, Invoice, LineItem, Party, TaxTotal
from engine.money import Decimals

SITES = {
    "st-mary": "St. Mary Medical Center",
    "mercy": "Mercy General Hospital",
    "lakeside": "Lakeside Children's Clinic",
    "harbor": "Harbor View Rehabilitation",
}
WORK = (
    ("rn", "Registered nurse, day", 6800),
    ("rn", "Registered nurse, night", 8250),
    ("rn", "Registered nurse, weekend night with holiday premium", 10325),
    ("lpn", "Licensed practical nurse, day", 5150),
    ("cna", "Certified nursing assistant", 3475),
    ("rn", "Cancelled less than 4 hours before, billable", 6800),
)
NAMES = ("Ana Kovačević", "Bea Olsen", "Chidi Okafor", "Dana Lindqvist", "Eszter Nagy", "Farid Amiri", "Gwen O'Hara")


def build(
    lines: int = 5,
    sections: int = 1,
    rows_per_line: int = 3,
    *,
    first_line: Mapping[str, object] | None = None,
    first_row: Mapping[str, object] | None = None,
    envelope: Mapping[str, object] | None = None,
    subject: str = "Nursing staff, October 2026",
    worker_names: Mapping[str, str] | None = None,
    sections_named: Mapping[str, str] = SITES,
) -> Document:
    """Return a draft for October 2026; the mappings replace fields of the first line, the first row and the envelope."""
    made = [_line(number, list(SITES)[(number - 1) * sections // lines], rows_per_line) for number in range(1, lines + 1)]
    items = [item for item, _ in made]
    rows = [list(behind) for _, behind in made]
    if first_line:
        items[0] = replace(items[0], **first_line)  # type: ignore[arg-type]  # the test knows the fields
    if first_row:
        rows[0][0] = replace(rows[0][0], **first_row)  # type: ignore[arg-type]  # the test knows the fields
    items = [replace(item, backup=_hash(behind)) for item, behind in zip(items, rows, strict=True)]
    every = tuple(row for behind in rows for row in behind)
    invoice = Invoice(
        account="st-mary-group",
        currency="USD",
        start=date(2026, 10, 1),
        end=date(2026, 11, 1),
        subject=subject,
        lines=tuple(items),
        backup=_hash(every),
    )
    plain = Envelope(
        number="DRAFT-st-mary-group-2026-10",
        seller=Party(
            "Northside Staffing Agency Ltd.",
            ("210 Harbor Street", "Oakland, CA 94607"),
            "billing@northside.example",
            "Tax ID 94-0000000",
        ),
        buyer=Party(
            "St. Mary Hospital Group",
            ("Accounts Payable", "1 Cathedral Square", "San Francisco, CA 94109"),
            "ap@stmary.example",
            "PO 4711-0026",
        ),
        sections=sections_named,
    )
    names = {f"w-{i:03d}": name for i, name in enumerate(NAMES)} if worker_names is None else worker_names
    return Document(invoice, replace(plain, **(envelope or {})), every, names)  # type: ignore[arg-type]  # as above


def everywhere(text: str) -> Document:
    """Return a document with `text` in every text that a page shows."""
    document = build(
        3,
        2,
        rows_per_line=2,
        subject=text,
        first_line={
            "description": text,
            "unit": text,
            "item": text,
            "reason": text,
            "refs": ((text, text),),
            "corrects": (text, 1),
        },
        first_row={
            "note": text,
            "id": text,
            "source": text,
            "component": text,
            "worker": text,
            "item": text,
            "kind": text,
            "unit": text,
        },
        worker_names={"w-002": text},
        sections_named={"st-mary": text, "mercy": text},
        envelope={
            "seller": Party(text, (text, text), text, text),
            "buyer": Party(text, (text, text), text, text),
            "number": text,
        },
    )
    taxes = (TaxTotal(text, text, document.invoice.net, 0),)
    lines = tuple(replace(line, tax_rate=text) for line in document.invoice.lines)
    return replace(document, invoice=replace(document.invoice, account=text, split=text, taxes=taxes, lines=lines))


def _hash(rows: Sequence[BackupRow]) -> BackupHash:
    return BackupHash(len(rows), sha256(canonical_backup(rows)))


def _line(number: int, section: str, rows_per_line: int) -> tuple[LineItem, list[BackupRow]]:
    """Return one line and the rows behind it; every seventh is a negative correction."""
    item, description, price = WORK[number % len(WORK)]
    sign = -1 if number % 7 == 6 else 1
    quantities = [sign * (725 + 25 * ((number * 7 + i * 11) % 20)) for i in range(rows_per_line)]
    exact = [quantity * price for quantity in quantities]
    rows = [
        BackupRow(
            line=number,
            kind="shift",
            source="",
            id=f"s-{number * 100 + i:06d}",
            segment=0,
            component="night+weekend" if "weekend" in description else "base",
            service_day=date(2026, 10, 1) + timedelta(days=(number + i * 5) % 31),
            section=section,
            worker=f"w-{(number + i) % len(NAMES):03d}",
            start="2026-10-03T19:00:00-07:00",
            end="2026-10-04T03:15:00-07:00",
            item=item,
            note="",
            quantity=Decimals(quantity, 2),
            unit="hours",
            price=Decimals(price, 2),
            exact=str(Decimals(product, 4)),
            amount=sign * ((abs(product) + 50) // 100),
        )
        for i, (quantity, product) in enumerate(zip(quantities, exact, strict=True))
    ]
    line = LineItem(
        line=number,
        key=f"{section}/{item}/{number}",
        origin="reversal" if sign < 0 else "rated",
        section=section,
        item=item,
        description=description,
        unit="hours",
        quantity=Decimals(sum(quantities), 2),
        price=Decimals(price, 2),
        amount=sum(row.amount for row in rows),
        tax_class="standard",
        service_from=date(2026, 10, 1),
        service_to=date(2026, 10, 31),
        backup=_hash(rows),
        corrects=("INV-2026-09-0031", number) if sign < 0 else None,
        reason="Timesheet corrected by the ward" if sign < 0 else None,
    )
    return line, rows
