"""3-D objects."""

from __future__ import annotations

import base64
import json
import math
import struct
from collections.abc import Iterator

import numpy as np

from tests.campaigns.mutating.seeds import Seed
from tests.media.made_objects import FOUR, PLACES, SQUARE, Gltf, obj, pbr, ply, png
from tests.media.small_pictures import encode, red_blue

_POINTS = [
    (math.cos(turn) * radius, height, math.sin(turn) * radius)
    for height, radius in ((0, 1), (1, 0.7), (2, 0.3))
    for turn in np.linspace(0, 2 * math.pi, 8, endpoint=False).tolist()
]
_FACES = [
    (ring * 8 + n, ring * 8 + (n + 1) % 8, ring * 8 + 8 + (n + 1) % 8, ring * 8 + 8 + n)
    for ring in range(2)
    for n in range(8)
]
_TRIANGLES = [part for a, b, c, d in _FACES for part in ((a, b, c), (a, c, d))]


def seeds() -> Iterator[Seed]:
    vertices = [f"v {x:.5f} {y:.5f} {z:.5f}" for x, y, z in _POINTS]
    corners = [f"vt {u} {v}" for u, v in PLACES]
    faces = ["f " + " ".join(f"{n + 1}/{c}" for c, n in enumerate(face, 1)) for face in _FACES]
    half = len(faces) // 2
    lines = ["mtllib tower.mtl", "o tower", *vertices, *corners, "usemtl stone", *faces[:half],
             "usemtl picture", *faces[half:], "l 1 2 3"]  # fmt: skip
    materials = obj([
        "newmtl stone", "Kd 0.8 0.4 0.2", "d 0.9", "Ke 0 0 0", "newmtl picture", "Kd 1 1 1",
        "map_Kd tower.png",
    ])  # fmt: skip
    beside = {"tower.mtl": materials, "tower.png": png(FOUR)}
    yield Seed("tower.obj", "OBJ", obj(lines), beside)
    yield Seed("coloured.obj", "OBJ", obj([
        *(f"{line} 1 0.5 {n % 2}" for n, line in enumerate(vertices)),
        *("f " + " ".join(str(n - len(_POINTS)) for n in face) for face in _FACES),
    ]))  # fmt: skip
    yield from _stls()
    yield from _plys()
    yield from _gltfs()
    yield Seed("plain.off", "OFF", obj([
        "OFF", f"{len(_POINTS)} {len(_FACES)} 0", *(" ".join(map(str, one)) for one in _POINTS),
        *("4 " + " ".join(map(str, face)) + " 200 100 50" for face in _FACES),
    ]))  # fmt: skip


def _stls() -> Iterator[Seed]:
    points = np.array(_POINTS, np.float32)
    body = b"".join(
        struct.pack("<3f", 0, 0, 1) + points[list(face)].tobytes() + b"\0\0" for face in _TRIANGLES
    )
    head = b"made by a test".ljust(80, b"\0") + struct.pack("<I", len(_TRIANGLES))
    yield Seed("binary.stl", "STL", head + body)
    text = ["solid tower"]
    for face in _TRIANGLES:
        text += ["facet normal 0 0 1", "outer loop"]
        text += ["vertex {:.5f} {:.5f} {:.5f}".format(*_POINTS[n]) for n in face]
        text += ["endloop", "endfacet"]
    yield Seed("text.stl", "STL", obj([*text, "endsolid tower"]))


def _plys() -> Iterator[Seed]:
    head = [
        f"element vertex {len(_POINTS)}", "property float x", "property float y",
        "property float z", "property uchar red", "property uchar green", "property uchar blue",
        f"element face {len(_FACES)}", "property list uchar int vertex_indices",
    ]  # fmt: skip
    rows = [(*(round(value, 4) for value in point), 200, 100, 50) for point in _POINTS]
    rows += [(4, *face) for face in _FACES]
    yield Seed("text.ply", "PLY", ply(head, rows))
    kinds = " ".join(["fffBBB"] * len(_POINTS) + ["Biiii"] * len(_FACES))
    for form in ("binary_little_endian", "binary_big_endian"):
        yield Seed(f"{form[7:10]}.ply", "PLY", ply(head, rows, form, kinds))
    cloud = [(*point, 9) for point in _POINTS]
    yield Seed("cloud.ply", "PLY", ply(
        [f"element vertex {len(cloud)}", *(f"property double {axis}" for axis in "xyz"),
         "property uchar quality"],
        cloud, "binary_little_endian", " ".join(["dddB"] * len(cloud)),
    ))  # fmt: skip


def _gltfs() -> Iterator[Seed]:
    points = np.array(_POINTS, np.float32)
    corners = np.array(_TRIANGLES, np.uint16).ravel()
    model = Gltf(nodes=[
        {"mesh": 0, "children": [1]},
        {"mesh": 1, "translation": [0, 3, 0], "rotation": [0, 0.7071, 0, 0.7071]},
    ])  # fmt: skip
    colours = np.tile(np.array([[255, 128, 0, 255]], np.uint8), (len(points), 1))
    model.primitive(points, corners, material=pbr(0.5, 0.9, 0.5),
                    COLOR_0=model.array(colours, normalized=True))  # fmt: skip
    painted = pbr(1, 1, 1, texture=model.texture(FOUR, wrapS=33071))
    model.primitive(mesh=1, material=painted, TEXCOORD_0=PLACES)
    yield Seed("plain.glb", "glTF, GLB", model.glb())
    inner = Gltf()
    inner.primitive(points, corners, material=pbr(0.2, 0.4, 0.9))
    link = f"data:application/octet-stream;base64,{base64.b64encode(inner.binary).decode()}"
    buffers = [{"byteLength": len(inner.binary), "uri": link}]
    yield Seed(
        "inner.gltf", "glTF, GLB", json.dumps({**inner.document, "buffers": buffers}).encode()
    )
    outer = Gltf(images=[{"uri": "four.jpg"}], textures=[{"source": 0}])
    outer.primitive(SQUARE, material=pbr(1, 1, 1, texture=0), TEXCOORD_0=PLACES)
    buffers = [{"byteLength": len(outer.binary), "uri": "parts.bin"}]
    yield Seed(
        "outer.gltf", "glTF, GLB", json.dumps({**outer.document, "buffers": buffers}).encode(),
        {"parts.bin": outer.binary, "four.jpg": encode(red_blue(), "JPEG")},
    )  # fmt: skip
