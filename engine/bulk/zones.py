"""Local clock times to UTC seconds and back, for whole columns, by tables made from the zone database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np

from engine.arrays import NONE, Bools, Ints, ints
from engine.dates import DAY_SECONDS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STEP = 6 * 3600  # no zone changes its offset twice within six hours


@dataclass(frozen=True, slots=True)
class ZoneTable:
    """A zone's offsets: from `instants[i]` (UTC seconds) on, local clocks read UTC + `offsets[i]` seconds."""

    zone: str
    instants: Ints
    offsets: Ints

    def offset_at(self, utc: Ints) -> Ints:
        """Seconds that local clocks are ahead of UTC at the instants `utc`."""
        return self.offsets[np.searchsorted(self.instants, utc, side="right") - 1]

    def to_utc(self, local: Ints, given: Ints) -> tuple[Ints, Bools, Bools, Bools]:
        """UTC seconds of local clock readings, and what is wrong with them: (utc, nonexistent, ambiguous, wrong offset).

        `given` is the offset written beside the time, or NONE. Empty cells stay NONE and are never wrong.
        """
        before, after = self.offsets[:-1], self.offsets[1:]
        sure = np.searchsorted(self.instants[1:] + np.maximum(before, after), local, side="right")
        maybe = np.searchsorted(self.instants[1:] + np.minimum(before, after), local, side="right")
        utc = local - self.offsets[sure]
        odd = sure != maybe
        there, has_offset = local != NONE, given != NONE
        gap = odd & there & (self.offsets[np.minimum(maybe, len(self.offsets) - 1)] > self.offsets[sure])
        twice = odd & there & ~gap
        with_offset = np.where(has_offset & there, local - np.where(has_offset, given, 0), utc)
        wrong = has_offset & there & ~gap & (self.offset_at(with_offset) != given)
        return np.where(there, with_offset, NONE), gap, twice & ~has_offset, wrong


@cache
def zone_table(zone: str, first_day: int, last_day: int) -> ZoneTable:
    """The zone's offsets from two days before `first_day` to two days after `last_day` (days since 1970-01-01)."""
    info = ZoneInfo(zone)

    def offset(second: int) -> int:
        return int((_EPOCH + timedelta(seconds=second)).astimezone(info).utcoffset() // timedelta(seconds=1))  # type: ignore[operator]  # aware

    start, stop = (first_day - 2) * DAY_SECONDS, (last_day + 2) * DAY_SECONDS
    instants, offsets = [start], [offset(start)]
    for later in range(start + _STEP, stop + _STEP, _STEP):
        if offset(later) != offsets[-1]:
            low, high = later - _STEP, later
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset(middle) == offsets[-1] else (low, middle)
            instants.append(high)
            offsets.append(offset(high))
    return ZoneTable(zone, ints(instants), ints(offsets))
