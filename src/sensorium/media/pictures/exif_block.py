"""The block of EXIF fields of a picture, if it is none that grows while it is read.

Its tags name places in the block; thousands may name the same. Pillow makes a value of each.

Source: TIFF 6.0, section 2, which EXIF follows.
"""

from __future__ import annotations

import struct

import PIL.Image
from PIL.ExifTags import IFD

ROOM = 1 << 16
"""Bytes that values may have beyond twice what the block has."""

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}
"""Bytes of a value, by type."""

_POINTERS = (IFD.Exif, IFD.GPSInfo, IFD.Interop)
_MOST_DIRECTORIES = 8

_RAW_PROFILE = "Raw profile type exif"


def overstates(block: bytes) -> bool:
    """Whether the values of a block's tags are together far more than the block.

    Parameters
    ----------
    block : bytes
        As TIFF, with or without ``Exif`` before it.
    """
    start = 6 if block.startswith(b"Exif\0\0") else 0
    order = "<" if block[start : start + 2] == b"II" else ">"
    waiting = [4]  # where a pointer to a directory is
    seen: set[int] = set()
    total, most = 0, 2 * len(block) + ROOM
    for pointer in waiting:
        try:
            (offset,) = struct.unpack_from(order + "I", block, start + pointer)
            (count,) = struct.unpack_from(order + "H", block, start + offset)
        except struct.error:
            continue
        if offset in seen or len(seen) == _MOST_DIRECTORIES:
            continue
        seen.add(offset)
        begin = start + offset + 2
        entries = block[begin : begin + 12 * count]
        entries = entries[: len(entries) // 12 * 12]
        for number, (tag, kind, length) in enumerate(struct.iter_unpack(order + "HHI4x", entries)):
            total += min(len(block), length * _SIZES.get(kind, 0))
            if tag in _POINTERS:
                waiting.append(begin - start + 12 * number + 8)
        if total > most:
            return True
    return False


def exif_of(picture: PIL.Image.Image) -> PIL.Image.Exif:
    """EXIF fields of a picture; empty where they are not to be read.

    Raises
    ------
    Exception
        Nearly any of Pillow's, on a damaged block.
    """
    _drop(picture)
    if "exif" not in picture.info and picture.format == "PNG":
        picture.load()  # where they stand behind the pixels
        _drop(picture)
    return picture.getexif()


def _drop(picture: PIL.Image.Image) -> None:
    for key in ("exif", _RAW_PROFILE):
        block = picture.info.get(key)
        try:
            if isinstance(block, str):
                block = bytes.fromhex("".join(block.split("\n")[3:]))
        except ValueError:
            continue
        if isinstance(block, bytes) and overstates(block):
            del picture.info[key]
