"""Colours as their profile means them: ICC profiles, and the gamma of PNGs.

Viewers convert to the screen's colours, which are sRGB or nearly so. Telephones write Display P3,
cameras AdobeRGB, printers' files CMYK with the profile of a press.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any

import numpy as np
import PIL.Image

MAX_PROFILE = 4 * 1024 * 1024
"""Bytes of the largest profile that is used: those of presses have up to 3 MB."""

PROFILES_KEPT = 16
"""Conversions that wait for the next picture with the same profile. To make one takes 1 ms, of a
press 50."""

SAME = 2
"""Levels of 255 up to which a profile is taken for sRGB: rounding of its curves, and many of its
names. Pictures with such a profile stay as they are."""

SRGB_GAMMA = 1 / 2.2

SAME_GAMMA = 0.05
"""Share by which a PNG's gamma may be off sRGB's; what is written is 0.45455 mostly."""

_MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""Pillow's mode for pixels of a profile's colour space."""


def to_srgb(picture: PIL.Image.Image, profile: object) -> PIL.Image.Image | None:
    """Convert a picture to sRGB.

    Parameters
    ----------
    picture : PIL.Image.Image
        RGB, L or CMYK.
    profile : bytes
        The ICC profile.

    Returns
    -------
    PIL.Image.Image or None
        RGB; None where the picture's own levels are to be shown: the profile is sRGB, broken, or
        one for another kind of pixels (viewers pass over it then, too).
    """
    if not isinstance(profile, bytes) or not 128 <= len(profile) <= MAX_PROFILE:
        return None
    mode = _MODES.get(profile[16:20].decode("latin-1"))
    if mode == "RGB" and picture.mode == "L":
        picture = picture.convert("RGB")
    if mode is None or mode != picture.mode:
        return None
    transform = _transform(profile, mode)
    return None if transform is None else transform.apply(picture)


@lru_cache(PROFILES_KEPT)
def _transform(profile: bytes, mode: str) -> Any:
    """What converts pixels; None where that would change next to nothing, or cannot be done."""
    from PIL import ImageCms

    try:
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.PERCEPTUAL,
            ImageCms.Flags.NOCACHE,  # so that threads can share it
        )
        if mode != "CMYK":
            levels = np.linspace(0, 255, 9).round().astype(np.uint8)
            axes = [levels] * len(mode)
            grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(9, -1, len(mode))
            probe = PIL.Image.fromarray(grid.squeeze())
            shown = np.asarray(transform.apply(probe), np.int16)
            if np.abs(shown - np.asarray(probe.convert("RGB"), np.int16)).max() <= SAME:
                return None
    except (ImageCms.PyCMSError, OSError, ValueError):  # broken: what it means is not known
        return None
    return transform


def gamma_curve(info: dict[Any, Any]) -> list[int] | None:
    """What level each level of a PNG is shown as, where its gamma is not that of screens."""
    gamma = info.get("gamma")
    if not isinstance(gamma, float) or "icc_profile" in info or "srgb" in info:
        return None
    if not 0.01 < gamma < 100 or abs(gamma / SRGB_GAMMA - 1) < SAME_GAMMA:
        return None
    light = (np.arange(256) / 255) ** (1 / gamma)
    # IEC 61966-2-1, which is no power of the light but close to one.
    levels = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return [int(level) for level in np.round(levels * 255)]
