"""Masks of things in pictures: run lengths as COCO stores them, and what a model has to give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import PIL.Image

from sensorium.errors import UsageError
from sensorium.tasks.origin import Origin

Pixels = npt.NDArray[np.bool_]
"""Which pixels belong to a thing, shape (height, width)."""

Levels = npt.NDArray[np.float32]
"""How surely each does, from 0 to 1, shape (h, w): of the whole picture, in any resolution."""

Place = tuple[float, float, float, float]
"""Left, upper, right and lower edge, as shares of a picture's width and height."""

INSIDE = 0.5
"""Level from which on a pixel belongs to a thing."""

LEFT = 0.5
"""Share of a mask, at least, that no more probable thing of its label has."""


class FoundMask(NamedTuple):
    """One thing, before it is told of as pixels of a file.

    Attributes
    ----------
    label : str
        As it was asked for, or the model's own; empty where no model named it.
    probability : float
    levels : ndarray of float32, shape (h, w)
    origin : Origin
    box : int
        Which of the boxes that were given it answers; -1 where none was.
    """

    label: str
    probability: float
    levels: Levels
    origin: Origin
    box: int = -1


@dataclass(frozen=True)
class Asked:
    """What masks are wanted of.

    Attributes
    ----------
    labels : tuple of str
        Words.
    points : tuple of tuple of (float, float)
        Of each thing, some places that belong to it: x and y as shares.
    boxes : tuple of (left, upper, right, lower)
        Of each thing, where it is, as shares.
    """

    labels: tuple[str, ...] = ()
    points: tuple[tuple[tuple[float, float], ...], ...] = ()
    boxes: tuple[Place, ...] = ()


class MaskFinder(Protocol):
    """A model that finds masks.

    Attributes
    ----------
    name : str
        What errors call it.
    origin : Origin
    takes : frozenset of str
        Which of "labels", "points" and "boxes" it can be asked by.
    least : float
        Probability from which on its masks are told, unless another is asked for.
    min_side : int
        Pixels of a picture's shorter side that are enough for it.
    kinds : tuple of str
        What a detector is asked for where nobody says what is sought; empty where somebody has to.
    least_box : float, optional
        Probability from which on a detector's boxes are looked at; without, the detector's own.
    """

    name: str
    takes: frozenset[str]
    least: float
    min_side: int
    kinds: tuple[str, ...]
    least_box: float | None

    @property
    def origin(self) -> Origin:
        """The model."""
        ...

    def find(self, picture: PIL.Image.Image, asked: Asked, least: float) -> list[FoundMask]:
        """Find masks in an upright RGB picture, the most probable first."""
        ...


def apart(found: Sequence[FoundMask]) -> list[FoundMask]:
    """Let each pixel belong to one thing of a label, the first; leave out what little is left.

    Parameters
    ----------
    found : sequence of FoundMask
        The most probable first; levels of one size.
    """
    taken: dict[str, Pixels] = {}
    kept = []
    for one in found:
        inside = one.levels >= INSIDE
        before = taken.get(one.label)
        if before is not None:
            own = inside & ~before
            if own.sum() < LEFT * inside.sum():
                continue
            one = one._replace(levels=np.where(before, np.float32(0), one.levels))
        taken[one.label] = inside if before is None else before | inside
        kept.append(one)
    return kept


def resized(levels: Levels, width: int, height: int) -> Levels:
    """Bring levels to another size, linearly."""
    if levels.shape == (height, width):
        return levels
    picture = PIL.Image.fromarray(np.ascontiguousarray(levels, np.float32))
    made = picture.resize((width, height), PIL.Image.Resampling.BILINEAR)
    return np.asarray(made, np.float32)


def runs_of(mask: Pixels) -> list[int]:
    """Lengths of runs, down the columns from the left, of pixels outside and inside in turn.

    Returns
    -------
    list of int
        The first counts pixels outside, and may be 0; together they are all pixels.
    """
    flat = np.asarray(mask, bool).ravel(order="F")
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    edges = [0, *changes.tolist(), flat.size]
    lengths = [end - start for start, end in pairwise(edges)]
    return [0, *lengths] if flat.size and flat[0] else lengths


def mask_of(runs: Sequence[int], width: int, height: int) -> Pixels:
    """The mask that `runs_of` told of.

    Raises
    ------
    UsageError
        When they are not as many pixels as the picture has.
    """
    lengths = np.asarray(runs, np.int64)
    if (lengths < 0).any() or int(lengths.sum()) != width * height:
        raise UsageError(f"the runs of a mask of {width} x {height} pixels do not fill it")
    flat = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
    return flat.reshape((height, width), order="F")


def packed(runs: Sequence[int]) -> str:
    """Runs in the letters of COCO's ``counts``: five bits a letter, differences from the third on.

    As ``rleToString`` of pycocotools has it (github.com/cocodataset/cocoapi, maskApi.c).
    """
    letters = []
    for number, run in enumerate(runs):
        value = run - runs[number - 2] if number > 2 else run
        more = True
        while more:
            five = value & 0x1F
            value >>= 5
            more = value != (-1 if five & 0x10 else 0)
            letters.append(chr((five | 0x20 if more else five) + 48))
    return "".join(letters)


def unpacked(text: str) -> list[int]:
    """What `packed` was given.

    Raises
    ------
    UsageError
        For anything else.
    """
    runs: list[int] = []
    value = shift = 0
    for letter in text:
        bits = ord(letter) - 48
        if not 0 <= bits < 64 or shift > 60:
            raise UsageError(f"{text!r:.60} is no mask in COCO's letters")
        value |= (bits & 0x1F) << shift
        shift += 5
        if not bits & 0x20:
            if bits & 0x10:
                value -= 1 << shift
            runs.append(value + runs[-2] if len(runs) > 2 else value)
            value = shift = 0
    if shift or any(run < 0 for run in runs):
        raise UsageError(f"{text!r:.60} is no mask in COCO's letters")
    return runs


def extent(mask: Pixels) -> tuple[int, int, int, int]:
    """Left and upper edge, width and height of what belongs to a mask; zeros of an empty one."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return (0, 0, 0, 0)
    left, upper = int(columns[0]), int(rows[0])
    return (left, upper, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - upper)
