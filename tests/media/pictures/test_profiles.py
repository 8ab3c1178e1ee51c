"""Colours are shown as their ICC profile, or the gamma of a PNG, means them."""

from __future__ import annotations

import struct
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import PIL.Image
import pytest

from sensorium.media import Image
from tests.media.profiles import (
    ADOBE_RGB,
    DISPLAY_P3,
    SRGB,
    grey_profile,
    press_profile,
    rgb_profile,
    swapped_profile,
)
from tests.media.small_pictures import BLUE, RED, assert_colors, encode, png, png_header, red_blue

LOSSLESS = {"PNG": {}, "WEBP": {"lossless": True}, "TIFF": {}, "JPEG": {"quality": 100}}
MUTED = (200, 100, 50)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("min_side", [None, 4])
def test_a_profile_that_swaps_red_and_blue(kind: str, min_side: int | None) -> None:
    encoded = encode(red_blue(), kind, icc_profile=swapped_profile(), **LOSSLESS.get(kind, {}))
    assert_colors(Image(encoded).load(min_side), [BLUE, RED])


def test_a_profile_is_for_pillow_images_palettes_and_transparent_pictures_too() -> None:
    profile = swapped_profile()
    palette = encode(red_blue().quantize(2), "PNG", icc_profile=profile)
    assert_colors(Image(palette).load(), [BLUE, RED])
    picture = red_blue()
    picture.info["icc_profile"] = profile
    assert_colors(Image(picture).load(), [BLUE, RED])
    layered = red_blue().convert("RGBA")
    layered.paste((0, 0, 0, 0), (32, 0, 64, 32))
    encoded = encode(layered, "PNG", icc_profile=profile)
    assert_colors(Image(encoded).load(), [BLUE, (255, 255, 255)])


@pytest.mark.parametrize(
    ("colorants", "gamma", "expected"),
    [  # what Chromium shows
        (SRGB, 2.2, (201, 100, 46)),
        (DISPLAY_P3, 2.2, (216, 93, 24)),
        (ADOBE_RGB, 2.199, (229, 99, 41)),
        (SRGB, 1.0, (228, 168, 122)),
    ],
)
def test_colours_of_screens(
    colorants: tuple[tuple[float, ...], ...], gamma: float, expected: tuple[int, int, int]
) -> None:
    picture = PIL.Image.new("RGB", (8, 8), MUTED)
    encoded = encode(picture, "PNG", icc_profile=rgb_profile(colorants, gamma))
    assert_colors(Image(encoded).load(), [expected], tolerance=3)


def test_a_profile_like_srgb_changes_no_level() -> None:
    levels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    from PIL import ImageCms

    for profile in (
        rgb_profile(SRGB, 2.2),
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    ):
        encoded = encode(PIL.Image.fromarray(levels), "PNG", icc_profile=profile)
        loaded = np.asarray(Image(encoded).load()).astype(int)
        assert np.abs(loaded - levels).max() <= (0 if b"sRGB" in profile else 12)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_grey_levels(kind: str) -> None:
    grey = PIL.Image.new("L", (8, 8), 128)
    encoded = encode(grey, kind, icc_profile=grey_profile(1.0), **LOSSLESS[kind])
    assert_colors(Image(encoded).load(), [(188, 188, 188)], tolerance=2)
    sixteen = PIL.Image.fromarray(np.full((8, 8), 128 * 257, np.uint16))
    if kind != "JPEG":
        encoded = encode(sixteen, kind, icc_profile=grey_profile(1.0))
        assert_colors(Image(encoded).load(), [(188, 188, 188)], tolerance=2)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_a_press_has_its_own_inks(kind: str) -> None:
    inks = PIL.Image.new("CMYK", (64, 32))
    inks.paste((255, 0, 0, 0), (32, 0, 64, 32))
    # The first ink of this press, cyan on others, is a red: L 53, a 80, b 67.
    profile = press_profile([(135, 208, 195), (100, 200, 120), (220, 128, 220), (0, 128, 128)])
    encoded = encode(inks, kind, icc_profile=profile, **LOSSLESS[kind])
    assert_colors(Image(encoded).load(), [(255, 255, 255), RED], tolerance=14)
    assert_colors(Image(encoded).load(4), [(255, 255, 255), RED], tolerance=14)


@pytest.mark.parametrize(
    "profile",
    [
        swapped_profile()[:300],
        swapped_profile()[:90],
        b"x" * 500,
        bytes(500),
        grey_profile(1.0),
        press_profile([(0, 0, 0)] * 4),
    ],
)
def test_a_broken_profile_or_one_for_other_pixels_is_passed_over(profile: bytes) -> None:
    for kind in ("PNG", "JPEG", "WEBP"):
        encoded = encode(red_blue(), kind, icc_profile=profile, **LOSSLESS[kind])
        assert_colors(Image(encoded).load(), [RED, BLUE])


def test_threads_share_a_profile() -> None:
    encoded = encode(red_blue((300, 200)), "PNG", icc_profile=swapped_profile())
    with ThreadPoolExecutor(4) as pool:
        for picture in pool.map(lambda _: Image(encoded).load(), range(16)):
            assert_colors(picture, [BLUE, RED])


@pytest.mark.parametrize(
    ("gamma", "expected"),
    [(100_000, (229, 168, 122)), (55_556, (210, 119, 65)), (45_455, MUTED), (0, MUTED)],
)
def test_gamma_of_a_png(gamma: int, expected: tuple[int, int, int]) -> None:
    # Expected is what Chromium shows.
    chunk = (b"gAMA", struct.pack(">I", gamma))
    row = b"\0" + bytes(MUTED) * 4
    encoded = png(png_header(4, 2), chunk, data=row * 2)
    assert_colors(Image(encoded).load(), [expected], tolerance=1)
    # A file that says that it is sRGB is that, whatever gamma it has.
    encoded = png(png_header(4, 2), chunk, (b"sRGB", b"\0"), data=row * 2)
    assert_colors(Image(encoded).load(), [MUTED], tolerance=0)
