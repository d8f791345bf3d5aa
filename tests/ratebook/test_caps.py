"""Caps: the highest hour that check reckons with is at least what any shift is charged, and it is told with all its parts."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import polars as pl
import pytest

from connectors.demo import example_folder, october
from engine.dates import Period
from engine.money import Decimals
from engine.pipeline import preview
from engine.problems import Source
from engine.ratebook.book import Cap, RuleBook
from engine.ratebook.build import build
from engine.ratebook.caps import Charges, money
from engine.ratebook.crosscheck import check
from engine.ratebook.files import read_workspace_files
from engine.steps.rate import Rater
from tests.sample_book import sample_texts

ALL = Cap("all", "USD", None, True, (), Source("rules/caps.yaml"))
CAPS = """\
format: 1
kind: caps
caps:
  - cap: state
    unit: hour
    currency: USD
    premiums: {premiums}
    limits:
      - {{ {where}, at-most: {{ {day}: {most} }} }}
"""


def sample(**changes: str) -> RuleBook:
    return build({path: text.encode() for path, text in {**sample_texts(), **changes}.items()})


def told(premiums: str, where: str, day: str, most: str, **changes: str) -> list[str]:
    cap = CAPS.format(premiums=premiums, where=where, day=day, most=most)
    files = {**sample_texts(), **changes, "rules/caps.yaml": cap}
    return [problem.message for problem in check({path: text.encode() for path, text in files.items()})]


@pytest.mark.slow
def test_no_shift_of_the_agency_costs_more_than_the_highest_hour() -> None:
    book = build(read_workspace_files(example_folder()))
    rows = october(book)
    names = [column.column for column in book.kinds["shift"].columns]
    frame = pl.DataFrame({name: [row.get(name, "") for row in rows] for name in names}).with_columns(
        pl.lit("shifts.csv").alias("file"), pl.int_range(2, len(rows) + 2, dtype=pl.Int64).alias("row")
    )
    made = preview(Rater(book), {"shift": frame}, Period(date(2026, 10, 1), date(2026, 11, 1), "2026-10"))
    hours = made.entries.filter((pl.col("kind") == "shift") & (pl.col("unit") == "hour") & (pl.col("origin") == "rated"))
    prices = hours.with_columns((pl.col("price") * 10 ** (6 - pl.col("price_digits"))).alias("millionths"))
    key = ["section", "item", "service_day", "id", "segment"]
    own = pl.col("component").str.starts_with("own:")
    inside = prices.filter(~own).group_by(key).agg(pl.col("millionths").max())
    beside = prices.filter(own).group_by(key).agg(pl.col("millionths").sum().alias("own"))  # on each hour of the segment
    whole = inside.join(beside, on=key, how="left").with_columns(pl.col("millionths") + pl.col("own").fill_null(0))
    highest = whole.group_by("section", "item", "service_day").agg(pl.col("millionths").max())
    charges = Charges(book)
    margins = []
    for site, item, day, millionths in highest.iter_rows():
        charge = charges.highest(ALL, book.sites[site], item, date.fromisoformat(day))
        assert charge is not None
        margins.append(charge.total - Fraction(millionths, 1_000_000))

    assert len(margins) > 1_000
    assert min(margins) >= 0


def test_premiums_add_up_or_build_on_one_another_as_the_site_has_agreed() -> None:
    """
    beta-clinic multiplies, from 2026-01-01 night 12.5 %, weekend 10 %, holiday 50 %, charge nurse 2.75 on a line of its own; base 66.00
    night: 8.25    weekend on 74.25: 7.43 (7.425)    holiday on 81.68: 40.84
    """
    charges = Charges(sample())
    site = charges.book.sites["beta-clinic"]

    charge = charges.highest(ALL, site, "RN", date(2026, 2, 1))

    assert charge is not None
    assert charge.told == "base 66.00 + night 8.25 + weekend 7.43 + holiday 40.84 + charge 2.75"
    assert money(charge.total) == "125.27"


def test_where_only_the_largest_is_paid_only_it_counts() -> None:
    charges = Charges(sample())

    charge = charges.highest(ALL, charges.book.sites["acme-west"], "RN", date(2026, 2, 1))

    assert charge is not None
    assert charge.told == "base 66.00 + holiday 33.00 + charge 2.75"


def test_a_cap_that_is_kept_to_the_cent_is_silent_and_a_cent_less_is_not() -> None:
    assert told("[night]", "site: acme-east, item: RN", "2026-10-15", "83.43") == []  # 72.55 + 10.88
    [message] = told("[night]", "site: acme-east, item: RN", "2026-10-15", "83.42")
    assert message.startswith(
        "an hour of RN at acme-east can cost 83.43 USD from 2026-10-15 on (base 72.55 + night 10.88), 0.01 above the cap state of 83.42"
    )


def test_an_override_is_what_is_charged() -> None:
    assert told("none", "site: acme-east, item: ICU", "2026-10-01", "96.00") == []
    [message] = told("none", "site: acme-east, item: ICU", "2026-10-01", "95.99")
    assert "(base 96.00)" in message
    assert told("none", "site: acme-east, item: ICU", "2026-10-16", "95.99") == []


def test_a_cap_holds_in_its_geo_alone() -> None:
    """acme-west was in NYC, at 70.00, until 2025-07-01."""
    assert told("none", "geo: LA, item: RN", "2024-01-01", "66.00") == []
    [message] = told("none", "geo: NYC, site: acme-west, item: RN", "2024-01-01", "69.99")
    assert "from 2024-01-01 on (base 70.00)" in message


def test_fees_that_are_added_count_and_can_be_left_out() -> None:
    fee = 'format: 1\nkind: assembly\nfees:\n  - { fee: platform, item: ORIENT, percent: 5%, description: "{name}, {percent}" }\n'
    [message] = told("none", "site: beta-clinic, item: RN", "2024-01-01", "69.29", **{"rules/assembly.yaml": fee})

    assert "can cost 69.30 USD from 2024-01-01 on (base 66.00, and 5.00% platform)" in message
    assert told("none\n    fees: no", "site: beta-clinic, item: RN", "2024-01-01", "69.29", **{"rules/assembly.yaml": fee}) == []


def test_a_cap_moves_no_amount() -> None:
    cap = CAPS.format(premiums="all", where="geo: LA", day="2024-01-01", most="1000.00")

    with_cap = sample(**{"rules/caps.yaml": cap})

    assert with_cap.caps[0].limits[0].amounts[0].value == Decimals(100_000, 2)
    assert with_cap.meaning == sample().meaning
