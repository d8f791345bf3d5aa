"""Programs: what the policies of pieces make of each case, as sets of window states to be measured.

A *case* is what the policies can know of a row. For one case and one set of bands every window state gets an answer: which premiums
apply to time in that state. States with the same answer are measured together: a *piece kind*. A *program* is the piece kinds of a
case and set of bands with their states; equal programs are one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.arrays import Codes, codes
from engine.bulk.pricing import Recipe
from engine.bulk.signatures import (
    Facts,
    Grouping,
    answer_bits,
    band_bits,
    cells,
    merged_bits,
    row_groupings,
    state_bits,
)
from engine.bulk.timeline import Timelines
from engine.money import Decimals
from engine.ratebook.book import Premium, RuleBook, TermValue
from engine.ratebook.policies import Decider
from engine.ratebook.resolver import Decision, UndecidedError
from engine.ratebook.slots import CompiledSlot

States = frozenset[int]
_ASKED = ("counts", "premiums", "combine")


@dataclass(frozen=True, slots=True)
class Component:
    """What charges of one name have in common: their basis, and how their price is made."""

    basis: str
    name: str
    recipe: Recipe


@dataclass(frozen=True, slots=True)
class PieceKind:
    """Time with one answer: the premiums in its price (a recipe) and those on lines of their own.

    `label` orders pieces; `refusal` says why no answer could be given, should there be such time at all.
    """

    recipe: Recipe
    own: tuple[Recipe, ...]
    label: str
    refusal: str = ""

    @property
    def order(self) -> tuple[str, str, int, str]:
        """Where such time stands among the pieces of a segment (law 4.4)."""
        return (self.label, self.recipe.combine, self.recipe.epoch, str(self.recipe.terms))

    def components(self) -> tuple[Component, ...]:
        """The components that its time is charged under."""
        time = Component("worked", "+".join(self.recipe.premiums) or "base", self.recipe)
        return (time, *(Component("own-line", f"own:{own.own}", own) for own in self.own))


@dataclass(frozen=True, slots=True)
class Program:
    """The piece kinds of some time with their window states, and the same by component: numbers of `Programs.kinds` and `.components`."""

    kinds: tuple[tuple[int, States], ...]
    components: tuple[tuple[int, States], ...]


@dataclass(frozen=True, slots=True)
class Case:
    """The bits of each slot that is asked of pieces (without windows and bands), the formula epoch and the terms that premiums read."""

    bits: tuple[int, ...]
    epoch: int
    terms: tuple[tuple[str, TermValue], ...]


class Programs:
    """Every case, piece kind, component and program met so far. Numbers are given once; nothing may depend on their order."""

    def __init__(self, book: RuleBook, slots: Mapping[str, CompiledSlot], decider: Decider, lines: Timelines) -> None:
        self.book, self.decider, self.lines = book, decider, lines
        self.bands = tuple(band.band for each in book.accumulators.values() for band in each.bands)
        self.slots = {name: slots[name] for name in _ASKED if name in slots}
        self.kinds: list[PieceKind] = []
        self.components: list[Component] = []
        self.programs: list[Program] = []
        self._states = {name: state_bits(slot, lines) for name, slot in self.slots.items()}
        self._terms = sorted(
            {given.name for premium in book.premiums.values() for given in premium.given.values() if given.form == "term"}
        )
        self._places = {name: place for place, name in enumerate(self.slots)}
        self._masks: dict[tuple[str, int], int] = {}
        self.cases: list[Case] = []
        self._case_numbers: dict[Case, int] = {}
        self._kind_numbers: dict[PieceKind, int] = {}
        self._component_numbers: dict[Component, int] = {}
        self._program_numbers: dict[Program, int] = {}
        self._known: dict[tuple[int, int], int] = {}
        self._counting: dict[tuple[int, int], Mapping[str, States]] = {}

    def component(self, component: Component) -> int:
        """The number of a component."""
        number = self._component_numbers.setdefault(component, len(self.components))
        if number == len(self.components):
            self.components.append(component)
        return number

    def case_of(self, facts: Facts, epoch: Codes) -> Codes:
        """The case of each row."""
        groupings = [row_groupings(slot, facts) for slot in self.slots.values()]
        term_values = [tuple((name, terms[name]) for name in self._terms if name in terms) for terms in facts.terms]
        distinct = list(dict.fromkeys(term_values))
        numbers = codes([distinct.index(value) for value in term_values] or [0])
        rest = [Grouping(epoch, tuple(range(int(epoch.max()) + 1 if len(epoch) else 1)))]
        rest.append(Grouping(codes(numbers[facts.term]), tuple(range(max(len(distinct), 1)))))
        found = cells([*(each for some in groupings for each in some), *rest], len(facts))
        numbers_of: list[int] = []
        for buckets in found.buckets:
            bits, place = [], 0
            for some in groupings:
                bits.append(merged_bits(some, buckets[place : place + len(some)]))
                place += len(some)
            numbers_of.append(self._case(Case(tuple(bits), buckets[-2], distinct[buckets[-1]])))
        return codes(codes(numbers_of)[found.cell]) if numbers_of else found.cell

    def _case(self, case: Case) -> int:
        number = self._case_numbers.setdefault(case, len(self.cases))
        if number == len(self.cases):
            self.cases.append(case)
        return number

    # --- what counts

    def counting(self, accumulator: str, case: int, mask: int) -> States:
        """The window states whose time counts for an accumulator, in a case and with some bands reached."""
        if "counts" not in self.slots:
            return frozenset()
        key = (case, mask)
        if key not in self._counting:
            found: dict[str, set[int]] = {name: set() for name in self.book.accumulators}
            for state in range(len(self.lines.masks)):
                for answer in self.decider.decide("counts", self._bits("counts", case, mask, state)).answers:
                    found[answer].add(state)
            self._counting[key] = {name: frozenset(states) for name, states in found.items()}
        return self._counting[key][accumulator]

    # --- what applies

    def program(self, case: int, mask: int) -> int:
        """The number of the program of a case with some bands reached."""
        key = (case, mask)
        if key not in self._known:
            pieces: dict[int, set[int]] = {}
            for state in range(len(self.lines.masks)):
                kind, _ = self.decided(case, mask, state)
                number = self._kind_numbers.setdefault(kind, len(self.kinds))
                if number == len(self.kinds):
                    self.kinds.append(kind)
                pieces.setdefault(number, set()).add(state)
            by_component: dict[int, set[int]] = {}
            for number, states in pieces.items():
                for component in self.kinds[number].components():
                    by_component.setdefault(self.component(component), set()).update(states)
            program = Program(_sorted(pieces), _sorted(by_component))
            self._known[key] = self._program_numbers.setdefault(program, len(self.programs))
            if self._known[key] == len(self.programs):
                self.programs.append(program)
        return self._known[key]

    def decided(self, case: int, mask: int, state: int) -> tuple[PieceKind, tuple[Decision, ...]]:
        """The piece kind of time in one window state, and the decisions behind it."""
        terms, epoch = self.cases[case].terms, self.cases[case].epoch
        if "premiums" not in self.slots:
            return _piece((), "", epoch, terms), ()
        try:
            first = self.decider.decide("premiums", self._bits("premiums", case, mask, state))
            applied = tuple(premium for name, premium in self.book.premiums.items() if name in first.answers)
            in_price = [premium for premium in applied if premium.shown == "in-price"]
            if len(in_price) < 2:
                return _piece(applied, "", epoch, terms), (first,)
            if "combine" not in self.slots:
                named = ", ".join(premium.premium for premium in in_price)
                return PieceKind(Recipe(), (), "", f"premiums {named} apply together and no policy decides `combine`"), (first,)
            bits = self._bits("combine", case, mask, state) | answer_bits(self.slots["combine"], first.answers)
            second = self.decider.decide("combine", bits)
            return _piece(applied, second.answers[0], epoch, terms), (first, second)
        except UndecidedError as error:
            return PieceKind(Recipe(), (), "", str(error)), (error.decision,)

    def _bits(self, slot: str, case: int, mask: int, state: int) -> int:
        if (slot, mask) not in self._masks:
            self._masks[(slot, mask)] = band_bits(self.slots[slot], self.bands, mask)
        return self.cases[case].bits[self._places[slot]] | self._states[slot][state] | self._masks[(slot, mask)]


def _sorted(states: Mapping[int, set[int]]) -> tuple[tuple[int, States], ...]:
    return tuple(sorted((number, frozenset(some)) for number, some in states.items()))


def _piece(applied: Sequence[Premium], combine: str, epoch: int, terms: Sequence[tuple[str, TermValue]]) -> PieceKind:
    def needed(some: Sequence[Premium]) -> tuple[tuple[str, Decimals], ...]:
        names = {given.name for premium in some for given in premium.given.values() if given.form == "term"}
        return tuple((name, value) for name, value in terms if name in names and isinstance(value, Decimals))

    in_price = [premium for premium in applied if premium.shown == "in-price"]
    own = tuple(
        Recipe(own=premium.premium, epoch=epoch, terms=needed([premium])) for premium in applied if premium.shown == "own-line"
    )
    recipe = Recipe(tuple(premium.premium for premium in in_price), combine, "", epoch if in_price else 0, needed(in_price))
    return PieceKind(recipe, own, "+".join(sorted(premium.premium for premium in applied)))
