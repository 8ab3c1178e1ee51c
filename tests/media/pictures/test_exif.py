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
from sensorium.media.pictures.exif import exif_metadata
from tests.media.small_pictures import BLUE, RED, assert_colors, encode, exif, red_blue

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
        ("2024:05:17 18-03-59", "2024-05-17T18:03:59"),
        ("2024.05.17 18.03.59", "2024-05-17T18:03:59"),
        ("2024: 5: 7  8: 3: 9", "2024-05-07T08:03:09"),
        ("2024:05:17 18:03-03:00", "2024-05-17T18:03:00-03:00"),
        ("2024:05:17 18:03:59-03", "2024-05-17T18:03:59-03:00"),
        ("2024:05:17 24:03:59", "2024-05-17T00:03:59"),
        ("2024:05:17 23:59:60", "2024-05-18T00:00:00"),
        ("2024:05:17 06:03:59 PM", "2024-05-17T18:03:59"),
        ("2024:05:17 12:03:59 am", "2024-05-17T00:03:59"),
        ("2024:05:17 25:03:59", None),
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
    [
        ("+05:30", "+05:30"),
        ("-08:00", "-08:00"),
        ("Z", "+00:00"),
        ("+0530", "+05:30"),
        ("+25:00", ""),
        ("CEST", ""),
        ("+2", ""),
        ("   ", ""),
    ],
)
def test_an_unreadable_utc_offset_does_not_lose_the_time(offset: str, suffix: str) -> None:
    values = {Base.DateTimeOriginal: "2024:05:17 18:03:59", Base.OffsetTimeOriginal: offset}
    assert metadata(values)["taken"] == "2024-05-17T18:03:59" + suffix


def test_the_time_of_the_file_stands_in_for_the_time_of_exposure() -> None:
    assert metadata({Base.DateTime: "2020:01:02 03:04:05"})["taken"] == "2020-01-02T03:04:05"


EXPOSED, DIGITIZED, CHANGED = Base.DateTimeOriginal, Base.DateTimeDigitized, Base.DateTime
UNSET = (
    "0000:00:00 00:00:00",
    "    :  :     :  :  ",
    "                   ",
    "",
    "0001:01:01 00:00:00",
)


@pytest.mark.parametrize(
    ("written", "taken"),
    [
        ({CHANGED: "2023:11:05 18:00:00", DIGITIZED: "1998:07:12 10:00:00"}, "1998-07-12T10:00:00"),
        (
            {
                CHANGED: "2023:11:05 18:00:00",
                DIGITIZED: "1998:07:12 10:00:00",
                EXPOSED: "1970:07:12 10:00:00",
            },
            "1970-07-12T10:00:00",
        ),
        (
            {
                DIGITIZED: "2024:01:01 10:00:00",
                Base.OffsetTimeDigitized: "+01:00",
                Base.OffsetTimeOriginal: "-05:00",  # of a time that is not there
                Base.SubsecTimeDigitized: "07",
            },
            "2024-01-01T10:00:00.07+01:00",
        ),
        (
            {CHANGED: "2024:01:01 10:00:00", Base.OffsetTime: "Z", Base.SubsecTime: "5 "},
            "2024-01-01T10:00:00.5+00:00",
        ),
        ({EXPOSED: "2024:01:01 10:00:00", Base.SubsecTimeOriginal: "000"}, "2024-01-01T10:00:00"),
        ({EXPOSED: "2024:01:01 10:00:00", Base.SubsecTimeOriginal: "x"}, "2024-01-01T10:00:00"),
        ({EXPOSED: "2024:01:01 10:00:00.25+02:00"}, "2024-01-01T10:00:00.25+02:00"),
    ],
)
def test_which_time_counts(written: dict[int, Any], taken: str) -> None:
    assert metadata(written)["taken"] == taken


@pytest.mark.parametrize("unset", UNSET)
def test_a_time_that_is_not_set_hides_none(unset: str) -> None:
    good = "2003:05:01 12:00:00"
    for values in (
        {EXPOSED: unset, CHANGED: good},
        {EXPOSED: unset, DIGITIZED: unset, CHANGED: good},
        {EXPOSED: unset, DIGITIZED: good, CHANGED: "2020:01:01 00:00:00"},
        {EXPOSED: good, DIGITIZED: unset, CHANGED: unset},
    ):
        assert metadata(values)["taken"] == "2003-05-01T12:00:00"
    assert metadata({EXPOSED: unset, DIGITIZED: unset, CHANGED: unset}) == {}


PACKET = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description xmp:MetadataDate="2024-05-05" '
    'xmp:ModifyDate="2024-05-05T10:00:00Z" {}</rdf:Description></rdf:RDF></x:xmpmeta>'
)


@pytest.mark.parametrize(
    ("stated", "taken"),
    [
        ('photoshop:DateCreated="2001-02-03T04:05:06.5-07:00">', "2001-02-03T04:05:06.5-07:00"),
        ("><photoshop:DateCreated>2001-02-03</photoshop:DateCreated>", "2001-02-03T00:00:00"),
        ("xmp:CreateDate='2001-02-03T04:05'>", "2001-02-03T04:05:00"),
        (
            'xmp:CreateDate="2009-01-01T00:00:00" exif:DateTimeOriginal="2001-02-03T04:05:06">',
            "2001-02-03T04:05:06",
        ),
        (">", None),
    ],
)
def test_xmp_tells_the_time_where_exif_does_not(stated: str, taken: str | None) -> None:
    xmp = PACKET.format(stated).encode()
    for kind in ("JPEG", "WEBP"):
        bare = Image(encode(red_blue(), kind, xmp=xmp))
        assert bare.metadata().get("taken") == taken
        # An editor's time of saving is none of exposure.
        edited = encode(red_blue(), kind, xmp=xmp, exif=exif({CHANGED: "2023:01:01 00:00:00"}))
        assert Image(edited).metadata()["taken"] == (taken or "2023-01-01T00:00:00")
        shot = encode(red_blue(), kind, xmp=xmp, exif=exif({EXPOSED: "1999:01:01 00:00:00"}))
        assert Image(shot).metadata()["taken"] == "1999-01-01T00:00:00"


@pytest.mark.parametrize(
    ("stated", "place"),
    [
        ('exif:GPSLatitude="48,30.0S" exif:GPSLongitude="11,15.3E">', (-48.5, 11.255)),
        ('exif:GPSLatitude="48,30,36N" exif:GPSLongitude="11,15,0W">', (48.51, -11.25)),
        (
            "><exif:GPSLatitude>48,30N</exif:GPSLatitude>"
            "<exif:GPSLongitude>11,15E</exif:GPSLongitude>",
            (48.5, 11.25),
        ),
        ('exif:GPSLatitude="48.5" exif:GPSLongitude="200,15.3E">', (None, None)),
    ],
)
def test_xmp_tells_the_place_where_exif_does_not(
    stated: str, place: tuple[float | None, float | None]
) -> None:
    packet = PACKET.format(stated).encode()
    found = Image(encode(red_blue(), "JPEG", xmp=packet)).metadata()
    assert (found.get("latitude"), found.get("longitude")) == place
    gps = {GPS.GPSLatitudeRef: "N", GPS.GPSLatitude: (1.0, 0.0, 0.0)}
    both = Image(encode(red_blue(), "JPEG", xmp=packet, exif=exif({}, gps))).metadata()
    assert both["latitude"] == 1 and "longitude" not in both


def test_iptc_tells_the_time_where_exif_does_not() -> None:
    def record(number: int, text: bytes) -> bytes:
        return b"\x1c\x02" + struct.pack(">BH", number, len(text)) + text

    iptc = record(55, b"20240517") + record(60, b"180359+0200")
    block = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc
    block += bytes(len(iptc) % 2)
    jpeg = encode(red_blue(), "JPEG")
    marked = jpeg[:2] + b"\xff\xed" + struct.pack(">H", len(block) + 2) + block + jpeg[2:]
    assert Image(marked).metadata()["taken"] == "2024-05-17T18:03:59+02:00"
    assert Image(marked.replace(b"20240517", b"00000000")).metadata() == EMPTY


def _block(order: str, folders: list[list[tuple[int, int, bytes]]]) -> bytes:
    """IFD0 and the Exif folder, with values of given types."""
    block = bytearray((b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8))
    at = 8
    values = b""
    sizes = [2 + 12 * (len(folder) + (n == 0)) + 4 for n, folder in enumerate(folders)]
    after = 8 + sum(sizes)
    for number, folder in enumerate(folders):
        entries = b""
        for tag, kind, value in folder:
            entries += struct.pack(order + "HHII", tag, kind, len(value), after + len(values))
            values += value + bytes(len(value) % 2)
        if number == 0:
            entries += struct.pack(order + "HHII", 0x8769, 4, 1, at + sizes[0])
        block += struct.pack(order + "H", len(entries) // 12) + entries + bytes(4)
        at += sizes[number]
    return b"Exif\0\0" + bytes(block) + values


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [2, 129])
def test_texts_in_utf8(order: str, kind: int) -> None:
    block = _block(
        order,
        [
            [(Base.Make, kind, "Größe\0".encode()), (Base.Model, kind, "相机 5\0".encode())],
            [
                (EXPOSED, kind, b"2024:05:17 18:03:59\0"),
                (Base.OffsetTimeOriginal, kind, b"+02:00\0"),
                (Base.LensModel, kind, "Objektiv für Größe\0".encode()),
            ],
        ],
    )
    assert Image(encode(red_blue(), "JPEG", exif=block)).metadata() == EMPTY | {
        "camera": "Größe 相机 5",
        "lens": "Objektiv für Größe",
        "taken": "2024-05-17T18:03:59+02:00",
    }


def test_texts_in_latin_letters_stay() -> None:
    block = _block("<", [[(Base.Model, 2, "Größe 5\0".encode("latin-1"))], []])
    assert Image(encode(red_blue(), "JPEG", exif=block)).metadata()["camera"] == "Größe 5"


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
        ("Canon\0IXUS", "EOS 80D\0\0x", "Canon EOS 80D"),
    ],
)
def test_cameras(make: str | None, model: str | None, camera: str | None) -> None:
    values = {Base.Make: make, Base.Model: model}
    assert metadata({k: v for k, v in values.items() if v is not None}).get("camera") == camera


@pytest.mark.parametrize(
    ("latitude", "longitude", "signs"),
    [
        (None, None, (1, 1)),
        ("", " ", (1, 1)),
        ("South", "west", (-1, -1)),
        ("N", "E", (1, 1)),
        ("S", "W", (-1, -1)),
        ("s", "e", (-1, 1)),
        ("N", "W", (1, -1)),
    ],
)
def test_signs_of_a_place(
    latitude: str | None, longitude: str | None, signs: tuple[int, int]
) -> None:
    gps: dict[int, Any] = {
        GPS.GPSLatitude: (33.0, 51.0, 31.5),
        GPS.GPSLongitude: (151.0, 12.0, 0.0),
    }
    if latitude is not None:
        gps |= {GPS.GPSLatitudeRef: latitude, GPS.GPSLongitudeRef: longitude}
    found = metadata({}, gps)
    assert found == {"latitude": signs[0] * 33.85875, "longitude": signs[1] * 151.2}


@pytest.mark.parametrize(
    ("reference", "sign"), [(b"\0", 1), (b"\1", -1), (b"\2", 1), (b"\3", -1), (b"\7", 1), (None, 1)]
)
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


@pytest.mark.parametrize(
    ("latitude", "degrees"),
    [
        ((IFDRational(52), IFDRational(3075, 100), IFDRational(0, 0)), 52.5125),
        ((IFDRational(52), IFDRational(30), IFDRational(0, 0)), 52.5),
        ((IFDRational(525, 10), IFDRational(0, 0), IFDRational(0, 0)), 52.5),
        ((IFDRational(52), IFDRational(3075, 100)), 52.5125),
        ((IFDRational(525, 10),), 52.5),
    ],
)
def test_parts_of_a_place_that_are_not_known(latitude: tuple[Any, ...], degrees: float) -> None:
    gps = {GPS.GPSLatitudeRef: "S", GPS.GPSLatitude: latitude}
    assert metadata({}, gps) == {"latitude": -degrees}


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
