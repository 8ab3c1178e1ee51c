"""The door through which every encoded picture comes: what its file says, and its pixels.

These functions run in worker processes (`sensorium.media.isolation`); plain JPEGs and PNGs of
ordinary size are given to them in threads.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import PIL.Image

from sensorium.errors import MediaError
from sensorium.media.decoding import decoding
from sensorium.media.isolation import isolated
from sensorium.media.pictures.code_points import CodePoints, code_points
from sensorium.media.pictures.exif import exif_metadata
from sensorium.media.pictures.formats import BROKEN, find_pages, open_picture
from sensorium.media.pictures.pieces import pieces_of
from sensorium.media.pictures.room import check, check_header
from sensorium.media.pictures.transparency import how_stored
from sensorium.media.pictures.turning import forget_orientation_in_xmp, shown_size
from sensorium.media.sources import EMPTY, read_file

_Source = bytes | Path


@isolated
def read_pages(source: _Source, name: str, suffix: str) -> dict[str, Any]:
    """Find the pages of a TIFF or HEIF: ``places`` and ``notes``, see `formats.find_pages`."""
    places, notes = find_pages(_content(source, name), suffix)
    return {"places": places, "notes": notes}


@isolated
def read_facts(
    source: _Source, name: str, suffix: str, most_pixels: int, page: int | None, fields: bool
) -> dict[str, Any]:
    """Read what a picture's header says: ``size`` as shown, ``fields`` of its EXIF, and ``notes``.

    Raises
    ------
    MediaError
        See `open_encoded`.
    """
    notes: list[str] = []
    picture, _ = open_encoded(_content(source, name), name, suffix, most_pixels, notes, page)
    with picture, decoding(name, BROKEN):
        size = shown_size(picture)
        found = exif_metadata(picture) if fields else {}
    return {"size": size, "fields": found, "notes": notes}


@isolated
def read_pieces(
    source: _Source, name: str, suffix: str, most_pixels: int, page: int | None,
    min_side: int | None,
) -> Iterator[tuple[Any, ...]]:  # fmt: skip
    """Decode a picture: `pieces.Shown`, notes, and then each `pieces.Piece`.

    Raises
    ------
    MediaError
        See `open_encoded`; when it is broken or takes too much memory.
    """
    notes: list[str] = []
    encoded = _content(source, name)
    picture, codes = open_encoded(encoded, name, suffix, most_pixels, notes, page)
    with picture, decoding(name, BROKEN), enough_memory(len(encoded), name):
        pieces = pieces_of(picture, how_stored(picture), codes, min_side)
        yield (*next(pieces), notes)
        yield from pieces


def open_encoded(
    encoded: bytes, name: str, suffix: str, most_pixels: int, notes: list[str], page: int | None
) -> tuple[PIL.Image.Image, CodePoints | None]:
    """Open a picture's header and check its size.

    Returns
    -------
    picture : PIL.Image.Image
    codes : CodePoints or None
        What the file says of its colours by numbers.

    Raises
    ------
    MediaError
        When the file is empty, no picture, none that can be read, over `most_pixels`, or takes
        more memory than a file of its size may; see `room`.
    """
    if not encoded:
        raise MediaError(EMPTY, name)
    too_many = f"more than the limit of {most_pixels:,} pixels; make a smaller copy"
    with decoding(name, BROKEN), enough_memory(len(encoded), name):
        check_header(encoded, name)
        try:
            picture = open_picture(encoded, name, suffix, most_pixels, notes, page)
        except PIL.Image.DecompressionBombError as error:
            raise MediaError(too_many, name) from error
    if picture.width * picture.height > most_pixels:
        raise MediaError(f"{picture.width} x {picture.height} pixels; {too_many}", name)
    check(picture.format, picture.size, len(encoded), name)
    codes = code_points(encoded) if picture.format in ("PNG", "AVIF", "HEIF") else None
    forget_orientation_in_xmp(picture)
    return picture, codes


@contextmanager
def enough_memory(size: int, name: str) -> Iterator[None]:
    """Say it of a file, of so many bytes, that memory does not reach for it."""
    try:
        yield
    except MemoryError as error:
        raise MediaError(
            f"decoding it takes more memory than is allowed for a file of {size:,} bytes; make a "
            "smaller copy",
            name,
        ) from error


def _content(source: _Source, name: str) -> bytes:
    if not isinstance(source, Path):
        return source
    try:
        return read_file(source)
    except MediaError as error:
        raise MediaError(error.reason, name) from error
