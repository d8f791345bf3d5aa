"""Changes that reach days which have been billed: in whose words, on which line, with which money."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from engine.problems import InforceError
from engine.ratebook.build import build, problems_in
from engine.ratebook.review import Moved, Past, newest_approval
from tests.review.repository import DANA, GEO, Repository, findings, found, repository
from tests.sample_book import sample_files, sample_texts

NOVEMBER = date(2026, 11, 1)
RN, ICU = "geo-base:NYC/RN", "geo-base:LA/ICU"
VERSIONS = "rules/formulas/percent-of-base.yaml"
OVERRIDE = "rates/accounts/acme.yaml"


@pytest.fixture
def made(tmp_path: Path) -> Repository:
    made = repository(tmp_path, approvals=None)
    made.branch()
    return made


MOVED = (
    Moved("DRAFT-acme-2026-09", "acme", "2026-09", "USD", 60_000, {RN: 60_000}),
    Moved("DRAFT-acme-2026-10", "acme", "2026-10", "USD", 44_600, {RN: 44_600}),
)


def line(made: Repository, path: str, text: str) -> int:
    lines = (made.folder / path).read_text("utf-8").splitlines()
    return next(number for number, each in enumerate(lines, 1) if text in each)


def test_the_last_issued_day_is_the_line_between_past_and_open(made: Repository) -> None:
    made.edit(GEO, "2026-10-15: 72.55 }", "2026-10-15: 72.55, 2026-11-01: 74.00 }")

    assert found(made, "R030", "R100", billed=NOVEMBER, moved=MOVED) == []


def test_a_retroactive_change_carries_its_money(made: Repository) -> None:
    made.edit(GEO, "{ 2024-01-01: 70.00, 2026-10-15", "{ 2024-01-01: 70.00, 2026-09-01: 71.00, 2026-10-15")

    assert found(made, "R030", "R100", billed=NOVEMBER, moved=MOVED) == [
        f"error[R030] {GEO}:{line(made, GEO, '71.00')}:34: this change reaches 2 issued invoices (2026-09 .. 2026-10, +1,046.00 USD). "
        f"Let it start on 2026-11-01 or later, or ask for corrections: `retroactive: {{ reason: ... }}`."
    ]


def test_with_its_reason_it_is_a_warning_that_carries_the_money(made: Repository) -> None:
    price = "{ price: 71.00, reason: agreed late, approved: { by: m.lee, on: 2026-11-20 }, retroactive: { reason: contract signed late } }"
    made.edit(GEO, "{ 2024-01-01: 70.00, 2026-10-15", f"{{ 2024-01-01: 70.00, 2026-09-01: {price}, 2026-10-15")
    [said] = found(made, "R030", "R100", billed=NOVEMBER, moved=MOVED)

    assert said.startswith("warning[R030]")
    assert "reaches 2 issued invoices (2026-09 .. 2026-10, +1,046.00 USD); retroactive: contract signed late. " in said
    assert "`inforce correct`" in said


def test_a_reason_of_an_earlier_change_does_not_hold_for_the_next(tmp_path: Path) -> None:
    text = sample_texts()[GEO].replace("reason: autumn review,", "reason: autumn review, retroactive: { reason: agreed late },")
    made = repository(tmp_path, approvals=None)
    made.write(GEO, text)
    made.commit("Agreed late")
    made.branch()
    made.edit(GEO, "price: 82.00", "price: 83.00")
    moved = [Moved("DRAFT-acme-2026-10", "acme", "2026-10", "USD", 900, {ICU: 900})]

    assert [each[:11] for each in found(made, "R030", billed=NOVEMBER, moved=moved)] == ["error[R030]"]
    made.edit(GEO, "agreed late", "corrected after the audit")
    assert [each[:13] for each in found(made, "R030", billed=NOVEMBER, moved=moved)] == ["warning[R030]"]


def test_changes_that_move_the_same_documents_are_one_finding(made: Repository) -> None:
    made.edit(GEO, "2024-01-01: 70.00", "2024-01-01: 70.50")
    made.edit(GEO, "2024-01-01: 66.00", "2024-01-01: 66.50")
    both = [Moved("DRAFT-acme-2026-10", "acme", "2026-10", "USD", 900, {RN: 500, "geo-base:LA/RN": 400})]
    [said] = found(made, "R030", "R100", billed=NOVEMBER, moved=both)
    assert "2 changes here reach 1 issued invoice (2026-10, +9.00 USD)" in said

    apart = [
        Moved("DRAFT-acme-2026-10", "acme", "2026-10", "USD", 900, {RN: 900}),
        Moved("DRAFT-beta-2026-10", "beta", "2026-10", "USD", -70, {"geo-base:LA/RN": -70}),
    ]
    assert [each.partition("(")[2].partition(")")[0] for each in found(made, "R030", billed=NOVEMBER, moved=apart)] == [
        "2026-10, -0.70 USD",
        "2026-10, +9.00 USD",
    ]

    joint = [
        Moved("DRAFT-acme-2026-10", "acme", "2026-10", "USD", 900, {RN: 500, f"geo-base:LA/RN + {RN}": 400}),
        Moved("DRAFT-beta-2026-10", "beta", "2026-10", "USD", 10, {"geo-base:LA/RN": 10}),
    ]
    two, one = sorted(found(made, "R030", billed=NOVEMBER, moved=joint), key=lambda each: "+9.00" in each)
    assert "1 issued invoice (2026-10, +9.00 USD), some of it together with other changes" in one
    assert "2 issued invoices (2026-10, +4.10 USD), some of it together with other changes" in two


def test_what_only_follows_from_a_change_is_its_money_too(made: Repository) -> None:
    """A document moves by its tax alone: whatever can reach it is told."""
    made.edit(GEO, "2024-01-01: 70.00", "2024-01-01: 70.50")
    moved = [Moved("DRAFT-acme-2026-10", "acme", "2026-10", "USD", 33, {"tax": 33})]

    assert ["(2026-10, +0.33 USD)" in each for each in found(made, "R030", "R100", billed=NOVEMBER, moved=moved)] == [True]


def test_money_that_cannot_be_told_is_an_error_all_the_same(made: Repository) -> None:
    made.edit(GEO, "2024-01-01: 70.00", "2024-01-01: 70.50")

    def refuse() -> list[Moved]:
        raise InforceError("archive/objects/1f: the archive has no such object.\nRestore it from a backup.")

    [said] = [str(each) for each in findings(made, past=Past(NOVEMBER, refuse)) if each.code == "R030"]
    assert said.startswith(f"error[R030] {GEO}:{line(made, GEO, '70.50')}:")
    assert "the money it moves cannot be told: archive/objects/1f: the archive has no such object." in said


def test_an_edited_price_that_no_issued_invoice_read_is_rewritten_all_the_same(made: Repository) -> None:
    made.edit(GEO, "2024-01-01: 88.00", "2024-01-01: 89.00")

    assert found(made, "R030", "R100", billed=NOVEMBER) == [
        f"error[R100] {GEO}:{line(made, GEO, '89.00')}:15: price geo-base:NYC/ICU was 88.00 from 2024-01-01, and is 89.00 now. "
        f"Leave it, and add an entry that starts on 2026-11-01 or later; or say why: `retroactive: {{ reason: ... }}`."
    ]


def test_an_override_that_was_in_force_is_ended_not_removed(made: Repository) -> None:
    text = sample_texts()[OVERRIDE]
    start = text.index("overrides:")
    made.write(OVERRIDE, text[:start])
    [said] = found(made, "R030", "R100", billed=NOVEMBER)

    assert said.startswith(f"error[R100] {OVERRIDE}: override acme:icu-surge was 96.00")
    assert "from 2026-10-01, and is taken away. Leave it for the days it was in force; end it on 2026-11-01 or later" in said


def test_an_open_override_may_be_ended_on_a_day_to_come(made: Repository) -> None:
    beta = "rates/accounts/beta.yaml"
    made.edit(beta, "from: 2026-01-01, price", "from: 2026-01-01, to: 2026-11-01, price")
    assert found(made, "R030", "R100", billed=NOVEMBER) == []

    made.edit(beta, "to: 2026-11-01", "to: 2026-10-01")
    assert [each[:11] for each in found(made, "R030", "R100", billed=NOVEMBER)] == ["error[R100]"]


def test_a_term_is_followed_not_edited(made: Repository) -> None:
    made.edit("rates/terms-default.yaml", "cancel-notice: 24h", "cancel-notice: 48h")
    [said] = found(made, "R030", "R100", billed=NOVEMBER)

    assert said.startswith(
        f"error[R100] rates/terms-default.yaml:{line(made, 'rates/terms-default.yaml', 'cancel-notice: 48h')}:"
    )
    assert "term default/cancel-notice was 24h" in said


def test_what_is_written_otherwise_is_no_change(made: Repository) -> None:
    text = sample_texts()[GEO]
    first = text.index("  - geo: NYC")
    second = text.index("  - geo: NYC", first + 1)
    made.write(GEO, "# reordered\n" + text[:first] + text[second:] + text[first:second])
    made.git("mv", OVERRIDE, "rates/accounts/acme-health.yaml")

    assert found(made, "R030", "R100", "R101", "R102", billed=NOVEMBER) == []


def test_a_new_account_reaches_nothing_that_is_billed(made: Repository) -> None:
    text = sample_texts()["rates/accounts/beta.yaml"].replace("beta", "gamma")
    made.write("rates/accounts/gamma.yaml", text)

    assert found(made, "R030", "R100", billed=NOVEMBER) == []
    assert found(made, "R100") == []


# --- versions of formulas ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("formula: max(base * percent / 100, 3.50)", "formula: max(base * percent / 100, 3.75)", "version 2 of percent-of-base has been in force since 2026-01-01, and its formula is changed from `max(base * percent / 100, 3.50)`. Leave it as it was; add version 3"),
        ("    round: { digits: 2, half: up }\n    examples: [{ given: { base: 30.00", "    round: { digits: 2, half: even }\n    examples: [{ given: { base: 30.00", "and its rounding is changed from 2 digits, half up"),
        ("version: 2", "version: 3", "version 2 of percent-of-base has been in force since 2026-01-01, and is renumbered to 3"),
        ("from: 2024-01-01\n    to: 2026-01-01", "from: 2024-02-01\n    to: 2026-01-01", "version 1 of percent-of-base has been in force since 2024-01-01, and now starts on 2024-02-01"),
    ],
)  # fmt: skip
def test_a_released_version_of_a_formula_stays_as_it_is(made: Repository, old: str, new: str, words: str) -> None:
    made.edit(VERSIONS, old, new)
    [said] = found(made, "R101", billed=NOVEMBER)

    assert said.startswith(f"error[R101] {VERSIONS}:")
    assert words in said


def test_a_removed_version_is_missed(made: Repository) -> None:
    text = sample_texts()[VERSIONS]
    start = text.index("  - version: 1")
    made.write(VERSIONS, text[:start] + text[text.index("  - version: 2") :].replace("2026-01-01", "2024-01-01"))

    assert [each.partition(", and ")[2].partition(".")[0] for each in found(made, "R101", billed=NOVEMBER)] == [
        "is removed",
        "now starts on 2024-01-01",
    ]


def test_the_next_version_may_follow(made: Repository) -> None:
    made.edit(VERSIONS, "  - version: 2\n    from: 2026-01-01", "  - version: 2\n    from: 2026-01-01\n    to: 2027-01-01")
    made.write(
        VERSIONS,
        (made.folder / VERSIONS).read_text("utf-8")
        + "  - { version: 3, from: 2027-01-01, formula: base * percent / 100, round: { digits: 2, half: up } }\n",
    )

    assert found(made, "R030", "R100", "R101", billed=NOVEMBER) == []


def test_a_version_that_is_not_in_force_yet_may_change(made: Repository) -> None:
    made.edit(VERSIONS, "3.50)", "3.75)")

    assert found(made, "R101", billed=date(2026, 1, 1)) == []


# --- no issued invoice is known ---------------------------------------------------------------------------------------------


def test_without_invoices_the_newest_approval_is_the_line(made: Repository) -> None:
    """The sample was last approved on 2026-09-30: until then, at least, its rules were known."""
    assert newest_approval(build(sample_files())) == date(2026, 9, 30)
    made.edit(GEO, "{ 2024-01-01: 70.00, 2026-10-15", "{ 2024-01-01: 70.00, 2026-09-01: 71.00, 2026-10-15")

    assert found(made, "R030", "R100") == [
        f"warning[R030] {GEO}:{line(made, GEO, '71.00')}:34: this change reaches 2026-09, and the book was in use until "
        f"2026-09-30 at least; no issued invoice is known here, so the money it moves cannot be told. Let it start on 2026-09-30 or later, or "
        f"say why not: `retroactive: {{ reason: ... }}`."
    ]


def test_without_invoices_an_edited_interval_is_a_warning(made: Repository) -> None:
    made.edit(GEO, "2024-01-01: 88.00", "2024-01-01: 89.00")
    [said] = found(made, "R030", "R100")

    assert said.startswith("warning[R100]")
    assert "no issued invoice is known here, so whether one differs cannot be told" in said


def test_a_book_without_approvals_and_invoices_has_no_past(tmp_path: Path) -> None:
    made = repository(tmp_path, approvals=None)
    for path, old in (
        (GEO, ", approved: { by: m.lee, on: 2026-09-30, ref: FIN-1 }"),
        (OVERRIDE, "    approved: { by: m.lee, on: 2026-09-20, ref: FIN-287 }\n"),
    ):
        made.edit(path, old, "")
    made.commit("Nothing is approved")
    made.branch()
    made.edit(GEO, "2024-01-01: 88.00", "2024-01-01: 89.00")

    assert found(made, "R030", "R100") == []


# --- who wrote and who approved an entry --------------------------------------------------------------------------------------

MINE = "2026-10-15: 72.55, 2027-02-01: { price: 74.00, reason: review, approved: { by: %s, on: 2026-11-20 } } }"


@pytest.mark.parametrize("by", ["dana@larkspur.example", "Dana Ortiz", "dana"])
def test_without_people_a_name_or_an_address_tells_the_author(made: Repository, by: str) -> None:
    made.edit(GEO, "2026-10-15: 72.55 }", MINE % by)
    made.commit("Raise", who=DANA)
    [said] = found(made, "R102")

    assert said.startswith(
        f"error[R102] {GEO}:{line(made, GEO, '74.00')}:53: the price {RN} was approved by `{by}`, who wrote it (Dana Ortiz <dana"
    )


def test_entries_that_one_person_wrote_and_approved_are_one_finding(made: Repository) -> None:
    made.edit(GEO, "2026-10-15: 72.55 }", MINE % "dana")
    made.edit(GEO, "2024-01-01: 66.00 }", (MINE % "dana").replace("2026-10-15: 72.55", "2024-01-01: 66.00"))
    made.commit("Raise", who=DANA)
    [said] = found(made, "R102")

    assert f"the price {RN} and 1 more entry here were approved by `dana`, who wrote them (Dana Ortiz <dana" in said


def test_people_are_one_by_all_their_names(tmp_path: Path) -> None:
    made = repository(tmp_path)
    made.branch()
    made.edit(GEO, "2026-10-15: 72.55 }", MINE % "d.ortiz")
    made.commit("Raise", who="D. Ortiz <dortiz@home.example>")
    assert len(found(made, "R102")) == 1

    made.git("commit", "-q", "--amend", "--no-edit", "--author", "Tessa Brandt <tessa@larkspur.example>")
    assert found(made, "R102") == []
    made.git("commit", "-q", "--amend", "-m", "Raise\n\nCo-authored-by: Dana Ortiz <dana@larkspur.example>")
    assert len(found(made, "R102")) == 1


def test_lines_are_found_in_a_workspace_inside_a_repository(tmp_path: Path) -> None:
    made = repository(tmp_path, inside="billing/agency")
    made.branch()
    made.edit(GEO, "2026-10-15: 72.55 }", MINE % "d.ortiz")
    made.commit("Raise", who=DANA)
    assert len(found(made, "R102")) == 1

    made.edit(GEO, "74.00", "75.00")
    made.git("config", "user.name", "Mina Lee")
    made.git("config", "user.email", "mina@larkspur.example")
    assert len(found(made, "R102")) == 0


def test_only_the_lines_of_the_change_make_an_author(tmp_path: Path) -> None:
    """The approver wrote the file once, and another line of it now."""
    made = repository(tmp_path)
    made.edit(GEO, "format: 1", "format: 1 # by hand")
    made.commit("Formatting", who=DANA)
    made.branch()
    made.edit("rates/adders.yaml", "2.50", "2.60")
    made.commit("Another table", who=DANA)
    made.edit(GEO, "2026-10-15: 72.55 }", MINE % "d.ortiz")
    made.commit("Raise")

    assert found(made, "R102") == []


def test_an_override_edited_in_one_of_its_lines_is_written_by_who_did(tmp_path: Path) -> None:
    made = repository(tmp_path)
    made.branch()
    made.edit(OVERRIDE, "price: 96.00", "price: 97.00")
    made.commit("More", who="Mina Lee <mina@larkspur.example>")
    [said] = found(made, "R102")

    assert f"{OVERRIDE}:{line(made, OVERRIDE, 'override: icu-surge')}:" in said
    assert "override acme:icu-surge was approved by `m.lee`, who wrote it" in said


def test_an_uncommitted_change_is_written_by_who_would_commit_it(made: Repository) -> None:
    made.git("config", "user.name", "Dana Ortiz")
    made.git("config", "user.email", "dana@larkspur.example")
    made.edit(GEO, "2026-10-15: 72.55 }", MINE % "dana@larkspur.example")

    assert len(found(made, "R102")) == 1


def test_an_approval_of_a_day_to_come_is_none(made: Repository) -> None:
    made.edit(GEO, "2026-10-15: 72.55 }", (MINE % "m.lee").replace("2026-11-20", "2026-12-01"))

    assert [each.partition(": ")[2] for each in found(made, "R103")] == [
        f"the price {RN} was approved on 2026-12-01, and today is 2026-11-24. Correct the day of the approval."
    ]


def test_a_changed_entry_without_reason_or_approval_is_told_as_the_approvals_say(tmp_path: Path) -> None:
    made = repository(tmp_path)
    made.branch()
    made.edit(GEO, "2026-10-15: 72.55 }", "2026-10-15: 72.55, 2027-02-01: 74.00 }")
    assert [each[:13] for each in found(made, "R094")] == ["warning[R094]"]

    made.git("checkout", "-q", "-f", "main")
    path = made.folder / "rules/approvals.yaml"
    made.write("rules/approvals.yaml", path.read_text("utf-8") + "severity: { missing-reason: error, missing-approval: off }\n")
    made.commit("Stricter")
    made.edit(GEO, "2026-10-15: 72.55 }", "2026-10-15: 72.55, 2027-02-01: 74.00 }")
    assert [each[:11] for each in found(made, "R094")] == ["error[R094]"]
    made.edit(GEO, "2027-02-01: 74.00 }", "2027-02-01: { price: 74.00, reason: review } }")
    assert found(made, "R094") == []


# --- corrections of formulas ------------------------------------------------------------------------------------------------

CORRECTION = """\
  - version: 3
    corrects: 2
    from: 2026-01-01
    formula: max(base * percent / 100, 3.75)
    round: { digits: 2, half: up }
    reason: the floor was mistyped
    approved: { by: m.lee, on: 2026-11-20 }
"""


def with_correction(made: Repository, text: str = CORRECTION) -> None:
    made.write(VERSIONS, sample_texts()[VERSIONS] + text)


def test_a_correction_stands_beside_what_it_corrects(made: Repository) -> None:
    with_correction(made)
    formula = build({**sample_files(), VERSIONS: (made.folder / VERSIONS).read_bytes()}).formulas["percent-of-base"]
    moved = [Moved("DRAFT-acme-2026-10", "acme", "2026-10", "USD", 250, {"percent-of-base/2 + percent-of-base/3": 250})]

    assert [each.version for each in formula.versions] == [1, 3]
    assert [each.version for each in formula.corrected] == [2]
    assert found(made, "R100", "R101", billed=NOVEMBER, moved=moved) == []
    [said] = found(made, "R030", billed=NOVEMBER, moved=moved)
    assert said.startswith(
        f"error[R030] {VERSIONS}:{line(made, VERSIONS, '3.75')}:14: this change reaches 1 issued invoice (2026-10, +2.50 USD). "
    )

    with_correction(made, CORRECTION + "    retroactive: { reason: agreed with all accounts }\n")
    [said] = found(made, "R030", billed=NOVEMBER, moved=moved)
    assert said.startswith("warning[R030]")
    assert "(2026-10, +2.50 USD); retroactive: agreed with all accounts" in said


def test_what_is_corrected_stays_as_it_was(made: Repository) -> None:
    with_correction(made)
    made.edit(VERSIONS, "3.50)", "3.60)")
    [said] = found(made, "R101", billed=NOVEMBER)

    assert "version 2 of percent-of-base has been in force since 2026-01-01, and its formula is changed" in said


def test_a_correction_of_a_correction(made: Repository) -> None:
    with_correction(
        made,
        CORRECTION + CORRECTION.replace("version: 3", "version: 4").replace("corrects: 2", "corrects: 3").replace("3.75", "3.80"),
    )
    formula = build({**sample_files(), VERSIONS: (made.folder / VERSIONS).read_bytes()}).formulas["percent-of-base"]

    assert [each.text for each in formula.versions][-1] == "max(base * percent / 100, 3.80)"
    assert [each.version for each in formula.corrected] == [2, 3]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("corrects: 2", "corrects: 7", "error[R049] rules/formulas/percent-of-base.yaml:22:14: version 3 corrects version 7, and there is no such version before it. Versions before it: 1, 2"),
        ("corrects: 2", "corrects: 3", "version 3 corrects version 3, and there is no such version before it"),
        ("from: 2026-01-01", "from: 2026-02-01", "version 3 corrects version 2, and holds on other days. Write `from: 2026-01-01` without `to`"),
        ("corrects: 2", "corrects: 1", "version 3 corrects version 1, and holds on other days. Write `from: 2024-01-01` and `to: 2026-01-01`"),
    ],
)  # fmt: skip
def test_a_correction_that_fits_nothing_is_refused(old: str, new: str, words: str) -> None:
    text = sample_texts()[VERSIONS] + CORRECTION.replace(old, new)
    problems = [str(each) for each in problems_in(sample_files(**{VERSIONS: text}))[1]]

    assert any(words in each for each in problems), problems


def test_two_corrections_of_one_version_are_one_too_many() -> None:
    text = sample_texts()[VERSIONS] + CORRECTION + CORRECTION.replace("version: 3", "version: 4")
    problems = [str(each) for each in problems_in(sample_files(**{VERSIONS: text}))[1]]

    assert any("a correction of version 2 stands twice. Correct the correction" in each for each in problems), problems
