"""Measured activity to charges: which price holds for each row, and what its pricing model makes of the quantity.

Everything is whole numbers. A *point* is a price in force with all that made it; rows are rated point by point. What counts over a window
(tiers, packages, allowances) is cut where the running sum of an account and item crosses a bound, in order of the dating moments.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
import polars as pl

from engine.activity import FateName
from engine.arrays import Bools, Ints, ints, rounded_down, share_out
from engine.bulk.measured import Measured, quantity_digits
from engine.bulk.prepared import RatingError
from engine.bulk.pricing import NoRateError, Rate, RateFinder
from engine.bulk.timeline import Timelines, timelines
from engine.dates import Period, day_number, day_of
from engine.money import CURRENCY_DIGITS, Decimals, rounded
from engine.problems import InvariantError
from engine.ratebook.book import Item, RateTable, RuleBook
from engine.ratebook.models import Over, Scheme, Tier
from engine.ratebook.policies import Decider
from engine.ratebook.resolver import Decision
from engine.ratebook.slots import CompiledSlot, holds

OTHERWISE = "otherwise"
EACH = "each"
_SECONDS = {"second": 1, "minute": 60, "hour": 3600}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_PIECES_MAX = 10_000  # of one row in windows; more is a mistyped length


@dataclass(frozen=True, slots=True)
class Point:
    """A price in force: the rate, the factors that multiply it, and the price they make, in units of 10**-`digits`."""

    table: RateTable
    item: Item
    site: str
    rate: Rate
    factors: tuple[Rate, ...]
    price: Decimals
    scheme: Scheme
    window: str = ""


@dataclass(frozen=True, slots=True)
class MeasuredRated:
    """The charges of measured activity, as a frame in no order; `row` numbers the activity, `point` the prices (-1: none).

    Columns: row, segment, component, note, quantity, quantity_digits, unit, price, price_digits, item, day, text (the template of the
    description with all but `{listed}` filled in), origin, start, end, point. `stopped` gives the fate and rule of rows that are not billed,
    `decided[slot]` for each row which decision it got, and the decisions. `charged` are the rows that may have charges.
    `running`, kept for those who ask why, holds for each row or piece whose price counts over a window: row, segment, the quantity before
    it in the window, its own, and the number of the window.
    """

    measured: Measured
    charges: pl.DataFrame
    points: tuple[Point, ...]
    stopped: Mapping[int, tuple[FateName, str]]
    decided: Mapping[str, tuple[Ints, tuple[Decision, ...]]]
    charged: Bools
    running: pl.DataFrame | None = None


class MeasuredRating:
    """Rates the measured activity of one kind with one rule book."""

    def __init__(self, book: RuleBook, slots: Mapping[str, CompiledSlot], decider: Decider) -> None:
        self.book, self.slots, self.decider = book, slots, decider

    def rate(self, measured: Measured, mine: Bools, period: Period, *, inside: bool = False) -> MeasuredRated:
        """The charges of the rows that are charged and `mine`, and of windows that end in the period."""
        return _Rating(self, measured, mine, period, inside).rated()


@dataclass(slots=True)
class _Rows:
    """Rows, or pieces of rows, to be priced: columns of equal length."""

    row: Ints
    segment: Ints
    day: Ints
    quantity: Ints
    start: Ints
    end: Ints
    window: Sequence[str]
    point: Ints

    def __len__(self) -> int:
        return len(self.row)


@dataclass(slots=True)
class _Rating:
    rating: MeasuredRating
    measured: Measured
    mine: Bools
    period: Period
    keep: bool
    points: list[Point] = field(default_factory=list)
    blocks: list[pl.DataFrame] = field(default_factory=list)
    decided: dict[str, tuple[Ints, tuple[Decision, ...]]] = field(default_factory=dict)
    running: list[pl.DataFrame] = field(default_factory=list)

    @property
    def book(self) -> RuleBook:
        """The rule book."""
        return self.rating.book

    def rated(self) -> MeasuredRated:
        """All charges."""
        frame, kind = self.measured.frame, self.measured.kind
        billed, stopped, items = self._decided()
        self.items = items
        self.accounts = self._accounts()
        wanted = billed & self.mine
        if kind.rated_by == "line":
            self._lines(np.flatnonzero(wanted & self.measured.charged))
        else:
            self._priced(wanted)
        charges = pl.concat(self.blocks) if self.blocks else _empty()
        self._check_claims(charges, wanted & self.measured.charged)
        mine = {row: fate for row, fate in stopped.items() if self.mine[row] and self.measured.charged[row]}
        if len(frame) != len(billed):
            raise InvariantError("rows were lost while policies decided; nothing was written")
        running = pl.concat(self.running) if self.running else None
        return MeasuredRated(
            self.measured, charges, tuple(self.points), mine, self.decided, self.measured.charged & self.mine, running
        )

    def _accounts(self) -> Ints:
        sites = {site.site: number for number, site in enumerate(self.book.sites.values())}
        owner = sorted(self.book.accounts)
        numbers = [owner.index(site.account) for site in self.book.sites.values()]
        at = self.measured.frame["site"].replace_strict(list(sites), list(sites.values()), return_dtype=pl.Int64).to_numpy()
        return ints(numbers)[at] if len(at) else ints([])

    def _check_claims(self, charges: pl.DataFrame, charged: Bools) -> None:
        """Every billed row is claimed; volume prices claim a row on the invoice of the window's end."""
        claimed = np.zeros(len(charged), dtype=np.bool_)
        claimed[charges["row"].to_numpy()] = True
        waits = np.zeros(len(charged), dtype=np.bool_)
        waits[self.waiting] = True
        lost = charged & ~claimed & ~waits
        if bool(lost.any()):
            row = int(np.flatnonzero(lost)[0])
            raise InvariantError(
                f"{self.measured.frame['id'][row]} has no charge; this is a fault of the engine, nothing was written"
            )

    waiting: Ints = field(default_factory=lambda: ints([]))
    items: pl.Series = field(default_factory=lambda: pl.Series([], dtype=pl.String))
    accounts: Ints = field(default_factory=lambda: ints([]))

    # --- policies

    def _decided(self) -> tuple[Bools, dict[int, tuple[FateName, str]], pl.Series]:
        """Which rows are billed, why the others are not, and as which item each is charged."""
        frame, kind = self.measured.frame, self.measured.kind
        billed = np.ones(len(frame), dtype=np.bool_)
        stopped: dict[int, tuple[FateName, str]] = {}
        items = frame["item"]
        for slot in (f"billable of {kind.kind}", f"item of {kind.kind}"):
            if slot not in self.rating.slots or not len(frame):
                continue
            numbers, answers = self._answers(slot, items)
            if slot.startswith("billable"):
                for number, (answer, rule) in enumerate(answers):
                    if answer == "none":
                        rows = np.flatnonzero(numbers == number)
                        billed[rows] = False
                        stopped |= dict.fromkeys(rows.tolist(), ("not billed", rule))
            else:
                said = pl.Series([answer for answer, _ in answers], dtype=pl.String).gather(numbers)
                items = pl.select(pl.when(said == "as-worked").then(items).otherwise(said).alias("item")).to_series()
        return billed, stopped, items

    def _answers(self, slot: str, items: pl.Series) -> tuple[Ints, list[tuple[str, str]]]:
        """The number of the answer of each row, and the answers with the rule that gave them; one decision for each distinct case."""
        frame, compiled = self.measured.frame, self.rating.slots[slot]
        atoms = compiled.atoms
        read = sorted({each.column for each in atoms if hasattr(each, "column")})
        columns = [name for name in read if name in frame.columns and name not in ("site", "item")]
        cases = frame.select("site", "day", *columns).with_columns(item=items).with_row_index("n")
        names = ["site", "day", "item", *columns]
        number = cases.select(pl.struct(names).rank("dense").cast(pl.Int64).alias("case") - 1)["case"]
        distinct = cases.with_columns(case=number).unique("case").sort("case")
        numbered: dict[tuple[str, str], int] = {}
        told: list[int] = []
        decisions: list[Decision] = []
        for row in distinct.iter_rows(named=True):
            day = day_of(row["day"])
            facts: dict[str, object] = {name: self._fact(name, row[name]) for name in columns}
            facts |= {"site": row["site"], "item": row["item"], "account": self.book.sites[row["site"]].account}
            terms = self.book.terms_on(row["site"], day)
            bits = sum(holds(atom, facts, terms, day) << place for place, atom in enumerate(atoms))
            decision = self.rating.decider.decide(slot, bits)
            decisions.append(decision)
            standing = [rule for rule in decision.fired if rule not in decision.beaten]
            answer = (decision.answers[0], ", ".join(standing) or "otherwise")
            told.append(numbered.setdefault(answer, len(numbered)))
        cases_of_rows = ints(number.to_numpy())
        self.decided[slot] = (cases_of_rows, tuple(decisions))
        return ints(told)[cases_of_rows], list(numbered)

    def _fact(self, column: str, value: str) -> object:
        kinds = {each.column: each.type for each in self.measured.kind.columns}
        if kinds.get(column) in ("whole", "minutes") and value:
            return int(value)
        return value

    # --- lines made elsewhere

    def _lines(self, rows: Ints) -> None:
        frame = self.measured.frame
        amounts = frame["amount"].to_numpy()[rows].astype(np.int64)
        sign = np.where(amounts < 0, -1, 1)
        texts = frame["description"].gather(rows).to_list() if "description" in frame.columns else [""] * len(rows)
        names = [
            text or self.book.items[item].name for text, item in zip(texts, frame["item"].gather(rows).to_list(), strict=True)
        ]
        digits = self._currency_digits(rows)
        self._charge(
            rows, np.zeros(len(rows), dtype=np.int64), "line", "external", ints(sign), 0, EACH, ints(np.abs(amounts)), digits,
            self.items.gather(rows), names, origin="external",
        )  # fmt: skip

    def _currency_digits(self, rows: Ints) -> Ints:
        owner = sorted(self.book.accounts)
        digits = ints([CURRENCY_DIGITS[self.book.accounts[name].currency] for name in owner])
        return digits[self.accounts[rows]] if len(rows) else ints([])

    # --- prices

    def _priced(self, wanted: Bools) -> None:
        """Prices all rows that are wanted, context too, for it feeds the running sums."""
        rows = np.flatnonzero(wanted)
        if not len(rows):
            return
        frame = self.measured.frame
        quantity = frame["quantity" if self.measured.kind.rated_by == "quantity" else "amount"].to_numpy()[rows].astype(np.int64)
        at = frame["at"].to_numpy()[rows].astype(np.int64)
        zero = np.zeros(len(rows), dtype=np.int64)
        all_rows = _Rows(rows, zero, frame["day"].to_numpy()[rows].astype(np.int64), quantity, at, at, [""] * len(rows), zero - 1)
        finder = RateFinder(self.book, (), (), int(all_rows.day.min()) - 1, int(all_rows.day.max()) + 1)
        split = self._in_windows(all_rows, finder)
        for mine, table in split:
            self._by_model(mine, table)

    def _in_windows(self, rows: _Rows, finder: RateFinder) -> list[tuple[_Rows, RateTable]]:
        """The rows by the table that prices them, each with its point; those priced by windows in pieces."""
        found = []
        names = self.items.gather(rows.row)
        tables = pl.Series([self.book.items[name].table for name in names.unique().sort().to_list()], dtype=pl.String)
        for name in tables.unique().sort().to_list():
            table = self.book.tables[name]
            items = [item.item for item in self.book.items.values() if item.table == name]
            some = np.flatnonzero(names.is_in(items).to_numpy())
            mine = self._needed(_take(rows, some), table)
            if not len(mine):
                continue
            self._check_unit(table, mine)
            if "window" in table.facets:
                mine = self._pieces(mine, table, finder)
                mine.point = self._points(mine, table, finder)
            else:
                points = self._points(mine, table, finder)
                mine = replace(mine, point=points, quantity=self._billed(mine, table, points))
            found.append((mine, table))
        return found

    def _needed(self, rows: _Rows, table: RateTable) -> _Rows:
        """The rows that a price is asked for: those that are charged, and those before the period in a window that it goes on with."""
        charged = self.measured.charged[rows.row]
        begins = day_number(window_start(self.period.start, table.over))
        return _take(rows, np.flatnonzero(charged | ((rows.day >= begins) & (table.over != "activity"))))

    def _check_unit(self, table: RateTable, rows: _Rows) -> None:
        kind = self.measured.kind
        by_amount = table.model in ("percentage", "pass-through")
        row = int(rows.row[0])
        what = f"{kind.kind} {self.measured.frame['id'][row]}: {self.items[row]} is priced by `{table.table}` ({table.source})"
        if by_amount != (kind.rated_by == "amount"):
            word = "an amount of money" if by_amount else f"a quantity in {table.unit}"
            raise RatingError(
                f"{what}, which needs {word}, and {kind.kind} is rated by {kind.rated_by}.\nGive the item another table."
            )
        fits = kind.unit == table.unit or (kind.unit in _SECONDS and table.unit in _SECONDS)
        if not by_amount and not fits:
            raise RatingError(
                f"{what} per {table.unit}, and {kind.kind} is in {kind.unit}.\nWrite the table and the kind in one unit."
            )

    def _points(self, rows: _Rows, table: RateTable, finder: RateFinder) -> Ints:
        """The number of the price in force for each row."""
        frame = self.measured.frame
        facets = [name for name in table.facets if name != "window"]

        def said(name: str) -> pl.Series:
            return frame[name].gather(rows.row) if name in frame.columns else pl.Series([""]).new_from_index(0, len(rows))

        cases = pl.DataFrame(
            {
                "site": frame["site"].gather(rows.row), "item": self.items.gather(rows.row), "window": pl.Series(rows.window, dtype=pl.String),
                "day": rows.day, **{f"c {name}": said(name) for name in facets},
            }
        )  # fmt: skip
        names = [name for name in cases.columns if name != "day"]
        numbered = cases.select(pl.struct(names).rank("dense").cast(pl.Int64).alias("case") - 1, "day").with_row_index("n")
        distinct = cases.with_columns(numbered["case"]).unique("case").sort("case")
        order = numbered.sort("case", "n")
        edges = np.r_[np.searchsorted(order["case"].to_numpy(), np.arange(len(distinct))), len(order)]
        at, days = order["n"].to_numpy(), order["day"].to_numpy()
        points = np.full(len(rows), -1, dtype=np.int64)
        for number, row in enumerate(distinct.iter_rows(named=True)):
            mine = slice(edges[number], edges[number + 1])
            key = {name: row[f"c {name}"] for name in facets} | ({"window": row["window"]} if "window" in table.facets else {})
            starts, made = self._stretches(table, row["site"], row["item"], key, finder)
            place = np.searchsorted(starts, days[mine], side="right") - 1
            points[at[mine]] = ints(made)[place]
            if bool((points[at[mine]] < 0).any()):
                day = int(days[mine][points[at[mine]] < 0].min())
                lost = int(rows.row[at[mine][points[at[mine]] < 0][0]])
                self._refuse(table, row["site"], row["item"], key, day, lost)
        return points

    def _stretches(
        self, table: RateTable, site: str, item: str, facets: Mapping[str, str], finder: RateFinder
    ) -> tuple[Ints, list[int]]:
        """From which days on which points hold."""
        factors = [
            (name, finder.found(name, site, item, {key: facets.get(key, "") for key in self.book.tables[name].facets}))
            for name in self.book.items[item].times
        ]
        base = finder.found(table.table, site, item, facets)
        days = sorted({day for _, steps in (("", base), *factors) for day, _ in steps})
        made = []
        for day in days:
            rate = _in_force(base, day)
            parts = [_in_force(steps, day) for _, steps in factors]
            if rate is None or any(part is None for part in parts):
                made.append(-1)
                continue
            self.points.append(
                self._point(table, item, site, rate, [part for part in parts if part is not None], facets.get("window", ""))
            )
            made.append(len(self.points) - 1)
        return ints(days), made

    def _point(self, table: RateTable, item: str, site: str, rate: Rate, factors: Sequence[Rate], window: str) -> Point:
        def priced(value: Decimals) -> Decimals:
            exact = value.fraction()
            for factor in factors:
                exact *= factor.value.fraction()
            return Decimals(rounded(exact * 10**value.digits, self.book.rounding.amount), value.digits)

        scheme = rate.scheme
        if factors and scheme.tiers:
            scheme = replace(scheme, tiers=tuple(replace(tier, price=priced(tier.price)) for tier in scheme.tiers))
        return Point(table, self.book.items[item], site, rate, tuple(factors), priced(rate.value), scheme, window)

    def _refuse(self, table: RateTable, site: str, item: str, facets: Mapping[str, str], day: int, lost: int) -> None:
        said = "".join(f", {name} {value or 'empty'}" for name, value in facets.items())
        near = [row for row in table.rows.values() if row.key.get("item", item) == item][:3] or list(table.rows.values())[:3]
        shown = "; ".join(f"{row.id} from {row.prices[0].start} at {row.source}" for row in near) or "none, the table is empty"
        where = self.measured.frame.row(lost, named=True)
        raise NoRateError(
            f"{table.source}: no price for {item!r} is in force at {site}{said} on {day_of(day)} "
            f"({where['file']} row {where['row']}, {self.measured.kind.kind} {where['id']}).\nThe nearest rows are: {shown}.\n"
            f"Add a price that starts on or before {day_of(day)}, or correct the activity."
        )

    # --- quantities

    def _billed(self, rows: _Rows, table: RateTable, points: Ints) -> Ints:
        """The quantity that is charged, in the table's unit: stepped up as the price says, and converted."""
        kind = self.measured.kind
        if table.model in ("percentage", "pass-through"):
            return rows.quantity
        digits = self.measured.digits
        quantity = rows.quantity
        timed = kind.unit in _SECONDS and table.unit in _SECONDS
        for number in np.unique(points).tolist():
            scheme = self.points[number].scheme
            if scheme.then is None:
                continue
            some = points == number
            quantity = quantity.copy()
            quantity[some] = _stepped(quantity[some], scheme, digits, _SECONDS[kind.unit] if timed else 1)
        if kind.unit == table.unit:
            return quantity
        made, half = self.book.rounding.quantity[table.unit]
        up, down = _SECONDS[kind.unit] * 10**made, _SECONDS[table.unit] * 10**digits
        return ints(rounded_down(quantity * up, down, half))

    def _pieces(self, rows: _Rows, table: RateTable, finder: RateFinder) -> _Rows:
        """Rows cut where a window of the table begins or ends; the quantity of a row is shared over its pieces by their seconds."""
        kind = self.measured.kind
        if kind.unit not in _SECONDS:
            raise RatingError(
                f"`{table.table}` ({table.source}) is priced by windows, and {kind.kind} is in {kind.unit}, "
                f"not in time.\nGive the item a table without `window`."
            )
        lines, zone, runs = self._clock(rows, table)
        first = replace(rows, window=[runs.name(int(code)) for code in runs.code_at(lines, zone, rows.start)])
        points = self._points(first, table, finder)
        whole = self._billed(first, table, points)
        timed = replace(first, quantity=rows.quantity)
        seconds = self._billed_seconds(timed, points)
        cuts = list(runs.cut(lines, zone, rows.start, seconds))
        order = np.lexsort((np.concatenate([cut[1] for cut in cuts]), np.concatenate([cut[0] for cut in cuts])))
        at = np.concatenate([cut[0] for cut in cuts])[order]
        begin, length, code = (np.concatenate([cut[place] for cut in cuts])[order] for place in (1, 2, 3))
        number = np.arange(len(at)) - np.searchsorted(at, at)
        shared = _shared(at, length, whole, seconds)
        return _Rows(
            rows.row[at], ints(number), rows.day[at], shared, ints(begin), ints(begin + length), [runs.name(int(each)) for each in code],
            np.full(len(at), -1, dtype=np.int64),
        )  # fmt: skip

    def _billed_seconds(self, rows: _Rows, points: Ints) -> Ints:
        unit, digits = _SECONDS[self.measured.kind.unit], self.measured.digits
        exact = rows.quantity * unit
        if bool((exact % 10**digits).any()):
            raise RatingError(
                f"{self.measured.kind.kind}: a length is not a whole number of seconds, and its price depends on the "
                f"time of day.\nRound it where it is recorded."
            )
        seconds = exact // 10**digits
        for number in np.unique(points).tolist():
            scheme = self.points[number].scheme
            if scheme.then is not None:
                some = points == number
                seconds[some] = _stepped(seconds[some], scheme, 0, 1)
        return ints(seconds)

    def _clock(self, rows: _Rows, table: RateTable) -> tuple[Timelines, Ints, _Runs]:
        named = dict.fromkeys(row.key["window"] for row in table.rows.values() if row.key["window"] != OTHERWISE)
        zones = sorted({self.book.sites[site].zone for site in self.measured.frame["site"].unique().to_list()})
        sites = {site.site: zones.index(site.zone) for site in self.book.sites.values() if site.zone in zones}
        zone = (
            self.measured.frame["site"]
            .gather(rows.row)
            .replace_strict(list(sites), list(sites.values()), return_dtype=pl.Int64)
            .to_numpy()
        )
        last = int(rows.day.max()) + 2 + int(np.abs(rows.quantity).max()) * _SECONDS[self.measured.kind.unit] // 86_400
        lines = timelines(
            zones, int(rows.day.min()) - 1, last, {name: self.book.windows[name] for name in named}, self.book.holidays
        )
        return (
            lines,
            ints(zone),
            _Runs.of(lines, [*table.first_of, *(name for name in named if name not in table.first_of)], table.first_of),
        )

    # --- models

    def _by_model(self, rows: _Rows, table: RateTable) -> None:
        first = len(self.blocks)
        self._charged(rows, table)
        if table.payout:  # turned at the end: sums, tiers and packages count what was used
            self.blocks[first:] = [block.with_columns(-pl.col("quantity")) for block in self.blocks[first:]]

    def _charged(self, rows: _Rows, table: RateTable) -> None:
        counted = table.over != "activity"
        if table.model == "percentage":
            self._percentage(self._of_period(rows))
        elif table.model == "pass-through":
            self._pass_through(self._of_period(rows))
        elif table.model == "volume":
            self._volume(rows, table)
        elif table.model in ("graduated", "package") or counted:
            self._counted(rows, table)
        else:
            self._per_unit(self._of_period(rows), table)
        if table.model not in ("percentage", "pass-through"):
            self._connected(self._of_period(rows))

    def _of_period(self, rows: _Rows) -> _Rows:
        return _take(rows, np.flatnonzero(self.measured.charged[rows.row]))

    def _unit(self, table: RateTable) -> tuple[str, int]:
        return table.unit, quantity_digits(self.book, table.unit)

    def _per_unit(self, rows: _Rows, table: RateTable) -> None:
        unit, digits = self._unit(table)
        prices = ints([point.price.units for point in self.points])[rows.point] if len(rows) else ints([])
        self._clamped(rows, rows.quantity, digits, unit, prices, table.digits, "base")

    def _percentage(self, rows: _Rows) -> None:
        digits = self._currency_digits(rows.row)
        for place in np.unique(digits).tolist():
            some = _take(rows, np.flatnonzero(digits == place))
            for wide, mine, units in self._percents(some):
                self._clamped(mine, mine.quantity, place, self._of_currency(mine), units, wide, "base")
        self._connected(rows)

    def _percents(self, rows: _Rows) -> Iterator[tuple[int, _Rows, Ints]]:
        """The rows by the digits of their percentage, as a fraction."""
        rates = [point.scheme.percent or Decimals(0, 2) for point in self.points]
        wide = ints([rate.digits for rate in rates])[rows.point] if len(rows) else ints([])
        for digits in np.unique(wide).tolist():
            mine = _take(rows, np.flatnonzero(wide == digits))
            yield digits, mine, ints([rate.units for rate in rates])[mine.point]

    def _of_currency(self, rows: _Rows) -> str:
        owner = sorted(self.book.accounts)
        return f"of {self.book.accounts[owner[int(self.accounts[rows.row[0]])]].currency}" if len(rows) else EACH

    def _pass_through(self, rows: _Rows) -> None:
        digits = self._currency_digits(rows.row)
        sign = np.where(rows.quantity < 0, -1, 1)
        self._add(rows, "base", "external cost", ints(sign), 0, EACH, ints(np.abs(rows.quantity)), digits, "")
        for place in np.unique(digits).tolist():
            some = _take(rows, np.flatnonzero(digits == place))
            for wide, mine, units in self._percents(some):
                marked = np.flatnonzero(units > 0)
                mine = _take(mine, marked)
                self._add(mine, "markup", "markup", mine.quantity, place, self._of_currency(mine), units[marked], wide, "markup")

    def _connected(self, rows: _Rows) -> None:
        """What each row costs beside its quantity; nothing where there is no quantity."""
        with_fee = [point.scheme.connect for point in self.points]
        there = np.array([each is not None for each in with_fee] or [False], dtype=np.bool_)
        some = _take(rows, np.flatnonzero(there[rows.point] & (rows.quantity != 0) & (rows.segment == 0))) if len(rows) else rows
        if not len(some):
            return
        units = ints([each.units if each is not None else 0 for each in with_fee])[some.point]
        digits = ints([each.digits if each is not None else 0 for each in with_fee])[some.point]
        self._add(some, "connect", "connection", ints(np.where(some.quantity < 0, -1, 1)), 0, EACH, units, digits, "connect")

    def _clamped(
        self, rows: _Rows, quantity: Ints, digits: int, unit: str, price: Ints, price_digits: int, component: str
    ) -> None:
        """Quantity x price, but at least and at most what the price says of a row: then that amount, once."""
        schemes = [point.scheme for point in self.points]
        bounded = np.array([each.at_least is not None or each.at_most is not None for each in schemes] or [False], dtype=np.bool_)
        free = np.ones(len(rows), dtype=np.bool_)
        if len(rows) and bool(bounded[rows.point].any()):
            for number in np.unique(rows.point[bounded[rows.point]]).tolist():
                some = np.flatnonzero(rows.point == number)
                exact = np.abs(quantity[some].astype(object) * price[some].astype(object))
                for bound, word in ((schemes[number].at_least, "minimum"), (schemes[number].at_most, "maximum")):
                    if bound is None:
                        continue
                    edge = bound.units * 10 ** (digits + price_digits)
                    size = exact * 10**bound.digits
                    beyond = (size < edge) & (quantity[some] != 0) if word == "minimum" else size > edge
                    mine = some[np.asarray(beyond, dtype=np.bool_)]
                    free[mine] = False
                    part = _take(rows, mine)
                    sign = ints(np.where(quantity[mine] < 0, -1, 1))
                    self._add(
                        part, component, word, sign, 0, EACH, np.full(len(mine), bound.units, dtype=np.int64), bound.digits, word
                    )
        rest = np.flatnonzero(free)
        self._add(_take(rows, rest), component, "", quantity[rest], digits, unit, price[rest], price_digits, "")

    # --- what counts over a window

    def _counted(self, rows: _Rows, table: RateTable) -> None:
        """Tiers, packages and allowances: each row cut where the running sum crosses a bound."""
        unit, digits = self._unit(table)
        before, group = self._running(rows, table.over)
        after = before + rows.quantity
        charged = self.measured.charged[rows.row]
        ends = self._window_ends(rows, table.over)
        alike = self._alike(rows)
        window = self._windows_of_terms(rows, alike, table.over)
        case = alike * _WINDOWS + window
        for each in np.unique(case).tolist():
            point = self.points[each // _WINDOWS]
            here = np.flatnonzero((case == each) & charged)
            if not len(here):
                continue
            mine = _take(rows, here)
            if table.model == "package":
                self._packages(mine, before[here], after[here], point, digits)
                continue
            bounds = self._bounds(point, int(mine.day[0]), digits)
            parts = [
                ints(np.clip(after[here], low, edge) - np.clip(before[here], low, edge))
                for low, edge in ((low, high if high is not None else 2**62) for low, high, *_ in bounds)
            ]
            nowhere = ~np.any([part != 0 for part in parts], axis=0)  # nothing, or below where the tiers begin
            for place, ((_, _, price, template, texts), part) in enumerate(zip(bounds, parts, strict=True)):
                some = np.flatnonzero((part != 0) | (nowhere & (place == 0)))
                self._add(
                    _take(mine, some), f"tier-{place + 1}", "", part[some], digits, unit,
                    np.full(len(some), price.units, dtype=np.int64), price.digits, template, texts,
                )  # fmt: skip
        if table.model == "graduated":
            self._tier_fees(rows, table, group, after, ends)

    def _windows_of_terms(self, rows: _Rows, alike: Ints, over: Over) -> Ints:
        """The window of each row whose allowance is a term, which may say more in one window than in another; else 0."""
        dated = np.array([isinstance(point.scheme.allowance, str) for point in self.points] or [False], dtype=np.bool_)
        none = np.zeros(len(rows), dtype=np.int64)
        return ints(np.where(dated[alike], _window_numbers(rows.day, over), none)) if bool(dated[alike].any()) else none

    def _alike(self, rows: _Rows) -> Ints:
        """For each row the first point that prices as its own does; an allowance that is a term may differ from point to point."""
        first: dict[object, int] = {}
        table = []
        for number, point in enumerate(self.points):
            own = number if isinstance(point.scheme.allowance, str) else -1
            table.append(first.setdefault((point.table.table, point.price, point.scheme, own), number))
        return ints(table)[rows.point] if len(rows) else ints([])

    def _packages(self, rows: _Rows, before: Ints, after: Ints, point: Point, digits: int) -> None:
        size = _exact(point.scheme.package or Decimals(1, 0), digits)
        started = -(-np.maximum(after, 0) // size) - -(-np.maximum(before, 0) // size)
        text = f"package of {point.scheme.package} {point.table.unit}"
        price = np.full(len(rows), point.price.units, dtype=np.int64)
        self._add(rows, "base", text, ints(started), 0, "package", price, point.price.digits, "")

    def _bounds(self, point: Point, day: int, digits: int) -> list[tuple[int, int | None, Decimals, str, dict[str, str]]]:
        """The tiers of a price on a day: from, to, price, template and its words. An allowance is a first tier at no price."""
        scheme = point.scheme
        if scheme.tiers:
            return [
                (
                    _exact(tier.start, digits), None if tier.end is None else _exact(tier.end, digits), tier.price, self._tier_text(tier),
                    {"from": _grouped(tier.start), "to": _grouped(tier.end) if tier.end else "on", "unit": point.table.unit},
                )
                for tier in scheme.tiers
            ]  # fmt: skip
        if scheme.allowance is None:
            return [(-(2**62), None, point.price, "", {})]
        allowance = scheme.allowance
        if isinstance(allowance, str):
            said = self.book.terms_on(point.site, window_start(day_of(day), point.table.over)).get(allowance)
            if not isinstance(said, Decimals):
                raise RatingError(
                    f"{point.rate.source}: the allowance is the term `{allowance}`, which is no number at {point.site}.\n"
                    f"Declare it with `type: number`."
                )
            allowance = said
        edge = _exact(allowance, digits)
        free = Decimals(0, point.price.digits)
        return [(-(2**62), edge, free, "included", {}), (edge, None, point.price, "overage", {})]

    def _tier_text(self, tier: Tier) -> str:
        return "tier" if tier.end is not None or not self.book.texts.last_tier else "last_tier"

    def _volume(self, rows: _Rows, table: RateTable) -> None:
        """All of a window at the price of the tier that its whole quantity reaches; charged when the window ends."""
        unit, digits = self._unit(table)
        before, group = self._running(rows, table.over)
        after = before + rows.quantity
        ends = self._window_ends(rows, table.over)
        self.waiting = ints(np.r_[self.waiting, rows.row])
        last = self._last_of(group)
        total, rate = after[last], rows.point[last]
        ended = ends[last]
        for place in np.flatnonzero(ended).tolist():
            point = self.points[int(rate[place])]
            tier = next(
                (each for each in reversed(point.scheme.tiers) if total[place] >= _exact(each.start, digits)),
                point.scheme.tiers[0],
            )
            some = np.flatnonzero(group == place)
            words = {"from": _grouped(tier.start), "to": _grouped(tier.end) if tier.end else "on", "unit": unit}
            mine = replace(_take(rows, some), point=np.full(len(some), rate[place], dtype=np.int64))
            price = np.full(len(some), tier.price.units, dtype=np.int64)
            self._add(
                mine,
                "base",
                "",
                mine.quantity,
                digits,
                unit,
                price,
                tier.price.digits,
                self._tier_text(tier),
                words,
            )
            if tier.fee is not None:
                self._fee(rows, int(last[place]), int(rate[place]), tier.fee, words)

    def _tier_fees(self, rows: _Rows, table: RateTable, group: Ints, after: Ints, ends: Bools) -> None:
        """The fees of the tiers that windows ending in the period have reached."""
        _, digits = self._unit(table)
        for last in self._last_of(group).tolist():
            number = int(rows.point[last])
            if not ends[last]:
                continue
            for tier in self.points[number].scheme.tiers:
                reached = tier.start.units == 0 or after[last] > _exact(tier.start, digits)
                if tier.fee is not None and reached:
                    words = {"from": _grouped(tier.start), "to": _grouped(tier.end) if tier.end else "on", "unit": table.unit}
                    self._fee(rows, last, number, tier.fee, words)

    def _fee(self, rows: _Rows, last: int, number: int, fee: Decimals, words: dict[str, str]) -> None:
        mine = replace(_take(rows, ints([last])), point=ints([number]))
        self._add(
            mine,
            f"fee-{words['from']}",
            "window",
            ints([1]),
            0,
            EACH,
            ints([fee.units]),
            fee.digits,
            "fee",
            words,
            origin="window",
        )

    def _running(self, rows: _Rows, over: Over) -> tuple[Ints, Ints]:
        """What an account has used of an item in the window before each row, and the number of that window."""
        if over == "activity":
            return np.zeros(len(rows), dtype=np.int64), np.arange(len(rows), dtype=np.int64)
        cases = pl.DataFrame(
            {
                "account": self.accounts[rows.row],
                "item": self.items.gather(rows.row),
                "window": _window_numbers(rows.day, over),
                "quantity": rows.quantity,
            }
        ).with_row_index("n")
        keys = ["account", "item", "window"]
        largest = int(np.abs(rows.quantity).max()) if len(rows) else 0
        if largest * max(len(rows), 1) >= 2**62:
            raise InvariantError(
                "the quantities of a window are beyond what can be summed exactly; check them, nothing was written"
            )
        found = cases.select(
            (pl.col("quantity").cum_sum().over(keys) - pl.col("quantity")).alias("before"),
            (pl.struct(keys).rank("dense").cast(pl.Int64) - 1).alias("group"),
        )
        if self.keep:
            own = pl.DataFrame({"row": rows.row, "segment": rows.segment, "quantity": rows.quantity, "item": cases["item"]})
            self.running.append(pl.concat([own, found], how="horizontal"))
        return found["before"].to_numpy().astype(np.int64), found["group"].to_numpy().astype(np.int64)

    def _last_of(self, group: Ints) -> Ints:
        """The last row of each window."""
        found = np.zeros(int(group.max()) + 1 if len(group) else 0, dtype=np.int64)
        found[group] = np.arange(len(group))
        return found

    def _window_ends(self, rows: _Rows, over: Over) -> Bools:
        """Whether the window of each row ends in the period."""
        if over == "activity":
            return np.asarray(self.measured.charged[rows.row])
        numbers = _window_numbers(rows.day, over)
        distinct = {int(number): _window_end(int(number), over) for number in np.unique(numbers)}
        inside = {number for number, end in distinct.items() if self.period.start < end <= self.period.end}
        return np.isin(numbers, list(inside))

    # --- charges

    def _add(
        self, rows: _Rows, component: str, note: str, quantity: Ints, digits: int, unit: str, price: Ints, price_digits: Ints | int, template: str,
        words: Mapping[str, str] | None = None, *, origin: str = "rated",
    ) -> None:  # fmt: skip
        """Adds charges; their descriptions come from the template of the book, of the item, or of the window."""
        if not len(rows):
            return
        self._charge(
            rows.row, rows.segment, component, note, quantity, digits, unit, price, price_digits, self.items.gather(rows.row),
            self._texts(rows, template, words or {}), origin=origin, rows=rows,
        )  # fmt: skip

    def _texts(self, rows: _Rows, template: str, words: Mapping[str, str]) -> list[str]:
        """The description of each charge, made once for each distinct case."""
        frame, texts = self.measured.frame, self.book.texts
        said = "".join(item.description for item in self.book.items.values())
        columns = [
            each.column for each in self.measured.kind.columns if each.column in frame.columns and "{" + each.column + "}" in said
        ]
        made: dict[tuple[object, ...], str] = {}
        cases = zip(rows.point.tolist(), rows.window, *(frame[name].gather(rows.row).to_list() for name in columns), strict=True)
        found = []
        for case in cases:
            if case not in made:
                point = self.points[int(case[0])]
                item = point.item
                given = {
                    "item": item.item,
                    "site": point.site,
                    "listed": _LISTED,
                    **dict(zip(columns, map(str, case[2:]), strict=True)),
                }
                name = item.description.format_map({"name": item.name, **given}) if item.description else item.name
                if case[1] and case[1] != OTHERWISE and not template:
                    name = texts.in_window.format_map({**given, "name": name, "window": case[1]})
                pattern = getattr(texts, template) if template else "{name}"
                made[case] = pattern.format_map({**given, "name": name, **words})
            found.append(made[case])
        return found

    def _charge(
        self, row: Ints, segment: Ints, component: str, note: str, quantity: Ints, digits: int, unit: str, price: Ints, price_digits: Ints | int,
        items: pl.Series, texts: list[str], *, origin: str, rows: _Rows | None = None,
    ) -> None:  # fmt: skip
        count = len(row)
        frame = self.measured.frame
        day = rows.day if rows is not None else frame["day"].to_numpy()[row].astype(np.int64)
        there = rows is not None and bool((rows.end > rows.start).any())
        nothing = np.full(count, -1, dtype=np.int64)
        self.blocks.append(
            pl.DataFrame(
                {
                    "row": ints(row), "segment": ints(segment), "component": pl.Series([component]).new_from_index(0, count),
                    "note": pl.Series([note]).new_from_index(0, count), "quantity": quantity,
                    "quantity_digits": np.full(count, digits, dtype=np.int64), "unit": pl.Series([unit]).new_from_index(0, count), "price": price,
                    "price_digits": np.broadcast_to(ints(price_digits), (count,)).copy(), "item": items.alias("item"), "day": ints(day),
                    "text": pl.Series(texts, dtype=pl.String), "origin": pl.Series([origin]).new_from_index(0, count),
                    "start": rows.start if rows is not None and there else nothing, "end": rows.end if rows is not None and there else nothing,
                    "point": rows.point if rows is not None else nothing,
                }
            )
        )  # fmt: skip


_LISTED = "{listed}"
_WINDOWS = 2**20  # more than the number of any window, which are counted from year 0


def _empty() -> pl.DataFrame:
    whole, text = pl.Int64, pl.String
    return pl.DataFrame(
        schema={
            "row": whole, "segment": whole, "component": text, "note": text, "quantity": whole, "quantity_digits": whole, "unit": text,
            "price": whole, "price_digits": whole, "item": text, "day": whole, "text": text, "origin": text, "start": whole, "end": whole,
            "point": whole,
        }
    )  # fmt: skip


def _take(rows: _Rows, some: Ints) -> _Rows:
    windows = rows.window
    return _Rows(
        rows.row[some], rows.segment[some], rows.day[some], rows.quantity[some], rows.start[some], rows.end[some],
        [windows[at] for at in some.tolist()], rows.point[some],
    )  # fmt: skip


def _in_force(steps: Sequence[tuple[int, Rate | None]], day: int) -> Rate | None:
    return next((rate for start, rate in reversed(steps) if start <= day), None)


def _stepped(quantity: Ints, scheme: Scheme, digits: int, unit: int) -> Ints:
    """Quantities stepped up: at least the first, then whole steps. `unit`: seconds in a unit of quantity, if the table is of time."""
    if scheme.then is None:
        return quantity
    first, then = (Decimals(0, 0) if each is None else each for each in (scheme.first, scheme.then))
    scale = 10**digits
    base, step = (
        int(each.fraction() * scale / unit) if (each.fraction() * scale / unit).denominator == 1 else -1 for each in (first, then)
    )
    if base < 0 or step <= 0:
        raise RatingError(
            f"steps of {first} and {then} are finer than the quantities they step.\nDeclare more digits for the unit, or coarser steps."
        )
    size = np.abs(quantity)
    more = -(-np.maximum(size - base, 0) // step) * step
    found = np.where(size == 0, 0, base + more)
    return ints(np.where(quantity < 0, -found, found))


def _shared(at: Ints, length: Ints, whole: Ints, seconds: Ints) -> Ints:
    """The quantity of each row shared over its pieces by their seconds, by largest remainder."""
    found = np.zeros(len(at), dtype=np.int64)
    single = np.flatnonzero(seconds[at] == length)
    found[single] = whole[at[single]]
    many = np.flatnonzero(seconds[at] != length)
    for row in np.unique(at[many]).tolist():
        mine = many[at[many] == row]
        exact = ints(length[mine]) * int(whole[row])
        found[mine] = share_out(np.zeros(len(mine), dtype=np.int64), exact, int(seconds[row]), ints([int(whole[row])]))
    return found


def _exact(value: Decimals, digits: int) -> int:
    exact = value.fraction() * 10**digits
    if exact.denominator != 1:
        raise RatingError(
            f"the bound {value} has more digits than quantities of its unit ({digits}).\nDeclare more digits in the file of kind rounding."
        )
    return int(exact)


def _grouped(value: Decimals) -> str:
    whole, _, part = str(value).partition(".")
    return f"{int(whole):,}" + (f".{part}" if part else "")


def _window_numbers(day: Ints, over: Over) -> Ints:
    dates = pl.Series(day.astype(np.int32)).cast(pl.Date)
    months = dates.dt.year().cast(pl.Int64) * 12 + dates.dt.month() - 1
    return ints((months // _MONTHS[over]).to_numpy())


def _window_end(number: int, over: Over) -> date:
    month = (number + 1) * _MONTHS[over]
    return date(month // 12, month % 12 + 1, 1)


def window_start(day: date, over: Over) -> date:
    """The first day of the window that a day lies in."""
    if over == "activity":
        return day
    month = (day.year * 12 + day.month - 1) // _MONTHS[over] * _MONTHS[over]
    return date(month // 12, month % 12 + 1, 1)


@dataclass(frozen=True, slots=True)
class _Runs:
    """For each cell of a timeline, in which of some windows it lies, and where the run of cells of that window ends."""

    names: tuple[str, ...]
    code: Ints
    until: Ints

    @classmethod
    def of(cls, lines: Timelines, windows: Sequence[str], ranked: Sequence[str]) -> _Runs:
        """The runs of some windows; time in two of them belongs to the ranked one that comes first, and is refused if neither is ranked."""
        code = np.full(len(lines.state), -1, dtype=np.int64)
        for number, name in enumerate(windows):
            inside = np.isin(lines.state, list(lines.with_window(name)))
            if name not in ranked and bool((inside & (code >= 0) & ~np.isin(code, np.arange(len(ranked)))).any()):
                raise RatingError(f"the windows {', '.join(windows)} price the same time twice.\nRank them with `first-of`.")
            code[inside & (code < 0)] = number
        cells = np.arange(len(code))
        edge = np.r_[code[1:] != code[:-1], True] | ((cells + 1) % lines.cells == 0)
        ends = np.flatnonzero(edge)
        until = ends[np.searchsorted(ends, cells)] + 1
        return cls((*windows, OTHERWISE), code, until)

    def name(self, code: int) -> str:
        """The window's name."""
        return self.names[code]

    def code_at(self, lines: Timelines, zone: Ints, at: Ints) -> Ints:
        """In which window instants lie."""
        return self.code[lines.cell(zone.astype(np.int32), at)]

    def cut(self, lines: Timelines, zone: Ints, start: Ints, seconds: Ints) -> Iterator[tuple[Ints, Ints, Ints, Ints]]:
        """Stretches cut at the edges of windows: the number of each stretch, where the piece begins, its length, its window."""
        rows, at, left = np.arange(len(start)), start.copy(), seconds.copy()
        for _ in range(_PIECES_MAX):
            cell = lines.cell(zone[rows].astype(np.int32), at)
            end = lines.start + (self.until[cell] - zone[rows] * lines.cells) * lines.width
            length = np.minimum(end - at, left)
            yield rows, at, length, self.code[cell]
            more = left > length
            rows, at, left = rows[more], (at + length)[more], (left - length)[more]
            if not len(rows):
                return
        raise RatingError("an event crosses more windows than can be meant.\nCorrect its length.")


def references(text: str) -> tuple[tuple[str, str], ...]:
    """References as names and values: `po=17|receipt=9`."""
    pairs = (part.partition("=") for part in text.split("|") if part)
    return tuple((name, value) for name, _, value in pairs)
