"""One canonical text for a value, so that equal values have equal hashes."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from engine.problems import InvariantError

Json: TypeAlias = "str | int | bool | None | Mapping[str, Json] | Sequence[Json]"


def canonical_json(value: Json) -> bytes:
    """UTF-8 JSON with sorted keys and no blanks; texts in NFC; whole numbers only (other numbers travel as text)."""
    return json.dumps(_plain(value, "$"), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha256(data: bytes) -> str:
    """The SHA-256 of `data` as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def _plain(value: Json, where: str) -> Json:
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise InvariantError(f"{where}: a key of canonical JSON must be text")
        return {unicodedata.normalize("NFC", key): _plain(part, f"{where}.{key}") for key, part in value.items()}
    if isinstance(value, Sequence):
        return [_plain(part, f"{where}[{i}]") for i, part in enumerate(value)]
    raise InvariantError(
        f"{where}: {type(value).__name__} has no canonical JSON; money and quantities travel as whole numbers or text"
    )
