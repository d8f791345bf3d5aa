"""Whole generated rule books (as YAML files) and weeks of shifts: small enough to shrink, odd enough to hurt.

Everything is built from small drawn whole numbers; zero is always the plainest choice, so a failing case shrinks to a plain one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TypeVar
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from engine.reference.charges import Outcome
from tests.sample_book import sample_texts

T = TypeVar("T")

EPOCH = datetime(1970, 1, 1)
HOUR, DAY = 3600, 86_400
ZONES = (
    "America/New_York",
    "America/Los_Angeles",
    "Europe/Berlin",
    "Australia/Lord_Howe",  # moves by half an hour
    "Asia/Beirut",  # moves at midnight: one day begins at 01:00
    "Asia/Kathmandu",
    "UTC",
)
# First days and lengths; each has a clock change in most of the zones above.
PERIODS = (
    (date(2026, 3, 1), 31),
    (date(2026, 10, 20), 28),
    (date(2026, 3, 23), 21),
    (date(2026, 10, 1), 31),
    (date(2026, 4, 1), 30),
    (date(2026, 10, 28), 7),
)
GEOS, ITEMS = ("NYC", "LA"), ("RN", "ICU", "ORIENT")
HALVES = ("up", "even", "down")
GRIDS = (("1min", 60), ("1min", 60), ("15min", 900), ("1s", 1))
SAMPLE = sample_texts()


@dataclass(frozen=True)
class Case:
    """A rule book, rows of text cells, and the days they are billed for; the zone of each site."""

    files: dict[str, bytes]
    rows: tuple[dict[str, str], ...]
    start: date
    end: date
    zones: dict[str, str]


@st.composite
def cases(draw: st.DrawFn, *, adding_up: bool = False) -> Case:
    """A generated case; with `adding_up` its book has accumulators, and its workers work enough to reach their bands."""
    drawn = _Drawn(draw)
    start, length = drawn.of(PERIODS)
    ground = _Ground(drawn, start, length)
    if adding_up:
        ground.sums = drawn.fresh().of(SUMS)
    files = {
        **SAMPLE,
        **_tables(drawn.fresh(), ground),
        **_accounts(drawn.fresh(), ground),
        "rates/terms-default.yaml": _default_terms(drawn.fresh(), ground),
        "rules/calendar.yaml": _calendar(drawn.fresh(), ground),
        "rules/rounding.yaml": _rounding(drawn.fresh()),
        "rules/segments.yaml": _windows(drawn.fresh()),
        "rules/holidays.yaml": _holidays(drawn.fresh(), ground),
        "rules/activity/shift.yaml": _activity(drawn.fresh(), ground),
        "rules/billable.yaml": _billable(drawn.fresh(), ground),
        "rules/item.yaml": _item(drawn.fresh()),
        "rules/minimum.yaml": _minimum(drawn.fresh(), ground),
        "rules/premiums-that-apply.yaml": _premiums_that_apply(drawn.fresh(), ground),
        "rules/combine.yaml": _combine(drawn.fresh(), ground),
        "rules/premiums.yaml": _premiums(drawn.fresh(), ground),
        "rules/formulas/percent-of-base.yaml": _percent_formula(drawn.fresh(), ground),
        "rules/formulas/flat.yaml": _flat_formula(drawn.fresh(), ground),
    }
    if adding_up:
        files["rules/accumulators.yaml"] = _accumulators(drawn.fresh(), ground)
        files["rules/counts.yaml"] = _counts(drawn.fresh(), ground)
    for path in ("rates/accounts/acme.yaml", "rates/accounts/beta.yaml"):
        del files[path]
    rows = _busy_rows(drawn, ground) if adding_up else _rows(drawn, ground)
    content = {path: text.replace("USD", ground.currency).encode() for path, text in files.items()}
    return Case(content, rows, start, ground.end, ground.zones)


FEATURES = (
    "at least two sites",
    "at least two weeks",
    "a clock change inside a shift",
    "a rate change inside a shift",
)
"""What the suite must see in a good share of the cases that bill something."""
FEATURES_ADDING_UP = (*FEATURES, "overtime", "overtime in a part of a charged row", "a closeout", "rows before the period")
"""The same for cases with accumulators."""


def features(case: Case, outcome: Outcome) -> frozenset[str]:
    """What a case has: the four of `FEATURES`, judged by what is billed, and many more; nothing where nothing is billed."""
    billed = [row for row in outcome.rows if outcome.fates[row.number][0] == "billed"]
    charges = outcome.charges
    if not billed:
        return frozenset()
    spans = [(case.zones[row.cell("site")], row.times["start"] or 0, row.times["end"] or 0) for row in billed]
    found = {
        "at least two sites": len({row.cell("site") for row in billed}) > 1,
        "at least two weeks": len({row.day.isocalendar()[:2] for row in billed}) > 1,
        "a clock change inside a shift": any(_offset(zone, start) != _offset(zone, end) for zone, start, end in spans),
        "a rate change inside a shift": any(charge.segment and charge.basis == "worked" for charge in charges),
        "at least two accounts": len(outcome.lines) > 1,
        "fill": any(charge.basis == "fill" for charge in charges),
        "fixed": any(charge.basis == "fixed" for charge in charges),
        "scheduled": any(charge.basis == "scheduled" for charge in charges),
        "own-line": any(charge.basis == "own-line" for charge in charges),
        "two premiums in a price": any("+" in charge.component for charge in charges),
        "three premiums in a price": any(charge.component.count("+") > 1 for charge in charges),
        "overtime": any("overtime" in charge.component for charge in charges),
        "overtime in a part of a charged row": any(
            len({"overtime" in each.component for each in charges if each.row == row.number}) > 1 for row in billed
        ),
        "a closeout": any(row.closeout for row in billed),
        "rows before the period": any(row.day < case.start and row.fate is None for row in outcome.rows),
        "a late row": any(row.day < case.start for row in billed),
        "hours to a guarantee": any(charge.basis == "window" for charge in charges),
        "a line of several charges": any(len(line.charges) > 1 for lines in outcome.lines.values() for line in lines),
    }
    fates = {" ".join(fate).strip() for fate in outcome.fates.values()}
    return frozenset(name for name, has in found.items() if has) | {f"fate: {fate}" for fate in fates if "rejected" not in fate}


# --- drawing ------------------------------------------------------------------------------------------------------------

_TAPE = st.binary(min_size=16, max_size=16)


class _Drawn:
    """Small numbers as choices, read from short tapes of bytes: many times faster than one draw for each, and zero is still the plainest.

    Each part of a case starts on a tape of its own, so that a part that shrinks does not change the next one.
    """

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw, self._tape = draw, b""

    def fresh(self) -> _Drawn:
        """The same, on a new tape."""
        self._tape = b""
        return self

    def below(self, size: int) -> int:
        """A number from 0 to `size` - 1."""
        width = 1 if size <= 64 else 2
        if len(self._tape) < width:
            self._tape = self._draw(_TAPE)
        number, self._tape = int.from_bytes(self._tape[:width], "big"), self._tape[width:]
        return number * size >> 8 * width

    def of(self, options: Sequence[T]) -> T:
        """One of the options; the first is the plainest."""
        return options[self.below(len(options))]

    def once_in(self, often: int) -> bool:
        """Yes about once in so many times."""
        return self.below(often) == often - 1


class _Ground:
    """What everything in a case shares: days, sites, zones, accounts, and the days on which things change."""

    def __init__(self, drawn: _Drawn, start: date, length: int) -> None:
        self.start, self.length = start, length
        self.end = start + timedelta(days=length)
        self.grid = drawn.of(GRIDS)
        self.currency = drawn.of(("USD", "USD", "USD", "EUR", "JPY", "KWD"))
        moving = [zone for zone in ZONES if _changes(zone, start, length)]
        pool = [drawn.of(moving), drawn.of(moving), drawn.of(ZONES)]
        self.sites = tuple(f"site-{n}" for n in range(drawn.of((1, 2, 2, 3, 3, 4))))
        self.zones = {site: pool[0] if n == 0 else drawn.of(pool) for n, site in enumerate(self.sites)}
        self.accounts = {site: f"account-{drawn.of((0, 0, 1, 2))}" for site in self.sites}
        moved = [at for zone in sorted(set(self.zones.values())) for at in _changes(zone, start, length)]
        elsewhere = [at for zone in ZONES for at in _changes(zone, start, length)]
        first = drawn.of(moved or elsewhere)
        # what changes changes on these days, and shifts are worked around them
        self.pivots = tuple(dict.fromkeys((first, *(start + timedelta(days=1 + drawn.below(length - 1)) for _ in range(2)))))
        self.has_source = drawn.once_in(6)
        self.sums: tuple[str, ...] = ()

    @property
    def bands(self) -> list[str]:
        """The bands of the accumulators."""
        return [band for name in self.sums for band in _BANDS[name]]

    def some_bands(self, drawn: _Drawn) -> str:
        """One or two bands, as a condition names them."""
        return drawn.of((drawn.of(self.bands), f"[{', '.join(dict.fromkeys((drawn.of(self.bands), drawn.of(self.bands))))}]"))

    def day(self, drawn: _Drawn) -> date:
        """A day on which something changes: mostly a pivot."""
        return (
            drawn.of((self.pivots[0], *self.pivots))
            if drawn.below(5) < 4
            else self.start + timedelta(days=drawn.below(self.length))
        )

    def sites_of(self, account: str) -> list[str]:
        return [site for site in self.sites if self.accounts[site] == account]


@lru_cache(maxsize=256)
def _changes(zone: str, start: date, length: int) -> tuple[date, ...]:
    """The local days on which a zone's clock changes."""
    first = int((datetime(start.year, start.month, start.day) - EPOCH) / timedelta(seconds=1))
    hours = range(first - 12 * HOUR, first + length * DAY, HOUR)
    return tuple(_local(zone, at).date() for at in hours if _offset(zone, at) != _offset(zone, at - HOUR))


@lru_cache(maxsize=1 << 16)
def _offset(zone: str, utc: int) -> int:
    moment = datetime.fromtimestamp(utc, UTC).astimezone(ZoneInfo(zone)).utcoffset() or timedelta()
    return int(moment / timedelta(seconds=1))


def _local(zone: str, utc: int) -> datetime:
    return EPOCH + timedelta(seconds=utc + _offset(zone, utc))


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"


# --- rates/ -------------------------------------------------------------------------------------------------------------


def _tables(drawn: _Drawn, ground: _Ground) -> dict[str, str]:
    adders = "".join(f"  - {{ premium: charge, geo: {geo}, prices: {_prices(drawn, ground, 900, once_in=3)} }}\n" for geo in GEOS)
    percents = "".join(
        f"  - {{ premium: {name}, prices: {_prices(drawn, ground, 4000, once_in=3)} }}\n"
        for name in ("night", "weekend", "holiday")
    )
    table = "format: 1\nkind: rate-table\ntable: {}\n"
    base = "".join(
        f"  - {{ geo: {geo}, item: {item}, prices: {_prices(drawn, ground, 13_000, least=2000, once_in=2)} }}\n"
        for geo in GEOS
        for item in ITEMS
    )
    own = "".join(
        f"  - {{ site: {site}, item: ICU, prices: {_prices(drawn, ground, 13_000, least=2000, once_in=2)} }}\n"
        for site in ground.sites
    )
    price = "site-base" if drawn.once_in(4) else "geo-base"
    return {
        "rates/geo-base.yaml": f"{table.format('geo-base')}unit: hour\ncurrency: USD\nkey: [item, geo]\nrates:\n{base}",
        "rates/site-base.yaml": f"{table.format('site-base')}unit: hour\ncurrency: USD\ndigits: 3\nkey: [site, item]\nrates:\n{own}",
        "rates/adders.yaml": f"{table.format('adders')}unit: hour\ncurrency: USD\nkey: [premium, geo]\nrates:\n{adders}",
        "rates/differentials.yaml": f"{table.format('differentials')}unit: percent\nkey: [premium]\nrates:\n{percents}",
        "rules/items.yaml": SAMPLE["rules/items.yaml"].replace(
            "price: geo-base, tax-class: exempt }\n  - { item: ORIENT",
            f"price: {price}, tax-class: exempt }}\n  - {{ item: ORIENT",
        ),
    }


def _prices(drawn: _Drawn, ground: _Ground, most: int, *, least: int = 0, once_in: int) -> str:
    """The prices of a row: one, and in one of so many rows another from a pivot on; seldom the row ends for some days."""
    prices = {date(2024, 1, 1): _money(least + drawn.below(most))}
    if once_in == 2 or drawn.once_in(once_in):
        prices[ground.day(drawn)] = _money(least + drawn.below(most))
    if drawn.once_in(40):
        prices[ground.end - timedelta(days=3)] = "ended"
    return "{ " + ", ".join(f"{day}: {price}" for day, price in prices.items()) + " }"


def _accounts(drawn: _Drawn, ground: _Ground) -> dict[str, str]:
    files = {}
    for account in sorted(set(ground.accounts.values())):
        mine = ground.sites_of(account)
        text = f"format: 1\nkind: account\naccount: {account}\ncurrency: USD\nsites:\n"
        for site in mine:
            geo = drawn.of(("2024-01-01: NYC", "2024-01-01: LA", "2024-01-01: NYC, {}: LA"))
            text += f"  - site: {site}\n    zone: {ground.zones[site]}\n    geo: {{ {geo.format(ground.day(drawn))} }}\n"
            text += _terms(drawn, ground, "    ", once_in=2)
        overrides = "".join(_override(drawn.fresh(), ground, number, mine) for number in range(drawn.of((0, 1, 2, 3))))
        text += f"overrides:\n{overrides}" if overrides else ""
        files[f"rates/accounts/{account}.yaml"] = text + _terms(drawn, ground, "", once_in=2)
    return files


def _override(drawn: _Drawn, ground: _Ground, number: int, sites: Sequence[str]) -> str:
    """The first for one item of the account, the second for a site (and an item), the third for a premium: two of one rank never meet."""
    begin = ground.day(drawn) if drawn.below(3) else ground.start - timedelta(days=30)
    until = ("", f", to: {begin + timedelta(days=1)}", f", to: {begin + timedelta(days=1 + drawn.below(25))}")
    held = f"from: {begin}{drawn.of(until)}"
    if number == 0:
        what = f"instead-of: geo-base, item: {drawn.of(ITEMS)}, unit: hour, price: {_money(2000 + drawn.below(13_000))}"
    elif number == 1:
        item = drawn.of(("", ", item: RN"))
        what = f"instead-of: geo-base, site: {drawn.of(sites)}{item}, unit: hour, price: {_money(2000 + drawn.below(13_000))}"
    else:
        premium = drawn.of((", premium: night", ", premium: weekend, item: RN", ""))
        what = f"instead-of: differentials{premium}, unit: percent, price: {_money(drawn.below(4000))}"
    return f"  - {{ override: o{number}, {what}, {held} }}\n"


def _punch_rounding(drawn: _Drawn) -> str:
    if drawn.once_in(5):
        return "none"
    to, half = drawn.of(("15min", "15min", "6min", "30min", "1h")), drawn.of(HALVES)
    flags = drawn.of(("yes, scheduled: no", "no, scheduled: no", "yes, scheduled: yes"))
    return f"{{ to: {to}, half: {half}, per: {drawn.of(('punch', 'interval'))}, breaks: {flags} }}"


def _break(drawn: _Drawn) -> str:
    if drawn.once_in(5):
        return drawn.of(("none", "paid"))
    length = drawn.of(("30min", "45min", "17min", "0h"))
    where = drawn.of(("middle", "end", "longest-segment"))
    return f"{{ after: {drawn.of(('6h', '5h', '0h'))}, length: {length}, unplaced: {where}, planned: {drawn.of(('no', 'yes'))} }}"


_CHOICES: dict[str, tuple[str, ...]] = {
    "min-hours": ("4h", "0h", "7h30min", "10h"),
    "hours": ("wall", "elapsed"),
    "approval": ("required", "not-needed"),
    "cancel-notice": ("12h", "24h", "0h"),
    "cancel-hours": ("1h20min", "2h", "0h"),
    "combine": ("largest", "multiply", "add"),
    "pays-weekend": ("no", "yes"),
    "charge-rate": ("3.25", "0.00", "1.75"),
    "holiday-percent": ("50", "12.5", "0"),
}
SUMS = (
    ("week",), ("day", "week"), ("day", "week", "run"), ("day", "run"), ("week", "four"), ("day", "week", "deal"), ("day", "week", "guarantee"),
    ("run", "week", "day"),
)  # fmt: skip
"""Which accumulators a book has."""
_BANDS = {
    "day": ("day-8", "day-12"),
    "week": ("week-40",),
    "run": ("run-4",),
    "four": ("four-50",),
    "deal": ("deal-30",),
    "guarantee": (),
}
_SUM_CHOICES: dict[str, tuple[str, ...]] = {
    "day-start": ("00:00", "06:00", "01:30", "02:00", "19:00"),
    "week-start": ("monday", "sunday", "sunday 02:30", "wednesday 06:00", "saturday 19:00"),
    "workday": ("00:00", "06:00", "02:30"),
    "scope": ("agency", "account", "site"),
    "late": ("reorder", "append"),
    "daily": ("8h", "6h", "0h", "none", "7h20min"),
    "weekly": ("40h", "24h", "20h30min", "16h", "none", "12h0min1s"),
    "workdays": ("4", "2", "1", "0"),
    "guaranteed": ("36h", "60h", "none", "20h"),
}
_SUM_TYPES = {
    "day-start": "clock", "week-start": "week-clock", "workday": "clock", "daily": "limit", "weekly": "limit", "workdays": "number",
    "guaranteed": "limit", "contract": "day", "scope": "choice, of: [site, account, agency]", "late": "choice, of: [reorder, append]",
}  # fmt: skip


def _term(drawn: _Drawn, name: str) -> str:
    if name == "punch-rounding":
        return _punch_rounding(drawn)
    return _break(drawn) if name == "break" else drawn.of((_CHOICES | _SUM_CHOICES)[name])


_TERMS = ("punch-rounding", "break", "hours", "combine", *_CHOICES)


def _terms(drawn: _Drawn, ground: _Ground, indent: str, *, once_in: int) -> str:
    """Terms of an account or a site: some from long ago, perhaps others from a pivot on."""
    if not drawn.once_in(once_in):
        return ""
    text = f"{indent}terms:\n"
    for since in (date(2024, 1, 1), ground.day(drawn))[: drawn.of((1, 2))]:
        known = (*_TERMS, *_SUM_CHOICES, *_SUM_CHOICES) if ground.sums else _TERMS
        names = dict.fromkeys(drawn.of(known) for _ in range(3 if ground.sums else 2))
        said = ", ".join(f"{name}: {_term(drawn, name)}" for name in names)
        text += f"{indent}  - {{ from: {since}, {said} }}\n"
    return text


def _default_terms(drawn: _Drawn, ground: _Ground) -> str:
    declares = SAMPLE["rates/terms-default.yaml"].split("terms:\n")[0]
    later = _terms(drawn, ground, "", once_in=3).split("\n", 1)[-1].replace("from: 2024-01-01", "from: 2024-06-01")
    sums, sum_values = "", ""
    if ground.sums:
        sums = "".join(f"  {name}: {{ type: {kind} }}\n" for name, kind in _SUM_TYPES.items())
        contract = ground.start + timedelta(days=drawn.below(ground.length + 10) - 10)
        sum_values = f"    contract: {contract}\n" + "".join(
            f"    {name}: {drawn.of(_SUM_CHOICES[name])}\n" for name in _SUM_CHOICES
        )
    return (
        f"{declares}{sums}  pays-weekend: {{ type: yes-no }}\n  charge-rate: {{ type: number }}\n  holiday-percent: {{ type: number }}\n"
        f"terms:\n  - from: 2024-01-01\n    punch-rounding: {_punch_rounding(drawn)}\n    break: {_break(drawn)}\n"
        f"    min-hours: {drawn.of(('0h', '0h', '10h'))}\n    hours: {drawn.of(('elapsed', 'elapsed', 'wall'))}\n    approval: required\n    cancel-notice: 24h\n"
        f"    cancel-hours: 2h\n    combine: add\n    pays-weekend: yes\n    charge-rate: 2.50\n    holiday-percent: 33.3\n{sum_values}{later}"
    )


# --- rules/ -------------------------------------------------------------------------------------------------------------


def _calendar(drawn: _Drawn, ground: _Ground) -> str:
    text = f"format: 1\nkind: calendar\nsemantics: 1\nrules-at: start\nprice-at: {'start' if drawn.once_in(6) else 'segment'}\n"
    if not ground.sums:
        return text
    return f"{text}window-at: {'start' if drawn.once_in(5) else 'segment'}\nactivity-from: 2026-01-01\n"


def _rounding(drawn: _Drawn) -> str:
    quantity = f"{{ digits: {drawn.of((2, 2, 2, 0, 1, 3, 4))}, half: {drawn.of(HALVES)} }}"
    return f"format: 1\nkind: rounding\nquantity: {{ hour: {quantity} }}\namount: {{ half: {drawn.of(HALVES)} }}\n"


_DAYS = ("monday", "tuesday", "friday", "saturday", "sunday")


def _clock(drawn: _Drawn) -> str:
    half_hour = drawn.below(48)
    return f"{half_hour // 2:02}:{half_hour % 2 * 30:02}"


def _edges(drawn: _Drawn, plain: str, *, days: Sequence[str] = ()) -> str:
    """The edges of a window: mostly the plain ones, else any two that differ; the later may be written first."""
    if drawn.below(3) < 2:
        return plain
    first, last = ((f"{drawn.of(days)} " if days else "") + _clock(drawn) for _ in range(2))
    return plain if first == last else f"from: {first}, to: {last}"


def _windows(drawn: _Drawn) -> str:
    holiday = drawn.of(
        (
            "from: day 00:00, to: day-after 00:00",
            "from: day-before 19:00, to: day-after 07:00",
            "from: day 06:30, to: day 18:00",
        )
    )
    return (
        "format: 1\nkind: segments\nwindows:\n"
        f"  - {{ window: night, each: day, {_edges(drawn, 'from: 19:00, to: 07:00')} }}\n"
        f"  - {{ window: weekend, each: week, {_edges(drawn, 'from: friday 19:00, to: monday 07:30', days=_DAYS)} }}\n"
        f"  - {{ window: holiday, each: holiday, holidays: us, day: {drawn.of(('actual', 'observed'))}, {holiday} }}\n"
        f"  - {{ window: evening, each: day, {_edges(drawn, 'from: 15:00, to: 23:00')} }}\n"
    )


def _holidays(drawn: _Drawn, ground: _Ground) -> str:
    actual = ground.day(drawn)
    until = ground.day(drawn) + timedelta(days=20) if drawn.once_in(25) else date(2028, 1, 1)
    days = f"  - {{ holiday: feast, actual: {actual}, observed: {actual + timedelta(days=drawn.of((0, 1, -1)))} }}\n"
    other = actual + timedelta(days=1 + drawn.below(9))
    days += f"  - {{ holiday: fast, actual: {other}, observed: {other} }}\n" if drawn.once_in(3) and other < until else ""
    return (
        f"format: 1\nkind: holidays\nholidays: us\nfrom: 2024-01-01\nto: {max(until, actual + timedelta(days=2))}\ndays:\n{days}"
    )


def _activity(drawn: _Drawn, ground: _Ground) -> str:
    text = SAMPLE["rules/activity/shift.yaml"].replace("grid: 1min", f"grid: {ground.grid[0]}")
    text = text.replace("overlap: hold", f"overlap: {'accept' if drawn.once_in(4) else 'hold'}")
    text = text.replace("maximum: 24h", f"maximum: {'13h' if drawn.once_in(8) else '24h'}")
    source = "  - { column: source, type: id }\n" if ground.has_source else ""
    if ground.sums:
        source += "  - { column: closeout, type: whole }\n"
        text = text.replace("columns:\n", "lengths:\n  - { length: delay, from: scheduled_start, to: start }\ncolumns:\n")
    return f"{text}{source}  - {{ column: patients, type: whole }}\n"


_POLICY = "format: 1\nkind: policy\ndecides: {}\nanswers: [{}]\nif-nothing-matches: {}\nif-several-match: {}\nrules:\n"


def _rule(name: str, when: str, then: str, beats: str = "", days: str = "") -> str:
    overrides = f", overrides: [{beats}]" if beats else ""
    return f"  - {{ id: {name}, when: {{ {when} }}, then: {then}{overrides}{days} }}\n"


def _example(given: str, gives: str) -> str:
    return f"examples:\n  - {{ name: never asked here, given: {{ {given} }}, gives: {gives} }}\n"


def _billable(drawn: _Drawn, ground: _Ground) -> str:
    hours = drawn.of(("{ fixed: { term: cancel-hours } }", "{ fixed: 2h }", "{ fixed: 1h40min }"))
    bound = drawn.of(
        (
            "less-than: { term: cancel-notice }",
            "at-most: { term: cancel-notice }",
            "less-than: 12h",
            "more-than: 2h, at-most: 24h",
        )
    )
    share = drawn.of(("1/2", "1/1", "2/3", "3/7"))
    least = drawn.of(("", ", at-least: 2h", ", at-least: 3h7min"))
    up = drawn.of(("", ", round-up: 15min", ", round-up: 1h"))
    days = drawn.of(("", f", from: {ground.day(drawn)}", f", to: {ground.day(drawn)}"))
    rules = [
        _rule("completed", "status: [completed, orientation]", "worked"),
        _rule("no-show", "status: no-show", drawn.of(("none", "none", "worked", "{ fixed: 1h }"))),
        _rule("cancelled-default", "status: cancelled", "none"),
        _rule("cancelled-late", f"status: cancelled, notice: {{ {bound} }}", hours, "cancelled-default", days),
        _rule("cancelled-marked", "status: cancelled, mark_billable: yes", f"{{ scheduled: {{ share: {share}{least}{up} }} }}", "cancelled-late, cancelled-default"),
    ]  # fmt: skip
    if drawn.once_in(4):
        short = drawn.of(
            ("worked-length: { less-than: 2h }", "scheduled-length: { at-least: 8h }, starts-in: night", "touches: holiday")
        )
        rules.append(_rule("short", f"status: completed, {short}", drawn.of(("{ fixed: 2h }", "none")), "completed"))
    policy = _POLICY.format("billable", "worked, scheduled, fixed, none", drawn.of(("error", "none")), "overrides")
    return policy + "".join(rules) + _example("status: no-show", "none")


def _item(drawn: _Drawn) -> str:
    rules = _rule("orientation", "status: orientation", "ORIENT")
    if drawn.once_in(4):
        rules += _rule(
            "in-charge",
            drawn.of(("charge_nurse: yes, status: { not: orientation }", "answer-of: { billable: fixed }")),
            "ICU",
            "orientation",
        )
    return (
        _POLICY.format("item", "as-worked, ORIENT, ICU", "as-worked", "overrides")
        + rules
        + _example("status: completed", "as-worked")
    )


def _minimum(drawn: _Drawn, ground: _Ground) -> str:
    if ground.sums and drawn.below(2):
        least = drawn.of(
            ("{ at-least: 6h }", "{ at-least: { term: min-hours } }", "{ at-least: { term: cancel-hours } }", "applies")
        )
        near = drawn.of(
            (
                "since-last: { less-than: 30min }",
                "until-next: { at-most: 12h }",
                "since-last: { at-least: 11h, at-most: 40h }",
                "delay: { more-than: 0h }",
            )
        )
        return (
            _POLICY.format("minimum", "applies, none, at-least", "none", "overrides")
            + _rule("least", "status: [completed, no-show]", least)
            + _rule("near", near, "none", "least")
            + _example("status: orientation", "none")
        )  # fmt: skip
    when = drawn.of(("status: orientation", "starts-in: night", "answer-of: { item: ORIENT }", "site: { not: site-0 }"))
    return (
        _POLICY.format("minimum", "applies, none", "applies", "overrides")
        + _rule("not-then", when, "none")
        + _example("status: completed", "applies")
    )


def _premiums_that_apply(drawn: _Drawn, ground: _Ground) -> str:
    night = drawn.of(
        ("in: night", "starts-in: night", "touches: night", "in: night, status: completed", "in: night, item: { not: ICU }")
    )
    weekend = drawn.of(
        (
            "in: weekend",
            "in: weekend, term: { pays-weekend: yes }",
            "in: [weekend, holiday]",
            "in: weekend, worked-length: { at-least: 8h }",
        )
    )
    holiday = drawn.of(
        ("in: holiday", "touches: holiday", "in: evening", "in: holiday, term: { holiday-percent: { more-than: 20 } }")
    )
    charge = drawn.of(
        (
            "charge_nurse: yes",
            "charge_nurse: yes, in: { not: night }",
            "patients: { at-least: 3, less-than: 9 }",
            "charge_nurse: { not: yes }",
        )
    )
    days = drawn.of(("", f", from: {ground.day(drawn)}"))
    more = ""
    if ground.sums and ground.bands:
        over = ground.some_bands(drawn.fresh())
        night = drawn.of((night, night, f"in: night, over: {{ not: {over} }}"))
        when = (
            f"over: {ground.some_bands(drawn)}",
            f"over: {ground.bands[-1]}",
            f"over: {ground.bands[0]}, status: completed",
            f"over: {over}, in: night",
        )
        more = _rule("e", drawn.of(when), "overtime") + _rule("f", f"over: {drawn.of(ground.bands)}", "double")
    return (
        _POLICY.format("premiums", f"night, weekend, holiday, charge{', overtime, double' if more else ''}", "none", "collect")
        + _rule("a", night, "night") + _rule("b", weekend, "weekend", days=days) + _rule("c", holiday, "holiday") + _rule("d", charge, "charge") + more
        + _example("status: no-show", "none")
    )  # fmt: skip


def _combine(drawn: _Drawn, ground: _Ground) -> str:
    rules = "".join(_rule(each, f"term: {{ combine: {each} }}", each) for each in ("add", "largest", "multiply"))
    if drawn.once_in(4):
        plain = ("item: ICU", "answer-of: { premiums: holiday }", "starts-in: weekend", "in: weekend")
        when = drawn.of((*plain, f"over: {ground.bands[0]}") if ground.bands else plain)
        rules += _rule("else", when, drawn.of(("largest", "multiply")), "add, largest, multiply")
    return (
        _POLICY.format("combine", "add, largest, multiply", "error", "overrides")
        + rules
        + _example("term: { combine: add }", "add")
    )


_ORDERS = (
    ("night", "weekend", "holiday", "charge"),
    ("charge", "holiday", "weekend", "night"),
    ("weekend", "charge", "night", "holiday"),
)


def _premiums(drawn: _Drawn, ground: _Ground) -> str:
    text = "format: 1\nkind: premiums\npremiums:\n"
    for name in drawn.of(_ORDERS):
        given = "base: base, percent: { rate: differentials }"
        if name == "holiday":
            given = drawn.of((given, "base: base, percent: { term: holiday-percent }", "base: base, percent: 20"))
        if name == "charge":
            given = drawn.of(("amount: { rate: adders }", "amount: { term: charge-rate }", "amount: 1.10"))
        formula = "flat" if name == "charge" else "percent-of-base"
        shown = drawn.of(("in-price", "own-line")) if name == "charge" else "own-line" if drawn.once_in(5) else "in-price"
        text += f"  - {{ premium: {name}, name: the {name}, shown: {shown}, formula: {formula}, given: {{ {given} }} }}\n"
    for name, percent in (("overtime", "50"), ("double", "100")) if ground.bands else ():
        given = f"base: base, percent: {percent}"
        shown = "own-line" if drawn.once_in(4) else "in-price"
        text += f"  - {{ premium: {name}, name: the {name}, shown: {shown}, formula: percent-of-base, given: {{ {given} }} }}\n"
    return text


def _versions(drawn: _Drawn, ground: _Ground, first: str, later: str) -> str:
    """Two versions, the later from a pivot on, each with its own rounding."""
    text, changed = "", ground.day(drawn)
    for number, (held, formula) in enumerate(((f"from: 2024-01-01, to: {changed}", first), (f"from: {changed}", later)), 1):
        rounding = f"{{ digits: {drawn.of((2, 2, 0, 3, 4))}, half: {drawn.of(HALVES)} }}"
        text += f'  - {{ version: {number}, {held}, formula: "{formula}", round: {rounding} }}\n'
    return text


def _percent_formula(drawn: _Drawn, ground: _Ground) -> str:
    later = (
        "base * percent / 100",
        "max(base * percent / 100, 3.50)",
        "base * percent / 100 + 0.125",
        "3.50 if percent < 10 else base * percent / 100",
    )
    return (
        "format: 1\nkind: formula\nformula: percent-of-base\ncomputes: price\nunit: USD per hour\n"
        "inputs: { base: { unit: USD per hour, at-most: 10000.00, digits: 3 }, percent: { unit: percent, at-most: 200 } }\nversions:\n"
        f"{_versions(drawn, ground, later[0], drawn.of(later))}"
    )


def _flat_formula(drawn: _Drawn, ground: _Ground) -> str:
    later = drawn.of(("amount", "min(amount, 2.25)", "amount * 3 / 7"))
    return (
        "format: 1\nkind: formula\nformula: flat\ncomputes: price\nunit: USD per hour\n"
        f"inputs: {{ amount: {{ unit: USD per hour, at-most: 100.00 }} }}\nversions:\n{_versions(drawn, ground, 'amount', later)}"
    )


# --- accumulators -------------------------------------------------------------------------------------------------------


def _accumulators(drawn: _Drawn, ground: _Ground) -> str:
    """The accumulators of the case; an early one in the file may read the bands of a later one."""
    scope = drawn.of(("{ term: scope }", "agency", "account", "site"))
    late = drawn.of(("", ", late: { term: late }", ", late: append"))
    key = drawn.of(("[worker]", "[worker]", "[worker, item]"))
    first = ground.start - timedelta(days=drawn.below(28))
    said = {
        "day": "measure: time, window: { each: day, starts: { term: day-start } }, bands: [{ band: day-8, over: { term: daily } }, { band: day-12, over: 12h }]",
        "week": "measure: time, window: { each: week, starts: { term: week-start } }, bands: [{ band: week-40, over: { term: weekly } }]",
        "run": f"measure: days, window: {{ each: week, starts: {{ term: week-start }} }}, workday: {drawn.of(('{ term: workday }', '00:00'))}, bands: [{{ band: run-4, over: {{ term: workdays }} }}]",
        "four": f"measure: time, window: {{ each: weeks, count: {drawn.of((2, 4))}, from: {first} }}, bands: [{{ band: four-50, over: 50h }}]",
        "deal": "measure: time, window: { since: { term: contract } }, bands: [{ band: deal-30, over: 30h }]",
        "guarantee": 'measure: time, window: { each: week, starts: { term: week-start } }, line: { fills-to: { term: guaranteed }, description: "{name} {item} {worker} {site} {from} {to} {counted} {limit}" }',
    }  # fmt: skip
    text = "".join(f"  - {{ accumulator: {name}, key: {key}, scope: {scope}{late}, {said[name]} }}\n" for name in ground.sums)
    return f"format: 1\nkind: accumulators\naccumulators:\n{text}"


def _counts(drawn: _Drawn, ground: _Ground) -> str:
    plain = (
        "status: completed",
        "status: [completed, orientation]",
        "charge_nurse: { not: yes }",
        "in: { not: night }",
        "item: RN",
    )
    below = [band for name in ("day", "run") if name in ground.sums for band in _BANDS[name]]
    reads = tuple(f"over: {{ not: {each} }}" for each in (*below, f"[{', '.join(below)}]") if below)
    rules = ""
    for name in ground.sums:
        conditions = (*reads, *reads, *plain) if name in ("week", "four", "deal", "guarantee") else plain
        if name == "run" and "day" in ground.sums:
            conditions = (*plain, "over: { not: day-12 }", "over: day-8")
        rules += _rule(name, drawn.of(conditions), name)
        if drawn.once_in(4):
            rules += _rule(f"{name}-too", drawn.of(("status: no-show", "in: weekend", "touches: evening")), name)
    return _POLICY.format("counts", ", ".join(ground.sums), "none", "collect") + rules + _example("status: cancelled", "none")


# --- activity -----------------------------------------------------------------------------------------------------------


def _rows(drawn: _Drawn, ground: _Ground) -> tuple[dict[str, str], ...]:
    rows = [_row(drawn.fresh(), ground, number) for number in range(2 + drawn.below(5))]
    rows += [_later(drawn.fresh(), ground, drawn.of(rows)) for _ in range(drawn.of((0, 0, 1, 2)))]
    return tuple(rows)


def _busy_rows(drawn: _Drawn, ground: _Ground) -> tuple[dict[str, str], ...]:
    """Weeks of one or two workers, shift after shift, and a few odd rows as in any case."""
    rows: list[dict[str, str]] = []
    for worker in ("both", "one")[: drawn.of((1, 1, 2))]:
        at = _begin(drawn.fresh(), ground, ground.zones[ground.sites[0]]) - drawn.of((0, 2, 4, 6)) * DAY
        for _ in range(3 + drawn.below(6)):
            number = len(rows)
            row = _row(drawn.fresh(), ground, number, at)
            if drawn.below(8):
                row |= {"worker": worker, "approved_by": "m.lee"}
            rows.append(row)
            at += 60 * drawn.of((840, 840, 1440, 1440, 1440, 620, 760, 2880))
    rows += [_row(drawn.fresh(), ground, len(rows) + number) for number in range(drawn.of((0, 1, 2)))]
    rows += [_later(drawn.fresh(), ground, drawn.of(rows)) for _ in range(drawn.of((0, 0, 0, 1)))]
    is_closed = drawn.of((True, True, False))
    return tuple(row | {"closeout": drawn.of(("", "", "1", "2")) if is_closed else ""} for row in rows)


def _row(drawn: _Drawn, ground: _Ground, number: int, at_about: int | None = None) -> dict[str, str]:
    site = ground.sites[number % len(ground.sites)] if drawn.below(3) else drawn.of(ground.sites)
    zone = ground.zones[site]
    begin = _begin(drawn, ground, zone) if at_about is None else at_about
    minutes = drawn.of((480, 725, 725, 725, 600, 600, 840, 240, 1180, 61, 20, 1500)) - drawn.below(20)
    finish = begin + max(minutes, 1) * 60 + (drawn.below(60) if ground.grid[1] == 1 else 0)
    status = drawn.of(("completed", "completed", "completed", "completed", "completed", "orientation", "cancelled", "no-show"))

    def at(utc: int) -> str:
        return _cell(drawn, zone, utc, ground.grid[1])

    row = {
        "id": f"s{number}",
        "site": site,
        "worker": "both" if drawn.once_in(3) else f"w{number}",
        "item": drawn.of(("RN", "RN", "ICU")),
        "status": status,
        "approved_by": "" if drawn.once_in(12) else "m.lee",
        "charge_nurse": drawn.of(("", "yes", "no")),
        "patients": drawn.of(("", "2", "3", "9")),
    }
    if ground.has_source:
        row["source"] = drawn.of(("", "kronos"))
    if status != "cancelled" and (status != "no-show" or drawn.once_in(3)):
        row |= {"start": at(begin), "end": at(max(finish, begin + max(ground.grid[1], 60)))}
    if status == "cancelled" and not drawn.once_in(8):
        row |= {"scheduled_start": at(begin), "scheduled_end": at(max(finish, begin + 900))}
        row["cancelled_at"] = at(begin - 60 * drawn.of((719, 5, 119, 720, 1439, 1440, 1441, 3000)))
        if drawn.once_in(2):
            row |= {"mark_billable": "yes", "marked_by": "m.lee", "reason": "agreed by telephone"}
    elif drawn.once_in(3) or ("start" not in row and not drawn.once_in(8)):
        row |= {"scheduled_start": at(begin + 60 * drawn.below(20)), "scheduled_end": at(max(finish, begin + 3600))}
    row |= _meal(drawn, begin, minutes, at)
    if drawn.once_in(40):
        row[drawn.of(("end", "site", "item", "start", "status", "worker"))] = drawn.of(("", "nonsense"))
    return row


def _begin(drawn: _Drawn, ground: _Ground, zone: str) -> int:
    """The instant a shift starts: before a clock change, before midnight of a day on which something changes, or anywhere."""
    changes = _changes(zone, ground.start, ground.length)
    kind = drawn.below(8)
    if kind < 4 and changes:
        day, earlier = drawn.of(changes), 480
    elif kind < 6:
        day, earlier = drawn.of(ground.pivots), 600
    else:
        return _midnight(ground.start, zone) + 60 * (drawn.below(1440) + 1440 * drawn.below(ground.length)) - 6 * HOUR
    return _midnight(day, zone) + 60 * (60 - drawn.below(720) * (earlier + 60) // 720)


def _midnight(day: date, zone: str) -> int:
    """About the first instant of a local day."""
    utc = int((datetime(day.year, day.month, day.day) - EPOCH) / timedelta(seconds=1))
    return utc - _offset(zone, utc)


def _meal(drawn: _Drawn, begin: int, minutes: int, at: object) -> dict[str, str]:
    kind = drawn.below(6)
    if kind == 4 and callable(at):
        off = begin + 60 * (minutes * (1 + drawn.below(8)) // 10)
        return {"break_start": at(off), "break_end": at(off + 60 * (16 + drawn.below(31)))}
    return {"break_minutes": drawn.of(("30", "0", "15", "47", "600"))} if kind == 5 else {}


def _cell(drawn: _Drawn, zone: str, utc: int, grid: int) -> str:
    """What a timesheet says of an instant: the clock on the grid, with its offset where it reads so twice; seldom otherwise."""
    moment = _local(zone, utc - (utc + _offset(zone, utc)) % grid)
    text = moment.isoformat(timespec="seconds" if moment.second else "minutes")
    aware = moment.replace(tzinfo=ZoneInfo(zone))
    once = aware.utcoffset() == aware.replace(fold=1).utcoffset()
    odd = drawn.once_in(16)  # an offset that is not needed, or none where it is
    if once != odd:
        return text
    seconds = _offset(zone, utc)
    if seconds == 0:
        return f"{text}Z"
    return f"{text}{'-' if seconds < 0 else '+'}{abs(seconds) // 3600:02}:{abs(seconds) % 3600 // 60:02}"


def _later(drawn: _Drawn, ground: _Ground, row: dict[str, str]) -> dict[str, str]:
    """Another row with the same id: the same again, other content, a correction, a withdrawal, a mark."""
    changes: tuple[dict[str, str], ...] = (
        {},
        {"revision": "2", "item": "ICU"},
        {"revision": "2", "withdrawn": "yes"},
        {"revision": "3", "mark_held": "yes", "marked_by": "a", "reason": "b"},
        {"revision": "2", "mark_excluded": "yes", "marked_by": "a", "reason": "b"},
        {"charge_nurse": "yes", "patients": "4"},
        {"revision": "2", "mark_held": "yes"},
        {"revision": "2", "end": "nonsense"},
        {"revision": "2", "site": ground.sites[-1]},
    )
    return row | drawn.of(changes)
