"""Where things are in pictures: boxes with labels, by detectors of kinds or of any word."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import PIL.Image

from sensorium.data.sources import picture_of
from sensorium.encoders import Encoder
from sensorium.encoders.naming import require_known
from sensorium.errors import MediaError, UsageError
from sensorium.media import Image
from sensorium.media.progress import Progress
from sensorium.tasks.asked import labels_of, listed
from sensorium.tasks.boxes.found import Finder, Found
from sensorium.tasks.origin import Origin

DEFAULT_MODEL = "ssd-coco"

OWN_MODELS = ("ssd-coco", "faces", "quick-faces", "words")
"""Names of ours; "words" takes any, by regions and an encoder."""


@dataclass(frozen=True)
class Box:
    """One thing in a picture.

    Attributes
    ----------
    label : str
        As it was asked for, or the model's own.
    probability : float
        How sure the model is, from 0 to 1. Only numbers of one model compare with each other.
    box : tuple of float
        Left edge, upper edge, width and height, in pixels of the picture as it is shown.
    origin : Origin
        The model that found it.
    """

    label: str
    probability: float
    box: tuple[float, float, float, float]
    origin: Origin


@dataclass(frozen=True)
class Detection:
    """What was found in a picture.

    Attributes
    ----------
    path : str
        As it was given; of what is no file, what errors call it.
    width, height : int
        Pixels, as shown.
    boxes : tuple of Box
        The most probable first.
    error : str
        Why the picture could not be read; empty of one that could.
    """

    path: str
    width: int = 0
    height: int = 0
    boxes: tuple[Box, ...] = ()
    error: str = ""


class Detector:
    """Finds things in pictures.

    Parameters
    ----------
    finder : Finder
        The model.
    encoder : str or Encoder
        Of pictures and texts: finds what the model has no label for.
    """

    def __init__(self, finder: Finder, encoder: str | Encoder = "mini") -> None:
        self._finder = finder
        self._encoder = encoder
        self._by_words: Finder | None = finder if _takes_any(finder) else None

    @property
    def origin(self) -> Origin:
        """The model."""
        return self._finder.origin

    def detect(
        self,
        pictures: Any,
        labels: Sequence[str] | str | None = None,
        *,
        least: float | None = None,
        progress: Progress | None = None,
    ) -> list[Detection]:
        """Find things in pictures.

        Parameters
        ----------
        pictures : path, Image, array, or iterable of these
        labels : sequence of str, or str, optional
            What is sought: words, or one text with commas between them. Labels that the model does
            not know are looked for by regions and the encoder; `Box.origin` says so. Without any,
            all that the model knows.
        least : float, optional
            Probability that boxes have at least, from 0 to 1; without, each model's own.
        progress : callable, optional
            Called with (done, total).

        Returns
        -------
        list of Detection
            In the order given. One that cannot be read has its `error` instead of boxes.

        Raises
        ------
        UsageError
            For a probability outside of 0 to 1, empty labels, and none for what needs some.
        """
        given = listed(pictures)
        done = []
        for one in self.detect_each(given, labels, least=least):
            done.append(one)
            if progress is not None:
                progress(len(done), len(given))
        return done

    def detect_each(
        self,
        pictures: Iterable[Any],
        labels: Sequence[str] | str | None = None,
        *,
        least: float | None = None,
    ) -> Iterator[Detection]:
        """Find things in one picture after the other; see `detect`.

        Yields
        ------
        Detection
            Of each, when it was looked at; wrong arguments are told at the call.
        """
        wanted = labels_of(labels)
        if least is not None and not 0 <= least <= 1:
            raise UsageError(f"a probability is from 0 to 1, got {least}")
        return (self._detect(source, wanted, least) for source in pictures)

    def _detect(self, source: Any, labels: list[str] | None, least: float | None) -> Detection:
        path = os.fspath(source) if isinstance(source, (str, os.PathLike)) else ""
        try:
            image = picture_of(source)
            path = path or image.name
            width, height = image.shown_size()
            picture = image.load(min_side=self._finder.min_side)
        except MediaError as error:
            return Detection(path, error=error.reason)
        found = self.find(picture, labels, least)
        return Detection(path, width, height, tuple(_in_pixels(f, width, height) for f in found))

    def unknown(self, labels: Sequence[str]) -> list[str]:
        """Those of some labels that the model has no name for."""
        return self._finder.unknown(labels)

    def find(
        self, picture: PIL.Image.Image, labels: Sequence[str] | None, least: float | None = None
    ) -> list[Found]:
        """Find things in an upright RGB picture; boxes are shares of its width and height."""
        finder = self._finder
        if labels is None:
            return _found(finder, picture, None, least)
        unknown = finder.unknown(labels)
        known = [label for label in labels if label not in unknown]
        found = _found(finder, picture, known, least) if known else []
        if unknown:
            found += _found(self._any_word(), picture, unknown, least)
        return sorted(found, key=lambda one: -one.probability)

    def _any_word(self) -> Finder:
        if self._by_words is None:
            from sensorium.tasks.boxes.words import WordsDetector

            self._by_words = WordsDetector(self._encoder)
        return self._by_words


def load_detector(
    name: str | os.PathLike[str] = DEFAULT_MODEL, *, encoder: str | Encoder = "mini"
) -> Detector:
    """Load a detector.

    Parameters
    ----------
    name : str or Path
        "ssd-coco" (80 kinds of things), "faces", "words" (any word, by regions and an encoder); a
        hub id, or a folder in the format of Transformers: OWLv2, Grounding DINO, DETR.
    encoder : str or Encoder
        Of pictures and texts: finds what the model has no label for.

    Raises
    ------
    NotAtHandError
        When the model is not on this machine; it says its size and how to get it.
    UnknownModelError
        When there is none of that name; it lists those that there are.
    MissingExtraError
        When what runs it is not installed.
    """
    name = os.fspath(name)
    if name == "words":
        from sensorium.tasks.boxes.words import WordsDetector

        return Detector(WordsDetector(encoder), encoder)
    if name in OWN_MODELS:
        from sensorium.tasks.boxes.known import CocoDetector, FaceDetector
        from sensorium.tasks.weights import folder_of

        if name == "ssd-coco":
            folder_of(name)  # says what is missing
        known = CocoDetector() if name == "ssd-coco" else FaceDetector(quick=name == "quick-faces")
        return Detector(known, encoder)
    require_known(name, OWN_MODELS, "detector")
    from sensorium.tasks.boxes.hub import HubDetector

    return Detector(HubDetector(name), encoder)


def drawn(
    image: Image, detection: Detection, colours: Mapping[str, tuple[int, int, int]] | None = None
) -> PIL.Image.Image:
    """A picture with what was found on it.

    Parameters
    ----------
    image : Image
    detection : Detection
        Of this picture.
    colours : mapping of str to (red, green, blue), optional
        Of labels, so that several pictures agree.
    """
    from sensorium.tasks.drawing import LONGEST, canvas_of, colours_of, draw_boxes

    canvas = canvas_of(image.load(min_side=LONGEST))
    colours = colours or colours_of(box.label for box in detection.boxes)
    size = (detection.width, detection.height)
    draw_boxes(
        canvas,
        [_as_shares(box.box, size) for box in detection.boxes],
        [f"{box.label} {box.probability:.2f}" for box in detection.boxes],
        [colours[box.label] for box in detection.boxes],
    )
    return canvas


def _as_shares(
    box: tuple[float, float, float, float], size: tuple[int, int]
) -> tuple[float, float, float, float]:
    x, y, across, down = box
    width, height = size
    return (x / width, y / height, (x + across) / width, (y + down) / height)


def _found(
    finder: Finder, picture: PIL.Image.Image, labels: Sequence[str] | None, least: float | None
) -> list[Found]:
    return finder.find(picture, labels, finder.least if least is None else least)


def _takes_any(finder: Finder) -> bool:
    return not finder.unknown(["\0"])


def _in_pixels(found: Found, width: int, height: int) -> Box:
    left, upper, right, lower = found.box
    edges = (
        left * width, upper * height, (right - left) * width, (lower - upper) * height,
    )  # fmt: skip
    x, y, across, down = (round(edge, 2) for edge in edges)
    return Box(found.label, round(found.probability, 4), (x, y, across, down), found.origin)
