"""Blame: every invoice line that an entry of the rule book has touched, with what it touched of it.

Charges are looked at in columns: what made a price is asked once for each distinct price, what decided a row once for each decision.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import polars as pl

from engine.arrays import Bools, Ints
from engine.blame_entries import Key, entries_of, in_force, rate_keys
from engine.blame_timed import TimedBlame
from engine.bulk.measured_rating import MeasuredRated
from engine.canonical import Json
from engine.invoice import LineItem
from engine.money import decimal_text, parse_decimal, rounded
from engine.pipeline import Preview
from engine.ratebook.book import RuleBook
from engine.replay import draft_number

SCHEMA = "inforce.blame/1"
Place = tuple[str, int]  # a document and a line


@dataclass(frozen=True, slots=True)
class Touched:
    """What an entry touched of a line: how many of its backup rows, their quantity, and their amount in minor units of `digits`.

    A line of a correction is of origin `reversal` or `rebill`, and corrects another, if there is one.
    """

    document: str
    line: int
    period: str
    account: str
    site: str
    item: str
    description: str
    currency: str
    digits: int
    unit: str
    rows: int
    of_rows: int
    quantity: str
    amount: int
    line_amount: int
    origin: str
    corrects: Place | None = None

    def canonical(self) -> dict[str, Json]:
        """The line as canonical JSON."""
        return {
            "document": self.document, "line": self.line, "period": self.period, "account": self.account, "site": self.site, "item": self.item,
            "description": self.description, "currency": self.currency, "rows": self.rows, "of_rows": self.of_rows, "quantity": self.quantity,
            "unit": self.unit, "amount": decimal_text(self.amount, self.digits), "line_amount": decimal_text(self.line_amount, self.digits),
            "origin": self.origin,
            "corrects": {"invoice": self.corrects[0], "line": self.corrects[1]} if self.corrects is not None else None,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Total:
    """What an entry touched in one currency, of all that was billed in it, corrections in both; in minor units of `digits`."""

    currency: str
    digits: int
    lines: int
    amount: int
    billed: int

    @property
    def share(self) -> str:
        """The touched part of what was billed, as a percentage."""
        return f"{decimal_text(rounded(Fraction(self.amount, self.billed) * 10_000), 2)}%" if self.billed else "none"

    def canonical(self) -> dict[str, Json]:
        """The total as canonical JSON."""
        return {
            "currency": self.currency, "lines": self.lines, "amount": decimal_text(self.amount, self.digits),
            "billed": decimal_text(self.billed, self.digits), "share": self.share,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Blame:
    """The lines that some entries touched, and the totals by currency. `entries` names them with their places in the newest book."""

    asked: str
    entries: tuple[tuple[Key, str], ...]
    lines: tuple[Touched, ...]
    totals: tuple[Total, ...]

    def canonical(self) -> dict[str, Json]:
        """The blame as canonical JSON."""
        return {
            "schema": SCHEMA, "asked": self.asked, "entries": [{"what": what, "id": name, "source": place} for (what, name), place in self.entries],
            "lines": [each.canonical() for each in self.lines], "totals": [each.canonical() for each in self.totals],
        }  # fmt: skip


def blamed(
    asked: str, keys: frozenset[Key], books: Sequence[RuleBook], found: Sequence[Touched], billed: Mapping[tuple[str, int], int]
) -> Blame:
    """What was found as one answer; `billed` is the net of all documents that were looked at, by currency and its digits."""
    named: dict[Key, str] = {}
    for book in books:
        known = entries_of(book)
        named |= {key: str(known[key]) for key in keys & known.keys()}
    totals = []
    for (currency, digits), net in sorted(billed.items()):
        mine = [each.amount for each in found if each.currency == currency]
        totals.append(Total(currency, digits, len(mine), sum(mine), net))
    return Blame(asked, tuple(sorted(named.items())), tuple(found), tuple(each for each in totals if each.lines))


# --- lines ------------------------------------------------------------------------------------------------------------------


def touched(book: RuleBook, preview: Preview, keys: frozenset[Key], numbers: Iterable[str]) -> Iterator[Touched]:
    """The lines of some documents of a preview, made with its steps kept, that some entries touched."""
    charges = _charges(book, preview, keys) if keys else np.zeros(0, dtype=np.bool_)
    made = {_component(key) for key in keys}
    among = set(numbers)
    for assembled in preview.assembled:
        invoice = assembled.invoice
        number = draft_number(invoice, preview.period)
        if number not in among or not keys:
            continue
        mine = charges
        if book.accounts[invoice.account].per_row:
            mine = _with_parts(preview, charges)
        stands = assembled.charge >= 0
        hit = np.zeros(len(stands), dtype=np.bool_)
        hit[stands] = mine[assembled.charge[stands]]
        hit |= ~stands & assembled.backup["component"].is_in([*made, *_coupons(keys, invoice.account)]).to_numpy()
        rows = assembled.backup.select("line", "amount", "quantity", pl.Series("hit", hit))
        sizes = dict(rows.group_by("line").len().iter_rows())
        for (line,), some in rows.filter("hit").group_by(["line"], maintain_order=True):
            item = invoice.lines[int(str(line)) - 1]
            quantity = sum((Fraction(each) for each in some["quantity"]), Fraction(0))
            yield Touched(
                number, item.line, preview.period.name, invoice.account, item.section, item.item, item.description, invoice.currency, invoice.digits,
                item.unit, len(some), sizes[item.line], decimal_text(int(quantity * 10**item.quantity.digits), item.quantity.digits),
                int(some["amount"].sum()), item.amount, item.origin,
            )  # fmt: skip


def corrected(
    number: str, lines: Sequence[LineItem], before: Mapping[Place, Touched], anew: Iterable[tuple[LineItem, Touched]]
) -> Iterator[Touched]:
    """The touched lines of a correction: what takes back a touched line `before`, and what is billed `anew`, with the lines of the replay."""
    rebilled = {_figures(line): found for line, found in anew}
    for line in lines:
        found = before.get(line.corrects or ("", 0)) if line.origin == "reversal" else rebilled.get(_figures(line))
        if found is not None:
            mine = _taken_back(found) if line.origin == "reversal" else found
            yield replace(mine, document=number, line=line.line, origin=line.origin, corrects=line.corrects)


def _figures(line: LineItem) -> Hashable:
    return line.key, str(line.quantity), str(line.price), line.amount


def _taken_back(found: Touched) -> Touched:
    quantity = parse_decimal(found.quantity)
    minus = str(replace(quantity, units=-quantity.units))
    return replace(found, quantity=minus, amount=-found.amount, line_amount=-found.line_amount)


def _component(key: Key) -> str:
    """How the backup rows of lines that an entry makes are called."""
    form = {"percentage-fee": "fee", "limit": "window", "accumulator": "window"}.get(key[0])
    return f"{form}:{key[1]}" if form else ""


def _coupons(keys: frozenset[Key], account: str) -> list[str]:
    return [f"coupon:{name.partition(':')[2]}" for what, name in keys if what == "coupon" and name.startswith(f"{account}:")]


def _with_parts(preview: Preview, charges: Bools) -> Bools:
    """Where charges of one row of activity are one amount, the first of them stands for all."""
    keys = ["account", "split", "section", "kind", "source", "id", "item", "text", "unit", "digits", "origin", "refs"]
    entries = preview.entries.with_columns(hit=pl.Series(charges).gather(preview.entries["charge"]))
    found = entries.select("charge", pl.col("hit").any().over(keys).alias("hit"))
    mine = charges.copy()
    mine[found["charge"].to_numpy()] |= found["hit"].to_numpy()
    return mine


def _charges(book: RuleBook, preview: Preview, keys: frozenset[Key]) -> Bools:
    """Which charges some entries touched, by their numbers: those of time first, then those of measured kinds, then fees."""
    parts = [TimedBlame(book, rated, keys).touched() for _, rated in preview.timed]
    parts += [_measured(book, rated, keys) for _, rated in preview.measured]
    return np.concatenate(
        [np.zeros(0, dtype=np.bool_), *parts, *(_measured(book, rated, keys, fees=True) for rated in preview.fees)]
    )


def _measured(book: RuleBook, rated: MeasuredRated, keys: frozenset[Key], *, fees: bool = False) -> Bools:
    """Which charges of measured activity are touched."""
    charges = rated.charges.sort("row", "segment", "component")
    row: Ints = charges["row"].to_numpy().astype(np.int64)
    point = charges["point"].to_numpy().astype(np.int64)
    hit = []
    for each in rated.points:
        found = {key for rate in (each.rate, *each.factors) for key in rate_keys(rate)}
        hit.append(bool(found & keys))
    touched = np.array([*hit, False], dtype=np.bool_)[point] if len(charges) else np.zeros(0, dtype=np.bool_)
    for slot, (numbers, decisions) in rated.decided.items():
        wanted = {name.partition("/")[2] for what, name in keys if what == "rule" and name.partition("/")[0] == slot}
        stands = [any(rule in wanted and rule not in each.beaten for rule in each.fired) for each in decisions]
        touched = touched | np.array(stands or [False], dtype=np.bool_)[numbers[row]]
    if fees:
        mine = [name.replace(":", "/", 1) for what, name in keys if what == "fee"]
        ids = rated.measured.frame["id"].gather(row).str.replace(r"/[^/]*$", "")
        touched = touched | ids.is_in(mine).to_numpy()
    for what, key in keys:
        if what == "term":
            touched = touched | _allowances(book, rated, charges, key)
    return np.asarray(touched, dtype=np.bool_)


def _allowances(book: RuleBook, rated: MeasuredRated, charges: pl.DataFrame, key: str) -> Bools:
    """The charges whose allowance a wanted term gives."""
    said, _, start = key.rpartition("@")
    level, _, name = said.rpartition("/")
    found = [
        place >= 0
        and rated.points[place].scheme.allowance == name
        and in_force(book, rated.points[place].site, day, name) == (level, start)
        for place, day in charges.select("point", "day").iter_rows()
    ]
    return np.array(found, dtype=np.bool_)
