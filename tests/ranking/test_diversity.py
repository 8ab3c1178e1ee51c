"""Rankings in which not everything is the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.errors import UsageError
from sensorium.ranking.diversity import POOL, diversified, folded, require_diversity


def ranking(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(count, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.sort(rng.normal(size=count))[::-1], vectors


def plainly(scores: np.ndarray, vectors: np.ndarray, diversity: float) -> list[int]:
    """Maximal marginal relevance as the paper writes it, of one pool."""
    relevance = (scores - scores.min()) / (scores.max() - scores.min())
    cosines = vectors.astype(float) @ vectors.T.astype(float)
    pairs = [cosines[i, j] for i in range(len(scores)) for j in range(i)]
    common = np.median(pairs)
    chosen: list[int] = []
    while len(chosen) < len(scores):
        rest = [n for n in range(len(scores)) if n not in chosen]
        gains = [
            (1 - diversity) * relevance[n]
            - diversity
            * max([max(cosines[n, c] - common, 0) / (1 - common) for c in chosen] or [0])
            for n in rest
        ]
        chosen.append(rest[int(np.argmax(np.round(gains, 9)))])
    return chosen


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32), st.integers(3, 30), st.floats(0, 1))
def test_as_the_paper_writes_it(seed: int, count: int, diversity: float) -> None:
    scores, vectors = ranking(seed, count)
    found = diversified(scores, vectors, diversity).tolist()
    assert sorted(found) == [*range(count)]
    if diversity in (0.0, 0.25, 0.5):
        assert found == plainly(scores, vectors, diversity)


@pytest.mark.parametrize("diversity", [0.1, 0.5, 0.9])
def test_against_a_plain_loop(diversity: float) -> None:
    for seed in range(5):
        scores, vectors = ranking(seed, 20)
        assert diversified(scores, vectors, diversity).tolist() == plainly(
            scores, vectors, diversity
        )


def test_its_ends() -> None:
    scores, vectors = ranking(1, 3 * POOL + 7)
    assert diversified(scores, vectors, 0.0).tolist() == [*range(len(scores))]
    order = diversified(scores, vectors, 0.7)
    for start in range(0, len(scores), POOL):  # what is further down comes later
        assert sorted(order[start : start + POOL]) == [*range(start, min(start + POOL, len(order)))]
    assert diversified(np.zeros(0), np.zeros((0, 8), np.float32), 0.5).tolist() == []
    assert diversified(np.ones(1), np.ones((1, 1), np.float32), 1.0).tolist() == [0]


def test_a_double_waits_for_something_else() -> None:
    """Of a cat, its copy and a dog that is nearly as good, the dog is second."""
    vectors = np.array([[1, 0], [1, 0], [0.6, 0.8], [0, 1]], np.float32)
    scores = np.array([0.9, 0.89, 0.8, 0.1])
    assert diversified(scores, vectors, 0.5).tolist()[:2] == [0, 2]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 5), max_size=30), st.integers(1, 8))
def test_pages_of_folded_rankings(kinds: list[int], wanted: int) -> None:
    """The first groups are the same however many are wanted, and nothing is left out."""

    def double_of(place: int, firsts: list[int]) -> int | None:
        return next((first for first in firsts if kinds[first] == kinds[place]), None)

    whole = folded(len(kinds), len(kinds), double_of)
    assert sorted(place for group in whole for place in group) == [*range(len(kinds))]
    assert all(len({kinds[place] for place in group}) == 1 for group in whole)
    assert folded(len(kinds), wanted, double_of) == whole[:wanted]


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), "much", True, None])
def test_what_is_no_share(value: object) -> None:
    with pytest.raises(UsageError, match="diversity"):
        require_diversity(value)
