"""What several parts of one question say of an item."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.ranking.parts import (
    FOUND,
    WORDS_WORTH,
    contributions,
    fuse,
    of_items,
    standing_out,
    usual_of,
    worth_of_words,
)
from sensorium.ranking.scale import Scale, Spread
from sensorium.ranking.scoring import Match

NAN = float("nan")


def test_cosines_of_each_modality_are_compared_with_chance() -> None:
    """A cosine of 0.3 is much from a word to a picture and nothing from a picture to a picture."""
    word = Scale({"image": Spread(0.1, 0.05)}, ("image",))
    picture = Scale({"image": Spread(0.3, 0.2), "text": Spread(0, 1)}, ("image", "text"))
    cosines = np.array([[0.3, 0.3], [0.1, 0.7]], np.float32)
    found = standing_out(cosines, np.array([0, 1], np.uint8), ("image", "text"), [word, picture])
    assert found[0] == pytest.approx([4, 0], abs=1e-5)
    assert np.isnan(found[1, 0])  # no sound can be compared with this one
    assert found[1, 1] == pytest.approx(0.7)
    alone = standing_out(cosines, None, ("image",), [word, picture])
    assert alone == pytest.approx(np.array([[4, 0], [0, 2]]), abs=1e-5)


def test_a_film_has_what_its_best_scene_has() -> None:
    """And of a film that is asked with, every scene counts as much."""
    segments = np.array([[1, 5], [4, 2], [0, 0], [NAN, 3]], np.float32)
    assert of_items(segments, np.array([0, 2])).tolist() == [4.5, 1.5]
    assert of_items(segments[:, :1], np.array([0, 2])).tolist() == [4, 0]
    assert of_items(np.array([[NAN]], np.float32), np.array([0])) == pytest.approx(
        [NAN], nan_ok=True
    )
    assert len(of_items(np.empty((0, 1), np.float32), np.empty(0, np.intp))) == 0


def test_wanted_parts_are_averaged_by_weight() -> None:
    evidence = np.array([[3.0, 0.0], [0.0, 3.0], [2.0, 2.0]])
    assert fuse(evidence, [1, 1]).tolist() == [1.5, 1.5, 2.0]
    assert fuse(evidence, [2, 1]) == pytest.approx([2, 1, 2])
    # Only their proportion counts.
    assert fuse(evidence, [4, 2]) == pytest.approx(fuse(evidence, [2, 1]))


def test_what_cannot_be_compared_is_as_by_chance_or_left_out() -> None:
    evidence = np.array([[NAN, 3.0], [NAN, NAN], [1.0, NAN]])
    assert fuse(evidence, [1, 1]).tolist() == [1.5, -np.inf, 0.5]
    assert fuse(evidence, [1, -1]).tolist()[:2] == [-np.inf, -np.inf]


def test_the_unwanted_goes_behind() -> None:
    """The best of all is a dog: it is behind the other animals, and still before what is none."""
    animals = np.array([[4.2, 5.0], [4.0, 1.0], [3.9, 1.2], [3.8, 0.9], [0.0, 0.0]])
    order = np.argsort(-fuse(animals, [1, -1]))
    assert order.tolist() == [1, 2, 3, 0, 4]
    assert np.argsort(-fuse(animals[:, :1], [1])).tolist() == [0, 1, 2, 3, 4]


def test_where_most_is_unwanted_it_still_goes_behind() -> None:
    """It does not stand out among its like by their own deviation."""
    dogs = np.tile([4.5, 6.0], (12, 1))
    cats = np.tile([4.0, 1.0], (10, 1))
    scores = fuse(np.concatenate([dogs, cats]), [1, -1])
    assert scores[12:].min() > scores[:12].max()


@given(
    st.lists(st.tuples(*[st.floats(-8, 8, width=32)] * 3), min_size=1, max_size=3 * FOUND),
    st.tuples(st.floats(0.1, 10), st.floats(0.1, 10), st.floats(0.1, 10)),
)
def test_more_of_the_wanted_is_never_worse(
    rows: list[tuple[float, float, float]], weights: tuple[float, float, float]
) -> None:
    """Of two items that have as much of what is not wanted, the one that has more is before."""
    evidence = np.array(rows)
    scores = fuse(evidence, [weights[0], weights[1], -weights[2]])
    assert np.isfinite(scores).all()
    wanted = evidence[:, :2] @ weights[:2] / sum(weights[:2])
    assert (scores <= wanted + 1e-9).all()
    alike = np.column_stack([evidence[:, :2], np.ones(len(rows))])  # says nothing
    assert np.allclose(fuse(alike, [*weights[:2], -weights[2]]), wanted)
    again = fuse(evidence[::-1], [weights[0], weights[1], -weights[2]])[::-1]
    if len(rows) <= FOUND:
        assert np.allclose(scores, again)  # the order of adding says nothing


def test_words_count_by_their_share_of_the_best() -> None:
    assert worth_of_words([Match(7, 8.0), Match(3, 2.0)]) == {7: WORDS_WORTH, 3: WORDS_WORTH / 4}
    assert worth_of_words([]) == {}


def test_what_parts_add_sums_to_the_score() -> None:
    evidence = np.random.default_rng(0).normal(1, 1.5, (80, 4))
    evidence[3, 0] = NAN
    weights = [2, 0.5, -1, -0.3]
    added = contributions(evidence, weights, usual_of(evidence, weights))
    assert np.allclose(added.sum(axis=1), fuse(evidence, weights))
    assert added[3, 0] == 0 and (added[:, 2:] <= 0).all() and (added[:, 2:] < 0).any()
    assert np.allclose(
        contributions(evidence[:, :2], [3, 1], None).sum(axis=1), fuse(evidence[:, :2], [3, 1])
    )
