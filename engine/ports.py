"""What the engine needs from the outside, as Protocols; `commands/` decides what stands behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from engine.canonical import Json


@dataclass(frozen=True, slots=True)
class Known:
    """An entry of the archive's log: at `time` (UTC, as the clock then said) the rule book was at `commit` and activity at `sequence`."""

    number: int
    time: str
    commit: str | None
    sequence: int


@dataclass(frozen=True, slots=True)
class Taken:
    """A file of activity as the archive keeps it: its name, and the hash of its content."""

    name: str
    sha256: str


class Clock(Protocol):
    """Says what time it is; the engine never asks by itself."""

    def now(self) -> str:
        """The time in UTC, like 2026-11-05T09:14:02Z."""


class Keeping(Protocol):
    """Keeps what would take long to make again; it may forget anything, and never gives what it was not given."""

    def kept(self, key: str) -> bytes | None:
        """What was kept under a key."""

    def keep(self, key: str, data: bytes) -> None:
        """Keeps something under a key."""


class Archive(Protocol):
    """Where activity, documents and runs are kept: objects by the hash of their content, the rest by number. Nothing is overwritten."""

    def put(self, data: bytes) -> str:
        """Stores bytes and returns their SHA-256; the same bytes twice are one object."""

    def get(self, digest: str) -> bytes:
        """The object with that hash; refuses a missing or damaged one."""

    def record(self, period: str, manifest: dict[str, Json]) -> int:
        """Adds a run to a period and returns its number, from 1."""

    def last(self, period: str) -> tuple[int, dict[str, Any]] | None:
        """The number and manifest (parsed JSON) of the last run of a period."""

    def runs(self, period: str) -> tuple[tuple[int, dict[str, Any]], ...]:
        """The numbers and manifests of all runs of a period, in order."""

    def periods(self) -> tuple[str, ...]:
        """The periods that have runs, in order."""

    def take_in(self, files: Sequence[tuple[str, Path]]) -> int:
        """Keeps files of activity (name and place) and returns their sequence: a new number, unless they are those of the last one."""

    def taken(self, sequence: int) -> tuple[Taken, ...]:
        """The files of a sequence; refuses one that the archive does not have."""

    def path_of(self, digest: str) -> Path:
        """Where the object with that hash lies, its content proved; refuses a missing or damaged one."""

    def note(self, time: str, commit: str | None, sequence: int) -> None:
        """Adds to the log what is known now, unless its last entry says the same."""

    def log(self) -> tuple[Known, ...]:
        """What was known when, in order."""
