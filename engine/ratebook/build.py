"""Files to a rule book: every problem of every file, or the typed book."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from engine.problems import Problem, ProblemsFound
from engine.ratebook.book import RuleBook
from engine.ratebook.build_policies import Names, build_policies
from engine.ratebook.build_rates import build_accounts, build_tables, build_terms
from engine.ratebook.build_rules import (
    build_calendar,
    build_formulas,
    build_holidays,
    build_items,
    build_kinds,
    build_premiums,
    build_rounding,
    build_texts,
    build_windows,
    the_one,
)  # fmt: skip
from engine.ratebook.forms import Findings, read_forms
from engine.ratebook.meaning import meaning


def build(files: Mapping[str, bytes]) -> RuleBook:
    """The rule book in `files` (path to content); raises ProblemsFound with all that is wrong."""
    book, problems = problems_in(files)
    if book is None:
        raise ProblemsFound(problem for problem in problems if problem.severity == "error")
    return book


def problems_in(files: Mapping[str, bytes]) -> tuple[RuleBook | None, list[Problem]]:
    """The rule book, unless there are errors, and everything found."""
    found = Findings()
    forms = read_forms(files, found)
    calendar, rounding, items, lines = (the_one(forms[kind], kind, found) for kind in ("calendar", "rounding", "items", "lines"))
    tables = build_tables(forms["rate-table"], found)
    declared, default_terms = build_terms(forms["terms"], found)
    formulas = build_formulas(forms["formula"], found)
    premiums_form = the_one(forms["premiums"], "premiums", found) if forms["premiums"] else None
    premiums = build_premiums(premiums_form, formulas, tables, declared, found)
    known_items = build_items(items, tables, found) if items is not None else {}
    accounts = build_accounts(forms["account"], tables, declared, {"item": known_items, "premium": premiums}, found)
    sites = {site.site: site for account in accounts.values() for site in account.sites}
    holidays = build_holidays(forms["holidays"], found)
    windows = build_windows(forms["segments"], holidays, found)
    roundings = build_rounding(rounding) if rounding is not None else None
    kinds = build_kinds(forms["activity"], roundings, found)
    names = Names(kinds, known_items, declared, windows, premiums, accounts, sites)
    policies = build_policies(forms["policy"], names, found)
    _row_keys(tables, known_items, premiums, accounts, sites, found)
    texts = build_texts(lines, found) if lines is not None else None
    failed = any(problem.severity == "error" for problem in found.problems)
    if failed or calendar is None or roundings is None or texts is None:
        return None, found.problems
    book = RuleBook(
        build_calendar(calendar), roundings, kinds, known_items, tables, accounts, sites, declared, default_terms, holidays, windows, policies,
        premiums, formulas, texts, "",
    )  # fmt: skip
    return replace(book, meaning=meaning(book)), found.problems


def _row_keys(
    tables: Mapping[str, object], items: Mapping[str, object], premiums: Mapping[str, object], accounts: Mapping[str, object], sites: Mapping[str, object],
    found: Findings,
) -> None:  # fmt: skip
    """Every name in the key of a rate row must exist."""
    from engine.ratebook.book import RateTable
    from engine.ratebook.forms import named

    known = {"item": items, "premium": premiums, "account": accounts, "site": sites}
    for table in tables.values():
        for row in table.rows.values() if isinstance(table, RateTable) else ():
            for column, value in row.key.items():
                if column in known and known[column] and value not in known[column]:
                    found.unknown("R023", named(value, row.source), column, known[column])
