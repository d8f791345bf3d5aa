"""The typefaces that come with us, inlined, so that a document looks and is the same wherever it is made."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).parent / "fonts"
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
    """One font file: some characters of one family in one weight."""

    family: str
    weight: str
    subset: str
    file: Path

    def rule(self, *, ranges: bool) -> str:
        """The `@font-face` rule with the file inside; `ranges` spares a browser files it does not need."""
        only = f"unicode-range:{_RANGES[self.subset]};" if ranges and self.subset in _RANGES else ""
        data = b64encode(self.file.read_bytes()).decode()
        return (
            f'@font-face{{font-family:"{self.family}";font-style:normal;font-weight:{self.weight};{only}'
            f'src:url("data:font/woff2;base64,{data}") format("woff2")}}'
        )


@lru_cache
def faces() -> tuple[Face, ...]:
    """The bundled files, in the order of their names."""
    found = [(path, _NAME.fullmatch(path.name)) for path in sorted(FOLDER.glob("*.woff2"))]
    return tuple(Face(f"Inforce {name[1].title()}", name[3], name[2], path) for path, name in found if name)


@lru_cache
def font_faces(*, ranges: bool) -> str:
    """The style sheet that declares all bundled files."""
    return "\n".join(face.rule(ranges=ranges) for face in faces())


@lru_cache
def glyphs() -> frozenset[int]:
    """The characters that every weight of the text family can draw; a PDF shows no others, so it never asks the system's fonts."""
    from fontTools.ttLib import TTFont  # comes with WeasyPrint and is needed for PDF alone

    covered: dict[str, set[int]] = {}
    for face in faces():
        if face.family == "Inforce Sans":
            with TTFont(face.file, lazy=True) as font:
                covered.setdefault(face.weight, set()).update(font.getBestCmap())
    return frozenset(set.intersection(*covered.values()))
