import json
import subprocess
import sys
from pathlib import Path

import pytest

import renderers
from engine.canonical import canonical_json
from renderers import FileNameError, formats, safe_file_name, versions
from tests.renderers.builder import build

ROOT = Path(__file__).parent.parent.parent


def test_each_format_makes_bytes() -> None:
    document = build()

    assert list(formats()) == ["json", "csv", "backup.csv", "html", "txt", "pdf"]
    for suffix in ("json", "csv", "backup.csv", "html", "txt"):
        assert formats()[suffix](document).endswith(b"\n") or suffix == "html"


def test_the_json_is_canonical() -> None:
    document = build()
    data = formats()["json"](document)

    assert data == canonical_json(document.canonical()) + b"\n"
    assert json.loads(data)["body_sha256"] == document.invoice.body_sha256()


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    code = (
        "import sys, renderers; from tests.renderers.builder import build; d = build()\n"
        "all(renderers.formats()[f](d) for f in ('json', 'csv', 'backup.csv', 'txt')); renderers.versions()\n"
        "print({'jinja2', 'weasyprint', 'fontTools', 'renderers.invoice_pdf'} & sys.modules.keys())\n"
        "renderers.formats()['html'](d); print({'weasyprint', 'fontTools'} & sys.modules.keys())"
    )

    assert (
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True, text=True).stdout
        == "set()\nset()\n"
    )


@pytest.mark.parametrize(
    "name", ["DRAFT-st-mary-2026-10", "INV-2026-10-0031", "a", "A" * 100, "CONTRACT", "2026-10-01-to-2026-10-16"]
)
def test_a_good_name_is_kept(name: str) -> None:
    assert safe_file_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "../../etc/x",
        "/etc/x",
        "a/b",
        "a\\b",
        "a\x00",
        "a.b",
        ".",
        "..",
        "CON",
        "nul",
        "com1",
        "a ",
        " a",
        "a\n",
        "A" * 101,
        "\N{FULLWIDTH LATIN CAPITAL LETTER A}",
        "\N{ARABIC-INDIC DIGIT ONE}",
        "a_b",
        "~",
        "a:b",
    ],
)
def test_a_name_that_could_leave_its_folder_is_refused(name: str) -> None:
    with pytest.raises(FileNameError, match="cannot be a file name"):
        safe_file_name(name)


def test_versions_name_what_the_bytes_depend_on() -> None:
    assert [name for name, _ in versions()] == ["fonts", "templates"]
    assert [name for name, _ in versions(pdf=True)] == ["fonts", "fonttools", "pango", "pydyf", "templates", "weasyprint"]
    assert all(len(value) == 64 for _, value in versions())


def test_the_licence_of_each_typeface_comes_with_it() -> None:
    names = {path.name for path in (Path(renderers.__file__).parent / "fonts").iterdir()}

    assert {"LICENSE-IBM-Plex-Sans.txt", "LICENSE-IBM-Plex-Mono.txt"} <= names
