"""A linear map that makes all directions of a space tell equally much."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]


class Whitening(NamedTuple):
    """A linear map: `matrix` (d, d') and `offset` (d',)."""

    matrix: Vectors
    offset: Vectors

    def apply(self, vectors: Vectors) -> Vectors:
        """Map vectors (n, d) and bring them to length 1."""
        return normalised(vectors @ self.matrix + self.offset)


def normalised(vectors: Vectors) -> Vectors:
    """Bring vectors (n, d) to length 1."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def fit_whitening(vectors: Vectors, dimension: int, floor: float) -> Whitening:
    """Fit the map that makes the leading principal components of vectors equally strong.

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, d)
    dimension : int
        How many components are kept.
    floor : float
        Share of the greatest variance that is added to every component's: the weakest, which
        few vectors tell, are not blown up.

    Returns
    -------
    Whitening
        PCA whitening as Jégou and Chum 2012 use it for retrieval, regularised.
    """
    wide = vectors.astype(np.float64)
    mean = wide.mean(axis=0)
    variances, axes = np.linalg.eigh(np.cov(wide - mean, rowvar=False))
    variances, axes = variances[::-1][:dimension], axes[:, ::-1][:, :dimension]
    matrix = axes / np.sqrt(variances + floor * variances[0])
    return Whitening(matrix.astype(np.float32), (-mean @ matrix).astype(np.float32))
