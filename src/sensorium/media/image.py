"""Pictures: from a path, URL, bytes or array to upright RGB pixels, decoded no larger than needed.

Everything that differs between files ends here (orientation, transparency, palettes, 16 bits,
CMYK, animation), so that an encoder only ever sees 8-bit RGB.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image

from sensorium.errors import MediaError
from sensorium.media.content import START_BYTES, read_start
from sensorium.media.decoding import decoding, reads
from sensorium.media.isolation import in_this_process
from sensorium.media.pictures.code_points import CodePoints
from sensorium.media.pictures.colours import array_to_uint8
from sensorium.media.pictures.costs import BUDGET, is_plain, thread_cost
from sensorium.media.pictures.exif import exif_metadata
from sensorium.media.pictures.formats import BROKEN, may_have_pages
from sensorium.media.pictures.pieces import pieces_of
from sensorium.media.pictures.plain import unread_file
from sensorium.media.pictures.reading import open_encoded, read_facts, read_pages, read_pieces
from sensorium.media.pictures.transparency import Stored, how_stored
from sensorium.media.pictures.turning import Box, forget_orientation_in_xmp, shown_size
from sensorium.media.segments import Modality, Segment
from sensorium.media.sources import EMPTY, is_url, read_file, read_url, shown_url
from sensorium.visible import visible

MAX_PIXELS = 178_956_970
"""Largest picture that is decoded, width times height.

Pillow's own limit against decompression bombs (twice its ``MAX_IMAGE_PIXELS``): 0.5 GiB of RGB a
decoding thread. Ordinary cameras stay under 110 million."""

RESENT = 32 << 20
"""Bytes of a file of pages up to which it is sent for each page; larger ones are read again."""

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
            at a reduced size where its format allows, never to less than `pieces.JPEG_MARGIN` times
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
        with closing(self._pieces(min_side)) as pieces:
            stored, size, box, *_ = next(pieces)
            if stored[0] * stored[1] > MAX_PIXELS or size[0] * size[1] > MAX_PIXELS:
                raise MediaError(_too_many_pixels())
            self._shown_size = stored
            whole = None
            for left, upper, part in pieces:
                if part.size == tuple(size):
                    whole = part
                    continue
                whole = whole or PIL.Image.new("RGB", size)
                whole.paste(part, (left, upper))
        assert whole is not None
        return whole, box

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
        pages = self._pages(notes=[])
        several = {"pages": len(pages)} if len(pages) > 1 else {}
        try:
            return {**self._facts(fields=True), **several}
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
            self._facts(fields=False)
        assert self._shown_size is not None
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

        places = self._pages(self.notes)
        pages = chain([self], (self._page(place) for place in places[1:]))
        for number, page in enumerate(pages, start=1):
            details = {"page": number} if len(places) > 1 else {}
            yield Segment(page, None, details)
            yield from tiles_of(page, details)

    def _page(self, place: int) -> Image:
        page = Image(self._encoded or b"")
        page.path, page._url, page._page_at = self.path, self._url, place
        page._encoded = self._encoded
        return page

    def _pages(self, notes: list[str]) -> list[int]:
        """Places of the pages of a file that may have some; none where `load` will fail."""
        if self._picture is not None or self._page_at is not None:
            return []
        if self._encoded is None and self.path is not None:
            start = read_start(self.path)
        else:
            start = self._content()[:START_BYTES]
        if not may_have_pages(start):
            return []
        try:
            found = read_pages(self._source(), self._name(), self._suffix())
        except MediaError:
            return []
        notes += found["notes"]
        return list(found["places"])

    def _pieces(self, min_side: int | None) -> Generator[tuple[Any, ...]]:
        """What `reading.read_pieces` yields, from a worker process or decoded in this thread."""
        if self._picture is not None:
            with self._open() as picture, decoding(self._name(), BROKEN):
                stored = self._stored or how_stored(picture)
                yield from pieces_of(picture, stored, self._codes, min_side)
            return
        source, cost = self._source_and_cost(min_side)
        asked = (source, self._name(), self._suffix(), MAX_PIXELS, self._page_at, min_side)
        read: Any = read_pieces if cost is None else in_this_process(read_pieces)
        with BUDGET.held(cost or 0), closing(read(*asked)) as pieces:
            shown = next(pieces)
            self.notes += shown[3]
            yield shown
            yield from pieces

    def _facts(self, fields: bool) -> dict[str, Any]:
        """Width and height, and with `fields` those of EXIF."""
        if self._picture is not None:
            with self._open() as picture, decoding(self._name(), BROKEN):
                width, height = shown_size(picture)
                said = exif_metadata(picture) if fields else {}
        else:
            source, cost = self._source_and_cost(None)
            asked = (source, self._name(), self._suffix(), MAX_PIXELS, self._page_at, fields)
            read = read_facts if cost is None else in_this_process(read_facts)
            with BUDGET.held(cost or 0):
                found = read(*asked)
            (width, height), said = found["size"], found["fields"]
            self.notes += found["notes"]
        self._shown_size = width, height
        return {"width": width, "height": height, **said}

    def _source_and_cost(self, min_side: int | None) -> tuple[bytes | Path, int | None]:
        """What is to be read, and the memory that this takes in a thread; see `thread_cost`."""
        source = self._source()
        if isinstance(source, Path):
            return source, None
        if not source:
            raise MediaError(EMPTY, self._name())
        return source, thread_cost(source, min_side)

    def _source(self) -> bytes | Path:
        """The encoded file, or its path where a worker process can read it as well."""
        if self.path is not None:
            if self._encoded is None:
                start = read_start(self.path)
                if start and not is_plain(start):
                    return self.path.absolute()
            elif self._page_at is not None and len(self._encoded) > RESENT:
                with suppress(OSError):
                    if self.path.stat().st_size == len(self._encoded):
                        return self.path.absolute()
        return self._content()

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
        """Open a caller's picture anew, and check its size against the limits."""
        assert self._picture is not None
        opened = self._opened_again(self._picture) or self._copy(self._picture)
        if opened.width * opened.height > MAX_PIXELS:
            raise MediaError(
                f"{opened.width} x {opened.height} pixels; {_too_many_pixels()}", self._name()
            )
        return opened

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
                again, codes = open_encoded(
                    encoded, self._name(), self._suffix(), MAX_PIXELS, self.notes, None
                )
                if again.info == picture.info:  # else the caller has changed what turns it
                    self._codes = codes
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
