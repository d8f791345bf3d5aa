"""What the time of all rows adds up to: what counts, in which window, and which bands are reached (law 5.1 to 5.8, 5.11)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from functools import cached_property

from engine.money import Decimals
from engine.ratebook.book import Accumulator, ActivityKind, Policy, RuleBook, TermValue
from engine.reference.beginnings import Beginnings
from engine.reference.charges import Fate
from engine.reference.clock import Windows
from engine.reference.fates import fate_before_policies
from engine.reference.prices import CannotPriceError
from engine.reference.reading import Row
from engine.reference.shift import Shift
from engine.reference.worked import Tick

Mark = tuple[int, frozenset[str]]
"""An instant of a shift, and the bands of an accumulator that are reached from there on."""
LONGEST_GAP = 48 * 3600
FAR = 72 * 3600
"""No row has time so far from its dating moment."""


@dataclass
class Total:
    """What the time of one shift adds to a window: counted seconds, and the workdays on which there are any."""

    seconds: int = 0
    days: set[date] = field(default_factory=set)


class Sums:
    """The sums over all rows read, computed when they are asked for: what is not asked for is not decided either."""

    def __init__(self, book: RuleBook, kind: ActivityKind, rows: Sequence[Row]) -> None:
        self.book, self.kind, self.rows = book, kind, rows
        self.windows, self.beginnings = Windows(book), Beginnings(book)
        self._shifts: dict[int, Shift] = {}
        self._fates: dict[int, Fate | None] = {}
        self._counted: dict[tuple[str, int], list[tuple[Tick, bool]]] = {}
        self._totals: dict[tuple[str, int, str], dict[int, Total]] = {}
        self._marks: dict[tuple[str, int], list[Mark]] = {}

    # --- rows

    def shift(self, row: Row) -> Shift:
        """A row with its times and terms."""
        if row.number not in self._shifts:
            self._shifts[row.number] = Shift(self.book, self.kind, row, self.windows, self)
        return self._shifts[row.number]

    def fate_before_policies(self, row: Row) -> Fate | None:
        """The fate of a row before any policy is asked."""
        if row.number not in self._fates:
            self._fates[row.number] = fate_before_policies(self.kind, row, self.rows)
        return self._fates[row.number]

    def feeds(self, row: Row) -> bool:
        """Whether the worked time of a row counts anywhere: it is billed as worked, or would be (law 5.1)."""
        return self.fate_before_policies(row) is None and self.shift(row).is_worked()

    def neighbours(self, shift: Shift) -> tuple[int | None, int | None]:
        """The elapsed time since the last worked row of the worker at the site, and until the next (law 5.11)."""
        mine, times = shift.row, shift.times.recorded
        if times is None or not self.feeds(mine):
            return None, None
        near = [row for row in self.rows if row.fate is None and row.at != mine.at and _same(row, mine, ("worker", "site"))]
        before = sorted((row for row in near if row.at < mine.at), key=lambda row: row.rank, reverse=True)
        behind = sorted((row for row in near if row.at > mine.at), key=lambda row: row.rank)
        last = next((self.shift(row).times.recorded for row in before if self.feeds(row)), None)
        following = next((self.shift(row).times.recorded for row in behind if self.feeds(row)), None)
        lengths = (times[0] - last[1] if last is not None else None, following[0] - times[1] if following is not None else None)
        since, until = (length if length is None or length <= LONGEST_GAP else None for length in lengths)
        return since, until

    # --- bands

    def over(self, shift: Shift) -> list[Tick]:
        """All time of a shift, cut where a band is reached, with the bands."""
        return self._cut(shift, [each for each in self.book.accumulators.values() if each.bands])

    def _cut(self, shift: Shift, accumulators: Iterable[Accumulator]) -> list[Tick]:
        """All time of a shift with the bands of some accumulators."""
        marks = [self._marks_of(accumulator, shift) for accumulator in accumulators]
        cuts = [instant for each in marks for instant, _ in each]
        return [
            Tick(
                part.start,
                part.elapsed,
                part.wall,
                part.worked,
                frozenset(band for each in marks for band in _at(each, part.start)),
            )
            for tick in shift.ticks
            for part in tick.cut(shift.site.zone, cuts)
        ]

    def _marks_of(self, accumulator: Accumulator, shift: Shift) -> list[Mark]:
        """Where in a shift the bands reached by an accumulator change."""
        key = (accumulator.accumulator, shift.row.number)
        if key not in self._marks:
            self._marks[key] = list(_changes(self._reached(accumulator, shift)))
        return self._marks[key]

    def _reached(self, accumulator: Accumulator, shift: Shift) -> Iterator[Mark]:
        """The bands reached, tick by tick, in the windows of the shift's own site."""
        site = shift.site.site
        before: dict[int, Total] = {}
        reached: dict[int, set[str]] = {}  # by the wall clock the value can fall again; what is reached in a shift stays so
        for tick, counts in self._counted_in(accumulator, shift):
            begin = self._window(accumulator, site, shift, tick)
            if begin is None:
                yield tick.start, frozenset()
                continue
            if begin not in before:
                before[begin] = self._before(accumulator, shift, begin)
                reached[begin] = set()
            total, terms = before[begin], self.beginnings.terms(site, begin)
            if counts and accumulator.measure == "days":
                total.days.add(self.beginnings.workday(accumulator, site, begin, tick.start))
            for instant, bands in _bands_in(accumulator, terms, total, tick, counts=counts):
                reached[begin] |= bands
                yield instant, frozenset(reached[begin])
            total.seconds += shift.length(tick) if counts else 0

    def _before(self, accumulator: Accumulator, shift: Shift, begin: int) -> Total:
        """What the rows that stand before a shift have added to one of its windows."""
        self.refuse_unknown(accumulator, shift.site.site, begin)
        late = accumulator.late.of(self.beginnings.terms(shift.site.site, begin))
        mine = _order(shift.row, late)
        rows = (row for row in self.alike(accumulator, shift, begin) if _order(row, late) < mine)
        return self.total(accumulator, shift.site.site, begin, rows)

    def total(self, accumulator: Accumulator, site: str, begin: int, rows: Iterable[Row]) -> Total:
        """What some rows have added to a window of a site."""
        total = Total()
        for row in rows:
            found = self._totals_of(accumulator, self.shift(row), site).get(begin)
            if found is not None:
                total = Total(total.seconds + found.seconds, total.days | found.days)
        return total

    def alike(self, accumulator: Accumulator, shift: Shift, begin: int) -> list[Row]:
        """The rows of the key of a shift, itself too, that feed a window of its site: near enough, and in the scope (law 5.5)."""
        end = self.beginnings.after(accumulator, shift.site.site, begin)
        scope = accumulator.scope.of(self.beginnings.terms(shift.site.site, begin))
        return [
            row
            for row in self.rows
            if row.cell("worker") == shift.row.cell("worker")
            and row.at >= begin - FAR
            and (end is None or row.at < end + FAR)
            and self.feeds(row)
            and self._same_unit(accumulator, scope, self.shift(row), shift)
        ]

    def _same_unit(self, accumulator: Accumulator, scope: TermValue, one: Shift, other: Shift) -> bool:
        """Whether two shifts of a worker have one key and are in one scope."""
        if "item" in accumulator.key and one.charged_item != other.charged_item:
            return False
        if "account" in accumulator.key and one.site.account != other.site.account:
            return False
        if scope == "site":
            return one.site.site == other.site.site
        return scope == "agency" or one.site.account == other.site.account

    def refuse_unknown(self, accumulator: Accumulator, site: str, begin: int) -> None:
        """A window that begins before activity is complete has no sum (law 5.8)."""
        known, day = self.book.calendar.activity_from, self.beginnings.day(site, begin)
        if known is not None and day < known:
            raise CannotPriceError(
                f"{accumulator.accumulator} at {site}: the window from {day} begins before {known}, where activity begins"
            )

    # --- what counts

    def _totals_of(self, accumulator: Accumulator, shift: Shift, site: str) -> dict[int, Total]:
        """What a shift adds to each window of a site, by first instant."""
        key = (accumulator.accumulator, shift.row.number, site)
        if key not in self._totals:
            totals = self._totals[key] = dict[int, Total]()
            for tick, counts in self._counted_in(accumulator, shift):
                begin = self._window(accumulator, site, shift, tick) if counts else None
                if begin is not None:
                    total = totals.setdefault(begin, Total())
                    total.seconds += shift.length(tick)
                    if accumulator.measure == "days":
                        total.days.add(self.beginnings.workday(accumulator, site, begin, tick.start))
        return self._totals[key]

    def _window(self, accumulator: Accumulator, site: str, shift: Shift, tick: Tick) -> int | None:
        """The window of a site that holds a tick, by its first instant."""
        at = shift.row.at if self.book.calendar.window_at == "start" else tick.start
        return self.beginnings.at(accumulator, site, at)

    def _counted_in(self, accumulator: Accumulator, shift: Shift) -> list[tuple[Tick, bool]]:
        """All time of a shift, and whether it counts: cut by the bands that what counts depends on, as the shift's own site sees them."""
        key = (accumulator.accumulator, shift.row.number)
        if key not in self._counted:
            name, ticks = accumulator.accumulator, self._cut(shift, self._reads(accumulator))
            self._counted[key] = [(tick, tick.worked and name in shift.counts(tick)) for tick in ticks]
        return self._counted[key]

    def _reads(self, accumulator: Accumulator) -> list[Accumulator]:
        return [each for each in self.book.accumulators.values() if each.accumulator in self._read_by[accumulator.accumulator]]

    @cached_property
    def _read_by(self) -> dict[str, set[str]]:
        """The accumulators whose bands decide what counts for each one; a circle is refused (law 5.2)."""
        policy = self.book.policies.get("counts")
        owner = {band.band: name for name, each in self.book.accumulators.items() for band in each.bands}
        read = {
            name: {owner[band] for band in _bands_read(policy, name)} if policy is not None else set[str]()
            for name in self.book.accumulators
        }
        for name in read:
            reached, waiting = set[str](), list(read[name])
            while waiting:
                other = waiting.pop()
                if other not in reached:
                    reached.add(other)
                    waiting += read[other]
            if name in reached:
                raise CannotPriceError(f"what counts for {name} depends on its own bands")
        return read


def _bands_read(policy: Policy, answer: str) -> set[str]:
    """The bands read by the rules that give an answer, and by those that can override one of them."""
    bearing = {rule.id for rule in policy.rules if rule.answer == answer}
    while more := {rule.id for rule in policy.rules if bearing & set(rule.overrides)} - bearing:
        bearing |= more
    return {
        str(value)
        for rule in policy.rules
        if rule.id in bearing
        for condition in rule.when
        if condition.column == "over"
        for value in condition.values
    }


def _bands_in(accumulator: Accumulator, terms: Mapping[str, TermValue], total: Total, tick: Tick, *, counts: bool) -> list[Mark]:
    """The bands reached in a tick: at its start, and at each instant inside at which another one is (law 5.6)."""
    marks = {tick.start: set[str]()}
    for band in accumulator.bands:
        over = band.over.of(terms)
        limit = over.fraction() if isinstance(over, Decimals) else Fraction(over) if isinstance(over, int) else None
        if limit is None:
            continue
        if accumulator.measure == "days":
            missing = Fraction(0) if len(total.days) > limit else None
        else:
            missing = max(limit - total.seconds, Fraction(0))
        if missing is not None and (missing == 0 or (counts and missing < tick.elapsed)):
            marks.setdefault(tick.start + int(missing), set()).add(band.band)
    return [(instant, frozenset(bands)) for instant, bands in sorted(marks.items())]


def _order(row: Row, late: TermValue) -> tuple[object, ...]:
    """Where a row stands among those of its key: with `append` by closeout first, open rows last (law 5.3)."""
    return ((not row.closeout, row.closeout) if late == "append" else (), *row.rank)


def _same(one: Row, other: Row, columns: Sequence[str]) -> bool:
    return all(one.cell(column) == other.cell(column) for column in columns)


def _changes(marks: Iterable[Mark]) -> Iterator[Mark]:
    """The marks that differ from the one before."""
    last: frozenset[str] | None = None
    for instant, bands in marks:
        if bands != last:
            yield instant, bands
        last = bands


def _at(marks: Sequence[Mark], instant: int) -> frozenset[str]:
    """The bands reached at an instant."""
    return next((bands for since, bands in reversed(marks) if since <= instant), frozenset())
