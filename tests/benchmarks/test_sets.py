"""The figures of label sets and of "none": right on answers that can be counted by hand."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from benchmarks.sets import _reached, abstaining, label_sets


def means(figures: object) -> dict[tuple[str, str], float]:
    found = defaultdict(list)
    for system, metric, value in figures:  # type: ignore[attr-defined]
        found[system, metric].append(value)
    return {name: float(np.mean(values)) for name, values in found.items()}


def test_what_is_reached_with_each_label() -> None:
    given = np.array([[0.2, 0.5, 0.3], [0.25, 0.25, 0.5]])
    np.testing.assert_allclose(_reached(given), [[1.0, 0.5, 0.8], [0.75, 1.0, 0.5]])


def test_label_sets_of_a_classifier_that_is_half_right() -> None:
    """It says 0.6 for one of two labels, and is right in half: only both labels cover 0.9."""
    given = np.array([[0.6, 0.4]] * 200)
    truths = np.array([0, 1] * 100)
    found = means(label_sets(given, truths, 30, 20))
    assert found["ours", "coverage"] == 1 and found["ours", "labels in a set"] == 2
    assert abs(found["first label", "coverage"] - 0.5) < 0.02
    assert found["softmax up to 0.9", "labels in a set"] == 2


def test_none_is_told_where_names_fit_their_pictures_alone() -> None:
    alone = np.full((40, 40), 0.1) + 0.85 * np.eye(40)
    found = means(abstaining(alone, alone, 0.01, 5, 10))
    assert found["ours", "ROC area"] == found["largest cosine", "ROC area"] == 1
    assert found["ours", "right"] == 1
    assert found["ours", "log loss"] < 0.5
