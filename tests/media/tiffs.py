"""TIFFs that tests put together tag by tag, since Pillow writes only some kinds."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
OFFSETS, SAMPLES, ROWS, COUNTS = 273, 277, 278, 279
SUBFILE, OLD_SUBFILE, PLANAR, EXTRA, FORMAT = 254, 255, 284, 338, 339
FILL_ORDER, ORIENTATION, COLOR_MAP, PROFILE = 266, 274, 320, 34675

SHORT, LONG, UNDEFINED, LONG8 = 3, 4, 7, 16
_LETTERS = {SHORT: "H", LONG: "I", UNDEFINED: "B", LONG8: "Q"}


def page(
    width: int,
    height: int,
    strips: bytes | Sequence[bytes],
    *,
    bits: int | Sequence[int] = 8,
    photometric: int = 1,
    **more: Any,
) -> tuple[dict[int, Any], list[bytes]]:
    """Tags and strips of one picture; `more` are tags as ``t338=[2]``."""
    bits = [bits] if isinstance(bits, int) else list(bits)
    strips = [strips] if isinstance(strips, bytes) else list(strips)
    tags: dict[int, Any] = {
        WIDTH: [width],
        HEIGHT: [height],
        BITS: bits,
        COMPRESSION: [1],
        PHOTOMETRIC: [photometric],
        SAMPLES: [len(bits)],
        ROWS: [height],
        COUNTS: [len(strip) for strip in strips],
    }
    tags.update({int(name[1:]): value for name, value in more.items()})
    return tags, strips


def tiff(
    *pages: tuple[dict[int, Any], list[bytes]],
    order: str = "<",
    big: bool = False,
    last: int = 0,
) -> bytes:
    """A TIFF of these pages; `last` is where the last of them says that the next one is."""
    mark = b"II" if order == "<" else b"MM"
    pointer, count, longs = ("Q", "Q", LONG8) if big else ("I", "H", LONG)
    room = struct.calcsize(pointer)
    header = mark + struct.pack(order + "H", 43 if big else 42)
    if big:
        header += struct.pack(order + "HH", 8, 0)
    file = bytearray(header) + bytes(room)
    before = len(header)  # where the pointer to the next directory stands
    for tags, strips in pages:
        starts = []
        for strip in strips:
            starts.append(len(file))
            file += strip + bytes(len(strip) % 2)
        entries = b""
        for tag, values in sorted({**tags, OFFSETS: starts}.items()):
            if isinstance(values, bytes):
                kind, values = UNDEFINED, list(values)
            else:
                wide = tag in (OFFSETS, COUNTS, WIDTH, HEIGHT, ROWS, SUBFILE, 330, 34665, 34853)
                kind = (longs if tag in (OFFSETS, COUNTS) else LONG) if wide else SHORT
            packed = struct.pack(f"{order}{len(values)}{_LETTERS[kind]}", *values)
            if len(packed) > room:
                at = len(file)
                file += packed + bytes(len(packed) % 2)
                packed = struct.pack(order + pointer, at)
            entries += struct.pack(order + "HH" + pointer, tag, kind, len(values))
            entries += packed.ljust(room, b"\0")
        struct.pack_into(order + pointer, file, before, len(file))
        file += struct.pack(order + count, len(tags) + 1) + entries
        before = len(file)
        file += bytes(room)
    struct.pack_into(order + pointer, file, before, last)
    return bytes(file)
