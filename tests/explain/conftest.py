"""What explanations are tested on: two halves of which one is asked for, two sounds in one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from sensorium import Image, load_encoder
from sensorium.encoders import Encoder

SIDE = 224


@pytest.fixture(scope="session")
def mini() -> Encoder:
    return load_encoder("mini")


def half(path: Path) -> PIL.Image.Image:
    """The middle of a picture, twice as high as wide."""
    picture = Image(path).load()
    side = min(picture.width, picture.height / 2)
    left, upper = (picture.width - side) / 2, (picture.height - 2 * side) / 2
    box = (left, upper, left + side, upper + 2 * side)
    return picture.resize((SIDE // 2, SIDE), PIL.Image.Resampling.BICUBIC, box=box)


def side_by_side(left: Path, right: Path) -> Image:
    picture = PIL.Image.new("RGB", (SIDE, SIDE))
    picture.paste(half(left), (0, 0))
    picture.paste(half(right), (SIDE // 2, 0))
    return Image(np.asarray(picture))
