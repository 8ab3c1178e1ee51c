"""From a picture to the square of pixels that an image tower takes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import PIL.Image

from sensorium.errors import EncoderError
from sensorium.media import Image

FITS = ("crop", "pad", "stretch")


def image_pixels(image: Image, *, size: int, fit: str) -> npt.NDArray[np.uint8]:
    """Decode a picture and fit it into a square.

    Parameters
    ----------
    image : Image
    size : int
        Side of the square, in pixels.
    fit : {"crop", "pad", "stretch"}
        How a picture that is not square becomes one: its centre, all of it on white, or all of it
        with its proportions lost.

    Returns
    -------
    ndarray of uint8, shape (size, size, 3)
        RGB. Normalisation is part of the model's graph.

    Raises
    ------
    MediaError
        When the picture cannot be read (`Image.load`).
    EncoderError
        For another `fit`.
    """
    if fit not in FITS:
        raise EncoderError(f"unknown image fit {fit!r}; known: {', '.join(FITS)}")
    picture, box = image.load_scaled(min_side=size)
    width, height = box[2] - box[0], box[3] - box[1]
    bicubic = PIL.Image.Resampling.BICUBIC
    if fit == "stretch":
        square = picture.resize((size, size), bicubic, box=box)
    elif fit == "crop":
        side = min(width, height)
        left, top = box[0] + (width - side) / 2, box[1] + (height - side) / 2
        square = picture.resize((size, size), bicubic, box=(left, top, left + side, top + side))
    else:
        scale = size / max(width, height)
        inner = (max(1, round(width * scale)), max(1, round(height * scale)))
        square = PIL.Image.new("RGB", (size, size), "white")
        square.paste(
            picture.resize(inner, bicubic, box=box),
            ((size - inner[0]) // 2, (size - inner[1]) // 2),
        )
    return np.asarray(square)
