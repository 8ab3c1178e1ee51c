"""3-D objects as three.js shows them: formats, colours, polygons, transforms, compact numbers.

Both draw without shadows (an even light), so that colours and outlines are compared. three.js cuts
polygons into fans and reads no OFF: what it is given instead has the right triangles.
"""

from __future__ import annotations

import itertools
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest

from sensorium import Mesh
from sensorium.media.isolation import WITHOUT
from tests.differential.viewer import Job, fetched_three, looked_at
from tests.media.made_objects import FOUR, Gltf, obj, pbr, ply, png

pytestmark = pytest.mark.slow

SIDE = 192
BLOCKS = 32
"""Averages of so many by so many parts are compared: edges are smoothed differently."""

ON_AVERAGE, NEARLY_ALL = 2.5, 40.0
"""Of 255: by how much averages may differ, over all and at 99 of 100 parts, edges among them."""

LEAST = 60

EXPLAINED: dict[str, str] = {
    "OBJ clamped, quads": "three.js takes -clamp for a part of the texture's name",
}
"""What differs, and why."""

Array = npt.NDArray[Any]

# A wedge: no two sides alike, so that what is turned or mirrored shows.
POINTS = np.array(
    [[-1, -0.6, 0.8], [1, -0.6, 0.8], [1, -0.6, -0.8], [-1, -0.6, -0.8],
     [-1, 0.9, 0.3], [0.4, 0.5, 0.3], [0.4, 0.5, -0.6], [-1, 0.9, -0.8]]
)  # fmt: skip
QUADS = np.array(
    [[0, 1, 5, 4], [1, 2, 6, 5], [2, 3, 7, 6], [3, 0, 4, 7], [4, 5, 6, 7], [3, 2, 1, 0]]
)
TRIANGLES = np.concatenate([QUADS[:, [0, 1, 2]], QUADS[:, [0, 2, 3]]])
PLACES = np.array([[0, 1], [1, 1], [1, 0], [0, 0]])
SIX = np.array([[255, 0, 0], [0, 160, 0], [0, 0, 255], [255, 200, 0], [0, 190, 190], [90, 0, 90]])

# Corners of each side for themselves, as colours and textures want them.
OWN = POINTS[QUADS].reshape(-1, 3)
OWN_TRIANGLES = np.array([[0, 1, 2], [0, 2, 3]])[None] + 4 * np.arange(6)[:, None, None]
OWN_TRIANGLES = OWN_TRIANGLES.reshape(-1, 3)
OWN_PLACES = np.tile(PLACES, (6, 1)).astype(np.float32)
OWN_COLOURS = SIX.repeat(4, axis=0).astype(np.uint8)
MIXED_COLOURS = np.roll(OWN_COLOURS, 1, axis=0)

NOTCHED = np.array([[-1, 0, -1], [1, 0, -1], [1, 0, 1], [0.1, 0, -0.4], [-1, 0, 0.8]])
NOTCHED_TRIANGLES = np.array([[0, 1, 3], [1, 2, 3], [0, 3, 4]])


@dataclass
class Case:
    """A file for both, or one for each."""

    name: str
    file: str
    content: bytes
    reference: tuple[str, bytes] | None = None
    beside: dict[str, bytes] = field(default_factory=dict)
    mtl: str = ""
    points: bool = False
    slack: float = 1.0


# glTF

KINDS = {"f4": 1.0, "i2": 32767, "u2": 65535, "i1": 127, "u1": 255}


def quantized(made: Gltf, kind: str, normalized: bool) -> tuple[int, dict[str, Any]]:
    """The wedge's points as another type, and what a node does to have them as they were."""
    if kind == "f4":
        return made.array(OWN.astype(np.float32)), {}
    most = KINDS[kind]
    low, high = (OWN.min(axis=0), OWN.max(axis=0)) if kind[0] == "u" else (0, 1)
    whole = ((OWN - low) / (np.asarray(high) - low) * most).round().astype(kind)
    made.document.setdefault("extensionsUsed", []).append("KHR_mesh_quantization")
    made.document["extensionsRequired"] = ["KHR_mesh_quantization"]
    entry = made.array(whole, normalized=normalized)
    made.document["accessors"][entry] |= {
        "min": whole.min(axis=0).tolist(), "max": whole.max(axis=0).tolist()
    }  # fmt: skip
    unit = 1.0 if normalized else most
    scale = (np.asarray(high) - low) / unit * np.ones(3)
    return entry, {"scale": scale.tolist(), "translation": (low * np.ones(3)).tolist()}


HALF = np.dstack([FOUR, (np.indices((16, 16)).sum(axis=0) % 16 < 8) * 255]).astype(np.uint8)
GLOW = np.where(FOUR[:, :, :1] > 0, np.uint8(200), np.uint8(20)) * np.ones((1, 1, 3), np.uint8)

COLOURS: dict[str, Any] = {
    "factor": lambda made: (pbr(0.8, 0.3, 0.05), {}),
    "default": lambda made: (pbr(), {}),
    "points": lambda made: (None, {"COLOR_0": made.array(MIXED_COLOURS, normalized=True)}),
    "points of 4 words": lambda made: (
        pbr(),
        {"COLOR_0": made.array(np.column_stack([MIXED_COLOURS.astype(np.uint16) * 257,
                                                np.full(24, 65535, np.uint16)]), normalized=True)},
    ),
    "points times factor": lambda made: (
        pbr(0.9, 0.5, 0.7), {"COLOR_0": made.array((MIXED_COLOURS / 255).astype(np.float32))}
    ),
    "texture": lambda made: (pbr(texture=made.texture(FOUR)), {}),
    "texture times factor": lambda made: (pbr(0.7, 0.4, 0.9, texture=made.texture(FOUR)), {}),
    "texture times points": lambda made: (
        pbr(texture=made.texture(FOUR)), {"COLOR_0": made.array(MIXED_COLOURS, normalized=True)}
    ),
    "hard pixels": lambda made: (
        pbr(texture=made.texture(FOUR[::8, ::8], magFilter=9728, minFilter=9728)), {}
    ),
    "soft pixels": lambda made: (
        pbr(texture=made.texture(FOUR[::8, ::8], wrapS=33071, wrapT=33071)), {}
    ),
    "moved texture": lambda made: (
        pbr(texture=made.texture(FOUR), info={"extensions": {"KHR_texture_transform": {
            "offset": [0.3, 0.1], "rotation": 0.6, "scale": [1.5, 1.5]}}}), {}
    ),
    "mirrored": lambda made: (
        pbr(texture=made.texture(FOUR, wrapS=33648, wrapT=33071), info={"extensions": {
            "KHR_texture_transform": {"scale": [3, 2], "offset": [-1.2, -0.4]}}}), {}
    ),
    "cut out": lambda made: (pbr(texture=made.texture(HALF), alphaMode="MASK"), {}),
    "cut out by factor": lambda made: (
        pbr(1, 1, 1, 0.6, texture=made.texture(HALF), alphaMode="MASK", alphaCutoff=0.55), {}
    ),
    "unlit": lambda made: (pbr(0.2, 0.6, 0.9, extensions={"KHR_materials_unlit": {}}), {}),
    "glow": lambda made: (pbr(0.1, 0.2, 0.4, emissiveFactor=[0.5, 0.1, 0]), {}),
    "glow by picture": lambda made: (
        pbr(0.1, 0.1, 0.1, emissiveFactor=[1, 1, 0.5],
            emissiveTexture={"index": made.texture(GLOW)}), {}
    ),
    "opaque": lambda made: (pbr(1, 1, 1, 0.2, texture=made.texture(HALF)), {}),
}  # fmt: skip

TURNS: dict[str, dict[str, Any]] = {
    "plain": {},
    "turned": {"rotation": [0.2, 0.4, 0.1, 0.8888194417], "scale": [1.2, 0.7, 2]},
    "mirrored": {"scale": [-1.5, 1, 1], "translation": [5, 6, 7]},
    "matrix": {"matrix": [0, 2, 0, 0, -0.6, 0, 0.8, 0, 0.8, 0, 0.6, 0, 3, 2, 1, 1]},
}

MODES: dict[str, tuple[int, Array | None]] = {
    "triangles": (4, OWN_TRIANGLES.reshape(-1).astype(np.uint16)),
    "long indices": (4, OWN_TRIANGLES.reshape(-1).astype(np.uint32)),
    "bytes": (4, OWN_TRIANGLES.reshape(-1).astype(np.uint8)),
}


def gltf_cases() -> list[Case]:
    cases = []
    kinds = itertools.cycle([(k, n) for k in KINDS for n in (True, False) if k != "f4" or n])
    turns, modes = itertools.cycle(TURNS.items()), itertools.cycle(MODES.items())
    for (name, colour), _ in itertools.product(COLOURS.items(), range(5)):
        (kind, normalized), (turn, placed), (mode, (number, corners)) = (
            next(kinds), next(turns), next(modes)
        )  # fmt: skip
        made = Gltf()
        material, attributes = colour(made)
        if material is not None:
            material["name"] = "said"
            text = str(material)
            made.document["extensionsUsed"] = [
                name for name in ("KHR_texture_transform", "KHR_materials_unlit") if name in text
            ]
        points, back = quantized(made, kind, normalized)
        made.primitive(
            points, corners, mode=number, material=material,
            TEXCOORD_0=made.array(OWN_PLACES), **attributes,
        )  # fmt: skip
        made.document["nodes"] = [{"children": [1], **placed}, {"mesh": 0, **back}]
        title = f"glTF {name}, {kind}{' shares' * normalized}, {turn}, {mode}"
        cases.append(Case(title, f"{len(cases)}.glb", made.glb()))
    return cases


def other_gltf_cases() -> list[Case]:
    """Strips, fans, parts without indices, instances, sparse points, blends, dots."""
    found: dict[str, Gltf] = {}
    red = {"name": "said", **pbr(0.8, 0.1, 0.1)}
    blue = {"name": "said", **pbr(0.1, 0.2, 0.9)}
    around = np.array([0, 1, 4, 5, 7, 6, 3, 2], np.uint16)
    wedge = POINTS.astype(np.float32)
    found["strip"] = Gltf().primitive(wedge, around, mode=5, material=red)
    found["fan"] = Gltf().primitive(wedge, np.array([4, 0, 1, 5, 6, 7, 3, 0], np.uint16), mode=6,
                                    material=red)  # fmt: skip
    found["no indices"] = Gltf().primitive(wedge[TRIANGLES].reshape(-1, 3), None, material=blue)
    indices = TRIANGLES.reshape(-1).astype(np.uint16)
    two = Gltf().primitive(wedge, indices, material=red)
    two.primitive(wedge * 0.5 + np.float32([1.5, 0, 0]), indices, material=blue)
    found["two materials"] = two
    copies = Gltf(extensionsUsed=["EXT_mesh_gpu_instancing"])
    copies.primitive(wedge, indices, material=red)
    attributes = {
        "TRANSLATION": copies.array(np.array([[0, 0, 0], [3, 1, 0], [-3, 0, -2]], np.float32)),
        "ROTATION": copies.array(np.array([[0, 0, 0, 1], [0, 1, 0, 0], [0.5**0.5, 0, 0, 0.5**0.5]],
                                          np.float32)),
        "SCALE": copies.array(np.array([[1, 1, 1], [0.5, 2, 1], [1, 1, 2]], np.float32)),
    }  # fmt: skip
    copies.document["nodes"] = [{"mesh": 0, "rotation": [0, 0, 0.5**0.5, 0.5**0.5], "extensions": {
        "EXT_mesh_gpu_instancing": {"attributes": attributes}}}]  # fmt: skip
    found["instances"] = copies
    sparse = Gltf()
    number = sparse.array(wedge)
    sparse.document["accessors"][number]["sparse"] = {
        "count": 1, "indices": {"bufferView": sparse.view(b"\x05"), "componentType": 5121},
        "values": {"bufferView": sparse.view(np.array([[1.4, 1.2, 0.3]], "<f4").tobytes())},
    }  # fmt: skip
    found["sparse"] = sparse.primitive(number, indices, material=blue)
    glass = Gltf()
    square = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float32)
    corners = np.array([0, 1, 2, 0, 2, 3], np.uint16)
    glass.primitive(square, corners, material=blue)
    yellow = {"name": "said", **pbr(1, 0.8, 0, 0.4, alphaMode="BLEND")}
    glass.primitive(square * 0.7 + np.float32([0, 0, 1]), corners, material=yellow)
    found["glass before blue"] = glass
    bent = Gltf().primitive(
        wedge, indices, material=red,
        JOINTS_0=np.array([[0, 1, 0, 0]] * 8, np.uint8),
        WEIGHTS_0=np.column_stack([1 - (wedge[:, 1] > 0), wedge[:, 1] > 0, wedge[:, :2] * 0])
        .astype(np.float32),
    )  # fmt: skip
    back = np.tile(np.eye(4, dtype=np.float32).reshape(-1), (2, 1))
    bent.document["skins"] = [{"joints": [1, 2], "inverseBindMatrices": bent.array(back)}]
    bent.document["nodes"] = [{"mesh": 0, "skin": 0}, {"children": [2], "scale": [1, 1, 1.5]},
                              {"translation": [0.8, 0.4, 0]}]  # fmt: skip
    bent.document["scenes"] = [{"nodes": [0, 1]}]
    found["skin"] = bent
    shaped = Gltf()
    change = shaped.array((wedge * [0, 1, 0]).astype(np.float32))
    shaped.primitive(wedge, indices, material=blue, more={"targets": [{"POSITION": change}]})
    shaped.document["meshes"][0]["weights"] = [0.7]
    found["morph target"] = shaped
    cases = [
        Case(f"glTF {name}", f"other{n}.glb", made.glb())
        for n, (name, made) in enumerate(found.items())
    ]
    plain = Gltf().primitive(wedge, indices)
    cases.append(Case("glTF without a material", "plain.glb", plain.glb()))
    return cases


# OBJ

MTL = (
    b"newmtl plain\nKd 0.8 0.4 0.1\n"
    b"newmtl picture\nKd 1 1 1\nmap_Kd four.png\n"
    b"newmtl times\nKd 0.5 0.9 0.4\nmap_Kd four.png\n"
    b"newmtl moved\nKd 1 1 1\nmap_Kd -s 2 3 1 -o 0.25 0.1 0 four.png\n"
    b"newmtl clamped\nKd 1 1 1\nmap_Kd -clamp on four.png\n"
)


def obj_cases() -> list[Case]:
    cases = []
    beside = {"a.mtl": MTL, "four.png": png(FOUR)}
    points = [f"v {x} {y} {z}" for x, y, z in OWN]
    places = [f"vt {u} {1 - v}" for u, v in OWN_PLACES]
    sides = np.arange(24).reshape(6, 4) + 1
    forms = {
        "quads": [" ".join(f"{n}/{n}" for n in row) for row in sides],
        "triangles": [" ".join(f"{n}/{n}" for n in row + 1) for row in OWN_TRIANGLES],
        "counted back": [" ".join(f"{n - 25}/{n - 25}/1" for n in row) for row in sides],
    }
    names = ("plain", "picture", "times", "moved")
    for name, (form, faces) in [*itertools.product(names, forms.items()),
                                ("clamped", ("quads", forms["quads"]))]:  # fmt: skip
        lines = ["mtllib a.mtl", *points, *places, "vn 0 0 1", f"usemtl {name}",
                 *(f"f {face}" for face in faces)]  # fmt: skip
        cases.append(Case(f"OBJ {name}, {form}", f"{name} {form}.obj".replace(" ", "-"),
                          obj(lines), beside=beside, mtl="a.mtl"))  # fmt: skip
    coloured = [f"{line} {' '.join(f'{c / 255:.4f}' for c in colour)}"
                for line, colour in zip(points, OWN_COLOURS, strict=True)]  # fmt: skip
    faces = ["f " + " ".join(map(str, row)) for row in sides]
    cases.append(Case("OBJ colours of points", "points.obj", obj([*coloured, *faces])))
    cases.append(Case("OBJ without a colour", "plain.obj", obj([*points, *faces])))
    half = ["usemtl plain", *faces[:3], "usemtl picture",
            *("f " + corners for corners in forms["quads"][3:])]  # fmt: skip
    two = obj(["mtllib a.mtl", *points, *places, *half])
    cases.append(Case("OBJ two materials", "two.obj", two, beside=beside, mtl="a.mtl"))
    notch = obj([*(f"v {x} {y} {z}" for x, y, z in NOTCHED), "f 1 2 3 4 5"])
    cut = obj([*(f"v {x} {y} {z}" for x, y, z in NOTCHED),
               *("f " + " ".join(map(str, row + 1)) for row in NOTCHED_TRIANGLES)])  # fmt: skip
    cases.append(Case("OBJ notch", "notch.obj", notch, ("notch-cut.obj", cut)))
    return cases


# PLY, OFF, STL

PLACE = ["property float x", "property float y", "property float z"]
RED_GREEN_BLUE = ("red", "green", "blue")


def ply_of(form: str, colour: str, faces: Array, points: Array = OWN) -> bytes:
    """The wedge with colours of points or faces."""
    kind = "float" if "floats" in colour else "uchar"
    letter, part = ("f", 255.0) if "floats" in colour else ("B", 1)
    names = [f"property {kind} {name}" for name in RED_GREEN_BLUE]
    of_points, of_faces = "points" in colour, "faces" in colour
    head = [f"element vertex {len(points)}", *PLACE, *(names * of_points),
            f"element face {len(faces)}", "property list uchar int vertex_indices",
            *(names * of_faces)]  # fmt: skip
    tints = OWN_COLOURS / part if part != 1 else OWN_COLOURS
    tints = np.asarray(tints).tolist()
    rows = [[*map(float, p), *(tints[n] * of_points)] for n, p in enumerate(points)]
    side = 24 // len(faces) if len(faces) > 6 else 4
    rows += [[len(row), *map(int, row), *(tints[n * side % 24] * of_faces)]
             for n, row in enumerate(faces)]  # fmt: skip
    corners = faces.shape[1]
    kinds = ["fff" + f"3{letter}" * of_points] * len(points)
    kinds += [f"B{corners}i" + f"3{letter}" * of_faces] * len(faces)
    return ply(head, rows, form, " ".join(kinds))


def ply_cases() -> list[Case]:
    forms = ("ascii", "binary_little_endian", "binary_big_endian")
    colours = ("none", "points", "points as floats", "faces")
    shapes = {"quads": np.arange(24).reshape(6, 4), "triangles": OWN_TRIANGLES}
    cases = []
    for form, colour, (shape, faces) in itertools.product(forms, colours, shapes.items()):
        name = f"PLY {form}, {colour}, {shape}"
        content = ply_of(form, colour, faces)
        cases.append(Case(name, f"{len(cases)}.ply", content))
    notch = ply_of("ascii", "none", np.arange(5)[None], NOTCHED)
    cut = ply_of("ascii", "none", NOTCHED_TRIANGLES, NOTCHED)
    cases.append(Case("PLY notch", "notch.ply", notch, ("notch-cut.ply", cut)))
    return cases


def off_cases() -> list[Case]:
    """three.js does not read OFF; the same object as PLY is what it is shown beside."""
    sides = np.arange(24).reshape(6, 4)
    points = [" ".join(map(str, p)) for p in OWN.tolist()]
    plain = [f"4 {' '.join(map(str, row))}" for row in sides]
    tints = OWN_COLOURS[::4].tolist()
    whole = [f"{line} {' '.join(map(str, t))}" for line, t in zip(plain, tints, strict=True)]
    shares = [f"{line} {' '.join(f'{c / 255:.4f}' for c in t)} 1.0"
              for line, t in zip(plain, tints, strict=True)]  # fmt: skip
    coloured = [f"{line} {' '.join(map(str, t))} 255"
                for line, t in zip(points, OWN_COLOURS.tolist(), strict=True)]  # fmt: skip
    found = {
        "none": ("OFF", points, plain), "faces": ("OFF", points, whole),
        "faces as shares": ("OFF", points, shares), "points": ("COFF", coloured, plain),
    }  # fmt: skip
    cases = []
    for name, (keyword, rows, faces) in found.items():
        text = "\n".join([keyword, f"24 {len(faces)} 0", *rows, *faces, ""]).encode()
        like = ply_of("ascii", name.split()[0], sides)
        title = name.replace(" ", "-")
        cases.append(Case(f"OFF {name}", f"{title}.off", text, (f"off-{title}.ply", like)))
    return cases


def stl_cases() -> list[Case]:
    corners = OWN[OWN_TRIANGLES]
    rows = np.zeros(12, [("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("extra", "<u2")])
    rows["corners"] = corners
    text = ["solid wedge"]
    for three in corners:
        text += ["facet normal 0 0 0", "outer loop",
                 *("vertex " + " ".join(map(str, p)) for p in three.tolist()), "endloop",
                 "endfacet"]  # fmt: skip
    text += ["endsolid wedge", ""]
    count = (12).to_bytes(4, "little")
    binary = bytes(80) + count + rows.tobytes()
    rows["extra"] = [n * 2 << 10 | (31 - n) << 5 | n for n in range(12)]
    magics = b"COLOR=\xff\x80\0\xff".ljust(80, b"\0") + count + rows.tobytes()
    return [
        Case("STL text", "text.stl", "\n".join(text).encode()),
        Case("STL binary", "binary.stl", binary),
        Case("STL of Magics", "magics.stl", magics),
    ]


def cloud_cases() -> list[Case]:
    """Points so dense that they fill what they stand for in both; dots there are squares."""
    number = np.arange(12_000) + 0.5
    height, angle = 1 - 2 * number / len(number), np.pi * (1 + 5**0.5) * number
    wide = np.sqrt(1 - height**2)
    points = np.stack([wide * np.cos(angle), 0.7 * wide * np.sin(angle), height], axis=1)
    colours = SIX[(points > 0).astype(int) @ [1, 2, 4] % 6]
    head = [f"element vertex {len(points)}", *PLACE,
            *(f"property uchar {name}" for name in RED_GREEN_BLUE)]  # fmt: skip
    rows = [[*map(float, p), *map(int, c)] for p, c in zip(points, colours, strict=True)]
    kinds = " ".join(["fff3B"] * len(points))
    made, plain = Gltf(), Gltf()
    made.primitive(points.astype(np.float32), None, mode=0,
                   COLOR_0=made.array(colours.astype(np.uint8), normalized=True))  # fmt: skip
    said = {"name": "said", **pbr(0.3, 0.7, 0.2)}
    plain.primitive(points.astype(np.float32), None, mode=0, material=said)
    lines = [" ".join(f"{v:.6f}" for v in (*p, *(c / 255)))
             for p, c in zip(points, colours, strict=True)]  # fmt: skip
    cases = [
        Case("PLY cloud", "cloud.ply", ply(head, rows), points=True),
        Case("PLY cloud, binary", "cloud-binary.ply", ply(head, rows, "binary_big_endian", kinds),
             points=True),
        Case("glTF cloud", "cloud.glb", made.glb()),
        Case("glTF cloud of one colour", "cloud-plain.glb", plain.glb()),
        Case("OBJ cloud", "cloud.obj", obj([f"v {line}" for line in lines])),
    ]  # fmt: skip
    for case in cases:
        case.slack = 2.5
    return cases


def averages(pixels: Array) -> Array:
    """Averages of the parts of a picture, shape (BLOCKS, BLOCKS, 3)."""
    step = len(pixels) // BLOCKS
    parts = np.asarray(pixels, np.float64).reshape(BLOCKS, step, BLOCKS, step, 3)
    return np.asarray(parts.mean(axis=(1, 3)))


def differs(ours: Array, theirs: Array, slack: float) -> str:
    """How two pictures differ; empty when they do not."""
    apart = np.abs(averages(ours) - averages(theirs)).max(axis=-1)
    nearly_all = np.quantile(apart, 0.99)
    if apart.mean() <= slack * ON_AVERAGE and nearly_all <= slack * NEARLY_ALL:
        return ""
    return f"on average {apart.mean():.1f}, at 99 of 100 parts up to {nearly_all:.0f}"


def test_three_js_shows_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium")
    three = fetched_three(tmp_path)
    if three is None:
        pytest.skip(f"npm does not bring {tmp_path}")
    monkeypatch.setenv(WITHOUT, "0")  # drawn in this process, by an even light
    monkeypatch.setattr("sensorium.media.objects.shading.AMBIENT", 1.0)
    files = tmp_path / "files"
    files.mkdir()
    cases = [*gltf_cases(), *other_gltf_cases(), *obj_cases(), *ply_cases(), *off_cases(),
             *stl_cases(), *cloud_cases()]  # fmt: skip
    jobs = []
    for case in cases:
        (files / case.file).write_bytes(case.content)
        for name, content in case.beside.items():
            (files / name).write_bytes(content)
        shown = case.file
        if case.reference:
            shown = case.reference[0]
            (files / shown).write_bytes(case.reference[1])
        jobs.append(Job(case.name, shown, case.mtl, case.points))
    theirs = looked_at(jobs, files, three, chromium, SIDE)
    found: dict[str, str] = {}
    for case, job in zip(cases, jobs, strict=True):
        mesh = Mesh(files / case.file)
        ours = np.asarray(mesh.view(job.azimuth, job.elevation, SIDE))
        other = theirs[case.name]
        difference = (
            f"three.js: {other}" if isinstance(other, str) else differs(ours, other, case.slack)
        )
        if mesh.notes:
            difference += f" {mesh.notes}"
        if difference:
            found[case.name] = difference
            if not isinstance(other, str):
                both = PIL.Image.fromarray(np.hstack([ours, other]))
                both.save(tmp_path / f"{case.name.replace(' ', '-').replace(',', '')}.png")
    print(f"{len(cases)} objects compared, {len(found)} differ")
    print("\n".join(f"  {name}: {difference}" for name, difference in found.items()))
    assert len(cases) >= LEAST
    assert found.keys() == EXPLAINED.keys(), found
