"""Colours that a file names by the numbers of H.273 are shown as those with a profile are."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from sensorium.media import Image
from sensorium.media.pictures.code_points import code_points
from sensorium.media.pictures.copies import is_copy, read_pixels
from sensorium.media.pictures.hdr import BT2020, HLG, P3, PQ
from tests.media.heics import box, heif, picture_item
from tests.media.profiles import DISPLAY_P3, rgb_profile, swapped_profile
from tests.media.small_pictures import encode, png_chunk

BT709, SRGB_CURVE, LINEAR, GAMMA_22 = 1, 13, 8, 4

COLOURS = [(200, 100, 50), (50, 100, 200), (128, 128, 60), (20, 180, 90), (255, 255, 255)]


def drawn() -> PIL.Image.Image:
    """Muted colours: others are beyond sRGB, where all that can be shown is the nearest."""
    picture = PIL.Image.new("RGB", (8 * len(COLOURS), 16))
    for number, colour in enumerate(COLOURS):
        picture.paste(colour, (8 * number, 0, 8 * number + 8, 16))
    return picture


def with_chunk(encoded: bytes, name: bytes, body: bytes) -> bytes:
    return encoded[:33] + png_chunk(name, body) + encoded[33:]


def coded_png(primaries: int, transfer: int, **options: bytes) -> bytes:
    whole = encode(drawn(), "PNG", **options)
    return with_chunk(whole, b"cICP", bytes([primaries, transfer, 0, 1]))


def coded_avif(primaries: int, transfer: int, **options: bytes) -> bytes:
    whole = encode(drawn(), "AVIF", quality=100, subsampling="4:4:4", **options)
    at = whole.index(b"nclx") + 4
    return whole[:at] + struct.pack(">HH", primaries, transfer) + whole[at + 4 :]


def shown(encoded: bytes) -> np.ndarray:
    return np.asarray(Image(encoded).load(), int)


def assert_shown(encoded: bytes, profile: bytes, tolerance: int) -> None:
    expected = shown(encode(drawn(), "PNG", icc_profile=profile))
    assert np.abs(expected - np.asarray(drawn(), int)).max() > 10  # it makes a difference
    assert np.abs(shown(encoded) - expected).max() <= tolerance


def test_wide_primaries() -> None:
    profile = rgb_profile(DISPLAY_P3)
    assert_shown(coded_png(P3, GAMMA_22), profile, 3)
    assert_shown(coded_avif(P3, GAMMA_22), profile, 12)  # it is lossy
    # Their curves are nearly the same.
    assert_shown(coded_png(P3, SRGB_CURVE), profile, 12)


def test_curves_that_no_screen_has() -> None:
    levels = shown(coded_png(BT709, LINEAR))[0, ::8].tolist()
    # Half of the light is level 188 (IEC 61966-2-1).
    assert levels[2][:2] == [188, 188] and levels[4] == [255, 255, 255]
    dark = shown(coded_png(BT709, GAMMA_22))
    assert 1 <= np.abs(dark - np.asarray(drawn(), int)).max() <= 8


def test_heic() -> None:
    colours = box(b"colr", b"nclx", struct.pack(">HHHB", P3, SRGB_CURVE, 6, 0))
    picture = drawn().resize((160, 64), PIL.Image.Resampling.NEAREST)
    found = np.asarray(Image(heif([picture_item(picture, colours)])).load(), int)
    expected = np.asarray(
        Image(encode(picture, "PNG", icc_profile=rgb_profile(DISPLAY_P3))).load(), int
    )
    assert np.abs(found - expected)[8:-8:16, 16::32].max() <= 12


@pytest.mark.parametrize(("transfer", "paper"), [(PQ, 148), (HLG, 191)])
def test_high_dynamic_range(transfer: int, paper: int) -> None:
    page = PIL.Image.new("RGB", (600, 600), (paper,) * 3)
    coded = with_chunk(encode(page, "PNG"), b"cICP", bytes([BT2020, transfer, 0, 1]))
    for min_side in (None, 100):
        low, high = Image(coded).load(min_side).getextrema()[0]
        assert 238 <= low == high <= 250


def test_ordinary_numbers_change_nothing() -> None:
    plain = np.asarray(drawn(), int)
    for primaries, transfer in ((BT709, SRGB_CURVE), (BT709, 1), (2, 2)):
        assert (shown(coded_png(primaries, transfer)) == plain).all()
    # Numbers count more than the gamma, and a picture that is not RGB is none of a PNG.
    linear = struct.pack(">I", 100_000)
    assert (shown(with_chunk(coded_png(BT709, SRGB_CURVE), b"gAMA", linear)) == plain).all()
    wrong = with_chunk(encode(drawn(), "PNG"), b"cICP", bytes([P3, SRGB_CURVE, 1, 1]))
    assert (shown(wrong) == plain).all()


def test_numbers_and_a_profile() -> None:
    swapped = swapped_profile()
    assert np.abs(
        shown(coded_png(P3, SRGB_CURVE, icc_profile=swapped)) - shown(coded_png(P3, SRGB_CURVE))
    ).max() == 0  # fmt: skip
    avif = encode(drawn(), "AVIF", quality=100, subsampling="4:4:4", icc_profile=swapped)
    assert np.abs(shown(avif) - np.asarray(drawn(), int)[..., ::-1]).max() <= 12


def test_broken_files_say_nothing() -> None:
    for whole in (coded_png(P3, SRGB_CURVE), coded_avif(P3, SRGB_CURVE)):
        found = {code_points(whole[:size]) for size in range(len(whole))}
        assert found <= {None, (P3, SRGB_CURVE)}


def test_the_same_levels_with_other_numbers_are_no_copy() -> None:
    plain, wide, ordinary = (
        read_pixels(encoded, Path("a.png"))
        for encoded in (
            encode(drawn(), "PNG"), coded_png(P3, SRGB_CURVE), coded_png(BT709, SRGB_CURVE)
        )
    )  # fmt: skip
    assert is_copy(plain, ordinary.facts) and not is_copy(plain, wide.facts)
