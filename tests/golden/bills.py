"""Bills for the golden tests: the sample book with small replacements, a few rows of shifts, and what stands on the invoice."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import polars as pl

from engine.bulk.assembled import Assembled
from engine.dates import parse_period
from engine.money import decimal_text
from engine.pipeline import Preview, preview
from engine.ratebook.book import RuleBook
from engine.ratebook.build import build
from engine.steps.rate import Rater
from tests.sample_book import sample_files, sample_texts

Row = dict[str, str]
Edit = tuple[str, str, str]  # a file of the sample, the words that stand there once, and the words to stand there instead
Line = tuple[str, str, str, str, str]  # section, description, quantity, price, amount
Backing = tuple[str, int, str, str, str, str, str]  # id, segment, component, quantity, price, exact, amount

NO_ROUNDING: Edit = ("rates/terms-default.yaml", "{ to: 15min, half: up, per: punch }", "none")
BY_WALL: Edit = ("rates/terms-default.yaml", "hours: elapsed", "hours: wall")
BY_START: Edit = ("rules/calendar.yaml", "price-at: segment", "price-at: start")


@dataclass(frozen=True, slots=True)
class Bill:
    """What a month (or other period) of shifts makes under a book; the accessors are for its only invoice."""

    book: RuleBook
    found: Preview

    @property
    def only(self) -> Assembled:
        """The one invoice of the period."""
        (one,) = self.found.assembled
        return one

    @property
    def lines(self) -> list[Line]:
        """Its lines."""
        return lines(self.only)

    @property
    def total(self) -> str:
        """Its total."""
        return self.only.invoice.money(self.only.invoice.total)

    @property
    def backup(self) -> list[Backing]:
        """Its backup rows."""
        return backup(self.only)

    @property
    def fates(self) -> dict[str, tuple[str, str]]:
        """Fate and rule of each shift that is not billed."""
        assert not self.found.collected.rejects, self.found.collected.rejects
        return {fate.id: (fate.fate, fate.rule) for fate in self.found.fates}


def bill(*rows: Row, period: str = "2026-10", edits: tuple[Edit, ...] = ()) -> Bill:
    """The bill of some shifts by the sample book with `edits`."""
    book = _book(edits)
    names = [column.column for column in book.kinds["shift"].columns]
    cells = {name: [row.get(name, "") for row in rows] for name in names}
    raw = pl.DataFrame({**cells, "file": ["shifts.csv"] * len(rows), "row": list(range(2, len(rows) + 2))})
    return Bill(book, preview(Rater(book), {"shift": raw}, parse_period(period), inside=True))


def lines(assembled: Assembled) -> list[Line]:
    """The lines of an invoice as texts."""
    return [
        (line.section, line.description, str(line.quantity), str(line.price), decimal_text(line.amount, 2))
        for line in assembled.invoice.lines
    ]


def backup(assembled: Assembled) -> list[Backing]:
    """The backup rows of an invoice as texts."""
    rows = assembled.backup.iter_rows(named=True)
    return [
        (
            row["id"],
            row["segment"],
            row["component"],
            row["quantity"],
            row["price"],
            row["exact"],
            decimal_text(row["amount"], 2),
        )
        for row in rows
    ]


@lru_cache(maxsize=64)
def _book(edits: tuple[Edit, ...]) -> RuleBook:
    texts = sample_texts()
    for path, old, new in edits:
        assert texts[path].count(old) == 1, f"{path}: {old!r} stands there {texts[path].count(old)} times"
        texts[path] = texts[path].replace(old, new)
    return build(sample_files(**texts))
