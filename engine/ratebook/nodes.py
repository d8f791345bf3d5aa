"""A file of the rule book as nodes: texts, lists and maps, each with its place.

Nobody changes a node, yet their classes are not frozen: a large file has a million of them, and freezing doubles what each one costs.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from collections.abc import Mapping as AbstractMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from engine.problems import Source

DEPTH_MAX = 40
"""Lists and maps are nested no deeper."""


class Mark(Protocol):
    """A place as libyaml gives it: lines and columns counted from 0."""

    @property
    def name(self) -> str:
        """The path."""

    @property
    def line(self) -> int:
        """The line."""

    @property
    def column(self) -> int:
        """The column, in characters."""


# A large file has half a million places; few are ever shown, so few become a Source. A tuple is the path, the line and the column.
Place: TypeAlias = "Source | Mark | tuple[str, int, int]"


@dataclass(slots=True)
class Text:
    """A scalar, as text. Nodes are equal when they say the same, wherever they stand."""

    value: str
    place: Place = field(compare=False, repr=False)

    @property
    def source(self) -> Source:
        """Where it begins (a quoted text: at its quote)."""
        return source_of(self.place)


@dataclass(slots=True)
class Sequence:
    """A list."""

    items: tuple[Node, ...]
    place: Place = field(compare=False, repr=False)

    @property
    def source(self) -> Source:
        """Where it begins: its first dash, or its bracket."""
        return source_of(self.place)


@dataclass(slots=True)
class Mapping:
    """A map of text keys; `keys` says where each key stands."""

    entries: dict[str, Node]
    places: AbstractMapping[str, Place] = field(compare=False, repr=False)
    place: Place = field(compare=False, repr=False)

    @property
    def source(self) -> Source:
        """Where it begins: its first key, or its brace."""
        return source_of(self.place)

    @property
    def keys(self) -> AbstractMapping[str, Source]:
        """Where each key stands."""
        return _Sources(self.places)


Node: TypeAlias = "Text | Sequence | Mapping"


def source_of(place: Place) -> Source:
    """A place as it is shown."""
    if isinstance(place, tuple):
        return Source(*place)
    return place if isinstance(place, Source) else Source(place.name, place.line + 1, place.column + 1)


@contextmanager
def no_collection() -> Iterator[None]:
    """No garbage collection meanwhile: it would look again and again through the million objects of a large book (half of the time)."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class _Sources(AbstractMapping[str, Source]):
    """Places, each made a Source when it is asked for."""

    __slots__ = ("_places",)

    def __init__(self, places: AbstractMapping[str, Place]) -> None:
        self._places = places

    def __getitem__(self, name: str) -> Source:
        return source_of(self._places[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
