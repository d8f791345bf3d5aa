"""The archive's memory: activity by sequence, a log of what was known when, and nothing that is overwritten."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.store.archive import ArchiveError, FolderArchive


@pytest.fixture
def archive(tmp_path: Path) -> FolderArchive:
    return FolderArchive(tmp_path / "archive")


def test_the_same_files_are_one_sequence(archive: FolderArchive, tmp_path: Path) -> None:
    one, two = tmp_path / "a.csv", tmp_path / "b.csv"
    one.write_text("id\n1\n", encoding="utf-8")
    two.write_text("id\n2\n", encoding="utf-8")
    assert archive.take_in([("activity/a.csv", one)]) == 1
    assert archive.take_in([("activity/a.csv", one)]) == 1
    assert archive.take_in([("activity/b.csv", two), ("activity/a.csv", one)]) == 2
    one.write_text("id\n1\n3\n", encoding="utf-8")
    assert archive.take_in([("activity/a.csv", one), ("activity/b.csv", two)]) == 3
    assert [each.name for each in archive.taken(2)] == ["activity/a.csv", "activity/b.csv"]
    assert archive.path_of(archive.taken(1)[0].sha256).read_text(encoding="utf-8") == "id\n1\n"
    assert archive.path_of(archive.taken(3)[0].sha256).read_text(encoding="utf-8") == "id\n1\n3\n"


def test_a_sequence_that_is_not_there_is_refused_with_those_that_are(archive: FolderArchive, tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="it has none yet"):
        archive.taken(1)
    path = tmp_path / "a.csv"
    path.write_text("id\n", encoding="utf-8")
    archive.take_in([("a.csv", path)])
    with pytest.raises(ArchiveError, match=r"no activity of sequence 4.\nName another one: it has 1 to 1"):
        archive.taken(4)


def test_activity_that_was_changed_in_the_archive_is_noticed(archive: FolderArchive, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id\n1\n", encoding="utf-8")
    archive.take_in([("a.csv", path)])
    digest = archive.taken(1)[0].sha256
    archive.path_of(digest).write_text("id\n7\n", encoding="utf-8")
    with pytest.raises(ArchiveError, match="The file was changed or damaged"):
        archive.path_of(digest)


def test_the_log_grows_only_when_something_else_is_known(archive: FolderArchive) -> None:
    for time, commit, sequence in (("t1", "c1", 1), ("t2", "c1", 1), ("t3", "c1", 2), ("t4", None, 2), ("t5", "c1", 2)):
        archive.note(time, commit, sequence)
    assert [(each.number, each.time, each.commit, each.sequence) for each in archive.log()] == [
        (1, "t1", "c1", 1), (2, "t3", "c1", 2), (3, "t4", None, 2), (4, "t5", "c1", 2),
    ]  # fmt: skip


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "another number": lambda data: data.replace(b'"sequence":1', b'"sequence":2'),
    "a fraction": lambda data: data.replace(b'"sequence":1', b'"sequence":1.0'),
    "a member gone": lambda data: data.replace(b'"time":', b'"tine":'),
    "another hash": lambda data: data.replace(b'"sha256":"', b'"sha256":"0'),
    "half of it": lambda data: data[: len(data) // 2],
    "nothing": lambda _: b"",
    "a list": lambda _: b"[]",
    "no text": lambda _: b"\xff\xfe",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_manifest_that_is_not_as_it_was_written_is_refused(archive: FolderArchive, tmp_path: Path, damage: str) -> None:
    archive.note("2026-11-05T09:00:00Z", "c1", 1)
    path = tmp_path / "archive" / "log" / "1.json"
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    with pytest.raises(ArchiveError, match=r"log/1\.json: .*\n?.*[Rr]estore it from a backup"):
        archive.log()


def test_a_manifest_in_the_place_of_another_is_refused(archive: FolderArchive, tmp_path: Path) -> None:
    first, second = (archive.record("2026-10", {"n": n}) for n in (1, 2))
    runs = tmp_path / "archive" / "runs" / "2026-10"
    (runs / f"{second}.json").write_bytes((runs / f"{first}.json").read_bytes())
    with pytest.raises(ArchiveError, match="not what its own hash and number say"):
        archive.last("2026-10")


def test_a_manifest_that_is_missing_between_others_is_refused(archive: FolderArchive, tmp_path: Path) -> None:
    """What was issued by a run that is gone would be issued a second time."""
    for n in (1, 2):
        archive.record("2026-10", {"n": n})
    (tmp_path / "archive" / "runs" / "2026-10" / "1.json").unlink()
    for asked in (lambda: archive.runs("2026-10"), lambda: archive.last("2026-10"), lambda: archive.record("2026-10", {"n": 3})):
        with pytest.raises(ArchiveError, match=r"1\.json: the archive lacks this manifest"):
            asked()


def test_two_writers_never_share_a_number(archive: FolderArchive) -> None:
    taken: list[int] = []
    threads = [
        threading.Thread(target=lambda: taken.extend(archive.record("2026-10", {"n": 1}) for _ in range(10))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(1, 41))
    assert [number for number, _ in archive.runs("2026-10")] == list(range(1, 41))


def test_what_is_kept_to_be_quicker_may_be_lost_and_is_never_wrong(archive: FolderArchive, tmp_path: Path) -> None:
    assert archive.kept("k") is None
    archive.keep("k", b"data\nmore")
    assert archive.kept("k") == b"data\nmore"
    path = tmp_path / "archive" / "kept" / "k"
    path.write_bytes(path.read_bytes().replace(b"more", b"less"))
    assert archive.kept("k") is None
