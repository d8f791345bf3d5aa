"""The hash of a book's meaning: no way of writing it down moves it; each value that can move an invoice does."""

import random

import pytest

from engine.ratebook import load
from engine.ratebook.book import Price, RateRow
from engine.ratebook.build import build
from engine.ratebook.load import Mapping, Node, Sequence
from engine.ratebook.meaning import form_of, row_text
from tests.sample_book import sample_files, sample_texts

MEANING = build(sample_files()).meaning
# Lists whose order says something: items and premiums by their place, rules where they fire in the order of the file.
ORDERED = ("items", "premiums", "rules")


def written(node: Node, chance: random.Random, key: str = "") -> str:
    """The node as YAML again, its maps and unordered lists shuffled, its texts quoted."""
    if isinstance(node, Mapping):
        entries = list(node.entries.items())
        chance.shuffle(entries)
        return "{" + ", ".join(f"{name}: {written(value, chance, name)}" for name, value in entries) + "}"
    if isinstance(node, Sequence):
        items = list(node.items)
        if key not in ORDERED:
            chance.shuffle(items)
        return "[" + ", ".join(written(item, chance) for item in items) + "]"
    return "'" + node.value.replace("'", "''") + "'"


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_rows_keys_and_files_and_comments_say_nothing(seed: int) -> None:
    chance = random.Random(seed)
    files = {}
    for number, (path, data) in enumerate(chance.sample(sorted(sample_files().items()), k=len(sample_files()))):
        node = load.read(path, data)
        assert not isinstance(node, list)
        files[f"{path.split('/')[0]}/{number}.yaml"] = f"# moved from {path}\n{written(node, chance)}\n".encode()

    assert build(files).meaning == MEANING


def test_a_table_may_be_split() -> None:
    text = sample_texts()["rates/geo-base.yaml"]
    head, rows = text.split("rates:\n")
    one, two = rows.split("  - geo: LA\n", 1)
    parts = {"rates/geo-base.yaml": f"{head}rates:\n{one}", "rates/la.yaml": f"{head}rates:\n  - geo: LA\n{two}"}

    assert build(sample_files(**parts)).meaning == MEANING


def test_windows_may_be_split() -> None:
    head, one, *more = sample_texts()["rules/segments.yaml"].split("  - ")
    parts = {"rules/segments.yaml": f"{head}  - {one}", "rules/z.yaml": head + "".join(f"  - {each}" for each in more)}

    assert build(sample_files(**parts)).meaning == MEANING


SILENT = [
    ("rates/geo-base.yaml", "reason: autumn review", "reason: late autumn review"),
    ("rates/geo-base.yaml", "approved: { by: m.lee, on: 2026-09-30, ref: FIN-1 }", "approved: { by: d.ortiz, on: 2026-09-29 }"),
    ("rates/geo-base.yaml", "      2027-01-01: { price: 99.00, status: expected }\n", ""),
    ("rates/geo-base.yaml", "      2027-01-01: { price: 99.00, status: expected }\n", "      2027-01-01: { price: 98.00, status: expected }\n"),
    ("rates/geo-base.yaml", "key: [geo, item]", "digits: 2\nkey: [item, geo]"),
    ("rates/accounts/beta.yaml", "price: 12.5,", "price: 12.50,"),
    ("rates/accounts/acme.yaml", "min-hours: 4h", "min-hours: 240min"),
    ("rates/terms-default.yaml", "half: up, per: punch }", "half: up, per: punch, breaks: yes, scheduled: no }"),
    ("rules/billable.yaml", "on: 2024-08-01\n  - name: Exactly", "on: 2024-08-02\n  - name: Exactly"),
    ("rules/billable.yaml", "answers: [worked, scheduled, fixed, none]", "answers: [none, worked, fixed, scheduled]"),
    ("rules/billable.yaml", "status: [completed, orientation]", "status: [orientation, completed]"),
    ("rules/formulas/percent-of-base.yaml", "    examples: [{ given: { base: 72.50, percent: 15 }, gives: 10.88 }]\n", ""),
]  # fmt: skip


@pytest.mark.parametrize(("path", "old", "new"), SILENT)
def test_reasons_examples_and_expected_prices_say_nothing(path: str, old: str, new: str) -> None:
    text = sample_texts()[path]
    assert old in text, "the sample has changed"

    assert build(sample_files(**{path: text.replace(old, new, 1)})).meaning == MEANING


LOUD = [
    ("rates/geo-base.yaml", "72.55", "72.56"),
    ("rates/geo-base.yaml", "2026-10-15: 72.55", "2026-10-14: 72.55"),
    ("rates/geo-base.yaml", "82.00,", "ended,"),
    ("rates/geo-base.yaml", "key: [geo, item]", "digits: 3\nkey: [geo, item]"),
    ("rates/differentials.yaml", "2024-01-01: 15 ", "2024-01-01: 15.5 "),
    ("rates/accounts/acme.yaml", "zone: America/New_York", "zone: America/Toronto"),
    ("rates/accounts/acme.yaml", "2025-07-01: LA", "2025-07-02: LA"),
    ("rates/accounts/acme.yaml", "site: acme-east\n    from", "site: acme-west\n    from"),
    ("rates/accounts/acme.yaml", "    to: 2026-10-16\n", ""),
    ("rates/accounts/acme.yaml", "price: 96.00", "price: 96.50"),
    ("rates/accounts/acme.yaml", "override: icu-surge", "override: icu-surge-2"),
    ("rates/accounts/acme.yaml", "min-hours: 4h", "min-hours: 3h"),
    ("rates/accounts/beta.yaml", "hours: wall", "hours: elapsed"),
    ("rates/accounts/beta.yaml", "per: interval", "per: punch"),
    ("rates/terms-default.yaml", "half: up", "half: even"),
    ("rates/terms-default.yaml", "length: 30min", "length: 45min"),
    ("rates/terms-default.yaml", "unplaced: middle", "unplaced: end"),
    ("rates/terms-default.yaml", "approval: required", "approval: not-needed"),
    ("rules/calendar.yaml", "price-at: segment", "price-at: start"),
    ("rules/rounding.yaml", "digits: 2", "digits: 3"),
    ("rules/rounding.yaml", "amount: { half: up }", "amount: { half: even }"),
    ("rules/items.yaml", "name: Orientation", "name: Training"),
    ("rules/items.yaml", "name: Orientation, price: geo-base, tax-class: exempt", "name: Orientation, price: geo-base, tax-class: full"),
    ("rules/lines.yaml", "late cancellation", "cancelled late"),
    ("rules/lines.yaml", "subject: Staffing services", "subject: Nursing"),
    ("rules/activity/shift.yaml", "grid: 1min", "grid: 5min"),
    ("rules/activity/shift.yaml", "maximum: 24h", "maximum: 16h"),
    ("rules/activity/shift.yaml", "overlap: hold", "overlap: accept"),
    ("rules/activity/shift.yaml", "column: charge_nurse, type: yes-no, default: no", "column: charge_nurse, type: yes-no, default: yes"),
    ("rules/segments.yaml", "to: monday 07:30", "to: monday 07:00"),
    ("rules/segments.yaml", "day: actual", "day: observed"),
    ("rules/holidays.yaml", "actual: 2026-07-04", "actual: 2026-07-05"),
    ("rules/holidays.yaml", "to: 2028-01-01", "to: 2027-01-01"),
    ("rules/billable.yaml", "round-up: 15min", "round-up: 30min"),
    ("rules/billable.yaml", "share: 1/2", "share: 2/3"),
    ("rules/billable.yaml", "    overrides: [cancelled-late]\n", "    overrides: [cancelled-default]\n"),
    ("rules/billable.yaml", "id: no-show", "id: not-there"),
    ("rules/item.yaml", "if-nothing-matches: as-worked", "if-nothing-matches: ORIENT"),
    ("rules/premiums-that-apply.yaml", "charge_nurse: yes, status: completed }, then", "charge_nurse: yes }, then"),
    ("rules/premiums-that-apply.yaml", "{ in: night }", "{ starts-in: night }"),
    ("rules/premiums.yaml", "shown: own-line", "shown: in-price"),
    ("rules/premiums.yaml", "name: charge nurse", "name: charge"),
    ("rules/formulas/percent-of-base.yaml", "3.50)", "3.60)"),
    ("rules/formulas/percent-of-base.yaml", "formula: base * percent / 100", "formula: percent * base / 100"),
    ("rules/formulas/percent-of-base.yaml", "at-most: 1000.00", "at-most: 2000.00"),
    ("rules/formulas/flat.yaml", "round: { digits: 2", "round: { digits: 4"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "old", "new"), LOUD)
def test_each_value_that_can_move_an_invoice_moves_it(path: str, old: str, new: str) -> None:
    text = sample_texts()[path]
    assert old in text, "the sample has changed"

    assert build(sample_files(**{path: text.replace(old, new, 1)})).meaning != MEANING


@pytest.mark.parametrize("path", ["rules/items.yaml", "rules/premiums.yaml", "rules/billable.yaml"])
def test_the_order_of_items_premiums_and_rules_is_meaning(path: str) -> None:
    head, first, second, *more = sample_texts()[path].split("\n  - ")
    swapped = "\n  - ".join([head, second, first, *more])

    assert build(sample_files(**{path: swapped})).meaning != MEANING


def test_no_two_of_these_books_mean_the_same() -> None:
    texts = sample_texts()
    meanings = [build(sample_files(**{path: texts[path].replace(old, new, 1)})).meaning for path, old, new in LOUD[:20]]

    assert len(set(meanings)) == len(meanings)


def test_a_row_is_written_as_any_other_value() -> None:
    """It has a function of its own, which a new field of a row or a price must not slip past."""
    text = sample_texts()["rates/geo-base.yaml"].replace("2026-10-15: 72.55", "2026-10-15: ended")
    rows = [row for table in build(sample_files(**{"rates/geo-base.yaml": text})).tables.values() for row in table.rows.values()]
    row, price = form_of(RateRow), form_of(Price)
    assert row is not None
    assert price is not None

    assert any(each.value is None for row_ in rows for each in row_.prices)
    assert [row_text(each) for each in rows] == [row.text(each) for each in rows]
    assert all(price.text(each) in row_text(row_) for row_ in rows for each in row_.prices)
