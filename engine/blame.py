"""Blame: every invoice line that an entry of the rule book has touched, with what it touched of it.

Charges are looked at in columns: what made a price is asked once for each distinct price, what decided a row once for each decision.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction

import numpy as np
import polars as pl

from engine.arrays import Bools, Ints
from engine.bulk.charges import BASES, Inside, Rated
from engine.bulk.measured_rating import MeasuredRated
from engine.bulk.pricing import Rate, Recipe
from engine.canonical import Json
from engine.dates import day_of
from engine.money import decimal_text, rounded
from engine.pipeline import Preview
from engine.problems import InforceError, InvariantError, Source
from engine.ratebook.book import Rule, RuleBook, TermsEntry
from engine.ratebook.resolver import Decision
from engine.replay import draft_number

SCHEMA = "inforce.blame/1"
Key = tuple[str, str]  # what an entry is, and its id
_TIME_TERMS = ("punch-rounding", "break", "hours")
_PLACE = re.compile(r"(.+\.yaml):([0-9]+)(?::[0-9]+)?")
_NEAR = 5


class NoEntryError(InforceError):
    """The rule book has no such entry."""


@dataclass(frozen=True, slots=True)
class Touched:
    """What an entry touched of a line: how many of its backup rows, their quantity, and their amount in minor units of `digits`."""

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

    def canonical(self) -> dict[str, Json]:
        """The line as canonical JSON."""
        return {
            "document": self.document, "line": self.line, "period": self.period, "account": self.account, "site": self.site, "item": self.item,
            "description": self.description, "currency": self.currency, "rows": self.rows, "of_rows": self.of_rows, "quantity": self.quantity,
            "unit": self.unit, "amount": decimal_text(self.amount, self.digits), "line_amount": decimal_text(self.line_amount, self.digits),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Total:
    """What an entry touched in one currency, of all that was billed in it; in minor units of `digits`."""

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


def blamed(asked: str, books: Sequence[RuleBook], found: Sequence[Touched], billed: Mapping[tuple[str, int], int]) -> Blame:
    """What was found as one answer; `billed` is the net of all documents that were looked at, by currency and its digits."""
    named: dict[Key, str] = {}
    for book in books:
        known = entries_of(book)
        named |= {key: str(known[key]) for key in wanted(book, asked)}
    totals = []
    for (currency, digits), net in sorted(billed.items()):
        mine = [each.amount for each in found if each.currency == currency]
        totals.append(Total(currency, digits, len(mine), sum(mine), net))
    return Blame(asked, tuple(sorted(named.items())), tuple(found), tuple(each for each in totals if each.lines))


# --- entries ----------------------------------------------------------------------------------------------------------------


def entries_of(book: RuleBook) -> dict[Key, Source]:
    """Everything in the book that can touch a line, with its place."""
    return dict(_entries(book))


def _entries(book: RuleBook) -> Iterator[tuple[Key, Source]]:
    for table in book.tables.values():
        for row in table.rows.values():
            yield from ((("price", f"{row.id}@{price.start}"), price.source) for price in row.prices if price.value is not None)
    for account in book.accounts.values():
        yield from ((("override", f"{each.id}@{each.start}"), each.source) for each in account.overrides)
        yield from ((("fee", each.id), each.source) for each in account.fees)
        yield from ((("coupon", f"{account.account}:{each.coupon}"), each.source) for each in account.coupons)
    for policy in book.policies.values():
        yield from ((("rule", f"{policy.slot}/{rule.id}"), rule.source) for rule in policy.rules)
    for formula in book.formulas.values():
        yield from ((("formula", f"{formula.formula}@{each.version}"), each.source) for each in formula.versions)
    yield from ((("premium", name), each.source) for name, each in book.premiums.items())
    yield from ((("accumulator", name), each.source) for name, each in book.accumulators.items())
    yield from ((("percentage-fee", each.fee), each.source) for each in book.assembly.fees)
    yield from ((("limit", each.limit), each.source) for each in book.assembly.limits)
    for level, entry in _levels(book):
        yield from ((("term", f"{level}/{name}@{entry.start}"), entry.places.get(name, entry.source)) for name in entry.values)


def _levels(book: RuleBook) -> Iterator[tuple[str, TermsEntry]]:
    yield from (("default", each) for each in book.default_terms)
    for account in book.accounts.values():
        yield from ((account.account, each) for each in account.terms)
        yield from ((f"{account.account}/{site.site}", each) for site in account.sites for each in site.terms)


def wanted(book: RuleBook, asked: str) -> frozenset[Key]:
    """The entries that a name or a place (path:line) stands for; a name without a day or a version is all of them."""
    known = entries_of(book)
    place = _PLACE.fullmatch(asked)
    if place is not None:
        here = {key: source.line for key, source in known.items() if source.path == place[1] and source.line <= int(place[2])}
        return frozenset(key for key, line in here.items() if line == max(here.values()))
    return frozenset(key for key in known if asked in _names(key))


def _names(key: Key) -> Iterator[str]:
    """All names of an entry: as explanations and differences write them, with what it is before it, and short."""
    what, name = key
    for each in (name, name.rpartition("@")[0]):
        if each:
            yield from (each, f"{what} {each}", f"{what}/{each}")
            if what == "formula":
                yield each.replace("@", "/")
            if what == "rule":
                yield each.rpartition("/")[2]
            if what in ("accumulator", "percentage-fee", "limit"):
                yield f"{'fee' if what == 'percentage-fee' else 'window'}:{each}"


def check_known(asked: str, books: Sequence[RuleBook]) -> None:
    """Refuses what is in none of the books, with the nearest names."""
    if any(wanted(book, asked) for book in books):
        return
    every = {key[1] for book in books for key in entries_of(book)}
    names = sorted({name for each in every for name in (each, each.rpartition("@")[0], each.rpartition("/")[2]) if name})
    near = [name for name in names if asked in name][:_NEAR] or get_close_matches(asked, names, _NEAR, 0)
    raise NoEntryError(
        f"no rate, override, rule, formula, premium or term is called {asked!r}.\nThe nearest are {', '.join(near)}.\n"
        f"Write it as `inforce explain` does, or as a place such as rates/geo/nyc.yaml:14."
    )


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
                int(some["amount"].sum()), item.amount,
            )  # fmt: skip


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
    parts = [_Timed(book, rated, keys).touched() for _, rated in preview.timed]
    parts += [_measured(book, rated, keys) for _, rated in preview.measured]
    return np.concatenate(
        [np.zeros(0, dtype=np.bool_), *parts, *(_measured(book, rated, keys, fees=True) for rated in preview.fees)]
    )


def _rate_keys(rate: Rate | None) -> Iterator[Key]:
    """A rate in force is a price of a table or an override; its id says which."""
    if rate is not None:
        yield ("price", rate.id)
        yield ("override", rate.id)


class _Timed:
    """The charges of activity that is rated by time."""

    def __init__(self, book: RuleBook, rated: Rated, keys: frozenset[Key]) -> None:
        self.book, self.rated, self.keys = book, rated, keys
        if rated.inside is None:
            raise InvariantError("the steps of this rating were not kept; this is a fault of the engine")
        self.inside: Inside = rated.inside
        self.rules: dict[str, set[str]] = {}
        for slot, _, rule in (name.partition("/") for what, name in keys if what == "rule"):
            self.rules.setdefault(slot, set()).add(rule)

    def touched(self) -> Bools:
        """Which charges are touched."""
        charges = self.rated.charges
        of_activity = charges.basis != BASES.index("window")  # the row of a window is only the first in it
        found = self._prices() | (self._decided_rows()[charges.row] & of_activity) | self._windows()
        if self._asks_pieces():
            found |= self._pieces()
        for level, name, start in self._terms():
            found |= self._term(level, name, start)
        return np.asarray(found)

    # --- prices

    def _prices(self) -> Bools:
        """Charges whose price was made of a wanted rate, premium or formula version."""
        charges = self.rated.charges
        code = charges.price_row * np.int64(max(len(self.rated.recipes), 1)) + charges.recipe
        distinct, place = np.unique(code, return_inverse=True)
        hit = [self._price(*divmod(each, max(len(self.rated.recipes), 1))) for each in distinct.tolist()]
        return np.array(hit or [False], dtype=np.bool_)[place] if len(charges) else np.zeros(0, dtype=np.bool_)

    def _price(self, row: int, recipe: int) -> bool:
        prices, how = self.rated.prices.price_row(row), self.rated.recipes[recipe]
        found: set[Key] = set()
        if not how.own or any(given.form == "base" for given in self.book.premiums[how.own].given.values()):
            found |= set(_rate_keys(prices.base))
        for premium in _premiums(how):
            rule = self.book.premiums[premium]
            version = self.rated.prices.version(rule.formula, how.epoch)
            found |= {("premium", premium), ("formula", f"{rule.formula}@{version.version}")}
            for given in rule.given.values():
                if given.form == "rate":
                    found |= set(_rate_keys(prices.premiums[(given.name, premium)]))
        return bool(found & self.keys)

    # --- decisions

    def _stands(self, decision: Decision) -> bool:
        wanted = self.rules.get(decision.slot, set())
        return any(rule in wanted and rule not in decision.beaten for rule in decision.fired)

    def _decided_rows(self) -> Bools:
        """Rows for which a wanted rule decided."""
        return self._rows_decided(self._stands)

    def _rows_decided(self, wanted: Callable[[Decision], bool]) -> Bools:
        found = np.zeros(len(self.rated.activity), dtype=np.bool_)
        for slot, decisions in self.inside.decisions.items():
            hit = np.array([*map(wanted, decisions), False], dtype=np.bool_)  # -1: not asked
            found |= hit[self.inside.decided[slot]]
        return found

    def _asks_pieces(self) -> bool:
        return bool(self.rules.keys() & {"premiums", "combine"}) or any(what == "accumulator" for what, _ in self.keys)

    def _pieces(self) -> Bools:
        """Charges with time for which a wanted rule of premiums decided, or that reached a band of a wanted accumulator."""
        return self._with_pieces(self._stands, {name for what, name in self.keys if what == "accumulator"})

    def _with_pieces(self, wanted: Callable[[Decision], bool], accumulators: set[str]) -> Bools:
        inside, programs, charges = self.inside, self.inside.programs, self.rated.charges
        if not inside.pieces:
            return np.zeros(len(charges), dtype=np.bool_)
        bands = {
            band.band for name in accumulators if name in self.book.accumulators for band in self.book.accumulators[name].bands
        }
        bits = sum(1 << bit for bit, name in enumerate(programs.bands) if name in bands)
        row = inside.parts.row[inside.pieces["part"]]
        cases = np.stack([inside.case[row], inside.pieces["band"], inside.pieces["kind"]], axis=1)
        distinct, place = np.unique(cases, axis=0, return_inverse=True)
        hit = [
            bool(band & bits) or self._decided(int(case), int(band), int(kind), wanted) for case, band, kind in distinct.tolist()
        ]
        found = np.flatnonzero(np.array(hit or [False], dtype=np.bool_)[place.reshape(-1)])
        names: dict[tuple[int, int], set[str]] = {}
        for piece in found.tolist():
            part = int(inside.pieces["part"][piece])
            there = names.setdefault((int(inside.parts.row[part]), int(inside.parts.segment[part])), set())
            there.update(each.name for each in programs.kinds[int(inside.pieces["kind"][piece])].components())
        mine = zip(charges.row.tolist(), charges.segment.tolist(), charges.component.codes.tolist(), strict=True)
        labels = charges.component.values
        none: set[str] = set()
        return np.array([labels[code] in names.get((at, segment), none) for at, segment, code in mine], dtype=np.bool_)

    def _decided(self, case: int, band: int, kind: int, wanted: Callable[[Decision], bool]) -> bool:
        """Whether a wanted rule stands behind time of one kind."""
        programs = self.inside.programs
        for state in range(len(self.rated.timelines.masks)):
            found, decisions = programs.decided(case, band, state)
            if found == programs.kinds[kind]:
                return any(map(wanted, decisions))
        return False

    def _windows(self) -> Bools:
        """The charges that a wanted accumulator fills windows with."""
        made = [f"window:{name}" for what, name in self.keys if what == "accumulator"]
        hit = np.array([name in made for name in self.rated.charges.component.values] or [False], dtype=np.bool_)
        return hit[self.rated.charges.component.codes]

    # --- terms

    def _terms(self) -> Iterator[tuple[str, str, str]]:
        for what, key in self.keys:
            if what == "term":
                name, _, start = key.rpartition("@")
                level, _, term = name.rpartition("/")
                yield level, term, start

    def _term(self, level: str, name: str, start: str) -> Bools:
        """Charges that a term made, where the wanted entry says it on the dating day."""
        charges, activity = self.rated.charges, self.rated.activity
        code = activity.site.codes.astype(np.int64) * 2**32 + activity.day
        distinct, place = np.unique(code, return_inverse=True)
        places = [(activity.site.values[each >> 32], int(each & (2**32 - 1))) for each in distinct.tolist()]
        holds = [_in_force(self.book, site, day, name) == (level, start) for site, day in places]
        mine = np.array(holds or [False], dtype=np.bool_)[place][charges.row] if len(charges) else np.zeros(0, dtype=np.bool_)
        return np.asarray(
            (mine & self._uses(name) & (charges.basis != BASES.index("window"))) | self._guaranteed(level, name, start)
        )

    def _guaranteed(self, level: str, name: str, start: str) -> Bools:
        """The charges of windows whose guarantee is a term, where the wanted entry says it on the window's first day."""
        charges, activity = self.rated.charges, self.rated.activity
        found = np.zeros(len(charges), dtype=np.bool_)
        for at in np.flatnonzero(charges.basis == BASES.index("window")).tolist():
            accumulator = self.book.accumulators[charges.component.text(at).removeprefix("window:")]
            if accumulator.line is None or accumulator.line.limit.term != name:
                continue
            ended, row = self.inside.ended[accumulator.accumulator], int(charges.row[at])
            place = int(np.flatnonzero((ended.row == row) & (ended.start == charges.start[at]))[0])
            found[at] = _in_force(self.book, activity.site.text(row), int(ended.first_day[place]), name) == (level, start)
        return found

    def _uses(self, name: str) -> Bools:
        """The charges in whose making a term is read, whatever it says."""
        charges = self.rated.charges
        if name == "approval":
            return np.ones(len(charges), dtype=np.bool_)
        worked = np.isin(charges.basis, [BASES.index(each) for each in ("worked", "own-line", "fill")])
        found = worked & (name in _TIME_TERMS)
        found |= (charges.basis == BASES.index("scheduled")) & (name in ("punch-rounding", "break"))
        found |= (charges.basis == BASES.index("fill")) & (name == "min-hours")
        reads = {(slot, rule.id) for slot, policy in self.book.policies.items() for rule in policy.rules if _reads(rule, name)}

        def stands(decision: Decision) -> bool:
            return any((decision.slot, rule) in reads and rule not in decision.beaten for rule in decision.fired)

        of_basis = self.inside.decided.get("billable")
        if of_basis is not None:
            found |= np.array([*(each.term == name for each in self.inside.basis), False], dtype=np.bool_)[of_basis][charges.row]
        found |= self._rows_decided(stands)[charges.row]
        limits = {
            each.accumulator for each in self.book.accumulators.values() if any(band.over.term == name for band in each.bands)
        }
        found |= self._with_pieces(stands, limits)
        recipes = np.array([name in dict(each.terms) for each in self.rated.recipes] or [False], dtype=np.bool_)
        return np.asarray(found | recipes[charges.recipe]) if len(charges) else found


def _premiums(recipe: Recipe) -> tuple[str, ...]:
    return (recipe.own,) if recipe.own else recipe.premiums


def _reads(rule: Rule, term: str) -> bool:
    return any(each.term == term or each.column == f"term {term}" for each in rule.when)


def _in_force(book: RuleBook, site: str, day: int, name: str) -> tuple[str, str] | None:
    """The level and the first day of the entry that says a term at a site on a day."""
    account = book.sites[site].account
    found = None
    levels = (
        ("default", book.default_terms),
        (account, book.accounts[account].terms),
        (f"{account}/{site}", book.sites[site].terms),
    )
    for level, said in levels:
        for entry in said:
            if entry.start <= day_of(day) and name in entry.values:
                found = (level, str(entry.start))
    return found


def _measured(book: RuleBook, rated: MeasuredRated, keys: frozenset[Key], *, fees: bool = False) -> Bools:
    """Which charges of measured activity are touched."""
    charges = rated.charges.sort("row", "segment", "component")
    row: Ints = charges["row"].to_numpy().astype(np.int64)
    point = charges["point"].to_numpy().astype(np.int64)
    hit = []
    for each in rated.points:
        found = {key for rate in (each.rate, *each.factors) for key in _rate_keys(rate)}
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
        and _in_force(book, rated.points[place].site, day, name) == (level, start)
        for place, day in charges.select("point", "day").iter_rows()
    ]
    return np.array(found, dtype=np.bool_)
