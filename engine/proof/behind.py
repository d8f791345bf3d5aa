"""What stands behind one charge of an invoice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from engine.canonical import Json
from engine.ratebook.resolver import Decision

Key: TypeAlias = tuple[str, str, str]  # kind, source and id of a row of activity


@dataclass(frozen=True, slots=True)
class Behind:
    """The row of activity behind a charge, its price in steps, and the decisions that made it.

    `given` says in words what cannot be made again from printed figures.
    """

    key: Key | None
    price: dict[str, Json] | None
    decisions: tuple[Decision, ...] = ()
    given: str = ""
