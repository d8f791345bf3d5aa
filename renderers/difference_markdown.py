"""What differs between two rule books, as Markdown for a pull request: a table of figures, then cases that are decided otherwise."""

from __future__ import annotations

import re

from engine.ratebook.changes import Change, Difference, Stretch
from renderers.difference_text import NOTHING, case_words, days, shield_words, summary, who

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+|~])")
_CASES = 5


def render_difference_markdown(found: Difference) -> str:
    """A heading with the counts, a table of all changes, and their cases below."""
    if not found.changes:
        return f"{NOTHING}\n"
    rows = [_row(change, stretch) for change in found.changes for stretch in (change.stretches or (None,))]
    table = ["| what | | before | after | change | days | approved | where |", "|---|---|--:|--:|--:|---|---|---|", *rows]
    return "\n".join([f"### {summary(found)}", "", *table, *_more(found), ""])


def _row(change: Change, stretch: Stretch | None) -> str:
    place = change.after or change.before
    cells = [
        change.what,
        f"**{_plain(change.id)}**",
        _plain(stretch.before or "-") if stretch else "",
        _plain(stretch.after or "-") if stretch else "",
        (stretch.percent or "") if stretch else "",
        days(stretch.start, stretch.end) if stretch else "",
        _plain(who(change)),
        f"`{place}`" if place is not None else "",
    ]
    return f"| {' | '.join(cells)} |"


def _more(found: Difference) -> list[str]:
    """What does not fit into a table: cases, shields, notes."""
    lines: list[str] = []
    for change in found.changes:
        said = [
            *(shield_words(each) for each in change.shields),
            *(case_words(each) for each in change.cases[:_CASES]),
            *([f"{len(change.cases) - _CASES} more cases"] if len(change.cases) > _CASES else []),
            *change.notes,
        ]
        if said:
            lines += ["", f"**{change.what} {_plain(change.id)}**", "", *(f"- {_plain(each)}" for each in said)]
    return lines


def _plain(text: str) -> str:
    """Text that Markdown leaves as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
