"""Boxes for any word: regions of a picture, each judged by an encoder as a picture of its own.

Regions come from `regions.proposals`, which knows no kinds of things. The encoder sees each with a
little around it, and `yes_no` says how likely a label is right of it, beside what pictures and
words are in general. A thing is told once, by the region that shows it best.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import PIL.Image

from sensorium.encoders import Encoder
from sensorium.encoders.ordinary import label_vectors, ordinary_media, ordinary_words
from sensorium.errors import UsageError
from sensorium.media import Image, Modality
from sensorium.tasks.asked import encoder_of_both
from sensorium.tasks.boxes.found import Found
from sensorium.tasks.boxes.overlap import Boxes, areas, best_apart, shared_areas
from sensorium.tasks.boxes.regions import Proposals, proposals
from sensorium.tasks.origin import Origin
from sensorium.tasks.yes_no import require_judgeable, scores

REGIONS = 100
"""Of a picture, at most; each costs the encoder as much as a picture does."""

AROUND = 0.1
"""Of a region's width and height, what is seen beyond each edge: an outline tells a thing."""

LABEL = 0.529
CUES = (2.372, 0.185)
SIZE = (-1.439, -0.263)
BIAS = -6.489
"""Log odds = LABEL * the label's score (see `yes_no`) + CUES * `Proposals.cues` + SIZE * the log of
the region's share of the picture, and of its square + BIAS.

Fitted by `python -m benchmarks detection --fit` on composites of the validation split, at even odds
that the label is on the picture at all."""

LIKELY_THING = (2.5, 2.5, -3.3, -0.35)
"""Weights of the cues, the usual log of the share, and how fast others fall off: which regions are
looked at first, whatever is sought."""

SAME = 0.3
"""Intersection over union from which on two boxes of one label are one thing."""

INSIDE = 0.8
"""Share of a box that lies in a more probable one of its label, or has that in it, from which on
one is a part of the other."""


class WordsDetector:
    """Finds whatever an encoder has words for.

    Parameters
    ----------
    encoder : str or Encoder
        Of pictures and texts.

    Raises
    ------
    EncoderError
        When its space does not hold both.
    """

    min_side = 800
    least = 0.5

    def __init__(self, encoder: str | Encoder = "mini") -> None:
        self.encoder = encoder_of_both(encoder, "boxes for words")
        self.origin = Origin(
            f"words by {self.encoder.name}", self.encoder.space.fingerprint, "encoder"
        )
        self._known: tuple[tuple[str, ...], npt.NDArray[np.float32]] | None = None

    def unknown(self, labels: Sequence[str]) -> list[str]:
        """See `Finder`."""
        return []

    def find(
        self, picture: PIL.Image.Image, labels: Sequence[str] | None, least: float
    ) -> list[Found]:
        """See `Finder`.

        Raises
        ------
        UsageError
            Without labels, and for those that say what something is not.
        """
        if not labels:
            raise UsageError("regions are found by words: give labels")
        require_judgeable(labels)
        regions = likely_things(proposals(picture), REGIONS)
        if not len(regions):
            return []
        asked = self._asked(tuple(labels))
        vectors = region_vectors(self.encoder, picture, regions.boxes)
        chances = self.judged(regions, vectors, asked)
        found = []
        for label, chance in zip(labels, chances.T, strict=True):
            rows = np.flatnonzero(chance >= least)
            for row in rows[one_of_each_thing(regions.boxes[rows], chance[rows])]:
                left, upper, right, lower = regions.boxes[row].tolist()
                place = (left, upper, right, lower)
                found.append(Found(label, float(chance[row]), place, self.origin))
        return sorted(found, key=lambda one: -one.probability)

    def _asked(self, labels: tuple[str, ...]) -> npt.NDArray[np.float32]:
        """Vectors of labels; of many pictures the same are sought."""
        known = self._known
        if known is None or known[0] != labels:
            known = labels, label_vectors(self.encoder, labels, self.encoder.prompts)
            self._known = known
        return known[1]

    def judged(
        self, regions: Proposals, vectors: npt.NDArray[np.float32], asked: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float64]:
        """How likely each region is a thing of each label, shape (regions, labels).

        Parameters
        ----------
        regions : Proposals
        vectors, asked : ndarray of float32, shapes (regions, d) and (labels, d)
            Of what is seen in them, and of the labels.
        """
        own = self.scores(vectors, asked)
        logits = LABEL * own + (evidence(regions) @ (*CUES, *SIZE))[:, None] + BIAS
        return np.asarray(0.5 + 0.5 * np.tanh(logits / 2))

    def scores(
        self, vectors: npt.NDArray[np.float32], asked: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float64]:
        """How far each label stands out from ordinary words; see `yes_no.scores`."""
        words = ordinary_words(self.encoder, self.encoder.prompts)
        own, _ = scores(asked, vectors, words, ordinary_media(self.encoder, Modality.IMAGE))
        return np.nan_to_num(own)


def evidence(regions: Proposals) -> npt.NDArray[np.float64]:
    """What says that regions are things, whatever they show, shape (n, 4)."""
    other, whole, share = regions.cues.T
    return np.stack([other, whole, share, share**2], axis=1)


def likely_things(regions: Proposals, most: int) -> Proposals:
    """The regions that look most like things, at most so many."""
    other, whole, share = regions.cues.T
    first, second, usual, falls = LIKELY_THING
    likely = first * other + second * whole + falls * (share - usual) ** 2
    return regions[np.argsort(-likely, kind="stable")[:most]]


def region_vectors(
    encoder: Encoder, picture: PIL.Image.Image, boxes: Boxes, around: float = AROUND
) -> npt.NDArray[np.float32]:
    """Vectors of what is in boxes, with a little around it, shape (n, d)."""
    size = np.array([*picture.size, *picture.size])
    sides = np.tile(boxes[:, 2:] - boxes[:, :2], 2) * around * np.array([-1, -1, 1, 1])
    edges = np.round(np.clip(boxes + sides, 0, 1) * size).astype(int)
    edges[:, 2:] = np.maximum(edges[:, 2:], edges[:, :2] + 1)
    return encoder.encode([Image(np.asarray(picture.crop(tuple(box)))) for box in edges.tolist()])


def one_of_each_thing(boxes: Boxes, chances: npt.NDArray[np.floating]) -> list[int]:
    """Rows of boxes of one label that are different things, the most likely first."""
    kept: list[int] = []
    sizes = areas(boxes)
    for row in best_apart(boxes, chances, SAME).tolist():
        shared = shared_areas(boxes[[row]], boxes[kept])[0]
        if not (shared > INSIDE * np.minimum(sizes[row], sizes[kept])).any():
            kept.append(row)
    return kept
