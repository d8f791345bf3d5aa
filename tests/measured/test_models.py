"""Each pricing model billed by hand."""

from __future__ import annotations

import pytest

from engine.bulk.pricing import NoRateError
from tests.measured import books
from tests.measured.books import acme, bill, book, lines, rows, usage


def test_a_price_per_unit_changes_on_its_day_and_may_be_smaller_than_a_cent() -> None:
    """100,000 x 0.000125 = 12.50; from the 16th 50,000 x 0.000100 = 5.00."""
    found = bill(
        book(), usage=rows(usage("a", "FLAT", "2026-10-15T23:59", "100000"), usage("b", "FLAT", "2026-10-16T00:00", "50000"))
    )
    assert lines(found) == [
        ("Calls to the API", "50000", "unit", "0.000100", "5.00"),
        ("Calls to the API", "100000", "unit", "0.000125", "12.50"),
    ]


def test_tiers_are_cut_where_the_sum_crosses_a_bound_and_their_fees_come_once() -> None:
    """90 by the 12th, then 50: 100 x 1.00 + 40 x 0.80 = 132.00, and both fees."""
    found = bill(
        book(), usage=rows(usage("a", "TIERED", "2026-10-05T10:00", "90"), usage("b", "TIERED", "2026-10-20T10:00", "50"))
    )
    assert lines(found) == [
        ("Tiered, 0 to 100", "100", "unit", "1.00", "100.00"),
        ("Tiered, 100 to on", "40", "unit", "0.80", "32.00"),
        ("Tiered, fee of the tier from 0", "1", "each", "5.00", "5.00"),
        ("Tiered, fee of the tier from 100", "1", "each", "9.00", "9.00"),
    ]


def test_a_tier_goes_on_over_an_early_close() -> None:
    """90.00 by the 12th; then 10 x 1.00 + 40 x 0.80 = 42.00, and the fees with the end of the window."""
    activity = rows(usage("a", "TIERED", "2026-10-05T10:00", "90"), usage("b", "TIERED", "2026-10-20T10:00", "50"))
    early = bill(book(), "2026-10-01..2026-10-12", usage=activity)
    rest = bill(book(), "2026-10-12..2026-11-01", usage=activity)
    assert lines(early) == [("Tiered, 0 to 100", "90", "unit", "1.00", "90.00")]
    assert [line[4] for line in lines(rest)] == ["10.00", "32.00", "5.00", "9.00"]


def test_volume_prices_everything_at_the_tier_of_the_whole_when_the_window_ends() -> None:
    """140 x 0.80 = 112.00 and a fee of 3.00; nothing at an early close."""
    activity = rows(usage("a", "VOLUME", "2026-10-05T10:00", "90"), usage("b", "VOLUME", "2026-10-20T10:00", "50"))
    assert lines(bill(book(), "2026-10-01..2026-10-12", usage=activity)) == []
    assert lines(bill(book(), "2026-10-12..2026-11-01", usage=activity)) == [
        ("Volume, 100 to on", "140", "unit", "0.80", "112.00"),
        ("Volume, fee of the tier from 100", "1", "each", "3.00", "3.00"),
    ]


def test_started_packages_are_charged_whole() -> None:
    """250 in packages of 100: 3 x 4.00."""
    found = bill(
        book(), usage=rows(usage("a", "PACKS", "2026-10-05T10:00", "120"), usage("b", "PACKS", "2026-10-20T10:00", "130"))
    )
    assert lines(found) == [("Packs", "3", "package", "4.00", "12.00")]


def test_an_allowance_comes_before_its_overage_and_events_roll_up() -> None:
    """12.5 GB, of which 10 are included: 2.5 x 0.25 = 0.63."""
    cells = [{"id": f"{n}", "account": "acme", "item": "STORE", "day": "2026-10-05", "quantity": "2.5"} for n in range(5)]
    found = bill(book(), storage=rows(*cells))
    assert lines(found) == [
        ("Storage, beyond the allowance", "2.500", "GB", "0.25", "0.63"),
        ("Storage, included", "10.000", "GB", "0.00", "0.00"),
    ]
    assert found.count("billed") == 5
    assert found.assembled[0].backup["note"].to_list() == ["5 rows", "5 rows"]


def test_a_percentage_has_a_least_a_most_and_a_fee_for_each() -> None:
    """2.9 % of 100.00 is 2.90; of 5.00 the least, 0.50; of 1,000.00 the most, 20.00; and 0.30 each."""
    cells = [
        {"id": n, "account": "acme", "item": "CARD", "at": "2026-10-05", "amount": a}
        for n, a in (("a", "100.00"), ("b", "5.00"), ("c", "1000.00"))
    ]
    assert lines(bill(book(), payment=rows(*cells))) == [
        ("Card payments", "100.00", "of USD", "0.029", "2.90"),
        ("Card payments, connection", "3", "each", "0.30", "0.90"),
        ("Card payments, maximum", "1", "each", "20.00", "20.00"),
        ("Card payments, minimum", "1", "each", "0.50", "0.50"),
    ]


def test_an_external_cost_is_passed_on_with_a_markup_and_its_receipt() -> None:
    """40.00 and 10 % of it."""
    cell = {"id": "a", "account": "acme", "item": "COST", "at": "2026-10-05", "amount": "40.00", "receipt": "R-7"}
    found = bill(book(), payment=rows(cell))
    assert lines(found) == [("Courier", "1", "each", "40.00", "40.00"), ("Courier, handling", "40.00", "of USD", "0.10", "4.00")]
    assert [line.refs for line in found.assembled[0].invoice.lines] == [(("receipt", "R-7"),)] * 2


def call(id_: str, item: str, start: str, seconds: str) -> dict[str, str]:
    return {"id": id_, "account": "acme", "item": item, "start": start, "seconds": seconds}


def test_a_call_costs_its_connection_and_started_steps() -> None:
    """125 s in 60/6: 60 + 11 x 6 = 126 s = 2.1 min x 0.12 = 0.252; 20 s: 1 min; 0 s: nothing."""
    found = bill(
        book(),
        call=rows(
            call("a", "CALL", "2026-10-05T10:00:01", "125"),
            call("b", "CALL", "2026-10-05T11:00", "20"),
            call("c", "CALL", "2026-10-05T12:00", "0"),
        ),
    )
    assert lines(found) == [("Call", "3.1000", "minute", "0.1200", "0.37"), ("Call, connection", "2", "each", "0.0500", "0.10")]


def test_an_event_is_split_where_windows_begin_and_end() -> None:
    """Friday 21:30 to Saturday 06:30: half an hour at 0.20, eight at 0.06, half of one at 0.10 (weekend)."""
    found = bill(book(), call=rows(call("a", "TALK", "2026-10-09T21:30", "32400")))
    assert lines(found) == [
        ("Talk", "30.0000", "minute", "0.20", "6.00"),
        ("Talk, night", "480.0000", "minute", "0.06", "28.80"),
        ("Talk, weekend", "30.0000", "minute", "0.10", "3.00"),
    ]


def test_a_price_can_be_the_product_of_several_tables() -> None:
    """0.5000 x 1.25 x 1.031 = 0.644375 -> 0.6444; 10 of it are 6.44."""
    assert lines(bill(book(), usage=rows(usage("a", "FACTORED", "2026-10-05T10:00", "10")))) == [
        ("Factored", "10", "unit", "0.6444", "6.44")
    ]


def test_a_payout_is_paid_to_the_account() -> None:
    """3 x 2.00 the other way."""
    assert lines(bill(book(), usage=rows(usage("a", "OUT", "2026-10-05T10:00", "3")))) == [
        ("Payout", "-3", "unit", "2.00", "-6.00")
    ]


def test_tiers_packages_and_allowances_of_payouts_count_what_was_used() -> None:
    """140: 100 x 1.00 + 40 x 0.80 and both fees, 115.00 of the volume, 2 packages, 40 beyond 100; all of it paid to the account."""
    paid = {
        f"rates/{name}.yaml": books._FILES[f"rates/{name}.yaml"].partition("        examples:")[0]
        .replace("currency: USD", "currency: USD\n        direction: payout")
        for name in ("tiered", "volume", "packs", "out")
    }  # fmt: skip
    paid["rates/out.yaml"] = books._FILES["rates/out.yaml"].partition("        examples:")[0].replace(
        "2026-01-01: 2.00", "2026-01-01: { price: 2.00, allowance: 100 unit }"
    ).replace("key:", "over: month\n        key:")  # fmt: skip
    items = ("TIERED", "VOLUME", "PACKS", "OUT")
    found = bill(book(paid), usage=rows(*(usage(item, item, "2026-10-05T10:00", "140") for item in items)))
    assert [line[:2] + line[3:] for line in lines(found)] == [
        ("Tiered, 0 to 100", "-100", "1.00", "-100.00"),
        ("Tiered, 100 to on", "-40", "0.80", "-32.00"),
        ("Tiered, fee of the tier from 0", "-1", "5.00", "-5.00"),
        ("Tiered, fee of the tier from 100", "-1", "9.00", "-9.00"),
        ("Volume, 100 to on", "-140", "0.80", "-112.00"),
        ("Volume, fee of the tier from 100", "-1", "3.00", "-3.00"),
        ("Packs", "-2", "4.00", "-8.00"),
        ("Payout, beyond the allowance", "-40", "2.00", "-80.00"),
        ("Payout, included", "-100", "0.00", "0.00"),
    ]


def test_an_allowance_that_is_a_term_is_that_of_each_window() -> None:
    """10 GB are included in September and 100 from October on; September's rows are read, too."""
    term = (
        books._FILES["rates/store.yaml"]
        .replace("allowance: 10 GB", "allowance: { term: included }")
        .partition("        examples:")[0]
    )
    default = "format: 1\nkind: terms\ndeclares: { included: { type: number } }\nterms: [{ from: 2026-01-01, included: 10 }]\n"
    agreed = acme("terms:\n  - { from: 2026-10-01, included: 100 }\n")
    rules = book({"rates/store.yaml": term, "rates/terms-default.yaml": default, **agreed})
    cells = [
        {"id": day, "account": "acme", "item": "STORE", "day": day, "quantity": "50"} for day in ("2026-09-05", "2026-10-05")
    ]
    assert [line[1:] for line in lines(bill(rules, storage=rows(*cells)))] == [("50.000", "GB", "0.00", "0.00")]
    assert lines(bill(rules, "2026-09", storage=rows(*cells)))[0][1:] == ("40.000", "GB", "0.25", "10.00")


def test_rows_of_earlier_windows_need_no_price() -> None:
    """The first price is of 2026; December's rows do not stop January, and January's count in January alone."""
    before = usage("a", "TIERED", "2025-12-05T10:00", "90")
    assert lines(bill(book(), "2026-01", usage=rows(before, usage("b", "TIERED", "2026-01-05T10:00", "50"))))[0][4] == "50.00"
    with pytest.raises(NoRateError):
        bill(book(), "2025-12", usage=rows(before))


def test_what_is_given_back_before_anything_was_used_is_below_the_first_tier() -> None:
    """-5 and then 15: 10 x 1.00."""
    kind = books._FILES["rules/activity/usage.yaml"].replace("unit: unit\n", "unit: unit\n        negative: yes\n")
    rules = book({"rules/activity/usage.yaml": kind})
    back, used = usage("a", "TIERED", "2026-10-05T10:00", "-5"), usage("b", "TIERED", "2026-10-06T10:00", "15")
    assert lines(bill(rules, usage=rows(back, used)))[0] == ("Tiered, 0 to 100", "10", "unit", "1.00", "10.00")
    assert [line[4] for line in lines(bill(rules, usage=rows(back)))] == ["0.00", "5.00"]


def test_lines_made_elsewhere_are_taken_as_they_are() -> None:
    """With their amounts, references and texts."""
    cells = [
        {
            "id": "x1",
            "account": "acme",
            "item": "OWN",
            "day": "2026-10-05",
            "amount": "12.34",
            "description": "Made elsewhere",
            "external": "E-1",
        },
        {
            "id": "x2",
            "account": "acme",
            "item": "OWN",
            "day": "2026-10-06",
            "amount": "-2.00",
            "description": "Given back",
            "external": "E-2",
        },
    ]
    found = bill(book(), line=rows(*cells))
    assert lines(found) == [("Given back", "-1", "each", "2.00", "-2.00"), ("Made elsewhere", "1", "each", "12.34", "12.34")]
    assert {line.origin for line in found.assembled[0].invoice.lines} == {"external"}


def test_fees_are_prorated_by_day_when_they_start_stop_or_change() -> None:
    """From 16 October: 16 of 31 days of 31.00 is 16.00. December has another price from the 11th: 10/31 x 31.00 + 21/31 x 62.00."""
    fees = """
        fees:
          - { fee: plan, item: PLAN, each: month, from: 2026-10-16, to: 2027-01-01 }
    """
    rules = book(acme(fees))
    assert lines(bill(rules)) == [("Plan", "0.516129", "month", "31.00", "16.00")]
    assert lines(bill(rules, "2026-11")) == [("Plan", "1.000000", "month", "31.00", "31.00")]
    assert lines(bill(rules, "2026-12")) == [
        ("Plan", "0.322581", "month", "31.00", "10.00"),
        ("Plan", "0.677419", "month", "62.00", "42.00"),
    ]
    assert lines(bill(rules, "2027-01")) == []


def test_fees_of_one_item_share_a_line_that_lists_what_they_are_for() -> None:
    """Two numbers, 2 x 3.10."""
    fees = """
        fees:
          - { fee: one, item: NUMBER, each: month, from: 2026-01-01, of: "442079460001" }
          - { fee: two, item: NUMBER, each: month, from: 2026-01-01, of: "442079460002" }
    """
    assert lines(bill(book(acme(fees)))) == [("Numbers: 442079460001, 442079460002", "2.000000", "month", "3.10", "6.20")]


def test_a_cycle_that_begins_on_the_31st_begins_on_the_last_day_of_shorter_months() -> None:
    """Anchored to 31 August: a cycle begins on 30 September, and one on 31 October."""
    fees = """
        fees:
          - { fee: plan, item: PLAN, each: month, from: 2026-08-31, anchor: 2026-08-31 }
    """
    rules = book(acme(fees))
    assert bill(rules, "2026-09").assembled[0].backup["id"].to_list() == ["acme/plan/2026-09-30"]
    assert bill(rules, "2026-10").assembled[0].backup["id"].to_list() == ["acme/plan/2026-10-31"]


def fee(text: str, period: str) -> list[tuple[str, str, str]]:
    """Quantity, price and amount of the lines that one fee makes in a period."""
    return [line[1:2] + line[3:] for line in lines(bill(book(acme(f"fees:\n  - {{ fee: f, {text} }}\n")), period))]


def test_a_fee_of_each_day_is_charged_on_its_days() -> None:
    """30 and 31 October; every ten days from 25 September on: 5, 15 and 25 October."""
    assert fee("item: NUMBER, each: day, from: 2026-10-30, to: 2026-12-03", "2026-10") == [("2.000000", "3.10", "6.20")]
    assert fee("item: NUMBER, each: day, from: 2026-10-30, to: 2026-12-03", "2026-12") == [("2.000000", "3.10", "6.20")]
    assert fee("item: NUMBER, each: day, every: 10, from: 2026-09-25", "2026-10") == [("3.000000", "3.10", "9.30")]


def test_a_fee_of_weeks_begins_on_mondays_and_is_prorated() -> None:
    """From Wednesday 7 October: 5/7 of that week, then those of 12, 19 and 26 October; of two weeks 12/14 from 5 October, and 19 October."""
    assert fee("item: NUMBER, each: week, from: 2026-10-07", "2026-10") == [("3.714286", "3.10", "11.51")]
    assert fee("item: NUMBER, each: week, every: 2, from: 2026-10-07", "2026-10") == [("1.857143", "3.10", "5.76")]


def test_a_fee_of_years_anchored_to_29_february_begins_on_the_28th_of_other_years() -> None:
    """28 February 2026 to 2027 are 365 days: 57 from 15 October until the price changes, 79 after."""
    yearly = "item: PLAN, each: year, from: 2026-10-15, anchor: 2024-02-29"
    assert fee(yearly, "2026-10") == [("0.156165", "31.00", "4.84")]
    assert fee(yearly, "2026-12") == [("0.216438", "62.00", "13.42")]
    assert fee(yearly, "2027-02") == [("1.000000", "62.00", "62.00")]


def test_a_fee_of_every_third_month_is_whole_where_it_is_not_prorated() -> None:
    """Anchored to 30 November: one from 30 August, started on 1 October; the next on 30 November, then on 28 February."""
    quarterly = "item: NUMBER, each: month, every: 3, from: 2026-10-01, anchor: 2026-11-30, prorate: no"
    assert [len(fee(quarterly, f"2026-{month}")) for month in (10, 11, 12)] == [1, 1, 0]
    assert fee(quarterly, "2027-02") == [("1.000000", "3.10", "3.10")]


def test_a_fee_stops_on_its_last_day_and_one_that_comes_once_comes_once() -> None:
    """10 of 31 days."""
    assert fee("item: PLAN, each: month, from: 2026-08-01, to: 2026-10-11", "2026-10") == [("0.322581", "31.00", "10.00")]
    assert fee("item: PLAN, each: month, from: 2026-08-01, to: 2026-10-11", "2026-11") == []
    assert fee("item: PLAN, each: once, from: 2026-10-31, quantity: 2", "2026-10") == [("2.000000", "31.00", "62.00")]
    assert fee("item: PLAN, each: once, from: 2026-10-31, quantity: 2", "2026-11") == []
