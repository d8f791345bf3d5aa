"""The invoice as one self-contained HTML page: styles and typefaces inside, no script, nothing fetched, ready to print."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from jinja2 import Environment
from markupsafe import Markup

from engine.invoice import Document
from renderers.characters import columns, visible
from renderers.templating import environment
from renderers.typefaces import families, screen_faces
from renderers.view import Figure, View, day_text, view

BACKUP_ROWS_MAX = 150
_UNIT_MAX = 12

# The typeface's advances in thousandths of an em; every digit has the same.
_DIGIT = 600
_POINT = 272
_SPACE_BETWEEN = 1300


@dataclass(frozen=True, slots=True)
class Widths:
    """The columns as texts in em, each as wide as its widest figure, so that all tables of a page stand in one grid."""

    number: str
    quantity: str
    unit: str
    price: str
    tax: str
    amount: str
    quantity_backed: str
    exact: str


def render(document: Document) -> bytes:
    """The page as UTF-8."""
    return page(
        document, seen=visible, font_faces=screen_faces(), backup_place="the backup CSV that comes with this invoice"
    ).encode()


def page(document: Document, *, seen: Callable[[str], str], font_faces: str, backup_place: str, notes: Iterable[str] = ()) -> str:
    """The page; `seen` makes each text fit to be shown, `font_faces` is a style sheet, `notes` stand below the total."""
    shown = view(document)
    last = document.invoice.end - timedelta(days=1)
    return (
        _environment(seen)
        .get_template("invoice.html.j2")
        .render(
            page=shown,
            invoice=document.invoice,
            envelope=document.envelope,
            made=f"{last.isoformat()}T12:00:00Z",
            due_on=day_text(document.envelope.due_on) if document.envelope.due_on else "",
            widths=_widths(shown),
            font_faces=Markup(font_faces),  # noqa: S704 - our own files
            sans=Markup(families("sans")),  # noqa: S704 - our own names
            mono=Markup(families("mono")),  # noqa: S704 - our own names
            shows_backup=shown.backup_rows <= BACKUP_ROWS_MAX,
            backup_place=backup_place,
            notes=tuple(notes),
        )
    )


@lru_cache
def _environment(seen: Callable[[str], str]) -> Environment:
    templates = environment("templates", seen)
    templates.filters["gap"] = _gap
    return templates


def _gap(figure: Figure) -> str:
    """The room that a figure leaves for the digits that wider ones in its column have."""
    return _em(figure.missing * _DIGIT + (0 if figure.digits else _POINT))


def _widths(page: View) -> Widths:
    rows = [row for group in page.groups for row in group.rows]
    backed = [row for backing in page.backing for row in backing.rows]
    amounts = [page.total, *(row.amount for row in rows), *(group.subtotal for group in page.groups)]
    return Widths(
        number=_em(_DIGIT * max(2, *(len(row.number) for row in rows), 0) + 100),
        quantity=_em(_widest(["Quantity", *(_padded(row.quantity) for row in rows)])),
        unit=_em(min(_UNIT_MAX * _DIGIT, _widest(["Unit", *(row.unit for row in rows)]))),
        price=_em(_widest(["Price", *(_padded(row.price) for row in rows)])),
        tax=_em(_widest(["Tax", *(row.tax for row in rows)])),
        amount=_em(_widest(["Amount", *amounts])),
        quantity_backed=_em(_widest(["Quantity", *(_padded(row.quantity) for row in backed)])),
        exact=_em(_widest(["Exact", *(_padded(row.exact) for row in backed)])),
    )


def _padded(figure: Figure) -> str:
    return figure.text + "0" * figure.missing + ("" if figure.digits or not figure.missing else ".")


def _widest(texts: Iterable[str]) -> int:
    return max(_advance(text) for text in texts) + _SPACE_BETWEEN


def _advance(text: str) -> int:
    """About how wide a text is, in thousandths of an em; exact for figures."""
    narrow = sum(text.count(sign) for sign in ".,")
    return (columns(text) - narrow) * _DIGIT + narrow * _POINT


def _em(thousandths: int) -> str:
    return f"{thousandths // 1000}.{thousandths % 1000:03d}em" if thousandths else "0"
