"""Codes of four bits a dimension, all scanned; what may be among the nearest compared exactly.

What a code tells of a cosine (`sensorium.index.fourbit_coding`) is off by a normal error of known
deviation. So are looked up, in full, all whose codes come within some of these of the k-th best:
few where one thing stands out, many where all are alike, and the answer is that of comparing
everything but for chance.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, Self

import faiss
import numpy as np
import numpy.typing as npt

from sensorium.folders import read_arrays, write_arrays
from sensorium.index.base import Mask, Neighbours, Vectors
from sensorium.index.fourbit_coding import (
    BLOCK,
    ENCODED_ROWS,
    PACKED_BLOCKS,
    FourBitCoder,
    Packing,
    Values,
    require_layout,
    scanner,
    unpack,
)
from sensorium.index.refining import selector, threads_for
from sensorium.index.together import ahead

CODES = "codes.npy"
CODER = "coder.npz"

Rows = npt.NDArray[np.int64]

Exact = Callable[[Rows], tuple[Rows, Vectors]]
"""Gives the full vectors of ascending rows: those that are there, and which these are."""

MARGIN = 3.0
"""Standard errors by which a code may understate a cosine: one in 700 is further off."""

DEPTH = 8
"""Times as many codes are asked for at first as neighbours are wanted."""

LEAST_DEPTH = 64

TOGETHER = 64
"""Queries whose vectors are looked up together."""

HALVED_ROWS = 30_000
"""From so many rows on, whose codes take a third of a millisecond, two threads scan for a query."""

FEW = 256
"""So few rows are compared without a look at their codes."""

WORSE = 1.3
"""Vectors that are coded with so many times the error of those before need levels of their own."""


class _Among(NamedTuple):
    """What a search is among: how many rows, which (None: all), and FAISS's selector of them."""

    size: int
    allowed: Mask | None
    chosen: Any


class FourBitIndex:
    """Codes of all vectors, and a way to the vectors; see `sensorium.index.base.Index`.

    Attributes
    ----------
    exact : callable or None
        Where full vectors are had from. Without it, neighbours are those of the codes alone, and
        their scores estimates.
    error : float
        See `FourBitCoder.error`.
    """

    kind = "4bit"

    def __init__(self, coder: FourBitCoder, blocks: Values, count: int, error: float) -> None:
        self.coder = coder
        self.error = error
        self.exact: Exact | None = None
        self._blocks, self._count = blocks, count
        # OpenMP counts the processors that this process may use, or what its user allows.
        half = len(blocks) // 2 if count >= HALVED_ROWS and faiss.omp_get_max_threads() > 1 else 0
        parts = [slice(0, half), slice(half, None)] if half else [slice(None)]
        rows = np.arange(count)
        self._scanners = [scanner(coder, [(blocks[part], rows[_rows_of(part)])]) for part in parts]
        require_layout(self._scanners[0], coder, blocks, half * BLOCK or count)

    @classmethod
    def build(cls, vectors: Vectors, **_: Any) -> Self:
        """See `Index.build`."""
        index = cls.coded(FourBitCoder.fit(vectors), [vectors])
        index.exact = lambda rows: (rows, np.asarray(vectors[rows], np.float32))
        return index

    @classmethod
    def coded(cls, coder: FourBitCoder, batches: Iterable[Vectors]) -> Self:
        """Code batches of vectors of shape (n, d), one after the other, without a way to any."""
        packing = Packing(coder.rotation.shape[1])
        error = packing.add_coded(coder, batches)
        return cls(coder, *packing.finish(), error)

    def extend(self, batches: Iterable[Vectors], kept: Mask | None = None) -> FourBitIndex | None:
        """Put further vectors behind these, in an index without a way to any of them.

        Parameters
        ----------
        batches : iterable of ndarray of float32, shape (m, d)
        kept : ndarray of bool, shape (n,), optional
            Rows that stay; the rest is left out.

        Returns
        -------
        FourBitIndex or None
            None where the levels do not suit the new vectors: build it anew.
        """
        packing = Packing(self.coder.rotation.shape[1])
        whole = 0 if kept is not None else self._count // BLOCK
        if whole:
            packing.add_packed(self._blocks[:whole])
        for start in range(whole, len(self._blocks), PACKED_BLOCKS):
            some = self._blocks[start : start + PACKED_BLOCKS]
            first = start * BLOCK
            values = unpack(some, min(self._count - first, len(some) * BLOCK))
            packing.add(values if kept is None else values[kept[first : first + len(values)]])
        error = packing.add_coded(self.coder, batches)
        if error > WORSE * self.error:
            return None
        return FourBitIndex(self.coder, *packing.finish(), max(error, self.error))

    def search(self, queries: Vectors, k: int, allowed: Mask | None = None) -> Neighbours:
        """See `Index.search`; with `exact`, of equal vectors the lower row comes first."""
        if len(queries) == 1 and allowed is None:
            line = ahead(self, k, queries[0], lambda several: self._ahead(several, k))
            if line is not None:
                return Neighbours(line[0][None], line[1][None])
        return self._search(queries, k, allowed)

    def _ahead(self, queries: Vectors, k: int) -> list[tuple[Rows, Vectors]]:
        """Lines of queries that came together: codes are read, and vectors fetched, once for all.

        In one thread, as each by itself: others have use for the processors.
        """
        with threads_for(queries[:1]):
            rows, scores = self._search(queries, k, None)
        return [*zip(rows, scores, strict=True)]

    def _search(self, queries: Vectors, k: int, allowed: Mask | None) -> Neighbours:
        found = Neighbours(
            np.full((len(queries), k), -1, np.int64),
            np.full((len(queries), k), -np.inf, np.float32),
        )
        count = self._count if allowed is None else int(np.count_nonzero(allowed))
        wanted = min(k, count)
        if not wanted:
            return found
        if self.exact is not None and count <= max(FEW, 2 * k):
            rows = np.arange(self._count) if allowed is None else np.flatnonzero(allowed)
            there, vectors = self.exact(rows)
            for number, query in enumerate(queries):
                _put(found, number, there, _cosines(vectors, query))
            return found
        among = _Among(count, allowed, None if allowed is None else selector(allowed))
        depth = min(count, max(LEAST_DEPTH, DEPTH * wanted))
        for start in range(0, len(queries), TOGETHER):
            block = queries[start : start + TOGETHER]
            places, guesses = self.scan(block, depth, among.chosen)
            if self.exact is None:
                found.rows[start : start + len(block), :wanted] = places[:, :wanted]
                found.scores[start : start + len(block), :wanted] = guesses[:, :wanted].clip(-1, 1)
                continue
            self._refine(found, start, block, places, guesses, wanted, among, self.exact)
        return found

    def scan(self, queries: Vectors, depth: int, chosen: Any = None) -> tuple[Rows, Vectors]:
        """Rows by their codes, best first, and what these say of cosines; shapes (q, depth).

        `chosen` is a FAISS selector of rows.
        """
        turned = queries @ self.coder.rotation
        if self.coder.rotation.shape[0] < self.coder.rotation.shape[1]:
            turned = np.ascontiguousarray(turned)
        parameters = _ALL if chosen is None else faiss.SearchParametersIVF(nprobe=1, sel=chosen)

        def scanned(part: Any) -> Any:
            return part.search(turned, min(depth, part.ntotal), params=parameters)

        # One query is scanned for by two threads; of many, FAISS gives each thread some.
        first, *second = self._scanners
        other = _beside().submit(scanned, second[0]) if second and len(queries) == 1 else None
        with threads_for(queries):
            found = [scanned(first)]
            # Where no processor was free for the other thread, it has not begun.
            if second and (other is None or other.cancel()):
                found.append(scanned(second[0]))
            elif other is not None:
                found.append(other.result())
        guesses, places = found[0]
        if second:
            guesses, places = (np.concatenate(both, axis=1) for both in zip(*found, strict=True))
            order = np.argsort(-guesses, axis=1, kind="stable")[:, :depth]
            guesses, places = (np.take_along_axis(a, order, axis=1) for a in (guesses, places))
        return places, guesses + (queries @ self.coder.centre)[:, None]

    def _refine(
        self,
        found: Neighbours,
        start: int,
        queries: Vectors,
        places: Rows,
        guesses: Vectors,
        wanted: int,
        among: _Among,
        exact: Exact,
    ) -> None:
        """Compare in full what may be among the nearest, as far down as that goes."""
        margin = MARGIN * self.error / math.sqrt(self.coder.rotation.shape[1])
        # What stands out by its code stands out a little less: one more error lies between.
        ends = [int(np.searchsorted(-line, margin * 4 / 3 - line[wanted - 1])) for line in guesses]
        chosen = [places[n, :end] for n, end in enumerate(ends)]
        together = np.sort(chosen[0]) if len(chosen) == 1 else np.unique(np.concatenate(chosen))
        there, vectors = exact(together)
        for number, query in enumerate(queries):
            line, guessed, end = places[number], guesses[number], ends[number]
            own = np.isin(there, line[:end], assume_unique=True) if len(queries) > 1 else ...
            rows, scores = there[own], _cosines(vectors[own], query)
            depth = len(line)
            while True:
                least = np.partition(scores, -wanted)[-wanted] if len(scores) >= wanted else -np.inf
                needed = int(np.searchsorted(-guessed, margin - least, side="right"))
                if needed > end:
                    more, further = exact(np.sort(line[end:needed]))
                    rows = np.concatenate([rows, more])
                    scores = np.concatenate([scores, _cosines(further, query)])
                    end = needed
                elif needed < len(line) or depth >= among.size:
                    break
                elif 4 * depth > among.size:  # thousands are equally near: codes tell none apart
                    rows, scores = self._everything(query, exact, among.allowed, wanted)
                    break
                else:
                    depth *= 4
                    (line,), (guessed,) = self.scan(query[None], depth, among.chosen)
                    # FAISS may order equal codes otherwise: what is known is not asked for again.
                    fresh = ~np.isin(line, rows)
                    line, guessed, end = line[fresh], guessed[fresh], 0
            order = np.argsort(rows)
            _put(found, start + number, rows[order], scores[order])

    def _everything(
        self, query: Vectors, exact: Exact, allowed: Mask | None, wanted: int
    ) -> tuple[Rows, Vectors]:
        """The best of all rows by their vectors, looked at in parts."""
        rows, scores = np.empty(0, np.int64), np.empty(0, np.float32)
        for start in range(0, self._count, ENCODED_ROWS):
            some = np.arange(start, min(self._count, start + ENCODED_ROWS))
            if allowed is not None:
                some = some[allowed[some]]
            there, vectors = exact(some)
            rows = np.concatenate([rows, there])
            scores = np.concatenate([scores, _cosines(vectors, query)])
            best = np.argsort(-scores, kind="stable")[:wanted]
            rows, scores = rows[np.sort(best)], scores[np.sort(best)]
        return rows, scores

    def save(self, folder: Path) -> None:
        """See `Index.save`."""
        np.save(folder / CODES, self._blocks)
        write_arrays(
            folder / CODER,
            {
                "centre": self.coder.centre,
                "rotation": self.coder.rotation,
                "scale": np.array(self.coder.scale),
                "gain": np.array(self.coder.gain),
                "error": np.array(self.error),
                "count": np.array(self._count),
            },
        )

    @classmethod
    def load(cls, folder: Path, **_: Any) -> Self:
        """See `Index.load`."""
        file = read_arrays(folder / CODER)
        scale, gain = float(file["scale"]), float(file["gain"])
        coder = FourBitCoder(file["centre"], file["rotation"], scale, gain)

        def mapped() -> Values:
            return np.asarray(np.load(folder / CODES, mmap_mode="r", allow_pickle=False))

        index = cls(coder, mapped(), int(file["count"]), float(file["error"]))
        index._blocks = mapped()  # what was read of the first to copy it would stay in memory
        return index

    def describe(self) -> dict[str, Any]:
        """See `Index.describe`."""
        return {
            "kind": self.kind,
            "vectors": self._count,
            "parameters": {},
            # half a byte a dimension, and the row's number
            "bytes_per_vector": self.coder.rotation.shape[1] / 2 + 8,
        }


_ALL = faiss.SearchParametersIVF(nprobe=1)
"""What a search without a selector asks with; FAISS only reads it."""


def _rows_of(blocks: slice) -> slice:
    """The rows of some blocks."""
    return slice(*(None if end is None else end * BLOCK for end in (blocks.start, blocks.stop)))


def _beside() -> ThreadPoolExecutor:
    """A thread that scans while another does; a process that was forked has none yet."""
    global _pool
    if _pool is None or _pool[0] != os.getpid():
        pool = ThreadPoolExecutor(
            os.cpu_count(), "codes", initializer=lambda: faiss.omp_set_num_threads(1)
        )
        _pool = (os.getpid(), pool)
    return _pool[1]


_pool: tuple[int, ThreadPoolExecutor] | None = None


def _cosines(vectors: Vectors, query: Vectors) -> Vectors:
    cosines: Vectors = (vectors * query).sum(axis=1)  # each row in the same order, as ExactIndex
    return cosines


def _put(found: Neighbours, number: int, rows: Rows, scores: Vectors) -> None:
    """Write the best of ascending rows into a line."""
    order = np.argsort(-scores, kind="stable")[: found.rows.shape[1]]
    found.rows[number, : len(order)] = rows[order]
    found.scores[number, : len(order)] = scores[order].clip(-1, 1)
