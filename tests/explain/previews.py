"""Months explained whole, in one process: the example agency's, and those of the example workspaces."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from connectors.demo import october
from connectors.files import activity_by_kind, named_files
from connectors.workspace import find_workspace
from engine.dates import parse_period
from engine.explain import Explainer
from engine.pipeline import Preview, preview
from engine.ratebook.book import RuleBook
from engine.ratebook.build import build
from engine.ratebook.files import read_workspace_files
from engine.steps.rate import Rater
from tests.workspaces import ROOT

Told = dict[str, Any]


class Month(NamedTuple):
    """A month with its rule book."""

    book: RuleBook
    preview: Preview


@cache
def agency() -> Month:
    """October of the example agency."""
    book = build(read_workspace_files(ROOT))
    rows = [{"file": "activity/2026-10.csv", "row": number, **row} for number, row in enumerate(october(book), start=2)]
    frame = pl.DataFrame(rows, schema_overrides={"row": pl.Int64}, infer_schema_length=None).fill_null("")
    return Month(book, preview(Rater(book), {"shift": frame}, parse_period("2026-10"), inside=True))


@cache
def example(name: str) -> Month:
    """October of an example workspace."""
    folder: Path = ROOT / "examples" / name
    book = build(read_workspace_files(folder))
    rows = activity_by_kind(named_files(find_workspace(folder).activity_files(), folder), book.kinds)
    return Month(book, preview(Rater(book), rows, parse_period("2026-10"), inside=True))


@cache
def explained(name: str) -> tuple[Told, ...]:
    """The explanations of all lines of a month."""
    month = agency() if name == "agency" else example(name)
    explainer = Explainer(month.book, month.preview)
    return tuple(told for number in explainer.documents for told in explainer.lines(number))
