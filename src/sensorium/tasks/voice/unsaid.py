"""What of a text a voice cannot say: no word is left out without a word."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

_FOLLOWING = {"Mn", "Mc", "Me", "Cf", "Sk"}
"""Marks and joiners belong to what is before them."""


def mute_runs(text: str, has_sound: Callable[[str], bool]) -> list[str]:
    """Words, and parts of words, that have no sound.

    Parameters
    ----------
    text : str
    has_sound : callable
        Whether one letter, digit or sign is said. Punctuation is not asked for.

    Returns
    -------
    list of str
        In order, each once.

    Examples
    --------
    >>> mute_runs("Say Привет, world ♥", str.isascii)
    ['Привет', '♥']
    """
    known: dict[str, bool] = {}
    found: list[str] = []
    inside = False
    for letter in unicodedata.normalize("NFC", text):
        kind = unicodedata.category(letter)
        if kind in _FOLLOWING:
            mute = inside
        elif kind[0] in "LNS":
            if letter not in known:
                known[letter] = has_sound(letter)
            mute = not known[letter]
        else:
            mute = False
        if mute and inside:
            found[-1] += letter
        elif mute:
            found.append(letter)
        inside = mute
    return list(dict.fromkeys(found))
