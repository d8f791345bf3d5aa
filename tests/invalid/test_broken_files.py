"""Broken rule files on disk, one mistake each: what check says of the sample rule book with that file in it.

A file begins with comments: the path at which it stands in the book, then each finding, its place and words of its message or remedy.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.problems import Problem
from engine.ratebook.catalogue import CATALOGUE
from engine.ratebook.crosscheck import check
from tests.sample_book import sample_texts

_FINDING = re.compile(r"# (R[0-9]{3}) (?:(\S+\.yaml):)?([0-9]+):([0-9]+) (.+)")


@dataclass(frozen=True)
class Expected:
    """A finding: its code, its place, and words that are in its message or remedy."""

    code: str
    place: str
    words: str


@dataclass(frozen=True)
class Mistake:
    """A broken file, where it stands in the book, and all that check finds."""

    name: str
    path: str
    text: str
    findings: tuple[Expected, ...]


def read_mistake(file: Path) -> Mistake:
    text = file.read_bytes().decode()
    first, *lines = text.split("\n")
    path = first.removeprefix("# ")
    findings = []
    for line in lines:
        match = _FINDING.fullmatch(line)
        if match is None:
            break
        code, where, row, column, words = match.groups()
        findings.append(Expected(code, f"{where or path}:{row}:{column}", words))
    return Mistake(file.stem, path, text, tuple(findings))


MISTAKES = [read_mistake(file) for file in sorted(Path(__file__).parent.glob("*.yaml"))]


@pytest.mark.parametrize("mistake", MISTAKES, ids=[each.name for each in MISTAKES])
def test_a_mistake_is_found_where_it_stands(mistake: Mistake) -> None:
    texts = {**sample_texts(), mistake.path: mistake.text}

    found = check({path: text.encode() for path, text in texts.items()})

    assert mistake.findings, "the file does not say what is wrong with it"
    assert sorted((each.code, str(each.source)) for each in found) == sorted((each.code, each.place) for each in mistake.findings)
    for expected in mistake.findings:
        assert any(is_as(problem, expected) for problem in found), "\n".join(map(str, found))


def is_as(problem: Problem, expected: Expected) -> bool:
    said = f"{problem.message}. {problem.remedy}".lower()
    return (problem.code, str(problem.source)) == (expected.code, expected.place) and expected.words.lower() in said


def test_the_files_cover_what_can_be_wrong_with_one_file() -> None:
    assert len(MISTAKES) > 60
    codes = {finding.code for mistake in MISTAKES for finding in mistake.findings}
    assert codes <= set(CATALOGUE)
    assert len(codes) > 50
