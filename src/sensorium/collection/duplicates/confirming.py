"""What pixels say of pictures whose vectors are near: whether one is a copy of the other."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sensorium.collection.duplicates.near import dots
from sensorium.data.files import stored_path
from sensorium.errors import MediaError
from sensorium.media import Image
from sensorium.media.decoding import decoding
from sensorium.media.pictures.copies import Facts, Pixels, copies_among, may_be_copy, read_pixels
from sensorium.media.pictures.formats import BROKEN
from sensorium.media.pictures.placing import MAP_SIDE, SIDE, Map, map_of
from sensorium.media.sources import read_file

THUMBNAIL_CORRELATION = 0.95
"""Correlation of thumbnails from which on two pictures may be copies."""

DECODERS = 4
"""Threads that hold a picture at full size, and what is made of it."""


READ = 1024
"""Pictures whose thumbnails are read between two looks at the results."""

MAPS = 1024
"""Pictures of which all that is correlated is kept: 20 KB each."""


class Thumbnails:
    """Compares pictures by tiny thumbnails, each read once, when it is first needed.

    A collection has a hundred thousand of them: each takes 3 KB, and what is correlated of it is
    made when it is asked for.

    Parameters
    ----------
    paths : sequence of str
        May grow.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths
        self._known = np.zeros(0, np.int8)
        self._squares = np.zeros((0, MAP_SIDE, MAP_SIDE), np.uint8)
        self._wholes = np.zeros((0, SIDE * SIDE * 3), np.float32)
        self._aspects = np.zeros(0, np.float64)
        self._maps: OrderedDict[int, Map] = OrderedDict()

    def read(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Which of some have one; not what is of an even colour, and what cannot be read."""
        self._grow()
        missing = np.unique(rows[self._known[rows] == 0])
        if len(missing):
            with ThreadPoolExecutor() as pool:
                for start in range(0, len(missing), READ):
                    some = missing[start : start + READ].tolist()
                    for row, found in zip(some, pool.map(self._map, some), strict=True):
                        self._known[row] = 1 if found is None else 2
                        if found is not None:
                            self._squares[row] = found.square
                            self._wholes[row] = found.whole
                            self._aspects[row] = found.aspect
        return np.asarray(self._known[rows] == 2)

    def maps(self, rows: Sequence[int]) -> list[Map | None]:
        """Pictures as small squares; None where there is no thumbnail."""
        there = self.read(np.array(rows, np.int64))
        return [self._kept(row) if is_ else None for row, is_ in zip(rows, there, strict=True)]

    def wholes(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """`Map.whole` of pictures, shape (m, SIDE * SIDE * 3), zeros where there is none."""
        self.read(rows)
        return self._wholes[rows]

    def squares(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """`Map.square` of pictures, shape (m, MAP_SIDE, MAP_SIDE), zeros where there is none."""
        self.read(rows)
        return self._squares[rows]

    def likely(self, pairs: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Which pairs may be copies of each other; one of no thumbnail may be anybody's."""
        there = self.read(pairs.ravel()).reshape(pairs.shape).all(axis=1)
        return np.asarray(~there | (dots(self._wholes, pairs) >= THUMBNAIL_CORRELATION))

    def _grow(self) -> None:
        more = len(self._paths) - len(self._known)
        if more > 0:
            for name in ("_known", "_squares", "_wholes", "_aspects"):
                old = getattr(self, name)
                # Zeros take no memory until they are written.
                new = np.zeros((len(self._paths), *old.shape[1:]), old.dtype)
                new[: len(old)] = old
                setattr(self, name, new)

    def _kept(self, row: int) -> Map:
        if row not in self._maps:
            whole, aspect = self._wholes[row], float(self._aspects[row])
            self._maps[row] = Map(self._squares[row], whole, aspect)
            if len(self._maps) > MAPS:
                self._maps.popitem(last=False)
        self._maps.move_to_end(row)
        return self._maps[row]

    def _map(self, row: int) -> Map | None:
        try:
            path = stored_path(self._paths[row])
            with decoding(str(path), BROKEN):
                return map_of(Image(path))
        except MediaError:
            return None


class LikelyCopies:
    """A `sensorium.collection.duplicates.near.Sieve`: of near pairs, those that may be copies."""

    def __init__(self, thumbnails: Thumbnails) -> None:
        self._thumbnails = thumbnails

    def block(
        self,
        rows: npt.NDArray[np.int64],
        others: npt.NDArray[np.int64],
        near: npt.NDArray[np.bool_],
    ) -> npt.NDArray[np.bool_]:
        """See `Sieve`."""
        a, b = near.any(axis=1), near.any(axis=0)
        there, too = (self._thumbnails.read(some) for some in (rows[a], others[b]))
        wholes = (self._thumbnails.wholes(some) for some in (rows[a], others[b]))
        one, other = wholes
        likely = one @ other.T >= THUMBNAIL_CORRELATION
        likely |= ~there[:, None] | ~too[None]
        kept = np.zeros_like(near)
        kept[np.ix_(a, b)] = likely
        return np.asarray(kept & near)

    def pairs(self, pairs: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """See `Sieve`."""
        return self._thumbnails.likely(pairs)


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
        # Numbers of what is alike but for the pixels, and of the pixels: equal ones are equal.
        self._kinds = np.full(len(paths), -1, np.int32)
        self._digests = np.full(len(paths), -1, np.int32)
        self._kind_numbers: dict[Facts, int] = {}
        self._digest_numbers: dict[bytes, int] = {}

    def agree(
        self, pairs: npt.NDArray[np.int64], cosines: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.bool_]:
        """Which second ones of pairs are copies of the first."""
        agreed = np.zeros(len(pairs), bool)
        numbers = np.flatnonzero(~np.isin(pairs[:, 1], list(self._fixed)))
        numbers = numbers[self._thumbnails.likely(pairs[numbers])]
        numbers = numbers[np.argsort(pairs[numbers, 0], kind="stable")]
        if not len(numbers):
            return agreed
        with ThreadPoolExecutor(min(DECODERS, os.cpu_count() or 1)) as pool:
            rows = np.unique(pairs[numbers]).tolist()
            missing = [row for row in rows if row not in self._facts]
            for row, facts in zip(missing, pool.map(self._read_facts, missing), strict=True):
                self._note(row, facts)
            starts = np.flatnonzero(np.diff(pairs[numbers, 0], prepend=-1))
            waiting: dict[int, list[int]] = {}
            for some in np.split(numbers, starts[1:]):
                row = int(pairs[some[0], 0])
                if may := some[self._may_be_copies(row, pairs[some, 1])].tolist():
                    waiting[row] = may

            def compare(row: int) -> list[int]:
                if (original := self._pixels(row)) is None:
                    return []
                others = [facts for n in waiting[row] if (facts := self._facts[int(pairs[n, 1])])]
                try:
                    with decoding(self._paths[row], BROKEN):
                        found = [*copies_among(original, others)]  # inside
                except MediaError:
                    return []
                return [
                    number for number, is_one in zip(waiting[row], found, strict=True) if is_one
                ]

            for found in pool.map(compare, waiting):
                agreed[found] = True
        return agreed

    def _note(self, row: int, facts: Facts | None) -> None:
        self._facts[row] = facts
        if facts is not None:
            kind = replace(facts, digest=b"")
            self._kinds[row] = self._kind_numbers.setdefault(kind, len(self._kind_numbers))
            numbers = self._digest_numbers
            self._digests[row] = numbers.setdefault(facts.digest, len(numbers))

    def _may_be_copies(self, row: int, others: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """As `may_be_copy`, asked once about all of one kind."""
        may = np.zeros(len(others), bool)
        one = self._facts[row]
        if one is None:
            return may
        kinds, digests = self._kinds[others], self._digests[others]
        found, firsts = np.unique(kinds, return_index=True)
        for kind, first in zip(found.tolist(), firsts.tolist(), strict=True):
            other = self._facts[int(others[first])]
            if other is None:
                continue
            if may_be_copy(one, replace(other, digest=b"")):
                may |= kinds == kind
            elif may_be_copy(one, replace(other, digest=one.digest)):
                may |= (kinds == kind) & (digests == self._digests[row])
        return may

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
