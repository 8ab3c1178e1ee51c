"""From what a file holds of a picture (modes, 16 bits, transparency) to 8-bit RGB."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image

from sensorium.errors import MediaError


def to_rgb(picture: PIL.Image.Image) -> PIL.Image.Image:
    """Convert any Pillow mode to RGB, over white where it is transparent."""
    if picture.mode == "RGB" and "transparency" not in picture.info:
        return picture
    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        levels = np.asarray(picture)
        if isinstance(clear := picture.info.get("transparency"), int):
            levels = np.where(levels == clear, 65535, levels)
        return PIL.Image.fromarray(array_to_uint8(levels)).convert("RGB")
    if picture.has_transparency_data:
        layered = picture.convert("RGBA")
        white = PIL.Image.new("RGBA", layered.size, "white")
        return PIL.Image.alpha_composite(white, layered).convert("RGB")
    return picture.convert("RGB")


def array_to_uint8(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Bring pixels of any usual type to uint8, shape (h, w), (h, w, 3) or (h, w, 4)."""
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
    if np.issubdtype(array.dtype, np.integer) and array.min() >= 0 and array.max() <= 65535:
        # 16 bits a sample: 65535 is white.
        return (array.astype(np.uint32) // 257).astype(np.uint8)
    values = array.astype(np.float64)
    finite = values[np.isfinite(values)]
    if not finite.size:
        raise MediaError("an image array holds no finite value")
    low, high = float(finite.min()), float(finite.max())
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    # Floats beyond 0 to 1 and wide integers (scientific TIFFs) have no agreed white: stretch them.
    scaled = (np.nan_to_num(values, nan=low, posinf=high, neginf=low) - low) / (high - low or 1)
    return np.round(scaled.clip(0, 1) * 255).astype(np.uint8)
