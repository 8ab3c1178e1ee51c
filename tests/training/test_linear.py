"""Linear models that are solved, against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.linear_model import Ridge as SklearnRidge

from sensorium.training.linear import Ridge, minimise_log_loss
from tests.training.vectors import blobs


@pytest.mark.parametrize("penalty", [1e-3, 0.1, 10.0])
@pytest.mark.parametrize("dimension", [4, 40])
def test_leaving_out_by_formula_equals_fitting_without(penalty: float, dimension: int) -> None:
    vectors, labels = blobs(classes=3, count=5, dimension=dimension)
    targets = np.eye(3)[labels]
    by_formula = Ridge.of(vectors, targets).left_out(penalty)
    for row in range(len(vectors)):
        others = np.arange(len(vectors)) != row
        weights, bias = Ridge.of(vectors[others], targets[others]).solve(penalty)
        np.testing.assert_allclose(by_formula[row], weights @ vectors[row] + bias, atol=1e-6)


def test_ridge_is_scikit_learns() -> None:
    vectors, labels = blobs(classes=4, count=6, dimension=12)
    targets = np.eye(4)[labels]
    weights, bias = Ridge.of(vectors, targets).solve(0.5)
    theirs = SklearnRidge(alpha=0.5).fit(vectors.astype(np.float64), targets)
    np.testing.assert_allclose(weights, theirs.coef_, atol=1e-7)
    np.testing.assert_allclose(bias, theirs.intercept_, atol=1e-7)


def test_logistic_regression_is_scikit_learns() -> None:
    pytest.importorskip("scipy")
    vectors, labels = blobs(classes=3, count=10, dimension=6, noise=0.6)
    points, penalty = vectors.astype(np.float64), 0.01
    ours = minimise_log_loss(points, labels, 3, penalty, np.zeros((3, 7)))
    # Theirs: C * sum of losses + half the squares; ours: mean loss + penalty * squares.
    theirs = LogisticRegression(C=1 / (2 * penalty * len(points)), tol=1e-10, max_iter=5000)
    theirs.fit(points, labels)
    np.testing.assert_allclose(ours[:, :-1], theirs.coef_, atol=2e-3)


@pytest.mark.parametrize("penalty", [1e-5, 1e-2])
def test_weights_and_precision_lead_to_scikit_learns_solution(penalty: float) -> None:
    pytest.importorskip("scipy")
    vectors, labels = blobs(classes=3, count=12, dimension=6, noise=0.9)
    points, weights = vectors.astype(np.float64), np.linspace(0.5, 3, 36)
    start = np.zeros((3, 7))
    ours = minimise_log_loss(points, labels, 3, penalty, start, weights=weights, precision=1e-10)
    theirs = LogisticRegression(C=1 / (2 * penalty * weights.sum()), tol=1e-10, max_iter=5000)
    theirs.fit(points, labels, sample_weight=weights)
    scale = np.abs(theirs.coef_).max()
    np.testing.assert_allclose(ours[:, :-1], theirs.coef_, atol=5e-3 * scale)
