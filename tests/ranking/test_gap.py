"""One scale for modalities whose vectors lie apart."""

from __future__ import annotations

import numpy as np
import pytest

from sensorium.ranking.gap import Spread, on_one_scale, spreads


def cone(rng: np.random.Generator, axis: int, rows: int, width: float) -> np.ndarray:
    vectors = rng.normal(size=(rows, 64)) * width
    vectors[:, axis] += 1
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_the_gap_is_bridged() -> None:
    """A query in the texts' cone is nearer to every text than to the picture it is about."""
    rng = np.random.default_rng(0)
    texts, pictures = cone(rng, 0, 200, 0.08), cone(rng, 1, 200, 0.08)
    query = texts[7] + 0.5 * (pictures[3] - pictures.mean(axis=0))
    query /= np.linalg.norm(query)
    assert (texts @ query).min() > (pictures @ query).max()
    scale = spreads(query, {"text": texts[20:], "image": pictures[20:]})
    seen = on_one_scale(float(pictures[3] @ query), scale["image"], scale["text"])
    others = np.delete(texts, 7, axis=0) @ query
    assert seen > np.quantile(others, 0.95)
    unrelated = [
        on_one_scale(float(p @ query), scale["image"], scale["text"]) for p in pictures[20:]
    ]
    assert np.mean(unrelated) == pytest.approx(scale["text"].mean, abs=1e-3)
    assert np.std(unrelated) == pytest.approx(scale["text"].deviation, abs=1e-3)


def test_the_reference_keeps_its_scores() -> None:
    spread = Spread(0.2, 0.05)
    assert on_one_scale(0.43, spread, spread) == pytest.approx(0.43)


def test_equal_vectors_have_a_spread() -> None:
    vectors = np.ones((5, 4), np.float32) / 2
    assert spreads(vectors[0], {"text": vectors})["text"] == Spread(1.0, 1e-3)
