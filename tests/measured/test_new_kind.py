"""The page on new kinds, followed literally: its files written, its commands run, its lines found."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "new-kind.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_page_is_followed_literally_and_bills_its_lines(tmp_path: Path) -> None:
    for block in (block for kind in ("yaml", "toml", "csv") for block in blocks(kind)):
        first, _, text = block.partition("\n")
        path = tmp_path / first.removeprefix("# file: ")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (commands,) = blocks("sh")
    for command in commands.strip().splitlines():
        words = command.split()
        assert words[0] == "inforce"
        done = subprocess.run(
            [sys.executable, str(ROOT / "cli.py"), *words[1:]], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr + done.stdout
    with (tmp_path / "out" / "DRAFT-faculty-2026-10.csv").open(newline="") as file:
        billed = [
            " ".join([row["description"], row["quantity"], row["unit"], row["price"], row["amount"]])
            for row in csv.DictReader(file)
        ]
    (wanted,) = blocks("lines")
    assert billed == [" ".join(line.split()) for line in wanted.strip().splitlines()]


def test_nothing_in_python_knows_the_kind() -> None:
    folders = ("engine", "renderers", "connectors")
    told = [
        path
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"cost_centre|\"print\"", path.read_text())
    ]
    assert told == []
