"""Two rule books compared by meaning."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from commands.opened import two_books
from commands.terminal import working

if TYPE_CHECKING:
    from datetime import date

    from engine.ratebook.changes import Difference


def compared(folder: Path, refs: Sequence[str], days: Sequence[date], only: Sequence[str], *, charged: bool) -> Difference:
    """What differs between two commits, or between one and the files as they are; on all days, on one or on two."""
    from engine.ratebook.difference import difference, difference_on

    before, after = two_books(folder, refs, one=len(days) == 2)
    with working("comparing the rule books"):
        found = difference_on(before, days[0], after, days[-1]) if days else difference(before, after, charged=charged)
    return found.only(only)
