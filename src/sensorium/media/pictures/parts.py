"""Parts of a picture that hold a thing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import PIL.Image

from sensorium.media.image import Image

AROUND = 0.1
"""Of a box's width and height, what is seen beyond each edge: an outline tells a thing."""

LONGEST = 512
"""Pixels of a part's longer side: more than most encoders see."""


def part_of(pixels: PIL.Image.Image, box: Sequence[float]) -> Image:
    """What is in a box of a picture, with a little around it.

    Parameters
    ----------
    pixels : PIL.Image.Image
        RGB.
    box : (left, upper, right, lower)
        As shares of its width and height.
    """
    left, upper, right, lower = box
    across, down = AROUND * (right - left), AROUND * (lower - upper)
    width, height = pixels.size
    edges = [
        max(0, round((left - across) * width)), max(0, round((upper - down) * height)),
        min(width, round((right + across) * width)), min(height, round((lower + down) * height)),
    ]  # fmt: skip
    edges[2], edges[3] = max(edges[2], edges[0] + 1), max(edges[3], edges[1] + 1)
    part = pixels.crop((edges[0], edges[1], edges[2], edges[3]))
    part.thumbnail((LONGEST, LONGEST))
    return Image(np.asarray(part))
