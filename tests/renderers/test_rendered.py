"""Rendered files are kept by what they were made of, and made again when that, or they themselves, have changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import renderers.rendered as module
from renderers.rendered import RenderedFiles, key_of
from tests.renderers.builder import build as document


def test_a_kept_file_comes_back_and_a_damaged_one_does_not(tmp_path: Path) -> None:
    files = RenderedFiles(tmp_path / "rendered")
    key = key_of(document(), "txt")
    assert files.get(key) is None

    files.put(key, b"an invoice")
    assert files.get(key) == b"an invoice"

    (path,) = (path for path in tmp_path.rglob("*") if path.is_file())
    for damaged in (b"", path.read_bytes()[:-1], path.read_bytes() + b"!", path.read_bytes().replace(b"an", b"no")):
        path.write_bytes(damaged)
        assert files.get(key) is None


def test_what_a_file_is_made_of_changes_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    made = document()
    line = made.invoice.lines[0]
    others = [
        replace(made, invoice=replace(made.invoice, lines=(replace(line, description="Other"), *made.invoice.lines[1:]))),
        replace(made, envelope=replace(made.envelope, number="INV-2")),
        replace(made, worker_names={**made.worker_names, made.backup[0].worker: "Somebody Else"}),
    ]
    keys = [key_of(each, "txt") for each in (made, *others)] + [key_of(made, "html"), key_of(made, "pdf")]
    monkeypatch.setattr(module, "_renderer", lambda: "another template")
    keys.append(key_of(made, "txt"))

    assert len(set(keys)) == len(keys)


def test_the_name_of_somebody_else_does_not() -> None:
    made = document()
    assert key_of(replace(made, worker_names={**made.worker_names, "w-nobody": "Nobody"}), "txt") == key_of(made, "txt")
