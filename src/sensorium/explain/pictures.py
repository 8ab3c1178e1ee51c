"""Pictures in parts: a grid whose cells are covered with what is around them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageFilter

from sensorium.encoders.inputs import Input
from sensorium.encoders.preprocessing import plain_ground

CELLS = 36
"""About how many cells: of a square picture 6 x 6, each of 37 pixels in towers of 224."""

BLUR = 8
"""A picture's shorter side over the radius of the blur that covers what stands on no plain ground:
of objects a hue is left, no shape."""

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Grid:
    """Cells of a picture, row by row.

    Attributes
    ----------
    rows, columns : int
    of : ndarray of int64, shape (h, w)
        The cell of each pixel; -1 outside of the picture.
    boxes : list of (left, upper, right, lower)
        Of each cell, as shares of the upright picture.
    """

    rows: int
    columns: int
    of: npt.NDArray[np.int64]
    boxes: list[tuple[float, float, float, float]]

    def where(self) -> npt.NDArray[np.float64]:
        """Row and column of each cell, shape (n, 2)."""
        cells = np.arange(self.rows * self.columns)
        return np.stack(np.divmod(cells, self.columns), axis=1).astype(np.float64)

    def from_the_centre(self) -> npt.NDArray[np.int64]:
        """The cells in the order of their distance from the picture's centre."""
        middles = np.array([((a + c) / 2 - 0.5, (b + d) / 2 - 0.5) for a, b, c, d in self.boxes])
        return np.argsort(np.hypot(*middles.T), kind="stable")


def grid_over(seen: Input, cells: int = CELLS) -> Grid:
    """Divide what a model sees of a picture into about `cells` cells that are nearly square."""
    left, upper, right, lower = seen.inside
    width, height = right - left, lower - upper
    columns = int(np.clip(round((cells * width / height) ** 0.5), 1, min(cells, width)))
    rows = int(np.clip(round(cells / columns), 1, height))
    across = np.linspace(0, width, columns + 1).round().astype(int)
    down = np.linspace(0, height, rows + 1).round().astype(int)
    of = np.full(seen.values.shape[:2], -1, np.int64)
    boxes: list[tuple[float, float, float, float]] = []
    x0, y0, x1, y1 = seen.shown
    for row in range(rows):
        for column in range(columns):
            a, b, c, d = across[column], down[row], across[column + 1], down[row + 1]
            of[upper + b : upper + d, left + a : left + c] = len(boxes)
            left_edge, right_edge = (float(x0 + (x1 - x0) * x / width) for x in (a, c))
            upper_edge, lower_edge = (float(y0 + (y1 - y0) * y / height) for y in (b, d))
            boxes.append((left_edge, upper_edge, right_edge, lower_edge))
    return Grid(rows, columns, of, boxes)


def cover_of(pixels: Pixels) -> Pixels:
    """What lies under the cells: the plain ground of a picture that has one, else its blur.

    A region without content looks the same covered, so that it is worth nothing.
    """
    picture = PIL.Image.fromarray(pixels)
    ground = plain_ground(picture)
    if ground is not None:
        return np.broadcast_to(np.array(ground, np.uint8), pixels.shape)
    radius = min(picture.size) / BLUR
    return np.asarray(picture.filter(PIL.ImageFilter.GaussianBlur(radius)))


def covering(
    pixels: Pixels, cover: Pixels, grid: Grid
) -> Callable[[npt.NDArray[np.bool_]], Pixels]:
    """What makes a picture of a set of cells: the others are covered."""

    def covered(kept: npt.NDArray[np.bool_]) -> Pixels:
        shown = np.append(kept, True)[grid.of]  # -1 is the last: what is no cell stays
        return np.where(shown[..., None], pixels, cover)

    return covered


def unchanged(
    pixels: Pixels, cover: Pixels, grid: Grid, tolerance: int = 2
) -> npt.NDArray[np.bool_]:
    """Cells that look the same when they are covered, shape (n,)."""
    changed = (np.abs(pixels.astype(np.int16) - cover) > tolerance).any(axis=2)
    found = np.ones(len(grid.boxes), bool)
    found[np.unique(grid.of[changed & (grid.of >= 0)])] = False
    return found
