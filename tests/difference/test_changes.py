"""What a difference says: prices over time and what shields them, terms, rules with cases, formulas in figures, everything else in words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from engine.ratebook.book import RuleBook
from engine.ratebook.build import build
from engine.ratebook.changes import Case, Change, Difference, Stretch
from engine.ratebook.difference import difference, difference_on
from engine.ratebook.price_changes import charged_on
from tests.sample_book import sample_texts

GEO, ACME, BETA, BILLABLE = "rates/geo-base.yaml", "rates/accounts/acme.yaml", "rates/accounts/beta.yaml", "rules/billable.yaml"
PERCENT = "rules/formulas/percent-of-base.yaml"


def book(*edits: tuple[str, str, str]) -> RuleBook:
    """The sample book with texts replaced in its files; each must be there."""
    texts = sample_texts()
    for path, old, new in edits:
        assert old in texts[path], f"{path} has no {old!r}"
        texts[path] = texts[path].replace(old, new)
    return build({path: text.encode() for path, text in texts.items()})


def changes(*edits: tuple[str, str, str]) -> Mapping[str, Change]:
    """What edits of the sample book change, by id."""
    return {each.id: each for each in difference(book(), book(*edits)).changes}


def only(*edits: tuple[str, str, str]) -> Change:
    """The one change that edits make."""
    [found] = changes(*edits).values()
    return found


# --- prices


def test_a_price_that_is_edited_differs_until_the_next_one() -> None:
    """geo-base:LA/ICU is 80.00 from 2024-01-01 and 82.00 from 2026-10-20."""
    found = only((GEO, "2024-01-01: 80.00", "2024-01-01: 81.00"))

    assert (found.what, found.id) == ("price", "geo-base:LA/ICU")
    assert found.stretches == (Stretch(date(2024, 1, 1), date(2026, 10, 20), "80.00", "81.00"),)
    assert found.stretches[0].percent == "+1.3%"


def test_a_price_that_is_added_names_its_own_line_and_approval() -> None:
    found = only((GEO, "      2027-01-01: { price: 99.00, status: expected }", "      2026-12-01: { price: 84.00, reason: more, approved: { by: a.b, on: 2026-11-01, ref: FIN-9 } }\n      2027-01-01: { price: 99.00, status: expected }"))  # fmt: skip

    assert found.stretches == (Stretch(date(2026, 12, 1), None, "82.00", "84.00"),)
    assert (found.provenance.by, found.provenance.ref) == ("a.b", "FIN-9")
    assert found.after is not None
    assert (
        sample_texts()[GEO].splitlines()[found.after.line - 1].strip().startswith("2027-01-01")
    )  # the line that the new one takes


def test_the_same_price_written_with_other_digits_is_a_change_of_no_figure() -> None:
    found = only((GEO, "2024-01-01: 33.00", "2024-01-01: 34.00"), (GEO, "2024-01-01: 34.00", "2024-01-01: 33.10"))

    assert [(each.before, each.after) for each in found.stretches] == [("33.00", "33.10")]


def test_an_expected_price_is_not_in_force_and_no_change() -> None:
    assert changes((GEO, "price: 99.00", "price: 98.00")) == {}


def test_a_change_that_an_override_shields_says_so() -> None:
    """acme:icu-surge holds at acme-east from 2026-10-01 to 2026-10-16 instead of NYC/ICU."""
    nyc = next(line for line in sample_texts()[GEO].splitlines() if "ICU" in line or "78" in line)
    table = book().tables["geo-base"]
    price = table.rows["NYC", "ICU"].prices[-1]
    found = only((GEO, f"{price.start}: {price.value}", f"{price.start}: 179.00"))

    assert nyc
    assert [(each.by, each.sites, each.start, each.end) for each in found.shields] == [
        ("acme:icu-surge", ("acme-east",), date(2026, 10, 1), date(2026, 10, 16))
    ]


def test_an_override_that_ends_later_differs_on_those_days() -> None:
    found = only((ACME, "to: 2026-10-16", "to: 2026-11-01"))

    assert [(each.start, each.end, each.before) for each in found.stretches] == [(date(2026, 10, 16), date(2026, 11, 1), None)]
    assert found.stretches[0].after == "96.00, item ICU, site acme-east, table geo-base"


def test_what_is_charged_is_the_override_where_there_is_one() -> None:
    one, other = (charged_on(book(), "acme-east", "ICU", day) for day in (date(2026, 10, 15), date(2026, 10, 16)))
    west = charged_on(book(), "acme-west", "ICU", date(2026, 10, 15))

    assert one is not None
    assert other is not None
    assert west is not None
    assert (one.price, one.by, other.by, west.by) == ("96.00", "acme:icu-surge", "geo-base:NYC/ICU", "geo-base:LA/ICU")


def test_what_is_charged_differs_on_both_sides_of_an_override_alone() -> None:
    price = book().tables["geo-base"].rows["NYC", "ICU"].prices[-1]
    found = difference(book(), book((GEO, f"{price.start}: {price.value}", f"{price.start}: 179.00")), charged=True)

    east = next(each for each in found.changes if each.id == "acme-east/ICU")
    assert [(each.start, each.end, each.before, each.after) for each in east.stretches] == [
        (price.start, date(2026, 10, 1), str(price.value), "179.00"),
        (date(2026, 10, 16), None, str(price.value), "179.00"),
    ]


def test_a_price_that_is_said_anew_reaches_the_days_around_it_and_cuts() -> None:
    """80.00 from 2024-01-01 is said again from 2025-06-01: no figure differs, but shifts over that midnight are cut."""
    found = only((GEO, "2024-01-01: 80.00", "2024-01-01: 80.00\n      2025-06-01: 80.00"))

    assert found.stretches == ()
    assert (found.reach.start, found.reach.end, found.reach.price_only) == (date(2025, 5, 28), date(2025, 6, 2), False)


@pytest.mark.parametrize(
    ("before", "after", "percent"),
    [
        ("65.50", "68.00", "+3.8%"),
        ("68.00", "65.50", "-3.7%"),
        ("1000.00", "1000.01", "+0.001%"),
        ("0.00", "1.00", None),
        ("none", "1.00", None),
    ],
)
def test_percentages_are_exact(before: str, after: str, percent: str | None) -> None:
    assert Stretch(None, None, before, after).percent == percent


# --- terms and the rest in words


def test_a_term_differs_at_its_level_from_its_day() -> None:
    found = only((ACME, "min-hours: 4h", "min-hours: 3h"))

    assert (found.what, found.id) == ("term", "acme-west/min-hours")
    assert found.stretches == (Stretch(date(2024, 1, 1), None, "4h", "3h"),)
    assert found.reach.sites == frozenset({"acme-west"})


@pytest.mark.parametrize(
    ("path", "old", "new", "what", "id_", "before", "after"),
    [
        ("rules/calendar.yaml", "price-at: segment", "price-at: start", "calendar", "calendar", "price-at segment", "price-at start"),
        ("rules/rounding.yaml", "digits: 2", "digits: 3", "rounding", "rounding", "quantity hour 2, up", "quantity hour 3, up"),
        ("rules/items.yaml", "name: Orientation", "name: First day", "item", "ORIENT", "name Orientation", "name First day"),
        ("rules/lines.yaml", "subject: Staffing services", "subject: Nurses", "text", "subject", "Staffing services", "Nurses"),
        ("rules/segments.yaml", "from: 19:00, to: 07:00", "from: 18:00, to: 07:00", "window", "night", "each day from 19:00 to 07:00",
         "each day from 18:00 to 07:00"),
        (ACME, "2025-07-01: LA", "2025-08-01: LA", "geo", "acme-west", "LA", "NYC"),
        (ACME, "zone: America/New_York", "zone: America/Chicago", "site", "acme-east", "zone America/New_York", "zone America/Chicago"),
        ("rules/premiums.yaml", "name: night, shown: in-price", "name: night, shown: own-line", "premium", "night", "shown in-price", "shown own-line"),
        ("rules/holidays.yaml", "actual: 2026-07-04, observed: 2026-07-03", "actual: 2026-07-04, observed: 2026-07-04", "holidays", "us",
         "independence-day 2026 2026-07-04, observed 2026-07-03", "independence-day 2026 2026-07-04"),
        ("rules/activity/shift.yaml", "maximum: 24h", "maximum: 16h", "kind", "shift", "maximum 24h", "maximum 16h"),
        ("rates/terms-default.yaml", "break: { after: 6h, length: 30min, unplaced: middle }", "break: none", "term", "default/break",
         "30min after 6h, placed middle", "none"),
        (BETA, "price: 12.5, unit: percent", "price: 10, unit: percent", "override", "beta:night-deal", "12.50%", "10.00%"),
    ],
)  # fmt: skip
def test_an_edit_is_told_in_the_words_of_its_file(
    path: str, old: str, new: str, what: str, id_: str, before: str, after: str
) -> None:
    found = only((path, old, new))

    assert (found.what, found.id) == (what, id_)
    assert [(each.before, each.after) for each in found.stretches] == [(before, after)]


def test_the_order_of_items_and_premiums_is_a_change() -> None:
    rn, icu = ("  - { item: RN, name: Registered nurse, price: geo-base, tax-class: exempt }\n", '  - { item: ICU, name: "Registered nurse, intensive care", price: geo-base, tax-class: exempt }\n')  # fmt: skip

    assert only(("rules/items.yaml", rn + icu, icu + rn)).what == "order"


# --- rules


def test_a_rule_that_answers_otherwise_comes_with_a_case_of_both_answers() -> None:
    found = only((BILLABLE, "when: { status: no-show }\n    then: none", "when: { status: no-show }\n    then: { fixed: 1h }"))

    assert found.id == "billable/no-show"
    [case] = found.cases
    assert dict(case.given) == {"status": "no-show"}
    assert (case.before, case.after) == ("none", "fixed 1h")
    assert (case.rules_before, case.rules_after) == (("no-show",), ("no-show",))


def test_a_bound_that_moves_gives_a_case_between_the_two() -> None:
    """A fixed bound of 24 h becomes one of 12 h: 12 h to 24 h are decided otherwise."""
    before = book((BILLABLE, "notice: { less-than: { term: cancel-notice } }", "notice: { less-than: 24h }"))
    after = book((BILLABLE, "notice: { less-than: { term: cancel-notice } }", "notice: { less-than: 12h }"))
    cases = [case for change in difference(before, after).changes for case in change.cases]

    assert {(case.before, case.after) for case in cases} == {("fixed term cancel-hours", "none")}
    for case in cases:
        hours = int(dict(case.given)["notice"].removesuffix("h"))
        assert 12 <= hours < 24
        assert case.on == date(2024, 7, 1)


def test_a_rule_that_is_dated_otherwise_differs_on_those_days() -> None:
    found = only((BILLABLE, "from: 2024-07-01", "from: 2024-08-01"))

    assert [(each.start, each.end, each.after) for each in found.stretches] == [(date(2024, 7, 1), date(2024, 8, 1), None)]
    assert {case.on for case in found.cases} == {date(2024, 7, 1)}


def test_rules_that_come_to_the_same_have_no_case() -> None:
    found = only((BILLABLE, "when: { status: [completed, orientation] }", "when: { status: { not: [no-show, cancelled] } }"))

    assert found.cases == ()
    assert "no case that the books allow is decided otherwise" in found.notes


def test_a_rule_without_which_nothing_applies_is_refused() -> None:
    found = only((BILLABLE, "  - id: no-show\n    when: { status: no-show }\n    then: none\n", ""))

    assert found.after is None
    assert [(case.before, case.after) for case in found.cases] == [("none", "refused: no rule applies")]


def test_collected_answers_are_compared_as_sets_of_windows() -> None:
    found = only(("rules/premiums-that-apply.yaml", "when: { in: weekend }", "when: { in: [weekend, holiday] }"))

    assert {(dict(case.given)["in"], case.before, case.after) for case in found.cases} >= {
        ("holiday", "holiday", "weekend, holiday")
    }


# --- formulas


def test_a_formula_comes_with_the_first_figures_that_differ() -> None:
    found = only(
        (PERCENT, "max(base * percent / 100, 3.50)", "max(base * percent / 100, 3.60)"), (PERCENT, "gives: 3.50", "gives: 3.60")
    )

    assert found.id == "percent-of-base/2"
    [case] = found.cases
    assert isinstance(case, Case)
    given: Any = dict(case.given)
    product = int(given["base"].replace(".", "")) * int(given["percent"].replace(".", ""))
    assert product // 10**4 < 360
    assert case.after == "3.60"


def test_a_formula_written_otherwise_says_that_its_figures_are_the_same() -> None:
    found = only((PERCENT, "formula: base * percent / 100", "formula: percent * base / 100"))

    assert found.cases == ()
    assert any("no difference in value" in note for note in found.notes)


# --- two days, and both clocks


def test_two_days_of_one_book() -> None:
    found = difference_on(book(), date(2026, 10, 1), book(), date(2026, 10, 20))

    assert {(each.id, each.stretches[0].before, each.stretches[0].after) for each in found.changes if each.what == "price"} == {
        ("geo-base:LA/ICU", "80.00", "82.00"),
        ("geo-base:NYC/RN", "70.00", "72.55"),
    }
    surge = next(each for each in found.changes if each.what == "override")
    assert surge.stretches[0].after is None


def test_two_days_on_which_the_same_is_in_force() -> None:
    assert difference_on(book(), date(2026, 11, 1), book(), date(2026, 12, 1)) == Difference(())


def test_two_days_are_decided_by_the_rules_of_each() -> None:
    found = difference_on(book(), date(2024, 6, 30), book(), date(2024, 7, 1))
    rule = next(each for each in found.changes if each.id == "billable/cancelled-late")

    assert {(case.before, case.after) for case in rule.cases} == {("none", "fixed term cancel-hours")}


def test_both_clocks_crossed() -> None:
    """82.00 from 2026-10-20 becomes 85.00: 80.00 on the 1st in the old book, 85.00 on the 20th in the new one."""
    found = difference_on(book(), date(2026, 10, 1), book((GEO, "price: 82.00", "price: 85.00")), date(2026, 10, 20))

    price = next(each for each in found.changes if each.id == "geo-base:LA/ICU")
    assert price.stretches == (Stretch(date(2026, 10, 20), None, "80.00", "85.00"),)
