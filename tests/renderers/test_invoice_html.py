import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import UndefinedError

import renderers
from engine.invoice import Document, TaxTotal
from engine.money import Decimals
from engine.problems import InvariantError
from renderers import invoice_html
from tests.renderers.builder import build, everywhere

TEMPLATES = Path(renderers.__file__).parent / "templates"
NASTY = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "</title></style><style>@import 'http://x'",
    "javascript:alert(1)",
    "x onmouseover=alert(1)",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}{% for x in y %}{# #}",
    "<!-- --> ]]> &amp; &lt;b&gt;",
]


class Page(HTMLParser):
    """The tags and attributes of a page, and the texts of its cells."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.shape: list[str] = []
        self.cells: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self._table = self._row = ""
        self._in_cell = False
        self.feed(data.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        self.shape.append(f"<{tag} {' '.join(names)}>")
        if tag == "table":
            self._table = names.get("class") or ""
        if tag == "tr":
            self._row = names.get("class") or ""
        if tag in ("td", "th") and not self._table.startswith("rows"):
            self._in_cell = True
            self.cells.append((self._row, names.get("class") or "", ""))

    def handle_endtag(self, tag: str) -> None:
        self.shape.append(f"</{tag}>")
        if tag in ("td", "th"):
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if self._in_cell:
            row, cell, text = self.cells[-1]
            self.cells[-1] = (row, cell, text + data.strip())

    def amounts(self, row: str) -> list[Decimal]:
        return [Decimal(text.replace(",", "")) for kind, cell, text in self.cells if kind == row and cell == "n amount"]


@pytest.mark.parametrize("text", NASTY)
def test_a_text_is_never_markup(text: str) -> None:
    nasty, plain = Page(invoice_html.render(everywhere(text))), Page(invoice_html.render(everywhere("plain")))

    assert nasty.shape == plain.shape
    assert text in nasty.texts
    assert "script" not in {shape.strip("</> ") for shape in nasty.shape}


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip))
@settings(max_examples=25)
def test_any_text_leaves_the_page_its_shape(text: str) -> None:
    shape = Page(invoice_html.render(everywhere("plain"))).shape

    assert Page(invoice_html.render(everywhere(text))).shape == shape


@pytest.mark.parametrize(
    "text", ["\N{RIGHT-TO-LEFT OVERRIDE}exe.gnp", "\x1b[31mred", "a\x00b", "\N{LEFT-TO-RIGHT ISOLATE}x"], ids=ascii
)
def test_a_character_that_acts_is_shown_instead(text: str) -> None:
    page = invoice_html.render(everywhere(text)).decode()

    assert "\N{REPLACEMENT CHARACTER}" in page
    assert not set(text) - set("exe.gnp[31mredabx") & set(page)


@pytest.mark.parametrize(("lines", "sections"), [(1, 1), (5, 1), (45, 3)])
def test_the_page_adds_up(lines: int, sections: int) -> None:
    document = build(lines, sections)
    page = Page(invoice_html.render(document))
    total = Decimal(document.invoice.net) / 100

    assert len(page.amounts("")) == lines
    assert sum(page.amounts("")) == total
    assert sum(page.amounts("subtotal")) == (total if sections > 1 else 0)
    [shown] = [text for row, cell, text in page.cells if row == "total" and cell == "n"]
    assert Decimal(shown.replace(",", "")) == total


def test_the_page_stands_alone() -> None:
    page = invoice_html.render(build()).decode()

    assert not re.findall(r"""(?:src|href)\s*=|@import|url\((?!"data:font/woff2;base64,)""", page)
    assert page.startswith("<!DOCTYPE html>\n")
    assert '<html lang="en">' in page
    assert "<title>Invoice DRAFT-st-mary-group-2026-10 " in page
    assert "default-src 'none'" in page


def test_header_cells_say_what_they_head() -> None:
    headers = [shape for shape in Page(invoice_html.render(build(5, 2))).shape if shape.startswith("<th ")]

    assert headers
    assert all("scope" in shape for shape in headers)


def test_a_draft_says_so_and_an_issued_invoice_does_not() -> None:
    issued = {"number": "INV-2026-10-0031", "issued_on": date(2026, 11, 5)}

    assert ">Draft<" in invoice_html.render(build()).decode()
    assert ">Draft<" not in invoice_html.render(build(envelope=issued)).decode()
    assert ">Issued<" in invoice_html.render(build(envelope=issued)).decode()


def test_what_is_not_known_is_not_shown() -> None:
    page = invoice_html.render(build()).decode()

    assert "None" not in page
    for word in ("Issued", "Due", "Payments", "brought forward", "Tax<", "Amount due"):
        assert word not in page


def test_a_balance_and_taxes_are_shown_when_known() -> None:
    document = build(
        5,
        envelope={
            "number": "INV-7",
            "issued_on": date(2026, 11, 5),
            "due_on": date(2026, 12, 5),
            "brought_forward": 120000,
            "payments": -100000,
            "due": 1234567,
        },
    )
    invoice = replace(document.invoice, taxes=(TaxTotal("standard", "0.0825", document.invoice.net, 83929),))
    page = invoice_html.render(replace(document, invoice=invoice)).decode()

    for text in (
        "Balance brought forward",
        "1,200.00",
        "-1,000.00",
        "Amount due",
        "12,345.67",
        "5 December 2026",
        "0.0825",
        "839.29",
    ):
        assert text in page


def test_a_credit_note_says_so() -> None:
    document = build()

    assert (
        "<h1>Credit note</h1>"
        in invoice_html.render(replace(document, invoice=replace(document.invoice, kind="credit-note"))).decode()
    )


@pytest.mark.parametrize(("rows_per_line", "shown"), [(30, True), (31, False)])
def test_up_to_150_backup_rows_are_shown(rows_per_line: int, shown: bool) -> None:
    page = invoice_html.render(build(5, rows_per_line=rows_per_line)).decode()

    assert ('class="rows"' in page) == shown
    assert f"{5 * rows_per_line} backup rows add up to exactly" in page
    assert ("the backup CSV that comes with this invoice" in page) != shown


def test_a_long_figure_gets_the_room_it_needs() -> None:
    page = invoice_html.render(
        build(2, first_line={"quantity": Decimals(123456789012345678, 2), "price": Decimals(1, 6)})
    ).decode()

    assert "1,234,567,890,123,456.78" in page
    [width] = re.findall(r"col\.quantity \{ width: ([0-9]+)\.[0-9]{3}em", page)
    assert int(width) >= 13  # 18 digits, 5 commas and a point


def test_a_field_that_is_nothing_is_never_printed() -> None:
    with pytest.raises(InvariantError, match="about to be printed"):
        invoice_html._environment(str).from_string("{{ x }}").render(x=None)


def test_a_name_that_is_not_there_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        invoice_html._environment(str).from_string("{{ totl }}").render(total=1)


@pytest.mark.parametrize("path", sorted(TEMPLATES.iterdir()), ids=lambda path: path.name)
def test_templates_have_no_unquoted_attribute_and_no_way_around_escaping(path: Path) -> None:
    source = path.read_text("utf-8")

    assert not re.findall(r"=\s*\{\{", source)
    assert not re.findall(r"\|\s*safe|autoescape|<script|(?:href|src)\s*=", source)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda document: replace(document, backup=document.backup[1:]), "3 backup rows are declared, 2 are here"),
        (
            lambda document: replace(document, backup=(replace(document.backup[0], amount=1), *document.backup[1:])),
            "its backup rows add up to",
        ),
        (
            lambda document: replace(document, backup=(*document.backup, replace(document.backup[0], line=99))),
            "backup rows belong to line 99",
        ),
    ],
)
def test_backup_that_does_not_add_up_is_refused(change: Callable[[Document], Document], words: str) -> None:
    with pytest.raises(InvariantError, match=words):
        invoice_html.render(change(build()))
