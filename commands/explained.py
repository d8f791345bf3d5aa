"""A line of a document explained: with the knowledge it was made with, and beside another one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands.corrections import made_again
from commands.opened import AsOf, Opened, Place, open_place, open_workspace, place_of, previews, rule_files
from commands.sealed import versions
from commands.terminal import working

if TYPE_CHECKING:
    from engine.archived import ArchivedDocument
    from engine.crossing import Side
    from engine.dates import Period
    from engine.pipeline import Preview


@dataclass(frozen=True, slots=True)
class _Explained:
    """A line explained: what is told, what it follows from, and where the line is, in the replay and in the archive."""

    told: dict[str, Any]  # Any: plain JSON
    side: Side
    period: Period
    place: tuple[str, int]
    kept: tuple[str, int]


def explained(folder: Path, number: str, line: int, across: AsOf | None) -> dict[str, Any]:  # Any: plain JSON
    """Every step of a line of an archived document; across to another knowledge, what changed between the two."""
    from engine.archived import find_document
    from engine.crossing import crossed

    place = place_of(folder)
    document = find_document(place.archive, number)
    found = _line(place, document, line)
    if across is not None:
        now = open_workspace(folder, across)
        accounts = [document.account] if document.account in now.book.accounts else []
        (other,) = previews(now, [found.period], (), accounts, inside=True)
        found.told["across"] = crossed(found.side, _side(now, other), found.place, found.kept, place.archive)
    return found.told


def _line(place: Place, document: ArchivedDocument, line: int) -> _Explained:
    """A line of a document with the knowledge it was made with; of a line that takes back another, that one."""
    from engine.archived import billed_anew, find_document, kept_line

    kept = kept_line(place.archive, document, line)
    said = {"origin": kept["origin"], "reason": kept["reason"], "corrects": kept["corrects"]} if document.corrects else {}
    if said and kept["origin"] == "reversal":
        other = find_document(place.archive, kept["corrects"]["invoice"])
        found = _line(place, other, kept["corrects"]["line"])
        return replace(found, told={**found.told, "reversed_by": {"document": document.number, "line": line, **said}})
    opened, preview, missing = _made_again(place, document)
    number, there = billed_anew(document, kept, preview) if said else (document.number, line)
    side = _side(opened, preview)
    told = side.origins.with_origins(side.explainer.line(number, there))
    made_with = {
        "commit": document.commit, "sequence": document.sequence, "run": document.run, "period": document.period, "status": document.status,
        "versions": document.seal["versions"], "missing": list(missing),
    }  # fmt: skip
    if said:
        told |= {"document": document.number, "line": line, "body_sha256": document.body, **said}
    return _Explained({**told, "made_with": made_with}, side, preview.period, (number, there), (document.number, line))


def _made_again(place: Place, document: ArchivedDocument) -> tuple[Opened, Preview, tuple[str, ...]]:
    """The period of a document with the knowledge it was made with, as far as that is there, and what is missing of it."""
    from engine.archived import bodies, knowledge_of, prove
    from engine.dates import period_named

    known, missing = knowledge_of(document, place.archive, place.history)
    opened = open_place(place, known)
    with working("making the document again"):
        (preview,) = previews(opened, [period_named(document.period)], (), (document.account,), inside=True)
        if document.corrects:
            made = {number: each.body_sha256() for number, each in made_again(opened, preview, [document]).items()}
        else:
            made = bodies(preview)
    prove(document, made, missing, dict(versions(pdf=False)))
    return opened, preview, missing


def _side(opened: Opened, preview: Preview) -> Side:
    """What follows from a knowledge, and where it comes from."""
    from connectors.files import activity_by_kind
    from engine.crossing import Side
    from engine.explain import Explainer
    from engine.origins import Origins

    history, commit = opened.history, opened.known.commit
    origins = Origins(history, commit, rule_files(opened.space, history, commit))
    rows = activity_by_kind(opened.files(), opened.book.kinds)
    return Side(opened.known, opened.book, rows, Explainer(opened.book, preview), origins)


def lines_of(folder: Path, number: str) -> dict[str, Any]:  # Any: plain JSON
    """The lines of a document as the archive has them."""
    import json

    from engine.archived import find_document
    from engine.money import CURRENCY_DIGITS, decimal_text

    archive = place_of(folder).archive
    body = json.loads(archive.get(find_document(archive, number).body))
    digits = CURRENCY_DIGITS[body["currency"]]
    lines = [
        {
            "line": each["line"], "site": each["section"], "description": each["description"], "quantity": each["quantity"], "unit": each["unit"],
            "price": each["price"], "amount": decimal_text(each["amount"], digits),
        }
        for each in body["lines"]
    ]  # fmt: skip
    return {"schema": "inforce.lines/1", "document": number, "currency": body["currency"], "lines": lines}
