"""Findings as people read them: code, place, the line itself with a caret, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from engine.canonical import Json
from engine.problems import Problem, Source

ReadText = Callable[[str], str | None]


def render(problems: Iterable[Problem], read_text: ReadText) -> str:
    """All problems in the order of their places, each with an excerpt of its file."""
    cached: dict[str, list[str]] = {}

    def line_of(source: Source) -> str | None:
        if source.path not in cached:
            cached[source.path] = (read_text(source.path) or "").splitlines()
        lines = cached[source.path]
        return lines[source.line - 1] if 0 < source.line <= len(lines) else None

    return "\n\n".join(_render(problem, line_of) for problem in ordered(problems))


def render_json(problems: Iterable[Problem]) -> list[Json]:
    """All problems as canonical JSON values."""
    return [
        {
            "code": problem.code,
            "severity": problem.severity,
            "path": problem.source.path,
            "line": problem.source.line,
            "column": problem.source.column,
            "message": problem.message,
            "help": problem.remedy,
            "related": [
                {"path": place.path, "line": place.line, "column": place.column, "message": said}
                for place, said in problem.related
            ],
        }
        for problem in ordered(problems)
    ]


def ordered(problems: Iterable[Problem]) -> list[Problem]:
    """Problems by place, then code."""
    return sorted(problems, key=lambda problem: (problem.source, problem.code, problem.message))


def _render(problem: Problem, line_of: Callable[[Source], str | None]) -> str:
    places = [(problem.source, "", "^" * problem.width), *((place, said, "-") for place, said in problem.related)]
    numbers = [str(place.line) for place, _, _ in places if place.line]
    gutter = max((len(number) for number in numbers), default=1)
    lines = [f"{problem.severity}[{problem.code}]: {problem.message}", f"{'':{gutter}}--> {problem.source}"]
    excerpts = []
    for place, said, mark in sorted(places):
        text = line_of(place)
        if text is None:
            continue
        if place.path != problem.source.path:
            excerpts.append(f"{'':{gutter}} ::: {place}")
        excerpts.append(f"{place.line:>{gutter}} | {text}")
        under = f"{'':{max(place.column - 1, 0)}}{mark[: max(len(text) - place.column + 1, 1)]}"
        excerpts.append(f"{'':{gutter}} | {under}{' ' + said if said else ''}")
    if excerpts:
        lines += [f"{'':{gutter}} |", *excerpts]
    lines.append(f"{'':{gutter}} = help: {problem.remedy}")
    return "\n".join(lines)
