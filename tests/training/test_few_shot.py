from __future__ import annotations

import math

import numpy as np
import pytest

from sensorium import load_encoder
from sensorium.tasks.classification import centred, compute_logits
from sensorium.training.calibration import fit_temperature, log_loss
from sensorium.training.few_shot import (
    ALPHAS,
    BETAS,
    fit_nearest_mean,
    fit_tip_adapter,
    fit_zero_shot,
    text_vectors,
)
from sensorium.training.fitting import Words, fit_head
from tests.training.vectors import blobs


@pytest.mark.usefixtures("full_precision")
def test_text_vectors_are_means_of_labels_and_prompts(tiny: str) -> None:
    encoder = load_encoder(tiny)
    found = text_vectors(encoder, [["cat", "red"], ["dog"]], ["{}", "a photo of {}"])
    every = encoder.encode(["cat", "a photo of cat", "red", "a photo of red"])
    first, second = every[:2].mean(axis=0), every[2:].mean(axis=0)
    mean = first / np.linalg.norm(first) + second / np.linalg.norm(second)
    np.testing.assert_allclose(found[0], mean / np.linalg.norm(mean), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)


def test_tip_adapter_is_equation_5_of_its_paper() -> None:
    vectors, labels = blobs(classes=3, count=4, dimension=10, noise=0.8)
    texts, _ = blobs(classes=3, count=1, dimension=10, seed=5)
    fitted = fit_tip_adapter(vectors, labels, texts, 0.01)
    queries, _ = blobs(classes=3, count=2, dimension=10, noise=0.8, seed=9)
    alpha, beta = fitted.settings["alpha"], fitted.settings["beta"]
    one_hot = np.eye(3)[labels]
    # f W^T, times CLIP's logit scale of 100, and alpha * exp(-beta (1 - f F^T)) L.
    expected = 100 * queries @ texts.T
    expected = expected + alpha * np.exp(-beta * (1 - queries @ vectors.T)) @ one_hot
    logits = compute_logits(fitted.arrays, fitted.settings, queries, 3)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-3)


def test_tip_adapter_chooses_by_examples_left_out() -> None:
    vectors, labels = blobs(classes=3, count=4, dimension=10, noise=0.9)
    texts, _ = blobs(classes=3, count=1, dimension=10, seed=5)
    best = (math.inf, 0.0, 0.0)
    for beta in BETAS:
        for alpha in ALPHAS:
            logits = np.empty((len(vectors), 3))
            for row in range(len(vectors)):
                others = np.arange(len(vectors)) != row
                shares = np.eye(3)[labels[others]]
                shares = shares * 4 / shares.sum(axis=0)  # each class of the same weight
                votes = np.exp(-beta * (1 - vectors[row] @ vectors[others].T)) @ shares
                logits[row] = vectors[row] @ texts.T / 0.05 + alpha * votes
            best = min(best, (fit_temperature(logits, labels)[1], alpha, beta))
    fitted = fit_tip_adapter(vectors, labels, texts, 0.05)
    assert (fitted.settings["alpha"], fitted.settings["beta"]) == best[1:]
    assert fitted.loss == pytest.approx(best[0], abs=1e-4)


def test_tip_adapter_without_use_for_examples_is_zero_shot() -> None:
    rng = np.random.default_rng(0)
    texts, _ = blobs(classes=4, count=1, dimension=30, seed=5)
    labels = np.repeat(np.arange(4), 6)
    vectors = texts[labels] + rng.normal(size=(24, 30)) * 2  # names help, neighbours do not
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    fitted = fit_tip_adapter(vectors, labels, texts, 0.05)
    assert fitted.loss <= fit_zero_shot(vectors, labels, texts, 0.05).loss + 1e-6


def test_nearest_mean_leaves_out_exactly() -> None:
    vectors, labels = blobs(classes=3, count=3, dimension=6, noise=0.9)
    logits = np.empty((len(vectors), 3))
    for row in range(len(vectors)):
        others = np.arange(len(vectors)) != row
        means = np.array([vectors[others & (labels == c)].mean(axis=0) for c in range(3)])
        centre = means.mean(axis=0)
        logits[row] = centred(means, centre) @ centred(vectors[row], centre)
    fitted = fit_nearest_mean(vectors, labels, 3)
    temperature, loss = fit_temperature(logits, labels)
    assert fitted.loss == pytest.approx(loss, abs=1e-5)
    assert fitted.temperature == pytest.approx(temperature, rel=1e-3)


def test_frequent_classes_do_not_move_the_centre() -> None:
    vectors, labels = blobs(classes=2, count=5, dimension=6)
    more = np.concatenate([vectors, np.repeat(vectors[:5], 20, axis=0)])
    more_labels = np.concatenate([labels, np.zeros(100, np.intp)])
    few, many = fit_nearest_mean(vectors, labels, 2), fit_nearest_mean(more, more_labels, 2)
    np.testing.assert_allclose(few.arrays["centre"], many.arrays["centre"], atol=1e-6)


def test_temperature_is_the_least_loss() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 4, 200)
    logits = rng.normal(size=(200, 4)) + 2 * np.eye(4)[labels]
    temperature, loss = fit_temperature(logits, labels)
    for factor in (0.9, 0.99, 1.01, 1.1):
        assert loss <= log_loss(logits, labels, factor / temperature)


def test_a_few_right_answers_make_nobody_certain() -> None:
    logits, labels = np.eye(2)[[0, 1, 0]] * 5, np.array([0, 1, 0])
    temperature, _ = fit_temperature(logits, labels)
    chance = 1 / (1 + math.exp(-5 / temperature))
    assert chance == pytest.approx(4 / 5, abs=1e-3)  # Platt: (n + 1) / (n + 2)


def test_auto_takes_the_least_loss_and_says_so() -> None:
    vectors, labels = blobs(classes=3, count=8, dimension=10, noise=0.5)
    texts, _ = blobs(classes=3, count=1, dimension=10, seed=5)
    words = Words(texts, 0.05)
    method, fitted, reason = fit_head("auto", vectors, labels, 3, words)
    for name in ("nearest-mean", "tip-adapter", "linear-probe"):
        assert fitted.loss <= fit_head(name, vectors, labels, 3, words)[1].loss
        assert name in reason
    assert method in reason
    with_one = fit_head("auto", vectors[::8], labels[::8], 3, words)
    assert with_one[0] == "tip-adapter" and "one example" in with_one[2]
    assert fit_head("auto", vectors, labels, 3, None)[0] in ("nearest-mean", "linear-probe")
