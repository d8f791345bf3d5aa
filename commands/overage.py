"""What accounts have included and what they use, month by month."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from commands.opened import AsOf, open_workspace, previews
from engine.dates import parse_period

if TYPE_CHECKING:
    from engine.overage import Overage


def used(folder: Path, asked: AsOf, period: str, months: int, accounts: Sequence[str]) -> tuple[list[str], tuple[Overage, ...]]:
    """The names of so many months that end with a period, and what is used in them."""
    from engine.overage import overage

    last = parse_period(period).start
    month = last.year * 12 + last.month - 1
    names = [f"{number // 12}-{number % 12 + 1:02}" for number in range(month - months + 1, month + 1)]
    opened = open_workspace(folder, asked)
    return names, overage(opened.book, list(previews(opened, [parse_period(name) for name in names], (), accounts)))
