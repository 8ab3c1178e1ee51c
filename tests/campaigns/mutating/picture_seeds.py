"""Pictures in all formats that are read."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
import PIL.Image

from tests.campaigns.mutating.seeds import Seed
from tests.media import heics, profiles, raws, tiffs
from tests.media.small_pictures import encode, exif, png, png_header, ramp, red_blue

SIZE = (48, 32)


def _drawn(mode: str = "RGB", number: int = 0) -> PIL.Image.Image:
    """Soft colours with some grain, which no coder makes nothing of."""
    width, height = SIZE
    across, down = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    grain = np.random.default_rng(number).integers(-9, 9, (height, width, 3))
    layers = np.stack([across, down, (across + down) / 2], axis=2) + grain
    return PIL.Image.fromarray(layers.clip(0, 255).astype(np.uint8)).convert(mode)


_SAID = {0x010F: "Maker", 0x0112: 6, 0x9003: "2021:02:03 04:05:06"}
_PLACE = {1: "N", 2: (10.0, 20.0, 30.0), 3: "E", 4: (40.0, 50.0, 1.0), 6: 123.0}


def seeds() -> Iterator[Seed]:
    plain: dict[str, tuple[str, str, dict[str, Any]]] = {
        "plain.jpg": ("JPEG", "JPEG", {"exif": exif(_SAID, _PLACE)}),
        "progressive.jpg": ("JPEG", "JPEG", {"progressive": True, "quality": 80}),
        "profile.jpg": ("JPEG", "JPEG", {"icc_profile": profiles.rgb_profile(profiles.DISPLAY_P3)}),
        "plain.png": ("PNG", "PNG", {"exif": exif(_SAID)}),
        "profile.png": ("PNG", "PNG", {"icc_profile": profiles.rgb_profile(profiles.DISPLAY_P3)}),
        "plain.webp": ("WebP", "WEBP", {}),
        "lossless.webp": ("WebP", "WEBP", {"lossless": True, "exif": exif(_SAID)}),
        "plain.gif": ("GIF", "GIF", {}),
        "plain.tiff": ("TIFF", "TIFF", {"exif": exif(_SAID)}),
        "lzw.tiff": ("TIFF", "TIFF", {"compression": "tiff_lzw"}),
        "deflate.tiff": ("TIFF", "TIFF", {"compression": "tiff_adobe_deflate"}),
        "jpeg.tiff": ("TIFF", "TIFF", {"compression": "jpeg"}),
        "packbits.tiff": ("TIFF", "TIFF", {"compression": "packbits"}),
        "plain.bmp": ("BMP", "BMP", {}),
        "plain.avif": ("AVIF", "AVIF", {"exif": exif(_SAID), "max_threads": 1, "codec": "aom"}),
        "plain.jp2": ("JPEG 2000", "JPEG2000", {}),
        "plain.j2k": ("JPEG 2000", "JPEG2000", {"no_jp2": True, "tile_size": (16, 16)}),
        "plain.ico": ("ICO", "ICO", {"sizes": [(16, 16), (32, 32)]}),
        "bitmap.ico": ("ICO", "ICO", {"sizes": [(32, 32)], "bitmap_format": "bmp"}),
        "plain.tga": ("TGA", "TGA", {}),
        "rle.tga": ("TGA", "TGA", {"compression": "tga_rle"}),
        "plain.qoi": ("QOI", "QOI", {}),
        "plain.ppm": ("Netpbm", "PPM", {}),
    }
    for name, (family, kind, options) in plain.items():
        yield Seed(name, family, encode(_drawn(), kind, **options))
    several = {"save_all": True, "append_images": [_drawn(number=1), _drawn(number=2)]}
    moving = {**several, "duration": 100}
    for name, family, kind, options in (
        ("moving.png", "PNG", "PNG", moving), ("moving.webp", "WebP", "WEBP", moving),
        ("moving.gif", "GIF", "GIF", moving),
        ("moving.avif", "AVIF", "AVIF", {**moving, "max_threads": 1, "codec": "aom"}),
        ("pages.tiff", "TIFF", "TIFF", several), ("two.mpo", "JPEG", "MPO", several),
    ):  # fmt: skip
        content = encode(_drawn(), kind, **options)
        yield Seed(name, family, undated(content) if name == "moving.avif" else content)
    for mode, name, family, kind in (
        ("CMYK", "cmyk.jpg", "JPEG", "JPEG"), ("L", "grey.jpg", "JPEG", "JPEG"),
        ("P", "palette.png", "PNG", "PNG"), ("RGBA", "clear.png", "PNG", "PNG"),
        ("1", "bits.png", "PNG", "PNG"), ("1", "fax.tiff", "TIFF", "TIFF"),
        ("P", "palette.bmp", "BMP", "BMP"), ("RGBA", "clear.webp", "WebP", "WEBP"),
        ("L", "grey.tga", "TGA", "TGA"),
    ):  # fmt: skip
        options = {"compression": "group4"} if name == "fax.tiff" else {}
        yield Seed(name, family, encode(_drawn(mode), kind, **options))
    yield from _by_hand()
    for suffix, make in raws.MAKERS.items():
        yield Seed(f"camera.{suffix}", "raw files", make(6))


def _by_hand() -> Iterator[Seed]:
    samples = np.asarray(_drawn("L"))
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples.astype(np.uint16) * 257)
    header = png_header(*SIZE, 16, 0)
    colours = ((b"gAMA", struct.pack(">I", 45455)), (b"cICP", bytes([9, 16, 0, 1])))
    yield Seed("sixteen.png", "PNG", png(header, *colours, data=rows))
    width, height = SIZE
    wide = tiffs.page(width, height, (samples.astype(np.uint16) * 257).tobytes(), bits=16)
    yield Seed("sixteen.tiff", "TIFF", tiffs.tiff(wide))
    layers = np.asarray(_drawn()).tobytes()
    colour = tiffs.page(width, height, layers, bits=[8, 8, 8], photometric=2)
    yield Seed("big.tiff", "TIFF", tiffs.tiff(colour, wide, big=True))
    yield Seed("big-end.tiff", "TIFF", tiffs.tiff(colour, order=">"))
    floats = tiffs.page(width, height, (samples / 255).astype("<f4").tobytes(), bits=32, t339=[3])
    yield Seed("floats.tiff", "TIFF", tiffs.tiff(floats))
    text = "\n".join(" ".join(map(str, row)) for row in samples)
    said = f"{width} {height}\n"
    yield Seed("text.pgm", "Netpbm", f"P2\n# drawn\n{said}255\n{text}\n".encode())
    bits = "\n".join("".join("01"[int(value > 127)] for value in row) for row in samples)
    yield Seed("text.pbm", "Netpbm", f"P1\n{said}{bits}\n".encode())
    yield Seed(
        "clear.pam", "Netpbm",
        f"P7\nWIDTH {width}\nHEIGHT {height}\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n"
        .encode() + np.asarray(_drawn("RGBA")).tobytes(),
    )  # fmt: skip
    light = (np.asarray(_drawn()) / 255).astype("<f4")
    yield Seed("light.pfm", "Netpbm", f"PF\n{said}-1.0\n".encode() + light.tobytes())
    yield Seed("plain.cur", "ICO", _cursor())
    picture = red_blue()
    yield Seed("plain.heic", "HEIC", heics.heif([heics.picture_item(picture)]))
    about = exif(_SAID, _PLACE).tobytes()
    yield Seed("said.heic", "HEIC", heics.heif([
        heics.picture_item(picture, heics.turned(1), heics.mirrored(0)),
        heics.exif_item(about, 1),
    ]))  # fmt: skip
    tile = [heics.picture_item(red_blue((64, 64)), hidden=True) for _ in range(2)]
    yield Seed("tiles.heic", "HEIC", heics.heif([*tile, heics.grid(1, 2, (128, 64), [1, 2])], 3))
    yield Seed("moving.heics", "HEIC", heics.film_of_pictures([picture, ramp().convert("RGB")]))
    yield Seed("fine.jp2", "JPEG 2000", _jpeg2000())


def undated(content: bytes) -> bytes:
    """A film of pictures that does not say when it was written: libavif writes the present."""
    changed = bytearray(content)
    for kind in (b"mvhd", b"tkhd", b"mdhd"):
        at = content.index(kind) + 4
        both = 16 if content[at] == 1 else 8  # created and modified, by the box's version
        changed[at + 4 : at + 4 + both] = bytes(both)
    return bytes(changed)


def _cursor() -> bytes:
    icon = bytearray(encode(_drawn(), "ICO", sizes=[(32, 32)], bitmap_format="bmp"))
    icon[2] = 2
    return bytes(icon)


def _jpeg2000() -> bytes:
    """Sixteen bits in colour, which FFmpeg writes."""
    codec = av.CodecContext.create("jpeg2000", "w")
    codec.width, codec.height, codec.pix_fmt = *SIZE, "rgb48le"
    codec.time_base = Fraction(1, 25)
    levels = np.asarray(_drawn()).astype(np.uint16) * 257
    frame = av.VideoFrame.from_ndarray(levels, "rgb48le")
    frame.pts = 0
    return b"".join(bytes(packet) for packet in (*codec.encode(frame), *codec.encode(None)))
