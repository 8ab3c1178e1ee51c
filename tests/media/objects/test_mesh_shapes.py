"""Shapes of 3-D objects: polygons, placements, compact numbers, dots and lines."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import numpy as np
import pytest

from sensorium import Mesh
from sensorium.errors import MediaError
from sensorium.media import mesh as mesh_module
from sensorium.media.objects.geometry import polygons as polygons_module
from sensorium.media.objects.geometry.polygons import triangulate
from tests.media.made_objects import CORNERS, SQUARE, WHITE, Gltf, lit, obj, pbr, ply, seen

NOTCHED = [(0, 0), (4, 0), (4, 4), (2, 1), (0, 4)]
"""A square with a notch from above; its area is 10."""


def filled(mesh: Mesh, side: int = 160) -> float:
    """Share of a view from the front that is not white."""
    return float((np.asarray(mesh.view(0, 0, side)) < 250).any(axis=2).mean())


def area(mesh: Mesh) -> float:
    """What is not white, in units of the file, of an object whose longest side is 4."""
    return filled(mesh) * (4 * 1.08) ** 2


@pytest.mark.parametrize("start", range(5))
@pytest.mark.parametrize("turned", [1, -1])
def test_the_notch_of_a_polygon_is_empty(start: int, turned: int) -> None:
    order = np.roll(np.arange(5), start)[::turned]
    corners = " ".join(str(n + 1) for n in order)
    flat = obj([*(f"v {x} {y} 0" for x, y in NOTCHED), f"f {corners}"])
    head = ["element vertex 5", *(f"property float {a}" for a in "xyz"), "element face 1",
            "property list uchar int vertex_indices"]  # fmt: skip
    standing = [(x, 0, y) for x, y in NOTCHED]
    of_ply = ply(head, [*standing, [5, *order]])
    of_off = "\n".join(["OFF", "5 1 0", *(f"{x} {y} {z}" for x, y, z in standing),
                        "5 " + " ".join(map(str, order))]).encode()  # fmt: skip
    for content, kind in ((flat, "obj"), (of_ply, "ply"), (of_off, "off")):
        mesh = Mesh(content, kind)
        assert seen(mesh, 0, 0.25) == WHITE and seen(mesh, 0, -0.75) != WHITE
        assert seen(mesh, -0.75, 0.5) != WHITE != seen(mesh, 0.75, 0.5)
        assert area(mesh) == pytest.approx(10, rel=0.03)
        assert mesh.metadata()["faces"] == 3


@pytest.mark.parametrize("start", range(4))
def test_a_quad_like_an_arrow(start: int) -> None:
    points = np.roll([(0, 0), (2, 1), (4, 0), (2, 4)], start, axis=0)
    mesh = Mesh(obj([*(f"v {x} {y} 0" for x, y in points), "f 1 2 3 4"]), "obj")
    assert area(mesh) == pytest.approx(6, rel=0.03)


def test_polygons_of_many_sizes_at_once() -> None:
    """Every triangulation covers its polygon's area exactly, in whichever plane it lies."""
    rng = np.random.default_rng(0)
    points, corners, counts, areas = [], [], [], []
    for _ in range(60):
        count = int(rng.integers(3, 12))
        angles = np.sort(rng.uniform(0, 2 * np.pi, count - 1))
        while len(angles) > 2 and np.diff(np.append(angles, angles[0] + 2 * np.pi)).max() > 3:
            angles = np.sort(rng.uniform(0, 2 * np.pi, count - 1))
        radii = rng.uniform(0.2, 2, len(angles))
        flat = np.stack([np.cos(angles) * radii, np.sin(angles) * radii], axis=1)
        x, y = flat.T
        if len(flat) == 2:
            flat = np.array([[0, 0], [1, 0], [0, 1.0]])
            x, y = flat.T
        areas.append(abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2)
        plane = np.linalg.qr(rng.normal(size=(3, 3)))[0][:2]
        corners += list(range(len(points), len(points) + len(flat)))
        points += list(flat @ plane + rng.normal(size=3))
        counts.append(len(flat))
    where, rows = np.array(points), np.array(corners)
    triangles, polygons = triangulate(where, rows, np.array(counts))
    assert (np.diff(polygons) >= 0).all()
    shapes = where[rows[triangles]]
    sizes = np.linalg.norm(
        np.cross(shapes[:, 1] - shapes[:, 0], shapes[:, 2] - shapes[:, 0]), axis=1
    ) / 2  # fmt: skip
    np.testing.assert_allclose(np.bincount(polygons, sizes), areas, rtol=1e-9)


def test_obj_written_in_other_ways() -> None:
    square = ["v -1 -1 0", "v 1 -1 0", "v 1 1 0", "v -1 1 0"]
    whole = filled(Mesh(obj([*square, "f 1 2 3 4"]), "obj"))
    for faces in (
        ["vt 0 0", "vn 0 0 1", "f 1/1/1 2/1/1 3/1/1 4/1/1"], ["vn 0 0 1", "f 1//1 2//1 3//1 4//1"],
        ["f -4 -3 -2 -1"], ["vt 0 0", "f 1 2/1 3", "f 1//1 3//1 4//1"], ["f 1 2 \\", "3 4"],
        ["f 1 2 3 4 # the face"], ["g a", "s off", "f  1  2  3 ", "o b", "f 1 3 4\t"],
    ):  # fmt: skip
        mesh = Mesh(obj([*square, *faces]), "obj")
        assert filled(mesh) == whole, faces
        assert mesh.metadata()["faces"] == 2 and mesh.notes == []
    for encoding in ("utf-16", "utf-8-sig"):
        content = "\n".join([*square, "f 1 2 3 4"]).encode(encoding)
        assert filled(Mesh(content, "obj")) == whole
    odd = Mesh(obj(["v -1.e0 -1 0", *square[1:3], "v -1 1.0+e2 0", "f 1 2 3 4"]), "obj")
    assert filled(odd) == whole  # as C's programs read it
    with pytest.raises(MediaError, match="points are counted from 1"):
        Mesh(obj([*square, "f 0 1 2"]), "obj").view(0, 0)
    with pytest.raises(MediaError, match="counts back past the first point"):
        Mesh(obj([*square, "f -5 1 2"]), "obj").view(0, 0)


def node(**placed: Any) -> Mesh:
    made = Gltf(nodes=[{"mesh": 0, **placed}])
    return Mesh(made.primitive(material=pbr(1, 0, 0)).glb(), "glb")


@pytest.mark.parametrize(
    ("placed", "extents"),
    [
        ({}, [2, 2, 0]),
        ({"scale": [3, 1, 1]}, [6, 2, 0]),
        ({"scale": [-3, 1, 1]}, [6, 2, 0]),
        ({"rotation": [0, np.sqrt(0.5), 0, np.sqrt(0.5)]}, [0, 2, 2]),
        ({"matrix": [2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 9, 9, 9, 1]}, [4, 2, 0]),
    ],
)
def test_nodes_place_and_turn(placed: dict[str, Any], extents: list[float]) -> None:
    mesh = node(**placed)
    assert mesh.metadata()["extents"] == pytest.approx(extents, abs=1e-6)
    turned = np.asarray(mesh.view(90 if extents[0] == 0 else 0, 0, 64))
    assert (turned[32, 32] == np.round(lit(1, 0, 0))).all() or turned[32, 32, 0] > 100


def test_nodes_below_nodes_and_meshes_used_twice() -> None:
    made = Gltf(
        nodes=[
            {"children": [1, 2], "scale": [2, 2, 2]},
            {"mesh": 0},
            {"mesh": 0, "translation": [3, 0, 0]},
            {"mesh": 0, "translation": [90, 0, 0]},  # not of the scene
        ]
    ).primitive()
    facts = Mesh(made.glb(), "glb").metadata()
    assert facts["extents"] == [10, 4, 0] and facts["faces"] == 4 and facts["vertices"] == 8
    made.document["nodes"][2]["children"] = [0]  # a circle ends
    assert Mesh(made.glb(), "glb").metadata()["faces"] == 4


@pytest.mark.parametrize(("kind", "most"), [("i2", 32767), ("u2", 65535), ("i1", 127), ("u1", 255)])
@pytest.mark.parametrize("normalized", [True, False])
def test_quantized_points(kind: str, most: int, normalized: bool) -> None:
    low = 0 if kind[0] == "u" else -1
    points = np.where(SQUARE > 0, most, low * most) * [1, 1, 0]
    made = Gltf(extensionsRequired=["KHR_mesh_quantization"])
    number = made.array(points.astype(kind), normalized=normalized)
    made.primitive(number, material=pbr(1, 0, 0))
    scale = (2 / (1 - low)) * (1.0 if normalized else 1 / most)
    made.document["nodes"] = [{"mesh": 0, "scale": [scale, scale, scale]}]
    mesh = Mesh(made.glb(), "glb")
    assert mesh.metadata()["extents"] == pytest.approx([2, 2, 0], abs=1e-6)
    assert filled(mesh) == pytest.approx(1 / 1.08**2, abs=0.01)


def test_sparse_points() -> None:
    made = Gltf()
    number = made.array(SQUARE)
    accessor = made.document["accessors"][number]
    accessor["sparse"] = {
        "count": 2, "indices": {"bufferView": made.view(np.array([1, 2], "<u2").tobytes()),
                                "componentType": 5123},
        "values": {"bufferView": made.view(np.array([[3, -1, 0], [3, 1, 0]], "<f4").tobytes())},
    }  # fmt: skip
    made.primitive(number)
    assert Mesh(made.glb(), "glb").metadata()["extents"] == [4, 2, 0]
    del accessor["bufferView"]  # all that is not replaced is zero then
    assert Mesh(made.glb(), "glb").metadata()["extents"] == [3, 2, 0]
    accessor["sparse"]["indices"]["componentType"] = 5126
    with pytest.raises(MediaError):
        Mesh(made.glb(), "glb").view(0, 0)


def test_instances() -> None:
    made = Gltf(extensionsRequired=["EXT_mesh_gpu_instancing"])
    made.primitive(material=pbr(1, 0, 0))
    attributes = {
        "TRANSLATION": made.array(np.array([[0, 0, 0], [4, 0, 0], [8, 0, 0]], np.float32)),
        "SCALE": made.array(np.array([[1, 1, 1], [1, 2, 1], [1, 1, 1]], np.float32)),
        "ROTATION": made.array(np.array([[0, 0, 0, 127]] * 3, np.int8), normalized=True),
    }
    made.document["nodes"] = [
        {"mesh": 0, "extensions": {"EXT_mesh_gpu_instancing": {"attributes": attributes}}}
    ]
    mesh = Mesh(made.glb(), "glb")
    facts = mesh.metadata()
    assert facts["faces"] == 6 and facts["extents"] == pytest.approx([10, 4, 0])
    assert seen(mesh, -0.4) == WHITE and seen(mesh) != WHITE and seen(mesh, 0.8) != WHITE


def test_too_many_instances(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mesh_module, "MAX_FACES", 100)
    made = Gltf().primitive()
    moves = made.array(np.zeros((80, 3), np.float32))
    made.document["nodes"][0]["extensions"] = {
        "EXT_mesh_gpu_instancing": {"attributes": {"TRANSLATION": moves}}
    }
    with pytest.raises(MediaError, match="160 faces; objects of over 100 are not read"):
        Mesh(made.glb(), "glb").view(0, 0)


@pytest.mark.parametrize(
    ("mode", "corners", "faces"),
    [(4, CORNERS, 2), (5, [0, 1, 3, 2], 2), (6, [0, 1, 2, 3], 2), (6, None, 2), (4, None, 1)],
)
def test_fans_and_strips(mode: int, corners: Any, faces: int) -> None:
    rows = None if corners is None else np.array(corners, np.uint16)
    mesh = Mesh(Gltf().primitive(corners=rows, mode=mode).glb(), "glb")
    assert mesh.metadata()["faces"] == faces
    assert filled(mesh) == pytest.approx(faces / 2 / 1.08**2, abs=0.02)


@pytest.mark.parametrize(("mode", "sides"), [(1, 2), (2, 4), (3, 3)])
def test_lines(mode: int, sides: int) -> None:
    made = Gltf().primitive(corners=None, mode=mode, material=pbr(1, 0, 0))
    mesh = Mesh(made.glb(), "glb")
    assert seen(mesh, 0, -1)[0] > 200 > seen(mesh, 0, -1)[1]  # the lower side, in all of them
    assert seen(mesh) == WHITE
    drawn = sum(seen(mesh, *place) != WHITE for place in ((0, -1), (1, 0), (0, 1), (-1, 0)))
    assert drawn == sides


def test_white_is_seen_on_white() -> None:
    white = pbr(1, 1, 1, extensions={"KHR_materials_unlit": {}})
    for mode, place in ((0, (-1, -1)), (1, (0, -1)), (4, (0, -0.5))):
        mesh = Mesh(Gltf().primitive(corners=None, mode=mode, material=white).glb(), "glb")
        assert max(seen(mesh, *place)) < 230


def test_lines_and_dots_of_obj_and_edges_of_ply() -> None:
    square = ["v -1 -1 0", "v 1 -1 0", "v 1 1 0", "v -1 1 0"]
    mesh = Mesh(obj([*square, "l 1 2 3", "l -1 -4"]), "obj")
    drawn = [seen(mesh, *place) != WHITE for place in ((0, -1), (1, 0), (0, 1), (-1, 0), (0, 0))]
    assert drawn == [True, True, False, True, False]
    dots = Mesh(obj([*square, "p 1 2 3"]), "obj")
    assert seen(dots, -1, -1) != WHITE != seen(dots, 1, 1) and seen(dots, -1, 1) == WHITE
    head = ["element vertex 4", *(f"property float {a}" for a in "xyz"), "element edge 1",
            "property int vertex1", "property int vertex2"]  # fmt: skip
    edge = Mesh(ply(head, [(-1, 0, -1), (1, 0, -1), (1, 0, 1), (-1, 0, 1), (0, 2)]), "ply")
    assert seen(edge) != WHITE and seen(edge, 0.5, -0.5) == WHITE


def ball(count: int) -> np.ndarray:
    """Points all over a ball of radius 1, evenly (Fibonacci's spiral)."""
    number = np.arange(count) + 0.5
    height, angle = 1 - 2 * number / count, np.pi * (1 + 5**0.5) * number
    wide = np.sqrt(1 - height**2)
    return np.stack([wide * np.cos(angle), wide * np.sin(angle), height], axis=1)


@pytest.mark.parametrize("count", [3000, 30_000])
def test_clouds_of_points_fill_what_they_stand_for(count: int) -> None:
    points = ball(count)
    head = [f"element vertex {count}", *(f"property float {a}" for a in "xyz"),
            *(f"property uchar {c}" for c in ("red", "green", "blue"))]  # fmt: skip
    half = [[*map(float, p), *((255, 0, 0) if p[0] < 0 else (0, 0, 255))] for p in points]
    mesh = Mesh(ply(head, half), "ply")
    assert filled(mesh) == pytest.approx(np.pi / 4 / 1.08**2, rel=0.2)
    assert seen(mesh, -0.5) == [255, 0, 0] and seen(mesh, 0.5) == [0, 0, 255]
    facts = mesh.metadata()
    assert facts["faces"] == 0 and facts["vertices"] == count and not facts["watertight"]
    assert facts["extents"] == pytest.approx([2, 2, 2], abs=0.05)
    made = Gltf().primitive(points.astype(np.float32), None, mode=0, material=pbr(0, 1, 0))
    assert seen(Mesh(made.glb(), "glb")) == [0, 255, 0]
    plain = Mesh(obj([f"v {x} {y} {z}" for x, y, z in points]), "obj")
    assert filled(plain) == pytest.approx(np.pi / 4 / 1.08**2, rel=0.2)
    middle, edge = seen(plain), seen(plain, 0.9)
    assert middle[0] > edge[0] > 60  # nearer is brighter, so that a ball is no disc


def test_splats_have_the_colour_of_their_first_harmonic() -> None:
    names = [*"xyz", "f_dc_0", "f_dc_1", "f_dc_2"]
    head = ["element vertex 400", *(f"property float {name}" for name in names)]
    rows = [[*map(float, point), 1.7724539, -1.7724539, -1.7724539] for point in ball(400)]
    assert seen(Mesh(ply(head, rows), "ply")) == [255, 0, 0]


def test_morph_targets_and_skins_stand_as_they_are_stored() -> None:
    made = Gltf()
    wider = made.array((SQUARE * [1, 0, 0]).astype(np.float32))
    made.primitive(more={"targets": [{"POSITION": wider}]})
    made.document["meshes"][0]["weights"] = [0.5]
    assert Mesh(made.glb(), "glb").metadata()["extents"] == [3, 2, 0]
    made.document["nodes"][0]["weights"] = [1.0]
    assert Mesh(made.glb(), "glb").metadata()["extents"] == [4, 2, 0]
    made = Gltf()
    made.primitive(
        JOINTS_0=np.array([[0, 1, 0, 0]] * 4, np.uint8),
        WEIGHTS_0=np.array([[0.5, 0.5, 0, 0]] * 4, np.float32),
    )
    made.document["nodes"] = [
        {"mesh": 0, "skin": 0, "scale": [50, 50, 50]},  # a skin's joints count, not its own place
        {"children": [2], "scale": [3, 3, 3]}, {"translation": [2, 0, 0]},
    ]  # fmt: skip
    back = np.tile(np.eye(4, dtype=np.float32).reshape(-1), (2, 1))
    made.document["skins"] = [{"joints": [1, 2], "inverseBindMatrices": made.array(back)}]
    made.document["scenes"] = [{"nodes": [0, 1]}]
    assert Mesh(made.glb(), "glb").metadata()["extents"] == [6, 6, 0]


def test_corners_that_are_no_numbers() -> None:
    square = ["v -1 -1 0", "v 1 -1 0", "v 1 1 0", "v -1 1 0", "v nan 0 0"]
    mesh = Mesh(obj([*square, "f 1 2 3 4", "f 1 2 5"]), "obj")
    assert mesh.metadata()["extents"] == [2, 2, 0] and seen(mesh) != WHITE
    assert mesh.notes == ["1 faces have corners that are no numbers"]
    with pytest.raises(MediaError, match="vertices that are no numbers"):
        Mesh(obj([*square, "f 1 2 5"]), "obj").view(0, 0)
    head = ["element vertex 5", *(f"property float {a}" for a in "xyz")]
    cloud = Mesh(ply(head, [(-1, 0, -1), (1, 0, -1), ("nan",) * 3, (1, 0, 1), (-1, 0, 1)]), "ply")
    assert seen(cloud, 1, 1) != WHITE and cloud.notes == []  # nothing was measured there


def test_faces_without_area() -> None:
    mesh = Mesh(obj(["v 0 0 0", "v 1 1 1", "v 2 2 2", "f 1 2 3"]), "obj")
    assert filled(mesh) == 0
    assert mesh.notes == ["the faces of the 3-D object have no area: nothing is seen of it"]
    with pytest.raises(MediaError, match="all of the 3-D object is at one point"):
        Mesh(obj(["v 1 1 1", "v 1 1 1", "v 1 1 1", "f 1 2 3"]), "obj").view(0, 0)


def test_faces_that_look_away_are_seen() -> None:
    made = Gltf().primitive(corners=CORNERS[::-1].copy(), material=pbr(1, 0, 0))
    assert seen(Mesh(made.glb(), "glb"))[0] > 200


@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1e6, 1e30, 1e300])
def test_tiny_and_enormous(scale: float) -> None:
    lines = [f"v {x * scale!r} {y * scale!r} 0" for x, y in NOTCHED]
    mesh = Mesh(obj([*lines, "f 1 2 3 4 5"]), "obj")
    assert area(mesh) == pytest.approx(10, rel=0.03)
    moved = [f"v {x + 5e6} {y - 7e6} 0" for x, y in NOTCHED]  # metres on a map
    assert area(Mesh(obj([*moved, "f 1 2 3 4 5"]), "obj")) == pytest.approx(10, rel=0.03)


def test_what_is_compressed_is_said() -> None:
    made = Gltf().primitive()
    packed = {"bufferView": 0, "attributes": {"POSITION": 0}}
    primitive = made.document["meshes"][0]["primitives"][0]
    primitive["extensions"] = {"KHR_draco_mesh_compression": packed}
    assert Mesh(made.glb(), "glb").metadata()["faces"] == 2  # plain numbers are there, too
    for accessor in made.document["accessors"]:
        accessor.pop("bufferView")
    with pytest.raises(MediaError, match="compressed with Draco, which is not read: save it wi"):
        Mesh(made.glb(), "glb").view(0, 0)
    made.primitive(material=pbr(1, 0, 0))
    mesh = Mesh(made.glb(), "glb")
    assert seen(mesh)[0] > 200
    assert mesh.notes == ["a part of the 3-D object is compressed with Draco, which is not read"]
    made = Gltf().primitive()
    made.document["bufferViews"][0]["extensions"] = {"EXT_meshopt_compression": {"buffer": 0}}
    with pytest.raises(MediaError, match="compressed with meshopt"):
        Mesh(made.glb(), "glb").view(0, 0)


def test_a_broken_part_does_not_cost_the_others() -> None:
    made = Gltf().primitive(material=pbr(1, 0, 0))
    made.primitive(corners=np.array([0, 1, 9], np.uint16))
    mesh = Mesh(made.glb(), "glb")
    assert seen(mesh)[0] > 200
    (note,) = mesh.notes
    assert "a part of the 3-D object is broken (index 9 is out of bounds for 4 points" in note


def test_a_broken_material_costs_the_colour_alone() -> None:
    made = Gltf().primitive(material={"extensions": {"KHR_materials_emissive_strength": "much"}})
    mesh = Mesh(made.glb(), "glb")
    assert seen(mesh) != WHITE
    (note,) = mesh.notes
    assert "a material cannot be used (its parts do not fit together" in note
    mesh = Mesh(Gltf().primitive(material=pbr(texture=7)).glb(), "glb")
    assert seen(mesh) != WHITE and "there is no 7 among" in mesh.notes[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"asset": {"version": "1.0"}}, "glTF 1.0 is not read: convert it to glTF 2"),
        ({"accessors": [{"count": 10**12, "type": "VEC3", "componentType": 5126}] * 2}, "rows"),
        ({"meshes": []}, "there is no 0 among the file's 0 meshes"),
        ({"scenes": [{"nodes": [7]}]}, "there is no node 7 among its 1"),
        ({"bufferViews": [{"buffer": 0, "byteLength": 10**9}] * 2}, "past the end"),
    ],
)
def test_broken_documents(change: dict[str, Any], said: str) -> None:
    made = Gltf().primitive()
    made.document |= change
    with pytest.raises(MediaError, match=said):
        Mesh(made.glb(), "glb").view(0, 0)


def test_documents_as_text() -> None:
    made = Gltf().primitive(material=pbr(1, 0, 0))
    link = "data:application/octet-stream;base64,"
    buffers = [
        {"byteLength": len(made.binary), "uri": link + base64.b64encode(made.binary).decode()}
    ]
    content = json.dumps({**made.document, "buffers": buffers}).encode()
    assert seen(Mesh(b"\xef\xbb\xbf" + content, "gltf"))[0] > 200


def test_ply_that_ends_too_soon_and_strips() -> None:
    head = ["element vertex 4", *(f"property float {a}" for a in "xyz"), "element tristrips 1",
            "property list int int vertex_indices"]  # fmt: skip
    rows = [(-1, 0, -1), (1, 0, -1), (-1, 0, 1), (1, 0, 1), (8, 0, 1, 2, -1, 1, 2, 3, -1)]
    mesh = Mesh(ply(head, rows), "ply")
    assert mesh.metadata()["faces"] == 2 and filled(mesh) == pytest.approx(1 / 1.08**2, abs=0.02)
    content = ply(head, rows, "binary_little_endian", "fff fff fff fff i8i")
    assert filled(Mesh(content, "ply")) == filled(mesh)
    for short in (content[:-3], ply(head, rows[:3])):
        with pytest.raises(MediaError):
            Mesh(short, "ply").view(0, 0)


def test_many_nodes_take_time_that_grows_with_their_number() -> None:
    def seconds(count: int) -> float:
        made = Gltf(nodes=[{"mesh": 0, "translation": [n, 0, 0]} for n in range(count)])
        made.document["scenes"] = [{"nodes": [*range(count)]}]
        content = made.primitive().glb()
        begin = time.process_time()
        assert Mesh(content, "glb").metadata()["faces"] == 2 * count
        return time.process_time() - begin

    seconds(10)  # imports
    # With the square of the number it would be 64 times as long.
    assert seconds(8000) < 24 * max(seconds(1000), 0.05)


def test_clipping_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    points = np.array([(x, y, 0) for x, y in NOTCHED], np.float64)
    corners, counts = np.tile(np.arange(5), 4), np.full(4, 5)
    monkeypatch.setattr(polygons_module, "MAX_CLIPPING", 2 * 5 * 5)
    notes: list[str] = []
    triangles, polygons = triangulate(points, corners, counts, notes)
    assert np.bincount(polygons).tolist() == [3] * 4  # the last two are fans
    assert (triangles[6:] % 5 == [[0, 1, 2], [0, 2, 3], [0, 3, 4]] * 2).all()
    assert notes == ["2 polygons of very many corners may have lost their notches"]


def test_faces_that_lie_on_one_another_are_looked_at_once() -> None:
    one = obj([f"v {x} {y} {z}" for x, y, z in SQUARE.tolist()] + ["f 1 2 3", "f 1 3 4"])
    piled = Mesh(one + b"f 1 2 3\nf 3 1 4\n" * 300, "obj")
    assert piled.metadata()["faces"] == 602
    assert (np.asarray(piled.view(20, 30)) == np.asarray(Mesh(one, "obj").view(20, 30))).all()
