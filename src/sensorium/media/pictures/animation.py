"""The picture of an animated PNG that viewers begin with.

Source: https://www.w3.org/TR/png-3/ (chunks acTL, fcTL and fdAT).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def first_frame(encoded: bytes) -> tuple[bytes, tuple[int, int, int, int]] | None:
    """The first frame of an animation whose default picture is not part of it.

    That picture is for programs that show no animations.

    Parameters
    ----------
    encoded : bytes
        An animated PNG.

    Returns
    -------
    still : bytes
        The frame as a PNG of its own.
    place : tuple of int
        Its left, upper, right and lower edge in the animation; what it leaves free is transparent.
        None instead of both where there is no frame that can be used.
    """
    still = bytearray(_SIGNATURE)
    place: tuple[int, ...] = ()
    size: tuple[int, ...] = (0, 0)
    header = b""
    for name, body in _chunks(encoded):
        if name == b"IHDR":
            size, header = struct.unpack_from(">II", body), body[8:]
        elif name == b"fcTL":
            if place:
                break  # the second frame
            place = struct.unpack_from(">IIII", body, 4)
            width, height, left, upper = place
            if not (width and height and left + width <= size[0] and upper + height <= size[1]):
                return None
            still[8:8] = _chunk(b"IHDR", struct.pack(">II", width, height) + header)
        elif name == b"fdAT":
            still += _chunk(b"IDAT", body[4:])
        elif name in (b"PLTE", b"tRNS"):
            still += _chunk(name, body)
    if not place:
        return None
    still += _chunk(b"IEND", b"")
    width, height, left, upper = place
    return bytes(still), (left, upper, left + width, upper + height)


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _chunks(encoded: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_SIGNATURE)
    while at + 12 <= len(encoded):
        (length,) = struct.unpack_from(">I", encoded, at)
        yield encoded[at + 4 : at + 8], encoded[at + 8 : at + 8 + length]
        at += 12 + length
