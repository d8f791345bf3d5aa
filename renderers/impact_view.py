"""What a report of an impact shows, whichever form it has: sums, accounts with because and why not, rules and months."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction
from itertools import groupby, pairwise

from engine.dates import Period, period_named
from engine.gate import lacks_estimate
from engine.impact import SEVERAL, Impact, MovedDocument, Section, State
from engine.money import CURRENCY_DIGITS, decimal_text, rounded
from engine.problems import Source
from engine.ratebook.changes import Change, Shield, rise_text
from renderers.difference_text import days, who
from renderers.view import counted

SHOWN = 10  # rows of a table; the CSV has them all
NAMES: Mapping[State, str] = {"issued": "Issued invoices that would differ", "open": "Open period", "forward": "Forward, a month"}
UNTOUCHED = "within reach, and no line of it differs"
NOTHING = "nothing changes: no issued invoice, no open period and no month to come"


@dataclass(frozen=True, slots=True)
class Context:
    """What a report says beside the figures: the two sides, how many accounts there are, the day of the estimate, and who edited.

    `lines` are edited lines as they stand in their files, by path:line; `prices` are what overrides charge, by id.
    """

    before: str = "before"
    after: str = "after"
    commits: tuple[str, str] = ("before", "after")
    accounts: int | None = None
    day: date | None = None
    lines: Mapping[str, str] = field(default_factory=dict)
    authors: tuple[str, ...] = ()
    prices: Mapping[str, str] = field(default_factory=dict)
    names_people: bool = True

    def redacted(self, veil: Callable[[str], str]) -> Context:
        """What may be told of it where nobody is named: commits without the names of branches, and agreed prices by veiled ids."""
        prices = {veil(name): price for name, price in self.prices.items()}
        return replace(
            self, before=self.commits[0], after=self.commits[1], lines={}, authors=(), prices=prices, names_people=False
        )


@dataclass(frozen=True, slots=True)
class Sum:
    """An amount before and after, in minor units, over some months; what is shown is the exact mean of one, rounded half up."""

    currency: str
    before: int
    after: int
    months: int = 1

    @property
    def change(self) -> int:
        """What is moved over all months."""
        return self.after - self.before

    @property
    def percent(self) -> str:
        """By how much it rises or falls; nothing if there was nothing before."""
        return (rise_text(Fraction(self.before), Fraction(self.after)) or "") if self.change else ""

    def text(self, minor: int, *, signed: bool = False) -> str:
        """Some of its money, a month."""
        mean = rounded(Fraction(minor, self.months))
        return f"{'+' if signed and mean > 0 else ''}{decimal_text(mean, CURRENCY_DIGITS[self.currency], grouped=True)}"

    @property
    def moved(self) -> str:
        """The change with its sign and currency."""
        return f"{self.text(self.change, signed=True)} {self.currency}"


@dataclass(frozen=True, slots=True)
class Cause:
    """Changes that moved some of an amount together, or words for what follows from them (fees, tax)."""

    changes: tuple[Change, ...]
    words: str
    amount: int


@dataclass(frozen=True, slots=True)
class Row:
    """What a section moves of an account: because of what, and what keeps the rest of a change from it. No sum: no document is in reach."""

    account: str
    sum: Sum | None
    because: tuple[Cause, ...]
    shields: tuple[Shield, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """The accounts of a section: those that are moved, the most first, and those that a change was meant to reach and does not move."""

    moved: tuple[Row, ...]
    unmoved: tuple[Row, ...]


# --- sums -----------------------------------------------------------------------------------------------------------------------


def months_of(impact: Impact, section: Section) -> int:
    """How many months a section's amounts are the total of."""
    return max(impact.months, 1) if section.state == "forward" else 1


def sums(impact: Impact, section: Section) -> list[Sum]:
    """The documents of a section that are in reach, by currency."""
    months = months_of(impact, section)
    return [Sum(currency, before, after, months) for currency, (before, after) in section.totals().items()]


def by_period(section: Section) -> list[tuple[str, list[Sum]]]:
    """A section's periods, each by itself and in full."""
    return [(name, _by_currency(each for each in section.documents if each.period == name)) for name in section.periods]


def by_rule(impact: Impact) -> list[tuple[str, Mapping[State, list[Sum]]]]:
    """What each change, and what follows from it, moves in each section; a part of a document has no amount before."""
    found: dict[str, dict[State, list[Sum]]] = {}
    for section in impact.sections:
        for name, amounts in impact.by_change(section).items():
            moved = [Sum(currency, 0, amount, months_of(impact, section)) for currency, amount in sorted(amounts.items())]
            found.setdefault(name, {})[section.state] = moved
    known = [each.id for each in impact.difference.changes]
    return sorted(found.items(), key=lambda item: (item[0] not in known, item[0]))


def _by_currency(documents: Iterable[MovedDocument], months: int = 1) -> list[Sum]:
    before, after = Counter[str](), Counter[str]()
    for each in documents:
        before[each.currency] += each.before or 0
        after[each.currency] += each.after or 0
    return [Sum(currency, before[currency], after[currency], months) for currency in sorted(before)]


# --- accounts -------------------------------------------------------------------------------------------------------------------


def rows(impact: Impact, section: Section, context: Context) -> Rows:
    """The accounts of a section. One that is shielded everywhere is there too, though none of its documents is in reach."""
    months, known = months_of(impact, section), changes_by_id(impact)
    shields = _shields(impact, section, context)
    found = []
    differ = {(each.period, each.number) for each in section.moved}
    ordered = sorted(section.documents, key=lambda each: (each.account, each.currency))
    for (account, _currency), documents in groupby(ordered, key=lambda each: (each.account, each.currency)):
        mine = list(documents)
        (total,) = _by_currency(mine, months)
        by = Counter[str]()
        for each in mine:
            by.update(each.by)
        causes = tuple(cause_of(name, amount, known) for name, amount in by.items())
        row = Row(account, total, tuple(sorted(causes, key=_cause_order)), shields.pop(account, ()))
        found.append((any((each.period, each.number) in differ for each in mine), row))
    moved = [row for is_moved, row in found if is_moved]
    unmoved = [row for is_moved, row in found if not is_moved]
    unmoved += [Row(account, None, (), shield) for account, shield in shields.items()]
    return Rows(
        tuple(sorted(moved, key=lambda row: (-abs(row.sum.change) if row.sum else 0, row.account))),
        tuple(sorted(unmoved, key=lambda row: (not row.shields, row.account))),
    )


def cause_of(name: str, amount: int, known: Mapping[str, Change]) -> Cause:
    """The changes that a name in a document's account of its change stands for."""
    ids = [name] if name in known else name.split(SEVERAL)
    changes = tuple(known[each] for each in ids if each in known)
    return Cause(changes, "" if len(changes) == len(ids) else name, amount)


def changes_by_id(impact: Impact) -> dict[str, Change]:
    """The changes by id; of two with one id, the first."""
    return {each.id: each for each in reversed(impact.difference.changes)}


def _cause_order(cause: Cause) -> tuple[bool, int, str]:
    return (not cause.changes, -abs(cause.amount), cause.words)


def _shields(impact: Impact, section: Section, context: Context) -> dict[str, tuple[Shield, ...]]:
    """What shields each account on days of a section; an override's id begins with its account."""
    if not section.periods or not section.documents:
        return {}
    once: dict[tuple[Source, str], Shield] = {}
    for shield in (each for change in impact.difference.changes for each in change.shields):
        if _holds(shield, section, context.day):
            same = once.setdefault((shield.source, shield.by), shield)
            once[shield.source, shield.by] = replace(same, sites=tuple(sorted({*same.sites, *shield.sites})))
    found: dict[str, tuple[Shield, ...]] = {}
    for _, shield in sorted(once.items()):
        account = shield.by.partition(":")[0]
        found[account] = (*found.get(account, ()), shield)
    return dict(sorted(found.items()))


def _holds(shield: Shield, section: Section, day: date | None) -> bool:
    if section.state == "forward":
        spans = [] if day is None else [Period(day, date.fromordinal(day.toordinal() + 1), str(day))]
    else:
        spans = [period_named(name) for name in section.periods]
    return any(
        (shield.start is None or shield.start < span.end) and (shield.end is None or span.start < shield.end) for span in spans
    )


def cells_of(total: Sum | None) -> tuple[str, str, str, str]:
    """Before, after, change, and percent with currency; of an account without documents in reach, no more than that nothing changes."""
    if total is None:
        return "-", "-", "0.00", ""
    percent = f"({total.percent}) " if total.percent else ""
    return total.text(total.before), total.text(total.after), total.text(total.change, signed=True), f"{percent}{total.currency}"


# --- words ----------------------------------------------------------------------------------------------------------------------


def place(source: Source) -> str:
    """Where a line stands; the column says nothing to a reader."""
    return f"{source.path}:{source.line}" if source.line else source.path


def place_of(change: Change) -> str:
    """Where the edited line stands (of a removed one, where it stood)."""
    source = change.after or change.before
    return place(source) if source is not None else change.id


def figures_of(change: Change) -> list[str]:
    """What a change says, for each stretch of days."""
    found = []
    for each in change.stretches:
        percent = f" ({each.percent})" if each.percent else ""
        before, after = ("-" if said is None else said for said in (each.before, each.after))
        found.append(f"{before} -> {after}{percent} {days(each.start, each.end)}".rstrip())
    return found


def approval_of(change: Change, context: Context) -> str:
    """Who approved a change, as its file says."""
    if not context.names_people:
        return "approval not shown"
    return f"approved by {who(change)}" if who(change) else "approval not recorded in the file"


def shield_words(shield: Shield, context: Context) -> str:
    """What stands instead of a changed price; where it stands comes after it."""
    price = f" {context.prices[shield.by]}" if shield.by in context.prices else ""
    return f"own override{price} wins at {', '.join(shield.sites)}"


def headline(impact: Impact, context: Context) -> str:
    """The whole report in one line, which is the status of a check, too."""
    if impact.unsound:
        count, of = len(impact.unsound), impact.checked
        return f"UNSOUND: {count} of {counted(of, 'issued document')} {'is' if count == 1 else 'are'} not made again as issued"
    issued, opened, forward = impact.sections
    said = [_moved(impact, forward, "a month forward")]
    if lacks_estimate(impact) or not forward.periods:
        said = ["no estimate forward"]
    count = len(issued.moved)
    said.append(_moved(impact, issued, f"on {f'{count} ' if count else ''}issued invoice{'' if count == 1 else 's'}"))
    if opened.moved:
        said.append(_moved(impact, opened, "in the open period"))
    accounts = {each.account for section in impact.sections for each in section.moved}
    of_all = f" of {context.accounts}" if context.accounts is not None else ""
    return " · ".join([*said, f"{len(accounts)}{of_all} account{'' if len(accounts) == 1 and not of_all else 's'}"])


def _moved(impact: Impact, section: Section, where: str) -> str:
    told = sums(impact, section)
    amounts = [each.moved for each in told if each.change] or [each.moved for each in told if section.moved]
    return f"{' and '.join(amounts) or 'nothing'} {where}"


def periods_text(names: Sequence[str]) -> str:
    """Periods in few words: months that follow each other as first..last."""
    if len(names) > 2 and all(_next_month(one) == other for one, other in pairwise(names)):
        return f"{names[0]}..{names[-1]}"
    return ", ".join(names)


def _next_month(name: str) -> str:
    if len(name) != len("2026-10"):
        return ""
    number = int(name[:4]) * 12 + int(name[5:])
    return f"{number // 12}-{number % 12 + 1:02}"


def section_note(impact: Impact, section: Section) -> str:
    """What a section is over, in words."""
    if section.state == "forward" and section.documents:
        count = len(section.periods)
        return f"{f'mean of {count} months' if count > 1 else 'one month'} ({periods_text(section.periods)}), {section.note}"
    if not section.documents:
        return section.note or (f"nothing in reach in {periods_text(section.periods)}" if section.periods else "there is none")
    there = len(section.documents)
    others = f", {section.out_of_reach} out of reach" if section.out_of_reach else ""
    return f"{periods_text(section.periods)}: {len(section.moved)} of {counted(there, 'document')} in reach differ{others}"


def computed(impact: Impact, context: Context) -> list[str]:
    """How the figures came about, as sentences."""
    same = impact.checked - len(impact.unsound)
    told = [
        f"Before: {context.before}. After: {context.after}. Both with the same engine, on the same activity.",
        f"Issued and in reach of the change: {counted(impact.checked, 'document')}. Made again with the rule book before it, "
        f"{same} of {impact.checked} are what was issued, byte for byte.",
        f"Only prices were looked up anew for {counted(impact.repriced, 'document')}; rated from activity: {counted(impact.rated, 'document')}.",
        "The three sums are never added up: the first is corrected on later invoices, the second is not billed yet, "
        "the third is an estimate.",
    ]
    if impact.forward.documents and impact.months > 1:
        told.append(
            f"The estimate bills {impact.months} past months under rules of one day; each figure shown is their exact mean, "
            f"rounded half up by itself, so a cent may lie between them."
        )
    return told


def is_silent(impact: Impact) -> bool:
    """Whether there is nothing to tell: no document differs, all are sound, and an estimate could be made."""
    return impact.moves_nothing and not impact.unsound and not lacks_estimate(impact)
