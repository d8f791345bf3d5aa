"""The example of a telephone company: a statement to the penny, calls at the edges of windows, the same files each time."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

import pytest

from connectors.files import activity_by_kind, named_files
from connectors.workspace import find_workspace, read_parties
from engine.dates import parse_period
from engine.invoice import Document, Invoice
from engine.pipeline import Preview, preview
from engine.problems import InvariantError
from engine.ratebook.book import RuleBook
from engine.ratebook.build import build
from engine.ratebook.crosscheck import check
from engine.ratebook.files import read_workspace_files
from engine.replay import documents
from engine.steps.rate import Rater
from engine.worked_bills import run_worked_bills
from examples.telecom.make_activity import activity_files
from renderers import invoice_html, invoice_text
from tests.workspaces import ROOT

FOLDER = ROOT / "examples" / "telecom"
PAYMENT, PREPAYMENT = -10083, -2000  # October: September's invoice is paid in full, and 20.00 beforehand
STATEMENT = """
CALL    4         Calls to FR, connection             0.0500   0.20   0.04    0.24
CALL    83.9000   Calls to FR, day                    0.0945   7.93   1.59    9.52
CALL    5         Calls to GB, connection             0.0275   0.14   0.03    0.17
CALL    178.4000  Calls to GB, day                    0.0450   8.03   1.61    9.64
CALL    15.0000   Calls to GB, night                  0.0225   0.34   0.07    0.41
CALL    20.3000   Calls to GB, weekend                0.0135   0.27   0.05    0.32
CALL    6         Calls to GB-MOBILE, connection      0.0275   0.17   0.03    0.20
CALL    96.2000   Calls to GB-MOBILE, day             0.1225  11.78   2.36   14.14
CALL    48.3000   Calls to GB-MOBILE, night           0.0810   3.91   0.78    4.69
CALL    45.1000   Calls to GB-MOBILE, weekend         0.0615   2.77   0.55    3.32
NUMBER  5.000000  Numbers: 442079460101, 442079460102, 442079460103, 442079460104, 442079460105  2.50  12.50  2.50  15.00
TRUNK   2.516129  Trunk channels                       31.00  78.00  15.60   93.60
FAX     1.000000  Fax line                             10.00  10.00   0.00   10.00
REPORT  1         Detailed report                      20.00  20.00   4.00   24.00
"""


@cache
def rules() -> RuleBook:
    return build(read_workspace_files(FOLDER))


@cache
def billed(month: str) -> Preview:
    rows = activity_by_kind(named_files(find_workspace(FOLDER).activity_files(), FOLDER), rules().kinds)
    return preview(Rater(rules()), rows, parse_period(month))


def document(month: str, account: str) -> Document:
    return next(each for each in documents(billed(month), read_parties(FOLDER)) if each.invoice.account == account)


def statement(invoice: Invoice) -> list[list[str]]:
    """Item, quantity, description, rate, price, tax and total of each line."""
    money = invoice.money
    return [
        [each.item, str(each.quantity), each.description, str(each.price), *map(money, (each.amount, each.tax or 0, total(each.amount, each.tax)))]
        for each in invoice.lines
    ]  # fmt: skip


def total(net: int, tax: int | None) -> int:
    return net + (tax or 0)


def pieces(month: str, account: str, start: str) -> list[str]:
    """Quantity and price of each piece of the call that begins at a time."""
    rows = [row for row in document(month, account).backup if row.component == "base"]
    first = next(row for row in rows if row.segment == 0 and row.start.startswith(start))
    mine = sorted((row for row in rows if row.id == first.id), key=lambda row: row.segment)
    return [f"{row.quantity} {row.price}" for row in mine]


def test_the_workspace_checks_clean() -> None:
    assert check(read_workspace_files(FOLDER)) == []
    assert len(rules().examples) == 2
    assert run_worked_bills(rules()) == []


def test_the_activity_is_made_again_byte_for_byte() -> None:
    kept = {path.name: path.read_bytes() for path in sorted((FOLDER / "activity").iterdir())}
    assert kept == activity_files()


def test_no_python_outside_the_example_knows_its_trade() -> None:
    sources = [path for name in ("engine", "renderers", "connectors") for path in (ROOT / name).rglob("*.py")]
    found = [
        path.name
        for path in sources
        if re.search(r"\b(trunks?|fax|telephone|telecom|freephone)\b", path.read_text("utf-8"), re.I)
    ]
    assert found == []


# --- the statement ----------------------------------------------------------------------------------------------------------


def test_the_statement_of_october_to_the_penny() -> None:
    """
    Given by the requirement: the kinds of items, the columns, FAX with VAT 0 and a price of 10.00, the report at 20.00, and 165.25
    as the amount due. Ours: all other lines and prices, so chosen that they lead there.
    """
    invoice = document("2026-10", "harrow-print").invoice
    assert statement(invoice) == [re.split(r"\s{2,}", line) for line in STATEMENT.strip().splitlines()]
    assert [invoice.money(each) for each in (invoice.net, invoice.tax, invoice.total)] == ["156.04", "29.21", "185.25"]
    assert [(each.tax_class, each.rate, each.base, each.tax, each.reason) for each in invoice.taxes] == [
        ("fax", "0%", 1000, 0, "fax line, VAT 0 by ruling 2025-17"),
        ("standard", "20%", 14604, 2921, ""),
    ]


def test_balance_and_payments_lead_to_the_amount_due() -> None:
    """100.83 of September, less the payment of it, less 20.00 beforehand, and 185.25: due are 165.25, as the requirement says."""
    now, before = document("2026-10", "harrow-print"), document("2026-09", "harrow-print").invoice
    paid = PAYMENT + PREPAYMENT
    due = before.total + paid + now.invoice.total
    envelope = replace(now.envelope, brought_forward=before.total, payments=paid, due=due)
    text = re.sub(r" +", " ", invoice_text.render(replace(now, envelope=envelope)).decode())
    assert due == 16525
    for line in (
        "Balance brought forward 100.83 GBP",
        "Payments -120.83 GBP",
        "This invoice 185.25 GBP",
        "Amount due 165.25 GBP",
    ):
        assert line in text


def test_a_fax_total_of_10_99_would_not_add_up() -> None:
    """
    Given by the requirement: its example prints 10.99 as the total of FAX, so that its lines make 166.24 beside 165.25 due. The
    printed 10.99 is a slip: with VAT 0 the total of 10.00 is 10.00.
    """
    lines = {each.item: total(each.amount, each.tax) for each in document("2026-10", "harrow-print").invoice.lines}
    assert lines["FAX"] == 1000
    body = document("2026-10", "harrow-print").invoice
    steps = [
        document("2026-09", "harrow-print").invoice.total,
        PAYMENT,
        PREPAYMENT,
        *(total(each.amount, each.tax) for each in body.lines),
    ]
    assert sum(steps) == 16525
    assert sum(steps) - 1000 + 1099 == 16624


def test_a_document_whose_fax_line_says_10_99_is_refused() -> None:
    right = document("2026-10", "harrow-print")
    lines = [replace(each, amount=1099) if each.item == "FAX" else each for each in right.invoice.lines]
    wrong = replace(right, invoice=replace(right.invoice, lines=tuple(lines)))
    assert wrong.invoice.net - right.invoice.net == 99
    with pytest.raises(InvariantError, match=r"line 13: the line says 10\.99, its backup rows add up to 10\.00"):
        invoice_text.render(wrong)


# --- the months -------------------------------------------------------------------------------------------------------------


def test_the_detailed_report_tells_each_call_of_the_month_it_was_ordered_for() -> None:
    """Harrow Print ordered one for October, the taxis two for October and November, nobody else one."""

    def told(month: str, account: str) -> set[str]:
        return {row.note.removeprefix("connection, ") for row in document(month, account).backup if row.kind == "call"}

    harrow = told("2026-10", "harrow-print")
    assert "called 33199005610, seconds 754" in harrow
    assert all(re.fullmatch(r"called [0-9]+, seconds [0-9]+", note) for note in harrow)
    assert told("2026-11", "harrow-print") == {"", "connection"}
    assert told("2026-10", "cote-vins") == {"", "connection"}
    assert all(note.startswith("called ") for note in told("2026-11", "kestrel-taxis"))


def test_a_backup_where_nobody_worked_has_no_column_of_workers() -> None:
    page = invoice_html.render(document("2026-10", "harrow-print"))
    assert b">Worker<" not in page
    assert b"called 33199005610, seconds 754" in page


def test_what_the_accounts_pay_in_each_month() -> None:
    """
    harrow-print, kestrel-taxis, oakfield-school, cote-vins
    """
    accounts = ("harrow-print", "kestrel-taxis", "oakfield-school", "cote-vins")
    found = {
        month: [next(each.invoice for each in billed(month).assembled if each.invoice.account == account) for account in accounts]
        for month in ("2026-09", "2026-10", "2026-11")
    }
    assert {month: [each.money(each.total) for each in invoices] for month, invoices in found.items()} == {
        "2026-09": ["100.83", "153.36", "16.24", "17.08"],
        "2026-10": ["185.25", "176.98", "18.22", "41.41"],
        "2026-11": ["141.99", "262.15", "13.58", "37.94"],
    }
    assert {month: each.tax for month, (_, _, _, each) in found.items()} == dict.fromkeys(found, 0)  # taxed where the customer is


def test_each_row_of_activity_is_billed_or_has_a_reason() -> None:
    """Freephone and emergency calls are free; a call nobody answered has no charge that is above zero."""
    found = billed("2026-10")
    assert {name: found.count(name) for name in ("billed", "not billed", "held", "rejected")} == {
        "billed": 64,
        "not billed": 5,
        "held": 0,
        "rejected": 0,
    }
    assert {fate.rule for fate in found.fates} == {"freephone"}


def test_the_tax_is_rounded_for_each_line() -> None:
    """Of the sum, 147.47, it would be 29.49."""
    assert document("2026-10", "kestrel-taxis").invoice.tax == 2951


def test_a_price_changes_between_two_calls_and_not_within_one() -> None:
    """Five minutes over midnight of 30 September have the old price, five minutes from midnight on the new one."""
    assert pieces("2026-09", "kestrel-taxis", "2026-09-30T23:58") == ["5.0000 0.0210"]
    assert pieces("2026-10", "kestrel-taxis", "2026-10-01T00:00") == ["5.0000 0.0225"]


@pytest.mark.parametrize(
    ("account", "start", "expected"),
    [
        # 1,230 s to a mobile in 30/6 s: all of it night, over midnight
        ("kestrel-taxis", "2026-10-06T23:50", ["20.5000 0.0810"]),
        # 600 s around seven in the morning
        ("kestrel-taxis", "2026-10-08T06:55", ["5.0000 0.0225", "5.0000 0.0450"]),
        # 605 s are 606 s in steps: 300 s of Friday night, 306 s of the weekend
        ("kestrel-taxis", "2026-10-09T23:55", ["5.0000 0.0810", "5.1000 0.0615"]),
        # 61 s are 66 s: 30 s of Sunday, 36 s of Monday night
        ("kestrel-taxis", "2026-10-11T23:59:30", ["0.5000 0.0135", "0.6000 0.0225"]),
        # one second costs the first minute
        ("kestrel-taxis", "2026-10-13T10:01", ["1.0000 0.0450"]),
        # 3,900 s from 01:30 in summer time end at 01:35 in winter time
        ("kestrel-taxis", "2026-10-25T01:30+01:00", ["65.0000 0.0135"]),
        # the night of Lyon begins at 19:00 in Lyon, which is 18:00 in London
        ("cote-vins", "2026-10-14T18:58", ["2.0000 0.0945", "6.0000 0.0735"]),
    ],
)
def test_a_call_is_cut_where_windows_begin_and_end(account: str, start: str, expected: list[str]) -> None:
    assert pieces("2026-10", account, start) == expected


def test_trunks_that_are_added_in_mid_month_are_charged_by_day() -> None:
    """2 x 15/31 + 3 x 16/31 of 31.00: 30.00 and 48.00; in November 4 x 10/30 + 6 x 20/30 of 31.00: 41.33 and 124.00."""
    for month, account, amounts in (("2026-10", "harrow-print", [3000, 4800]), ("2026-11", "kestrel-taxis", [4133, 12400])):
        rows = [row for row in document(month, account).backup if row.item == "TRUNK"]
        assert [row.amount for row in rows] == amounts
