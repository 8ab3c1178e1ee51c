"""Who opens an encoded picture: Pillow, for a closed list of formats, and readers of two more."""

from __future__ import annotations

import io
from contextlib import suppress

import PIL.Image

from sensorium.errors import MediaError
from sensorium.media.content import is_heif
from sensorium.media.decoding import described
from sensorium.media.pictures import jpeg2000, portable, raw, tiff_pages
from sensorium.media.sources import IMAGE_FORMATS
from sensorium.media.unread import no_picture

FORMATS = (
    "JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "JPEG2000", "ICO", "CUR", "QOI",
)  # fmt: skip
"""What Pillow may open. A closed list: its other readers are rarely used and start programs
(EPS) or are little tested against hostile files. "JPEG" covers MPO, which some cameras write."""

TARGA = ("TGA",)
"""Nothing at its beginning tells a TGA file, so that Pillow takes nearly anything for one."""

TARGA_END = b"TRUEVISION-XFILE.\0"

BROKEN = "broken picture"


def open_picture(
    encoded: bytes, name: str, suffix: str, most_pixels: int, notes: list[str], page: int | None
) -> PIL.Image.Image:
    """Read the header of an encoded picture, whatever it is called.

    Parameters
    ----------
    encoded : bytes
    name : str
        What errors call it.
    suffix : str
        Of its name, in lower case; it decides where the content does not say what it is.
    most_pixels : int
        Limit for what is decoded here and now.
    notes : list of str
        Gets what of it cannot be used.
    page : int or None
        Which of its pages, as `find_pages` says; None for the first.

    Returns
    -------
    PIL.Image.Image
        Not yet decoded; of a camera's raw file the preview, with the raw file's EXIF fields.

    Raises
    ------
    MediaError
        When it is no picture, none that can be read, or broken in its header.
    MissingExtraError
        For HEIF without the extra `heif`.
    PIL.Image.DecompressionBombError
        When it has too many pixels.
    """
    if is_heif(encoded):
        from sensorium.media.pictures import heif

        return heif.open_picture(encoded, name, page)
    if page is not None:
        return _opened(tiff_pages.AtPage(encoded, page), name)
    if (found := raw.find_preview(encoded, suffix)) is not None:
        return raw.open_preview(found, encoded, name, notes)
    if (picture := portable.open_picture(encoded, name, most_pixels)) is not None:
        return picture
    if (picture := jpeg2000.open_picture(encoded, name, most_pixels)) is not None:
        return picture
    if suffix == ".tga" or encoded.endswith(TARGA_END):
        with suppress(PIL.UnidentifiedImageError):
            return PIL.Image.open(io.BytesIO(encoded), formats=(*FORMATS, *TARGA))
    return _opened(io.BytesIO(encoded), name)


def may_have_pages(start: bytes) -> bool:
    """Whether a file that begins so may hold several pictures, each worth a vector."""
    return tiff_pages.is_tiff(start[:4]) or is_heif(start)


def find_pages(encoded: bytes, suffix: str) -> tuple[list[int], list[str]]:
    """Find the pages of a TIFF, or the pictures of a burst in HEIF: the one that is shown first.

    Returns
    -------
    places : list of int
        What `open_picture` takes.
    notes : list of str
        What cannot be found or is too much, in plain words.
    """
    if is_heif(encoded):
        from sensorium.media.pictures import heif

        return heif.find_pages(encoded), []
    if raw.find_preview(encoded, suffix) is not None:
        return [], []  # its directories hold one picture in several sizes
    return tiff_pages.find_pages(encoded)


def _opened(file: io.BytesIO, name: str) -> PIL.Image.Image:
    is_tiff = tiff_pages.is_tiff(file.getvalue()[:4])
    try:
        picture: PIL.Image.Image = PIL.Image.open(file, formats=FORMATS)
    except PIL.UnidentifiedImageError as error:
        if not is_tiff:
            raise MediaError(_unidentified(file), name) from error
        try:
            return _by_samples(file)
        except SyntaxError as other:  # what Pillow's readers raise at a file that is not theirs
            reason = f"{BROKEN}, or a kind of TIFF that cannot be read ({described(other)})"
            raise MediaError(reason, name) from other
    if is_tiff:
        from sensorium.media.pictures.tiff_samples import is_misread

        if is_misread(picture):
            with suppress(SyntaxError):  # as well as Pillow can, then
                return _by_samples(file)
    return picture


def _by_samples(file: io.BytesIO) -> PIL.Image.Image:
    from sensorium.media.pictures.tiff_samples import SampledTiff

    file.seek(0)
    return SampledTiff(file)


def _unidentified(file: io.BytesIO) -> str:
    """Why Pillow opens none of `FORMATS` in a file."""
    encoded = file.getvalue()
    start = encoded[:16]
    for kind in FORMATS:
        factory, accept = PIL.Image.OPEN[kind]
        # The four bytes that begin a cursor begin many a TGA, too.
        if kind == "CUR" or accept is None or accept(start) is not True:
            continue
        try:
            file.seek(0)
            factory(file, "")
        except Exception as error:  # Pillow kept to itself what it met there
            return f"{BROKEN}, or a kind of {kind} that cannot be read ({described(error)})"
    return no_picture(encoded) or (
        f"no picture, or one that is broken in its first bytes ({encoded[:8]!r}; "
        f"what can be read: {', '.join(IMAGE_FORMATS)})"
    )
