"""What a check found as text and back, so that it can be kept on disk; the text holds values alone."""

from __future__ import annotations

import json
from datetime import date
from typing import Any, TypeAlias

from engine.problems import Problem, Source
from engine.ratebook.crosscheck import Checked
from engine.ratebook.gaps import Gap

_Told: TypeAlias = list[Any]  # Any: JSON


def told(found: Checked) -> bytes:
    """A check as text."""
    problems = [_problem(each) for each in found.problems]
    gaps = [
        [list(gap.items), [[site, start.toordinal(), end.toordinal()] for site, start, end in gap.sites], _problem(gap.problem), gap.is_silent]
        for gap in found.gaps
    ]  # fmt: skip
    return json.dumps([problems, gaps, found.prices, found.examples], separators=(",", ":")).encode()


def read(text: bytes) -> Checked:
    """The check that a text was made of."""
    problems, gaps, prices, examples = json.loads(text)
    return Checked(
        tuple(map(_read_problem, problems)),
        tuple(
            Gap(
                tuple(items),
                tuple((site, date.fromordinal(start), date.fromordinal(end)) for site, start, end in sites),
                _read_problem(problem),
                is_silent,
            )
            for items, sites, problem, is_silent in gaps
        ),
        prices,
        examples,
    )


def _problem(problem: Problem) -> _Told:
    source = problem.source
    related = [[place.path, place.line, place.column, said] for place, said in problem.related]
    return [
        problem.code, source.path, source.line, source.column, problem.message, problem.remedy, problem.severity, problem.width, related,
    ]  # fmt: skip


def _read_problem(told: _Told) -> Problem:
    code, path, line, column, message, remedy, severity, width, related = told
    places = tuple((Source(path, line, column), said) for path, line, column, said in related)
    return Problem(code, Source(path, line, column), message, remedy, severity, width, places)
