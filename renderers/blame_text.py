"""What an entry of the rule book has touched, for a terminal and for a spreadsheet."""

from __future__ import annotations

from engine.backup import csv_text
from engine.blame import Blame, Touched
from engine.money import decimal_text
from renderers.characters import spreadsheet_text

_COLUMNS = (
    "document", "line", "period", "account", "site", "item", "description", "rows", "of_rows", "quantity", "unit", "amount", "line_amount",
    "currency", "origin", "corrects",
)  # fmt: skip


def render_blame(blame: Blame) -> str:
    """The lines with what was touched of each, and the totals."""
    said = [f"{what} {name}   {place}" for (what, name), place in blame.entries]
    if not blame.lines:
        return "\n".join([*said, "", "touched no line of any document"])
    names = [f"{each.document}#{each.line}" for each in blame.lines]
    quantities = [f"{each.quantity} {each.unit}" for each in blame.lines]
    amounts = [decimal_text(each.amount, each.digits, grouped=True) for each in blame.lines]
    wide = [max(map(len, column)) for column in (names, quantities, amounts)]
    rows = []
    for each, name, quantity, amount in zip(blame.lines, names, quantities, amounts, strict=True):
        whole = decimal_text(each.line_amount, each.digits, grouped=True)
        part = "" if each.amount == each.line_amount else f" of {whole}"
        figures = f"{quantity:>{wide[1]}}  {amount:>{wide[2]}} {each.currency}{part}"
        rows.append(f"{name:<{wide[0]}}  {figures}   {each.site}   {each.description}{_correction(each)}")
    totals = [
        f"{decimal_text(each.amount, each.digits, grouped=True)} {each.currency} on {each.lines} line{'' if each.lines == 1 else 's'}: "
        f"{each.share} of {decimal_text(each.billed, each.digits, grouped=True)} {each.currency} billed"
        for each in blame.totals
    ]
    return "\n".join([*said, "", *rows, "", *totals])


def _correction(line: Touched) -> str:
    """What a line of a correction does."""
    of = _corrects(line)
    if line.origin == "reversal":
        return f"   correction: takes back {of}"
    return f"   correction: {f'instead of {of}' if of else 'billed for the first time'}" if line.origin == "rebill" else ""


def _corrects(line: Touched) -> str:
    return f"{line.corrects[0]}#{line.corrects[1]}" if line.corrects is not None else ""


def blame_csv(blame: Blame) -> str:
    """The lines as CSV."""
    told = [{**each.canonical(), "corrects": _corrects(each)} for each in blame.lines]
    return csv_text([_COLUMNS, *([_cell(each[name]) for name in _COLUMNS] for each in told)]).decode()


def _cell(value: object) -> str:
    text = str(value)
    return text if text.lstrip("-").replace(".", "", 1).isdigit() else spreadsheet_text(text)
