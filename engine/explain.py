"""Explain: every step of an invoice line, from the timesheet to the amount, as data that can be recomputed by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.arrays import NONE, Ints, ints
from engine.bulk.charges import BASES, ROW_SLOTS
from engine.bulk.measured_rating import MeasuredRated
from engine.bulk.pricing import PriceRow, Rate, Recipe
from engine.bulk.programs import PieceKind
from engine.bulk.texts import local_texts
from engine.canonical import Json
from engine.dates import day_of, duration_text
from engine.money import CURRENCY_DIGITS, Decimals, decimal_text
from engine.pipeline import Preview
from engine.ports import Archive
from engine.problems import InforceError, InvariantError, Source
from engine.ratebook.book import Provenance, RuleBook
from engine.ratebook.models import Scheme
from engine.ratebook.resolver import Decision
from engine.replay import draft_number


class NotFoundError(InforceError):
    """There is no such document or line."""


@dataclass(frozen=True, slots=True)
class ArchivedDocument:
    """A document the archive knows: its period, the accounts its run was limited to, and the knowledge it was made with."""

    period: str
    accounts: tuple[str, ...]
    meaning: str
    commit: str | None


def find_document(archive: Archive, number: str) -> ArchivedDocument:
    """The newest run that made a document."""
    for period in reversed(archive.periods()):
        last = archive.last(period)
        if last is not None and any(each["number"] == number for each in last[1]["documents"]):
            manifest = last[1]
            return ArchivedDocument(period, tuple(manifest["accounts"]), manifest["seal"]["meaning"], manifest["seal"]["commit"])
    raise NotFoundError(
        f"no archived run has a document {number!r}.\nReplay its period first; `inforce replay PERIOD` lists the documents."
    )


def explain_line(book: RuleBook, preview: Preview, number: str, line: int) -> dict[str, Json]:
    """The derivation of one line: its figures, how its prices were made, and each row of activity behind it."""
    for assembled in preview.assembled:
        invoice = assembled.invoice
        if draft_number(invoice, preview.period) != number:
            continue
        found = next((each for each in invoice.lines if each.line == line), None)
        if found is None:
            raise NotFoundError(f"{number} has lines 1 to {len(invoice.lines)}, not {line}.")
        rows = np.flatnonzero(assembled.backup["line"].to_numpy() == line)
        charges = assembled.charge[rows]
        backup = assembled.backup[rows].rows(named=True)
        telling = _telling(book, preview, charges)
        return {
            "schema": "inforce.explanation/1",
            "document": number,
            "body_sha256": invoice.body_sha256(),
            "line": found.line,
            "account": invoice.account,
            "site": found.section,
            "item": found.item,
            "description": found.description,
            "currency": invoice.currency,
            "quantity": str(found.quantity),
            "unit": found.unit,
            "price": str(found.price),
            "exact": decimal_text(found.quantity.units * found.price.units, found.quantity.digits + found.price.digits),
            "rounding": f"half {book.rounding.amount}, per line, {invoice.digits} places ({book.rounding.source})",
            "amount": decimal_text(found.amount, invoice.digits),
            "prices": telling.prices(charges[charges >= 0]),
            "rows": [
                telling.row(int(charge), cells, invoice.digits) if charge >= 0 else _made_row(book, cells, invoice.digits)
                for charge, cells in zip(charges, backup, strict=True)
            ],
        }
    raise NotFoundError(f"{number} is not made by this rule book and activity.\nReplay its period to see which documents are.")


def _made_row(book: RuleBook, cells: Mapping[str, Any], digits: int) -> dict[str, Json]:
    """A row that is no activity: a part of a window or of other lines."""
    names = ("id", "worker", "component", "quantity", "price", "exact", "service_day")
    told: dict[str, Json] = {name: cells[name] for name in names}
    form, _, name = cells["component"].partition(":")
    sources: dict[str, Source] = {
        **{each.accumulator: each.source for each in book.accumulators.values()},
        **{each.limit: each.source for each in book.assembly.limits},
        **{each.fee: each.source for each in book.assembly.fees},
        **{each.coupon: each.source for account in book.accounts.values() for each in account.coupons},
    }
    source = str(sources.get(name, ""))
    return told | {
        "basis": "window",
        "accumulator": name,
        "made_by": form,
        "source": source,
        "amount": decimal_text(int(cells["amount"]), digits),
    }


def _telling(book: RuleBook, preview: Preview, charges: Ints) -> _Telling | _MeasuredTelling:
    """Who tells the steps behind some charges of one line: those of time stand first, then those of each measured kind, then fees."""
    first = int(charges[charges >= 0].min()) if bool((charges >= 0).any()) else 0
    start = 0
    for _, rated in preview.timed:
        if first < start + len(rated.charges):
            return _Telling(book, preview)
        start += len(rated.charges)
    for each in (*(rated for _, rated in preview.measured), *preview.fees):
        if first < start + len(each.charges):
            return _MeasuredTelling(book, each, start)
        start += len(each.charges)
    return _Telling(book, preview)


class _MeasuredTelling:
    """Tells the steps behind charges of measured activity; `start` is the number of its first charge."""

    def __init__(self, book: RuleBook, rated: MeasuredRated, start: int) -> None:
        self.book, self.rated, self.start = book, rated, start
        self.charges = rated.charges.sort("row", "segment", "component")

    def prices(self, charges: Ints) -> list[Json]:
        """How each distinct price of some charges was made."""
        numbers = self.charges["point"].gather(charges - self.start).unique().sort().to_list()
        found: dict[str, Json] = {}
        for point in (self.rated.points[number] for number in numbers if number >= 0):
            factors: list[Json] = [_rate(factor) for factor in point.factors]
            model = (
                point.table.model
                if point.table.over == "activity"
                else f"{point.table.model}, over a {point.table.over} of the account"
            )
            told: dict[str, Json] = {
                "model": model, "base": _rate(point.rate), "factors": factors, "scheme": scheme_text(point.scheme, point.table.unit),
                "price": str(point.price), "window": point.window,
            }  # fmt: skip
            found.setdefault(str(told), told)
        return list(found.values())

    def _measure(self, activity: Mapping[str, Any]) -> dict[str, Json]:
        """What a row says: its quantity, or its amount."""
        measured = self.rated.measured
        if measured.kind.rated_by != "quantity" and activity["amount"] is not None:
            currency = self.book.accounts[self.book.sites[activity["site"]].account].currency
            return {"measured": decimal_text(int(activity["amount"]), CURRENCY_DIGITS[currency]), "unit": currency}
        return {"measured": decimal_text(int(activity["quantity"]), measured.digits), "unit": measured.kind.unit}

    def row(self, charge: int, cells: Mapping[str, Any], digits: int) -> dict[str, Json]:
        """One backup row with the activity behind it."""
        place = charge - self.start
        row = int(self.charges["row"][place])
        activity = self.rated.measured.frame.row(row, named=True)
        where = activity["file"] if not activity["row"] else f"{activity['file']}:{activity['row']}"
        decisions: list[Json] = []
        for slot, (numbers, found) in self.rated.decided.items():
            decisions.append(_decision(self.book, slot, found[int(numbers[row])]))
        return {
            "basis": "measured", "id": activity["id"], "source": activity["source"], "revision": activity["revision"], "file": where,
            "worker": activity["worker"], "component": cells["component"], "segment": cells["segment"], "start": cells["start"],
            "end": cells["end"], "service_day": cells["service_day"], "note": cells["note"], "events": activity["events"],
            **self._measure(activity),
            "decisions": decisions, "quantity": cells["quantity"], "price": cells["price"], "exact": cells["exact"],
            "amount": decimal_text(int(cells["amount"]), digits),
        }  # fmt: skip


def percent_text(percent: Decimals) -> str:
    """A fraction as a percentage."""
    text = str(
        Decimals(percent.units, max(percent.digits - 2, 0))
        if percent.digits >= 2
        else Decimals(percent.units * 10 ** (2 - percent.digits), 0)
    )
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text}%"


def scheme_text(scheme: Scheme, unit: str) -> str:
    """What a price says beside its figure, in words."""
    said = [
        *(
            f"{tier.start} to {tier.end or 'on'} {unit} at {tier.price}{f', fee {tier.fee}' if tier.fee else ''}"
            for tier in scheme.tiers
        ),
        *([f"packages of {scheme.package} {unit}"] if scheme.package else []),
        *(
            [f"allowance {scheme.allowance if isinstance(scheme.allowance, Decimals) else f'of term {scheme.allowance}'}"]
            if scheme.allowance
            else []
        ),
        *([f"{percent_text(scheme.percent)}"] if scheme.percent else []),
        *([f"at least {scheme.at_least}"] if scheme.at_least else []),
        *([f"at most {scheme.at_most}"] if scheme.at_most else []),
        *([f"{scheme.connect} for each"] if scheme.connect else []),
        *([f"first {scheme.first or 0}, then steps of {scheme.then}"] if scheme.then else []),
    ]
    return "; ".join(said)


class _Telling:
    """Tells the steps behind charges of one preview."""

    def __init__(self, book: RuleBook, preview: Preview) -> None:
        self.book, self.preview = book, preview
        if not preview.timed:
            return
        self.rated = preview.rated
        if preview.rated.inside is None:
            raise InvariantError("the steps of this rating were not kept; this is a fault of the engine")
        self.inside = preview.rated.inside

    # --- prices

    def prices(self, charges: Ints) -> list[Json]:
        """How each distinct price of some charges was made."""
        rated = self.rated
        pairs = sorted({(int(rated.charges.price_row[each]), int(rated.charges.recipe[each])) for each in charges})
        return [self._price(rated.prices.price_row(row), row, rated.recipes[recipe]) for row, recipe in pairs]

    def _price(self, row: PriceRow, number: int, recipe: Recipe) -> dict[str, Json]:
        rated, base = self.rated, row.base
        if base is None:
            raise NotFoundError(f"{row.site}, {row.item}: the line has no base price; this is a fault of the engine")
        made = rated.prices.make(recipe, ints([number]))
        steps: list[Json] = []
        so_far = base.value
        for premium in (recipe.own,) if recipe.own else recipe.premiums:
            alone = Recipe(own=premium, epoch=recipe.epoch, terms=recipe.terms)
            if recipe.combine == "multiply":
                place = recipe.premiums.index(premium)
                before = self._value(Recipe(recipe.premiums[:place], "multiply", "", recipe.epoch, recipe.terms), number)
                after = self._value(Recipe(recipe.premiums[: place + 1], "multiply", "", recipe.epoch, recipe.terms), number)
                so_far, adds = before, _minus(after, before)
            else:
                adds = self._value(alone, number)
            steps.append(self._premium(row, premium, recipe, so_far, adds))
        winner = int(made.winner[0])
        return {
            "days": f"{day_of(row.start)} .. {day_of(row.end)}",
            "base": _rate(base),
            "premiums": steps,
            "combine": recipe.combine,
            "counts": recipe.premiums[winner] if winner >= 0 else "",
            "own_line": recipe.own,
            "price": decimal_text(int(made.units[0]), int(made.digits[0])),
        }

    def _value(self, recipe: Recipe, number: int) -> Decimals:
        made = self.rated.prices.make(recipe, ints([number]))
        return Decimals(int(made.units[0]), int(made.digits[0]))

    def _premium(self, row: PriceRow, premium: str, recipe: Recipe, base: Decimals, adds: Decimals) -> dict[str, Json]:
        rule = self.book.premiums[premium]
        version = self.rated.prices.version(rule.formula, recipe.epoch)
        inputs: dict[str, Json] = {}
        for name, given in rule.given.items():
            if given.form == "base":
                inputs[name] = {
                    "value": str(base),
                    "from": "the base price" if recipe.combine != "multiply" else "the price so far",
                }
            elif given.form == "rate":
                rate = row.premiums[(given.name, premium)]
                inputs[name] = _rate(rate) if rate else {}
            elif given.form == "term":
                inputs[name] = {"value": str(dict(recipe.terms)[given.name]), "from": f"term {given.name}"}
            else:
                inputs[name] = {"value": str(given.number), "from": str(rule.source)}
        return {
            "premium": premium, "name": rule.name, "shown": rule.shown, "source": str(rule.source), "formula": version.text,
            "formula_version": f"{rule.formula} version {version.version}", "formula_source": str(version.source),
            "round": f"{version.digits} digits, half {version.half}", "inputs": inputs, "adds": str(adds), **_why(version.provenance),
        }  # fmt: skip

    # --- rows of activity

    def row(self, charge: int, cells: Mapping[str, Any], digits: int) -> dict[str, Json]:
        """One backup row with the activity behind it and the decisions that made it."""
        if cells["kind"] == "window":
            return self._window(cells, digits)
        charges, activity = self.rated.charges, self.rated.activity
        row = int(charges.row[charge])
        place = self.preview.collected.places
        at = self._place_of(row)
        basis = BASES[int(charges.basis[charge])]
        told: dict[str, Json] = {
            "id": activity.id[row],
            "source": activity.source[row],
            "revision": int(activity.revision[row]),
            "file": f"{place['file'][at]}:{place['row'][at]}",
            "worker": activity.worker.text(row),
            "recorded": self._span(row, "start", "end"),
            "scheduled": self._span(row, "scheduled_start", "scheduled_end"),
            "cancelled": self._instant(row, int(activity.times["cancelled_at"][row])),
            "notice": _length(int(self.inside.lengths["notice"][row])),
            "basis": basis,
            "component": charges.component.text(charge),
            "segment": int(charges.segment[charge]),
            "decisions": self._decisions(row),
        }
        if basis in ("worked", "own-line"):
            told |= self._time(row, charge)
        told["billed_seconds_of_activity"] = int(self.rated.seconds[row])
        told["quantity_of_activity"] = self._quantity_of(row)
        told |= {"quantity": cells["quantity"], "price": cells["price"], "exact": cells["exact"]}
        told["amount"] = decimal_text(int(cells["amount"]), digits)
        return told

    def _window(self, cells: Mapping[str, Any], digits: int) -> dict[str, Json]:
        """A charge for a whole window: its accumulator, where that is declared, and why."""
        name = cells["component"].removeprefix("window:")
        accumulator = self.book.accumulators[name]
        told: dict[str, Json] = {
            column: cells[column] for column in ("id", "worker", "component", "quantity", "price", "exact", "service_day")
        }
        return told | {
            "basis": "window", "accumulator": name, "source": str(accumulator.source), "amount": decimal_text(int(cells["amount"]), digits),
        }  # fmt: skip

    def _place_of(self, row: int) -> int:
        collected = self.preview.collected
        activity = self.rated.activity
        if len(collected.activity) == len(activity):
            return row
        same = (collected.activity.id == activity.id[row]) & (collected.activity.source == activity.source[row])
        return int(np.flatnonzero(same.to_numpy())[0])

    def _span(self, row: int, first: str, last: str) -> Json:
        times = self.rated.activity.times
        if times[first][row] == NONE:
            return None
        return f"{self._instant(row, int(times[first][row]))} .. {self._instant(row, int(times[last][row]))}"

    def _instant(self, row: int, utc: int) -> str:
        if utc == NONE:
            return ""
        zone = self.rated.zone[row : row + 1]
        return str(local_texts(ints([utc]), self.rated.timelines.offset_at(zone, ints([utc])))[0])

    def _time(self, row: int, charge: int) -> dict[str, Json]:
        """Rounded times, the break, and the seconds of the charge's segment by the premiums that apply."""
        inside, stretch = self.inside, self.inside.stretch
        terms = inside.terms[int(inside.term[row])]
        segment = int(self.rated.charges.segment[charge])
        part = int(np.flatnonzero((inside.parts.row == row) & (inside.parts.segment == segment))[0])
        pieces: list[Json] = []
        for piece in np.flatnonzero(inside.pieces["part"] == part).tolist():
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
            "punch_rounding": str(terms["punch-rounding"]),
            "break": f"{self._instant(row, off)} .. {self._instant(row, on)}" if on > off else "",
            "hours": str(terms["hours"]),
            "segment_from": self._instant(row, int(inside.parts.start[part])),
            "segment_to": self._instant(row, int(inside.parts.end[part])),
            "pieces": pieces,
        }

    def _quantity_of(self, row: int) -> str:
        charges = self.rated.charges
        mine = (charges.row == row) & (charges.basis < BASES.index("own-line"))
        return decimal_text(int(charges.quantity[mine].sum()), charges.quantity_digits)

    def _decisions(self, row: int) -> list[Json]:
        found: list[Json] = []
        for slot in ROW_SLOTS:
            decided = self.inside.decided.get(slot)
            if decided is not None and decided[row] >= 0:
                found.append(self._decision(self.inside.decisions[slot][int(decided[row])]))
        return found

    def _piece_decisions(self, row: int, kind: PieceKind, band: int) -> list[Json]:
        programs, case = self.inside.programs, int(self.inside.case[row])
        for state in range(len(self.rated.timelines.masks)):
            found, decisions = programs.decided(case, band, state)
            if found == kind:
                return [self._decision(each) for each in decisions]
        return []

    def _decision(self, decision: Decision) -> dict[str, Json]:
        return _decision(self.book, decision.slot, decision)


def _decision(book: RuleBook, slot: str, decision: Decision) -> dict[str, Json]:
    rules = {rule.id: rule for rule in book.policies[slot].rules}
    return {
        "decides": slot,
        "answers": list(decision.answers),
        "applied": [
            {
                "rule": name,
                "source": str(rules[name].source),
                "overridden": name in decision.beaten,
                **_why(rules[name].provenance),
            }
            for name in decision.fired
        ],
        "not_applied": [
            {"rule": name, "source": str(rules[name].source), "because_not": list(atoms)} for name, atoms in decision.not_fired
        ],
    }


def _rate(rate: Rate) -> dict[str, Json]:
    told: dict[str, Json] = {"rate": rate.id, "value": str(rate.value), "source": str(rate.source), **_why(rate.provenance)}
    if rate.instead_of is not None:
        told["instead_of"] = _rate(rate.instead_of)
    return told


def _why(provenance: Provenance) -> dict[str, Json]:
    approved = " ".join(text for text in (provenance.by, provenance.on, provenance.ref) if text)
    return {"reason": provenance.reason, "approved": approved or "not recorded"}


def _length(seconds: int) -> str:
    return "" if seconds == NONE else duration_text(seconds)


def _minus(left: Decimals, right: Decimals) -> Decimals:
    digits = max(left.digits, right.digits)
    return Decimals(left.units * 10 ** (digits - left.digits) - right.units * 10 ** (digits - right.digits), digits)
