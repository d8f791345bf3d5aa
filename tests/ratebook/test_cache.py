"""Books that are kept: the same book, never an old one, never one that somebody else or an accident wrote."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from connectors.workspace import cache_folder
from engine.problems import ProblemsFound
from engine.ratebook import cache
from engine.ratebook.book import RuleBook
from engine.ratebook.build import build
from engine.ratebook.cache import KEPT_MAX, build_or_read
from engine.ratebook.files import read_workspace_files
from engine.ratebook.meaning import meaning
from engine.ratebook.transcript import read_transcript, transcript
from tests.sample_book import sample_files, sample_texts
from tests.workspaces import inforce, make_workspace

ROOT = Path(__file__).parent.parent.parent
BOOKS = {"sample": sample_files(), "example": read_workspace_files(ROOT)}
WRONG = RuleBook(**dict.fromkeys(RuleBook.__dataclass_fields__))  # type: ignore[arg-type]  # not a book, to be told from one


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "kept"


def entry(folder: Path) -> Path:
    [only] = folder.iterdir()
    return only


def was_read(files: dict[str, bytes], folder: Path, monkeypatch: pytest.MonkeyPatch, engine: Path = cache._ENGINE) -> bool:
    """Whether a book comes from the folder; if so, nothing is built."""
    built: list[object] = []

    def problems_in(files: object) -> tuple[RuleBook, list[str]]:
        built.append(files)
        return WRONG, ["so that it is not kept"]

    with monkeypatch.context() as patch:
        patch.setattr("engine.ratebook.build.problems_in", problems_in)
        build_or_read(files, folder, engine)
    return not built


@pytest.mark.parametrize("name", BOOKS)
def test_a_kept_book_is_the_book(name: str, folder: Path) -> None:
    fresh, warnings = build_or_read(BOOKS[name], folder)
    kept, no_warnings = build_or_read(BOOKS[name], folder)

    assert warnings == no_warnings == []
    assert fresh == build(BOOKS[name])
    assert kept == fresh
    assert kept is not fresh
    assert meaning(kept) == kept.meaning == fresh.meaning
    assert [list(table.rows) for table in kept.tables.values()] == [list(table.rows) for table in fresh.tables.values()]
    assert transcript(kept) == transcript(fresh)


@pytest.mark.parametrize("name", BOOKS)
def test_a_book_is_read_as_it_was_written(name: str) -> None:
    book = build(BOOKS[name])

    assert read_transcript(transcript(book)) == book


@pytest.mark.parametrize("path", sample_files())
def test_any_changed_byte_is_another_book(path: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = sample_files()
    build_or_read(files, folder)

    assert was_read(files, folder, monkeypatch)
    assert not was_read({**files, path: files[path] + b"\n"}, folder, monkeypatch)
    assert not was_read({f"{name}.yaml" if name == path else name: data for name, data in files.items()}, folder, monkeypatch)


def test_what_stands_in_two_files_is_not_what_stands_in_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = sample_files()
    build_or_read(files, folder)
    first, second = sorted(files)[:2]

    assert not was_read({**files, first: files[first] + files[second][:1], second: files[second][1:]}, folder, monkeypatch)


@pytest.mark.parametrize("name", ["ratebook/meaning.py", "money.py", "ratebook/schema/1/terms.json", "ratebook/new.py"])
def test_another_engine_builds_its_own_book(name: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = tmp_path / "engine"
    shutil.copytree(cache._ENGINE, engine, ignore=shutil.ignore_patterns("__pycache__"))
    build_or_read(sample_files(), folder)
    assert was_read(sample_files(), folder, monkeypatch, engine)

    with (engine / name).open("a", encoding="utf-8") as file:
        file.write("\n")

    assert not was_read(sample_files(), folder, monkeypatch, engine)


def damaged(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize("spoil", [
    lambda data: b"",
    lambda data: data[:-1],
    lambda data: data + b"\n",
    lambda data: damaged(data, 10),
    lambda data: damaged(data, 100),
    lambda data: damaged(data, len(data) // 2),
    lambda data: damaged(data, len(data) - 2),
    lambda data: data.replace(b"7255", b"7250"),
    lambda data: b"\xff" + data,
])  # fmt: skip
def test_a_damaged_entry_is_built_again(spoil: object, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book, _ = build_or_read(sample_files(), folder)
    data = entry(folder).read_bytes()
    spoilt = spoil(data)  # type: ignore[operator]
    assert spoilt != data
    entry(folder).write_bytes(spoilt)

    assert not was_read(sample_files(), folder, monkeypatch)
    assert build_or_read(sample_files(), folder)[0] == book
    assert entry(folder).read_bytes() == data


def test_the_entry_of_another_book_is_not_taken_for_this_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build_or_read(sample_files(), folder)
    name = entry(folder).name
    entry(folder).unlink()
    build_or_read(BOOKS["example"], folder)
    entry(folder).rename(folder / name)

    assert not was_read(sample_files(), folder, monkeypatch)


def test_entries_are_private(folder: Path) -> None:
    build_or_read(sample_files(), folder)

    assert folder.stat().st_mode & 0o777 == 0o700
    assert entry(folder).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_an_entry_open_to_others_is_not_read(mode: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build_or_read(sample_files(), folder)
    entry(folder).chmod(mode)

    assert not was_read(sample_files(), folder, monkeypatch)


def test_a_folder_open_to_others_is_not_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build_or_read(sample_files(), folder)
    folder.chmod(0o755)
    assert not was_read(sample_files(), folder, monkeypatch)

    entry(folder).unlink()
    build_or_read(sample_files(), folder)
    assert list(folder.iterdir()) == []


def test_links_are_not_followed(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build_or_read(sample_files(), folder)
    place = entry(folder)
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    assert not was_read(sample_files(), folder, monkeypatch)

    place.unlink()
    os.mkfifo(place, 0o600)
    assert not was_read(sample_files(), folder, monkeypatch)


def test_what_another_user_wrote_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build_or_read(sample_files(), folder)
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)

    assert not was_read(sample_files(), folder, monkeypatch)


def test_where_nothing_can_be_written_the_book_is_built(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")

    assert build_or_read(sample_files(), tmp_path / "file" / "kept")[0] == build(sample_files())
    assert build_or_read(sample_files(), None)[0] == build(sample_files())


def test_warnings_are_said_each_time(folder: Path) -> None:
    files = {path: data for path, data in sample_files().items() if "combine" not in path}
    assert len(files) < len(sample_files()), "the sample has changed"

    said = [build_or_read(files, folder)[1] for _ in range(2)]

    assert [problem.severity for problem in said[0]] == ["warning"]
    assert said[0] == said[1]
    assert not folder.exists()


def test_errors_are_said_each_time(folder: Path) -> None:
    path = "rates/geo-base.yaml"
    files = sample_files(**{path: sample_texts()[path].replace("72.55", "72.5")})

    for _ in range(2):
        with pytest.raises(ProblemsFound, match=r"72\.5"):
            build_or_read(files, folder)
    assert not folder.exists()


def test_only_the_last_books_are_kept(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    (folder / "mine.txt").write_text("not an entry")
    text = sample_texts()["rates/geo-base.yaml"]
    for number in range(KEPT_MAX + 2):
        build_or_read(sample_files(**{"rates/geo-base.yaml": f"# {number}\n{text}"}), folder)

    assert len(list(folder.glob("book-*"))) == KEPT_MAX
    assert (folder / "mine.txt").exists()


def test_a_command_keeps_the_book_where_the_user_keeps_such_things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "kept"
    monkeypatch.setenv("INFORCE_CACHE", str(kept))
    space = make_workspace(tmp_path / "space", [])

    first = inforce("replay", "2026-10", "-w", space)
    second = inforce("replay", "2026-10", "-w", space)

    assert entry(kept).stat().st_size > 1000
    assert (first.returncode, first.stdout, first.stderr) == (second.returncode, second.stdout, second.stderr)


def test_the_folder_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("INFORCE_CACHE", raising=False)
    assert cache_folder() == Path("/home/ada/.cache/inforce")

    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache/ada")
    assert cache_folder() == Path("/var/cache/ada/inforce")

    monkeypatch.setenv("INFORCE_CACHE", "")
    assert cache_folder() is None
