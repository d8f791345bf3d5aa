"""Lessons: what each code of a finding means for money, with a wrong and a right snippet; read from `codes.md`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.ratebook.catalogue import CATALOGUE

_FILE = Path(__file__).parent / "codes.md"
_LESSON = re.compile(r"^## (R[0-9]{3})\n\n", re.MULTILINE)
_PARTS = re.compile(
    r"(?P<why>.+?)\n\nWrong(?:, in `(?P<path>[^`]+)`)?:\n\n(?P<wrong>.+?)\n\nRight:\n\n(?P<right>.+?)\n\n(?P<remedy>[^ ].*)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Lesson:
    """A code, why it matters, and two snippets; `path` says into which file of a rule book they go, if they can stand alone."""

    code: str
    what: str
    why: str
    path: str
    wrong: str
    right: str
    remedy: str


def lessons() -> Mapping[str, Lesson]:
    """The lessons by code."""
    _, *parts = _LESSON.split(_FILE.read_text(encoding="utf-8"))
    return {code: _lesson(code, text) for code, text in zip(parts[::2], parts[1::2], strict=True)}


def lesson_text(lesson: Lesson) -> str:
    """A lesson as it is printed."""
    place = f", in {lesson.path}" if lesson.path else ""
    return (
        f"{lesson.code}: {lesson.what}\n\n{lesson.why}\n\nWrong{place}:\n\n{_shown(lesson.wrong)}\n\nRight:\n\n{_shown(lesson.right)}\n\n"
        f"{lesson.remedy}\n"
    )


def _lesson(code: str, text: str) -> Lesson:
    match = _PARTS.fullmatch(text.strip("\n"))
    if match is None:
        raise ValueError(f"{_FILE.name}: the lesson of {code} is not in its form")
    wrong, right = (_outdented(match[side]) for side in ("wrong", "right"))
    return Lesson(code, CATALOGUE.get(code, ""), match["why"], match["path"] or "", wrong, right, match["remedy"])


def _outdented(snippet: str) -> str:
    return "\n".join(line[4:] for line in snippet.split("\n"))


def _shown(snippet: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in snippet.split("\n"))
