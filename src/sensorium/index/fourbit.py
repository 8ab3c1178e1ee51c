"""Codes of four bits a dimension, all scanned; what may be among the nearest compared exactly.

After a random rotation the coordinates of a vector are near to normally distributed, whatever it
was made of, and an error of rounding has no direction: so one table of sixteen levels, that of Max
(1960) for the normal distribution, serves any vectors, nothing is learnt from them, and further
ones are coded as they come. (RaBitQ, Gao and Long 2024, and TurboQuant, Zandieh et al. 2025, rest
on the same.) What a code tells of a cosine is off by a normal error of known deviation. So are
looked up, in full, all whose codes come within some of these of the k-th best: few where one thing
stands out, many where all are alike, and the answer is that of comparing everything but for chance.

FAISS scans the codes in registers (André, Kermarrec and Le Scouarnec 2015), and is only ever given
numbers from this module, never a file of its own kind.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Self

import faiss
import numpy as np
import numpy.typing as npt

from sensorium.folders import read_arrays, write_arrays
from sensorium.index.base import Mask, Neighbours, Vectors
from sensorium.index.refining import selector, threads_for

Rows = npt.NDArray[np.int64]
Values = npt.NDArray[np.uint8]

Exact = Callable[[Rows], tuple[Rows, Vectors]]
"""Gives the full vectors of ascending rows: those that are there, and which these are."""

_OUTPUTS = (0.1284, 0.3881, 0.6568, 0.9424, 1.256, 1.618, 2.069, 2.733)
LEVELS = np.array([*(-x for x in reversed(_OUTPUTS)), *_OUTPUTS], np.float32)
"""The best sixteen for a standard normal distribution (Max 1960, table I): an error of 0.0095."""

BINS, REACH = 256, 4.0
"""Numbers are first cut into so many parts of -`REACH` to `REACH` deviations: a table then gives
each part its level, which is quicker than to look for it."""

_PARTS = ((np.arange(BINS) + 0.5) / BINS * 2 - 1) * REACH
_TABLE = bytes(np.abs(_PARTS[:, None] - LEVELS).argmin(axis=1).astype(np.uint8))

ENCODED_ROWS = 8192
"""Vectors that are coded at a time: 20 MB of 640 numbers each."""

FIT_ROWS = 10_000
"""Vectors whose mean and spread set the middle and the width of the levels. Both may be a little
off: it costs accuracy, never answers."""

WIDER = 1.1
"""How much wider the levels are than suits the vectors' spread: some vectors lie further out than
others, and what is beyond the last level is cut off."""

WORST = 0.02
"""Share of vectors that may be coded with a larger error than is told."""

BLOCK = 32
"""Vectors whose codes lie together in memory, as FAISS reads them."""

_ORDER = np.array([0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15])
"""How FAISS arranges them (its `pq4_pack_codes`): those of two halves of a block in one byte."""

MARGIN = 3.0
"""Standard errors by which a code may understate a cosine: one in 700 is further off."""

DEPTH = 8
"""Times as many codes are asked for at first as neighbours are wanted."""

LEAST_DEPTH = 64

TOGETHER = 64
"""Queries whose vectors are looked up together."""

FEW = 256
"""So few rows are compared without a look at their codes."""

WORSE = 1.3
"""Vectors that are coded with so many times the error of those before need levels of their own."""


@dataclass(frozen=True, eq=False)
class FourBitCoder:
    """Turns vectors into values of 0 to 15, one a dimension.

    Attributes
    ----------
    centre : ndarray of float32, shape (d,)
        What is taken off first: vectors of pictures have much in common, which tells none apart.
    rotation : ndarray of float32, shape (d, m)
        Orthonormal rows; m is d, or one more where that is odd.
    scale : float
        What the levels are multiplied by to code: about the deviation of the coordinates.
    gain : float
        What they are multiplied by besides to be read: a level is the mean of what it stands for,
        and so its product with what is like that is too small (by 1% of it, which is two standard
        errors).
    """

    centre: npt.NDArray[np.float32]
    rotation: npt.NDArray[np.float32]
    scale: float
    gain: float = 1.0

    @classmethod
    def fit(cls, vectors: Vectors, seed: int = 0) -> Self:
        """A random rotation, and the middle and spread of some of the vectors, shape (n, d)."""
        count, dimension = vectors.shape
        rows = np.unique(np.linspace(0, max(count - 1, 0), min(count, FIT_ROWS)).astype(np.int64))
        some = np.asarray(vectors[rows], np.float32)
        centre = some.mean(axis=0) if len(some) else np.zeros(dimension, np.float32)
        width = dimension + dimension % 2
        apart = some - centre
        spread = float(np.sqrt((apart * apart).sum(axis=1).mean() / width)) if count else 0.0
        scale = WIDER * spread or 1 / math.sqrt(width)
        coder = cls(centre, random_rotation(dimension, width, seed), scale)
        told = float((apart * (coder.decode(coder.encode(some)) - centre)).sum())
        gain = float((apart * apart).sum()) / told if told > 0 else 1.0
        return replace(coder, gain=gain)

    @property
    def levels(self) -> npt.NDArray[np.float32]:
        """What values stand for, after the rotation; shape (16,)."""
        return LEVELS * np.float32(self.scale * self.gain)

    @cached_property
    def _steps(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """The rotation and the middle in parts of `BINS`."""
        turn = (self.rotation * (BINS / 2 / REACH / self.scale)).astype(np.float32)
        return turn, (BINS / 2 - self.centre @ turn).astype(np.float32)

    def encode(self, vectors: Vectors) -> Values:
        """Values of vectors of shape (n, d); shape (n, m)."""
        turn, middle = self._steps
        values = np.empty((len(vectors), turn.shape[1]), np.uint8)
        for start in range(0, len(vectors), ENCODED_ROWS):
            part = np.asarray(vectors[start : start + ENCODED_ROWS], np.float32) @ turn
            part += middle
            np.clip(part, 0, BINS - 1, out=part)
            coded = part.astype(np.uint8).tobytes().translate(_TABLE)
            values[start : start + len(part)] = np.frombuffer(coded, np.uint8).reshape(part.shape)
        return values

    def decode(self, values: Values) -> Vectors:
        """What values of shape (n, m) stand for, shape (n, d): vectors, but for rounding."""
        return self.levels[values] @ self.rotation.T + self.centre

    def error(self, vectors: Vectors, values: Values) -> float:
        """How far vectors are from what their values stand for: all but `WORST` are nearer."""
        rows = np.linspace(0, max(len(vectors) - 1, 0), min(len(vectors), 2048)).astype(np.int64)
        rows = np.unique(rows)
        off = np.asarray(vectors[rows], np.float32) - self.decode(values[rows])
        return float(np.sqrt(np.quantile((off * off).sum(axis=1), 1 - WORST))) if len(rows) else 0.0


def random_rotation(dimension: int, width: int, seed: int) -> npt.NDArray[np.float32]:
    """Orthonormal rows, shape (dimension, width), uniformly distributed (Stewart 1980)."""
    normal = np.random.default_rng(seed).standard_normal((width, width))
    turned, upper = np.linalg.qr(normal)
    return np.ascontiguousarray((turned * np.sign(np.diag(upper)))[:dimension], np.float32)


def pack(values: Values) -> Values:
    """Values of shape (n, m) as FAISS scans them, shape (ceil(n / 32), m, 16)."""
    count, width = values.shape
    blocks = np.empty((-(-count // BLOCK), width, BLOCK // 2), np.uint8)
    step = 64  # blocks: 2 MB of 640 dimensions stay in a cache
    for start in range(0, len(blocks), step):
        some = values[start * BLOCK : (start + step) * BLOCK]
        if len(some) % BLOCK:
            some = np.concatenate([some, np.zeros((-len(some) % BLOCK, width), np.uint8)])
        turned = some.reshape(-1, BLOCK, width).transpose(0, 2, 1)
        low, high = turned[:, :, _ORDER], turned[:, :, _ORDER + BLOCK // 2]
        blocks[start : start + step] = low | (high << 4)
    return blocks


def unpack(blocks: Values, count: int) -> Values:
    """The first `count` values of what `pack` made, shape (count, m)."""
    values = np.empty((len(blocks), blocks.shape[1], BLOCK), np.uint8)
    values[:, :, _ORDER], values[:, :, _ORDER + BLOCK // 2] = blocks & 15, blocks >> 4
    turned: Values = values.transpose(0, 2, 1).reshape(-1, blocks.shape[1])[:count]
    return turned


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
        self._scanner = scanner(coder, [(blocks, np.arange(count))])
        _require_layout(self._scanner, coder, blocks, count)

    @classmethod
    def build(cls, vectors: Vectors, **_: Any) -> Self:
        """See `Index.build`."""
        coder = FourBitCoder.fit(vectors)
        values = coder.encode(vectors)
        index = cls(coder, pack(values), len(vectors), coder.error(vectors, values))
        index.exact = lambda rows: (rows, np.asarray(vectors[rows], np.float32))
        return index

    def extend(self, vectors: Vectors, kept: Mask | None = None) -> FourBitIndex | None:
        """Put further vectors behind these, in an index without a way to any of them.

        Parameters
        ----------
        vectors : ndarray of float32, shape (m, d)
        kept : ndarray of bool, shape (n,), optional
            Rows that stay; the rest is left out.

        Returns
        -------
        FourBitIndex or None
            None where the levels do not suit the new vectors: build it anew.
        """
        values = self.coder.encode(vectors)
        error = self.coder.error(vectors, values)
        if error > WORSE * self.error:
            return None
        whole = 0 if kept is not None else self._count // BLOCK
        tail = unpack(self._blocks[whole:], self._count - whole * BLOCK)
        if kept is not None:
            tail = tail[kept]
        blocks = np.concatenate([self._blocks[:whole], pack(np.concatenate([tail, values]))])
        count = whole * BLOCK + len(tail) + len(values)
        return FourBitIndex(self.coder, blocks, count, max(error, self.error))

    def search(self, queries: Vectors, k: int, allowed: Mask | None = None) -> Neighbours:
        """See `Index.search`; with `exact`, of equal vectors the lower row comes first."""
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
        parameters = faiss.SearchParametersIVF(nprobe=1, sel=chosen)
        with threads_for(queries):
            guesses, places = self._scanner.search(turned, depth, params=parameters)
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
        together = np.unique(np.concatenate([places[n, :end] for n, end in enumerate(ends)]))
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
        blocks = np.load(folder / CODES, mmap_mode="r", allow_pickle=False)
        return cls(coder, np.asarray(blocks), int(file["count"]), float(file["error"]))

    def describe(self) -> dict[str, Any]:
        """See `Index.describe`."""
        return {
            "kind": self.kind,
            "vectors": self._count,
            "parameters": {},
            # half a byte a dimension, and the row's number
            "bytes_per_vector": self.coder.rotation.shape[1] / 2 + 8,
        }


CODES = "codes.npy"
CODER = "coder.npz"


def scanner(coder: FourBitCoder, lists: list[tuple[Values, Rows]], quantizer: Any = None) -> Any:
    """What scans codes: a FAISS index with an inverted list for each of some groups of vectors.

    Parameters
    ----------
    coder : FourBitCoder
    lists : list of (ndarray of uint8, ndarray of int64)
        What `pack` made of the values of each list, and the rows' numbers.
    quantizer : faiss.Index, optional
        Chooses lists for a rotated query of shape (m,); needed where there are several.

    Returns
    -------
    faiss.IndexIVFPQFastScan
        Its products are those of rotated queries with what the values stand for, less the centre.
    """
    width = coder.rotation.shape[1]
    if quantizer is None:
        quantizer = faiss.IndexFlatIP(width)
        quantizer.add(np.zeros((1, width), np.float32))
    index = faiss.IndexIVFPQFastScan(
        quantizer, width, len(lists), width, 4, faiss.METRIC_INNER_PRODUCT
    )
    index.referenced_objects = [quantizer]  # FAISS itself has but a pointer to it
    index.by_residual = False
    levels = np.tile(coder.levels, width)
    faiss.copy_array_to_vector(levels, index.pq.centroids)
    index.is_trained = True
    own = faiss.downcast_InvertedLists(index.invlists)
    for number, (blocks, rows) in enumerate(lists):
        if len(rows):
            blocks, rows = np.ascontiguousarray(blocks), np.ascontiguousarray(rows, np.int64)
            own.add_entries(number, len(rows), faiss.swig_ptr(rows), faiss.swig_ptr(blocks))
    index.ntotal = sum(len(rows) for _, rows in lists)
    return index


def _require_layout(index: Any, coder: FourBitCoder, blocks: Values, count: int) -> None:
    """Compare what FAISS makes of the first and last codes with what they say.

    How it arranges them in memory is no part of what it promises.

    Raises
    ------
    RuntimeError
        When another version arranges them in another way.
    """
    if not count:
        return
    width = coder.rotation.shape[1]
    rows = np.unique([*range(min(count, 4)), *range(max(count - 4, 0), count)])
    values = [unpack(blocks[row // BLOCK][None], BLOCK)[row % BLOCK] for row in rows]
    query = np.random.default_rng(0).standard_normal((1, width)).astype(np.float32)
    query /= np.linalg.norm(query)
    mask = np.zeros(count, bool)
    mask[rows] = True
    parameters = faiss.SearchParametersIVF(nprobe=1, sel=selector(mask))
    with threads_for(query):
        products, found = index.search(query, len(rows), params=parameters)
    true = coder.levels[values] @ query[0]
    told = products[0][np.argsort(found[0])]
    if not np.allclose(true, told, atol=0.05 * coder.scale * math.sqrt(width)):
        raise RuntimeError(
            f"FAISS {faiss.__version__} arranges 4-bit codes otherwise than versions known here"
        )


def _cosines(vectors: Vectors, query: Vectors) -> Vectors:
    cosines: Vectors = (vectors * query).sum(axis=1)  # each row in the same order, as ExactIndex
    return cosines


def _put(found: Neighbours, number: int, rows: Rows, scores: Vectors) -> None:
    """Write the best of ascending rows into a line."""
    order = np.argsort(-scores, kind="stable")[: found.rows.shape[1]]
    found.rows[number, : len(order)] = rows[order]
    found.scores[number, : len(order)] = scores[order].clip(-1, 1)
