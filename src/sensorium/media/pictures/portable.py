"""Netpbm's portable pictures, P1 to P7, and portable float maps.

Pillow reads some of them, sample by sample in Python: minutes for a large one. These headers are a
few words, and NumPy takes the rest as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image

from sensorium.errors import MediaError
from sensorium.media.decoding import decoding

BROKEN = "broken picture"

_HEADER = rb"(?:\s|#[^\r\n]*[\r\n])+"
"""What may stand between the words of a header: white space and comments."""

_PLAIN = re.compile(
    rb"P([1-6])" + _HEADER + rb"(\d{1,9})" + _HEADER + rb"(\d{1,9})(?=\s|#)", re.DOTALL
)
_MAXIMUM = re.compile(_HEADER + rb"(\d{1,5})(?:#[^\r\n]*[\r\n])*\s", re.DOTALL)
_FLOATS = re.compile(rb"P([fF])\s+(\d{1,9})\s+(\d{1,9})\s+([-+.\deE]{1,20})\s", re.DOTALL)
_PAM = re.compile(rb"P7\s*\n(.{0,2000}?)ENDHDR[ \t]*\n", re.DOTALL)

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}

CHUNK = 2**24
"""Samples that are scaled at once."""


def open_picture(encoded: bytes, name: str, most_pixels: int) -> PIL.Image.Image | None:
    """Read a portable picture; None when it is none.

    Parameters
    ----------
    encoded : bytes
    name : str
        What errors call it.
    most_pixels : int

    Returns
    -------
    PIL.Image.Image or None
        Eight bits a sample; a float map keeps its values as mode F where it is grey.

    Raises
    ------
    MediaError
        When its header is broken, says more pixels than `most_pixels`, or the file is too short
        for it.
    """
    if encoded[:1] != b"P":
        return None
    with decoding(name, BROKEN):
        start = encoded[:4096]
        if found := _PLAIN.match(start):
            number = int(found[1])
            size = _size(found[2], found[3], most_pixels)
            if number in (1, 4):
                samples = _bits(encoded, found.end(), size, plain=number == 1)
                return _picture(samples, size, 1)
            if not (more := _MAXIMUM.match(start, found.end())) or not 0 < int(more[1]) < 65536:
                raise MediaError("broken picture (its header does not say what white is)", name)
            depth = 3 if number in (3, 6) else 1
            count = size[0] * size[1] * depth
            values = _values(encoded, more.end(), count, int(more[1]), plain=number < 4)
            return _picture(_scaled(values, int(more[1])), size, depth)
        if found := _FLOATS.match(start):
            size = _size(found[2], found[3], most_pixels)
            return _floats(encoded, found, size)
        if found := _PAM.match(start):
            return _arbitrary(encoded, found, most_pixels)
    return None


def _size(width: bytes, height: bytes, most_pixels: int) -> tuple[int, int]:
    size = int(width), int(height)
    if 0 in size:
        raise ValueError(f"{size[0]} x {size[1]} pixels")
    if size[0] * size[1] > most_pixels:
        raise MediaError(
            f"{size[0]} x {size[1]} pixels; more than the limit of {most_pixels:,} pixels; make a "
            "smaller copy"
        )
    return size


def _taken(encoded: bytes, start: int, dtype: Any, count: int) -> npt.NDArray[Any]:
    need = count * np.dtype(dtype).itemsize
    if len(encoded) - start < need:
        raise ValueError(f"truncated: {len(encoded) - start:,} bytes of {need:,}")
    return np.frombuffer(encoded, dtype, count, start)


def _bits(encoded: bytes, start: int, size: tuple[int, int], plain: bool) -> npt.NDArray[np.uint8]:
    """A bitmap's samples: 1 is black."""
    width, height = size
    if plain:
        digits = re.sub(rb"#[^\r\n]*|\s+", b"", encoded[start:])
        samples = _taken(digits, 0, np.uint8, width * height) - 48
        if samples.max() > 1:
            raise ValueError("a bitmap holds 0 and 1")
        return np.where(samples, 0, 255).astype(np.uint8)
    stride = (width + 7) // 8
    # One character of white space ends the header; comments before it count as part of it.
    if ended := re.compile(rb"(?:#[^\r\n]*[\r\n])*\s").match(encoded, start):
        start = ended.end()
    rows = _taken(encoded, start, np.uint8, stride * height).reshape(height, stride)
    return np.where(np.unpackbits(rows, axis=1)[:, :width], 0, 255).astype(np.uint8)


def _values(encoded: bytes, start: int, count: int, maximum: int, plain: bool) -> npt.NDArray[Any]:
    if not plain:
        return _taken(encoded, start, np.uint8 if maximum < 256 else ">u2", count)
    text = re.sub(rb"#[^\r\n]*", b"", encoded[start:])
    if re.search(rb"[^\d\s]", text):
        raise ValueError("a plain picture holds numbers")
    # Not given the count: of too few numbers it would make as many out of nothing.
    values = np.fromstring(text.decode("ascii"), np.uint16, sep=" ")[:count]
    if len(values) < count:
        raise ValueError(f"truncated: {len(values):,} samples of {count:,}")
    return values


def _scaled(values: npt.NDArray[Any], maximum: int) -> npt.NDArray[np.uint8]:
    """Bring samples to 0 to 255, rounded; more than the maximum is white."""
    if maximum == 255:
        return np.asarray(values, np.uint8)
    scaled = np.empty(len(values), np.uint8)
    for begin in range(0, len(values), CHUNK):
        part = np.minimum(values[begin : begin + CHUNK], maximum).astype(np.uint32)
        scaled[begin : begin + CHUNK] = (part * 255 + maximum // 2) // maximum
    return scaled


def _picture(samples: npt.NDArray[np.uint8], size: tuple[int, int], depth: int) -> PIL.Image.Image:
    return PIL.Image.frombytes(MODES[depth], size, samples.tobytes())


def _floats(encoded: bytes, header: re.Match[bytes], size: tuple[int, int]) -> PIL.Image.Image:
    """A float map: rows from below, 0 black and 1 white; others are stretched, as in a TIFF."""
    width, height = size
    depth = 3 if header[1] == b"F" else 1
    order = "<f4" if float(header[4]) < 0 else ">f4"
    values = _taken(encoded, header.end(), order, width * height * depth)
    rows = values.reshape(height, width, depth)[::-1].astype(np.float32)
    if depth == 1:
        return PIL.Image.fromarray(np.ascontiguousarray(rows[:, :, 0]))
    finite = rows[np.isfinite(rows)]
    if not finite.size:
        raise ValueError("no finite value")
    low, high = min(0.0, float(finite.min())), max(1.0, float(finite.max()))
    rows = (np.nan_to_num(rows, nan=low, posinf=high, neginf=low) - low) / (high - low)
    return PIL.Image.fromarray(np.round(rows * 255).astype(np.uint8))


def _arbitrary(encoded: bytes, header: re.Match[bytes], most_pixels: int) -> PIL.Image.Image:
    """A PAM: named fields, one to four samples a pixel; a bitmap in it has 1 for white."""
    lines: Sequence[list[bytes]] = [
        line.split(None, 1)
        for line in header[1].splitlines()
        if line.strip()[:1] not in (b"", b"#")
    ]
    fields = {line[0]: line[1].strip() for line in lines if len(line) == 2}
    missing = [key for key in (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL") if key not in fields]
    if missing:
        raise ValueError(f"the header lacks {missing[0].decode()}")
    size = _size(fields[b"WIDTH"], fields[b"HEIGHT"], most_pixels)
    depth, maximum = int(fields[b"DEPTH"]), int(fields[b"MAXVAL"])
    if depth not in MODES or not 0 < maximum < 65536:
        raise ValueError(f"{depth} samples a pixel, the largest {maximum}")
    values = _values(encoded, header.end(), size[0] * size[1] * depth, maximum, plain=False)
    return _picture(_scaled(values, maximum), size, depth)
