"""glTF 2.0 and GLB: primitives of all modes, placed by nodes, skins and instances."""

from __future__ import annotations

import json
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from sensorium.errors import MediaError
from sensorium.media.objects.faults import DamagedError, plainly
from sensorium.media.objects.geometry.accessors import Accessors, CompressedError, one_of
from sensorium.media.objects.geometry.beside import Beside
from sensorium.media.objects.geometry.colours import as_shares
from sensorium.media.objects.geometry.gltf_materials import Look, Materials
from sensorium.media.objects.geometry.model import (
    Floats,
    Indices,
    Limits,
    Model,
    Part,
)
from sensorium.media.objects.geometry.transforms import matrices, moved, worlds

POINTS, LINES, LINE_LOOP, LINE_STRIP, TRIANGLES, TRIANGLE_STRIP, TRIANGLE_FAN = range(7)


MAX_NODES = 300_000

MAX_PARTS = 100_000
"""Meshes at their places, those that stand at many places in a row counted once. Assemblies of
machines have ten thousands."""

POSED = 100_000
"""Points of a skin that are put in their places together."""

WRONG = (AttributeError, LookupError, TypeError, ValueError, OverflowError, OSError)
"""What is raised by documents whose numbers fit nowhere and whose objects are something else."""


def read_gltf(content: bytes, beside: Beside, limits: Limits) -> Model:
    """Read a glTF or GLB file; see `sensorium.media.objects.geometry.read_model`."""
    document, binary = _document(content)
    version = str(document.get("asset", {}).get("version", "2.0"))
    if not version.startswith("2."):
        raise MediaError(f"glTF {version} is not read: convert it to glTF 2", limits.name)
    return _Reader(document, binary, beside, limits).read()


def _document(content: bytes) -> tuple[dict[str, Any], bytes | None]:
    """The JSON and the binary chunk, whichever of the two forms the file has."""
    if content[:4] != b"glTF":
        if content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in (b"{", b"["):
            raise DamagedError("it begins neither as glTF nor as GLB")
        document = json.loads(content.decode("utf-8-sig"))
        if not isinstance(document, dict):
            raise DamagedError("the JSON is no glTF document")
        return document, None
    (version,) = struct.unpack_from("<I", content, 4)
    if version != 2:
        return {"asset": {"version": str(version)}}, None
    chunks: dict[bytes, bytes] = {}
    at = 12
    while at + 8 <= len(content):
        length, kind = struct.unpack_from("<I4s", content, at)
        if at + 8 + length > len(content):
            raise DamagedError("the file ends before its chunks do")
        chunks.setdefault(kind, content[at + 8 : at + 8 + length])
        at += 8 + length
    if b"JSON" not in chunks:
        raise DamagedError("the GLB has no JSON chunk")
    document = json.loads(chunks[b"JSON"].decode("utf-8"))
    if not isinstance(document, dict):
        raise DamagedError("the JSON is no glTF document")
    return document, chunks.get(b"BIN\0")


class _Reader:
    """One document on its way to a `Model`."""

    def __init__(
        self, document: dict[str, Any], binary: bytes | None, beside: Beside, limits: Limits
    ) -> None:
        self._document = document
        self._limits = limits
        self._notes: list[str] = []
        self._accessors = Accessors(document, binary, beside, limits)
        self._materials = Materials(document, self._accessors, beside, self._notes)
        self._made: dict[tuple[int, int], Part | None] = {}
        self._packed: Counter[str] = Counter()
        self._broken: Counter[str] = Counter()  # no errors: those would keep all that was read
        self._faces = self._points = self._rows = self._parts = 0

    def read(self) -> Model:
        document = self._document
        nodes = document.get("nodes", [])
        if len(nodes) > MAX_NODES:
            raise MediaError(
                f"{len(nodes):,} nodes; objects of over {MAX_NODES:,} are not read",
                self._limits.name,
            )
        children = {child for node in nodes for child in node.get("children", [])}
        roots = [index for index in range(len(nodes)) if index not in children]
        shown = roots
        if scenes := document.get("scenes"):
            shown = one_of(document, "scenes", document.get("scene", 0) if scenes else 0).get(
                "nodes", []
            )
        reached, matrices = worlds(nodes, shown)
        placed: dict[int, Floats] = {}
        if any("skin" in nodes[index] for index in reached):
            # Joints of a skin may stand outside the scene.
            placed = dict(zip(*worlds(nodes, roots), strict=True))
            placed |= dict(zip(reached, matrices, strict=True))
        parts: list[Part] = []
        for first, last in self._runs([nodes[index] for index in reached]):
            node = nodes[reached[first]]
            parts += self._of_node(node, matrices[first:last], placed)
        if not parts:
            if self._packed:
                method = self._packed.most_common(1)[0][0]
                raise MediaError(
                    f"the 3-D object is compressed with {method}, which is not read: save it "
                    "without compression",
                    self._limits.name,
                )
            if self._broken:
                raise DamagedError(next(iter(self._broken)))
        for method, count in self._packed.items():
            self._notes.append(f"{_counted(count)} compressed with {method}, which is not read")
        if self._broken:
            count, first_reason = sum(self._broken.values()), next(iter(self._broken))
            self._notes.append(f"{_counted(count)} broken ({first_reason})")
        notes = list(dict.fromkeys(self._notes))
        return Model(parts, self._points, upright=1, linear=True, notes=notes)

    def _runs(self, nodes: list[dict[str, Any]]) -> Iterator[tuple[int, int]]:
        """Nodes with meshes, from and up to which row: one, or some in a row of the same mesh.

        Those become one part, in the same order, where the mesh has but one.
        """
        first = 0
        while first < len(nodes):
            last = first + 1
            mesh = nodes[first].get("mesh")
            if mesh is None:
                first = last
                continue
            primitives = one_of(self._document, "meshes", mesh)["primitives"]
            if (
                len(primitives) == 1
                and not primitives[0].get("targets")
                and _is_plain(nodes[first])
            ):
                while (
                    last < len(nodes) and nodes[last].get("mesh") == mesh and _is_plain(nodes[last])
                ):
                    last += 1
            self._parts += len(primitives)
            if self._parts > MAX_PARTS:
                raise MediaError(
                    f"over {MAX_PARTS:,} parts in their places; such objects are not read",
                    self._limits.name,
                )
            yield first, last
            first = last

    def _of_node(
        self, node: dict[str, Any], worlds: Floats, placed: dict[int, Floats]
    ) -> list[Part]:
        """The parts of a node's mesh, where the node, its skin or its instances put them."""
        mesh = one_of(self._document, "meshes", node["mesh"])
        weights = node.get("weights", mesh.get("weights"))
        copies = worlds
        instances = node.get("extensions", {}).get("EXT_mesh_gpu_instancing")
        if instances:
            copies = worlds[0] @ self._instances(instances["attributes"])
        parts = []
        for number, primitive in enumerate(mesh["primitives"]):
            part = self._kept(node["mesh"], number, primitive, weights)
            if part is None:
                continue
            self._faces += len(part.triangles) * len(copies)
            self._points += len(part.points) * len(copies)
            self._rows += (2 * len(part.lines) + len(part.dots)) * len(copies)
            self._limits.check(self._faces, max(self._points, self._rows))
            if "skin" in node:
                parts.append(replace(part, points=self._posed(part, primitive, node, placed)))
                continue
            parts.append(_copied(part, copies, at_once=bool(instances)))
        return parts

    def _kept(
        self, mesh: int, number: int, primitive: dict[str, Any], weights: list[float] | None
    ) -> Part | None:
        """A primitive in its own coordinates; None, and why is kept, when it cannot be read."""
        if (mesh, number) in self._made and not primitive.get("targets"):
            return self._made[mesh, number]
        try:
            part: Part | None = self._primitive(primitive, weights)
        except CompressedError as error:
            self._packed[str(error)] += 1
            part = None
        except WRONG as error:
            # What numbers that fit nowhere raise: the other parts can be seen all the same.
            self._broken[plainly(error)] += 1
            part = None
        self._made[mesh, number] = part
        return part

    def _primitive(self, primitive: dict[str, Any], weights: list[float] | None) -> Part:
        attributes = primitive["attributes"]
        if "KHR_draco_mesh_compression" in primitive.get("extensions", {}) and not (
            self._accessors.is_there(attributes["POSITION"])
        ):
            raise CompressedError("Draco")
        points = self._accessors.read(attributes["POSITION"])[:, :3].astype(np.float64)
        for weight, target in zip(weights or [], primitive.get("targets", []), strict=False):
            if weight and "POSITION" in target:
                points += weight * self._accessors.read(target["POSITION"])
        if "indices" in primitive:
            corners = self._accessors.read(primitive["indices"])[:, 0].astype(np.int64)
        else:
            corners = np.arange(len(points))
        part = _shaped(points, primitive.get("mode", TRIANGLES), corners)
        if "COLOR_0" in attributes:
            colours = self._accessors.read(attributes["COLOR_0"])
            # By the standard integers are always shares here; some writers leave that unsaid.
            whole = np.iinfo(colours.dtype).max if colours.dtype.kind == "u" else 1.0
            part.colours = as_shares(colours[: len(points)], float(whole))
        if "material" in primitive:
            try:
                self._dress(part, self._materials.get(primitive["material"]), attributes)
            except WRONG as error:  # its colour is lost, not its form
                self._notes.append(f"a material cannot be used ({plainly(error)})")
        return part

    def _dress(self, part: Part, look: Look, attributes: dict[str, int]) -> None:
        material = look.material
        if material.texture:
            part.uv = self._places(look.base, attributes)
        if material.glow_texture:
            part.glow_uv = self._places(look.glow, attributes)
        if (material.texture and part.uv is None) or (
            material.glow_texture and part.glow_uv is None
        ):
            material = replace(
                material,
                texture=material.texture if part.uv is not None else None,
                glow_texture=material.glow_texture if part.glow_uv is not None else None,
            )
        part.material = material

    def _places(self, uv_set: int, attributes: dict[str, int]) -> Floats | None:
        if (index := attributes.get(f"TEXCOORD_{uv_set}")) is None:
            return None
        return self._accessors.read(index)[:, :2].astype(np.float64)

    def _instances(self, attributes: dict[str, int]) -> Floats:
        """Matrices of EXT_mesh_gpu_instancing, shape (n, 4, 4)."""
        read = {name: self._accessors.read(index).astype(np.float64)
                for name, index in attributes.items()
                if name in ("TRANSLATION", "ROTATION", "SCALE")}  # fmt: skip
        count = min((len(values) for values in read.values()), default=1)
        self._limits.check(count, 0)
        moves = read.get("TRANSLATION", np.zeros((count, 3)))[:count]
        turns = read.get("ROTATION", np.tile([0.0, 0, 0, 1], (count, 1)))[:count]
        sizes = read.get("SCALE", np.ones((count, 3)))[:count]
        return matrices(moves, turns, sizes)

    def _posed(
        self, part: Part, primitive: dict[str, Any], node: dict[str, Any], placed: dict[int, Floats]
    ) -> Floats:
        """Points where the skin's joints put them as they stand in the file (section 3.7.3)."""
        skin = one_of(self._document, "skins", node["skin"])
        joints = np.array([placed.get(joint, np.eye(4)) for joint in skin["joints"]])
        if "inverseBindMatrices" in skin:
            back = self._accessors.read(skin["inverseBindMatrices"]).astype(np.float64)
            joints = joints @ back.reshape(-1, 4, 4).transpose(0, 2, 1)[: len(joints)]
        self._accessors.spend(16 * len(joints))
        points = np.zeros((len(part.points), 3))
        whole = np.zeros(len(part.points))
        number = 0
        while f"JOINTS_{number}" in primitive["attributes"]:
            named = self._accessors.read(primitive["attributes"][f"JOINTS_{number}"])
            shares = self._accessors.read(primitive["attributes"][f"WEIGHTS_{number}"])
            for joint, share in zip(named.T.astype(int), shares.T.astype(np.float64), strict=True):
                if len(joint) != len(points):
                    raise DamagedError("a skin has other numbers of points and of their joints")
                for first in range(0, len(points), POSED):
                    here = slice(first, first + POSED)
                    moves = joints[joint[here]]
                    turned = np.einsum("nij,nj->ni", moves[:, :3, :3], part.points[here])
                    points[here] += share[here, None] * (turned + moves[:, :3, 3])
                whole += share
            number += 1
        return np.asarray(points / np.where(whole > 0, whole, 1)[:, None])


def _is_plain(node: dict[str, Any]) -> bool:
    """Whether a node says nothing of its mesh but where it stands."""
    return "skin" not in node and not node.get("extensions")


def _copied(part: Part, matrices: Floats, *, at_once: bool) -> Part:
    """A part where each of some matrices, shape (c, 4, 4), puts it, all as one.

    `at_once` says how it is calculated: numbers differ in the last digit.
    """
    if len(matrices) == 1:
        return replace(part, points=moved(part.points, matrices[0]))
    count, size = len(matrices), len(part.points)
    if at_once:
        points = np.einsum("cij,nj->cni", matrices[:, :3, :3], part.points)
    else:
        points = part.points @ matrices[:, :3, :3].transpose(0, 2, 1)
    points += matrices[:, None, :3, 3]
    rows = (np.arange(count) * size)[:, None, None]

    def each(values: Floats | None) -> Floats | None:
        return None if values is None else np.tile(values, (count, 1))

    return Part(
        points.reshape(-1, 3),
        (part.triangles + rows).reshape(-1, 3),
        (part.lines + rows).reshape(-1, 2),
        (part.dots + rows[:, 0]).reshape(-1),
        part.material,
        each(part.uv),
        each(part.glow_uv),
        each(part.colours),
    )


def _counted(count: int) -> str:
    return "a part of the 3-D object is" if count == 1 else f"{count} parts of the 3-D object are"


def _shaped(points: Floats, mode: int, corners: Indices) -> Part:
    """Triangles, lines or dots of a primitive (glTF 2.0, section 3.7.2.1)."""
    if mode == POINTS:
        return Part(points, dots=corners)
    if mode == LINES:
        return Part(points, lines=corners[: len(corners) // 2 * 2].reshape(-1, 2))
    if mode in (LINE_LOOP, LINE_STRIP):
        lines = np.stack([corners, np.roll(corners, -1)], axis=1)
        return Part(points, lines=lines if mode == LINE_LOOP else lines[:-1])
    if mode == TRIANGLES:
        return Part(points, corners[: len(corners) // 3 * 3].reshape(-1, 3))
    first = np.arange(max(len(corners) - 2, 0))
    if mode == TRIANGLE_STRIP:
        odd = first % 2
        rows = np.stack([first, first + 1 + odd, first + 2 - odd], axis=1)
    elif mode == TRIANGLE_FAN:
        rows = np.stack([first + 1, first + 2, np.zeros_like(first)], axis=1)
    else:
        raise DamagedError(f"there is no mode {mode} of primitives")
    return Part(points, corners[rows])
