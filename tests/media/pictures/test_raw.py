"""Of a camera's raw file the largest preview is seen, turned once, with the raw file's fields."""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path

import pytest

from sensorium.errors import MediaError
from sensorium.media import Image, open_media
from sensorium.media.pictures.copies import may_be_copy, read_pixels
from sensorium.media.pictures.raw import find_preview
from tests.media.raws import BYTE, LONG, LOSSLESS, MAKERS, SHORT, Tiff, dng, nef
from tests.media.small_pictures import BLUE, RED, assert_colors, encode, exif, ramp, red_blue

SIZE = (800, 480)


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("named", [True, False])
def test_the_largest_preview(kind: str, named: bool, tmp_path: Path) -> None:
    path = tmp_path / (f"IMG_1.{kind}" if named else "IMG_1")
    path.write_bytes(MAKERS[kind](1))
    image = open_media(path)
    assert isinstance(image, Image)
    picture = image.load()
    assert picture.size == SIZE
    assert_colors(picture, [RED, BLUE])
    assert_colors(image.load(min_side=60), [RED, BLUE])
    facts = image.metadata()
    assert (facts["width"], facts["height"]) == SIZE
    assert facts["taken"].startswith("2023-08-09T10:11:12")
    assert facts["camera"] == "Maker Model 7"
    assert image.notes == []


@pytest.mark.parametrize("kind", MAKERS)
def test_turned_once(kind: str) -> None:
    image = Image(MAKERS[kind](6))  # the left side of what is stored is up
    picture = image.load()
    assert picture.size == (480, 800)
    upper, lower = picture.getpixel((240, 100)), picture.getpixel((240, 700))
    assert upper[0] > 200 > lower[0] and lower[2] > 200 > upper[2]
    assert image.metadata()["height"] == 800


def _with_preview(preview: bytes, orientation: int) -> bytes:
    file = Tiff("<", b"II*\0")
    raw = file.directory(file.strip(bytes(999), 1, 32803))
    fields = {**file.jpeg(preview), **file.said(orientation), 0x014A: (LONG, [raw])}
    return file.done(file.directory(fields))


def test_a_preview_that_was_turned_by_the_camera_is_not_turned_again() -> None:
    upright = encode(red_blue((480, 800)), "JPEG", quality=95)
    assert_colors(Image(_with_preview(upright, 6)).load(), [RED, BLUE])
    # Its own orientation speaks of its own pixels.
    said = encode(red_blue(), "JPEG", quality=95, exif=exif({0x0112: 1}))
    assert Image(_with_preview(said, 6)).load().size == (64, 32)
    said = encode(red_blue(), "JPEG", quality=95, exif=exif({0x0112: 8}))
    assert Image(_with_preview(said, 1)).load().size == (32, 64)


def test_a_thumbnail_alone_is_used_with_a_note() -> None:
    image = Image(_with_preview(encode(ramp((160, 120)), "JPEG"), 1))
    assert image.load().size == (160, 120)
    assert image.notes == ["only a preview of 160 x 120 pixels is in the raw picture"]


def test_a_thumbnail_that_is_not_compressed() -> None:
    file = Tiff("<", b"II*\0")
    raw = file.directory(file.strip(LOSSLESS, 7, 34892))
    small = {**file.strip(bytes((255, 0, 0)) * 96 * 64, 1, 2), **file.said(1)}
    small |= {
        0x0100: (LONG, [96]), 0x0101: (LONG, [64]), 0x0102: (SHORT, [8, 8, 8]),
        0x0115: (SHORT, [3]), 0x0116: (LONG, [64]), 0x014A: (LONG, [raw]),
        0xC612: (BYTE, [1, 4, 0, 0]),
    }  # fmt: skip
    image = Image(file.done(file.directory(small)))
    assert_colors(image.load(), [RED])
    assert image.metadata()["taken"].startswith("2023-08-09")
    assert image.notes[0] == "only a preview of 96 x 64 pixels is in the raw picture"


def test_without_a_preview_it_says_so(tmp_path: Path) -> None:
    file = Tiff("<", b"II*\0")
    encoded = file.done(file.directory({**file.strip(bytes(999), 1, 32803), **file.said(1)}))
    for name in ("a.dng", "a.tif"):
        path = tmp_path / name
        path.write_bytes(encoded)
        with pytest.raises(MediaError, match="a raw picture without a preview: convert it to JPEG"):
            open_media(path).metadata()


def test_an_ordinary_tiff_stays_one(tmp_path: Path) -> None:
    for options in ({}, {"compression": "jpeg", "quality": 95}):
        encoded = encode(red_blue(), "TIFF", **options)
        assert find_preview(encoded, ".tif") is None
        assert_colors(Image(encoded).load(), [RED, BLUE])
    path = tmp_path / "scan.nef"  # merely called so
    path.write_bytes(encode(red_blue(), "TIFF"))
    assert_colors(open_media(path).load(), [RED, BLUE])  # type: ignore[attr-defined]


def test_a_raw_file_is_nobodys_copy(tmp_path: Path) -> None:
    encoded = dng(1)
    found = find_preview(encoded, ".dng")
    assert found is not None
    jpeg = encoded[found.start : found.stop]
    raw, taken_out = read_pixels(encoded, tmp_path / "a.dng"), read_pixels(jpeg, tmp_path / "a.jpg")
    assert raw.facts.digest == taken_out.facts.digest
    assert not may_be_copy(taken_out.facts, raw.facts)
    assert not may_be_copy(raw.facts, taken_out.facts)


@pytest.mark.parametrize("kind", MAKERS)
def test_damage_is_an_error_and_nothing_else(kind: str) -> None:
    whole = MAKERS[kind](6)
    chance = random.Random(kind)
    for _ in range(60):
        damaged = bytearray(whole[: chance.randrange(20, len(whole))])
        for _ in range(chance.randrange(12)):
            damaged[chance.randrange(min(len(damaged), 900))] = chance.randrange(256)
        with suppress(MediaError):
            Image(bytes(damaged)).metadata()


def test_directories_that_name_each_other_end() -> None:
    file = Tiff("<", b"II*\0")
    place = len(file.content)
    # A directory whose 1,000 SubIFDs are itself and its neighbours, followed by itself.
    fields = {0x014A: (LONG, [place + 2 * n for n in range(1000)])}
    first = file.directory(fields, following=place)
    assert find_preview(file.done(first), ".tif") is None
    assert find_preview(nef(1)[:64], ".nef") is None
