"""What pixels say of pictures whose vectors are near: the same, or alike."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import PIL.Image

from sensorium.data.files import stored_path
from sensorium.errors import MediaError
from sensorium.media import Image
from sensorium.media.decoding import decoding
from sensorium.media.pictures.copies import Facts, Pixels, copies_among, may_be_copy, read_pixels
from sensorium.media.pictures.formats import BROKEN
from sensorium.media.sources import read_file

VECTORS_COSINE = 0.98
"""Cosine that is asked where pixels cannot be compared."""

THUMBNAIL_CORRELATION = 0.95
"""Correlation of thumbnails from which on two pictures look alike. At 0.9 twice as many of those
cropped by 5% are found, and twice as many pairs of other drawings."""

THUMBNAIL_SIDE = 8
"""Pixels, in three colours. 16 pixels tell other drawings better apart but find a tenth of the
pictures that were cropped by 5%, not half."""

DECODERS = 4
"""Threads that hold a picture at full size, and what is made of it."""


class Thumbnails:
    """Compares pictures by tiny thumbnails, each read once, when it is first needed."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths
        self._read: dict[int, npt.NDArray[np.float32] | None] = {}

    def agree(
        self, pairs: npt.NDArray[np.int64], cosines: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.bool_]:
        """Which pairs look alike; see `sensorium.collection.duplicates.Confirm`."""
        agreed = np.empty(len(pairs), bool)
        for number, correlation in enumerate(self.correlations(pairs)):
            if correlation is None:
                agreed[number] = cosines[number] >= VECTORS_COSINE
            else:
                agreed[number] = correlation >= THUMBNAIL_CORRELATION
        return agreed

    def correlations(self, pairs: npt.NDArray[np.int64]) -> list[float | None]:
        """How alike two thumbnails are; None where one is of an even colour or cannot be read."""
        missing = [row for row in np.unique(pairs).tolist() if row not in self._read]
        with ThreadPoolExecutor() as pool:
            self._read.update(zip(missing, pool.map(self._thumbnail, missing), strict=True))
        found: list[float | None] = []
        for one, other in pairs.tolist():
            a, b = self._read[one], self._read[other]
            found.append(None if a is None or b is None else float(a @ b))
        return found

    def _thumbnail(self, row: int) -> npt.NDArray[np.float32] | None:
        try:
            path = stored_path(self._paths[row])
            with decoding(str(path), BROKEN):
                return thumbnail(Image(path))
        except MediaError:
            return None


class Copies:
    """Compares pictures at full size, as their files are when they are compared.

    Parameters
    ----------
    paths : sequence of str
    fixed : collection of int
        Rows that are nobody's copy: they are not to be deleted.
    thumbnails : Thumbnails
        Of the same paths.
    """

    def __init__(
        self, paths: Sequence[str], fixed: Collection[int], thumbnails: Thumbnails
    ) -> None:
        self._paths = paths
        self._fixed = fixed
        self._thumbnails = thumbnails
        self._facts: dict[int, Facts | None] = {}

    def agree(
        self, pairs: npt.NDArray[np.int64], cosines: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.bool_]:
        """Which second ones of pairs are copies of the first."""
        agreed = np.zeros(len(pairs), bool)
        correlations = self._thumbnails.correlations(pairs)
        likely = [
            number
            for number, (_, other) in enumerate(pairs.tolist())
            if other not in self._fixed
            and ((c := correlations[number]) is None or c >= THUMBNAIL_CORRELATION)
        ]
        with ThreadPoolExecutor(min(DECODERS, os.cpu_count() or 1)) as pool:
            rows = np.unique(pairs[likely]).tolist()
            missing = [row for row in rows if row not in self._facts]
            self._facts.update(zip(missing, pool.map(self._read_facts, missing), strict=True))
            waiting: dict[int, list[int]] = {}
            for number in likely:
                one, other = map(self._facts.get, pairs[number].tolist())
                if one is not None and other is not None and may_be_copy(one, other):
                    waiting.setdefault(int(pairs[number, 0]), []).append(number)

            def compare(row: int) -> list[int]:
                numbers = waiting[row]
                if (original := self._pixels(row)) is None:
                    return []
                others = [facts for n in numbers if (facts := self._facts[int(pairs[n, 1])])]
                try:
                    with decoding(self._paths[row], BROKEN):
                        found = [*copies_among(original, others)]  # inside
                except MediaError:
                    return []
                return [number for number, is_one in zip(numbers, found, strict=True) if is_one]

            for numbers in pool.map(compare, waiting):
                agreed[numbers] = True
        return agreed

    def _read_facts(self, row: int) -> Facts | None:
        pixels = self._pixels(row)
        return None if pixels is None else pixels.facts

    def _pixels(self, row: int) -> Pixels | None:
        try:
            path = stored_path(self._paths[row])
            with decoding(str(path), BROKEN):
                return read_pixels(read_file(path), path)
        except MediaError:
            return None


def thumbnail(image: Image) -> npt.NDArray[np.float32] | None:
    """A picture as a vector whose dot products with others' are correlations.

    Returns
    -------
    ndarray of float32, shape (`THUMBNAIL_SIDE` squared times 3,), or None
        None for a picture of one even colour: there is nothing to correlate.

    Raises
    ------
    MediaError
        When it cannot be read.
    """
    # Decoded larger: a JPEG at its smallest scale correlates less with its own copies.
    picture, box = image.load_scaled(8 * THUMBNAIL_SIDE)
    side = (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    pixels = np.asarray(picture.resize(side, PIL.Image.Resampling.BOX, box), np.float32)
    centred = pixels.ravel() - pixels.mean()
    length = np.linalg.norm(centred)
    return np.asarray(centred / length, np.float32) if length > 0 else None
