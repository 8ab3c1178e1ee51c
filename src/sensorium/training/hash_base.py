"""The nested hash function that a training starts from, fitted in closed form with NumPy.

Its hyperplanes lie among the directions in which vectors of two modalities agree with their nearest
ones of the other: a cross-covariance as in Gong et al. (2014, section 3), without whitening, since
small directions must not vote as much as large ones, and with neighbours in place of pairs. They
are turned towards the corners of a cube (ITQ: Gong and Lazebnik 2011).

Neighbours made better codes than known pairs on validation splits: the frozen space has been
trained on many more pairs than a collection has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

from sensorium.index.base import Vectors

Projection = npt.NDArray[np.float64]
ROUNDS, LONG_ROUNDS = 30, 5
"""Of ITQ; Gong and Lazebnik take 50, for codes that are not trained further. A round takes time
with the cube of the length, and of long codes it mends little."""

LONG = 128
"""Bits up to which all rounds are run."""

NEIGHBOURS = 5
"""Nearest vectors of the other modality whose mean stands in for a partner."""

POOLED = 0.1
"""Weight of what the vectors of each modality vary in by themselves, beside what modalities vary
in together: it orders the directions that the latter says nothing of."""

MOST_ROWS = 5_000
"""As many as `HashCoder.fit` takes of a modality."""


def nested_projection(
    vectors: Mapping[str, Vectors],
    means: Mapping[str, npt.NDArray[np.float64]],
    lengths: Sequence[int],
    *,
    seed: int = 0,
) -> Projection:
    """Hyperplanes of which the first 16, 32, ... are a good code each.

    The first block is ITQ of that length. Each further block is a random half of the hyperplanes
    of ITQ of the length that it completes: these mix large and small directions, where the next
    principal components alone would give the small ones as many bits as the large.

    Parameters
    ----------
    vectors : mapping of str to ndarray of float32, shape (n, d)
        By modality.
    means : mapping of str to ndarray of float64, shape (d,)
    lengths : sequence of int
        Ascending, each at most twice the one before.
    seed : int

    Returns
    -------
    ndarray of float64, shape (d, lengths[-1])
        Scaled so that each bit has variance 1 over the vectors.
    """
    rng = np.random.default_rng(seed)
    centred = {}
    for name, rows in vectors.items():
        chosen = _some(len(rows), MOST_ROWS, rng)
        centred[name] = np.asarray(rows[chosen] - means[name], np.float64)
    together = _joint_covariance(centred)
    _, directions = np.linalg.eigh(together)
    directions = directions[:, ::-1]
    # Each modality counts the same, however many vectors it has.
    largest = max(len(rows) for rows in centred.values())
    pooled = np.concatenate([rows[np.arange(largest) % len(rows)] for rows in centred.values()])
    blocks: list[Projection] = []
    before = 0
    for length in lengths:
        planes = _turned(pooled, directions, length, rng)
        blocks.append(planes[:, rng.permutation(length)[: length - before]])
        before = length
    projection = np.concatenate(blocks, axis=1)
    spread = (pooled @ projection).std(axis=0)
    return np.asarray(projection / np.maximum(spread, 1e-9))


def _joint_covariance(centred: Mapping[str, Projection]) -> Projection:
    own = [rows.T @ rows / max((rows**2).sum(), 1e-12) for rows in centred.values()]
    total: Projection = np.sum(own, axis=0) / len(own)
    crossed = []
    for a, b in combinations(centred, 2):
        crossed.append(_crossed(centred[a], _nearest_mean(centred[a], centred[b])))
        crossed.append(_crossed(centred[b], _nearest_mean(centred[b], centred[a])))
    if not crossed:
        return total
    return np.asarray(np.mean(crossed, axis=0) + POOLED * total)


def _crossed(a: Projection, b: Projection) -> Projection:
    product = a.T @ b
    scale = np.sqrt((a**2).sum() * (b**2).sum())
    return np.asarray((product + product.T) / (2 * max(scale, 1e-12)))


def _nearest_mean(rows: Projection, others: Projection) -> Projection:
    """For each row the mean of the vectors of the other modality that are nearest to it."""
    lengths = np.maximum(np.linalg.norm(others, axis=1), 1e-12)
    cosines = (rows.astype(np.float32) @ others.T.astype(np.float32)) / lengths.astype(np.float32)
    count = min(NEIGHBOURS, len(others))
    nearest = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
    return np.asarray(others[nearest].mean(axis=1))


def _turned(
    pooled: Projection, directions: Projection, length: int, rng: np.random.Generator
) -> Projection:
    """ITQ's hyperplanes; random ones where there are fewer directions than bits."""
    dimension = len(directions)
    if length > dimension:
        return rng.standard_normal((dimension, length))
    components = directions[:, :length]
    # Single precision halves the time; the result is trained in single precision anyway.
    reduced = (pooled @ components).astype(np.float32)
    rotation = np.linalg.qr(rng.standard_normal((length, length)))[0].astype(np.float32)
    for _ in range(ROUNDS if length <= LONG else LONG_ROUNDS):
        corners = np.where(reduced @ rotation > 0, np.float32(1), np.float32(-1))
        left, _, right = np.linalg.svd(reduced.T @ corners)
        rotation = left @ right
    return np.asarray(components @ rotation, np.float64)


def _some(count: int, most: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    if count <= most:
        return np.arange(count)
    return np.sort(rng.choice(count, most, replace=False))
