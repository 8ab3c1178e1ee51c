"""One scale for segments of several modalities.

A text is nearer to any other text than to the picture it describes: vectors of each modality lie in
a cone of their own (the modality gap, Liang et al. 2022). In a list of both, every passage would
stand before every photo. So a query's cosines are compared with those to what it has nothing to do
with: how many standard deviations a segment stands out from the segments of its own modality.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

HIGHEST = 0.999

SAMPLE = 1000
"""Segments of each modality whose cosines tell how far a query is from them by chance."""

FEW = 8
"""Segments of a modality, the encoder's background included, that are too few to tell a spread."""

KEYS = 8
"""Components of vectors that choose which are drawn."""

ODD = np.random.default_rng(0).integers(1 << 62, 1 << 63, KEYS, np.uint64) | np.uint64(1)
"""What they are multiplied by."""

Vectors = npt.NDArray[np.float32]


class Spread(NamedTuple):
    """Mean and standard deviation of cosines to segments that have nothing to do with a query."""

    mean: float
    deviation: float


@dataclass(frozen=True)
class Scale:
    """What one query's cosines to segments of each modality are worth beside each other.

    Attributes
    ----------
    spreads : mapping of str to Spread
        Of the query's cosines to each modality by chance.
    modalities : sequence of str
        Those in whose space the query has a part; all scores are on the scale of the first.
        Encoders side by side hold different modalities, and to segments of a space that it has no
        part in, a query has a cosine of zero.
    """

    spreads: Mapping[str, Spread] = field(default_factory=dict)
    modalities: Sequence[str] = ()

    def score(self, cosine: float, modality: str) -> float:
        """Bring a cosine to the scale of the first modality: as many deviations from its mean.

        What is not on that scale already stays under 1, which only what is equal to the query has.
        """
        if modality not in self.modalities:
            return cosine
        own, reference = self.spreads[modality], self.spreads[self.modalities[0]]
        if own == reference:
            return cosine
        deviations = (cosine - own.mean) / own.deviation
        return min(HIGHEST, reference.mean + reference.deviation * deviations)


COSINES = Scale()
"""While all segments are of one modality, cosines are the scale."""


@dataclass(frozen=True)
class Samples:
    """Segments of each modality that tell what a query's cosines to it are by chance.

    Attributes
    ----------
    vectors : mapping of str to ndarray of float32, shape (n, d)
        Of which nearly all have nothing to do with any one query. Modalities of which there is
        most come first.
    spaces : mapping of str to ndarray of float32, shape (m, d)
        A few vectors of each modality alone: whether a query has a part in their space.
    known : mapping of str to int
        How many segments tell of each modality, those of others that stand in for them left out.
    """

    vectors: Mapping[str, Vectors]
    spaces: Mapping[str, Vectors]
    known: Mapping[str, int]

    @classmethod
    def of(cls, segments: Mapping[str, Vectors], background: Mapping[str, Vectors]) -> Samples:
        """Take what is stored, the most frequent modality first, and what an encoder brings along.

        Two or three segments say nothing of their modality: they are taken for like the others.
        """
        spaces = {name: vectors[:FEW] for name, vectors in segments.items()}
        samples = {
            name: np.concatenate([vectors, background[name]]) if name in background else vectors
            for name, vectors in segments.items()
        }
        known = {name: len(vectors) for name, vectors in samples.items()}
        for name in sorted(samples):
            if len(samples[name]) < FEW:
                others = [
                    spaces[other]
                    for other in sorted(samples)
                    if other != name and (spaces[other] @ spaces[name].T).any()  # of one space
                ]
                samples[name] = np.concatenate([samples[name], *others])
        return cls(samples, spaces, known)

    def scale(self, query: Vectors) -> Scale:
        """The scale of a query, which is a vector of shape (d,)."""
        spreads = {}
        for modality, vectors in self.vectors.items():
            cosines = (vectors @ query).astype(np.float64)
            mean = float(cosines.sum()) / len(cosines)
            # numpy.std takes longer than the cosines do; of numbers up to 1 nothing is lost.
            variance = float(cosines @ cosines) / len(cosines) - mean * mean
            spreads[modality] = Spread(mean, max(math.sqrt(max(variance, 0.0)), 1e-3))
        shared = [name for name, vectors in self.spaces.items() if (vectors @ query).any()]
        return Scale(spreads, shared)


def drawn(vectors: Vectors) -> Vectors:
    """Some vectors, the same ones in whatever order they were added.

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, d)

    Returns
    -------
    ndarray of float32, shape (min(n, SAMPLE), d)
    """
    if len(vectors) <= SAMPLE:
        return vectors
    columns = np.linspace(0, vectors.shape[1] - 1, KEYS).astype(int)
    bits = np.ascontiguousarray(vectors[:, columns]).view(np.uint32).astype(np.uint64)
    # A multiplicative hash (Knuth, volume 3, section 6.4): what vectors hold, and no more, decides.
    keys = (bits * ODD[None]).sum(axis=1, dtype=np.uint64)
    keys ^= keys >> np.uint64(29)
    keys *= ODD[0]
    return vectors[np.argpartition(keys, SAMPLE)[:SAMPLE]]
