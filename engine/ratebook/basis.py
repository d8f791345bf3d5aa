"""The billable slot's answers as values and as canonical texts."""

from __future__ import annotations

import re

from engine.problems import InvariantError
from engine.ratebook.book import Basis

_SCHEDULED = re.compile(r"scheduled ([0-9]+)/([0-9]+) at least ([0-9]+)s round up ([0-9]+)s", re.ASCII)


def basis_text(basis: Basis) -> str:
    """`worked`, `none`, `fixed 7200s`, `fixed term cancel-hours`, `scheduled 1/2 at least 7200s round up 900s`."""
    if basis.form == "fixed":
        return f"fixed term {basis.term}" if basis.term is not None else f"fixed {basis.seconds}s"
    if basis.form == "scheduled":
        return f"scheduled {basis.share[0]}/{basis.share[1]} at least {basis.at_least}s round up {basis.round_up}s"
    return basis.form


def parse_basis(text: str) -> Basis:
    """The value that `basis_text` wrote."""
    if text == "worked":
        return Basis("worked")
    if text == "none":
        return Basis("none")
    if text.startswith("fixed term "):
        return Basis("fixed", term=text.removeprefix("fixed term "))
    if match := re.fullmatch(r"fixed ([0-9]+)s", text, re.ASCII):
        return Basis("fixed", seconds=int(match[1]))
    if match := _SCHEDULED.fullmatch(text):
        up, down, least, step = (int(number) for number in match.groups())
        return Basis("scheduled", share=(up, down), at_least=least, round_up=step)
    raise InvariantError(
        f"{text!r} is not an answer of the billable slot; this is a fault of the engine, check should have refused it"
    )
