from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics
from sklearn.calibration import calibration_curve

from sensorium.evaluation.classification import (
    confusion_matrix,
    expected_calibration_error,
    precision_recall_f1,
    top_k_accuracy,
)

Array = np.ndarray
Metric = Callable[..., Any]

SHAPES = [(1, 2), (30, 3), (200, 7), (50, 40)]
CUTOFFS = [1, 2, 3, 5, 100]


def problem(kind: str, shape: tuple[int, int], seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, shape[1], shape[0])
    scores = rng.normal(size=shape)
    if kind == "ties":
        scores = rng.integers(0, 3, shape).astype(float)
    if kind == "all alike":
        scores = np.zeros(shape)
    if kind == "missing":
        scores[rng.random(shape) < 0.3] = np.nan
    return scores, labels


def right_class_last_among_equals(scores: Array, labels: Array) -> Array:
    """The same order without ties: places worked out with Python's own sort."""
    places = np.empty(scores.shape)
    for item, (row, label) in enumerate(zip(scores.tolist(), labels.tolist(), strict=True)):
        worst_first = sorted(
            range(len(row)), key=lambda c: (row[c] if row[c] == row[c] else -np.inf, c != label)
        )
        places[item, worst_first] = np.arange(len(row))
    return places


def check_top_k(implementation: Metric, kind: str, shape: tuple[int, int]) -> None:
    """Fails unless the implementation finds the items that scikit-learn finds."""
    scores, labels = problem(kind, shape)
    places = right_class_last_among_equals(scores, labels)
    # scikit-learn has another form for two classes; a third that never wins avoids it.
    places = np.concatenate([places, np.full((len(places), 1), -1)], axis=1)
    for k in CUTOFFS:
        got = implementation(scores, labels, k)
        wanted = 1.0
        if k < shape[1]:
            wanted = sklearn_metrics.top_k_accuracy_score(
                labels, places, k=k, labels=np.arange(places.shape[1])
            )
        assert np.isclose(got.mean(), wanted), f"k = {k}"


@pytest.mark.parametrize("kind", ["plain", "ties", "all alike", "missing"])
@pytest.mark.parametrize("shape", SHAPES)
def test_top_k_is_what_scikit_learn_finds(kind: str, shape: tuple[int, int]) -> None:
    check_top_k(top_k_accuracy, kind, shape)


def by_sorting(scores: Array, labels: Array, k: int) -> Array:
    """Ties by the order of the classes, as in most code."""
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.asarray((best == labels[:, np.newaxis]).any(axis=1), dtype=float)


def optimistic(scores: Array, labels: Array, k: int) -> Array:
    own = scores[np.arange(len(labels)), labels, np.newaxis]
    return np.asarray((scores > own).sum(axis=1) < k, dtype=float)


@pytest.mark.parametrize(
    ("broken", "kind"),
    [
        (by_sorting, "ties"),
        (by_sorting, "all alike"),
        (optimistic, "ties"),
        (optimistic, "all alike"),
        (optimistic, "missing"),
        (lambda scores, labels, k: top_k_accuracy(scores, labels, k + 1), "plain"),
        (lambda scores, labels, k: top_k_accuracy(scores, labels, max(1, k - 1)), "plain"),
        (lambda scores, labels, k: top_k_accuracy(-scores, labels, k), "plain"),
        (lambda scores, labels, k: top_k_accuracy(np.nan_to_num(scores), labels, k), "missing"),
    ],
)
def test_a_broken_top_k_is_caught(broken: Metric, kind: str) -> None:
    with pytest.raises(AssertionError, match="k = "):
        check_top_k(broken, kind, (200, 7))


def test_top_k_of_each_item() -> None:
    scores = np.array([[3, 2, 1], [3, 3, 1], [1, 1, 1], [np.nan, 0, -1], [np.nan, 0, -1]])
    labels = np.array([1, 0, 2, 0, 1])
    for k, wanted in ((1, [0, 0, 0, 0, 1]), (2, [1, 1, 0, 0, 1]), (3, [1, 1, 1, 1, 1])):
        got = top_k_accuracy(scores, labels, k)
        assert got.dtype == np.float64
        assert got.tolist() == wanted
    assert top_k_accuracy(np.empty((0, 3)), np.empty(0)).shape == (0,)


@pytest.mark.parametrize("k", [0, -1, 1.0, True, None])
def test_k_is_a_whole_number_of_at_least_one(k: Any) -> None:
    with pytest.raises(ValueError, match="k is a whole number of at least 1"):
        top_k_accuracy(np.ones((2, 3)), [0, 1], k)


def check_confusion(implementation: Metric) -> None:
    rng = np.random.default_rng(0)
    for n, classes in ((0, 2), (20, 2), (300, 5), (10, 30)):
        predicted, labels = rng.integers(0, classes, (2, n))
        got = implementation(predicted, labels, classes)
        wanted = np.zeros((classes, classes))
        if n:
            wanted = sklearn_metrics.confusion_matrix(labels, predicted, labels=range(classes))
        np.testing.assert_array_equal(got, wanted)


def test_confusion_is_that_of_scikit_learn() -> None:
    check_confusion(confusion_matrix)
    assert confusion_matrix([0, 1], [1, 1], 2).dtype == np.int64


def test_a_broken_confusion_is_caught() -> None:
    with pytest.raises(AssertionError, match="not equal"):
        check_confusion(lambda predicted, labels, c: confusion_matrix(labels, predicted, c))


def check_shares(implementation: Metric) -> None:
    """Fails unless precision, recall and F1 are those of scikit-learn, absent classes and all."""
    rng = np.random.default_rng(1)
    for n, classes in ((1, 1), (20, 2), (300, 5), (10, 30), (40, 12)):
        predicted, labels = rng.integers(0, classes, n), rng.integers(0, max(1, classes - 1), n)
        got = implementation(confusion_matrix(predicted, labels, classes))
        wanted = sklearn_metrics.precision_recall_fscore_support(
            labels, predicted, labels=range(classes), zero_division=0
        )
        for ours, theirs in zip(got, wanted[:3], strict=True):
            np.testing.assert_allclose(ours, theirs)


def shares_with_nothing_as_one(confusion: Array) -> list[Array]:
    return [np.where(share > 0, share, 1.0) for share in precision_recall_f1(confusion)]


def plain_mean_for_f1(confusion: Array) -> tuple[Array, ...]:
    precision, recall, _ = precision_recall_f1(confusion)
    return precision, recall, (precision + recall) / 2


def test_shares_are_those_of_scikit_learn() -> None:
    check_shares(precision_recall_f1)
    assert {share.dtype for share in precision_recall_f1(np.eye(3))} == {np.dtype(np.float64)}


@pytest.mark.parametrize(
    "broken",
    [
        lambda confusion: precision_recall_f1(confusion.T),
        shares_with_nothing_as_one,
        plain_mean_for_f1,
    ],
)
def test_broken_shares_are_caught(broken: Metric) -> None:
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        check_shares(broken)


def test_shares_by_hand() -> None:
    # Class 2 is never predicted, class 3 has no items, class 4 is neither.
    confusion = np.array(
        [[3, 1, 0, 0, 0], [0, 4, 0, 2, 0], [1, 1, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]]
    )
    precision, recall, f1 = precision_recall_f1(confusion)
    np.testing.assert_allclose(precision, [3 / 4, 4 / 6, 0, 0, 0])
    np.testing.assert_allclose(recall, [3 / 4, 4 / 6, 0, 0, 0])
    np.testing.assert_allclose(f1, [3 / 4, 4 / 6, 0, 0, 0])


def probabilities(shape: tuple[int, int], seed: int, steps: int | None = None) -> Array:
    """Rows that sum to one; `steps` puts them on a grid, so that many lie on edges of bins."""
    rng = np.random.default_rng(seed)
    if steps:
        return np.asarray(rng.multinomial(steps, np.ones(shape[1]) / shape[1], shape[0]) / steps)
    return np.asarray(rng.dirichlet(np.full(shape[1], 0.4), shape[0]))


def check_calibration(implementation: Metric) -> None:
    """Fails unless the error is what the bins of scikit-learn's calibration curve make it."""
    for seed, (shape, bins, steps) in enumerate(
        [((500, 4), 15, None), ((300, 2), 10, 10), ((400, 3), 5, 20), ((7, 3), 15, None)]
    ):
        chances = probabilities(shape, seed, steps)
        # Right two times in three however sure: too sure in some bins, not sure enough in others,
        # since gaps of one sign add up to the same in any bins.
        rng = np.random.default_rng(seed + 100)
        labels = np.where(
            rng.random(shape[0]) < 2 / 3,
            chances.argmax(axis=1),
            rng.integers(0, shape[1], shape[0]),
        )
        top = chances.max(axis=1)
        alone = (chances == top[:, np.newaxis]).sum(axis=1) == 1
        right = alone & (chances.argmax(axis=1) == labels)
        edges = np.linspace(0, 1, bins + 1)
        sizes = np.array([((low < top) & (top <= high)).sum() for low, high in pairwise(edges)])
        correct, sure = calibration_curve(right, top, n_bins=bins, strategy="uniform")
        wanted = (sizes[sizes > 0] / len(top)) @ np.abs(correct - sure)
        got = implementation(chances, labels, bins)
        np.testing.assert_allclose(got, wanted, rtol=1e-9)


def other_error(
    chances: Array, labels: Array, bins: int, *, lower: bool = False, ties: bool = False,
    even: bool = False, extra: int = 0, squared: bool = False,
) -> float:  # fmt: skip
    """A calibration error that is the right one unless a switch breaks one thing in it."""
    top = chances.max(axis=1)
    right = top_k_accuracy(chances, labels, 1)
    if ties:
        right = (chances.argmax(axis=1) == labels).astype(float)
    edges = np.linspace(0, 1, bins + extra + 1)
    if even:
        edges[1:-1] = np.quantile(top, edges[1:-1])
    places = np.searchsorted(edges[1:-1], top, side="right" if lower else "left")
    error = 0.0
    for place in np.unique(places):
        here = places == place
        gap = abs(top[here].mean() - right[here].mean())
        error += here.mean() * (gap**2 if squared else gap)
    return error


def test_calibration_error_by_the_bins_of_scikit_learn() -> None:
    check_calibration(expected_calibration_error)
    check_calibration(other_error)


@pytest.mark.parametrize("broken", ["lower", "ties", "even", "extra", "squared"])
def test_a_broken_calibration_error_is_caught(broken: str) -> None:
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        check_calibration(partial(other_error, **{broken: True}))


@settings(max_examples=50, derandomize=True, deadline=None)
@given(st.integers(1, 60), st.integers(1, 6), st.integers(1, 20), st.integers(0, 10_000))
def test_calibration_error_in_its_range(n: int, classes: int, bins: int, seed: int) -> None:
    chances = probabilities((n, classes), seed)
    labels = np.random.default_rng(seed).integers(0, classes, n)
    error = expected_calibration_error(chances, labels, bins)
    assert 0 <= error <= 1
    overall = abs(chances.max(axis=1).mean() - top_k_accuracy(chances, labels).mean())
    assert error >= overall - 1e-12  # more bins only ever show more
    np.testing.assert_allclose(expected_calibration_error(chances, labels, 1), overall, atol=1e-12)


def test_a_calibrated_classifier_has_almost_no_error() -> None:
    rng = np.random.default_rng(3)
    chances = probabilities((40_000, 3), 3)
    labels = (rng.random((len(chances), 1)) > chances.cumsum(axis=1)[:, :-1]).sum(axis=1)
    assert expected_calibration_error(chances, labels) < 0.01
    overconfident = chances**3 / (chances**3).sum(axis=1, keepdims=True)
    assert expected_calibration_error(overconfident, labels) > 0.05


def test_calibration_error_by_hand() -> None:
    sure = np.array([[1.0, 0.0]] * 4)
    assert expected_calibration_error(sure, [0, 0, 0, 0]) == 0
    assert expected_calibration_error(sure, [0, 0, 0, 1]) == pytest.approx(0.25)
    # Two of equal probability: no answer, so wrong for either label.
    assert expected_calibration_error([[0.5, 0.5]], [0]) == pytest.approx(0.5)
    # Rows that leave a rest for "none of these".
    assert expected_calibration_error([[0.0, 0.0]], [0]) == 0
    # 0.7 lies on the edge of the seventh of ten bins, and belongs to it.
    two = np.array([[0.7, 0.3], [0.65, 0.35]])
    assert expected_calibration_error(two, [0, 1], 10) == pytest.approx(abs(0.675 - 0.5))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 3], "from 0 to 2, got 3 at place 1"),
        ([-1, 0], "from 0 to 2, got -1 at place 0"),
        ([0.0, 1.0], "whole class numbers, got float64"),
        ([0], "one label for each item, got 1 for 2"),
        ([[0], [1]], "one-dimensional"),
    ],
)
def test_labels_are_class_numbers(labels: Any, message: str) -> None:
    for metric in (top_k_accuracy, expected_calibration_error):
        with pytest.raises(ValueError, match=message):
            metric(np.full((2, 3), 1 / 3), labels)


def test_what_makes_no_confusion_matrix() -> None:
    with pytest.raises(ValueError, match="predicted holds class numbers from 0 to 1, got 2"):
        confusion_matrix([2], [0], 2)
    with pytest.raises(ValueError, match="labels holds class numbers from 0 to 1, got -1"):
        confusion_matrix([0], [-1], 2)
    with pytest.raises(ValueError, match="one prediction for each label, got 2 for 1"):
        confusion_matrix([0, 1], [0], 2)
    with pytest.raises(ValueError, match="classes is a whole number"):
        confusion_matrix([], [], 0)
    with pytest.raises(ValueError, match="square"):
        precision_recall_f1(np.ones((2, 3)))
    with pytest.raises(ValueError, match="counts"):
        precision_recall_f1(np.array([[1, -1], [0, 1]]))


def test_what_has_no_calibration_error() -> None:
    with pytest.raises(ValueError, match="at least one item"):
        expected_calibration_error(np.empty((0, 3)), np.empty(0))
    for bad in (1.5, -0.5, np.nan):
        with pytest.raises(ValueError, match="probabilities lie in 0 to 1"):
            expected_calibration_error([[bad, 0.5]], [0])
    with pytest.raises(ValueError, match="bins is a whole number"):
        expected_calibration_error([[1.0]], [0], 0)
    with pytest.raises(ValueError, match="shape"):
        top_k_accuracy([1.0, 2.0], [0])
