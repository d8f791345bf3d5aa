"""Files of the rule book as nodes of a known form: read strictly, checked against the schema of their kind, with typed getters."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, TypeVar

from engine.dates import DateError, parse_day, parse_duration
from engine.money import Decimals, NumberError, parse_decimal
from engine.problems import Problem, Source, nearest
from engine.ratebook import load
from engine.ratebook.book import UNKNOWN_PROVENANCE, Provenance
from engine.ratebook.nodes import source_of
from engine.ratebook.shape import check

FORMAT = "1"
KINDS = (
    "account", "accumulators", "activity", "approvals", "assembly", "calendar", "caps", "examples", "formula", "holidays", "items", "lines", "policy",
    "premiums", "rate-table", "rounding", "segments", "taxes", "terms",
)  # fmt: skip
PROVENANCE = ("reason", "approved", "retroactive")
ANY_KIND = "?"  # of a file that is not understood at all
_REMEMBERED_MAX = 200_000  # bytes; the nodes of a large file take too much memory to be kept
T = TypeVar("T")


@cache
def schema(kind: str) -> Mapping[str, Any]:  # Any: JSON
    """The schema of a kind of file."""
    found: Mapping[str, Any] = json.loads(
        (Path(__file__).parent / "schema" / FORMAT / f"{kind}.json").read_text(encoding="utf-8")
    )
    return found


@dataclass(slots=True)
class Findings:
    """The problems found so far. `unread` holds the kinds of files that could not be read or found: what they name is not known."""

    problems: list[Problem] = field(default_factory=list)
    unread: set[str] = field(default_factory=set)

    def add(
        self,
        code: str,
        at: Source | Node,
        message: str,
        remedy: str,
        *,
        width: int = 0,
        related: tuple[tuple[Source, str], ...] = (),
        warning: bool = False,
    ) -> None:
        """Notes a problem at a place or node."""
        source = at if isinstance(at, Source) else at.source
        length = width or (at.width if isinstance(at, Node) else 1)
        self.problems.append(Problem(code, source, message, remedy, "warning" if warning else "error", length, related))

    def unknown(self, at: Node, word: str, known: Iterable[str], *, kind: str = "", code: str = "R023") -> None:
        """Notes a name that nothing has, unless a file of the `kind` that would give it could not be read."""
        if self.may_have(kind):
            return
        what, of, _ = word.partition(" of ")
        said = f"`{at.text}` is no {word}" if of else f"there is no {word} `{at.text}`"
        hint = nearest(at.text, list(known)) or f"add the {what} first"
        self.add(code, at, said, hint[0].upper() + hint[1:])

    def twice(self, at: Source | Node, what: str, first: Source, remedy: str = "Keep one of them") -> None:
        """Notes something that stands a second time."""
        self.add("R022", at, f"{what} stands twice", remedy, related=((first, "first here"),))

    def missing(self, kind: str, at: Source, message: str, remedy: str) -> None:
        """Notes that there is no file of a kind, once: what others name of it is not held against them."""
        if not self.may_have(kind):
            self.add("R036", at, message, remedy)
        self.unread.add(kind)

    def may_have(self, kind: str) -> bool:
        """Whether files of a kind could not be read or found, so that something may be unknown here that exists."""
        return bool({kind, ANY_KIND} & self.unread)

    def failed(self) -> bool:
        """Whether there is an error."""
        return any(problem.severity == "error" for problem in self.problems)


@dataclass(slots=True)  # as the nodes in it
class Node:
    """A node of a file that has the form of its schema: getters do not ask again."""

    node: load.Node

    @property
    def source(self) -> Source:
        """Where it stands."""
        return self.node.source

    @property
    def text(self) -> str:
        """The text of a scalar."""
        return self.node.value if isinstance(self.node, load.Text) else ""

    @property
    def word(self) -> Any:  # noqa: ANN401 - one of the words that the schema lists
        """The text of a scalar whose schema lists what it can be."""
        return self.text

    @property
    def width(self) -> int:
        """How many characters a caret underlines."""
        return max(len(self.text), 1)

    @property
    def is_map(self) -> bool:
        """Whether it is a map."""
        return isinstance(self.node, load.Mapping)

    @property
    def is_list(self) -> bool:
        """Whether it is a list."""
        return isinstance(self.node, load.Sequence)

    def __contains__(self, key: str) -> bool:
        return isinstance(self.node, load.Mapping) and key in self.node.entries

    def __getitem__(self, key: str) -> Node:
        if not isinstance(self.node, load.Mapping):
            raise KeyError(key)
        return Node(self.node.entries[key])

    def get(self, key: str) -> Node | None:
        """The value of a key, if it is there."""
        inside = self.node.entries.get(key) if isinstance(self.node, load.Mapping) else None
        return Node(inside) if inside is not None else None

    def says(self, key: str, otherwise: str = "") -> str:
        """The text of a key, or something else."""
        said = self.node.entries.get(key) if isinstance(self.node, load.Mapping) else None
        return otherwise if said is None else said.value if isinstance(said, load.Text) else ""

    def key(self, name: str) -> Source:
        """Where a key stands."""
        return source_of(self.node.places[name]) if isinstance(self.node, load.Mapping) else self.source

    def keys(self) -> AbstractSet[str]:
        """The keys of a map."""
        return self.node.entries.keys() if isinstance(self.node, load.Mapping) else set()

    def items(self) -> Iterator[tuple[str, Node]]:
        """Keys and values of a map."""
        if isinstance(self.node, load.Mapping):
            yield from ((key, Node(value)) for key, value in self.node.entries.items())

    def list(self, key: str) -> tuple[Node, ...]:
        """The entries of the list under a key; none if it is not there."""
        return self[key].entries() if key in self else ()

    def entries(self) -> tuple[Node, ...]:
        """The entries of a list."""
        return tuple(Node(item) for item in self.node.items) if isinstance(self.node, load.Sequence) else ()

    def texts(self) -> tuple[str, ...]:
        """The texts of a scalar or a list of scalars."""
        return tuple(each.text for each in self.entries()) if self.is_list else (self.text,)

    def day(self, key: str) -> date:
        """The day under a key."""
        return parse_day(self[key].text)

    def day_or_none(self, key: str) -> date | None:
        """The day under a key, if it is there."""
        return self.day(key) if key in self else None

    def yes(self, key: str, otherwise: str = "no") -> bool:
        """Whether a key says yes."""
        return self.says(key, otherwise) == "yes"

    def provenance(self, inherited: Provenance | None = None) -> Provenance:
        """Reason and approval of an entry, or those of the entry it belongs to; `retroactive` goes with either."""
        if not isinstance(self.node, load.Mapping) or self.node.entries.keys().isdisjoint(PROVENANCE):
            return inherited or UNKNOWN_PROVENANCE
        retroactive = self["retroactive"].says("reason") if "retroactive" in self else ""
        if self.node.entries.keys().isdisjoint(PROVENANCE[:2]):
            return replace(inherited or UNKNOWN_PROVENANCE, retroactive=retroactive)
        approved = self.get("approved") or self
        by, on, ref = (approved.says(key) if "approved" in self else "" for key in ("by", "on", "ref"))
        return Provenance(self.says("reason"), by, on, ref, retroactive)


def named(text: str, source: Source) -> Node:
    """A key as a node, so that findings can point at it."""
    return Node(load.Text(text, source))


def read_forms(files: Mapping[str, bytes], found: Findings) -> dict[str, list[Node]]:
    """The files by kind, in order of their paths; what is not in the form of its schema is left out and reported."""
    forms: dict[str, list[Node]] = {kind: [] for kind in KINDS}
    for path in sorted(files):
        root, problems = _read(path, files[path])
        found.problems += problems
        if root is None:
            found.unread.add(ANY_KIND)
            continue
        node = Node(root)
        kind = node.get("kind")
        if kind is None or kind.text not in KINDS:
            _refuse_kind(node, kind, found)
            found.unread.add(ANY_KIND)
        elif problems:
            found.unread.add(kind.text)
        else:
            forms[kind.text].append(node)
    return forms


def _read(path: str, data: bytes) -> tuple[load.Node | None, tuple[Problem, ...]]:
    """A file as nodes, and what is wrong with its text or its form. Most commits share most files, so small ones are read once."""
    return _read_once(path, data) if len(data) <= _REMEMBERED_MAX else _read_now(path, data)


def _read_now(path: str, data: bytes) -> tuple[load.Node | None, tuple[Problem, ...]]:
    root = load.read(path, data)
    if isinstance(root, list):
        return None, tuple(root)
    kind = Node(root).get("kind")
    return root, tuple(check(root, schema(kind.text))) if kind is not None and kind.text in KINDS else ()


_read_once = lru_cache(maxsize=1024)(_read_now)


def _refuse_kind(node: Node, kind: Node | None, found: Findings) -> None:
    if kind is None:
        found.add("R003", node, "the file does not say its `kind`", f"Write one of {', '.join(KINDS)}")
        return
    hint = nearest(kind.text, KINDS)
    remedy = hint[0].upper() + hint[1:] if hint else f"Write one of {', '.join(KINDS)}"
    found.add("R003", kind, f"`{kind.text}` is not a kind of rule file", remedy)


def read_as(found: Findings, at: Node, how: Callable[[str], T], otherwise: T) -> T:
    """The text of a node read by a function of ours; what it refuses is reported there."""
    try:
        return how(at.text)
    except (DateError, NumberError) as error:
        said, _, remedy = str(error).partition("; ")
        found.add("R007", at, said, remedy[:1].upper() + remedy[1:] or "Correct the value")
        return otherwise


def duration(found: Findings, at: Node) -> int:
    """A duration in seconds."""
    return read_as(found, at, parse_duration, 0)


def number(found: Findings, at: Node) -> Decimals:
    """A decimal number with the digits it was written with."""
    return read_as(found, at, parse_decimal, Decimals(0, 0))
