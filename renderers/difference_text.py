"""What differs between two rule books, for a terminal: a line for each figure, and cases for what is decided otherwise."""

from __future__ import annotations

from collections import Counter
from datetime import date

from engine.ratebook.changes import Case, Change, Difference, Shield, Stretch

_SHORT = 40  # words that are longer stand on lines of their own
_CASES = 5  # of one change; --format json has them all
NOTHING = "no difference: the rule books mean the same"
_PLURALS = {
    "policy": "policies",
    "percentage-fee": "percentage fees",
    "tax": "taxes",
    "tax-class": "tax classes",
    "charged": "charged prices",
    "taxes": "taxes",
}
_SINGULARS = {"charged": "charged price"}


def render_difference(found: Difference) -> str:
    """Every change with its days, who approved it and where it stands, and what it comes to in one line."""
    if not found.changes:
        return NOTHING
    widths = [max(len(text) for text in column) for column in zip(*((each.what, each.id) for each in found.changes), strict=True)]
    lines = [line for each in found.changes for line in _change(each, widths[0], widths[1])]
    return "\n".join([*lines, "", summary(found)])


def summary(found: Difference) -> str:
    """How many changes there are of what."""
    counts = Counter(each.what for each in found.changes)
    said = [
        f"{count} {_SINGULARS.get(what, what) if count == 1 else _PLURALS.get(what, f'{what}s')}"
        for what, count in counts.items()
    ]
    return f"{len(found.changes)} change{'' if len(found.changes) == 1 else 's'}: {', '.join(said)}" if said else NOTHING


def days(start: date | None, end: date | None) -> str:
    """Days in words; the last one is out."""
    said = (f"from {start}" if start is not None else "", f"to {end}" if end is not None else "")
    return " ".join(each for each in said if each)


def who(change: Change) -> str:
    """Who approved an entry, when, and by which reference."""
    said = change.provenance
    return " ".join(each for each in (said.by, said.on, said.ref) if each)


def case_words(case: Case) -> str:
    """A case that is decided otherwise."""
    given = ", ".join(f"{name} {value}" for name, value in case.given) or "any"
    on = f" on {case.on}" if case.on is not None else ""
    rules = [" + ".join(each) or "no rule" for each in (case.rules_before, case.rules_after)]
    by = f"by {rules[0]}" if rules[0] == rules[1] else f"by {rules[0]}, now {rules[1]}"
    return f"{given}{on}: {case.before} -> {case.after}  ({by})"


def shield_words(shield: Shield) -> str:
    """What stands instead of a changed price."""
    return f"shielded by {shield.by} at {', '.join(shield.sites)} {days(shield.start, shield.end)}".rstrip()


def _change(change: Change, wide: int, wider: int) -> list[str]:
    head = f"{change.what.ljust(wide)}  {change.id.ljust(wider)}"
    place = change.after or change.before
    tail = [each for each in (who(change), str(place) if place is not None else "") if each]
    if change.after is None and change.before is not None:
        tail.append("(removed)")
    lines = []
    for number, stretch in enumerate(change.stretches):
        first = head if number == 0 else " " * len(head)
        more = tail if number == 0 else []
        if max(len(_said(stretch.before)), len(_said(stretch.after))) <= _SHORT:
            lines.append("   ".join([f"{first}  {_figures(stretch)}", *_some(days(stretch.start, stretch.end)), *more]))
        else:
            lines.append("   ".join([first, *_some(days(stretch.start, stretch.end)), *more]))
            lines += [f"    - {_said(stretch.before)}", f"    + {_said(stretch.after)}"]
    if not change.stretches:
        lines.append("   ".join([head, *tail]))
    lines += [f"    {shield_words(each)}   {each.source}" for each in change.shields]
    lines += [f"    case: {case_words(each)}" for each in change.cases[:_CASES]]
    if len(change.cases) > _CASES:
        lines.append(f"    {len(change.cases) - _CASES} more cases: --format json")
    lines += [f"    {each}" for each in change.notes]
    return [line.rstrip() for line in lines]


def _figures(stretch: Stretch) -> str:
    percent = f"  ({stretch.percent})" if stretch.percent is not None else ""
    return f"{_said(stretch.before)} -> {_said(stretch.after)}{percent}"


def _said(words: str | None) -> str:
    return "-" if words is None else words


def _some(text: str) -> list[str]:
    return [text] if text else []
