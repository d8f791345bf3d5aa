"""A period corrected: what the archive says was issued and with which knowledge, what has changed since, and the corrections."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

import polars as pl

from engine.bulk.assembled import Assembled
from engine.bulk.issued_invoice import IssuedInvoice, read_issued
from engine.canonical import Json
from engine.causes import Cause, Causes, Concern, Origin, causes_of, moved_rows
from engine.corrections import Corrected, Correction, corrections
from engine.dates import Period
from engine.invoice import Document, Seal
from engine.issued import IssuedDocument, check_sealed, issued, issued_accounts
from engine.origins import Origins
from engine.pipeline import Preview
from engine.ports import Archive
from engine.problems import InforceError
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


def standing_before(archive: Archive, period: str, run: int, accounts: Collection[str]) -> Standing:
    """What stood as issued when a run of corrections was made, for some accounts of that run."""
    asked = dict(archive.runs(period))[run]["accounts"]
    documents = [each for each in issued(archive, period) if each.run < run and (not asked or each.account in asked)]
    known = {each.account: (each.commit, each.sequence) for each in documents}
    return Standing(tuple(_read(archive, each) for each in documents if each.account in accounts), frozenset(accounts), known)


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
    files = now.history.files_at(now.commit) if now.history is not None and now.commit is not None else {}
    origins = Origins(now.history, now.commit, files)
    sums = bool(now.book.accumulators) or any(table.over != "activity" for table in now.book.tables.values())

    @cache
    def since(known: Since) -> Causes:
        commit, sequence = known
        changes = difference(book_at(commit), now.book).changes if commit is not None else ()
        moved = moved_rows(_frames(rows_at(sequence)), _frames(now.rows), accounts) if sequence is not None else ()
        return causes_of(changes, moved, partial(origin_since, origins, commit), sums=sums)

    return since


def _frames(rows: Rows) -> dict[str, pl.DataFrame]:
    """The rows of kinds that are not summed before they are rated: of the others no row stands behind a line."""
    return {kind: frame for kind, frame in rows.items() if isinstance(frame, pl.DataFrame)}


def origin_since(origins: Origins, before: str | None, change: Change) -> Origin | None:
    """The commits since `before` that changed an entry, who wrote them and who approved them; None where that cannot be told."""
    history, commit, place = origins.history, origins.commit, change.after or change.before
    if history is None or commit is None or before is None or place is None:
        return None
    since = history.commits_between(before, commit, place.path)
    told = origins.of(str(place)) if change.after is not None else {}
    of_entry = {*_texts(told.get("commit")), *_texts(told.get("entry_changed_in"))}
    # which of several commits took a line away is not guessed
    found = [each for each in since if each in of_entry] or (since if len(since) == 1 else [])
    records = [origins.commit_told(each) for each in found]
    authors, approved = (
        ", ".join(dict.fromkeys(name for each in records for name in _texts(each[word]))) for word in ("author", "approved_by")
    )
    return Origin(tuple(found), authors, approved) if found else None


def _texts(told: Json) -> list[str]:
    return [told] if isinstance(told, str) else [str(each) for each in told] if isinstance(told, Sequence) else []


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
