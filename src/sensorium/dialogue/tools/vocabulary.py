"""Words of a collection, by which a misspelt subject is mended: "motorcylce" where it is named so.

Only where nothing was found, and only words that stand nowhere in the collection, long ones at
that: among short ones another word is a letter away, and a bridge is no bride.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from sensorium.collection import Collection, Item
from sensorium.collection.collection import store_of
from sensorium.dialogue.understanding.spelling import is_one_step, is_two_steps
from sensorium.tasks.terms import STOP_WORDS

ALL_ITEMS = 1_000
"""Items of a collection whose words are known; more take longer than a turn may."""

EXCHANGED, ANY = 5, 7
"""Letters of a word from which on two exchanged ones, and any one error, are mended."""

_WORD = re.compile(r"[a-z]+")
_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")


class Vocabulary:
    """Words of one collection, read when they are first asked for and after it changed.

    Parameters
    ----------
    collection : Collection
    """

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._words: Counter[str] = Counter()
        self._version: object = None

    def mended(self, text: str) -> str:
        """A text with its misspelt words as the collection spells them; the same where none is.

        Parameters
        ----------
        text : str
            What was sought, and not found.
        """
        if len(self._collection) > ALL_ITEMS or not re.search(rf"[a-z]{{{EXCHANGED},}}", text):
            return text
        self._read()
        return _WORD.sub(lambda match: self._word(match[0]), text)

    def _word(self, word: str) -> str:
        if len(word) < EXCHANGED or word in STOP_WORDS or self._holds(word):
            return word
        near = [
            (other == _exchanged(word, other), count, other)
            for other, count in self._words.items()
            if other[0] == word[0] and _is_near(word, other)
        ]
        return max(near)[2] if near else word

    def _holds(self, word: str) -> bool:
        ends = ("", "s", "es", "ed", "ing", "d", "r", "er")
        return any(word + end in self._words for end in ends) or any(
            word.removesuffix(end) in self._words for end in ends[1:]
        )

    def _read(self) -> None:
        version = store_of(self._collection).version()
        if version == self._version:
            return
        self._version, self._words = version, Counter()
        for item in self._collection.items():
            for text in self._texts(item):
                self._words.update(_WORD.findall(text.lower()))

    def _texts(self, item: Item) -> Iterator[str]:
        name = re.split(r"[\\/]", item.path)[-1]
        yield " ".join(_PARTS.findall(name.rsplit(".", 1)[0]))
        yield from (said for said in item.metadata.values() if isinstance(said, str))
        for row in store_of(self._collection).texts(item=item.id).values():
            yield row.text or ""


def _is_near(word: str, other: str) -> bool:
    if len(other) < EXCHANGED:
        return False
    if min(len(word), len(other)) < ANY:
        return _exchanged(word, other) == other
    long = min(len(word), len(other)) > ANY
    return is_one_step(word, other) or (long and is_two_steps(word, other))


def _exchanged(word: str, other: str) -> str:
    """The word with the first two letters exchanged in which it differs from another."""
    if len(word) != len(other):
        return word
    for n in range(len(word) - 1):
        if word[n] != other[n]:
            return word[:n] + word[n + 1] + word[n] + word[n + 2 :]
    return word
