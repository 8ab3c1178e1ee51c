"""Rankings in which not everything is the same: near duplicates folded, answers that differ first.

Both work on a ranking from its beginning, and what they give at one place does not depend on how
much of it is asked for: pages neither overlap nor leave anything out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.errors import UsageError

Vectors = npt.NDArray[np.float32]

POOL = 100
"""Places of a ranking that are put into another order together. What is further down is no better
answer for being different; and of pages within one pool, none moves as more is asked for."""


def require_diversity(value: Any) -> float:
    """Refuse what is no share.

    Raises
    ------
    UsageError
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise UsageError(f"diversity is a number from 0 to 1, got {value!r}")
    return float(value)


def folded(
    count: int, wanted: int, double_of: Callable[[int, list[int]], int | None]
) -> list[list[int]]:
    """Fold what is there more than once into its best-ranked one.

    Parameters
    ----------
    count : int
        Places of the ranking.
    wanted : int
        Of those that remain.
    double_of : callable
        Takes a place and, in ascending order, those that remain before it; gives the first of them
        that it is a double of.

    Returns
    -------
    list of list of int
        For each that remains, in the order of the ranking, its place and those of its doubles. All
        of the ranking is looked through for these.
    """
    groups: dict[int, list[int]] = {}
    for place in range(count):
        first = double_of(place, list(groups))
        if first is not None:
            groups[first].append(place)
        elif len(groups) < wanted:
            groups[place] = [place]
    return list(groups.values())


def diversified(
    scores: npt.NDArray[np.float64], vectors: Vectors, diversity: float
) -> npt.NDArray[np.int64]:
    """Reorder a ranking by maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998).

    One after the other, that is taken of which (1 - diversity) * relevance - diversity * similarity
    to what is taken already is the largest.

    Parameters
    ----------
    scores : ndarray of float64, shape (n,)
        Best first. Relevance is a score's place between the worst and the best of its pool: scores
        have no common scale (a cosine to words, BM25, sums of reciprocal ranks).
    vectors : ndarray of float32, shape (n, d)
        Of unit length, or zeros where there is none: similar to nothing. Similarity is a cosine's
        place between the median of those in the pool, which is what all answers to one question
        have in common, and 1.
    diversity : float
        From 0, which changes nothing, to 1, which looks at the first score alone.

    Returns
    -------
    ndarray of int64, shape (n,)
        Places in the new order, which keeps every `POOL` places together. Of equal ones the better
        placed comes first.
    """
    orders = [
        start + _diversified(scores[start : start + POOL], vectors[start : start + POOL], diversity)
        for start in range(0, len(scores), POOL)
    ]
    return np.concatenate(orders) if orders else np.zeros(0, np.int64)


def _diversified(
    scores: npt.NDArray[np.float64], vectors: Vectors, diversity: float
) -> npt.NDArray[np.int64]:
    count = len(scores)
    spread = scores.max() - scores.min()
    relevance = (scores - scores.min()) / spread if spread > 0 else np.ones(count)
    cosines = (vectors @ vectors.T).astype(np.float64)
    common = float(np.median(cosines[np.triu_indices(count, 1)])) if count > 1 else 0.0
    similarity = np.maximum(cosines - common, 0) / max(1 - common, 1e-6)
    nearest = np.zeros(count)
    left = np.ones(count, bool)
    order = []
    for _ in range(count):
        gain = np.where(left, (1 - diversity) * relevance - diversity * nearest, -np.inf)
        best = int(np.argmax(gain))
        order.append(best)
        left[best] = False
        nearest = np.maximum(nearest, similarity[best])
    return np.array(order, np.int64)
