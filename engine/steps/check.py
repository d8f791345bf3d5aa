"""Check: every figure of an invoice recomputed from what is printed; a difference stops the run before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from engine.bulk.assembled import Assembled
from engine.bulk.charges import BASES, Rated
from engine.invoice import Invoice
from engine.money import Half, decimal_text, parse_decimal, rounded
from engine.problems import InvariantError
from engine.ratebook.book import RuleBook


def check(assembled: Sequence[Assembled], charges: int, book: RuleBook) -> None:
    """Refuses invoices whose lines, backup rows, totals or taxes do not agree to the last digit, and charges that are not on exactly one."""
    for each in assembled:
        check_document(each, (book.rounding.amount,))
    seen = np.zeros(charges, dtype=np.int64)
    for each in assembled:
        np.add.at(seen, each.claims, 1)
    if bool((seen > 1).any()) or bool((seen == 0).any()):
        entry = int(np.flatnonzero(seen != 1)[0])
        raise InvariantError(f"charge {entry} is billed {int(seen[entry])} times instead of once; nothing was written")


def check_document(assembled: Assembled, halves: Sequence[Half]) -> None:
    """Refuses an invoice whose figures do not agree; each line is rounded in one of the ways `halves`."""
    _check_invoice(assembled, halves)
    _check_tax(assembled.invoice)


def _check_tax(invoice: Invoice) -> None:
    """The taxes of the lines add up to the breakdown."""
    lines = sum(line.tax or 0 for line in invoice.lines)
    _equal(invoice.account, "the taxes of its lines", lines, "its tax", invoice.tax, invoice.digits)


def _check_invoice(assembled: Assembled, halves: Sequence[Half]) -> None:
    """Quantity x price is the amount, backup adds up to the line, lines add up to the invoice: from the printed texts alone."""
    invoice, backup = assembled.invoice, assembled.backup
    minor = 10**invoice.digits
    rows: dict[int, list[tuple[Fraction, Fraction, Fraction, int]]] = {}
    cells = zip(*(backup[name].to_list() for name in ("line", "quantity", "price", "exact", "amount")), strict=True)
    for line, quantity, price, exact, amount in cells:
        rows.setdefault(line, []).append((*(parse_decimal(text).fraction() for text in (quantity, price, exact)), amount))
    for line in invoice.lines:
        where = f"{invoice.account}, line {line.line}"
        quantity, price = line.quantity.fraction(), line.price.fraction()
        mine = rows.pop(line.line, [])
        made = {rounded(quantity * price * minor, half) for half in halves}
        whole = line.amount if line.amount in made else min(made)
        _equal(where, "its quantity x price", whole, "its amount", line.amount, invoice.digits)
        _equal(where, "its backup rows", sum(row[3] for row in mine), "its amount", line.amount, invoice.digits)
        if sum(row[0] for row in mine) != quantity or any(row[1] != price for row in mine) or len(mine) != line.backup.rows:
            raise InvariantError(
                f"{where}: quantities or prices of its {len(mine)} backup rows are not those of the line; nothing was written"
            )
        if sum(row[2] for row in mine) != quantity * price or any(row[2] != row[0] * row[1] for row in mine):
            raise InvariantError(
                f"{where}: the exact amounts of its backup rows do not add up to quantity x price; nothing was written"
            )
    if rows:
        raise InvariantError(
            f"{invoice.account}: backup rows stand for lines that do not exist ({sorted(rows)}); nothing was written"
        )
    included = sum(tax.tax for tax in invoice.taxes if tax.included)
    lines = sum(line.amount for line in invoice.lines)
    _equal(invoice.account, "its lines", lines - included, "its net", invoice.net, invoice.digits)
    _equal(invoice.account, "its backup rows", int(backup["amount"].sum()), "the sum of its lines", lines, invoice.digits)


def _equal(where: str, one: str, left: int, other: str, right: int, digits: int) -> None:
    if left != right:
        raise InvariantError(
            f"{where}: {one} make {decimal_text(left, digits)}, {other} is {decimal_text(right, digits)} "
            f"({decimal_text(left - right, digits)} apart); this is a fault of the engine, nothing was written"
        )


def check_time(rated: Rated) -> None:
    """The billed quantity of each activity is its rounded time."""
    charges = rated.charges
    time = charges.basis < BASES.index("own-line")
    billed = np.zeros(len(rated.activity), dtype=np.int64)
    np.add.at(billed, charges.row[time], charges.quantity[time])
    off = np.abs(billed * 3600 - rated.seconds * 10**charges.quantity_digits) * 2 > 3600
    stopped = np.zeros(len(billed), dtype=np.bool_)
    stopped[list(rated.stopped)] = True
    stopped |= ~rated.charged
    if bool((off & ~stopped).any()) or bool((billed[stopped] != 0).any()) or bool((billed[~stopped] == 0).any()):
        row = int(np.flatnonzero((off & ~stopped) | (stopped != (billed == 0)))[0])
        raise InvariantError(
            f"{rated.activity.id[row]}: {decimal_text(int(billed[row]), charges.quantity_digits)} h are billed for {int(rated.seconds[row])} s "
            f"of billable time; this is a fault of the engine, nothing was written"
        )
