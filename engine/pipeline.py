"""The pipeline: collect, rate, assemble, derive, cap, tax, check. Preview, replay and every later question are this one computation."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

import numpy as np
import polars as pl

from engine.activity import Fate, Reject
from engine.arrays import Bools
from engine.bulk.assembled import Assembled, without_zero_lines
from engine.bulk.charges import Rated
from engine.bulk.entries import SCHEMA, entries_of_measured, entries_of_rated, numbered, shared
from engine.bulk.measured import Gathered, MeasuredReadings, read_measured
from engine.bulk.measured_rating import MeasuredRated
from engine.bulk.recurring import fee_activity
from engine.canonical import sha256
from engine.dates import Period
from engine.invoice import LineItem
from engine.problems import InvariantError
from engine.ratebook.book import RuleBook
from engine.steps.assemble import assemble
from engine.steps.cap import capped, ceilings, months_between
from engine.steps.check import check, check_time
from engine.steps.collect import Collected, Readings, read
from engine.steps.derive import derive
from engine.steps.rate import Over, Rater
from engine.steps.tax import taxed

Activity = Mapping[str, "pl.DataFrame | Callable[[], Iterable[pl.DataFrame]]"]
_PARTITION_ROWS = 500_000  # rated at once: the memory that columns in between may take


@dataclass(frozen=True, slots=True)
class Preview:
    """Invoice bodies of a period with all that led to them; `fates` are the rows that are not billed or held.

    `timed` holds the activity that is rated by time, `measured` the rest, by kind; `fees` the charges of fees, which are nobody's rows.
    The charges of `entries` are in this order: timed, measured, fees.
    """

    period: Period
    timed: tuple[tuple[Collected, Rated], ...]
    measured: tuple[tuple[Gathered, MeasuredRated], ...]
    fees: tuple[MeasuredRated, ...]
    entries: pl.DataFrame
    assembled: tuple[Assembled, ...]
    fates: tuple[Fate, ...]

    @property
    def collected(self) -> Collected:
        """The activity of the kind that is rated by time."""
        return self._of_time()[0]

    @property
    def rated(self) -> Rated:
        """The charges of the kind that is rated by time."""
        return self._of_time()[1]

    def _of_time(self) -> tuple[Collected, Rated]:
        if not self.timed:
            raise InvariantError("nothing here is rated by time; this is a fault of the engine")
        return self.timed[0]

    @property
    def rejects(self) -> tuple[Reject, ...]:
        """The rows that could not be read."""
        return tuple(each for collected in self._sources() for each in collected.rejects)

    @property
    def read(self) -> int:
        """How many rows were read."""
        return sum(collected.read for collected in self._sources())

    @property
    def snapshot(self) -> str:
        """The hash of all activity that is billed with the period."""
        return _together([(name, each.snapshot) for name, each in self._named()])

    @property
    def context(self) -> str:
        """The hash of the activity that only feeds sums."""
        return _together([(name, each.context) for name, each in self._named()])

    @property
    def texts(self) -> tuple[bytes, ...]:
        """The canonical texts of the activity, whose hashes the snapshot and the context are."""
        return tuple(text for each in self._sources() for text in (each.snapshot_text, each.context_text))

    def _named(self) -> list[tuple[str, Collected | Gathered]]:
        timed = [(rated.activity.kind, collected) for collected, rated in self.timed]
        return [*timed, *((gathered.measured.kind.kind, gathered) for gathered, _ in self.measured)]

    def _sources(self) -> list[Collected | Gathered]:
        return [each for _, each in self._named()]

    @property
    def billed(self) -> int:
        """How many rows of activity are billed."""
        timed = sum(int(rated.charged.sum()) - len(rated.stopped) for _, rated in self.timed)
        return timed + sum(_billed(gathered, rated) for gathered, rated in self.measured)

    def count(self, fate: str) -> int:
        """How many rows had a fate."""
        if fate == "rejected":
            return sum(each.rejected if isinstance(each, Gathered) else len(each.rejects) for each in self._sources())
        if fate == "elsewhere":
            return sum(each.elsewhere for each in self._sources())
        if fate == "billed":
            return self.billed
        return sum(each.fate == fate for each in self.fates)


def preview(
    rater: Rater, activity: Activity, period: Period, accounts: Collection[str] = (), *, inside: bool = False, partitions: int = 1,
    over: Over | None = None,
) -> Preview:  # fmt: skip
    """The checked invoices of a period from rows of cells by kind of activity: a frame, or a function that gives chunks of one.

    `accounts` (none: all) limits which are billed, never what is judged. `inside` keeps the steps in between, for explanations.
    `partitions` of workers are rated one after the other, or by `over`, which applies a function to them as `map` does; the documents are
    the same.
    """
    return next(previews(rater, activity, [period], accounts, inside=inside, partitions=partitions, over=over))


def previews(
    rater: Rater, activity: Activity, periods: Iterable[Period], accounts: Collection[str] = (), *, inside: bool = False,
    partitions: int = 1, over: Over | None = None,
) -> Iterator[Preview]:  # fmt: skip
    """The previews of several periods, from activity that is read once."""
    rows = read_rows(rater.book, activity)
    for period in periods:
        yield _preview(rater, rows, period, accounts, _How(inside, partitions, over))


def preview_rows(rater: Rater, rows: Rows, period: Period, accounts: Collection[str] = (), *, inside: bool = False) -> Preview:
    """As `preview`, from rows that are read already."""
    return _preview(rater, rows, period, accounts, _How(inside))


def invoices(book: RuleBook, entries: pl.DataFrame, period: Period, accounts: Collection[str]) -> tuple[Assembled, ...]:
    """The checked invoices of charges that are rated already. Refuses accounts that look back at earlier periods."""

    def earlier(account: str, before: Period) -> Sequence[Assembled]:
        raise InvariantError(f"{account}: the invoices of {before.name} are needed, and only those of {period.name} are rated")

    made = assemble(book, entries, period)
    made = tuple(each for account in _accounts(book, made, accounts) for each in _finished(book, made, account, period, earlier))
    check(made, len(entries), book)
    return made


@dataclass(frozen=True, slots=True)
class _How:
    """How a preview is computed; it makes no difference to what is billed."""

    inside: bool = False
    partitions: int = 1
    over: Over | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """All rows as read, by kind; any period can be taken from them."""

    timed: tuple[Readings, ...]
    measured: tuple[MeasuredReadings, ...]


def read_rows(book: RuleBook, activity: Activity) -> Rows:
    """All rows of activity, typed and prescreened, by what the book says of their kinds, sites and items."""
    timed, measured = [], []
    for name, kind in book.kinds.items():
        rows = activity.get(name)
        if kind.rated_by == "time":
            timed.append(read(book, kind, pl.concat(_chunks(rows, kind.kind)) if rows is not None else _no_rows()))
        elif rows is not None:
            measured.append(read_measured(book, kind, partial(_chunks, rows, kind.kind)))
    return Rows(tuple(timed), tuple(measured))


def _chunks(rows: pl.DataFrame | Callable[[], Iterable[pl.DataFrame]], kind: str) -> Iterable[pl.DataFrame]:
    return [rows] if isinstance(rows, pl.DataFrame) else rows()


def _no_rows() -> pl.DataFrame:
    return pl.DataFrame(schema={"file": pl.String, "row": pl.Int64})


def _preview(rater: Rater, rows: Rows, period: Period, accounts: Collection[str], how: _How, *, whole: bool = True) -> Preview:
    """The invoices; unless `whole`, without what looks back at earlier periods, and without tax."""
    book = rater.book
    timed = tuple(_timed(rater, readings, period, accounts, how) for readings in rows.timed)
    measured = tuple(_measured(rater, readings, period, accounts, how) for readings in rows.measured)
    fees = tuple(
        rater.rate_measured(each, _asked(book, each.frame["site"], accounts), period, inside=how.inside)
        for each in fee_activity(book, period)
    )
    parts = [entries_of_rated(book, rated) for _, rated in timed] + [entries_of_measured(book, rated) for _, rated in measured]
    entries = shared(
        book, numbered(pl.concat([pl.DataFrame(schema=SCHEMA), *parts, *(entries_of_measured(book, rated) for rated in fees)]))
    )
    if accounts:
        entries = entries.filter(pl.col("account").is_in(list(accounts)))  # others may pay shares of the same activity
    made = assemble(book, entries, period)
    if whole:

        def earlier(account: str, before: Period) -> Sequence[Assembled]:
            return _preview(rater, rows, before, [account], _How(), whole=False).assembled

        made = tuple(
            each for account in _accounts(book, made, accounts) for each in _finished(book, made, account, period, earlier)
        )
    check(made, len(entries), book)
    for _, rated in timed:
        check_time(rated)
    fates = tuple(
        sorted(
            [each for part in (_fates(book, timed, accounts), _measured_fates(book, measured, accounts)) for each in part],
            key=lambda fate: (fate.file, fate.row),
        )
    )
    found = Preview(period, timed, measured, fees, entries, made, fates)
    _check_counts(found, limited=bool(accounts))
    return found


def _timed(rater: Rater, readings: Readings, period: Period, accounts: Collection[str], how: _How) -> tuple[Collected, Rated]:
    collected = readings.of(period)
    activity = collected.activity
    asked = [not accounts or rater.book.sites[site].account in accounts for site in activity.site.values] or [False]
    mine = np.array(asked, dtype=np.bool_)[activity.site.codes]
    partitions = 1 if how.inside else max(how.partitions, 1 + len(activity) // _PARTITION_ROWS)
    rated = rater.rate(
        activity, collected.charged & mine, period=period, mine=mine, inside=how.inside, partitions=partitions, over=how.over
    )
    return collected, rated


def _measured(
    rater: Rater, readings: MeasuredReadings, period: Period, accounts: Collection[str], how: _How
) -> tuple[Gathered, MeasuredRated]:
    gathered = readings.of(period)
    mine = _asked(rater.book, gathered.measured.frame["site"], accounts)
    return gathered, rater.rate_measured(gathered.measured, mine, period, inside=how.inside)


def _asked(book: RuleBook, sites: pl.Series, accounts: Collection[str]) -> Bools:
    """Which rows belong to the accounts that are asked about, shares at their sites included."""
    if not accounts:
        return np.ones(len(sites), dtype=np.bool_)
    wanted = [site.site for site in book.sites.values() if site.account in accounts]
    wanted += [share.site for share in book.assembly.shares if any(account in accounts for account, _ in share.accounts)]
    return np.asarray(sites.is_in(wanted).to_numpy())


def _accounts(book: RuleBook, made: Sequence[Assembled], accounts: Collection[str]) -> list[str]:
    """The accounts that may have an invoice: those with charges, and those that owe a minimum."""
    there = {each.invoice.account for each in made}
    owing = set(book.accounts) if any(limit.at_least for limit in book.assembly.limits) else set()
    return [name for name in sorted(there | owing) if not accounts or name in accounts]


def _finished(
    book: RuleBook, made: Sequence[Assembled], account: str, period: Period, earlier: Callable[[str, Period], Sequence[Assembled]]
) -> list[Assembled]:
    """The invoices of an account with their derived lines, under its ceilings, and with tax; `earlier` gives those of days before."""
    mine = [each for each in made if each.invoice.account == account]

    def lines(start: date, end: date) -> list[LineItem]:
        before = earlier(account, Period(start, end, f"{start}-to-{end}"))
        return [line for each in before if each.invoice.account == account for line in each.invoice.lines]

    mine = derive(book, account, mine, period, lines)
    for ceiling in ceilings(book, account, period):
        before = sum(
            each.invoice.net for month in months_between(ceiling.start, period.start) for each in earlier(account, month)
        )
        for place, each in enumerate(mine):
            mine[place] = capped(book, each, ceiling, before, period)
            before += each.invoice.net
    if book.assembly.zero_lines == "hide":
        mine = [without_zero_lines(each) for each in mine]
    return [taxed(book, each) for each in mine if each.invoice.lines]


def _fates(book: RuleBook, timed: Sequence[tuple[Collected, Rated]], accounts: Collection[str]) -> list[Fate]:
    found: list[Fate] = []
    for collected, rated in timed:
        activity, places = collected.activity, collected.places
        found += [fate for fate in collected.fates if not accounts or fate.account in accounts]
        found += [
            Fate(
                fate, rule, places["file"][row], places["row"][row], activity.source[row], activity.id[row], int(activity.revision[row]),
                book.sites[activity.site.text(row)].account,
            )
            for row, (fate, rule) in sorted(rated.stopped.items())
        ]  # fmt: skip
    return found


def _measured_fates(book: RuleBook, measured: Sequence[tuple[Gathered, MeasuredRated]], accounts: Collection[str]) -> list[Fate]:
    found: list[Fate] = []
    for gathered, rated in measured:
        found += [fate for fate in gathered.fates if not accounts or fate.account in accounts]
        frame = gathered.measured.frame
        for row, (fate, rule) in sorted(rated.stopped.items()):
            told = frame.row(row, named=True)
            account = book.sites[told["site"]].account
            where = (told["file"], told["row"], told["source"], told["id"], told["revision"], account)
            found += [Fate(fate, rule, *where)] * told["events"]
    return found


def _billed(gathered: Gathered, rated: MeasuredRated) -> int:
    events = gathered.measured.frame["events"]
    stopped = sum(int(events[row]) for row in rated.stopped)
    return int(events.filter(pl.Series(rated.charged)).sum()) - stopped


def _together(hashes: list[tuple[str, str]]) -> str:
    if len(hashes) == 1:
        return hashes[0][1]
    return sha256("".join(f"{name} {each}\n" for name, each in sorted(hashes)).encode())


def _check_counts(found: Preview, *, limited: bool) -> None:
    names = ("rejected", "elsewhere", "not billed", "held", "billed")
    counts = {name: found.count(name) for name in names}
    if not limited and sum(counts.values()) != found.read:
        said = " + ".join(f"{count:,} {name}" for name, count in counts.items())
        raise InvariantError(f"{found.read:,} rows were read, but {said} do not add up to that; this is a fault of the engine")
