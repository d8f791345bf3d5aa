"""Review: what is wrong with a change of the rule book, judged against the book it began from. What stood there before is not judged again.

Three questions: does it rewrite days that are past (here), were its entries approved by somebody else than who wrote them (here), and
do its commits carry the approvals that the owners of its files must give (`engine.ratebook.demands`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from engine.dates import DateError, parse_day
from engine.money import CURRENCY_DIGITS, decimal_text
from engine.problems import InforceError, Problem, Severity, Source
from engine.ratebook.approvals import Approvals
from engine.ratebook.approvals_due import Entry, entries_of, lack
from engine.ratebook.book import FormulaVersion, RuleBook
from engine.ratebook.changes import Change
from engine.ratebook.changeset import ChangeSet, Signature
from engine.ratebook.demands import alike, demand_findings
from engine.ratebook.difference import changed
from engine.ratebook.entries import Entries, entries
from engine.ratebook.reach import Books
from engine.ratebook.second_look import carried_approvals, leaps

# What has days of its own, so that something new can follow it where it is changed.
_DATED = frozenset({"price", "override", "term", "geo", "rule", "fee", "coupon", "exemption", "share", "tax"})
_AND = " + "
_RELATED_MAX = 5
_FOLLOWS = frozenset({"fees, coupons and limits that follow", "tax"})  # parts of what moves that no change is named for
_TACIT = frozenset({"order", "terms"})  # where entries stand has no days


@dataclass(frozen=True, slots=True)
class Moved:
    """An issued document that the change moves, by how much in minor units.

    `by` gives the parts of changes by their id (several joined by ` + `); what only follows from them has another name. It is sound if the
    book before makes it as it was issued.
    """

    number: str
    account: str
    period: str
    currency: str
    change: int
    by: Mapping[str, int]
    is_sound: bool = True

    @property
    def names(self) -> frozenset[str]:
        """All names in `by`, each by itself."""
        return frozenset(one for name in self.by for one in name.split(_AND))


@dataclass(frozen=True, slots=True)
class Past:
    """What has been billed: days before `open_day` are on issued documents. `moved` replays those under both books; it takes its time."""

    open_day: date
    moved: Callable[[], Sequence[Moved]]


@dataclass(frozen=True, slots=True)
class Reviewed:
    """The two books of a change, with the texts of the new one, and what is known around them."""

    before: RuleBook | None
    after: RuleBook
    files: Mapping[str, bytes]
    change_set: ChangeSet
    approvals_before: Approvals | None
    approvals_after: Approvals | None
    past: Past | None
    today: date

    @property
    def approvals(self) -> Approvals | None:
        """What the change is judged by: the approvals of the base, for nobody frees a change by the change itself."""
        return self.approvals_before or self.approvals_after


def review(asked: Reviewed) -> list[Problem]:
    """Everything that is wrong with a change."""
    found = list(demand_findings(asked.change_set, asked.approvals_before, asked.approvals_after))
    changes = changed(Books(asked.before, asked.after)) if asked.before is not None else []
    found += _entry_findings(asked, changes)
    if asked.before is not None:
        found += leaps(asked.after, changes)
        found += _past_findings(asked, asked.before, changes)
    return found


# --- entries: who wrote and who approved them ---------------------------------------------------------------------------------


def _entry_findings(asked: Reviewed, changes: Sequence[Change]) -> Iterator[Problem]:
    """Entries of the change that lack a reason or an approval, or whose approval cannot be one."""
    known = {(each.name, each.start): each.provenance for each in entries_of(asked.before)} if asked.before is not None else {}
    edited = {change.after for change in changes}
    paths = {each.after for each in asked.change_set.files if not each.is_rename}
    mine = [
        each for each in entries_of(asked.after)
        if each.source.path in paths and (each.source in edited or known.get((each.name, each.start)) != each.provenance)
    ]  # fmt: skip
    if not mine:
        return
    writers = _writers(mine, asked)
    severities = asked.approvals.severities if asked.approvals is not None else {}
    if asked.before is not None and severities.get("missing-approval", "warning") is not None:
        yield from carried_approvals(mine, list(entries_of(asked.before)), changes)
    by_themselves: dict[tuple[str, str, Signature], list[Entry]] = {}
    for entry in mine:
        if asked.before is None and not writers[entry.source]:  # nothing to compare with, and nobody wrote it in the change
            continue
        provenance = entry.provenance
        lacking = lack(entry)
        if lacking is not None:
            reason: Severity | None = severities.get("missing-reason", "warning") if not provenance.reason else None
            approval: Severity | None = severities.get("missing-approval", "warning") if not provenance.by else None
            grave = "error" if "error" in (reason, approval) else reason or approval
            if grave is not None:
                yield replace(lacking, severity=grave)
        day = _day(provenance.on)
        if day is not None and day > asked.today:
            said = f"{entry.name} was approved on {day}, and today is {asked.today}"
            yield Problem("R103", entry.source, said, "Correct the day of the approval")
        for writer in writers[entry.source]:
            if provenance.by and alike(provenance.by, writer, asked.approvals):
                by_themselves.setdefault((entry.source.path, provenance.by, writer), []).append(entry)
    for (_, name, writer), entries_ in by_themselves.items():
        first, *others = sorted(entries_, key=lambda each: each.source)
        also = f" and {len(others)} more {'entry' if len(others) == 1 else 'entries'} here" if others else ""
        said = f"{first.name}{also} {'were' if others else 'was'} approved by `{name}`, who wrote {'them' if others else 'it'} ({writer})"
        related = tuple((each.source, "and this one") for each in others[:_RELATED_MAX])
        yield Problem("R102", first.source, said, "Let somebody else approve it", related=related)


def _writers(mine: Sequence[Entry], asked: Reviewed) -> dict[Source, tuple[Signature, ...]]:
    """Who wrote lines of each entry in the change. An entry goes on until a line that stands further left, or another entry begins."""
    paths = {each.source.path for each in mine}
    begins = {(each.source.path, each.source.line) for each in entries_of(asked.after) if each.source.path in paths}
    texts = {path: asked.files[path].decode("utf-8", "replace").splitlines() for path in paths}
    found: dict[Source, tuple[Signature, ...]] = {}
    for entry in mine:
        path, line = entry.source.path, entry.source.line
        by_line, lines = asked.change_set.writers_of(path), texts[path]
        end = line
        while end < len(lines) and (path, end + 1) not in begins and _indent(lines[end]) >= entry.source.column - 1:
            end += 1
        found[entry.source] = tuple(dict.fromkeys(one for each in by_line[line - 1 : end] for one in each))
    return found


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip()) if line.strip() else len(line) + 999


# --- days that are past ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Late:
    """A change that reaches days before `day`; `declared` if it says anew why.

    `rewrites`: it edits or takes away what was in force, where something new could follow it.
    """

    change: Change
    day: date
    declared: bool
    rewrites: bool

    @property
    def source(self) -> Source:
        return place_of(self.change)

    @property
    def adds_undated(self) -> bool:
        """Whether it is something new that has no days, such as an account."""
        return all(each.before is None and each.start is None for each in self.change.stretches)


def _past_findings(asked: Reviewed, before: RuleBook, changes: Sequence[Change]) -> Iterator[Problem]:
    day = asked.past.open_day if asked.past is not None else newest_approval(before)
    if day is None:
        return
    yield from _version_findings(before, asked.after, day, asked.files)
    corrected = {f"{name}/{each.version}" for name, formula in asked.after.formulas.items() for each in formula.corrected}
    reaching = [
        change for change in changes
        if change.what not in _TACIT and any(_is_past(each.start, day) for each in change.stretches)
        and not (change.what == "formula" and change.id in corrected)  # told where it is corrected
    ]  # fmt: skip
    if not reaching:
        return
    said_before = {each.source: each.provenance.retroactive for each in entries_of(before)}
    books = (entries(before, asked.after), entries(asked.after, before))
    late = []
    for change in reaching:
        why = change.provenance.retroactive
        declared = bool(why) and said_before.get(change.before or Source("")) != why
        late.append(_Late(change, day, declared, _rewrites(change, day, *books)))
    if asked.past is None:
        yield from _without_documents(late, day, asked)
    else:
        yield from _with_documents(late, asked.past, asked)


def _with_documents(late: Sequence[_Late], past: Past, asked: Reviewed) -> Iterator[Problem]:
    """The money that moves on issued documents, once for the changes that move the same ones."""
    try:
        moved = past.moved()
    except InforceError as error:
        said = f"this change reaches days that have been billed, and the money it moves cannot be told: {error.first_line}"
        yield Problem("R030", late[0].source, said, "Correct that first; `inforce impact` says more")
        return
    groups: dict[tuple[bool, str, frozenset[str]], list[_Late]] = {}
    for each in late:
        numbers = _moved_by(each.change, moved)
        if numbers:
            groups.setdefault((each.declared, each.source.path, numbers), []).append(each)
        elif each.rewrites and not each.declared:
            yield _rewritten(each, "error", asked)
    ids = frozenset(each.change.id for each in late)
    for (declared, _, numbers), group in groups.items():
        documents = [each for each in moved if each.number in numbers]
        others = ids - {each.change.id for each in group}
        yield _retroactive(group, documents, past.open_day, others, declared=declared)


def _retroactive(
    group: Sequence[_Late], documents: Sequence[Moved], open_day: date, others: frozenset[str], *, declared: bool
) -> Problem:
    """The finding for changes that move some documents; what `others` move of them is left out, where it can be told apart."""
    ids = {each.change.id for each in group}
    sums: Counter[str] = Counter()
    shared = False
    for each in documents:
        parts = {name: frozenset(name.split(_AND)) for name in each.by}
        mine = [amount for name, amount in each.by.items() if parts[name] & ids]
        sums[each.currency] += sum(mine) if others & each.names else each.change
        shared = shared or any(names & ids and names & others for names in parts.values())
    periods = sorted({each.period for each in documents})
    span = periods[0] if len(periods) == 1 else f"{periods[0]} .. {periods[-1]}"
    money = ", ".join(_money(amount, currency) for currency, amount in sorted(sums.items()))
    which = "this change reaches" if len(group) == 1 else f"{len(group)} changes here reach"
    said = f"{which} {len(documents)} issued invoice{'s' * (len(documents) > 1)} ({span}, {money})"
    if shared:
        said += ", some of it together with other changes"
    unsound = sum(not each.is_sound for each in documents)
    if unsound:
        said += f"; {unsound} of them {'is' if unsound == 1 else 'are'} not as issued under the book before either, `inforce impact` says why"
    related = tuple((each.source, "and this one") for each in sorted(group, key=lambda each: each.source)[1 : 1 + _RELATED_MAX])
    first = min(group, key=lambda each: each.source)
    if declared:
        why = f"; retroactive: {first.change.provenance.retroactive}"
        return Problem(
            "R030",
            first.source,
            said + why,
            "Nothing is to be done; `inforce correct` will correct them",
            "warning",
            related=related,
        )
    remedy = f"Let it start on {open_day} or later, or ask for corrections: `retroactive: {{ reason: ... }}`"
    if first.change.after is None:
        remedy = f"Put it back, and end it on {open_day} or later"
    return Problem("R030", first.source, said, remedy, related=related)


def _without_documents(late: Sequence[_Late], day: date, asked: Reviewed) -> Iterator[Problem]:
    """No issued document is known, so the months are named and no money is."""
    for each in late:
        if each.declared or each.adds_undated or each.change.what == "formula":
            continue
        if each.rewrites:
            yield _rewritten(each, "warning", asked)
            continue
        said = (
            f"this change reaches {_months(each)}, and the book was in use until {day} at least; no issued invoice is known here, so the "
            f"money it moves cannot be told"
        )
        remedy = f"Let it start on {day} or later, or say why not: `retroactive: {{ reason: ... }}`"
        yield Problem("R030", each.source, said, remedy, "warning")


def _rewritten(late: _Late, severity: Severity, asked: Reviewed) -> Problem:
    change = late.change
    stretch = next(each for each in change.stretches if each.before is not None and _is_past(each.start, late.day))
    since = f"from {stretch.start}" if stretch.start is not None else "ever since"
    known = "" if asked.past is not None else "; no issued invoice is known here, so whether one differs cannot be told"
    if change.after is None or stretch.after is None:
        said = f"{change.what} {change.id} was {stretch.before} {since}, and is taken away{known}"
        remedy = f"Leave it for the days it was in force; end it on {late.day} or later"
    else:
        said = f"{change.what} {change.id} was {stretch.before} {since}, and is {stretch.after} now{known}"
        remedy = f"Leave it, and add an entry that starts on {late.day} or later; or say why: `retroactive: {{ reason: ... }}`"
    return Problem("R100", late.source, said, remedy, severity)


def _version_findings(before: RuleBook, after: RuleBook, day: date, files: Mapping[str, bytes]) -> Iterator[Problem]:
    """Released versions of formulas that are not what they were. One may be ended, on a day that is not past."""
    for name, formula in before.formulas.items():
        now = after.formulas.get(name)
        there = {each.version: each for each in (*now.versions, *now.corrected)} if now is not None else {}
        for old in formula.versions:
            if old.start >= day:
                continue
            new = there.get(old.version)
            what = _version_change(old, new, there.values(), day)
            if what:
                place = new.source if new is not None else now.source if now is not None else old.source
                source = place if place.path in files else Source(place.path)
                said = f"version {old.version} of {name} has been in force since {old.start}, and {what}"
                number = max([*there, *(each.version for each in formula.versions)]) + 1
                remedy = (
                    f"Leave it as it was; add version {number}, which starts on {day} or later, or says `corrects: {old.version}` and why: "
                    f"`retroactive: {{ reason: ... }}`"
                )
                yield Problem("R101", source, said, remedy)


def _version_change(old: FormulaVersion, new: FormulaVersion | None, there: Iterable[FormulaVersion], day: date) -> str:
    if new is None:
        same = next((each for each in there if (each.text, each.start) == (old.text, old.start)), None)
        return f"is renumbered to {same.version}" if same is not None else "is removed"
    if new.text != old.text:
        return f"its formula is changed from `{old.text}`"
    if (new.digits, new.half) != (old.digits, old.half):
        return f"its rounding is changed from {old.digits} digits, half {old.half}"
    if new.start != old.start:
        return f"now starts on {new.start}"
    if new.end != old.end and min(new.end or date.max, old.end or date.max) < day:
        return f"now ends {f'on {new.end}' if new.end is not None else 'never'}, which was {f'on {old.end}' if old.end is not None else 'never'}"
    return ""


def place_of(change: Change) -> Source:
    """Where a change stands: the new line; of what is taken away, the file."""
    return (
        change.after if change.after is not None else Source(change.before.path) if change.before is not None else Source("rates")
    )


def newest_approval(book: RuleBook) -> date | None:
    """The last day on which something of the book was approved: so far, at least, its rules have been known and may have been billed."""
    return max(filter(None, (_day(each.provenance.on) for each in entries_of(book))), default=None)


def _moved_by(change: Change, moved: Sequence[Moved]) -> frozenset[str]:
    """The numbers of the documents that a change moves: those that name it; if none does, those in its reach on which something has no name."""
    named = frozenset(each.number for each in moved if change.id in each.names)
    if named:
        return named
    accounts = change.reach.accounts
    return frozenset(each.number for each in moved if (accounts is None or each.account in accounts) and _FOLLOWS & each.names)


def _money(amount: int, currency: str) -> str:
    return f"{'+' if amount > 0 else ''}{decimal_text(amount, CURRENCY_DIGITS[currency], grouped=True)} {currency}"


def _is_past(start: date | None, day: date) -> bool:
    return start is None or start < day


def _rewrites(change: Change, day: date, before: Entries, after: Entries) -> bool:
    """Whether days before `day` had something else, and the entry that said it is not there any more as it was."""
    if change.what not in _DATED or not any(each.before is not None and _is_past(each.start, day) for each in change.stretches):
        return False
    one, two = (book.get((change.what, change.id)) for book in (before, after))
    if one is None or two is None or not one.points:
        return True
    return not {point.told for point in one.points} <= {point.told for point in two.points}


def _months(late: _Late) -> str:
    """The months before `day` that a change reaches."""
    starts = [each.start for each in late.change.stretches]
    ends = [
        late.day if each.end is None else min(each.end, late.day)
        for each in late.change.stretches
        if _is_past(each.start, late.day)
    ]
    last = f"{max(ends) - timedelta(1):%Y-%m}"
    if None in starts:
        return f"all months until {last}"
    first = f"{min(each for each in starts if each is not None):%Y-%m}"
    return first if first == last else f"{first} .. {last}"


def _day(text: str) -> date | None:
    try:
        return parse_day(text) if re.fullmatch(r"[0-9-]{10}", text) else None
    except DateError:
        return None
