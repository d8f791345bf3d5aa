"""The report of an impact as one sticky comment on a pull request: the headline first, at most so many bytes, silent if nothing changes.

Whatever comes from files is data: it cannot end a cell, open a tag, hide what follows, link, or call somebody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from engine.gate import Verdict
from engine.impact import Impact, Section
from engine.ratebook.changes import Change
from renderers.characters import visible
from renderers.impact_view import (
    NAMES,
    SHOWN,
    UNTOUCHED,
    Context,
    Row,
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

MARKER = "<!-- inforce:impact -->"
BUDGET = 65_536  # what a forge takes, in characters; counted in bytes, which are never fewer
_CUT = "_The rest does not fit into a comment: `inforce impact --format html` has it all._"
_LONGEST = 90  # characters of a text from a file
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+|~!&$])")
_LINKS = re.compile(r"@|:(?=//)|www(?=\.)|GH(?=-[0-9])|#(?=[0-9])", re.IGNORECASE)  # broken after what is found
_ZERO_WIDTH = "\N{WORD JOINER}"
_CODE = re.compile(r"[\w./@:+ -]+", re.ASCII)


def render(impact: Impact, verdicts: Sequence[Verdict], context: Context) -> str:
    """The comment; nothing if nothing changes."""
    if is_silent(impact):
        return ""
    head = [MARKER, f"### {headline(impact, context)}", *_unsound(impact), "", *_changes(impact, context), "", *_sums(impact)]
    blocks = [
        _gate(verdicts),
        *(_accounts(impact, section, context) for section in impact.sections if section.moved),
        _rules(impact),
        _computed(impact, context),
        _months(impact),
    ]
    return _within("\n".join(head), blocks)


def _within(text: str, blocks: Iterable[Sequence[str]], budget: int = BUDGET) -> str:
    """The text with as many whole blocks as fit, in order; says so if one does not."""
    left = budget - len(f"\n\n{_CUT}\n".encode())
    cut = False
    for block in blocks:
        more = "\n".join(["\n", *block]) if block else ""
        if len((text + more).encode()) <= left:
            text += more
        else:
            cut = True
    return f"{text}\n\n{_CUT}\n" if cut else f"{text}\n"


# --- the summary ----------------------------------------------------------------------------------------------------------------


def _unsound(impact: Impact) -> list[str]:
    if not impact.unsound:
        return []
    told = [f"> - **{plain(each.number)}**: {plain(each.unsound, 300)}" for each in impact.unsound[:SHOWN]]
    more = [f"> - and {len(impact.unsound) - SHOWN:,} more"] if len(impact.unsound) > SHOWN else []
    return ["", "> [!CAUTION]", "> The figures below cannot be relied on:", *told, *more]


def _changes(impact: Impact, context: Context) -> list[str]:
    changes = impact.difference.changes
    more = [f"- and {len(changes) - SHOWN:,} more changes"] if len(changes) > SHOWN else []
    by = ["", f"Edited by {plain(', '.join(context.authors[:SHOWN]))}"] if context.authors else []
    return [*(_change(each, context) for each in changes[:SHOWN]), *more, *by]


def _change(change: Change, context: Context) -> str:
    figures = "; ".join(figures_of(change)[:3])
    parts = [f"**{plain(change.id)}** {plain(figures)}".rstrip(), _code(place_of(change))]
    if change.provenance.reason:
        parts.append(plain(change.provenance.reason))
    return f"- {' · '.join([*parts, plain(approval_of(change, context))])}"


def _sums(impact: Impact) -> list[str]:
    told = ["| | before | after | change | |", "|---|--:|--:|--:|---|"]
    for section in impact.sections:
        found = sums(impact, section)
        note = plain(section_note(impact, section), 300)
        if not found:
            told.append(f"| {NAMES[section.state]} | - | - | - | {note} |")
        for number, each in enumerate(found):
            told.append(f"| {NAMES[section.state] if number == 0 else ''} | {_cells(each)} | {note if number == 0 else ''} |")
    return told


def _gate(verdicts: Sequence[Verdict]) -> list[str]:
    return [f"- gate {'ok' if each.passed else '**failed**'}: {plain(each.text())}" for each in verdicts]


# --- accounts, rules, months ----------------------------------------------------------------------------------------------------


def _accounts(impact: Impact, section: Section, context: Context) -> list[str]:
    found = rows(impact, section, context)
    told = [
        f"#### {NAMES[section.state]}, by account",
        "",
        "| account | before | after | change | because, or why not |",
        "|---|--:|--:|--:|---|",
    ]
    told += [_account(row, context) for row in found.moved[:SHOWN]]
    told += _rest(len(found.moved), "more that move")
    told += [_account(row, context) for row in found.unmoved[:SHOWN]]
    return told + _rest(len(found.unmoved), "more that do not")


def _account(row: Row, context: Context) -> str:
    return f"| {plain(row.account)} | {_cells(row.sum)} | {'; '.join(_why(row, context))} |"


def _why(row: Row, context: Context) -> list[str]:
    told = []
    for each in row.because[:SHOWN]:
        amount = f" {row.sum.text(each.amount, signed=True)}" if len(row.because) > 1 and row.sum else ""
        words = [*(_code(place_of(change)) for change in each.changes), *([plain(each.words)] if each.words else [])]
        told.append(f"{' + '.join(words[:3])}{amount}")
    told += [f"{plain(shield_words(each, context))} ({_code(place(each.source))})" for each in row.shields[:3]]
    return told or [UNTOUCHED]


def _rest(count: int, what: str) -> list[str]:
    return [f"| _and {count - SHOWN:,} {what}_ | | | | |"] if count > SHOWN else []


def _rules(impact: Impact) -> list[str]:
    found = by_rule(impact)
    if not found:
        return []
    told = [f"| by change | {' | '.join(NAMES[section.state] for section in impact.sections)} |", "|---|--:|--:|--:|"]
    for name, moved in found[:SHOWN]:
        amounts = (", ".join(each.moved for each in moved.get(section.state, [])) or "-" for section in impact.sections)
        told.append(f"| {plain(name)} | {' | '.join(amounts)} |")
    return told + ([f"| _and {len(found) - SHOWN:,} more_ | | | |"] if len(found) > SHOWN else [])


def _months(impact: Impact) -> list[str]:
    told = ["| month | | before | after | change |", "|---|---|--:|--:|--:|"]
    for section in impact.sections:
        told += [
            f"| {name} | {NAMES[section.state] if section.state != 'forward' else 'that month under the rules to come'} | {_cells(each)} |"
            for name, found in by_period(section)
            for each in found
        ]
    return ["<details><summary>Month by month</summary>", "", *told, "", "</details>"] if len(told) > 2 else []


def _computed(impact: Impact, context: Context) -> list[str]:
    told = [f"- {plain(each, 400)}" for each in computed(impact, context)]
    return ["<details><summary>How this was computed</summary>", "", *told, "", "</details>"]


# --- texts ----------------------------------------------------------------------------------------------------------------------


def _cells(total: Sum | None) -> str:
    before, after, change, unit = cells_of(total)
    return f"{before} | {after} | {f'**{change}** {unit}' if total is not None and total.change else f'{change} {unit}'.strip()}"


def plain(text: str, longest: int = _LONGEST) -> str:
    """A text from a file that Markdown leaves as it is: on one line, cut where it is long, calling nobody and linking nowhere."""
    line = " ".join(visible(text).split())
    line = f"{line[: longest - 1]}…" if len(line) > longest else line
    return _SPECIAL.sub(r"\\\1", _LINKS.sub(lambda found: found[0] + _ZERO_WIDTH, line))


def _code(text: str) -> str:
    """A place in the typeface of code, where nothing has a meaning; as a plain text if it would end that."""
    return f"`{text}`" if _CODE.fullmatch(text) and len(text) <= _LONGEST else plain(text)
