"""The overage report for a terminal: what is included, used and over, period by period."""

from __future__ import annotations

from collections.abc import Sequence

from engine.overage import Overage


def render_overage(found: Sequence[Overage]) -> str:
    """A table; those that were over most often come first."""
    if not found:
        return "nothing that was used has an allowance"
    rows = [["account", "item", "", *(f"{use.period}" for use in found[0].uses), "over"]]
    for each in sorted(found, key=lambda one: (-one.times_over, one.account, one.item)):
        used = [f"{each.text(use.included + use.over)} of {each.text(use.allowance)}" for use in each.uses]
        rows.append([each.account, each.item, each.unit, *used, f"{each.times_over} of {len(each.uses)}"])
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if at < 3 else cell.rjust(width) for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
