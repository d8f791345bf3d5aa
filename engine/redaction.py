"""Redaction: a report without the names of accounts and sites, for readers who may see what moves and not whose it is.

What people write in their own words is left out, since it may name anybody: reasons, approvals, texts, cases, notes and errors. What
stays are figures, days, places in files, and the names of tables, items and rules with every account, site and party in them veiled.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from engine.impact import FOLLOWS, SEVERAL, TAX, Impact, MovedDocument, Section
from engine.problems import Source
from engine.ratebook.book import UNKNOWN_PROVENANCE, RuleBook
from engine.ratebook.changes import Change, Difference, Reach, Shield, Stretch

HIDDEN = "(not shown)"
_FIGURE = re.compile(r"[-+]?[0-9][0-9.,]*%?( [A-Z]{3})?|([0-9]+(h|min|d|s) ?)+|yes|no|none", re.ASCII)


@dataclass(frozen=True, slots=True)
class Veil:
    """What stands for each name: A1, A2, ... for accounts, S1, ... for sites, and numbers for what belongs to one account."""

    names: Mapping[str, str]
    owned: Mapping[str, str]
    files: Mapping[str, str]
    pattern: re.Pattern[str]
    by_words: Mapping[str, str]

    def name(self, name: str) -> str:
        """What stands for an account or a site."""
        return self.names.get(name) or self.text(name)

    def id(self, id_: str) -> str:
        """What stands for the id of an entry."""
        owner, colon, _ = id_.partition(":")
        if colon and owner in self.names and id_ not in self.owned:  # of an account, and in none of the books
            return f"{self.names[owner]}:{HIDDEN}"
        return self.owned.get(id_) or self.names.get(id_) or self.text(id_)

    def path(self, source: Source) -> Source:
        """Where something stands, in a file whose name says nothing."""
        return Source(self.files.get(source.path) or self.text(source.path), source.line, source.column)

    def text(self, text: str) -> str:
        """A name of the rule book with every account, site and party in it veiled, however it is spelled."""
        return self.pattern.sub(lambda found: self.by_words[_bare(found[0])], text)


def veil_of(*books: RuleBook, called: Mapping[str, str] | None = None) -> Veil:
    """A veil over the accounts and sites of some books, and over what they are called in print (name by account or site)."""
    accounts = sorted({name for book in books for name in book.accounts})
    sites = sorted({name for book in books for name in book.sites} - set(accounts))
    names = {name: f"A{number}" for number, name in enumerate(accounts, 1)} | {
        name: f"S{number}" for number, name in enumerate(sites, 1)
    }
    owned: dict[str, str] = {}
    files: dict[str, str] = {}
    for account in accounts:
        mine = [book.accounts[account] for book in books if account in book.accounts]
        for kind in ("overrides", "fees", "coupons"):
            ids = sorted({each.id for one in mine for each in getattr(one, kind)})
            owned |= {id_: f"{names[account]}:{kind}-{number}" for number, id_ in enumerate(ids, 1)}
        files |= {one.source.path: f"rates/accounts/{names[account]}.yaml" for one in mine}
    for table in (table for book in books for table in book.tables.values() if table.facets):  # their keys hold words of activity
        for number, id_ in enumerate(sorted(row.id for row in table.rows.values()), 1):
            owned.setdefault(id_, f"{table.table}:row-{number}")
    printed = {word: names.get(owner, HIDDEN) for owner, word in (called or {}).items()}
    by_words = {_bare(word): stands for word, stands in {**printed, **names}.items() if _bare(word)}
    return Veil(names, owned, files, _spelled(by_words), by_words)


def redacted(impact: Impact, veil: Veil) -> Impact:
    """A report that names nobody."""
    changes = tuple(_change(each, veil) for each in impact.difference.changes)
    numbers = _numbers(impact, veil)

    def document(each: MovedDocument) -> MovedDocument:
        by = Counter[str]()
        for name, moved in each.by.items():
            by[_cause(name, veil)] += moved
        return replace(
            each, number=numbers[each.number], account=veil.name(each.account), by=dict(by),
            unsound="the base side does not make it as issued" if each.unsound else "",
        )  # fmt: skip

    def section(each: Section) -> Section:
        return replace(each, documents=tuple(map(document, each.documents)), note=each.note.partition(":")[0])

    issued, opened, forward = map(section, impact.sections)
    unsound = tuple(map(document, impact.unsound))
    return replace(impact, difference=Difference(changes), issued=issued, open=opened, forward=forward, unsound=unsound)


def _change(change: Change, veil: Veil) -> Change:
    reach = change.reach
    return replace(
        change,
        id=veil.id(change.id),
        stretches=tuple(Stretch(each.start, each.end, _figure(each.before), _figure(each.after)) for each in change.stretches),
        before=None if change.before is None else veil.path(change.before),
        after=None if change.after is None else veil.path(change.after),
        provenance=UNKNOWN_PROVENANCE,
        reach=Reach(_veiled(reach.accounts, veil), _veiled(reach.sites, veil), reach.items, reach.start, reach.end, reach.price_only),
        cases=(),
        shields=tuple(
            Shield(veil.id(each.by), tuple(map(veil.name, each.sites)), each.start, each.end, veil.path(each.source)) for each in change.shields
        ),
        notes=(),
    )  # fmt: skip


def _figure(said: str | None) -> str | None:
    """A figure as it stands, also if words come after it; other words are left out."""
    if said is None:
        return None
    first, comma, _ = said.partition(", ")
    return HIDDEN if not _FIGURE.fullmatch(first) else f"{first}, {HIDDEN}" if comma else first


def _veiled(names: frozenset[str] | None, veil: Veil) -> frozenset[str] | None:
    return None if names is None else frozenset(map(veil.name, names))


def _cause(name: str, veil: Veil) -> str:
    return name if name in (FOLLOWS, TAX) else SEVERAL.join(map(veil.id, name.split(SEVERAL)))


def _numbers(impact: Impact, veil: Veil) -> dict[str, str]:
    """What stands for the number of each document: its account and period, and which of several it is."""
    found: dict[tuple[str, str], list[str]] = {}
    for each in sorted((each for section in impact.sections for each in section.documents), key=lambda each: each.number):
        mine = found.setdefault((each.account, each.period), [])
        if each.number not in mine:
            mine.append(each.number)
    return {
        number: f"DRAFT-{veil.name(account)}-{period}{f'-{place}' if len(mine) > 1 else ''}"
        for (account, period), mine in found.items()
        for place, number in enumerate(mine, 1)
    }


def _spelled(words: Iterable[str]) -> re.Pattern[str]:
    """Finds words of letters and digits, with whatever else between these, longer ones first; short ones only where they stand alone."""
    found = [
        spaced if len(word) > 3 and not word.isdigit() else f"(?<![A-Za-z0-9]){spaced}(?![A-Za-z0-9])"
        for word in sorted(words, key=len, reverse=True)
        for spaced in ["[^A-Za-z0-9]*".join(map(re.escape, word))]
    ]
    return re.compile("|".join(found) or "(?!)", re.IGNORECASE)


def _bare(word: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", word).lower()
