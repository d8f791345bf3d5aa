"""Templates from our own folders only: every text is escaped and made fit to be shown, and a name that is not there is an error."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from engine.problems import InvariantError


@lru_cache
def environment(folder: str, seen: Callable[[str], str]) -> Environment:
    """The templates of one of the folders beside this file; `seen` makes each text fit to be shown, and nothing is an error, too."""

    def finalize(value: object) -> object:
        if value is None:
            raise InvariantError("a field that is empty was about to be printed; this is an error of the template")
        return seen(value) if type(value) is str else value

    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / folder),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
