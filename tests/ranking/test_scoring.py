"""What a score is, for each way of searching."""

from __future__ import annotations

import pytest

from sensorium.ranking.scale import Scale, Spread
from sensorium.ranking.scoring import Match, Neighbour, Ranked, rank, rank_by_parts


def test_neighbours_are_ranked_by_their_cosines() -> None:
    """Not by the order that an approximate index gave them; of equal ones the first added leads."""
    near = [
        Neighbour(5, 50, 0.4, "image"), Neighbour(9, 90, 0.7, "image"),
        Neighbour(3, 30, 0.4, "image"),
    ]  # fmt: skip
    assert rank(near) == [Ranked(90, 0.7, 9), Ranked(30, 0.4, 3), Ranked(50, 0.4, 5)]
    assert rank([]) == []


def test_several_modalities_are_on_one_scale() -> None:
    """A picture that stands out from pictures comes before a text that does not from texts."""
    scale = Scale({"text": Spread(0.6, 0.1), "image": Spread(0.1, 0.02)}, ("text", "image"))
    ranked = rank([Neighbour(1, 1, 0.65, "text"), Neighbour(2, 2, 0.14, "image")], scale=scale)
    assert [result.item for result in ranked] == [2, 1]
    assert [result.score for result in ranked] == pytest.approx([0.8, 0.65])


def test_words_keep_their_scores() -> None:
    assert rank(matches=[Match(2, 7.5, 20), Match(1, 3.0)]) == [
        Ranked(2, 7.5, None, 20),
        Ranked(1, 3.0, None, None),
    ]


def test_a_query_of_several_parts_is_the_mean_of_them() -> None:
    """What has all of it comes before what has one part of it; what is in no line has its end."""
    scale = Scale()
    first = [Neighbour(1, 10, 1.0, "image"), Neighbour(5, 20, 1.0, "image")]
    second = [Neighbour(2, 10, 1.0, "image"), Neighbour(9, 30, 0.5, "image")]
    ranked = rank_by_parts([first, second], [scale, scale], depth=2)
    assert ranked == [Ranked(10, 1.0, 1), Ranked(20, 0.75, 5), Ranked(30, 0.75, 9)]
    ranked = rank_by_parts([first, second], [scale, scale], depth=5)
    assert ranked == [Ranked(10, 1.0, 1), Ranked(20, 0.5, 5), Ranked(30, 0.25, 9)]
