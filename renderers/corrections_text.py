"""Corrections for a terminal: each line that was issued otherwise, what it was and is, and why; and what comes of it for each account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from textwrap import wrap

from engine.causes import Cause
from engine.corrections import Correction
from engine.dates import Period
from engine.money import decimal_text
from renderers.characters import visible

_WIDTH = 110
_FIGURE = 13
_LINES = 9
_ISSUED = 10
_CAUSE = 7
_WHAT = _WIDTH - _LINES - _ISSUED - 3 * (_FIGURE + 1) - _CAUSE - 2


def render_corrections(made: Sequence[Correction], period: Period, known: str) -> str:
    """The table, with the causes numbered below it; one sentence where nothing is to be corrected."""
    if not made:
        return f"{period.name}: nothing to correct. What was issued is what is known now ({known})."
    causes = {cause: place for place, cause in enumerate(dict.fromkeys(_causes(made)), start=1)}
    lines = [f"{period.name}, from what was issued to what is known now ({known})", ""]
    for each in made:
        lines += [*_document(each, causes), ""]
    for cause, place in causes.items():
        lines += wrap(
            visible(_because(cause)),
            _WIDTH,
            initial_indent=f"{f'[{place}]':<6}",
            subsequent_indent=" " * 6,
            break_on_hyphens=False,
        )
    return "\n".join([*lines, "", *_totals(made)])


def _causes(made: Sequence[Correction]) -> Iterator[Cause]:
    for each in made:
        for part in each.corrected:
            yield from part.causes


def _document(correction: Correction, causes: Mapping[Cause, int]) -> Iterator[str]:
    invoice = correction.invoice
    yield f"{correction.number}{'  credit note' if invoice.kind == 'credit-note' else ''}"
    yield _row("  line", "issued", "", ("was", "is", "difference"), "cause")
    stem = correction.number.rpartition("-C")[0]
    for part in correction.corrected:
        figures = (invoice.money(part.was), invoice.money(part.now), _signed(part.now - part.was, invoice.digits))
        issued = [f"{number.removeprefix(stem).removeprefix('-')}#{line}" for number, line in part.corrects] or ["-"]
        numbers = [f"[{causes[cause]}]" for cause in part.causes]
        only = f" (tax {_signed(part.tax, invoice.digits)})" if part.tax and part.was == part.now else ""
        what = visible(f"{part.section}, {part.description}{only}")
        yield from _rows(f"  {_numbers(part.lines)}", issued, what, figures, numbers)
    if invoice.tax:
        yield _row("", "", "tax", ("", "", _signed(invoice.tax, invoice.digits)), "")
    yield _row("", "", "total", ("", "", _signed(invoice.total, invoice.digits)), invoice.currency)


def _rows(lines: str, issued: Sequence[str], what: str, figures: tuple[str, str, str], causes: Sequence[str]) -> Iterator[str]:
    """A row, and as many below it as its cells need."""
    columns = (
        wrap(" ".join(issued), _ISSUED - 1, break_long_words=False, break_on_hyphens=False), wrap(what, _WHAT), wrap(" ".join(causes), _CAUSE),
    )  # fmt: skip
    for place, (number, text, cause) in enumerate(zip_longest(*columns, fillvalue="")):
        yield _row("" if place else lines, number, text, ("", "", "") if place else figures, cause)


def _row(lines: str, issued: str, what: str, figures: tuple[str, str, str], cause: str) -> str:
    told = " ".join(f"{text:>{_FIGURE}}" for text in figures)
    return f"{lines:<{_LINES}}{issued:<{_ISSUED}}{what:<{_WHAT}} {told}  {cause}".rstrip()


def _because(cause: Cause) -> str:
    """A cause with where it stands, which commit made it, and who approved it."""
    commits = ", ".join(commit[:12] for commit in cause.commits)
    named = f", commit{'s' if len(cause.commits) > 1 else ''} {commits} by {cause.author}" if commits else ""
    approved = cause.approved or ("not recorded" if commits else "")
    told = (
        f"{cause.kind} {cause.id} {cause.says}",
        cause.reason,
        f"{cause.source}{named}",
        f"approval: {approved}" if approved else "",
    )
    return "; ".join(" ".join(text.split()) for text in told if text)


def _totals(made: Sequence[Correction]) -> Iterator[str]:
    totals: dict[tuple[str, str, int], int] = {}
    for each in made:
        key = each.invoice.account, each.invoice.currency, each.invoice.digits
        totals[key] = totals.get(key, 0) + each.invoice.total
    width = max(len(account) for account, _, _ in totals)
    for (account, currency, digits), total in totals.items():
        yield f"{account:<{width}}  {_signed(total, digits):>{_FIGURE}} {currency}"


def _numbers(lines: Sequence[int]) -> str:
    return str(lines[0]) if len(lines) == 1 else f"{lines[0]}-{lines[-1]}"


def _signed(minor: int, digits: int) -> str:
    return ("+" if minor > 0 else "") + decimal_text(minor, digits, grouped=True)
