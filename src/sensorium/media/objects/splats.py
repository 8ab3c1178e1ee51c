"""Dots and lines of 3-D objects, drawn over what rays have hit."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Indices = npt.NDArray[np.integer[Any]]

MAX_SAMPLES = 4_000_000
"""Points that all lines together are drawn with."""

CELLS = (128, 64, 32, 16, 8, 4, 2)
"""Cells along the longest side by which the distance between dots is told, fine to coarse."""

PER_CELL = 4
"""Dots of a cell on average, so that cells without any are holes and not chance."""

FILLING = 0.85
"""Radius of a dot as a share of the distance between dots: 0.71 closes a grid of squares, and what
is strewn by chance has larger gaps."""

LARGEST = 0.06
"""Radius of a dot at most, as a share of the view's side."""

LINE_RADIUS = 0.002
"""Half the width of a line, as a share of the view's side: 1.5 pixels of 384 are 3 rays."""


def distance_between(points: Floats) -> float:
    """Distance between neighbours of a cloud that lies on surfaces.

    Cells of a grid that hold any of the points cover those surfaces; each point has its share.

    Parameters
    ----------
    points : ndarray, shape (n, 3)
        Within -1 to 1.
    """
    for cells in CELLS:
        places = ((points + 1) * (cells / 2)).astype(np.int64).clip(0, cells - 1)
        cell = (places[:, 0] * cells + places[:, 1]) * cells + places[:, 2]
        taken = np.count_nonzero(np.bincount(cell, minlength=cells**3))
        if len(points) >= PER_CELL * taken:
            return float(2 / cells * np.sqrt(taken / len(points)))
    return float(2 / np.sqrt(max(len(points), 1)))


def along(starts: Floats, ends: Floats, step: float) -> tuple[Indices, Floats]:
    """Points along lines.

    Returns
    -------
    lines : ndarray, shape (n,)
        The line that each is of.
    shares : ndarray, shape (n,)
        How far towards its end.
    """
    lengths = np.linalg.norm(ends - starts, axis=1)
    total = float(lengths.sum()) / step
    step *= max(total / MAX_SAMPLES, 1.0)
    counts = np.ceil(lengths / step).astype(np.int64) + 1
    lines = np.repeat(np.arange(len(counts)), counts)
    behind = np.arange(len(lines)) - np.repeat(np.cumsum(counts) - counts, counts)
    return lines, behind / np.maximum(counts[lines] - 1, 1)


def splat(
    pixels: Floats, depths: Floats, places: Floats, colours: Floats, radius: float, side: int
) -> None:
    """Draw round dots into a picture, the nearer over the farther.

    Parameters
    ----------
    pixels : ndarray, shape (side * side, 3)
        Drawn into.
    depths : ndarray, shape (side * side,)
        Towards the viewer is more; changed with the picture.
    places : ndarray, shape (n, 3)
        Column, row and depth of each dot.
    colours : ndarray, shape (n, 3)
    radius : float
        In pixels.
    side : int
    """
    columns, rows = (np.floor(places[:, axis].clip(-1, side)).astype(np.int64) for axis in (0, 1))
    inside = (columns >= 0) & (columns < side) & (rows >= 0) & (rows < side)
    flat = (rows * side + columns)[inside]
    near, shown = places[inside, 2], colours[inside]
    # One dot for each pixel first, so that the number of dots counts no more.
    order = np.argsort(near, kind="stable")
    first = np.full(side * side, -1, np.int64)
    first[flat[order]] = order  # of several, the last is kept
    taken = np.flatnonzero(first >= 0)
    near, shown = near[first[taken]], shown[first[taken]]
    rows, columns = taken // side, taken % side
    reach = int(radius)
    for down in range(-reach, reach + 1):
        for across in range(-reach, reach + 1):
            if down * down + across * across > radius * radius:
                continue
            row, column = rows + down, columns + across
            within = (row >= 0) & (row < side) & (column >= 0) & (column < side)
            at = (row * side + column)[within]
            nearer = near[within] > depths[at]
            at, chosen = at[nearer], np.flatnonzero(within)[nearer]
            depths[at] = near[chosen]
            pixels[at] = shown[chosen]
