"""The wheel brings exactly our top-level names, the fonts and the example rule book."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = {"cli.py", "commands", "connectors", "engine", "inforce_example", "renderers"}


def top_level_names(wheel: Path) -> set[str]:
    """Return what the wheel would put beside other people's packages."""
    with zipfile.ZipFile(wheel) as archive:
        return {name.split("/")[0] for name in archive.namelist() if ".dist-info/" not in name}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    [path] = folder.glob("*.whl")
    return path


@pytest.mark.slow
def test_the_wheel_takes_no_other_top_level_name(wheel: Path) -> None:
    assert top_level_names(wheel) == OURS


@pytest.mark.slow
def test_the_wheel_holds_the_example_rule_book_whole(wheel: Path) -> None:
    expected = {
        f"inforce_example/{path.relative_to(ROOT).as_posix()}"
        for name in ("rates", "rules", "inforce.toml", "parties.yaml")
        for path in [ROOT / name, *(ROOT / name).rglob("*")]
        if path.is_file()
    }
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("inforce_example/")}

    assert packed == expected
    assert any(name.startswith("inforce_example/rates/") for name in packed)
    assert any(name.startswith("inforce_example/rules/") for name in packed)


@pytest.mark.slow
def test_the_wheel_holds_the_fonts_and_their_licences(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        fonts = [name for name in archive.namelist() if name.startswith("renderers/fonts/")]

    assert "renderers/fonts/ibm-plex-sans-latin-400-normal.woff2" in fonts
    assert "renderers/fonts/LICENSE-IBM-Plex-Sans.txt" in fonts


@pytest.mark.slow
def test_the_wheel_holds_the_program_that_verifies_proofs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read("renderers/proof/VERIFY.py") == (ROOT / "renderers/proof/VERIFY.py").read_bytes()


@pytest.mark.slow
def test_the_wheel_is_marked_private(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read("inforce-0.1.0.dist-info/METADATA").decode()

    assert "Classifier: Private :: Do Not Upload" in metadata


def test_a_stray_package_would_be_seen(tmp_path: Path) -> None:
    stray = tmp_path / "stray.whl"
    with zipfile.ZipFile(stray, "w") as archive:
        for name in ("cli.py", "engine/money.py", "rates/__init__.py", "inforce-0.1.0.dist-info/METADATA"):
            archive.writestr(name, "")

    assert top_level_names(stray) - OURS == {"rates"}
