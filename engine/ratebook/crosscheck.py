"""Check: everything that can be said about a rule book by itself, worked examples included, and what recent activity adds to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.problems import Problem
from engine.ratebook.approvals import approvals_in
from engine.ratebook.approvals_due import approval_findings, unknown_approvers
from engine.ratebook.book import RuleBook
from engine.ratebook.build import problems_in
from engine.ratebook.caps import building_findings, cap_findings
from engine.ratebook.cases import rule_findings
from engine.ratebook.examples import run_examples
from engine.ratebook.gaps import Gap, gaps, told
from engine.ratebook.nodes import no_collection
from engine.ratebook.policies import trial_compile
from engine.ratebook.resolver import SlotError
from engine.ratebook.slots import compile_slot
from engine.ratebook.unused import unused
from engine.ratebook.window_rates import window_findings

if TYPE_CHECKING:
    import polars as pl

Evidence = Callable[[], "pl.DataFrame | None"]
"""Recent activity (site, item, day, id, file, row), read only if it is asked for; None if there is none."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found, and how much it looked at. Of gaps it depends on activity what is said, so they stand apart."""

    problems: tuple[Problem, ...]
    gaps: tuple[Gap, ...] = ()
    prices: int = 0
    examples: int = 0

    def all_problems(self, evidence: Evidence | None = None) -> list[Problem]:
        """Everything that was found, with what activity shows."""
        activity = evidence() if evidence is not None and any(gap.items for gap in self.gaps) else None
        return [*self.problems, *told(self.gaps, activity)]


def check(files: Mapping[str, bytes], evidence: Evidence | None = None) -> list[Problem]:
    """All problems of the files; if there are no errors, also those that show when the rules are compiled and the examples run."""
    return checked(files).all_problems(evidence)


def checked(files: Mapping[str, bytes]) -> Checked:
    """What is found in the files by themselves."""
    book, problems = problems_in(files)
    return Checked(tuple(problems)) if book is None else checked_book(files, book, problems)


@no_collection()
def checked_book(files: Mapping[str, bytes], book: RuleBook, warnings: Iterable[Problem]) -> Checked:
    """What is found in files whose book was built, with some warnings."""
    problems = list(warnings)
    for findings in (rule_findings, unused, window_findings, cap_findings, building_findings, approval_findings):
        problems += findings(book)
    problems += unknown_approvers(book, approvals_in(files))
    uncompiled = _uncompiled(book)
    problems += [uncompiled] if uncompiled is not None else run_examples(book)
    prices = sum(len(row.prices) for table in book.tables.values() for row in table.rows.values())
    agreed = len(list(book.overrides()))
    return Checked(tuple(problems), tuple(gaps(book)), prices + agreed, _examples(book))


def _examples(book: RuleBook) -> int:
    policies = sum(len(policy.examples) for policy in book.policies.values())
    formulas = sum(len(version.examples) for formula in book.formulas.values() for version in formula.versions)
    return policies + formulas + sum(len(table.examples) for table in book.tables.values()) + len(book.examples)


def _uncompiled(book: RuleBook) -> Problem | None:
    """The policy that durable-rules cannot compile, tried in a process of its own."""
    try:
        trial_compile([compile_slot(policy).slot for policy in book.policies.values()])
    except SlotError as error:
        what, _, remedy = str(error).partition("\n")
        named = (each for each in book.policies.values() if what.startswith(f"policy {each.slot!r}"))
        source = next(named, next(iter(book.policies.values()))).source
        return Problem("R054", source, what.rstrip("."), remedy.rstrip("."))
    return None
