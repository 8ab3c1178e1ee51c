from __future__ import annotations

import numpy as np
import pytest

from sensorium.tasks.classification import compute_logits
from sensorium.training.linear import Ridge
from sensorium.training.linear_probe import (
    PENALTIES,
    fit_logistic,
    fit_ridge,
)
from tests.training.vectors import blobs


def test_penalty_is_the_one_of_least_left_out_loss() -> None:
    vectors, labels = blobs(classes=3, count=8, dimension=20, noise=0.8)
    from sensorium.training.calibration import fit_temperature

    ridge = Ridge.of(vectors, np.eye(3)[labels])
    losses = {p: fit_temperature(ridge.left_out(p), labels)[1] for p in PENALTIES}
    fitted = fit_ridge(vectors, labels, 3)
    assert fitted.settings["penalty"] == min(losses, key=lambda p: losses[p])
    assert fitted.loss == min(losses.values())


def test_more_noise_is_less_certain() -> None:
    temperatures = []
    for noise in (0.1, 1.5):
        vectors, labels = blobs(classes=3, count=10, dimension=8, noise=noise)
        fitted = fit_ridge(vectors, labels, 3)
        logits = compute_logits(fitted.arrays, fitted.settings, vectors, 3)
        spread = np.ptp(logits, axis=1).mean()
        temperatures.append(fitted.temperature / spread)
    assert temperatures[0] < temperatures[1]


def test_logistic_regression_calibrates_and_separates() -> None:
    pytest.importorskip("scipy")
    vectors, labels = blobs(classes=3, count=10, dimension=6)
    fitted = fit_logistic(vectors, labels, 3)
    logits = compute_logits(fitted.arrays, fitted.settings, vectors, 3)
    assert (logits.argmax(axis=1) == labels).all()
    assert fitted.settings["solver"] == "lbfgs" and fitted.temperature > 0


@pytest.mark.parametrize("fit", [fit_ridge, fit_logistic])
def test_one_example_a_class_says_that_nothing_was_chosen(fit: object) -> None:
    pytest.importorskip("scipy")
    vectors, labels = blobs(classes=4, count=1, dimension=6)
    fitted = fit(vectors, labels, 4)  # type: ignore[operator]
    assert "defaults" in fitted.note and np.isnan(fitted.loss)
    logits = compute_logits(fitted.arrays, fitted.settings, vectors, 4)
    assert (logits.argmax(axis=1) == labels).all()


def test_equal_vectors_of_two_classes_are_undecided() -> None:
    vectors = np.ones((6, 3), np.float32) / np.sqrt(3, dtype=np.float32)
    fitted = fit_ridge(vectors, np.array([0, 0, 0, 1, 1, 1]), 2)
    logits = compute_logits(fitted.arrays, fitted.settings, vectors, 2)
    np.testing.assert_allclose(logits[:, 0], logits[:, 1], atol=1e-6)
