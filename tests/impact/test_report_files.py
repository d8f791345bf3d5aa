"""The report as CSV, JSON and as a page: complete, safe to open, and nothing in it from elsewhere."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from engine.gate import gate
from engine.impact import Impact
from engine.problems import Source
from engine.ratebook.book import Provenance
from engine.ratebook.changes import Shield
from renderers.impact import render_impact
from renderers.impact_charts import PLOT, accounts_chart, months_chart
from renderers.impact_view import NOTHING, headline, rows
from tests.impact.reports import MONTHS, document, price, report, sample, section, told

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><b>",
    "javascript:alert(1)",
    "{{ 7 * 7 }}",
    "\u202egpj",
    "a\x00b",
)


def page(impact: Impact) -> str:
    return render_impact(impact, "html", gate("5%").judge(impact), told())


# --- CSV --------------------------------------------------------------------------------------------------------------------------


def table(impact: Impact) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(render_impact(impact, "csv", (), told()))))


def test_a_row_for_each_document_and_change() -> None:
    found = [
        (row["section"], row["document"], row["by"], row["where"], row["change"])
        for row in table(sample())
        if "sunset" in row["document"]
    ]

    assert found[0] == ("issued", "DRAFT-sunset-2026-10", "", "", "0.00")
    assert found[1:3] == [
        ("forward", "DRAFT-sunset-2026-08", "geo-base:NYC/RN", "rates/geo-base.yaml:13", "30.00"),
        ("forward", "DRAFT-sunset-2026-08", "fees, coupons and limits that follow", "", "-10.00"),
    ]


def test_the_changes_of_a_csv_add_up_to_those_of_the_documents() -> None:
    rows_ = table(sample())
    by_document = {row["section"] + row["document"]: row["document_change"] for row in rows_}

    assert sum(cents(row["change"]) for row in rows_) == sum(map(cents, by_document.values()))
    for row in rows_:
        assert cents(row["document_after"]) - cents(row["document_before"]) == cents(row["document_change"])


def cents(text: str) -> int:
    return int(text.replace(".", ""))


def test_a_document_that_one_side_does_not_make_has_an_empty_cell() -> None:
    (row,) = table(report(section("issued", document("acme", "2026-10", None, 5_00))))

    assert (row["document_before"], row["document_after"], row["document_change"]) == ("", "5.00", "5.00")


def test_a_spreadsheet_runs_nothing() -> None:
    formula = "=1+1"
    change = price(formula, after=Source("+rates.yaml", 1))
    bad = document(formula, "2026-10", 100, 90, {formula: -10}, unsound="@x")
    (row,) = table(report(section("issued", replace(bad, number="-a"), note=""), changes=(change,)))

    assert [row[name] for name in ("document", "account", "by", "where", "unsound")] == [
        "'-a",
        "'=1+1",
        "'=1+1",
        "'+rates.yaml:1",
        "'@x",
    ]
    assert row["change"] == "-0.10"


# --- JSON -------------------------------------------------------------------------------------------------------------------------


def test_json_has_everything_exactly() -> None:
    found = json.loads(render_impact(sample(), "json", gate("5%").judge(sample()), told()))

    assert found["schema"] == "inforce.impact/1"
    assert found["headline"] == headline(sample(), told())
    assert (found["before"], found["after"]) == ("main (91c02be)", "rates-2027 (4fe3a17)")
    assert [each["passed"] for each in found["gate"]] == [True, True, True]
    assert found["forward"]["totals"]["USD"]["change"] == 90_02


# --- the page ---------------------------------------------------------------------------------------------------------------------


class Seen(HTMLParser):
    """Every tag with its attributes, and all text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_a_page_holds_all_that_it_shows() -> None:
    text = page(sample())
    seen = Seen(text)

    assert not {"script", "link", "img", "iframe", "object", "form", "a"} & {tag for tag, _ in seen.tags}
    assert not [
        name for _, attributes in seen.tags for name in attributes if name in {"src", "href", "style"} or name.startswith("on")
    ]
    assert set(re.findall(r"url\(\"?([a-z:/]{10})", text)) == {"data:font/"}
    assert "http://" not in text
    assert "https://" not in text


def test_the_policy_of_a_page_allows_its_style_sheet_and_nothing_else() -> None:
    text = page(sample())
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    policy = next(attributes["content"] for _, attributes in Seen(text).tags if "http-equiv" in attributes)

    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; font-src data:; base-uri 'none'; form-action 'none'"


def test_a_page_tells_everything() -> None:
    text = " ".join(" ".join(Seen(page(sample())).text).split())

    for each in (
        headline(sample(), told()), "main (91c02be) → rates-2027 (4fe3a17)", "edited by Dana Ortiz", "price geo-base:NYC/RN 68.00 -> 70.00 (+2.9%)",
        "contract 2027, clause 4", "2026-09-01: 70.00", "own override 66.00 wins at mercy-north (rates/accounts/mercy.yaml:5)",
        "fees, coupons and limits that follow -10.00", "2 of 2 are what was issued, byte for byte.", "passed issued: +10.00 USD (+0.7%) within 5%",
        "within reach, and no line of it differs",
    ):  # fmt: skip
        assert each in text


def test_a_page_says_unsound_first() -> None:
    bad = document("acme", "2026-10", 100, 110, unsound="the base side does not make it")
    text = page(report(section("issued", bad), checked=1, unsound=(bad,)))
    body = text[text.index("<body>") :]

    assert body.index("UNSOUND") < body.index("the base side does not make it") < body.index('class="cards"')


def test_a_page_of_nothing_says_so() -> None:
    assert f"<h1>{NOTHING}</h1>" in page(report(section("forward", note="rules in force on 2026-11-01")))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_book_stays_text(text: str) -> None:
    change = price(
        f"t:{text}", provenance=Provenance(text, text, text, text), after=Source(text, 3), shields=(Shield(f"{text}:x", (text,), None, None, Source(text, 1)),)
    )  # fmt: skip
    bad = replace(document(text, "2026-10", 100, 200, {change.id: 100}, unsound=text), number=text)
    impact = report(section("issued", bad), changes=(change,), unsound=(bad,), checked=1)
    shown = render_impact(
        impact, "html", (), told(before=text, after=text, authors=(text,), lines={f"{text}:3": text}, prices={f"{text}:x": text})
    )
    plain = report(section("issued", document("acme", "2026-10", 100, 200)), unsound=(bad,), checked=1)

    assert {tag for tag, _ in Seen(shown).tags} <= {tag for tag, _ in Seen(page(plain)).tags} | {"code"}
    assert not [name for _, attributes in Seen(shown).tags for name in attributes if name.startswith("on")]
    assert "\x00" not in shown
    assert "\u202e" not in shown


def test_colours_of_texts_have_the_contrast_that_people_need() -> None:
    """WCAG AA: 4.5 to 1 on the page and on the tint of cards; 3 to 1 for what draws a bar."""
    style = page(sample())
    inks = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", style))

    for name in ("ink", "soft", "issued", "open", "forward"):
        assert contrast(inks[name], inks["paper"]) >= 4.5
        assert contrast(inks[name], inks["tint"]) >= 4.5
    for colour, ground in (("#8f1c13", "#fef3f2"), ("#8f1c13", "#ffffff"), ("#14532d", "#ffffff")):
        assert contrast(colour, ground) >= 4.5
    drawn = set(re.findall(r'(?:fill|stroke)="(#[0-9a-f]{6})"', style))
    assert drawn <= {*inks.values(), "#d7e6ee"}


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


# --- charts -----------------------------------------------------------------------------------------------------------------------


def test_the_bars_of_a_month_are_as_long_as_its_change_and_groups_stand_apart() -> None:
    chart = months_chart(
        report(
            section("issued", document("a", "2026-09", 0, 10_00), document("a", "2026-10", 0, 20_00)), section("open", document("a", "2026-11", 0, -20_00)),
            section("forward", document("a", "2026-10", 0, 5_00)),
        ),
        "USD",
    )  # fmt: skip

    assert chart is not None
    heights = [[bar.height for bar in group.bars] for group in chart.groups]
    assert [len(each) for each in heights] == [2, 1, 1]
    assert heights[0] == [PLOT // 4, PLOT // 2]
    assert heights[1] == [PLOT // 2]
    assert chart.groups[1].bars[0].y == chart.zero
    edges = [(group.x, group.x + group.width) for group in chart.groups]
    assert all(one[1] < other[0] for one, other in itertools.pairwise(edges))
    bars = [(bar.x, bar.x + bar.width) for group in chart.groups for bar in group.bars]
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(bars))


def test_all_bars_lie_in_the_drawing_however_many_months_there_are() -> None:
    names = [f"{year}-{month:02}" for year in (2023, 2024, 2025, 2026) for month in range(1, 13)]
    documents = [document("a", name, 0, (-1) ** number * number * 1_000) for number, name in enumerate(names)]
    chart = months_chart(report(section("issued", *documents), section("forward", *documents)), "USD")

    assert chart is not None
    bars = [bar for group in chart.groups for bar in group.bars]
    assert len(bars) == 96
    assert all(
        bar.x >= 0 and bar.x + bar.width <= chart.width and bar.y >= 0 and bar.y + bar.height <= chart.height for bar in bars
    )
    named = [bar.name_x for bar in bars if bar.name]
    assert len(named) >= 8
    assert all(other - one >= 60 for one, other in itertools.pairwise(named))


def test_ten_accounts_have_bars_and_all_others_one() -> None:
    impact = report(section("issued", *(document(f"a{number:02}", "2026-10", 0, 100 * number) for number in range(1, 31))))
    chart = accounts_chart(impact, impact.issued, rows(impact, impact.issued, told()), "USD")

    assert chart is not None
    (group,) = chart.groups
    assert [bar.name for bar in group.bars] == [f"a{number}" for number in range(30, 20, -1)] + ["20 more"]
    assert group.bars[-1].value == "+210.00"


def test_currencies_have_charts_of_their_own() -> None:
    impact = report(section("issued", document("a", "2026-10", 0, 5), document("b", "2026-10", 0, 7, currency="JPY")))

    assert page(impact).count("<svg") == 4
    assert months_chart(impact, "EUR") is None


def test_long_names_are_cut_beside_their_bars_and_whole_in_the_table() -> None:
    name = "x" * 100
    shown = page(report(section("issued", document(name, MONTHS[0], 0, 5))))

    assert f'<text x="0" y="24">{"x" * 11}…{"x" * 11}</text>' in shown
    assert f'<th scope="row">{name}</th>' in shown
