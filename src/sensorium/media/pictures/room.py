"""What formats that are decoded in one go take, told by their headers before memory is taken.

Their libraries hold a picture several times over. What the system then refuses them, some of them
call a broken picture.
"""

from __future__ import annotations

from sensorium.errors import MediaError
from sensorium.media import worker
from sensorium.media.pictures import jpeg2000
from sensorium.media.pictures.costs import held_at_once, is_plain

A_PIXEL = {"WEBP": 17, "AVIF": 14, "HEIF": 10}
"""Bytes of memory for each pixel, measured. libwebp keeps two frames of an animation, though there
be but one, and Pillow two more; of the others, planes of brightness and colour come before."""

A_SAMPLE_OF_JPEG_2000 = 7
"""For each component of a pixel: OpenJPEG decodes to 4 bytes, tile by tile."""

_VP8X, _VP8, _VP8L = b"VP8X", b"VP8 ", b"VP8L"


def check_header(encoded: bytes, name: str) -> None:
    """Compare what a WebP, JPEG 2000 or JPEG of several scans takes with what its file may take.

    Raises
    ------
    MediaError
        When it is more; the picture's size and the limit are said.
    """
    if encoded[:4] == b"RIFF" and encoded[8:12] == b"WEBP":
        check("WEBP", _size_of_webp(encoded), len(encoded), name)
    elif encoded.startswith(jpeg2000.STARTS):
        size, components = jpeg2000.sizes(encoded)
        a_pixel = A_SAMPLE_OF_JPEG_2000 * len(components)
        check("JPEG 2000", size, len(encoded), name, a_pixel)
    elif worker.memory() is not None and is_plain(encoded[:8]):
        size, held = held_at_once(encoded)
        if held:
            check("JPEG of several scans", size, len(encoded), name, held // (size[0] * size[1]))


def check(
    kind: str | None, size: tuple[int, int], bytes_: int, name: str, a_pixel: int | None = None
) -> None:
    """Compare what a picture of a format takes with what a file of so many bytes may take.

    Parameters
    ----------
    kind : str, optional
        Format; of those that are not in `A_PIXEL` nothing is said.
    size : tuple of int
        Pixels across and down.
    bytes_ : int
        Of the file.
    name : str
    a_pixel : int, optional
        Bytes of memory, instead of those in `A_PIXEL`.

    Raises
    ------
    MediaError
        When it is more.
    """
    needed = size[0] * size[1] * (a_pixel or A_PIXEL.get(kind or "", 0))
    if needed and (most := worker.make_room(needed)) is not None:
        raise MediaError(
            f"{size[0]} x {size[1]} pixels, which take {needed >> 20:,} MB of memory as {kind}, "
            f"more than the {most >> 20:,} MB for a file of {bytes_:,} bytes; make a smaller copy",
            name,
        )


def _size_of_webp(encoded: bytes) -> tuple[int, int]:
    """Width and height of the canvas; zeros of what is cut off (RFC 9649, sections 2.5 to 2.7)."""
    kind, body = encoded[12:16], encoded[20:30]
    if len(body) < 10:
        return 0, 0
    if kind == _VP8X:
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if kind == _VP8:
        return tuple(int.from_bytes(body[at : at + 2], "little") & 0x3FFF for at in (6, 8))  # type: ignore[return-value]
    if kind == _VP8L:
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return 0, 0
