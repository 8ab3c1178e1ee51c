"""OBJ: polygons, lines and points with the materials of MTL files (Wavefront, appendix B)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sensorium.errors import MediaError
from sensorium.media.objects.faults import DamagedError, shown
from sensorium.media.objects.geometry.beside import Beside
from sensorium.media.objects.geometry.colours import as_shares
from sensorium.media.objects.geometry.model import (
    Floats,
    Indices,
    Limits,
    Material,
    Model,
    Part,
    require_rows,
)
from sensorium.media.objects.geometry.mtl import MAX_MATERIALS, read_materials
from sensorium.media.objects.geometry.numbers import numbers_of, plain, ragged, table
from sensorium.media.objects.geometry.polygons import triangulate

MIN_CLOUD = 3
"""Points that nothing names are a cloud from so many on; less is what is left of something."""


@dataclass
class _Lines:
    """Lines of a file by their first word, with how many points came before."""

    points: list[bytes] = field(default_factory=list)
    places: list[bytes] = field(default_factory=list)
    faces: list[bytes] = field(default_factory=list)
    before: list[tuple[int, int]] = field(default_factory=list)
    strokes: list[bytes] = field(default_factory=list)
    dots: list[bytes] = field(default_factory=list)
    libraries: list[str] = field(default_factory=list)
    uses: list[tuple[int, str]] = field(default_factory=list)
    relative: bool = False


def read_obj(content: bytes, beside: Beside, limits: Limits) -> Model:
    """Read an OBJ file; see `sensorium.media.objects.geometry.read_model`."""
    lines = _sorted(plain(content))
    limits.check(len(lines.faces), len(lines.points))
    rows = table(lines.points, 3)
    points = rows[:, :3]
    # What MeshLab, ZBrush and scanners write: the colour behind the place.
    colours = as_shares(rows[:, 3:6]) if rows.shape[1] >= 6 else None
    places = table(lines.places, 1)
    places = np.column_stack([places[:, :1], places[:, 1:2] if places.shape[1] > 1 else
                              np.zeros(len(places))])  # fmt: skip
    places[:, 1] = 1 - places[:, 1]  # counted from below
    corners, of_place, counts = _corners(lines)
    require_rows(corners, len(points))
    limits.check(int(np.maximum(counts - 2, 0).sum()), len(points))
    notes: list[str] = []
    triangles, polygons = triangulate(points, corners, counts, notes)
    materials = read_materials(lines.libraries, beside, notes)
    parts = []
    names, numbers = _uses(lines.uses, len(counts))
    if len(names) > MAX_MATERIALS:
        raise MediaError(
            f"{len(names):,} materials; objects of over {MAX_MATERIALS:,} are not read", limits.name
        )
    order = np.argsort(numbers[polygons], kind="stable")  # by material, however often they change
    triangles = triangles[order]
    ends = np.searchsorted(numbers[polygons][order], np.arange(len(names) + 1))
    for name, first, last in zip(names, ends[:-1].tolist(), ends[1:].tolist(), strict=True):
        if first == last:
            continue
        material = materials.get(name)
        if name and material is None and lines.libraries:
            notes.append(f"material '{shown(name)}' is described nowhere")
        parts.append(
            _part(points, colours, places, corners, of_place, triangles[first:last], material)
        )
    parts += _strokes(points, colours, lines)
    if not parts and len(points) >= MIN_CLOUD:
        parts.append(Part(points, dots=np.arange(len(points)), colours=colours))
    return Model(parts, len(points), upright=1, notes=list(dict.fromkeys(notes)))


def _sorted(content: bytes) -> _Lines:
    """Lines of a file by what they say; a backslash at the end goes on in the next one."""
    lines = _Lines()
    if b"\\" in content:
        content = content.replace(b"\\\r\n", b" ").replace(b"\\\n", b" ")
    for line in content.splitlines():
        kind = line[:2]
        if kind not in (b"v ", b"f ", b"vt", b"vn"):
            line = line.strip().replace(b"\t", b" ")
            kind = line[:2]
        if b"#" in line:
            line = line.split(b"#")[0] if kind in (b"v ", b"f ", b"vt", b"l ", b"p ") else line
        if kind == b"v ":
            lines.points.append(line[2:])
        elif kind == b"f ":
            lines.faces.append(line[2:])
            lines.before.append((len(lines.points), len(lines.places)))
        elif kind == b"vt":
            lines.places.append(line[2:])
        elif kind == b"l ":
            lines.strokes.append(_absolute(line[2:], len(lines.points)))
        elif kind == b"p ":
            lines.dots.append(_absolute(line[2:], len(lines.points)))
        elif line.startswith(b"usemtl"):
            lines.uses.append((len(lines.faces), _name(line[6:])))
        elif line.startswith(b"mtllib"):
            lines.libraries.append(_name(line[6:]))
    return lines


def _name(text: bytes) -> str:
    return text.decode("utf-8", "replace").strip()


def _absolute(line: bytes, before: int) -> bytes:
    """Points of a line or of dots, as numbers from 1."""
    numbers = [int(word.split(b"/")[0]) for word in line.split()]
    return b" ".join(b"%d" % (n if n > 0 else before + n + 1) for n in numbers)


def _corners(lines: _Lines) -> tuple[Indices, Indices | None, Indices]:
    """Rows of points and of texture places for each corner of each polygon, and their counts."""
    joined = b" ".join(lines.faces)
    counts = np.array([len(face.split()) for face in lines.faces], np.int64)
    total = int(counts.sum())
    slashes, doubles = joined.count(b"/"), joined.count(b"//")
    if not slashes:
        numbers: Indices = numbers_of(joined).astype(np.int64).reshape(total, 1)
    elif (slashes, doubles) in ((total, 0), (2 * total, total), (2 * total, 0)):
        plain = joined.replace(b"/", b" ")
        numbers = numbers_of(plain).astype(np.int64)
        if numbers.size % total or any(ends in joined for ends in (b"/ ", b" /")):
            numbers = _one_by_one(joined)
        numbers = numbers.reshape(total, -1)
        if doubles:
            numbers = numbers[:, :1]
    else:
        numbers = _one_by_one(joined)
    if (numbers < 0).any():
        before = np.repeat(np.array(lines.before, np.int64).reshape(-1, 2), counts, axis=0)
        for column in range(min(numbers.shape[1], 2)):
            back = numbers[:, column] < 0
            numbers[back, column] += before[back, column] + 1
            if (numbers[back, column] <= 0).any():
                raise DamagedError("a face counts back past the first point")
    if (numbers[:, 0] == 0).any():
        raise DamagedError("index 0 is out of bounds: points are counted from 1")
    places = numbers[:, 1] - 1 if numbers.shape[1] > 1 else None
    return numbers[:, 0] - 1, places, counts


def _one_by_one(joined: bytes) -> Indices:
    """Point and texture place of corners that are written in different ways; 0 is none."""
    found = []
    for word in joined.split():
        point, _, rest = word.partition(b"/")
        found.append((int(point), int(rest.split(b"/")[0] or 0)))
    return np.array(found, np.int64).reshape(-1, 2)


def _uses(uses: list[tuple[int, str]], count: int) -> tuple[list[str], Indices]:
    """Names of materials, each once, and for each polygon which it is of."""
    runs = [(0, ""), *uses]
    names = {name: number for number, name in enumerate(dict.fromkeys(name for _, name in runs))}
    lengths = np.diff([start for start, _ in runs] + [count])
    return list(names), np.repeat([names[name] for _, name in runs], lengths)


def _part(
    points: Floats,
    colours: Floats | None,
    places: Floats,
    corners: Indices,
    of_place: Indices | None,
    triangles: Indices,
    material: Material | None,
) -> Part:
    """Triangles of one material, with only the points that they need."""
    rows = corners[triangles]
    textured = material is not None and (material.texture or material.glow_texture)
    if not textured or of_place is None or not len(places):
        if textured and material is not None:
            material = Material(material.factor, glow=material.glow, unlit=material.unlit)
        used, triangles = np.unique(rows, return_inverse=True)
        part = Part(points[used], triangles.reshape(-1, 3), material=material)
    else:
        where = of_place[triangles]
        where = np.where(where < 0, 0, where)
        require_rows(where, len(places))
        # The same point at two places of the picture is two points.
        pairs, triangles = np.unique(rows * len(places) + where, return_inverse=True)
        used = pairs // len(places)
        uv = places[pairs % len(places)]
        part = Part(points[used], triangles.reshape(-1, 3), material=material, uv=uv)
        part.glow_uv = uv
    part.colours = None if colours is None else colours[used]
    return part


def _strokes(points: Floats, colours: Floats | None, lines: _Lines) -> list[Part]:
    """Lines and dots; what they are made of is hardly ever said, and left out."""
    if not lines.strokes and not lines.dots:
        return []
    numbers, counts = ragged(lines.strokes)
    chain = numbers.astype(np.int64) - 1
    pairs = np.stack([chain[:-1], chain[1:]], axis=1) if len(chain) else np.zeros((0, 2), np.int64)
    joints = np.cumsum(counts)[:-1] - 1  # from the end of one to the start of the next
    pairs = np.delete(pairs, joints[joints < len(pairs)], axis=0)
    dots = numbers_of(b" ".join(lines.dots)).astype(np.int64) - 1
    return [Part(points, lines=pairs, dots=dots, colours=colours)]
