"""Findings as people read them: code, place, the line itself with a caret, and what to do."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable

from engine.canonical import Json
from engine.problems import Problem, Source

ReadText = Callable[[str], str | None]

_LINE_MAX = 120  # of a longer line, the part around the finding is shown
_BEFORE = 40


def render(problems: Iterable[Problem], read_text: ReadText) -> str:
    """All problems in the order of their places, each with an excerpt of its file; `read_text` gives a file's text, or None."""
    cached: dict[str, list[str]] = {}

    def line_of(source: Source) -> str | None:
        if source.path not in cached:
            cached[source.path] = (read_text(source.path) or "").split("\n")
        lines = cached[source.path]
        return lines[source.line - 1].rstrip("\r") if 0 < source.line <= len(lines) else None

    return "\n\n".join(_render(problem, line_of) for problem in ordered(problems))


def render_json(problems: Iterable[Problem]) -> list[Json]:
    """All problems as canonical JSON values, in the order of their places."""
    return [
        {
            "code": problem.code,
            "severity": problem.severity,
            "path": problem.source.path,
            "line": problem.source.line,
            "column": problem.source.column,
            "width": problem.width,
            "message": problem.message,
            "help": problem.remedy,
            "related": [
                {"path": place.path, "line": place.line, "column": place.column, "message": said}
                for place, said in problem.related
            ],
        }
        for problem in ordered(problems)
    ]


def render_github(problems: Iterable[Problem]) -> str:
    """All problems as workflow commands of GitHub, one a line, which it shows at their places in a pull request."""
    return "\n".join(_workflow_command(problem) for problem in ordered(problems))


def _workflow_command(problem: Problem) -> str:
    source = problem.source
    properties = {"file": source.path}
    if source.line:
        properties["line"] = str(source.line)
    if source.column:
        properties |= {"col": str(source.column), "endColumn": str(source.column + problem.width)}
    properties["title"] = problem.code
    said = ",".join(f"{name}={_escaped(value, _IN_PROPERTIES)}" for name, value in properties.items())
    also = "".join(f"\n{place}: {words}" for place, words in problem.related)
    return f"::{problem.severity} {said}::{_escaped(f'{problem.message}. {problem.remedy}.{also}', _IN_MESSAGES)}"


_IN_MESSAGES = (("%", "%25"), ("\r", "%0D"), ("\n", "%0A"))  # the percent sign first
_IN_PROPERTIES = (*_IN_MESSAGES, (":", "%3A"), (",", "%2C"))


def _escaped(text: str, signs: Iterable[tuple[str, str]]) -> str:
    for sign, code in signs:
        text = text.replace(sign, code)
    return text


def ordered(problems: Iterable[Problem]) -> list[Problem]:
    """Problems by place, then code."""
    return sorted(problems, key=lambda problem: (problem.source, problem.code, problem.message))


def _render(problem: Problem, line_of: Callable[[Source], str | None]) -> str:
    places = [(problem.source, "", problem.width), *((place, said, 0) for place, said in problem.related)]
    shown = [(place, said, width, text) for place, said, width in sorted(places) if (text := line_of(place)) is not None]
    gutter = max((len(str(place.line)) for place, *_ in shown), default=1)
    margin = f"{'':{gutter}} "
    lines = [
        f"{problem.severity}[{problem.code}]: {_visible(problem.message)}",
        f"{'':{max(gutter, 2)}}--> {_visible(str(problem.source))}",
    ]
    if shown:
        lines.append(f"{margin}|")
    before = None
    for place, said, width, text in shown:
        if place.path != problem.source.path:
            lines.append(f"{margin}::: {_visible(str(place))}")
        if said or (place.path, place.line) != before:
            excerpt, under = _excerpt(text, place.column, width)
            if (place.path, place.line) != before or len(text) > _LINE_MAX:
                lines.append(f"{place.line:>{gutter}} | {excerpt}")
            lines.append(f"{margin}| {under} {_visible(said)}".rstrip())
        else:
            lines.append(f"{margin}| {_excerpt(text, place.column, width)[1]}".rstrip())
        before = (place.path, place.line)
    lines.append(f"{margin}= help: {_visible(problem.remedy)}")
    return "\n".join(lines)


def _excerpt(text: str, column: int, width: int) -> tuple[str, str]:
    """A line, or the part of it around a column, and what is drawn beneath: carets, or dashes (width 0) under the word there."""
    at = min(max(column - 1, 0), len(text))
    mark = "^" if width else "-"
    width = width or _word_width(text[at:])
    if width > 1 and text[at : at + 1] in ("'", '"'):
        width += 2  # a width counts the text; its quotes stand there too
    start = at - _BEFORE if len(text) > _LINE_MAX and at > _BEFORE else 0
    end = start + _LINE_MAX if len(text) > start + _LINE_MAX else len(text)
    head, tail = "..." if start else "", "..." if end < len(text) else ""
    under = max(_columns(text[at : min(at + width, end)]), 1)
    return f"{head}{_visible(text[start:end])}{tail}", " " * (len(head) + _columns(text[start:at])) + mark * (
        under if column else 0
    )


def _word_width(text: str) -> int:
    word = re.match(r"[\w.<>-]+", text)
    return len(word[0]) if word else 1


def _visible(text: str) -> str:
    """The text with a mark for each character that would move the cursor, turn the direction or not be seen at all."""
    return "".join(
        " " if each == "\t" else "\ufffd" if unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl", "Zp") else each
        for each in text
    )


def _columns(text: str) -> int:
    """How many columns of a terminal the visible text takes."""
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in ("W", "F") else 1 for each in text
    )
