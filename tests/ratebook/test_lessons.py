"""Every code is taught, and the snippets of a lesson are true: the wrong one makes its finding, the right one does not."""

from __future__ import annotations

import pytest

from engine.ratebook.catalogue import CATALOGUE
from engine.ratebook.crosscheck import check
from engine.ratebook.lessons import Lesson, lessons
from tests.sample_book import sample_texts
from tests.workspaces import inforce

LESSONS = lessons()
ALONE = [lesson for lesson in LESSONS.values() if lesson.path]
_ELSEWHERE = {  # of links and sizes, of other commits, or too long to be shown
    "R001", "R002", "R010", "R011", "R014", "R017", "R030", "R054", "R057", "R058", "R059", "R062", "R094",
}  # fmt: skip


def placed(lesson: Lesson, snippet: str) -> dict[str, str]:
    """The sample book with a snippet: a whole file, in the place of the right one, or at the end of the file."""
    texts = sample_texts()
    text = texts.get(lesson.path, "")
    if not text or snippet.startswith("format: 1"):
        return {**texts, lesson.path: snippet + "\n"}
    for indent in range(9):
        wanted, put = (f"\n{' ' * indent}".join(each.split("\n")) for each in (lesson.right, snippet))
        if wanted in text:
            return {**texts, lesson.path: text.replace(wanted, put, 1)}
    return {**texts, lesson.path: text + snippet + "\n"}


def codes(texts: dict[str, str]) -> set[str]:
    return {problem.code for problem in check({path: text.encode() for path, text in texts.items()})}


def test_every_code_is_taught() -> None:
    assert set(LESSONS) == set(CATALOGUE)
    untested = {code for code, lesson in LESSONS.items() if not lesson.path and code < "R100"}
    assert untested == _ELSEWHERE


@pytest.mark.parametrize("lesson", ALONE, ids=[lesson.code for lesson in ALONE])
def test_the_wrong_snippet_makes_its_finding_and_the_right_one_does_not(lesson: Lesson) -> None:
    assert lesson.code in codes(placed(lesson, lesson.wrong))
    assert lesson.code not in codes(placed(lesson, lesson.right))


def test_a_code_is_taught_on_the_command_line() -> None:
    taught = inforce("check", "--explain", "R034")

    assert taught.returncode == 0
    assert taught.stdout.startswith("R034: A price has no cents;")
    assert "\n    { 2024-01-01: 70, 2026-10-15: 72.55 }\n" in taught.stdout


def test_an_unknown_code_is_wrong_use() -> None:
    refused = inforce("check", "--explain", "r043x")

    assert refused.returncode == 2
    assert "there is no code R043X; did you mean 'R043'?" in refused.stderr
