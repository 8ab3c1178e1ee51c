"""Retrieval metrics: the grades of each query in ranked order, and what is read off them.

Every metric gives one value per query, so queries may be handled in chunks of any size and the
results concatenated: memory grows with the chunk, a few arrays of its size, never with the test.
The mean over queries is the figure that papers report; `sensorium.evaluation.intervals` puts an
interval around it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sensorium.evaluation.checks import whole

Values = npt.NDArray[np.float64]


def rank_relevance(scores: npt.ArrayLike, relevance: npt.ArrayLike) -> Values:
    """Put the grades of every query's items in the order in which a system ranks them.

    Ties go against the system: of items with equal scores those of lower grade come first, so
    that a system which scores everything alike gains nothing by the order of the test set (the
    "realistic" order of Cabanac et al. 2010, "Tie-breaking bias: effect of an uncontrolled
    parameter on information retrieval evaluation").

    Parameters
    ----------
    scores : array of float, shape (q, n)
        Score of every item for every query, higher is better. NaN, no score at all, ranks last.
    relevance : array of bool, int or float, shape (q, n)
        Grade of every item for every query: 0 is irrelevant, anything above relevant.

    Returns
    -------
    ndarray of float64, shape (q, n)
        Grades, best-ranked item first.

    Raises
    ------
    ValueError
        When the shapes differ or are not two-dimensional, or a grade is negative or not finite
        (collections that write -1 for "not judged" must say what such an item counts as).
    """
    # float64 holds every float32 and every whole number up to 2**53, so no new ties arise.
    points = np.asarray(scores, dtype=np.float64)
    grades = _grades("relevance", relevance)
    if points.shape != grades.shape:
        raise ValueError(
            f"scores and relevance have one shape (queries, items), "
            f"got {points.shape} and {grades.shape}"
        )
    order = np.lexsort((grades, -points), axis=-1)  # sorts NaN last
    return np.take_along_axis(grades, order, axis=-1)


def success_at(ranked: npt.ArrayLike, k: int) -> Values:
    """Whether any relevant item is among the first `k`.

    Papers on image-text retrieval call its mean R@k, also when a query has several right answers
    (Karpathy and Fei-Fei 2015, section 4.1); `recall_at` is the share of them that is found.

    Parameters
    ----------
    ranked : array, shape (q, n)
        Grades in ranked order, from `rank_relevance`.
    k : int
        At least 1; may exceed n.

    Returns
    -------
    ndarray of float64, shape (q,)
        1 or 0.

    Raises
    ------
    ValueError
        For a `k` that is not a whole number of at least 1, or a query without a relevant item.
    """
    k = whole("k", k)
    return np.asarray(_relevant(ranked)[:, :k].any(axis=1), dtype=np.float64)


def recall_at(ranked: npt.ArrayLike, k: int) -> Values:
    """Share of a query's relevant items that is among the first `k`.

    Parameters
    ----------
    ranked : array, shape (q, n)
        Grades in ranked order, from `rank_relevance`.
    k : int
        At least 1; may exceed n.

    Returns
    -------
    ndarray of float64, shape (q,)
        In 0 to 1.

    Raises
    ------
    ValueError
        For a `k` that is not a whole number of at least 1, or a query without a relevant item.
    """
    k, relevant = whole("k", k), _relevant(ranked)
    return np.asarray(relevant[:, :k].sum(axis=1) / relevant.sum(axis=1))


def precision_at(ranked: npt.ArrayLike, k: int) -> Values:
    """Share of the first `k` places that hold a relevant item.

    As in trec_eval the divisor is `k` also when there are fewer than `k` items.

    Parameters
    ----------
    ranked : array, shape (q, n)
        Grades in ranked order, from `rank_relevance`.
    k : int
        At least 1; may exceed n.

    Returns
    -------
    ndarray of float64, shape (q,)
        In 0 to 1.

    Raises
    ------
    ValueError
        For a `k` that is not a whole number of at least 1, or a query without a relevant item.
    """
    k = whole("k", k)
    return np.asarray(_relevant(ranked)[:, :k].sum(axis=1) / k)


def average_precision(ranked: npt.ArrayLike) -> Values:
    """Mean of the precision at the place of each relevant item; its mean over queries is mAP.

    Parameters
    ----------
    ranked : array, shape (q, n)
        Grades in ranked order, from `rank_relevance`.

    Returns
    -------
    ndarray of float64, shape (q,)
        In 0 to 1, never 0.

    Raises
    ------
    ValueError
        For a query without a relevant item.
    """
    relevant = _relevant(ranked)
    return np.asarray(_precisions(relevant).sum(axis=1) / relevant.sum(axis=1))


def average_precision_at_r(ranked: npt.ArrayLike) -> Values:
    """Average precision over the first R places, R the number of a query's relevant items.

    Its mean over queries is mAP@R (Musgrave, Belongie and Lim 2020, "A Metric Learning Reality
    Check", section 3.2). What is ranked below place R adds nothing.

    Parameters
    ----------
    ranked : array, shape (q, n)
        Grades in ranked order, from `rank_relevance`.

    Returns
    -------
    ndarray of float64, shape (q,)
        In 0 to 1.

    Raises
    ------
    ValueError
        For a query without a relevant item.
    """
    relevant = _relevant(ranked)
    wanted = relevant.sum(axis=1)
    counted = np.arange(1, relevant.shape[1] + 1) <= wanted[:, np.newaxis]
    return np.asarray((_precisions(relevant) * counted).sum(axis=1) / wanted)


def ndcg_at(ranked: npt.ArrayLike, k: int) -> Values:
    """Discounted cumulative gain of the first `k`, over that of the best order there could be.

    The gain is the grade itself and the discount log2(place + 1) (Järvelin and Kekäläinen 2002,
    in the form of trec_eval); another common form takes 2**grade - 1 as the gain.

    Parameters
    ----------
    ranked : array, shape (q, n)
        Grades in ranked order, from `rank_relevance`.
    k : int
        At least 1; may exceed n.

    Returns
    -------
    ndarray of float64, shape (q,)
        In 0 to 1.

    Raises
    ------
    ValueError
        For a `k` that is not a whole number of at least 1, or a query without a relevant item.
    """
    k = whole("k", k)
    _relevant(ranked)
    grades = _grades("ranked", ranked)
    best = -np.sort(-grades, axis=1)[:, :k]
    discounts = 1 / np.log2(np.arange(2, best.shape[1] + 2))
    return np.asarray((grades[:, :k] * discounts).sum(axis=1) / (best * discounts).sum(axis=1))


def reciprocal_rank(ranked: npt.ArrayLike) -> Values:
    """One over the rank of the first relevant item; its mean over queries is MRR.

    Parameters
    ----------
    ranked : array, shape (q, n)
        Grades in ranked order, from `rank_relevance`.

    Returns
    -------
    ndarray of float64, shape (q,)
        In 0 to 1, never 0.

    Raises
    ------
    ValueError
        For a query without a relevant item.
    """
    return np.asarray(1 / first_ranks(ranked))


def first_ranks(ranked: npt.ArrayLike) -> Values:
    """Rank of the first relevant item, counted from 1; its median is the median rank.

    Parameters
    ----------
    ranked : array, shape (q, n)
        Grades in ranked order, from `rank_relevance`.

    Returns
    -------
    ndarray of float64, shape (q,)
        Whole numbers from 1 to n.

    Raises
    ------
    ValueError
        For a query without a relevant item.
    """
    return np.asarray(_relevant(ranked).argmax(axis=1) + 1.0)


def _grades(name: str, values: npt.ArrayLike) -> Values:
    grades = np.asarray(values, dtype=np.float64)
    if grades.ndim != 2:
        raise ValueError(f"{name} has the shape (queries, items), got {grades.shape}")
    if (bad := ~(np.isfinite(grades) & (grades >= 0))).any():
        query, item = np.argwhere(bad)[0]
        raise ValueError(
            f"a grade in {name} is 0 (irrelevant) or above, "
            f"got {grades[query, item]} for query {query}"
        )
    return grades


def _relevant(ranked: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    relevant: npt.NDArray[np.bool_] = _grades("ranked", ranked) > 0
    if not (answered := relevant.any(axis=1)).all():
        raise ValueError(
            f"query {np.argmin(answered)} has no relevant item, so nothing can be found for it: "
            "leave such queries out"
        )
    return relevant


def _precisions(relevant: npt.NDArray[np.bool_]) -> Values:
    """Precision at the place of each relevant item, 0 at the others."""
    places = np.arange(1, relevant.shape[1] + 1)
    return np.asarray(relevant * relevant.cumsum(axis=1) / places)
