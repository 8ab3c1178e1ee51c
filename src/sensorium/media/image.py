"""Pictures: from a path, URL, bytes or array to upright RGB pixels, decoded no larger than needed.

Everything that differs between files ends here (orientation, transparency, palettes, 16 bits,
CMYK, animation), so that an encoder only ever sees 8-bit RGB.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image

from sensorium.errors import MediaError
from sensorium.media.content import START_BYTES
from sensorium.media.decoding import decoding, reads
from sensorium.media.pictures.code_points import CodePoints, code_points, shown_in_srgb
from sensorium.media.pictures.colours import GREY, array_to_uint8, as_shown, to_rgb
from sensorium.media.pictures.exif import exif_metadata
from sensorium.media.pictures.formats import BROKEN, find_pages, may_have_pages, open_picture
from sensorium.media.pictures.plain import decode, unread_file
from sensorium.media.pictures.transparency import Stored, how_stored
from sensorium.media.pictures.turning import (
    Box,
    forget_orientation_in_xmp,
    orientation,
    shown_size,
    upright,
)
from sensorium.media.segments import Modality, Segment
from sensorium.media.sources import EMPTY, is_url, read_file, read_url, shown_url
from sensorium.visible import visible

MAX_PIXELS = 178_956_970
"""Largest picture that is decoded, width times height.

Pillow's own limit against decompression bombs (twice its ``MAX_IMAGE_PIXELS``): 0.5 GiB of RGB a
decoding thread. Ordinary cameras stay under 110 million."""

JPEG_MARGIN = 4 / 3
"""A JPEG is decoded at the smallest scale that leaves this many times the wanted size.

The final resize then still averages over pixels. Against decoding at full size `mini`'s vectors of
noisy 2- to 24-megapixel JPEGs keep a median cosine of 0.9995 (lowest 0.994); with twice the wanted
size it is 0.9998, for a third more time."""

REDUCE_MARGIN = 2
"""What is decoded at full size is reduced, by whole factors, to no less than this many times."""

# Pillow warns of every oddity that it copes with (damaged EXIF, padded chunks), and of pictures
# of half MAX_PIXELS, which are ordinary panoramas. What it cannot cope with, it raises.
warnings.filterwarnings("ignore", module=r"PIL\.")
warnings.filterwarnings("ignore", category=PIL.Image.DecompressionBombWarning)


class Image:
    """A picture. Nothing is read before it is needed.

    Parameters
    ----------
    source : str, Path, bytes, ndarray, PIL.Image.Image
        A path, an ``http(s)`` or ``data:`` URL, an encoded file as bytes, pixels as an array
        (``(h, w)``, ``(h, w, 1)``, ``(h, w, 3)`` or ``(h, w, 4)``; uint8, uint16, or float in
        0 to 1), or a Pillow image.

    Raises
    ------
    MediaError
        When the type or the array's shape or values cannot be a picture. Files are opened later,
        so their errors come from `load` and `metadata`.
    """

    modality = Modality.IMAGE

    def __init__(
        self, source: str | os.PathLike[str] | bytes | npt.NDArray[Any] | PIL.Image.Image
    ) -> None:
        self.notes: list[str] = []
        """What in it could not be used; see `Media`."""
        self.path: Path | None = None
        self._url: str | None = None
        self._encoded: bytes | None = None
        self._picture: PIL.Image.Image | None = None
        self._stored: Stored | None = None  # how a caller's picture was, before it is decoded
        self._codes: CodePoints | None = None  # what the file last opened says of its colours
        self._shown_size: tuple[int, int] | None = None
        self._page_at: int | None = None  # where a page of `_encoded` is found, see `find_pages`
        if isinstance(source, str) and is_url(source):
            self._url = source
        elif isinstance(source, (str, os.PathLike)):
            self.path = Path(source)
        elif isinstance(source, (bytes, bytearray, memoryview)):
            self._encoded = bytes(source)
        elif isinstance(source, np.ndarray):
            if source.dtype.kind in "iu" and source.dtype.newbyteorder("=") not in (
                np.uint8,
                np.uint16,
            ):
                raise MediaError(
                    f"an image array is uint8, uint16 or float, got {source.dtype}, which does "
                    "not say what white is: convert it, e.g. with .astype(np.uint8)"
                )
            self._picture = PIL.Image.fromarray(array_to_uint8(source))
        elif isinstance(source, PIL.Image.Image):
            self._picture = source
            self._stored = how_stored(source)
        else:
            raise MediaError(
                f"Image takes a path, URL, bytes, array or Pillow image, "
                f"got {type(source).__name__}: {source!r:.80}"
            )

    @classmethod
    def from_encoded(cls, encoded: bytes, path: Path) -> Image:
        """Make an image of a file that the caller has read already; `path` names it in errors."""
        image = cls(encoded)
        image.path = path
        return image

    @property
    def name(self) -> str:
        """What errors call it."""
        return self._name()

    def load(self, min_side: int | None = None) -> PIL.Image.Image:
        """Decode to upright RGB.

        Parameters
        ----------
        min_side : int, optional
            Pixels that the shorter side will be resized to afterwards. The picture is then decoded
            at a reduced size where its format allows, never to less than `JPEG_MARGIN` times
            this. None decodes at full size.

        Returns
        -------
        PIL.Image.Image
            Mode RGB in the colours of sRGB, EXIF orientation applied, the first frame; what is
            transparent over white, or over black where that shows what white hides.

        Raises
        ------
        MediaError
            When the file is missing, unreadable, not a picture, broken or over a limit.
        """
        return self.load_scaled(min_side)[0]

    @reads(BROKEN)
    def load_scaled(self, min_side: int | None = None) -> tuple[PIL.Image.Image, Box]:
        """Decode as `load` does, and tell what of the result the picture fills.

        Parameters
        ----------
        min_side : int, optional

        Returns
        -------
        picture : PIL.Image.Image
        box : tuple of float
            The picture's edges in it. Reducing 1001 pixels by 4 leaves 251, of which the picture
            fills 250.25; taken for whole, the picture would be out of place by up to a pixel.
        """
        with self._open() as picture:
            drafted, size, codes = None, picture.size, self._codes
            if min_side and picture.format in ("JPEG", "MPO"):
                scale = math.ceil(min_side * JPEG_MARGIN) / min(size)
                drafted = picture.draft(None, (int(size[0] * scale), int(size[1] * scale)))
            decoded = decode(picture, self._stored or how_stored(picture))
            # Asked for now: of a TIFF only decoding tells, and its size was as displayed before.
            turn = orientation(picture)
            self._shown_size = size[::-1] if turn >= 5 else size
            turned, box = upright(decoded, turn, drafted[1] if drafted else None)
            rgb = to_rgb(turned)
        if min_side and (factor := min(rgb.size) // (min_side * REDUCE_MARGIN)) >= 2:
            rgb = rgb.reduce(factor)
            box = (box[0] / factor, box[1] / factor, box[2] / factor, box[3] / factor)
        if turned.mode != "CMYK":  # whose profile is of CMYK
            # In a PNG they count more than a profile, elsewhere less.
            if codes and (picture.format == "PNG" or "icc_profile" not in turned.info):
                return shown_in_srgb(rgb, codes), box
            rgb = as_shown(rgb, turned.info, turned.mode in GREY)
        return rgb, box

    @reads(BROKEN)
    def metadata(self) -> dict[str, Any]:
        """Read size and EXIF fields without decoding the pixels.

        Returns
        -------
        dict
            ``width`` and ``height`` in pixels as displayed, and the keys of
            `sensorium.media.pictures.exif.exif_metadata`.

        Raises
        ------
        MediaError
            As `load`, for what shows in the header.
        """
        pages, _ = find_pages(book, self._suffix()) if (book := self._book()) else ([], [])
        several = {"pages": len(pages)} if len(pages) > 1 else {}
        try:
            with decoding(self._name(), BROKEN), self._open() as picture:
                width, height = self._shown_size = shown_size(picture)
                return {"width": width, "height": height, **exif_metadata(picture), **several}
        except MediaError:
            if several:  # the other pages may be whole
                return dict(several)
            raise

    @reads(BROKEN)
    def shown_size(self) -> tuple[int, int]:
        """Width and height in pixels as displayed; reads the header where nothing has yet.

        Raises
        ------
        MediaError
            As `metadata`.
        """
        if self._shown_size is None:
            with self._open() as picture:
                self._shown_size = shown_size(picture)
        return self._shown_size

    @reads(BROKEN)
    def segments(self) -> Iterator[Segment]:
        """Yield the picture, or each page of a TIFF or HEIF, and the tiles of a long one.

        ``page`` counts from 1; the first page is what `load` gives. Tiles have a ``box``; see
        `sensorium.media.pictures.tiles`.

        Raises
        ------
        MediaError
            When a URL cannot be fetched.
        """
        from sensorium.media.pictures.tiles import tiles_of  # they are Images

        places: Sequence[int] = ()
        if book := self._book():
            places, notes = find_pages(book, self._suffix())
            self.notes += notes
        pages = chain([self], (self._page(book, place) for place in places[1:]))
        for number, page in enumerate(pages, start=1):
            details = {"page": number} if len(places) > 1 else {}
            yield Segment(page, None, details)
            yield from tiles_of(page, details)

    def _page(self, book: bytes, place: int) -> Image:
        page = Image(book)
        page.path = self.path
        page._page_at = place
        return page

    def _book(self) -> bytes:
        """The file, where it may have pages; empty for any other, and where `load` will fail."""
        if self._picture is not None or self._page_at is not None:
            return b""
        if self._encoded is None and self.path is not None:
            try:
                if not self.path.is_file():  # opening a pipe would wait for who writes into it
                    return b""
                with self.path.open("rb") as file:
                    start = file.read(START_BYTES)
                return read_file(self.path) if may_have_pages(start) else b""
            except (OSError, ValueError, MediaError):
                return b""
        encoded = self._content()
        return encoded if may_have_pages(encoded[:START_BYTES]) else b""

    def _suffix(self) -> str:
        """Of the file's name, in lower case."""
        name = self.path if self._url is None else Path(self._url.split("?")[0][-100:])
        return name.suffix.lower() if name is not None else ""

    def _name(self) -> str:
        if self.path is not None:
            return visible(str(self.path))
        if self._url is not None:
            return shown_url(self._url)
        return "image"

    def _open(self) -> PIL.Image.Image:
        """Open the picture's header and check its size against the limits."""
        if self._picture is not None:
            return self._opened_again(self._picture) or self._copy(self._picture)
        encoded = self._content()
        if not encoded:
            raise MediaError(EMPTY, self._name())
        return self._opened(encoded)

    def _opened(self, encoded: bytes) -> PIL.Image.Image:
        with decoding(self._name(), BROKEN):
            try:
                picture = open_picture(
                    encoded, self._name(), self._suffix(), MAX_PIXELS, self.notes, self._page_at
                )
            except PIL.Image.DecompressionBombError as error:
                raise MediaError(_too_many_pixels(), self._name()) from error
        if picture.width * picture.height > MAX_PIXELS:
            raise MediaError(
                f"{picture.width} x {picture.height} pixels; {_too_many_pixels()}", self._name()
            )
        self._codes = None
        if picture.format in ("PNG", "AVIF", "HEIF"):
            self._codes = code_points(encoded)
        forget_orientation_in_xmp(picture)
        return picture

    def _content(self) -> bytes:
        """The encoded file."""
        if self._encoded is not None:
            return self._encoded
        # A URL is fetched once and kept; a path is read at each call, so that a list of a million
        # Images holds no pixels.
        if self._url is not None:
            self._encoded = read_url(self._url)
            return self._encoded
        assert self.path is not None
        return read_file(self.path)

    def _opened_again(self, picture: PIL.Image.Image) -> PIL.Image.Image | None:
        """Open the file of a caller's picture that was not decoded yet; None of any other.

        So it is decoded as files are, scaled and with all that Pillow forgets.
        """
        if encoded := unread_file(picture):
            with suppress(MediaError):
                again = self._opened(encoded)
                if again.info == picture.info:  # else the caller has changed what turns it
                    return again
        return None

    def _copy(self, picture: PIL.Image.Image) -> PIL.Image.Image:
        """Copy a caller's picture: it must survive draft() and close()."""
        if 0 in picture.size:
            raise MediaError(f"a picture of {picture.width} x {picture.height} has no pixels")
        with decoding(self._name(), BROKEN):  # it may be a file that was opened but not read
            copied = picture.copy()
        forget_orientation_in_xmp(copied)
        return copied

    def __repr__(self) -> str:
        return f"Image({self._name()})"


def _too_many_pixels() -> str:
    return f"more than the limit of {MAX_PIXELS:,} pixels; make a smaller copy"
