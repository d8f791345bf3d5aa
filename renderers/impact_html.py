"""The report of an impact as one self-contained page: styles, typefaces and charts inside, no script, nothing fetched, ready to print."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256

from markupsafe import Markup

from engine.gate import Verdict
from engine.impact import Impact
from renderers.characters import visible
from renderers.impact_charts import accounts_chart, currencies, months_chart
from renderers.impact_text import cause_words
from renderers.impact_view import (
    NAMES,
    NOTHING,
    UNTOUCHED,
    Context,
    approval_of,
    by_period,
    by_rule,
    cells_of,
    computed,
    figures_of,
    headline,
    is_silent,
    place,
    place_of,
    rows,
    section_note,
    shield_words,
    sums,
)
from renderers.templating import environment
from renderers.typefaces import families, screen_faces

ROWS_MAX = 300  # of a table; the CSV has them all


def render(impact: Impact, verdicts: Sequence[Verdict], context: Context) -> str:
    """The page."""
    templates = environment("pages", visible)
    fonts = {"sans": Markup(families("sans")), "mono": Markup(families("mono"))}  # noqa: S704 - our own names
    style = Markup(f"\n{screen_faces()}{templates.get_template('impact.css').render(fonts)}\n")  # noqa: S704 - our own files
    accounts = [(section, rows(impact, section, context)) for section in impact.sections]
    charts = [chart for currency in currencies(impact) if (chart := months_chart(impact, currency)) is not None]
    by_account = [
        (section, found, [chart for each in currencies(impact) if (chart := accounts_chart(impact, section, found, each)) is not None])
        for section, found in accounts
    ]  # fmt: skip
    return templates.get_template("impact.html.j2").render(
        impact=impact,
        context=context,
        verdicts=verdicts,
        headline=headline(impact, context),
        nothing=NOTHING if is_silent(impact) else "",
        style=style,
        style_hash=b64encode(sha256(style.encode()).digest()).decode(),
        family=f"{families('sans')}, system-ui, sans-serif".replace('"', "'"),
        names=NAMES,
        charts=charts,
        by_account=by_account,
        rules=by_rule(impact),
        computed=computed(impact, context),
        rows_max=ROWS_MAX,
        untouched=UNTOUCHED,
        sums=lambda section: sums(impact, section),
        section_note=lambda section: section_note(impact, section),
        by_period=by_period,
        cells_of=cells_of,
        figures_of=figures_of,
        approval_of=lambda change: approval_of(change, context),
        place=place,
        place_of=place_of,
        cause_words=cause_words,
        shield_words=lambda shield: shield_words(shield, context),
    )
