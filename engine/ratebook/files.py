"""The files of a rule book in a folder: everything below `rates/` and `rules/` but the schemas."""

from __future__ import annotations

from pathlib import Path

from engine.problems import InforceError, Problem, ProblemsFound, Source

FOLDERS = ("rates", "rules")
SCHEMAS = ("rules", "schema")


class NoRuleBookError(InforceError):
    """The folder holds no rule book."""


def read_workspace_files(folder: Path) -> dict[str, bytes]:
    """The rule files of a workspace by their paths in it, read once."""
    files: dict[str, bytes] = {}
    problems: list[Problem] = []
    root = folder.resolve()
    for top in FOLDERS:
        for path in sorted((folder / top).rglob("*")):
            shown = path.relative_to(folder).as_posix()
            if path.is_dir() or path.relative_to(folder).parts[:2] == SCHEMAS or path.name.startswith("."):
                continue
            if not path.resolve().is_relative_to(root):
                problems.append(Problem("R001", Source(shown), "the link leads out of the workspace", "Put the file itself here"))
            elif path.suffix != ".yaml":
                problems.append(
                    Problem(
                        "R002", Source(shown), "only .yaml files are rules", "Rename it to .yaml, or move it out of the rule book"
                    )
                )
            else:
                files[shown] = path.read_bytes()
    if problems:
        raise ProblemsFound(problems)
    if not files:
        raise NoRuleBookError(f"{folder} holds no rule book: there are no .yaml files in rates/ or rules/.")
    return files
