"""What is said of items, in captions, categories and names of files, beside what is asked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

import numpy as np
import numpy.typing as npt

from sensorium.collection import Collection, Hit, Item
from sensorium.collection.collection import store_of
from sensorium.collection.telling import CAPTION_KEYS
from sensorium.encoders import Encoder
from sensorium.encoders.ordinary import ordinary_words
from sensorium.media import Modality, Text

CAPTION = 0.5
"""Cosine of a question to a caption, both less the mean of ordinary words, that is enough alone."""

ACROSS = 0.4
"""The same of a question in another script than the caption: all its cosines are smaller."""

IN_CHINESE = 0.46
"""The same of English words and a caption in Chinese, beside one in English: the castles of the
sample are at 0.48 and above, a red panda is at 0.43 to "cats"."""

CATEGORY = 0.7
"""The same of a category: at 0.6, cars are near to "vehicles" where there is but a motorcycle."""

AGAINST = 0.3
"""Cosine of a caption below which it is of something else, however likely the hit: a cheetah looks
like a cat (0.77), and is called a cheetah (0.23); a chicken is a bird (0.92 and 0.32)."""

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

MOST_KEPT = 20_000
"""Vectors of texts that are kept for an encoder: 40 MB at 512 dimensions."""

_KEPT: dict[str, dict[str, npt.NDArray[np.float32]]] = {}
"""Vectors of captions and questions by the encoder's space: every conversation, and every request
of a server, compares the same captions."""

HAN = re.compile(r"[\u3400-\u9fff]")


class Said:
    """How near captions and categories of a collection are to a question."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
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
        if not HAN.search(words):
            for number in self._told_in_chinese(words, captions, {*near}):
                near[number] = max(near[number], CAPTION)
        return near

    def _told_in_chinese(
        self, words: str, captions: dict[int, list[str]], those: set[int]
    ) -> list[int]:
        """Items whose Chinese captions say what English words do: 香波尔城堡 is a castle."""
        chinese = {n: [t for t in captions[n] if HAN.search(t)] for n in those}
        cosines = self._cosines(words, [text for texts in chinese.values() for text in texts])
        return [n for n, texts in chinese.items() if any(cosines[t] >= IN_CHINESE for t in texts)]

    def against(self, number: int, cosine: float | None) -> bool:
        """Whether what is said of an item speaks against it; names of files do not."""
        return self.describes(number) and cosine is not None and cosine < AGAINST

    def describes(self, number: int) -> bool:
        """Whether an item has a caption, and not a mere name."""
        return number in self._described

    def names(self, item: Item) -> list[str]:
        """Captions of an item and the words of its file's name."""
        return self._captions.get(item.id) or _captions(item)

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
        self.has_han = any(HAN.search(t) for texts in self._captions.values() for t in texts)
        if len(self._categories) > MOST_CATEGORIES:
            self._categories = {}

    def _cosines(self, words: str, texts: Sequence[str]) -> dict[str, float]:
        encoder = self._collection.encoder
        kept = _KEPT.setdefault(encoder.space.fingerprint, {})
        wanted = dict.fromkeys([words, *texts])
        vectors = {text: vector for text in wanted if (vector := kept.get(text)) is not None}
        new = [text for text in wanted if text not in vectors]
        vectors.update(zip(new, self._encoded(encoder, new), strict=True))
        if len(kept) > MOST_KEPT:
            kept.clear()
        kept.update((text, vectors[text]) for text in new)
        asked = vectors[words]
        return {text: float(vectors[text] @ asked) for text in texts}

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


def _in_script_of(words: str, texts: Sequence[str]) -> Sequence[str]:
    """Captions in the script of the words, or all where none is: 大熊猫 is no cat in English."""
    same = [text for text in texts if bool(HAN.search(text)) == bool(HAN.search(words))]
    return same or texts
