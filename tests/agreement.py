"""What may differ between vectors of the same media, on every processor and in every precision."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

BATCHES = 0.9995
"""Cosine of an item's vectors out of batches of different sizes, at the least (docs/design.md)."""

RUNTIMES = 0.999
"""The same of runtimes and of precisions."""


def assert_agree(found: npt.ArrayLike, wanted: npt.ArrayLike, cosine: float = BATCHES) -> None:
    """Check unit vectors, shape (n, d): each row of one has the direction of the other's row."""
    a, b = (np.atleast_2d(np.asarray(rows, float)) for rows in (found, wanted))
    assert a.shape == b.shape
    for rows in (a, b):
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    cosines = (a * b).sum(axis=1)
    assert (cosines >= cosine).all(), f"row {cosines.argmin()}: cosine {cosines.min():.5f}"
