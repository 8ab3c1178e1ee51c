"""What is asked, in both languages: its words, and what they are called in the other one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from sensorium.tasks.lexicon import Lexicon, Part, lexicon
from sensorium.tasks.terms import STOP_WORDS

HAN = re.compile(r"[\u3400-\u9fff]")

MOST_WORDS = 8
"""Words of what is sought that are put into the other language; more are a text, and no thing."""


@dataclass(frozen=True)
class Asked:
    """What is sought.

    Attributes
    ----------
    words : str
        As they were said.
    english : str
        Chinese words in English, word by word; empty where none of them is known, and of English.
    groups : tuple of tuple of str
        For each word that says something, all that it may be called in texts and names: itself,
        its base form, and what it is in the other language.
    """

    words: str
    english: str
    groups: tuple[tuple[str, ...], ...]


@lru_cache(maxsize=256)
def asked_of(words: str) -> Asked:
    """What some words ask for."""
    known = lexicon()
    parts = [part for part in known.parts(words) if part.written.lower() not in STOP_WORDS]
    if not parts or len(parts) > MOST_WORDS:
        return Asked(words, "", ())
    english = ""
    if HAN.search(words):
        english = " ".join(part.others[0] for part in parts if part.others)
    return Asked(words, english, tuple(_names_of(part, known) for part in parts))


def _names_of(part: Part, known: Lexicon) -> tuple[str, ...]:
    written = part.written.lower()
    own = (written,) if HAN.search(written) else (written, known.lemma(written))
    return tuple(dict.fromkeys((*own, *part.others)))
