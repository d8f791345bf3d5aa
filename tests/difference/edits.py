"""Small edits of rule files: a figure, a day, a length of time or a word that could as well be another one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from random import Random

from engine.problems import ProblemsFound
from engine.ratebook.book import RuleBook
from engine.ratebook.build import build

WORDS = (
    ("up", "even", "down"),
    ("add", "largest", "multiply"),
    ("elapsed", "wall"),
    ("punch", "interval"),
    ("none", "worked"),
    ("applies", "none"),
    ("night", "weekend", "holiday"),
    ("site", "account", "agency"),
    ("reorder", "append"),
    ("middle", "end", "longest-segment"),
    ("start", "segment"),
    ("NYC", "LA"),
    ("RN", "ICU", "ORIENT"),
    ("yes", "no"),
    ("in-price", "own-line"),
    ("week", "day"),
    ("completed", "cancelled", "orientation"),
)
_TOKEN = re.compile(r"\b\d{4}-\d\d-\d\d\b|\b\d+\.\d+\b|\b\d+(?:h|min)\b|[A-Za-z][A-Za-z-]*")


def edited(files: Mapping[str, bytes], random: Random, count: int, only: str = "") -> RuleBook | None:
    """The book with some edits (all in one file, if it is named); None if the result is no rule book any more."""
    texts = {path: data.decode() for path, data in files.items()}
    for _ in range(count):
        rates = [each for each in texts if each.startswith("rates/")]  # fewer files than rules, and edited more often
        path = only or random.choice(sorted(random.choice((rates, texts))))
        places = [match for match in _TOKEN.finditer(texts[path]) if _other(match[0], random) is not None]
        if places:
            match = random.choice(places)
            texts[path] = texts[path][: match.start()] + (_other(match[0], random) or "") + texts[path][match.end() :]
    try:
        return build({path: text.encode() for path, text in texts.items()})
    except ProblemsFound:
        return None


def _other(token: str, random: Random) -> str | None:
    """Another token that can stand in the same place."""
    if re.fullmatch(r"\d{4}-\d\d-\d\d", token):
        try:
            return str(date.fromisoformat(token) + timedelta(days=random.choice((-9, -1, 1, 2, 16))))
        except (ValueError, OverflowError):
            return None
    if re.fullmatch(r"\d+\.\d+", token):
        whole, _, part = token.partition(".")
        return f"{int(whole) + random.choice((1, 2, 7))}.{part}"
    if re.fullmatch(r"\d+(h|min)", token):
        return f"{random.choice((0, 1, 4, 15, 30))}{'min' if token.endswith('min') else 'h'}"
    groups = [group for group in WORDS if token in group]
    return random.choice([word for group in groups for word in group if word != token]) if groups else None
