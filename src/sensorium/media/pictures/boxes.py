"""Boxes of ISO base media files (ISO/IEC 14496-12): MP4, HEIF, CR3."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

MOST_BOXES = 10_000
"""Boxes side by side that are looked at."""


class Box(NamedTuple):
    """A box: its type, and where what it holds begins and ends."""

    kind: bytes
    start: int
    stop: int


def boxes(encoded: bytes, parent: Box | None = None) -> Iterator[Box]:
    """Yield the boxes of a file, or those in another box; one that is cut off ends with it."""
    position, end = (0, len(encoded)) if parent is None else (parent.start, parent.stop)
    for _ in range(MOST_BOXES):
        if position + 8 > end:
            return
        size, kind = struct.unpack(">I4s", encoded[position : position + 8])
        start = position + 8
        if size == 1:
            if position + 16 > end:
                return
            size = struct.unpack(">Q", encoded[start : start + 8])[0]
            start += 8
        elif size == 0:  # up to the end
            size = end - position
        if size < start - position:
            return
        yield Box(kind, start, min(end, position + size))
        position += size
