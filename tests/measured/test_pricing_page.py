"""The page on pricing: each of its sections billed, and found to give the lines it says."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest

from tests.measured.books import bill, book, lines, rows

PAGE = (Path(__file__).parent.parent.parent / "docs" / "pricing.md").read_text(encoding="utf-8")
SECTIONS = {text.partition("\n")[0]: text for text in PAGE.split("\n## ")[1:] if "```lines" in text}


def blocks(text: str, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def activity(block: str) -> tuple[str, str, pl.DataFrame]:
    """The kind, the period and the rows of a block of activity."""
    first, header, *cells = block.strip().splitlines()
    said = re.fullmatch(r"# kind: ([a-z]+), period: (\S+)", first)
    assert said is not None
    names = header.split(",")
    told = [dict(zip(names, row.split(","), strict=True)) for row in cells]
    return said[1], said[2], rows(*told) if told else pl.DataFrame(schema={"file": pl.String, "row": pl.Int64})


@pytest.mark.parametrize("title", SECTIONS)
def test_a_section_gives_the_lines_it_says(title: str) -> None:
    text = SECTIONS[title]
    files = {first.removeprefix("# file: "): rest for first, _, rest in (block.partition("\n") for block in blocks(text, "yaml"))}
    if "rates/flat.yaml" in files:
        files["rates/prices.yaml"] = files.pop("rates/flat.yaml")
    kind, period, frame = activity(blocks(text, "csv")[0])
    found = bill(book(files), period, **{kind: frame})
    assert not found.rejects
    wanted = [tuple(cell.strip() for cell in line.split("|")) for line in blocks(text, "lines")[0].strip().splitlines()]
    assert lines(found) == wanted


def test_every_model_has_a_section() -> None:
    assert len(SECTIONS) >= 19
