"""Pictures that tests make: two colours side by side, encoded in every usual way."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import PIL.Image

RED = (255, 0, 0)
BLUE = (0, 0, 255)
SIZE = (64, 32)  # width and height differ, so that a turned picture shows


def red_blue(size: tuple[int, int] = SIZE) -> PIL.Image.Image:
    """Left half red, right half blue."""
    picture = PIL.Image.new("RGB", size, RED)
    picture.paste(BLUE, (size[0] // 2, 0, *size))
    return picture


def corners(size: tuple[int, int] = SIZE) -> PIL.Image.Image:
    """Four colours, one to each quarter, so that every turn and flip shows."""
    picture = PIL.Image.new("RGB", size)
    width, height = size
    for x, y, color in ((0, 0, "red"), (1, 0, "lime"), (0, 1, "blue"), (1, 1, "white")):
        left, upper = x * width // 2, y * height // 2
        picture.paste(color, (left, upper, left + width // 2, upper + height // 2))
    return picture


def ramp(size: tuple[int, int] = SIZE) -> PIL.Image.Image:
    """Grey, from black on the left to white on the right."""
    levels = np.linspace(0, 255, size[0]).round().astype(np.uint8)
    return PIL.Image.fromarray(np.tile(levels, (size[1], 1)))


def encode(picture: PIL.Image.Image, kind: str, **options: Any) -> bytes:
    """Encode as a file of the format `kind`."""
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def png(header: bytes, *chunks: tuple[bytes, bytes], data: bytes | None = None) -> bytes:
    """A PNG put together by hand: 13 bytes of IHDR, further chunks, raw pixel rows."""
    parts = [(b"IHDR", header), *chunks]
    if data is not None:
        parts.append((b"IDAT", zlib.compress(data, 9)))
    parts.append((b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*part) for part in parts)


def png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_header(width: int, height: int, bits: int = 8, color: int = 2) -> bytes:
    return struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)


def exif(values: dict[int, Any], gps: dict[int, Any] | None = None) -> PIL.Image.Exif:
    """An EXIF block; keys above 0x8000 that belong to the Exif folder are put there."""
    block = PIL.Image.Exif()
    for tag, value in values.items():
        folder = block.get_ifd(0x8769) if tag >= 0x829A else block
        folder[tag] = value
    if gps is not None:
        block.get_ifd(0x8825).update(gps)
    # Pillow's TIFF writer takes over only folders that were read.
    read = PIL.Image.Exif()
    read.load(block.tobytes())
    return read


def assert_colors(
    picture: PIL.Image.Image, expected: Sequence[tuple[int, int, int]], tolerance: int = 6
) -> None:
    """The picture is RGB, and as many equal vertical stripes as given have these colours."""
    assert picture.mode == "RGB"
    stripe = picture.width / len(expected)
    for number, color in enumerate(expected):
        found = picture.getpixel((int((number + 0.5) * stripe), picture.height // 2))
        difference = max(abs(a - b) for a, b in zip(found, color, strict=True))
        assert difference <= tolerance, f"stripe {number}: {found}, expected {color}"
