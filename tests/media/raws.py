"""Small raw files, laid out as those of cameras: a preview, a thumbnail, and sensor data."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import PIL.Image

from tests.media.heics import box, full
from tests.media.small_pictures import encode, red_blue

BYTE, ASCII, SHORT, LONG, UNDEFINED = 1, 2, 3, 4, 7
_CODES = {BYTE: "B", ASCII: "B", SHORT: "H", LONG: "I", UNDEFINED: "B"}

TAKEN = "2023:08:09 10:11:12"

Field = tuple[int, Sequence[int] | bytes]


class Tiff:
    """A TIFF file that is written from its end to its beginning: what is named comes first."""

    def __init__(self, order: str, magic: bytes, room: int = 8) -> None:
        self.order = order
        self.content = bytearray(magic + bytes(room - len(magic)))

    def block(self, data: bytes) -> int:
        place = len(self.content)
        self.content += data + bytes(len(data) % 2)
        return place

    def directory(self, fields: Mapping[int, Field], following: int = 0) -> int:
        rows = b""
        for tag, (kind, values) in sorted(fields.items()):
            data = struct.pack(f"{self.order}{len(values)}{_CODES[kind]}", *values)
            if len(data) > 4:
                data = struct.pack(f"{self.order}I", self.block(data))
            rows += struct.pack(f"{self.order}HHI", tag, kind, len(values)) + data.ljust(4, b"\0")
        count = struct.pack(f"{self.order}H", len(fields))
        return self.block(count + rows + struct.pack(f"{self.order}I", following))

    def done(self, first: int) -> bytes:
        self.content[4:8] = struct.pack(f"{self.order}I", first)
        return bytes(self.content)

    def said(self, orientation: int, note: bytes = b"") -> dict[int, Field]:
        """Camera, orientation and time."""
        taken: dict[int, Field] = {0x9003: (ASCII, TAKEN.encode() + b"\0")}
        if note:
            taken[0x927C] = (UNDEFINED, note)
        return {
            0x010F: (ASCII, b"Maker\0"),
            0x0110: (ASCII, b"Model 7\0"),
            0x0112: (SHORT, [orientation]),
            0x8769: (LONG, [self.directory(taken)]),
        }

    def jpeg(self, data: bytes) -> dict[int, Field]:
        return {0x0201: (LONG, [self.block(data)]), 0x0202: (LONG, [len(data)])}

    def strip(self, data: bytes, compression: int, photometric: int) -> dict[int, Field]:
        return {
            0x0100: (LONG, [6000]), 0x0101: (LONG, [4000]), 0x0102: (SHORT, [14]),
            0x0103: (SHORT, [compression]), 0x0106: (SHORT, [photometric]),
            0x0111: (LONG, [self.block(data)]), 0x0117: (LONG, [len(data)]),
        }  # fmt: skip


def _preview(size: tuple[int, int] = (800, 480), **options: Any) -> bytes:
    return encode(red_blue(size), "JPEG", quality=95, **options)


def _thumbnail() -> bytes:
    return encode(PIL.Image.new("RGB", (160, 120), "lime"), "JPEG")


LOSSLESS = b"\xff\xd8\xff\xc3\0\x14\x0e\x0f\xa0\x17\x70\4" + bytes(12) + b"\xff\xd9"
"""The header of a lossless JPEG of 6000 x 4000 samples, as sensor data is stored."""

SENSOR = 32803


def cr2(orientation: int) -> bytes:
    file = Tiff("<", b"II*\0" + bytes(4) + b"CR\2\0", 16)
    raw = file.directory(file.strip(LOSSLESS, 6, SENSOR))
    thumbnail = file.directory(file.jpeg(_thumbnail()), raw)
    shown = file.strip(_preview(), 6, 6)
    return file.done(file.directory({**shown, **file.said(orientation)}, thumbnail))


def nef(orientation: int, order: str = ">") -> bytes:
    file = Tiff(order, b"MM\0*" if order == ">" else b"II*\0")
    whole = file.directory(file.jpeg(_preview()))
    raw = file.directory(file.strip(bytes(999), 34713, SENSOR))
    small = file.strip(bytes(160 * 120 * 3), 1, 2)
    return file.done(
        file.directory({**small, **file.said(orientation), 0x014A: (LONG, [whole, raw])})
    )


def arw(orientation: int) -> bytes:
    file = Tiff("<", b"II*\0")
    raw = file.directory(file.strip(bytes(999), 32767, SENSOR))
    thumbnail = file.directory(file.jpeg(_thumbnail()))
    shown = {**file.jpeg(_preview()), **file.said(orientation), 0x014A: (LONG, [raw])}
    return file.done(file.directory(shown, thumbnail))


def dng(orientation: int) -> bytes:
    file = Tiff("<", b"II*\0")
    raw = file.directory(file.strip(LOSSLESS, 7, SENSOR))
    shown = file.directory(file.strip(_preview(), 7, 6))
    small = file.strip(bytes(160 * 120 * 3), 1, 2)
    named = {0x014A: (LONG, [raw, shown]), 0xC612: (BYTE, [1, 4, 0, 0])}
    return file.done(file.directory({**small, **file.said(orientation), **named}))


def orf(orientation: int) -> bytes:
    file = Tiff("<", b"IIRO")
    preview = _preview()
    # Offsets count from the beginning of the note; its own directory, then that of settings.
    settings = 12 + 2 + 12 + 4
    jpeg = settings + 2 + 24 + 4
    note = b"OLYMPUS\0II\3\0" + struct.pack("<HHHII", 1, 0x2020, 4, 1, settings) + bytes(4)
    note += struct.pack("<HHHIIHHII", 2, 0x0101, 4, 1, jpeg, 0x0102, 4, 1, len(preview)) + bytes(4)
    raw = file.strip(bytes(999), 1, SENSOR)
    return file.done(file.directory({**raw, **file.said(orientation, note + preview)}))


def rw2(orientation: int) -> bytes:
    file = Tiff("<", b"IIU\0", 24)
    fields = {**file.said(orientation), 0x002E: (UNDEFINED, _preview())}
    return file.done(file.directory(fields))


def pef(orientation: int) -> bytes:
    file = Tiff(">", b"MM\0*")
    whole = file.directory(file.jpeg(_preview()))
    thumbnail = file.directory(file.jpeg(_thumbnail()), whole)
    raw = file.strip(bytes(999), 65535, SENSOR)
    return file.done(file.directory({**raw, **file.said(orientation)}, thumbnail))


def srw(orientation: int) -> bytes:
    file = Tiff("<", b"II*\0")
    whole = file.directory(file.jpeg(_preview()))
    raw = file.directory(file.strip(bytes(999), 32773, SENSOR))
    named = {0x014A: (LONG, [whole, raw])}
    return file.done(file.directory({**file.jpeg(_thumbnail()), **file.said(orientation), **named}))


def _exif_of(orientation: int) -> bytes:
    file = Tiff("<", b"II*\0")
    return file.done(file.directory(file.said(orientation)))


def raf(orientation: int) -> bytes:
    preview = _preview(exif=b"Exif\0\0" + _exif_of(orientation))
    start = b"FUJIFILMCCD-RAW 0201FF393101X-T3".ljust(84, b"\0")
    return start + struct.pack(">II", 148, len(preview)) + bytes(56) + preview + bytes(999)


def cr3(orientation: int) -> bytes:
    first = Tiff("<", b"II*\0")
    fields = first.said(orientation)
    del fields[0x8769]
    main = first.done(first.directory(fields))
    second = Tiff("<", b"II*\0")
    times = second.done(second.directory({0x9003: (ASCII, TAKEN.encode() + b"\0")}))
    third = Tiff("<", b"II*\0")
    place = third.done(third.directory({
        1: (ASCII, b"N\0"), 3: (ASCII, b"E\0"),
    }))  # fmt: skip
    named = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
    own = box(b"uuid", named, box(b"CMT1", main), box(b"CMT2", times), box(b"CMT4", place))
    small = encode(PIL.Image.new("RGB", (400, 240), "lime"), "JPEG")
    preview = _preview()

    def moov(place_of_jpeg: int) -> bytes:
        table = box(
            b"stbl",
            full(b"stsz", 0, 0, struct.pack(">II", len(preview), 1)),
            full(b"co64", 0, 0, struct.pack(">IQ", 1, place_of_jpeg)),
        )
        return box(b"moov", own, box(b"trak", box(b"mdia", box(b"minf", table))))

    shown = box(b"PRVW", bytes(6), struct.pack(">HHHI", 400, 240, 1, len(small)), small)
    uuid = box(b"uuid", bytes.fromhex("eaf42b5e1c984b88b9fbb7dc406e4d16"), bytes(8), shown)
    start = box(b"ftyp", b"crx ", bytes(4), b"crx isom")
    before = len(start) + len(moov(0)) + len(uuid) + 8
    return start + moov(before) + uuid + box(b"mdat", preview, bytes(999))


MAKERS: Mapping[str, Callable[[int], bytes]] = {
    "cr2": cr2, "cr3": cr3, "nef": nef, "arw": arw, "dng": dng, "orf": orf, "rw2": rw2,
    "raf": raf, "pef": pef, "srw": srw,
}  # fmt: skip
