"""Tensors of a CTranslate2 model file.

The format (version 6) as CTranslate2's converters write it (python/ctranslate2/specs/model_spec.py,
`_serialize`): little-endian numbers; a string is its length in 2 bytes and that many bytes, the
last of them zero. Version, specification, revision and number of tensors are followed by the
tensors (name, rank in 1 byte, shape, type, bytes, data) and by other names of some of them.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.errors import EncoderError

VERSION = 6
DTYPES = ("<f4", "|i1", "<i2", "<i4", "<f2")
"""By the number that stands in the file; the next, bfloat16, NumPy does not have."""


def read_tensors(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Read a ``model.bin``.

    Returns
    -------
    dict of str to ndarray
        Of the file's types and shapes; views of what was read, not to be written to.

    Raises
    ------
    EncoderError
        For another version, a type that is not known, or a file that ends too early.
    """
    content = path.read_bytes()
    try:
        return _Reader(content).tensors()
    except (struct.error, ValueError, IndexError) as error:
        raise EncoderError(f"{path} is no whole CTranslate2 model: {error}") from error


class _Reader:
    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        if (version := self._number("I")) != VERSION:
            raise ValueError(f"version {version} of the format, not {VERSION}")
        self._text()  # the specification, "WhisperSpec"
        self._number("I")  # its revision
        found = {}
        for _ in range(self._number("I")):
            name = self._text()
            shape = [self._number("I") for _ in range(self._number("B"))]
            dtype = np.dtype(DTYPES[self._number("B")])
            size = self._number("I")
            found[name] = np.frombuffer(
                self._content, dtype, size // dtype.itemsize, self._at
            ).reshape(shape)
            self._at += size
        for _ in range(self._number("I")):
            alias = self._text()
            found[alias] = found[self._text()]
        return found

    def _number(self, kind: str) -> int:
        (value,) = struct.unpack_from(f"<{kind}", self._content, self._at)
        self._at += struct.calcsize(f"<{kind}")
        return int(value)

    def _text(self) -> str:
        size = self._number("H")
        value = self._content[self._at : self._at + size]
        self._at += size
        return value.rstrip(b"\0").decode()
