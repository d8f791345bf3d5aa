"""Rendered files kept by what they were made of: a document that has not changed is not rendered again.

The key is a hash over the document, its format, our own renderer (code, templates, fonts) and the libraries that lay it out. Entries may
be deleted at any time; one that is not what it says is made again.
"""

from __future__ import annotations

import os
import tempfile
from functools import lru_cache
from pathlib import Path

from engine.canonical import Json, canonical_json, sha256
from engine.invoice import Document
from renderers import versions

_DIGEST = 64


class RenderedFiles:
    """Rendered files in a folder, each with the hash of its content before it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str) -> bytes | None:
        """The file with that key, if it is there and whole."""
        try:
            kept = self._path(key).read_bytes()
        except FileNotFoundError:
            return None
        digest, data = kept[:_DIGEST], kept[_DIGEST:]
        return data if digest == sha256(data).encode() else None

    def put(self, key: str, data: bytes) -> None:
        """Keeps a file, whole or not at all."""
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(sha256(data).encode() + data)
        Path(name).replace(path)

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / key


def key_of(document: Document, suffix: str) -> str:
    """What a rendered file is made of, as one hash."""
    workers = {row.worker for row in document.backup}
    names: Json = {worker: name for worker, name in sorted(document.worker_names.items()) if worker in workers}
    body: Json = document.invoice.canonical()
    made_of: dict[str, Json] = {
        "format": suffix,
        "body": body,
        "envelope": repr(document.envelope),
        "workers": names,
        "backup": document.invoice.backup.sha256,
        "renderer": _renderer(),
        "libraries": dict(versions(pdf=suffix == "pdf")),
    }
    return sha256(canonical_json(made_of))


@lru_cache
def _renderer() -> str:
    """The hash of our own code, templates and fonts."""
    here = Path(__file__).parent
    files = sorted(path for path in here.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return sha256("".join(f"{path.relative_to(here)} {sha256(path.read_bytes())}\n" for path in files).encode())
