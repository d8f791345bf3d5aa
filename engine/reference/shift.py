"""One row of activity from its times to its charges (law 3.3 to 3.6 and 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Protocol

from engine.money import Decimals
from engine.ratebook.basis import parse_basis
from engine.ratebook.book import ActivityKind, Basis, BreakTerms, RuleBook, Site, TermValue, Window
from engine.ratebook.resolver import UndecidedError, resolve
from engine.ratebook.slots import compile_slot, holds
from engine.reference.charges import Charge, Fate
from engine.reference.clock import Windows, local_day
from engine.reference.numbers import share, to_whole
from engine.reference.prices import CannotPriceError, Prices
from engine.reference.reading import Row
from engine.reference.worked import Tick, Times, times_of

HOUR = 3600


@dataclass(frozen=True, slots=True)
class Piece:
    """The time of one segment with the same premiums, and how those in the price combine."""

    segment: int
    day: date
    premiums: tuple[str, ...]
    combine: str
    seconds: int


class Others(Protocol):
    """What a shift has to be told about the other rows."""

    def neighbours(self, shift: Shift) -> tuple[int | None, int | None]:
        """The elapsed time since the last worked row of the worker at the site, and until the next."""

    def over(self, shift: Shift) -> list[Tick]:
        """All time of a shift, cut where a band is reached, with the bands."""


@dataclass(slots=True)
class Shift:
    """A row with all that is known of it before the first question is asked; `facts` grows by one answer after each."""

    book: RuleBook
    kind: ActivityKind
    row: Row
    windows: Windows
    others: Others
    site: Site = field(init=False)
    terms: Mapping[str, TermValue] = field(init=False)
    times: Times = field(init=False)
    ticks: Sequence[Tick] = field(init=False)
    facts: dict[str, object] = field(init=False)
    item: str = field(init=False)
    _asked: tuple[Basis, Fate | None] | None = None
    _is_settled: bool = False
    _counts: dict[tuple[frozenset[str], frozenset[str]], tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.site = self.book.sites[self.row.cell("site")]
        self.item = self.row.cell("item")
        self.terms = self._terms()
        self.times = times_of(self.row, self.site.zone, self.terms, self.kind.grid)
        self.ticks = tuple(self.times.ticks())
        self.facts = self._facts()

    def basis(self) -> tuple[Basis, Fate | None]:
        """How the row is billed, and its fate if it is not."""
        if self._asked is None:
            self._refuse_neighbours_too_early()
            answer, rule = self._decide("billable", self.facts)
            self.facts["answer-of billable"] = answer
            basis = parse_basis(answer)
            self._asked = basis, self._fate(basis, rule)
        return self._asked

    def _fate(self, basis: Basis, rule: str) -> Fate | None:
        if basis.form == "none":
            return "not billed", rule
        if self.terms["approval"] == "required" and not self.row.cell("approved_by"):
            return "held", "approval"
        if basis.form == "worked" and self.times.recorded is None:
            return "held", "no-recorded-time"
        if basis.form == "scheduled" and self.times.scheduled is None:
            return "held", "no-scheduled-time"
        return None

    def is_worked(self) -> bool:
        """Whether the row is billed as worked; what its quantity rounds to is not asked yet."""
        basis, fate = self.basis()
        return basis.form == "worked" and fate is None

    def is_held(self) -> bool:
        """Whether the row cannot be billed yet for a reason that is found after `billable`."""
        fate = self.basis()[1]
        return fate is not None and fate[0] == "held"

    @property
    def charged_item(self) -> str:
        """The item as charged."""
        self.settle()
        return self.item

    def settle(self) -> None:
        """Answers the questions that come after `billable` and are asked once for a row: the item, and the minimum of worked time."""
        if self._is_settled:
            return
        self._is_settled = True
        basis, fate = self.basis()
        self.facts["since-last"], self.facts["until-next"] = self.others.neighbours(self)
        if fate is None and "item" in self.book.policies:
            item, _ = self._decide("item", self.facts)
            self.facts["answer-of item"] = item
            self.item = self.row.cell("item") if item == "as-worked" else item
        if fate is None and basis.form == "worked" and "minimum" in self.book.policies:
            self.facts["answer-of minimum"], _ = self._decide("minimum", self.facts)

    def rated(self) -> tuple[list[Charge], Fate]:
        """The charges of the row and its fate."""
        basis, fate = self.basis()
        if fate is not None:
            return [], fate
        self.settle()
        charges = self._worked() if basis.form == "worked" else self._flat(basis)
        return charges, ("billed", "") if charges else ("not billed", "rounds-to-nothing")

    # --- what is known of the row

    def _terms(self) -> dict[str, TermValue]:
        terms: dict[str, TermValue] = {}
        for level in (self.book.default_terms, self.book.accounts[self.site.account].terms, self.site.terms):
            for entry in level:
                if entry.start <= self.row.day:
                    terms.update(entry.values)
        missing = sorted(set(self.book.terms) - set(terms))
        if missing:
            raise self._refusal(f"the terms {', '.join(missing)} have no value")
        return terms

    def _facts(self) -> dict[str, object]:
        row, times = self.row, self.times
        facts: dict[str, object] = {}
        for column in self.kind.columns:
            text = row.cell(column.column)
            if column.type in ("whole", "minutes"):
                facts[column.column] = int(text) if text else None
            elif column.type == "yes-no":
                facts[column.column] = ("yes" if row.yes(column.column) else "no") if text else None
            else:
                facts[column.column] = text or None
        facts |= {"site": self.site.site, "account": self.site.account, "item": row.cell("item")}
        begins, cancelled = row.times["scheduled_start"], row.times["cancelled_at"]
        facts["notice"] = begins - cancelled if begins is not None and cancelled is not None else None
        facts["scheduled-length"] = times.scheduled[1] - times.scheduled[0] if times.scheduled is not None else None
        facts["worked-length"] = self._seconds() if times.recorded is not None else None
        start = times.recorded or times.scheduled
        facts["starts-in"] = self.windows.at(self.site.zone, start[0]) if start is not None else frozenset()
        facts |= {each.length: row.length_or_none(each.start, each.end) for each in self.kind.lengths}
        facts["touches"] = frozenset(name for tick in self.ticks for name in self.windows.at(self.site.zone, tick.start))
        return facts

    def _seconds(self) -> int:
        return sum(self.length(tick) for tick in self.ticks if tick.worked)

    def length(self, tick: Tick) -> int:
        """The seconds of a tick that are billed."""
        return tick.wall if self.terms["hours"] == "wall" else tick.elapsed

    # --- questions

    def _decide(self, question: str, facts: Mapping[str, object]) -> tuple[str, str]:
        """The answer to a question that has one, and the last rule whose answer stands (the question where none does)."""
        if question not in self.book.policies:
            raise self._refusal(f"no policy decides {question}")
        slot = compile_slot(self.book.policies[question])
        bits = sum(holds(atom, facts, self.terms, self.row.day) << place for place, atom in enumerate(slot.atoms))
        try:
            decision = resolve(slot.slot, bits)
        except UndecidedError as error:
            raise self._refusal(str(error)) from error
        standing = [rule for rule in decision.fired if rule not in decision.beaten]
        return decision.answers[0], standing[-1] if standing else question

    def counts(self, tick: Tick) -> tuple[str, ...]:
        """The accumulators that the time of a tick feeds."""
        if not self._counts:
            self.settle()
            self._refuse_days_outside_holiday_lists(("counts",))
        windows = self.windows.at(self.site.zone, tick.start)
        if (windows, tick.over) not in self._counts:
            facts = {**self.facts, "in": windows, "over": tick.over}
            self._counts[windows, tick.over] = self._collect("counts", facts)
        return self._counts[windows, tick.over]

    def _collect(self, question: str, facts: Mapping[str, object]) -> tuple[str, ...]:
        """The answers to a question that collects them; none if no policy decides it."""
        if question not in self.book.policies:
            return ()
        slot = compile_slot(self.book.policies[question])
        bits = sum(holds(atom, facts, self.terms, self.row.day) << place for place, atom in enumerate(slot.atoms))
        return resolve(slot.slot, bits).answers

    def _premiums(self, windows: frozenset[str], over: frozenset[str]) -> tuple[tuple[str, ...], str]:
        """The premiums of time in these windows and bands, in the order of the book, and how those in the price combine."""
        facts = {**self.facts, "in": windows, "over": over}
        answers = self._collect("premiums", facts)
        premiums = tuple(premium for premium in self.book.premiums if premium in answers)
        if len(self._in_price(premiums)) < 2:
            return premiums, ""
        return premiums, self._decide("combine", {**facts, "answer-of premiums": premiums})[0]

    def _in_price(self, premiums: Sequence[str]) -> tuple[str, ...]:
        return tuple(premium for premium in premiums if self.book.premiums[premium].shown == "in-price")

    # --- charges

    def _flat(self, basis: Basis) -> list[Charge]:
        """The one charge of a fixed or scheduled basis."""
        if basis.form == "scheduled":
            seconds = self._scheduled_seconds(basis)
        else:
            agreed = self.terms[basis.term] if basis.term is not None else basis.seconds
            seconds = agreed if isinstance(agreed, int) else 0
        quantity = self._quantity(seconds)
        if quantity == 0:
            return []
        return [self._charge(0, basis.form, basis.form, (), quantity, self._prices().base(self.row.day), self.row.day)]

    def _scheduled_seconds(self, basis: Basis) -> int:
        start, end = self.times.scheduled or (0, 0)
        terms, length = self.terms["break"], end - start
        if isinstance(terms, BreakTerms) and terms.planned and length > terms.after:
            length = max(length - terms.length, 0)
        seconds = max(Fraction(length) * Fraction(*basis.share), Fraction(basis.at_least))
        if not basis.round_up:
            return seconds.numerator // seconds.denominator
        steps = seconds / basis.round_up
        return -(-steps.numerator // steps.denominator) * basis.round_up

    def _worked(self) -> list[Charge]:
        self._refuse_days_outside_holiday_lists(tuple(self.book.policies))
        missing = self._missing_seconds()
        ticks = self.others.over(self)
        segments = self._segments(ticks)
        pieces = self._pieces(ticks, segments)
        parts = [piece.seconds for piece in pieces] + [missing]
        exact = [Fraction(seconds * 10**self._digits, HOUR) for seconds in parts]
        *quantities, fill = share(self._quantity(sum(parts)), exact)
        charges: list[Charge] = []
        for number, day in enumerate(dict(segments).values()):
            mine = [(piece, quantity) for piece, quantity in zip(pieces, quantities, strict=True) if piece.segment == number]
            charges += self._charges(number, day, [(piece, quantity) for piece, quantity in mine if quantity])
        if fill:
            day = self.row.day
            charges.append(self._charge(max(len(dict(segments)), 1), "fill", "fill", (), fill, self._prices().base(day), day))
        return charges

    def _missing_seconds(self) -> int:
        """What the worked time is short of the minimum, if that applies."""
        answer = str(self.facts.get("answer-of minimum", "none"))
        word, _, rest = answer.partition(" ")
        if word == "none":
            return 0
        agreed = self.terms["min-hours"] if word == "applies" else None
        if word == "at-least":
            agreed = self.terms[rest.removeprefix("term ")] if rest.startswith("term ") else int(rest.removesuffix("s"))
        return max(agreed - self._seconds(), 0) if isinstance(agreed, int) else 0

    def _segments(self, ticks: Sequence[Tick]) -> list[tuple[int, date]]:
        """For each tick the segment it lies in and the day that prices the segment."""
        if self.book.calendar.price_at == "start":
            return [(0, self.row.day) for _ in ticks]
        prices, found = self._prices(), list[tuple[int, date]]()
        in_force: dict[date, tuple[str, ...]] = {}
        before: date | None = None
        for tick in ticks:
            today = local_day(self.site.zone, tick.start)
            in_force.setdefault(today, prices.in_force(today) if today not in in_force else ())
            if before is None:
                found.append((0, today))
            elif in_force[today] != in_force[before]:
                found.append((found[-1][0] + 1, today))
            else:
                found.append(found[-1])
            before = today
        return found

    def _pieces(self, ticks: Sequence[Tick], segments: Sequence[tuple[int, date]]) -> list[Piece]:
        """The worked time by segment and premiums, in the order in which a quantity is shared."""
        answers: dict[tuple[frozenset[str], frozenset[str]], tuple[tuple[str, ...], str]] = {}
        seconds: dict[tuple[int, date, tuple[str, ...], str], int] = {}
        for tick, (segment, day) in zip(ticks, segments, strict=True):
            if tick.worked:
                windows = self.windows.at(self.site.zone, tick.start)
                if (windows, tick.over) not in answers:
                    answers[windows, tick.over] = self._premiums(windows, tick.over)
                key = (segment, day, *answers[windows, tick.over])
                seconds[key] = seconds.get(key, 0) + self.length(tick)
        if any(length < 0 for length in seconds.values()):
            raise self._refusal("by the wall clock a piece of it has less than no time")
        ordered = sorted(seconds, key=lambda key: (key[0], "+".join(sorted(key[2])), key[3]))
        return [Piece(*key, seconds[key]) for key in ordered]

    def _charges(self, segment: int, day: date, pieces: Sequence[tuple[Piece, int]]) -> list[Charge]:
        """The charges of the time of one segment."""
        charges: list[Charge] = []
        for in_price in dict.fromkeys(self._in_price(piece.premiums) for piece, _ in pieces):
            mine = [(piece, quantity) for piece, quantity in pieces if self._in_price(piece.premiums) == in_price]
            combine = {piece.combine for piece, _ in mine}
            if len(combine) > 1:
                raise self._refusal(f"the premiums {', '.join(in_price)} of one segment combine in two ways: {sorted(combine)}")
            price, named = self._prices().price(in_price, combine.pop(), day)
            quantity = sum(quantity for _, quantity in mine)
            charges.append(self._charge(segment, "+".join(in_price) or "base", "worked", named, quantity, price, day))
        for own in (premium for premium, rule in self.book.premiums.items() if rule.shown == "own-line"):
            quantity = sum(quantity for piece, quantity in pieces if own in piece.premiums)
            if quantity:
                price, named = self._prices().own_line(own, day)
                charges.append(self._charge(segment, f"own:{own}", "own-line", named, quantity, price, day))
        return charges

    def _charge(
        self, segment: int, component: str, basis: str, premiums: tuple[str, ...], quantity: int, price: Decimals, day: date
    ) -> Charge:
        row, item = self.row, self.book.items[self.item]
        key = ("worked" if basis == "fill" else basis, *(self.book.premiums[premium].name for premium in premiums))
        return Charge(
            row.number, self.kind.kind, row.source, row.id, segment, component, basis, self.site.account, self.site.site, row.cell("worker"),
            self.item, premiums, key, self.kind.unit, self.book.accounts[self.site.account].currency, item.tax_class,
            quantity, self._digits, price.units, price.digits, day,
        )  # fmt: skip

    # --- parts

    @property
    def _digits(self) -> int:
        return self.book.rounding.quantity[self.kind.unit][0]

    def _quantity(self, seconds: int) -> int:
        digits, half = self.book.rounding.quantity[self.kind.unit]
        return to_whole(Fraction(seconds * 10**digits, HOUR), half)

    def _prices(self) -> Prices:
        return Prices(self.book, self.site, self.item, self.terms, self.row.day)

    def _refuse_neighbours_too_early(self) -> None:
        """Which rows are worked is what `billable` says, so it cannot ask for the worked rows around this one."""
        rules = self.book.policies["billable"].rules if "billable" in self.book.policies else ()
        if any(condition.column in ("since-last", "until-next") for rule in rules for condition in rule.when):
            raise self._refusal("the policy billable reads since-last or until-next, which depend on its own answers")

    def _refuse_days_outside_holiday_lists(self, questions: Sequence[str]) -> None:
        """Nothing is billed, or counted, that needs a holiday list on a day for which it is not complete."""
        for window in _asked_windows(self.book, questions):
            listed = self.book.holidays[window.holidays] if window.holidays is not None else None
            days = {local_day(self.site.zone, tick.start) for tick in self.ticks}
            if listed is not None and not all(listed.start <= day < listed.end for day in days):
                raise self._refusal(
                    f"window {window.window} needs holidays {listed.name}, complete from {listed.start} to {listed.end}"
                )

    def _refusal(self, what: str) -> CannotPriceError:
        return CannotPriceError(f"{self.row.id} at {self.site.site}, {self.item}, {self.row.day}: {what}")


def _asked_windows(book: RuleBook, questions: Sequence[str]) -> list[Window]:
    """The windows that some condition of the policies for these questions names."""
    named = {
        str(value)
        for question, policy in book.policies.items()
        if question in questions
        for rule in policy.rules
        for condition in rule.when
        if condition.type == "window"
        for value in condition.values
    }
    return [window for name, window in book.windows.items() if name in named]
