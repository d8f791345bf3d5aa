"""A rule book without a trade: one account that is metered, one that pays shares, and every pricing model; and invoices of it."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import dedent
from typing import Any

import polars as pl

from engine.dates import parse_period
from engine.pipeline import Preview, preview
from engine.ratebook.book import RuleBook
from engine.ratebook.build import build
from engine.steps.rate import Rater

_FILES = {
    "rules/calendar.yaml": """
        format: 1
        kind: calendar
        semantics: 1
        rules-at: start
        price-at: start
    """,
    "rules/rounding.yaml": """
        format: 1
        kind: rounding
        quantity:
          unit: { digits: 0, half: up }
          GB: { digits: 3, half: up }
          second: { digits: 0, half: up }
          minute: { digits: 4, half: up }
          hour: { digits: 2, half: up }
          month: { digits: 6, half: up }
        amount: { half: up }
    """,
    "rules/lines.yaml": """
        format: 1
        kind: lines
        subject: Services
        descriptions:
          tier: "{name}, {from} to {to}"
          fee: "{name}, fee of the tier from {from}"
    """,
    "rules/items.yaml": """
        format: 1
        kind: items
        items:
          - { item: FLAT, name: Calls to the API, price: flat, tax-class: standard }
          - { item: TIERED, name: Tiered, price: tiered, tax-class: standard }
          - { item: VOLUME, name: Volume, price: volume, tax-class: standard }
          - { item: PACKS, name: Packs, price: packs, tax-class: standard }
          - { item: STORE, name: Storage, price: store, tax-class: standard }
          - { item: CARD, name: Card payments, price: card, tax-class: standard }
          - { item: COST, name: Courier, price: cost, tax-class: reduced }
          - { item: CALL, name: Call, price: call, tax-class: standard }
          - { item: TALK, name: Talk, price: talk, tax-class: standard }
          - { item: FACTORED, name: Factored, price: base, times: [geo-factor, year-factor], tax-class: standard }
          - { item: OUT, name: Payout, price: out, tax-class: standard }
          - { item: PLAN, name: Plan, price: plans, tax-class: standard }
          - { item: NUMBER, name: Numbers, price: plans, tax-class: standard, lists: of, description: "{name}: {listed}" }
          - { item: OWN, name: Other, price: none, tax-class: standard }
          - { item: LESS, name: Discount, price: none, tax-class: standard }
          - { item: UP, name: Minimum, price: none, tax-class: standard }
          - { item: SHARE, name: Service fee, price: none, tax-class: standard }
    """,
    "rules/segments.yaml": """
        format: 1
        kind: segments
        windows:
          - { window: night, each: day, from: 22:00, to: 06:00 }
          - { window: weekend, each: week, from: saturday 06:00, to: sunday 22:00 }
    """,
    "rules/activity/usage.yaml": """
        format: 1
        kind: activity
        activity: usage
        rated-by: quantity
        unit: unit
        moment: at
        quantity: quantity
        references: [po]
        columns:
          - { column: id, type: id, required: yes }
          - { column: revision, type: whole, default: 1 }
          - { column: withdrawn, type: yes-no, default: no }
          - { column: account, type: id, required: yes }
          - { column: item, type: id, required: yes }
          - { column: at, type: local-time, required: yes }
          - { column: quantity, type: decimal, required: yes }
          - { column: po, type: text }
    """,
    "rules/activity/storage.yaml": """
        format: 1
        kind: activity
        activity: storage
        rated-by: quantity
        unit: GB
        moment: day
        quantity: quantity
        roll-up: day
        columns:
          - { column: id, type: id, required: yes }
          - { column: account, type: id, required: yes }
          - { column: item, type: id, required: yes }
          - { column: day, type: day, required: yes }
          - { column: quantity, type: decimal, required: yes }
    """,
    "rules/activity/call.yaml": """
        format: 1
        kind: activity
        activity: call
        rated-by: quantity
        unit: second
        moment: start
        quantity: seconds
        columns:
          - { column: id, type: id, required: yes }
          - { column: account, type: id, required: yes }
          - { column: item, type: id, required: yes }
          - { column: start, type: local-time, required: yes }
          - { column: seconds, type: whole, required: yes }
    """,
    "rules/activity/payment.yaml": """
        format: 1
        kind: activity
        activity: payment
        rated-by: amount
        moment: at
        amount: amount
        references: [receipt]
        columns:
          - { column: id, type: id, required: yes }
          - { column: account, type: id, required: yes }
          - { column: item, type: id, required: yes }
          - { column: at, type: day, required: yes }
          - { column: amount, type: decimal, required: yes }
          - { column: receipt, type: text }
    """,
    "rules/activity/line.yaml": """
        format: 1
        kind: activity
        activity: line
        rated-by: line
        moment: day
        amount: amount
        references: [external]
        columns:
          - { column: id, type: id, required: yes }
          - { column: account, type: id, required: yes }
          - { column: item, type: id, required: yes }
          - { column: day, type: day, required: yes }
          - { column: amount, type: decimal, required: yes }
          - { column: description, type: text }
          - { column: external, type: text }
    """,
    "rates/prices.yaml": """
        format: 1
        kind: rate-table
        table: flat
        unit: unit
        currency: USD
        digits: 6
        key: [item]
        rates:
          - { item: FLAT, prices: { 2026-01-01: 0.000125, 2026-10-16: 0.000100 } }
        examples:
          - { name: 100000 before the change, given: { item: FLAT, on: 2026-10-15, quantity: 100000 }, gives: 12.50 }
          - { name: the day of the change, given: { item: FLAT, on: 2026-10-16, quantity: 50000 }, gives: 5.00 }
    """,
    "rates/tiered.yaml": """
        format: 1
        kind: rate-table
        table: tiered
        unit: unit
        currency: USD
        model: graduated
        over: month
        key: [item]
        rates:
          - item: TIERED
            prices:
              2026-01-01:
                tiers:
                  - { from: 0, to: 100, price: 1.00, fee: 5.00 }
                  - { from: 100, price: 0.80, fee: 9.00 }
        examples:
          - { name: 140 with both fees, given: { item: TIERED, on: 2026-10-05, quantity: 140 }, gives: 146.00 }
          - { name: nothing but the first fee, given: { item: TIERED, on: 2026-10-05, quantity: 0 }, gives: 5.00 }
    """,
    "rates/volume.yaml": """
        format: 1
        kind: rate-table
        table: volume
        unit: unit
        currency: USD
        model: volume
        over: month
        key: [item]
        rates:
          - item: VOLUME
            prices:
              2026-01-01: { tiers: [{ from: 0, to: 100, price: 1.00 }, { from: 100, price: 0.80, fee: 3.00 }] }
        examples:
          - { name: 140 at the second tier, given: { item: VOLUME, on: 2026-10-05, quantity: 140 }, gives: 115.00 }
          - { name: 99, given: { item: VOLUME, on: 2026-10-05, quantity: 99 }, gives: 99.00 }
    """,
    "rates/packs.yaml": """
        format: 1
        kind: rate-table
        table: packs
        unit: unit
        currency: USD
        model: package
        over: month
        key: [item]
        rates:
          - { item: PACKS, prices: { 2026-01-01: { package: 100, price: 4.00 } } }
        examples:
          - { name: 250 are three packages, given: { item: PACKS, on: 2026-10-05, quantity: 250 }, gives: 12.00 }
    """,
    "rates/store.yaml": """
        format: 1
        kind: rate-table
        table: store
        unit: GB
        currency: USD
        over: month
        key: [item]
        rates:
          - { item: STORE, prices: { 2026-01-01: { price: 0.25, allowance: 10 GB } } }
        examples:
          - { name: 12.5 of which 10 are included, given: { item: STORE, on: 2026-10-05, quantity: 12.5 }, gives: 0.625 }
    """,
    "rates/card.yaml": """
        format: 1
        kind: rate-table
        table: card
        unit: each
        currency: USD
        model: percentage
        key: [item]
        rates:
          - { item: CARD, prices: { 2026-01-01: { percent: 2.9%, connect: 0.30, at-least: 0.50, at-most: 20.00 } } }
        examples:
          - { name: 100.00, given: { item: CARD, on: 2026-10-05, amount: 100.00 }, gives: 3.20 }
          - { name: the least, given: { item: CARD, on: 2026-10-05, amount: 5.00 }, gives: 0.80 }
          - { name: the most, given: { item: CARD, on: 2026-10-05, amount: 1000.00 }, gives: 20.30 }
    """,
    "rates/cost.yaml": """
        format: 1
        kind: rate-table
        table: cost
        unit: each
        currency: USD
        model: pass-through
        key: [item]
        rates:
          - { item: COST, prices: { 2026-01-01: { percent: 10% } } }
        examples:
          - { name: 40.00 and its markup, given: { item: COST, on: 2026-10-05, amount: 40.00 }, gives: 44.00 }
    """,
    "rates/call.yaml": """
        format: 1
        kind: rate-table
        table: call
        unit: minute
        currency: USD
        digits: 4
        key: [item]
        rates:
          - { item: CALL, prices: { 2026-01-01: { price: 0.12, connect: 0.05, first: 60 second, then: 6 second } } }
        examples:
          - { name: 125 seconds are 126, given: { item: CALL, on: 2026-10-05, quantity: 125 second }, gives: 0.302 }
          - { name: 20 seconds are a minute, given: { item: CALL, on: 2026-10-05, quantity: 20 second }, gives: 0.17 }
    """,
    "rates/talk.yaml": """
        format: 1
        kind: rate-table
        table: talk
        unit: minute
        currency: USD
        key: [item, window]
        first-of: [weekend, night]
        rates:
          - { item: TALK, window: night, prices: { 2026-01-01: 0.06 } }
          - { item: TALK, window: weekend, prices: { 2026-01-01: 0.10 } }
          - { item: TALK, window: otherwise, prices: { 2026-01-01: 0.20 } }
        examples:
          - { name: an hour at night, given: { item: TALK, window: night, on: 2026-10-05, quantity: 60 }, gives: 3.60 }
    """,
    "rates/base.yaml": """
        format: 1
        kind: rate-table
        table: base
        unit: unit
        currency: USD
        digits: 4
        key: [item]
        rates:
          - { item: FACTORED, prices: { 2026-01-01: 0.5000 } }
    """,
    "rates/geo-factor.yaml": """
        format: 1
        kind: rate-table
        table: geo-factor
        unit: factor
        key: [geo]
        rates:
          - { geo: EU, prices: { 2026-01-01: 1.25 } }
    """,
    "rates/year-factor.yaml": """
        format: 1
        kind: rate-table
        table: year-factor
        unit: factor
        digits: 3
        key: [item]
        rates:
          - { item: FACTORED, prices: { 2026-01-01: 1.031 } }
    """,
    "rates/out.yaml": """
        format: 1
        kind: rate-table
        table: out
        unit: unit
        currency: USD
        direction: payout
        key: [item]
        rates:
          - { item: OUT, prices: { 2026-01-01: 2.00 } }
        examples:
          - { name: three, given: { item: OUT, on: 2026-10-05, quantity: 3 }, gives: -6.00 }
    """,
    "rates/plans.yaml": """
        format: 1
        kind: rate-table
        table: plans
        unit: month
        currency: USD
        key: [item]
        rates:
          - { item: PLAN, prices: { 2026-01-01: 31.00, 2026-12-11: 62.00 } }
          - { item: NUMBER, prices: { 2026-01-01: 3.10 } }
        examples:
          - { name: half a month, given: { item: PLAN, on: 2026-10-05, quantity: 0.5 }, gives: 15.50 }
    """,
    "rates/accounts/acme.yaml": """
        format: 1
        kind: account
        account: acme
        currency: USD
        zone: America/New_York
        geo: { 2026-01-01: EU }
    """,
    "rates/accounts/beta.yaml": """
        format: 1
        kind: account
        account: beta
        currency: USD
        zone: Europe/London
        geo: { 2026-01-01: EU }
    """,
}


def files(changes: Mapping[str, str] | None = None) -> dict[str, bytes]:
    """The files of the book, some of them other ones."""
    texts = {**_FILES, **(changes or {})}
    return {path: dedent(text).lstrip().encode() for path, text in texts.items()}


def book(changes: Mapping[str, str] | None = None) -> RuleBook:
    """The book."""
    return build(files(changes))


def acme(more: str) -> dict[str, str]:
    """The account with more in its file."""
    return {"rates/accounts/acme.yaml": dedent(_FILES["rates/accounts/acme.yaml"]) + dedent(more)}


def rows(*cells: Mapping[str, str]) -> pl.DataFrame:
    """Rows of text cells."""
    names = list(dict.fromkeys(name for row in cells for name in row))
    told = [{name: row.get(name, "") for name in names} for row in cells]
    frame = pl.DataFrame(told, schema=dict.fromkeys(names, pl.String))
    return frame.with_columns(pl.lit("rows.csv").alias("file"), pl.int_range(2, len(cells) + 2, dtype=pl.Int64).alias("row"))


def usage(id_: str, item: str, at: str, quantity: str, account: str = "acme", **more: str) -> dict[str, str]:
    """A row of usage."""
    return {"id": id_, "account": account, "item": item, "at": at, "quantity": quantity, **more}


def bill(rules: RuleBook, period: str = "2026-10", accounts: tuple[str, ...] = (), /, **activity: Any) -> Preview:
    """The invoices of a period."""
    return preview(Rater(rules), activity, parse_period(period), accounts)


def lines(found: Preview, account: str = "acme", split: str | None = None) -> list[tuple[str, str, str, str, str]]:
    """The lines of an account: description, quantity, unit, price, amount."""
    for each in found.assembled:
        invoice = each.invoice
        if invoice.account == account and invoice.split == split:
            return [
                (line.description, str(line.quantity), line.unit, str(line.price), invoice.money(line.amount))
                for line in invoice.lines
            ]
    return []
