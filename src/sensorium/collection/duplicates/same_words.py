"""Documents that say the same, word for word, whatever their format."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sensorium.data.files import stored_path
from sensorium.errors import MediaError
from sensorium.media import Modality, as_media
from sensorium.media.text import Text

LEAST_LETTERS = 20
"""Letters and figures under which two texts may be equal by chance: "yes", a page number."""

_SAME = str.maketrans({**dict.fromkeys("‘’‚‛`´", "'"), **dict.fromkeys("“”„‟«»", '"'),
                       **dict.fromkeys("‐‑‒–—−", "-"), "\u00ad": None, "\u200b": None})  # fmt: skip
"""Characters that programs write for one another: quotes, dashes, where a word may be parted."""


class SameWords:
    """Compares documents by their words, as their files are when they are compared.

    Parameters
    ----------
    paths : sequence of str
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths
        self._read: dict[int, bytes] = {}

    def agree(
        self, pairs: npt.NDArray[np.int64], cosines: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.bool_]:
        """Which pairs say the same; see `sensorium.collection.duplicates.grouping.Confirm`."""
        for row in np.unique(pairs).tolist():
            if row not in self._read:
                self._read[row] = words_of(self._paths[row])
        words = self._read
        return np.array([bool(words[a]) and words[a] == words[b] for a, b in pairs.tolist()], bool)


def words_of(path: str) -> bytes:
    """Equal for documents that say the same: each number, sign and word, in one order.

    Empty where nothing can be said: of what cannot be read, of a few letters, and of what holds
    pictures, which may be other ones.
    """
    digest = hashlib.sha256()
    letters = 0
    try:
        media = as_media(stored_path(path))
        if media.modality != Modality.TEXT:
            return b""
        for segment in media.segments():
            if not isinstance(segment.media, Text):
                return b""
            text = unicodedata.normalize("NFKC", segment.media.text.translate(_SAME))
            for word in text.split():
                letters += sum(letter.isalnum() for letter in word)
                digest.update(word.encode() + b"\0")
    except MediaError:
        return b""
    return digest.digest() if letters >= LEAST_LETTERS else b""
