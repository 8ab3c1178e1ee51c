from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.index.exact import RECENT, ExactIndex, top_k


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def by_sorting(
    vectors: np.ndarray, query: np.ndarray, k: int, allowed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    rows = np.flatnonzero(allowed)
    scores = (vectors[rows].astype(np.float64) * query).sum(axis=1).astype(np.float32)
    order = np.argsort(-scores, kind="stable")[:k]
    return rows[order], scores[order]


@settings(max_examples=150, derandomize=True, deadline=None)
@given(
    n=st.integers(0, 300),
    different=st.integers(1, 20),
    k=st.integers(1, 400),
    dimension=st.sampled_from([1, 3, 16, 48, 511]),
    seed=st.integers(0, 1000),
    share=st.floats(0, 1),
)
def test_same_as_sorting_everything(
    n: int, different: int, k: int, dimension: int, seed: int, share: float
) -> None:
    rng = np.random.default_rng(seed)
    # Many equal vectors, so that ties are the rule; others are far from each other or opposite.
    pool = unit(rng.normal(size=(different, dimension)))
    vectors = pool[rng.integers(0, different, n)]
    query = unit(rng.normal(size=dimension))
    allowed = rng.random(n) < share
    rows, scores = top_k(vectors, query, k, allowed)
    wanted_rows, wanted_scores = by_sorting(vectors, query, k, allowed)
    np.testing.assert_array_equal(rows, wanted_rows)
    np.testing.assert_allclose(scores, wanted_scores, atol=1e-6)


@pytest.mark.parametrize("n", [5, 33, 1000, 4099, 9000])
@pytest.mark.parametrize("dimension", [48, 383, 512])
def test_equal_vectors_have_equal_scores_in_order(n: int, dimension: int) -> None:
    rng = np.random.default_rng(0)
    vector, query = unit(rng.normal(size=(2, dimension)))
    for k in (1, n // 2, n, 2 * n):
        rows, scores = top_k(np.tile(vector, (n, 1)), query, k, np.ones(n, bool))
        assert rows.tolist() == list(range(min(k, n)))
        assert len(np.unique(scores)) == 1


def test_the_score_of_a_row_does_not_depend_on_its_place() -> None:
    rng = np.random.default_rng(1)
    vectors, query = unit(rng.normal(size=(100, 48))), unit(rng.normal(size=48))
    rows, scores = top_k(vectors, query, 100, np.ones(100, bool))
    for row, score in zip(rows, scores, strict=True):
        alone = top_k(vectors[row : row + 1], query, 1, np.ones(1, bool))
        assert alone[1][0] == score


def test_nothing_stored_and_nothing_allowed() -> None:
    query = unit(np.ones(4))
    for n in (0, 3):
        rows, scores = top_k(np.tile(query, (n, 1)), query, 5, np.zeros(n, bool))
        assert rows.shape == scores.shape == (0,)


def test_a_cosine_is_at_most_one() -> None:
    vectors = unit(np.random.default_rng(2).normal(size=(500, 512)))
    for vector in vectors[:50]:
        _, scores = top_k(vectors, vector, 500, np.ones(500, bool))
        assert scores.max() <= 1


@settings(max_examples=150, derandomize=True, deadline=None)
@given(
    n=st.integers(0, 300),
    different=st.integers(1, 300),
    k=st.integers(1, 400),
    skip=st.integers(0, 350),
    seed=st.integers(0, 1000),
    share=st.none() | st.floats(0, 1),
)
def test_what_is_passed_over_changes_nothing(
    n: int, different: int, k: int, skip: int, seed: int, share: float | None
) -> None:
    rng = np.random.default_rng(seed)
    pool = unit(rng.normal(size=(different, 24)))
    index = ExactIndex(pool[rng.integers(0, different, n)])
    query = unit(rng.normal(size=(1, 24)))
    allowed = None if share is None else rng.random(n) < share
    whole = index.search(query, skip + k, allowed)
    page = index.search(query, k, allowed, skip=skip)
    np.testing.assert_array_equal(page.rows[0], whole.rows[0, skip:])
    np.testing.assert_array_equal(page.scores[0], whole.scores[0, skip:])


def test_further_pages_need_no_product() -> None:
    rng = np.random.default_rng(4)
    index = ExactIndex(unit(rng.normal(size=(50, 24))))
    queries = unit(rng.normal(size=(RECENT + 1, 24)))
    first = [index.search(query[None], 5) for query in queries]
    asked: list[np.ndarray] = []
    product = index._together
    index._together = lambda vector: (asked.append(vector), product(vector))[1]  # type: ignore[assignment]
    for query, found in zip(queries[::-1], first[::-1], strict=True):
        again = index.search(query[None], 5)
        np.testing.assert_array_equal(again.rows, found.rows)
        np.testing.assert_array_equal(again.scores, found.scores)
    np.testing.assert_array_equal(asked, queries[:1])  # the oldest was forgotten
