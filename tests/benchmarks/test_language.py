"""Measures of the benchmark of answers and summaries."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from benchmarks import language
from benchmarks.language_cases import QUESTIONS, exact, f1, split


def test_answers_are_compared_as_squad_does() -> None:
    answers = ("the Inca Empire", "Inca Empire")
    assert exact("The Inca empire.", answers) == 1 and exact("Inca", answers) == 0
    assert f1("Inca", answers) == pytest.approx(2 / 3) and f1("Rome", answers) == 0


def test_questions_are_enough_and_apart() -> None:
    lines = [line.split("|") for line in QUESTIONS.read_text("utf-8").splitlines()
             if not line.startswith("#")]  # fmt: skip
    assert all(len(line) == 3 for line in lines)
    assert sum(bool(line[2].strip()) for line in lines) >= 120
    assert sum(not line[2].strip() for line in lines) >= 60
    names = [line[0].strip() for line in lines]
    val, test = (split(list(set(names)), which) for which in ("val", "test"))
    assert not {*val} & {*test} and {*val} | {*test} == {*names}


def test_the_area_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    scores, positive = rng.integers(0, 9, 80).astype(float), rng.random(80) < 0.4
    weights = rng.integers(0, 4, 80)
    expected = roc_auc_score(positive, scores, sample_weight=weights)
    assert language.area((scores, positive), weights) == pytest.approx(expected)


def test_divergence() -> None:
    assert language.divergence(["a", "b"], ["b", "a", "b", "a"]) == pytest.approx(0)
    assert language.divergence(["a"], ["b"]) == pytest.approx(1)
    assert 0 < language.divergence(["a", "b"], ["b", "c"]) < 1


def test_rivals_choose() -> None:
    alike = np.array([[1, 0.9, 0.1], [0.9, 1, 0.1], [0.1, 0.1, 1.0]])
    assert {*language.text_rank(alike, 2)} == {0, 1}
    assert {*language.mmr(alike, 2)} in ({0, 2}, {1, 2})
