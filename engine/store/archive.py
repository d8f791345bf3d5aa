"""The archive as a folder, written whole or not at all, never changed.

`objects/<sha256>` holds contents, `runs/<period>/<n>.json` manifests of runs, `activity/<n>.json` which files of activity there were at
sequence n, and `log/<n>.json` which commit and sequence were known when. These are numbered without a gap, and each carries its own hash.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from engine.canonical import Json, canonical_json, sha256
from engine.ports import Known, Taken
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
            _write(path, lambda file: file.write(data))
        return digest

    def get(self, digest: str) -> bytes:
        """The object with that hash; refuses a missing or damaged one."""
        path = self._object(digest)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            data = None
        self._prove(path, sha256(data) if data is not None else None, digest)
        return data or b""

    def record(self, period: str, manifest: dict[str, Json]) -> int:
        """Adds a run to a period and returns its number, from 1."""
        return _add(self._runs(period), manifest, "run")

    def last(self, period: str) -> tuple[int, dict[str, Any]] | None:
        """The number and manifest (parsed JSON) of the last run of a period."""
        number = len(_numbers(self._runs(period)))
        return (number, _manifest(self._runs(period), number, "run")) if number else None

    def runs(self, period: str) -> tuple[tuple[int, dict[str, Any]], ...]:
        """The numbers and manifests of all runs of a period, in order."""
        folder = self._runs(period)
        return tuple((number, _manifest(folder, number, "run")) for number in _numbers(folder))

    def periods(self) -> tuple[str, ...]:
        """The periods that have runs, in order."""
        runs = self._folder / "runs"
        return tuple(sorted(each.name for each in runs.iterdir() if _PERIOD.fullmatch(each.name))) if runs.is_dir() else ()

    def take_in(self, files: Sequence[tuple[str, Path]]) -> int:
        """Keeps files of activity (name and place) and returns their sequence: a new number, unless they are those of the last one."""
        taken = [{"name": name, "sha256": self._put_file(path)} for name, path in sorted(files)]
        last = len(_numbers(self._sequences))
        if last and _manifest(self._sequences, last, "sequence")["files"] == taken:
            return last
        return _add(self._sequences, {"schema": "inforce.activity/1", "files": taken}, "sequence")

    def taken(self, sequence: int) -> tuple[Taken, ...]:
        """The files of a sequence; refuses one that the archive does not have."""
        if sequence not in _numbers(self._sequences):
            last = len(_numbers(self._sequences))
            has = f"it has 1 to {last}" if last else "it has none yet; `inforce replay` takes activity in"
            raise ArchiveError(f"{self._folder}: the archive has no activity of sequence {sequence}.\nName another one: {has}.")
        return tuple(Taken(each["name"], each["sha256"]) for each in _manifest(self._sequences, sequence, "sequence")["files"])

    def path_of(self, digest: str) -> Path:
        """Where the object with that hash lies, its content proved; refuses a missing or damaged one."""
        path = self._object(digest)
        self._prove(path, hash_of(path), digest)
        return path

    def note(self, time: str, commit: str | None, sequence: int) -> None:
        """Adds to the log what is known now, unless its last entry says the same."""
        known = self.log()
        if not known or (known[-1].commit, known[-1].sequence) != (commit, sequence):
            _add(
                self._folder / "log",
                {"schema": "inforce.known/1", "time": time, "commit": commit, "sequence": sequence},
                "number",
            )

    def log(self) -> tuple[Known, ...]:
        """What was known when, in order."""
        folder = self._folder / "log"
        told = (_manifest(folder, number, "number") for number in _numbers(folder))
        return tuple(Known(each["number"], each["time"], each["commit"], each["sequence"]) for each in told)

    def kept(self, key: str) -> bytes | None:
        """What was kept to be quicker, with its hash before it; None if it is not there or not whole."""
        try:
            digest, _, data = (self._folder / "kept" / key).read_bytes().partition(b"\n")
        except OSError:
            return None
        return data if digest.decode("ascii", "replace") == sha256(data) else None

    def keep(self, key: str, data: bytes) -> None:
        """Keeps something to be quicker; in an archive that cannot be written it is not kept."""
        with suppress(OSError):
            _write(self._folder / "kept" / key, lambda file: file.write(sha256(data).encode() + b"\n" + data))

    @property
    def _sequences(self) -> Path:
        return self._folder / "activity"

    def _put_file(self, path: Path) -> str:
        """As `put`, for a file that may be large."""
        digest = hash_of(path)
        if digest is None:
            raise ArchiveError(f"{path}: there is no such file any more.\nNothing was written; begin again.")
        kept = self._object(digest)
        if not kept.exists():
            with path.open("rb") as source:
                _write(kept, lambda file: shutil.copyfileobj(source, file, 1 << 20))
            self._prove(kept, hash_of(kept), digest)
        return digest

    def _prove(self, path: Path, found: str | None, digest: str) -> None:
        if found is None:
            raise ArchiveError(f"{path}: the archive has no such object.\nRestore it from a backup, or replay the period.")
        if found != digest:
            raise ArchiveError(
                f"{path}: its content has hash {found}.\nThe file was changed or damaged; restore it from a backup."
            )

    def _object(self, digest: str) -> Path:
        if not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise ArchiveError(f"{digest!r} is not a SHA-256, so it names no object of the archive.")
        return self._folder / "objects" / digest

    def _runs(self, period: str) -> Path:
        if not _PERIOD.fullmatch(period):
            raise ArchiveError(f"{period!r} is not the name of a period.")
        return self._folder / "runs" / period


def _numbers(folder: Path) -> range:
    """The numbers of the manifests in a folder, from 1; refuses a folder that lacks one."""
    found = {int(each.stem) for each in folder.glob("*.json") if each.stem.isdecimal()} if folder.is_dir() else set()
    numbers = range(1, max(found, default=0) + 1)
    for number in numbers:
        path = folder / f"{number}.json"
        if number not in found and not path.exists():  # it may have come while the folder was read
            raise ArchiveError(f"{path}: the archive lacks this manifest, and has later ones.\nRestore it from a backup.")
    return numbers


def _manifest(folder: Path, number: int, name: str) -> dict[str, Any]:
    """What a manifest says; refuses one that is not as it was written."""
    path = folder / f"{number}.json"
    try:
        told = json.loads(path.read_bytes(), parse_float=str, parse_constant=str)  # canonical JSON has no such numbers
        manifest: dict[str, Any] = told if isinstance(told, dict) else {}
        as_written = manifest.pop("sha256", None) == sha256(canonical_json(manifest)) and manifest.get(name) == number
    except ValueError as error:
        raise ArchiveError(f"{path}: this is not a manifest ({error}).\nRestore it from a backup.") from error
    if not as_written:
        raise ArchiveError(
            f"{path}: its content is not what its own hash and number say.\nThe file was changed or damaged; restore it from a backup."
        )
    return manifest


def sealed_manifest(manifest: Mapping[str, Json]) -> bytes:
    """A manifest as it is written, with the hash of what it says."""
    return canonical_json({**manifest, "sha256": sha256(canonical_json(manifest))}) + b"\n"


def _add(folder: Path, manifest: Mapping[str, Json], name: str) -> int:
    """Adds a manifest that says its own number, the next one, which no other process can have taken."""
    number = len(_numbers(folder))
    while True:
        number += 1
        data = sealed_manifest({**manifest, name: number})
        if _write(folder / f"{number}.json", lambda file, data=data: file.write(data), anew=True):  # type: ignore[misc]  # bound now
            return number


def hash_of(path: Path) -> str | None:
    """The SHA-256 of a file; None if it is not there."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def _write(path: Path, fill: Callable[[IO[bytes]], object], *, anew: bool = False) -> bool:
    """A file whole or not at all: temporary name, flush to disk, rename, flush the folder. `anew`: False if there is one already."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        if anew:
            os.link(name, path)  # refuses to replace
        else:
            Path(name).replace(path)
    except FileExistsError:
        return False
    finally:
        Path(name).unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return True
