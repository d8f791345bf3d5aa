import re
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from engine.invoice import Party, TaxTotal
from engine.money import Decimals
from renderers import invoice_text
from renderers.characters import columns
from tests.renderers.builder import build

AMOUNT = re.compile(r"^ *\d+  .* (-?[\d,]+\.\d{2})$", re.MULTILINE)


def test_the_text_reads_like_this() -> None:
    document = build(3, 2, rows_per_line=2)

    assert (
        invoice_text.render(document).decode()
        == f"""\
Northside Staffing Agency Ltd.                                                        INVOICE, DRAFT
====================================================================================================

From                                              To
Northside Staffing Agency Ltd.                    St. Mary Hospital Group
210 Harbor Street                                 Accounts Payable
Oakland, CA 94607                                 1 Cathedral Square
billing@northside.example                         San Francisco, CA 94109
                                                  ap@stmary.example

Number     DRAFT-st-mary-group-2026-10
Period     1\N{EN DASH}31 October 2026
Account    st-mary-group
Reference  PO 4711-0026
Subject    Nursing staff, October 2026

#  Description                                                     Quantity  Unit    Price    Amount
----------------------------------------------------------------------------------------------------
St. Mary Medical Center
1  Registered nurse, night                                            20.75  hours   82.50  1,711.88
2  Registered nurse, weekend night with holiday premium               19.25  hours  103.25  1,987.57
                                                                                            --------
                                                                                  Subtotal  3,699.45

Mercy General Hospital
3  Licensed practical nurse, day                                      17.75  hours   51.50    914.13
                                                                                            --------
                                                                                  Subtotal    914.13

====================================================================================================
                                                                                 Total  4,613.58 USD

6 backup rows add up to exactly 4,613.58 USD.
Body {document.invoice.body_sha256()[:16]}
"""
    )


@pytest.mark.parametrize(("lines", "sections"), [(5, 1), (45, 3)])
def test_the_text_adds_up_and_fits(lines: int, sections: int) -> None:
    document = build(lines, sections)
    text = invoice_text.render(document).decode()
    amounts = [Decimal(amount.replace(",", "")) for amount in AMOUNT.findall(text)]

    assert len(amounts) == lines
    assert sum(amounts) == Decimal(document.invoice.net) / 100
    assert f"Total  {document.invoice.money(document.invoice.net)} USD\n" in text
    assert max(map(columns, text.splitlines())) == 100


def test_decimal_points_stand_below_each_other() -> None:
    text = invoice_text.render(build(3, first_line={"quantity": Decimals(123456, 0), "price": Decimals(350, 4)})).decode()
    rows = [line for line in text.splitlines() if re.match(r"\d  ", line)]

    assert "123,456     hours    0.0350" in rows[0]
    assert rows[0].index("0.0350") + 1 == rows[1].index("103.25") + 3 == rows[2].index("51.50") + 2
    assert rows[0].index("123,456") + 7 == rows[1].index(".")


def test_a_terminal_is_not_given_orders() -> None:
    nasty = "\x1b]0;owned\x07\N{RIGHT-TO-LEFT OVERRIDE}\r\n\x9b31m"
    document = build(
        2, subject=nasty, first_line={"description": nasty * 9, "unit": nasty}, envelope={"seller": Party(nasty, (nasty,))}
    )
    text = invoice_text.render(document).decode()

    assert not set(text) & set("\x1b\x07\r\x9b\N{RIGHT-TO-LEFT OVERRIDE}")


def test_wide_and_long_words_keep_the_columns() -> None:
    text = invoice_text.render(
        build(2, first_line={"description": "\N{CJK UNIFIED IDEOGRAPH-6CE8}" * 90 + " " + "w" * 200})
    ).decode()

    assert max(map(columns, text.splitlines())) == 100
    assert text.count("\N{CJK UNIFIED IDEOGRAPH-6CE8}") == 90
    assert text.count("w") >= 200


def test_taxes_and_balance_are_shown_when_known() -> None:
    document = build(
        2, envelope={"number": "INV-7", "issued_on": date(2026, 11, 5), "brought_forward": 5000, "payments": -5000, "due": 500000}
    )
    taxes = (TaxTotal("standard", "0.0825", document.invoice.net, 1000),)
    text = invoice_text.render(replace(document, invoice=replace(document.invoice, taxes=taxes))).decode()

    for words in (
        "Tax 0.0825 on",
        "Net ",
        "Balance brought forward",
        "-50.00 USD",
        "Amount due  5,000.00 USD",
        "5 November 2026",
    ):
        assert words in text
    assert "DRAFT" not in text


def test_corrections_and_references_are_named() -> None:
    text = invoice_text.render(
        build(6, first_line={"refs": (("PO", "4711"),), "service_from": date(2026, 9, 3), "service_to": date(2026, 9, 4)})
    ).decode()

    assert "   Service 3\N{EN DASH}4 September 2026\n   PO 4711\n" in text
    assert "   Takes back INV-2026-09-0031, line 6\n   Why: Timesheet corrected by the ward\n" in text
