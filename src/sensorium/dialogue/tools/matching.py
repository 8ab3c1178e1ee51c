"""Which items are what is asked: by their vectors, and by what is said and written of them.

Three kinds of evidence are weighed for each item: how likely its vectors are what was asked
(`Hit.probability`), whether all the words asked for stand in its name, metadata or texts, and how
near its captions and category are to the question in the encoder's own eyes. The last speaks
across languages (动物 is near to the category "animals"), and against what merely looks alike.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.collection import Collection, Hit, Item
from sensorium.collection.collection import store_of
from sensorium.collection.hits import hits_of
from sensorium.collection.question import Question
from sensorium.collection.telling import CAPTION_KEYS
from sensorium.dialogue.tools.found import whole_of
from sensorium.encoders import Encoder
from sensorium.encoders.ordinary import ordinary_words
from sensorium.media import Modality, Text
from sensorium.ranking.scoring import Ranked
from sensorium.tasks.terms import STOP_WORDS, terms

SURE = 0.5
"""Probability from which on a hit is one of those that were asked for."""

CAPTION = 0.5
"""Cosine of a question to a caption, both less the mean of ordinary words, that is enough alone."""

ACROSS = 0.4
"""The same of a question in another script than the caption: all its cosines are smaller."""

IN_CHINESE = 0.46
"""The same of English words and a caption in Chinese, beside one in English: the castles of the
sample are at 0.48 and above, a red panda is at 0.43 to "cats"."""

CATEGORY = 0.7
"""The same of a category: at 0.6, cars are near to "vehicles" where there is but a motorcycle."""

AGREED = 1.0
"""Sum that a hit of `SURE` needs as well, where it has a caption: a pig looks like a cow (0.54),
and is called a pig (0.39)."""

AGAINST = 0.3
"""Cosine of a caption below which it is of something else, however likely the hit: a cheetah looks
like a cat (0.77), and is called a cheetah (0.23); a chicken is a bird (0.92 and 0.32)."""

TOGETHER = 0.6
"""Sum of a hit's probability and its name's cosine that is enough where there is no caption."""

SUPPORT = 0.4
"""Cosine of a caption in which a word of one or two Chinese characters is a word, and no part of
another: 马 is a horse, and stands in Machu Picchu."""

LIKELY_ALONE = 0.25
"""Probability of a hit without captions and names from which on it may be what was asked."""

NAMES_LOOKED_AT = 3
"""Hits whose captions or names, where none of them is near, say that nothing is there."""

LONG = 3
"""Terms from which on words describe something more closely than names do."""

LOOKED_AT = 60
"""Hits by vectors that are judged; behind them few are likely."""

ALL_CAPTIONS = 1_000
"""Items of a collection whose captions are all compared; of more, those of the hits."""

CATEGORY_KEYS = (
    "category", "kind", "class", "type", "genre", "album", "tags", "place", "city", "country",
    "location",
)  # fmt: skip
"""Metadata of few words that several items share."""

COUNTERS = frozenset({"IMG", "DSC", "DSCN", "DSCF", "PXL", "VID", "MVI", "SCAN", "SCREENSHOT"})
"""What cameras begin names with."""

MOST_CATEGORIES = 200


@dataclass(frozen=True)
class Matches:
    """What was found.

    Attributes
    ----------
    sure : tuple of Hit
        Items that are what was asked, best first.
    nearest : tuple of Hit
        The others, nearest first.
    nothing : bool
        Whether nothing matches.
    """

    sure: tuple[Hit, ...]
    nearest: tuple[Hit, ...]
    nothing: bool


class Matcher:
    """Matches items of one collection.

    Parameters
    ----------
    collection : Collection
    """

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self.said = Said(collection)

    def match(
        self,
        words: str = "",
        others: Sequence[Any] = (),
        *,
        like: Sequence[Any] = (),
        where: str | None = None,
        modality: str | None = None,
    ) -> Matches:
        """Find what is asked.

        Parameters
        ----------
        words : str
        others : sequence of media
            That are sought as well.
        like : sequence of Item
            Examples.
        where, modality : str, optional
            See `Collection.search`.
        """
        sought = [*([Text(words)] if words else []), *others]
        if len(sought) == 1 and not like:
            found = self._collection.search(sought[0], LOOKED_AT, where=where, modality=modality)
        else:
            found = self._collection.search(
                Question(*sought, like=[*like]), LOOKED_AT, where=where, modality=modality
            )
        if others or like:
            return _by_vectors(found, found.nothing_matches)
        return self._weighed(words, found, found.nothing_matches, where, modality)

    def _weighed(
        self, words: str, found: Sequence[Hit], nothing: bool, where: str | None,
        modality: str | None,
    ) -> Matches:  # fmt: skip
        near = self.said.near(words, found)
        by_id = {hit.id: hit for hit in found}
        holding = {
            hit.id: hit
            for hit in self._holding(words, where, modality)
            if not _is_short(words) or near.get(hit.id, SUPPORT) >= SUPPORT or hit.text
        }
        told = self._told_so(words, near, by_id, holding, where, modality)
        strength = {}
        for hit in (*found, *holding.values(), *told.values()):
            chance, cosine = hit.probability or 0.0, near.get(hit.id)
            if hit.id in holding:
                strength[hit.id] = 1.0 + chance + (cosine or 0.0)
            elif self.said.against(hit.id, cosine):
                continue
            elif hit.id in told or (chance >= SURE and chance + (cosine or 1.0) >= AGREED):
                strength[hit.id] = chance + (cosine or 0.0)
            elif (
                cosine is not None
                and not self.said.describes(hit.id)
                and (chance + cosine >= TOGETHER)
            ):
                strength[hit.id] = chance + cosine
        _drop_writing(strength, holding)
        hits = {**told, **by_id, **{n: h for n, h in holding.items() if h.text or n not in by_id}}
        sure = sorted(strength, key=lambda number: -strength[number])
        nearest = sorted(
            (hit for hit in found if hit.id not in strength),
            key=lambda hit: -((hit.probability or 0.0) + near.get(hit.id, 0.0)),
        )
        if not sure:
            nothing = self._is_nothing(words, found, near, nothing)
        return Matches(tuple(hits[number] for number in sure), tuple(nearest), nothing and not sure)

    @staticmethod
    def _is_nothing(
        words: str, found: Sequence[Hit], near: dict[int, float], nothing: bool
    ) -> bool:
        """Whether nothing is there, where no hit is sure."""
        best = found[0].probability if found else 0.0
        if best is None:
            return nothing
        if _is_long(words):
            return nothing
        said = any(hit.id in near for hit in found[:NAMES_LOOKED_AT])
        return nothing or said or best < LIKELY_ALONE

    def _told_so(
        self, words: str, near: dict[int, float], by_id: dict[int, Hit],
        holding: dict[int, Hit], where: str | None, modality: str | None,
    ) -> dict[int, Hit]:  # fmt: skip
        """Items whose caption or category says the same in other words."""
        least = ACROSS if _HAN.search(words) and not self.said.has_han else CAPTION
        ids = [number for number, cosine in near.items() if cosine >= least]
        ids += self.said.in_category(words)
        new = [number for number in dict.fromkeys(ids) if number not in holding]
        allowed = None if where is None else {*self._collection.ids(where).tolist()}
        told = {}
        for item in self._collection.items(ids=new):
            if (allowed is None or item.id in allowed) and modality in (None, item.modality):
                told[item.id] = by_id.get(item.id) or whole_of(item)
        return told

    def _holding(self, words: str, where: str | None, modality: str | None) -> list[Hit]:
        """Items of which all the words are said or written, best first."""
        plain = words.replace('"', " ").split()
        telling = [word for word in plain if word.lower() not in STOP_WORDS] or plain
        asked = " ".join(f'"{word}"' for word in telling)
        if not asked:
            return []
        store = store_of(self._collection)
        allowed = self._collection.ids(where) if where is not None else None
        matches = store.match_words(asked, 10_000, allowed, whole=True)
        ranked = [Ranked(one.item, one.score, None, one.text_id) for one in matches]
        (hits,) = hits_of(store, [ranked])
        return [hit for hit in hits if modality is None or hit.modality == modality]


class Said:
    """How near captions and categories of a collection are to a question."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._vectors: dict[str, npt.NDArray[np.float32]] = {}
        self._middle: npt.NDArray[np.float32] | None = None
        self._version: object = None
        self.has_han = False
        self._captions: dict[int, list[str]] = {}
        self._described: set[int] = set()
        self._categories: dict[str, list[int]] = {}

    def near(self, words: str, hits: Sequence[Hit]) -> dict[int, float]:
        """Cosines of items' captions to words, by their ids; of those that have captions."""
        if not self._reads_texts():
            return {}
        self._read()
        captions = self._captions or {hit.id: _captions(hit) for hit in hits}
        told = {number: _in_script_of(words, texts) for number, texts in captions.items() if texts}
        cosines = self._cosines(words, [text for texts in told.values() for text in texts])
        near = {number: max(cosines[text] for text in texts) for number, texts in told.items()}
        if not _HAN.search(words):
            for number in self._told_in_chinese(words, captions, {*near}):
                near[number] = max(near[number], CAPTION)
        return near

    def _told_in_chinese(
        self, words: str, captions: dict[int, list[str]], those: set[int]
    ) -> list[int]:
        """Items whose Chinese captions say what English words do: 香波尔城堡 is a castle."""
        chinese = {n: [t for t in captions[n] if _HAN.search(t)] for n in those}
        cosines = self._cosines(words, [text for texts in chinese.values() for text in texts])
        return [n for n, texts in chinese.items() if any(cosines[t] >= IN_CHINESE for t in texts)]

    def against(self, number: int, cosine: float | None) -> bool:
        """Whether what is said of an item speaks against it; names of files do not."""
        return self.describes(number) and cosine is not None and cosine < AGAINST

    def describes(self, number: int) -> bool:
        """Whether an item has a caption, and not a mere name."""
        return number in self._described

    def cosines(self, words: str, texts: Sequence[str]) -> dict[str, float]:
        """Cosines of texts to words, both less the mean of ordinary words."""
        return self._cosines(words, texts) if self._reads_texts() else dict.fromkeys(texts, 0.0)

    def in_category(self, words: str) -> list[int]:
        """Items of the categories that say the same as words."""
        if not self._reads_texts():
            return []
        self._read()
        cosines = self._cosines(words, [*self._categories])
        return [
            number for name, ids in self._categories.items() if cosines[name] >= CATEGORY
            for number in ids
        ]  # fmt: skip

    def _reads_texts(self) -> bool:
        return Modality.TEXT in self._collection.encoder.space.modalities

    def _read(self) -> None:
        """Captions and categories as they are now."""
        version = store_of(self._collection).version()
        if version == self._version:
            return
        self._version, self._captions, self._categories = version, {}, {}
        self._described = set()
        is_small = len(self._collection) <= ALL_CAPTIONS
        for item in self._collection.items() if is_small else ():
            self._captions[item.id] = _captions(item)
            if len(self._captions[item.id]) > bool(words_of_name(item.path)):
                self._described.add(item.id)
            for key in CATEGORY_KEYS:
                said = item.metadata.get(key)
                for part in said.split(",") if isinstance(said, str) else ():
                    if part.strip():
                        self._categories.setdefault(part.strip(), []).append(item.id)
        self.has_han = any(_HAN.search(t) for texts in self._captions.values() for t in texts)
        if len(self._categories) > MOST_CATEGORIES:
            self._categories = {}

    def _cosines(self, words: str, texts: Sequence[str]) -> dict[str, float]:
        encoder = self._collection.encoder
        new = [text for text in dict.fromkeys([words, *texts]) if text not in self._vectors]
        for text, vector in zip(new, self._encoded(encoder, new), strict=True):
            self._vectors[text] = vector
        asked = self._vectors[words]
        return {text: float(self._vectors[text] @ asked) for text in texts}

    def _encoded(self, encoder: Encoder, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Vectors of texts less the mean of ordinary words, of unit length."""
        if self._middle is None:
            self._middle = ordinary_words(encoder, encoder.prompts).mean(axis=0)
        if not texts:
            return np.empty((0, len(self._middle)), np.float32)
        found = encoder.encode_queries([Text(text) for text in texts]) - self._middle
        lengths = np.linalg.norm(found, axis=1, keepdims=True)
        return np.asarray(found / np.maximum(lengths, 1e-9), np.float32)


def _captions(item: Item) -> list[str]:
    """What is said of an item: captions, and its file's name where that has words."""
    said = item.metadata
    keys = [key for key in said if key in CAPTION_KEYS or key.startswith("caption")]
    texts = [text for key in keys if isinstance(text := said[key], str) and text.strip()]
    return [*texts, *filter(None, [words_of_name(item.path)])]


def words_of_name(path: str) -> str:
    """The words in a file's name; "" of one that has none, as IMG_1234 and P1020."""
    parts = re.findall(r"[A-Z]?[a-z]{2,}|[A-Z]{3,}|[^\W\d_a-zA-Z]+", PurePath(path).stem)
    told = [part for part in parts if part.upper() not in COUNTERS]
    has_words = any(len(part) > 2 or not part.isascii() for part in told)
    return " ".join(told).lower() if has_words else ""


def _drop_writing(strength: dict[int, float], holding: dict[int, Hit]) -> None:
    """Leave pictures out on which the word is merely written, where others are what it says."""
    written = {
        number for number, hit in holding.items() if hit.text and hit.modality == "image"
    } & {*strength}
    if len(written) < len(strength):
        for number in written:
            del strength[number]


def _is_short(words: str) -> bool:
    return len(words) <= 2 and not words.isascii()


def _in_script_of(words: str, texts: Sequence[str]) -> Sequence[str]:
    """Captions in the script of the words, or all where none is: 大熊猫 is no cat in English."""
    same = [text for text in texts if bool(_HAN.search(text)) == bool(_HAN.search(words))]
    return same or texts


_HAN = re.compile(r"[\u3400-\u9fff]")


def _is_long(words: str) -> bool:
    """Whether words describe something: no name or category says the same as those."""
    return len(terms(words)) >= LONG


def _by_vectors(found: Sequence[Hit], nothing: bool) -> Matches:
    sure = tuple(hit for hit in found if (hit.probability or 0.0) >= SURE)
    return Matches(sure, tuple(hit for hit in found if hit not in sure), nothing and not sure)
