"""JPEG 2000 pictures that Pillow shows wrongly: of other than 8 bits, and subsampled ones.

Its rounding makes the brightest of 16 bits in colour black, and it takes the samples of a smaller
component for those of a large one. FFmpeg reads both. Of fewer than 8 bits it makes the brightest
of 4 bits 240, and what is opaque in an alpha channel of one bit 128.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import PIL.Image

from sensorium.errors import MediaError, MissingExtraError
from sensorium.media.decoding import decoding

BROKEN = "broken picture"

_FILE = b"\0\0\0\x0cjP  \r\n\x87\n"
_START = b"\xff\x4f\xff\x51"
"""A codestream begins, and its sizes follow (ISO/IEC 15444-1, A.5.1)."""

_BOXES_BYTES = 16 * 1024 * 1024
"""How far into a file the codestream is looked for; profiles come before it."""

_FULL_RANGE = 2
"""FFmpeg's number for luma from 0 to 255, which is what JPEG 2000 has."""


STARTS = (_FILE, _START)
"""A file of the format begins with one of them."""


class Component(NamedTuple):
    """Bits of a component's samples, and how many pixels share one across and down."""

    bits: int
    across: int
    down: int


def open_picture(encoded: bytes, name: str, most_pixels: int) -> PIL.Image.Image | None:
    """Decode a picture; None when it is another format, or one that Pillow reads.

    Raises
    ------
    MediaError
        When it is broken, or has more than `most_pixels`.
    MissingExtraError
        Where FFmpeg is needed and not there.
    """
    if not encoded.startswith(STARTS):
        return None
    size, components = sizes(encoded)
    is_fine = all(one.bits <= 8 and one[1:] == (1, 1) for one in components)
    if is_fine and any(one.bits < 8 for one in components):
        return _stretched(encoded, name, components)
    if len(components) < 2 or is_fine:
        return None
    if size[0] * size[1] > most_pixels:
        raise MediaError(
            f"{size[0]} x {size[1]} pixels; more than the limit of {most_pixels:,} pixels; make a "
            "smaller copy",
            name,
        )
    try:
        import av
    except ImportError as error:
        raise MissingExtraError("av", "media") from error
    with decoding(name, BROKEN):
        codec = av.CodecContext.create("jpeg2000", "r")
        frames = [*codec.decode(av.Packet(encoded)), *codec.decode(None)]
        frame = frames[0]
        if frame.format.name.startswith("yuv"):
            frame.color_range = _FULL_RANGE
        has_alpha = len(components) in (2, 4)
        pixels = frame.to_ndarray(format="rgba64le" if has_alpha else "rgb48le")
        return PIL.Image.fromarray((pixels // 257).astype(np.uint8))


def _stretched(encoded: bytes, name: str, components: Sequence[Component]) -> PIL.Image.Image:
    with decoding(name, BROKEN):
        picture = PIL.Image.open(io.BytesIO(encoded), formats=["JPEG2000"])
        channels = picture.split()
        # Of a palette the component is the number of a colour, not a level.
        if picture.mode not in ("L", "LA", "RGB", "RGBA") or len(channels) != len(components):
            return picture
        levels = [
            channel.point(
                [round((n >> 8 - one.bits) * 255 / (2**one.bits - 1)) for n in range(256)]
            )
            for channel, one in zip(channels, components, strict=True)
        ]
        stretched = PIL.Image.merge(picture.mode, levels)
        stretched.info = picture.info
        return stretched


def sizes(encoded: bytes) -> tuple[tuple[int, int], list[Component]]:
    """Width and height, and the components; zeros and none where a header does not say it."""
    start = encoded.find(_START, 0, _BOXES_BYTES)
    header = encoded[start + 6 : start + 6 + 36 + 3 * 16]
    if start < 0 or len(header) < 36:
        return (0, 0), []
    right, lower, left, upper = struct.unpack(">2x4I", header[:18])
    (count,) = struct.unpack(">H", header[34:36])
    components = [
        Component((bits & 127) + 1, across, down)
        for bits, across, down in struct.iter_unpack(">BBB", header[36 : 36 + 3 * min(count, 16)])
    ]
    return (right - left, lower - upper), components
