"""A period corrected: what the archive says was issued and with which knowledge, what has changed since, and the corrections."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import polars as pl

from engine.bulk.assembled import Assembled
from engine.bulk.issued_invoice import IssuedInvoice, read_issued
from engine.canonical import Json
from engine.causes import Cause, Causes, Concern, Origin, causes_of, moved_rows
from engine.corrections import Corrected, Correction, corrections
from engine.dates import Period
from engine.invoice import Document, Seal
from engine.issued import IssuedDocument, check_sealed, issued, issued_accounts
from engine.pipeline import Preview
from engine.ports import Archive
from engine.problems import InforceError, Source
from engine.ratebook.book import RuleBook
from engine.ratebook.changes import Change
from engine.ratebook.difference import difference
from engine.ratebook.history import History
from engine.replay import archive_run

SCHEMA = "inforce.corrections/1"
Rows = Mapping[str, "pl.DataFrame | Callable[[], Iterable[pl.DataFrame]]"]
Since = tuple[str | None, int | None]  # the commit and the sequence that were known


class NothingIssuedError(InforceError):
    """There is nothing to correct, since nothing was issued."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What was issued of a period: documents in their order, the accounts that are issued (None: all), and what each was last made with."""

    invoices: tuple[IssuedInvoice, ...]
    accounts: frozenset[str] | None
    known: Mapping[str, Since]

    def covers(self, account: str) -> bool:
        """Whether the invoices of an account are issued; one that had no charges has none."""
        return self.accounts is None or account in self.accounts


def standing(archive: Archive, period: Period, accounts: Collection[str] = ()) -> Standing:
    """What was issued of a period, for some accounts (none: all); refuses a period of which nothing was."""
    documents = [each for each in issued(archive, period.name) if not accounts or each.account in accounts]
    covered = issued_accounts(archive, period.name)
    if accounts:
        covered = frozenset(accounts) if covered is None else covered & frozenset(accounts)
    if covered is not None and not covered:
        raise NothingIssuedError(
            f"{period.name}: no invoice{' of these accounts' if accounts else ''} is issued, so there is nothing to correct.\n"
            f"`inforce replay {period.name} --issue` marks invoices as issued."
        )
    known = {each.account: (each.commit, each.sequence) for each in documents}  # the last one counts
    return Standing(tuple(_read(archive, each) for each in documents), covered, known)


def _read(archive: Archive, document: IssuedDocument) -> IssuedInvoice:
    return read_issued(document.number, archive.get(document.body), archive.get(document.backup))


def correct(
    there: Standing, replayed: Sequence[Assembled], period: Period, book: RuleBook, causes_since: Callable[[Since], Causes]
) -> tuple[Correction, ...]:
    """The corrections that bring what was issued to a replay by `book`; `causes_since` says why, by what was known before."""
    credit_notes = {name for name, account in book.accounts.items() if account.credit_notes}
    earliest = min(there.known.values(), key=lambda since: since[1] or 0, default=(None, None))

    def causes(concern: Concern) -> tuple[Cause, ...]:
        return causes_since(there.known.get(concern.account, earliest))(concern)

    covered = [each for each in replayed if there.covers(each.invoice.account)]
    return corrections(there.invoices, covered, period, causes, credit_notes)


@dataclass(frozen=True, slots=True)
class Now:
    """What is known now: the rule book, its commit (None: files that are in none), the history it is part of, and rows of activity by kind."""

    book: RuleBook
    commit: str | None
    history: History | None
    rows: Rows


def causes_since(now: Now, book_at: Callable[[str], RuleBook], rows_at: Callable[[int], Rows]) -> Callable[[Since], Causes]:
    """Why lines are corrected, by what was known when they were issued; each knowledge is compared with the present one once."""
    accounts = {site.site: site.account for site in now.book.sites.values()}
    sums = bool(now.book.accumulators) or any(table.over != "activity" for table in now.book.tables.values())

    @cache
    def since(known: Since) -> Causes:
        commit, sequence = known
        changes = difference(book_at(commit), now.book).changes if commit is not None else ()
        moved = moved_rows(_frames(rows_at(sequence)), _frames(now.rows), accounts) if sequence is not None else ()
        return causes_of(changes, moved, Origins(now, commit), sums=sums)

    return since


def _frames(rows: Rows) -> dict[str, pl.DataFrame]:
    """The rows of kinds that are not summed before they are rated: of the others no row stands behind a line."""
    return {kind: frame for kind, frame in rows.items() if isinstance(frame, pl.DataFrame)}


class Origins:
    """Finds the commits since `before` that changed an entry, who wrote them, and who approved them by their trailers."""

    def __init__(self, now: Now, before: str | None) -> None:
        self._now, self._before = now, before

    def __call__(self, change: Change) -> Origin | None:
        """The origin of a change; None where nothing is known of it."""
        history, commit, place = self._now.history, self._now.commit, change.after or change.before
        if history is None or commit is None or self._before is None or place is None:
            return None
        since = history.commits_between(self._before, commit, place.path)
        of_entry = set(self._of_entry(history, commit, place)) if change.after is not None else set()
        # which of several commits took a line away is not guessed
        found = [each for each in since if each in of_entry] or (since if len(since) == 1 else [])
        if not found:
            return None
        told = history.records(found)
        approved = dict.fromkeys(name for each in told for name in each.says("Approved-by"))
        return Origin(tuple(found), ", ".join(dict.fromkeys(each.author for each in told)), ", ".join(approved))

    @cache  # noqa: B019 - lives as long as one question
    def _blamed(self, history: History, commit: str, path: str) -> tuple[list[str], list[str]]:
        return history.commits_of_lines(commit, path), (history.read_at(commit, path) or b"").decode(
            "utf-8", "replace"
        ).splitlines()

    def _of_entry(self, history: History, commit: str, place: Source) -> list[str]:
        """The commits of the lines of an entry: its first, and those below it that are indented deeper; at the left margin the whole file."""
        commits, lines = self._blamed(history, commit, place.path)
        first = place.line - 1
        if place.column <= 1 or not 0 <= first < len(lines):
            return commits
        own, end = _indent(lines[first]), first + 1
        while end < len(lines) and (not lines[end].strip() or _indent(lines[end]) > own):
            end += 1
        return commits[first:end]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def record(
    archive: Archive, preview: Preview, made: Sequence[Correction], documents: Sequence[Document], sealed: Seal, accounts: Sequence[str]
) -> int:  # fmt: skip
    """Keeps corrections as an issued run of their period; returns its number."""
    check_sealed(sealed)
    told = [{"document": each.number, **_corrected(part)} for each in made for part in each.corrected]
    return archive_run(
        archive,
        replace(preview, assembled=tuple(each.assembled for each in made)),
        documents,
        sealed,
        accounts,
        issue=True,
        corrected=told,
    )


def canonical(made: Sequence[Correction], period: Period) -> dict[str, Json]:
    """The corrections as canonical JSON; amounts are minor units."""
    totals: dict[tuple[str, str], int] = {}
    for each in made:
        key = each.invoice.account, each.invoice.currency
        totals[key] = totals.get(key, 0) + each.invoice.total
    return {
        "schema": SCHEMA,
        "period": {"name": period.name, "from": period.start.isoformat(), "to": period.end.isoformat()},
        "documents": [
            {
                "number": each.number, "kind": each.invoice.kind, "account": each.invoice.account, "split": each.invoice.split,
                "currency": each.invoice.currency, "net": each.invoice.net, "tax": each.invoice.tax, "total": each.invoice.total,
                "body_sha256": each.invoice.body_sha256(), "corrected": [_corrected(part) for part in each.corrected],
            }
            for each in made
        ],
        "accounts": [{"account": account, "currency": currency, "total": total} for (account, currency), total in totals.items()],
    }  # fmt: skip


def _corrected(part: Corrected) -> dict[str, Json]:
    return {
        "lines": list(part.lines),
        "corrects": [{"invoice": number, "line": line} for number, line in part.corrects],
        "site": part.section,
        "description": part.description,
        "was": part.was,
        "is": part.now,
        "difference": part.now - part.was,
        "tax": part.tax,
        "causes": [cause.canonical() for cause in part.causes],
    }
