"""Activity as columns: what happened, one row for each live revision, ready to be rated; and the fate of every row read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import polars as pl

from engine.arrays import NONE, Bools, Codes, Ints, ints
from engine.problems import InvariantError

TIMES = ("start", "end", "scheduled_start", "scheduled_end", "cancelled_at", "break_start", "break_end")
MARKS = ("mark_billable", "mark_held", "mark_excluded")


@dataclass(frozen=True, slots=True)
class Coded:
    """A text column as dictionary codes: row i holds `values[codes[i]]`; -1 is empty."""

    values: tuple[str, ...]
    codes: Codes

    def text(self, row: int) -> str:
        """The value of one row, or the empty text."""
        code = int(self.codes[row])
        return self.values[code] if code >= 0 else ""

    def take(self, rows: Ints) -> Coded:
        """The same column for some rows."""
        return Coded(self.values, self.codes[rows])

    def compact(self) -> Coded:
        """The same column without values that no row has."""
        used = np.zeros(len(self.values) + 1, dtype=np.bool_)
        used[self.codes] = True
        kept = np.flatnonzero(used[:-1])
        table = np.full(len(self.values) + 1, -1, dtype=np.int32)
        table[kept] = np.arange(len(kept))
        return Coded(tuple(self.values[code] for code in kept), table[self.codes])

    def series(self) -> pl.Series:
        """The column as text, empty where there is none."""
        return pl.Series([*self.values, ""], dtype=pl.String).gather(np.where(self.codes < 0, len(self.values), self.codes))


def coded(values: Sequence[str] | pl.Series) -> Coded:
    """Dictionary codes of texts, values in sorted order; the empty text becomes -1."""
    series = values if isinstance(values, pl.Series) else pl.Series(values, dtype=pl.String)
    known = series.filter(series != "").unique().sort()
    found = series.replace_strict(known, pl.Series(np.arange(len(known), dtype=np.int32)), default=-1, return_dtype=pl.Int32)
    return Coded(tuple(known.to_list()), found.to_numpy().astype(np.int32))


@dataclass(frozen=True, slots=True)
class Activity:
    """Rows of one kind in strictly increasing order of (dating moment, source, id).

    Times are UTC seconds and lengths seconds, NONE where empty; `day` is the local day (days since 1970-01-01) of the dating moment `at`.
    `columns` holds every text, choice and yes-no column of the kind (yes-no as `yes`/`no`), `numbers` its whole-number columns.
    """

    kind: str
    source: pl.Series
    id: pl.Series
    revision: Ints
    site: Coded
    item: Coded
    worker: Coded
    at: Ints
    day: Ints
    times: Mapping[str, Ints]
    break_length: Ints
    columns: Mapping[str, Coded]
    numbers: Mapping[str, Ints]

    def __len__(self) -> int:
        return len(self.at)

    def take(self, rows: Ints) -> Activity:
        """Some rows, in the order given."""
        return replace(
            self,
            source=self.source.gather(rows),
            id=self.id.gather(rows),
            revision=self.revision[rows],
            site=self.site.take(rows),
            item=self.item.take(rows),
            worker=self.worker.take(rows),
            at=self.at[rows],
            day=self.day[rows],
            times={name: column[rows] for name, column in self.times.items()},
            break_length=self.break_length[rows],
            columns={name: column.take(rows) for name, column in self.columns.items()},
            numbers={name: column[rows] for name, column in self.numbers.items()},
        )

    def where(self, keep: Bools) -> Activity:
        """The rows for which `keep` is true."""
        return self if bool(keep.all()) else self.take(np.flatnonzero(keep))

    def order(self) -> Ints:
        """The row numbers in canonical order."""
        frame = pl.DataFrame({"at": self.at, "source": self.source, "id": self.id}).with_row_index("row")
        return ints(frame.sort("at", "source", "id")["row"].to_numpy())

    def check_order(self) -> None:
        """Refuses rows that are not in strictly increasing canonical order, or columns that are not whole numbers."""
        for name, column in (("at", self.at), ("day", self.day), *self.times.items(), *self.numbers.items()):
            if column.dtype != np.int64:
                raise InvariantError(f"activity column {name!r} is {column.dtype}, not whole numbers; nothing was written")
        if bool(np.any(self.at[1:] < self.at[:-1])):
            raise InvariantError("activity is not in order of its dating moments; nothing was written")
        ties = self.at[1:] == self.at[:-1]
        if bool((ties & ~_later(self.source, self.id)).any()):
            raise InvariantError(
                "activity of one dating moment is not in strictly increasing order of source and id; nothing was written"
            )


def _later(source: pl.Series, ids: pl.Series) -> Bools:
    """For each row but the last, whether the next one is later by (source, id)."""
    last = max(len(ids) - 1, 0)
    (one, two), (first, second) = ((column.slice(0, last), column.slice(1)) for column in (source, ids))
    return np.asarray(((two > one) | ((two == one) & (second > first))).to_numpy())


FateName = Literal["rejected", "elsewhere", "not billed", "held", "billed"]


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that could not be read: where (file, row, column), the value, what is wrong, and the cure."""

    code: str
    file: str
    row: int
    column: str
    value: str
    message: str
    cure: str

    def __str__(self) -> str:
        stop = "" if self.cure.endswith("?") else "."
        return f"{self.code} {self.file} row {self.row}, {self.column} = {self.value!r}: {self.message}. {self.cure}{stop}"


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a row that was read and is not billed; `rule` names the deciding rule or test."""

    fate: FateName
    rule: str
    file: str
    row: int
    source: str
    id: str
    revision: int
    account: str


def empty_times(rows: int) -> dict[str, Ints]:
    """Every time column, empty."""
    return {name: np.full(rows, NONE, dtype=np.int64) for name in TIMES}
