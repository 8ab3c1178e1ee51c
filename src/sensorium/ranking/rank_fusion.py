"""Several rankings of the same things made one."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TypeVar

RANK_CONSTANT = 60
"""k of the paper, which found 60 to be near the best on several collections."""

Key = TypeVar("Key", bound=Hashable)


def reciprocal_rank_fusion(
    rankings: Sequence[Sequence[Key]],
    *,
    k: int = RANK_CONSTANT,
    weights: Sequence[float] | None = None,
) -> list[tuple[Key, float]]:
    """Fuse rankings by the sum of 1 / (k + rank) (Cormack, Clarke and Büttcher, SIGIR 2009).

    Scores of different searches cannot be compared (a cosine, BM25); ranks can.

    Parameters
    ----------
    rankings : sequence of sequences
        Keys, best first, each once in a ranking.
    k : int
        The greater, the less the first places count for.
    weights : sequence of float, optional
        Of each ranking; 1 unless given.

    Returns
    -------
    list of (key, score)
        Best first; of equal scores the key that came first in the earliest ranking.
    """
    scores: dict[Key, float] = {}
    for ranking, weight in zip(rankings, weights or [1.0] * len(rankings), strict=True):
        for rank, key in enumerate(ranking, 1):
            scores[key] = scores.get(key, 0.0) + weight / (k + rank)
    return sorted(scores.items(), key=lambda pair: -pair[1])  # stable: the order of meeting
