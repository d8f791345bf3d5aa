"""The example of a software service: October by hand, the edges of months and price lists, the same files each time."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from connectors.files import activity_by_kind, named_files
from connectors.workspace import find_workspace
from engine.dates import parse_period
from engine.invoice import Invoice
from engine.pipeline import Preview, preview
from engine.ratebook.book import RuleBook
from engine.ratebook.build import build
from engine.ratebook.crosscheck import check
from engine.ratebook.files import read_workspace_files
from engine.steps.rate import Rater
from engine.worked_bills import run_worked_bills
from examples.saas.make_activity import activity_files, write_events
from tests.workspaces import ROOT

FOLDER = ROOT / "examples" / "saas"
Line = tuple[str, str, str, str, str]


@cache
def rules() -> RuleBook:
    return build(read_workspace_files(FOLDER))


def billed(month: str, *paths: Path) -> Preview:
    rows = activity_by_kind(named_files(paths or find_workspace(FOLDER).activity_files(), FOLDER), rules().kinds)
    return preview(Rater(rules()), rows, parse_period(month))


@cache
def month(name: str) -> Preview:
    return billed(name)


def invoice(name: str, account: str) -> Invoice:
    return next(each.invoice for each in month(name).assembled if each.invoice.account == account)


def lines(body: Invoice) -> list[Line]:
    """Description, quantity, unit, price and amount of each line."""
    return [
        (line.description, str(line.quantity), line.unit, str(line.price), body.money(line.amount)) for line in body.lines
    ]  # fmt: skip


def taxes(body: Invoice) -> list[tuple[str, str, str, str, str]]:
    """Name, rate, base, tax and reason of each category."""
    return [(tax.name, tax.rate, body.money(tax.base), body.money(tax.tax), tax.reason) for tax in body.taxes]


def totals(body: Invoice) -> tuple[str, str, str]:
    return body.money(body.net), body.money(body.tax), body.money(body.total)


# --- the workspace ----------------------------------------------------------------------------------------------------------


def test_the_workspace_checks_clean() -> None:
    assert check(read_workspace_files(FOLDER)) == []
    assert len(rules().examples) == 3
    assert run_worked_bills(rules()) == []


def test_the_activity_is_made_again_byte_for_byte() -> None:
    kept = {path.name: path.read_bytes() for path in sorted((FOLDER / "activity").iterdir())}
    assert kept == activity_files()


def test_no_python_outside_the_example_knows_its_trade() -> None:
    sources = [path for name in ("engine", "renderers", "connectors") for path in (ROOT / name).rglob("*.py")]
    words = re.compile(r"\b(saas|subscriptions?|api requests?|gb-days?|consulting|support cases?)\b", re.I)
    assert [path.name for path in sources if words.search(path.read_text("utf-8"))] == []


# --- October by hand --------------------------------------------------------------------------------------------------------


def test_alder_freight_moves_to_another_plan_in_mid_month() -> None:
    """
    plan      14/31 x 310.00 = 140.00; 17/31 x 930.00 = 510.00
    seats     (14 x 12 + 17 x 20) / 31 = 508/31; x 15.50 = 254.00
    requests  2,242,000 + 8,000 on the evening of 31 October in Chicago = 2,250,000: 100,000 free, 1,900,000 x 0.00040 = 760.00,
              250,000 x 0.00030 = 75.00
    storage   31 x 180.5 = 5,595.5 GB-days; 2,595.5 over 3,000, x 0.0075 = 19.46625
    payments  640.00 + 96.40 at 2.7% = 19.8828; of 2,500.00 67.50 -> 25.00; of 8.00 0.216 -> 0.50; 4 x 0.25
    support   0.75 of a question, 2 of their own outage, 1 of training; 1.5 of our outage is free
    coupon    15% of 140.00 + 510.00 + 254.00 = 904.00
    software  140.00 + 510.00 + 254.00 + 760.00 + 75.00 + 19.47 - 135.60 = 1,622.87
    """
    body = invoice("2026-10", "alder-freight")
    assert lines(body) == [
        ("Team plan", "0.451613", "month", "310.00", "140.00"),
        ("Business plan", "0.548387", "month", "930.00", "510.00"),
        ("Seats", "16.387097", "month", "15.50", "254.00"),
        ("API requests, tier from 0", "100000", "request", "0.00000", "0.00"),
        ("API requests, tier from 100,000", "1900000", "request", "0.00040", "760.00"),
        ("API requests, tier from 2,000,000", "250000", "request", "0.00030", "75.00"),
        ("Storage, included", "3000.00", "GB-day", "0.0000", "0.00"),
        ("Storage, over what is included", "2595.50", "GB-day", "0.0075", "19.47"),
        ("Card payments", "736.40", "of USD", "0.027", "19.88"),
        ("Card payments, fee for each", "4", "each", "0.25", "1.00"),
        ("Card payments, largest fee", "1", "each", "25.00", "25.00"),
        ("Card payments, smallest fee", "1", "each", "0.50", "0.50"),
        ("Engineering", "3.25", "hour", "150.00", "487.50"),
        ("Support cases", "3.75", "hour", "125.00", "468.75"),
        ("Coupon WELCOME", "-904.00", "of USD", "0.15", "-135.60"),
    ]
    assert taxes(body) == [
        ("", "0%", "46.38", "0.00", "payment services are not taxed"),
        ("State service tax", "2%", "956.25", "19.13", ""),
        ("City sales tax", "1.75%", "1,622.87", "28.40", ""),
        ("State sales tax", "6.25%", "1,622.87", "101.43", ""),
    ]
    assert totals(body) == ("2,625.50", "148.96", "2,774.46")


def test_quarry_games_makes_up_its_minimum_commitment() -> None:
    """
    requests  14,200,000: 100,000 free, 1,900,000 x 0.00040 = 760.00, 3,000,000 x 0.00030 = 900.00, 9,200,000 x 0.00020 = 1,840.00
    queries   62,000, all of them at the price from 50,000: x 0.0040 = 248.00
    exports   7,300 are 8 started packs x 2.50
    storage   31 x (1,000 + 240) = 38,440 GB-days; 8,440 over 30,000, x 0.0075 = 63.30
    minimum   930.00 + 620.00 + 760.00 + 900.00 + 1,840.00 + 248.00 + 20.00 + 63.30 = 5,381.30; 6,500.00 - 5,381.30 = 1,118.70
    travel    5% of 412.60 = 20.63
    """
    body = invoice("2026-10", "quarry-games")
    assert lines(body) == [
        ("Business plan", "1.000000", "month", "930.00", "930.00"),
        ("Seats", "40.000000", "month", "15.50", "620.00"),
        ("API requests, tier from 0", "100000", "request", "0.00000", "0.00"),
        ("API requests, tier from 100,000", "1900000", "request", "0.00040", "760.00"),
        ("API requests, tier from 2,000,000", "3000000", "request", "0.00030", "900.00"),
        ("API requests, tier from 5,000,000", "9200000", "request", "0.00020", "1,840.00"),
        ("Analytical queries, tier from 50,000", "62000", "request", "0.0040", "248.00"),
        ("Exports, packs of 1,000", "8", "package", "2.50", "20.00"),
        ("Storage, included", "30000.00", "GB-day", "0.0000", "0.00"),
        ("Storage, over what is included", "8440.00", "GB-day", "0.0075", "63.30"),
        ("Consulting", "2.50", "hour", "195.00", "487.50"),
        ("Consulting", "10.00", "hour", "195.00", "1,950.00"),
        ("Engineering", "22.75", "hour", "150.00", "3,412.50"),
        ("Support cases", "3.00", "hour", "125.00", "375.00"),
        ("Travel", "1", "each", "412.60", "412.60"),
        ("Travel, handling", "412.60", "of USD", "0.05", "20.63"),
        ("Share of the stand at the autumn fair", "1", "each", "350.00", "350.00"),
        ("Minimum commitment of 6,500.00, used 5,381.30", "1", "each", "1118.70", "1,118.70"),
    ]
    assert taxes(body) == [
        ("State service tax", "2%", "7,008.23", "140.16", ""),
        ("City sales tax", "1.75%", "6,500.00", "113.75", ""),
        ("State sales tax", "6.25%", "6,500.00", "406.25", ""),
    ]
    assert totals(body) == ("13,508.23", "660.16", "14,168.39")


def test_open_hand_pays_no_tax_and_has_its_coupon_once() -> None:
    """84,000 requests and 31 x 40 = 1,240 GB-days are included; half an hour for our defect is free, one for a question is not."""
    body = invoice("2026-10", "open-hand")
    assert lines(body) == [
        ("Team plan", "1.000000", "month", "310.00", "310.00"),
        ("API requests, tier from 0", "84000", "request", "0.00000", "0.00"),
        ("Storage, included", "1240.00", "GB-day", "0.0000", "0.00"),
        ("Support cases", "0.50", "hour", "125.00", "62.50"),
        ("Credit for a double order", "-1", "each", "40.00", "-40.00"),
        ("Coupon SORRY", "-1", "each", "150.00", "-150.00"),
    ]
    assert taxes(body) == [
        ("", "0%", "22.50", "0.00", "charity, certificate EX-2207"),
        ("", "0%", "160.00", "0.00", "charity, certificate EX-2207"),
    ]
    assert totals(body) == ("182.50", "0.00", "182.50")
    assert "Coupon SORRY" not in [line[0] for line in lines(invoice("2026-11", "open-hand"))]


def test_lumen_presse_has_the_price_list_in_euros() -> None:
    """
    requests  2,400,000: 100,000 free, 1,900,000 x 0.00038 = 722.00, 400,000 x 0.00028 = 112.00
    payments  120.00 + 49.90 at 1.5% = 2.5485; 2 x 0.25
    VAT       20% of 285.00 + 87.00 + 722.00 + 112.00 = 1,206.00
    """
    body = invoice("2026-10", "lumen-presse")
    assert body.currency == "EUR"
    assert lines(body) == [
        ("Team plan", "1.000000", "month", "285.00", "285.00"),
        ("Seats", "6.000000", "month", "14.50", "87.00"),
        ("API requests, tier from 0", "100000", "request", "0.00000", "0.00"),
        ("API requests, tier from 100,000", "1900000", "request", "0.00038", "722.00"),
        ("API requests, tier from 2,000,000", "400000", "request", "0.00028", "112.00"),
        ("Card payments", "169.90", "of EUR", "0.015", "2.55"),
        ("Card payments, fee for each", "2", "each", "0.25", "0.50"),
    ]
    assert taxes(body) == [
        ("", "0%", "3.05", "0.00", "payment services are not taxed"),
        ("VAT", "20%", "1,206.00", "241.20", ""),
    ]
    assert totals(body) == ("1,209.05", "241.20", "1,450.25")


def test_references_stand_on_their_lines() -> None:
    refs = [line.refs for line in invoice("2026-10", "quarry-games").lines if line.refs]
    assert refs == [
        (("project", "AUDIT"),),
        (("project", "MIGRATION"),),
        (("project", "MIGRATION"),),
        (("project", "MIGRATION"), ("receipt", "R-4471")),
        (("project", "MIGRATION"), ("receipt", "R-4471")),
        (("external", "FAIR-88"),),
    ]


def test_support_that_nobody_pays_is_listed_with_its_rule() -> None:
    assert [(fate.account, fate.rule) for fate in month("2026-10").fates] == [
        ("alder-freight", "our-fault"),
        ("open-hand", "our-fault"),
        ("quarry-games", "questions-of-premier"),
    ]


# --- from one month to the next ---------------------------------------------------------------------------------------------


def test_the_price_list_changes_with_october_on_the_clock_of_the_account() -> None:
    """
    1 October 04:30 UTC is 30 September in Chicago: 1,704,000 + 5,000 in September, 1,609,000 beyond what is free x 0.00045 = 724.05.
    Storage: 30 x 166.75 = 5,002.5 GB-days, 2,002.5 over 3,000 x 0.0080 = 16.02. Seats: 12 x 15.00. Coupon: 15% of 279.00 + 180.00.
    """
    body = invoice("2026-09", "alder-freight")
    kept = ("PLAN-TEAM", "SEAT", "API", "STORAGE", "DISCOUNT")
    assert [told for told, line in zip(lines(body), body.lines, strict=True) if line.item in kept] == [
        ("Team plan", "1.000000", "month", "279.00", "279.00"),
        ("Seats", "12.000000", "month", "15.00", "180.00"),
        ("API requests, tier from 0", "100000", "request", "0.00000", "0.00"),
        ("API requests, tier from 100,000", "1609000", "request", "0.00045", "724.05"),
        ("Storage, included", "3000.00", "GB-day", "0.0000", "0.00"),
        ("Storage, over what is included", "2002.50", "GB-day", "0.0080", "16.02"),
        ("Coupon WELCOME", "-459.00", "of USD", "0.15", "-68.85"),
    ]
    assert {tax.rate for tax in body.taxes if tax.name == "City sales tax"} == {"1.5%"}


def test_what_the_accounts_pay_in_each_month() -> None:
    """
    alder-freight, lumen-presse, open-hand, quarry-games
    """
    found = {name: [totals(each.invoice)[2] for each in month(name).assembled] for name in (f"2026-{n:02}" for n in range(7, 13))}
    assert found == {
        "2026-07": ["1,259.19", "937.05", "339.00", "7,636.90"],
        "2026-08": ["1,665.50", "875.83", "279.00", "9,703.10"],
        "2026-09": ["1,372.37", "1,266.12", "377.10", "8,422.14"],
        "2026-10": ["2,774.46", "1,450.25", "182.50", "14,168.39"],
        "2026-11": ["2,816.58", "1,547.37", "372.50", "9,970.35"],
        "2026-12": ["3,158.79", "1,691.56", "570.35", "11,336.40"],
    }


def test_every_row_is_billed_in_one_month_or_has_a_reason() -> None:
    previews = [month(f"2026-{n:02}") for n in range(7, 13)]
    assert sum(each.count("billed") + each.count("not billed") for each in previews) == previews[0].read
    assert {each.count("rejected") + each.count("held") for each in previews} == {0}


def test_many_events_roll_up_by_day(tmp_path: Path) -> None:
    """Of 10,000 events 1,000, 2,000, 3,000 and 4,000 belong to the accounts; all of October's days have some."""
    path = tmp_path / "usage-10000.parquet"
    write_events(10_000, path)
    found = billed("2026-10", path)
    assert (found.read, found.count("billed")) == (10_000, 10_000)
    requests = {
        each.invoice.account: str(line.quantity)
        for each in found.assembled
        for line in each.invoice.lines
        if line.unit == "request"
    }
    assert requests == {"alder-freight": "3000", "lumen-presse": "2000", "open-hand": "1000", "quarry-games": "4000"}
    ((gathered, _),) = found.measured
    assert len(gathered.measured.frame) == 4 * 31
