"""Ways to turn a JPEG file into the small square that an image tower takes."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image

from sensorium import Image
from sensorium.encoders.preprocessing import image_pixels

SIDE = 224

Pixels = npt.NDArray[np.uint8]
Decoder = Callable[[Path], Pixels]


def ours(path: Path) -> Pixels:
    """Decode scaled, as indexing does."""
    return image_pixels(Image(path), size=SIDE, fit="crop")


def pillow_full(path: Path) -> Pixels:
    """Decode every pixel with Pillow, as most code does."""
    with PIL.Image.open(path) as picture:
        return _square(picture.convert("RGB"))


def simplejpeg_scaled(path: Path) -> Pixels:
    """Decode with libjpeg-turbo at the smallest scale that is large enough."""
    import simplejpeg

    pixels = simplejpeg.decode_jpeg(path.read_bytes(), min_height=SIDE, min_width=SIDE)
    return _square(PIL.Image.fromarray(pixels))


def opencv_full(path: Path) -> Pixels:
    """Decode every pixel with OpenCV, then average areas."""
    import cv2

    return _opencv_square(np.asarray(cv2.imread(str(path)), np.uint8))


def opencv_reduced(path: Path) -> Pixels:
    """Decode with OpenCV at a quarter of each side, the least that 2 megapixels allow."""
    import cv2

    reduced = cv2.imread(str(path), cv2.IMREAD_REDUCED_COLOR_4)
    return _opencv_square(np.asarray(reduced, np.uint8))


def installed_decoders() -> tuple[dict[str, Decoder], list[str]]:
    """The decoders to compare, ours first, and the packages missing for more."""
    decoders: dict[str, Decoder] = {"sensorium": ours, "Pillow, all pixels": pillow_full}
    missing = []
    if find_spec("simplejpeg"):
        decoders["simplejpeg, scaled"] = simplejpeg_scaled
    else:
        missing.append("simplejpeg")
    if find_spec("cv2"):
        decoders["OpenCV, all pixels"] = opencv_full
        decoders["OpenCV, a quarter"] = opencv_reduced
    else:
        missing.append("opencv-python-headless")
    return decoders, missing


def _square(picture: PIL.Image.Image) -> Pixels:
    width, height = picture.size
    side = min(picture.size)
    left, top = (width - side) / 2, (height - side) / 2
    box = (left, top, left + side, top + side)
    return np.asarray(picture.resize((SIDE, SIDE), PIL.Image.Resampling.BICUBIC, box=box))


def _opencv_square(pixels: Pixels) -> Pixels:
    import cv2

    side = min(pixels.shape[:2])
    top, left = (pixels.shape[0] - side) // 2, (pixels.shape[1] - side) // 2
    crop = pixels[top : top + side, left : left + side]
    small = cv2.resize(crop, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2RGB), np.uint8)
