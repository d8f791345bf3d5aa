"""Corrections as documents: what stands on them, how they are numbered, what they refuse."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.bulk.assembled import Assembled
from engine.bulk.issued_invoice import IssuedInvoice, IssuedInvoiceError, read_issued
from engine.canonical import canonical_json
from engine.causes import Cause, rows_compared
from engine.corrections import Correction, CorrectionError, corrections
from engine.invoice import LineItem
from engine.pipeline import Preview
from engine.problems import InvariantError
from tests.corrections.billing import Books, kept, replayed, standing
from tests.corrections.books import METERED_ROWS, METERED_SETTINGS, SHIFT_ROWS, SHIFT_SETTINGS, metered, shifts

FIRST = {name: values[0] for name, values in METERED_SETTINGS.items()}
ROWS = {name: (values[0],) for name, values in METERED_ROWS.items() if values[0]}


def october(**said: str) -> Preview:
    return metered({**FIRST, **said}, ROWS)


def corrected(first: Preview, *later: Preview) -> tuple[Books, list[tuple[Correction, ...]]]:
    books = Books()
    books.issue(first)
    return books, [books.correct(each) for each in later]


def test_a_price_is_taken_back_and_billed_again() -> None:
    """123,457 calls at 0.000100 and at 0.000090: 12.35 and 11.11; VAT of 21 % 2.59 and 2.33."""
    _, [(correction,)] = corrected(october(), october(flat="0.000090"))
    calls = [line for line in correction.invoice.lines if line.item == "FLAT"]
    assert [(line.origin, str(line.quantity), str(line.price), line.amount, line.tax, line.corrects) for line in calls] == [
        ("reversal", "-123457", "0.000100", -1235, -259, ("DRAFT-acme-2026-10", 1)),
        ("rebill", "123457", "0.000090", 1111, 233, ("DRAFT-acme-2026-10", 1)),
    ]
    assert correction.number == "DRAFT-acme-2026-10-C1"
    assert correction.invoice.kind == "invoice"
    assert correction.invoice.subject == "Corrections of DRAFT-acme-2026-10"


def test_the_rows_behind_a_reversal_are_those_of_the_issued_line_with_the_other_sign() -> None:
    books, [(correction,)] = corrected(october(), october(flat="0.000090"))
    issued = books.issued[0].assembled.backup
    line = next(line for line in correction.invoice.lines if line.item == "FLAT")
    mine, theirs = (
        frame.filter(frame["line"] == number).row(0, named=True)
        for frame, number in ((correction.assembled.backup, line.line), (issued, 1))
    )
    assert (mine["quantity"], mine["exact"], mine["amount"]) == ("-123457", "-12.345700", -1235)
    assert {name: mine[name] for name in ("kind", "id", "price", "service_day")} == {
        name: theirs[name] for name in ("kind", "id", "price", "service_day")
    }


def test_the_latest_version_is_taken_back() -> None:
    _, [_, (second,)] = corrected(october(), october(flat="0.000090"), october(flat="0.000080"))
    calls = [line for line in second.invoice.lines if line.item == "FLAT"]
    assert [(line.origin, str(line.price), line.corrects) for line in calls] == [
        ("reversal", "0.000090", ("DRAFT-acme-2026-10-C1", 2)),
        ("rebill", "0.000080", ("DRAFT-acme-2026-10-C1", 2)),
    ]
    assert second.number == "DRAFT-acme-2026-10-C2"
    assert second.invoice.sequence == 2


def test_what_went_is_taken_back_and_what_came_is_billed() -> None:
    books = Books()
    books.issue(october())
    now = metered(FIRST, {**ROWS, "d": (*ROWS["d"], "")})
    (correction,) = books.correct(now)
    assert [line.origin for line in correction.invoice.lines if line.item == "FLAT"] == ["reversal"]
    (again,) = books.correct(october())
    assert [(line.origin, line.corrects) for line in again.invoice.lines if line.item == "FLAT"] == [("rebill", None)]


def test_lines_made_of_others_name_those_where_they_stand() -> None:
    """The coupon was 10 % of the issued lines; it is 10 % of those that were left alone and of those billed anew."""
    _, [(correction,)] = corrected(october(coupon="10%"), october(coupon="10%", flat="0.000090"))
    lines = {line.line: line for line in correction.invoice.lines}
    backup = correction.assembled.backup
    taken, given = (
        [(row["source"], row["id"]) for row in backup.filter(backup["line"] == number).iter_rows(named=True)]
        for number in (
            next(line.line for line in lines.values() if line.item == "LESS" and line.origin == origin)
            for origin in ("reversal", "rebill")
        )
    )
    billed = next(line.line for line in lines.values() if line.item == "FLAT" and line.origin == "rebill")
    assert {source for source, _ in taken} == {"DRAFT-acme-2026-10"}
    assert ("DRAFT-acme-2026-10-C1", f"line {billed}") in given
    assert ("DRAFT-acme-2026-10-C1", f"line {billed}") not in taken
    assert len(taken) == len(given)


def test_each_split_has_a_document_of_its_own() -> None:
    split = {name: values[0] for name, values in SHIFT_SETTINGS.items()}
    rows = {name: (values[0],) for name, values in SHIFT_ROWS.items() if values[0]}
    books = Books()
    books.issue(shifts(split, rows))
    made = books.correct(shifts({**split, "price": "71.37"}, rows))
    assert [each.number for each in made] == ["DRAFT-acme-2026-10-P1-C1", "DRAFT-acme-2026-10-P2-C1"]
    assert [each.invoice.split for each in made] == ["P1", "P2"]


def test_a_number_that_is_taken_is_not_given_again() -> None:
    """An invoice of the part C1 has the number that the first correction of the rest would get."""
    first = october()
    books = Books()
    books.issue(first)
    books.issued.append(kept("DRAFT-acme-2026-10-C1", _part(first, "C1")))
    now = october(flat="0.000090")
    (one,) = corrections(books.issued, [*now.assembled, _part(first, "C1")], now.period, rows_compared)
    assert one.number == "DRAFT-acme-2026-10-C2"


def _part(preview: Preview, split: str) -> Assembled:
    whole = preview.assembled[0]
    return replace(whole, invoice=replace(whole.invoice, split=split))


def test_a_correction_below_zero_is_a_credit_note_where_the_account_wants_one() -> None:
    books = Books()
    books.issue(october())
    lower, higher = october(flat="0.000090"), october(flat="0.000110")
    assert [each.invoice.kind for each in books.correct(lower, credit_notes=["acme"])] == ["credit-note"]
    assert [each.invoice.kind for each in books.correct(higher, credit_notes=["acme"])] == ["invoice"]


def test_lines_made_by_hand_stand_outside() -> None:
    """Goodwill of -5.00 with its VAT stays, and its tax is in no correction."""
    first = october()
    books = Books()
    books.issued.append(kept("DRAFT-acme-2026-10", _with_goodwill(first.assembled[0])))
    assert books.correct(first) == ()
    now = october(flat="0.000090")
    (correction,) = books.correct(now)
    assert standing(books.issued) == replayed(now)
    assert correction.invoice.tax == now.assembled[0].invoice.tax - first.assembled[0].invoice.tax


def _with_goodwill(whole: Assembled) -> Assembled:
    plain = next(line for line in whole.invoice.lines if line.item == "FLAT")
    line = replace(
        plain, line=len(whole.invoice.lines) + 1, key="goodwill", origin="manual", quantity=replace(plain.quantity, units=-1),
        price=replace(plain.price, units=500, digits=2), amount=-500, tax=-105, backup=replace(plain.backup, rows=0),
    )  # fmt: skip
    taxes = [
        replace(tax, base=tax.base - 500, tax=tax.tax - 105) if tax.rate == plain.tax_rate else tax for tax in whole.invoice.taxes
    ]
    return replace(whole, invoice=replace(whole.invoice, lines=(*whole.invoice.lines, line), taxes=tuple(taxes)))


def test_the_cause_stands_on_the_line() -> None:
    books = Books()
    books.issue(october())
    cause = Cause("price", "flat:FLAT", "0.000100 becomes 0.000090", source="rates/prices.yaml:9", reason="new contract")
    (correction,) = books.correct(october(flat="0.000090"), lambda _: (cause,))
    assert {line.reason for line in correction.invoice.lines} == {"price flat:FLAT 0.000100 becomes 0.000090 (new contract)"}
    assert {part.causes for part in correction.corrected} == {(cause,)}


def test_a_line_is_taken_back_once() -> None:
    books, [(correction,)] = corrected(october(), october(flat="0.000090"))
    books.issued.append(kept("DRAFT-acme-2026-10-C2", correction.assembled))
    with pytest.raises(CorrectionError, match="not issued or is reversed already"):
        books.correct(october())


def test_what_is_kept_must_be_what_was_issued() -> None:
    whole = october().assembled[0]
    body, backup = canonical_json(whole.invoice.canonical()), whole.canonical_backup()
    assert read_issued("N", body, backup).assembled.backup.equals(whole.backup)
    with pytest.raises(IssuedInvoiceError, match="not those that its body was made with"):
        read_issued("N", body, backup.replace(b"123457", b"123458"))
    with pytest.raises(IssuedInvoiceError, match="not canonical"):
        read_issued("N", body.replace(b'"sequence":1', b'"sequence": 1'), backup)


def test_a_period_and_a_currency_are_those_of_what_was_issued() -> None:
    now = october()
    whole = now.assembled[0]
    euros = IssuedInvoice("N", replace(whole, invoice=replace(whole.invoice, currency="EUR")))
    with pytest.raises(CorrectionError, match="was billed in EUR and is in USD now"):
        corrections([euros], now.assembled, now.period, rows_compared)
    later = IssuedInvoice("N", replace(whole, invoice=replace(whole.invoice, start=whole.invoice.end)))
    with pytest.raises(InvariantError, match="is not of 2026-10"):
        corrections([later], now.assembled, now.period, rows_compared)


def test_a_reversal_that_mirrors_nothing_is_found() -> None:
    """The check that runs with every correction, on a document that was tampered with."""
    books, [(correction,)] = corrected(october(), october(flat="0.000090"))
    whole = books.issued.pop().assembled
    lines: tuple[LineItem, ...] = tuple(
        replace(line, amount=line.amount - 1) if line.origin == "reversal" else line for line in whole.invoice.lines
    )
    books.issued.append(kept(correction.number, replace(whole, invoice=replace(whole.invoice, lines=lines))))
    with pytest.raises(InvariantError, match="does not mirror the line it reverses"):
        books.correct(october(flat="0.000080"))


def test_lines_that_move_to_another_invoice_name_the_one_they_stood_on() -> None:
    """The account is split by purchase order after the month was issued whole: P1 and P2 get documents of their own."""
    books = Books()
    books.issue(october())
    made = books.correct(october(split="split: [po]"))
    assert [each.number for each in made] == [f"DRAFT-acme-2026-10-{name}" for name in ("C1", "P1-C1", "P2-C1")]
    assert {each.invoice.subject for each in made} == {"Corrections of DRAFT-acme-2026-10"}
    billed = [line for each in made[1:] for line in each.invoice.lines if line.item in ("TIERED", "FLAT", "PACKS")]
    numbers = {line.line: line.item for line in books.issued[0].invoice.lines}
    assert [line.item for line in billed] == [numbers[line.corrects[1]] for line in billed if line.corrects]
