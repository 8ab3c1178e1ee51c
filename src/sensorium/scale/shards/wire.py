"""What shards and those that ask them send each other: JSON values and arrays, as bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

TYPES = ("<f4", "<f8", "<i8", "<u8", "|u1")
"""Of arrays: none that could hold objects."""

ALIGNED = 8
"""Bytes: whoever reads a message reads its arrays where they are."""


def pack(facts: Mapping[str, Any], **arrays: Array) -> bytes:
    """Put values and arrays into one message.

    Its header's length (4 bytes, little-endian), the header (JSON), and the arrays in a row.
    """
    told, pieces = {}, []
    for name, array in arrays.items():
        kind = array.dtype.newbyteorder("<").str
        if kind not in TYPES:
            raise TypeError(f"{name}: arrays of {array.dtype} are not sent")
        told[name] = [kind, array.shape]
        content = np.ascontiguousarray(array, kind).tobytes()
        pieces += [content, bytes(-len(content) % ALIGNED)]
    header = json.dumps({"facts": facts, "arrays": told}).encode()
    header += b" " * (-(len(header) + 4) % ALIGNED)
    return b"".join([len(header).to_bytes(4, "little"), header, *pieces])


def unpack(message: bytes) -> tuple[dict[str, Any], dict[str, Array]]:
    """What `pack` put together.

    Raises
    ------
    ValueError
        For anything else.
    """
    start = 4 + int.from_bytes(message[:4], "little")
    try:
        header = json.loads(message[4:start])
        facts, told = dict(header["facts"]), dict(header["arrays"])
        arrays = {}
        for name, (kind, shape) in told.items():
            if kind not in TYPES or any(length < 0 for length in shape):
                raise ValueError(f"arrays of {kind!r:.20} and {shape!r:.40} are not taken")
            count = int(np.prod(shape, dtype=np.int64))
            arrays[name] = np.frombuffer(message, kind, count, start).reshape(shape)
            start += arrays[name].nbytes + -arrays[name].nbytes % ALIGNED
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"no message of a shard ({error})") from error
    return facts, arrays
