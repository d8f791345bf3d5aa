"""Whatever is changed in a pack is found: by its hashes, and where a forger makes those again, by its figures."""

from __future__ import annotations

import csv
import io
import json
import random
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

from engine.money import CURRENCY_DIGITS, decimal_text
from renderers.proof import WrongPackError, read_pack, verified, zipped
from tests.clocks.repositories import repository, repriced
from tests.proof.packs import VERIFY, Files, packs, resealed
from tests.workspaces import completed

EDITS = 1000
NIGHTS = [completed(f"n{day}", f"2026-10-{day}T18:5{day % 10}", f"2026-10-{day + 1}T07:10") for day in (12, 14, 16, 18)]


@cache
def sample() -> bytes:
    """A pack of four shifts with premiums, odd minutes and two prices."""
    [(_, data)] = packs(repository(Path(mkdtemp()) / "sample", NIGHTS), "2026-10")
    return data


def files() -> Files:
    return dict(read_pack(sample()).files)


def edited(data: bytes, chance: random.Random) -> bytes:
    """The bytes with one of them changed, put in or taken out."""
    at = chance.randrange(len(data))
    kind = chance.choice(("change", "insert", "delete"))
    if kind == "delete":
        return data[:at] + data[at + 1 :]
    byte = chance.randrange(256)
    if kind == "insert":
        return data[:at] + bytes([byte]) + data[at:]
    return data[:at] + bytes([data[at] ^ (byte or 1)]) + data[at + 1 :]


def test_a_byte_changed_anywhere_in_the_zip_is_found() -> None:
    """A thousand edits, headers of the zip included, without knowing the hash of the pack."""
    chance, data = random.Random(1), sample()
    verified(data, Path())
    for _ in range(EDITS):
        wrong = edited(data, chance)
        if wrong != data:
            with pytest.raises(WrongPackError):
                verified(wrong, Path())


def test_a_byte_changed_in_a_file_that_is_zipped_again_is_found() -> None:
    """A thousand edits of contents, by the verifier of the pack alone."""
    chance, whole = random.Random(2), files()
    VERIFY.verify(whole)
    names = [name for name in sorted(whole) for _ in range(1 + len(whole[name]) // 500)]
    for _ in range(EDITS):
        name = chance.choice(names)
        wrong = {**whole, name: edited(whole[name], chance)}
        if wrong != whole:
            with pytest.raises((ValueError, KeyError, IndexError, TypeError)):
                VERIFY.verify(wrong)


def test_a_file_put_in_taken_out_or_renamed_is_found() -> None:
    whole = files()
    one = {name: data for name, data in whole.items() if name != "README.txt"}
    for wrong in (one, {**whole, "more.txt": b""}, {**one, "README.md": whole["README.txt"]}):
        with pytest.raises(ValueError, match=r"README|more"):
            VERIFY.verify(wrong)


# --- a forger who makes every hash of the pack again ------------------------------------------------------------------------


def document(change: Callable[[dict[str, Any]], None]) -> Files:
    whole = files()
    told = json.loads(whole["document.json"])
    change(told["body"])
    return {
        **whole,
        "document.json": json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n",
    }


def digit_changed(text: str, chance: random.Random) -> str:
    """A figure with another one of its digits."""
    at = chance.choice([each.start() for each in re.finditer(r"\d", text)])
    return text[:at] + str((int(text[at]) + chance.randrange(1, 10)) % 10) + text[at + 1 :]


def test_resealing_what_was_not_changed_changes_nothing() -> None:
    assert resealed(files()) == files()


def test_a_changed_figure_of_the_invoice_is_found_when_all_hashes_are_made_again() -> None:
    chance, lines = random.Random(3), len(json.loads(files()["document.json"])["body"]["lines"])
    for _ in range(100):
        number, name = chance.randrange(lines), chance.choice(("quantity", "price", "amount", "net", "tax", "total"))

        def change(body: dict[str, Any], number: int = number, name: str = name) -> None:
            held = body if name in ("net", "tax", "total") else body["lines"][number]
            held[name] = type(held[name])(digit_changed(str(held[name]), chance))

        with pytest.raises(ValueError, match="must be"):
            VERIFY.verify(resealed(document(change)))


def test_a_changed_figure_of_the_backup_is_found_when_all_hashes_are_made_again() -> None:
    chance, whole = random.Random(4), files()
    for _ in range(100):
        rows = list(csv.DictReader(io.StringIO(whole["backup.csv"].decode())))
        row, name = chance.choice(rows), chance.choice(("quantity", "price", "exact", "amount"))
        row[name] = digit_changed(row[name], chance)
        data = "".join(",".join(cells) + "\n" for cells in [list(rows[0]), *(each.values() for each in rows)]).encode()
        with pytest.raises(ValueError, match="must be"):
            VERIFY.verify(resealed({**whole, "backup.csv": data}))


def test_a_changed_figure_of_a_rule_file_is_found_when_all_hashes_are_made_again() -> None:
    chance, whole = random.Random(5), files()
    books = [name for name in whole if name.startswith("book/")]
    for _ in range(50):
        name = chance.choice(books)
        wrong = {**whole, name: digit_changed(whole[name].decode(), chance).encode()}
        with pytest.raises(ValueError, match=f"{name}: is"):
            VERIFY.verify(resealed(wrong))


def test_a_dearer_rate_is_found_since_it_is_not_written_in_the_rule_file() -> None:
    whole = files()
    dearer = whole["arithmetic.json"].replace(b'"value":"70.00"', b'"value":"71.00"')
    assert dearer != whole["arithmetic.json"]

    with pytest.raises(ValueError, match=r"'71\.00' is written at rates/geo-base\.yaml"):
        VERIFY.verify(resealed({**whole, "arithmetic.json": dearer}))


def test_an_invoice_of_another_rule_book_is_found_since_the_commit_does_not_hold_it(tmp_path: Path) -> None:
    """All figures follow from a dearer rate, and the rule file says it; only the commit is another."""
    repriced(repository(tmp_path, NIGHTS), "71.00")
    [(_, data)] = packs(tmp_path, "2026-10")
    whole, dearer = files(), dict(read_pack(data).files)
    commit = json.loads(whole["citations.json"])["commit"].encode()
    other = json.loads(dearer["citations.json"])["commit"].encode()
    forged = {name: data for name, data in dearer.items() if not name.startswith("git/")}
    forged |= {name: data for name, data in whole.items() if name.startswith("git/")} | {"manifest.json": whole["manifest.json"]}
    forged["citations.json"] = dearer["citations.json"].replace(other, commit)
    assert b"71.00" in forged["book/rates/geo-base.yaml"]

    with pytest.raises(ValueError, match=r"book/rates/geo-base\.yaml: is [0-9a-f]{40}, must be"):
        VERIFY.verify(resealed(forged))
    with pytest.raises(ValueError, match="its names: is"):
        VERIFY.verify(resealed({**dearer, "manifest.json": whole["manifest.json"]}))


def test_a_shift_that_is_billed_for_more_time_than_is_printed_is_found() -> None:
    whole = files()
    assert b"T07:15" in whole["backup.csv"]

    with pytest.raises(ValueError, match="within the time from start to end"):
        VERIFY.verify(resealed({**whole, "backup.csv": whole["backup.csv"].replace(b"T07:15", b"T05:15")}))


def test_a_row_of_activity_that_is_exchanged_is_found_when_all_hashes_are_made_again() -> None:
    whole = files()
    with pytest.raises(ValueError, match="its activity"):
        VERIFY.verify(resealed({**whole, "activity.json": whole["activity.json"].replace(b"|n12|", b"|n99|")}))


# --- as a stranger runs it --------------------------------------------------------------------------------------------------


def run(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-I", "-S", *map(str, words)], capture_output=True, text=True, check=False, cwd=cwd)


def test_the_verifier_runs_alone_on_a_zip_and_in_its_folder(tmp_path: Path) -> None:
    zip_, folder = tmp_path / "pack.zip", tmp_path / "unpacked"
    zip_.write_bytes(sample())
    for name, data in files().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)

    of_zip = run(folder / "VERIFY.py", zip_, VERIFY.sha(sample()), cwd=tmp_path)
    of_folder = run("VERIFY.py", cwd=folder)

    assert (of_zip.returncode, of_folder.returncode) == (0, 0), of_zip.stderr + of_folder.stderr
    assert (
        of_zip.stdout
        == of_folder.stdout
        == "\n".join([*verified(sample(), tmp_path), "VERIFIED, but for what is taken as given"]) + "\n"
    )

    body = json.loads(files()["document.json"])["body"]
    assert (
        f"the total of {decimal_text(body['total'], CURRENCY_DIGITS[body['currency']], grouped=True)} {body['currency']}\n"
        in of_zip.stdout
    )

    (folder / "backup.csv").write_bytes(files()["backup.csv"] + b"\n")
    wrong = run("VERIFY.py", cwd=folder)
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("WRONG: backup.csv, size and SHA-256: is [")


def test_a_pack_with_an_edited_verifier_has_another_hash(tmp_path: Path) -> None:
    """An edited verifier cannot accuse itself; the hash its issuer told can, to whoever has another copy of it."""
    kind = {**files(), "VERIFY.py": b"print('all is well')\n"}
    (tmp_path / "forged.zip").write_bytes(zipped(resealed(kind)))
    (tmp_path / "VERIFY.py").write_bytes(files()["VERIFY.py"])

    done = run("VERIFY.py", "forged.zip", VERIFY.sha(sample()), cwd=tmp_path)

    assert done.returncode == 1
    assert done.stderr.startswith("WRONG: the SHA-256 of the zip: is [")


def test_bytes_hidden_in_the_zip_are_found_by_its_hash(tmp_path: Path) -> None:
    (tmp_path / "pack.zip").write_bytes(b"MZ" + sample())
    (tmp_path / "VERIFY.py").write_bytes(files()["VERIFY.py"])

    assert run("VERIFY.py", "pack.zip", VERIFY.sha(sample()), cwd=tmp_path).returncode == 1
    with pytest.raises(WrongPackError, match="none of its files"):
        verified(b"MZ" + sample(), tmp_path)
