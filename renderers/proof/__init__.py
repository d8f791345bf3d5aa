"""The proof of an invoice as one zip: the files, how to verify them, the program that does, and a manifest with all their hashes."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.canonical import Json, canonical_json, sha256
from engine.money import CURRENCY_DIGITS, decimal_text
from engine.problems import InforceError, InvariantError
from renderers.proof import VERIFY

_README = """\
The proof of {number}: {total} {currency}, {lines} lines, {rows} backup rows, made from the rule book of commit
{commit}.

To verify it, with Python 3.9 or later and nothing else:

    python VERIFY.py                 in the folder this pack is unpacked in, or
    python VERIFY.py PACK.zip HASH   where HASH is the SHA-256 of the zip as its issuer tells it

What is in it

    document.json    the invoice: its body (whose SHA-256 is its identity) and its envelope
    backup.csv       the rows behind the lines, as they were hashed
    activity.json    the rows of activity behind the backup rows, as they stand in the snapshot; nobody else's
    arithmetic.json  what every price, quantity and tax is made of
    citations.json   the entries of rule files that made an amount: path, line, text, reason, approval
    book/            those rule files, whole
    git/             the commit, and the trees on the way to those files, as git hashes them
    manifest.json    the seal of the run, and size and SHA-256 of each file
    VERIFY.py        the program that verifies all of this; it is short, read it

What is proved

    Every amount follows from the figures printed here: quantity x price is the line, backup rows add up to it, lines to the total.
    Every price is a figure that is written in the rule files, or a formula that is written there over such figures, rounded as it says.
    Every quantity of time is the row's seconds, rounded once and shared as the law says; other quantities are cells of the activity.
    The rule files are those of the commit: its id is the hash of the objects in git/, and nothing else has that id.
    Nothing in the pack was changed since it was made, if HASH is the one its issuer told you.

What is not proved, and must be taken as given (VERIFY.py names and counts it)

    Which rules apply to a row, which of several rates is that of its place and day, and how many of its seconds fall under which
    premium: the rules are here to be read, not run.
    Where the sums of an account or worker cross a tier, a band or a limit: that depends on rows of others, which are not here.
    That the rows of activity are in the snapshot of the run: its hash is over rows of all accounts. The issuer's archive has it;
    `inforce prove {number} --check PACK.zip` compares them.
    That the commit, the snapshot and the pack are those of the issuer: ask for their hashes by another way than this pack came.
    An edited VERIFY.py cannot accuse itself: verify with HASH, or with a copy of it from elsewhere.
"""


def pack(proof: Mapping[str, bytes], manifest: Mapping[str, Json]) -> bytes:
    """The zip of a proof, which verifies; the same proof gives the same bytes. `manifest` is what it says beside sizes and hashes."""
    held = {**proof, "VERIFY.py": verifier(), "README.txt": _readme(proof, manifest)}
    listed: dict[str, Json] = {name: [len(data), sha256(data)] for name, data in held.items()}
    said = {"schema": "inforce.proof/1", **manifest, "files": listed}
    whole = {**said, "sha256": sha256(canonical_json({**said, "sha256": ""}))}
    files = {**held, "manifest.json": canonical_json(whole) + b"\n"}
    try:
        VERIFY.verify(files, Path(__file__).parent)  # no PDF lies there
    except _WRONG as error:
        raise InvariantError(
            f"the proof of {manifest['number']} does not verify: {error}; this is a fault of the engine"
        ) from error
    return zipped(files)


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Files as a zip: in order, dated 1980 and not compressed, so that no clock and no version of a library changes its bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name)
            entry.create_system = 3  # as on Unix, whatever made it
            archive.writestr(entry, files[name])
    return out.getvalue()


_WRONG = (ValueError, KeyError, IndexError, TypeError, ArithmeticError)  # what the verifier runs into where a pack is wrong


class WrongPackError(InforceError):
    """A pack is not what it says."""


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack that was read: the document it proves, and its files."""

    number: str
    files: Mapping[str, bytes]


def read_pack(data: bytes) -> Pack:
    """The files of a pack; refuses bytes that are no pack of ours."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        return Pack(json.loads(files["manifest.json"])["number"], files)
    except (zipfile.BadZipFile, KeyError, ValueError, RuntimeError, EOFError, OSError) as error:
        raise WrongPackError(f"this is not the proof of a document ({error}).\nAsk its issuer for it again.") from error


def verified(data: bytes, beside: Path) -> list[str]:
    """What a pack proves, in words, by the verifier that is in each pack; refuses a pack in which anything is wrong."""
    files = dict(read_pack(data).files)
    if zipped(files) != data:
        raise WrongPackError("the zip holds bytes that belong to none of its files.\nAsk its issuer for it again.")
    try:
        return VERIFY.verify(files, beside)
    except _WRONG as error:
        raise WrongPackError(f"the pack is not what it says: {error}.\nAsk its issuer for it again.") from error


def verifier() -> bytes:
    """The program that verifies a pack."""
    return (Path(__file__).parent / "VERIFY.py").read_bytes()


def _readme(proof: Mapping[str, bytes], manifest: Mapping[str, Json]) -> bytes:
    told: dict[str, Any] = json.loads(proof["document.json"])["body"]  # Any: plain JSON
    sealed: Any = manifest["seal"]
    total = decimal_text(told["total"], CURRENCY_DIGITS[told["currency"]], grouped=True)
    return _README.format(
        number=manifest["number"], total=total, currency=told["currency"], lines=len(told["lines"]), rows=told["backup"]["rows"],
        commit=sealed["commit"],
    ).encode()  # fmt: skip
