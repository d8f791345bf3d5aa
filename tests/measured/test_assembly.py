"""Lines that are made of other lines, and tax: by hand."""

from __future__ import annotations

from textwrap import dedent

from engine.ratebook.book import RuleBook
from tests.measured.books import acme, bill, book, lines, rows, usage

TERMS = """
    format: 1
    kind: terms
    declares:
      least: { type: amount }
      fee: { type: percent }
    terms:
      - { from: 2026-01-01, least: none, fee: 0% }
"""
TAXES = """
    format: 1
    kind: taxes
    order: net-rounded-first
    rounding: { per: PER, half: up }
    classes:
      - { tax-class: standard, inclusive: INCLUSIVE, taxes: [{ tax: VAT, rates: { 2026-01-01: 20%, 2026-10-16: 21% } }] }
      - { tax-class: reduced, taxes: [{ tax: VAT, rates: { 2026-01-01: 5% } }] }
"""


def assembled(text: str, more: str = "", **others: str) -> RuleBook:
    """The book with a file of kind assembly and more about the account."""
    head = "format: 1\nkind: assembly\n"
    return book({"rules/assembly.yaml": head + dedent(text), "rates/terms-default.yaml": TERMS, **acme(more), **others})


def taxes(per: str = "line", inclusive: str = "no") -> str:
    return TAXES.replace("PER", per).replace("INCLUSIVE", inclusive)


LIMIT = """
    limits:
      - { limit: least, over: month, at-least: { term: least }, item: UP, description: "{name}, {counted} of {limit}" }
"""
FEE = """
    fees:
      - { fee: service, item: SHARE, percent: { term: fee }, direction: deduct, base: BASE, description: "{name} of {percent}" }
"""
HUNDRED = usage("a", "PACKS", "2026-10-05T10:00", "2500")  # 25 x 4.00 = 100.00


def test_what_is_missing_to_an_agreed_minimum_is_a_line() -> None:
    rules = assembled(LIMIT, "terms:\n  - { from: 2026-01-01, least: 250.00 }\n")
    assert lines(bill(rules, usage=rows(HUNDRED)))[-1] == ("Minimum, 100.00 of 250.00", "1", "each", "150.00", "150.00")
    assert lines(bill(rules)) == [("Minimum, 0.00 of 250.00", "1", "each", "250.00", "250.00")]
    assert lines(bill(rules), "beta") == []


def test_a_minimum_waits_for_the_end_of_its_window_and_counts_what_was_billed_before() -> None:
    rules = assembled(LIMIT, "terms:\n  - { from: 2026-01-01, least: 250.00 }\n")
    later = usage("b", "PACKS", "2026-10-20T10:00", "500")
    assert [line[0] for line in lines(bill(rules, "2026-10-01..2026-10-12", usage=rows(HUNDRED, later)))] == ["Packs"]
    rest = lines(bill(rules, "2026-10-12..2026-11-01", usage=rows(HUNDRED, later)))
    assert rest == [("Packs", "5", "package", "4.00", "20.00"), ("Minimum, 120.00 of 250.00", "1", "each", "130.00", "130.00")]


def test_what_goes_beyond_a_maximum_is_taken_off() -> None:
    limit = LIMIT.replace("at-least: { term: least }", "at-most: 60.00")
    assert lines(bill(assembled(limit), usage=rows(HUNDRED)))[-1] == ("Minimum, 100.00 of 60.00", "-1", "each", "40.00", "-40.00")


def test_coupons_are_applied_in_their_order_and_only_on_their_days() -> None:
    """10 % of 100.00, then 25.00 of what is left; the first one only once."""
    coupons = """
        coupons:
          - { coupon: TEN, item: LESS, percent: 10%, from: 2026-10-01, to: 2027-01-01, once: yes }
          - { coupon: OFF, item: LESS, amount: 25.00, from: 2026-10-01 }
    """
    rules = book(acme(coupons))
    assert lines(bill(rules, usage=rows(HUNDRED)))[1:] == [
        ("Discount TEN", "-100.00", "of USD", "0.10", "-10.00"),
        ("Discount OFF", "-1", "each", "25.00", "-25.00"),
    ]
    november = usage("n", "PACKS", "2026-11-05T10:00", "300")
    assert lines(bill(rules, "2026-11", usage=rows(november)))[1:] == [("Discount OFF", "-1", "each", "12.00", "-12.00")]
    assert lines(bill(rules, "2026-09", usage=rows({**HUNDRED, "at": "2026-09-05T10:00"})))[1:] == []


def test_a_coupon_is_taken_off_what_earlier_ones_have_left_of_its_own_items() -> None:
    """Packs 100.00, a plan 31.00: 10 % of the packs, half of the plan, 10 % of the 90.00 left, 10 % of 81.00 + 15.50, all that is left."""
    more = """
        fees:
          - { fee: plan, item: PLAN, each: month, from: 2026-10-01 }
        coupons:
          - { coupon: ONE, item: LESS, percent: 10%, of: [PACKS], from: 2026-10-01 }
          - { coupon: TWO, item: LESS, percent: 50%, of: [PLAN], from: 2026-10-01 }
          - { coupon: THREE, item: LESS, percent: 10%, of: [PACKS], from: 2026-10-01 }
          - { coupon: FOUR, item: LESS, percent: 10%, from: 2026-10-01 }
          - { coupon: FIVE, item: LESS, percent: 100%, of: [PACKS, PLAN], from: 2026-10-01 }
    """
    found = bill(book(acme(more)), usage=rows(HUNDRED))
    assert [(line[0], line[1], line[4]) for line in lines(found)] == [
        ("Packs", "25", "100.00"), ("Plan", "1.000000", "31.00"), ("Discount ONE", "-100.00", "-10.00"), ("Discount TWO", "-31.00", "-15.50"),
        ("Discount THREE", "-90.00", "-9.00"), ("Discount FOUR", "-96.50", "-9.65"), ("Discount FIVE", "-86.85", "-86.85"),
    ]  # fmt: skip
    assert found.assembled[0].invoice.net == 0


def test_a_percentage_fee_comes_after_the_coupons_and_names_its_lines() -> None:
    """100.00 less 10 % is 90.00; 3.5 % of it is 3.15."""
    more = (
        "coupons:\n  - { coupon: TEN, item: LESS, percent: 10%, from: 2026-10-01 }\nterms:\n  - { from: 2026-01-01, fee: 3.5% }\n"
    )
    found = bill(assembled(FEE.replace("BASE", "invoice"), more), usage=rows(HUNDRED))
    assert lines(found)[-1] == ("Service fee of 3.5%", "-90.00", "of USD", "0.035", "-3.15")
    backup = found.assembled[0].backup
    assert backup.filter(backup["line"] == 3)["id"].to_list() == ["line 1", "line 2"]


def test_a_fee_on_the_period_is_shared_over_the_splits() -> None:
    """3.5 % of 100.00 + 33.33... in packs: 100.00 and 12.00 make 112.00, of it 3.92: 3.50 and 0.42."""
    more = "split: [po]\nterms:\n  - { from: 2026-01-01, fee: 3.5% }\n"
    rules = assembled(FEE.replace("BASE", "account-period"), more)
    found = bill(rules, usage=rows({**HUNDRED, "po": "P1"}, usage("b", "PACKS", "2026-10-06T10:00", "300", po="P2")))
    assert [each.invoice.split for each in found.assembled] == ["P1", "P2"]
    assert lines(found, split="P1") == [
        ("Packs", "25", "package", "4.00", "100.00"),
        ("Service fee of 3.5%", "-1", "each", "3.50", "-3.50"),
    ]
    assert lines(found, split="P2") == [
        ("Packs", "3", "package", "4.00", "12.00"),
        ("Service fee of 3.5%", "-1", "each", "0.42", "-0.42"),
    ]


def test_one_activity_is_paid_by_several_accounts_by_their_shares() -> None:
    """25 packages: 60 % and 40 %."""
    shares = """
        shares:
          - { share: both, site: acme, from: 2026-10-01, to: 2026-11-01, accounts: { acme: 60%, beta: 40% } }
    """
    found = bill(assembled(shares), usage=rows(HUNDRED))
    assert lines(found) == [("Packs", "15", "package", "4.00", "60.00")]
    assert lines(found, "beta") == [("Packs", "10", "package", "4.00", "40.00")]
    assert lines(bill(assembled(shares), "2026-10", ("beta",), usage=rows(HUNDRED)), "beta") == [
        ("Packs", "10", "package", "4.00", "40.00")
    ]
    assert lines(bill(assembled(shares), "2026-11", usage=rows({**HUNDRED, "at": "2026-11-05T10:00"})), "beta") == []


def test_amounts_per_row_group_rows_of_equal_amount() -> None:
    """Three rows of 0.0525 are 0.05 each, so 0.15 and not 0.16."""
    cells = [usage(f"r{n}", "FLAT", f"2026-10-0{n}T10:00", "420") for n in (1, 2, 3)]
    assert lines(bill(book(acme("amount: per-row\n")), usage=rows(*cells))) == [
        ("Calls to the API (420 unit)", "3", "usage", "0.05", "0.15")
    ]
    assert lines(bill(book(), usage=rows(*cells))) == [("Calls to the API", "1260", "unit", "0.000125", "0.16")]


def test_zero_lines_are_shown_or_hidden() -> None:
    stored = {"id": "s", "account": "acme", "item": "STORE", "day": "2026-10-05", "quantity": "4"}
    assert lines(bill(book(), storage=rows(stored))) == [("Storage, included", "4.000", "GB", "0.00", "0.00")]
    hidden = bill(assembled("zero-lines: hide\n"), storage=rows(stored), usage=rows(HUNDRED))
    assert lines(hidden) == [("Packs", "25", "package", "4.00", "100.00")]
    assert hidden.count("billed") == 2
    alone = bill(assembled("zero-lines: hide\n"), storage=rows(stored))
    assert lines(alone) == [("Storage, included", "4.000", "GB", "0.00", "0.00")]


def test_a_line_has_one_tax_rate_and_the_breakdown_adds_up() -> None:
    """2.05 at 20 % is 0.41; 4.10 at 21 % 0.861 -> 0.86; net is rounded before tax."""
    cells = [usage("a", "FLAT", "2026-10-05T10:00", "16400"), usage("b", "FLAT", "2026-10-20T10:00", "41000")]
    (one,) = bill(book({"rates/taxes.yaml": taxes()}), usage=rows(*cells)).assembled
    assert [(line.amount, line.tax_rate, line.tax) for line in one.invoice.lines] == [(410, "21%", 86), (205, "20%", 41)]
    assert [(tax.name, tax.rate, tax.base, tax.tax) for tax in one.invoice.taxes] == [
        ("VAT", "20%", 205, 41),
        ("VAT", "21%", 410, 86),
    ]
    assert (one.invoice.net, one.invoice.tax, one.invoice.total) == (615, 127, 742)


def test_rounding_per_line_and_per_category_differ_by_cents() -> None:
    """Two lines of 0.13 at 20 %: 0.03 + 0.03 per line, 0.052 -> 0.05 per category."""
    cells = [usage("a", "FLAT", "2026-10-05T10:00", "1040", po="1"), usage("b", "FLAT", "2026-10-06T10:00", "1040", po="2")]
    per = {
        name: bill(book({"rates/taxes.yaml": taxes(name)}), usage=rows(*cells)).assembled[0].invoice
        for name in ("line", "category")
    }
    assert (per["line"].tax, per["category"].tax) == (6, 5)
    assert [line.tax for line in per["category"].lines] == [3, 2]


def test_prices_can_include_their_tax() -> None:
    """12.00 with 20 % in it: 10.00 and 2.00."""
    packs = usage("a", "PACKS", "2026-10-05T10:00", "300")
    invoice = bill(book({"rates/taxes.yaml": taxes(inclusive="yes")}), usage=rows(packs)).assembled[0].invoice
    assert (invoice.net, invoice.tax, invoice.total) == (1000, 200, 1200)


def test_an_exempt_account_says_why() -> None:
    more = "tax: { exempt: reverse charge, from: 2026-01-01 }\n"
    invoice = bill(book({"rates/taxes.yaml": taxes(), **acme(more)}), usage=rows(HUNDRED)).assembled[0].invoice
    assert (invoice.tax, [(tax.rate, tax.reason) for tax in invoice.taxes]) == (0, [("0%", "reverse charge")])


def test_a_coupon_lowers_the_tax_of_what_it_is_taken_off() -> None:
    """Off 100.00 at 20 % and 40.00 at 5 %: 10.00 and 4.00, each in its class."""
    cells = {"id": "c", "account": "acme", "item": "COST", "at": "2026-10-05", "amount": "40.00"}
    plain = {"rates/cost.yaml": dedent("""
        format: 1
        kind: rate-table
        table: cost
        unit: each
        currency: USD
        model: pass-through
        key: [item]
        rates:
          - { item: COST, prices: { 2026-01-01: { percent: 0% } } }
    """)}  # fmt: skip
    more = "coupons:\n  - { coupon: TEN, item: LESS, percent: 10%, from: 2026-10-01 }\n"
    rules = book({"rates/taxes.yaml": taxes(), **plain, **acme(more)})
    invoice = bill(rules, usage=rows(HUNDRED), payment=rows(cells)).assembled[0].invoice
    assert [(tax.tax_class, tax.base, tax.tax) for tax in invoice.taxes] == [("reduced", 3600, 180), ("standard", 9000, 1800)]
