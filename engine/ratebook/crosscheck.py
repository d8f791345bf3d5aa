"""Check: everything that can be said about a rule book without activity, worked examples included."""

from __future__ import annotations

from collections.abc import Mapping

from engine.problems import Problem
from engine.ratebook.book import RuleBook
from engine.ratebook.build import problems_in
from engine.ratebook.examples import run_examples
from engine.ratebook.policies import trial_compile
from engine.ratebook.resolver import SlotError
from engine.ratebook.slots import compile_slot
from engine.ratebook.ties import ties


def check(files: Mapping[str, bytes]) -> list[Problem]:
    """All problems of the files; if there are no errors, also those that show when the rules are compiled and the examples run."""
    book, problems = problems_in(files)
    if book is None:
        return problems
    problems += (tie for policy in book.policies.values() for tie in ties(policy))
    uncompiled = _uncompiled(book)
    return [*problems, uncompiled] if uncompiled is not None else [*problems, *run_examples(book)]


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
