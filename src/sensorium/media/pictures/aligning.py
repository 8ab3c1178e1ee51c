"""Where exactly in one picture another one is."""

from __future__ import annotations

import numpy as np
import PIL.Image

from sensorium.media.pictures.levels import blurred, lightness
from sensorium.media.pictures.placing import Box

ROUGH, FINE = 64, 192
"""Pixels of the longer side at which they are aligned, first and last."""

MOVED, ROUGHLY_MOVED = 0.02, 0.15
"""Pixels of change at which an alignment has settled: the last, and one that another follows."""


def aligned(whole: PIL.Image.Image, part: PIL.Image.Image, box: Box, side: int) -> Box:
    """Find more exactly where in a picture a part is.

    Shift and scale of each axis, and the tone, by least squares over gradients (Lucas and Kanade,
    IJCAI 1981), at `side` pixels of the longer side.
    """
    scale = side / max(part.size)
    width, height = (max(8, round(length * scale)) for length in part.size)
    target = blurred(lightness(part.convert("L"), (width, height))).ravel().astype(np.float64)
    # Once for all steps: most of their time is scaling otherwise.
    grey = whole.convert("L")
    shown = max(grey.width * (box[2] - box[0]), grey.height * (box[3] - box[1]))
    grey = grey.reduce(max(1, int(shown / (2 * side))))
    across = (np.arange(width) + 0.5) / width
    down = ((np.arange(height) + 0.5) / height)[:, None]
    for _ in range(4):
        seen = blurred(lightness(grey, (width, height), box))
        dy, dx = np.gradient(seen)
        dx, dy = dx * width, dy * height
        basis = (dx * (1 - across), dx * across, dy * (1 - down), dy * down, seen, np.ones_like(dx))
        rows = np.empty((6, seen.size))  # row by row: columns would be written with gaps
        for row, one in zip(rows, basis, strict=True):
            row[:] = one.ravel()
        square = rows @ rows.T
        square[np.diag_indices(6)] += 1e-6 * np.trace(square) / 6 + 1e-9
        moved = np.linalg.solve(square, rows @ (target - seen.ravel()))[:4]
        moved = np.clip(moved, -0.05, 0.05)
        left, upper, right, lower = box
        found = (
            max(0.0, left + moved[0] * (right - left)),
            max(0.0, upper + moved[2] * (lower - upper)),
            min(1.0, right + moved[1] * (right - left)),
            min(1.0, lower + moved[3] * (lower - upper)),
        )
        if found[2] - found[0] < 0.3 or found[3] - found[1] < 0.3:
            return box  # it has run away
        box = found
        if np.abs(moved).max() * side < (ROUGHLY_MOVED if side <= ROUGH else MOVED):
            break
    return box


def correlation(whole: PIL.Image.Image, part: PIL.Image.Image, box: Box) -> float:
    """Of the lightness of two aligned pictures, at 64 pixels."""
    one, other = (
        lightness(picture.convert("L"), (64, 64), at)
        for picture, at in ((whole, box), (part, None))
    )
    spreads = float(one.std() * other.std())
    product = (one - one.mean()) * (other - other.mean())
    return float(product.mean()) / spreads if spreads > 0 else 0.0
