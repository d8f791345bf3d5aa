"""The report of an impact as JSON: everything, and nothing that is rounded."""

from __future__ import annotations

import json
from collections.abc import Sequence

from engine.gate import Verdict
from engine.impact import Impact
from renderers.impact_view import Context, headline


def render(impact: Impact, verdicts: Sequence[Verdict], context: Context) -> str:
    """The report; amounts are whole minor units over all months of a section."""
    told = impact.canonical() | {
        "headline": headline(impact, context),
        "before": context.before,
        "after": context.after,
        "gate": [{"section": each.section, "text": each.text(), "passed": each.passed} for each in verdicts],
    }
    return json.dumps(told, indent=2, ensure_ascii=False)
