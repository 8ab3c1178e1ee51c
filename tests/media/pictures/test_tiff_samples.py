"""Samples of a TIFF that Pillow does not read, or reads as other levels than are meant."""

from __future__ import annotations

import io
import zlib
from contextlib import suppress
from typing import Any

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.errors import MediaError
from sensorium.media import Image
from tests.media.small_pictures import encode
from tests.media.tiffs import page, tiff

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, LAB = 0, 1, 2, 3, 5, 8


def packed(levels: np.ndarray, bits: int, order: str, kind: str = "u") -> bytes:
    """Samples of shape (h, w, n) as a TIFF's rows."""
    if bits in (8, 16, 32, 64) or kind != "u":
        return levels.astype(f"{order}{kind}{bits // 8}").tobytes()
    rows = []
    for row in levels.reshape(len(levels), -1):
        text = "".join(format(int(level), f"0{bits}b") for level in row)
        text += "0" * (-len(text) % 8)
        rows.append(int(text, 2).to_bytes(len(text) // 8, "big"))
    return b"".join(rows)


def shares(samples: int) -> np.ndarray:
    """Values from 0 to 1, shape (6, 10, samples)."""
    values = np.random.default_rng(samples).random((6, 10, samples))
    values[0, 0], values[0, 1] = 0, 1
    return values


def differing(encoded: bytes, expected: np.ndarray) -> float:
    loaded = np.asarray(Image(encoded).load(), int)
    assert loaded.shape == (*expected.shape[:2], 3)
    return float(np.abs(loaded - expected).max())


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("bits", [1, 2, 3, 4, 6, 8, 10, 12, 14, 16, 24, 32, 64])
@pytest.mark.parametrize("photometric", [WHITE_IS_ZERO, BLACK_IS_ZERO, RGB])
def test_whole_numbers_of_any_size(order: str, big: bool, bits: int, photometric: int) -> None:
    samples = 3 if photometric == RGB else 1
    white = 2**bits - 1
    values = shares(samples)
    levels = np.minimum(np.round(values * white), np.nextafter(float(2**bits), 0)).astype(np.uint64)
    levels[0, 1] = white
    file = page(10, 6, packed(levels, bits, order), bits=[bits] * samples, photometric=photometric)
    shown = levels / white * 255
    if photometric == WHITE_IS_ZERO:
        shown = 255 - shown
    encoded = tiff(file, order=order, big=big)
    assert differing(encoded, np.broadcast_to(shown, (6, 10, 3))) <= 1
    first = Image(encoded).load().getpixel((0, 0))
    assert first == ((255,) * 3 if photometric == WHITE_IS_ZERO else (0, 0, 0))
    if photometric != RGB:
        assert Image(encoded).load().getpixel((1, 0)) == (255 - first[0],) * 3  # type: ignore[index]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [16, 32, 64])
@pytest.mark.parametrize("photometric", [WHITE_IS_ZERO, BLACK_IS_ZERO, RGB])
def test_fractions(order: str, bits: int, photometric: int) -> None:
    samples = 3 if photometric == RGB else 1
    values = shares(samples)
    file = page(
        10, 6, packed(values, bits, order, "f"), bits=[bits] * samples, photometric=photometric,
        t339=[3] * samples,
    )  # fmt: skip
    shown = (1 - values if photometric == WHITE_IS_ZERO else values) * 255
    assert differing(tiff(file, order=order), np.broadcast_to(shown, (6, 10, 3))) <= 1


@pytest.mark.parametrize("extra", [0, 1, 2])
@pytest.mark.parametrize("bits", [2, 8, 12, 16, 32])
@pytest.mark.parametrize("photometric", [BLACK_IS_ZERO, RGB])
def test_alpha(extra: int, bits: int, photometric: int) -> None:
    """Unspecified extra samples are no alpha; associated alpha has been multiplied already."""
    samples = 3 if photometric == RGB else 1
    white = 2**bits - 1
    values = shares(samples + 1)
    if extra == 1:
        values[..., :-1] *= values[..., -1:]
    levels = np.round(values * white).astype(np.int64)
    file = page(
        10, 6, packed(levels, bits, "<"), bits=[bits] * (samples + 1), photometric=photometric,
        t338=[extra],
    )  # fmt: skip
    colours, alpha = np.split(levels / white, [samples], axis=2)
    shown = {0: colours, 1: colours + 1 - alpha, 2: colours * alpha + 1 - alpha}[extra]
    # Where little of a colour is left, 8 bits cannot say which it was.
    assert differing(tiff(file), np.broadcast_to(shown * 255, (6, 10, 3))) <= 3


def test_cmyk_palette_and_lab() -> None:
    values = np.round(shares(4) * 65535).astype(np.int64)
    inks = page(10, 6, packed(values, 16, ">"), bits=[16] * 4, photometric=CMYK, t284=[1])
    eight = PIL.Image.fromarray((values >> 8).astype(np.uint8), "CMYK").convert("RGB")
    assert differing(tiff(inks, order=">"), np.asarray(eight, int)) <= 2
    twelve = page(10, 6, packed(values >> 4, 12, ">"), bits=[12] * 4, photometric=CMYK)
    assert differing(tiff(twelve, order=">"), np.asarray(eight, int)) <= 2

    colours = np.random.default_rng(0).integers(0, 65536, (3, 4096))
    indices = np.random.default_rng(1).integers(0, 4096, (6, 10, 1))
    file = page(10, 6, packed(indices, 12, "<"), bits=12, photometric=PALETTE,
                t320=colours.ravel().tolist())  # fmt: skip
    assert differing(tiff(file), colours.T[indices[..., 0]] >> 8) == 0

    lab = np.zeros((2, 2, 3), np.int64)
    lab[...] = [int(0.53 * 65535), 80 << 8, 67 << 8]
    file = page(2, 2, lab.astype("<u2").tobytes(), bits=[16] * 3, photometric=LAB)
    assert differing(tiff(file), np.full((2, 2, 3), (254, 3, 5))) <= 12


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_palette_of_eight_bits_a_colour(bits: int) -> None:
    colours = np.random.default_rng(bits).integers(0, 256, (3, 1 << bits))
    indices = np.random.default_rng(0).integers(0, 1 << bits, (6, 10, 1))
    for scale in (1, 257):
        file = page(10, 6, packed(indices, bits, "<"), bits=bits, photometric=PALETTE,
                    t320=(colours * scale).ravel().tolist())  # fmt: skip
        assert differing(tiff(file), colours.T[indices[..., 0]]) == 0


@pytest.mark.parametrize("bits", [8, 16, 32])
@pytest.mark.parametrize("predictor", [1, 2])
@pytest.mark.parametrize("planar", [1, 2])
@pytest.mark.parametrize("tiled", [False, True])
@pytest.mark.parametrize("compression", [1, 5, 8, 32773])
def test_strips_tiles_planes_and_predictors(
    bits: int, predictor: int, planar: int, tiled: bool, compression: int
) -> None:
    """WhiteIsZero with two extra samples: nothing that Pillow reads by itself."""
    white = 2**bits - 1
    samples = 3
    levels = np.round(np.random.default_rng(3).random((37, 50, samples)) * white).astype(
        f"u{bits // 8}"
    )
    width, height = (16, 16) if tiled else (50, 10)
    blocks = []
    for plane in range(samples) if planar == 2 else [slice(None)]:
        channels = levels[..., [plane]] if planar == 2 else levels
        for top in range(0, 37, height):
            for left in range(0, 50, width):
                block = channels[top : top + height, left : left + width]
                if tiled:
                    room = ((0, 16 - block.shape[0]), (0, 16 - block.shape[1]), (0, 0))
                    block = np.pad(block, room)
                if predictor == 2 and compression in (5, 8):  # elsewhere it does not count
                    before = np.zeros_like(block[:, :1])
                    block = np.diff(block, axis=1, prepend=before).astype(block.dtype)
                blocks.append(compressed(block.astype(f"<u{bits // 8}").tobytes(), compression))
    more: dict[str, Any] = {"t284": [planar], "t317": [predictor], "t259": [compression]}
    more["t338"] = [0, 0]
    if tiled:
        more |= {"t322": [16], "t323": [16]}
    tags, strips = page(50, 37, blocks, bits=[bits] * samples, photometric=WHITE_IS_ZERO, **more)
    tags[278] = [height]
    encoded = tiff((tags, strips))
    if tiled:
        encoded = renamed(renamed(encoded, 273, 324), 279, 325)
    shown = 255 - levels[..., :1] / white * 255
    assert differing(encoded, np.broadcast_to(shown, (37, 50, 3))) <= 1


def compressed(data: bytes, compression: int) -> bytes:
    if compression == 1:
        return data
    if compression == 8:
        return zlib.compress(data)
    name = {5: "tiff_lzw", 32773: "packbits"}[compression]
    row = PIL.Image.frombytes("L", (len(data), 1), data)
    file = encode(row, "TIFF", compression=name)
    with PIL.Image.open(io.BytesIO(file)) as picture:
        ((start,), (count,)) = picture.tag_v2[273], picture.tag_v2[279]  # type: ignore[attr-defined]
    return file[start : start + count]


def renamed(encoded: bytes, tag: int, other: int) -> bytes:
    """A TIFF whose strips are tiles: the same entry under another tag, out of order."""
    start = int.from_bytes(encoded[4:8], "little") + 2
    count = int.from_bytes(encoded[start - 2 : start], "little")
    changed = bytearray(encoded)
    for at in range(start, start + 12 * count, 12):
        if int.from_bytes(encoded[at : at + 2], "little") == tag:
            changed[at : at + 2] = other.to_bytes(2, "little")
    return bytes(changed)


@pytest.mark.parametrize("bits", [16, 32, 64])
@pytest.mark.parametrize("order", ["<", ">"])
def test_the_predictor_of_fractions(bits: int, order: str) -> None:
    values = shares(3).astype(f">f{bits // 8}")
    planes = values.reshape(6, 30, 1).view(np.uint8).reshape(6, 30, bits // 8).transpose(0, 2, 1)
    rows = planes.reshape(6, -1, 3)
    rows = np.diff(rows, axis=1, prepend=np.zeros((6, 1, 3), np.uint8)).astype(np.uint8)
    file = page(10, 6, zlib.compress(rows.tobytes()), bits=[bits] * 3, photometric=RGB,
                t339=[3] * 3, t259=[8], t317=[3])  # fmt: skip
    assert differing(tiff(file, order=order), values.astype(float) * 255) <= 1


def test_counts_and_labels_of_32_bits_are_stretched() -> None:
    """Not one would be lighter than black: white is 4,294,967,295."""
    file = page(2, 1, np.array([0, 900], "<u4").tobytes(), bits=32)
    loaded = np.asarray(Image(tiff(file)).load())
    assert loaded[0, :, 0].tolist() == [0, 255]
    signed = page(2, 1, np.array([-5, 5], "<i4").tobytes(), bits=32, t339=[2])
    assert np.asarray(Image(tiff(signed)).load())[0, :, 0].tolist() == [0, 255]


def test_what_a_largest_value_says_is_no_white() -> None:
    """TIFF 6.0: "for statistical purposes"; viewers show 12 bits in 16 as dark as they are."""
    levels = np.array([0, 4095], "<u2").tobytes()
    for more in ({}, {"t281": [4095]}, {"t341": [4095]}):
        assert Image(tiff(page(2, 1, levels, bits=16, **more))).load().getpixel((1, 0)) == (15,) * 3


def test_pages_turns_sizes_and_profiles() -> None:
    from tests.media.profiles import grey_profile

    levels = np.full((4, 8), 128 * 257, ">u2")
    odd = page(8, 4, (65535 - levels).astype(">u2").tobytes(), bits=16, photometric=WHITE_IS_ZERO,
               t274=[6], t34675=grey_profile(1.0))  # fmt: skip
    plain = page(2, 2, bytes(4))
    for big in (False, True):
        for pages, number in (([odd, plain], 0), ([plain, odd], 1)):
            image = Image(tiff(*pages, order=">", big=big))
            found = list(image.segments())[number].media
            picture = found.load()  # type: ignore[attr-defined]
            assert picture.size == (4, 8)
            assert abs(picture.getpixel((0, 0))[0] - 188) <= 1
        assert Image(tiff(odd, order=">", big=big)).metadata() == {"width": 4, "height": 8}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"bits": [12, 8, 12]}, r"\[8, 12\] bits a sample"),
        ({"bits": [12] * 3, "photometric": 32845}, "photometric interpretation 32845"),
        ({"bits": [12] * 3, "t259": [34712]}, "compression 34712"),
        (
            {"bits": [12] * 3, "t322": [60000], "t323": [60000], "t324": [8], "t325": [8]},
            "tiles",
        ),
        ({"bits": [12] * 3, "t277": [60000]}, "60000 samples a pixel"),
        ({"bits": [12] * 3, "t278": [0]}, "no pixels"),
        ({"bits": [12] * 3, "t278": [1]}, "too few strips"),
    ],
)
def test_what_is_not_read_is_said(more: dict[str, Any], words: str) -> None:
    arguments = {"photometric": RGB, **more}
    tags, strips = page(4, 4, bytes(200), bits=arguments.pop("bits"),
                        photometric=arguments.pop("photometric"))  # fmt: skip
    tags |= {int(name[1:]): value for name, value in arguments.items()}
    with pytest.raises(MediaError, match=words):
        Image(tiff((tags, strips))).load()


def test_a_strip_that_is_cut_off() -> None:
    file = page(4, 4, bytes(30), bits=16, photometric=WHITE_IS_ZERO)
    with pytest.raises(MediaError, match="strip or tile of the TIFF is cut off"):
        Image(tiff(file)).load()
    packed_file = page(4, 4, zlib.compress(bytes(range(32)))[:20], bits=16, photometric=0, t259=[8])
    with pytest.raises(MediaError, match="broken picture"):
        Image(tiff(packed_file)).load()


@settings(max_examples=200, deadline=None)
@given(
    place=st.lists(st.integers(0, 10_000), min_size=1, max_size=6),
    byte=st.lists(st.integers(0, 255), min_size=6, max_size=6),
)
def test_any_damage_is_a_picture_or_a_media_error(place: list[int], byte: list[int]) -> None:
    file = page(5, 4, bytes(60), bits=[12, 12], photometric=WHITE_IS_ZERO, t338=[1], t317=[1])
    damaged = bytearray(tiff(file))
    for at, value in zip(place, byte, strict=False):
        damaged[at % len(damaged)] = value
    image = Image(bytes(damaged))
    for read in (image.load, image.metadata):
        with suppress(MediaError):
            read()
