"""HEIF pictures (HEIC of phones), through libheif."""

from __future__ import annotations

import io
from contextlib import closing

import PIL.Image

from sensorium.errors import MediaError, MissingExtraError
from sensorium.media.decoding import decoding
from sensorium.media.pictures.boxes import boxes

try:
    from pi_heif.as_plugin import HeifImageFile
except ImportError as error:
    raise MissingExtraError("pi_heif", "heif") from error

BROKEN = "broken picture"


def open_picture(encoded: bytes, name: str, page: int | None = None) -> PIL.Image.Image:
    """Read the header of a HEIF file: its main picture, or the first of a film of pictures.

    Parameters
    ----------
    encoded : bytes
    name : str
        What errors call it.
    page : int, optional
        Which of its pictures, as `find_pages` says; None for the main one.

    libheif puts tiles together, crops, turns and mirrors; the EXIF orientation says the same once
    more, and is not to be applied (ISO/IEC 23008-12, annex A: the properties alone count).

    Raises
    ------
    MediaError
        When it is broken, or in a codec that libheif does not decode here.
    """
    with decoding(name, BROKEN):
        try:
            # Not registered with Pillow: what the caller's own code opens is not ours to change.
            picture: PIL.Image.Image = HeifImageFile(io.BytesIO(encoded), name)
            if page is not None:
                picture.seek(page)
            return picture
        except SyntaxError:
            kinds = {box.kind for box in boxes(encoded)}
            if b"moov" in kinds and b"meta" not in kinds:
                return _first_of_film(encoded, name)
            raise


def find_pages(encoded: bytes) -> list[int]:
    """Numbers of the pictures that stand for themselves (a burst): the main one, then the others.

    Thumbnails, tiles and auxiliary pictures (depth, gain maps) are none; nor is there any in a
    file that is broken.
    """
    try:
        picture = HeifImageFile(io.BytesIO(encoded))
    except Exception:  # whoever decodes it says so
        return []
    main = picture.tell()
    return [main, *(number for number in range(picture.n_frames) if number != main)]


def _first_of_film(encoded: bytes, name: str) -> PIL.Image.Image:
    from sensorium.media.video import Video

    with closing(Video(encoded).frames()) as frames:
        for _, picture in frames:
            return picture
    raise MediaError("a sequence of pictures that holds none", name)
