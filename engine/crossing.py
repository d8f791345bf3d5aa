"""A line under two knowledges: as it was made, as it would be made otherwise, what changed between, and what corrected it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import polars as pl

from engine.archived import find_document
from engine.bulk.assembled import MADE, Assembled
from engine.bulk.issued_invoice import read_issued
from engine.canonical import Json
from engine.causes import Concern, Moved, bears_on, first_dated, moved_rows, reaches, row_ids
from engine.corrections import standing_lines
from engine.crossing_on_day import bearing
from engine.explain import Explainer
from engine.explain_rules import NOT_RECORDED, why
from engine.invoice import LineItem
from engine.issued import issued
from engine.knowledge import Knowledge
from engine.money import CURRENCY_DIGITS, decimal_text
from engine.origins import Origins
from engine.ports import Archive
from engine.ratebook.book import RuleBook
from engine.ratebook.changes import Change
from engine.ratebook.difference import difference
from engine.ratebook.in_force import ALWAYS
from engine.ratebook.reach import Books

Place = tuple[str, int]  # a document and a line
Stood = tuple[Place, LineItem]  # a line as it was issued
Found = tuple[str, LineItem, Assembled]  # a line under the other knowledge, with its document
Rows = Mapping[str, "pl.DataFrame | Callable[[], Iterable[pl.DataFrame]]"]


@dataclass(frozen=True, slots=True)
class Side:
    """One of two knowledges: the rule book, the activity by kind, the explanations that follow from them, and where its places come from."""

    known: Knowledge
    book: RuleBook
    rows: Rows
    explainer: Explainer
    origins: Origins


def crossed(then: Side, now: Side, place: Place, kept: Place, archive: Archive) -> dict[str, Any]:
    """What becomes of a line under another knowledge: of the line at `place` in the replay then, which the archive has at `kept`."""
    document = then.explainer.documents[place[0]]
    mine, rows = _line(document, place[1]), _rows(document, place[1])
    account, digits = document.invoice.account, document.invoice.digits
    others = [
        (number, each, assembled)
        for number, assembled in now.explainer.documents.items()
        for each in assembled.invoice.lines
        if assembled.invoice.account == account
    ]
    of_key = [found for found in others if found[1].key == mine.key]
    together, same = _moved_lines((kept, mine), _beside(document, place, kept, archive), of_key)
    left = row_ids([rows]) - row_ids(_rows(assembled, each.line) for _, each, assembled in of_key)
    moved_to = [found for found in others if left & row_ids([_rows(found[2], found[1].line)]) and not _is_made(rows)]
    concern = _concern(document, mine, rows, [_rows(assembled, each.line) for _, each, assembled in same])
    lines = [now.explainer.line(number, each.line) for number, each, _ in same]
    changes = [each for each in difference(then.book, now.book).changes if reaches(each.reach, concern)]
    if now.known.day is not None:
        elsewhere = [now.explainer.line(number, each.line) for number, each, _ in moved_to]
        changes = bearing(
            changes, Books(then.book, now.book), concern, [then.explainer.line(*place), *lines, *elsewhere], (then.rows, now.rows)
        )
    before, amount = sum(each.amount for _, each in together), sum(each.amount for _, each, _ in same)
    corrections = corrections_of(archive, [issued_at for issued_at, _ in together])
    corrected = sum(int(each["minor"]) for each in corrections)
    return {
        "known": str(now.known),
        "commit": now.known.commit,
        "sequence": now.known.sequence,
        "at": str(now.known.day) if now.known.day is not None else None,
        "lines": [_without_always(now.origins.with_origins(each)) for each in lines],
        "rows_now_on": [_told((number, each.line), each, digits) for number, each, _ in moved_to],
        "amount": decimal_text(amount, digits),
        "difference": decimal_text(amount - before, digits),
        "together": [_told(issued_at, each, digits) for issued_at, each in together if issued_at != kept],
        "changes": [_change(now, each) for each in changes],
        "activity": _activity(then, now, concern),
        "corrected_by": corrections,
        "corrected": decimal_text(corrected, digits),
        "agrees": before + corrected == amount,
    }


def _beside(document: Assembled, place: Place, kept: Place, archive: Archive) -> list[Stood]:
    """The lines of one key that stood beside a line: of its own document, or, if that is a correction, of all that was issued by then."""
    key = _line(document, place[1]).key
    if place == kept:
        return [((place[0], each.line), each) for each in document.invoice.lines if each.key == key and each.line != place[1]]
    correction = find_document(archive, kept[0])
    before = [
        read_issued(each.number, archive.get(each.body), archive.get(each.backup))
        for each in issued(archive, correction.period)
        if each.account == correction.account and each.run <= correction.run
    ]
    return [(at, line) for at, line in standing_lines(before).items() if line.key == key and at != kept]


def _moved_lines(mine: Stood, beside: Sequence[Stood], after: Sequence[Found]) -> tuple[list[Stood], list[Found]]:
    """Of the lines of one key those that have no equal under the other knowledge, on both sides; a line that has one is alone with it.

    The price is not in the key, so a month with two prices has two lines of it, and only what is not equal became something else.
    """
    left = list(after)
    moved = []
    for stood in (mine, *beside):
        equal = next((found for found in left if _figures(found[1]) == _figures(stood[1])), None)
        if equal is not None and stood is mine:
            return [mine], [equal]
        if equal is not None:
            left.remove(equal)
        else:
            moved.append(stood)
    return moved, left


def _figures(line: LineItem) -> tuple[Fraction, Fraction, int, int | None]:
    return line.quantity.fraction(), line.price.fraction(), line.amount, line.tax


def corrections_of(archive: Archive, places: Iterable[Place]) -> list[dict[str, Any]]:
    """The issued lines that correct some lines, and those that correct their corrections, in the order in which they were issued."""
    mine = set(places)
    found: list[dict[str, Any]] = []
    for period in archive.periods():
        for _, manifest in archive.runs(period):
            if not manifest.get("corrects") or manifest["status"] != "issued":
                continue
            for document in manifest["documents"]:
                body = json.loads(archive.get(document["body"]))
                digits = CURRENCY_DIGITS[body["currency"]]
                for each in body["lines"]:
                    corrects = each["corrects"]
                    if corrects is None or (corrects["invoice"], corrects["line"]) not in mine:
                        continue
                    if each["origin"] == "rebill":
                        mine.add((document["number"], each["line"]))
                    found.append(
                        {
                            "document": document["number"], "line": each["line"], "origin": each["origin"], "minor": each["amount"],
                            "amount": decimal_text(each["amount"], digits), "reason": each["reason"],
                        }
                    )  # fmt: skip
    return found


def _line(assembled: Assembled, line: int) -> LineItem:
    return next(each for each in assembled.invoice.lines if each.line == line)


def _rows(assembled: Assembled, line: int) -> pl.DataFrame:
    return assembled.backup.filter(pl.col("line") == line)


def _is_made(rows: pl.DataFrame) -> bool:
    return any(name.startswith(MADE) for name in rows["component"])


def _concern(document: Assembled, line: LineItem, rows: pl.DataFrame, others: Sequence[pl.DataFrame]) -> Concern:
    invoice = document.invoice
    days = [day for each in (rows, *others) for day in each["service_day"]]
    return Concern(
        invoice.account, line.section, line.item, first_dated(line.service_from, [rows, *others]),
        max([line.service_to, *(line.service_to.fromisoformat(day) for day in days)]), invoice.start, invoice.end, _is_made(rows),
        row_ids([rows]), row_ids(others),
        frozenset(name for each in (rows, *others) for name in each["worker"] if name),
    )  # fmt: skip


def _told(place: Place, line: LineItem, digits: int) -> dict[str, Json]:
    return {
        "document": place[0], "line": place[1], "description": line.description, "quantity": str(line.quantity), "price": str(line.price),
        "amount": decimal_text(line.amount, digits),
    }  # fmt: skip


def _without_always(told: object) -> object:
    """An explanation from a book in force on one day: its rates are named without a day, since each holds on all of them."""
    if isinstance(told, dict):
        return {name: _without_always(each) for name, each in told.items()}
    if isinstance(told, list):
        return [_without_always(each) for each in told]
    return told.removesuffix(f"@{ALWAYS}") if isinstance(told, str) else told


def _change(now: Side, change: Change) -> dict[str, Any]:
    """A change of the rule book, with the commit that made it; which commit removed an entry is not looked for."""
    place = change.after
    origin = now.origins.of(str(place)) if place is not None else {"commit": None, "approval": NOT_RECORDED}
    provenance = change.provenance
    return {
        **change.canonical(), "retroactive": provenance.retroactive, **why(provenance), **origin,
        "origin": now.origins.commit_told(str(origin["commit"])) if origin.get("commit") else None,
    }  # fmt: skip


def _activity(then: Side, now: Side, concern: Concern) -> list[dict[str, Json]]:
    """The rows of activity that came, went or say something else, as far as they bear on the line."""
    accounts = {site.site: site.account for book in (then.book, now.book) for site in book.sites.values()}
    sums = bool(now.book.accumulators) or any(table.over != "activity" for table in now.book.tables.values())
    frames = [{kind: rows for kind, rows in side.rows.items() if isinstance(rows, pl.DataFrame)} for side in (then, now)]
    found = moved_rows(frames[0], frames[1], accounts)
    return [_moved(each) for each in found if bears_on(each, concern, sums=sums)]


def _moved(moved: Moved) -> dict[str, Json]:
    kind, source, name = moved.row
    return {
        "what": moved.what, "kind": kind, "source": source, "id": name, "worker": moved.worker, "says": moved.says, "file": moved.source,
        "reason": moved.reason, "by": moved.approved,
    }  # fmt: skip
