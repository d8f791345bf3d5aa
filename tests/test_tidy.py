"""What linters cannot see and money needs: no float, clock or chance in the engine; nobody imports cli; no assert."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Modules that bring chance, and functions that ask the time.
CHANCE = {"random", "secrets", "uuid", "numpy.random"}
CLOCKS = {"time", "datetime.now", "datetime.today", "datetime.utcnow", "date.today"}

# Polars and NumPy spell their own floats; a column of money must not become one.
FLOAT_TYPES = {"float", "float16", "float32", "float64", "Float32", "Float64"}


def findings(source: str, *, in_engine: bool) -> list[str]:
    """Return what is untidy in one module, as `line: what`."""
    found = [
        (node.lineno, text)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.expr | ast.stmt)
        for text in [*anywhere(node), *(engine_only(node) if in_engine else [])]
    ]
    return [f"{line}: {text}" for line, text in sorted(found)]


def anywhere(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Assert):
        yield "an assert: python -O removes it, so raise an InforceError"
    if any(name.split(".")[0] == "cli" for name in imported(node)):
        yield "imports cli: nobody may"


def engine_only(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
        yield f"a float: {node.value!r}"
    if isinstance(node, ast.Name | ast.Attribute) and dotted(node).split(".")[-1] in FLOAT_TYPES:
        yield f"a float: {dotted(node)}"
    if isinstance(node, ast.Attribute) and ".".join(dotted(node).split(".")[-2:]) in CLOCKS:
        yield f"asks the time: {dotted(node)}"
    for name in imported(node):
        if any(name == module or name.startswith(f"{module}.") for module in CHANCE):
            yield f"draws by chance: {name}"
        if name == "time" or name.startswith("time."):
            yield f"asks the time: {name}"


def imported(node: ast.AST) -> list[str]:
    """Return every name a statement imports, in full: `from a import b` gives `a.b`."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module or ''}.{alias.name}" for alias in node.names]
    return []


def imports(source: str, *modules: str) -> list[str]:
    """Return what a module imports of some others, at its top or inside a function."""
    names = sorted(name for node in ast.walk(ast.parse(source)) for name in imported(node))
    return [name for name in names if any(f"{name}.".startswith(f"{module}.") for module in modules)]


def dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def sources() -> list[Path]:
    packages = [path for name in ("commands", "engine", "renderers", "connectors") for path in (ROOT / name).rglob("*.py")]
    return sorted([ROOT / "cli.py", *packages])


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_module_is_tidy(path: Path) -> None:
    in_engine = path.is_relative_to(ROOT / "engine")

    assert findings(path.read_text("utf-8"), in_engine=in_engine) == []


def test_everything_we_ship_is_looked_at() -> None:
    names = {path.relative_to(ROOT).as_posix() for path in sources()}

    assert {"cli.py", "commands/opened.py", "engine/money.py", "engine/problems.py"} <= names


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("half = 0.5", "a float: 0.5"),
        ("tiny = 1e-9", "a float: 1e-09"),
        ("price = float(text)", "a float: float"),
        ("def pay(amount: float) -> None: ...", "a float: float"),
        ("column.cast(pl.Float64)", "a float: pl.Float64"),
        ("array.astype(np.float64)", "a float: np.float64"),
        ("import random", "draws by chance: random"),
        ("import uuid", "draws by chance: uuid"),
        ("from secrets import token_hex", "draws by chance: secrets.token_hex"),
        ("from numpy import random", "draws by chance: numpy.random"),
        ("import time", "asks the time: time"),
        ("from time import perf_counter", "asks the time: time.perf_counter"),
        ("day = date.today()", "asks the time: date.today"),
        ("now = datetime.datetime.now(UTC)", "asks the time: datetime.datetime.now"),
        ("now = datetime.utcnow()", "asks the time: datetime.utcnow"),
    ],
)
def test_the_engine_may_not_say(line: str, words: str) -> None:
    assert findings(line, in_engine=True) == [f"1: {words}"]
    assert findings(line, in_engine=False) == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("assert total == 0", "an assert"),
        ("import cli", "imports cli"),
        ("from cli import main", "imports cli"),
    ],
)
def test_no_module_may_say(line: str, words: str) -> None:
    for in_engine in (True, False):
        [finding] = findings(f"x = 1\n{line}\n", in_engine=in_engine)
        assert finding.startswith(f"2: {words}")


@pytest.mark.parametrize("line", ["from datetime import date, timedelta", "due = date(2026, 11, 23)", "half = Fraction(1, 2)"])
def test_whole_numbers_and_given_days_are_welcome(line: str) -> None:
    assert findings(line, in_engine=True) == []


def wiring() -> list[Path]:
    return [path for path in sources() if path == ROOT / "cli.py" or path.is_relative_to(ROOT / "commands")]


@pytest.mark.parametrize("path", wiring(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_wiring_leaves_each_library_to_its_own_module(path: Path) -> None:
    assert imports(path.read_text("utf-8"), "yaml", "durable", "jinja2", "weasyprint") == []


def test_cli_wires_nothing() -> None:
    """It reads options and prints; what reads a workspace, a rule book or the archive, or computes, is in commands/."""
    computes = ("bulk", "impact", "pipeline", "ratebook", "replay", "steps", "store")

    assert imports((ROOT / "cli.py").read_text("utf-8"), "connectors", *(f"engine.{name}" for name in computes)) == []
    assert imports((ROOT / "commands/opened.py").read_text("utf-8"), "connectors", "engine.store")


def test_the_wiring_knows_no_command_line() -> None:
    for path in wiring():
        if path != ROOT / "cli.py":
            assert imports(path.read_text("utf-8"), "typer") == []


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_slow_reference_is_for_tests_and_bench_alone(path: Path) -> None:
    if not path.relative_to(ROOT).as_posix().startswith("engine/reference"):
        assert imports(path.read_text("utf-8"), "engine.reference") == []


def test_an_import_is_seen_wherever_it_stands() -> None:
    source = "import os.path\nimport yamlish\n\ndef read():\n    from yaml import safe_load\n    from engine import reference\n"

    assert imports(source, "yaml", "engine.reference") == ["engine.reference", "yaml.safe_load"]
