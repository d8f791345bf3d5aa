"""However rows are cut into partitions, chunks and processes, the charges are the same."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta
from functools import cache
from multiprocessing import get_context
from random import Random

import numpy as np
import polars as pl
import pytest

from engine.bulk.charges import Charges, Rated, charges_of
from engine.bulk.prepared import span_of
from engine.dates import parse_period
from engine.pipeline import preview
from engine.ratebook.book import RuleBook
from engine.steps.collect import Collected, collect
from engine.steps.rate import Part, RatedPart, Rater, rate_part
from tests.accumulators.books import DOUBLE, OVERTIME, House, book

DAY_AND_WEEK = """
    format: 1
    kind: accumulators
    accumulators:
      - accumulator: day
        measure: time
        key: [worker]
        window: { each: day, starts: 06:00 }
        scope: { term: overtime-scope }
        bands: [{ band: day-8, over: 8h }]
      - accumulator: seventh
        measure: days
        key: [worker]
        window: { each: week, starts: { term: week-start } }
        scope: agency
        bands: [{ band: day-seven, over: 6 }]
      - accumulator: week
        measure: time
        key: [worker]
        window: { each: week, starts: { term: week-start } }
        scope: { term: overtime-scope }
        bands: [{ band: week-40, over: 40h }]
      - accumulator: guarantee
        measure: time
        key: [worker]
        window: { each: week, starts: { term: week-start } }
        scope: site
        line: { fills-to: 20h, description: "{name}, guaranteed from {from}" }
"""
COUNTS = """
    format: 1
    kind: policy
    decides: counts
    answers: [day, seventh, week, guarantee]
    if-nothing-matches: none
    if-several-match: collect
    rules:
      - { id: day, when: { status: completed }, then: day }
      - { id: seventh, when: { status: completed }, then: seventh }
      - { id: week, when: { status: completed, over: { not: day-8 } }, then: week }
      - { id: guarantee, when: { status: completed }, then: guarantee }
    examples:
      - { name: The ninth hour of a day, given: { status: completed, over: day-8 }, gives: [day, seventh, guarantee] }
"""
APPLY = """
    format: 1
    kind: policy
    decides: premiums
    answers: [overtime, double]
    if-nothing-matches: none
    if-several-match: collect
    rules:
      - { id: over-eight, when: { over: { is: day-8, not: day-seven } }, then: overtime }
      - { id: over-forty, when: { over: { is: week-40, not: [day-8, day-seven] } }, then: overtime }
      - { id: seventh, when: { over: day-seven }, then: double }
    examples:
      - { name: The seventh day, given: { over: [day-seven, day-8] }, gives: double }
"""


@cache
def rules() -> RuleBook:
    houses = [
        House("east", "60.00"),
        House("west", "70.00", "America/Los_Angeles", "overtime-scope: agency, week-start: monday 07:00"),
        House("north", "80.00", "Europe/Berlin", "overtime-scope: account", "abroad"),
        House("south", "90.00", "Asia/Kathmandu", "overtime-scope: account", "abroad"),
    ]
    combine = {
        "rules/combine.yaml": "format: 1\nkind: policy\ndecides: combine\nanswers: [add]\nif-nothing-matches: add\nif-several-match: overrides\nrules: []\nexamples:\n  - { name: Any, given: { status: completed }, gives: add }\n"
    }
    return book(houses, accumulators=DAY_AND_WEEK, counts=COUNTS, apply=APPLY, premiums=(OVERTIME, DOUBLE), more=combine)


def raw() -> pl.DataFrame:
    """Forty nurses at four houses in two months of 2026 with a clock change, six or seven shifts a week each."""
    chance = Random("partitions")
    columns: dict[str, list[str]] = {name.column: [] for name in rules().kinds["shift"].columns}
    for worker in range(40):
        at = datetime(2026, 9, 27, chance.randrange(24), 15 * chance.randrange(4))  # a clock reading
        while at < datetime(2026, 11, 29):
            length = timedelta(minutes=15 * chance.randrange(16, 52))
            row = {
                "id": f"{worker}-{at:%m%dT%H%M}", "site": chance.choice(("east", "west", "north", "south")), "worker": f"w{worker}",
                "item": chance.choice(("RN", "ICU")), "status": chance.choice(("completed",) * 9 + ("no-show",)),
                "start": f"{at:%Y-%m-%dT%H:%M}", "end": f"{at + length:%Y-%m-%dT%H:%M}",
            }  # fmt: skip
            if not row["start"].startswith(("2026-10-25T0", "2026-11-01T0")) and not row["end"].startswith(
                ("2026-10-25T0", "2026-11-01T0")
            ):
                for name, cells in columns.items():
                    cells.append(row.get(name, ""))
            at += timedelta(hours=chance.choice((24, 24, 24, 24, 30, 36)))
    count = len(columns["id"])
    return pl.DataFrame({**columns, "file": ["x.csv"] * count, "row": list(range(count))})


@cache
def months() -> Collected:
    """The same as the activity of October with its context."""
    return collect(rules(), rules().kinds["shift"], raw(), parse_period("2026-10"))


def columns_of(charges: Charges) -> list[tuple[object, ...]]:
    """The charges as plain rows, numbers of price rows and recipes left out."""
    names = ("row", "segment", "basis", "item", "quantity", "price", "price_digits", "day", "start", "end")
    return list(
        zip(
            *(getattr(charges, name).tolist() for name in names),
            charges.component.series().to_list(),
            charges.shown.series().to_list(),
            strict=True,
        )
    )


def rated(partitions: int = 1, processes: int = 0) -> Rated:
    found = months()
    period = parse_period("2026-10")
    if not processes:
        return Rater(rules()).rate(found.activity, found.charged, period=period, partitions=partitions)
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:

        def over(work: object, parts: Iterable[Part]) -> Iterable[RatedPart]:
            assert work is rate_part
            return pool.map(rate_part, parts)

        return Rater(rules()).rate(found.activity, found.charged, period=period, partitions=partitions, over=over)


def test_the_month_reaches_every_band() -> None:
    whole = rated()
    assert {"base", "overtime", "double", "window:guarantee"} == set(whole.charges.component.values)
    assert not whole.charged.all()  # September's last days and November feed or wait


@pytest.mark.parametrize("partitions", [2, 4, 8])
def test_partitions_of_workers_are_no_change(partitions: int) -> None:
    whole, cut = rated(), rated(partitions)
    assert columns_of(cut.charges) == columns_of(whole.charges)
    assert cut.stopped == whole.stopped
    assert np.array_equal(cut.seconds, whole.seconds)


@pytest.mark.slow
def test_two_processes_are_no_change() -> None:
    assert columns_of(rated(4, processes=2).charges) == columns_of(rated().charges)


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
def test_chunks_in_order_of_time_are_no_change(size: int) -> None:
    """Chunks carry only the sums of windows that are still open."""
    rater, activity = Rater(rules()), months().activity
    whole = rater.rate(activity)
    ready = rater.prepare("shift", span_of(rules(), activity))
    blocks, at = [], 0
    chunks = [activity.take(np.arange(first, min(first + size, len(activity)))) for first in range(0, len(activity), size)]
    if size == 1:
        chunks = chunks[:300]
    for streamed in rater.stream(ready, chunks):
        for block in streamed.blocks:
            blocks += [
                (block.component.name, row + at, quantity)
                for row, quantity in zip(block.column("row").tolist(), block.quantity.tolist(), strict=True)
            ]
        at += len(streamed.activity)
    expected = [
        (whole.charges.component.text(n), int(row), int(quantity))
        for n, (row, quantity) in enumerate(zip(whole.charges.row, whole.charges.quantity, strict=True))
        if row < at
    ]
    assert sorted(blocks) == sorted(expected)


def test_the_order_of_rows_is_no_change() -> None:
    rows = raw()
    bodies = [
        [
            each.invoice.body_sha256()
            for each in preview(Rater(rules()), {"shift": some}, parse_period("2026-10"), partitions=cut).assembled
        ]
        for some, cut in ((rows, 1), (rows.sample(fraction=1, shuffle=True, seed=3), 1), (rows.reverse(), 4))
    ]
    assert bodies[0] == bodies[1] == bodies[2]
    assert len(bodies[0]) == 3


def test_the_order_of_blocks_is_no_change() -> None:
    found = months()
    rater = Rater(rules())
    ready = rater.prepare("shift", span_of(rules(), found.activity))
    streamed = rater.partition(ready, found.activity)
    item = ready.item_of[found.activity.item.codes]
    forward, backward = (charges_of(blocks, item, 2) for blocks in (streamed.blocks, list(reversed(streamed.blocks))))
    assert columns_of(forward) == columns_of(backward)
