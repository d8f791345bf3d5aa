"""Documents as files: each renderer is a pure function, `Document` in, bytes out, loaded when it is first used.

The same document gives the same bytes in any process, time zone, locale and hash seed. Texts in a document are data: never a
template, never markup, never a formula, never an address to fetch.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import import_module
from pathlib import Path

from engine.canonical import sha256
from engine.invoice import Document
from engine.problems import InforceError

Renderer = Callable[[Document], bytes]

_MODULES = {
    "json": "invoice_json",
    "csv": "lines_csv",
    "backup.csv": "backup_csv",
    "html": "invoice_html",
    "txt": "invoice_text",
    "pdf": "invoice_pdf",
}
_FILE_NAME = re.compile(r"[A-Za-z0-9-]{1,100}", re.ASCII)
_DEVICES = re.compile(r"(?i:con|prn|aux|nul|com[0-9]|lpt[0-9])", re.ASCII)


class FileNameError(InforceError):
    """A name cannot be the name of a file: it could leave its folder or mean a device."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name!r} cannot be a file name: use 1 to 100 of A-Z, a-z, 0-9 and '-', and no device name such as CON")


def formats() -> Mapping[str, Renderer]:
    """Each file suffix with its renderer; the renderer's module is imported when it is called."""
    return {suffix: _late(module) for suffix, module in _MODULES.items()}


def safe_file_name(name: str) -> str:
    """`name` itself, if it is one that can only be a file in the folder it is put in."""
    if not _FILE_NAME.fullmatch(name) or _DEVICES.fullmatch(name):
        raise FileNameError(name)
    return name


def versions(*, pdf: bool = False) -> tuple[tuple[str, str], ...]:
    """What the rendered bytes depend on beside the document, for the seal; with the layout libraries if a PDF was made."""
    found = [("fonts", _hash_of("fonts")), ("templates", _hash_of("templates"))]
    if pdf:
        from renderers.invoice_pdf import library_versions  # asks the native libraries, which may be missing

        found += library_versions()
    return tuple(sorted(found))


def _late(module: str) -> Renderer:
    def render(document: Document) -> bytes:
        renderer: Renderer = import_module(f"renderers.{module}").render
        return renderer(document)

    return render


@lru_cache
def _hash_of(folder: str) -> str:
    """The hash of the names and contents of the files in one of our folders."""
    files = sorted(path for path in (Path(__file__).parent / folder).iterdir() if path.is_file())
    return sha256("".join(f"{path.name} {sha256(path.read_bytes())}\n" for path in files).encode())
