"""Exact nearest neighbours by cosine: every vector is looked at."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def top_k(
    scores: npt.NDArray[np.float32], k: int, allowed: npt.NDArray[np.bool_]
) -> npt.NDArray[np.intp]:
    """Rank the best of many scores without sorting all of them.

    Parameters
    ----------
    scores : ndarray of float32, shape (n,)
    k : int
        How many are wanted; fewer come back when there are fewer.
    allowed : ndarray of bool, shape (n,)
        Rows that may be returned.

    Returns
    -------
    ndarray of int
        Rows, best first; of equal scores the lower row comes first, so that results are stable.
    """
    rows = np.flatnonzero(allowed)
    values = scores[rows]
    if k < len(rows):
        # Everything that ties with the k-th best is kept until the stable sort below.
        threshold = np.partition(values, len(values) - k)[len(values) - k]
        kept = values >= threshold
        rows, values = rows[kept], values[kept]
    order: npt.NDArray[np.intp] = np.argsort(-values, kind="stable")[:k]
    return rows[order]
