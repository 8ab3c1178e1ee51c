"""Lists of vectors that lie together, and which of them a question looks into."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

import faiss
import numpy as np
import numpy.typing as npt

from sensorium.index.base import Vectors
from sensorium.index.refining import products
from sensorium.index.weighing import Weighing

Numbers = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

PLACED = 256
"""Directions, those of the most spread, that lists are made by: what is in the others is small, and
the means of hundreds of vectors have still less of it."""

ROUNDS = 10
"""Of k-means: further ones change no recall that could be measured."""


@dataclass(frozen=True, eq=False)
class Lists:
    """Middles of lists.

    Attributes
    ----------
    directions : ndarray of float32, shape (d, p)
        Orthonormal columns along which vectors are compared with middles.
    middles : ndarray of float32, shape (n, p)
        Less the mean of all vectors.
    of_codes : ndarray of float32, shape (n, r)
        The middles as `Weighing.vectors` gives them: while an index is built.
    """

    directions: Numbers
    middles: Numbers
    of_codes: Numbers = field(default_factory=lambda: np.empty((0, 0), np.float32), repr=False)

    @classmethod
    def fit(cls, vectors: Vectors, count: int, weighing: Weighing) -> Self:
        """Make lists of some vectors, shape (n, d)."""
        apart = vectors - weighing.centre
        _, directions = np.linalg.eigh(apart.T @ apart)
        directions = np.ascontiguousarray(directions[:, ::-1][:, :PLACED], np.float32)
        placed: Numbers = np.ascontiguousarray(apart @ directions, np.float32)
        means = faiss.Kmeans(
            placed.shape[1], count, niter=ROUNDS, seed=1, max_points_per_centroid=len(placed),
            min_points_per_centroid=1,
        )  # fmt: skip
        means.train(placed)
        middles = means.centroids.reshape(count, -1)
        of_codes = (middles @ directions.T) @ weighing.of_vectors
        return cls(directions, middles, of_codes)

    def nearest(self, vectors: Vectors, centre: Numbers) -> Rows:
        """The list of each of some vectors, shape (n, d)."""
        placed = (vectors - centre) @ self.directions
        return _nearest(self.middles, placed.astype(np.float32, copy=False))

    def choose(self, questions: Vectors, count: int) -> tuple[Rows, Numbers]:
        """The lists whose middles are nearest to questions of shape (q, d).

        Returns
        -------
        lists : ndarray of int64, shape (q, count)
            In no order.
        products : ndarray of float32, shape (q, count)
            Of the questions with their middles.
        """
        numbers = products(questions, self._by_direction)
        told = products(numbers, self.middles)
        if count >= len(self.middles):
            every = np.arange(len(self.middles))
            return np.broadcast_to(every, told.shape), told
        lists = np.argpartition(told, -count, axis=1)[:, -count:]
        return lists, np.take_along_axis(told, lists, 1)

    @cached_property
    def _by_direction(self) -> Numbers:
        return np.ascontiguousarray(self.directions.T)


def _nearest(middles: Numbers, placed: Numbers) -> Rows:
    near = faiss.IndexFlatL2(middles.shape[1])
    near.add(middles)
    return np.asarray(near.search(np.ascontiguousarray(placed, np.float32), 1)[1][:, 0])
