"""Pictures of 3-D objects by casting rays (Embree)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image

from sensorium.errors import MediaError, MissingExtraError
from sensorium.media.objects.faults import fewer
from sensorium.media.objects.geometry import Beside, Limits, read_model
from sensorium.media.objects.geometry.surface import Surface, distinct
from sensorium.media.objects.shading import Shading
from sensorium.media.objects.splats import (
    FILLING,
    LARGEST,
    LINE_RADIUS,
    along,
    distance_between,
    splat,
)
from sensorium.media.worker import memory

try:
    from embreex.mesh_construction import TriangleMesh
    from embreex.rtcore_scene import EmbreeScene
except ImportError as error:
    raise MissingExtraError(error.name or "embreex", "media") from error

SAMPLES = 2
"""Rays along each side of a pixel."""

MARGIN = 1.08

LAYERS = 12
"""Surfaces that a ray goes through at most, where they can be seen through."""

HARDLY = 1 / 256
"""What shines through less is not looked for."""

PAST = 2e-5
"""How far behind a surface a ray goes on, of an object that reaches from -1 to 1: hundred times
what Embree's numbers of 32 bits are sure of."""

FAR = 4.0
"""From where rays start: outside of what reaches from -1 to 1 on each axis."""

PILED = 64
"""How often an object's faces cover its box where some may be the same at the same place: each ray
would meet them all. A tree with leaves covers its own ten times."""

CHUNK = 1_000_000
"""Dots that are drawn together."""

FADED = 0.55
"""How bright the farthest dot of a cloud without colours is, so that its shape can be seen."""

Floats = npt.NDArray[np.floating[Any]]
Indices = npt.NDArray[np.integer[Any]]


IMPORTED = 200_000_000
"""Bytes of a process before it reads anything, and of what a view takes."""


def room() -> int | None:
    """Bytes that an object may take here."""
    most = memory()
    return None if most is None else most - IMPORTED


class Scene:
    """An object that has been read, ready to be looked at.

    Parameters
    ----------
    content : bytes
    kind : str
        Its format, as a suffix without the dot.
    path : Path or None
        Where materials and textures that it names are looked for.
    name : str
        For errors.
    most : int
        Faces, at most.

    Attributes
    ----------
    notes : list of str
        What could not be used.

    Raises
    ------
    MediaError
        When there is nothing to see in it, too much, or vertices that are no numbers.
    Exception
        Nearly any; see `sensorium.media.decoding`.
    """

    def __init__(self, content: bytes, kind: str, path: Path | None, name: str, most: int) -> None:
        model = read_model(content, kind, Beside(path), Limits(name, most, room))
        model.parts = [p for p in model.parts if len(p.triangles) or len(p.lines) or len(p.dots)]
        if not model.parts:
            raise MediaError("the 3-D object has no faces", name)
        self.notes = fewer(model.notes)
        self._vertices = model.vertices
        self._upright = model.upright
        self._surface = Surface(model)
        if dropped := self._surface.drop_unplaced():
            self.notes.append(f"{dropped:,} faces have corners that are no numbers")
        used = self._surface.used()
        if not len(used):
            raise MediaError("the 3-D object has vertices that are no numbers", name)
        low, high = used.min(axis=0), used.max(axis=0)
        self._extents = high - low
        # From -1 to 1, whatever the file's units: squares of its numbers need not be numbers.
        middle, half = low / 2 + high / 2, high / 2 - low / 2
        largest = float(half.max())
        if not largest > 0:
            if len(self._surface.triangles):
                raise MediaError("all of the 3-D object is at one point", name)
            raise MediaError("the 3-D object has no faces, and its points are one", name)
        self._points = self._surface.points / largest - middle / largest
        self._half = half / largest
        self._shading = Shading(self._surface, self._points)
        if not (self._shading.areas.any() or len(self._surface.lines) or len(self._surface.dots)):
            self.notes.append("the faces of the 3-D object have no area: nothing is seen of it")
        self._spacing = 0.0
        if len(self._surface.dots):
            self._spacing = distance_between(self._points[self._surface.dots])
        self._rays: Any = None
        self._of_hit: Indices | None = None
        if len(self._surface.triangles):
            triangles = self._surface.triangles
            box = 4 * (self._half[0] * self._half[1:].sum() + self._half[1] * self._half[2])
            if self._shading.areas.sum() > PILED * box:
                self._of_hit = self._surface.without_copies()
                triangles = triangles[self._of_hit]
            self._rays = EmbreeScene()
            TriangleMesh(
                scene=self._rays,
                vertices=self._points.astype(np.float32),
                indices=triangles.astype(np.int32),
            )

    def facts(self) -> dict[str, Any]:
        """See `sensorium.media.Mesh.metadata`."""
        surface, vertices = self._surface, self._vertices
        return {
            "faces": len(surface.triangles),
            "vertices": distinct(surface.points)[1] if vertices is None else vertices,
            "extents": [round(float(length), 6) for length in self._extents],
            "watertight": surface.is_watertight(),
        }

    def view(self, azimuth: float, elevation: float, side: int) -> PIL.Image.Image:
        """See `sensorium.media.Mesh.view`; parallel rays, so that nothing is out of shape."""
        a, e = np.radians([azimuth, elevation])
        right = np.array([np.cos(a), 0.0, -np.sin(a)])
        back = np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)])
        up = np.cross(back, right)
        axes = np.stack([right, up, back])
        if self._upright == 2:  # from "Y is up, the viewer at +Z" to "Z is up, the viewer at -Y"
            axes = axes @ np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
        # A box reaches as far in a direction as its half sides do together.
        reach = max(float((np.abs(axes[:2]) @ self._half).max()), 1e-12) * MARGIN
        rays = side * SAMPLES
        pixels = np.full((rays * rays, 3), 255.0, np.float32)
        depths = np.full(rays * rays, -np.inf, np.float32)
        if self._rays is not None:
            self._cast(pixels, depths, axes, reach, rays)
        if len(self._surface.lines) or len(self._surface.dots):
            self._draw(pixels, depths, axes, reach, rays)
        whole = pixels.reshape(rays, rays, 3).clip(0, 255).astype(np.uint8)
        return PIL.Image.fromarray(whole).reduce(SAMPLES)

    def _cast(self, pixels: Floats, depths: Floats, axes: Floats, reach: float, rays: int) -> None:
        """Send a ray through each pixel, and on through what can be seen through."""
        steps = (np.arange(rays) + 0.5) / rays * 2 - 1
        across = (steps * reach)[:, None] * axes[0]
        down = (-steps * reach)[:, None] * axes[1] + FAR * axes[2]
        origins = (down[:, None] + across[None]).reshape(-1, 3).astype(np.float32)
        forward = -axes[2].astype(np.float32)
        directions = np.tile(forward, (len(origins), 1))
        live = np.arange(len(origins))
        left = np.ones(len(origins), np.float32)  # how much of what comes is still seen
        pixel = 2 * reach / rays
        if self._shading.may_be_seen_through:
            pixels[:] = 0
        for _ in range(LAYERS):
            found = self._rays.run(origins, directions[: len(origins)], output=1)
            hit = np.flatnonzero(found["primID"] >= 0)
            if not len(hit):
                break
            u, v = found["u"][hit], found["v"][hit]
            weights = np.stack([1 - u - v, u, v], axis=1)
            faces = found["primID"][hit]
            faces = faces if self._of_hit is None else self._of_hit[faces]
            colours, opacity = self._shading.seen(faces, weights, axes, pixel)
            live = live[hit]
            if not self._shading.may_be_seen_through:
                pixels[live] = colours
                depths[live] = FAR - found["tfar"][hit]
                break
            pixels[live] += colours * (left[live] * opacity)[:, None]
            left[live] *= 1 - opacity
            reached = origins[hit] + found["tfar"][hit, None] * forward
            solid = opacity > 0.5
            nearest = live[solid][np.isneginf(depths[live[solid]])]
            depths[nearest] = (reached[solid] @ axes[2])[np.isneginf(depths[live[solid]])]
            on = left[live] > HARDLY
            live, origins = live[on], reached[on] + PAST * forward
            if not len(live):
                break
        if self._shading.may_be_seen_through:
            pixels += 255 * left[:, None]

    def _draw(self, pixels: Floats, depths: Floats, axes: Floats, reach: float, rays: int) -> None:
        """Draw lines and dots over it."""
        surface = self._surface
        scale = rays / (2 * reach)

        def placed(points: Floats) -> Floats:
            seen = points @ axes.T
            return np.stack(
                [rays / 2 + seen[:, 0] * scale, rays / 2 - seen[:, 1] * scale, seen[:, 2]], axis=1
            )

        if len(surface.lines):
            ends = self._points[surface.lines]
            rows, share = along(ends[:, 0], ends[:, 1], 2 * reach / rays)
            share = share[:, None]
            points = ends[rows, 0] * (1 - share) + ends[rows, 1] * share
            colours: Floats = self._shading.factors[surface.line_material[rows]]
            if surface.colours is not None:
                first, last = (surface.colours[surface.lines[rows, end]] for end in (0, 1))
                colours = colours * (first * (1 - share) + last * share)
            radius = max(LINE_RADIUS * rays, 1.0)
            splat(pixels, depths, placed(points), self._shading.flat(colours), radius, rays)
        radius = min(max(FILLING * self._spacing * scale, 1.0), LARGEST * rays)
        if len(surface.triangles) or len(surface.lines):  # marks on something, and no cloud
            radius = 2 * LINE_RADIUS * rays
        reach_back = max(float(np.abs(axes[2]) @ self._half), 1e-12)
        plain_ones = np.array([m is surface.unsaid for m in surface.materials])
        for first in range(0, len(surface.dots), CHUNK):
            rows = surface.dots[first : first + CHUNK]
            material = surface.dot_material[first : first + CHUNK]
            colours = self._shading.factors[material]
            if surface.colours is not None:
                colours = colours * surface.colours[rows]
            shown = self._shading.flat(colours)
            places = placed(self._points[rows])
            plain = plain_ones[material]
            if plain.any():
                share = (places[:, 2] / reach_back + 1) / 2
                faded = shown * (FADED + (1 - FADED) * share)[:, None]
                shown = np.where(plain[:, None], faded, shown)
            splat(pixels, depths, places, shown, radius, rays)
