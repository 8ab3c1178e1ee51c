"""A thing cut out of its ground, from no more than a box around it.

GrabCut (Rother, Kolmogorov and Blake, "GrabCut: interactive foreground extraction using iterated
graph cuts", SIGGRAPH 2004) learns two palettes, of what is outside of the box and of what inside is
unlike that, and cuts where colours change.
"""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import PIL.Image

from sensorium.errors import MissingExtraError, UsageError
from sensorium.tasks.masks.runs import Asked, FoundMask, Levels, Place, resized
from sensorium.tasks.origin import Origin

SIDE = 256
"""Pixels of the longer side of what is cut; time grows with its square."""

AROUND = 0.4
"""Of a box's longer side, the ground that is seen beyond each edge."""

ROUNDS = 3
"""Of learning palettes and cutting; later ones change little."""

LEAST_SHARE, MOST_SHARE = 0.05, 0.98
"""Of a box, what a cut-out fills: with less or more the palettes were alike, and the box is told
filled instead."""


class CutOut:
    """Cuts out what boxes hold; which ones, a detector or a person says.

    Raises
    ------
    MissingExtraError
        When OpenCV is not installed.
    """

    name = "cut-out"
    takes = frozenset(("boxes",))
    least = 0.0
    min_side = 800
    kinds: tuple[str, ...] = ()
    least_box: float | None = None
    origin = Origin("cut-out", "", "rule")

    def __init__(self) -> None:
        if find_spec("cv2") is None:
            raise MissingExtraError("cv2", "detect")

    def find(self, picture: PIL.Image.Image, asked: Asked, least: float) -> list[FoundMask]:
        """See `MaskFinder.find`; nothing was judged, so that each probability is 1.

        Raises
        ------
        UsageError
            Without boxes.
        """
        if not asked.boxes:
            raise UsageError("cut-out needs boxes, or labels that a detector finds boxes for")
        return [
            FoundMask("", 1.0, cut_out(picture, place), self.origin, number)
            for number, place in enumerate(asked.boxes)
        ]


def cut_out(
    picture: PIL.Image.Image, place: Place, likely: Levels | None = None, side: int = SIDE
) -> Levels:
    """Cut out what a box holds.

    Parameters
    ----------
    picture : PIL.Image.Image
        RGB.
    place : (left, upper, right, lower)
        As shares of its width and height.
    likely : ndarray of float32, shape (h, w), optional
        How likely each part of the picture belongs to the thing, in any resolution: where it is
        above its mean within the box, the first palette is learnt. Without it, from the whole box.
    side : int
        Pixels of the longer side of what is cut.

    Returns
    -------
    ndarray of float32, shape (height, width)
        1 inside of the thing, 0 outside, of the whole picture.
    """
    import cv2

    width, height = picture.size
    left, upper, right, lower = (
        round(edge * side) for edge, side in zip(place, (width, height) * 2, strict=True)
    )
    right, lower = max(right, left + 1), max(lower, upper + 1)
    more = AROUND * max(right - left, lower - upper)
    seen = (
        max(0, round(left - more)), max(0, round(upper - more)),
        min(width, round(right + more)), min(height, round(lower + more)),
    )  # fmt: skip
    across, down = seen[2] - seen[0], seen[3] - seen[1]
    scale = min(1.0, side / max(across, down))
    size = (max(1, round(across * scale)), max(1, round(down * scale)))
    part = picture.crop(seen).resize(size, PIL.Image.Resampling.BOX)
    x, y = round((left - seen[0]) * scale), round((upper - seen[1]) * scale)
    w = max(1, min(size[0] - x, round((right - left) * scale)))
    h = max(1, min(size[1] - y, round((lower - upper) * scale)))
    marks = np.full((size[1], size[0]), cv2.GC_BGD, np.uint8)
    inside = marks[y : y + h, x : x + w]
    inside[:] = cv2.GC_PR_FGD
    if likely is not None:
        levels = resized(likely, width, height)[upper:lower, left:right]
        levels = resized(levels, w, h)
        inside[levels < levels.mean()] = cv2.GC_PR_BGD
    cut = _cut(np.asarray(part)[:, :, ::-1], marks)
    share = cut[y : y + h, x : x + w].mean()
    if not LEAST_SHARE <= share <= MOST_SHARE:
        cut = np.zeros_like(cut)
        cut[y : y + h, x : x + w] = 1
    found = np.zeros((height, width), np.float32)
    found[seen[1] : seen[3], seen[0] : seen[2]] = resized(cut, across, down)
    return found


def _cut(pixels: np.ndarray, marks: np.ndarray) -> Levels:
    """GrabCut's answer, shape (h, w); all 0 where a box leaves no ground to learn from."""
    import cv2

    if not (marks == cv2.GC_BGD).any():
        return np.zeros(marks.shape, np.float32)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)  # the palettes begin from a draw: the same for the same picture
    cv2.grabCut(np.ascontiguousarray(pixels), marks, None, *models, ROUNDS, cv2.GC_INIT_WITH_MASK)
    return np.isin(marks, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
