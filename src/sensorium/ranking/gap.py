"""One scale for segments of several modalities.

A text is nearer to any other text than to the picture it describes: vectors of each modality lie in
a cone of their own (the modality gap, Liang et al. 2022). In a list of both, every passage would
stand before every photo. So a query's cosines are compared with those to what it has nothing to do
with: how many standard deviations a segment stands out from the segments of its own modality.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

HIGHEST = 0.999

Vectors = npt.NDArray[np.float32]


class Spread(NamedTuple):
    """Mean and standard deviation of cosines to segments that have nothing to do with a query."""

    mean: float
    deviation: float


def spreads(query: Vectors, samples: Mapping[str, Vectors]) -> dict[str, Spread]:
    """How a query's cosines to segments of each modality are spread.

    Parameters
    ----------
    query : ndarray of float32, shape (d,)
    samples : mapping of str to ndarray of float32, shape (n, d)
        Segments of each modality, of which nearly all have nothing to do with the query.

    Returns
    -------
    dict of str to Spread
    """
    found = {}
    for modality, vectors in samples.items():
        cosines = (vectors @ query).astype(np.float64)
        found[modality] = Spread(float(cosines.mean()), max(float(cosines.std()), 1e-3))
    return found


def on_one_scale(score: float, own: Spread, reference: Spread) -> float:
    """Bring a cosine to the scale of another modality: as many deviations from that one's mean.

    What is not on that scale already stays under 1, which only what is equal to the query has.
    """
    if own == reference:
        return score
    deviations = (score - own.mean) / own.deviation
    return min(HIGHEST, reference.mean + reference.deviation * deviations)
