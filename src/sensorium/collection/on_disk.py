"""Vectors of a collection that lies elsewhere, in a file of this machine that is mapped.

What is compared with all vectors, search without an index, evaluation, duplicates, goes over them
again and again. Of a collection in Lance they are read once, in blocks, into a file that has no
name: the system keeps in memory what of it there is room for, and gives that up for whoever needs
it. What is computed with them is the same to the bit.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensorium.collection.store import Ids, Part, Store, Vectors
from sensorium.errors import CollectionError
from sensorium.home import sensorium_home

MAPPED_BYTES = 1 << 26
"""Vectors that take more than these 64 MB are kept in a file."""

READ_ROWS = 8192
"""Vectors that are read at a time: 20 MB of 640 numbers each, of which reading makes copies."""


class VectorFile:
    """A file of vectors that goes with whoever has mapped it.

    Parameters
    ----------
    dimension : int

    Raises
    ------
    CollectionError
        When none can be made in the cache folder.
    """

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension
        folder = sensorium_home() / "lance"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - as long as it is mapped
        except OSError as error:
            raise CollectionError(f"{folder}: vectors cannot be put there ({error})") from error

    def put(self, first: int, batches: Iterable[Vectors]) -> Vectors:
        """Write rows from a number on, and map all up to the last of them.

        What was mapped before stays as it is up to `first`.

        Parameters
        ----------
        first : int
        batches : iterable of ndarray of float32, shape (m, d)

        Returns
        -------
        ndarray of float32, shape (n, d)
            Not to be written to.

        Raises
        ------
        CollectionError
            When the disk is full.
        """
        rows = first
        try:
            self._file.seek(4 * self._dimension * first)
            for batch in batches:
                self._file.write(np.ascontiguousarray(batch, np.float32).data)
                rows += len(batch)
            self._file.flush()
            if not rows:
                return np.empty((0, self._dimension), np.float32)
            shape = (rows, self._dimension)
            # A plain view: numpy's memmap takes longer to pick rows from.
            return np.asarray(np.memmap(self._file, np.float32, "r", shape=shape))
        except OSError as error:
            raise self._failed(rows, error) from error

    def zeros(self, rows: int) -> Vectors:
        """Map so many rows of zeros, to be written to.

        Raises
        ------
        CollectionError
            When the disk is full.
        """
        # Written, not only mapped: a disk that is full when a page is touched ends the process.
        blocks = range(0, rows, READ_ROWS)
        zeros = np.zeros((min(rows, READ_ROWS), self._dimension), np.float32)
        written = self.put(0, (zeros[: rows - first] for first in blocks))
        if not rows:
            return written
        try:
            return np.asarray(np.memmap(self._file, np.float32, "r+", shape=written.shape))
        except OSError as error:
            raise self._failed(rows, error) from error

    def _failed(self, rows: int, error: OSError) -> CollectionError:
        return CollectionError(
            f"{sensorium_home()}: {4 * self._dimension * rows / 1e6:,.0f} MB of vectors cannot "
            f"be put there ({error.strerror or error})"
        )


@dataclass(frozen=True)
class Held:
    """Vectors in memory or in a file, and whose they are.

    Attributes
    ----------
    segment_ids, item_ids : ndarray of int64, shape (n,)
    vectors : ndarray of float32, shape (n, d)
    file : VectorFile or None
        Where they are mapped from.
    """

    segment_ids: Ids
    item_ids: Ids
    vectors: Vectors
    file: VectorFile | None = None

    @classmethod
    def none(cls, dimension: int) -> Held:
        """Nothing yet."""
        empty = np.empty(0, np.int64)
        return cls(empty, empty, np.empty((0, dimension), np.float32))

    def without(self, rows: npt.NDArray[np.intp]) -> Held:
        """What is left when some rows go."""
        if not len(rows):
            return self
        kept = np.ones(len(self.vectors), bool)
        kept[rows] = False
        return self.only(kept)

    def only(self, kept: npt.NDArray[np.bool_]) -> Held:
        """Some of the rows."""
        if kept.all():
            return self
        ids, items = self.segment_ids[kept], self.item_ids[kept]
        if self.file is None:
            return Held(ids, items, self.vectors[kept])
        file = VectorFile(self.vectors.shape[1])
        blocks = range(0, len(kept), READ_ROWS)
        parts = (self.vectors[n : n + READ_ROWS][kept[n : n + READ_ROWS]] for n in blocks)
        return Held(ids, items, file.put(0, parts), file)

    def with_later(self, store: Store, after: int, part: Part | None = None) -> Held:
        """These, and behind them the vectors of segments that have larger ids, of all or a part."""
        dimension = self.vectors.shape[1]
        least = MAPPED_BYTES // (4 * dimension)
        if self.file is None and (store.finds_vectors or store.count_vectors() <= least):
            ids, items, vectors = store.vectors(dimension, after=after, part=part)
            if len(self.vectors):
                vectors = np.concatenate([self.vectors, vectors]) if len(ids) else self.vectors
            return self._behind(ids, items, vectors, None)
        file = VectorFile(dimension) if self.file is None else self.file
        found: list[tuple[Ids, Ids]] = []

        def batches() -> Iterator[Vectors]:
            if self.file is None:
                yield self.vectors
            last = after
            while True:
                ids, items, vectors = store.vectors(
                    dimension, after=last, most=READ_ROWS, part=part
                )
                if not len(ids):
                    return
                last = int(ids[-1])
                found.append((ids, items))
                yield vectors

        vectors = file.put(0 if self.file is None else len(self.vectors), batches())
        both = [np.concatenate([np.empty(0, np.int64), *part]) for part in zip(*found, strict=True)]
        ids, items = both if both else (np.empty(0, np.int64), np.empty(0, np.int64))
        return self._behind(ids, items, vectors, file)

    def _behind(self, ids: Ids, items: Ids, vectors: Vectors, file: VectorFile | None) -> Held:
        if not len(ids):
            return self
        return Held(
            np.concatenate([self.segment_ids, ids]), np.concatenate([self.item_ids, items]),
            vectors, file,
        )  # fmt: skip


def read_all(store: Store, dimension: int) -> Held:
    """All vectors of a collection; to be read inside of `Store.snapshot`."""
    return Held.none(dimension).with_later(store, 0)


def batches_of(store: Store, dimension: int) -> Iterator[tuple[Ids, Ids, Vectors]]:
    """All vectors of a collection, and whose they are, some at a time."""
    if store.finds_vectors:
        yield store.vectors(dimension)
        return
    after = 0
    while len((part := store.vectors(dimension, after=after, most=READ_ROWS))[0]):
        after = int(part[0][-1])
        yield part


def sums_for(store: Store, rows: int, dimension: int) -> Vectors:
    """Zeros to add vectors of a collection to, shape (n, d), in memory or in a file."""
    if store.finds_vectors or 4 * dimension * rows <= MAPPED_BYTES:
        return np.zeros((rows, dimension), np.float32)
    return VectorFile(dimension).zeros(rows)


def stacked(store: Store, vectors: Vectors, sums: Vectors) -> Vectors:
    """Vectors and, below them, others at unit length, where they have one; all of unit length.

    Parameters
    ----------
    store : Store
        Tells whether they may be in memory together.
    vectors : ndarray of float32, shape (n, d)
    sums : ndarray of float32, shape (m, d)
    """

    def batches() -> Iterator[Vectors]:
        for part in (vectors, sums):
            for start in range(0, len(part), READ_ROWS):
                some = part[start : start + READ_ROWS]
                lengths = np.linalg.norm(some, axis=1, keepdims=True)
                yield np.asarray(some / np.where(lengths > 0, lengths, 1), np.float32)

    rows, dimension = len(vectors) + len(sums), sums.shape[1]
    if store.finds_vectors or 4 * dimension * rows <= MAPPED_BYTES:
        return np.concatenate([np.empty((0, dimension), np.float32), *batches()])
    return VectorFile(dimension).put(0, batches())
