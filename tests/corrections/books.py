"""Books and activity that change: each setting has values a rule book may say, each row ways in which it may be known."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import dedent

import polars as pl

from engine.pipeline import Preview
from engine.ratebook.book import RuleBook
from engine.ratebook.build import build
from tests.accumulators.books import WEEK, House, billed, shift
from tests.accumulators.books import book as house_book
from tests.measured.books import bill, rows, usage
from tests.measured.books import book as measured_book
from tests.sample_book import sample_texts
from tests.workspaces import cancelled, completed

TAXES = """
    format: 1
    kind: taxes
    order: net-rounded-first
    rounding: { per: PER, half: up }
    classes:
      - tax-class: care
        inclusive: INCLUSIVE
        taxes:
          - { tax: State, rates: { 2024-01-01: STATE } }
          - { tax: City, rates: { 2024-01-01: 1.5%, 2026-10-16: 1.75% } }
      - { tax-class: exempt, exempt: not taxed }
"""
ASSEMBLY = """
    format: 1
    kind: assembly
    fees:
      - { fee: service, item: FEE, percent: FEE-PERCENT, of: [RN, ICU], base: BASE, description: "{name} of {percent}" }
"""

# What each setting can say; the first value is that of the book as it was issued.
SHIFT_SETTINGS: Mapping[str, tuple[str, ...]] = {
    "price": ("70.00", "71.37", "69.99", "70.005"),
    "later": ("2026-10-15: 72.55", "2026-10-08: 72.55", "2026-10-15: 70.00", "2026-11-20: 80.00"),
    "override": ("96.00", "97.13", ""),
    "agreed": ("", "RN", "ORIENT"),
    "weekend": ("yes", "no"),
    "orientation": ("ORIENT", "as-worked"),
    "minimum": ("0h", "7h", "10h"),
    "cancelled": ("2h", "4h"),
    "formula": ("", "base * percent / 50", "max(base * percent / 100, 9.25)"),
    "coupon": ("percent: 10%", "percent: 12.5%", "amount: 150.00", ""),
    "fee": ("3.5%", "4%", "0%"),
    "base": ("account-period", "invoice"),
    "split": ("split: [po]", ""),
    "per": ("category", "line"),
    "state": ("6.25%", "7%"),
    "inclusive": ("no", "yes"),
    "exempt": ("", "tax: { exempt: certificate 7, from: 2026-10-01 }"),
}
SHIFT_ROWS: Mapping[str, tuple[str, ...]] = {
    "S1": ("2026-10-02T07:00/2026-10-02T19:00", "2026-10-02T07:00/2026-10-02T18:47"),
    "S2": ("2026-10-03T19:00/2026-10-04T07:00", "2026-10-06T19:00/2026-10-07T07:00"),
    "S3": ("2026-10-14T19:00/2026-10-15T07:10", ""),
    "S4": ("2026-10-16T07:00/2026-10-16T15:20", "", "2026-10-17T07:00/2026-10-17T15:20"),
    "S5": ("", "2026-10-20T07:00/2026-10-20T19:00"),
    "S6": ("2026-10-12T09:00/2026-10-12T12:00", ""),
    "S7": ("cancelled", ""),
    "S8": ("", "2026-10-02T07:00/2026-10-02T19:00"),
    "S9": ("2026-10-05T07:00/2026-10-05T13:00", "2026-11-05T07:00/2026-11-05T13:00"),
}
_MORE: Mapping[str, dict[str, str]] = {
    "S2": {"item": "ICU"},
    "S3": {"po": "P2"},
    "S4": {"site": "acme-west", "worker": "w-S1"},
    "S6": {"status": "orientation"},
    "S8": {"worker": "w-other"},
    "S9": {"site": "beta-clinic", "charge_nurse": "yes"},
}


def shifts(settings: Mapping[str, str], known: Mapping[str, tuple[str, ...]]) -> Preview:
    """October of the sample book as the settings say, from each row's revisions so far (an empty one withdraws)."""
    return bill(shift_book(settings), shift=shift_rows(known))


def shift_book(settings: Mapping[str, str]) -> RuleBook:
    """The sample book as the settings say."""
    texts = sample_texts()
    base, acme = texts["rates/geo-base.yaml"], texts["rates/accounts/acme.yaml"]
    texts["rates/geo-base.yaml"] = base.replace(
        "2024-01-01: 70.00, 2026-10-15: 72.55", f"2024-01-01: {settings['price']}, {settings['later']}"
    ).replace("currency: USD", "currency: USD\ndigits: 3")
    overrides = acme.partition("overrides:")[2] if settings["override"] else ""
    more = [f"overrides:{overrides.replace('96.00', settings['override'])}" if overrides else "overrides:\n"]
    if settings["agreed"]:
        more += [
            f"  - {{ override: deal, instead-of: geo-base, item: {settings['agreed']}, from: 2026-10-05, price: 64.20, unit: hour }}\n"
        ]
    more = more if overrides or settings["agreed"] else []
    if settings["coupon"]:
        more += [f"coupons:\n  - {{ coupon: TEN, item: LESS, {settings['coupon']}, of: [RN], from: 2026-01-01 }}\n"]
    more += [f"{settings[name]}\n" for name in ("split", "exempt") if settings[name]]
    texts["rates/accounts/acme.yaml"] = acme.partition("overrides:")[0] + "".join(more)
    terms = texts["rates/terms-default.yaml"]
    texts["rates/terms-default.yaml"] = terms.replace("min-hours: 0h", f"min-hours: {settings['minimum']}").replace("cancel-hours: 2h", f"cancel-hours: {settings['cancelled']}")  # fmt: skip
    if settings["weekend"] == "no":
        rule = "  - { id: on-weekends, when: { in: weekend }, then: weekend }\n"
        texts["rules/premiums-that-apply.yaml"] = texts["rules/premiums-that-apply.yaml"].replace(rule, "").replace("[night, weekend] }, gives: [night, weekend]", "[night] }, gives: night")  # fmt: skip
    texts["rules/item.yaml"] = texts["rules/item.yaml"].replace("then: ORIENT", f"then: {settings['orientation']}").replace("gives: ORIENT", f"gives: {settings['orientation']}")  # fmt: skip
    if settings["formula"]:
        third = f'  - {{ version: 3, from: 2026-10-04, formula: "{settings["formula"]}", round: {{ digits: 2, half: up }} }}\n'
        second = texts["rules/formulas/percent-of-base.yaml"].replace(
            "version: 2\n    from: 2026-01-01", "version: 2\n    from: 2026-01-01\n    to: 2026-10-04"
        )
        texts["rules/formulas/percent-of-base.yaml"] = second + third
    texts["rules/items.yaml"] = (
        texts["rules/items.yaml"].replace("tax-class: exempt", "tax-class: care")
        + dedent(
            """
          - { item: LESS, name: Discount, price: none, tax-class: care }
          - { item: FEE, name: Service fee, price: none, tax-class: exempt }
        """
        )
        .strip("\n")
        .replace("- {", "  - {")
        + "\n"
    )
    texts["rules/activity/shift.yaml"] += "  - { column: po, type: text }\n"
    texts["rates/taxes.yaml"] = _filled(TAXES, PER=settings["per"], INCLUSIVE=settings["inclusive"], STATE=settings["state"])
    texts["rules/assembly.yaml"] = _filled(ASSEMBLY, **{"FEE-PERCENT": settings["fee"], "BASE": settings["base"]})
    return build({path: text.encode() for path, text in texts.items()})


def shift_rows(known: Mapping[str, tuple[str, ...]]) -> pl.DataFrame:
    """All revisions of all rows."""
    return rows(*(_shift(name, number, said) for name, all_ in known.items() for number, said in enumerate(all_, start=1)))


def _filled(text: str, **words: str) -> str:
    text = dedent(text).lstrip("\n")
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, words[word])
    return text


def _shift(name: str, revision: int, said: str) -> dict[str, str]:
    more = {"po": "P1", **_MORE.get(name, {}), "revision": str(revision)}
    if said == "cancelled":
        return cancelled(name, "2026-10-22T07:00", "2026-10-22T19:00", "2026-10-22T03:00", **more)
    if not said:
        return completed(name, "2026-10-02T07:00", "2026-10-02T19:00", **more, withdrawn="yes")
    start, _, end = said.partition("/")
    return completed(name, start, end, **more)


METERED = """
    format: 1
    kind: taxes
    order: net-rounded-first
    rounding: { per: PER, half: up }
    classes:
      - { tax-class: standard, inclusive: no, taxes: [{ tax: VAT, rates: { 2026-01-01: VAT-RATE, 2026-10-16: 21% } }] }
      - { tax-class: reduced, taxes: [{ tax: VAT, rates: { 2026-01-01: 5% } }] }
"""
METERED_ASSEMBLY = """
    format: 1
    kind: assembly
    limits:
      - { limit: least, over: month, at-least: { term: least }, item: UP, description: "{name}, {counted} of {limit}" }
    fees:
      - { fee: service, item: SHARE, percent: 3.5%, direction: deduct, base: account-period, description: "{name} of {percent}" }
"""
METERED_TERMS = """
    format: 1
    kind: terms
    declares:
      least: { type: amount }
    terms:
      - { from: 2026-01-01, least: LEAST }
"""
METERED_SETTINGS: Mapping[str, tuple[str, ...]] = {
    "tier": ("0.80", "0.75", "0.8125"),
    "bound": ("100", "90"),
    "flat": ("0.000100", "0.000090"),
    "least": ("none", "250.00", "400.00"),
    "coupon": ("", "10%", "25%"),
    "split": ("", "split: [po]"),
    "per": ("line", "category"),
    "vat": ("19.6%", "20%"),
    "fees": ("10", "12"),
}
METERED_ROWS: Mapping[str, tuple[str, ...]] = {
    "a": ("TIERED 2026-10-03 60", "TIERED 2026-10-03 61"),
    "b": ("TIERED 2026-10-09 70", ""),
    "c": ("", "TIERED 2026-10-02 30", "TIERED 2026-10-28 30"),
    "d": ("FLAT 2026-10-20 123457", "FLAT 2026-10-05 123457"),
    "e": ("VOLUME 2026-10-10 98", "VOLUME 2026-10-10 101", ""),
    "f": ("PACKS 2026-10-12 250", "PACKS 2026-10-12 401", "PACKS 2026-10-12 301"),
    "g": ("FLAT 2026-10-06 999", ""),
}


def metered(settings: Mapping[str, str], known: Mapping[str, tuple[str, ...]]) -> Preview:
    """October of the book of measured activity as the settings say."""
    return bill(metered_book(settings), usage=metered_rows(known))


def metered_book(settings: Mapping[str, str]) -> RuleBook:
    """The book of measured activity as the settings say."""
    more = f"fees:\n  - {{ fee: plan, item: PLAN, each: month, from: 2026-10-11, prorate: day, quantity: {{ 2026-10-11: {settings['fees']} }} }}\n"
    if settings["coupon"]:
        more += f"coupons:\n  - {{ coupon: TEN, item: LESS, percent: {settings['coupon']}, from: 2026-10-01 }}\n"
    if settings["split"]:
        more += f"{settings['split']}\n"
    plain = measured_texts()
    tiers = (
        plain["rates/tiered.yaml"]
        .replace("to: 100", f"to: {settings['bound']}")
        .replace("from: 100", f"from: {settings['bound']}")
    )
    changes = {
        "rates/accounts/acme.yaml": plain["rates/accounts/acme.yaml"] + more,
        "rates/tiered.yaml": tiers.partition("examples:")[0].replace("price: 0.80", f"price: {settings['tier']}").replace("currency: USD", "currency: USD\ndigits: 4"),
        "rates/prices.yaml": plain["rates/prices.yaml"].partition("examples:")[0].replace("0.000100", settings["flat"]),
        "rates/terms-default.yaml": _filled(METERED_TERMS, LEAST=settings["least"]),
        "rates/taxes.yaml": _filled(METERED, **{"PER": settings["per"], "VAT-RATE": settings["vat"]}),
        "rules/assembly.yaml": dedent(METERED_ASSEMBLY).lstrip("\n"),
    }  # fmt: skip
    return measured_book(changes)


def metered_rows(known: Mapping[str, tuple[str, ...]]) -> pl.DataFrame:
    """All revisions of all rows."""
    return rows(*(_usage(name, number, said) for name, all_ in known.items() for number, said in enumerate(all_, start=1)))


def measured_texts() -> dict[str, str]:
    """The files of the measured book as texts."""
    from tests.measured.books import files

    return {path: data.decode() for path, data in files().items()}


def _usage(name: str, revision: int, said: str) -> dict[str, str]:
    item, day, quantity = said.split() if said else ("FLAT", "2026-10-01", "1")
    more = {"po": {"a": "P1", "d": "P1", "f": "P2"}.get(name, ""), "revision": str(revision), "withdrawn": "" if said else "yes"}
    return usage(name, item, f"{day}T10:00", quantity, **more)


WEEKS_SETTINGS: Mapping[str, tuple[str, ...]] = {
    "mercy": ("66.00", "66.70"),
    "bayview": ("60.00", "61.01"),
    "scope": ("agency", "site"),
    "late": ("reorder", "append"),
    "over": ("40h", "24h"),
}
WEEKS_ROWS: Mapping[str, tuple[str, ...]] = {
    "S1": ("mercy 2026-09-27T07:00/2026-09-27T19:00", "mercy 2026-09-27T07:00/2026-09-27T15:10"),
    "S2": ("mercy 2026-09-29T07:00/2026-09-29T19:00", ""),
    "S3": ("bayview 2026-09-30T19:00/2026-10-01T07:00", "mercy 2026-09-30T19:00/2026-10-01T07:00"),
    "S4": ("mercy 2026-10-02T07:00/2026-10-02T19:00",),
    "S5": ("", "mercy 2026-09-28T07:00/2026-09-28T23:00"),
    "S6": ("mercy 2026-09-28T23:00/2026-09-29T06:00", ""),
}


def weeks(settings: Mapping[str, str], known: Mapping[str, tuple[str, ...]]) -> Preview:
    """September of the law's worked example, in which a shift at one hospital moves what the other owes."""
    cells = [_worked(name, number, said) for name, all_ in known.items() for number, said in enumerate(all_, start=1)]
    return billed(weeks_book(settings), cells, "2026-09")


def weeks_book(settings: Mapping[str, str]) -> RuleBook:
    """Two hospitals that see the hours of one nurse."""
    terms = f"overtime-scope: {settings['scope']}, late: {settings['late']}"
    houses = [House(name, settings[name], terms=terms) for name in ("mercy", "bayview")]
    return house_book(houses, accumulators=WEEK.replace("over: 40h", f"over: {settings['over']}"))


def _worked(name: str, revision: int, said: str) -> dict[str, str]:
    site, _, times = (said or "mercy 2026-09-27T07:00/2026-09-27T19:00").partition(" ")
    start, _, end = times.partition("/")
    closeout = "1" if name in ("S1", "S2", "S3", "S6") else ""
    return shift(name, site, start, end, revision=str(revision), withdrawn="" if said else "yes", closeout=closeout)
