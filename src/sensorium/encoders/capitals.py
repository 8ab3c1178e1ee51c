"""Words in capitals, as a model knows them: in small letters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

LEAST_LETTERS = 3
"""Letters of a word in capitals, among others that are not, before it may be one that is stressed:
of two letters nearly all are abbreviations (US, TV, UK), and "us" means something else."""

_CHEROKEE = frozenset(map(chr, range(0x13A0, 0x13F6)))
"""Capitals by name, in which all of Cherokee is written; no other script has it this way round."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def in_small_letters(text: str, pieces: Callable[[str], int]) -> str:
    """Write what is in capitals in small letters, where that says the same.

    A text that is nothing but capitals is typed so as a whole (a shout, a sign, a class's folder):
    its words become small, but for those that the tokenizer needs more pieces for then (VH-S,
    v-h-s): these are abbreviations. In any other text capitals say something: a word in them stays
    where small letters do not need fewer pieces ("the USA"), and becomes small where they do ("a
    H-OR-SE"). "iPhone", "McDonald" and "Paris" are not in capitals.

    Parameters
    ----------
    text : str
    pieces : callable
        How many pieces the tokenizer makes of a word.

    Returns
    -------
    str
        The text itself where nothing of it is in capitals.
    """
    words = [found[0] for found in _WORD.finditer(text)]
    if not any(_is_in_capitals(word) for word in words):
        return text
    whole = all(_is_in_capitals(word) or not _has_small(word) for word in words)

    def read(found: re.Match[str]) -> str:
        word = found[0]
        if not whole and (len(word) < LEAST_LETTERS or not word.isalpha()):
            return word
        if not (_is_in_capitals(word) or (whole and any(map(_is_capital, word)))):
            return word
        small = _lowered(word)
        fewer = pieces(word) - pieces(small)
        return small if fewer > 0 or (whole and fewer == 0) else word

    return _WORD.sub(read, text)


def _has_small(word: str) -> bool:
    """Whether it has a letter that is no capital: of a script without capitals all are none."""
    return any(letter.isalpha() and not _is_capital(letter) for letter in word)


def _is_in_capitals(word: str) -> bool:
    """Whether all letters are capitals, of a script that has small ones, and there are several.

    "DVD光盘" is not: a text in a script without capitals never is in capitals as a whole.
    """
    letters = [letter for letter in word if letter.isalpha()]
    return len(letters) > 1 and all(map(_is_capital, letters))


def _is_capital(letter: str) -> bool:
    return letter.isupper() and letter not in _CHEROKEE


def _lowered(word: str) -> str:
    # NFKC: mathematical and full-width capitals are capitals, too. Turkish İ becomes i with a dot
    # above it in Python, which is no letter of any word.
    return unicodedata.normalize("NFKC", word).lower().replace("i\u0307", "i")
