"""What the parts of one question say of an item, made one score.

Cosines to a word and to a picture cannot be added: those of pictures to pictures are two and three
times as large and differ more. So each part says by how many standard deviations an item stands out
from what the part has nothing to do with (`sensorium.ranking.scale`), and these are averaged by
their weights. What is not wanted counts where an item has more of it than most of what the wanted
parts find: each bird is near to "dog" as an animal, and taking all of that off takes the animals,
too. Words that are held count beside that (`WORDS_WORTH`). `docs/search.md` has what was measured,
and beside which other ways.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sensorium.ranking.scale import Scale
from sensorium.ranking.scoring import Match

FOUND = 50
"""Items that the wanted parts find best: what is not wanted is compared among them."""

LEVEL = 1.0
"""Standard deviations above their mean from which on it counts."""

MOST_USUAL = 2.0
"""What counts as their mean at most, in standard deviations above chance: where nearly all that is
found is unwanted, none of it would stand out."""

UNWANTED = 0.7
"""What each further one takes away, of a standard deviation of what is wanted."""

SPREADS = 0.1, 1.5
"""Least and most of that deviation, for the same reason."""

SAME = 0.999
"""Cosine from which on an item is what is not wanted, and no answer: batches and processors alone
change a vector by less."""

WORDS_WORTH = 6.0
"""Standard deviations that the best match of words is worth; others by their share of its BM25. Of
1 to 8, 6 and 8 find most on validation, as much as sums of reciprocal ranks do."""

Numbers = npt.NDArray[np.floating]
Ids = npt.NDArray[np.int64]


def standing_out(
    cosines: npt.NDArray[np.float32],
    codes: npt.NDArray[np.uint8] | None,
    names: Sequence[str],
    scales: Sequence[Scale],
) -> npt.NDArray[np.float32]:
    """By how many standard deviations segments stand out for some vectors.

    Parameters
    ----------
    cosines : ndarray of float32, shape (n, m)
        Of n segments and m vectors that are asked with.
    codes : ndarray of uint8, shape (n,), or None
        Which of `names` each segment is of; None where there is one.
    names : sequence of str
        Modalities.
    scales : sequence of m Scale

    Returns
    -------
    ndarray of float32, shape (n, m)
        NaN where a vector has no part in the space that holds a modality.
    """
    found = np.full_like(cosines, np.nan)
    for code, name in enumerate(names):
        rows = slice(None) if codes is None or len(names) == 1 else codes == code
        for column, scale in enumerate(scales):
            if name in scale.modalities:
                found[rows, column] = scale.standing(cosines[rows, column], name)
    return found


def of_items(
    segments: npt.NDArray[np.float32], starts: npt.NDArray[np.intp]
) -> npt.NDArray[np.float64]:
    """What a part says of items: the mean over its vectors of each one's best segment.

    A film that is asked with so finds itself; a film of which one scene fits a word is found by it.

    Parameters
    ----------
    segments : ndarray of float32, shape (n, m)
        As `standing_out` gives it, the segments of each item together.
    starts : ndarray of int, shape (items,)
        Where those of each item begin.

    Returns
    -------
    ndarray of float64, shape (items,)
        NaN where nothing can be compared.
    """
    best = _best(segments, starts)
    if best.shape[1] == 1:
        return best[:, 0].astype(np.float64)
    there = ~np.isnan(best)
    count = there.sum(axis=1)
    total = np.where(there, best, 0).sum(axis=1, dtype=np.float64)
    means = np.full(len(best), np.nan)
    np.divide(total, count, out=means, where=count > 0)
    return means


def are_same(
    cosines: npt.NDArray[np.float32], starts: npt.NDArray[np.intp]
) -> npt.NDArray[np.bool_]:
    """Which items are what a part is: each of its vectors is one of theirs; shape (items,)."""
    same: npt.NDArray[np.bool_] = _best(cosines, starts).min(axis=1) >= SAME
    return same


def _best(
    segments: npt.NDArray[np.float32], starts: npt.NDArray[np.intp]
) -> npt.NDArray[np.float32]:
    """The best segment of each item, for each vector."""
    if not len(starts):
        return segments[:0]
    if len(starts) == len(segments):
        return segments
    best: npt.NDArray[np.float32] = np.fmax.reduceat(segments, starts, axis=0)
    return best


def worth_of_words(matches: Sequence[Match]) -> dict[int, float]:
    """What holding words is worth to items, in standard deviations.

    The best match sets the measure: BM25 has no upper bound, and zero is what holds no word (Bruch,
    Gai and Ingber 2023 fuse it so with cosines).
    """
    most = max((match.score for match in matches), default=0.0)
    return {match.item: WORDS_WORTH * match.score / most for match in matches} if most > 0 else {}


def fuse(evidence: npt.NDArray[np.float64], weights: Sequence[float]) -> npt.NDArray[np.float64]:
    """Make what all parts say of items one score.

    Parameters
    ----------
    evidence : ndarray of float64, shape (items, parts)
        Standard deviations that each item stands out by; NaN where a part cannot be compared with
        an item, which then is as by chance.
    weights : sequence of float
        Of each part, below zero for what is not wanted; one is above zero.

    Returns
    -------
    ndarray of float64, shape (items,)
        The mean of the wanted parts by their weights, less the unwanted ones; minus infinity where
        none of the wanted parts can be compared.
    """
    share = np.asarray(weights, np.float64)
    share = share / share[share > 0].sum()
    known = np.where(np.isnan(evidence), 0.0, evidence)
    wanted = share > 0
    score: npt.NDArray[np.float64] = known[:, wanted] @ share[wanted]
    score[np.isnan(evidence[:, wanted]).all(axis=1)] = -np.inf
    if wanted.all() or not np.isfinite(score).any():
        return score
    unwanted, best = known[:, ~wanted], np.argsort(-score, kind="stable")[:FOUND]
    found = unwanted[best[np.isfinite(score[best])]]
    usual = np.minimum(found.mean(axis=0), MOST_USUAL)
    deviations = (unwanted - usual) / np.clip(found.std(axis=0), *SPREADS)
    fused: npt.NDArray[np.float64] = score + UNWANTED * (
        np.maximum(deviations - LEVEL, 0) @ share[~wanted]
    )
    return fused
