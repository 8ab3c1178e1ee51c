"""What each modality contributed to a prediction: Shapley values (Shapley 1953).

The players are the modalities of a row, and the worth of a set of them is what the model predicts
with these alone. A modality's value is its mean effect over all orders in which the modalities
can be added; the values sum to the prediction minus that without any modality. Taking away whole
modalities, which the model was trained to do without, asks it nothing that it has not seen.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensorium.errors import UsageError

MOST_EXACT = 5
"""Modalities up to which all 2^m sets are tried; above, orders are sampled."""

Values = npt.NDArray[np.float64]
Worth = Callable[[npt.NDArray[np.bool_]], npt.ArrayLike]
"""From a set of modalities, shape (m,) bool, to the worth of it for each of n rows, shape (n,)."""


@dataclass(frozen=True)
class Contributions:
    """Contributions of modalities to the predictions of one target.

    Attributes
    ----------
    modalities : tuple of str
    values : ndarray of float64, shape (n, m)
        They sum to `prediction` - `baseline`. Of a modality that a row lacks it is 0.
    baseline : ndarray of float64, shape (n,)
        What is predicted when nothing is known of a row.
    prediction : ndarray of float64, shape (n,)
    standard_error : ndarray of float64, shape (n, m), or None
        Of `values` where orders were sampled; None where they are exact.
    labels : list of str or None
        The class whose probability (or log-odds) is explained, for each row; None for a number.
    """

    modalities: tuple[str, ...]
    values: Values
    baseline: Values
    prediction: Values
    standard_error: Values | None = None
    labels: list[str] | None = None


def exact_shapley(worth: Worth, players: int) -> Values:
    """Shapley values by their definition: 2^m sets are tried.

    Parameters
    ----------
    worth : callable
        Called once with every set.
    players : int
        m, from 1 to `MOST_EXACT`.

    Returns
    -------
    ndarray of float64, shape (n, m)

    Raises
    ------
    UsageError
        For too many players.
    """
    if not 1 <= players <= MOST_EXACT:
        raise UsageError(
            f"exact Shapley values are for 1 to {MOST_EXACT} modalities, got {players}: sample them"
        )
    worths = {
        chosen: np.asarray(worth(np.array(chosen)), np.float64)
        for chosen in itertools.product((False, True), repeat=players)
    }
    values = np.zeros((len(worths[(False,) * players]), players))
    for chosen, value in worths.items():
        size = sum(chosen)
        for player in range(players):
            # A set counts once with the player in it and once without.
            if chosen[player]:
                values[:, player] += value * _weight(size - 1, players)
            else:
                values[:, player] -= value * _weight(size, players)
    return values


def _weight(others: int, players: int) -> float:
    """Share of the orders in which exactly a given set of others comes before a player."""
    return math.factorial(others) * math.factorial(players - others - 1) / math.factorial(players)


def sampled_shapley(
    worth: Worth, players: int, orders: int = 64, seed: int = 0
) -> tuple[Values, Values]:
    """Estimate Shapley values from random orders (Castro et al. 2009).

    Each order is taken forwards and backwards (Mitchell et al. 2022, antithetic sampling); the
    values sum to the prediction minus the baseline all the same.

    Parameters
    ----------
    worth : callable
    players : int
    orders : int
        Pairs of orders, at least 2.
    seed : int

    Returns
    -------
    values, standard_error : ndarray of float64, shape (n, m)

    Raises
    ------
    UsageError
        For fewer than two orders.
    """
    if orders < 2:
        raise UsageError(f"a standard error needs at least 2 orders, got {orders}")
    rng = np.random.default_rng(seed)
    known: dict[bytes, Values] = {}

    def worth_of(chosen: npt.NDArray[np.bool_]) -> Values:
        key = chosen.tobytes()
        if key not in known:
            known[key] = np.asarray(worth(chosen.copy()), np.float64)
        return known[key]

    drawn = []
    for _ in range(orders):
        order = rng.permutation(players)
        pair = [_along(worth_of, path) for path in (order, order[::-1])]
        drawn.append((pair[0] + pair[1]) / 2)
    all_drawn = np.stack(drawn)
    return all_drawn.mean(axis=0), all_drawn.std(axis=0, ddof=1) / math.sqrt(orders)


def _along(
    worth: Callable[[npt.NDArray[np.bool_]], Values], order: npt.NDArray[np.int64]
) -> Values:
    """What each player adds when they come in this order, shape (n, m)."""
    chosen = np.zeros(len(order), bool)
    before = worth(chosen)
    added = np.zeros((len(before), len(order)))
    for player in order:
        chosen[player] = True
        after = worth(chosen)
        added[:, player] = after - before
        before = after
    return added


def contributions_of(
    worth: Worth,
    modalities: Sequence[str],
    *,
    orders: int = 64,
    seed: int = 0,
    labels: list[str] | None = None,
) -> Contributions:
    """Shapley values of modalities: exact up to `MOST_EXACT`, sampled above.

    Parameters
    ----------
    worth : callable
        From a set of modalities, shape (m,) bool, to what is predicted for each row, shape (n,).
    modalities : sequence of str
    orders, seed : int
        For sampling.
    labels : list of str, optional
        What is explained for each row.
    """
    m = len(modalities)
    baseline = np.asarray(worth(np.zeros(m, bool)), np.float64)
    prediction = np.asarray(worth(np.ones(m, bool)), np.float64)
    error = None
    if m <= MOST_EXACT:
        values = exact_shapley(worth, m)
    else:
        values, error = sampled_shapley(worth, m, orders, seed)
    return Contributions(tuple(modalities), values, baseline, prediction, error, labels)
