"""Who owns what, and who is who: `rules/approvals.yaml` by itself."""

from __future__ import annotations

import re

import pytest

from engine.ratebook.approvals import STEPS, Approvals, approvals_in
from engine.ratebook.build import build, problems_in
from engine.ratebook.crosscheck import check
from tests.sample_book import sample_files
from tests.workspaces import ROOT

PATH = "rules/approvals.yaml"
TEXT = """\
format: 1
kind: approvals
people:
  - { id: d.ortiz, name: Dana Ortiz, emails: [dana@larkspur.example] }
  - { id: m.lee, name: Mina Lee, emails: [mina@larkspur.example, m.lee@personal.example], also: [minalee99] }
  - { id: o.haddad, name: Omar Haddad }
groups: { finance-leads: [d.ortiz, m.lee] }
owners:
  - { files: "**", owner: [o.haddad] }
  - { files: rates/**, owner: [finance-leads], approvals: 2 }
  - { files: [rates/accounts/*.yaml, rules/*.yaml], owner: [m.lee, finance-leads], not-by-author: no }
severity: { missing-reason: error, missing-approval: off }
"""


def approvals(text: str = TEXT) -> Approvals:
    found = approvals_in({PATH: text.encode()})
    assert found is not None
    return found


def found(text: str) -> list[str]:
    return [str(problem) for problem in problems_in(sample_files(**{PATH: text}))[1]]


def test_a_book_with_approvals_means_the_same() -> None:
    assert found(TEXT) == []
    assert build(sample_files(**{PATH: TEXT})).meaning == build(sample_files()).meaning


@pytest.mark.parametrize(
    ("said", "person"),
    [
        ("d.ortiz", "d.ortiz"),
        ("D. Ortiz", "d.ortiz"),
        ("Dana Ortiz", "d.ortiz"),
        ("DANA@larkspur.example", "d.ortiz"),
        ("Dana Ortiz <dana@larkspur.example>", "d.ortiz"),
        ("Somebody Else <dana@larkspur.example>", "d.ortiz"),
        ("Dana Ortiz <dana@home.example>", "d.ortiz"),
        ("minalee99", "m.lee"),
        ("m.lee@personal.example", "m.lee"),
        ("D. Ortez", None),
        ("", None),
    ],
)
def test_a_person_is_known_by_all_names(said: str, person: str | None) -> None:
    assert approvals().person(said) == person


@pytest.mark.parametrize(
    ("path", "owners"),
    [
        ("parties.yaml", ("o.haddad",)),
        ("rates/geo-base.yaml", ("d.ortiz", "m.lee")),
        ("rates/geo/nyc.yaml", ("d.ortiz", "m.lee")),
        ("rates/accounts/acme.yaml", ("m.lee", "d.ortiz")),
        ("rates/accounts/old/acme.yaml", ("d.ortiz", "m.lee")),
        ("rules/billable.yaml", ("m.lee", "d.ortiz")),
        ("rules/activity/shift.yaml", ("o.haddad",)),
    ],
)
def test_the_last_line_that_matches_counts(path: str, owners: tuple[str, ...]) -> None:
    line = approvals().owner_of(path)

    assert line is not None
    assert line.owners == owners


def test_what_is_not_said_is_strict() -> None:
    first, second, third = approvals().owners

    assert (first.approvals, first.not_by_author) == (1, True)
    assert (second.approvals, second.not_by_author) == (2, True)
    assert (third.approvals, third.not_by_author) == (1, False)
    assert approvals().severities == {"missing-reason": "error", "missing-approval": None, "unapproved-change": "error"}


def test_a_book_without_the_file_has_no_approvals() -> None:
    assert approvals_in(sample_files()) is None


def test_the_kind_cannot_hide_behind_an_escape() -> None:
    assert approvals_in({PATH: TEXT.replace("kind: approvals", 'kind: "approv\\x61ls"').encode()}) is not None


def test_steps_belong_to_people() -> None:
    lines = "".join(f"  - {{ step: {step}, owner: [m.lee] }}\n" for step in STEPS)
    whole = TEXT.replace("severity:", f"{lines}severity:")

    assert found(whole) == []
    assert [each.owners for each in approvals(whole).owners if each.step == "settle"] == [("m.lee",)]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[d.ortiz, m.lee]", "[d.ortiz, m.leigh]", "error[R023] rules/approvals.yaml:7:36: there is no person `m.leigh`. Did you mean 'm.lee'?"),
        ("[finance-leads]", "[finance-lead]", "error[R023] rules/approvals.yaml:10:32: there is no person or group `finance-lead`. Did you mean"),
        ("finance-leads:", "m.lee:", "error[R022] rules/approvals.yaml:7:11: the name m.lee stands twice"),
        ("approvals: 2", "approvals: 3", "error[R113] rules/approvals.yaml:10:59: 3 approvals are needed of 2 owners"),
        ("approvals: 2", "approvals: 2, step: rate", "error[R111] rules/approvals.yaml:8:1: nobody owns steps collect, assemble, check, approve"),
        ("files: rates/**, ", "", "error[R005] rules/approvals.yaml:10:5: the line says neither `files` nor a `step`"),
        ("rates/accounts/*.yaml", "rates/acounts/*.yaml", "warning[R114] rules/approvals.yaml:11:15: no file of the rule book matches"),
        ("name: Omar Haddad", "name: Omar Haddad, emails: [Dana@Larkspur.example]", "error[R022] rules/approvals.yaml:6:11: o.haddad and d.ortiz have a name or an address in common"),
        ("missing-approval: off", "missing-approval: never", "error[R006] rules/approvals.yaml:12:"),
    ],
)  # fmt: skip
def test_a_mistake_is_found_where_it_stands(old: str, new: str, words: str) -> None:
    assert TEXT.count(old) >= 1
    problems = found(TEXT.replace(old, new, 1))

    assert any(each.startswith(words) for each in problems), problems


def test_two_files_of_approvals_are_one_too_many() -> None:
    problems = problems_in(sample_files(**{PATH: TEXT, "rules/zz.yaml": TEXT}))[1]

    assert [str(each).split(".")[0] for each in problems] == ["error[R022] rules/zz"]


def test_whoever_approves_an_entry_is_among_the_people() -> None:
    """Three entries of the sample were approved by m.lee; one of them, say, by somebody else."""
    files = sample_files(**{PATH: TEXT})
    assert [each for each in check(files) if each.code == "R104"] == []

    wrong = {path: data.replace(b"by: m.lee", b"by: m.leigh") for path, data in files.items()}
    [problem] = [each for each in check(wrong) if each.code == "R104"]
    assert str(problem).startswith(
        "error[R104] rates/geo-base.yaml:24:7: the price geo-base:LA/ICU was approved by `m.leigh` (and 1 more entry), who is not"
    )
    assert problem.remedy == "Did you mean 'm.lee'?"
    assert [each for each in check({path: data for path, data in wrong.items() if path != PATH}) if each.code == "R104"] == []


@pytest.mark.parametrize("page", ["approvals.md", "rule-book.md"])
def test_the_file_on_the_page_is_one(page: str) -> None:
    text = (ROOT / "docs" / page).read_text("utf-8")
    [shown] = re.findall(r"```yaml\n(format: 1\nkind: approvals\n.*?)```", text, re.DOTALL)

    assert [each for each in found(shown) if not each.startswith("warning[R114]")] == []
    assert approvals(shown).person("D. Ortiz") == "d.ortiz"
