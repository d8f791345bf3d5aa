"""Whole generated rule books (as YAML files) and months of shifts, small enough to shrink, odd enough to hurt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from tests.sample_book import sample_files

ZONES = (
    "America/New_York",
    "America/New_York",
    "America/Los_Angeles",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "UTC",
)
# Each month has a clock change in some of the zones.
MONTHS = ((2026, 3), (2026, 11), (2026, 3), (2026, 10), (2026, 4))
ITEMS = ("RN", "ICU", "ORIENT")


@dataclass(frozen=True)
class Case:
    """A rule book, rows of text cells, and the period they are billed for."""

    files: dict[str, bytes]
    rows: tuple[dict[str, str], ...]
    start: date
    end: date
    zones: dict[str, str]
    changes: frozenset[tuple[str, date]]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A generated case."""
    year, month = draw(st.sampled_from(MONTHS))
    start = date(year, month, 1)
    end = date(year + month // 12, month % 12 + 1, 1)
    grid = draw(st.sampled_from(("1min", "1min", "1min", "15min", "1s")))
    sites = {f"site-{n}": draw(st.sampled_from(ZONES)) for n in range(draw(st.sampled_from((1, 2, 3, 3))))}
    accounts = {site: f"account-{draw(st.integers(0, 1))}" for site in sites}
    hot = sorted({moment.date() for zone in ZONES for moment in _transitions(zone, start, end)})
    tables, changes = draw(_tables(start, hot))
    files = sample_files(
        **tables,
        **draw(_accounts(start, sites, accounts)),
        **{
            "rates/terms-default.yaml": draw(_default_terms()),
            "rules/calendar.yaml": f"format: 1\nkind: calendar\nsemantics: 1\nrules-at: start\nprice-at: {draw(st.sampled_from(('segment', 'segment', 'segment', 'start')))}\n",
            "rules/rounding.yaml": _rounding(draw(st.sampled_from((0, 1, 2, 2, 3, 4))), draw(_HALF), draw(_HALF)),
            "rules/segments.yaml": draw(_windows()),
            "rules/holidays.yaml": _holidays(start, draw(st.integers(0, 27)), draw(st.integers(-1, 1))),
            "rules/premiums-that-apply.yaml": draw(_premium_policy()),
            "rules/premiums.yaml": draw(_premiums()),
            "rules/formulas/percent-of-base.yaml": draw(_formula(start)),
        },
    )
    for name in ("rates/accounts/acme.yaml", "rates/accounts/beta.yaml"):
        files.pop(name)
    shift = files["rules/activity/shift.yaml"].decode().replace("grid: 1min", f"grid: {grid}")
    files["rules/activity/shift.yaml"] = shift.replace(
        "overlap: hold", f"overlap: {draw(st.sampled_from(('hold', 'accept')))}"
    ).encode()
    count = draw(st.integers(3, 7))
    rows = tuple(draw(_row(n, sites, start, end, {"1s": 1, "1min": 60, "15min": 900}[grid])) for n in range(count))
    rows += tuple(draw(_revision(rows[draw(st.integers(0, count - 1))])) for _ in range(draw(st.integers(0, 2))))
    return Case(files, rows, start, end, sites, changes)


_HALF = st.sampled_from(("up", "up", "even", "down"))
_CENTS = st.integers(2_000, 15_000)


def _money(units: int) -> str:
    return f"{units // 100}.{units % 100:02}"


@st.composite
def _tables(draw: st.DrawFn, start: date, hot: list[date]) -> tuple[dict[str, str], frozenset[tuple[str, date]]]:
    changes: set[tuple[str, date]] = set()
    rows = []
    for geo in ("NYC", "LA"):
        for item in ITEMS:
            prices = [f"      2024-01-01: {_money(draw(_CENTS))}"]
            anyday = st.integers(0, 29).map(lambda day: start + timedelta(days=day))
            for changed in sorted(
                draw(
                    st.sets(
                        st.one_of(st.sampled_from(hot), st.sampled_from(hot), st.sampled_from(hot), anyday),
                        min_size=1,
                        max_size=3,
                    )
                )
            ):
                prices.append(f"      {changed}: {_money(draw(_CENTS))}")
                changes.add((geo, changed))
            rows.append(f"  - geo: {geo}\n    item: {item}\n    prices:\n" + "\n".join(prices))
    geo_base = (
        "format: 1\nkind: rate-table\ntable: geo-base\nunit: hour\ncurrency: USD\nkey: [geo, item]\nrates:\n"
        + "\n".join(rows)
        + "\n"
    )
    percents = "".join(
        f"  - {{ premium: {name}, prices: {{ 2024-01-01: {_money(draw(st.integers(0, 6_000)))} }} }}\n"
        for name in ("night", "weekend", "holiday")
    )
    return {
        "rates/geo-base.yaml": geo_base,
        "rates/differentials.yaml": "format: 1\nkind: rate-table\ntable: differentials\nunit: percent\nkey: [premium]\nrates:\n"
        + percents,
    }, frozenset(changes)


@st.composite
def _terms(draw: st.DrawFn, start: date) -> str:
    """Some terms from some day on, in flow style."""
    said = {
        "punch-rounding": draw(_ROUNDING),
        "break": draw(_BREAK),
        "min-hours": draw(st.sampled_from(("0h", "4h", "7h30min"))),
        "hours": draw(st.sampled_from(("elapsed", "wall"))),
        "cancel-notice": draw(st.sampled_from(("0h", "12h", "24h"))),
        "cancel-hours": draw(st.sampled_from(("0h", "2h", "1h20min"))),
        "combine": draw(st.sampled_from(("add", "largest", "multiply"))),
    }
    chosen = draw(st.sets(st.sampled_from(sorted(said)), min_size=1))
    since = draw(st.sampled_from((date(2024, 1, 1), start + timedelta(days=9))))
    return f"{{ from: {since}, " + ", ".join(f"{name}: {said[name]}" for name in sorted(chosen)) + " }"


_ROUNDING = st.one_of(
    st.just("none"),
    st.builds(
        "{{ to: {}, half: {}, per: {}, breaks: {}, scheduled: {} }}".format,
        st.sampled_from(("15min", "15min", "6min", "30min", "1h")),
        _HALF,
        st.sampled_from(("punch", "interval")),
        st.sampled_from(("yes", "no")),
        st.sampled_from(("yes", "no")),
    ),
)
_BREAK = st.one_of(
    st.sampled_from(("none", "paid")),
    st.builds(
        "{{ after: {}, length: {}, unplaced: {}, planned: {} }}".format,
        st.sampled_from(("5h", "6h", "0h")),
        st.sampled_from(("30min", "45min", "0h")),
        st.sampled_from(("middle", "end", "longest-segment")),
        st.sampled_from(("yes", "no")),
    ),
)


@st.composite
def _default_terms(draw: st.DrawFn) -> str:
    from tests.sample_book import sample_texts

    text = sample_texts()["rates/terms-default.yaml"].split("terms:\n")[0]
    return text + (
        f"terms:\n  - from: 2024-01-01\n    punch-rounding: {draw(_ROUNDING)}\n    break: {draw(_BREAK)}\n    min-hours: 0h\n    hours: elapsed\n"
        f"    approval: required\n    cancel-notice: 24h\n    cancel-hours: 2h\n    combine: add\n"
    )


@st.composite
def _accounts(draw: st.DrawFn, start: date, sites: dict[str, str], accounts: dict[str, str]) -> dict[str, str]:
    files = {}
    for account in sorted(set(accounts.values())):
        text = f"format: 1\nkind: account\naccount: {account}\ncurrency: USD\nsites:\n"
        mine = [site for site in sites if accounts[site] == account]
        for site in mine:
            moves = start + timedelta(days=draw(st.integers(1, 27)))
            geo = draw(st.sampled_from(("{ 2024-01-01: NYC }", "{ 2024-01-01: LA }", f"{{ 2024-01-01: NYC, {moves}: LA }}")))
            text += f"  - site: {site}\n    zone: {sites[site]}\n    geo: {geo}\n"
            if draw(st.booleans()):
                text += f"    terms:\n      - {draw(_terms(start))}\n"
        overrides = [draw(_override(start, n, mine)) for n in range(draw(st.integers(0, 2)))]
        if overrides:
            text += "overrides:\n" + "".join(overrides)
        if draw(st.booleans()):
            text += f"terms:\n  - {draw(_terms(start))}\n"
        files[f"rates/accounts/{account}.yaml"] = text
    return files


@st.composite
def _override(draw: st.DrawFn, start: date, number: int, sites: list[str]) -> str:
    """The first is for one item of the account, the second for one site or a premium, so that two of one rank never meet."""
    begin = start + timedelta(days=draw(st.integers(-40, 20)))
    end = draw(st.sampled_from(("", f", to: {begin + timedelta(days=draw(st.integers(1, 25)))}")))
    if number == 0:
        return f"  - {{ override: o0, instead-of: geo-base, item: {draw(st.sampled_from(ITEMS))}, from: {begin}{end}, price: {_money(draw(_CENTS))}, unit: hour }}\n"
    if draw(st.booleans()):
        return f"  - {{ override: o1, instead-of: geo-base, site: {draw(st.sampled_from(sites))}, from: {begin}{end}, price: {_money(draw(_CENTS))}, unit: hour }}\n"
    return f"  - {{ override: o1, instead-of: differentials, premium: night, from: {begin}{end}, price: {_money(draw(st.integers(0, 5_000)))}, unit: percent }}\n"


def _rounding(digits: int, quantity: str, amount: str) -> str:
    return f"format: 1\nkind: rounding\nquantity: {{ hour: {{ digits: {digits}, half: {quantity} }} }}\namount: {{ half: {amount} }}\n"


_CLOCK = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from((0, 30, 45)))


@st.composite
def _windows(draw: st.DrawFn) -> str:
    def edges(one: st.SearchStrategy[str]) -> str:
        first = draw(one)
        return f"from: {first}, to: {draw(one.filter(lambda other: other != first))}"

    week = st.builds("{} {}".format, st.sampled_from(("monday", "wednesday", "friday", "saturday", "sunday")), _CLOCK)
    which = draw(st.sampled_from(("actual", "observed")))
    holiday = draw(
        st.sampled_from(
            (
                "from: day-before 19:00, to: day-after 07:00",
                "from: day 00:00, to: day-after 00:00",
                "from: day 06:30, to: day 18:00",
            )
        )
    )
    return (
        "format: 1\nkind: segments\nwindows:\n"
        f"  - {{ window: night, each: day, {edges(_CLOCK)} }}\n"
        f"  - {{ window: weekend, each: week, {edges(week)} }}\n"
        f"  - {{ window: holiday, each: holiday, holidays: us, day: {which}, {holiday} }}\n"
    )


def _holidays(start: date, day: int, moved: int) -> str:
    actual = start + timedelta(days=day)
    return f"format: 1\nkind: holidays\nholidays: us\nfrom: 2024-01-01\nto: 2028-01-01\ndays:\n  - {{ holiday: feast, actual: {actual}, observed: {actual + timedelta(days=moved)} }}\n"


@st.composite
def _premium_policy(draw: st.DrawFn) -> str:
    night = draw(
        st.sampled_from(
            ("in: night", "starts-in: night", "touches: night", "in: night, status: completed", "in: night, item: { not: ICU }")
        )
    )
    weekend = draw(
        st.sampled_from(
            ("in: weekend", "starts-in: weekend", "in: [weekend, night]", "in: weekend, worked-length: { at-least: 8h }")
        )
    )
    holiday = draw(st.sampled_from(("in: holiday", "touches: holiday", "in: holiday, term: { combine: [add, largest] }")))
    return (
        "format: 1\nkind: policy\ndecides: premiums\nanswers: [night, weekend, holiday, charge]\nif-nothing-matches: none\nif-several-match: collect\nrules:\n"
        f"  - {{ id: a, when: {{ {night} }}, then: night }}\n  - {{ id: b, when: {{ {weekend} }}, then: weekend }}\n"
        f"  - {{ id: c, when: {{ {holiday} }}, then: holiday }}\n  - {{ id: d, when: {{ charge_nurse: yes }}, then: charge }}\n"
        "examples:\n  - { name: never asked here, given: { status: no-show }, gives: none }\n"
    )


@st.composite
def _premiums(draw: st.DrawFn) -> str:
    order = draw(st.permutations(("night", "weekend", "holiday")))
    lines = "".join(
        f"  - {{ premium: {name}, name: {name}, shown: {draw(st.sampled_from(('in-price', 'in-price', 'own-line')))}, formula: percent-of-base, "
        "given: { base: base, percent: { rate: differentials } } }\n"
        for name in order
    )
    charge = f"  - {{ premium: charge, name: charge nurse, shown: {draw(st.sampled_from(('in-price', 'own-line')))}, formula: flat, given: {{ amount: {{ rate: adders }} }} }}\n"
    return "format: 1\nkind: premiums\npremiums:\n" + lines + charge


@st.composite
def _formula(draw: st.DrawFn, start: date) -> str:
    changed = start + timedelta(days=draw(st.integers(0, 27)))
    later = draw(
        st.sampled_from(
            ("max(base * percent / 100, 3.50)", "base * percent / 100 + 0.125", "3.50 if percent < 10 else base * percent / 100")
        )
    )
    digits = draw(st.sampled_from((0, 2, 2, 3, 4)))
    return (
        "format: 1\nkind: formula\nformula: percent-of-base\ncomputes: price\nunit: USD per hour\n"
        "inputs: { base: { unit: USD per hour, at-most: 10000.00 }, percent: { unit: percent, at-most: 200 } }\nversions:\n"
        f"  - {{ version: 1, from: 2024-01-01, to: {changed}, formula: base * percent / 100, round: {{ digits: {digits}, half: {draw(_HALF)} }} }}\n"
        f'  - {{ version: 2, from: {changed}, formula: "{later}", round: {{ digits: {draw(st.sampled_from((2, 4)))}, half: {draw(_HALF)} }} }}\n'
    )


def _transitions(zone: str, start: date, end: date) -> list[datetime]:
    """The clock readings near which a zone's clock changes in the period."""
    info, found = ZoneInfo(zone), []
    for day in range((end - start).days):
        moment = datetime(start.year, start.month, 1, 12) + timedelta(days=day)
        if moment.replace(tzinfo=info).utcoffset() != (moment - timedelta(days=1)).replace(tzinfo=info).utcoffset():
            found.append(moment.replace(hour=2))
    return found


@st.composite
def _row(draw: st.DrawFn, number: int, sites: dict[str, str], start: date, end: date, grid: int) -> dict[str, str]:
    site = draw(st.sampled_from(sorted(sites)))
    changes = _transitions(sites[site], start, end) or [moment for zone in ZONES for moment in _transitions(zone, start, end)]
    days = (end - start).days
    if draw(st.integers(0, 3)) > 0:
        begin = draw(st.sampled_from(changes)) + timedelta(minutes=draw(st.integers(-9 * 60, 60)))
    else:
        begin = datetime(start.year, start.month, 1) + timedelta(minutes=draw(st.integers(-600, days * 1440 + 300)))
    worked = draw(st.sampled_from((5, 61, 240, 480, 600, 725, 725, 1_180))) + draw(st.integers(0, 30))
    odd = timedelta(seconds=draw(st.integers(0, 59))) if grid == 1 else timedelta()

    def text(moment: datetime) -> str:
        snapped = moment - timedelta(seconds=(moment.minute * 60 + moment.second) % grid if grid > 1 else 0)
        return _local(snapped + odd, ZoneInfo(sites[site]), draw(st.booleans()))

    finish = begin + timedelta(minutes=max(worked, grid // 60 + 1))
    status = draw(st.sampled_from(("completed", "completed", "completed", "completed", "orientation", "cancelled", "no-show")))
    row = {
        "id": f"s{number}", "site": site, "worker": f"w{draw(st.integers(0, 11))}", "item": draw(st.sampled_from(("RN", "ICU"))), "status": status,
        "approved_by": draw(st.sampled_from(("x", "x", "x", "x", "x", "x", "x", ""))), "charge_nurse": draw(st.sampled_from(("", "yes", "no"))),
    }  # fmt: skip
    if status in ("completed", "orientation") or draw(st.integers(0, 5)) == 0:
        row |= {"start": text(begin), "end": text(finish)}
    if status == "cancelled" or draw(st.booleans()):
        row |= {"scheduled_start": text(begin + timedelta(minutes=draw(st.integers(-20, 20)))), "scheduled_end": text(finish)}
    if status == "cancelled":
        row["cancelled_at"] = text(begin - timedelta(minutes=draw(st.sampled_from((5, 119, 120, 719, 720, 1_440, 1_441, 3_000)))))
        if draw(st.booleans()):
            row |= {"mark_billable": "yes", "marked_by": "a", "reason": "b"}
    kind = draw(st.integers(0, 3))
    if kind == 0 and worked > 200:
        off = begin + timedelta(minutes=draw(st.integers(30, worked - 60)))
        row |= {"break_start": text(off), "break_end": text(off + timedelta(minutes=draw(st.integers(16, 50))))}
    elif kind == 1:
        row["break_minutes"] = str(draw(st.sampled_from((0, 15, 30, 47, 600))))
    if draw(st.integers(0, 19)) == 0:
        row[draw(st.sampled_from(("site", "item", "start", "status")))] = draw(st.sampled_from(("", "nonsense")))
    return row


@st.composite
def _revision(draw: st.DrawFn, row: dict[str, str]) -> dict[str, str]:
    """A later row with the same id: the same again, other content, a correction, a withdrawal, a mark."""
    return row | draw(
        st.sampled_from(
            (
                {},
                {"charge_nurse": "yes"},
                {"revision": "2", "item": "ICU"},
                {"revision": "2", "withdrawn": "yes"},
                {"revision": "3", "mark_held": "yes", "marked_by": "a", "reason": "b"},
                {"revision": "2", "mark_excluded": "yes", "marked_by": "a", "reason": "b"},
                {"revision": "2", "mark_held": "yes"},
                {"revision": "2", "end": "nonsense"},
            )
        )
    )


def _local(moment: datetime, zone: ZoneInfo, second: bool) -> str:
    """A clock reading as a timesheet has it; with its offset where it happens twice; as it is where it never happens."""
    text = moment.isoformat(timespec="seconds" if moment.second else "minutes")
    first, last = (moment.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta() for fold in (0, 1))
    if first <= last:
        return text
    offset = last if second else first
    sign = "-" if offset < timedelta() else "+"
    minutes = abs(offset) // timedelta(minutes=1)
    return f"{text}{sign}{minutes // 60:02}:{minutes % 60:02}"
