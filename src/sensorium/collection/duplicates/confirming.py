"""What pixels say of pictures whose vectors are near: whether one is a copy of the other."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from sensorium.data.files import stored_path
from sensorium.errors import MediaError
from sensorium.media import Image
from sensorium.media.decoding import decoding
from sensorium.media.pictures.copies import Facts, Pixels, copies_among, may_be_copy, read_pixels
from sensorium.media.pictures.formats import BROKEN
from sensorium.media.pictures.placing import Map, map_of
from sensorium.media.sources import read_file

THUMBNAIL_CORRELATION = 0.95
"""Correlation of thumbnails from which on two pictures may be copies."""

DECODERS = 4
"""Threads that hold a picture at full size, and what is made of it."""


class Thumbnails:
    """Compares pictures by tiny thumbnails, each read once, when it is first needed."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths
        self._read: dict[int, Map | None] = {}

    def maps(self, rows: Sequence[int]) -> list[Map | None]:
        """Pictures as small squares; None of an even colour, and of what cannot be read."""
        missing = [row for row in dict.fromkeys(rows) if row not in self._read]
        with ThreadPoolExecutor() as pool:
            self._read.update(zip(missing, pool.map(self._map, missing), strict=True))
        return [self._read[row] for row in rows]

    def correlations(self, pairs: npt.NDArray[np.int64]) -> list[float | None]:
        """How alike two thumbnails are; None where one is of an even colour or cannot be read."""
        self.maps(np.unique(pairs).tolist())
        found: list[float | None] = []
        for one, other in pairs.tolist():
            a, b = self._read[one], self._read[other]
            found.append(None if a is None or b is None else float(a.whole @ b.whole))
        return found

    def _map(self, row: int) -> Map | None:
        try:
            path = stored_path(self._paths[row])
            with decoding(str(path), BROKEN):
                return map_of(Image(path))
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
