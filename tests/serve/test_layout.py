"""Like beside like on a plane."""

from __future__ import annotations

import numpy as np
import pytest

from sensorium.serve.layout import layout


def clustered(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors of twenty clusters that principal components alone do not part."""
    random = np.random.default_rng(3)
    labels = random.integers(0, 20, count)
    vectors = random.normal(size=(20, 64))[labels] + random.normal(size=(count, 64))
    return labels, (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def of_a_kind(labels: np.ndarray, places: np.ndarray) -> np.ndarray:
    """For each, the share of the ten nearest that have its label."""
    apart = ((places[:, None] - places[None]) ** 2).sum(-1)
    np.fill_diagonal(apart, np.inf)
    near = labels[np.argpartition(apart, 10, axis=1)[:, :10]]
    return (near == labels[:, None]).mean(axis=1)


def test_neighbours_are_of_a_kind() -> None:
    labels, vectors = clustered(1500)
    places = layout(vectors)
    assert of_a_kind(labels, places).mean() > 0.95
    assert np.array_equal(places, layout(vectors))


@pytest.mark.parametrize("count", [0, 1, 2, 13, 14, 40])
def test_few_and_equal(count: int) -> None:
    for vectors in (clustered(count)[1], np.tile(clustered(1)[1], (count, 1))):
        places = layout(vectors.reshape(count, 64))
        assert places.shape == (count, 2) and np.isfinite(places).all()
        assert not count or np.abs(places).max() <= 1
