"""Rating: what must hold whatever the rules say, and the stops that protect money."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from engine.arrays import ints
from engine.pipeline import preview
from engine.problems import InvariantError
from engine.ratebook import resolver
from engine.ratebook.policies import DecisionMismatchError
from engine.ratebook.resolver import Decision, Slot
from engine.steps.check import check
from engine.steps.rate import Rater
from tests.steps.test_collect import OCTOBER, book, october
from tests.workspaces import completed

ROWS = [
    completed(f"s{day}", f"2026-10-{day:02}T18:52", f"2026-10-{day + 1:02}T07:10", charge_nurse="yes") for day in range(1, 29)
]


def test_a_planted_difference_between_the_two_resolvers_stops_the_run() -> None:
    def wrong(slot: Slot, bits: int) -> Decision:
        decision = resolver.resolve(slot, bits)
        return replace(decision, answers=("none",)) if slot.name == "billable" else decision

    rater = Rater(book(), reference=wrong)
    raw = october(*ROWS)
    with pytest.raises(DecisionMismatchError, match="billable"):
        rater.rate(raw.rated.activity)


def test_durable_rules_decides_once_for_each_signature_however_many_shifts() -> None:
    asked = []
    for rows in (ROWS, [row | {"id": f"{row['id']}-{n}", "worker": f"w{row['id']}-{n}"} for row in ROWS for n in range(9)]):
        rater = Rater(book())
        rater.rate(october(*rows).rated.activity)
        asked.append(rater.decider.asked)
    assert asked[0] == asked[1]


@pytest.mark.parametrize("column", ["at", "day"])
def test_rows_out_of_order_or_of_another_type_are_refused_at_the_border(column: str) -> None:
    activity = october(*ROWS).rated.activity
    with pytest.raises(InvariantError, match="order"):
        Rater(book()).rate(activity.take(np.arange(len(activity))[::-1]))
    with pytest.raises(InvariantError, match="not whole numbers"):
        Rater(book()).rate(replace(activity, **{column: getattr(activity, column).astype(np.float64)}))


def test_twice_the_same_row_is_refused_at_the_border() -> None:
    activity = october(*ROWS).rated.activity
    with pytest.raises(InvariantError, match="strictly increasing"):
        Rater(book()).rate(activity.take(ints([0, 1, 1, 2])))


def test_a_planted_cent_is_found_before_anything_is_written() -> None:
    found = october(*ROWS)
    body = found.assembled[0].invoice
    line = replace(body.lines[0], amount=body.lines[0].amount + 1)
    planted = replace(found.assembled[0], invoice=replace(body, lines=(line, *body.lines[1:])))
    with pytest.raises(InvariantError, match=r"acme, line 1: its quantity x price make .*\(-0\.01 apart\)"):
        check([planted], len(found.entries), book())


def test_a_charge_that_is_lost_or_doubled_is_found() -> None:
    found = october(*ROWS)
    whole, *others = found.assembled
    check([whole, *others], len(found.entries), book())
    with pytest.raises(InvariantError, match="billed 2 times instead of once"):
        check([replace(whole, claims=np.r_[whole.claims, whole.claims[:1]]), *others], len(found.entries), book())
    with pytest.raises(InvariantError, match="billed 0 times instead of once"):
        check([replace(whole, claims=whole.claims[1:]), *others], len(found.entries), book())


def test_adding_a_rule_that_never_applies_moves_no_body() -> None:
    """An irrelevant rule changes the book's meaning and not the invoice's identity."""
    from engine.ratebook.build import build
    from tests.sample_book import sample_files, sample_texts

    more = sample_texts()["rules/premiums-that-apply.yaml"].replace(
        "rules:\n", "rules:\n  - { id: never, when: { in: night, status: no-show }, then: night }\n"
    )
    other = build(sample_files(**{"rules/premiums-that-apply.yaml": more}))
    assert other.meaning != book().meaning
    raw = raw_of(ROWS)
    first, second = (preview(Rater(each), {"shift": raw}, OCTOBER) for each in (book(), other))
    assert [each.invoice.body_sha256() for each in first.assembled] == [each.invoice.body_sha256() for each in second.assembled]


def raw_of(rows: list[dict[str, str]]) -> pl.DataFrame:
    names = [column.column for column in book().kinds["shift"].columns]
    cells = {name: [row.get(name, "") for row in rows] for name in names}
    return pl.DataFrame({**cells, "file": ["shifts.csv"] * len(rows), "row": list(range(2, len(rows) + 2))})


def test_the_first_day_of_the_terms_is_billed() -> None:
    rows = [completed("a", "2024-01-01T07:00", "2024-01-01T15:00")]
    from engine.dates import parse_period

    found = preview(Rater(book()), {"shift": raw_of(rows)}, parse_period("2024-01"))
    assert found.billed == 1


def test_the_canonical_backup_is_the_same_by_rows_and_by_columns() -> None:
    from engine.backup import canonical_backup
    from engine.invoice import Envelope, Party

    whole = october(*ROWS).assembled[0]
    document = whole.document(Envelope("X", Party("a"), Party("b")), {})
    assert canonical_backup(document.backup) == whole.canonical_backup()


@pytest.mark.parametrize("column", ["quantity", "price"])
def test_charges_and_segments_are_checked_at_their_borders(column: str) -> None:
    whole = october(*ROWS).rated
    rated = Rater(book()).rate(whole.activity, inside=True)
    assert rated.inside is not None
    charges = rated.charges
    with pytest.raises(InvariantError, match=f"charges: column '{column}' is float64"):
        replace(charges, **{column: getattr(charges, column).astype(np.float64)}).check()
    with pytest.raises(InvariantError, match=r"charges: the key \(row, segment, component\) is not strictly increasing"):
        replace(charges, row=charges.row[::-1]).check()
    with pytest.raises(InvariantError, match=r"segments: the key \(row, segment\) is not strictly increasing"):
        replace(rated.inside.parts, segment=rated.inside.parts.segment * 0, row=rated.inside.parts.row * 0).check()
