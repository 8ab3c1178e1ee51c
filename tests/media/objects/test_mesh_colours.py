"""Colours of 3-D objects: of materials, textures, points and faces, alone and together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorium import Mesh
from tests.media.made_objects import (
    FOUR,
    PLACES,
    SQUARE,
    WHITE,
    Gltf,
    colours_at,
    lit,
    obj,
    pbr,
    ply,
    png,
    screen,
    seen,
)

GREY = lit(170 / 255, 175 / 255, 180 / 255)
RED, GREEN, BLUE, YELLOW = lit(1, 0, 0), lit(0, 1, 0), lit(0, 0, 1), lit(1, 1, 0)
QUARTERS = ((-0.5, 0.5), (0.5, 0.5), (-0.5, -0.5), (0.5, -0.5))
"""Places of the four parts of a picture: above left and right, below left and right."""


def near(found: list[int], wanted: list[float], by: float = 2) -> bool:
    return bool(np.abs(np.subtract(found, wanted)).max() <= by)


def quarters(mesh: Mesh) -> list[list[int]]:
    return colours_at(mesh, *QUARTERS)


def all_near(found: list[list[int]], *wanted: list[float]) -> bool:
    return all(near(one, other) for one, other in zip(found, wanted, strict=True))


def gltf(material: dict[str, Any] | None, **attributes: Any) -> Mesh:
    return Mesh(Gltf().primitive(material=material, **attributes).glb(), "glb")


def textured(pixels: Any = FOUR, factor: tuple[float, ...] = (), **more: Any) -> Mesh:
    sampler = more.pop("sampler", {})
    places = more.pop("places", PLACES)
    made = Gltf()
    texture = made.texture(pixels, **sampler)
    made.primitive(material=pbr(*factor, texture=texture, **more), TEXCOORD_0=places)
    return Mesh(made.glb(), "glb")


def test_a_materials_factor_is_its_colour() -> None:
    assert near(seen(gltf(pbr(1, 0, 0))), RED)
    # The standard's numbers are amounts of light; half of it is 188 on a screen.
    assert near(seen(gltf(pbr(0.5, 0.25, 0))), lit(screen(0.5), screen(0.25), 0))
    assert near(seen(gltf(pbr())), lit(1, 1, 1))  # the standard's default
    assert near(seen(gltf(None)), GREY)  # no material, no word of a colour


@pytest.mark.parametrize(
    ("kind", "white"), [("u1", 255), ("u2", 65535), ("f4", 1.0), ("u1 as shares", 255)]
)
@pytest.mark.parametrize("material", [None, pbr(), pbr(1, 0.5, 1)])
def test_colours_of_points_beside_a_material(kind: str, white: float, material: Any) -> None:
    made = Gltf()
    colours = np.tile(np.array([[1, 0.5, 0, 1]]) * white, (4, 1))
    values = colours.round().astype(kind[:2]) if kind[0] == "u" else colours.astype("f4")
    number = made.array(values, normalized="shares" in kind)
    mesh = Mesh(made.primitive(material=material, COLOR_0=number).glb(), "glb")
    factor = (material or pbr(1, 1, 1))["pbrMetallicRoughness"].get("baseColorFactor", [1, 1, 1])
    assert near(seen(mesh), lit(1, screen(0.5 * factor[1]), 0))


def test_colours_between_points_are_mixed() -> None:
    colours = np.array([[255, 0, 0], [0, 0, 255], [0, 0, 255], [255, 0, 0]], np.uint8)
    mesh = gltf(None, COLOR_0=colours)
    assert near(seen(mesh), lit(screen(0.5), 0, screen(0.5)), 4)


def test_textures_are_sampled_at_each_pixel() -> None:
    assert all_near(quarters(textured()), RED, GREEN, BLUE, YELLOW)
    # The corners alone would say nothing of a picture of many squares.
    many = np.zeros((8, 8, 3), np.uint8)
    many[3, 5] = 255, 0, 255
    mesh = textured(many)
    assert near(seen(mesh, 0.375, 0.125), lit(1, 0, 1), 12) and near(
        seen(mesh, -0.375, 0.125), [0] * 3
    )


def test_factor_texture_and_colours_of_points_are_multiplied() -> None:
    grey = np.full((2, 2, 3), 188, np.uint8)  # half of the light
    assert near(seen(textured(grey, (1, 0.5, 0))), lit(screen(0.5), screen(0.25), 0))
    made = Gltf()
    colours = np.tile(np.array([[128, 255, 255, 255]], np.uint8), (4, 1))
    material = pbr(1, 0.5, 0, texture=made.texture(grey))
    made.primitive(material=material, TEXCOORD_0=PLACES, COLOR_0=colours)
    assert near(seen(Mesh(made.glb(), "glb")), lit(screen(0.25), screen(0.25), 0))


@pytest.mark.parametrize(
    ("wrap", "wanted"),
    [
        (10497, (YELLOW, BLUE, GREEN, RED)),
        (33648, (RED, GREEN, BLUE, YELLOW)),
        (33071, (YELLOW, YELLOW, YELLOW, YELLOW)),
    ],
)
def test_what_lies_beyond_a_texture(wrap: int, wanted: tuple[list[float], ...]) -> None:
    # The square shows what lies right of and below the picture, half a picture further on.
    mesh = textured(places=PLACES + 1.5, sampler={"wrapS": wrap, "wrapT": wrap})
    if wrap == 33648:
        mesh = textured(places=PLACES + 2, sampler={"wrapS": wrap, "wrapT": wrap})
        turned = textured(places=PLACES + 1, sampler={"wrapS": wrap, "wrapT": wrap})
        assert all_near(quarters(turned), YELLOW, BLUE, GREEN, RED)
    assert all_near(quarters(mesh), *wanted)


def test_textures_are_smooth_unless_their_sampler_says_otherwise() -> None:
    pixels = np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8)
    half = screen(0.5)  # of the light, not of what the screen is given
    assert near(seen(textured(pixels)), lit(half, half, half), 4)
    hard = textured(pixels, sampler={"magFilter": 9728})
    assert near(seen(hard, -0.1), [0] * 3) and near(seen(hard, 0.1), lit(1, 1, 1))


def test_fine_patterns_become_their_average() -> None:
    board = (np.indices((512, 512)).sum(axis=0) % 2 * 255).astype(np.uint8)
    picture = textured(np.dstack([board] * 3), places=PLACES * 8).view(0, 0, 216)
    inner = np.asarray(picture, float)[20:-20, 20:-20]
    assert np.abs(inner - lit(*[screen(0.5)] * 3)).max() < 6


def test_texture_transform_and_second_coordinates() -> None:
    moved = {"offset": [0.5, 0], "scale": [0.5, 1]}
    mesh = textured(info={"extensions": {"KHR_texture_transform": moved}})
    assert all_near(quarters(mesh), GREEN, GREEN, YELLOW, YELLOW)
    turned = {"rotation": np.pi / 2, "offset": [0, 1]}  # coordinates turn left, the picture right
    mesh = textured(info={"extensions": {"KHR_texture_transform": turned}})
    assert all_near(quarters(mesh), BLUE, RED, YELLOW, GREEN)
    made = Gltf()
    material = pbr(texture=made.texture(FOUR), info={"texCoord": 1})
    made.primitive(material=material, TEXCOORD_0=PLACES * 0, TEXCOORD_1=PLACES)
    assert all_near(quarters(Mesh(made.glb(), "glb")), RED, GREEN, BLUE, YELLOW)


def test_places_as_integers() -> None:
    made = Gltf()
    number = made.array((PLACES * 65535).astype(np.uint16), normalized=True)
    made.primitive(material=pbr(texture=made.texture(FOUR)), TEXCOORD_0=number)
    assert all_near(quarters(Mesh(made.glb(), "glb")), RED, GREEN, BLUE, YELLOW)


def test_what_is_cut_out_and_what_shines_through() -> None:
    half = np.dstack([FOUR, (np.arange(16) < 8) * np.full((16, 1), 255)]).astype(np.uint8)
    assert all_near(quarters(textured(half)), RED, GREEN, BLUE, YELLOW)  # opaque
    cut = textured(half, alphaMode="MASK")
    assert all_near(quarters(cut), RED, WHITE, BLUE, WHITE)
    low = textured(half, (1, 1, 1, 0.4), alphaMode="MASK", alphaCutoff=0.3)
    assert all_near(quarters(low), RED, WHITE, BLUE, WHITE)
    glass = gltf(pbr(1, 0, 0, 0.5, alphaMode="BLEND"))
    assert near(seen(glass), [(a + b) / 2 for a, b in zip(RED, WHITE, strict=True)])
    made = Gltf().primitive(material=pbr(1, 0, 0, 0.5, alphaMode="BLEND"))
    made.primitive(SQUARE - [0, 0, 1], material=pbr(0, 0, 1))
    mixed = [(a + b) / 2 for a, b in zip(RED, BLUE, strict=True)]
    mesh = Mesh(made.glb(), "glb")
    assert near(seen(mesh), mixed)
    behind = list(mesh.view(180, 0, 216).getpixel((108, 108)))  # type: ignore[arg-type]
    assert near(behind, BLUE)


def test_light_of_its_own_and_without_light() -> None:
    unlit = gltf(pbr(1, 0.5, 0, extensions={"KHR_materials_unlit": {}}))
    assert near(seen(unlit), [255, 255 * screen(0.5), 0])
    lamp = gltf(pbr(0, 0, 0, emissiveFactor=[0, 1, 0]))
    assert near(seen(lamp), [0, 255, 0])
    made = Gltf()
    material = pbr(0, 0, 0, emissiveFactor=[1, 1, 1])
    material["emissiveTexture"] = {"index": made.texture(FOUR)}
    made.primitive(material=material, TEXCOORD_0=PLACES)
    assert near(seen(Mesh(made.glb(), "glb"), -0.5, 0.5), [255, 0, 0])


def test_specular_glossiness() -> None:
    made = Gltf()
    glossy = {"diffuseFactor": [1, 1, 0, 1], "diffuseTexture": {"index": made.texture(FOUR)}}
    made.primitive(
        material={"extensions": {"KHR_materials_pbrSpecularGlossiness": glossy}}, TEXCOORD_0=PLACES
    )
    assert all_near(quarters(Mesh(made.glb(), "glb")), RED, GREEN, [0, 0, 0], YELLOW)


def test_several_materials_and_one_lost_texture(tmp_path: Path) -> None:
    made = Gltf()
    made.document["images"] = [{"uri": "gone.png"}]
    made.document["textures"] = [{"source": 0}]
    made.primitive(SQUARE * [0.5, 1, 1] - [0.5, 0, 0], material=pbr(1, 0, 0))
    made.primitive(
        SQUARE * [0.5, 1, 1] + [0.5, 0, 0], material=pbr(0, 0, 1, texture=0), TEXCOORD_0=PLACES
    )
    path = tmp_path / "two.glb"
    path.write_bytes(made.glb())
    mesh = Mesh(path)
    assert near(seen(mesh, -0.5), RED) and near(seen(mesh, 0.5), BLUE)
    (note,) = mesh.notes
    assert "texture 1" in note and "gone.png" in note
    (tmp_path / "gone.png").write_bytes(png(np.full((2, 2, 3), 255)))
    whole = Mesh(path)
    assert near(seen(whole, 0.5), BLUE) and whole.notes == []


# OBJ


def square_obj(*lines: str) -> bytes:
    corners = ["v -1 -1 0", "v 1 -1 0", "v 1 1 0", "v -1 1 0"]
    return obj([*corners, "vt 0 0", "vt 1 0", "vt 1 1", "vt 0 1", *lines])


def test_obj_with_a_colour_a_texture_and_both(tmp_path: Path) -> None:
    (tmp_path / "a.mtl").write_text(
        "newmtl red\nKd 1 0 0\nnewmtl half\nKd 0.5 0.5 0.5\n"
        "newmtl picture\nmap_Kd my four.png\nnewmtl both\nKd 1 0 0\nmap_Kd -s 1 1 1 my four.png\n"
    )
    (tmp_path / "my four.png").write_bytes(png(FOUR))

    def with_material(name: str) -> Mesh:
        path = tmp_path / f"{name}.obj"
        path.write_bytes(square_obj("mtllib a.mtl", f"usemtl {name}", "f 1/1 2/2 3/3 4/4"))
        return Mesh(path)

    assert near(seen(with_material("red")), RED)
    assert near(seen(with_material("half")), lit(0.5, 0.5, 0.5))  # as it is, not as light
    assert all_near(quarters(with_material("picture")), RED, GREEN, BLUE, YELLOW)
    assert all_near(quarters(with_material("both")), RED, [0] * 3, [0] * 3, RED)
    lost = with_material("unknown")
    assert near(seen(lost), GREY) and lost.notes == ["material 'unknown' is described nowhere"]


def test_obj_with_several_materials_and_parts_see_through(tmp_path: Path) -> None:
    (tmp_path / "a.mtl").write_text("newmtl one\nKd 1 0 0\nnewmtl two\nKd 0 0 1\nd 0.5\n")
    lines = [f"v {x} {y} 0" for x in (-1, 0, 1) for y in (-1, 1)]
    faces = ["mtllib a.mtl", "usemtl one", "f 1 3 4 2", "usemtl two", "f 3 5 6 4"]
    (tmp_path / "a.obj").write_bytes(obj([*lines, *faces]))
    mesh = Mesh(tmp_path / "a.obj")
    assert near(seen(mesh, -0.5), RED)
    assert near(seen(mesh, 0.5), [(a + b) / 2 for a, b in zip(BLUE, WHITE, strict=True)])


def test_obj_with_materials_in_turn_and_a_library_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "stuff").mkdir()
    (tmp_path / "stuff" / "a.mtl").write_text("newmtl a\nKd 1 0 0\nnewmtl b\nmap_Kd four.png\n")
    (tmp_path / "stuff" / "four.png").write_bytes(png(FOUR))
    lines = [f"v {x} {y} 0" for x in (-1, 0, 1) for y in (-1, 1)]
    places = ["vt 0 0", "vt 1 0", "vt 1 1", "vt 0 1"]
    faces = ["usemtl a", "f 1 3 2", "usemtl b", "f 3/1 5/2 6/3", "usemtl a", "f 2 3 4", "usemtl b",
             "f 3/1 6/3 4/4"]  # fmt: skip
    (tmp_path / "a.obj").write_bytes(obj(["mtllib stuff/a.mtl", *lines, *places, *faces]))
    mesh = Mesh(tmp_path / "a.obj")
    found = colours_at(mesh, (-0.7, -0.5), (-0.3, 0.5), (0.25, 0.5), (0.75, 0.5), (0.25, -0.5))
    assert all_near(found, RED, RED, RED, GREEN, BLUE) and mesh.notes == []


def test_obj_whose_files_are_missing(tmp_path: Path) -> None:
    (tmp_path / "a.obj").write_bytes(square_obj("mtllib gone.mtl", "usemtl x", "f 1/1 2/2 3/3"))
    mesh = Mesh(tmp_path / "a.obj")
    assert near(seen(mesh, 0.5, -0.5), GREY)
    assert mesh.notes[0] == "the materials in 'gone.mtl' are missing"
    (tmp_path / "gone.mtl").write_text("newmtl x\nKd 0 0 1\nmap_Kd C:\\art\\Wood.PNG\n")
    mesh = Mesh(tmp_path / "a.obj")
    assert near(seen(mesh, 0.5, -0.5), BLUE)
    assert mesh.notes == [
        "the texture 'C:\\art\\Wood.PNG' cannot be used (it is not in the folder of the 3-D file, "
        "and only there is it looked for)"
    ]
    (tmp_path / "wood.png").write_bytes(png(np.full((2, 2, 3), 255)))
    assert Mesh(tmp_path / "a.obj").notes == []  # what is left of the path, in any capitals


def test_obj_with_colours_of_points_and_a_mask(tmp_path: Path) -> None:
    rows = ["v -1 -1 0 1 0 0", "v 1 -1 0 1 0 0", "v 1 1 0 1 0 0", "v -1 1 0 1 0 0", "f 1 2 3 4"]
    assert near(seen(Mesh(obj(rows), "obj")), RED)
    (tmp_path / "m.png").write_bytes(png((np.arange(16) < 8) * np.full((16, 1), 255)))
    (tmp_path / "a.mtl").write_text("newmtl x\nKd 1 0 0\nmap_d m.png\n")
    (tmp_path / "a.obj").write_bytes(square_obj("mtllib a.mtl", "usemtl x", "f 1/1 2/2 3/3 4/4"))
    mesh = Mesh(tmp_path / "a.obj")
    assert near(seen(mesh, -0.5), RED) and near(seen(mesh, 0.5), WHITE)  # type: ignore[arg-type]


# PLY, OFF, STL: upright along Z, so that the square stands in X and Z.

STANDING = [(-1, 0, -1), (1, 0, -1), (1, 0, 1), (-1, 0, 1)]
PLACE = ["property float x", "property float y", "property float z"]
LIST = "property list uchar int vertex_indices"


@pytest.mark.parametrize("form", ["ascii", "binary_little_endian", "binary_big_endian"])
@pytest.mark.parametrize(("kind", "white", "letter"), [("uchar", 255, "B"), ("float", 1.0, "f"),
                                                       ("ushort", 65535, "H")])  # fmt: skip
def test_ply_with_colours_of_points(form: str, kind: str, white: float, letter: str) -> None:
    colours = [f"property {kind} {name}" for name in ("red", "green", "blue")]
    head = ["element vertex 4", *PLACE, *colours, "element face 1", LIST]
    rows = [[*place, white, 0, 0] for place in STANDING] + [[4, 0, 1, 2, 3]]
    content = ply(head, rows, form, " ".join([f"fff3{letter}"] * 4 + ["B4i"]))
    assert near(seen(Mesh(content, "ply")), RED)


@pytest.mark.parametrize("form", ["ascii", "binary_little_endian", "binary_big_endian"])
def test_ply_quads_and_triangles_with_colours_of_faces(form: str) -> None:
    colours = [f"property uchar {name}" for name in ("red", "green", "blue")]
    head = ["element vertex 6", *PLACE, "element face 3", LIST, *colours]
    points = [[x, 0, z] for x in (-1, 0, 1) for z in (-1, 1)]
    faces = [[4, 0, 2, 3, 1, 255, 0, 0], [3, 2, 4, 5, 0, 0, 255], [3, 2, 5, 3, 0, 255, 0]]
    kinds = "fff " * 6 + "B4i3B B3i3B B3i3B"
    mesh = Mesh(ply(head, [*points, *faces], form, kinds), "ply")
    assert near(seen(mesh, -0.8, 0.5), RED) and near(seen(mesh, -0.2, -0.5), RED)
    assert near(seen(mesh, 0.7, -0.5), BLUE) and near(seen(mesh, 0.3, 0.5), GREEN)
    assert mesh.metadata()["faces"] == 4


def test_ply_with_a_texture(tmp_path: Path) -> None:
    (tmp_path / "four.png").write_bytes(png(FOUR))
    points = [[*place, u, v] for place, (u, v) in zip(STANDING, [(0, 0), (1, 0), (1, 1), (0, 1)],
                                                      strict=True)]  # fmt: skip
    head = ["comment TextureFile four.png", "element vertex 4", *PLACE, "property float s",
            "property float t", "element face 1", LIST]  # fmt: skip
    (tmp_path / "a.ply").write_bytes(ply(head, [*points, [4, 0, 1, 2, 3]]))
    assert all_near(quarters(Mesh(tmp_path / "a.ply")), RED, GREEN, BLUE, YELLOW)
    head = ["comment TextureFile four.png", "element vertex 4", *PLACE, "element face 1", LIST,
            "property list uchar float texcoord"]  # fmt: skip
    face = [4, 0, 1, 2, 3, 8, 0, 0, 1, 0, 1, 1, 0, 1]
    (tmp_path / "b.ply").write_bytes(ply(head, [*STANDING, face]))
    assert all_near(quarters(Mesh(tmp_path / "b.ply")), RED, GREEN, BLUE, YELLOW)
    (tmp_path / "four.png").unlink()
    lost = Mesh(tmp_path / "b.ply")
    assert near(seen(lost), GREY) and lost.notes == ["the texture 'four.png' is missing"]


@pytest.mark.parametrize("colour", ["255 0 0", "255 0 0 255", "1.0 0.0 0.0", "1.0 0 0 1.0"])
def test_off_with_colours_of_faces(colour: str) -> None:
    points = [" ".join(map(str, place)) for place in STANDING]
    content = "\n".join(["OFF", "# a square", "4 2 0", *points, f"3 0 1 2 {colour}", "3 0 2 3"])
    mesh = Mesh(content.encode(), "off")
    assert near(seen(mesh, 0.5, -0.5), RED) and near(seen(mesh, -0.5, 0.5), GREY)


@pytest.mark.parametrize(
    ("keyword", "rest"),
    [("COFF", "255 0 0 255"), ("COFF", "1.0 0.0 0.0 1.0"), ("CNOFF", "0 1 0 1.0 0.0 0.0 1.0"),
     ("NOFF", "0 1 0"), ("STCOFF", "1.0 0.0 0.0 1.0 0.3 0.4"), ("OFF", "")],
)  # fmt: skip
def test_off_with_colours_of_points(keyword: str, rest: str) -> None:
    points = [" ".join(map(str, place)) + " " + rest for place in STANDING]
    content = "\n".join([f"{keyword} 4 1 0", *points, "4 0 1 2 3"])
    assert near(seen(Mesh(content.encode(), "off")), RED if "C" in keyword else GREY)


def test_stl_with_colours_of_magics_and_viscam() -> None:
    rows = np.zeros(2, [("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("extra", "<u2")])
    rows["corners"] = np.array(STANDING, np.float32)[[[0, 1, 2], [0, 2, 3]]]
    rows["extra"] = [31 << 10 | 1 << 15, 0]
    viscam = Mesh(bytes(80) + (2).to_bytes(4, "little") + rows.tobytes(), "stl")
    assert near(seen(viscam, 0.5, -0.5), RED) and near(seen(viscam, -0.5, 0.5), GREY)
    rows["extra"] = [31, 1 << 15]  # red is in the lowest bits, and the highest says "as the whole"
    head = b"COLOR=\0\0\xff\xff".ljust(80, b" ")
    magics = Mesh(head + (2).to_bytes(4, "little") + rows.tobytes(), "stl")
    assert near(seen(magics, 0.5, -0.5), RED) and near(seen(magics, -0.5, 0.5), BLUE)
