"""Where in one picture another one may be: all of it, turned or mirrored, or a part of it.

Squares of few pixels tell, in microseconds a pair, which pairs are worth a closer look
(`sensorium.media.pictures.alike`), and where to begin with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import PIL.Image

from sensorium.media.image import Image

MAP_SIDE = 48
"""Pixels of the square that a picture is read as."""

SIDE = 8
"""Pixels of what is correlated."""

WHOLE_CORRELATION = 0.94
"""Of two pictures that may be one, whatever way up. Copies that were saved at quality 40, or
scaled to 160 pixels, have 0.97 and more."""

FINE_SIDE, FINE_CORRELATION = 16, 0.9
"""The same of more pixels, of pictures that correlate so far."""

PART_CORRELATION = 0.86
"""Of a picture and the nearest of `WINDOWS` of another: these lie up to 5% beside the true part."""

ASPECT = 0.12
"""By how much the shapes of a picture and of a window may differ: as far as windows lie apart."""

Box = tuple[float, float, float, float]
"""Left, upper, right and lower edge, as shares of width and height."""

WHOLE: Box = (0.0, 0.0, 1.0, 1.0)

Transpose = PIL.Image.Transpose

TURNS: tuple[Transpose | None, ...] = (None, *Transpose)
"""All ways a picture can lie: what is applied to it to bring it to another."""

SIDEWAYS = frozenset(
    {Transpose.ROTATE_90, Transpose.ROTATE_270, Transpose.TRANSPOSE, Transpose.TRANSVERSE}
)


def _windows() -> tuple[Box, ...]:
    """Parts from which on a part is looked for: 7 to 10 tenths of each side, at three places."""
    sides = [(1.0, 0.9), (1.0, 0.8), (1.0, 0.7), (0.9, 0.9), (0.9, 0.8), (0.8, 0.8), (0.7, 0.7)]
    sides += [(down, across) for across, down in sides if across != down]
    return tuple(
        (left * (1 - width), upper * (1 - height),
         left * (1 - width) + width, upper * (1 - height) + height)
        for width, height in sides
        for left in ((0.0, 0.5, 1.0) if width < 1 else (0.0,))
        for upper in ((0.0, 0.5, 1.0) if height < 1 else (0.0,))
    )  # fmt: skip


WINDOWS = _windows()


@dataclass(frozen=True)
class Map:
    """A picture as a small square, and what is correlated of it; vectors are of unit length.

    Attributes
    ----------
    fine : ndarray of float32, shape (FINE_SIDE, FINE_SIDE)
        Grey, of twice the side: what two skies have in common is coarse.
    whole : ndarray of float32, shape (SIDE * SIDE * 3,)
    grey : ndarray of float32, shape (SIDE * SIDE,)
    parts : ndarray of float32, shape (len(WINDOWS), SIDE * SIDE)
        Grey, too.
    aspect : float
        Width by height.
    """

    fine: npt.NDArray[np.float32]
    whole: npt.NDArray[np.float32]
    grey: npt.NDArray[np.float32]
    parts: npt.NDArray[np.float32]
    aspect: float


class Placed(NamedTuple):
    """Where a picture may be found in another.

    Attributes
    ----------
    box : Box
        The part of the other that it may be.
    turn : PIL.Image.Transpose or None
        What brings it to lie like the other.
    """

    box: Box
    turn: Transpose | None


def map_of(image: Image) -> Map | None:
    """Read a picture as a small square; None where it is of an even colour.

    Raises
    ------
    MediaError
        When it cannot be read.
    """
    # Decoded larger: a JPEG at its smallest scale correlates less with its own copies.
    picture, box = image.load_scaled(64)
    square = picture.resize((MAP_SIDE, MAP_SIDE), PIL.Image.Resampling.BOX, box)
    whole = _unit(np.asarray(square, np.float32).reshape(SIDE, 6, SIDE, 6, 3).mean(axis=(1, 3)))
    if whole is None:
        return None
    grey = square.convert("L")
    levels = [
        np.asarray(
            grey.resize(
                (SIDE, SIDE),
                PIL.Image.Resampling.BOX,
                (left * MAP_SIDE, upper * MAP_SIDE, right * MAP_SIDE, lower * MAP_SIDE),
            ),
            np.float32,
        )
        for left, upper, right, lower in (WHOLE, *WINDOWS)
    ]
    nothing = np.zeros(SIDE * SIDE, np.float32)
    vectors = [nothing if (unit := _unit(one)) is None else unit for one in levels]
    width, height = box[2] - box[0], box[3] - box[1]
    side = (FINE_SIDE, FINE_SIDE)
    fine = _unit(np.asarray(grey.resize(side, PIL.Image.Resampling.BOX), np.float32))
    fine = np.zeros(FINE_SIDE**2, np.float32) if fine is None else fine
    return Map(fine.reshape(side), whole, vectors[0], np.stack(vectors[1:]), width / height)


def _unit(levels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32] | None:
    centred = levels.ravel() - levels.mean()
    length = np.linalg.norm(centred)
    return np.asarray(centred / length, np.float32) if length > 1e-3 else None


def turned(wholes: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
    """`Map.whole` of pictures after each of `TURNS`, shape (n, SIDE * SIDE * 3) each."""
    squares = wholes.reshape(-1, SIDE, SIDE, 3)
    swapped = squares.transpose(0, 2, 1, 3)
    ways = {
        None: squares,
        Transpose.FLIP_LEFT_RIGHT: squares[:, :, ::-1],
        Transpose.FLIP_TOP_BOTTOM: squares[:, ::-1],
        Transpose.ROTATE_90: swapped[:, ::-1],
        Transpose.ROTATE_180: squares[:, ::-1, ::-1],
        Transpose.ROTATE_270: swapped[:, :, ::-1],
        Transpose.TRANSPOSE: swapped,
        Transpose.TRANSVERSE: swapped[:, ::-1, ::-1],
    }
    return [
        np.ascontiguousarray(ways[turn].reshape(len(wholes), SIDE * SIDE * 3)) for turn in TURNS
    ]


def _lain(square: npt.NDArray[np.float32], turn: Transpose | None) -> npt.NDArray[np.float32]:
    """A grey square after one of `TURNS`."""
    if turn is None:
        return square
    turned_square = PIL.Image.fromarray(square).transpose(turn)
    return np.asarray(turned_square, np.float32)


def places(whole: Map, part: Map) -> Sequence[Placed]:
    """Where a picture may be in another, the likeliest first: up to two ways, or a part."""
    found = []
    for turn, vector in zip(TURNS, turned(part.whole[None]), strict=True):
        aspect = 1 / part.aspect if turn in SIDEWAYS else part.aspect
        if abs(np.log(aspect / whole.aspect)) < ASPECT:
            found.append((float(whole.whole @ vector[0]), Placed(WHOLE, turn)))
    found.sort(key=lambda one: -one[0])
    if found and found[0][0] >= WHOLE_CORRELATION:
        return [
            place
            for likely, place in found[:2]
            if likely >= WHOLE_CORRELATION
            and float((whole.fine * _lain(part.fine, place.turn)).sum()) >= FINE_CORRELATION
        ]
    shapes = np.array([(box[2] - box[0]) / (box[3] - box[1]) for box in WINDOWS]) * whole.aspect
    likely = np.where(np.abs(np.log(shapes / part.aspect)) < ASPECT, whole.parts @ part.grey, -1.0)
    best = int(np.argmax(likely))
    return [Placed(WINDOWS[best], None)] if likely[best] >= PART_CORRELATION else []
