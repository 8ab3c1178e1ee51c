"""PLY: text, little and big endian; polygons, strips, edges, and clouds of points."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.errors import MediaError
from sensorium.media.objects.faults import DamagedError, plainly, shown
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
from sensorium.media.objects.geometry.numbers import numbers_of
from sensorium.media.objects.geometry.polygons import triangulate
from sensorium.media.objects.geometry.textures import Decoder, Texture

TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2",
    "ushort": "u2", "uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4",
    "float": "f4", "float32": "f4", "double": "f8", "float64": "f8", "int64": "i8", "uint64": "u8",
}  # fmt: skip
ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}

HARMONIC = 0.28209479177387814
"""The spherical harmonic of degree 0, which Gaussian splats give their colour by."""

COLOURS = (("red", "green", "blue"), ("r", "g", "b"),
           ("diffuse_red", "diffuse_green", "diffuse_blue"))  # fmt: skip
PLACES = (("texture_u", "texture_v"), ("u", "v"), ("s", "t"), ("texture_s", "texture_t"),
          ("s0", "t0"))  # fmt: skip
MAX_PROPERTIES = 1_000
"""Of all elements; Gaussian splats have 62."""

CORNERS = ("vertex_indices", "vertex_index")

Array = npt.NDArray[Any]


@dataclass
class _Property:
    name: str
    kind: str
    counted: str = ""  # the type of a list's length; empty for one value


@dataclass
class _Element:
    name: str
    count: int
    properties: list[_Property] = field(default_factory=list)
    values: dict[str, Array] = field(default_factory=dict)  # of lists, all in a row
    counts: dict[str, Indices] = field(default_factory=dict)  # lengths of lists


def read_ply(content: bytes, beside: Beside, limits: Limits) -> Model:
    """Read a PLY file; see `sensorium.media.objects.geometry.read_model`."""
    order, elements, pictures, body = _head(content)
    listed = sum(len(element.properties) for element in elements.values())
    if listed > MAX_PROPERTIES or len(elements) > MAX_PROPERTIES:
        raise DamagedError(f"its head tells of more than {MAX_PROPERTIES:,} properties")
    for element in elements.values():
        if element.count < 0:
            raise DamagedError(f"it tells of {element.count:,} rows of {shown(element.name)}")
        if element.properties and element.count > len(body):
            raise DamagedError(f"{element.count:,} rows of {element.name} are more than it holds")
        if element.name == "vertex":
            limits.check(0, element.count)
        elif element.name == "face":
            limits.check(element.count, 0)
    if order:
        _read_binary(body, order, list(elements.values()))
    else:
        _read_text(body, list(elements.values()))
    notes: list[str] = []
    parts, points = _parts(elements, _textures(pictures, beside, notes), limits, notes)
    return Model(parts, points, upright=2, notes=notes)


def _head(content: bytes) -> tuple[str, dict[str, _Element], list[str], bytes]:
    """Byte order, elements, names of textures, and what follows the head."""
    end = content.find(b"end_header")
    if not content.startswith(b"ply") or end < 0:
        raise DamagedError("it has no head of a PLY file")
    start = end + len(b"end_header")
    start += 2 if content[start : start + 2] == b"\r\n" else 1
    order: str | None = None
    elements: dict[str, _Element] = {}
    pictures = []
    element = _Element("", 0)
    for line in content[:end].decode("latin-1").splitlines():
        words = line.split()
        if words[:1] == ["format"]:
            order = ORDERS.get(words[1] if len(words) > 1 else "")
            if order is None:
                raise DamagedError("its head says no format that is read")
        elif words[:1] == ["element"]:
            if len(words) < 3 or not words[2].isdecimal() or len(words[2]) > 15:
                raise DamagedError("its head does not say how many rows an element has")
            element = elements.setdefault(words[1], _Element(words[1], int(words[2])))
        elif words[:2] == ["property", "list"]:
            element.properties.append(_Property(words[4], TYPES[words[3]], TYPES[words[2]]))
        elif words[:1] == ["property"]:
            element.properties.append(_Property(words[2], TYPES[words[1]]))
        elif [word.lower() for word in words[:2]] == ["comment", "texturefile"]:
            pictures.append(line.split(None, 2)[2].strip() if len(words) > 2 else "")
    if order is None:
        raise DamagedError("the head says no format")
    return order, elements, pictures, content[start:]


def _read_binary(body: bytes, order: str, elements: list[_Element]) -> None:
    at = 0
    for element in elements:
        at = _read_rows(body, at, order, element)


def _read_rows(body: bytes, at: int, order: str, element: _Element) -> int:
    """Read an element that begins at a byte; returns where the next one does."""
    if not element.count or not element.properties:
        return at
    # As nearly all are written: every row's lists are as long as those of the first.
    fields: list[Any] = []
    place = at
    for number, prop in enumerate(element.properties):
        kind = np.dtype(order + prop.kind)
        if not prop.counted:
            fields.append((f"{number}", kind))
            place += kind.itemsize
            continue
        counted = np.dtype(order + prop.counted)
        length = int(np.frombuffer(body, counted, 1, place)[0])
        if length < 0 or place + length * kind.itemsize > len(body):
            raise DamagedError("a list reaches past the end of the file")
        fields += [(f"{number} length", counted), (f"{number}", kind, (length,))]
        place += counted.itemsize + length * kind.itemsize
    layout = np.dtype(fields)
    if at + layout.itemsize * element.count <= len(body):
        rows = np.frombuffer(body, layout, element.count, at)
        lists = [n for n, prop in enumerate(element.properties) if prop.counted]
        if all((rows[f"{n} length"] == rows[f"{n} length"][0]).all() for n in lists):
            for number, prop in enumerate(element.properties):
                element.values[prop.name] = rows[f"{number}"].reshape(-1)
                if prop.counted:
                    element.counts[prop.name] = rows[f"{number} length"].astype(np.int64)
            return at + layout.itemsize * element.count
    return _read_ragged(body, at, order, element)


def _read_ragged(body: bytes, at: int, order: str, element: _Element) -> int:
    """Read an element whose lists are of different lengths, row by row."""
    found: list[list[int]] = [[] for _ in element.properties]  # where each value or list begins
    lengths: list[list[int]] = [[] for _ in element.properties]
    endian = "little" if order == "<" else "big"
    rules = [
        (starts, sizes, int(prop.kind[1]), int(prop.counted[1]) if prop.counted else 0)
        for starts, sizes, prop in zip(found, lengths, element.properties, strict=True)
    ]
    for _ in range(element.count):
        for starts, sizes, width, counted in rules:
            length = 1
            if counted:
                length = int.from_bytes(body[at : at + counted], endian)  # type: ignore[arg-type]
                at += counted
                sizes.append(length)
            starts.append(at)
            at += length * width
        if at > len(body):
            raise DamagedError("the file ends within its rows")
    raw = np.frombuffer(body, np.uint8)
    for prop, starts, sizes in zip(element.properties, found, lengths, strict=True):
        width = int(prop.kind[1])
        counts = np.array(sizes or [1] * element.count, np.int64)
        first = np.repeat(np.array(starts, np.int64) - (np.cumsum(counts) - counts) * width, counts)
        places = first + np.arange(len(first)) * width
        content = raw[places[:, None] + np.arange(width)]
        element.values[prop.name] = content.reshape(-1).view(order + prop.kind)
        if prop.counted:
            element.counts[prop.name] = counts
    return at


def _read_text(body: bytes, elements: list[_Element]) -> None:
    lines = [line for line in body.splitlines() if line.strip()]
    at = 0
    for element in elements:
        rows = lines[at : at + element.count]
        at += element.count
        if len(rows) < element.count:
            raise DamagedError(f"the file ends before its {element.count:,} rows of {element.name}")
        if not rows:
            continue
        widths = np.array([len(row.split()) for row in rows])
        numbers = numbers_of(b" ".join(rows))
        starts = np.cumsum(widths) - widths
        place = starts.copy()
        ends = starts + widths
        for prop in element.properties:
            if (place >= ends).any():
                raise DamagedError(f"a row of {element.name} has too few numbers")
            if not prop.counted:
                element.values[prop.name] = numbers[place]
                place += 1
                continue
            counts = numbers[place].astype(np.int64)
            if (counts < 0).any() or (place + 1 + counts > ends).any():
                raise DamagedError(f"a list of {element.name} reaches past its row")
            first = np.repeat(place + 1 - (np.cumsum(counts) - counts), counts)
            element.values[prop.name] = numbers[first + np.arange(len(first))]
            element.counts[prop.name] = counts
            place = place + 1 + counts


def _textures(names: list[str], beside: Beside, notes: list[str]) -> list[Material | None]:
    found: list[Material | None] = []
    decoder = Decoder(len(names[:64]))
    for name in names[:64]:
        try:
            pixels = decoder.decode(beside.read(name, "texture"))
            pixels = np.dstack([pixels[:, :, :3], np.full(pixels.shape[:2], 255, np.uint8)])
            found.append(Material(texture=Texture([pixels])))
            continue
        except FileNotFoundError:
            notes.append(f"the texture '{shown(name)}' is missing")
        except MediaError as error:
            notes.append(f"the texture '{shown(name)}' cannot be used ({error.reason})")
        except Exception as error:  # a picture that cannot be read does not cost the object
            notes.append(f"the texture '{shown(name)}' cannot be used ({plainly(error)})")
        found.append(None)
    return found


def _parts(
    elements: dict[str, _Element],
    materials: list[Material | None],
    limits: Limits,
    notes: list[str],
) -> tuple[list[Part], int]:
    vertex = elements.get("vertex", _Element("vertex", 0))
    if not {"x", "y", "z"} <= vertex.values.keys() - vertex.counts.keys():
        raise DamagedError("it has no points with x, y and z")
    points = _columns(vertex, ("x", "y", "z")).astype(np.float64)
    colours = _colours(vertex)
    places = _found(vertex, PLACES)
    uv = None if places is None else np.column_stack([places[:, 0], 1 - places[:, 1]])
    face = elements.get("face", _Element("face", 0))
    name = next((name for name in CORNERS if name in face.counts), "")
    parts = []
    if name:
        parts = _faces(face, name, Part(points, uv=uv, colours=colours), materials, limits, notes)
    if strips := elements.get("tristrips"):
        triangles = _of_strips(next(iter(strips.values.values())).astype(np.int64))
        limits.check(len(triangles), len(points))
        parts.append(Part(points, triangles, colours=colours))
    edge = elements.get("edge")
    if edge and {"vertex1", "vertex2"} <= edge.values.keys() and not parts:
        lines = _columns(edge, ("vertex1", "vertex2")).astype(np.int64)
        parts.append(Part(points, lines=lines, colours=colours))
    if not parts and len(points):
        parts.append(Part(points, dots=np.arange(len(points)), colours=colours))
    return parts, len(points)


def _faces(
    face: _Element,
    name: str,
    whole: Part,
    materials: list[Material | None],
    limits: Limits,
    notes: list[str],
) -> list[Part]:
    """Triangles of polygons, with the colours and places in a texture of faces and corners."""
    corners = face.values[name].astype(np.int64)
    counts = face.counts[name]
    require_rows(corners, len(whole.points))
    limits.check(int(np.maximum(counts - 2, 0).sum()), len(whole.points))
    triangles, polygons = triangulate(whole.points, corners, counts, notes)
    if not len(triangles):
        return []
    rows: Indices = corners[triangles]
    face_colours = _colours(face)
    whole.face_colours = None if face_colours is None else face_colours[polygons]
    if whole.face_colours is not None:
        whole.colours = None  # the nearer word counts
    if "texcoord" in face.counts and materials:
        if not (face.counts["texcoord"] == 2 * counts).all():
            triangles, polygons, rows = _with_places(face, counts, triangles, polygons, rows)
            whole.face_colours = None if face_colours is None else face_colours[polygons]
        # A list of two numbers for each corner: each is a point of its own then.
        begins = np.cumsum(face.counts["texcoord"]) - face.counts["texcoord"]
        behind = triangles - (np.cumsum(counts) - counts)[polygons][:, None]
        places = begins[polygons][:, None] + 2 * behind
        values = face.values["texcoord"].astype(np.float64)
        whole.uv = np.stack([values[places], 1 - values[places + 1]], axis=-1).reshape(-1, 2)
        whole.points = whole.points[rows.reshape(-1)]
        whole.colours = None if whole.colours is None else whole.colours[rows.reshape(-1)]
        rows = np.arange(rows.size).reshape(-1, 3)
    numbers = np.zeros(len(polygons), np.int64)
    if "texnumber" in face.values and len(materials) > 1:
        numbers = face.values["texnumber"].astype(np.int64)[polygons].clip(0, len(materials) - 1)
    parts = []
    for number in np.unique(numbers).tolist():
        chosen = numbers == number
        material = materials[number] if materials and whole.uv is not None else None
        colours = None if whole.face_colours is None else whole.face_colours[chosen]
        parts.append(
            Part(
                whole.points, rows[chosen], material=material, uv=whole.uv,
                colours=whole.colours, face_colours=colours,
            )
        )  # fmt: skip
    return parts


def _with_places(
    face: _Element, counts: Indices, triangles: Indices, polygons: Indices, rows: Indices
) -> tuple[Indices, Indices, Indices]:
    """Only triangles of faces that have a place for each corner."""
    kept = (face.counts["texcoord"] == 2 * counts)[polygons]
    return triangles[kept], polygons[kept], rows[kept]


def _of_strips(chain: Indices) -> Indices:
    """Triangles of strips that -1 divides."""
    ends = np.flatnonzero(chain < 0)
    starts = np.concatenate([[0], ends + 1])
    begins = np.zeros(len(chain), np.int64)
    begins[starts[starts < len(chain)]] = 1
    behind = np.arange(len(chain)) - starts[np.cumsum(begins) - 1]
    rows = np.stack([chain[:-2], chain[1:-1], chain[2:]], axis=1)
    turned = behind[:-2] % 2 == 1
    rows[turned] = rows[turned][:, [1, 0, 2]]
    return rows[(rows >= 0).all(axis=1)]


def _columns(element: _Element, names: tuple[str, ...]) -> Array:
    return np.stack([element.values[name] for name in names], axis=1)


def _found(element: _Element, choices: tuple[tuple[str, ...], ...]) -> Floats | None:
    for names in choices:
        if element.values.keys() >= {*names} and not element.counts.keys() & {*names}:
            return _columns(element, names).astype(np.float64)
    return None


def _colours(element: _Element) -> Floats | None:
    """Colours of an element's rows; what stands for white is said by the type, but for text."""
    found = _found(element, COLOURS)
    if found is not None:
        names = next(names for names in COLOURS if element.values.keys() >= {*names})
        kinds = {prop.name: prop.kind for prop in element.properties}
        return as_shares(found, {"u1": 255.0, "u2": 65535.0, "i4": 255.0}.get(kinds[names[0]]))
    splats = _found(element, (("f_dc_0", "f_dc_1", "f_dc_2"),))
    return None if splats is None else as_shares(0.5 + HARMONIC * splats, 1.0)
