"""Recall of retrieval over score matrices, with ties counted against the system."""

import numpy as np
import numpy.typing as npt


def best_ranks(
    scores: npt.NDArray[np.floating], relevant: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64]:
    """Rank at which each query finds its first relevant item.

    Ties are broken pessimistically: every irrelevant item whose score is not strictly below that
    of the best relevant one counts as ahead of it, so a system that scores everything alike (or
    NaN) finds its item last.

    Parameters
    ----------
    scores
        Higher is nearer; shape (queries, items).
    relevant
        Which items answer which query; shape (queries, items).

    Returns
    -------
    Ranks from 1, shape (queries,).

    Raises
    ------
    ValueError
        The shapes differ, or a query has no relevant item.
    """
    if scores.shape != relevant.shape or scores.ndim != 2:
        raise ValueError(f"scores have shape {scores.shape}, relevant {relevant.shape}")
    lonely = np.flatnonzero(~relevant.any(axis=1))
    if lonely.size:
        raise ValueError(f"queries {lonely.tolist()} have no relevant item")
    scores = np.where(np.isnan(scores), -np.inf, scores)
    best = np.where(relevant, scores, -np.inf).max(axis=1, keepdims=True)
    ahead = ~relevant & (scores >= best)
    return np.asarray(1 + ahead.sum(axis=1), np.int64)


def recall_at(ranks: npt.NDArray[np.int64], k: int) -> float:
    """Share of queries whose first relevant item is among the first `k`."""
    if k < 1:
        raise ValueError(f"k is {k}, but counts from 1")
    return float((ranks <= k).mean())
