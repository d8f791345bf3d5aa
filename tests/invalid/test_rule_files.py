"""Mistakes of two places, of a whole file, or of none; those of one file stand beside, as broken files."""

from collections.abc import Mapping
from types import MappingProxyType

import pytest

from engine.problems import Problem
from engine.ratebook.crosscheck import check
from tests.sample_book import sample_texts


def checked(texts: dict[str, str]) -> list[Problem]:
    return check({path: text.encode() for path, text in texts.items()})


def broken(
    *edits: tuple[str, str, str], without: tuple[str, ...] = (), more: Mapping[str, str] = MappingProxyType({})
) -> list[str]:
    """The findings, one text each, after some edits (path, old, new) of the sample, without some files and with more."""
    texts = {path: text for path, text in sample_texts().items() if path not in without}
    for path, old, new in edits:
        assert old in texts[path], "the sample has changed"
        texts[path] = texts[path].replace(old, new, 1)
    return [str(problem) for problem in checked({**texts, **more})]


OVERRIDE = "\n  - { override: %s, instead-of: geo-base, %s, price: 90.00, unit: hour }"
ACME = "rates/accounts/acme.yaml"


def overrides(*said: str) -> tuple[str, str, str]:
    more = "".join(OVERRIDE % (f"o{number}", each) for number, each in enumerate(said, 1))
    return (ACME, "overrides:", f"overrides:{more}")


def test_two_overrides_of_one_rank_name_their_lines_and_days() -> None:
    [found] = broken(overrides("item: ICU, site: acme-east, from: 2026-10-10, to: 2026-11-01"))

    assert f"error[R041] {ACME}:16:5: overrides acme:o1 and acme:icu-surge (lines 15 and 16)" in found
    assert "both hold from 2026-10-10 until 2026-10-16" in found


@pytest.mark.parametrize(
    "said",
    [
        "item: ICU, site: acme-east, from: 2026-10-16",  # begins on the day the other ends
        "item: ICU, site: acme-east, from: 2026-01-01, to: 2026-10-01",
        "item: ICU, from: 2026-10-10",  # of the whole account: the site is closer
        "site: acme-east, from: 2026-10-10",  # of all items: the item is closer
        "item: RN, site: acme-east, from: 2026-10-10",
        "item: ICU, site: acme-west, from: 2026-10-10",
    ],
)
def test_overrides_that_never_meet_at_one_rank_may_stand(said: str) -> None:
    assert broken(overrides(said)) == []


def test_an_overlap_of_open_overrides_is_found_among_many() -> None:
    [found] = broken(overrides("item: RN, from: 2026-01-01", "item: ORIENT, from: 2026-01-01", "item: RN, from: 2027-01-01"))

    assert "overrides acme:o1 and acme:o3 (lines 15 and 17) both hold from 2027-01-01 on" in found


def test_an_override_for_all_premiums_meets_one_for_one_of_them() -> None:
    more = "overrides:\n  - { override: flat, instead-of: differentials, from: 2026-06-01, price: 10, unit: percent }"
    [found] = broken(("rates/accounts/beta.yaml", "overrides:", more))

    assert "error[R041]" in found
    assert "beta:flat and beta:night-deal" in found


PART = """\
format: 1
kind: rate-table
table: geo-base
unit: hour
currency: USD
key: [item, geo]
rates:
  - { geo: LA, item: RN, prices: { 2024-01-01: 70.00 } }
"""


def test_the_parts_of_a_table_must_agree() -> None:
    part = PART.replace("USD", "EUR").replace("key", "digits: 4\nkey").replace("LA", "SF")
    found = broken(more={"rates/more.yaml": part})

    assert [text.split(". ")[0] for text in found] == [
        "error[R031] rates/more.yaml:5:11: the currency of table `geo-base` is EUR here and USD in another file",
        "error[R031] rates/more.yaml:6:9: the digits of table `geo-base` is 4 here and 2 in another file",
    ]


def test_a_row_in_two_files_is_shown_in_both() -> None:
    files = {**sample_texts(), "rates/more.yaml": PART}
    [problem] = checked(files)

    assert (str(problem.source), problem.code) == ("rates/more.yaml:8:5", "R022")
    assert [str(place) for place, _ in problem.related] == ["rates/geo-base.yaml:17:5"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("rules/calendar.yaml", "there is no file of kind calendar"),
        ("rules/items.yaml", "there is no file of kind items"),
        ("rules/activity/shift.yaml", "there is no file of kind activity"),
        ("rates/terms-default.yaml", "there is no file of kind terms"),
        ("rules/rounding.yaml", "there is no file of kind rounding"),
        ("rules/lines.yaml", "there is no file of kind lines"),
        ("rules/billable.yaml", "no policy decides `billable`"),
    ],
)
def test_a_file_that_must_be_there_is_missed_once(path: str, words: str) -> None:
    """What the other files name of it is not held against them."""
    [found] = broken(without=(path,))

    assert "error[R036]" in found
    assert words in found


def test_premiums_that_meet_without_a_policy_to_combine_them_are_a_warning() -> None:
    found, unread = broken(without=("rules/combine.yaml",))

    assert "nothing reads the term `combine`" in unread
    assert found.startswith("warning[R036] rules/premiums-that-apply.yaml:1:1: premiums night, weekend, holiday are in the price")


def test_a_file_twice_is_shown_in_both_places() -> None:
    again = sample_texts()["rules/calendar.yaml"]
    [found] = broken(more={"rules/again.yaml": again})

    assert found.startswith("error[R022] rules/calendar.yaml:2:7: the kind calendar stands twice. Put both into one file")


def test_an_account_twice_is_shown_in_both_files() -> None:
    texts = sample_texts()
    again = texts["rates/accounts/beta.yaml"].replace("beta-clinic", "beta-ward")
    [problem] = checked({**texts, "rates/accounts/zeta.yaml": again})

    assert str(problem).startswith("error[R022] rates/accounts/zeta.yaml:3:10: account beta stands twice")
    assert [place.path for place, _ in problem.related] == ["rates/accounts/beta.yaml"]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("account: acma, site: acme-east", "there is no account `acma`. Did you mean 'acme'?"),
        ("account: acme, site: acme-est", "there is no site `acme-est`. Did you mean"),
        ("account: beta, site: acme-east", "`acme-east` is no site of account beta. Known are beta-clinic"),
    ],
)
def test_a_row_is_for_a_site_that_there_is(said: str, words: str) -> None:
    table = PART.replace("geo-base", "at-site").replace("[item, geo]", "[account, site, item]").replace("geo: LA", said)
    [found] = broken(more={"rates/site.yaml": table})

    assert "error[R023] rates/site.yaml:8:" in found
    assert words in found


def test_a_question_twice_is_shown() -> None:
    again = sample_texts()["rules/minimum.yaml"]
    [found] = broken(more={"rules/zero.yaml": again})

    assert found.startswith("error[R022] rules/zero.yaml:3:10: the question minimum stands twice")


@pytest.mark.parametrize("path", sorted(sample_texts()))
def test_a_file_out_of_form_is_told_alone(path: str) -> None:
    """What other files name may stand in it: none of them is blamed."""
    found = broken((path, "format: 1", "format: 1\nfrom-another-version: yes"))

    assert len(found) == 1, found
    assert found[0].startswith(f"error[R004] {path}:2:1: unknown field `from-another-version`")


@pytest.mark.parametrize("path", sorted(sample_texts()))
def test_a_file_that_is_not_yaml_is_told_alone(path: str) -> None:
    found = broken((path, "format: 1", "format: [1"))

    assert len(found) == 1, found
    assert "error[R015]" in found[0]
    assert path in found[0]


def test_all_mistakes_are_told_at_once() -> None:
    found = broken(
        ("rates/geo-base.yaml", "70.00", "70"),
        ("rates/accounts/beta.yaml", "America/Los_Angeles", "America/Los_Angels"),
        ("rules/item.yaml", "then: ORIENT", "then: ORIENTED"),
        ("rules/segments.yaml", "19:00, to: 07:00", "19:00, to: 19:00"),
    )

    assert sorted(text.split("]")[0] for text in found) == ["error[R024", "error[R034", "error[R040", "error[R052"]
