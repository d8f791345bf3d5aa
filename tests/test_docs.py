"""The pages: every command stands in the README, every option it names exists, every link leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from cli import app

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "examples").rglob("*.md")),
]
COMMANDS = get_command(app).commands  # type: ignore[attr-defined]  # a group has commands
OPTIONS = {name: {flag for option in command.params for flag in option.opts} for name, command in COMMANDS.items()}


def shown(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_stands_in_the_readme_and_says_what_it_does(command: str) -> None:
    assert re.search(rf"`inforce {command}[ `]", PAGES[0].read_text(encoding="utf-8"))
    assert (COMMANDS[command].help or "").strip().endswith(".")


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_every_link_leads_to_a_file(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        assert target.startswith(("http:", "https:")) or (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_every_command_line_on_a_page_is_one_of_ours(page: Path) -> None:
    """Commands and their options as pages print them: `inforce check --explain R034`."""
    for line in re.findall(
        r"(?:^|[`/])inforce ([a-z]+ [^`\n#]*|[a-z]+)(?=[`\n#]|$)", page.read_text(encoding="utf-8"), re.MULTILINE
    ):
        name, *words = line.split()
        if name in OPTIONS:
            for flag in (word.partition("=")[0] for word in words if re.fullmatch(r"--[a-z-]+(=.*)?", word)):
                assert flag in OPTIONS[name] | {"--help"}, f"inforce {line}"
