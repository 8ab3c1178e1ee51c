"""Decoding an opened picture to pixels that no longer depend on its format."""

from __future__ import annotations

import io
from dataclasses import dataclass

import PIL.Image
import PIL.ImageFile
import PIL.PngImagePlugin

from sensorium.media.pictures.animation import first_frame
from sensorium.media.pictures.transparency import Stored, how_stored, with_alpha
from sensorium.media.pictures.turning import orientation, shown_box, stored_place, upright
from sensorium.media.sources import MAX_BYTES


@dataclass(frozen=True)
class Decoded:
    """A picture in memory as its file holds it; parts of it are made as they are shown.

    Attributes
    ----------
    picture : PIL.Image.Image
    stored : Stored
    low : PIL.Image.Image or None
        The lower 8 bits of 16, where they are needed; see `with_alpha`.
    turned : int
        EXIF orientation.
    """

    picture: PIL.Image.Image
    stored: Stored
    low: PIL.Image.Image | None = None
    turned: int = 1

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, upright."""
        return shown_box(self.picture.size, self.turned, None)[0]

    def part(self, place: tuple[int, int, int, int]) -> PIL.Image.Image:
        """Make a part of it, upright, transparency a channel of its own; of any of Pillow's modes.

        Parameters
        ----------
        place : tuple of int
            Left, upper, right and lower edge in the upright picture.
        """
        picture, low, stored = self.picture, self.low, self.stored
        if place != (0, 0, *self.size):
            inner = stored_place(picture.size, self.turned, place)
            picture, stored = picture.crop(inner), stored.within(inner)
            low = low and low.crop(inner)
        return upright(with_alpha(picture, stored, low), self.turned)


def decode(picture: PIL.Image.Image, stored: Stored) -> Decoded:
    """Decode what viewers show first of a picture, not turned yet.

    Parameters
    ----------
    picture : PIL.Image.Image
        As Pillow opened it.
    stored : Stored
        How its file holds it.
    """
    encoded = _content(picture)
    if encoded and getattr(picture, "default_image", False) and (first := first_frame(encoded)):
        still, place = first
        with PIL.Image.open(io.BytesIO(still), formats=["PNG"]) as frame:
            read = decode(frame, how_stored(frame))
            shown = read.part((0, 0, *read.size))
        if place != (0, 0, *picture.size):
            whole = PIL.Image.new("RGBA", picture.size)
            whole.paste(shown.convert("RGBA"), place)
            shown = whole
        shown.info = {**picture.info, **shown.info}
        shown.info.pop("transparency", None)
        return Decoded(shown, Stored(), None, orientation(picture))
    low = None
    if encoded and stored.samples == "RGB;16B" and "transparency" in picture.info:
        with PIL.Image.open(io.BytesIO(encoded), formats=["PNG"]) as low:
            # Pillow takes the upper byte of each sample: of the other byte order, the lower one.
            low.tile = [tile._replace(args="RGB;16L") for tile in low.tile]
            low.load()
    picture.load()
    # Asked for now: of a TIFF only decoding tells.
    return Decoded(picture, stored, low, orientation(picture))


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
