"""The pipeline: collect, rate, assemble, check. Preview, replay and every later question are this one computation."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import polars as pl

from engine.activity import Fate
from engine.bulk.assembled import Assembled
from engine.bulk.charges import Rated
from engine.dates import Period
from engine.problems import InvariantError
from engine.steps.assemble import assemble
from engine.steps.cap import capped, ceilings, months_between
from engine.steps.check import check
from engine.steps.collect import Collected, Readings, read
from engine.steps.rate import Over, Rater

_PARTITION_ROWS = 500_000  # rated at once: the memory that columns in between may take


@dataclass(frozen=True, slots=True)
class Preview:
    """Invoice bodies of a period with all that led to them; `fates` are the rows that are not billed or held."""

    period: Period
    collected: Collected
    rated: Rated
    assembled: tuple[Assembled, ...]
    fates: tuple[Fate, ...]

    @property
    def billed(self) -> int:
        """How many rows of activity are billed."""
        return int(self.rated.charged.sum()) - len(self.rated.stopped)

    def count(self, fate: str) -> int:
        """How many rows had a fate."""
        named = {"rejected": len(self.collected.rejects), "elsewhere": self.collected.elsewhere, "billed": self.billed}
        return named[fate] if fate in named else sum(each.fate == fate for each in self.fates)


def preview(
    rater: Rater, kind: str, raw: pl.DataFrame, period: Period, accounts: Collection[str] = (), *, inside: bool = False, partitions: int = 1,
    over: Over | None = None,
) -> Preview:  # fmt: skip
    """The checked invoices of a period. `accounts` (none: all) limits which are billed, never what is judged.

    `inside` keeps the steps in between, for explanations. `partitions` of workers are rated one after the other, or by `over`, which
    applies a function to them as `map` does; the documents are the same.
    """
    return _preview(rater, read(rater.book, rater.book.kinds[kind], raw), period, accounts, _How(inside, partitions, over))


@dataclass(frozen=True, slots=True)
class _How:
    """How a preview is computed; it makes no difference to what is billed."""

    inside: bool = False
    partitions: int = 1
    over: Over | None = None


def _preview(
    rater: Rater, readings: Readings, period: Period, accounts: Collection[str], how: _How, *, cap: bool = True
) -> Preview:
    book = rater.book
    collected = readings.of(period)
    activity, places, charged = collected.activity, collected.places, collected.charged
    asked = [not accounts or book.sites[site].account in accounts for site in activity.site.values] or [False]
    mine = np.array(asked, dtype=np.bool_)[activity.site.codes]
    partitions = 1 if how.inside else max(how.partitions, 1 + len(activity) // _PARTITION_ROWS)
    rated = rater.rate(
        activity, charged & mine, period=period, mine=mine, inside=how.inside, partitions=partitions, over=how.over
    )
    assembled = assemble(book, rated, period)
    if cap:
        assembled = tuple(_capped(rater, readings, each, period) for each in assembled)
    check(assembled, rated, book.rounding.amount)
    stopped = [
        Fate(
            fate,
            rule,
            places["file"][row],
            places["row"][row],
            activity.source[row],
            activity.id[row],
            int(activity.revision[row]),
            book.sites[activity.site.text(row)].account,
        )
        for row, (fate, rule) in sorted(rated.stopped.items())
    ]
    early = [fate for fate in collected.fates if not accounts or fate.account in accounts]
    fates = tuple(sorted([*early, *stopped], key=lambda fate: (fate.file, fate.row)))
    found = Preview(period, collected, rated, assembled, fates)
    _check_counts(found, limited=bool(accounts))
    return found


def _capped(rater: Rater, readings: Readings, assembled: Assembled, period: Period) -> Assembled:
    """An invoice under the ceilings of its account; what was charged before is rated again, month by month."""
    account = assembled.invoice.account
    for ceiling in ceilings(rater.book, account, period):
        before = sum(
            each.invoice.net
            for month in months_between(ceiling.start, period.start)
            for each in _preview(rater, readings, month, [account], _How(), cap=False).assembled
        )
        assembled = capped(rater.book, assembled, ceiling, before, period)
    return assembled


def _check_counts(found: Preview, *, limited: bool) -> None:
    names = ("rejected", "elsewhere", "not billed", "held", "billed")
    counts = {name: found.count(name) for name in names}
    if not limited and sum(counts.values()) != found.collected.read:
        said = " + ".join(f"{count:,} {name}" for name, count in counts.items())
        raise InvariantError(
            f"{found.collected.read:,} rows were read, but {said} do not add up to that; this is a fault of the engine"
        )
