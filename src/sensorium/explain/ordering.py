"""Which parts matter, and how much: from few questions to the model, asked in batches.

Gradients of such models are contested as explanations, and not every model has them here; so parts
are covered and uncovered, and the model is only asked, as in LiMA (Chen et al. 2025,
arXiv:2504.00470), which chooses parts greedily by what a set is worth alone and what all others are
worth without it. A full greedy search of n parts asks for n (n + 1) sets, of a picture 1,300. Here
a linear model of the parts is fitted to n sets of a picture, and to 2 n of what is no plane. Its
order is tried, the sets along its
way from nothing to all and back are added, and it is fitted again: the model is asked where the
order passes, and the order of the largest area is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np
import numpy.typing as npt

from sensorium.explain.dividing import Divided
from sensorium.explain.explanation import Explained
from sensorium.explain.faithfulness import (
    Faithfulness,
    Order,
    areas_of,
    kept_first,
    random_order,
    steps_of,
)
from sensorium.explain.worth import Masks, Values, Worth
from sensorium.tasks.rows.contributions import MOST_EXACT, exact_shapley

ROUNDS = 5
"""Times an order is tried and mended where every part was asked for first."""

PLANE_ROUNDS = 7
"""The same of a picture, of which every second part was. Of 32 scenes of the validation splits
insertion less deletion is then 0.084 for 88 sets; every part and five rounds have 0.083 for 113
(`python -m benchmarks explanation_scenes`)."""

REACH = 0.8
"""How far, in parts, what one part does tells of its neighbours: a length of a Gaussian.

Of five such scenes, before any round, insertion less deletion is 0.088 with 0 (each part by
itself), 0.090 with 0.8 and 0.083 with 1.3."""

NOISE = 0.1
"""Variance that a linear model leaves, as a share of that of its values."""


def explained(divided: Divided, *, rivals: bool = True) -> Explained:
    """Weigh the parts of one side, and measure how true their order is.

    Parameters
    ----------
    divided : Divided
    rivals : bool
        Whether the areas of a random order and one from the centre are measured, too.
    """
    worth = divided.worth
    weights, order = weights_of(worth, divided.where, divided.idle)
    own = areas_of(worth, order)
    faithfulness = None
    if rivals:
        others = (random_order(worth.parts), divided.centre)
        faithfulness = Faithfulness(own, *(areas_of(worth, other) for other in others))
    parts = [
        replace(part, weight=float(weight))
        for part, weight in zip(divided.parts, weights, strict=True)
    ]
    return Explained(
        divided.modality, parts, worth.whole, worth.nothing, [int(n) for n in order],
        faithfulness, worth.asked, divided.shape, divided.text,
    )  # fmt: skip


def weights_of(
    worth: Worth, where: npt.NDArray[np.float64], idle: npt.NDArray[np.bool_] | None = None
) -> tuple[Values, Order]:
    """What each part does, and the order of their importance.

    Up to five parts have Shapley values, which need all sets of them.

    Parameters
    ----------
    worth : Worth
    where : ndarray of float64, shape (n, k)
        Where the parts lie, in parts; those that are infinitely far apart say nothing of each
        other.
    idle : ndarray of bool, shape (n,), optional
        Parts that are the same covered and uncovered: they weigh nothing.

    Returns
    -------
    weights : ndarray of float64, shape (n,)
    order : ndarray of int64, shape (n,)
        The most important part first.
    """
    n = worth.parts
    idle = np.zeros(n, bool) if idle is None else idle
    if n <= MOST_EXACT:
        sets = np.array([[number >> place & 1 for place in range(n)] for number in range(2**n)])
        worth(sets.astype(bool))  # all in one batch
        weights = np.asarray(exact_shapley(lambda chosen: worth(chosen[None]), n)[0])
        weights[idle] = 0.0
        return weights, ranked(weights)
    chosen = centres(where)
    rounds = ROUNDS if chosen.all() else PLANE_ROUNDS
    best = max(islice(tried(worth, where, idle, chosen), rounds), key=lambda one: one[0])
    return best[1], best[2]


def tried(
    worth: Worth,
    where: npt.NDArray[np.float64],
    idle: npt.NDArray[np.bool_],
    chosen: npt.NDArray[np.bool_],
) -> Iterator[tuple[float, Values, Order]]:
    """Orders, each mended by what was asked for the one before it.

    Parameters
    ----------
    worth, where, idle
        As `weights_of` takes them.
    chosen : ndarray of bool, shape (n,)
        Parts that the first sets lie around.

    Yields
    ------
    gain : float
        Insertion less deletion of the order.
    weights : ndarray of float64, shape (n,)
    order : ndarray of int64, shape (n,)
    """
    apart = ((where[:, None] - where[None]) ** 2).sum(axis=2)
    asked = first_sets(apart, chosen)
    between = steps_of(worth.parts)[1:-1]
    while True:
        weights = fitted(worth, asked, np.exp(-apart / (2 * REACH**2)))
        weights[idle] = 0.0
        order = ranked(weights)
        yield areas_of(worth, order).gain, weights, order
        kept = kept_first(order, between)
        asked = np.concatenate([asked, kept, ~kept])


def centres(where: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Parts that the first sets lie around, shape (n,): all, and in a plane every second.

    There, as the black fields of a chessboard, they leave no part out: with its neighbours each
    covers nine. Rounds tell more of a picture than the other half of these sets.

    Parameters
    ----------
    where : ndarray of float64, shape (n, k)
    """
    if where.shape[1] != 2:
        return np.ones(len(where), bool)
    return np.asarray(where.sum(axis=1) % 2 == 0)


def first_sets(apart: npt.NDArray[np.float64], chosen: npt.NDArray[np.bool_]) -> Masks:
    """What is asked before anything is known: each part is covered, and uncovered from nothing.

    Of a picture, one cell more or less is mostly noise; so it goes with those that touch it.

    Parameters
    ----------
    apart : ndarray of float64, shape (n, n)
        Squared distances of parts.
    chosen : ndarray of bool, shape (n,)
        Parts that sets lie around.
    """
    near = (apart <= 2.0)[chosen]  # neighbours, across a corner, too
    return np.unique(np.concatenate([near, ~near]), axis=0)


def fitted(worth: Worth, sets: Masks, alike: npt.NDArray[np.float64]) -> Values:
    """Weights of a linear model of the parts: a Gaussian process with a linear kernel.

    Before anything is asked, all parts weigh the same, and parts that are alike go together
    (Rasmussen and Williams 2006, section 2.1).

    Parameters
    ----------
    worth : Worth
    sets : ndarray of bool, shape (k, n)
    alike : ndarray of float64, shape (n, n)
        Covariance of weights.
    """
    kept = sets.astype(np.float64)
    mean = (worth.whole - worth.nothing) / worth.parts
    left = worth(sets) - (worth.nothing + kept.sum(axis=1) * mean)
    covariance = kept @ alike @ kept.T
    scale = float(np.trace(covariance)) / len(sets)
    # What all sets have in common is no part's doing: a constant beside the weights.
    covariance += scale + NOISE * scale * np.eye(len(sets))
    return np.asarray(mean + alike @ kept.T @ np.linalg.solve(covariance, left))


def ranked(weights: Values) -> Order:
    """Parts by their weights, the greatest first; equal ones as they stand."""
    return np.argsort(-weights, kind="stable")
