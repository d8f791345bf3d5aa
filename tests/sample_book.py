"""A small whole rule book for tests: two geos, two accounts in two zones, three sites, all five policies."""

from __future__ import annotations

from textwrap import dedent

_FILES = {
    "rates/geo-base.yaml": """
        format: 1
        kind: rate-table
        table: geo-base
        unit: hour
        currency: USD
        key: [geo, item]
        rates:
          - geo: NYC
            item: RN
            prices: { 2024-01-01: 70.00, 2026-10-15: 72.55 }
          - geo: NYC
            item: ICU
            prices: { 2024-01-01: 88.00 }
          - geo: NYC
            item: ORIENT
            prices: { 2024-01-01: 35.00 }
          - geo: LA
            item: RN
            prices: { 2024-01-01: 66.00 }
          - geo: LA
            item: ICU
            prices:
              2024-01-01: 80.00
              2026-10-20: { price: 82.00, reason: autumn review, approved: { by: m.lee, on: 2026-09-30, ref: FIN-1 } }
              2027-01-01: { price: 99.00, status: expected }
          - geo: LA
            item: ORIENT
            prices: { 2024-01-01: 33.00 }
    """,
    "rates/differentials.yaml": """
        format: 1
        kind: rate-table
        table: differentials
        unit: percent
        key: [premium]
        rates:
          - { premium: night, prices: { 2024-01-01: 15 } }
          - { premium: weekend, prices: { 2024-01-01: 10 } }
          - { premium: holiday, prices: { 2024-01-01: 50 } }
    """,
    "rates/adders.yaml": """
        format: 1
        kind: rate-table
        table: adders
        unit: hour
        currency: USD
        key: [premium, geo]
        rates:
          - { premium: charge, geo: NYC, prices: { 2024-01-01: 2.50 } }
          - { premium: charge, geo: LA, prices: { 2024-01-01: 2.75 } }
    """,
    "rates/accounts/acme.yaml": """
        format: 1
        kind: account
        account: acme
        currency: USD
        sites:
          - site: acme-east
            zone: America/New_York
            geo: { 2024-01-01: NYC }
          - site: acme-west
            zone: America/Los_Angeles
            geo: { 2024-01-01: NYC, 2025-07-01: LA }
            terms:
              - { from: 2024-01-01, min-hours: 4h, combine: largest }
        overrides:
          - override: icu-surge
            instead-of: geo-base
            item: ICU
            site: acme-east
            from: 2026-10-01
            to: 2026-10-16
            price: 96.00
            unit: hour
            reason: surge contract C-88
            approved: { by: m.lee, on: 2026-09-20, ref: FIN-287 }
    """,
    "rates/accounts/beta.yaml": """
        format: 1
        kind: account
        account: beta
        currency: USD
        sites:
          - site: beta-clinic
            zone: America/Los_Angeles
            geo: { 2024-01-01: LA }
        overrides:
          - { override: night-deal, instead-of: differentials, premium: night, from: 2026-01-01, price: 12.5, unit: percent }
        terms:
          - from: 2024-01-01
            punch-rounding: { to: 15min, half: up, per: interval }
            combine: multiply
            hours: wall
    """,
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
          cancel-hours: { type: duration }
          combine: { type: choice, of: [add, largest, multiply] }
        terms:
          - from: 2024-01-01
            punch-rounding: { to: 15min, half: up, per: punch }
            break: { after: 6h, length: 30min, unplaced: middle }
            min-hours: 0h
            hours: elapsed
            approval: required
            cancel-notice: 24h
            cancel-hours: 2h
            combine: add
    """,
    "rules/calendar.yaml": """
        format: 1
        kind: calendar
        semantics: 1
        rules-at: start
        price-at: segment
    """,
    "rules/rounding.yaml": """
        format: 1
        kind: rounding
        quantity: { hour: { digits: 2, half: up } }
        amount: { half: up }
    """,
    "rules/items.yaml": """
        format: 1
        kind: items
        items:
          - { item: RN, name: Registered nurse, price: geo-base, tax-class: exempt }
          - { item: ICU, name: "Registered nurse, intensive care", price: geo-base, tax-class: exempt }
          - { item: ORIENT, name: Orientation, price: geo-base, tax-class: exempt }
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
        overlap: hold
        columns:
          - { column: id, type: id, required: yes }
          - { column: revision, type: whole, default: 1 }
          - { column: withdrawn, type: yes-no, default: no }
          - { column: site, type: id, required: yes }
          - { column: worker, type: id, required: yes }
          - { column: worker_name, type: text }
          - { column: item, type: id, required: yes }
          - { column: status, type: choice, of: [completed, cancelled, no-show, orientation], required: yes }
          - { column: start, type: local-time }
          - { column: end, type: local-time }
          - { column: scheduled_start, type: local-time }
          - { column: scheduled_end, type: local-time }
          - { column: cancelled_at, type: local-time }
          - { column: break_start, type: local-time }
          - { column: break_end, type: local-time }
          - { column: break_minutes, type: minutes }
          - { column: mark_billable, type: yes-no, default: no }
          - { column: mark_held, type: yes-no, default: no }
          - { column: mark_excluded, type: yes-no, default: no }
          - { column: marked_by, type: text }
          - { column: reason, type: text }
          - { column: approved_by, type: text }
          - { column: charge_nurse, type: yes-no, default: no }
    """,
    "rules/segments.yaml": """
        format: 1
        kind: segments
        windows:
          - { window: night, each: day, from: 19:00, to: 07:00 }
          - { window: weekend, each: week, from: friday 19:00, to: monday 07:30 }
          - { window: holiday, each: holiday, holidays: us, day: actual, from: day-before 19:00, to: day-after 07:00 }
    """,
    "rules/holidays.yaml": """
        format: 1
        kind: holidays
        holidays: us
        from: 2024-01-01
        to: 2028-01-01
        days:
          - { holiday: independence-day, actual: 2026-07-04, observed: 2026-07-03 }
          - { holiday: columbus-day, actual: 2026-10-12, observed: 2026-10-12 }
    """,
    "rules/billable.yaml": """
        format: 1
        kind: policy
        decides: billable
        answers: [worked, scheduled, fixed, none]
        if-nothing-matches: error
        if-several-match: overrides
        rules:
          - id: completed
            when: { status: [completed, orientation] }
            then: worked
          - id: no-show
            when: { status: no-show }
            then: none
          - id: cancelled-default
            when: { status: cancelled }
            then: none
          - id: cancelled-late
            when: { status: cancelled, notice: { less-than: { term: cancel-notice } } }
            then: { fixed: { term: cancel-hours } }
            from: 2024-07-01
            overrides: [cancelled-default]
          - id: cancelled-marked
            when: { status: cancelled, mark_billable: yes }
            then: { scheduled: { share: 1/2, at-least: 2h, round-up: 15min } }
            overrides: [cancelled-late]
        examples:
          - name: Cancelled the evening before
            given: { status: cancelled, notice: 11h, term: { cancel-notice: 24h, cancel-hours: 2h } }
            gives: { fixed: { term: cancel-hours } }
            on: 2024-08-01
          - name: Exactly a day ahead costs nothing
            given: { status: cancelled, notice: 24h, term: { cancel-notice: 24h } }
            gives: none
            on: 2024-08-01
    """,
    "rules/item.yaml": """
        format: 1
        kind: policy
        decides: item
        answers: [as-worked, ORIENT]
        if-nothing-matches: as-worked
        if-several-match: overrides
        rules:
          - { id: orientation, when: { status: orientation }, then: ORIENT }
        examples:
          - { name: First shift, given: { status: orientation }, gives: ORIENT }
          - { name: Any other, given: { status: completed }, gives: as-worked }
    """,
    "rules/minimum.yaml": """
        format: 1
        kind: policy
        decides: minimum
        answers: [applies, none]
        if-nothing-matches: applies
        if-several-match: overrides
        rules:
          - { id: not-orientation, when: { status: orientation }, then: none }
        examples:
          - { name: Orientation, given: { status: orientation }, gives: none }
    """,
    "rules/premiums-that-apply.yaml": """
        format: 1
        kind: policy
        decides: premiums
        answers: [night, weekend, holiday, charge]
        if-nothing-matches: none
        if-several-match: collect
        rules:
          - { id: at-night, when: { in: night }, then: night }
          - { id: on-weekends, when: { in: weekend }, then: weekend }
          - { id: on-holidays, when: { in: holiday }, then: holiday }
          - { id: in-charge, when: { charge_nurse: yes, status: completed }, then: charge }
        examples:
          - { name: Saturday night, given: { in: [night, weekend] }, gives: [night, weekend] }
          - { name: By day, given: { status: completed }, gives: none }
          - { name: In charge, given: { status: completed, charge_nurse: yes }, gives: charge }
    """,
    "rules/combine.yaml": """
        format: 1
        kind: policy
        decides: combine
        answers: [add, largest, multiply]
        if-nothing-matches: error
        if-several-match: overrides
        rules:
          - { id: add, when: { term: { combine: add } }, then: add }
          - { id: largest, when: { term: { combine: largest } }, then: largest }
          - { id: multiply, when: { term: { combine: multiply } }, then: multiply }
        examples:
          - { name: As agreed, given: { term: { combine: largest } }, gives: largest }
    """,
    "rules/premiums.yaml": """
        format: 1
        kind: premiums
        premiums:
          - { premium: night, name: night, shown: in-price, formula: percent-of-base, given: { base: base, percent: { rate: differentials } } }
          - { premium: weekend, name: weekend, shown: in-price, formula: percent-of-base, given: { base: base, percent: { rate: differentials } } }
          - { premium: holiday, name: holiday, shown: in-price, formula: percent-of-base, given: { base: base, percent: { rate: differentials } } }
          - { premium: charge, name: charge nurse, shown: own-line, formula: flat, given: { amount: { rate: adders } } }
    """,
    "rules/formulas/percent-of-base.yaml": """
        format: 1
        kind: formula
        formula: percent-of-base
        computes: price
        unit: USD per hour
        inputs: { base: { unit: USD per hour, at-most: 1000.00 }, percent: { unit: percent, at-most: 200 } }
        versions:
          - version: 1
            from: 2024-01-01
            to: 2026-01-01
            formula: base * percent / 100
            round: { digits: 2, half: up }
            examples: [{ given: { base: 72.50, percent: 15 }, gives: 10.88 }]
          - version: 2
            from: 2026-01-01
            formula: max(base * percent / 100, 3.50)
            round: { digits: 2, half: up }
            examples: [{ given: { base: 30.00, percent: 10 }, gives: 3.50 }]
    """,
    "rules/formulas/flat.yaml": """
        format: 1
        kind: formula
        formula: flat
        computes: price
        unit: USD per hour
        inputs: { amount: { unit: USD per hour, at-most: 100.00 } }
        versions:
          - { version: 1, from: 2024-01-01, formula: amount, round: { digits: 2, half: up } }
    """,
}


def sample_texts() -> dict[str, str]:
    """The files as texts, by path."""
    return {path: dedent(text).lstrip("\n") for path, text in _FILES.items()}


def sample_files(**changes: str) -> dict[str, bytes]:
    """The files as bytes, by path."""
    return {path: text.encode() for path, text in {**sample_texts(), **changes}.items()}
