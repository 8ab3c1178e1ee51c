"""Detectors of what they were trained to find, with weights of packages: COCO's kinds, faces."""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.metadata import version
from importlib.util import find_spec
from threading import Lock
from typing import Any

import numpy as np
import PIL.Image

from sensorium.errors import EncoderError, MissingExtraError
from sensorium.media.pictures.tiles import tile_boxes
from sensorium.tasks.boxes import coco
from sensorium.tasks.boxes.found import Found, one_of_each
from sensorium.tasks.boxes.overlap import WHOLE
from sensorium.tasks.loaded import LOADED
from sensorium.tasks.origin import Origin
from sensorium.tasks.weights import WEIGHTS, folder_of

_COMPUTING = Lock()
"""A net of OpenCV, and a detector of dlib, holds what it computes: one thread at a time."""


class CocoDetector:
    """SSD with MobileNetV2 on COCO's 80 kinds (Liu et al., "SSD", ECCV 2016), through OpenCV.

    Raises
    ------
    MissingExtraError
        When OpenCV is not installed. Weights that were not fetched are missed by `find`.
    """

    SIDE = 300
    """Pixels of the square that it sees, whatever a picture's shape."""

    min_side = 600
    least = 0.5

    def __init__(self) -> None:
        if find_spec("cv2") is None:
            raise MissingExtraError("opencv-python-headless", "detect")
        self.origin: Origin = WEIGHTS["ssd-coco"].origin

    def unknown(self, labels: Sequence[str]) -> list[str]:
        """See `Finder`."""
        return [label for label in labels if coco.known_name(label) is None]

    def find(
        self, picture: PIL.Image.Image, labels: Sequence[str] | None, least: float
    ) -> list[Found]:
        """See `Finder`; a long picture is seen in tiles, too."""
        names = {
            name: label
            for label in (coco.KNOWN if labels is None else labels)
            if (name := coco.known_name(label)) is not None
        }
        width, height = picture.size
        parts = [WHOLE] + [
            (left / width, upper / height, right / width, lower / height)
            for left, upper, right, lower in tile_boxes(width, height)
        ]
        found: list[Found] = []
        with LOADED.using("ssd-coco", self._load, 80 << 20) as net:
            for part in parts:
                found += self._in_part(net, picture, part, names, least)
        return one_of_each(found) if len(parts) > 1 else found

    def _in_part(
        self, net: Any, picture: PIL.Image.Image, part: tuple[float, float, float, float],
        names: dict[str, str], least: float,
    ) -> list[Found]:  # fmt: skip
        width, height = picture.size
        edges = (part[0] * width, part[1] * height, part[2] * width, part[3] * height)
        square = picture.resize(
            (self.SIDE, self.SIDE), PIL.Image.Resampling.BILINEAR, edges, reducing_gap=2.0
        )
        # Shape (1, 3, height, width), levels from 0 to 255: the graph scales them itself.
        pixels = np.ascontiguousarray(np.asarray(square, np.float32).transpose(2, 0, 1)[None])
        with _COMPUTING:
            net.setInput(pixels)
            rows = net.forward()[0, 0].tolist()
        found = []
        across, down = part[2] - part[0], part[3] - part[1]
        for _, number, probability, *box in rows:
            name = coco.NAMES[int(number) - 1] if 1 <= number <= len(coco.NAMES) else ""
            left, upper, right, lower = np.clip(box, 0, 1).tolist()
            if probability >= least and name in names and right > left and lower > upper:
                place = (
                    part[0] + left * across, part[1] + upper * down,
                    part[0] + right * across, part[1] + lower * down,
                )  # fmt: skip
                found.append(Found(names[name], min(1.0, probability), place, self.origin))
        return found

    def _load(self) -> Any:
        import cv2

        folder = folder_of("ssd-coco")
        try:
            return cv2.dnn.readNetFromTensorflow(str(folder / "ssd.pb"), str(folder / "ssd.pbtxt"))
        except cv2.error as error:
            raise EncoderError(f"OpenCV cannot read the weights of ssd-coco: {error}") from error


class FaceDetector:
    """Faces, by dlib: its network (King, "Max-Margin Object Detection", 2015), or its older rule.

    Parameters
    ----------
    quick : bool
        Whether by gradients (HOG), which needs no weights and a tenth of the time, and finds fewer.

    Raises
    ------
    MissingExtraError, EncoderError
        When dlib is not installed, or the weights were not fetched.
    """

    LABEL = "face"
    NAMES = ("face", "faces", "human face", "脸", "人脸")

    LONGEST = 800
    """Pixels of the longer side that the network is given; the time grows with its square, and
    faces of less than a tenth of it are missed."""

    LONGEST_QUICK = 1200

    LEAST = 40
    """Pixels of the shorter side in which no face fits; the network fails on less than some ten."""

    HALF = 0.0
    """dlib's score at which a face is as likely as not: its own threshold."""

    min_side = 1200
    least = 0.5

    def __init__(self, quick: bool = False) -> None:
        if find_spec("dlib") is None:
            raise MissingExtraError("dlib-bin", "faces")
        self._quick = quick
        self._folder = None if quick else folder_of("faces")
        self.origin: Origin = (
            Origin("quick-faces", version("dlib-bin"), "rule") if quick else WEIGHTS["faces"].origin
        )

    def unknown(self, labels: Sequence[str]) -> list[str]:
        """See `Finder`."""
        return [label for label in labels if label.casefold() not in self.NAMES]

    def find(
        self, picture: PIL.Image.Image, labels: Sequence[str] | None, least: float
    ) -> list[Found]:
        """See `Finder`."""
        wanted = [self.LABEL] if labels is None else labels
        share = (self.LONGEST_QUICK if self._quick else self.LONGEST) / max(picture.size)
        size = tuple(max(1, round(side * share)) for side in picture.size)
        if min(size) < self.LEAST:
            return []
        pixels = np.asarray(picture.resize((size[0], size[1]), PIL.Image.Resampling.BILINEAR))
        key = "quick-faces" if self._quick else "faces"
        with LOADED.using(key, self._load, 4 << 20) as model, _COMPUTING:
            if self._quick:
                places, scores, _ = model.run(pixels, 0, self.HALF)
                rows = [*zip(places, scores, strict=True)]
            else:
                rows = [(one.rect, one.confidence) for one in model(pixels, 0)]
        found = []
        for place, score in rows:
            # Both scores are distances to a plane; a sigmoid brings them into 0 to 1 by rank.
            probability = 1 / (1 + math.exp(-4 * (score - self.HALF)))
            edges = np.array([place.left(), place.top(), place.right() + 1, place.bottom() + 1])
            left, upper, right, lower = np.clip(edges / (*size, *size), 0, 1).tolist()
            if probability >= least and right > left and lower > upper:
                box = (left, upper, right, lower)
                found += [Found(label, probability, box, self.origin) for label in wanted]
        return sorted(found, key=lambda one: -one.probability)

    def _load(self) -> Any:
        import dlib

        if self._folder is None:
            return dlib.get_frontal_face_detector()
        return dlib.cnn_face_detection_model_v1(str(self._folder / "detector.dat"))
