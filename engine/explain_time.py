"""Explanations of activity that is rated by time: how the price of an hour was made, and how a shift became a quantity."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone
from typing import Any

import numpy as np

from engine.arrays import NONE, Ints, ints
from engine.bulk.charges import BASES, ROW_SLOTS, Rated, Sums
from engine.bulk.pricing import NoRateError, PriceRow, Recipe
from engine.bulk.programs import PieceKind
from engine.bulk.recurrences import NEVER
from engine.canonical import Json
from engine.dates import day_of, duration_text
from engine.explain_rules import Place, decision_told, rate_told, step, sum_text, term_told, why
from engine.money import Decimals, decimal_text
from engine.problems import InvariantError
from engine.ratebook.book import RuleBook
from engine.ratebook.resolver import Decision
from engine.steps.collect import Collected

_HOUR = 3600
_TERMS = {
    "worked": ("punch-rounding", "break", "hours", "approval"), "own-line": ("punch-rounding", "break", "hours", "approval"),
    "fill": ("punch-rounding", "break", "hours", "approval", "min-hours"), "scheduled": ("punch-rounding", "break", "approval"),
}  # fmt: skip


class TimeTelling:
    """Tells the steps behind the charges of one kind that is rated by time; `start` is the number of its first charge."""

    def __init__(self, book: RuleBook, collected: Collected, rated: Rated, start: int) -> None:
        self.book, self.rated, self.start = book, rated, start
        if rated.inside is None:
            raise InvariantError("the steps of this rating were not kept; this is a fault of the engine")
        self.inside = rated.inside
        self.places = collected.places
        names = zip(*(_texts(getattr(collected.activity, each)) for each in ("source", "id")), strict=True)
        self._collected = {name: at for at, name in enumerate(names)}
        self._parts = _by_row(self.inside.parts.row)
        self._pieces = _by_row(self.inside.pieces["part"]) if self.inside.pieces else {}
        self._charges = _by_row(self.rated.charges.row)
        self._sums = [(each, _by_row(each.row)) for each in self.inside.sums]
        self._instants: dict[tuple[int, int], str] = {}
        self._told: dict[tuple[Decision, Place], dict[str, Json]] = {}
        self._of_pieces: dict[tuple[int, int, PieceKind, Place], list[Json]] = {}
        self._prices: dict[tuple[int, int], dict[str, Json]] = {}

    # --- prices

    def prices(self, charges: Ints) -> list[Json]:
        """How each distinct price of some charges was made."""
        rated = self.rated
        mine = charges - self.start
        pairs = sorted({(int(rated.charges.price_row[each]), int(rated.charges.recipe[each])) for each in mine})
        for pair in pairs:
            if pair not in self._prices:
                self._prices[pair] = self._price(rated.prices.price_row(pair[0]), pair[0], rated.recipes[pair[1]])
        return [self._prices[pair] for pair in pairs]

    def _price(self, row: PriceRow, number: int, recipe: Recipe) -> dict[str, Json]:
        rated, base = self.rated, row.base
        if base is None:
            raise NoRateError(f"{row.site}, {row.item}: the line has no base price; this is a fault of the engine")
        made = rated.prices.make(recipe, ints([number]))
        premiums: list[dict[str, Json]] = []
        so_far = base.value
        for premium in (recipe.own,) if recipe.own else recipe.premiums:
            if recipe.combine == "multiply":
                place = recipe.premiums.index(premium)
                before = self._value(Recipe(recipe.premiums[:place], "multiply", "", recipe.epoch, recipe.terms), number)
                after = self._value(Recipe(recipe.premiums[: place + 1], "multiply", "", recipe.epoch, recipe.terms), number)
                so_far, adds = before, _minus(after, before)
            else:
                adds = self._value(Recipe(own=premium, epoch=recipe.epoch, terms=recipe.terms), number)
            premiums.append(self._premium(row, premium, recipe, so_far, adds))
        winner = int(made.winner[0])
        price = decimal_text(int(made.units[0]), int(made.digits[0]))
        adds_of = [str(each["adds"]) for each in premiums]
        combined = {"largest": f"{base.value} + max({', '.join(adds_of)})"}.get(recipe.combine if len(adds_of) > 1 else "")
        formula = adds_of[0] if recipe.own else combined or sum_text([str(base.value), *adds_of])
        return {
            "days": f"{day_of(row.start)} .. {day_of(row.end)}",
            "base": rate_told(base),
            "premiums": premiums,
            "combine": recipe.combine,
            "counts": recipe.premiums[winner] if winner >= 0 else "",
            "own_line": recipe.own,
            "steps": [*(each["step"] for each in premiums), step("price", formula, price)],
            "price": price,
        }

    def _value(self, recipe: Recipe, number: int) -> Decimals:
        made = self.rated.prices.make(recipe, ints([number]))
        return Decimals(int(made.units[0]), int(made.digits[0]))

    def _premium(self, row: PriceRow, premium: str, recipe: Recipe, base: Decimals, adds: Decimals) -> dict[str, Json]:
        rule = self.book.premiums[premium]
        version = self.rated.prices.version(rule.formula, recipe.epoch)
        inputs: dict[str, dict[str, Json]] = {}
        for name, given in rule.given.items():
            if given.form == "base":
                said = "the base price" if recipe.combine != "multiply" else "the price so far"
                inputs[name] = {"value": str(base), "from": said}
            elif given.form == "rate":
                rate = row.premiums[(given.name, premium)]
                if rate is None:
                    raise NoRateError(f"{row.site}: premium {premium!r} has no rate; this is a fault of the engine")
                inputs[name] = rate_told(rate)
            elif given.form == "term":
                value = str(dict(recipe.terms)[given.name])
                term = term_told(self.book, (row.site, day_of(row.start)), given.name)
                known = term if term["value"] == value else {}  # terms hold on the dating day, which may be another one
                inputs[name] = {**known, "value": value, "from": f"term {given.name}"}
            else:
                inputs[name] = {"value": str(given.number), "from": str(rule.source)}
        values = {name: str(each["value"]) for name, each in inputs.items()}
        return {
            "premium": premium, "name": rule.name, "shown": rule.shown, "source": str(rule.source), **why(rule.provenance),
            "formula": {
                "version": f"{rule.formula}@{version.version}", "text": version.text, "source": str(version.source), **why(version.provenance),
            },
            "inputs": inputs, "adds": str(adds),
            "step": step(premium, version.text, str(adds), digits=version.digits, half=version.half, given=values),
        }  # fmt: skip

    # --- rows of activity

    def row(self, charge: int, cells: Mapping[str, Any], digits: int) -> dict[str, Json]:
        """One backup row with the activity behind it and the decisions that made it."""
        charge -= self.start
        if cells["kind"] == "window":
            return self._window(charge, cells, digits)
        charges, activity = self.rated.charges, self.rated.activity
        row = int(charges.row[charge])
        at = self._collected[activity.source[row], activity.id[row]]
        basis = BASES[int(charges.basis[charge])]
        told: dict[str, Json] = {
            "id": activity.id[row],
            "source": activity.source[row],
            "revision": int(activity.revision[row]),
            "file": f"{self.places['file'][at]}:{self.places['row'][at]}",
            "worker": activity.worker.text(row),
            "dated": str(self._day(row)),
            "recorded": self._span(row, "start", "end"),
            "scheduled": self._span(row, "scheduled_start", "scheduled_end"),
            "cancelled": self._instant(row, int(activity.times["cancelled_at"][row])),
            "notice": _length(int(self.inside.lengths["notice"][row])),
            "basis": basis,
            "component": charges.component.text(charge),
            "segment": int(charges.segment[charge]),
            "decisions": self._decisions(row),
            "terms": [term_told(self.book, self._where(row), name) for name in self._terms(row, basis)],
        }
        if basis in ("worked", "own-line"):
            told |= self._time(row, charge)
        told["billed_seconds_of_activity"] = int(self.rated.seconds[row])
        told["quantity_of_activity"] = self._quantity_of(row)
        told |= {"quantity": cells["quantity"], "price": cells["price"], "exact": cells["exact"]}
        told["steps"] = self.steps(charge + self.start)
        told["amount"] = decimal_text(int(cells["amount"]), digits)
        return told

    def _terms(self, row: int, basis: str) -> list[str]:
        """The terms that made the quantity of a row."""
        names = _TERMS.get(basis, ("approval",))
        billable = self.inside.decided.get("billable")
        term = self.inside.basis[int(billable[row])].term if billable is not None else None
        return [name for name in [*names, *([term] if term else [])] if name in self.book.terms]

    def steps(self, charge: int) -> list[dict[str, Json]]:
        """From the seconds of a row to the quantity of one of its charges."""
        charge -= self.start
        charges, row = self.rated.charges, int(self.rated.charges.row[charge])
        digits, half = charges.quantity_digits, self.book.rounding.quantity[self.book.kinds[self.rated.activity.kind].unit][1]
        whole = self._quantity_of(row)
        steps = [step("quantity of the activity", f"{int(self.rated.seconds[row])} / {_HOUR}", whole, digits=digits, half=half)]
        mine = self._shares(row)
        component, segment = charges.component.text(charge), int(charges.segment[charge])
        wanted = [place for place, (at, names, _) in enumerate(mine, start=1) if at == segment and component in names]
        parts = ", ".join(f"{seconds} / {_HOUR}" for _, _, seconds in mine)
        quantity = decimal_text(int(charges.quantity[charge]), digits)
        if len(mine) == 1:
            return [*steps, step("quantity", whole, quantity)]
        formula = " + ".join(f"share({whole}, {place}, {parts})" for place in wanted)
        return [*steps, step("quantity", formula, quantity, digits=digits, half=half)]

    def _shares(self, row: int) -> list[tuple[int, tuple[str, ...], int]]:
        """What the quantity of a row is shared over, in order: segment, the components it is charged under, and seconds."""
        inside, kinds = self.inside, self.inside.programs.kinds
        basis = BASES[int(self.rated.charges.basis[self._charges[row][0]])]
        if basis in ("fixed", "scheduled"):
            return [(0, (basis,), int(self.rated.seconds[row]))]
        found: dict[tuple[int, tuple[str, str, int, str]], tuple[tuple[str, ...], int]] = {}
        for part in self._parts.get(row, ()):
            for piece in self._pieces.get(part, ()):
                kind = kinds[int(inside.pieces["kind"][piece])]
                key = (
                    int(inside.parts.segment[part]),
                    (kind.label, kind.recipe.combine, kind.recipe.epoch, str(kind.recipe.terms)),
                )
                names = tuple(each.name for each in kind.components())
                seconds = found.get(key, ((), 0))[1] + int(inside.pieces["seconds"][piece])
                found[key] = (names, seconds)
        shares = [(segment, names, seconds) for (segment, _), (names, seconds) in sorted(found.items())]
        fill = int(self.rated.seconds[row]) - sum(seconds for _, _, seconds in shares)
        last = 1 + max((int(inside.parts.segment[part]) for part in self._parts.get(row, ())), default=-1)
        return [*shares, (last, ("fill",), fill)] if fill > 0 else shares

    def _window(self, charge: int, cells: Mapping[str, Any], digits: int) -> dict[str, Json]:
        """A charge for a whole window: its accumulator, what was guaranteed and what was counted."""
        name = cells["component"].partition("@")[0].removeprefix("window:")
        accumulator, charges = self.book.accumulators[name], self.rated.charges
        ended = self.inside.ended[name]
        row, unit = int(charges.row[charge]), self.book.kinds[self.rated.activity.kind].unit
        at = int(np.flatnonzero((ended.row == row) & (ended.start == charges.start[charge]))[0])
        limit, counted = int(ended.limit[at]), int(ended.counted[at])
        made = decimal_text(int(charges.quantity[charge]), charges.quantity_digits)
        told: dict[str, Json] = {
            column: cells[column] for column in ("id", "worker", "component", "quantity", "price", "exact", "service_day")
        }
        term = accumulator.line.limit.term if accumulator.line is not None else None
        return told | {
            "basis": "window", "accumulator": name, "made_by": "accumulator", "source": str(accumulator.source),
            "window": f"{day_of(int(ended.first_day[at]))} .. {day_of(int(ended.last_day[at]))}",
            "limit": duration_text(limit), "counted": duration_text(counted),
            "terms": [term_told(self.book, (self.rated.activity.site.text(row), day_of(int(ended.first_day[at]))), term)] if term else [],
            "steps": [
                step(
                    "quantity", f"({limit} - {counted}) / {_HOUR}", made, digits=charges.quantity_digits,
                    half=self.book.rounding.quantity[unit][1],
                )
            ],
            "amount": decimal_text(int(cells["amount"]), digits),
        }  # fmt: skip

    def _day(self, row: int) -> date:
        return day_of(int(self.rated.activity.day[row]))

    def _where(self, row: int) -> Place:
        return self.rated.activity.site.text(row), self._day(row)

    def _span(self, row: int, first: str, last: str) -> Json:
        times = self.rated.activity.times
        if times[first][row] == NONE:
            return None
        return f"{self._instant(row, int(times[first][row]))} .. {self._instant(row, int(times[last][row]))}"

    def _instant(self, row: int, utc: int) -> str:
        if utc == NONE:
            return ""
        key = (int(self.rated.zone[row]), utc)
        if key not in self._instants:
            offset = int(self.rated.timelines.offset_at(self.rated.zone[row : row + 1], ints([utc]))[0])
            self._instants[key] = _local_text(utc, offset)
        return self._instants[key]

    def _time(self, row: int, charge: int) -> dict[str, Json]:
        """Rounded times, the break, and the seconds of the charge's segment by the premiums that apply."""
        inside, stretch = self.inside, self.inside.stretch
        segment = int(self.rated.charges.segment[charge])
        part = next(each for each in self._parts[row] if int(inside.parts.segment[each]) == segment)
        pieces: list[Json] = []
        for piece in self._pieces.get(part, ()):
            kind = inside.programs.kinds[int(inside.pieces["kind"][piece])]
            band = int(inside.pieces["band"][piece])
            told: dict[str, Json] = {
                "premiums": [*kind.recipe.premiums, *(own.own for own in kind.own)],
                "seconds": int(inside.pieces["seconds"][piece]),
                "decisions": self._piece_decisions(row, kind, band),
            }
            if inside.programs.bands:
                told["from"] = self._instant(row, int(inside.pieces["start"][piece]))
                told["to"] = self._instant(row, int(inside.pieces["end"][piece]))
                told["over"] = [name for bit, name in enumerate(inside.programs.bands) if band >> bit & 1]
            pieces.append(told)
        off, on = int(stretch.off[row]), int(stretch.on[row])
        return {
            "rounded": f"{self._instant(row, int(stretch.start[row]))} .. {self._instant(row, int(stretch.end[row]))}",
            "break": f"{self._instant(row, off)} .. {self._instant(row, on)}" if on > off else "",
            "segment_from": self._instant(row, int(inside.parts.start[part])),
            "segment_to": self._instant(row, int(inside.parts.end[part])),
            "sums": self._sums_of(row, part),
            "pieces": pieces,
        }

    def _sums_of(self, row: int, part: int) -> list[Json]:
        """What accumulators had reached before the time of a segment, run by run; a run that reaches a limit is cut there."""
        first, last = int(self.inside.parts.start[part]), int(self.inside.parts.end[part])
        found: list[Json] = []
        for sums, of_row in self._sums:
            mine = (at for at in of_row.get(row, ()) if int(sums.start[at]) < last and int(sums.end[at]) > first)
            found += [self._sum(row, sums, at) for at in mine]
        return found

    def _sum(self, row: int, sums: Sums, at: int) -> dict[str, Json]:
        accumulator = self.book.accumulators[sums.accumulator]
        days = accumulator.measure == "days"

        def said(value: int) -> str:
            return f"{value} days" if days else duration_text(value)

        limits = {
            band.band: said(int(limit[at]))
            for band, limit in zip(accumulator.bands, sums.limits, strict=True)
            if int(limit[at]) < NEVER
        }
        return {
            "accumulator": sums.accumulator, "source": str(accumulator.source), "window_from": str(day_of(int(sums.day[at]))),
            "from": self._instant(row, int(sums.start[at])), "to": self._instant(row, int(sums.end[at])), "before": said(int(sums.before[at])),
            "counts": said(int(sums.counted[at])), "limits": limits,
            "terms": [
                term_told(self.book, (self.rated.activity.site.text(row), day_of(int(sums.day[at]))), band.over.term)
                for band in accumulator.bands
                if band.over.term is not None
            ],
        }  # fmt: skip

    def _quantity_of(self, row: int) -> str:
        charges, own = self.rated.charges, BASES.index("own-line")
        mine = sum(int(charges.quantity[each]) for each in self._charges[row] if charges.basis[each] < own)
        return decimal_text(mine, charges.quantity_digits)

    def _decisions(self, row: int) -> list[Json]:
        found: list[Json] = []
        for slot in ROW_SLOTS:
            decided = self.inside.decided.get(slot)
            if decided is not None and decided[row] >= 0:
                found.append(self._decision(row, self.inside.decisions[slot][int(decided[row])]))
        return found

    def _piece_decisions(self, row: int, kind: PieceKind, band: int) -> list[Json]:
        programs, case = self.inside.programs, int(self.inside.case[row])
        key = (case, band, kind, self._where(row))
        if key not in self._of_pieces:
            made = (programs.decided(case, band, state) for state in range(len(self.rated.timelines.masks)))
            decisions = next((decisions for found, decisions in made if found == kind), ())
            self._of_pieces[key] = [self._decision(row, each) for each in decisions]
        return self._of_pieces[key]

    def _decision(self, row: int, decision: Decision) -> dict[str, Json]:
        key = (decision, self._where(row))
        if key not in self._told:
            self._told[key] = decision_told(self.book, decision.slot, decision, key[1])
        return self._told[key]


def _local_text(utc: int, offset: int) -> str:
    """An instant as a local clock reading with its offset, as in `engine.bulk.texts`."""
    moment = datetime.fromtimestamp(utc, timezone(timedelta(seconds=offset)))
    return moment.isoformat(timespec="minutes" if moment.second == 0 else "seconds")


def _by_row(numbers: Ints) -> dict[int, list[int]]:
    """The places of each number in a column."""
    found: dict[int, list[int]] = {}
    for place, number in enumerate(numbers.tolist()):
        found.setdefault(number, []).append(place)
    return found


def _texts(column: Any) -> list[str]:  # noqa: ANN401 - a column of texts, as a list or as a series
    return [str(each) for each in column]


def _length(seconds: int) -> str:
    return "" if seconds == NONE else duration_text(seconds)


def _minus(left: Decimals, right: Decimals) -> Decimals:
    digits = max(left.digits, right.digits)
    return Decimals(left.units * 10 ** (digits - left.digits) - right.units * 10 ** (digits - right.digits), digits)
