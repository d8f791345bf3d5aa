"""A workspace: a folder with `inforce.toml`, `rates/`, `rules/`, `parties.yaml`, `activity/` and the archive."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine.problems import InforceError, Problem, ProblemsFound, Source, nearest
from engine.ratebook.history import History
from engine.ratebook.load import Mapping as YamlMapping
from engine.ratebook.load import Node, Text, read
from engine.ratebook.load import Sequence as YamlSequence

if TYPE_CHECKING:
    from engine.invoice import Party
    from engine.replay import Parties

MARKER = "inforce.toml"


class WorkspaceError(InforceError):
    """The folder is not a workspace, or lacks something."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where a workspace is, and what its `inforce.toml` says; `elsewhere` is the archive's folder if it is not in the workspace."""

    folder: Path
    name: str
    activity: str
    elsewhere: Path | None = None

    def activity_files(self) -> tuple[Path, ...]:
        """The workspace's activity files."""
        return tuple(sorted(path for path in self.folder.glob(self.activity) if path.is_file() and not path.name.startswith(".")))

    @property
    def archive(self) -> Path:
        """The archive's folder."""
        return self.elsewhere or self.folder / "archive"


def find_workspace(start: Path, archive: Path | None = None) -> Workspace:
    """The workspace that `start` lies in: the nearest folder upwards with an `inforce.toml`, or a bare repository of one."""
    if archive is not None:
        return replace(find_workspace(start), elsewhere=archive)
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / MARKER).is_file():
            return _read_marker(folder)
    bare = History.find(start)
    if bare is not None and bare.bare and (marker := bare.read_at("HEAD", MARKER)) is not None:
        return _marker(start.resolve(), f"{start}:{MARKER}", marker)
    raise WorkspaceError(
        f"{start} is not in a workspace: there is no {MARKER} here or above.\nTry `inforce demo`, or name one with --workspace."
    )


def cache_folder() -> Path | None:
    """Where built rule books are kept: with the user's other caches, never in a workspace, which may be somebody else's.

    `INFORCE_CACHE` names another folder; if it is empty, nothing is kept.
    """
    said = os.environ.get("INFORCE_CACHE")
    if said is not None:
        return Path(said) if said else None
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "inforce"
    except RuntimeError:  # nobody knows whose home that would be
        return None


def read_parties(folder: Path) -> Parties:
    """Seller, buyers and site names from `parties.yaml`; ids stand in for what it does not name."""
    from engine.invoice import Party  # here, for they load polars, which takes longer than all of check
    from engine.replay import Parties

    name = find_workspace(folder).name
    root = _parties(folder)
    if root is None:
        return Parties(Party(name), {}, {})
    buyers = _entries(root, "buyers")
    sites = _entries(root, "sites")
    seller = root.entries.get("seller")
    return Parties(
        _party(seller) if seller is not None else Party(name),
        {buyer: _party(node) for buyer, node in buyers.items()},
        {site: _text(node) for site, node in sites.items()},
    )


def parties_problems(folder: Path, accounts: Collection[str], sites: Collection[str]) -> list[Problem]:
    """What is wrong with `parties.yaml`: its form, buyers and sites that the rule book lacks, and accounts without a buyer."""
    try:
        root = _parties(folder)
        if root is None:
            return []
        read_parties(folder)
        named = {word: _entries(root, word) for word in ("buyers", "sites")}
    except ProblemsFound as found:
        return list(found.problems)
    problems = []
    for word, what, known in (("buyers", "account", accounts), ("sites", "site", sites)):
        there = root.entries.get(word)
        for name in named[word]:
            if name not in known and isinstance(there, YamlMapping):
                hint = nearest(name, known) or "remove it"
                said = f"there is no {what} `{name}` in the rule book"
                problems.append(Problem("R115", there.keys[name], said, hint[0].upper() + hint[1:], "warning", len(name)))
    at = root.keys.get("buyers", Source("parties.yaml"))
    for name in sorted(set(accounts) - named["buyers"].keys()) if named["buyers"] else ():
        said = f"account {name} has no buyer, so its invoices show no name and no address"
        problems.append(Problem("R115", at, said, f"Add `{name}:` with a name and an address", "warning", len("buyers")))
    return problems


def _parties(folder: Path) -> YamlMapping | None:
    """The file of parties as nodes, if there is one."""
    path = folder / "parties.yaml"
    if not path.is_file():
        return None
    root = read("parties.yaml", path.read_bytes())
    if not isinstance(root, YamlMapping):
        raise ProblemsFound(root if isinstance(root, (list, tuple)) else [_wrong(root, "a file of parties is a map")])
    known = ("format", "kind", "seller", "buyers", "sites")
    wrong = []
    for key in root.entries:
        if key not in known:
            hint = nearest(key, known)
            wrong.append(Problem("R004", root.keys[key], f"unknown field `{key}`", hint[0].upper() + hint[1:], width=len(key)))
    if wrong:
        raise ProblemsFound(wrong)
    return root


def _read_marker(folder: Path) -> Workspace:
    path = folder / MARKER
    return _marker(folder, str(path), path.read_bytes())


def _marker(folder: Path, shown: str, data: bytes) -> Workspace:
    try:
        said = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WorkspaceError(f"{shown}: {error}.\nCorrect the file.") from error
    section = said.get("workspace", {})
    unknown = sorted({*said} - {"workspace"}) + sorted({*section} - {"name", "activity"})
    if unknown:
        raise WorkspaceError(f"{shown}: unknown setting {unknown[0]!r}.\nKnown are [workspace] name and activity.")
    return Workspace(folder, str(section.get("name", folder.name)), str(section.get("activity", "activity/*")))


def _entries(root: YamlMapping, key: str) -> Mapping[str, Node]:
    node = root.entries.get(key)
    if node is None:
        return {}
    if not isinstance(node, YamlMapping):
        raise ProblemsFound([_wrong(node, f"`{key}` is a map of ids")])
    return node.entries


def _party(node: Node) -> Party:
    from engine.invoice import Party

    if not isinstance(node, YamlMapping):
        raise ProblemsFound([_wrong(node, "a party is a map with a name")])
    known = ("name", "address", "email", "reference")
    wrong = [
        Problem("R004", node.keys[key], f"unknown field `{key}`", f"Known are {', '.join(known)}")
        for key in node.entries
        if key not in known
    ]
    if wrong:
        raise ProblemsFound(wrong)
    address = node.entries.get("address")
    lines: Sequence[Node] = address.items if isinstance(address, YamlSequence) else ()
    texts = {key: _text(node.entries[key]) for key in ("name", "email", "reference") if key in node.entries}
    return Party(texts.get("name", ""), tuple(_text(line) for line in lines), texts.get("email", ""), texts.get("reference", ""))


def _text(node: Node) -> str:
    if not isinstance(node, Text):
        raise ProblemsFound([_wrong(node, "a text is needed here")])
    return node.value


def _wrong(node: Node, what: str) -> Problem:
    return Problem("R008", node.source, what, "See docs/rule-book.md for the form of the file")
