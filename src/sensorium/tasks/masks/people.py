"""The pixels of people, by weights that a package carries.

The model looks at 256 x 256 pixels and was made for people near a camera. Where somebody is
smaller, a box helps: it then looks at that part alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import PIL.Image

from sensorium.errors import UsageError
from sensorium.tasks.loaded import LOADED
from sensorium.tasks.masks.runs import INSIDE, Asked, FoundMask, Levels, Place, resized
from sensorium.tasks.origin import Origin
from sensorium.tasks.weights import WEIGHTS, folder_of

NAME = "person-mask"

LABEL = "person"

WORDS = frozenset((
    "person", "persons", "people", "human", "humans", "human being", "somebody", "人",
    "人物", "人们",
))  # fmt: skip
"""What it is asked for by: it does not tell men from women, or children from both."""

SIDE = 256
"""Pixels of the square that the model takes, as 0 to 1 in each channel."""

LEAST_SHARE = 0.002
"""Of what the model looks at: fewer pixels are specks, and nobody."""

LEAST_BOX = 0.3
"""Probability that a detector gives a box: where there is nobody, the mask is empty more often than
not. Of 12 people laid on photos SSD finds one with 0.5, and three with this; on 50 photos of
animals and things it finds somebody on three with either."""

AROUND = 0.25
"""Of a box's longer side, what the model sees beyond each edge: it expects a ground."""

BYTES = 1 << 20
"""Of memory, about: the weights are a fifth of it."""


class PeopleFinder:
    """Tells the pixels of people from all others; people of one picture are one mask."""

    name = NAME
    takes = frozenset(("labels", "boxes"))
    least = 0.5
    min_side = 512
    kinds: tuple[str, ...] = (LABEL,)
    least_box: float | None = LEAST_BOX

    @property
    def origin(self) -> Origin:
        """See `MaskFinder`."""
        return WEIGHTS[NAME].origin

    def find(self, picture: PIL.Image.Image, asked: Asked, least: float) -> list[FoundMask]:
        """See `MaskFinder.find`.

        The probability of a mask is the mean over its pixels.

        Raises
        ------
        UsageError
            For labels of anything but people.
        EncoderError
            When the weights are not here; it says how they are fetched.
        """
        label = _label(asked.labels)
        places: Sequence[Place | None] = asked.boxes or (None,)
        found = []
        for number, place in enumerate(places):
            levels = self._levels(picture, place)
            inside = levels >= INSIDE
            if inside.sum() < LEAST_SHARE * _size(levels, place):
                continue
            probability = float(levels[inside].mean())
            if probability >= least:
                box = number if asked.boxes else -1
                found.append(FoundMask(label, probability, levels, self.origin, box))
        return found

    def _levels(self, picture: PIL.Image.Image, place: Place | None) -> Levels:
        """Of the whole picture, in its size; 0 outside of a box."""
        if place is None:
            return resized(_looked(picture), *picture.size)
        width, height = picture.size
        left, upper, right, lower = (
            round(edge * side) for edge, side in zip(place, (width, height) * 2, strict=True)
        )
        more = round(AROUND * max(right - left, lower - upper))
        seen = (
            max(0, left - more), max(0, upper - more),
            min(width, right + more), min(height, lower + more),
        )  # fmt: skip
        part = picture.crop(seen)
        levels = np.zeros((height, width), np.float32)
        levels[seen[1] : seen[3], seen[0] : seen[2]] = resized(_looked(part), *part.size)
        outside = np.ones((height, width), bool)
        outside[upper:lower, left:right] = False
        levels[outside] = 0
        return levels


def _label(labels: Sequence[str]) -> str:
    if others := [label for label in labels if _core(label) not in WORDS]:
        raise UsageError(
            f"{NAME} finds people, who are called {LABEL!r} here, not {others[0]!r}: the model "
            "cut-out finds any word"
        )
    return labels[0] if labels else LABEL


def _core(label: str) -> str:
    word = label.casefold().strip()
    return word.removeprefix("a ").removeprefix("the ")


def _size(levels: Levels, place: Place | None) -> float:
    left, upper, right, lower = place or (0.0, 0.0, 1.0, 1.0)
    return levels.size * (right - left) * (lower - upper)


def _looked(picture: PIL.Image.Image) -> Levels:
    """What the model says of a picture, shape (SIDE, SIDE)."""
    small = picture.resize((SIDE, SIDE), PIL.Image.Resampling.BILINEAR)
    pixels = np.asarray(small, np.float32)[None] / 255
    with LOADED.using(("segmenter", NAME), _load, BYTES) as model:
        # A request of its own: several threads may look at once.
        levels = model.create_infer_request().infer([pixels])[0]
        return np.array(levels[0, :, :, 0], np.float32)


def _load() -> Any:
    from sensorium.tasks.masks.tfjs import compiled

    return compiled(folder_of(NAME) / "selfie.json")
