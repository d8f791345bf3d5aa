import base64
import io
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pikepdf
import pikepdf.pdfa
import pytest
from pypdf import PdfReader

from engine.invoice import Document
from renderers import backup_csv, invoice_json, invoice_pdf, typefaces
from renderers.characters import REPLACEMENT, drawable
from renderers.invoice_pdf import BlockedAddressError
from tests.renderers.builder import build, everywhere

ROOT = Path(__file__).parent.parent.parent
NOON = datetime(2026, 10, 31, 12, tzinfo=UTC)
SECRET = "the secret of the file"


class Probe:
    """A port on loopback that counts who knocks."""

    def __init__(self) -> None:
        self.knocks = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/x"
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.knocks += 1
            connection.close()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


@pytest.fixture
def probe() -> Iterator[Probe]:
    made = Probe()
    yield made
    made.close()


@pytest.fixture
def secret(tmp_path: Path) -> str:
    """The address of a file that must not be read."""
    path = tmp_path / "secret.txt"
    path.write_text(SECRET)
    return path.as_uri()


@pytest.fixture(scope="module")
def small() -> tuple[Document, bytes]:
    document = build(5)
    return document, invoice_pdf.render(document)


def findings(pdf: bytes) -> list[str]:
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        return [str(finding) for finding in pikepdf.pdfa.check(opened, "3b").findings]


def text_of(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


def svg(inner: str) -> str:
    picture = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="9" height="9">{inner}</svg>'
    )
    return "data:image/svg+xml;base64," + base64.b64encode(picture.encode()).decode()


ATTACKS = {
    "link": '<link rel="stylesheet" href="{url}">',
    "import": "<style>@import url({url});</style>",
    "image": '<img src="{url}">',
    "background": '<p style="background: url({url})">x</p>',
    "list": '<ul style="list-style-image: url({url})"><li>x</ul>',
    "content": "<style>p::before {{ content: url({url}) }}</style><p>x</p>",
    "border": '<p style="border: 3px solid; border-image: url({url}) 3">x</p>',
    "font": "<style>@font-face {{ font-family: evil; src: url({url}) }} p {{ font-family: evil }}</style><p>x</p>",
    "object": '<object data="{url}"></object>',
    "embed": '<embed src="{url}">',
    "attachment": '<link rel="attachment" href="{url}">',
    "attached link": '<a rel="attachment" href="{url}">x</a>',
    "page": "<style>@page {{ background: url({url}) }}</style>",
    "margin box": "<style>@page {{ @top-left {{ content: url({url}) }} }}</style>",
    "base": '<base href="{url}"><img src="y.png">',
    "inline svg": '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="{url}" width="9" height="9"/></svg>',
}
NESTED = {
    "image": '<image xlink:href="{url}" width="9" height="9"/>',
    "href": '<image href="{url}" width="9" height="9"/>',
}
NEVER_FETCHED = {
    "use": '<use href="{url}#a"/>',
    "style": "<style>@import url({url});</style><rect width='9' height='9'/>",
    "entity": '<text x="1" y="9">&x;</text>',
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_a_page_that_asks_for_a_file_or_an_address_is_refused(attack: str, probe: Probe, secret: str) -> None:
    for url in (secret, secret.replace("file:", "FILE:"), probe.url, "ftp://127.0.0.1/x", "http://169.254.169.254/latest"):
        with pytest.raises(BlockedAddressError, match="data: addresses only"):
            invoice_pdf.draw(f"<!DOCTYPE html><title>x</title>{attack.format(url=url)}", (), NOON)
    assert probe.knocks == 0


@pytest.mark.parametrize("attack", NESTED.values(), ids=NESTED)
def test_so_is_a_picture_in_a_picture_though_the_error_is_swallowed(attack: str, probe: Probe, secret: str) -> None:
    for url in (secret, probe.url):
        with pytest.raises(BlockedAddressError):
            invoice_pdf.draw(f'<img src="{svg(attack.format(url=url))}">', (), NOON)
    assert probe.knocks == 0


@pytest.mark.parametrize("inner", NEVER_FETCHED.values(), ids=NEVER_FETCHED)
def test_other_ways_out_of_a_picture_lead_nowhere(inner: str, probe: Probe, secret: str) -> None:
    for url in (secret, probe.url):
        pdf = invoice_pdf.draw(f'<img src="{svg(inner.format(url=url))}"><p>y</p>', (), NOON)
        assert SECRET not in text_of(pdf)
    assert probe.knocks == 0


def test_a_relative_address_has_nothing_to_be_relative_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret.txt").write_text(SECRET)
    monkeypatch.chdir(tmp_path)

    assert SECRET not in text_of(invoice_pdf.draw('<p>y</p><img src="secret.txt"><object data="secret.txt">z</object>', (), NOON))
    with pytest.raises(BlockedAddressError, match=r"secret\.txt"):
        invoice_pdf.draw('<a rel="attachment" href="secret.txt">x</a>', (), NOON)


def test_what_an_address_itself_holds_is_drawn() -> None:
    picture = svg("<rect width='9' height='9'/>")

    assert invoice_pdf.draw(f'<img src="{picture}">', (), NOON).startswith(b"%PDF")


def test_a_broken_data_address_is_not_passed_over() -> None:
    with pytest.raises(BlockedAddressError, match="broken data: address"):
        invoice_pdf.draw('<img src="data:image/png;base64">', (), NOON)


@pytest.mark.slow
def test_no_text_of_a_document_is_an_address_or_markup(probe: Probe, secret: str) -> None:
    attack = (
        f'"><img src="{probe.url}"><a rel=attachment href={secret}>x</a></style><style>@import "{probe.url}"</style>{{{{ 7*7 }}}}'
    )
    document = everywhere(attack)
    pdf = invoice_pdf.render(document)
    reader = PdfReader(io.BytesIO(pdf))

    assert probe.knocks == 0
    assert sorted(reader.attachments) == ["backup.csv", "invoice.json"]
    assert "{{ 7*7 }}" in text_of(pdf)
    assert not any("/Annots" in page for page in reader.pages)
    assert SECRET.encode() not in pdf
    assert findings(pdf) == []


@pytest.mark.parametrize("address", ["javascript:alert(1)", "http://127.0.0.1/x", "file:///etc/passwd"])
def test_no_text_becomes_a_link(address: str) -> None:
    pdf = invoice_pdf.render(build(1, rows_per_line=1, first_line={"description": address}, subject=address))

    assert not any("/Annots" in page for page in PdfReader(io.BytesIO(pdf)).pages)
    assert address in text_of(pdf)


def test_it_is_pdf_a_3b(small: tuple[Document, bytes]) -> None:
    assert findings(small[1]) == []


def test_it_holds_the_backup_and_the_invoice(small: tuple[Document, bytes]) -> None:
    document, pdf = small
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        relations = {str(file["/UF"] if "/UF" in file else file["/F"]): str(file["/AFRelationship"]) for file in opened.Root.AF}
    attached = PdfReader(io.BytesIO(pdf)).attachments

    assert attached["backup.csv"] == [backup_csv.render(document)]
    assert attached["invoice.json"] == [invoice_json.render(document)]
    assert relations == {"backup.csv": "/Data", "invoice.json": "/Source"}


def test_its_dates_are_the_last_day_of_the_period(small: tuple[Document, bytes]) -> None:
    reader = PdfReader(io.BytesIO(small[1]))
    information = reader.metadata

    assert information is not None
    assert information.creation_date == information.modification_date == NOON
    assert information.title == "Invoice DRAFT-st-mary-group-2026-10 \N{MIDDLE DOT} Northside Staffing Agency Ltd."
    assert str(reader.root_object["/Lang"]) == "en"


def test_every_typeface_in_it_is_ours(small: tuple[Document, bytes]) -> None:
    fonts = {
        str(font.get_object()["/BaseFont"]).partition("+")[2]
        for page in PdfReader(io.BytesIO(small[1])).pages
        for font in page["/Resources"]["/Font"].values()  # type: ignore[index]  # a page's resources
    }

    assert fonts
    assert all(font.startswith("Inforce-") for font in fonts)


def test_letters_of_all_files_are_the_right_ones() -> None:
    names = "Kova\u010devi\u0107 \u0141ukasz \u0150ry \u011e\u00fcl Stra\u00dfe \u20ac"
    document = build(1, rows_per_line=1, worker_names={"w-001": names}, subject=names)

    assert "".join(text_of(invoice_pdf.render(document)).split()).count("".join(names.split())) == 2


def test_what_cannot_be_drawn_is_marked_and_explained() -> None:
    document = build(1, rows_per_line=1, subject="\u738b\u5c0f\u660e \U0001f600 A\u200db")
    pdf = invoice_pdf.render(document)

    assert f"{REPLACEMENT * 3} {REPLACEMENT} Ab" in text_of(pdf)
    assert "invoice.json has the exact text" in " ".join(text_of(pdf).split())
    assert findings(pdf) == []


def test_a_text_that_would_take_minutes_is_cut_and_says_so() -> None:
    text = " ".join(text_of(invoice_pdf.render(build(1, first_line={"description": "x" * 100_000}))).split())

    assert "(100,000 characters)" in text
    assert text.count("x") < 1000


def test_only_characters_with_a_glyph_are_drawn() -> None:
    every = "".join(map(chr, [*range(0x20, 0xD800), *range(0xE000, 0x11000)]))

    assert set(map(ord, drawable(every, typefaces.glyphs()))) <= typefaces.glyphs()


def test_files_that_are_too_large_are_named_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    document = build(1, rows_per_line=1)
    monkeypatch.setattr(invoice_pdf, "ATTACHED_BYTES_MAX", 1000)
    pdf = invoice_pdf.render(document)
    text = "".join(text_of(pdf).split())

    assert not PdfReader(io.BytesIO(pdf)).attachments
    assert f"sha256{sha256(backup_csv.render(document)).hexdigest()}" in text
    assert f"sha256{sha256(invoice_json.render(document)).hexdigest()}" in text
    assert findings(pdf) == []


def test_pages_are_numbered_and_headed() -> None:
    reader = PdfReader(io.BytesIO(invoice_pdf.render(build(30, 2, rows_per_line=0))))
    first, second = (page.extract_text() for page in reader.pages)

    assert "1 / 2" in first
    assert "2 / 2" in second
    assert second.count("DRAFT-st-mary-group-2026-10") == 1
    for page in (first, second):
        assert page.count("Quantity") >= 1


@pytest.mark.slow
@pytest.mark.parametrize("lines", range(15, 24))
def test_a_total_never_stands_alone(lines: int) -> None:
    last = PdfReader(io.BytesIO(invoice_pdf.render(build(lines, rows_per_line=0)))).pages[-1].extract_text()

    assert "Total USD" in last
    assert "hours" in last


RENDER = """
import sys
from renderers import formats
from tests.renderers.builder import build
for suffix, render in formats().items():
    from hashlib import sha256
    print(suffix, sha256(render(build(12, 2))).hexdigest())
"""


@pytest.mark.slow
def test_the_bytes_are_the_same_in_any_process(tmp_path: Path) -> None:
    empty = tmp_path / "fonts.conf"
    empty.write_text(f'<?xml version="1.0"?><fontconfig><cachedir>{tmp_path}</cachedir></fontconfig>')
    environments = [
        {"TZ": "Pacific/Kiritimati", "LANG": "C", "PYTHONHASHSEED": "1"},
        {
            "TZ": "America/St_Johns",
            "LANG": "tr_TR.UTF-8",
            "LC_ALL": "C.UTF-8",
            "PYTHONHASHSEED": "2",
            "FONTCONFIG_FILE": str(empty),
        },
    ]
    made = [
        subprocess.run(
            [sys.executable, "-W", "error::RuntimeWarning", "-c", RENDER],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **environment},
            capture_output=True,
            check=True,
            text=True,
        )
        for environment in environments
    ]

    assert made[0].stdout == made[1].stdout
    assert made[0].stdout.count("\n") == 6
    assert made[1].stderr == ""


def test_missing_system_libraries_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "weasyprint").mkdir()
    (tmp_path / "weasyprint" / "__init__.py").write_text("print('five lines of advice')\nraise OSError('cannot load library')")
    code = """
from renderers import formats
from engine.problems import InforceError
from tests.renderers.builder import build
document = build()
for suffix, render in formats().items():
    try:
        render(document)
    except InforceError as error:
        print(suffix, error)
"""
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        capture_output=True,
        check=True,
        text=True,
    )

    assert run.stdout == (
        "pdf a PDF needs system libraries that are missing; "
        "run: apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0\n"
    )


@pytest.mark.slow
def test_1500_lines_are_pdf_a_with_the_backup_inside() -> None:
    document = build(1500, 4, rows_per_line=2)
    pdf = invoice_pdf.render(document)

    assert "3,000 backup rows add up to exactly" in text_of(pdf)
    assert PdfReader(io.BytesIO(pdf)).attachments["backup.csv"] == [backup_csv.render(document)]
    assert findings(pdf) == []


def test_a_document_of_no_lines_is_drawn() -> None:
    document = build(1, rows_per_line=0)
    empty = replace(document, invoice=replace(document.invoice, lines=()))

    assert "0.00" in text_of(invoice_pdf.render(empty))
