"""Weighted statistics equal those of repeated samples; groups are drawn and swapped whole."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.evaluation.classification import (
    confusion_matrix,
    expected_calibration_error,
    precision_recall_f1,
)
from sensorium.evaluation.comparison import compare
from sensorium.evaluation.intervals import bootstrap_interval
from sensorium.evaluation.resampling import (
    calibration_error,
    comparison,
    group_numbers,
    interval,
    macro,
    mean,
    median,
)

weighted = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 3)), min_size=1, max_size=20
).filter(lambda rows: any(weight for _, weight in rows))


@given(rows=weighted)
def test_a_weight_is_a_repetition(rows: list[tuple[int, int]]) -> None:
    values, weights = (np.array(column) for column in zip(*rows, strict=True))
    repeated = np.repeat(values, weights)
    assert mean((values,), weights) == pytest.approx(np.mean(repeated))
    assert median((values,), weights) == np.median(repeated)


@settings(max_examples=30)
@given(seed=st.integers(0, 1000))
def test_classification_scores_of_repeated_items(seed: int) -> None:
    rng = np.random.default_rng(seed)
    right, predicted = rng.integers(0, 4, (2, 15))
    weights = rng.integers(0, 3, 15)
    weights[0] = 1
    repeated = [np.repeat(column, weights) for column in (right, predicted)]
    confusion = confusion_matrix(repeated[1], repeated[0], 4)
    there = confusion.sum(axis=1) > 0
    scores = zip(("precision", "recall", "f1"), precision_recall_f1(confusion), strict=True)
    for which, expected in scores:
        found = macro(which, (right, predicted), weights)
        assert found == pytest.approx(expected[there].mean())


def test_calibration_error_of_repeated_items() -> None:
    rng = np.random.default_rng(0)
    chances = rng.dirichlet((0.5, 0.5, 0.5), 40)
    right = rng.integers(0, 3, 40)
    weights = rng.integers(0, 4, 40)
    correct = (chances.argmax(axis=1) == right).astype(float)
    expected = expected_calibration_error(np.repeat(chances, weights, 0), np.repeat(right, weights))
    assert calibration_error((chances.max(axis=1), correct), weights) == pytest.approx(expected)


def test_independent_samples_go_the_usual_way() -> None:
    values = np.random.default_rng(0).random(30)
    assert interval(mean, (values,), seed=3) == bootstrap_interval(values, seed=3)
    assert interval(median, (values,), seed=3) == bootstrap_interval(values, "median", seed=3)
    assert comparison(mean, (values,), (values**2,), seed=3) == compare(values, values**2, seed=3)


def test_samples_that_belong_together_are_no_more_than_their_groups() -> None:
    values = np.random.default_rng(0).random(40)
    repeated, groups = np.repeat(values, 10), np.repeat(np.arange(40), 10)
    alone = interval(mean, (values,), seed=0)
    together = interval(mean, (repeated,), seed=0, groups=groups)
    fooled = interval(mean, (repeated,), seed=0)
    assert together.estimate == pytest.approx(alone.estimate)
    assert together.high - together.low == pytest.approx(alone.high - alone.low, rel=0.1)
    assert fooled.high - fooled.low < 0.5 * (together.high - together.low)
    other = np.clip(values - 0.02, 0, 1)
    p = comparison(mean, (values,), (other + np.sin(np.arange(40)) / 5,), seed=0).p
    pairs = [np.repeat(x, 10) for x in (values, other + np.sin(np.arange(40)) / 5)]
    grouped = comparison(mean, (pairs[0],), (pairs[1],), seed=0, groups=groups)
    assert grouped.p == pytest.approx(p, abs=0.03)


def test_equal_systems_do_not_differ_and_opposite_ones_do() -> None:
    rng = np.random.default_rng(0)
    right = rng.integers(0, 3, 60)
    poor = rng.integers(0, 3, 60)
    f1 = partial(macro, "f1")
    same = comparison(f1, (right, poor), (right, poor), seed=0)
    assert (same.difference, same.low, same.high, same.p) == (0, 0, 0, 1)
    better = comparison(f1, (right, right), (right, poor), seed=0)
    assert better.difference > 0.4 and better.low > 0.3 and better.p < 0.001
    worse = comparison(f1, (right, poor), (right, right), seed=0)
    assert worse.difference == -better.difference and worse.p == better.p
    assert (worse.low, worse.high) == pytest.approx((-better.high, -better.low))


def test_groups_are_numbered_where_there_are_any() -> None:
    assert group_numbers([{}, {"group": "a"}, {"group": "b"}]) is None
    numbers = group_numbers([{"group": "b"}, {"group": "a"}, {"group": "b"}])
    assert numbers is not None and numbers.tolist() == [0, 1, 0]
