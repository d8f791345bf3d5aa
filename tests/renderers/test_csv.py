import csv
import io
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.backup import canonical_backup, csv_text
from engine.invoice import BACKUP_COLUMNS
from engine.money import Decimals
from renderers import backup_csv, lines_csv
from renderers.characters import spreadsheet_number, spreadsheet_text
from tests.renderers.builder import build

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


def read(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("Registered nurse, night", "Registered nurse, night"),
        ("O'Hara", "O'Hara"),
        ("", ""),
        ("=1+1", "'=1+1"),
        ("+1 555", "'+1 555"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t'=1"),
        ("\r=1", "'\r'=1"),
        ("\n=1", "'\n'=1"),
        (" =1+1", "' =1+1"),
        ("\N{NO-BREAK SPACE}=1", "'\N{NO-BREAK SPACE}=1"),
        ("\N{ZERO WIDTH NO-BREAK SPACE}=1", "'\N{ZERO WIDTH NO-BREAK SPACE}=1"),
        ("\N{FULLWIDTH EQUALS SIGN}1", "'\N{FULLWIDTH EQUALS SIGN}1"),
        ("\N{FULLWIDTH PLUS SIGN}1", "'\N{FULLWIDTH PLUS SIGN}1"),
        ("\N{FULLWIDTH HYPHEN-MINUS}1", "'\N{FULLWIDTH HYPHEN-MINUS}1"),
        ("\N{FULLWIDTH COMMERCIAL AT}A1", "'\N{FULLWIDTH COMMERCIAL AT}A1"),
        ("\N{SMALL PLUS SIGN}1", "'\N{SMALL PLUS SIGN}1"),
        ("ward;=1+1", "ward;'=1+1"),
        ("ward; =1+1", "ward; '=1+1"),
        ("ward\n@x", "ward\n'@x"),
        ("9-5", "9-5"),
    ],
)
def test_a_text_cell_is_never_a_formula(text: str, cell: str) -> None:
    assert spreadsheet_text(text) == cell


@pytest.mark.parametrize("number", ["-58.10", "0", "12.5000", "1204"])
def test_a_number_stays_a_number(number: str) -> None:
    assert spreadsheet_number(number) == number


@pytest.mark.parametrize("text", ["-1+1", "=1", "1e5", "", "-", "\N{FULLWIDTH DIGIT ONE}"])
def test_what_is_no_plain_number_is_a_text(text: str) -> None:
    assert spreadsheet_number(text) == spreadsheet_text(text)


@given(TEXTS)
def test_a_guarded_text_keeps_every_character(text: str) -> None:
    assert spreadsheet_text(text).replace("'", "") == text.replace("'", "")
    assert not spreadsheet_text(text).startswith(("=", "+", "-", "@", "\t", "\r", " "))


@given(st.lists(st.lists(TEXTS, min_size=2, max_size=2), min_size=1))
def test_any_cell_comes_back(rows: list[list[str]]) -> None:
    assert list(csv.reader(io.StringIO(csv_text(rows).decode(), newline=""))) == rows


def test_lines_are_rows_and_totals_are_not() -> None:
    document = build(45, 3)
    rows = read(lines_csv.render(document))

    assert tuple(rows[0]) == lines_csv.COLUMNS
    assert len(rows) == 45
    assert sum(Decimal(row["amount"]) for row in rows) == Decimal(document.invoice.net) / 100
    assert rows[5]["amount"].startswith("-")
    assert rows[44]["section_name"] == "Lakeside Children's Clinic"
    assert {row["currency"] for row in rows} == {"USD"}


def test_a_line_with_a_formula_is_guarded() -> None:
    document = build(1, first_line={"description": "=cmd|' /C calc'!A0", "item": "@x", "unit": "+h", "section": "-s"})
    [row] = read(lines_csv.render(document))

    assert (row["description"], row["item"], row["unit"], row["section"], row["section_name"]) == (
        "'=cmd|' /C calc'!A0",
        "'@x",
        "'+h",
        "'-s",
        "'-s",
    )


def test_backup_rows_carry_names_and_decimal_amounts() -> None:
    document = build(7, rows_per_line=2, worker_names={"w-001": "=Bea"})
    rows = read(backup_csv.render(document))

    assert tuple(rows[0]) == backup_csv.COLUMNS
    assert [row["worker_name"] for row in rows[:2]] == ["'=Bea", ""]
    assert sum(Decimal(row["amount"]) for row in rows) == Decimal(document.invoice.net) / 100
    assert rows[10]["quantity"].startswith("-")
    assert rows[10]["exact"].startswith("-")


def test_a_backup_row_with_formulas_is_guarded_but_not_in_the_hashed_text() -> None:
    document = build(
        1, first_row={"note": "=1+1", "id": " x", "source": "+s", "exact": "-58.1000", "service_day": date(2026, 10, 2)}
    )
    [guarded, *_] = read(backup_csv.render(document))
    [plain, *_] = read(canonical_backup(document.backup))

    assert (guarded["note"], guarded["id"], guarded["source"], guarded["exact"]) == ("'=1+1", "' x", "'+s", "-58.1000")
    assert (plain["note"], plain["id"], plain["source"], plain["exact"]) == ("=1+1", " x", "+s", "-58.1000")


def test_the_hashed_text_is_plain_rfc_4180() -> None:
    document = build(
        1, rows_per_line=1, first_row={"note": 'said "no", then\rleft', "quantity": Decimals(725, 2), "amount": 59813}
    )
    header, row = canonical_backup(document.backup).decode().split("\n")[:2]

    assert header == ",".join(BACKUP_COLUMNS)
    assert '"said ""no"", then\rleft"' in row
    assert row.endswith(",59813")
    assert ",,0,base," not in row
    assert row.startswith("1,shift,,s-000100,0,base,2026-10-02,st-mary,w-001,")
