"""Exact nearest neighbours by cosine: every vector is looked at."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from sensorium.index.base import Mask, Neighbours, Vectors
from sensorium.index.together import MOST_AT_ONCE, Together, products_of

VECTORS = "vectors.npy"

RESCORED_ROWS = 4096
"""Rows that are scored anew at a time; bounds the memory of a search for very many."""

BLOCK_SCORES = 1 << 25
"""Scores held at a time when many queries are asked at once: 128 MB."""

RECENT = 4
"""Queries whose rough cosines are kept: for further pages of what they found."""


class ExactIndex:
    """All vectors in full; see `sensorium.index.base.Index`."""

    kind = "exact"

    def __init__(self, vectors: Vectors) -> None:
        self.vectors = vectors
        self._together = Together(vectors)
        self._recent: OrderedDict[bytes, Vectors] = OrderedDict()
        self._change = threading.Lock()

    @classmethod
    def build(cls, vectors: Vectors, **_: Any) -> Self:
        """See `Index.build`."""
        return cls(vectors)

    def products(self, queries: Vectors) -> Vectors | None:
        """Rough cosines of all rows, for several searches; None where they take too much room."""
        if len(queries) * len(self.vectors) > BLOCK_SCORES:
            return None
        return self._products(queries)

    def search(
        self,
        queries: Vectors,
        k: int,
        allowed: Mask | None = None,
        products: Vectors | None = None,
        *,
        skip: int = 0,
    ) -> Neighbours:
        """See `Index.search`; of equal vectors the lower row comes first.

        `products` are those of these queries, where they are known; `skip` nearer rows are passed
        over.
        """
        rows = np.full((len(queries), k), -1, np.int64)
        scores = np.full((len(queries), k), -np.inf, np.float32)
        chosen = None if allowed is None else np.flatnonzero(allowed)
        step = max(1, BLOCK_SCORES // max(len(self.vectors), 1))
        for start in range(0, len(queries), step):
            block = queries[start : start + step]
            if products is not None:
                rough = products[start : start + step]
                rough = rough if chosen is None else rough[:, chosen]
            elif chosen is None:
                rough = self._products(block)
            else:  # a few rows are gathered, of many all are multiplied
                few = len(chosen) * 4 < len(self.vectors)
                rough = block @ self.vectors[chosen].T if few else self._products(block)[:, chosen]
            for number, (query, line) in enumerate(zip(block, rough, strict=True), start):
                best, cosines = _best(self.vectors, query, k, chosen, line, skip)
                rows[number, : len(best)], scores[number, : len(best)] = best, cosines
        return Neighbours(rows, scores)

    def _products(self, queries: Vectors) -> Vectors:
        """Rough cosines of all rows; what other threads ask meanwhile is computed with it."""
        if len(queries) != 1:
            if len(queries) <= MOST_AT_ONCE:
                return products_of(self.vectors, queries)
            return np.asarray(queries @ self.vectors.T)
        key = queries.tobytes()
        with self._change:
            known = self._recent.get(key)
        if known is None:
            known = self._together(queries[0])
        with self._change:
            self._recent[key] = known
            self._recent.move_to_end(key)
            while len(self._recent) > RECENT:
                self._recent.popitem(last=False)
        return known[None]

    def save(self, folder: Path) -> None:
        """See `Index.save`."""
        np.save(folder / VECTORS, self.vectors)

    @classmethod
    def load(cls, folder: Path, **_: Any) -> Self:
        """See `Index.load`."""
        return cls(np.load(folder / VECTORS, mmap_mode="r", allow_pickle=False))

    def describe(self) -> dict[str, Any]:
        """See `Index.describe`."""
        return {
            "kind": self.kind,
            "vectors": len(self.vectors),
            "parameters": {},
            "bytes_per_vector": 4 * self.vectors.shape[1],
        }


def top_k(
    vectors: Vectors, query: npt.NDArray[np.float32], k: int, allowed: Mask
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float32]]:
    """Rank the vectors nearest to a query without sorting all of them.

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, d)
        Unit vectors.
    query : ndarray of float32, shape (d,)
        A unit vector.
    k : int
        How many are wanted; fewer come back when there are fewer.
    allowed : ndarray of bool, shape (n,)
        Rows that may be returned.

    Returns
    -------
    rows : ndarray of int
        Best first; of equal vectors the lower row comes first, so that results are stable.
    scores : ndarray of float32
        Cosines of these rows, in -1 to 1.
    """
    rows = np.flatnonzero(allowed)
    return _best(vectors, query, k, rows, (vectors @ query)[rows])


def _best(
    vectors: Vectors,
    query: npt.NDArray[np.float32],
    k: int,
    rows: npt.NDArray[np.intp] | None,
    rough: npt.NDArray[np.float32],
    skip: int = 0,
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float32]]:
    """The best of `rows` (None: of all) behind `skip`, given a matrix product's scores of them."""
    count, stop = len(rough), skip + k
    if skip >= count:
        return np.empty(0, np.intp), np.empty(0, np.float32)
    places = [count - place for place in (stop, skip) if 0 < place < count]
    if places:
        # A matrix product adds up a row in an order that depends on the row's place, so equal
        # vectors get scores that differ by rounding. It only says which rows cannot be among the
        # best, or surely are among those passed over; whatever lies within rounding is kept.
        margin = 2 * len(query) * np.finfo(np.float32).eps
        parted = np.partition(rough, places)
        kept = np.ones(count, bool) if stop >= count else rough >= parted[count - stop] - margin
        if skip:
            surely = rough > parted[count - skip] + margin
            kept &= ~surely
            skip -= int(np.count_nonzero(surely))
        rows = np.flatnonzero(kept) if rows is None else rows[kept]
    elif rows is None:
        rows = np.arange(count)
    scores = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), RESCORED_ROWS):
        part = slice(start, start + RESCORED_ROWS)
        scores[part] = (vectors[rows[part]] * query).sum(axis=1)  # each row in the same order
    order = np.argsort(-scores, kind="stable")[skip : skip + k]
    return rows[order], scores[order].clip(-1, 1)  # rounding may leave a cosine of 1 + 1e-7
