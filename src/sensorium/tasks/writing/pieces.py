"""Pieces in which a picture is read, and one list of lines of what was found in all of them.

Detectors scale a picture to some 2,000 pixels, at which a screenshot of ten screens has letters of
three pixels. So a long picture is cut across its longer side into pieces that overlap.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import PIL.Image

from sensorium.tasks.writing.order import Line

LONG_SIDE = 2000
"""Pixels of the longer side of what is read at once: letters of a page of A4 are 20 high then."""

SHORT_SIDE = 1414
"""Pixels of the shorter side of a longer picture: that of such a page."""

ENOUGH_PIXELS = 1_000_000
"""What has fewer is enlarged, at most twofold: of words with letters of 8 pixels, in five colours,
89% are read so in a picture of 300 x 200, and 55% as they are."""

PIECE = 1600
"""Pixels of a piece along the longer side."""

OVERLAP = 200
"""Pixels that two pieces share: a line of 100 pixels is whole in one of them."""

MOST_PIECES = 64
"""Pieces that are read: 90,000 pixels, some two minutes on two processors."""

LEAST_SIDE = 736
"""Pixels below which the detector would enlarge a side, and a strip of 30 x 2000 to 49,000 pixels:
what is smaller gets a margin instead."""

WHOLE = 0.95
"""Share of the length of all views of a line from which on one of them has all of it."""

SEAM = 3
"""Pixels from a cut within which a line may have been cut through."""


@dataclass(frozen=True)
class Piece:
    """A part of a picture.

    Attributes
    ----------
    box : tuple of float
        Left, upper, right and lower edge in the picture, in its pixels.
    scale : float
        By which the part is enlarged to be read.
    """

    box: tuple[float, float, float, float]
    scale: float

    def cut(self, picture: PIL.Image.Image) -> PIL.Image.Image:
        """The part as it is read: scaled, and with a margin of its border's colour if small."""
        left, upper, right, lower = self.box
        size = (
            max(1, round((right - left) * self.scale)), max(1, round((lower - upper) * self.scale))
        )  # fmt: skip
        part = picture.resize(size, PIL.Image.Resampling.BICUBIC, box=self.box, reducing_gap=3)
        if min(size) >= LEAST_SIDE:
            return part
        pixels = np.asarray(part)
        border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
        ground = tuple(int(level) for level in np.median(border, axis=0))
        padded = PIL.Image.new("RGB", (max(size[0], LEAST_SIDE), max(size[1], LEAST_SIDE)), ground)
        padded.paste(part, (0, 0))
        return padded

    def placed(self, line: Line) -> Line:
        """A line found in `cut` where it is in the picture."""
        left, upper, right, lower = self.box
        corners = line.corners / self.scale + [left, upper]
        return replace(line, corners=corners.clip([left, upper], [right, lower]))


@dataclass(frozen=True)
class Found:
    """A line that was found in a piece, and whether it ends where the piece was cut."""

    line: Line
    axis: int = 0  # across which pieces are cut: 0 from left to right, 1 from above to below
    is_cut: bool = False


def pieces_of(width: int, height: int) -> tuple[list[Piece], float]:
    """Say in which pieces a picture is read.

    Returns
    -------
    pieces : list of Piece
        From the left, or from above.
    share : float
        Of the longer side that they cover: 1 but for pictures beyond `MOST_PIECES`.
    """
    longer, shorter = max(width, height), min(width, height)
    scale = min(2.0, math.sqrt(ENOUGH_PIXELS / (width * height)), LONG_SIDE / longer)
    if scale < 1:
        scale = min(1.0, SHORT_SIDE / shorter)
    if longer * scale <= LONG_SIDE * 1.1:  # a photo of 3:2 is no long picture
        return [Piece((0, 0, width, height), min(scale, LONG_SIDE / longer))], 1.0
    count = math.ceil((longer * scale - OVERLAP) / (PIECE - OVERLAP))
    share = min(1.0, MOST_PIECES / count)
    count = min(count, MOST_PIECES)
    covered = longer * share
    step = (covered - OVERLAP / scale) / count
    pieces = []
    for n in range(count):
        start, stop = n * step, min(covered, (n + 1) * step + OVERLAP / scale)
        box = (start, 0, stop, height) if width > height else (0, start, width, stop)
        pieces.append(Piece((*map(float, box),), scale))  # type: ignore[arg-type]
    return pieces, share


def found_in(lines: Iterable[Line], pieces: Sequence[Piece], number: int) -> list[Found]:
    """Lines of a piece, placed in the picture, but for slivers of lines that the next one has."""
    piece = pieces[number]
    axis = 0 if piece.box[1] == pieces[-1].box[1] else 1
    start, stop = piece.box[axis], piece.box[axis + 2]
    margin, shared = SEAM / piece.scale, OVERLAP / piece.scale
    found = []
    for line in map(piece.placed, lines):
        low, high = line.corners[:, axis].min(), line.corners[:, axis].max()
        is_cut = (number > 0 and low <= start + margin) or (
            number < len(pieces) - 1 and high >= stop - margin
        )
        if not is_cut or high - low >= shared - margin:
            found.append(Found(line, axis, bool(is_cut)))
    return found


def merged(
    pieces: Iterable[Sequence[Found]], read: Callable[[npt.NDArray[np.float64]], Line | None]
) -> Iterator[Line]:
    """One line for each that was found in two pieces, or cut through between them.

    Parameters
    ----------
    pieces : iterable of sequences of Found
        What was found in each piece, in their order.
    read : callable
        Reads the writing within four corners once more: of a line of which no piece has all.
    """
    before: list[list[Found]] = []  # what was found in the last piece, with what it goes on from
    for piece in pieces:
        here = [[one] for one in piece]
        for earlier in before:
            same = [
                group
                for group in here
                if any(_is_same(view, one) for view in earlier for one in group)
            ]
            if same:  # one of them may be parts of the earlier one
                together = [*earlier, *(one for group in same for one in group)]
                here = [group for group in here if group not in same] + [together]
            else:
                yield _whole(earlier, read)
        before = here
    for group in before:
        yield _whole(group, read)


def _is_same(one: Found, other: Found) -> bool:
    """Whether lines of two pieces that follow one another show the same writing."""
    starts, stops = (
        np.stack([edge(view.line.corners, axis=0) for view in (one, other)])
        for edge in (np.min, np.max)
    )
    shared = stops.min(0) - starts.max(0)  # in both directions
    if shared.min() <= 0:
        return False
    sizes = stops - starts
    if one.is_cut or other.is_cut:
        across = 1 - one.axis
        return bool(shared[across] >= 0.5 * sizes[:, across].min())
    return bool(shared.prod() >= 0.5 * sizes.prod(axis=1).min())


def _whole(group: Sequence[Found], read: Callable[[npt.NDArray[np.float64]], Line | None]) -> Line:
    """The one line of which a group are views."""
    if len(group) == 1:
        return group[0].line
    edges = np.concatenate([one.line.corners for one in group])
    axis = int(np.ptp(edges, axis=0).argmax())  # the direction of the writing
    length = np.ptp(edges[:, axis])
    views = [one.line for one in group]
    whole = [o.line for o in group if not o.is_cut and _length(o.line, axis) >= WHOLE * length]
    if whole:
        return max(whole, key=lambda line: line.sure)
    first = min(views, key=lambda line: line.corners[:, axis].min()).corners
    last = max(views, key=lambda line: line.corners[:, axis].max()).corners
    parts = [first[0], first[1] if axis else last[1], last[2], last[3] if axis else first[3]]
    again = read(np.stack(parts))
    return again or max(views, key=lambda line: len(line.text) * line.sure)


def _length(line: Line, axis: int) -> float:
    return float(np.ptp(line.corners[:, axis]))
