"""What belongs to things in pictures, pixel by pixel.

By models that know kinds of things, take words, or are shown where a thing is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import PIL.Image

from sensorium.data.sources import picture_of
from sensorium.encoders import Encoder
from sensorium.encoders.naming import require_known
from sensorium.errors import MediaError, UsageError
from sensorium.media.progress import Progress
from sensorium.tasks.asked import labels_of, listed
from sensorium.tasks.masks.runs import (
    INSIDE,
    Asked,
    FoundMask,
    MaskFinder,
    Pixels,
    apart,
    extent,
    mask_of,
    packed,
    resized,
    runs_of,
    unpacked,
)
from sensorium.tasks.origin import Origin

if TYPE_CHECKING:
    from sensorium.tasks.detection import Detector

DEFAULT_MODEL = "cut-out"

DETECTORS = {"cut-out": "ssd-coco", "person-mask": "ssd-coco"}
"""Our models, and what finds boxes for each where nobody says otherwise: kinds of things that SSD
knows. Masks for every other word are those of `sensorium.tasks.masks.words`."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Mask:
    """One thing in a picture.

    Attributes
    ----------
    label : str
        As it was asked for, or the model's own; empty where no model named it.
    probability : float
        How sure the model is, from 0 to 1. Only numbers of one model compare with each other.
    area : int
        Pixels.
    box : tuple of int
        Left edge, upper edge, width and height of the smallest box around it, in pixels.
    size : tuple of int
        Height and width of the picture as it is shown: as COCO has them.
    counts : str
        The mask as run lengths, in the letters of COCO (`sensorium.tasks.masks.runs.packed`).
    origin : Origin
        The model that made it.
    found_by : Origin, optional
        The detector that found and named the thing; `probability` is its.
    """

    label: str
    probability: float
    area: int
    box: tuple[int, int, int, int]
    size: tuple[int, int]
    counts: str
    origin: Origin
    found_by: Origin | None = None

    @property
    def pixels(self) -> Pixels:
        """Which pixels belong to it, of the picture as it is shown: bool, (height, width)."""
        height, width = self.size
        return mask_of(unpacked(self.counts), width, height)


@dataclass(frozen=True)
class Segmentation:
    """The masks of a picture.

    Attributes
    ----------
    path : str
        As it was given; of what is no file, what errors call it.
    width, height : int
        Pixels, as shown.
    masks : tuple of Mask
        The most probable first; none where nothing was found.
    error : str
        Why the picture could not be read; empty of one that could.
    """

    path: str
    width: int = 0
    height: int = 0
    masks: tuple[Mask, ...] = ()
    error: str = ""


class Segmenter:
    """Finds masks of things in pictures.

    Parameters
    ----------
    finder : MaskFinder
        The model.
    detector : Detector, optional
        Finds boxes for labels; the model then makes a mask of what each holds.
    encoder : str or Encoder, optional
        Of pictures and texts: finds what the detector has no label for, see
        `sensorium.tasks.masks.words`. Without it, that is left to the detector.
    """

    def __init__(
        self,
        finder: MaskFinder,
        detector: Detector | None = None,
        encoder: str | Encoder | None = None,
    ) -> None:
        if detector is not None and "boxes" not in finder.takes:
            raise UsageError(f"{finder.name} takes no boxes: leave out the detector")
        self._finder = finder
        self._detector = detector
        self._encoder = encoder
        self._by_words: MaskFinder | None = None

    @property
    def origin(self) -> Origin:
        """The model."""
        return self._finder.origin

    def segment(
        self,
        pictures: Any,
        labels: Sequence[str] | str | None = None,
        *,
        points: Sequence[Sequence[Point]] | None = None,
        boxes: Sequence[tuple[float, float, float, float]] | None = None,
        least: float | None = None,
        progress: Progress | None = None,
    ) -> list[Segmentation]:
        """Find masks.

        Parameters
        ----------
        pictures : path, Image, array, or iterable of these
        labels : sequence of str, or str, optional
            What is sought: words, or one text with commas between them.
        points : sequence of sequences of (x, y), optional
            Of each thing, some places that belong to it, in pixels of the picture as it is shown.
        boxes : sequence of (left, upper, width, height), optional
            Of each thing, where it is, in pixels.
        least : float, optional
            Probability that masks have at least, from 0 to 1; without, each model's own.
        progress : callable, optional
            Called with (done, total).

        Returns
        -------
        list of Segmentation
            In the order given. One that cannot be read has its `error` instead of masks.

        Raises
        ------
        UsageError
            For what the model cannot be asked, several pictures with places that are of one, and
            places outside of it.
        """
        given = listed(pictures)
        done = []
        for one in self.segment_each(given, labels, points=points, boxes=boxes, least=least):
            done.append(one)
            if progress is not None:
                progress(len(done), len(given))
        return done

    def segment_each(
        self,
        pictures: Sequence[Any],
        labels: Sequence[str] | str | None = None,
        *,
        points: Sequence[Sequence[Point]] | None = None,
        boxes: Sequence[tuple[float, float, float, float]] | None = None,
        least: float | None = None,
    ) -> Iterator[Segmentation]:
        """Find masks in one picture after the other; see `segment`.

        Yields
        ------
        Segmentation
            Of each, when it was looked at; wrong arguments are told at the call.
        """
        wanted = tuple(labels_of(labels) or ())
        if (points or boxes) and len(pictures) != 1:
            raise UsageError(f"points and boxes are places in one picture, not in {len(pictures)}")
        if least is not None and not 0 <= least <= 1:
            raise UsageError(f"a probability is from 0 to 1, got {least}")
        self._require_takes(wanted, points, boxes)
        return (
            self._segment(source, wanted, points or (), boxes or (), least) for source in pictures
        )

    def _require_takes(self, labels: Any, points: Any, boxes: Any) -> None:
        takes, name = self._finder.takes, self._finder.name
        if labels and (points or boxes):
            raise UsageError("labels say what is sought, points and boxes where: give one of them")
        if labels and self._detector is not None:
            return
        for how, given in (("labels", labels), ("points", points), ("boxes", boxes)):
            if given and how not in takes:
                mend = ": name a detector that does" if how == "labels" else ""
                raise UsageError(f"{name} takes {' and '.join(sorted(takes))}, no {how}{mend}")

    def _segment(
        self,
        source: Any,
        labels: tuple[str, ...],
        points: Sequence[Sequence[Point]],
        boxes: Sequence[tuple[float, float, float, float]],
        least: float | None,
    ) -> Segmentation:
        path = os.fspath(source) if isinstance(source, (str, os.PathLike)) else ""
        try:
            image = picture_of(source)
            path = path or image.name
            width, height = image.shown_size()
            picture = image.load(min_side=self._finder.min_side)
        except MediaError as error:
            return Segmentation(path, error=error.reason)
        asked = Asked(
            labels,
            tuple(tuple(_share(point, width, height) for point in some) for some in points),
            tuple(_box_share(box, width, height) for box in boxes),
        )
        by_detector = not points and not boxes and self._detector is not None
        find = self._detected if by_detector else self._found
        masks = (_told(one, by, width, height) for one, by in find(picture, asked, least))
        return Segmentation(path, width, height, tuple(mask for mask in masks if mask.area))

    def _found(
        self, picture: PIL.Image.Image, asked: Asked, least: float | None
    ) -> list[tuple[FoundMask, Origin | None]]:
        return _found_by(self._finder, picture, asked, least)

    def _detected(
        self, picture: PIL.Image.Image, asked: Asked, least: float | None
    ) -> list[tuple[FoundMask, Origin | None]]:
        """Masks of what the detector found, with its names and probabilities; others by words."""
        assert self._detector is not None
        others = [] if self._encoder is None else self._detector.unknown(asked.labels)
        if not others:
            return self._in_boxes(picture, asked.labels or self._finder.kinds or None, least)
        found = _found_by(self._any_word(), picture, Asked(tuple(others)), least)
        if kinds := [label for label in asked.labels if label not in others]:
            found += self._in_boxes(picture, kinds, least)
        return sorted(found, key=lambda pair: -pair[0].probability)

    def _any_word(self) -> MaskFinder:
        if self._by_words is None:
            assert self._encoder is not None
            from sensorium.tasks.masks.words import WordMasks

            self._by_words = WordMasks(self._encoder)
        return self._by_words

    def _in_boxes(
        self, picture: PIL.Image.Image, kinds: Sequence[str] | None, least: float | None
    ) -> list[tuple[FoundMask, Origin | None]]:
        assert self._detector is not None
        least = self._finder.least_box if least is None else least
        boxes = self._detector.find(picture, kinds, least)
        if not boxes:
            return []
        found = self._finder.find(picture, Asked(boxes=tuple(one.box for one in boxes)), 0)
        named = [
            one._replace(label=boxes[one.box].label, probability=boxes[one.box].probability)
            for one in found
        ]
        return [(one, boxes[one.box].origin) for one in apart(named)]


def load_segmenter(
    name: str | os.PathLike[str] = DEFAULT_MODEL,
    *,
    detector: str | os.PathLike[str] | None = None,
    encoder: str | Encoder = "mini",
) -> Segmenter:
    """Load a segmenter.

    Parameters
    ----------
    name : str or Path
        "cut-out" (what boxes hold, by its colours), "words" (any word, by an encoder),
        "person-mask" (people); a hub id, or a folder in the format of Transformers: SAM 2, CLIPSeg,
        Mask2Former and its relatives, SegFormer.
    detector : str or Path, optional
        Finds boxes for labels, see `sensorium.tasks.detection.load_detector`; "none" for none.
        Without it, what `DETECTORS` says of our models, and none of others; "cut-out" leaves words
        that its detector does not know to "words" then.
    encoder : str or Encoder
        Of pictures and texts, for "words" and what detectors do not know.

    Raises
    ------
    NotAtHandError
        When a model is not on this machine; it says its size and how to get it.
    UnknownModelError
        When there is none of that name; it lists those that there are.
    MissingExtraError
        When what runs it is not installed.
    UsageError
        For a detector of a model that takes no boxes.
    """
    name = os.fspath(name)
    finder = _finder_of(name, encoder)
    chosen = DETECTORS.get(name) if detector is None else os.fspath(detector)
    if chosen is None or chosen == "none":
        return Segmenter(finder)
    from sensorium.tasks.detection import Detector, load_detector

    if detector is not None or name != DEFAULT_MODEL:
        return Segmenter(finder, load_detector(chosen, encoder=encoder))
    from sensorium.tasks.boxes.known import CocoDetector

    # Any word but those of COCO is found without its weights: asked for, they are missed then.
    return Segmenter(finder, Detector(CocoDetector(), encoder), encoder)


def _finder_of(name: str, encoder: str | Encoder) -> MaskFinder:
    if name == "words":
        from sensorium.tasks.masks.words import WordMasks

        return WordMasks(encoder)
    if name == "cut-out":
        from sensorium.tasks.masks.cutting_out import CutOut

        return CutOut()
    if name == "person-mask":
        from sensorium.tasks.masks.people import PeopleFinder
        from sensorium.tasks.weights import folder_of

        folder_of(name)  # says what is missing
        return PeopleFinder()
    require_known(name, [*DETECTORS], "segmenter")
    from sensorium.tasks.masks.hub import hub_finder

    return hub_finder(name)


def _found_by(
    finder: MaskFinder, picture: PIL.Image.Image, asked: Asked, least: float | None
) -> list[tuple[FoundMask, Origin | None]]:
    least = finder.least if least is None else least
    return [(one, None) for one in finder.find(picture, asked, least)]


def _share(point: Point, width: int, height: int) -> Point:
    x, y = point
    if not (0 <= x < width and 0 <= y < height):
        raise UsageError(f"the point {x:g},{y:g} is outside of {width} x {height} pixels")
    return (x / width, y / height)


def _box_share(
    box: tuple[float, float, float, float], width: int, height: int
) -> tuple[float, float, float, float]:
    left, upper, across, down = box
    right, lower = min(left + across, width), min(upper + down, height)
    if not (0 <= left < right and 0 <= upper < lower):
        told = ",".join(f"{value:g}" for value in box)
        raise UsageError(
            f"the box {told} (left, upper, width, height) has nothing of {width} x {height} pixels"
        )
    return (left / width, upper / height, right / width, lower / height)


def _told(found: FoundMask, by: Origin | None, width: int, height: int) -> Mask:
    pixels = resized(found.levels, width, height) >= INSIDE
    return Mask(
        found.label, round(found.probability, 4), int(pixels.sum()), extent(pixels),
        (height, width), packed(runs_of(pixels)), found.origin, by,
    )  # fmt: skip
