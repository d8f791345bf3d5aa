"""The invoice as PDF/A-3b with the backup and the machine-readable invoice inside; the same bytes for the same document.

WeasyPrint draws the HTML page. It is given our typefaces, fixed dates and no way to read a file or reach a network.
"""

from __future__ import annotations

import io
import warnings
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import partial
from importlib.metadata import version
from types import ModuleType
from typing import Any

from engine.canonical import sha256
from engine.invoice import Document
from engine.problems import InforceError
from renderers import backup_csv, invoice_html, invoice_json
from renderers.characters import REPLACEMENT, drawable
from renderers.typefaces import glyphs, paper_faces

ATTACHED_BYTES_MAX = 10_000_000
TEXT_CHARACTERS_MAX = 400  # to break a text into lines takes time that grows with the square of its length
APT_PACKAGES = "libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"


class PdfLibrariesError(InforceError):
    """The system libraries that draw a PDF are not installed."""

    def __init__(self) -> None:
        super().__init__(f"a PDF needs system libraries that are missing; run: apt-get install {APT_PACKAGES}")


class BlockedAddressError(InforceError):
    """A page asked for something that is not inside itself, or is broken there."""

    def __init__(self, addresses: list[str]) -> None:
        what = f"asks for {addresses[0][:200]!r}" if addresses else "holds a broken data: address"
        super().__init__(f"the page {what}; a document may hold data: addresses only, so no PDF was made")


@dataclass(frozen=True, slots=True)
class File:
    """A file inside the PDF; `relationship` is what PDF/A-3 calls AFRelationship."""

    name: str
    description: str
    relationship: str
    data: bytes

    def size_text(self) -> str:
        """Name, size and hash, for where the file itself would be too much."""
        return f"{self.name}: {len(self.data):,} bytes, sha256 {sha256(self.data)}"


def render(document: Document) -> bytes:
    """The PDF. Files inside: backup.csv and invoice.json, or their hashes where both are over 10 MB."""
    files = attached_files(document)
    fits = sum(len(file.data) for file in files) <= ATTACHED_BYTES_MAX
    last = datetime.combine(document.invoice.end - timedelta(days=1), time(12), UTC)
    return draw(_page(document, files, fits=fits), files if fits else (), last)


def attached_files(document: Document) -> tuple[File, ...]:
    """What belongs into the PDF."""
    backup = File("backup.csv", "The charges behind each line", "Data", backup_csv.render(document))
    invoice = File("invoice.json", "The invoice for machines, canonical JSON", "Source", invoice_json.render(document))
    return (backup, invoice) if document.backup else (invoice,)


def draw(html: str, files: tuple[File, ...], made: datetime) -> bytes:
    """An HTML page as PDF/A-3b; refuses a page that asks for anything outside itself, wherever it does."""
    weasyprint = _weasyprint()
    from weasyprint.text.fonts import FontConfiguration
    from weasyprint.urls import FatalURLFetchingError

    fetcher = DataOnly()
    fonts = FontConfiguration()
    attachments = [
        weasyprint.Attachment(
            string=file.data,
            name=file.name,
            description=file.description,
            relationship=file.relationship,
            created=made,
            modified=made,
            url_fetcher=fetcher,
        )
        for file in files
    ]
    try:
        style = weasyprint.CSS(string=paper_faces(html), font_config=fonts, url_fetcher=fetcher)
        pdf: bytes = weasyprint.HTML(string=html, url_fetcher=fetcher).write_pdf(
            stylesheets=[style], font_config=fonts, attachments=attachments, pdf_variant="pdf/a-3b", finisher=_drop_empty
        )
    except FatalURLFetchingError as error:
        raise BlockedAddressError(fetcher.blocked) from error
    if fetcher.blocked:  # a picture within a picture: WeasyPrint swallows the error there
        raise BlockedAddressError(fetcher.blocked)
    return pdf


def library_versions() -> list[tuple[str, str]]:
    """The versions of what draws a PDF; other ones may draw other bytes."""
    _weasyprint()
    from weasyprint.text.ffi import pango

    number = pango.pango_version()
    return [
        ("pango", f"{number // 10000}.{number // 100 % 100}.{number % 100}"),
        *((name, version(name)) for name in ("fonttools", "pydyf", "weasyprint")),
    ]


class DataOnly:
    """Fetches what an address itself holds; every other address stops the drawing and is remembered in `blocked`."""

    def __init__(self) -> None:
        from weasyprint.urls import URLFetcher

        self.blocked: list[str] = []
        self._fetch = URLFetcher(allowed_protocols=("data",), allow_redirects=False).fetch
        self._fail_on_errors = True  # WeasyPrint asks for it: a broken data: address is not passed over

    def __call__(self, url: str) -> Any:  # noqa: ANN401 - WeasyPrint ships no types
        """The content of a data: address."""
        from weasyprint.urls import FatalURLFetchingError

        if url[:5].lower() != "data:":
            self.blocked.append(url)
            raise FatalURLFetchingError(f"{url!r} is not a data: address")
        return self._fetch(url)


def _page(document: Document, files: tuple[File, ...], *, fits: bool) -> str:
    """The HTML page, with a note where a text has characters that our typefaces cannot draw."""
    page = partial(
        invoice_html.page,
        document,
        seen=_drawn,
        font_faces="",  # `draw` adds those that the page needs
        backup_place="the file backup.csv inside this PDF" if fits else "the file backup.csv that comes with this PDF",
    )
    notes = [] if fits else ["Too large to stand inside this PDF:", *(file.size_text() for file in files)]
    html = page(notes=notes)
    if REPLACEMENT not in html:
        return html
    return page(
        notes=[*notes, f"{REPLACEMENT} stands for a character that cannot be drawn here; invoice.json has the exact text."]
    )


def _drawn(text: str) -> str:
    if len(text) > TEXT_CHARACTERS_MAX:
        return drawable(f"{text[:TEXT_CHARACTERS_MAX]} \N{HORIZONTAL ELLIPSIS} ({len(text):,} characters)", glyphs())
    return drawable(text, glyphs())


def _drop_empty(_: object, pdf: Any) -> None:  # noqa: ANN401 - pydyf ships no types
    """Take out the two empty dictionaries that a PDF/A validator objects to."""
    for each in pdf.objects:
        if isinstance(each, dict):
            for name in ("Pattern", "Shading"):
                if name in each and not each[name]:
                    del each[name]


def _weasyprint() -> ModuleType:
    """WeasyPrint, imported when it is needed: it takes more than a second and needs system libraries."""
    try:
        with redirect_stdout(io.StringIO()), warnings.catch_warnings():  # it prints advice of its own
            warnings.filterwarnings("ignore", message=".*Expect ugly output")  # we bring our typefaces
            import weasyprint
            from weasyprint.text.ffi import harfbuzz_subset
    except OSError as error:
        raise PdfLibrariesError from error
    if harfbuzz_subset is None:  # it would go on without, and write other bytes
        raise PdfLibrariesError
    return weasyprint  # type: ignore[no-any-return]  # it ships no types
