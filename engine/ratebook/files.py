"""The files of a rule book in a folder: every `.yaml` below `rates/` and `rules/` but the schemas for editors."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from engine.problems import InforceError, Problem, ProblemsFound, Source

FOLDERS = ("rates", "rules")
SCHEMAS = ("rules", "schema")

# A name that somebody took for a rule file: geo.yml, geo.YAML, geo.yaml.txt. Left out in silence, its prices would be missing.
_ALMOST = re.compile(r"\.ya?ml(?![a-z0-9])", re.IGNORECASE)


class NoRuleBookError(InforceError):
    """The folder holds no rule book."""


def read_workspace_files(folder: Path) -> dict[str, bytes]:
    """The rule files of a workspace by their paths in it, each read once; what is hidden or no YAML is left alone."""
    files: dict[str, bytes] = {}
    problems: list[Problem] = []
    for path in _below(folder):
        shown = path.relative_to(folder).as_posix().encode("utf-8", "replace").decode()
        what = _refusal(path, folder)
        if what is not None:
            problems.append(Problem(what[0], Source(shown), what[1], what[2]))
        elif path.suffix == ".yaml":
            files[shown] = path.read_bytes()
    if problems:
        raise ProblemsFound(problems)
    if not files:
        raise NoRuleBookError(
            f"{folder} holds no rule book: there are no .yaml files in rates/ or rules/.\nName a folder that has them."
        )
    return files


def belongs(path: str) -> bool:
    """Whether a path in the workspace lies in the rule book: below one of its folders, not hidden, and no schema for editors."""
    parts = path.split("/")
    return parts[0] in FOLDERS and tuple(parts[:2]) != SCHEMAS and not any(part.startswith(".") for part in parts)


def misnamed(path: str) -> bool:
    """Whether somebody took the name for that of a rule file, and it would be left out in silence."""
    name = path.rpartition("/")[2]
    return not name.endswith(".yaml") and _ALMOST.search(name) is not None


def _below(folder: Path) -> Iterator[Path]:
    """Files and links of the rule book, in order of their paths; links to folders are not followed."""
    for top in FOLDERS:
        for where, folders, names in os.walk(folder / top):
            here = Path(where)
            folders[:] = sorted(name for name in folders if belongs((here / name).relative_to(folder).as_posix()))
            links = [name for name in folders if (here / name).is_symlink()]
            yield from (here / name for name in sorted([*names, *links]) if not name.startswith("."))


def _refusal(path: Path, folder: Path) -> tuple[str, str, str] | None:
    """Why a file cannot be part of the rule book: code, what is wrong and the remedy; None if nothing is."""
    try:
        inside = path.resolve(strict=True).is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # a link to nothing, or a ring of links
        return "R001", "the link leads nowhere", "Put the file itself here, or delete the link"
    if not inside:
        return "R001", "the link leads out of the workspace", "Put the file itself here"
    if path.is_dir():
        return "R001", "a link to a folder is not followed", "Put the files themselves here"
    if misnamed(path.name):
        return "R002", "the file would not be read: its name does not end in .yaml", "Rename it to .yaml, or move it elsewhere"
    if path.suffix == ".yaml" and not path.is_file():
        return "R001", "this is not a file", "Put a file here, or delete it"
    return None
