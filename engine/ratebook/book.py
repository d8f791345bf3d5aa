"""The rule book as values: everything `rates/` and `rules/` say, typed, with the place of every entry.

All dates are local days. A dated list holds from its day until the next entry of the same list; `end` is the first day out.
Durations are whole seconds. Nothing here computes; the loader builds it, rating compiles it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from engine.money import Decimals, Half
from engine.problems import Source
from engine.ratebook.models import NOTHING_MORE, PLAIN, Assembly, Coupon, Exemption, Fee, Model, Over, Scheme, Taxes, WorkedBill
from engine.ratebook.resolver import Mode

# --- prices -----------------------------------------------------------------------------------------------------------

KEY_COLUMNS = ("account", "site", "geo", "item", "premium")


@dataclass(frozen=True, slots=True)
class Provenance:
    """Why an entry stands in the book, who approved it, and why it may change days that have been billed (`retroactive`)."""

    reason: str = ""
    by: str = ""
    on: str = ""
    ref: str = ""
    retroactive: str = ""

    @property
    def approved(self) -> str:
        """Who approved it, when and where that is written, as one text; nothing if nobody did."""
        return " ".join(text for text in (self.by, self.on, self.ref) if text)


UNKNOWN_PROVENANCE = Provenance()


@dataclass(frozen=True, slots=True)
class Price:
    """A price that holds from `start` until the next one of its row; `value` None means ended (no price from that day on).

    `scheme` holds what a pricing model says beside one figure; of tiers and percentages the figure is 0.
    """

    start: date
    value: Decimals | None
    source: Source
    provenance: Provenance
    scheme: Scheme = PLAIN


@dataclass(frozen=True, slots=True)
class RateRow:
    """The prices of one key of a table, in date order. `id` is table:key, e.g. `geo-base:NYC/RN-MED`."""

    id: str
    key: Mapping[str, str]
    prices: tuple[Price, ...]
    source: Source


@dataclass(frozen=True, slots=True)
class RateTable:
    """A table of dated prices keyed by some of `KEY_COLUMNS`, and by columns of activity.

    `unit` is a unit of quantity (a price for each, with a currency), `percent` or `factor`. `over` is what tiers, packages and allowances
    count over; `first_of` ranks windows that share time.
    """

    table: str
    unit: str
    currency: str | None
    digits: int
    key: tuple[str, ...]
    rows: Mapping[tuple[str, ...], RateRow]
    source: Source
    model: Model = "per-unit"
    over: Over = "activity"
    payout: bool = False
    first_of: tuple[str, ...] = ()
    examples: tuple[Example, ...] = ()

    @property
    def is_money(self) -> bool:
        """Whether it holds prices, not numbers."""
        return self.unit not in ("percent", "factor")

    @property
    def facets(self) -> tuple[str, ...]:
        """The columns of its key that are columns of activity, or `window`."""
        return tuple(column for column in self.key if column not in KEY_COLUMNS)


@dataclass(frozen=True, slots=True)
class Override:
    """A price agreed with one account instead of a table's, for one site or all, one item or all, one premium or all.

    Holds from `start` until `end` (None: open-ended). `id` is `<account>:<override id>`. Site beats account; never two at once.
    """

    id: str
    table: str
    account: str
    site: str | None
    item: str | None
    premium: str | None
    start: date
    end: date | None
    value: Decimals
    source: Source
    provenance: Provenance


# --- who pays, where, on which terms ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PunchRounding:
    """How recorded times become billed times: to a step (seconds), each punch by itself or the interval as a whole.

    Punch: each time goes to the nearest local clock step. Interval: the start stays, the length goes to the nearest multiple.
    `breaks`: punched breaks are rounded the same way. `scheduled`: scheduled times are, too.
    """

    step: int
    half: Half
    per: Literal["punch", "interval"]
    breaks: bool = True
    scheduled: bool = False


@dataclass(frozen=True, slots=True)
class BreakTerms:
    """Meal breaks. A punched break comes off where it was punched; reported minutes without clock times are placed by `unplaced`.

    With neither, `length` seconds come off a shift longer than `after` seconds (`length` 0: nothing). `planned`: the same
    deduction applies to scheduled time that is billed.
    """

    after: int
    length: int
    unplaced: Literal["middle", "end", "longest-segment"]
    planned: bool = False


NO_DEDUCTION = BreakTerms(0, 0, "middle")
"""What `break: none` means: punched and reported breaks come off, nothing is deducted of itself. (`break: paid` is None: nothing comes off.)"""

TermValue = PunchRounding | BreakTerms | Decimals | int | str | bool | None
TermType = Literal[
    "duration",
    "choice",
    "yes-no",
    "number",
    "punch-rounding",
    "break",
    "limit",
    "amount",
    "clock",
    "week-clock",
    "day",
    "percent",
]


@dataclass(frozen=True, slots=True)
class TermDeclaration:
    """A term's name and type. `duration` values are seconds (int), `choice` text, `yes-no` bool, `number` Decimals;
    `punch-rounding` is a PunchRounding or None, `break` a BreakTerms or None (paid). A `limit` is seconds, an `amount` Decimals and
    a `day` days since 1970-01-01, or None (`none`); a `clock` is seconds after midnight, a `week-clock` seconds after Monday midnight."""

    name: str
    type: TermType
    choices: tuple[str, ...]
    source: Source


# Terms whose meaning the engine knows: (name, type). The book must declare and default each of them.
ENGINE_TERMS: Mapping[str, TermType] = {
    "punch-rounding": "punch-rounding",
    "break": "break",
    "min-hours": "duration",
    "hours": "choice",  # elapsed | wall
    "approval": "choice",  # required | not-needed
}


@dataclass(frozen=True, slots=True)
class TermsEntry:
    """Terms said at one level (default, account or site) from a day on; a later entry of the level replaces only what it names."""

    start: date
    values: Mapping[str, TermValue]
    source: Source
    places: Mapping[str, Source]
    provenance: Provenance = UNKNOWN_PROVENANCE


@dataclass(frozen=True, slots=True)
class Site:
    """A place of work: its zone, its geo from a day on, its own terms."""

    site: str
    account: str
    zone: str
    geo: tuple[tuple[date, str], ...]
    terms: tuple[TermsEntry, ...]
    source: Source


@dataclass(frozen=True, slots=True)
class Account:
    """Who pays: currency, sites, agreed prices and terms, fees and coupons.

    An account with a zone of its own has a site of its own name. `split` names columns whose values have invoices of their own; `per_row`:
    amounts are rounded for each row, and rows of equal amount share a line. `details`: the service days whose backup has the details that
    kinds declare, first in, last out. `notice_days`: how long before its first day a price of the account must be approved.
    `credit_notes`: corrections below zero are credit notes, not invoices.
    """

    account: str
    currency: str
    sites: tuple[Site, ...]
    overrides: tuple[Override, ...]
    terms: tuple[TermsEntry, ...]
    source: Source
    fees: tuple[Fee, ...] = ()
    coupons: tuple[Coupon, ...] = ()
    exemption: Exemption | None = None
    split: tuple[str, ...] = ()
    per_row: bool = False
    details: tuple[tuple[date, date], ...] = ()
    notice_days: int = 0
    credit_notes: bool = False


# --- time -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Holiday:
    """One holiday: the day itself and the day it is observed on."""

    holiday: str
    actual: date
    observed: date


@dataclass(frozen=True, slots=True)
class HolidaySet:
    """A named list of holidays, complete from `start` to `end`; outside that span nothing that needs it is billed."""

    name: str
    start: date
    end: date
    days: tuple[Holiday, ...]
    source: Source


@dataclass(frozen=True, slots=True)
class Window:
    """A recurring stretch of local clock time. An instant is in the window when its local clock reading is.

    each `day`: `start`..`end` are seconds after midnight; end <= start runs into the next day.
    each `week`: seconds after Monday midnight; end <= start runs over the end of the week.
    each `holiday`: seconds relative to midnight of the holiday (negative: the day before; over 86,400: the day after).
    """

    window: str
    each: Literal["day", "week", "holiday"]
    start: int
    end: int
    holidays: str | None
    day: Literal["actual", "observed"] | None
    source: Source


@dataclass(frozen=True, slots=True)
class Calendar:
    """Which moment picks which price: `segment` prices each hard segment on its own local day, `start` the whole activity on its dating day.

    `window_at` says the same of the windows of accumulators. Activity is complete from the day `activity_from` on.
    """

    semantics: int
    price_at: Literal["segment", "start"]
    window_at: Literal["segment", "start"]
    activity_from: date | None
    source: Source


# --- accumulators -----------------------------------------------------------------------------------------------------

Scope = Literal["site", "account", "agency"]
Late = Literal["reorder", "append"]


@dataclass(frozen=True, slots=True)
class Setting:
    """A value that the rule book says (a word, or a whole number of seconds or days), or the term that gives it."""

    value: str | int | None = None
    term: str | None = None

    def of(self, terms: Mapping[str, TermValue]) -> TermValue:
        """The value under some terms."""
        return terms[self.term] if self.term is not None else self.value


@dataclass(frozen=True, slots=True)
class Recurrence:
    """When the windows of an accumulator begin, by local clocks of the site that is priced.

    each `day`: at `starts` (seconds after midnight); `week`: at `starts` (seconds after Monday midnight); `weeks`: at midnight of every
    `count` weeks from `start` on; `since`: at midnight of the day that the term of `starts` names, as long as it names it.
    """

    each: Literal["day", "week", "weeks", "since"]
    starts: Setting
    count: int = 1
    start: date | None = None


@dataclass(frozen=True, slots=True)
class Band:
    """The time after more than `over` (seconds or days, None: never) of the measure have gone before in the window."""

    band: str
    over: Setting
    source: Source


@dataclass(frozen=True, slots=True)
class WindowLine:
    """A charge for a whole window: the hours missing to a limit (`fills-to`), or the amount beyond a ceiling, taken off again."""

    form: Literal["fills-to", "ceiling"]
    limit: Setting
    description: str
    item: str  # of a ceiling: what its line is charged as
    source: Source


@dataclass(frozen=True, slots=True)
class Accumulator:
    """A sum over the activity of one key in one window, before an instant.

    measure `time`: seconds that the `counts` policy answers with the accumulator's name; `days`: distinct workdays (that begin at
    `workday`) with such time; `amount`: what is charged. `scope` says how far the sum looks, `late` where late rows stand in it.
    """

    accumulator: str
    measure: Literal["time", "days", "amount"]
    key: tuple[str, ...]
    window: Recurrence
    workday: Setting
    scope: Setting
    late: Setting
    bands: tuple[Band, ...]
    line: WindowLine | None
    source: Source


# --- policies ---------------------------------------------------------------------------------------------------------

Operator = Literal["is", "not", "less-than", "at-most", "at-least", "more-than"]
ColumnType = Literal["text", "yes-no", "duration", "number", "window", "answer"]


@dataclass(frozen=True, slots=True)
class Condition:
    """One predicate on one column. `values` holds texts for `is`/`not` (any of), or one bound for the comparisons.

    `column` is an activity column, a length (`notice`, `scheduled-length`, `worked-length`, `since-last`, `until-next`, or one of the
    kind), `item`, `account`, `site`, `term <name>`, `in`, `over`, `starts-in`, `touches`, or `answer-of <slot>`.
    A bound is seconds or `Decimals`, or with `term` the term it is compared with.
    An empty value meets no condition, `not` included.
    """

    column: str
    type: ColumnType
    operator: Operator
    values: tuple[str | int | bool | Decimals, ...]
    term: str | None
    text: str
    source: Source


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a policy: its conditions (all must hold), its answer, its days, and what it overrides."""

    id: str
    when: tuple[Condition, ...]
    answer: str
    start: date | None
    end: date | None
    overrides: tuple[str, ...]
    source: Source
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class Example:
    """A worked example: given values (texts), and the canonical answers it must give."""

    name: str
    given: Mapping[str, object]
    gives: tuple[str, ...]
    source: Source


@dataclass(frozen=True, slots=True)
class Policy:
    """One question and its rules. Answers are canonical texts (see `Basis` for the billable slot); `otherwise` None refuses.

    `activity` names the kind it is asked of (empty: the kinds that are rated by time).
    """

    decides: str
    answers: tuple[str, ...]
    mode: Mode
    otherwise: str | None
    rules: tuple[Rule, ...]
    examples: tuple[Example, ...]
    source: Source
    activity: str = ""

    @property
    def slot(self) -> str:
        """The name it has among all policies."""
        return f"{self.decides} of {self.activity}" if self.activity else self.decides


@dataclass(frozen=True, slots=True)
class Basis:
    """What the billable slot answers.

    worked: recorded time. none: nothing. fixed: `seconds`, or those of the duration term `term`.
    scheduled: `share` (numerator, denominator) of the scheduled time, at least `at_least` seconds, rounded up to `round_up` seconds (0: not).
    """

    form: Literal["worked", "none", "fixed", "scheduled"]
    seconds: int = 0
    term: str | None = None
    share: tuple[int, int] = (1, 1)
    at_least: int = 0
    round_up: int = 0


# --- premiums, formulas, items, texts -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Given:
    """Where a formula input comes from: the base price, a rate table, a number term, or a number in the file."""

    form: Literal["base", "rate", "term", "number"]
    name: str = ""
    number: Decimals | None = None


@dataclass(frozen=True, slots=True)
class Premium:
    """A supplement per hour: a price formula over the base price. `shown` says whether it is in the price or a line of its own."""

    premium: str
    name: str
    shown: Literal["in-price", "own-line"]
    formula: str
    given: Mapping[str, Given]
    source: Source
    provenance: Provenance = UNKNOWN_PROVENANCE


@dataclass(frozen=True, slots=True)
class FormulaInput:
    """A declared input of a formula, with the bounds its values must keep."""

    name: str
    unit: str
    at_least: Decimals
    at_most: Decimals
    digits: int


@dataclass(frozen=True, slots=True)
class FormulaVersion:
    """A version in force for activity dated `start` until `end` (None: open). Its result is rounded once, to `digits`, by `half`.

    `corrects` is the number of the version that it stands instead of, on all of its days.
    """

    version: int
    start: date
    end: date | None
    text: str
    digits: int
    half: Half
    examples: tuple[Example, ...]
    source: Source
    provenance: Provenance
    corrects: int | None = None


@dataclass(frozen=True, slots=True)
class FormulaRule:
    """A price formula: inputs, unit and dated versions without gap or overlap; `corrected` are those that others stand instead of."""

    formula: str
    unit: str
    inputs: tuple[FormulaInput, ...]
    versions: tuple[FormulaVersion, ...]
    source: Source
    corrected: tuple[FormulaVersion, ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """What can stand on a line; its price and unit come from `table` (empty: it has none, and only window lines are charged as it).

    Order in the book is order on the invoice. `times` are tables of factors that multiply its price; `lists` is the column of activity
    whose values its `description` names.
    """

    item: str
    name: str
    table: str
    tax_class: str
    source: Source
    times: tuple[str, ...] = ()
    description: str = ""
    lists: str = ""


@dataclass(frozen=True, slots=True)
class LineTexts:
    """Templates of subject and descriptions; placeholders in braces, over ids and names of the book. Without `last_tier` it reads as others."""

    subject: str
    worked: str
    worked_with_premiums: str
    with_fill: str
    fixed: str
    scheduled: str
    own_line: str
    source: Source
    tier: str = "{name}, {from} to {to} {unit}"
    last_tier: str = ""
    included: str = "{name}, included"
    overage: str = "{name}, beyond the allowance"
    connect: str = "{name}, connection"
    minimum: str = "{name}, minimum"
    maximum: str = "{name}, maximum"
    fee: str = "{name}, from {from} {unit}"
    markup: str = "{name}, handling"
    in_window: str = "{name}, {window}"
    per_row: str = "{description} ({quantity} {unit})"


@dataclass(frozen=True, slots=True)
class Rounding:
    """The declared rounding of quantities (digits and half by unit) and of amounts (to the currency's minor unit)."""

    quantity: Mapping[str, tuple[int, Half]]
    amount: Half
    source: Source


@dataclass(frozen=True, slots=True)
class ActivityColumn:
    """A column of an activity file. `header` is its title in files; an absent optional column reads as `default` (None: empty)."""

    column: str
    type: Literal["id", "text", "yes-no", "whole", "local-time", "choice", "minutes", "decimal", "day"]
    required: bool
    default: str | None
    choices: tuple[str, ...]
    header: str
    source: Source


@dataclass(frozen=True, slots=True)
class DeclaredLength:
    """The elapsed time between two time columns, as a fact that policies can read; empty where one of them is."""

    length: str
    start: str
    end: str


@dataclass(frozen=True, slots=True)
class ActivityKind:
    """A kind of activity: columns, unit of its quantity, grid and longest length of its times (seconds), what overlaps mean.

    Of a kind that is not rated by time, `moment` is the column that dates it, and `quantity` or `amount` the one with its measure.
    `references` are columns that stand on the line, `details` those in the backup of accounts that have them. `roll_up`: rows of one day
    that agree in what rules read are summed first.
    """

    kind: str
    unit: str
    grid: int
    maximum: int
    overlap: Literal["hold", "accept"]
    columns: tuple[ActivityColumn, ...]
    lengths: tuple[DeclaredLength, ...]
    source: Source
    rated_by: Literal["time", "quantity", "amount", "line"] = "time"
    moment: str = ""
    quantity: str = ""
    amount: str = ""
    roll_up: bool = False
    negative: bool = False
    references: tuple[str, ...] = ()
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CapAmount:
    """The most that may be charged from `start` on (None: no cap any more); `told` says how the figure came about."""

    start: date
    value: Decimals | None
    told: str
    source: Source


@dataclass(frozen=True, slots=True)
class CapLimit:
    """A maximum at the places and of the items that it names (`where`: geo, account, site, item)."""

    where: Mapping[str, str]
    amounts: tuple[CapAmount, ...]
    source: Source
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class Cap:
    """A statutory or contract maximum of hourly charges, which check compares prices with; it moves no amount.

    `premiums` are those that count against it (None: all), `fees` whether percentage fees do.
    """

    cap: str
    currency: str
    premiums: tuple[str, ...] | None
    fees: bool
    limits: tuple[CapLimit, ...]
    source: Source


@dataclass(frozen=True, slots=True)
class RuleBook:
    """The whole book; accumulators in the order in which one reads the bands of another.

    `meaning` is its hash: comments, formatting and the order of rows do not change it; any rule or price does.
    """

    calendar: Calendar
    rounding: Rounding
    kinds: Mapping[str, ActivityKind]
    items: Mapping[str, Item]
    tables: Mapping[str, RateTable]
    accounts: Mapping[str, Account]
    sites: Mapping[str, Site]
    terms: Mapping[str, TermDeclaration]
    default_terms: tuple[TermsEntry, ...]
    holidays: Mapping[str, HolidaySet]
    windows: Mapping[str, Window]
    accumulators: Mapping[str, Accumulator]
    policies: Mapping[str, Policy]
    premiums: Mapping[str, Premium]
    formulas: Mapping[str, FormulaRule]
    texts: LineTexts
    meaning: str
    assembly: Assembly = NOTHING_MORE
    taxes: Taxes | None = None
    caps: tuple[Cap, ...] = ()
    examples: tuple[WorkedBill, ...] = ()

    def overrides(self) -> Iterator[Override]:
        """Every override, account by account."""
        for account in self.accounts.values():
            yield from account.overrides

    def terms_entries(self) -> Iterator[TermsEntry]:
        """Every entry of dated terms: the defaults, then those of each account and of its sites."""
        yield from self.default_terms
        for account in self.accounts.values():
            yield from account.terms
            for site in account.sites:
                yield from site.terms

    def terms_on(self, site: str, day: date) -> dict[str, TermValue]:
        """The terms of a site on a day: default, then account, then site, each level's entries in date order."""
        where = self.sites[site]
        levels = (self.default_terms, self.accounts[where.account].terms, where.terms)
        terms: dict[str, TermValue] = {}
        for level in levels:
            for entry in level:
                if entry.start <= day:
                    terms.update(entry.values)
        return terms
