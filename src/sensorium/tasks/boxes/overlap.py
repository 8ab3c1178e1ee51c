"""Boxes in pictures: how much two have in common, and which say the same twice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Boxes = npt.NDArray[np.float64]
"""Left, upper, right, lower edge of each, shape (n, 4): pixels, or shares of width and height."""

WHOLE = (0.0, 0.0, 1.0, 1.0)


def areas(boxes: Boxes) -> npt.NDArray[np.float64]:
    """Area of each box, shape (n,); 0 of one whose edges are the wrong way round."""
    sides = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None)
    return np.asarray(sides.prod(axis=1))


def shared_areas(some: Boxes, others: Boxes) -> npt.NDArray[np.float64]:
    """Area that each of some boxes has in common with each of others, shape (n, m)."""
    upper = np.maximum(some[:, None, :2], others[None, :, :2])
    lower = np.minimum(some[:, None, 2:], others[None, :, 2:])
    return np.asarray(np.clip(lower - upper, 0, None).prod(axis=2))


def overlaps(some: Boxes, others: Boxes) -> npt.NDArray[np.float64]:
    """Intersection over union of each pair, shape (n, m); 0 where both are empty."""
    shared = shared_areas(some, others)
    together = areas(some)[:, None] + areas(others)[None, :] - shared
    return np.asarray(np.divide(shared, together, out=np.zeros_like(shared), where=together > 0))


def best_apart(
    boxes: Boxes, scores: npt.NDArray[np.floating], most: float, count: int | None = None
) -> npt.NDArray[np.intp]:
    """Greedy non-maximum suppression: the best boxes of which no two overlap much.

    Parameters
    ----------
    boxes : ndarray of float64, shape (n, 4)
    scores : ndarray of float, shape (n,)
    most : float
        Intersection over union that two may have.
    count : int, optional
        How many are wanted at most.

    Returns
    -------
    ndarray of intp
        Rows, best first; of equal scores the first stays.
    """
    order = np.argsort(-np.asarray(scores), kind="stable")
    kept: list[int] = []
    while len(order) and (count is None or len(kept) < count):
        best, order = order[0], order[1:]
        kept.append(int(best))
        order = order[overlaps(boxes[best : best + 1], boxes[order])[0] <= most]
    return np.array(kept, np.intp)


def within(boxes: Sequence[Sequence[float]] | Boxes) -> Boxes:
    """Boxes in shares, cut off at the picture's edges; shape (n, 4)."""
    return np.clip(np.asarray(boxes, np.float64).reshape(-1, 4), 0, 1)
