"""Masks for any word: things are cut out first, then an encoder judges each without its ground.

An encoder that sees a box sees the ground beside a thing, too, and of a small thing little else.
So the regions that look most like things (`boxes.regions`) are cut out, whatever is sought, and
each is shown to the encoder alone, on plain grounds (Xu et al., "A Simple Baseline for
Open-Vocabulary Semantic Segmentation with Pre-trained Vision-language Model", ECCV 2022). Any
encoder of pictures and texts will do: all that it is asked for are vectors of pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt
import PIL.Image

from sensorium.encoders import Encoder
from sensorium.encoders.ordinary import label_vectors
from sensorium.errors import MissingExtraError, UsageError
from sensorium.media import Image
from sensorium.tasks.boxes.overlap import areas
from sensorium.tasks.boxes.regions import Proposals, proposals
from sensorium.tasks.boxes.words import (
    AROUND,
    WordsDetector,
    evidence,
    likely_things,
    one_of_each_thing,
)
from sensorium.tasks.masks.cutting_out import cut_out
from sensorium.tasks.masks.runs import INSIDE, Asked, FoundMask, Pixels, Place, apart
from sensorium.tasks.origin import Origin
from sensorium.tasks.yes_no import require_judgeable

REGIONS = 100
"""Of a picture, at most; each is cut out, and seen by the encoder. On 16 composites of the
validation split the best of them has an overlap of 0.75 with a label, the best of 60 0.65, of 40
0.58."""

LONGEST = 640
"""Pixels of the longer side of what is judged; what is told is cut anew from the whole picture,
beginning with what was judged."""

SIDE = 96
"""Pixels of the longer side of a cut that is judged: a seventh of the time of one that is told."""

GROUNDS = (255, 128)
"""Levels of the plain grounds that a thing is seen on: what is white is lost on one of them. The
lower score counts: what a thing is called does not depend on its ground."""

NAMES = ("LABEL", "CUES, first", "CUES, second", "SIZE, first", "SIZE, second", "FILLED")
WEIGHTS = (0.987, 2.712, 0.276, -1.392, -0.279, -2.586)
BIAS = -6.146
"""Log odds = WEIGHTS * what `evidence_of` gives + BIAS.

Fitted by `python -m benchmarks segmentation --fit` on composites of the validation split, at even
odds that the label is on the picture at all."""

LEAST = 0.2
"""Probability from which on masks are told: there the mean of overlap with what is on a picture and
of how often nothing is told of what is not is highest, on the same composites, each fifth judged by
what was fitted on the others (0.17 and 94%). With 0.1 it is 0.24 and 77%, with 0.3 0.08 and 98%."""


@dataclass(frozen=True)
class Cut:
    """Regions of a picture, cut out.

    Attributes
    ----------
    regions : Proposals
        The most likely thing first.
    masks : ndarray of bool, shape (regions, height, width)
        Of the whole picture.
    pixels : ndarray of uint8, shape (height, width, 3)
    """

    regions: Proposals
    masks: npt.NDArray[np.bool_]
    pixels: npt.NDArray[np.uint8]

    def alone(self, row: int, level: int) -> Image:
        """One of them on a plain ground of a level."""
        return Image(_on_ground(self.pixels, self.masks[row], _place(self.regions, row), level))


class WordMasks:
    """Finds whatever an encoder has words for.

    Parameters
    ----------
    encoder : str or Encoder
        Of pictures and texts.

    Raises
    ------
    EncoderError
        When its space does not hold both.
    MissingExtraError
        When OpenCV is not installed.
    """

    name = "words"
    takes = frozenset(("labels",))
    least = LEAST
    min_side = 800
    kinds: tuple[str, ...] = ()
    least_box: float | None = None

    def __init__(self, encoder: str | Encoder = "mini") -> None:
        if find_spec("cv2") is None:
            raise MissingExtraError("cv2", "detect")
        self._judge = WordsDetector(encoder)

    @property
    def origin(self) -> Origin:
        """The encoder."""
        return self._judge.origin

    @property
    def encoder(self) -> Encoder:
        """Of pictures and texts."""
        return self._judge.encoder

    def find(self, picture: PIL.Image.Image, asked: Asked, least: float) -> list[FoundMask]:
        """See `MaskFinder.find`.

        Raises
        ------
        UsageError
            Without labels, and for those that say what something is not.
        """
        if not asked.labels:
            raise UsageError(f"{self.name} finds masks by words: give labels")
        require_judgeable(asked.labels)
        cut = cut_regions(picture)
        if not len(cut.regions):
            return []
        labels = label_vectors(self.encoder, asked.labels, self.encoder.prompts)
        found = []
        for label, chances in zip(asked.labels, self._chances(cut, labels, least), strict=True):
            rows = np.flatnonzero(chances >= least)
            for row in rows[one_of_each_thing(cut.regions.boxes[rows], chances[rows])]:
                judged = cut.masks[row].astype(np.float32)
                levels = cut_out(picture, _place(cut.regions, row), judged)
                found.append(FoundMask(label, float(chances[row]), levels, self.origin))
        return apart(sorted(found, key=lambda one: -one.probability))

    def _chances(
        self, cut: Cut, labels: npt.NDArray[np.float32], least: float
    ) -> npt.NDArray[np.float64]:
        """How likely each region is a thing of each label, shape (labels, regions).

        What is too unlikely on the first ground is not seen on others, which could but lower it.
        """
        rows = np.arange(len(cut.regions))
        scores = np.full((len(labels), len(rows)), np.inf)
        for level in GROUNDS:
            if len(rows):
                own = self.scores(cut, rows, level, labels)
                scores[:, rows] = np.minimum(scores[:, rows], own)
            logits = evidence_of(cut, scores) @ WEIGHTS + BIAS
            chances = np.asarray(0.5 + 0.5 * np.tanh(logits / 2))
            rows = np.flatnonzero((chances >= least).any(axis=0))
        return chances

    def scores(
        self, cut: Cut, rows: npt.NDArray[np.intp], level: int, labels: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float64]:
        """How far labels stand out of what regions show on a ground, shape (labels, rows).

        Parameters
        ----------
        cut : Cut
        rows : ndarray of int
            Which regions.
        level : int
            Of the ground.
        labels : ndarray of float32, shape (labels, d)
        """
        vectors = self.encoder.encode([cut.alone(row, level) for row in rows.tolist()])
        return self._judge.scores(vectors, labels).T


def cut_regions(picture: PIL.Image.Image) -> Cut:
    """Cut out what looks most like things, whatever is sought; the same for the same picture."""
    share = min(1.0, LONGEST / max(picture.size))
    size = (max(1, round(picture.width * share)), max(1, round(picture.height * share)))
    small = picture.resize(size, PIL.Image.Resampling.BOX) if share < 1 else picture
    regions = likely_things(proposals(small), REGIONS)
    masks = np.zeros((len(regions), *size[::-1]), bool)
    for row, mask in enumerate(masks):
        mask[:] = cut_out(small, _place(regions, row), side=SIDE) >= INSIDE
    return Cut(regions, masks, np.asarray(small))


def evidence_of(cut: Cut, scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """What says that regions are things of labels, shape (labels, regions, len(NAMES)).

    Parameters
    ----------
    cut : Cut
    scores : ndarray of float64, shape (labels, regions)
        Of the labels, the lowest over grounds.
    """
    filled = cut.masks.mean(axis=(1, 2)) / areas(cut.regions.boxes)
    same = np.column_stack([evidence(cut.regions), filled])
    every = np.broadcast_to(same, (len(scores), *same.shape))
    return np.concatenate([scores[:, :, None], every], axis=2)


def _place(regions: Proposals, row: int) -> Place:
    left, upper, right, lower = regions.boxes[row].tolist()
    return (left, upper, right, lower)


def _on_ground(
    pixels: npt.NDArray[np.uint8], mask: Pixels, place: Place, level: int
) -> npt.NDArray[np.uint8]:
    """What belongs to a mask in the middle of a plain square, shape (side, side, 3).

    A square, as some encoders see no more than the middle of other shapes.
    """
    height, width = mask.shape
    left, upper, right, lower = place
    x, y = AROUND * (right - left), AROUND * (lower - upper)
    seen = np.s_[
        max(0, round((upper - y) * height)) : max(1, round((lower + y) * height)),
        max(0, round((left - x) * width)) : max(1, round((right + x) * width)),
    ]
    part = np.where(mask[seen][:, :, None], pixels[seen], np.uint8(level))
    down, across, _ = part.shape
    side = max(down, across)
    square = np.full((side, side, 3), level, np.uint8)
    top, start = (side - down) // 2, (side - across) // 2
    square[top : top + down, start : start + across] = part
    return square
