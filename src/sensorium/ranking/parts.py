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
from typing import NamedTuple

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


class Usual(NamedTuple):
    """How much of each unwanted part there is in what the wanted parts find.

    Attributes
    ----------
    means, deviations : ndarray of float64, shape (unwanted parts,)
    """

    means: Numbers
    deviations: Numbers


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
    share = _shares(weights)
    score = _wanted(evidence, share)
    usual = usual_of(evidence, weights)
    if usual is None:
        return score
    unwanted = np.where(np.isnan(evidence), 0.0, evidence)[:, share < 0]
    return score + UNWANTED * _weighed(_beyond(unwanted, usual), share[share < 0])


def wanted_of(
    evidence: npt.NDArray[np.float64], weights: Sequence[float]
) -> npt.NDArray[np.float64]:
    """What the wanted parts alone say of items: `fuse` gives none of them more."""
    return _wanted(evidence, _shares(weights))


def usual_of(evidence: npt.NDArray[np.float64], weights: Sequence[float]) -> Usual | None:
    """What is usual of unwanted parts in what wanted parts find best; None where nothing is."""
    share = _shares(weights)
    score = _wanted(evidence, share)
    if (share > 0).all() or not np.isfinite(score).any():
        return None
    unwanted = np.where(np.isnan(evidence), 0.0, evidence)[:, share < 0]
    best = np.argsort(-score, kind="stable")[:FOUND]
    found = unwanted[best[np.isfinite(score[best])]]
    return Usual(np.minimum(found.mean(axis=0), MOST_USUAL), np.clip(found.std(axis=0), *SPREADS))


def contributions(
    evidence: npt.NDArray[np.float64], weights: Sequence[float], usual: Usual | None
) -> npt.NDArray[np.float64]:
    """What each part adds to the score that `fuse` gives: the score is their sum.

    Parameters
    ----------
    evidence, weights
        As `fuse` takes them.
    usual : Usual or None
        Of all that was compared; without it, unwanted parts take nothing away.

    Returns
    -------
    ndarray of float64, shape (items, parts)
        At most zero for unwanted parts.
    """
    share = _shares(weights)
    known = np.where(np.isnan(evidence), 0.0, evidence)
    added = np.zeros_like(known)
    added[:, share > 0] = known[:, share > 0] * share[share > 0]
    if usual is not None:
        added[:, share < 0] = UNWANTED * _beyond(known[:, share < 0], usual) * share[share < 0]
    return added + 0.0  # no -0.0


def _shares(weights: Sequence[float]) -> npt.NDArray[np.float64]:
    """Weights, of which those of the wanted parts sum to 1."""
    share = np.asarray(weights, np.float64)
    return np.asarray(share / share[share > 0].sum())


def _wanted(
    evidence: npt.NDArray[np.float64], share: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    known, wanted = np.where(np.isnan(evidence), 0.0, evidence), share > 0
    score = _weighed(known[:, wanted], share[wanted])
    score[np.isnan(evidence[:, wanted]).all(axis=1)] = -np.inf
    return score


def _weighed(values: npt.NDArray[np.float64], weights: Numbers) -> npt.NDArray[np.float64]:
    """Sums of columns by their weights: of each row to the same bits, whatever others there are."""
    total = np.zeros(len(values))
    for column, weight in zip(values.T, weights, strict=True):
        total += column * weight
    return total


def _beyond(unwanted: npt.NDArray[np.float64], usual: Usual) -> npt.NDArray[np.float64]:
    """By how much items have more of unwanted parts than most of what is found, and some."""
    deviations = (unwanted - usual.means) / usual.deviations
    return np.asarray(np.maximum(deviations - LEVEL, 0))
