"""What holds of all boxes: overlaps are symmetric shares, and what is left overlaps little."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sensorium.tasks.boxes.overlap import areas, best_apart, overlaps, shared_areas, within

corners = arrays(np.float64, st.tuples(st.integers(0, 12), st.just(4)),
                 elements=st.floats(-0.5, 1.5, width=32))  # fmt: skip


@given(corners, corners)
def test_overlaps_are_shares_and_symmetric(some: np.ndarray, others: np.ndarray) -> None:
    found = overlaps(some, others)
    assert found.shape == (len(some), len(others))
    assert ((found >= 0) & (found <= 1 + 1e-9)).all()
    assert np.allclose(found, overlaps(others, some).T)
    assert (shared_areas(some, others) <= areas(some)[:, None] + 1e-9).all()


@given(corners, st.floats(0, 0.9))
def test_what_is_left_is_apart_and_stands_for_all(boxes: np.ndarray, most: float) -> None:
    scores = np.arange(len(boxes)) % 5 / 5
    kept = best_apart(boxes, scores, most)
    assert (np.diff(scores[kept]) <= 0).all()
    among = overlaps(boxes[kept], boxes[kept]) - np.eye(len(kept))
    assert (among <= most + 1e-9).all() or not len(kept)
    for row in {*range(len(boxes))} - {*kept.tolist()}:  # a better one stands for it
        better = kept[scores[kept] >= scores[row]]
        assert (overlaps(boxes[[row]], boxes[better])[0] > most).any()
    assert len(best_apart(boxes, scores, most, 2)) == min(2, len(kept))


def test_a_box_is_itself() -> None:
    boxes = np.array([[0.1, 0.2, 0.5, 0.9], [0.0, 0.0, 1.0, 1.0]])
    assert np.allclose(np.diag(overlaps(boxes, boxes)), 1)
    assert np.isclose(overlaps(boxes[:1], boxes[1:])[0, 0], 0.4 * 0.7)
    assert within([(-1, 0.5, 2, 0.7)]).tolist() == [[0, 0.5, 1, 0.7]]
