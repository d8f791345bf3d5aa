"""The proof of one invoice as files: document, backup rows, activity, arithmetic, and the rule files with what ties them to a commit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from engine.bulk.measured import Gathered
from engine.canonical import Json, canonical_json
from engine.invoice import Document
from engine.pipeline import Preview
from engine.problems import InvariantError
from engine.proof.arithmetic import ProofError, arithmetic
from engine.proof.behind import Key
from engine.proof.citations import Citations
from engine.ratebook.book import RuleBook
from engine.replay import draft_number
from engine.steps.collect import Collected, canonical_columns

Chain = Callable[[Iterable[str]], Mapping[str, bytes]]  # the commit and the trees on the way to some files, by id


@dataclass(frozen=True, slots=True)
class Rules:
    """The rule book of a commit: its files, where it lies in its repository, and what proves it."""

    book: RuleBook
    files: Mapping[str, bytes]
    commit: str
    prefix: str
    chain: Chain


def prove(rules: Rules, preview: Preview, document: Document, sealed: Mapping[str, Json]) -> dict[str, bytes]:
    """The files that prove a document of a preview that was made with its steps kept.

    `sealed` is the seal of the run that is proved: whatever was made now must have been made of the same activity.
    """
    number = document.envelope.number
    assembled = next(each for each in preview.assembled if draft_number(each.invoice, preview.period) == number)
    for name, made in (("snapshot", preview.snapshot), ("context", preview.context)):
        if sealed[name] != made:
            raise ProofError(
                f"{number}: the {name} of its run has hash {sealed[name]}, the activity now read has {made}.\n"
                f"Restore the activity of its sequence in the archive, or replay the period."
            )
    citations = Citations(rules.files)
    made_of = arithmetic(rules.book, preview, assembled, citations)
    cited = citations.files()
    places: dict[str, Json] = {"commit": rules.commit, "prefix": rules.prefix, "places": citations.canonical()}
    return {
        "document.json": canonical_json(document.canonical()) + b"\n",
        "backup.csv": assembled.canonical_backup(),
        "activity.json": canonical_json(_activity(rules.book, preview, made_of.activity)) + b"\n",
        "arithmetic.json": canonical_json(made_of.told) + b"\n",
        "citations.json": canonical_json(places) + b"\n",
        **{f"book/{path}": data for path, data in cited.items()},
        **{f"git/{id_}": data for id_, data in rules.chain(cited).items()},
    }


def _activity(book: RuleBook, preview: Preview, keys: tuple[Key, ...]) -> dict[str, Json]:
    """The kinds of activity with their hashes and columns, and the canonical rows of some activity in the order of the keys."""
    wanted = set(keys)
    found: dict[Key, str] = {}
    kinds: dict[str, Json] = {}
    for kind, columns, source in _kinds(book, preview):
        kinds[kind] = {"snapshot": source.snapshot, "context": source.context, "columns": columns}
        places = [columns.index(name) + 1 for name in ("source", "id")]
        for line in (line for text in (source.snapshot_text, source.context_text) for line in text.decode().split("\n")):
            cells = line.split("|")
            key = (kind, cells[places[0]], cells[places[1]]) if line else ("", "", "")
            if key in wanted:
                found[key] = line
    lost = [key for key in keys if key not in found]
    if lost:
        raise InvariantError(f"{' '.join(lost[0])} is billed and is not in the snapshot; this is a fault of the engine")
    return {"schema": "inforce.proof-activity/1", "kinds": kinds, "rows": [found[key] for key in keys]}


def _kinds(book: RuleBook, preview: Preview) -> Iterator[tuple[str, tuple[str, ...], Collected | Gathered]]:
    """The kinds of activity with the columns of their canonical rows."""
    for collected, rated in preview.timed:
        yield rated.activity.kind, canonical_columns(book.kinds[rated.activity.kind]), collected
    for gathered, _ in preview.measured:
        names = set(gathered.measured.frame.columns) - {"file", "row", "closeout"}
        yield gathered.measured.kind.kind, tuple(sorted(names)), gathered
