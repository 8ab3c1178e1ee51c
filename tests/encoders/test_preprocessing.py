"""How a picture becomes a square: drawings whole, photos by their centre."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest

from sensorium import Image
from sensorium.encoders.preprocessing import image_pixels, plain_ground


def drawing(ground: tuple[int, int, int]) -> PIL.Image.Image:
    """A red disc at the left end of a wide plain ground."""
    picture = PIL.Image.new("RGB", (300, 100), ground)
    PIL.ImageDraw.Draw(picture).ellipse((5, 20, 65, 80), fill="red")
    return picture


@pytest.mark.parametrize("ground", [(255, 255, 255), (20, 40, 60)])
def test_auto_keeps_all_of_what_stands_on_a_plain_ground(ground: tuple[int, int, int]) -> None:
    picture = drawing(ground)
    assert plain_ground(picture) == ground
    pixels = image_pixels(Image(picture), size=96, fit="auto")
    assert (pixels[0] == ground).all() and (pixels[-1] == ground).all()
    assert (pixels == (255, 0, 0)).all(axis=2).any(), "the disc would be lost by a crop"


def test_auto_crops_photos_to_their_centre(sample: Path) -> None:
    photo = Image(sample / "images" / "x_greatWallofChina.jpg")
    assert plain_ground(photo.load()) is None
    cropped = image_pixels(photo, size=96, fit="crop")
    assert (image_pixels(photo, size=96, fit="auto") == cropped).all()
    assert (cropped != image_pixels(photo, size=96, fit="pad")).any()


def test_a_ground_is_plain_in_spite_of_noise_and_something_that_touches_the_edge() -> None:
    noise = np.random.default_rng(0).integers(-8, 9, (100, 300, 3))
    noisy = np.clip(np.asarray(drawing((200, 200, 200))) + noise, 0, 255).astype(np.uint8)
    noisy[40:60, 200:] = 0  # a bar that runs out of the picture
    assert plain_ground(PIL.Image.fromarray(noisy)) is not None


def test_a_gradient_is_no_plain_ground() -> None:
    ramp = np.linspace(0, 255, 100).astype(np.uint8)[:, None, None].repeat(300, 1).repeat(3, 2)
    assert plain_ground(PIL.Image.fromarray(ramp)) is None
