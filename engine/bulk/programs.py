"""Programs: what the premium policies make of each case, as sets of window states to be measured.

For one case of a row (its cell) every window state gets an answer: which premiums apply to time in that state. States with the same
answer are measured together: a *piece kind*. A *program* is a row's piece kinds with their states; equal programs are one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.arrays import Codes, codes
from engine.bulk.pricing import Recipe
from engine.bulk.signatures import Facts, Grouping, answer_bits, cells, merged_bits, row_groupings, state_bits
from engine.money import Decimals
from engine.ratebook.book import Premium, RuleBook
from engine.ratebook.policies import Decider
from engine.ratebook.resolver import Decision, UndecidedError
from engine.ratebook.slots import CompiledSlot


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
    def component(self) -> str:
        """The charge component of the piece's time."""
        return "+".join(self.recipe.premiums) or "base"


@dataclass(frozen=True, slots=True)
class Programs:
    """The program of each row: `program[i]` indexes `programs`, each a tuple of (piece kind number, states) over `kinds`.

    `decisions[(cell, state)]` are the decisions behind a piece; `cell[i]` is the case of row i.
    """

    program: Codes
    programs: tuple[tuple[tuple[int, frozenset[int]], ...], ...]
    kinds: tuple[PieceKind, ...]
    cell: Codes
    decisions: Mapping[tuple[int, int], tuple[Decision, ...]]


def programs(book: RuleBook, slots: Mapping[str, CompiledSlot], decider: Decider, facts: Facts, epoch: Codes) -> Programs:
    """Decides the premiums of every case and window state that occurs."""
    premiums, combine = slots.get("premiums"), slots.get("combine")
    asked = [slot for slot in (premiums, combine) if slot is not None]
    groupings = [row_groupings(slot, facts) for slot in asked]
    numbers = [given.name for premium in book.premiums.values() for given in premium.given.values() if given.form == "term"]
    term_values = [tuple((name, terms[name]) for name in sorted(set(numbers))) for terms in facts.terms]
    distinct_terms = list(dict.fromkeys(term_values))
    term_grouping = Grouping(
        codes([distinct_terms.index(value) for value in term_values])[facts.term], tuple(range(len(distinct_terms)))
    )
    epoch_grouping = Grouping(epoch, tuple(range(int(epoch.max()) + 1 if len(epoch) else 1)))
    every = [*(grouping for slot_groupings in groupings for grouping in slot_groupings), epoch_grouping, term_grouping]
    found = cells(every, len(facts))
    states = {slot.slot.name: state_bits(slot, facts.timelines) for slot in asked}
    kinds: dict[PieceKind, int] = {}
    known: dict[tuple[tuple[int, frozenset[int]], ...], int] = {}
    program_of_cell: list[int] = []
    decisions: dict[tuple[int, int], tuple[Decision, ...]] = {}
    for number, buckets in enumerate(found.buckets):
        bits, place = {}, 0
        for slot, slot_groupings in zip(asked, groupings, strict=True):
            bits[slot.slot.name] = merged_bits(slot_groupings, buckets[place : place + len(slot_groupings)])
            place += len(slot_groupings)
        at_epoch, terms = buckets[-2], distinct_terms[buckets[-1]]
        pieces: dict[int, set[int]] = {}
        for state in range(len(facts.timelines.masks)):
            kind, why = _kind(
                book, decider, premiums, combine, {n: b | states[n][state] for n, b in bits.items()}, at_epoch, terms
            )
            decisions[(number, state)] = why
            pieces.setdefault(kinds.setdefault(kind, len(kinds)), set()).add(state)
        program = tuple(sorted((kind, frozenset(some)) for kind, some in pieces.items()))
        program_of_cell.append(known.setdefault(program, len(known)))
    return Programs(codes(program_of_cell)[found.cell], tuple(known), tuple(kinds), found.cell, decisions)


def _kind(
    book: RuleBook,
    decider: Decider,
    premiums: CompiledSlot | None,
    combine: CompiledSlot | None,
    bits: Mapping[str, int],
    epoch: int,
    terms: Sequence[tuple[str, object]],
) -> tuple[PieceKind, tuple[Decision, ...]]:
    if premiums is None:
        return _piece(book, (), "", epoch, terms), ()
    try:
        first = decider.decide("premiums", bits["premiums"])
        applied = tuple(premium for name, premium in book.premiums.items() if name in first.answers)
        in_price = [premium for premium in applied if premium.shown == "in-price"]
        if len(in_price) < 2:
            return _piece(book, applied, "", epoch, terms), (first,)
        if combine is None:
            return PieceKind(
                Recipe(),
                (),
                "",
                f"premiums {', '.join(p.premium for p in in_price)} apply together and no policy decides `combine`",
            ), (first,)
        second = decider.decide("combine", bits["combine"] | answer_bits(combine, first.answers))
        return _piece(book, applied, second.answers[0], epoch, terms), (first, second)
    except UndecidedError as error:
        return PieceKind(Recipe(), (), "", str(error)), (error.decision,)


def _piece(
    book: RuleBook, applied: Sequence[Premium], combine: str, epoch: int, terms: Sequence[tuple[str, object]]
) -> PieceKind:
    def needed(some: Sequence[Premium]) -> tuple[tuple[str, Decimals], ...]:
        names = {given.name for premium in some for given in premium.given.values() if given.form == "term"}
        return tuple((name, value) for name, value in terms if name in names and isinstance(value, Decimals))

    in_price = [premium for premium in applied if premium.shown == "in-price"]
    own = tuple(
        Recipe(own=premium.premium, epoch=epoch, terms=needed([premium])) for premium in applied if premium.shown == "own-line"
    )
    recipe = Recipe(tuple(premium.premium for premium in in_price), combine, "", epoch if in_price else 0, needed(in_price))
    return PieceKind(recipe, own, "+".join(sorted(premium.premium for premium in applied)))
