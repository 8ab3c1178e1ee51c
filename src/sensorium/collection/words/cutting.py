"""Text in, words out: the one rule by which what is stored and what is asked are cut.

=====================================  ==============================  ==========================
written                                words                           besides
=====================================  ==============================  ==========================
``DSC01273``, ``RE16 TGK``             dsc 1273, re 16 tgk
``IMG_20230501``, ``2023-05``          img 2023 202305
                                       20230501, 2023 202305
``iPhone12``, ``blueCar``              iphone 12, bluecar              i phone 12, blue car
风车, ネコ                              风 车, ね こ
แมวสีดำ                                 แม ว สี ดำ
고양이는, किताब                            고양이는, किताब
서울시청                                서울시청                         시청, 울시청
=====================================  ==============================  ==========================

Scripts that put no spaces between words are cut into characters, with the marks on them, and asked
for as phrases. Words are in small letters; stems are SQLite's matter, on both sides alike.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import NamedTuple

from sensorium.collection.words.folding import fold

HAN = (
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3038-\u303b\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
HIRAGANA = "\u3041-\u309f\U0001b001-\U0001b11f\U0001b150-\U0001b152"
KATAKANA = "\u3031-\u3035\u30a0-\u30ff\u31f0-\u31ff\U0001b000\U0001b164-\U0001b167"
_BOPOMOFO = "\u3100-\u312f\u31a0-\u31bf"
_THAI_AND_LAO = "\u0e00-\u0eff"
_BURMESE = "\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f"
_KHMER = "\u1780-\u17ff"
_TAI = "\u1950-\u19df\u1a20-\u1aaf\uaa80-\uaadf"
UNSPACED = HAN + HIRAGANA + KATAKANA + _BOPOMOFO + _THAI_AND_LAO + _BURMESE + _KHMER + _TAI
"""Scripts that put no spaces between words."""

HANGUL = "\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff"

_PLAIN_UNIT = re.compile("(?P<number>[0-9]+)|(?P<letters>[^0-9_]+)")
"""In ASCII; `_unit` says the same of it, and is compiled in 4 ms, which most starts save."""


@cache
def _unit() -> re.Pattern[str]:
    return re.compile(
        f"(?P<number>[0-9]+)|(?P<hangul>[{HANGUL}]+)|(?P<unspaced>[{UNSPACED}]+)"
        f"|(?P<letters>[^0-9_{HANGUL}{UNSPACED}]+)"
    )


_THAI_MARKS = "\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece"
_AFTER_THAI = f"[{_THAI_MARKS}\u0e30\u0e32\u0e33\u0e45\u0eb0\u0eb2\u0eb3]*"
_BURMESE_MARKS = (
    "\u102b-\u103e\u1056-\u1059\u105e-\u1060\u1062-\u1064\u1067-\u106d\u1071-\u1074"
    "\u1082-\u108d\u108f\u109a-\u109d"
)
_KHMER_MARKS = "\u17b4-\u17d1\u17d3\u17dd"


@cache
def _cluster() -> re.Pattern[str]:
    return re.compile(
        # A vowel that is written before its consonant, and vowels and tones that are written after
        # it, are not parted from it (Theeramunkong and others 2000, "Character cluster based Thai
        # information retrieval").
        f"[\u0e40-\u0e44\u0ec0-\u0ec4]?[{_THAI_AND_LAO}]{_AFTER_THAI}"
        # Consonants below one another, and what is final in its syllable.
        f"|[{_BURMESE}](?:[{_BURMESE_MARKS}]|\u1039[{_BURMESE}]|[\u1000-\u1021]\u1037?\u103a)*"
        f"|[{_KHMER}](?:[{_KHMER_MARKS}]|\u17d2[{_KHMER}])*"
        r"|."
    )


_DATE = re.compile(
    r"((?:19|20)\d\d)(0[1-9]|1[0-2])"
    r"(?:(0[1-9]|[12]\d|3[01])((?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d)?)?)?"
)
"""Dates as cameras and telephones write them into names: year and month, a day, a time."""

_JOINER = "\u200c"

_LONG_HANGUL = 4
"""Syllables of a Korean word in which another one may end: 검은고양이 of black and cat."""

_MOST_TAILS = 12
"""Of one word: what is longer has lost its spaces."""

LONGEST_CACHED = 32
"""Characters that are cut once and kept; longer are runs of an unspaced script, which come once."""


class Unit(NamedTuple):
    """A piece of a chunk that is of one kind.

    Attributes
    ----------
    kind : str
        ``"letters"``, ``"number"``, ``"hangul"`` or ``"unspaced"``.
    words : tuple of str
    written : str
        As it was, folded and in small letters.
    """

    kind: str
    words: tuple[str, ...]
    written: str


class Chunk(NamedTuple):
    """What was written without a space or a mark in between.

    Attributes
    ----------
    units : tuple of Unit
    humps : tuple of str
        The same words where capitals within them (``blueCar``) begin new ones, and the endings of
        Persian; else none.
    tails : tuple of str
        Ends of long Korean words, which are often several in one.
    """

    units: tuple[Unit, ...]
    humps: tuple[str, ...]
    tails: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """The words of all units."""
        return tuple(word for unit in self.units for word in unit.words)


def chunks(text: str) -> list[Chunk]:
    """Cut a text; see the table at the top of this module."""
    return [chunk_of(part) for part in fold(text).split()]


def words(text: str) -> str:
    """Words with spaces in between: in the order of the text, then those within others."""
    found: list[str] = []
    besides: list[str] = []
    for part in fold(text).split():
        both = _spaced(part) if len(part) <= LONGEST_CACHED else _joined(part)
        found.append(both[0])
        if both[1]:
            besides.append(both[1])
    return " ".join(filter(None, found + besides))


def _joined(chunk: str) -> tuple[str, str]:
    cut = chunk_of(chunk)
    return " ".join(cut.words), " ".join(cut.humps + cut.tails)


_spaced = lru_cache(maxsize=1 << 16)(_joined)
"""The same words come again and again: looked up, they take a tenth of the time."""


_HIRAGANA_OF = {code: code - 0x60 for code in (*range(0x30A1, 0x30F7), 0x30FD, 0x30FE)}


def kana(text: str) -> str:
    """Write katakana in hiragana: リンゴ and りんご are one word."""
    return text.translate(_HIRAGANA_OF)


def chunk_of(chunk: str) -> Chunk:
    """Cut what was written without a space in between, as `fold` leaves it."""
    units = []
    humps: list[str] = []
    tails: list[str] = []
    for match in (_PLAIN_UNIT if chunk.isascii() else _unit()).finditer(chunk):
        written, small = match[0], match[0].casefold().replace(_JOINER, "")
        if match.lastgroup == "number":
            words = _numbers(written)
        elif match.lastgroup == "unspaced":
            words = tuple(_cluster().findall(kana(small)))
        else:
            words = (small,)
            if match.lastgroup == "hangul" and len(small) >= _LONG_HANGUL:
                tails += [small[n:] for n in range(1, min(len(small) - 1, _MOST_TAILS))]
        units.append(Unit(match.lastgroup or "letters", words, small))
        humps += _humps(written) if match.lastgroup == "letters" else words
    cut = Chunk(tuple(units), tuple(humps), tuple(tails))
    return cut if len(humps) > len(cut.words) else cut._replace(humps=())


def _numbers(digits: str) -> tuple[str, ...]:
    """A number without the zeros before it; of a date its year, its month in it, and itself.

    So 2023 and 2023-05 find it, and 5 does not.
    """
    date = _DATE.fullmatch(digits)
    if date is None:
        return (digits.lstrip("0") or "0",)
    year, month, day, time = date.groups()
    parts = [year, year + month, day and year + month + day, time and (time.lstrip("0") or "0")]
    return tuple(filter(None, parts))


def _humps(letters: str) -> list[str]:
    """Cut at capitals: blueCar, HTMLPage; not DVDs, and not what is all in capitals.

    And where Persian joins an ending.
    """
    if _JOINER in letters:
        return list(filter(None, letters.casefold().split(_JOINER)))
    if letters[1:] == letters[1:].casefold() or letters.isupper():
        return [letters.casefold()]
    start, parts = 0, []
    for n in range(1, len(letters)):
        before, here, after = letters[n - 1], letters[n], letters[n + 1 : n + 3]
        if here.isupper() and (
            before.islower() or (before.isupper() and len(after) == 2 and after.islower())
        ):
            parts.append(letters[start:n].casefold())
            start = n
    return [*parts, letters[start:].casefold()]
