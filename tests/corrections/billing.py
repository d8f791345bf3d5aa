"""Issued documents for tests, without an archive: what was billed is kept as the bytes that an archive would keep."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

from engine.bulk.assembled import Assembled
from engine.bulk.issued_invoice import IssuedInvoice, read_issued
from engine.canonical import canonical_json
from engine.causes import Causes, rows_compared
from engine.corrections import Correction, corrections
from engine.invoice import LineItem
from engine.pipeline import Preview
from engine.replay import draft_number


@dataclass(slots=True)
class Books:
    """What was issued of one period, in order."""

    issued: list[IssuedInvoice] = field(default_factory=list)

    def issue(self, preview: Preview) -> None:
        """Issues the invoices of a preview."""
        for each in preview.assembled:
            self.issued.append(kept(draft_number(each.invoice, preview.period), each))

    def correct(
        self, preview: Preview, causes: Causes = rows_compared, credit_notes: Sequence[str] = ()
    ) -> tuple[Correction, ...]:
        """Issues the corrections that bring what was issued to a preview."""
        made = corrections(self.issued, preview.assembled, preview.period, causes, credit_notes)
        self.issued += [kept(each.number, each.assembled) for each in made]
        return made


def kept(number: str, assembled: Assembled) -> IssuedInvoice:
    """The document as it comes back from its bytes."""
    return read_issued(number, canonical_json(assembled.invoice.canonical()), assembled.canonical_backup())


def standing(issued: Sequence[IssuedInvoice]) -> dict[str, Counter[Hashable]]:
    """By account, the lines that stand: every issued line, less those that a reversal names."""
    lines = {(each.number, line.line): (each.invoice.account, line) for each in issued for line in each.invoice.lines}
    gone = [line.corrects for _, line in lines.values() if line.origin == "reversal"]
    assert len(gone) == len(set(gone))
    found: dict[str, Counter[Hashable]] = {}
    for place, (account, line) in lines.items():
        if line.origin != "reversal" and place not in gone and line.origin != "manual":
            found.setdefault(account, Counter())[figures(line)] += 1
    return found


def replayed(preview: Preview) -> dict[str, Counter[Hashable]]:
    """By account, the lines of a preview."""
    found: dict[str, Counter[Hashable]] = {}
    for each in preview.assembled:
        found.setdefault(each.invoice.account, Counter()).update(map(figures, each.invoice.lines))
    return found


def figures(line: LineItem) -> Hashable:
    return line.key, line.quantity.fraction(), line.price.fraction(), line.amount, line.tax


def sums(invoices: Sequence[Assembled], of: Callable[[Assembled], dict[Hashable, int]]) -> dict[Hashable, int]:
    """Figures of invoices added up by account and whatever names them; what comes to nothing is left out."""
    found: Counter[Hashable] = Counter()
    for each in invoices:
        for name, figure in of(each).items():
            found[each.invoice.account, name] += figure
    return {name: figure for name, figure in found.items() if figure}


def totals(each: Assembled) -> dict[Hashable, int]:
    """Total, and base and tax of each category of tax."""
    found: dict[Hashable, int] = {"total": each.invoice.total}
    for tax in each.invoice.taxes:
        category = tax.tax_class, tax.name, tax.rate, tax.reason, tax.included
        found[*category, "base"], found[*category, "tax"] = tax.base, tax.tax
    return found
