"""What decoding a JPEG or PNG takes, told by its header, and how many threads do it at once.

Both are most of all pictures, and their decoders the most tested: so they are decoded in threads,
which is faster than to send pixels from a worker process. What is large or unusual in them is not.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sensorium.media.pictures.exif_block import overstates
from sensorium.media.pictures.pieces import wanted_scale

IN_THREAD = 160 << 20
"""Bytes that decoding one picture in a thread may take: a PNG of 16 megapixels, a JPEG of 36 at
full size, and of any ordinary size where it is decoded at a reduced one."""

IN_THREADS = 512 << 20
"""Bytes that decoding in all threads may take together."""

MOST_SEGMENTS = 400
"""Segments of a JPEG before its pixels, chunks of a PNG. Profiles and panoramas' metadata have 64
KB each; a camera writes ten."""

MOST_SCANS = 64
"""Scans of a JPEG, each of which goes over all of its pixels; programs write up to 14."""

A_PIXEL_OF_PNG = 10
"""Bytes: 4 as it is stored, the rest for unpacking and for what is made of pieces of it."""

A_COEFFICIENT = 2

_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"


def is_plain(start: bytes) -> bool:
    """Whether a file that begins so is a JPEG or a PNG."""
    return start.startswith((_JPEG, _PNG))


def held_at_once(encoded: bytes) -> tuple[tuple[int, int], int]:
    """Size of a JPEG, and the bytes that its coefficients take where all wait for all; else 0."""
    try:
        found = _read_jpeg(encoded)
    except (struct.error, IndexError):
        found = None
    if found is None:
        return (0, 0), 0
    (width, height), coefficients = found
    return (width, height), coefficients


def thread_cost(encoded: bytes, min_side: int | None) -> int | None:
    """Bytes of memory that decoding a JPEG or PNG takes at most, as far as its header tells.

    Parameters
    ----------
    encoded : bytes
    min_side : int, optional
        See `sensorium.media.Image.load`.

    Returns
    -------
    int or None
        None of what belongs in a process of its own: other formats, more than `IN_THREAD`, and
        what is built as no camera and no program builds it.
    """
    try:
        if encoded.startswith(_JPEG):
            cost = _of_jpeg(encoded, min_side)
        elif encoded.startswith(_PNG):
            cost = _of_png(encoded)
        else:
            return None
    except (struct.error, IndexError):  # cut off
        return None
    return cost if cost is not None and cost <= IN_THREAD else None


def _of_jpeg(encoded: bytes, min_side: int | None) -> int | None:
    if (found := _read_jpeg(encoded)) is None:
        return None
    (width, height), cost = found
    pixels = width * height
    if min_side:
        wanted = wanted_scale((width, height), min_side)
        scale = next(
            (s for s in (8, 4, 2) if width >= s * wanted[0] and height >= s * wanted[1]), 1
        )
        pixels //= scale * scale
    return cost + 4 * pixels


def _read_jpeg(encoded: bytes) -> tuple[tuple[int, int], int] | None:
    """Size, and bytes of coefficients that are held; None of what no camera builds."""
    at, width, height, samples, sampling, is_progressive = 2, 0, 0, 0, (0, 1), False
    exif = several = b""
    for _ in range(MOST_SEGMENTS):
        mark, kind, length = struct.unpack_from(">BBH", encoded, at)
        if mark != 0xFF:
            return None
        if kind == 0xDA:
            break
        if kind in (0xC0, 0xC1, 0xC2):
            is_progressive = kind == 0xC2
            height, width, samples = struct.unpack_from(">HHB", encoded, at + 5)
            factors = [encoded[at + 11 + 3 * n] for n in range(samples)]
            areas = [(one >> 4) * (one & 15) for one in factors]
            sampling = (sum(areas), max(areas, default=0))
        elif kind == 0xE1 and encoded[at + 4 : at + 8] == b"Exif":
            exif += encoded[at + 10 : at + 2 + length]
        elif kind == 0xE2 and encoded[at + 4 : at + 8] == b"MPF\0":
            several = encoded[at + 8 : at + 2 + length]
        at += 2 + length
    else:
        return None
    if (
        not (width and height and 1 <= samples <= 4 and sampling[1])
        or overstates(exif)
        or overstates(several)
    ):
        return None
    pixels = width * height
    cost = 0
    # In one scan, which holds all components, pixels leave as they are read; else all wait for all.
    if is_progressive or encoded[at + 4] < samples:
        if encoded.count(b"\xff\xda", at) > MOST_SCANS:
            return None
        cost = pixels * A_COEFFICIENT * sampling[0] // sampling[1]
    return (width, height), cost


def _of_png(encoded: bytes) -> int | None:
    width, height = struct.unpack_from(">II", encoded, 16)
    at = len(_PNG)
    for _ in range(MOST_SEGMENTS):
        length, kind = struct.unpack_from(">I4s", encoded, at)
        if kind == b"IDAT":
            return int(width * height * A_PIXEL_OF_PNG)
        if kind == b"eXIf" and overstates(encoded[at + 8 : at + 8 + length]):
            return None
        at += 12 + length
    return None


class _Budget:
    """Lets threads decode as long as all of them together stay under a limit."""

    def __init__(self) -> None:
        self._free = threading.Condition()
        self._taken = 0

    @contextmanager
    def held(self, cost: int) -> Iterator[None]:
        """Wait until there is room for so many bytes, and take it."""
        with self._free:
            while self._taken and self._taken + cost > IN_THREADS:
                self._free.wait()
            self._taken += cost
        try:
            yield
        finally:
            with self._free:
                self._taken -= cost
                self._free.notify_all()


BUDGET = _Budget()
