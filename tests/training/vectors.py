"""Unit vectors in clouds around class directions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def blobs(
    classes: int, count: int, dimension: int, noise: float = 0.3, seed: int = 0
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.intp]]:
    """`count` vectors for each class, and their class numbers."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(classes, dimension))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    labels = np.repeat(np.arange(classes), count)
    scale = noise / np.sqrt(dimension)
    vectors = centres[labels] + rng.normal(size=(len(labels), dimension)) * scale
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), labels
