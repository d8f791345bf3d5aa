"""The invoice as a document: body (what the rules and the activity make), envelope (who, when, which number), backup rows, seal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from typing import Literal

from engine.canonical import Json, canonical_json, sha256
from engine.money import CURRENCY_DIGITS, Decimals, decimal_text

SCHEMA = "inforce.invoice/1"
Origin = Literal["rated", "window", "derived", "external", "manual", "reversal", "rebill"]


_NUMBER = re.compile(r"(\d[\d,]*)")


def reading_order(description: str) -> tuple[tuple[int, int | str], ...]:
    """The order of descriptions on an invoice: numbers in them by their size, so that a tier from 2,000 stands before one from 10,000."""
    parts = _NUMBER.split(description)
    return tuple((0, int(part.replace(",", ""))) if place % 2 else (1, part) for place, part in enumerate(parts))


@dataclass(frozen=True, slots=True)
class BackupHash:
    """How many backup rows stand behind a line or an invoice, and the hash of their canonical text."""

    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class LineItem:
    """One line: what was supplied, how much of it, at what price. `quantity` x `price`, rounded, is `amount`.

    `amount` and `tax` are minor units; `section` is the site; `key` is stable over reruns and identifies the line for corrections.
    """

    line: int
    key: str
    origin: Origin
    section: str
    item: str
    description: str
    unit: str
    quantity: Decimals
    price: Decimals
    amount: int
    tax_class: str
    service_from: date
    service_to: date
    backup: BackupHash
    tax_rate: str | None = None
    tax: int | None = None
    refs: tuple[tuple[str, str], ...] = ()
    corrects: tuple[str, int] | None = None
    reason: str | None = None

    def canonical(self) -> dict[str, Json]:
        """The line as canonical JSON members."""
        return {
            "line": self.line,
            "key": self.key,
            "origin": self.origin,
            "section": self.section,
            "item": self.item,
            "description": self.description,
            "unit": self.unit,
            "quantity": str(self.quantity),
            "price": str(self.price),
            "amount": self.amount,
            "tax_class": self.tax_class,
            "tax_rate": self.tax_rate,
            "tax": self.tax,
            "service_from": self.service_from.isoformat(),
            "service_to": self.service_to.isoformat(),
            "refs": dict(self.refs),
            "corrects": {"invoice": self.corrects[0], "line": self.corrects[1]} if self.corrects else None,
            "reason": self.reason,
            "backup": {"rows": self.backup.rows, "sha256": self.backup.sha256},
        }


@dataclass(frozen=True, slots=True)
class TaxTotal:
    """The tax of one category on an invoice; `base` and `tax` in minor units.

    `reason` says why there is none. `included`: the base holds the tax.
    """

    tax_class: str
    rate: str
    base: int
    tax: int
    name: str = ""
    reason: str = ""
    included: bool = False

    def canonical(self) -> dict[str, Json]:
        """The category as canonical JSON members."""
        return {
            "class": self.tax_class, "name": self.name, "rate": self.rate, "base": self.base, "tax": self.tax, "included": self.included,
            "reason": self.reason,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Invoice:
    """The body: a function of activity and of the rule book's meaning, nothing else. `end` is the first day after the period."""

    account: str
    currency: str
    start: date
    end: date
    subject: str
    lines: tuple[LineItem, ...]
    backup: BackupHash
    kind: Literal["invoice", "credit-note"] = "invoice"
    split: str | None = None
    sequence: int = 1
    taxes: tuple[TaxTotal, ...] = ()

    @property
    def net(self) -> int:
        """The sum of the lines without the tax that they include, in minor units."""
        return sum(line.amount for line in self.lines) - sum(tax.tax for tax in self.taxes if tax.included)

    @property
    def tax(self) -> int:
        """The sum of the taxes, in minor units."""
        return sum(tax.tax for tax in self.taxes)

    @property
    def total(self) -> int:
        """Net and tax, in minor units."""
        return self.net + self.tax

    @property
    def digits(self) -> int:
        """Digits of the currency's minor unit."""
        return CURRENCY_DIGITS[self.currency]

    def money(self, minor: int) -> str:
        """`minor` units for a reader: 1,204.00."""
        return decimal_text(minor, self.digits, grouped=True)

    def canonical(self) -> dict[str, Json]:
        """The body as canonical JSON members."""
        return {
            "schema": SCHEMA,
            "kind": self.kind,
            "account": self.account,
            "currency": self.currency,
            "period": {"from": self.start.isoformat(), "to": self.end.isoformat()},
            "split": self.split,
            "sequence": self.sequence,
            "subject": self.subject,
            "lines": [line.canonical() for line in self.lines],
            "taxes": [tax.canonical() for tax in self.taxes],
            "backup": {"rows": self.backup.rows, "sha256": self.backup.sha256},
            "net": self.net,
            "tax": self.tax,
            "total": self.total,
        }

    def body_sha256(self) -> str:
        """The invoice's identity."""
        return sha256(canonical_json(self.canonical()))


@dataclass(frozen=True, slots=True)
class Party:
    """Who sells or who pays, as printed."""

    name: str
    address: tuple[str, ...] = ()
    email: str = ""
    reference: str = ""

    def canonical(self) -> dict[str, Json]:
        """The party as canonical JSON members."""
        return {"name": self.name, "address": list(self.address), "email": self.email, "reference": self.reference}


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the ledger adds to a body: number, dates, parties, balances. Before numbering the number is DRAFT-<account>-<period>."""

    number: str
    seller: Party
    buyer: Party
    sections: Mapping[str, str] = field(default_factory=dict)
    issued_on: date | None = None
    due_on: date | None = None
    brought_forward: int | None = None
    payments: int | None = None
    due: int | None = None

    def canonical(self) -> dict[str, Json]:
        """The envelope as canonical JSON members."""
        return {
            "number": self.number,
            "seller": self.seller.canonical(),
            "buyer": self.buyer.canonical(),
            "sections": dict(self.sections),
            "issued_on": self.issued_on.isoformat() if self.issued_on else None,
            "due_on": self.due_on.isoformat() if self.due_on else None,
            "brought_forward": self.brought_forward,
            "payments": self.payments,
            "due": self.due,
        }


@dataclass(frozen=True, slots=True)
class BackupRow:
    """One charge behind a line. `exact` is quantity x price with all digits; `amount` (minor units) adds up to the line's amount.

    `start` and `end` are local ISO times with offset, empty for charges without clock times; workers stand by id.
    """

    line: int
    kind: str
    source: str
    id: str
    segment: int
    component: str
    service_day: date
    section: str
    worker: str
    start: str
    end: str
    item: str
    note: str
    quantity: Decimals
    unit: str
    price: Decimals
    exact: str
    amount: int

    def canonical(self) -> tuple[str, ...]:
        """The row's cells as canonical text, in the order of `BACKUP_COLUMNS`."""
        return tuple(str(getattr(self, name)) for name in BACKUP_COLUMNS)


BACKUP_COLUMNS = tuple(each.name for each in fields(BackupRow))


@dataclass(frozen=True, slots=True)
class Document:
    """What a renderer takes: body, envelope, backup rows in canonical order, and names that only rendered files show."""

    invoice: Invoice
    envelope: Envelope
    backup: tuple[BackupRow, ...]
    worker_names: Mapping[str, str] = field(default_factory=dict)

    def canonical(self) -> dict[str, Json]:
        """Body, its identity, and envelope: what stands in the `.json` file."""
        body = self.invoice.canonical()
        return {"body": body, "body_sha256": sha256(canonical_json(body)), "envelope": self.envelope.canonical()}


@dataclass(frozen=True, slots=True)
class Seal:
    """With which knowledge and which versions documents were made; kept beside them, never inside.

    `sequence` is that of the activity in the archive, `day` the effective date that was set for all of it (None: its own days).
    """

    commit: str | None
    tree: str | None
    dirty: bool
    meaning: str
    snapshot: str
    context: str
    semantics: int
    versions: tuple[tuple[str, str], ...]
    sequence: int | None = None
    day: date | None = None

    def canonical(self) -> dict[str, Json]:
        """The seal as canonical JSON members."""
        return {
            "commit": self.commit,
            "tree": self.tree,
            "dirty": self.dirty,
            "meaning": self.meaning,
            "snapshot": self.snapshot,
            "context": self.context,
            "semantics": self.semantics,
            "sequence": self.sequence,
            "day": self.day.isoformat() if self.day else None,
            "versions": dict(self.versions),
        }
