"""Square parts of long pictures: of panoramas and scrolled screenshots, what a crop leaves out.

Image towers see a square: of a picture five times as wide as high its middle fifth, or all of it so
small that nothing shows. So such a picture is seen as a whole and in tiles.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from threading import Lock
from typing import Any

import PIL.Image

from sensorium.errors import MediaError
from sensorium.media.decoding import reads
from sensorium.media.image import Image
from sensorium.media.pictures.formats import BROKEN
from sensorium.media.pictures.turning import Box
from sensorium.media.segments import Segment

MIN_RATIO = 2.5
"""Longer to shorter side from which on a picture has tiles.

Photos, screens (21:9) and films (1920 x 800 at most) have none. Of a sample photo pasted into a
panorama, asked for by its caption among 188 others, the median rank is 4 to 6 by the whole and 2
to 3 with tiles at 2:1, 8 to 12 and 2 to 3 at 2.5:1, 21 to 26 and 3 at 3:1, 75 to 81 and 3 at 5:1
(both halves of the sample, ``python -m benchmarks.tiles``). What has tiles is near to more
questions: where half of a collection are panoramas, the mean reciprocal rank of the photos beside
them falls by 0.07, 0.10, 0.12 and 0.15 at these ratios, and that of the panoramas grows by 0.09,
0.17, 0.28 and 0.40."""

OVERLAP = 1 / 3
"""Share of a tile that the next one has, too, at least: what is no wider is whole in one of them.

Mean reciprocal rank at 2.5:1 to 5:1 is 0.03 to 0.07 lower without overlap, and the same with a
half, which makes a quarter more tiles."""

MAX_TILES = 32
"""Tiles of one picture; of one that is longer than these reach they are oblong, not more."""

MIN_SIDE = 64
"""Pixels of the shorter side of a picture that has tiles: below, it is a rule or a ribbon."""


def tile_boxes(width: int, height: int) -> list[tuple[int, int, int, int]]:
    """Divide a long picture into overlapping parts along its longer side.

    Parameters
    ----------
    width, height : int
        Pixels, as shown.

    Returns
    -------
    list of (left, upper, right, lower)
        In pixels, from the left or from the top, equally far from each other; empty for a picture
        that is seen well as a whole.
    """
    side, length = min(width, height), max(width, height)
    if side < MIN_SIDE or length < MIN_RATIO * side:
        return []
    count = min(MAX_TILES, math.ceil((length / side - OVERLAP) / (1 - OVERLAP)))
    long = max(side, math.ceil(length / (count * (1 - OVERLAP) + OVERLAP)))
    starts = [round(n * (length - long) / (count - 1)) for n in range(count)]
    if width >= height:
        return [(start, 0, start + long, height) for start in starts]
    return [(0, start, width, start + long) for start in starts]


def tiles_of(image: Image, details: Mapping[str, Any]) -> Iterator[Segment]:
    """Yield the tiles of a long picture, each decoded when its turn comes.

    Parameters
    ----------
    image : Image
        None of one whose header cannot be read, which the whole tells.
    details : mapping
        Of the whole.

    Yields
    ------
    Segment
        ``details["box"]``: left, upper, right and lower edge as shares of width and height.
    """
    try:
        width, height = image.shown_size()
    except MediaError:
        return
    strip = _Strip(image)
    for left, upper, right, lower in tile_boxes(width, height):
        box = (left / width, upper / height, right / width, lower / height)
        place = [round(edge, 4) for edge in box]
        yield Segment(Tile(strip, box), details={**details, "box": place})


class Tile(Image):
    """A part of a picture.

    Parameters
    ----------
    strip : _Strip
        The picture.
    box : tuple of float
        Left, upper, right and lower edge as shares of its width and height.
    """

    def __init__(self, strip: _Strip, box: Box) -> None:
        super().__init__(b"")
        self.path = strip.image.path
        self.notes = strip.image.notes
        self._strip = strip
        self._box = box

    @reads(BROKEN)
    def load_scaled(self, min_side: int | None = None) -> tuple[PIL.Image.Image, Box]:
        """See `Image.load_scaled`."""
        picture, filled = self._strip.load_scaled(min_side)
        width, height = filled[2] - filled[0], filled[3] - filled[1]
        exact = (
            filled[0] + self._box[0] * width, filled[1] + self._box[1] * height,
            filled[0] + self._box[2] * width, filled[1] + self._box[3] * height,
        )  # fmt: skip
        # Edges of a picture at full size are whole numbers, but for rounding.
        left, upper = (math.floor(edge + 1e-6) for edge in exact[:2])
        right, lower = (math.ceil(edge - 1e-6) for edge in exact[2:])
        part = picture.crop((left, upper, right, lower))
        return part, (
            max(0.0, exact[0] - left), max(0.0, exact[1] - upper),
            min(exact[2] - left, part.width), min(exact[3] - upper, part.height),
        )  # fmt: skip

    def metadata(self) -> dict[str, Any]:
        """Give size in pixels; what else is known is known of the whole picture."""
        width, height = self.shown_size()
        return {"width": width, "height": height}

    def shown_size(self) -> tuple[int, int]:
        """See `Image.shown_size`."""
        width, height = self._strip.image.shown_size()
        left, upper, right, lower = self._box
        return round((right - left) * width), round((lower - upper) * height)

    def segments(self) -> Iterator[Segment]:
        """Yield the part as one segment."""
        yield Segment(self)

    def _open(self) -> PIL.Image.Image:
        return self.load()

    def _name(self) -> str:
        return self._strip.image._name()


class _Strip:
    """A picture that is decoded once for all of its tiles, to the size that was asked for last."""

    def __init__(self, image: Image) -> None:
        self.image = image
        self._lock = Lock()  # tiles may be decoded in several threads
        self._last: tuple[int | None, tuple[PIL.Image.Image, Box]] | None = None
        self._failure: MediaError | None = None

    def load_scaled(self, min_side: int | None) -> tuple[PIL.Image.Image, Box]:
        """See `Image.load_scaled`."""
        with self._lock:
            if self._failure is not None:  # a broken picture is not decoded for each of its tiles
                raise self._failure
            if self._last is None or self._last[0] != min_side:
                try:
                    self._last = (min_side, self.image.load_scaled(min_side))
                except MediaError as error:
                    self._failure = error
                    raise
            return self._last[1]
