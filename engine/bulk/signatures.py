"""Signatures: whole columns of facts to the few distinct cases that a policy has to decide.

Each column is reduced to small buckets (which predicates of the policy its value meets), buckets to a cell number for each row.
Every distinct cell is decided once; the work for each row is a few gathers, however many rules there are.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.activity import Coded
from engine.arrays import NONE, Bools, Codes, Ints, codes, ints
from engine.bulk.timeline import Timelines
from engine.dates import day_number
from engine.money import Decimals
from engine.problems import InvariantError
from engine.ratebook.book import Condition, TermValue
from engine.ratebook.slots import Always, Atom, CompiledSlot, DatedFrom, DatedTo

_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {  # Any: whole columns or single numbers alike
    "less-than": operator.lt,
    "at-most": operator.le,
    "at-least": operator.ge,
    "more-than": operator.gt,
    "is": operator.eq,
    "not": operator.ne,
}
_CELLS_MAX = 1 << 16
PIECE_COLUMNS = ("in", "over", "answer-of premiums")  # what differs from piece to piece of one row


@dataclass(frozen=True, slots=True)
class Facts:
    """What policies can ask about each row.

    `texts` are dictionary columns, `lengths` numbers (seconds for durations, NONE where empty), made when they are first asked for,
    `day` the local dating day, `term` the number of the row's terms in `terms`, `start_state` the window state at its start, `touches`
    whether it touches a window.
    """

    texts: Mapping[str, Coded]
    lengths: Mapping[str, Callable[[], Ints]]
    day: Ints
    term: Codes
    terms: Sequence[Mapping[str, TermValue]]
    timelines: Timelines
    start_state: Callable[[], Codes]
    touches: Callable[[str], Bools]

    def __len__(self) -> int:
        return len(self.day)


@dataclass(frozen=True, slots=True)
class Cells:
    """The distinct cases of some rows: `cell[i]` is the case of row i; `buckets[c]` gives the bucket of each grouping column in case c."""

    cell: Codes
    buckets: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Grouping:
    """One column reduced to buckets: row i is in bucket `bucket[i]`, and a row of bucket b meets the atoms in `bits[b]`."""

    bucket: Codes
    bits: tuple[int, ...]


def row_groupings(slot: CompiledSlot, facts: Facts) -> list[Grouping]:
    """The groupings that decide all atoms of a slot but those that differ within a row (`PIECE_COLUMNS`)."""
    found: list[Grouping] = []
    columns: dict[str, list[int]] = {}
    fixed = 0
    for number, atom in enumerate(slot.atoms):
        if isinstance(atom, Always):
            fixed |= 1 << number
        else:
            columns.setdefault(_column_of(atom), []).append(number)
    for column, numbers in columns.items():
        if column not in PIECE_COLUMNS:
            found += _groupings(column, numbers, slot.atoms, facts)
    if fixed or not found:
        found.append(Grouping(np.zeros(len(facts), dtype=np.int32), (fixed,)))
    return found


def state_bits(slot: CompiledSlot, timelines: Timelines) -> tuple[int, ...]:
    """For each window state, the bits of the atoms on `in` that hold in it."""
    found = []
    for mask in timelines.masks:
        inside = [window for bit, window in enumerate(timelines.windows) if mask >> bit & 1]
        found.append(sum(1 << n for n, atom in enumerate(slot.atoms) if _column_of(atom) == "in" and _window_meets(atom, inside)))
    return tuple(found)


def band_bits(slot: CompiledSlot, bands: Sequence[str], mask: int) -> int:
    """The bits of the atoms on `over` that hold in time with the bands of a mask."""
    inside = [band for bit, band in enumerate(bands) if mask >> bit & 1]
    return sum(1 << n for n, atom in enumerate(slot.atoms) if _column_of(atom) == "over" and _window_meets(atom, inside))


def answer_bits(slot: CompiledSlot, answers: Sequence[str]) -> int:
    """The bits of the atoms of a piece slot that read which premiums apply."""
    return sum(
        1 << n for n, atom in enumerate(slot.atoms) if _column_of(atom) == "answer-of premiums" and _window_meets(atom, answers)
    )


def cells(groupings: Sequence[Grouping], rows: int, asked: Ints | None = None) -> Cells:
    """The distinct combinations of buckets that occur in the rows that are asked (None: all of them); they are numbered for those."""
    cell = np.zeros(rows if asked is None else len(asked), dtype=np.int64)
    combinations: list[tuple[int, ...]] = [()]
    for grouping in groupings:
        radix = len(grouping.bits)
        if radix > 1:
            cell = cell * radix + (grouping.bucket if asked is None else grouping.bucket[asked])
        combinations = [(*left, right) for left in combinations for right in range(radix)]
        if len(combinations) > _CELLS_MAX // 64:
            cell, combinations = _squeezed(cell, combinations)
    cell, combinations = _squeezed(cell, combinations)
    return Cells(codes(cell), tuple(combinations))


def _squeezed(cell: Ints, combinations: list[tuple[int, ...]]) -> tuple[Ints, list[tuple[int, ...]]]:
    used = np.zeros(len(combinations), dtype=np.bool_)
    used[cell] = True
    occurring = np.flatnonzero(used)
    if len(occurring) == len(combinations):
        return cell, combinations
    table = np.zeros(len(combinations), dtype=np.int64)
    table[occurring] = np.arange(len(occurring))
    return table[cell], [combinations[index] for index in occurring.tolist()]


def merged_bits(groupings: Sequence[Grouping], buckets: tuple[int, ...]) -> int:
    """The signature of one cell."""
    bits = 0
    for grouping, bucket in zip(groupings, buckets, strict=True):
        bits |= grouping.bits[bucket]
    return bits


def by_value(values: Sequence[int]) -> tuple[Codes, tuple[int, ...]]:
    """Values reduced to their distinct ones: (number of each, distinct values)."""
    distinct = sorted(set(values))
    place = {value: number for number, value in enumerate(distinct)}
    return codes([place[value] for value in values]), tuple(distinct)


def _column_of(atom: Atom) -> str:
    if isinstance(atom, (DatedFrom, DatedTo)):
        return "dated"
    return atom.column if isinstance(atom, Condition) else ""


def _groupings(column: str, numbers: list[int], atoms: Sequence[Atom], facts: Facts) -> list[Grouping]:
    chosen = [(number, atoms[number]) for number in numbers]
    if column == "dated":
        return [_dated(chosen, facts.day)]
    conditions = [(number, atom) for number, atom in chosen if isinstance(atom, Condition)]
    if column.startswith("term "):
        bits = [sum(1 << n for n, c in conditions if meets(c, terms[column[5:]], terms)) for terms in facts.terms]
        table, distinct = by_value(bits)
        return [Grouping(codes(table[facts.term]), distinct)]
    if column == "starts-in":
        bits = []
        for mask in facts.timelines.masks:
            inside = [window for bit, window in enumerate(facts.timelines.windows) if mask >> bit & 1]
            bits.append(sum(1 << n for n, c in conditions if _window_meets(c, inside)))
        table, distinct = by_value(bits)
        return [Grouping(table[facts.start_state()], distinct)]
    if column == "touches":
        return [_truth(number, _touching(condition, facts)) for number, condition in conditions]
    if column in facts.texts:
        text = facts.texts[column]
        bits = [sum(1 << n for n, c in conditions if meets(c, value, {})) for value in text.values]
        table, distinct = by_value([*bits, 0])
        return [Grouping(table[text.codes], distinct)]
    if column in facts.lengths:
        values = facts.lengths[column]()
        return [_truth(number, _compared(condition, values, facts)) for number, condition in conditions]
    raise InvariantError(
        f"no column {column!r} for a policy to read; this is a fault of the engine, check should have refused the policy"
    )


def _truth(number: int, holds: Bools) -> Grouping:
    return Grouping(holds.astype(np.int32), (0, 1 << number))


def _dated(chosen: Sequence[tuple[int, Atom]], day: Ints) -> Grouping:
    bounds = {number: (atom, day_number(atom.day)) for number, atom in chosen if isinstance(atom, (DatedFrom, DatedTo))}
    edges = sorted({edge for _, edge in bounds.values()})
    bits = []
    for bucket in range(len(edges) + 1):
        reached = edges[:bucket]
        bits.append(sum(1 << n for n, (atom, edge) in bounds.items() if (edge in reached) == isinstance(atom, DatedFrom)))
    return Grouping(codes(np.searchsorted(ints(edges), day, side="right")), tuple(bits))


def _compared(condition: Condition, values: Ints, facts: Facts) -> Bools:
    """A comparison of a length or number with constants (any of them), or with a term of the row."""
    compare = _COMPARE[condition.operator]
    if condition.term is not None:
        bounds: list[Ints | int] = [ints([_whole(terms[condition.term]) for terms in facts.terms])[facts.term]]
    else:
        bounds = [_whole(value) for value in condition.values]
    found = compare(values, bounds[0])
    for bound in bounds[1:]:
        found = found & compare(values, bound) if condition.operator == "not" else found | compare(values, bound)
    return np.asarray(found & (values != NONE))


def _touching(condition: Condition, facts: Facts) -> Bools:
    found = np.zeros(len(facts), dtype=np.bool_)
    for window in condition.values:
        found |= facts.touches(str(window))
    return ~found if condition.operator == "not" else found


def _window_meets(atom: Atom, inside: Sequence[str]) -> bool:
    return isinstance(atom, Condition) and any(value in inside for value in atom.values) == (atom.operator == "is")


def meets(condition: Condition, value: TermValue, terms: Mapping[str, TermValue]) -> bool:
    """Whether one value meets a condition; an empty one never does."""
    if value is None or value == "":
        return False
    if isinstance(value, str) and condition.type in ("yes-no", "answer"):
        return (value in _words(condition) or value.split(" ")[0] in _words(condition)) == (condition.operator == "is")
    if condition.operator in ("is", "not") and condition.term is None:
        return any(_same(value, each) for each in condition.values) == (condition.operator == "is")
    bound = terms[condition.term] if condition.term is not None else condition.values[0]
    return bool(_COMPARE[condition.operator](_number(value), _number(bound)))


def _words(condition: Condition) -> list[str]:
    return [("yes" if value else "no") if isinstance(value, bool) else str(value) for value in condition.values]


def _same(value: object, other: object) -> bool:
    if isinstance(value, Decimals) and isinstance(other, Decimals):
        return value.fraction() == other.fraction()
    return value == other


def _number(value: object) -> object:
    return value.fraction() if isinstance(value, Decimals) else value


def _whole(value: object) -> int:
    if isinstance(value, Decimals):
        if value.digits and value.units % 10**value.digits:
            raise InvariantError(
                f"{value} is compared with whole numbers; this is a fault of the engine, check should have refused it"
            )
        return int(value.units // 10**value.digits)
    if isinstance(value, int):
        return int(value)
    raise InvariantError(f"{value!r} is not a number or duration; this is a fault of the engine, check should have refused it")
