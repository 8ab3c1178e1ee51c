"""Vectors to values of four bits a dimension, and these as FAISS scans them.

After a random rotation the coordinates of a vector are near to normally distributed, whatever it
was made of, and an error of rounding has no direction: so one table of sixteen levels, that of Max
(1960) for the normal distribution, serves any vectors, nothing is learnt from them, and further
ones are coded as they come. (RaBitQ, Gao and Long 2024, and TurboQuant, Zandieh et al. 2025, rest
on the same.) FAISS scans them in registers (André, Kermarrec and Le Scouarnec 2015), and is only
ever given numbers from this module, never a file of its own kind.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import faiss
import numpy as np
import numpy.typing as npt

from sensorium.index.base import Vectors
from sensorium.index.refining import selector, threads_for

Rows = npt.NDArray[np.int64]
Values = npt.NDArray[np.uint8]

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

PACKED_BLOCKS = 64
"""Blocks that are arranged at a time: of 640 dimensions 1.3 MB, which stay in a cache."""

_ORDER = np.array([0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15])
"""How FAISS arranges them (its `pq4_pack_codes`): those of two halves of a block in one byte."""


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
    for start in range(0, len(blocks), PACKED_BLOCKS):
        stop = start + PACKED_BLOCKS
        some = values[start * BLOCK : stop * BLOCK]
        if len(some) % BLOCK:
            some = np.concatenate([some, np.zeros((-len(some) % BLOCK, width), np.uint8)])
        turned = some.reshape(-1, BLOCK, width).transpose(0, 2, 1)
        low, high = turned[:, :, _ORDER], turned[:, :, _ORDER + BLOCK // 2]
        blocks[start:stop] = low | (high << 4)
    return blocks


def unpack(blocks: Values, count: int) -> Values:
    """The first `count` values of what `pack` made, shape (count, m)."""
    values = np.empty((len(blocks), blocks.shape[1], BLOCK), np.uint8)
    values[:, :, _ORDER], values[:, :, _ORDER + BLOCK // 2] = blocks & 15, blocks >> 4
    turned: Values = values.transpose(0, 2, 1).reshape(-1, blocks.shape[1])[:count]
    return turned


class Packing:
    """Values that are packed as they come: all of them unpacked take twice the room.

    Parameters
    ----------
    width : int
        Values a vector.
    """

    def __init__(self, width: int) -> None:
        self._blocks: list[Values] = []
        self._rest = np.empty((0, width), np.uint8)
        self._count = 0

    def add(self, values: Values) -> None:
        """Put values of shape (n, m) behind the others."""
        self._count += len(values)
        values = np.concatenate([self._rest, values])
        whole = len(values) // BLOCK * BLOCK
        self._blocks.append(pack(values[:whole]))
        self._rest = values[whole:].copy()

    def add_packed(self, blocks: Values) -> None:
        """Put whole blocks first."""
        self._blocks.append(blocks)
        self._count += len(blocks) * BLOCK

    def add_coded(self, coder: FourBitCoder, batches: Iterable[Vectors]) -> float:
        """Code vectors; gives the largest error of a batch."""
        error = 0.0
        for vectors in batches:
            values = coder.encode(vectors)
            error = max(error, coder.error(vectors, values))
            self.add(values)
        return error

    def finish(self) -> tuple[Values, int]:
        """All blocks, and how many vectors they are of."""
        return np.concatenate([*self._blocks, pack(self._rest)]), self._count


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


def require_layout(index: Any, coder: FourBitCoder, blocks: Values, count: int) -> None:
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
