"""Time, camera and place of a picture, and that no damage to them loses the picture."""

from __future__ import annotations

import struct
from typing import Any

import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL.ExifTags import GPS, Base
from PIL.TiffImagePlugin import IFDRational

from sensorium.media import Image
from sensorium.media.exif import exif_metadata
from tests.media.pictures import BLUE, RED, assert_colors, encode, exif, red_blue

# Pytest lifts the filter that keeps Pillow quiet about what it copes with.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

EMPTY = {"width": 64, "height": 32}


def metadata(values: dict[int, Any], gps: dict[int, Any] | None = None) -> dict[str, Any]:
    """What a JPEG with this EXIF says of itself, without its size."""
    found = Image(encode(red_blue(), "JPEG", exif=exif(values, gps))).metadata()
    return {key: value for key, value in found.items() if key not in EMPTY}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_everything_a_camera_writes(kind: str) -> None:
    block = exif(
        {
            Base.Make: "Canon",
            Base.Model: "Canon EOS 80D",
            Base.DateTimeOriginal: "2024:05:17 18:03:59",
            Base.OffsetTimeOriginal: "+02:00",
            Base.LensModel: "EF-S 18-135mm",
        },
        {
            GPS.GPSLatitudeRef: "N",
            GPS.GPSLatitude: (52.0, 30.0, 36.0),
            GPS.GPSLongitudeRef: "E",
            GPS.GPSLongitude: (13.0, 24.0, 18.0),
            GPS.GPSAltitudeRef: b"\0",
            GPS.GPSAltitude: 34.5,
        },
    )
    assert Image(encode(red_blue(), kind, exif=block)).metadata() == EMPTY | {
        "taken": "2024-05-17T18:03:59+02:00",
        "camera": "Canon EOS 80D",
        "lens": "EF-S 18-135mm",
        "latitude": 52.51,
        "longitude": 13.405,
        "altitude": 34.5,
    }


def test_a_picture_without_exif_has_only_its_size() -> None:
    assert Image(encode(red_blue(), "JPEG")).metadata() == EMPTY
    assert Image(encode(red_blue(), "BMP")).metadata() == EMPTY


@pytest.mark.parametrize(
    ("written", "taken"),
    [
        ("2024:05:17 18:03:59", "2024-05-17T18:03:59"),
        ("2024-05-17T18:03:59", "2024-05-17T18:03:59"),
        ("2024/05/17 18:03", "2024-05-17T18:03:00"),
        ("2024:05:17", "2024-05-17T00:00:00"),
        ("2024:05:17 18:03:59\0", "2024-05-17T18:03:59"),
        ("0000:00:00 00:00:00", None),
        ("2024:13:01 00:00:00", None),
        ("2024:02:30 00:00:00", None),
        ("    :  :     :  :  ", None),
        ("yesterday", None),
    ],
)
def test_times(written: str, taken: str | None) -> None:
    assert metadata({Base.DateTimeOriginal: written}).get("taken") == taken


@pytest.mark.parametrize(
    ("offset", "suffix"),
    [("+05:30", "+05:30"), ("-08:00", "-08:00"), ("Z", "Z"), ("CEST", ""), ("+2", ""), ("   ", "")],
)
def test_an_unreadable_utc_offset_does_not_lose_the_time(offset: str, suffix: str) -> None:
    values = {Base.DateTimeOriginal: "2024:05:17 18:03:59", Base.OffsetTimeOriginal: offset}
    assert metadata(values)["taken"] == "2024-05-17T18:03:59" + suffix


def test_the_time_of_the_file_stands_in_for_the_time_of_exposure() -> None:
    assert metadata({Base.DateTime: "2020:01:02 03:04:05"})["taken"] == "2020-01-02T03:04:05"


@pytest.mark.parametrize(
    ("make", "model", "camera"),
    [
        ("Canon", "Canon EOS 80D", "Canon EOS 80D"),
        ("NIKON CORPORATION", "NIKON D750", "NIKON D750"),
        ("Apple", "iPhone 15", "Apple iPhone 15"),
        ("  SONY ", " DSC-RX100 \0", "SONY DSC-RX100"),
        ("Apple", None, "Apple"),
        (None, "iPhone 15", "iPhone 15"),
        ("", "", None),
        ("\x01\x02", " ", None),
    ],
)
def test_cameras(make: str | None, model: str | None, camera: str | None) -> None:
    values = {Base.Make: make, Base.Model: model}
    assert metadata({k: v for k, v in values.items() if v is not None}).get("camera") == camera


@pytest.mark.parametrize(
    ("latitude", "longitude", "signs"),
    [("N", "E", (1, 1)), ("S", "W", (-1, -1)), ("s", "e", (-1, 1)), ("N", "W", (1, -1))],
)
def test_signs_of_a_place(latitude: str, longitude: str, signs: tuple[int, int]) -> None:
    found = metadata(
        {},
        {
            GPS.GPSLatitudeRef: latitude,
            GPS.GPSLatitude: (33.0, 51.0, 31.5),
            GPS.GPSLongitudeRef: longitude,
            GPS.GPSLongitude: (151.0, 12.0, 0.0),
        },
    )
    assert found == {"latitude": signs[0] * 33.85875, "longitude": signs[1] * 151.2}


@pytest.mark.parametrize(("reference", "sign"), [(b"\0", 1), (b"\1", -1), (None, 1)])
def test_altitudes(reference: bytes | None, sign: int) -> None:
    gps: dict[int, Any] = {GPS.GPSAltitude: 120.25}
    if reference is not None:
        gps[GPS.GPSAltitudeRef] = reference
    assert metadata({}, gps) == {"altitude": sign * 120.25}


@pytest.mark.parametrize(
    "latitude",
    [
        (IFDRational(1, 0), IFDRational(0, 0), IFDRational(1, 0)),
        (91.0, 0.0, 0.0),
        (12.0, 30.0),
        (12.0, 30.0, 1.0, 1.0),
        (4e9, 0.0, 0.0),
    ],
)
def test_a_place_that_cannot_be_is_left_out(latitude: tuple[Any, ...]) -> None:
    gps = {
        GPS.GPSLatitudeRef: "N",
        GPS.GPSLatitude: latitude,
        GPS.GPSLongitudeRef: "E",
        GPS.GPSLongitude: (13.0, 0.0, 0.0),
    }
    assert metadata({Base.Model: "X100"}, gps) == {"camera": "X100", "longitude": 13.0}


def test_an_altitude_that_cannot_be_is_left_out() -> None:
    assert metadata({}, {GPS.GPSAltitude: IFDRational(0, 0)}) == {}
    assert metadata({}, {GPS.GPSAltitude: 4e8}) == {}


def _with_block(block: bytes) -> Image:
    return Image(encode(red_blue(), "JPEG", exif=b"Exif\0\0" + block, quality=95))


def _entry(tag: int, kind: int, count: int, value: int) -> bytes:
    return struct.pack("<HHII", tag, kind, count, value)


HEADER = b"II*\0" + struct.pack("<I", 8)
BROKEN_BLOCKS = {
    "empty": b"",
    "no TIFF header": b"garbage!" * 4,
    "half a header": b"II*\0",
    "folder beyond the end": b"II*\0" + struct.pack("<I", 1 << 30),
    "entries cut off": HEADER + struct.pack("<H", 200) + _entry(0x0131, 2, 5, 8),
    "folder that is itself": HEADER + struct.pack("<H", 1) + _entry(0x8769, 4, 1, 8) + bytes(4),
    "value beyond the end": HEADER + struct.pack("<H", 1) + _entry(0x0110, 2, 500, 1 << 20),
    "pointer that is text": HEADER + struct.pack("<H", 1) + _entry(0x8825, 2, 4, 0x41414141),
    "type that does not exist": HEADER + struct.pack("<H", 1) + _entry(0x0112, 99, 1, 6),
    "four thousand million values": HEADER + struct.pack("<H", 1) + _entry(0x010F, 5, 2**32 - 1, 8),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN_BLOCKS)
def test_a_broken_block_loses_neither_picture_nor_size(name: str) -> None:
    image = _with_block(BROKEN_BLOCKS[name])
    assert image.metadata() == EMPTY
    assert_colors(image.load(), [RED, BLUE])


@settings(max_examples=150, deadline=None)
@given(block=st.binary(max_size=300), is_tiff=st.booleans())
def test_no_block_loses_the_picture(block: bytes, is_tiff: bool) -> None:
    image = _with_block((HEADER if is_tiff else b"") + block)
    assert {*image.metadata()} >= {*EMPTY}
    assert sorted(image.load().size) == [32, 64]  # a block may say by chance that it is turned


values = st.none() | st.text() | st.binary() | st.integers() | st.floats() | st.lists(st.floats())
TAGS = (Base.Make, Base.Model, Base.DateTime, Base.DateTimeOriginal, Base.LensModel,
        Base.OffsetTimeOriginal)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    written=st.dictionaries(st.sampled_from(TAGS), values),
    gps=st.dictionaries(st.integers(0, 7), values | st.tuples(values, values, values)),
)
def test_values_of_any_type_give_values_of_the_right_type(
    written: dict[int, Any], gps: dict[int, Any]
) -> None:
    picture = PIL.Image.new("RGB", (1, 1))
    block = picture.getexif()
    for tag, value in written.items():
        block[tag] = value
        block.get_ifd(0x8769)[tag] = value
    block.get_ifd(0x8825).update(gps)
    found = exif_metadata(picture)
    for key, value in found.items():
        if key in ("taken", "camera", "lens"):
            assert isinstance(value, str)
            assert value.encode() and value.isprintable()
        else:
            limit = {"latitude": 90, "longitude": 180, "altitude": 100_000}[key]
            assert isinstance(value, float) and -limit <= value <= limit
