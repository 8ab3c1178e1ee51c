"""Threads that come together get what each would get alone."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from sensorium.index.exact import ExactIndex
from sensorium.index.together import Together, asking, products_of


class Watched(np.ndarray[Any, Any]):
    """A matrix that takes its time, and notes how many vectors it is multiplied with."""

    asked: list[int]
    go: threading.Event

    def __matmul__(self, other: Any) -> Any:
        self.asked.append(1)
        assert self.go.wait(60)
        return np.asarray(self) @ np.asarray(other)

    def __rmatmul__(self, other: Any) -> Any:
        self.asked.append(len(other))
        return np.asarray(other) @ np.asarray(self)

    def __array_finalize__(self, made_from: Any) -> None:
        self.asked = getattr(made_from, "asked", [])
        self.go = getattr(made_from, "go", threading.Event())


def unit(rng: np.random.Generator, n: int, d: int = 16) -> np.ndarray[Any, Any]:
    rows = rng.normal(size=(n, d)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_what_waits_is_computed_at_once() -> None:
    rng = np.random.default_rng(0)
    matrix, vectors = unit(rng, 500), unit(rng, 12)
    watched = matrix.view(Watched)
    together = Together(watched)
    with ThreadPoolExecutor(12) as threads:
        first = threads.submit(together, vectors[0])
        while not watched.asked:
            time.sleep(0.001)
        others = [threads.submit(together, vector) for vector in vectors[1:]]
        while len(together._waiting) < 11:
            time.sleep(0.001)
        watched.go.set()
        found = [one.result() for one in (first, *others)]
    assert watched.asked == [1, 11]
    np.testing.assert_allclose(found, vectors @ matrix.T, atol=1e-6)


def test_alone_it_is_the_product() -> None:
    rng = np.random.default_rng(1)
    matrix, vector = unit(rng, 300), unit(rng, 1)[0]
    assert np.array_equal(Together(matrix)(vector), matrix @ vector)


def test_a_fault_reaches_everybody() -> None:
    rng = np.random.default_rng(2)
    watched = unit(rng, 10).view(Watched)
    together = Together(watched)
    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(together, unit(rng, 1)[0])
        while not watched.asked:
            time.sleep(0.001)
        others = [threads.submit(together, unit(rng, 1, 7)[0]) for _ in range(2)]
        while len(together._waiting) < 2:
            time.sleep(0.001)
        watched.go.set()
        assert first.result().shape == (10,)
        for one in others:
            with pytest.raises(ValueError, match="mismatch"):
                one.result()


def test_many_threads_search_alike() -> None:
    """Rows and cosines are those of one thread, to the last bit."""
    rng = np.random.default_rng(3)
    index, queries = ExactIndex(unit(rng, 3000, 64)), unit(rng, 200, 64)
    alone = [index.search(query[None], 10) for query in queries]
    with ThreadPoolExecutor(16) as threads:
        found = list(threads.map(lambda query: index.search(query[None], 10), queries))
    for one, other in zip(alone, found, strict=True):
        assert np.array_equal(one.rows, other.rows) and np.array_equal(one.scores, other.scores)


@pytest.mark.parametrize("size", [1, 7, 500, 5000])
def test_blocks_are_the_product(size: int) -> None:
    rng = np.random.default_rng(size)
    matrix = unit(rng, size, 64)
    for count in (1, 2, 9, 32):
        vectors = unit(rng, count, 64)
        found = products_of(matrix, vectors)
        np.testing.assert_allclose(found, vectors @ matrix.T, atol=1e-6)
    turned = np.asfortranarray(matrix)
    np.testing.assert_allclose(products_of(turned, vectors), vectors @ matrix.T, atol=1e-6)


def test_what_is_told_of_is_computed_at_once() -> None:
    rng = np.random.default_rng(4)
    matrix, vectors, other = unit(rng, 500), unit(rng, 5), unit(rng, 1)[0]
    watched = matrix.view(Watched)
    watched.go.set()
    together = Together(watched)
    with asking([*vectors, unit(rng, 1, 7)[0]]):  # and one of another space
        found = [together(vector) for vector in vectors]
        assert np.array_equal(together(other), matrix @ other)
        with ThreadPoolExecutor(1) as threads:  # another thread was told of nothing
            threads.submit(together, vectors[0]).result()
    together(vectors[0])
    assert watched.asked == [5, 1, 1, 1]
    np.testing.assert_allclose(found, vectors @ matrix.T, atol=1e-6)
