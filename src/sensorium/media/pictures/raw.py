"""Raw files of cameras: the largest JPEG in them that shows the photograph, and their EXIF fields.

Every camera stores its own rendering beside the sensor's data. Most raw formats are TIFF files
(CR2, NEF, NRW, ARW, SRF, SR2, DNG, PEF, SRW, 3FR, ERF ...) or nearly so (ORF, RW2); RAF has a
header of its own, CR3 is an ISO base media file. What is stored where was described by Dave Coffin
(dcraw), Phil Harvey (ExifTool's tables of tags) and Laurent Clévy (CR3).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import PIL.ExifTags
import PIL.Image

from sensorium.errors import MediaError
from sensorium.media.decoding import decoding
from sensorium.media.pictures.boxes import Box, boxes
from sensorium.media.sources import RAW_SUFFIXES

MOST_DIRECTORIES = 64
"""Directories (IFDs) of a TIFF that are looked at; raw files have up to ten."""

MOST_TAGS = 1000

MOST_MARKERS = 200
"""Markers of a JPEG before its frame header; metadata of 64 KB each may come first."""

EXIF_BYTES = 32 * 1024 * 1024
"""How far into a file EXIF fields are looked for where its first bytes have to be mended."""

SMALL_SIDE = 300
"""A preview whose shorter side has fewer pixels is a thumbnail: a note says so."""

BROKEN = "broken raw picture"

NO_PREVIEW = "a raw picture without a preview: convert it to JPEG or TIFF with a raw converter"

PREVIEW_OF_RAW = "preview of raw"
"""Key in the ``info`` of the picture that `open_preview` gives."""

_HEADERS = (b"II*\0", b"MM\0*", b"IIRO", b"IIRS", b"MMOR", b"IIU\0")
"""TIFF in both byte orders, then Olympus' and Panasonic's variants of it."""

_FUJI = b"FUJIFILMCCD-RAW"

_SUB_DIRECTORIES, _EXIF, _MAKER_NOTE = 0x014A, 0x8769, 0x927C
_COMPRESSION, _PHOTOMETRIC, _STRIP_OFFSETS, _STRIP_BYTES = 0x0103, 0x0106, 0x0111, 0x0117
_JPEG_OFFSET, _JPEG_BYTES, _DNG_VERSION, _PANASONIC_JPEG = 0x0201, 0x0202, 0xC612, 0x002E
_SENSOR = (32803, 34892)
"""Photometric interpretations of sensor data: a colour filter array, and linear raw."""

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 7: 1, 13: 4}
"""Bytes of a value, by TIFF type: those that offsets, lengths and blocks come in."""

_CANON_FIELDS = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
_CANON_PREVIEW = bytes.fromhex("eaf42b5e1c984b88b9fbb7dc406e4d16")


@dataclass(frozen=True)
class Preview:
    """What was found in a raw file.

    Attributes
    ----------
    start, stop : int
        Where the JPEG lies; equal when there is none.
    size : (int, int)
        Its width and height.
    exif : tuple of bytes
        TIFF blocks of the file's EXIF fields: the first, and those that Canon keeps apart for
        EXIF and GPS. Empty where the JPEG has them.
    """

    start: int = 0
    stop: int = 0
    size: tuple[int, int] = (0, 0)
    exif: tuple[bytes, ...] = ()


def find_preview(encoded: bytes, suffix: str) -> Preview | None:
    """Look for the largest JPEG in a raw file; None when the file is no raw file.

    Parameters
    ----------
    encoded : bytes
    suffix : str
        In lower case: a TIFF that does not say that it is raw is taken for raw by its name.
    """
    if encoded.startswith(_FUJI):
        # 84: offset and length of the JPEG, big-endian.
        places = [struct.unpack(">II", encoded[84:92])] if len(encoded) >= 92 else []
        return _largest(encoded, places, ())
    if encoded[4:12] == b"ftypcrx ":
        places, exif = _of_canon(encoded)
        return _largest(encoded, places, exif)
    if encoded[:4] not in _HEADERS:
        return None
    tiff = _Tiff(encoded)
    is_named = suffix in RAW_SUFFIXES
    if not (is_named or tiff.is_raw or encoded[:4] not in _HEADERS[:2]):
        return None
    found = _largest(encoded, tiff.places, (_plain_tiff(encoded),))
    # A picture that is merely named like one, without a preview, is a TIFF all the same.
    return found if found.stop or tiff.is_raw or encoded[:4] not in _HEADERS[:2] else None


def open_preview(found: Preview, encoded: bytes, name: str, notes: list[str]) -> PIL.Image.Image:
    """Open the JPEG that was found; the raw file's EXIF fields stand in place of its own.

    Raises
    ------
    MediaError
        When there is none, or it is broken.
    """
    with decoding(name, BROKEN):
        if found.start < found.stop:
            jpeg = io.BytesIO(encoded[found.start : found.stop])
            picture = PIL.Image.open(jpeg, formats=("JPEG",))
            if found.exif:
                _take_fields(picture, found.exif)
        else:
            try:  # a thumbnail that is not compressed is the first picture of a TIFF
                picture = PIL.Image.open(io.BytesIO(encoded), formats=("TIFF",))
            except PIL.UnidentifiedImageError:
                raise MediaError(NO_PREVIEW, name) from None
        picture.info[PREVIEW_OF_RAW] = True
    if min(picture.size) < SMALL_SIDE:
        notes.append(
            f"only a preview of {picture.width} x {picture.height} pixels is in the raw picture"
        )
    return picture


def _take_fields(picture: PIL.Image.Image, blocks: tuple[bytes, ...]) -> None:
    own = _orientation_of(picture)
    picture.info["exif"] = blocks[0]
    kept = getattr(picture, "_exif", None)
    if kept is not None:  # read for its orientation: to be read again
        kept._loaded = False
    try:
        fields = picture.getexif()
        for block, directory in zip(
            blocks[1:], (PIL.ExifTags.IFD.Exif, PIL.ExifTags.IFD.GPSInfo), strict=False
        ):
            apart = PIL.Image.Exif()
            apart.load(block)
            fields.get_ifd(directory).update(dict(apart.items()))
    except Exception:  # as in exif_metadata: a damaged block is not a damaged picture
        return
    if own is not None:  # it speaks of these very pixels
        fields[PIL.ExifTags.Base.Orientation] = own
    elif picture.height > picture.width and fields.get(PIL.ExifTags.Base.Orientation, 1) > 4:
        # Sensors are wider than high: pixels that stand upright were turned by the camera.
        fields[PIL.ExifTags.Base.Orientation] = 1


def _orientation_of(picture: PIL.Image.Image) -> int | None:
    if "exif" not in picture.info:
        return None
    try:
        own = picture.getexif().get(PIL.ExifTags.Base.Orientation)
    except Exception:
        return None
    return own if isinstance(own, int) and 1 <= own <= 8 else None


def _plain_tiff(encoded: bytes) -> bytes:
    """The file with a header that any reader of TIFF takes."""
    if encoded[:4] in _HEADERS[:2]:
        return encoded
    start = b"II*\0" if encoded[:2] == b"II" else b"MM\0*"
    return start + encoded[4:EXIF_BYTES]


def _largest(encoded: bytes, places: list[tuple[int, int]], exif: tuple[bytes, ...]) -> Preview:
    found = Preview(exif=exif)
    for start, length in places:
        if size := _jpeg_size(encoded, start):
            stop = min(len(encoded), start + length) if length else len(encoded)
            if size[0] * size[1] > found.size[0] * found.size[1] and stop > start:
                found = Preview(start, stop, size, exif)
    return found


def _jpeg_size(encoded: bytes, start: int) -> tuple[int, int] | None:
    """Width and height of a JPEG that begins there; None for lossless ones, which hold raw data."""
    if encoded[start : start + 2] != b"\xff\xd8":
        return None
    position = start + 2
    for _ in range(MOST_MARKERS):
        header = encoded[position : position + 9]
        if len(header) < 9 or header[0] != 0xFF:
            return None
        if header[1] == 0xFF:  # fill bytes
            position += 1
            continue
        if header[1] in (0xC0, 0xC1, 0xC2):
            height, width = struct.unpack(">HH", header[5:9])
            return (width, height) if width and height else None
        if header[1] in (0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF, 0xD9, 0xDA):
            return None
        position += 2 + struct.unpack(">H", header[2:4])[0]
    return None


class _Tiff:
    """The directories of a TIFF-like file: where JPEGs may lie, and whether it holds raw data."""

    def __init__(self, encoded: bytes) -> None:
        self._encoded = encoded
        self._order = "<" if encoded[:2] == b"II" else ">"
        self.places: list[tuple[int, int]] = []
        self.is_raw = encoded[8:10] == b"CR"
        self._seen: set[int] = set()
        self._read_chain(self._number(4, "I"), 0)

    def _number(self, position: int, kind: str) -> int:
        size = struct.calcsize(kind)
        part = self._encoded[position : position + size]
        return int(struct.unpack(self._order + kind, part)[0]) if len(part) == size else 0

    def _read_chain(self, start: int, base: int) -> None:
        """Read a directory, those that follow it, and those that it names."""
        waiting = [start]
        while waiting and len(self._seen) < MOST_DIRECTORIES:
            position = waiting.pop(0)
            if not 8 <= position < len(self._encoded) or position in self._seen:
                continue
            self._seen.add(position)
            tags = dict(self._tags(position, base))
            self._look_at(tags, base)
            waiting += self._values(tags.get(_SUB_DIRECTORIES), MOST_DIRECTORIES, base)
            waiting += self._values(tags.get(_EXIF), 1, base)
            count = min(self._number(position, "H"), MOST_TAGS)
            waiting.append(self._number(position + 2 + 12 * count, "I"))
            if note := tags.get(_MAKER_NOTE):
                self._read_maker_note(note[2])

    def _tags(self, position: int, base: int) -> Iterator[tuple[int, tuple[int, int, int]]]:
        """Yield tag, and type, count and place of its values."""
        for entry in range(min(self._number(position, "H"), MOST_TAGS)):
            place = position + 2 + 12 * entry
            tag, kind = self._number(place, "H"), self._number(place + 2, "H")
            count = self._number(place + 4, "I")
            if count * _SIZES.get(kind, 8) <= 4:
                yield tag, (kind, count, place + 8)
            else:
                yield tag, (kind, count, base + self._number(place + 8, "I"))

    def _values(self, field: tuple[int, int, int] | None, most: int, base: int) -> list[int]:
        if field is None or field[0] not in (3, 4, 13):
            return []
        kind, size = ("H", 2) if field[0] == 3 else ("I", 4)
        return [self._number(field[2] + size * n, kind) for n in range(min(field[1], most))]

    def _first(self, tags: dict[int, tuple[int, int, int]], tag: int) -> int:
        return (self._values(tags.get(tag), 1, 0) or [0])[0]

    def _look_at(self, tags: dict[int, tuple[int, int, int]], base: int) -> None:
        self.is_raw |= _DNG_VERSION in tags or self._first(tags, _PHOTOMETRIC) in _SENSOR
        if _JPEG_OFFSET in tags:
            start = base + self._first(tags, _JPEG_OFFSET)
            self.places.append((start, self._first(tags, _JPEG_BYTES)))
        strips = tags.get(_STRIP_OFFSETS)
        if strips and strips[1] == 1 and self._first(tags, _COMPRESSION) in (6, 7):
            self.places.append((self._first(tags, _STRIP_OFFSETS), self._first(tags, _STRIP_BYTES)))
        if block := tags.get(_PANASONIC_JPEG):
            self.places.append((block[2], block[1]))

    def _read_maker_note(self, place: int) -> None:
        """Olympus and Nikon name their previews there."""
        note = self._encoded[place : place + 20]
        if note.startswith(b"Nikon\0") and note[10:12] in (b"II", b"MM"):
            base = place + 10
            tags = dict(self._tags(base + self._number(base + 4, "I"), base))
            for start in self._values(tags.get(0x0011), 1, base):
                self._look_at(dict(self._tags(base + start, base)), base)
        elif note.startswith((b"OLYMPUS\0", b"OM SYSTEM\0")):
            first = 12 if note.startswith(b"OLYMPUS") else 16
            for kind, _, at in (
                field for tag, field in self._tags(place + first, place) if tag == 0x2020
            ):
                settings = place + self._number(at, "I") if kind in (4, 13) else at
                tags = dict(self._tags(settings, place))
                start = place + self._first(tags, 0x0101)
                self.places.append((start, self._first(tags, 0x0102)))


def _of_canon(encoded: bytes) -> tuple[list[tuple[int, int]], tuple[bytes, ...]]:
    """Places of JPEGs in a CR3, and its blocks of EXIF fields."""
    places: list[tuple[int, int]] = []
    blocks: dict[bytes, bytes] = {}
    for box in boxes(encoded):
        if box.kind == b"moov":
            for inner in boxes(encoded, box):
                if inner.kind == b"uuid" and encoded[inner.start : inner.start + 16] == (
                    _CANON_FIELDS
                ):
                    for field in boxes(encoded, Box(b"uuid", inner.start + 16, inner.stop)):
                        if field.kind in (b"CMT1", b"CMT2", b"CMT4"):
                            blocks[field.kind] = encoded[field.start : field.stop]
                elif inner.kind == b"trak":
                    places += _first_sample(encoded, inner)
        elif box.kind == b"uuid" and encoded[box.start : box.start + 16] == _CANON_PREVIEW:
            # 16 bytes of the name, 8 that count its boxes.
            for inner in boxes(encoded, Box(b"uuid", box.start + 24, box.stop)):
                if inner.kind == b"PRVW":  # 16 bytes of version, size and length
                    places.append((inner.start + 16, inner.stop - inner.start - 16))
    first = blocks.get(b"CMT1", b"")
    if not first:
        return places, ()
    return places, (first, blocks.get(b"CMT2", b""), blocks.get(b"CMT4", b""))


def _first_sample(encoded: bytes, track: Box) -> list[tuple[int, int]]:
    """Where a track's first sample lies."""
    inner = [track]
    for kind in (b"mdia", b"minf", b"stbl"):
        inner = [box for parent in inner for box in boxes(encoded, parent) if box.kind == kind]
    start = length = 0
    for table in inner:
        for box in boxes(encoded, table):
            part = encoded[box.start : box.start + 16]
            if box.kind == b"co64" and len(part) == 16:
                start = struct.unpack(">Q", part[8:])[0]
            elif box.kind == b"stco" and len(part) >= 12:
                start = struct.unpack(">I", part[8:12])[0]
            elif box.kind == b"stsz" and len(part) >= 12:
                length = struct.unpack(">I", part[4:8])[0]  # of all samples, if that is not 0
                if not length and len(part) == 16:
                    length = struct.unpack(">I", part[12:])[0]
    return [(start, length)] if start else []
