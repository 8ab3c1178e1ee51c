"""English and Chinese words: what each is called in the other language, and what it is a kind of.

Names are ECDICT's (MIT), kinds WordNet 3.0's (Fellbaum, 1998); `recipes/lexicon` writes the file.
The file has four parts with an empty line between them: English words (``word, Chinese names,
senses``, the usual ones first), Chinese words with their English names, the kinds that each sense
is right below (line n is sense n), and irregular forms with their word.
"""

from __future__ import annotations

import lzma
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("words.tsv.xz")

LONGEST = 6
"""Characters of a Chinese word, and at most as many words of an English one, that are tried."""

_HAN = re.compile("[\u3400-\u9fff]+")
_LATIN = re.compile("[A-Za-z]+(?:['’-][A-Za-z]+)*")
_EMPTY = frozenset(
    "的了是在有和与及或也都而就着过得地里上下中这那个张只吗呢吧啊呀么们些把被给从到对向跟"
)
"""Characters that say nothing alone."""

_RULES = (
    ("ves", "f"), ("ves", "fe"), ("ies", "y"), ("ches", "ch"), ("shes", "sh"), ("sses", "ss"),
    ("xes", "x"), ("zes", "z"), ("oes", "o"), ("men", "man"), ("es", "e"), ("s", ""),
    ("ied", "y"), ("ing", "e"), ("ing", ""), ("ed", "e"), ("ed", ""),
)  # fmt: skip
"""Endings that forms have instead of their words': WordNet's rules (morphy(7)), and a few more."""


@dataclass(frozen=True)
class Part:
    """A word of a text.

    Attributes
    ----------
    written : str
        As it stands in the text.
    others : tuple of str
        What it is called in the other language, the usual name first; empty where nothing is known.
    start, end : int
        Where it stands, in characters.
    """

    written: str
    others: tuple[str, ...]
    start: int
    end: int


class Lexicon:
    """Words of a file; see the module.

    Parameters
    ----------
    words, chinese, kinds, forms : str
        Its parts.
    """

    def __init__(self, words: str, chinese: str, kinds: str, forms: str) -> None:
        self._words = dict(_keyed(words, str.lower))
        self._chinese = dict(_keyed(chinese))
        self._above = kinds.split("\n")
        self._forms = dict(_keyed(forms))
        self._kinds: dict[int, frozenset[int]] = {}

    def parts(self, text: str) -> list[Part]:
        """The words of a text, in order, with their names in the other language.

        Of Chinese the longest words that are known; characters that say nothing are left out.
        """
        found = [part for run in _HAN.finditer(text) for part in self._chinese_parts(run)]
        found += self._english_parts(text)
        return sorted(found, key=lambda part: part.start)

    def others(self, word: str) -> tuple[str, ...]:
        """What a word is called in the other language, the usual name first."""
        if _HAN.search(word):
            told = self._chinese.get(word) or self._chinese.get(word.removesuffix("子"), "")
        else:
            told = self._words.get(self.lemma(word), "").partition("\t")[0]
        return tuple(told.split("|")) if told else ()

    def lemma(self, word: str) -> str:
        """The word of a form, in small letters: "knife" of "knives"; itself where none is known."""
        word = word.lower()
        if word in self._words:
            return word
        *first, last = word.split(" ")
        for lemma in (self._forms.get(last, ""), *regular_lemmas(last)):
            whole = " ".join((*first, lemma))
            if lemma and whole in self._words:
                return whole
        return word

    def is_kind(self, word: str, of: str) -> bool:
        """Whether an English word names a kind of another, or the same: a goat is an animal."""
        above = {kind for sense in self.senses(word) for kind in self.kinds(sense)}
        return not above.isdisjoint(self.senses(of))

    def senses(self, word: str) -> tuple[int, ...]:
        """Numbers of what an English word means before all, the commonest first."""
        told = self._words.get(self.lemma(word), "").partition("\t")[2]
        return tuple(map(int, told.split(","))) if told else ()

    def kinds(self, sense: int) -> frozenset[int]:
        """All that a sense is a kind of, and itself."""
        if sense not in self._kinds:
            above, new = set[int](), [sense]
            while new:
                above.update(new)
                parents = [p for one in new for p in self._above[one].split(",") if p]
                new = [int(parent) for parent in parents if int(parent) not in above]
            self._kinds[sense] = frozenset(above)
        return self._kinds[sense]

    def _chinese_parts(self, run: re.Match[str]) -> Iterator[Part]:
        text, place = run[0], 0
        while place < len(text):
            for length in range(min(LONGEST, len(text) - place), 0, -1):
                word = text[place : place + length]
                others = self.others(word)
                if others or length == 1:
                    break
            start = run.start() + place
            if not (length == 1 and word in _EMPTY):
                yield Part(word, others, start, start + length)
            place += length

    def _english_parts(self, text: str) -> Iterator[Part]:
        words = [*_LATIN.finditer(text)]
        place = 0
        while place < len(words):
            for count in range(min(LONGEST, len(words) - place), 0, -1):
                last = words[place + count - 1]
                written = text[words[place].start() : last.end()]
                plain = " ".join(word[0] for word in words[place : place + count])
                others = self.others(plain)
                if others or count == 1:
                    break
            yield Part(written, others, words[place].start(), last.end())
            place += count


def regular_lemmas(form: str) -> Iterator[str]:
    """Words that a form may be of by rule, likelier ones first."""
    for ending, instead in _RULES:
        if form.endswith(ending) and len(form) - len(ending) >= 2:
            yield form[: len(form) - len(ending)] + instead
            bare = form[: len(form) - len(ending)]
            if not instead and len(bare) > 3 and bare[-1] == bare[-2]:
                yield bare[:-1]  # running


@cache
def lexicon() -> Lexicon:
    """The lexicon that comes with Sensorium."""
    return Lexicon(*lzma.decompress(FILE.read_bytes()).decode().split("\n\n"))


def _keyed(lines: str, key: Callable[[str], str] = str) -> Iterator[tuple[str, str]]:
    for line in lines.split("\n"):
        word, _, told = line.partition("\t")
        yield key(word), told
