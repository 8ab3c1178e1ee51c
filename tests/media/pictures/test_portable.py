"""Netpbm's pictures, and others that are read since Pillow does: by content, of any depth."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import PIL.Image
import pytest

from sensorium.errors import MediaError
from sensorium.media import Image, open_media
from tests.media.small_pictures import BLUE, RED, assert_colors, encode, ramp, red_blue

GREY = np.asarray(ramp((64, 32)))


def _header(kind: str, maximum: int | None = 255, comment: str = "") -> bytes:
    white = "" if maximum is None else f"{maximum}\n"
    return f"{kind}\n{comment}64 32\n{white}".encode()


def _levels(maximum: int) -> np.ndarray:
    return np.round(GREY / 255 * maximum).astype(np.uint32)


@pytest.mark.parametrize("maximum", [1, 3, 15, 100, 255, 256, 1023, 4095, 65535])
@pytest.mark.parametrize("kind", ["P2", "P5", "P7"])
def test_grey_of_any_depth(kind: str, maximum: int) -> None:
    levels = _levels(maximum)
    if kind == "P2":
        content = (
            _header("P2", maximum, "# a comment\n")
            + "\n".join(" ".join(map(str, row)) for row in levels).encode()
        )
    else:
        content = _header("P5", maximum)
        if kind == "P7":
            content = (
                f"P7\nWIDTH 64\nHEIGHT 32\nDEPTH 1\nMAXVAL {maximum}\nTUPLTYPE GRAYSCALE\nENDHDR\n"
            ).encode()
        content += levels.astype(np.uint8 if maximum < 256 else ">u2").tobytes()
    found = np.asarray(Image(content).load())[:, :, 0]
    assert np.array_equal(found, np.floor(levels / maximum * 255 + 0.5))


@pytest.mark.parametrize("kind", ["P1", "P4"])
def test_bitmaps_have_one_for_black(kind: str) -> None:
    black = GREY < 128
    if kind == "P1":
        text = "\n".join("".join("01"[int(bit)] for bit in row) for row in black)
        content = _header("P1", None, "# drawn by hand\n") + text.encode()
    else:
        content = _header("P4", None) + np.packbits(black, axis=1).tobytes()
    assert np.array_equal(np.asarray(Image(content).load())[:, :, 0], np.where(black, 0, 255))


def test_bitmaps_whose_rows_end_within_a_byte() -> None:
    content = b"P4 10 2 \xff\xc0\0\0"
    assert np.asarray(Image(content).load())[:, :, 1].tolist() == [[0] * 10, [255] * 10]


@pytest.mark.parametrize("maximum", [255, 1023, 65535])
@pytest.mark.parametrize("kind", ["P3", "P6"])
def test_colours(kind: str, maximum: int) -> None:
    levels = np.round(np.asarray(red_blue()) / 255 * maximum).astype(np.uint32)
    content = _header(kind, maximum)
    if kind == "P3":
        content += " ".join(map(str, levels.ravel())).encode()
    else:
        content += levels.astype(np.uint8 if maximum < 256 else ">u2").tobytes()
    assert_colors(Image(content).load(), [RED, BLUE])


def test_transparency_of_a_pam() -> None:
    pixels = np.zeros((32, 64, 4), np.uint8)
    pixels[:, :32] = (255, 0, 0, 255)
    header = b"P7\nWIDTH 64\nHEIGHT 32\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n"
    assert_colors(Image(header + pixels.tobytes()).load(), [RED, (255, 255, 255)])


@pytest.mark.parametrize("scale", ["-1.0", "1.0"])
def test_float_maps_stand_on_their_heads(scale: str) -> None:
    values = np.zeros((32, 64, 3), np.float32)
    values[:16] = (1, 0, 0)  # the upper half is red
    values[16:] = (0, 0, 1)
    order = "<f4" if scale.startswith("-") else ">f4"
    picture = Image(
        _header("PF", None) + f"{scale}\n".encode() + values[::-1].astype(order).tobytes()
    )
    assert picture.load().getpixel((5, 5)) == RED
    assert picture.load().getpixel((5, 30)) == BLUE
    grey = values[:, :, 0]
    content = _header("Pf", None) + f"{scale}\n".encode() + grey[::-1].astype(order).tobytes()
    assert Image(content).load().getpixel((5, 5)) == (255, 255, 255)
    assert Image(content).load().getpixel((5, 30)) == (0, 0, 0)


@pytest.mark.parametrize(
    "content",
    [
        b"P5 64 32 255 " + bytes(100),
        b"P2 64 32 255 1 2 3",
        b"P1 64 32 0101",
        b"P4 64 32 \0",
        b"P5 64 32 70000 " + bytes(9999),
        b"P5 64 32 0 " + bytes(9999),
        b"P6 0 32 255 ",
        b"P5 64 32 ",
        b"P7\nWIDTH 64\nHEIGHT 32\nDEPTH 9\nMAXVAL 255\nENDHDR\n" + bytes(9999),
        b"P7\nWIDTH 64\nHEIGHT 32\nENDHDR\n" + bytes(9999),
        b"PF 64 32 -1.0\n" + bytes(9),
        b"P2 2 1 255 1 -2",
    ],
)
def test_broken_ones(content: bytes) -> None:
    with pytest.raises(MediaError, match="broken picture"):
        Image(content).load()


def test_a_header_that_claims_too_much() -> None:
    for content in (b"P5 999999 999999 255 ", b"PF 999999 999999 -1.0\n"):
        with pytest.raises(MediaError, match="more than the limit of"):
            Image(content).load()


@pytest.mark.parametrize(
    ("suffix", "kind", "options"),
    [
        ("jp2", "JPEG2000", {}),
        ("j2k", "JPEG2000", {"no_jp2": True}),
        ("ico", "ICO", {"sizes": [(64, 32)]}),
        ("tga", "TGA", {}),
        ("tga", "TGA", {"compression": "tga_rle"}),
        ("qoi", "QOI", {}),
        ("ppm", "PPM", {}),
        ("avifs", "AVIF", {}),
    ],
)
def test_other_formats(suffix: str, kind: str, options: dict[str, object], tmp_path: Path) -> None:
    path = tmp_path / f"picture.{suffix}"
    path.write_bytes(encode(red_blue(), kind, **options))
    image = open_media(path)
    assert isinstance(image, Image)
    assert_colors(image.load(), [RED, BLUE])
    assert image.metadata() == {"width": 64, "height": 32}


def test_an_icon_is_seen_at_its_largest_and_over_white() -> None:
    layered = PIL.Image.new("RGBA", (64, 64))
    layered.paste((255, 0, 0, 255), (0, 0, 32, 64))
    icon = Image(encode(layered, "ICO", sizes=[(16, 16), (64, 64), (32, 32)]))
    assert icon.load().size == (64, 64)
    assert_colors(icon.load(), [RED, (255, 255, 255)])


def test_a_cursor() -> None:
    icon = bytearray(encode(red_blue((32, 32)), "ICO", sizes=[(32, 32)], bitmap_format="bmp"))
    icon[2] = 2
    icon[10:14] = struct.pack("<HH", 3, 4)  # where it points
    assert_colors(Image(bytes(icon)).load(), [RED, BLUE])


def test_sixteen_bits_of_jpeg_2000() -> None:
    levels = (GREY.astype(np.uint16)) * 257
    picture = Image(encode(PIL.Image.fromarray(levels), "JPEG2000"))
    assert np.abs(np.asarray(picture.load())[:, :, 0].astype(int) - GREY).max() <= 1


def _jpeg2000(pixels: np.ndarray, source: str, kind: str) -> bytes:
    """A codestream from FFmpeg's encoder."""
    codec = av.CodecContext.create("jpeg2000", "w")
    codec.width, codec.height, codec.pix_fmt = pixels.shape[1], pixels.shape[0], kind
    codec.time_base = Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(pixels, source).reformat(
        format=kind, dst_color_range="JPEG" if kind.startswith("yuv") else None
    )
    frame.pts = 0
    return b"".join(bytes(packet) for packet in (*codec.encode(frame), *codec.encode(None)))


def test_jpeg_2000_of_sixteen_bits_in_colour() -> None:
    # Pillow makes the brightest levels black.
    levels = np.zeros((32, 64, 3), np.uint16)
    levels[:, :32] = (65535, 0, 0)
    levels[:, 32:] = (0, 0, 65500)
    image = Image(_jpeg2000(levels, "rgb48le", "rgb48le"))
    assert_colors(image.load(), [RED, BLUE])
    assert image.metadata()["width"] == 64


def test_jpeg_2000_whose_colours_are_subsampled() -> None:
    image = Image(_jpeg2000(np.asarray(red_blue((128, 64))), "rgb24", "yuv420p"))
    assert_colors(image.load(), [RED, BLUE], tolerance=12)
    assert_colors(image.load(min_side=16), [RED, BLUE], tolerance=12)


def test_a_targa_is_taken_for_one_by_its_name_alone(tmp_path: Path) -> None:
    encoded = encode(red_blue(), "TGA")
    assert encoded.endswith(b"TRUEVISION-XFILE.\0")
    assert_colors(Image(encoded).load(), [RED, BLUE])
    old = encoded[:-26]  # the first version has no mark at its end
    with pytest.raises(MediaError, match="no picture, or one that is broken"):
        Image(old).load()
    path = tmp_path / "old.TGA"
    path.write_bytes(old)
    assert_colors(open_media(path).load(), [RED, BLUE])  # type: ignore[attr-defined]


@pytest.mark.parametrize("bits", [1, 2, 4, 7])
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_few_bits_in_jpeg_2000_fill_the_scale(bits: int, mode: str) -> None:
    count = 1 << bits
    levels = np.tile(np.arange(count, dtype=np.uint8), (16, 128 // count))
    channels = len(mode)
    # What is coded are differences to the middle of the scale: 128 of 8 bits.
    coded = np.repeat((levels + 128 - count // 2)[..., None], channels, 2)
    alpha = mode.endswith("A")
    if alpha:
        coded[..., -1] = 128 - count // 2 + count - 1  # opaque
    encoded = bytearray(encode(PIL.Image.fromarray(coded.squeeze(), mode), "JPEG2000", no_jp2=True))
    sizes = encoded.index(b"\xff\x51") + 4 + 36
    for number in range(channels):
        assert encoded[sizes + 3 * number] == 7
        encoded[sizes + 3 * number] = bits - 1
    shown = np.asarray(Image(bytes(encoded)).load())
    assert (shown == np.round(levels * 255.0 / (count - 1))[..., None]).all(), shown[0, :9]
