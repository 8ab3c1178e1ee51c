"""Where in one picture another one may be: all of it, turned or mirrored, or a part of it.

Squares of few pixels tell, in microseconds a pair, which pairs are worth a closer look
(`sensorium.media.pictures.alike`), and where to begin with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

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
    square : ndarray of uint8, shape (MAP_SIDE, MAP_SIDE)
        Grey.
    whole : ndarray of float32, shape (SIDE * SIDE * 3,)
    aspect : float
        Width by height.
    """

    square: npt.NDArray[np.uint8]
    whole: npt.NDArray[np.float32]
    aspect: float

    @cached_property
    def fine(self) -> npt.NDArray[np.float32]:
        """Shape (FINE_SIDE, FINE_SIDE), grey, of twice the side: skies have what is coarse."""
        return _fine_of(self.square)

    @cached_property
    def grey(self) -> npt.NDArray[np.float32]:
        """Shape (SIDE * SIDE,)."""
        return np.asarray(greys_of(self.square[None])[0])

    @cached_property
    def parts(self) -> npt.NDArray[np.float32]:
        """Shape (len(WINDOWS), SIDE * SIDE), grey, too."""
        return np.asarray(parts_of(self.square[None])[0])


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
    width, height = box[2] - box[0], box[3] - box[1]
    return Map(np.asarray(square.convert("L")), whole, width / height)


def _unit(levels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32] | None:
    centred = levels.ravel() - levels.mean()
    length = np.linalg.norm(centred)
    return np.asarray(centred / length, np.float32) if length > 1e-3 else None


def _units(levels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Each last axis centred and of unit length, zeros where it is even; changes what it takes."""
    levels -= levels.mean(axis=-1, keepdims=True)
    lengths = np.sqrt(np.einsum("...d,...d->...", levels, levels))[..., None]
    levels *= np.where(lengths > 1e-3, 1 / np.maximum(lengths, 1e-3), 0)
    return levels


def _means(edges: Sequence[tuple[float, float]], side: int) -> npt.NDArray[np.float32]:
    """What makes `side` means of each of some stretches of `MAP_SIDE` pixels, in rows.

    A pixel counts where its middle lies, as in Pillow's BOX: what lies at a third of a picture is
    the same whoever scales it.
    """
    middles = np.arange(MAP_SIDE) + 0.5
    rows = []
    for low, high in edges:
        scale = (high - low) * MAP_SIDE / side
        centres = low * MAP_SIDE + (np.arange(side) + 0.5) * scale
        away = (middles[None] - centres[:, None]) / scale
        inside = (away > -0.5) & (away <= 0.5)
        rows.append(inside / inside.sum(axis=1, keepdims=True))
    return np.concatenate(rows).astype(np.float32)


def _scaled(squares: npt.NDArray[np.uint8], means: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
    """Squares scaled by `_means` along both axes, in whole levels, as pictures have them."""
    across = np.floor(squares.astype(np.float32) @ means.T + 0.5)
    return np.asarray(np.floor(np.matmul(means, across) + 0.5))


_STRETCHES = sorted({(box[n], box[n + 2]) for box in WINDOWS for n in (0, 1)})
_STRETCH_MEANS = _means(_STRETCHES, SIDE)
_WHOLE_MEANS, _FINE_MEANS = _means([(0.0, 1.0)], SIDE), _means([(0.0, 1.0)], FINE_SIDE)
_ROWS = [_STRETCHES.index((box[1], box[3])) for box in WINDOWS]
_COLUMNS = [_STRETCHES.index((box[0], box[2])) for box in WINDOWS]


def greys_of(squares: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """`Map.grey` of squares of shape (n, MAP_SIDE, MAP_SIDE), shape (n, SIDE * SIDE)."""
    return _units(_scaled(squares, _WHOLE_MEANS).reshape(len(squares), -1))


def parts_of(squares: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """`Map.parts` of squares, shape (n, len(WINDOWS), SIDE * SIDE)."""
    count = len(_STRETCHES)
    all_ = _scaled(squares, _STRETCH_MEANS).reshape(len(squares), count, SIDE, count, SIDE)
    some = all_.transpose(0, 1, 3, 2, 4)[:, _ROWS, _COLUMNS]
    return _units(some.reshape(len(squares), len(WINDOWS), SIDE * SIDE))


def _fine_of(square: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    levels = _scaled(square[None], _FINE_MEANS).reshape(1, -1)
    return _units(levels).reshape(FINE_SIDE, FINE_SIDE)


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
