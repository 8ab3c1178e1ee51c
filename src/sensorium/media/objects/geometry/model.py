"""The one form that every 3-D format is brought to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.errors import MediaError
from sensorium.media.objects.faults import DamagedError
from sensorium.media.objects.geometry.textures import Texture

Floats = npt.NDArray[np.floating[Any]]
Indices = npt.NDArray[np.integer[Any]]

GREY = (170 / 255, 175 / 255, 180 / 255)
"""What a screen is given for surfaces of which a file says no colour."""

BYTES_PER_FACE = 250
BYTES_PER_POINT = 100
"""What an object takes while it is read, with its tree for rays: measured on faces of STL, PLY and
GLB (docs/trust.md). Where it is too little, the process's limit of memory ends the reading."""

POINTS_PER_FACE = 3
"""Points that may be read for each face that may be: as many as unconnected triangles have."""


@dataclass(frozen=True)
class Limits:
    """What is read at most, so that a file's numbers cannot take all memory.

    Attributes
    ----------
    name : str
        Of the file, for errors.
    faces : int
        Triangles of an object.
    room : callable
        Gives the bytes that the object may take, or None. A file of a few kilobytes may tell of
        millions of faces, and has no right to as much as one of many megabytes.
    """

    name: str
    faces: int
    room: Callable[[], int | None] = lambda: None

    def check(self, faces: int, points: int) -> None:
        """Raise a `MediaError` when there are too many, before they are made."""
        if faces > self.faces:
            raise MediaError(
                f"{faces:,} faces; objects of over {self.faces:,} are not read", self.name
            )
        most = POINTS_PER_FACE * self.faces
        if points > most:
            raise MediaError(f"{points:,} points; objects of over {most:,} are not read", self.name)
        needed = faces * BYTES_PER_FACE + points * BYTES_PER_POINT
        most_bytes = self.room()
        if most_bytes is not None and needed > most_bytes:
            raise MediaError(
                f"{faces:,} faces and {points:,} points take {needed / 1e6:,.0f} MB, and a file of "
                f"this size may take {most_bytes / 1e6:,.0f} MB",
                self.name,
            )


@dataclass(eq=False)
class Material:
    """How a surface looks. Colours are in the model's space; see `Model.linear`.

    Attributes
    ----------
    factor : tuple of float
        Red, green, blue and opacity from 0 to 1; multiplied with all that follows.
    texture, glow_texture : Texture or None
    glow : tuple of float
        Light that it gives off by itself.
    cutoff : float or None
        Where opacity is less, there is nothing, and elsewhere it is whole. None: no such rule.
    see_through : bool
        Whether what lies behind shines through by the opacity; opaque otherwise.
    unlit : bool
        Whether it looks the same from all sides.
    """

    factor: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    texture: Texture | None = None
    glow: tuple[float, float, float] = (0.0, 0.0, 0.0)
    glow_texture: Texture | None = None
    cutoff: float | None = None
    see_through: bool = False
    unlit: bool = False


@dataclass
class Part:
    """Triangles, lines and dots of one material.

    Attributes
    ----------
    points : ndarray, shape (n, 3), float64
    triangles : ndarray, shape (m, 3)
        Rows of `points`; for `lines` (k, 2) and `dots` (p,) likewise.
    material : Material or None
        None where the file says nothing.
    uv : ndarray, shape (n, 2), or None
        Places in the material's texture; rows of pixels count from the top. `glow_uv` for the
        texture of its glow, where that has other ones.
    colours : ndarray, shape (n, 4), or None
        Of points, from 0 to 1.
    face_colours : ndarray, shape (m, 4), or None
    """

    points: Floats
    triangles: Indices = field(default_factory=lambda: np.zeros((0, 3), np.int64))
    lines: Indices = field(default_factory=lambda: np.zeros((0, 2), np.int64))
    dots: Indices = field(default_factory=lambda: np.zeros(0, np.int64))
    material: Material | None = None
    uv: Floats | None = None
    glow_uv: Floats | None = None
    colours: Floats | None = None
    face_colours: Floats | None = None

    def __post_init__(self) -> None:
        """Check that triangles, lines and dots are of points that there are."""
        for rows in (self.triangles, self.lines, self.dots):
            require_rows(rows, len(self.points))


def require_rows(rows: Indices, count: int) -> None:
    """Raise a `DamagedError` for indices that are not of `count` rows."""
    for index in (rows.min(), rows.max()) if rows.size else ():
        if not 0 <= index < count:
            raise DamagedError(f"index {index} is out of bounds for {count} points")


@dataclass
class Model:
    """What a file holds.

    Attributes
    ----------
    parts : list of Part
    vertices : int or None
        Points that the file tells of, each instance's counted. None where it repeats them for each
        face, so that those count that differ.
    upright : int
        The axis that points up: 1 (Y) or 2 (Z).
    linear : bool
        Whether colours of materials and points (not of textures) are amounts of light, as in glTF,
        rather than what a screen is given.
    notes : list of str
        What could not be used.
    """

    parts: list[Part]
    vertices: int | None
    upright: int
    linear: bool = False
    notes: list[str] = field(default_factory=list)
