"""The figures of yes/no questions: right on answers that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.yes_no import calibration_error, figures, roc_area
from benchmarks.yes_no_cases import Question


def test_roc_area_counts_pairs() -> None:
    fits, fails = np.array([0.9, 0.5, 0.1]), np.array([0.5, 0.2])
    # 0.9 beats both, 0.5 beats one and ties with one, 0.1 beats none: 3.5 of 6.
    assert roc_area(fits, fails) == pytest.approx(3.5 / 6)
    assert roc_area(fails, fails) == 0.5


def test_calibration_error_is_the_distance_of_bins() -> None:
    chance, fits = np.array([0.95, 0.95, 0.25, 0.25]), np.array([1, 0, 0, 0])
    weight = np.full(4, 0.25)
    # Half of the examples are promised at 0.95 and right in 0.5, half at 0.25 and right in 0.
    assert calibration_error(chance, fits, weight) == pytest.approx(0.5 * 0.45 + 0.5 * 0.25)


def test_each_label_counts_the_same_and_both_sides_alike() -> None:
    def rows(*numbers: int) -> np.ndarray:
        return np.array(numbers, np.intp)

    asked = [
        Question("a", fits=rows(0), fails=rows(1, 2, 3), akin=rows(1)),
        Question("b", fits=rows(1, 2), fails=rows(3), akin=rows()),
    ]
    probabilities = np.array([[0.9, 0.5], [0.8, 0.9], [0.1, 0.5], [0.1, 0.1]])
    found = figures(asked, probabilities)
    assert found["ROC area"] == found["ROC area, of the same kind"] == 1
    # "yes": a fits (1/4), a fails once (1/12), b fits once (1/8).
    assert found['"yes": right'] == pytest.approx((1 / 4 + 1 / 8) / (1 / 4 + 1 / 12 + 1 / 8))
    assert found['"no": right'] == 1
    assert found['"cannot tell"'] == pytest.approx(1 / 8)
