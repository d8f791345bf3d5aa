"""Proofs for tests: workspaces in git repositories, the packs of all their documents, and packs with something changed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from connectors.files import activity_by_kind, named_files
from connectors.workspace import find_workspace, read_parties
from engine.canonical import Json, canonical_json, sha256
from engine.dates import parse_period
from engine.pipeline import previews
from engine.proof.files import Rules, prove
from engine.proof.run import run_of
from engine.ratebook.build import build
from engine.ratebook.history import History
from engine.replay import archive_run, documents, seal
from engine.steps.rate import Rater
from engine.store.archive import FolderArchive
from renderers.proof import pack
from tests.clocks.repositories import committed, git
from tests.workspaces import ROOT

Files = dict[str, bytes]
VERIFY: Any = import_module("renderers.proof.VERIFY")  # a program without types


def example(folder: Path, name: str) -> Path:
    """A copy of an example workspace in a repository of its own."""
    shutil.copytree(ROOT / "examples" / name, folder, ignore=shutil.ignore_patterns("archive", "out"))
    git(folder, "init", "-q", "-b", "main", "--template=")
    committed(folder, "The rule book")
    return folder


def packs(folder: Path, period: str) -> Iterator[tuple[str, bytes]]:
    """The packs of all documents of a period, by number, from a run that is archived here."""
    space, history = find_workspace(folder), History.open(folder)
    archive, state = FolderArchive(space.archive), history.state()
    commit = history.resolve("HEAD")
    files = history.files_at(commit)
    book = build(files)
    rows = activity_by_kind(named_files(space.activity_files(), space.folder), book.kinds)
    (preview,) = previews(Rater(book), rows, [parse_period(period)], (), inside=True)
    made = documents(preview, read_parties(space.folder))
    archive_run(archive, preview, made, seal(preview, book.meaning, 1, commit, state.tree, False, [], 1), ())
    rules = Rules(book, files, commit, history.prefix, lambda paths: history.chain(commit, paths))
    for document in made:
        found = run_of(archive, document.envelope.number)
        said: dict[str, Json] = {**found.canonical(), "number": document.envelope.number, "pdf": None}
        yield document.envelope.number, pack(prove(rules, preview, document, found.seal), said)


def resealed(files: Mapping[str, bytes]) -> Files:
    """Files whose hashes a forger has all made again: of lines, backup, body and manifest; what git and the issuer say is out of reach."""
    told = json.loads(files["document.json"])
    body, data = told["body"], files["backup.csv"]
    header, *rows = data.splitlines(keepends=True)
    for line in body["lines"]:
        mine = [row for row in rows if row.split(b",")[0] == str(line["line"]).encode()]
        line["backup"] = {"rows": len(mine), "sha256": sha256(header + b"".join(mine))}
    body["backup"] = {"rows": len(rows), "sha256": sha256(data)}
    told["body_sha256"] = sha256(canonical_json(body))
    made = {**files, "document.json": canonical_json(told) + b"\n"}
    manifest: dict[str, Any] = json.loads(files["manifest.json"])
    manifest["body_sha256"] = told["body_sha256"]
    manifest["files"] = {name: [len(data), sha256(data)] for name, data in made.items() if name != "manifest.json"}
    manifest["sha256"] = sha256(canonical_json({**manifest, "sha256": ""}))
    return {**made, "manifest.json": canonical_json(manifest) + b"\n"}
