"""Decoding an opened picture to pixels that no longer depend on its format."""

from __future__ import annotations

import io

import PIL.Image
import PIL.ImageFile
import PIL.PngImagePlugin

from sensorium.media.pictures.animation import first_frame
from sensorium.media.pictures.transparency import Stored, how_stored, with_alpha
from sensorium.media.sources import MAX_BYTES


def decode(picture: PIL.Image.Image, stored: Stored) -> PIL.Image.Image:
    """Decode what viewers show first of a picture, not turned yet.

    Parameters
    ----------
    picture : PIL.Image.Image
        As Pillow opened it.
    stored : Stored
        How its file holds it.

    Returns
    -------
    PIL.Image.Image
        Of any of Pillow's modes; transparency is a channel of its own.
    """
    encoded = _content(picture)
    if encoded and getattr(picture, "default_image", False) and (first := first_frame(encoded)):
        still, place = first
        with PIL.Image.open(io.BytesIO(still), formats=["PNG"]) as frame:
            shown = decode(frame, how_stored(frame))
        if place != (0, 0, *picture.size):
            whole = PIL.Image.new("RGBA", picture.size)
            whole.paste(shown.convert("RGBA"), place)
            shown = whole
        shown.info = {**picture.info, **shown.info}
        shown.info.pop("transparency", None)
        return shown
    low = None
    if encoded and stored.samples == "RGB;16B" and "transparency" in picture.info:
        with PIL.Image.open(io.BytesIO(encoded), formats=["PNG"]) as low:
            # Pillow takes the upper byte of each sample: of the other byte order, the lower one.
            low.tile = [tile._replace(args="RGB;16L") for tile in low.tile]
            low.load()
    picture.load()
    return with_alpha(picture, stored, low)


def _content(picture: PIL.Image.Image) -> bytes:
    """The file that a PNG was opened from, where it is in memory; else nothing."""
    file = getattr(picture, "fp", None)
    if isinstance(picture, PIL.PngImagePlugin.PngImageFile) and isinstance(file, io.BytesIO):
        return file.getvalue()
    return b""


def unread_file(picture: PIL.Image.Image) -> bytes:
    """The file that a picture was opened from while none of it is decoded; else nothing.

    Parameters
    ----------
    picture : PIL.Image.Image
        Of a caller, who may have sought another frame or asked for a scale.
    """
    file = getattr(picture, "fp", None)
    if (
        not isinstance(picture, PIL.ImageFile.ImageFile)
        or file is None
        or not picture.tile
        or picture.decoderconfig
        or picture.tell() != 0
    ):
        return b""
    try:
        place = file.tell()
        file.seek(0)
        encoded = file.read(MAX_BYTES)
        file.seek(place)
    except (OSError, ValueError):  # it was closed
        return b""
    return bytes(encoded)
