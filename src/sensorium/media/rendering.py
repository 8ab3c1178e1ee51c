"""Pictures of 3-D objects by casting rays (Embree through trimesh)."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image

from sensorium.errors import MediaError, MissingExtraError

try:
    import embreex  # noqa: F401  (trimesh uses it when it is there, and is very slow without)
    import trimesh
except ImportError as error:
    raise MissingExtraError(error.name or "trimesh", "media") from error

logging.getLogger("trimesh").setLevel(logging.CRITICAL)  # it tells of every oddity it copes with

SAMPLES = 2
"""Rays along each side of a pixel."""

AMBIENT = 0.35
LIGHT = np.array([0.4, 0.6, 1.0]) / np.linalg.norm([0.4, 0.6, 1.0])
"""Towards the light, from the viewer: right, up, back."""

GREY = (170, 175, 180)
MARGIN = 1.08
UPRIGHT_Y = frozenset({"glb", "gltf", "obj"})
"""Formats whose upright axis is Y by standard or custom; that of the others is Z."""

_corners: Any = trimesh.bounds.corners
_barycentric: Any = trimesh.triangles.points_to_barycentric

Floats = npt.NDArray[np.floating[Any]]


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

    Raises
    ------
    MediaError
        When it has no faces, too many, or vertices that are no numbers.
    Exception
        Nearly any, of trimesh's readers; see `sensorium.media.decoding`.
    """

    def __init__(self, content: bytes, kind: str, path: Path | None, name: str, most: int) -> None:
        if kind == "gltf":
            json.loads(content)  # trimesh looks for another file where this one is broken
        resolver = trimesh.resolvers.FilePathResolver(str(path)) if path else None
        scene = trimesh.load_scene(io.BytesIO(content), file_type=kind, resolver=resolver)
        meshes = [m for m in scene.dump() if isinstance(m, trimesh.Trimesh) and len(m.faces)]
        faces = sum(len(mesh.faces) for mesh in meshes)
        if not faces:
            raise MediaError("the 3-D object has no faces", name)
        if faces > most:
            raise MediaError(f"{faces:,} faces; objects of over {most:,} are not read", name)
        colours = [_vertex_colours(mesh) for mesh in meshes]
        self._mesh: Any = trimesh.util.concatenate(
            [trimesh.Trimesh(mesh.vertices, mesh.faces, process=False) for mesh in meshes]
        )
        if not np.isfinite(self._mesh.vertices).all():
            raise MediaError("the 3-D object has vertices that are no numbers", name)
        self._colours = np.concatenate(colours)
        self._up = 1 if kind in UPRIGHT_Y else 2
        box = self._mesh.bounds
        self._centre = box.mean(axis=0)
        self._radius = max(float(np.linalg.norm(box[1] - box[0])) / 2, 1e-12)

    def facts(self) -> dict[str, Any]:
        """See `sensorium.media.Mesh.metadata`."""
        return {
            "faces": len(self._mesh.faces),
            "vertices": len(self._mesh.vertices),
            "extents": [round(float(length), 6) for length in self._mesh.extents],
            "watertight": bool(self._mesh.is_watertight),
        }

    def view(self, azimuth: float, elevation: float, side: int) -> PIL.Image.Image:
        """See `sensorium.media.Mesh.view`; parallel rays, so that nothing is out of shape."""
        a, e = np.radians([azimuth, elevation])
        right = np.array([np.cos(a), 0.0, -np.sin(a)])
        back = np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)])
        up = np.cross(back, right)
        axes = np.stack([right, up, back])
        if self._up == 2:  # from "Y is up, the viewer at +Z" to "Z is up, the viewer at -Y"
            axes = axes @ np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
        corners = (_corners(self._mesh.bounds) - self._centre) @ axes[:2].T
        half = max(float(np.abs(corners).max()), 1e-12) * MARGIN
        steps = (np.arange(side * SAMPLES) + 0.5) / (side * SAMPLES) * 2 - 1
        x, y = np.meshgrid(steps * half, -steps * half)
        origins = (
            self._centre
            + x.reshape(-1, 1) * axes[0]
            + y.reshape(-1, 1) * axes[1]
            + 2 * self._radius * axes[2]
        )
        directions = np.broadcast_to(-axes[2], origins.shape)
        rays: Any = self._mesh.ray
        faces, hit = rays.intersects_id(origins, directions, multiple_hits=False)[:2]
        pixels = np.full((len(origins), 3), 255.0)
        if len(hit):
            pixels[hit] = self._shade(faces, origins[hit], axes)
        pixels = pixels.reshape(side * SAMPLES, side * SAMPLES, 3).clip(0, 255).astype(np.uint8)
        return PIL.Image.fromarray(pixels).reduce(SAMPLES)

    def _shade(self, faces: npt.NDArray[np.integer[Any]], origins: Floats, axes: Floats) -> Floats:
        """The colour of points: the face's, brighter the more it looks at the light."""
        triangles = self._mesh.triangles[faces]
        normals = self._mesh.face_normals[faces]
        facing = np.abs(normals @ (LIGHT @ axes))  # a face has two sides: many files turn some
        shade = AMBIENT + (1 - AMBIENT) * facing
        # Where in its triangle each ray hits: what is seen along the ray does not change it.
        depth = np.einsum("ij,ij->i", triangles[:, 0] - origins, normals)
        slope = normals @ -axes[2]
        slope = np.where(np.abs(slope) < 1e-12, 1e-12, slope)
        points = origins + (depth / slope)[:, None] * -axes[2]
        weights = _barycentric(triangles, points).clip(0, 1)
        colours = self._colours[self._mesh.faces[faces]].astype(float)
        return np.asarray(np.einsum("ij,ijk->ik", weights, colours) * shade[:, None])


def _vertex_colours(mesh: Any) -> npt.NDArray[np.uint8]:
    """RGB of each vertex: painted, of the texture, of the material, or grey."""
    try:
        visual = mesh.visual
        if not visual.defined:
            raise ValueError("no colours")
        if visual.kind == "texture":
            visual = visual.to_color()
        colours = np.asarray(visual.vertex_colors)[:, :3]
        if colours.shape == (len(mesh.vertices), 3):
            return colours.astype(np.uint8)
    except Exception:  # colours that cannot be read do not cost the object
        pass
    return np.tile(np.array(GREY, np.uint8), (len(mesh.vertices), 1))
