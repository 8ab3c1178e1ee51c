"""Shapley values: their axioms, on games whose values are known and on games at random."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.errors import UsageError
from sensorium.tasks.rows.contributions import (
    MOST_EXACT,
    Worth,
    contributions_of,
    exact_shapley,
    sampled_shapley,
)


def game(players: int, rows: int, seed: int) -> Worth:
    """A worth for every set, at random."""
    table = np.random.default_rng(seed).normal(size=(2**players, rows))

    def worth(chosen: np.ndarray) -> np.ndarray:
        return np.asarray(table[int(chosen @ (2 ** np.arange(players)))])

    return worth


def by_orders(worth: Worth, players: int) -> np.ndarray:
    """The definition: what a player adds, averaged over all orders."""
    total = np.zeros((len(np.asarray(worth(np.zeros(players, bool)))), players))
    for order in itertools.permutations(range(players)):
        chosen = np.zeros(players, bool)
        for player in order:
            before = np.asarray(worth(chosen))
            chosen[player] = True
            total[:, player] += np.asarray(worth(chosen)) - before
    return total / math.factorial(players)


@given(players=st.integers(1, MOST_EXACT), rows=st.integers(1, 4), seed=st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_exact_values_are_those_of_the_definition(players: int, rows: int, seed: int) -> None:
    worth = game(players, rows, seed)
    assert np.allclose(exact_shapley(worth, players), by_orders(worth, players))


@given(players=st.integers(1, 8), rows=st.integers(1, 4), seed=st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_values_sum_to_the_prediction_minus_the_baseline(
    players: int, rows: int, seed: int
) -> None:
    found = contributions_of(game(players, rows, seed), [f"m{i}" for i in range(players)], orders=3)
    assert np.allclose(found.values.sum(axis=1), found.prediction - found.baseline)
    assert (found.standard_error is None) == (players <= MOST_EXACT)


@given(players=st.integers(2, 8), seed=st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_a_dummy_gets_what_it_adds(players: int, seed: int) -> None:
    others = game(players - 1, 3, seed)

    def worth(chosen: np.ndarray) -> np.ndarray:
        return np.asarray(others(chosen[1:])) + 0.25 * chosen[0]

    values = contributions_of(worth, [str(i) for i in range(players)], orders=3).values
    assert np.allclose(values[:, 0], 0.25)


def test_equals_get_equal_shares() -> None:
    def worth(chosen: np.ndarray) -> np.ndarray:
        return np.array([float(chosen[0] and chosen[2]), float(chosen.sum() >= 2)])

    values = exact_shapley(worth, 3)
    assert np.allclose(values[0], [0.5, 0, 0.5])
    assert np.allclose(values[1], [1 / 3] * 3)


def test_values_of_a_sum_of_games_are_the_sum_of_their_values() -> None:
    one, other = game(4, 2, 1), game(4, 2, 2)
    both = exact_shapley(lambda chosen: np.asarray(one(chosen)) + np.asarray(other(chosen)), 4)
    assert np.allclose(both, exact_shapley(one, 4) + exact_shapley(other, 4))


def test_samples_come_near_the_exact_values_within_their_error() -> None:
    worth = game(5, 200, 3)
    exact = exact_shapley(worth, 5)
    values, error = sampled_shapley(worth, 5, orders=200, seed=1)
    away = np.abs(values - exact) / error
    assert 0.90 < (away < 1.96).mean() < 0.99
    few, wide = sampled_shapley(worth, 5, orders=20, seed=1)
    assert np.median(wide / error) == pytest.approx(math.sqrt(10), rel=0.15)
    assert np.abs(few - exact).mean() > np.abs(values - exact).mean()


def test_too_many_for_exact_and_too_few_orders() -> None:
    with pytest.raises(UsageError, match="1 to 5 modalities, got 6"):
        exact_shapley(game(6, 1, 0), 6)
    with pytest.raises(UsageError, match="at least 2 orders"):
        sampled_shapley(game(6, 1, 0), 6, orders=1)
