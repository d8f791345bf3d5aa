"""Which charges of activity that is rated by time some entries of the rule book touched, in columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from engine.arrays import Bools
from engine.blame_entries import Key, in_force, rate_keys
from engine.bulk.charges import BASES, Inside, Rated
from engine.bulk.pricing import Recipe
from engine.problems import InvariantError
from engine.ratebook.book import Rule, RuleBook
from engine.ratebook.resolver import Decision

_TIME_TERMS = ("punch-rounding", "break", "hours")


class TimedBlame:
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
            found |= set(rate_keys(prices.base))
        for premium in _premiums(how):
            rule = self.book.premiums[premium]
            version = self.rated.prices.version(rule.formula, how.epoch)
            found |= {("premium", premium), ("formula", f"{rule.formula}@{version.version}")}
            for given in rule.given.values():
                if given.form == "rate":
                    found |= set(rate_keys(prices.premiums[(given.name, premium)]))
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
        holds = [in_force(self.book, site, day, name) == (level, start) for site, day in places]
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
            found[at] = in_force(self.book, activity.site.text(row), int(ended.first_day[place]), name) == (level, start)
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
