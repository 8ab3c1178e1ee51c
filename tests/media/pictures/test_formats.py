"""Every file format and pixel mode becomes the same upright RGB."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageColor
import pytest
from PIL import ImageCms

from sensorium.errors import MediaError
from sensorium.media import Image
from tests.media.small_pictures import (
    BLUE,
    RED,
    SIZE,
    assert_colors,
    corners,
    encode,
    exif,
    png,
    png_header,
    ramp,
    red_blue,
)

WHITE, BLACK = (255, 255, 255), (0, 0, 0)
GREEN = PIL.Image.new("RGB", SIZE, "green")

FORMATS = {
    "jpeg": ("JPEG", {"quality": 95}),
    "progressive jpeg": ("JPEG", {"quality": 95, "progressive": True}),
    "jpeg without subsampling": ("JPEG", {"subsampling": 0}),
    "png": ("PNG", {}),
    "animated png": ("PNG", {"save_all": True, "append_images": [GREEN]}),
    "webp": ("WEBP", {}),
    "lossless webp": ("WEBP", {"lossless": True}),
    "animated webp": ("WEBP", {"save_all": True, "append_images": [GREEN], "lossless": True}),
    "gif": ("GIF", {}),
    "animated gif": ("GIF", {"save_all": True, "append_images": [GREEN], "duration": 100}),
    "tiff": ("TIFF", {}),
    "tiff of several pages": ("TIFF", {"save_all": True, "append_images": [GREEN]}),
    "tiff lzw": ("TIFF", {"compression": "tiff_lzw"}),
    "tiff deflate": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    "tiff jpeg": ("TIFF", {"compression": "jpeg", "quality": 95}),
    "bmp": ("BMP", {}),
    "avif": ("AVIF", {}),
    "animated avif": ("AVIF", {"save_all": True, "append_images": [GREEN]}),
    "mpo": ("MPO", {"save_all": True, "append_images": [GREEN], "quality": 95}),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_its_first_frame(name: str) -> None:
    kind, options = FORMATS[name]
    image = Image(encode(red_blue(), kind, **options))
    picture = image.load()
    assert picture.size == SIZE
    assert_colors(picture, [RED, BLUE])
    assert {k: image.metadata()[k] for k in ("width", "height")} == {"width": 64, "height": 32}


@pytest.mark.parametrize("name", ["png", "webp", "gif", "tiff", "bmp", "avif", "mpo"])
def test_formats_are_read_in_a_process_that_has_written_none(name: str, tmp_path: Path) -> None:
    # Pillow registers its formats as they are needed; writing the file here has done so already.
    kind, options = FORMATS[name]
    path = tmp_path / "picture.bin"
    path.write_bytes(encode(red_blue(), kind, **options))
    code = (
        "import sys; from pathlib import Path; from sensorium.media import Image\n"
        "print(Image(Path(sys.argv[1])).load().size)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == (str(SIZE), "")


def _lab() -> PIL.Image.Image:
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    converted = ImageCms.profileToProfile(red_blue(), srgb, lab, outputMode="LAB")
    assert converted is not None
    return converted


@pytest.mark.parametrize(
    "mode", ["P", "PA", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV", "LAB", "RGB"]
)
def test_color_modes_of_pillow_images(mode: str) -> None:
    if mode == "LAB":
        picture = _lab()
    elif mode == "PA":
        picture = red_blue().convert("RGBA").convert("P").convert("PA")
    elif mode == "RGBa":
        picture = red_blue().convert("RGBA").convert("RGBa")
    else:
        picture = red_blue().convert(mode)
    assert picture.mode == mode
    # LAB's 8 bits a channel cannot say pure blue.
    assert_colors(Image(picture).load(), [RED, BLUE], tolerance=25 if mode == "LAB" else 6)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "I;16", "I", "F"])
def test_grey_modes_of_pillow_images(mode: str) -> None:
    grey = np.asarray(ramp())
    made = {
        "1": lambda: ramp().convert("1", dither=PIL.Image.Dither.NONE),
        "L": ramp,
        "LA": lambda: ramp().convert("LA"),
        "I;16": lambda: PIL.Image.fromarray(grey.astype(np.uint16) * 257),
        "I": lambda: PIL.Image.fromarray(grey.astype(np.int32) * 257),
        "F": lambda: PIL.Image.fromarray(grey.astype(np.float32) / 255),
    }[mode]()
    assert made.mode == mode
    loaded = Image(made).load()
    assert loaded.mode == "RGB"
    expected = np.where(grey > 127, 255, 0) if mode == "1" else grey
    assert np.array_equal(np.asarray(loaded), np.stack([expected] * 3, axis=2))


def test_a_callers_pillow_image_is_left_alone() -> None:
    encoded = encode(red_blue(), "JPEG", exif=exif({0x0112: 6}))
    picture = PIL.Image.open(io.BytesIO(encoded))
    assert Image(picture).load().size == (32, 64)
    assert Image(picture).load(min_side=4).size == (8, 16)
    assert (picture.size, picture.mode, picture.getexif()[0x0112]) == (SIZE, "RGB", 6)
    assert_colors(picture, [RED, BLUE])
    assert Image(picture).metadata()["width"] == 32


def test_a_callers_pillow_image_that_cannot_be_decoded() -> None:
    encoded = encode(red_blue((300, 300)), "JPEG")
    with pytest.raises(MediaError, match=r"broken picture .*truncated"):
        Image(PIL.Image.open(io.BytesIO(encoded[:1000]))).load()
    with pytest.raises(MediaError, match="0 x 5 has no pixels"):
        Image(PIL.Image.new("RGB", (0, 5))).load()


def test_sixteen_bit_pictures() -> None:
    grey = np.zeros((32, 64), np.uint16)
    grey[:, :32] = 65535
    picture = PIL.Image.fromarray(grey)
    for kind in ("PNG", "TIFF"):
        assert_colors(Image(encode(picture, kind)).load(), [WHITE, BLACK])
    big_endian = PIL.Image.fromarray(grey.astype(">u2"))
    assert_colors(Image(encode(big_endian, "TIFF")).load(), [WHITE, BLACK])
    # Half of the range is half of white, not 255.
    half = PIL.Image.fromarray(np.full((32, 64), 32768, np.uint16))
    assert_colors(Image(encode(half, "PNG")).load(), [(127, 127, 127)], tolerance=1)


def test_sixteen_bit_color_png() -> None:
    row = b"\0" + struct.pack(">HHH", 65535, 0, 0) * 2 + struct.pack(">HHH", 0, 0, 65535) * 2
    assert_colors(Image(png(png_header(4, 2, bits=16), data=row * 2)).load(), [RED, BLUE])


def test_one_bit_and_grey_pngs_with_their_transparent_value() -> None:
    grey = encode(ramp(), "PNG", transparency=0)
    assert Image(grey).load().getpixel((0, 0)) == WHITE
    assert Image(grey).load().getpixel((10, 0)) == (40, 40, 40)
    sixteen = np.full((32, 64), 30000, np.uint16)
    sixteen[:, :32] = 7
    encoded = encode(PIL.Image.fromarray(sixteen), "PNG", transparency=7)
    assert_colors(Image(encoded).load(), [WHITE, (116, 116, 116)], tolerance=1)
    bits = encode(ramp().convert("1", dither=PIL.Image.Dither.NONE), "PNG", transparency=1)
    assert_colors(Image(bits).load(), [BLACK, WHITE], tolerance=0)


def test_float_tiff() -> None:
    values = np.zeros((32, 64), np.float32)
    values[:, 32:] = 1
    assert_colors(Image(encode(PIL.Image.fromarray(values), "TIFF")).load(), [BLACK, WHITE])
    # Scientific values beyond 0 to 1 are stretched.
    stretched = Image(encode(PIL.Image.fromarray(values * 4000 - 7), "TIFF")).load()
    assert_colors(stretched, [BLACK, WHITE])


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_cmyk_tiff(compression: str | None) -> None:
    encoded = encode(red_blue().convert("CMYK"), "TIFF", compression=compression)
    assert_colors(Image(encoded).load(), [RED, BLUE])


def test_cmyk_jpeg_is_stored_inverted_as_adobe_does() -> None:
    encoded = encode(red_blue().convert("CMYK"), "JPEG", quality=95)
    with PIL.Image.open(io.BytesIO(encoded)) as picture:
        assert picture.mode == "CMYK"
        assert "adobe" in picture.info
    assert_colors(Image(encoded).load(), [RED, BLUE])
    assert_colors(Image(encoded).load(min_side=4), [RED, BLUE], tolerance=12)


def test_ycbcr_and_lab_tiff() -> None:
    assert_colors(Image(encode(red_blue().convert("YCbCr"), "TIFF")).load(), [RED, BLUE])
    assert_colors(Image(encode(_lab(), "TIFF")).load(), [RED, BLUE], tolerance=25)


# Transparency


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "AVIF"])
def test_alpha_over_white(kind: str) -> None:
    layered = red_blue().convert("RGBA")
    alpha = PIL.Image.new("L", SIZE, 255)
    alpha.paste(0, (0, 0, 16, 32))
    alpha.paste(128, (48, 0, 64, 32))
    layered.putalpha(alpha)
    options = {"lossless": True} if kind == "WEBP" else {}
    expected = [WHITE, RED, BLUE, (127, 127, 255)]
    assert_colors(Image(encode(layered, kind, **options)).load(), expected)
    assert_colors(Image(layered).load(), expected)


def test_transparent_grey_over_white() -> None:
    layered = PIL.Image.merge("LA", [PIL.Image.new("L", SIZE, 0), PIL.Image.new("L", SIZE, 0)])
    assert_colors(Image(encode(layered, "PNG")).load(), [WHITE])


def test_transparent_entry_of_a_palette() -> None:
    palette = red_blue().quantize(2)
    clear = palette.getpixel((0, 0))
    for kind in ("PNG", "GIF"):
        encoded = encode(palette, kind, transparency=clear)
        assert_colors(Image(encoded).load(), [WHITE, BLUE])
    half = encode(palette, "PNG", transparency=bytes([128 if i == clear else 255 for i in (0, 1)]))
    assert_colors(Image(half).load(), [(255, 127, 127), BLUE])


def test_transparent_color_of_an_rgb_png() -> None:
    encoded = encode(red_blue(), "PNG", transparency=RED)
    assert_colors(Image(encoded).load(), [WHITE, BLUE])
    assert_colors(Image(encoded).load(min_side=4), [WHITE, BLUE])


# Orientation

QUARTERS = ["red", "lime", "blue", "white"]  # upper left, upper right, lower left, lower right
STORED = {
    1: [0, 1, 2, 3], 2: [1, 0, 3, 2], 3: [3, 2, 1, 0], 4: [2, 3, 0, 1],
    5: [0, 2, 1, 3], 6: [2, 0, 3, 1], 7: [3, 1, 2, 0], 8: [1, 3, 0, 2],
}  # fmt: skip
"""Which stored quarter each shown quarter comes from, from the EXIF standard's definition."""


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_every_orientation_is_made_upright(kind: str, orientation: int) -> None:
    options = {"quality": 95} if kind in ("JPEG", "WEBP", "AVIF") else {}
    encoded = encode(corners(), kind, exif=exif({0x0112: orientation}), **options)
    size = SIZE if orientation < 5 else SIZE[::-1]
    metadata = Image(encoded).metadata()
    assert (metadata["width"], metadata["height"]) == size
    for min_side in (None, 4):
        picture = Image(encoded).load(min_side)
        width, height = picture.size
        assert width / height == size[0] / size[1]
        found = [
            picture.getpixel((width // 4 + x * width // 2, height // 4 + y * height // 2))
            for y in (0, 1)
            for x in (0, 1)
        ]
        expected = [PIL.ImageColor.getrgb(QUARTERS[quarter]) for quarter in STORED[orientation]]
        assert np.abs(np.array(found) - np.array(expected)).max() < 20, found


@pytest.mark.parametrize("orientation", [0, 9, 65535, b"6\0\0\0"])
def test_an_absurd_orientation_is_passed_over(orientation: int | bytes) -> None:
    text, short = 2, 3  # types of the TIFF 6.0 specification
    if isinstance(orientation, bytes):
        entry = struct.pack("<HHI", 0x0112, text, 2) + orientation
    else:
        entry = struct.pack("<HHIHH", 0x0112, short, 1, orientation, 0)
    block = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4)
    encoded = encode(red_blue(), "JPEG", exif=block, quality=95)
    with PIL.Image.open(io.BytesIO(encoded)) as picture:
        assert 0x0112 in picture.getexif()
    assert_colors(Image(encoded).load(), [RED, BLUE])
    assert Image(encoded).metadata()["width"] == 64
