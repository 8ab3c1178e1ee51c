"""Weights and orders of values that are known: sums of parts, idle parts, pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.explain.faithfulness import areas_of, kept_first, random_order, steps_of
from sensorium.explain.ordering import PLANE_ROUNDS, centres, first_sets, ranked, weights_of
from sensorium.explain.worth import Masks, Values, Worth

FAR = 1e3


def of_sum(weights: np.ndarray, nothing: float = 0.0) -> Worth:
    """What is worth the sum of its parts."""
    return Worth(lambda masks: nothing + masks @ weights, len(weights))


def apart(n: int) -> np.ndarray:
    return FAR * np.arange(n, dtype=np.float64)[:, None]


def plane(rows: int, columns: int) -> np.ndarray:
    """Where the cells of a grid lie."""
    return np.stack(np.divmod(np.arange(rows * columns), columns), axis=1).astype(np.float64)


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


@pytest.mark.parametrize(("rows", "columns"), [(6, 6), (4, 9), (1, 36), (36, 1), (5, 7), (2, 3)])
def test_every_second_cell_leaves_none_out(rows: int, columns: int) -> None:
    where = plane(rows, columns)
    chosen = centres(where)
    assert abs(chosen.sum() - len(where) / 2) <= 0.5
    sets = first_sets(((where[:, None] - where[None]) ** 2).sum(axis=2), chosen)
    assert len(sets) <= len(where) + 1
    alone, covered = (
        sets[sets.sum(axis=1) * 2 < len(where)],
        sets[sets.sum(axis=1) * 2 > len(where)],
    )
    assert rows * columns < 9 or (alone.any(axis=0).all() and (~covered).any(axis=0).all())


def test_words_and_seconds_are_all_asked_for() -> None:
    assert centres(apart(7)).all() and centres(np.arange(10.0)[:, None]).all()


@pytest.mark.parametrize(("rows", "columns"), [(6, 6), (4, 9)])
def test_the_cells_of_a_thing_are_found(rows: int, columns: int) -> None:
    """A thing of four cells at any place, and noise: its cells come first; for few sets."""
    where = plane(rows, columns)
    noise = np.random.default_rng(0)
    found = []
    for row in range(rows - 1):
        for column in range(columns - 1):
            thing = (abs(where - (row + 0.5, column + 0.5)) < 1).all(axis=1)
            worth = of_sum(thing + 0.1 * noise.normal(size=len(where)))
            _, order = weights_of(worth, where)
            found.append(thing[order[:4]].mean())
            assert worth.asked <= len(where) + 1 + 2 + 10 * PLANE_ROUNDS
    assert np.mean(found) > 0.95


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
