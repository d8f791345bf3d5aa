"""The rules of the workload as a rule book: the files a customer would keep, made from its Parquet tables.

Every site is an account of its own: sites are hospitals that agree their overrides each for itself.
`python -m bench.rulebook FOLDER [windows] [rules]` writes them to FOLDER/book, and with additions to FOLDER/book-windows and -rules.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from textwrap import dedent

import polars as pl

from bench.workload import FIRST_DAY, GEOS, ITEMS, SITES, Workload, day_of, is_holiday

HOLIDAYS_FROM, HOLIDAYS_TO = date(2023, 12, 1), date(2026, 2, 1)

RULES = {
    "rates/terms-default.yaml": """
        format: 1
        kind: terms
        declares:
          punch-rounding: { type: punch-rounding }
          break: { type: break }
          min-hours: { type: duration }
          hours: { type: choice, of: [elapsed, wall] }
          approval: { type: choice, of: [required, not-needed] }
          cancel-notice: { type: duration }
        terms:
          - from: 2023-12-01
            punch-rounding: { to: 15min, half: up, per: punch, breaks: no, scheduled: yes }
            break: none
            min-hours: 0h
            hours: elapsed
            approval: not-needed
            cancel-notice: 2h
    """,
    "rules/calendar.yaml": """
        format: 1
        kind: calendar
        semantics: 1
        rules-at: start
        price-at: start
        window-at: start
        activity-from: 2023-12-01
    """,
    "rules/accumulators.yaml": """
        format: 1
        kind: accumulators
        accumulators:
          - accumulator: week
            measure: time
            key: [worker]
            scope: agency
            window: { each: week, starts: monday 00:00 }
            bands: [{ band: week-40, over: 40h }]
    """,
    "rules/counts.yaml": """
        format: 1
        kind: policy
        decides: counts
        answers: [week]
        if-nothing-matches: none
        if-several-match: collect
        rules:
          - { id: worked-hours, when: { status: completed }, then: week }
        examples:
          - { name: Worked, given: { status: completed }, gives: week }
    """,
    "rules/rounding.yaml": """
        format: 1
        kind: rounding
        quantity: { hour: { digits: 2, half: up } }
        amount: { half: up }
    """,
    "rules/lines.yaml": """
        format: 1
        kind: lines
        subject: Staffing services
        descriptions:
          worked: "{name}"
          worked-with-premiums: "{name}, {premiums}"
          with-fill: "{description} ({worked} h worked, {fill} h to the agreed minimum)"
          fixed: "{name}, late cancellation"
          scheduled: "{name}, cancelled, billed as scheduled"
          own-line: "{name}, {premium}"
    """,
    "rules/activity/shift.yaml": """
        format: 1
        kind: activity
        activity: shift
        unit: hour
        grid: 1min
        maximum: 24h
        overlap: accept
        columns:
          - { column: id, type: id, required: yes }
          - { column: revision, type: whole, default: 1 }
          - { column: withdrawn, type: yes-no, default: no }
          - { column: site, type: id, required: yes }
          - { column: worker, type: id, required: yes }
          - { column: item, type: id, required: yes }
          - { column: status, type: choice, of: [completed, cancelled], required: yes }
          - { column: start, type: local-time }
          - { column: end, type: local-time }
          - { column: scheduled_start, type: local-time }
          - { column: scheduled_end, type: local-time }
          - { column: cancelled_at, type: local-time }
    """,
    "rules/segments.yaml": """
        format: 1
        kind: segments
        windows:
          - { window: night, each: day, from: 19:00, to: 07:00 }
          - { window: weekend, each: week, from: saturday 00:00, to: monday 00:00 }
          - { window: holiday, each: holiday, holidays: bench, day: actual, from: day 00:00, to: day-after 00:00 }
    """,
    "rules/billable.yaml": """
        format: 1
        kind: policy
        decides: billable
        answers: [worked, scheduled, none]
        if-nothing-matches: error
        if-several-match: overrides
        rules:
          - id: completed
            when: { status: completed }
            then: worked
          - id: cancelled-early
            when: { status: cancelled }
            then: none
          - id: cancelled-late
            when: { status: cancelled, notice: { less-than: { term: cancel-notice } } }
            then: { scheduled: { share: 1/2, at-least: 2h, round-up: 15min } }
            overrides: [cancelled-early]
        examples:
          - { name: Worked, given: { status: completed }, gives: worked }
          - { name: Two hours ahead, given: { status: cancelled, notice: 2h, term: { cancel-notice: 2h } }, gives: none }
          - name: An hour ahead
            given: { status: cancelled, notice: 1h, term: { cancel-notice: 2h } }
            gives: { scheduled: { share: 1/2, at-least: 2h, round-up: 15min } }
    """,
    "rules/premiums-that-apply.yaml": """
        format: 1
        kind: policy
        decides: premiums
        answers: [night, weekend, holiday, overtime]
        if-nothing-matches: none
        if-several-match: collect
        rules:
          - { id: at-night, when: { in: night }, then: night }
          - { id: on-weekends, when: { in: weekend }, then: weekend }
          - { id: on-holidays, when: { in: holiday }, then: holiday }
          - { id: over-forty-hours, when: { over: week-40 }, then: overtime }
        examples:
          - { name: Saturday night, given: { in: [night, weekend] }, gives: [night, weekend] }
          - { name: By day, given: { status: completed }, gives: none }
    """,
    "rules/premiums.yaml": """
        format: 1
        kind: premiums
        premiums:
          - { premium: night, name: night, shown: own-line, formula: percent-of-base, given: { base: base, percent: 15 } }
          - { premium: weekend, name: weekend, shown: own-line, formula: percent-of-base, given: { base: base, percent: 10 } }
          - { premium: holiday, name: holiday, shown: own-line, formula: percent-of-base, given: { base: base, percent: 50 } }
          - { premium: overtime, name: overtime, shown: own-line, formula: percent-of-base, given: { base: base, percent: 50 } }
    """,
    "rules/formulas/percent-of-base.yaml": """
        format: 1
        kind: formula
        formula: percent-of-base
        computes: price
        unit: USD per hour
        inputs: { base: { unit: USD per hour, at-most: 1000.00 }, percent: { unit: percent, at-most: 100 } }
        versions:
          - version: 1
            from: 2024-01-01
            formula: base * percent / 100
            round: { digits: 4, half: up }
            examples: [{ given: { base: 72.55, percent: 15 }, gives: 10.8825 }]
    """,
}


def site_id(number: int) -> str:
    """The id of a site."""
    return f"h{number:03d}"


def item_id(number: int) -> str:
    """The id of an item."""
    return f"S{number}"


def files(made: Workload) -> dict[str, bytes]:
    """The whole book, path to content; `build` takes it."""
    geo = pl.read_parquet(made.file("hospitals")).sort("site")["geo"].to_list()
    agreed = _agreed(made)
    accounts = {f"rates/accounts/{site_id(site)}.yaml": _account(site, geo[site], agreed.get(site, [])) for site in range(SITES)}
    texts = {path: dedent(text).lstrip("\n") for path, text in RULES.items()}
    made_up = {"rates/geo-base.yaml": _geo_base(made), "rules/items.yaml": _items(), "rules/holidays.yaml": _holidays()}
    return {path: text.encode() for path, text in {**texts, **made_up, **accounts}.items()}


def store(made: Workload, more: str = "") -> Path:
    """The folder of the book, written if it is not there; with `more`, of the book with additions."""
    folder = made.folder / (f"book-{more}" if more else "book")
    book = files(made)
    for path, content in (with_more(book, more) if more else book).items():
        target = folder / path
        if not target.exists() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    return folder


WINDOWS_MORE, RULES_MORE = 12, 16
ADDITIONS = ("windows", "rules")


def with_more(book: Mapping[str, bytes], what: str) -> dict[str, bytes]:
    """The book with unused windows, or with rules of a month each that say again what is said anyhow: its lines are the same."""
    if what == "windows":
        more = "".join(
            f"  - {{ window: unused-{n}, each: day, from: {n + 5:02d}:15, to: {n + 9:02d}:45 }}\n" for n in range(WINDOWS_MORE)
        )
        return {**book, "rules/segments.yaml": book["rules/segments.yaml"] + more.encode()}
    months = [date(2024 + n // 12, n % 12 + 1, 1) for n in range(RULES_MORE // 2 + 1)]
    again = {
        "rules/billable.yaml": "when: { status: completed }, then: worked, overrides: [completed]",
        "rules/premiums-that-apply.yaml": "when: { in: night, status: completed }, then: night",
    }
    found = dict(book)
    for path, rule in again.items():
        dated = "".join(
            f"  - {{ id: again-{n}, {rule}, from: {start}, to: {end} }}\n" for n, (start, end) in enumerate(pairwise(months))
        )
        head, examples, tail = book[path].decode().partition("examples:\n")
        found[path] = (head + dated + examples + tail).encode()
    return found


def read(folder: Path) -> dict[str, bytes]:
    """The files of a stored book."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.yaml"))}


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def _geo_base(made: Workload) -> str:
    prices: dict[tuple[int, int], list[str]] = {}
    for geo, item, day, cents in pl.read_parquet(made.file("geo_rates")).sort("geo", "item", "day").iter_rows():
        prices.setdefault((geo, item), []).append(f"      {day_of(day)}: {_money(cents)}")
    head = "format: 1\nkind: rate-table\ntable: geo-base\nunit: hour\ncurrency: USD\nkey: [geo, item]\nrates:\n"
    rows = [
        f"  - geo: {geo_id(geo)}\n    item: {item_id(item)}\n    prices:\n" + "\n".join(dated)
        for (geo, item), dated in prices.items()
    ]
    return head + "\n".join(rows) + "\n"


def geo_id(number: int) -> str:
    """The id of a geo."""
    if not 0 <= number < GEOS:
        raise ValueError(number)
    return f"G{number:02d}"


def _agreed(made: Workload) -> Mapping[int, list[str]]:
    """The overrides of each site: an entry ends where the next of its item begins; an empty price begins none."""
    dated: dict[tuple[int, int], list[tuple[int, int | None]]] = {}
    for site, item, day, cents in pl.read_parquet(made.file("overrides")).sort("site", "item", "day").iter_rows():
        dated.setdefault((site, item), []).append((day, cents))
    found: dict[int, list[str]] = {}
    for (site, item), entries in dated.items():
        ends = [f", to: {day_of(day)}" for day, _ in entries[1:]] + [""]
        for number, ((day, cents), end) in enumerate(zip(entries, ends, strict=True), 1):
            if cents is not None:
                what = f"override: {item_id(item)}-{number}, instead-of: geo-base, item: {item_id(item)}"
                found.setdefault(site, []).append(
                    f"  - {{ {what}, from: {day_of(day)}{end}, price: {_money(cents)}, unit: hour }}"
                )
    return found


def _account(site: int, geo: int, agreed: list[str]) -> str:
    name = site_id(site)
    head = f"format: 1\nkind: account\naccount: {name}\ncurrency: USD\nsites:\n"
    place = f"  - {{ site: {name}, zone: UTC, geo: {{ {FIRST_DAY}: {geo_id(geo)} }} }}\n"
    return head + place + ("overrides:\n" + "\n".join(agreed) + "\n" if agreed else "")


def _items() -> str:
    rows = [f"  - {{ item: {item_id(n)}, name: Specialty {n}, price: geo-base, tax-class: exempt }}\n" for n in range(ITEMS)]
    return "format: 1\nkind: items\nitems:\n" + "".join(rows)


def _holidays() -> str:
    rows = [f"  - {{ holiday: d{day:%Y%m%d}, actual: {day}, observed: {day} }}\n" for day in _days() if is_holiday(day)]
    return f"format: 1\nkind: holidays\nholidays: bench\nfrom: {HOLIDAYS_FROM}\nto: {HOLIDAYS_TO}\ndays:\n" + "".join(rows)


def _days() -> Iterator[date]:
    for number in range((HOLIDAYS_TO - HOLIDAYS_FROM).days):
        yield HOLIDAYS_FROM + timedelta(days=number)


if __name__ == "__main__":
    at = Path(sys.argv[1])
    for addition in ("", *sys.argv[2:]):
        print(store(Workload(int(at.name), at), addition))
