"""What a run did, for a terminal: documents with their totals, and what became of every row of activity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from engine.invoice import Document
from engine.money import CURRENCY_DIGITS, decimal_text
from engine.pipeline import Preview

_SHOWN = 5


def render_summary(preview: Preview, made: Sequence[Document]) -> str:
    """A table of documents and an account of the rows: read = billed + not billed + held + rejected + of other periods."""
    width = max([len(document.envelope.number) for document in made] + [8])
    heads = f"{'document':<{width}}  {'lines':>5}  {'rows':>6}  {'total':>14}"
    lines = [heads if made else "no document: no row of activity is billed in this period"]
    for document in made:
        body = document.invoice
        lines.append(
            f"{document.envelope.number:<{width}}  {len(body.lines):>5}  {body.backup.rows:>6,}  {body.money(body.total):>14} {body.currency}"
        )
    for currency, (total, digits, count) in sorted(_totals(made).items()):
        said = f"{count} documents" if count != 1 else "1 document"
        lines.append(f"{said:<{width}}  {'':>5}  {'':>6}  {decimal_text(total, digits, grouped=True):>14} {currency}")
    lines += ["", _rows(preview)]
    for fate in ("held", "not billed"):
        reasons = Counter(each.rule for each in preview.fates if each.fate == fate)
        if reasons:
            lines.append(
                f"{fate}: "
                + ", ".join(f"{count:,} {rule}" for rule, count in sorted(reasons.items(), key=lambda r: (-r[1], r[0])))
            )
    rejects = preview.rejects
    if rejects:
        lines.append(f"rejected: {len(rejects):,}")
        lines += [f"  {reject}" for reject in rejects[:_SHOWN]]
        if len(rejects) > _SHOWN:
            lines.append(f"  and {len(rejects) - _SHOWN:,} more (rejected.csv lists all)")
    return "\n".join(lines)


def render_months(summaries: Sequence[Mapping[str, Any]]) -> str:  # Any: plain JSON
    """A line for each of several periods: documents, rows and totals; then their sums."""
    lines = [f"{'period':<10}  {'documents':>9}  {'read':>10}  {'billed':>9}  {'held':>6}  {'rejected':>8}  {'total':>17}"]
    sums: Counter[str] = Counter()
    for each in summaries:
        totals = Counter[str]()
        for document in each["documents"]:
            totals[document["currency"]] += document["total"]
        sums += totals
        rows = each["rows"]
        counts = f"{rows['read']:>10,}  {rows['billed']:>9,}  {rows['held']:>6,}  {rows['rejected']:>8,}"
        begin = f"{each['period']['name']:<10}  {len(each['documents']):>9,}  {counts}"
        for currency, amount in sorted(totals.items()) or [("", 0)]:
            lines.append(f"{begin}  {_money(amount, currency):>17} {currency}" if currency else begin)
            begin = " " * len(begin)
    said = f"{len(summaries)} periods"
    lines += [f"{said:<62}  {_money(amount, currency):>17} {currency}" for currency, amount in sorted(sums.items())]
    return "\n".join(lines)


def _money(amount: int, currency: str) -> str:
    return decimal_text(amount, CURRENCY_DIGITS[currency], grouped=True)


def _totals(made: Sequence[Document]) -> dict[str, tuple[int, int, int]]:
    totals: dict[str, tuple[int, int, int]] = {}
    for document in made:
        body = document.invoice
        total, _, count = totals.get(body.currency, (0, body.digits, 0))
        totals[body.currency] = (total + body.total, body.digits, count + 1)
    return totals


def _rows(preview: Preview) -> str:
    read = preview.read
    parts = [f"{preview.count(fate):,} {fate}" for fate in ("billed", "not billed", "held", "rejected")]
    elsewhere = preview.count("elsewhere")
    return f"{read:,} rows read: " + ", ".join(parts) + (f", {elsewhere:,} of other periods" if elsewhere else "")
