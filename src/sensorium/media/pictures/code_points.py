"""Colours that a file names by numbers: `cICP` of PNGs, `colr` of AVIF and HEIF.

Telephones and screens of high dynamic range write them instead of a profile.

Sources: ITU-T H.273 (the numbers), PNG 3 (cICP, https://www.w3.org/TR/png-3/), ISO/IEC 14496-12 and
23008-12 (colr, and how a property belongs to a picture).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

import numpy as np
import PIL.Image

from sensorium.media.pictures.boxes import Box, boxes
from sensorium.media.pictures.hdr import HLG, PQ, TO_BT709, to_srgb

LINEAR, GAMMA_22, GAMMA_28 = 8, 4, 5
"""Transfer characteristics that are no curve of screens. All others but PQ and HLG are, or nearly:
the cameras' of BT.709 is made for a display that adds contrast, so its levels stay, as in films."""

_EXPONENTS = {LINEAR: 1.0, GAMMA_22: 2.2, GAMMA_28: 2.8}

_PNG = b"\x89PNG\r\n\x1a\n"

ROWS_AT_ONCE = 1 << 18
"""Pixels that are converted at a time: numbers with fractions take 12 bytes each."""


class CodePoints(NamedTuple):
    """Primaries and transfer characteristics, in the numbers of H.273."""

    primaries: int
    transfer: int

    @property
    def is_ordinary(self) -> bool:
        """Whether levels are those of sRGB, as far as anyone shows a difference."""
        return self.primaries not in TO_BT709 and self.transfer not in (PQ, HLG, *_EXPONENTS)


def code_points(encoded: bytes) -> CodePoints | None:
    """What the file says of its colours by numbers; None where it does not.

    Parameters
    ----------
    encoded : bytes
        PNG, AVIF or HEIF; of the last two the main picture counts.
    """
    with suppress(struct.error, IndexError):  # whoever decodes it tells what is broken
        if encoded.startswith(_PNG):
            return _of_png(encoded)
        if encoded[4:8] == b"ftyp":
            return _of_main_item(encoded)
    return None


def shown_in_srgb(rgb: PIL.Image.Image, codes: CodePoints) -> PIL.Image.Image:
    """Convert a picture to sRGB, highlights of high dynamic range compressed.

    Parameters
    ----------
    rgb : PIL.Image.Image
        Mode RGB.
    codes : CodePoints
    """
    if codes.is_ordinary:
        return rgb
    pixels = np.array(rgb)
    step = max(1, ROWS_AT_ONCE // max(1, rgb.width))
    for row in range(0, rgb.height, step):
        part = pixels[row : row + step]
        if codes.transfer in (PQ, HLG):
            part[:] = to_srgb(part, codes.transfer, codes.primaries)
            continue
        levels = np.arange(256) / 255
        exponent = _EXPONENTS.get(codes.transfer)
        curve = ((levels + 0.055) / 1.055) ** 2.4
        light = np.where(levels <= 0.04045, levels / 12.92, curve)
        light = light if exponent is None else levels**exponent
        linear = light.astype(np.float32)[part]
        if codes.primaries in TO_BT709:
            linear = (linear @ TO_BT709[codes.primaries].T).clip(0, 1)
        coded = np.where(
            linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** np.float32(1 / 2.4) - 0.055
        )
        part[:] = np.round(255 * coded.clip(0, 1))
    return PIL.Image.fromarray(pixels)


def _of_png(encoded: bytes) -> CodePoints | None:
    at = len(_PNG)
    while True:
        length, name = struct.unpack_from(">I4s", encoded, at)
        if name == b"cICP":
            primaries, transfer, matrix = struct.unpack_from(">3B", encoded, at + 8)
            # Only RGB is allowed in a PNG.
            return CodePoints(primaries, transfer) if matrix == 0 else None
        if name in (b"PLTE", b"IDAT", b"IEND"):
            return None
        at += 12 + length


def _of_main_item(encoded: bytes) -> CodePoints | None:
    meta = next((box for box in boxes(encoded) if box.kind == b"meta"), None)
    if meta is None:
        return None
    inner = {box.kind: box for box in boxes(encoded, meta._replace(start=meta.start + 4))}
    if not {b"pitm", b"iprp"} <= inner.keys():
        return None
    main = inner[b"pitm"].start
    form = ">I" if encoded[main] else ">H"
    (item,) = struct.unpack_from(form, encoded, main + 4)
    parts = list(boxes(encoded, inner[b"iprp"]))
    container = next((box for box in parts if box.kind == b"ipco"), None)
    if container is None:
        return None
    properties = list(boxes(encoded, container))
    for number in (n for box in parts if box.kind == b"ipma" for n in _of(encoded, box, item)):
        box = properties[number - 1]
        start = box.start
        if number and box.kind == b"colr" and encoded[start : start + 4] == b"nclx":
            return CodePoints(*struct.unpack_from(">HH", encoded, start + 4))
    return None


def _of(encoded: bytes, associations: Box, item: int) -> Iterator[int]:
    """Numbers, from 1, of the properties of an item (ISO/IEC 23008-12, 9.3.1)."""
    at = associations.start
    version, has_wide = encoded[at], encoded[at + 3] & 1
    (count,) = struct.unpack_from(">I", encoded, at + 4)
    at += 8
    for _ in range(count):
        name, of_it = struct.unpack_from(">HB" if version < 1 else ">IB", encoded, at)
        at += 3 if version < 1 else 5
        for _ in range(of_it):
            if has_wide:
                number = struct.unpack_from(">H", encoded, at)[0] & 0x7FFF
            else:
                number = encoded[at] & 0x7F
            at += 1 + has_wide
            if name == item:
                yield number
