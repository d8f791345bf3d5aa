"""The invoice as plain text for a terminal, at most 100 columns wide, decimal points below each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from engine.invoice import Document, Party
from renderers.characters import columns, visible
from renderers.view import Figure, Group, Row, View, view

WIDTH = 100
_GAP = 2
_LABEL = 11
_UNIT_MAX = 12
_DESCRIPTION_MIN = 20


@dataclass(frozen=True, slots=True)
class _Widths:
    """The columns of the lines."""

    number: int
    quantity: int
    unit: int
    price: int
    amount: int

    @property
    def description(self) -> int:
        """What the other columns leave."""
        taken = self.number + self.quantity + self.unit + self.price + self.amount + 5 * _GAP
        return max(_DESCRIPTION_MIN, WIDTH - taken)


def render(document: Document) -> bytes:
    """The invoice as UTF-8 text; characters that a terminal would obey are shown, not sent."""
    page = view(document)
    lines = [
        *_head(document, page),
        "",
        *_parties(document),
        "",
        *(_labelled(name, text) for name, text in page.facts),
        *([_labelled("Subject", document.invoice.subject)] if document.invoice.subject else []),
        "",
        *_lines(page),
        *_totals(document, page),
        "",
        *([page.backup_statement] if page.backup_statement else []),
        f"Body {page.body_sha256[:16]}",
    ]
    return ("\n".join(line.rstrip() for line in lines) + "\n").encode()


def _head(document: Document, page: View) -> list[str]:
    title = f"{page.title}, draft" if page.is_draft else page.title
    head = _ends(visible(document.envelope.seller.name), title.upper())
    return [head, "=" * WIDTH]


def _parties(document: Document) -> Iterator[str]:
    """Seller and buyer beside each other."""
    left, right = (list(_party(party)) for party in (document.envelope.seller, document.envelope.buyer))
    half = WIDTH // 2
    yield _left("From", half) + "To"
    for i in range(max(len(left), len(right))):
        first, second = (_cut(party[i], half - _GAP) if i < len(party) else "" for party in (left, right))
        yield _left(first, half) + second


def _party(party: Party) -> Iterator[str]:
    yield visible(party.name)
    yield from (visible(line) for line in party.address)
    if party.email:
        yield visible(party.email)


def _labelled(name: str, text: str) -> str:
    return _left(name, _LABEL) + _cut(visible(text), WIDTH - _LABEL)


def _lines(page: View) -> Iterator[str]:
    widths = _widths(page)
    yield _cells(widths, "#", "Description", "Quantity", "Unit", "Price", "Amount")
    yield "-" * WIDTH
    for group in page.groups:
        yield _cut(visible(group.name), WIDTH)
        for row in group.rows:
            yield from _row(widths, row)
        if len(page.groups) > 1:
            yield from _subtotal(widths, group)


def _widths(page: View) -> _Widths:
    rows = [row for group in page.groups for row in group.rows]
    amounts = [page.total, *(row.amount for row in rows), *(group.subtotal for group in page.groups)]
    return _Widths(
        number=_widest(["#", *(row.number for row in rows)]),
        quantity=_widest(["Quantity", *(_padded(row.quantity) for row in rows)]),
        unit=min(_UNIT_MAX, _widest(["Unit", *(visible(row.unit) for row in rows)])),
        price=_widest(["Price", *(_padded(row.price) for row in rows)]),
        amount=_widest(["Amount", *amounts]),
    )


def _row(widths: _Widths, row: Row) -> Iterator[str]:
    first, *rest = [*_wrapped(visible(row.description), widths.description)] or [""]
    yield _cells(widths, row.number, first, _padded(row.quantity), visible(row.unit), _padded(row.price), row.amount)
    for text in [*rest, *(part for note in row.notes for part in _wrapped(visible(note), widths.description))]:
        yield " " * (widths.number + _GAP) + text


def _subtotal(widths: _Widths, group: Group) -> Iterator[str]:
    yield _right("-" * widths.amount, WIDTH)
    yield _ends("", f"Subtotal  {_right(group.subtotal, widths.amount)}")
    yield ""


def _totals(document: Document, page: View) -> Iterator[str]:
    currency = document.invoice.currency
    taxes = [(f"{name} on {base}", tax) for name, base, tax in page.taxes]
    due = [("Amount due", page.due)] if page.due else []
    width = _widest([page.total, *(text for _, text in [*taxes, *page.totals, *page.balance, *due])])
    yield "=" * WIDTH
    for name, text in [*taxes, *page.totals]:
        yield _ends("", f"{visible(name)}  {_right(text, width)} {' ' * len(currency)}")
    for name, text in [("Total", page.total), *page.balance, *due]:
        yield _ends("", f"{name}  {_right(text, width)} {currency}")


def _cells(widths: _Widths, number: str, description: str, quantity: str, unit: str, price: str, amount: str) -> str:
    gap = " " * _GAP
    return gap.join(
        [
            _right(number, widths.number),
            _left(description, widths.description),
            _right(quantity, widths.quantity),
            _left(_cut(unit, widths.unit), widths.unit),
            _right(price, widths.price),
            _right(amount, widths.amount),
        ]
    )


def _padded(figure: Figure) -> str:
    """The figure with blanks for the digits that wider ones in its column have."""
    return figure.text + " " * (figure.missing + (1 if figure.missing and not figure.digits else 0))


def _wrapped(text: str, width: int) -> Iterator[str]:
    line = ""
    for word in _words(text, width):
        if line and columns(line) + 1 + columns(word) > width:
            yield line
            line = word
        else:
            line = f"{line} {word}".strip()
    if line:
        yield line


def _words(text: str, width: int) -> Iterator[str]:
    """The words of a text, those that are too wide in pieces."""
    for word in text.split():
        rest = word
        while columns(rest) > width:
            head = _head_of(rest, width)
            yield head
            rest = rest[len(head) :]
        yield rest


def _head_of(text: str, width: int) -> str:
    """As many first characters as fit."""
    head = text[:width]
    while columns(head) > width:
        head = head[:-1]
    return head


def _cut(text: str, width: int) -> str:
    return text if columns(text) <= width else _head_of(text, width - 1) + "…"


def _ends(left: str, right: str) -> str:
    """Two texts at the two ends of a line."""
    left = _cut(left, WIDTH - columns(right) - _GAP)
    return left + " " * (WIDTH - columns(left) - columns(right)) + right


def _left(text: str, width: int) -> str:
    return text + " " * (width - columns(text))


def _right(text: str, width: int) -> str:
    return " " * (width - columns(text)) + text


def _widest(texts: Iterable[str]) -> int:
    return max(map(columns, texts), default=0)
