"""The archive as a folder: `objects/<sha256>` and `runs/<period>/<n>.json`. Written whole or not at all, never changed."""

from __future__ import annotations

import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any

from engine.canonical import Json, canonical_json, sha256
from engine.problems import InforceError

_PERIOD = re.compile(r"[0-9]{4}-[0-9]{2}(-[0-9]{2}-to-[0-9]{4}-[0-9]{2}-[0-9]{2})?", re.ASCII)


class ArchiveError(InforceError):
    """The archive lacks something, or holds something else than its name says."""


class FolderArchive:
    """An archive in a folder of the workspace (not in git)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, data: bytes) -> str:
        """Stores bytes and returns their SHA-256; the same bytes twice are one object."""
        digest = sha256(data)
        path = self._object(digest)
        if not path.exists():
            _write(path, data)
        return digest

    def get(self, digest: str) -> bytes:
        """The object with that hash; refuses a missing or damaged one."""
        try:
            data = self._object(digest).read_bytes()
        except FileNotFoundError as error:
            raise ArchiveError(
                f"{self._object(digest)}: the archive has no such object.\nRestore it from a backup, or replay the period."
            ) from error
        if sha256(data) != digest:
            raise ArchiveError(
                f"{self._object(digest)}: its content has hash {sha256(data)}.\nThe file was changed or damaged; restore it from a backup."
            )
        return data

    def record(self, period: str, manifest: dict[str, Json]) -> int:
        """Adds a run to a period and returns its number, from 1."""
        number = max(self._numbers(period), default=0) + 1
        _write(self._runs(period) / f"{number}.json", canonical_json({**manifest, "run": number}) + b"\n")
        return number

    def last(self, period: str) -> tuple[int, dict[str, Any]] | None:
        """The number and manifest (parsed JSON) of the last run of a period."""
        number = max(self._numbers(period), default=0)
        if not number:
            return None
        path = self._runs(period) / f"{number}.json"
        try:
            manifest = json.loads(path.read_bytes())
        except ValueError as error:
            raise ArchiveError(f"{path}: this is not a run's manifest ({error}).\nRestore it from a backup.") from error
        return number, manifest

    def periods(self) -> tuple[str, ...]:
        """The periods that have runs, in order."""
        runs = self._folder / "runs"
        return tuple(sorted(each.name for each in runs.iterdir() if _PERIOD.fullmatch(each.name))) if runs.is_dir() else ()

    def _object(self, digest: str) -> Path:
        if not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise ArchiveError(f"{digest!r} is not a SHA-256, so it names no object of the archive.")
        return self._folder / "objects" / digest

    def _runs(self, period: str) -> Path:
        if not _PERIOD.fullmatch(period):
            raise ArchiveError(f"{period!r} is not the name of a period.")
        return self._folder / "runs" / period

    def _numbers(self, period: str) -> list[int]:
        folder = self._runs(period)
        return [int(each.stem) for each in folder.glob("*.json") if each.stem.isdigit()] if folder.is_dir() else []


def _write(path: Path, data: bytes) -> None:
    """A file whole or not at all: temporary name, flush to disk, rename, flush the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
