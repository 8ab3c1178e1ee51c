"""Arrays of numbers in a glTF file (glTF 2.0, sections 3.6 and 5.1)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.errors import MediaError
from sensorium.media.objects.faults import DamagedError
from sensorium.media.objects.geometry.beside import Beside
from sensorium.media.objects.geometry.model import POINTS_PER_FACE, Limits

Array = npt.NDArray[Any]

COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
LARGEST = {"i1": 127.0, "u1": 255.0, "i2": 32767.0, "u2": 65535.0}
"""What stands for 1 in integers that are shares (section 3.11)."""

TIMES = 16
"""Numbers that are read for each point that may be, at most: place, colour, coordinates of two
textures, corners, and morph targets."""

PACKED = {
    "EXT_meshopt_compression": "meshopt",
    "KHR_meshopt_compression": "meshopt",
    "KHR_draco_mesh_compression": "Draco",
}


class CompressedError(Exception):
    """Numbers are packed by a method that is not read here; its argument is the method's name."""


class Accessors:
    """Reads the arrays of a document.

    Parameters
    ----------
    document : dict
        The JSON of a glTF file.
    binary : bytes or None
        The binary chunk of a GLB.
    beside : Beside
        Reads buffers that lie in other files.
    limits : Limits
    """

    def __init__(
        self, document: dict[str, Any], binary: bytes | None, beside: Beside, limits: Limits
    ) -> None:
        self._document = document
        self._binary = binary
        self._beside = beside
        self._limits = limits
        self._read = 0
        self._buffers: dict[int, bytes] = {}

    def read(self, index: int) -> Array:
        """Read an array.

        Returns
        -------
        ndarray, shape (count, components)
            Integers that stand for shares (``normalized``) as floats from -1 or 0 to 1.

        Raises
        ------
        CompressedError
        Exception
            Of several types, when it does not lie within its buffer.
        """
        accessor = self._one("accessors", index)
        width, count = WIDTHS[accessor["type"]], int(accessor["count"])
        most = POINTS_PER_FACE * self._limits.faces
        if not 0 < count <= most or count * width > 4 * most:
            raise DamagedError(f"accessor {index} has {count:,} rows")
        self.spend(count * width)
        kind = np.dtype(COMPONENTS[accessor["componentType"]])
        if "bufferView" in accessor:
            offset = accessor.get("byteOffset", 0)
            values = self._strided(accessor["bufferView"], offset, kind, width, count)
        else:
            self._limits.check(0, count)  # no byte of the file stands for these
            values = np.zeros((count, width), kind)
        if sparse := accessor.get("sparse"):
            values = self._replaced(values, sparse, kind, width)
        if accessor.get("normalized") and kind.str[1:] in LARGEST:
            values = np.maximum(values / np.float32(LARGEST[kind.str[1:]]), np.float32(-1))
        return values

    def spend(self, numbers: int) -> None:
        """Count numbers that are worked on, and raise a `MediaError` when they are too many.

        A few bytes may ask for the same numbers again and again.
        """
        self._read += numbers
        most = TIMES * POINTS_PER_FACE * self._limits.faces
        if self._read > most:
            raise MediaError(
                f"its parts ask for over {most:,} numbers in all, mostly the same ones again",
                self._limits.name,
            )

    def is_there(self, index: int) -> bool:
        """Whether an array's numbers are written down plainly."""
        return "bufferView" in self._one("accessors", index)

    def view(self, index: int) -> memoryview:
        """Bytes of a buffer view, such as a picture.

        Raises
        ------
        CompressedError
        Exception
            Of several types, when it does not lie within its buffer.
        """
        view = self._one("bufferViews", index)
        for name in view.get("extensions", {}):
            if name in PACKED:
                raise CompressedError(PACKED[name])
        start, length = int(view.get("byteOffset", 0)), int(view["byteLength"])
        buffer = self._buffer(view["buffer"])
        if start < 0 or length < 0 or start + length > len(buffer):
            raise DamagedError(f"buffer view {index} reaches past the end of its buffer")
        return memoryview(buffer)[start : start + length]

    def _strided(
        self, index: int, offset: int, kind: np.dtype[Any], width: int, count: int
    ) -> Array:
        content = self.view(index)
        size = kind.itemsize * width
        stride = int(self._one("bufferViews", index).get("byteStride", 0)) or size
        if offset < 0 or stride < size or offset + stride * (count - 1) + size > len(content):
            raise DamagedError(f"an accessor reaches past the end of buffer view {index}")
        return np.ndarray(
            (count, width), kind, content, offset, strides=(stride, kind.itemsize)
        ).copy()

    def _replaced(
        self, values: Array, sparse: dict[str, Any], kind: np.dtype[Any], width: int
    ) -> Array:
        """Put the rows of a sparse accessor in their places."""
        count, where, what = int(sparse["count"]), sparse["indices"], sparse["values"]
        if not 0 < count <= len(values):
            raise DamagedError(f"a sparse accessor replaces {count:,} of {len(values):,} rows")
        rows = self._strided(
            where["bufferView"], where.get("byteOffset", 0),
            np.dtype(COMPONENTS[where["componentType"]]), 1, count,
        )  # fmt: skip
        values[rows[:, 0]] = self._strided(
            what["bufferView"], what.get("byteOffset", 0), kind, width, count
        )
        return values

    def _buffer(self, index: int) -> bytes:
        if index not in self._buffers:
            buffer = self._one("buffers", index)
            if "uri" in buffer:
                self._buffers[index] = self._beside.read(buffer["uri"], "buffer")
            elif self._binary is not None and index == 0:
                self._buffers[index] = self._binary
            else:
                raise DamagedError(f"buffer {index} has no content")
        return self._buffers[index]

    def _one(self, kind: str, index: int) -> dict[str, Any]:
        found: dict[str, Any] = one_of(self._document, kind, index)
        return found


def one_of(document: dict[str, Any], kind: str, index: int) -> Any:
    """An entry of one of a document's lists.

    Raises
    ------
    DamagedError
        When there is none.
    """
    entries = document.get(kind, [])
    if not isinstance(index, int) or not 0 <= index < len(entries):
        raise DamagedError(f"there is no {index!r} among the file's {len(entries)} {kind}")
    return entries[index]
