"""The typefaces that come with us, inlined, so that a document looks and is the same wherever it is made."""

from __future__ import annotations

import io
import re
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).parent / "fonts"
BASIC = "latin"
_NAME = re.compile(r"ibm-plex-(sans|mono)-([a-z-]+)-([0-9]+)-normal\.woff2")

# Which characters a browser looks up in which file (as published with the files); a subset that is not listed is always looked up.
_RANGES = {
    "latin": "U+0000-00FF,U+0131,U+0152-0153,U+02BB-02BC,U+02C6,U+02DA,U+02DC,U+0304,U+0308,U+0329,U+2000-206F,U+20AC,U+2122,"
    "U+2191,U+2193,U+2212,U+2215,U+FEFF,U+FFFD",
    "latin-ext": "U+0100-02BA,U+02BD-02C5,U+02C7-02CC,U+02CE-02D7,U+02DD-02FF,U+0304,U+0308,U+0329,U+1D00-1DBF,U+1E00-1E9F,"
    "U+1EF2-1EFF,U+2020,U+20A0-20AB,U+20AD-20C0,U+2113,U+2C60-2C7F,U+A720-A7FF",
}


@dataclass(frozen=True, slots=True)
class Face:
    """One font file: some characters of one style in one weight.

    Each subset is a family of its own: WeasyPrint 70 takes two files of one family and weight for one, and draws wrong letters.
    """

    style: str
    weight: str
    subset: str
    file: Path

    @property
    def family(self) -> str:
        """The name that style sheets use; no system has a font of that name."""
        return f"Inforce {self.style} {self.subset}"

    def rule(self, source: str) -> str:
        """The `@font-face` rule with the font inside."""
        return f'@font-face{{font-family:"{self.family}";font-style:normal;font-weight:{self.weight};{source}}}\n'


@lru_cache
def faces() -> tuple[Face, ...]:
    """The bundled files, in the order of their names."""
    found = [(path, _NAME.fullmatch(path.name)) for path in sorted(FOLDER.glob("*.woff2"))]
    return tuple(Face(name[1], name[3], name[2], path) for path, name in found if name)


@lru_cache
def families(style: str) -> str:
    """The families of one style for a style sheet, the basic letters first."""
    names = {face.family: face.subset != BASIC for face in faces() if face.style == style}
    return ", ".join(f'"{name}"' for name in sorted(names, key=lambda name: (names[name], name)))


@lru_cache
def screen_faces() -> str:
    """A style sheet with all files for a browser, which reads those it needs."""
    return "".join(face.rule(_screen_source(face)) for face in faces())


def paper_faces(text: str) -> str:
    """A style sheet for a PDF with the files that can show `text`, unpacked, because that is slow and a process does it once."""
    characters = set(map(ord, text))
    return "".join(face.rule(_paper_source(face)) for face in faces() if face.subset == BASIC or _adds(face, characters))


@lru_cache
def glyphs() -> frozenset[int]:
    """The characters that every weight of the text's style can draw; a PDF shows no others, so it never asks the system's fonts."""
    weights = {face.weight for face in faces() if face.style == "sans"}
    return frozenset.intersection(*(_drawn_by("sans", weight) for weight in weights))


def _adds(face: Face, characters: Iterable[int]) -> bool:
    """Whether a file can draw a character that the basic file of its style and weight cannot."""
    basic = next(
        (_glyphs(each) for each in faces() if (each.style, each.weight, each.subset) == (face.style, face.weight, BASIC)), ()
    )
    return not (_glyphs(face) - set(basic)).isdisjoint(characters)


def _drawn_by(style: str, weight: str) -> frozenset[int]:
    return frozenset().union(*(_glyphs(face) for face in faces() if (face.style, face.weight) == (style, weight)))


@lru_cache
def _glyphs(face: Face) -> frozenset[int]:
    from fontTools.ttLib import TTFont  # type: ignore[import-untyped]  # ships no types; comes with WeasyPrint, and only a PDF needs it

    with TTFont(face.file, lazy=True) as font:
        return frozenset(font.getBestCmap())


def _screen_source(face: Face) -> str:
    ranges = f"unicode-range:{_RANGES[face.subset]};" if face.subset in _RANGES else ""
    return f'{ranges}src:url("data:font/woff2;base64,{b64encode(face.file.read_bytes()).decode()}") format("woff2")'


@lru_cache
def _paper_source(face: Face) -> str:
    from fontTools.ttLib import woff2

    unpacked = io.BytesIO()
    woff2.decompress(io.BytesIO(face.file.read_bytes()), unpacked)
    return f'src:url("data:font/ttf;base64,{b64encode(unpacked.getvalue()).decode()}")'
