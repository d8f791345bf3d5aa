"""The engine against `minutes.py`: thousands of fortnights of one worker, hours by shift and set of bands, to the minute."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from random import Random
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from engine.dates import Period
from engine.pipeline import preview
from engine.ratebook.book import RuleBook
from engine.ratebook.build import build
from engine.reference.evaluate import evaluate
from engine.steps.rate import Rater
from tests.properties.minutes import EPOCH, MINUTE, Bands, Limits, Site, Worked, bands, utc
from tests.sample_book import sample_texts

FAST = True
"""Whether the fast engine can do what law 5 says."""

SLOW_BOOKS, FAST_BOOKS = (12, 5), (36, 60)
"""How many rule books, and fortnights of each."""
ZONES = ("America/New_York", "America/Los_Angeles", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Beirut", "Asia/Kathmandu")
# Each fortnight has a clock change in most of the zones, or none.
BEGINNINGS = (date(2026, 3, 2), date(2026, 3, 22), date(2026, 10, 20), date(2026, 10, 26), date(2026, 6, 3), date(2026, 9, 28))
FULL = Limits(8 * 60, 12 * 60, 40 * 60, 6)
SMALL = (Limits(80, 120, 400, 6), Limits(47, 91, 200, 3), Limits(60, 61, 150, 2))  # as the full ones, with shorter shifts
CLOCKS = ("00:00", "00:00", "06:00", "02:30", "19:00")
WEEKDAYS = ("sunday", "monday", "saturday", "wednesday")
BANDS = ("d8", "d12", "d7", "w40")

Hours = dict[tuple[str, Bands], int]


@dataclass(frozen=True)
class Case:
    """Sites, the limits of all of them, and the fortnights of some workers."""

    sites: Mapping[str, Site]
    limits: Limits
    start: date
    fortnights: tuple[tuple[Worked, ...], ...]

    @property
    def end(self) -> date:
        """A day after all shifts, and after the months with which late ones are billed."""
        return self.start + timedelta(days=100)


# --- the program itself, by pencil


NEW_YORK = Site("a", "acme", "America/New_York", timedelta(), timedelta(days=6), "site", "reorder")


def nine_hours(*days: int) -> list[Worked]:
    """Shifts from 08:00 to 17:00 in New York in October 2026."""
    return [Worked(f"s{day:02}", "a", utc(f"2026-10-{day:02}T12:00"), utc(f"2026-10-{day:02}T21:00"), None) for day in days]


def test_a_week_of_nine_hours_by_pencil() -> None:
    """
    Sunday 4 to Saturday 10 October, 9 h each: 8 + 1 on six days, of which five fill the week's 40 h; Saturday is the seventh day.
    Thursday's ninth hour does not count for the week, and is over it.
    """
    found = bands({"a": NEW_YORK}, nine_hours(*range(4, 11)), FULL)

    plain: Hours = {}
    for day in range(4, 9):
        plain |= {(f"s{day:02}", frozenset()): 480, (f"s{day:02}", frozenset({"d8"} if day < 8 else {"d8", "w40"})): 60}
    plain |= {("s09", frozenset({"w40"})): 480, ("s09", frozenset({"d8", "w40"})): 60}
    plain |= {("s10", frozenset({"d7", "w40"})): 480, ("s10", frozenset({"d7", "d8", "w40"})): 60}
    assert found == plain


def test_the_hour_that_comes_twice_is_worked_twice() -> None:
    """Saturday 31 October 22:00 to Sunday 08:00 in New York: 2 h of Saturday, 9 h of Sunday = 8 + 1."""
    night = Worked("z", "a", utc("2026-11-01T02:00"), utc("2026-11-01T13:00"), None)

    assert bands({"a": NEW_YORK}, [night], FULL) == {("z", frozenset()): 600, ("z", frozenset({"d8"})): 60}


def test_late_rows_stand_last_where_the_site_says_so() -> None:
    """Monday 5 October, closed: 08:00-17:00 (1 h over 8). An open row of 06:00-07:00 came late: before it 2 h are over, after it 1 h and its own."""
    late = Worked("late", "a", utc("2026-10-05T10:00"), utc("2026-10-05T11:00"), None)
    rows = [late, *(replace(each, closeout=1) for each in nine_hours(5))]

    assert bands({"a": NEW_YORK}, rows, FULL)["s05", frozenset({"d8"})] == 120
    appended = bands({"a": replace(NEW_YORK, late="append")}, rows, FULL)
    assert appended["s05", frozenset({"d8"})] == 60
    assert appended["late", frozenset({"d8"})] == 60


# --- against the engine


@pytest.mark.slow
def test_the_slow_evaluator_counts_the_same_minutes() -> None:
    reached: set[str] = set()
    for case in cases(*SLOW_BOOKS):
        book = book_of(tuple(case.sites.values()), case.limits)
        for shifts in case.fortnights:
            expected = bands(case.sites, shifts, case.limits)
            charges = evaluate(book, rows_of(case, [shifts]), case.start, case.end).charges
            found = {(each.id.split(":")[1], each.component): each.quantity for each in charges}
            assert _minutes(found) == expected
            reached |= {name for _, some in expected for name in some}
    assert reached == set(BANDS)


@pytest.mark.slow
@pytest.mark.skipif(not FAST, reason="the fast engine does not know accumulators yet")
def test_the_engine_counts_the_same_minutes() -> None:
    for case in cases(*FAST_BOOKS):
        book = book_of(tuple(case.sites.values()), case.limits)
        rows = rows_of(case, case.fortnights)
        names = [column.column for column in book.kinds["shift"].columns]
        cells = {name: [row.get(name, "") for row in rows] for name in names}
        raw = pl.DataFrame({**cells, "file": ["rows"] * len(rows), "row": list(range(len(rows)))})
        found = preview(Rater(book), {"shift": raw}, Period(case.start, case.end, "fortnight"))
        charges: dict[str, dict[tuple[str, str], int]] = {}
        for each in found.assembled:
            for row in each.backup.iter_rows(named=True):
                worker, id_ = row["id"].split(":")
                quantity = int(row["quantity"].replace(".", ""))
                charges.setdefault(worker, {})[id_, row["component"]] = quantity
        for number, shifts in enumerate(case.fortnights):
            assert _minutes(charges[f"w{number}"]) == bands(case.sites, shifts, case.limits), (case.sites, shifts)


def _minutes(quantities: Mapping[tuple[str, str], int]) -> Hours:
    """Minutes by shift and bands, from quantities of hours with six digits by shift and component: a minute is 16,667 of their units."""
    said: Hours = {}
    for (id_, component), quantity in quantities.items():
        minutes = round(quantity * 60 / 10**6)
        assert abs(quantity - minutes * 10**6 // 60) <= 2, f"{id_}: {quantity} is no whole number of minutes"
        said[id_, frozenset() if component == "base" else frozenset(component.split("+"))] = minutes
    return said


# --- fortnights


def cases(books: int, fortnights: int) -> Iterable[Case]:
    """So many cases with so many fortnights each, always the same."""
    for seed in range(books):
        random = Random(seed)  # tests, not secrets
        limits = FULL if seed % 6 == 5 else random.choice(SMALL)
        start = random.choice(BEGINNINGS)
        sites = {site.name: site for site in _sites(random)}
        shifts = (tuple(_shifts(random, list(sites.values()), start, limits)) for _ in range(fortnights))
        yield Case(sites, limits, start, tuple(shifts))


def _sites(random: Random) -> Iterable[Site]:
    zones = random.sample(ZONES, 2)
    for number in range(random.choice((2, 2, 3))):
        scope, late = random.choice(("site", "account", "agency", "agency")), random.choice(("reorder", "append"))
        week = timedelta(days=random.choice((0, 2, 5, 6)), hours=int(random.choice(CLOCKS)[:2]))
        account = random.choice(("acme", "acme", "beta"))
        clock = random.choice(CLOCKS)
        day = timedelta(hours=int(clock[:2]), minutes=int(clock[3:]))
        yield Site(f"site-{number}", account, random.choice(zones), day, week, scope, late)


def _shifts(random: Random, sites: Sequence[Site], start: date, limits: Limits) -> Iterable[Worked]:
    """A fortnight of one worker: shifts one after the other, some around midnight and clock changes, some touching, some days off."""
    at = utc(f"{start}T14:00") + random.randrange(600)
    end = at + 14 * 24 * 60
    longest = min(limits.long_day * 3 // 2, 1320)
    number = 0
    while at < end:
        length = random.randrange(1, longest) if random.random() < 0.3 else limits.day + random.choice((0, 0, 1, -1, 30, -30))
        finish = at + max(length, 1)
        closeout = random.choice((None, None, 1, 2))
        yield Worked(f"s{number}", random.choice(sites).name, at, finish, closeout)
        number += 1
        gap = random.choice((0, random.randrange(1, 300), 600, 24 * 60 - length, 24 * 60 - length, 24 * 60 - length, 40 * 60))
        at = finish + max(gap, 0)


def rows_of(case: Case, fortnights: Sequence[Sequence[Worked]]) -> list[dict[str, str]]:
    """The shifts of some workers as rows of an activity file."""
    return [
        {
            "id": f"w{number}:{shift.id}",
            "site": shift.site,
            "worker": f"w{number}",
            "item": "RN",
            "status": "completed",
            "start": _cell(shift.start, case.sites[shift.site].zone),
            "end": _cell(shift.end, case.sites[shift.site].zone),
            "closeout": "" if shift.closeout is None else str(shift.closeout),
        }
        for number, shifts in enumerate(fortnights)
        for shift in shifts
    ]


def _cell(at: int, zone: str) -> str:
    """The local time, with its offset."""
    local = (EPOCH + at * MINUTE).astimezone(ZoneInfo(zone))
    return local.isoformat(timespec="minutes")


# --- the rule book


PREMIUMS = "".join(
    f"  - {{ premium: {name}, name: {name}, shown: in-price, formula: percent-of-base, given: {{ base: base, percent: 10 }} }}\n"
    for name in BANDS
)
ACCUMULATORS = """format: 1
kind: accumulators
accumulators:
  - accumulator: week
    measure: time
    key: [worker]
    window: {{ each: week, starts: {{ term: week-starts }} }}
    scope: {{ term: scope }}
    late: {{ term: late }}
    bands: [{{ band: w40, over: {week}min }}]
  - accumulator: day
    measure: time
    key: [worker]
    window: {{ each: day, starts: {{ term: day-starts }} }}
    scope: {{ term: scope }}
    late: {{ term: late }}
    bands: [{{ band: d8, over: {day}min }}, {{ band: d12, over: {long_day}min }}]
  - accumulator: run
    measure: days
    key: [worker]
    window: {{ each: week, starts: {{ term: week-starts }} }}
    workday: {{ term: day-starts }}
    scope: {{ term: scope }}
    late: {{ term: late }}
    bands: [{{ band: d7, over: {days} }}]
"""
POLICY = "format: 1\nkind: policy\ndecides: {}\nanswers: [{}]\nif-nothing-matches: {}\nif-several-match: {}\nrules:\n"
EXAMPLE = "examples:\n  - {{ name: an example, given: {{ {} }}, gives: {} }}\n"
TERMS = """format: 1
kind: terms
declares:
  punch-rounding: { type: punch-rounding }
  break: { type: break }
  min-hours: { type: duration }
  hours: { type: choice, of: [elapsed, wall] }
  approval: { type: choice, of: [required, not-needed] }
  week-starts: { type: week-clock }
  day-starts: { type: clock }
  scope: { type: choice, of: [site, account, agency] }
  late: { type: choice, of: [reorder, append] }
terms:
  - { from: 2024-01-01, punch-rounding: none, break: none, min-hours: 0h, hours: elapsed, approval: not-needed, week-starts: monday, day-starts: 00:00, scope: site, late: reorder }
"""
WEEK_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@lru_cache(maxsize=4)
def book_of(sites: tuple[Site, ...], limits: Limits) -> RuleBook:
    """The rule book of these sites: four bands, each a premium in the price, so that a component names the set of bands."""
    texts = {path: text for path, text in sample_texts().items() if path.startswith("rules/") or path == "rates/geo-base.yaml"}
    counts = "".join(
        f"  - {{ id: {answer}, when: {{ {when} }}, then: {answer} }}\n"
        for answer, when in (("week", "over: { not: [d8, d7] }"), ("day", "status: completed"), ("run", "status: completed"))
    )
    applies = "".join(f"  - {{ id: {name}, when: {{ over: {name} }}, then: {name} }}\n" for name in BANDS)
    for path in ("rules/minimum.yaml", "rules/item.yaml", "rules/formulas/flat.yaml"):
        del texts[path]
    texts |= {
        "rates/terms-default.yaml": TERMS,
        "rules/calendar.yaml": "format: 1\nkind: calendar\nsemantics: 1\nrules-at: start\nprice-at: start\nactivity-from: 2026-01-01\n",
        "rules/rounding.yaml": "format: 1\nkind: rounding\nquantity: { hour: { digits: 6, half: up } }\namount: { half: up }\n",
        "rules/accumulators.yaml": ACCUMULATORS.format(
            week=limits.week, day=limits.day, long_day=limits.long_day, days=limits.days
        ),
        "rules/counts.yaml": POLICY.format("counts", "week, day, run", "none", "collect") + counts + EXAMPLE.format("status: no-show", "week"),
        "rules/premiums-that-apply.yaml": POLICY.format("premiums", ", ".join(BANDS), "none", "collect") + applies + EXAMPLE.format("status: no-show", "none"),
        "rules/premiums.yaml": "format: 1\nkind: premiums\npremiums:\n" + PREMIUMS,
        "rules/combine.yaml": POLICY.format("combine", "add", "add", "overrides") + "  - { id: add, when: { status: completed }, then: add }\n" + EXAMPLE.format("status: completed", "add"),
        "rules/billable.yaml": POLICY.format("billable", "worked", "error", "overrides") + "  - { id: all, when: { status: completed }, then: worked }\n" + EXAMPLE.format("status: completed", "worked"),
        "rules/activity/shift.yaml": texts["rules/activity/shift.yaml"].replace("  - { column: withdrawn,", "  - { column: closeout, type: whole }\n  - { column: withdrawn,"),
    }  # fmt: skip
    for account in sorted({site.account for site in sites}):
        text = f"format: 1\nkind: account\naccount: {account}\ncurrency: USD\nsites:\n"
        for site in sites:
            if site.account == account:
                text += f"  - site: {site.name}\n    zone: {site.zone}\n    geo: {{ 2024-01-01: NYC }}\n"
                text += f"    terms: [{{ from: 2024-01-01, week-starts: {_week_clock(site.week_starts)}, day-starts: '{_clock(site.day_starts)}', scope: {site.scope}, late: {site.late} }}]\n"
        texts[f"rates/accounts/{account}.yaml"] = text
    return build({path: text.encode() for path, text in texts.items()})


def _clock(after: timedelta) -> str:
    minutes = after // MINUTE
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _week_clock(after: timedelta) -> str:
    return f"{WEEK_DAYS[after.days]} {_clock(after - timedelta(days=after.days))}"
