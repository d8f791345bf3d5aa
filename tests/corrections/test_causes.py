"""Why a line is corrected: every change that reaches it, every row that moved, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import polars as pl

from engine.causes import Cause, Concern, Moved, Origin, causes_of, moved_rows, words
from engine.problems import Source
from engine.ratebook.book import Provenance
from engine.ratebook.changes import Change, Reach, Stretch
from engine.ratebook.difference import difference
from tests.corrections.books import METERED_SETTINGS, metered_book

LINE = Concern(
    "acme", "acme-east", "RN", date(2026, 10, 5), date(2026, 10, 9), date(2026, 10, 1), date(2026, 11, 1), made=False,
    before=frozenset({("shift", "", "S1"), ("shift", "", "S2")}), after=frozenset({("shift", "", "S1"), ("shift", "", "S2")}),
    workers=frozenset({"w1"}),
)  # fmt: skip
MADE = replace(LINE, item="FEE", section="acme-west", made=True, before=frozenset(), after=frozenset(), workers=frozenset())
PLACE = Source("rates/geo.yaml", 12, 3)


def change(reach: Reach, *, name: str = "geo-base:NYC/RN", **more: object) -> Change:
    stretch = Stretch(date(2026, 10, 5), None, "70.00", "71.00")
    return replace(Change("price", name, (stretch,), PLACE, PLACE, Provenance("spring"), reach), **more)  # type: ignore[arg-type]  # the test knows the fields


def names(concern: Concern, *changes: Change, moved: tuple[Moved, ...] = (), sums: bool = False) -> list[str]:
    return [f"{cause.kind} {cause.id}" for cause in causes_of(changes, moved, lambda _: None, sums=sums)(concern)]


def moved(name: str, worker: str = "w9", account: str = "acme", item: str = "RN") -> Moved:
    return Moved("came", ("shift", "", name), account, item, worker, "came")


def test_every_change_that_reaches_the_line_is_named() -> None:
    one, other = (
        change(Reach(sites=frozenset({"acme-east"})), name="one"),
        change(Reach(items=frozenset({"RN", "ICU"})), name="other"),
    )
    assert names(LINE, one, other) == ["price one", "price other"]


def test_a_change_elsewhere_is_not() -> None:
    other = [
        change(reach)
        for reach in (
            Reach(accounts=frozenset({"beta"})),
            Reach(sites=frozenset({"acme-west"})),
            Reach(items=frozenset({"ICU"})),
            Reach(start=date(2026, 10, 10)),
            Reach(end=date(2026, 10, 5)),
        )
    ]
    reaching = change(Reach(start=date(2026, 10, 9), end=date(2026, 10, 10)), name="last day")
    assert names(LINE, *other, reaching) == ["price last day"]


def test_what_moves_an_account_moves_its_fees() -> None:
    other_item = change(Reach(frozenset({"acme"}), frozenset({"acme-east"}), frozenset({"RN"}), date(2026, 10, 31), None))
    assert names(MADE, other_item) == ["price geo-base:NYC/RN"]
    assert names(MADE, change(Reach(start=date(2026, 11, 1))), moved=(moved("S9", account="beta"),)) == ["activity "]


def test_a_coupon_moves_no_line_that_is_not_made_of_others() -> None:
    coupon = change(Reach(), what="coupon", name="acme:TEN")
    assert names(LINE, coupon, change(Reach())) == ["price geo-base:NYC/RN"]
    assert names(MADE, coupon) == ["coupon acme:TEN"]


def test_rows_that_moved_are_named_beside_the_rules() -> None:
    assert names(LINE, change(Reach()), moved=(moved("S1"), moved("S9"))) == ["price geo-base:NYC/RN", "shift S1"]


def test_where_sums_count_a_row_of_the_same_worker_is_named() -> None:
    late = moved("S9", worker="w1", account="beta", item="ICU")
    assert names(LINE, moved=(late,), sums=True) == ["shift S9"]
    usage = moved("U9", worker="")
    assert names(LINE, moved=(usage, replace(usage, item="ICU")), sums=True) == ["shift U9"]
    assert names(LINE, change(Reach()), moved=(late,), sums=False) == ["price geo-base:NYC/RN"]


def test_where_nothing_is_known_the_rows_are_compared() -> None:
    came = replace(LINE, after=LINE.after | {("shift", "", "S3")}, before=LINE.before | {("shift", "pay", "S4")})
    assert [cause.text() for cause in causes_of([], [], lambda _: None, sums=False)(came)] == [
        "shift S3 came",
        "shift pay S4 went",
    ]
    assert names(LINE) == ["shift S1", "shift S2"]


def test_a_cause_says_what_why_and_who() -> None:
    origin = Origin(("c0ffee",), "D. Ortiz", "P. Nair")
    why = causes_of([change(Reach())], [], lambda _: origin, sums=False)(LINE)
    assert why == (
        Cause("price", "geo-base:NYC/RN", "70.00 becomes 71.00 from 2026-10-05", "rates/geo.yaml:12:3", "spring", "P. Nair", ("c0ffee",), "D. Ortiz"),
    )  # fmt: skip
    assert words(why) == "price geo-base:NYC/RN 70.00 becomes 71.00 from 2026-10-05 (spring)"
    asked = change(Reach(), provenance=Provenance("x", "m.lee", "2026-11-02", "FIN-1", "agreed late"), before=None)
    (cause,) = causes_of([asked], [], lambda _: origin, sums=False)(LINE)
    assert (cause.says, cause.reason, cause.approved) == ("was added", "agreed late", "m.lee, 2026-11-02, FIN-1")


def test_of_many_causes_a_document_names_the_first() -> None:
    many = [Cause("price", f"p{number}", "changed") for number in range(6)]
    assert words(many) == "price p0 changed; price p1 changed; price p2 changed; price p3 changed; and 2 more"


def rows(*cells: dict[str, str]) -> pl.DataFrame:
    names = ("file", "id", "revision", "withdrawn", "site", "worker", "item", "end", "marked_by", "reason", "closeout")
    return pl.DataFrame(
        [{name: each.get(name, "") for name in names} for each in cells], schema=dict.fromkeys(names, pl.String)
    ).with_row_index("row")


def row(name: str, **more: str) -> dict[str, str]:
    return {"file": "a.csv", "id": name, "site": "acme-east", "worker": "w1", "item": "RN", "end": "19:00", **more}


SITES = {"acme-east": "acme", "beta-clinic": "beta"}


def told(before: pl.DataFrame, after: pl.DataFrame) -> list[tuple[str, str, str]]:
    return [(each.row[2], each.account, each.says) for each in moved_rows({"shift": before}, {"shift": after}, SITES)]


def test_rows_that_came_went_or_say_something_else() -> None:
    before = rows(row("S1"), row("S2"), row("S3"), row("S4"), row("S5"))
    after = rows(
        row("S6"), row("S5", file="b.csv", closeout="3"), row("S4"), row("S1"), row("S1", revision="2", end="20:00"), row("S3"),
        row("S3", revision="2", withdrawn="yes", reason="never worked", marked_by="L. Wu"),
    )  # fmt: skip
    assert told(before, after) == [
        ("S1", "acme", "says another end in revision 2"),
        ("S2", "acme", "went"),
        ("S3", "acme", "was withdrawn in revision 2"),
        ("S6", "acme", "came"),
    ]
    withdrawn = next(each for each in moved_rows({"shift": before}, {"shift": after}, SITES) if each.row[2] == "S3")
    assert (withdrawn.reason, withdrawn.approved) == ("never worked", "L. Wu")


def test_a_row_that_changes_hands_is_told_to_both_accounts() -> None:
    assert told(rows(row("S1")), rows(row("S1", site="beta-clinic", revision="2"))) == [
        ("S1", "acme", "says another site in revision 2"),
        ("S1", "beta", "says another site in revision 2"),
    ]


def test_a_kind_that_is_new_came_whole() -> None:
    assert [each.says for each in moved_rows({}, {"shift": rows(row("S1"))}, SITES)] == ["came"]


def test_what_corrections_are_called_moves_no_line() -> None:
    first = {setting: values[0] for setting, values in METERED_SETTINGS.items()}
    before, after = metered_book(first), metered_book({**first, "split": "corrections: credit-note"})
    (found,) = difference(before, after).changes
    assert (found.what, found.reach.is_empty) == ("account", True)
    assert [account.credit_notes for account in after.accounts.values()] == [True, False]
