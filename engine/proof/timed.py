"""What stands behind charges of time: how their prices were made, which rules decided them, and how a quantity fell to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

import numpy as np

from engine.bulk.charges import BASES, ROW_SLOTS, Inside, Rated
from engine.canonical import Json
from engine.dates import day_of
from engine.problems import InvariantError, Source
from engine.proof.behind import Behind
from engine.proof.citations import Citations
from engine.proof.prices import TimePrices
from engine.ratebook.book import RuleBook
from engine.ratebook.resolver import Decision


class TimedCharges:
    """The charges of one kind of activity that is rated by time; `start` is the number of its first charge."""

    def __init__(self, book: RuleBook, rated: Rated, start: int, citations: Citations) -> None:
        self.book, self.rated, self.start, self.citations = book, rated, start, citations
        self._inside = _kept(rated)
        pieces, parts = self._inside.pieces, self._inside.parts
        self._pieces: dict[int, list[tuple[int, int, int, int]]] = {}  # by row: part, kind, band, seconds
        for piece in zip(*(pieces[name].tolist() for name in ("part", "kind", "band", "seconds")), strict=True):
            self._pieces.setdefault(int(parts.row[piece[0]]), []).append(piece)
        self._decided: dict[tuple[int, int, int], tuple[Decision, ...]] = {}

    def __len__(self) -> int:
        return len(self.rated.charges)

    def behind(self, charge: int) -> Behind:
        """What stands behind a charge."""
        charges, activity = self.rated.charges, self.rated.activity
        place = charge - self.start
        row, basis = int(charges.row[place]), BASES[int(charges.basis[place])]
        if basis == "window":
            return Behind(None, self._price(place, row), (), "hours missing to what a window guarantees")
        key = (activity.kind, activity.source[row], activity.id[row])
        return Behind(key, self._price(place, row), tuple(self._decisions(row, place, basis)))

    def quantity(self, charge: int, there: Mapping[int, int], *, each: bool) -> dict[str, Json]:
        """How the quantity of a row fell to its charges; `there` numbers those that are on the invoice, `each` on a backup row of its own.

        `within`: what is billed is no longer than the times that are printed.
        """
        charges, row = self.rated.charges, int(self.rated.charges.row[charge - self.start])
        first, last = np.searchsorted(charges.row, [row, row + 1]).tolist()
        mine = {(int(charges.segment[at]), charges.component.text(at)): at + self.start for at in range(first, last)}
        kinds, parts = self._inside.programs.kinds, self._inside.parts
        seconds: dict[tuple[int, int], int] = {}
        for part, kind, _, length in self._pieces.get(row, ()):
            key = (int(parts.segment[part]), kind)
            seconds[key] = seconds.get(key, 0) + length
        pieces: list[Json] = []
        for segment, kind in sorted(seconds, key=lambda key: (key[0], kinds[key[1]].order)):
            names = [component.name for component in kinds[kind].components()]
            made = [mine[segment, name] for name in names if (segment, name) in mine]
            numbers: list[Json] = [there[each] for each in made if each in there]
            pieces.append([segment, kinds[kind].label, seconds[segment, kind], numbers])
        left = int(self.rated.seconds[row]) - sum(seconds.values())
        if left:
            rest = [at for at in mine.values() if BASES[int(charges.basis[at - self.start])] in ("fill", "fixed", "scheduled")]
            pieces.append(
                [max((segment for segment, _ in mine), default=0), "", left, [there[each] for each in rest if each in there]]
            )
        unit = self.book.kinds[self.rated.activity.kind].unit
        digits, half = self.book.rounding.quantity[unit]
        within = each and not left and sum(seconds.values()) <= self._printed(at for at in mine.values() if at in there)
        return {"within": within, "digits": digits, "half": half, "pieces": pieces}

    def _printed(self, charges: Iterable[int]) -> int:
        """The seconds between the times that are printed for some charges."""
        start, end = self.rated.charges.start, self.rated.charges.end
        spans = {(int(start[each - self.start]), int(end[each - self.start])) for each in charges}
        return sum(last - first for first, last in spans)

    # --- parts of it

    def _price(self, place: int, row: int) -> dict[str, Json]:
        charges, prices = self.rated.charges, self.rated.prices
        recipe = self.rated.recipes[int(charges.recipe[place])]
        names = (recipe.own,) if recipe.own else recipe.premiums
        versions = {name: prices.version(self.book.premiums[name].formula, recipe.epoch) for name in names}
        terms = _places_of_terms(self.book, self.rated.activity.site.text(row), day_of(int(self.rated.activity.day[row])))
        row_of_price = prices.price_row(int(charges.price_row[place]))
        digits = int(charges.price_digits[place])
        return TimePrices(self.book, self.citations).steps(row_of_price, recipe, versions, terms, digits)

    def _decisions(self, row: int, place: int, basis: str) -> Iterable[Decision]:
        inside, charges = self._inside, self.rated.charges
        for slot in ROW_SLOTS:
            decided = inside.decided.get(slot)
            if decided is not None and decided[row] >= 0:
                yield inside.decisions[slot][int(decided[row])]
        if basis not in ("worked", "own-line"):
            return
        recipe, segment = self.rated.recipes[int(charges.recipe[place])], int(charges.segment[place])
        for part, kind, band, _ in self._pieces.get(row, ()):
            made = inside.programs.kinds[kind]
            if int(inside.parts.segment[part]) == segment and any(each.recipe == recipe for each in made.components()):
                yield from self._of_piece(int(inside.case[row]), band, kind)

    def _of_piece(self, case: int, band: int, kind: int) -> tuple[Decision, ...]:
        key = (case, band, kind)
        if key not in self._decided:
            programs = self._inside.programs
            found = (programs.decided(case, band, state) for state in range(len(self.rated.timelines.masks)))
            self._decided[key] = next((decisions for made, decisions in found if made == programs.kinds[kind]), ())
        return self._decided[key]


def _kept(rated: Rated) -> Inside:
    if rated.inside is None:
        raise InvariantError("the steps of this rating were not kept; this is a fault of the engine")
    return rated.inside


def _places_of_terms(book: RuleBook, site: str, day: date) -> dict[str, Source]:
    """Where the terms of a site on a day are written."""
    where = book.sites[site]
    found: dict[str, Source] = {}
    for level in (book.default_terms, book.accounts[where.account].terms, where.terms):
        for entry in level:
            if entry.start <= day:
                found |= {name: entry.places.get(name, entry.source) for name in entry.values}
    return found
