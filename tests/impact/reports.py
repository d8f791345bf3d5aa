"""Impacts made by hand: three prices edited, one account shielded everywhere, one in reach and unmoved, all three sums."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from engine.impact import FOLLOWS, Impact, MovedDocument, Section, State
from engine.problems import Source
from engine.ratebook.book import Provenance
from engine.ratebook.changes import Change, Difference, Reach, Shield, Stretch
from renderers.impact_view import Context

RN, ICU = "geo-base:NYC/RN", "geo-base:NYC/ICU"
MONTHS = ("2026-08", "2026-09", "2026-10")


def price(id_: str = RN, **more: object) -> Change:
    """An edited price of New York, with the override of mercy that stands instead of it."""
    said: dict[str, object] = {
        "what": "price",
        "id": id_,
        "stretches": (Stretch(date(2026, 9, 1), None, "68.00", "70.00"),),
        "before": Source("rates/geo-base.yaml", 9, 5),
        "after": Source("rates/geo-base.yaml", 13, 7),
        "provenance": Provenance("contract 2027, clause 4", "m.lee", "2026-08-01", "FIN-400"),
        "reach": Reach(frozenset({"sunset", "bayview"}), frozenset({"sunset-main", "bayview"}), frozenset({"RN"})),
        "shields": (Shield("mercy:agreed", ("mercy-north",), date(2025, 1, 1), None, Source("rates/accounts/mercy.yaml", 5, 5)),),
    }
    return Change(**{**said, **more})  # type: ignore[arg-type]  # fields by name


def document(
    account: str, period: str, before: int | None, after: int | None, by: Mapping[str, int] | None = None, **more: str
) -> MovedDocument:
    """A document; what moves it is the edited price, unless that is said."""
    moved = (after or 0) - (before or 0)
    causes = by if by is not None else ({RN: moved} if moved else {})
    currency = more.get("currency", "USD")
    return MovedDocument(f"DRAFT-{account}-{period}", account, period, currency, before, after, causes, more.get("unsound", ""))


def section(state: State, *documents: MovedDocument, **more: object) -> Section:
    """A section; its periods are those of its documents, unless they are named."""
    periods = tuple(sorted({each.period for each in documents}))
    return Section(state, **{"periods": periods, "documents": documents, "note": "", **more})  # type: ignore[arg-type]  # fields by name


NO_PERIOD: dict[str, Section] = {
    "issued": section("issued"), "open": section("open"), "forward": section("forward", note="no past month has activity"),
}  # fmt: skip


def report(
    *sections: Section,
    changes: tuple[Change, ...] = (price(),),
    months: int = 3,
    checked: int = 0,
    unsound: tuple[MovedDocument, ...] = (),
) -> Impact:
    """An impact of some sections; the others are empty."""
    there: dict[str, Section] = {**NO_PERIOD, **{str(each.state): each for each in sections}}
    return Impact(Difference(changes), there["issued"], there["open"], there["forward"], months, checked, unsound, 2, 1)


def sample() -> Impact:
    """The report of the tests: a price that was raised for three accounts, of which one keeps its own and one has a cap."""
    return report(
        section("issued", document("bayview", "2026-10", 1_000_00, 1_010_00), document("sunset", "2026-10", 500_00, 500_00), out_of_reach=4),
        section("open", document("bayview", "2026-11", 400_00, 404_00)),
        section(
            "forward",
            *(document("bayview", month, 1_000_00, 1_010_01) for month in MONTHS[:2]),
            document("bayview", MONTHS[2], 1_000_00, 1_010_00),
            *(document("sunset", month, 900_00, 920_00, {RN: 30_00, FOLLOWS: -10_00}) for month in MONTHS),
            note="rules in force on 2026-11-01",
        ),
        checked=2,
    )  # fmt: skip


def told(**more: object) -> Context:
    """What the commands tell beside the figures."""
    said: dict[str, object] = {
        "before": "main (91c02be)", "after": "rates-2027 (4fe3a17)", "accounts": 12, "day": date(2026, 11, 1),
        "lines": {"rates/geo-base.yaml:13": "      2026-09-01: 70.00"}, "authors": ("Dana Ortiz",), "prices": {"mercy:agreed": "66.00"},
    }  # fmt: skip
    return Context(**{**said, **more})  # type: ignore[arg-type]  # fields by name
