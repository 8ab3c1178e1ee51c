"""OFF: polygons with colours of points or faces (Geomview's manual, "OFF Files")."""

from __future__ import annotations

import re

import numpy as np

from sensorium.errors import MediaError
from sensorium.media.objects.faults import DamagedError
from sensorium.media.objects.geometry.beside import Beside
from sensorium.media.objects.geometry.colours import as_shares
from sensorium.media.objects.geometry.model import (
    GREY,
    Floats,
    Indices,
    Limits,
    Model,
    Part,
    require_rows,
)
from sensorium.media.objects.geometry.numbers import plain, ragged, table
from sensorium.media.objects.geometry.polygons import triangulate

KEYWORD = re.compile(rb"(ST)?(C)?(N)?(4)?(n)?OFF\b")


def read_off(content: bytes, beside: Beside, limits: Limits) -> Model:
    """Read an OFF file; see `sensorium.media.objects.geometry.read_model`."""
    del beside  # it names no files
    content = plain(content)
    if b"#" in content:
        content = re.sub(rb"#[^\r\n]*", b"", content)
    text = content.lstrip()
    keyword = KEYWORD.match(text)
    if keyword is not None:
        text = text[keyword.end() :]
    if text[:100].strip()[:6].upper() == b"BINARY":
        raise MediaError("binary OFF is not read: save it as text, or as PLY", limits.name)
    if keyword is not None and keyword[5]:
        raise MediaError("OFF of any number of dimensions is not read", limits.name)
    lines = [line for line in text.splitlines() if line.strip()]
    sizes = re.match(rb"\s*(\d{1,15})\s+(\d{1,15})", lines[0] if lines else b"")
    if sizes is None:
        raise DamagedError("it does not begin with its numbers of points and faces")
    count, faces = int(sizes[1]), int(sizes[2])
    limits.check(faces, count)
    rows, polygons = lines[1 : 1 + count], lines[1 + count : 1 + count + faces]
    if len(rows) < count or len(polygons) < faces:
        raise DamagedError(f"the file ends before its {count:,} points and {faces:,} faces")
    flags = [bool(group) for group in keyword.groups()] if keyword else [False] * 5
    points, colours = _points(rows, textured=flags[0], normal=flags[2], fourth=flags[3])
    if not count:
        return Model([], 0, upright=2)
    if not faces:
        return Model([Part(points, dots=np.arange(count), colours=colours)], count, upright=2)
    numbers, widths = ragged(polygons)
    starts = np.cumsum(widths) - widths
    counts = numbers[starts].astype(np.int64)
    if (counts < 0).any() or (counts + 1 > widths).any():
        raise DamagedError("a face has fewer corners than it says")
    first = np.repeat(starts + 1 - (np.cumsum(counts) - counts), counts)
    corners = numbers[first + np.arange(len(first))].astype(np.int64)
    require_rows(corners, count)
    limits.check(int(np.maximum(counts - 2, 0).sum()), count)
    notes: list[str] = []
    triangles, owner = triangulate(points, corners, counts, notes)
    face_colours = _face_colours(polygons, numbers, starts + 1 + counts, starts + widths)
    part = Part(
        points, corners[triangles], colours=colours,
        face_colours=None if face_colours is None else face_colours[owner],
    )  # fmt: skip
    if part.face_colours is not None:
        part.colours = None  # the nearer word counts
    return Model([part], count, upright=2, notes=notes)


def _points(
    rows: list[bytes], *, textured: bool, normal: bool, fourth: bool
) -> tuple[Floats, Floats | None]:
    """Places and colours; normals stand before, coordinates of textures behind colours."""
    wide = 4 if fourth else 3
    numbers = table(rows, wide)
    points = numbers[:, :3] / numbers[:, 3:4] if fourth else numbers[:, :3]
    rest = numbers[:, wide + 3 * normal :]
    if textured:
        rest = rest[:, : rest.shape[1] - 2]
    colours = None
    if rest.shape[1] >= 3:
        written = b" ".join(b" ".join(row.split()[wide + 3 * normal :]) for row in rows[:1000])
        colours = as_shares(rest[:, :4], 1.0 if b"." in written and rest.max() <= 1 else 255.0)
    return points, colours


def _face_colours(
    lines: list[bytes], numbers: Floats, starts: Indices, ends: Indices
) -> Floats | None:
    """Colours behind the corners of faces: whole numbers up to 255, or with a point up to 1.

    A single number is a row of a table that the program has, not the file.
    """
    kinds = ends - starts
    coloured = kinds >= 3
    if not coloured.any():
        return None
    first = starts[coloured]
    found = np.stack([numbers[first], numbers[first + 1], numbers[first + 2]], axis=1)
    of_one = np.array([b"." in lines[row] for row in np.flatnonzero(coloured).tolist()])
    of_one &= (found <= 1).all(axis=1)
    shares = np.ones((len(lines), 4), np.float32)
    shares[:, :3] = GREY
    found[~of_one] /= 255
    shares[coloured] = as_shares(found, 1.0)
    return shares
