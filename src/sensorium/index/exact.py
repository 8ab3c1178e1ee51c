"""Exact nearest neighbours by cosine: every vector is looked at."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

RESCORED_ROWS = 4096
"""Rows that are scored anew at a time; bounds the memory of a search for very many."""


def top_k(
    vectors: npt.NDArray[np.float32],
    query: npt.NDArray[np.float32],
    k: int,
    allowed: npt.NDArray[np.bool_],
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
    if k < len(rows):
        # A matrix product adds up a row in an order that depends on the row's place, so equal
        # vectors get scores that differ by rounding. It only says which rows cannot be among the
        # best; whatever lies within rounding of the k-th best is kept.
        rough = (vectors @ query)[rows]
        margin = 2 * len(query) * np.finfo(np.float32).eps
        rows = rows[rough >= np.partition(rough, len(rough) - k)[len(rough) - k] - margin]
    scores = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), RESCORED_ROWS):
        part = slice(start, start + RESCORED_ROWS)
        scores[part] = (vectors[rows[part]] * query).sum(axis=1)  # each row in the same order
    order = np.argsort(-scores, kind="stable")[:k]
    return rows[order], scores[order].clip(-1, 1)  # rounding may leave a cosine of 1 + 1e-7
