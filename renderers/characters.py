"""Characters that a page, a terminal, a font or a spreadsheet must not take from a text as they are."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Set as AbstractSet

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

# Controls (a terminal obeys them), lone surrogates (no UTF-8), and what reorders the text after it (a figure could be read backwards).
_UNSEEN = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufffe\uffff]")
_BREAKS = re.compile("[\t\n\x0b\x0c\r\x85\u2028\u2029]+")

# A spreadsheet that splits at `;` or ignores quotes within a cell starts a new cell after these.
_INNER_CELL = re.compile(r"([;\t\r\n]\s*)(?=\S)")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)
_FORMULA_SIGNS = frozenset("=+-@\N{MINUS SIGN}")


def visible(text: str) -> str:
    """The text in NFC on one line, with a visible mark for each character that acts instead of being seen."""
    return _UNSEEN.sub(REPLACEMENT, _BREAKS.sub(" ", unicodedata.normalize("NFC", text)))


def drawable(text: str, glyphs: AbstractSet[int]) -> str:
    """The visible text with a mark for each character that has no glyph; joiners and selectors without one are dropped."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_drawn(each, glyphs) for each in visible(text))


def spreadsheet_text(text: str) -> str:
    """The text with an apostrophe before whatever a spreadsheet would take for a formula."""
    guarded = _INNER_CELL.sub(lambda found: found[0] + _guard(text[found.end()]), text)
    return _guard(text[0]) + guarded if text else text


def spreadsheet_number(text: str) -> str:
    """The text as it is if it is a plain number, which a spreadsheet may well calculate with; otherwise guarded."""
    return text if _NUMBER.fullmatch(text) else spreadsheet_text(text)


def columns(text: str) -> int:
    """How many columns of a terminal the text takes."""
    return sum(_columns(each) for each in text)


def _drawn(each: str, glyphs: AbstractSet[int]) -> str:
    if ord(each) in glyphs:
        return each
    kind = unicodedata.category(each)
    if kind == "Zs":
        return " "
    return "" if kind == "Cf" or "VARIATION SELECTOR" in unicodedata.name(each, "") else REPLACEMENT


def _guard(first: str) -> str:
    """An apostrophe if a cell that starts with this character may be a formula; full-width signs count as what they stand for."""
    acts = unicodedata.normalize("NFKC", first)[:1] in _FORMULA_SIGNS or unicodedata.category(first) in {
        "Cc",
        "Cf",
        "Zs",
        "Zl",
        "Zp",
    }
    return "'" if acts else ""


def _columns(each: str) -> int:
    if unicodedata.category(each) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(each) in {"W", "F"} else 1
