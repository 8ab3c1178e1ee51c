"""Polygons into triangles: concave ones keep their notches."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.errors import MissingExtraError

try:
    import mapbox_earcut
except ImportError as error:
    raise MissingExtraError(error.name or "mapbox_earcut", "media") from error

Floats = npt.NDArray[np.floating[Any]]
Indices = npt.NDArray[np.integer[Any]]

MAX_CORNERS = 5_000
"""Polygons of more corners become fans: ear clipping of a crafted one takes their square."""

CHUNK = 1_000_000
"""Corners that are looked at together."""

FLAT = 1e-9
"""A corner turns inwards when its sine, times the sides, is under minus this share of the area."""


def triangulate(points: Floats, corners: Indices, counts: Indices) -> tuple[Indices, Indices]:
    """Cut polygons into triangles.

    Convex ones become fans from their first corner; others are cut by ear clipping (Meisters 1975;
    mapbox's earcut) in the plane that they lie in on average.

    Parameters
    ----------
    points : ndarray, shape (n, 3)
    corners : ndarray, shape (sum of counts,)
        Rows of `points`, polygon after polygon.
    counts : ndarray, shape (p,)
        Corners of each; polygons of less than three give nothing.

    Returns
    -------
    triangles : ndarray, shape (m, 3)
        Places in `corners`.
    polygons : ndarray, shape (m,)
        Which polygon each is of, ascending.

    Raises
    ------
    DamagedError
        When a corner is of no point.
    """
    starts = np.cumsum(counts) - counts
    found: list[Indices] = [np.zeros((0, 3), np.int64)]
    owners: list[Indices] = [np.zeros(0, np.int64)]
    for count in np.unique(counts[counts >= 3]).tolist():
        polygons = np.flatnonzero(counts == count)
        places = starts[polygons, None] + np.arange(count)
        if count == 3:
            found.append(places)
            owners.append(polygons)
            continue
        step = max(CHUNK // count, 1)
        for first in range(0, len(polygons), step):
            made, owner = _of_one_size(points, corners, places[first : first + step])
            found.append(made)
            owners.append(polygons[first : first + step][owner])
    triangles, polygons = np.concatenate(found), np.concatenate(owners)
    if len(found) > 2:  # several sizes: back into the file's order
        order = np.argsort(polygons, kind="stable")
        triangles, polygons = triangles[order], polygons[order]
    return triangles, polygons


def _of_one_size(points: Floats, corners: Indices, places: Indices) -> tuple[Indices, Indices]:
    """Cut polygons of the same number of corners; `places` has a row for each."""
    total, count = places.shape
    shapes = points[corners[places]]
    shapes = shapes - shapes[:, :1]
    # Only the form counts: squares of the file's own numbers need not be numbers.
    largest = np.abs(shapes).max(axis=(1, 2), keepdims=True)
    shapes = shapes / np.where(largest > 0, largest, 1)
    ahead = np.roll(shapes, -1, axis=1)
    normals = np.cross(shapes, ahead).sum(axis=1)  # Newell: twice the area, whatever the shape
    turns = np.cross(shapes - np.roll(shapes, 1, axis=1), ahead - shapes)
    bent = np.einsum("pci,pi->pc", turns, normals)
    slack = FLAT * np.einsum("pi,pi->p", normals, normals)
    inward = bent < -slack[:, None]
    concave = inward.any(axis=1)
    if count == 4:
        # From an inward corner to the opposite one, both triangles are inside.
        first = np.where(inward[:, 1] | inward[:, 3], 1, 0)
        turned = places[np.arange(total)[:, None], (first[:, None] + np.arange(4)) % 4]
        made = turned[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)
        return made, np.repeat(np.arange(total), 2)
    if count <= MAX_CORNERS:
        # All turns outwards, and yet more than once around: a star. Angles sum to one turn else.
        concave |= _winds_twice(shapes, ahead, normals)
    else:
        concave[:] = False
    fan = np.stack([np.zeros(count - 2, int), np.arange(1, count - 1), np.arange(2, count)], axis=1)
    whole = np.flatnonzero(~concave)
    made_of = [places[whole][:, fan].reshape(-1, 3)]
    owners = [np.repeat(whole, count - 2)]
    for polygon in np.flatnonzero(concave).tolist():
        cut = _clip(shapes[polygon], normals[polygon])
        cut = fan if cut is None else cut
        made_of.append(places[polygon][cut])
        owners.append(np.full(len(cut), polygon))
    made, owner = np.concatenate(made_of), np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    return made[order], owner[order]


def _winds_twice(shapes: Floats, ahead: Floats, normals: Floats) -> npt.NDArray[np.bool_]:
    """Whether the sides of polygons turn by more than once around."""
    sides = ahead - shapes
    following = np.roll(sides, -1, axis=1)
    lengths = np.linalg.norm(normals, axis=1)
    sine = np.einsum("pci,pi->pc", np.cross(sides, following), normals)
    cosine = np.einsum("pci,pci->pc", sides, following) * lengths[:, None]
    turned: npt.NDArray[np.bool_] = np.arctan2(sine, cosine).sum(axis=1) > 3 * np.pi
    return turned


def _clip(shape: Floats, normal: Floats) -> Indices | None:
    """Triangles of a concave polygon, as places among its corners; None where it is none."""
    if not np.isfinite(shape).all() or not (length := np.linalg.norm(normal)) > 0:
        return None
    normal = normal / length
    across = np.cross(normal, np.eye(3)[np.abs(normal).argmin()])
    across /= np.linalg.norm(across)
    flat = shape @ np.stack([across, np.cross(normal, across)], axis=1)
    flat /= np.abs(flat).max()  # earcut compares with numbers, not with the size
    rings = np.array([len(shape)], np.uint32)
    cut = mapbox_earcut.triangulate_float64(np.ascontiguousarray(flat, np.float64), rings)
    return np.asarray(cut, np.int64).reshape(-1, 3) if len(cut) else None
