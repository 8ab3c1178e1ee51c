"""From what a file holds of a picture (modes, 16 bits, transparency) to 8-bit RGB."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image

from sensorium.errors import MediaError
from sensorium.media.pictures.profiles import gamma_curve, to_srgb
from sensorium.media.pictures.transparency import over_ground

GREY = ("1", "L", "LA", "La", "I", "F", "I;16", "I;16L", "I;16B", "I;16N")
"""Pillow's modes without colour."""

_LAYERED = ("LA", "La", "PA", "RGBA", "RGBa")


Levels = tuple[float, float]
"""The lowest and the highest level that is finite."""


@dataclass(frozen=True)
class Whole:
    """What has to be known of a whole picture before a part of it can be shown.

    Attributes
    ----------
    ground : tuple of int, optional
        The colour that it is laid over where it is transparent.
    levels : (float, float), optional
        Of one whose levels are stretched.
    """

    ground: tuple[int, int, int] | None = None
    levels: Levels | None = None


ALONE = Whole()


def is_layered(picture: PIL.Image.Image) -> bool:
    """Whether a picture has an alpha channel."""
    return picture.mode in _LAYERED


def is_stretched(picture: PIL.Image.Image) -> bool:
    """Whether levels are shown by where they are among all levels of the picture."""
    return picture.mode in ("I", "F")


def to_rgb(picture: PIL.Image.Image, whole: Whole = ALONE) -> PIL.Image.Image:
    """Convert any Pillow mode to RGB, over a ground where it is transparent.

    Parameters
    ----------
    picture : PIL.Image.Image
    whole : Whole, optional
        Where it is a part of a picture.
    """
    if picture.mode == "RGB":
        return picture
    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        levels = array_to_uint8(np.asarray(picture), whole.levels)
        return PIL.Image.fromarray(levels).convert("RGB")
    if is_layered(picture):
        return over_ground(picture, whole.ground)
    if picture.mode == "CMYK" and (shown := to_srgb(picture, picture.info.get("icc_profile"))):
        return shown
    return picture.convert("RGB")


def as_shown(rgb: PIL.Image.Image, info: dict[Any, Any], is_grey: bool) -> PIL.Image.Image:
    """Convert RGB to the colours that its profile, or the gamma of a PNG, means.

    Parameters
    ----------
    rgb : PIL.Image.Image
    info : dict
        Pillow's, of the picture that was opened.
    is_grey : bool
        Whether it had no colours, so that a profile of grey levels is for it.
    """
    if profile := info.get("icc_profile"):
        is_for_grey = is_grey and profile[16:20] == b"GRAY"
        return to_srgb(rgb.getchannel(0) if is_for_grey else rgb, profile) or rgb
    if curve := gamma_curve(info):
        return rgb.point(curve * 3)
    return rgb


def array_to_uint8(array: npt.NDArray[Any], levels: Levels | None = None) -> npt.NDArray[np.uint8]:
    """Bring pixels of any usual type to uint8, shape (h, w), (h, w, 3) or (h, w, 4).

    Parameters
    ----------
    array : ndarray
    levels : (float, float), optional
        Of the whole, where this is a part; see `levels_of`.
    """
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or 0 in array.shape or (array.ndim == 3 and array.shape[2] > 4):
        raise MediaError(
            f"an image array has shape (h, w), (h, w, 3) or (h, w, 4), got {array.shape}"
        )
    if array.ndim == 3 and array.shape[2] == 2:
        raise MediaError(f"an image array has 1, 3 or 4 channels last, got shape {array.shape}")
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    if array.dtype == np.bool_:
        return np.asarray(array * np.uint8(255))
    if not np.issubdtype(array.dtype, np.number) or np.iscomplexobj(array):
        raise MediaError(f"an image array is uint8, uint16 or float, got {array.dtype}")
    low, high = levels or levels_of([array])
    if np.issubdtype(array.dtype, np.integer) and low >= 0 and high <= 65535:
        # 16 bits a sample: 65535 is white.
        return (array.astype(np.uint32) // 257).astype(np.uint8)
    values = array.astype(np.float64)
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    # Floats beyond 0 to 1 and wide integers (scientific TIFFs) have no agreed white: stretch them.
    scaled = (np.nan_to_num(values, nan=low, posinf=high, neginf=low) - low) / (high - low or 1)
    return np.round(scaled.clip(0, 1) * 255).astype(np.uint8)


def levels_of(arrays: Iterable[npt.NDArray[Any]]) -> Levels:
    """The lowest and the highest level that is finite.

    Raises
    ------
    MediaError
        Where none is.
    """
    found = []
    for array in arrays:
        finite = array if array.dtype.kind in "iu" else array[np.isfinite(array)]
        if finite.size:
            found.append((float(finite.min()), float(finite.max())))
    if not found:
        raise MediaError("an image array holds no finite value")
    return min(low for low, _ in found), max(high for _, high in found)
