"""The software service's October corrected: seats, tiers, a coupon, an agreed minimum, two taxes on one line, an exempt account."""

from __future__ import annotations

from pathlib import Path

from connectors.files import activity_by_kind, named_files
from connectors.workspace import find_workspace
from engine.causes import causes_of
from engine.dates import parse_period
from engine.pipeline import Preview, preview
from engine.ratebook.build import build
from engine.ratebook.difference import difference
from engine.ratebook.files import read_workspace_files
from engine.steps.rate import Rater
from tests.corrections.billing import Books, replayed, standing, sums, totals
from tests.workspaces import ROOT

FOLDER = ROOT / "examples" / "saas"
EDITS = {
    "rates/plans.yaml": [("price: 15.50", "price: 15.37")],
    "rates/taxes.yaml": [("6.25%", "6.375%")],
    "rates/accounts/alder-freight.yaml": [("percent: 15%", "percent: 12.5%")],
    "rates/accounts/quarry-games.yaml": [("commitment: 6500.00", "commitment: 7000.00")],
}


def test_october_of_the_service_converges() -> None:
    files = read_workspace_files(FOLDER)
    before = build(files)
    books = Books()
    books.issue(_billed(files))
    for path, edits in EDITS.items():
        text = files[path].decode()
        for old, new in edits:
            assert old in text
            text = text.replace(old, new)
        files = {**files, path: text.encode()}
        now, after = _billed(files), build(files)
        changes = difference(before, after).changes
        made = books.correct(now, causes_of(changes, (), lambda _: None, sums=False))
        assert made, path
        assert standing(books.issued) == replayed(now)
        assert sums([each.assembled for each in books.issued], totals) == sums(now.assembled, totals)
        causes = {(cause.kind, cause.id) for each in made for part in each.corrected for cause in part.causes}
        assert causes <= {(change.what, change.id) for change in changes}
        before = after


def _billed(files: dict[str, bytes]) -> Preview:
    book = build(files)
    paths: tuple[Path, ...] = find_workspace(FOLDER).activity_files()
    return preview(Rater(book), activity_by_kind(named_files(paths, FOLDER), book.kinds), parse_period("2026-10"))
