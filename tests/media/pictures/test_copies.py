"""What can be made from another picture, and what cannot."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageCms
import PIL.ImageDraw
import PIL.ImageFont
import PIL.PngImagePlugin
import pytest

from sensorium.errors import MediaError
from sensorium.media.pictures.copies import is_copy, read_pixels
from tests.media.small_pictures import encode

Picture = PIL.Image.Image
Transpose = PIL.Image.Transpose


def same(original: bytes, other: bytes) -> bool:
    return is_copy(read_pixels(original, Path("a")), read_pixels(other, Path("b")).facts)


def form(number: str, ink: int = 0, size: int = 12) -> Picture:
    """A page of small writing."""
    page = PIL.Image.new("RGB", (320, 240), "white")
    draw = PIL.ImageDraw.Draw(page)
    font = PIL.ImageFont.load_default(size)
    for line in range(8):
        draw.text((10, 10 + 28 * line), f"{line} spade and seed   {17 * line}.00", (ink,) * 3, font)
    draw.text((200, 200), f"No {number}", (ink,) * 3, font)
    return page


@pytest.fixture(scope="module")
def photo(sample: Path) -> Picture:
    with PIL.Image.open(sample / "images" / "x_panda.jpg") as file:
        return file.convert("RGB")


def scaled(picture: Picture, share: float, method: str = "LANCZOS") -> Picture:
    size = (round(picture.width * share), round(picture.height * share))
    return picture.resize(size, PIL.Image.Resampling[method])


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}), ("TIFF", {"compression": "tiff_lzw"}), ("BMP", {}),
        ("WEBP", {"lossless": True}),
        *(("JPEG", {"quality": quality}) for quality in (50, 75, 95)),
        ("JPEG", {"quality": 80, "subsampling": 0, "progressive": True}),
    ],
)  # fmt: skip
def test_saved_again(photo: Picture, kind: str, options: dict[str, Any]) -> None:
    original = encode(photo, "PNG")
    again = encode(photo, kind, **options)
    assert same(original, again)
    assert same(again, original) == (kind != "JPEG")  # nothing makes a PNG of its JPEG
    if kind == "JPEG":
        lossless = encode(PIL.Image.open(io.BytesIO(again)), "PNG")
        assert same(again, lossless) and same(lossless, again)


@pytest.mark.parametrize("method", ["BICUBIC", "LANCZOS", "BILINEAR", "BOX", "HAMMING"])
@pytest.mark.parametrize("share", [0.35, 0.5, 0.83])
def test_scaled(photo: Picture, method: str, share: float) -> None:
    original, small = encode(photo, "PNG"), scaled(photo, share, method)
    assert same(original, encode(small, "PNG"))
    assert same(original, encode(small, "WEBP", lossless=True))
    assert not same(encode(small, "PNG"), original)
    if share >= 0.5:
        assert same(original, encode(small, "JPEG", quality=92))


def test_turned_by_its_file_alone(photo: Picture) -> None:
    original = encode(photo, "PNG")
    for orientation, turn in (
        (2, Transpose.FLIP_LEFT_RIGHT), (3, Transpose.ROTATE_180), (5, Transpose.TRANSPOSE),
        (6, Transpose.ROTATE_90), (7, Transpose.TRANSVERSE), (8, Transpose.ROTATE_270),
    ):  # fmt: skip
        exif = PIL.Image.Exif()
        exif[0x0112] = orientation
        stored = photo.transpose(turn)
        assert same(original, encode(stored, "PNG", exif=exif))
        assert same(encode(stored, "PNG", exif=exif), original)
        assert same(original, encode(stored, "JPEG", exif=exif))
        assert same(original, encode(scaled(stored, 0.5), "PNG", exif=exif))
        # Turned for good it is another arrow, another flag, 9 instead of 6.
        assert not same(original, encode(stored, "PNG"))


@pytest.mark.parametrize("ink", [0, 120, 190])
@pytest.mark.parametrize("size", [9, 14])
def test_a_digit_makes_another_form(ink: int, size: int) -> None:
    one, other = form("4711", ink, size), form("4712", ink, size)
    original = encode(one, "PNG")
    for make in ways():
        assert same(original, make(one)), make
        assert not same(original, make(other)), make


def ways() -> list[Callable[[Picture], bytes]]:
    """How copies are made that are found as such."""
    return [
        lambda p: encode(p, "PNG"),
        lambda p: encode(p, "WEBP", lossless=True),
        lambda p: encode(p, "JPEG", quality=95),
        lambda p: encode(p, "JPEG", quality=50),
        lambda p: encode(scaled(p, 0.5), "PNG"),
        lambda p: encode(scaled(p, 0.35, "BOX"), "PNG"),
        lambda p: encode(scaled(p, 0.5), "JPEG", quality=90),
    ]


def test_what_may_have_lost_a_digit_is_no_copy() -> None:
    """Each of these can be made from the form, and the next form gives nearly the same."""
    one = form("4711")
    original = encode(one, "PNG")
    for unclear in (
        encode(one, "JPEG", quality=30),
        encode(scaled(one, 0.25), "PNG"),
        encode(scaled(one, 0.5), "JPEG", quality=75),
        encode(scaled(one, 0.4), "JPEG", quality=95),
        encode(scaled(one, 0.05), "PNG"),
    ):
        assert not same(original, unclear)


def test_altered_is_another(photo: Picture) -> None:
    original = encode(photo, "PNG")
    levels = np.array(photo)
    levels[100, 100, 1] ^= 1
    assert not same(original, encode(PIL.Image.fromarray(levels), "PNG"))
    width, height = photo.size
    for other in (
        photo.crop((0, 0, width - 1, height)), photo.crop((4, 4, width - 4, height - 4)),
        photo.resize((width, height - 9)), photo.resize((width // 2, height // 2 - 4)),
        photo.resize((2 * width, 2 * height)), photo.convert("L"), photo.quantize(64),
        photo.transpose(Transpose.FLIP_LEFT_RIGHT),
    ):  # fmt: skip
        assert not same(original, encode(other, "PNG"))
    assert not same(original, encode(photo.convert("L"), "JPEG"))
    assert not same(original, encode(photo, "WEBP", quality=90))
    assert not same(original, encode(photo, "GIF"))


def test_shape_counts_where_colours_are_even() -> None:
    """Monaco and Indonesia are the same two colours, 4 to 5 and 2 to 3."""

    def flag(width: int, height: int) -> bytes:
        picture = PIL.Image.new("RGB", (width, height), "white")
        picture.paste("red", (0, 0, width, height // 2))
        return encode(picture, "PNG")

    indonesia = flag(900, 600)
    assert same(indonesia, flag(450, 300))
    assert not same(indonesia, flag(450, 360))
    assert not same(indonesia, flag(300, 240))
    # Of what has no shapes nothing says that it was scaled.
    even, small = (PIL.Image.new("RGB", (side, side), "teal") for side in (80, 40))
    assert same(encode(even, "PNG"), encode(even, "WEBP", lossless=True))
    assert not same(encode(even, "PNG"), encode(small, "PNG"))


def icon(letter: str, color: str = "white", size: int = 64) -> Picture:
    picture = PIL.Image.new("RGBA", (size, size), (0, 0, 0, 0))
    font = PIL.ImageFont.load_default(size * 0.8)
    PIL.ImageDraw.Draw(picture).text((size // 4, 0), letter, color, font)
    return picture


def test_transparency_is_compared() -> None:
    a = encode(icon("A"), "PNG")
    assert same(a, encode(icon("A"), "WEBP", lossless=True))
    assert same(a, encode(icon("A").resize((32, 32), PIL.Image.Resampling.LANCZOS), "PNG"))
    # All of them are white on white.
    assert not same(a, encode(icon("B"), "PNG"))
    assert not same(a, encode(icon("B").resize((32, 32)), "PNG"))
    assert not same(a, encode(icon("A", "black"), "PNG"))
    ground = PIL.Image.new("RGBA", (64, 64), "white")
    for other in (icon("A"), icon("A", "black")):
        assert not same(
            encode(other, "PNG"), encode(PIL.Image.alpha_composite(ground, other), "PNG")
        )
    # What colour the invisible has is no difference.
    levels = np.array(icon("A"))
    levels[levels[..., 3] == 0] = (255, 0, 0, 0)
    assert same(a, encode(PIL.Image.fromarray(levels), "PNG"))
    assert not same(a, encode(icon("A").convert("RGB"), "PNG"))
    # A palette, grey, or a layer that hides nothing are the same pixels.
    red = icon("A", "red").convert("RGB")
    assert same(encode(red, "PNG"), encode(red.convert("RGBA"), "PNG"))
    grey = icon("A").convert("L")
    assert same(encode(grey, "PNG"), encode(grey.convert("RGB"), "PNG"))
    assert same(encode(grey, "PNG"), encode(grey, "JPEG", quality=80))
    assert same(encode(grey, "PNG"), encode(grey.convert("RGB"), "JPEG", quality=80))


def test_more_than_eight_bits() -> None:
    deep = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64) * 16
    original = encode(PIL.Image.fromarray(deep), "PNG")
    assert same(original, encode(PIL.Image.fromarray(deep), "TIFF"))
    assert not same(original, encode(PIL.Image.fromarray(deep + 1), "PNG"))
    assert not same(original, encode(PIL.Image.fromarray((deep >> 8).astype(np.uint8)), "PNG"))
    assert not same(encode(PIL.Image.fromarray((deep >> 8).astype(np.uint8)), "PNG"), original)


def test_what_has_more_than_one_picture(photo: Picture) -> None:
    small = scaled(photo, 0.2)
    other = small.transpose(Transpose.ROTATE_180)
    for kind, options in (("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {})):
        several = encode(small, kind, save_all=True, append_images=[other], **options)
        assert not same(encode(small, "PNG"), several)
        assert not same(several, encode(small, "PNG"))


def test_what_else_is_in_a_file(photo: Picture) -> None:
    """A copy that says more than what would stay is not one."""
    plain = encode(photo, "PNG")
    text = PIL.PngImagePlugin.PngInfo()
    text.add_text("Description", "the drawing's source")
    exif = PIL.Image.Exif()
    exif[0x0132] = "2021:05:03 10:00:00"
    display = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("LAB")).tobytes()
    srgb = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB")).tobytes()
    for more in (
        encode(photo, "PNG", pnginfo=text), encode(photo, "PNG", exif=exif),
        encode(photo, "JPEG", exif=exif), encode(photo, "JPEG", comment="for Ann"),
        encode(photo, "TIFF", tiffinfo={270: "a scan"}),
        encode(photo, "TIFF", tiffinfo={37724: "layers"}),
    ):  # fmt: skip
        assert not same(plain, more)
    assert same(encode(photo, "PNG", pnginfo=text), plain)
    assert same(encode(photo, "PNG", exif=exif), encode(photo, "JPEG", exif=exif))
    assert not same(plain, encode(photo, "PNG", icc_profile=display))
    assert not same(encode(photo, "PNG", icc_profile=display), plain)
    assert same(plain, encode(photo, "PNG", icc_profile=srgb))
    # A telephone's moving picture: the film follows the still.
    still = encode(photo, "JPEG")
    assert same(plain, still) and not same(plain, still + b"\0\0\0\x18ftypmp42")
    assert not same(plain, plain + b"more")


def test_what_cannot_be_read(photo: Picture) -> None:
    with pytest.raises(MediaError, match="broken"):
        read_pixels(encode(photo, "JPEG")[:2000], Path("a.jpg"))
    with pytest.raises(MediaError, match=r"a\.jpg"):
        read_pixels(b"", Path("a.jpg"))
