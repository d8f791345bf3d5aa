"""A period corrected: what the archive says was issued and with which knowledge, what has changed since, and the corrections."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from engine.bulk.assembled import Assembled
from engine.bulk.issued_invoice import IssuedInvoice, read_issued
from engine.canonical import Json
from engine.causes import Causes
from engine.corrections import Corrected, Correction, corrections
from engine.dates import Period
from engine.invoice import Document, Seal
from engine.issued import IssuedDocument, check_sealed, issued, issued_accounts
from engine.pipeline import Preview
from engine.ports import Archive
from engine.problems import InforceError
from engine.ratebook.book import RuleBook
from engine.replay import archive_run

SCHEMA = "inforce.corrections/1"
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
    made: list[Correction] = []
    credit_notes = {name for name, account in book.accounts.items() if account.credit_notes}
    covered = [each for each in replayed if there.covers(each.invoice.account)]
    accounts = sorted({each.invoice.account for each in there.invoices} | {each.invoice.account for each in covered})
    earliest = min(there.known.values(), key=lambda since: since[1] or 0, default=(None, None))
    for account in accounts:
        mine = [each for each in there.invoices if each.invoice.account == account]
        wanted = [each for each in covered if each.invoice.account == account]
        made += corrections(mine, wanted, period, causes_since(there.known.get(account, earliest)), credit_notes)
    return tuple(made)


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
        "causes": [cause.canonical() for cause in part.causes],
    }
