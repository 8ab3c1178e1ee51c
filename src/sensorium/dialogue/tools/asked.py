"""What is asked, in both languages: its words, and what they are called in the other one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from sensorium.dialogue.tools.things import Named, named
from sensorium.tasks.lexicon import Lexicon, Part, lexicon
from sensorium.tasks.terms import STOP_WORDS

HAN = re.compile(r"[\u3400-\u9fff]")

_SAID_OF_IT = re.compile(
    r"(?i)\b(?:with|without|in|on|at|by|of|near|next|that|which|who|whose|behind|under|over|above|"
    r"below|across|from|to|for|against|between|beside|through|into|and|or|but|is|are|\w+ing|built|"
    r"made|taken|seen)\b|[,;、，]|(?<=[\u3400-\u9fff])\s"
)
"""What begins what is said of a thing."""

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
    head : int or None
        Which of them is the thing that is sought, and not said of it: the castle in "castle with
        white walls", 塔 in 顶上有金球的塔.
    """

    words: str
    english: str
    groups: tuple[tuple[str, ...], ...]
    head: int | None = None

    @property
    def thing(self) -> tuple[str, ...]:
        """English names of the thing that is sought, without what is said of it."""
        return () if self.head is None else tuple(filter(str.isascii, self.groups[self.head]))

    @property
    def is_thing(self) -> bool:
        """Whether nothing is said but what thing is sought."""
        return self.head is not None and len(self.groups) == 1


@lru_cache(maxsize=256)
def asked_of(words: str) -> Asked:
    """What some words ask for."""
    known = lexicon()
    parts = [*{part.written.lower(): part for part in known.parts(words)}.values()]
    parts = [part for part in parts if not _says_nothing(part)]
    if not parts or len(parts) > MOST_WORDS:
        return Asked(words, "", ())
    english = ""
    if HAN.search(words):
        english = " ".join(part.others[0] for part in parts if part.others)
    groups = tuple(_names_of(part, known) for part in parts)
    return Asked(words, english, groups, _head(words, parts, known))


def described_more(before: str, now: str) -> str:
    """What is sought, where something more is said of what was sought before.

    The thing stays, what was said of it goes: "hammer with a red grip", "wooden handle" is a hammer
    with a wooden handle. Another thing of its kind stands for itself: a camel is no giraffe.
    """
    base, new = asked_of(before), asked_of(now)
    if base.head is None:
        return f"{before}, {now}"
    is_other = bool(new.thing) and named(new.thing, base.thing) is not Named.UNKNOWN
    return now if is_other else f"{base.groups[base.head][0]}, {now}"


def _head(words: str, parts: Sequence[Part], known: Lexicon) -> int | None:
    """Which part is the thing itself: in English before what is said of it, in Chinese behind."""
    start, stop = 0, len(words)
    if HAN.search(words) and "的" in words:
        start = words.rindex("的")
    elif found := _SAID_OF_IT.search(words):
        stop = found.start()
    fits = [
        number for number, part in enumerate(parts)
        if start <= part.start < stop and _is_thing(part, known)
    ]  # fmt: skip
    return fits[-1] if fits else None


def _is_thing(part: Part, known: Lexicon) -> bool:
    """Whether a word is a noun: built, in English, is a form of another word."""
    if HAN.search(part.written):
        return any(known.senses(name) for name in part.others)
    word = part.written.lower()
    is_form = known.lemma(word) != word and not word.endswith(("s", "men", "ice", "eet", "eese"))
    return bool(known.senses(word)) and not is_form and not word.endswith(("ing", "ed"))


def _says_nothing(part: Part) -> bool:
    """Whether a word is one of those that every text has: "the", 一."""
    return {part.written.lower(), *map(str.lower, part.others[:1])} & STOP_WORDS != set()


def _names_of(part: Part, known: Lexicon) -> tuple[str, ...]:
    written = part.written.lower()
    if HAN.search(written):
        return tuple(dict.fromkeys((written, *part.others)))
    own = (written, known.lemma(written), *_countries_of(part, known))
    return tuple(dict.fromkeys((*own, *part.others)))


def _countries_of(part: Part, known: Lexicon) -> list[str]:
    """What people or a language are of: who asks for the Dutch windmill means the Netherlands.

    Chinese says it with the country's name: 荷兰人, 荷兰语.
    """
    names = [
        name for other in part.others if len(other) > 2 and other[-1] in "人语文的"
        for name in known.others(other[:-1])
    ]  # fmt: skip
    return [name.lower() for name in names if name[0].isupper()]
