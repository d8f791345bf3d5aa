"""Redaction: in none of the five forms does anything name an account, a site, a person, or say what somebody wrote."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest

from connectors.demo import example_folder
from connectors.workspace import read_parties
from engine.impact import FOLLOWS, Impact, MovedDocument
from engine.problems import Source
from engine.ratebook.book import Override, Provenance, RuleBook
from engine.ratebook.build import build
from engine.ratebook.changes import Case, Change, Difference, Reach, Shield, Stretch
from engine.ratebook.difference import difference
from engine.ratebook.files import read_workspace_files
from engine.redaction import HIDDEN, Veil, redacted, veil_of
from renderers.impact import render_impact
from renderers.impact_view import Context
from tests.impact.reports import report, section

FORMS = ("human", "md", "json", "csv", "html")
WORKERS = ("W1004", "Ana Alvarez", "Grace Okafor")
PEOPLE = ("m.lee", "d.ortiz", "Tessa Brandt", "Omar Haddad", "FIN-377")


@pytest.fixture(scope="module")
def books() -> tuple[RuleBook, RuleBook]:
    """The demo agency's book, and one in which every figure of every account is another one."""
    files = read_workspace_files(example_folder())
    edited = {
        path: re.sub(rb"(?<=price: )([0-9]+)(?=\.[0-9]{2}\b)", lambda found: b"%d" % (int(found[1]) + 1), data)
        if path.startswith(("rates/accounts/", "rates/geo/sf"))
        else data
        for path, data in files.items()
    }
    return build(files), build(edited)


@pytest.fixture(scope="module")
def veil(books: tuple[RuleBook, RuleBook]) -> Veil:
    parties = read_parties(example_folder())
    return veil_of(*books, called={name: party.name for name, party in parties.buyers.items()} | {**parties.sites})


@pytest.fixture(scope="module")
def told(books: tuple[RuleBook, RuleBook]) -> tuple[Impact, Context]:
    """A report in which everything that could name somebody does."""
    book = books[0]
    changes = [*difference(*books).changes, *_named(book)]
    documents = [
        MovedDocument(
            number,
            account,
            "2026-10",
            "USD",
            100_00,
            110_00,
            by,
            f"the base side does not make {number} as issued (with {account})",
        )
        for account in book.accounts
        for number in (f"DRAFT-{account}-2026-10", f"DRAFT-{account}-2026-10-PO-7101")
        for by in ({changes[at % len(changes)].id: 7_00, FOLLOWS: 3_00} for at in [len(number)])
    ]
    last = documents[0]
    documents[0] = replace(last, by={f"{changes[0].id} + {changes[1].id}": 10_00})
    impact = report(
        section("issued", *documents),
        section("open", *documents),
        section("forward", *documents, note=f"no estimate as of 2027-01-01: rates/accounts/mercy.yaml: {WORKERS[0]} has no price", failed=True),
        changes=tuple(changes), checked=len(documents), unsound=tuple(documents),
    )  # fmt: skip
    prices = {each.id: str(each.value) for account in book.accounts.values() for each in account.overrides}
    context = Context(
        "mercy-deal (91c02be)", "st-mary-east (4fe3a17)", ("91c02be", "4fe3a17"), 12, date(2027, 1, 1),
        {str(each.after): each.provenance.reason for each in changes}, PEOPLE, prices,
    )  # fmt: skip
    return impact, context


def _named(book: RuleBook) -> Iterator[Change]:
    """Changes of every kind that say names: in ids, words, cases, notes, reasons and places."""
    secret = Provenance(
        f"promised to Mercy Health System by {WORKERS[1]}", PEOPLE[0], "2026-01-01", PEOPLE[4], "Bayview Clinic asked"
    )
    for what, id_ in (
        ("rule", "billable/mercy-special"), ("rule", "billable/St. Mary, main house"), ("rule", "billable/stmary_east-late"), ("text", "subject"),
        ("term", "mercy/min-hours"), ("term", "mercy-valley/combine"), ("account", "bayview"), ("geo", "harbor"), ("share", "redrock-and-summit"),
        ("coupon", "sunset:welcome-sunset"), ("fee", "prairie:platform"), ("price", "units:lakeside/wards"),
    ):  # fmt: skip
        yield Change(
            what,
            id_,
            (Stretch(date(2026, 1, 1), None, f"Work at Mercy North by {WORKERS[2]}", "66.00, item RN-ICU, site mercy-north"),),
            Source("rates/accounts/mercy.yaml", 5, 5),
            Source("rules/policies/mercy_north.yaml", 5, 5),
            secret,
            Reach(frozenset(book.accounts), frozenset(book.sites), frozenset({"RN"})),
            (Case((("site", "mercy-north"), ("worker", WORKERS[0])), date(2026, 1, 1), "none", WORKERS[1], ("mercy-special",)),),
            (Shield("mercy:icu-surge", ("mercy-north",), None, None, Source("rates/accounts/mercy.yaml", 32, 5)),),
            (f"{WORKERS[2]} asked for it",),
        )


def forbidden(books: tuple[RuleBook, RuleBook]) -> list[str]:
    """Every name that must not be there, and every reason in the book."""
    parties = read_parties(example_folder())
    prices = [price for book in books for table in book.tables.values() for row in table.rows.values() for price in row.prices]
    reasons = {each.provenance.reason for each in prices} | {each.provenance.reason for book in books for each in _agreed(book)}
    names = [party.name for party in parties.buyers.values()] + list(parties.sites.values())
    words = {word for name in names for word in re.findall(r"[A-Za-z]{5,}", name)} - COMMON
    return sorted(
        {*books[0].accounts, *books[0].sites, *names, *words, *reasons, *WORKERS, *PEOPLE, "7101", "welcome", "icu-surge"} - {""}
    )


COMMON = {"Health", "Medical", "Center", "Group", "Hospital", "Community", "General", "Services", "Angeles", "Regional", "Surgical", "Clinic", "System"}  # fmt: skip
COMMON |= {
    "house",
    "rehabilitation",
    "North",
    "Valley",
    "Children",
    "Mount",
}  # words of the trade and of geography, which say nothing


def _agreed(book: RuleBook) -> Iterator[Override]:
    for account in book.accounts.values():
        yield from account.overrides


@pytest.mark.parametrize("form", FORMS)
def test_no_form_names_anybody(form: str, books: tuple[RuleBook, RuleBook], veil: Veil, told: tuple[Impact, Context]) -> None:
    impact, context = told
    text = _without_fonts(render_impact(redacted(impact, veil), form, (), context.redacted(veil.id)))
    bare = re.sub(r"[^a-z0-9]", "", text.lower())

    assert [word for word in forbidden(books) if word.lower() in text.lower()] == []
    assert [name for name in (*books[0].accounts, *books[0].sites) if re.sub(r"[^a-z0-9]", "", name) in bare] == []
    assert "DRAFT-A5-2026-10-1" in text or form == "human"
    assert "A12" in text


@pytest.mark.parametrize("form", FORMS)
def test_without_redaction_every_form_names_them(form: str, told: tuple[Impact, Context]) -> None:
    """The test above can fail: what it looks for is there."""
    text = render_impact(told[0], form, (), told[1])

    assert "bayview" in text
    assert "rates/accounts/mercy.yaml" in text or form == "csv"


def _without_fonts(text: str) -> str:
    return re.sub(r"base64,[A-Za-z0-9+/=]+", "", text)


def test_figures_and_causes_stay(veil: Veil, told: tuple[Impact, Context]) -> None:
    impact, _ = told
    veiled = redacted(impact, veil)

    assert veiled.issued.totals() == impact.issued.totals()
    assert len(veiled.difference.changes) == len(impact.difference.changes)
    assert [sum(each.by.values()) for each in veiled.issued.documents] == [each.change for each in veiled.issued.documents]
    known = {each.id for each in veiled.difference.changes}
    assert {name for each in veiled.issued.documents for whole in each.by for name in whole.split(" + ")} <= known | {FOLLOWS}
    assert len({each.number for each in veiled.issued.documents}) == len(impact.issued.documents)


def test_ids_that_are_apart_stay_apart(books: tuple[RuleBook, RuleBook], veil: Veil) -> None:
    ids = [each.id for account in books[0].accounts.values() for each in account.overrides]

    assert len(set(map(veil.id, ids))) == len(ids)
    assert {veil.id(each).split(":")[0] for each in ids} <= set(veil.names.values())


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("66.00", "66.00"), ("+3.5%", "+3.5%"), ("4h", "4h"), ("1h 30min", "1h 30min"), ("yes", "yes"), ("12.00 USD", "12.00 USD"), (None, None),
        ("66.00, item RN", f"66.00, {HIDDEN}"), ("Mercy", HIDDEN), ("66 for Mercy", HIDDEN), ("", HIDDEN),
    ],
)  # fmt: skip
def test_of_words_only_figures_stay(said: str | None, shown: str | None, veil: Veil) -> None:
    change = Change("term", "x", (Stretch(None, None, said, said),), None, None, Provenance(), Reach())
    (found,) = redacted(report(changes=(change,)), veil).difference.changes

    assert (found.stretches[0].before, found.stretches[0].after) == (shown, shown)


def test_a_book_without_accounts_has_nothing_to_hide() -> None:
    impact = report()

    assert redacted(impact, veil_of()).difference.changes[0].id == impact.difference.changes[0].id


def test_json_is_still_json(veil: Veil, told: tuple[Impact, Context]) -> None:
    found = json.loads(render_impact(redacted(told[0], veil), "json", (), told[1].redacted(veil.id)))

    assert found["before"] == "91c02be"
    assert {each["account"] for each in found["issued"]["documents"]} == {f"A{number}" for number in range(1, 13)}
    assert Difference(redacted(told[0], veil).difference.changes).canonical()["schema"] == "inforce.diff/1"
