"""Units of formulas: `USD per hour` times `hour` is `USD`; `percent` and `number` have no dimension."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from engine.problems import InforceError

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9-]*", re.ASCII)
_WITHOUT_DIMENSION = ("number", "percent")


class UnitError(InforceError):
    """A text is not a unit."""

    def __init__(self, text: str) -> None:
        super().__init__(f"{text!r} is not a unit.\nWrite a unit such as USD, hour, percent, number or USD per hour.")


@dataclass(frozen=True, slots=True)
class Unit:
    """A product of powers of base units, sorted by name: `USD per hour` is `(("USD", 1), ("hour", -1))`."""

    powers: tuple[tuple[str, int], ...] = ()

    def __mul__(self, other: Unit) -> Unit:
        powers = Counter(dict(self.powers))
        powers.update(dict(other.powers))
        return Unit(tuple(sorted((word, power) for word, power in powers.items() if power)))

    def __str__(self) -> str:
        above = " * ".join(word for word, power in self.powers for _ in range(power))
        below = [word for word, power in self.powers for _ in range(-power)]
        return " per ".join([above or "number", *below])


def parse_unit(text: str) -> Unit:
    """The unit written in `text`: a word, or words joined by ` * ` above and ` per ` below."""
    above, *below = text.split(" per ")
    powers: Counter[str] = Counter()
    for words, power in ((above.split(" * "), 1), (below, -1)):
        for word in words:
            if not _WORD.fullmatch(word):
                raise UnitError(text)
            if word not in _WITHOUT_DIMENSION:
                powers[word] += power
    return Unit(tuple(sorted((word, power) for word, power in powers.items() if power)))
