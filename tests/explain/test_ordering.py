"""Weights and orders of values that are known: sums of parts, idle parts, pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.explain.faithfulness import areas_of, kept_first, random_order, steps_of
from sensorium.explain.ordering import ranked, weights_of
from sensorium.explain.worth import Masks, Values, Worth

FAR = 1e3


def of_sum(weights: np.ndarray, nothing: float = 0.0) -> Worth:
    """What is worth the sum of its parts."""
    return Worth(lambda masks: nothing + masks @ weights, len(weights))


def apart(n: int) -> np.ndarray:
    return FAR * np.arange(n, dtype=np.float64)[:, None]


@pytest.mark.parametrize("n", [1, 2, 5, 6, 9, 24])
def test_the_parts_of_a_sum_are_found(n: int) -> None:
    true = np.random.default_rng(n).normal(size=n)
    weights, order = weights_of(of_sum(true, 0.3), apart(n))
    assert np.corrcoef(weights, true)[0, 1] > 0.999 if n > 1 else weights[0] == true[0]
    assert list(order) == list(ranked(true))


def test_shapley_values_of_few_parts_add_up() -> None:
    worth = Worth(lambda masks: (masks.sum(axis=1) >= 2) * 1.0, 3)  # two of three suffice
    weights, _ = weights_of(worth, apart(3))
    assert weights == pytest.approx([1 / 3] * 3)
    assert worth.asked == 8


@settings(max_examples=30, deadline=None)
@given(st.integers(6, 30), st.integers(0, 1000))
def test_an_order_beats_a_random_one(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    true, pairs = rng.normal(size=n), rng.normal(size=(n, n)) * 0.05

    def of(masks: Masks) -> Values:
        return np.tanh(masks @ true / 3) + ((masks @ pairs) * masks).sum(axis=1)

    worth = Worth(of, n)
    _, order = weights_of(worth, apart(n))
    assert sorted(order) == list(range(n))
    random = np.mean([areas_of(worth, random_order(n, seed)).gain for seed in range(10)])
    assert areas_of(worth, order).gain > random


def test_idle_parts_weigh_nothing() -> None:
    idle = np.zeros(12, bool)
    idle[3:6] = True
    weights, order = weights_of(of_sum(np.where(idle, 0.0, 1.0)), apart(12), idle)
    assert (weights[idle] == 0).all() and (weights[~idle] > 0.5).all()
    assert {*order[-3:]} == {3, 4, 5}


def test_nothing_is_asked_twice() -> None:
    calls: list[int] = []

    def of(masks: Masks) -> Values:
        calls.append(len(masks))
        return masks.sum(axis=1).astype(float)

    worth = Worth(of, 4)
    masks = np.eye(4, dtype=bool)[[0, 1, 1, 0]]
    assert (worth(masks) == 1).all() and calls == [2]
    worth(masks)
    assert calls == [2] and worth.asked == 2


def test_areas_of_a_sum() -> None:
    worth = of_sum(np.array([1.0, 0, 0, 0]))
    best, worst = areas_of(worth, np.arange(4)), areas_of(worth, np.arange(4)[::-1])
    # All there is comes with the first of four steps: the area lacks half a step.
    assert (best.insertion, best.deletion) == pytest.approx((1 - 1 / 8, 1 / 8))
    assert worst.gain == pytest.approx(-best.gain)


def test_kept_first_keeps_the_first() -> None:
    assert steps_of(4) == [0, 1, 2, 3, 4] and steps_of(36)[-1] == 36 and len(steps_of(36)) == 7
    kept = kept_first(np.array([2, 0, 1]), [0, 1, 3])
    assert kept.tolist() == [[False] * 3, [False, False, True], [True] * 3]
