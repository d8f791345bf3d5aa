"""What the engine needs from the outside, as Protocols; `cli.py` decides what stands behind them."""

from __future__ import annotations

from typing import Any, Protocol

from engine.canonical import Json


class Archive(Protocol):
    """Where documents and runs are kept: objects by the hash of their content, runs by period and number. Nothing is overwritten."""

    def put(self, data: bytes) -> str:
        """Stores bytes and returns their SHA-256; the same bytes twice are one object."""

    def get(self, digest: str) -> bytes:
        """The object with that hash; refuses a missing or damaged one."""

    def record(self, period: str, manifest: dict[str, Json]) -> int:
        """Adds a run to a period and returns its number, from 1."""

    def last(self, period: str) -> tuple[int, dict[str, Any]] | None:
        """The number and manifest (parsed JSON) of the last run of a period."""

    def periods(self) -> tuple[str, ...]:
        """The periods that have runs, in order."""
