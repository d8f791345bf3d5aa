"""Runs: worked time without its breaks, cut wherever a window, a workday or a band begins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.arrays import Codes, Ints, check_border, ints
from engine.bulk.worked import Parts


@dataclass(frozen=True, slots=True)
class Runs:
    """Unbroken worked time, in order of row and time: run i is `start[i]`..`end[i]` (UTC seconds) of part `part[i]` of row `row[i]`.

    `band` holds a bit for each band that its time is in.
    """

    part: Ints
    row: Ints
    start: Ints
    end: Ints
    band: Codes

    def __len__(self) -> int:
        return len(self.row)

    def take(self, runs: Ints) -> Runs:
        """Some of the runs, in their order."""
        if len(runs) == len(self):
            return self
        return Runs(self.part[runs], self.row[runs], self.start[runs], self.end[runs], self.band[runs])

    def cut(self, run: Ints, at: Ints) -> tuple[Runs, Ints]:
        """The runs cut inside at instants, given in order of (run, instant); and which run each new one was."""
        if not len(run):
            return self, np.arange(len(self))
        pieces = 1 + np.bincount(run, minlength=len(self))
        old = np.repeat(np.arange(len(self)), pieces)
        first = np.cumsum(pieces) - pieces
        ordinal = np.arange(len(run)) - np.searchsorted(run, run)
        place = first[run] + 1 + ordinal
        found = Runs(self.part[old], self.row[old], self.start[old], self.end[old], self.band[old])
        found.start[place] = at
        found.end[place - 1] = at
        return found, old

    def check(self) -> None:
        """Refuses runs that are not whole numbers or not in strictly increasing order of (row, start)."""
        names = ("part", "row", "start", "end", "band")
        check_border("runs", {name: getattr(self, name) for name in names}, ("row", "start"))


def runs_of(parts: Parts) -> Runs:
    """The parts without their breaks; empty ones are left out."""
    broken = np.flatnonzero(parts.on > parts.off)
    part = np.arange(len(parts.row))
    start, end = parts.start, parts.end
    if len(broken):
        part = np.repeat(part, 1 + np.bincount(broken, minlength=len(part)))
        start, end = start[part], end[part]
        second = broken + 1 + np.arange(len(broken))
        end[second - 1], start[second] = parts.off[broken], parts.on[broken]
    there = np.flatnonzero(end > start)
    if len(there) < len(part):
        part, start, end = part[there], start[there], end[there]
    return Runs(ints(part), parts.row[part], start, end, np.zeros(len(part), dtype=np.int32))
