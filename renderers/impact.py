"""The report of an impact in each of its forms."""

from __future__ import annotations

import json
from collections.abc import Sequence

from engine.gate import Verdict
from engine.impact import Impact


def render_impact(impact: Impact, form: str, verdicts: Sequence[Verdict]) -> str:
    """The report as json."""
    told = impact.canonical() | {
        "gate": [{"section": each.section, "text": each.text(), "passed": each.passed} for each in verdicts]
    }
    return json.dumps(told, indent=2, ensure_ascii=False)
