"""What a picture takes is told by its header, and compared with what its file may take."""

from __future__ import annotations

import io
import struct

import numpy as np
import PIL.Image
import pytest

from sensorium.errors import MediaError
from sensorium.media import Image, isolation, worker
from sensorium.media.pictures import room


def webp(kind: bytes, body: bytes) -> bytes:
    chunk = kind + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


EXTENDED = webp(b"VP8X", bytes(4) + (9_999).to_bytes(3, "little") * 2)
LOSSLESS = webp(b"VP8L", b"\x2f" + struct.pack("<I", 9_999 | 9_999 << 14) + bytes(20))
LOSSY = webp(b"VP8 ", b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 10_000, 10_000) + bytes(20))
JPEG_2000 = (
    b"\xff\x4f\xff\x51"
    + struct.pack(">HH8IH", 47, 0, 10_000, 10_000, 0, 0, 10_000, 10_000, 0, 0, 3)
    + b"\x07\x01\x01" * 3
    + bytes(30)
)
PROGRESSIVE = (
    b"\xff\xd8\xff\xc2"
    + struct.pack(">HBHHB", 17, 8, 13_000, 13_000, 3)
    + b"\x01\x11\0\x02\x11\0\x03\x11\0"
    + b"\xff\xda\0\x0c\x03\x01\0\x02\0\x03\0\0\x3f\0"
)


@pytest.mark.parametrize("encoded", [EXTENDED, LOSSLESS, LOSSY, JPEG_2000, PROGRESSIVE])
def test_a_picture_that_takes_too_much_is_refused_by_its_header(encoded: bytes) -> None:
    with pytest.raises(MediaError, match=r"1.000 x 1.000 pixels, which take .* MB of memory as"):
        Image(encoded).load(256)


@pytest.mark.parametrize(
    ("size", "needed", "most"),
    [
        (1 << 20, 800 << 20, None),
        (1 << 20, 900 << 20, 896 << 20),
        (8 << 20, 1_700 << 20, None),
        (8 << 20, 2_000 << 20, 1_920 << 20),
        (100 << 20, 5_000 << 20, 3_968 << 20),
    ],
)
def test_large_files_have_more_room(
    size: int, needed: int, most: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_limit_memory", lambda most: None)
    call = {"size": size, "memory": isolation.memory_for(size)}
    monkeypatch.setattr(worker, "_call", call)
    assert worker.make_room(needed) == most
    assert most is not None or call["memory"] >= needed
    worker._call.clear()
    assert worker.make_room(1 << 50) is None  # nothing limits what is no worker


@pytest.mark.parametrize("lossless", [False, True])
def test_sizes_are_those_that_pillow_finds(lossless: bool) -> None:
    for mode in ("RGB", "RGBA"):
        file = io.BytesIO()
        noise = np.random.default_rng(0).integers(0, 256, (37, 53, 4), np.uint8)
        PIL.Image.fromarray(noise).convert(mode).save(file, "WEBP", lossless=lossless)
        assert room._size_of_webp(file.getvalue()) == (53, 37)
