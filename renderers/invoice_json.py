"""The invoice as canonical JSON: body, its hash and envelope, for machines."""

from __future__ import annotations

from engine.canonical import canonical_json
from engine.invoice import Document


def render(document: Document) -> bytes:
    """The document's canonical JSON and a final newline."""
    return canonical_json(document.canonical()) + b"\n"
