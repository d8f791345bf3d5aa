"""The report of an impact for a terminal: the three sums, then the accounts of each with because and why not."""

from __future__ import annotations

from collections.abc import Sequence

from engine.gate import Verdict
from engine.impact import Impact
from renderers.characters import columns, visible
from renderers.difference_text import summary
from renderers.impact_view import (
    NAMES,
    NOTHING,
    SHOWN,
    UNTOUCHED,
    Cause,
    Context,
    Row,
    Rows,
    Sum,
    approval_of,
    by_period,
    by_rule,
    cells_of,
    computed,
    figures_of,
    headline,
    is_silent,
    place,
    place_of,
    rows,
    section_note,
    shield_words,
    sums,
)


def render(impact: Impact, verdicts: Sequence[Verdict], context: Context) -> str:
    """The report; one line if nothing changes."""
    if is_silent(impact):
        return NOTHING
    lines = [headline(impact, context)]
    if impact.unsound:
        lines += [f"  {each.number}: {each.unsound}" for each in impact.unsound[:SHOWN]]
        lines += _rest(len(impact.unsound), "document")
        lines.append("The figures below cannot be relied on.")
    lines += ["", f"{summary(impact.difference)}   ({context.before} -> {context.after}{_by(context)})"]
    for change in impact.difference.changes[:SHOWN]:
        lines.append(
            f"  {change.what} {change.id}   {'; '.join(figures_of(change))}   {place_of(change)}   {approval_of(change, context)}"
        )
        if place_of(change) in context.lines:
            lines.append(f"    | {context.lines[place_of(change)].strip()}")
    lines += _rest(len(impact.difference.changes), "change")
    lines += ["", *_sums(impact)]
    for section in impact.sections:
        if section.moved:
            lines += ["", f"{NAMES[section.state]}, by account", *_accounts(rows(impact, section, context), context)]
    lines += ["", "By change", *_rules(impact), "", "By month", *_months(impact)]
    if verdicts:
        lines += ["", *(f"gate: {each.text()}" for each in verdicts)]
    lines += ["", *computed(impact, context)]
    return "\n".join(visible(line).rstrip() for line in lines)


def _by(context: Context) -> str:
    return f", edited by {', '.join(context.authors)}" if context.authors else ""


def _rest(count: int, what: str) -> list[str]:
    more = count - SHOWN
    return [f"  and {more:,} more {what}{'' if more == 1 else 's'} (--format csv has them all)"] if more > 0 else []


def _sums(impact: Impact) -> list[str]:
    told = []
    for section in impact.sections:
        cells = [cells_of(each) for each in sums(impact, section)] or [("-", "-", "-", "")]
        for number, each in enumerate(cells):
            first = number == 0
            told.append([NAMES[section.state] if first else "", *each, section_note(impact, section) if first else ""])
    return _table([["", "before", "after", "change", "", ""], *told])


def _accounts(found: Rows, context: Context) -> list[str]:
    shown = (*found.moved[:SHOWN], *found.unmoved[:SHOWN])
    told = [["account", "before", "after", "change", "", "because, or why not"]]
    told += [[row.account, *cells_of(row.sum), "; ".join(_why(row, context))] for row in shown]
    more = [max(len(each) - SHOWN, 0) for each in (found.moved, found.unmoved)]
    rest = [f"and {more[0]:,} more that move (--format csv has them all)"] if more[0] else []
    return [*_table(told), *rest, *([f"and {more[1]:,} more that do not"] if more[1] else [])]


def _why(row: Row, context: Context) -> list[str]:
    several = len(row.because) > 1
    told = [
        f"{cause_words(each)}{f' {row.sum.text(each.amount, signed=True)}' if several and row.sum else ''}"
        for each in row.because
    ]
    told += [f"{shield_words(each, context)} ({place(each.source)})" for each in row.shields]
    return told or [UNTOUCHED]


def cause_words(cause: Cause) -> str:
    """Where the edited lines stand, or what follows from them."""
    return " + ".join([*(place_of(each) for each in cause.changes), *([cause.words] if cause.words else [])])


def _rules(impact: Impact) -> list[str]:
    told = [["", *(NAMES[section.state] for section in impact.sections)]]
    for name, moved in by_rule(impact)[:SHOWN]:
        told.append([name, *(_amounts(moved.get(section.state, [])) for section in impact.sections)])
    return [*_table(told, right=3), *_rest(len(by_rule(impact)), "change")]


def _months(impact: Impact) -> list[str]:
    return _table(
        [
            ["month", "", "before", "after", "change", "", ""],
            *(
                [name, _WORDS[section.state], *cells_of(each), ""]
                for section in impact.sections
                for name, told in by_period(section)
                for each in told
            ),
        ],
        left=2,
    )


_WORDS = {"issued": "issued", "open": "open", "forward": "under the rules to come"}


def _amounts(moved: Sequence[Sum]) -> str:
    return ", ".join(each.moved for each in moved) or "-"


def _table(told: Sequence[Sequence[str]], *, left: int = 1, right: int = 3) -> list[str]:
    """Aligned columns: some to the left, some to the right, the rest to the left again."""
    shown = [[visible(cell) for cell in row] for row in told]
    widths = [max(map(columns, column)) for column in zip(*shown, strict=True)]
    lines = []
    for row in shown:
        cells = [
            " " * (width - columns(cell)) + cell if left <= at < left + right else cell + " " * (width - columns(cell))
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  " + "  ".join(cells).rstrip())
    return lines
