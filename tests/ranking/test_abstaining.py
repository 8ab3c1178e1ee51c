"""When a collection says that it has nothing of what is asked."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sensorium.ranking.abstaining import Ordinary, nothing_matches

chances = st.floats(0, 1)
standings = st.none() | st.floats(-20, 20)


@given(chances, chances, standings)
def test_a_better_hit_is_no_reason_to_abstain(one: float, other: float, standing: float) -> None:
    if nothing_matches(max(one, other), standing):
        assert nothing_matches(min(one, other), standing)


def test_sure_hits_match_and_hopeless_ones_do_not() -> None:
    assert not nothing_matches(0.9) and not nothing_matches(0.9, 1.0)
    assert nothing_matches(0.005) and nothing_matches(0.005, 0.5)
    assert not nothing_matches(None)  # nothing can be said
    # The same hit, of which ordinary words say more, or less, than the question does.
    assert (
        nothing_matches(0.05, 0.0)
        and not nothing_matches(0.5, -9.0)
        and not nothing_matches(0.05, 6.0)
    )


def test_standing_is_above_ordinary_words() -> None:
    rng = np.random.default_rng(0)
    words = rng.normal(size=(50, 8)).astype(np.float32)
    segments = rng.normal(size=(30, 8)).astype(np.float32)
    ordinary = Ordinary.of(words, segments)
    hit = segments[0]
    seen = [ordinary.standing(word, hit) for word in words]
    assert np.isclose(np.mean(seen), 0, atol=1e-4) and np.isclose(np.std(seen), 1, atol=1e-4)
    assert ordinary.standing(words[0], segments.mean(axis=0, dtype=np.float64)) is None
