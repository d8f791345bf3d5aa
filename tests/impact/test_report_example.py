"""The example of docs/impact.md is what the command prints; INFORCE_GOLDEN=write makes it again."""

from __future__ import annotations

import os

from engine.gate import gate
from renderers.impact import render_impact
from tests.impact.reports import sample, told
from tests.workspaces import ROOT

PAGE = ROOT / "docs" / "impact.md"


def test_the_example_on_the_page_is_what_is_printed() -> None:
    shown = render_impact(sample(), "human", gate("5%").judge(sample()), told())
    head, fence, rest = PAGE.read_text("utf-8").partition("-->\n```\n")
    before, end, tail = rest.partition("```\n")
    if os.environ.get("INFORCE_GOLDEN") == "write":
        PAGE.write_text(f"{head}{fence}{shown}\n{end}{tail}", "utf-8")
    else:
        assert before == f"{shown}\n"
