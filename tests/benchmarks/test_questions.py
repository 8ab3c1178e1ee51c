"""Rivals and cases of the benchmarks of questions with parts, and of judgements."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.feedback import regression, rocchio
from benchmarks.question_cases import _left
from benchmarks.questions import by_ranks, rclip
from benchmarks.yes_no_cases import Question
from sensorium import Part

E = np.eye(4, dtype=np.float32)


def test_rclip_adds_unit_vectors_by_their_weights_and_takes_the_others_off() -> None:
    parts = [Part(E[0], 0.5), Part(E[1]), Part(E[2], -2)]
    assert rclip(E, parts).tolist() == [0.5, 1.0, -2.0, 0.0]


def test_ranks_count_by_their_reciprocals() -> None:
    vectors = np.array([[0.9, 0.1], [0.5, 0.5], [0.1, 0.9]], np.float32)
    parts = [Part(np.array([1, 0], np.float32)), Part(np.array([0, 1], np.float32), -1)]
    assert by_ranks(vectors, parts) == pytest.approx([1 / 61 - 1 / 63, 0, 1 / 63 - 1 / 61])


def test_what_fits_both_is_unwanted_and_what_nobody_knows_takes_no_part() -> None:
    rows = [np.array(n, np.intp) for n in ([0, 1, 2, 3], [4, 5], [1, 2], [0, 4])]
    animal = Question("animal", rows[0], rows[1], rows[1][:0])
    bird = Question("bird", rows[2], rows[3], rows[1][:0])
    fits, unwanted, passed_over = _left(animal, bird, 7, used=[2])
    assert (fits.tolist(), unwanted.tolist()) == ([0], [1])
    assert passed_over.tolist() == [
        2,
        3,
        6,
    ]  # asked with; no word whether 3 is a bird; 6 is unknown


@pytest.mark.parametrize("learn", [rocchio, regression])
def test_learners_go_to_what_was_relevant(learn) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(0)
    groups = np.repeat(E[:2], 20, axis=0) + 0.05 * rng.normal(size=(40, 4))
    vectors = (groups / np.linalg.norm(groups, axis=1, keepdims=True)).astype(np.float32)
    query = (E[0] + E[1]) / np.float32(2**0.5)
    scores = learn(vectors, query, np.array([0, 20]), np.array([False, True]))
    assert scores[20:].min() > scores[:20].max()
