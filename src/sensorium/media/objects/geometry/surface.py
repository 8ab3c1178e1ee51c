"""The parts of an object as one: what a ray hits has a row here."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from sensorium.media.objects.geometry.colours import to_light
from sensorium.media.objects.geometry.model import GREY, Floats, Indices, Material, Model, Part

MULTIPLIERS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)
"""Odd numbers with bits all over (of xxHash), to tell points apart by one number."""


class Surface:
    """All parts of a model in arrays of their own kind.

    Attributes
    ----------
    points : ndarray, shape (n, 3)
        As in the file.
    triangles, lines, dots : ndarray
        Rows of `points`, shapes (m, 3), (k, 2), (p,).
    materials : list of Material
        The colour of what has none is grey.
    material : ndarray, shape (m,)
        Of each triangle: a place in `materials`; `line_material`, `dot_material` likewise.
    colours : ndarray, shape (n, 4), or None
        Of points, where any part has them; `face_colours`, shape (m, 4), of triangles.
    uv, glow_uv : ndarray, shape (n, 2), or None
    """

    def __init__(self, model: Model) -> None:
        parts = model.parts
        self.linear = model.linear
        shown = np.array([GREY])
        grey = (to_light(shown) if model.linear else shown)[0]
        unsaid = Material(factor=(float(grey[0]), float(grey[1]), float(grey[2]), 1.0))
        self.unsaid = unsaid
        painted = Material()  # where points or faces have the colour
        looks = [
            part.material
            or (unsaid if part.colours is None and part.face_colours is None else painted)
            for part in parts
        ]
        self.materials = list({id(look): look for look in looks}.values())
        rows = {id(look): row for row, look in enumerate(self.materials)}
        numbers = [rows[id(look)] for look in looks]
        sizes = [len(part.points) for part in parts]
        starts = np.cumsum([0, *sizes[:-1]])
        self.points: Floats = np.concatenate([part.points for part in parts])

        def joined(kind: str) -> tuple[Indices, Indices]:
            found = [getattr(part, kind) for part in parts]
            counts = [len(rows) for rows in found]
            moved = [rows + start for rows, start in zip(found, starts, strict=True)]
            return np.concatenate(moved), np.repeat(np.array(numbers, np.int32), counts)

        self.triangles, self.material = joined("triangles")
        self.lines, self.line_material = joined("lines")
        self.dots, self.dot_material = joined("dots")
        faces = [len(part.triangles) for part in parts]
        self.colours = _filled(parts, sizes, lambda part: part.colours, 4, 1.0)
        self.face_colours = _filled(parts, faces, lambda part: part.face_colours, 4, 1.0)
        self.uv = _filled(parts, sizes, lambda part: part.uv, 2, 0.0)
        self.glow_uv = _filled(parts, sizes, lambda part: part.glow_uv, 2, 0.0)

    def used(self) -> Floats:
        """The points that anything is made of, shape (u, 3)."""
        marked = np.zeros(len(self.points), bool)
        for rows in (self.triangles, self.lines, self.dots):
            marked[rows.reshape(-1)] = True
        return self.points if marked.all() else self.points[marked]

    def drop_unplaced(self) -> int:
        """Leave out what has corners that are no numbers; returns how many triangles that were.

        Depth cameras write so where they measured nothing.
        """
        placed = np.asarray(np.isfinite(self.points).all(axis=1))
        if placed.all():
            return 0
        triangles = placed[self.triangles].all(axis=1)
        lines, dots = placed[self.lines].all(axis=1), placed[self.dots]
        self.triangles, self.material = self.triangles[triangles], self.material[triangles]
        if self.face_colours is not None:
            self.face_colours = self.face_colours[triangles]
        self.lines, self.line_material = self.lines[lines], self.line_material[lines]
        self.dots, self.dot_material = self.dots[dots], self.dot_material[dots]
        self.points = np.where(placed[:, None], self.points, 0.0)
        return int((~triangles).sum())

    def without_copies(self) -> Indices:
        """Rows of triangles, of those with the same corners the first."""
        number, _ = distinct(self.points)
        corners = np.sort(number[self.triangles], axis=1).astype(np.float64)
        return np.sort(np.unique(_mixed(corners), return_index=True)[1])

    def is_watertight(self) -> bool:
        """Whether each edge is one of exactly two triangles, points at the same place being one."""
        if not len(self.triangles):
            return False
        number, _ = distinct(self.points)
        rows = number[self.triangles]
        rows = rows[(rows != np.roll(rows, 1, axis=1)).all(axis=1)]
        edges = np.sort(np.stack([rows, np.roll(rows, -1, axis=1)], axis=-1).reshape(-1, 2), axis=1)
        counts = np.unique(edges[:, 0] * len(self.points) + edges[:, 1], return_counts=True)[1]
        return bool(len(counts) and (counts == 2).all())


def distinct(points: Floats) -> tuple[Indices, int]:
    """A number for each point, the same for those at the same place, and how many there are."""
    found, number = np.unique(_mixed(points), return_inverse=True)
    return number.reshape(-1), len(found)


def _mixed(rows: Floats) -> npt.NDArray[np.uint64]:
    """One number for three, which others hardly ever have."""
    bits = (np.ascontiguousarray(rows, np.float64) + 0.0).view(np.uint64)  # -0.0 is 0.0
    mixed = np.zeros(len(rows), np.uint64)
    with np.errstate(over="ignore"):
        for column in range(3):
            mixed = (mixed ^ bits[:, column]) * MULTIPLIERS[column]
            mixed ^= mixed >> np.uint64(29)
    return mixed


def _filled(
    parts: list[Part],
    sizes: list[int],
    of: Callable[[Part], Floats | None],
    width: int,
    default: float,
) -> Floats | None:
    """What some parts have, with a default for the others; None where no part has it."""
    found = [of(part) for part in parts]
    if all(values is None for values in found):
        return None
    return np.concatenate(
        [
            np.full((size, width), default, np.float32)
            if values is None
            else np.asarray(values, np.float32)
            for values, size in zip(found, sizes, strict=True)
        ]
    )
