"""Origins: for each place in a rule file the commit that last changed it, who wrote that, and whose approval git records."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.canonical import Json
from engine.explain_rules import NOT_RECORDED
from engine.problems import Source
from engine.ratebook.history import CommitRecord, History, HistoryError
from engine.ratebook.load import Mapping as Entry
from engine.ratebook.load import Node, Sequence, Text, read

_PLACE = re.compile(r"((?:rates|rules)/.+\.yaml):([0-9]+)(?::([0-9]+))?")
_UNCOMMITTED = re.compile(r"0+")


@dataclass(slots=True)
class Origins:
    """The origins of places in the rule files of a commit (None: of the files as they are); each file is asked about once, when needed."""

    history: History | None
    commit: str | None
    files: Mapping[str, bytes]
    _lines: dict[str, list[str]] = field(default_factory=dict)
    _commits: dict[str, dict[str, Json]] = field(default_factory=dict)
    _entries: dict[str, dict[tuple[int, int], Entry]] = field(default_factory=dict)

    def with_origins(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """An explanation with the commit and the approval beside every place, and the commits it names."""
        found: dict[str, Any] = self._walk(told)
        return found | {"commits": {name: self._commits[name] for name in sorted(self._commits)}}

    def of(self, place: str) -> dict[str, Json]:
        """What git records of a place: `commit` (None where it records none) and `approval`; and which later commits changed the same entry."""
        found = _PLACE.fullmatch(place)
        if found is None or self.history is None:
            return {}
        path, line = found[1], int(found[2])
        blamed = self._blame(path)
        commit = blamed[line - 1] if 0 < line <= len(blamed) else None
        if commit is None or _UNCOMMITTED.fullmatch(commit):
            return {"commit": None, "approval": NOT_RECORDED}
        others = dict.fromkeys(
            each for each in blamed[line : self._end(path, line)] if each != commit and not _UNCOMMITTED.fullmatch(each)
        )
        told: dict[str, Json] = {"commit": commit, "approval": self._approval(commit)}
        if others:
            told["entry_changed_in"] = list(others)
            for each in others:
                self._approval(each)
        return told

    def approval_of(self, commit: str) -> str:
        """Whose approval the trailers of a commit, or of the merges that brought it in, record."""
        return self._approval(commit)

    def commit_told(self, commit: str) -> dict[str, Json]:
        """What a commit says of itself."""
        self._approval(commit)
        return self._commits[commit]

    def _walk(self, told: Any) -> Any:  # noqa: ANN401 - plain JSON
        if isinstance(told, Mapping):
            found = {name: self._walk(each) for name, each in told.items()}
            source = found.get("source")
            if isinstance(source, str) and _PLACE.fullmatch(source):
                if "approved" not in found:
                    found |= self._says(source)
                found |= self.of(source)
            return found
        return [self._walk(each) for each in told] if isinstance(told, (list, tuple)) else told

    def _blame(self, path: str) -> list[str]:
        if path not in self._lines:
            self._lines[path] = []
            if self.history is not None and (self.commit is not None or not self.history.bare):
                try:
                    self._lines[path] = self.history.commits_of_lines(self.commit, path)
                except HistoryError:
                    self._lines[path] = []
        return self._lines[path]

    def _end(self, path: str, line: int) -> int:
        """The last line of the entry that begins on a line: what follows and is indented deeper."""
        lines = self.files.get(path, b"").decode("utf-8", "replace").splitlines()
        if line > len(lines):
            return line
        last, own = line, _indent(lines[line - 1])
        for number in range(line + 1, len(lines) + 1):
            text = lines[number - 1]
            if text.strip() and _indent(text) <= own:
                break
            last = number if text.strip() else last
        return last

    def _approval(self, commit: str) -> str:
        if commit not in self._commits:
            self._commits[commit] = self._told(commit)
        approved = self._commits[commit]["approved_by"]
        return ", ".join(map(str, approved)) if isinstance(approved, (list, tuple)) and approved else NOT_RECORDED

    def _told(self, commit: str) -> dict[str, Json]:
        history = self.history
        if history is None:
            return {"approved_by": []}
        record = history.commit(commit)
        merges = history.records(history.merges_of(commit, self.commit or history.resolve("HEAD")))
        approved = dict.fromkeys(name for each in (record, *merges) for name in each.says("Approved-by"))
        told: dict[str, Json] = {"author": record.author, "subject": record.subject, "approved_by": list(approved)}
        if merges:
            told["merged_in"] = [_merge(each) for each in merges]
        if not record.parents and history.is_shallow():
            told["note"] = "this clone is shallow: what it blames on its first commit may be older"
        return told

    def _says(self, source: str) -> dict[str, Json]:
        """The reason and the approval that an entry itself gives, where the rule book does not carry them."""
        path, line, column = _parsed(source)
        if path not in self._entries:
            node = read(path, self.files[path]) if path in self.files else None
            self._entries[path] = dict(_mappings(node)) if node is not None and not isinstance(node, list) else {}
        entry = self._entries[path].get((line, column))
        if entry is None:
            return {}
        reason, approved = entry.entries.get("reason"), entry.entries.get("approved")
        parts = [approved.entries.get(name) for name in ("by", "on", "ref")] if isinstance(approved, Entry) else []
        said = " ".join(each.value for each in parts if isinstance(each, Text))
        return {"reason": reason.value if isinstance(reason, Text) else "", "approved": said or NOT_RECORDED}


def _merge(record: CommitRecord) -> dict[str, Json]:
    return {
        "commit": record.id,
        "author": record.author,
        "subject": record.subject,
        "approved_by": list(record.says("Approved-by")),
    }


def _parsed(place: str) -> tuple[str, int, int]:
    found = _PLACE.fullmatch(place)
    return (found[1], int(found[2]), int(found[3] or 0)) if found is not None else (place, 0, 0)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _mappings(node: Node) -> list[tuple[tuple[int, int], Entry]]:
    """Every entry of a file by its place."""
    if isinstance(node, Sequence):
        return [each for item in node.items for each in _mappings(item)]
    if not isinstance(node, Entry):
        return []
    inner = [each for item in node.entries.values() for each in _mappings(item)]
    return [(_place(node.source), node), *inner]


def _place(source: Source) -> tuple[int, int]:
    return source.line, source.column
