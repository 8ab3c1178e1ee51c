"""The units of a request that are tagged: words, single Chinese characters, marks."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

UNIT = re.compile(
    r"[\u3400-\u9fff]|\d+(?:st|nd|rd|th)?(?![^\W_\u3400-\u9fff])|[^\W_\u3400-\u9fff]+(?:['’][^\W_\u3400-\u9fff]+)*|[^\w\s]"
)

GRAMS = 4096
"""Rows of the table that letters of units are looked up in (the "hashing trick", Weinberger et al.
2009): what the tower's pieces do not say of single characters and of misspelt words."""


@dataclass(frozen=True)
class Unit:
    """A word, a Chinese character or a mark, and where it stands."""

    text: str
    start: int
    end: int


def units(text: str) -> list[Unit]:
    """The units of a text, in small letters.

    Parameters
    ----------
    text : str
    """
    small = small_letters(text)
    return [Unit(small[m.start() : m.end()], m.start(), m.end()) for m in UNIT.finditer(small)]


def small_letters(text: str) -> str:
    """A text in small letters, of the same length: "İ", which would become two, stays."""
    small = text.lower()
    return small if len(small) == len(text) else text


def grams(unit: str) -> list[int]:
    """Rows for the letters of a unit: itself, its beginnings and ends, its threes of letters."""
    marked = f"<{unit.replace('’', chr(39))}>"
    parts = {marked, marked[:4], marked[-4:]}
    parts |= {marked[n : n + 3] for n in range(len(marked) - 2)}
    return sorted({zlib.crc32(part.encode()) % GRAMS for part in parts})
