"""The comment on a pull request: order, silence, the budget, and texts that try to break out."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from engine.gate import gate
from engine.impact import Impact
from engine.problems import Source
from engine.ratebook.book import Provenance
from engine.ratebook.changes import Shield
from renderers.characters import visible
from renderers.impact import render_impact
from renderers.impact_markdown import BUDGET, MARKER, plain
from renderers.impact_view import headline
from tests.impact.reports import MONTHS, document, price, report, sample, section, told

ZERO_WIDTH = "\N{WORD JOINER}"
HOSTILE = (
    "a|b", "`code", "**bold**", "x\n\n# big", "<!-- hide", "</details>", "<img src=x onerror=1>", "@octocat", "#1 closes", "[x](https://evil.example)",
    "https://evil.example", "www.evil.example", "&lt;b&gt;", "$x$", "| | |\n|---|", "a\\", "\u202egpj", "~~gone~~", "![i](x)", "GH-12",
)  # fmt: skip


def shown(impact: Impact) -> str:
    return render_impact(impact, "md", (), told())


def test_the_marker_is_first_and_the_headline_second() -> None:
    lines = shown(sample()).splitlines()

    assert lines[0] == MARKER == "<!-- inforce:impact -->"
    assert lines[1] == f"### {headline(sample(), told())}"


def test_the_summary_comes_before_the_accounts_and_the_accounts_before_the_details() -> None:
    text = render_impact(sample(), "md", gate("5%").judge(sample()), told())
    order = [
        text.index(each)
        for each in (
            "**geo-base:NYC/RN**",
            "| | before | after |",
            "gate ok",
            "by account",
            "| by change |",
            "How this was computed",
            "Month by month",
        )
    ]

    assert order == sorted(order)


def test_a_row_tells_account_figures_and_because() -> None:
    text = shown(sample())

    assert "| bayview | 1,000.00 | 1,010.00 | **+10.00** (+1.0%) USD | `rates/geo-base.yaml:13` |" in text
    assert "| mercy | - | - | 0.00 | own override 66.00 wins at mercy-north (`rates/accounts/mercy.yaml:5`) |" in text
    assert "`rates/geo-base.yaml:13` +30.00; fees, coupons and limits that follow -10.00 |" in text


def test_what_was_compared_is_told() -> None:
    text = shown(sample())

    assert r"Before: main \(91c02be\). After: rates-2027 \(4fe3a17\)." in text
    assert "2 of 2 are what was issued, byte for byte." in text
    assert "Only prices were looked up anew for 2 documents; rated from activity: 1 document." in text


def test_a_failed_gate_stands_out() -> None:
    text = render_impact(sample(), "md", gate("$5").judge(sample()), told())

    assert r"- gate **failed**: issued: \+10.00 USD \(\+0.7%\) over \$5" in text
    assert "- gate ok: open:" in text


def test_silence_if_nothing_changes() -> None:
    impact = report(
        section("issued", document("bayview", "2026-10", 100, 100)), section("forward", note="rules in force on 2026-11-01")
    )

    assert shown(impact) == ""


def test_unsound_stands_above_all_figures() -> None:
    bad = document("bayview", "2026-10", 100, 100, unsound="the base side does not make it")
    lines = shown(report(section("issued", bad), checked=1, unsound=(bad,))).splitlines()

    assert lines[1] == "### UNSOUND: 1 of 1 issued document is not made again as issued"
    assert "> - **DRAFT-bayview-2026-10**: the base side does not make it" in lines[:7]
    assert "| | before | after | change | |" in lines[7:]


def many(count: int, name: str) -> Impact:
    documents = [
        document(f"{number:05}{name}", month, 1_000_00, 1_000_00 + number) for number in range(count) for month in MONTHS
    ]
    return report(section("issued", *documents), section("forward", *documents, note="rules in force on 2026-11-01"))


def test_ten_rows_and_a_count_of_the_rest() -> None:
    text = shown(many(2_000, "x"))
    account_rows = [line for line in text.splitlines() if re.match(r"\| [0-9]{5}x \|", line)]

    assert len(account_rows) == 22  # ten in each of two sections, and the one that is not moved
    assert text.count("| _and 1,989 more that move_ | | | | |") == 2  # 00000x is not moved


@pytest.mark.parametrize("name", ["x" * 500, "\N{SNOWMAN}" * 500, "\U0001f4b8" * 500, "|" * 500, "@a" * 300])
def test_a_comment_is_never_larger_than_a_forge_takes(name: str) -> None:
    changes = tuple(
        price(f"{number}{name}", provenance=Provenance(reason=name, by=name, ref=name), after=Source(f"rates/{name}.yaml", number),
              shields=(Shield(f"{number}:{name}", (name,), None, None, Source(name, 1)),))
        for number in range(800)
    )  # fmt: skip
    impact = replace(many(1_500, name), difference=replace(sample().difference, changes=changes))
    bad = tuple(document(name, "2026-10", 1, 2, unsound=name) for _ in range(500))
    for each in (impact, replace(impact, unsound=bad, checked=600)):
        text = render_impact(each, "md", gate("5%").judge(each), told(authors=(name,) * 50, before=name))

        assert len(text.encode()) <= BUDGET
        assert "| | before | after | change | |" in text
        assert text.count("<details>") == text.count("</details>")


def test_what_does_not_fit_is_left_out_whole_and_said() -> None:
    periods = tuple(f"{year}-{month:02}" for year in range(1900, 2027) for month in range(1, 13))
    documents = [document("acme", each, 1_000_000_00, 1_100_000_00) for each in periods]
    text = shown(report(section("issued", *documents)))

    assert len(text.encode()) <= BUDGET
    assert "How this was computed" in text
    assert "Month by month" not in text
    assert text.endswith("has it all._\n")


# --- texts from files -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_stays_a_text(text: str) -> None:
    """What has a meaning in Markdown stands behind a backslash, and what a forge links on its own is broken by a joiner."""
    told_ = plain(text)
    bare = re.sub(r"\\[\\`*_{}\[\]<>()#+|~!&$]", "", told_)

    assert not re.search(r"[\\`*_\[\]<>()|~!&$\n\r]", bare)
    assert not re.search(r"@\w|://|www\.|#[0-9]|GH-[0-9]", told_.replace("\\", ""))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_reader_of_markdown_sees_the_text_and_nothing_else(text: str) -> None:
    """Read by a parser of CommonMark with tables: two cells, no tag, no link, no emphasis, and every character as it was."""
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    tokens = parser.parse(f"| {plain(text)} | b |\n|---|---|\n| {plain(text)} | b |\n")
    cells = [token.children or [] for token in tokens if token.type == "inline"]

    assert [len(each) for each in cells] == [1, 1, 1, 1]
    assert {each[0].type for each in cells} == {"text"}
    assert cells[0][0].content.replace(ZERO_WIDTH, "") == " ".join(visible(text).split())


def test_a_hostile_book_cannot_break_out() -> None:
    plain_text = shown(sample())
    for text in HOSTILE:
        change = price(
            f"t:{text}",
            provenance=Provenance(reason=text, by=text, ref=text),
            after=Source(f"rates/{text}.yaml", 3),
            shields=(Shield(f"{text}:x", (text,), None, None, Source(text, 1)),),
        )
        bad = document(text, "2026-10", 100, 200, {change.id: 100}, unsound=text)
        forms = (
            report(section("issued", bad), changes=(change,)),
            report(section("issued", bad), changes=(change,), unsound=(bad,), checked=1),
        )
        for impact in forms:
            comment = render_impact(impact, "md", (), told(authors=(text,), before=text, after=text, prices={f"{text}:x": text}))
            unescaped = re.sub(r"\\.", "", re.sub(r"`[\w./@:+ -]+`", "", comment))

            assert comment.startswith(f"{MARKER}\n### ")
            assert re.findall(r"<[^>]*>", unescaped) == ["<!-- inforce:impact -->", *re.findall(r"<[^>]*>", _details(comment))]
            assert not re.search(r"(?<![\w`])@\w|://|www\.|`", unescaped)
            tables = [line for line in unescaped.splitlines() if line.startswith("|")]
            assert {line.count("|") for line in tables} <= {5, 6}
            assert not [
                line for line in comment.splitlines() if line.startswith("#") and not line.startswith(("### ", "#### Issued"))
            ]
    assert plain_text.count("<details>") == 2


def _details(comment: str) -> str:
    """The tags that are ours, from the first of them on."""
    unescaped = re.sub(r"\\.", "", comment)
    return "".join(re.findall(r"</?(?:details|summary)>", unescaped))


def test_a_long_text_is_cut() -> None:
    assert plain("x" * 200) == "x" * 89 + "…"
    assert ZERO_WIDTH in plain("@a")
