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

MAX_CLIPPING = 1_000_000_000
"""Squares of the numbers of corners of all polygons that are clipped, together: up to 8 s of
crafted ones. Ordinary ones take far less than their square; what comes behind becomes fans."""

CHUNK = 250_000
"""Corners that are looked at together."""

FLAT = 1e-9
"""A corner turns inwards when its sine, times the sides, is under minus this share of the area."""


def triangulate(
    points: Floats, corners: Indices, counts: Indices, notes: list[str] | None = None
) -> tuple[Indices, Indices]:
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
    notes : list of str, optional
        Gets how many polygons could not be cut as they should be.

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
    clipping = _Clipping()
    for count in np.unique(counts[counts >= 3]).tolist():
        polygons = np.flatnonzero(counts == count)
        places = starts[polygons, None] + np.arange(count)
        if count == 3:
            found.append(places)
            owners.append(polygons)
            continue
        step = max(CHUNK // count, 1)
        for first in range(0, len(polygons), step):
            made, owner = _of_one_size(points, corners, places[first : first + step], clipping)
            found.append(made)
            owners.append(polygons[first : first + step][owner])
    if clipping.left_out and notes is not None:
        notes.append(
            f"{clipping.left_out:,} polygons of very many corners may have lost their notches"
        )
    triangles, polygons = np.concatenate(found), np.concatenate(owners)
    if len(found) > 2:  # several sizes: back into the file's order
        order = np.argsort(polygons, kind="stable")
        triangles, polygons = triangles[order], polygons[order]
    return triangles, polygons


class _Clipping:
    """How much has been clipped of an object's polygons, and how many were not."""

    def __init__(self) -> None:
        self._done = 0
        self.left_out = 0

    def may(self, count: int) -> bool:
        """Whether one more polygon of some corners may be clipped."""
        self._done += count * count
        if self._done <= MAX_CLIPPING:
            return True
        self.left_out += 1
        return False


def _of_one_size(
    points: Floats, corners: Indices, places: Indices, clipping: _Clipping
) -> tuple[Indices, Indices]:
    """Cut polygons of the same number of corners; `places` has a row for each."""
    total, count = places.shape
    if count > MAX_CORNERS:
        clipping.left_out += total
        return _fans(places), np.repeat(np.arange(total), count - 2)
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
    # All turns outwards, and yet more than once around: a star. Angles sum to one turn else.
    concave |= _winds_twice(shapes, ahead, normals)
    whole = np.flatnonzero(~concave)
    made_of = [_fans(places[whole])]
    owners = [np.repeat(whole, count - 2)]
    for polygon in np.flatnonzero(concave).tolist():
        cut = _clip(shapes[polygon], normals[polygon]) if clipping.may(count) else None
        made = _fans(places[polygon][None]) if cut is None else places[polygon][cut]
        made_of.append(made)
        owners.append(np.full(len(made), polygon))
    made, owner = np.concatenate(made_of), np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    return made[order], owner[order]


def _fans(places: Indices) -> Indices:
    """Triangles from the first corner of each polygon, shape (polygons * (corners - 2), 3)."""
    first = np.broadcast_to(places[:, :1], (len(places), places.shape[1] - 2))
    return np.stack([first, places[:, 1:-1], places[:, 2:]], axis=-1).reshape(-1, 3)


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
