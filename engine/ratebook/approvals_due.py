"""Approvals: whether prices were approved in time, and entries that do not say why they stand or who approved them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from engine.dates import DateError, parse_day
from engine.problems import Problem, Source
from engine.ratebook.approvals import Approvals
from engine.ratebook.book import Provenance, RuleBook


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the book that somebody answers for: what it is in words, from which day on it holds, and for which account alone."""

    name: str
    start: date | None
    provenance: Provenance
    source: Source
    account: str = ""


def approval_findings(book: RuleBook) -> Iterator[Problem]:
    """Entries approved after they began, and prices of an account approved later than its notice period allows."""
    opened = {
        account.account: min((day for site in account.sites for day, _ in site.geo), default=date.min)
        for account in book.accounts.values()
    }
    for entry in entries_of(book):
        approved = _day(entry.provenance.on)
        if approved is None or entry.start is None or entry.provenance.retroactive:
            continue
        if approved > entry.start:
            said = f"{entry.name} holds from {entry.start} and was approved {(approved - entry.start).days} days later, on {approved}"
            remedy = "Correct one of the days, or say why: `retroactive: { reason: ... }`"
            yield Problem("R093", entry.source, said, remedy, "warning")
        elif entry.account and entry.start > opened[entry.account]:
            notice = book.accounts[entry.account].notice_days
            if entry.start - approved < timedelta(notice):
                said = (
                    f"{entry.name} holds from {entry.start} and was approved on {approved}, {(entry.start - approved).days} days before; "
                    f"account {entry.account} has a notice of {notice} days"
                )
                remedy = (
                    f"Let it begin on or after {approved + timedelta(notice)}, or say why not: `retroactive: {{ reason: ... }}`"
                )
                yield Problem("R092", entry.source, said, remedy, related=((book.accounts[entry.account].source, "the account"),))


def lack(entry: Entry) -> Problem | None:
    """What an entry does not say of its reason and its approver, as a warning; whoever asks says how grave that is."""
    lacks = [word for word, said in (("reason", entry.provenance.reason), ("approver", entry.provenance.by)) if not said]
    if not lacks:
        return None
    said = f"{entry.name} has no {' and no '.join(lacks)}"
    remedy = "Add " + " and ".join("`reason:`" if word == "reason" else "`approved: { by, on, ref }`" for word in lacks)
    return Problem("R094", entry.source, said, remedy, "warning")


def unknown_approvers(book: RuleBook, approvals: Approvals | None) -> Iterator[Problem]:
    """Approvers of entries who are not among the declared people, each at the first entry of theirs."""
    if approvals is None:
        return
    by_name: dict[str, list[Entry]] = {}
    for entry in entries_of(book):
        if entry.provenance.by:
            by_name.setdefault(entry.provenance.by, []).append(entry)
    for name, entries in by_name.items():
        if approvals.person(name) is None:
            others = len(entries) - 1
            also = f" (and {others} more {'entry' if others == 1 else 'entries'})" if others else ""
            said = f"{entries[0].name} was approved by `{name}`{also}, who is not among the people"
            yield Problem("R104", entries[0].source, said, approvals.hint(name))


def entries_of(book: RuleBook) -> Iterator[Entry]:
    """Every price, override, terms entry, rule, formula version, premium and cap of the book."""
    for table in book.tables.values():
        for row in table.rows.values():
            account = row.key.get("account") or (book.sites[row.key["site"]].account if "site" in row.key else "")
            for price in row.prices:
                yield Entry(f"the price {row.id}", price.start, price.provenance, price.source, account)
    for override in book.overrides():
        yield Entry(f"override {override.id}", override.start, override.provenance, override.source, override.account)
    levels = [("the default terms", book.default_terms)]
    levels += [(f"the terms of account {each.account}", each.terms) for each in book.accounts.values()]
    levels += [(f"the terms of site {each.site}", each.terms) for each in book.sites.values()]
    for name, terms in levels:
        for each in terms:
            yield Entry(f"{name} from {each.start}", each.start, each.provenance, each.source)
    for policy in book.policies.values():
        for rule in policy.rules:
            yield Entry(f"rule {rule.id} of `{policy.slot}`", rule.start, rule.provenance, rule.source)
    for formula in book.formulas.values():
        for version in formula.versions:
            yield Entry(f"version {version.version} of {formula.formula}", version.start, version.provenance, version.source)
    for premium in book.premiums.values():
        yield Entry(f"premium {premium.premium}", None, premium.provenance, premium.source)
    for cap in book.caps:
        for limit in cap.limits:
            yield Entry(f"a limit of cap {cap.cap}", None, limit.provenance, limit.source)


def _day(text: str) -> date | None:
    try:
        return parse_day(text) if text else None
    except DateError:
        return None
