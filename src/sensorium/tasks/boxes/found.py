"""What a detector finds in one picture, before it is told of as pixels of a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import PIL.Image

from sensorium.tasks.boxes.overlap import best_apart
from sensorium.tasks.origin import Origin

SAME = 0.5
"""Intersection over union from which on two boxes of one label are one."""


class Found(NamedTuple):
    """One thing.

    Attributes
    ----------
    label : str
        As it was asked for, or the model's own.
    probability : float
    box : tuple of float
        Left, upper, right and lower edge as shares of the picture's width and height.
    origin : Origin
    """

    label: str
    probability: float
    box: tuple[float, float, float, float]
    origin: Origin


class Finder(Protocol):
    """A model that finds things.

    Attributes
    ----------
    origin : Origin
    min_side : int
        Pixels of a picture's shorter side that are enough for it.
    least : float
        Probability from which on its boxes are told, unless another is asked for.
    """

    min_side: int
    least: float

    @property
    def origin(self) -> Origin: ...

    def unknown(self, labels: Sequence[str]) -> list[str]:
        """Those of some labels that it cannot find."""
        ...

    def find(
        self, picture: PIL.Image.Image, labels: Sequence[str] | None, least: float
    ) -> list[Found]:
        """Find things in an upright RGB picture.

        Parameters
        ----------
        picture : PIL.Image.Image
        labels : sequence of str, optional
            What is sought, of what it can find; all that it knows without any.
        least : float
            Probability that each has.
        """
        ...


def one_of_each(found: Iterable[Found], same: float = SAME) -> list[Found]:
    """Leave out what overlaps a more probable box of the same label; best first."""
    by_label: dict[str, list[Found]] = {}
    for one in found:
        by_label.setdefault(one.label, []).append(one)
    kept = []
    for some in by_label.values():
        boxes = np.array([one.box for one in some])
        scores = np.array([one.probability for one in some])
        kept += [some[row] for row in best_apart(boxes, scores, same)]
    return sorted(kept, key=lambda one: -one.probability)
