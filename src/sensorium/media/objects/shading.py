"""The colour of a 3-D object at places on its surface."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.media.objects.geometry.colours import screen_of, to_light, to_screen
from sensorium.media.objects.geometry.surface import Surface
from sensorium.media.objects.geometry.textures import Texture

AMBIENT = 0.35
LIGHT = np.array([0.4, 0.6, 1.0]) / np.linalg.norm([0.4, 0.6, 1.0])
"""Towards the light, from the viewer: right, up, back."""

PALEST = 224.0
"""What is drawn without light, dots and lines and unlit surfaces, is no nearer to the white ground
than white faces that look at the viewer are."""

CHUNK = 500_000
"""Triangles that are looked at together."""

Floats = npt.NDArray[np.floating[Any]]
Indices = npt.NDArray[np.integer[Any]]


class Shading:
    """Colours of a surface that is looked at.

    Parameters
    ----------
    surface : Surface
    points : ndarray, shape (n, 3)
        Of the surface, in the units that views are in.
    """

    def __init__(self, surface: Surface, points: Floats) -> None:
        self._surface = surface
        self.factors = np.array([m.factor for m in surface.materials], np.float32)
        self._painted = surface.colours is not None or surface.face_colours is not None
        self._glow = np.array([m.glow for m in surface.materials], np.float32)
        self._unlit = np.array([m.unlit for m in surface.materials])
        self.may_be_seen_through = any(
            m.see_through or m.cutoff is not None for m in surface.materials
        )
        count = len(surface.triangles)
        self.normals = np.empty((count, 3), np.float32)
        self.areas = np.empty(count, np.float32)
        for first in range(0, count, CHUNK):
            here = slice(first, first + CHUNK)
            corners = points[surface.triangles[here]]
            crossed = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
            lengths = np.linalg.norm(crossed, axis=1)
            self.normals[here] = crossed / np.maximum(lengths, 1e-300)[:, None]
            self.areas[here] = lengths / 2
        self._spread: dict[str, Floats] = {}

    def seen(
        self, faces: Indices, weights: Floats, axes: Floats, pixel: float
    ) -> tuple[Floats, Floats]:
        """Colour and opacity where rays hit.

        Parameters
        ----------
        faces : ndarray, shape (n,)
            The triangle that each ray hits.
        weights : ndarray, shape (n, 3)
            Shares of its corners at the place.
        axes : ndarray, shape (3, 3)
            To the right, up and towards the viewer.
        pixel : float
            The side of what a ray stands for.

        Returns
        -------
        colours : ndarray, shape (n, 3)
            From 0 to 255, as for a screen.
        opacity : ndarray, shape (n,)
            From 0 to 1.
        """
        surface = self._surface
        chosen = surface.material[faces]
        colours: Floats = self.factors[chosen]
        if surface.colours is not None:
            corners = surface.colours[surface.triangles[faces]]
            colours = colours * np.einsum("ij,ijk->ik", weights, corners)
        if surface.face_colours is not None:
            colours = colours * surface.face_colours[faces]
        normals = self.normals[faces]
        # A face has two sides: many files turn some.
        facing = np.abs(normals @ (LIGHT @ axes).astype(np.float32))
        shade = AMBIENT + (1 - AMBIENT) * facing
        shade[self._unlit[chosen]] = 1
        area = pixel * pixel / np.maximum(np.abs(normals @ axes[2].astype(np.float32)), 1e-3)
        shown = self._shown(colours, chosen)
        for row in np.unique(chosen).tolist():
            material = surface.materials[row]
            if material.texture is None and not any(material.glow):
                continue
            at = np.flatnonzero(chosen == row)
            place = (faces[at], weights[at], area[at])
            if material.texture is not None:
                texels = self._texels("uv", material.texture, *place)
                light, factor = texels[:, :3], colours[at, :3]
                if surface.linear:
                    shown[at] = screen_of(light * factor)
                else:
                    shown[at] = screen_of(light) * factor
                colours[at, 3] *= texels[:, 3]
            if any(material.glow):
                glow = np.broadcast_to(self._glow[row], (len(at), 3))
                if material.glow_texture is not None:
                    lit = self._texels("glow_uv", material.glow_texture, *place)[:, :3]
                    glow = glow * (lit if surface.linear else screen_of(lit))
                # Light that it gives off comes to what falls on it.
                reflected = shown[at] * shade[at, None]
                if surface.linear:
                    shown[at] = to_screen(to_light(reflected) + glow)
                else:
                    shown[at] = np.minimum(reflected + glow, 1)
                shade[at] = 1
            if material.cutoff is not None:
                colours[at, 3] = colours[at, 3] >= material.cutoff
        shown = shown * (shade * 255)[:, None]
        if self._unlit.any():
            flat = self._unlit[chosen]
            shown[flat] = _off_white(shown[flat])
        return shown, self._opacity(colours[:, 3], chosen)

    def flat(self, colours: Floats) -> Floats:
        """What a screen is given, from 0 to 255, for colours of lines and dots, shape (n, 4)."""
        shown = to_screen(colours[:, :3]) if self._surface.linear else colours[:, :3].clip(0, 1)
        return _off_white(np.round(shown * 255))

    def _shown(self, colours: Floats, chosen: Indices) -> Floats:
        """What a screen is given, from 0 to 1, of colours in the file's space, shape (n, 3)."""
        if not self._surface.linear:
            return np.asarray(colours[:, :3].clip(0, 1))
        if not self._painted:  # as few as there are materials
            return np.asarray(to_screen(self.factors[:, :3])[chosen])
        return screen_of(colours[:, :3])

    def _opacity(self, opacity: Floats, chosen: Indices) -> Floats:
        """1 where a material says nothing of it, whatever its colours' fourth numbers are."""
        counts = np.array([m.see_through or m.cutoff is not None for m in self._surface.materials])
        return np.where(counts[chosen], opacity.clip(0, 1), 1.0)

    def _texels(
        self, kind: str, texture: Texture, faces: Indices, weights: Floats, area: Floats
    ) -> Floats:
        uv = getattr(self._surface, kind)
        places = np.einsum("ij,ijk->ik", weights, uv[self._surface.triangles[faces]])
        return texture.sample(places, area * self._density(kind)[faces])

    def _density(self, kind: str) -> Floats:
        """Area in a texture's coordinates for each unit of area, by triangle; made once."""
        if kind not in self._spread:
            corners = getattr(self._surface, kind)[self._surface.triangles]
            first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
            areas = np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]) / 2
            self._spread[kind] = areas / np.maximum(self.areas, 1e-20)
        return self._spread[kind]


def _off_white(colours: Floats) -> Floats:
    """Colours from 0 to 255, the palest of them darker, so that the ground shows them."""
    least = colours.min(axis=1, keepdims=True, initial=255.0)
    return np.asarray(colours * np.where(least > PALEST, PALEST / np.maximum(least, 1.0), 1.0))
