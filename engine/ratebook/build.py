"""Files to a rule book: every problem of every file, or the typed book."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from engine.problems import Problem, ProblemsFound
from engine.ratebook.approvals import build_approvals
from engine.ratebook.book import RuleBook
from engine.ratebook.build_accounts import Agreeable, build_accounts
from engine.ratebook.build_accumulators import build_accumulators, in_order
from engine.ratebook.build_assembly import build_assembly, build_taxes
from engine.ratebook.build_caps import build_caps
from engine.ratebook.build_examples import build_examples
from engine.ratebook.build_formulas import build_formulas, build_premiums
from engine.ratebook.build_policies import build_policies
from engine.ratebook.build_rates import build_tables, build_terms
from engine.ratebook.build_rules import build_calendar, build_items, build_kinds, build_rounding, build_texts, the_one
from engine.ratebook.build_time import build_holidays, build_windows
from engine.ratebook.conditions import Names
from engine.ratebook.crossings import Keys, check_crossings, check_facets, check_keys
from engine.ratebook.forms import Findings, read_forms
from engine.ratebook.meaning import meaning
from engine.ratebook.nodes import no_collection


def build(files: Mapping[str, bytes]) -> RuleBook:
    """The rule book in `files` (path to content); raises ProblemsFound with all that is wrong."""
    book, problems = problems_in(files)
    if book is None:
        raise ProblemsFound(problems)
    return book


@no_collection()
def problems_in(files: Mapping[str, bytes]) -> tuple[RuleBook | None, list[Problem]]:
    """The rule book, unless there are errors, and everything found. A file out of form is not searched for what others name."""
    found = Findings()
    forms = read_forms(files, found)
    build_approvals(forms["approvals"], found, files)
    calendar, rounding, items, lines = (the_one(forms[kind], kind, found) for kind in ("calendar", "rounding", "items", "lines"))
    premium_form = the_one(forms["premiums"], "premiums", found) if forms["premiums"] else None
    by_time = any(form.says("rated-by", "time") == "time" for form in forms["activity"])
    terms, default_terms = build_terms(forms["terms"], found, by_time=by_time)
    tables = build_tables(forms["rate-table"], terms, found)
    formulas = build_formulas(forms["formula"], found)
    premiums = build_premiums(premium_form, formulas, tables, terms, found)
    known_items = build_items(items, tables, found) if items is not None else {}
    accounts = build_accounts(forms["account"], Agreeable(tables, terms, known_items, premiums), found)
    sites = {site.site: site for account in accounts.values() for site in account.sites}
    holidays = build_holidays(forms["holidays"], found)
    windows = build_windows(forms["segments"], holidays, found)
    caps = build_caps(forms["caps"], Keys(known_items, premiums, accounts, sites, windows), tables, found)
    check_keys(forms["rate-table"], Keys(known_items, premiums, accounts, sites, windows), found)
    roundings = build_rounding(rounding) if rounding is not None else None
    kinds = build_kinds(forms["activity"], roundings, found)
    check_facets(tables, kinds, found)
    assembly_form, tax_form = (the_one(forms[kind], kind, found) if forms[kind] else None for kind in ("assembly", "taxes"))
    assembly = build_assembly(assembly_form, known_items, terms, accounts, sites, found)
    taxes = build_taxes(tax_form, known_items, found)
    texts = build_texts(lines, found, by_time=by_time) if lines is not None else None
    accumulator_form = the_one(forms["accumulators"], "accumulators", found) if forms["accumulators"] else None
    accumulators = build_accumulators(accumulator_form, terms, known_items, found)
    decided = frozenset(form["decides"].text for form in forms["policy"])
    every_level = [account.terms for account in accounts.values()] + [site.terms for site in sites.values()]
    entries = (*default_terms, *(entry for level in every_level for entry in level))
    names = Names(kinds, known_items, terms, windows, premiums, accounts, sites, decided, entries, accumulators)
    policies = build_policies(forms["policy"], names, found)
    accumulators = in_order(accumulators, policies, found)
    examples = build_examples(forms["examples"], accounts, known_items, kinds, found)
    if found.failed() or calendar is None or roundings is None or texts is None:
        return None, found.problems
    book = RuleBook(
        build_calendar(calendar), roundings, kinds, known_items, tables, accounts, sites, terms, default_terms, holidays, windows, accumulators,
        policies, premiums, formulas, texts, "", assembly, taxes, caps, examples,
    )  # fmt: skip
    check_crossings(book, found)
    problems = list(dict.fromkeys(found.problems))  # one rate may be out of the bounds of one formula for several premiums
    return (None if found.failed() else replace(book, meaning=meaning(book))), problems
