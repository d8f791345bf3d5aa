"""Running sums by group over rows in order, without a group-by: one packed sort, one cumulative sum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.arrays import Bools, Ints, ints

_BITS = 62


@dataclass(frozen=True, slots=True)
class Carried:
    """What groups have summed up to so far: `total[i]` of group `group[i]`, groups in increasing order."""

    group: Ints
    total: Ints

    def of(self, groups: Ints) -> Ints:
        """The sum of each group, 0 for one not seen yet."""
        if not len(self.group):
            return np.zeros(len(groups), dtype=np.int64)
        at = np.minimum(np.searchsorted(self.group, groups), len(self.group) - 1)
        return np.where(self.group[at] == groups, self.total[at], 0)

    def with_totals(self, groups: Ints, totals: Ints, keep: Bools | None = None) -> Carried:
        """The same with newer sums of some groups (in increasing order); `keep` says which of the old ones are still open."""
        if not len(groups):
            return self if keep is None else Carried(self.group[keep], self.total[keep])
        at = np.minimum(np.searchsorted(groups, self.group), len(groups) - 1)
        old = groups[at] != self.group
        if keep is not None:
            old &= keep
        mine = self.group[old]
        place = np.searchsorted(groups, mine)
        return Carried(np.insert(groups, place, mine), np.insert(totals, place, self.total[old]))


NOTHING = Carried(ints([]), ints([]))


def in_order(group: Ints, place: Ints | None = None) -> Ints:
    """The row numbers sorted by (group, place), place None being the order of the rows; groups are not negative."""
    count = len(group)
    if not count:
        return ints([])
    bits = count.bit_length()
    if int(group.max()) >= 1 << (_BITS - bits):
        return ints(np.lexsort((np.arange(count) if place is None else place, group)))
    rank = np.arange(count, dtype=np.int64)
    if place is not None:
        by_place = np.argsort(place, kind="stable")
        rank[by_place] = np.arange(count)
    packed = (group << bits) | rank
    packed.sort()
    at = packed & ((1 << bits) - 1)
    return by_place[at] if place is not None else at


def sums_before(group: Ints, value: Ints, carried: Carried = NOTHING, place: Ints | None = None) -> tuple[Ints, Ints, Ints]:
    """For each row the sum of `value` over the rows of its group before it; and the groups with their sums after all rows."""
    if not len(group):
        return ints([]), ints([]), ints([])
    at = in_order(group, place)
    sorted_group, sorted_value = group[at], value[at]
    first = np.flatnonzero(np.r_[True, sorted_group[1:] != sorted_group[:-1]])
    upto = np.cumsum(sorted_value)
    upto -= sorted_value
    groups = sorted_group[first]
    lift = carried.of(groups) - upto[first]
    upto += np.repeat(lift, np.diff(np.r_[first, len(group)]))
    before = np.empty(len(group), dtype=np.int64)
    before[at] = upto
    last = np.r_[first[1:], len(group)] - 1
    return before, groups, upto[last] + sorted_value[last]
