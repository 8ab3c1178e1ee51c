"""Values of Python over a pipe: JSON, with arrays and pictures as bytes behind it.

What comes from a worker process is believed as little as the file that it reads: nothing of it is
ever run, and every size is checked before memory is taken for it.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import IO, Any

import numpy as np
import PIL.Image

MAX_HEADER = 64 << 20
"""Bytes of the JSON of one message: the text of a whole PDF, at most."""

MAX_BUFFERS = 4 << 30
"""Bytes of all that follows: half a minute of pictures, or the file itself."""

_SIZE = struct.Struct("<IQ")
_MODES = {
    "L": 1, "LA": 2, "I;16": 2, "I;16L": 2, "I;16B": 2, "RGB": 3, "YCbCr": 3, "LAB": 3, "HSV": 3,
    "RGBA": 4, "RGBX": 4, "CMYK": 4, "I": 4, "F": 4,
}  # fmt: skip
"""Bytes of a pixel, by Pillow's name for what it holds."""


class BrokenMessageError(Exception):
    """What came is no message."""


def write_message(pipe: IO[bytes], value: Any) -> None:
    """Write a value.

    Parameters
    ----------
    pipe : binary file
    value : None, bool, int, float, str, bytes, Path, ndarray, PIL.Image.Image, tuple, list, dict
        Arrays hold numbers, pictures are of a mode in `_MODES`; keys of a dict are texts.
    """
    buffers: list[Any] = []
    header = json.dumps([_packed(value, buffers), [len(buffer) for buffer in buffers]]).encode()
    pipe.write(_SIZE.pack(len(header), sum(len(buffer) for buffer in buffers)))
    pipe.write(header)
    for buffer in buffers:
        pipe.write(buffer)
    pipe.flush()


def read_message(pipe: IO[bytes]) -> Any:
    """Read a value.

    Raises
    ------
    EOFError
        When the other end is gone.
    BrokenMessageError
        When what comes is no message, or too large.
    """
    header_size, size = _SIZE.unpack(_exactly(pipe, _SIZE.size))
    if header_size > MAX_HEADER or size > MAX_BUFFERS:
        raise BrokenMessageError(f"a message of {header_size:,} and {size:,} bytes")
    try:
        packed, sizes = json.loads(_exactly(pipe, header_size))
        if sum(sizes) != size or any(one < 0 for one in sizes):
            raise BrokenMessageError("its sizes do not add up")
        buffers = [_exactly(pipe, one) for one in sizes]
        return _unpacked(packed, buffers)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise BrokenMessageError(str(error)) from error


def _exactly(pipe: IO[bytes], size: int) -> bytes:
    content = pipe.read(size)
    if len(content) < size:
        raise EOFError
    return content


def _packed(value: Any, buffers: list[Any]) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Path):
        return {"path": str(value)}
    if isinstance(value, (bytes, bytearray, memoryview)):
        buffers.append(value)
        return {"bytes": len(buffers) - 1}
    if isinstance(value, (np.bool_, np.number)):
        return value.item()
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "biuf":
            raise TypeError(f"an array of {value.dtype} cannot be sent")
        buffers.append(np.ascontiguousarray(value).reshape(-1).view(np.uint8).data)
        return {"array": len(buffers) - 1, "dtype": value.dtype.str, "shape": list(value.shape)}
    if isinstance(value, PIL.Image.Image):
        if value.mode not in _MODES:
            raise TypeError(f"a picture of mode {value.mode} cannot be sent")
        buffers.append(value.tobytes())
        return {"picture": len(buffers) - 1, "mode": value.mode, "size": list(value.size)}
    if isinstance(value, (tuple, list)):
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {kind: [_packed(one, buffers) for one in value]}
    if isinstance(value, dict):
        return {"dict": {str(key): _packed(one, buffers) for key, one in value.items()}}
    raise TypeError(f"a {type(value).__name__} cannot be sent")


def _unpacked(packed: Any, buffers: list[bytes]) -> Any:
    if not isinstance(packed, dict):
        return packed
    kind = next(iter(packed))
    held = packed[kind]
    match kind:
        case "path":
            return Path(held)
        case "bytes":
            return buffers[held]
        case "array":
            dtype = np.dtype(packed["dtype"])
            if dtype.kind not in "biuf":
                raise BrokenMessageError(f"an array of {dtype}")
            return np.frombuffer(buffers[held], dtype).reshape(packed["shape"])
        case "picture":
            width, height = packed["size"]
            if len(buffers[held]) != width * height * _MODES[packed["mode"]]:
                raise BrokenMessageError("a picture of another size")
            return PIL.Image.frombytes(packed["mode"], (width, height), buffers[held])
        case "tuple":
            return tuple(_unpacked(one, buffers) for one in held)
        case "list":
            return [_unpacked(one, buffers) for one in held]
        case "dict":
            return {key: _unpacked(one, buffers) for key, one in held.items()}
    raise BrokenMessageError(f"a value of kind {kind!r}")
