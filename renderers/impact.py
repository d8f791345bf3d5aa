"""The report of an impact in each of its forms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module

from engine.gate import Verdict
from engine.impact import Impact
from renderers.impact_view import Context

_FORMS: Mapping[str, str] = {
    "human": "impact_text",
    "md": "impact_markdown",
    "json": "impact_json",
    "csv": "impact_csv",
    "html": "impact_html",
}


def render_impact(impact: Impact, form: str, verdicts: Sequence[Verdict], context: Context | None = None) -> str:
    """The report as human, md, json, csv or html. As md it is empty if there is nothing to tell."""
    render: Callable[[Impact, Sequence[Verdict], Context], str] = import_module(f"renderers.{_FORMS[form]}").render
    return render(impact, verdicts, context or Context())
