"""Makers of small 3-D files, byte by byte, so that each says exactly what a test means."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image

from sensorium import Mesh

Array = npt.NDArray[Any]

SQUARE = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float32)
CORNERS = np.array([0, 1, 2, 0, 2, 3], np.uint16)
PLACES = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], np.float32)
"""Of the square's corners in a picture whose first row is the top one."""

COMPONENTS = {"f4": 5126, "u4": 5125, "u2": 5123, "i2": 5122, "u1": 5121, "i1": 5120}
WIDTHS = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}


class Gltf:
    """A glTF document that grows: arrays become accessors, and a square is its first mesh."""

    def __init__(self, **more: Any) -> None:
        self.binary = b""
        self.document: dict[str, Any] = {
            "asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0]}],
            "nodes": [{"mesh": 0}], "meshes": [{"primitives": []}], "bufferViews": [],
            "accessors": [], **more,
        }  # fmt: skip

    def view(self, content: bytes, **more: Any) -> int:
        self.binary += bytes(-len(self.binary) % 4)
        views = self.document["bufferViews"]
        views.append(
            {"buffer": 0, "byteOffset": len(self.binary), "byteLength": len(content), **more}
        )
        self.binary += content
        return len(views) - 1

    def array(self, values: Any, *, normalized: bool = False, **more: Any) -> int:
        values = np.asarray(values)
        if values.dtype == np.float64:
            values = values.astype(np.float32)
        width = 1 if values.ndim == 1 else values.shape[1]
        size = values.dtype.itemsize * width
        content, stride = values.tobytes(), {}
        if width > 1 and size % 4:  # rows begin at multiples of four bytes
            rows = values.tobytes()
            pad = bytes(-size % 4)
            content = b"".join(rows[at : at + size] + pad for at in range(0, len(rows), size))
            stride = {"byteStride": size + len(pad)}
        entry = {
            "bufferView": self.view(content, **stride), "count": len(values),
            "componentType": COMPONENTS[values.dtype.str[1:]], "type": WIDTHS[width], **more,
        }  # fmt: skip
        if normalized:
            entry["normalized"] = True
        if width == 3 and values.dtype.kind == "f":
            entry |= {"min": values.min(axis=0).tolist(), "max": values.max(axis=0).tolist()}
        self.document["accessors"].append(entry)
        return len(self.document["accessors"]) - 1

    def primitive(
        self, points: Any = SQUARE, corners: Any = CORNERS, *, mesh: int = 0, mode: int = 4,
        material: dict[str, Any] | None = None, more: dict[str, Any] | None = None,
        **attributes: Any,
    ) -> Gltf:  # fmt: skip
        """Add a primitive; attributes are arrays or numbers of accessors."""
        entry: dict[str, Any] = {"mode": mode, **(more or {})}
        found = {"POSITION": points, **attributes}
        entry["attributes"] = {
            name: value if isinstance(value, int) else self.array(value)
            for name, value in found.items()
        }
        if corners is not None:
            entry["indices"] = corners if isinstance(corners, int) else self.array(corners)
        if material is not None:
            self.document.setdefault("materials", []).append(material)
            entry["material"] = len(self.document["materials"]) - 1
        meshes = self.document["meshes"]
        while len(meshes) <= mesh:
            meshes.append({"primitives": []})
        meshes[mesh]["primitives"].append(entry)
        return self

    def texture(self, pixels: Any, **sampler: int) -> int:
        """Add a picture as a texture."""
        entry = {"bufferView": self.view(png(pixels)), "mimeType": "image/png"}
        self.document.setdefault("images", []).append(entry)
        texture = {"source": len(self.document["images"]) - 1}
        if sampler:
            self.document.setdefault("samplers", []).append(sampler)
            texture["sampler"] = len(self.document["samplers"]) - 1
        self.document.setdefault("textures", []).append(texture)
        return len(self.document["textures"]) - 1

    def glb(self) -> bytes:
        binary = self.binary + bytes(-len(self.binary) % 4)
        document = json.dumps({**self.document, "buffers": [{"byteLength": len(self.binary)}]})
        text = document.encode() + b" " * (-len(document.encode()) % 4)
        total = 28 + len(text) + len(binary)
        return (
            struct.pack("<4sIII4s", b"glTF", 2, total, len(text), b"JSON") + text
            + struct.pack("<I4s", len(binary), b"BIN\0") + binary
        )  # fmt: skip


def pbr(*factor: float, **more: Any) -> dict[str, Any]:
    """A glTF material of a colour, without metal."""
    base: dict[str, Any] = {"metallicFactor": 0}
    if factor:
        base["baseColorFactor"] = [*factor, *[1.0] * (4 - len(factor))]
    if "texture" in more:
        base["baseColorTexture"] = {"index": more.pop("texture"), **more.pop("info", {})}
    return {"pbrMetallicRoughness": base, **more}


def png(pixels: Any) -> bytes:
    """A picture of rows of colours."""
    file = io.BytesIO()
    PIL.Image.fromarray(np.asarray(pixels, np.uint8)).save(file, "PNG")
    return file.getvalue()


FOUR = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 0]]], np.uint8)
FOUR = FOUR.repeat(8, axis=0).repeat(8, axis=1)
"""Red and green above, blue and yellow below."""


def obj(lines: Sequence[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()


def ply(
    head: Sequence[str], rows: Sequence[Sequence[Any]], form: str = "ascii", kinds: str = ""
) -> bytes:
    """A PLY file; `kinds` are struct's letters for each row's numbers in the binary forms.

    Rows of lists are given as they are written: the count, then the items.
    """
    text = "\n".join(["ply", f"format {form} 1.0", *head, "end_header", ""])
    if form == "ascii":
        return (text + "\n".join(" ".join(map(str, row)) for row in rows) + "\n").encode()
    order = "<" if "little" in form else ">"
    letters = kinds.split()
    body = b"".join(
        struct.pack(order + letter, *row) for letter, row in zip(letters, rows, strict=True)
    )
    return text.encode() + body


def lit(*colour: float) -> list[float]:
    """What a screen is given, 0 to 255, for a face of a colour that looks at the viewer."""
    return [255 * value * FRONT for value in colour]


FRONT = 0.35 + 0.65 / float(np.linalg.norm([0.4, 0.6, 1.0]))
"""How bright a face is that looks at the viewer, whose light stands to the right and above."""


def screen(light: float) -> float:
    """What a screen is given for an amount of light: sRGB's curve."""
    return 12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055


def seen(mesh: Mesh, *places: float) -> list[int]:
    """The colour at a place of the front view; see `colours_at`."""
    across, up = places or (0.0, 0.0) if len(places) != 1 else (places[0], 0.0)
    return colours_at(mesh, (across, up))[0]


def colours_at(mesh: Mesh, *places: tuple[float, float]) -> list[list[int]]:
    """Colours at places (to the right, up) of the front view; 1 is as far as the longest side."""
    pixels = np.asarray(mesh.view(0, 0, 108))
    half = 54 / 1.08
    found = [pixels[round(53.5 - up * half), round(53.5 + across * half)] for across, up in places]
    return [colour.tolist() for colour in found]


WHITE = [255, 255, 255]
