"""Who owns which files and steps of the workspace, and whose approval a change needs: `rules/approvals.yaml`.

It moves no amount, so it is no part of a `RuleBook` and of its meaning, and stands beside the book.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from engine.problems import Severity, Source, nearest
from engine.ratebook.files import belongs
from engine.ratebook.forms import Findings, Node, read_forms

STEPS = ("collect", "rate", "assemble", "check", "approve", "publish", "send", "settle")
"""The steps of billing."""

Missing = Literal["missing-reason", "missing-approval", "unapproved-change"]
_DEFAULTS: Mapping[Missing, Severity] = {
    "missing-reason": "warning",
    "missing-approval": "warning",
    "unapproved-change": "error",
}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who approves or owns something, by all names in use."""

    id: str
    name: str
    emails: tuple[str, ...]
    also: tuple[str, ...]
    source: Source

    def keys(self) -> Iterator[str]:
        """All names and addresses of the person as they are compared. Dana Ortiz is also D. Ortiz."""
        first, _, last = self.name.partition(" ")
        yield from map(_key, (self.id, self.name, *self.emails, *self.also))
        if last:
            yield _key(f"{first[0]}. {last}")


@dataclass(frozen=True, slots=True)
class Ownership:
    """One line of owners: files or a step, and how many of the owners must approve a change. `named` is as written, `owners` are people."""

    files: tuple[str, ...]
    step: str | None
    named: tuple[str, ...]
    owners: tuple[str, ...]
    approvals: int
    not_by_author: bool
    source: Source

    def holds(self, path: str) -> bool:
        """Whether a file is among its files."""
        return any(_pattern(each).fullmatch(path) for each in self.files)


@dataclass(frozen=True, slots=True)
class Approvals:
    """People, groups and owners; `severities` say how grave it is when something is missing, None that nobody is told."""

    people: Mapping[str, Person]
    owners: tuple[Ownership, ...]
    severities: Mapping[Missing, Severity | None]
    source: Source
    _by_key: Mapping[str, str] = field(repr=False)

    def person(self, text: str) -> str | None:
        """The id of a person by id, name, e-mail address, or `Name <address>`; the address counts more than the name before it."""
        name, mark, rest = text.partition("<")
        parts = (rest.rstrip("> "), name) if mark else (text,)
        return next((found for each in parts if (found := self._by_key.get(_key(each))) is not None), None)

    def owner_of(self, path: str) -> Ownership | None:
        """The line that counts for a file: the last one that holds it, as in the code owners of forges."""
        return next((each for each in reversed(self.owners) if each.holds(path)), None)

    def called(self, person: str) -> str:
        """A person's name in full."""
        return self.people[person].name if person in self.people else person

    def hint(self, name: str) -> str:
        """What to do about a name that nobody has."""
        known = [text for each in self.people.values() for text in (each.id, each.name)]
        hint = nearest(name.partition("<")[0].strip(), known)
        return f"{hint[0].upper()}{hint[1:]}" if hint else f"Add the person to the `people` of {self.source.path}"


def approvals_in(files: Mapping[str, bytes]) -> Approvals | None:
    """What the files of a book say of approvals; None if they say nothing, or not in its form."""
    # Only a file that has the word can be of the kind, unless an escape in quotes hides it.
    some = {path: data for path, data in files.items() if b"approvals" in data or b"\\" in data}
    found = Findings()
    return build_approvals(read_forms(some, found)["approvals"], found)


def build_approvals(forms: Sequence[Node], found: Findings, paths: Iterable[str] | None = None) -> Approvals | None:
    """The only file of approvals, if there is one; `paths` are the files of the book, one of which each pattern should match."""
    if not forms:
        return None
    form = forms[0]
    if len(forms) > 1:
        found.twice(forms[1]["kind"], "the kind approvals", form["kind"].source, "Put both into one file")
    people, by_key = _people(form, found)
    groups = _groups(form, people, found)
    owners = tuple(_ownership(node, people, groups, found) for node in form.list("owners"))
    _require_each_step(owners, form, found)
    if paths is not None:
        _refuse_empty_patterns(form, list(paths), found)
    said = form.get("severity")
    severities: dict[Missing, Severity | None] = {**_DEFAULTS}
    for name in severities:
        if said is not None and name in said:
            severities[name] = None if said[name].text == "off" else said[name].word
    return Approvals(people, owners, severities, form.source, by_key)


def _people(form: Node, found: Findings) -> tuple[dict[str, Person], dict[str, str]]:
    people: dict[str, Person] = {}
    by_key: dict[str, str] = {}
    for node in form.list("people"):
        emails, also = (tuple(each.text for each in node.list(key)) for key in ("emails", "also"))
        person = Person(node["id"].text, node["name"].text, emails, also, node.source)
        people.setdefault(person.id, person)
        for key in dict.fromkeys(person.keys()):
            other = people[by_key.setdefault(key, person.id)]
            if other is not person:
                said = f"{person.id} and {other.id} have a name or an address in common, so who is meant could not be told"
                related = ((other.source, "the other one"),)
                found.add("R022", node["id"], said, "Give each of them names and addresses of their own", related=related)
                break
    return people, by_key


def _groups(form: Node, people: Mapping[str, Person], found: Findings) -> dict[str, tuple[str, ...]]:
    groups: dict[str, tuple[str, ...]] = {}
    for name, node in form["groups"].items() if "groups" in form else ():
        if name in people:
            found.twice(form["groups"].key(name), f"the name {name}", people[name].source, "Give the group another name")
        for each in node.entries():
            if each.text not in people:
                found.unknown(each, "person", people)
        groups[name] = node.texts()
    return groups


def _ownership(node: Node, people: Mapping[str, Person], groups: Mapping[str, tuple[str, ...]], found: Findings) -> Ownership:
    owners: dict[str, None] = {}
    for each in node.list("owner"):
        if each.text in people:
            owners[each.text] = None
        elif each.text in groups:
            owners.update(dict.fromkeys(groups[each.text]))
        else:
            found.unknown(each, "person or group", [*people, *groups])
    if "files" not in node and "step" not in node:
        found.add("R005", node, "the line says neither `files` nor a `step` that somebody owns", "Add one of them")
    needed = int(node.says("approvals", "1"))
    if needed > len(owners) > 0:
        said = f"{needed} approvals are needed of {len(owners)} owner{'s' * (len(owners) > 1)}, so no change could ever have them"
        found.add("R113", node["approvals"], said, "Name more owners, or ask for fewer approvals")
    files = node["files"].texts() if "files" in node else ()
    named = tuple(each.text for each in node.list("owner"))
    return Ownership(
        files, node.says("step") or None, named, tuple(owners), needed, node.yes("not-by-author", "yes"), node.source
    )


def _require_each_step(owners: Sequence[Ownership], form: Node, found: Findings) -> None:
    """Who says whom one step belongs to says it of all: a step without an owner is nobody's."""
    owned = {each.step for each in owners if each.step is not None}
    missing = [step for step in STEPS if owned and step not in owned]
    if missing:
        some = f"step{'s' * (len(missing) > 1)} {', '.join(missing)}"
        remedy = f"Add a line such as `{{ step: {missing[0]}, owner: [...] }}`"
        found.add("R111", form.key("owners"), f"nobody owns {some}, and other steps have owners", remedy, width=len("owners"))


def _refuse_empty_patterns(form: Node, paths: Sequence[str], found: Findings) -> None:
    for line in form.list("owners"):
        for each in (line["files"].entries() or (line["files"],)) if "files" in line else ():
            if belongs(each.text) and not any(_pattern(each.text).fullmatch(path) for path in paths):
                said = f"no file of the rule book matches `{each.text}`"
                found.add("R114", each, said, "Correct the pattern, or remove it", warning=True)


@lru_cache(maxsize=256)
def _pattern(text: str) -> re.Pattern[str]:
    """A pattern of paths: `**/` any folders, `**` anything, `*` anything in one name, `?` one character of it."""
    parts = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(parts.get(each, re.escape(each)) for each in re.split(r"(\*\*/|\*\*|\*|\?)", text)))


def _key(text: str) -> str:
    """A name as it is compared: capitals and blanks tell nobody apart."""
    return "".join(text.split()).casefold()
