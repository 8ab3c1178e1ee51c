"""Words with what their script attaches to them: 고양이 of 고양이는, كتاب of الكتاب, חתול of החתול.

What is stored stays as it is written; a question asks for a word in its forms. So nothing is cut
off that belongs to a word, of which nobody can be sure without a dictionary.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_AFTER_CONSONANT = ("은", "을", "이", "과", "으로", "이나", "이랑", "아")
_AFTER_VOWEL = ("는", "를", "가", "와", "로", "나", "랑", "야")
_AFTER_BOTH = (
    "의", "에", "도", "만", "들", "에서", "에게", "에는", "에도", "에서는", "에서도", "에게서",
    "한테", "까지", "부터", "처럼", "보다", "하고", "마다", "들이", "들은", "들을", "들의", "들과",
)  # fmt: skip
"""Particles of Korean. Which of a pair is used depends on how the syllable before them ends, which
tells 고양+이 from 고양이 in half of the cases."""

_PARTICLES = sorted({*_AFTER_CONSONANT, *_AFTER_VOWEL, *_AFTER_BOTH}, key=len, reverse=True)

_RIEUL = 8
"""Number of the final consonant ㄹ, after which 로 stands as after a vowel."""

LEAST_PREFIX = 2
"""Syllables from which on a Korean word may go on in any way; 개 begins 개구리, too."""

_ARABIC_BEFORE = ("ال", "وال", "بال", "كال", "فال", "لل", "و", "ب", "ل", "ف", "ك")
_ARABIC_ARTICLE = re.compile("(?:[وبكف]?ال|لل)(?=.{3})")
_HEBREW_BEFORE = ("ה", "ו", "ב", "ל", "מ", "ש", "כ", "וה", "שה", "מה", "וב", "ול")
_HEBREW_ARTICLE = re.compile("ו?ה(?=.{3})")
"""The article, "and", "in", "to", "from", "that", "as". An article is taken off where three letters
remain: הר and الو are words."""


def forms(word: str, *, is_hangul: bool) -> Iterator[str]:
    """Terms of FTS5 for a word that was asked for.

    A word and its beginnings are not asked for both: what counts twice outweighs a second word.
    """
    if is_hangul:
        yield from _korean(word)
        return
    yield f'"{word}"'
    if "\u0621" <= word[0] <= "\u06d3":
        yield from _with_article(word, _ARABIC_ARTICLE, _ARABIC_BEFORE)
    elif "א" <= word[0] <= "ת":
        yield from _with_article(word, _HEBREW_ARTICLE, _HEBREW_BEFORE)


def _with_article(word: str, article: re.Pattern[str], before: tuple[str, ...]) -> Iterator[str]:
    if len(word) == 1:
        return
    if taken := article.match(word):
        word = word[taken.end() :]
        yield f'"{word}"'
    for start in before:
        yield f'"{start}{word}"'


def _korean(word: str) -> Iterator[str]:
    for stem in dict.fromkeys([word, *_stems(word)]):
        if len(stem) >= LEAST_PREFIX:
            yield f'"{stem}" *'
        else:
            yield f'"{stem}"'
            yield from (f'"{stem}{particle}"' for particle in _PARTICLES if _fits(stem, particle))


def _stems(word: str) -> Iterator[str]:
    """What remains without the particle that a word may end with."""
    for particle in _PARTICLES:
        stem = word.removesuffix(particle)
        if stem and stem != word and _fits(stem, particle):
            yield stem


def _fits(stem: str, particle: str) -> bool:
    final = (ord(stem[-1]) - 0xAC00) % 28 if "가" <= stem[-1] <= "힣" else 0
    if particle in _AFTER_CONSONANT:
        return final > 0 and not (particle == "으로" and final == _RIEUL)
    return particle not in _AFTER_VOWEL or final == 0 or (particle == "로" and final == _RIEUL)
